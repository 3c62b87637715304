"""Opens the cassette that a command names, and tells what is known about the file itself.

Law: it opens, it reads nothing. "-" is the standard input, which need not be seekable.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recorder.errors import UsageError
from recorder.journal.lines import Source
from recorder.journal.read import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from recorder.journal.read import Damage, Mode

__all__ = ["Facts", "facts_of", "file_size", "open_cassette"]

_FRESH: Final = 10.0
"""Seconds. A recording that was written to this lately, and has no end line, may well go on."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The file: its name for messages, its size in bytes, its damage, and whether it is still being written."""

    name: str
    size: int
    mode: Mode
    growing: bool
    damage: Sequence[Damage]


def open_cassette(
    cassette: str,
    *,
    mode: Mode,
    types: Collection[str],
    bodies: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Reader:
    """Return a reader of the lines of `types`. Raises UsageError for a terminal as input, and what `Reader` raises."""
    if cassette != "-":
        return Reader(cassette, mode=mode, types=types, bodies=bodies, on_progress=on_progress)
    if sys.stdin.isatty():
        raise UsageError(
            "The standard input is a terminal. Give a file, or pipe a cassette: ctools inspect - < cassette.jsonl"
        )
    return Reader(
        Source(sys.stdin.buffer, name="<stdin>"), mode=mode, types=types, bodies=bodies, on_progress=on_progress
    )


def file_size(cassette: str) -> int | None:
    """Return the size of a regular file in bytes; None for the standard input, and for what cannot be told."""
    if cassette == "-":
        return None
    try:
        return Path(cassette).stat().st_size
    except (OSError, ValueError):
        return None  # opening it tells why, in better words


def facts_of(cassette: str, reader: Reader, read: int) -> Facts:
    """Return what is known after `reader` came to the end, having read `read` bytes."""
    size = file_size(cassette)
    growing = False
    if size is not None and not reader.finished:
        growing = size > read or time.time() - Path(cassette).stat().st_mtime < _FRESH
    return Facts(reader.name, read, reader.mode, growing, tuple(reader.damage))
