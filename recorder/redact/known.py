"""Known values: how each is found in every form in which it may stand in a leaf of an interaction.

Law: a needle only says where to look; whether the value stands there is decided on the bytes themselves. What is
replaced is the value in the form in which it stands, and nothing around it.

The longest run of letters and digits of a value survives percent, JSON and XML escapes: it is the needle of all textual
forms. Base64 (three alignments, two alphabets), hexadecimal digits and UTF-16 have needles of their own. Needles are
compared in lower case, so one scan of lower-cased bytes finds them together with names and token formats.

Memory: about 2 KB for a value, and four times that once an escaped copy of it was met.
"""

from __future__ import annotations

import re
from array import array
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from recorder.redact.placeholders import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "SHORTEST",
    "SHORTEST_PROVABLE",
    "Known",
    "Needle",
    "Span",
    "Windows",
    "bare_number",
    "doubt",
    "is_hiding",
    "reveal",
    "trace",
]

SHORTEST: Final = 3
"""Bytes: a shorter value is not looked for."""
SHORTEST_PROVABLE: Final = 6
"""Bytes: a shorter value is replaced where it stands alone as a word, and nothing more can be promised of it."""
_LONGEST_NEEDLE: Final = 32
_LONGEST_BASE64_NEEDLE: Final = 40
_SHORTEST_CORE: Final = 4
_DIGITS_ALONE: Final = 16
"""A value of fewer digits than this counts only where no digit stands beside it."""
_LONGEST_ESCAPE: Final = 48
"""Bytes that one character of a value may take, in whatever escapes."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMMON: Final = _words(
    """
    true false null none nil undefined nan yes no on off unknown default example test tests testing user users username
    admin root guest public private name value values data text html json xml utf-8 utf8 gzip deflate identity chunked
    close keep-alive bearer basic digest token tokens secret secrets password passwords authorization cookie cookies
    host localhost 127.0.0.1 get post put patch delete head options http https http/1.1 request requests
    response responses header headers body bodies interaction process diagnosis size wire_size sha256 complete status
    reason method url target error message type client connection thread reused peer proxy started_at timings_ms
    first_byte total base64 redacted application charset content length encoding accept agent python production
    development staging local
    """
)
_RUN: Final = re.compile(rb"[A-Za-z0-9]+")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]*")
_NUMBER: Final = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_ESCAPE_BEFORE: Final = re.compile(rb"(?:%(?:25)*[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2})\Z")
_HIDDEN: Final = {
    0x25: (re.compile(rb"%(?:25)*(3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])"), re.compile(rb"(?!)")),
    0x5C: (re.compile(rb"\\(?:u00|x)(3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[cC]|26)"), re.compile(rb"(?!)")),
    0x26: (re.compile(rb"&(?:amp;)*#[xX]0*([2-7][0-9A-Fa-f]);"), re.compile(rb"&(?:amp;)*#0*(\d{2,3});")),
}
"""Letters and digits that are written as escapes, though they need none, by the byte that begins an escape: with a
hexadecimal number, and with a decimal one. The backslash and the ampersand count, too: they begin other escapes."""
_ESCAPES_SEARCHER: Final = BytesAhoCorasick(
    [b"%3", b"%4", b"%5", b"%6", b"%7", b"%25", b"\\u00", b"\\x", b"&#", b"&amp;#", b"&amp;amp;"],
    matchkind=MatchKind.LeftmostFirst,
)
"""Finds quickly that there is none of them, which is so nearly always: one search costs a fraction of several."""
_OPENERS_OF_ESCAPES: Final = (b"%", b"\\", b"&")
_MOST_STAGES: Final = 4

# How a value stands, and so what takes its place.
TEXT: Final = 0
NUMBER: Final = 1
BASE64: Final = 2
HEX: Final = 3
UTF16: Final = 4
QUOTED: Final = 5
LITERAL: Final = 6
WRAPPED: Final = 9
_ALONE: Final = 7
"""A short value, which counts as a whole word only."""


class Span(NamedTuple):
    """Bytes [start, end) that go, and what they meant.

    `value` is the secret in its plain form, by which the placeholder is made; `style` how it stands there; `detail`
    depends on it: the alignment of base64, the codec of UTF-16, the quote marks of what was an object, the bytes of a
    literal replacement. `open` is true where the end of the data was met before the end of the value.
    """

    start: int
    end: int
    rule: str
    value: bytes
    style: int = TEXT
    detail: bytes = b""
    kind: str | None = None
    learn: bool = False
    open: bool = False


class Needle(NamedTuple):
    """Lower-cased bytes to look for, and how the value `known` stands where they are found."""

    pattern: bytes
    known: Known
    style: int
    detail: int


Windows: TypeAlias = "dict[Known, list[tuple[int, int]]]"
"""Parts of a leaf in which a value may stand with escapes: in order, apart from each other."""


class Known:
    """One value that must not stay anywhere. `rule` names its source."""

    __slots__ = ("_core_at", "_digits", "_openers", "_pattern", "_whole", "hard", "kind", "needles", "raw", "rule")

    def __init__(self, value: str, rule: str, *, brief: bool = False) -> None:
        """Take a value for which `doubt` has no word, or says that it is short.

        `brief`: fewer needles (no hexadecimal digits, no UTF-16), for what is learned while recording.
        """
        self.raw = value.encode("utf-8")
        self.rule = rule
        self.kind: str | None = None
        self._pattern: re.Pattern[bytes] | None = None
        self._digits = self.raw.isdigit()
        core = max(_RUN.findall(self.raw), key=len, default=b"")
        self._core_at = self.raw.find(core)
        self._whole = core == self.raw
        self._openers = (
            _OPENERS_OF_ESCAPES + ((b"+",) if b" " in self.raw else ()) + ((b"\n",) if b"\n" in self.raw else ())
        )
        self.hard = len(core) < _SHORTEST_CORE and len(self.raw) >= SHORTEST_PROVABLE
        if self.hard:
            self._core_at = 0
        self.needles: list[Needle] = list(self._needles(core[:_LONGEST_NEEDLE], brief=brief))

    def _needles(self, core: bytes, *, brief: bool) -> Iterator[Needle]:
        raw = self.raw
        if len(raw) < SHORTEST_PROVABLE:
            yield Needle(raw.lower(), self, _ALONE, 0)
            return
        if len(core) >= _SHORTEST_CORE:
            yield Needle(core.lower(), self, TEXT, 0)
        seen: set[bytes] = set()
        for alignment in range(3):
            plain = b64encode(b"\0" * alignment + raw)
            first, last = (0, 2, 3)[alignment], (8 * (alignment + len(raw))) // 6
            part = plain[first : min(last, first + _LONGEST_BASE64_NEEDLE)]
            for form in (part, part.translate(_TO_URL)):
                if form.lower() not in seen:
                    seen.add(form.lower())
                    yield Needle(form.lower(), self, BASE64, alignment)
        if not brief:
            yield Needle(raw.hex()[: 2 * _LONGEST_NEEDLE].encode(), self, HEX, 0)
            wide = raw[:_LONGEST_NEEDLE] if self.hard else core
            text = wide.decode("utf-8", "ignore")  # it may be cut in the middle of a character
            yield Needle(text.encode("utf-16-le").lower(), self, UTF16, 0)
            yield Needle(text.encode("utf-16-be").lower(), self, UTF16, 1)

    # Where it stands around a needle.

    def locate(
        self, data: bytes, start: int, end: int, needle: Needle, windows: Windows, *, json: bool
    ) -> Iterator[Span]:
        """Give the spans of this value around a needle found at [start, end) of `data` (not lower-cased).

        Where it may stand there with escapes, that is put into `windows`, for `search`: of many needles close together
        each byte is to be searched once.
        """
        style = needle.style
        if style == TEXT:
            yield from self._textual(data, start, windows, json=json)
        elif style == BASE64:
            yield from self._in_base64(data, start, needle.detail)
        elif style == HEX:
            found = data[start : start + 2 * len(self.raw)]
            if found.lower() == self.raw.hex().encode():
                upper = found.upper() == found and found.lower() != found
                yield self._span(start, start + len(found), HEX, b"upper" if upper else b"lower")
        elif style == UTF16:
            yield from self._in_utf16(data, start, "utf-16-be" if needle.detail else "utf-16-le")
        elif data[start:end] == self.raw and not _joined(data, start, end):  # a short one
            yield self._span(start, end)

    def search(self, data: bytes, windows: Iterable[tuple[int, int]]) -> Iterator[Span]:
        """Give the spans of this value in parts of `data`, whatever escapes it is written with."""
        for start, end in windows:
            part = data[start:end]
            if not any(mark in part for mark in self._openers):
                continue  # without escapes it would have been found as it is
            for match in self._tolerant().finditer(data, start, end):
                if self._stands_alone(data, *match.span()):
                    yield self._span(*match.span())

    def find_escaped(self, data: bytes) -> Iterator[Span]:
        """Give all spans, whatever escapes the value is written with. Slow: for values without a core."""
        for match in self._tolerant().finditer(data):
            if self._stands_alone(data, *match.span()):
                yield self._span(*match.span())

    def _textual(self, data: bytes, start: int, windows: Windows, *, json: bool) -> Iterator[Span]:
        begin = start - self._core_at
        end = begin + len(self.raw)
        if begin >= 0 and data[begin:end] == self.raw:
            if not self._stands_alone(data, begin, end):
                return
            if json and self._digits and (number := bare_number(data, begin, end)) is not None:
                yield self._span(*number, NUMBER)
            else:
                yield self._span(begin, end)
        elif not self._whole:
            reach = _LONGEST_ESCAPE * len(self.raw)
            first, last = max(0, start - reach), min(len(data), start + reach)
            noted = windows.setdefault(self, [])
            if noted and noted[-1][1] >= first:
                noted[-1] = (noted[-1][0], max(last, noted[-1][1]))
            else:
                noted.append((first, last))

    def _in_base64(self, data: bytes, start: int, alignment: int) -> Iterator[Span]:
        quad = start - (0, 2, 3)[alignment]
        if quad < 0:
            return
        length = 4 * ((alignment + len(self.raw) + 2) // 3)
        run = _BASE64.match(data, quad, quad + length)
        coded = run.group() if run else b""
        if len(coded) % 4 == 1:
            return
        try:
            plain = b64decode(coded.translate(_TO_STANDARD) + b"=" * (-len(coded) % 4))
        except Base64Error:
            return
        if plain[alignment : alignment + len(self.raw)] == self.raw:
            yield self._span(quad, quad + len(coded), BASE64, str(alignment).encode())

    def _in_utf16(self, data: bytes, start: int, codec: str) -> Iterator[Span]:
        coded = self.raw.decode("utf-8").encode(codec)
        begin = start - len(self.raw[: self._core_at].decode("utf-8", "ignore").encode(codec))
        if begin >= 0 and data[begin : begin + len(coded)] == coded:
            yield self._span(begin, begin + len(coded), UTF16, codec.encode())

    def _span(self, start: int, end: int, style: int = TEXT, detail: bytes = b"") -> Span:
        return Span(start, end, self.rule, self.raw, style, detail, self.kind)

    def _stands_alone(self, data: bytes, start: int, end: int) -> bool:
        if not self._digits or len(self.raw) >= _DIGITS_ALONE:
            return True
        before = data[start - 1 : start].isdigit() and not _ESCAPE_BEFORE.search(data, max(0, start - 8), start)
        return not (before or data[end : end + 1].isdigit())

    def _tolerant(self) -> re.Pattern[bytes]:
        if self._pattern is None:
            self._pattern = re.compile(_spellings(self.raw.decode("utf-8")))
        return self._pattern


def doubt(value: str) -> str | None:
    """Say why it cannot be proved that a value is gone; None where it can."""
    size = len(value.encode("utf-8"))
    if size < SHORTEST:
        return "too short to be looked for"
    if value.strip().lower() in _COMMON:
        return "a common word, not looked for"
    if MARK.decode().startswith(value.upper()[: len(MARK)]):
        return "a part of every placeholder, not looked for"
    if size < SHORTEST_PROVABLE:
        return "short: replaced only where it stands alone as a word"
    return None


def is_hiding(data: bytes) -> bool:
    """Tell whether letters or digits in `data` are written as escapes."""
    return next(_escapes(data), None) is not None


def reveal(data: bytes) -> list[bytes]:
    """Give what `data` says when its needless escapes are undone once, and again: a few stages, each another."""
    stages: list[bytes] = []
    plain = data
    while len(stages) < _MOST_STAGES:
        parts: list[bytes] = []
        at = 0
        for start, end, letter in _escapes(plain):
            parts += (plain[at:start], letter)
            at = end
        if not parts:
            break
        parts.append(plain[at:])
        plain = b"".join(parts)
        stages.append(plain)
    return stages


def trace(data: bytes, stage: bytes) -> Callable[[int, int], tuple[int, int]]:
    """Give what tells for a span of a stage of `reveal` where it stands in `data`. Takes 16 bytes for each byte."""
    plain = data
    starts = array("L", range(len(data) + 1))
    for _ in range(_MOST_STAGES):
        if plain == stage:
            break
        parts: list[bytes] = []
        moved = array("L")
        at = 0
        for start, end, letter in _escapes(plain):
            parts += (plain[at:start], letter)
            moved.extend(starts[at : start + 1])
            at = end
        parts.append(plain[at:])
        moved.extend(starts[at:])
        plain, starts = b"".join(parts), moved
    return lambda start, end: (starts[start], starts[end])


def _escapes(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Give where a letter or a digit is written as an escape, in order, and what it is."""
    at = 0
    for _, start, _ in _ESCAPES_SEARCHER.find_matches_as_indexes(data):
        if start < at:
            continue
        hexadecimal, decimal = _HIDDEN[data[start]]
        base = 16
        match = hexadecimal.match(data, start)
        if match is None:
            base = 10
            match = decimal.match(data, start)
            if match is None:
                continue
        number = int(match[1], base)
        if number > _LAST_ASCII or not (chr(number).isalnum() or number in _OPENERS):
            continue
        end = match.end()
        while start > at and data[start - 1] == data[start] == _BACKSLASH:
            start -= 1  # noqa: PLW2901 -- the escape is escaped itself
        yield start, end, b"%c" % number
        at = end


_LAST_ASCII: Final = 127
_BACKSLASH: Final = 0x5C
_OPENERS: Final = frozenset(b"\\&")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_NAMED: Final = {"&": b"amp", "<": b"lt", ">": b"gt", '"': b"quot", "'": b"apos"}
_ESCAPES: Final = {"\n": b"n", "\r": b"r", "\t": b"t", "\b": b"b", "\f": b"f"}


def _spellings(text: str) -> bytes:
    """Give a pattern for a text, each character plain or with whatever escapes, also escaped again.

    A run of backslashes is one item, and is never given back: of a run in the data, nobody can say which of them
    belong to which character, and trying all ways takes time without end.
    """
    items: list[bytes] = []
    for run in _BACKSLASHES.split(text):
        if run.startswith("\\"):
            items.append(_BACKSLASH_SPELLINGS + b"{1,%d}+" % len(run))
            continue
        for place, character in enumerate(run):
            escaped_before = place == 0 and bool(items)
            items.append(_any_spelling(character, rb"\\{0,15}+" if escaped_before else rb"\\{1,15}+"))
    return b"".join(items)


def _any_spelling(character: str, slashes: bytes) -> bytes:
    """Give a pattern for one character that is no backslash. `slashes` is what begins its escapes."""
    encoded = character.encode("utf-8")
    number = ord(character)
    units = character.encode("utf-16-be")
    forms = [
        re.escape(encoded),
        b"".join(rb"%%(?:25)*%s" % _any_case(b"%02x" % byte) for byte in encoded),
        b"".join(slashes + b"u" + _any_case(units[at : at + 2].hex().encode()) for at in range(0, len(units), 2)),
        rb"&(?:amp;)*#(?:0*%d|[xX]0*%s);" % (number, _any_case(b"%x" % number)),
    ]
    if number < 256:
        forms.append(slashes + b"x" + _any_case(b"%02x" % number))
    if character in _NAMED:
        forms.append(rb"&(?:amp;)*%s;" % _NAMED[character])
    if character in _ESCAPES:
        forms.append(slashes + _ESCAPES[character])
    if character == "\n":
        forms += [rb"\r\n", slashes + rb"r\\{1,15}+n", rb"%(?:25)*0[dD]%(?:25)*0[aA]"]
    if character in '"/':
        forms.append(slashes + encoded)
    if character == " ":
        forms.append(rb"\+")
    forms.sort(key=len, reverse=True)
    # Atomic: of two forms that match the same bytes, one is tried. But what follows a % or & may belong to it, or not.
    return (b"(?:" if character in "%&" else b"(?>") + b"|".join(forms) + b")"


