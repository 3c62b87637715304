"""Repeated requests: found exactly, whatever their number, in memory that does not grow with it."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools import duplicates
from cassette_tools.duplicates import NUMBERS, Duplicates, Group
from cassette_tools.listing import LINE_TYPES, Entry, entries
from recorder.errors import CassetteReadError
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import environment

if TYPE_CHECKING:
    from pathlib import Path

FAILED = {"phase": "connect", "type": "ConnectionError", "message": "no"}
OTHER = {"phase": "connect", "type": "TimeoutError", "message": "no"}


def entry(number: int, url: str = "https://h/", *, total: float | None = 1.0, size: int = 10, body: str = "b") -> Entry:
    head = {"request": {"body": None}, "response": {"body": {"sha256": body}}}
    return Entry(number, None, "GET", url, 200, None, None, size, total, head)


def groups_of(listed: list[Entry], top: int = 10) -> list[Group]:
    with Duplicates() as found:
        for one in listed:
            found.add(one)
        return found.found(top)[0]


def groups_in(cassette: Cassette) -> list[Group]:
    return groups_of(list(entries(Reader(io.BytesIO(cassette.data()), types=LINE_TYPES))))


def test_a_group_says_what_was_repeated_how_often_and_what_that_cost() -> None:
    cassette = Cassette()
    cassette.get("https://h/once").get("https://h/a", total=100, body=b"12345").get("https://h/a", total=7, body=b"12")
    cassette.get("https://h/a", total=5.5, body=b"1", status=404)
    [group] = groups_in(cassette)
    assert group == Group("GET", "https://h/a", 3, [2, 3, 4], "different", {200: 2, 404: 1}, 12.5, 3)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"url": "https://h/a"}, {"url": "https://h/b"}),
        ({"method": "POST"}, {"method": "PUT"}),
        ({"sent": b"a"}, {"sent": b"b"}),
        ({"sent": b"a"}, {"sent": None}),
        ({"url": "https://h/a", "method": "GETX"}, {"url": "Xhttps://h/a", "method": "GET"}),
    ],
)
def test_requests_that_differ_are_no_duplicates(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert groups_in(Cassette().interaction(**first).interaction(**second)) == []


def test_no_body_and_an_empty_one_are_the_same_request() -> None:
    assert len(groups_in(Cassette().get(sent=None).get(sent=b""))) == 1


def test_bodies_in_pieces_are_told_apart_by_their_digest() -> None:
    assert groups_in(Cassette().get(body=b"ab", pieces=2).get(body=b"ab"))[0].answers == "same"


@pytest.mark.parametrize(
    ("first", "second", "answers"),
    [
        ({}, {}, "same"),
        ({"body": None}, {"body": None}, "same"),
        ({"body": b"1"}, {"body": b"2"}, "different"),
        ({"status": 200}, {"status": 201}, "different"),
        ({"status": None, "body": None, "error": FAILED}, {"status": None, "body": None, "error": FAILED}, "same"),
        ({"status": None, "body": None, "error": FAILED}, {"status": None, "body": None, "error": OTHER}, "different"),
        ({"status": None, "body": None, "error": FAILED}, {}, "different"),
        ({"body_changes": {"sha256": None}}, {"body_changes": {"sha256": None}}, "unknown"),
        ({"body_changes": {"sha256": None}}, {}, "unknown"),
    ],
)
def test_answers_are_compared_by_status_and_body(first: dict[str, Any], second: dict[str, Any], answers: str) -> None:
    [group] = groups_in(Cassette().get(**first).get(**second))
    assert group.answers == answers


def test_a_request_body_without_a_digest_is_the_same_as_no_other() -> None:
    head = {"request": {"body": {"sha256": None}}, "response": None}
    listed = [Entry(number, None, "POST", "u", 200, None, 3, None, 1.0, head) for number in (1, 2)]
    assert groups_of(listed) == []


def test_what_costs_most_comes_first_by_time_then_bytes_then_count_then_place() -> None:
    listed = [
        *(entry(number, "slow", total=500) for number in (1, 2)),
        *(entry(number, "large", total=1, size=10_000) for number in (3, 4)),
        *(entry(number, "small", total=1, size=5) for number in (5, 6)),
        *(entry(number, "untimed", total=None, size=10**9) for number in (7, 8)),
        *(entry(number, "often", total=0, size=0) for number in (9, 10, 11)),
        *(entry(number, "seldom", total=0, size=0) for number in (12, 13)),
        *(entry(number, "later", total=0, size=0) for number in (14, 15)),
    ]
    order = ["slow", "large", "small", "untimed", "often", "seldom", "later"]
    assert [group.url for group in groups_of(listed)] == order
    assert [group.url for group in groups_of(listed, top=2)] == order[:2]


@pytest.mark.parametrize(
    ("totals", "cost"), [((None, None), None), ((5.0, None), None), ((None, 5.0), 5.0), ((1.0, 2.0), 2.0)]
)
def test_the_time_of_repeats_is_told_as_far_as_it_is_known(
    totals: tuple[float | None, float | None], cost: float | None
) -> None:
    [group] = groups_of([entry(place + 1, total=total) for place, total in enumerate(totals)])
    assert group.repeats_ms == cost


def test_of_many_interactions_the_first_few_are_named() -> None:
    [group] = groups_of([entry(number) for number in range(1, 51)])
    assert (group.count, group.numbers) == (50, list(range(1, NUMBERS + 1)))


def test_values_beyond_measure_do_not_stop_it() -> None:
    head = {"request": {"body": None}, "response": None}
    listed = [
        Entry(number, None, "\ud800", "\ud800", 1 << 80, None, None, 1 << 90, 1e308, head) for number in (1, 2, 3)
    ]
    [group] = groups_of(listed)
    assert group.count == 3
    assert group.url == "\\ud800"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 3), st.none() | st.integers(0, 9)),
        max_size=40,
    )
)
def test_groups_and_totals_are_those_of_a_plain_count(rows: list[tuple[str, str, int, int | None]]) -> None:
    listed = [
        entry(place + 1, url, body=body, size=size, total=total) for place, (url, body, size, total) in enumerate(rows)
    ]
    plain: dict[str, list[Entry]] = defaultdict(list)
    for one in listed:
        plain[one.url].append(one)
    repeated = {url: group for url, group in plain.items() if len(group) > 1}
    with Duplicates() as found:
        for one in listed:
            found.add(one)
        groups, totals = found.found(10)
    assert {group.url: group.count for group in groups} == {url: len(group) for url, group in repeated.items()}
    repeats = [one for group in repeated.values() for one in group[1:]]
    assert (totals.interactions, totals.groups, totals.repeats) == (len(rows), len(repeated), len(repeats))
    assert totals.repeats_bytes == sum(one.response_size or 0 for one in repeats)
    times = [one.total_ms for one in repeats if one.total_ms is not None]
    assert totals.repeats_ms == (sum(times) if times else None)


def test_a_full_disk_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_SETTINGS", (*duplicates._SETTINGS, "PRAGMA max_page_count = 4"))
    listed = [entry(number, f"https://h/{number}") for number in range(10_000)]
    with pytest.raises(CassetteReadError, match=r"SQLITE_FULL.*TMPDIR"):
        groups_of(listed)


MANY = """
import sys
from cassette_tools.duplicates import Duplicates
from cassette_tools.listing import Entry
from tests.peak import peak_kib

