"""What stays in place between two sequences: elements of arrays, lines of texts, events, repeated headers.

Law: pairs of equal elements, in order on both sides. Never quadratic: time is n log n, plus `_SMALL` comparisons for
each short gap. The same input gives the same pairs.

How: what both begin and end with; then elements that stand once on each side, the longest of their sequences that
agrees (patience), and so on between them; a short gap exactly (longest common subsequence); a long gap without such
elements by which time an element comes there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

__all__ = ["gaps", "longest_increasing", "matches"]

_SMALL: Final = 1_024
"""Cells of the table for a gap that is solved exactly."""

_LEVELS: Final = 12
"""How often gaps between unique elements are looked into."""


def matches(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Give pairs of places of equal elements, rising on both sides."""
    pairs: list[tuple[int, int]] = []
    work = [(0, len(old), 0, len(new), 0)]
    while work:
        start, end, first, last, level = work.pop()
        start, end, first, last = _strip(old, new, (start, end, first, last), pairs)
        if start == end or first == last:
            continue
        if (end - start) * (last - first) <= _SMALL:
            pairs.extend(_exact(old, new, (start, end, first, last)))
            continue
        anchors = _unique(old, new, (start, end, first, last)) if level < _LEVELS else []
        if not anchors:
            pairs.extend(_by_turn(old, new, (start, end, first, last)))
            continue
        pairs.extend(anchors)
        for anchor, beside in [*anchors, (end, last)]:
            work.append((start, anchor, first, beside, level + 1))
            start, first = anchor + 1, beside + 1
    pairs.sort()
    return pairs


def gaps(pairs: Iterable[tuple[int, int]], old: int, new: int) -> Iterator[tuple[int, int, int, int]]:
    """Give what lies between pairs, of sequences of `old` and `new` elements: (start, end) of the one and the other."""
    start = first = 0
    for place, beside in [*pairs, (old, new)]:
        if place > start or beside > first:
            yield start, place, first, beside
        start, first = place + 1, beside + 1


def longest_increasing(numbers: Sequence[int]) -> list[int]:
    """Give the places of one longest sequence of rising numbers. Time n log n."""
    tails: list[int] = []  # the smallest last number of a rising sequence of each length
    ends: list[int] = []  # its place
    before: list[int] = []
    for place, number in enumerate(numbers):
        length = bisect_left(tails, number)
        before.append(ends[length - 1] if length else -1)
        if length == len(tails):
            tails.append(number)
            ends.append(place)
        else:
            tails[length], ends[length] = number, place
    chain = []
    place = ends[-1] if ends else -1
    while place >= 0:
        chain.append(place)
        place = before[place]
    return chain[::-1]


def _strip(
    old: Sequence[Hashable], new: Sequence[Hashable], span: tuple[int, int, int, int], pairs: list[tuple[int, int]]
) -> tuple[int, int, int, int]:
    """Pair what both begin and end with; give what is left."""
    start, end, first, last = span
    while start < end and first < last and old[start] == new[first]:
        pairs.append((start, first))
        start, first = start + 1, first + 1
    while start < end and first < last and old[end - 1] == new[last - 1]:
        end, last = end - 1, last - 1
        pairs.append((end, last))
    return start, end, first, last


def _exact(
    old: Sequence[Hashable], new: Sequence[Hashable], span: tuple[int, int, int, int]
) -> Iterator[tuple[int, int]]:
    """Give a longest common subsequence. Time and memory: the product of the lengths."""
    start, end, first, last = span
    rows, columns = end - start, last - first
    lengths = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        for column in range(columns - 1, -1, -1):
            if old[start + row] == new[first + column]:
                lengths[row][column] = lengths[row + 1][column + 1] + 1
            else:
                lengths[row][column] = max(lengths[row + 1][column], lengths[row][column + 1])
    row = column = 0
    while row < rows and column < columns:
        if old[start + row] == new[first + column]:
            yield start + row, first + column
            row, column = row + 1, column + 1
        elif lengths[row + 1][column] >= lengths[row][column + 1]:
            row += 1
        else:
            column += 1


def _unique(old: Sequence[Hashable], new: Sequence[Hashable], span: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    """Give the longest sequence of pairs of elements that stand once on each side."""
    start, end, first, last = span
    here, there = Counter(old[start:end]), Counter(new[first:last])
    places = {new[place]: place for place in range(first, last) if there[new[place]] == 1}
    pairs = [
        (place, places[old[place]])
        for place in range(start, end)
        if here[old[place]] == 1 and old[place] in places
    ]  # fmt: skip
    return [pairs[at] for at in longest_increasing([beside for _, beside in pairs])]


def _by_turn(
    old: Sequence[Hashable], new: Sequence[Hashable], span: tuple[int, int, int, int]
) -> list[tuple[int, int]]:
    """Pair the first of each element with the first, the second with the second; keep the longest that is in order."""
    start, end, first, last = span
    turns: Counter[Hashable] = Counter()
    places: dict[tuple[Hashable, int], int] = {}
    for place in range(first, last):
        turns[new[place]] += 1
        places[new[place], turns[new[place]]] = place
    turns.clear()
    pairs = []
    for place in range(start, end):
        turns[old[place]] += 1
        beside = places.get((old[place], turns[old[place]]))
        if beside is not None:
            pairs.append((place, beside))
    return [pairs[at] for at in longest_increasing([beside for _, beside in pairs])]
