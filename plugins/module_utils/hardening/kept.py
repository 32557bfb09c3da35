"""What a change keeps on the host before it writes, and what it then wrote.

``/var/lib/opsbook/undo/CHANGE/`` has ``manifest.json`` with the files (bytes in ``files/``), modes,
live values and packages (``back/``) of before. ``more.json`` (bytes in ``more/``) holds what only
turned up when the planned packages were there, ``written.json`` the digests of what was written:
what is neither of before nor of these, somebody else has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import typing as t

from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import pamtest
from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening.draft import Draft, Effect
from ansible_collections.opsbook.runbooks.plugins.module_utils.host import (
    bundles,
    hostfiles,
    keepsakes,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.host.commands import Refused
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.names import (
    Step as PackageStep,
)
from ansible_collections.opsbook.runbooks.plugins.module_utils.patching.names import steps_of

SCHEMA = "opsbook.hardening-bundle/1"
Row = t.Dict[str, t.Any]
_ANY = "any"
_OWN = ("mode", "uid", "gid")


class Kept:
    """The bundle of one change."""

    def __init__(self, change: str) -> None:
        self.change = change
        self.directory = bundles.directory(change)
        self.forward = self.directory + "/forward"
        self.back = self.directory + "/back"

    def manifest(self) -> Row | None:
        """What is kept; None where there is no complete bundle."""
        return bundles.manifest(self.change, SCHEMA)

    def checked(self) -> Row:
        """The same, its files checked. Raises Refused."""
        return bundles.checked(self.change, SCHEMA)

    def covers(self, rows: t.Sequence[t.Any]) -> bool:
        """Whether it was made for exactly these steps."""
        return (self.manifest() or {}).get("steps") == digest_of(rows)

    def make(self, draft: Draft, rows: t.Sequence[t.Any], manager: t.Any) -> None:
        """Keep everything that the draft touches. Raises Refused, leaving nothing behind."""

        def fill(part: str) -> Row:
            packages = _keep_packages(manager, packages_of(draft.packages), part)
            conffiles = manager.configuration(packages, part + "/forward") if packages else []
            files = hostfiles.private(part + "/files")
            return {
                "steps": digest_of(rows),
                "packages": packages,
                "conffiles": keepsakes.take(conffiles, hostfiles.private(part + "/conffiles")),
                "units": _units_of(manager, packages),
                "empty": _empty_directories() if packages else [],
                **_taken(draft, sorted({*draft.paths, *also_written(packages)}), files),
            }

        bundles.make(self.change, SCHEMA, fill, ("forward",))

    def extend(self, draft: Draft) -> None:
        """Keep also what turned up after the packages came. Raises OSError.

        What another stage has set as well keeps the value of before it.
        """
        paths = {row["path"] for row in self.rows("paths")}
        first = {row["path"]: row for row in reversed(self.rows("attributes"))}
        known = self.effects()
        origin = {(one.kind, one.key): one.was for one in reversed(known)}
        new = Draft(draft.host)
        new.attributes = {p: a for p, a in draft.attributes.items() if p not in {*paths, *first}}
        live = {key: one._replace(was=origin.get(key, one.was))
                for key, one in draft.effects.items()}  # fmt: skip
        new.effects = {key: one for key, one in live.items() if one not in known}
        left = [path for path in draft.paths if path not in paths]
        if not (left or new.attributes or new.effects):
            return
        self.note_written(_written(keepsakes.look(path)) for path in left if path in first)
        directory = f"{self.directory}/more"
        place = f"{directory}/{len(hostfiles.names(hostfiles.private(directory))):03}"
        taken = _taken(new, left, hostfiles.private(place))
        for row in taken["paths"]:  # a mode that this change gave it is not the one of before
            if row["kind"] == "file" and row["path"] in first:
                row.update({key: first[row["path"]][key] for key in _OWN})
        hostfiles.sync_tree(directory)
        more = hostfiles.read_json(self.directory + "/more.json") or []
        row = dict(taken, place=os.path.relpath(place, self.directory))
        hostfiles.write_json(self.directory + "/more.json", [*more, row])

    def parts(self) -> list[tuple[Row, str]]:
        """The manifest and what was added to it, each with the directory of its files."""
        more = hostfiles.read_json(self.directory + "/more.json") or []
        found = [(self.manifest() or {}, self.directory + "/files")]
        return found + [(row, f"{self.directory}/{row['place']}") for row in more]

    def rows(self, what: str) -> list[Row]:
        """All kept ``paths``, ``attributes`` or ``effects``."""
        return [row for part, _ in self.parts() for row in part.get(what, [])]

    def effects(self) -> list[Effect]:
        """What is live and was changed."""
        return [Effect(**row) for row in self.rows("effects")]

    def note_written(self, rows: t.Iterable[Row]) -> None:
        """Say durably what will be written, before it is. Raises OSError.

        Of a file whose bytes another stage writes, a new mode is told with the bytes that are
        there: what was done by one stage is no stranger's work to the next.
        """
        found = self.written()
        whole = {row["path"] for row in self.rows("paths")}
        rows = list(rows)
        for row in [row for row in rows if row["kind"] == "attributes" and row["path"] in whole]:
            now = keepsakes.look(row["path"])
            rows.append({**_written(now), **{key: row[key] for key in _OWN}})
        for row in rows:
            known = found.setdefault(row["path"], [])
            if row not in known:
                known.append(row)
        hostfiles.write_json(self.directory + "/written.json", found)

    def note_generated(self, paths: t.Iterable[str], done: bool) -> None:
        """A program of the host will write these, or has."""
        found = self.written()
        for path in paths:
            known = [one for one in found.get(path, []) if one != _ANY]
            found[path] = [*known, _written(keepsakes.look(path)) if done else _ANY]
        hostfiles.write_json(self.directory + "/written.json", found)

    def written(self) -> dict[str, list[t.Any]]:
        """Path -> what this change wrote there."""
        return hostfiles.read_json(self.directory + "/written.json") or {}

    def elsewhere(self) -> list[str]:
        """Files that are neither as they were nor as this change wrote them."""
        written, found = self.written(), []
        for row in [*self.rows("paths"), *self.rows("attributes")]:
            ours = written.get(row["path"], [])
            if keepsakes.is_as(row) or _ANY in ours:
                continue
            now = keepsakes.look(row["path"])
            if row["kind"] == "attributes":
                now = keepsakes.attributes(row["path"])
                if now["kind"] == "other":
                    continue  # it is gone: there is nothing to give a mode to
            if _written(now) not in ours:
                found.append(row["path"])
        return found

    def summary(self) -> Row:
        """What the record keeps of the bundle."""
        manifest = self.manifest() or {}
        lost = [row for row in manifest["packages"] if row["before"] and not row["file"]]
        return {
            "change": self.change,
            "directory": self.directory,
            "manifest_sha256": hostfiles.sha256(self.directory + "/manifest.json"),
            "files": len(self.rows("paths")),
            "modes": len(self.rows("attributes")),
            "live": len(self.rows("effects")),
            "packages": len(manifest["packages"]),
            "not_kept": [row["key"] for row in lost],
            "bytes": sum(os.path.getsize(f"{self.directory}/{name}") for name in manifest["files"]),
        }


def also_written(packages: t.Sequence[t.Any]) -> list[str]:
    """What installing packages writes beside their own files: the stacks of PAM."""
    return [path for path in pamtest.PATHS if os.path.exists(path)] if packages else []


def _taken(draft: Draft, paths: t.Sequence[str], directory: str) -> Row:
    rows = keepsakes.take(paths, directory)
    strange = [row["path"] for row in rows if row["kind"] not in ("file", "absent")]
    if strange:
        raise Refused(f"{strange[0]} is no plain file. Nothing was touched.")
    return {
        "paths": rows,
        "attributes": [keepsakes.attributes(path) for path in sorted(draft.attributes)],
        "effects": [one._asdict() for one in draft.effects.values()],
        "directories": _new_directories(paths),
    }


def _new_directories(paths: t.Iterable[str]) -> list[str]:
    """Directories that will be made on the way, the innermost first."""
    found = set()
    for path in paths:
        above = os.path.dirname(path)
        while not os.path.isdir(above):
            found.add(above)
            above = os.path.dirname(above)
    return sorted(found, key=len, reverse=True)


def _written(row: Row) -> Row:
    return {key: row[key] for key in ("kind", "path", "mode", "uid", "gid", "sha256") if key in row}


def planned_rows(draft: Draft) -> list[Row]:
    """What the draft will write, in the form of ``note_written``."""
    found: list[Row] = []
    for path, wanted in draft.files.items():
        if wanted.data is None:
            found.append({"kind": "absent", "path": path})
        else:
            digest = hashlib.sha256(wanted.data).hexdigest()
            found.append({"kind": "file", "path": path, "mode": wanted.mode, "uid": wanted.uid,
                          "gid": wanted.gid, "sha256": digest})  # fmt: skip
    for path, wants in draft.attributes.items():
        found.append({"kind": "attributes", "path": path, **wants._asdict()})
    return found


def digest_of(rows: t.Sequence[t.Any]) -> str:
    """One digest of the planned steps."""
    text = json.dumps(list(rows), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def packages_of(rows: t.Sequence[Row]) -> list[PackageStep]:
    """Planned packages in patching's form, each once. Raises Refused."""
    once = {(row.get("package"), row.get("arch")): row for row in rows}
    return steps_of({"items": [{"detail": row} for row in once.values()]})


