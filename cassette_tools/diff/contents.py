"""What a body is, for a comparison: JSON, lines of JSON, XML, a form, parts, events, text or bytes.

Law: the bytes decide and the declared type helps, for types lie. One side is read without a look at the other. What is
longer than LONGEST bytes, or has more than MOST_VALUES values, is compared as a whole, by its digest.

Memory: the body, and what it is read into: up to 30 times its size for JSON of many small values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from cassette_tools.aws_event_stream import is_aws_event_stream, messages_of
from cassette_tools.diff.joined_events import joined
from cassette_tools.diff.json_values import read_json
from cassette_tools.diff.urls import parameters
from cassette_tools.diff.xml_values import read_xml
from cassette_tools.event_stream import events_of, is_event_stream
from cassette_tools.interaction import header

if TYPE_CHECKING:
    from cassette_tools.interaction import Body, Headers

__all__ = [
    "LONGEST",
    "MOST_TAGS",
    "MOST_VALUES",
    "PART_LEVELS",
    "Contents",
    "Kind",
    "Piece",
    "contents_of",
    "is_plain_json",
    "read_body",
]

LONGEST: Final = 4 << 20
"""Bytes of a body that are looked into."""

MOST_VALUES: Final = 120_000
"""Values of JSON, lines of a text, fields of a form that are looked into; a body of more is compared as a whole.

