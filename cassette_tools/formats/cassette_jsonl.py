"""This toolkit's own cassettes: JSON Lines, as `docs/format.md` specifies.

Law: nothing that the model holds is lost here, nor what other families say in `extra`. Lines that are no interactions
(headers, processes, ends, types of later releases) go through as envelopes, unchanged, between cassettes; what other
tools' files say of themselves stands in lines of type `envelope`. Interactions from elsewhere get a run of their own: a
header, a process, numbers, and an end line.

Memory: one line, and of a body over a mebibyte one piece.
"""

from __future__ import annotations

import binascii
import hashlib
import os
import platform
import re
import sys
from base64 import b64encode
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import orjson

from cassette_tools.formats import Format
from cassette_tools.interaction import Body, Envelope, Interaction, Request, Response
from cassette_tools.moments import from_text
from recorder.capture import BodyCapture, encode_content
from recorder.errors import BadCassetteError, ConversionError
from recorder.journal.lines import MARK, Source
from recorder.journal.read import Reader
from recorder.model import Interaction as Recorded
from recorder.options import BODY_LIMIT
from recorder.version import __version__

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from cassette_tools.formats import WriteOptions
    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element, Headers
    from recorder.capture import Content
    from recorder.journal.read import Line, Part

__all__ = ["FAMILY", "FORMAT", "interaction_of", "read", "write"]

FAMILY: Final = "cassette"

_HEAD: Final = frozenset(
    {
        "type",
        "id",
        "seq",
        "started_at",
        "timings_ms",
        "client",
        "process",
        "pid",
        "thread",
        "connection",
        "rss",
        "request",
        "response",
        "error",
        "redacted",
        "extra",
        "origin",
    }
)
_REQUEST: Final = frozenset({"method", "url", "target", "http_version", "headers", "body", "sent"})
_RESPONSE: Final = frozenset({"status", "reason", "http_version", "headers", "trailers", "body"})
_BODY: Final = frozenset(
    {
        "size",
        "wire_size",
        "sha256",
        "complete",
        "incomplete",
        "coding",
        "coding_error",
        "framing",
        "pieces",
        "removed",
    }
)
_PIECE: Final = frozenset({"type", "of", "part", "piece", "raw"})
_PROCESS: Final = ("id", "seq", "process", "pid", "thread")
_PART_SIZE: Final = 256 * 1024
_MOST_MARKED: Final = 4096
"""Bodies with raw pieces whose interaction has not come yet, that are remembered."""
_MOST_WAITING: Final = 1000
"""Envelopes of others that wait for the first header of a run."""
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_MOST_PROCESSES: Final = 50_000
"""Processes without an end line whose interactions are counted at a time: about 200 bytes each."""
_PASSED_OVER: Final = "passed over in a conversion"


def _sniff(head: Head) -> int:
    if head.text.startswith(MARK):
        return 100
    return 60 if head.text.startswith(b'{"type"') and b'"header"' in head.text[:64] else 0


# -- reading


def read(stream: InputStream) -> Iterator[Element]:
    """Give interactions and all other lines but bodies'. Raises what `recorder.journal.read.Reader` raises."""
    source = stream.path if stream.path is not None else Source(stream, name=stream.name)  # type: ignore[arg-type] # it has what Source needs
    progress = None if stream.path is None else stream.tell_progress  # a stream tells its own
    raw: dict[tuple[Any, Any], int] = {}
    made = False  # whether the run at hand is none, but what a conversion put around interactions from elsewhere
    left = 0  # body lines whose interaction has not come
    with Reader(source, mode=stream.mode, contents=True, on_progress=progress) as reader:
        for line in reader:
            if line.type == "interaction":
                if line.pieces is not None:
                    left -= sum(len(pieces.offsets) for pieces in line.pieces.values())
                yield _interaction(line, raw)
            elif line.type == "body":
                left += 1
                _look_at(line, raw, stream)
            elif line.type == "envelope" and type(line.head.get("of")) is str and type(line.head.get("values")) is dict:
                yield Envelope(line.head["of"], line.head["values"])
            else:
                if line.type == "header":
                    made = line.head.get("converted") is True
                yield Envelope(FAMILY, line.head, made)
        if left > 0:
            stream.remark(
                f"{left:,} pieces of bodies were left out: their interaction never came.", "the end", lost=True
            )
        for damage in reader.damage:
            stream.remark(
                f"{damage.end - damage.start:,} damaged bytes were left out: {damage.reason}.",
                f"byte {damage.start}",
                lost=True,
            )


