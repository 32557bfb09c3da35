"""Bundles with real apt, gpg, gpgv and ssh-keygen: made, carried in, attacked, served."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from doubles.clock import FakeClock
from opsbook.approval.signatures import SshSignatures
from opsbook.domains.patching.bundle import arrival, store
from opsbook.domains.patching.bundle.arrival import Arrived, Trust, bring_in
from opsbook.domains.patching.bundle.export import NAMESPACE
from opsbook.domains.patching.bundle.manifest import Manifest
from opsbook.domains.patching.bundle.serve import server
from opsbook.domains.patching.bundle.store import Repository, manifest_of
from opsbook.lab.demo_packages import NEW, OLD, DemoPackage, packages
from opsbook.model.errors import Busy, HostFailed, InputFault, IntegrityFault, OpsbookError, Refused
from support.archives import Archive, GpgKey, Members, Outsider, pack, read_members

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
WEEK = timedelta(days=7)
DAY = 86400.0
INSTALLED = {"opsbook-demo-app": OLD, "opsbook-demo-lib": OLD}
WHO = {"user": "lin"}


@pytest.fixture(scope="module")
def gpg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpgKey]:
    key = GpgKey.new(tmp_path_factory.mktemp("gpg") / "home")
    yield key
    key.end()


@dataclass
class Site:
    """An archive, the person outside, and the repository inside."""

    archive: Archive
    outsider: Outsider
    repository: Repository
    clock: FakeClock
    keyrings: tuple[Path, ...]

    def bring_in(self, bundle: Path, *, reason: str = "", signers: str | None = None) -> Arrived:
        allowed = self.outsider.signers if signers is None else signers
        trust = Trust(allowed, self.keyrings, SshSignatures(NAMESPACE))
        return bring_in(bundle, self.repository, trust, self.clock.now(), WHO, stale_reason=reason)

    def packages(self) -> list[str]:
        """The packages of the current version."""
        current = self.repository.current()
        return sorted(one.name for one in current.rglob("*.deb")) if current else []


@pytest.fixture
def site(tmp_path: Path, gpg: GpgKey) -> Site:
    clock = FakeClock(NOW)
    archive = Archive(tmp_path / "archive", gpg)
    archive.publish(packages(NEW), NOW - timedelta(days=1), WEEK)
    outsider = Outsider(tmp_path / "outside", archive, clock).prepare()
    return Site(archive, outsider, Repository(tmp_path / "inside"), clock, (gpg.keyring,))


def _fails(site: Site, bundle: Path, kind: type[OpsbookError], said: str, **how: Any) -> None:
    """Refused with a sentence, and the repository is as it was."""
    before = (site.repository.current(), len(site.repository.versions()))
    with pytest.raises(kind, match=said) as caught:
        site.bring_in(bundle, **how)
    assert caught.value.untouched or caught.value.next_step
    assert (site.repository.current(), len(site.repository.versions())) == before
    assert not (site.repository.root / "incoming").exists() or not any(
        (site.repository.root / "incoming").rglob("*.deb")
    ) or site.repository.current() == before[0]  # fmt: skip


def test_a_bundle_holds_what_is_newer_and_its_changelogs(site: Site) -> None:
    bundle, made = site.outsider.export("one", INSTALLED)
    kinds = sorted((one.kind, Path(one.path).name) for one in made.manifest.files)
    assert [name for kind, name in kinds if kind == "deb"] == [
        f"opsbook-demo-app_{NEW}_all.deb",
        f"opsbook-demo-lib_{NEW}_all.deb",
    ]
    assert [name for kind, name in kinds if kind == "changelog"] == [
        f"opsbook-demo-app_{NEW}",
        f"opsbook-demo-lib_{NEW}",
    ]
    text = read_members(bundle)[f"changelogs/opsbook-demo-app_{NEW}"].decode()
    assert "CVE-2026-9900001" in text


def test_stock_openssh_checks_a_bundle_without_us(site: Site, tmp_path: Path) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)
    members = read_members(bundle)
    (tmp_path / "signers").write_text(site.outsider.signers)
    (tmp_path / "signature").write_bytes(members["manifest.json.sig"])
    words = ["ssh-keygen", "-Y", "verify", "-n", "opsbook-bundle", "-f", "signers", "-I",
             "porter@example.invalid", "-s", "signature"]  # fmt: skip
    subprocess.run(words, input=members["manifest.json"], cwd=tmp_path, check=True)


def test_what_was_carried_in_is_what_was_outside(site: Site) -> None:
    bundle, made = site.outsider.export("one", INSTALLED)
    arrived = site.bring_in(bundle)
    assert (arrived.identity, arrived.new) == (made.identity, True)
    assert len(site.packages()) == 2
    assert arrived.note["signed_by"]["principal"] == "porter@example.invalid"
    assert arrived.note["archive_checked"] is True
    assert not site.bring_in(bundle).new


def test_an_incremental_bundle_carries_only_what_is_new(site: Site) -> None:
    first, _ = site.outsider.export("one", INSTALLED)
    site.bring_in(first)
    both = INSTALLED | {"opsbook-demo-conf": OLD}
    second, made = site.outsider.export("two", both, since=first)
    assert [Path(one.path).name for one in made.manifest.carried if one.kind == "deb"] == [
        f"opsbook-demo-conf_{NEW}_all.deb"
    ]
    site.bring_in(second)
    assert len(site.packages()) == 3
    third, made = site.outsider.export("three", both, since=second)
    assert not made.manifest.carried
    site.bring_in(third)
    assert len(site.packages()) == 3


def test_a_new_dependency_comes_along(site: Site) -> None:
    site.bring_in(site.outsider.export("one", {"opsbook-demo-more": OLD})[0])
    assert site.packages() == [
        f"opsbook-demo-extra_{NEW}_all.deb",
        f"opsbook-demo-more_{NEW}_all.deb",
    ]


def test_an_incremental_bundle_without_its_base_is_refused(site: Site) -> None:
    first, _ = site.outsider.export("one", INSTALLED)
    second, _ = site.outsider.export("two", INSTALLED, since=first)
    _fails(site, second, Refused, "builds on bundle")


def test_a_base_that_was_damaged_meanwhile_is_found(site: Site) -> None:
    first, _ = site.outsider.export("one", INSTALLED)
    site.bring_in(first)
    second, _ = site.outsider.export("two", INSTALLED, since=first)
    deb = next((site.repository.root / "versions").rglob("*.deb"))
    deb.write_bytes(b"x" + deb.read_bytes()[1:])
    _fails(site, second, IntegrityFault, "damaged")


# --- Attacks -----------------------------------------------------------------------------------


def _deb(members: Members) -> str:
    return next(name for name in members if name.endswith(".deb"))


def _replace_deb(members: Members) -> None:
    members[_deb(members)] = bytes(reversed(members[_deb(members)]))


def _shorten_deb(members: Members) -> None:
    members[_deb(members)] = members[_deb(members)][:-1]


def _add(name: str) -> Callable[[Members], None]:
    return lambda members: members.update({name: b"evil"})


def _swap_order(members: Members) -> None:
    name, data = next(iter(members.items()))
    del members[name]
    members[name] = data


def _nothing(members: Members) -> None:
    pass


UNSIGNED: dict[str, tuple[Callable[[Members], None], type[OpsbookError], str]] = {
    "a package is replaced": (_replace_deb, Refused, "not what its manifest says"),
    "a package is shortened": (_shorten_deb, InputFault, "manifest says"),
    "a file is added": (_add("debian/pool/evil.deb"), InputFault, "manifest says"),
    "a file leads elsewhere": (_add("../../evil"), InputFault, "manifest says"),
    "a file is missing": (lambda m: m.__delitem__(_deb(m)), InputFault, "manifest says|early"),
    "the manifest is not first": (_swap_order, InputFault, "missing at its beginning"),
    "the signature is missing": (
        lambda m: m.__delitem__("manifest.json.sig"), InputFault, "missing at its beginning"),
    "the signature is empty": (
        lambda m: m.update({"manifest.json.sig": b""}), Refused, "signature"),
    "the signature is cut": (
        lambda m: m.update({"manifest.json.sig": m["manifest.json.sig"][:-60]}), Refused,
        "signature"),
    "one byte of the manifest": (
        lambda m: m.update({"manifest.json": m["manifest.json"].replace(b"city", b"tity")}),
        Refused, "not the bytes"),
    "the manifest is written prettily": (
        lambda m: m.update({"manifest.json": m["manifest.json"] + b"\n"}), Refused,
        "not the bytes"),
}  # fmt: skip


@pytest.mark.parametrize("attack", UNSIGNED)
def test_a_bundle_changed_on_its_way_is_refused(site: Site, attack: str) -> None:
    change, kind, said = UNSIGNED[attack]
    bundle, _ = site.outsider.export("one", INSTALLED)
    _fails(site, site.outsider.repack(bundle, change, sign=False), kind, said)


def test_every_truncation_is_refused(site: Site) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)
    whole = bundle.read_bytes()
    for size in [0, 1, 100, *range(500, len(whole) - 1, 997)]:
        cut = bundle.with_name("cut.bundle")
        cut.write_bytes(whole[:size])
        _fails(site, cut, OpsbookError, ".+")


def test_every_flipped_byte_is_refused_or_changes_nothing(site: Site) -> None:
    bundle, made = site.outsider.export("one", INSTALLED)
    plain = zstandard.ZstdDecompressor().stream_reader(bundle.open("rb")).read()
    flipped = bundle.with_name("flipped.bundle")
    for place in range(7, len(plain), 1999):
        changed = bytearray(plain)
        changed[place] ^= 0x41
        flipped.write_bytes(zstandard.compress(bytes(changed)))
        try:
            site.bring_in(flipped)
        except OpsbookError:
            continue
        # What is not content (padding, times, owners) changes nothing of what is kept.
        assert site.repository.current() == site.repository.version(made.identity)
        for one in made.manifest.files:
            kept = site.repository.versions()[0] / one.path
            assert arrival.chain.sha256_of(kept) == one.sha256
        shutil.rmtree(site.repository.root)


def test_a_bundle_signed_by_a_stranger_is_refused(site: Site, tmp_path: Path) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)
    stranger = Outsider(tmp_path / "stranger", site.archive, site.clock).prepare()
    _fails(site, bundle, Refused, "Nobody", signers=stranger.signers)
    _fails(site, bundle, Refused, "Nobody", signers="")


def test_a_signature_for_something_else_is_refused(site: Site) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)

    def approve(members: Members) -> None:
        armored = SshSignatures("opsbook-approval").sign(
            members["manifest.json"], site.outsider.key
        )
        members["manifest.json.sig"] = armored.encode()

    changed = site.outsider.repack(bundle, approve, sign=False)
    _fails(site, changed, Refused, "opsbook-approval")


def test_a_signer_who_replaces_a_package_is_found_by_the_archives_chain(site: Site) -> None:
    """The one outside signs the bundle, but never speaks for the archive."""
    bundle, _ = site.outsider.export("one", INSTALLED)
    evil = b"evil package"

    def describe(manifest: Manifest) -> Manifest:
        files = []
        for one in manifest.files:
            if one.kind == "deb":
                size, sha = len(evil), arrival.hashlib.sha256(evil).hexdigest()
                one = one.model_copy(update={"size": size, "sha256": sha})
            files.append(one)
        return manifest.model_copy(update={"files": tuple(files)})

    def change(members: Members) -> None:
        for name in members:
            if name.endswith(".deb"):
                members[name] = evil

    changed = site.outsider.repack(bundle, change, describe=describe)
    _fails(site, changed, Refused, "not named by the archive")


def _edited(name: str, was: bytes, becomes: bytes) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        place = next(one for one in members if one.endswith(name))
        assert was in members[place]
        members[place] = members[place].replace(was, becomes)

    return change


def _described_anew(site: Site, bundle: Path, change: Callable[[Members], None]) -> Path:
    """The manifest follows whatever was changed, and is signed rightly."""
    members = read_members(bundle)
    change(members)

    def describe(manifest: Manifest) -> Manifest:
        files = tuple(
            one.model_copy(
                update={
                    "size": len(members[one.path]),
                    "sha256": arrival.hashlib.sha256(members[one.path]).hexdigest(),
                }
            )
            for one in manifest.files
        )
        return manifest.model_copy(update={"files": files})

    return site.outsider.repack(bundle, change, describe=describe)


@pytest.mark.parametrize(
    "change",
    [
        _edited("security/InRelease", b"Label: Test", b"Label: Best"),
        _edited("security/InRelease", b"Valid-Until: Fri, 27", b"Valid-Until: Sat, 28"),
        _edited("security/InRelease", b"-----BEGIN PGP SIGNATURE-----", b"-----BEGIN PGP"),
        lambda members: members.update(
            {name: data.partition(b"-----BEGIN PGP SIG")[0] for name, data in members.items()
             if name.endswith("InRelease")}
        ),
    ],
    ids=["label", "date", "cut", "unsigned"],
)  # fmt: skip
def test_a_release_file_that_was_changed_is_refused(
    site: Site, change: Callable[[Members], None]
) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)
    _fails(site, _described_anew(site, bundle, change), Refused, "does not hold")


def test_text_before_the_signed_part_of_a_release_is_never_read(site: Site) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)

    def change(members: Members) -> None:
        for name in members:
            if name.endswith("InRelease"):
                members[name] = b"Origin: Evil\nDate: x\n\n" + members[name]

    changed = _described_anew(site, bundle, change)
    _fails(site, changed, Refused, "does not hold")


def test_a_release_file_that_is_two_is_refused(site: Site) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)

    def change(members: Members) -> None:
        for name in members:
            if name.endswith("InRelease"):
                members[name] *= 2

    _fails(site, _described_anew(site, bundle, change), Refused, "does not hold")


def test_an_index_that_the_release_does_not_name_is_refused(site: Site) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)

    def change(members: Members) -> None:
        import lzma

        for name in members:
            if name.endswith("security/main/binary-amd64/Packages.xz"):
                members[name] = lzma.compress(b"Package: evil\n")

    changed = _described_anew(site, bundle, change)
    _fails(site, changed, Refused, "not what the archive signed")


def test_an_archive_of_another_key_needs_its_keyring(site: Site, tmp_path: Path) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)
    other = GpgKey.new(tmp_path / "other")
    other.end()
    site.keyrings = (other.keyring,)
    _fails(site, bundle, Refused, "does not hold")


def test_without_any_keyring_that_is_recorded(site: Site) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)
    site.keyrings = ()
    assert site.bring_in(bundle).note["archive_checked"] is False


def test_a_manifest_may_not_say_other_dates_than_the_archive(site: Site) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)

    def describe(manifest: Manifest) -> Manifest:
        later = tuple(one.model_copy(update={"valid_until": None}) for one in manifest.archives)
        return manifest.model_copy(update={"archives": later})

    changed = site.outsider.repack(bundle, _nothing, describe=describe)
    _fails(site, changed, Refused, "another archive than the manifest says")


def test_a_bomb_is_no_larger_than_its_signed_manifest(site: Site) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)
    members = read_members(bundle)
    members[_deb(members)] = bytes(300 * 2**20)
    bomb = bundle.with_name("bomb.bundle")
    bomb.write_bytes(pack(members))
    assert bomb.stat().st_size < 2**20
    _fails(site, bomb, InputFault, "manifest says")
    members = {"manifest.json": bytes(100 * 2**20), "manifest.json.sig": b""}
    bomb.write_bytes(pack(members))
    _fails(site, bomb, InputFault, "larger than")


@pytest.mark.parametrize("kind", ["link", "hardlink", "device", "long name", "pax"])
def test_anything_but_plain_files_is_refused(site: Site, kind: str) -> None:
    import io
    import tarfile

    bundle, _ = site.outsider.export("one", INSTALLED)
    members = list(read_members(bundle).items())
    out = io.BytesIO()
    form = tarfile.PAX_FORMAT if kind == "pax" else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=out, mode="w", format=form) as tape:
        for name, data in members[:2]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tape.addfile(info, io.BytesIO(data))
        evil = tarfile.TarInfo("x" * 300 if kind in ("long name", "pax") else members[2][0])
        kinds = {"link": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE, "device": tarfile.CHRTYPE}
        evil.type = kinds.get(kind, tarfile.REGTYPE)
        evil.linkname = "/etc/shadow" if "link" in kind else ""
        tape.addfile(evil)
    changed = bundle.with_name("odd.bundle")
    changed.write_bytes(zstandard.compress(out.getvalue()))
    _fails(site, changed, InputFault, "not a plain file|whole bundle")


@pytest.mark.parametrize("data", [b"", b"hello", bytes(10_000), os.urandom(5000)])
def test_a_file_that_is_no_bundle_is_said(site: Site, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "odd").write_bytes(data)
    _fails(site, tmp_path / "odd", InputFault, "whole bundle")
    (tmp_path / "odd").write_bytes(zstandard.compress(data))
    _fails(site, tmp_path / "odd", InputFault, "whole bundle")
    _fails(site, tmp_path / "nothing", InputFault, "cannot be read")
    _fails(site, tmp_path, InputFault, "cannot be read")


# --- Age ---------------------------------------------------------------------------------------


def test_a_stale_bundle_needs_a_reason_which_is_kept(site: Site) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)
    site.clock.advance(8 * DAY)
    _fails(site, bundle, Refused, "valid until")
    arrived = site.bring_in(bundle, reason="the courier was ill")
    assert arrived.note["reason"] == "the courier was ill"
    assert "valid until" in arrived.note["stale"][0]["text"]


def test_an_earlier_bundle_is_a_step_back(site: Site) -> None:
    old, _ = site.outsider.export("old", INSTALLED)
    site.archive.publish(packages(NEW), NOW, WEEK)
    new, _ = site.outsider.export("new", INSTALLED)
    site.bring_in(new)
    _fails(site, old, Refused, "older than the one in use")
    site.bring_in(old, reason="a fault in the new one")
    assert not site.bring_in(old).new
    site.bring_in(new)
    _fails(site, old, Refused, "older than the one in use")
    again = site.bring_in(old, reason="once more")
    assert again.new
    assert again.note["reason"] == "once more"
    assert site.repository.current() == site.repository.version(again.identity)


def test_an_archive_of_the_future_is_refused_with_any_reason(site: Site) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)
    site.clock.wall -= 4 * timedelta(days=1)
    _fails(site, bundle, Refused, "clock", reason="whatever")


# --- Crashes, full disks, two at once -------------------------------------------------------------


_KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from opsbook.approval.signatures import SshSignatures
from opsbook.domains.patching.bundle import arrival, store
at, left = sys.argv[5], int(sys.argv[6])
def dying(function):
    def called(*words, **more):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return function(*words, **more)
    return called
module, name = at.split(".")
place = {"arrival": arrival, "store": store, "os": os, "Path": Path, "Repository": store.Repository}
setattr(place[module], name, dying(getattr(place[module], name)))
trust = arrival.Trust(Path(sys.argv[3]).read_text(), [Path(sys.argv[4])],
                      SshSignatures("opsbook-bundle"))
arrival.bring_in(Path(sys.argv[1]), store.Repository(Path(sys.argv[2])), trust,
                 datetime.fromisoformat("2026-11-21T08:00:00+00:00"), {})
print("done")
"""

