"""The closer look at a cassette: goes through the tree of an interaction and finds what would be redacted.

Law: the tree may be that of any tool: vcrpy and what is built on it, betamax and Ruby VCR, go-vcr, HAR, this toolkit.
Where headers, cookies, queries, URLs and bodies are is told by their keys, and what stands elsewhere is looked at as
text. Bodies are decoded (base64, hexadecimal digits, compression, UTF-16) before they are looked at. No value leaves.

Memory: the bodies of one interaction, unpacked, and some 2 MB of remembered values.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Final, NamedTuple

from cassette_tools.documents import Listing, Node, Scalar, Table
from cassette_tools.pieces import LARGEST
from cassette_tools.stand_ins import is_stand_in
from recorder.coding import CodingError, open_decoder, split_codings
from recorder.redact.content import context_of, unpack, wide_codec
from recorder.redact.headers import header_spans
from recorder.redact.leaf import Context
from recorder.redact.names import is_token_endpoint, normalize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from recorder.redact.engine import Redactor
    from recorder.redact.known import Span
    from recorder.redact.places import Names

__all__ = ["Exploration", "Found", "Memory"]


class Found(NamedTuple):
    """Something found in bytes [start, end) of a piece; [low, high) are those of the value that holds it."""

    start: int
    low: int
    high: int
    rule: str
    place: str
    interaction: int | None


class _Message(NamedTuple):
    """What is known of the message that a body belongs to."""

    headers: list[tuple[str, str]]
    url: str


class _Where(NamedTuple):
    """Where in an interaction a value stands."""

    interaction: int | None = None
    side: str = ""
    part: str = ""
    messages: Mapping[str, _Message] = {}
    coded: str = ""

    @property
    def place(self) -> str:
        return ".".join(filter(None, (self.side, self.part))) or "document"


class _Role(NamedTuple):
    """What a key of a table stands for; see `_role_of`."""

    kind: str
    says: str
    is_secret: bool
    is_never: bool
    is_base64: bool
    is_content: bool


def _role_of(name: bytes, names: Names) -> _Role:
    low = name.lower().removeprefix(b":")
    kind, says = next(((kind, table[low]) for kind, table in _KINDS if low in table), ("", ""))
    return _Role(kind, says, names.in_body(name), low in _NEVER, low in _BASE64_KEYS, low in _CONTENT)


class Memory:
    """What was found in short values, which come again and again: at most MOST_REMEMBERED of LONGEST_REMEMBERED bytes.

    Spans depend on a value and on what it is, and on nothing around it.
    """

    __slots__ = ("_known", "_names", "_redactor", "_roles")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[tuple[bytes | bool, bytes], list[Span]] = {}
        self._names: dict[bytes, str] = {}
        self._roles: dict[bytes, _Role] = {}

    def role(self, name: bytes) -> _Role:
        """Tell what a key stands for."""
        known = self._roles.get(name)
        if known is None:
            known = _role_of(name, self._redactor.rules.names)
            if len(name) <= LONGEST_REMEMBERED:
                if len(self._roles) >= MOST_REMEMBERED:
                    self._roles.clear()
                self._roles[name] = known
        return known

    def in_text(self, data: bytes) -> list[Span]:
        """Give what would go from a text."""
        known = self._known.get((False, data))
        if known is None:
            known = self._redactor.find(data, _TEXT)
            self._remember(False, data, known)
        return known

    def in_header(self, name: bytes, data: bytes) -> list[Span]:
        """Give what would go from the value of a header."""
        known = self._known.get((name, data))
        if known is None:
            known = [*header_spans(self.folded(name), data, self._redactor.rules), *self._redactor.find(data, _HEADER)]
            self._remember(name, data, known)
        return known

    def folded(self, name: bytes) -> str:
        """Give a name as rules know it."""
        known = self._names.get(name)
        if known is None:
            known = normalize(name.decode("utf-8", "replace"))
            if len(name) <= LONGEST_REMEMBERED:
                if len(self._names) >= MOST_REMEMBERED:
                    self._names.clear()
                self._names[name] = known
        return known

    def _remember(self, kind: bytes | bool, data: bytes, spans: list[Span]) -> None:
        if len(data) <= LONGEST_REMEMBERED:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[kind, data] = spans


class Exploration:
    """Goes through the tree of an interaction and finds what would be redacted.

    `found` is what it found, `items` where the interactions are that it went through.
    """

    def __init__(self, redactor: Redactor, data: bytes, number: int, memory: Memory) -> None:
        self.found: list[Found] = []
        self.items: list[tuple[int, int, int]] = []  # of each interaction where it begins and ends, and its number
        self.number = number
        self._redactor = redactor
        self._rules = redactor.rules
        self._memory = memory
        self._data = data
        self._seen: set[tuple[int, str, str, str]] = set()

    def item(self, number: int, node: Node) -> None:
        """Take an item of a list of interactions."""
        whole = isinstance(node, Table) and (b"request" in node.names or b"response" in node.names)
        self._begin(node, _Where(self.number + number if whole else None))

    def rest(self, node: Node) -> None:
        """Take what is left of a document without its interactions."""
        self._begin(node, _Where())

    def line(self, node: Node) -> None:
        """Take a line of a cassette: of this toolkit, or with an interaction of another tool."""
        kind = _text_of(node, b"type")
        if kind == "body":
            self._begin(node, _Where(None, _text_of(node, b"part") or "", "body"))
        else:
            whole = kind == "interaction" or (kind is None and _member(node, b"request") is not None)
            self._begin(node, _Where(self.number if whole else None))

    def _begin(self, node: Node, where: _Where) -> None:
        if where.interaction is not None:
            self.items.append((node.start, node.end, where.interaction))
        self._seen = set()
        self._visit(node, where)

    def _visit(self, node: Node, where: _Where) -> None:
        if isinstance(node, Scalar):
            self._scalar(node, where)
            return
        # An alias makes one node stand at several places: each kind of place is looked at once.
        mark = (id(node), where.side, where.part, where.coded)
        if mark in self._seen:
            return
        self._seen.add(mark)
        if isinstance(node, Listing):
            for one in node.items:
                self._visit(one, where)
        else:
            self._table(node, where)

    def _table(self, table: Table, where: _Where) -> None:
        if not where.part:
            where = _told(table, where)
        elif where.part in ("body", "received"):
            where = where._replace(coded=_coding(table))
        names = table.names
        if where.part in _NAMED_PARTS and b"name" in names and b"value" in names:
            name, beside = _member(table, b"name"), _member(table, b"value")
            if isinstance(name, Scalar) and beside is not None:
                self._pair_of_query(table, name, beside, where)
                return
        content = None if where.part else _member(table, b"body_content")
        if content is not None:  # cassetter's TOML: a body without a table of its own
            self._visit(content, where._replace(part="body", coded=_coding(table)))
        for key, value in table.pairs:
            if value is not content:
                self._pair(key, value, where)

    def _pair_of_query(self, table: Table, name: Scalar, beside: Node, where: _Where) -> None:
        """Take a table of `name` and `value`, and what else is in it."""
        self._named(name.data, beside, where)
        for _, value in table.pairs:
            if value is not beside and value is not name:
                self._visit(value, where._replace(part=""))

    def _pair(self, key: Node, value: Node, where: _Where) -> None:
        name = key.data if isinstance(key, Scalar) else b""
        role = self._memory.role(name)
        part = where.part
        if not part:
            if role.kind:
                self._by_role(role, value, where)
                return
        elif part in _BY_NAME:
            self._named(name, value, where)
            return
        if role.is_secret and (part or not role.is_never):
            self._secret(value, f"field:{self._memory.folded(name)}", where)
            return
        coded = "base64" if role.is_base64 else where.coded if role.is_content else ""
        if coded != where.coded:
            where = where._replace(coded=coded)
        if isinstance(value, Scalar):
            self._scalar(value, where)
        else:
            self._visit(value, where)

    def _by_role(self, role: _Role, value: Node, where: _Where) -> None:
        """Take what a key stands for that says where in an interaction it is."""
        if role.kind == "side":
            self._visit(value, where._replace(side=role.says))
        elif role.kind == "bodies":
            self._bodies(value, where)
        elif role.kind == "headers":
            self._headers(value, where._replace(part=role.says))
        elif role.kind == "part" and not (role.says == "body" and _is_description(value)):
            self._part(value, where._replace(part=role.says))

    def _part(self, node: Node, where: _Where) -> None:
        if where.part == "query" and isinstance(node, Scalar):
            node = Scalar(node.start, node.end, b"?" + node.data, quoted=True)
            self._scalar(node, where._replace(part="url"))
        else:
            self._visit(node, where._replace(coded="base64") if where.part == "received" else where)

    def _bodies(self, node: Node, where: _Where) -> None:
        """Take the bodies of an interaction of this toolkit, which stand apart from its messages."""
        for key, value in node.pairs if isinstance(node, Table) else ():
            side = key.data.decode("utf-8", "replace") if isinstance(key, Scalar) else ""
            self._visit(value, where._replace(side=side if side in _SIDES else "", part="body"))

    # Names and values.

    def _headers(self, node: Node, where: _Where) -> None:
        """Take headers: a table, or a list of pairs or of tables with `name` and `value`."""
        for name, value in _quick_pairs(node) or _header_nodes(node):
            for scalar in (value,) if isinstance(value, Scalar) else _scalars(value):
                spans = self._memory.in_header(name, scalar.data)
                if spans:
                    self._add(scalar, spans, scalar.data, where)

    def _named(self, name: bytes, value: Node, where: _Where) -> None:
        """Take a value beside its name."""
        names = self._rules.names
        if where.part == "cookies":
            self._secret(value, "cookie", where)
        elif where.part == "query" and (names.in_query(name) or names.in_body(name)):
            self._secret(value, f"query:{self._memory.folded(name)}", where)
        elif where.part == "body" and (names.in_body(name) or names.in_header(name)):
            self._secret(value, f"field:{self._memory.folded(name)}", where)
        else:
            self._visit(value, where)

    def _secret(self, node: Node, rule: str, where: _Where) -> None:
        for scalar in _scalars(node):
            data = scalar.data
            spans = self._memory.in_text(data)
            empty = not data.strip() or (not scalar.quoted and data.lower() in _NOTHING)
            if not spans and not empty and not is_stand_in(data) and data.lower() not in _NO_COOKIE:
                at = scalar.start + (1 if scalar.quoted else 0)
                self.found.append(Found(at, scalar.start, scalar.end, rule, where.place, where.interaction))
            self._add(scalar, spans, data, where)

    # Texts.

    def _scalar(self, scalar: Scalar, where: _Where) -> None:
        data = scalar.data
        if scalar.binary or where.coded:
            plain = _decoded(data, "base64" if scalar.binary else where.coded)
            if plain is not None:
                self._body(scalar, plain, where, exact=False)
                return
        if where.part == "url":
            url = data.decode("utf-8", "replace")
            self._add(
                scalar, self._redactor.find(data, Context(url=True, token_endpoint=is_token_endpoint(url))), data, where
            )
        elif where.part == "body":
            self._body(scalar, data, where, exact=True)
            if len(data) >= _SHORTEST_UNMARKED and _UNMARKED.fullmatch(data):
                plain = _decoded(data, "base64")
                if plain is not None:
                    self._body(scalar, plain, where, exact=False)
        elif scalar.quoted or not _PLAIN.fullmatch(data):
            self._add(scalar, self._memory.in_text(data), data, where)

    def _body(self, scalar: Scalar, data: bytes, where: _Where, *, exact: bool) -> None:
        """Look at a body, and into what is packed in it."""
        message = where.messages.get(where.side, _NO_MESSAGE)
        plain = _unpacked(data, message.headers)
        token_request = where.side == "request" and is_token_endpoint(message.url)
        context = context_of([list(pair) for pair in message.headers], plain, token_request=token_request)
        codec = wide_codec(plain)
        if codec is not None:
            plain = plain.decode(codec).encode("utf-8")
            context = context._replace(binary=False)
        self._add(scalar, self._redactor.find(plain, context), plain, where, exact=exact and plain is data)
        for part in _parts(plain, context.boundary) if context.boundary and context.binary else ():
            packed = unpack(part)
            if packed is not None:
                self._add(scalar, self._redactor.find(packed.plain, packed.context), packed.plain, where, exact=False)

    def _add(self, scalar: Scalar, spans: list[Span], data: bytes, where: _Where, *, exact: bool = True) -> None:
        if not spans:
            return
        upto = 0
        for span in sorted(spans, key=lambda span: (span.start, -span.end, not span.rule.startswith("known:"))):
            known = span.rule.startswith(("known:", "format:"))
            if span.start < upto or (
                not known and (is_stand_in(span.value) or is_stand_in(data[span.start : span.end]))
            ):
                continue
            upto = span.end
            start = self._position(scalar, data, span) if exact else scalar.start
            self.found.append(Found(start, scalar.start, scalar.end, span.rule, where.place, where.interaction))

    def _position(self, scalar: Scalar, data: bytes, span: Span) -> int:
        """Tell where in the file a part of a value stands; the value's beginning where it is written otherwise."""
        low, high = scalar.start, scalar.end
        needle = data[span.start : span.end].split(b"\n")[0][:_LONGEST_NEEDLE]
        before = data.count(needle, 0, span.start) if needle else _MOST_BEFORE
        at = low - 1
        for _ in range(before + 1 if before < _MOST_BEFORE else 0):
            at = self._data.find(needle, at + 1, high)
            if at < 0:
                break
        return max(at, low)