def interaction_of(line: Line) -> Interaction:
    """Make an interaction of a line. Bodies that the line did not bring along are read when somebody asks for them.

    They can be read as long as `Reader.body` gives them. Raises BadCassetteError for a line that is not as the format
    says; what reads a body raises what `Reader.body` does.
    """
    return _interaction(line, {}, lazy=line.contents is None)


def _look_at(line: Line, raw: dict[tuple[Any, Any], int], stream: InputStream) -> None:
    """Take note of what a body line says beside its content."""
    head = line.head
    of, part = head.get("of"), head.get("part")
    if head.get("raw") is True and type(of) is str and type(part) is str and type(head.get("piece")) is int:
        if len(raw) >= _MOST_MARKED:
            raw.clear()
        raw.setdefault((of, part), head["piece"])
    if not head.keys() <= _PIECE:
        stream.remark("Unknown keys of body lines were left out.", f"line {line.number}", lost=True)


def _interaction(line: Line, raw: dict[tuple[Any, Any], int], *, lazy: bool = False) -> Interaction:
    head = line.head
    try:
        interaction = _taken(line, head, raw, lazy=lazy) if _is_sound(head) else None
    except (KeyError, TypeError, ValueError, AttributeError):
        interaction = None
    if interaction is not None:
        return interaction
    Recorded.from_json(head, where=line.where)  # says what is wrong
    raise BadCassetteError(
        f"{line.where}: the contents of a body are missing or garbled, or `extra`, `origin` or `redacted` are. "
        "Record again, or take the line out."
    )


def _is_sound(head: dict[str, Any]) -> bool:
    """Tell whether the values of an interaction that are taken over as they are have the types that they should have.

    Quick, for it is asked of each: the types together are a shape, and shapes repeat. What exactly is wrong,
    `recorder.model` says.
    """
    request, response, error = head["request"], head.get("response"), head.get("error")
    connection, extra, redacted = head.get("connection"), head.get("extra"), head.get("redacted")
    answer = _NOTHING if response is None else response
    given = _NOTHING if connection is None else connection
    values = (
        *map(head.get, _TEXTS),
        *map(head.get, _COUNTS),
        request.get("http_version"),
        request.get("target"),
        answer.get("http_version"),
        *map(given.get, _CONNECTION_TEXTS),
        given.get("id"),
        given.get("reused"),
        connection,
        error,
        extra,
        redacted,
        *head["timings_ms"].values(),
    )
    shape = tuple(map(type, values))
    if shape not in _SOUND and not _is_sound_shape(shape):
        return False
    if error is not None and not (
        {str}.issuperset(map(type, map(error.get, _ERROR_TEXTS))) and type(error.get("cause")) in (dict, _NONE)
    ):
        return False
    if redacted is not None and not {int}.issuperset(map(type, redacted.values())):
        return False
    return answer.get("status", 0) <= 999 and (extra is None or FAMILY not in extra)


def _is_sound_shape(shape: tuple[type, ...]) -> bool:
    last = len(_SHAPE)
    sound = all(map(set.__contains__, _SHAPE, shape)) and {int, float}.issuperset(shape[last:])
    if sound and len(_SOUND) < _MOST_SHAPES:
        _SOUND.add(shape)
    return sound


_NONE: Final = type(None)
_TEXTS: Final = ("id", "client", "process", "origin", "started_at")
_COUNTS: Final = ("seq", "pid", "thread", "rss")
_CONNECTION_TEXTS: Final = ("peer", "tls", "proxy")
_ERROR_TEXTS: Final = ("phase", "type", "message")
_BODY_TEXTS: Final = ("coding", "coding_error", "incomplete", "framing", "removed")
_SHAPE: Final[tuple[set[Any], ...]] = (
    {str},
    *({str, _NONE},) * 4,
    {int},
    *({int, _NONE},) * 3,
    *({str, _NONE},) * 6,
    {int, _NONE},
    {bool, _NONE},
    *({dict, _NONE},) * 4,
)
_BODY_SHAPE: Final[tuple[set[Any], ...]] = ({int, _NONE}, *({str, _NONE},) * 5)
_SOUND_BODY: Final[set[tuple[type, ...]]] = set()
_SOUND: Final[set[tuple[type, ...]]] = set()
_MOST_SHAPES: Final = 10_000


