"""Flow files of mitmproxy, from version 0.11 to 12 (flow formats 0.11 to 21), without mitmproxy.

Law: what a flow says in any version of its format is read by its old and its new names; nothing is migrated step by
step, for only HTTP requests and responses are of interest here. Everything else that a flow says goes along in `extra`,
but for the messages of a websocket and the first state of a flow that was changed: these are left out, with a remark.
Flows that are no HTTP are left out, with a remark.

A flow's URL is put together of scheme, host, port and path, as mitmproxy does; a flow without a host is refused.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.body_presence import forbids_body
from cassette_tools.formats import Format
from cassette_tools.interaction import Body, Headers, Interaction, Request, Response, header
from cassette_tools.moments import from_epoch
from cassette_tools.stored_body import body_of
from cassette_tools.tnetstrings import netstrings
from recorder.errors import BadCassetteError, CassetteNewerError, NotACassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element

__all__ = ["FORMAT"]

FAMILY: Final = "mitmproxy"
NEWEST: Final = 21
"""The flow format of mitmproxy 11 and 12 (mitmproxy/version.py)."""

_OLDEST: Final = (0, 11)
_START: Final = re.compile(rb"\d{1,12}:\d{1,2}:([a-z_]{2,20})[,;]")
_KEYS: Final = frozenset(
    b"backup client_conn comment error id intercepted is_replay marked messages metadata mode request response"
    b" server_conn timestamp_created type version websocket".split()
)
_PASSED_OVER: Final = frozenset({("messages",), ("backup",), ("websocket", "messages")})
_OTHERS: Final = frozenset({"tcp", "udp", "dns", "websocket"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_CANNOT_HOLD: Final = frozenset(
    {"client", "process", "memory", "redaction", "framing", "incomplete", "removed", "empty-bodies", "extra"}
)


def sniff(head: Head) -> int:
    """Tell by the first flow's first key."""
    found = _START.match(head.raw)
    return 99 if found is not None and found[1] in _KEYS else 0


def read(stream: InputStream) -> Iterator[Element]:
    """Give the HTTP flows. Memory: one flow, as bytes and in parts."""
    for item in netstrings(stream, passing_over=_PASSED_OVER):
        flow, place = item.value, f"flow {item.number}"
        if not isinstance(flow, dict) or "version" not in flow:
            raise NotACassetteError(
                f"{stream.name}, {place}: not a flow of mitmproxy: it names no version."
                " Give a file that mitmproxy wrote, or another --from."
            )
        _check_version(flow["version"], stream.name, place)
        try:
            one = _interaction(flow, stream, place) if _is_http(flow, stream, place) else None
        except _MissingError as error:
            raise BadCassetteError(
                f"{stream.name}, {place}: not a whole HTTP flow: {error}. Write the file anew with mitmproxy."
            ) from None
        if one is not None:
            yield one


FORMAT: Final = Format(
    name="mitmproxy-flows",
    title="mitmproxy flows",
    family=FAMILY,
    suffixes=(".flows", ".flow", ".mitm", ".mitmproxy"),
    sniff=sniff,
    read=read,
    cannot_hold=_CANNOT_HOLD,
    holds="item",
    notes=(
        "Read from mitmproxy 0.11 to 12 (flow formats up to 21), without mitmproxy.",
        "Only HTTP flows are read; TCP, UDP, DNS and websocket messages are left out, with a remark.",
        "A flow is held whole, at most 256 MiB.",
    ),
)


class _MissingError(Exception):
    """What a flow lacks, in words for the message. Never leaves this module."""


def _check_version(said: object, name: str, place: str) -> None:
    """See that the flow format is known: up to 21, or 0.11 to 3.0 for what was numbered like mitmproxy itself."""
    version: tuple[int, ...] = ()
    if isinstance(said, int) and not isinstance(said, bool):
        version = (said,)
    elif isinstance(said, list) and len(said) >= 2 and all(isinstance(part, int) for part in said[:2]):
        version = (said[0], said[1])
    if len(version) == 1 and version[0] > NEWEST:
        raise CassetteNewerError(
            f"{name}, {place}: flow format {version[0]} is newer than {NEWEST}, the newest that this release reads."
            " Update cassette-tools, or let mitmproxy write HAR (save.har)."
        )
    known = version[0] >= 4 if len(version) == 1 else _OLDEST <= version < (4, 0)
    if not known:
        raise BadCassetteError(
            f"{name}, {place}: its flow format is none from 0.11 to {NEWEST}."
            " Open the file in a newer mitmproxy and save it again."
        )


