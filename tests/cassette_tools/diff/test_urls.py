"""URLs in a form in which they can be compared."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.diff.rules import Rules
from cassette_tools.diff.urls import canonical_url, loose_url, parameters, split_url

PLAIN: Final = Rules()
ONE: Final = "0e37df36-f698-41e6-8dd4-cb9ced3df976"
TWO: Final = "7f9c24e8-3b12-4fef-91e0-5d6a2c48b1aa"

SAME: Final = [
    ("HTTP://Example.COM/a", "http://example.com/a"),
    ("http://example.com:80/a", "http://example.com/a"),
    ("https://example.com:443/", "https://example.com"),
    ("http://example.com/%7euser", "http://example.com/~user"),
    ("http://example.com/%c3%a9", "http://example.com/%C3%A9"),
    ("http://example.com/a/./b/../c", "http://example.com/a/c"),
    ("http://example.com/?b=2&a=1", "http://example.com/?a=1&b=2"),
    ("http://example.com/a#one", "http://example.com/a#two"),
    ("http://example.com/a?", "http://example.com/a"),
    ("http://127.0.0.1:4001/a", "http://127.0.0.1:4002/a"),
    ("http://localhost:4001/a", "http://localhost:4002/a"),
    ("http://[::1]:4001/a", "http://[::1]:4002/a"),
    ("http://example.com/?_=1700000000123", "http://example.com/?_=1700000000999"),
    ("http://example.com/?X-Amz-Signature=5d672d79c15b&k=1", "http://example.com/?k=1&X-Amz-Signature=aeeed9bbccd4"),
    ("http://example.com/?page_token=CAUQAA8fcc1", "http://example.com/?page_token=CAUQAA8fcc2"),
]
DIFFERENT: Final = [
    ("http://example.com/a", "https://example.com/a"),
    ("http://example.com/a", "http://example.org/a"),
    ("http://example.com/a", "http://example.com/A"),
    ("http://example.com/a", "http://example.com/a/"),
    ("http://example.com:8080/", "http://example.com:8081/"),
    ("http://example.com/?a=1", "http://example.com/?a=2"),
    ("http://example.com/?a=1&a=2", "http://example.com/?a=2&a=1"),
    ("http://example.com/?a=1", "http://example.com/"),
    ("http://example.com/%2F", "http://example.com//"),
    ("http://u@example.com/", "http://example.com/"),
    (f"http://example.com/?user={ONE}", f"http://example.com/?user={TWO}"),
    (f"http://example.com/{ONE}", f"http://example.com/{TWO}"),
    ("http://example.com/users/17", "http://example.com/users/18"),
]
LOOSE: Final = [
    (f"http://example.com/{ONE}/x", f"http://example.com/{TWO}/x"),
    (f"http://example.com/?user={ONE}", f"http://example.com/?user={TWO}"),
    ("http://example.com/o/507f1f77bcf86cd799439011", "http://example.com/o/507f191e810c19729de860ea"),
    ("http://example.com/23851234567890123", "http://example.com/23851234567890999"),
    ("http://example.com/01ARZ3NDEKTSV4RRFFQ69G5FAV", "http://example.com/01BX5ZZKBKACTAV9WEVGEMMVRZ"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_urls_that_name_the_same_have_one_form(one: str, other: str) -> None:
    assert canonical_url(one, PLAIN) == canonical_url(other, PLAIN)
    assert loose_url(one, PLAIN) == loose_url(other, PLAIN)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_urls_that_name_different_things_have_different_forms(one: str, other: str) -> None:
    assert canonical_url(one, PLAIN) != canonical_url(other, PLAIN)


@pytest.mark.parametrize(("one", "other"), LOOSE)
def test_the_loose_form_blanks_ids_that_are_volatile_by_form(one: str, other: str) -> None:
    assert canonical_url(one, PLAIN) != canonical_url(other, PLAIN)
    assert loose_url(one, PLAIN) == loose_url(other, PLAIN)


@pytest.mark.parametrize(
    ("one", "other"), [("http://x.com/users/17", "http://x.com/users/18"), ("http://x.com/a-b-c", "http://x.com/a-b-d")]
)
def test_the_loose_form_keeps_what_may_be_another_thing(one: str, other: str) -> None:
    assert loose_url(one, PLAIN) != loose_url(other, PLAIN)


def test_volatile_things_are_kept_when_asked_for() -> None:
    keep = Rules(keep_volatile=True)
    assert canonical_url("http://localhost:4001/?_=1700000000123", keep) == "http://localhost:4001/?_=1700000000123"
    assert loose_url(f"http://x.com/{ONE}", keep) == f"http://x.com/{ONE}"


def test_ignored_parameters_and_parts_are_blanked() -> None:
    rules = Rules(ignored=("query:page", "url:host"))
    assert canonical_url("http://a.com/x?page=1&q=2", rules) == canonical_url("http://b.com:99/x?q=2", rules)
    assert canonical_url("http://a.com/x", rules) != canonical_url("http://a.com/y", rules)


def test_parameters_keep_their_order_and_those_without_a_value() -> None:
    assert parameters("b=2&a&c=&&b=%7e1=x") == [("b", "2"), ("a", ""), ("c", ""), ("b", "~1=x")]
    assert parameters(None) == []


@given(st.text(max_size=60))
def test_any_text_can_be_split_and_formed(text: str) -> None:
    assert split_url(text) == split_url(text)
    assert canonical_url(text, PLAIN) == canonical_url(text, PLAIN)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("123")), max_size=8))
def test_the_order_of_parameters_of_different_names_says_nothing(pairs: list[tuple[str, str]]) -> None:
    by_name = sorted(pairs, key=lambda pair: pair[0])
    mixed = sorted(pairs, key=lambda pair: (pair[0] == "b", pair[0]))
    one = "http://x.com/?" + "&".join(f"{name}={value}" for name, value in by_name)
    other = "http://x.com/?" + "&".join(f"{name}={value}" for name, value in mixed)
    assert canonical_url(one, PLAIN) == canonical_url(other, PLAIN)


def test_each_percent_encoded_byte_has_one_form() -> None:
    plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    for number in range(256):
        expected = chr(number) if chr(number) in plain else f"%{number:02X}"
        high, low = f"{number >> 4:x}", f"{number & 15:x}"
        for written in {high + low, high.upper() + low, high + low.upper(), high.upper() + low.upper()}:
            assert parameters(f"a=%{written}") == [("a", expected)]
