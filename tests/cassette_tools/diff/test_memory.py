"""What a comparison of two large cassettes takes, in all its processes together."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory of several processes is read from /proc")

_BODY = b'{"id": %d, "updated_at": "2026-03-15T21:%02d:38Z", "value": %d, "text": "%s"}'


def written(path: Path, size: int, stamp: int) -> Path:
    """Write a cassette of about so many bytes. Each body has another moment with the stamp, each 100th a change."""
    made = Cassette()
    with path.open("wb") as file:
        file.write(made.lines.pop())
        number = 0
        while file.tell() < size:
            value = stamp if number % 100 == 0 else 0
            body = _BODY % (number, stamp, value, b"x" * 1_000)
            made.get(url=f"https://localhost:8443/ads/{number}", body=body)
            file.write(made.lines.pop())
            number += 1
    return path


def family(pid: int) -> list[int]:
    """Give a process and its children (proc(5)); threads start none here."""
    with suppress(OSError):
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_bytes().split())]
    return []


def together(pid: int) -> tuple[int, int]:
    """Give how many processes there are, and KiB of all: a page that several share counts once (Pss)."""
    count = whole = 0
    for one in family(pid):
        with suppress(OSError):
            lines = Path(f"/proc/{one}/smaps_rollup").read_bytes().splitlines()
            whole += next((int(line.split()[1]) for line in lines if line.startswith(b"Pss:")), 0)
            count += 1
    return count, whole


def peak(old: Path, new: Path) -> tuple[int, int]:
    """Compare two cassettes; give the most processes and the most KiB that there were at a time."""
    command = [sys.executable, "-m", "cassette_tools", "diff", str(old), str(new), "--format", "unified"]
    processes = most = 0
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL) as run:
        while run.poll() is None:
            count, whole = together(run.pid)
            processes, most = max(processes, count), max(most, whole)
            time.sleep(0.02)
    assert run.returncode == 1
    return processes, most


def test_memory_of_all_processes_grows_by_little_more_than_the_fingerprints(tmp_path: Path) -> None:
    sizes = (4_000_000, 30_000_000)
    pairs = [[written(tmp_path / f"{size}-{stamp}.jsonl", size, stamp) for stamp in (1, 2)] for size in sizes]
    _, before = peak(*pairs[0])
    processes, after = peak(*pairs[1])
    with pairs[1][0].open("rb") as file:
        interactions = sum(1 for _ in file)
    assert processes <= 2
    # KiB: fingerprints of both sides, in one process and while they are handed over; caches; a second process.
    assert after - before <= interactions * 2 * 250 / 1024 + 24_576
