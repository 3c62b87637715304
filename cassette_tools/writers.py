"""Tells whether somebody is still writing to a cassette.

Law: it looks, it touches nothing. Where the system lists the files that a process has open (Linux: /proc), a process
counts only if it has this one open for writing; elsewhere, and where that may not be looked at, if it is alive.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cassette_tools.blocks import Process

__all__ = ["writer_of"]

_PROC: Final = Path("/proc")


def writer_of(file: os.stat_result, processes: Iterable[Process]) -> int | None:
    """Return the id of a process without an end line that goes on writing to `file`; None where there is none."""
    for process in processes:
        if not process.ended and process.pid is not None and process.pid > 0 and _writes(process.pid, file):
            return process.pid
    return None


def _writes(pid: int, file: os.stat_result) -> bool:
    if not (_PROC / "self" / "fdinfo").is_dir():
        return _is_alive(pid)
    try:
        return any(_is_writing(pid, opened.name, file) for opened in (_PROC / str(pid) / "fd").iterdir())
    except FileNotFoundError:
        return False
    except PermissionError:
        return _is_alive(pid)


def _is_writing(pid: int, descriptor: str, file: os.stat_result) -> bool:
    try:
        opened = (_PROC / str(pid) / "fd" / descriptor).stat()
        if (opened.st_dev, opened.st_ino) != (file.st_dev, file.st_ino):
            return False
        said = (_PROC / str(pid) / "fdinfo" / descriptor).read_text("ascii")
    except FileNotFoundError:
        return False  # closed meanwhile
    flags = next((line.split()[1] for line in said.splitlines() if line.startswith("flags:")), "0")
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's
    return True
