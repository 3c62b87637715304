"""A TOML document as a tree that knows where each value stands.

Law: what TOML 1.0 allows is read, and some that it does not: this is for looking, not for judging. The tables of the
array `interactions` are handed over one by one and not kept. No recursion; nesting is bounded by `documents.DEPTH`.
What cannot be read raises UnreadableError with a place, and without recorded bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cassette_tools.documents import DEPTH, Listing, Scalar, Table, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cassette_tools.documents import Node

__all__ = ["is_toml_cassette", "read_toml"]

_ITEMS: Final = b"interactions"
_BOM: Final = b"\xef\xbb\xbf"
_START: Final = re.compile(rb"(?:\xef\xbb\xbf)?+(?:\s*+#[^\n]*+\n)*+\s*+(?:\[|[\w.\"'-]++[ \t]*+=)")
_ITEM: Final = re.compile(rb"^[ \t]*\[\[[ \t]*[\"']?interactions[\"']?[ \t]*\]\]", re.MULTILINE)

_SPACE: Final = re.compile(rb"(?:[ \t\r\n]++|#[^\n]*+)*+")
_BLANKS: Final = re.compile(rb"[ \t]*+")
_BARE: Final = re.compile(rb"[A-Za-z0-9_-]++")
_STRINGS: Final = (
    (b'"""', re.compile(rb'"""\r?\n?((?:[^"\\]++|\\.|"(?!""))*+"{0,2})"""', re.DOTALL), True),
    (b"'''", re.compile(rb"'''\r?\n?((?:[^']++|'(?!''))*+'{0,2})'''"), False),
    (b'"', re.compile(rb'"((?:[^"\\\n]++|\\[^\n])*+)"'), True),
    (b"'", re.compile(rb"'([^'\n]*+)'"), False),
)
_OTHER: Final = re.compile(rb"[^\s,\]}#]++(?: [0-9][^\s,\]}#]*+)?")
"""Numbers, truth values, and dates with a blank before the time."""
_ESCAPE: Final = re.compile(
    rb"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|[ \t]*\r?\n\s*|(.))", re.DOTALL
)
_PLAIN: Final = {b"b": b"\b", b"t": b"\t", b"n": b"\n", b"f": b"\f", b"r": b"\r", b"e": b"\x1b"}


def is_toml_cassette(head: bytes) -> bool:
    """Tell whether a file that begins so is a cassette in TOML: it has the array of tables `interactions`."""
    return _START.match(head) is not None and _ITEM.search(head) is not None


def read_toml(data: bytes, on_item: Callable[[int, Node], None]) -> Node:
    """Read a document; call `on_item` with the number, from 1, and the node of each interaction.

    Gives what is left: the document without them. Raises UnreadableError.
    """
    return _Reading(data, on_item).document()


