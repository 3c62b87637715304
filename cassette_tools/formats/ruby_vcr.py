"""Cassettes of Ruby's VCR: its YAML, its JSON, and the YAML of VCR 1.

Law: nothing in a file is run. Ruby's tags only say where a value stood; ERB, which VCR can run before it reads, is
refused. A text stands for its bytes in the encoding that stands beside it, as VCR itself takes it.

- `recorded_at` is when the response had arrived, to the second. It is taken for the start.
- A body that VCR decompressed has lost its Content-Encoding (`adapter_metadata`); it is read as it is written.
- VCR 1 wrote a list of structs, with symbols for keys and no time.
- A URL is what `uri` says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.body_presence import request_body, response_body
from cassette_tools.document_values import (
    MalformedError,
    headers_of,
    jsonable,
    pruned,
    table,
    take_status,
    take_table,
    take_text,
    text_of,
    unbase64,
    untagged,
)
from cassette_tools.formats import Format
from cassette_tools.interaction import Envelope, Interaction, Request, Response
from cassette_tools.losses import KNOWN_TO_RECORDERS
from cassette_tools.moments import from_http_date, from_text
from cassette_tools.vcr_items import Item, converted, items
from cassette_tools.yaml_items import Tagged
from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element

__all__ = ["FORMAT"]

FAMILY: Final = "ruby-vcr"
TITLE: Final = "Ruby VCR"

_TAGS: Final = frozenset(
    {"!ruby/struct:*", "!ruby/string*", "!ruby/sym*", "!ruby/hash*", "!ruby/array*", "!str:*", "!map:*", "!seq:*"}
)
_OLD: Final = re.compile(rb"^- !ruby/struct:VCR::HTTPInteraction", re.MULTILINE)
_OF_R: Final = re.compile(rb"recorded_with\"?: ?\"?(?:VCR-)?vcr/|^ +status_code:|^  +status: \d", re.MULTILINE)
_OF_BETAMAX: Final = re.compile(rb"\"recorded_with\": ?\"betamax|\"url\": ?\"")
_OF_RUBY: Final = re.compile(
    rb"recorded_with\"?: ?\"?VCR \d|recorded_at\"?: ?\"?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), "
    rb"|encoding\"?: ?\"?(?:UTF-8|US-ASCII|ASCII-8BIT)|http_version\"?:|adapter_metadata\"?:"
)
_ERB: Final = re.compile(r"<%(?!%)")
_AS_IS: Final = frozenset({"", "UTF-8", "US-ASCII", "ASCII-8BIT", "BINARY"})
_ENCODING: Final = re.compile(
    r"ISO-8859-\d{1,2}|WINDOWS-\d{3,4}|KOI8-[RU]|UTF-(?:16|32)(?:LE|BE)?|SHIFT_JIS|EUC-(?:JP|KR)|GB(?:K|2312|18030)|BIG5"
)
_VERSION: Final = re.compile(r"\d(?:\.\d)?")


def sniff(head: Head) -> int:
    """Tell by the list's name, and by words that Ruby's VCR and no other writes."""
    if _OLD.search(head.data):
        return 100
    if head.kind not in ("yaml", "json") or "http_interactions" not in head.keys or _OF_R.search(head.data):
        return 0
    if head.kind == "json" and _OF_BETAMAX.search(head.data):
        return 0
    return 90 if _OF_RUBY.search(head.data) else 40


def read(stream: InputStream) -> Iterator[Element]:
    """Give the interactions, and at last what the file says of itself. Memory: one interaction."""
    rest: dict[str, Any] = {}
    try:
        for item in items(stream, tags=_TAGS):
            rest = item.rest
            _refuse_erb(item, stream)
            yield converted(stream, item, lambda one: _interaction(one, stream), format_title=TITLE)
    except BadCassetteError as error:
        line = _erb_in_head(stream.head)
        if line is None or "ERB" in str(error):
            raise
        raise _erb(f"{stream.name}, line {line}") from error
    if rest:
        yield Envelope(FAMILY, jsonable(rest))


FORMAT: Final = Format(
    name="ruby-vcr",
    title=TITLE,
    family=FAMILY,
    suffixes=(".yml", ".yaml", ".json"),
    sniff=sniff,
    read=read,
    cannot_hold=KNOWN_TO_RECORDERS
    | {
        "no-response",
        "timings",
        "http-version",
        "target",
        "scattered-headers",
        "trailers",
        "framing",
        "empty-bodies",
        "extra",
    },
    notes=(
        "YAML and JSON of VCR 2 to 6, and the YAML of VCR 1.",
        "The encoding beside a body's text is used to get its bytes, and is not kept.",
        "Cassettes with ERB are refused: nothing in a file is run.",
        "The start time is `recorded_at`, when the response had arrived, to the second.",
    ),
)


# -- ERB


def _refuse_erb(item: Item, stream: InputStream) -> None:
    """Refuse an item with `<% ... %>` in any of its texts. Walks without recursion."""
    waiting: list[Any] = [item.value]
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind is dict:
            waiting += value
            waiting += value.values()
        elif kind is list:
            waiting += value
        elif isinstance(value, str):
            if "<%" in value and _holds_erb(value):
                raise _erb(f"{stream.name}, {item.place}")
        elif isinstance(value, Tagged):
            waiting.append(value.value)


def _holds_erb(text: str) -> bool:
    """Tell whether `<%` stands somewhere in front of a `%>`; `<%%` is ERB's way to write `<%`."""
    opening = _ERB.search(text)
    return opening is not None and text.rfind("%>") >= opening.end()


