"""A document of JSON as a tree that knows where each value stands.

Law: read in one loop, without recursion; nesting is bounded by `documents.DEPTH`. The interactions of a cassette's list
are handed over one by one and not kept. What cannot be read raises UnreadableError with a place, and without recorded
bytes. It judges no more than it needs to: a comma too many is none of its business.

Each line in which something may be found comes here, so this is written for speed: two strings in a list, as the
headers of this toolkit's cassettes are, are taken in one step.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import orjson

from cassette_tools.documents import DEPTH, ITEMS, Listing, Scalar, Table, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cassette_tools.documents import Node

__all__ = ["read_json"]

_TOKEN: Final = re.compile(
    rb"[ \t\r\n]*+(?:(,)[ \t\r\n]*+)?"
    rb'(?:("[^"\\]*+(?:\\.[^"\\]*+)*+")(?:[ \t\r\n]*+(:))?|([{}\[\],:])|([^\s"{}\[\],:]++))',
    re.DOTALL,
)
"""A string, a mark or a word; with the comma before it, and the colon behind a string."""
_STRING, _KEY, _MARK, _WORD = 2, 3, 4, 5
_PAIR: Final = re.compile(rb'\["([^"\\]*+)","([^"\\]*+)"\]')
_LITERAL: Final = re.compile(rb"true|false|null|-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|NaN|-?Infinity")
_BOM: Final = b"\xef\xbb\xbf"
_ITEM_DEPTH: Final = 2
"""Levels above a list of interactions, at most: a document, and the log of a HAR file."""
_LONGEST_KEY: Final = 64


def read_json(  # noqa: C901 - one loop that steps from token to token: calls would take most of its time
    data: bytes, on_item: Callable[[int, Node], None], start: int = 0, end: int | None = None
) -> list[Node]:
    """Read one document, or several, in bytes [start, end) of `data`; call `on_item` as `documents.read` does.

    Gives what is left: the documents without their interactions. Raises UnreadableError.
    """
    end = len(data) if end is None else end
    at = start + len(_BOM) if data.startswith(_BOM, start) else start
    roots: list[Node] = []
    above: list[tuple[Listing | Table | None, Node | None, bool]] = []  # of each holder around the one at hand
    holder: Listing | Table | None = None
    key: Node | None = None  # of the table at hand, that waits for its value
    items = False  # whether the list at hand holds interactions
    count = 0
    before = 0  # the mark before; _VALUE behind a value
    match = _TOKEN.match
    while (token := match(data, at, end)) is not None:
        index = token.lastindex or _MARK
        if token[1]:
            if before != _VALUE or holder is None:
                raise UnreadableError("not valid JSON", token.start(1))
            before = _COMMA
        at = token.end()
        node: Node
        if index != _MARK:
            first, last = token.span(_STRING if index == _KEY else index)
            if before == _VALUE:
                raise UnreadableError("not valid JSON", first)
            if index == _WORD:
                if not _LITERAL.fullmatch(data, first, last):
                    raise UnreadableError("not valid JSON", first)
                node = Scalar(first, last, data[first:last], False)
            else:
                said = data[first + 1 : last - 1]
                node = Scalar(first, last, _plain(said) if b"\\" in said else said, True)
                if index == _KEY:
                    if not isinstance(holder, Table) or key is not None:
                        raise UnreadableError("not valid JSON", last)
                    key, before = node, _COLON
                    continue
        else:
            first = at - 1
            mark = data[first]
            if mark in _OPENING:
                if before == _VALUE:
                    raise UnreadableError("not valid JSON", first)
                if (
                    mark == _LIST
                    and isinstance(holder, Listing)
                    and not items
                    and (pair := _PAIR.match(data, first, end))
                ):
                    holder.items.append(_pair(pair))
                    at, before = pair.end(), _VALUE
                    continue
                if len(above) >= DEPTH:
                    raise UnreadableError(f"nested more than {DEPTH} levels deep", first)
                above.append((holder, key, items))
                items = mark == _LIST and _holds_items(len(above), key)
                holder, key, before = Listing(first) if mark == _LIST else Table(first), None, mark
                continue
            # Also of a comma or a colon with nothing to part.
            if holder is None or mark != (_LIST_END if isinstance(holder, Listing) else _TABLE_END) or before == _COLON:
                raise UnreadableError("not valid JSON", first)
            node = holder
            node.end = at
            holder, key, items = above.pop()
        before = _VALUE
        if isinstance(holder, Table):
            if key is None:
                key = node
            else:
                holder.pairs.append((key, node))
                key = None
        elif holder is None:
            roots.append(node)
            before = 0
        elif items:
            count += 1
            on_item(count, node)
        else:
            holder.items.append(node)
    if holder is not None or data[at:end].strip(b" \t\r\n"):
        raise UnreadableError("not valid JSON, or cut off", at)
    return roots


def _pair(found: re.Match[bytes]) -> Listing:
    """Make a list of two strings."""
    pair = Listing(found.start())
    pair.end = found.end()
    middle = found.start(2) - 1
    pair.items = [Scalar(pair.start + 1, middle - 1, found[1], True), Scalar(middle, pair.end - 1, found[2], True)]
    return pair


def _plain(said: bytes) -> bytes:
    """Give what is said between the quotes of a string with escapes."""
    try:
        text: str = orjson.loads(b'"%b"' % said)
        return text.encode("utf-8")
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return said  # lone surrogates, raw control characters: as it is written


def _holds_items(depth: int, key: Node | None) -> bool:
    """Tell whether a list holds interactions, at a depth and behind the key that its table has for it."""
    if depth == 1:
        return True
    if depth > _ITEM_DEPTH + 1 or not isinstance(key, Scalar) or key.end - key.start > _LONGEST_KEY:
        return False
    return key.data in ITEMS


_VALUE: Final = 1
_COMMA, _COLON, _LIST, _LIST_END, _TABLE_END = b",:[]}"
_OPENING: Final = frozenset(b"{[")
