"""The writing side of a cassette.

Law: one record is one `write` on a descriptor opened with O_APPEND, or it is nothing. A record is never split over
two calls, never held back, never written twice. There is no lock: the kernel orders appends of threads and processes,
so a fork, a signal handler or a garbage collection in the middle of an append cannot dead-lock.

What fails is final: after one failed write or sync the journal takes no more records. It then takes its own torn
bytes off the end of the file, if they are still the end, so that every reader can read up to there.

A file that was there before is never damaged: what this module did not make it does not remove, and the beginning of a
run that did not come about is taken back.
"""

from __future__ import annotations

import errno
import os
import platform
import stat
import sys
from contextlib import suppress
from pathlib import Path
from threading import get_ident
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
_LONGEST_HEADER: Final = 64 * 1024
"""Bytes within which the header line of a cassette that is appended to must end."""
_PATIENCE: Final = 5000
"""Milliseconds, about, for which `close` waits for other threads that are writing a record at that moment."""


class Journal:
    """One cassette, open for appending. Made by `create` or `join`.

    `path` is where records go now: for an overwriting recording the file beside the target, until `close` renames it.
    `run` and `process` are the tokens that lines carry. `written` counts bytes of whole records of this process.
    `failure` is None, or the CassetteWriteError that ended it. Holds no record: memory is that of the one line being
    written.

    A program that closes the journal's descriptor, or that puts a file of its own under the same number, does not
    disturb it: the file is opened again by its path. A cassette that is moved is recorded on where it is now; one that
    is deleted, or replaced by another file, is a failure.
    """

    __slots__ = (
        "_clock",
        "_closed",
        "_descriptor",
        "_durability",
        "_identity",
        "_linked",
        "_opening",
        "_owner",
        "_synced",
        "_system",
        "_target",
        "_writing",
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
        self._closed = False
        self._descriptor = descriptor
        self._durability = durability
        self._clock = clock
        self._system = system
        self._synced = clock.now()
        self._owner = system.getpid()
        status = system.fstat(descriptor)
        self._identity = (status.st_dev, status.st_ino)
        self._linked = status.st_nlink > 0  # some file systems in user space count no links
        self._opening: bytes | None = None  # what `discard` takes back of a file that was there before
        self._writing: list[int] = []  # the threads inside `append`; adding and removing one is atomic

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        mode: Mode = "new",
        durability: Durability = "interval",
        body_limit: int = BODY_LIMIT,
        redaction: str | dict[str, Any] = "none",
        clock: Clock | None = None,
        system: System = SYSTEM,
    ) -> Journal:
        """Begin a run: make the file, or take up the one that is there, and write a header line.

        `new` refuses a path that exists. `append` adds a run behind what is there, after checking that it is a
        cassette. `overwrite` writes beside the path and replaces it on `close`, so that the old cassette stays whole
        until the new one is; what replaces it gets its permissions, and where the path is a symbolic link, what the
        link names is replaced. A new file can be read by its owner alone. Raises CassetteExistsError,
        CassetteWriteError, UsageError; every file is then as it was.
        """
        clock = clock or Clock(system)
        place, target = _where(path, mode, system)
        descriptor, fresh = _open_for_run(place, mode, system)
        journal: Journal | None = None
        try:
            lead = b"" if fresh else _check_appendable(place, descriptor, system)
            journal = cls(
                place,
                descriptor,
                run=new_token(system, 6),
                target=target,
                durability=durability,
                clock=clock,
                system=system,
            )
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
            journal._begin(lead + orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE), fresh=fresh)
        except BaseException as error:
            with suppress(OSError):  # here and below: the error at hand is what matters
                if fresh:
                    system.unlink(place)
                elif journal is not None and journal._opening is not None:
                    journal._take_back(descriptor, journal._opening)
            with suppress(OSError):
                system.close(descriptor)
            if isinstance(error, OSError):
                raise _cannot_open(place, error) from error
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
        clock = clock or Clock(system)
        try:
            descriptor = system.open(place, _APPEND)
        except FileNotFoundError as error:
            raise CassetteNotFoundError(
                f"{place} is gone; was the recording that started this process moved?"
            ) from error
        except OSError as error:
            raise _cannot_open(place, error) from error
        try:
            return cls(place, descriptor, run=run, target=None, durability=durability, clock=clock, system=system)
        except OSError as error:
            with suppress(OSError):  # the error at hand is what matters
                system.close(descriptor)
            raise _cannot_open(place, error) from error

    def append(self, record: bytes) -> bool:
        """Write one whole record. True when all of it is in the file.

        False when the journal is closed, or has failed, now or before; `failure` then says why. Never raises OSError.
        """
        writing = self._writing
        thread = get_ident()
        writing.append(thread)
        try:
            if self._closed or self.failure is not None:
                return False
            self._write(record)
            size = len(record)
            self.written += size  # no call in between: a switch of threads here cannot lose an addition
            if self._durability != "none":
                self._sync_when_due()
        except OSError as error:
            self._fail(error)
            return False
        finally:
            writing.remove(thread)
        return True

    def sync(self) -> bool:
        """Force what is written to the disk.

        A failed one is final (the kernel may have dropped the pages: no second try can tell).
        """
        if self._closed or self.failure is not None:
            return False
        return self._force()

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
        self._writing = []  # the other threads of the parent are not here

    def close(self) -> None:
        """Force to disk, close, and put an overwriting recording in the place of the old one.

        Calling it again does nothing. A recording that failed before takes nobody's place, and its failure is known.
        Raises CassetteWriteError when an overwriting recording fails here; it is then beside its target.
        """
        if self._closed:
            return
        failed_before = self.failure is not None
        if self._durability != "none" and not failed_before:
            self._force()
        self._closed = True
        self._let_go()
        if self._target is not None and self._owner == self._system.getpid() and not failed_before:
            self._replace(self._target)

    def discard(self) -> None:
        """Take back what `create` did: its run did not begin after all.

        A file that it made is removed, one that was there before is as it was. Raises CassetteWriteError.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._opening is not None:
                self._take_back(self._check_descriptor(), self._opening)
            else:
                with suppress(FileNotFoundError):
                    self._system.unlink(self.path)
        except OSError as error:
            raise CassetteWriteError(
                f"{self.path}: the beginning of the run could not be taken back ({error.strerror})"
            ) from error
        finally:
            self._let_go()

    def _begin(self, header: bytes, *, fresh: bool) -> None:
        if self.append(header) and not fresh:
            self._opening = header
        if self.failure is not None:
            raise self.failure
        if self._durability == "record":
            self._sync_folder()

    def _write(self, record: bytes) -> None:
        for last in (False, True):
            descriptor = self._check_descriptor()
            try:
                count = self._system.write(descriptor, record)
            except InterruptedError:
                # Python repeats an interrupted write itself (PEP 475); one more try is for systems that still say it.
                if last:
                    raise
                continue
            if count == len(record):
                return
            # Short: the disk is full, or a limit is reached. The rest must not follow on its own, another process may
            # have written since. Take the torn bytes off, and try the whole record once more.
            reason: OSError | None = None
            if last:
                reason, more = self._ask_reason(descriptor, record[count : count + 1])
                count += more
            taken = self._take_back(descriptor, record[:count])
            if last or not taken:
                raise reason or OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _ask_reason(self, descriptor: int, byte: bytes) -> tuple[OSError | None, int]:
        """Learn why a write was short: the system tells it to the next one. Gives also how many bytes went out."""
        try:
            return None, self._system.write(descriptor, byte)
        except OSError as error:
            return error, 0

    def _take_back(self, descriptor: int, torn: bytes) -> bool:
        """Cut `torn` off the end of the file. False when it is not the end, because others have written since."""
        if not torn:
            return True
        start = self._system.fstat(descriptor).st_size - len(torn)
        # Asks for one byte more: a record that another process appended in this moment shows itself by it.
        if start < 0 or self._system.pread(descriptor, len(torn) + 1, start) != torn:
            return False
        self._system.ftruncate(descriptor, start)
        return True

    def _check_descriptor(self) -> int:
        """Give the descriptor, after making sure that it is still the cassette's.

        Looked at before each write: daemons close all descriptors, and the number may by now be another file of the
        program's.
        """
        descriptor = self._descriptor
        status = self._look_at(descriptor)
        if status is None or (status.st_dev, status.st_ino) != self._identity:
            return self._open_again()
        if self._linked and status.st_nlink == 0:
            raise OSError(errno.ESTALE, "the cassette was deleted, or replaced by another file")
        return descriptor

    def _look_at(self, descriptor: int) -> os.stat_result | None:
        """Give the status of what is open under a number. None when nothing is."""
        try:
            return self._system.fstat(descriptor)
        except OSError as error:
            if error.errno == errno.EBADF:
                return None
            raise

    def _open_again(self) -> int:
        try:
            descriptor = self._system.open(self.path, _APPEND)
        except FileNotFoundError as error:
            raise OSError(errno.ESTALE, "the cassette was deleted or moved") from error
        ours = False
        try:
            status = self._system.fstat(descriptor)
            ours = (status.st_dev, status.st_ino) == self._identity
        finally:
            if not ours:
                self._system.close(descriptor)
        if not ours:
            raise OSError(errno.ESTALE, "the cassette was replaced by another file")
        self._descriptor = descriptor
        return descriptor

    def _sync_when_due(self) -> None:
        now = self._clock.now()
        if self._durability == "record" or now - self._synced > SYNC_INTERVAL * 1e9:
            self._synced = now
            self._force()

    def _force(self) -> bool:
        try:
            self._system.fdatasync(self._check_descriptor())
        except OSError as error:
            self._fail(error)
            return False
        return True

    def _sync_folder(self) -> None:
        """Force the file's name to the disk: POSIX promises it with a sync of the folder, not with the file's."""
        try:
            descriptor = self._system.open(self.path.parent, os.O_RDONLY)
        except OSError:
            return  # Windows, or a folder that may be written to but not read: the file's own sync has to do
        try:
            self._system.fsync(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file system that cannot, and needs none
                raise
        finally:
            self._system.close(descriptor)

    def _let_go(self) -> None:
        """Close the descriptor, if it is ours, and if no other thread is about to write to it.

        The number is given to the next file that the program opens, and a late record would land in that one. So wait
        for others that are in the middle of a write. One that takes longer, or cannot go on (this is a signal handler
        that has interrupted it), keeps the descriptor open for good: a descriptor less is better than a program's file
        damaged. So does a file system that cannot tell whose the descriptor is.
        """
        patience = 0 if get_ident() in self._writing else _PATIENCE
        while self._writing:
            if not patience:
                return
            patience -= 1
            self._system.sleep(0.001)
        descriptor, self._descriptor = self._descriptor, -1
        try:
            status = self._look_at(descriptor)
            if status is not None and (status.st_dev, status.st_ino) == self._identity:
                self._system.close(descriptor)
        except OSError as error:
            self._fail(error)  # network file systems tell here that they could not write

    def _replace(self, target: Path) -> None:
        try:
            if self.failure is not None:
                raise self.failure  # an incomplete recording never takes the place of a whole one
            self._copy_permissions(target)
            self._system.replace(self.path, target)
            if self._durability == "record":
                self._sync_folder()
        except CassetteWriteError as error:
            raise CassetteWriteError(f"{target} was not replaced: {error}") from error
        except OSError as error:
            raise CassetteWriteError(
                f"{target}: cannot be replaced ({error.strerror}); the recording is in {self.path}"
            ) from error

    def _copy_permissions(self, target: Path) -> None:
        """Give the recording the owner and the mode of what it replaces, as writing over that would have kept them."""
        try:
            old = self._system.stat(target)
        except FileNotFoundError:
            return
        descriptor = self._system.open(self.path, _APPEND)
        try:
            new = self._system.fstat(descriptor)
            if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
                with suppress(PermissionError):  # only root may give files away
                    self._system.fchown(descriptor, old.st_uid, old.st_gid)
            self._system.fchmod(descriptor, stat.S_IMODE(old.st_mode))
        finally:
            self._system.close(descriptor)

    def _fail(self, error: OSError) -> None:
        if self.failure is not None:
            return  # another thread was first
        kept = "the file holds everything up to here; "
        step = {
            errno.ENOSPC: "free space or record to another disk",
            errno.EDQUOT: "raise the quota or record to another disk",
            errno.EFBIG: "raise the limit on file sizes or record less",
            errno.EIO: "check the disk",
        }.get(error.errno or 0, "check the path and its file system")
        if error.errno == errno.ESTALE:
            kept, step = "", "record again, and leave the file where it is"
        self.failure = CassetteWriteError(f"{self.path}: {error.strerror or error}; recording stopped, {kept}{step}")


def new_token(system: System = SYSTEM, size: int = 4) -> str:
    """Draw a random token of `size` bytes, in hexadecimal."""
    return system.urandom(size).hex()


def _where(path: str | os.PathLike[str], mode: Mode, system: System) -> tuple[Path, Path | None]:
    """Give the file to write, and the one that it replaces in the end."""
    if mode not in ("new", "append", "overwrite"):
        raise UsageError(f"mode is {mode!r}; give one of new, append, overwrite")
    place = Path(path).absolute()
    if "\0" in str(place):
        raise UsageError(f"{str(place)!r}: no file can have this name; give another path")
    if mode == "new":
        return place, None
    if system.islink(place):
        place = Path(system.realpath(place))
    if mode == "append":
        return place, None
    with suppress(OSError):  # not there yet; or what is wrong shows when the file beside it is made
        _refuse_special(place, system.stat(place))
    return place.with_name(place.name + ".new"), place


def _open_for_run(place: Path, mode: Mode, system: System) -> tuple[int, bool]:
    """Open the file of a new run. Tells whether it was made just now."""
    try:
        with suppress(FileExistsError):
            return system.open(place, _APPEND | os.O_CREAT | os.O_EXCL, _PRIVATE), True
        # Looked at before it is opened: to open a pipe or a device may do something.
        with suppress(FileNotFoundError):  # a link that leads nowhere
            _refuse_special(place, system.stat(place))
        if mode == "append":
            return system.open(place, _APPEND), False
    except OSError as error:
        raise _cannot_open(place, error) from error
    if mode == "new":
        raise CassetteExistsError(f"{place} exists already; choose append or overwrite, or another path")
    raise CassetteExistsError(
        f"{place} is there: a recording that is running, or one that was killed; rename it to keep it, or delete it"
    )


def _refuse_special(place: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise CassetteWriteError(f"{place} is a folder; name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{place} is a device, a pipe or a socket, and a cassette is a file; give another path")


def _check_appendable(place: Path, descriptor: int, system: System) -> bytes:
    """Make sure that the file is a cassette of this format.

    Gives what must stand before the new header: a line end after a torn tail.
    """
    size = system.fstat(descriptor).st_size
    if not size:
        return b""
    first, end, _ = system.pread(descriptor, _LONGEST_HEADER, 0).partition(b"\n")
    try:
        header: Any = orjson.loads(first)
    except orjson.JSONDecodeError:
        header = None
    if not isinstance(header, dict) or header.get("type") != "header":
        if not end and first.startswith(b'{"type":"header"'):
            raise UsageError(f"{place} has a torn header line and nothing behind it; delete it, then record again")
        raise UsageError(f"{place} is no cassette: nothing was appended; give another path")
    if header.get("format") != FORMAT:
        raise UsageError(f"{place} has another format version than {FORMAT}: nothing was appended; give another path")
    return b"" if system.pread(descriptor, 1, size - 1) == b"\n" else b"\n"


def _cannot_open(place: Path, error: OSError) -> CassetteWriteError:
    step = {
        errno.ENOENT: f"make the folder {place.parent} first",
        errno.EISDIR: "name a file in it",
        errno.EACCES: "choose a folder that you may write to",
        errno.EROFS: "choose a folder that can be written to",
        errno.EEXIST: "name a file in it",
    }.get(error.errno or 0, "choose another path")
    return CassetteWriteError(f"{place} cannot be opened for writing ({error.strerror}); {step}")
