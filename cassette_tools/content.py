"""What a body is, for eyes: its kind, and its text laid out as far as that loses nothing.

Law: a view, never a conversion. It looks at the first `SHOWN` bytes of a body, says when that is not all, and says
when it had to guess. The bytes decide, the declared type only helps: types and charsets lie. Takes time and memory
linear in `SHOWN`.
"""

from __future__ import annotations

import binascii
import codecs
import re
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from cassette_tools.aws_event_stream import is_aws_event_stream, messages_of
from cassette_tools.event_stream import EventStream, is_event_stream
from cassette_tools.json_layout import laid_out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cassette_tools.aws_event_stream import Message
    from cassette_tools.event_stream import Event

__all__ = ["HEX_SHOWN", "SHOWN", "Content", "Part", "ShownEvent", "content_of", "hex_lines"]

SHOWN: Final = 256 * 1024
"""Bytes of a body that are looked at."""

HEX_SHOWN: Final = 256
"""Bytes of a binary body that are shown."""

_FIELDS: Final = 1000  # of a form
_PARTS: Final = 100  # of a multipart body
_PART_SHOWN: Final = 4096  # bytes of one part
_EVENTS: Final = 1000  # of an event stream
_EVENT_SHOWN: Final = 16 * 1024  # bytes of one event's data

# Charsets that decode in linear time and are in use (the codec registry knows others that do not or are not:
# punycode, idna, zlib).
_CHARSETS: Final = re.compile(
    r"(?:us-)?ascii|utf-?(?:8|16|32)(?:[-_]?[lb]e)?|iso-?8859-?\d+|latin-?\d|(?:windows|cp)-?\d+|koi8-[rut]|mac-?roman"
    r"|shift[_-]?jis|s-?jis|euc-?(?:jp|kr)|iso-2022-jp|gb(?:k|2312|18030)|big5|tis-620",
    re.IGNORECASE,
)
_PARAMETER: Final = re.compile(r';\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')
_BYTES: Final = re.compile(rb'\s*\{\s*"bytes"\s*:\s*"([A-Za-z0-9+/=]+)"')
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
# A text may have this share of control characters before it counts as binary.
_CONTROL_SHARE: Final = 0.02


@dataclass(slots=True)
class Part:
    """One part of a multipart body: its header lines, and what is in it."""

    headers: list[str]
    content: Content


@dataclass(slots=True)
class ShownEvent:
    """One event of a stream: its number there, from 1, its name, what it says beside its data, and the data.

    `facts` are pairs to be shown in their order: `id`, `retry`, comments, headers of Amazon's messages. The `kind` of
    the content is "empty", "json", "xml", "html", "text" or "binary".
    """

    number: int
    name: str
    facts: list[tuple[str, str]]
    content: Content


