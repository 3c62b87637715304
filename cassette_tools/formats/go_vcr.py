"""Cassettes of go-vcr, version 1 to 4 of the library: formats 1 and 2.

Law: texts stand for their UTF-8, as Go's strings do, and `!!binary` for anything else. Nothing in a file is run.

- Format 1 (go-vcr 1 and 2): method, URL, form, headers, body; status, code, duration.
- Format 2 (go-vcr 3 and 4) adds protocol, host, trailers, lengths, and `uncompressed`: Go's transport took gzip off
  and removed Content-Encoding. Such a body is read as it is written.
- `duration` is Go's notation (`1.5s`, `1h2m`, `83ns`): the whole time. There is no start time.
- A URL is what `url` says. A relative one (cassettes of servers) is put together with `host`, and refused without.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

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
    untagged,
)
from cassette_tools.formats import Format
from cassette_tools.interaction import Envelope, Interaction, Request, Response
from cassette_tools.losses import KNOWN_TO_RECORDERS
from cassette_tools.vcr_items import Item, converted, items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Body, Element

__all__ = ["FORMAT"]

FAMILY: Final = "go-vcr"
TITLE: Final = "go-vcr"

_WORDS: Final = re.compile(rb"^ +(?:duration: |form:|proto: |proto_major: |remote_addr: |uncompressed: )", re.MULTILINE)
_STATUS: Final = re.compile(rb"^ +status: [\"']?\d{3}(?: |[\"']?$)", re.MULTILINE)
_URL: Final = re.compile(rb"^ +url: ", re.MULTILINE)
_PIECE: Final = re.compile(r"(\d{0,18}(?:\.\d{0,18})?)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_MILLISECONDS: Final = {
    "ns": 1e-6,
    "us": 1e-3,
    "\u00b5s": 1e-3,
    "\u03bcs": 1e-3,
    "ms": 1.0,
    "s": 1e3,
    "m": 6e4,
    "h": 3.6e6,
}
_LONGEST: Final = 100


def sniff(head: Head) -> int:
    """Tell by `version` in front of `interactions`, and by words that go-vcr and no other writes."""
    keys = head.keys
    if head.kind != "yaml" or "interactions" not in keys:
        return 0
    first = keys[:1] == ("version",)
    words = bool(_WORDS.search(head.data)) or bool(_URL.search(head.data) and _STATUS.search(head.data))
    if words:
        return 95 if first else 80
    return 60 if first and b"\n- request:\n    body:" in head.data else 0


def read(stream: InputStream) -> Iterator[Element]:
    """Give the interactions, and at last what the file says of itself. Memory: one interaction."""
    rest: dict[str, Any] = {}
    for item in items(stream, key="interactions"):
        rest = item.rest
        yield converted(stream, item, _interaction, format_title=TITLE)
    if rest.keys() - {"version"}:
        yield Envelope(FAMILY, jsonable(rest))


FORMAT: Final = Format(
    name="go-vcr",
    title=TITLE,
    family=FAMILY,
    suffixes=(".yaml", ".yml"),
    sniff=sniff,
    read=read,
    cannot_hold=KNOWN_TO_RECORDERS
    | {
        "no-response",
        "started-at",
        "target",
        "header-order",
        "scattered-headers",
        "header-case",
        "empty-bodies",
        "extra",
    },
    notes=(
        "Formats 1 and 2, of go-vcr 1 to 4.",
        "Go takes gzip off by itself and removes its header; such bodies are read as they are written.",
        "There are no start times; the duration is the whole of a request's time.",
    ),
)


def _interaction(item: Item) -> Interaction:
    left = table(item.value, "the interaction")
    if text_of(left.get("id"), "`id`") == str(item.number - 1):
        left.pop("id")  # it counts the interactions from 0
    said, answer = take_table(left, "request"), take_table(left, "response")
    request = _request(said)
    times: dict[str, float] = {}
    response = _response(answer, request.method, times) if answer else None
    beside = {f"other {key}" if key in ("request", "response") else key: value for key, value in left.items()}
    kept = pruned(request=said, response=answer, **beside)
    return Interaction(request, response, timings_ms=times, extra={FAMILY: kept} if kept else {})


def _request(said: dict[str, Any]) -> Request:
    method = take_text(said, "method") or "GET"  # net/http: an empty one means GET
    host = text_of(said.get("host"), "`host`") or ""
    url = _url(take_text(said, "url") or "", host)
    if _host_of(url) == host:
        said.pop("host", None)
    version = _take_version(said)
    headers = headers_of(said.pop("headers", None))
    content = _content(said)
    body = request_body(content, headers)
    if said.get("form") and _form(url, content) == jsonable(said["form"]):
        said.pop("form")
    _frame(body, said)
    return Request(method, url, headers, body, http_version=version)


def _response(answer: dict[str, Any], method: str, times: dict[str, float]) -> Response:
    code = take_status(answer, "code")
    status = take_text(answer, "status") or ""
    reason = status.removeprefix(str(code)).strip()
    version = _take_version(answer)
    headers = headers_of(answer.pop("headers", None))
    trailers = headers_of(answer.pop("trailer", None))
    body = response_body(_content(answer), headers, method=method, status=code)
    _frame(body, answer)
    if not answer.get("uncompressed") or text_of(answer["uncompressed"], "`uncompressed`") == "false":
        answer.pop("uncompressed", None)
    duration = take_text(answer, "duration")
    total = None if duration is None else _milliseconds(duration)
    if total:
        times["total"] = total
    elif duration and total is None:
        answer["duration"] = duration
    return Response(code, reason, headers, body, http_version=version, trailers=trailers)


def _url(url: str, host: str) -> str:
    if not url:
        raise MalformedError("its request has no `url`")
    if url.startswith("/"):
        if not host:
            raise MalformedError("its `url` is relative, and there is no `host`")
        return f"http://{host}{url}"
    return url


def _host_of(url: str) -> str:
    """Give host and port of a URL; nothing where it has none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:  # brackets of an IPv6 address that do not close
        return ""


