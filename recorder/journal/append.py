"""The writing side of a cassette.

Law: one record is one `write` on a descriptor opened with O_APPEND, or it is nothing. A record is never split over
two calls, never held back, never written twice. There is no lock: the kernel orders appends of threads and processes,
so a fork, a signal handler or a garbage collection in the middle of an append cannot dead-lock.

What fails is final: after one failed write or sync the journal takes no more records. It then takes its own torn
bytes off the end of the file, if they are still the end, so that every reader can read up to there.
"""

from __future__ import annotations

import errno
import os
import platform
import sys
from pathlib import Path
from typing import Any, Final

import orjson

from recorder.errors import CassetteExistsError, CassetteNotFoundError, CassetteWriteError, UsageError
from recorder.options import BODY_LIMIT, Durability, Mode
from recorder.system import SYSTEM, Clock, System
from recorder.version import __version__

__all__ = ["FORMAT", "SYNC_INTERVAL", "Journal"]

FORMAT: Final = 1
SYNC_INTERVAL: Final = 5.0
"""Seconds between two forced writes to the disk under durability "interval", while records come."""

_APPEND = os.O_RDWR | os.O_APPEND | System.O_BINARY
# A recording holds what a program said to its servers, secrets with it: for its owner alone.
_PRIVATE = 0o600


