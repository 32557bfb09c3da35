r"""Checkpoints: the key that signs them, and what exactly is signed (docs/ledger.md).

The signed bytes are ``"opsbook-checkpoint-v1\n"`` and the canonical JSON of the statement::

    {"at": "...Z", "format": "opsbook.checkpoint/1", "head": hex, "key": id, "ledger": id, "seq": n}

A *line* is the statement with ``signature`` (base64) added: what witnesses keep.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsbook.ledger.chain import Head
from opsbook.ledger.port import Checkpoint
from opsbook.model.canonical import canonical, parse
from opsbook.model.clock import stamp, unstamp
from opsbook.model.errors import InputFault, IntegrityFault
from opsbook.model.message import msg
from opsbook.model.places import private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

DOMAIN = b"opsbook-checkpoint-v1\n"
FORMAT = "opsbook.checkpoint/1"
PRIVATE_NAME = "checkpoint.key"
PUBLIC_NAME = "checkpoint.pub"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs checkpoints with one Ed25519 key."""

    key: Ed25519PrivateKey
    key_id: str

    @classmethod
    def new(cls) -> Signer:
        """A fresh key that is kept nowhere."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Ed25519PrivateKey.generate()
        return cls(key, key_id(key.public_key()))

    @classmethod
    def kept_in(cls, directory: Path) -> Signer:
        """The key in ``directory``, made there on first use (0600 in a 0700 directory).

        Raises IntegrityFault when the file there is no such key.
        """
        path, public = directory / PRIVATE_NAME, directory / PUBLIC_NAME
        if not path.exists():
            _keep_new(directory)
        key = _load(path)
        if not public.exists():
            _keep_public(key, public)
            _sync_directory(directory)
        return cls(key, key_id(key.public_key()))

    @property
    def public(self) -> PublicKeys:
        """The public half, by its id."""
        return {self.key_id: self.key.public_key()}

    def checkpoint(self, ledger: str, head: Head, at: datetime) -> Checkpoint:
        """Sign that ``ledger`` ended in ``head`` at the time ``at``."""
        said = statement(ledger, head.seq, head.hash, at, self.key_id)
        signature = self.key.sign(DOMAIN + canonical(said))
        return Checkpoint(head.seq, head.hash, at, self.key_id, signature, ledger)


PublicKeys = Mapping[str, "Ed25519PublicKey"]
"""Public keys by their id."""


def statement(ledger: str, seq: int, head: bytes, at: datetime, key: str) -> dict[str, Any]:
    """What a checkpoint says, as JSON."""
    return {
        "format": FORMAT,
        "ledger": ledger,
        "seq": seq,
        "head": head.hex(),
        "at": stamp(at),
        "key": key,
    }


def is_genuine(checkpoint: Checkpoint, keys: PublicKeys) -> bool:
    """Whether a key of ``keys`` signed it."""
    from cryptography.exceptions import InvalidSignature

    key = keys.get(checkpoint.key_id)
    if key is None:
        return False
    try:
        key.verify(checkpoint.signature, DOMAIN + canonical(_said(checkpoint)))
    except InvalidSignature:
        return False
    return True


def to_line(checkpoint: Checkpoint) -> str:
    """The checkpoint as one line of canonical JSON, for witnesses."""
    signature = base64.b64encode(checkpoint.signature).decode()
    return canonical(_said(checkpoint) | {"signature": signature}).decode()


def from_line(line: str | bytes) -> Checkpoint:
    """Read back what :func:`to_line` wrote. Raises ValueError."""
    data = parse(line)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError("not a checkpoint")
    try:
        return Checkpoint(
            seq=_counted(data["seq"]),
            head=bytes.fromhex(data["head"]),
            at=unstamp(data["at"]),
            key_id=str(data["key"]),
            signature=base64.b64decode(data["signature"], validate=True),
            ledger=str(data["ledger"]),
        )
    except (KeyError, TypeError, binascii.Error) as error:
        raise ValueError("not a checkpoint") from error


def key_id(key: Ed25519PublicKey) -> str:
    """``ed25519:`` and the first 16 bytes of SHA-256 over the raw public key, in hex."""
    return "ed25519:" + sha256(key.public_bytes_raw()).hexdigest()[:32]


def public_keys(*paths: Path) -> PublicKeys:
    """Read public keys (PEM). Raises InputFault naming the file that is none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    found = {}
    for path in paths:
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError) as error:
            raise InputFault(
                msg("{path} is not a readable public key.", path=path),
                next_step=msg("Give the file checkpoint.pub of the ledger's keys directory."),
            ) from error
        if not isinstance(key, Ed25519PublicKey):
            raise InputFault(msg("{path} is not an Ed25519 public key.", path=path))
        found[key_id(key)] = key
    return found


def _said(checkpoint: Checkpoint) -> dict[str, Any]:
    return statement(
        checkpoint.ledger, checkpoint.seq, checkpoint.head, checkpoint.at, checkpoint.key_id
    )


def _counted(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a sequence number")
    return value


def _load(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except ValueError as error:
        raise IntegrityFault(msg("{path} is not a signing key of opsbook.", path=path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise IntegrityFault(msg("{path} is not a signing key of opsbook.", path=path))
    return key


def _keep_new(directory: Path) -> None:
    """Make a key; of two processes that do so at once, one wins and both use that one."""
    from cryptography.hazmat.primitives import serialization as form

    private(directory)
    secret = Signer.new().key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )
    temporary = _written(directory, secret)
    with contextlib.suppress(FileExistsError):
        os.link(temporary, directory / PRIVATE_NAME)
    temporary.unlink()


def _keep_public(key: Ed25519PrivateKey, path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form

    public = key.public_key()
    pem = public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    _written(path.parent, pem).rename(path)


def _written(directory: Path, data: bytes) -> Path:
    """A private file in ``directory`` under a name that nobody else has (mkstemp: 0600)."""
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=directory)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
