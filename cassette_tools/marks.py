"""What a tool's format has no word for, said beside its own words: an object under the key `_recorder`.

Law: the tool whose format it is passes the key over. A mark stands only where the format alone would be read as
something else than what was written, so most interactions have none. A mark that is not what it should be counts as
absent. Nothing here raises.

A mark of a request or a response may hold:

- `headers`: headers that the tool must not see, as `[place, name, value]`: a tool that stores decoded bodies drops
  `Content-Encoding`, and changes `Content-Length`.
- `coding`, `coding_error`: as in docs/format.md; an empty `coding` says that none was taken off.
- `body`: `base64` (the text stands for bytes), `text` (it does not), `none` and `empty` (where the format cannot say
  which of them is meant); or `exact`, with the body's text beside it as `text`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cassette_tools.interaction import Body, header
from cassette_tools.stored_body import body_of
from cassette_tools.stored_headers import grouped
from recorder.coding import are_compressing, split_codings

if TYPE_CHECKING:
    from cassette_tools.interaction import Headers

__all__ = ["KEY", "Mark", "body_with", "coding_mark", "decoded_view", "headers_with", "mark_of"]

KEY: Final = "_recorder"

Mark = dict[str, Any]


def mark_of(value: object) -> Mark:
    """Give a mark that was read; an empty one for None and for what is none."""
    if not isinstance(value, dict):
        return {}
    mark: Mark = {}
    if type(value.get("headers")) is list and all(_is_hidden(one) for one in value["headers"]):
        mark["headers"] = value["headers"]
    for key in ("coding", "coding_error", "body", "text"):
        if isinstance(value.get(key), str):
            mark[key] = str(value[key])
    return mark


def _is_hidden(one: Any) -> bool:  # noqa: ANN401 - what a file says
    if type(one) is not list or len(one) != 3:
        return False
    place = one[0]
    return type(place) is int and place >= 0 and isinstance(one[1], str) and isinstance(one[2], str)


# -- writing


def decoded_view(headers: Headers, body: Body | None) -> tuple[Headers, Mark]:
    """Give headers as a tool shows them that stores bodies decoded, and the mark of what that hides.

    Without a coding that was taken off they are unchanged.
    """
    if body is None or body.coding is None:
        return headers, coding_mark(headers, body)
    pairs = [(name, value) for name, values in grouped(headers).items() for value in values]
    length = str(body.size)
    lengths = [value for name, value in pairs if name.lower() == "content-length"]
    shown: Headers = []
    hidden: list[list[Any]] = []
    told = False
    for place, (name, value) in enumerate(pairs):
        small = name.lower()
        if small == "content-encoding":
            hidden.append([place, name, value])
        elif small == "content-length" and lengths != [length]:
            hidden.append([place, name, value])
            if not told:
                shown.append((name, length))
                told = True
        else:
            shown.append((name, value))
    mark: Mark = {"headers": hidden} if hidden else {}
    mark["coding"] = body.coding
    return shown, mark


def coding_mark(headers: Headers, body: Body | None) -> Mark:
    """Give the mark that a body needs whose headers declare a coding; the headers stay."""
    if body is None:
        return {}
    if body.coding is not None:
        return {"coding": body.coding}
    if body.coding_error is not None:
        return {"coding": "", "coding_error": body.coding_error}
    declared = header(headers, "content-encoding")
    if body.size and declared is not None and are_compressing(split_codings(declared)):
        return {"coding": ""}
    return {}


# -- reading


def headers_with(shown: Headers, mark: Mark) -> Headers:
    """Put hidden headers back to their places."""
    hidden = mark.get("headers")
    if not hidden:
        return shown
    replaced = {name for _, name, _ in hidden if name.lower() == "content-length"}
    headers = [pair for pair in shown if pair[0] not in replaced]
    for place, name, value in hidden:
        headers.insert(place, (name, value))
    return headers


def body_with(stored: bytes | str, headers: Headers, mark: Mark) -> Body:
    """Make a body of what is stored: as the mark says, else as the bytes tell."""
    if "coding" in mark:
        return Body(stored, coding=mark["coding"] or None, coding_error=mark.get("coding_error"))
    return body_of(stored, headers)
