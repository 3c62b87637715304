"""What stays in place between two sequences, held against a slow and plain second implementation."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.diff.sequences import gaps, longest_increasing, matches

SHORT = st.lists(st.integers(0, 4), max_size=12)
LONG = st.lists(st.integers(0, 30), max_size=120)


def longest(old: list[int], new: list[int]) -> int:
    """Give the length of a longest common subsequence, by the definition."""
    row = [0] * (len(new) + 1)
    for one in old:
        before = row[:]
        for place, other in enumerate(new, 1):
            row[place] = before[place - 1] + 1 if one == other else max(before[place], row[place - 1])
    return row[-1]


@given(LONG, LONG)
def test_pairs_are_of_equal_elements_and_rise_on_both_sides(old: list[int], new: list[int]) -> None:
    pairs = matches(old, new)
    assert all(old[place] == new[beside] for place, beside in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))


@given(SHORT, SHORT)
def test_short_sequences_keep_as_much_as_can_be_kept(old: list[int], new: list[int]) -> None:
    assert len(matches(old, new)) == longest(old, new)


@given(st.lists(st.integers(), max_size=200))
def test_a_sequence_beside_itself_keeps_everything(one: list[int]) -> None:
    assert matches(one, one) == [(place, place) for place in range(len(one))]


@given(st.lists(st.integers(), unique=True, max_size=150), st.data())
def test_of_distinct_elements_exactly_what_was_taken_out_is_missing(one: list[int], data: Any) -> None:
    kept = [value for value in one if data.draw(st.booleans())]
    assert [one[place] for place, _ in matches(one, kept)] == kept


@given(SHORT, SHORT)
def test_gaps_and_pairs_cover_both_sequences_once(old: list[int], new: list[int]) -> None:
    pairs = matches(old, new)
    places = sorted(
        [place for place, _ in pairs]
        + [place for start, end, *_ in gaps(pairs, len(old), len(new)) for place in range(start, end)]
    )
    besides = sorted(
        [beside for _, beside in pairs]
        + [place for *_, first, last in gaps(pairs, len(old), len(new)) for place in range(first, last)]
    )
    assert places == list(range(len(old)))
    assert besides == list(range(len(new)))


@given(st.lists(st.integers(0, 50), max_size=60))
def test_a_longest_rising_sequence_rises_and_is_longest(numbers: list[int]) -> None:
    chain = longest_increasing(numbers)
    values = [numbers[place] for place in chain]
    assert all(a < b for a, b in pairwise(chain))
    assert all(a < b for a, b in pairwise(values))
    assert len(chain) == longest(numbers, sorted(set(numbers)))


def test_time_does_not_grow_with_the_square_for_repeats_moves_and_noise() -> None:
    counted = 0

    class Counted(int):
        def __eq__(self, other: object) -> bool:
            nonlocal counted
            counted += 1
            return int.__eq__(self, other)

        __hash__ = int.__hash__

    def cost(make: Any, size: int) -> int:
        nonlocal counted
        old, new = make(size)
        counted = 0
        matches([Counted(one) for one in old], [Counted(one) for one in new])
        return counted

    def repeated(size: int) -> tuple[list[int], list[int]]:
        return [0] * size, [1, *[0] * size, 1]

    def noise(size: int) -> tuple[list[int], list[int]]:
        drawn = random.Random(1)
        return [drawn.randrange(9) for _ in range(size)], [drawn.randrange(9) for _ in range(size)]

    def turned(size: int) -> tuple[list[int], list[int]]:
        return list(range(size)), list(range(size))[::-1]

    def mixed(size: int) -> tuple[list[int], list[int]]:
        drawn = random.Random(2)
        old = list(range(size))
        return old, sorted(old, key=lambda one: one + drawn.randrange(50))

    for make in (repeated, noise, turned, mixed):
        half, whole = cost(make, 4_000), cost(make, 8_000)
        assert whole < 3 * half + 10_000, make.__name__
