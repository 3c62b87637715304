"""Threads that begin, write and stop at the same moment: every request is counted, and every line is in its place."""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import recorder
from recorder import session
from recorder.errors import CassetteWriteError
from recorder.system import System
from recorder.taps.exchange import Entry, Exchange
from tests.recorder.cassettes import body, interactions, lines
from tests.recorder.programs import Client
from tests.servers.origin import Origin
from tests.servers.routes import payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassette.jsonl"


def check(path: Path) -> dict[str, Any]:
    """Check the order of the lines and the counts; give the end line."""
    kinds = [line["type"] for line in lines(path)]
    assert kinds[:2] == ["header", "process"]
    assert kinds.count("process") == 1
    assert kinds[-1] == "end"
    end = lines(path)[-1]
    assert end["interactions"] == kinds.count("interaction")
    assert end["seen"] == end["interactions"] + sum(end["lost"].values())
    return end


class TestStop:
    def test_an_interaction_that_another_thread_is_writing_is_in_the_file_and_in_the_counts(
        self, origin: Origin, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        describing = threading.Event()
        describe = Exchange.describe

        def slowly(*args: Any) -> Any:
            describing.set()
            time.sleep(0.05)
            return describe(*args)

        monkeypatch.setattr(Exchange, "describe", slowly)
        recording = recorder.start(path)
        with Client(origin.url) as client:
            thread = threading.Thread(target=client.get, args=("/json",))
            thread.start()
            assert describing.wait(10)
            recording.stop()
            thread.join(10)
        assert check(path)["interactions"] == recording.interactions == 1

    def test_a_request_that_begins_while_the_recording_stops_is_written_ahead_of_the_end(
        self, origin: Origin, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        beginning = threading.Event()
        make = Entry

        def slowly(*args: Any) -> Any:
            beginning.set()
            time.sleep(0.05)
            return make(*args)

        monkeypatch.setattr("recorder.session.Entry", slowly)
        recording = recorder.start(path)
        with Client(origin.url) as client:
            thread = threading.Thread(target=client.get, args=("/slow-stream?n=2&every=0.2",))
            thread.start()
            assert beginning.wait(10)
            recording.stop()
            thread.join(10)
        end = check(path)
        assert (end["seen"], end["interactions"], end["lost"]) == (1, 1, {})

    def test_a_long_body_that_ends_while_the_recording_stops_has_its_last_piece(
        self, origin: Origin, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopping = threading.Event()
        describe = Exchange.describe

        def slowly(exchange: Exchange, *args: Any) -> Any:
            if exchange.target.startswith("/slow-stream"):
                stopping.set()
                time.sleep(0.1)  # in which the other one ends
            else:
                time.sleep(0.3)  # in which `stop` goes on
            return describe(exchange, *args)

        monkeypatch.setattr(Exchange, "describe", slowly)
        with Client(origin.url) as slow, Client(origin.url) as quick:
            recording = recorder.start(path, body_limit=1024)
            for client, target in ((slow, "/slow-stream?n=2&every=1"), (quick, "/bytes/3000")):
                client.connection.request("GET", target)
            responses = [client.connection.getresponse() for client in (slow, quick)]

            def end() -> None:
                assert stopping.wait(10)
                assert responses[1].read() == payload(3000)

            thread = threading.Thread(target=end)
            thread.start()
            recording.stop()
            thread.join(10)
            responses[0].close()
        check(path)
        long = interactions(path)[1]
        assert long["response"]["body"]["pieces"] == 1
        assert payload(3000).startswith(body(path, long))

    def test_a_request_that_begins_behind_the_end_is_not_seen(self, path: Path) -> None:
        recording = recorder.start(path)
        recording.stop()
        exchange = Exchange((recording,), "GET", "/", "http://localhost", recording.clock.now())
        assert not exchange.entries
        assert recording.seen == 0

    def test_a_long_body_that_another_thread_is_reading_ends_where_it_is_and_can_be_read_strictly(
        self, origin: Origin, path: Path
    ) -> None:
        for attempt in range(5):
            place = path.with_name(f"{attempt}.jsonl")
            recording = recorder.start(place, body_limit=1024)
            with Client(origin.url) as client:
                client.connection.request("GET", "/bytes/60000000")
                response = client.connection.getresponse()
                read = 0

                def go_on(response: Any = response) -> None:
                    nonlocal read
                    while part := response.read(200_000):
                        read += len(part)

                thread = threading.Thread(target=go_on)
                thread.start()
                while read < 3_000_000:
                    time.sleep(0.001)
                recording.stop()
                thread.join(30)
            assert read == 60_000_000, "the program has noticed"
            (interaction,) = interactions(place)
            described = interaction["response"]["body"]
            stored = body(place, interaction)
            assert described["incomplete"] == "stopped"
            assert len(stored) == described["size"] >= 2_500_000
            assert stored == payload(len(stored))

    @pytest.mark.parametrize("rounds", [15, pytest.param(300, marks=pytest.mark.full)])
    def test_a_stop_among_busy_threads_loses_nothing_without_naming_it(
        self, origin: Origin, path: Path, rounds: int
    ) -> None:
        for number in range(rounds):
            place = path.with_name(f"{number}.jsonl")
            recording = recorder.start(place, body_limit=4096, durability="none")
            ending = threading.Event()

            def work(ending: threading.Event = ending) -> None:
                with Client(origin.url) as client:
                    while not ending.is_set():
                        client.get("/bytes/30000?kind=random")

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            while recording.interactions < 10 + number % 7:
                time.sleep(0.001)
            recording.stop()
            ending.set()
            for thread in threads:
                thread.join(30)
            assert check(place)["seen"] == recording.seen
            place.unlink()


class TestBeginning:
    def test_the_process_line_stands_once_and_first_whichever_thread_writes_first(
        self, origin: Origin, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = session._program

        def slowly() -> str:
            time.sleep(0.05)
            return program()

        monkeypatch.setattr(session, "_program", slowly)
        with recorder.record(path), Client(origin.url) as one, Client(origin.url) as other:
            threads = [threading.Thread(target=client.get, args=("/json",)) for client in (one, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
        assert check(path)["interactions"] == 2


class TestSync:
    @staticmethod
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def test_a_sync_that_fails_at_the_end_is_told(
        self, origin: Origin, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(System, "fdatasync", staticmethod(self.fail))
        with recorder.record(path) as recording, Client(origin.url) as client:
            client.get("/json")
        assert "Input/output error" in str(recording.failure)
        assert capsys.readouterr().err.count("recorder:") == 1
        assert len(interactions(path)) == recording.interactions == 1

    def test_a_sync_that_fails_is_told_at_once_and_the_record_is_counted_as_written(
        self, origin: Origin, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with recorder.record(path, durability="record") as recording, Client(origin.url) as client:
            client.get("/json")
            monkeypatch.setattr(System, "fdatasync", staticmethod(self.fail))
            client.get("/json")
            assert capsys.readouterr().err.count("recorder:") == 1
            client.get("/json")
        assert len(interactions(path)) == recording.interactions == 2
        assert recording.lost == {"recording stopped early": 1}

    def test_an_overwriting_recording_that_cannot_be_forced_to_the_disk_replaces_nothing(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(System, "fdatasync", staticmethod(self.fail))
        path.write_bytes(b"old")
        recording = recorder.start(path, mode="overwrite")
        with pytest.raises(CassetteWriteError, match="was not replaced"):
            recording.stop()
        assert path.read_bytes() == b"old"