def _taken(line: Line, head: dict[str, Any], raw: dict[tuple[Any, Any], int], *, lazy: bool) -> Interaction:
    """Make an interaction of a line. Raises what a wrong type raises, where it is not what it should be."""
    request, response = head["request"], head.get("response")
    contents = None if lazy else line.contents or {}
    extra: dict[str, Any] = dict(head.get("extra") or _NOTHING)
    unknown: dict[str, Any] = {}
    if not head.keys() <= _HEAD:
        unknown["interaction"] = {key: head[key] for key in head if key not in _HEAD}
    if not request.keys() <= _REQUEST:
        unknown["request"] = {key: request[key] for key in request if key not in _REQUEST}
    answer = None
    if response is not None:
        if not response.keys() <= _RESPONSE:
            unknown["response"] = {key: response[key] for key in response if key not in _RESPONSE}
        answer = Response(
            _number(response["status"]),
            _text(response.get("reason") or ""),
            _headers(response["headers"]),
            _body(line, "response", response.get("body"), contents),
            response.get("http_version"),
            _headers(response["trailers"]) if response.get("trailers") else [],
        )
    for part, message in (("request", request), ("response", response)):
        body = None if message is None else message.get("body")
        if body is None:
            continue
        if not body.keys() <= _BODY:
            unknown[f"{part}.body"] = {key: body[key] for key in body if key not in _BODY}
        if raw and (first := raw.pop((head.get("id"), part), None)) is not None:
            unknown[f"{part}.raw"] = first
    if unknown:
        extra[FAMILY] = unknown
    return Interaction(
        Request(
            _text(request["method"]),
            _text(request["url"]),
            _headers(request["headers"]),
            _body(line, "request", request.get("body"), contents),
            request.get("http_version"),
            request.get("target"),
            request.get("sent") is not False,
        ),
        answer,
        head.get("error"),
        _moment(head.get("started_at")),
        head["timings_ms"],
        head.get("client"),
        {key: head.get(key) for key in _PROCESS},
        head.get("connection"),
        head.get("rss"),
        head.get("redacted"),
        extra,
        head.get("origin"),
    )


def _body(line: Line, part: Part, said: dict[str, Any] | None, contents: dict[str, Any] | None) -> Body | None:
    """Make a body of its description and of what stands in the line; where that was not parsed, of what will."""
    if said is None:
        return None
    content: bytes | str = b""
    stream = None
    size: int | None = _number(said["size"])
    values = (said.get("wire_size"), *map(said.get, _BODY_TEXTS))
    shape = tuple(map(type, values))
    if shape not in _SOUND_BODY and not all(map(set.__contains__, _BODY_SHAPE, shape)):
        raise TypeError(part)
    _SOUND_BODY.add(shape)
    pieces = said.get("pieces")
    if pieces is not None:
        _number(pieces)
    if pieces is not None or contents is None:
        stream = partial(line.reader.body, line, part)
    else:
        held = contents.get(part)
        if held is None:
            if size:
                raise ValueError(part)
        elif (text := held.get("text")) is not None:
            content = _text(text)
        else:
            content = binascii.a2b_base64(held["base64"], strict_mode=True)
        if line.reader.mode == "strict":
            _check(content, said, f"{line.where}: the {part}'s body")
        size = None
    return Body(
        content,
        coding=said.get("coding") or None,
        coding_error=said.get("coding_error"),
        wire_size=said.get("wire_size"),
        complete=said["complete"] is True,
        incomplete=said.get("incomplete"),
        framing=said.get("framing"),
        removed=said.get("removed"),
        stream=stream,
        size=size,
    )


def _check(content: bytes | str, said: dict[str, Any], what: str) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    if len(data) != said["size"]:
        raise BadCassetteError(f"{what} has {len(data)} bytes, and its description says another number. Record again.")
    if (stated := said.get("sha256")) is not None and stated != hashlib.sha256(data).hexdigest():
        raise BadCassetteError(f"{what} has another digest than its description says. Record again.")


