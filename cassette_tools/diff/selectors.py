r"""The language of --ignore: which things of two interactions are not compared.

Law: a selector is compiled once, covers a thing and all that lies below it, and is refused with its place where it is
wrong: never guessed.

    [request.|response.|error.]PLACE[:WHAT]

    header:x-request-id     a header by name; * stands for any characters, ? for one, here and below
    trailer:x-*             a trailer by name
    cookie:session*         a cookie by name, in Cookie and Set-Cookie
    url, url:path           where the request went: scheme, userinfo, host, path
    query:page              a parameter of the URL
    form:csrf               a field of a form
    part:file               a part of a multipart body, by name or number
    json:$.items[*].price   a value by its path in JSON: bodies, data of events, parts
    json:$..price           the same at any depth; also json:**.price, or short json:price
    xml:/List/Item/Price    an element or, as @name, an attribute by its path in XML; without / in front at any depth
    event:id                a field of events: id, event, data, retry; `event` for all
    line:PATTERN            lines of texts in which a regular expression is found
    status, reason, version, body, type, complete, presence
    error, error:message    what went wrong: phase, type, message

Without `request.` or `response.` both are meant. `body` is all of a body: its kind, its content, whether it is there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, NoReturn, cast

from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.diff.model import Part, Place

__all__ = ["EXAMPLES", "LONGEST", "Selector", "compile_selector", "folded_path"]

LONGEST: Final = 1_000
"""Characters of a selector."""

EXAMPLES: Final = (
    ("header:x-request-id", "a header of both sides"),
    ("response.header:x-*", "all headers of responses whose names begin so"),
    ("cookie:session*", "cookies, in `Cookie` and `Set-Cookie`"),
    ("query:page", "a parameter of the URL"),
    ("form:csrf", "a field of a form"),
    ("json:$.items[*].updated_at", "a member of each element"),
    ("json:updated_at", "a member at any depth; also `json:$..updated_at`, `json:**.updated_at`"),
    ("xml:/List/Item/Price", "an element of XML; `xml:Price` at any depth; `xml:@lang` an attribute"),
    ("part:file", "a part of a multipart body"),
    ("event:id", "a field of the events of an event stream; `event` for all"),
    ("line:^Generated on", "lines of texts that a regular expression is found in"),
    ("response.body", "the whole body of responses"),
    ("status", "also `reason`, `version`, `url`, `type`, `complete`, `presence`, `error`"),
)
"""Selectors and what they mean, for the documentation."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A compiled selector. `text` is as it was given."""

    text: str
    parts: frozenset[str]
    place: str
    what: re.Pattern[str] | None

    def covers(self, part: Part, place: Place, path: str) -> bool:
        """Tell whether a thing is meant. `path` is as in a Change; of `json`, `event` and `part` also what is below."""
        return part in self.parts and self._covers_place(place, path)

    def covers_cookie(self, part: Part, name: str) -> bool:
        """Tell whether a cookie is meant."""
        return self.place == "cookie" and part in self.parts and self._finds(name)

    def covers_line(self, part: Part, text: str) -> bool:
        """Tell whether a line of a text is meant."""
        return self.place == "line" and part in self.parts and (self.what is None or self.what.search(text) is not None)

    def covers_member(self, part: Part, steps: str) -> bool:
        """Tell whether a value of JSON is meant. `steps` is a folded path, as `folded_path` gives it."""
        return self.place == "json" and part in self.parts and self._finds(steps)

    def _covers_place(self, place: Place, path: str) -> bool:
        if self.place == "body":
            return place in _OF_BODY or (place == "presence" and path == "body")
        if self.place != place or place == "line":
            return self.place == place and self.what is None
        if self.what is None:
            return True
        if place == "json":
            return any(self._finds(steps) for steps in _prefixes(folded_path(path)))
        if place == "xml":
            return any(self._finds(above) for above in _upwards(_INDEX.sub("", path)))
        if place == "event":
            return self._finds(_field_of_event(path))
        if place == "part":
            return self._finds(path.partition(":")[0])
        return self._finds(path.lower() if place in _SMALL else path)

    def _finds(self, name: str) -> bool:
        return self.what is None or self.what.fullmatch(name) is not None


