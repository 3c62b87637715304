"""Ids that a server counted up between two recordings: what was `/contacts/17` is `/contacts/18` in the new one.

Law: an id was renamed only where three things agree. A request that makes or changes something (no GET, no HEAD) was
answered with success in both cassettes, and in both answers there is one id in one place: under a name of an id, or in
a link. Both ids are then used in URLs that have no counterpart, in one place of a path or under one parameter. And no
other id has taken the place of either. An id that merely changed is a change; so is a number under any other name.

Once one id of an address that makes things is known to be renamed, so are the others that this address answered with.
What follows from a rename is no change: URLs, values under names of ids, and links to it.

Memory: MOST_LEFT URLs and MOST_RENAMES ids. Reads again what has no counterpart, and up to MOST_SOURCES pairs; all old
URLs where anything was renamed, of cassettes of up to MOST_REWRITTEN interactions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from cassette_tools.diff.contents import read_body
from cassette_tools.diff.model import Ignored
from cassette_tools.diff.volatile import settled_text, settled_token
from cassette_tools.diff.volatile_names import name_of_id
from cassette_tools.interaction import header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cassette_tools.diff.json_values import Tree
    from cassette_tools.diff.model import Change
    from cassette_tools.interaction import Interaction, Response

__all__ = ["MOST_LEFT", "MOST_RENAMES", "MOST_REWRITTEN", "MOST_SOURCES", "RULE", "Pair", "Renames", "learn"]

RULE: Final = "renamed-id"

MOST_LEFT: Final = 5_000
"""Interactions of one cassette without a counterpart, from which on nothing is learned of them."""

MOST_SOURCES: Final = 2_000
"""Pairs that are read for ids that were made."""

MOST_RENAMES: Final = 20_000

MOST_REWRITTEN: Final = 50_000

_DEEPEST: Final = 4
_MOST_VALUES: Final = 500
_CREATING: Final = frozenset({"POST", "PUT", "PATCH"})
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,63}")


class Pair(Protocol):
    """Two interactions that stand beside each other. Reading raises what reading a cassette raises."""

    source: int
    """A number for method and URL of both."""

    def method(self) -> str:
        """Give the method of both."""

    def read(self) -> tuple[Interaction, Interaction]:
        """Give both, with their bodies."""


class _Used(NamedTuple):
    """An id in a URL: `where` is the path before it, or the path and the parameter's name."""

    where: str
    value: str


@dataclass(slots=True)
class Renames:
    """Old ids and the new ones that they became, by where they stand in URLs."""

    _by_place: dict[_Used, str] = field(default_factory=dict)
    _values: set[tuple[str, str]] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._by_place)

    def rewritten(self, url: str) -> str:
        """Give an old URL with the new ids in it."""
        if not self._by_place:
            return url
        start, segments, names = _taken_apart(url)
        path: list[str] = []
        for segment in segments:
            path.append(self._by_place.get(_Used(_place("/".join(path)), segment), segment))
        whole = "/".join(path)
        asked = [
            (name, equals, self._by_place.get(_Used(f"{_place(whole)}?{name}", value), value))
            for name, equals, value in names
        ]
        return start + whole + ("?" if names else "") + "&".join("".join(one) for one in asked)

    def take_from(self, changes: list[Change]) -> dict[Ignored, int]:
        """Take from changes what follows from a rename; give how often that was, by place."""
        kept: list[Change] = []
        taken: dict[Ignored, int] = {}
        for change in changes:
            if change.action == "changed" and self._explain(change):
                where = f"{change.part} {change.place} {_INDEX.sub('[*]', change.path)}".rstrip()
                one = Ignored(RULE, where)
                taken[one] = taken.get(one, 0) + 1
            else:
                kept.append(change)
        changes[:] = kept
        return taken

    def _explain(self, change: Change) -> bool:
        if change.old is None or change.new is None or change.place not in _WITH_IDS:
            return False
        old, new = (_unquoted(value) if change.place in _IN_JSON else value for value in (change.old, change.new))
        if (old, new) in self._values:
            name = _last_name(change.path)
            if name_of_id(name) or _singular(name) in self._names:
                return True
        return self._in_links(old, new)

    def _in_links(self, old: str, new: str) -> bool:
        """Tell whether two texts differ in renamed ids behind a slash or an equals sign only."""
        here, there = _PIECE.split(old), _PIECE.split(new)
        if len(here) != len(there):
            return False
        for at, (one, other) in enumerate(zip(here, there, strict=True)):
            behind = here[at - 1][-1:] if at else ""
            if one != other and not (at % 2 and behind in {"/", "="} and (one, other) in self._values):
                return False
        return True

    def _add(self, renamed: Iterable[tuple[str, str, str]]) -> None:
        for where, old, new in renamed:
            if len(self._by_place) < MOST_RENAMES:
                self._by_place[_Used(where, old)] = new
                self._values.add((old, new))
                self._names.add(_singular(where.rpartition("/")[2]))


def _singular(name: str) -> str:
    """Give a name as it is of one thing: a contact of `/contacts` is a `contact` elsewhere."""
    return name.lower().removesuffix("s")


_WITH_IDS: Final = frozenset({"url", "query", "header", "json", "xml", "form", "part", "event", "line"})
_IN_JSON: Final = frozenset({"json", "event", "part"})
_INDEX: Final = re.compile(r"\[\d+\]")
_PIECE: Final = re.compile(r"([A-Za-z0-9_.~-]+)")
_NAME: Final = re.compile(r"([A-Za-z0-9_@$-]+)(?:\"?\])?(?:\[\d+\])*\Z")


