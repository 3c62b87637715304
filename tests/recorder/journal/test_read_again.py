"""Lines that are read a second time, and the bytes of their contents."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from recorder.errors import CassetteDamagedError, UsageError
from recorder.journal.read import Line, Reader
from tests.cassette_tools.cassettes import Cassette

if TYPE_CHECKING:
    from pathlib import Path


LONG = b"x" * 10_000


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    made = Cassette().get(body=b'{"id": 1}').get(body=LONG, sent=b"\xff\0").get(body=LONG, pieces=3).end()
    return made.write(tmp_path / "cassette.jsonl")


def lines_of(reader: Reader) -> list[Line]:
    return [line for line in reader if line.type == "interaction"]


@pytest.mark.parametrize("contents", [False, True])
def test_a_line_comes_once_more_as_it_was_in_any_order(cassette: Path, contents: bool) -> None:
    with Reader(cassette) as first, Reader(cassette) as second:
        lines = lines_of(first)
        for line in reversed(lines):
            again = second.again(line.number, line.offset, line.size, pieces=line.pieces, contents=contents)
            assert again.head == line.head
            assert (again.number, again.offset, again.size) == (line.number, line.offset, line.size)
            assert b"".join(second.body(again, "response")) == b"".join(first.body(line, "response"))
            assert again.contents == (line.load()["bodies"] if contents else None)


def test_reading_a_line_again_leaves_the_reading_where_it_was(cassette: Path) -> None:
    with Reader(cassette, types={"interaction"}) as reader:
        first = next(iter(reader))
        seen = [first]
        for line in reader:
            assert reader.again(first.number, first.offset, first.size).head == first.head
            seen.append(line)
        assert [line.head["seq"] for line in seen] == [1, 2, 3]


def test_a_file_that_became_another_one_is_told_so(cassette: Path) -> None:
    with Reader(cassette) as reader:
        line = lines_of(reader)[1]
        data = cassette.read_bytes()
        cassette.write_bytes(b"#" * len(data))
        with pytest.raises(CassetteDamagedError, match=r"line 3, byte .*: the file has changed meanwhile"):
            reader.again(line.number, line.offset, line.size)
        cassette.write_bytes(data[: line.offset + 10])
        with pytest.raises(CassetteDamagedError, match="the file has changed meanwhile"):
            reader.again(line.number, line.offset, line.size)


def test_a_line_of_a_stream_cannot_come_again(cassette: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with Reader(Pipe(cassette.read_bytes())) as reader:
        line = lines_of(reader)[0]
        with pytest.raises(UsageError, match="the stream has gone on"):
            reader.again(line.number, line.offset, line.size)


@pytest.mark.parametrize("body", [b"", b'{"a": "\\",\\"bodies\\":{"}', LONG, b"\xff"])
def test_the_bytes_of_contents_are_those_of_the_bodies_whether_the_line_is_at_hand_or_not(
    tmp_path: Path, body: bytes
) -> None:
    path = Cassette().get(body=body, sent=b"a=1").get().write(tmp_path / "c.jsonl")
    with Reader(path, types={"interaction"}) as reader:
        line = next(iter(reader))
        at_hand = reader.contents(line)
        assert at_hand.startswith(b',"bodies":{"request":{"text":"a=1"},')
        assert path.read_bytes()[line.offset : line.offset + line.size].endswith(at_hand)
        next(iter(reader))
        assert reader.contents(line) == at_hand


def test_of_a_line_with_spaces_between_its_tokens_the_bytes_of_contents_are_the_whole_line(tmp_path: Path) -> None:
    path = Cassette().get().write(tmp_path / "c.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"bodies":', b'"bodies": '))
    with Reader(path, types={"interaction"}) as reader:
        line = next(iter(reader))
        assert len(reader.contents(line)) == line.size
