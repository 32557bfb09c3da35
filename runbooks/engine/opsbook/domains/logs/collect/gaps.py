"""Where a source may have lost lines: replaced content, and streams without a file."""

from __future__ import annotations

from collections.abc import Iterator

from opsbook.domains.logs.collect.decisions import Gap
from opsbook.domains.logs.collect.findings import Findings, kin, unchanged
from opsbook.domains.logs.collect.survey import Surveyed
from opsbook.domains.logs.model import HEAD, TAIL, Stream
from opsbook.model.message import Message, msg


def gaps(found: Findings) -> Iterator[Gap]:
    """The possible losses that the findings show."""
    for stream in found.view.streams:
        if stream.source not in found.view.declared or stream.number in found.unsure:
            continue
        reason, copy = _what_was_lost(found, stream)
        if reason is not None:
            yield Gap(stream, reason, copy, _successor(found, stream))


def _what_was_lost(found: Findings, stream: Stream) -> tuple[Message | None, Surveyed | None]:
    own, claimed = found.replaced.get(stream.number), found.claimed.get(stream.number)
    if own is not None and kin(own.path, stream.path) and not _had_ended(stream):
        if claimed is not None:
            return msg("emptied after it was copied (copytruncate)"), claimed
        return msg("emptied or replaced, and no copy was found"), None
    if claimed is not None and claimed.path == stream.path:
        return msg("replaced by another file that begins the same"), None
    alive = stream.inode and not stream.ended and own is None
    if claimed is not None and alive and found.kind.get(claimed.index) == "plain":
        return msg("gone, and only a copy of it was found"), claimed
    if _may_have_begun_again(found, stream):
        return msg("perhaps emptied and begun again with the same lines"), _twin(found, stream)
    if found.is_gone(stream) and not stream.ended:
        return msg("gone before it was collected to its end"), None
    return None, None


def _may_have_begun_again(found: Findings, stream: Stream) -> bool:
    """So little is kept that a file emptied meanwhile may begin with just that again."""
    begun = next((f for f in found.files if found.begun.get(f.index) == stream), None)
    own = found.carrier.get(stream.number, begun)
    if own is None or own.path != stream.path or stream.offset >= HEAD + TAIL:
        return False
    if own.key != (stream.device, stream.inode) or unchanged(own, stream):
        return False
    rewritten = own.size == stream.size == stream.offset > 0 and own.mtime != stream.mtime
    shorter = own.size < stream.size
    return rewritten or shorter or _twin(found, stream) is not None


def _twin(found: Findings, stream: Stream) -> Surveyed | None:
    """A file found today that begins with all that is kept of ``stream``."""
    today = [*found.new, *(copy.file for copy in found.copies.values() if copy.length)]
    for file in today:
        begins = not stream.offset or stream in found.full.get(file.index, ())
        if begins and file.mtime >= stream.mtime and kin(file.path, stream.path):
            return file
    return None


def _had_ended(stream: Stream) -> bool:
    return stream.ended and stream.offset >= stream.size


def _successor(found: Findings, stream: Stream) -> Surveyed | None:
    return next((file for file in found.files if file.path == stream.path), None)
