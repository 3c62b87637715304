"""Gathers what a report of a cassette shows: its figures, a row for each interaction, and each interaction in full.

Law: one pass over lines of any format, a `Report` out; it prints nothing and makes no HTML. All interactions are in the
figures; the first `limit` of them have a row and their details, of a body the first `body_limit` bytes. What is left
out is counted. Every text that is shown as it comes is safe to look at (`escape.visible`); what was recorded goes along
where the filter asks for it, and where the page makes it safe itself (JSON, see `_json`).

Rows and details go, packed (gzip, RFC 1952) and in base64, to a file without a name as they come. Memory: the summary
(a few MB), one block of at most `BLOCK` bytes before it is packed, one interaction, and 24 bytes for each block.
"""

from __future__ import annotations

import os
import re
import tempfile
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from cassette_tools.content import content_of, hex_lines
from cassette_tools.counting import MALFORMED, bad_line
from cassette_tools.draft import Sink, nameless
from cassette_tools.export import exported
from cassette_tools.formats.cassette_jsonl import interaction_of
from cassette_tools.interaction import header
from cassette_tools.picture import picture_of
from cassette_tools.summary import LINE_TYPES, Summary
from cassette_tools.views.escape import visible
from recorder.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from cassette_tools.content import Content
    from cassette_tools.interaction import Body, Headers, Interaction, Request, Response
    from cassette_tools.selection import Wanted
    from recorder.journal.read import Line, Reader

__all__ = ["BLOCK", "LINE_TYPES", "LONGEST_BODY", "MOST_ROWS", "Report", "gather"]

LONGEST_BODY: Final = 256 * 1024
"""Bytes of a body that can be shown at most."""

MOST_ROWS: Final = 200_000
"""Interactions that a page can hold at most: browsers lay out no taller tables."""

BLOCK: Final = 512 * 1024
"""Bytes of details from which on a block is full. One interaction may be more."""

ROOM: Final = 48_000_000
"""Bytes of packed details, as base64, after which bodies are left out: browsers take long to open larger pages."""

PICTURES: Final = 12_000_000
"""Bytes of pictures, as base64, after which pictures are shown as bytes."""

_ROWS: Final = 1000  # in a block
_DETAILS: Final = 50  # in a block, at most: opening one interaction unpacks its block
_URL: Final = 2000  # characters of a URL in a row
_VALUE: Final = 16_384  # characters of one recorded value in the details
_HEADERS: Final = 1000
_COMMAND: Final = 32_768  # characters of a command for copying
_RECEIVED: Final = 1024  # bytes of what arrived instead of a response
_OTHERWISE: Final = ("multipart/", "application/x-www-form-urlencoded", "text/event-stream", "application/vnd.amazon")
_ODD: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|^\xef\xbb\xbf")
_AS_IT_IS: Final = {"empty", "text", "html", "xml"}  # kinds whose text may be what was recorded
_WORD: Final = 100  # characters of a type, a client, an error in a row


