"""What the origin server answers, path by path.

Law: every answer is made of bytes that this file names, so that a test can compare what a client saw with what was
sent. A handler writes to the connection itself; it may break the rules of HTTP that its path promises to break, and no
others.

The first segment of the path names the route; options are query parameters. HEAD works everywhere.

Bodies:
    /bytes/N            `payload(N, kind)`: kind=random|text, framing=length|chunked|close, chunk=N
    /json               a small JSON document
    /gzip /deflate /brotli /zstd, /coded?codings=gzip,br
                        `payload(size, "text")` (default 5,000) under these codings. raw=1: headerless deflate;
                        members=N: gzip members; broken=1: not what the header says; framing as above
    /chunked            sizes=1,2,3: chunks of `payload(sum, "text")`; trailers=1; extensions=1
    /slow-stream        an event stream of n=5 events, one every=0.1 seconds, framing=chunked|close
Heads:
    /status/N           this status, with a small body unless it forbids one; 304 and HEAD carry the Content-Length of
                        the body that they stand for
    /redirect/N         N redirects with status=302, the last one to=/json
    /set-cookies /latin1-headers /duplicate-headers /close /http10
    /no-reason          a status line without a reason; space=1: with the space before it
    /expect             answer=continue: 100 before the body; refuse: 417 at once; ignore: neither
    /103                early hints, then the response
    /early              status=413 before the request's body was read, and a reset
    /auth               scheme=basic|digest: 401 until asked as `USER:PASSWORD`
Broken promises:
    /truncated          half of size=1000, and a close; kind=length|chunk|chunks|gzip; rude=1: without TLS's goodbye
    /reset /hang        after=N bytes of a longer body, or before any byte: a reset; nothing more for seconds=30
    /drop               a close before any byte
    /garbage            no HTTP; kind is a key of `GARBAGE`
    /raw                the request's body, as the whole response, byte for byte; the connection closes
    /stale              a keep-alive response, after which the server closes without a word; reset=1: with a reset
Mirrors:
    /echo /sink         what arrived, as JSON; only its size and digest
    /counts             the server's counters, as JSON, itself not counted; /counts/reset: and then from zero
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import random
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.servers.wire import CHUNK, Head, Headers, Wire

REASONS = {
    200: b"OK",
    204: b"No Content",
    206: b"Partial Content",
    301: b"Moved Permanently",
    302: b"Found",
    303: b"See Other",
    304: b"Not Modified",
    307: b"Temporary Redirect",
    308: b"Permanent Redirect",
    401: b"Unauthorized",
    404: b"Not Found",
    407: b"Proxy Authentication Required",
    413: b"Content Too Large",
    417: b"Expectation Failed",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
}
USER, PASSWORD = "user", "password"
NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
TEXT = (b"The quick brown fox jumps over the lazy dog; " * 40 + b"\n") * 40
BLOCK = 1 << 20


@functools.cache
def _random_block() -> bytes:
    return random.Random(20260101).randbytes(BLOCK)


def payload_pieces(size: int, kind: str = "random") -> Iterator[memoryview]:
    """Yield the bytes of `payload(size, kind)` in views of at most 1 MiB; holds one block, whatever the size."""
    block = memoryview(_random_block() if kind == "random" else TEXT)
    while size > 0:
        yield block[:size]
        size -= len(block[:size])


def payload(size: int, kind: str = "random") -> bytes:
    """Return the `size` bytes that `/bytes/<size>` answers with: incompressible ones, or English text."""
    return b"".join(payload_pieces(size, kind))


@dataclass
class Exchange:
    """One request as the origin sees it, and the means to answer it."""

    wire: Wire
    head: Head
    wait: Callable[[float], bool]
    """Sleeps so many seconds, or until the server stops; true when it stops."""
    counters: Callable[[bool], Mapping[str, Any]]
    keep_alive: bool = True
    """Whether the connection is used again; a handler may set it to false."""
    body_read: bool = False

    def __post_init__(self) -> None:
        self.method, self.target, self.version = (part.decode("latin-1") for part in self.head.start)
        parts = urlsplit(self.target)
        self.path = parts.path
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.segments = self.path.strip("/").split("/")
        if self.head.has(b"connection", b"close") or self.version == "HTTP/1.0":
            self.keep_alive = False

    def option(self, name: str, default: int = 0) -> int:
        """Return a query parameter as a number."""
        return int(self.query.get(name, default))

    def argument(self, default: int) -> int:
        """Return the path's second segment as a number."""
        return int(self.segments[1]) if len(self.segments) > 1 else default

    @property
    def framing(self) -> str:
        """How the end of the request's body is marked: `length`, `chunked` or `none`."""
        if self.head.has(b"transfer-encoding", b"chunked"):
            return "chunked"
        return "none" if self.head.get(b"content-length") is None else "length"

    def body(self) -> Iterator[bytes]:
        """Yield the request's body, once; chunks come as they were cut. Sends 100 where the client waits for it."""
        if self.body_read:
            return
        self.body_read = True
        if self.head.has(b"expect", b"100-continue") and self.query.get("answer", "continue") == "continue":
            self.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.framing == "chunked":
            yield from self.wire.read_chunks()
        elif self.framing == "length":
            yield from self.wire.read_length(int(self.head.get(b"content-length") or b"0"))

    def begin(
        self, status: int, headers: Headers, *, version: bytes = b"HTTP/1.1", reason: bytes | None = None
    ) -> bytes:
        """Return a response head; adds `Connection: close` where the connection will close."""
        reason = REASONS.get(status, b"Status") if reason is None else reason
        lines = [b"%s %d %s" % (version, status, reason), *(b"%s: %s" % pair for pair in headers)]
        if not self.keep_alive and not any(name.lower() == b"connection" for name, _ in headers):
            lines.append(b"Connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def answer(
        self, body: bytes = b"", status: int = 200, headers: Headers | None = None, mime: bytes = b"text/plain"
    ) -> None:
        """Read the request to its end and send a response with a Content-Length; HEAD, 204 and 304 get no body."""
        for _ in self.body():
            pass
        fields = list(headers or [])
        if not any(name.lower() == b"content-type" for name, _ in fields):
            fields.insert(0, (b"Content-Type", mime))
        if status >= 200 and status != 204:
            fields.append((b"Content-Length", b"%d" % len(body)))
        bare = self.method == "HEAD" or status in {204, 304}
        self.wire.send(self.begin(status, fields), b"" if bare else body)

    def answer_json(self, document: object, status: int = 200) -> None:
        """Send a JSON document."""
        self.answer(json.dumps(document).encode(), status, mime=b"application/json")

    def stream(self, pieces: Iterator[bytes | memoryview], size: int, headers: Headers) -> None:
        """Send a body piece by piece under the framing that the query asks for."""
        for _ in self.body():
            pass
        framing = self.query.get("framing", "length")
        if framing == "length":
            self.wire.send(self.begin(200, [*headers, (b"Content-Length", b"%d" % size)]))
        elif framing == "chunked":
            self.wire.send(self.begin(200, [*headers, (b"Transfer-Encoding", b"chunked")]))
        else:
            self.keep_alive = False
            self.wire.send(self.begin(200, headers))
        if self.method == "HEAD":
            return
        cut = self.option("chunk", BLOCK)
        for piece in pieces:
            for start in range(0, len(piece), cut) if framing == "chunked" else [0]:
                part = piece[start : start + cut] if framing == "chunked" else piece
                self.wire.send(*(chunk(part) if framing == "chunked" else (part,)))
        if framing == "chunked":
            self.wire.send(b"0\r\n\r\n")


