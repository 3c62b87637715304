"""The life of a recording: begun, nested, stopped in the middle of things, and gone without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
import http.client
import inspect
import io
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
import types
import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import SocketIO
from typing import TYPE_CHECKING, Any

import freezegun
import pytest
import requests
import time_machine
import urllib3

import recorder
from recorder.errors import CassetteExistsError, CassetteWriteError, RecordingStateError, UsageError
from recorder.taps import seams
from tests.recorder.cassettes import body, interactions, lines
from tests.servers.origin import Origin
from tests.servers.routes import payload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.servers.routes import Exchange

ROOT = Path(__file__).parents[2]


class Gate:
    """A route that answers when it is told to."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, x: Exchange) -> None:
        self.reached.set()
        self.opened.wait(20)
        x.answer(b"at last\n")


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def origin(gate: Gate) -> Iterator[Origin]:
    with Origin(routes={"gate": gate}) as server:
        yield server
        gate.opened.set()


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return tmp_path / "cassette.jsonl"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """After every test here: no recording, no tap, no exit handler, no thread, no descriptor of the recorder's."""
    descriptors = descriptors_open()
    yield
    left = seams.recordings()
    for recording in left:  # so that one test that fails is one
        recording.stop()  # type: ignore[attr-defined]
    assert left == ()
    assert seams.installed() == []
    assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("recorder")]
    assert [each for each in descriptors_open() if ".jsonl" in each or "statm" in each] == [
        each for each in descriptors if ".jsonl" in each or "statm" in each
    ]


def descriptors_open() -> list[str]:
    out = []
    for each in Path("/proc/self/fd").iterdir() if Path("/proc/self/fd").exists() else ():
        with contextlib.suppress(OSError):
            out.append(str(each.readlink()))
    return out


