"""The items of a YAML list one by one, in bounded memory, without running anything that the file says.

Law: YAML is read as events and built here; no loader constructs an object, whatever tag stands in the file. Nesting is
bounded by DEPTH, an item by LARGEST_ITEM, an alias is the node that it names and never a copy, and what an item would
grow to when its aliases are written out is bounded, too. Whatever the bytes, only BadCassetteError leaves this module.

Memory: one item, the anchored nodes so far (MOST_REST bytes), and the keys beside the list (MOST_REST bytes).
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from recorder.errors import BadCassetteError, NotACassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.input_stream import InputStream

__all__ = ["DEPTH", "LARGEST_ITEM", "MOST_REST", "Plain", "Tagged", "Value", "YamlItem", "YamlItems"]

DEPTH: Final = 200
"""Levels of nesting. Cassettes have about ten; libyaml's time grows with the square of the depth."""
LARGEST_ITEM: Final = 256 << 20
"""Bytes of one item."""
MOST_REST: Final = 16 << 20
"""Bytes of what stands beside the list, and of the nodes that have anchors."""

Value: TypeAlias = Any
"""dict with str keys, list, str, Plain, bytes, Tagged, or None."""
Event: TypeAlias = Any
"""An event of PyYAML: its classes have no types."""


class Plain(str):
    """Text without quotes that YAML 1.1 reads as something other than a string or null: `200`, `true`, `2020-01-01`."""

    __slots__ = ()

    def resolve(self) -> int | float | bool | str | None:
        """Give the number or truth value that PyYAML reads; timestamps, and what is none of these, as text."""
        kind = _kind(self) if len(self) <= _LONGEST_NUMBER else "str"
        try:
            if kind == "int":
                return _integer(self.replace("_", ""))
            if kind == "float":
                return _float(self.replace("_", "").lower())
        except ValueError:  # 0b_, 0x_, or more digits than Python takes
            return str(self)
        if kind == "bool":
            return self.lower() in ("yes", "true", "on")
        return None if kind == "null" else str(self)

    def moment(self) -> date | None:
        """Give the date, or the datetime, that PyYAML reads; None where it is no timestamp."""
        found = _TIMESTAMP.fullmatch(self) if len(self) <= _LONGEST_NUMBER else None
        if found is None:
            return None
        year, month, day = (int(found[name] or found[f"{name}_"]) for name in ("year", "month", "day"))
        try:
            if found["hour"] is None:
                return date(year, month, day)
            time = (int(found["hour"]), int(found["minute"]), int(found["second"]))
            micro = int((found["fraction"] or "")[:6].ljust(6, "0"))
            zone = None
            if found["sign"]:
                ahead = timedelta(hours=int(found["zone_hour"]), minutes=int(found["zone_minute"] or 0))
                zone = timezone(-ahead if found["sign"] == "-" else ahead)
            elif found["zone"]:
                zone = UTC
            return datetime(year, month, day, *time, micro, zone)  # noqa: DTZ001 - as it is said, with or without
        except ValueError:
            return None


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

    Raises NotACassetteError where there is no such list, and BadCassetteError.
    """

    def __init__(self, stream: InputStream, keys: frozenset[str], *, tags: frozenset[str] = frozenset()) -> None:
        self.rest: dict[str, Value] = {}
        self.key: str | None = None
        self._stream = stream
        self._keys = keys
        self._nodes = _Nodes(stream, tags)

    def __iter__(self) -> Iterator[YamlItem]:
        yield from self._from_events(_Source(self._stream, b""), 0)

    def _from_events(self, source: _Source, line: int) -> Iterator[YamlItem]:
        """Read the whole document as one stream of events. `line` is that of the first, counted from 0."""
        nodes = self._nodes
        nodes.open(source, line)
        number = 0
        first = nodes.next()
        kind = type(first).__name__
        if kind == "SequenceStartEvent":
            for item in self._items(source):
                number += 1
                yield YamlItem(item[0], number, item[1])
        elif kind == "MappingStartEvent":
            found = False
            while True:
                event = nodes.next()
                if type(event).__name__ == "MappingEndEvent":
                    break
                key = nodes.key(event)
                event = nodes.next()
                if key in self._keys and not found and type(event).__name__ == "SequenceStartEvent":
                    found = True
                    self.key = key
                    for item in self._items(source):
                        number += 1
                        yield YamlItem(item[0], number, item[1])
                else:
                    self.rest[key] = nodes.build(event)
                    nodes.weigh_rest()
            if not found:
                raise self._no_list()
        else:
            raise self._no_list()
        nodes.finish()

    def _items(self, source: _Source) -> Iterator[tuple[Value, int]]:
        nodes = self._nodes
        while True:
            event = nodes.next()
            if type(event).__name__ == "SequenceEndEvent":
                return
            value = nodes.build(event)
            source.since = 0
            yield value, nodes.line(event)

    def _no_list(self) -> NotACassetteError:
        names = " or ".join(f"`{key}`" for key in sorted(self._keys))
        return NotACassetteError(f"{self._stream.name}: not a cassette: it has no list {names}. Check the file.")


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
            raise BadCassetteError(
                f"{self._stream.name}: an item is larger than {LARGEST_ITEM >> 20} MiB. Remove it from the cassette."
            )
        return data


class _Nodes:
    """Builds nodes from events, without recursion."""

    def __init__(self, stream: InputStream, tags: frozenset[str]) -> None:
        self._stream = stream
        self._tags = frozenset(tag for tag in tags if not tag.endswith("*"))
        self._beginnings = tuple(tag[:-1] for tag in tags if tag.endswith("*"))
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._anchored = 0
        self._weight = 0
        self._rest = 0

    def open(self, source: Any, line: int) -> None:  # noqa: ANN401 - bytes, or what has a method read
        """Begin to read a document. Comes to its first node with `next`."""
        import yaml  # noqa: PLC0415 - only where a file needs it

        self._line = line
        self._error: Any = yaml.YAMLError
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[Any] = yaml.parse(source, Loader=loader)

    def next(self) -> Event:
        """Give the next event that is not about documents. The end of the stream is None."""
        try:
            for event in self._events:
                name = type(event).__name__
                if name not in _ABOUT_DOCUMENTS:
                    return event
        except self._error as error:
            mark = getattr(error, "problem_mark", None)
            place = f", line {self._line + mark.line + 1}" if mark is not None else ""
            raise BadCassetteError(
                f"{self._stream.name}{place}: not valid YAML. Check the file, or make it again."
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
            raise self._wrong(event, "a second document begins", "Put it into a file of its own.")

    def weigh_rest(self) -> None:
        """Count the node that was built last to what stands beside the list."""
        self._rest += self._weight
        if self._rest > MOST_REST:
            raise BadCassetteError(
                f"{self._stream.name}: what stands beside the list is larger than {MOST_REST >> 20} MiB. Remove it."
            )

    def key(self, event: Event) -> str:
        """Build the key of a mapping."""
        key = self.build(event)
        if key is None:
            return Plain(event.value)
        if not isinstance(key, str):
            raise self._wrong(event, "a key is no text", "Make it text.")
        return key

    def build(self, event: Event) -> Value:
        """Build the node that begins with `event`."""
        self._weight = 0
        stack: list[_Open] = []
        while True:
            name = type(event).__name__
            if name == "ScalarEvent":
                node = self._scalar(event)
                weight = len(event.value) + 8
                self._remember(event, node, weight)
            elif name == "AliasEvent":
                node, weight = self._alias(event)
            elif name in _STARTS:
                if len(stack) >= DEPTH:
                    raise self._wrong(event, f"it is nested more than {DEPTH} levels deep", "Remove that item.")
                stack.append(_Open(event, name == "MappingStartEvent", self._weight))
                event = self.next()
                continue
            elif event is None or not stack:
                raise BadCassetteError(f"{self._stream.name}: ends within an item. Make it again.")
            else:
                opened = stack.pop()
                node = self._closed(opened)
                weight = self._weight - opened.weight + 8
                self._weight = opened.weight
                self._remember(opened.event, node, weight)
            self._weight += weight
            if self._weight > LARGEST_ITEM:
                raise self._wrong(event, f"an item is larger than {LARGEST_ITEM >> 20} MiB", "Remove it.")
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
                raise self._wrong(event, "a key is no text", "Make it text.")
            opened.merges = node == "<<" and not getattr(event, "style", "'")
            opened.key = node
        else:
            if opened.merges:
                opened.merged.append(self._merge(node, event))
            else:
                if opened.key in opened.dict:
                    self._stream.remark(
                        "A key stands twice in a mapping; the last one counts.", f"line {self.line(event)}"
                    )
                opened.dict[opened.key] = node
            opened.key = None

    def _merge(self, node: Value, event: Event) -> dict[str, Value]:
        """Take the keys of the mappings that `<<` names, the first of them first."""
        merged: dict[str, Value] = {}
        for part in reversed(node) if isinstance(node, list) else (node,):
            if not isinstance(part, dict):
                raise self._wrong(event, "`<<` names no mapping", "Write the keys out.")
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
                raise self._wrong(event, "a !!binary value is no base64", "Make the cassette again.") from None
        if tag in _CORE_TAGS and _kind(text) == _CORE_TAGS[tag]:
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
            raise self._wrong(event, f"nodes with anchors are larger than {MOST_REST >> 20} MiB", "Write them out.")
        self._anchors[anchor] = node, weight

    def _alias(self, event: Event) -> tuple[Value, int]:
        known = self._anchors.get(event.anchor)
        if known is None:
            raise self._wrong(event, "an alias names no node before it", "Write the node out.")
        return known

    def _refused(self, event: Event) -> BadCassetteError:
        tag = event.tag
        if tag.startswith(PYTHON):
            kind = tag.removeprefix(PYTHON).split(":")[0]
            what = f"a tag !!python/{kind if kind.isascii() and len(kind) < 40 else ''} would make a Python object"
            return self._wrong(event, what, "Nothing was run. Remove the tag, if you trust what it holds.")
        return self._wrong(
            event, "a tag asks for a type that no cassette needs", "Nothing was made of it. Remove the tag."
        )

    def _wrong(self, event: Event, what: str, step: str) -> BadCassetteError:
        return BadCassetteError(f"{self._stream.name}, line {self.line(event)}: {what}. {step}")


_ABOUT_DOCUMENTS: Final = frozenset({"StreamStartEvent", "StreamEndEvent", "DocumentStartEvent", "DocumentEndEvent"})
_TWICE: Final = "A key stands twice in a mapping; the last one counts."
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


# -- plain scalars, by the types of YAML 1.1 as PyYAML's resolver knows them

_MAY_BE_TYPED: Final = frozenset("-+0123456789.yYnNtTfFoO~")
_BOOL: Final = re.compile(r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF")
_INT: Final = re.compile(r"[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)")
_FLOAT: Final = re.compile(
    r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_TIMESTAMP: Final = re.compile(
    r"(?P<year>[0-9]{4})-(?:(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"|(?P<month_>[0-9]{1,2})-(?P<day_>[0-9]{1,2})(?:[Tt]|[ \t]+)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    r":(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]*))?"
    r"(?:[ \t]*(?P<zone>Z|(?P<sign>[-+])(?P<zone_hour>[0-9]{1,2})(?::(?P<zone_minute>[0-9]{2}))?))?)"
)
_LONGEST_NUMBER: Final = 1000
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


def plain_value(text: str) -> str | None:
    """Give what a plain scalar is: a str, a Plain, or None."""
    if text and text[0] not in _MAY_BE_TYPED:
        return text
    kind = _kind(text)
    if kind == "str":
        return text
    return None if kind == "null" else Plain(text)


def _kind(text: str) -> str:
    if text in _NULLS:
        return "null"
    for kind, form in (("int", _INT), ("float", _FLOAT), ("bool", _BOOL), ("timestamp", _TIMESTAMP)):
        if form.fullmatch(text):
            return kind
    return "str"


def _integer(text: str) -> int:
    sign = -1 if text[0] == "-" else 1
    text = text.lstrip("+-")
    if ":" in text:
        whole = 0
        for part in text.split(":"):
            whole = whole * 60 + int(part)
        return sign * whole
    for prefix, base in (("0b", 2), ("0x", 16)):
        if text.startswith(prefix):
            return sign * int(text[2:], base)
    return sign * int(text, 8 if text[0] == "0" else 10)


def _float(text: str) -> float:
    sign = -1.0 if text[0] == "-" else 1.0
    text = text.lstrip("+-")
    if text in (".inf", ".nan"):
        return sign * float(text[1:])
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return sign * total
