from __future__ import annotations

import errno
import os
import sys
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools.run import _Disk, run, signal_name
from recorder.errors import UsageError
from recorder.journal.append import Journal
from recorder.options import Options
from recorder.system import System

if TYPE_CHECKING:
    from pathlib import Path


class Disk(System):
    """A system whose forced writes are counted, may take their time and may fail."""

    def __init__(self, *, fails: bool = False) -> None:
        self.forced = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._fails = fails

    def fdatasync(self, descriptor: int) -> None:  # type: ignore[override]
        assert self.may_go_on.wait(20)
        self.forced += 1
        if self._fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def journal_on(path: Path, system: System) -> Journal:
    return Journal.create(path, durability="none", system=system)


def settle(disk: _Disk) -> None:
    if disk._thread is not None:
        disk._thread.join(20)


def test_the_file_is_forced_when_it_has_grown_and_only_then(tmp_path: Path) -> None:
    system = Disk()
    journal = journal_on(tmp_path / "c.jsonl", system)
    disk = _Disk(journal, lambda _: None)
    for _ in range(3):
        disk.force()
        settle(disk)
    assert system.forced == 1
    with (tmp_path / "c.jsonl").open("ab") as another_process:
        another_process.write(b"{}\n")
    disk.force()
    disk.finish()
    assert system.forced == 2
    journal.close()


def test_a_slow_disk_holds_nothing_up(tmp_path: Path) -> None:
    system = Disk()
    system.may_go_on.clear()
    journal = journal_on(tmp_path / "c.jsonl", system)
    disk = _Disk(journal, lambda _: None)
    for number in range(3):
        with (tmp_path / "c.jsonl").open("ab") as another_process:
            another_process.write(b"{}\n" * number)
        disk.force()
    assert system.forced == 0
    system.may_go_on.set()
    disk.finish()
    assert system.forced == 1
    journal.close()


def test_a_disk_that_fails_is_told_once_and_not_tried_again(tmp_path: Path) -> None:
    system = Disk(fails=True)
    journal = journal_on(tmp_path / "c.jsonl", system)
    told: list[str] = []
    disk = _Disk(journal, told.append)
    for _ in range(4):
        with (tmp_path / "c.jsonl").open("ab") as another_process:
            another_process.write(b"{}\n")
        disk.force()
        settle(disk)
    disk.finish()
    assert system.forced == 1
    assert len(told) == 1
    assert "check the disk" in told[0]
    journal.close()


def test_a_cassette_that_is_gone_is_no_error_while_the_program_runs(tmp_path: Path) -> None:
    journal = journal_on(tmp_path / "c.jsonl", Disk())
    (tmp_path / "c.jsonl").unlink()
    disk = _Disk(journal, lambda _: None)
    disk.force()
    disk.finish()
    journal.close()


def test_a_command_that_cannot_start_raises_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run(
            ["/no/such/command"],
            tmp_path / "c.jsonl",
            mode="new",
            options=Options(),
            policy=None,
            environment=os.environ,
            tell=pytest.fail,
        )
    assert list(tmp_path.iterdir()) == []


WRITER = """
import os, sys
line = b'{"type":"interaction","id":"a-1","seq":1,"started_at":"2026-11-23T03:30:48.000123Z","timings_ms":{},' \\
    b'"client":"c","process":"a","pid":1,"thread":1,"connection":null,"rss":1000,"request":{"method":"GET",' \\
    b'"url":"http://h/","http_version":"HTTP/1.1","headers":[],"body":null},"response":{"status":200,"reason":"OK",' \\
    b'"http_version":"HTTP/1.1","headers":[],"body":{"size":100000,"wire_size":100000,"sha256":"","complete":true}},' \\
    b'"bodies":{"response":{"text":"' + b"x" * 100_000 + b'"}}}\\n'
with open(os.environ["RECORDER_CASSETTE"], "ab") as file:
    file.write(b'{"type":"process","process":"a","run":"%s","pid":1,"program":"p"}\\n' % os.environb[b"RECORDER_RUN"])
    for _ in range(1000):
        file.write(line)
"""


def test_reading_a_large_run_back_takes_bounded_memory(tmp_path: Path) -> None:
    options: dict[str, Any] = {"mode": "new", "options": Options(durability="none"), "policy": None}
    options["environment"] = os.environ
    run(["true"], tmp_path / "warm.jsonl", **options, tell=pytest.fail)
    tracemalloc.start()
    try:
        outcome = run([sys.executable, "-c", WRITER], tmp_path / "c.jsonl", **options, tell=pytest.fail)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcome.interactions == 1000
    assert outcome.size > 100_000_000
    assert peak < 16_000_000


def test_lines_of_another_run_in_the_same_file_are_not_counted(tmp_path: Path) -> None:
    line = b'{"type":"end","run":"other","seen":5}\n'
    program = f"import os; open(os.environ['RECORDER_CASSETTE'], 'ab').write({line!r})"
    outcome = run(
        [sys.executable, "-c", program],
        tmp_path / "c.jsonl",
        mode="new",
        options=Options(durability="none"),
        policy=None,
        environment=os.environ,
        tell=pytest.fail,
    )
    assert outcome.summary is not None
    assert (outcome.interactions, outcome.lost, outcome.summary.runs[0].seen) == (0, {}, 0)


def test_a_reading_that_is_interrupted_keeps_the_exit_code_and_writes_no_end_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cassette_tools.summary.summarize", interrupted)
    outcome = run(
        ["sh", "-c", "exit 3"],
        tmp_path / "c.jsonl",
        mode="new",
        options=Options(durability="none"),
        policy=None,
        environment=os.environ,
        tell=pytest.fail,
    )
    assert outcome.ended.exit_code == 3
    assert "interrupted" in outcome.trouble[0]
    assert (tmp_path / "c.jsonl").read_bytes().count(b"\n") == 1


def test_what_is_not_readable_is_told_and_the_end_is_kept(tmp_path: Path) -> None:
    program = "import os, sys; open(os.environ['RECORDER_CASSETTE'], 'wb').write(b'not a cassette'); sys.exit(3)"
    outcome = run(
        [sys.executable, "-c", program],
        tmp_path / "c.jsonl",
        mode="new",
        options=Options(durability="none"),
        policy=None,
        environment=os.environ,
        tell=pytest.fail,
    )
    assert outcome.ended.exit_code == 3
    assert outcome.trouble != []


@pytest.mark.parametrize(("number", "name"), [(15, "SIGTERM"), (9, "SIGKILL"), (42, "signal 42")])
def test_a_signal_has_a_name(number: int, name: str) -> None:
    assert signal_name(number) == name
