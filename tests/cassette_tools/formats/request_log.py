"""A server on loopback that keeps each request byte for byte, and answers 200 without a body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.servers.listener import Listener

if TYPE_CHECKING:
    from tests.servers.wire import Wire

__all__ = ["Arrived", "RequestLog"]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it arrived. The body is without chunks."""

    method: bytes
    target: bytes
    version: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def all(self, name: bytes) -> list[bytes]:
        return [value for given, value in self.headers if given.lower() == name]

    def without(self, *names: bytes) -> list[tuple[bytes, bytes]]:
        return [(given, value) for given, value in self.headers if given.lower() not in names]


class RequestLog(Listener):
    """A server for a `with` block. `arrived` has the requests of all connections, in their order."""

    def __init__(self) -> None:
        super().__init__(tls=None, host="127.0.0.1")
        self.arrived: list[Arrived] = []

    def accepted(self) -> None:
        pass

    def handshake_failed(self) -> None:
        pass

    def serve(self, wire: Wire, number: int) -> None:
        while (head := wire.read_head()) is not None:
            if head.has(b"expect", b"100-continue"):
                wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            if head.has(b"transfer-encoding", b"chunked"):
                body = b"".join(wire.read_chunks())
            else:
                body = b"".join(wire.read_length(int(head.get(b"content-length") or 0)))
            with self.lock:
                self.arrived.append(Arrived(*head.start, head.headers, body))
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            if head.start[2] == b"HTTP/1.0":
                return
