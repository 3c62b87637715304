"""A disk that is full, for real: the program goes on as if nothing were, and the cassette holds all up to there."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, Literal

import pytest

import recorder
from recorder.errors import CassetteWriteError
from tests.recorder.cassettes import interactions, lines
from tests.recorder.programs import ROOT, Client, command
from tests.servers.origin import Origin
from tests.servers.routes import payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = payload(20_000)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("body_limit", [1024, 1 << 20], ids=["pieces", "whole"])
def test_on_a_full_disk_the_program_goes_on_and_is_told_once(
    origin: Origin, small_disk: Path, capsys: pytest.CaptureFixture[str], body_limit: int
) -> None:
    path = small_disk / "cassette.jsonl"
    with recorder.record(path, body_limit=body_limit) as recording, Client(origin.url) as client:
        for number in range(20):
            assert client.get(f"/bytes/20000?id={number}") == BODY
    said = capsys.readouterr().err
    assert said.count("recorder:") == said.count("\n") == 1
    assert f"{path}: No space left on device; recording stopped, the file holds everything up to here; free" in said
    assert str(recording.failure) in said
    assert recording.seen == 20 == recording.interactions + sum(recording.lost.values())
    recorded = interactions(path)
    assert [line["seq"] for line in recorded] == list(range(1, recording.interactions + 1))
    assert 5 < len(recorded) < 12
    assert path.stat().st_size == recording.bytes
    assert origin.counts.connections == 1


def test_what_was_freed_later_is_not_used_because_a_gap_would_be_hidden(origin: Origin, small_disk: Path) -> None:
    path, ballast = small_disk / "cassette.jsonl", small_disk / "ballast"
    with recorder.record(path) as recording, Client(origin.url) as client:
        client.get("/json?id=0")
        ballast.write_bytes(bytes(240 * 1024))
        client.get("/bytes/20000?id=1")
        assert recording.failure is not None
        ballast.unlink()
        client.get("/json?id=2")
    assert [line["seq"] for line in interactions(path)] == [1]
    assert recording.lost == {"the cassette could not be written": 1, "recording stopped early": 1}
    assert lines(path)[-1]["type"] == "interaction", "a run that failed has no end line"


def test_asked_to_raise_it_raises_once_out_of_the_client_s_call(origin: Origin, small_disk: Path) -> None:
    path = small_disk / "cassette.jsonl"
    raised = []
    with recorder.record(path, on_error="raise") as recording, Client(origin.url) as client:
        for number in range(20):
            try:
                assert client.get(f"/bytes/20000?id={number}") == BODY
            except CassetteWriteError as error:
                raised.append(error)
                client.connection.close()
    assert len(raised) == 1
    assert "No space left on device" in str(raised[0])
    assert raised[0] is recording.failure
    assert len(interactions(path)) == recording.interactions > 5


def test_threads_on_a_full_disk_all_go_on(origin: Origin, small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_disk / "cassette.jsonl"
    failed: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            with Client(origin.url) as client:
                for number in range(10):
                    assert client.get(f"/bytes/20000?id={thread}-{number}") == BODY
        except BaseException as error:  # noqa: BLE001 -- told by the test
            failed.append(error)

    with recorder.record(path, body_limit=4096) as recording:
        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failed
    assert capsys.readouterr().err.count("recorder:") == 1
    assert recording.seen == 60 == recording.interactions + sum(recording.lost.values())
    assert len(interactions(path)) == recording.interactions


def test_where_not_even_the_header_fits_nothing_is_recorded_and_no_file_left(small_disk: Path) -> None:
    with (small_disk / "ballast").open("wb", buffering=0) as ballast:
        assert ballast.write(bytes(1 << 20)) < 1 << 20
    with pytest.raises(CassetteWriteError, match="No space left on device"):
        recorder.start(small_disk / "cassette.jsonl")
    assert sorted(file.name for file in small_disk.iterdir()) == ["ballast"]


@pytest.mark.skipif(os.name != "posix", reason="this system has no limit on the size of files")
@pytest.mark.parametrize("on_error", ["stop", "raise"])
def test_a_limit_on_the_size_of_files_is_named(
    origin: Origin, tmp_path: Path, on_error: Literal["stop", "raise"]
) -> None:
    path = tmp_path / "cassette.jsonl"
    done = subprocess.run(
        command("limited", origin.url, path, on_error),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == (
        f"recorder: {path}: File too large; recording stopped, the file holds everything up to here; "
        "raise the limit on file sizes or record less\n"
    )
    assert len(interactions(path)) == int(done.stdout) > 3
    assert path.stat().st_size <= 100_000
