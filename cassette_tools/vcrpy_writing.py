"""Writes interactions as vcrpy does: its YAML and its JSON, piece by piece.

Law: what comes out loads in vcrpy, and is what vcrpy 9 itself would have written of the same interactions, to the
byte: what came from a vcrpy cassette as vcrpy writes it after loading it, and what was recorded as vcrpy would have
recorded it with the same client. Each interaction is written when it comes, and forgotten.

What vcrpy stores depends on the client, for it sits at another place in each (measured with vcrpy 9.4.2):

- requests, urllib3, botocore: the response body with its content coding taken off, `Content-Encoding` as it came. No
  request headers that http.client and urllib3 add by themselves: they come after vcrpy has looked.
- http.client, urllib.request, xmlrpc.client, httplib2: the body as on the wire. Recordings hold bodies decoded, so the
  coding is put on again: the bytes differ, what they decode to does not. The same request headers are missing;
  urllib.request passes Host itself.
- httpx: as on the wire, and '' where there is no request body. aiohttp: decoded, `Content-Encoding` as it came.
- Where the client is unknown, and for codings that cannot be put on here: decoded, without `Content-Encoding`, with the
  length it then has. That is what vcrpy's own decode_compressed_response gives, and the only form that replays in
  requests, urllib3, urllib, http.client, httplib2, httpx and aiohttp alike: coded bodies come out coded from requests,
  urllib3 and aiohttp; decoded ones with Content-Encoding fail in httpx and httplib2.

Where vcrpy loses or garbles, this does not follow: values of response headers whose names differ in case only are not
doubled, those of repeated request headers are joined by commas (http.client under vcrpy sends and stores the last
only), botocore's header values are text and not `!!binary`, bodies from files and iterators are bytes and not
`!!python/object`. Lists and dicts that several interactions of a vcrpy cassette share by anchors are written out.

vcrpy's JSON refuses bodies that are not UTF-8; there, a coded body is written decoded as for an unknown client, and
other binary bodies are left empty.

Memory: one interaction, in a few copies.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cassette_tools import yaml_text
from cassette_tools.huge_items import told
from cassette_tools.interaction import Envelope, header
from cassette_tools.losses import KNOWN_TO_RECORDERS
from cassette_tools.stored_body import wire_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cassette_tools.formats import WriteOptions
    from cassette_tools.interaction import Body, Element, Headers, Interaction, Request, Response
    from cassette_tools.yaml_text import Say

__all__ = ["CANNOT_HOLD_JSON", "CANNOT_HOLD_YAML", "FAMILY", "write_json", "write_yaml"]

FAMILY: Final = "vcrpy"

CANNOT_HOLD_JSON: Final = KNOWN_TO_RECORDERS | {
    "binary-request-body",
    "binary-response-body",
    "client-headers",
    "coding",
    "coding-headers",
    "absent-bodies",
    "framing",
    "http-version",
    "huge-items",
    "joined-request-headers",
    "no-response",
    "scattered-headers",
    "started-at",
    "target",
    "timings",
    "trailers",
}
CANNOT_HOLD_YAML: Final = (CANNOT_HOLD_JSON | {"header-order"}) - {"binary-request-body", "binary-response-body"}

_VERSION: Final = 1


class _Losses(NamedTuple):
    """Takes what is left out of the interaction of this number."""

    add: Callable[[str, int], None]
    number: int

    def left_out(self, facet: str) -> None:
        self.add(facet, self.number)


def _nowhere(_facet: str, _number: int) -> None:
    """Take losses where nobody asks."""


# -- YAML


@told
def write_yaml(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    """Write a vcrpy YAML cassette, one interaction at a time. `options.style` is "exact" or "readable".

    Readable: text of several lines, or too long for one, stands as a literal block, and text beyond ASCII as it is.
    """
    add = _nowhere if options.losses is None else options.losses.add
    readable = options.style == "readable"
    say = _readable if readable else yaml_text.scalar
    tail: dict[str, Any] = {"version": _VERSION}
    number = 0
    for element in elements:
        if isinstance(element, Envelope):
            _keep(element, tail)
            continue
        number += 1
        losses = _Losses(add, number)
        odd = element.extra.get(FAMILY)
        text = (
            _quick(element, losses, say) if not odd else yaml_text.items([_tree(element, losses, in_yaml=True)], 0, say)
        )
        yield (text if number > 1 else "interactions:\n" + text).encode()
    end = yaml_text.mapping(tail, 0)
    yield (end if number else "interactions: []\n" + end).encode()


def _readable(text: str, column: int, indent: int) -> str:
    if "\n" in text or column + len(text) > _LONG:
        block = yaml_text.literal(text, indent)
        if block is not None:
            return block
    return yaml_text.unescaped(text, column, indent)


_LONG: Final = 120


def _quick(interaction: Interaction, losses: _Losses, say: Say) -> str:
    """Give an interaction that holds nothing odd, as an item of the list."""
    request, response = interaction.request, interaction.response
    assert response is not None  # noqa: S101 - the registry's promise: what has no response never comes here
    stored, headers = _response_parts(interaction, response, losses, binary=True)
    body = _request_body(interaction, losses, binary=True)
    string = _text(stored, 14, 8, say)
    return (
        f"- request:\n    body: {_ended('null' if body is None else _text(body, 10, 6, say))}"
        f"    headers:{_header_lines(_request_headers(interaction, losses), joined=True)}"
        f"    method: {_ended(_short(request.method, 12, 6))}    uri: {_url(request.url, say)}"
        f"  response:\n    body:\n      string: {_ended(string)}"
        f"    headers:{_header_lines(headers, joined=False)}"
        f"    status:\n      code: {response.status}\n      message: {_ended(_short(response.reason, 15, 8))}"
    )


def _url(url: str, say: Say) -> str:
    return url + "\n" if _EASY_URL.match(url) else _ended(say(url, 9, 6))


_EASY_URL: Final = re.compile(r"https?://[!-~]*[!-9;-~]\Z")
"""What is plain for certain: without a space there is nothing to fold, and no `: ` but at the end."""


def _text(stored: str | bytes, column: int, indent: int, say: Say) -> str:
    return say(stored, column, indent) if isinstance(stored, str) else yaml_text.binary(stored, indent)


def _ended(text: str) -> str:
    return text if text[-1] == "\n" else text + "\n"


_SHORT: Final[dict[tuple[str, int], str]] = {}
_MOST_SHORT: Final = 256
_LONGEST_SHORT: Final = 64


def _short(text: str, column: int, indent: int) -> str:
    """Give what comes again and again: methods, reason phrases."""
    known = _SHORT.get((text, column))
    if known is None:
        known = yaml_text.scalar(text, column, indent)
        if len(text) <= _LONGEST_SHORT and len(_SHORT) < _MOST_SHORT:
            _SHORT[text, column] = known
    return known


class _Plan(NamedTuple):
    """How headers of these names, in this order, stand in a cassette: sorted by name, each value in its place.

    `template` is None where a name comes twice, whatever its letter case, or is too long to stand before its value.
    """

    template: str | None
    sort: Callable[[Any], Any]


_PLANS: Final[dict[tuple[str, ...], _Plan]] = {}
_VALUES: Final[dict[str, str]] = {}
_MOST_PLANS: Final = 1000
_MOST_VALUES: Final = 4000
_LONGEST_KEPT: Final = 400


def _header_lines(headers: Headers, *, joined: bool) -> str:
    """Give the lines behind `    headers:`. `joined`: those of a request, which has one value for each name."""
    if not headers:
        return " {}\n"
    names, values = zip(*headers, strict=True)
    plan = _PLANS.get(names) or _plan(names)
    if plan.template is None:
        groups = _joined(headers) if joined else _grouped(headers)
        return f"\n{yaml_text.mapping(groups, 6)}"
    lines: str = plan.template % plan.sort([_VALUES.get(value) or _value(value) for value in values])
    return lines


def _value(value: str) -> str:
    """Give the value of a header behind its dash."""
    if len(value) < _SHORT_LINE and (_EASY.match(value) or (value == "0" or _NUMBER.match(value))):
        text = value if value[0] > "9" else f"'{value}'"
    else:
        text = yaml_text.scalar(value, 8, 8)
    if len(value) <= _LONGEST_KEPT:
        if len(_VALUES) >= _MOST_VALUES:
            _VALUES.clear()
        _VALUES[value] = text
    return text


_SHORT_LINE: Final = 70
_EASY: Final = re.compile(r"[A-EG-MP-SU-XZa-eg-mp-su-xz][!\"$-9;-~]*+(?:[ :][!\"$-9;-~]++)*+\Z")
"""What is plain for certain: no first letter of a YAML word (yes, no, true, false, on, off, null), no `: `, no ` #`."""
_NUMBER: Final = re.compile(r"[1-9][0-9]*+\Z")


def _plan(names: tuple[str, ...]) -> _Plan:
    simple = len({name.lower() for name in names}) == len(names) and all(map(yaml_text.is_short_key, names))
    order = sorted(range(len(names)), key=names.__getitem__)
    lines = [yaml_text.scalar(names[at], yaml_text.NO_FOLD, 6).replace("%", "%%") for at in order] if simple else []
    template = "".join(["\n", *[f"      {line}:\n      - %s\n" for line in lines]]) if simple else None
    plan = _Plan(template, itemgetter(*order))
    if sum(map(len, names)) <= _LONGEST_KEPT:
        if len(_PLANS) >= _MOST_PLANS:
            _PLANS.clear()
        _PLANS[names] = plan
    return plan


# -- JSON


@told
def write_json(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    """Write a vcrpy JSON cassette, one interaction at a time: what json.dumps(..., indent=4) gives, and a line feed."""
    add = _nowhere if options.losses is None else options.losses.add
    tail: dict[str, Any] = {}
    number = 0
    for element in elements:
        if isinstance(element, Envelope):
            _keep(element, tail)
            continue
        number += 1
        text = _json(_tree(element, _Losses(add, number), in_yaml=False), "\n        ")
        yield f"{_JSON_START if number == 1 else ','}\n        {text}".encode()
    rest = "".join([f",\n    {_quoted(str(key))}: {_json(value, _JSON_PAD)}" for key, value in tail.items()])
    yield (f"\n    ]{rest}\n}}\n" if number else f"{_JSON_START}]{rest}\n}}\n").encode()


_JSON_START: Final = f'{{\n    "version": {_VERSION},\n    "interactions": ['
_JSON_PAD: Final = "\n    "
_quoted: Final = json.encoder.encode_basestring_ascii


def _json(value: Any, pad: str) -> str:  # noqa: ANN401 - any JSON value
    """Give a value as json.dumps does with indent=4. `pad` is a line feed and the white space it stands behind."""
    kind = type(value)
    if kind is str:
        return _quoted(value)
    deeper = pad + "    "
    if kind is dict:
        if not value:
            return "{}"
        lines = [f"{_quoted(_json_key(key))}: {_json(held, deeper)}" for key, held in value.items()]
        return f"{{{deeper}{(',' + deeper).join(lines)}{pad}}}"
    if kind is list or kind is tuple:
        return f"[{deeper}{(',' + deeper).join([_json(held, deeper) for held in value])}{pad}]" if value else "[]"
    if isinstance(value, bytes):
        return _quoted(value.decode("utf-8", "replace"))
    return _quoted(str(value)) if isinstance(value, str) else json.dumps(value)


def _json_key(key: Any) -> str:  # noqa: ANN401 - any key of a YAML mapping
    return str(key) if isinstance(key, str) else json.dumps(key) if key is None or isinstance(key, int) else str(key)


# -- what vcrpy holds


def _keep(envelope: Envelope, tail: dict[str, Any]) -> None:
    """Take what a cassette says of itself, to be written behind the interactions."""
    if envelope.family != FAMILY:
        return
    values = _unpacked(envelope.values)
    if values.get("metadata"):
        tail["metadata"] = values["metadata"]
    further = values.get("keys") or {}
    tail.update({key: value for key, value in further.items() if key not in ("interactions", "version")})


def _tree(interaction: Interaction, losses: _Losses, *, in_yaml: bool) -> dict[str, Any]:
    """Give an interaction as the dicts that vcrpy serializes, in the order in which it makes them."""
    request, response = interaction.request, interaction.response
    assert response is not None  # noqa: S101 - the registry's promise: what has no response never comes here
    stored, headers = _response_parts(interaction, response, losses, binary=in_yaml)
    asked: dict[str, Any] = {
        "method": request.method,
        "uri": request.url,
        "body": _request_body(interaction, losses, binary=in_yaml),
        "headers": _joined(_request_headers(interaction, losses)),
    }
    answered: dict[str, Any] = {
        "status": {"code": response.status, "message": response.reason},
        "headers": _grouped(headers),
        "body": {"string": stored},
    }
    said: dict[str, Any] = {"request": asked, "response": answered}
    odd = interaction.extra.get(FAMILY)
    if odd:
        _say_odd(said, _unpacked(odd), stored, losses)
        if not in_yaml:
            asked["body"] = _plain_body(asked["body"])
            said = _without_bytes(said, losses)
    return said


def _say_odd(said: dict[str, Any], odd: dict[str, Any], stored: str | bytes, losses: _Losses) -> None:
    """Say what a vcrpy cassette said otherwise than vcrpy usually does. `vcrpy_reading` tells what `odd` holds."""
    from cassette_tools.vcrpy_reading import ABSENT, MODEL  # noqa: PLC0415 - only where a cassette says something odd

    asked, answered = said["request"], said["response"]
    if not odd or not all(_is_odd(key, part) for key, part in odd.items()):
        losses.left_out("extra")  # edited by hand: no reader says so
        odd = {key: part for key, part in odd.items() if _is_odd(key, part)}
    for key, value in (odd.get("request") or {}).items():
        if key == "headers":
            asked[key] = _as_headers_dict(value)
        elif key in asked:
            asked[key] = asked[key] if value is MODEL else _as_text(value)
        else:
            losses.left_out("extra")  # vcrpy refuses a cassette with keys that its Request does not know
    for key, value in (odd.get("response") or {}).items():
        if value is ABSENT:
            answered.pop(key, None)
        elif key == "body" and isinstance(value, dict):
            answered[key] = {inner: stored if held is MODEL else held for inner, held in value.items()}
            if "string" in value:
                answered[key]["string"] = _as_text(answered[key]["string"])
        else:
            answered[key] = stored if value is MODEL else _as_text(value) if key == "body" else value
    order = odd.get("order") or {}
    said["response"] = _ordered(answered, order.get("response"))
    if isinstance(answered.get("status"), dict):
        said["response"]["status"] = _ordered(answered["status"], order.get("status"))
    said.update({key: value for key, value in (odd.get("keys") or {}).items() if key not in said})


def _is_odd(key: str, part: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Tell whether a part is one that a reader says."""
    if not isinstance(part, dict):
        return False
    if key == "order":
        return all(isinstance(names, list) and {*map(type, names)} <= {str} for names in part.values())
    return key in ("request", "response", "keys")


