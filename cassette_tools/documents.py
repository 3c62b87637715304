"""Documents as trees that know where each value stands, and those of YAML read so.

Law: a document is read as events, never by a parser that recurses; nesting is bounded by DEPTH, and an alias is the
node that it names, never a copy. The items of a cassette's list are handed over one by one and not kept. What cannot
be read raises UnreadableError with a place, and without recorded bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["DEPTH", "ITEMS", "Listing", "Node", "Scalar", "Table", "UnreadableError", "read", "yaml_events"]

DEPTH: Final = 200
"""Levels of nesting. Cassettes have about ten; libyaml's time grows with the square of the depth."""

ITEMS: Final = frozenset({b"interactions", b"http_interactions", b"entries"})
"""Keys of the lists of interactions: vcrpy and others, betamax and Ruby VCR, HAR."""

_ITEM_DEPTH: Final = 3
_BOM: Final = b"\xef\xbb\xbf"
_BINARY: Final = "tag:yaml.org,2002:binary"
_STEP: Final = 1 << 12
"""Characters between two places whose byte offsets are known."""


class UnreadableError(Exception):
    """The document is broken, or nested too deeply. `offset` (bytes) tells where, as far as that is known."""

    def __init__(self, what: str, offset: int = 0) -> None:
        super().__init__(what)
        self.offset = offset


class Scalar:
    """A value that is no container: bytes [start, end) of the document say it.

    `data` are the bytes of its value: of a string the UTF-8 of what it says, of anything else what is written.
    `quoted` is false where it is a number, a literal, or plain in YAML; `binary` is true for base64 by YAML's tag.
    """

    __slots__ = ("binary", "data", "end", "quoted", "start")

    def __init__(
        self, start: int, end: int, data: bytes, quoted: bool, binary: bool = False
    ) -> None:  # one for each value of a file: keywords cost
        self.start = start
        self.end = end
        self.data = data
        self.quoted = quoted
        self.binary = binary


class Listing:
    """A sequence."""

    __slots__ = ("end", "items", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.items: list[Node] = []


class Table:
    """A mapping: its pairs as they stand, so that duplicate keys are there too.

    `names` are those of its keys, of symbols (Ruby's `:request`) without the colon; ask for them when it is whole.
    """

    __slots__ = ("_names", "end", "pairs", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.pairs: list[tuple[Node, Node]] = []
        self._names: list[bytes] | None = None

    @property
    def names(self) -> list[bytes]:
        """One for each pair; empty for a key that is a container."""
        if self._names is None:
            said = [key.data if isinstance(key, Scalar) else b"" for key, _ in self.pairs]
            self._names = [name[1:] if name[:1] == b":" else name for name in said]
        return self._names


Node: TypeAlias = Scalar | Listing | Table


class Event(NamedTuple):
    """A step through a document: `kind` is `{`, `}`, `[`, `]`, `s` (a scalar) or `*` (an alias)."""

    kind: str
    start: int
    end: int
    scalar: Scalar | None = None
    anchor: str | None = None


def read(events: Iterable[Event], on_item: Callable[[int, Node], None]) -> list[Node]:
    """Read documents from events; call `on_item` with the number, from 1, and the node of each interaction.

    Those are the items of a list under a key of ITEMS, or of a list that is the whole document. Gives what is left:
    the documents without them. Raises UnreadableError.
    """
    building = _Building(on_item)
    for event in events:
        building.take(event)
    return building.roots


class _Building:
    def __init__(self, on_item: Callable[[int, Node], None]) -> None:
        self.roots: list[Node] = []
        self._on_item = on_item
        self._open: list[Listing | Table] = []
        self._keys: list[Node | None] = []  # of each open table the key that waits for its value
        self._count = 0
        self._anchors: dict[str, Node] = {}

    def take(self, event: Event) -> None:
        if event.kind == "s":
            if event.scalar is not None:
                self._named(event, event.scalar)
                self._add(event.scalar)
        elif event.kind in "{[":
            if len(self._open) >= DEPTH:
                raise UnreadableError(f"nested more than {DEPTH} levels deep", event.start)
            node: Listing | Table = Table(event.start) if event.kind == "{" else Listing(event.start)
            self._named(event, node)
            self._open.append(node)
            self._keys.append(None)
        elif event.kind == "*":
            named = self._anchors.get(event.anchor or "")
            # What was handed over, or stood in a part that was read before, was looked at there.
            self._add(named if named is not None else Scalar(event.start, event.end, b"", quoted=False))
        else:
            closed = self._open.pop()
            self._keys.pop()
            closed.end = event.end
            self._add(closed)

    def _named(self, event: Event, node: Node) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = node

    def _add(self, node: Node) -> None:
        if not self._open:
            self.roots.append(node)
            return
        holder = self._open[-1]
        if isinstance(holder, Listing):
            if self._holds_items():
                self._count += 1
                self._on_item(self._count, node)
            else:
                holder.items.append(node)
        elif self._keys[-1] is None:
            self._keys[-1] = node
        else:
            holder.pairs.append((self._keys[-1], node))
            self._keys[-1] = None

    def _holds_items(self) -> bool:
        depth = len(self._open)
        if depth == 1:
            return True
        key = self._keys[-2] if depth <= _ITEM_DEPTH else None
        return isinstance(key, Scalar) and key.end - key.start <= 64 and key.data in ITEMS


def yaml_events(data: bytes, start: int = 0) -> Iterator[Event]:
    """Read the YAML documents of `data` from `start` on. Raises UnreadableError."""
    import yaml  # noqa: PLC0415 -- only where a file needs it

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = data[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError("not valid UTF-8", start + error.start) from None
    if text.startswith("\ufeff"):
        text, start = text[1:], start + len(_BOM)
    place = _Offsets(text, start)
    try:
        for event in yaml.parse(text, Loader=loader):
            kind = _KINDS.get(type(event).__name__)
            if kind is not None:
                yield _step(event, kind, place)
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        position = mark.index if mark is not None else getattr(error, "position", None)
        raise UnreadableError("not valid YAML", place.of(min(int(position or 0), len(text)))) from None


def _step(event: Any, kind: str, place: _Offsets) -> Event:  # noqa: ANN401 -- classes differ by loader
    start, end = place.of(event.start_mark.index), place.of(event.end_mark.index)
    scalar = None
    if kind == "s":
        value = event.value.encode("utf-8", "surrogatepass")
        scalar = Scalar(start, end, value, quoted=bool(event.style), binary=event.tag == _BINARY)
    return Event(kind, start, end, scalar, getattr(event, "anchor", None))


_KINDS: Final = {
    "ScalarEvent": "s",
    "AliasEvent": "*",
    "MappingStartEvent": "{",
    "MappingEndEvent": "}",
    "SequenceStartEvent": "[",
    "SequenceEndEvent": "]",
}


class _Offsets:
    """Byte offsets of characters: libyaml counts characters."""

    __slots__ = ("_bytes", "_start", "_text")

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = start
        self._bytes: list[int] = []
        if not text.isascii():
            total = 0
            for at in range(0, len(text) + 1, _STEP):
                self._bytes.append(total)
                total += len(text[at : at + _STEP].encode("utf-8"))

    def of(self, index: int) -> int:
        if not self._bytes:
            return self._start + index
        step = index // _STEP
        return self._start + self._bytes[step] + len(self._text[step * _STEP : index].encode("utf-8"))
