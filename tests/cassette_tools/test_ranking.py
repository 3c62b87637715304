"""Rankings: the greatest first, ties in their order, memory for as many as are asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.listing import LINE_TYPES, Entry, entries
from cassette_tools.ranking import bytes_of, is_error, ranked
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import Cassette

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILED = {"phase": "body", "type": "http.client.IncompleteRead", "message": "short"}


def entry(number: int, total: float | None = None, sent: int | None = None, received: int | None = None) -> Entry:
    return Entry(number, None, "GET", "https://h/", 200, None, sent, received, total, {})


@given(st.lists(st.none() | st.sampled_from([0.0, 1.5, 2.0]) | st.floats(0, 1e9)), st.integers(1, 8))
def test_the_slowest_come_first_and_equal_ones_in_their_order(totals: list[float | None], top: int) -> None:
    listed = [entry(place + 1, total) for place, total in enumerate(totals)]
    ranking = ranked(listed, "time", top)
    known = [one for one in listed if one.total_ms is not None]
    assert ranking.entries == sorted(known, key=lambda one: -(one.total_ms or 0))[:top]
    assert (ranking.seen, ranking.known) == (len(totals), len(known))


@given(st.lists(st.tuples(st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))), st.integers(1, 8))
def test_the_largest_are_those_with_the_most_bytes_in_both_bodies(
    sizes: list[tuple[int | None, int | None]], top: int
) -> None:
    listed = [entry(place + 1, None, sent, received) for place, (sent, received) in enumerate(sizes)]
    ranking = ranked(listed, "size", top)
    assert (
        ranking.entries == sorted(listed, key=lambda one: -((one.request_size or 0) + (one.response_size or 0)))[:top]
    )
    assert ranking.known == len(sizes)


def test_no_more_entries_are_held_than_are_asked_for() -> None:
    alive: list[int] = []

    class Counted(Entry):
        __slots__ = ()

        def __del__(self) -> None:
            alive.remove(self.number)

    most = 0

    def growing() -> Iterator[Entry]:
        nonlocal most
        for number in range(1, 1001):
            alive.append(number)
            most = max(most, len(alive))
            yield Counted(number, None, "GET", "u", 200, None, 0, 0, float(number), {})

    assert [one.number for one in ranked(growing(), "time", 3).entries] == [1000, 999, 998]
    assert most <= 6  # three, the one at hand, and the one that is being made


@pytest.mark.parametrize(
    ("cassette", "wrong"),
    [
        (Cassette().get(status=200), False),
        (Cassette().get(status=399), False),
        (Cassette().get(status=400), True),
        (Cassette().get(status=503), True),
        (Cassette().get(status=200, error=FAILED), True),
        (Cassette().get(status=None, body=None, error=FAILED), True),
        (Cassette().get(status=None, body=None), True),
    ],
)
def test_an_error_is_a_failure_no_response_or_a_status_from_400_on(cassette: Cassette, wrong: bool) -> None:
    [one] = entries(Reader(io.BytesIO(cassette.data()), types=LINE_TYPES))
    assert is_error(one) is wrong


def test_bytes_of_both_bodies_count() -> None:
    [one] = entries(Reader(io.BytesIO(Cassette().get(sent=b"abc", body=b"12").data()), types=LINE_TYPES))
    assert bytes_of(one) == 5
