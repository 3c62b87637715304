"""An interaction in the layout that vcrpy itself writes, read quickly: exact, or not at all.

Law: this reads items of a vcrpy YAML cassette whose keys, indentation and folds are those of vcrpy 1.0 and later, and
that say nothing odd. What it gives is what `vcrpy_reading` makes of what `yaml_items` reads; for anything that is not
certain to be the same it gives None, and those have to read the item. The rules of scalars are in `yaml_block`, which
is asked about every line that was not seen before; only long texts in quotes are read here.

Memory: a few times the item, and a few thousand short lines that come again and again.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, TypeVar

import orjson

from cassette_tools.interaction import Body, Interaction, Request, Response
from cassette_tools.stored_body import body_of
from cassette_tools.yaml_block import read_item
from cassette_tools.yaml_scalars import plain_value

__all__ = ["read_interaction"]

_REQUEST: Final = b"- request:\n    body: "
_HEADERS: Final = b"\n    headers:"
_METHOD: Final = "\n    method: "
_URI: Final = "\n    uri: "
_RESPONSE: Final = b"\n  response:\n    body:\n      string: "
_STATUS: Final = b"\n    status:\n      code: "
_MESSAGE: Final = "\n      message: "

_ASKED_FOLD: Final = b"\n      "
_ANSWERED_FOLD: Final = b"\n        "
_VALUE_FOLD: Final = "\n        "
_ITEM: Final = "      - "
_NAME: Final = re.compile(r" {6}[^ ]")
_FOLDED: Final = "\1"
"""Stands for a fold in the value of a header: no control character can be in the text."""


_Known = TypeVar("_Known")


class _UnsureError(Exception):
    """The item is beyond what is read here."""


def read_interaction(data: bytes) -> Interaction | None:
    """Read an item, from its `-` in the first column to its last line feed: printable ASCII and line feeds."""
    if not data.startswith(_REQUEST):
        return None
    asked = data.find(_HEADERS, len(_REQUEST))
    answer = data.find(_RESPONSE, asked)
    status = data.rfind(_STATUS, answer)  # from the end on: the body is long
    answered = data.rfind(_HEADERS, answer, status)
    if asked < 0 or answer < 0 or answered < 0 or data[-1:] != b"\n":
        return None
    try:
        return Interaction(
            _asked(data[len(_REQUEST) : asked], data[asked + len(_HEADERS) : answer].decode("ascii")),
            _answered(
                data[answer + len(_RESPONSE) : answered],
                data[answered + len(_HEADERS) : status].decode("ascii"),
                data[status + len(_STATUS) : -1].decode("ascii"),
            ),
        )
    except _UnsureError:
        return None


def _asked(stored: bytes, head: str) -> Request:
    lines, _, rest = head.partition(_METHOD)
    method, _, url = rest.partition(_URI)
    known = _METHODS.get(method)
    if known is None:
        known = _remember(_METHODS, method, _text_of(f"    method: {method}", "method"))
    if _EASY_URL.fullmatch(url) is None:
        url = _text_of(f"    uri: {url}", "uri")
    if not known or "://" not in url:
        raise _UnsureError
    shape, values = _headers(lines)
    if not shape.single:
        raise _UnsureError
    headers = list(zip(shape.names, values, strict=True))
    if stored == b"null":
        return Request(known, url, headers)
    content = _content(stored, _ASKED_FOLD, b"    body: ")
    return Request(known, url, headers, body_of(content, headers) if shape.coded else Body(content))


def _answered(stored: bytes, lines: str, tail: str) -> Response:
    known = _STATUSES.get(tail)
    if known is None:
        known = _remember(_STATUSES, tail, _status(tail))
    code, reason = known
    shape, values = _headers(lines)
    headers = list(zip(shape.names, values, strict=True))
    content = _content(stored, _ANSWERED_FOLD, b"      string: ")
    return Response(code, reason, headers, body_of(content, headers) if shape.coded else Body(content))


def _status(tail: str) -> tuple[int, str]:
    code, _, message = tail.partition(_MESSAGE)
    reason = _text_of(f"      message: {message}", "message")
    if _CODE.fullmatch(code) is None or not _is_latin(reason):
        raise _UnsureError
    return int(code), reason


_EASY_URL: Final = re.compile(r"https?://[!-~]*+(?<!:)")
"""What is plain for certain: without a space there is no `: ` but at the end, and no ` #`."""
_CODE: Final = re.compile(r"[1-9][0-9]{2}")


# -- headers


class _Shape(NamedTuple):
    """Names of headers in their order, each as often as it has values. `single`: none comes twice in any letter case.

    `coded`: Content-Encoding is among them.
    """

    names: tuple[str, ...]
    single: bool
    coded: bool


def _headers(block: str) -> tuple[_Shape, list[str]]:
    """Read what stands behind `headers:`: names, and as many values."""
    if block == " {}":
        return _NO_HEADERS, []
    lines = block.replace(_VALUE_FOLD, _FOLDED).split("\n")
    shape = _SHAPES.get(tuple(lines[1::2])) if len(lines) & 1 and not lines[0] else None
    if shape is None:
        return _new_headers(lines)
    known = _VALUES
    return shape, [known.get(line) or _value(line) for line in lines[2::2]]


def _new_headers(lines: list[str]) -> tuple[_Shape, list[str]]:
    """Read lines of names, each with one line for each value behind it."""
    if lines[0]:
        raise _UnsureError
    said: dict[str, list[str]] = {}
    values: list[str] | None = None
    for line in lines[1:]:
        if not line.startswith(_ITEM):
            name = _NAMES.get(line) or _name(line)
            if values == [] or name in said:
                raise _UnsureError
            said[name] = values = []
        elif values is not None:
            values.append(_VALUES.get(line) or _value(line))
        else:
            raise _UnsureError
    if not values:
        raise _UnsureError
    small = {name.lower() for name in said}
    names = tuple([name for name, values in said.items() for _ in values])
    shape = _Shape(names, len(small) == len(names), "content-encoding" in small)
    if len(said) == len(names) and sum(map(len, names)) <= _LONGEST_SHAPE:
        if len(_SHAPES) >= _MOST_SHAPES:
            _SHAPES.clear()
        _SHAPES[tuple(lines[1::2])] = shape
    return shape, [value for values in said.values() for value in values]


def _name(line: str) -> str:
    inner = _read(f"{line}\n      - x\n") if _NAME.match(line) is not None else None
    if type(inner) is not dict or len(inner) != 1:
        raise _UnsureError
    name: str = next(iter(inner))
    if inner[name] != ["x"] or not _is_latin(name):
        raise _UnsureError
    return _remember(_NAMES, line, name)


def _value(line: str) -> str:
    easy = _EASY_VALUE.fullmatch(line)
    if easy is not None:
        value: Any = easy[1] if easy[2] is None else plain_value(easy[2])
    else:
        inner = _read(line.replace(_FOLDED, _VALUE_FOLD) + "\n") if line.startswith(_ITEM) else None
        value = inner[0] if type(inner) is list and len(inner) == 1 else None
    if type(value) is not str or not _is_latin(value):
        raise _UnsureError
    return _remember(_VALUES, line, value)


def _is_latin(text: str) -> bool:
    return text.isascii() or max(text) <= "\xff"


_EASY_VALUE: Final = re.compile(
    r"      - (?:'([ -&(-~]*+)'"
    r"|([A-Za-z0-9/=_.$(+^;][!-9;-~]*+(?:[ :][!\"$-9;-~]++)*+))"
)
"""A line that is one scalar for certain: in single quotes, or plain, without anything that may end it."""
_NO_HEADERS: Final = _Shape((), single=True, coded=False)


# -- bodies


def _content(stored: bytes, fold: bytes, key: bytes) -> str | bytes:
    """Read the content of a body, which stands behind `key` and whose further lines begin with `fold`."""
    value: Any = None
    if stored[:1] == b'"':
        value = _double_quoted(stored, fold)
    elif stored[:1] == b"'":
        value = _single_quoted(stored, fold)
    if value is None:
        value = _entry((key + stored).decode("ascii"), key.decode().strip(" :"))
        if type(value) is not str and type(value) is not bytes:
            raise _UnsureError
    return value  # type: ignore[no-any-return] # it is one of the two


def _double_quoted(stored: bytes, fold: bytes) -> str | None:
    """Make JSON of it, which has a quick reader that refuses all that it does not know. None: not certain."""
    flat = _unfolded(stored, fold)
    if flat is None or _ESCAPED_LETTER.search(flat) is not None:
        return None
    said = b"\\u00".join(flat.split(b"\\x"))
    try:
        value: str = orjson.loads(said)  # text, for it begins with a quote
    except orjson.JSONDecodeError:
        return _with_rare_escapes(said, stored)
    # A character beyond U+FFFF can only come from two escaped surrogates, which YAML refuses.
    return value if len(value.encode("utf-16-le")) == 2 * len(value) else None


def _with_rare_escapes(said: bytes, stored: bytes) -> str | None:
    if b"\\\n" in stored or _SURROGATE.search(said) is not None:
        return None  # with escaped breaks, a backslash between spaces may mean something else
    try:
        return orjson.loads(_ASTRAL.sub(_as_utf8, said.replace(b" \\ ", b"  ")))  # type: ignore[no-any-return] # as above
    except (orjson.JSONDecodeError, ValueError):
        return None


def _single_quoted(stored: bytes, fold: bytes) -> str | None:
    flat = _unfolded(stored, fold)
    if flat is None or len(flat) < len(b"''") or flat[-1:] != b"'":
        return None
    text = flat[1:-1].decode("ascii")
    quotes = text.count("'")
    if not quotes:
        return text
    return text.replace("''", "'") if 2 * text.count("''") == quotes else None  # runs of even length


def _unfolded(stored: bytes, fold: bytes) -> bytes | None:
    """Take even line folding back. None where there are other breaks."""
    if b"\n" not in stored:
        return stored
    flat = b" ".join(stored.split(fold))
    if b"\n" in flat or (_SPACES.search(flat) is not None and (b" \n" in stored or fold + b" " in stored)):
        return None
    return flat


_SPACES: Final = re.compile(rb"  ")  # twice as quick as `in`
_ESCAPED_LETTER: Final = re.compile(rb"\\\\[xU]")
"""A backslash before a letter that begins an escape: only a reader that counts backslashes can tell which it is."""
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_ASTRAL: Final = re.compile(rb"\\U([0-9a-fA-F]{8})")


def _as_utf8(found: re.Match[bytes]) -> bytes:
    code = int(found[1], 16)
    if code < _PLAIN_CODES:
        raise ValueError(code)
    return chr(code).encode()


_PLAIN_CODES: Final = 0x10000


# -- what the general reader knows


def _read(lines: str) -> Any:  # noqa: ANN401 - as YAML says
    """Read lines, deeper than two columns, as what stands under a key."""
    found = read_item(f"- k:\n{lines}".encode("ascii"), 0)
    if found is None or type(found[0]) is not dict or len(found[0]) != 1 or found[1] != len(lines) + _OPENING:
        raise _UnsureError
    return found[0].get("k")


_OPENING: Final = len("- k:\n")


def _entry(lines: str, key: str) -> Any:  # noqa: ANN401 - as YAML says
    """Read the value of `key`, the only one in `lines`, which lack their last line feed."""
    inner = _read(f"{lines}\n")
    if type(inner) is not dict or len(inner) != 1:
        raise _UnsureError
    return inner.get(key)


def _text_of(lines: str, key: str) -> str:
    value = _entry(lines, key)
    if type(value) is not str:
        raise _UnsureError
    return value


# -- what comes again and again

_MOST: Final = 8192
_MOST_SHAPES: Final = 1000
_LONGEST: Final = 400
_LONGEST_SHAPE: Final = 2000

_METHODS: Final[dict[str, str]] = {}
_STATUSES: Final[dict[str, tuple[int, str]]] = {}
_NAMES: Final[dict[str, str]] = {}
_VALUES: Final[dict[str, str]] = {}
_SHAPES: Final[dict[tuple[str, ...], _Shape]] = {}


def _remember(table: dict[str, _Known], text: str, known: _Known) -> _Known:
    """Keep what a text means, where it is short: a bounded number of bytes in each table."""
    if len(text) <= _LONGEST:
        if len(table) >= _MOST:
            table.clear()
        table[text] = known
    return known