_POINTS = ["arrival._write", "arrival._take_over", "arrival._check_archives", "arrival._finish",
           "store._sync", "Path.rename", "Path.symlink_to", "Repository.switch"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("point", _POINTS)
def test_killed_at_any_point_the_repository_is_the_earlier_or_the_new_one(
    site: Site, tmp_path: Path, point: str
) -> None:
    first, _ = site.outsider.export("one", INSTALLED)
    earlier = site.bring_in(first)
    second, _ = site.outsider.export("two", INSTALLED | {"opsbook-demo-conf": OLD}, since=first)
    (tmp_path / "signers").write_text(site.outsider.signers)
    for left in (0, 1, 2, 5, 9, 14, 20, 27):
        words = [sys.executable, "-c", _KILLED, second, site.repository.root, tmp_path / "signers",
                 site.keyrings[0], point, left]  # fmt: skip
        done = subprocess.run([str(one) for one in words], capture_output=True, check=False)
        current = site.repository.current()
        assert current is not None
        assert all((current / one.path).is_file() for one in manifest_of(current).files)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        if current != earlier.version:
            break
    site.bring_in(second)
    assert len(site.packages()) == 3
    assert site.repository.versions()[0].name == site.bring_in(second).identity


def test_a_full_disk_is_said_and_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)
    monkeypatch.setattr(arrival, "_LEFT_FREE", 2**60)
    _fails(site, bundle, Refused, "less room")


