"""What a comparison remembers of each interaction: a few numbers, taken in one pass over a cassette.

Law: heads are looked at, bodies are not parsed: their digests stand in the heads, and the bytes that hold them are
looked at as they lie. Two interactions whose `head`, `bodies` and `aside` agree are the same in all that is compared.
The numbers are those of hash(), which nobody can foresee outside this process and those that are forked from it; these
come to the same numbers. None must be written down.

Memory: about 80 bytes an interaction, 4 for each volatile value in its headers, 16 for each piece of a long body, and
caches of MOST_CACHED entries.
"""

from __future__ import annotations

import hashlib
import pickle
from array import array
from functools import lru_cache
from operator import itemgetter
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from cassette_tools.counting import bad_line
from cassette_tools.diff.contents import is_plain_json
from cassette_tools.diff.headers import apart
from cassette_tools.diff.urls import canonical_url, loose_url
from cassette_tools.diff.volatile import volatile_header
from cassette_tools.interaction import header

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cassette_tools.diff.headers import Apart
    from cassette_tools.diff.model import Ignored
    from cassette_tools.diff.rules import Rules
    from cassette_tools.interaction import Headers
    from cassette_tools.selection import Wanted
    from recorder.journal.read import Line, Part, Pieces, Reader

__all__ = ["LINE_TYPES", "MOST_CACHED", "Fingerprints", "fingerprints", "loose_number", "url_number"]

LINE_TYPES: Final = ("interaction",)
"""The line types that are wanted."""

MOST_CACHED: Final = 20_000
"""URLs of which the keys are kept; as many headers of which is kept what becomes of them."""

_MOST_TAKEN: Final = 2_000
"""Messages of which is kept what became of their headers, by their values."""

_MOST_SHAPES: Final = 50_000
"""Different sets of things set aside. Interactions with yet another one are loaded to be compared."""

_MOST_ORIGINS: Final = 100

UNKNOWN: Final = 0
"""The shape of an interaction of which is not known what was set aside."""


_ARRAYS: Final = (
    "exact",
    "url",
    "firm",
    "answer",
    "head",
    "bodies",
    "offset",
    "size",
    "line",
    "number",
    "shape",
    "aside",
    "values",
)


