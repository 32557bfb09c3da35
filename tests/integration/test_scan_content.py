"""Rules for scanners come in by their checksum, whatever they are packed in."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from doubles.clock import FakeClock
from doubles.ledger import MemoryLedger
from opsbook.cli.main import run as opsbook
from opsbook.domains.hardening.content import packed
from opsbook.domains.hardening.content.shelf import Shelf, import_content
from opsbook.model.errors import InputFault, OpsbookError

SMALL = (Path(__file__).parents[1] / "data" / "content" / "small-ds.xml").read_bytes()
DEBIAN = SMALL.replace(b"benchmark_SMALL", b"benchmark_DEBIAN-12").replace(
    b"Small rules", b"Rules for Debian 12"
)
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
INSIDE = "./usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tar(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def ar(*members: tuple[str, bytes]) -> bytes:
    told = b"!<arch>\n"
    for name, data in members:
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n"
        told += header.encode() + data + b"\n" * (len(data) % 2)
    return told


def deb(data: bytes, name: str = "data.tar.xz") -> bytes:
    return ar(("debian-binary", b"2.0\n"), ("control.tar.xz", lzma.compress(tar({}))), (name, data))


def zipped(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


PACKINGS: dict[str, Callable[[], bytes]] = {
    "ssg-debian12-ds.xml": lambda: DEBIAN,
    "a.xml.bz2": lambda: bz2.compress(DEBIAN),
    "a.xml.gz": lambda: gzip.compress(DEBIAN),
    "a.zip": lambda: zipped({"content/ssg-debian12-ds.xml": DEBIAN, "README.md": b"no"}),
    "xz.deb": lambda: deb(lzma.compress(tar({"./usr/share/doc/x": b"no", INSIDE: DEBIAN}))),
    "zst.deb": lambda: deb(zstandard.compress(tar({INSIDE: DEBIAN})), "data.tar.zst"),
    "gz.deb": lambda: deb(gzip.compress(tar({INSIDE: DEBIAN})), "data.tar.gz/"),
    "plain.deb": lambda: deb(tar({INSIDE: DEBIAN}), "data.tar"),
}


@pytest.mark.parametrize("name", PACKINGS)
def test_a_datastream_is_taken_out_of_what_it_comes_in(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(PACKINGS[name]())
    shelf, ledger = Shelf(tmp_path / "shelf"), MemoryLedger(FakeClock())
    (content,) = import_content(file, digest(file), shelf=shelf, ledger=ledger, now=NOW)
    assert content.sha256 == hashlib.sha256(DEBIAN).hexdigest()
    (benchmark,) = content.benchmarks
    assert [str(one) for one in benchmark.systems] == ["debian 12"]
    assert (benchmark.version, [one.short for one in benchmark.profiles]) == ("1.0", ["both"])
    assert shelf.contents() == [content]
    with shelf.packed(content) as stored:
        assert gzip.decompress(stored.read()) == DEBIAN
    (event,) = ledger.events(kinds=("findings.content_imported",))
    assert event.payload is not None
    assert event.payload["sha256"] == digest(file)
    kept = tmp_path / "shelf" / content.sha256
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}


def test_a_package_made_by_dpkg_itself_is_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / INSIDE).parent.mkdir(parents=True)
    (root / INSIDE).write_bytes(DEBIAN)
    (root / "DEBIAN" / "control").write_text(
        "Package: ssg-x\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n"
    )
    made = tmp_path / "x.deb"
    subprocess.run(["dpkg-deb", "--build", root, made], check=True, stdout=subprocess.DEVNULL)
    (content,) = Shelf(tmp_path / "shelf").take(made, digest(made), NOW)
    assert content.name == "ssg-debian12-ds.xml"


def bomb() -> bytes:
    return gzip.compress(DEBIAN[:1500] + b" " * (2 << 20))


BAD: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "a page": lambda: b"<html><body>404</body></html>",
    "results instead of rules": lambda: b"<Benchmark xmlns='http://checklists.nist.gov/xccdf/1.2'/>",
    "cut off": lambda: DEBIAN[: len(DEBIAN) // 2],
    "cut off when packed": lambda: gzip.compress(DEBIAN)[:-40],
    "cut off package": lambda: deb(lzma.compress(tar({INSIDE: DEBIAN})))[:-100],
    "package without files": lambda: ar(("debian-binary", b"2.0\n")),
    "header of a package": lambda: b"!<arch>\n" + b"x" * 60,
    "size of a member": lambda: ar(("data.tar", b"")).replace(b"0         `", b"-1        `"),
    "a bomb": bomb,
    "a bomb of a package": lambda: deb(lzma.compress(tar({INSIDE: DEBIAN + b" " * (2 << 20)}))),
    "entities": lambda: DEBIAN.replace(b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>', 1).replace(
        b"<Profile", b"<Other"
    ),
    "a locked zip": lambda: zipped({"a-ds.xml": DEBIAN}).replace(
        b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00").replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_refused_and_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "MOST_BYTES", 1 << 20)
    file = tmp_path / "file"
    file.write_bytes(BAD[name]())
    shelf = Shelf(tmp_path / "shelf")
    with pytest.raises(InputFault) as fault:
        shelf.take(file, digest(file), NOW)
    assert fault.value.next_step is not None
    assert not list((tmp_path / "shelf").glob("*"))


@pytest.mark.parametrize("wanted", ["", "zz", "0" * 63, "0" * 64, "sha256:" + "A" * 64])
def test_a_wrong_checksum_is_refused_before_anything_is_read(wanted: str, tmp_path: Path) -> None:
    file = tmp_path / "ds.xml"
    file.write_bytes(DEBIAN)
    with pytest.raises(InputFault):
        Shelf(tmp_path / "shelf").take(file, wanted, NOW)
    assert not (tmp_path / "shelf").exists()


def test_the_same_content_again_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "ds.xml"
    file.write_bytes(DEBIAN)
    shelf = Shelf(tmp_path / "shelf")
    first = shelf.take(file, digest(file), NOW)
    packed_again = tmp_path / "ds.xml.gz"
    packed_again.write_bytes(gzip.compress(DEBIAN))
    assert shelf.take(packed_again, digest(packed_again), datetime.now(UTC)) == first


def test_names_in_an_archive_are_only_words(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(zipped({"../../../../tmp/evil\x1b[31m-ds.xml": DEBIAN}))
    (content,) = Shelf(tmp_path / "deep" / "shelf").take(file, digest(file), NOW)
    assert "/" not in content.name
    assert content.name.isprintable()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "deep"]


def test_only_the_products_that_were_asked_for_come_in(tmp_path: Path) -> None:
    file = tmp_path / "a.deb"
    file.write_bytes(deb(lzma.compress(tar({
        "./x/ssg-debian11-ds.xml": DEBIAN.replace(b"DEBIAN-12", b"DEBIAN-11"),
        "./x/ssg-debian12-ds.xml": DEBIAN,
    }))))  # fmt: skip
    shelf = Shelf(tmp_path / "shelf")
    taken = shelf.take(file, digest(file), NOW, ["debian12"])
    assert [one.name for one in taken] == ["ssg-debian12-ds.xml"]
    with pytest.raises(InputFault):
        shelf.take(file, digest(file), NOW, ["rhel9"])


def test_what_lies_damaged_on_the_shelf_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "ds.xml"
    file.write_bytes(DEBIAN)
    shelf = Shelf(tmp_path / "shelf")
    (content,) = shelf.take(file, digest(file), NOW)
    about = tmp_path / "shelf" / content.sha256 / "about.json"
    for damage in (b"", b"[]", b"{", about.read_bytes().replace(b'"sha256": "', b'"sha256": "0')):
        about.write_bytes(damage)
        assert shelf.contents() == []


def test_a_shelf_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "ds.xml"
    file.write_bytes(DEBIAN)
    (tmp_path / "shelf").write_text("a file is in the way")
    with pytest.raises(OpsbookError) as fault:
        Shelf(tmp_path / "shelf").take(file, digest(file), NOW)
    assert "cannot be" in fault.value.problem.english()


def test_content_is_imported_and_listed_by_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPSBOOK_STATE", str(tmp_path / "state"))
    file = tmp_path / "ssg-debian12-ds.xml"
    file.write_bytes(DEBIAN)
    words = ["findings", "content", "import", os.fspath(file), "--sha256", digest(file)]
    assert opsbook(["--lang", "en", *words]) == 0
    assert "debian 12" in capsys.readouterr().out
    assert opsbook(["--lang", "en", "findings", "content", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["benchmarks"][0]["profiles"][0]["title"] == "Both rules"
    assert opsbook(["--lang", "zh", *words[:-1], "0" * 64]) == 65
    assert "未导入" in capsys.readouterr().err


def _versions(*names: str) -> list[Any]:
    return [DEBIAN.replace(b"<version>1.0<", f"<version>{name}<".encode()) for name in names]


def test_the_newest_version_comes_first(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    for number, data in enumerate(_versions("0.1.9", "0.1.82", "0.1.76")):
        file = tmp_path / f"{number}-ds.xml"
        file.write_bytes(data)
        shelf.take(file, digest(file), NOW)
    assert [one.benchmarks[0].version for one in shelf.contents()] == ["0.1.82", "0.1.76", "0.1.9"]