@dataclass(slots=True)
class Report:
    """What was gathered. A context manager: it holds an open file.

    - `rows`: interactions with a row; `left_out` those without one, for the limit.
    - `without_bodies`: interactions whose bodies were left out, for the page has no more room (`ROOM`).
    - `cut_bodies`: bodies of which only a part is in the page.
    - `pictures`: bytes of pictures, as base64.
    """

    summary: Summary
    body_limit: int
    rows: int = 0
    left_out: int = 0
    without_bodies: int = 0
    cut_bodies: int = 0
    pictures: int = 0
    is_timed: bool = False
    firsts: list[int] = field(default_factory=list)  # the place of the first interaction of each block of details
    _spool: Spool | None = None

    def blocks(self, kind: str) -> Iterator[str]:
        """Yield the blocks of "rows" or "details" as base64, in their order."""
        if self._spool is not None:
            yield from self._spool.blocks(kind)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget rows and details; the figures stay. Calling it again does nothing."""
        if self._spool is not None:
            self._spool.close()


def gather(reader: Reader, wanted: Wanted | None = None, *, limit: int, body_limit: int, room: int = ROOM) -> Report:
    """Read a cassette (lines of `LINE_TYPES`, with bodies) to its end.

    `wanted` chooses interactions; by default all. `limit` is at most `MOST_ROWS`, `body_limit` at most `LONGEST_BODY`.

    Raises what the reader raises, BadCassetteError for a malformed line, OutputError where there is no room for the
    file without a name. The report must be closed.
    """
    spool = Spool()
    report = Report(Summary(), min(body_limit, LONGEST_BODY), _spool=spool)
    try:
        _read(reader, wanted, report, spool, limit=min(limit, MOST_ROWS), room=room)
    except BaseException:
        spool.close()
        raise
    return report


def _read(reader: Reader, wanted: Wanted | None, report: Report, spool: Spool, *, limit: int, room: int) -> None:
    rows, details = _Block(spool, "rows", _ROWS), _Block(spool, "details", _DETAILS)
    number = 0
    for line in reader:
        is_interaction = line.type == "interaction"
        if is_interaction:
            number += 1
            if wanted is not None and not wanted(line, number):
                continue
        try:
            report.summary.take(line.type, line.head)
        except MALFORMED as error:
            raise bad_line(line) from error
        if not is_interaction:
            continue
        if report.rows >= limit:
            report.left_out += 1
            continue
        if spool.size("details") < room and reader.mode != "strict":  # strict compares digests as it reads bodies
            line.contents = line.load().get("bodies")  # parsed once, for both bodies
        interaction = interaction_of(line)
        row = _row(number, interaction)
        report.is_timed = report.is_timed or row[1] is not None
        rows.add(row)
        shown = report.body_limit if spool.size("details") < room else None
        report.without_bodies += shown is None
        if details.add(_details(number, line, interaction, shown, report)):
            report.firsts.append(report.rows)
        report.rows += 1
    rows.finish()
    details.finish()
    report.summary.finish()


class Spool:
    """Blocks of several kinds in a file without a name. Raises OutputError where it cannot be made or written."""

    def __init__(self) -> None:
        self._descriptor = nameless(None)
        self._sink = Sink(self._descriptor, Path(tempfile.gettempdir()))
        self._places: dict[str, list[tuple[int, int]]] = {}
        self._sizes: dict[str, int] = {}

    def add(self, kind: str, data: bytes) -> None:
        """Pack a block and put it behind the others."""
        packed = b64encode(zlib.compress(data, level=6, wbits=31))
        self._places.setdefault(kind, []).append((self._sink.size, len(packed)))
        self._sizes[kind] = self.size(kind) + len(packed)
        try:
            self._sink.write(packed)
        except OutputError as error:
            raise OutputError(
                f"{tempfile.gettempdir()}: what the page shows has to be kept there while it is gathered, and that "
                "failed. Free some space, or set TMPDIR to another folder."
            ) from error

    def size(self, kind: str) -> int:
        """Return the bytes of the blocks of a kind."""
        return self._sizes.get(kind, 0)

    def blocks(self, kind: str) -> Iterator[str]:
        """Yield the blocks of a kind."""
        for offset, size in self._places.get(kind, ()):
            yield os.pread(self._descriptor, size, offset).decode("ascii")

    def close(self) -> None:
        """Forget everything. Calling it again does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class _Block:
    """Values that are packed together: at most `most` of them, and at most `BLOCK` bytes and one value."""

    def __init__(self, spool: Spool, kind: str, most: int) -> None:
        self._spool = spool
        self._kind = kind
        self._most = most
        self._waiting: list[bytes] = []
        self._size = 0

    def add(self, value: object) -> bool:
        """Add a value; tell whether it is the first of a block."""
        if self._size >= BLOCK or len(self._waiting) >= self._most:
            self.finish()
        self._waiting.append(orjson.dumps(value))
        self._size += len(self._waiting[-1])
        return len(self._waiting) == 1

    def finish(self) -> None:
        """Pack what waits."""
        if self._waiting:
            self._spool.add(self._kind, b"[" + b",".join(self._waiting) + b"]")
            self._waiting.clear()
            self._size = 0


# -- one row


def _row(number: int, interaction: Interaction) -> list[Any]:
    """Return what the table and the plots need, in the order of `ROW` in views/web/report/store.js."""
    request, response, error = interaction.request, interaction.response, interaction.error
    timings, process = interaction.timings_ms, interaction.process or {}
    connection = interaction.connection or {}
    return [
        number,
        _milliseconds(interaction.started_at),
        _word(request.method),
        _clipped(request.url, _URL),
        None if response is None else response.status,
        None if error is None else _word(str(error.get("type")).rpartition(".")[2]),
        "" if response is None else _media(response),
        None if request.body is None else request.body.size,
        None if response is None or response.body is None else response.body.size,
        _measured(timings.get("connect")),
        _measured(timings.get("first_byte")),
        _measured(timings.get("total")),
        process.get("pid"),
        process.get("thread"),
        connection.get("id"),
        interaction.rss,
        sum((interaction.redacted or {}).values()),
        _word(interaction.client or ""),
        [_values(request.headers, "content-type"), _values(response.headers, "content-type") if response else []],
        [value.strip() for value in _values(request.headers, "host")],
        _peer(connection),
        _raw(request),
    ]