def test_two_imports_at_once_are_one_after_the_other(site: Site) -> None:
    bundle, _ = site.outsider.export("one", INSTALLED)
    with site.repository.importing():
        _fails(site, bundle, Busy, "Another import")
    site.bring_in(bundle)


def test_old_versions_go_and_shared_files_stay(site: Site) -> None:
    since = None
    for number in range(store.KEPT + 3):
        since, _ = site.outsider.export(f"b{number}", INSTALLED, since=since)
        site.bring_in(since)
        site.clock.advance(60)
        site.repository.prune()
    assert len(site.repository.versions()) == store.KEPT
    assert len(site.packages()) == 2


# --- Outside -----------------------------------------------------------------------------------


def test_an_export_with_an_archive_nobody_trusts_writes_nothing(site: Site, tmp_path: Path) -> None:
    other = GpgKey.new(tmp_path / "other")
    other.end()
    outsider = replace(site.outsider, archive=Archive(site.archive.directory, other))
    with pytest.raises((Refused, HostFailed)):
        outsider.export("one", INSTALLED)
    assert not list(site.outsider.directory.glob("*.bundle"))
    assert not list(site.outsider.directory.glob(".bundle-*"))


def test_an_export_never_writes_over_a_file(site: Site) -> None:
    site.outsider.export("one", INSTALLED)
    with pytest.raises(Refused, match="exists already"):
        site.outsider.export("one", INSTALLED)


