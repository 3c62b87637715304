from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.interaction import Body, header

if TYPE_CHECKING:
    from collections.abc import Iterator


@given(st.binary(max_size=50) | st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_a_body_gives_its_bytes_its_text_and_its_size(content: bytes | str) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    cut = [data[:3], data[3:]]
    for body in (Body(content), Body(data), Body(stream=lambda: iter(cut), size=len(data))):
        assert body.read() == data
        assert body.size == len(data)
        assert b"".join(body.pieces()) == data
        try:
            assert body.text() == data.decode()
        except UnicodeDecodeError:
            assert body.text() is None


def test_an_empty_body_has_no_pieces() -> None:
    assert list(Body(b"").pieces()) == []
    assert list(Body("").pieces()) == []


def test_a_stream_is_read_when_it_is_asked_for_and_as_often() -> None:
    asked = 0

    def stream() -> Iterator[bytes]:
        nonlocal asked
        asked += 1
        yield b"ab"
        yield b"c"

    body = Body(stream=stream, size=3)
    assert (body.size, asked) == (3, 0)
    assert list(body.pieces()) == [b"ab", b"c"]
    assert (body.read(), body.text(), asked) == (b"abc", "abc", 3)


def test_what_is_not_said_of_a_body_is_none() -> None:
    body = Body(b"x")
    assert (body.coding, body.coding_error, body.wire, body.wire_size, body.framing, body.removed, body.incomplete) == (
        None,
    ) * 7
    assert body.complete


@pytest.mark.parametrize(
    ("name", "value"), [("content-type", "a"), ("x-twice", "1"), ("none", None), ("Content-Type", None), ("", None)]
)
def test_the_first_header_of_a_name_is_found_whatever_its_case(name: str, value: str | None) -> None:
    headers = [("Content-TYPE", "a"), ("X-Twice", "1"), ("x-twice", "2")]
    for _ in range(2):  # the second time from memory
        assert header(headers, name) == value


def test_names_of_headers_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, str] = {}
    monkeypatch.setattr("cassette_tools.interaction._NAMES", known)
    monkeypatch.setattr("cassette_tools.interaction._MOST_NAMES", 3)
    for number in range(9):
        assert header([(f"X-{number}", "v")], f"x-{number}") == "v"
    assert len(known) == 3
