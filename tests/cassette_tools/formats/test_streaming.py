"""Each format that holds an item at a time reads and writes so: the first ones are there before the last are made."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Final

import pytest

from cassette_tools.formats import WriteOptions, all_formats
from cassette_tools.input_stream import InputStream
from cassette_tools.interaction import Body, Interaction, Request, Response
from tests.cassette_tools.formats.sources import Trickle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.formats import Format

WRITERS: Final = [
    pytest.param(one, id=one.name) for one in all_formats() if one.write is not None and one.holds != "document"
]
BOTH_WAYS: Final = [
    pytest.param(one, id=one.name)
    for one in all_formats()
    if one.write is not None and one.read is not None and one.holds != "document"
]
MANY: Final = 2000
PART: Final = 64 * 1024
BODY: Final = '{"name": "an advertisement", "id": 17, "text": "' + "lorem ipsum " * 320 + '"}'
MOST: Final = 4_000_000
"""Bytes that a reader or a writer may hold of items of 4 KB: some blocks, and what was made of them."""


def interaction(number: int) -> Interaction:
    request = Request("GET", f"http://h/ads/{number}", [("Host", "h"), ("Accept", "*/*")], None, "HTTP/1.1")
    response = Response(200, "OK", [("Content-Type", "application/json")], Body(BODY), "HTTP/1.1")
    return Interaction(request, response, started_at="2026-11-23T03:30:48.000123Z", timings_ms={"total": 15.0})


class Source:
    """Interactions that are made when they are asked for. `taken` counts them."""

    def __init__(self, count: int = MANY) -> None:
        self.taken = 0
        self._count = count

    def __iter__(self) -> Iterator[Interaction]:
        for number in range(self._count):
            self.taken += 1
            yield interaction(number)


@pytest.mark.parametrize("form", WRITERS)
def test_what_is_written_comes_while_interactions_are_taken(form: Format) -> None:
    assert form.write is not None
    source = Source()
    size = 0
    for piece in form.write(source, WriteOptions()):
        size += len(piece)
        if size > 50_000:
            break
    assert 0 < source.taken < MANY / 4


@pytest.mark.parametrize("form", BOTH_WAYS)
def test_an_interaction_is_given_before_the_rest_is_read(form: Format) -> None:
    assert form.write is not None
    assert form.read is not None
    data = b"".join(form.write(Source(), WriteOptions()))
    trickle = Trickle(data[start : start + PART] for start in range(0, len(data), PART))
    stream = InputStream(trickle, "trickle", path=None, size=None)
    first = next(element for element in form.read(stream) if isinstance(element, Interaction))
    assert first.request.url == "http://h/ads/0"
    assert trickle.made * PART < len(data) / 3


@pytest.mark.parametrize("form", BOTH_WAYS)
def test_memory_does_not_grow_with_the_number_of_interactions(form: Format) -> None:
    assert form.write is not None
    assert form.read is not None
    for _ in form.read(InputStream(Trickle(form.write(Source(3), WriteOptions())), "a", path=None, size=None)):
        pass  # what is imported late
    stream = InputStream(Trickle(form.write(Source(), WriteOptions())), "a", path=None, size=None)
    tracemalloc.start()
    try:
        count = sum(isinstance(element, Interaction) for element in form.read(stream))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == MANY
    assert peak < MOST