def test_a_tracker_extract_is_carried_along(site: Site, tmp_path: Path) -> None:
    extract = tmp_path / "tracker.json"
    extract.write_text("{}")
    bundle, _ = site.outsider.export("one", INSTALLED, tracker=extract)
    arrived = site.bring_in(bundle)
    assert (arrived.version / "tracker/extract.json").read_text() == "{}"


# --- Serving -----------------------------------------------------------------------------------


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    serving = server(site.repository.versions, "127.0.0.1", 0)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()


def _get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def test_hosts_get_the_current_packages_and_finish_what_they_began(
    site: Site, address: str
) -> None:
    site.bring_in(site.outsider.export("one", INSTALLED)[0])
    release = "/test/dists/ursula-security/InRelease"
    before = _get(address + release)
    gone = next((site.repository.versions()[0]).rglob("*app*.deb"))
    path = f"{address}/test/pool/main/{gone.name}"
    assert before[0] == 200
    site.archive.publish(packages(NEW), NOW, WEEK)
    site.bring_in(site.outsider.export("two", {"opsbook-demo-conf": OLD})[0])
    assert _get(address + release)[1] != before[1]
    assert _get(path)[0] == 200, "a host that read the earlier index still gets its package"


@pytest.mark.parametrize(
    "path",
    ["/", "/test/", "/manifest.json", "/import.json", "/changelogs/x", "/test/pool/../../x",
     "/test/pool/%2e%2e/%2e%2e/import.json", "//etc/passwd", "/test/dists/", "/test/pool/main",
     "/test/pool/main/%00", "/" + "a/" * 2000],
)  # fmt: skip
def test_nothing_else_is_served(site: Site, address: str, path: str) -> None:
    site.bring_in(site.outsider.export("one", INSTALLED)[0])
    assert _get(address + path)[0] == 404


