"""Reading a cassette while it is being written.

Law: a line is given when its line feed is there, never before. The file is looked at again a few times a second and
is never locked or written to. It ends when the run at hand has ended cleanly and nothing follows it; a killed run
never ends, so that only the caller (`stop`, an interrupt) can end the waiting.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.errors import CassetteDamagedError, CassetteReadError, RecorderError, UsageError
from recorder.journal.lines import Source
from recorder.journal.read import MAX_LINE, Mode, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["POLL", "follow"]

POLL = 0.2
"""Seconds between two looks at a file that does not grow."""


def follow(
    path: str | os.PathLike[str],
    *,
    mode: Mode = "tail",
    max_line: int = MAX_LINE,
    types: Collection[str] | None = None,
    on_progress: Callable[[int], None] | None = None,
    poll: float = POLL,
    sleep: Callable[[float], object] = time.sleep,
    stop: Callable[[], bool] = lambda: False,
) -> Reader:
    """Open a recording in progress: a reader whose iteration waits for more where the file ends.

    It ends after the end line of the run at hand, or when `stop`, asked at each look, says true; a line that is only
    half written then is left out. `sleep` is called with `poll`, in seconds. All else is as with `Reader`.

    Raises what Reader raises, UsageError for what is no file that can grow, and while iterating CassetteDamagedError
    when the file became shorter, CassetteReadError when it was removed or replaced.
    """
    source = _Growing(path, poll, sleep, stop)
    reader = Reader(source, mode=mode, max_line=max_line, types=types, on_progress=on_progress)
    source.is_over = lambda: reader.finished
    return reader


class _Growing(Source):
    """A file whose end is not final. Hands out whole lines, except where one is longer than the room for it."""

    __slots__ = ("_path", "_poll", "_sleep", "_stop", "is_over")

    def __init__(
        self,
        path: str | os.PathLike[str],
        poll: float,
        sleep: Callable[[float], object],
        stop: Callable[[], bool],
    ) -> None:
        super().__init__(path)
        self._path = path
        self._poll = poll
        self._sleep = sleep
        self._stop = stop
        self.is_over: Callable[[], bool] = lambda: False
        if not self.seekable:
            self.close()
            raise UsageError(f"{self.name}: only a file can be followed. Read a stream without following it.")

    def fill(self, view: memoryview) -> int:
        """Read whole lines into `view`, waiting for them. 0: the run is over, or the caller wants to stop."""
        while True:
            trouble = self._trouble()
            count = self._fill_lines(view)
            if count:
                return count
            if self.is_over() and self._at_end():
                return 0
            if trouble is not None:
                raise trouble
            if self._stop():
                return 0
            self._sleep(self._poll)

    def _fill_lines(self, view: memoryview) -> int:
        """Read, and give back what follows the last line feed: its writer may not be through, or may take it back."""
        count = super().fill(view)
        if count == len(view):
            return count
        whole = bytes(view[:count]).rfind(b"\n") + 1
        self._position -= count - whole
        self._moved = True
        return whole

    def _at_end(self) -> bool:
        return os.fstat(self._file.fileno()).st_size == self._position

    def _trouble(self) -> RecorderError | None:
        """Tell what happened to the file, if it is no longer the one that was opened, or not all of it."""
        try:
            opened = os.fstat(self._file.fileno())
            found = Path(self._path).stat()
        except FileNotFoundError:
            return CassetteReadError(f"{self.name}: the file was removed while it was followed.")
        except OSError as error:
            return self._failed(error)
        except ValueError:  # closed: the read that follows says so
            return None
        if (opened.st_dev, opened.st_ino) != (found.st_dev, found.st_ino):
            return CassetteReadError(f"{self.name}: the file was replaced while it was followed. Follow it anew.")
        if opened.st_size < self._position:
            return CassetteDamagedError(f"{self.name}: the file became shorter while it was followed. Follow it anew.")
        return None
