"""betamax's JSON, of all its releases. Ruby VCR's JSON, which betamax took its layout from, is read by the way.

Law: read only. A body is the bytes that betamax would hand out: its `string` in its `encoding`, or its base64. betamax
decodes with `replace`, so bytes that did not fit the encoding are gone when a cassette is made: where U+FFFD stands
in a body, that is remarked.

The source is betamax 0.1.6 (request bodies and header values as plain strings, `status_code`) to 0.9.0 (`util.py`).
"""

from __future__ import annotations

import binascii
import codecs
import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.formats import Format
from cassette_tools.interaction import Body, Envelope, Interaction, Request, Response
from cassette_tools.json_items import JsonItems
from cassette_tools.losses import KNOWN_TO_RECORDERS
from cassette_tools.stored_body import body_of
from cassette_tools.stored_headers import headers_of
from cassette_tools.stored_times import utc_of
from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element, Headers

__all__ = ["FORMAT"]

FAMILY: Final = "betamax"
_ISO: Final = re.compile(rb'"recorded_at":[ \t]*"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}"')
"""betamax's times. Ruby VCR writes HTTP dates, R's vcr a space in place of the T."""
_BARE: Final = frozenset({204, 304})
_UTF8: Final = frozenset({"utf-8", "utf8", "ascii", "us-ascii"})
_LONGEST_NAME: Final = 40
_REFUSED: Final = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"})
"""Encodings of Python that are none of HTTP: they are slow, or read escapes."""


def _sniff(head: Head) -> int:
    if head.kind != "json" or "http_interactions" not in head.keys:
        return 0
    return 90 if b'"betamax' in head.data or _ISO.search(head.data) else 40


def _read(stream: InputStream) -> Iterator[Element]:
    items = JsonItems(stream, ("http_interactions",))
    for item in items:
        try:
            yield _taken(item.value, item.number, stream)
        except _WrongError as wrong:
            raise BadCassetteError(
                f"{stream.name}, interaction {item.number}: {wrong}. Repair or remove it, or give another --from."
            ) from wrong
    if items.rest:
        yield Envelope(FAMILY, items.rest)


class _WrongError(ValueError):
    """What is wrong with an interaction."""


def _taken(value: dict[str, Any], number: int, stream: InputStream) -> Interaction:
    request, response = value.get("request"), value.get("response")
    if not isinstance(request, dict) or not isinstance(response, dict):
        raise _WrongError("it has no request, or no response")
    method, url = request.get("method"), request.get("uri")
    if not isinstance(method, str) or not isinstance(url, str):
        raise _WrongError("the request has no method, or no uri")
    status, reason = _status(response)
    sent_headers, got_headers = _headers(request), _headers(response)
    sent = _body(request.get("body"), sent_headers, f"interaction {number}, request", stream)
    got = _body(response.get("body"), got_headers, f"interaction {number}, response", stream)
    bare = method.upper() == "HEAD" or status in _BARE or 100 <= status < 200
    if got is None and not bare:
        got = Body()
    version = response.get("http_version")
    return Interaction(
        Request(method.upper(), url, sent_headers, sent),
        Response(status, reason, got_headers, got, f"HTTP/{version}" if _is_version(version) else None),
        started_at=utc_of(value.get("recorded_at")),
        extra=_extra(value, request, response),
    )


def _is_version(version: object) -> bool:
    """Tell whether Ruby VCR says an HTTP version."""
    return version in ("1.0", "1.1", "2", "3")


def _status(response: dict[str, Any]) -> tuple[int, str]:
    """Give status and reason. Until release 0.2 there was no reason."""
    status = response.get("status", {"code": response.get("status_code")})
    code = status.get("code") if isinstance(status, dict) else None
    if type(code) is not int or not 0 <= code <= 999:
        raise _WrongError("the response has no status code")
    reason = status.get("message")
    return code, reason if isinstance(reason, str) else ""