# The filter of the page asks what was recorded, not what is shown of it: these are never shown.


def _values(headers: Headers, wanted: str) -> list[str]:
    return [_writable(value[:_VALUE]) for name, value in headers if name.lower() == wanted]


def _peer(connection: dict[str, Any]) -> str | None:
    peer = connection.get("peer")
    return _writable(peer[:_VALUE]) if isinstance(peer, str) else None


def _raw(request: Request) -> dict[str, str] | None:
    """Return URL and method as they were recorded, where a row shows them in another way."""
    if _clipped(request.url, _URL) == request.url and _word(request.method) == request.method:
        return None
    return {"url": _writable(request.url[:_VALUE]), "method": _writable(request.method[:_VALUE])}


def _writable(text: str) -> str:
    """Put question marks for lone surrogates, which JSON cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _milliseconds(moment: str | None) -> float | None:
    """Return milliseconds of the epoch."""
    if moment is None:
        return None
    try:
        return datetime.fromisoformat(moment).timestamp() * 1000
    except (ValueError, OverflowError):
        return None  # a text that is no time; the summary refuses it before


def _measured(milliseconds: float | None) -> float | None:
    """Return a duration; None for a negative one, which was not measured."""
    return None if milliseconds is None or milliseconds < 0 else milliseconds


def _media(response: Response) -> str:
    return _word((header(response.headers, "content-type") or "").partition(";")[0].strip().lower())


def _word(text: str) -> str:
    return _clipped(text, _WORD)


def _clipped(text: str, length: int) -> str:
    return visible(text if len(text) <= length else f"{text[:length]}...")


# -- one interaction in full


def _details(number: int, line: Line, interaction: Interaction, limit: int | None, report: Report) -> dict[str, Any]:
    """Return an interaction for eyes. `limit` is that of bodies; None: without their content."""
    head = line.head
    request, response = interaction.request, interaction.response
    return {
        "number": number,
        "id": _text(head.get("id")),
        "started": _text(interaction.started_at),
        "timings": {name: value for name, value in interaction.timings_ms.items() if _measured(value) is not None},
        "client": _text(interaction.client),
        "process": _process(interaction),
        "connection": _connection(interaction.connection),
        "rss": interaction.rss,
        "origin": _text(interaction.origin),
        "redacted": [[visible(rule), count] for rule, count in (interaction.redacted or {}).items()],
        "error": _error(interaction.error),
        "request": {
            "method": _text(request.method),
            "url": _text(request.url),
            "version": _text(request.http_version),
            "target": _text(request.target),
            "sent": request.sent,
            **_shown_and_raw(request.headers),
            "body": _body(request.body, request.headers, limit, report),
        },
        "response": response
        and {
            "status": response.status,
            "reason": _text(response.reason),
            "version": _text(response.http_version),
            **_shown_and_raw(response.headers),
            "trailers": _headers(response.trailers),
            "body": _body(response.body, response.headers, limit, report),
        },
        "curl": None if limit is None else _curl(interaction, number),
    }


def _process(interaction: Interaction) -> list[Any]:
    process = interaction.process or {}
    return [process.get("pid"), process.get("thread")]


def _connection(connection: dict[str, Any] | None) -> dict[str, Any] | None:
    if connection is None:
        return None
    return {key: _text(value) if isinstance(value, str) else value for key, value in connection.items()}


def _error(error: dict[str, Any] | None) -> dict[str, Any] | None:
    if error is None:
        return None
    cause = error.get("cause")
    return {
        "phase": _text(str(error.get("phase"))),
        "type": _text(str(error.get("type"))),
        "message": _lines(str(error.get("message"))),
        "cause": f"{_text(str(cause.get('type')))}: {_lines(str(cause.get('message')))}" if cause else None,
        "received": hex_lines(_received(error.get("received"))),
    }


def _received(stored: object) -> bytes:
    if not isinstance(stored, str):
        return b""
    try:
        return b64decode(stored[: _RECEIVED * 2])[:_RECEIVED]
    except ValueError:
        return b""


def _headers(headers: Headers) -> list[list[str]]:
    shown = [[_clipped(name, _VALUE), _clipped(value, _VALUE)] for name, value in headers[:_HEADERS]]
    left = len(headers) - _HEADERS
    return [*shown, ["...", f"{left:,} more headers are not shown here"]] if left > 0 else shown


def _shown_and_raw(headers: Headers) -> dict[str, Any]:
    """Return headers as they are shown, and as they were recorded where that differs: for the filter."""
    shown = _headers(headers)
    if shown == [[name, value] for name, value in headers]:
        return {"headers": shown, "raw": None}
    raw = [[_writable(name[:_VALUE]), _writable(value[:_VALUE])] for name, value in headers[:_HEADERS]]
    return {"headers": shown, "raw": raw}


def _body(body: Body | None, headers: Headers, limit: int | None, report: Report) -> dict[str, Any] | None:
    if body is None:
        return None
    described: dict[str, Any] = {
        "size": body.size,
        "wire": body.wire_size,
        "coding": _text(body.coding),
        "coding_error": _text(body.coding_error),
        "framing": _text(body.framing),
        "incomplete": None if body.complete else _text(body.incomplete) or "unknown why",
        "removed": _text(body.removed),
    }
    if limit is None:
        return described | {"kind": "left out", "shown": 0}
    data = b"".join(_beginning(body.pieces(), limit))
    if (source := _json(data, declared := header(headers, "content-type") or "")) is not None:
        report.cut_bodies += len(data) < body.size
        return described | source
    content = content_of([data], content_type=declared, size=body.size)
    report.cut_bodies += content.shown < content.size
    shown = described | _content(content)
    if content.kind == "binary" and body.complete and len(data) == body.size:
        shown |= _picture(data, shown["notes"], report)
    return _searched(data, content) | shown


def _json(data: bytes, declared: str) -> dict[str, Any] | None:
    """Return a body that may be JSON as it was recorded: the page lays it out when it is looked at.

    That is most of what APIs answer, and to lay all of it out here would take longer than everything else. None for
    other bodies, and for those with something in them that needs a closer look (see content.py).
    """
    media = declared.partition(";")[0].strip().lower()
    says_so = "json" in media
    if not (says_so or data.lstrip(b" \t\n")[:1] in {b"{", b"["}) or media.startswith(_OTHERWISE):
        return None
    if _ODD.search(data) is not None:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return (
        {"kind": "json", "shown": len(data), "notes": [], "source": text, "declared": says_so} if text.strip() else None
    )


def _picture(data: bytes, notes: list[str], report: Report) -> dict[str, Any]:
    """Return what a page needs to paint a picture; nothing where it is none, or there is no more room."""
    picture = picture_of(data)
    if picture is None:
        return {}
    packed = b64encode(data).decode("ascii")
    if report.pictures + len(packed) > PICTURES:
        notes.append("The page has no more room for pictures.")
        return {}
    report.pictures += len(packed)
    return {"picture": picture._asdict(), "base64": packed, "notes": []}


def _searched(data: bytes, content: Content) -> dict[str, str]:
    """Return what the page's filter looks at, where it is not the text that is shown: never shown itself."""
    if content.kind == "binary":
        return {"base64": b64encode(content.head).decode("ascii")}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode("ascii")}
    is_shown = content.kind in _AS_IT_IS and _lines(content.text) == text
    return {} if is_shown else {"raw": text}


