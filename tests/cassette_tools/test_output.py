"""A file is the old one or the complete new one."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cassette_tools.output import write_whole
from recorder.errors import OutputError, UsageError
from tests.cassette_tools.running import LIMIT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def failing() -> Iterator[bytes]:
    yield b"half"
    raise KeyError("the source broke")


def test_all_pieces_are_written_and_only_the_owner_may_read_them(tmp_path: Path) -> None:
    target = tmp_path / "body.bin"
    assert write_whole(str(target), [b"one", b"", b"two"], force=False) == 6
    assert target.read_bytes() == b"onetwo"
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["body.bin"]


def test_an_existing_file_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    target = tmp_path / "body.bin"
    target.write_bytes(b"old")
    with pytest.raises(UsageError, match="--force"):
        write_whole(str(target), [b"new"], force=False)
    assert target.read_bytes() == b"old"
    target.chmod(0o640)
    write_whole(str(target), [b"new"], force=True)
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "body.bin"

    def pieces() -> Iterator[bytes]:
        yield b"new"
        target.write_bytes(b"theirs")

    with pytest.raises(UsageError, match="exists already"):
        write_whole(str(target), pieces(), force=False)
    assert target.read_bytes() == b"theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["body.bin"]


@pytest.mark.parametrize("force", [False, True])
def test_a_source_that_breaks_leaves_nothing_behind_and_the_old_file_as_it_was(tmp_path: Path, force: bool) -> None:
    target = tmp_path / "body.bin"
    if force:
        target.write_bytes(b"old")
    with pytest.raises(KeyError):
        write_whole(str(target), failing(), force=force)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([b"old"] if force else [])


def test_places_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        write_whole(str(tmp_path), [b"x"], force=True)
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(str(tmp_path / "missing" / "body.bin"), [b"x"], force=False)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files by RLIMIT_FSIZE and SIGXFSZ")
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            write_whole(str(tmp_path / "body.bin"), [bytes(50_000)] * 3, force=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


WRITING = """
import sys
from cassette_tools import draft
from cassette_tools.output import write_whole
if "named" in sys.argv:
    draft._UNNAMED = 0  # as on a file system, or a system, where each file has a name
def pieces():
    yield bytes(draft.BUFFER)
    print("ready", flush=True)
    sys.stdin.read()
write_whole(sys.argv[1], pieces(), force=False)
"""


@pytest.mark.parametrize(
    ("number", "code", "named"),
    [
        (signal.SIGINT, -signal.SIGINT, True),
        (signal.SIGTERM, 128 + signal.SIGTERM, True),
        (signal.SIGHUP, 128 + signal.SIGHUP, True),
        pytest.param(
            signal.SIGKILL,
            -signal.SIGKILL,
            False,
            marks=pytest.mark.skipif(sys.platform != "linux", reason="has no files without a name"),
        ),
    ],
)
def test_a_program_that_is_stopped_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, code: int, named: bool
) -> None:
    target = tmp_path / "body.bin"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITING, target, *(["named"] if named else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        process.communicate(timeout=LIMIT)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == code
    assert list(tmp_path.iterdir()) == []
