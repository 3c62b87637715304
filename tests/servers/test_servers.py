"""The servers do what they say, seen through raw sockets: an oracle has to be right before it judges anything."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from tests.servers.certificates import authority, self_signed
from tests.servers.origin import Origin, origin_process
from tests.servers.proxy import Proxy
from tests.servers.routes import GARBAGE, payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 10.0


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


def ask(port: int, *requests: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Send requests in one go over one connection and return all that comes until the server closes."""
    with connect(port, context) as sock:
        for request in requests:
            sock.sendall(request)
        if context is None:
            sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def connect(port: int, context: ssl.SSLContext | None = None) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    return context.wrap_socket(sock, server_hostname="localhost") if context else sock


def read_all(sock: socket.socket) -> bytes:
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def get(path: str, *fields: str, method: str = "GET", close: bool = True) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *fields, *(["Connection: close"] if close else [])]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def split(response: bytes) -> tuple[bytes, bytes]:
    head, _, body = response.partition(b"\r\n\r\n")
    return head, body


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority().bundle))


@pytest.mark.parametrize("kind", ["random", "text"])
@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_bytes_are_the_ones_that_payload_names(origin: Origin, kind: str, size: int) -> None:
    head, body = split(ask(origin.port, get(f"/bytes/{size}?kind={kind}")))
    assert f"Content-Length: {size}".encode() in head
    assert body == payload(size, kind)


def test_random_payload_cannot_be_compressed() -> None:
    data = payload(2_500_000)
    assert len(zlib.compress(data)) > len(data) * 0.99


def test_one_connection_serves_pipelined_requests_and_is_counted_once(origin: Origin) -> None:
    answer = ask(origin.port, get("/json", close=False), get("/bytes/10", close=False), get("/json"))
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 3
    counts = origin.counts
    assert (counts.connections, counts.requests, counts.bytes_sent) == (1, 3, len(answer))
    assert [(seen.connection, seen.target) for seen in origin.seen] == [(1, "/json"), (1, "/bytes/10"), (1, "/json")]


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "/gzip": gzip.decompress,
    "/gzip?members=3": gzip.decompress,
    "/deflate": zlib.decompress,
    "/deflate?raw=1": lambda body: zlib.decompress(body, -zlib.MAX_WBITS),
    "/brotli": lambda body: __import__("brotli").decompress(body),
    "/zstd": lambda body: __import__("zstandard").decompress(body),
    "/coded?codings=deflate,gzip": lambda body: zlib.decompress(gzip.decompress(body)),
}


@pytest.mark.parametrize("path", CODINGS)
def test_coded_bodies_are_coded_as_their_header_says(origin: Origin, path: str) -> None:
    head, body = split(ask(origin.port, get(path)))
    assert b"Content-Encoding: " in head
    assert CODINGS[path](body) == payload(5000, "text")


def test_chunks_have_the_sizes_asked_for_with_extensions_and_trailers(origin: Origin) -> None:
    _, body = split(ask(origin.port, get("/chunked?sizes=2,3&trailers=1&extensions=1")))
    data = payload(5, "text")
    wanted = b"2;note=value\r\n" + data[:2] + b"\r\n3;note=value\r\n" + data[2:] + b"\r\n0\r\n"
    assert body == wanted + b"X-Digest: 1234\r\nX-Other: \xe9t\xe9\r\n\r\n"


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_a_slow_stream_gives_its_first_event_at_once(origin: Origin, framing: str) -> None:
    with connect(origin.port) as sock:
        began = time.monotonic()
        sock.sendall(get(f"/slow-stream?n=3&every=0.3&framing={framing}"))
        data = b""
        while b"event 0" not in data:
            data += sock.recv(65536)
        first = time.monotonic() - began
        data += read_all(sock)
        assert first < 0.3 < time.monotonic() - began
        assert data.count(b"data: event ") == 3
        assert (b"Transfer-Encoding" in data) == (framing == "chunked")


HEADS = {
    "/status/204": b'HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\nETag: "v1"\r\nConnection: close\r\n\r\n',
    "/no-reason": b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nok\n",
    "/no-reason?space=1": b"HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\nok\n",
    "/http10": b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nfrom the last century\n",
    **{f"/garbage?kind={kind}": data for kind, data in GARBAGE.items()},
}


