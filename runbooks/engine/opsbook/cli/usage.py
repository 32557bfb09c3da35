"""Typer's own words in our languages: help pages and faults of usage.

Typer speaks English only and has no catalogue. It lets a command name the class of its context,
and a context that of its formatter: that is where help pages get our words. Sentences about
faults are known by their form and said anew; one we do not know stays as it is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import typer

from opsbook.model.message import Message, msg
from opsbook.text import tr, translate
from opsbook.text.width import width_of, wrap

_WORDS = (
    (r"Arguments", msg("Arguments")),
    (r"Options", msg("Options")),
    (r"Commands", msg("Commands")),
    (r"required", msg("required")),
    (r"default: (?P<value>.*)", msg("default: {value}")),
    (r"x>=(?P<least>\d+)", msg("x>={least}")),
    (r"(?P<least>\d+)<=x<=(?P<most>\d+)", msg("{least}<=x<={most}")),
    (r"<str>", msg("<str>")),
    (r"<path>", msg("<path>")),
    (r"<int( range)?>", msg("<int>")),
    (r"<list\[str\]>", msg("<words>")),
    (r"Show this message and exit\.", msg("Show this message and exit.")),
    (r"Missing command\.", msg("Missing command.")),
    (r"Missing argument (?P<name>.*)\.", msg("Missing argument {name}.")),
    (r"Missing option (?P<name>.*)\.", msg("Missing option {name}.")),
    (
        r"No such command (?P<name>.*)\. Did you mean (?P<near>.*)\?",
        msg("No such command {name}. Did you mean {near}?"),
    ),
    (r"No such command (?P<name>.*)\.", msg("No such command {name}.")),
    (
        r"No such option: (?P<name>\S+) \(Possible options: (?P<near>.*)\)",
        msg("No such option: {name} (Possible options: {near})"),
    ),
    (r"No such option: (?P<name>\S+)", msg("No such option: {name}")),
    (r"Option (?P<name>.*) requires an argument\.", msg("Option {name} requires an argument.")),
    (r"Option (?P<name>.*) does not take a value\.", msg("Option {name} does not take a value.")),
    (
        r"Got unexpected extra argument\(s\) \((?P<words>.*)\)",
        msg("Got unexpected extra argument(s) ({words})"),
    ),
    (
        r"Invalid value for (?P<name>[^:]*): (?P<reason>.*)",
        msg("Invalid value for {name}: {reason}"),
    ),
    (
        r"Input should be greater than or equal to (?P<limit>.*)",
        msg("Input should be greater than or equal to {limit}"),
    ),
    (
        r"Input should be less than or equal to (?P<limit>.*)",
        msg("Input should be less than or equal to {limit}"),
    ),
    (r"Input should be a valid integer, .*", msg("Input should be a whole number")),
)
"""How typer says it, and our message for it."""


def in_our_words(command: Any) -> None:
    """Let the help pages of ``command`` and of all commands below it be written by a Page."""
    ours = type("Context", (command.context_class,), {"formatter_class": Page})
    command.context_class = ours
    command.options_metavar = tr("[OPTIONS]")
    if hasattr(command, "subcommand_metavar"):
        command.subcommand_metavar = tr("COMMAND [ARGS]...")
    for below in getattr(command, "commands", {}).values():
        in_our_words(below)


def show(fault: typer.TyperException) -> None:
    """What was typed wrongly, how it is used and where help is, on standard error."""
    context, problem = getattr(fault, "ctx", None), fault.format_message()
    if context is not None:
        usage = context.get_usage()
        if problem.startswith(usage):  # nothing was typed: the fault is the help page itself
            print(problem, file=sys.stderr)
            return
        asking = f"{context.command_path} {context.help_option_names[0]}"
        hint = tr("Try '{command}' for help.", command=asking)
        print(f"{usage}\n{hint}\n", file=sys.stderr)
    print(tr("Error: {problem}", problem=_said(problem)), file=sys.stderr)


_Formatter: Any = typer.Context.formatter_class


class Page(_Formatter):  # type: ignore[misc]  # typer gives it no public name
    """A help page with our words, folded by the columns of a terminal."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The line that begins with "Usage:"."""
        super().write_usage(prog, args, tr("Usage: ") if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        """The heading of a section."""
        self.write(" " * self.current_indent + tr("{heading}:", heading=_said(heading)) + "\n")

    def write_text(self, text: str) -> None:
        """One paragraph."""
        for line in wrap(text, self.width - self.current_indent):
            self.write(" " * self.current_indent + line + "\n")

    def write_dl(
        self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Names and, beside them, what they are; a long name has a line of its own."""
        rows = [(_typed(name), about) for name, about in rows]
        left = min(max(width_of(name) for name, _ in rows), col_max) + col_spacing
        margin = " " * self.current_indent
        below = f"\n{margin}{' ' * left}"
        for name, about in rows:
            lines = wrap(_noted(about), max(self.width - left - len(margin), 10))
            room = left - width_of(name)
            beside = " " * room if room >= col_spacing else below
            self.write((margin + name + beside + below.join(lines)).rstrip() + "\n")


def _typed(name: str) -> str:
    """An option's names and the type of its value: ``-n, --number <int range>``."""
    return re.sub(r"<[a-z \[\]]+>$", lambda kind: _said(kind[0]), name)


def _noted(about: str) -> str:
    """The help of an option, and typer's notes on it: ``...  [default: 50; x>=1]``."""
    noted = re.fullmatch(r"(?P<help>.*?)(  )?\[(?P<notes>[^\[]*)\]", about, re.DOTALL)
    if noted is None:
        return _said(about)
    notes = tr("; ").join(map(_said, noted["notes"].split("; ")))
    return tr("{help}  [{notes}]", help=noted["help"], notes=notes).lstrip()


def _said(words: str) -> str:
    for pattern, message in _WORDS:
        known = re.fullmatch(pattern, words, re.DOTALL)
        if known:
            values = known.groupdict()
            if "reason" in values:
                values["reason"] = _said(values["reason"])
            return translate(Message(message.text, values))
    return words
