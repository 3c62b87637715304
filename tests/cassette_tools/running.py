"""Runs `ctools` as people do: as a process of its own, with pipes or on a terminal of a given width.

Law: what comes back is every byte that the process wrote. A run that does not end in time is killed: the test fails.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cassette_tools import fork_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Run", "ctools", "ctools_on_terminal", "ctools_reference", "ctools_started", "environment"]

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60.0
"""Seconds that one run may take."""
_OF_A_START = ("PYTHON", "LC_", "LANG")
"""What names of variables begin with that Python reads when it starts, and never again."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left: its exit code, and what it wrote. On a terminal all of it is in `out`."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def errors(self) -> str:
        return self.err.decode()


def environment(**changes: str) -> dict[str, str]:
    """Return an environment that does not depend on who runs the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    return kept | {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"} | changes


def ctools(*arguments: str | os.PathLike[str], stdin: bytes = b"", cwd: Path | None = None, **changes: str) -> Run:
    """Run `ctools` with pipes; `changes` are of the environment.

    Its process comes from a server that has loaded other people's modules, for the sake of time.
    """
    env = environment(**changes)
    if _needs_a_start(changes):
        return _module("cassette_tools", *arguments, stdin=stdin, cwd=cwd, env=env)
    folder = Path.cwd() if cwd is None else cwd
    return Run(*fork_server.run(arguments, stdin=stdin, environment=env, folder=folder, limit_s=LIMIT))


def ctools_started(*arguments: str | os.PathLike[str], stdin: bytes = b"", cwd: Path | None = None) -> Run:
    """Run `ctools` with pipes, from the very start of a Python."""
    return _module("cassette_tools", *arguments, stdin=stdin, cwd=cwd, env=environment())


def ctools_reference(**changes: str) -> Run:
    """Run what writes `docs/cli.md`."""
    return _module("cassette_tools.reference", env=environment(**changes))


def _module(
    name: str,
    *arguments: str | os.PathLike[str],
    env: dict[str, str],
    stdin: bytes = b"",
    cwd: Path | None = None,
) -> Run:
    done = subprocess.run(
        [sys.executable, "-m", name, *arguments],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=env,
        timeout=LIMIT,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def ctools_on_terminal(
    *arguments: str | os.PathLike[str], columns: int = 80, interrupt: bytes = b"", **changes: str
) -> Run:
    """Run `ctools` on a terminal, as `ctools` does. Once `interrupt` has been written, Ctrl-C is typed."""
    main, side = pty.openpty()
    ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    start = _started_on_terminal if _needs_a_start(changes) else _served_on_terminal
    process = start(arguments, side, environment(**changes))
    os.close(side)
    out = bytearray()
    deadline = time.monotonic() + LIMIT
    try:
        while part := _read(main, deadline - time.monotonic()):
            out += part
            if interrupt and interrupt in out:
                os.write(main, b"\x03")
                interrupt = b""
        return Run(process.wait(LIMIT), bytes(out), b"")
    except BaseException:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(LIMIT)
        raise
    finally:
        os.close(main)


def _started_on_terminal(
    arguments: Sequence[str | os.PathLike[str]], side: int, env: dict[str, str]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "cassette_tools", *arguments],
        stdin=side,
        stdout=side,
        stderr=side,
        env=env,
        start_new_session=True,
        preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - the child has one thread
    )


def _served_on_terminal(
    arguments: Sequence[str | os.PathLike[str]], side: int, env: dict[str, str]
) -> fork_server.Started:
    return fork_server.start(arguments, (side,) * 3, environment=env, folder=Path.cwd(), on_terminal=True)


def _needs_a_start(changes: Mapping[str, str]) -> bool:
    return not fork_server.AVAILABLE or any(name.startswith(_OF_A_START) for name in changes)


def _read(descriptor: int, seconds: float) -> bytes:
    """Read what there is; nothing once the other side is closed. Raises TimeoutError."""
    ready, _, _ = select.select([descriptor], [], [], max(0, seconds))
    if not ready:
        raise TimeoutError("the command neither wrote nor ended")
    try:
        return os.read(descriptor, 65536)
    except OSError:  # EIO: Linux says so when the last writer has gone
        return b""
