"""The values that an estate keeps in ansible-vault, so that they can be masked.

The format is Ansible's "vault payload format 1.1 and 1.2": a header line, then hex of three
hex-coded parts (salt, HMAC-SHA256, AES-256-CTR of PKCS #7 padded text); the keys are 80 bytes of
PBKDF2-HMAC-SHA256 with 10000 rounds.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import subprocess
from binascii import unhexlify
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opsbook.execution.declared.control import ansible_environment
from opsbook.execution.declared.inventory import variable_files
from opsbook.execution.masking import Masker
from opsbook.model.estate import Estate

_BLOCK = re.compile(rb"\$ANSIBLE_VAULT;1\.[12];AES256[^\n]*\n((?:[ \t]*[0-9a-f]+[ \t]*\r?\n?)+)")
_ROUNDS = 10_000


def masker_of(estate: Estate) -> Masker:
    """Hides every value that the estate keeps in a vault."""
    password_file = ansible_environment(estate).get("ANSIBLE_VAULT_PASSWORD_FILE")
    return Masker(vaulted_values(estate, password_file))


def vaulted_values(estate: Estate, password_file: str | None) -> set[str]:
    """Every text kept in a vault of the estate's variables. What cannot be opened is left out:
    Ansible cannot open it either. Without vaults nothing is read but the files.
    """
    blocks = list(_blocks(estate))
    password = _password(password_file) if blocks else None
    if password is None:
        return set()
    found: set[str] = {password.decode(errors="replace")}
    for block, whole in blocks:
        clear = _open(block, password)
        if clear is not None:
            found |= _texts(clear.decode(errors="replace"), whole)
    return found


def _blocks(estate: Estate) -> Iterator[tuple[bytes, bool]]:
    """The vaults in the variable files, and whether each is a whole file."""
    for file in variable_files(estate):
        content = file.read_bytes()
        for match in _BLOCK.finditer(content):
            yield match.group(1), content.startswith(b"$ANSIBLE_VAULT")


def _password(file: str | None) -> bytes | None:
    """The content of the password file, or what it prints when it is a program."""
    if file is None or not Path(file).is_file():
        return None
    if os.access(file, os.X_OK):
        printed = subprocess.run([file], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return printed.stdout.strip() or None
    return Path(file).read_bytes().strip() or None


def _open(block: bytes, password: bytes) -> bytes | None:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        salt, mac, sealed = map(unhexlify, unhexlify(b"".join(block.split())).split(b"\n", 2))
    except ValueError:
        return None
    keys = hashlib.pbkdf2_hmac("sha256", password, salt, _ROUNDS, 80)
    if not hmac.compare_digest(hmac.digest(keys[32:64], sealed, "sha256"), mac):
        return None
    cipher = Cipher(algorithms.AES(keys[:32]), modes.CTR(keys[64:80])).decryptor()
    padded = cipher.update(sealed) + cipher.finalize()
    return padded[: -padded[-1]] if padded else None


def _texts(clear: str, whole: bool) -> set[str]:
    """One secret, or every value of a whole file; a text of several lines also line by line."""
    values = list(_values(clear)) if whole else [clear]
    return {text for value in values for text in (value, *value.splitlines()) if text.strip()}


def _values(text: str) -> Iterator[str]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    seen: set[int] = set()  # what an alias stands for is one object, however often it is named

    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, (dict, list)):
            if id(value) not in seen:
                seen.add(id(value))
                for part in value.values() if isinstance(value, dict) else value:
                    yield from walk(part)
        elif value is not None and not isinstance(value, bool):
            yield str(value)

    try:
        yield from walk(YAML(typ="safe", pure=True).load(text))
    except YAMLError:
        yield text
