"""Writes a result to a file, whole or not at all.

Law: the file at the path is the old one or the complete new one, never a part: bytes go to a file beside it, which is
renamed when they are all there. A file that exists is replaced only when that was asked for. Holds one piece at a
time.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cassette_tools.draft import refuse_special
from recorder.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["check_target", "write_whole"]


def check_target(path: str, inputs: Iterable[str], *, force: bool) -> Path:
    """Say whether a result may go to `path`, before anything is read. Gives the path.

    Raises UsageError where it is a folder, a device, a pipe or a socket, one of the `inputs` (also by another name), or
    exists and `force` is false.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it.")
    refuse_special(target)
    for given in inputs:
        if given != "-" and os.path.exists(given) and os.path.exists(path) and target.samefile(given):  # noqa: PTH110 - raises nothing
            raise UsageError(f"{path} is the cassette itself. Choose another path with -o.")
    if not force and os.path.lexists(target):
        raise UsageError(f"{path} exists already. Choose another path, or replace it with --force.")
    return target


def write_whole(path: str, pieces: Iterable[bytes], *, force: bool) -> int:
    """Write `pieces` to `path`, readable by its owner alone, and return the number of bytes.

    Raises UsageError where the path exists and `force` is false, or is a folder or no file at all; OutputError where
    it cannot be written; and what `pieces` raises. In each case nothing is left behind.
    """
    target = check_target(path, (), force=force)
    try:
        descriptor, beside = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = _copy(path, pieces, file)
        _put_in_place(Path(beside), target, force=force)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(beside).unlink()
        raise
    return size


def _copy(path: str, pieces: Iterable[bytes], file: IO[bytes]) -> int:
    size = 0
    for piece in pieces:
        try:
            file.write(piece)
        except OSError as error:
            raise _cannot_write(path, error) from error
        size += len(piece)
    try:
        file.flush()
    except OSError as error:
        raise _cannot_write(path, error) from error
    return size


def _put_in_place(beside: Path, target: Path, *, force: bool) -> None:
    """Rename `beside`. Without `force` through a link, which fails where somebody else made the target meanwhile."""
    try:
        if not force:
            with suppress(
                PermissionError, NotImplementedError, AttributeError
            ):  # file systems and systems without hard links
                os.link(beside, target)
                beside.unlink()
                return
        beside.replace(target)
    except FileExistsError as error:
        raise UsageError(f"{target} exists already. Choose another path, or replace it with --force.") from error
    except OSError as error:
        raise _cannot_write(str(target), error) from error


def _cannot_write(path: str, error: OSError) -> OutputError:
    return OutputError(
        f"{path} cannot be written: {error.strerror or 'an I/O error'}. Choose another path, or free some space."
    )
