"""One leaf of an interaction - a URL, a header's value, a body - and what has to go from it.

Law: only the spans that go are changed, and not one byte beside them. What is found in a leaf depends on the policy, on
the known values and on the leaf's own bytes; not on the order of rules, nor on what was redacted before.

The quick way: one scan of the lower-cased bytes for everything at once. Where it finds nothing, and nothing is written
with escapes that it does not need, the leaf is clean.

Memory: a few copies of the leaf.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from recorder.redact.formats import FORMATS, Format, kind_of, span_at
from recorder.redact.known import (
    BASE64,
    HEX,
    LITERAL,
    NUMBER,
    QUOTED,
    TEXT,
    UTF16,
    WRAPPED,
    Known,
    Needle,
    Span,
    Windows,
    reveal,
    trace,
)
from recorder.redact.names import (
    COOKIE_HEADERS,
    CREDENTIAL_HEADERS,
    FRAMING_HEADERS,
    HEADERS,
    NAMES,
    QUERY_NAMES,
    TOKEN_ENDPOINT_NAMES,
    normalize,
    stems_of,
)
from recorder.redact.places import WORD_BYTES, Look, Names, find_hidden_names, find_value, look_at, may_be_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from recorder.redact.json_paths import JsonPaths
    from recorder.redact.placeholders import Placeholders
    from recorder.redact.policy import Dynamic, Policy

__all__ = ["Context", "Finding", "Index", "Rules", "Scanner", "replacement_of", "resolve", "splice"]

_USERINFO: Final = re.compile(
    rb"(?::|%(?:25)*3[aA])(?:\\*/|%(?:25)*2[fF]){2}((?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2}){1,512}?)(?:@|%(?:25)*40)(?=[A-Za-z0-9\[])"
)
_URL_IN_TEXT: Final = re.compile(
    rb"https?:(?:\\*/){2}([A-Za-z0-9.-]{1,253})(?::\d+)?(?:[^\s\"'<>\\]|\\/|\\{1,15}u00[0-9A-Fa-f]{2}){0,8192}"
)
_WRAPPED: Final = re.compile(
    rb"(?:[A-Za-z0-9+/]{40,128}(?:\r?\n|\\{1,15}r\\{1,15}n|\\{1,15}n)[ \t]{0,64}){1,4096}[A-Za-z0-9+/]{0,128}={0,2}"
)
_NEXT_LINES: Final = (
    re.compile(rb"\n[ \t]*[A-Za-z0-9+/]+={0,2}[ \t\r]*(?=[\n\"'<\\,;)]|\Z)"),
    re.compile(rb"\\n[ \t]*[A-Za-z0-9+/]+={0,2}[ \t]*(?=[\"'<\\,;)]|\Z)"),
)
"""A line after the first that is all base64."""
_SHORTEST_LINE: Final = 36
_BASE64_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=r"
_LINE_END: Final = re.compile(rb"(?:\r?\n|\\{1,15}r\\{1,15}n|\\{1,15}n)[ \t]{0,64}")
_SHORT: Final = 512
"""Bytes of a leaf up to which one search for all needles is quicker than several for groups of them."""
_MARKS: Final = [
    *(b"%25", b"%2d", b"%3", b"%4", b"%5", b"%6", b"%7"),
    *(b"\\u00", b"\\x", b"&#", b"&amp;", b"@", b"\n", b"\\n"),
]
"""Without one of these nothing is written with escapes, no URL has userinfo, and no base64 is broken into lines."""
_SHORTEST_BEGINNING: Final = 6
"""Bytes of a value that count where it was cut off."""
_GROUP: Final = 60
"""Needles of one group; from 65 on the searcher goes byte by byte."""
_MOST_GROUPS: Final = 10
_BEFORE: Final = 16
"""Bytes beside a stem by which a word is known again."""
_MOST_REMEMBERED: Final = 8192


@dataclass(frozen=True, slots=True)
class Finding:
    """What was redacted at one place, by one rule, how often. Never the value.

    `rule` names the rule (`known:env:API_TOKEN`, `learned`, `field:password`, `format:jwt` …), `place` the part of the
    interaction (`request.url`, `response.body` …), `kind` that of the placeholder.
    """

    rule: str
    place: str
    kind: str
    placeholder: str
    count: int = 1


class Context(NamedTuple):
    """What a leaf is: it decides which places there can be in it."""

    form: bool = False
    form_start: bool = True
    url: bool = False
    body: bool = False
    yaml: bool = False
    binary: bool = False
    token_endpoint: bool = False
    fold_case: bool = False
    cut_off: bool = False
    markup: bool = False
    boundary: bytes = b""


class Index:
    """Finds needles of known values and literals of token formats.

    Most leaves hold none: up to some hundred needles are looked for in groups that the searcher takes several gigabytes
    a second with (it compares sixteen bytes at a time for up to 64 needles). Only where a group finds something, all
    needles are looked for with their overlaps, since one may hide another.
    """

    __slots__ = ("_groups", "_needles", "_searcher", "_table", "has_known", "known")

    def __init__(self, known: Collection[Known], formats: Iterable[Format] = ()) -> None:
        table: dict[bytes, list[Needle | Format]] = {}
        for value in known:
            for needle in value.needles:
                table.setdefault(needle.pattern, []).append(needle)
        self.has_known = bool(table)
        self.known = known
        for form in formats:
            for literal in form.needles:
                table.setdefault(literal, []).append(form)
        self._needles = sorted(table)
        self._table = [table[needle] for needle in self._needles]
        self._searcher: BytesAhoCorasick | None = None
        few = len(self._needles) <= _MOST_GROUPS * _GROUP
        self._groups = [
            BytesAhoCorasick(self._needles[start : start + _GROUP], matchkind=MatchKind.LeftmostFirst)
            for start in (range(0, len(self._needles), _GROUP) if few else ())
        ]

    @property
    def needles(self) -> list[bytes]:
        """What is looked for, in lower case."""
        return self._needles

    def touches(self, low: bytes) -> bool:
        """Tell quickly whether there is anything to look at."""
        if self._groups and len(low) > _SHORT:
            return any(group.find_matches_as_indexes(low) for group in self._groups)
        return bool(self._needles) and bool(self._all().find_matches_as_indexes(low))

    def find(self, low: bytes) -> Iterable[tuple[Needle | Format, int, int]]:
        """Give what may stand where."""
        if not self._needles or (self._groups and len(low) > _SHORT and not self.touches(low)):
            return ()
        table = self._table
        hits = self._all().find_matches_as_indexes(low, overlapping=True)
        return [(entry, start, end) for number, start, end in hits for entry in table[number]]

    def _all(self) -> BytesAhoCorasick:
        if self._searcher is None:
            # Of the searcher's two forms the one that takes a tenth of the memory: the groups see to the speed.
            self._searcher = BytesAhoCorasick(self._needles, implementation=Implementation.ContiguousNFA)
        return self._searcher


class Stems:
    """Finds where a name may stand. Bodies repeat their names: where one was found harmless is remembered."""

    __slots__ = ("_harmless", "_searcher", "needles")

    def __init__(self, stems: Iterable[str]) -> None:
        needles = self.needles = sorted(stem.encode() for stem in stems)
        self._searcher = BytesAhoCorasick(needles, matchkind=MatchKind.LeftmostFirst) if needles else None
        self._harmless: set[bytes] = set()

    def find(self, low: bytes) -> list[tuple[int, int]]:
        """Give the spans of stems, but for those in words that are known to be no names of secrets."""
        if self._searcher is None:
            return []
        harmless = self._harmless
        return [
            (start, end)
            for _, start, end in self._searcher.find_matches_as_indexes(low)
            if low[(start > _BEFORE and start - _BEFORE) : end + 1] not in harmless
            and low[(start > _BEFORE and start - _BEFORE) : end + _BEFORE] not in harmless
        ]

    def pass_over(self, low: bytes, start: int, end: int) -> None:
        """Remember that the word at [start, end) is no name of a secret, if its neighbours tell it from others."""
        begin = start - _BEFORE if start > _BEFORE else 0
        if low[begin:start].rstrip(WORD_BYTES) == b"" and begin:
            return  # the word begins further left
        for last in (end + 1, end + _BEFORE):
            if low[end:last].lstrip(WORD_BYTES) or last > len(low):
                if len(self._harmless) >= _MOST_REMEMBERED:
                    self._harmless.clear()
                self._harmless.add(low[begin:last])
                return


class Rules:
    """A policy, compiled: names, formats, patterns. Holds no value."""

    __slots__ = (
        "allow_headers",
        "cookies",
        "credentials",
        "dynamic",
        "formats",
        "header_names",
        "json_paths",
        "keep",
        "names",
        "personal",
        "stems",
        "token_names",
        "token_stems",
        "urls",
    )

    def __init__(self, policy: Policy) -> None:
        keep = frozenset(map(normalize, policy.keep))
        names = frozenset(map(normalize, policy.names)) | (NAMES if policy.defaults else frozenset())
        plain_fields = frozenset(normalize(name) for name in policy.fields if not name.startswith("$"))
        paths = sorted(name for name in policy.fields if name.startswith("$"))
        body = (names | plain_fields) - keep
        query = (
            names | frozenset(map(normalize, policy.query)) | (QUERY_NAMES if policy.defaults else frozenset())
        ) - keep
        header = frozenset(map(normalize, policy.headers)) | names | (HEADERS if policy.defaults else frozenset())
        code = (TOKEN_ENDPOINT_NAMES if policy.defaults else frozenset()) - keep
        self.header_names = header - keep
        self.credentials = (CREDENTIAL_HEADERS if policy.defaults else frozenset()) - keep
        self.cookies = (COOKIE_HEADERS if policy.defaults else frozenset()) - keep
        allowed = None if policy.allow_headers is None else frozenset(map(normalize, policy.allow_headers))
        self.allow_headers = None if allowed is None else allowed | FRAMING_HEADERS
        everywhere = self.header_names | self.credentials | self.cookies
        self.keep = keep
        self.names = Names(body=body, query=query, header=everywhere, keep=keep)
        self.token_names = Names(body=body | code, query=query | code, header=everywhere, keep=keep)
        given = frozenset(map(normalize, (*policy.names, *policy.query, *policy.fields, *policy.headers)))
        stems = stems_of(body | query | (everywhere & given)) | stems_of(everywhere, known_only=True)
        self.stems = Stems(stems)
        self.token_stems = Stems(stems | stems_of(code))
        self.formats = tuple(form for form in FORMATS if form.slug not in policy.disabled_formats)
        self.personal = tuple(sorted(policy.personal))
        self.urls = tuple((re.compile(rule.pattern.encode()), rule.replacement.encode()) for rule in policy.urls)
        self.dynamic = tuple(map(_Ephemeral, policy.dynamic))
        self.json_paths: JsonPaths | None = None
        if paths:
            from recorder.redact.json_paths import JsonPaths  # noqa: PLC0415 -- few policies have any

            self.json_paths = JsonPaths(paths)


class _Ephemeral:
    """Query parameters of certain domains that get a fixed value."""

    __slots__ = ("domains", "pattern", "replacement")

    def __init__(self, rule: Dynamic) -> None:
        names = "|".join(re.escape(name) for name in rule.params)
        self.pattern = re.compile(
            rf"(?:[?&;]|%(?:25)*(?:26|3[fF])|\\{{1,15}}u00(?:26|3[fF]))(?:{names})(?:=|%(?:25)*3[dD]|\\{{1,15}}u003[dD])"
            rf"((?:(?!%(?:25)*26|\\)[^&#;\s\"'<>])*)".encode()
        )
        self.domains = tuple(domain.lower().encode() for domain in rule.domains)
        self.replacement = rule.replacement.encode()

    def covers(self, host: bytes) -> bool:
        host = host.lower()
        return any(host == domain or host.endswith(b"." + domain) for domain in self.domains)


class Scanner:
    """Finds what has to go from a leaf, by the rules and by the known values of its indexes."""

    __slots__ = ("_gate", "_has_known", "_plain_policy", "hard", "indexes", "rules")

    def __init__(self, rules: Rules, indexes: list[Index], hard: tuple[Known, ...] = ()) -> None:
        """`hard`: the known values without a core, which are searched for one by one."""
        self.rules = rules
        self.indexes = indexes
        self.hard = hard
        self._plain_policy = not (hard or rules.urls or rules.dynamic or rules.json_paths or rules.personal)
        self._has_known = any(index.has_known for index in indexes)
        self._gate: BytesAhoCorasick | None = None

    def spans(self, data: bytes, context: Context) -> list[Span]:
        """Give the spans that go, in order and apart from each other."""
        found: list[Span] = []
        low = data.lower()
        if len(low) <= _SHORT and self._plain_policy and not context.cut_off and not self._may_hold(low, context):
            return found
        names = self.rules.token_names if context.token_endpoint else self.rules.names
        self._values(data, low, context, found)
        if not context.binary:
            self._places(data, low, context, names, found)
        for known in self.hard:
            found.extend(known.find_escaped(data))
        found.extend(self._rare(data, context, names))
        return resolve(found) if len(found) > 1 else found

    def _values(self, data: bytes, low: bytes, context: Context, found: list[Span]) -> None:
        """Find known values and tokens."""
        windows: Windows = {}
        for index in self.indexes:
            for entry, start, end in index.find(low):
                if isinstance(entry, Needle):
                    found.extend(entry.known.locate(data, start, end, entry, windows, json=context.body))
                    if context.fold_case:
                        found.extend(_in_any_case(low, start, end, entry))
                else:
                    token = span_at(entry, data, start)
                    if token is not None:
                        found.append(_format_span(data, token, entry.slug))
        for known, parts in windows.items():
            found.extend(known.search(data, parts))
        if context.cut_off:
            for index in self.indexes:
                found.extend(_cut_off(data, index.known))

    def _may_hold(self, low: bytes, context: Context) -> bool:
        """Tell by one search for everything whether a short leaf may hold anything. Certain when it says no."""
        if context.token_endpoint:
            return True
        if self._gate is None:
            needles = {needle for index in self.indexes[:1] for needle in index.needles}
            self._gate = BytesAhoCorasick(
                sorted(needles.union(self.rules.stems.needles, _MARKS)), implementation=Implementation.ContiguousNFA
            )
        if self._gate.find_matches_as_indexes(low):
            return True
        return any(index.touches(low) for index in self.indexes[1:])

    def _places(self, data: bytes, low: bytes, context: Context, names: Names, found: list[Span]) -> None:
        stems = self.rules.token_stems if context.token_endpoint else self.rules.stems
        look = None
        covered = 0  # up to here a place goes whole, whatever names stand in it
        for start, end in stems.find(low):
            if start < covered:
                continue
            if not may_be_name(data, start, end, names):
                stems.pass_over(low, start, end)
                continue
            look = look or _look_at(data, context)
            span = find_value(data, start, end, names, look)
            if span is not None:
                found.append(span)
                covered = span.end

    def follow(self, other: Scanner) -> Scanner:
        """Take over what a scanner with the same rules and first index has built."""
        self._gate = other._gate
        return self

    def known_spans(self, data: bytes) -> list[Span]:
        """Give where known values stand, in any single-step encoding. This is the verification: no rule, no context."""
        found = list(self.plainly_known(data))
        for known in self.hard:
            found.extend(known.find_escaped(data))
        found.extend(self._written_with_escapes(data))
        found.extend(self.wrapped(data))
        return found

    def plainly_known(self, data: bytes) -> Iterator[Span]:
        """Give where known values stand by their needles."""
        low = data.lower()
        windows: Windows = {}
        for index in self.indexes:
            for entry, start, end in index.find(low):
                if isinstance(entry, Needle):
                    yield from entry.known.locate(data, start, end, entry, windows, json=False)
        for known, parts in windows.items():
            yield from known.search(data, parts)

    def _rare(self, data: bytes, context: Context, names: Names) -> Iterator[Span]:
        """Find what few leaves have."""
        yield from self._written_with_escapes(data)
        yield from self.wrapped(data)
        if not context.binary:
            if b"%" in data or (b"\\" in data and b"\\u00" in data):
                yield from find_hidden_names(data, names, form=context.form, url=context.url)
            if b"@" in data or (b"%" in data and b"%40" in data):
                yield from _userinfo(data)
        yield from self._by_policy(data, context)

    def _by_policy(self, data: bytes, context: Context) -> Iterator[Span]:
        """Find what only a policy names."""
        rules = self.rules
        if context.url:
            yield from _patterns(data, rules.urls)
        if rules.dynamic and (context.body or context.url):
            yield from self._ephemeral(data)
        if context.body and rules.json_paths is not None:
            for start, end, path in rules.json_paths.find(data):
                yield from _json_path_span(data, start, end, path)
        if rules.personal and not context.binary:
            from recorder.redact import personal  # noqa: PLC0415 -- opt-in

            for kind in rules.personal:
                for start, end in personal.find(kind, data):
                    yield from _personal_span(data, start, end, kind)

    def _written_with_escapes(self, data: bytes) -> Iterator[Span]:
        """Find known values whose letters are written as escapes, perhaps once more than once."""
        for stage in reveal(data):
            found = list(self.plainly_known(stage))
            found += [span for known in self.hard for span in known.find_escaped(stage)]
            if found:
                where = trace(data, stage)
                for span in found:
                    start, end = where(span.start, span.end)
                    yield span._replace(start=start, end=end, style=TEXT, detail=b"")

    def wrapped(self, data: bytes) -> Iterator[Span]:
        """Find known values in base64 that is broken into lines (RFC 2045 section 6.8), also with escaped line ends."""
        if not self._has_known or not _may_be_wrapped(data):
            return
        for block in _WRAPPED.finditer(data):
            joined = _LINE_END.sub(b"", block[0])
            low = joined.lower()
            for index in self.indexes:
                for entry, start, end in index.find(low):
                    if isinstance(entry, Needle) and entry.style == BASE64:
                        for span in entry.known.locate(joined, start, end, entry, {}, json=False):
                            detail = b"%d:%d:%s" % (span.start, span.end, span.detail)
                            yield span._replace(start=block.start(), end=block.end(), style=WRAPPED, detail=detail)

    def _ephemeral(self, data: bytes) -> Iterator[Span]:
        for url in _URL_IN_TEXT.finditer(data):
            for rule in self.rules.dynamic:
                if rule.covers(url[1]):
                    for match in rule.pattern.finditer(data, *url.span()):
                        if match[1] and match[1] != rule.replacement:
                            yield _literal(*match.span(1), "policy:dynamic", rule.replacement)


def _look_at(data: bytes, context: Context) -> Look:
    return look_at(
        data,
        form=context.form,
        first=context.form_start,
        url=context.url,
        yaml=context.yaml,
        boundary=context.boundary,
        document=context.markup,
    )


def _may_be_wrapped(data: bytes) -> bool:
    """Tell quickly whether a line of base64 may end somewhere: most texts have blanks in forty characters."""
    for line_end in _NEXT_LINES:
        for match in line_end.finditer(data):
            line = data[max(0, match.start() - 40) : match.start()].rstrip(b"\r\\")
            if len(line) >= _SHORTEST_LINE and not line.translate(None, _BASE64_BYTES):
                return True
    return False


def resolve(spans: list[Span]) -> list[Span]:
    """Put spans in order and make them stand apart: of two that overlap, the longer one takes both.

    Of two that are equal, the one whose rule sorts first counts; known values sort before learned ones.
    """
    spans.sort(key=lambda span: (span.start, -span.end, span.style != NUMBER, _rank(span.rule)))
    apart: list[Span] = []
    for span in spans:
        if apart and span.start < apart[-1].end:
            last = apart[-1]
            if span.style == UTF16 == last.style and span.start == last.start + 1:
                # The high byte of the character before makes one of each byte order: the even one it is.
                apart[-1] = span if last.start % 2 else last
                continue
            if span.end > last.end and span.style == BASE64 == last.style:
                continue  # two values in one run of base64: the next round finds the second where it is then
            if span.end > last.end:
                longer = last if last.end - last.start >= span.end - span.start else span
                apart[-1] = longer._replace(start=last.start, end=span.end, style=TEXT)
            elif span.learn and not last.learn and span[:2] == last[:2]:
                apart[-1] = last._replace(learn=True)
        else:
            apart.append(span)
    return apart


def splice(
    data: bytes, spans: list[Span], placeholders: Placeholders, place: str, *, binary: bool
) -> tuple[bytes, list[Finding]]:
    """Replace the spans. Gives the new bytes, and what was done."""
    parts: list[bytes] = []
    counts: dict[tuple[str, str, str], int] = {}
    at = 0
    for span in spans:
        replacement, kind, shown = replacement_of(data, span, placeholders, binary=binary)
        parts += (data[at : span.start], replacement)
        at = span.end
        key = (span.rule, kind, shown)
        counts[key] = counts.get(key, 0) + 1
    parts.append(data[at:])
    return b"".join(parts), [
        Finding(rule, place, kind, placeholder, count) for (rule, kind, placeholder), count in counts.items()
    ]


def replacement_of(data: bytes, span: Span, placeholders: Placeholders, *, binary: bool) -> tuple[bytes, str, str]:
    """Give what takes a span's place, its kind, and the placeholder in its common form."""
    kind = span.kind if span.kind and not span.rule.startswith("format:") else kind_of(span.value) or "secret"
    if span.style == LITERAL:
        return span.detail, kind, span.detail.decode("ascii", "replace")
    return _replacement(data, span, kind, placeholders, binary=binary), kind, placeholders.text(span.value, kind)