@pytest.mark.parametrize("path", HEADS)
def test_odd_heads_are_sent_byte_for_byte(origin: Origin, path: str) -> None:
    assert ask(origin.port, get(path)) == HEADS[path]


HEADER_LINES = {
    "/set-cookies": [b"Set-Cookie: a=1; Path=/", b"Set-Cookie: a=4; Path=/"],
    "/latin1-headers": [b"X-Cafe: caf\xe9 \xa3 \xff"],
    "/latin1-headers?name=1": [b"X-Caf\xe9: no"],
    "/duplicate-headers": [b"X-Dup: 1", b"x-dup: 2", b"X-DUP: 1", b"X-Empty: "],
    "/status/304": [b"HTTP/1.1 304 Not Modified", b"Content-Length: 12"],
    "/status/500": [b"HTTP/1.1 500 Internal Server Error"],
    "/redirect/2": [b"HTTP/1.1 302 Found", b"Location: /redirect/1?status=302&to=/json"],
    "/redirect/1?to=/echo": [b"Location: /echo"],
    "/nowhere": [b"HTTP/1.1 404 Not Found"],
    "/103": [b"HTTP/1.1 103 Early Hints", b"Link: </style.css>; rel=preload"],
}


@pytest.mark.parametrize("path", HEADER_LINES)
def test_headers_are_sent_as_their_path_says(origin: Origin, path: str) -> None:
    head, _ = split(ask(origin.port, get(path)))
    assert [line for line in HEADER_LINES[path] if line not in head.split(b"\r\n")] == []


@pytest.mark.parametrize("path", ["/bytes/1000", "/chunked", "/gzip", "/status/200", "/status/304"])
def test_head_gets_the_headers_and_no_body(origin: Origin, path: str) -> None:
    head, body = split(ask(origin.port, get(path, method="HEAD")))
    assert b"Content-Length: " in head or b"Transfer-Encoding: " in head
    assert body == b""


def test_304_promises_a_body_and_sends_none(origin: Origin) -> None:
    assert split(ask(origin.port, get("/status/304")))[1] == b""


@pytest.mark.parametrize(
    ("answer", "interim", "final"),
    [("continue", b"HTTP/1.1 100 Continue\r\n\r\n", b"200 OK"), ("ignore", b"", b"200 OK"), ("refuse", b"", b"417 ")],
)
def test_expect_is_answered_as_asked(origin: Origin, answer: str, interim: bytes, final: bytes) -> None:
    with connect(origin.port) as sock:
        fields = ("Expect: 100-continue", "Content-Length: 5")
        sock.sendall(get(f"/expect?answer={answer}", *fields, method="POST"))
        if interim:
            assert sock.recv(len(interim)) == interim
        if answer != "refuse":
            sock.sendall(b"hello")
        assert read_all(sock).startswith(b"HTTP/1.1 " + final)


def test_early_answers_before_the_body(origin: Origin) -> None:
    with connect(origin.port) as sock:
        sock.sendall(get("/early", "Content-Length: 1000000", method="POST"))
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")
        with pytest.raises(ConnectionResetError):
            read_all(sock)


@pytest.mark.parametrize("kind", ["length", "chunk", "chunks", "gzip"])
def test_truncated_bodies_end_early(origin: Origin, kind: str) -> None:
    head, body = split(ask(origin.port, get(f"/truncated?kind={kind}&size=1000")))
    if kind == "length":
        assert (b"Content-Length: 1000" in head, len(body)) == (True, 500)
    elif kind == "gzip":
        assert zlib.decompressobj(31).decompress(body) != payload(1000, "text")
    else:
        assert payload(500, "text") in body
        assert not body.endswith(b"0\r\n\r\n")


def test_rude_truncation_skips_the_goodbye_of_tls() -> None:
    with (
        Origin(tls=authority().server()) as origin,
        socket.create_connection(("127.0.0.1", origin.port), timeout=SECONDS) as plain,
        trusting().wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as sock,
    ):
        sock.sendall(get("/truncated?rude=1"))
        with pytest.raises(ssl.SSLEOFError):
            read_all(sock)


