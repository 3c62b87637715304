"""The first law: the program under recording cannot tell. Every scenario gives the same, bare and recorded."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

import recorder
from recorder.journal.read import Reader
from tests.recorder.taps.scenarios import SCENARIOS, Place
from tests.servers.certificates import authority
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from pathlib import Path

# Some of the programs leave sockets open, which they may; bare and recorded alike.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def run(name: str, *, tls: bool) -> tuple[Any, dict[str, int]]:
    """Give what the program saw, and what the server saw of it. A server for each run, so that counts begin at zero."""
    with Origin(tls=authority().server() if tls else None, routes={"empty": lambda x: x.answer()}) as origin:
        result = SCENARIOS[name](Place(origin.url, str(authority().bundle)))
        gc.collect()
        counts = origin.counts
        return without_port(result, origin.port), {"connections": counts.connections, "requests": counts.requests}


def without_port(value: Any, port: int) -> Any:
    """Take out what no two servers share."""
    if isinstance(value, str):
        return value.replace(str(port), "PORT")
    if isinstance(value, bytes):
        return value.replace(b"%d" % port, b"PORT")
    if isinstance(value, (list, tuple)):
        return [without_port(each, port) for each in value]
    if isinstance(value, dict):
        return {key: without_port(each, port) for key, each in value.items()}
    return value


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_program_sees_recorded_what_it_sees_bare(name: str, tls: bool, tmp_path: Path) -> None:
    bare, bare_counts = run(name, tls=tls)
    with recorder.record(tmp_path / "cassette.jsonl", body_limit=64 * 1024, on_error="raise") as recording:
        recorded, recorded_counts = run(name, tls=tls)
    assert recorded == bare
    assert recorded_counts == bare_counts
    assert recording.lost == {}
    assert recording.seen == recording.interactions
    assert recording.seen >= recorded_counts["requests"]
    with Reader(tmp_path / "cassette.jsonl", mode="strict") as reader:
        assert sum(line.type == "interaction" for line in reader) == recording.interactions