def _moment(text: str | None) -> str | None:
    """Give a time as the model wants it. Raises TypeError, ValueError."""
    if text is None:
        return None
    if _MOMENT.fullmatch(text) is not None:
        datetime.fromisoformat(text)  # refuses a 30th of February
        return text
    moment = from_text(text)
    if moment is None:
        raise ValueError(text)
    return moment


_TWO: Final = frozenset({2})


def _headers(pairs: list[list[str]]) -> Headers:
    headers: Headers = list(map(tuple, pairs))  # type: ignore[arg-type] # their length is looked at below
    joined = "".join(chain.from_iterable(headers))  # raises TypeError for what is no text
    if not _TWO.issuperset(map(len, headers)):
        raise ValueError(pairs)
    if joined.isascii() or all(character <= "\xff" for character in joined):
        return headers
    return [(_octets(name), _octets(value)) for name, value in headers]


def _octets(text: str) -> str:
    """Take a text that is no ISO-8859-1, as nothing that a recorder writes, for its UTF-8."""
    return text if all(character <= "\xff" for character in text) else text.encode().decode("latin-1")


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError(value)
    return value


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(value)
    return value


# -- writing


def write(elements: Iterable[Element], _options: WriteOptions) -> Iterator[bytes]:
    """Give the lines of a cassette, one or a few at a time."""
    run = _Run()
    waiting: list[bytes] = []  # envelopes of others that came before the first header
    for element in elements:
        if isinstance(element, Interaction):
            yield from run.lines(element)
        elif element.family != FAMILY:
            waiting.append(_line({"type": "envelope", "of": element.family, "values": element.values}))
            if len(waiting) > _MOST_WAITING:
                yield _line(run.header())
                run.has_header = True
        else:
            if element.values.get("type") == "header":
                yield from run.end()
            yield _line(run.corrected(element.values) if element.values.get("type") == "end" else element.values)
            run.has_header = True
        if run.has_header and waiting:
            yield b"".join(waiting)
            waiting.clear()
    yield from run.end()
    if not run.has_header:
        yield _line(run.header())
    yield b"".join(waiting)


