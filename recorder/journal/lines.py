"""Physical lines of a byte stream, in bounded memory.

Law: the buffer holds the line at hand and at most one block beside it, whatever the stream holds. A line over the
bound is passed over without being held. Nothing here knows JSON; the one thing known about records is the mark that
begins them, by which two records that share one physical line are told apart.
"""

from __future__ import annotations

import io
import os
import tempfile
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final

from recorder.errors import CassetteNotFoundError, CassetteReadError, NotACassetteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["BLOCK", "ENDED", "LAST", "MARK", "OVERLONG", "TORN", "Source", "Window"]

MARK: Final = b'{"type":"'
"""Begins every record that a recorder writes, and stands nowhere else in one."""

BLOCK = 1 << 20
"""Bytes that one read asks for."""

ENDED: Final = 0
"""The span is a line that ended with a line feed."""
LAST: Final = 1
"""The span is what stands after the last line feed."""
TORN: Final = 2
"""The span is the beginning of an overlong line, up to a record that is glued behind it."""
OVERLONG: Final = 3
"""The span is longer than the bound; its bytes are no longer held."""


class Source:
    """A path or binary stream as blocks from its beginning, and as pieces from anywhere if it is seekable.

    Offsets count from where the stream stood when it was handed over. A stream that was handed over is left open.
    """

    __slots__ = ("_file", "_moved", "_owned", "_position", "_start", "name", "seekable")

    def __init__(self, source: str | os.PathLike[str] | BinaryIO, name: str | None = None) -> None:
        self._owned = isinstance(source, (str, os.PathLike))
        self._file: Any = _open(source) if isinstance(source, (str, os.PathLike)) else source
        self.name = name or _name(source)
        self.seekable = bool(self._file.seekable())
        self._start = self._file.tell() if self.seekable else 0
        self._position = 0
        self._moved = False

    def fill(self, view: memoryview) -> int:
        """Read the next bytes into `view`. 0 is the end. Raises CassetteReadError."""
        try:
            if self._moved:
                self._file.seek(self._start + self._position)
                self._moved = False
            count = self._file.readinto(view)
        except (OSError, EOFError) as error:
            raise self._failed(error) from error
        except ValueError as error:
            raise UsageError(f"{self.name}: the reader is closed; open it again to go on.") from error
        if count is None:
            raise CassetteReadError(f"{self.name}: nothing to read yet; make the stream a blocking one.")
        self._position += count
        return int(count)

    def at(self, offset: int, size: int) -> bytes:
        """Read up to `size` bytes at `offset`; fewer where the file has become shorter. Only for seekable sources."""
        self._moved = True
        try:
            self._file.seek(self._start + offset)
            parts = []
            while size > 0 and (part := self._file.read(size)):
                parts.append(part)
                size -= len(part)
        except (OSError, EOFError) as error:
            raise self._failed(error) from error
        except ValueError as error:
            raise UsageError(f"{self.name}: the reader is closed; read bodies before closing it.") from error
        return b"".join(parts)

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._owned:
            self._file.close()

    def _failed(self, error: Exception) -> CassetteReadError:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return CassetteReadError(
            f"{self.name}: reading failed: {reason}. Check the disk or the stream, then try again."
        )


