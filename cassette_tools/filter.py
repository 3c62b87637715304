r"""The language of --only: which interactions to take. mitmproxy's filter expressions, and ranges of our own.

Law: an expression is compiled once, into a test of one interaction that never raises and changes nothing. What can be
misread is refused with its place, never guessed. Bodies are read last, and only where everything cheaper has left the
answer open: each at most once for an interaction, or, where it is too long to be held, once for each term.

Compared with mitmproxy 12 (`mitmproxy/flowfilter.py`): the same operators and the same precedence (`!`, then `&`, then
`|`; terms side by side must all hold, and bind loosest). More is taken: `(~q)`, `~q&~s`, `"\d"` in quotes. Less is
taken: a pattern without quotes that ends in `&` or `|`, or runs into a bracket, a quote or a tilde; mitmproxy reads two
terms there. `~a` minds no letter case here, as media types do not (RFC 9110 section 8.3.1).

Memory: a body that is searched is held whole; one that comes in pieces up to `body_search.HELD` bytes, and beyond that
as far as is said there. Time: patterns are Python's `re`, which some patterns make very slow.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NoReturn, TypeAlias

from cassette_tools.body_search import HELD, is_in
from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cassette_tools.interaction import Body, Headers, Interaction, Request, Response

__all__ = ["LONGEST", "MOST_LEVELS", "OPERATORS", "Operator", "Predicate", "compile_filter"]

LONGEST: Final = 10_000
"""Characters of an expression."""

MOST_LEVELS: Final = 100
"""Brackets that may be open at once."""

Predicate: TypeAlias = "Callable[[Interaction, int], bool]"
"""Tells whether to take an interaction. The number is its place in the input, from 1."""

Part: TypeAlias = Literal["request", "response"]
Takes: TypeAlias = Literal["nothing", "pattern", "range", "duration", "size"]


def compile_filter(expression: str) -> Predicate:
    """Make a predicate of a filter expression.

    Raises UsageError, with the place and what was expected there, for an expression that is wrong, longer than LONGEST
    characters or deeper than MOST_LEVELS brackets.
    """
    if len(expression) > LONGEST:
        raise UsageError(
            f"The filter is longer than {LONGEST:,} characters. Say it shorter, with a regular expression."
        )
    holds = _Parser(expression).parse().holds

    def predicate(interaction: Interaction, number: int) -> bool:
        return holds(_Subject(interaction, number))

    return predicate


class _Subject:
    """One interaction while it is tested: what several terms look at is made once."""

    __slots__ = ("_made", "interaction", "number")

    def __init__(self, interaction: Interaction, number: int) -> None:
        self.interaction = interaction
        self.number = number
        self._made: dict[tuple[str, Part], bytes | None] = {}

    def message(self, part: Part) -> Request | Response | None:
        return self.interaction.request if part == "request" else self.interaction.response

    def head(self, part: Part) -> bytes:
        """Give the headers, one `name: value` a line."""
        head = self._once("head", part, lambda message: b"\n".join(_line(*pair) for pair in message.headers))
        return head or b""

    def has(self, part: Part, pattern: re.Pattern[bytes]) -> bool:
        """Tell whether a body is there and has the pattern in it."""
        message = self.message(part)
        if message is None or message.body is None:
            return False
        held = self._once("body", part, lambda message: _held(message.body))
        return is_in(message.body.pieces(), pattern) if held is None else pattern.search(held) is not None

    def _once(self, what: str, part: Part, make: Callable[[Request | Response], bytes | None]) -> bytes | None:
        if (what, part) not in self._made:
            message = self.message(part)
            self._made[what, part] = b"" if message is None else make(message)
        return self._made[what, part]


class _Term(NamedTuple):
    """A compiled part of an expression. `cost` sorts: what is cheap is asked first."""

    holds: Callable[[_Subject], bool]
    cost: int


# -- operators

_CHEAP: Final = 0
_PATTERN: Final = 1
_HEAD: Final = 2
_BODY: Final = 3


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of the language. `make` makes its test of the value that follows it, already compiled."""

    name: str
    takes: Takes
    title: str
    make: Callable[[Any], Callable[[_Subject], bool]]
    cost: int = _CHEAP
    flags: int = 0
    on_text: bool = False
    ours: bool = False


def _always(_: None) -> Callable[[_Subject], bool]:
    return lambda _subject: True


