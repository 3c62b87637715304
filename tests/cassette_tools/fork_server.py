"""Starts `ctools` many times from one process that has loaded its modules, and typer, rich and the like, already.

Law: each run is a process of its own, with the streams, the environment, the folder, the arguments and the exit code
(or the signal that ended it) that it would have alone; it ends as any Python process does. What is saved is nearly all
that a start takes. How a start itself goes, no run shows that came from here: `test_starts.py` does.

As a program (`python -m tests.cassette_tools.fork_server DESCRIPTOR`) it is the server. It is no child of the process
that started it, whose children tests may count, and ends when that one has gone.
"""

from __future__ import annotations

import functools
import gc
import importlib
import io
import os
import pickle
import pkgutil
import select
import selectors
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from contextlib import redirect_stderr, suppress
from fcntl import ioctl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["AVAILABLE", "Answer", "Started", "run", "start"]

AVAILABLE: Final = sys.platform == "linux"
"""Elsewhere a process that has loaded libraries of the system is better not forked."""

_ROOT: Final = Path(__file__).resolve().parents[2]
_LOADED_LATE: Final = ("ahocorasick_rs", "jinja2", "orjson", "rich.console", "rich.progress", "rich.table", "yaml")
"""What our modules load in functions."""
_NUMBER: Final = struct.Struct("=q")
_STARTED_S: Final = 60.0
"""Seconds until the server has taken a run, however busy the machine."""


class _Request(NamedTuple):
    """What a run is to have of its own, beside its streams."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    on_terminal: bool


class Answer(NamedTuple):
    """How a run ended, as subprocess tells it, and what it wrote."""

    code: int
    out: bytes
    err: bytes


# The side of the tests.


class Started:
    """A run that goes on. `pid` is the number of its process."""

    def __init__(self, talk: socket.socket, pid: int) -> None:
        self.pid = pid
        self._talk = talk

    def wait(self, seconds: float) -> int:
        """Return how it ended, as subprocess tells it. Raises TimeoutError."""
        self._talk.settimeout(max(0.001, seconds))
        status = _number(self._talk)
        self._talk.close()
        return os.waitstatus_to_exitcode(status)


def start(
    arguments: Sequence[str | os.PathLike[str]],
    streams: Sequence[int],
    *,
    environment: Mapping[str, str],
    folder: Path,
    on_terminal: bool = False,
) -> Started:
    """Start `ctools` with descriptors for its three streams; with `on_terminal` they are that of its session."""
    request = _Request([os.fspath(one) for one in arguments], dict(environment), str(folder), on_terminal)
    talk, far = socket.socketpair()
    with far:
        socket.send_fds(_channel(os.getpid()), [b"!"], [*streams, far.fileno()])
    talk.settimeout(_STARTED_S)
    text = pickle.dumps(request)
    talk.sendall(_NUMBER.pack(len(text)) + text)
    return Started(talk, _number(talk))


def run(
    arguments: Sequence[str | os.PathLike[str]],
    *,
    stdin: bytes,
    environment: Mapping[str, str],
    folder: Path,
    limit_s: float,
) -> Answer:
    """Run `ctools` with pipes. A run of more than `limit_s` seconds is killed; subprocess.TimeoutExpired is raised."""
    deadline = time.monotonic() + limit_s
    (entry, feed), (out, written), (err, said) = os.pipe(), os.pipe(), os.pipe()
    with os.fdopen(feed, "wb", 0) as feeding, os.fdopen(out, "rb", 0) as outs, os.fdopen(err, "rb", 0) as errs:
        try:
            started = start(arguments, (entry, written, said), environment=environment, folder=folder)
        finally:
            for descriptor in (entry, written, said):
                os.close(descriptor)
        try:
            streams = _exchange(feeding, stdin, (outs, errs), deadline)
            return Answer(started.wait(deadline - time.monotonic()), *streams)
        except TimeoutError:
            os.kill(started.pid, signal.SIGKILL)
            started.wait(_STARTED_S)
            raise subprocess.TimeoutExpired(["ctools", *(os.fspath(one) for one in arguments)], limit_s) from None


@functools.cache
def _channel(_owner: int) -> socket.socket:
    """Start the server of this process; return what it takes runs from."""
    ours, theirs = socket.socketpair()
    with theirs:
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"}
        subprocess.run(
            [sys.executable, "-m", "tests.cassette_tools.fork_server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=_ROOT,
            env={name: value for name, value in environment.items() if name not in ("NO_COLOR", "FORCE_COLOR")},
            check=True,
        )
    return ours


def _exchange(feeding: Any, data: bytes, streams: tuple[Any, Any], deadline: float) -> tuple[bytes, bytes]:
    """Write `data` and read both streams to their ends, whichever goes on first. Raises TimeoutError."""
    read = {stream: bytearray() for stream in streams}
    left = memoryview(data)
    os.set_blocking(feeding.fileno(), False)
    with selectors.DefaultSelector() as waiting:
        for stream in streams:
            waiting.register(stream, selectors.EVENT_READ)
        waiting.register(feeding, selectors.EVENT_WRITE)
        while waiting.get_map():
            ready = waiting.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                one: Any = key.fileobj
                if one is feeding:
                    try:
                        left = left[one.write(left) or 0 :] if left else left
                    except BrokenPipeError:
                        left = left[:0]
                    goes_on = bool(left)
                else:
                    part = one.read(65536)
                    read[one] += part
                    goes_on = bool(part)
                if not goes_on:
                    waiting.unregister(one)
                    one.close()
    out, err = read.values()
    return bytes(out), bytes(err)


def _number(talk: socket.socket) -> int:
    return int(_NUMBER.unpack(_exactly(talk, _NUMBER.size))[0])


def _exactly(talk: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = talk.recv(size - len(data))
        if not part:
            raise ConnectionError("the other side has gone")
        data += part
    return data


# The server.


def _serve(channel: socket.socket) -> list[int] | None:
    """Start runs until the tests have ended: then None. In each run, return its descriptors."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno())
    running: dict[int, socket.socket] = {}
    while True:
        ready = select.select([channel, woken], [], [])[0]
        if woken in ready:
            woken.recv(4096)
            _tell_ends(running)
        if channel not in ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(channel, 1, 4)
        if not message:
            return None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (channel, woken, waker, *running.values()):
                other.close()
            return list(descriptors)
        for descriptor in descriptors[:3]:
            os.close(descriptor)
        running[pid] = socket.socket(fileno=descriptors[3])
        running[pid].sendall(_NUMBER.pack(pid))


