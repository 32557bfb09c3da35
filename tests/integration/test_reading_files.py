"""Scanners' files on a disk: opened, unpacked in place within limits, recognised, hashed."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from opsbook.domains.hardening.reading.intake import Read, read_file
from opsbook.domains.hardening.reading.packed import Limits
from opsbook.model.errors import InputFault, UsageFault
from opsbook.model.finding import Told, Unreadable
from support.reading import DATA, Tale, sample
from support.workbooks import sheet_xml, xlsx

NESSUS = sample("nessus.nessus")
ROWS = 8


def read(path: Path, data: bytes, **more: object) -> tuple[Tale, Read]:
    path.write_bytes(data)
    reading = read_file(path, **more)  # type: ignore[arg-type]
    return Tale(reading), reading.summary


def zipped(**members: bytes) -> bytes:
    return archive({name.replace("__", "/"): data for name, data in members.items()})


def archive(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return made.getvalue()


def whys(told: list[Told]) -> list[str]:
    return [one.why for one in told if isinstance(one, Unreadable)]


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, bz2.compress, lambda data: zipped(a=data)],
    ids=["plain", "gzip", "bzip2", "zip"],
)
def test_a_file_tells_the_same_however_it_is_packed(tmp_path: Path, pack: object) -> None:
    data = pack(NESSUS)  # type: ignore[operator]
    tale, summary = read(tmp_path / "scan", data)
    assert len(tale.rows) == ROWS == sum(summary.rows.values())
    assert (summary.formats, summary.size) == (["nessus"], len(data))
    assert summary.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.iterdir()))
def test_every_sample_is_recognised_under_any_name(tmp_path: Path, name: str) -> None:
    tale, summary = read(tmp_path / "x", sample(name))
    assert len(summary.formats) == 1
    assert tale.rows


def test_the_hash_is_that_of_the_whole_file_even_when_reading_ends_early(tmp_path: Path) -> None:
    data = NESSUS[:2_000] + b"</broken>" + NESSUS * 100
    tale, summary = read(tmp_path / "x", data)
    assert whys(tale) == ["not well-formed XML"]
    assert (summary.sha256, summary.ended) == (hashlib.sha256(data).hexdigest(), True)


def test_members_of_an_archive_are_read_one_by_one_and_each_is_named(tmp_path: Path) -> None:
    data = zipped(a__one=NESSUS, b=gzip.compress(sample("xccdf.xml")), logo=b"\x89PNG")
    tale, summary = read(tmp_path / "all.zip", data)
    assert summary.formats == ["nessus", "xccdf"]
    assert {scan.file for scan in tale.scans} == {"all.zip!a/one", "all.zip!b"}
    assert Unreadable("all.zip!logo", "format not recognised") in tale
    assert not summary.ended


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/shadow", "a\\..\\b", "{{7*7}}", "a\x1b[31m", "x" * 60_000]
)
def test_names_in_an_archive_are_only_words(tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.iterdir())
    tale, _ = read(tmp_path / "a.zip", archive({name: NESSUS}))
    assert len(tale.rows) == ROWS
    assert len(tale.scans[0].file) < 400
    assert "\x1b" not in tale.scans[0].file
    assert sorted(tmp_path.iterdir()) == [*before, tmp_path / "a.zip"]


def test_names_in_gbk_are_read_as_such(tmp_path: Path) -> None:
    raw = "漏洞.xml".encode("gbk")
    data = archive({"x" * len(raw): NESSUS}).replace(b"x" * len(raw), raw)
    tale, _ = read(tmp_path / "a.zip", data)
    assert tale.scans[0].file == "a.zip!漏洞.xml"


def test_an_archive_inside_of_an_archive_is_told_and_left_out(tmp_path: Path) -> None:
    tale, _ = read(tmp_path / "a.zip", zipped(a=zipped(b=NESSUS), c=NESSUS))
    assert "an archive inside of an archive" in whys(tale)
    assert len(tale.rows) == ROWS


def test_a_bomb_of_gzip_bzip2_or_zip_ends_at_the_limit(tmp_path: Path) -> None:
    limits = Limits(total=20 << 20, free=1 << 20)
    bomb = NESSUS.replace(b"</Report>", b"<note>" + b" " * (64 << 20))
    for pack, why in (
        (gzip.compress, "larger than allowed when unpacked"),
        (bz2.compress, "packed too tightly"),
        (lambda data: zipped(a=data), "larger than allowed when unpacked"),
    ):
        tale, summary = read(tmp_path / "x", pack(bomb), limits=limits)
        assert whys(tale)[-1] == why
        assert summary.ended
        assert len(tale.rows) == ROWS


def test_members_share_one_limit(tmp_path: Path) -> None:
    part = NESSUS.replace(b"</Report>", b" " * (2 << 20) + b"</Report>")
    members = {f"{n}.xml": part for n in range(9)}
    tale, _ = read(tmp_path / "a.zip", archive(members), limits=Limits(total=9 << 20))
    assert 0 < len(tale.rows) < 9 * ROWS
    assert "larger than allowed when unpacked" in whys(tale)


def test_too_many_members_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    members = {f"{n}": b"" for n in range(30)}
    tale, _ = read(tmp_path / "a.zip", archive(members), limits=Limits(members=20))
    assert whys(tale) == ["more members than allowed"]


def test_a_directory_that_lies_of_its_size_ends_nothing_but_the_reading(tmp_path: Path) -> None:
    data = bytearray(zipped(a=NESSUS))
    for offset in range(len(data) - 22, len(data)):
        changed = bytes(data[:offset]) + b"\xff" + bytes(data[offset + 1 :])
        tale, _ = read(tmp_path / "a.zip", changed)
        assert tale.rows or whys(tale)


def test_what_is_encrypted_is_told(tmp_path: Path) -> None:
    data = bytearray(zipped(a=NESSUS))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", data, data.index(mark) + at, 1)
    tale, _ = read(tmp_path / "a.zip", bytes(data))
    assert whys(tale) == ["encrypted or packed in an unknown way"]


def test_an_archive_of_a_version_to_come_is_told(tmp_path: Path) -> None:
    data = bytearray(zipped(a=NESSUS))
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 6, 71)
    tale, summary = read(tmp_path / "a.zip", bytes(data))
    assert whys(tale) == ["encrypted or packed in an unknown way"]
    assert summary.ended
    inner, _ = read(tmp_path / "b.zip", zipped(a=bytes(data)))
    assert whys(inner) == ["encrypted or packed in an unknown way"]


def test_a_workbook_that_names_a_place_before_its_beginning_is_damaged(tmp_path: Path) -> None:
    data = bytearray(xlsx({"s": sheet_xml([["IP", "漏洞名称"]])}))
    struct.pack_into("<L", data, data.rindex(b"PK\x05\x06") + 16, 1 << 24)
    tale, summary = read(tmp_path / "x", bytes(data))
    assert whys(tale) == ["not a whole spreadsheet"]
    assert summary.ended


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress], ids=["gzip", "bzip2"])
def test_a_packed_file_cut_anywhere_tells_what_was_readable(tmp_path: Path, pack: object) -> None:
    many = NESSUS.replace(b"</Report>\n", NESSUS[NESSUS.index(b"<ReportHost") :] * 300)
    data = pack(many)  # type: ignore[operator]
    seen = set()
    for end in range(0, len(data), max(1, len(data) // 12)):
        tale, summary = read(tmp_path / "x", data[:end])
        assert summary.ended
        seen.add(len(tale.rows))
    assert max(seen) > ROWS or pack is bz2.compress


def test_a_packed_file_that_was_damaged_says_so(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(NESSUS))
    data[-6] ^= 0xFF
    tale, _ = read(tmp_path / "x", bytes(data))
    assert len(tale.rows) == ROWS
    assert "cut off or damaged when unpacked" in whys(tale)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), Path("/dev/tty")):
        with pytest.raises(InputFault):
            list(read_file(path))
    with pytest.raises(InputFault, match="cannot be read"):
        list(read_file(tmp_path / "none"))
    with pytest.raises(InputFault):
        list(read_file(Path("a\x00b")))


def test_a_file_that_is_still_being_written_is_not_taken_for_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(NESSUS)
    reading = iter(read_file(path))
    next(reading)
    with path.open("ab") as file:
        file.write(b" ")
    with pytest.raises(InputFault, match="changed while it was read"):
        list(reading)


def test_a_format_can_be_named_and_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="no format"):
        read_file(tmp_path / "x", format="os.path")
    tale, _ = read(tmp_path / "x", b"{}", format="nessus")
    assert whys(tale) == ["not well-formed XML"]


def test_an_empty_and_a_strange_file_are_told(tmp_path: Path) -> None:
    for data in (b"", b"\x00" * 1000, os.urandom(3000), b"PK\x05\x06" + b"\x00" * 18):
        tale, _ = read(tmp_path / "x", data)
        assert not tale.rows


CHILD = """
import re, sys
from pathlib import Path
from opsbook.domains.hardening.reading.intake import read_file
rows = sum(1 for _ in read_file(Path(sys.argv[1])))
print(rows, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def test_memory_stays_flat_on_a_long_file(tmp_path: Path) -> None:
    """64 MB is the bound for a file of any length; all formats are imported in it."""
    hosts = NESSUS[NESSUS.index(b"<ReportHost") : NESSUS.index(b"</Report>\n")]
    with gzip.open(tmp_path / "x.gz", "wb", compresslevel=1) as file:
        file.write(NESSUS[: NESSUS.index(b"<ReportHost")])
        for _ in range(2_000):
            file.write(hosts)
        file.write(b"</Report></NessusClientData_v2>")
    told = subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path / "x.gz"], check=True, capture_output=True, text=True
    )
    pieces, megabytes = map(int, told.stdout.split())
    assert pieces > 2_000 * ROWS
    assert megabytes <= 64