def _never(_: object) -> Callable[[_Subject], bool]:
    return lambda _subject: False


def _has_error(_: None) -> Callable[[_Subject], bool]:
    return lambda subject: subject.interaction.error is not None


def _has_response(_: None) -> Callable[[_Subject], bool]:
    return lambda subject: subject.interaction.response is not None


def _has_no_response(_: None) -> Callable[[_Subject], bool]:
    return lambda subject: subject.interaction.response is None


def _in_head(*parts: Part) -> Callable[[re.Pattern[bytes]], Callable[[_Subject], bool]]:
    def make(pattern: re.Pattern[bytes]) -> Callable[[_Subject], bool]:
        search = pattern.search
        return lambda subject: any(
            subject.message(part) is not None and search(subject.head(part)) is not None for part in parts
        )

    return make


def _in_body(*parts: Part) -> Callable[[re.Pattern[bytes]], Callable[[_Subject], bool]]:
    def make(pattern: re.Pattern[bytes]) -> Callable[[_Subject], bool]:
        return lambda subject: any(subject.has(part, pattern) for part in parts)

    return make


def _in_content_type(*parts: Part) -> Callable[[re.Pattern[bytes]], Callable[[_Subject], bool]]:
    def make(pattern: re.Pattern[bytes]) -> Callable[[_Subject], bool]:
        def holds(subject: _Subject) -> bool:
            messages = (subject.message(part) for part in parts)
            types = (kind for message in messages if message is not None for kind in _types(message.headers))
            return any(pattern.search(kind) for kind in types)

        return holds

    return make


_ASSET: Final = re.compile(
    rb"text/(?:javascript|css)|application/(?:x-)?javascript|image/|font/|application/font", re.IGNORECASE
)


def _is_asset(_: None) -> Callable[[_Subject], bool]:
    return _in_content_type("response")(_ASSET)


def _in_method(pattern: re.Pattern[str]) -> Callable[[_Subject], bool]:
    return lambda subject: pattern.search(subject.interaction.request.method) is not None


def _in_url(pattern: re.Pattern[str]) -> Callable[[_Subject], bool]:
    return lambda subject: pattern.search(subject.interaction.request.url) is not None


def _in_domain(pattern: re.Pattern[str]) -> Callable[[_Subject], bool]:
    return lambda subject: any(pattern.search(host) for host in _hosts(subject.interaction.request))


def _in_destination(pattern: re.Pattern[str]) -> Callable[[_Subject], bool]:
    return lambda subject: any(pattern.search(address) for address in _addresses(subject.interaction))


def _has_status(wanted: _Range) -> Callable[[_Subject], bool]:
    def holds(subject: _Subject) -> bool:
        response = subject.interaction.response
        return response is not None and wanted.has(response.status)

    return holds


def _has_number(wanted: _Range) -> Callable[[_Subject], bool]:
    return lambda subject: wanted.has(subject.number)


def _took(wanted: _Range) -> Callable[[_Subject], bool]:
    def holds(subject: _Subject) -> bool:
        total = subject.interaction.timings_ms.get("total")
        return total is not None and wanted.has(total)

    return holds


def _has_size(wanted: _Range) -> Callable[[_Subject], bool]:
    def holds(subject: _Subject) -> bool:
        response = subject.interaction.response
        return response is not None and wanted.has(0 if response.body is None else response.body.size)

    return holds


