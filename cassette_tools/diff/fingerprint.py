"""What a comparison remembers of each interaction: a few numbers, taken in one pass over a cassette.

Law: heads are looked at, bodies are not parsed: their digests stand in the heads, and the bytes that hold them are
digested as they lie. Two interactions whose `head`, `bodies` and `aside` agree are the same in all that is compared.
The numbers depend on nothing but the cassette and the rules, so that two processes come to the same ones.

Memory: about 70 bytes an interaction, 4 for each volatile value in its headers, 16 for each piece of a long body, and
caches of MOST_CACHED entries.
"""

from __future__ import annotations

import hashlib
import pickle
import zlib
from array import array
from itertools import chain
from operator import itemgetter
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import orjson

from cassette_tools.diff.headers import apart
from cassette_tools.diff.urls import canonical_url, loose_url
from cassette_tools.diff.volatile import volatile_header
from cassette_tools.summary import bad_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cassette_tools.diff.headers import Apart
    from cassette_tools.diff.model import Ignored
    from cassette_tools.diff.rules import Rules
    from cassette_tools.interaction import Headers
    from cassette_tools.selection import Wanted
    from recorder.journal.read import Line, Part, Pieces, Reader

__all__ = ["LINE_TYPES", "MOST_CACHED", "Fingerprints", "fingerprints", "loose_number"]

LINE_TYPES: Final = ("interaction",)
"""The line types that are wanted."""

MOST_CACHED: Final = 20_000
"""URLs of which the keys are kept."""

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
        "shape",
        "shapes",
        "size",
        "url",
        "values",
        "version",
    )

    def __init__(self) -> None:
        self.exact = array("Q")
        self.url = array("Q")
        self.firm = array("Q")
        self.answer = array("Q")
        self.head = array("Q")
        self.bodies = array("Q")
        self.offset = array("Q")
        self.size = array("I")
        self.line = array("I")
        self.number = array("I")
        self.version = bytearray()
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
        rest = (self.version, self.origins, self.pieces, self.shapes)
        pickle.dump((rest, len(self), len(self.values)), file, pickle.HIGHEST_PROTOCOL)
        for name in _ARRAYS:
            getattr(self, name).tofile(file)

    @classmethod
    def load(cls, file: IO[bytes]) -> Fingerprints:
        """Read what `save` wrote. Raises EOFError."""
        prints = cls()
        rest, count, values = pickle.load(file)  # noqa: S301 - of a process that was forked here
        prints.version, prints.origins, prints.pieces, prints.shapes = rest
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


def loose_number(method: str, url: str, rules: Rules) -> int:
    """Give the number of what is requested, but for volatile segments of the path."""
    return _number((method, loose_url(url, rules)))