Handler = Callable[[Exchange], None]


def chunk(data: bytes | memoryview, extension: bytes = b"") -> tuple[bytes, bytes | memoryview, bytes]:
    """Return one chunk of a chunked body, in three pieces."""
    return b"%x%s\r\n" % (len(data), extension), data, b"\r\n"


# Bodies


def _bytes(x: Exchange) -> None:
    size, kind = x.argument(0), x.query.get("kind", "random")
    mime = b"application/octet-stream" if kind == "random" else b"text/plain; charset=utf-8"
    x.stream(payload_pieces(size, kind), size, [(b"Content-Type", mime)])


def _json(x: Exchange) -> None:
    x.answer_json({"ok": True, "items": [1, 2, 3], "name": "žluťoučký kůň"})


def encode(data: bytes, coding: str, *, raw: bool = False, members: int = 1) -> bytes:
    """Apply one content coding (RFC 9110 section 8.4.1; br: RFC 7932; zstd: RFC 8878)."""
    if coding in {"gzip", "x-gzip"}:
        cut = -(-len(data) // members) or 1
        return b"".join(gzip.compress(data[i : i + cut], mtime=0) for i in range(0, len(data) or 1, cut))
    if coding == "deflate":
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS if raw else zlib.MAX_WBITS)
        return packer.compress(data) + packer.flush()
    if coding == "br":
        import brotli  # optional where the server serves a demo

        return bytes(brotli.compress(data))
    if coding == "zstd":
        import zstandard  # optional where the server serves a demo

        return zstandard.compress(data)
    return data