class _Reading:
    def __init__(self, data: bytes, on_item: Callable[[int, Node], None]) -> None:
        self._data = data
        self._on_item = on_item
        self._at = len(_BOM) if data.startswith(_BOM) else 0
        self._root = Table(0)
        self._item: Table | None = None
        self._count = 0
        self._known: dict[tuple[int, bytes], Table | Listing] = {}  # by table and key what more can be said of

    def document(self) -> Node:
        data = self._data
        here = self._root
        while True:
            self._skip(_SPACE)
            if self._at >= len(data):
                break
            if data.startswith(b"[", self._at):
                here = self._header()
            else:
                self._pair(here)
        self._hand_over()
        self._root.end = len(data)
        return self._root

    def _hand_over(self) -> None:
        if self._item is not None:
            self._on_item(self._count, self._item)
            self._item = None
            self._known = {}

    # Headers and keys.

    def _header(self) -> Table:
        """Read `[a.b]` or `[[a.b]]`; give the table that what follows belongs to."""
        double = self._data.startswith(b"[[", self._at)
        self._at += 2 if double else 1
        keys = self._keys()
        self._expect(b"]]" if double else b"]")
        if keys[0].data == _ITEMS:
            if double and len(keys) == 1:
                self._hand_over()
                self._count += 1
                self._item = Table(self._at)
                return self._item
            if self._item is not None:
                return self._table_at(self._item, keys[1:], fresh=double)
        return self._table_at(self._root, keys, fresh=double)

    def _table_at(self, table: Table, keys: list[Scalar], *, fresh: bool) -> Table:
        """Give the table below `table` that `keys` name; a `fresh` one at their end for an array of tables."""
        for number, key in enumerate(keys):
            last = fresh and number == len(keys) - 1
            known = self._known.get((id(table), key.data))
            if known is None:
                known = Listing(key.start) if last else Table(key.start)
                self._known[id(table), key.data] = known
                table.pairs.append((key, known))
            if isinstance(known, Listing):
                if last or not known.items:
                    known.items.append(Table(key.start))
                inner = known.items[-1]
                table = inner if isinstance(inner, Table) else Table(key.start)
            else:
                table = known
        return table

    def _pair(self, table: Table) -> None:
        keys = self._keys()
        self._expect(b"=")
        holder = self._table_at(table, keys[:-1], fresh=False)
        holder.pairs.append((keys[-1], self._value()))

    def _keys(self) -> list[Scalar]:
        keys: list[Scalar] = []
        while True:
            self._skip(_BLANKS)
            bare = _BARE.match(self._data, self._at)
            if bare is not None:
                keys.append(Scalar(bare.start(), bare.end(), bare[0], quoted=False))
                self._at = bare.end()
            else:
                key = self._string()
                if key is None:
                    raise UnreadableError("not valid TOML", self._at)
                keys.append(key)
            self._skip(_BLANKS)
            if len(keys) > DEPTH:
                raise UnreadableError(f"nested more than {DEPTH} levels deep", self._at)
            if not self._data.startswith(b".", self._at):
                return keys
            self._at += 1

    # Values.

    def _value(self) -> Node:
        """Read a value, with all that it holds."""
        open_: list[Listing | Table] = []
        keys: list[list[Scalar]] = []  # of each open table those that wait for a value
        while True:
            self._skip(_SPACE if open_ else _BLANKS)
            mark = self._data[self._at : self._at + 1]
            node: Node | None
            if open_ and mark in b"]}" and mark:
                node = self._closed(open_, mark)
                keys.pop()
            elif mark in (b"[", b"{"):
                if len(open_) >= DEPTH:
                    raise UnreadableError(f"nested more than {DEPTH} levels deep", self._at)
                open_.append(Table(self._at) if mark == b"{" else Listing(self._at))
                keys.append([])
                self._at += 1
                node = None
            else:
                node = self._string() or self._other()
            if node is not None:
                if not open_:
                    return node
                self._held(node, open_[-1], keys[-1])
            self._key_of(open_[-1], keys)

    def _closed(self, open_: list[Listing | Table], mark: bytes) -> Node:
        closed = open_.pop()
        if mark != (b"}" if isinstance(closed, Table) else b"]"):
            raise UnreadableError("not valid TOML", self._at)
        self._at += 1
        closed.end = self._at
        return closed

    def _held(self, node: Node, holder: Listing | Table, keys: list[Scalar]) -> None:
        """Put a value into what holds it, and go past the comma behind it."""
        if isinstance(holder, Listing):
            holder.items.append(node)
        else:
            self._table_at(holder, keys[:-1], fresh=False).pairs.append((keys[-1], node))
        self._skip(_SPACE)
        mark = self._data[self._at : self._at + 1]
        if mark == b",":
            self._at += 1
        elif mark not in (b"]", b"}"):
            raise UnreadableError("not valid TOML", self._at)

    def _key_of(self, holder: Listing | Table, keys: list[list[Scalar]]) -> None:
        """Read the key of a table's next value; a table that ends has none."""
        self._skip(_SPACE)
        if isinstance(holder, Table) and not self._data.startswith(b"}", self._at):
            keys[-1] = self._keys()
            self._expect(b"=")

    def _string(self) -> Scalar | None:
        for quotes, pattern, escapes in _STRINGS:
            if self._data.startswith(quotes, self._at):
                found = pattern.match(self._data, self._at)
                if found is None:
                    raise UnreadableError("not valid TOML: a string has no end", self._at)
                self._at = found.end()
                plain = _ESCAPE.sub(_unescaped, found[1]) if escapes and b"\\" in found[1] else found[1]
                # It begins at its last quote, or line feed, so that its first character is behind its beginning.
                return Scalar(found.start(1) - 1, found.end(1), plain, quoted=True)
        return None

    def _other(self) -> Scalar:
        found = _OTHER.match(self._data, self._at)
        if found is None:
            raise UnreadableError("not valid TOML", self._at)
        self._at = found.end()
        return Scalar(found.start(), found.end(), found[0], quoted=False)

    def _skip(self, pattern: re.Pattern[bytes]) -> None:
        found = pattern.match(self._data, self._at)
        if found is not None:
            self._at = found.end()

    def _expect(self, mark: bytes) -> None:
        if not self._data.startswith(mark, self._at):
            raise UnreadableError("not valid TOML", self._at)
        self._at += len(mark)


def _unescaped(found: re.Match[bytes]) -> bytes:
    digits = found[1] or found[2] or found[3]
    if digits is not None:
        try:
            return chr(int(digits, 16)).encode("utf-8", "surrogatepass")
        except (ValueError, OverflowError):
            return found[0]  # no character: as it is written
    letter = found[4]
    return b"" if letter is None else _PLAIN.get(letter, letter)
