"""What says nothing new, and what only seems to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cassette_tools.diff.model import LONGEST_VALUE, Pairing
from cassette_tools.views.diff.grouping import (
    IN_FULL,
    IN_SHORT,
    MANY,
    First,
    Members,
    Memory,
    Numbers,
    Places,
    where,
)
from tests.cassette_tools.diffs import change, pairing, side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cassette_tools.diff.model import Change

SERVER = change("header", "server", "nginx/1", "nginx/2")


def novelties(pairings: Iterable[Pairing], *, alike: bool = True) -> list[str]:
    memory = Memory(alike=alike)
    return [memory.judge(one).novelty for one in pairings]


def of(pairings: Iterable[Pairing]) -> Numbers:
    numbers = Numbers()
    for one in pairings:
        numbers.add(one)
    return numbers


def test_the_same_changes_again_say_nothing_new_whatever_the_url() -> None:
    one, other = pairing(SERVER), pairing(SERVER, old=20, new=21)
    other.old, other.new = side(20, url="https://b.example/", method="PUT"), side(21, status=404)
    memory = Memory()
    assert memory.judge(one, "a").novelty == "new"
    judged = memory.judge(other, "b")
    assert (judged.novelty, judged.first) == ("same", First(0, "a", "17 -> 18"))


@pytest.mark.parametrize(
    "other",
    [
        change("header", "server", "nginx/1", "nginx/3"),
        change("header", "server", "nginx/0", "nginx/2"),
        change("header", "servers", "nginx/1", "nginx/2"),
        change("trailer", "server", "nginx/1", "nginx/2"),
        change("header", "server", "nginx/1", "nginx/2", part="request"),
        change("header", "server", "nginx/1", "nginx/2", action="retyped"),
        change("header", "server", None, "nginx/2"),
    ],
)
def test_changes_that_differ_in_anything_are_new(other: Change) -> None:
    assert novelties([pairing(SERVER), pairing(other)]) == ["new", "new"]
    assert novelties([pairing(SERVER), pairing(SERVER, other), pairing(other)]) == ["new", "new", "new"]


def test_none_and_the_word_none_are_two_values() -> None:
    changes = [change("json", "$.a", None, "1"), change("json", "$.a", "None", "1", action="added")]
    assert novelties([pairing(one) for one in changes]) == ["new", "new"]


@pytest.mark.parametrize(
    "value",
    ["x" * LONGEST_VALUE + "... (17 more)", "(1,500 alike) ...and so on"],
)
def test_what_was_clipped_is_the_same_as_nothing(value: str) -> None:
    one = pairing(change("json", "$.a", value, "1"))
    assert novelties([one, one]) == ["new", "new"]


def test_changes_that_were_counted_only_are_the_same_as_nothing() -> None:
    assert novelties([pairing(SERVER, left_out=1), pairing(SERVER, left_out=1)]) == ["new", "new"]


def test_whole_interactions_are_never_the_same() -> None:
    assert novelties([Pairing("removed", side(1), None), Pairing("removed", side(2), None)]) == ["new", "new"]


def test_of_many_with_other_values_in_the_same_places_the_first_are_new() -> None:
    many = [pairing(SERVER, change("json", f"$[{at}].a", f"{at}", f"{at}.5"), old=at, new=at) for at in range(1, 200)]
    expected = ["new"] * IN_FULL + ["alike"] * IN_SHORT + ["many"] * (199 - IN_FULL - IN_SHORT)
    assert novelties(many) == expected
    assert novelties(many, alike=False) == ["new"] * 199


def test_a_repetition_does_not_count_among_those_alike() -> None:
    many = [pairing(change("json", "$.a", f"{at // 2}", "x"), old=at, new=at) for at in range(2 * IN_FULL)]
    assert novelties(many) == ["new", "same"] * IN_FULL


def test_the_news_of_an_interaction_is_the_gravest_change_that_was_not_seen() -> None:
    memory = Memory()
    memory.judge(pairing(SERVER, change("header", "x-gone", "1", None)))
    changes = (
        change("header", "x-gone", "1", None),
        change("json", "$.new", None, "1"),
        change("json", "$.total", "1", "2"),
        SERVER,
    )
    news = memory.judge(pairing(*changes)).news
    assert news is changes[2]
    assert memory.judge(pairing(changes[0], changes[3])).news is changes[0]


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory = Memory()
    for at in range(3_000):
        memory.judge(pairing(change("header", f"x-{at}", "1", "2")))
    assert memory.judge(pairing(change("header", "x-0", "1", "2"))).novelty == "new"
    assert memory.judge(pairing(change("header", "x-2999", "1", "2"))).novelty == "same"


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        ([(2, 2)], "2"),
        ([(2, 3)], "2 -> 3"),
        ([(2, 2), (3, 3)], "2 and 3"),
        ([(2, 2), (3, 3), (4, 4)], "2 to 4"),
        ([(2, 3), (3, 4), (4, 5)], "2 to 4 -> 3 to 5"),
        ([(2, 2), (3, 3), (4, 4), (6, 6), (7, 8)], "2 to 4, 6, 7 -> 8"),
        ([(2, 2), (3, 4), (4, 5)], "2, 3 and 4 -> 4 and 5"),
    ],
)
def test_numbers_in_a_row_are_a_span(pairs: list[tuple[int, int]], text: str) -> None:
    assert of(pairing(old=old, new=new) for old, new in pairs).text() == text


def test_numbers_beyond_the_bound_are_counted() -> None:
    numbers = of(pairing(old=at, new=at) for at in range(1, 2_001, 2))
    assert numbers.count == 1_000
    assert numbers.text(2) == "1, 3 and 998 more"
    assert numbers.text().endswith(" and 950 more")


def test_members_of_other_cassettes_are_told_by_cassette_and_counted_beyond_some() -> None:
    members = Members()
    for at in range(8):
        members.add(f"c{at}", pairing(old=1, new=1))
        members.add(f"c{at}", pairing(old=2, new=2))
    rows, more = members.rows(8)
    assert rows[0] == ("c0", "1 and 2")
    assert (len(rows), more, members.count) == (5, 6, 16)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (change("json", "$.items[3].a[0]", "1", "2"), "response json $.items[*].a[*]"),
        (change("line", "17", "1", "2"), "response line"),
        (change("event", "3: $.delta[1]", "1", "2"), "response event $.delta[*]"),
        (change("event", "3", "1", None), "response event"),
        (change("part", "file: line 3", "1", "2", part="request"), "request part file: line *"),
        (change("header", "x-1", "1", "2"), "response header x-1"),
        (change("status", "", "1", "2"), "response status"),
    ],
)
def test_a_place_has_no_numbers(one: Change, text: str) -> None:
    assert where(one) == text


def test_places_are_told_where_there_are_many_interactions_the_gravest_first() -> None:
    places = Places()
    gone = change("json", "$.a[1]", "1", None)
    for at in range(MANY):
        places.add(pairing(SERVER, SERVER, change("json", f"$.b[{at}]", "1", "2")))
    assert places.top(10) == ([], 0)
    places.add(pairing(SERVER, gone))
    rows, more = places.top(2)
    assert rows == [("breaking", "response json $.a[*]", 1), ("warning", "response header server", MANY + 1)]
    assert more == 1


def test_one_place_needs_no_table() -> None:
    places = Places()
    for _ in range(50):
        places.add(pairing(SERVER))
    assert places.top(10) == ([], 0)
