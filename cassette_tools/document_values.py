"""What stands in a YAML or JSON document, as readers of cassettes need it: text, numbers, tables, headers.

Law: a value of another kind than is needed raises MalformedError with the name of its key, never with contents. What a
reader takes out of a table is taken; what it leaves is what the source says beyond the model.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.yaml_items import Plain, Tagged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cassette_tools.interaction import Headers

__all__ = [
    "MalformedError",
    "headers_of",
    "jsonable",
    "pruned",
    "status_of",
    "table",
    "take_status",
    "take_table",
    "take_text",
    "text_of",
    "unbase64",
    "untagged",
    "wire_text",
]

_SPACE: Final = re.compile(r"[ \t\r\n]+")


class MalformedError(Exception):
    """A value is not what its place asks for. The message is a phrase: a reader adds file, place and next step."""


def untagged(value: Any) -> Any:  # noqa: ANN401 - whatever a document holds
    """Take a value out of its tag, and Ruby's strings with variables of their own out of their tables.

    Ruby writes a string that is more than a string as `!ruby/string:Class` or `!str` with its text under `str`.
    """
    while isinstance(value, Tagged):
        inner = value.value
        is_string = isinstance(inner, dict) and "str" in inner and "str" in value.tag.lower().replace("struct", "")
        value = inner["str"] if is_string else inner
    return value


def table(value: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - whatever a document holds
    """Give a table as a copy that can be taken from; an empty one for null and for an empty list (R writes `[]`)."""
    value = untagged(value)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise MalformedError(f"{name} is no table")
    return dict(value)


def take_table(owner: dict[str, Any], key: str) -> dict[str, Any]:
    """Take a table out of another one; an empty one where it is missing."""
    return table(owner.pop(key, None), f"`{key}`")


def take_text(owner: dict[str, Any], key: str) -> str | None:
    """Take a text; None where it is missing or null."""
    return text_of(owner.pop(key, None), f"`{key}`")


def take_status(owner: dict[str, Any], key: str) -> int:
    """Take a status code, that may stand in quotes."""
    return status_of(owner.pop(key, None), f"`{key}`")


def text_of(value: Any, name: str) -> str | None:  # noqa: ANN401 - whatever a document holds
    """Give a scalar as text; bytes as UTF-8, else a character a byte. None for null."""
    if value is None or type(value) is str:
        return value
    value = untagged(value)
    if value is None:
        return None
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise MalformedError(f"{name} is no text")


def status_of(value: Any, name: str) -> int:  # noqa: ANN401 - whatever a document holds
    """Give a status code (RFC 9110 section 15: three digits), that may stand in quotes."""
    value = untagged(value)
    if isinstance(value, Plain):
        value = value.resolve()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 999:
        raise MalformedError(f"{name} is no whole number from 0 to 999")
    return value


def wire_text(value: Any) -> str:  # noqa: ANN401 - whatever a document holds
    """Give the text of a header as ISO-8859-1 for a source that writes the bytes of the wire as UTF-8, or as binary."""
    if type(value) is str and value.isascii():
        return value
    value = untagged(value)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    text = text_of(value, "a header") or ""
    return text if text.isascii() else text.encode().decode("latin-1")


def headers_of(value: Any) -> Headers:  # noqa: ANN401 - whatever a document holds
    """Give headers that stand as a table of names, each with a value or a list of values (lists may hold lists)."""
    pairs: Headers = []
    for name, values in table(value, "`headers`").items():
        shown = wire_text(name)
        if type(values) is str:
            pairs.append((shown, wire_text(values)))
        else:
            pairs += [(shown, wire_text(one)) for one in _flat(untagged(values))]
    return pairs


def _flat(values: Any) -> Iterable[Any]:  # noqa: ANN401 - whatever a document holds
    if values is None:
        return
    if not isinstance(values, list):
        yield values
        return
    for one in values:
        if type(one) is str:
            yield one
        elif isinstance(inner := untagged(one), list):
            yield from inner
        else:
            yield inner


def unbase64(text: str) -> bytes:
    """Give the bytes that base64 stands for; lines may be broken anywhere. Raises MalformedError."""
    try:
        return base64.b64decode(_SPACE.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("`base64_string` is no base64") from None


def jsonable(value: Any) -> Any:  # noqa: ANN401 - whatever a document holds
    """Give a value as JSON can say it: plain scalars resolved, bytes in base64, tags taken off."""
    value = untagged(value)
    if isinstance(value, dict):
        return {key: jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [jsonable(inner) for inner in value]
    if isinstance(value, Plain):
        value = value.resolve()
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, int) and not isinstance(value, bool) and not -(1 << 63) <= value < 1 << 64:
        return str(value)  # JSON's writers take no more than 64 bits
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):  # noqa: PLR0124 - NaN differs from itself
        return str(value)
    return value


def pruned(**parts: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a document holds
    """Give what was left in the parts of an item, without what is empty, as JSON can say it."""
    kept: dict[str, Any] = {}
    for name, part in parts.items():
        left = {key: one for key, one in part.items() if not _is_empty(one)} if isinstance(part, dict) else part
        if not _is_empty(left):
            kept[name] = jsonable(left)
    return kept


def _is_empty(value: Any) -> bool:  # noqa: ANN401 - whatever a document holds
    return untagged(value) in (None, {}, [], "")
