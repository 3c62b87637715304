"""--only, asked of lines: numbers stay those of the input, and bodies are read where they are asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from cassette_tools.listing import LINE_TYPES, entries
from cassette_tools.selection import wanted_by
from recorder.errors import BadCassetteError, UsageError
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import Cassette

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recorder.journal.read import Line, Part


class Watched(Reader):
    """A reader that counts which bodies were asked for."""

    def __init__(self, cassette: Cassette) -> None:
        super().__init__(io.BytesIO(cassette.data()), types=LINE_TYPES)
        self.asked: list[Part] = []

    def body(self, line: Line, part: Part) -> Iterator[bytes]:
        self.asked.append(part)
        return super().body(line, part)


def some() -> Cassette:
    cassette = Cassette().get("https://h/a", body=b"alpha").interaction(method="POST", sent=b"beta", status=404)
    return cassette.get("https://h/c", body=b"gamma delta", pieces=3).get("https://h/d", status=500)


def numbers(expression: str | None, reader: Reader | None = None) -> list[int]:
    return [entry.number for entry in entries(reader or Watched(some()), wanted_by(expression))]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (None, [1, 2, 3, 4]),
        ("~m POST", [2]),
        ("!(~m POST)", [1, 3, 4]),
        ("~c 400-599", [2, 4]),
        ("~bs gamma.delta", [3]),
        ("~bq beta", [2]),
        ("~u /d$ | ~bs alpha", [1, 4]),
    ],
)
def test_what_is_taken_keeps_its_number(expression: str | None, expected: list[int]) -> None:
    assert numbers(expression) == expected


def test_without_an_expression_there_is_no_test() -> None:
    assert wanted_by(None) is None


@pytest.mark.parametrize(
    ("expression", "asked"),
    [("~m POST", []), ("~c 404", []), ("~bq beta & ~m POST", ["request"]), ("~m X & ~bs a", [])],
)
def test_bodies_are_read_only_where_the_rest_leaves_it_open(expression: str, asked: list[str]) -> None:
    reader = Watched(some())
    numbers(expression, reader)
    assert reader.asked == asked


def test_a_wrong_expression_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UsageError):
        wanted_by("~nothing (")


def test_a_malformed_line_is_refused_with_its_place() -> None:
    cassette = Cassette().get().get(started_at=7)
    with pytest.raises(BadCassetteError, match="line 3"):
        numbers("~m GET", Watched(cassette))
