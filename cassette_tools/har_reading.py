"""Makes interactions of the entries of a HAR, whichever tool wrote it.

Law: what an entry says goes into the interaction, and what that has no place for into `extra["har"]`, in the shape of
an entry, so that it can be written again. What is missing or in doubt is told by a remark. An entry that is no entry
raises BadCassetteError with its place.

Known ways: contents that were left out (Chrome, Playwright), base64 in lists (Polly.js), text of one byte a character
(mitmproxy), bodies as `params` only, status 0 or -1 for requests that failed (browsers), several cookies in one header.

Memory: the entry and its bodies.
"""

from __future__ import annotations

import binascii
import json
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote_plus

from cassette_tools.har_words import (
    OWN,
    UNKNOWN_TYPE,
    body_size,
    bytes_of_text,
    charset_of,
    coding_of,
    instant,
    is_form,
    named,
    number,
    timings_ms,
    timings_of,
)
from cassette_tools.interaction import Body, Interaction, Request, Response
from cassette_tools.json_items import parsed_as_it_is
from cassette_tools.stored_body import body_of
from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Headers
    from cassette_tools.json_items import JsonItem

__all__ = ["Entries", "peer_of", "version_of"]

_ENTRY: Final = frozenset(
    {"startedDateTime", "time", "request", "response", "timings", "cache", "serverIPAddress", "connection", OWN}
)
_REQUEST: Final = frozenset(
    {"method", "url", "httpVersion", "cookies", "headers", "queryString", "postData", "headersSize", "bodySize"}
)
_RESPONSE: Final = frozenset(
    {"status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize", "bodySize"}
)
_POST_DATA: Final = frozenset({"mimeType", "text", "encoding", "params"})
_CONTENT: Final = frozenset({"size", "compression", "mimeType", "text", "encoding"})
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ERROR_NAME: Final = re.compile(r"(?:net::|NS_)\w+")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_BOUNDARY: Final = re.compile(r"boundary\s*=\s*\"?([^\";,\s]{1,70})", re.IGNORECASE)
_VERSIONS: Final = {"": None, "unknown": None, "h2": "HTTP/2", "h3": "HTTP/3"}
_TEXT: Final = (str, type(None))
_OWN_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "started_at": _TEXT,
    "timings_ms": (dict,),
    "client": (str,),
    "process": (dict,),
    "connection": (dict,),
    "rss": (int,),
    "redacted": (dict,),
    "error": (dict, type(None)),
    "sent": (bool,),
    "answered": (bool,),
    "target": (str,),
    "request_version": _TEXT,
    "response_version": _TEXT,
    "trailers": (list,),
    "request_body": (dict,),
    "response_body": (dict,),
}
_BODY_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "coding": _TEXT,
    "coding_error": (str,),
    "complete": (bool,),
    "incomplete": _TEXT,
    "framing": (str,),
    "removed": (str,),
    "wire_size": (int, type(None)),
}


class Entries:
    """Reads the entries of one file, in their order. `ours`: this toolkit wrote it. `creator`: who did."""

    def __init__(self, stream: InputStream, creator: object) -> None:
        name = creator.get("name") if type(creator) is dict else None
        self.ours = name == "cassette-tools"
        self._mitmproxy = name == "mitmproxy"
        self._stream = stream

    def interaction(self, item: JsonItem) -> Interaction:
        """Make an interaction of an entry. Raises BadCassetteError."""
        try:
            return _Entry(self._stream, item, ours=self.ours, mitmproxy=self._mitmproxy).interaction()
        except (KeyError, TypeError, AttributeError) as error:
            raise BadCassetteError(
                f"{self._stream.name}, line {item.line}: interaction {item.number} is no entry of HAR:"
                " something is missing in it, or of the wrong type. Check how the file was written."
            ) from error


