"""Reads cassettes of vcrpy, YAML and JSON, in every layout that vcrpy reads or migrates.

Law: an interaction is what vcrpy makes of it when it loads the cassette. What vcrpy would say otherwise when it saves
the interaction again than a writer would say of the model, and what the model has no place for, goes along in
`extra["vcrpy"]`; ordinary interactions have none.

Layouts: version 1 (vcrpy 1.0 and later); a list of interactions with `protocol`, `host`, `port`, `path` (before 1.0),
which becomes what `python -m vcr.migration` makes of it; responses of httpx with `status_code` and `content` (vcrpy 4
and 5); headers of responses as a list of pairs (tornado); bodies as text, bytes, a file (`_io.BytesIO`), an iterator,
or structured. A body that is structured, or stands under `parsed_body` alone (a serializer of other projects), is taken
as its JSON, with a remark.

`extra["vcrpy"]`, each part only where it is needed:

- `request`, `response`: keys that are written in place of what the model gives, or beside it, packed;
- `keys`: further keys of the interaction, packed;
- `order`: of JSON, the order of the keys of `response` and `status`.

Packed values are JSON's, but for objects of one key: `base64` (bytes), `tuple`, `bytesio`, `iter`, `date`, `datetime`,
`float` (NaN, infinities), `int` (beyond 64 bits), `pairs` (an object whose keys are no text, or that looks like one of
these), `model` (the stored content of the model's body) and `absent` (the file has no such key).
The envelope of family `vcrpy` has `metadata` and `keys`, the other top-level keys, packed.
"""

from __future__ import annotations

import base64
import binascii
import email.parser
import io
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.interaction import Body, Envelope, Interaction, Request, Response
from cassette_tools.json_items import JsonItems
from cassette_tools.stored_body import body_of
from cassette_tools.vcrpy_block import read_interaction
from cassette_tools.yaml_items import PYTHON, Plain, Tagged, YamlItems
from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element, Headers

__all__ = ["ABSENT", "FAMILY", "MODEL", "read_json", "read_yaml", "unpacked"]

FAMILY: Final = "vcrpy"

_OLD_TAGS: Final = frozenset(
    f"{PYTHON}{tag}"
    for tag in (
        "object:vcr.request.Request",
        "object/apply:__builtin__.frozenset",
        "object/apply:builtins.frozenset",
    )
)
_FILE: Final = f"{PYTHON}object/new:_io.BytesIO"
_ITERATOR: Final = f"{PYTHON}object/apply:builtins.iter"
_TUPLE: Final = f"{PYTHON}tuple"
_MARKS: Final = frozenset(
    {"base64", "tuple", "bytesio", "iter", "date", "datetime", "float", "int", "pairs", "model", "absent"}
)
_MODEL: Final = {"model": True}
_ABSENT: Final = {"absent": True}
MODEL: Final = object()
"""Stands in an unpacked value for the stored content of the model's body."""
ABSENT: Final = object()
"""Is the unpacked value of a key that the file does not have."""
_REQUEST: Final = ("method", "uri", "body", "headers")
_RESPONSE_ORDER: Final = ["status", "headers", "body"]
_STATUS_ORDER: Final = ["code", "message"]
_ONE_VALUE: Final = "Of several values of a header of a request vcrpy takes one; so does this."
_RELATIVE: Final = "A URL is not absolute; it is taken as it is."
_NO_METHOD: Final = "A method is empty; it is taken as it is."
_ONLY_TEXT: Final = {str}
_PARSED: Final = "A body is structured and no text; its JSON is taken."


def read_yaml(stream: InputStream) -> Iterator[Element]:
    """Read a vcrpy YAML cassette. Memory: one item. Raises BadCassetteError, NotACassetteError."""
    items = YamlItems(stream, frozenset({"interactions"}), tags=_OLD_TAGS, quick=read_interaction)
    reading = _Reading(stream)
    for item in items:
        value = item.value
        ready = type(value) is Interaction
        yield value if ready else reading.interaction(value, item.number, old=items.key is None)
    yield from reading.envelope(items.rest)


