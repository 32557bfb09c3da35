"""Who signed a change, who has yet to, and how a signature is made and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsbook.documents.blocks import Block, Commands, Grid, Part
from opsbook.documents.changes.labels import DECISIONS
from opsbook.documents.labels import LABELS
from opsbook.documents.words import Words, rows, table, text
from opsbook.model.message import msg

_VERIFY = (
    "ssh-keygen -Y verify -f allowed_signers -I PRINCIPAL -n opsbook-approval"
    " -s STATEMENT.sig < STATEMENT"
)


def statements(dossier: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every signed word that was brought, in the ledger's order."""
    return [each for each in rows(dossier.get("statements")) if isinstance(each, Mapping)]


def opinions(dossier: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """A table of who said what, when, with which key, and whether it counts."""
    told = [
        [
            person(each, words),
            text(each.get("role")),
            words.word(DECISIONS, each.get("decision")),
            words.said(each.get("reason")),
            words.moment(each.get("at")),
            _counts(each, words),
        ]
        for each in statements(dossier)
    ]
    headings = (msg("Name"), msg("Role"), msg("Decision"), msg("Reason given"), msg("Received"),
                msg("Counts"))  # fmt: skip
    if told:
        yield Grid(words.of(msg("Opinions")), [words.of(each) for each in headings], told)


def signed(dossier: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """Each statement with its key, its text and its signature, for checking without opsbook."""
    for number, each in enumerate(statements(dossier), 1):
        title = msg("Signature {number}: {name}, key {key}", number=number,
                    name=person(each, words), key=text(each.get("key")))  # fmt: skip
        parts = (text(each.get("statement")), text(each.get("signature")))
        yield Block(words.of(title), "\n".join(filter(None, parts)) or "–", folded=True)


def to_sign(dossier: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """Who has signed, and the exact commands to decide while it is undecided."""
    yield from opinions(dossier, words)
    if text(dossier.get("state")) not in ("", "planned"):
        return
    change = text(dossier.get("change")) or text(table(dossier, "plan").get("change"))
    yield Commands(
        words.of(msg("To decide")),
        [
            (f"opsbook approve {change} --key ~/.ssh/id_ed25519",
             words.of(msg("signs the digest of this plan, and nothing else"))),
            (f'opsbook reject {change} --reason "..." --key ~/.ssh/id_ed25519',
             words.of(msg("rejects it; it can then never be applied"))),
            (f"opsbook plan export {change} -o {change}.plan.json",
             words.of(msg("for an approver on another machine"))),
        ],
    )  # fmt: skip


def check(dossier: Mapping[str, Any], words: Words) -> Iterator[Part]:
    """How a reader checks signatures with OpenSSH alone."""
    if statements(dossier):
        yield Commands(
            words.of(LABELS["check_yourself"]),
            [
                (_VERIFY,
                 words.of(msg("checks a statement above, saved byte for byte, and its signature"))),
                ("opsbook records verify",
                 words.of(msg("recomputes the whole chain and compares it with checkpoints and "
                              "witnesses"))),
            ],
        )  # fmt: skip


def person(statement: Mapping[str, Any], words: Words) -> str:
    """Name and principal of who signed."""
    name, principal = text(statement.get("name")), text(statement.get("principal"))
    return words.noted(name, principal) if name and principal else name or principal


def _counts(statement: Mapping[str, Any], words: Words) -> str:
    if statement.get("counts") is True:
        return words.of(msg("yes"))
    why = words.said(statement.get("problem"))
    return words.labelled(words.of(msg("no")), why) if why else words.of(msg("no"))
