from __future__ import annotations

from typing import Any

import pytest

from cassette_tools.diff.model import Change, Ignored, Pairing, Totals
from cassette_tools.diff.volatile_kinds import KINDS
from cassette_tools.views.diff.wording import (
    advice,
    cassettes_text,
    gravest,
    headline,
    interactions_text,
    label,
    left_out_text,
    numbers,
    rules_of,
    severities_text,
    values_of,
    whole,
)
from tests.cassette_tools.diffs import change, pairing, side


def totals(breaking: int = 0, warning: int = 0, info: int = 0, **counts: Any) -> Totals:
    return Totals(**counts, changes={"breaking": breaking, "warning": warning, "info": info})


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (totals(), "No differences: there are no interactions to compare"),
        (totals(same=1, old_interactions=1), "No differences in 1 interaction"),
        (totals(same=2_000, new_interactions=2_000), "No differences in 2,000 interactions"),
        (totals(1, 1, 1, changed=1), "1 breaking, 1 warning, 1 addition; interactions: 0 the same, 1 changed"),
        (totals(0, 2, same=44, changed=2), "2 warnings; interactions: 44 the same, 2 changed"),
        (
            totals(3, 0, 1_000, removed=3, added=1_000),
            "3 breaking, 1,000 additions; interactions: 0 the same, 3 removed, 1,000 added",
        ),
    ],
)
def test_one_line_says_what_was_found(found: Totals, text: str) -> None:
    assert headline(found) == text


def test_severities_and_interactions_are_told_apart_too() -> None:
    assert severities_text(totals()) == "no differences"
    assert interactions_text(totals(same=3)) == "3 the same"


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (pairing(old=17, new=17), "17"),
        (pairing(old=17, new=18), "17 -> 18"),
        (Pairing("removed", side(3), None), "-3"),
        (Pairing("added", None, side(4)), "+4"),
    ],
)
def test_numbers_tell_both_places(one: Pairing, text: str) -> None:
    assert numbers(one) == text


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (change("status", "", "1", "2"), "response status"),
        (change("header", "etag", "1", "2", part="request"), "request header etag"),
        (change("json", "$.a[3].b", "1", "2"), "response json $.a[3].b"),
        (change("presence", "response", "1", None), "response"),
        (change("presence", "error", "1", None, part="error"), "error"),
        (change("presence", "body", "1", None, part="request"), "request body"),
        (change("error", "message", "1", "2", part="error"), "error message"),
    ],
)
def test_a_thing_has_the_words_of_ignore(one: Change, text: str) -> None:
    assert label(one) == text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "200, application/json, 1.23 kB"),
        ({"status": None, "error": "connect refused", "content_type": None, "size": None}, "connect refused"),
        ({"status": None, "content_type": None, "size": 0}, "no response, 0 B"),
    ],
)
def test_a_lone_interaction_is_told_by_what_came_of_it(values: dict[str, Any], text: str) -> None:
    assert whole(side(**values)) == text


def test_the_gravest_are_chosen_and_keep_their_order() -> None:
    rows = [change("json", "a", None, "1"), change("json", "b", "1", "2"), change("json", "c", "1", None)]
    rows += [change("json", "d", "1", "2")]
    assert [one.path for one in gravest(rows, 2)] == ["b", "c"]
    assert gravest(rows, 4) == rows


@pytest.mark.parametrize(
    ("listed", "left_out", "shown", "text"),
    [
        (3, 0, 3, None),
        (3, 0, 2, "and 1 more change (--json has them)"),
        (3, 7, 3, "and 7 more changes, which are counted only"),
        (9, 1_000, 3, "and 6 more changes (--json has them, and counts 1,000 beyond)"),
    ],
)
def test_what_is_not_shown_is_counted(listed: int, left_out: int, shown: int, text: str | None) -> None:
    one = pairing(*(change("json", f"{at}", "1", "2") for at in range(listed)), left_out=left_out)
    assert left_out_text(shown, one) == text


def test_lines_of_a_text_are_several_values_and_all_else_is_one() -> None:
    assert values_of(change("line", "1", "a\nb", None)) == (["a", "b"], [])
    assert values_of(change("header", "x", "a\nb", "")) == (["a\nb"], [""])


def test_every_volatile_kind_is_told_as_such() -> None:
    ignored = {Ignored(kind.name, "x"): 1 for kind in KINDS}
    assert {rule for rule, _ in rules_of(ignored, "volatile")} == {kind.name for kind in KINDS}
    assert rules_of(ignored, "asked") == rules_of(ignored, "other") == []


def test_what_was_ignored_most_comes_first() -> None:
    ignored = {Ignored("--ignore a", "x"): 1, Ignored("--ignore b", "y"): 2, Ignored("--ignore b", "z"): 3}
    assert rules_of(ignored, "asked") == [("--ignore b", [("z", 3), ("y", 2)]), ("--ignore a", [("x", 1)])]


def test_where_nothing_is_paired_it_is_said_what_to_try() -> None:
    assert "--ignore url:host" in (advice(totals(2, removed=2, added=1)) or "")
    for found in (totals(), totals(2, removed=2), totals(added=2), totals(1, removed=1, added=1, same=1)):
        assert advice(found) is None


@pytest.mark.parametrize(
    ("same", "differing", "text"), [(0, 0, "none"), (2, 0, "2 the same"), (0, 1, "0 the same, 1 with differences")]
)
def test_cassettes_of_both_folders_are_counted(same: int, differing: int, text: str) -> None:
    assert cassettes_text(same, differing) == f"Cassettes in both folders: {text}"
