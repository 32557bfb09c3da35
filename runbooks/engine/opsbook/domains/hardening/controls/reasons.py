"""Why a control does not apply or could not be looked at: the words checks use, as sentences."""

from __future__ import annotations

from opsbook.model.message import Message, msg

REASONS = {
    "family": msg("it is about another family of systems"),
    "container": msg("this host is a container and has no kernel of its own"),
    "not_root": msg("this can only be seen by root"),
    "unreadable": msg("a file that matters cannot be read"),
    "time": msg("the check did not end in time"),
    "sshd_test": msg("sshd -T does not work on this host"),
    "no_tool": msg("the tool that could say it is missing on this host"),
    "too_many": msg("there is more than the check takes in"),
}
"""Word -> sentence."""

_ABOUT = {
    "package": msg("the package {name} is not installed"),
    "mount": msg("{name} is not a file system of its own"),
    "no_tool": msg("{name} is missing on this host, so nothing can be said"),
    "no_sysctl": msg("the kernel of this host has no {name}"),
    "no_pam_unix": msg("pam_unix.so is not in {name}, which is unusual"),
    "builtin": msg("{name} is part of the kernel itself and cannot be left out"),
    "no_end": msg("nobody here knows how long {name} gets security updates"),
    "no_file": msg("there is no {name}"),
    "unreadable": msg("{name} cannot be read"),
}
"""Word before a colon -> sentence about what stands after it."""


def reason(word: str) -> Message:
    """The sentence for what a check told; an unknown word is shown as it is."""
    if word in REASONS:
        return REASONS[word]
    kind, colon, name = word.partition(":")
    if colon and kind in _ABOUT:
        return Message(_ABOUT[kind].text, {"name": name})
    return msg("not to be seen: {reason}", reason=word)
