"""The deep look: it undoes encodings one inside another, up to a depth, and reads only."""

from __future__ import annotations

import base64
import gzip
import json
import time
import zlib
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.redact.verification import DEPTH, MOST, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def holds(data: bytes, values: Iterable[bytes], depth: int = DEPTH) -> bytes | None:
    """Give the first of `values` that is found alone."""
    return next((value for value in values if Values([value]).stand_in(data, depth)), None)


SECRET: Final = b'pa55/w\xc3\xb6rd+&"key'

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "percent": lambda data: quote(data, safe="").encode(),
    "json": lambda data: (
        json.dumps(data.decode("utf-8", "replace")).encode() if _is_text(data) else data.hex().encode()
    ),
    "html": lambda data: (
        b"".join(b"&#%d;" % ord(each) for each in data.decode()) if _is_text(data) else data.hex().encode()
    ),
    "base64": base64.b64encode,
    "base64url": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "base64, wrapped": base64.encodebytes,
    "base32 of no interest, so hex": lambda data: data.hex().upper().encode(),
    "utf-16-le": lambda data: (
        data.decode("latin-1").encode("utf-16-le") if not _is_text(data) else data.decode().encode("utf-16-le")
    ),
    "utf-16-be": lambda data: data.decode().encode("utf-16-be") if _is_text(data) else base64.b64encode(data),
    "gzip": gzip.compress,
}


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_value_is_found_in_each_encoding(encoder: str) -> None:
    assert holds(ENCODERS[encoder](b"before " + SECRET + b" after"), [SECRET]) == SECRET


@pytest.mark.parametrize("outer", ["percent", "json", "html", "base64", "base64url", "gzip"])
@pytest.mark.parametrize("inner", ["percent", "json", "html", "base64", "base64url", "utf-16-le", "gzip"])
def test_a_value_is_found_in_two_encodings(inner: str, outer: str) -> None:
    assert holds(ENCODERS[outer](ENCODERS[inner](SECRET)), [SECRET]) == SECRET


@pytest.mark.parametrize("times", range(DEPTH + 2))
def test_it_looks_as_deep_as_it_is_told_and_no_deeper(times: int) -> None:
    data = SECRET
    for _ in range(times):
        data = base64.b64encode(data)
    for depth in range(DEPTH + 2):
        assert (holds(data, [SECRET], depth) == SECRET) is (times <= depth)
    assert (holds(data, [SECRET]) == SECRET) is (times <= DEPTH)


@given(
    secret=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=8, max_size=30).map(str.encode),
    encoder=st.sampled_from(["percent", "json", "base64", "base64url", "gzip"]),
    before=st.binary(max_size=9),
)
@settings(max_examples=150, deadline=None)
def test_any_value_is_found_at_any_alignment(secret: bytes, encoder: str, before: bytes) -> None:
    if encoder == "json":
        before = b"x" * len(before)
    assert holds(ENCODERS[encoder](before + secret + b" "), [secret]) == secret


@given(st.binary(max_size=200), st.lists(st.binary(min_size=6, max_size=12), max_size=3))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_looked_at_without_an_error(data: bytes, values: list[bytes]) -> None:
    found = holds(data, values)
    assert found is None or found in values
    if any(value in data for value in values):
        assert found is not None


def test_nothing_is_found_in_nothing() -> None:
    assert holds(b"", [SECRET]) is None
    assert holds(SECRET, []) is None
    assert holds(b"something else altogether", [SECRET]) is None


def test_any_of_several_values_is_told() -> None:
    assert holds(base64.b64encode(b"x second-value"), [SECRET, b"second-value"]) == b"second-value"


def test_a_compressed_file_is_found_behind_other_bytes() -> None:
    assert holds(b"prefix " + gzip.compress(SECRET, mtime=0), [SECRET]) == SECRET
    assert holds(zlib.compress(SECRET), [SECRET]) == SECRET
    assert holds(base64.b64encode(gzip.compress(SECRET, mtime=0)), [SECRET]) == SECRET


def test_a_bomb_costs_no_more_than_the_bound() -> None:
    bomb = gzip.compress(b"\0" * (10 * MOST), 9, mtime=0)
    begin = time.process_time()
    assert holds(bomb, [SECRET]) is None
    assert time.process_time() - begin < 20