_LIST: Final = (
    Operator("a", "nothing", "the response is an asset: CSS, JavaScript, an image, a font", _is_asset, _HEAD),
    Operator("all", "nothing", "every interaction", _always),
    Operator(
        "b", "pattern", "the body of the request or of the response", _in_body("request", "response"), _BODY, re.DOTALL
    ),
    Operator("bq", "pattern", "the request's body", _in_body("request"), _BODY, re.DOTALL),
    Operator("bs", "pattern", "the response's body", _in_body("response"), _BODY, re.DOTALL),
    Operator("c", "range", "the status code", _has_status),
    Operator("comment", "pattern", "never true", _never),
    Operator("d", "pattern", "the host of the URL, or of the Host header", _in_domain, _PATTERN, on_text=True),
    Operator("dns", "nothing", "never true", _never),
    Operator(
        "dst",
        "pattern",
        "the server as `host:port`, by the URL or, where it is known, by its address",
        _in_destination,
        _PATTERN,
        on_text=True,
    ),
    Operator("e", "nothing", "the client saw an error", _has_error),
    Operator("h", "pattern", "a header, as `name: value`", _in_head("request", "response"), _HEAD, re.MULTILINE),
    Operator("hq", "pattern", "a header of the request", _in_head("request"), _HEAD, re.MULTILINE),
    Operator("hs", "pattern", "a header of the response", _in_head("response"), _HEAD, re.MULTILINE),
    Operator("http", "nothing", "every interaction", _always),
    Operator("i", "range", "the number of the interaction in its input, from 1", _has_number, ours=True),
    Operator("m", "pattern", "the method", _in_method, _PATTERN, on_text=True),
    Operator("marked", "nothing", "never true", _never),
    Operator("marker", "pattern", "never true", _never),
    Operator("meta", "pattern", "never true", _never),
    Operator("ms", "duration", "how long it took, in milliseconds; not true where it is not known", _took, ours=True),
    Operator("q", "nothing", "there is no response", _has_no_response),
    Operator("replay", "nothing", "never true", _never),
    Operator("replayq", "nothing", "never true", _never),
    Operator("replays", "nothing", "never true", _never),
    Operator("s", "nothing", "there is a response", _has_response),
    Operator("size", "size", "bytes of the response's body, without content coding", _has_size, ours=True),
    Operator("src", "pattern", "never true", _never),
    Operator("t", "pattern", "the header Content-Type", _in_content_type("request", "response"), _HEAD),
    Operator("tcp", "nothing", "never true", _never),
    Operator("tq", "pattern", "Content-Type of the request", _in_content_type("request"), _HEAD),
    Operator("ts", "pattern", "Content-Type of the response", _in_content_type("response"), _HEAD),
    Operator("u", "pattern", "the URL", _in_url, _PATTERN, on_text=True),
    Operator("udp", "nothing", "never true", _never),
    Operator("websocket", "nothing", "never true", _never),
)
OPERATORS: Final[Mapping[str, Operator]] = {operator.name: operator for operator in _LIST}


# -- what terms look at

_AUTHORITY: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:[^/?#]*@)?([^/?#]*)")
_HOST_AND_PORT: Final = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(\d+))?")
_PORTS: Final = {"http": "80", "https": "443"}


def _line(name: str, value: str) -> bytes:
    return f"{name}: {value}".encode("latin-1", "replace")


def _held(body: Body | None) -> bytes | None:
    """Give a body whole; None for one that comes in pieces and is too long for that."""
    if body is None:
        return b""
    if body.stream is None:
        return body.read()
    if body.size > HELD:
        return None
    data = bytearray()
    for piece in body.stream():
        data += piece
        if len(data) > HELD:  # its source said less
            return None
    return bytes(data)


def _types(headers: Headers) -> Iterable[bytes]:
    return [value.encode("latin-1", "replace") for name, value in headers if name.lower() == "content-type"]


def _hosts(request: Request) -> list[str]:
    found = _AUTHORITY.match(request.url)
    given = [found[2]] if found else []
    given += [value.strip() for name, value in request.headers if name.lower() == "host"]
    parts = [_HOST_AND_PORT.match(one) for one in given]
    return [part[1].strip("[]") for part in parts if part]


def _addresses(interaction: Interaction) -> list[str]:
    addresses = []
    found = _AUTHORITY.match(interaction.request.url)
    if found and (parts := _HOST_AND_PORT.match(found[2])):
        port = parts[2] or _PORTS.get(found[1].lower(), "")
        addresses.append(f"{parts[1].strip('[]')}:{port}")
    peer = (interaction.connection or {}).get("peer")
    if isinstance(peer, str):
        addresses.append(peer)
    return addresses


# -- ranges