def _take_version(owner: dict[str, Any]) -> str | None:
    """Take the protocol; its numbers stay where they say something else than it does."""
    proto = take_text(owner, "proto") or None
    numbers = [text_of(owner.get(key), f"`{key}`") for key in ("proto_major", "proto_minor")]
    if proto == f"HTTP/{numbers[0]}.{numbers[1]}" or (proto is None and set(numbers) <= {None, "0"}):
        owner.pop("proto_major", None)
        owner.pop("proto_minor", None)
    return proto


def _content(owner: dict[str, Any]) -> bytes | str:
    said = untagged(owner.pop("body", None))
    return said if isinstance(said, bytes) else text_of(said, "`body`") or ""


def _form(url: str, content: bytes | str) -> dict[str, list[str]]:
    """Give the form as Go parses it: the body's values before the query's."""
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    values: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(text, keep_blank_values=True) + parse_qsl(
            urlsplit(url).query, keep_blank_values=True
        ):
            values.setdefault(name, []).append(value)
    except ValueError:  # more fields than Python takes, or brackets in the URL that do not close
        return {}
    return values


def _frame(body: Body | None, owner: dict[str, Any]) -> None:
    """Take chunks, and a length that says nothing beside the body: -1 is an unknown one."""
    codings = untagged(owner.get("transfer_encoding"))
    if body is not None and isinstance(codings, list) and [text_of(one, "a coding") for one in codings] == ["chunked"]:
        body.framing = "chunked"
        owner.pop("transfer_encoding", None)
    size = 0 if body is None else body.size if body.wire is None else len(body.wire)
    if text_of(owner.get("content_length"), "`content_length`") in ("-1", str(size)):
        owner.pop("content_length", None)


def _milliseconds(text: str) -> float | None:
    """Give a duration of Go's (time.ParseDuration, or nanoseconds as a number) in milliseconds.

    0 for the empty text of format 1; None for what is no duration.
    """
    if len(text) > _LONGEST:
        return None
    text = text.strip()
    if text in ("", "0"):
        return 0.0
    if text.isascii() and text.isdigit():
        return round(int(text) * 1e-6, 6)
    total, at = 0.0, 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None or piece[1] in ("", "."):
            return None
        total += float(piece[1]) * _MILLISECONDS[piece[2]]
        at = piece.end()
    return round(total, 6)