class Fingerprints:
    """Of each interaction, by its place among those that take part: what the alignment needs, and where it lies.

    - `exact`, `url`, `firm`, `answer`: see `alignment.Keys`.
    - `head`: all that is compared but the contents of bodies, and but what is set aside. `bodies`: their contents.
    - `shape`: which volatile things its headers have, as the place of their names in `shapes`; their values' numbers
      stand in `values` from `aside` on.
    - `origins`: from which families of formats interactions were converted, None for those that were recorded.
    - `plain`: 1 where its answer's body says that it is JSON and stands in its line, see `glance`.
    - `number`: its place in the cassette, from 1. `line`, `offset`, `size`, `version`, `pieces`: see `Reader.again`.
    """

    __slots__ = (
        "answer",
        "aside",
        "bodies",
        "exact",
        "firm",
        "head",
        "line",
        "number",
        "offset",
        "origins",
        "pieces",
        "plain",
        "shape",
        "shapes",
        "size",
        "url",
        "values",
        "version",
    )

    def __init__(self) -> None:
        self.exact = array("q")
        self.url = array("q")
        self.firm = array("q")
        self.answer = array("q")
        self.head = array("q")
        self.bodies = array("q")
        self.offset = array("Q")
        self.size = array("I")
        self.line = array("I")
        self.number = array("I")
        self.version = bytearray()
        self.plain = bytearray()
        self.origins: set[str | None] = set()
        self.pieces: dict[int, dict[str, Pieces]] = {}
        self.shape = array("I")
        self.aside = array("I")
        self.values = array("I")
        self.shapes: list[tuple[Ignored, ...]] = [()]

    def __len__(self) -> int:
        return len(self.exact)

    def origin(self) -> str | None:
        """Give the one family of formats that all interactions were converted from; None where there is none."""
        return next(iter(self.origins)) if len(self.origins) == 1 else None

    def save(self, file: IO[bytes]) -> None:
        """Write all of it, one array after the other: no second copy is made of any."""
        rest = (self.version, self.plain, self.origins, self.pieces, self.shapes)
        pickle.dump((rest, len(self), len(self.values)), file, pickle.HIGHEST_PROTOCOL)
        for name in _ARRAYS:
            getattr(self, name).tofile(file)

    @classmethod
    def load(cls, file: IO[bytes]) -> Fingerprints:
        """Read what `save` wrote. Raises EOFError."""
        prints = cls()
        rest, count, values = pickle.load(file)  # noqa: S301 - of a process that was forked here
        prints.version, prints.plain, prints.origins, prints.pieces, prints.shapes = rest
        prints.shapes = [tuple(map(_one, names)) for names in prints.shapes]
        for name in _ARRAYS:
            getattr(prints, name).fromfile(file, values if name == "values" else count)
        return prints

    def again(self, reader: Reader, place: int, *, contents: bool) -> Line:
        """Read an interaction's line again. Raises what `Reader.again` raises."""
        return reader.again(
            self.line[place],
            self.offset[place],
            self.size[place],
            pieces=self.pieces.get(place),
            version=self.version[place],
            contents=contents,
        )

    def contents(self, reader: Reader, place: int) -> dict[str, Any] | None:
        """Read the contents of an interaction's bodies again, as they were; None where they are not.

        Raises CassetteReadError, UsageError.
        """
        data = reader.contents_at(self.offset[place], self.size[place])
        if hash(data) != self.bodies[place] or not data.startswith(b","):
            return None
        try:
            found: dict[str, Any] = orjson.loads(b"{" + data[1:])["bodies"]
        except (orjson.JSONDecodeError, KeyError):
            return None
        return found

    def ignored(self, place: int, other: Fingerprints, beside: int) -> dict[Ignored, int] | None:
        """Tell which of the things set aside differ between two interactions; None where that is not known."""
        if UNKNOWN in (self.shape[place], other.shape[beside]):
            return None
        names, values = self._aside(place)
        counterparts, others = other._aside(beside)
        if names == counterparts:
            if values == others:
                return {}
            return dict.fromkeys(
                [name for name, value, counterpart in zip(names, values, others, strict=True) if value != counterpart],
                1,
            )
        olds, news = _grouped(names, values), _grouped(counterparts, others)
        return {name: 1 for name in {**olds, **news} if olds.get(name) != news.get(name)}

    def _aside(self, place: int) -> tuple[tuple[Ignored, ...], array[int]]:
        names, start = self.shapes[self.shape[place]], self.aside[place]
        return names, self.values[start : start + len(names)]


@lru_cache(maxsize=_MOST_SHAPES)
def _one(ignored: Ignored) -> Ignored:
    """Give one object for all that are equal: then most are told to be equal without a look at what they say."""
    return ignored


def _grouped(names: tuple[Ignored, ...], values: array[int]) -> dict[Ignored, list[int]]:
    found: dict[Ignored, list[int]] = {}
    for name, value in zip(names, values, strict=True):
        found.setdefault(name, []).append(value)
    return found


def fingerprints(reader: Reader, lines: Iterable[Line], rules: Rules, wanted: Wanted | None = None) -> Fingerprints:
    """Take the fingerprints of the interactions that are `wanted`, by default of all.

    Raises what `lines` raises, and BadCassetteError for a malformed line.
    """
    taking = _Taking(reader, rules)
    number = 0
    for line in lines:
        if line.type == "interaction":
            number += 1
            if wanted is None or wanted(line, number):
                taking.take(line, number)
    return taking.prints


def url_number(method: str, url: str, rules: Rules) -> int:
    """Give the number of what is requested, as `Fingerprints.url` has it."""
    return hash((method, canonical_url(url, rules)))


def loose_number(method: str, url: str, rules: Rules) -> int:
    """Give the number of what is requested, but for volatile segments of the path."""
    return hash((method, loose_url(url, rules)))