def _ours() -> Iterator[str]:
    for package in ("cassette_tools", "recorder.redact", "recorder.journal"):
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                yield module.name


def _warm_up() -> None:
    """Do what fails at once, so that typer loads what it loads when it is first used."""
    from cassette_tools.cli import run

    with redirect_stderr(io.StringIO()):
        run(["inspect", "there-is-no-such-file"])


def _tell_ends(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as talk, suppress(BrokenPipeError):
            talk.sendall(_NUMBER.pack(status))


def _become(descriptors: list[int]) -> None:
    """Give this process what the run is to have."""
    with socket.socket(fileno=descriptors.pop()) as talk:
        (size,) = _NUMBER.unpack(_exactly(talk, _NUMBER.size))
        request: _Request = pickle.loads(_exactly(talk, size))
    kinds = [(sys.stdin.errors, "r"), (sys.stdout.errors, "w"), (sys.stderr.errors, "w")]
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    streams = [
        os.fdopen(number, kind, 1 if number == 2 else -1, "utf-8", errors, "\n" if number else None, closefd=False)
        for number, (errors, kind) in enumerate(kinds)
    ]
    for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    if request.on_terminal:
        os.setsid()
        ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    sys.path[0] = request.folder  # as of `python -m`
    sys.argv = [str(_ROOT / "cassette_tools" / "__main__.py"), *request.arguments]


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    if os.fork():
        os._exit(0)
    for name in (*_ours(), *_LOADED_LATE):
        importlib.import_module(name)
    _warm_up()
    gc.collect()
    gc.freeze()
    descriptors = _serve(channel)
    if descriptors is None:
        return
    _become(descriptors)
    from cassette_tools.__main__ import main as ctools

    ctools()


if __name__ == "__main__":
    main()