class _Range(NamedTuple):
    """Numbers from `low` to `high`; an open end does not belong to it."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def has(self, number: float) -> bool:
        above = number > self.low if self.open_low else number >= self.low
        return above and (number < self.high if self.open_high else number <= self.high)


_UNITS: Final = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}
_NUMBER: Final = r"(\d{1,15}(?:\.\d{1,9})?)([A-Za-z]{0,3})"
_COMPARED: Final = re.compile(rf"(>=|<=|>|<)\s*{_NUMBER}", re.ASCII)
_FROM_TO: Final = re.compile(rf"{_NUMBER}(?:\s*(-)(?:\s*{_NUMBER})?)?", re.ASCII)


def _range(found: re.Match[str], units: Mapping[str, int]) -> _Range | None:
    """Make a range of a match of one of the two patterns. None where a unit is none, or the range is upside down."""
    if found.re is _COMPARED:
        sign, number, unit = found.groups()
        limit = _value(number, unit, units)
        if limit is None:
            return None
        if sign[0] == ">":
            return _Range(limit, _INFINITE, open_low=sign == ">")
        return _Range(-_INFINITE, limit, open_high=sign == "<")
    first, unit, to, last, last_unit = found.groups()
    low = _value(first, unit or last_unit or "", units)
    high = low if to is None else _INFINITE if last is None else _value(last, last_unit or unit, units)
    return None if low is None or high is None or low > high else _Range(low, high)


def _value(number: str, unit: str, units: Mapping[str, int]) -> float | None:
    factor = units.get(unit.lower())
    return None if factor is None else float(number) * factor


_INFINITE: Final = float("inf")


# -- parsing

_BLANKS: Final = re.compile(r"\s*")
_NAME: Final = re.compile(r"[A-Za-z]*")
_WORD: Final = re.compile(r"[^\s()~'\"]+")
_QUOTED: Final = re.compile(r"\"((?:[^\"\\]|\\.)*+)\"|'((?:[^'\\]|\\.)*+)'", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\([\\\"'])")
_EXAMPLES: Final[Mapping[str, str]] = {
    "range": "a number (200), a range (400-499) or a limit (>=500)",
    "duration": "milliseconds: a limit (>500) or a range (100-200)",
    "size": "a limit (>1MB) or a range (1KiB-2KiB) with B, KB, MB, GB, KiB, MiB or GiB",
}


class _Parser:
    """Reads an expression from its beginning to its end. `_at` is where it stands."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._levels = 0

    def parse(self) -> _Term:
        term = self._terms()
        if self._at < len(self._text):
            self._fail(self._at, "this bracket was never opened")
        return term

    def _terms(self) -> _Term:
        """Terms side by side: up to a closing bracket, or the end."""
        terms = [self._alternatives()]
        while self._next() not in ("", ")"):
            terms.append(self._alternatives())
        return _all(terms)

    def _alternatives(self) -> _Term:
        terms = [self._conjunction()]
        while self._next() == "|":
            self._at += 1
            terms.append(self._conjunction())
        return _any(terms)

    def _conjunction(self) -> _Term:
        terms = [self._one()]
        while self._next() == "&":
            self._at += 1
            terms.append(self._one())
        return _all(terms)

    def _one(self) -> _Term:
        negated = False
        while self._next() == "!":
            self._at += 1
            negated = not negated
        term = self._plain()
        return _not(term) if negated else term

    def _plain(self) -> _Term:
        sign = self._next()
        if sign == "(":
            return self._bracket()
        if sign == "~":
            return self._operation()
        if sign in ("", ")", "&", "|"):
            self._fail(
                self._at, "expected an operator (~u, ~m, ~c ...), a pattern for the URL, ! or an opening bracket"
            )
        return self._term(OPERATORS["u"])

    def _bracket(self) -> _Term:
        opened = self._at
        self._levels += 1
        if self._levels > MOST_LEVELS:
            self._fail(opened, f"there are more than {MOST_LEVELS} brackets open")
        self._at += 1
        term = self._terms()
        if self._next() != ")":
            self._fail(opened, "this bracket is never closed")
        self._at += 1
        self._levels -= 1
        return term

    def _operation(self) -> _Term:
        start = self._at
        found = _NAME.match(self._text, start + 1)
        name = found[0] if found else ""
        operator = OPERATORS.get(name)
        if operator is None:
            near = _near(name)
            self._fail(start, f"there is no operator ~{name[:20]}. {near}")
        self._at = start + 1 + len(name)
        return self._term(operator)

    def _term(self, operator: Operator) -> _Term:
        if operator.takes == "nothing":
            return _Term(operator.make(None), operator.cost)
        value = self._pattern(operator) if operator.takes == "pattern" else self._span(operator)
        return _Term(operator.make(value), operator.cost)

    def _pattern(self, operator: Operator) -> re.Pattern[str] | re.Pattern[bytes]:
        sign = self._next()
        start = self._at
        if sign in ("'", '"'):
            quoted = _QUOTED.match(self._text, start)
            if quoted is None:
                self._fail(start, "this quote is never closed")
            self._at = quoted.end()
            text = _ESCAPED.sub(r"\1", quoted[1] if quoted[1] is not None else quoted[2])
        else:
            text = self._word(operator)
        return self._compiled(operator, text, start)

    def _word(self, operator: Operator) -> str:
        start = self._at
        word = _WORD.match(self._text, start)
        if word is None or word[0][0] in "&|":
            self._fail(start, f"expected a pattern for ~{operator.name}: a word, or a text in quotes")
        self._at = word.end()
        if word[0][-1] in "&|":
            self._fail(
                self._at - 1, "a pattern ends here in an operator. Put a blank before it, or the pattern in quotes"
            )
        if self._text[self._at : self._at + 1] in ("(", "~", "'", '"'):
            self._fail(self._at, "a pattern with brackets, quotes or a tilde must stand in quotes as a whole")
        return word[0]

    def _compiled(self, operator: Operator, text: str, start: int) -> re.Pattern[str] | re.Pattern[bytes]:
        flags = operator.flags | re.IGNORECASE
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of doubtful but valid patterns, such as "[["
                return re.compile(text, flags) if operator.on_text else re.compile(_as_bytes(text), flags)
        except re.error as error:
            self._fail(start, f"this is no regular expression: {error.msg}")
        except (ValueError, OverflowError, RecursionError):
            self._fail(start, "this is no regular expression that can be compiled")

    def _span(self, operator: Operator) -> _Range:
        self._next()
        start = self._at
        found = _COMPARED.match(self._text, start) or _FROM_TO.match(self._text, start)
        units = _UNITS if operator.takes == "size" else {"": 1, "ms": 1} if operator.takes == "duration" else {"": 1}
        span = _range(found, units) if found else None
        if found is None or span is None or not self._ends(found.end()):
            self._fail(start, f"expected {_EXAMPLES[operator.takes]} for ~{operator.name}")
        self._at = found.end()
        return span

    def _ends(self, at: int) -> bool:
        """Tell whether a number may end there."""
        return at == len(self._text) or self._text[at] in "&|()~!" or self._text[at].isspace()

    def _next(self) -> str:
        """Pass over blanks; give the character that follows, "" at the end."""
        found = _BLANKS.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._text[self._at : self._at + 1]

    def _fail(self, at: int, what: str) -> NoReturn:
        start = max(0, at - _SHOWN)
        shown = self._text[start : at + _SHOWN]
        before, after = "... " if start else "", " ..." if at + _SHOWN < len(self._text) else ""
        clean = "".join(sign if sign.isprintable() else "?" for sign in shown)
        caret = " " * (len(before) + at - start) + "^"
        raise UsageError(
            f"The filter is wrong at character {at + 1}: {what}.\n\n  {before}{clean}{after}\n  {caret}\n\n"
            "See docs/filters.md for the language."
        ) from None


