"""keboola.vcr's JSON: vcrpy's interactions, a line each, behind an object `_metadata`.

Law: what is written loads in keboola.vcr and in vcrpy's JSON serializer. keboola.vcr stores bytes that are not UTF-8 as
base64 without a mark, and hands the base64 out again when it replays; here such a body has a mark, under a key that
both tools pass over (`cassette_tools.marks`), and a body that some other writer left without one is read by what can
be known, and remarked where it is a guess.

Read are `cassettes/requests.json` of all releases, and the `.jsonl.tmp` file that a recording leaves that was killed.
The source is `keboola/vcr/recorder.py` of keboola.vcr 0.1 to 0.7.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

import orjson

from cassette_tools.formats import Format
from cassette_tools.huge_items import told
from cassette_tools.interaction import Body, Envelope, Interaction, Request, Response, header
from cassette_tools.json_items import LARGEST_ITEM, JsonItems
from cassette_tools.losses import KNOWN_TO_RECORDERS
from cassette_tools.marks import KEY, Mark, body_with, coding_mark, decoded_view, headers_with, mark_of
from cassette_tools.stored_body import wire_of
from cassette_tools.stored_headers import grouped, headers_of
from cassette_tools.unmarked_base64 import may_be_base64, verdict_of
from recorder.coding import split_codings
from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cassette_tools.formats import WriteOptions
    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element, Headers

__all__ = ["FORMAT"]

FAMILY: Final = "keboola"
_BARE: Final = frozenset({204, 304})
_DB: Final = "db_interactions"
_OWN_KEYS: Final = frozenset({"_metadata", "interactions", "version"})


def _sniff(head: Head) -> int:
    if head.kind != "json":
        return 0
    if head.text.startswith((b'{"request": {', b'{"request":{')):
        return 70 if b'"uri": "' in head.data and b'"method"' in head.data else 0  # a WireMock mapping has no uri
    keys = head.keys
    if "_metadata" in keys[:2]:
        return 95 if "interactions" in keys or not head.whole else 0
    return 0


# -- reading


def _read(stream: InputStream) -> Iterator[Element]:
    if stream.head.text.startswith((b'{"request": {', b'{"request":{')):
        yield from _read_lines(stream)
        return
    items = JsonItems(stream, ("interactions",))
    metadata_told = False
    for item in items:
        if not metadata_told and "_metadata" in items.rest:
            metadata_told = True
            yield Envelope(FAMILY, {"_metadata": items.rest["_metadata"]})
        yield _interaction(item.value, f"interaction {item.number}", stream)
    left = {key: value for key, value in items.rest.items() if not (metadata_told and key == "_metadata")}
    if left.get("version") == 1:
        del left["version"]
    if left:
        yield Envelope(FAMILY, left)


def _read_lines(stream: InputStream) -> Iterator[Element]:
    """Read what a killed recording left: a line an interaction, the last one perhaps torn."""
    for item in JsonItems(_AsList(stream), ()):  # type: ignore[arg-type] # it has what JsonItems needs
        yield _interaction(item.value, f"line {item.number}", stream)


class _AsList:
    """Lines of JSON as one JSON list."""

    def __init__(self, stream: InputStream) -> None:
        self.name = stream.name
        self.remark = stream.remark
        self._blocks = self._listed(stream)

    def block(self) -> bytes:
        """Give the next bytes; none at the end."""
        return next(self._blocks, b"")

    def _listed(self, stream: InputStream) -> Iterator[bytes]:
        lead = b"["
        for line, ended in _lines(stream):
            if line.strip() and (ended or self._is_whole(line)):
                yield lead + line + b"\n"
                lead = b","
        yield lead.strip(b",") + b"]"

    def _is_whole(self, line: bytes) -> bool:
        try:
            orjson.loads(line)
        except orjson.JSONDecodeError:
            self.remark("The last line is torn; it was left out.", "its end", lost=True)
            return False
        return True


def _lines(stream: InputStream) -> Iterator[tuple[bytes, bool]]:
    """Give lines, and whether each has its end. Memory: one line, at most LARGEST_ITEM."""
    waiting: list[bytes] = []
    size = 0
    while block := stream.block():
        first, *others = block.split(b"\n")
        waiting.append(first)
        size += len(first)
        if size > LARGEST_ITEM:
            raise BadCassetteError(
                f"{stream.name}: a line is longer than {LARGEST_ITEM >> 20} MiB. Check where the file comes from."
            )
        if others:
            yield b"".join(waiting), True
            for line in others[:-1]:
                yield line, True
            waiting, size = [others[-1]], len(others[-1])
    yield b"".join(waiting), False


def _interaction(value: Any, place: str, stream: InputStream) -> Interaction:  # noqa: ANN401 - what a file says
    try:
        return _taken(value, place, stream)
    except _WrongError as wrong:
        raise BadCassetteError(
            f"{stream.name}, {place}: {wrong}. Repair or remove the interaction, or give another --from."
        ) from wrong


class _WrongError(ValueError):
    """What is wrong with an interaction."""


def _taken(value: Any, place: str, stream: InputStream) -> Interaction:  # noqa: ANN401 - what a file says
    if not isinstance(value, dict):
        raise _WrongError("it is no object")
    request, response = value.get("request"), value.get("response")
    if not isinstance(request, dict) or not isinstance(response, dict):
        raise _WrongError("it has no request, or no response")
    marks = value.get(KEY)
    marks = marks if isinstance(marks, dict) else {}
    asked, answered = mark_of(marks.get("request")), mark_of(marks.get("response"))
    method, url = _text(request, "method"), _text(request, "uri")
    sent_headers = headers_with(_headers(request), asked)
    sent = _body(request.get("body"), sent_headers, asked, f"{place}, request", stream)
    status, stored = response.get("status"), response.get("body")
    if not isinstance(status, dict) or type(status.get("code")) is not int or not 0 <= status["code"] <= 999:
        raise _WrongError("the response has no status code")
    if not isinstance(stored, dict | None):
        raise _WrongError("the body of the response is no object")
    stored = stored or {}
    got_headers = headers_with(_headers(response), answered)
    got = _body(stored.get("string"), got_headers, answered, f"{place}, response", stream)
    code, reason = status["code"], status.get("message")
    if got is not None and not got.size and answered.get("body") != "empty":
        bare = method == "HEAD" or code in _BARE or 100 <= code < 200 or answered.get("body") == "none"
        got = None if bare else got
    elif got is not None:
        _check_length(got, got_headers, place, stream)
    return Interaction(
        Request(method, url, sent_headers, sent),
        Response(code, str(reason) if isinstance(reason, str) else "", got_headers, got),
        extra=_extra(value, request, response, status, stored),
    )


def _extra(
    value: dict[str, Any],
    request: dict[str, Any],
    response: dict[str, Any],
    status: dict[str, Any],
    stored: dict[str, Any],
) -> dict[str, Any]:
    said = {
        "interaction": {key: value[key] for key in value if key not in ("request", "response", KEY)},
        "request": {key: request[key] for key in request if key not in ("method", "uri", "headers", "body")},
        "response": {key: response[key] for key in response if key not in ("status", "headers", "body")},
        "status": {
            key: status[key] for key in status if key != "code" and not (key == "message" and _is_str(status[key]))
        },
        "body": {key: stored[key] for key in stored if key != "string"},
    }
    said = {part: keys for part, keys in said.items() if keys}
    return {FAMILY: said} if said else {}


def _is_str(value: object) -> bool:
    return isinstance(value, str)


def _text(message: dict[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str):
        raise _WrongError(f"the request has no {key}")
    return value


def _headers(message: dict[str, Any]) -> Headers:
    try:
        return headers_of(message.get("headers"))
    except ValueError as error:
        raise _WrongError(str(error)) from error


def _body(stored: Any, headers: Headers, mark: Mark, place: str, stream: InputStream) -> Body | None:  # noqa: ANN401 - what a file says
    if stored is None:
        return None
    if not isinstance(stored, str):
        raise _WrongError("a body is neither text nor null")
    data = None if mark.get("body") == "text" else may_be_base64(stored)
    if data is None:
        return body_with(stored, headers, mark)
    if mark.get("body") == "base64":
        return body_with(data, headers, mark)
    verdict = verdict_of(stored, data, headers)
    if verdict == "guessed bytes":
        stream.remark("A body may be base64 of bytes or text that looks like it; it was taken for bytes.", place)
    elif verdict == "guessed text":
        stream.remark("A body may be base64 of bytes or text that looks like it; it was taken for text.", place)
    return body_with(data if verdict.endswith("bytes") else stored, headers, mark)


def _check_length(body: Body, headers: Headers, place: str, stream: InputStream) -> None:
    length = header(headers, "content-length")
    if length is None or body.coding is not None or not (length.isascii() and length.isdigit() and len(length) < 16):
        return
    if int(length) > body.size and header(headers, "content-encoding") is None:
        stream.remark(
            "A body is shorter than its Content-Length: a sanitizer shortened it, or dropped bytes that are not UTF-8.",
            place,
        )


# -- writing


@told
def _write(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    beside = _Beside(options)
    begun = False
    for element in elements:
        if not isinstance(element, Interaction):
            beside.take(element, begun=begun)
            continue
        yield b",\n    " if begun else _opening(beside.metadata, element) + b"    "
        begun = True
        yield _dumped(_stored(element))
    if not begun:
        yield _opening(beside.metadata, None)
    yield b"\n  ],\n"
    if beside.tables:
        yield b'  "db_interactions": [\n    ' + b",\n    ".join(_dumped(one) for one in beside.tables) + b"\n  ],\n"
    for key, value in beside.rest.items():
        yield b"  " + _dumped(key) + b": " + _dumped(value) + b",\n"
    yield b'  "version": 1\n}\n'


class _Beside:
    """What stands beside the interactions, gathered from the envelopes of all inputs."""

    def __init__(self, options: WriteOptions) -> None:
        self.metadata: Any = None
        self.tables: list[Any] = []
        self.rest: dict[str, Any] = {}
        self._losses = options.losses

    def take(self, envelope: Envelope, *, begun: bool) -> None:
        """Take what can still be written; count the rest as lost. Metadata stands in front of all interactions."""
        if envelope.family != FAMILY:
            return
        lost = False
        for key, value in envelope.values.items():
            if key == "_metadata" and self.metadata is None and not begun:
                self.metadata = value
            elif key == _DB and isinstance(value, list):
                self.tables.extend(value)
            elif key not in _OWN_KEYS and key not in self.rest:
                self.rest[key] = value
            else:
                lost = True
        if lost and self._losses is not None:
            self._losses.envelopes += 1


def _opening(metadata: Any, first: Interaction | None) -> bytes:  # noqa: ANN401 - what a file says
    """Begin the file. keboola.vcr freezes the clock at `recorded_at` when it replays."""
    if metadata is None:
        metadata = {"recorded_at": first.started_at} if first is not None and first.started_at is not None else {}
    return b'{\n  "_metadata": ' + _dumped(metadata) + b',\n  "interactions": [\n'


def _dumped(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return json.dumps(value).encode()


def _stored(interaction: Interaction) -> dict[str, Any]:
    request, response = interaction.request, interaction.response
    if response is None:  # such interactions are never given: see cannot_hold
        raise ValueError("an interaction without a response")
    extra = interaction.extra.get(FAMILY, {})
    sent, asked = _as_sent(request)
    headers, answered = decoded_view(response.headers, response.body)
    got = None if response.body is None else _told(response.body, response.headers, answered)
    bare = request.method == "HEAD" or response.status in _BARE or 100 <= response.status < 200
    if not got and bare == (response.body is not None):
        answered["body"] = "none" if response.body is None else "empty"
    stored: dict[str, Any] = {
        "request": {
            "body": sent,
            "headers": grouped(request.headers),
            "method": request.method,
            "uri": request.url,
            **extra.get("request", {}),
        },
        "response": {
            "body": {"string": got or "", **extra.get("body", {})},
            "headers": grouped(headers),
            "status": {"code": response.status, "message": response.reason, **extra.get("status", {})},
            **extra.get("response", {}),
        },
        **extra.get("interaction", {}),
    }
    marks = {part: mark for part, mark in (("request", asked), ("response", answered)) if mark}
    if marks:
        stored[KEY] = marks
    return stored


def _as_sent(request: Request) -> tuple[str | None, Mark]:
    """Give the text that stands for a request's body as it was sent, its coding on, and its mark."""
    body = request.body
    if body is None:
        return None, {}
    declared = ", ".join(split_codings(header(request.headers, "content-encoding") or ""))
    wire = wire_of(body) if body.coding is not None and body.coding == declared else None
    if wire is not None and not _is_text(wire):  # of text a reader would think that it is decoded
        mark: Mark = {}
        return _told(Body(wire), request.headers, mark), mark
    mark = coding_mark(request.headers, body)
    return _told(body, request.headers, mark), mark