_OF_BODY: Final = frozenset({"type", "json", "xml", "form", "part", "event", "line", "binary", "complete"})
_SMALL: Final = frozenset({"header", "trailer"})
_SIDES: Final = frozenset({"request", "response"})
_NAMED: Final = ("header", "trailer", "cookie", "query", "form", "part", "event", "url", "error")
_PLACES: Final = (
    *_NAMED,
    "json",
    "xml",
    "line",
    "body",
    "status",
    "reason",
    "version",
    "type",
    "complete",
    "presence",
    "binary",
)
_CHOICES: Final = {
    "url": ("scheme", "userinfo", "host", "path"),
    "error": ("phase", "type", "message"),
    "event": ("id", "event", "data", "retry"),
}
_ONE_SIDED: Final = {"query": "request", "url": "request", "status": "response", "reason": "response", "error": "error"}


def compile_selector(text: str) -> Selector:
    """Compile a selector. Raises UsageError, with the place, where it is wrong or longer than LONGEST characters."""
    if len(text) > LONGEST:
        raise UsageError(f"A selector of --ignore is longer than {LONGEST:,} characters. Use several.")
    head, colon, what = text.partition(":")
    side, dot, place = head.rpartition(".")
    parts = _parts(text, side, given=bool(dot))
    if place not in _PLACES:
        _fail(text, len(side) + len(dot), f"there is no place {_said(place)}. {_near(place)}")
    parts = _parts_of_place(text, place, parts)
    if not colon:
        if place == "json":
            return Selector(text, parts, place, None)
        return Selector(text, parts, place, None)
    return Selector(text, parts, place, _what(text, len(head) + 1, place, what))


def _parts(text: str, side: str, *, given: bool) -> frozenset[str]:
    if not given:
        return _SIDES
    if side not in _SIDES:
        _fail(text, 0, "expected request. or response. before the place, as in response.header:etag")
    return frozenset({side})


def _parts_of_place(text: str, place: str, parts: frozenset[str]) -> frozenset[str]:
    only = _ONE_SIDED.get(place)
    if only is None:
        return parts | {"error"} if place == "presence" and parts == _SIDES else parts
    if parts != _SIDES and only not in parts:
        _fail(text, 0, f"{place} belongs to {'no side' if only == 'error' else 'the ' + only}")
    return frozenset({only})


def _what(text: str, at: int, place: str, what: str) -> re.Pattern[str]:
    if not what:
        _fail(text, at, f"expected what of {place} to ignore, or no colon for all of it")
    if place == "json":
        return re.compile(_PathPattern(text, at).pattern(), re.DOTALL)
    if place == "xml":
        return re.compile(_xml_pattern(text, at, what), re.DOTALL)
    if place == "line":
        return _pattern(text, at, what)
    if place not in _NAMED:
        _fail(text, at - 1, f"nothing follows {place}: there is only one")
    choices = _CHOICES.get(place)
    if choices is not None and what not in choices and not set("*?") & set(what):
        _fail(text, at, f"of {place} there are {', '.join(choices)}")
    return re.compile(_glob(what.lower() if place in _SMALL else what), re.DOTALL)


def _pattern(text: str, at: int, what: str) -> re.Pattern[str]:
    try:
        return re.compile(what)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        position = getattr(error, "pos", None)
        _fail(text, at + (position or 0), "this is no regular expression")


def _glob(text: str, any_sign: str = ".") -> str:
    """Make a pattern of a text in which * stands for any characters and ? for one."""
    signs = {"*": f"{any_sign}*", "?": any_sign}
    return "".join(signs.get(sign) or re.escape(sign) for sign in re.sub(r"\*+", "*", text))


def _fail(text: str, at: int, what: str) -> NoReturn:
    start = max(0, at - 60)
    before, after = "... " if start else "", " ..." if at + 60 < len(text) else ""
    clean = "".join(sign if sign.isprintable() else "?" for sign in text[start : at + 60])
    caret = " " * (len(before) + at - start) + "^"
    raise UsageError(
        f"The selector of --ignore is wrong at character {at + 1}: {what}.\n\n  {before}{clean}{after}\n  {caret}\n\n"
        "See docs/diff.md for the language."
    ) from None


def _said(place: str) -> str:
    shown = "".join(sign if sign.isprintable() else "?" for sign in place[:20])
    return f'"{shown}"' if shown else "without a name"


def _near(place: str) -> str:
    near = get_close_matches(place.lower(), _PLACES, n=3)
    return "Perhaps " + " or ".join(near) if near else "There are " + ", ".join(_PLACES)


# -- paths of JSON