def read_json(stream: InputStream) -> Iterator[Element]:
    """Read a vcrpy JSON cassette. Memory: one item. Raises BadCassetteError, NotACassetteError."""
    old = stream.head.text[:1] == b"["
    items = JsonItems(stream, () if old else ("interactions",))
    reading = _Reading(stream, ordered=True)
    for item in items:
        yield reading.interaction(item.value, item.number, old=old)
    yield from reading.envelope(items.rest)


class _Reading:
    """Makes interactions of what the items of one cassette say. `ordered`: the order of keys means something."""

    def __init__(self, stream: InputStream, *, ordered: bool = False) -> None:
        self._stream = stream
        self._ordered = ordered
        self._number = 0

    def envelope(self, rest: dict[str, Any]) -> Iterator[Envelope]:
        """Give what a cassette says of itself, where it says more than its version."""
        rest = dict(rest)
        values = {}
        metadata = rest.pop("metadata", None)
        if metadata:
            values["metadata"] = _packed(metadata)
        if _resolved(rest.get("version", 1)) == 1:
            rest.pop("version", None)
        if rest:
            values["keys"] = _packed(rest)
        if values:
            yield Envelope(FAMILY, values)

    def interaction(self, item: Any, number: int, *, old: bool) -> Interaction:  # noqa: ANN401 - as read
        """Make an interaction of an item."""
        self._number = number
        if type(item) is not dict:
            raise self._wrong("it is no mapping")
        request: Any = item.get("request")
        response = item.get("response")
        if type(request) is not dict and not (old and isinstance(request, Tagged)):
            raise self._wrong("it has no request")
        if type(response) is not dict:
            raise self._wrong("it has no response")
        if old and "uri" not in request:
            request, response = self._migrated(request, response)
        extra: dict[str, Any] = {}
        made = Interaction(self._request(request, extra), self._response(response, extra), extra=extra)
        if len(item) > 2:
            extra["keys"] = _packed({key: item[key] for key in item if key not in ("request", "response")})
        if extra:
            made.extra = {FAMILY: extra}
        return made

    # -- requests

    def _request(self, said: dict[str, Any], extra: dict[str, Any]) -> Request:
        odd: dict[str, Any] = {}
        method = self._text(said.get("method"), "method", odd)
        url = self._text(said.get("uri"), "uri", odd)
        if "://" not in url:
            self._stream.remark(_RELATIVE, f"interaction {self._number}")
        headers = self._headers(said.get("headers"), odd, single=True)
        stored = said.get("body")
        if type(stored) is str or type(stored) is bytes:
            body: Body | None = body_of(stored, headers)
        elif stored is None:
            body = self._only_parsed(said)
        else:
            body = body_of(self._content(stored, odd), headers)
        if len(said) > len(_REQUEST) or any(key not in said for key in _REQUEST):
            odd.update((key, _packed(value)) for key, value in said.items() if key not in _REQUEST)
        if odd:
            extra["request"] = odd
        return Request(method, url, headers, body)

    def _only_parsed(self, said: dict[str, Any]) -> Body | None:
        parsed = said.get("parsed_body")
        return None if parsed is None else Body(self._as_json(parsed))

    def _content(self, stored: Any, odd: dict[str, Any]) -> str | bytes:  # noqa: ANN401 - as read
        """Give the content of a request's body that is neither text nor bytes."""
        if isinstance(stored, Tagged) and stored.tag == _FILE:
            content = self._file(stored.value)
            odd["body"] = {"bytesio": _base64(content)}
            return content
        if isinstance(stored, Tagged) and stored.tag == _ITERATOR:
            chunks = self._chunks(stored.value)
            odd["body"] = {"iter": [_packed(chunk) for chunk in chunks]}
            return b"".join(chunk if isinstance(chunk, bytes) else chunk.encode() for chunk in chunks)
        if type(stored) is dict and ("string" in stored or "base64_string" in stored):
            odd["body"], content_or_none = self._mapped(stored)
            return b"" if content_or_none is None else content_or_none
        odd["body"] = _packed(stored)
        if isinstance(stored, Plain):
            return _said(stored)
        if type(stored) is list and stored and all(isinstance(chunk, (str, bytes)) for chunk in stored):
            return b"".join(chunk if isinstance(chunk, bytes) else chunk.encode() for chunk in stored)
        return self._as_json(stored)

    # -- responses

    def _response(self, said: dict[str, Any], extra: dict[str, Any]) -> Response:
        odd: dict[str, Any] = {}
        headers = self._headers(said.get("headers"), odd, single=False)
        version = None
        if "status" in said or "status_code" not in said:
            status, reason = self._status(said.get("status"), odd, extra)
        else:
            status, reason = self._code(said["status_code"]), ""
            odd["status"] = _ABSENT
            version = said.get("http_version")
        stored: Any = said.get("body", _ABSENT)
        content = stored.get("string") if type(stored) is dict else None
        if type(content) is str or type(content) is bytes:
            body: Body | None = body_of(content, headers)
            if len(stored) > 1:
                odd["body"] = {key: _MODEL if key == "string" else _packed(stored[key]) for key in stored}
        elif stored is _ABSENT:
            body = self._without_body(said, headers, odd)
        else:
            odd["body"], known = self._mapped(stored)
            body = None if known is None else body_of(known, headers)
        if len(said) > len(_RESPONSE_ORDER) or "body" not in said:
            further = {key: value for key, value in said.items() if key not in _RESPONSE_ORDER and key not in odd}
            odd.update((key, _packed(value)) for key, value in further.items())
        if self._ordered and list(said) != _RESPONSE_ORDER:
            extra.setdefault("order", {})["response"] = list(said)
        if odd:
            extra["response"] = odd
        return Response(status, reason, headers, body, version if isinstance(version, str) else None)

    def _without_body(self, said: dict[str, Any], headers: Headers, odd: dict[str, Any]) -> Body | None:
        """Find the body elsewhere: in the layout of httpx, or where another project's serializer put it."""
        content = said.get("content")
        if isinstance(content, (str, bytes)):
            odd["body"] = _ABSENT
            odd["content"] = _MODEL
            return body_of(content, headers)
        body = self._only_parsed(said)
        if body is None:
            odd["body"] = _ABSENT
        return body

    def _mapped(self, stored: Any) -> tuple[Any, str | bytes | None]:  # noqa: ANN401 - as read
        """Take a body that is not just text under `string`: give it packed, and its content."""
        if stored is None:
            return None, None
        if isinstance(stored, (str, bytes)):
            return _packed(stored), stored if isinstance(stored, bytes) else _said(stored)
        if type(stored) is not dict:
            return _packed(stored), self._as_json(stored)
        packed: Any = _packed(stored)
        if "base64_string" in stored and stored.get("string") is None:
            try:
                return packed, base64.b64decode(stored["base64_string"] or b"")
            except (TypeError, ValueError, binascii.Error):
                raise self._wrong("its base64_string is no base64") from None
        content = stored.get("string")
        if isinstance(content, Tagged) and content.tag == _FILE:
            return {**{key: _packed(stored[key]) for key in stored}, "string": _MODEL}, self._file(content.value)
        if content is None or isinstance(content, (str, bytes)):
            return packed, content if content is None or isinstance(content, bytes) else _said(content)
        return packed, self._as_json(content)

    def _status(self, said: Any, odd: dict[str, Any], extra: dict[str, Any]) -> tuple[int, str]:  # noqa: ANN401 - as read
        if type(said) is not dict:
            raise self._wrong("its response has no status")
        code = said.get("code")
        message = said.get("message")
        status = self._code(code)
        if type(message) is not str or len(said) != 2 or type(code) is str or not _is_latin(message):
            odd["status"] = _packed(said)
            if isinstance(message, bytes):
                message = message.decode("latin-1")
            elif message is not None:
                message = _said(message)
        elif self._ordered and list(said) != _STATUS_ORDER:
            extra.setdefault("order", {})["status"] = list(said)
        return status, _as_latin(str(message or ""))

    def _code(self, said: Any) -> int:  # noqa: ANN401 - as read
        code = _resolved(said)
        if type(code) is str and code.isascii() and code.isdigit() and len(code) <= 3:
            code = int(code)
        if type(code) is not int or not 0 <= code <= 999:
            raise self._wrong("its status code is no number from 0 to 999")
        return code

    # -- parts

    def _text(self, said: Any, key: str, odd: dict[str, Any]) -> str:  # noqa: ANN401 - as read
        if type(said) is str and said:
            return said
        if not isinstance(said, (str, bytes, int, float)):
            raise self._wrong(f"its request has no {key}")
        if said in ("", b"") and key == "method":
            self._stream.remark(_NO_METHOD, f"interaction {self._number}")
        if said == "":
            return ""
        if key != "uri" or isinstance(said, bytes):  # vcrpy loads any method, but no URL that is a number
            odd[key] = _packed(said)
        return said.decode("latin-1") if isinstance(said, bytes) else _said(said)

    def _headers(self, said: Any, odd: dict[str, Any], *, single: bool) -> Headers:  # noqa: ANN401 - as read
        """Take headers. `single`: vcrpy keeps one value of each name, so that others are odd."""
        if type(said) is not dict:
            pairs = _pairs(said) if single else None
            return (
                self._odd_headers(said, odd)
                if pairs is None
                else self._headers(self._as_single(pairs), odd, single=True)
            )
        headers: Headers = []
        for name, values in said.items():
            if type(values) is list and len(values) == 1:
                headers.append((name, values[0]))
            elif single:
                return self._headers(self._as_single(said.items()), odd, single=True)
            elif type(values) is not list or not values:
                return self._odd_headers(said, odd)
            else:
                headers.extend((name, value) for value in values)
        if not headers:
            return headers
        if single and len({*map(str.lower, said)}) != len(said):
            return self._headers(self._as_single(said.items()), odd, single=True)
        if {type(text) for pair in headers for text in pair} != _ONLY_TEXT:
            return self._odd_headers(said, odd)
        if not _is_latin("".join(map("".join, headers))):
            return self._odd_headers(said, odd)
        return headers

    def _as_single(self, said: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        """Take one value of each header, as vcrpy does: the first of several, and the last of several cases."""
        found: dict[str, tuple[str, Any]] = {}
        for name, values in said:
            listed = values.value if isinstance(values, Tagged) and values.tag == _TUPLE else values
            if isinstance(listed, list):
                if not listed:
                    raise self._wrong("a header of its request has no value")
                value = listed[0]
            else:
                value = listed
            if (isinstance(listed, list) and len(listed) > 1) or name.lower() in found:
                self._stream.remark(_ONE_VALUE, f"interaction {self._number}", lost=True)
            first = found.get(name.lower())
            found[name.lower()] = (name if first is None else first[0], value)
        return {name: [value] for name, value in found.values()}

    def _odd_headers(self, said: Any, odd: dict[str, Any]) -> Headers:  # noqa: ANN401 - as read
        odd["headers"] = _packed(said)
        if said is None:
            return []
        pairs = said.items() if type(said) is dict else _pairs(said)
        if pairs is None:
            raise self._wrong("its headers are no mapping")
        headers: Headers = []
        for name, values in pairs:
            if isinstance(values, Tagged) and values.tag == _TUPLE:
                values = values.value  # noqa: PLW2901 - a tuple is as good as a list
            for value in values if isinstance(values, list) else [values]:
                headers.append((_as_latin(_said(name)), self._header_text(value)))
        return headers

    def _header_text(self, value: Any) -> str:  # noqa: ANN401 - as read
        if isinstance(value, bytes):
            return value.decode("latin-1")
        if isinstance(value, str):
            return _as_latin(_said(value))
        if value is None:
            return ""
        if isinstance(value, (dict, list, Tagged)):
            raise self._wrong("the value of a header is no text")
        return _said(value)

    def _file(self, said: Any) -> bytes:  # noqa: ANN401 - as read
        """Give what an `_io.BytesIO` held, by its pickled state: content, position, attributes."""
        state = said.get("state") if type(said) is dict else None
        values = state.value if isinstance(state, Tagged) else state
        content = values[0] if isinstance(values, list) and values else b""
        if isinstance(content, str):
            return content.encode()
        if content is None or isinstance(content, bytes):
            return content or b""
        raise self._wrong("its body is a file without content")

    def _chunks(self, said: Any) -> list[str | bytes]:  # noqa: ANN401 - as read
        """Give what an iterator would have given, by its pickled arguments."""
        values = said.get("args") if type(said) is dict else None
        values = values.value if isinstance(values, Tagged) else values
        chunks = values[0] if isinstance(values, list) and values else []
        chunks = chunks.value if isinstance(chunks, Tagged) else chunks
        if isinstance(chunks, (str, bytes)):
            return [chunks]
        if not isinstance(chunks, list) or not all(isinstance(chunk, (str, bytes)) for chunk in chunks):
            raise self._wrong("its body is an iterator over something else than text and bytes")
        return chunks

    def _as_json(self, value: Any) -> str:  # noqa: ANN401 - as read
        self._stream.remark(_PARSED, f"interaction {self._number}")
        return json.dumps(_as_data(value))

    def _wrong(self, what: str) -> BadCassetteError:
        return BadCassetteError(
            f"{self._stream.name}, interaction {self._number}: {what}. Mend it there, or leave it out."
        )

    # -- before 1.0

    def _migrated(self, request: Any, response: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401 - as read
        """Make of a layout before 1.0 what vcrpy's migration makes of it."""
        request = dict(request.value if isinstance(request, Tagged) else request)
        try:
            scheme, host, port, path = (request.pop(key) for key in ("protocol", "host", "port", "path"))
        except KeyError:
            raise self._wrong("its request has neither a uri nor protocol, host, port and path") from None
        port = _resolved(port)
        default = {"https": 443, "http": 80}.get(str(scheme))
        given = "" if port is None or port == default else f":{port}"
        request["uri"] = f"{scheme}://{host}{given}{path}"
        headers = self._old_request_headers(request.get("headers"))
        request["headers"] = {name: [value] for name, value in headers.items()}
        response = dict(response)
        lines = response.get("headers")
        if isinstance(lines, list) and all(isinstance(line, (str, bytes)) for line in lines):
            text = "".join(line.decode("latin-1") if isinstance(line, bytes) else _as_latin(line) for line in lines)
            parsed: dict[str, list[str]] = {}
            for name, value in email.parser.Parser().parsestr(text, headersonly=True).items():
                parsed.setdefault(name, []).append(str(value))
            response["headers"] = parsed
        return request, response

    def _old_request_headers(self, said: Any) -> dict[str, Any]:  # noqa: ANN401 - as read
        """Take a mapping, or a frozenset of pairs as Python pickles it: a list of a list of pairs."""
        said = said.value if isinstance(said, Tagged) else said
        if type(said) is dict:
            return said
        pairs = said[0] if isinstance(said, list) and said else []
        found: dict[str, Any] = {}
        for pair in pairs if isinstance(pairs, list) else []:
            both = pair.value if isinstance(pair, Tagged) else pair
            if not isinstance(both, list) or len(both) != 2 or not isinstance(both[0], str):
                raise self._wrong("its request's headers are no pairs")
            found[both[0]] = both[1]
        return found


# -- values


def unpacked(value: Any) -> Any:  # noqa: ANN401 - any value
    """Give what a packed value stands for.

    Bytes, tuple, io.BytesIO, an iterator over a list, MODEL, ABSENT, Plain (text that YAML says plain: dates, integers
    beyond 64 bits, NaN and infinities), and JSON's own. What is not as `_packed` makes it is given as it is.
    """
    if type(value) is list:
        return [unpacked(one) for one in value]
    if type(value) is not dict:
        return value
    if len(value) == 1:
        ((mark, inner),) = value.items()
        if mark in _MARKS:
            return _marked(mark, inner, value)
    return {key: unpacked(one) for key, one in value.items()}


def _marked(mark: str, inner: Any, value: dict[str, Any]) -> Any:  # noqa: ANN401 - any value
    if mark in ("model", "absent") and inner is True:
        return MODEL if mark == "model" else ABSENT
    if isinstance(inner, str):
        if mark in ("base64", "bytesio"):
            try:
                data = base64.b64decode(inner, validate=True)
            except ValueError:
                return value
            return data if mark == "base64" else io.BytesIO(data)
        if mark in _PLAIN_MARKS:
            return Plain(_FLOATS.get(inner, inner) if mark == "float" else inner)
    if isinstance(inner, list):
        if mark == "tuple":
            return tuple(unpacked(one) for one in inner)
        if mark == "iter":
            return iter([unpacked(one) for one in inner])
        if mark == "pairs" and all(isinstance(pair, list) and len(pair) == 2 for pair in inner):
            return {_as_key(unpacked(pair[0])): unpacked(pair[1]) for pair in inner}
    return value


_PLAIN_MARKS: Final = frozenset({"date", "datetime", "float", "int"})
_FLOATS: Final = {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}


def _as_key(key: Any) -> Any:  # noqa: ANN401 - any value
    """Give a key that a dict takes; a list can be none."""
    return str(key) if isinstance(key, (list, dict)) else key


def _pairs(said: Any) -> list[tuple[str, Any]] | None:  # noqa: ANN401 - as read
    """Take headers as a list of pairs, which vcrpy writes for tornado. None where it is no such list."""
    if type(said) is not list:
        return None
    pairs: list[tuple[str, Any]] = []
    for pair in said:
        both = pair.value if isinstance(pair, Tagged) and pair.tag == _TUPLE else pair
        if type(both) is not list or len(both) != _PAIR or not isinstance(both[0], str):
            return None
        pairs.append((both[0], both[1]))
    return pairs


_PAIR: Final = 2


def _resolved(value: Any) -> Any:  # noqa: ANN401 - as read
    return value.resolve() if isinstance(value, Plain) else value


def _said(value: Any) -> str:  # noqa: ANN401 - a scalar as read
    """Give the text of a scalar. Of one that is no text, that of its value: it is the value that is written again."""
    if isinstance(value, Plain):
        value = unpacked(_packed_plain(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _is_latin(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _as_latin(text: str) -> str:
    """Give text of a header byte by byte: beyond U+00FF, the bytes of its UTF-8."""
    return text if _is_latin(text) else text.encode("utf-8", "surrogatepass").decode("latin-1")


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _packed(value: Any) -> Any:  # noqa: ANN401 - any value
    """Give a value as JSON's. See the module's docstring. The reader has bounded its depth."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is dict:
        if all(type(key) is str for key in value) and not (len(value) == 1 and not _MARKS.isdisjoint(value)):
            return {key: _packed(one) for key, one in value.items()}
        return {"pairs": [[_packed(key), _packed(one)] for key, one in value.items()]}
    if kind is list:
        return [_packed(one) for one in value]
    if kind is bytes:
        return {"base64": _base64(value)}
    if isinstance(value, Tagged):
        return _packed_tagged(value)
    if isinstance(value, Plain):
        return _packed_plain(value)
    return _packed_number(value)


def _packed_tagged(value: Tagged) -> Any:  # noqa: ANN401 - any value
    if value.tag == _TUPLE:
        return {"tuple": [_packed(one) for one in value.value]}
    return _packed(value.value)


def _packed_number(value: float) -> Any:  # noqa: ANN401 - any value
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 64 else {"int": str(value)}
    if value != value or value in (_INFINITY, -_INFINITY):  # noqa: PLR0124 - NaN differs from itself
        return {"float": str(value)}
    return value


_INFINITY: Final = float("inf")


def _packed_plain(value: Plain) -> Any:  # noqa: ANN401 - any value
    resolved = value.resolve()
    if isinstance(resolved, (int, float)):
        return resolved if isinstance(resolved, bool) else _packed_number(resolved)
    moment = value.moment()
    if moment is None:
        return resolved
    return {"datetime": moment.isoformat(" ")} if isinstance(moment, datetime) else {"date": moment.isoformat()}


def _as_data(value: Any) -> Any:  # noqa: ANN401 - any value
    """Give a value as `json.dumps` takes it."""
    if isinstance(value, Plain):
        return value.resolve() if value.moment() is None else _said(value)
    if isinstance(value, dict):
        return {_said(key): _as_data(one) for key, one in value.items()}
    if isinstance(value, Tagged):
        return _as_data(value.value)
    if isinstance(value, list):
        return [_as_data(one) for one in value]
    return value.decode("latin-1") if isinstance(value, bytes) else value