Where all of them changed, each takes about 1 KB (measured): a comparison stays within 200 MB.
"""

MOST_TAGS: Final = 70_000
"""Tags and attributes of XML that are looked into; a document of more is compared as text."""

PART_LEVELS: Final = 3
"""How deep multipart bodies are looked into."""

_MOST_PARTS: Final = 1_000

Kind: TypeAlias = Literal["empty", "json", "xml", "form", "parts", "events", "text", "binary", "long"]


@dataclass(slots=True)
class Piece:
    """One part of a multipart body. `name` is that of its Content-Disposition, else its number from 1."""

    name: str
    headers: Headers
    data: bytes


@dataclass(slots=True)
class Contents:
    """A body as what it is, of `size` bytes. `value`: a tree of JSON or XML, fields, pieces, events, or a text."""

    kind: Kind
    title: str
    size: int
    value: Any = None
    data: bytes = b""
    digest: str = ""

    def sha256(self) -> str:
        """Give the digest of the bytes, in hexadecimal."""
        return self.digest or sha256(self.data).hexdigest()


def read_body(body: Body | None, headers: Headers) -> Contents:
    """Read a body. One that is longer than LONGEST is read piece by piece, for its digest only."""
    if body is None or body.is_empty():
        return Contents("empty", "empty", 0)
    if body.stream is None and body.size <= LONGEST:
        return contents_of(body.read(), header(headers, "content-type") or "")
    return _read_pieces(body, headers)


def _read_pieces(body: Body, headers: Headers) -> Contents:
    kept = bytearray()
    digest = sha256()
    size = 0
    for piece in body.pieces():
        size += len(piece)
        digest.update(piece)
        if size <= LONGEST:
            kept += piece
    if size > LONGEST:
        return Contents("long", "long", size, digest=digest.hexdigest())
    return contents_of(bytes(kept), header(headers, "content-type") or "")


def contents_of(data: bytes, content_type: str, level: int = 0) -> Contents:
    """Tell what bytes are. `level` counts the multipart bodies around them."""
    size = len(data)
    if not data:
        return Contents("empty", "empty", 0)
    media = content_type[:1000].partition(";")[0].strip().lower()
    if media.startswith("multipart/") and level < PART_LEVELS:
        pieces = _pieces(data, content_type)
        if pieces is not None:
            return Contents("parts", media, size, pieces, data)
    if media == "application/http" and level < PART_LEVELS:
        return Contents("parts", media, size, _message(data), data)
    if is_event_stream(content_type) and data.count(b"\n") <= MOST_VALUES:
        return Contents("events", "event stream", size, _events(data), data)
    if is_aws_event_stream(content_type):
        messages = _messages(data)
        if messages is not None:
            return Contents("events", "event stream", size, messages, data)
    text = _text(data, content_type, media)
    if text is None:
        return Contents("binary", "binary", size, None, data)
    return _of_text(text, data, media)


def _of_text(text: str, data: bytes, media: str) -> Contents:
    size = len(data)
    if text.count("\n") > MOST_VALUES:
        return Contents("long", "long", size, None, data)
    if (
        media == "application/x-www-form-urlencoded"
        and text.count("&") <= MOST_VALUES
        and "=" in text
        and "\n" not in text.strip()
    ):
        return Contents("form", "form", size, parameters(text.strip()), data)
    lines = _LINES_OF_JSON.search(media) is not None
    if lines or "json" in media or text.lstrip("\ufeff \t\r\n")[:1] in {"{", "["}:
        if text.count(",") > MOST_VALUES:
            return Contents("long", "long", size, None, data)
        document = None if lines else read_json(text.removeprefix("\ufeff"))
        if document is not None:
            return Contents("json", "JSON", size, document.root, data)
        values = _values(text)
        if values is not None:
            return Contents("json", "JSON lines", size, values, data)
    start = text[:200].lstrip("\ufeff \t\r\n").lower()
    title = "HTML" if "html" in media or start.startswith(("<!doctype html", "<html")) else "text"
    if "xml" in media.replace("xhtml", "") or start.startswith("<?xml"):
        title = "XML"
        tree = read_xml(text.lstrip("\ufeff \t\r\n")) if text.count("<") + text.count("=") <= MOST_TAGS else None
        if tree is not None:
            return Contents("xml", title, size, tree, data)
    return Contents("text", title, size, text, data)


@lru_cache(maxsize=256)
def is_plain_json(content_type: str) -> bool:
    """Tell whether a text of this type is read as JSON if it is any."""
    media = content_type[:1000].partition(";")[0].strip().lower()
    return (
        "json" in media
        and not media.startswith("multipart/")
        and _LINES_OF_JSON.search(media) is None
        and not is_event_stream(content_type)
        and not is_aws_event_stream(content_type)
    )


_LINES_OF_JSON: Final = re.compile(r"ndjson|jsonl|json-lines|jsonlines|json-seq|stream\+json|x-json-stream")


def _values(text: str) -> list[Any] | None:
    """Read lines of JSON as one array; None where a line is none, or there is nothing."""
    values = []
    for line in text.split("\n"):
        stripped = line.strip("\x1e \t\r\ufeff")
        if not stripped:
            continue
        document = read_json(stripped) if stripped[0] in "{[" else None
        if document is None:
            return None
        values.append(document.root)
    return values or None


# -- text or not

_CHARSET: Final = re.compile(r"charset=\"?([A-Za-z0-9_-]{1,20})", re.IGNORECASE)
_KNOWN: Final = re.compile(
    r"(?:us-)?ascii|utf-?(?:8|16|32)(?:[-_]?[lb]e)?|iso-?8859-?\d+|latin-?\d|(?:windows|cp)-?\d+|koi8-[rut]|shift[_-]?jis"
    r"|euc-?(?:jp|kr)|gb(?:k|2312|18030)|big5",
    re.IGNORECASE,
)
_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_DECLARED: Final = ("json", "xml", "javascript", "urlencoded")


def _text(data: bytes, content_type: str, media: str) -> str | None:
    """Give bytes as text: by their form, by the charset that was declared; None where they are none."""
    declared = media.startswith("text/") or any(word in media for word in _DECLARED)
    text = _decoded(data, "utf-8")
    if text is None and data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = _decoded(data, "utf-16")
    if text is None:
        found = _CHARSET.search(content_type)
        charset = found[1] if found and _KNOWN.fullmatch(found[1]) else "latin-1" if declared else ""
        text = _decoded(data, charset) if charset else None
    if text is None:
        return None
    start = text[:10_000]
    return None if "\0" in start or len(_CONTROL.findall(start)) * 50 > len(start) else text


def _decoded(data: bytes, charset: str) -> str | None:
    try:
        return data.decode(charset)
    except (UnicodeError, LookupError):
        return None


# -- events and parts


def _events(data: bytes) -> list[dict[str, Any]]:
    events = []
    for event in events_of([data]):
        fields: dict[str, Any] = {}
        if event.name != "message":
            fields["event"] = event.name
        if event.id is not None:
            fields["id"] = event.id
        if event.retry is not None:
            fields["retry"] = str(event.retry).encode()
        if event.data is not None:
            fields["data"] = _payload(event.data)
        if fields:
            events.append(fields)
    return joined(events)


def _payload(text: str) -> Any:  # noqa: ANN401 - a text, or the JSON that it is
    document = read_json(text) if text[:1] in {"{", "["} else None
    return text if document is None else document.root


def _messages(data: bytes) -> list[dict[str, Any]] | None:
    """Read messages of Amazon's kind as events: their headers are fields. None where one cannot be told apart.

    Checksums are left out: redaction does not follow them.
    """
    messages = []
    for message in messages_of(data):
        if not message.complete or not message.headers:
            return None
        fields: dict[str, Any] = dict(message.headers)
        if message.payload:
            fields["data"] = _payload(message.payload.decode("utf-8", "backslashreplace"))
        messages.append(fields)
    return joined(messages) or None


_BOUNDARY: Final = re.compile(r"boundary=(?:\"([^\"]{1,200})\"|([^;\s]{1,200}))", re.IGNORECASE)
_NAME: Final = re.compile(r";\s*name=(?:\"((?:[^\"\\]|\\.)*)\"|([^;\s]*))", re.IGNORECASE)


def _pieces(data: bytes, content_type: str) -> list[Piece] | None:
    """Split a multipart body at its boundary (RFC 2046 section 5.1); None where it is not there."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return None
    delimiter = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    sections = re.split(rb"(?:\A|\r?\n)" + re.escape(delimiter), data, maxsplit=_MOST_PARTS)[1:]
    pieces: list[Piece] = []
    for section in sections:
        if section.startswith(b"--"):
            break
        pieces.append(_piece(section, len(pieces) + 1))
    return pieces or None


def _message(data: bytes) -> list[Piece]:
    """Split a message of HTTP, as batches have them (RFC 9112 section 2): its first line, and headers with the body."""
    line, _, rest = data.partition(b"\n")
    message = _split(rest)
    return [Piece("start", [], line.rstrip(b"\r")), Piece("message", *message)]


_LINE_END: Final = re.compile(rb"[ \t]*\r?\n")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n|\A\r?\n")


def _piece(section: bytes, number: int) -> Piece:
    begun = _LINE_END.match(section)
    headers, data = _split(section[begun.end() :] if begun else section)
    named = _NAME.search(header(headers, "content-disposition") or "")
    name = (named[1] or named[2]) if named else ""
    return Piece(name or str(number), headers, data)


def _split(section: bytes) -> tuple[Headers, bytes]:
    """Split headers from what follows them behind an empty line; without one there are none."""
    end = _HEAD_END.search(section)
    head, data = (section[: end.start()], section[end.end() :]) if end else (b"", section)
    headers = []
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            headers.append((name.strip(), value.strip()))
    return headers, data