class _Entry:
    def __init__(self, stream: InputStream, item: JsonItem, *, ours: bool, mitmproxy: bool) -> None:
        self._stream = stream
        self._item = item
        self._entry = item.value
        own = self._entry.get(OWN)
        self._own: dict[str, Any] = {} if own is None else self._checked(own, _OWN_TYPES)
        self._ours = ours or own is not None
        self._mitmproxy = mitmproxy
        self._extra: dict[str, Any] = {}

    def interaction(self) -> Interaction:
        entry, own, extra = self._entry, self._own, self._extra
        if not entry.keys() <= _ENTRY:
            extra.update({key: value for key, value in entry.items() if key not in _ENTRY})
        if entry.get("cache"):
            extra["cache"] = entry["cache"]
        if self._item.mended and b"\\u" in self._item.data:
            self._remark("Lone surrogates stand for bytes in headers and bodies, and elsewhere for no character.")
        request = self._request(entry["request"])
        response, error = self._response(entry.get("response"), request.method)
        if "error" in own:
            error = own["error"]
        timings = own.get("timings_ms")
        if timings is None:
            timings = timings_ms(entry.get("time"), entry.get("timings"), apart=self._mitmproxy)
            if response is None and not self._ours:
                timings.pop("first_byte", None)
        if entry.get("timings", _NONE) != timings_of(timings) and type(entry.get("timings")) is dict:
            extra["timings"] = entry["timings"]
        made = Interaction(request, response, error, self._started(), timings)
        if own:
            made.client = own.get("client")
            made.process = own.get("process")
            made.connection = own.get("connection")
            made.rss = own.get("rss")
            made.redacted = own.get("redacted")
        self._peer(made.connection)
        if extra:
            made.extra["har"] = extra
        return made

    # -- the entry's own

    def _started(self) -> str | None:
        if "started_at" in self._own:
            return self._own["started_at"]  # type: ignore[no-any-return] # a text or None, as was checked
        given = self._entry.get("startedDateTime")
        started = instant(given)
        if started is None or type(given) is not str:
            if given is not None:
                self._extra.update({"startedDateTime": given} if type(given) is str else {})
                self._remark("A start time is no time of ISO 8601; it is left out.")
            return None
        if given[-1] != "Z" and not given.endswith("+00:00"):
            if given[-6] in "+-" or given[-5] in "+-":
                self._extra["startedDateTime"] = given
            else:
                self._remark("A start time says no time zone; it is taken for UTC.")
        return started

    def _peer(self, connection: dict[str, Any] | None) -> None:
        entry = self._entry
        address, name = entry.get("serverIPAddress"), entry.get("connection")
        derived = peer_of(connection)
        if address is not None and address != derived[0]:
            self._extra["serverIPAddress"] = address
        if name is not None and name != derived[1]:
            self._extra["connection"] = name

    # -- the request

    def _request(self, given: dict[str, Any]) -> Request:
        extra: dict[str, Any] = {}
        if not given.keys() <= _REQUEST:
            extra.update({key: value for key, value in given.items() if key not in _REQUEST})
        headers = self._headers(given.get("headers"), extra, "request")
        names = named(headers)
        method, url = given["method"], given["url"]
        if type(method) is not str or type(url) is not str:
            raise TypeError(method)
        if not self._ours:
            url = self._absolute(url, names)
            url = self._with_query(url, given.get("queryString"))
        self._cookies(given.get("cookies"), names, "cookie", extra)
        body = self._request_body(given, headers, names, extra)
        self._sizes(given, body, extra)
        if any(type(pair) is dict and len(pair) > 2 for pair in given.get("queryString") or ()):
            extra["queryString"] = given["queryString"]
        if extra:
            self._extra["request"] = extra
        own = self._own
        version = own["request_version"] if "request_version" in own else version_of(given.get("httpVersion"))
        return Request(method, url, headers, body, version, own.get("target"), own.get("sent", True))

    def _absolute(self, url: str, names: dict[str, str]) -> str:
        if _ABSOLUTE.match(url):
            return url
        host = names.get("host")
        if host is None or not url.startswith("/"):
            self._bad("its URL is not absolute")
        self._remark("A URL is not absolute; it was put together with the header Host, as http.")
        return f"http:{url}" if url.startswith("//") else f"http://{host}{url}"

    def _with_query(self, url: str, pairs: Any) -> str:  # noqa: ANN401 - any JSON value
        """Add a query that stands in `queryString` only, as request collections have it."""
        if not pairs or "?" in url or type(pairs) is not list:
            return url
        self._remark("A URL has no query but its queryString has; the query was added to the URL.")
        query = "&".join(f"{quote_plus(_plain(pair['name']))}={quote_plus(_plain(pair['value']))}" for pair in pairs)
        path, mark, fragment = url.partition("#")
        return f"{path}?{query}{mark}{fragment}"

    def _request_body(
        self, given: dict[str, Any], headers: Headers, names: dict[str, str], extra: dict[str, Any]
    ) -> Body | None:
        post = given.get("postData")
        announced = self._announced(given, names)
        if type(post) is not dict:
            return self._body_elsewhere(given, headers, names, announced)
        kept = {key: value for key, value in post.items() if key not in _POST_DATA}
        if (kind := post.get("mimeType")) and kind != (names.get("content-type") or UNKNOWN_TYPE):
            kept["mimeType"] = kind
        text, params = post.get("text"), post.get("params")
        if params and not is_form(names):  # of a form they are made again of its text
            kept["params"] = params
        body: Body | None
        if self._ours:
            body = self._own_body(self._stored(post, _NOTHING, None), names, given, "request_body")
        elif type(text) is str and (text or not (announced or params)):
            body = body_of(self._stored(post, names, number(given.get("bodySize"))), headers)
            self._measure(body, given, names)
        elif params:
            body = self._put_together(params, kind if type(kind) is str else "", names, number(given.get("bodySize")))
        else:  # left out by Playwright with an empty text, by Polly.js without one
            body = self._unread(announced, "A body of a request is not in the file.")
        if kept:
            extra["postData"] = kept
        return body

    def _body_elsewhere(
        self, given: dict[str, Any], headers: Headers, names: dict[str, str], announced: int
    ) -> Body | None:
        inner = given.get("_content")  # HTTP Toolkit's, for bodies that are no text
        if type(inner) is dict and type(inner.get("text")) is str and not self._ours:
            return body_of(self._stored(inner, names, None), headers)
        return self._unread(announced, "A body of a request is not in the file.") if announced else None

    def _announced(self, given: dict[str, Any], names: dict[str, str]) -> int:
        """Give the bytes that a body should have; 0 where nothing tells of one."""
        if self._ours:
            return 0
        size = given.get("bodySize")
        if type(size) is int and size > 0:
            return size
        length = names.get("content-length")
        return int(length) if length is not None and length.isdecimal() and len(length) < 16 else 0

    def _put_together(self, params: Any, kind: str, names: dict[str, str], size: float | None) -> Body:  # noqa: ANN401 - any JSON value
        if kind.lower().startswith("multipart/"):
            self._remark("A multipart body was put together from its params; its bytes may differ from what was sent.")
            return _multipart(params, names.get("content-type") or kind)
        self._remark("A form was put together from its params; its bytes may differ from what was sent.")
        pairs = [(_plain(pair["name"]), _plain(pair.get("value"))) for pair in params]
        as_they_are = "&".join(f"{name}={value}" for name, value in pairs)
        if len(as_they_are) == size and as_they_are.isascii() and " " not in as_they_are:
            return Body(as_they_are)
        return Body("&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs))

    # -- the response

    def _response(self, given: Any, method: str) -> tuple[Response | None, dict[str, Any] | None]:  # noqa: ANN401 - any JSON value
        if given is None:
            self._remark("An entry has no response.")
            return None, None
        extra: dict[str, Any] = {}
        if not given.keys() <= _RESPONSE:
            extra.update({key: value for key, value in given.items() if key not in _RESPONSE})
        status = given.get("status")
        status = int(status) if type(status) is str and status.isdecimal() and len(status) < 5 else status
        if type(status) is not int or status < 0 or (not status and not self._own.get("answered")):
            if status not in (0, None):
                extra["status"] = status
            if given.get("headers"):
                extra["headers"] = given["headers"]
            error = self._own["error"] if "error" in self._own else _failure(given)
            if error is not None and "_error" in extra and extra["_error"] == error.get("message"):
                del extra["_error"]
            self._extra.update({"response": extra} if extra else {})
            return None, error
        if status > _HIGHEST:
            self._bad("its status is over 999")
        headers = self._headers(given.get("headers"), extra, "response")
        names = named(headers)
        self._cookies(given.get("cookies"), names, "set-cookie", extra)
        content = given.get("content")
        content = content if type(content) is dict else _NOTHING
        body = self._response_body(
            given, content, headers, names, bare=method == "HEAD" or status in _BARE or status < 200
        )
        self._sizes(given, body, extra)
        self._content(content, names, body, extra)
        target = given.get("redirectURL")
        if target and target != names.get("location"):
            extra["redirectURL"] = target
        self._extra.update({"response": extra} if extra else {})
        own = self._own
        version = own["response_version"] if "response_version" in own else version_of(given.get("httpVersion"))
        trailers = [(_text(name), _text(value)) for name, value in own.get("trailers", ())]
        return Response(status, _octets(_plain(given.get("statusText"))), headers, body, version, trailers), None

    def _content(
        self, content: dict[str, Any], names: dict[str, str], body: Body | None, extra: dict[str, Any]
    ) -> None:
        kept = {key: value for key, value in content.items() if key not in _CONTENT}
        kind = content.get("mimeType")
        if kind and kind != (names.get("content-type") or UNKNOWN_TYPE):
            kept["mimeType"] = kind
        size = content.get("size")
        if type(size) is int and size >= 0 and size != (0 if body is None else body.size):
            kept["size"] = size
        if kept:
            extra["content"] = kept

    def _response_body(
        self, given: dict[str, Any], content: dict[str, Any], headers: Headers, names: dict[str, str], *, bare: bool
    ) -> Body | None:
        text = content.get("text")
        if self._ours:
            if text is None:
                return None
            return self._own_body(self._stored(content, names, content.get("size")), names, given, "response_body")
        size, wire_size = number(content.get("size")), number(given.get("bodySize"))
        if type(text) is str and text:
            if self._mitmproxy and wire_size is not None:  # its size is that on the wire
                size = wire_size + (content["compression"] if type(content.get("compression")) is int else 0)
            body = body_of(self._stored(content, names, size), headers)
            self._measure(body, given, names)
            return body
        if bare:
            return None
        if size or wire_size or (type(text) is not str and size is None and wire_size is None):
            return self._unread(int(wire_size or 0), "A body of a response is not in the file.")
        return Body()

    # -- what both have

    def _own_body(self, stored: bytes | str, names: dict[str, str], given: dict[str, Any], name: str) -> Body:
        said = self._own.get(name)
        said = _NOTHING if said is None else self._checked(said, _BODY_TYPES)
        body = Body(stored)
        body.coding = said["coding"] if "coding" in said else coding_of(names, body.size)
        body.coding_error = said.get("coding_error")
        body.complete = said.get("complete", True)
        body.incomplete = said.get("incomplete")
        body.framing = said.get("framing")
        body.removed = said.get("removed")
        size = said["wire_size"] if "wire_size" in said else number(given.get("bodySize"))
        body.wire_size = None if size is None else int(size)
        return body

    def _unread(self, wire_size: int, text: str) -> Body:
        self._remark(text)
        return Body(complete=False, incomplete="unread", wire_size=wire_size or None)

    def _measure(self, body: Body, given: dict[str, Any], names: dict[str, str]) -> None:
        """Take over the size on the wire. Of a chunked body it may be given with the frames of its chunks."""
        size = given.get("bodySize")
        if type(size) is not int or size <= 0 or body.wire is not None:
            return
        if body.coding is not None or body.coding_error is not None:
            body.wire_size = size
        elif size == body.size or names.get("transfer-encoding") is not None:
            body.wire_size = body.size

    def _stored(self, said: dict[str, Any], names: dict[str, str], size: Any) -> bytes | str:  # noqa: ANN401 - any JSON value
        """Give what `postData` or `content` holds: bytes, or text that stands for its UTF-8."""
        text = said.get("text")
        if type(text) is not str:
            return ""
        encoding = said.get("encoding", said.get("_encoding"))
        if encoding == "base64":
            data = _from_base64(text)
            if data is not None:
                return data
            self._remark("A body is said to be base64 and is not; it is taken as text.")
        elif said.get("_isBinary") is True:  # Polly.js up to 5
            data = _from_hex(text)
            if data is not None:
                return data
        elif encoding and encoding not in ("utf8", "utf-8", "UTF-8"):
            self._remark("A body has an encoding that HAR does not know; it is taken as text.")
        if text.isascii():
            return text
        if "\ufffd" in text and self._item.mended:
            raw = self._escaped(text)
            if raw is not None:
                return raw
        # mitmproxy takes text without a character set for ISO-8859-1. Elsewhere a size may be that in characters.
        may_be_bytes = not self._ours and "charset" not in names.get("content-type", "").lower()
        may_be_bytes = may_be_bytes and (self._mitmproxy or _CONTROLS.search(text) is not None)
        return bytes_of_text(text, charset_of(names), size, may_be_bytes=may_be_bytes)

    def _escaped(self, text: str) -> bytes | None:
        """Give the bytes of a text that has bytes as lone surrogates (PEP 383), as mitmproxy writes them."""
        entry = parsed_as_it_is(self._item.data)
        for part, name in (("request", "postData"), ("response", "content")):
            try:
                given = entry[part][name]["text"]
                if given.encode("utf-8", "replace").decode().replace("?", "\ufffd") == text.replace("?", "\ufffd"):
                    raw: bytes = given.encode("utf-8", "surrogateescape")
                    return raw
            except (KeyError, TypeError, AttributeError, UnicodeEncodeError):
                continue
        return None

    def _headers(self, given: Any, extra: dict[str, Any], part: str) -> Headers:  # noqa: ANN401 - any JSON value
        if given is None:
            return []
        pairs = parsed_as_it_is(self._item.data)[part]["headers"] if self._item.mended else given
        headers = [(pair["name"], pair["value"]) for pair in pairs]
        if max(map(len, given), default=0) > 2:
            texts = [{**pair, "name": _plain(pair["name"]), "value": _plain(pair["value"])} for pair in given]
            extra["headers"] = [pair for pair in texts if self._ours or pair["name"][:1] != ":"]
        try:
            joined = "".join([name + value for name, value in headers])
        except TypeError:
            headers = [(_plain(name), _plain(value)) for name, value in headers]
            joined = "".join([name + value for name, value in headers])
        if not joined.isascii():
            least = "\x7f" if self._mitmproxy else "\xff"
            headers = [(_octets(name, least), _octets(value, least)) for name, value in headers]
        if self._ours:
            return headers
        if "\n" in joined:  # Chrome had all cookies in one header, a line each
            headers = [(name, part) for name, value in headers for part in re.split(r"\r?\n", value)]
        if headers and headers[0][0][:1] == ":":  # of HTTP/2: they say what method, URL and status say
            extra["_pseudo_headers"] = [pair for pair in given if pair["name"][:1] == ":"]
            headers = [pair for pair in headers if pair[0][:1] != ":"]
        return headers

    def _cookies(self, given: Any, names: dict[str, str], name: str, extra: dict[str, Any]) -> None:  # noqa: ANN401 - any JSON value
        if given and name not in names:
            extra["cookies"] = given

    def _sizes(self, given: dict[str, Any], body: Body | None, extra: dict[str, Any]) -> None:
        size = given.get("headersSize")
        if type(size) is int and size >= 0:
            extra["headersSize"] = size
        size = given.get("bodySize")
        if type(size) is int and size >= 0 and size != body_size(body):
            extra["bodySize"] = size

    def _checked(self, said: Any, types: dict[str, tuple[type, ...]]) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
        if type(said) is not dict or any(key in types and type(said[key]) not in types[key] for key in said):
            self._bad(f"its key {OWN!r} is not as ctools writes it")
        return said

    def _remark(self, text: str) -> None:
        self._stream.remark(text, f"interaction {self._item.number}")

    def _bad(self, what: str) -> NoReturn:
        item = self._item
        raise BadCassetteError(
            f"{self._stream.name}, line {item.line}: interaction {item.number} is no entry of HAR: {what}."
            " Check how the file was written."
        )


_NOTHING: Final[dict[str, Any]] = {}
_NONE: Final = object()
_BARE: Final = frozenset({204, 304})
_HIGHEST: Final = 999
"""A status has three digits (RFC 9110 section 15), and no other format here holds more."""


def peer_of(connection: dict[str, Any] | None) -> tuple[str | None, str | None]:
    """Give `serverIPAddress` and `connection` of HAR for a connection of docs/format.md."""
    if connection is None:
        return None, None
    peer, number_ = connection.get("peer"), connection.get("id")
    address = peer.rpartition(":")[0].strip("[]") if type(peer) is str else None
    return address or None, None if number_ is None else str(number_)


def version_of(given: object) -> str | None:
    """Give the HTTP version that an `httpVersion` means; None where it is not known."""
    if type(given) is not str:
        return None
    if given in _VERSIONS:
        return _VERSIONS[given]
    return given.upper() if given.startswith("http/") else given


def _failure(given: dict[str, Any]) -> dict[str, Any]:
    said = (given.get(name) for name in ("_error", "_failureText", "statusText", "comment"))
    message = next((text for text in said if type(text) is str and text), "no response arrived")
    named = _ERROR_NAME.match(message)
    return {"phase": "response", "type": named[0] if named else "har.failed", "message": message}


def _plain(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Give a value as text where HAR wants a text."""
    if type(value) is str:
        return value
    return "" if value is None else json.dumps(value)


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError(value)
    return value


def _octets(text: str, least: str = "\xff") -> str:
    """Give text of a header as ISO-8859-1: as it is up to the character `least`, else its UTF-8 (PEP 383)."""
    if text.isascii() or max(text) <= least:
        return text
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = text.encode("utf-8", "replace")
    return data.decode("latin-1")


def _from_base64(text: str) -> bytes | None:
    try:
        if text.startswith("["):  # Polly.js: a JSON list of pieces
            return b"".join(binascii.a2b_base64(piece, strict_mode=True) for piece in json.loads(text))
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except ValueError:
            return binascii.a2b_base64("".join(text.split()), strict_mode=True)  # lines, as MIME has them
    except (ValueError, TypeError, RecursionError):
        return None


def _from_hex(text: str) -> bytes | None:
    try:
        return b"".join(map(bytes.fromhex, json.loads(text))) if text.startswith("[") else bytes.fromhex(text)
    except (ValueError, TypeError, RecursionError):
        return None


def _multipart(params: Any, kind: str) -> Body:  # noqa: ANN401 - any JSON value
    found = _BOUNDARY.search(kind)
    boundary = found[1] if found else "boundary"
    parts: list[str] = []
    whole = True
    for pair in params:
        name = _plain(pair["name"]).replace('"', "%22")
        file, value, media = pair.get("fileName"), pair.get("value"), pair.get("contentType")
        disposition = f'Content-Disposition: form-data; name="{name}"'
        if file is not None:
            disposition += f'; filename="{_plain(file)}"'
        media = f"\r\nContent-Type: {_plain(media)}" if media else ""
        whole = whole and value is not None
        parts.append(f"--{boundary}\r\n{disposition}{media}\r\n\r\n{_plain(value)}\r\n")
    parts.append(f"--{boundary}--\r\n")
    return Body("".join(parts), complete=whole, incomplete=None if whole else "unread")
