"""The quick look at the bytes of a cassette, which tells whether there is any reason for a closer one.

Law: no reason is missed that the closer look would find; there may be one where it then finds nothing. What the
engine's scan of the bytes cannot judge in a file of another tool is looked for here by its mark: bodies in base64, the
first field of a form, requests to token endpoints, headers in tables, pairs and lists, values spread over lines.

Memory: a few copies of the bytes, and up to 4,096 headers that are remembered.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from cassette_tools.stand_ins import is_stand_in
from recorder.redact.headers import header_spans
from recorder.redact.names import normalize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recorder.redact.engine import Hit, Redactor
    from recorder.redact.known import Span
    from recorder.redact.policy import Policy

__all__ = ["Suspicion"]

_LONGEST_LIST: Final = 4096
_REDACTED: Final = b'"redacted":{'
_DEEPEST: Final = 256
_MOST_REMEMBERED: Final = 4096

_YAML: Final = {
    b"!binary": "coded",
    b"2002:binary": "coded",
    b"base64": "coded",
    b"type: binary": "coded",
    b"encoding: hex": "coded",
    b"body:": "body",
    b"string:": "body",
    b"text:": "body",
    b"content:": "body",
    b"headers:": "headers",
}
_JSON: Final = {
    b'"base64"': "coded",
    b'"base64_string"': "coded",
    b'"binary"': "coded",
    b'"hex"': "coded",
    b'"received"': "coded",
    b'"body":': "body",
    b'"string":': "body",
    b'"text":': "body",
    b'"content":': "body",
    b'"headers"': "headers",
    b'"trailers"': "headers",
}
_MARKS_YAML: Final = (tuple(_YAML.items()), BytesAhoCorasick(list(_YAML), matchkind=MatchKind.LeftmostFirst))
_MARKS_JSON: Final = (tuple(_JSON.items()), BytesAhoCorasick(list(_JSON), matchkind=MatchKind.LeftmostFirst))
_BODY_START: Final = re.compile(rb"[ \t\r\n]*[\"']?(?:[A-Za-z0-9+/]{32}|([\w.\[\]%$-]{1,64}+)=)")
_TOKEN_URL: Final = re.compile(
    rb"/(?:token|access[-_]?token|oauth2?[-_]?token|token[-_]?exchange|exchange[-_]?token|tokens|refresh[-_]?token)"
    rb"/?[\"'?\r\n ]",
    re.IGNORECASE,
)

_STRING: Final = rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_JSON_VALUE: Final = re.compile(_STRING + rb"(?![ \t\r\n]*:)", re.DOTALL)
_ESCAPED_QUOTE: Final = re.compile(rb'\\++"')
_PAIR: Final = re.compile(
    rb"\[[ \t\r\n]*" + _STRING + rb"[ \t\r\n]*,[ \t\r\n]*" + _STRING + rb"[ \t\r\n]*\]", re.DOTALL
)
_TABLE: Final = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*\{")
_MEMBER: Final = re.compile(rb"[ \t\r\n,]*" + _STRING + rb"[ \t\r\n]*:[ \t\r\n]*(\[?)", re.DOTALL)
_VALUE: Final = re.compile(rb"[ \t\r\n,]*(?:" + _STRING + rb"|([^\s\"\[\]{},]++))", re.DOTALL)
_LIST_END: Final = re.compile(rb"[ \t\r\n]*\]")
_LIST: Final = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*\[")
_ITEM: Final = re.compile(rb"[ \t\r\n,]*" + _STRING, re.DOTALL)
_HEADER_LINE: Final = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}+):[ \t]*+(.*?)(?:\\r)?(?:\\n)?", re.DOTALL)
_LISTED: Final = re.compile(rb"[ ]*(?:!!?[^\s\[{]++[ ]*)?(?:\r?\n[ ]*- |\[)")
"""Headers in YAML as a list of pairs, of tables or of lines: few tools write them so."""
_YAML_LINE: Final = re.compile(rb"([ ]*)(- +)?(?:[\"']?([\w.-]+)[\"']?:(?: +|(?=[\r\n]|$)))?([^\r\n]*)")


class Suspicion:
    """A policy's quick look. Not for several threads at once."""

    def __init__(self, redactor: Redactor, policy: Policy) -> None:
        self._redactor = redactor
        self._rules = redactor.rules
        self._headers: dict[tuple[bytes, bytes], bool] = {}
        # A value with blanks in it may be spread over lines: its longest word tells that it may be there.
        self._spread = tuple(
            max(secret.value.encode().lower().split(), key=len)
            for secret in policy.secrets
            if len(secret.value.split()) > 1
        )

    def hits(self, data: bytes, *, yaml: bool) -> list[Hit]:
        """Give what the scan of the bytes finds, without what is masked."""
        return [hit for hit in self._redactor.check(data, yaml=yaml) if not self._is_harmless(data, hit)]

    def reasons(self, data: bytes, kind: str) -> list[int]:
        """Give offsets of what the scan of the bytes cannot judge; of a document, as soon as there is one."""
        found: list[int] = []
        for offset in self._reasons(data, kind):
            found.append(offset)
            if kind != "lines":
                break
        return found

    def _reasons(self, data: bytes, kind: str) -> Iterator[int]:
        marks, finder = _MARKS_YAML if kind == "yaml" else _MARKS_JSON
        for number, start, end in finder.find_matches_as_indexes(data):
            what = marks[number][1]
            if what == "coded":
                yield start
            elif what == "body":
                yield from self._begins_like_form_or_base64(data, end)
            else:
                yield from self._in_headers(data, start, end, kind)
        if kind != "yaml":
            yield from self._open_headers(_pairs(data))
        elif self._spread:
            low = data.lower()
            for word in self._spread:
                yield from _occurrences(low, word)
        if b"code" in data:
            for match in _TOKEN_URL.finditer(data):
                yield match.start()

    def _in_headers(self, data: bytes, start: int, end: int, kind: str) -> Iterator[int]:
        """Look at headers whose key stands in [start, end)."""
        if kind != "yaml":
            yield from self._open_headers(_members(data, end))
            yield from self._open_headers(_listed(data, end))
            return
        if _LISTED.match(data, end) is not None:
            yield start
        yield from self._open_headers(_block_headers(data, start))

    def _is_harmless(self, data: bytes, hit: Hit) -> bool:
        kind, _, name = hit.rule.partition(":")
        if kind in ("known", "format", "learned"):
            return False
        text = data[hit.start : hit.end]
        if text.isdigit() and _is_count(data, hit.start):
            return True
        values = [text]
        if text[:1] in (b"[", b"{") and len(text) <= _LONGEST_LIST:
            # Within a string its quotes are escaped, once or more often.
            values = [match[1] for match in _JSON_VALUE.finditer(_ESCAPED_QUOTE.sub(b'"', text))]
        return all(is_stand_in(value) or self._is_masked_header(name, value) for value in values)

    def _is_masked_header(self, name: str, value: bytes) -> bool:
        rules = self._rules
        if name not in rules.credentials and name not in rules.cookies:
            return False
        return not _is_open(header_spans(name, value, rules), value)

    def _begins_like_form_or_base64(self, data: bytes, at: int) -> Iterator[int]:
        """Find a form whose first field is sensitive, or a body that looks like base64 and does not say so."""
        match = _BODY_START.match(data, at)
        if match is not None and (match[1] is None or self._rules.names.in_body(match[1])):
            yield at

    def _open_headers(self, headers: Iterator[tuple[int, bytes, bytes]]) -> Iterator[int]:
        """Find sensitive headers in the forms that the scan does not know: pairs, tables, further items of lists."""
        known = self._headers
        for offset, name, value in headers:
            answer = known.get((name, value))
            if answer is None:
                if len(known) >= _MOST_REMEMBERED:
                    known.clear()
                folded = normalize(name.decode("utf-8", "replace"))
                answer = known[name, value] = _is_open(header_spans(folded, value, self._rules), value)
            if answer:
                yield offset