def _keep_packages(manager: t.Any, steps: t.Sequence[PackageStep], part: str) -> list[Row]:
    if not steps:
        return []
    forward, back = hostfiles.private(part + "/forward"), hostfiles.private(part + "/back")
    manager.fetch([step for step in steps if step.after], forward)
    manager.foresee(steps, forward)
    rows = [manager.kept_row(step) for step in steps]
    manager.keep(rows, back)
    lost = [row for row in rows if row["before"] and not row["file"]]
    if lost:
        raise Refused(f"{lost[0]['key']} {lost[0]['before']} could not be brought back:"
                      f" {lost[0]['why']}. Nothing was touched.")  # fmt: skip
    manager.foresee_back(rows, forward, back)
    return list(rows)


def _empty_directories() -> list[Row]:
    """Empty directories of the configuration: a package that goes may take them along (the scripts
    of dh_apparmor(1) do so with /etc/apparmor.d/disable).
    """
    found: list[Row] = []
    for path, below, files in os.walk("/etc"):
        if not below and not files:
            held = os.lstat(path)
            found.append({"path": path, "mode": held.st_mode & 0o7777, "uid": held.st_uid,
                          "gid": held.st_gid})  # fmt: skip
    return found


def _units_of(manager: t.Any, packages: t.Sequence[Row]) -> list[Row]:
    """Units of packages that go, with whether they start and run: they come back so."""
    from ansible_collections.opsbook.runbooks.plugins.module_utils.hardening import effects, system

    gone = [row["key"] for row in packages if row["before"] and not row["after"]]
    if not gone:
        return []
    host, found = system.System(), []
    for path in sorted(manager.files_of(gone)):
        above, _, name = path.rpartition("/")
        if above.endswith("/systemd/system") and name.endswith((".service", ".socket", ".timer")):
            was = effects.now(host, "unit", name)
            if was is not None:
                found.append(Effect("unit", name, was, None)._asdict())
    return found
