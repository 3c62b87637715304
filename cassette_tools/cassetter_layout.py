"""cassetter's layout of an interaction, which its YAML and its TOML share, and the model's.

Law: what is read is what cassetter would replay, to the byte; what is written, cassetter replays as it was recorded,
and matches as if it had recorded it itself. What it has no word for stands under a key that it passes over
(`cassette_tools.marks`).

A body is `{type, content}`: `none`, `text`, `binary` in hexadecimal, or `json`, whose content is the parsed value.
cassetter replays that by `json.dumps` with its defaults (cassetter/compare.py, 0.9 to 0.16), so that is what its bytes
are here; a body of a response that `json.dumps` would not give back to the byte is written as text. Of a request a
JSON body is always written as a value, for else cassetter would not match it, with its exact text in the mark.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.interaction import Body, Interaction, Request, Response, header
from cassette_tools.losses import KNOWN_TO_RECORDERS
from cassette_tools.marks import KEY, Mark, body_with, coding_mark, decoded_view, headers_with, mark_of
from cassette_tools.stored_headers import grouped, headers_of
from cassette_tools.stored_times import utc_of
from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Headers

__all__ = ["CANNOT_HOLD", "FAMILY", "LISTS", "interaction_of", "number_of", "plain", "value_of"]

FAMILY: Final = "cassetter"
LISTS: Final = ("grpc_interactions", "ws_interactions", "observed_requests")
"""What a cassetter YAML holds beside its HTTP interactions."""
CANNOT_HOLD: Final = KNOWN_TO_RECORDERS | {
    "no-response",
    "timings",
    "http-version",
    "huge-items",
    "target",
    "reason",
    "scattered-headers",
    "trailers",
    "framing",
}

_LARGEST_JSON: Final = 256 * 1024
"""Bytes of a body that is written as a JSON value. cassetter refuses YAML of more than 250,000 nodes."""
_DEEPEST_JSON: Final = 40
"""Levels of it. cassetter refuses YAML of more than 64, where the body begins at the sixth."""
_LONGEST_KEY: Final = 500
"""Characters of a key: YAML reads a longer line as a key only where it is announced."""
_JSON_TYPE: Final = re.compile(r"application/(?:[^;\s]*\+)?json[ \t]*(?:;|$)", re.IGNORECASE)
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*+")
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,40})")
_RADIX: Final = re.compile(r"0[xo][0-9A-Fa-f]{1,16}")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,4})?")


class _WrongError(ValueError):
    """What is wrong with an interaction."""


# -- reading


def interaction_of(value: Any, number: int, stream: InputStream) -> Interaction:  # noqa: ANN401 - what a file says
    """Make an interaction of an item of the list. Raises BadCassetteError with its number."""
    try:
        return _taken(value, number, stream)
    except (_WrongError, RecursionError) as wrong:
        what = str(wrong) if isinstance(wrong, _WrongError) else "it is nested too deeply"
        raise BadCassetteError(
            f"{stream.name}, interaction {number}: {what}. Repair or remove it, or give another --from."
        ) from wrong


def _taken(value: Any, number: int, stream: InputStream) -> Interaction:  # noqa: ANN401 - what a file says
    if not isinstance(value, dict):
        raise _WrongError("it is no mapping")
    request, response = value.get("request"), value.get("response")
    if not isinstance(request, dict) or not isinstance(response, dict):
        raise _WrongError("it has no request, or no response")
    asked, answered = mark_of(plain(request.get(KEY))), mark_of(plain(response.get(KEY)))
    sent_headers, got_headers = _headers(request, asked), _headers(response, answered)
    place = f"interaction {number}"
    sent = _body(request.get("body"), sent_headers, asked, place, stream)
    got = _body(response.get("body"), got_headers, answered, place, stream)
    interaction = Interaction(
        Request(_text(request, "method"), _text(request, "uri"), sent_headers, sent),
        Response(_status(response), "", got_headers, got),
    )
    extra = {
        "interaction": _others(value, ("request", "response", "recorded_at")),
        "request": _others(request, ("method", "uri", "headers", "body", KEY)),
        "response": _others(response, ("status", "headers", "body", KEY)),
    }
    recorded_at = value.get("recorded_at")
    if recorded_at not in (None, ""):
        interaction.started_at = utc_of(str(recorded_at))
        if _written_time(interaction.started_at) != str(recorded_at):
            extra["recorded_at"] = {"text": str(recorded_at)}
    if any(extra.values()):
        interaction.extra[FAMILY] = {part: keys for part, keys in extra.items() if keys}
    return interaction


def _others(message: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    return {str(key): plain(value) for key, value in message.items() if key not in known}


def _text(message: dict[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str):
        raise _WrongError(f"the request has no {key}")
    return str(value)


def _status(response: dict[str, Any]) -> int:
    status = response.get("status")
    if type(status) is int and 0 <= status <= 999:
        return status
    if isinstance(status, str) and status.isascii() and status.isdigit() and len(status) < 4:
        return int(status)
    raise _WrongError("the response has no status number")


def _headers(message: dict[str, Any], mark: Mark) -> Headers:
    try:
        return headers_with(headers_of(message.get("headers")), mark)
    except ValueError as error:
        raise _WrongError(str(error)) from error


def _body(stored: Any, headers: Headers, mark: Mark, place: str, stream: InputStream) -> Body | None:  # noqa: ANN401 - what a file says
    if stored is None:
        return None
    if not isinstance(stored, dict):
        raise _WrongError("a body is no mapping")
    kind, content = stored.get("type"), stored.get("content")
    if kind == "none":
        return body_with("", headers, mark) if mark.get("body") == "empty" else None
    if kind == "text":
        if not isinstance(content, str | bytes | None):
            raise _WrongError("the text of a body is no string")
        return body_with(_scalar(content), headers, mark)
    if kind == "binary":
        return body_with(_unhexed(content), headers, mark)
    if kind != "json":
        raise _WrongError("a body has no type that cassetter knows: none, text, binary or json")
    if mark.get("body") == "exact" and "text" in mark:
        return body_with(mark["text"], headers, mark)
    stream.remark("A JSON body is stored as a value; its bytes are those that cassetter would replay.", place)
    try:
        return body_with(json.dumps(plain(content), allow_nan=False), headers, mark)
    except (ValueError, TypeError) as error:
        raise _WrongError("a JSON body holds what JSON cannot say") from error


def _scalar(content: str | bytes | None) -> str | bytes:
    if content is None:
        return ""
    if isinstance(content, bytes):
        return content
    text = str(content)
    if text.isascii() or not _LONE.search(text):
        return text
    raise _WrongError("the text of a body holds lone surrogates")


_LONE: Final = re.compile("[\ud800-\udfff]")


def _unhexed(content: Any) -> bytes:  # noqa: ANN401 - what a file says
    if isinstance(content, bytes):
        return content
    if content is None:
        return b""
    if not isinstance(content, str) or _HEX.fullmatch(content) is None:
        raise _WrongError("a binary body is not hexadecimal")
    return bytes.fromhex(content)


def plain(value: Any) -> Any:  # noqa: ANN401 - any value of YAML or TOML
    """Give a value as JSON can hold it. Plain scalars of YAML are read as cassetter reads them, by YAML 1.2."""
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, bytes):
        return {"base64": b64encode(value).decode()}
    if isinstance(value, str):
        return _resolved(str(value))
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    return str(value)


def _resolved(text: str) -> int | float | bool | str:
    """Read a scalar without quotes that YAML 1.1 takes for a number or a truth value, as YAML 1.2 does."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return number_of(text.replace("_", ""))
    if _RADIX.fullmatch(text):
        try:
            return int(text, 0)
        except ValueError:
            return text
    if len(text) < 400 and _FLOAT.fullmatch(text):
        number = float(text.replace("_", ""))
        return number if number - number == 0 else text
    return text