def _ordered(said: dict[str, Any], order: list[str] | None) -> dict[str, Any]:
    return {key: said[key] for key in [*order, *said] if key in said} if order else said


def _as_headers_dict(said: Any) -> dict[str, list[Any]]:  # noqa: ANN401 - as a cassette had it
    """Give a request's headers as vcrpy keeps them: the first value of each, the last of names that differ in case."""
    names: dict[str, str] = {}
    kept: dict[str, list[Any]] = {}
    for name, value in said.items() if isinstance(said, dict) else ():
        first = names.setdefault(str(name).lower(), name)
        kept[first] = list(value[:1]) if isinstance(value, (list, tuple)) else [value]
    return kept


def _as_text(value: Any) -> Any:  # noqa: ANN401 - as a cassette had it
    """Give bytes that are UTF-8 as text, as vcrpy does when it saves."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value


def _plain_body(body: Any) -> Any:  # noqa: ANN401 - as a cassette had it
    """Give a request's body that was a file or an iterator as JSON can hold it."""
    if isinstance(body, io.BytesIO):
        body = body.getvalue()
    elif isinstance(body, Iterator):
        body = b"".join([chunk if isinstance(chunk, bytes) else str(chunk).encode() for chunk in body])
    body = _as_text(body)
    return None if isinstance(body, bytes) else body