_KEY: Final = re.compile(r"[^.\[\]\"\s]+")
_QUOTED: Final = re.compile(r'\["((?:[^"\\]|\\.)*+)"\]', re.DOTALL)
_END: Final = "\0"
_ANY_STEPS: Final = "(?:[^\0]*\0)*"
_ELEMENT: Final = "[*]"


class _PathPattern:
    """Makes a regular expression for folded paths of a path such as `$.items[*].price` or `price`."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self._at = at

    def pattern(self) -> str:
        text = self._text
        if text[self._at] == "$":
            self._at += 1
            steps = ""
        else:
            steps = _ANY_STEPS
            if text[self._at] not in ".[":
                steps += self._key_or_any()
        while self._at < len(text):
            steps += self._step()
        return steps

    def _step(self) -> str:
        text, at = self._text, self._at
        if text.startswith("[*]", at):
            self._at += 3
            return re.escape(_ELEMENT) + _END
        if text[at] == "[":
            return self._bracket()
        if text[at] != ".":
            _fail(text, at, 'expected a step: .name, ["name"], [*] or ..name')
        self._at += 1
        if text.startswith(".", self._at):
            self._at += 1
            if text.startswith("[", self._at):
                return _ANY_STEPS
            return _ANY_STEPS + self._key_or_any()
        return self._key_or_any()

    def _key_or_any(self) -> str:
        text = self._text
        found = _KEY.match(text, self._at)
        if found is None:
            _fail(text, self._at, "expected a name here")
        self._at = found.end()
        if found[0] == "**":
            return _ANY_STEPS
        if found[0] == "*":
            return "[^\0]+\0"
        return r"\." + _glob(found[0], "[^\0]") + _END

    def _bracket(self) -> str:
        quoted = _QUOTED.match(self._text, self._at)
        if quoted is not None:
            self._at = quoted.end()
            return re.escape("." + _unquoted(quoted[1])) + _END
        if re.compile(r"\[\d+\]").match(self._text, self._at):
            _fail(self._text, self._at + 1, "elements have no fixed number, they are aligned: say [*]")
        _fail(self._text, self._at, 'expected [*] or ["name"]')


_STEP: Final = re.compile(r'\["((?:[^"\\]|\\.)*+)"\]|\[(?:\d+|\*)\]|\.?([^.\[]+)', re.DOTALL)


def folded_path(path: str) -> str:
    """Give a path such as `$.items[3].price` as steps without numbers, `.items`, `[*]`, `.price`, a NUL behind each."""
    steps = []
    for match in _STEP.finditer(path.removeprefix("$")):
        if match[1] is not None:
            steps.append("." + _unquoted(match[1]))
        elif match[2] is not None:
            steps.append("." + match[2])
        else:
            steps.append(_ELEMENT)
    return "".join(step + _END for step in steps)


def _unquoted(text: str) -> str:
    """Give a key as it is, of one with the escapes of JSON."""
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _prefixes(steps: str) -> Iterator[str]:
    """Give a folded path and those above it."""
    at = 0
    yield ""
    while (at := steps.find(_END, at) + 1) > 0:
        yield steps[:at]


# -- paths of XML

_INDEX: Final = re.compile(r"\[\d+\]")


def _xml_pattern(text: str, at: int, what: str) -> str:
    """Make a pattern for paths of XML without numbers: of `/List/Item`, or of `Price`, which stands at any depth."""
    number = re.search(r"\[[^\]]*\]?", what)
    if number is not None:
        _fail(text, at + number.start(), "elements have no number here: a name stands for all elements of that name")
    if not what.strip("/") or what.endswith("/") or "//" in what:
        _fail(text, at, "expected names with one / between, as in /List/Item, or one name")
    return ("" if what.startswith("/") else "(?:/.*)?/") + _glob(what, "[^/]")


def _upwards(path: str) -> Iterator[str]:
    """Give a path of XML and those above it."""
    while path:
        yield path
        path = path.rpartition("/")[0]


_EVENT_FIELD: Final = re.compile(r"(?:\d+|\[\*\]):? ?(.*)", re.DOTALL)


def _field_of_event(path: str) -> str:
    """Give the field that a path such as `3: data` or `3: $.delta` names; "" for a whole event."""
    found = _EVENT_FIELD.fullmatch(path)
    field = found[1] if found else path
    return "data" if field.startswith("$") else cast("str", field)