# -- writing


def value_of(interaction: Interaction) -> dict[str, Any]:
    """Give the item of the list that says an interaction. Its response is not None: see CANNOT_HOLD."""
    request, response = interaction.request, interaction.response
    if response is None:
        raise ValueError("an interaction without a response")
    extra = interaction.extra.get(FAMILY, {})
    asked = coding_mark(request.headers, request.body)
    sent = _sent(request, asked)
    shown, answered = decoded_view(response.headers, response.body)
    got = _stored(response.body, response.headers)
    value: dict[str, Any] = {
        "request": {
            "method": request.method,
            "uri": request.url,
            "headers": grouped(request.headers),
            "body": sent,
            **extra.get("request", {}),
        },
        "response": {
            "status": response.status,
            "headers": grouped(shown),
            "body": got,
            **extra.get("response", {}),
        },
    }
    for part, mark in (("request", asked), ("response", answered)):
        if mark:
            value[part][KEY] = mark
    recorded_at = extra["recorded_at"]["text"] if "recorded_at" in extra else _written_time(interaction.started_at)
    if recorded_at is not None:
        value["recorded_at"] = recorded_at
    return {**value, **extra.get("interaction", {})}


def _written_time(started_at: str | None) -> str | None:
    """Give a time as cassetter writes it: Python's isoformat, which leaves microseconds out where there are none."""
    if started_at is None:
        return None
    return f"{started_at.removesuffix('Z').removesuffix('.000000')}+00:00"


