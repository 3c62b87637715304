"""What `recorder` wrote of real traffic, `ctools inspect` shows: nothing here is made up by hand."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests

import recorder
from cassette_tools import cli
from tests.cassette_tools.running import LIMIT, environment
from tests.servers.certificates import Authority
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG = 3_000_000
"""Bytes: over the body limit, so that the body is in several lines."""


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    with Origin(tls=Authority(tmp_path).server()) as running:
        yield running


@pytest.fixture
def session(origin: Origin, tmp_path: Path) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(tmp_path / "ca.pem")
        yield session


def inspect(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert cli.run(["inspect", *map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_every_body_comes_out_as_the_client_got_it(
    origin: Origin, session: requests.Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.jsonl"
    with recorder.record(path):
        targets = ("json", "gzip", "deflate", "chunked", f"bytes/{LONG}", "bytes/0", "status/204", "status/404")
        bodies = [session.get(f"{origin.url}/{target}").content for target in targets]
        sent = json.dumps({"a": [1, 2.5], "b": "ü" * 2000}).encode()
        bodies.append(session.post(f"{origin.url}/echo", data=sent).content)
    for number, body in enumerate(bodies, start=1):
        one = json.loads(inspect(capsys, path, number, "--json"))
        content = one["bodies"].get("response", {"text": ""})
        stored = content["text"].encode() if "text" in content else base64.b64decode(content["base64"])
        assert stored == body, one["request"]["url"]
        assert inspect(capsys, path, number).startswith(f"interaction   {number} of {path}, id ")
    assert cli.run(["inspect", str(path), "9", "--part", "request", "-o", str(tmp_path / "sent")]) == 0
    assert (tmp_path / "sent").read_bytes() == sent

    summary = json.loads(inspect(capsys, path, "--json"))
    assert summary["statuses"]["counts"] == {"200": 7, "204": 1, "404": 1}
    assert summary["bodies"]["response"]["stored"] == sum(map(len, bodies))
    assert summary["runs"][0]["ended"] == "clean"
    assert summary["runs"][0]["seen"] == summary["interactions"] == 9
    assert summary["file"]["growing"] is False
    assert summary["memory"]["first"] is None or summary["memory"]["first"] > 1_000_000


def test_what_failed_is_shown_as_a_failure(
    origin: Origin, session: requests.Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.jsonl"
    with recorder.record(path):
        for target in ("truncated", "garbage", "reset"):
            with pytest.raises(requests.RequestException):
                session.get(f"{origin.url}/{target}")
        with pytest.raises(requests.RequestException):
            requests.get("http://127.0.0.1:1/refused", timeout=5)
    summary = json.loads(inspect(capsys, path, "--json"))
    assert summary["failed"] == summary["interactions"] == 4
    assert sorted(one["phase"] for one in summary["failures"]) == ["body", "connect", "response", "response"]
    lines = inspect(capsys, path, "--list").splitlines()
    assert [line.split("\t")[3] for line in lines] == ["200", "-", "-", "-"]
    for number in range(1, 5):
        assert "\nerror\nphase         " in inspect(capsys, path, number)


def test_a_recorded_command_is_followed_to_its_end(origin: Origin, tmp_path: Path) -> None:
    """Record a program that waits between two requests, and list it meanwhile."""
    script = (
        "import ssl, sys, urllib.request\n"
        "context = ssl.create_default_context(cafile=sys.argv[2])\n"
        "for number in range(3):\n"
        "    urllib.request.urlopen(sys.argv[1] + f'/json?n={number}', context=context).read()\n"
        "    sys.stdin.readline()\n"
    )
    path = tmp_path / "c.jsonl"
    program = [sys.executable, "-c", script, origin.url, str(tmp_path / "ca.pem")]
    recording = subprocess.Popen(
        [sys.executable, "-m", "cassette_tools", "record", "-o", path, "--quiet", "--", *program],
        stdin=subprocess.PIPE,
        env=environment(),
    )
    following = None
    try:
        assert recording.stdin is not None
        while not path.exists() and recording.poll() is None:
            time.sleep(0.02)
        following = subprocess.Popen(
            [sys.executable, "-m", "cassette_tools", "inspect", path, "--follow"],
            stdout=subprocess.PIPE,
            env=environment(),
        )
        assert following.stdout is not None
        for number in range(3):
            line = following.stdout.readline()
            assert line.endswith(f"/json?n={number}\t-\n".encode())
            recording.stdin.write(b"\n")
            recording.stdin.flush()
        recording.stdin.close()
        assert recording.wait(timeout=LIMIT) == 0
        assert following.communicate(timeout=LIMIT)[0] == b""
        assert following.returncode == 0
    finally:
        for process in (recording, following):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