# Values.


def _decoded(data: bytes, coding: str) -> bytes | None:
    text = b"".join(data.split())
    try:
        if coding == "hex":
            return bytes.fromhex(text.decode("ascii"))
        if b"-" in text or b"_" in text:
            text = text.translate(_TO_STANDARD)
        return b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (Base64Error, ValueError):
        return None


def _unpacked(data: bytes, headers: list[tuple[str, str]]) -> bytes:
    """Open a body that is compressed, by its own bytes or by its Content-Encoding; else give it as it is."""
    packed = unpack(data)
    if packed is not None:
        return packed.plain
    coding = next((value for name, value in headers if name.lower() == "content-encoding"), "")
    if not coding or _is_text(data):
        return data
    out: list[bytes] = []
    size = 0
    try:
        decoder = open_decoder(split_codings(coding))
        for part in decoder.feed(data):
            out.append(part)
            size += len(part)
            if size > LARGEST:
                break
    except CodingError:
        return b"".join(out) or data
    return b"".join(out)


def _parts(data: bytes, boundary: bytes) -> Iterator[bytes]:
    """Give the contents of the parts of a multipart body (RFC 2046 section 5.1)."""
    at = data.find(b"\r\n\r\n")
    while at >= 0:
        end = data.find(b"\r\n--" + boundary, at)
        end = len(data) if end < 0 else end
        yield data[at + 4 : end]
        at = data.find(b"\r\n\r\n", end)


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# Trees.


