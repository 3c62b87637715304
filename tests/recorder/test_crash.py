"""What a killed process leaves: everything that its client had finished reading, and at most one torn line."""

from __future__ import annotations

import os
import random
import select
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

import recorder
from recorder.errors import CassetteExistsError
from recorder.journal.append import Journal
from recorder.journal.read import Reader
from tests.recorder.programs import Client, command
from tests.servers.origin import Origin
from tests.servers.routes import payload

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(os.name != "posix", reason="this system has no SIGKILL")
pytestmark = POSIX


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


@dataclass
class Left:
    """What is found in a cassette after its writer was killed. `ids` are those of the requests' queries."""

    ids: set[str] = field(default_factory=set)
    runs: int = 0
    torn: int = 0


def kill(arguments: list[str], dice: random.Random, *, early: bool = False) -> set[str]:
    """Run a program with a pipe in place of ACK, kill it at a random moment, and give what it acknowledged.

    The moment is some time after its first acknowledgement, or with `early` perhaps before it.
    """
    reader, writer = os.pipe()
    try:
        with subprocess.Popen(
            [str(writer) if part == "ACK" else part for part in arguments], cwd=ROOT, pass_fds=[writer]
        ) as process:
            os.close(writer)
            try:
                if not early:
                    assert select.select([reader], [], [], 60)[0], "nothing was recorded in a minute"
                time.sleep(dice.uniform(0, 0.4 if early else 0.15))
                assert process.poll() is None, "the program ended by itself"
            finally:
                process.kill()
            said = b""
            while part := os.read(reader, 65536):
                said += part
    finally:
        os.close(reader)
    return set(said.decode().split())


def read(path: Path) -> Left:
    """Read a cassette in the default mode, and hold each body against what the server sent."""
    left = Left()
    seen = set()
    with Reader(path) as reader:
        for line in reader:
            if line.type == "header":
                left.runs += 1
            if line.type != "interaction":
                continue
            assert line.head["id"] not in seen
            seen.add(line.head["id"])
            target = urlsplit(line.head["request"]["url"])
            query = {key: values[0] for key, values in parse_qs(target.query).items()}
            body = line.head["response"]["body"]
            stored = b"".join(reader.body(line, "response"))
            if target.path.startswith("/bytes/") and body["complete"]:
                assert stored == payload(int(target.path.split("/")[2]), query["kind"])
            if body["complete"]:
                left.ids.add(query["id"])
        left.torn = len(reader.damage)
        if reader.damage and left.runs < 2:
            assert reader.damage[0].end == path.stat().st_size, "the torn line is not the last one"
    return left


def kill_and_read(origin: Origin, folder: Path, number: int) -> None:
    dice = random.Random(number)
    path = folder / f"{number}.jsonl"
    early = number % 5 == 4
    threads = dice.choice((1, 4))
    acknowledged = kill(command("dying", origin.url, path, "ACK", threads, number, "new"), dice, early=early)
    if not path.exists():
        assert early
        assert not acknowledged
        return
    if early and b"\n" not in path.read_bytes():
        return  # killed in its very first write
    left = read(path)
    assert acknowledged <= left.ids
    assert left.runs == 1
    assert left.torn <= 1
    # A later run goes behind whatever was left.
    with recorder.record(path, mode="append"), Client(origin.url) as client:
        client.get("/bytes/10?kind=text&id=later")
    after = read(path)
    assert after.ids == left.ids | {"later"}
    assert (after.runs, after.torn) == (2, left.torn)


class TestKills:
    @pytest.mark.parametrize("number", range(10))
    def test_nothing_that_was_acknowledged_is_lost(self, origin: Origin, tmp_path: Path, number: int) -> None:
        kill_and_read(origin, tmp_path, number)

    @pytest.mark.full
    @pytest.mark.parametrize("first", range(10, 250, 20))
    def test_nothing_that_was_acknowledged_is_lost_in_hundreds_of_kills(
        self, origin: Origin, tmp_path: Path, first: int
    ) -> None:
        for number in range(first, first + 20):
            kill_and_read(origin, tmp_path, number)

    @pytest.mark.parametrize("kills", [pytest.param(5, id="5"), pytest.param(60, id="60", marks=pytest.mark.full)])
    def test_a_kill_in_the_middle_of_a_long_record_tears_that_one_and_a_later_run_goes_on_behind_it(
        self, tmp_path: Path, kills: int
    ) -> None:
        path = tmp_path / "cassette.jsonl"
        whole = 0
        for number in range(kills):
            dice = random.Random(number)
            acknowledged = kill(command("tearing", path, "ACK", "append"), dice)
            with Reader(path, types={"header", "x-test"}) as reader:
                kinds = [line.type for line in reader]
            assert kinds.count("header") == number + 1
            # The record that was not acknowledged any more may nevertheless be whole.
            assert kinds.count("x-test") - whole - len(acknowledged) in {0, 1}
            whole = kinds.count("x-test")
            assert len(reader.damage) <= number + 1
            if number % 3 == 2:
                path.unlink()
                Journal.create(path).close()
                whole = 0
                for _ in range(number):
                    Journal.create(path, mode="append").close()

    def test_a_killed_overwriting_run_leaves_the_old_file_and_its_own_part_beside_it(
        self, origin: Origin, tmp_path: Path
    ) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(b"old")
        acknowledged = kill(command("dying", origin.url, path, "ACK", 2, 0, "overwrite"), random.Random(0))
        assert path.read_bytes() == b"old"
        beside = tmp_path / "cassette.jsonl.new"
        assert acknowledged <= read(beside).ids
        with pytest.raises(
            CassetteExistsError, match=r"\.new is there: .*one that was killed; rename it .*or delete it"
        ):
            recorder.start(path, mode="overwrite")
        beside.unlink()
        with recorder.record(path, mode="overwrite"), Client(origin.url) as client:
            client.get("/bytes/10?kind=text&id=again")
        assert read(path).ids == {"again"}
