"""An HTTP proxy on loopback: absolute-form requests are forwarded, CONNECT opens a tunnel.

Law: a response's body goes to the client byte for byte as the origin sent it, and its head field by field. A client's
connection is kept open between requests as long as the framing allows; each forwarded request has an upstream
connection of its own.
"""

from __future__ import annotations

import base64
import contextlib
import selectors
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.servers.listener import Listener
from tests.servers.wire import CHUNK, Head, Wire, chunk_size

if TYPE_CHECKING:
    from collections.abc import Iterable

SECONDS = 30.0
CONNECTION_FIELDS = {b"proxy-connection", b"proxy-authorization", b"connection", b"keep-alive"}


@dataclass
class ProxyCounts:
    """What a proxy did since it began."""

    connections: int = 0
    """Accepted connections."""
    handshake_failures: int = 0
    """TLS handshakes with the proxy itself that did not come to an end."""
    forwarded: list[str] = field(default_factory=list)
    """The target of each forwarded request: an absolute URL."""
    tunnels: list[str] = field(default_factory=list)
    """The target of each CONNECT that was let through: host and port."""
    refused: int = 0
    """Requests answered with 407, or with the status in `refuse`."""


class Proxy(Listener):
    """A proxy for a `with` block. `url` is its address, without credentials.

    `tls` is the context with which the proxy itself is spoken to. `credentials` are `user:password`, asked for by 407.
    `refuse` is a status with which every request is turned away, such as 403 or 502.
    """

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, credentials: str | None = None, refuse: int | None = None
    ) -> None:
        super().__init__(tls=tls, idle=SECONDS)
        self.counts = ProxyCounts()
        self._refuse = refuse
        self._expected = None if credentials is None else b"Basic " + base64.b64encode(credentials.encode())

    def accepted(self) -> None:
        """Count a connection."""
        self.counts.connections += 1

    def handshake_failed(self) -> None:
        """Count a handshake that failed."""
        self.counts.handshake_failures += 1

    def serve(self, wire: Wire, number: int) -> None:
        """Serve requests until one side wants to close, or a tunnel ends."""
        while self._request(wire):
            pass

    def _request(self, wire: Wire) -> bool:
        """Serve one request; true when the connection may be used again."""
        head = wire.read_head()
        if head is None:
            return False
        if (refusal := self._refusal(head)) is not None:
            self.counts.refused += 1
            return self._turn_away(wire, head, refusal)
        if head.start[0] == b"CONNECT":
            self._tunnel(wire, head.start[1].decode("latin-1"))
            return False
        return self._forward(wire, head)

    def _refusal(self, head: Head) -> int | None:
        if self._refuse is not None:
            return self._refuse
        return 407 if self._expected is not None and head.get(b"proxy-authorization") != self._expected else None

    def _turn_away(self, wire: Wire, head: Head, status: int) -> bool:
        for _ in _request_body(wire, head):
            pass
        challenge = b'Proxy-Authenticate: Basic realm="proxy"\r\n' if status == 407 else b""
        body = b"the proxy says no\n"
        wire.send(b"HTTP/1.1 %d Refused\r\n%sContent-Length: %d\r\n\r\n" % (status, challenge, len(body)), body)
        return True

    def _tunnel(self, wire: Wire, target: str) -> None:
        upstream = self._connect(wire, target)
        if upstream is None:
            return
        try:
            self.counts.tunnels.append(target)
            wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            upstream.send(wire.buffered())
            self._relay(wire.sock, upstream.sock)
        finally:
            upstream.sock.close()

    def _relay(self, client: socket.socket, upstream: socket.socket) -> None:
        """Copy both ways until one side is done, in one thread: TLS sockets bear only one user at a time."""
        other = {client: upstream, upstream: client}
        with selectors.DefaultSelector() as selector:
            for sock in other:
                selector.register(sock, selectors.EVENT_READ)
            while not self.stopping.is_set():
                for key, _ in selector.select(1):
                    source = key.fileobj
                    if not isinstance(source, socket.socket) or not _copy(source, other[source]):
                        return

    def _forward(self, wire: Wire, head: Head) -> bool:
        parts = urlsplit(head.start[1].decode("latin-1"))
        upstream = self._connect(wire, parts.netloc if parts.port else f"{parts.netloc}:80")
        if upstream is None:
            return False
        try:
            self.counts.forwarded.append(parts.geturl())
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            fields = [pair for pair in head.headers if pair[0].lower() not in CONNECTION_FIELDS]
            lines = [b"%s %s HTTP/1.1" % (head.start[0], path.encode("latin-1"))]
            lines += [b"%s: %s" % pair for pair in [*fields, (b"Via", b"1.1 loopback")]]
            upstream.send(b"\r\n".join(lines) + b"\r\n\r\n")
            chunked = head.has(b"transfer-encoding", b"chunked")
            for piece in _request_body(wire, head):
                upstream.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                upstream.send(b"0\r\n\r\n")
            return _pass_response(upstream, wire, head.start[0])
        finally:
            upstream.sock.close()

    def _connect(self, wire: Wire, target: str) -> Wire | None:
        host, _, port = target.rpartition(":")
        try:
            upstream = Wire(socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS))
        except (OSError, ValueError):
            wire.send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return None
        return upstream


def _request_body(wire: Wire, head: Head) -> Iterable[bytes]:
    if head.has(b"transfer-encoding", b"chunked"):
        return wire.read_chunks()
    return wire.read_length(int(head.get(b"content-length") or b"0"))


def _pass_response(upstream: Wire, wire: Wire, method: bytes) -> bool:
    """Copy one response, its interim ones included; true when its end was marked, and not by closing."""
    head = _pass_head(upstream, wire)
    while head is not None and head.start[1].startswith(b"1"):
        head = _pass_head(upstream, wire)
    if head is None:
        return False
    if method == b"HEAD" or head.start[1] in {b"204", b"304"}:
        return True
    if head.has(b"transfer-encoding", b"chunked"):
        return _pass_chunks(upstream, wire)
    length = head.get(b"content-length")
    for piece in upstream.read_until_close() if length is None else upstream.read_length(int(length)):
        wire.send(piece)
    return length is not None


def _pass_head(upstream: Wire, wire: Wire) -> Head | None:
    head = upstream.read_head()
    if head is not None:
        fields = (b"%s: %s\r\n" % pair for pair in head.headers)
        wire.send(b" ".join(head.start).rstrip(b" "), b"\r\n", *fields, b"\r\n")
    return head


def _pass_chunks(upstream: Wire, wire: Wire) -> bool:
    """Copy a chunked body line by line; false where it broke off."""
    while line := upstream.read_line():
        wire.send(line)
        size = chunk_size(line)
        if not size:
            break
        for piece in upstream.read_length(size):
            wire.send(piece)
        wire.send(upstream.read_line())
    while line := upstream.read_line():  # trailers
        wire.send(line)
        if line == b"\r\n":
            return True
    return False


def _copy(source: socket.socket, target: socket.socket) -> bool:
    """Copy what is there; false at the end. A TLS socket may be readable and yet have nothing whole to give."""
    source.setblocking(False)
    try:
        while True:
            data = source.recv(CHUNK)
            if not data:
                return False
            target.settimeout(SECONDS)
            target.sendall(data)
            if not (isinstance(source, ssl.SSLSocket) and source.pending()):
                return True
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):  # closed meanwhile
            source.settimeout(SECONDS)
