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

    __slots__ = ("_changed", "_levels", "_most", "_others", "_raw", "_recording", "_values", "forgotten", "longest")

    def __init__(self, others: frozenset[bytes], *, recording: bool) -> None:
        """`others`: values that are known already."""
        self._others = others
        self._recording = recording
        self._most = MOST_LEARNED_RECORDING if recording else MOST_LEARNED
        self._values: dict[str, Known] = {}
        self._raw: set[bytes] = set()
        # Like a log-structured merge tree: a new value goes into a small index, a full one is put into the next.
        self._levels: list[tuple[dict[str, Known], Index]] = [({}, Index(())) for _ in _LEVELS]
        self._changed = False
        self.longest = 0
        self.forgotten = 0

    def values(self) -> frozenset[str]:
        """Give all of them."""
        return frozenset(self._values)

    def hard(self) -> tuple[Known, ...]:
        """Give those that have no core to look for."""
        return tuple(known for known in self._values.values() if known.hard)

    def has(self, raw: bytes) -> bool:
        """Tell whether a value is known or learned."""
        return raw in self._raw or raw in self._others

    def add(self, value: str) -> bool:
        """Learn a value. False where it is known, or cannot be told from ordinary text, or is one too many."""
        raw = value.encode("utf-8")
        if raw in self._raw or raw in self._others or doubt(value) is not None:
            return False
        if len(self._values) >= self._most:
            self.forgotten += 1
            if not self._recording:
                return False
            self._forget(next(iter(self._values)))
        known = Known(value, "learned", brief=True)
        self._values[value] = known
        self._raw.add(raw)
        self.longest = max(self.longest, len(raw))
        self._changed = True
        if self._recording:
            self._index(value, known)
        return True

    def settle(self) -> bool:
        """Find from now on what was gathered. False where nothing was since the last time."""
        if not self._changed:
            return False
        self._changed = False
        if not self._recording:
            self._levels = [(dict(self._values), Index(self._values.values()))]
        return True

    def indexes(self) -> list[Index]:
        """Give the indexes as they are now."""
        return [index for values, index in self._levels if values]

    def _index(self, value: str, known: Known) -> None:
        added = {value: known}
        for level, most in enumerate(_LEVELS):
            values = {**self._levels[level][0], **added}
            if len(values) <= most or level == len(_LEVELS) - 1:
                values = {key: item for key, item in values.items() if key in self._values}
                self._levels[level] = (values, Index(values.values()))
                return
            added = values
            self._levels[level] = ({}, Index(()))

    def _forget(self, value: str) -> None:
        del self._values[value]
        self._raw.discard(value.encode("utf-8"))


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
