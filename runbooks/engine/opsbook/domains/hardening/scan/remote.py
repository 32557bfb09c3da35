"""Scripts that run a scanner on a host and send back its file, and what they say of it.

A script makes one private directory, removes it whatever happens, and writes nowhere else. What
it sends is a few lines ``name value``, an empty line, and the file compressed by gzip.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opsbook.model.errors import HostFailed
from opsbook.model.message import msg

MOST_HEAD = 64 << 10
"""The most bytes of lines before the file."""

PROBE = """
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin:/usr/local/bin"
for f in /etc/os-release /usr/lib/os-release; do
    [ -r "$f" ] || continue
    (unset ID VERSION_ID; . "$f" >/dev/null 2>&1; printf 'system %s %s\\n' "$ID" "$VERSION_ID")
    break
done
[ "$(id -u)" = 0 ] && echo 'root yes'
o=$(command -v oscap) && printf 'oscap %s\\n' "$(oscap --version 2>/dev/null | sed -n '1s/.* //p')"
l=$(command -v lynis) && v=$(sed -n 's/^ *PROGRAM_VERSION="\\(.*\\)"/\\1/p' "$l" | head -n 1) &&
    printf 'lynis %s\\n' "${v:-?}"
awk '/^MemAvailable:/ {print "memory_kib", $2}' /proc/meminfo 2>/dev/null
df -Pk "${TMPDIR:-/tmp}" 2>/dev/null | awk 'NR == 2 {print "room_kib", $4}'
for f in /usr/share/xml/scap/ssg/content/ssg-*-ds.xml; do
    [ -r "$f" ] && printf 'content %s\\n' "$f"
done
exit 0
"""
"""Looks at what a host has for scanning; a line ``name value`` each."""

_FRAME = """
set -u
umask 077
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin:/usr/local/bin"
d=$(mktemp -d "${TMPDIR:-/tmp}/opsbook-scan.XXXXXXXX") || exit 97
child=
trap 'rm -rf "$d"' EXIT
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit 98' HUP INT TERM PIPE
cd "$d" || exit 97
%(receive)s
if command -v timeout >/dev/null 2>&1; then
    limit='timeout -k 10 %(seconds)d'
else
    limit=
fi
begun=$(date +%%s)
(
    export MALLOC_ARENA_MAX=2  # else threads reserve far more addresses than they use (mallopt(3))
    ulimit -v %(memory_kib)d 2>/dev/null
    exec $limit nice -n 10 %(run)s
) >out 2>err </dev/null &
child=$!
wait "$child"
rc=$?
child=
ended=$(date +%%s)
[ -s "%(file)s" ] || : >"%(file)s"
gzip -c "%(file)s" >file.gz
size=$(wc -c <file.gz)
printf 'rc %%s\\nseconds %%s\\nbytes %%s\\nsaid ' "$rc" "$((ended - begun))" "$((size))"
cat err out | tail -c 600 | tr -c '[:print:]' ' '
printf '\\n\\n'
cat file.gz
"""
_RECEIVE = """head -c %(bytes)d >content.gz || exit 97
gzip -dc content.gz >content.xml || exit 97
rm -f content.gz"""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run on a host: words of the command, the file that it writes, its limits.

    ``receives`` is the size in bytes of what is sent before: it becomes ``content.xml``.
    """

    words: Sequence[str]
    file: str
    seconds: int
    memory_mib: int
    receives: int = 0


def script(order: Order) -> str:
    """The script of an order."""
    receive = _RECEIVE % {"bytes": order.receives} if order.receives else ""
    return _FRAME % {
        "receive": receive,
        "seconds": order.seconds,
        "memory_kib": order.memory_mib * 1024,
        "run": shlex.join(order.words),
        "file": order.file,
    }


@dataclass(frozen=True, slots=True)
class Equipped:
    """What a host has for scanning. ``system`` is ``debian 12``; versions are "" where there is
    no such scanner; sizes are None where the host does not tell them.
    """

    system: str = ""
    root: bool = False
    oscap: str = ""
    lynis: str = ""
    memory_kib: int | None = None
    room_kib: int | None = None
    contents: tuple[str, ...] = ()


def read_equipment(text: str) -> Equipped:
    """What :data:`PROBE` printed; lines that are not understood are passed over."""
    told: dict[str, str] = {}
    contents = []
    for row in text[:MOST_HEAD].splitlines():
        name, _, value = row.partition(" ")
        if name == "content" and value.isprintable():
            contents.append(value)
        else:
            told.setdefault(name, value.strip()[:100])
    return Equipped(
        system=told.get("system", ""),
        root=told.get("root") == "yes",
        oscap=told.get("oscap", ""),
        lynis=told.get("lynis", ""),
        memory_kib=_number(told.get("memory_kib")),
        room_kib=_number(told.get("room_kib")),
        contents=tuple(contents[:100]),
    )


@dataclass(frozen=True, slots=True)
class Head:
    """The lines before a file: exit code, seconds, bytes of the file, last words of the scanner."""

    rc: int
    seconds: int
    bytes: int
    said: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


def read_head(host: str, data: bytes) -> Head:
    """Read the lines before the file. Raises HostFailed when they are none of ours."""
    told: dict[str, str] = {}
    for row in data.decode("utf-8", "replace").splitlines():
        name, _, value = row.partition(" ")
        told.setdefault(name, value.strip())
    numbers = {name: _number(told.get(name)) for name in ("rc", "seconds", "bytes")}
    if None in numbers.values():
        raise HostFailed(msg("{host} did not answer as expected while it was scanned.", host=host))
    return Head(said=told.get("said", "")[:600], **numbers)  # type: ignore[arg-type]


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
