from __future__ import annotations

from typing import Any

import pytest

from cassette_tools.stored_headers import grouped, headers_of, wire_text


@pytest.mark.parametrize(
    ("stored", "pairs"),
    [
        (None, []),
        ({}, []),
        ({"A": ["1", "2"], "b": "3"}, [("A", "1"), ("A", "2"), ("b", "3")]),
        ({"A": [1, 2.5, True, None], "é": "\xe9"}, [("A", "1"), ("A", "2.5"), ("A", "true"), ("A", ""), ("é", "\xe9")]),
        ({"A": b"\xff", "B": "č"}, [("A", "\xff"), ("B", "\xc4\x8d")]),
        ({"A": []}, []),
    ],
)
def test_headers_come_in_their_order_as_bytes(stored: Any, pairs: list[tuple[str, str]]) -> None:
    assert headers_of(stored) == pairs


@pytest.mark.parametrize("stored", [5, "a: b", [["a", "b"]], {"a": {}}, {"a": [[]]}])
def test_what_is_no_mapping_of_headers_is_refused(stored: Any) -> None:
    with pytest.raises(ValueError, match="header"):
        headers_of(stored)


def test_values_of_one_spelling_are_gathered() -> None:
    assert grouped([("A", "1"), ("b", "2"), ("a", "3"), ("A", "4")]) == {"A": ["1", "4"], "b": ["2"], "a": ["3"]}


@pytest.mark.parametrize(("text", "wire"), [("abc", "abc"), ("\xff", "\xff"), ("\u0100", "\xc4\x80"), ("", "")])
def test_text_beyond_latin_1_is_its_utf_8(text: str, wire: str) -> None:
    assert wire_text(text) == wire