def _without_bytes(value: Any, losses: _Losses) -> Any:  # noqa: ANN401 - as a cassette had it
    """Give what JSON can hold. Bytes that are no text lose what does not fit, which is counted."""
    if isinstance(value, dict):
        return {key: _without_bytes(held, losses) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_without_bytes(held, losses) for held in value]
    value = _as_text(value)
    if isinstance(value, bytes):
        losses.left_out("extra")
        return value.decode("utf-8", "replace")
    return value


def _unpacked(values: dict[str, Any]) -> dict[str, Any]:
    from cassette_tools.vcrpy_reading import unpacked  # noqa: PLC0415 - only where a cassette says something odd

    found = unpacked(values)
    return found if isinstance(found, dict) else {}


def _grouped(headers: Headers) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in headers:
        groups.setdefault(name, []).append(value)
    return groups


def _joined(headers: Headers) -> dict[str, list[str]]:
    """Give one value for each name, as urllib3's headers and httpx's do."""
    names: dict[str, str] = {}
    said: dict[str, list[str]] = {}
    for name, value in headers:
        first = names.setdefault(name.lower(), name)
        said[first] = [f"{said[first][0]}, {value}"] if first in said else [value]
    return said


# -- what vcrpy stores for each client

_DECODED: Final = frozenset({"requests", "urllib3", "botocore", "aiohttp"})
_CODED: Final = frozenset({"http.client", "urllib.request", "xmlrpc.client", "httplib2", "httpx"})
_ADDING: Final = frozenset({"requests", "urllib3", "botocore", "http.client", "xmlrpc.client", "httplib2"})
"""Clients whose http.client or urllib3 adds headers that vcrpy does not see, Host among them."""