def _last_name(path: str) -> str:
    found = _NAME.search(path)
    return found[1] if found else ""


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def learn(known: Renames, olds: Sequence[str], news: Sequence[str], pairs: Iterable[Pair]) -> bool:
    """Learn from the URLs that have no counterpart, and from pairs; tell whether anything was found.

    `olds` and `news` are those URLs; the old ones have been rewritten by what is known. Raises what reading raises.
    """
    if not olds or not news or max(len(olds), len(news)) > MOST_LEFT:
        return False
    here, there = _by_value(olds), _by_value(news)
    before = len(known)
    for made in _made(pairs, known.rewritten):
        places = {
            where
            for old, new in made
            for where in here.get(old, set()) & there.get(new, set())
        }  # fmt: skip
        steady = _one_for_one(made)
        known._add((where, old, new) for where in sorted(places) for old, new in steady)  # noqa: SLF001 - its own module
    return len(known) > before


def _by_value(urls: Iterable[str]) -> dict[str, set[str]]:
    """Give where each id stands in some URLs."""
    found: dict[str, set[str]] = {}
    for url in urls:
        for used in _used(url):
            found.setdefault(used.value, set()).add(used.where)
    return found


def _one_for_one(made: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give the pairs of ids of which neither has two counterparts."""
    olds: dict[str, set[str]] = {}
    news: dict[str, set[str]] = {}
    for old, new in made:
        olds.setdefault(old, set()).add(new)
        news.setdefault(new, set()).add(old)
    return sorted((old, new) for old, new in set(made) if len(olds[old]) == len(news[new]) == 1)


def _made(pairs: Iterable[Pair], rewritten: Callable[[str], str]) -> list[list[tuple[str, str]]]:
    """Give the ids that stand in one place of two answers, by the address that made them and that place."""
    found: dict[tuple[int, str], list[tuple[str, str]]] = {}
    plain: set[int] = set()  # addresses that make nothing
    read = 0
    for pair in pairs:
        if pair.source in plain:
            continue
        if read >= MOST_SOURCES:
            break
        read += 1
        if pair.method() not in _CREATING:
            plain.add(pair.source)
            continue
        old, new = pair.read()
        if old.response is not None and new.response is not None and _succeeded(old.response, new.response):
            for slot, *ids in _ids_between(old.response, new.response, rewritten):
                found.setdefault((pair.source, slot), []).append((ids[0], ids[1]))
    return list(found.values())


def _succeeded(old: Response, new: Response) -> bool:
    return old.status // 100 in {2, 3} and new.status // 100 in {2, 3}


def _ids_between(old: Response, new: Response, rewritten: Callable[[str], str]) -> Iterator[tuple[str, str, str]]:
    """Give the ids that differ in two answers and stand in one place: its name, and both."""
    here, there = header(old.headers, "location"), header(new.headers, "location")
    if here is not None and there is not None:
        yield from _in_link("location", rewritten(here), there)
    contents, others = read_body(old.body, old.headers), read_body(new.body, new.headers)
    if contents.kind == others.kind == "json":
        yield from _in_json(contents.value, others.value, rewritten)


def _in_json(root: Tree, other: Tree, rewritten: Callable[[str], str]) -> Iterator[tuple[str, str, str]]:
    waiting: list[tuple[str, str, Tree, Tree, int]] = [("", "", root, other, 0)]
    seen = 0
    while waiting and seen < _MOST_VALUES:
        slot, name, old, new, depth = waiting.pop()
        seen += 1
        if type(old) is not type(new) or depth > _DEEPEST or old == new:
            continue
        if isinstance(old, dict):
            waiting.extend(
                (f"{slot}.{key}", key, value, new[key], depth + 1) for key, value in old.items() if key in new
            )
        elif isinstance(old, list):
            if len(old) == len(new):
                waiting.extend((slot, name, *pair, depth + 1) for pair in zip(old, new, strict=True))
        elif isinstance(old, bytes):
            if name_of_id(name):
                yield from _as_ids(slot, old.decode(), new.decode())
        elif isinstance(old, str):
            yield from _as_ids(slot, old, new) if name_of_id(name) else _in_link(slot, rewritten(old), new)


def _as_ids(slot: str, old: str, new: str) -> Iterator[tuple[str, str, str]]:
    """Give two ids, unless they are volatile by their form: those need no rename."""
    if old != new and _ID.fullmatch(old) and _ID.fullmatch(new) and settled_token(old, "id") is None:
        yield slot, old, new


def _in_link(slot: str, old: str, new: str) -> Iterator[tuple[str, str, str]]:
    """Give the one id in which two links differ."""
    if "/" not in old or "/" not in new:
        return
    here, there = list(_used(old)), list(_used(new))
    if len(here) == len(there):
        differing = [(one.value, other.value) for one, other in zip(here, there, strict=True) if one != other]
        if differing:
            yield from _as_ids(slot, *differing[0])


# -- URLs


def _taken_apart(url: str) -> tuple[str, list[str], list[tuple[str, str, str]]]:
    """Give what stands before the path, its segments, and the parameters."""
    address, _, query = url.partition("#")[0].partition("?")
    authority = address.find("://")
    begin = address.find("/", authority + 3) if authority >= 0 else 0
    if begin < 0:
        begin = len(address)
    names = [piece.partition("=") for piece in query.split("&")] if query else []
    return address[:begin], address[begin:].split("/"), names


def _used(url: str) -> Iterator[_Used]:
    """Give what may be an id in a URL."""
    _, segments, names = _taken_apart(url)
    for at, segment in enumerate(segments):
        if segment and _ID.fullmatch(segment):
            yield _Used(_place("/".join(segments[:at])), segment)
    path = _place("/".join(segments))
    for name, _, value in names:
        if _ID.fullmatch(value):
            yield _Used(f"{path}?{name}", value)


def _place(path: str) -> str:
    """Give a path by which ids are told apart: without what is volatile in it."""
    return settled_text(path).text