def _is_http(flow: dict[str, Any], stream: InputStream, place: str) -> bool:
    kind = _text(flow.get("type", b"http"))
    if kind == "http":
        return True
    kind = f"type {kind}" if kind in _OTHERS else "another type"
    stream.remark(f"Flows of {kind} are no HTTP requests; they are left out.", place, lost=True)
    return False


def _interaction(flow: dict[str, Any], stream: InputStream, place: str) -> Interaction:
    _tell_what_is_left_out(flow, stream, place)
    rest = {key: value for key, value in flow.items() if key not in ("request", "response", "error", "type")}
    said, answer, error = _table(flow, "request"), _table(flow, "response"), _table(flow, "error")
    server = _table(flow, "server_conn") or {}
    if said is None:
        raise _MissingError("there is no request")
    said_rest, answer_rest = dict(said), dict(answer or {})
    request = _request(said_rest)
    response = None if answer is None else _response(answer_rest, request.method)
    _mark_missing(said, request, "unread", stream, place)
    if answer is not None and response is not None:
        _mark_missing(answer, response, "error" if error is not None else "unread", stream, place)
    start = _seconds(said.get("timestamp_start"))
    made = Interaction(
        request,
        response,
        started_at=None if start is None else from_epoch(start),
        timings_ms=_timings(start, answer or {}, server, error or {}),
        connection=_connection(server, start, request),
    )
    if error is not None:
        made.error = _error(error, server, request, response)
    for key, values in (("request", said_rest), ("response", answer_rest), ("error", error or {})):
        kept = {name: value for name, value in values.items() if name not in _SAID and value not in (None, [], b"")}
        if kept:
            rest[key] = kept
    made.extra = {FAMILY: _jsonable(rest)}
    return made


_SAID: Final = frozenset({"timestamp_start", "msg"})
"""Keys that are told in full by the model, and are read where they stand."""


def _tell_what_is_left_out(flow: dict[str, Any], stream: InputStream, place: str) -> None:
    websocket = flow.get("websocket")
    if flow.get("messages") is ... or (isinstance(websocket, dict) and websocket.get("messages") is ...):
        stream.remark("Messages of websockets are left out.", place, lost=True)
        flow.pop("messages", None)
        if isinstance(websocket, dict):
            websocket.pop("messages", None)
    if flow.pop("backup", None) is not None:
        stream.remark("A flow was changed in mitmproxy; its first state is left out.", place, lost=True)


# -- requests and responses


def _request(said: dict[str, Any]) -> Request:
    """Make a request of a flow's, and take out of `said` what it tells."""
    headers = _headers(said)
    method = _needed(said, "method")
    url, target = _address(said, method, headers)
    content = said.pop("content", said.pop("body", None))
    body: Body | None = None
    if content or header(headers, "content-length") is not None or header(headers, "transfer-encoding") is not None:
        body = _body(content, headers)
    return Request(method, url, headers, body, http_version=_http_version(said), target=target)


def _response(said: dict[str, Any], method: str) -> Response:
    """Make a response of a flow's, and take out of `said` what it tells."""
    headers = _headers(said)
    status = said.pop("status_code", said.pop("code", None))
    if not isinstance(status, int) or isinstance(status, bool) or not 0 <= status <= 999:
        raise _MissingError("its response has no status")
    reason = said.pop("reason", said.pop("msg", b""))
    content = said.pop("content", said.pop("body", None))
    body = None if not content and forbids_body(method, status) else _body(content, headers)
    trailers = _pairs(said.pop("trailers", None) or [], "trailers")
    return Response(status, _text(reason or b""), headers, body, _http_version(said), trailers)