def _client(interaction: Interaction) -> str:
    client = interaction.client
    if client is None:
        return ""
    known = _CLIENTS.get(client)
    if known is None:
        known = client.partition("/")[0]
        if len(_CLIENTS) < _MOST_CLIENTS:
            _CLIENTS[client] = known
    return known


_CLIENTS: Final[dict[str, str]] = {}
_MOST_CLIENTS: Final = 1000


def _is_own(interaction: Interaction) -> bool:
    """Tell whether an interaction came from a vcrpy cassette: it is written as it was stored."""
    return interaction.origin == FAMILY or FAMILY in interaction.extra


def _request_body(interaction: Interaction, losses: _Losses, *, binary: bool) -> str | bytes | None:
    """Give the body as the client handed it over: with its coding on. `binary`: bytes can be written."""
    body = interaction.request.body
    if body is None:
        if _client(interaction) != "httpx":
            return None
        losses.left_out("absent-bodies")
        return ""
    if not binary:
        stored = _stored(body)
        return None if isinstance(stored, bytes) else stored
    if body.coding is None or header(interaction.request.headers, "content-encoding") is None:
        return _stored(body)
    if _is_own(interaction) and body.wire is None and body.wire_size is None:
        return _stored(body)
    coded = _coded(body)
    return _stored(body) if coded is None else coded


