"""Counts by key stay bounded, lose nothing, and say when rows were given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.summary import Count, Traffic
from cassette_tools.tally import Tally, clipped


def tally(keys: list[str], limit: int) -> Tally[Count]:
    one = Tally(Count, limit)
    for key in keys:
        one.row(key).count += 1
    return one


@given(st.lists(st.text("abcdefghij", max_size=2)), st.integers(2, 20), st.integers(0, 30))
def test_no_count_is_lost_and_no_row_beyond_the_limit_is_held(keys: list[str], limit: int, top: int) -> None:
    one = tally(keys, limit)
    assert len(one.rows) <= limit
    assert sum(row.count for row in one.rows.values()) + one.others.count == len(keys)
    assert sum(row.count for _, row in one.top(top)) + one.rest(top).count == len(keys)
    assert one.was_cut == (one.others.count > 0)
    for key, row in one.rows.items():
        assert row.count <= keys.count(key)
        assert row.count == keys.count(key) or one.was_cut


def test_the_frequent_keys_survive_a_flood_of_different_ones() -> None:
    keys = [key for number in range(20_000) for key in ("often", f"once {number}", "also" if number % 2 else "rare")]
    one = tally(keys, 64)
    assert [key for key, _ in one.top(3)] == ["often", "also", "rare"]
    assert one.rows["often"].count == 20_000
    assert one.was_cut


def test_rows_of_one_count_come_in_the_order_of_their_keys() -> None:
    assert [key for key, _ in tally(["b", "a", "c", "c"], 10).top(3)] == ["c", "a", "b"]


def test_traffic_adds_up_every_figure() -> None:
    one = Traffic(count=1, failures=2, errors=3, bytes_sent=4, bytes_received=5, timed=6, total_ms=7.5, slowest_ms=8.5)
    one.merge(Traffic(10, 20, 30, 40, 50, 60, 70.25, 4.0))
    assert one == Traffic(11, 22, 33, 44, 55, 66, 77.75, 8.5)


def test_a_key_is_clipped_to_its_bound() -> None:
    assert clipped("a" * 10, 10) == "a" * 10
    assert clipped("a" * 11, 10) == "a" * 7 + "..."


def test_a_merged_tally_keeps_every_count() -> None:
    one: Tally[Count] = Tally(Count, 4)
    other: Tally[Count] = Tally(Count, 4)
    for number in range(6):
        one.row(f"a{number}").count += number
        other.row(f"a{number % 3}").count += 1
    one.merge(other)
    assert one.was_cut
    assert sum(row.count for row in one.rows.values()) + one.others.count == 15 + 6
    whole: Tally[Count] = Tally(Count, 4)
    whole.merge(other)
    assert {key: row.count for key, row in whole.rows.items()} == {"a0": 2, "a1": 2, "a2": 2}
    assert not whole.was_cut