@dataclass(slots=True)
class Content:
    """A body for eyes.

    `kind`: "empty", "json", "xml", "html", "form", "multipart", "events", "text" or "binary". `text` is for all kinds
    but binary and empty; `fields` for a form, `parts` for multipart, `events` for event streams (at most 1,000), `head`
    (at most 256 bytes) for binary. `shown` of `size` bytes were looked at. `notes` are sentences for the reader.
    """

    kind: str
    size: int
    shown: int
    text: str = ""
    head: bytes = b""
    fields: list[tuple[str, str]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    events: list[ShownEvent] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def content_of(pieces: Iterable[bytes], *, content_type: str | None, size: int) -> Content:
    """Look at the beginning of a body of `size` bytes. `pieces` is read no further than needed, and may raise."""
    data = _beginning(pieces, SHOWN)
    media, parameters = _media_type(content_type or "")
    cut = size > len(data)
    content = _of_bytes(data, media, parameters, cut=cut)
    content.size = max(size, len(data))
    return content


def hex_lines(data: bytes, *, columns: int = 16) -> list[str]:
    """Return a hex dump of `data`, `columns` bytes a line: offset, bytes, printable ASCII."""
    lines = []
    for at in range(0, len(data), columns):
        row = data[at : at + columns]
        ascii_text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{at:06x}  {row.hex(' '):<{columns * 3 - 1}}  {ascii_text}")
    return lines


def _of_bytes(data: bytes, media: str, parameters: dict[str, str], *, cut: bool) -> Content:
    content = Content(kind="empty", size=len(data), shown=len(data))
    if not data:
        return content
    if (
        media.startswith("multipart/")
        and parameters.get("boundary")
        and _read_parts(content, data, parameters["boundary"])
    ):
        return content
    if (is_event_stream(media) and _read_events(content, data, cut=cut)) or (
        is_aws_event_stream(media) and _read_messages(content, data, cut=cut)
    ):
        return content
    text = _decoded(content, data, media, parameters.get("charset", ""), cut=cut)
    if text is None:
        content.kind = "binary"
        content.head = data[:HEX_SHOWN]
        if len(data) > HEX_SHOWN:
            content.notes.append(f"The first {HEX_SHOWN} bytes are shown.")
        return content
    _lay_out(content, text, media)
    return content


def _lay_out(content: Content, text: str, media: str) -> None:
    """Set the kind by the type that was declared and by the text's first character."""
    content.kind, content.text = "text", _plain_lines(content, text)
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    if media == "application/x-www-form-urlencoded":
        _read_form(content, text)
    elif "json" in media or start.startswith(("{", "[")):
        laid = laid_out(text.removeprefix("\ufeff"))
        if laid is not None:
            content.kind, content.text = "json", laid
        elif "json" in media:
            content.notes.append("Declared as JSON, but it is none: shown as it is.")
    elif "html" in media or start.startswith(("<!doctype html", "<html")):
        content.kind = "html"
    elif "xml" in media or start.startswith("<?xml"):
        content.kind = "xml"


def _plain_lines(content: Content, text: str) -> str:
    """Take the carriage returns off the ends of lines where every line has one, and say so."""
    if "\r\n" in text and text.count("\n") == text.count("\r") == text.count("\r\n"):
        content.notes.append("Lines end in CR LF.")
        return text.replace("\r\n", "\n")
    return text


def _decoded(content: Content, data: bytes, media: str, charset: str, *, cut: bool) -> str | None:
    """Return `data` as text; None when it is none."""
    text, sure = _utf8(data, cut=cut)
    if not sure and _CHARSETS.fullmatch(charset) and not charset.lower().startswith(("utf8", "utf-8")):
        try:
            return codecs.getincrementaldecoder(charset)("strict").decode(data, final=not cut)
        except (UnicodeError, LookupError):
            content.notes.append("Not valid in the charset that was declared.")
    if not sure and data.startswith((b"\xff\xfe", b"\xfe\xff")):
        with suppress(UnicodeError):
            text, sure = codecs.getincrementaldecoder("utf-16")("strict").decode(data, final=not cut), True
    declared_text = media.startswith("text/") or any(
        word in media for word in ("json", "xml", "javascript", "urlencoded")
    )
    if not sure and not declared_text:
        return None
    if len(_CONTROL.findall(text)) > _CONTROL_SHARE * len(text) and (not declared_text or "\0" in text):
        return None
    if not sure:
        content.notes.append("Not valid UTF-8: bytes that do not fit are shown as escapes.")
    return text


def _utf8(data: bytes, *, cut: bool) -> tuple[str, bool]:
    """Return `data` decoded, and whether it is valid UTF-8, up to a character that the cut went through."""
    decoder = codecs.getincrementaldecoder("utf-8")
    try:
        return decoder("strict").decode(data, final=not cut), True
    except UnicodeDecodeError:
        return decoder("backslashreplace").decode(data, final=not cut), False


def _read_form(content: Content, text: str) -> None:
    try:
        fields = parse_qsl(text, keep_blank_values=True, errors="backslashreplace", max_num_fields=_FIELDS)
    except ValueError:
        content.notes.append("A form of too many fields: shown as it is.")
        return
    if fields:
        content.kind, content.fields = "form", fields


def _read_parts(content: Content, data: bytes, boundary: str) -> bool:
    """Split a multipart body (RFC 2046 section 5.1) at its boundary. Tells whether there were parts."""
    delimiter = b"--" + boundary.encode("latin-1", "replace")
    sections = (b"\r\n" + data).split(b"\r\n" + delimiter, _PARTS + 1)
    if len(sections) < 2:
        return False
    content.kind = "multipart"
    for section in sections[1 : _PARTS + 1]:
        if section.startswith(b"--"):
            break
        content.parts.append(_part(section.partition(b"\r\n")[2]))
    else:
        content.notes.append("The last boundary is not in what is shown.")
    return True


def _part(section: bytes) -> Part:
    if section.startswith(b"\r\n"):  # no headers
        headers, body = [], section[2:]
    else:
        head, _, body = section.partition(b"\r\n\r\n")
        headers = head.decode("latin-1").split("\r\n")
    declared = next(
        (line.partition(":")[2] for line in headers if line.lower().startswith("content-type:")), "text/plain"
    )
    media, parameters = _media_type(declared)
    content = _of_bytes(body[:_PART_SHOWN], _flat(media), parameters, cut=len(body) > _PART_SHOWN)
    content.size = len(body)
    return Part(headers, content)


def _read_events(content: Content, data: bytes, *, cut: bool) -> bool:
    """Split a stream of server-sent events. Tells whether there were any."""
    stream = EventStream(longest=SHOWN)
    events = [*stream.feed(data), *stream.finish()]
    if not events:
        return False
    content.kind, content.text = "events", _utf8(data, cut=cut)[0]
    content.events = [_event(event) for event in events[:_EVENTS]]
    if not events[-1].complete and not cut:
        content.notes.append("No empty line ends the last event: a browser would drop it.")
    if stream.invalid:
        content.notes.append("Not valid UTF-8: bytes that do not fit are shown as escapes.")
    _tell_more(content, len(events), cut=cut)
    return True


def _event(event: Event) -> ShownEvent:
    facts = [("id", event.id)] if event.id is not None else []
    facts += [("retry", f"{event.retry} ms")] if event.retry is not None else []
    facts += [("comment", comment) for comment in event.comments]
    data = event.data or ""
    text = data[:_EVENT_SHOWN]
    content = Content(kind="empty", size=len(data.encode()) + event.cut, shown=len(text.encode()))
    if event.data is None:
        content.notes.append("Without data: a browser passes it over.")
    if text:
        _lay_out(content, text, "")
    return ShownEvent(event.number, event.name, facts, content)


def _read_messages(content: Content, data: bytes, *, cut: bool) -> bool:
    """Split one of Amazon's event streams. Tells whether it is one."""
    messages = list(islice(messages_of(data), _EVENTS + 1))
    if len(messages) == 1 and messages[0].fault is not None and not messages[0].headers:
        return False
    content.kind = "events"
    content.events = [_message(message) for message in messages[:_EVENTS]]
    _tell_more(content, len(messages), cut=cut)
    return True


def _message(message: Message) -> ShownEvent:
    payload = message.payload
    declared = message.header(":content-type") or ""
    name = message.header(":event-type") or message.header(":exception-type") or message.header(":message-type")
    media, parameters = _media_type(declared)
    content = _of_bytes(payload[:_EVENT_SHOWN], _flat(media), parameters, cut=len(payload) > _EVENT_SHOWN)
    content.size = len(payload)
    inner = _inner(payload)
    if inner is not None:
        _lay_out(content, inner[:_EVENT_SHOWN], "")
        content.notes.append("What `bytes` holds as base64 is shown.")
    if message.fault is not None:
        content.notes.append(f"The message is damaged: {message.fault}.")
    return ShownEvent(message.number, name or "message", list(message.headers), content)


def _inner(payload: bytes) -> str | None:
    """Give the text that a payload of Bedrock's streams holds as `{"bytes": BASE64}`; None for another payload."""
    found = _BYTES.match(payload)
    if found is None:
        return None
    try:
        return binascii.a2b_base64(found[1], strict_mode=True).decode()
    except ValueError:
        return None


def _tell_more(content: Content, count: int, *, cut: bool) -> None:
    if count > _EVENTS:
        content.notes.append(f"The first {_EVENTS:,} events are shown.")
    elif cut:
        content.notes.append("The last event may be cut off here.")


def _flat(media: str) -> str:
    """Give the media type of something in a body, where one that holds others is text: one level is enough for eyes."""
    holds = media.startswith("multipart/") or is_event_stream(media) or is_aws_event_stream(media)
    return "text/plain" if holds else media


def _media_type(value: str) -> tuple[str, dict[str, str]]:
    """Return the media type in small letters and its parameters (RFC 9110 section 8.3.1), the first of each name."""
    value = value[:1000]
    parameters: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(value):
        parameters.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
    return value.partition(";")[0].strip().lower(), parameters


def _beginning(pieces: Iterable[bytes], limit: int) -> bytes:
    data = bytearray()
    for piece in pieces:
        data += piece[: limit - len(data)]
        if len(data) >= limit:
            break
    return bytes(data)
