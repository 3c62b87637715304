"""Counts by key, in bounded memory, however many different keys there are.

Law: a tally never holds more than its limit of keys, none of them longer than its bound, and never loses a count:
what has no row of its own is in `others`. Whether rows were given up is told, so that no view shows a cut table as a
whole one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Row", "Tally", "clipped"]


class Row(Protocol):
    """What a tally keeps for a key: a count, and whatever else can be added up."""

    count: int

    def merge(self, other: Self) -> None:
        """Add the figures of `other`, a row of the same kind."""


R = TypeVar("R", bound=Row)


class Tally(Generic[R]):
    """Rows by key, at most `limit` of them.

    When a new key finds the tally full, the less frequent half of the rows is added to `others` (as in lossy
    counting: Manku and Motwani, VLDB 2002). A key that was given up and comes again starts anew, so after a cut
    (`was_cut`) each row's count is a lower bound, while the sum of all rows and `others` stays exact. A key of the
    more frequent half survives a cut.
    """

    __slots__ = ("_limit", "_new", "others", "rows", "was_cut")

    def __init__(self, new: Callable[[], R], limit: int) -> None:
        self.rows: dict[str, R] = {}
        self.others: R = new()
        self.was_cut = False
        self._new = new
        self._limit = limit

    def row(self, key: str) -> R:
        """Return the row of `key`, perhaps a new one. It is good for one addition: a later call may give it up."""
        row = self.rows.get(key)
        if row is None:
            if len(self.rows) >= self._limit:
                self.cut()
            row = self.rows[key] = self._new()
        return row

    def add(self, rows: Iterable[tuple[str, R]]) -> None:
        """Add rows to those of their keys."""
        for key, row in rows:
            self.row(key).merge(row)

    def top(self, number: int) -> list[tuple[str, R]]:
        """Return the `number` most frequent rows, most frequent first; rows of one count in the order of their keys."""
        return sorted(self.rows.items(), key=lambda item: (-item[1].count, item[0]))[:number]

    def rest(self, number: int) -> R:
        """Return the sum of all that `top(number)` leaves out."""
        rest = self._new()
        rest.merge(self.others)
        for _, row in sorted(self.rows.items(), key=lambda item: (-item[1].count, item[0]))[number:]:
            rest.merge(row)
        return rest

    def merge(self, other: Tally[R]) -> None:
        """Add the rows of `other`, a tally of what came later, and what it gave up."""
        self.others.merge(other.others)
        self.was_cut = self.was_cut or other.was_cut
        for key, row in other.rows.items():
            self.row(key).merge(row)

    def cut(self) -> None:
        """Give up the less frequent half of the rows: they become a part of `others`."""
        ordered = sorted(self.rows.items(), key=lambda item: -item[1].count)
        keep = max(1, len(self.rows) // 2)
        for _, row in ordered[keep:]:
            self.others.merge(row)
        self.rows = dict(ordered[:keep])
        self.was_cut = True


def clipped(text: str, length: int) -> str:
    """Return `text`, or its beginning and three dots where it is longer than `length`: a key is bounded, too."""
    return text if len(text) <= length else text[: length - 3] + "..."
