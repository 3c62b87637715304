"""Whatever a cassette is written in, it is opened as lines: as they lie, or made while it is read."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
import zstandard

from cassette_tools.formats import WriteOptions, format_named
from cassette_tools.formats.cassette_jsonl import interaction_of
from cassette_tools.input_stream import open_input
from cassette_tools.interaction import Interaction
from cassette_tools.losses import describe
from cassette_tools.source import facts_of, file_size, open_cassette
from recorder.errors import BadCassetteError, CassetteNotFoundError, CassetteReadError, NotACassetteError, UsageError
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.formats.sources import FIXTURES
from tests.cassette_tools.formats.test_fixtures import FILES, form_of
from tests.cassette_tools.running import environment

if TYPE_CHECKING:
    from pathlib import Path

TYPES: Final = ("header", "interaction", "end")
YAML: Final = FIXTURES / "vcrpy-yaml" / "vcrpy-9.4.2-requests.yaml"


def named(paths: list[Path]) -> list[Any]:
    return [pytest.param(path, id=path.relative_to(FIXTURES).as_posix()) for path in paths]


def opened_types(path: Path, **options: Any) -> list[str]:
    with open_cassette(str(path), mode="tail", types=TYPES, **options) as opened:
        return [line.type for line in opened.reader]


@pytest.mark.parametrize("path", named(FILES))
def test_a_file_of_another_tool_says_as_lines_what_its_reader_says(path: Path) -> None:
    form = form_of(path)
    assert form.read is not None
    with open_input(str(path)) as stream:
        expected = [describe(one) for one in form.read(stream) if isinstance(one, Interaction)]
    with open_cassette(str(path), mode="tail", types=TYPES, bodies=True) as opened:
        got = []
        for line in opened.reader:
            if line.type == "interaction":
                interaction = interaction_of(line)
                assert interaction.origin == form.family
                got.append(describe(interaction))
    assert (opened.format, opened.title, opened.is_plain) == (form.name, form.title, False)
    for one in (*expected, *got):
        one.pop("process")  # a conversion numbers them
    assert got == expected


def test_a_plain_cassette_is_read_as_it_lies(tmp_path: Path) -> None:
    path = Cassette().get().get().end().write(tmp_path / "c.jsonl")
    with open_cassette(str(path), mode="tail", types=TYPES) as opened:
        lines = list(opened.reader)
    assert (opened.is_plain, opened.format, opened.taken, opened.remarks) == (True, "jsonl", None, ())
    data = path.read_bytes()
    assert all(data[line.offset : line.offset + line.size].startswith(b'{"type":"') for line in lines)


@pytest.mark.parametrize("pack", [lambda data: gzip.compress(data, mtime=0), zstandard.compress], ids=["gzip", "zstd"])
def test_a_packed_cassette_gives_its_lines(tmp_path: Path, pack: Any) -> None:
    cassette = Cassette().get(body=b"x" * 100_000, pieces=3).get().end()
    (tmp_path / "c").write_bytes(pack(cassette.data()))
    with open_cassette(str(tmp_path / "c"), mode="tail", types=TYPES, bodies=True) as opened:
        first = next(line for line in opened.reader if line.type == "interaction")
        assert b"".join(opened.reader.body(first, "response")) == b"x" * 100_000
        assert [line.type for line in opened.reader] == ["interaction", "end"]
    assert (opened.is_plain, opened.format) == (False, "jsonl")
    assert facts_of(str(tmp_path / "c"), opened, 0).size == (tmp_path / "c").stat().st_size


@pytest.mark.parametrize("source", ["yaml", "gzip"])
def test_what_is_seekable_can_be_read_again_in_any_order(tmp_path: Path, source: str) -> None:
    path = YAML
    if source == "gzip":
        path = tmp_path / "c.jsonl.gz"
        cassette = Cassette().get(body=b"1").get(body=b"22", pieces=2).get(body=b"333").end()
        path.write_bytes(gzip.compress(cassette.data(), mtime=0))
    with open_cassette(str(path), mode="tail", types=TYPES, bodies=True, seekable=True) as opened:
        lines = [line for line in opened.reader if line.type == "interaction"]
        once = [b"".join(opened.reader.body(line, "response")) for line in lines]
        again = [b"".join(opened.reader.body(line, "response")) for line in reversed(lines)]
    assert once == again[::-1]
    assert any(once)


def test_a_format_that_is_named_is_not_looked_for(tmp_path: Path) -> None:
    data = YAML.read_bytes()
    (tmp_path / "c").write_bytes(b"# a comment\n" * 10 + data)
    expected = ["header", *["interaction"] * 13, "end"]
    assert opened_types(tmp_path / "c", source="vcrpy-yaml") == expected
    with pytest.raises(UsageError, match="'nothing' is no format"):
        opened_types(YAML, source="nothing")
    with pytest.raises(NotACassetteError, match="it looks like a YAML cassette"):
        opened_types(YAML, source="jsonl")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\0\0", b"hello\n", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04rest"])
def test_what_is_no_cassette_is_refused_with_its_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "none"
    path.write_bytes(data)
    with pytest.raises(BadCassetteError, match=str(path)) as caught:
        opened_types(path)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(CassetteNotFoundError, match="there is no such file"):
        opened_types(tmp_path / "none")
    with pytest.raises(NotACassetteError, match="it is a directory"):
        opened_types(tmp_path)


def test_a_damaged_cassette_of_ours_is_read_by_its_own_reader(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(b"\xff garbage\n" + Cassette().get().end().data())
    with open_cassette(str(path), mode="skip", types=TYPES) as opened:
        assert [line.type for line in opened.reader] == ["header", "interaction", "end"]
        assert len(opened.reader.damage) == 1


@pytest.mark.parametrize(
    ("ended", "age", "growing"), [(False, 0, True), (False, 60, False), (True, 0, False)], ids=["fresh", "old", "ended"]
)
def test_facts_tell_whether_a_recording_seems_to_go_on(tmp_path: Path, ended: bool, age: float, growing: bool) -> None:
    cassette = Cassette().get()
    path = (cassette.end() if ended else cassette).write(tmp_path / "c.jsonl")
    moment = time.time() - age
    os.utime(path, (moment, moment))
    with open_cassette(str(path), mode="tail", types=TYPES) as opened:
        assert len(list(opened.reader)) == 2 + ended
        facts = facts_of(str(path), opened, path.stat().st_size)
        assert (facts.growing, facts.size, facts.name) == (growing, path.stat().st_size, str(path))
        assert facts_of(str(path), opened, 1).growing is not ended  # there is more by now


def test_a_file_that_goes_away_while_it_is_asked_about_does_not_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Cassette().get().write(tmp_path / "c.jsonl")
    size = path.stat().st_size
    with open_cassette(str(path), mode="tail", types=TYPES) as opened:
        assert len(list(opened.reader)) == 2
        monkeypatch.setattr("cassette_tools.source.file_size", lambda _: size)
        path.unlink()
        assert not facts_of(str(path), opened, size).growing


def test_progress_tells_the_bytes_of_the_input_as_it_is_packed(tmp_path: Path) -> None:
    told: list[int] = []
    path = tmp_path / "c.jsonl.gz"
    path.write_bytes(gzip.compress(Cassette().get(body=os.urandom(400_000)).end().data(), mtime=0))
    with open_cassette(str(path), mode="tail", types=TYPES, on_progress=told.append) as opened:
        assert len(list(opened.reader)) == 3
    assert told[-1] == path.stat().st_size
    assert told == sorted(told)


def test_a_size_is_that_of_a_regular_file_only(tmp_path: Path) -> None:
    path = Cassette().write(tmp_path / "c.jsonl")
    assert (file_size(str(path)), file_size("-"), file_size("nowhere")) == (path.stat().st_size, None, None)
    assert file_size("a\0b") is None


def test_a_full_folder_for_temporary_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any, /) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(CassetteReadError, match=r"No space left on device.*TMPDIR"):
        open_cassette(str(YAML), mode="tail", types=TYPES, seekable=True)


STREAMED: Final = """
import sys
from cassette_tools.source import open_cassette
from tests.peak import peak_kib

with open_cassette(sys.argv[1], mode="tail", types=("interaction",)) as opened:
    print(sum(1 for _ in opened.reader), peak_kib())
"""


def peak(path: Path) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", STREAMED, path], capture_output=True, env=environment(), timeout=120, check=True
    )
    count, size = map(int, done.stdout.split())
    return count, size


def test_memory_does_not_grow_with_the_length_of_another_tools_file(tmp_path: Path) -> None:
    form = format_named("vcrpy-yaml", reading=True)
    assert form.write is not None
    with open_cassette(str(YAML), mode="tail", types=TYPES, bodies=True, seekable=True) as opened:
        some = [interaction_of(line) for line in opened.reader if line.type == "interaction"]
        sizes = []
        for times in (30, 600):
            path = tmp_path / f"{times}.yaml"
            path.write_bytes(b"".join(form.write(iter(some * times), WriteOptions())))
            count, size = peak(path)
            assert count == 13 * times
            sizes.append(size)
    assert (tmp_path / "600.yaml").stat().st_size > 4_000_000
    assert sizes[1] - sizes[0] < 3 * 1024
