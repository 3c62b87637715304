"""Odd but legal programs: what they see stays theirs, and what is recorded of them is true."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests

import recorder
from recorder.framing import Chunked
from recorder.journal.read import MAX_LINE, Reader
from recorder.session import LONGEST_LINE
from recorder.system import Clock
from tests.recorder.cassettes import body, interactions, lines
from tests.servers.certificates import authority
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return tmp_path / "cassette.jsonl"


def refused() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port: int = unused.getsockname()[1]
    return port


def test_a_program_may_put_its_modules_away(cassette: Path) -> None:
    """Tests and reloaders do; the tap must not look for a module where it no longer is."""
    with Origin(tls=authority().server()) as secure, recorder.record(cassette), requests.Session() as session:
        session.trust_env = False
        session.verify = str(authority().bundle)
        kept = {name: module for name, module in sys.modules.items() if not name.startswith("urllib3")}
        with mock.patch.dict(sys.modules, kept, clear=True):
            assert session.get(secure.url + "/json").status_code == 200


def test_a_program_that_handles_an_error_of_its_own_does_not_find_it_in_the_cassette(cassette: Path) -> None:
    with recorder.record(cassette):
        try:
            secrets: dict[str, str] = {}
            secrets["my password"]
        except KeyError:
            with contextlib.suppress(OSError):
                http.client.HTTPConnection("127.0.0.1", refused()).request("GET", "/")
    (interaction,) = interactions(cassette)
    assert interaction["error"]["type"] == "ConnectionRefusedError"
    assert b"my password" not in cassette.read_bytes()


def test_a_head_of_any_length_leaves_a_line_that_every_reader_takes(origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette) as recording:
        connection = http.client.HTTPConnection("localhost", origin.port)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/json?" + "x" * 20_000_000)
            connection.getresponse().read()
        connection.close()
        assert recording.seen == 1
    assert cassette.stat().st_size < 4_000_000
    (interaction,) = interactions(cassette)
    assert interaction["request"]["head_size"] > 20_000_000
    with Reader(cassette, mode="strict") as reader:
        assert [line.type for line in reader][-1] == "end"


def test_no_line_is_written_that_a_reader_refuses() -> None:
    assert LONGEST_LINE <= MAX_LINE


def test_a_request_body_that_did_not_go_out_whole_says_so(origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette):
        for sent in (b"", b"12345"):
            connection = http.client.HTTPConnection("localhost", origin.port)
            connection.putrequest("POST", "/sink")
            connection.putheader("Content-Length", "10")
            connection.endheaders()
            if sent:
                connection.send(sent)
            connection.close()
        with contextlib.suppress(OSError):
            http.client.HTTPConnection("127.0.0.1", refused()).request("POST", "/", body=b"never read")
    none, half, unread = (each["request"]["body"] for each in interactions(cassette))
    assert (none["size"], none["complete"], none["incomplete"]) == (0, False, "closed")
    assert (half["size"], half["complete"], half["incomplete"]) == (5, False, "closed")
    assert (unread["complete"], unread["incomplete"]) == (False, "unread")


def test_an_upload_that_the_recording_does_not_see_to_its_end_is_stopped(origin: Origin, cassette: Path) -> None:
    recording = recorder.start(cassette)
    connection = http.client.HTTPConnection("localhost", origin.port)
    connection.putrequest("POST", "/sink")
    connection.putheader("Content-Length", "10")
    connection.endheaders()
    connection.send(b"12345")
    recording.stop()
    connection.send(b"67890")
    assert connection.getresponse().status == 200
    connection.close()
    (interaction,) = interactions(cassette)
    assert interaction["request"]["body"]["incomplete"] == "stopped"


def test_a_response_class_that_reads_its_head_by_itself_is_recorded_without_its_body(
    origin: Origin, cassette: Path
) -> None:
    class Own(http.client.HTTPResponse):
        def begin(self) -> None:
            self.version, self.status, self.reason = 11, 200, "OK"
            self.code = 200
            while self.fp.readline() not in (b"\r\n", b""):
                pass
            self.headers = self.msg = http.client.HTTPMessage()
            self.chunked, self.length, self.will_close = False, None, True

    with recorder.record(cassette) as recording:
        connection = http.client.HTTPConnection("localhost", origin.port)
        connection.response_class = Own
        connection.request("GET", "/json", headers={"Connection": "close"})
        assert connection.getresponse().read().startswith(b'{"ok"')
        assert recording.interactions == 1
    (interaction,) = interactions(cassette)
    assert interaction["response"]["status"] == 200
    assert interaction["response"]["body"]["incomplete"] == "unread"


def test_a_connection_that_a_body_generator_makes_for_itself_is_its_own(origin: Origin, cassette: Path) -> None:
    nowhere = refused()

    def blocks() -> Iterator[bytes]:
        with contextlib.suppress(OSError):
            http.client.HTTPConnection("127.0.0.1", nowhere).connect()
        connection = http.client.HTTPConnection("localhost", origin.port)
        connection.request("GET", "/json")
        yield connection.getresponse().read()
        connection.close()

    with recorder.record(cassette), requests.Session() as session:
        session.trust_env = False
        session.put(origin.url + "/sink", data=blocks())
    outer, inner = sorted(interactions(cassette), key=lambda each: str(each["client"]), reverse=True)
    assert inner["client"] == "http.client"
    assert inner["request"]["url"].endswith("/json")
    assert outer["client"].startswith("requests/")
    assert outer["request"]["method"] == "PUT"


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 100])
def test_any_two_bytes_end_a_chunk_as_they_do_in_http_client(cut: int) -> None:
    wire = b"3\r\nabcXY3\r\ndef\r\n0\r\n\r\n"
    framing = Chunked()
    out = b"".join(part for at in range(0, len(wire), cut) for part in framing.feed(wire[at : at + cut]))
    assert out == b"abcdef"
    assert framing.done


def test_a_request_line_without_a_method_or_version_is_recorded_as_it_is(origin: Origin, cassette: Path) -> None:
    """CPython's own tests send such; the schema, which `interactions` holds each line against, takes them."""
    with recorder.record(cassette):
        for version in ("HTTP/1.1", ""):
            connection = http.client.HTTPConnection("localhost", origin.port)
            connection._http_vsn_str = version  # type: ignore[attr-defined]
            connection.putrequest("" if version else "GET", "/json")
            connection.endheaders()
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.getresponse().read()
            connection.close()
    first, second = interactions(cassette)
    assert first["request"]["method"] == ""
    assert second["request"]["http_version"] == ""


