"""The items of a YAML list one by one, in bounded memory, without running anything that the file says.

Law: YAML is read as events and built here; no loader constructs an object, whatever tag stands in the file. Nesting is
bounded by DEPTH, an item by LARGEST_ITEM, an alias is the node that it names and never a copy, and what an item would
grow to when its aliases are written out is bounded, too. Whatever the bytes, only BadCassetteError leaves this module.

A block list is cut at the lines where its items begin, and each piece is read by itself: by `yaml_block` where that is
certain of it, else as events. No item that can be read by itself goes on behind such a line; so where a piece cannot
be read, it and all that follows are read as one stream of events, and only what is wrong there is wrong with the file.
Files that are laid out in another way are read as one stream of events from their beginning.

Memory: one item, the anchored nodes so far (MOST_REST bytes), and the keys beside the list (MOST_REST bytes).
Output: aliases add at most MOST_ALIASED bytes, and ALIASED_A_BYTE for each byte of the file.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from cassette_tools.yaml_block import DEPTH, read_item
from cassette_tools.yaml_scalars import Plain, kind_of, plain_value
from recorder.errors import BadCassetteError, NotACassetteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassette_tools.input_stream import InputStream

__all__ = [
    "ALIASED_A_BYTE",
    "DEPTH",
    "LARGEST_ITEM",
    "MOST_ALIASED",
    "MOST_REST",
    "Plain",
    "Tagged",
    "Value",
    "YamlItem",
    "YamlItems",
]

LARGEST_ITEM: Final = 256 << 20
"""Bytes of one item."""
MOST_REST: Final = 16 << 20
"""Bytes of what stands beside the list, of the nodes that have anchors, and of what aliases add to one item."""
MOST_ALIASED: Final = 256 << 20
"""Bytes that aliases may add to all items together, beside ALIASED_A_BYTE for each byte of the file."""
ALIASED_A_BYTE: Final = 64

Value: TypeAlias = Any
"""dict with str keys, list, str, Plain, bytes, Tagged, or None."""
Quick: TypeAlias = "Callable[[bytes], Value]"
"""Reads an item of one layout; gives None for any other."""
Event: TypeAlias = Any
"""An event of PyYAML: its classes have no types."""


class Tagged(NamedTuple):
    """A node with a tag that its reader asked for, or one of Python's harmless ones. `tag` is written out in full."""

    tag: str
    value: Value


class YamlItem(NamedTuple):
    """An item of the list. `number` and `line` count from 1."""

    value: Value
    number: int
    line: int


PYTHON: Final = "tag:yaml.org,2002:python/"
"""Begins the tags that PyYAML writes for objects."""
_YAML: Final = "tag:yaml.org,2002:"
_TEXT_TAGS: Final = frozenset({"!", f"{_YAML}str", f"{PYTHON}str", f"{PYTHON}unicode", "!str"})
_BINARY_TAGS: Final = frozenset({f"{_YAML}binary", "!binary"})
_CORE_TAGS: Final = {f"{_YAML}{kind}": kind for kind in ("int", "float", "bool", "null", "timestamp")}
_HARMLESS: Final = frozenset(
    {f"{PYTHON}tuple", f"{PYTHON}object/new:_io.BytesIO", f"{PYTHON}object/apply:builtins.iter"}
)
_CONTAINER_TAGS: Final = frozenset({"!", f"{_YAML}map", f"{_YAML}seq"})