def get(origin: Origin, path: str = "/json") -> bytes:
    """Make a request with http.client on a connection of its own."""
    with contextlib.closing(http.client.HTTPConnection("localhost", origin.port, timeout=20)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as response:
            return response.read()


def end_of(path: Path) -> dict[str, Any]:
    """Give the end line, which is the last one, after adding it up."""
    last: dict[str, Any] = json.loads(path.read_bytes().split(b"\n")[-2])
    assert last["type"] == "end"
    assert last["seen"] == last["interactions"] + sum(last["lost"].values())
    return last


# The ways to record.


def test_a_with_block_records_and_tells(origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette) as recording:
        assert "running, 0 of 0" in repr(recording)
        get(origin)
        with pytest.raises(ConnectionRefusedError):
            http.client.HTTPConnection("127.0.0.1", 1, timeout=5).request("GET", "/")
    assert (recording.seen, recording.interactions, recording.errors, recording.lost) == (2, 2, 1, {})
    assert recording.path == cassette
    assert recording.bytes <= cassette.stat().st_size
    assert "stopped, 2 of 2" in repr(recording)
    end = end_of(cassette)
    assert (end["seen"], end["interactions"], end["errors"], end["lost"]) == (2, 2, 1, {})
    get(origin)
    assert len(interactions(cassette)) == 2, "it is over"


def test_start_and_stop_do_the_same(origin: Origin, cassette: Path) -> None:
    recording = recorder.start(cassette)
    get(origin)
    recording.stop()
    before = cassette.read_bytes()
    recording.stop()
    recording.stop()
    assert cassette.read_bytes() == before, "stopping again does nothing"
    assert end_of(cassette)["interactions"] == 1


def test_what_start_gives_is_a_with_block_too(origin: Origin, cassette: Path) -> None:
    with recorder.start(cassette) as recording:
        get(origin)
    assert recording.stopped
    with pytest.raises(RecordingStateError, match="stopped already"), recording:
        pass


def test_a_function_is_recorded_in_each_call(origin: Origin, cassette: Path) -> None:
    @recorder.record(cassette, mode="overwrite")
    def ask(path: str, *, again: int = 0) -> bytes:
        """Ask."""
        out = get(origin, path)
        for _ in range(again):
            get(origin, path)
        return out

    assert (ask.__name__, ask.__doc__) == ("ask", "Ask.")
    assert list(inspect.signature(ask).parameters) == ["path", "again"]
    assert ask("/bytes/3") == payload(3)
    assert len(interactions(cassette)) == 1
    ask("/bytes/3", again=2)
    assert len(interactions(cassette)) == 3


def test_a_function_that_raises_is_recorded_up_to_there(origin: Origin, cassette: Path) -> None:
    @recorder.record(cassette)
    def ask() -> None:
        get(origin)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        ask()
    assert end_of(cassette)["interactions"] == 1


def test_a_coroutine_function_is_recorded_while_it_runs(origin: Origin, cassette: Path) -> None:
    @recorder.record(cassette)
    async def ask() -> int:
        await asyncio.sleep(0)
        return len(await asyncio.to_thread(get, origin))

    assert inspect.iscoroutinefunction(ask)
    waiting = ask()
    assert not cassette.exists(), "calling it runs nothing yet"
    assert asyncio.run(waiting) > 0
    assert end_of(cassette)["interactions"] == 1


def test_a_generator_function_is_refused_with_the_way_out(cassette: Path) -> None:
    """Its call only makes the generator: all that it does would pass unrecorded."""

    def ask() -> Iterator[int]:
        yield 1

    async def ask_async() -> AsyncIterator[int]:
        yield 1

    for function in (ask, ask_async):
        with pytest.raises(UsageError, match=r"use `with recorder\.record\(\.\.\.\)` inside it"):
            recorder.record(cassette)(function)
    assert not cassette.exists()


def test_a_method_is_recorded(origin: Origin, cassette: Path) -> None:
    class Program:
        @recorder.record(cassette)
        def run(self) -> bytes:
            return get(origin, "/bytes/5")

    assert Program().run() == payload(5)
    assert end_of(cassette)["interactions"] == 1


def record_and_raise(origin: Origin, cassette: Path, error: BaseException) -> None:
    with recorder.record(cassette):
        get(origin)
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_raised_in_the_block_comes_out_as_it_is(
    error: type[BaseException], origin: Origin, cassette: Path
) -> None:
    thrown = error("mine")
    with pytest.raises(error) as caught:
        record_and_raise(origin, cassette, thrown)
    assert caught.value is thrown
    assert thrown.__context__ is None
    assert end_of(cassette)["interactions"] == 1


def test_one_record_object_serves_many_recordings_but_one_at_a_time(origin: Origin, cassette: Path) -> None:
    record = recorder.record(cassette, mode="append")
    for _ in range(3):
        with record:
            get(origin)
            with pytest.raises(RecordingStateError, match="active already"), record:
                pass
            get(origin)
    assert [line["type"] for line in lines(cassette)].count("header") == 3
    assert len([line for line in lines(cassette) if line["type"] == "interaction"]) == 6


# Several recordings.


def test_nested_recordings_each_get_every_request_of_their_time(origin: Origin, tmp_path: Path) -> None:
    with recorder.record(tmp_path / "1.jsonl") as one:
        get(origin, "/bytes/1")
        with recorder.record(tmp_path / "2.jsonl", body_limit=1024) as two:
            get(origin, "/bytes/2000")
            with recorder.record(tmp_path / "3.jsonl") as three:
                get(origin, "/bytes/3")
            get(origin, "/bytes/4")
        get(origin, "/bytes/5")
    assert (one.interactions, two.interactions, three.interactions) == (5, 3, 1)
    for name, sizes in (("1", [1, 2000, 3, 4, 5]), ("2", [2000, 3, 4]), ("3", [3])):
        path = tmp_path / f"{name}.jsonl"
        assert [body(path, each) for each in interactions(path)] == [payload(size) for size in sizes]
        assert end_of(path)["seen"] == len(sizes)


def test_recordings_may_overlap_in_any_order(origin: Origin, tmp_path: Path) -> None:
    first = recorder.start(tmp_path / "first.jsonl")
    get(origin)
    second = recorder.start(tmp_path / "second.jsonl")
    get(origin)
    first.stop()
    get(origin)
    second.stop()
    assert (first.interactions, second.interactions) == (2, 2)


def test_a_response_read_across_the_end_of_an_inner_recording_is_whole_in_the_outer(
    origin: Origin, tmp_path: Path
) -> None:
    connection = http.client.HTTPConnection("localhost", origin.port, timeout=20)
    with recorder.record(tmp_path / "outer.jsonl"):
        with recorder.record(tmp_path / "inner.jsonl"):
            connection.request("GET", "/bytes/300000")
            response = connection.getresponse()
            start = response.read(1000)
        assert start + response.read() == payload(300_000)
    connection.close()
    (outer,) = interactions(tmp_path / "outer.jsonl")
    assert outer["response"]["body"]["complete"] is True
    assert body(tmp_path / "outer.jsonl", outer) == payload(300_000)
    (inner,) = interactions(tmp_path / "inner.jsonl")
    assert inner["response"]["body"]["incomplete"] == "stopped"
    part = body(tmp_path / "inner.jsonl", inner)
    assert payload(300_000).startswith(part)
    assert len(part) >= 1000


@pytest.mark.parametrize("mode", ["new", "append", "overwrite"])
@pytest.mark.parametrize("spelling", ["the same", "relative", "by a detour", "by a link"])
def test_one_cassette_has_one_recording_at_a_time(
    mode: Any, spelling: str, origin: Origin, cassette: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cassette.parent)
    (cassette.parent / "folder").mkdir()
    (cassette.parent / "link").symlink_to(cassette.parent, target_is_directory=True)
    path = {
        "the same": cassette,
        "relative": Path(cassette.name),
        "by a detour": cassette.parent / "folder" / ".." / cassette.name,
        "by a link": cassette.parent / "link" / cassette.name,
    }[spelling]
    with recorder.record(cassette, mode=mode):
        get(origin)
        with pytest.raises(RecordingStateError, match="is being recorded already"):
            recorder.start(path, mode=mode)
        get(origin)
    assert end_of(cassette)["interactions"] == 2


def test_repeated_recordings_in_one_process_begin_from_nothing(origin: Origin, tmp_path: Path) -> None:
    with requests.Session() as session:
        for number in range(5):
            with recorder.record(tmp_path / f"{number}.jsonl") as recording:
                assert session.get(origin.url + "/json", timeout=20).ok
            assert (recording.seen, recording.interactions) == (1, 1)
            (told,) = interactions(tmp_path / f"{number}.jsonl")
            assert told["connection"]["reused"] is (number > 0)
            with pytest.raises(CassetteExistsError):
                recorder.start(tmp_path / f"{number}.jsonl")
    assert origin.counts.connections == 1


# Stopped in the middle of things.


def open_response(origin: Origin, path: str = "/bytes/300000") -> tuple[Any, Any]:
    connection = http.client.HTTPConnection("localhost", origin.port, timeout=20)
    connection.request("GET", path)
    return connection, connection.getresponse()


def raw_file(response: Any) -> Any:
    return response.fp.raw


@pytest.mark.parametrize("query", ["", "?framing=chunked&chunk=7000", "?framing=close"])
def test_a_response_half_read_when_the_recording_stops_is_read_on_undisturbed(
    query: str, origin: Origin, cassette: Path
) -> None:
    recording = recorder.start(cassette)
    connection, response = open_response(origin, f"/bytes/300000{query}")
    start = response.read(1000)
    recording.stop()
    assert type(raw_file(response)) is SocketIO, "the file is what it was"
    assert not [name for name in vars(raw_file(response)) if name.startswith("_recorder")]
    assert_no_recorder_in(response, connection)
    assert start + response.read() == payload(300_000)
    connection.close()
    (told,) = interactions(cassette)
    assert told["response"]["body"]["incomplete"] == "stopped"
    part = body(cassette, told)
    assert payload(300_000).startswith(part)
    assert len(part) >= 1000
    assert (recording.seen, recording.interactions, recording.lost) == (1, 1, {})


def test_a_response_that_another_thread_reads_when_the_recording_stops_is_read_on(
    origin: Origin, cassette: Path
) -> None:
    """Stopped again and again, while threads read as fast as they can."""

    def read(_: int) -> bool:
        return all(get(origin, "/bytes/400000?framing=chunked&chunk=500") == payload(400_000) for _ in range(4))

    with ThreadPoolExecutor(6) as threads:
        reading = [threads.submit(read, number) for number in range(6)]
        stops = 0
        while not all(each.done() for each in reading):
            path = cassette.with_name(f"{stops}.jsonl")
            recording = recorder.start(path, body_limit=(16 if stops % 2 else 1024) * 1024)
            time.sleep(0.004)
            recording.stop()
            assert recording.seen == recording.interactions + sum(recording.lost.values())
            assert recording.lost == {}
            end_of(path)
            stops += 1
        assert all(each.result() for each in reading)
    assert stops > 3


def test_a_request_that_waits_for_its_response_when_the_recording_stops_gets_it(
    origin: Origin, gate: Gate, cassette: Path
) -> None:
    recording = recorder.start(cassette)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(get, origin, "/gate")
        assert gate.reached.wait(20)
        recording.stop()
        written = cassette.read_bytes()
        gate.opened.set()
        assert asked.result(20) == b"at last\n"
    assert cassette.read_bytes() == written, "nothing is written after the end line"
    (told,) = interactions(cassette)
    assert told["response"] is None
    assert "error" not in told
    assert told["request"]["url"].endswith("/gate")
    assert end_of(cassette)["interactions"] == 1


def test_a_response_that_comes_after_the_stop_has_a_file_as_it_should_be(
    origin: Origin, gate: Gate, cassette: Path
) -> None:
    recording = recorder.start(cassette)
    connection = http.client.HTTPConnection("localhost", origin.port, timeout=20)
    connection.request("GET", "/gate")
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(connection.getresponse)
        assert gate.reached.wait(20)
        time.sleep(0.05)  # until the thread waits in the middle of reading the head
        recording.stop()
        gate.opened.set()
        response = asked.result(20)
    assert type(raw_file(response)) is SocketIO
    assert_no_recorder_in(response, connection)
    assert response.read() == b"at last\n"
    connection.close()


def test_a_thread_that_is_about_to_read_when_its_tee_goes_reads_all_the_same(origin: Origin, cassette: Path) -> None:
    """It has found the method of the teed class, and comes to run it when the class is the original again."""
    with recorder.record(cassette) as recording:
        connection, response = open_response(origin)
        raw = raw_file(response)
        teed = type(raw)
        assert teed is not SocketIO
        recording.stop()
        buffer = bytearray(100)
        assert teed.readinto(raw, buffer) == 100
        teed.close(raw)
        assert raw.closed
        with contextlib.suppress(ValueError):  # http.client flushes it first
            connection.close()


def test_a_body_that_is_being_sent_when_the_recording_stops_is_sent_on(origin: Origin, cassette: Path) -> None:
    recording = recorder.start(cassette)

    def blocks() -> Iterator[bytes]:
        for number in range(20):
            if number == 10:
                recording.stop()
            yield b"%05d" % number * 100

    response = requests.post(origin.url + "/sink", data=blocks(), timeout=20)
    assert response.json()["size"] == 20 * 500
    (told,) = interactions(cassette)
    assert told["request"]["body"]["complete"] is False
    assert body(cassette, told, "request") == b"".join(b"%05d" % number * 100 for number in range(10))


def test_a_recording_stopped_between_request_and_response_leaves_the_connection_as_it_is(
    origin: Origin, cassette: Path
) -> None:
    connection = http.client.HTTPConnection("localhost", origin.port, timeout=20)
    recording = recorder.start(cassette)
    connection.request("GET", "/bytes/10")
    recording.stop()
    assert connection.getresponse().read() == payload(10)
    with recorder.record(cassette, mode="append"):
        connection.request("GET", "/bytes/11")
        assert connection.getresponse().read() == payload(11)
    connection.close()
    first, second = [each for each in lines(cassette) if each["type"] == "interaction"]
    assert (first["response"], second["response"]["status"]) == (None, 200)
    assert origin.counts.connections == 1


def test_an_interaction_that_is_being_written_when_the_recording_stops_is_in_it(
    origin: Origin, cassette: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that writes is held in the middle; stop waits for it, and the end line comes last."""
    from recorder.taps.exchange import Exchange as Recorded

    describe, describing, go_on = Recorded.describe, threading.Event(), threading.Event()

    def slowly(self: Recorded, *args: Any) -> dict[str, Any]:
        describing.set()
        assert go_on.wait(20)
        return describe(self, *args)

    monkeypatch.setattr(Recorded, "describe", slowly)
    recording = recorder.start(cassette)
    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(get, origin)
        assert describing.wait(20)
        stopped = threads.submit(recording.stop)
        time.sleep(0.05)
        go_on.set()
        stopped.result(20)
        asked.result(20)
    assert (recording.seen, recording.interactions, recording.lost) == (1, 1, {})
    assert end_of(cassette)["interactions"] == 1


def test_a_stop_does_not_wait_for_ever_for_a_thread_that_is_stuck_in_writing(
    origin: Origin, cassette: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from recorder.taps.exchange import Exchange as Recorded

    describe, go_on, describing = Recorded.describe, threading.Event(), threading.Event()

    def never(self: Recorded, *args: Any) -> dict[str, Any]:
        describing.set()
        assert go_on.wait(20)
        return describe(self, *args)

    monkeypatch.setattr(Recorded, "describe", never)
    monkeypatch.setattr("recorder.session._PATIENCE_MS", 50)
    recording = recorder.start(cassette)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(get, origin)
        assert describing.wait(20)
        recording.stop()
        written = cassette.read_bytes()
        go_on.set()
        assert json.loads(asked.result(20))["ok"]
    assert cassette.read_bytes() == written
    end = end_of(cassette)
    assert (end["seen"], end["interactions"], sum(end["lost"].values())) == (1, 0, 1)
    assert capsys.readouterr().err == ""


def test_a_stop_out_of_the_middle_of_a_write_ends_at_once(
    origin: Origin, cassette: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a signal handler does it, on the very thread that writes."""
    from recorder.taps.exchange import Exchange as Recorded

    describe = Recorded.describe
    recording = recorder.start(cassette)

    def stop_first(self: Recorded, *args: Any) -> dict[str, Any]:
        recording.stop()
        return describe(self, *args)

    monkeypatch.setattr(Recorded, "describe", stop_first)
    began = time.monotonic()
    assert json.loads(get(origin))["ok"]
    assert time.monotonic() - began < 1
    end = end_of(cassette)
    assert (end["seen"], end["interactions"], sum(end["lost"].values())) == (1, 0, 1)


def test_a_request_that_begins_while_the_recording_stops_is_not_half_recorded(
    origin: Origin, cassette: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from recorder.taps import http_client

    recording = recorder.start(cassette)
    begin = http_client._begin

    def stop_first(*args: Any) -> None:
        recording.stop()
        begin(*args)

    monkeypatch.setattr(http_client, "_begin", stop_first)
    assert json.loads(get(origin))["ok"]
    assert (recording.seen, recording.interactions, recording.lost) == (0, 0, {})
    assert end_of(cassette)["seen"] == 0
    assert capsys.readouterr().err == ""


# Connections older and younger than the recording.


def test_connections_made_before_the_recording_are_recorded_and_go_on_after_it(origin: Origin, cassette: Path) -> None:
    connection = http.client.HTTPConnection("localhost", origin.port, timeout=20)
    connection.request("GET", "/bytes/1")
    assert connection.getresponse().read() == payload(1)
    connection.request("GET", "/bytes/2")
    with recorder.record(cassette):
        # This one's request was sent before: it is not seen, and its response is the program's alone.
        assert connection.getresponse().read() == payload(2)
        for size in (3, 4):
            connection.request("GET", f"/bytes/{size}")
            assert connection.getresponse().read() == payload(size)
        connection.request("GET", "/bytes/5")
    assert connection.getresponse().read() == payload(5)
    connection.request("GET", "/bytes/6")
    assert connection.getresponse().read() == payload(6)
    connection.close()
    told = interactions(cassette)
    assert [each["request"]["url"].rpartition("/")[2] for each in told] == ["3", "4", "5"]
    assert [each["connection"] and each["connection"]["reused"] for each in told[:2]] == [True, True]
    assert all("connect" not in each["timings_ms"] for each in told)
    assert origin.counts.connections == 1


def test_a_response_half_read_when_the_recording_begins_is_left_alone(origin: Origin, cassette: Path) -> None:
    connection, response = open_response(origin)
    start = response.read(1000)
    with recorder.record(cassette) as recording:
        assert start + response.read() == payload(300_000)
    connection.close()
    assert recording.seen == 0


def test_a_connection_closed_and_opened_again_is_recorded_as_a_new_one(origin: Origin, cassette: Path) -> None:
    connection = http.client.HTTPConnection("localhost", origin.port, timeout=20)
    with recorder.record(cassette):
        for _ in range(3):
            connection.request("GET", "/json")
            connection.getresponse().read()
            connection.close()
    told = interactions(cassette)
    assert [each["connection"]["reused"] for each in told] == [False] * 3
    assert len({each["connection"]["id"] for each in told}) == 3


# Nothing is left.


def assert_no_recorder_in(*roots: object) -> None:
    """Walk all that can be reached, but for modules, classes and code, and find nothing of the recorder's."""
    seen = {id(each) for each in roots}
    queue = deque(roots)
    while queue:
        each = queue.popleft()
        kind = type(each)
        assert not kind.__module__.startswith("recorder"), kind
        assert not hasattr(kind, "_recorder_own"), kind
        if isinstance(each, (types.ModuleType, types.FunctionType, types.FrameType, types.CodeType, type)):
            continue
        for child in gc.get_referents(each):
            if id(child) not in seen:
                seen.add(id(child))
                queue.append(child)


def test_no_object_of_the_recorders_can_be_reached_from_what_the_program_keeps(
    origin: Origin, cassette: Path, tmp_path: Path
) -> None:
    from tests.servers.certificates import authority

    with Origin(tls=authority().server()) as secure:
        session, pool = requests.Session(), urllib3.PoolManager(ca_certs=str(authority().bundle))
        session.trust_env = False
        session.verify = str(authority().bundle)
        kept: list[Any] = []
        with recorder.record(cassette):
            for server in (origin, secure):
                kept += [session.get(server.url + "/gzip", timeout=20), pool.request("GET", server.url + "/json")]
                kept.append(session.post(server.url + "/echo", data=io.BytesIO(b"x" * 1000), timeout=20))
                kept.append(pool.request("GET", server.url + "/bytes/300000", preload_content=False))
                kept[-1].read(10)
            connection, response = open_response(origin)
            with pytest.raises(requests.ConnectionError) as failed:
                session.get("http://127.0.0.1:1/", timeout=5)
        assert_no_recorder_in(session, pool, *kept, connection, response)
        # Tracebacks are the program's, too; frames of the taps are in them, and end the walk.
        assert_no_recorder_in(*failed.value.args)
        for each in kept:
            each.close()
        connection.close()
        session.close()
        pool.clear()


def test_no_thread_is_started_and_no_handler_of_a_signal_is_set(origin: Origin, cassette: Path) -> None:
    import signal

    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    threads = threading.enumerate()
    origin_threads = {each.name for each in threads}
    with recorder.record(cassette, durability="record", diagnose=1):
        get(origin)
        started = {each.name for each in threading.enumerate()} - origin_threads
        assert all(name.startswith("loopback-") for name in started), "the server's own"
    assert [signal.getsignal(number) for number in signal.valid_signals()] == handlers


def test_a_recording_that_has_stopped_is_held_by_nothing(origin: Origin, cassette: Path) -> None:
    """Not by an exit handler, a tap, a connection or a cache."""
    connection = http.client.HTTPConnection("localhost", origin.port, timeout=20)
    recording = recorder.start(cassette)
    connection.request("GET", "/json")
    connection.getresponse().read()
    recording.stop()
    gone = weakref.ref(recording)
    del recording
    gc.collect()
    assert gone() is None
    connection.close()


def test_a_dropped_response_is_collected_without_the_collector_of_cycles(origin: Origin, cassette: Path) -> None:
    gc.collect()
    gc.disable()
    try:
        with recorder.record(cassette) as recording:
            # A body up to the close: else http.client's connection, too, would hold on to the response.
            connection, response = open_response(origin, "/bytes/3000000?framing=close")
            response.read(10)
            file = weakref.ref(raw_file(response))
            del response
            assert file() is None
            assert recording.interactions == 1
            connection.close()
    finally:
        gc.enable()
    (told,) = interactions(cassette)
    assert told["response"]["body"]["incomplete"] == "closed"


# At the end of the interpreter. Each in a process of its own.


def run(code: str, *arguments: str, wanted: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RECORDER_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == wanted, done.stderr
    return done


PROGRAM = """
import http.client, sys, threading, time
import recorder
recording = recorder.start(sys.argv[1])
def get(path="/json"):
    connection = http.client.HTTPConnection("localhost", int(sys.argv[2]), timeout=20)
    connection.request("GET", path)
    response = connection.getresponse()
    return connection, response
get()[1].read()
"""

EXITS = {
    "by running to its end": ("", 0, ""),
    "by exit": ("sys.exit(7)", 7, ""),
    "by an error": ("raise LookupError('mine')", 1, "LookupError: mine"),
    "by an interrupt": ("raise KeyboardInterrupt", -2, "KeyboardInterrupt"),
    "with a response half read": ("kept = get('/bytes/300000'); kept[1].read(5)", 0, ""),
    "with a thread in the background": (
        "threading.Thread(target=lambda: get('/gate')[1].read(), daemon=True).start(); time.sleep(0.3)",
        0,
        "",
    ),
    "with a thread that it waits for": (
        "threading.Thread(target=lambda: (time.sleep(0.2), get()[1].read())).start()",
        0,
        "",
    ),
    "without stderr": ("sys.stderr.close(); sys.stderr = None", 0, ""),
    "in a finalizer": ("class C:\n    def __del__(self): recording.stop()\nkept = C()", 0, ""),
    "in a later exit handler": ("import atexit; atexit.register(lambda: get()[1].read())", 0, ""),
}


@pytest.mark.parametrize("how", EXITS)
def test_a_program_that_never_stops_its_recording_ends_it_by_ending(how: str, origin: Origin, cassette: Path) -> None:
    code, status, last = EXITS[how]
    done = run(PROGRAM + code, str(cassette), str(origin.port), wanted=status)
    assert done.stderr.strip().rpartition("\n")[2] == last
    told = interactions(cassette)
    end = end_of(cassette)
    assert end["lost"] == {}
    assert end["interactions"] == len(told)
    extra = {"with a response half read", "with a thread in the background", "with a thread that it waits for"}
    assert len(told) == (2 if how in extra or how == "in a later exit handler" else 1)
    if how == "with a response half read":
        assert told[1]["response"]["body"]["incomplete"] == "stopped"
    if how == "with a thread in the background":
        assert told[1]["response"] is None


def test_a_program_that_leaves_without_goodbye_has_all_but_the_end_line(origin: Origin, cassette: Path) -> None:
    run(PROGRAM + "import os; os._exit(3)", str(cassette), str(origin.port), wanted=3)
    assert [line["type"] for line in lines(cassette)] == ["header", "process", "interaction"]


# Frozen time.


@contextlib.contextmanager
def frozen(how: str) -> Iterator[None]:
    if how == "freezegun":
        with freezegun.freeze_time("2001-02-03 04:05:06"):
            yield
    elif how == "time-machine":
        with time_machine.travel("2001-02-03 04:05:06", tick=False):
            yield
    else:
        with time_machine.travel("2071-02-03 04:05:06", tick=True):
            yield


@pytest.mark.parametrize("how", ["freezegun", "time-machine", "ticking"])
@pytest.mark.parametrize("order", ["recording inside", "recording around"])
def test_times_are_real_where_the_programs_clock_is_not(how: str, order: str, origin: Origin, cassette: Path) -> None:
    before = time.time()
    with contextlib.ExitStack() as stack:
        if order == "recording inside":
            stack.enter_context(frozen(how))
        stack.enter_context(recorder.record(cassette))
        if order == "recording around":
            stack.enter_context(frozen(how))
        assert dt.datetime.now(dt.UTC).year in (2001, 2071)
        with requests.Session() as session:
            session.trust_env = False
            text = session.get(origin.url + "/slow-stream?n=3&every=0.03", timeout=20).text
        assert text.count("event") == 3
    after = time.time()
    (told,) = interactions(cassette)
    for stamp in (told["started_at"], lines(cassette)[0]["created_at"], lines(cassette)[-1]["ended_at"]):
        assert before - 1 <= dt.datetime.fromisoformat(stamp).timestamp() <= after + 1
    assert told["timings_ms"]["total"] >= 60


# Trouble of the recorder's own.


def run_through(origin: Origin) -> list[Any]:
    """Do a bit of everything; give what the program saw."""
    out: list[Any] = []
    sessions = requests.Session()
    sessions.trust_env = False
    for path in ("/json", "/gzip", "/chunked?trailers=1", "/status/204", "/truncated?kind=length", "/drop", "/103"):
        try:
            response = sessions.get(origin.url + path, timeout=20)
            out.append((path, response.status_code, response.content))
        except requests.RequestException as error:
            out.append((path, type(error).__name__, type(error.__context__).__name__))
    bodies: list[Any] = [b"bytes", io.BytesIO(b"file" * 5000), io.StringIO("text"), iter([b"a", b"b"]), [b"c", b"d"]]
    for data in bodies:
        connection = http.client.HTTPConnection("localhost", origin.port, timeout=20)
        connection.request("POST", "/echo", body=data)
        with connection.getresponse() as reply:
            out.append(json.loads(reply.read())["base64"])
        connection.close()
    with sessions.get(origin.url + "/bytes/300000", stream=True, timeout=20) as response:
        out.append(response.raw.read(10))
    with sessions.get(origin.url + "/bytes/3000?framing=close", stream=True, timeout=20) as response:
        out.append(response.content)
    abandoned = http.client.HTTPConnection("localhost", origin.port, timeout=20)
    abandoned.request("GET", "/json")
    abandoned.close()
    out.append(sessions.head(origin.url + "/bytes/10", timeout=20).headers["Content-Length"])
    for url in ("http://127.0.0.1:1/", "https://127.0.0.1:1/"):
        with pytest.raises(requests.ConnectionError) as refused:
            sessions.post(url, data=b"x", timeout=5)
        out.append(type(refused.value.__context__).__name__)
    with pytest.raises(requests.ReadTimeout):
        sessions.get(origin.url + "/hang?seconds=1", timeout=0.1)
    sessions.close()
    return out


@pytest.fixture(scope="module")
def bare() -> list[Any]:
    """What the program sees without any recording; the same on every server."""
    with Origin() as server:
        return run_through(server)


class InjectedError(Exception):
    """A bug of ours."""


BUGS = [
    *(f"recorder.taps.http_client.{name}" for name in (
        "_begin", "_read_head", "_fail_response", "_describe_connection", "_url_base", "_proxy_of",
        "_absolute_forms_proxy", "_client_of", "_peer", "_take_unsent", "_take_unsent_body", "_finish_unconnected",
        "_text", "buffered", "Call.describe",
    )),
    *(f"recorder.taps.tee.{name}" for name in ("attach", "Tee.head_done")),
    *(f"recorder.taps.exchange.{name}" for name in (
        "Exchange.send", "Exchange._take_head", "Exchange.set_request_head", "Exchange.send_body",
        "Exchange.receive_head", "Exchange.receive", "Exchange.receive_end", "Exchange.let_go", "Exchange.fail",
        "Exchange.finish", "Exchange._describe_truncation", "Exchange.describe", "Exchange._describe_request",
        "Exchange._describe_response", "Exchange._nothing_was_due", "describe_error", "_codings", "_url",
        "RequestHead.__init__", "Entry.open_body", "Exchange.__init__",
    )),
    *(f"recorder.capture.BodyCapture.{name}" for name in ("__init__", "feed", "finish", "_go_streaming", "_write")),
    *(f"recorder.framing.{name}" for name in ("Chunked.feed", "Length.feed", "UntilClose.feed")),
    *(f"recorder.session.Recording.{name}" for name in (
        "begin", "write_interaction", "write_piece", "resident_bytes", "_check_process",
    )),
    *("recorder.journal.append.Journal.append", "recorder.taps.urllib3._describe", "recorder.system.Clock.stamp"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("place", BUGS)
def test_a_bug_of_ours_never_reaches_the_program(
    place: str,
    origin: Origin,
    bare: list[Any],
    cassette: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recording = recorder.start(cassette, body_limit=1024)
    assert get(origin)
    calls = 0

    def fail(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        raise InjectedError("a bug of ours")

    with monkeypatch.context() as broken:
        broken.setattr(place, fail)
        recorded = run_through(origin)
    assert recorded == bare
    for _ in range(3):
        assert get(origin)
    recording.stop()
    assert recording.seen == recording.interactions + sum(recording.lost.values())
    told = capsys.readouterr().err
    assert told.count("\n") <= 1
    assert set(recording.lost) == {"recorder error: InjectedError"}
    assert "InjectedError in the recorder; please report it" in told
    # What could be recorded is: before the bug, and after it.
    assert recording.interactions >= 4
    end_of(cassette)
    assert calls, "else the row tests nothing"


def test_a_response_that_we_gave_up_on_has_its_file_back(
    origin: Origin, cassette: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: Any) -> None:
        raise InjectedError("a bug of ours")

    with recorder.record(cassette) as recording:
        connection, response = open_response(origin)
        monkeypatch.setattr("recorder.capture.BodyCapture.feed", fail)
        start = response.read(20_000)
        assert type(raw_file(response)) is SocketIO
        assert start + response.read() == payload(300_000)
        connection.close()
    assert recording.lost == {"recorder error: InjectedError": 1}
    assert "please report it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "place",
    ["recorder.taps.http_client._begin", "recorder.taps.exchange.Exchange.describe", "recorder.taps.tee.attach"],
)
def test_asked_to_raise_a_bug_of_ours_is_raised_out_of_the_clients_call(
    place: str, origin: Origin, cassette: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise InjectedError("a bug of ours")

    with recorder.record(cassette, on_error="raise") as recording:
        get(origin)
        with monkeypatch.context() as broken:
            broken.setattr(place, fail)
            with pytest.raises(CassetteWriteError, match=r"\.jsonl: an interaction could not be recorded") as told:
                get(origin)
        assert isinstance(told.value.__cause__, InjectedError)
        get(origin)
    assert recording.lost == {"recorder error: InjectedError": 1}
    assert (recording.seen, recording.interactions) == (3, 2)


def test_near_the_limit_of_recursion_the_recorder_breaks_nothing_that_is_not_broken_bare(
    origin: Origin, cassette: Path
) -> None:
    """Wherever the stack ends, in the client or in a tap: what follows is right, and the counts add up."""

    def descend(depth: int, act: Callable[[], Any]) -> Any:
        return act() if depth == 0 else descend(depth - 1, act)

    def free_depth() -> int:
        return sys.getrecursionlimit() - len(inspect.stack(0))

    with recorder.record(cassette) as recording:
        outcomes = set()
        for margin in range(10, 90, 4):
            try:
                outcomes.add(descend(free_depth() - margin, lambda: get(origin, "/bytes/10")))
            except RecursionError:
                outcomes.add(None)
            assert get(origin, "/bytes/20") == payload(20)
    assert outcomes == {None, payload(10)}
    assert recording.seen == recording.interactions + sum(recording.lost.values())


# What an import costs.


def test_importing_the_package_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    code = """
    import sys
    before = set(sys.modules)
    import recorder
    recorder.RecorderError
    loaded = set(sys.modules) - before
    heavy = {"rich", "typer", "vcr", "urllib3", "requests", "httplib2", "http.client", "ssl", "socket", "asyncio",
             "logging", "email", "orjson", "json", "threading", "pathlib", "urllib.request"}
    print(sorted(heavy & loaded))
    print(sorted(name for name in loaded if name.startswith("recorder")))
    recorder.record
    lighter = {"socket", "orjson", "threading", "pathlib", "json"}
    print(sorted((heavy - lighter) & set(sys.modules)))
    """
    loaded, own, later = run(code).stdout.splitlines()
    assert loaded == "[]"
    assert own == "['recorder', 'recorder.errors', 'recorder.version']"
    assert later == "[]"
