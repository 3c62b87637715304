"""A flow of mitmproxy as a tree that knows where each value stands.

Law: any tnetstring is read, of whatever version, with all that the format's own reader leaves out (messages of
websockets, the first state of a changed flow); nothing is interpreted. No recursion; nesting is bounded by
`documents.DEPTH`. What cannot be read raises UnreadableError with a place, and without recorded bytes.

A tnetstring is SIZE:DATA and a letter for the type; lists and tables hold more of them (mitmproxy/io/tnetstring.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cassette_tools.documents import DEPTH, Listing, Scalar, Table, UnreadableError

if TYPE_CHECKING:
    from cassette_tools.documents import Node

__all__ = ["is_http", "is_start_of_flows", "read_flow", "size_of", "starts_of"]

_LONGEST_SIZE: Final = 12
"""Digits of a size."""
_SIZE: Final = re.compile(rb"([0-9]{1,12}):")
_START: Final = re.compile(rb"[0-9]{1,12}:[0-9]{1,2}:[a-z_]{2,20}[,;]")
_BYTES, _TEXT = ord(","), ord(";")
_LIST, _TABLE = ord("]"), ord("}")


def is_start_of_flows(head: bytes) -> bool:
    """Tell whether a file that begins so holds flows: a size, a size, and a key."""
    return _START.match(head) is not None


def read_flow(data: bytes, start: int) -> tuple[Node, int]:
    """Read the flow that begins at `start`; give it, and where it ends. Raises UnreadableError."""
    root = Listing(start)
    holders: list[Listing | Table] = []
    ends: list[int] = []
    keys: list[Node | None] = []
    at, limit = start, len(data)
    while True:
        while ends and at == ends[-1]:
            holder = holders.pop()
            holder.end = at = ends.pop() + 1
            if keys.pop() is not None:
                raise UnreadableError("not valid: a key has no value", at)
            limit = ends[-1] if ends else len(data)
        if root.items and not holders:
            return root.items[0], at
        low, high, kind = _bounds(data, at, limit)
        node: Node
        if kind in (_LIST, _TABLE):
            if len(holders) >= DEPTH:
                raise UnreadableError(f"nested more than {DEPTH} levels deep", at)
            node = Table(at) if kind == _TABLE else Listing(at)
        else:
            # A value that is text begins behind the colon, as one in quotes behind its first quote.
            node = Scalar(low - 1, high, data[low:high], quoted=kind in (_BYTES, _TEXT))
        _put(node, holders[-1] if holders else root, keys)
        if isinstance(node, Scalar):
            at = high + 1
        else:
            holders.append(node)
            ends.append(high)
            keys.append(None)
            at, limit = low, high


def is_http(data: bytes, start: int) -> bool:
    """Tell whether the flow that begins at `start` is one of HTTP: only those count, as in `ctools inspect`.

    Keys of its first level are read, and nothing else. What is no flow counts.
    """
    try:
        at, limit, _ = _bounds(data, start, len(data))
        while at < limit:
            low, high, _ = _bounds(data, at, limit)
            begin, end, _ = _bounds(data, high + 1, limit)
            if data[low:high] == b"type":
                return data[begin:end] == b"http"
            at = end + 1
    except UnreadableError:
        return True
    return True


def starts_of(data: bytes) -> list[int]:
    """Give where the whole flows in `data` begin, and where the last of them ends."""
    starts = [0]
    while (size := _SIZE.match(data, starts[-1])) is not None:
        end = size.end() + int(size[1]) + 1
        if end > len(data):
            break
        starts.append(end)
    return starts


def size_of(data: bytes) -> int:
    """Give how many bytes the flow takes that `data` begins with; 0 for what is none."""
    size = _SIZE.match(data)
    return 0 if size is None else size.end() + int(size[1]) + 1


def _put(node: Node, holder: Listing | Table, keys: list[Node | None]) -> None:
    if isinstance(holder, Listing):
        holder.items.append(node)
    elif keys[-1] is None:
        keys[-1] = node
    else:
        holder.pairs.append((keys[-1], node))
        keys[-1] = None


def _bounds(data: bytes, at: int, limit: int) -> tuple[int, int, int]:
    """Give where the value at `at` begins and ends, and the letter of its type."""
    colon = data.find(b":", at, at + _LONGEST_SIZE + 1)
    size = data[at:colon]
    if colon < 0 or not size.isdigit():
        raise UnreadableError("not a flow: here should be a size and a colon", at)
    end = colon + 1 + int(size)
    if end >= limit:
        raise UnreadableError("not a whole flow: it is cut off, or a size is wrong", at)
    return colon + 1, end, data[end]