def _member(table: Node, key: bytes) -> Node | None:
    if isinstance(table, Table) and key in table.names:
        return table.pairs[table.names.index(key)][1]
    return None


def _text_of(table: Node, key: bytes) -> str | None:
    value = _member(table, key)
    return value.data.decode("utf-8", "replace") if isinstance(value, Scalar) else None


def _message(node: Node) -> _Message:
    headers = _member(node, b"headers")
    pairs = [
        (name.decode("utf-8", "replace"), value.data[:_LONGEST_HEADER].decode("utf-8", "replace"))
        for name, values in _quick_pairs(headers) or _header_nodes(headers)
        if len(name) in _LENGTHS and name.lower() in (b"content-type", b"content-encoding")
        for value in _scalars(values)
    ]
    url = _text_of(node, b"url") or _text_of(node, b"uri") or _text_of(node, b"path") or ""
    return _Message(pairs, url)


def _told(table: Table, where: _Where) -> _Where:
    """Add what a table tells of the messages in it, or of itself where it is one."""
    names = table.names
    if b"request" in names or b"response" in names:
        sides = ((side, _member(table, side.encode())) for side in _SIDES)
        return where._replace(messages={side: _message(node) for side, node in sides if node is not None})
    if where.side and where.side not in where.messages:
        return where._replace(messages={where.side: _message(table)})
    return where


