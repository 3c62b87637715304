"""The second process, as it works and as it is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cassette_tools.diff import comparison as comparison_module
from cassette_tools.diff import sides
from cassette_tools.diff.comparison import compare_cassettes
from cassette_tools.diff.rules import Rules
from cassette_tools.other_process import OtherProcess, can_fork
from recorder.errors import CassetteDamagedError
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import LIMIT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not can_fork(), reason="one processor, or a system where forking is not safe")


def test_it_gives_its_values_one_after_the_other() -> None:
    def work() -> Iterator[object]:
        yield os.getpid()
        yield "x" * 3_000_000

    other = OtherProcess(work)
    assert other.receive() not in (None, os.getpid())
    assert other.receive() == "x" * 3_000_000
    assert other.receive() is None
    assert other.receive() is None


def test_one_that_fails_or_is_killed_says_that_there_is_no_more() -> None:
    def failing() -> Iterator[object]:
        yield 1
        raise ValueError

    def killed() -> Iterator[object]:
        yield 1
        os.kill(os.getpid(), signal.SIGKILL)

    for work in (failing, killed):
        other = OtherProcess(work)
        assert [other.receive(), other.receive()] == [1, None]


def test_one_that_nobody_listens_to_any_more_is_gone() -> None:
    def endless() -> Iterator[object]:
        while True:
            yield os.getpid()

    other = OtherProcess(endless)
    pid = other.receive()
    other.close()
    other.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def cassette(path: Path, stamp: int, count: int = 40) -> Path:
    made = Cassette()
    for number in range(count):
        made.get(url=f"https://localhost:8443/{number}", body=b'{"id": %d}' % (stamp if number % 7 == 3 else 0))
        if number % 11 == stamp:
            made.get(url=f"https://localhost:8443/only/{stamp}/{number}")
    return made.end().write(path)


@pytest.mark.parametrize("lost", [False, True])
def test_two_processes_find_what_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: bool) -> None:
    old, new = cassette(tmp_path / "old.jsonl", 1), cassette(tmp_path / "new.jsonl", 2)
    with compare_cassettes(str(old), str(new), Rules()) as alone:
        expected = list(alone)
    monkeypatch.setattr(sides, "WORTH_IT", 1)
    for name, value in (("WORTH_SHARING", 1), ("SHARE", 3)):
        monkeypatch.setattr(comparison_module, name, value)
    started = []

    class Watched(OtherProcess):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[arg-type] # as they came
            started.append(self._pid)
            if lost:
                os.kill(self._pid, signal.SIGKILL)
                time.sleep(0.05)

    monkeypatch.setattr(comparison_module, "OtherProcess", Watched)
    monkeypatch.setattr(sides, "OtherProcess", Watched)
    with compare_cassettes(str(old), str(new), Rules()) as beside:
        assert list(beside) == expected
        assert beside.totals == alone.totals
        assert beside.old == alone.old
    assert len(started) == 2
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_is_wrong_with_a_body_that_is_compared_elsewhere_is_told_where_its_turn_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = cassette(tmp_path / "old.jsonl", 1), tmp_path / "new.jsonl"
    made = Cassette()
    for number in range(40):
        body = b"x" * 5_000 if number == 20 else b'{"id": 5}'
        made.get(url=f"https://localhost:8443/{number}", body=body)
    new.write_bytes(made.data().replace(b"x" * 5_000, b"x" * 4_990 + b"\\u12......"))
    for name, value in (("WORTH_SHARING", 1), ("SHARE", 2)):
        monkeypatch.setattr(comparison_module, name, value)
    comparison = compare_cassettes(str(old), str(new), Rules())
    with comparison, pytest.raises(CassetteDamagedError, match=r"new\.jsonl, line 22"):
        list(comparison)
    assert comparison.totals.changed == 20


def test_what_is_wrong_with_the_one_read_elsewhere_is_told_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = cassette(tmp_path / "old.jsonl", 1), cassette(tmp_path / "new.jsonl", 2)
    old.write_bytes(old.read_bytes().replace(b'"seq":3,', b'"seq":'))
    monkeypatch.setattr(sides, "WORTH_IT", 1)
    with pytest.raises(CassetteDamagedError, match=r"old\.jsonl, line 4"):
        compare_cassettes(str(old), str(new), Rules())


WORKING = """
import os, sys, time
from cassette_tools.other_process import OtherProcess
def work():
    yield os.getpid()
    while True:  # long work that gives nothing
        time.sleep(0.01)
print(OtherProcess(work).receive(), flush=True)
sys.stdin.read()
"""


def test_it_does_not_outlive_a_process_that_is_killed() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    )
    try:
        assert process.stdout is not None
        other = int(process.stdout.readline())
        process.kill()
        process.communicate(timeout=LIMIT)
    finally:
        process.kill()
        process.wait()
    due = time.monotonic() + LIMIT
    while _works(other) and time.monotonic() < due:
        time.sleep(0.05)
    left = _works(other)
    if left:
        os.kill(other, signal.SIGKILL)
    assert not left


def _works(pid: int) -> bool:
    """Tell whether there is such a process; one that ended and that nobody asked after works no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
