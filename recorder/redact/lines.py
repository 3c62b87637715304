r"""Changes texts inside a line of JSON, and leaves every other byte of it alone.

Law: a line is never written anew because something in it changed. Numbers keep their digits, keys their order and
their doubles, white space its place; strings that do not change keep their escapes. Where that cannot be done (the old
and the new value differ in shape), None is given.

A line that a recorder wrote is as orjson writes it: then writing it anew gives the same bytes, and is quicker.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["change_texts", "replace_texts", "splice_values"]

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null', re.DOTALL)
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_COLON: Final = re.compile(rb"[ \t\r\n]*:")


def splice_values(raw: bytes, old: Any, new: Any) -> bytes | None:  # noqa: ANN401 -- JSON
    """Give `raw`, the JSON of `old`, with the scalars changed in which `new` differs.

    None where `new` has another shape, or `raw` says something that `old` does not (a key twice).
    """
    if orjson.dumps(old) == raw:
        return orjson.dumps(new)
    before, after = list(_scalars(old)), list(_scalars(new))
    tokens = list(_TOKEN.finditer(raw))
    if not len(before) == len(after) == len(tokens):
        return None
    parts: list[bytes] = []
    at = 0
    for token, was, now in zip(tokens, before, after, strict=True):
        if was != now:
            parts += (raw[at : token.start()], orjson.dumps(now))
            at = token.end()
    parts.append(raw[at:])
    return b"".join(parts)


def change_texts(raw: bytes, old: Any, new: Any) -> bytes | None:  # noqa: ANN401 -- JSON
    """Do what `splice_values` does where `raw` has a key twice: what changes is told by the text that it has now.

    None where something else than texts differs.
    """
    before, after = list(_scalars(old)), list(_scalars(new))
    if len(before) != len(after):
        return None
    changes: dict[str, str] = {}
    for was, now in zip(before, after, strict=True):
        if was != now:
            if not isinstance(was, str) or not isinstance(now, str):
                return None
            changes[was] = now
    return replace_texts(raw, lambda text, _: changes.get(text, text))


def replace_texts(raw: bytes, change: Callable[[str, bool], str]) -> bytes | None:
    """Give `raw` with each string passed through `change`, which is told whether it is a key; None for no JSON."""
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    parts: list[bytes] = []
    at = 0
    for token in _STRING.finditer(raw):
        text = orjson.loads(token[0])
        changed = change(text, _COLON.match(raw, token.end()) is not None)
        if changed != text:
            parts += (raw[at : token.start()], orjson.dumps(changed))
            at = token.end()
    parts.append(raw[at:])
    return b"".join(parts)


def _scalars(value: Any) -> Iterator[Any]:  # noqa: ANN401 -- JSON
    """Give keys and scalars in the order in which JSON has them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _scalars(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _scalars(item)
    else:
        yield value
