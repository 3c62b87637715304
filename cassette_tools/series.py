"""A long row of measurements, thinned as it grows.

Law: a series holds at most `LIMIT` buckets. When they are full, neighbours are joined and each bucket covers twice as
many measurements from then on; a bucket keeps its largest value, so that no peak is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LIMIT", "Series"]

LIMIT: Final = 512


class Series:
    """Measurements in their order, in buckets of `width`; `peaks` has the largest of each bucket.

    `first`, `last`, `largest` and `count` are exact.
    A measurement that is None was not taken: it counts, and has no value.
    """

    __slots__ = ("_room", "count", "first", "largest", "last", "peaks", "width")

    def __init__(self) -> None:
        self.count = 0
        self.first: int | None = None
        self.last: int | None = None
        self.largest: int | None = None
        self.width = 1  # measurements in a bucket
        self.peaks: list[int | None] = []
        self._room = 0  # for more measurements in the last bucket

    def add(self, values: Sequence[int | None]) -> None:
        """Add measurements, in their order."""
        known = [value for value in values if value is not None]
        if known:
            if self.first is None:
                self.first = known[0]
            self.last = known[-1]
            self.largest = max(known) if self.largest is None else max(self.largest, *known)
        self.count += len(values)
        at = 0
        while at < len(values):
            if not self._room:
                if len(self.peaks) >= LIMIT:
                    self._halve()
                self.peaks.append(None)
                self._room = self.width
            part = values[at : at + self._room]
            self.peaks[-1] = _larger(self.peaks[-1], max((value for value in part if value is not None), default=None))
            self._room -= len(part)
            at += len(part)

    def _halve(self) -> None:
        """Join the buckets in pairs. Called between two buckets only, and their number is even: all pairs are whole."""
        self.peaks = [_larger(*self.peaks[at : at + 2]) for at in range(0, len(self.peaks), 2)]
        self.width *= 2


def _larger(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