def test_reset_breaks_the_connection_after_so_many_bytes(origin: Origin) -> None:
    with connect(origin.port) as sock:
        sock.sendall(get("/reset?after=100"))
        data = b""
        while len(split(data)[1]) < 100:
            data += sock.recv(65536)
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_hang_says_nothing_and_the_server_stops_all_the_same() -> None:
    began = time.monotonic()
    with Origin() as origin, connect(origin.port) as sock:
        sock.sendall(get("/hang?seconds=60"))
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    assert time.monotonic() - began < 5


def test_drop_closes_before_any_byte(origin: Origin) -> None:
    assert ask(origin.port, get("/drop")) == b""


@pytest.mark.parametrize("reset", [0, 1])
def test_stale_promises_keep_alive_and_closes(origin: Origin, reset: int) -> None:
    with connect(origin.port) as sock:
        sock.sendall(get(f"/stale?reset={reset}", close=False))
        head = sock.recv(65536)
        assert b"Connection: keep-alive" in head
        if reset:
            with pytest.raises(ConnectionResetError):
                read_all(sock)
        else:
            assert read_all(sock) == b""


def test_raw_answers_with_the_request_body(origin: Origin) -> None:
    body = b"HTTP/1.1 299 Made Up\r\n\r\n\x00\xff"
    assert ask(origin.port, get("/raw", f"Content-Length: {len(body)}", method="POST") + body) == body


def test_echo_tells_what_arrived(origin: Origin) -> None:
    request = get("/echo?a=1", "Transfer-Encoding: chunked", "X-Odd: \t caf\xe9", method="PUT", close=False)
    answer = ask(origin.port, request, b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n")
    seen = json.loads(split(answer)[1])
    assert (seen["method"], seen["target"], seen["framing"], seen["chunks"]) == ("PUT", "/echo?a=1", "chunked", [3, 2])
    assert (seen["size"], seen["base64"]) == (5, "YWJjZGU=")


def test_sink_digests_what_arrived(origin: Origin) -> None:
    data = payload(300_000)
    answer = ask(origin.port, get("/sink", "Content-Length: 300000", method="POST") + data)
    assert json.loads(split(answer)[1])["sha256"] == __import__("hashlib").sha256(data).hexdigest()


def test_auth_lets_in_whoever_knows_the_password(origin: Origin) -> None:
    assert ask(origin.port, get("/auth")).startswith(b"HTTP/1.1 401 ")
    assert ask(origin.port, get("/auth", "Authorization: Basic dXNlcjpwYXNzd29yZA==")).startswith(b"HTTP/1.1 200 ")
    assert ask(origin.port, get("/auth?scheme=digest")).startswith(b"HTTP/1.1 401 ")


def test_counts_are_told_over_http_and_not_counted(origin: Origin) -> None:
    ask(origin.port, get("/json"))
    counts = json.loads(split(ask(origin.port, get("/counts/reset")))[1])
    assert (counts["connections"], counts["requests"]) == (2, 1)
    assert origin.counts.requests == 0


def test_an_unread_body_is_not_sent(origin: Origin) -> None:
    with connect(origin.port) as sock:
        sock.sendall(get("/bytes/100000000"))
        sock.recv(1000)
        time.sleep(0.2)
    assert origin.counts.bytes_sent < 20_000_000


def test_a_wrong_url_is_a_fault_that_the_with_block_raises() -> None:
    with pytest.raises(ExceptionGroup, match="failed"), Origin() as origin:
        ask(origin.port, get("/bytes/many"))


def test_routes_of_a_test_come_first() -> None:
    with Origin(routes={"mine": lambda x: x.wire.send(b"HTTP/1.1 299 Mine\r\nContent-Length: 0\r\n\r\n")}) as origin:
        assert ask(origin.port, get("/mine")) == b"HTTP/1.1 299 Mine\r\nContent-Length: 0\r\n\r\n"


# TLS


def test_tls_serves_whoever_trusts_the_authority() -> None:
    with Origin(tls=authority().server()) as origin:
        assert ask(origin.port, get("/bytes/100000"), context=trusting()).endswith(payload(100_000))
        assert origin.url == f"https://localhost:{origin.port}"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("wrong host", "Hostname mismatch"),
        ("expired", "certificate has expired"),
        ("self-signed", "self-signed certificate"),
    ],
)
def test_bad_certificates_are_refused_for_their_own_reason(kind: str, reason: str) -> None:
    context = {
        "wrong host": lambda: authority().server("elsewhere.example.org"),
        "expired": lambda: authority().server(expired=True),
        "self-signed": self_signed,
    }[kind]()
    with Origin(tls=context) as origin:
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            ask(origin.port, get("/json"), context=trusting())
        careless = ssl._create_unverified_context()
        assert ask(origin.port, get("/json"), context=careless).startswith(b"HTTP/1.1 200 ")


