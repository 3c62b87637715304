from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recorder.errors import (
    CassetteDamagedError,
    CassetteNotFoundError,
    CassetteReadError,
    NotACassetteError,
    UsageError,
)
from recorder.journal import lines as lines_module
from recorder.journal.follow import follow
from tests.recorder.journal.written import cassette, end, header, heads, interaction, pieces, process

if TYPE_CHECKING:
    from collections.abc import Callable


class Writer:
    """Does the next thing each time that the follower waits."""

    def __init__(self, path: Path, *steps: bytes | Callable[[], object]) -> None:
        self.path = path
        self.steps = list(steps)
        self.waited: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)
        assert self.steps, "the follower waits, and nothing more comes"
        step = self.steps.pop(0)
        if isinstance(step, bytes):
            with self.path.open("ab") as file:
                file.write(step)
        else:
            step()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassette.jsonl"


@pytest.fixture(params=[1 << 20, 40], ids=["as it is", "small blocks"])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "BLOCK", request.param)


@pytest.mark.usefixtures("_blocks")
def test_lines_come_as_they_are_written_until_the_run_ends(path: Path) -> None:
    path.write_bytes(header())
    writer = Writer(path, process() + interaction(1), b"", interaction(2), end())
    seen: list[tuple[str, int]] = []
    with follow(path, sleep=writer) as reader:
        seen += [(line.type, len(writer.waited)) for line in reader]
    assert seen == [("header", 0), ("process", 1), ("interaction", 1), ("interaction", 3), ("end", 4)]
    assert set(writer.waited) == {0.2}


@pytest.mark.usefixtures("_blocks")
def test_a_half_written_line_waits_for_its_other_half(path: Path) -> None:
    data = cassette()[: cassette().rindex(header(run="d00d"))]
    path.write_bytes(b"")
    writer = Writer(path, *(data[start : start + 1] for start in range(len(data))))
    with follow(path, sleep=writer) as reader:
        for line in reader:
            assert path.stat().st_size == line.offset + line.size + 1
    assert writer.steps == []
    assert reader.damage == []


def test_bytes_that_a_writer_takes_back_were_never_seen(path: Path) -> None:
    path.write_bytes(header())
    size = path.stat().st_size
    writer = Writer(path, interaction(1)[:-9], lambda: os.truncate(path, size), interaction(2), end())
    with follow(path, sleep=writer) as reader:
        lines = [line.head for line in reader]
    assert lines == heads(header() + interaction(2) + end())


def test_a_cassette_that_is_whole_is_read_without_waiting(path: Path) -> None:
    path.write_bytes(header() + interaction(1) + end())
    with follow(path, sleep=Writer(path)) as reader:
        assert [line.type for line in reader] == ["header", "interaction", "end"]
        assert reader.finished


def test_the_end_of_another_process_is_not_the_end_of_the_run(path: Path) -> None:
    path.write_bytes(header() + interaction(1) + end("beef"))
    with follow(path, types={"interaction"}, sleep=Writer(path, interaction(2), end())) as reader:
        assert [line.head["seq"] for line in reader] == [1, 2]


def test_an_appended_run_is_followed_to_its_own_end(path: Path) -> None:
    path.write_bytes(header() + end() + header(run="d00d"))
    with follow(path, sleep=Writer(path, interaction(1), end(run="d00d"))) as reader:
        assert [line.type for line in reader] == ["header", "end", "header", "interaction", "end"]


def test_stop_ends_the_waiting_and_leaves_a_half_written_line_out(path: Path) -> None:
    path.write_bytes(header() + interaction(1)[:-5])
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(len(asked) == 2)
        return asked[-1]

    with follow(path, sleep=lambda _: None, stop=stop) as reader:
        assert [line.type for line in reader] == ["header"]
    assert asked == [False, False, True]
    assert reader.damage == []


def test_bodies_can_be_read_while_following(path: Path) -> None:
    data = [b"a" * 1000, b"b" * 1000]
    path.write_bytes(header())
    writer = Writer(
        path, pieces(1, "response", data)[:-20], pieces(1, "response", data)[-20:], interaction(1, response=data)
    )
    writer.steps.append(end())
    with follow(path, types={"interaction"}, sleep=writer) as reader:
        bodies = [b"".join(reader.body(line, "response")) for line in reader]
    assert bodies == [b"".join(data)]


def test_a_file_that_becomes_shorter_is_told(path: Path) -> None:
    path.write_bytes(header() + interaction(1))
    shorten = Writer(path, lambda: os.truncate(path, 20))
    with (
        follow(path, sleep=shorten) as reader,
        pytest.raises(CassetteDamagedError, match=r"\.jsonl: .* became shorter"),
    ):
        list(reader)


def test_a_file_that_is_removed_is_told(path: Path) -> None:
    path.write_bytes(header())
    with (
        follow(path, sleep=Writer(path, path.unlink)) as reader,
        pytest.raises(CassetteReadError, match="the file was removed while it was followed"),
    ):
        list(reader)


def test_a_file_that_is_replaced_is_told(path: Path) -> None:
    def replace() -> None:
        other = path.with_name("other")
        other.write_bytes(header())
        other.replace(path)

    path.write_bytes(header())
    with (
        follow(path, sleep=Writer(path, replace)) as reader,
        pytest.raises(CassetteReadError, match="the file was replaced while it was followed"),
    ):
        list(reader)


def test_what_was_written_before_a_file_was_renamed_is_read(path: Path) -> None:
    def finish() -> None:
        with path.open("ab") as file:
            file.write(interaction(1) + end())
        path.rename(path.with_name("final.jsonl"))

    path.write_bytes(header())
    with follow(path, sleep=Writer(path, finish)) as reader:
        assert [line.type for line in reader] == ["header", "interaction", "end"]


def test_what_is_no_cassette_is_refused_at_its_first_line(path: Path) -> None:
    path.write_bytes(b"")
    with (
        follow(path, sleep=Writer(path, b"interac", b"tions: []\n")) as reader,
        pytest.raises(NotACassetteError, match="YAML"),
    ):
        list(reader)


def test_only_files_can_be_followed(tmp_path: Path) -> None:
    with pytest.raises(CassetteNotFoundError):
        follow(tmp_path / "none")
    with pytest.raises(NotACassetteError):
        follow(tmp_path)
    reading, writing = os.pipe()
    try:
        with pytest.raises(UsageError, match="only a file can be followed"):
            follow(f"/dev/fd/{reading}")
    finally:
        os.close(reading)
        os.close(writing)


def test_a_closed_follower_says_so(path: Path) -> None:
    path.write_bytes(header())
    with follow(path, sleep=Writer(path)) as reader:
        pass
    with pytest.raises(UsageError, match="the reader is closed"):
        list(reader)


WRITER = """
import sys, time
from pathlib import Path
from tests.recorder.journal.written import header, interaction, end
with open(sys.argv[1], "ab", buffering=0) as file:
    for number in range(1, 200):
        file.write(interaction(number, response=b"x" * 5000))
        time.sleep(0.001)
    file.write(end())
"""


def test_a_process_that_writes_is_followed_to_its_end(path: Path) -> None:
    path.write_bytes(header())
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=root) as writer:
        with follow(path, poll=0.005, stop=lambda: writer.poll() not in {None, 0}, types={"interaction"}) as reader:
            numbers = [line.head["seq"] for line in reader]
        assert writer.wait(60) == 0
    assert numbers == list(range(1, 200))