def _body(content: Any, headers: Headers) -> Body:  # noqa: ANN401 - whatever is written
    if isinstance(content, str):
        content = content.encode()
    if not isinstance(content, bytes):
        return Body()
    body = body_of(content, headers)
    body.wire_size = len(content)
    return body


def _mark_missing(said: dict[str, Any], message: Request | Response, why: str, stream: InputStream, place: str) -> None:
    """Mark a body that mitmproxy did not keep: None, or 0 up to mitmproxy 0.11."""
    content = said.get("content", said.get("body"))
    if message.body is not None and not isinstance(content, bytes | str):
        message.body.complete, message.body.incomplete = False, why
        stream.remark("The flow does not hold a body that was there: streamed, or cut off.", place)


def _address(said: dict[str, Any], method: str, headers: Headers) -> tuple[str, str | None]:
    """Put the URL together; give it, and the request target where it differs from its path and query.

    Up to mitmproxy 5 `first_line_format` (before 0.14 `form_out`, what was sent, beside `form_in`) tells the form of
    the target; since then an absolute form has an `authority`. HTTP/2 has one always.
    """
    scheme = _text(said.pop("scheme", None) or b"")
    host = _text(said.pop("host", None) or b"")
    port = said.pop("port", None)
    path = _path(said.pop("path", None))
    authority = _text(said.pop("authority", None) or b"")
    form = _text(said.pop("form_out", said.pop("first_line_format", None)) or b"")
    said.pop("form_in", None)
    if not host and not authority:
        authority = header(headers, "host") or ""
    if not host and not authority:
        raise _MissingError("its request has no host")
    scheme = scheme if scheme in _DEFAULT_PORTS else "https" if port == 443 or method == "CONNECT" else "http"
    place = _host_and_port(host, None if port == _DEFAULT_PORTS[scheme] else port) if host else authority
    if method == "CONNECT" or form == "authority":
        return f"{scheme}://{place}", authority or _host_and_port(host, port)
    if path == "*":
        return f"{scheme}://{place}", "*"
    if not path.startswith("/"):
        path = f"/{path}"
    is_first = _text(said.get("http_version", b"HTTP/1.1")).startswith("HTTP/1")
    if form == "absolute" or (authority and host and is_first):
        return f"{scheme}://{place}{path}", f"{scheme}://{authority or place}{path}"
    return f"{scheme}://{place}{path}", None


def _host_and_port(host: str, port: object) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if isinstance(port, int) and port else shown


def _path(said: Any) -> str:  # noqa: ANN401 - whatever is written
    return _text(said or b"")


def _http_version(said: dict[str, Any]) -> str | None:
    version = said.pop("http_version", None)
    numbers = said.pop("httpversion", None)
    if version:
        return _text(version)
    if isinstance(numbers, list) and numbers:
        return "HTTP/" + ".".join(str(number) for number in numbers)
    return None


def _headers(said: dict[str, Any]) -> Headers:
    return _pairs(said.pop("headers", None), "headers")


def _pairs(found: Any, name: str) -> Headers:  # noqa: ANN401 - whatever is written
    if not isinstance(found, list):
        raise _MissingError(f"its {name} are no list")
    pairs: Headers = []
    for pair in found:
        if not isinstance(pair, list) or len(pair) != 2:
            raise _MissingError("a header is no pair")
        pairs.append((_latin1(pair[0]), _latin1(pair[1])))
    return pairs


# -- times, connections, errors


def _timings(
    start: float | None, answer: dict[str, Any], server: dict[str, Any], error: dict[str, Any]
) -> dict[str, float]:
    """Tell milliseconds since the request began; up to the error where there was one."""
    times: dict[str, float] = {}
    if start is None:
        return times
    opened = _seconds(server.get("timestamp_start"))
    ready = _ready(server)
    if opened is not None and ready is not None and start <= opened <= ready:
        times["connect"] = round((ready - opened) * 1000, 3)
    first = _seconds(answer.get("timestamp_start"))
    if first is not None and first >= start:
        times["first_byte"] = round((first - start) * 1000, 3)
    last = _seconds(answer.get("timestamp_end"))
    if last is None:
        last = _seconds(error.get("timestamp"))
    if last is not None and last >= start:
        times["total"] = round((last - start) * 1000, 3)
    return times


