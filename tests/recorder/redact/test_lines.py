"""Texts change inside a line of JSON, and not one byte beside them does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recorder.redact.lines import change_texts, replace_texts, splice_values

if TYPE_CHECKING:
    from collections.abc import Callable

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
documents: st.SearchStrategy[Any] = st.recursive(
    scalars.filter(lambda value: not isinstance(value, str)) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def loosely(value: Any, blank: str, *, ascii_only: bool) -> bytes:
    """Write JSON as others do: with blanks, with escapes that it does not need."""
    text = json.dumps(value, ensure_ascii=ascii_only, separators=(f"{blank},{blank}", f"{blank}:{blank}"))
    return (blank + text + blank).encode()


def changed(value: Any, change: Callable[[str], str]) -> Any:
    """Change the texts that are no keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [changed(item, change) for item in value]
    if isinstance(value, dict):
        return {key: changed(item, change) for key, item in value.items()}
    return value


@given(documents, st.sampled_from(["", " ", "\t ", "\n"]), st.booleans())
def test_nothing_changes_where_nothing_differs(value: Any, blank: str, ascii_only: bool) -> None:
    raw = loosely(value, blank, ascii_only=ascii_only)
    old = orjson.loads(raw)
    assert splice_values(raw, old, orjson.loads(raw)) == raw
    assert change_texts(raw, old, orjson.loads(raw)) == raw
    assert replace_texts(raw, lambda text, _: text) == raw


@given(documents, st.sampled_from(["", " ", "\r\n"]), st.booleans())
def test_what_comes_out_says_what_is_new(value: Any, blank: str, ascii_only: bool) -> None:
    raw = loosely(value, blank, ascii_only=ascii_only)
    old = orjson.loads(raw)
    new = changed(old, lambda text: f"<{text}>" if len(text) % 2 else text)
    told = splice_values(raw, old, new)
    assert told is not None
    assert orjson.loads(told) == new
    told = replace_texts(raw, lambda text, is_key: text if is_key else (f"<{text}>" if len(text) % 2 else text))
    assert told is not None
    assert orjson.loads(told) == new


@given(texts, st.lists(texts, max_size=4), st.lists(texts, max_size=4), st.text("0123456789", min_size=1, max_size=30))
def test_not_one_byte_changes_beside_a_text(secret: str, before: list[str], after: list[str], digits: str) -> None:
    number = digits.lstrip("0") or "0"
    head = b'{ "a" :%s, "big": %s, "n":1.10, "e":1E5,"s": ' % (loosely(before, " ", ascii_only=True), number.encode())
    tail = b' ,"b":%s}' % loosely(after, "", ascii_only=False)
    raw = head + loosely(secret, "", ascii_only=True) + tail
    old = orjson.loads(raw)
    assume(secret != "NEW é")
    assert splice_values(raw, old, {**old, "s": "NEW \u00e9"}) == head + '"NEW é"'.encode() + tail


CASES: list[tuple[bytes, dict[str, Any], bytes]] = [
    (b'{"a":"x","b":1.10}', {"a": "y"}, b'{"a":"y","b":1.10}'),
    (b'{"a": "x", "b": 12345678901234567890123}', {"a": "y"}, b'{"a": "y", "b": 12345678901234567890123}'),
    (b'{"a":"\\/x","b":"\\u00e9\\/"}', {"a": "y"}, b'{"a":"y","b":"\\u00e9\\/"}'),
    (b'{"a":"x","b":-0.0}', {"a": "y"}, b'{"a":"y","b":-0.0}'),
    (b'{"a":["x",{"k":"\\""}], "b":true}', {"b": False}, b'{"a":["x",{"k":"\\""}], "b":false}'),
    (b'{"a":null,"b" : "x"}', {"a": "y"}, b'{"a":"y","b" : "x"}'),
    (b'{"a": 1, "b": 2}', {"a": 3}, b'{"a": 3, "b": 2}'),
    (b'{"a\\u0062":"x" }', {"ab": "y"}, b'{"a\\u0062":"y" }'),
]


@pytest.mark.parametrize(("raw", "change", "expected"), CASES)
def test_a_changed_scalar_is_spliced(raw: bytes, change: dict[str, Any], expected: bytes) -> None:
    old = orjson.loads(raw)
    assert splice_values(raw, old, {**old, **change}) == expected


@pytest.mark.parametrize(
    ("raw", "new"),
    [
        (b'{"a": "x"}', {"a": ["x"] * 2}),
        (b'{"a": "x"}', {"a": "x", "b": "y"}),
        (b'{"a": "x"}', {}),
        (b'{"a": "x", "a": "y"}', {"a": "z"}),
    ],
)
def test_another_shape_is_refused(raw: bytes, new: Any) -> None:
    assert splice_values(raw, orjson.loads(raw), new) is None


def test_a_key_that_is_there_twice_changes_by_what_it_says() -> None:
    raw = b'{"a": "secret", "a": "secret", "b": 1.10}'
    assert (
        change_texts(raw, {"a": "secret", "b": 1.1}, {"a": "gone", "b": 1.1})
        == b'{"a": "gone", "a": "gone", "b": 1.10}'
    )


@pytest.mark.parametrize(
    ("old", "new"), [({"a": 1}, {"a": 2}), ({"a": "x"}, {"a": 1}), ({"a": 1}, {"a": "x"}), ({}, {"a": 1})]
)
def test_only_texts_are_changed_by_what_they_say(old: Any, new: Any) -> None:
    assert change_texts(orjson.dumps(old), old, new) is None


def test_the_one_who_changes_is_told_what_is_a_key() -> None:
    seen: list[tuple[str, bool]] = []

    def note(text: str, is_key: bool) -> str:
        seen.append((text, is_key))
        return text.upper() if is_key else text

    raw = b'{"a" :"b","c":["d:",{"e"\t: "\\":"}]}'
    assert replace_texts(raw, note) == b'{"A" :"b","C":["d:",{"E"\t: "\\":"}]}'
    assert seen == [("a", True), ("b", False), ("c", True), ("d:", False), ("e", True), ('":', False)]


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a":}', b'"\\x"', b"\xff", b'{"a":"x"', b"nonsense"])
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    assert replace_texts(raw, lambda text, _: text) is None
