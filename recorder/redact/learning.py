"""Values that went because of their place, and are known from then on.

Law: what is learned is a value that can be told from ordinary text; a language code in a cookie is not. There is a bound:
of more values the oldest are forgotten, which is counted.

While recording, a learned value is found plain, percent-, JSON- and HTML-escaped and in base64; `resanitize` looks for
all forms.
"""

from __future__ import annotations

import re
from typing import Final

from recorder.redact.known import Known, doubt
from recorder.redact.leaf import Index
from recorder.redact.places import is_masked

__all__ = ["MOST_LEARNED", "MOST_LEARNED_RECORDING", "Learned", "worth_learning"]

MOST_LEARNED: Final = 4096
MOST_LEARNED_RECORDING: Final = 256
LONGEST: Final = 4096
"""Bytes of a value that is learned."""
_RECENT: Final = 8
"""Values in the small index, which is built anew with each one."""

_SHORTEST: Final = 8
_SHORTEST_NUMBER: Final = 10
_SHORTEST_WORDS: Final = 20
_STRONG: Final = re.compile(r"pass|secret|pwd|pin|code|cvv|cvc")
_DATE: Final = re.compile(rb"\d{4}-\d\d-\d\d[T ]?[\d:.+Z-]*")
_STRUCTURED: Final = re.compile(rb"https?://|[{\[<]|.*\s.*\s", re.DOTALL)


class Learned:
    """The learned values, and the indexes that find them. At most `MOST_LEARNED` (recording: 256) of up to 4 KiB."""

    __slots__ = (
        "_brief",
        "_changed",
        "_main",
        "_most",
        "_others",
        "_raw",
        "_recent",
        "_settled",
        "_values",
        "forgotten",
        "longest",
    )

    def __init__(self, others: frozenset[bytes], *, brief: bool) -> None:
        """`others`: values that are known already."""
        self._others = others
        self._brief = brief
        self._most = MOST_LEARNED_RECORDING if brief else MOST_LEARNED
        self._values: dict[str, Known] = {}
        self._raw: set[bytes] = set()
        self._settled: list[str] = []
        self._recent: list[str] = []
        self._main = Index(())
        self._changed = False
        self.longest = 0
        self.forgotten = 0

    def values(self) -> frozenset[str]:
        """Give all of them."""
        return frozenset(self._values)

    def has(self, raw: bytes) -> bool:
        """Tell whether a value is known or learned."""
        return raw in self._raw or raw in self._others

    def add(self, value: str) -> None:
        """Learn a value, unless it is known."""
        raw = value.encode("utf-8")
        if value in self._values or raw in self._others or doubt(value) is not None:
            return
        self._raw.add(raw)
        self._values[value] = Known(value, "learned", brief=self._brief)
        self._recent.append(value)
        self.longest = max(self.longest, len(raw))
        self._changed = True

    def indexes(self) -> list[Index] | None:
        """Give the indexes anew; None where nothing was learned since they were last given."""
        if not self._changed:
            return None
        self._changed = False
        if len(self._recent) > _RECENT:
            self._settled += self._recent
            self._recent = []
            while len(self._settled) > self._most:
                oldest = self._settled.pop(0)
                del self._values[oldest]
                self._raw.discard(oldest.encode("utf-8"))
                self.forgotten += 1
            self._main = Index([self._values[value] for value in self._settled])
        return [self._main, Index([self._values[value] for value in self._recent])]


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
