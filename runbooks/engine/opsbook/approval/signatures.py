"""Making and checking signatures: by OpenSSH's own ``ssh-keygen -Y`` (ssh-keygen(1)).

Nothing of a statement, a principal or a signature stands where ``ssh-keygen`` could take it for an
option: data and signatures are files of a private directory, principals follow ``-I`` and have the
form of :data:`opsbook.approval.statement.PRINCIPAL`. A passphrase is asked for by ``ssh-keygen``
itself, on the terminal; keys of an agent or of hardware are named by their ``.pub`` file.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from opsbook.approval import sshsig
from opsbook.approval.sshsig import Claim
from opsbook.approval.statement import PRINCIPAL
from opsbook.model.errors import InputFault, Refused
from opsbook.model.message import Message, msg

NAMESPACE = "opsbook-approval"
"""What a signature over a statement is made for."""

_GOOD = re.compile(r'Good "[^"]*" signature for \S+ with (\S+) key (SHA256:[A-Za-z0-9+/]{43})\s*')
_LISTED = re.compile(r"(?:\d+ )?(SHA256:[A-Za-z0-9+/]{43}) .*\(([A-Z0-9-]+)\)\s*")
_TIMEOUT = 30.0
_SIGNING_TIMEOUT = 600.0
"""Seconds: a person types a passphrase or touches a key."""


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Whose good signature it is: ``key`` is the fingerprint ``SHA256:...``."""

    principal: str
    key: str
    key_type: str


class Signatures(Protocol):
    """Port: detached signatures of people, for one ``namespace``."""

    def sign(self, data: bytes, key: Path) -> str:
        """The armored signature over ``data``. Raises InputFault when the key cannot sign."""
        ...

    def verify(
        self, data: bytes, signature: str, allowed_signers: str, principal: str, at: datetime
    ) -> SignedBy:
        """Raises Refused with the plain reason unless ``principal`` signed exactly ``data`` with
        a key that ``allowed_signers`` allows for it at that moment.
        """
        ...

    def principals(self, signature: str, allowed_signers: str, at: datetime) -> list[str]:
        """Whose key made ``signature``, as ``allowed_signers`` says at that moment."""
        ...

    def fingerprint(self, key: Path) -> str:
        """``SHA256:...`` of a key file, private or public. Raises InputFault."""
        ...


