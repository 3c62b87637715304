"""A file in the making that nobody can find, until it takes its place whole.

Law: what is being written has no name where the system can do that (Linux: O_TMPFILE, open(2)), so that a killed
program leaves nothing behind; elsewhere its name begins with a dot, only its owner can read it, and it goes away with
the draft. It gets its name by one rename, after it is on the disk: a reader finds the old file or the new one, never a
part. What it replaces gives it its permissions, and its owner where that is allowed. Holds no content in memory.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recorder.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

__all__ = ["BUFFER", "Draft", "Sink", "Splice", "nameless", "refuse_special"]

BUFFER: Final = 256 * 1024
"""Bytes that wait to be written at once."""

_COPY: Final = 1 << 20
_UNNAMED: Final = getattr(os, "O_TMPFILE", 0)
# A file system, or a system, that cannot copy within the kernel.
_CANNOT_COPY: Final = (errno.EINVAL, errno.ENOSYS, errno.EXDEV, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY)


class Splice:
    """A file that is another one with some ranges replaced. As long as nothing is replaced, nothing is written.

    Ranges are told in the order of the source, from `start` on. `begin` makes the sink for the first change; `sink` is
    None until then. Holds at most BUFFER bytes and one replacement.
    """

    def __init__(self, source: int, begin: Callable[[], Sink], start: int = 0) -> None:
        self.sink: Sink | None = None
        self._begin = begin
        self._source = source
        self._at = start
        self._kept = 0  # bytes in front of `_at` that are not yet in the sink
        self._waiting: list[bytes] = []
        self._held = 0

    @property
    def size(self) -> int:
        """Bytes of the result so far."""
        return (0 if self.sink is None else self.sink.size) + self._held + self._kept

    def keep(self, size: int) -> None:
        """Take over the next `size` bytes as they are."""
        self._at += size
        self._kept += size

    def put(self, size: int, data: bytes) -> None:
        """Put `data` in the place of the next `size` bytes."""
        self._settle()
        self._at += size
        self._waiting.append(data)
        self._held += len(data)
        if self._held >= BUFFER:
            self._flush()

    def put_from(self, size: int, other: int, offset: int, count: int) -> None:
        """Put `count` bytes of another file in the place of the next `size` bytes."""
        sink = self._settle()
        self._flush()
        self._at += size
        sink.copy(other, offset, count)

    def finish(self) -> Sink | None:
        """Give the sink when all is in it; None: nothing was replaced."""
        if self.sink is not None:
            self._settle()
            self._flush()
        return self.sink

    def _settle(self) -> Sink:
        if self.sink is None:
            self.sink = self._begin()
        if self._kept:
            self._flush()
            self.sink.copy(self._source, self._at - self._kept, self._kept)
            self._kept = 0
        return self.sink

    def _flush(self) -> None:
        if self._waiting and self.sink is not None:
            self.sink.write(b"".join(self._waiting))
            self._waiting.clear()
            self._held = 0


class Sink:
    """Bytes that are put one behind the other into an open file, from `start` on. `size` counts them.

    `write` and `copy` raise OutputError, which names the file `name`.
    """

    def __init__(self, descriptor: int, name: Path, start: int = 0) -> None:
        self.size = 0
        self._descriptor = descriptor
        self._name = name
        self._start = start

    def write(self, data: bytes) -> None:
        """Add bytes."""
        try:
            view = memoryview(data)
            while view:
                count = os.pwrite(self._descriptor, view, self._start + self.size)
                self.size += count
                view = view[count:]
        except OSError as error:
            raise _cannot_write(self._name, error) from error

    def copy(self, source: int, offset: int, size: int) -> None:
        """Add `size` bytes of another file, within the kernel where that is possible."""
        try:
            while size:
                count = _copy(source, offset, self._descriptor, self._start + self.size, size)
                if not count:
                    raise OutputError(f"{self._name}: what should be copied became shorter. Try again.")
                offset += count
                size -= count
                self.size += count
        except OSError as error:
            raise _cannot_write(self._name, error) from error


class Draft(Sink):
    """A new file in the folder of `target`. Raises OutputError when made, in `write`, in `copy` and in `publish`.

    Raises UsageError when made for a target that a rename would take away from others: a device, a pipe, a socket.
    """

    def __init__(self, target: Path) -> None:
        refuse_special(target)
        try:
            descriptor, self._hidden = _open(target)
        except OSError as error:
            raise _cannot_write(target, error) from error
        super().__init__(descriptor, target)
        self.target = target

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the descriptor, for reading, too."""
        return self._descriptor

    def publish(self, *, replaces: os.stat_result | None, force: bool) -> None:
        """Give the file its name. `replaces` is the status of the file whose permissions it takes over, if any.

        Without `force` a file that is there now is left alone: UsageError.
        """
        try:
            if replaces is not None:
                with suppress(PermissionError):  # only root may give files away
                    os.fchown(self._descriptor, replaces.st_uid, replaces.st_gid)
                os.fchmod(self._descriptor, stat.S_IMODE(replaces.st_mode))
            os.fsync(self._descriptor)
            self._rename(force=force)
            _sync_folder(self.target.parent)
        except FileExistsError as error:
            raise UsageError(
                f"{self.target} exists already. Choose another path, or replace it with --force."
            ) from error
        except OSError as error:
            raise _cannot_write(self.target, error) from error

    def close(self) -> None:
        """Drop what was not published. Calling it again does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._hidden is not None:
            self._hidden.unlink(missing_ok=True)
            self._hidden = None

    def _rename(self, *, force: bool) -> None:
        if not force and os.path.lexists(self.target):
            raise FileExistsError
        if self._hidden is None:
            if not force:
                _link(self._descriptor, self.target)
                return
            name = self.target.with_name(f".{self.target.name[:100]}.{secrets.token_hex(4)}.part")
            _link(self._descriptor, name)
            self._hidden = name
        self._hidden.replace(self.target)
        self._hidden = None


def refuse_special(target: Path) -> None:
    """Raise UsageError where there is something at `target` that is neither a file nor a folder.

    A rename would put a file in its place: /dev/null would be gone for the whole machine.
    """
    try:
        mode = target.stat().st_mode
    except (OSError, ValueError):
        return  # nothing is there; or what is wrong with the path, making the file tells
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError(f"{target} is a device, a pipe or a socket. Give a file, or - for the standard output.")


def nameless(folder: Path | None) -> int:
    """Open a file without a name, in `folder` or where temporary files go. Raises OutputError."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:  # has no name on any POSIX system
            return os.dup(file.fileno())
    except OSError as error:
        raise _cannot_write(folder or Path(tempfile.gettempdir()), error) from error