def _beginning(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Give the first `limit` bytes."""
    for piece in pieces:
        if limit <= 0:
            return
        yield piece[:limit]
        limit -= len(piece)


def _content(content: Content) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "kind": content.kind,
        "shown": content.shown,
        "notes": [_text(one) for one in content.notes],
    }
    if content.kind == "form":
        shown["fields"] = [[_clipped(name, _VALUE), _clipped(value, _VALUE)] for name, value in content.fields]
    elif content.kind == "multipart":
        shown["parts"] = [
            {"headers": [_text(one) for one in part.headers], "size": part.content.size, **_content(part.content)}
            for part in content.parts
        ]
    elif content.kind == "events":
        shown["events"] = [
            {"name": f"{event.number}: {_text(event.name)}", "facts": _headers(event.facts), **_content(event.content)}
            for event in content.events
        ]
    elif content.kind == "binary":
        shown["hex"] = hex_lines(content.head)
    else:
        shown["text"] = _lines(content.text)
    return shown


def _curl(interaction: Interaction, number: int) -> dict[str, Any] | None:
    """Return a curl command that sends a request again; None where it would be too long, or cannot be made."""
    body = interaction.request.body
    if body is not None and body.size > _COMMAND:
        return None
    try:
        made = exported(interaction, number, "curl")
        command = bytearray()
        for piece in made.program:
            command += piece
            if len(command) > _COMMAND:
                return None
    except UsageError:
        return None  # curl cannot be told such a request
    return {"command": command.decode(), "notes": made.notes}


def _text(value: str | None) -> str | None:
    return None if value is None else _clipped(value, _VALUE)


def _lines(text: str) -> str:
    return visible(text, lines=True)