def _header_nodes(node: Node | None) -> Iterator[tuple[bytes, Node]]:
    """Give names and values of headers, in whichever way they are kept."""
    if isinstance(node, Table):
        for key, value in node.pairs:
            yield (key.data if isinstance(key, Scalar) else b""), value
    elif isinstance(node, Listing):
        names = node.items[::2]
        for name, value in zip(names, node.items[1::2], strict=False):
            if isinstance(name, Scalar):  # name, value, name, value: Node's rawHeaders
                yield name.data, value
        for item in node.items:
            yield from _header_of(item)


def _quick_pairs(node: Node | None) -> list[tuple[bytes, Node]]:
    """Give headers that are all pairs of two strings, as those of this toolkit are; none where one is not."""
    if not isinstance(node, Listing):
        return []
    pairs: list[tuple[bytes, Node]] = []
    for item in node.items:
        if not isinstance(item, Listing) or len(item.items) != 2:
            return []
        name, value = item.items
        if not isinstance(name, Scalar) or not isinstance(value, Scalar):
            return []
        pairs.append((name.data, value))
    return pairs


def _header_of(item: Node) -> Iterator[tuple[bytes, Node]]:
    if isinstance(item, Scalar):
        line = _HEADER_LINE.fullmatch(item.data)  # "Name: value", as vcrpy 0.7 has responses'
        if line is not None:
            yield line[1], Scalar(item.start, item.end, line[2], quoted=item.quoted)
    elif isinstance(item, Listing):
        yield from _pair_of(item)
        if item.items and isinstance(item.items[0], Listing):  # in one more list, as vcrpy 0.7 has requests'
            for inner in item.items:
                yield from _pair_of(inner)
    elif isinstance(item, Table):
        name, held = _member(item, b"name"), _member(item, b"value")
        if isinstance(name, Scalar) and held is not None:
            yield name.data, held


