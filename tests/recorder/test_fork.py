"""Recordings in programs of several processes: each writes its own, none tears another's, and nothing hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from recorder.bootstrap import child_environment
from recorder.journal.append import Journal
from recorder.options import Options
from tests.recorder.cassettes import body, lines
from tests.recorder.programs import BODY_LIMIT, ROOT, command
from tests.servers.origin import Origin
from tests.servers.routes import payload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassette.jsonl"


def run(name: str, *arguments: object, environment: Mapping[str, str] | None = None) -> str:
    """Run a program to its end, which it must reach as it would unrecorded."""
    with subprocess.Popen(
        command(name, *arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=None if environment is None else dict(environment),
        start_new_session=True,
    ) as process:
        try:
            said, complained = process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # a child that hangs would outlive its parent
            raise
    assert process.returncode == 0, complained
    assert not complained
    return said


@dataclass
class Cassette:
    """All lines of a cassette, after a check of whatever is true of each that several processes wrote."""

    path: Path

    def __post_init__(self) -> None:
        self.lines = lines(self.path)  # whole, and as the schema says
        self.interactions = [line for line in self.lines if line["type"] == "interaction"]
        self.processes = {line["process"]: line for line in self.lines if line["type"] == "process"}
        self.ends = {line["process"]: line for line in self.lines if line["type"] == "end"}
        names = [line["id"] for line in self.interactions]
        assert len(names) == len(set(names))
        assert len(self.processes) == sum(line["type"] == "process" for line in self.lines)
        assert len(self.ends) == sum(line["type"] == "end" for line in self.lines)
        assert len({line["run"] for line in self.lines if "run" in line}) == 1
        self._check_processes()
        self._check_bodies()

    def _check_processes(self) -> None:
        introduced = set()
        for line in self.lines:
            if line["type"] == "process":
                introduced.add(line["process"])
            elif line["type"] == "interaction":
                assert line["process"] in introduced
                assert line["id"] == f"{line['process']}-{line['seq']}"
                assert line["pid"] == self.processes[line["process"]]["pid"]
            elif line["type"] == "body":
                assert line["of"].partition("-")[0] in introduced
        for process in introduced:
            numbers = sorted(line["seq"] for line in self.interactions if line["process"] == process)
            assert numbers == list(range(1, len(numbers) + 1))
            end = self.ends.get(process)
            if end is not None:
                assert end["interactions"] == len(numbers) == end["seen"] - sum(end["lost"].values())

    def _check_bodies(self) -> None:
        pieces: dict[str, list[int]] = {}
        for line in self.lines:
            if line["type"] == "body":
                pieces.setdefault(f"{line['of']} {line['part']}", []).append(line["piece"])
        assert all(numbers == list(range(len(numbers))) for numbers in pieces.values())
        described = {
            f"{line['id']} response": line["response"]["body"]["pieces"]
            for line in self.interactions
            if "pieces" in (line["response"]["body"] or {})
        }
        assert {of: len(numbers) for of, numbers in pieces.items()} == {of: n for of, n in described.items() if n}

    @property
    def asked(self) -> Counter[str]:
        """How often each request, by the `id` in its query, is there."""
        return Counter(parse_qs(urlsplit(line["request"]["url"]).query)["id"][0] for line in self.interactions)

    def of(self, asked: str) -> dict[str, Any]:
        """The interaction of a request."""
        (found,) = (line for line in self.interactions if line["request"]["url"].endswith(f"id={asked}"))
        return found


def once(*names: str) -> Counter[str]:
    return Counter(names)


class TestFork:
    def test_parent_and_children_each_write_under_a_name_of_their_own(self, origin: Origin, path: Path) -> None:
        run("fork_midway", origin.url, path)
        cassette = Cassette(path)
        children = [f"{child}-{number}" for child in ("clean", "abrupt") for number in range(3)]
        assert cassette.asked == once("parent-1", "parent-2", *children)
        assert len(cassette.processes) == 3
        header = cassette.lines[0]
        parent = cassette.processes[header["process"]]
        assert [line["seq"] for line in cassette.interactions if line["process"] == header["process"]] == [1, 2]
        for token, process in cassette.processes.items():
            if token != header["process"]:
                assert process["ppid"] == parent["pid"]
        # The child that ended as programs end said so; the other one was gone before it could.
        assert cassette.of("clean-0")["process"] in cassette.ends
        assert cassette.of("abrupt-0")["process"] not in cassette.ends
        assert header["process"] in cassette.ends

    def test_forks_while_other_threads_record_neither_hang_nor_lose_nor_tear(self, origin: Origin, path: Path) -> None:
        made = int(run("fork_among_threads", origin.url, path, 20))
        cassette = Cassette(path)
        children = [f"child-{child}-{number}" for child in range(20) for number in range(4)]
        assert cassette.asked == once(*children, *(f"parent-{number}" for number in range(made)))
        assert len(cassette.processes) == 21
        assert cassette.ends[cassette.lines[0]["process"]]["interactions"] == made

    def test_a_response_that_was_half_read_at_the_fork_is_written_by_the_parent_alone(
        self, origin: Origin, path: Path
    ) -> None:
        run("fork_in_a_response", origin.url, path)
        cassette = Cassette(path)
        assert cassette.asked == once("dropped", "buffered", "taken")
        assert len(cassette.processes) == 1
        for asked, size in (("dropped", 50_000), ("buffered", 3000)):
            interaction = cassette.of(asked)
            assert interaction["response"]["body"]["complete"] is True
            assert body(path, interaction) == payload(size)
        taken = cassette.of("taken")  # the child has read what the parent then could not
        assert taken["response"]["body"]["incomplete"] == "closed"
        assert payload(50_000).startswith(body(path, taken))

    @pytest.mark.parametrize("mode", ["new", "overwrite"])
    def test_a_child_that_stops_the_recording_ends_its_own_part_only(
        self, origin: Origin, path: Path, mode: str
    ) -> None:
        if mode == "overwrite":
            path.write_bytes(b"old")
        run("fork_and_stop", origin.url, path, mode)
        cassette = Cassette(path)
        assert cassette.asked == once("before", "child", "after")
        assert len(cassette.processes) == len(cassette.ends) == 2

    @pytest.mark.parametrize("count", [25, pytest.param(400, marks=pytest.mark.full)])
    def test_eight_processes_with_two_threads_each_append_to_one_cassette(
        self, origin: Origin, path: Path, count: int
    ) -> None:
        run("crowd", origin.url, path, 8, count)
        cassette = Cassette(path)
        assert cassette.asked == once(
            *(f"crowd-{child}-first" for child in range(8)),
            *(f"crowd-{child}-{part}-{number}" for child in range(8) for part in range(2) for number in range(count)),
        )
        assert len(cassette.processes) == 8
        assert sum(end["interactions"] for end in cassette.ends.values()) == 8 * (2 * count + 1)

    def test_threads_of_a_child_that_begin_at_once_all_write_under_its_own_name(
        self, origin: Origin, path: Path
    ) -> None:
        run("fork_then_threads", origin.url, path)
        cassette = Cassette(path)
        assert cassette.asked == once("parent", *(f"child-{part}-{number}" for part in range(2) for number in range(3)))
        assert len(cassette.processes) == len(cassette.ends) == 2

    def test_workers_of_an_executor_that_forks_are_recorded(self, origin: Origin, path: Path) -> None:
        run("executor", origin.url, path)
        cassette = Cassette(path)
        assert cassette.asked == once("parent", *(f"worker-{number}" for number in range(12)))
        assert 2 <= len(cassette.processes) <= 4


class TestProcessesOfTheirOwn:
    """Not forked from the process that began the run, but armed by its environment."""

    @pytest.fixture
    def journal(self, path: Path) -> Iterator[Journal]:
        journal = Journal.create(path, body_limit=BODY_LIMIT)
        yield journal
        journal.close()

    @pytest.fixture
    def environment(self, journal: Journal, tmp_path: Path) -> Mapping[str, str]:
        notes = tmp_path / "notes"
        notes.write_bytes(b"")
        return child_environment(
            os.environ,
            cassette=str(journal.path),
            run=journal.run,
            options=Options(body_limit=BODY_LIMIT),
            redaction=f"none {journal.run}",
            notes=str(notes),
        )

    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    def test_workers_of_a_multiprocessing_pool_are_recorded(
        self, origin: Origin, path: Path, environment: Mapping[str, str], method: str
    ) -> None:
        run("pool", origin.url, method, environment=environment)
        cassette = Cassette(path)
        assert cassette.asked == once(*(f"worker-{number}" for number in range(12)))
        assert 1 <= len(cassette.processes) <= 3

    def test_eight_processes_that_join_append_to_one_cassette(
        self, origin: Origin, path: Path, environment: Mapping[str, str]
    ) -> None:
        joined = [
            subprocess.Popen(
                command("requests", origin.url, f"joined-{number}", 20),
                cwd=ROOT,
                env=dict(environment),
                stderr=subprocess.PIPE,
            )
            for number in range(8)
        ]
        for process in joined:
            assert process.communicate(timeout=90)[1] == b""
            assert process.returncode == 0
        cassette = Cassette(path)
        assert cassette.asked == once(
            *(f"joined-{process}-{part}-{number}" for process in range(8) for part in range(2) for number in range(20))
        )
        assert len(cassette.processes) == len(cassette.ends) == 8


class TestDescriptors:
    def test_a_program_that_closes_all_descriptors_and_uses_their_numbers_is_recorded_on(
        self, origin: Origin, path: Path, tmp_path: Path
    ) -> None:
        own = tmp_path / "own"
        own.mkdir()
        run("closing", origin.url, path, own)
        cassette = Cassette(path)
        assert cassette.asked == once("0", "1", "2")
        assert [body(path, line) for line in cassette.interactions] == [payload(5000)] * 3
        assert len(list(own.iterdir())) == 90
        assert {file.read_bytes() for file in own.iterdir()} == {b"own"}

    def test_a_daemon_that_closed_all_descriptors_records_on_and_writes_into_no_file_of_its_own(
        self, origin: Origin, path: Path, tmp_path: Path
    ) -> None:
        own = tmp_path / "own"
        own.mkdir()
        run("daemon", origin.url, path, own)
        cassette = Cassette(path)
        assert cassette.asked == once("before", "after", *(f"daemon-{number}" for number in range(3)))
        assert len(cassette.processes) == len(cassette.ends) == 2
        assert {file.read_bytes() for file in own.iterdir()} == {b"own" * 4}
        daemon = cassette.of("daemon-2")
        if sys.platform == "linux":
            assert daemon["rss"] > 1 << 20