def _erb_in_head(head: Head) -> int | None:
    at = head.data.find(b"<%")
    return None if at < 0 or head.data.find(b"%>", at) < 0 else head.data.count(b"\n", 0, at) + 1


def _erb(place: str) -> BadCassetteError:
    return BadCassetteError(
        f"{place}: there is ERB (<% ... %>), which is Ruby code and is not run here. Let VCR render it once, or write"
        " what it stands for; if it is data, record it with preserve_exact_body_bytes."
    )


# -- interactions


def _interaction(item: Item, stream: InputStream) -> Interaction:
    left = _unsymboled(table(item.value, "the interaction"))
    said, answer = _unsymboled(take_table(left, "request")), _unsymboled(take_table(left, "response"))
    request = _request(said, stream, item.place)
    response = _response(answer, request, stream, item.place) if answer else None
    recorded = take_text(left, "recorded_at")
    started = None if recorded is None else from_http_date(recorded) or from_text(recorded)
    if recorded is not None and started is None:
        left["recorded_at"] = recorded
    kept = pruned(request=said, response=answer, **_other(left))
    return Interaction(request, response, started_at=started, extra={FAMILY: kept} if kept else {})


def _other(left: dict[str, Any]) -> dict[str, Any]:
    """Give what is beside request and response; a key that would hide one of them goes under another name."""
    return {f"other {key}" if key in ("request", "response") else key: value for key, value in left.items()}


def _request(said: dict[str, Any], stream: InputStream, place: str) -> Request:
    method = (take_text(said, "method") or "").removeprefix(":").upper()
    url = take_text(said, "uri")
    if not method or not url:
        raise MalformedError("its request has no `method` or no `uri`")
    headers = headers_of(said.pop("headers", None))
    return Request(method, url, headers, request_body(_content(said, stream, place), headers))


def _response(answer: dict[str, Any], request: Request, stream: InputStream, place: str) -> Response:
    status = _unsymboled(take_table(answer, "status"))
    code = take_status(status, "code")
    reason = take_text(status, "message") or ""
    headers = headers_of(answer.pop("headers", None))
    version = take_text(answer, "http_version")
    if version is not None and _VERSION.fullmatch(version):
        version = f"HTTP/{version}"
    content = _content(answer, stream, place)
    if status:
        answer["status"] = status
    body = response_body(content, headers, method=request.method, status=code)
    return Response(code, reason, headers, body, http_version=version)


def _content(owner: dict[str, Any], stream: InputStream, place: str) -> bytes | str:
    """Take a body: a table with an encoding and a text, or base64; in VCR 1 a text, with `body_encoding` beside it."""
    said = untagged(owner.pop("body", None))
    if not isinstance(said, dict):
        encoding = text_of(owner.pop("body_encoding", None), "`body_encoding`") or ""
        return said if isinstance(said, bytes) else _encoded(text_of(said, "`body`") or "", encoding, stream, place)
    said = _unsymboled(said)
    coded = untagged(said.pop("base64_string", None))
    text = untagged(said.pop("string", None))
    encoding = text_of(said.pop("encoding", None), "`encoding`") or ""
    if said:
        owner["body"] = said
    if coded is not None:
        return unbase64(
            coded.decode("latin-1") if isinstance(coded, bytes) else text_of(coded, "`base64_string`") or ""
        )
    if isinstance(text, bytes):
        return text
    return _encoded(text_of(text, "`string`") or "", encoding, stream, place)


def _encoded(text: str, encoding: str, stream: InputStream, place: str) -> bytes | str:
    """Give what a text stands for: itself, or its bytes in an encoding that is not UTF-8. VCR falls back likewise."""
    encoding = encoding.upper()
    if encoding in _AS_IS or (text.isascii() and not encoding.startswith("UTF-")):
        return text
    if _ENCODING.fullmatch(encoding):
        try:
            return text.encode(encoding)
        except (UnicodeEncodeError, LookupError):
            pass  # told below, as for an encoding that is not known
    stream.remark("A body cannot be written in the encoding that it names; it is taken as UTF-8.", place)
    return text


def _unsymboled(owner: dict[str, Any]) -> dict[str, Any]:
    """Take the colons of Ruby's symbols off the keys."""
    return {key.removeprefix(":"): value for key, value in owner.items()}
