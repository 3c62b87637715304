r"""Finds a pattern in a body that comes piece by piece, and may be too long to be held.

Law: a body of at most HELD bytes is searched whole, as if it had been read. A longer one is searched in windows that
overlap by SPAN bytes: a match is found wherever it spans at most half of that, and a pattern sees at least a quarter of
that around it. `^` and `\A` hold at the beginning of the body alone, `$` and `\Z` at its end alone.

Memory: HELD bytes, SPAN more and one piece.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HELD", "SPAN", "is_in"]

HELD: Final = 16 << 20
"""Bytes that are searched at once."""

SPAN: Final = 2 << 20
"""Bytes of a window that the next one has, too."""

# What may hold only because a window ends there: $, \Z, \b, \B, looking ahead, and what does not go back on its choice.
_MINDS_THE_END: Final = re.compile(rb"\$|\\[ZzbB]|\(\?[=!>(]|[*+?}]\+")


def is_in(pieces: Iterable[bytes], pattern: re.Pattern[bytes], *, held: int = HELD, span: int = SPAN) -> bool:
    """Tell whether `pattern` is found in the body that `pieces` make. `span` is less than `held`."""
    minds_the_end = _MINDS_THE_END.search(pattern.pattern) is not None
    window = bytearray()
    start = 0
    for piece in pieces:
        if len(window) >= held:
            found = pattern.search(window, start)
            if found is not None and not (minds_the_end and found.end() > len(window) - span // 4):
                return True
            del window[: len(window) - span]
            start = span // 4  # what is in front of it is there for patterns that look behind
        window += piece
    return pattern.search(window, start) is not None
