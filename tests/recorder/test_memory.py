"""The bounds in memory, measured on whole programs: a subprocess each, its resident size before and after."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.servers.certificates import authority
from tests.servers.origin import ROOT, Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PROGRAM = """
import json, resource, sys
import recorder, requests
from tests.peak import peak_kib

url, bundle, cassette, work, recorded = sys.argv[1:]

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

def peak():
    return peak_kib() * 1024

def session():
    made = requests.Session()
    made.trust_env = False
    made.verify = bundle
    return made

def run():
    client = session()
    client.get(url + "/json")
    marks = [resident()]
    if work == "many":
        for turn in range(3000):
            client.get(url + "/bytes/2000?kind=text").content
            if turn == 300:
                marks.append(resident())
    elif work == "long":
        for _ in range(2):
            with client.get(url + "/bytes/40000000", stream=True) as response:
                for part in response.iter_content(65536):
                    pass
    elif work == "upload":
        blocks = (bytes(65536) for _ in range(600))
        client.post(url + "/sink", data=blocks)
    elif work == "sessions":
        kept = []
        for _ in range(60):
            kept.append(session())
            kept[-1].get(url + "/json")
    marks.append(resident())
    return {"marks": marks, "peak": peak()}

if recorded == "yes":
    with recorder.record(cassette):
        result = run()
else:
    result = run()
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin(tls=authority().server()) as server:
        yield server


def measure(origin: Origin, tmp_path: Path, work: str, *, recorded: bool) -> dict[str, list[int] | int]:
    arguments = [
        origin.url,
        str(authority().bundle),
        str(tmp_path / "cassette.jsonl"),
        work,
        "yes" if recorded else "no",
    ]
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    result: dict[str, list[int] | int] = json.loads(run.stdout)
    return result


def test_three_thousand_interactions_leave_the_resident_size_where_it_was(origin: Origin, tmp_path: Path) -> None:
    _, early, last = measure(origin, tmp_path, "many", recorded=True)["marks"]  # type: ignore[misc]
    assert last - early < 1_000_000


@pytest.mark.parametrize("work", ["long", "upload"])
def test_a_body_of_any_length_adds_no_more_than_the_bound(origin: Origin, tmp_path: Path, work: str) -> None:
    bare = measure(origin, tmp_path, work, recorded=False)["peak"]
    recorded = measure(origin, tmp_path, work, recorded=True)["peak"]
    assert isinstance(bare, int)
    assert isinstance(recorded, int)
    assert recorded - bare < 12_000_000


def test_sessions_that_are_kept_open_share_one_ca_store(origin: Origin, tmp_path: Path) -> None:
    start, end = measure(origin, tmp_path, "sessions", recorded=True)["marks"]  # type: ignore[misc]
    assert (end - start) / 60 < 60_000
