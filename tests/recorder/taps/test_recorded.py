"""What is recorded of each exchange: every fact that the format can say, from real clients against a real server."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import http.client
import io
import socket
import threading
import time
import urllib.request
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import httplib2
import pytest
import requests
import urllib3

import recorder
from tests.recorder.cassettes import body, interactions, lines
from tests.recorder.taps.scenarios import SCENARIOS, Place
from tests.servers.certificates import authority
from tests.servers.origin import Origin
from tests.servers.routes import payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


@pytest.fixture
def secure() -> Iterator[Origin]:
    with Origin(tls=authority().server()) as server:
        yield server


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return tmp_path / "cassette.jsonl"


def session() -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    made.verify = str(authority().bundle)
    return made


def test_an_interaction_says_everything_about_a_request_and_its_response(secure: Origin, cassette: Path) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=5)
    with recorder.record(cassette), session() as client:
        client.post(secure.url + "/echo?a=1&b=%20x", data=b'{"n": 1.10}', headers={"X-One": "caf\xe9"})
        client.get(secure.url + "/json")
    after = datetime.now(UTC) + timedelta(milliseconds=5)
    first, second = interactions(cassette)
    assert first["request"]["method"] == "POST"
    assert first["request"]["url"] == f"https://localhost:{secure.port}/echo?a=1&b=%20x"
    assert "target" not in first["request"]
    assert ["X-One", "caf\xe9"] in first["request"]["headers"]
    assert ["Content-Length", "11"] in first["request"]["headers"]
    assert body(cassette, first, "request") == b'{"n": 1.10}'
    assert first["response"]["status"] == 200
    assert first["response"]["reason"] == "OK"
    assert first["response"]["http_version"] == "HTTP/1.1"
    assert before <= datetime.fromisoformat(first["started_at"]) <= after
    assert first["timings_ms"]["connect"] > 0
    assert first["timings_ms"]["connect"] < first["timings_ms"]["first_byte"] <= first["timings_ms"]["total"]
    assert first["client"] == f"requests/{requests.__version__}"
    assert first["connection"]["peer"] == f"127.0.0.1:{secure.port}"
    assert first["connection"]["tls"] == "TLSv1.3"
    assert first["connection"]["reused"] is False
    assert first["thread"] == threading.get_native_id()
    assert second["connection"] == {**first["connection"], "reused": True}
    assert "connect" not in second["timings_ms"]
    assert second["request"]["body"] is None
    assert (first["seq"], second["seq"]) == (1, 2)


@pytest.mark.parametrize(
    ("path", "coding"),
    [
        ("/gzip", "gzip"),
        ("/gzip?members=3&framing=chunked", "gzip"),
        ("/deflate", "deflate"),
        ("/deflate?raw=1", "deflate"),
        ("/brotli", "br"),
        ("/zstd", "zstd"),
        ("/coded?codings=gzip,br", "gzip, br"),
    ],
)
@pytest.mark.parametrize("size", [5000, 400_000], ids=["held", "streamed"])
def test_a_coded_body_is_stored_readable(origin: Origin, cassette: Path, path: str, coding: str, size: int) -> None:
    url = f"{origin.url}{path}{'&' if '?' in path else '?'}size={size}"
    with recorder.record(cassette, body_limit=1024), session() as client:
        client.get(url, stream=True).raw.read(decode_content=False)
    (interaction,) = interactions(cassette)
    described = interaction["response"]["body"]
    stored = body(cassette, interaction)
    assert stored == payload(size, "text")
    assert described["coding"] == coding
    assert described["complete"] is True
    assert described["size"] == size
    assert described["wire_size"] < size
    assert described["sha256"] == hashlib.sha256(stored).hexdigest()


def test_a_body_that_is_not_what_its_header_says_is_stored_as_it_came(origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette), session() as client:
        client.get(origin.url + "/gzip?broken=1", stream=True).raw.read(decode_content=False)
    (interaction,) = interactions(cassette)
    assert body(cassette, interaction) == b"not what the header says"
    assert "gzip" in interaction["response"]["body"]["coding_error"]
    assert "coding" not in interaction["response"]["body"]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [0, 1, 1024, 1025, 700_001])
@pytest.mark.parametrize("kind", ["text", "random"])
def test_a_body_of_any_size_and_framing_is_stored_byte_for_byte(
    origin: Origin, cassette: Path, framing: str, size: int, kind: str
) -> None:
    with recorder.record(cassette, body_limit=1024), session() as client:
        client.get(f"{origin.url}/bytes/{size}?kind={kind}&framing={framing}&chunk=5000")
    (interaction,) = interactions(cassette)
    described = interaction["response"]["body"]
    assert body(cassette, interaction) == payload(size, kind)
    assert (described["size"], described["complete"], described["framing"]) == (size, True, framing)
    assert ("pieces" in described) == (size > 1024)


def test_request_bodies_of_every_kind_are_stored(origin: Origin, cassette: Path) -> None:
    long = payload(600_000)
    with recorder.record(cassette, body_limit=100_000), session() as client:
        client.post(origin.url + "/sink", data=io.BytesIO(long))
        client.post(origin.url + "/sink", data=iter([b"one", b"two", long]))
        client.post(origin.url + "/sink", data=bytearray(b"array"))  # type: ignore[arg-type] # requests takes it
        connection = http.client.HTTPConnection("localhost", origin.port)
        connection.request("POST", "/sink", body=io.StringIO("caf\xe9"), headers={"Content-Length": "4"})  # type: ignore[arg-type] # documented, not in typeshed
        connection.getresponse().read()
        connection.putrequest("POST", "/sink")
        connection.putheader("Content-Length", "600000")
        connection.endheaders()
        connection.send(io.BytesIO(long))
        connection.getresponse().read()
        connection.close()
    recorded = interactions(cassette)
    stored = [body(cassette, each, "request") for each in recorded]
    assert stored == [long, b"onetwo" + long, b"array", b"caf\xe9", long]
    assert [each["request"]["body"].get("framing") for each in recorded] == [None, "chunked", None, None, None]


def test_headers_keep_order_case_duplicates_and_bytes(origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette), session() as client:
        client.get(origin.url + "/duplicate-headers")
        client.get(origin.url + "/latin1-headers")
        client.get(origin.url + "/set-cookies")
        client.get(origin.url + "/chunked?trailers=1")
    duplicate, latin, cookies, trailers = (each["response"] for each in interactions(cassette))
    assert [pair for pair in duplicate["headers"] if pair[0].lower().startswith("x-")] == [
        ["X-Dup", "1"],
        ["x-dup", "2"],
        ["X-DUP", "1"],
        ["X-Empty", ""],
    ]
    assert ["X-Cafe", "caf\xe9 \xa3 \xff"] in latin["headers"]
    assert [name for name, _ in cookies["headers"]].count("Set-Cookie") == 4
    assert trailers["trailers"] == [["X-Digest", "1234"], ["X-Other", "\xe9t\xe9"]]


@pytest.mark.parametrize("path", ["/status/204", "/status/304"])
def test_a_response_that_has_no_body_has_none_recorded(origin: Origin, cassette: Path, path: str) -> None:
    with recorder.record(cassette), session() as client:
        client.get(origin.url + path)
        client.head(origin.url + "/bytes/1000")
    assert [each["response"]["body"] for each in interactions(cassette)] == [None, None]


def test_redirects_and_retries_are_interactions_of_their_own(origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette), session() as client:
        client.get(origin.url + "/redirect/2")
        retry = urllib3.Retry(2, status_forcelist=[503], backoff_factor=0)
        with urllib3.PoolManager(retries=retry) as pool, contextlib.suppress(urllib3.exceptions.MaxRetryError):
            pool.request("GET", origin.url + "/status/503")
    assert [each["response"]["status"] for each in interactions(cassette)] == [302, 302, 200, 503, 503, 503]
    assert {each["client"] for each in interactions(cassette)[3:]} == {f"urllib3/{version('urllib3')}"}


def test_each_client_is_named(origin: Origin, secure: Origin, cassette: Path) -> None:
    place = Place(origin.url, str(authority().bundle))
    with recorder.record(cassette):
        SCENARIOS["http_client_reads_a_body_whole"](place)
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(origin.url + "/json").read()
        with urllib3.PoolManager() as pool:
            pool.request("GET", origin.url + "/json")
        session().get(origin.url + "/json")
        httplib2.Http(proxy_info=None).request(origin.url + "/json")
    names = [each["client"].split("/")[0] for each in interactions(cassette)]
    assert names == ["http.client", "urllib.request", "urllib3", "requests", "httplib2"]


# Failures.


def failed(cassette: Path) -> dict[str, Any]:
    (interaction,) = interactions(cassette)
    return interaction


def test_a_refused_connection_is_an_interaction_with_the_request_that_was_not_sent(cassette: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    for scheme in ("http", "https"):
        path = cassette.with_name(scheme)
        with recorder.record(path) as recording, session() as client, pytest.raises(requests.ConnectionError):
            client.post(f"{scheme}://127.0.0.1:{port}/x?y=1", data=b"body", headers={"X-A": "b"})
        interaction = failed(path)
        assert interaction["request"]["url"] == f"{scheme}://127.0.0.1:{port}/x?y=1"
        assert interaction["request"]["method"] == "POST"
        assert interaction["request"]["sent"] is False
        assert ["X-A", "b"] in interaction["request"]["headers"]
        assert body(path, interaction, "request") == b"body"
        assert interaction["response"] is None
        assert interaction["error"]["phase"] == "connect"
        assert interaction["error"]["type"] == "urllib3.exceptions.NewConnectionError"
        assert interaction["error"]["cause"]["type"] == "ConnectionRefusedError"
        assert recording.errors == 1


def test_a_tls_failure_is_an_interaction(cassette: Path, secure: Origin) -> None:
    stranger = requests.Session()
    stranger.trust_env = False
    with recorder.record(cassette), pytest.raises(requests.exceptions.SSLError):
        stranger.get(secure.url + "/json")
    interaction = failed(cassette)
    assert interaction["error"]["phase"] == "connect"
    assert "CERTIFICATE_VERIFY_FAILED" in interaction["error"]["message"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda url: httplib2.Http(proxy_info=None).request(url),
        lambda url: http.client.HTTPConnection("127.0.0.1", int(url.split(":")[2][:-2])).request("GET", "/x"),
    ],
    ids=["httplib2", "http.client"],
)
def test_other_clients_failures_to_connect_are_interactions(cassette: Path, ask: Callable[[str], Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with recorder.record(cassette), pytest.raises(OSError, match="refused"):
        ask(f"http://127.0.0.1:{port}/x")
    interactions_ = interactions(cassette)
    assert {each["error"]["type"] for each in interactions_} == {"ConnectionRefusedError"}
    assert {each["request"]["url"] for each in interactions_} == {f"http://127.0.0.1:{port}/x"}


@pytest.mark.parametrize(
    ("path", "phase", "type_", "arrived"),
    [
        ("/drop", "response", "http.client.RemoteDisconnected", None),
        ("/garbage", "response", "http.client.BadStatusLine", None),
        ("/garbage?kind=long", "response", "http.client.LineTooLong", None),
        ("/truncated?kind=length", "body", "http.client.IncompleteRead", 500),
        ("/truncated?kind=chunks", "body", "http.client.IncompleteRead", None),
        ("/reset?after=500", "body", "ConnectionResetError", 500),
        ("/hang?after=100&seconds=2", "body", "TimeoutError", 100),
        ("/hang?seconds=2", "response", "TimeoutError", None),
    ],
)
def test_what_a_client_sees_fail_is_recorded_with_what_had_arrived(
    origin: Origin, cassette: Path, path: str, phase: str, type_: str, arrived: int | None
) -> None:
    with recorder.record(cassette) as recording:
        connection = http.client.HTTPConnection("localhost", origin.port, timeout=0.4)
        connection.request("GET", path)
        with pytest.raises((OSError, http.client.HTTPException)):
            connection.getresponse().read()
        connection.close()
        gc.collect()
    interaction = failed(cassette)
    assert interaction["error"]["phase"] == phase
    assert interaction["error"]["type"] == type_
    assert recording.errors == 1
    if arrived is not None:
        described = interaction["response"]["body"]
        assert described["wire_size"] == arrived
        assert described["complete"] is False
        assert described["incomplete"] in ("truncated", "error")
    if "garbage" in path:
        assert interaction["error"]["received"]


# Streams.


def test_the_first_byte_of_a_slow_stream_arrives_when_it_is_sent(origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette), session() as client:
        began = time.monotonic()
        with client.get(origin.url + "/slow-stream?n=4&every=0.4", stream=True) as response:
            stream = response.iter_lines()
            first = next(stream)
            waited = time.monotonic() - began
            rest = list(stream)
    assert first == b"data: event 0"
    assert waited < 0.4
    assert len([line for line in rest if line]) == 3
    (interaction,) = interactions(cassette)
    assert interaction["timings_ms"]["first_byte"] < 400
    assert interaction["timings_ms"]["total"] > 1100


def test_an_unread_response_is_not_downloaded(origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette), session() as client:
        response = client.get(origin.url + "/bytes/100000000", stream=True)
        assert response.raw.read(1000) == payload(1000)
        response.close()
    assert origin.counts.bytes_sent < 20_000_000  # what the kernel's buffers took
    (interaction,) = interactions(cassette)
    described = interaction["response"]["body"]
    assert described["complete"] is False
    assert described["incomplete"] == "closed"
    assert 1000 <= described["size"] < 100_000
    assert payload(described["size"]) == body(cassette, interaction)


def test_a_dropped_response_is_recorded_when_it_is_dropped_and_not_kept_alive(origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette) as recording:
        connection = http.client.HTTPConnection("localhost", origin.port)
        connection.request("GET", "/bytes/5000000")
        response = connection.getresponse()
        connection.close()
        gc.disable()  # no collector must be needed: bare, a response dies with its last reference
        try:
            del response
            assert recording.interactions == 1
        finally:
            gc.enable()


def test_an_interaction_is_written_before_the_client_has_its_last_byte(origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette), session() as client:
        for number in range(1, 4):
            client.get(origin.url + "/bytes/100000")
            assert len(interactions_so_far(cassette)) == number


def interactions_so_far(cassette: Path) -> list[bytes]:
    return [line for line in cassette.read_bytes().split(b"\n") if line.startswith(b'{"type":"interaction"')]


def test_a_request_that_gets_no_response_is_recorded_when_its_connection_goes(origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette) as recording:
        for way in ("close", "drop"):
            connection = http.client.HTTPConnection("localhost", origin.port)
            connection.request("GET", f"/json?{way}")
            if way == "close":
                connection.close()
            del connection
        gc.collect()
        assert recording.interactions == 2
    for each in interactions(cassette):
        assert each["response"] is None
        assert "error" not in each


# Many at once.


def test_every_request_of_every_thread_is_recorded(secure: Origin, cassette: Path) -> None:
    def work(number: int) -> None:
        with session() as client:
            for turn in range(100):
                assert client.get(f"{secure.url}/bytes/{500 + number}?turn={turn}").status_code == 200

    with recorder.record(cassette) as recording, ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert (recording.seen, recording.interactions, recording.lost) == (800, 800, {})
    recorded = interactions(cassette)
    assert len({each["request"]["url"] for each in recorded}) == 800
    assert sorted(each["seq"] for each in recorded) == list(range(1, 801))
    assert all(each["response"]["body"]["complete"] for each in recorded)
    assert lines(cassette)[-1]["interactions"] == 800


def test_long_bodies_of_threads_interleave_without_mixing(origin: Origin, cassette: Path) -> None:
    sizes = [300_000 + 1000 * number for number in range(6)]

    def work(size: int) -> None:
        with session() as client:
            client.get(f"{origin.url}/bytes/{size}")

    with recorder.record(cassette, body_limit=2048), ThreadPoolExecutor(6) as pool:
        list(pool.map(work, sizes))
    for each in interactions(cassette):
        size = each["response"]["body"]["size"]
        assert body(cassette, each) == payload(size)


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 1_000_000])
@pytest.mark.parametrize("cut", [1, 20, 10_000_000])
def test_a_request_is_told_apart_however_its_bytes_are_cut(origin: Origin, cassette: Path, size: int, cut: int) -> None:
    """Botocore, for one, sends head and body in one call."""
    long = payload(size)
    message = b"POST /sink HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size
    with recorder.record(cassette, body_limit=100_000):
        connection = http.client.HTTPConnection("localhost", origin.port)
        connection.putrequest("POST", "/sink", skip_host=True)
        connection._buffer.clear()  # type: ignore[attr-defined] # what putrequest made; the message stands for it
        connection._HTTPConnection__state = http.client._CS_REQ_SENT  # type: ignore[attr-defined]
        head_and_body = message + long
        step = min(cut, len(message)) if cut < 10_000_000 else len(head_and_body)
        connection.send(head_and_body[:step])
        connection.send(head_and_body[step:])
        assert connection.getresponse().status == 200
        connection.close()
    (interaction,) = interactions(cassette)
    assert interaction["request"]["headers"] == [["Host", "localhost"], ["Content-Length", str(size)]]
    assert (body(cassette, interaction, "request") if size else b"") == long


def test_nothing_of_a_request_is_kept_by_its_pooled_connection(secure: Origin, cassette: Path) -> None:
    class Marked:
        def __iter__(self) -> Iterator[bytes]:
            yield b"body"

    with recorder.record(cassette), session() as client:
        data = Marked()
        alive = weakref.ref(data)
        client.post(secure.url + "/sink", data=data)
        del data
        gc.collect()
        assert alive() is None


def test_a_recorded_request_leaves_nothing_for_the_garbage_collector(origin: Origin, cassette: Path) -> None:
    """Bare it leaves nothing either: a collector that runs more often is a cost, and changes when things die."""

    def garbage() -> int:
        client.get(origin.url + "/json")
        gc.collect()
        gc.disable()
        try:
            for path in ("/json", "/gzip", "/chunked", "/bytes/300000", "/status/204"):
                client.get(origin.url + path)
            return gc.collect()
        finally:
            gc.enable()

    with session() as client:
        bare = garbage()
        with recorder.record(cassette, body_limit=100_000):
            assert garbage() == bare