def _sent(request: Request, mark: Mark) -> dict[str, Any]:
    body = request.body
    if body is not None and body.size == 0:
        mark["body"] = "empty"
        return {"type": "none"}
    text = None if body is None else body.text()
    if body is not None and text is not None and body.size <= _LARGEST_JSON and _is_json(request.headers):
        value = _json_value(text)
        if value is not _NONE:
            if json.dumps(value) != text:
                mark["body"], mark["text"] = "exact", text
            return {"type": "json", "content": value}
    return _stored(body, None)


def _stored(body: Body | None, headers: Headers | None) -> dict[str, Any]:
    """Give a body as it is stored; as JSON only where `headers` say so and cassetter gives back the same bytes."""
    if body is None:
        return {"type": "none"}
    text = body.text()
    if text is None:
        return {"type": "binary", "content": body.read().hex()}
    if headers is not None and text and body.size <= _LARGEST_JSON and _is_json(headers):
        value = _json_value(text)
        if value is not _NONE and json.dumps(value) == text:
            return {"type": "json", "content": value}
    return {"type": "text", "content": text}


def _is_json(headers: Headers) -> bool:
    """Tell whether cassetter would take a body for JSON: without a Content-Type it tries, too."""
    kind = header(headers, "content-type")
    return kind is None or _JSON_TYPE.match(kind) is not None


_NONE: Final = object()


def _json_value(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """Parse JSON as cassetter does, by the Rust crate serde_json; _NONE where that would not, or cannot be stored."""
    if text.count("[") + text.count("{") > 20_000:
        return _NONE
    try:
        value = json.loads(text, parse_int=number_of, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        return _NONE
    return value if _LONE.search(text) is None and _fits(value) else _NONE


def number_of(text: str) -> int | float:
    """Read an integer as cassetter does: one of more than 64 bits is a float. Raises ValueError beyond floats."""
    if text == "-0":
        return -0.0
    number = int(text) if len(text) < 21 else None
    return number if number is not None and -(1 << 63) <= number < 1 << 64 else _finite(text)


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise ValueError("no number of JSON")
    return number


def _fits(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Tell whether a value is shallow enough, and its strings are text."""
    level = [value]
    for _ in range(_DEEPEST_JSON):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                if any(len(key) > _LONGEST_KEY or _LONE.search(key) for key in one):
                    return False
                below.extend(one.values())
            elif isinstance(one, list):
                below.extend(one)
            elif isinstance(one, str) and _LONE.search(one):
                return False
        if not below:
            return True
        level = below
    return False
