"""Opens the cassette that a command names, of whatever format, as lines of this toolkit's own.

Law: a plain JSONL cassette is read as it lies, at the speed of `recorder.journal`. Every other input (another format, a
packed file, a stream) becomes the same lines while it is read, so that whoever reads lines reads every format. Nothing
is written, but where `seekable` asks for it: then into a file without a name. "-" is the standard input.

Memory: what the reader holds (`recorder.journal.read.Reader`), and what the format's own reader does (`Format.holds`).
"""

# ruff: noqa: PLC0415 - a plain cassette, which is the everyday case, is read without loading other formats

from __future__ import annotations

import io
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from cassette_tools.input_stream import open_input
from recorder.errors import CassetteReadError, NotACassetteError
from recorder.journal.lines import MARK, Source
from recorder.journal.read import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from cassette_tools.input_stream import InputStream, Remark
    from recorder.journal.read import Damage, Mode

__all__ = ["Facts", "OpenCassette", "facts_of", "file_size", "open_cassette"]

_FRESH: Final = 10.0
"""Seconds. A recording that was written to this lately, and has no end line, may well go on."""

_JSONL: Final = ("jsonl", "cassette JSONL")


@dataclass(frozen=True, slots=True)
class Facts:
    """The file: its name for messages, its size in bytes, its damage, and whether it is still being written.

    `format` is the name of its format, as --from takes it, and `title` what people call it. `remarks` are what a
    reader of another format found doubtful.
    """

    name: str
    size: int
    mode: Mode
    growing: bool
    damage: Sequence[Damage]
    format: str = _JSONL[0]
    title: str = _JSONL[1]
    remarks: Sequence[Remark] = ()


class OpenCassette:
    """An open input as lines. `reader` gives them; `format` and `title` tell what the input is written in.

    `is_plain`: the reader reads the file itself, so that offsets are those of the file. A context manager.
    """

    def __init__(
        self,
        reader: Reader,
        stream: InputStream | None = None,
        *,
        format_name: str = _JSONL[0],
        title: str = _JSONL[1],
        held: IO[bytes] | None = None,
    ) -> None:
        self.reader = reader
        self.format = format_name
        self.title = title
        self.is_plain = stream is None
        self._stream = stream
        self._held = held

    @property
    def name(self) -> str:
        """The input, for messages."""
        return self.reader.name

    @property
    def taken(self) -> int | None:
        """Bytes of the input that were read so far, packed as it is; None where the reader counts them itself."""
        return None if self._stream is None else self._stream.taken

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What is doubtful, as far as it was read."""
        return () if self._stream is None else tuple(self._stream.remarks.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the input."""
        self.reader.close()
        if self._stream is not None:
            self._stream.close()
        if self._held is not None:
            self._held.close()


