"""The quick look at the bytes of a cassette, which tells whether there is any reason for a closer one.

Law: no reason is missed that the closer look would find; there may be one where it then finds nothing. What the
engine's scan of the bytes cannot judge in a file of another tool is looked for here by its mark: bodies in base64, the
first field of a form, requests to token endpoints, headers in tables, pairs and lists, values spread over lines.

Memory: a few copies of the bytes, and up to 4,096 headers that are remembered.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

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
_MOST_REMEMBERED: Final = 4096

_CODED_YAML: Final = (b"!binary", b"2002:binary", b"base64", b"type: binary", b"encoding: hex")
_CODED_JSON: Final = (b'"base64"', b'"base64_string"', b'"binary"', b'"hex"', b'"received"')
_BODY_KEYS: Final = (b"body", b"string", b"text", b"content")
_BODY_START: Final = re.compile(rb"[ \t\r\n]*[\"']?(?:[A-Za-z0-9+/]{32}|([\w.\[\]%$-]{1,64}+)=)")
_TOKEN_URL: Final = re.compile(
    rb"/(?:token|access[-_]?token|oauth2?[-_]?token|token[-_]?exchange|exchange[-_]?token|tokens|refresh[-_]?token)"
    rb"/?[\"'?\r\n ]",
    re.IGNORECASE,
)

_STRING: Final = rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_JSON_VALUE: Final = re.compile(_STRING + rb"(?![ \t\r\n]*:)", re.DOTALL)
_PAIR: Final = re.compile(
    rb"\[[ \t\r\n]*" + _STRING + rb"[ \t\r\n]*,[ \t\r\n]*" + _STRING + rb"[ \t\r\n]*\]", re.DOTALL
)
_TABLE: Final = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*\{")
_MEMBER: Final = re.compile(rb"[ \t\r\n,]*" + _STRING + rb"[ \t\r\n]*:[ \t\r\n]*(\[?)", re.DOTALL)
_VALUE: Final = re.compile(rb"[ \t\r\n,]*(?:" + _STRING + rb"|([^\s\"\[\]{},]++))", re.DOTALL)
_LIST_END: Final = re.compile(rb"[ \t\r\n]*\]")
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
        for look in (self._coded, self._first_of_forms, self._token_endpoints, self._header_values, self._spread_words):
            for offset in look(data, kind):
                found.append(offset)
                if kind != "lines":
                    return found
        return found

    def _is_harmless(self, data: bytes, hit: Hit) -> bool:
        kind, _, name = hit.rule.partition(":")
        if kind in ("known", "format", "learned"):
            return False
        text = data[hit.start : hit.end]
        if text.isdigit() and _is_count(data, hit.start):
            return True
        values = [text]
        if text[:1] in (b"[", b"{") and len(text) <= _LONGEST_LIST:
            values = [match[1] for match in _JSON_VALUE.finditer(text)]
        return all(is_stand_in(value) or self._is_masked_header(name, value) for value in values)

    def _is_masked_header(self, name: str, value: bytes) -> bool:
        rules = self._rules
        if name not in rules.credentials and name not in rules.cookies:
            return False
        return not _is_open(header_spans(name, value, rules), value)

    def _coded(self, data: bytes, kind: str) -> Iterator[int]:
        """Find bodies in base64 or hexadecimal digits."""
        for mark in _CODED_YAML if kind == "yaml" else _CODED_JSON:
            yield from _occurrences(data, mark)

    def _first_of_forms(self, data: bytes, kind: str) -> Iterator[int]:
        """Find forms whose first field is sensitive, and bodies that look like base64 and do not say so."""
        names = self._rules.names
        for key in _BODY_KEYS:
            mark = key + b":" if kind == "yaml" else b'"%s":' % key
            for offset in _occurrences(data, mark):
                match = _BODY_START.match(data, offset + len(mark))
                if match is not None and (match[1] is None or names.in_body(match[1])):
                    yield offset

    def _token_endpoints(self, data: bytes, kind: str) -> Iterator[int]:
        del kind
        if b"code" in data:
            for match in _TOKEN_URL.finditer(data):
                yield match.start()

    def _header_values(self, data: bytes, kind: str) -> Iterator[int]:
        """Find sensitive headers in the forms that the scan does not know: pairs, tables, further items of lists."""
        headers = _yaml_headers if kind == "yaml" else _pairs if kind == "lines" else _json_headers
        known = self._headers
        for offset, name, value in headers(data):
            answer = known.get((name, value))
            if answer is None:
                if len(known) >= _MOST_REMEMBERED:
                    known.clear()
                folded = normalize(name.decode("utf-8", "replace"))
                answer = known[name, value] = _is_open(header_spans(folded, value, self._rules), value)
            if answer:
                yield offset

    def _spread_words(self, data: bytes, kind: str) -> Iterator[int]:
        if kind == "yaml" and self._spread:
            low = data.lower()
            for word in self._spread:
                yield from _occurrences(low, word)


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


def _json_headers(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Give headers in tables, `"headers": {"name": "value"}`, whose values may be lists; and pairs."""
    for key in (b'"headers"', b'"trailers"'):
        for offset in _occurrences(data, key):
            table = _TABLE.match(data, offset + len(key))
            if table is not None:
                yield from _members(data, table.end())
    yield from _pairs(data)


def _members(data: bytes, at: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Give the members of a JSON table from `at` on, one for each value: strings, and lists of them."""
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


def _yaml_headers(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Give headers in blocks below `headers:`, one for each line that has a value."""
    for offset in _occurrences(data, b"headers:"):
        margin = offset - data.rfind(b"\n", 0, offset) - 1
        at = data.find(b"\n", offset) + 1
        name = b""
        while at and (line := _YAML_LINE.match(data, at)) is not None:
            if len(line[1]) < margin or (len(line[1]) == margin and not line[2]) or line.end() == at:
                break
            value = line[4]
            if line[3] is not None and not line[2]:
                name = line[3]
            elif line[3] is not None:
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