_SHOWN: Final = 60
"""Characters of an expression that an error shows on each side of its place."""


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _near(name: str) -> str:
    """Give the operators that a misspelt name may mean."""
    if not name:
        return "A tilde is followed by a name, as in ~u"
    near = [other for other in OPERATORS if other[0] == name[0].lower()]
    return "There are " + ", ".join(f"~{other}" for other in near or OPERATORS)


# -- combining


def _all(terms: list[_Term]) -> _Term:
    if len(terms) == 1:
        return terms[0]
    terms = sorted(terms, key=lambda term: term.cost)
    tests = [term.holds for term in terms]

    def holds(subject: _Subject) -> bool:
        for test in tests:  # noqa: SIM110 - a generator would double the stack of deep expressions
            if not test(subject):
                return False
        return True

    return _Term(holds, terms[-1].cost)


def _any(terms: list[_Term]) -> _Term:
    if len(terms) == 1:
        return terms[0]
    terms = sorted(terms, key=lambda term: term.cost)
    tests = [term.holds for term in terms]

    def holds(subject: _Subject) -> bool:
        for test in tests:  # noqa: SIM110 - as above
            if test(subject):
                return True
        return False

    return _Term(holds, terms[-1].cost)


def _not(term: _Term) -> _Term:
    test = term.holds
    return _Term(lambda subject: not test(subject), term.cost)
