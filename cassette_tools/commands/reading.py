"""How an input is read: the options that several commands have, each said once.

Law: names of options and what they mean, nothing else; what reads is elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from recorder.errors import UsageError

if TYPE_CHECKING:
    from recorder.journal.read import Mode

__all__ = ["FromFormat", "Only", "ReadingMode", "mode_of"]

_MODES: Final = ("tail", "strict", "skip")

Only: TypeAlias = Annotated[
    str | None,
    typer.Option("--only", metavar="FILTER", help="Take the interactions that match: '~m POST & ~c 500'."),
]
FromFormat: TypeAlias = Annotated[
    str | None,
    typer.Option("--from", metavar="FORMAT", help="The format to read (ctools convert --formats); else by content."),
]
ReadingMode: TypeAlias = Annotated[
    str,
    typer.Option(
        "--mode",
        metavar="tail|strict|skip",
        help="Which damage of a JSONL cassette to put up with: at the end of a run (tail), none (strict), any (skip).",
    ),
]


def mode_of(value: str) -> Mode:
    """Give what --mode says. Raises UsageError for what is no mode."""
    for mode in _MODES:
        if value == mode:
            return mode
    raise UsageError(f"{value!r} is no mode. Use one of: {', '.join(_MODES)}.")
