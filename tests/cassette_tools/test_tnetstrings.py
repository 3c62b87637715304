from __future__ import annotations

import io
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools import tnetstrings
from cassette_tools.input_stream import InputStream
from cassette_tools.tnetstrings import DEPTH, netstrings
from recorder.errors import BadCassetteError
from tests.cassette_tools.formats.sources import stream_of


def written(value: Any) -> bytes:
    """Write a value as mitmproxy does, text as text."""
    if value is None:
        return b"0:~"
    if isinstance(value, bool):
        data, kind = str(value).lower().encode(), b"!"
    elif isinstance(value, int):
        data, kind = str(value).encode(), b"#"
    elif isinstance(value, float):
        data, kind = repr(value).encode(), b"^"
    elif isinstance(value, bytes):
        data, kind = value, b","
    elif isinstance(value, str):
        data, kind = value.encode(), b";"
    elif isinstance(value, list):
        data, kind = b"".join(written(one) for one in value), b"]"
    else:
        data, kind = b"".join(written(key) + written(one) for key, one in value.items()), b"}"
    return b"%d:%b%b" % (len(data), data, kind)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.binary(max_size=40)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=5)
    ),
    max_leaves=30,
)


@given(st.lists(VALUES, max_size=5))
@settings(max_examples=200, deadline=None)
def test_values_come_back_as_they_were_written(values: list[Any]) -> None:
    data = b"".join(written(value) for value in values)

    found = list(netstrings(stream_of(data)))

    assert [one.value for one in found] == values
    assert [one.number for one in found] == list(range(1, len(values) + 1))


def test_it_says_where_a_value_begins() -> None:
    assert [one.offset for one in netstrings(stream_of(b"1:a,2:bb,0:~"))] == [0, 4, 9]


def test_keys_that_are_bytes_are_text() -> None:
    assert next(netstrings(stream_of(b"7:1:a,0:~}"))).value == {"a": None}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x", "flow 1, byte 0: here should be a size"),
        (b"1:a,hello", "flow 2, byte 4: here should be a size"),
        (b"-1:a,", "flow 1, byte 0: here should be a size"),
        (b"1", "flow 1, byte 0: the file ends within a size"),
        (b"9999999999999:a,", "flow 1, byte 0: here should be a size"),
        (b"999999999999:a,", "flow 1, byte 0: one flow of more than 256 MiB"),
        (b"268435456:a,", "flow 1, byte 0: the file ends within this flow"),
        (b"1:a", "flow 1, byte 0: the file ends within this flow"),
        (b"1:aQ", "flow 1, byte 2: a value is of no known type"),
        (b"1:\xff;", "flow 1, byte 2: a text is no UTF-8"),
        (b"4:nope!", "flow 1, byte 2: a boolean is written wrongly"),
        (b"1:x#", "flow 1, byte 2: an integer is written wrongly"),
        (b"20:99999999999999999999#", "flow 1, byte 3: an integer is written wrongly"),
        (b"3:nan^", "flow 1, byte 2: a number is written wrongly"),
        (b"5:1e999^", "flow 1, byte 2: a number is written wrongly"),
        (b"1:x~", "flow 1, byte 2: a null is written wrongly"),
        (b"4:1:a,}", "flow 1, byte 6: a key has no value"),
        (b"6:0:~0:~}", "flow 1, byte 4: a key is no text"),
        (b"7:1:\xff,0:~}", "flow 1, byte 4: a key is no UTF-8"),
        (b"4:9:a,]", "flow 1, byte 2: a size is larger than what holds it"),
        (b"3:abc]", "flow 1, byte 2: here should be a size"),
    ],
)
def test_what_is_wrong_is_told_with_its_byte(data: bytes, said: str) -> None:
    with pytest.raises(BadCassetteError) as caught:
        list(netstrings(stream_of(data, "some.flows")))
    assert str(caught.value).startswith(f"some.flows, {said}")


def nested(levels: int) -> bytes:
    data = b"0:~"
    for _ in range(levels):
        data = b"%d:%b]" % (len(data), data)
    return data


def test_nesting_is_bounded() -> None:
    assert next(netstrings(stream_of(nested(DEPTH)))).value
    with pytest.raises(BadCassetteError, match="nested deeper than 200 levels"):
        next(netstrings(stream_of(nested(DEPTH + 1))))


def test_many_values_in_one_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tnetstrings, "MOST_NODES", 10)

    assert next(netstrings(stream_of(written([None] * 10)))).value == [None] * 10
    with pytest.raises(BadCassetteError, match="of more than 10 values is not read"):
        next(netstrings(stream_of(written([None] * 11))))


def test_a_depth_bomb_of_a_megabyte_ends_at_once() -> None:
    data = nested(100_000)

    began = time.process_time()
    with pytest.raises(BadCassetteError):
        next(netstrings(stream_of(data)))
    assert time.process_time() - began < 1


def test_a_size_alone_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(BadCassetteError):
            next(netstrings(stream_of(b"268435456:")))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_what_is_passed_over_is_not_looked_into() -> None:
    data = written({"a": [1], "b": {"a": [2], "c": [None]}, "d": "text"})

    found = next(netstrings(stream_of(data), passing_over=frozenset({("a",), ("b", "c"), ("d",)})))

    assert found.value == {"a": ..., "b": {"a": [2], "c": ...}, "d": "text"}


def test_blocks_may_end_anywhere() -> None:
    data = b"".join(written({"n": n, "text": "x" * n}) for n in range(50))

    class Small(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 1, 7))

    found = list(netstrings(InputStream(Small(data), "small", path=None, size=None)))

    assert [one.value["n"] for one in found] == list(range(50))
