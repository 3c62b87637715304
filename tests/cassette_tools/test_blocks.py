from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools import blocks
from cassette_tools.blocks import Block, Survey, bodies_in, chunks, lines_in, opening_of, survey
from recorder.errors import (
    BadCassetteError,
    CassetteDamagedError,
    CassetteNewerError,
    CassetteReadError,
    NotACassetteError,
)
from tests.cassette_tools.cassettes import Cassette, content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADER = Cassette().data()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes everything so small that some lines are several blocks."""
    monkeypatch.setattr(blocks, "BLOCK", 600)
    monkeypatch.setattr(blocks, "LONGEST", 3000)
    monkeypatch.setattr(blocks, "_NEAR", 100)
    monkeypatch.setattr(blocks, "_CHUNK", 700)


def surveyed(data: bytes, path: Path) -> Survey:
    path.write_bytes(data)
    with io.FileIO(path) as file:
        return survey(file, "it.jsonl")


def body(of: str, piece: int, text: str = "abc", part: str = "response", **more: Any) -> bytes:
    return orjson.dumps({"type": "body", "of": of, "part": part, "piece": piece, "text": text, **more}) + b"\n"


def interaction(identity: str, padding: int = 0) -> bytes:
    return orjson.dumps({"type": "interaction", "id": identity, "url": "x" * padding}) + b"\n"


def parts(data: bytes, found: Survey) -> Iterator[tuple[Block, bytes]]:
    for block in found.blocks:
        at, kept = block.offset, b""
        for start, stop in block.holes:
            kept += data[at:start]
            at = stop
        yield block, kept + data[at : block.offset + block.size]


@pytest.mark.usefixtures("small")
def test_blocks_are_whole_lines_and_leave_nothing_out(tmp_path: Path) -> None:
    cassette = Cassette().process()
    for number in range(200):
        cassette.get(f"https://localhost/{number}", body=b"x" * (number * 37 % 900))
    data = cassette.end().data()

    found = surveyed(data, tmp_path / "it")

    assert len(found.blocks) > 50
    assert b"".join(part for _, part in parts(data, found)) == data
    assert all(part.endswith(b"\n") for _, part in parts(data, found))
    assert (found.size, found.lines, found.interactions) == (len(data), data.count(b"\n"), 200)
    assert found.finished
    assert [process.ended for process in found.processes] == [True]


@pytest.mark.usefixtures("small")
@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("line"), st.integers(0, 900), st.just(0)),
            st.tuples(st.just("piece"), st.integers(0, 5), st.integers(0, 900)),
            st.tuples(st.just("close"), st.integers(0, 5), st.integers(0, 900)),
            st.tuples(st.just("odd"), st.integers(0, 300), st.just(0)),
        ),
        max_size=60,
    ),
    st.integers(0, 2),
)
def test_no_body_in_pieces_is_ever_cut(
    tmp_path_factory: pytest.TempPathFactory, layout: list[tuple[str, int, int]], ending: int
) -> None:
    data, runs = HEADER, 0
    spans: list[tuple[int, int, str]] = []
    opened: dict[str, int] = {}
    pieces: dict[str, int] = {}
    lines: list[tuple[int, bool]] = [(0, False)]
    for kind, first, second in layout:
        start = len(data)
        if kind == "line":
            data += interaction("plain", first)
        elif kind == "odd":
            data += b'{"type" : "diagnosis", "x": "' + b"y" * first + b'"}\r\n'
        else:
            key = (first, runs if first == 5 else 0)
            of = f"a-{key[0]}-{key[1]}"
            if kind == "piece":
                opened.setdefault(of, start)
                data += body(of, pieces.get(of, 0), "z" * second)
                pieces[of] = pieces.get(of, 0) + 1
                spans = [span for span in spans if span[2] != of] + [(opened[of], len(data), of)]
            else:
                data += interaction(of, second)
                if of in opened:
                    spans = [span for span in spans if span[2] != of] + [(opened.pop(of), len(data), "")]
                    pieces.pop(of)
                runs += 1
        lines.append((start, kind in {"line", "close"}))
    data += [b"", b'{"type":"interaction","id":"torn', b"\0" * 1500][ending]

    found = surveyed(data, tmp_path_factory.mktemp("blocks") / "it")

    whole = len(data) - (len(b'{"type":"interaction","id":"torn') if ending == 1 else 1500 if ending == 2 else 0)
    assert b"".join(part for _, part in parts(data, found)) == data[:whole]
    edges = [block.offset for block in found.blocks]
    assert not [(edge, span) for edge in edges for span in spans if span[0] < edge < span[1]]
    for block in found.blocks:
        place = [start for start, _ in lines].index(block.offset)
        assert block.line == place + 1
        assert block.interactions == sum(counted for _, counted in lines[:place])
        inside = data[block.offset : block.offset + block.size]
        assert block.bodies or b'{"type":"body"' not in inside


@pytest.mark.usefixtures("small")
def test_what_bodies_hold_together_beyond_the_bound_is_a_long_block_of_its_own(tmp_path: Path) -> None:
    plain = b"".join(interaction(f"p-{number}", 100) for number in range(10))
    held = b"".join(body("a-1", number, "x" * 500) for number in range(12)) + interaction("a-1")
    data = HEADER + plain + held + plain

    found = surveyed(data, tmp_path / "it")

    long = [block for block in found.blocks if block.long]
    assert [(block.offset, block.size) for block in long] == [(len(HEADER + plain), len(held))]
    assert all(not block.bodies for block in found.blocks if not block.long)


@pytest.mark.usefixtures("small")
def test_pieces_without_their_interaction_hold_no_more_than_themselves(tmp_path: Path) -> None:
    plain = b"".join(interaction(f"p-{number}", 300) for number in range(30))
    data = HEADER + body("a-1", 0) + body("a-1", 1) + plain

    found = surveyed(data, tmp_path / "it")

    assert len(found.blocks) > 5
    assert sum(block.bodies for block in found.blocks) == 1


@pytest.mark.usefixtures("small")
def test_a_body_around_torn_bytes_stays_together_without_them(tmp_path: Path) -> None:
    torn = b'{"type":"interaction","id":"b-1","url":"torn'
    held = [body("a-1", 0), body("a-1", 1), interaction("a-1")]
    data = HEADER + held[0] + torn + held[1] + held[2]

    found = surveyed(data, tmp_path / "it")

    around = next(block for block in found.blocks if block.holes)
    assert around.bodies
    assert [data[start:stop] for start, stop in around.holes] == [torn]
    assert b"".join(part for _, part in parts(data, found)) == HEADER + b"".join(held)


def test_a_torn_end_and_the_line_feed_of_a_torn_line_are_left_out(tmp_path: Path) -> None:
    first = Cassette().get().data()
    torn = b'{"type":"interaction","id":"5f2c'
    data = first + torn + b"\n" + first + torn

    found = surveyed(data, tmp_path / "it")

    assert b"".join(part for _, part in parts(data, found)) == first + first
    assert [data[one.start : one.end] for one in found.left_out] == [torn, torn]
    assert not found.finished
    assert [block.line for block in found.blocks] == [1, 4]


def test_other_spellings_of_a_line_are_known(tmp_path: Path) -> None:
    data = (
        b"\xef\xbb\xbf" + HEADER + b'{"of": "a-1", "type": "body", "part": "request", "piece": 0, "text": "x"}\r\n\n'
        b'{ "type" : "interaction", "id" : "a-1" }\n'
    )

    found = surveyed(data, tmp_path / "it")

    assert (found.lines, found.interactions) == (4, 1)
    assert [block.bodies for block in found.blocks] == [True]
    lines = [data[start:stop] for start, stop, _ in lines_in(data, len(data))]
    assert [opening_of(line, 0, len(line)) for line in lines if line] == [
        blocks.Opening("header"),
        blocks.Opening("body", "a-1", "request", 0),
        blocks.Opening("interaction", "a-1"),
    ]


def test_bodies_are_found_with_their_pieces_and_their_interaction() -> None:
    lines = [
        body("a-1", 0),
        body("a-2", 0, part="request"),
        body("a-1", 1),
        interaction("a-1"),
        body("a-1", 0),  # the same run once more
        interaction("a-1"),
    ]
    offsets = [sum(map(len, lines[:place])) for place in range(len(lines))]

    found = bodies_in(
        ((offset, len(line), opening_of(line, 0, len(line))) for offset, line in zip(offsets, lines, strict=True)), "it"
    )

    assert {offset: (one.of, one.part, list(one.offsets)) for offset, one in found.items()} == {
        offsets[0]: ("a-1", "response", [offsets[0], offsets[2]]),
        offsets[1]: ("a-2", "request", [offsets[1]]),
        offsets[4]: ("a-1", "response", [offsets[4]]),
    }
    assert [one.head for one in found.values()] == [
        (offsets[3], len(lines[3])),
        None,
        (offsets[5], len(lines[5])),
    ]


@pytest.mark.parametrize("numbers", [[1], [0, 2], [0, 1, 1]])
def test_pieces_out_of_order_are_refused(numbers: list[int]) -> None:
    lines = [body("a-1", number) for number in numbers]

    with pytest.raises(
        CassetteDamagedError, match=r"it\.jsonl, byte \d+: a piece of a body is missing or out of order"
    ):
        bodies_in(((0, len(line), opening_of(line, 0, len(line))) for line in lines), "it.jsonl")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotACassetteError),
        (b"hello\n", NotACassetteError),
        (HEADER.replace(b'"format":1', b'"format":2'), CassetteNewerError),
        (HEADER + b'{"type":"interaction",garbled\n' + interaction("a-1"), CassetteDamagedError),
        (HEADER[:40], CassetteDamagedError),
    ],
)
def test_what_is_no_whole_cassette_is_refused(tmp_path: Path, data: bytes, error: type[BadCassetteError]) -> None:
    with pytest.raises(error, match=r"it\.jsonl"):
        surveyed(data, tmp_path / "it")


def test_too_many_bodies_without_interactions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_OPEN", 20)
    data = HEADER + b"".join(body(f"a-{number}", 0) for number in range(21))

    with pytest.raises(CassetteDamagedError, match="line 22: more than 20 bodies"):
        surveyed(data, tmp_path / "it")


def test_a_file_that_became_shorter_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(b"abc\n")
    with path.open("rb") as file, pytest.raises(CassetteReadError, match="became shorter"):
        list(chunks(file.fileno(), 0, 100, "it"))


def test_a_long_line_is_one_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_CHUNK", 16)
    path = tmp_path / "it"
    path.write_bytes(b"a\n" + b"b" * 1000 + b"\nc\nd")
    with path.open("rb") as file:
        found = [data[:end] for _, data, end in chunks(file.fileno(), 0, 1006, "it")]

    assert b"".join(found) == path.read_bytes()
    assert all(part.endswith(b"\n") for part in found[:-1])
    assert any(b"b" * 1000 in part for part in found)


def test_content_of_pieces_is_not_looked_at(tmp_path: Path) -> None:
    line = orjson.dumps({"type": "body", "of": "a-1", "part": "response", "piece": 0} | content(b"\xff")) + b"\n"

    assert surveyed(HEADER + line, tmp_path / "it").lines == 2
