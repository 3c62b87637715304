"""One connection as a server sees it: buffered reading of HTTP/1.1, counted writing, and the ways to break off.

Law: nothing is normalized. Header names and values are bytes in the order in which they came, and what a handler sends
goes out as it stands. Memory: one head (at most `HEAD_LIMIT`) and one receive buffer (at most `CHUNK` beyond it).
"""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEAD_LIMIT = 1 << 20
CHUNK = 1 << 16

Headers = list[tuple[bytes, bytes]]


class BrokenRequestError(Exception):
    """The peer sent what is no HTTP/1.1 message, or stopped in the middle of one."""


@dataclass(frozen=True, slots=True)
class Head:
    """The start line, split at its first two spaces, and the header fields in order."""

    start: tuple[bytes, bytes, bytes]
    headers: Headers

    def get(self, name: bytes) -> bytes | None:
        """Return the first value of a header, whatever its letter case; `name` is lower-case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def has(self, name: bytes, token: bytes) -> bool:
        """Tell whether a comma-separated header contains a token. Both are lower-case."""
        values = (value for key, value in self.headers if key.lower() == name)
        return any(token == part.strip().lower() for value in values for part in value.split(b","))


def chunk_size(line: bytes) -> int:
    """Return the size that a chunk's first line names. Raises `BrokenRequestError` where it names none."""
    try:
        return int(line.split(b";")[0], 16)
    except ValueError:
        raise BrokenRequestError("a chunk has no size") from None


class Wire:
    """A connected socket, plain or TLS, with a receive buffer.

    `sent` is called with the number of bytes each time the kernel has taken some: what the peer never makes room for is
    never counted.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sent: Callable[[int], None] = lambda _count: None
        self._buffer = bytearray()

    def send(self, *pieces: bytes | bytearray | memoryview) -> None:
        """Send the pieces as one buffer. Raises what the socket raises."""
        view = memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        while view:
            count = self.sock.send(view[: CHUNK * 4])
            self.sent(count)
            view = view[count:]

    def read_head(self) -> Head | None:
        """Read a start line and header fields; None when the peer closed before the first byte."""
        line = self.read_line()
        while line == b"\r\n":  # RFC 9112 section 2.2: a server ignores empty lines before the request line
            line = self.read_line()
        if not line:
            return None
        first, second, third = (*line.rstrip(b"\r\n").split(b" ", 2), b"", b"")[:3]
        return Head((first, second, third), self.read_fields())

    def read_fields(self) -> Headers:
        """Read header or trailer fields up to and including the empty line."""
        fields: Headers = []
        size = 0
        while (line := self.read_line().rstrip(b"\r\n")) != b"":
            size += len(line)
            if size > HEAD_LIMIT:
                raise BrokenRequestError("the head is too long")
            name, _, value = line.partition(b":")
            fields.append((name, value.strip(b" \t")))
        return fields

    def read_line(self) -> bytes:
        """Read up to and including the next line feed; fewer bytes only where the peer closed."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise BrokenRequestError("a line is too long")
            if not self._fill():
                return self._take(len(self._buffer))
        return self._take(end + 1)

    def read_some(self, limit: int = CHUNK) -> bytes:
        """Read at least one byte and at most `limit`; empty where the peer closed."""
        if not self._buffer and not self._fill():
            return b""
        return self._take(min(limit, len(self._buffer)))

    def read_length(self, length: int) -> Iterator[bytes]:
        """Yield a body of `length` bytes piece by piece. Raises `BrokenRequestError` where the peer closed early."""
        while length:
            piece = self.read_some(min(length, CHUNK))
            if not piece:
                raise BrokenRequestError(f"the body ended {length} bytes early")
            length -= len(piece)
            yield piece

    def read_chunks(self) -> Iterator[bytes]:
        """Yield the chunks of a chunked body, each whole, as they were cut; trailer fields are read and dropped."""
        while True:
            size = chunk_size(self.read_line())
            if not size:
                self.read_fields()
                return
            yield b"".join(self.read_length(size))
            self.read_line()

    def read_until_close(self) -> Iterator[bytes]:
        """Yield what comes until the peer closes."""
        while piece := self.read_some():
            yield piece

    def buffered(self) -> bytes:
        """Take what was received and not yet read."""
        return self._take(len(self._buffer))

    def replace(self, sock: socket.socket) -> None:
        """Go on with another socket over the same connection, such as a TLS one; nothing may be buffered."""
        if self._buffer:
            raise BrokenRequestError("the peer spoke before it was asked to")
        self.sock = sock

    def reset(self) -> None:
        """Close with a TCP reset instead of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def shut(self) -> None:
        """Wake every thread that waits on this connection; may be called from any thread."""
        # The unbound method: SSLSocket.shutdown would drop its TLS object under the thread that is reading from it.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def _fill(self) -> bool:
        data = self.sock.recv(CHUNK)
        self._buffer += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken
