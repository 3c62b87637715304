"""Writes a body to stdout as it was stored, byte for byte.

Law: to a pipe or file anything goes, piece by piece. To a terminal nothing goes that could drive it: the whole body
is looked at first.
"""

from __future__ import annotations

import codecs
import sys
from typing import TYPE_CHECKING

from cassette_tools.views.escape import writable_to_terminal
from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["print_body"]


def print_body(begin: Callable[[], Iterable[bytes]]) -> None:
    """Write a body; `begin` begins to yield its bytes, and is called twice where stdout is a terminal.

    Raises UsageError where a terminal would get anything but plain text, and what `begin` raises.
    """
    if sys.stdout.isatty() and not _is_plain(begin()):
        raise UsageError(
            "The body is not plain text, and stdout is a terminal: nothing was written. "
            "Write it to a file with -o FILE, or pipe it."
        )
    sys.stdout.flush()
    for piece in begin():
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _is_plain(pieces: Iterable[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        return all(writable_to_terminal(decoder.decode(piece)) for piece in pieces) and not decoder.decode(
            b"", final=True
        )
    except UnicodeDecodeError:
        return False
