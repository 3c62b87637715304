"""Workers of multiprocessing: they leave without `atexit`, and still account for what they did."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers.origin import ROOT, Origin

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import multiprocessing, sys, urllib.request
import recorder

def ask(url):
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url + "/json").read()

if __name__ == "__main__":
    url, cassette = sys.argv[1:]
    with recorder.record(cassette):
        ask(url)
        fork = multiprocessing.get_context("fork")
        with fork.Pool(2) as pool:
            pool.map(ask, [url] * 4)
            pool.close()
            pool.join()
        process = fork.Process(target=ask, args=(url,))
        process.start()
        process.join()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_every_forked_worker_writes_its_end_line(tmp_path: Path) -> None:
    cassette = tmp_path / "cassette.jsonl"
    with Origin() as origin:
        subprocess.run([sys.executable, "-c", PROGRAM, origin.url, str(cassette)], cwd=ROOT, check=True, timeout=60)
    lines: list[dict[str, Any]] = [json.loads(line) for line in cassette.read_text().splitlines()]
    processes = {line["process"] for line in lines if line["type"] == "process"}
    ends = {line["process"]: line for line in lines if line["type"] == "end"}
    assert ends.keys() == processes
    assert 3 <= len(processes) <= 4  # a worker of the pool may have got no task
    for process, end in ends.items():
        written = sum(line["type"] == "interaction" and line["process"] == process for line in lines)
        assert end["seen"] == end["interactions"] == written
    assert sum(end["interactions"] for end in ends.values()) == 6
