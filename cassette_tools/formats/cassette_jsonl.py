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
import sys
from base64 import b64encode
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from cassette_tools.formats import Format
from cassette_tools.interaction import Body, Envelope, Interaction, Request, Response
from recorder.capture import BodyCapture
from recorder.errors import BadCassetteError
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

__all__ = ["FAMILY", "FORMAT", "read", "write"]

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
_PROCESS: Final = ("id", "seq", "process", "pid", "thread")
_PART_SIZE: Final = 256 * 1024
_PASSED_OVER: Final = "passed over in a conversion"


def _sniff(head: Head) -> int:
    if head.text.startswith(MARK):
        return 100
    return 60 if head.text.startswith(b'{"type"') and b'"header"' in head.text[:64] else 0


# -- reading


def read(stream: InputStream) -> Iterator[Element]:
    """Give interactions and all other lines but bodies'. Raises what `recorder.journal.read.Reader` raises."""
    source = stream.path if stream.path is not None else Source(stream, name=stream.name)  # type: ignore[arg-type] # it has what Source needs
    with Reader(source, mode=stream.mode, contents=True, on_progress=stream.tell_progress) as reader:
        for line in reader:
            if line.type == "interaction":
                yield _interaction(line)
            elif line.type == "envelope" and type(line.head.get("of")) is str and type(line.head.get("values")) is dict:
                yield Envelope(line.head["of"], line.head["values"])
            elif line.type != "body":
                yield Envelope(FAMILY, line.head)
        for damage in reader.damage:
            stream.remark(
                f"{damage.end - damage.start:,} damaged bytes were left out: {damage.reason}.", f"byte {damage.start}"
            )


def _interaction(line: Line) -> Interaction:
    head = line.head
    try:
        interaction = _taken(line, head)
    except (KeyError, TypeError, ValueError, AttributeError):
        interaction = None
    if interaction is not None:
        return interaction
    Recorded.from_json(head, where=line.where)  # says what is wrong
    raise BadCassetteError(f"{line.where}: the contents of a body are missing or garbled. Record again.")


def _taken(line: Line, head: dict[str, Any]) -> Interaction | None:
    """Make an interaction of a line. None, or what a wrong type raises, where it is not what it should be."""
    request, response = head["request"], head.get("response")
    contents = line.contents or {}
    extra: dict[str, Any] = dict(head["extra"]) if "extra" in head else {}
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
    if unknown:
        extra[FAMILY] = unknown
    timings = head["timings_ms"]
    if type(timings) is not dict:
        return None
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
        head.get("started_at"),
        timings,
        head.get("client"),
        {key: head[key] for key in _PROCESS if key in head},
        head.get("connection"),
        head.get("rss"),
        head.get("redacted"),
        extra,
        head.get("origin"),
    )


def _body(line: Line, part: Part, said: dict[str, Any] | None, contents: dict[str, Any]) -> Body | None:
    if said is None:
        return None
    content: bytes | str = b""
    stream = None
    size: int | None = _number(said["size"])
    if said.get("pieces") is not None:
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
        size = None
    return Body(
        content,
        coding=said.get("coding"),
        coding_error=said.get("coding_error"),
        wire_size=said.get("wire_size"),
        complete=said["complete"] is True,
        incomplete=said.get("incomplete"),
        framing=said.get("framing"),
        removed=said.get("removed"),
        stream=stream,
        size=size,
    )


def _headers(pairs: list[list[str]]) -> Headers:
    headers = [(name, value) for name, value in pairs]
    joined = "".join([name + value for name, value in headers])  # raises TypeError for what is no text
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
            count, errors = self._written.get(process["process"], (0, 0))
            self._written[process["process"]] = count + 1, errors + (interaction.error is not None)
            if not self.has_header:
                yield _line(self.header())
                self.has_header = True
        size = 0
        for line in _lines(interaction, process):
            size += len(line)
            yield line
        self._bytes += size

    def corrected(self, end: dict[str, Any]) -> dict[str, Any]:
        """Let an end line count what is left of its process: a filter may have passed interactions over."""
        stated = end.get("interactions")
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
        seed = f"{self._run} {interaction.request.method} {interaction.request.url} {interaction.started_at}"
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
    for part, body in (("request", request.body), ("response", None if response is None else response.body)):
        if body is None:
            continue
        content: Content | None
        if body.stream is None and body.size <= BODY_LIMIT:
            described[part], content = _held(body)
        else:
            described[part], content = yield from _in_pieces(body, identity, part)
        if content is not None:
            bodies[part] = content
    unknown = interaction.extra.get(FAMILY, _NOTHING)
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


def _in_pieces(body: Body, identity: str, part: str) -> Generator[bytes, None, tuple[dict[str, Any], Content | None]]:
    """Give the lines of a long body as it is read; return its description, and its content when it was empty."""
    ahead: list[bytes] = []
    capture = BodyCapture(0, partial(_add_piece, ahead, identity, part), [])
    for piece in body.pieces():
        for start in range(0, len(piece), _PART_SIZE):
            capture.feed(piece[start : start + _PART_SIZE])
            yield from ahead
            ahead.clear()
    said, content = capture.finish(None, None)
    yield from ahead
    return _said(body, said["size"], said["sha256"], said.get("pieces")), content


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


def _held(body: Body) -> tuple[dict[str, Any], Content]:
    """Describe a body that fits into the line."""
    text = body.text()
    data = body.read() if text is None else text.encode()
    digest = hashlib.sha256(data, usedforsecurity=False).hexdigest()
    content: Content = {"text": text} if text is not None else {"base64": b64encode(data).decode("ascii")}
    return _said(body, len(data), digest, None), content


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
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


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
