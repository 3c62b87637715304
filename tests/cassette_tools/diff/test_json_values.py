"""JSON read without loss, by two readers that agree."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.diff.json_values import DEEPEST, _DeepReader, canonical_number, json_text, read_json

JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


def root(text: str) -> Any:
    document = read_json(text)
    assert document is not None
    return document.root


def test_numbers_are_kept_as_they_are_written() -> None:
    assert root("[1.10, 1e5, 123456789012345678901234567890, -0, NaN, -Infinity]") == [
        b"1.10",
        b"1e5",
        b"123456789012345678901234567890",
        b"-0",
        b"NaN",
        b"-Infinity",
    ]
    assert root("1" * 10_000) == b"1" * 10_000


def test_no_number_equals_a_text_or_a_boolean() -> None:
    assert root('[1, "1", true]') == [b"1", "1", True]
    assert len({root("1"), root('"1"'), root("true")}) == 3


def test_keys_that_stand_twice_are_kept() -> None:
    assert root('{"a": 1, "a": 2, "b": 3, "a": 4}') == {"a": b"1", "a (2)": b"2", "b": b"3", "a (3)": b"4"}
    assert root('{"a": 1, "a (2)": 5, "a": 2}') == {"a": b"1", "a (2)": b"5", "a (3)": b"2"}


@pytest.mark.parametrize("text", ["", "{", "[1,]", "{1:2}", "nul", "[1] x", "\ufeff[]", '{"a" 1}', '"a', "01", "[,]"])
def test_what_is_no_json_is_none(text: str) -> None:
    assert read_json(text) is None
    assert _DeepReader(text).read() is None


def test_a_thousand_levels_are_read_and_a_bomb_is_not() -> None:
    assert read_json("[" * 1_000 + "]" * 1_000) is not None
    assert read_json('{"a":' * 1_900 + "1" + "}" * 1_900) is not None
    assert _DeepReader("[" * (DEEPEST + 2) + "]" * (DEEPEST + 2)).read() is None
    assert _DeepReader("[" * 1_000_000).read() is None


@given(JSON)
def test_both_readers_agree_and_what_is_written_reads_back(value: Any) -> None:
    text = json.dumps(value)
    read = read_json(text)
    assert read is not None
    assert _DeepReader(text).read() == read
    assert read_json("".join(json_text(read.root))) == read


@given(st.text(st.sampled_from('[]{}",:1e-.tnNIaul \\'), max_size=12))
def test_both_readers_take_and_refuse_the_same_texts(text: str) -> None:
    assert _DeepReader(text).read() == read_json(text)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("1", "1.0", True),
        ("100", "1e2", True),
        ("1.10", "1.1", True),
        ("0.5", "5e-1", True),
        ("-0", "0.0", True),
        ("10", "100", False),
        ("1", "-1", False),
        ("12345678901234567890", "12345678901234567891", False),
        ("0.1", "0.10000000000000001", False),
        ("NaN", "Infinity", False),
        ("1e999999999999999999", "1e99999999999999999", False),
    ],
)
def test_numbers_have_one_form_for_one_value(one: str, other: str, equal: bool) -> None:
    assert (canonical_number(one.encode()) == canonical_number(other.encode())) is equal


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_the_form_of_numbers_agrees_with_decimal_arithmetic(one: Any, other: Any) -> None:
    same = canonical_number(f"{one:f}".encode()) == canonical_number(f"{other:f}".encode())
    assert same is (one == other)


def test_half_surrogates_are_written_as_escapes() -> None:
    assert "".join(json_text(["\ud800", "é"])) == '["\\ud800", "é"]'