class _Said(NamedTuple):
    """What the head of an interaction says, as far as it is compared."""

    method: str
    url: str
    asked: Headers
    got: Headers
    request: tuple[Any, ...]
    response: tuple[Any, ...] | None
    status: int | None
    failure: str | None
    error: dict[str, Any] | None
    origin: str | None


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
            said = _said(line.head)
            asked = self._digest(line, "request", line.head["request"]["body"])
            answered = None if said.response is None else self._digest(line, "response", line.head["response"]["body"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise bad_line(line) from error
        prints = self.prints
        url = self._url(said.method, said.url)
        aside: list[tuple[Ignored, int]] = []
        sent = self._request.settled(said.asked, aside)
        headers = self._head_response if said.method == "HEAD" else self._response
        got = headers.settled(said.got, aside)
        answer = _said_as_json(
            (said.response is None, None if self._no_status else said.status, said.failure, answered)
        )
        prints.exact.append(url if asked is None else _number((url, asked)))
        prints.url.append(url)
        prints.answer.append(_digested(answer))
        prints.firm.append(_digested(answer + got))
        rest = _said_as_json((said.method, said.url, said.request, said.response, said.error))
        prints.head.append(_digested(rest + sent + got))
        prints.bodies.append(_bodies_number(self._reader.contents(line), asked, answered, line))
        self._place(line, number, said.origin)
        self._set_aside(aside)

    def _place(self, line: Line, number: int, origin: str | None) -> None:
        """Remember where the interaction lies."""
        prints = self.prints
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
            known = self._urls[method, url] = _number((method, canonical_url(url, self._rules)))
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

    def _set_aside(self, aside: list[tuple[Ignored, int]]) -> None:
        prints = self.prints
        names = tuple([ignored for ignored, _ in aside])
        shape = self._shapes.get(names)
        if shape is None and len(self._shapes) < _MOST_SHAPES:
            prints.shapes.append(names)
            shape = self._shapes[names] = len(prints.shapes) - 1
        prints.shape.append(shape or UNKNOWN)
        prints.aside.append(len(prints.values))
        if shape:
            prints.values.extend([value for _, value in aside])


_Taken: TypeAlias = "tuple[tuple[tuple[str, str], ...], tuple[tuple[Ignored, int], ...]]"


class _Headers:
    """Takes headers of one kind of message apart, as `headers.apart` does, and remembers what it said of each.

    A header that is volatile by its name is set aside whatever its value is, so that its name alone is remembered.
    """

    def __init__(self, rules: Rules, part: Part, *, of_head: bool = False) -> None:
        self._rules = rules
        self._part = part
        self._of_head = of_head
        self._lines: dict[tuple[str, str], _Taken] = {}
        self._names: dict[str, tuple[tuple[tuple[str, str], ...], Ignored] | None] = {}

    def settled(self, headers: Headers, aside: list[tuple[Ignored, int]]) -> bytes:
        """Give what is compared of headers, as JSON; adds what is not to `aside`."""
        compared: list[tuple[str, str]] = []
        names, lines = self._names, self._lines
        for pair in headers:
            name = pair[0]
            known = names[name] if name in names else self._by_name(name)
            if known is not None:
                compared.extend(known[0])
                aside.append((known[1], _short_number(pair[1])))
                continue
            line = lines.get(pair)
            if line is None:
                line = self._line(pair)
            compared.extend(line[0])
            aside.extend(line[1])
        compared.sort(key=_NAME)
        return _said_as_json(compared)

    def _line(self, pair: tuple[str, str]) -> _Taken:
        found = self._apart([pair])
        line = found.compared, tuple([(ignored, _short_number(value)) for ignored, value in found.aside])
        if len(self._lines) >= MOST_CACHED:
            self._lines.clear()
        self._lines[pair] = line
        return line

    def _by_name(self, name: str) -> tuple[tuple[tuple[str, str], ...], Ignored] | None:
        """Give what becomes of a header that is volatile by its name; None where that depends on its value."""
        known = None
        if volatile_header(name.lower()) is not None:
            first, second = self._apart([(name, _ONE)]), self._apart([(name, _OTHER)])
            if first.compared == second.compared and [value for _, value in second.aside] == [_OTHER]:
                known = first.compared, first.aside[0][0]
        if len(self._names) >= MOST_CACHED:
            self._names.clear()
        self._names[name] = known
        return known

    def _apart(self, headers: Headers) -> Apart:
        return apart(headers, self._rules, self._part, of_head=self._of_head)


_ONE: Final = "some value"
_OTHER: Final = "another value, with 3 numbers: 1, 2 and 3"
_NAME: Final = itemgetter(0)


def _said(head: dict[str, Any]) -> _Said:
    """Look at what an interaction says. Raises what a wrong type raises."""
    request, response, error = head["request"], head.get("response"), head.get("error")
    got: Headers = []
    status = answer = None
    if response is not None:
        status = response["status"]
        got = _pairs(response["headers"])
        answer = (
            status,
            response.get("reason"),
            response.get("http_version"),
            response.get("trailers"),
            _facts(response["body"]),
        )
    return _Said(
        _text(request["method"]),
        _text(request["url"]),
        _pairs(request["headers"]),
        got,
        (request.get("http_version"), _facts(request["body"])),
        answer,
        status,
        None if error is None else _text(error["type"]),
        error,
        head.get("origin"),
    )


def _pairs(headers: list[list[str]]) -> Headers:
    pairs: Headers = list(map(tuple, headers))  # type: ignore[arg-type] # their length is looked at below
    "".join(chain.from_iterable(pairs))  # raises TypeError for what is no text
    if not _TWO.issuperset(map(len, pairs)):
        raise ValueError(headers)
    return pairs


_TWO: Final = frozenset({2})


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError(value)
    return value


def _facts(body: dict[str, Any] | None) -> tuple[Any, ...] | None:
    """Give what is compared of a body beside its content."""
    if body is None:
        return None
    return bool(body["size"]), body.get("complete"), body.get("incomplete"), body.get("removed")


def _bodies_number(contents: bytes, asked: str | None, answered: str | None, line: Line) -> int:
    """Give the number of the bodies' contents as they stand, of those in pieces by what their description says."""
    if line.pieces is not None:
        contents += f"{asked} {answered}".encode()
    return _digested(contents)


def _number(value: tuple[Any, ...]) -> int:
    """Give a number of 64 bits for a value of JSON."""
    return _digested(_said_as_json(value))


def _said_as_json(value: Any) -> bytes:  # noqa: ANN401 - a value of JSON
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # nested deeper than orjson writes, half a character
        return repr(value).encode("utf-8", "surrogatepass")


def _digested(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8, usedforsecurity=False).digest(), "big")


def _short_number(text: str) -> int:
    """Give a number of 32 bits for a text: they only tell whether something is counted as ignored."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))