def _open(target: Path) -> tuple[int, Path | None]:
    if _UNNAMED and Path("/proc/self/fd").is_dir():
        with suppress(OSError):  # a file system that lacks it; what is wrong else, the next call tells
            return os.open(target.parent, _UNNAMED | os.O_RDWR | os.O_CLOEXEC, 0o600), None
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)
    return descriptor, Path(name)


def _link(descriptor: int, name: Path) -> None:
    """Give a nameless file a name.

    linkat(2) follows the link in /proc only when it is told to, which Python does only with a folder's descriptor.
    """
    folder = os.open(name.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.link(f"/proc/self/fd/{descriptor}", name.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _copy(source: int, offset: int, target: int, place: int, size: int) -> int:
    """Copy some bytes from one offset to another; gives how many. 0: there are no more."""
    if hasattr(os, "copy_file_range"):
        try:
            return os.copy_file_range(source, target, size, offset_src=offset, offset_dst=place)
        except OSError as error:
            if error.errno not in _CANNOT_COPY:
                raise
    return os.pwrite(target, os.pread(source, min(size, _COPY), offset), place)


def _sync_folder(folder: Path) -> None:
    """Force the name to the disk: POSIX promises it with a sync of the folder, not with the file's."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # may be written to, but not read: the file's own sync has to do
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot, and needs none
            raise
    finally:
        os.close(descriptor)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or "an I/O error"
    return OutputError(f"{path} cannot be written: {reason}. Choose another path, or free some space.")
