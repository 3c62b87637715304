"""Cassettes of R's vcr, YAML and JSON, of its versions 0, 1 and 2.

Law: a body that lies in a file beside the cassette (`file`) is read only from inside the cassette's own folder; what
leads outside, or is not there, is told and left out. Nothing in a file is run.

- `recorded_at` is when the response had arrived, to the second, in UTC. It is taken for the start.
- R's vcr leaves the port out of a URL in some versions; a URL is what `uri` says.
- Bodies are stored decoded, with Content-Encoding as it was.
- crul puts the status line among the headers, as `status`; it gives the HTTP version.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.body_presence import request_body, response_body
from cassette_tools.document_values import (
    MalformedError,
    headers_of,
    jsonable,
    pruned,
    status_of,
    table,
    take_table,
    take_text,
    text_of,
    unbase64,
    untagged,
)
from cassette_tools.formats import Format
from cassette_tools.interaction import Body, Envelope, Interaction, Request, Response
from cassette_tools.losses import KNOWN_TO_RECORDERS
from cassette_tools.moments import from_http_date, from_text
from cassette_tools.vcr_items import Item, converted, items
from cassette_tools.yaml_items import LARGEST_ITEM, Plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element, Headers

__all__ = ["FORMAT"]

FAMILY: Final = "r-vcr"
TITLE: Final = "R vcr"

_SURE: Final = re.compile(rb"recorded_with\"?: ?\"?(?:VCR-)?vcr/", re.MULTILINE)
_LIKELY: Final = re.compile(rb"^ +status_code:|^  +status: \d", re.MULTILINE)
_STATUS_LINE: Final = re.compile(r"(HTTP/\d(?:\.\d)?)(?: (\d{3})(?: (.*))?)?")


def sniff(head: Head) -> int:
    """Tell by the list's name, and by words that R's vcr and no other writes."""
    if head.kind not in ("yaml", "json") or "http_interactions" not in head.keys:
        return 0
    if _SURE.search(head.data):
        return 98
    return 80 if head.kind == "yaml" and _LIKELY.search(head.data) else 0


def read(stream: InputStream) -> Iterator[Element]:
    """Give the interactions, and at last what the file says of itself. Memory: one interaction."""
    rest: dict[str, Any] = {}
    for item in items(stream):
        rest = item.rest
        yield converted(stream, item, lambda one: _interaction(one, stream), format_title=TITLE)
    if rest:
        yield Envelope(FAMILY, jsonable(rest))


FORMAT: Final = Format(
    name="r-vcr",
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
        "header-order",
        "scattered-headers",
        "trailers",
        "framing",
        "empty-bodies",
        "extra",
    },
    notes=(
        "YAML and JSON of vcr 0 to 2.",
        "A body in a file of its own is read from inside the cassette's folder only.",
        "The start time is `recorded_at`, when the response had arrived, to the second.",
    ),
)


def _interaction(item: Item, stream: InputStream) -> Interaction:
    left = table(item.value, "the interaction")
    said, answer = take_table(left, "request"), take_table(left, "response")
    method = (take_text(said, "method") or "").upper()
    url = take_text(said, "uri")
    if not method or not url:
        raise MalformedError("its request has no `method` or no `uri`")
    headers = headers_of(said.pop("headers", None))
    content = _content(said, stream, item.place)
    request = Request(method, url, headers, content if isinstance(content, Body) else request_body(content, headers))
    response = _response(answer, method, stream, item.place) if answer else None
    recorded = take_text(left, "recorded_at")
    started = None if recorded is None else from_text(recorded) or from_http_date(recorded)
    if recorded is not None and started is None:
        left["recorded_at"] = recorded
    beside = {f"other {key}" if key in ("request", "response") else key: value for key, value in left.items()}
    kept = pruned(request=said, response=answer, **beside)
    return Interaction(request, response, started_at=started, extra={FAMILY: kept} if kept else {})


def _response(answer: dict[str, Any], method: str, stream: InputStream, place: str) -> Response | None:
    """Make a response. Up to vcr 1 `status` is a table, since then a number."""
    status = untagged(answer.pop("status", None))
    headers = headers_of(answer.pop("headers", None))
    content = _content(answer, stream, place)
    if status is None and not headers and not content:
        return None
    told: dict[str, Any] = {}
    reason: str | None = None
    if isinstance(status, dict):
        told = dict(status)
        code = status_of(told.pop("status_code", None), "`status_code`")
        reason = take_text(told, "reason")
        reason = take_text(told, "message") if reason is None else reason
    else:
        code = status_of(status, "`status`")
    version, line_reason = _take_status_line(headers, code, answer)
    if told:
        answer["status"] = told
    body = content if isinstance(content, Body) else response_body(content, headers, method=method, status=code)
    return Response(code, reason or line_reason or "", headers, body, http_version=version)


def _take_status_line(headers: Headers, code: int, answer: dict[str, Any]) -> tuple[str | None, str | None]:
    """Take the last status line out of the headers (crul has those of redirects, too): HTTP version and reason."""
    at = next((i for i in range(len(headers) - 1, -1, -1) if headers[i][0] == "status"), None)
    found = _STATUS_LINE.fullmatch(headers[at][1]) if at is not None else None
    if at is None or found is None:
        return None, None
    if found[2] is not None and int(found[2]) != code:
        answer["status line"] = headers[at][1]
    del headers[at]
    return found[1], found[3]


def _content(owner: dict[str, Any], stream: InputStream, place: str) -> bytes | str | Body:
    """Take a body: text, base64, or the path of a file that holds it."""
    said = untagged(owner.pop("body", None))
    if not isinstance(said, dict):
        return said if isinstance(said, bytes) else text_of(said, "`body`") or ""
    said = dict(said)
    in_file = said.pop("file", None)
    if isinstance(in_file, Plain):
        in_file = in_file.resolve()
    coded = untagged(said.pop("base64_string", None))
    text = untagged(said.pop("string", None))
    if not untagged(said.get("encoding")):
        said.pop("encoding", None)
    if in_file:
        path = in_file if isinstance(in_file, str) else text_of(text, "`string`") or ""
        body = _in_file(path, stream)
        if body is None:
            stream.remark(
                "A body lies in a file that is not in the cassette's folder; it is left out.", place, lost=True
            )
            said["file"] = path
            body = Body(complete=False, incomplete="unread")
        if said:
            owner["body"] = said
        return body
    if said:
        owner["body"] = said
    if coded is not None:
        return unbase64(text_of(coded, "`base64_string`") or "")
    if isinstance(text, dict | list):
        stream.remark("The body of a request is a list of R's, not what was sent; it is kept as such only.", place)
        owner["body"] = {**said, "string": text}
        return Body(complete=False, incomplete="unread") if text else ""
    return text if isinstance(text, bytes) else text_of(text, "`string`") or ""


def _in_file(path: str, stream: InputStream) -> Body | None:
    """Read a body from a file in the cassette's folder. None where it is elsewhere, or is not there."""
    if stream.path is None or not path or "\0" in path:
        return None
    try:
        folder = Path(stream.path).resolve().parent
        found = (folder / path).resolve()
        if not found.is_relative_to(folder) or not found.is_file() or found.stat().st_size > LARGEST_ITEM:
            return None
        return Body(found.read_bytes())
    except (OSError, ValueError, RuntimeError):  # not there, not ours to read, or a ring of links
        return None
