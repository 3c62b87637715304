from __future__ import annotations

import base64
import errno
import hashlib
import http.client
import http.server
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, get_args

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import recorder
from recorder.errors import (
    BadCassetteError,
    CassetteDamagedError,
    CassetteNewerError,
    CassetteNotFoundError,
    CassetteReadError,
    NotACassetteError,
    UsageError,
)
from recorder.journal import lines as lines_module
from recorder.journal import read as read_module
from recorder.journal.read import Damage, Line, Mode, Part, Reader
from recorder.model import Interaction
from tests.recorder.journal.schema import complaints
from tests.recorder.journal.written import (
    cassette,
    diagnosis,
    dumped,
    end,
    exchange,
    header,
    heads,
    interaction,
    objects,
    piece,
    pieces,
    process,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODES: tuple[Mode, ...] = get_args(Mode)
PARTS: tuple[Part, ...] = get_args(Part)


@pytest.fixture(params=["as it is", "tight"])
def tight(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test twice: as it is, and with blocks smaller than any line and no line short enough to be parsed whole."""
    if request.param == "tight":
        monkeypatch.setattr(lines_module, "BLOCK", 24)
        monkeypatch.setattr(read_module, "_SHORT", 0)


def stored(reader: Reader, line: Line, part: Part) -> bytes:
    return b"".join(reader.body(line, part))


class Pipe(io.BytesIO):
    """A stream that cannot seek and gives a few bytes at a time, as pipes do."""

    name = "<stdin>"

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation("seek")

    def tell(self) -> int:
        raise io.UnsupportedOperation("tell")

    def readinto(self, buffer: Any) -> int:
        with memoryview(buffer) as view:
            return super().readinto(view[:7])


class TestLines:
    @pytest.mark.parametrize("mode", MODES)
    def test_every_line_comes_in_order_without_contents(self, tight: None, mode: Mode) -> None:
        data = cassette()
        lines, reader = read(data, mode)
        assert [line.head for line in lines] == heads(data)
        assert [line.type for line in lines] == [line["type"] for line in objects(data)]
        assert reader.damage == []

    @pytest.mark.parametrize("mode", MODES)
    def test_number_offset_and_size_are_those_in_the_file(self, tight: None, mode: Mode) -> None:
        data = cassette()
        lines, _ = read(data, mode)
        assert [data[line.offset : line.offset + line.size] for line in lines] == data.split(b"\n")[:-1]
        assert [line.number for line in lines] == list(range(1, data.count(b"\n") + 1))

    @pytest.mark.parametrize("mode", MODES)
    def test_a_line_is_loaded_whole_on_demand_now_or_later(self, tight: None, mode: Mode) -> None:
        data = cassette()
        with Reader(io.BytesIO(data), mode=mode) as reader:
            lines = []
            for line, whole in zip(reader, objects(data), strict=True):
                assert line.load() == whole
                lines.append(line)
            assert [line.load() for line in reversed(lines)] == objects(data)[::-1]

    def test_only_lines_of_the_wanted_types_come(self, tight: None) -> None:
        data = cassette()
        for types in ({"interaction"}, {"end"}, {"header", "x-note"}, {"body"}, set[str]()):
            for mode in MODES:
                lines, reader = read(data, mode, types=types)
                assert [line.head for line in lines] == [line for line in heads(data) if line["type"] in types]
                assert reader.damage == []

    def test_lines_of_other_types_are_not_parsed(self, tight: None, monkeypatch: pytest.MonkeyPatch) -> None:
        parsed = []

        class Spy:
            JSONDecodeError = orjson.JSONDecodeError

            @staticmethod
            def loads(data: bytes) -> object:
                parsed.append(bytes(data))
                return orjson.loads(data)

        monkeypatch.setattr(read_module, "orjson", Spy)
        lines, _ = read(cassette(), types={"process"})
        assert [line.type for line in lines] == ["process"]
        assert len(parsed) == 4
        assert all(data.startswith((b'{"type":"header"', b'{"type":"process"', b'{"type":"end"')) for data in parsed)

    def test_contents_of_bodies_are_not_parsed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sizes = []

        class Spy:
            JSONDecodeError = orjson.JSONDecodeError

            @staticmethod
            def loads(data: bytes) -> object:
                sizes.append(len(data))
                return orjson.loads(data)

        monkeypatch.setattr(read_module, "orjson", Spy)
        long = b"x" * 1_000_000
        read(
            header() + pieces(1, "request", [long, b"\xff" * 1_000_000]) + interaction(1, request=[long], response=long)
        )
        assert len(sizes) == 4
        assert max(sizes) < 2_000

    def test_iterating_again_goes_on_where_the_loop_stopped(self) -> None:
        reader = Reader(io.BytesIO(cassette()))
        first = []
        for line in reader:
            first.append(line.type)
            if line.type == "process":
                break
        assert first == ["header", "process"]
        assert next(iter(reader)).type == "interaction"

    def test_unknown_keys_and_types_are_kept(self, tight: None) -> None:
        more = exchange(1)
        bodies = more.pop("bodies")
        more["x-notes"] = {"a": [1], "bodies": {"x": 1}, "text": "t"}
        data = header(more=[None]) + dumped({**more, "bodies": bodies}) + dumped({"type": "x.y-z\u00fc", "text": "t"})
        lines, reader = read(data)
        assert lines[0].head["more"] == [None]
        assert lines[1].head["x-notes"] == {"a": [1], "bodies": {"x": 1}, "text": "t"}
        assert stored(reader, lines[1], "response") == b"{}"
        assert lines[2].head == {"type": "x.y-z\u00fc", "text": "t"}

    @pytest.mark.parametrize("mode", MODES)
    def test_a_nested_object_that_begins_like_a_record_is_no_record(self, tight: None, mode: Mode) -> None:
        line = exchange(1)
        line["x"] = [{"type": "interaction"}, {"type": "header", "format": 99}]
        odd = {"type": "x-odd", "inner": {"type": "header"}}
        data = header() + dumped(line) + dumped(odd)
        lines, reader = read(data, mode)
        assert [line.type for line in lines] == ["header", "interaction", "x-odd"]
        assert lines[1].head["x"] == line["x"]
        assert stored(reader, lines[1], "response") == b"{}"

    @pytest.mark.parametrize("mode", MODES)
    def test_white_space_between_tokens_is_json(self, tight: None, mode: Mode) -> None:
        data = b"".join(b" " + json.dumps(line).encode() + b"\t \n" for line in objects(cassette()))
        lines, reader = read(data, mode)
        assert [line.head for line in lines] == heads(cassette())
        assert stored(reader, lines[8], "response") == b"\xff\x00\xfe\xc3"

    def test_carriage_returns_in_front_of_line_feeds_are_white_space(self, tight: None) -> None:
        data = cassette().replace(b"\n", b"\r\n")
        for mode in MODES:
            lines, reader = read(data, mode)
            assert [line.head for line in lines] == heads(cassette())
            assert stored(reader, lines[7], "response") == b"\x80\x81"

    @pytest.mark.parametrize(
        "changed",
        [
            pytest.param(b"\xef\xbb\xbf" + header() + interaction(), id="byte order mark"),
            pytest.param(header() + b"\n" + interaction(), id="empty line"),
            pytest.param(header() + b" \t\r\n" + interaction(), id="line of white space"),
            pytest.param(header() + interaction()[:-1], id="no last line feed"),
        ],
    )
    def test_small_liberties_are_taken_but_by_strict(self, tight: None, changed: bytes) -> None:
        for mode in ("tail", "skip"):
            lines, reader = read(changed, mode)
            assert [line.type for line in lines] == ["header", "interaction"]
            assert reader.damage == []
        with pytest.raises(BadCassetteError):
            read(changed, "strict")

    def test_numbers_keep_their_value_up_to_64_bits(self) -> None:
        line = exchange(1)
        line["big"] = [2**64 - 1, -(2**63), 2**64]
        lines, _ = read(header() + dumped(line))
        assert lines[1].head["big"] == [2**64 - 1, -(2**63), 2.0**64]
        assert [type(number) for number in lines[1].head["big"]] == [int, int, float]

    def test_progress_is_told_up_to_the_size(self, tight: None) -> None:
        told: list[int] = []
        data = cassette()
        read(data, on_progress=told.append)
        assert told == sorted(told)
        assert told[-1] == len(data)

    def test_finished_tells_whether_the_run_at_hand_ended_cleanly(self) -> None:
        for data, finished in (
            (header() + interaction(), False),
            (header() + end(), True),
            (header() + end("beef"), False),
            (header() + end(run="other"), False),
            (header() + end() + header(run="d00d"), False),
            (header() + end() + header(run="d00d") + end(run="d00d"), True),
            (header(run=None) + end(run=None), False),
            (header() + end() + interaction(), True),
        ):
            assert read(data)[1].finished is finished, data
            assert read(data, types={"interaction"})[1].finished is finished, data


class TestSources:
    def test_paths_and_streams_read_alike(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(cassette())
        with Reader(path) as by_path, Reader(str(path)) as by_name, path.open("rb") as file, Reader(file) as by_file:
            for reader in (by_path, by_name, by_file):
                assert [line.head for line in reader] == heads(cassette())
                assert reader.name == str(path)

    def test_a_stream_is_read_from_where_it_stands_and_left_open(self) -> None:
        stream = io.BytesIO(b"before" + cassette())
        stream.seek(6)
        with Reader(stream) as reader:
            lines = list(reader)
        assert [line.head for line in lines] == heads(cassette())
        assert lines[0].offset == 0
        assert stored(reader, lines[8], "response") == b"\xff\x00\xfe\xc3"
        assert not stream.closed

    def test_a_pipe_gives_the_bodies_of_the_line_at_hand(self, tight: None) -> None:
        data = cassette()
        with Reader(io.BytesIO(data)) as seekable, Reader(Pipe(data)) as piped:
            for expected, line in zip(seekable, piped, strict=True):
                assert line.head == expected.head
                assert line.load() == expected.load()
                if line.type == "interaction":
                    for part in PARTS:
                        assert stored(piped, line, part) == stored(seekable, expected, part)
            assert piped.name == "<stdin>"

    def test_a_pipe_gives_bodies_also_when_body_lines_are_not_wanted(self) -> None:
        with Reader(Pipe(cassette()), types={"interaction"}) as reader:
            bodies = [stored(reader, line, "response") for line in reader]
        assert bodies == [
            '{"type":"b","bodies":{"ü"}}\n\\'.encode(),
            b"\x80\x81",
            b"\xff\x00\xfe\xc3"[:3] + b"\xc3",
            b"",
        ]

    def test_a_real_pipe_is_read(self) -> None:
        reading, writing = os.pipe()
        data = header() + pieces(1, "response", [b"a" * 300_000, b"b" * 300_000])
        data += interaction(1, response=[b"a" * 300_000, b"b" * 300_000]) + end()

        def write() -> None:
            with open(writing, "wb") as file:  # noqa: PTH123 - a descriptor
                file.write(data)

        thread = threading.Thread(target=write)
        thread.start()
        with open(reading, "rb") as file, Reader(file) as reader:  # noqa: PTH123 - a descriptor
            sizes = [len(stored(reader, line, "response")) for line in reader if line.type == "interaction"]
        thread.join()
        assert sizes == [600_000]

    def test_a_pipe_that_has_gone_on_says_so(self) -> None:
        with Reader(Pipe(cassette())) as reader:
            lines = list(reader)
            with pytest.raises(UsageError, match=r"^<stdin>, line 3: the stream has gone on"):
                lines[2].load()
            with pytest.raises(UsageError, match="the stream has gone on"):
                stored(reader, lines[8], "response")

    def test_what_a_pipe_needs_on_disk_is_given_back(self) -> None:
        data = [b"x" * 1000]
        chunks = [pieces(seq, "response", data) + interaction(seq, response=data) for seq in range(1, 50)]
        with Reader(Pipe(header() + b"".join(chunks))) as reader:
            for line in reader:
                assert reader._spool._size < 2_500
                if line.type == "interaction":
                    assert stored(reader, line, "response") == data[0]

    def test_what_a_pipe_needs_on_disk_has_no_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with Reader(Pipe(cassette())) as reader:
            for _ in reader:
                assert list(tmp_path.iterdir()) == []
            assert reader._spool._file is not None

    def test_a_disk_too_full_to_keep_bodies_of_a_pipe_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(**_: object) -> BinaryIO:
            class Full(io.BytesIO):
                def write(self, _: object) -> int:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            return Full()

        monkeypatch.setattr("tempfile.TemporaryFile", full)
        with Reader(Pipe(cassette())) as reader, pytest.raises(CassetteReadError, match="No space left on device"):
            list(reader)

    def test_a_missing_file_is_an_error_of_its_own(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        for path in (tmp_path / "none", tmp_path / "file" / "none", "a\0b"):
            with pytest.raises(CassetteNotFoundError):
                Reader(path)

    def test_a_directory_is_no_cassette(self, tmp_path: Path) -> None:
        with pytest.raises(NotACassetteError, match="it is a directory"):
            Reader(tmp_path)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.touch(mode=0o000)
        with pytest.raises(CassetteReadError, match="Permission denied"):
            Reader(path)

    def test_a_stream_that_fails_is_told(self) -> None:
        class Broken(io.BytesIO):
            def readinto(self, buffer: Any) -> int:
                if self.tell() > 0:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                return super().readinto(memoryview(buffer)[:100])

        with pytest.raises(CassetteReadError, match=r"^<stream>: reading failed: Input/output error"):
            list(Reader(Broken(cassette())))

    def test_a_stream_that_would_block_is_told(self) -> None:
        class Blocking(io.BytesIO):
            def readinto(self, _: Any) -> None:  # type: ignore[override]
                return None

        with pytest.raises(CassetteReadError, match="make the stream a blocking one"):
            list(Reader(Blocking()))

    def test_a_closed_reader_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(cassette())
        with Reader(path) as reader:
            lines = [next(iter(reader)) for _ in range(9)]
        for use in (lambda: list(Reader.__iter__(reader)), lines[2].load, lambda: stored(reader, lines[8], "response")):
            with pytest.raises(UsageError, match="the reader is closed"):
                use()

    def test_a_file_that_lost_its_end_meanwhile_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(cassette())
        with Reader(path) as reader:
            lines = list(reader)
            os.truncate(path, lines[2].offset + 10)
            with pytest.raises(CassetteDamagedError, match="line 3, byte"):
                lines[2].load()
            with pytest.raises(CassetteDamagedError, match="piece 0 of the response's body is garbled"):
                stored(reader, lines[8], "response")

    def test_modes_and_parts_are_checked(self) -> None:
        with pytest.raises(UsageError, match="'lax' is no mode"):
            Reader(io.BytesIO(), mode="lax")  # type: ignore[arg-type]
        lines, reader = read(cassette())
        with pytest.raises(UsageError, match="'both' is no part"):
            stored(reader, lines[2], "both")  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="line 1: only an interaction has bodies"):
            stored(reader, lines[0], "request")


class TestWhatIsNoCassette:
    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"", "it is empty"),
            (b" \n\n", "it is empty"),
            (b"interactions:\n- request:\n    body: null\nversion: 1\n", "a YAML cassette, as vcrpy writes it"),
            (b"# vcr\n---\nversion: 1\ninteractions: []\n", "a YAML cassette"),
            (b'{"log": {"version": "1.2"}}', "a HAR document"),
            (b'{\n  "log": {\n', "a HAR document"),
            (b'{"http_interactions": []}', "a JSON cassette of another recorder"),
            (b'{"_metadata": {}, "interactions": []}\n', "a JSON cassette of another recorder"),
            (b'{"a": 1}\n', "JSON of another kind"),
            (b"[1]\n", "JSON of another kind"),
            (b"<!DOCTYPE html><title>x</title>", "HTML"),
            (b"<?xml version='1.0'?>", "XML"),
            (b"\x1f\x8b\x08\0\0", "a gzip file"),
            (b"\x28\xb5\x2f\xfd\0", "a zstandard file"),
            (b"PK\x03\x04", "a zip archive"),
            (b"SQLite format 3\0", "an SQLite database"),
            (b"\xff\xfe{\0", "UTF-16"),
            (b"\x7fELF\x02\x01\x01\0\0\n\0", "binary data"),
            (b"hello\n", "its first line is no header"),
            (b"x" * 200, "its first line is no header"),
            (interaction() + end(), "its first line is no header. Its beginning may have been cut off"),
            (header(format="1"), "is no version number"),
            (header(format=0), "is no version number"),
            (header(format=True), "is no version number"),
            (header(format=1.0), "is no version number"),
            (b'{"type":"header"}\n', "is no version number"),
        ],
    )
    def test_a_word_tells_what_it_is(self, data: bytes, said: str) -> None:
        for mode in ("tail", "strict"):
            with pytest.raises(NotACassetteError, match="not a cassette") as caught:
                read(data, mode)
            assert said in str(caught.value), mode

    def test_one_endless_line_of_something_else_is_told(self) -> None:
        for data, said in ((b'{"log":{"entries":[' + b"1," * 500, "a HAR document"), (b"x" * 200, "no header")):
            for mode in MODES:
                with pytest.raises(NotACassetteError, match=said):
                    read(data, mode, max_line=100)

    def test_skip_refuses_it_too_when_not_one_line_is_found(self) -> None:
        for data in (b"", b"interactions: []\n", b"\0" * 100, b"\x1f\x8b", b'{"log": {}}'):
            with pytest.raises(BadCassetteError):
                read(data, "skip")

    def test_a_cassette_that_lost_its_beginning_is_read_by_skip(self, tight: None) -> None:
        data = process() + interaction() + end()
        lines, reader = read(data, "skip")
        assert [line.type for line in lines] == ["process", "interaction", "end"]
        assert reader.damage == [Damage(0, 0, "the header line is missing")]
        lines, reader = read(b"\0" * 50 + data, "skip")
        assert [line.type for line in lines] == ["process", "interaction", "end"]
        assert [(damage.start, damage.end) for damage in reader.damage] == [(0, 50), (50, 50)]

    def test_a_newer_format_is_refused_in_plain_words(self) -> None:
        for mode in MODES:
            for data in (header(format=2) + interaction(), header() + end() + header(format=2)):
                with pytest.raises(
                    CassetteNewerError, match="the cassette has format 2, and this release reads formats up to 1"
                ):
                    read(data, mode)

    def test_older_formats_are_migrated_step_by_step(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(read_module, "FORMAT", 3)
        monkeypatch.setattr(
            read_module,
            "MIGRATIONS",
            {1: lambda line: {**line, "steps": [1]}, 2: lambda line: {**line, "steps": [*line.get("steps", []), 2]}},
        )
        data = (
            header() + interaction() + header(format=2) + dumped({"type": "x", "steps": []}) + header(format=3) + end()
        )
        lines, _ = read(data)
        assert [line.format for line in lines] == [1, 1, 2, 2, 3, 3]
        assert lines[1].head["steps"] == lines[1].load()["steps"] == [1, 2]
        assert lines[3].head["steps"] == lines[3].load()["steps"] == [2]
        assert "steps" not in lines[5].head


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A cassette as the recorder wrote it: bodies inline and in pieces, text and binary, and a failure."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    path = tmp_path_factory.mktemp("recorded") / "cassette.jsonl"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with recorder.record(path, body_limit=1024):
                client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
                for body in (b"{}", b'{"type":"}}}"' * 100, b"\xff" * 900, b"\xff\n" * 700):
                    client.request("POST", "/", body)
                    assert client.getresponse().read() == body
                client.close()
                with socket.socket() as closed:
                    closed.bind(("127.0.0.1", 0))
                    client = http.client.HTTPConnection("127.0.0.1", closed.getsockname()[1])
                    with pytest.raises(ConnectionRefusedError):
                        client.request("GET", "/")
        finally:
            server.shutdown()
            thread.join()
    return path.read_bytes()


class TestTornTails:
    def test_what_the_recorder_wrote_is_read_up_to_every_byte(self, tight: None, recorded: bytes) -> None:
        expected = heads(recorded)
        assert [complaint for line in objects(recorded) for complaint in complaints(line)] == []
        lines, reader = read(recorded, "strict")
        assert [line.head for line in lines] == expected
        made = [Interaction.from_json(line.head) for line in lines if line.type == "interaction"]
        assert [each.response is not None and each.response.status for each in made] == [200, 200, 200, 200, False]
        sizes = [len(stored(reader, line, "response")) for line in lines if line.type == "interaction"]
        assert sizes == [2, 1300, 900, 1400, 0]
        first = recorded.index(b"\n")
        for cut in range(first, len(recorded), 3):
            lines, reader = read(recorded[:cut])
            whole = recorded.count(b"\n", 0, cut) + (recorded[cut : cut + 1] == b"\n")
            assert [line.head for line in lines] == expected[:whole]
            assert (len(reader.damage) == 1) is (recorded[cut - 1 : cut] != b"\n" and recorded[cut : cut + 1] != b"\n")

    def test_at_every_byte_whatever_was_whole_is_read(self, tight: None) -> None:
        data = cassette()
        expected = heads(data)
        ends = [match.end() for match in re.finditer(b"\n", data)]
        for cut in range(ends[0], len(data)):
            lines, reader = read(data[:cut])
            whole = sum(cut >= end - 1 for end in ends)  # a whole line that lacks only its line feed counts
            assert [line.head for line in lines] == expected[:whole]
            left = max([end for end in ends if end - 1 <= cut])
            torn = [] if left >= cut else [(left, cut)]
            assert [(damage.start, damage.end) for damage in reader.damage] == torn

    def test_a_torn_header_is_damage_not_another_kind_of_file(self) -> None:
        whole = header()
        for cut in range(1, len(whole) - 1):
            with pytest.raises(CassetteDamagedError, match="the header line is torn"):
                read(whole[:cut])

    @pytest.mark.parametrize(
        "between", [b"", b"\n", b"\r\n", b"\n\n", b"\0" * 100, b"\0" * 100 + b"\n", b"\n" + b"\0" * 100]
    )
    def test_at_every_byte_an_appended_run_is_read(self, tight: None, between: bytes) -> None:
        data = (
            header()
            + process()
            + pieces(1, "response", [b"}}}"])
            + interaction(1, request=b'"}}}\\', response=[b"}}}"])
        )
        expected = heads(data)
        more = header(run="d00d") + interaction(9)
        ends = [match.end() for match in re.finditer(b"\n", data)]
        for cut in range(len(data) - 1):
            if between.startswith(b"\n\0"):
                continue  # two damaged places: see below
            lines, reader = read(data[:cut] + between + more)
            whole = sum(cut >= end - (0 if between.startswith(b"\0") else 1) for end in ends)
            assert [line.head for line in lines] == expected[:whole] + heads(more), cut
            assert len(reader.damage) <= 1
            assert sum(damage.end - damage.start for damage in reader.damage) >= cut - sum(
                map(len, data.splitlines(keepends=True)[:whole])
            )

    def test_a_torn_run_behind_a_torn_run_is_read_up_to_each_tear(self, tight: None) -> None:
        first, second = header() + interaction(1), header(run="d00d")
        for between in (b"", b"\n"):
            for cut in (20, len(second) - 3):
                data = (
                    first + interaction(2)[:-9] + between + second[:cut] + between + header(run="beef") + interaction(3)
                )
                lines, _ = read(data)
                assert [line.head.get("run", line.head.get("seq")) for line in lines] == ["c61f0d9a27b4", 1, "beef", 3]

    @pytest.mark.parametrize("size", [1, 511, 4096, 1_000_000])
    def test_a_tail_of_nul_bytes_is_tolerated(self, size: int) -> None:
        data = header() + interaction()
        for tail in (b"\0" * size, b'{"type":"inter' + b"\0" * size):
            lines, reader = read(data + tail)
            assert [line.type for line in lines] == ["header", "interaction"]
            assert [(damage.start, damage.end) for damage in reader.damage] == [(len(data), len(data) + len(tail))]
            lines, _ = read(data + tail + header(run="d00d") + end())
            assert [line.type for line in lines] == ["header", "interaction", "header", "end"]

    def test_a_tail_of_nul_bytes_may_be_longer_than_the_bound(self) -> None:
        data = header() + interaction()
        lines, reader = read(data + b"\0" * 100_000, max_line=2_000)
        assert len(lines) == 2
        assert reader.damage == [Damage(len(data), len(data) + 100_000, "NUL bytes")]
        lines, _ = read(data + b"\0" * 100_000 + header(run="d00d"), max_line=2_000)
        assert len(lines) == 3

    def test_strict_refuses_every_tail(self, tight: None) -> None:
        data = header() + interaction()
        for cut in range(len(header()) + 1, len(data)):
            with pytest.raises(CassetteDamagedError, match=r"line 2, byte 2"):
                read(data[:cut], "strict")
        for tail in (b"\0", b"\0\n", b"{", b"\xff"):
            with pytest.raises(CassetteDamagedError, match=f"line 3, byte {len(data)}"):
                read(data + tail, "strict")

    @settings(max_examples=300, deadline=None)
    @given(text=st.text(alphabet='"\\}{ab,:\n', max_size=24), cut=st.integers(2, 30), feed=st.booleans())
    @example(text='"}}}', cut=6, feed=True)
    @example(text='\\"}}}', cut=6, feed=True)
    @example(text='{"type":"header"', cut=3, feed=False)
    def test_a_torn_body_is_never_taken_for_a_whole_one(self, text: str, cut: int, feed: bool) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(read_module, "_SHORT", 0)
            for line in (interaction(1, response=text.encode()), piece(1, "response", 0, text.encode())):
                torn = line[:-cut] + (b"\n" if feed else b"")
                lines, reader = read(header() + torn)
                assert [line.type for line in lines] == ["header"]
                assert len(reader.damage) == 1
                lines, _ = read(header() + torn + header(run="d00d"))
                assert [line.type for line in lines] == ["header", "header"]


BAD = {
    "garbled": b'{"type":"interaction","id":oops}\n',
    "no record": b"hello\n",
    "other JSON": b"[1,2]\n",
    "no type": b'{"id":"5f2c9a1b-1"}\n',
    "type of a wrong type": b'{"type":7}\n',
    "invalid UTF-8": b'{"type":"interaction","id":"\xff"}\n',
    "NUL bytes": b"\0" * 40 + b"\n",
    "NUL inside": interaction().replace(b'"seq"', b'"s\0q"'),
    "NaN": b'{"type":"end","seen":NaN}\n',
    "a lone surrogate": b'{"type":"end","program":"\\ud800"}\n',
    "too deep": b'{"type":"x","deep":' + b"[" * 1_100 + b"]" * 1_100 + b"}\n",
    "a bare control character": b'{"type":"x","text":"a\tb"}\n',
    "two objects": b'{"type":"x"} {"a":1}\n',
    "torn": interaction()[:200] + b"\n",
    "torn in a body": interaction(1, response=b"}}}" * 100)[:-30] + b"}}}\n",
    "overlong": b'{"type":"x","text":"' + b"y" * 20_000 + b'"}\n',
    "overlong and garbled": b"y" * 20_000 + b"\n",
}


class TestDamage:
    @pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
    def test_in_the_middle_it_is_refused_with_its_place(self, tight: None, bad: bytes, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(header() + bad + interaction())
        for mode in ("tail", "strict"):
            with Reader(path, mode=mode, max_line=10_000) as reader:
                with pytest.raises(CassetteDamagedError) as caught:
                    list(reader)
                assert str(caught.value).startswith(f"{path}, line 2, byte {len(header())}: ")
                assert "skip" in str(caught.value)

    @pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
    def test_skip_goes_on_and_lists_the_range(self, tight: None, bad: bytes) -> None:
        first = header() + interaction(1)
        data = first + bad + interaction(2) + bad + bad + end()
        lines, reader = read(data, "skip", max_line=10_000)
        assert [line.head for line in lines] == heads(first + interaction(2) + end())
        later = len(first + bad + interaction(2))
        assert [(damage.start, damage.end) for damage in reader.damage] == [
            (len(first), len(first + bad) - 1),
            (later, later + 2 * len(bad) - 1),
        ]

    @pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
    def test_at_the_end_it_is_a_tail_unless_overlong(self, tight: None, bad: bytes) -> None:
        if len(bad) > 10_000:
            with pytest.raises(CassetteDamagedError):
                read(header() + bad, max_line=10_000)
        else:
            lines, reader = read(header() + bad, max_line=10_000)
            assert len(lines) == 1
            assert [(damage.start, damage.end) for damage in reader.damage] == [
                (len(header()), len(header() + bad) - 1)
            ]

    def test_a_record_glued_behind_a_torn_one_is_found_by_skip(self, tight: None) -> None:
        torn = interaction(1, request=b"{}", response=b"{" * 50)
        whole = interaction(2, response=b"a" * 50)
        for cut in range(1, len(torn) - 1):
            for glued in (whole, piece(2, "request", 0, b"x"), diagnosis(), header()):
                data = header() + torn[:cut] + glued + end()
                lines, reader = read(data, "skip")
                assert [line.head for line in lines] == heads(header() + glued + end()), cut
                assert [(damage.start, damage.end) for damage in reader.damage] == [
                    (len(header()), len(header()) + cut)
                ]

    def test_a_record_glued_behind_a_torn_one_is_never_passed_over_in_silence(self, tight: None) -> None:
        torn = interaction(1, request=b"{}", response=b"{" * 50)
        for cut in range(1, len(torn) - 1):
            data = header() + torn[:cut] + interaction(2) + end()
            for types in (None, {"interaction"}, {"end"}):
                with pytest.raises(CassetteDamagedError, match="line 2, byte 2"):
                    read(data, "strict", types=types)
                for mode in ("tail", "skip"):
                    lines, reader = read(data, mode, types=types)
                    assert [line.type for line in lines if line.type == "interaction"] == ["interaction"] * (
                        types is None or "interaction" in types
                    )
                    assert [(each.start, each.end) for each in reader.damage] == [(len(header()), len(header()) + cut)]

    def test_a_whole_record_without_line_feed_keeps_the_one_behind_it(self, tight: None) -> None:
        data = header() + interaction(1)[:-1] + interaction(2)[:-1] + end()
        for mode in ("tail", "skip"):
            lines, reader = read(data, mode)
            assert [line.head for line in lines] == heads(header() + interaction(1) + interaction(2) + end())
            assert [line.number for line in lines] == [1, 2, 2, 2]
            assert reader.damage == []
            assert [stored(reader, line, "response") for line in lines[1:3]] == [b"{}", b"{}"]
        with pytest.raises(CassetteDamagedError, match="line 2"):
            read(data, "strict")

    def test_a_record_glued_behind_an_overlong_one_is_found_by_skip(self, tight: None) -> None:
        for size in (100, 990, 1_000, 1_010, 5_000, 50_000):
            bad = b'{"type":"x","text":"' + b"y" * size
            data = header() + bad + interaction(2) + bad + b'"}\n' + end()
            lines, reader = read(data, "skip", max_line=1_000)
            kinds = [line.type for line in lines]
            assert kinds == ["header", "interaction", "x", "end"] if size < 950 else ["header", "interaction", "end"]
            assert (reader.damage[0].start, reader.damage[0].end) == (len(header()), len(header() + bad))

    @pytest.mark.parametrize("over", [-1, 0, 1])
    def test_the_bound_counts_the_bytes_of_a_line_without_its_line_feed(self, tight: None, over: int) -> None:
        line = dumped({"type": "x", "pad": "y" * 2_000})
        bound = len(line) - 1 - over
        if over > 0:
            with pytest.raises(CassetteDamagedError, match="longer than the reader's bound"):
                read(header() + line, max_line=bound)
        else:
            assert len(read(header() + line, max_line=bound)[0]) == 2

    def test_the_list_of_damage_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(read_module, "MAX_DAMAGE", 10)
        data = header() + (b"bad\n" + interaction()) * 100
        lines, reader = read(data, "skip")
        assert len(lines) == 101
        assert len(reader.damage) == 10
        assert reader.damage[-1].end == len(data) - len(interaction()) - 1
        assert reader.damage[-1].reason == "many damaged places, with whole lines between them"

    def test_a_head_that_lies_about_its_type_is_parsed_whole(self, tight: None) -> None:
        data = header() + b'{"type":"interaction","id":"a-1","type":"x","bodies":{"request":{"text":""}}}\n'
        lines, _ = read(data)
        assert lines[1].type == "x"
        assert "bodies" in lines[1].head


class TestBodies:
    def test_text_and_binary_inline_and_in_pieces(self, tight: None) -> None:
        lines, reader = read(cassette(), "strict")
        bodies = {
            (line.head["seq"], part): stored(reader, line, part)
            for line in lines
            if line.type == "interaction"
            for part in PARTS
        }
        assert bodies == {
            (1, "request"): b'{"a": [1,2]}',
            (1, "response"): '{"type":"b","bodies":{"ü"}}\n\\'.encode(),
            (2, "request"): 'ä{"a":1}}}tail "}}}'.encode(),
            (2, "response"): b"\x80\x81",
            (3, "request"): b"",
            (3, "response"): b"\xff\x00\xfe\xc3",
            (4, "request"): b"",
            (4, "response"): b"",
        }

    def test_a_body_in_pieces_comes_piece_by_piece(self) -> None:
        lines, reader = read(cassette())
        assert list(reader.body(lines[7], "request")) == ['ä{"a":1}}}'.encode(), b'tail "}}}']

    def test_bodies_may_be_read_while_the_lines_go_on(self, tight: None) -> None:
        data = [b"a" * 500, b"b" * 500, b"c" * 500]
        text = header() + b"".join(
            pieces(seq, "response", data) + interaction(seq, response=data) for seq in range(1, 9)
        )
        with Reader(io.BytesIO(text), types={"interaction"}) as reader:
            opened: list[Iterator[bytes]] = []
            read_parts: list[list[bytes]] = []
            for line in reader:
                opened.append(reader.body(line, "response"))
                read_parts.append([])
                for parts, body in zip(read_parts, opened, strict=True):
                    if len(parts) < 3:
                        parts.append(next(body))
        assert read_parts[:6] == [data] * 6

    def test_raw_pieces_come_as_they_are_wherever_the_mark_stands(self, tight: None) -> None:
        before = b'{"type":"body","of":"5f2c9a1b-1","part":"response","piece":1,"raw":true,"text":"raw"}\n'
        for last in (piece(1, "response", 1, b"raw", raw=True), before):
            data = (
                header() + piece(1, "response", 0, b"decoded ") + last + interaction(1, response=[b"decoded ", b"raw"])
            )
            lines, reader = read(data, "strict")
            assert stored(reader, lines[3], "response") == b"decoded raw"
            assert lines[2].head["raw"] is True

    def test_a_body_that_was_never_seen_is_empty(self) -> None:
        line = exchange(1)
        line["request"]["body"] = {"size": 0, "wire_size": 0, "sha256": None, "complete": False, "pieces": 0}
        lines, reader = read(header() + dumped(line), "strict")
        assert stored(reader, lines[1], "request") == b""

    def test_without_bodies_nothing_is_remembered_and_inline_ones_still_come(self) -> None:
        lines, reader = read(cassette(), bodies=False)
        assert reader._pending == {}
        assert stored(reader, lines[7], "response") == b"\x80\x81"
        with pytest.raises(CassetteDamagedError, match="2 body lines should hold the request's body, and 0 were read"):
            stored(reader, lines[7], "request")

    @pytest.mark.parametrize(
        ("numbers", "said"),
        [
            ([0, 1], "3 body lines should hold the response's body, and 2 were read"),
            ([0, 1, 2, 3], "3 body lines should hold the response's body, and 4 were read"),
            ([0, 2, 3], "out of order: 2 stands where piece 1 should"),
            ([0, 0, 1, 2], "out of order: 0 stands where piece 1 should"),
            ([1, 0, 2], "out of order: 1 stands where piece 0 should"),
            ([0, 1, None], "out of order: a piece without a number stands where piece 2 should"),
            ([0, 1, 2.0], "out of order: a piece without a number"),
            ([False, 1, 2], "out of order: a piece without a number"),
            ([0, -1, 2], "out of order: -1 stands where piece 1"),
        ],
    )
    def test_pieces_that_are_missing_or_in_disorder_are_told(self, numbers: list[Any], said: str) -> None:
        data = b"".join(piece(1, "response", number, b"x") for number in numbers)
        lines, reader = read(header() + data + interaction(1, response=[b"x"] * 3))
        with pytest.raises(CassetteDamagedError, match=said):
            stored(reader, lines[-1], "response")

    @pytest.mark.parametrize(
        ("of", "part"), [(None, "response"), (7, "response"), ("5f2c9a1b-1", "both"), ("5f2c9a1b-1", ["response"])]
    )
    def test_a_piece_of_nothing_is_refused_by_strict_and_else_left_aside(self, of: object, part: object) -> None:
        odd = dumped({"type": "body", "of": of, "part": part, "piece": 0, "text": "x"})
        data = header() + odd + pieces(1, "response", [b"y"]) + interaction(1, response=[b"y"])
        lines, reader = read(data)
        assert stored(reader, lines[-1], "response") == b"y"
        with pytest.raises(CassetteDamagedError, match="does not say to what it belongs"):
            read(data, "strict")

    @pytest.mark.parametrize(
        "change",
        [
            {"text": None},
            {"text": 7},
            {"text": ["x"]},
            {"text": "x", "base64": "eA=="},
            {"base64": "eA"},
            {"base64": "e A=="},
            {"base64": "\u00e9A=="},
            {"base64": 7},
            {},
        ],
    )
    def test_content_of_a_wrong_type_is_told(self, change: dict[str, Any]) -> None:
        line = exchange(1)
        line["bodies"]["response"] = change
        body_line = {"type": "body", "of": "5f2c9a1b-2", "part": "response", "piece": 0, **change}
        data = header() + dumped(line) + dumped(body_line) + interaction(2, response=[b"x"])
        lines, reader = read(data)
        with pytest.raises(CassetteDamagedError, match=r"line 2, byte .* the response's body is missing or garbled"):
            stored(reader, lines[1], "response")
        with pytest.raises(CassetteDamagedError, match=r"line 4, byte .*: piece 0 of the response's body is garbled"):
            stored(reader, lines[3], "response")

    @pytest.mark.parametrize("bodies", [None, [], "x", {}, {"response": None}, {"response": []}])
    def test_a_missing_content_is_told(self, bodies: object) -> None:
        line = exchange(1)
        line["bodies"] = bodies
        lines, reader = read(header() + dumped(line))
        with pytest.raises(CassetteDamagedError, match="the content of the response's body is missing"):
            stored(reader, lines[1], "response")

    @pytest.mark.parametrize("body", [7, "x", [], {"pieces": -1}, {"pieces": "1"}, {"pieces": True}, {"pieces": 1.0}])
    def test_a_wrong_description_is_told(self, body: object) -> None:
        line = exchange(1)
        line["response"]["body"] = body
        lines, reader = read(header() + dumped(line))
        with pytest.raises(CassetteDamagedError, match=r"`response.body"):
            stored(reader, lines[1], "response")

    def test_a_garbled_content_is_told_when_it_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(read_module, "_SHORT", 0)
        for wrong in (b"\xff", b"\0", b"\t", b"\\x"):
            data = header() + interaction(1, response=b"good body").replace(b"d b", b"d" + wrong + b"b")
            lines, reader = read(data)
            with pytest.raises(CassetteDamagedError, match="cannot be parsed as a whole"):
                stored(reader, lines[1], "response")
            with pytest.raises(CassetteDamagedError):
                read(data, "strict")

    def test_strict_compares_size_and_digest(self) -> None:
        for inline in (True, False):
            for key, wrong, said in (
                ("size", 3, "says another number"),
                ("sha256", hashlib.sha256(b"z").hexdigest(), "another digest"),
                ("sha256", ["x"], "another digest"),
            ):
                line = exchange(1, response=b"xy" if inline else [b"xy"])
                line["response"]["body"][key] = wrong
                data = header() + pieces(1, "response", [b"xy"]) + dumped(line)
                lines, reader = read(data, "strict")
                with pytest.raises(CassetteDamagedError, match=said):
                    stored(reader, lines[2], "response")
                lines, reader = read(data)
                assert stored(reader, lines[2], "response") == b"xy"

    def test_orphans_are_passed_over_and_forgotten_beyond_the_bounds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(read_module, "MAX_PENDING_BODIES", 5)
        orphans = b"".join(pieces(seq, "response", [b"x"]) for seq in range(2, 50))
        lines, reader = read(header() + pieces(1, "response", [b"y"]) + orphans + interaction(1, response=[b"y"]))
        assert len(reader._pending) == 5
        assert reader._pieces == 5
        with pytest.raises(CassetteDamagedError, match="1 body lines should hold the response's body, and 0 were read"):
            stored(reader, lines[-1], "response")

    def test_the_number_of_remembered_pieces_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(read_module, "MAX_PENDING_PIECES", 10)
        data = [b"x"] * 6
        whole = pieces(1, "response", data) + pieces(2, "response", data)
        lines, reader = read(header() + whole + interaction(1, response=data) + interaction(2, response=data))
        assert reader._pieces == 0
        assert stored(reader, lines[-1], "response") == b"x" * 6
        with pytest.raises(CassetteDamagedError):
            stored(reader, lines[-2], "response")


BOUNDED = """
import os, sys, threading
from recorder.journal.read import Reader
from tests.peak import peak_kib as peak

kind = sys.argv[1]
header = b'{"type":"header","format":1}\\n'
start = b'{"type":"interaction","id":"a-%d","seq":1,"request":{"body":null},"response":{"body":{"size":500000}},'
body = b'"bodies":{"response":{"text":"' + b"x" * 500_000 + b'"}}}\\n'

def lines():
    yield header
    if kind == "bodies":
        for number in range(400):
            yield start % number + body
    elif kind == "pieces":
        text = b'"text":"' + b"x" * 500_000 + b'"}\\n'
        last = b'"response":{"body":{"size":1,"pieces":4}},"bodies":{}}\\n'
        for number in range(100):
            for piece in range(4):
                yield b'{"type":"body","of":"a-%d","part":"response","piece":%d,' % (number, piece) + text
            yield b'{"type":"interaction","id":"a-%d",' % number + last
    elif kind == "overlong":
        yield b'{"type":"interaction","id":"'
        for number in range(3000):
            yield b"y" * 100_000
        yield b'"}\\n'
    elif kind == "orphans":
        for number in range(50_000):
            yield b'{"type":"body","of":"a-%d","part":"response","piece":0,"text":""}\\n' % number
    elif kind == "torn":
        for number in range(50_000):
            yield b'bad\\n{"type":"x"}\\n'

def write(descriptor):
    with open(descriptor, "wb", buffering=0) as file:
        for line in lines():
            file.write(line)

total = 0
if len(sys.argv) > 2:
    write(sys.argv[2])
    source = sys.argv[2]
else:
    reading, writing = os.pipe()
    threading.Thread(target=write, args=[writing]).start()
    source = open(reading, "rb", buffering=0)
before = peak()
with Reader(source, mode="skip", types={"interaction", "x"}) as reader:
    for line in reader:
        if line.type == "interaction":
            total += sum(map(len, reader.body(line, "response")))
print((peak() - before) // 1024, total, len(reader.damage))
"""


class TestMemory:
    @pytest.mark.parametrize(
        ("kind", "total", "damage"),
        [
            ("bodies", 400 * 500_000, 0),
            ("pieces", 100 * 4 * 500_000, 0),
            ("overlong", 0, 1),
            ("orphans", 0, 0),
            ("torn", 0, 10_000),
        ],
    )
    @pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
    def test_a_big_cassette_is_read_in_less_than_20_megabytes(
        self, tmp_path: Path, kind: str, total: int, damage: int, piped: bool
    ) -> None:
        path = [] if piped else [str(tmp_path / "big.jsonl")]
        run = subprocess.run(
            [sys.executable, "-c", BOUNDED, kind, *path],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[3],
            timeout=120,
        )
        grown, *rest = map(int, run.stdout.split())
        assert rest == [total, damage]
        expected = 20
        if kind == "overlong":
            expected += 2 * 64  # the bound itself, while it is not yet known that the line is longer
        assert grown < expected


def _consume(data: bytes, mode: Mode, **options: Any) -> None:
    """Do with a cassette what tools do. Only the one error may come out, and it may not quote the cassette."""
    errors: list[BadCassetteError] = []
    with Reader(io.BytesIO(data), mode=mode, **options) as reader:
        errors += _refusals(lambda: _consume_lines(reader, errors))
    assert all("hunter2" not in str(error) for error in errors)


def _consume_lines(reader: Reader, errors: list[BadCassetteError]) -> None:
    for line in reader:
        errors += _refusals(line.load)
        if line.type == "interaction":
            errors += _refusals(partial(Interaction.from_json, line.head, where=line.where))
            errors += _refusals(partial(stored, reader, line, "request"))
            errors += _refusals(partial(stored, reader, line, "response"))


def _refusals(use: Callable[[], object]) -> list[BadCassetteError]:
    try:
        use()
    except BadCassetteError as error:
        return [error]
    return []


SECRET = cassette().replace(b"app.py", b"hunter2").replace(b"OK", b"hunter2") + interaction(
    5, request=b"hunter2", response=b"hunter2 \xff"
)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "drop", "insert", "repeat", "cut"]),
        st.integers(0, len(SECRET)),
        st.integers(1, 60),
        st.binary(max_size=12)
        | st.sampled_from([b"\n", b"\0" * 9, b'{"type":"', b"}", b'"', b"\\", b"\xff", b"[" * 1_200]),
    ),
    min_size=1,
    max_size=6,
)


def _edited(data: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    for how, place, size, more in edits:
        start = min(place, len(data))
        if how == "flip":
            data = data[:start] + bytes(byte ^ 1 + size % 255 for byte in data[start : start + 1]) + data[start + 1 :]
        elif how == "drop":
            data = data[:start] + data[start + size :]
        elif how == "insert":
            data = data[:start] + more + data[start:]
        elif how == "repeat":
            data = data[:start] + data[max(0, start - size) :]
        else:
            data = data[:start]
    return data


def _tightly(use: Callable[[], object], *, tight: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if tight:
            patch.setattr(lines_module, "BLOCK", 100)
            patch.setattr(read_module, "_SHORT", 0)
        use()


class TestAnyContent:
    @settings(deadline=None)
    @given(data=st.binary(max_size=300), mode=st.sampled_from(MODES), led=st.booleans(), tight=st.booleans())
    def test_random_bytes_raise_nothing_else(self, data: bytes, mode: Mode, led: bool, tight: bool) -> None:
        _tightly(lambda: _consume(header() * led + data, mode, max_line=200), tight=tight)

    @settings(max_examples=400, deadline=None)
    @given(edits=EDITS, mode=st.sampled_from(MODES), tight=st.booleans())
    def test_edited_cassettes_raise_nothing_else(
        self, edits: list[tuple[str, int, int, bytes]], mode: Mode, tight: bool
    ) -> None:
        _tightly(lambda: _consume(_edited(SECRET, edits), mode), tight=tight)

    @pytest.mark.full
    @settings(max_examples=30_000, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(edits=EDITS, mode=st.sampled_from(MODES), tight=st.booleans())
    def test_edited_cassettes_raise_nothing_else_at_length(
        self, edits: list[tuple[str, int, int, bytes]], mode: Mode, tight: bool
    ) -> None:
        _tightly(lambda: _consume(_edited(SECRET, edits), mode), tight=tight)

    @settings(deadline=None)
    @given(
        junk=st.lists(
            st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"") + b"\n"), min_size=14, max_size=14
        ),
        tight=st.booleans(),
    )
    def test_skip_loses_no_line_between_lines_of_junk(self, junk: list[bytes], tight: bool) -> None:
        whole = cassette().splitlines(keepends=True)
        data = b"".join(line + more for line, more in zip(whole, junk, strict=False))
        data += b"".join(whole[len(junk) :])

        def check() -> None:
            lines, reader = read(data, "skip")
            assert [line.head for line in lines] == heads(cassette())
            listed = sum(damage.end - damage.start for damage in reader.damage)
            assert listed <= len(data) - len(cassette())

        _tightly(check, tight=tight)

    @settings(deadline=None)
    @given(
        bodies=st.lists(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), min_size=1, max_size=5),
        more=st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**64 - 1)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("bodies"), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        tight=st.booleans(),
        piped=st.booleans(),
    )
    def test_whatever_is_written_is_read(self, bodies: list[bytes], more: object, tight: bool, piped: bool) -> None:
        written = header() + pieces(1, "request", bodies)
        line = exchange(1, request=bodies, response=bodies[0])
        contents = line.pop("bodies")
        written += dumped({**line, "x": more, "bodies": contents})

        def check() -> None:
            for mode in MODES:
                with Reader(
                    Pipe(written) if piped else io.BytesIO(written), mode=mode, types={"interaction"}
                ) as reader:
                    for line in reader:
                        assert line.head == heads(written)[-1]
                        assert stored(reader, line, "request") == b"".join(bodies)
                        assert stored(reader, line, "response") == bodies[0]

        _tightly(check, tight=tight)

    def test_a_hundred_thousand_openings_are_read_in_linear_time(self) -> None:
        data = header() + b'{"type":"' * 100_000 + b"\n" + end()
        lines, reader = read(data, "skip")
        assert [line.type for line in lines] == ["header", "end"]
        assert len(reader.damage) == 1
        with pytest.raises(CassetteDamagedError):
            read(data)

    def test_base64_of_every_length_is_read(self) -> None:
        for size in range(1, 9):
            body = bytes(range(0xF8, 0xF8 + size))
            lines, reader = read(header() + interaction(1, response=body))
            assert lines[1].load()["bodies"]["response"] == {"base64": base64.b64encode(body).decode()}
            assert stored(reader, lines[1], "response") == body