def _coded(x: Exchange) -> None:
    named = {"gzip": "gzip", "deflate": "deflate", "brotli": "br", "zstd": "zstd"}.get(x.segments[0], "")
    codings = x.query.get("codings", named)
    body = payload(x.option("size", 5000), "text")
    for coding in codings.replace(" ", "").split(","):
        body = encode(body, coding, raw=bool(x.option("raw")), members=x.option("members", 1))
    if x.option("broken"):
        body = b"not what the header says"
    headers = [(b"Content-Type", b"text/plain; charset=utf-8"), (b"Content-Encoding", codings.encode())]
    x.stream(iter([body]), len(body), headers)


def _chunked(x: Exchange) -> None:
    sizes = [int(size) for size in x.query.get("sizes", "1,10,100,1000").split(",")]
    data = memoryview(payload(sum(sizes), "text"))
    headers = [(b"Content-Type", b"text/plain"), (b"Transfer-Encoding", b"chunked")]
    if x.option("trailers"):
        headers.append((b"Trailer", b"X-Digest"))
    for _ in x.body():
        pass
    x.wire.send(x.begin(200, headers))
    if x.method == "HEAD":
        return
    for size in sizes:
        x.wire.send(*chunk(data[:size], b";note=value" if x.option("extensions") else b""))
        data = data[size:]
    trailers = b"X-Digest: 1234\r\nX-Other: \xe9t\xe9\r\n" if x.option("trailers") else b""
    x.wire.send(b"0\r\n" + trailers + b"\r\n")


def _slow_stream(x: Exchange) -> None:
    events, every = x.option("n", 5), float(x.query.get("every", "0.1"))
    chunked = x.query.get("framing", "chunked") == "chunked"
    x.keep_alive = x.keep_alive and chunked
    headers = [(b"Content-Type", b"text/event-stream"), (b"Cache-Control", b"no-store")]
    x.wire.send(x.begin(200, [*headers, (b"Transfer-Encoding", b"chunked")] if chunked else headers))
    for number in range(events):
        if number and x.wait(every):
            return
        event = b"data: event %d\n\n" % number
        x.wire.send(*(chunk(event) if chunked else (event,)))
    if chunked:
        x.wire.send(b"0\r\n\r\n")


# Heads


def _status(x: Exchange) -> None:
    x.answer(b"status body\n", x.argument(200), [(b"ETag", b'"v1"')])


def _redirect(x: Exchange) -> None:
    left, status, to = x.argument(1), x.option("status", 302), x.query.get("to", "/json")
    target = to if left <= 1 else f"/redirect/{left - 1}?status={status}&to={to}"
    x.answer(b"over there\n", status, [(b"Location", target.encode("latin-1"))])