class YamlItems:
    """The items of a list: the value of the first top-level key in `keys`, or a list that is the whole document.

    Quoted and block scalars, and plain ones that YAML 1.1 takes for strings, are `str`; a plain null is None, other
    plain ones are Plain; `!!binary` and `!binary` are bytes. Keys of mappings are str, or Plain. A tag in `tags`
    (written out in full, or a beginning that ends with `*`) gives Tagged, and so do the harmless tags of Python: tuple,
    `_io.BytesIO`, `builtins.iter`. Any other tag is refused.

    `rest` holds the other top-level keys seen so far, which may stand before and behind the list. `key` is the key of
    the list, once an item was given; None where the list is the whole document.

    `quick` is asked first about an item of printable ASCII and line feeds, from its `-` in the first column to its last
    line feed. What it gives is the item's value; where it gives None the item is read here.

    Raises NotACassetteError where there is no such list, and BadCassetteError.
    """

    def __init__(
        self,
        stream: InputStream,
        keys: frozenset[str],
        *,
        tags: frozenset[str] = frozenset(),
        quick: Quick | None = None,
    ) -> None:
        self.rest: dict[str, Value] = {}
        self.key: str | None = None
        self._stream = stream
        self._keys = keys
        self._quick = quick
        self._nodes = _Nodes(stream, tags)

    def __iter__(self) -> Iterator[YamlItem]:
        buffer = bytearray()
        start = self._start(buffer)
        if start is None:
            yield from self._from_events(_Source(self._stream, bytes(buffer)), 0, 0)
        else:
            yield from self._from_pieces(buffer, start)

    # -- piece by piece

    def _start(self, buffer: bytearray) -> _Start | None:
        """Find the list, a block list, near the beginning; take what stands before it. None: there is no such list."""
        keys = b"|".join(re.escape(key.encode()) for key in sorted(self._keys))
        under_key = re.compile(rb"(?:\A|\n)(?P<quote>[\"']?)(?P<key>" + keys + rb")(?P=quote):" + _LIST)
        found = None
        while len(buffer) < _SEARCHED and (block := self._stream.block()):
            buffer += block
            if bytes(buffer[:2]) in _WIDE:
                return None
            found = _TOP_LIST.match(buffer) or under_key.search(buffer)
            if found is not None:
                break
        if found is None or (found.re is under_key and not self._takes(bytes(buffer[: found.start("quote")]))):
            return None
        key = found["key"].decode() if found.re is under_key else None
        at = found.start("indent")
        return _Start(key, len(found["indent"]), at, 1 + buffer.count(b"\n", 0, at))

    def _takes(self, head: bytes) -> bool:
        """Read what stands before the list as a document of its own. False: it is none."""
        head = head.removeprefix(_BOM)
        if not head.strip():
            return True
        if head.startswith(b"%") or b"\n%" in head:
            return False  # directives are for the whole document
        nodes = self._nodes
        try:
            nodes.open(head, 0)
            event = nodes.next()
            if type(event).__name__ == "MappingStartEvent":
                self._take_keys()
            elif type(event).__name__ != "ScalarEvent" or event.value or event.style:
                return event is None
            nodes.finish()
        except BadCassetteError:
            self.rest.clear()
            return False
        return True

    def _from_pieces(self, buffer: bytearray, start: _Start) -> Iterator[YamlItem]:
        self.key = start.key
        prefix = b"" if start.key is None else start.key.encode() + b":\n"
        ahead = 0 if start.key is None else 1  # lines of the prefix
        line, number = start.line, 0
        pieces = _Pieces(self._stream, buffer, start)
        quick = self._quick if start.column == 0 else None
        for piece in pieces:
            if quick is not None and type(piece) is bytes:
                breaks = piece.translate(None, _PRINTABLE)
                made = quick(piece) if breaks.count(b"\n") == len(breaks) else None
                if made is not None:
                    number += 1
                    yield YamlItem(made, number, line)
                    line += len(breaks)
                    continue
            read = read_item(piece, start.column) if isinstance(piece, bytes) else None
            if read is not None:
                values, tail = [read[0]], piece[read[1] :]
            else:
                values, tail, alone = self._by_events(prefix, piece, line - ahead)
                if not alone:
                    source = _Source(self._stream, prefix + piece[:] + pieces.left())
                    yield from self._from_events(source, line - 1 - ahead, number)
                    return
            for value in values:
                number += 1
                yield YamlItem(value, number, line)
            line += piece.count(b"\n")
            if tail:
                self._take_tail(tail + pieces.left(), line - tail.count(b"\n"))
                return

    def _by_events(self, prefix: bytes, piece: bytes | _Long, line: int) -> tuple[list[Value], bytes, bool]:
        """Read a piece as events: the items in it, and what follows in it that is no item.

        The last is False where the piece cannot be read by itself.
        """
        nodes = self._nodes
        try:
            nodes.open(prefix + piece if isinstance(piece, bytes) else piece.source(prefix), line - 1)
            nodes.next()
            if prefix:
                nodes.next()
                nodes.next()
            values: list[Value] = []
            while type(event := nodes.next()).__name__ != "SequenceEndEvent":
                values.append(nodes.build(event))
            event = nodes.next()
            if event is None or type(event).__name__ == "MappingEndEvent":
                nodes.finish()
                return values, b"", not nodes.ended  # behind the end of a document no item may follow
        except BadCassetteError:
            return [], b"", False
        index = event.start_mark.index - len(prefix)
        if piece.isascii():
            return values, piece[index:], True
        # Behind the list may stand what is no UTF-8: it was not looked at yet.
        text = piece[:].decode("utf-8", "surrogateescape")[index:]
        return values, text.encode("utf-8", "surrogateescape"), True

    def _take_tail(self, data: bytes, line: int) -> None:
        """Read what stands behind the list."""
        parts = [data]
        size = len(data)
        while block := self._stream.block():
            parts.append(block)
            size += len(block)
            if size > MOST_REST:
                raise _rest_too_large(self._stream)
        nodes = self._nodes
        before = b"- 'x'\n" if self.key is None else b"x: 'x'\n"  # so that it is what follows, and no beginning
        nodes.open(before + b"".join(parts), line - 2)
        for _ in range(3):  # what stands before: a list or a mapping begins, and two scalars, or a scalar and its end
            nodes.next()
        if self.key is not None:
            self._take_keys()
        nodes.finish()

    def _take_keys(self) -> None:
        """Take the keys of a mapping that was begun."""
        nodes = self._nodes
        while type(event := nodes.next()).__name__ != "MappingEndEvent":
            self._take_key(event, nodes.key(event), nodes.next())

    def _take_key(self, place: Event, key: str, event: Event) -> None:
        if key == self.key:
            raise self._nodes.wrong(place, f"`{key}` stands there twice", "Put all interactions into one list.")
        self.rest[key] = self._nodes.build(event)
        self._nodes.weigh_rest()

    # -- as one stream of events

    def _from_events(self, source: _Source, line: int, number: int) -> Iterator[YamlItem]:
        """Read a document as one stream of events. Lines before it, and items before it, are counted already."""
        nodes = self._nodes
        nodes.open(source, line)
        kind = type(nodes.next()).__name__
        if kind == "SequenceStartEvent":
            yield from self._items(source, number)
        elif kind == "MappingStartEvent":
            found = False
            while type(event := nodes.next()).__name__ != "MappingEndEvent":
                place, key = event, nodes.key(event)
                event = nodes.next()
                if key in self._keys and not found and type(event).__name__ == "SequenceStartEvent":
                    found = True
                    self.key = key
                    yield from self._items(source, number)
                else:
                    self._take_key(place, key, event)
            if not found:
                raise self._no_list()
        else:
            raise self._no_list()
        nodes.finish()

    def _items(self, source: _Source, number: int) -> Iterator[YamlItem]:
        nodes = self._nodes
        while type(event := nodes.next()).__name__ != "SequenceEndEvent":
            value = nodes.build(event)
            source.since = 0
            number += 1
            yield YamlItem(value, number, nodes.line(event))

    def _no_list(self) -> NotACassetteError:
        names = " or ".join(f"`{key}`" for key in sorted(self._keys))
        return NotACassetteError(f"{self._stream.name}: not a cassette: it has no list {names}. Check the file.")


