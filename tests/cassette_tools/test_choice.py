"""What a filter took is counted, and a filter that people may mean otherwise is answered with advice."""

from __future__ import annotations

import io

import pytest

from cassette_tools.choice import advice, choose
from cassette_tools.listing import LINE_TYPES, entries
from recorder.errors import UsageError
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import Cassette


def some() -> Reader:
    cassette = Cassette().get("https://h/a").get("https://h/b", status=404).get("https://h/c", status=404)
    return Reader(io.BytesIO(cassette.data()), types=LINE_TYPES)


@pytest.mark.parametrize(("only", "taken"), [("~c 404", 2), ("~all", 3), ("~c 500", 0)])
def test_what_is_taken_is_counted_among_all_that_there_are(only: str, taken: int) -> None:
    wanted, choice = choose(only)
    assert len(list(entries(some(), wanted))) == taken
    assert choice is not None
    assert (choice.only, choice.held, choice.taken) == (only, 3, taken)


def test_without_a_filter_nothing_is_asked_or_counted() -> None:
    assert choose(None) == (None, None)


def test_a_wrong_filter_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UsageError, match="wrong at character 1"):
        choose("~nope")


@pytest.mark.parametrize(
    ("only", "said"),
    [
        ("~m POST and ~c 500", "'and' is a pattern for the URL: terms are combined with & | !"),
        ("~m POST OR ~c 500", "'OR' is a pattern"),
        ("not (~q)", "'not' is a pattern"),
        ("(~q)or(~e)", "'or' is a pattern"),
        ("status=500", "looked for in URLs only"),
        ("'~c' 500", "looked for in URLs only"),
        ("~c 500", ""),
        ("~u android & ~bs 'this and that'", ""),
        ('~bs "not found"', ""),
        ("~u /and/or ~q", ""),
    ],
)
def test_advice_is_given_where_a_filter_looks_like_another_language(only: str, said: str) -> None:
    assert (said in advice(only)) if said else advice(only) == ""
