"""What the commands call: the need of an estate, the import into it, what is kept there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from opsbook.approval.signatures import SshSignatures
from opsbook.domains.patching.bundle.arrival import Arrived, Trust, bring_in
from opsbook.domains.patching.bundle.chain import DISTRIBUTION_KEYRING
from opsbook.domains.patching.bundle.export import NAMESPACE
from opsbook.domains.patching.bundle.need import SCRIPT, Need, asked, make_need
from opsbook.domains.patching.bundle.store import NOTE, Repository
from opsbook.domains.patching.knowledge.changelog import Entry, read_changelog
from opsbook.domains.patching.knowledge.store import Knowledge
from opsbook.execution.reach.shell import Shell
from opsbook.execution.requester import requester
from opsbook.ledger.port import Ledger
from opsbook.ledger.witness import testify
from opsbook.model.canonical import parse
from opsbook.model.clock import Clock, stamp
from opsbook.model.errors import HostFault, InputFault
from opsbook.model.estate import Estate, Host
from opsbook.model.event import NewEvent
from opsbook.model.message import Message, msg
from opsbook.model.places import Places

IMPORTED = "patching.bundle_imported"
"""The event of an import; its payload is the version's ``import.json``."""

SIGNERS = "bundle_signers"
"""Beside ``estate.yml``: who may sign bundles, in the form of allowed_signers (ssh-keygen(1))."""

_AT_ONCE = 20
_SECONDS = 60.0


def need_of(
    estate: str, hosts: Sequence[Host], shell: Shell, clock: Clock
) -> tuple[Need, list[tuple[str, Message]]]:
    """Ask all hosts for their packages; also host and reason of those that could not say.

    Raises InputFault when none could.
    """

    def ask(host: Host) -> tuple[str, str, dict[str, str]] | Message:
        try:
            answer = asked(shell.run(host, SCRIPT, timeout=_SECONDS, become=False).out)
        except HostFault as fault:
            return fault.problem
        return answer or msg("it has no dpkg, or its release has no name")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(ask, hosts))
    good = [one for one in answers if isinstance(one, tuple)]
    left = [(host.name, one) for host, one in zip(hosts, answers, strict=True)
            if isinstance(one, Message)]  # fmt: skip
    if not good:
        name, reason = left[0] if left else (estate, msg("it has no hosts"))
        raise InputFault(
            msg("No host could say what it needs; {host}: {reason}.", host=name, reason=reason),
            untouched=msg("No need was written."),
        )
    return make_need(estate, stamp(clock.now()), good, len(left)), left


def import_bundle(
    file: Path,
    estate: Estate,
    places: Places,
    ledger: Ledger,
    clock: Clock,
    *,
    keyrings: Sequence[Path] = (),
    stale_reason: str = "",
) -> Arrived:
    """Check, keep and record a bundle; learn its changelogs. See :func:`arrival.bring_in`."""
    repository = Repository.of(places, estate.name)
    trust = Trust(_signers(estate), _keyrings(keyrings), SshSignatures(NAMESPACE))
    by = requester("terminal", None, os.environ)
    arrived = bring_in(file, repository, trust, clock.now(), by, stale_reason=stale_reason)
    if record(repository, estate, ledger):
        testify(ledger.checkpoint(), estate.witnesses)
    Knowledge.of(places).keep_changelogs("deb", dict(_changelogs(arrived)))
    repository.prune()
    return arrived


def record(repository: Repository, estate: Estate, ledger: Ledger) -> int:
    """Record the imports that are not in the ledger: an import may be killed before it was."""
    known = {
        (event.payload["bundle"], event.payload["imported"])
        for event in ledger.events(kinds=(IMPORTED,))
        if event.payload and event.estate == estate.name
    }
    notes = [note for _, note in kept(repository)]
    left = [note for note in notes if (note["bundle"], note["imported"]) not in known]
    if left:
        ledger.append([NewEvent(IMPORTED, estate.name, payload=note) for note in left])
    return len(left)


def kept(repository: Repository) -> list[tuple[Path, Mapping[str, Any]]]:
    """The versions of a repository with what is noted of their import, the current one first."""
    return [(one, parse((one / NOTE).read_bytes())) for one in repository.versions()]


def trees(repository: Repository) -> list[Path]:
    """What a server looks in, the current version first."""
    return repository.versions() if repository.current() else []


def tracker_in(arrived: Arrived) -> Path | None:
    """The extract of the security tracker that came with a bundle."""
    found = [one.path for one in arrived.manifest.files if one.kind == "tracker"]
    return arrived.version / found[0] if found else None


def _changelogs(arrived: Arrived) -> Iterator[tuple[tuple[str, str], tuple[Entry, ...]]]:
    for one in arrived.manifest.files:
        if one.kind == "changelog":
            text = (arrived.version / one.path).read_text(errors="replace")
            yield (one.source, one.version), read_changelog(text, one.source, "deb")


def _signers(estate: Estate) -> str:
    file = estate.directory / SIGNERS
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputFault(
            msg("{file} cannot be read, so nobody may sign bundles for estate {estate}.",
                file=file, estate=estate.name),
            untouched=msg("Nothing was imported."),
            next_step=msg("Write it in the form of allowed_signers (see ssh-keygen(1)): "
                          "NAME KEYTYPE KEY."),
        ) from error  # fmt: skip


def _keyrings(given: Sequence[Path]) -> Sequence[Path]:
    for file in given:
        if not file.is_file():
            raise InputFault(msg("There is no file {file}.", file=file),
                             untouched=msg("Nothing was imported."))  # fmt: skip
    own = [DISTRIBUTION_KEYRING] if DISTRIBUTION_KEYRING.is_file() else []
    return [*own, *given]
