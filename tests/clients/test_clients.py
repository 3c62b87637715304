"""The harness finds what it is there to find: an oracle that cannot say no is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.compare import Run, judge, read_run, suspects, table

ROOT = Path(__file__).resolve().parents[2]
SUITE = '''
"""One test that recording cannot change, and others that it does."""

import http.client
import threading

import pytest


class TestRequests:
    def test_sees_no_difference(self, server):
        connection = http.client.HTTPConnection("127.0.0.1", server, timeout=5)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"ok"
        connection.close()

    def test_asks_behind_the_recorders_back(self, server, monkeypatch):
        tapped = http.client.HTTPConnection.putrequest
        monkeypatch.setattr(http.client.HTTPConnection, "putrequest", getattr(tapped, "__wrapped__", tapped))
        self.test_sees_no_difference(server)

    def test_sees_the_patch(self):
        assert not is_tapped()


def test_leaves_a_method_changed_when_recorded():
    if is_tapped():
        http.client.HTTPConnection.left_behind = True


def test_leaves_a_method_changed_either_way():
    http.client.HTTPConnection.left_always = True


def is_tapped():
    return not http.client.HTTPConnection.putrequest.__code__.co_filename.endswith("http/client.py")


@pytest.mark.xfail(reason="fails by design")
def test_is_expected_to_fail():
    assert False


def test_is_skipped():
    pytest.skip("always")


@pytest.fixture
def server():
    import socket

    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        sock, _ = listener.accept()
        with sock:
            sock.recv(65536)
            sock.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    thread.join()
    listener.close()
'''


MISSED = "responses by status: missing in the cassette {200: 1}, only in the cassette {}"


def run(**outcomes: str) -> Run:
    return Run(outcomes=dict(outcomes), ended=0)


DIFFERENCES = [
    # bare, recorded, again bare, again recorded, verdict
    ("passed", "passed", [], [], "fine"),
    ("failed", "failed", [], [], "fine"),
    ("failed", "passed", [], [], "fine"),
    ("skipped", "failed", [], [], "fine"),
    ("passed", "xpassed", [], [], "fine"),
    ("passed", "failed", ["passed"] * 3, ["failed"] * 3, "broken"),
    ("passed", "failed", ["passed"] * 3, ["passed", "failed", "passed"], "broken"),
    ("passed", "skipped", ["passed"] * 3, ["skipped"] * 3, "broken"),
    ("passed", "failed", ["passed"] * 3, ["passed"] * 3, "unsteady"),
    ("passed", "failed", ["passed", "failed", "passed"], ["failed"] * 3, "unsteady"),
    ("xfailed", "failed", ["xfailed"] * 2, ["failed"] * 2, "broken"),
    ("passed", "failed", [], [], "broken"),
]


@pytest.mark.parametrize(("bare", "recorded", "again_bare", "again_recorded", "wanted"), DIFFERENCES)
def test_a_difference_is_judged_by_running_it_again(
    bare: str, recorded: str, again_bare: list[str], again_recorded: list[str], wanted: str
) -> None:
    runs = ([run(t=outcome) for outcome in again] for again in (again_bare, again_recorded))
    verdict = judge("s", "test", run(t=bare), run(t=recorded), *runs)
    assert (verdict.broken, verdict.unsteady) == (["t"] * (wanted == "broken"), ["t"] * (wanted == "unsteady"))
    assert verdict.fine == (wanted != "broken")


def test_a_test_that_vanished_is_a_difference() -> None:
    assert suspects(run(a="passed", b="passed"), run(a="passed")) == ["b"]


def test_losses_and_faults_and_leftovers_are_no_fine_verdict() -> None:
    counts: dict[str, Any] = {"seen": 2, "interactions": 1, "errors": 0, "lost": {}, "faults": []}
    for spoiled, left in (({"lost": {"why": 1}}, []), ({"faults": ["torn"]}, []), ({}, ["http.client.x"])):
        notes = [{"recorded": "t", **counts, **spoiled}, {"left": left, "by": "t"}]
        verdict = judge("s", "test", run(t="passed"), read_run(notes), [], [])
        assert not verdict.fine
        assert table([verdict]).splitlines()[-1].split()[-1] == "1"
    clean = Run(outcomes={"t": "passed"}, recorded={"t": counts}, left={"t": ["http.client.x"]}, ended=0)
    bare = Run(outcomes={"t": "passed"}, left={"t": ["http.client.x"]}, ended=0)
    assert judge("s", "test", bare, clean, [], []).fine


def test_table_has_a_line_for_each_verdict() -> None:
    verdict = judge("urllib3", "session", run(a="passed", b="failed"), run(a="passed", b="failed"), [], [])
    heading, _, line = table([verdict]).splitlines()
    assert heading.split("  ")[0] == "suite"
    assert line.split() == ["urllib3", "session", "2", "1", "1", *"0000000"]


def run_suite(directory: Path, mode: str, only: list[str] | None = None) -> Run:
    notes = directory / f"{mode}.jsonl"
    (directory / "test_it.py").write_text(SUITE, encoding="utf-8")
    path = os.pathsep.join([str(ROOT / "tests" / "clients" / "inside"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "CLIENTS_MODE": mode, "CLIENTS_NOTES": str(notes)}
    environment["CLIENTS_SCHEMA"] = str(ROOT / "docs" / "cassette.schema.json")
    if only is not None:
        (directory / "only.json").write_text(json.dumps(only))
        environment["CLIENTS_ONLY"] = str(directory / "only.json")
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={directory}", "-p", "each_test"]
    done = subprocess.run([*command, str(directory)], env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return read_run(json.loads(line) for line in notes.read_text().splitlines())


def test_a_suite_run_both_ways_shows_what_recording_changes(tmp_path: Path) -> None:
    bare, recorded, session = (run_suite(tmp_path, mode) for mode in ("bare", "test", "session"))
    sees = "test_it.py::TestRequests::test_sees_the_patch"
    assert set(bare.outcomes.values()) == {"passed", "xfailed", "skipped"}
    assert suspects(bare, recorded) == suspects(bare, session) == [sees]
    assert (recorded.total("seen"), recorded.total("interactions")) == (1, 1)
    faults = recorded.faults(bare)
    assert faults.pop("test_it.py::TestRequests::test_asks_behind_the_recorders_back")[0] == MISSED
    assert faults == {
        "test_it.py::test_leaves_a_method_changed_when_recorded": [
            "not as before: http.client.HTTPConnection.left_behind"
        ]
    }
    assert session.total("interactions") == 1
    assert session.faults(bare) == {"the whole session": [MISSED]}
    assert "assert" in recorded.messages[sees]


def test_only_the_tests_that_were_asked_for_run_again(tmp_path: Path) -> None:
    wanted = "test_it.py::TestRequests::test_sees_the_patch"
    assert run_suite(tmp_path, "test", [wanted]).outcomes == {wanted: "failed"}
