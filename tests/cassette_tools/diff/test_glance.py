"""What is told of two JSON texts at a glance: the same as the comparison of their values says, or nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.diff import glance
from cassette_tools.diff.findings import Compared, Findings
from cassette_tools.diff.glance import compared_json
from cassette_tools.diff.json_fields import compare_json
from cassette_tools.diff.json_values import read_json
from cassette_tools.diff.rules import Rules
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.diff.messages import said
from tests.cassette_tools.diff.test_comparison import compared

if TYPE_CHECKING:
    from pathlib import Path

MOMENT, LATER = '"2026-03-15T21:45:38Z"', '"2026-03-16T01:02:03Z"'
ONE, OTHER = '"0f8fad5b-d9cb-469f-a165-70867728950e"', '"7c9e6679-7425-40de-944b-e07fc1f90ae7"'


def told(old: str, new: str, rules: Rules | None = None) -> dict[tuple[str, str], int] | None:
    found = compared_json(old, new, rules or Rules(), "response")
    if found is None:
        return None
    assert found.changes == []
    return {(one.rule, one.where): count for one, count in found.ignored.items()}


def test_what_is_volatile_is_told_by_its_place() -> None:
    old = f'{{"id": {ONE}, "rows": [{{"id": 1, "at": {MOMENT}}}, {{"id": 2, "at": {MOMENT}}}], "created": 1700000000}}'
    new = f'{{"id": {OTHER}, "rows": [{{"id": 1, "at": {LATER}}}, {{"id": 2, "at": {LATER}}}], "created": 1700000001}}'
    assert told(old, new) == {
        ("uuid", "response json $.id"): 1,
        ("date", "response json $.rows[*].at"): 2,
        ("epoch", "response json $.created"): 1,
    }


def test_what_changed_is_told_by_its_path_and_in_its_order() -> None:
    old = f'{{"rows": [{{"id": 1, "n": 1, "at": {MOMENT}}}, {{"id": 2, "n": 2}}], "a b": "x", "big": "{"y" * 3_000}"}}'
    new = f'{{"rows": [{{"id": 1, "n": 10, "at": {LATER}}}, {{"id": 2, "n": 3}}], "a b": "é", "big": "{"z" * 3_000}"}}'
    found = compared_json(old, new, Rules(), "response")
    assert found is not None
    assert [said(change)[:60] for change in found.changes] == [
        "changed response json $.rows[0].n: 1 -> 10",
        "changed response json $.rows[1].n: 2 -> 3",
        'changed response json $["a b"]: "x" -> "é"',
        'changed response json $.big: "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'[:60],
    ]
    assert [one.rule for one in found.ignored] == ["date"]


UNCERTAIN = {
    "nothing differs": ("[1]", "[1]"),
    "white space only": ("[1]", "[ 1]"),
    "nothing differs in a number": ("1", "1"),
    "nothing differs in a text": ('"a"', '"a"'),
    "a number in place of a text": ('{"a": "1"}', '{"a": 2}'),
    "another boolean": (f'{{"a": {MOMENT}, "n": true}}', f'{{"a": {LATER}, "n": false}}'),
    "white space beside": (f'{{"a": {MOMENT}, "n": 1}}', f'{{"a": {LATER},  "n": 1}}'),
    "a float written differently": (f'{{"a": {MOMENT}, "n": 1.0}}', f'{{"a": {LATER}, "n": 1}}'),
    "a boolean in place of 1": (f'{{"a": {MOMENT}, "n": 1}}', f'{{"a": {LATER}, "n": true}}'),
    "digits beyond precision": (
        f'{{"a": {MOMENT}, "n": 12345678901234567890123}}',
        f'{{"a": {LATER}, "n": 12345678901234567890124}}',
    ),
    "a key that stands twice": (f'{{"n": 1, "n": 3, "a": {MOMENT}}}', f'{{"n": 2, "n": 3, "a": {LATER}}}'),
    "the moment of a key that stands twice": (
        f'{{"a": {MOMENT}, "a": 1, "b": {MOMENT}}}',
        f'{{"a": {LATER}, "a": 1, "b": {LATER}}}',
    ),
    "keys in another order": (f'{{"a": {MOMENT}, "n": 1}}', f'{{"n": 1, "a": {LATER}}}'),
    "another key": (f'{{"a": {MOMENT}}}', f'{{"b": {LATER}}}'),
    "an element more": (f"[{MOMENT}]", f"[{LATER}, 1]"),
    "elements to be paired": (f"[{MOMENT}, {ONE}]", f"[{LATER}, {OTHER}]"),
    "a text that is escaped": (r'["2026-03-15T21:45:38Z \"x\""]', r'["2026-03-16T21:45:38Z \"x\""]'),
    "null in place of a moment": (f'{{"a": {MOMENT}}}', '{"a": null}'),
    "no JSON": ("{", "["),
    "deep": ("[" * 70 + MOMENT + "]" * 70, "[" * 70 + LATER + "]" * 70),
    "deeper than is read": ("[" * 2_000 + MOMENT + "]" * 2_000, "[" * 2_000 + LATER + "]" * 2_000),
}


@pytest.mark.parametrize("name", UNCERTAIN)
def test_what_is_not_certain_is_left_to_the_comparison(name: str) -> None:
    assert told(*UNCERTAIN[name]) is None


@pytest.mark.parametrize(
    "rules", [Rules(keep_volatile=True), Rules(ignored=("json:a",)), Rules(ignored=("response.body",))], ids=str
)
def test_what_the_user_said_of_a_place_is_left_to_the_comparison(rules: Rules) -> None:
    assert told(f'{{"a": {MOMENT}}}', f'{{"a": {LATER}}}', rules) is None


TEXTS = [*map(json.loads, (MOMENT, LATER, ONE, OTHER)), "x", "", 'a"b', "é", "-", ",", ":", "1", "http://localhost:1/"]
NUMBERS = [0, 1, 1.0, 1.5, 1_700_000_000, 1_700_000_001, 10**30, 10**30 + 1]
LEAVES = st.sampled_from([*TEXTS, *NUMBERS, True, False, None])
NAMES = st.sampled_from(["id", "at", "created", "due_at", "ts", "request_id", "n", "é"])
VALUES = st.recursive(
    LEAVES, lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=4), max_leaves=12
)


def altered(value: Any, draw: Any) -> Any:
    """Give the same value with some leaves drawn anew."""
    if isinstance(value, dict):
        return {key: altered(one, draw) for key, one in value.items()}
    if isinstance(value, list):
        return [altered(one, draw) for one in value]
    return draw(st.just(value) | LEAVES)


@given(st.data(), VALUES)
def test_whatever_is_told_is_what_the_comparison_finds(data: Any, value: Any) -> None:
    old = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    new = json.dumps(altered(value, data.draw), ensure_ascii=data.draw(st.booleans()))
    found = compared_json(old, new, Rules(), "response")
    if found is None:
        return
    documents = read_json(old), read_json(new)
    assert documents[0] is not None
    assert documents[1] is not None
    expected = Compared()
    compare_json(documents[0].root, documents[1].root, Rules(), Findings(expected, "response"))
    assert found == expected


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-ndjson", "multipart/mixed"])
@pytest.mark.parametrize("sent", [None, b"a"])
def test_a_pair_is_told_alike_with_a_glance_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content_type: str, sent: bytes | None
) -> None:
    headers = [("Content-Type", content_type), ("Date", "Mon, 23 Nov 2026 03:30:47 GMT")]
    old, new = (
        Cassette().get(body=f'{{"at": {at}}}'.encode(), headers=headers, sent=sent).write(tmp_path / f"{number}.jsonl")
        for number, at in enumerate((MOMENT, LATER))
    )
    pairings, totals = compared(old, new)
    monkeypatch.setattr(glance, "LONGEST", 0)
    assert (pairings, totals) == compared(old, new)
    assert pairings == []
    assert [(one.rule, count) for one, count in totals.ignored.items()] == [("date", 1)]