class Spool:
    """Lines of a stream that cannot be read twice, in a file without a name, until nobody needs them any more."""

    __slots__ = ("_file", "_size")

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._size = 0

    def add(self, data: bytes | bytearray) -> int:
        """Keep `data`; gives its offset."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives until close
        offset = self._size
        try:
            self._file.seek(offset)
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            reason = error.strerror or "an I/O error"
            raise CassetteReadError(
                f"{tempfile.gettempdir()}: long bodies of a stream could not be kept: {reason}. "
                "Free some space or set TMPDIR, or read the cassette from a file."
            ) from error
        self._size += len(data)
        return offset

    def at(self, offset: int, size: int) -> bytes:
        """Read what was kept."""
        if self._file is None:
            return b""
        self._file.seek(offset)
        return self._file.read(size)

    def clear(self) -> None:
        """Give the space back."""
        if self._file is not None and self._size:
            self._file.truncate(0)
        self._size = 0

    def close(self) -> None:
        """Close the file, which removes it."""
        if self._file is not None:
            self._file.close()


class Window:
    """The part of a source that is in memory: at most `max_line` bytes and one block.

    `buffer`, of which `filled` bytes count, and `base` (the offset of its first byte) are valid until the next span
    is asked for. `number` counts physical lines from 1. `opening` holds the first bytes of the source, to tell what
    it is. `only_nul` tells of the last overlong span whether it was all NUL bytes.
    """

    __slots__ = ("_max_line", "_on_progress", "_source", "base", "buffer", "filled", "number", "only_nul", "opening")

    def __init__(self, source: Source, *, max_line: int, on_progress: Callable[[int], None] | None) -> None:
        self._source = source
        self._max_line = max_line
        self._on_progress = on_progress
        self.filled = 0
        self.buffer = bytearray(BLOCK)
        self.base = 0
        self.number = 1
        self.opening = b""
        self.only_nul = False

    def spans(self) -> Iterator[tuple[int, int, int]]:
        """Yield (start, end, how) of each line in the buffer, without its line feed. An overlong one starts below 0."""
        start = seen = 0
        longest = self._max_line
        while True:
            end = self.buffer.find(b"\n", seen, self.filled)
            if 0 <= end <= start + longest:
                yield start, end, ENDED
                self.number += 1
                start = seen = end + 1
                continue
            if self.filled - start > longest:
                start, end, how, after = self._pass_over(start)
                yield start, end, how
                self.number += after - end
                start = seen = after
                continue
            kept, base = self.filled - start, self.base
            grown = self._refill(start)
            start -= self.base - base
            seen = start + kept
            if not grown:
                if kept:
                    yield start, seen, LAST
                return

    def _pass_over(self, start: int) -> tuple[int, int, int, int]:
        """Find the end of an overlong line, or a record glued behind its beginning.

        Gives its start, its end, how it ended, and where to go on.
        """
        keep = len(MARK) - 1
        seen = counted = start
        self.only_nul = True
        after = start
        while True:
            feed = self.buffer.find(b"\n", seen, self.filled)
            end = self.buffer.find(MARK, max(seen, start + 1), self.filled if feed < 0 else feed)
            if end < 0:
                end = feed
            upto = self.filled if end < 0 else end
            self.only_nul = self.only_nul and self.buffer.count(0, counted, upto) == upto - counted
            if end >= 0:
                after = end + 1 if end == feed else end
                break
            filled, base = self.filled, self.base
            grown = self._refill(max(0, filled - keep))
            start -= self.base - base
            counted = filled - (self.base - base)
            seen = max(0, counted - keep)
            if not grown:
                end = after = self.filled
                break
        return start, end, OVERLONG if end - start > self._max_line else TORN, after

    def _refill(self, start: int) -> bool:
        """Read more behind what is held from `start` on. False at the end of the source. May move it: see `base`."""
        if len(self.buffer) - self.filled < BLOCK // 4 or start == self.filled:
            self._make_room(start)
        with memoryview(self.buffer) as view:
            count = self._source.fill(view[self.filled :])
        self.filled += count
        if not self.base and len(self.opening) < _OPENING:
            self.opening = bytes(self.buffer[: min(self.filled, _OPENING)])
        if self._on_progress is not None:
            self._on_progress(self.base + self.filled)
        return count > 0

    def _make_room(self, start: int) -> None:
        """Drop what is in front of `start`. Shrink a buffer that a long line has left behind, grow one that is full."""
        kept = self.filled - start
        if len(self.buffer) > 4 * BLOCK and kept < BLOCK:
            self.buffer = self.buffer[start : self.filled] + bytes(2 * BLOCK - kept)
        elif start:
            self.buffer[:kept] = self.buffer[start : self.filled]
        self.base += start
        self.filled = kept
        if len(self.buffer) - kept < BLOCK // 4:
            self.buffer += bytes(min(kept, max(self._max_line - kept, 0)) + BLOCK)


_OPENING = 1024


def _open(path: str | os.PathLike[str]) -> io.FileIO:
    try:
        return io.FileIO(os.fspath(path), "rb")
    except IsADirectoryError as error:
        raise NotACassetteError(f"{os.fspath(path)}: not a cassette: it is a directory. Give a file in it.") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CassetteNotFoundError(f"{os.fspath(path)}: there is no such file. Check the path.") from error
    except OSError as error:
        reason = error.strerror or "an I/O error"
        raise CassetteReadError(f"{os.fspath(path)}: cannot be opened: {reason}. Check its permissions.") from error
    except ValueError as error:  # a NUL character in the path
        raise CassetteNotFoundError(f"{os.fspath(path)!r}: no file can have this name. Check the path.") from error


def _name(source: str | os.PathLike[str] | BinaryIO) -> str:
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "<stream>"