def test_real_apt_reads_what_is_served(site: Site, address: str, tmp_path: Path) -> None:
    site.bring_in(site.outsider.export("one", INSTALLED)[0])
    root = tmp_path / "apt"
    for part in ("lists/partial", "archives/partial", "parts"):
        (root / part).mkdir(parents=True)
    (root / "status").write_text(_status(packages(OLD)[:2]))
    (root / "parts/x.sources").write_text(
        f"Types: deb\nURIs: {address}/test\nSuites: ursula ursula-security\nComponents: main\n"
        f"Architectures: amd64\nSigned-By: {site.keyrings[0]}\nLanguages: none\n"
        "Check-Valid-Until: no\n"
    )
    options = {"Dir::State::lists": root / "lists", "Dir::State::status": root / "status",
               "Dir::Cache": root, "Dir::Etc::sourcelist": "/dev/null",
               "Dir::Etc::sourceparts": root / "parts", "APT::Sandbox::User": "root",
               "Acquire::Check-Date": "false"}  # fmt: skip
    apt = ["apt-get", *(f"-o{key}={value}" for key, value in options.items()), "-qq"]
    subprocess.run([*apt, "--error-on=any", "update"], check=True)
    done = subprocess.run([*apt, "-s", "upgrade"], check=True, capture_output=True, text=True)
    assert sorted(line.split()[1] for line in done.stdout.splitlines() if line[:4] == "Inst") == [
        "opsbook-demo-app",
        "opsbook-demo-lib",
    ]


def _status(installed: list[DemoPackage]) -> str:
    from opsbook.lab.demo_packages import control

    return "\n".join(f"{control(one)}Status: install ok installed\n" for one in installed)
