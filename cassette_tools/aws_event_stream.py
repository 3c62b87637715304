"""Amazon's event streams: a body of type `application/vnd.amazon.eventstream` as the messages that are in it.

Law: the frames that the Smithy specification "Amazon Event Stream" describes, read from bytes that are held already; it
never raises. Each message is a prelude (total length and length of the headers, 32 bits each, big-endian, and their
CRC-32), headers, a payload, and the CRC-32 of all before it. Both checksums are checked and what is wrong is said: a
message whose prelude is right is shown even so, for a redaction changes payloads and not their checksums. Where a
prelude is wrong nobody can tell where the next message begins; the rest is given as one, with its fault.

Memory: copies of headers and payloads, together no longer than the bytes.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Message", "is_aws_event_stream", "messages_of"]

_MEDIA: Final = "application/vnd.amazon.eventstream"
_PRELUDE: Final = 12
_LEAST: Final = 16
"""Bytes of a message without headers and payload: the prelude and a checksum."""

_INTEGERS: Final = {2: ">b", 3: ">h", 4: ">i", 5: ">q"}
_BYTES: Final = 6
_STRING: Final = 7
_TIMESTAMP: Final = 8
_UUID: Final = 9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `number` counts from 1; `headers` have their values as text: bytes in hexadecimal, times RFC 3339.

    `fault` says what is wrong with it, None where nothing is; `complete` is false where its end is missing.
    """

    number: int
    headers: tuple[tuple[str, str], ...]
    payload: bytes
    complete: bool = True
    fault: str | None = None

    def header(self, name: str) -> str | None:
        """Give the first header of this name; None without one."""
        return next((value for given, value in self.headers if given == name), None)


def is_aws_event_stream(content_type: str | None) -> bool:
    """Tell whether a Content-Type says that a body is one of Amazon's event streams."""
    return content_type is not None and content_type[:1000].partition(";")[0].strip().lower() == _MEDIA


def messages_of(data: bytes) -> Iterator[Message]:
    """Give the messages in `data`, the last one also where its end is cut off. Never raises."""
    at = number = 0
    while at < len(data):
        number += 1
        length = _length(data, at)
        if length is None:
            cut = len(data) - at < _PRELUDE
            fault = "cut off in its prelude" if cut else "its prelude is wrong: what follows cannot be told apart"
            yield Message(number, (), data[at:], complete=not cut, fault=fault)
            return
        yield _message(number, data[at : at + length], length)
        at += length


def _length(data: bytes, at: int) -> int | None:
    """Give the length of the message at `at`; None where its prelude is wrong or cut off."""
    if len(data) - at < _PRELUDE:
        return None
    total, headers, checksum = struct.unpack_from(">III", data, at)
    sound = zlib.crc32(data[at : at + 8]) == checksum and total >= _LEAST + headers
    return int(total) if sound else None


def _message(number: int, frame: bytes, length: int) -> Message:
    headers_end = _PRELUDE + int.from_bytes(frame[4:8], "big")
    complete = len(frame) == length
    headers, sound = _headers(frame[_PRELUDE:headers_end])
    payload = frame[headers_end : length - 4]
    fault = None
    if not complete:
        fault = "cut off"
    elif not sound:
        fault = "its headers are garbled"
    elif zlib.crc32(frame[:-4]) != int.from_bytes(frame[-4:], "big"):
        fault = "its checksum does not fit: it was damaged, or changed by a redaction"
    return Message(number, headers, payload, complete=complete, fault=fault)


def _headers(data: bytes) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Give the headers, and whether all bytes were used for them."""
    found = []
    at = 0
    try:
        while at < len(data):
            name, at = _counted(data, at, ">B")
            value, at = _value(data, at + 1, data[at])
            found.append((name.decode("utf-8", "backslashreplace"), value))
    except (struct.error, IndexError, ValueError):
        return tuple(found), False
    return tuple(found), True


def _value(data: bytes, at: int, kind: int) -> tuple[str, int]:
    """Read a header's value. Raises struct.error, ValueError where it is garbled."""
    if kind in (0, 1):
        return ("true", "false")[kind], at
    if kind in _INTEGERS:
        code = _INTEGERS[kind]
        return str(struct.unpack_from(code, data, at)[0]), at + struct.calcsize(code)
    if kind in (_BYTES, _STRING):
        value, at = _counted(data, at, ">H")
        return value.hex() if kind == _BYTES else value.decode("utf-8", "backslashreplace"), at
    if kind == _TIMESTAMP:
        return _moment(struct.unpack_from(">q", data, at)[0]), at + 8
    if kind == _UUID:
        return str(uuid.UUID(bytes=data[at : at + 16])), at + 16
    raise ValueError("an unknown type")


def _counted(data: bytes, at: int, code: str) -> tuple[bytes, int]:
    """Read bytes that stand behind their number."""
    (size,) = struct.unpack_from(code, data, at)
    at += struct.calcsize(code)
    if at + size > len(data):
        raise ValueError("too short")
    return data[at : at + size], at + size


def _moment(milliseconds: int) -> str:
    try:
        return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return f"{milliseconds} ms"