class SshSignatures:
    """Implements :class:`Signatures`; OpenSSH 8.9 or newer."""

    def __init__(self, namespace: str = NAMESPACE, *, program: str = "ssh-keygen") -> None:
        self._namespace = namespace
        self._program = program

    def sign(self, data: bytes, key: Path) -> str:
        """The armored signature over ``data``."""
        self.fingerprint(key)
        with _files(data=data) as directory:
            file = directory / "data"
            words = [
                "-q",
                "-Y",
                "sign",
                "-n",
                self._namespace,
                "-f",
                str(key.absolute()),
                str(file),
            ]
            done = self._asked(words, _SIGNING_TIMEOUT, at_terminal=True)
            made = directory / "data.sig"
            if done.returncode or not made.exists():
                raise _cannot_sign(key, done.stderr)
            return made.read_text(encoding="ascii")

    def verify(
        self, data: bytes, signature: str, allowed_signers: str, principal: str, at: datetime
    ) -> SignedBy:
        """Who signed ``data``; Refused when it was not ``principal``."""
        claim = self._claim(signature)
        if not re.fullmatch(PRINCIPAL, principal):
            raise _refused(msg("{principal} is not the name of a principal", principal=principal))
        with _files(data=data, signature=signature, signers=allowed_signers) as directory:
            words = ["-Y", "verify", "-n", self._namespace, *_time(at), "-I", principal,
                     "-f", str(directory / "signers"),
                     "-s", str(directory / "signature")]  # fmt: skip
            done = self._asked(words, data=data)
        good = _GOOD.fullmatch(done.stdout)
        if done.returncode or good is None or good[2] != claim.fingerprint:
            raise _refused(self._reason(done.stderr, claim, principal))
        return SignedBy(principal, good[2], good[1])

    def principals(self, signature: str, allowed_signers: str, at: datetime) -> list[str]:
        """Whose key it is; empty when nobody's."""
        self._claim(signature)
        with _files(signature=signature, signers=allowed_signers) as directory:
            words = ["-Y", "find-principals", *_time(at), "-f", str(directory / "signers"),
                     "-s", str(directory / "signature")]  # fmt: skip
            done = self._asked(words)
        return [] if done.returncode else sorted(set(done.stdout.replace(",", "\n").split()))

    def fingerprint(self, key: Path) -> str:
        """``SHA256:...``; a private key of OpenSSH's own form is read without its passphrase."""
        done = self._asked(["-l", "-E", "sha256", "-f", str(key.absolute())])
        found = _LISTED.fullmatch(done.stdout)
        if done.returncode or found is None:
            raise InputFault(
                msg("{key} is not a key of OpenSSH: {reason}",
                    key=key, reason=_said(done.stderr, key)),
                untouched=msg("Nothing was signed."),
                next_step=msg("Name a private key, or the .pub file of a key in your agent."),
            )  # fmt: skip
        return found[1]

    def _claim(self, signature: str) -> Claim:
        try:
            claim = sshsig.read_claim(signature)
        except ValueError as error:
            raise _refused(msg("it is not a whole signature of OpenSSH")) from error
        if claim.namespace != self._namespace:
            raise _refused(
                msg("it was made for {namespace}, not for {wanted}",
                    namespace=claim.namespace, wanted=self._namespace)
            )  # fmt: skip
        return claim

    def _reason(self, said: str, claim: Claim, principal: str) -> Message:
        if "incorrect signature" in said:
            return msg("these are not the bytes that were signed with key {key}",
                       key=claim.fingerprint)  # fmt: skip
        if not said.strip():
            return msg("key {key} is not allowed for {principal}",
                       key=claim.fingerprint, principal=principal)  # fmt: skip
        return msg("key {key} is not allowed for {principal}: {reason}",
                   key=claim.fingerprint, principal=principal, reason=_said(said))  # fmt: skip

    def _asked(
        self,
        words: Sequence[str],
        timeout: float = _TIMEOUT,
        *,
        data: bytes = b"",
        at_terminal: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Let ssh-keygen answer, in English and in UTC. Raises InputFault when it cannot."""
        asks = at_terminal and sys.stdin is not None and sys.stdin.isatty()
        try:
            done = subprocess.run(
                [self._program, *words],
                input=None if asks else data,
                stdout=subprocess.PIPE,
                stderr=None if asks else subprocess.PIPE,  # it may ask for a touch of the key
                timeout=timeout,
                check=False,
                env={**os.environ, "LC_ALL": "C", "TZ": "UTC0"},
            )
        except FileNotFoundError as error:
            raise _no_program(msg("there is no ssh-keygen")) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _no_program(msg("ssh-keygen did not answer: {reason}", reason=error)) from error
        out, err = done.stdout, done.stderr or b""
        text = [part.decode("utf-8", "backslashreplace") for part in (out, err)]
        if "usage:" in text[1].lower() or "Invalid option" in text[1]:
            raise _no_program(msg("this ssh-keygen is too old"))
        return subprocess.CompletedProcess(done.args, done.returncode, *text)


@contextmanager
def _files(**contents: bytes | str) -> Iterator[Path]:
    """A private directory with these files in it."""
    try:
        with tempfile.TemporaryDirectory(prefix="opsbook-sign-") as name:
            directory = Path(name)
            for file, content in contents.items():
                data = content.encode() if isinstance(content, str) else content
                (directory / file).write_bytes(data)
            yield directory
    except OSError as error:
        raise InputFault(
            msg("Signatures cannot be handled in {directory}: {reason}",
                directory=tempfile.gettempdir(), reason=error.strerror or error),
            untouched=msg("Nothing was recorded."),
            next_step=msg("Make room there, or set TMPDIR to another directory."),
        ) from error  # fmt: skip


def _time(at: datetime) -> list[str]:
    return [f"-Overify-time={at.astimezone(UTC):%Y%m%d%H%M%S}"]


def _said(stderr: str, key: Path | None = None) -> str:
    """The line of ssh-keygen that says why, without names of our temporary files."""
    noise = ("Signing ", "Enter passphrase", "sig_verify:", "Could not verify")
    lines = [line for line in stderr.splitlines() if line and not line.startswith(noise)]
    said = lines[-1] if lines else stderr.strip() or "-"
    said = re.sub(r"\S*/opsbook-sign-[^/]*/signers:(\d+)", r"allowed_signers:\1", said)
    return said.replace(f"{key.absolute()} ", "").strip(" .\r") if key else said.strip()


def _cannot_sign(key: Path, stderr: str) -> InputFault:
    return InputFault(
        msg("ssh-keygen could not sign with {key}: {reason}", key=key, reason=_said(stderr)),
        untouched=msg("Nothing was signed and nothing was recorded."),
        next_step=msg("Check the passphrase, or add the key to your agent and name its .pub file."),
    )


def _no_program(reason: Message) -> InputFault:
    return InputFault(
        msg("Signatures cannot be made or checked here: {reason}.", reason=reason),
        untouched=msg("Nothing was recorded."),
        next_step=msg("Install OpenSSH 8.9 or newer (package openssh-client)."),
    )


def _refused(reason: Message) -> Refused:
    return Refused(
        msg("The signature does not hold: {reason}.", reason=reason),
        untouched=msg("Nothing was touched."),
    )