class _Start(NamedTuple):
    """Where the list begins: under which key, in which column, at which byte, in which line."""

    key: str | None
    column: int
    at: int
    line: int


class _Pieces:
    """The text of a list, from `start` on, cut at the lines where items begin; what follows the list is in the last."""

    def __init__(self, stream: InputStream, buffer: bytearray, start: _Start) -> None:
        self._stream = stream
        self._buffer = buffer
        self._column = start.column
        self._at = start.at
        self._searched = start.at + start.column + 1
        # A hyphen first, for it is rare and searched for quickly; then what stands before it.
        self._dash = re.compile(rb"-(?<=\n" + b" " * start.column + rb"-)[ \n\r\t]")

    def __iter__(self) -> Iterator[bytes | _Long]:
        buffer = self._buffer
        block = b"-"
        while block:
            end = self._next()
            if end:
                yield self._piece(end)
            elif len(buffer) - self._at > _LONGEST:
                piece = _Long(self, self._stream)
                yield piece
                piece.drain()
            else:
                block = self._read()
        if len(buffer) > self._at:
            yield self._piece(len(buffer))

    def more(self) -> tuple[bytes, bool]:
        """Give more of the piece that begins here, and whether that is its end. What is given is not kept."""
        while True:
            end = self._next()
            if end:
                return self._raw(end), True
            known = self._searched - self._column - 1
            if known > self._at:
                return self._raw(known), False
            if not self._read():
                return self._raw(len(self._buffer)), True

    def _next(self) -> int:
        """Find where the next item begins; 0 where that is not read yet."""
        found = self._dash.search(self._buffer, self._searched)
        if found is not None:
            self._searched = found.end()
            return found.start() - self._column
        # What may be the beginning of an item's line at the end of the buffer is looked at again.
        self._searched = max(self._searched, len(self._buffer) - 1)
        return 0

    def _read(self) -> bytes:
        del self._buffer[: self._at]
        self._searched -= self._at
        self._at = 0
        block = self._stream.block()
        self._buffer += block
        return block

    def left(self) -> bytes:
        """Give what was read behind the piece that was given last."""
        return bytes(self._buffer[self._at :])

    def _raw(self, end: int) -> bytes:
        with memoryview(self._buffer) as view:
            piece = bytes(view[self._at : end])
        self._at = end
        return piece

    def _piece(self, end: int) -> bytes:
        piece = self._raw(end)
        return piece.replace(b"\r\n", b"\n") if b"\r" in piece else piece