def _response_parts(
    interaction: Interaction, response: Response, losses: _Losses, *, binary: bool
) -> tuple[str | bytes, Headers]:
    """Give the body as vcrpy stores it, and the headers that go with it. `binary`: bytes can be written."""
    body, headers = response.body, response.headers
    if body is None:
        return "", headers
    if body.coding is not None and header(headers, "content-encoding") is not None:
        own = _is_own(interaction)
        client = _client(interaction)
        is_decoded = body.wire is None and body.wire_size is None if own else client in _DECODED
        if own and body.wire is not None:
            wire = _as_text(body.wire)
            if binary or isinstance(wire, str):
                return wire, headers
        if not is_decoded:
            coded = _coded(body) if binary and (own or client in _CODED) else None
            if coded is not None:
                return coded, headers
            losses.left_out("coding-headers")
            headers = _without_coding(headers, body)
    stored = _stored(body)
    return ("" if not binary and isinstance(stored, bytes) else stored), headers


def _stored(body: Body) -> str | bytes:
    """Give the content as vcrpy holds it: text where it is UTF-8."""
    content: str | bytes = body.read() if body.stream is not None else body.text() or body.read()
    return _as_text(content) if isinstance(content, bytes) else content


def _coded(body: Body) -> bytes | None:
    """Give a body with its coding on. None where it cannot be put on, or gives text: that reads as decoded already."""
    if body.wire is None and not body.size:
        return None
    coded = wire_of(body)
    return None if coded is None or isinstance(_as_text(coded), str) else coded