class Journal:
    """One cassette, open for appending. Made by `create` or `join`.

    `path` is where records go now: for an overwriting recording the file beside the target, until `close` renames it.
    `run` and `process` are the tokens that lines carry. `written` counts bytes of whole records of this process.
    `failure` is None, or the CassetteWriteError that ended it. Holds no record: memory is that of the one line being
    written.
    """

    __slots__ = (
        "_clock",
        "_descriptor",
        "_durability",
        "_identity",
        "_owner",
        "_synced",
        "_system",
        "_target",
        "failure",
        "path",
        "process",
        "run",
        "written",
    )

    def __init__(
        self,
        path: Path,
        descriptor: int,
        *,
        run: str,
        target: Path | None,
        durability: Durability,
        clock: Clock,
        system: System,
    ) -> None:
        self.path = path
        self.run = run
        self.process = new_token(system)
        self.written = 0
        self.failure: CassetteWriteError | None = None
        self._target = target
        self._descriptor = descriptor
        self._durability = durability
        self._clock = clock
        self._system = system
        self._synced = clock.now()
        self._owner = system.getpid()
        status = system.fstat(descriptor)
        self._identity = (status.st_dev, status.st_ino)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        mode: Mode = "new",
        durability: Durability = "interval",
        body_limit: int = BODY_LIMIT,
        redaction: str = "none",
        clock: Clock | None = None,
        system: System = SYSTEM,
    ) -> Journal:
        """Begin a run: make the file, or take up the one that is there, and write a header line.

        `new` refuses a path that exists. `append` adds a run behind what is there, after checking that it is a
        cassette. `overwrite` writes beside the path and replaces it on `close`, so that the old cassette stays whole
        until the new one is. Raises CassetteExistsError, CassetteWriteError, UsageError.
        """
        target = Path(path).absolute()
        clock = clock or Clock(system)
        place = target
        if mode == "overwrite":
            if target.is_dir():
                raise CassetteWriteError(f"{target} is a folder; name a file in it")
            place = target.with_name(target.name + ".new")
        descriptor, fresh = _open_for_run(place, mode, system)
        try:
            journal = cls(
                place,
                descriptor,
                run=new_token(system, 6),
                target=target if mode == "overwrite" else None,
                durability=durability,
                clock=clock,
                system=system,
            )
            lead = b"" if fresh else _check_appendable(place, descriptor, system)
            header = {
                "type": "header",
                "format": FORMAT,
                "created_at": clock.stamp(clock.now()),
                "run": journal.run,
                "process": journal.process,
                "recorder": f"cassette-tools {__version__}",
                "python": platform.python_version(),
                "platform": f"{sys.platform}-{platform.machine()}",
                "redaction": redaction,
                "body_limit": body_limit,
            }
            journal._begin(lead + orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE))
        except BaseException:
            system.close(descriptor)
            if fresh:
                system.unlink(place)
            raise
        return journal

    @classmethod
    def join(
        cls,
        path: str | os.PathLike[str],
        *,
        run: str,
        durability: Durability = "none",
        clock: Clock | None = None,
        system: System = SYSTEM,
    ) -> Journal:
        """Take part in a run that another process began: open its cassette for appending, write nothing yet.

        Raises CassetteNotFoundError, CassetteWriteError.
        """
        place = Path(path).absolute()
        try:
            descriptor = system.open(place, _APPEND)
        except FileNotFoundError as error:
            raise CassetteNotFoundError(
                f"{place} is gone; was the recording that started this process moved?"
            ) from error
        except OSError as error:
            raise _cannot_open(place, error) from error
        return cls(
            place, descriptor, run=run, target=None, durability=durability, clock=clock or Clock(system), system=system
        )

    def append(self, record: bytes) -> bool:
        """Write one whole record.

        False when the journal has failed, now or before; `failure` says why. Never raises OSError.
        """
        if self.failure is not None:
            return False
        try:
            self._write(record)
            self.written += len(record)
            if self._durability != "none":
                self._sync_when_due()
        except OSError as error:
            self._fail(error)
            return False
        return True

    def sync(self) -> bool:
        """Force what is written to the disk.

        A failed one is final (the kernel may have dropped the pages: no second try can tell).
        """
        if self.failure is not None:
            return False
        try:
            self._system.fdatasync(self._descriptor)
        except OSError as error:
            self._fail(error)
            return False
        return True

    def end(self, counts: dict[str, Any]) -> bool:
        """Write the end line of this process with the given counts."""
        line = {
            "type": "end",
            "run": self.run,
            "process": self.process,
            "ended_at": self._clock.stamp(self._clock.now()),
            **counts,
        }
        return self.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def after_fork(self) -> None:
        """Become the journal of a forked child: a token of its own, counts from zero.

        The descriptor is shared, and may be.
        """
        self.process = new_token(self._system)
        self.written = 0

    def close(self) -> None:
        """Force to disk, close, and put an overwriting recording in the place of the old one.

        Calling it again does nothing.

        Raises CassetteWriteError when the replacement fails; the recording is then beside the target.
        """
        if self._descriptor < 0:
            return
        if self._durability != "none":
            self.sync()
        descriptor, self._descriptor = self._descriptor, -1
        if self._is_ours(descriptor):
            self._system.close(descriptor)
        if self._target is not None and self._owner == self._system.getpid():
            self._replace(self._target)

    def discard(self) -> None:
        """Close and remove a cassette that this journal created: its run did not begin after all."""
        descriptor, self._descriptor = self._descriptor, -1
        if self._is_ours(descriptor):
            self._system.close(descriptor)
            self._system.unlink(self.path)

    def _begin(self, header: bytes) -> None:
        if not self.append(header) and self.failure is not None:
            raise self.failure

    def _write(self, record: bytes) -> None:
        for attempt in (1, 2):
            self._check_descriptor()
            try:
                count = self._system.write(self._descriptor, record)
            except InterruptedError:
                # Python repeats an interrupted write itself (PEP 475); one more try is for systems that still say it.
                if attempt == 1:
                    continue
                raise
            if count == len(record):
                return
            # Short: the disk is filling up, or a limit is near. The rest must not follow on its own, another process
            # may have written since. Take the torn bytes off and try the whole record once more: the second try names
            # the reason.
            if not self._take_back(record[:count]) or attempt == 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _take_back(self, torn: bytes) -> bool:
        """Cut `torn` off the end of the file, if it is still the end."""
        size = self._system.fstat(self._descriptor).st_size
        start = size - len(torn)
        if start < 0:
            return False
        self._system.lseek(self._descriptor, start, os.SEEK_SET)
        if self._system.read(self._descriptor, len(torn)) != torn:
            return False
        self._system.ftruncate(self._descriptor, start)
        return True

    def _check_descriptor(self) -> None:
        """Open the file again when the program closed our descriptor; daemons close them all.

        Looked at before each write: the number may by now be another file of the program's.
        """
        if self._descriptor >= 0 and self._is_ours(self._descriptor):
            return
        if self._descriptor < 0:
            raise OSError(errno.EBADF, "the journal is closed")
        descriptor = self._system.open(self.path, _APPEND)
        status = self._system.fstat(descriptor)
        if (status.st_dev, status.st_ino) != self._identity:
            self._system.close(descriptor)
            raise OSError(errno.ESTALE, "the cassette was replaced by another file")
        self._descriptor = descriptor

    def _is_ours(self, descriptor: int) -> bool:
        try:
            status = self._system.fstat(descriptor)
        except OSError as error:
            if error.errno == errno.EBADF:
                return False
            raise
        return (status.st_dev, status.st_ino) == self._identity

    def _sync_when_due(self) -> None:
        now = self._clock.now()
        if self._durability == "record" or now - self._synced > SYNC_INTERVAL * 1e9:
            self._synced = now
            self._system.fdatasync(self._descriptor)

    def _replace(self, target: Path) -> None:
        if self.failure is not None:
            return  # an incomplete recording never takes the place of a whole one
        try:
            self._system.replace(self.path, target)
        except OSError as error:
            raise CassetteWriteError(
                f"{target}: cannot be replaced ({error.strerror}); the recording is in {self.path}"
            ) from error

    def _fail(self, error: OSError) -> None:
        step = {
            errno.ENOSPC: "free space or record to another disk",
            errno.EDQUOT: "raise the quota or record to another disk",
            errno.EFBIG: "raise the limit on file sizes or record less",
            errno.EIO: "check the disk",
        }.get(error.errno or 0, "check the path and its file system")
        self.failure = CassetteWriteError(
            f"{self.path}: {error.strerror or error}; recording stopped, the file holds everything up to here; {step}"
        )