class _Long:
    """A piece that is too long for the quick reader. It is cut while it is read, and kept until it was read."""

    def __init__(self, pieces: _Pieces, stream: InputStream) -> None:
        self._pieces = pieces
        self._stream = stream
        self._prefix = b""
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = False

    def source(self, prefix: bytes) -> _Long:
        """Make it give `prefix` first."""
        self._prefix = prefix
        return self

    def read(self, _size: int) -> bytes:
        """Give the next bytes, as many as there are; none at the end."""
        if self._prefix:
            data, self._prefix = self._prefix, b""
            return data
        if self._ended:
            return b""
        data, self._ended = self._pieces.more()
        self._parts.append(data)
        self._size += len(data)
        if self._size > LARGEST_ITEM:
            raise _too_large(self._stream)
        return data

    def drain(self) -> None:
        """Read to the end."""
        self._prefix = b""
        while not self._ended:
            self.read(0)

    def __getitem__(self, part: slice) -> bytes:
        """Give all from a place on."""
        self.drain()
        start = part.start or 0
        parts = []
        for data in self._parts:
            if start < len(data):
                parts.append(data[start:])
            start = max(0, start - len(data))
        return b"".join(parts)

    def isascii(self) -> bool:
        """Tell whether it all is ASCII."""
        self.drain()
        return all(part.isascii() for part in self._parts)

    def count(self, byte: bytes) -> int:
        """Count a byte in what was read."""
        return sum(part.count(byte) for part in self._parts)