def open_cassette(
    cassette: str,
    *,
    mode: Mode,
    types: Collection[str],
    bodies: bool = False,
    source: str | None = None,
    seekable: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> OpenCassette:
    """Open a cassette for reading the lines of `types`; see `Reader` for `mode` and `bodies`.

    `source` is a format as --from names it, None to tell by content. With `seekable` any line and any body can be read
    again at any time, in any order: what cannot be read so by itself is put, as lines, into a file without a name.
    `on_progress` is called with the bytes of the input that were read so far.

    Raises CassetteNotFoundError, CassetteReadError, NotACassetteError; and while it is read what `Reader`
    raises, and BadCassetteError from the reader of another format.
    """
    stream = open_input(cassette)
    try:
        stream.mode = mode
        chosen = _format_of(stream, source)
        if chosen is None and stream.path is not None:
            stream.close()
            return OpenCassette(Reader(cassette, mode=mode, types=types, bodies=bodies, on_progress=on_progress))
        stream.on_progress = on_progress
        lines: Any = stream if chosen is None else _Lines(_written(stream, chosen))
        held = _held(lines) if seekable else None
        start: Any = held or lines
        reader = Reader(Source(start, name=stream.name), mode=mode, types=types, bodies=bodies)
    except BaseException:
        stream.close()
        raise
    if chosen is None:
        return OpenCassette(reader, stream, held=held)
    return OpenCassette(reader, stream, format_name=chosen.name, title=chosen.title, held=held)


def file_size(cassette: str) -> int | None:
    """Return the size of a regular file in bytes; None for the standard input, and for what cannot be told."""
    if cassette == "-":
        return None
    try:
        return Path(cassette).stat().st_size
    except (OSError, ValueError):
        return None  # opening it tells why, in better words


def facts_of(cassette: str, opened: OpenCassette, read: int) -> Facts:
    """Return what is known after the reader came to the end, having read `read` bytes of a plain cassette."""
    reader = opened.reader
    size = file_size(cassette)
    growing = False
    if size is not None and opened.is_plain and not reader.finished:
        growing = size > read or _is_fresh(cassette)
    return Facts(
        name=reader.name,
        size=read if opened.taken is None else opened.taken,
        mode=reader.mode,
        growing=growing,
        damage=tuple(reader.damage),
        format=opened.format,
        title=opened.title,
        remarks=opened.remarks,
    )


def _is_fresh(cassette: str) -> bool:
    """Tell whether a file was written to a moment ago."""
    try:
        return time.time() - Path(cassette).stat().st_mtime < _FRESH
    except OSError:
        return False  # it went away meanwhile


def _format_of(stream: InputStream, source: str | None) -> Any:  # noqa: ANN401 - a Format, whose module is not loaded here
    """Give the format of another tool that an input is in; None for a cassette of ours."""
    if source == _JSONL[0] or (source is None and stream.head.text.startswith(MARK)):
        return None
    from cassette_tools.formats import format_named
    from cassette_tools.recognition import recognize

    if source is not None:
        return format_named(source, reading=True)
    try:
        chosen = recognize(stream)
    except NotACassetteError:
        if stream.mode == "skip" or MARK in stream.head.text or not stream.head.raw.strip(b"\0\r\n\t "):
            return None  # a damaged cassette of ours; its reader tells what of it can be read, and how
        raise
    return None if chosen.name == _JSONL[0] else chosen


def _written(stream: InputStream, chosen: Any) -> Iterator[bytes]:  # noqa: ANN401 - see _format_of
    """Give what an input of another format holds, as lines of ours."""
    from cassette_tools.formats import WriteOptions
    from cassette_tools.formats.cassette_jsonl import write
    from cassette_tools.interaction import Interaction

    def marked() -> Iterator[Any]:
        for element in chosen.read(stream):
            if isinstance(element, Interaction) and element.origin is None:
                element.origin = chosen.family
            yield element

    return write(marked(), WriteOptions())


class _Lines(io.RawIOBase):
    """Pieces of bytes as a stream. Memory: one piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._waiting = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - any writable buffer
        filled, room = 0, len(buffer)
        while filled < room:
            if not self._waiting:
                self._waiting = memoryview(next(self._pieces, b""))
                if not self._waiting:
                    break
            count = min(room - filled, len(self._waiting))
            buffer[filled : filled + count] = self._waiting[:count]
            self._waiting = self._waiting[count:]
            filled += count
        return filled


def _held(lines: io.RawIOBase) -> IO[bytes]:
    """Put a stream into a file without a name, for reading at any place."""
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives until the cassette is closed
    buffer = bytearray(1 << 18)
    view = memoryview(buffer)
    try:
        while count := lines.readinto(view):
            part = view[:count]
            while part:
                part = part[_keep(file, part) :]
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _keep(file: IO[bytes], part: memoryview) -> int:
    try:
        return file.write(part)
    except OSError as error:
        raise CassetteReadError(
            f"{tempfile.gettempdir()}: the cassette has to be kept there while it is compared, and that failed: "
            f"{error.strerror or 'an I/O error'}. Free some space, or set TMPDIR to another folder."
        ) from error