def _set_cookies(x: Exchange) -> None:
    cookies = [b"a=1; Path=/", b"b=2; Path=/; HttpOnly", b"c=3; Expires=Wed, 01 Jan 2098 00:00:00 GMT", b"a=4; Path=/"]
    x.answer(b"ok\n", headers=[(b"Set-Cookie", cookie) for cookie in cookies])


def _latin1_headers(x: Exchange) -> None:
    x.answer(b"ok\n", headers=[(b"X-Caf\xe9", b"no") if x.option("name") else (b"X-Cafe", b"caf\xe9 \xa3 \xff")])


def _duplicate_headers(x: Exchange) -> None:
    x.answer(b"ok\n", headers=[(b"X-Dup", b"1"), (b"x-dup", b"2"), (b"X-DUP", b"1"), (b"X-Empty", b"")])


def _expect(x: Exchange) -> None:
    if x.query.get("answer") == "refuse":
        x.keep_alive = False
        x.body_read = True
        x.answer(b"no thanks\n", 417)
    else:
        _echo(x)


def _early_hints(x: Exchange) -> None:
    x.wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
    x.answer(b"after the hints\n")


def _http10(x: Exchange) -> None:
    x.keep_alive = False
    for _ in x.body():
        pass
    x.wire.send(x.begin(200, [(b"Content-Type", b"text/plain")], version=b"HTTP/1.0"), b"from the last century\n")


def _no_reason(x: Exchange) -> None:
    for _ in x.body():
        pass
    x.wire.send(b"HTTP/1.1 200%s\r\nContent-Length: 3\r\n\r\nok\n" % (b" " if x.option("space") else b""))


def _close(x: Exchange) -> None:
    x.keep_alive = False
    x.answer(b"and goodbye\n")


def _auth(x: Exchange) -> None:
    digest = x.query.get("scheme") == "digest"
    given = (x.head.get(b"authorization") or b"").decode("latin-1")
    basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if _digest_is_right(given, x.method) if digest else given == basic:
        x.answer(b"come in\n")
    else:
        ask = f'Digest realm="r", nonce="{NONCE}", qop="auth", algorithm=MD5' if digest else 'Basic realm="r"'
        x.answer(b"who are you\n", 401, [(b"WWW-Authenticate", ask.encode())])