_LONGEST: Final = 2 << 20
"""Bytes of a piece that is read quickly: what is read so is held several times."""
_PRINTABLE: Final = bytes(range(0x20, 0x7F))
_SEARCHED: Final = 1 << 20
"""Bytes in which the beginning of the list is looked for. Beyond, the file is read as events."""
_BOM: Final = b"\xef\xbb\xbf"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")
_BLANK_LINES: Final = rb"[ ]*+(?:\#[^\n]*+)?\r?\n(?:[ ]*+(?:\#[^\n]*+)?\r?\n)*+"
_LIST: Final = _BLANK_LINES + rb"(?P<indent>[ ]*+)-[ \r\n\t]"
_TOP_LIST: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:(?:---)?[ ]*+(?:\#[^\n]*+)?\r?\n)*+(?P<indent>[ ]*+)-[ \r\n\t]")


def _too_large(stream: InputStream) -> BadCassetteError:
    return BadCassetteError(
        f"{stream.name}: an item is larger than {LARGEST_ITEM >> 20} MiB. Remove it from the cassette."
    )


def _rest_too_large(stream: InputStream) -> BadCassetteError:
    return BadCassetteError(
        f"{stream.name}: what stands beside the list is larger than {MOST_REST >> 20} MiB. Remove it."
    )


class _Source:
    """What libyaml reads from: `first`, then the stream. `since` counts bytes since it was last set to 0."""

    def __init__(self, stream: InputStream, first: bytes) -> None:
        self._stream = stream
        self._first = first
        self.since = 0

    def read(self, size: int) -> bytes:
        if self._first:
            data, self._first = self._first[:size], self._first[size:]
        else:
            data = self._stream.read(size) or b""
        self.since += len(data)
        if self.since > LARGEST_ITEM:
            raise _too_large(self._stream)
        return data


class _Nodes:
    """Builds nodes from events, without recursion. `ended` tells whether a document was ended by its mark."""

    def __init__(self, stream: InputStream, tags: frozenset[str]) -> None:
        self._stream = stream
        self._tags = frozenset(tag for tag in tags if not tag.endswith("*"))
        self._beginnings = tuple(tag[:-1] for tag in tags if tag.endswith("*"))
        self.ended = False
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._anchored = 0
        self._weight = 0
        self._aliased = 0
        self._aliased_before = 0
        self._rest = 0

    def open(self, source: Any, line: int) -> None:  # noqa: ANN401 - bytes, or what has a method read
        """Begin to read a document. Comes to its first node with `next`."""
        import yaml  # noqa: PLC0415 - only where a file needs it

        self._line = line
        self._reached = 0
        self.ended = False
        self._error: Any = yaml.YAMLError
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[Any] = yaml.parse(source, Loader=loader)

    def next(self) -> Event:
        """Give the next event that is not about documents. The end of the stream is None."""
        try:
            for event in self._events:
                name = type(event).__name__
                if name not in _ABOUT_DOCUMENTS:
                    self._reached = event.end_mark.line
                    return event
                self.ended = self.ended or (name == "DocumentEndEvent" and event.explicit)
        except self._error as error:
            mark = getattr(error, "problem_mark", None)
            if mark is None:  # bytes that are no UTF-8, or characters that YAML forbids: libyaml tells no line
                raise BadCassetteError(
                    f"{self._stream.name}, line {self._line + self._reached + 1} or behind it: not valid YAML: no "
                    "UTF-8, or characters that YAML does not allow. Check the file, or make it again."
                ) from None
            raise BadCassetteError(
                f"{self._stream.name}, line {self._line + mark.line + 1}: not valid YAML. Check the file, or make it "
                "again."
            ) from None
        except (UnicodeError, ValueError, OverflowError):
            raise BadCassetteError(f"{self._stream.name}: not valid YAML, or not UTF-8. Make it again.") from None
        return None

    def line(self, event: Event) -> int:
        """Give the line of an event, counted from 1."""
        return int(self._line + event.start_mark.line + 1)

    def finish(self) -> None:
        """See that nothing follows the document."""
        event = self.next()
        if event is not None:
            raise self.wrong(event, "a second document begins", "Put it into a file of its own.")

    def weigh_rest(self) -> None:
        """Count the node that was built last to what stands beside the list."""
        self._rest += self._weight
        if self._rest > MOST_REST:
            raise _rest_too_large(self._stream)

    def key(self, event: Event) -> str:
        """Build the key of a mapping."""
        if event is None:
            raise BadCassetteError(f"{self._stream.name}: ends within a mapping. Make it again.")
        key = self.build(event)
        if key is None:
            return Plain(event.value)
        if not isinstance(key, str):
            raise self.wrong(event, "a key is no text", "Make it text.")
        return key

    def build(self, event: Event) -> Value:
        """Build the node that begins with `event`."""
        self._aliased_before += self._aliased
        self._weight = self._aliased = 0
        stack: list[_Open] = []
        while True:
            name = type(event).__name__
            if name == "ScalarEvent":
                node = self._scalar(event)
                weight = len(event.value) + _NODE
                self._remember(event, node, weight)
            elif name == "AliasEvent":
                node, weight = self._alias(event)
            elif name in _STARTS:
                if len(stack) >= DEPTH:
                    raise self.wrong(event, f"it is nested more than {DEPTH} levels deep", "Remove that item.")
                stack.append(_Open(event, name == "MappingStartEvent", self._weight))
                event = self.next()
                continue
            elif event is None or not stack:
                raise BadCassetteError(f"{self._stream.name}: ends within an item. Make it again.")
            else:
                opened = stack.pop()
                node = self._closed(opened)
                weight = self._weight - opened.weight + _NODE
                self._weight = opened.weight
                self._remember(opened.event, node, weight)
            self._weight += weight
            if self._weight > LARGEST_ITEM:
                raise self.wrong(event, f"an item is larger than {LARGEST_ITEM >> 20} MiB", "Remove it.")
            if not stack:
                return node
            self._add(stack[-1], node, event)
            event = self.next()

    def _add(self, opened: _Open, node: Value, event: Event) -> None:
        if not opened.is_map:
            opened.list.append(node)
        elif opened.key is None:
            if node is None:
                node = Plain(getattr(event, "value", "~"))
            if not isinstance(node, str):
                raise self.wrong(event, "a key is no text", "Make it text.")
            opened.merges = node == "<<" and not getattr(event, "style", "'")
            opened.key = node
        else:
            if opened.merges:
                opened.merged.append(self._merge(node, event))
            else:
                if opened.key in opened.dict:
                    self._stream.remark(
                        "A key stands twice in a mapping; the last one counts.", f"line {self.line(event)}", lost=True
                    )
                opened.dict[opened.key] = node
            opened.key = None

    def _merge(self, node: Value, event: Event) -> dict[str, Value]:
        """Take the keys of the mappings that `<<` names, the first of them first."""
        merged: dict[str, Value] = {}
        for part in reversed(node) if isinstance(node, list) else (node,):
            if not isinstance(part, dict):
                raise self.wrong(event, "`<<` names no mapping", "Write the keys out.")
            merged.update(part)
        return merged

    def _closed(self, opened: _Open) -> Value:
        if opened.is_map:
            node: Value = opened.dict
            if opened.merged:
                before: dict[str, Value] = {}
                for part in opened.merged:
                    before = {**part, **before}
                node = {**before, **opened.dict}
        else:
            node = opened.list
        tag = opened.event.tag
        if tag is None or tag in _CONTAINER_TAGS:
            return node
        if tag in _HARMLESS or self._is_wanted(tag):
            return Tagged(tag, node)
        raise self._refused(opened.event)

    def _scalar(self, event: Event) -> Value:
        text: str = event.value
        tag = event.tag
        if tag is None:
            return text if event.style or not event.implicit[0] else plain_value(text)
        if tag in _TEXT_TAGS:
            return text
        if tag in _BINARY_TAGS:
            try:
                return binascii.a2b_base64(text.encode("ascii"))
            except (UnicodeEncodeError, binascii.Error):
                raise self.wrong(event, "a !!binary value is no base64", "Make the cassette again.") from None
        if tag in _CORE_TAGS and kind_of(text) == _CORE_TAGS[tag]:
            return plain_value(text)
        if self._is_wanted(tag):
            return Tagged(tag, text)
        raise self._refused(event)

    def _is_wanted(self, tag: str) -> bool:
        return tag in self._tags or (bool(self._beginnings) and tag.startswith(self._beginnings))

    def _remember(self, event: Event, node: Value, weight: int) -> None:
        anchor = event.anchor
        if anchor is None:
            return
        self._anchored += weight
        if self._anchored > MOST_REST:
            raise self.wrong(event, f"nodes with anchors are larger than {MOST_REST >> 20} MiB", "Write them out.")
        self._anchors[anchor] = node, weight

    def _alias(self, event: Event) -> tuple[Value, int]:
        known = self._anchors.get(event.anchor)
        if known is None:
            raise self.wrong(event, "an alias names no node before it", "Write the node out.")
        self._aliased += known[1]
        if self._aliased > MOST_REST:
            raise self.wrong(event, f"aliases grow beyond {MOST_REST >> 20} MiB", "Remove that item.")
        if self._aliased_before + self._aliased > MOST_ALIASED + ALIASED_A_BYTE * self._stream.taken:
            raise self.wrong(event, "aliases make the file grow without bound", "Write the nodes out.")
        return known

    def _refused(self, event: Event) -> BadCassetteError:
        tag = event.tag
        if tag.startswith(PYTHON):
            kind = tag.removeprefix(PYTHON).split(":")[0]
            what = f"a tag !!python/{kind if kind.isascii() and len(kind) < 40 else ''} would make a Python object"
            return self.wrong(event, what, "Nothing was run. Remove the tag, if you trust what it holds.")
        return self.wrong(
            event, "a tag asks for a type that no cassette needs", "Nothing was made of it. Remove the tag."
        )

    def wrong(self, event: Event, what: str, step: str) -> BadCassetteError:
        """Make the error for what is wrong at an event."""
        return BadCassetteError(f"{self._stream.name}, line {self.line(event)}: {what}. {step}")


_ABOUT_DOCUMENTS: Final = frozenset({"StreamStartEvent", "StreamEndEvent", "DocumentStartEvent", "DocumentEndEvent"})
_NODE: Final = 64
"""Bytes that a node takes, beside its text: about."""
_STARTS: Final = frozenset({"MappingStartEvent", "SequenceStartEvent"})


class _Open:
    """A mapping or a list that is being built."""

    __slots__ = ("dict", "event", "is_map", "key", "list", "merged", "merges", "weight")

    def __init__(self, event: Event, is_map: bool, weight: int) -> None:
        self.event = event
        self.is_map = is_map
        self.weight = weight
        self.key: str | None = None
        self.merges = False
        self.dict: dict[str, Value] = {}
        self.list: list[Value] = []
        self.merged: list[dict[str, Value]] = []
