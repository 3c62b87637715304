"""Makes recorded text harmless to look at, in this one place.

Law: what `visible` returns can neither drive a terminal nor reorder or hide other text on it. Every character that is
not plainly visible is written out as a backslash escape; all others stay. Nothing else in the project decides this.

What is escaped, and why:

- C0, DEL and C1 (ECMA-48): they begin escape sequences; ESC opens CSI, OSC 8 (links) and OSC 52 (the clipboard), and
  terminals take U+009B and U+009D for CSI and OSC, too;
- bidirectional controls (Unicode UAX #9): they show text in another order than it is stored in;
- format and default-ignorable characters (Unicode DerivedCoreProperties, `Default_Ignorable_Code_Point`): they take
  no room,
  so that two different strings look alike;
- line and paragraph separators, which some terminals break at;
- lone surrogates: no encoding can write them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["json_safe", "visible", "writable_to_terminal"]

# Ranges of code points, by number: in this file, too, such characters would not be seen.
_HIDDEN: Final = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),  # soft hyphen
    (0x34F, 0x34F),  # combining grapheme joiner
    (0x600, 0x605),  # Arabic number signs (format characters)
    (0x61C, 0x61C),  # Arabic letter mark
    (0x6DD, 0x6DD),
    (0x70F, 0x70F),
    (0x890, 0x891),
    (0x8E2, 0x8E2),
    (0x115F, 0x1160),  # Hangul fillers: letters that show nothing
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),  # zero width space, joiners, left-to-right and right-to-left marks
    (0x2028, 0x202E),  # line and paragraph separators, embeddings and overrides
    (0x2060, 0x206F),  # word joiner, isolates, deprecated format characters
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),  # surrogates
    (0xFDD0, 0xFDEF),  # noncharacters
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # byte order mark
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0xFFFE, 0xFFFF),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),  # tags and more variation selectors
)
_SHORT: Final = {0x07: r"\a", 0x08: r"\b", 0x09: r"\t", 0x0A: r"\n", 0x0B: r"\v", 0x0C: r"\f", 0x0D: r"\r"}


def visible(text: str, *, lines: bool = False) -> str:
    r"""Return `text` with every character that could drive or deceive a terminal written out (`\x1b`, `\u202e`).

    With `lines` a line feed and a tab stay as they are, for text that is shown over several lines. A backslash of the
    text itself is not doubled: the result is for eyes, not for parsing. Never raises.
    """
    if not text.isascii():
        return (_HIDDEN_BUT_LINES if lines else _ANY_HIDDEN).sub(_written_out, text)
    if text.isprintable():
        return text
    return (_HIDDEN_BUT_LINES_ASCII if lines else _ANY_HIDDEN_ASCII).sub(_written_out, text)


def json_safe(text: str) -> str:
    r"""Return the JSON document `text` with the same characters as `\uXXXX` escapes, so that it may go to a terminal.

    The document's value does not change: JSON has such characters inside strings only, where an escape means the same
    (RFC 8259 section 7). White space between tokens (line feed, carriage return, tab) stays.
    """
    if text.isascii():
        return text.replace("\x7f", "\\u007f")
    return _HIDDEN_IN_JSON.sub(_json_escape, text)


def writable_to_terminal(text: str) -> bool:
    """Tell whether `text` may go to a terminal as it is: whether `visible(text, lines=True)` changes nothing."""
    return (_HIDDEN_BUT_LINES_ASCII if text.isascii() else _HIDDEN_BUT_LINES).search(text) is None


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code in _SHORT:
        return _SHORT[code]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    return "".join(f"\\u{unit:04x}" for unit in _utf16(ord(match[0])))


def _utf16(code: int) -> Iterator[int]:
    if code <= 0xFFFF:
        yield code
    else:
        yield 0xD800 + ((code - 0x10000) >> 10)
        yield 0xDC00 + ((code - 0x10000) & 0x3FF)


def _pattern(*, without: str = "", below: int = 0x110000) -> re.Pattern[str]:
    """Compile the class of hidden characters below `below`; `without` names characters to leave out of it."""
    members = "".join(
        f"{_in_class(first)}-{_in_class(last)}"
        for first, last in _ranges(sorted(map(ord, without)))
        if first <= last and first < below
    )
    return re.compile(f"[{members}]")


def _ranges(spared: list[int]) -> Iterator[tuple[int, int]]:
    """Give the hidden ranges with what is spared taken out of them."""
    for first, last in _HIDDEN:
        start = first
        for code in spared:
            if start <= code <= last:
                yield start, code - 1
                start = code + 1
        yield start, last


def _in_class(code: int) -> str:
    return f"\\U{code:08x}"


_ANY_HIDDEN: Final = _pattern()
_HIDDEN_BUT_LINES: Final = _pattern(without="\n\t")
# Small classes are several times as quick, and most text is ASCII.
_ANY_HIDDEN_ASCII: Final = _pattern(below=0x80)
_HIDDEN_BUT_LINES_ASCII: Final = _pattern(without="\n\t", below=0x80)
_HIDDEN_IN_JSON: Final = _pattern(without="\n\t\r")