class _Taking:
    """The fingerprints of a cassette in the making."""

    def __init__(self, reader: Reader, rules: Rules) -> None:
        self.prints = Fingerprints()
        self._reader = reader
        self._rules = rules
        self._urls: dict[tuple[str, str], int] = {}
        self._shapes: dict[tuple[Ignored, ...], int] = {}
        self._no_status = rules.ignores("response", "status", "") is not None
        self._request = _Headers(rules, "request")
        self._response = _Headers(rules, "response")
        self._head_response = _Headers(rules, "response", of_head=True)

    def take(self, line: Line, number: int) -> None:
        try:
            self._take(line)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise bad_line(line) from error
        self._place(line, number)

    def _take(self, line: Line) -> None:
        """Take the numbers of an interaction. Raises what a wrong type raises, before any of them is kept."""
        head = line.head
        if head.get("origin") is not None:
            _text(head["origin"])
        request, response, error = head["request"], head.get("response"), head.get("error")
        method, address, body = request["method"], request["url"], request["body"]
        url = self._url(method, address)
        asked = self._digest(line, "request", body)
        names: list[Ignored] = []
        values: list[int] = []
        sent = self._request.settled(request["headers"], names, values)
        status = answered = said = None
        got = 0
        if response is not None:
            status, body_got, trailers = response["status"], response["body"], response.get("trailers")
            answered = self._digest(line, "response", body_got)
            headers = self._head_response if method == "HEAD" else self._response
            got = headers.settled(response["headers"], names, values)
            said = (
                status,
                response.get("reason"),
                response.get("http_version"),
                repr(trailers) if trailers else None,
                _facts(body_got),
            )
        failure = None if error is None else _text(error["type"])
        answer = hash((response is None, None if self._no_status else status, failure, answered))
        asked_for = (method, address, request.get("http_version"), _facts(body))
        whole = hash((asked_for, said, error and _said_as_json(error), sent, got))
        contents = self._reader.contents(line)
        prints = self.prints
        prints.exact.append(url if asked is None else hash((url, asked)))
        prints.url.append(url)
        prints.answer.append(answer)
        prints.firm.append(hash((answer, got)))
        prints.head.append(whole)
        # Of bodies in pieces it is known by their descriptions only what is in them.
        prints.bodies.append(hash(contents) if line.pieces is None else hash((contents, asked, answered)))
        prints.plain.append(_is_plain(request, response) if line.pieces is None else False)
        self._set_aside(tuple(names), values)

    def _place(self, line: Line, number: int) -> None:
        """Remember where the interaction lies."""
        prints, origin = self.prints, line.head.get("origin")
        if origin not in prints.origins and len(prints.origins) < _MOST_ORIGINS:
            prints.origins.add(origin)
        if line.pieces is not None:
            prints.pieces[len(prints.offset)] = line.pieces
        prints.offset.append(line.offset)
        prints.size.append(line.size)
        prints.line.append(line.number)
        prints.number.append(number)
        prints.version.append(line.format)

    def _url(self, method: str, url: str) -> int:
        known = self._urls.get((method, url))
        if known is None:
            if len(self._urls) >= MOST_CACHED:
                self._urls.clear()
            known = self._urls[method, url] = url_number(_text(method), _text(url), self._rules)
        return known

    def _digest(self, line: Line, part: Part, body: dict[str, Any] | None) -> str | None:
        """Give the digest of a body; None where there is none, or an empty one."""
        if body is None or not body["size"]:
            return None
        stated = body.get("sha256")
        if type(stated) is str:
            return stated
        digest = hashlib.sha256(usedforsecurity=False)
        for piece in self._reader.body(line, part):
            digest.update(piece)
        return digest.hexdigest()

    def _set_aside(self, names: tuple[Ignored, ...], values: list[int]) -> None:
        prints = self.prints
        shape = self._shapes.get(names)
        if shape is None and len(self._shapes) < _MOST_SHAPES:
            prints.shapes.append(tuple(map(_one, names)))
            shape = self._shapes[names] = len(prints.shapes) - 1
        prints.shape.append(shape or UNKNOWN)
        prints.aside.append(len(prints.values))
        if shape:
            prints.values.extend(values)


class _Taken(NamedTuple):
    """What becomes of headers: the number of what is compared of them, and what is set aside."""

    number: int
    names: tuple[Ignored, ...]
    values: tuple[int, ...]


class _Plan(NamedTuple):
    """How to take headers with certain names apart.

    `volatile`: places of those that are volatile by their names, whatever their values are; of each is set aside what
    `names` says, and is compared what is in `compared`. `others`: places of all others. `known`: what became of these,
    together with `compared`, by their values.
    """

    volatile: tuple[int, ...]
    names: tuple[Ignored, ...]
    compared: tuple[tuple[str, str], ...]
    others: tuple[int, ...]
    known: dict[tuple[str, ...], _Taken]


