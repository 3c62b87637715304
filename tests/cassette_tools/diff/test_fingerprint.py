"""What is remembered of an interaction: what it tells apart, what it takes, and that it can be handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools.diff import fingerprint as fingerprint_module
from cassette_tools.diff.fingerprint import LINE_TYPES, Fingerprints, fingerprints, loose_number
from cassette_tools.diff.rules import Rules
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import Cassette

if TYPE_CHECKING:
    from pathlib import Path

DATE = ("Date", "Mon, 23 Nov 2026 03:30:47 GMT")
LATER = ("Date", "Tue, 24 Nov 2026 03:30:47 GMT")


def prints_of(path: Path, cassette: Cassette, rules: Rules | None = None) -> Fingerprints:
    cassette.write(path / "c.jsonl")
    with Reader(path / "c.jsonl", types=LINE_TYPES) as reader:
        return fingerprints(reader, reader, rules or Rules())


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "exact": ({"status": 500, "body": b"x"}, {"sent": b"a"}),
    "url": ({"sent": b"a"}, {"url": "https://localhost:8443/ads?limit=6"}),
    "answer": ({"request_headers": [], "headers": [("X-A", "b")]}, {"status": 201}),
    "firm": (
        {"headers": [("content-type", "application/json"), ("X-Cache", "HIT")]},
        {"headers": [("Content-Type", "text/plain")]},
    ),
    "head": ({"at": 99, "rss": 1, "total": 1}, {"reason": "Fine"}),
    "bodies": ({"status": 404}, {"body": b'{"id":1}'}),
}


@pytest.mark.parametrize("name", SAME)
def test_each_number_is_the_same_for_what_it_stands_for_and_for_nothing_else(tmp_path: Path, name: str) -> None:
    equal, different = SAME[name]
    prints = prints_of(tmp_path, Cassette().get().get(**equal).get(**different))
    first, second, third = getattr(prints, name)
    assert first == second
    assert first != third


def test_the_loose_number_forgets_what_is_volatile_in_a_path() -> None:
    one, other = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    numbers = [loose_number("GET", f"https://a/jobs/{name}", Rules()) for name in (one, other, "all")]
    assert numbers[0] == numbers[1] != numbers[2]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([DATE], [DATE], {}),
        ([DATE], [LATER], {("date", "response header date"): 1}),
        ([DATE, ("Age", "1")], [("Age", "1"), DATE], {}),
        ([DATE, ("X-Cache", "HIT")], [DATE], {("cache", "response header x-cache"): 1}),
    ],
    ids=["equal", "another value", "another order", "not there"],
)
def test_what_was_set_aside_is_told_where_it_differs(
    tmp_path: Path,
    old: list[tuple[str, str]],
    new: list[tuple[str, str]],
    expected: dict[tuple[str, str], int],
) -> None:
    one = prints_of(tmp_path, Cassette().get(headers=old))
    other = prints_of(tmp_path, Cassette().get(headers=new))
    assert one.head == other.head
    found = one.ignored(0, other, 0)
    assert found is not None
    assert {(ignored.rule, ignored.where): count for ignored, count in found.items()} == expected


def test_what_cannot_be_remembered_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint_module, "_MOST_SHAPES", 0)
    prints = prints_of(tmp_path, Cassette().get(headers=[DATE]).get(headers=[DATE]))
    assert prints.ignored(0, prints, 1) is None


def test_they_are_handed_over_as_they_are(tmp_path: Path) -> None:
    prints = prints_of(tmp_path, Cassette().get(headers=[DATE]).get(body=b"x" * 100, pieces=2).get(headers=[LATER]))
    path = tmp_path / "prints"
    with path.open("wb") as real:
        prints.save(real)
    with path.open("rb") as real:
        loaded = Fingerprints.load(real)
    for name in Fingerprints.__slots__:
        if name != "pieces":
            assert getattr(loaded, name) == getattr(prints, name), name
    assert {at: sorted(parts) for at, parts in loaded.pieces.items()} == {1: ["response"]}


def test_an_interaction_takes_about_seventy_bytes(tmp_path: Path) -> None:
    made = Cassette()
    for number in range(100):
        made.get(url=f"https://localhost:8443/{number}", headers=[DATE, ("X-Request-Id", str(number))])
    prints = prints_of(tmp_path, made)
    arrays = [getattr(prints, name) for name in fingerprint_module._ARRAYS]
    size = sum(len(one) * one.itemsize for one in arrays) + len(prints.version)
    assert size / len(prints) <= 90


def test_contents_are_given_as_they_were_or_not_at_all(tmp_path: Path) -> None:
    prints = prints_of(tmp_path, Cassette().get(body=b'{"id": 1}').get(body=b'{"id": 2}').get(body=None))
    path = tmp_path / "c.jsonl"
    with Reader(path) as reader:
        given = [prints.contents(reader, place) for place in range(3)]
    assert given == [{"response": {"text": '{"id": 1}'}}, {"response": {"text": '{"id": 2}'}}, {}]
    path.write_bytes(path.read_bytes().replace(b'{\\"id\\": 2}', b'{\\"id\\": 3}'))
    with Reader(path) as reader:
        assert prints.contents(reader, 0) == given[0]
        assert prints.contents(reader, 1) is None


def test_what_is_remembered_of_headers_changes_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Cassette()
    for number in range(40):
        made.get(
            headers=[("X-A", str(number % 7)), DATE, ("x-a", "2"), ("Set-Cookie", f"a={number % 3}")][number % 4 :]
        )
    expected = prints_of(tmp_path, made)
    for name in ("MOST_CACHED", "_MOST_TAKEN"):
        monkeypatch.setattr(fingerprint_module, name, 1)
        assert prints_of(tmp_path, made).head == expected.head


def test_the_order_of_headers_counts_among_those_of_one_name(tmp_path: Path) -> None:
    one, other, third = ("X-A", "1"), ("x-a", "2"), ("X-B", "3")
    made = Cassette().get(headers=[one, other, third]).get(headers=[third, one, other]).get(headers=[other, one, third])
    first, second, last = prints_of(tmp_path, made).head
    assert first == second != last
