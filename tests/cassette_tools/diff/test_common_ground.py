"""What is said of facets that one of two formats has no place for."""

from __future__ import annotations

import pytest

from cassette_tools.diff.common_ground import _NOT_COMPARED, NO_RESPONSE, TITLES, levelled, limits_of, missing_from
from cassette_tools.formats import all_formats
from cassette_tools.interaction import Interaction, Request
from cassette_tools.losses import FACETS
from tests.cassette_tools.diff.messages import answered


def test_each_facet_that_can_be_looked_past_has_a_short_title_and_no_other() -> None:
    assert set(TITLES) == (set(FACETS) - _NOT_COMPARED) | {NO_RESPONSE}
    assert all(len(title) <= 32 and len(title.split()) <= 6 for title in TITLES.values())


def test_what_was_looked_past_is_told_in_its_words() -> None:
    limits, ours = limits_of("vcrpy-yaml", None), limits_of("jsonl", None)
    *_, past = levelled(answered("x", version=None), answered("x", version="HTTP/2"), limits, ours)
    assert [(one.rule, one.where, count) for one, count in past.items()] == [("not in vcrpy YAML", "HTTP versions", 1)]
    missing = missing_from(Interaction(Request("GET", "http://a/", [])), limits, ours)
    assert missing is not None
    assert missing.where == "requests without a response"
    assert missing_from(answered(), limits, ours) is None


@pytest.mark.parametrize("one", all_formats(), ids=lambda one: one.name)
def test_between_equal_limits_nothing_is_looked_past(one: object) -> None:
    limits = limits_of(one.name, None)  # type: ignore[attr-defined] # a Format
    old, new = answered("x", version=None), answered("x", version="HTTP/2")
    assert levelled(old, new, limits, limits) == (old, new, {})
