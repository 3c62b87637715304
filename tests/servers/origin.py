"""A real HTTP/1.1 origin server on loopback, plain or TLS, one thread a connection.

Law: it answers byte for byte what `tests/servers/routes.py` says, and counts what it accepted and sent.

In a process of its own, for the demo and the benchmarks:

    python tests/servers/origin.py --port-file port.txt --tls tls-directory

The port file appears, complete, once the server accepts connections; with `--tls` the directory then holds `ca.pem`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # in place of this folder: the package is found from the repository's root

from tests.servers.certificates import Authority  # noqa: E402 - the path comes first
from tests.servers.listener import Listener  # noqa: E402 - the path comes first
from tests.servers.routes import Exchange, Handler, respond  # noqa: E402 - the path comes first

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from tests.servers.wire import Wire

SEEN_LIMIT = 50_000


@dataclass(slots=True)
class Counts:
    """What a server did since it began, or since `reset_counts`."""

    connections: int = 0
    """Accepted TCP connections."""
    handshake_failures: int = 0
    """TLS handshakes that did not come to an end."""
    requests: int = 0
    """Complete request heads, but for `/counts`."""
    bytes_sent: int = 0
    """Bytes that the kernel took from the server, before TLS. It may buffer a few MB that no client has read."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived. `connection` counts from 1."""

    connection: int
    method: str
    target: str


class Origin(Listener):
    """A server for a `with` block. `url` is its base address, without a slash at the end.

    `tls` is the server's context (see `certificates`), None for plain HTTP. `routes` adds handlers, or replaces them,
    by the path's first segment. `host` is the name in `url`; the socket is always bound to 127.0.0.1.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "localhost",
        port: int = 0,
        routes: Mapping[str, Handler] | None = None,
    ) -> None:
        super().__init__(tls=tls, host=host, port=port)
        self.routes = dict(routes or {})
        self.seen: deque[Seen] = deque(maxlen=SEEN_LIMIT)
        self._counts = Counts()

    @property
    def counts(self) -> Counts:
        """The counters now."""
        with self.lock:
            return replace(self._counts)

    def reset_counts(self) -> None:
        """Begin to count anew. Connections that are open are not counted again."""
        with self.lock:
            self._counts = Counts()
            self.seen.clear()

    def accepted(self) -> None:
        """Count a connection."""
        self._counts.connections += 1

    def handshake_failed(self) -> None:
        """Count a handshake that failed."""
        self._counts.handshake_failures += 1

    def serve(self, wire: Wire, number: int) -> None:
        """Answer requests until one side wants to close."""
        wire.sent = self._sent
        while not self.stopping.is_set() and self._exchange(wire, number):
            pass

    def _exchange(self, wire: Wire, number: int) -> bool:
        head = wire.read_head()
        if head is None:
            return False
        exchange = Exchange(wire, head, self.stopping.wait, self._counters)
        if exchange.segments[0] != "counts":
            with self.lock:
                self._counts.requests += 1
                self.seen.append(Seen(number, exchange.method, exchange.target))
        respond(exchange, self.routes)
        if exchange.keep_alive:
            for _ in exchange.body():
                pass
        return exchange.keep_alive

    def _sent(self, count: int) -> None:
        with self.lock:
            self._counts.bytes_sent += count

    def _counters(self, reset: bool) -> Mapping[str, int]:
        counts = asdict(self.counts)
        if reset:
            self.reset_counts()
        return counts


# A process of its own


@dataclass(frozen=True, slots=True)
class OriginProcess:
    """A running server process. With TLS, `bundle` is the file that makes a client trust it."""

    url: str
    pid: int
    bundle: Path | None


@contextlib.contextmanager
def origin_process(*, tls: bool = True, python: str = sys.executable) -> Iterator[OriginProcess]:
    """Run an origin in a process of its own, without the caller's memory and interpreter lock, for a `with` block."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        command = [python, str(Path(__file__)), "--port-file", str(directory / "port"), "--until-eof"]
        command += ["--tls", str(directory)] if tls else []
        with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT) as process:
            try:
                port = _wait_for(directory / "port", process)
                url = f"{'https' if tls else 'http'}://localhost:{port}"
                yield OriginProcess(url, process.pid, directory / "ca.pem" if tls else None)
            finally:
                process.terminate()


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> int:
    for _ in range(1000):
        if path.exists():
            return int(path.read_text())
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError("the origin server did not start")


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM, SIGINT, or with `--until-eof` the end of standard input."""
    parser = argparse.ArgumentParser(description="An HTTP/1.1 origin server on loopback.")
    parser.add_argument("--port-file", type=Path, required=True, help="where to write the port, once it accepts")
    parser.add_argument("--tls", type=Path, metavar="DIR", help="serve HTTPS; the authority's ca.pem goes into DIR")
    parser.add_argument("--port", type=int, default=0, help="the port; default: any free one")
    parser.add_argument("--until-eof", action="store_true", help="stop when standard input ends")
    options = parser.parse_args(arguments)
    tls = Authority(options.tls).server() if options.tls else None
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: done.set())
    if options.until_eof:
        threading.Thread(target=_set_at_eof, args=(done,), daemon=True).start()
    with Origin(tls=tls, port=options.port) as origin:
        _write_whole(options.port_file, f"{origin.port}\n")
        done.wait()


def _set_at_eof(done: threading.Event) -> None:
    # The descriptor itself: the interpreter's end would wait in vain for the lock of a reader that is still waiting.
    while os.read(0, 4096):
        pass
    done.set()


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


if __name__ == "__main__":
    main()