def test_a_client_certificate_is_asked_for() -> None:
    with Origin(tls=authority().server(ask_client=True)) as origin:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(origin.port, get("/json"), context=trusting())
        known = trusting()
        known.load_cert_chain(authority().client())
        assert ask(origin.port, get("/json"), context=known).startswith(b"HTTP/1.1 200 ")
        assert origin.counts.handshake_failures == 1


# Proxies


def test_proxy_forwards_and_keeps_the_connection(origin: Origin) -> None:
    with Proxy() as proxy:
        urls = [f"{origin.url}/{path}" for path in ("bytes/100", "chunked?trailers=1", "status/204")]
        answer = ask(proxy.port, *(get(url, close=False) for url in urls))
        assert answer.count(b"HTTP/1.1 20") == 3
        assert (proxy.counts.connections, proxy.counts.forwarded) == (1, urls)
        assert origin.counts.connections == 3


@pytest.mark.parametrize("proxy_tls", [False, True])
def test_proxy_tunnels_tls(proxy_tls: bool) -> None:
    tls = authority().server()
    with Origin(tls=tls) as origin, Proxy(tls=tls if proxy_tls else None) as proxy:
        outer = connect(proxy.port, trusting() if proxy_tls else None)
        with outer:
            target = f"localhost:{origin.port}"
            outer.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            assert outer.recv(65536) == b"HTTP/1.1 200 Connection established\r\n\r\n"
            assert _get_inside(outer, "/bytes/300000").endswith(payload(300_000))
        assert proxy.counts.tunnels == [target]


def _get_inside(outer: socket.socket, path: str) -> bytes:
    """Speak TLS over a socket that may itself be a TLS one."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    inner = trusting().wrap_bio(incoming, outgoing, server_hostname="localhost")
    data, asked = b"", False
    while True:
        try:
            if not asked:
                inner.do_handshake()
                inner.write(get(path))
                asked = True
            piece = inner.read(65536)
            if not piece:
                return data
            data += piece
        except ssl.SSLWantReadError:
            outer.sendall(outgoing.read())
            incoming.write(outer.recv(65536))
        except ssl.SSLZeroReturnError:
            return data


def test_proxy_asks_for_credentials_and_takes_the_right_ones(origin: Origin) -> None:
    with Proxy(credentials="user:password") as proxy:
        url = f"{origin.url}/json"
        field = "Proxy-Authorization: Basic dXNlcjpwYXNzd29yZA=="
        answer = ask(proxy.port, get(url, close=False), get(url, field, close=False))
        assert answer.startswith(b"HTTP/1.1 407 ")
        assert b"HTTP/1.1 200 OK" in answer
        assert (proxy.counts.refused, len(proxy.counts.forwarded)) == (1, 1)


def test_proxy_refuses_when_told_to_and_says_502_where_nobody_listens() -> None:
    with Proxy(refuse=403) as proxy:
        assert ask(proxy.port, b"CONNECT localhost:1 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 403 ")
    with Proxy() as proxy:
        assert ask(proxy.port, b"CONNECT localhost:1 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 502 ")


# A process of its own


@pytest.mark.parametrize("tls", [False, True])
def test_the_server_runs_in_a_process_of_its_own_and_ends_with_the_block(tls: bool) -> None:
    with origin_process(tls=tls) as server:
        port = int(server.url.rpartition(":")[2])
        context = ssl.create_default_context(cafile=str(server.bundle)) if tls else None
        assert split(ask(port, get("/bytes/10"), context=context))[1] == payload(10)
        assert json.loads(split(ask(port, get("/counts"), context=context))[1])["requests"] == 1
    with pytest.raises(ConnectionRefusedError):
        connect(port)
