from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cassette_tools import blocks, workers
from cassette_tools.blocks import Survey, survey
from cassette_tools.workers import Step, Team, default_jobs
from recorder.errors import CassetteDamagedError, UsageError, WorkerLostError
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import ROOT, environment
from tests.cassette_tools.standin import KILLING, SECRET, SPOILING, maker, names, placeholder_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 20.0


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes blocks so small that a few lines keep several processes busy."""
    monkeypatch.setattr(blocks, "BLOCK", 2000)
    monkeypatch.setattr(blocks, "_NEAR", 500)
    monkeypatch.setattr(blocks, "_CHUNK", 4000)
    monkeypatch.setattr(blocks, "LONGEST", 20_000)
    monkeypatch.setattr(workers, "WORTH_IT", 2)


def cassette(count: int = 300) -> Cassette:
    made = Cassette().process()
    for number in range(count):
        secret = SECRET if number % 3 else "nothing"
        if number == 100:
            made.get(body=(b"x" * 100 + SECRET.encode()) * 400, pieces=9)  # a long block
        if number % 50 == 7:
            made.get(body=(b"y" * 100 + SECRET.encode()) * 20, pieces=3)
        made.get(f"https://localhost/{number}?q={secret}", body=b"z" * (number % 700))
    return made.end()


@contextmanager
def seen(path: Path) -> Iterator[tuple[int, Survey]]:
    with io.FileIO(path) as file:
        yield file.fileno(), survey(file, "it.jsonl")


def put_together(data: bytes, steps: Iterator[Step]) -> bytes:
    out, at, last = [], 0, 0
    for step in steps:
        assert step.block in {last, last + 1}
        last = step.block
        if step.stored is not None:
            descriptor, offset, count = step.stored
            out.append(os.pread(descriptor, count, offset))
        else:
            out.append(data[at : at + step.size] if step.data is None else step.data)
        at += step.size
    assert at == len(data)
    return b"".join(out)


def test_several_processes_give_what_one_gives(tmp_path: Path) -> None:
    data = cassette().data()
    (tmp_path / "it").write_bytes(data)
    results = []
    for jobs in (1, 2, 4):
        with seen(tmp_path / "it") as (file, found), Team(maker(), jobs) as team:
            assert any(block.long for block in found.blocks)
            assert len(found.blocks) > 30
            steps = list(team.redact(file, found.blocks, name="it.jsonl", folder=tmp_path, writing=False))
            new = put_together(data, team.redact(file, found.blocks, name="it.jsonl", folder=tmp_path, writing=True))
            assert len(team.workers) == jobs - 1
        results.append((new, [one for step in steps for one in step.found]))

    assert results[0] == results[1] == results[2]
    assert SECRET.encode() not in results[0][0]
    assert placeholder_of(SECRET.encode()) in results[0][0]
    assert names(tmp_path) == ["it"]


def test_what_one_process_learned_all_know(tmp_path: Path) -> None:
    made = Cassette()
    for number in range(100):
        made.get(f"https://localhost/?early={number:04}-value", body=b"q" * 300)
    for number in range(100):
        made.get(body=b'{"token":"%04d-value"}' % number + b"q" * 300)
    data = made.write(tmp_path / "it").read_bytes()

    with seen(tmp_path / "it") as (file, found), Team(maker(), 3) as team:
        first = put_together(data, team.redact(file, found.blocks, name="it", folder=tmp_path, writing=True))
        assert b"early=0007-value" in first
        assert team.share()
        assert not team.share()
        again = put_together(data, team.redact(file, found.blocks, name="it", folder=tmp_path, writing=True))

    assert b"-value" not in again


def test_a_process_that_is_killed_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    made = cassette()
    made.get(f"https://localhost/{KILLING}")
    for number in range(100):
        made.get(f"https://localhost/{KILLING}/{number}", body=b"z" * 500)
    made.write(tmp_path / "it")

    with (
        seen(tmp_path / "it") as (file, found),
        Team(maker(), 2) as team,
        pytest.raises(WorkerLostError, match=r"was killed by signal 9; nothing was changed.*--jobs 1"),
    ):
        list(team.redact(file, found.blocks, name="it", folder=tmp_path, writing=True))
    assert team.workers == ()


def test_damage_that_another_process_finds_is_told_as_here(tmp_path: Path) -> None:
    made = cassette(100)
    for _ in range(60):
        made.raw(b'{"type":"body","of":"a-1","part":"response","piece":0,"base64":"?"}\n')
    made.write(tmp_path / "it")

    for jobs in (1, 3):
        with (
            seen(tmp_path / "it") as (file, found),
            Team(maker(), jobs) as team,
            pytest.raises(CassetteDamagedError, match=r"^it\.jsonl, line \d+, byte \d+: the record is garbled"),
        ):
            list(team.redact(file, found.blocks, name="it.jsonl", folder=tmp_path, writing=True))


def test_a_fault_in_another_process_tells_where_and_never_what_it_read(tmp_path: Path) -> None:
    made = Cassette()
    for _ in range(100):
        made.get(f"https://localhost/{SPOILING}", body=b"z" * 500)
    made.write(tmp_path / "it")

    with seen(tmp_path / "it") as (file, found), Team(maker(), 2) as team:
        team._start(len(found.blocks))
        worker = team._workers[0]
        worker.open(file, "it", workers._Store(tmp_path, writing=False))
        worker.give(0, found.blocks[1])
        with pytest.raises(RuntimeError, match=r"^KeyError in standin\.py, line \d+$"):
            worker.receive()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="Linux: /proc")
def test_no_secret_is_in_what_the_system_shows_of_a_process(tmp_path: Path) -> None:
    cassette().write(tmp_path / "it")

    with seen(tmp_path / "it") as (file, found), Team(maker(), 2) as team:
        for _ in team.redact(file, found.blocks, name="it", folder=tmp_path, writing=True):
            for process in team.workers:
                shown = b"".join(Path(f"/proc/{process}/{name}").read_bytes() for name in ("cmdline", "environ"))
                assert SECRET.encode() not in shown


def test_processes_end_with_the_team(tmp_path: Path) -> None:
    cassette().write(tmp_path / "it")

    with seen(tmp_path / "it") as (file, found), Team(maker(), 3) as team:
        steps = team.redact(file, found.blocks, name="it", folder=tmp_path, writing=True)
        next(steps)
        processes = team.workers
        assert len(processes) == 2
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_processes_end_when_their_caller_is_killed(tmp_path: Path) -> None:
    program = """
import sys
from tests.cassette_tools.standin import names, maker
from cassette_tools.workers import Team
team = Team(maker(), 3)
team._start(1000)
print(*team.workers, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), cwd=ROOT
    ) as caller:
        assert caller.stdout is not None
        processes = [int(word) for word in caller.stdout.readline().split()]
        assert len(processes) == 2
        caller.send_signal(signal.SIGKILL)
        caller.wait()
    deadline = time.monotonic() + LIMIT
    while any(_runs(process) for process in processes):
        assert time.monotonic() < deadline, "a worker outlived its caller"
        time.sleep(0.02)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_few_blocks_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "WORTH_IT", 1000)
    cassette(50).write(tmp_path / "it")

    with seen(tmp_path / "it") as (file, found), Team(maker(), 4) as team:
        list(team.redact(file, found.blocks, name="it", folder=tmp_path, writing=True))
        assert team.workers == ()


def test_a_team_without_anybody_is_refused() -> None:
    with pytest.raises(UsageError, match="0 processes cannot do anything"):
        Team(maker(), 0)


def test_the_default_is_what_this_process_may_use() -> None:
    assert 1 <= default_jobs() <= workers.MOST