def new_token(system: System = SYSTEM, size: int = 4) -> str:
    """Draw a random token of `size` bytes, in hexadecimal."""
    return system.urandom(size).hex()


def _open_for_run(place: Path, mode: Mode, system: System) -> tuple[int, bool]:
    """Open the file of a new run. Tells whether it was made just now."""
    if mode not in ("new", "append", "overwrite"):
        raise UsageError(f"mode is {mode!r}; give one of new, append, overwrite")
    try:
        return system.open(place, _APPEND | os.O_CREAT | os.O_EXCL, _PRIVATE), True
    except FileExistsError as error:
        if mode == "new":
            raise CassetteExistsError(f"{place} exists already; choose append or overwrite, or another path") from error
        if mode == "overwrite":
            raise CassetteExistsError(
                f"{place} is there: a recording that is running, or one that was killed; "
                "rename it to keep it, or delete it"
            ) from error
    except OSError as error:
        raise _cannot_open(place, error) from error
    try:
        return system.open(place, _APPEND), False
    except OSError as error:
        raise _cannot_open(place, error) from error


def _check_appendable(place: Path, descriptor: int, system: System) -> bytes:
    """Make sure that the file is a cassette of this format.

    Gives what must stand before the new header: a line end after a torn tail.
    """
    head = system.read(descriptor, 4096)
    if not head:
        return b""
    first = head.split(b"\n", 1)[0]
    if not first.startswith(b'{"type":"header"'):
        raise UsageError(f"{place} is no cassette: nothing was appended; give another path")
    if b'"format":%d,' % FORMAT not in first:
        raise UsageError(f"{place} has another format version than {FORMAT}: nothing was appended; give another path")
    system.lseek(descriptor, -1, os.SEEK_END)
    return b"" if system.read(descriptor, 1) == b"\n" else b"\n"


def _cannot_open(place: Path, error: OSError) -> CassetteWriteError:
    step = {
        errno.ENOENT: f"make the folder {place.parent} first",
        errno.EISDIR: "name a file in it",
        errno.EACCES: "choose a folder that you may write to",
        errno.EROFS: "choose a folder that can be written to",
        errno.EEXIST: "name a file in it",
    }.get(error.errno or 0, "choose another path")
    return CassetteWriteError(f"{place} cannot be opened for writing ({error.strerror}); {step}")
