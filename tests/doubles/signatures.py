"""Signatures in memory: the same rules and reasons, without any key or ``ssh-keygen``.

A key is a path; its public half is :func:`public`. A signature has the outer form of OpenSSH's, so
that it can be read, cut off and forged like one; its proof is a hash that only this double makes.
"""

from __future__ import annotations

import hashlib
import re
import struct
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

from opsbook.approval import sshsig
from opsbook.approval.allowed_signers import Signer, read_signers
from opsbook.approval.signatures import NAMESPACE, SignedBy
from opsbook.approval.statement import PRINCIPAL
from opsbook.model.errors import InputFault, Refused
from opsbook.model.message import Message, msg


def public(key: Path) -> str:
    """The line of a ``.pub`` file, for ``allowed_signers``."""
    return f"ssh-ed25519 {b64encode(_blob(key)).decode()} {key.name}"


class MemorySignatures:
    """Port :class:`opsbook.approval.signatures.Signatures`. ``keys`` are those that can sign."""

    def __init__(self, *keys: Path, namespace: str = NAMESPACE) -> None:
        self.keys = set(keys)
        self.namespace = namespace

    def sign(self, data: bytes, key: Path) -> str:
        self.fingerprint(key)
        parts = [_blob(key), self.namespace.encode(), b"", b"sha512", self._proof(data, key)]
        blob = b"SSHSIG" + struct.pack(">I", 1) + b"".join(map(_packed, parts))
        return f"{sshsig.BEGIN}\n{b64encode(blob).decode()}\n{sshsig.END}\n"

    def verify(
        self, data: bytes, signature: str, allowed_signers: str, principal: str, at: datetime
    ) -> SignedBy:
        claim = self._claim(signature)
        if not re.fullmatch(PRINCIPAL, principal):
            raise _refused(msg("{principal} is not the name of a principal", principal=principal))
        key = self._key_of(claim.fingerprint)
        if key is None or signature != self.sign(data, key):
            raise _refused(msg("these are not the bytes that were signed"))
        if not any(_allows(line, self.namespace, principal, at)
                   for line in _lines_of(claim.fingerprint, allowed_signers)):  # fmt: skip
            raise _refused(
                msg("key {key} is not allowed for {principal}",
                    key=claim.fingerprint, principal=principal)
            )  # fmt: skip
        return SignedBy(principal, claim.fingerprint, "ED25519")

    def principals(self, signature: str, allowed_signers: str, at: datetime) -> list[str]:
        claim = self._claim(signature)
        found = _lines_of(claim.fingerprint, allowed_signers)
        return sorted({p for line in found if _in_time(line, at) for p in line.principals})

    def fingerprint(self, key: Path) -> str:
        if key not in self.keys:
            raise InputFault(msg("{key} is not a key of OpenSSH", key=key))
        return sshsig.fingerprint(_blob(key))

    def _claim(self, signature: str) -> sshsig.Claim:
        try:
            claim = sshsig.read_claim(signature)
        except ValueError as error:
            raise _refused(msg("it is not a whole signature of OpenSSH")) from error
        if claim.namespace != self.namespace:
            raise _refused(msg("it was made for {namespace}", namespace=claim.namespace))
        return claim

    def _key_of(self, fingerprint: str) -> Path | None:
        found = [key for key in self.keys if sshsig.fingerprint(_blob(key)) == fingerprint]
        return found[0] if found else None

    def _proof(self, data: bytes, key: Path) -> bytes:
        return hashlib.sha512(b"secret of " + str(key).encode() + b"\0" + data).digest()


def _blob(key: Path) -> bytes:
    name = hashlib.sha256(str(key).encode()).digest()
    return _packed(b"ssh-ed25519") + _packed(name)


def _packed(field: bytes) -> bytes:
    return struct.pack(">I", len(field)) + field


def _lines_of(fingerprint: str, allowed_signers: str) -> list[Signer]:
    return [s for s in read_signers(allowed_signers).lines if s.fingerprint == fingerprint]


def _allows(line: Signer, namespace: str, principal: str, at: datetime) -> bool:
    return line.is_for(principal) and line.signs(namespace) and _in_time(line, at)


def _in_time(line: Signer, at: datetime) -> bool:
    after, before = line.options.get("valid-after"), line.options.get("valid-before")
    return (after is None or at >= _moment(after)) and (before is None or at <= _moment(before))


def _moment(text: str) -> datetime:
    """``YYYYMMDD`` or ``YYYYMMDDHHMMSS``, in UTC."""
    return datetime.strptime(text.rstrip("Z").ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _refused(reason: Message) -> Refused:
    return Refused(msg("The signature does not hold: {reason}.", reason=reason))