def _digest_is_right(given: str, method: str) -> bool:
    """Check the answer to a challenge as RFC 7616 section 3.4.1 says, for qop=auth and MD5."""
    fields = {key.strip(): value.strip(' "') for key, _, value in (f.partition("=") for f in given[7:].split(","))}
    if not given.startswith("Digest ") or fields.get("nonce") != NONCE:
        return False
    secret = _md5(f"{USER}:r:{PASSWORD}")
    asked = _md5(f"{method}:{fields['uri']}")
    return fields["response"] == _md5(f"{secret}:{NONCE}:{fields['nc']}:{fields['cnonce']}:auth:{asked}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


# Broken promises


def _truncated(x: Exchange) -> None:
    x.keep_alive = False
    for _ in x.body():
        pass
    kind, size = x.query.get("kind", "length"), x.option("size", 1000)
    data = payload(size, "text")
    half = data[: size // 2]
    if kind == "length":
        x.wire.send(x.begin(200, [(b"Content-Length", b"%d" % size)]), half)
    elif kind == "gzip":
        packed = gzip.compress(data, mtime=0)
        packed = packed[: len(packed) // 2]
        x.wire.send(x.begin(200, [(b"Content-Encoding", b"gzip"), (b"Content-Length", b"%d" % len(packed))]), packed)
    else:  # in the middle of a chunk, or between two
        cut = b"%x\r\n%s" % (size, half) if kind == "chunk" else b"".join(chunk(half))
        x.wire.send(x.begin(200, [(b"Transfer-Encoding", b"chunked")]), cut)
    if x.option("rude"):
        x.wire.sock.close()


def _part(x: Exchange) -> None:
    """Send the first `after` bytes of a response of 1 MB: its head counts only where `after` is above zero."""
    for _ in x.body():
        pass
    if "after" in x.query:
        x.wire.send(x.begin(200, [(b"Content-Length", b"1000000")]), payload(x.option("after"), "text"))


def _reset(x: Exchange) -> None:
    _part(x)
    x.wait(0.05)  # a reset overtakes what the peer has not read yet
    x.wire.reset()
    x.keep_alive = False


def _hang(x: Exchange) -> None:
    _part(x)
    x.wait(float(x.query.get("seconds", "30")))
    x.keep_alive = False


def _drop(x: Exchange) -> None:
    for _ in x.body():
        pass
    x.keep_alive = False


def _early(x: Exchange) -> None:
    x.keep_alive = False
    x.body_read = True
    x.answer(b"too much\n", x.option("status", 413))
    x.wait(0.05)
    x.wire.reset()


GARBAGE = {
    "status": b"This is no HTTP at all\r\n\r\n",
    "empty": b"\r\n",
    "header": b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 3\r\n\r\nok\n",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "nul": b"HTTP/1.1 200 OK\r\nX-Nul: a\x00b\r\nContent-Length: 3\r\n\r\nok\n",
    "long": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n",
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nok\n",
}


def _garbage(x: Exchange) -> None:
    for _ in x.body():
        pass
    x.keep_alive = False
    x.wire.send(GARBAGE[x.query.get("kind", "status")])


def _raw(x: Exchange) -> None:
    x.keep_alive = False
    x.wire.send(b"".join(x.body()))


def _stale(x: Exchange) -> None:
    x.answer(b"see you\n", headers=[(b"Connection", b"keep-alive")])
    x.keep_alive = False
    if x.option("reset"):
        x.wait(0.05)
        x.wire.reset()


# Mirrors


def _echo(x: Exchange) -> None:
    pieces = list(x.body())
    body = b"".join(pieces)
    x.answer_json(
        {
            "method": x.method,
            "target": x.target,
            "version": x.version,
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in x.head.headers],
            "framing": x.framing,
            "chunks": [len(piece) for piece in pieces] if x.framing == "chunked" else None,
            "size": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "base64": base64.b64encode(body[:CHUNK]).decode(),
        }
    )


def _sink(x: Exchange) -> None:
    size, digest = 0, hashlib.sha256()
    for piece in x.body():
        size += len(piece)
        digest.update(piece)
    x.answer_json({"size": size, "sha256": digest.hexdigest()})


def _counts(x: Exchange) -> None:
    x.answer_json(x.counters(x.segments[-1] == "reset"))


ROUTES: Mapping[str, Handler] = {
    "103": _early_hints,
    "auth": _auth,
    "brotli": _coded,
    "bytes": _bytes,
    "chunked": _chunked,
    "close": _close,
    "coded": _coded,
    "counts": _counts,
    "deflate": _coded,
    "drop": _drop,
    "duplicate-headers": _duplicate_headers,
    "early": _early,
    "echo": _echo,
    "expect": _expect,
    "garbage": _garbage,
    "gzip": _coded,
    "hang": _hang,
    "http10": _http10,
    "json": _json,
    "latin1-headers": _latin1_headers,
    "no-reason": _no_reason,
    "raw": _raw,
    "redirect": _redirect,
    "reset": _reset,
    "set-cookies": _set_cookies,
    "sink": _sink,
    "slow-stream": _slow_stream,
    "stale": _stale,
    "status": _status,
    "truncated": _truncated,
    "zstd": _coded,
}


def respond(x: Exchange, extra: Mapping[str, Handler]) -> None:
    """Answer one request by its path's first segment; 404 where there is no such route.

    Raises ValueError, IndexError or KeyError where an option is none: the fault of whoever wrote the URL.
    """
    handler = extra.get(x.segments[0]) or ROUTES.get(x.segments[0])
    if handler is None:
        x.answer(b"no such route\n", 404)
    else:
        handler(x)
