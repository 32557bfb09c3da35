"""What a signature of OpenSSH says of itself, without being checked: its key and its namespace.

Format: PROTOCOL.sshsig and PROTOCOL.certkeys of OpenSSH; strings by RFC 4251, section 5. Used to
say clearly what is wrong, and for fingerprints; whether a signature is good, ``ssh-keygen`` says.
"""

from __future__ import annotations

import binascii
import hashlib
import struct
from base64 import b64decode, b64encode
from dataclasses import dataclass

BEGIN = "-----BEGIN SSH SIGNATURE-----"
END = "-----END SSH SIGNATURE-----"
MOST_CHARACTERS = 64 * 1024

_CERTIFICATE = "-cert-v01@openssh.com"
_KEY_FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ssh-ed25519": 2,
    "sk-ecdsa-sha2-nistp256": 3,
}
"""Of how many strings the public key of a certificate consists, behind its nonce."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Which key a signature claims to be of, and what it was made for. Proves nothing."""

    namespace: str
    key_type: str
    fingerprint: str


def read_claim(armored: str) -> Claim:
    """What ``armored`` says of itself. Raises ValueError when it is not an SSH signature."""
    text = armored.strip()
    if len(text) > MOST_CHARACTERS or not text.startswith(BEGIN) or not text.endswith(END):
        raise ValueError("no armor of an SSH signature")
    rest = _decoded("".join(text.removeprefix(BEGIN).removesuffix(END).split()))
    if rest[:6] != b"SSHSIG" or rest[6:10] != struct.pack(">I", 1):
        raise ValueError("not an SSH signature of version 1")
    key, rest = _string(rest[10:])
    namespace, rest = _string(rest)
    for _ in ("reserved", "hash", "signature"):
        _, rest = _string(rest)
    if rest:
        raise ValueError("more bytes than a signature has")
    return Claim(namespace.decode("utf-8"), key_type(key), fingerprint(key))


def read_key(encoded: str) -> bytes:
    """The bytes of a public key as it stands in a ``.pub`` file. Raises ValueError."""
    key = _decoded(encoded)
    key_type(key)
    return key


def key_type(key: bytes) -> str:
    """``ssh-ed25519``, ``sk-ssh-ed25519@openssh.com`` ... Raises ValueError."""
    name, _ = _string(key)
    return name.decode("ascii")


def fingerprint(key: bytes) -> str:
    """``SHA256:...`` as ssh-keygen writes it; that of the certified key for a certificate."""
    name = key_type(key)
    if name.endswith(_CERTIFICATE):
        key = _certified(key, name.removesuffix(_CERTIFICATE))
    return "SHA256:" + b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _certified(certificate: bytes, name: str) -> bytes:
    if name not in _KEY_FIELDS:
        raise ValueError(f"unknown kind of certificate: {name}")
    plain = f"{name}@openssh.com" if name.startswith("sk-") else name
    _, rest = _string(certificate)
    _, rest = _string(rest)  # the nonce
    key = _packed(plain.encode())
    for _ in range(_KEY_FIELDS[name]):
        field, rest = _string(rest)
        key += _packed(field)
    return key


def _decoded(encoded: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _string(data: bytes) -> tuple[bytes, bytes]:
    """The first string of ``data`` and what follows it."""
    if len(data) < 4:
        raise ValueError("cut off")
    (size,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + size:
        raise ValueError("cut off")
    return data[4 : 4 + size], data[4 + size :]


def _packed(field: bytes) -> bytes:
    return struct.pack(">I", len(field)) + field