class _Headers:
    """Takes headers of one kind of message apart, as `headers.apart` does, and remembers what it said.

    Messages of one kind have the same names of headers, and those that are not volatile the same few values.
    """

    def __init__(self, rules: Rules, part: Part, *, of_head: bool = False) -> None:
        self._rules = rules
        self._part = part
        self._of_head = of_head
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._names: dict[str, Apart | None] = {}
        self._lines: dict[tuple[str, str], Apart] = {}
        self._remembered = 0

    def settled(self, headers: list[list[str]], names: list[Ignored], values: list[int]) -> int:
        """Give a number for what is compared of headers; adds what is not to `names` and `values`."""
        called = tuple([name for name, _ in headers])
        plan = self._plans.get(called) or self._planned(called)
        moving = [headers[place][1] for place in plan.volatile]
        "".join(moving)  # raises TypeError for what is no text
        names += plan.names
        values += [hash(value) & _SHORT for value in moving]
        steady = tuple([headers[place][1] for place in plan.others])
        taken = plan.known.get(steady) or self._taken(called, plan, steady)
        if taken.names:
            names += taken.names
            values += taken.values
        return taken.number

    def _planned(self, called: tuple[str, ...]) -> _Plan:
        if len(self._plans) >= MOST_CACHED or len(self._names) >= MOST_CACHED:
            self._plans.clear()
            self._names.clear()
        found = [self._by_name(_text(name)) for name in called]
        plan = _Plan(
            tuple([place for place, one in enumerate(found) if one is not None]),
            tuple([one.aside[0][0] for one in found if one is not None]),
            tuple([line for one in found if one is not None for line in one.compared]),
            tuple([place for place, one in enumerate(found) if one is None]),
            {},
        )
        self._plans[called] = plan
        return plan

    def _by_name(self, name: str) -> Apart | None:
        """Tell what becomes of a header that is volatile by its name; None where that depends on its value."""
        if name not in self._names:
            self._names[name] = None
            if volatile_header(name.lower()) is not None:
                first, second = self._apart([(name, _ONE)]), self._apart([(name, _OTHER)])
                if first.compared == second.compared and [value for _, value in second.aside] == [_OTHER]:
                    self._names[name] = first
        return self._names[name]

    def _taken(self, called: tuple[str, ...], plan: _Plan, values: tuple[str, ...]) -> _Taken:
        """Take the headers apart that are not volatile by their names."""
        compared = list(plan.compared)  # those of one name are all volatile by it or none: their order stays
        names: list[Ignored] = []
        numbers: list[int] = []
        for place, value in zip(plan.others, values, strict=True):
            pair = called[place], value
            line = self._lines.get(pair) or self._line(pair)
            compared += line.compared
            for ignored, given in line.aside:
                names.append(ignored)
                numbers.append(hash(given) & _SHORT)
        compared.sort(key=_NAME)
        taken = _Taken(hash(tuple(compared)), tuple(names), tuple(numbers))
        self._remembered += 1
        if self._remembered > _MOST_TAKEN:
            self._remembered = 0
            for one in self._plans.values():
                one.known.clear()
        plan.known[values] = taken
        return taken

    def _line(self, pair: tuple[str, str]) -> Apart:
        if len(self._lines) >= MOST_CACHED:
            self._lines.clear()
        line = self._lines[pair] = self._apart([(pair[0], _text(pair[1]))])
        return line

    def _apart(self, headers: Headers) -> Apart:
        return apart(headers, self._rules, self._part, of_head=self._of_head)


_ONE: Final = "some value"
_OTHER: Final = "another value, with 3 numbers: 1, 2 and 3"
_NAME: Final = itemgetter(0)
_SHORT: Final = 0xFFFF_FFFF
"""Bits of a number that only tells whether something is counted as ignored."""


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError(value)
    return value


def _is_plain(request: dict[str, Any], response: dict[str, Any] | None) -> bool:
    """Tell whether the body of an answer says that it is JSON, and the other one does not depend on its headers."""
    if response is None or response["body"] is None:
        return False
    if request["body"] is not None and "multipart/" in (header(request["headers"], _TYPE) or ""):
        return False  # boundaries may differ
    return is_plain_json(header(response["headers"], _TYPE) or "")


_TYPE: Final = "content-type"


def _facts(body: dict[str, Any] | None) -> tuple[Any, ...] | None:
    """Give what is compared of a body beside its content."""
    if body is None:
        return None
    return bool(body["size"]), body.get("complete"), body.get("incomplete"), body.get("removed")


def _said_as_json(value: Any) -> bytes:  # noqa: ANN401 - a value of JSON
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # nested deeper than orjson writes, half a character
        return repr(value).encode("utf-8", "surrogatepass")