count = int(sys.argv[1])
with Duplicates() as found:
    for number in range(count):
        head = {"request": {"body": None}, "response": {"body": None}}
        url = f"https://example.com/a/path/of/some/length/{number % (count // 2)}"
        found.add(Entry(number + 1, None, "GET", url, 200, None, None, 10, 1.0, head))
    groups, totals = found.found(10)
assert len(groups) == 10
assert (totals.groups, totals.repeats) == (count // 2, count // 2), totals
print(peak_kib())
"""


def peak(count: int) -> int:
    done = subprocess.run(
        [sys.executable, "-c", MANY, str(count)], capture_output=True, env=environment(), timeout=300, check=True
    )
    return int(done.stdout)


def test_memory_does_not_grow_with_the_number_of_interactions() -> None:
    small, large = peak(20_000), peak(120_000)
    assert large - small < 48 * 1024


@pytest.mark.full
def test_millions_of_interactions_are_grouped_in_the_same_memory() -> None:
    assert peak(3_000_000) < 110 * 1024


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path: Path) -> None:
    cassette = Cassette()
    for number in range(200):
        cassette.get(f"https://h/{number % 100}?{hashlib.sha256(b'x').hexdigest() * 40}")
    path = cassette.write(tmp_path / "c.jsonl")
    folder = tmp_path / "temporary"
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", "cassette_tools", "inspect", path, "--duplicates"],
        capture_output=True,
        env=environment(TMPDIR=str(folder), SQLITE_TMPDIR=str(folder)),
        timeout=60,
        check=True,
    )
    assert list(folder.iterdir()) == []