def _is_count(data: bytes, at: int) -> bool:
    """Tell whether a number is one of those that say, by rule, what was redacted in a line of ours."""
    opening = data.rfind(_REDACTED, max(0, at - _LONGEST_LIST), at)
    return opening >= 0 and data.find(b"}", opening, at) < 0


def _is_open(spans: list[Span], value: bytes) -> bool:
    """Tell whether any of the spans of a header's value is not masked."""
    return any(not is_stand_in(value[span.start : span.end]) for span in spans)


def _pairs(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Give headers as `["name","value"]`, at any place: inside strings the quotes are escaped."""
    for match in _PAIR.finditer(data):
        yield match.start(), match[1], match[2]


def _members(data: bytes, at: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Give the members of a table of JSON behind its key, one for each value: strings, and lists of them."""
    table = _TABLE.match(data, at)
    at = len(data) if table is None else table.end()
    while (member := _MEMBER.match(data, at)) is not None:
        at = member.end()
        value = _VALUE.match(data, at)
        while value is not None:
            yield member.start(), member[1], value[1] if value[1] is not None else value[2]
            at = value.end()
            value = _VALUE.match(data, at) if member[2] else None
        if member[2]:
            end = _LIST_END.match(data, at)
            if end is None:
                return
            at = end.end()
        elif at == member.end():
            return


def _listed(data: bytes, at: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Give headers that are a list of lines "Name: value" behind their key."""
    opening = _LIST.match(data, at)
    at = len(data) if opening is None else opening.end()
    while (item := _ITEM.match(data, at)) is not None:
        at = item.end()
        line = _HEADER_LINE.fullmatch(item[1])
        if line is not None:
            yield item.start(), line[1], line[2]


def _block_headers(data: bytes, offset: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Give the headers in the block below `headers:`, which stands at `offset`, one for each line that has a value."""
    begin = data.rfind(b"\n", max(0, offset - _DEEPEST), offset) + 1
    margin = offset - begin
    if margin > _DEEPEST or data[begin:offset].strip(b" -"):
        return
    at = data.find(b"\n", offset) + 1
    name = b""
    while at and (line := _YAML_LINE.match(data, at)) is not None:
        space, dash, key, value = line.groups()
        if len(space) < margin or (len(space) == margin and not dash) or line.end() == at:
            return
        if key is not None and not dash:
            name = key
        elif key is not None:
            value = data[line.start(3) : line.end()]
        items = value.split(b", ") if value[:1] == b"[" or value[-1:] == b"]" else [value]
        for item in items if name else ():
            if item:
                yield at, name, item.strip(b"\"' []")
        at = data.find(b"\n", line.end()) + 1


def _occurrences(data: bytes, mark: bytes) -> Iterator[int]:
    at = data.find(mark)
    while at >= 0:
        yield at
        at = data.find(mark, at + 1)
