"""A JSON text is laid out without a token of it being changed."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.json_layout import laid_out

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def tokens(text: str) -> str:
    """Return `text` without the white space between its tokens."""
    return re.sub(r'("(?:[^"\\]|\\.)*"?)|[ \t\r\n]+', lambda match: match[1] or "", text, flags=re.DOTALL)


def exactly(text: str) -> Any:
    """Parse with numbers as they are written, and objects as lists of pairs."""
    return json.loads(text, parse_float=str, parse_int=str, object_pairs_hook=list)


@given(JSON, st.sampled_from([None, 0, 1, "\t"]), st.booleans())
def test_the_value_stays_exactly_as_it_was(value: object, indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    laid = laid_out(text)
    assert laid is not None
    assert exactly(laid) == exactly(text)
    assert tokens(laid) == tokens(text)


@given(JSON, st.data())
def test_a_text_that_is_cut_off_anywhere_keeps_its_tokens(value: object, data: st.DataObject) -> None:
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(1, len(text)))]
    laid = laid_out(cut)
    if laid is None:
        assert text.startswith(cut)
        assert cut[0] in "-tfnNI0123456789"
    else:
        assert tokens(laid) == tokens(cut)


@given(st.text())
def test_any_text_is_laid_out_without_a_changed_token_or_refused(text: str) -> None:
    laid = laid_out(text)
    assert laid is None or tokens(laid) == tokens(text)


def test_numbers_duplicate_keys_escapes_and_order_stay_as_they_were_sent() -> None:
    text = r'{"b":1.10,"a":123456789012345678901234567890,"a":1E+2,"u":"\u00e9\/","e":{},"l":[]}'
    assert laid_out(text) == (
        '{\n  "b": 1.10,\n  "a": 123456789012345678901234567890,\n  "a": 1E+2,\n'
        '  "u": "\\u00e9\\/",\n  "e": {},\n  "l": []\n}'
    )


def test_a_short_array_of_scalars_stays_on_one_line_and_a_long_one_does_not() -> None:
    assert laid_out('[1,"a",null]') == '[1, "a", null]'
    assert laid_out('{"p":[[1,2],[3]]}') == '{\n  "p": [\n    [1, 2],\n    [3]\n  ]\n}'
    long = laid_out(json.dumps(["x" * 40, "y" * 40]))
    assert long is not None
    assert long.count("\n") == 3


def test_several_values_come_one_below_the_other() -> None:
    assert laid_out('{"a":1}\n{"a":2}\n') == '{\n  "a": 1\n}\n{\n  "a": 2\n}'


@pytest.mark.parametrize(
    "text",
    ["", "  ", "oops", "hello world", "[1}", "{]", '["a" "b"]', "[1,]", "{,}", "a, b", '{"a"::1}', "}", "[tru e]"],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    assert laid_out(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "[" * 260_000,
        '{"a":' * 50_000,
        "[" * 130_000 + "]" * 130_000,
        '"' + "\\" * 260_001,
        "[" * 39 + "1," * 100_000,
        '["' + "a" * 260_000,
        "[1" * 86_000,
        " " * 260_000,
        "[" + " " * 260_000,
    ],
)
def test_hostile_nesting_takes_neither_long_nor_much_room(text: str) -> None:
    began = time.process_time()
    laid = laid_out(text)
    assert time.process_time() - began < 5
    assert laid is None or len(laid) <= 8 * len(text) + 65_536 + 100
