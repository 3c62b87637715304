"""JSON paths of a policy: where the values stand that they name.

Law: it reads bytes and gives spans; it never builds a value, never recurses, and reads each byte about once. Nothing is
found in what is not JSON. Where JSON ends too early or goes wrong, what was matched until then is given, and an object,
array or string that was matched and never closed reaches to the end of what could not be read: a cut must not save a
secret.

Read are single documents and documents after each other (NDJSON, RFC 7464), with or without a BOM. After bytes that
are no JSON, reading goes on at the next line that begins with `{` or `[`. This is no validator: commas may be missing
or too many, and inside what no path can reach only strings and brackets are looked at.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

__all__ = ["DEPTH", "JsonPaths"]

DEPTH: Final = 1000
"""Objects and arrays in each other that are read; what is deeper counts as no JSON. orjson reads 1,024."""

_SPACE = rb"[ \t\r\n]*+"
_STRING = rb'"[^"\\]*+(?:\\[\x00-\xff][^"\\]*+)*+"'
_SCALAR = rb"(?:" + _STRING + rb"|[-+.0-9A-Za-z]++)"
_KEY = _SPACE + rb"(" + _STRING + rb")" + _SPACE + rb":"
_VALUE = _SPACE + rb"(?:(" + _SCALAR + rb")" + _SPACE + rb",?|[\[{])"
_MEMBER: Final = re.compile(_KEY + _VALUE)
_ELEMENT: Final = re.compile(_SPACE + rb"()" + _VALUE)
_CUT_MEMBER: Final = re.compile(_KEY + _SPACE + rb'(?=")')
_CUT_ELEMENT: Final = re.compile(_SPACE + rb'()(?=")')
_CLOSE_OBJECT: Final = re.compile(_SPACE + rb"\}")
_CLOSE_ARRAY: Final = re.compile(_SPACE + rb"\]")
_COMMA: Final = re.compile(_SPACE + rb",?")
# What has no brackets open at its end; whole objects and arrays, with one level more in them, are taken in one step.
# The counts bound what a match remembers while it runs.
_OTHER = rb"[^\"\[\]{}]*+"
_FLAT = rb"[\[{]" + _OTHER + rb"(?:" + _STRING + _OTHER + rb"){0,200}[\]}]"
_NESTED = rb"[\[{]" + _OTHER + rb"(?:(?:" + _STRING + rb"|" + _FLAT + rb")" + _OTHER + rb"){0,200}[\]}]"
_BALANCED: Final = re.compile(_OTHER + rb"(?:(?:" + _STRING + rb"|" + _NESTED + rb")" + _OTHER + rb"){0,200}")
_DULL_SCALAR = _SPACE + _SCALAR + _SPACE + rb","
_DULL_VALUE = _SPACE + rb"(?:" + _SCALAR + rb"|" + _NESTED + rb")" + _SPACE + rb","
# A document is an object or an array, or it stands alone on its line.
_ALONE = rb"(" + _STRING + rb"|-?[0-9]++(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?|true|false|null)"
_DOCUMENT: Final = re.compile(rb"[ \t\r\n\x1e]*+(?:" + _ALONE + rb"(?=[ \t\r]*+(?:[\n\x1e]|\Z))|[\[{])")
_NEXT_LINE: Final = re.compile(rb"\n[\x1e]?+(?=[\[{])")
_BOM: Final = b"\xef\xbb\xbf"
_OBJECT: Final = ord("{")
_BRACKETS: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}

_STEP: Final = re.compile(
    r"""(?P<deep>\.\.)?(?:
        (?P<any>\[\*\]|(?(deep)|\.)\*)
        | (?P<name>(?(deep)|\.)[^.\[\]*'"\s()?,]+)
        | \[(?P<quote>['"])(?P<quoted>(?:\\.|(?!(?P=quote))[^\\])+)(?P=quote)\]
        | \[(?P<index>0|[1-9][0-9]{0,8})\]
    )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a path. `key` is a name, an index, or None for any; `deep` says at any depth below."""

    key: bytes | int | None
    deep: bool


@dataclass(slots=True)
class _State:
    """Where reading stands in all paths at once: a deterministic automaton, made as documents need it.

    Only keys that some path names have an entry of their own, so that its size depends on the paths alone. `dull`
    matches a run of members, and of elements, that no path can match or reach; None when there may be none.
    """

    places: frozenset[tuple[int, int]]
    moves: dict[bytes | int | None, _Move] = field(default_factory=dict)
    dull: dict[bool, re.Pattern[bytes] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Move:
    """What a value means: the paths that it matches, and the state inside it; None when nothing in it can match."""

    paths: tuple[str, ...]
    state: _State | None


@dataclass(slots=True)
class _Frame:
    """An object or array that is open."""

    start: int
    is_object: bool
    move: _Move
    index: int = 0


class JsonPaths:
    """JSON paths, compiled: `$`, `.name`, `['name']`, `[n]`, `[*]`, `.*`, and each of them at any depth, `..name`.

    Raises UsageError with the path and the place of the fault in it.
    """

    __slots__ = ("_keys", "_names", "_paths", "_start", "_states", "_steps")

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = tuple(dict.fromkeys(paths))
        self._steps = tuple(_parse(path) for path in self._paths)
        self._keys = frozenset(step.key for steps in self._steps for step in steps)
        self._names = tuple(tuple(step.key for step in steps if isinstance(step.key, bytes)) for steps in self._steps)
        self._states: dict[frozenset[tuple[int, int]], _State] = {}
        self._start = self._move(frozenset((path, 0) for path in range(len(self._paths))))

    def find(self, data: bytes) -> Iterator[tuple[int, int, str]]:
        """Give the spans of matched values, strings with their quotes, each with its path, in the order of their ends.

        A value that two paths match, or that stands in a matched one, is given for each.
        """
        if not self._can_match(data):
            return
        at = len(_BOM) if data.startswith(_BOM) else 0
        while at < len(data):
            found = _DOCUMENT.match(data, at)
            if found is None:
                at = _resume(data, at)
            elif found[1] is not None:
                yield from ((*found.span(1), path) for path in self._start.paths)
                at = found.end()
            else:
                at = yield from self._read(data, found.end() - 1)

    def _can_match(self, data: bytes) -> bool:
        """Tell quickly that no path has all its names in the data. A name may be escaped, in whole or in part."""
        if b"\\" in data:
            return True
        return any(all(name in data for name in names) for names in self._names)

    def _read(self, data: bytes, start: int) -> Generator[tuple[int, int, str], None, int]:
        """Read one object or array; give back where reading goes on. Holds a frame for each level, at most DEPTH."""
        frames = [_Frame(start, data[start] == _OBJECT, self._start)]
        at = start + 1
        while frames and len(frames) <= DEPTH:
            frame = frames[-1]
            if frame.move.state is not None:
                at = self._pass_over(data, at, frame)
                found = (_MEMBER if frame.is_object else _ELEMENT).match(data, at)
                if found is not None:
                    move = self._follow(frame.move.state, found[1] if frame.is_object else frame.index)
                    frame.index += 1
                    at = found.end()
                    if found[2] is None:
                        frames.append(_Frame(at - 1, data[at - 1] == _OBJECT, move))
                    elif move.paths:
                        yield from ((*found.span(2), path) for path in move.paths)
                    continue
            end = _end(data, at, frame, DEPTH - len(frames))
            if end < 0:
                break
            for path in frame.move.paths:
                yield frame.start, end, path
            frames.pop()
            comma = _COMMA.match(data, end) if frames else None
            at = end if comma is None else comma.end()
        if not frames:
            return at
        end = _resume(data, at)
        yield from self._cut(data, frames, at, end)
        return end

    def _cut(self, data: bytes, frames: list[_Frame], at: int, end: int) -> Iterator[tuple[int, int, str]]:
        """Give what was open where JSON ended: a string that lacks its end, then each object and array around it."""
        frame = frames[-1]
        is_object = frame.is_object
        value = (_CUT_MEMBER if is_object else _CUT_ELEMENT).match(data, at)
        if frame.move.state is not None and value is not None and value.end() < end:
            move = self._follow(frame.move.state, value[1] if is_object else frame.index)
            for path in move.paths:
                yield value.end(), end, path
        for frame in reversed(frames):
            for path in frame.move.paths:
                yield frame.start, end, path

    def _follow(self, state: _State, key: bytes | int) -> _Move:
        """Go from a state to a member (its name as it stands, quoted) or an element (its index)."""
        plain: bytes | int = key if isinstance(key, int) else _name(key)
        # An index that no path names is any element, -1; a name that none does is any member, None.
        known = plain if plain in self._keys else -1 if isinstance(plain, int) else None
        return state.moves.get(known) or self._make_move(state, known)

    def _make_move(self, state: _State, known: bytes | int | None) -> _Move:
        move = state.moves[known] = self._move(self._beyond(state.places, known))
        return move

    def _pass_over(self, data: bytes, at: int, frame: _Frame) -> int:
        """Pass over the members or elements from byte `at` on that no path asks for, as far as one step can."""
        state = frame.move.state
        if state is None:
            return at
        if frame.is_object not in state.dull:
            state.dull[frame.is_object] = self._make_dull(state, is_object=frame.is_object)
        dull = state.dull[frame.is_object]
        run = None if dull is None else dull.match(data, at)
        return at if run is None else run.end()

    def _make_dull(self, state: _State, *, is_object: bool) -> re.Pattern[bytes] | None:
        steps = [self._steps[path][number] for path, number in state.places]
        other = self._make_move(state, None if is_object else -1)
        if other.paths or (not is_object and any(isinstance(step.key, int) for step in steps)):
            return None
        value = _DULL_SCALAR if other.state is not None else _DULL_VALUE
        if is_object:
            names = b"|".join(sorted(re.escape(step.key) for step in steps if isinstance(step.key, bytes)))
            value = _SPACE + rb'"(?!(?:' + names + rb')")[^"\\]*+"' + _SPACE + rb":" + value
        return re.compile(rb"(?:" + value + rb"){1,500}")

    def _beyond(self, places: frozenset[tuple[int, int]], key: bytes | int | None) -> frozenset[tuple[int, int]]:
        beyond: set[tuple[int, int]] = set()
        for path, number in places:
            if number == len(self._steps[path]):
                continue
            step = self._steps[path][number]
            if step.deep:
                beyond.add((path, number))
            if step.key is None or step.key == key:
                beyond.add((path, number + 1))
        return frozenset(beyond)

    def _move(self, places: frozenset[tuple[int, int]]) -> _Move:
        matched = tuple(self._paths[path] for path, number in sorted(places) if number == len(self._steps[path]))
        inside = frozenset((path, number) for path, number in places if number < len(self._steps[path]))
        return _Move(matched, self._states.setdefault(inside, _State(inside)) if inside else None)


def _name(raw: bytes) -> bytes:
    """Take the quotes and the escapes off a name. What cannot be unescaped stays as it stands."""
    if b"\\" not in raw:
        return raw[1:-1]
    try:
        name: str = json.loads(raw, strict=False)
    except ValueError:
        return raw[1:-1]
    return name.encode("utf-8", "surrogatepass")


def _end(data: bytes, at: int, frame: _Frame, depth: int) -> int:
    """Give the end of an object or array of which all is read or, where no path leads into it, nothing; else -1."""
    if frame.move.state is None:
        return _skip(data, at, depth)
    found = (_CLOSE_OBJECT if frame.is_object else _CLOSE_ARRAY).match(data, at)
    return -1 if found is None else found.end()


def _skip(data: bytes, at: int, depth: int) -> int:
    """Go to the end of an object or array that begins before `at`; -1 when it has none, or one that is too deep."""
    opened = 1
    while opened:
        found = _BALANCED.match(data, at)
        begun, at = at, found.end() if found is not None else at
        sign = data[at : at + 1]
        if sign in _BRACKETS:
            opened += _BRACKETS[sign]
            at += 1
        elif at == begun:
            return -1  # the end, or a string without one
        if opened > depth + 1:
            return -1
    return at


def _resume(data: bytes, at: int) -> int:
    """Find where a line begins with an object or array; the end of the data when there is none."""
    found = _NEXT_LINE.search(data, at)
    return len(data) if found is None else found.end()


def _parse(path: str) -> tuple[_Step, ...]:
    if not path.startswith("$"):
        raise UsageError(
            f"The JSON path {path!r} does not begin with '$'. Write '$' for the document, as in '$.user.id'."
        )
    steps = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise UsageError(
                f"The JSON path {path!r} cannot be read from its character {at + 1} on: {path[at:]!r}. "
                "A step is .name, ['name'], [0], [*] or .*, or ..name for a name at any depth."
            )
        steps.append(_Step(_key(found), found["deep"] is not None))
        at = found.end()
    return tuple(steps)


def _key(found: re.Match[str]) -> bytes | int | None:
    if found["any"]:
        return None
    if found["index"]:
        return int(found["index"])
    name = re.sub(r"(?s)\\(.)", r"\1", found["quoted"]) if found["quoted"] else found["name"].removeprefix(".")
    return name.encode("utf-8", "surrogatepass")