def _headers(message: dict[str, Any]) -> Headers:
    try:
        return headers_of(message.get("headers"))
    except ValueError as error:
        raise _WrongError(str(error)) from error


def _body(stored: Any, headers: Headers, place: str, stream: InputStream) -> Body | None:  # noqa: ANN401 - what a file says
    """Make a body; None where nothing is stored, for betamax does not tell an empty body from none."""
    if isinstance(stored, dict):
        packed = stored.get("base64_string")
        data = _unpacked(packed) if packed is not None else _encoded(stored, place, stream)
    elif isinstance(stored, str | None):
        data = stored or ""
    else:
        raise _WrongError("a body is neither text nor an object")
    return body_of(data, headers) if data else None


def _unpacked(packed: Any) -> bytes:  # noqa: ANN401 - what a file says
    if not isinstance(packed, str):
        raise _WrongError("the base64 of a body is no string")
    try:
        return b64decode("".join(packed.split()), validate=True)  # Ruby breaks lines in it
    except (binascii.Error, ValueError) as error:
        raise _WrongError("the base64 of a body is broken") from error


def _encoded(stored: dict[str, Any], place: str, stream: InputStream) -> bytes | str:
    """Give the bytes that a body's text stands for: text itself where it is UTF-8."""
    text, name = stored.get("string"), stored.get("encoding")
    if text is None:
        return ""
    if not isinstance(text, str):
        raise _WrongError("the text of a body is no string")
    if "\ufffd" in text:
        stream.remark("U+FFFD stands in a body: bytes may have been lost when it was recorded.", place)
    if name is None or text.isascii() or not isinstance(name, str) or name.lower() in _UTF8:
        return text
    codec = _codec(name)
    if codec is None:
        stream.remark("A body names an encoding that is not known here; UTF-8 was taken.", place)
        return text
    try:
        return text.encode(codec)
    except (ValueError, OverflowError):
        stream.remark("A body does not fit the encoding that it names; UTF-8 was taken.", place)
    return text


def _codec(name: str) -> str | None:
    """Give the name of an encoding that HTTP may have used, as Python knows it."""
    if len(name) > _LONGEST_NAME or not name.isascii() or not name.isprintable():
        return None
    try:
        "".encode(name)  # raises LookupError for what encodes no text, too
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return None if codec.replace("-", "_") in _REFUSED else codec


def _extra(value: dict[str, Any], request: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    said = {
        "interaction": {key: value[key] for key in value if key not in ("request", "response", "recorded_at")},
        "request": {key: request[key] for key in request if key not in ("method", "uri", "headers", "body")},
        "response": {
            key: response[key]
            for key in response
            if key not in ("status", "status_code", "headers", "body", "http_version")
            and not (key == "url" and response[key] == request.get("uri"))
        },
    }
    if (recorded_at := value.get("recorded_at")) is not None and utc_of(recorded_at) is None:
        said["interaction"]["recorded_at"] = recorded_at
    for part, message in (("request", request), ("response", response)):
        body = message.get("body")
        if isinstance(body, dict) and body.get("encoding") not in (None, "utf-8"):
            said[part]["encoding"] = body["encoding"]
    said = {part: keys for part, keys in said.items() if keys}
    return {FAMILY: said} if said else {}


FORMAT: Final = Format(
    name="betamax-json",
    title="betamax JSON",
    family=FAMILY,
    suffixes=(".json",),
    sniff=_sniff,
    read=_read,
    cannot_hold=KNOWN_TO_RECORDERS
    | {
        "no-response",
        "timings",
        "http-version",
        "target",
        "scattered-headers",
        "repeated-request-headers",
        "trailers",
        "framing",
        "coding",
        "empty-bodies",
    },
    notes=(
        "Ruby VCR's JSON is read as well.",
        "Bytes that did not fit a body's encoding were replaced when betamax recorded; U+FFFD in a body is remarked.",
    ),
)
