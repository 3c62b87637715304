"""Percentiles of many numbers in bounded memory.

Law: a histogram keeps counts, never values. Its buckets grow by a constant factor, so that each percentile is within
1 % of a value that was really there, whatever was counted, and two histograms can be added. (The idea of DDSketch:
Masson, Rim, Lee, VLDB 2019.)
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RELATIVE_ERROR", "Histogram"]

RELATIVE_ERROR: Final = 0.01

# A bucket reaches from FACTOR**k to FACTOR**(k+1) times the smallest value; its middle is at most 1 % from either end.
_FACTOR: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_FACTOR: Final = math.log(_FACTOR)
_SMALLEST: Final = 1e-3
_LARGEST: Final = 1e15
_LOG_SMALLEST: Final = math.log(_SMALLEST)


class Histogram:
    """Counts numbers from 0 to 1e15 and tells their percentiles.

    Bounds: at most 2,075 buckets (about 200 KB when every one of them is used; a few KB in practice). Numbers below
    0.001 count as 0, numbers above 1e15 as 1e15. `count`, `total`, `smallest` and `largest` are exact.
    """

    __slots__ = ("_buckets", "_zeros", "count", "largest", "smallest", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.smallest = math.inf
        self.largest = -math.inf
        self._zeros = 0
        self._buckets: dict[int, int] = {}

    def add(self, values: Sequence[float]) -> None:
        """Count numbers; many at a time cost much less. ValueError, counting none, where one is negative or NaN."""
        if not values:
            return
        smallest, largest, total = min(values), max(values), sum(values)
        if not (smallest >= 0 and total < math.inf):  # one NaN makes the sum NaN, which is not less either
            raise ValueError("a histogram counts numbers from 0 up")
        self.count += len(values)
        self.total += total
        self.smallest = min(self.smallest, smallest)
        self.largest = max(self.largest, largest)
        if smallest < _SMALLEST or largest > _LARGEST:
            self._zeros += sum(1 for value in values if value < _SMALLEST)
            values = [min(value, _LARGEST) for value in values if value >= _SMALLEST]
        scale, offset = 1 / _LOG_FACTOR, -_LOG_SMALLEST / _LOG_FACTOR
        buckets = self._buckets
        for bucket, count in Counter([int(log * scale + offset) for log in map(math.log, values)]).items():
            buckets[bucket] = buckets.get(bucket, 0) + count

    @property
    def buckets(self) -> int:
        """How many buckets are in use: what memory it takes."""
        return len(self._buckets)

    def merge(self, other: Histogram) -> None:
        """Add the counts of `other`."""
        self.count += other.count
        self.total += other.total
        self.smallest = min(self.smallest, other.smallest)
        self.largest = max(self.largest, other.largest)
        self._zeros += other._zeros
        for bucket, count in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count

    def percentile(self, percent: float) -> float | None:
        """Return the number that `percent` (0 to 100) of the counted numbers do not exceed; None when none was counted.

        The rank is the nearest one: of 200 numbers the 99th percentile is the 198th. Off by at most 1 % of the
        number, or by 0.001 below that.
        """
        if not self.count:
            return None
        rank = max(1, math.ceil(percent / 100 * self.count))
        passed = self._zeros
        if rank <= passed:
            return max(0.0, self.smallest)
        for bucket in sorted(self._buckets):
            passed += self._buckets[bucket]
            if rank <= passed:
                return self._middle(bucket)
        return self.largest

    def _middle(self, bucket: int) -> float:
        """Return the bucket's middle, moved inside what was really seen."""
        low = _SMALLEST * math.exp(bucket * _LOG_FACTOR)
        return min(max(2 * low * _FACTOR / (1 + _FACTOR), self.smallest), self.largest)