def _ready(server: dict[str, Any]) -> float | None:
    for key in ("timestamp_tls_setup", "timestamp_ssl_setup", "timestamp_tcp_setup"):
        moment = _seconds(server.get(key))
        if moment is not None:
            return moment
    return None


def _connection(server: dict[str, Any], start: float | None, request: Request) -> dict[str, Any] | None:
    """Tell of the connection to the server. That it is new is certain only when it was opened for this request."""
    peer = next((at for key in _PEERS if (at := _at(server.get(key)))), None)
    opened = _seconds(server.get("timestamp_start"))
    if peer is None or opened is None or _seconds(server.get("timestamp_tcp_setup")) is None:
        return None
    tls = _text(server.get("tls_version") or b"") or None
    if tls is None and (request.url.startswith("https:") or server.get("tls") or server.get("tls_established")):
        tls = "TLS"
    proxy = next((at for key in ("via", "via2") if (at := _at(server.get(key)))), None)
    reused = False if start is not None and opened >= start else None
    return {"id": None, "reused": reused, "peer": peer, "tls": tls, "proxy": proxy}


_PEERS: Final = ("peername", "ip_address", "peer_address", "address")
"""The socket's other end, from new to old, and at last what was to be connected to."""


def _at(said: Any) -> str | None:  # noqa: ANN401 - whatever is written
    """Write an address: [host, port]; up to mitmproxy 1 in a table; a proxy as [scheme, [host, port]] or a table."""
    if isinstance(said, dict):
        said = said.get("address")
        if isinstance(said, dict):
            said = said.get("address")
    if not isinstance(said, list) or len(said) < 2:
        return None
    if isinstance(said[1], list):
        return _at(said[1])
    host = _text(said[0]) if isinstance(said[0], str | bytes) else ""
    return _host_and_port(host, said[1]) if host else None


def _error(
    error: dict[str, Any], server: dict[str, Any], request: Request, response: Response | None
) -> dict[str, Any]:
    """Tell the error; its phase by what is there: a response, or at least a connection."""
    secure = request.url.startswith("https:")
    connected = _seconds(server.get("timestamp_tcp_setup")) is not None
    if secure:
        connected = any(_seconds(server.get(f"timestamp_{name}_setup")) is not None for name in ("tls", "ssl"))
    phase = "body" if response is not None else "response" if connected else "connect"
    if phase == "connect":
        request.sent = False
    return {"phase": phase, "type": "mitmproxy.flow.Error", "message": _text(error.get("msg") or b"")}


# -- values


def _table(flow: dict[str, Any], key: str) -> dict[str, Any] | None:
    value = flow.get(key)
    if value is not None and not isinstance(value, dict):
        raise _MissingError(f"its {key} is no table")
    return value


def _needed(said: dict[str, Any], key: str) -> str:
    value = said.pop(key, None)
    if not isinstance(value, str | bytes) or not value:
        raise _MissingError(f"its request has no {key}")
    return _text(value)


def _seconds(value: object) -> float | None:
    """Give a time since 1970; None for what is none. 0 stands for an unknown one in migrated flows."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def _text(value: Any) -> str:  # noqa: ANN401 - whatever is written
    """Give what is written as text: UTF-8, else a character a byte."""
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        raise _MissingError("a text is none")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _latin1(value: Any) -> str:  # noqa: ANN401 - whatever is written
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise _MissingError("a header is no text")
    return value.encode().decode("latin-1")


def _jsonable(value: Any) -> Any:  # noqa: ANN401 - whatever is written
    """Give what JSON can say: bytes that are printable ASCII as text, others in base64. Depth is bounded by reading."""
    if isinstance(value, dict):
        return {key: _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, bytes):
        text = value.decode("latin-1")
        if text.isascii() and text.replace("\n", "").isprintable():
            return text
        return {"base64": base64.b64encode(value).decode()}
    return value
