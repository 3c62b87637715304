"""The part of YAML that emitters write by themselves, read quickly: exact, or not at all.

Law: this reads block mappings and block sequences of scalars (plain, quoted, literal, base64 under `!!binary`), as
libyaml and other emitters lay them out. Whatever it does not know for certain (anchors, other tags, comments, flow
collections, tabs, control characters, duplicate keys ...) makes it give up, and a parser that knows all of YAML has to
read that text instead. What it gives is what that parser would give.

Time is linear in the text. Memory: the text and what it says.
"""

from __future__ import annotations

import binascii
import functools
import re
from typing import Any, Final

import orjson

from cassette_tools.yaml_scalars import plain_value

__all__ = ["DEPTH", "read_item"]

DEPTH: Final = 200
"""Levels of nesting. Cassettes have about ten; libyaml's time grows with the square of the depth."""

_SURE: Final = bytes(range(0x20, 0x7F)) + b"\n"
_UNSURE: Final = re.compile("[^\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What, beside _SURE, is not the same to every reader: control characters, tabs, breaks beyond ASCII, marks."""

# A line, or several, as one token. Nothing here can be matched in two ways, so that there is no backtracking; and no
# group that is captured, and no choice, stands under a possessive quantifier: Python 3.11.0 to 3.11.4 err in these.
_FIRST: Final = r"(?:[^\s\-?:,\[\]{}#&*!|>'\"%@`]|[-?:](?=\S))"
_MORE: Final = r"[^\n:#]*+(?:(?!:\s|(?<=\ )\#)[:#][^\n:#]*+)*+(?<!\ )"


def _scalar(deeper: str) -> str:
    """Make the expression of a scalar whose lines but the first are indented by `deeper`, or more."""
    return (
        r"((?>'[^']*+(?:''[^']*+)*+'"
        r'|"[^"\\]*+(?:\\.[^"\\]*+)*+"'
        rf"|{_FIRST}{_MORE}(?:\n{deeper}\ *+[^\s:#]{_MORE})*+"
        r"|\{\}|\[\]))"
    )


_KEY: Final = r"((?>[^\s\-?:,\[\]{}#&*!|>'\"%@`][^\s:#]{0,1000}+|'[^'\n]{0,1000}+'|\"[^\"\\\n]{0,1000}+\"))"
_COLUMN: Final = r"\1(?(2)\ \ )"  # where the keys of the token's mapping stand
_LITERAL: Final = rf"((?:!!binary\ )?\|[1-9]?[-+]?)\n((?:(?:{_COLUMN}\ [^\n]*+)?+\n)*+)"
_UNDER_KEY: Final = _scalar(_COLUMN + r"\ ")
_IN_LIST: Final = _scalar(r"\1\ ")
_ONE: Final = rf"{_COLUMN}-\ {_UNDER_KEY}\n(?!{_COLUMN}-)"  # a list of one scalar under a key
_TOKEN: Final = re.compile(
    rf"""
    (\ *+)
    (?:
      (-\ )?
      (?: {_KEY}: (?:\ (?:{_UNDER_KEY}\n|{_LITERAL})|\n(?:{_ONE}|))
        | {_IN_LIST}\n )
    |([\s\S]++))
    """,
    re.VERBOSE | re.DOTALL,
)

_SHORT: Final = 32 * 1024
_SPARSE: Final = 32
"""Where more than one of so many bytes of a text that is not short is an escape, libyaml is quicker."""
_MOST_KEPT: Final = 8192
_LONGEST_KEPT: Final = 128
_MISSING: Final = object()
_known: dict[str, Any] = {}
_known_keys: dict[str, str] = {}


class _UnsureError(Exception):
    """The text is beyond what is read here."""


def read_item(data: bytes, column: int) -> tuple[Any, int] | None:
    """Read an item of a block sequence, from the `-` at `column` on, to the end of the data.

    Gives its value and where in the data something begins that stands at `column` or before and is no item: the length
    of the data where nothing does. None: it has to be read by others.
    """
    if not data.endswith(b"\n") or (len(data) > _SHORT and data.count(b"\\") * _SPARSE > len(data)):
        return None
    unusual = data.translate(None, _SURE)
    try:
        if unusual and (unusual[0] < 0x80 or _UNSURE.search(unusual.decode()) is not None):
            return None
        text = data.decode()
        value, end = _read(text, column)
    except (UnicodeDecodeError, _UnsureError):
        return None
    return value, len(data) if end is None else len(text[:end].encode())


def _read(text: str, column: int) -> tuple[Any, int | None]:  # noqa: C901 - one loop: calls would cost more than the work
    tokens = _TOKEN.findall(text)
    if tokens[-1][-1]:
        raise _UnsureError
    known, known_keys = _known, _known_keys
    root: list[Any] = []
    top: Any = root
    indent = None  # the spaces before entries of `top`, where that is a mapping
    stack = _Stack(root, column)
    pending: str | None = None  # a key of `top` that waits for its value
    left = iter(tokens)
    for spaces, dash, key, raw, literal, lines, only, bare, _ in left:
        if dash or spaces != indent or pending is not None:
            at = len(spaces)
            if at <= column and root and (at < column or not dash):
                if len(root) != 1:
                    raise _UnsureError
                if pending is not None:
                    top[pending] = None
                return root[0], _start_of(text, len(tokens) - 1 - sum(1 for _ in left))
            if pending is not None:
                stack.fill(pending, at, dash=dash != "", key_follows=key != "")
                pending = None
            top = stack.find(at, dash=dash != "")
            if bare:
                if not dash:
                    raise _UnsureError
                value = known.get(bare, _MISSING)
                top.append(_scalar_value(bare) if value is _MISSING else value)
                indent = None
                continue
            if dash:
                top = stack.open({}, at + 2)
                spaces += "  "  # noqa: PLW2901 - the column of the mapping that begins behind the dash
            indent = spaces
        elif bare:
            raise _UnsureError
        name = known_keys.get(key)
        if name is None:
            name = _key_value(key)
        if name in top:
            raise _UnsureError  # the other reader remarks it
        if only:
            value = known.get(only, _MISSING)
            top[name] = [_scalar_value(only) if value is _MISSING else value]
        elif raw:
            value = known.get(raw, _MISSING)
            top[name] = _scalar_value(raw) if value is _MISSING else value
        elif literal:
            top[name] = _literal_value(literal, lines, len(spaces))
        else:
            pending = name
    if pending is not None:
        top[pending] = None
    if len(root) != 1:
        raise _UnsureError
    return root[0], None


class _Stack:
    """The mappings and lists that are open, with the columns of their entries. `_top` is the innermost."""

    __slots__ = ("_column", "_is_list", "_outer", "_top")

    def __init__(self, root: list[Any], column: int) -> None:
        self._top: Any = root
        self._column = column
        self._is_list = True
        self._outer: list[tuple[Any, int, bool]] = []

    def open(self, inner: Any, column: int) -> Any:  # noqa: ANN401 - a dict or a list
        """Append `inner` to the innermost, a list, and make it the innermost."""
        self._top.append(inner)
        self._push(inner, column)
        return inner

    def fill(self, key: str, column: int, *, dash: bool, key_follows: bool) -> None:
        """Give a key without a value on its line what begins on the next."""
        top = self._top
        if dash and column >= self._column:
            entries: list[Any] = []
            top[key] = entries
            self._push(entries, column)
        elif key_follows and not dash and column > self._column:
            opened: dict[str, Any] = {}
            top[key] = opened
            self._push(opened, column)
        else:
            top[key] = None

    def find(self, column: int, *, dash: bool) -> Any:  # noqa: ANN401 - a dict or a list
        """Close what ends before an entry in `column`; give what holds the entry."""
        while self._column > column or (self._is_list and not dash):
            if not self._outer:
                raise _UnsureError
            self._top, self._column, self._is_list = self._outer.pop()
        if self._column != column or self._is_list is not dash:
            raise _UnsureError
        return self._top

    def _push(self, inner: Any, column: int) -> None:  # noqa: ANN401 - a dict or a list
        if len(self._outer) >= DEPTH:
            raise _UnsureError
        self._outer.append((self._top, self._column, self._is_list))
        self._top, self._column, self._is_list = inner, column, type(inner) is list


def _start_of(text: str, number: int) -> int:
    """Give where a token begins."""
    for at, token in enumerate(_TOKEN.finditer(text)):
        if at == number:
            return token.start()
    return len(text)


# -- scalars


def _key_value(raw: str) -> str:
    first = raw[0]
    if first in "'\"":
        key = raw[1:-1]
    else:
        key = raw
        if plain_value(key) is not key or key in ("<<", "="):
            raise _UnsureError
    if len(_known_keys) >= _MOST_KEPT:
        _known_keys.clear()
    _known_keys[raw] = key
    return key


def _scalar_value(raw: str) -> Any:  # noqa: ANN401 - as YAML says
    first = raw[0]
    value: Any
    if first == "'":
        value = raw[1:-1]
        if "\n" in value:
            value = _folded(value)
        if "'" in value:
            value = value.replace("''", "'")
    elif first == '"':
        value = raw[1:-1]
        if "\\" in value:
            value = _unescaped(value)
        elif "\n" in value:
            value = _folded(value)
    elif raw in ("{}", "[]"):
        return {} if raw == "{}" else []
    else:
        value = _folded(raw) if "\n" in raw else raw
        value = plain_value(value)
    if len(raw) <= _LONGEST_KEPT:
        if len(_known) >= _MOST_KEPT:
            _known.clear()
        _known[raw] = value
    return value


_FOLD: Final = re.compile(r"\n ++")
_ODD_BREAK: Final = re.compile("\n[^\n\1]")
_ANY_FOLD: Final = re.compile(r"(?<! ) *+\n[ \n]*+")


def _folded(text: str) -> str:
    """Take line folding back: one break is a space, of more the first is dropped."""
    found = _FOLD.search(text)
    if found is not None:
        fold = found[0]
        if " \n" not in text and f"{fold} " not in text:
            short = text.replace(fold, "\1")  # no control character can be in the text, but NUL for a backslash
            if "\n" not in short:
                return short.replace("\1", " ")
            if not short.endswith("\n") and _ODD_BREAK.search(short) is None:
                return short.replace("\n\1", "\n").replace("\1", " ")
    if "\n---" in text or "\n..." in text:  # may be marks of documents
        raise _UnsureError
    return _ANY_FOLD.sub(_unfolded, text)


def _unfolded(found: re.Match[str]) -> str:
    count = found[0].count("\n")
    return " " if count == 1 else "\n" * (count - 1)


_TRIMMED_BREAK: Final = re.compile(r"\\\n *+(?!\n)")
_FOREIGN_ESCAPE: Final = re.compile(r'\\(?:x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})|([^bnrtf"u]))')
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPES: Final = {
    "0": "\\u0000",
    "a": "\\u0007",
    "v": "\\u000b",
    "e": "\\u001b",
    " ": " ",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}


def _unescaped(text: str) -> str:
    """Give what stands in double quotes: made into a JSON string, which has a quick reader."""
    text = text.replace("\\\\", "\0")  # no NUL can be in the text; now each backslash begins an escape
    if "\n" in text:
        if "\\\n" in text:
            text = _TRIMMED_BREAK.sub("", text)
            if "\\\n" in text:
                raise _UnsureError
        if "\\ \n" in text:
            raise _UnsureError
        if "\n" in text:
            text = _folded(text)
    if "\n" in text:
        text = text.replace("\n", "\\n")
    if _FOREIGN_ESCAPE.search(text) is not None:
        text = _FOREIGN_ESCAPE.sub(_as_json_escape, text)
    if _SURROGATE.search(text) is not None:
        raise _UnsureError
    text = text.replace("\0", "\\\\")
    try:
        value: str = orjson.loads(f'"{text}"')
    except orjson.JSONDecodeError:
        raise _UnsureError from None
    return value


def _as_json_escape(found: re.Match[str]) -> str:
    digits = found[1] or found[2]
    if not digits:
        known = _ESCAPES.get(found[3])
        if known is None:
            raise _UnsureError
        return known
    code = int(digits, 16)
    if code < 0x80:
        return f"\\u{code:04x}"
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise _UnsureError
    return chr(code)


def _literal_value(head: str, lines: str, column: int) -> Any:  # noqa: ANN401 - text or bytes
    if head.startswith("!"):
        try:
            return binascii.a2b_base64(lines.encode("ascii"))
        except (UnicodeEncodeError, binascii.Error):
            raise _UnsureError from None
    digit = next((mark for mark in head if mark.isdigit()), "")
    filled = lines.lstrip("\n")
    width = column + int(digit) if digit else len(filled) - len(filled.lstrip(" "))
    if _literal_form(width).fullmatch(lines) is None:
        raise _UnsureError
    text = f"\n{lines}".replace("\n" + " " * width, "\n")[1:]
    if head.endswith("+"):
        return text
    text = text.rstrip("\n")
    return text + "\n" if text and not head.endswith("-") else text


@functools.lru_cache(maxsize=64)
def _literal_form(width: int) -> re.Pattern[str]:
    """Make the expression of lines that all have this indentation, or are empty; none is of blanks alone."""
    return re.compile(rf"(?:(?:[ ]{{{width}}} *+[^ \n][^\n]*+)?+\n)*+")