def _replacement(data: bytes, span: Span, kind: str, placeholders: Placeholders, *, binary: bool) -> bytes:
    style, size = span.style, span.end - span.start
    if style == BASE64:
        return _in_base64(data[span.start : span.end], span, kind, placeholders, binary=binary)
    if style == WRAPPED:
        return _in_wrapped_base64(data[span.start : span.end], span, kind, placeholders, binary=binary)
    sized = binary and not span.learn
    if style == HEX:
        told = (
            placeholders.sized(span.value, kind, size // 2) if sized else placeholders.text(span.value, kind).encode()
        )
        digits = told.hex().encode()
        return digits.upper() if span.detail == b"upper" else digits
    if style == UTF16:
        codec = span.detail.decode()
        told = (
            placeholders.sized(span.value, kind, size // 2) if sized else placeholders.text(span.value, kind).encode()
        )
        return told.decode().encode(codec)
    if sized:
        return placeholders.sized(span.value, kind, size)
    if style == NUMBER:
        return placeholders.number(span.value).encode()
    text = placeholders.shaped(span.value, kind).encode()
    return span.detail + text + span.detail if style == QUOTED else text


def _in_base64(coded: bytes, span: Span, kind: str, placeholders: Placeholders, *, binary: bool) -> bytes:
    """Put a placeholder into base64, of a length that leaves everything around it as it was."""
    url = b"-" in coded or b"_" in coded
    padding = -len(coded) % 4
    plain = b64decode((coded.replace(b"-", b"+").replace(b"_", b"/")) + b"=" * padding)
    start = int(span.detail)
    size = len(span.value)
    if binary:
        told = placeholders.sized(span.value, kind, size)
    else:
        short = placeholders.text(span.value, kind)
        told = placeholders.text(span.value, kind, more=(size - len(short)) % 3).encode()
    new = b64encode(plain[:start] + told + plain[start + size :], b"-_" if url else None)
    return new[: len(new) - padding] if padding else new


def _in_wrapped_base64(block: bytes, span: Span, kind: str, placeholders: Placeholders, *, binary: bool) -> bytes:
    """Put a placeholder into base64 of several lines, and break the lines where they were broken."""
    line_ends = _LINE_END.findall(block)
    widths = [len(line) for line in _LINE_END.split(block)]
    joined = _LINE_END.sub(b"", block)
    start, end, alignment = span.detail.split(b":")
    inner = span._replace(detail=alignment)
    coded = _in_base64(joined[int(start) : int(end)], inner, kind, placeholders, binary=binary)
    joined = joined[: int(start)] + coded + joined[int(end) :]
    parts: list[bytes] = []
    at = 0
    for number, line_end in enumerate(line_ends):
        parts += (joined[at : at + widths[number]], line_end)
        at += widths[number]
    while len(joined) - at > widths[0]:  # it has grown
        parts += (joined[at : at + widths[0]], line_ends[0])
        at += widths[0]
    parts.append(joined[at:])
    return b"".join(parts)


def _in_any_case(low: bytes, start: int, end: int, needle: Needle) -> Iterator[Span]:
    """Find a value in a name, whose letters may have changed their case."""
    raw = needle.known.raw.lower()
    begin = low.find(raw, max(0, start - len(raw)), end + len(raw))
    if begin >= 0:
        yield Span(begin, begin + len(raw), needle.known.rule, needle.known.raw)


def _patterns(data: bytes, urls: Iterable[tuple[re.Pattern[bytes], bytes]]) -> Iterator[Span]:
    for pattern, replacement in urls:
        for match in pattern.finditer(data):
            new = match.expand(replacement)
            if new != match[0]:
                yield _literal(match.start(), match.end(), "policy:url", new)


def _userinfo(data: bytes) -> Iterator[Span]:
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 -- few leaves have any

    from recorder.redact.places import is_masked  # noqa: PLC0415 -- see above

    for match in _USERINFO.finditer(data):
        info = match[1]
        user, colon, password = info.partition(b":")
        if not colon:
            user, colon, password = info.partition(b"%3A")
        value = unquote_to_bytes(password if colon and password else user)
        if value and not is_masked(info) and not is_masked(value):
            yield Span(*match.span(1), "userinfo", value, learn=bool(password))


def _json_path_span(data: bytes, start: int, end: int, path: str) -> Iterator[Span]:
    from recorder.redact.places import is_masked  # noqa: PLC0415 -- few policies have paths

    rule = f"field:{path}"
    value = data[start:end]
    if value.startswith(b'"'):
        if len(value) > 2 and not is_masked(value[1:-1]):
            yield Span(start + 1, end - 1, rule, value[1:-1], learn=True)
    elif value[:1] in (b"{", b"["):
        if value.strip(b"{}[] \t\r\n"):
            yield Span(start, end, rule, value, QUOTED, b'"')
    elif value not in (b"true", b"false", b"null") and not is_masked(value):
        yield Span(start, end, rule, value, NUMBER, learn=True)


def _personal_span(data: bytes, start: int, end: int, kind: str) -> Iterator[Span]:
    from recorder.redact.known import bare_number  # noqa: PLC0415 -- opt-in
    from recorder.redact.places import is_masked  # noqa: PLC0415 -- opt-in

    value = data[start:end]
    if is_masked(value):
        return
    if kind in ("card", "phone") and value.isdigit() and (number := bare_number(data, start, end)) is not None:
        yield Span(*number, f"personal:{kind}", value, NUMBER, kind=kind)
    else:
        yield Span(start, end, f"personal:{kind}", value, kind=kind)


def _cut_off(data: bytes, known: Iterable[Known]) -> Iterator[Span]:
    """Find the beginning of a known value at the end of a body that was cut off."""
    for value in known:
        for size in range(min(len(value.raw) - 1, len(data)), _SHORTEST_BEGINNING - 1, -1):
            if data.endswith(value.raw[:size]):
                yield Span(len(data) - size, len(data), value.rule, value.raw)
                break


def _format_span(data: bytes, token: tuple[int, int], slug: str) -> Span:
    start, end = token
    return Span(start, end, f"format:{slug}", data[start:end], kind=slug, open=end == len(data))


def _literal(start: int, end: int, rule: str, replacement: bytes) -> Span:
    return Span(start, end, rule, b"", LITERAL, replacement, kind="text")


def _rank(rule: str) -> tuple[int, str]:
    return (0 if rule.startswith("known:") else 2 if rule == "learned" else 1, rule)
