"""JSON read so that nothing is lost that a comparison needs: numbers as they are written, keys that stand twice.

Law: a value is a dict, a list, a str, True, False, None, or bytes: a number as it is written, so that `1.10`, integers
of any size and NaN are exact, and no number equals a text or a boolean. It never raises for its input, and no depth up
to DEEPEST exhausts a stack; what is deeper may be no JSON here.

Memory: 10 to 30 times the text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DEEPEST", "Document", "Tree", "canonical_number", "json_text", "quoted", "read_json"]

Tree: TypeAlias = Any
"""dict[str, Tree] | list[Tree] | str | bytes (a number) | bool | None"""

DEEPEST: Final = 2_000
"""Levels of brackets that are read."""


class Document(NamedTuple):
    """A JSON text that was read; its root may be null."""

    root: Tree


def read_json(text: str) -> Document | None:
    """Read a JSON text; None where it is none. Control characters in strings and NaN are taken, as they occur."""
    try:
        return Document(_DECODER.decode(text))
    except RecursionError:
        return _DeepReader(text).read()
    except ValueError:
        return None


def _members(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _with_repeats(pairs)


def _with_repeats(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    """Keep each of the members of one name: the second `a` is called `a (2)`."""
    names = {name for name, _ in pairs}
    members: dict[str, Tree] = {}
    turns: dict[str, int] = {}
    for name, value in pairs:
        own = name
        while own in members:
            turns[name] = turns.get(name, 1) + 1
            own = f"{name} ({turns[name]})"
            if own in names:
                own = name
        members[own] = value
    return members


_DECODER: Final = json.JSONDecoder(
    strict=False,
    object_pairs_hook=_members,
    parse_int=str.encode,
    parse_float=str.encode,
    parse_constant=str.encode,
)

_BLANKS: Final = re.compile(r"[ \t\n\r]*")
_SCALAR: Final = re.compile(r"(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|-?Infinity|NaN)|true|false|null", re.ASCII)
_WORDS: Final = {"true": True, "false": False, "null": None}


class _DeepReader:
    """Reads JSON without a stack of calls. Slower than the standard library's reader, and takes what that takes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[list[tuple[str, Tree]] | list[Tree]] = []
        self._in_object: list[bool] = []
        self._keys: list[str] = []

    def read(self) -> Document | None:
        try:
            root = self._read()
        except ValueError:
            return None
        return Document(root) if self._sign() == "" else None

    def _sign(self) -> str:
        found = _BLANKS.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._text[self._at : self._at + 1]

    def _read(self) -> Tree:
        while True:
            sign = self._sign()
            if sign in {"{", "["}:
                value, done = self._begin(sign)
                if not done:
                    continue
            else:
                value = self._scalar(sign)
            while True:
                if not self._open:
                    return value
                value, done = self._end(value)
                if not done:
                    break

    def _begin(self, sign: str) -> tuple[Tree, bool]:
        """Open a bracket; an empty one is a value at once."""
        self._at += 1
        closing = "}" if sign == "{" else "]"
        if self._sign() == closing:
            self._at += 1
            return ({} if sign == "{" else []), True
        if len(self._open) >= DEEPEST:
            raise ValueError
        self._open.append([])
        self._in_object.append(sign == "{")
        if sign == "{":
            self._key()
        return None, False

    def _key(self) -> None:
        if self._sign() != '"':
            raise ValueError
        key, self._at = _DECODER.raw_decode(self._text, self._at)
        if self._sign() != ":":
            raise ValueError
        self._at += 1
        self._keys.append(key)

    def _scalar(self, sign: str) -> Tree:
        if sign == '"':
            value, self._at = _DECODER.raw_decode(self._text, self._at)
            return value
        found = _SCALAR.match(self._text, self._at)
        if found is None:
            raise ValueError
        self._at = found.end()
        return found[1].encode() if found[1] is not None else _WORDS[found[0]]

    def _end(self, value: Tree) -> tuple[Tree, bool]:
        """Put a value where it belongs; give what is closed by the sign behind it."""
        inside = self._in_object[-1]
        self._open[-1].append((self._keys.pop(), value) if inside else value)
        sign = self._sign()
        self._at += 1
        if sign == ",":
            if inside:
                self._key()
            return None, False
        if sign != ("}" if inside else "]"):
            raise ValueError
        self._in_object.pop()
        whole: Any = self._open.pop()
        return (_members(whole) if inside else whole), True


_NUMBER: Final = re.compile(rb"(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d{1,18}))?")


def canonical_number(number: bytes) -> bytes:
    """Give a form that is equal for numbers of equal value: `1`, `1.0`, `10e-1`. Exact, of any size."""
    if number.isdigit() and number[-1:] != b"0":
        return number + b"e0"
    found = _NUMBER.fullmatch(number)
    if found is None:
        return number
    sign, whole, fraction, exponent = found.groups(default=b"")
    digits = (whole + fraction).lstrip(b"0")
    short = digits.rstrip(b"0")
    if not short:
        return b"0e0"
    power = int(exponent or b"0") - len(fraction) + len(digits) - len(short)
    return b"%s%se%d" % (sign, short, power)


def json_text(value: Tree) -> Iterator[str]:
    """Give a value as JSON text, piece by piece, without a stack of calls."""
    stack: list[Iterator[Tree]] = [iter([value])]
    closing = [""]
    first = True
    while stack:
        value = next(stack[-1], _NOTHING)
        if value is _NOTHING:
            stack.pop()
            yield closing.pop()
            first = False
            continue
        if len(stack) > 1 and not first:
            yield ", "
        first = False
        if closing[-1] == "}":
            key, value = value
            yield quoted(key) + ": "
        if isinstance(value, dict | list):
            yield "{" if isinstance(value, dict) else "["
            stack.append(iter(value.items() if isinstance(value, dict) else value))
            closing.append("}" if isinstance(value, dict) else "]")
            first = True
        else:
            yield _scalar_text(value)


_NOTHING: Final = object()
_WRITTEN: Final = {None: "null", True: "true", False: "false"}


def _scalar_text(value: Tree) -> str:
    if isinstance(value, str):
        return quoted(value)
    return value.decode() if isinstance(value, bytes) else _WRITTEN[value]


def quoted(text: str) -> str:
    """Give a text as it stands in JSON; with escapes only where it could not be written otherwise."""
    written = json.dumps(text, ensure_ascii=False)
    return written if _is_whole(written) else json.dumps(text)


_HALF: Final = re.compile("[\ud800-\udfff]")


def _is_whole(text: str) -> bool:
    """Tell whether there is no half of a surrogate pair in a text: it could not be written as UTF-8."""
    return text.isascii() or _HALF.search(text) is None