def test_a_getresponse_that_never_reached_the_wire_does_not_end_its_request(origin: Origin, cassette: Path) -> None:
    """urllib3 1.26 asks with `buffering=True` first, and on the TypeError without."""
    with recorder.record(cassette) as recording:
        connection = http.client.HTTPConnection("localhost", origin.port)
        connection.request("GET", "/json")
        with pytest.raises(TypeError):
            connection.getresponse(buffering=True)  # type: ignore[call-arg]
        assert connection.getresponse().read().startswith(b'{"ok"')
        connection.close()
    (interaction,) = interactions(cassette)
    assert interaction["response"]["status"] == 200
    assert "error" not in interaction
    assert recording.errors == 0


def test_each_kind_of_trouble_is_told_once(origin: Origin, cassette: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with recorder.record(cassette) as recording, requests.Session() as session:
        session.trust_env = False
        with mock.patch("recorder.taps.exchange.Exchange.describe", side_effect=TypeError):
            session.get(origin.url + "/json")
            session.get(origin.url + "/json")
        cassette.unlink()
        session.get(origin.url + "/json")
        session.get(origin.url + "/json")
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "TypeError" in told[0]
    assert "deleted" in told[1]
    assert recording.seen == recording.interactions + sum(recording.lost.values()) == 4


def test_a_clock_needs_no_file_system_that_a_program_may_have_faked() -> None:
    with mock.patch.object(os, "pipe", side_effect=AssertionError), mock.patch.object(os, "fstat", side_effect=OSError):
        assert Clock().stamp(0).endswith("Z")


def test_an_interrupted_stop_goes_on_where_it_was(origin: Origin, cassette: Path) -> None:
    before = dict(vars(http.client.HTTPConnection))
    recording = recorder.start(cassette)
    with requests.Session() as session:
        session.trust_env = False
        session.get(origin.url + "/json")
        with (
            mock.patch("recorder.session.Recording._account_for_the_rest", side_effect=KeyboardInterrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            recording.stop()
    recording.stop()
    recording.stop()
    assert [line["type"] for line in lines(cassette)] == ["header", "process", "interaction", "end"]
    assert dict(vars(http.client.HTTPConnection)) == before


@pytest.mark.parametrize("rounds", [25, pytest.param(500, marks=pytest.mark.full)])
def test_recordings_that_come_and_go_among_busy_threads_hide_nothing_from_each_other(
    origin: Origin, tmp_path: Path, rounds: int
) -> None:
    ending = threading.Event()

    def work(number: int) -> int:
        connection = http.client.HTTPConnection("localhost", origin.port)
        turns = 0
        while not ending.is_set():
            turns += 1
            sent = b"%d/%d" % (number, turns)
            connection.request("POST", "/sink", body=sent)
            connection.getresponse().read()
        connection.close()
        return turns

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(work, number) for number in range(4)]
        try:
            for turn in range(rounds):
                outer = recorder.start(tmp_path / f"outer-{turn}", durability="none")
                inner = recorder.start(tmp_path / f"inner-{turn}", durability="none")
                while inner.interactions < 5:
                    pass
                inner.stop()
                outer.stop()
        finally:
            ending.set()
        assert all(future.result(60) for future in futures)
    for path in tmp_path.iterdir():
        written = lines(path)
        end = written[-1]
        assert end["type"] == "end"
        assert end["seen"] == end["interactions"] + sum(end["lost"].values())
        assert end["lost"] == {}
        for each in interactions(path):
            check_whole(path, each)


def check_whole(path: Path, each: dict[str, Any]) -> None:
    assert each["timings_ms"]["total"] >= 0
    if each["response"] is None:
        return  # it was under way when the recording stopped
    assert each["request"]["body"]["complete"] is True
    assert body(path, each, "request").count(b"/") == 1
    assert each["response"]["body"] is not None
