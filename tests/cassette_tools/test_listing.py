"""Each interaction has one entry, with the number that finds it again."""

from __future__ import annotations

import io
from typing import Any

import pytest

from cassette_tools.listing import LINE_TYPES, entries, find
from recorder.errors import BadCassetteError, UsageError
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import BEGAN, Cassette, stamp

FAILED = {"phase": "body", "type": "http.client.IncompleteRead", "message": "short"}


def reader(cassette: Cassette) -> Reader:
    return Reader(io.BytesIO(cassette.data()), types=LINE_TYPES)


def test_an_entry_says_what_the_line_says() -> None:
    cassette = Cassette().get("https://h/1", sent=b"abc", body=b"12", at=0.5, total=7.5)
    cassette.get("https://h/2", status=None, body=None, error=FAILED).get("https://h/3", error=FAILED)
    first, second, third = entries(reader(cassette.end()))
    assert (first.number, first.offset_ms, first.method, first.url) == (1, 500.0, "GET", "https://h/1")
    assert (first.status, first.error, first.total_ms) == (200, None, 7.5)
    assert (first.request_size, first.response_size) == (3, 2)
    assert (second.number, second.status, second.error, second.response_size) == (2, None, "IncompleteRead", None)
    assert (third.status, third.error) == (200, "IncompleteRead")


def test_offsets_count_from_the_header_of_their_own_run() -> None:
    cassette = Cassette().get(at=2.0).header(created_at=stamp(10)).get(at=10.25).header(created_at=None).get()
    assert [entry.offset_ms for entry in entries(reader(cassette))] == [2000.0, 250.0, None]


def test_an_entry_is_found_again_by_its_number() -> None:
    cassette = Cassette().process().get("https://h/1").diagnosis().get("https://h/2", pieces=2).get("https://h/3")
    for number in (1, 2, 3):
        line, began = find(reader(cassette), number, name="c.jsonl")
        assert line.head["request"]["url"] == f"https://h/{number}"
        assert began == BEGAN


@pytest.mark.parametrize(("count", "told"), [(0, "there are none"), (3, "the last one is number 3")])
def test_a_number_beyond_the_last_says_which_is_the_last(count: int, told: str) -> None:
    cassette = Cassette()
    for _ in range(count):
        cassette.get()
    with pytest.raises(UsageError, match=rf"my c.jsonl: .*{told}.*inspect 'my c.jsonl' --list"):
        find(reader(cassette), 4, name="my c.jsonl")


@pytest.mark.parametrize(
    "changes",
    [
        {"request": None},
        {"request": {"method": 1, "url": "u"}},
        {"response": {"status": None}},
        {"started_at": 7},
        {"started_at": "2026-11-23"},
        {"error": {"phase": "body"}},
        {"error": {"phase": "body", "type": None}},
        {"timings_ms": {"total": "x"}},
        {"request": {"method": "GET", "url": "u", "body": {"size": -1}}},
        {"request": {"method": "GET", "url": "u", "body": {"size": 10.0**20}}},
        {"response": {"status": 200, "body": {"size": "9" * 400}}},
    ],
)
def test_a_malformed_line_is_refused_with_its_number(changes: dict[str, Any]) -> None:
    with pytest.raises(BadCassetteError, match="line 3"):
        list(entries(reader(Cassette().get().get(**changes))))