def _told(body: Body, headers: Headers, mark: Mark) -> str:
    """Give the text that stands for a body, and mark it where a reader could not know."""
    text = body.text()
    if text is None:
        data = body.read()
        text = b64encode(data).decode()
        if verdict_of(text, data, headers) != "bytes":
            mark["body"] = "base64"
    elif (decoded := may_be_base64(text)) is not None and verdict_of(text, decoded, headers) != "text":
        mark["body"] = "text"
    return text


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


FORMAT: Final = Format(
    name="keboola-json",
    title="keboola.vcr JSON",
    family=FAMILY,
    suffixes=(".json", ".jsonl.tmp"),
    sniff=_sniff,
    read=_read,
    write=_write,
    cannot_hold=KNOWN_TO_RECORDERS
    | {
        "no-response",
        "started-at",
        "timings",
        "http-version",
        "huge-items",
        "target",
        "scattered-headers",
        "trailers",
        "framing",
    },
    notes=(
        (
            "keboola.vcr stores bytes that are not UTF-8 as base64 without a mark, and replays the base64. What is"
            " written here has a mark beside it, which keboola.vcr passes over; of bodies without one the reader says"
            " where it had to guess."
        ),
        (
            "Bodies of responses are written without their content coding, as keboola.vcr does; the headers that tell"
            " of the coding stand in the mark."
        ),
        "Read is also the .jsonl.tmp file that a killed recording leaves.",
    ),
)