class _Run:
    """The lines of interactions. For those that come from no cassette of ours it makes a run."""

    def __init__(self) -> None:
        self.has_header = False
        self._token: str | None = None
        self._run = ""
        self._count = 0
        self._errors = 0
        self._bytes = 0
        self._written: dict[object, tuple[int, int]] = {}  # interactions and errors of other runs, by process

    def lines(self, interaction: Interaction) -> Iterator[bytes]:
        process = interaction.process
        if process is None or "id" not in process or "process" not in process:
            if self._token is None:
                yield from self._begin(interaction)
            self._count += 1
            self._errors += interaction.error is not None
            process = {"id": f"{self._token}-{self._count}", "seq": self._count, "process": self._token}
        else:
            self._count_of(process["process"], interaction)
            if not self.has_header:
                yield _line(self.header())
                self.has_header = True
        size = 0
        for line in _lines(interaction, process):
            size += len(line)
            yield line
        self._bytes += size

    def _count_of(self, process: object, interaction: Interaction) -> None:
        known = self._written.get(process)
        if known is None and len(self._written) >= _MOST_PROCESSES:
            return
        count, errors = known or (0, 0)
        self._written[process] = count + 1, errors + (interaction.error is not None)

    def corrected(self, end: dict[str, Any]) -> dict[str, Any]:
        """Let an end line count what is left of its process: a filter may have passed interactions over."""
        stated = end.get("interactions")
        if end.get("process") not in self._written and len(self._written) >= _MOST_PROCESSES:
            return end  # it was not counted
        written, errors = self._written.pop(end.get("process"), (0, 0))
        lost = end.get("lost")
        if type(stated) is not int or stated <= written or type(lost) is not dict or "exit_code" in end:
            return end
        missing = lost.get(_PASSED_OVER, 0) if type(lost.get(_PASSED_OVER, 0)) is int else 0
        lost = {**lost, _PASSED_OVER: missing + stated - written}
        return {**end, "interactions": written, "errors": errors, "lost": lost}

    def header(self) -> dict[str, Any]:
        """Say who made this cassette. What is in it was not redacted here."""
        return {
            "type": "header",
            "format": 1,
            "created_at": _now(),
            "run": self._run or "0" * 12,
            "process": self._token or "0" * 8,
            "recorder": f"cassette-tools {__version__}",
            "python": platform.python_version(),
            "platform": f"{sys.platform}-{platform.machine()}",
            "redaction": "none",
            "body_limit": BODY_LIMIT,
            "converted": True,
        }

    def end(self) -> Iterator[bytes]:
        """End the run that was made here, if there is one."""
        if self._token is None:
            return
        yield _line(
            {
                "type": "end",
                "run": self._run,
                "process": self._token,
                "ended_at": _now(),
                "seen": self._count,
                "interactions": self._count,
                "errors": self._errors,
                "lost": {},
                "bytes": self._bytes,
            }
        )
        self._token = None

    def _begin(self, interaction: Interaction) -> Iterator[bytes]:
        # The same input gives the same names, so that two conversions of one file can be compared.
        response = interaction.response
        answer = () if response is None else (response.status, response.headers)
        seed = repr((self._run, interaction.request.method, interaction.request.url, interaction.started_at, answer))
        digest = hashlib.sha256(seed.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
        self._run, self._token = digest[:12], digest[12:20]
        self._count = self._errors = self._bytes = 0
        self.has_header = True
        header = _line(self.header())
        process = _line(
            {
                "type": "process",
                "process": self._token,
                "run": self._run,
                "pid": os.getpid(),
                "ppid": os.getppid(),
                "started_at": _now(),
                "program": "ctools",
                "python": platform.python_version(),
            }
        )
        self._bytes = len(header) + len(process)
        yield header
        yield process


def _lines(interaction: Interaction, process: dict[str, Any]) -> Iterator[bytes]:
    """Give the lines of one interaction: those of long bodies ahead of its own."""
    identity = process["id"]
    request, response = interaction.request, interaction.response
    bodies: dict[str, Content] = {}
    described: dict[str, dict[str, Any] | None] = {"request": None, "response": None}
    unknown = interaction.extra.get(FAMILY, _NOTHING)
    for part, body in (("request", request.body), ("response", None if response is None else response.body)):
        if body is None:
            continue
        if body.stream is not None and interaction.process is not None:  # of a cassette: its pieces stay as they are
            said = yield from _as_it_was(body, identity, part, unknown.get(f"{part}.raw"))
        elif body.stream is None and (held := _held(body, part, bodies)) is not None:
            said = held
        else:
            said = yield from _in_pieces(body, identity, part, bodies)
        described[part] = said | unknown.get(f"{part}.body", _NOTHING)
    head: dict[str, Any] = {
        "type": "interaction",
        "id": identity,
        "seq": process.get("seq", 0),
        "started_at": interaction.started_at,
        "timings_ms": interaction.timings_ms,
        "client": interaction.client,
        "process": process["process"],
        "pid": process.get("pid"),
        "thread": process.get("thread"),
        "connection": interaction.connection,
        "rss": interaction.rss,
        "request": _asked(request, described["request"], unknown.get("request", _NOTHING)),
        "response": None
        if response is None
        else _answered(response, described["response"], unknown.get("response", _NOTHING)),
    }
    if interaction.error is not None:
        head["error"] = interaction.error
    if interaction.redacted:
        head["redacted"] = interaction.redacted
    if interaction.origin is not None:
        head["origin"] = interaction.origin
    if interaction.extra:
        foreign = {family: said for family, said in interaction.extra.items() if family != FAMILY}
        if foreign:
            head["extra"] = foreign
        head.update(unknown.get("interaction", _NOTHING))
    head["bodies"] = bodies
    yield _line(head)


def _as_it_was(body: Body, identity: str, part: str, raw: int | None) -> Generator[bytes, None, dict[str, Any]]:
    """Give the lines of a body that a cassette holds in pieces, cut as they are there; return its description.

    From piece `raw` on they are marked as raw.
    """
    number = size = 0
    digest = hashlib.sha256(usedforsecurity=False)
    for number, piece in enumerate(body.pieces(), 1):
        size += len(piece)
        digest.update(piece)
        line = {"type": "body", "of": identity, "part": part, "piece": number - 1, **encode_content(piece)}
        if raw is not None and number > raw:
            line["raw"] = True
        yield _line(line)
    return _said(body, size, digest.hexdigest(), number)


def _in_pieces(
    body: Body, identity: str, part: str, bodies: dict[str, Content]
) -> Generator[bytes, None, dict[str, Any]]:
    """Give the lines of a long body as it is read; return its description. Where it is empty its content is held."""
    ahead: list[bytes] = []
    capture = BodyCapture(0, partial(_add_piece, ahead, identity, part), [])
    for piece in body.pieces():
        for start in range(0, len(piece), _PART_SIZE):
            capture.feed(piece[start : start + _PART_SIZE])
            yield from ahead
            ahead.clear()
    said, content = capture.finish(None, None)
    yield from ahead
    if content is not None:
        bodies[part] = content
    return _said(body, said["size"], said["sha256"], said.get("pieces"))


def _asked(request: Request, body: dict[str, Any] | None, unknown: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"method": request.method, "url": request.url}
    if request.target is not None:
        said["target"] = request.target
    said["http_version"] = request.http_version
    said["headers"] = request.headers
    said["body"] = body
    if not request.sent:
        said["sent"] = False
    said.update(unknown)
    return said


def _answered(response: Response, body: dict[str, Any] | None, unknown: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "status": response.status,
        "reason": response.reason,
        "http_version": response.http_version,
        "headers": response.headers,
    }
    said["body"] = body
    if response.trailers:
        said["trailers"] = response.trailers
    said.update(unknown)
    return said


_NOTHING: Final[dict[str, Any]] = {}


def _held(body: Body, part: str, bodies: dict[str, Content]) -> dict[str, Any] | None:
    """Describe a body that fits into the line, and put its content into `bodies`. None where it does not fit."""
    text = body.text()
    data = body.read() if text is None else text.encode()  # once: it takes as long as a digest
    if len(data) > BODY_LIMIT:
        return None
    digest = hashlib.sha256(data, usedforsecurity=False).hexdigest()
    bodies[part] = {"text": text} if text is not None else {"base64": b64encode(data).decode("ascii")}
    return _said(body, len(data), digest, None)


def _said(body: Body, size: int, digest: str, pieces: int | None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "size": size,
        "wire_size": body.wire_size,
        "sha256": digest,
        "complete": body.complete,
    }
    if body.incomplete is not None:
        said["incomplete"] = body.incomplete
    if body.coding is not None:
        said["coding"] = body.coding
    if body.coding_error is not None:
        said["coding_error"] = body.coding_error
    if body.framing is not None:
        said["framing"] = body.framing
    if pieces is not None:
        said["pieces"] = pieces
    if body.removed is not None:
        said["removed"] = body.removed
    return said


def _add_piece(ahead: list[bytes], identity: str, part: str, number: int, content: Content) -> None:
    ahead.append(_line({"type": "body", "of": identity, "part": part, "piece": number, **content}))


def _line(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return _odd_line(record)


def _odd_line(record: dict[str, Any]) -> bytes:
    """Write what orjson does not: integers over 64 bits, and what is nested deeper than 254 levels."""
    import json  # noqa: PLC0415 - hardly ever

    try:
        return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    except (ValueError, RecursionError) as error:
        kind = record.get("type")
        raise ConversionError(
            f"A line of type {kind if kind in _KINDS else 'unknown'} cannot be written as JSON: it is nested too deep, "
            "or holds half a character. Leave it out with --only."
        ) from error


_KINDS: Final = frozenset({"header", "process", "interaction", "diagnosis", "end", "envelope"})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


FORMAT: Final = Format(
    name="jsonl",
    title="cassette JSONL",
    family=FAMILY,
    suffixes=(".jsonl", ".ndjson"),
    sniff=_sniff,
    read=read,
    write=write,
    adds=frozenset({"process"}),
    holds="line",
    is_default=True,
    keeps_extra=True,
    notes=("This toolkit's own format. Bodies as they came compressed are stored unpacked.",),
)
