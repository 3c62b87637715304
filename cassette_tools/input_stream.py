"""A file to read from its beginning to its end, unpacked on the way where it is gzip or zstd.

Law: read once, in order, in blocks; nothing is kept but the head. What is wrong with the packing is BadCassetteError,
what is wrong with the disk CassetteReadError. Bytes decide whether a file is packed, never its name.

Memory: the head (64 KiB), and the decoder's window: 32 KiB for gzip, 8 MiB for zstd (at most 128 MiB with --ultra).
"""

from __future__ import annotations

import io
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.head import SNIFFED, Head
from recorder.coding import CodingError, open_decoder
from recorder.errors import BadCassetteError, CassetteNotFoundError, CassetteReadError, NotACassetteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from recorder.journal.read import Mode

__all__ = ["BLOCK", "InputStream", "Remark", "open_input"]

BLOCK: Final = 256 * 1024
"""Bytes that are read from the file at a time."""

_MOST_REMARKS: Final = 100
_ZSTD_WINDOW: Final = 1 << 27
_ZSTD_BITE: Final = 256
"""Bytes fed at a time: a block of 4 bytes may say 128 KiB (RFC 8878 section 3.1.1.2), so these give at most 8 MiB."""


class Remark:
    """Something about an input that its user should know. `count` says how often, `place` where first.

    `lost`: something that the input says is not read.
    """

    __slots__ = ("count", "lost", "place", "text")

    def __init__(self, text: str, place: str, *, lost: bool = False) -> None:
        self.text = text
        self.place = place
        self.lost = lost
        self.count = 0


class InputStream(io.RawIOBase):
    """An open input. `name` is for messages, `head` its first bytes; reading begins at the beginning nevertheless.

    `path` is set for a plain file that can be opened again and read from anywhere, and None for a pipe and for what is
    packed. `size` is that of the file in bytes and `taken` counts what was read of it, both as packed; `size` is None
    for a pipe. `remarks` collects what readers `remark`. `mode` says which damage a reader of JSONL puts up with.
    """

    def __init__(
        self, file: io.RawIOBase | io.BufferedIOBase, name: str, *, path: str | None, size: int | None
    ) -> None:
        super().__init__()
        self.name = name
        self.size = size
        self.taken = 0
        self.mode: Mode = "tail"
        self.on_progress: Callable[[int], None] | None = None
        self.remarks: dict[str, Remark] = {}
        self._file = file
        first = self._block()
        self._blocks, packed = self._unpacked(first)
        self.packing: str | None = packed
        self.path = path if packed is None else None
        start = self._gather(SNIFFED + 1)  # one more tells whether there is more
        self.head = Head(start[:SNIFFED], whole=len(start) <= SNIFFED and self._at_end)
        self._waiting = memoryview(start)

    def remark(self, text: str, place: str, *, lost: bool = False) -> None:
        """Tell what is doubtful in the input. `text` is a whole sentence; equal ones are counted, not repeated.

        `lost`: something that the input says is not read; --strict refuses that.
        """
        known = self.remarks.get(text)
        if known is None:
            if len(self.remarks) >= _MOST_REMARKS:
                return
            known = self.remarks[text] = Remark(text, place, lost=lost)
        known.count += 1

    def tell_progress(self, taken: int) -> None:
        """Take note of how many bytes of the file were read, by whomever."""
        self.taken = taken
        if self.on_progress is not None:
            self.on_progress(taken)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - any writable buffer
        """Read some bytes, at least one but at the end. Raises BadCassetteError, CassetteReadError."""
        if not self._waiting:
            self._waiting = memoryview(next(self._blocks, b""))
        count = min(len(buffer), len(self._waiting))
        buffer[:count] = self._waiting[:count]
        self._waiting = self._waiting[count:]
        return count

    def block(self) -> bytes:
        """Give the next bytes, as many as come at a time; none at the end. Quicker than `read`."""
        if self._waiting:
            data, self._waiting = bytes(self._waiting), memoryview(b"")
            return data
        return next(self._blocks, b"")

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _gather(self, size: int) -> bytes:
        parts: list[bytes] = []
        have = 0
        self._at_end = False
        while have < size:
            part = next(self._blocks, b"")
            if not part:
                self._at_end = True
                break
            parts.append(part)
            have += len(part)
        return b"".join(parts)

    def _block(self) -> bytes:
        try:
            data = self._file.read(BLOCK)
        except OSError as error:
            reason = error.strerror or "an I/O error"
            raise CassetteReadError(
                f"{self.name}: reading failed: {reason}. Check the disk or the stream, then try again."
            ) from error
        data = data or b""
        self.tell_progress(self.taken + len(data))
        return data

    def _unpacked(self, first: bytes) -> tuple[Iterator[bytes], str | None]:
        if first[:2] == b"\x1f\x8b":
            return self._from_gzip(first), "gzip"
        if first[:4] == b"\x28\xb5\x2f\xfd":
            return self._from_zstd(first), "zstd"
        return self._plain(first), None

    def _plain(self, first: bytes) -> Iterator[bytes]:
        while first:
            yield first
            first = self._block()

    def _from_gzip(self, data: bytes) -> Iterator[bytes]:
        decoder = open_decoder(["gzip"])
        try:
            while data:
                yield from decoder.feed(data)
                data = self._block()
            decoder.finish()
        except CodingError as error:
            raise self._broken(str(error)) from error

    def _from_zstd(self, data: bytes) -> Iterator[bytes]:
        import zstandard  # noqa: PLC0415 - only where a file needs it

        maker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        frame = None
        try:
            while data:
                for start in range(0, len(data), _ZSTD_BITE):
                    bite = data[start : start + _ZSTD_BITE]
                    while bite:
                        if frame is None or frame.eof:
                            frame = maker.decompressobj()
                        if piece := frame.decompress(bite):
                            yield piece
                        bite = frame.unused_data
                data = self._block()
        except zstandard.ZstdError as error:
            raise self._broken(f"not zstd: {error}") from error
        if frame is not None and not frame.eof:
            raise self._broken("the zstd stream ends early")

    def _broken(self, what: str) -> BadCassetteError:
        return BadCassetteError(
            f"{self.name}, byte {self.taken}: the packed file is broken: {what}. Fetch or make it again."
        )


def open_input(path: str) -> InputStream:
    """Open a file, or the standard input for "-".

    Raises CassetteNotFoundError, CassetteReadError, NotACassetteError for a folder, UsageError for a terminal.
    """
    if path == "-":
        if sys.stdin is None:
            raise UsageError("The standard input is closed. Give a file, or pipe a cassette into it.")
        if sys.stdin.isatty():
            raise UsageError("The standard input is a terminal. Give a file, or pipe a cassette into it.")
        return InputStream(io.FileIO(sys.stdin.fileno(), "rb", closefd=False), "<stdin>", path=None, size=None)
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise NotACassetteError(f"{path}: not a cassette: it is a directory. Give a file in it.")
        regular = stat.S_ISREG(status.st_mode)
        file = io.FileIO(path, "rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CassetteNotFoundError(f"{path}: there is no such file. Check the path.") from error
    except OSError as error:
        reason = error.strerror or "an I/O error"
        raise CassetteReadError(f"{path}: cannot be opened: {reason}. Check its permissions.") from error
    except ValueError as error:  # a NUL character in the path
        raise CassetteNotFoundError(f"{path!r}: no file can have this name. Check the path.") from error
    try:
        return InputStream(file, path, path=path if regular else None, size=status.st_size if regular else None)
    except BaseException:
        file.close()
        raise
