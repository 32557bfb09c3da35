"""The same cases against ``ssh-keygen`` and its double."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from doubles.signatures import MemorySignatures
from doubles.signatures import public as memory_public
from opsbook.approval.signatures import Signatures, SshSignatures
from opsbook.approval.sshsig import read_claim
from opsbook.model.errors import InputFault, Refused

AT = datetime(2026, 11, 21, 8, 41, tzinfo=UTC)
ANNA, BERT = "anna@example.invalid", "bert@example.invalid"
DATA = b'{"schema":"opsbook.approval/1"}'


@dataclass(frozen=True)
class Signing:
    """A signer under test, another one for another purpose, and the keys of two persons."""

    real: Signatures
    elsewhere: Signatures
    anna: Path
    bert: Path
    public: Callable[[Path], str]

    def allowed(self, *lines: tuple[str, str, Path]) -> str:
        return "".join(f"{who} {options}{self.public(key)}\n" for who, options, key in lines)


def _ssh(tmp_path: Path) -> Signing:
    keys = [tmp_path / "anna", tmp_path / "bert"]
    for key in keys:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key.name, "-f", key], check=True
        )
    return Signing(
        SshSignatures(), SshSignatures("opsbook-bundle"), *keys,
        lambda key: key.with_suffix(".pub").read_text(encoding="utf-8").strip(),
    )  # fmt: skip


def _memory(tmp_path: Path) -> Signing:
    keys = [tmp_path / "anna", tmp_path / "bert"]
    real, elsewhere = (
        MemorySignatures(*keys),
        MemorySignatures(*keys, namespace="opsbook-bundle"),
    )
    return Signing(real, elsewhere, *keys, memory_public)


@pytest.fixture(params=[_ssh, _memory])
def signing(request: pytest.FixtureRequest, tmp_path: Path) -> Signing:
    made: Signing = request.param(tmp_path)
    return made


def refused(signing: Signing, data: bytes, signature: str, allowed: str, who: str = ANNA) -> str:
    with pytest.raises(Refused) as caught:
        signing.real.verify(data, signature, allowed, who, AT)
    return caught.value.problem.english()


def test_a_signature_over_these_bytes_is_told_with_its_key(signing: Signing) -> None:
    allowed = signing.allowed((ANNA, "", signing.anna), (BERT, "", signing.bert))
    signature = signing.real.sign(DATA, signing.anna)
    signed = signing.real.verify(DATA, signature, allowed, ANNA, AT)
    assert (signed.principal, signed.key_type) == (ANNA, "ED25519")
    assert signed.key == signing.real.fingerprint(signing.anna) == read_claim(signature).fingerprint
    assert signing.real.principals(signature, allowed, AT) == [ANNA]


def test_any_byte_of_the_data_matters(signing: Signing) -> None:
    allowed = signing.allowed((ANNA, "", signing.anna))
    signature = signing.real.sign(DATA, signing.anna)
    for place in range(len(DATA)):
        changed = DATA[:place] + bytes([DATA[place] ^ 1]) + DATA[place + 1 :]
        assert "not the bytes" in refused(signing, changed, signature, allowed)
    assert "not the bytes" in refused(signing, DATA + b"\n", signature, allowed)


def test_a_key_of_somebody_else_or_of_nobody_is_not_allowed(signing: Signing) -> None:
    signature = signing.real.sign(DATA, signing.bert)
    both = signing.allowed((ANNA, "", signing.anna), (BERT, "", signing.bert))
    assert "is not allowed for" in refused(signing, DATA, signature, both)
    assert "is not allowed for" in refused(signing, DATA, signature, "")
    assert signing.real.principals(signature, "", AT) == []


@pytest.mark.parametrize(
    ("options", "good"),
    [
        ('valid-before="20261121084059Z" ', False),
        ('valid-before="20261121084100Z" ', True),
        ('valid-after="20261121084100Z" ', True),
        ('valid-after="20261121084101Z" ', False),
        ('namespaces="opsbook-bundle" ', False),
        ('namespaces="opsbook-bundle,opsbook-approval" ', True),
        ('namespaces="opsbook-*" ', True),
        ("no-such-option ", False),
    ],
)
def test_options_of_allowed_signers_are_honoured(
    signing: Signing, options: str, good: bool
) -> None:
    allowed = signing.allowed((ANNA, options, signing.anna))
    signature = signing.real.sign(DATA, signing.anna)
    if good:
        signing.real.verify(DATA, signature, allowed, ANNA, AT)
    else:
        assert "is not allowed for" in refused(signing, DATA, signature, allowed)


def test_a_signature_made_for_something_else_is_told_so(signing: Signing) -> None:
    signature = signing.elsewhere.sign(DATA, signing.anna)
    told = refused(signing, DATA, signature, signing.allowed((ANNA, "", signing.anna)))
    assert "made for opsbook-bundle" in told


def test_what_is_no_whole_signature_is_refused(signing: Signing) -> None:
    allowed = signing.allowed((ANNA, "", signing.anna))
    whole = signing.real.sign(DATA, signing.anna)
    lines = whole.splitlines()
    broken = ["", "nonsense", whole[: len(whole) // 2], whole.replace("SIGNATURE", "MESSAGE"),
              "\n".join([lines[0], lines[1][:-8], *lines[2:]]), "\0" * 10, "-" * 100_000,
              whole + whole]  # fmt: skip
    for each in broken:
        assert "not a whole signature" in refused(signing, DATA, each, allowed), each[:40]


@pytest.mark.parametrize(
    "name", ["", "-f", "*", "anna@*", "a b", "a,b", "a\nb", "../x", '"q"', "-Ohashalg=sha256"]
)
def test_no_principal_can_be_a_pattern_or_an_option(signing: Signing, name: str) -> None:
    signature = signing.real.sign(DATA, signing.anna)
    allowed = signing.allowed((ANNA, "", signing.anna), ("*", "", signing.anna))
    assert "not the name of a principal" in refused(signing, DATA, signature, allowed, name)


def test_a_key_that_is_none_cannot_sign(signing: Signing, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no key", encoding="utf-8")
    for key in (tmp_path / "text", tmp_path / "missing", tmp_path):
        with pytest.raises(InputFault, match="not a key of OpenSSH"):
            signing.real.sign(DATA, key)
