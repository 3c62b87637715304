"""Makes entries of HAR 1.2 of interactions.

Law: an entry has every key that HAR 1.2 requires, with -1 for what is not known. What HAR has no word for goes under
`_recorder`, and only where reading the entry would not give it anyway. What was read from a HAR and stands in
`extra["har"]` is written again where it does not contradict the interaction.

Each Set-Cookie is a header of its own. `queryString`, `cookies` and `params` are made of the URL, the headers and the
body, so that nothing stands in them that does not stand there. A body of a request that is no UTF-8 is base64 and has
the key `encoding`, as the proposal for HAR 1.3 and several tools have it: HAR 1.2 has no way to say it.

Memory: the entry and its bodies; of a body that its source gives piece by piece, one piece.
"""

from __future__ import annotations

import codecs
import secrets
from base64 import b64encode
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

import orjson

from cassette_tools.har_reading import peer_of, version_of
from cassette_tools.har_words import (
    FAMILY,
    OWN,
    UNKNOWN_TYPE,
    body_size,
    bytes_of_text,
    charset_of,
    described_body,
    instant,
    is_form,
    named,
    number,
    timings_ms,
    timings_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.interaction import Body, Headers, Interaction, Request, Response

    _Stream = tuple[Body, bool]
    """A body in pieces, and whether all of it is text."""

__all__ = ["entry_pieces"]

_MARK: Final = secrets.token_hex(16)
"""Stands in an entry for a body that is written piece by piece. Nothing recorded can hold it."""
_MOST_PARAMS: Final = 64 * 1024
"""Characters of a form that is written as `params`, too."""
_NOTHING: Final[dict[str, Any]] = {}
_EPOCH: Final = "1970-01-01T00:00:00.000000Z"


def entry_pieces(interaction: Interaction) -> Iterator[bytes]:
    """Give the JSON of an entry, in one piece but for bodies that come in pieces."""
    streams: list[_Stream] = []
    data = orjson.dumps(_entry(interaction, streams))
    if not streams:
        yield data
        return
    first, *parts = data.split(_MARK.encode())
    yield first
    for (body, is_text), part in zip(streams, parts, strict=True):
        yield from _escaped(body) if is_text else _in_base64(body)
        yield part


def _entry(interaction: Interaction, streams: list[_Stream]) -> dict[str, Any]:
    extra = interaction.extra.get(FAMILY, _NOTHING) if interaction.extra else _NOTHING
    if type(extra) is not dict:
        extra = _NOTHING
    own = _own(interaction)
    request = _request(interaction.request, extra.get("request", _NOTHING), own, streams)
    response = interaction.response
    if response is None:
        answer = _no_response(interaction, extra.get("response", _NOTHING))
    else:
        answer = _response(response, extra.get("response", _NOTHING), own, streams)
    entry: dict[str, Any] = {
        "startedDateTime": _started(interaction.started_at, extra.get("startedDateTime"), own),
        "time": interaction.timings_ms.get("total", 0),
        "request": request,
        "response": answer,
        "cache": extra.get("cache", _NOTHING),
        "timings": _timings(interaction.timings_ms, extra.get("timings"), own),
    }
    address, name = peer_of(interaction.connection)
    if address is not None:
        entry["serverIPAddress"] = address
    if name is not None:
        entry["connection"] = name
    for key, value in extra.items():
        if key not in entry or key in ("serverIPAddress", "connection"):
            entry[key] = value
    if own:
        entry[OWN] = own
    return entry


# -- what HAR has no word for


def _own(interaction: Interaction) -> dict[str, Any]:
    own: dict[str, Any] = {}
    if interaction.client is not None:
        own["client"] = interaction.client
    if interaction.process is not None:
        own["process"] = interaction.process
    if interaction.connection is not None:
        own["connection"] = interaction.connection
    if interaction.rss is not None:
        own["rss"] = interaction.rss
    if interaction.redacted is not None:
        own["redacted"] = interaction.redacted
    if interaction.error is not None or interaction.response is None:
        own["error"] = interaction.error
    if interaction.response is not None and not interaction.response.status:
        own["answered"] = True  # else status 0 says, as browsers have it, that no response came
    if not interaction.request.sent:
        own["sent"] = False
    if interaction.request.target is not None:
        own["target"] = interaction.request.target
    return own


def _started(started_at: str | None, given: object, own: dict[str, Any]) -> str:
    if type(given) is str and instant(given) == started_at:
        return given
    if started_at is not None and instant(started_at) == started_at:
        return started_at
    own["started_at"] = started_at
    return _EPOCH


def _timings(known: dict[str, float], given: object, own: dict[str, Any]) -> dict[str, Any]:
    timings: dict[str, Any] = timings_of(known)
    if type(given) is dict:
        timings = given
    total = known.get("total")
    if total is None or timings_ms(total, timings) != known:
        own["timings_ms"] = known
    return timings


def _describe(body: Body, names: dict[str, str], own: dict[str, Any], name: str, *, size: Any) -> None:  # noqa: ANN401 - any JSON value
    said = described_body(body, names)
    if number(size) != body.wire_size:
        said["wire_size"] = body.wire_size
    if said:
        own[name] = said


# -- requests


def _request(request: Request, extra: dict[str, Any], own: dict[str, Any], streams: list[_Stream]) -> dict[str, Any]:
    headers, body, url = request.headers, request.body, request.url
    names = named(headers)
    version = request.http_version
    if version_of(version or "") != version:
        own["request_version"] = version
    cookies = names.get("cookie")
    written: dict[str, Any] = {
        "method": request.method,
        "url": url,
        "httpVersion": version or "",
        "cookies": _sent_cookies(cookies) if cookies is not None else extra.get("cookies", []),
        "headers": _pairs(headers, extra),
        "queryString": extra["queryString"] if "queryString" in extra else _query(url),
        "headersSize": extra.get("headersSize", -1),
        "bodySize": extra.get("bodySize", body_size(body)),
    }
    if body is not None:
        written["postData"] = _post_data(body, names, extra.get("postData", _NOTHING), streams)
        _describe(body, names, own, "request_body", size=written["bodySize"])
    _add(written, extra)
    return written


def _post_data(body: Body, names: dict[str, str], extra: dict[str, Any], streams: list[_Stream]) -> dict[str, Any]:
    kind = names.get("content-type")
    said: dict[str, Any] = {"mimeType": extra.get("mimeType", UNKNOWN_TYPE if kind is None else kind)}
    text = None if body.stream is not None else body.text()
    if body.stream is not None:
        _say_stream(said, body, streams)
    elif text is not None:
        said["text"] = text
        if is_form(names) and len(text) < _MOST_PARAMS:
            said["params"] = _decoded(text)
    else:
        said["text"] = b64encode(body.read()).decode()
        said["encoding"] = "base64"
    _add(said, extra)
    return said


# -- responses


def _response(response: Response, extra: dict[str, Any], own: dict[str, Any], streams: list[_Stream]) -> dict[str, Any]:
    headers, body = response.headers, response.body
    names = named(headers)
    version = response.http_version
    if version_of(version or "") != version:
        own["response_version"] = version
    if response.trailers:
        own["trailers"] = response.trailers
    cookies = extra.get("cookies", [])
    if names.get("set-cookie") is not None:
        cookies = [_set_cookie(value) for name, value in headers if name.lower() == "set-cookie"]
    size = extra.get("bodySize", body_size(body))
    written: dict[str, Any] = {
        "status": response.status,
        "statusText": response.reason,
        "httpVersion": version or "",
        "cookies": cookies,
        "headers": _pairs(headers, extra),
        "content": _content(body, names, extra.get("content", _NOTHING), streams),
        "redirectURL": extra.get("redirectURL", names.get("location") or ""),
        "headersSize": extra.get("headersSize", -1),
        "bodySize": size,
    }
    if body is not None:
        _describe(body, names, own, "response_body", size=size)
    _add(written, extra)
    return written


def _content(body: Body | None, names: dict[str, str], extra: dict[str, Any], streams: list[_Stream]) -> dict[str, Any]:
    kind = names.get("content-type")
    said: dict[str, Any] = {
        "size": extra.get("size", 0 if body is None else body.size),
        "mimeType": extra.get("mimeType", UNKNOWN_TYPE if kind is None else kind),
    }
    if body is None:
        _add(said, extra)
        return said
    if body.coding is not None and body.wire_size is not None:
        said["compression"] = body.size - body.wire_size
    if body.stream is not None:
        _say_stream(said, body, streams)
    else:
        _say_content(said, body, names)
    _add(said, extra)
    return said


def _say_content(said: dict[str, Any], body: Body, names: dict[str, str]) -> None:
    charset = charset_of(names)
    text = body.text()
    if text is not None:
        if text.isascii() or bytes_of_text(text, charset, said["size"]) == text:
            said["text"] = text
            return
    elif charset is not None:
        data = body.read()
        try:
            text = data.decode(charset)
        except UnicodeDecodeError:
            text = ""
        if text and bytes_of_text(text, charset, said["size"]) == data:
            said["text"] = text
            return
    said["text"] = b64encode(body.read()).decode()
    said["encoding"] = "base64"


def _no_response(interaction: Interaction, extra: dict[str, Any]) -> dict[str, Any]:
    """Say that no response came as browsers do: with status 0."""
    written: dict[str, Any] = {
        "status": extra.get("status", 0),
        "statusText": "",
        "httpVersion": "",
        "cookies": [],
        "headers": extra.get("headers", []),
        "content": {"size": 0, "mimeType": UNKNOWN_TYPE},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    }
    if interaction.error is not None and not extra.keys() & {"_error", "_failureText"}:
        written["_error"] = interaction.error.get("message", "")
    _add(written, extra)
    return written


# -- bodies in pieces


def _say_stream(said: dict[str, Any], body: Body, streams: list[_Stream]) -> None:
    """Leave a place for a body in pieces. It is read twice: whether all of it is text decides how it is written."""
    is_text = _is_text(body)
    streams.append((body, is_text))
    said["text"] = _MARK
    if not is_text:
        said["encoding"] = "base64"
    if "size" in said:
        said["size"] = body.size


def _is_text(body: Body) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in body.pieces():
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _escaped(body: Body) -> Iterator[bytes]:
    """Give what stands between the quotes of a JSON string."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in body.pieces():
        yield orjson.dumps(decoder.decode(piece))[1:-1]


def _in_base64(body: Body) -> Iterator[bytes]:
    left = b""
    for piece in body.pieces():
        data = left + piece
        whole = len(data) - len(data) % 3
        yield b64encode(data[:whole])
        left = data[whole:]
    yield b64encode(left)


# -- what is made of URL, headers and body


def _add(written: dict[str, Any], extra: dict[str, Any]) -> None:
    for key, value in extra.items():
        if key not in written:
            written[key] = value


def _pairs(headers: Headers, extra: dict[str, Any]) -> list[dict[str, Any]]:
    pairs = [{"name": name, "value": value} for name, value in headers]
    given = extra.get("headers")
    if given is not None and [{"name": pair.get("name"), "value": pair.get("value")} for pair in given] == pairs:
        return list(given)
    return pairs


def _query(url: str) -> list[dict[str, str]]:
    query = url.partition("#")[0].partition("?")[2]
    return _decoded(query) if query else []


def _decoded(query: str) -> list[dict[str, str]]:
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            if "%" in part or "+" in part:
                name, value = unquote_plus(name), unquote_plus(value)
            pairs.append({"name": name, "value": value})
    return pairs


def _sent_cookies(value: str) -> list[dict[str, str]]:
    cookies = []
    for part in value.split(";"):
        name, _, crumb = part.strip().partition("=")
        if name:
            cookies.append({"name": name, "value": crumb})
    return cookies


def _set_cookie(value: str) -> dict[str, Any]:
    first, *attributes = value.split(";")
    name, _, crumb = first.strip().partition("=")
    cookie: dict[str, Any] = {"name": name, "value": crumb}
    for attribute in attributes:
        key, _, said = attribute.strip().partition("=")
        small = key.lower()
        if small in ("path", "domain"):
            cookie[small] = said
        elif small == "expires":
            expires = _expiry(said)
            if expires is not None:
                cookie["expires"] = expires
        elif small in ("httponly", "secure"):
            cookie["httpOnly" if small == "httponly" else "secure"] = True
        elif small == "samesite":
            cookie["sameSite"] = said
    return cookie


def _expiry(text: str) -> str | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
