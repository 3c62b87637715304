"""What every server here has in common: a listening socket, a thread for each connection, a stop that leaves nothing.

Law: the socket is bound to 127.0.0.1 and to nothing else. When the `with` block ends, every connection is closed and
every thread has ended; a fault of the server's own is raised there, unless the block is already failing.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from tests.servers.wire import BrokenRequestError, Wire

if TYPE_CHECKING:
    from types import TracebackType

STOP_SECONDS = 10.0


class Listener(ABC):
    """A server for a `with` block. `url` is its base address, without a slash at the end.

    `tls` is the context with which it is spoken to, None for plain TCP. `host` is the name in `url`. `idle` is the
    number of seconds after which a silent connection is given up.
    """

    def __init__(
        self, *, tls: ssl.SSLContext | None, host: str = "localhost", port: int = 0, idle: float = 60.0
    ) -> None:
        self.faults: list[Exception] = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self._tls = tls
        self._idle = idle
        self._wires: set[Wire] = set()
        self._threads: set[threading.Thread] = set()
        self._wake, self._waker = socket.socketpair()
        self._socket = socket.create_server(("127.0.0.1", port), backlog=512)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"

    @abstractmethod
    def serve(self, wire: Wire, number: int) -> None:
        """Serve one connection to its end, in a thread of its own. `number` counts connections from 1."""

    @abstractmethod
    def accepted(self) -> None:
        """Take note of a TCP connection, before TLS. Called under the lock."""

    @abstractmethod
    def handshake_failed(self) -> None:
        """Take note of a TLS handshake that did not come to an end. Called under the lock."""

    def close_connections(self) -> None:
        """Close every open connection from the server's side, as servers do with idle ones. From any thread."""
        with self.lock:
            wires = list(self._wires)
        for wire in wires:
            wire.shut()

    def __enter__(self) -> Self:
        self._acceptor = threading.Thread(target=self._accept, name=f"loopback-{self.port}", daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._waker.send(b"x")
        self._acceptor.join(STOP_SECONDS)
        with self.lock:
            threads = list(self._threads)
        self.close_connections()
        for thread in threads:
            thread.join(STOP_SECONDS)
        for sock in (self._socket, self._wake, self._waker):
            sock.close()
        if any(thread.is_alive() for thread in threads):
            self.faults.append(RuntimeError("a connection's thread did not end"))
        if self.faults and error is None:
            raise ExceptionGroup(f"the server at {self.url} failed", self.faults)

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            number = 0
            while not self.stopping.is_set():
                ready = [key.fileobj for key, _ in selector.select()]
                if self._socket in ready and not self.stopping.is_set():
                    number += 1
                    self._start(self._socket.accept()[0], number)

    def _start(self, sock: socket.socket, number: int) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(self._idle)
        wire = Wire(sock)
        name = f"loopback-{self.port}-{number}"
        thread = threading.Thread(target=self._run, args=(wire, number), name=name, daemon=True)
        with self.lock:
            self.accepted()
            self._wires.add(wire)
            self._threads.add(thread)
        thread.start()

    def _run(self, wire: Wire, number: int) -> None:
        try:
            if self._handshake(wire):
                self.serve(wire, number)
        except (OSError, BrokenRequestError):
            pass  # the other side went away or spoke no HTTP: that is for the other side to notice
        except Exception as error:  # noqa: BLE001 - kept, and raised where the server is stopped
            self.faults.append(error)
        finally:
            _hang_up(wire.sock)
            with self.lock:
                self._wires.discard(wire)
                self._threads.discard(threading.current_thread())

    def _handshake(self, wire: Wire) -> bool:
        if self._tls is None:
            return True
        try:
            wire.replace(self._tls.wrap_socket(wire.sock, server_side=True))
        except OSError:
            with self.lock:
                self.handshake_failed()
            return False
        return True


def _hang_up(sock: socket.socket) -> None:
    """Close in order: tell the peer, then read what it still sends, lest a reset overtakes our last bytes."""
    with contextlib.suppress(OSError, ValueError):  # closed already, or reset
        if isinstance(sock, ssl.SSLSocket):
            sock.settimeout(1)
            sock.unwrap()
        else:
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(0.2)
            while sock.recv(65536):
                pass
    sock.close()