_BACKSLASHES: Final = re.compile(r"(\\+)")
_BACKSLASH_SPELLINGS: Final = (
    rb"(?:\\{1,15}+u005[cC]|\\{1,15}+x5[cC]|%(?:25)*5[cC]|&(?:amp;)*#(?:0*92|[xX]0*5[cC]);|\\{1,60}+)"
)


def _any_case(digits: bytes) -> bytes:
    return b"".join(b"[%c%c]" % (digit, digit - 32) if 0x61 <= digit <= 0x66 else b"%c" % digit for digit in digits)


def _joined(data: bytes, start: int, end: int) -> bool:
    return data[start - 1 : start].isalnum() or data[end : end + 1].isalnum()


def bare_number(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Give the span of the JSON number of which [start, end) is all, or a part; None inside a string."""
    first = start
    while first > 0 and data[first - 1 : first] in _OF_NUMBER and start - first < _LONGEST_ESCAPE:
        first -= 1
    number = _NUMBER.match(data, first, end + _LONGEST_ESCAPE)
    if number is None or number.end() < end:
        return None
    before = data[max(0, first - _LONGEST_ESCAPE) : first].rstrip(b" \t\r\n")[-1:]
    after = data[number.end() : number.end() + _LONGEST_ESCAPE].lstrip(b" \t\r\n")[:1]
    return number.span() if before in _BEFORE_NUMBER and after in _AFTER_NUMBER else None


_OF_NUMBER: Final = frozenset(b"%c" % byte for byte in b"0123456789.+-eE")
_BEFORE_NUMBER: Final = frozenset({b"", b":", b"[", b","})
_AFTER_NUMBER: Final = frozenset({b"", b",", b"]", b"}"})
