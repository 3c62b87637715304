"""Where a name says that the value beside it is a secret: JSON, queries, forms, XML, multipart, name/value pairs.

Law: given a place where a sensitive name may stand, this looks at the bytes around it and nowhere else, and gives the
span of the value, or nothing. No document is parsed: the same look works in a fragment, in a document inside a string
of another one, and in a body that is cut off.

Names are bounded to 64 bytes; a look goes at most 1 KiB to the left. A value may be of any length: it goes whole.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_to_bytes

import orjson

from recorder.redact.known import NUMBER, QUOTED, Span
from recorder.redact.names import normalize
from recorder.redact.placeholders import is_placeholder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WORD_BYTES", "Look", "Names", "find_hidden_names", "find_value", "is_masked", "look_at", "may_be_name"]

_LONGEST_NAME: Final = 64
_TAG_REACH: Final = 1024
_MOST_REMEMBERED: Final = 4096
_MOST_WORDS: Final = 4
"""Words that a name with blanks may have."""

_MASKED: Final = re.compile(
    rb"[*.\xe2\x80\xa2xX-]{3,}|[<\[({]{0,2}(?:redacted|filtered|masked|removed|hidden|scrubbed|sanitized|omitted)[>\])}]{0,2}",
    re.IGNORECASE,
)
_BLANK: Final = rb"(?:[ \t\r\n]|\\{1,15}[nrt])*"
_COLON: Final = re.compile(_BLANK + rb":" + _BLANK)
_COMMA: Final = re.compile(_BLANK + rb"," + _BLANK)
_KEY: Final = re.compile(rb"[^\"\\{}<>=&,\r\n\x00-\x1f]{1,64}")
_ANY_KEY: Final = re.compile(rb'"((?:[^"\\]|\\u[0-9A-Fa-f]{4}){1,128})"[ \t\r\n]*:')
_JSON_NUMBER: Final = re.compile(rb"-?\d[\d.eE+-]*")
_QUOTE_OR_BRACKET: Final = re.compile(rb'["{}\[\]]')
_CODED_QUOTE: Final = re.compile(rb"(%(?:25)*22|&quot;|&#34;|\\{1,15}u0022)([A-Za-z0-9_.$-]{0,64})$")
_CODED_REST: Final = (
    rb"([A-Za-z0-9_.$-]{0,64})%s(?:\s|%%20|\+)*(?::|%%(?:25)*3[Aa])(?:\s|%%20|\+)*(?:%s(.{0,4096}?)%s|(-?\d+))"
)

_NAME_END: Final = re.compile(
    rb"([A-Za-z0-9_.\-\[\]$~]{0,64}|(?:[A-Za-z0-9_.-]|%5[BbDd]){0,64})(=|%(?:25)*3[dD]|\\{1,15}u003[dD])"
)
_NAME_START: Final = re.compile(
    rb"(?:(^)|([?&;#])|(%(?:25)*(?:26|3[fFbB]|23))|(\\{1,15}u00(?:26|3[fF])))((?:[A-Za-z0-9_.\-\[\]$~]|%5[BbDd]){0,64})$"
)
_FORM_VALUE: Final = re.compile(rb"[^&\r\n]*")
_URL_VALUE: Final = re.compile(rb"[^&#\s\"<>]*")
_MATRIX_VALUE: Final = re.compile(rb"[^;&#/?\s\"<>]*")
_TEXT_VALUE: Final = re.compile(rb"[^&#;\s\"'<>\\)\]}]*")
_CODED_VALUE: Final = re.compile(rb"(?:(?!%(?:25)*(?:26|23))[^&#;\s\"'<>\\])*")
_HIDDEN_PAIR: Final = re.compile(rb"(?:^|[?&;])([^=&;?#\s]{0,64}%[^=&;?#\s]{0,64})=")

_TAG_START: Final = re.compile(rb"(<|&lt;|\\{1,15}u003[cC])((?:[\w.-]+:)?)([\w.-]{0,64})$")
_TAG_END: Final = re.compile(rb"([\w.-]{0,64})((?:[ \t\r\n][^<>&]{0,1024})?)(?:>|&gt;|\\{1,15}u003[eE])")
_ATTRIBUTE_END: Final = re.compile(rb"([\w.-]{0,64})[ \t\r\n]*=[ \t\r\n]*(\\*)([\"'])")
_ATTRIBUTE_START: Final = re.compile(rb"(?:[ \t\r\n]|\\{1,15}[nrt])(?:[\w.-]+:)?([\w.-]{0,64})$")
_QUOTED_START: Final = re.compile(
    rb"\b(?:name|key|id|property|field)[ \t\r\n]*=[ \t\r\n]*'([\w.\[\]-]{0,64})$", re.IGNORECASE
)
_QUOTED_END: Final = re.compile(rb"([\w.\[\]-]{0,64})'")
_NAMES_IT: Final = re.compile(rb"(?:\b(?:name|key|id|property|field))[ \t\r\n]*=[ \t\r\n]*\\*$", re.IGNORECASE)
_ITS_VALUE: Final = re.compile(rb"\bvalue[ \t\r\n]*=[ \t\r\n]*(\\*[\"'])(.*?)\1", re.IGNORECASE | re.DOTALL)
_KEY_NAME: Final = re.compile(rb"\\*\"(?:name|key)\\*\"" + _BLANK + rb":" + _BLANK + rb"\\*$", re.IGNORECASE)
_KEY_VALUE: Final = re.compile(rb"\\*\"(?:value|val)\\*\"" + _BLANK + rb":" + _BLANK, re.IGNORECASE)
_YAML_START: Final = re.compile(rb"(?:^|\n)([ ]*(?:- )*)([\"']?)([\w.-]{0,64})$")
_YAML_END: Final = re.compile(rb"([\w.-]{0,64})([\"']?)[ ]*:(?=[ \r\n]|$)[ ]*")
WORD_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_RULE: Final = re.compile(rb"(?:field|query|header|known|format|personal|policy):")
_END_OF_PERCENT: Final = re.compile(rb"(?:(?:25)*[0-9A-Fa-f]{2})?")
_WORDS_BYTES: Final = WORD_BYTES + b" "
_QUOTES: Final = frozenset({b'"', b"\\", b"'"})
_BARE_NAME: Final = re.compile(rb"form-data;[^\r\n]{0,200}?\bname=([\w.\[\]-]{0,64})$", re.IGNORECASE)
_REST_OF_NAME: Final = re.compile(rb"[\w.\[\]-]{0,64}")
_SCHEME: Final = re.compile(rb"(?:bearer|basic|token|digest|apikey|negotiate|jwt) +(?=\S)", re.IGNORECASE)
_YAML_ITEM: Final = re.compile(rb"\r?\n([ ]*)- ([^\r\n]*)")


class Names:
    """Tells which names are sensitive, by the kind of place. Remembers answers, at most 4,096 of them."""

    __slots__ = ("_body", "_header", "_keep", "_query", "_remembered", "_words")

    def __init__(
        self, *, body: frozenset[str], query: frozenset[str], header: frozenset[str], keep: frozenset[str] = frozenset()
    ) -> None:
        """Take normalized names: in bodies, in queries, those of headers, and those that are none of these."""
        self._body = body
        self._query = query
        self._header = header
        self._keep = keep
        self._remembered: dict[bytes, tuple[bool, bool, bool]] = {}
        self._words: dict[bytes, bool] = {}

    def may_be_in(self, words: bytes) -> bool:
        """Tell whether words, with blanks between them, have a sensitive name in them, or are one together."""
        answer = self._words.get(words)
        if answer is None:
            pieces = words.split()
            answer = any(any(self._ask(name)) for name in pieces)
            if not answer and 1 < len(pieces) <= _MOST_WORDS:
                answer = any(self._ask(b"".join(pieces)))
            if len(self._words) >= _MOST_REMEMBERED:
                self._words.clear()
            self._words[words] = answer
        return answer

    def _ask(self, name: bytes) -> tuple[bool, bool, bool]:
        answer = self._remembered.get(name)
        if answer is None:
            folded = normalize(_unescape_name(name).decode("utf-8", "replace"))
            bare = folded.removeprefix("x") if folded not in self._keep else ""
            answer = (
                folded in self._body,
                folded in self._query,
                folded in self._header or bare in self._header,
            )
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[name] = answer
        return answer

    def in_body(self, name: bytes) -> bool:
        """Tell whether a key, element or form field of this name holds a secret."""
        return self._ask(name)[0]

    def in_query(self, name: bytes) -> bool:
        """Tell whether a query parameter of this name holds a secret."""
        return self._ask(name)[1]

    def in_header(self, name: bytes) -> bool:
        """Tell whether a header of this name holds a secret."""
        return self._ask(name)[2]


def is_masked(value: bytes) -> bool:
    """Tell whether a value is a placeholder of ours, or a mask that people and tools put where a secret was."""
    return is_placeholder(value) or _MASKED.fullmatch(value) is not None


class Look(NamedTuple):
    """What a leaf is (`form`, `url`, `yaml`, the `boundary` of a multipart body), and what may be in it.

    `first`: its beginning is there; `markup`, `coded`: it has tags, or quotes that are escaped for a URL or for HTML;
    `document`: it is XML or HTML as a whole.
    """

    form: bool
    first: bool
    url: bool
    yaml: bool
    boundary: bytes
    markup: bool
    coded: bool
    document: bool


def look_at(
    data: bytes, *, form: bool, first: bool, url: bool, yaml: bool, boundary: bytes, document: bool = False
) -> Look:
    """Look once at a leaf for what decides which places there can be in it."""
    return Look(
        form,
        first,
        url,
        yaml,
        boundary,
        markup=b"<" in data or (b"&" in data and b"&lt;" in data) or (b"\\" in data and b"\\u003" in data),
        coded=(b"%" in data and (b"%22" in data or b"%25" in data))
        or (b"&" in data and (b"&quot;" in data or b"&#34;" in data))
        or (b"\\" in data and b"\\u0022" in data),
        document=document or data.lstrip()[:1] == b"<",
    )


def find_value(data: bytes, start: int, end: int, names: Names, look: Look) -> Span | None:
    """Give the span of a secret value whose name has a stem at [start, end) of `data`; None where there is none."""
    span = _after_key(data, start, end, names, look)
    if span is None:
        span = _after_equals(data, start, end, names, look)
    if span is None and look.markup:
        span = _in_markup(data, start, end, names, look)
    if span is None and look.boundary:
        span = _after_bare_name(data, start, end, names, look.boundary)
    if span is None and look.yaml:
        span = _in_yaml(data, start, end, names)
    return span


def may_be_name(data: bytes, start: int, end: int, names: Names) -> bool:
    """Tell whether the word that has a stem at [start, end) may be a sensitive name: most are not."""
    return names.may_be_in(_words_at(data, start, end))


def _words_at(data: bytes, start: int, end: int) -> bytes:
    """Give the word around [start, end), without the end of an escape in front of it.

    Where a quote follows and a blank precedes, as in the key "api key", it is all words up to a quote.
    """
    window = data[max(0, start - _LONGEST_NAME) : start]
    left = window[len(window.rstrip(WORD_BYTES)) :]
    before = window[len(window) - len(left) - 1 : len(window) - len(left)]
    if before == b"%":
        left = left[_END_OF_PERCENT.match(left).end() :]  # type: ignore[union-attr] # it matches always
    elif before == b"\\" and left:
        left = left[5:] if left[:1] == b"u" else left[1:]
    rest = data[end : end + _LONGEST_NAME]
    right = rest[: len(rest) - len(rest.lstrip(WORD_BYTES))]
    if before == b" " and rest[len(right) : len(right) + 1] in _QUOTES:
        left = window[len(window.rstrip(_WORDS_BYTES)) :]
    return left + data[start:end] + right


def find_hidden_names(data: bytes, names: Names, *, form: bool, url: bool) -> Iterator[Span]:
    """Give the spans of values whose names are written with escapes that they do not need."""
    if b"\\u00" in data:
        for match in _ANY_KEY.finditer(data):
            if b"\\" in match[1] and names.in_body(match[1]):
                colon = _COLON.match(data, match.end(1) + 1)
                span = _json_value(data, colon.end(), 0, match[1]) if colon else None
                if span is not None:
                    yield span
    if b"%" in data and (form or url):
        for match in _HIDDEN_PAIR.finditer(data):
            name = unquote_to_bytes(match[1])
            if names.in_body(name) if form else names.in_query(name):
                value = (_FORM_VALUE if form else _URL_VALUE).match(data, match.end())
                if value is not None and (span := _query_span(value, name, 1)) is not None:
                    yield span


# JSON, also inside strings of JSON.


def _after_key(data: bytes, start: int, end: int, names: Names, look: Look) -> Span | None:
    right = data.find(b'"', end, end + _LONGEST_NAME)
    left = data.rfind(b'"', max(0, start - _LONGEST_NAME), start) if right >= 0 else -1
    if left < 0:
        return _after_coded_key(data, start, end, names) if look.coded else None
    key = data[left + 1 : right]
    bare = key.rstrip(b"\\")
    level = len(key) - len(bare)
    if level and data[max(0, left - level) : left] != b"\\" * level:
        return None
    if not _KEY.fullmatch(bare):
        return _after_coded_key(data, start, end, names) if look.coded else None
    if _RULE.match(bare):
        return None  # what an interaction says of itself: `"redacted": {"field:password": 1}`
    sensitive = names.in_body(bare) or (b"-" in bare and names.in_header(bare))
    colon = _COLON.match(data, right + 1)
    if colon is not None:
        return _json_value(data, colon.end(), level, bare) if sensitive else None
    if sensitive or names.in_header(bare):
        return _beside_name(data, left - level, right + 1, level, bare, look.boundary)
    return None


def _json_value(data: bytes, at: int, level: int, name: bytes) -> Span | None:
    """Give the span of the JSON value that begins at `at`, whose quotes have `level` backslashes in front."""
    quote = b"\\" * level + b'"'
    first = data[at : at + 1]
    if data.startswith(quote, at):
        start = at + len(quote)
        end, is_open = _string_end(data, start, level)
        scheme = _SCHEME.match(data, start, end)
        if scheme is not None:
            start = scheme.end()
        value = _unescape(data[start:end], level)
        if not value or is_masked(value):
            return None
        return Span(start, end, _rule(name), value, learn=True, open=is_open)
    if first in (b"{", b"["):
        end, is_open = _container_end(data, at, level)
        value = data[at:end]
        if not value.strip(b"{}[] \t\r\n") or (len(value) <= _TAG_REACH and _holds_masks_only(value)):
            return None
        return Span(at, end, _rule(name), value, QUOTED, quote, open=is_open)
    number = _JSON_NUMBER.match(data, at)
    if number is None or is_placeholder(number[0]):
        return None
    return Span(*number.span(), _rule(name), number[0], NUMBER, learn=True, open=number.end() == len(data))


def _string_end(data: bytes, start: int, level: int) -> tuple[int, bool]:
    """Give where a JSON string's content ends, and whether the data ended first.

    Inside `level` backslashes' worth of strings, an escape of the string itself is written with twice as many and one.
    """
    period = 2 * (level + 1)
    at = data.find(b'"', start)
    while at >= 0:
        slash = at
        while slash > start and data[slash - 1] == 0x5C:
            slash -= 1
        count = at - slash
        if count % period == level or count < level:
            return at - min(count, level), False
        at = data.find(b'"', at + 1)
    return len(data), True


def _container_end(data: bytes, start: int, level: int) -> tuple[int, bool]:
    """Give where the object or array that begins at `start` ends, and whether the data ended first."""
    depth = 0
    at = start
    while (match := _QUOTE_OR_BRACKET.search(data, at)) is not None:
        byte = match[0]
        at = match.end()
        if byte == b'"':
            end, is_open = _string_end(data, at, level)
            if is_open:
                return len(data), True
            at = end + level + 1
        elif byte in b"{[":
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                return at, False
    return len(data), True


def _after_coded_key(data: bytes, start: int, end: int, names: Names) -> Span | None:
    """Take a key whose quotes are escaped for a URL or for HTML."""
    opening = _CODED_QUOTE.search(data, max(0, start - _LONGEST_NAME - 16), start)
    if opening is None:
        return None
    quote = re.escape(opening[1])
    rest = re.compile(_CODED_REST % (quote, quote, quote), re.DOTALL).match(data, end)
    name = opening[2] + data[start:end] + (rest[1] if rest else b"")
    if rest is None or not names.in_body(name):
        return None
    group = 2 if rest[2] is not None else 3
    value = _plain(rest[group], 1)
    if not value or is_masked(value):
        return None
    return Span(*rest.span(group), _rule(name), value, learn=True)


def _beside_name(data: bytes, left: int, right: int, level: int, name: bytes, boundary: bytes) -> Span | None:
    """Take a value that stands beside its name: {"name": …, "value": …}, name="…" value="…", a multipart field."""
    before = data[max(0, left - _LONGEST_NAME) : left]
    if _KEY_NAME.search(before + b"\\" * level if level else before):
        comma = _COMMA.match(data, right)
        beside = _KEY_VALUE.match(data, comma.end()) if comma else None
        if beside is not None:
            return _json_value(data, beside.end(), level, name)
        return _json_value_before(data, left, level, name)
    if not _NAMES_IT.search(before):
        return None
    if boundary or b"form-data" in data[max(0, left - 256) : left]:
        return _multipart_value(data, right, name, boundary)
    return _beside_name_in_tag(data, left, right, name)


def _beside_name_in_tag(data: bytes, left: int, right: int, name: bytes) -> Span | None:
    tag = data.rfind(b"<", max(0, left - _TAG_REACH), left)
    close = data.find(b">", right, right + _TAG_REACH)
    if tag < 0 or close < 0 or data.find(b">", tag, left) >= 0:
        return None
    beside = _ITS_VALUE.search(data, tag, close)
    if beside is not None:
        return _markup_span(data, *beside.span(2), name)
    if data[close - 1 : close] == b"/":
        return None
    end = data.find(b"</", close)
    return _markup_span(data, close + 1, end if end >= 0 else len(data), name, is_open=end < 0)


def _json_value_before(data: bytes, left: int, level: int, name: bytes) -> Span | None:
    """Take {"value": …, "name": …}: the value stands in front."""
    window = max(0, left - _TAG_REACH)
    found = None
    for match in _KEY_VALUE.finditer(data, window, left):
        found = match
    if found is None:
        return None
    span = _json_value(data, found.end(), level, name)
    if span is None or span.end > left or b"{" in data[span.end : left] or b"}" in data[span.end : left]:
        return None
    return span


def _multipart_value(data: bytes, right: int, name: bytes, boundary: bytes) -> Span | None:
    blank = data.find(b"\r\n\r\n", right, right + _TAG_REACH)
    if blank < 0:
        return None
    start = blank + 4
    end = data.find(b"\r\n--" + boundary, start)
    value = data[start : end if end >= 0 else len(data)]
    if not value or is_masked(value):
        return None
    return Span(start, start + len(value), _rule(name), value, learn=True, open=end < 0)


def _after_bare_name(data: bytes, start: int, end: int, names: Names, boundary: bytes) -> Span | None:
    """Take a multipart field whose name stands without quotes."""
    opening = _BARE_NAME.search(data[max(0, start - 4 * _LONGEST_NAME) : start])
    rest = _REST_OF_NAME.match(data, end)
    if opening is None or rest is None:
        return None
    name = opening[1] + data[start:end] + rest[0]
    return _multipart_value(data, rest.end(), name, boundary) if names.in_body(name) else None


# Queries and forms.


def _after_equals(data: bytes, start: int, end: int, names: Names, look: Look) -> Span | None:
    form, first, url = look.form, look.first, look.url
    closing = _NAME_END.match(data, end)
    if closing is None:
        return None
    window = max(0, start - _LONGEST_NAME - 12)
    opening = _NAME_START.search(data[window:start])
    if opening is None or (opening[1] is not None and not (form and first and window == 0)):
        return None
    name = opening[5] + data[start:end] + closing[1]
    if b"%" in name:
        name = unquote_to_bytes(name)
    if not (names.in_body(name) if form else names.in_query(name)):
        return None
    delimiter, coded = opening[2], opening[3] is not None
    if coded != closing[2].startswith(b"%"):
        return None
    if coded:
        pattern = _CODED_VALUE
    elif form:
        pattern = _FORM_VALUE
    elif not url:
        pattern = _TEXT_VALUE
    else:
        pattern = (
            _MATRIX_VALUE
            if delimiter == b";" and not data.endswith(b"&amp;", 0, start - len(opening[5]))
            else _URL_VALUE
        )
    value = pattern.match(data, closing.end())
    return None if value is None else _query_span(value, name, 2 if coded else 1)


def _query_span(match: re.Match[bytes], name: bytes, depth: int) -> Span | None:
    value = _plain(match[0], depth)
    if not value or is_masked(value):
        return None
    rule = f"query:{_fold(name)}"
    return Span(*match.span(), rule, value, learn=True, open=match.end() == len(match.string))


def _plain(value: bytes, depth: int) -> bytes:
    value = value.replace(b"+", b" ")
    for _ in range(depth):
        value = unquote_to_bytes(value)
    return value


# XML and HTML.


def _in_markup(data: bytes, start: int, end: int, names: Names, look: Look) -> Span | None:
    if b"'" in data[max(0, start - _LONGEST_NAME) : start]:
        span = _in_single_quotes(data, start, end, names)
        if span is not None:
            return span
    attribute = _ATTRIBUTE_END.match(data, end)
    if attribute is not None:
        return _attribute_value(data, start, end, attribute, names)
    closing = _TAG_END.match(data, end)
    if closing is None or closing[2].endswith(b"/"):
        return None
    opening = _TAG_START.search(data[max(0, start - 2 * _LONGEST_NAME) : start])
    if opening is None:
        return None
    name = opening[3] + data[start:end] + closing[1]
    if not names.in_body(name):
        return None
    until = data.find(opening[1] + b"/" + opening[2] + name, closing.end())
    if until < 0 and not look.document:
        return None  # `token=<TOKEN>` in a text is no element; in a document that is cut off it may be one
    return _markup_span(data, closing.end(), until if until >= 0 else len(data), name, is_open=until < 0)


def _in_single_quotes(data: bytes, start: int, end: int, names: Names) -> Span | None:
    """Take name='…' value='…' of a tag."""
    opening = _QUOTED_START.search(data[max(0, start - 2 * _LONGEST_NAME) : start])
    closing = _QUOTED_END.match(data, end)
    if opening is None or closing is None:
        return None
    name = opening[1] + data[start:end] + closing[1]
    if not names.in_body(name):
        return None
    return _beside_name_in_tag(data, start - len(opening[1]), closing.end(), name)


def _attribute_value(data: bytes, start: int, end: int, closing: re.Match[bytes], names: Names) -> Span | None:
    opening = _ATTRIBUTE_START.search(data[max(0, start - 2 * _LONGEST_NAME) : start])
    if opening is None:
        return None
    name = opening[1] + data[start:end] + closing[1]
    if not names.in_body(name):
        return None
    tag = data.rfind(b"<", max(0, start - _TAG_REACH), start)
    if tag < 0 or data.find(b">", tag, start) >= 0:
        return None
    until = data.find(closing[2] + closing[3], closing.end())
    return _markup_span(data, closing.end(), until if until >= 0 else len(data), name, is_open=until < 0)


def _markup_span(data: bytes, start: int, end: int, name: bytes, *, is_open: bool = False) -> Span | None:
    text = data[start:end]
    if (cdata := text.strip()).startswith(b"<![CDATA[") and cdata.endswith(b"]]>"):
        start, end = data.index(b"<![CDATA[", start) + 9, start + text.rindex(b"]]>")
    else:
        start += len(text) - len(text.lstrip())
        end -= len(text) - len(text.rstrip())
    value = html.unescape(data[start:end].decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    if end <= start or is_masked(value):
        return None
    return Span(start, end, _rule(name), value, learn=b"<" not in value, open=is_open)


# YAML, as cassettes of other tools are written.


def _in_yaml(data: bytes, start: int, end: int, names: Names) -> Span | None:
    closing = _YAML_END.match(data, end)
    if closing is None:
        return None
    opening = _YAML_START.search(data[max(0, start - 2 * _LONGEST_NAME) : start])
    if opening is None or opening[2] != closing[2]:
        return None
    name = opening[3] + data[start:end] + closing[1]
    if not (names.in_body(name) or names.in_header(name)):
        return None
    at = closing.end()
    line = data.find(b"\n", at)
    inline = data[at : line if line >= 0 else len(data)].rstrip()
    if not inline:
        item = _YAML_ITEM.match(data, at)
        if item is None:
            return None
        at, inline = item.start(2), item[2].rstrip()
    elif inline.startswith(b"["):
        at, inline = at + 1, inline[1:].removesuffix(b"]")
    value = inline.strip(b"\"' ")
    if not value or is_masked(value) or value in (b"null", b"~", b"{}", b"[]"):
        return None
    at += inline.find(value)
    return Span(at, at + len(value), _rule(name), value, learn=True)


# Small things.


def _holds_masks_only(container: bytes) -> bool:
    """Tell whether all values in a small object or array are masks."""
    try:
        waiting = [orjson.loads(container)]
    except orjson.JSONDecodeError:
        return False
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, str):
            if value and not is_masked(value.encode("utf-8", "replace")):
                return False
        elif value is not None and value is not True and value is not False:
            return False
    return True


def _unescape(content: bytes, level: int) -> bytes:
    """Give the plain bytes of a JSON string's content, which stands `level` backslashes deep in other strings."""
    if b"\\" not in content:
        return content
    plain = content
    while True:
        try:
            text: str = orjson.loads(b'"' + plain + b'"')
            plain = text.encode("utf-8")
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            return plain
        if not level:
            return plain
        level //= 2


def _unescape_name(name: bytes) -> bytes:
    return _unescape(name, 0)


def _fold(name: bytes) -> str:
    return normalize(_unescape_name(name).decode("utf-8", "replace"))


def _rule(name: bytes) -> str:
    return f"field:{_fold(name)}"
