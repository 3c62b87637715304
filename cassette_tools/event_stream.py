r"""Server-sent events: a body of type `text/event-stream` as the events that are in it.

Law: the parsing rules of the WHATWG HTML standard, section 9.2.6 "Interpreting an event stream", read from bytes as
they come, cut anywhere, and it never raises. Nothing is dropped without a word: what a browser discards (a last event
without its blank line, an event without data) is given and marked; what is over the bounds is counted. One thing
differs on purpose: bytes that are no UTF-8 become escapes (`\xff`), where a browser shows U+FFFD for all alike.

Memory: LONGEST_DATA bytes of the event at hand, as many of its line, and one piece.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["LONGEST_DATA", "Event", "EventStream", "events_of", "is_event_stream"]

LONGEST_DATA: Final = 1 << 20
"""Bytes of an event's data that are held."""

_LONGEST_WORD: Final = 4096  # bytes of a name or an id
_MOST_COMMENTS: Final = 8  # of an event
_LONGEST_COMMENT: Final = 200  # characters
_LINE_END: Final = re.compile(rb"\r\n?|\n")
_BOM: Final = b"\xef\xbb\xbf"
_DIGITS: Final = re.compile(rb"[0-9]{1,18}")
_MEDIA: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `number` counts from 1; `name` is "message" where the stream gives none.

    - `data`: its data lines, joined by line feeds; None where it has none (a browser passes such an event over).
    - `id`: what its own `id` line says, None without one. `last_id`: what a browser calls `lastEventId`.
    - `retry`: milliseconds to wait before connecting again, where it says so.
    - `comments`: the comment lines in it and since the event before, at most 8, of 200 characters each.
    - `complete`: false for the last one where its blank line is missing (a browser drops it).
    - `cut`: bytes of its data, its name or its id that were left out for being over the bounds.
    """

    number: int
    name: str = "message"
    data: str | None = None
    id: str | None = None
    last_id: str = ""
    retry: int | None = None
    comments: tuple[str, ...] = ()
    complete: bool = True
    cut: int = 0


def is_event_stream(content_type: str | None) -> bool:
    """Tell whether a Content-Type says that a body is a stream of server-sent events."""
    return content_type is not None and content_type[:1000].partition(";")[0].strip().lower() == _MEDIA


def events_of(pieces: Iterable[bytes], *, longest: int = LONGEST_DATA) -> Iterator[Event]:
    """Give the events of a body that comes in pieces; of each at most `longest` bytes of data.

    Raises nothing but what `pieces` does.
    """
    stream = EventStream(longest=longest)
    for piece in pieces:
        yield from stream.feed(piece)
    yield from stream.finish()


class EventStream:
    """A stream on its way in. `comments` counts the comment lines so far, `invalid` the lines that are no UTF-8."""

    def __init__(self, *, longest: int = LONGEST_DATA) -> None:
        self.comments = 0
        self.invalid = 0
        self._longest = longest
        self._line = bytearray()
        self._line_size = 0
        self._after_return = False
        self._at_start = True
        self._number = 0
        self._last_id = ""
        self._comments: list[str] = []
        self._begin()

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Take the next bytes; give the events that they complete. To be read to its end before the next call."""
        at = 0
        if self._after_return and piece:
            at = 1 if piece.startswith(b"\n") else 0
            self._after_return = False
        for end in _LINE_END.finditer(piece, at):
            if self._line_size:
                self._hold(piece, at, end.start())
                event = self._take_line(bytes(self._line), self._line_size)
                self._line.clear()
                self._line_size = 0
            else:
                event = self._take_line(piece[at : min(end.start(), at + self._room)], end.start() - at)
            at = end.end()
            if event is not None:
                yield event
        self._after_return = piece.endswith(b"\r") or (self._after_return and not piece)
        self._hold(piece, at, len(piece))

    def finish(self) -> Iterator[Event]:
        """Tell that there is no more; give the event that has no blank line behind it."""
        if self._line_size:
            self._take_line(bytes(self._line), self._line_size)
            self._line.clear()
            self._line_size = 0
        event = self._dispatched(complete=False)
        if event is not None:
            yield event

    @property
    def _room(self) -> int:
        """Bytes of a line that are held: the longest data, or word, and its field's name before it."""
        return max(self._longest, _LONGEST_WORD) + 16

    def _hold(self, piece: bytes, start: int, end: int) -> None:
        room = self._room - len(self._line)
        if room > 0:
            self._line += piece[start : min(end, start + room)]
        self._line_size += end - start

    def _begin(self) -> None:
        self._data: list[str] = []
        self._held = 0  # bytes of data
        self._cut = 0
        self._full = False
        self._has_data = False
        self._name = ""
        self._id: str | None = None
        self._retry: int | None = None
        self._has_field = False

    def _take_line(self, line: bytes, size: int) -> Event | None:
        """Take one line, of which `line` is held and which had `size` bytes; give the event that it ends."""
        if self._at_start:
            self._at_start = False
            if line.startswith(_BOM):
                line, size = line[len(_BOM) :], size - len(_BOM)
        if not size:
            return self._dispatched(complete=True)
        field, colon, value = line.partition(b":")
        if colon and value.startswith(b" "):
            value = value[1:]
        if colon and not field:
            self._take_comment(value)
        else:
            self._take_field(field, value, size - len(line))
        return None

    def _take_field(self, field: bytes, value: bytes, missing: int) -> None:
        """Take a field; `missing` bytes of its value are not held."""
        if field == b"data":
            self._take_data(value, missing)
            return
        digits = _DIGITS.fullmatch(value) if field == b"retry" else None
        if field == b"event":
            self._name = self._word(value, missing)
        elif field == b"id" and b"\0" not in value:
            self._id = self._word(value, missing)
        elif digits is not None:
            self._retry = int(digits[0])
        else:
            return
        self._has_field = True

    def _take_comment(self, value: bytes) -> None:
        self.comments += 1
        if len(self._comments) < _MOST_COMMENTS:
            self._comments.append(self._text(value[: 4 * _LONGEST_COMMENT])[0][:_LONGEST_COMMENT])

    def _word(self, value: bytes, missing: int) -> str:
        kept = value[:_LONGEST_WORD]
        left = len(value) - len(kept) + missing
        text, rest = self._text(kept, cut=left > 0)
        self._cut += left + rest
        return text

    def _take_data(self, value: bytes, missing: int) -> None:
        """Keep a data line as far as there is room; `missing` bytes of it were not held as a line already."""
        separator = 1 if self._has_data else 0
        self._has_data = self._has_field = True
        room = self._longest - self._held - separator
        if self._full or room < 0:
            self._full = True
            self._cut += separator + len(value) + missing
            return
        kept = value[:room]
        left = len(value) - len(kept) + missing
        self._full = left > 0
        text, rest = self._text(kept, cut=self._full)
        self._cut += left + rest
        self._data.append(text)
        self._held += separator + len(kept)

    def _dispatched(self, *, complete: bool) -> Event | None:
        if complete and self._id is not None:
            self._last_id = self._id
        if not self._has_field:
            return None  # comments wait for the next event
        self._number += 1
        event = Event(
            number=self._number,
            name=self._name or "message",
            data="\n".join(self._data) if self._has_data else None,
            id=self._id,
            last_id=self._last_id,
            retry=self._retry,
            comments=tuple(self._comments),
            complete=complete,
            cut=self._cut,
        )
        self._comments = []
        self._begin()
        return event

    def _text(self, value: bytes, *, cut: bool = False) -> tuple[str, int]:
        """Decode; of a value that is `cut`, tell also the bytes at its end that are a part of a character."""
        decoder = codecs.getincrementaldecoder("utf-8")("strict")
        try:
            text = decoder.decode(value, final=not cut)
        except UnicodeDecodeError:
            self.invalid += 1
            decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
            text = decoder.decode(value, final=not cut)
        return text, len(decoder.getstate()[0])
