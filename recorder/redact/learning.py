"""Values that went because of their place, and are known from then on.

Law: what is learned is a value that can be told from ordinary text; a language code in a cookie is not. There is a
bound: of more values a recording forgets the oldest, and `resanitize` leaves out the last; both count them.

A learned value is found plain, percent-, JSON- and HTML-escaped and in base64; not in hexadecimal digits and UTF-16,
which is for values that were given.
"""

from __future__ import annotations

import re
from typing import Final

from recorder.redact.known import Known, doubt
from recorder.redact.leaf import Index
from recorder.redact.places import is_masked

__all__ = ["MOST_LEARNED", "MOST_LEARNED_RECORDING", "Learned", "worth_learning"]

MOST_LEARNED: Final = 16_384
MOST_LEARNED_RECORDING: Final = 256
LONGEST: Final = 4096
"""Bytes of a value that is learned."""
_LEVELS: Final = (8, 64, MOST_LEARNED_RECORDING)
"""Values in the indexes of a recording: the first is built anew with each value.

Each other one is when the one before is full.
"""

_SHORTEST: Final = 8
_SHORTEST_NUMBER: Final = 10
_SHORTEST_WORDS: Final = 20
_STRONG: Final = re.compile(r"pass|secret|pwd|pin|code|cvv|cvc")
_DATE: Final = re.compile(rb"\d{4}-\d\d-\d\d[T ]?[\d:.+Z-]*")
_STRUCTURED: Final = re.compile(rb"https?://|[{\[<]|.*\s.*\s", re.DOTALL)


class Learned:
    """The learned values, and the indexes that find them.

    While recording, each new value is found at once; there are at most `MOST_LEARNED_RECORDING`, the newest. Else
    values are gathered, at most `MOST_LEARNED`, and found from the next `settle` on.
    """

    __slots__ = ("_fresh", "_levels", "_most", "_others", "_raw", "_recording", "forgotten", "longest")

    def __init__(self, others: frozenset[bytes], *, recording: bool) -> None:
        """`others`: values that are known already."""
        self._others = others
        self._recording = recording
        self._most = MOST_LEARNED_RECORDING if recording else MOST_LEARNED
        self._raw: dict[bytes, None] = {}  # in the order in which they were learned
        self._fresh: dict[str, None] = {}
        # Like a log-structured merge tree: a new value goes into a small index, a full one is put into the next.
        self._levels: list[tuple[dict[str, Known], Index]] = [({}, Index(())) for _ in _LEVELS]
        self.longest = 0
        self.forgotten = 0

    def values(self) -> frozenset[str]:
        """Give all of them."""
        return frozenset(raw.decode("utf-8") for raw in self._raw)

    def hard(self) -> tuple[Known, ...]:
        """Give those that have no core to look for."""
        return tuple(known for values, _ in self._levels for known in values.values() if known.hard)

    def has(self, raw: bytes) -> bool:
        """Tell whether a value is known or learned."""
        return raw in self._raw or raw in self._others

    def add(self, value: str) -> None:
        """Learn a value, unless it is known, or cannot be told from ordinary text. It is found from `settle` on."""
        raw = value.encode("utf-8")
        if raw in self._raw or raw in self._others or doubt(value) is not None:
            return
        if len(self._raw) >= self._most:
            self.forgotten += 1
            if not self._recording:
                return
            oldest = next(iter(self._raw))
            del self._raw[oldest]
            self._fresh.pop(oldest.decode("utf-8"), None)
        self._raw[raw] = None
        self._fresh[value] = None
        self.longest = max(self.longest, len(raw))

    def settle(self) -> bool:
        """Find from now on what was learned. False where nothing was since the last time."""
        if not self._fresh:
            return False
        fresh = {value: Known(value, "learned", brief=True) for value in self._fresh}
        self._fresh = {}
        if self._recording:
            self._index(fresh)
        else:
            values = {**self._levels[0][0], **fresh}
            self._levels = [(values, Index(list(values.values())))]
        return True

    def indexes(self) -> list[Index]:
        """Give the indexes as they are now."""
        return [index for values, index in self._levels if values]

    def _index(self, added: dict[str, Known]) -> None:
        for level, most in enumerate(_LEVELS):
            values = {**self._levels[level][0], **added}
            if len(values) <= most or level == len(_LEVELS) - 1:
                values = {key: item for key, item in values.items() if item.raw in self._raw}
                self._levels[level] = (values, Index(list(values.values())))
                return
            added = values
            self._levels[level] = ({}, Index(()))


def worth_learning(value: bytes, rule: str) -> bool:
    """Tell whether a value from a secret place can be told from ordinary text, so that it may go everywhere."""
    if not _SHORTEST <= len(value) <= LONGEST or is_masked(value) or _STRUCTURED.match(value) or _DATE.fullmatch(value):
        return False
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    if not text.isprintable():
        return False
    if text.isdigit():
        return len(text) >= _SHORTEST_NUMBER
    if any(character.isdigit() for character in text):
        return any(character.isalpha() for character in text)
    if _STRONG.search(rule):
        return True
    mixed = any(map(str.isupper, text[1:])) and any(map(str.islower, text)) and " " not in text
    return len(text) >= _SHORTEST_WORDS or (mixed and len(text) >= 2 * _SHORTEST)