def _pair_of(item: Node) -> Iterator[tuple[bytes, Node]]:
    """Give the header that a list of a name and values is."""
    name = item.items[0] if isinstance(item, Listing) and item.items else None
    if isinstance(item, Listing) and isinstance(name, Scalar):
        for value in item.items[1:]:
            yield name.data, value


def _scalars(node: Node) -> Iterator[Scalar]:
    """Give all scalars of a tree, each node once."""
    waiting: list[Node] = [node]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, Scalar):
            yield one
        elif id(one) not in seen:
            seen.add(id(one))
            waiting.extend(reversed(one.items if isinstance(one, Listing) else [value for _, value in one.pairs]))


def _is_description(node: Node) -> bool:
    """Tell whether a table only describes a body, as the lines of this toolkit do: sizes, a digest, words."""
    return (
        isinstance(node, Table)
        and _DESCRIPTION.issuperset(node.names)
        and all(isinstance(value, Scalar) and _DESCRIBED.fullmatch(value.data) for _, value in node.pairs)
    )


def _coding(table: Table) -> str:
    """Tell how the content of a body is encoded, where the table says so."""
    for key in (b"encoding", b"type", b"format", b"body_type"):
        said = (_text_of(table, key) or "").lower()
        if said in ("base64", "hex"):
            return said
        if said == "binary":
            content = _text_of(table, b"content") or _text_of(table, b"body_content") or ""
            return "hex" if re.fullmatch("(?:[0-9A-Fa-f]{2})*", content) else "base64"
    return ""


MOST_REMEMBERED: Final = 4096
LONGEST_REMEMBERED: Final = 256
"""Bytes."""

_TEXT: Final = Context(body=True)
_HEADER: Final = Context(url=True)
_NAMED_PARTS: Final = frozenset({"cookies", "query", "body"})
_SIDES: Final = ("request", "response")
_NO_MESSAGE: Final = _Message([], "")
_BY_SIDE: Final = {b"request": "request", b"response": "response", b"error": "error"}
_HEADERS: Final = {b"headers": "headers", b"header": "headers", b"rawheaders": "headers", b"trailers": "trailers"}
_PARTS: Final = {
    b"url": "url",
    b"uri": "url",
    b"target": "url",
    b"path": "url",
    b"redirecturl": "url",
    b"host": "url",
    b"authority": "url",
    b"cookies": "cookies",
    b"querystring": "query",
    b"query": "query",
    b"params": "query",
    b"form": "query",
    b"body": "body",
    b"content": "body",
    b"postdata": "body",
    b"text": "body",
    b"string": "body",
    b"received": "received",
    b"message": "message",
    b"status": "status",
    b"reason": "reason",
}
_CONTENT: Final = frozenset({b"content", b"text", b"string", b"data", b"body", b"base64", b"base64_string"})
_BASE64_KEYS: Final = frozenset({b"base64", b"base64_string"})
_OWN: Final = {b"redacted": "", b"redaction": ""}
"""What a recorder says of its own redaction: rules, which bear the names of what was taken out, and counts."""
_KINDS: Final[tuple[tuple[str, Mapping[bytes, str]], ...]] = (
    ("own", _OWN),
    ("side", _BY_SIDE),
    ("bodies", {b"bodies": ""}),
    ("headers", _HEADERS),
    ("part", _PARTS),
)
_BY_NAME: Final = frozenset({"cookies", "query"})
_DESCRIPTION: Final = frozenset({b"size", b"wire_size", b"complete", b"sha256", b"framing", b"coding", b"pieces"})
_DESCRIBED: Final = re.compile(rb"[0-9]{1,15}|true|[0-9a-f]{64}|length|chunked|close|gzip|deflate|br|zstd")
_NEVER: Final = frozenset({b"connection"})
_NOTHING: Final = frozenset({b"", b"null", b"~", b"none", b"true", b"false", b"nan"})
_NO_COOKIE: Final = frozenset({b"deleted", b"expired"})
_PLAIN: Final = re.compile(rb"[A-Za-z0-9_.:+ -]{0,15}")
_SHORTEST_UNMARKED: Final = 24
_UNMARKED: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_HEADER_LINE: Final = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}+):[ \t]*+(.*?)[ \t\r\n]*", re.DOTALL)
_LENGTHS: Final = frozenset(map(len, ("content-type", "content-encoding")))
_LONGEST_HEADER: Final = 1024
_LONGEST_NEEDLE: Final = 64
_MOST_BEFORE: Final = 1000