def _without_coding(headers: Headers, body: Body) -> Headers:
    """Drop Content-Encoding, and let Content-Length tell the size of the content."""
    kept: Headers = []
    for name, value in headers:
        small = name.lower()
        if small == "content-length":
            kept.append((name, str(body.size)))
        elif small != "content-encoding":
            kept.append((name, value))
    return kept


def _request_headers(interaction: Interaction, losses: _Losses) -> Headers:
    """Give the headers that the program, or the library above http.client, asked for."""
    request = interaction.request
    headers = request.headers
    client = _client(interaction)
    if not headers or (client not in _ADDING and client != "urllib.request"):
        return headers
    first = _first_asked(request, client)
    if not first or _are_repeated(headers, first):
        return headers
    losses.left_out("client-headers")
    return headers[first:]


def _are_repeated(headers: Headers, first: int) -> bool:
    """Tell whether one of the first headers comes again: then they are the program's own."""
    own = {headers[at][0].lower() for at in range(first)}
    return not own.isdisjoint([name.lower() for name, _ in headers[first:]])


def _first_asked(request: Request, client: str) -> int:
    """Count the headers at the beginning that were added by http.client (`_send_request`) and urllib3 (`request`)."""
    headers = request.headers
    at = 0
    last = len(headers)
    if client != "urllib.request" and headers[0][0] == "Host" and _is_host(headers[0][1], request.url):
        at = 1
    if at < last and headers[at] == _IDENTITY:
        at += 1
    if client == "urllib.request" or not at:
        return at
    if at < last and headers[at][0] in ("Content-Length", "Transfer-Encoding"):
        at += 1
    if at < last and headers[at][0] == "User-Agent" and headers[at][1].startswith("python-urllib3/"):
        at += 1
    return at


_IDENTITY: Final = ("Accept-Encoding", "identity")


def _is_host(value: str, url: str) -> bool:
    start = url.find("://") + 3
    return url.startswith(value, start) and url[start + len(value) : start + len(value) + 1] in _AFTER_HOST


_AFTER_HOST: Final = ("", "/", "?", "#", ":")
