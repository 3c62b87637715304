"""JSON compared by path, and the same JSON settled to a digest.

Law: the comparison finds no change exactly where the digests of both sides are equal: both ask `_Settler` for what a
value is without what is volatile or ignored. White space, the order of keys and the way a number is written are
formatting. The order of elements counts.

Elements are paired by a key that looks like an id (`id`, `key`, `uuid`, `slug`, `sku`, `name`) where all have it and
no two the same, else by what is equal; what is left between pairs by likeness. An element that was put in is "added",
and shifts nothing.

A path names the place in the new value; of what was removed, in the old one.

No recursion. Time n log n, and for each gap between pairs at most `_LIKENESSES` comparisons of elements. Memory: a
digest for each container of arrays that differ.
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from cassette_tools.diff.findings import clipped_pieces
from cassette_tools.diff.json_values import canonical_number, json_text
from cassette_tools.diff.model import Ignored
from cassette_tools.diff.sequences import gaps, longest_increasing, matches
from cassette_tools.diff.volatile import rules_between, settled_number, settled_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassette_tools.diff.findings import Findings
    from cassette_tools.diff.json_values import Tree
    from cassette_tools.diff.model import Action, Part, Place
    from cassette_tools.diff.rules import Rules

__all__ = [
    "DEEP",
    "Kind",
    "Roots",
    "Site",
    "Step",
    "Trail",
    "compare_events",
    "compare_json",
    "compare_trees",
    "in_place",
    "middle",
    "path_of",
    "said",
    "settled_events",
    "settled_json",
    "settled_tree",
    "site_of",
]

Step: TypeAlias = "str | int | None"
"""A key, the number of an element from 0, or None for any element."""

Trail: TypeAlias = "tuple[Trail, Step] | None"
"""A path as a chain of steps from its end, so that going deeper costs nothing."""


class Site:
    """A place in JSON without numbers: what --ignore says of it, the name beside its values, and its path."""

    __slots__ = (
        "_children",
        "_path",
        "above",
        "count",
        "depth",
        "ignored",
        "name",
        "part",
        "rules",
        "said",
        "step",
        "steps",
    )

    def __init__(self, rules: Rules, part: Part, *, above: Site | None = None, step: Step = None) -> None:
        self.rules = rules
        self.part = part
        self.above = above
        self.step = step
        self.depth: int = 0 if above is None else above.depth + 1
        self.steps: str = "" if above is None else above.steps + ("[*]\0" if step is None else f".{step}\0")
        self.name: str = step if isinstance(step, str) else "" if above is None else above.name
        self.ignored: str | None = rules.ignores_member(part, self.steps)
        self._children: dict[Step, Site] = {}
        self._path: tuple[Step, ...] | None = None
        self.said: dict[str, Ignored] = {}
        self.count: list[int] = [0] if above is None else above.count
        self.count[0] += 1

    def below(self, step: Step) -> Site:
        """Give the place of a member (its key) or of any element (None)."""
        child = self._children.get(step)
        if child is None:
            child = self._children[step] = self._made(step)
        return child

    def path(self) -> tuple[Step, ...]:
        """Give the steps from the root."""
        if self._path is None:
            self._path = () if self.above is None else (*self.above.path(), self.step)
        return self._path

    def _made(self, step: Step) -> Site:
        return Site(self.rules, self.part, above=self, step=step)


class _EventSite(Site):
    """The root of a stream of events, seen as an array of objects of which `data` may be JSON."""

    __slots__ = ("level",)

    def __init__(
        self, rules: Rules, part: Part, *, above: Site | None = None, step: Step = None, level: int = 0
    ) -> None:
        super().__init__(rules, part, above=above, step=step)
        self.level = level
        if level == 2:  # a field of an event
            place = f"1: {step}"
            self.ignored = rules.ignores(part, "event", place)
            self.steps = ""  # paths begin anew in its data
            self.name = ""
            if step == "data" and self.ignored is None:
                self.ignored = rules.ignores_member(part, "")
        else:
            self.ignored = rules.ignores(part, "event", "") if level == 0 else None

    def _made(self, step: Step) -> Site:
        if self.level < 2:
            return _EventSite(self.rules, self.part, above=self, step=step, level=self.level + 1)
        return super()._made(step)


_MOST_ROOTS: Final = 8
_MOST_SITES: Final = 20_000
"""Places that are remembered from one comparison to the next; their names may be data."""


class Roots:
    """Roots that are used again: most answers of a cassette have the same places. Forgotten when there are many."""

    def __init__(self, kind: type[Site]) -> None:
        self._kind = kind
        self._roots: dict[tuple[Rules, Part], Site] = {}

    def root(self, rules: Rules, part: Part) -> Site:
        """Give the root for some rules."""
        root = self._roots.get((rules, part))
        if root is None or root.count[0] > _MOST_SITES:
            if len(self._roots) >= _MOST_ROOTS:
                self._roots.clear()
            root = self._roots[rules, part] = self._kind(rules, part)
        return root


_VALUES: Final = Roots(Site)
_EVENTS: Final = Roots(_EventSite)


class Kind(NamedTuple):
    """How what is found in a kind of content is told: its place, a path as text, a value below some steps as text."""

    place: Place
    rendered: Callable[[tuple[Step, ...]], str]
    text: Callable[[Tree, tuple[Step, ...]], str]


def compare_json(old: Tree, new: Tree, rules: Rules, findings: Findings) -> None:
    """Compare two JSON values. What is found goes to `findings`, by path: `$.items[3].price`."""
    compare_trees(old, new, _VALUES.root(rules, findings.part), findings, _JSON)


def compare_trees(old: Tree, new: Tree, site: Site, findings: Findings, kind: Kind) -> None:
    """Compare two values of a kind; `site` is the place of both."""
    _Comparison(site.rules, findings, kind).run(old, new, site)


def site_of(rules: Rules, part: Part) -> Site:
    """Give the place of a whole JSON text."""
    return _VALUES.root(rules, part)


def compare_events(old: list[Tree], new: list[Tree], rules: Rules, findings: Findings) -> None:
    """Compare two streams of events, each a dict of its fields; `data` is JSON or text. Paths: `3: $.delta.text`."""
    compare_trees(old, new, _EVENTS.root(rules, findings.part), findings, _EVENT)


def settled_json(root: Tree, rules: Rules, part: Part) -> bytes:
    """Give a digest of 16 bytes of a JSON value, without what is volatile or ignored."""
    return settled_tree(root, _VALUES.root(rules, part), rules)


def settled_events(root: list[Tree], rules: Rules, part: Part) -> bytes:
    """Give a digest of 16 bytes of a stream of events, without what is volatile or ignored."""
    return settled_tree(root, _EVENTS.root(rules, part), rules)


def settled_tree(root: Tree, site: Site, rules: Rules) -> bytes:
    """Give a digest of 16 bytes of a value at a place, without what is volatile or ignored."""
    return _digest(_Settler(rules).token(root, site))


# -- what a value is without what is volatile


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


class _Frame:
    """A container whose digest is being made."""

    __slots__ = ("key", "node", "parts", "rest")

    def __init__(self, node: Tree, site: Site) -> None:
        self.node = node
        self.parts: list[bytes] = []
        self.key = b""
        self.rest: Iterator[tuple[bytes, Tree, Site]] = _children(node, site)

    def add(self, token: bytes) -> None:
        self.parts.append(self.key)
        self.parts.append(b"%d:" % len(token))
        self.parts.append(token)

    def token(self) -> bytes:
        return (b"{" if isinstance(self.node, dict) else b"[") + _digest(b"".join(self.parts))


def _children(node: Tree, site: Site) -> Iterator[tuple[bytes, Tree, Site]]:
    """Give what a container holds, without what is ignored, members by key."""
    if isinstance(node, list):
        below = site.below(None)
        if below.ignored is None:
            for value in node:
                yield b"", value, below
        return
    for key in sorted(node):
        below = site.below(key)
        if below.ignored is None:
            name = key.encode("utf-8", "surrogatepass")
            yield b"%d:%s" % (len(name), name), node[key], below


class _Settler:
    """Gives tokens: equal where two values are the same but for what is volatile or ignored."""

    def __init__(self, rules: Rules) -> None:
        self._keep = rules.keep_volatile
        self._known: dict[int, bytes] = {}  # by id: the values live as long as this

    def token(self, value: Tree, site: Site) -> bytes:
        if site.ignored is not None:
            return b"*"
        return self._container(value, site) if isinstance(value, dict | list) else self.scalar(value, site.name)

    def scalar(self, value: Tree, name: str) -> bytes:
        if isinstance(value, str):
            text = value if self._keep else settled_text(value, name).text
            return b"s" + text.encode("utf-8", "surrogatepass")
        if isinstance(value, bytes):
            blank = None if self._keep else settled_number(value.decode(), name)
            return b"n" + (canonical_number(value) if blank is None else b"*" + blank.mark.encode())
        return _WORDS[value]

    def _container(self, root: Tree, site: Site) -> bytes:
        known = self._known.get(id(root))
        if known is not None:
            return known
        stack = [_Frame(root, site)]
        while True:
            frame = stack[-1]
            inner = self._fill(frame)
            if inner is not None:
                stack.append(inner)
                continue
            stack.pop()
            token = self._known[id(frame.node)] = frame.token()
            if not stack:
                return token
            stack[-1].add(token)

    def _fill(self, frame: _Frame) -> _Frame | None:
        """Add tokens up to a container that has none yet; give that one's frame. None where there is no more."""
        for key, value, site in frame.rest:
            frame.key = key
            if isinstance(value, dict | list):
                token = self._known.get(id(value))
                if token is None:
                    return _Frame(value, site)
                frame.add(token)
            else:
                frame.add(self.scalar(value, site.name))
        return None


_WORDS: Final = {None: b"0", True: b"t", False: b"f"}


# -- comparing


class _Comparison:
    """One comparison: a stack of pairs that differ, deepest first."""

    def __init__(self, rules: Rules, findings: Findings, kind: Kind) -> None:
        self._findings = findings
        self._keep = rules.keep_volatile
        self._settler = _Settler(rules)
        self._place, self._rendered, self._text = kind
        self._work: list[tuple[Tree, Tree, Site, Trail]] = []

    def run(self, old: Tree, new: Tree, site: Site) -> None:
        if not _same(old, new, site):
            self._work.append((old, new, site, None))
        while self._work:
            self._visit(*self._work.pop())

    def _visit(self, old: Tree, new: Tree, site: Site, trail: Trail) -> None:
        """Compare two values that are not the same, or of which that is not known."""
        if site.ignored is not None:
            self._ignore(f"--ignore {site.ignored}", site)
        elif isinstance(old, dict) and isinstance(new, dict):
            self._objects(old, new, site, trail)
        elif isinstance(old, list) and isinstance(new, list):
            self._arrays(old, new, site, trail)
        elif type(old) is not type(new):
            self._change("retyped", trail, old, new)
        else:
            self._scalars(old, new, site, trail)

    def _scalars(self, old: Tree, new: Tree, site: Site, trail: Trail) -> None:
        if isinstance(old, str) and not self._keep:
            rules = rules_between(settled_text(old, site.name), settled_text(new, site.name))
            if rules is not None:
                for rule in rules:
                    self._ignore(rule, site)
                return
        if isinstance(old, bytes):
            if canonical_number(old) == canonical_number(new):
                return  # formatting: said once for the whole body
            if not self._keep:
                here, there = settled_number(old.decode(), site.name), settled_number(new.decode(), site.name)
                if here is not None and here == there:
                    self._ignore(here.rule, site)
                    return
        self._change("changed", trail, old, new)

    def _objects(self, old: dict[str, Tree], new: dict[str, Tree], site: Site, trail: Trail) -> None:
        work = []
        for key, value in old.items():
            below = site.below(key)
            if key in new:
                if not _same(value, new[key], below):
                    work.append((value, new[key], below, (trail, key)))
            elif below.ignored is not None:
                self._ignore(f"--ignore {below.ignored}", below)
            else:
                self._change("removed", (trail, key), value, None)
        for key, value in new.items():
            if key not in old:
                below = site.below(key)
                if below.ignored is not None:
                    self._ignore(f"--ignore {below.ignored}", below)
                else:
                    self._change("added", (trail, key), None, value)
        self._work.extend(reversed(work))

    def _arrays(self, old: list[Tree], new: list[Tree], site: Site, trail: Trail) -> None:
        below = site.below(None)
        if below.ignored is not None:
            self._ignore(f"--ignore {below.ignored}", below)
            return
        start, end, last = middle(old, new, below)
        olds, news = old[start:end], new[start:last]
        if in_place(olds, news):
            beside = {place: place for place in range(len(olds))}
        else:
            beside = self._paired(olds, news, below, trail)
            self._tell_unpaired((olds, news), beside, start, trail)
        for place in sorted(beside, reverse=True):
            one, other = olds[place], news[beside[place]]
            if not _same(one, other, below):
                self._work.append((one, other, below, (trail, start + beside[place])))

    def _paired(self, olds: list[Tree], news: list[Tree], below: Site, trail: Trail) -> dict[int, int]:
        key = _key_of(olds, news, below, keep=self._keep)
        if key is None:
            return dict(self._pairs(olds, news, below))
        return dict(self._pairs_by_key((olds, news, below), key, trail))

    def _tell_unpaired(
        self, sides: tuple[list[Tree], list[Tree]], beside: dict[int, int], start: int, trail: Trail
    ) -> None:
        paired = set(beside.values())
        for place, value in enumerate(sides[0]):
            if place not in beside:
                self._change("removed", (trail, start + place), value, None)
        for place, value in enumerate(sides[1]):
            if place not in paired:
                self._change("added", (trail, start + place), None, value)

    def _pairs(self, olds: list[Tree], news: list[Tree], below: Site) -> list[tuple[int, int]]:
        """Pair elements by what is equal, then by likeness between those."""
        if len(olds) == len(news) == 1:
            return [(0, 0)]
        token = self._settler.token
        pairs = matches([token(value, below) for value in olds], [token(value, below) for value in news])
        found = list(pairs)
        for start, end, first, last in gaps(pairs, len(olds), len(news)):
            here, there = list(range(start, end)), list(range(first, last))
            found.extend(_alike((olds, news, below), here, there, least=0.0))
        return found

    def _pairs_by_key(
        self, elements: tuple[list[Tree], list[Tree], Site], key: str, trail: Trail
    ) -> list[tuple[int, int]]:
        """Pair elements by a key, wherever they stand; say where the order is another. What is left, by likeness."""
        olds, news, below = elements
        places = {_key_value(value[key]): place for place, value in enumerate(news)}
        pairs = [
            (place, places[_key_value(value[key])])
            for place, value in enumerate(olds)
            if _key_value(value[key]) in places
        ]
        chain = [pairs[at] for at in longest_increasing([beside for _, beside in pairs])]
        if len(chain) < len(pairs):
            beside = sorted(beside for _, beside in pairs)
            self._change(
                "changed", ((trail, None), key), [olds[at][key] for at, _ in pairs], [news[at][key] for at in beside]
            )
        taken_old, taken_new = {place for place, _ in pairs}, {beside for _, beside in pairs}
        for start, end, first, last in gaps(chain, len(olds), len(news)):
            here = [place for place in range(start, end) if place not in taken_old]
            there = [place for place in range(first, last) if place not in taken_new]
            pairs.extend(_alike((olds, news, below), here, there, least=_LEAST_ALIKE))
        return pairs

    def _change(self, action: Action, trail: Trail, old: Tree, new: Tree) -> None:
        findings = self._findings
        if findings.full():
            findings.more()
            return
        steps = _steps(trail)
        before = None if action == "added" else self._text(old, steps)
        after = None if action == "removed" else self._text(new, steps)
        findings.change(self._place, self._rendered(steps), action, before, after)

    def _ignore(self, rule: str, site: Site) -> None:
        findings = self._findings
        if findings.prefix:
            findings.ignore(rule, self._place, self._rendered(site.path()))
            return
        ignored = said(rule, site, self._place, self._rendered)
        counts = findings.compared.ignored
        counts[ignored] = counts.get(ignored, 0) + 1


def said(
    rule: str, site: Site, place: Place = "json", rendered: Callable[[tuple[Step, ...]], str] | None = None
) -> Ignored:
    """Give what is said of something ignored at a place: the same object each time."""
    ignored = site.said.get(rule)
    if ignored is None:
        where = f"{site.part} {place} {(rendered or _path_text)(site.path())}"
        ignored = site.said[rule] = Ignored(rule, where.rstrip())
    return ignored


DEEP: Final = 64
"""Levels to which containers are compared as a whole before they are looked into: each level costs their size again."""


def _same(old: Tree, new: Tree, site: Site) -> bool:
    """Tell whether two values are the same for certain."""
    if site.depth > DEEP and isinstance(old, dict | list):
        return False
    try:
        return bool(old == new)
    except RecursionError:
        return False


def middle(old: list[Tree], new: list[Tree], below: Site) -> tuple[int, int, int]:
    """Give where two arrays begin to differ, and where they end to, in the one and in the other."""
    start, end, last = 0, len(old), len(new)
    while start < end and start < last and _same(old[start], new[start], below):
        start += 1
    while start < end and start < last and _same(old[end - 1], new[last - 1], below):
        end, last = end - 1, last - 1
    return start, end, last


# -- pairing elements

_KEYS: Final = ("id", "_id", "ID", "Id", "key", "uuid", "guid", "slug", "sku", "name", "code", "Key", "Name")
_LIKENESSES: Final = 400
"""Pairs of elements of a gap that are compared to find the most alike."""

_MOST_MEMBERS: Final = 64
"""Members of an element that are looked at for likeness."""

_LEAST_ALIKE: Final = 0.66
"""Likeness from which on elements of different ids count as one that was changed."""


def in_place(olds: list[Tree], news: list[Tree]) -> bool:
    """Tell whether each element stands beside its own, by its id: the ordinary case of two recordings."""
    if len(olds) != len(news):
        return False
    if len(olds) < 2:
        return True
    if not isinstance(olds[0], dict):
        return False
    key = next((key for key in _KEYS if key in olds[0]), None)
    if key is None or type(olds[0][key]) not in _ID_TYPES:
        return False
    for old, new in zip(olds, news, strict=True):
        if not (isinstance(old, dict) and isinstance(new, dict) and key in old and key in new and old[key] == new[key]):
            return False
    return True


_ID_TYPES: Final = frozenset({str, bytes, int, float})
"""Of values of a key: numbers are bytes, at a glance as orjson reads them."""


def _key_of(olds: list[Tree], news: list[Tree], below: Site, *, keep: bool) -> str | None:
    """Give the key by which all elements can be told apart; None where there is none, or no value of it stayed.

    A key whose values are volatile is none: it tells nothing apart once they are settled.
    """
    if not olds or not news or not all(isinstance(one, dict) for side in (olds, news) for one in side):
        return None
    for key in _KEYS:
        if key in olds[0] and below.below(key).ignored is None:
            here, there = _key_values(olds, key, keep=keep), _key_values(news, key, keep=keep)
            if here is not None and there is not None and not here.isdisjoint(there):
                return key
    return None


def _key_values(values: list[Tree], key: str, *, keep: bool) -> set[Tree] | None:
    """Give the values of a key; None where one is missing, stands twice, is volatile, or is no text or number."""
    found = set()
    for value in values:
        own = value.get(key)
        if not isinstance(own, str | bytes) or not (keep or _is_steady(own, key)):
            return None
        found.add(_key_value(own))
    return found if len(found) == len(values) else None


def _is_steady(value: str | bytes, name: str) -> bool:
    if isinstance(value, str):
        return not settled_text(value, name).found
    return settled_number(value.decode(), name) is None


def _key_value(value: Tree) -> Tree:
    return canonical_number(value) if isinstance(value, bytes) else value


def _alike(
    elements: tuple[list[Tree], list[Tree], Site], here: list[int], there: list[int], *, least: float
) -> Iterator[tuple[int, int]]:
    """Pair elements of a gap, in order: those that are most alike. `least`: how alike they must be, 0 for anything."""
    olds, news, below = elements
    if not here or not there:
        return
    if len(here) * len(there) > _LIKENESSES or (len(here) == len(there) and (len(here) == 1 or least == 0)):
        for place, beside in zip(here, there, strict=False):
            if least == 0 or _enough(olds[place], news[beside], below, least):
                yield place, beside
        return
    likeness = [[_likeness(olds[place], news[beside], below) for beside in there] for place in here]
    best = [[0.0] * (len(there) + 1) for _ in range(len(here) + 1)]
    for row in range(len(here) - 1, -1, -1):
        for column in range(len(there) - 1, -1, -1):
            own = likeness[row][column]
            both = best[row + 1][column + 1] + own if own > 0 and own >= least else -1.0
            best[row][column] = max(both, best[row + 1][column], best[row][column + 1])
    row = column = 0
    while row < len(here) and column < len(there):
        own = likeness[row][column]
        if own > 0 and own >= least and best[row][column] == best[row + 1][column + 1] + own:
            yield here[row], there[column]
            row, column = row + 1, column + 1
        elif best[row + 1][column] >= best[row][column + 1]:
            row += 1
        else:
            column += 1


def _enough(old: Tree, new: Tree, below: Site, least: float) -> bool:
    """Tell whether two elements that alone are left between others are one: alike, or all equal but one member."""
    if _likeness(old, new, below) >= least:
        return True
    return bool(old.keys() == new.keys() and sum(not _same(old[key], new[key], below) for key in old) <= 1)


def _likeness(old: Tree, new: Tree, below: Site) -> float:
    """Tell how alike two elements are: 0 for different types, else a little and up to 1."""
    if type(old) is not type(new):
        return 0.0
    if not isinstance(old, dict):
        return 0.5 if isinstance(old, list) and len(old) == len(new) else 0.1
    size = max(len(old), len(new), 1)
    if size > _MOST_MEMBERS:
        return 0.1
    return max(0.1, sum(key in new and _same(value, new[key], below) for key, value in old.items()) / size)


# -- paths

_PLAIN: Final = re.compile(r"[A-Za-z_$@][\w$@-]*")


def _steps(trail: Trail) -> tuple[Step, ...]:
    steps: list[Step] = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    return tuple(reversed(steps))


def path_of(trail: Trail) -> str:
    """Give a path in JSON as text: `$.items[3].price`."""
    return _path_text(_steps(trail))


def _path_text(steps: tuple[Step, ...]) -> str:
    """Give a path as text: `$.items[3]["a b"]`; `[*]` for any element."""
    return clipped_pieces(_path_pieces(steps))


def _path_pieces(steps: tuple[Step, ...]) -> Iterator[str]:
    yield "$"
    for step in steps:
        if isinstance(step, str):
            plain = _PLAIN.fullmatch(step)
            yield f".{step}" if plain else f"[{json.dumps(step, ensure_ascii=not step.isprintable())}]"
        else:
            yield f"[{'*' if step is None else step}]"


def _event_path_text(steps: tuple[Step, ...]) -> str:
    """Give a path within a stream of events as text: `3: data`, `3: $.delta.text`."""
    if not steps:
        return ""
    number = str(steps[0] + 1) if isinstance(steps[0], int) else "*"
    if len(steps) == 1:
        return number
    return f"{number}: {steps[1]}" if len(steps) == 2 else f"{number}: {_path_text(steps[2:])}"


def _json_text(value: Tree, _steps: tuple[Step, ...]) -> str:
    # A scalar goes whole: it is clipped beside its counterpart, where the two begin to differ.
    return clipped_pieces(json_text(value)) if isinstance(value, dict | list) else "".join(json_text(value))


def _text_in_event(value: Tree, steps: tuple[Step, ...]) -> str:
    if len(steps) == 1:
        return _event_text(value)
    return value if len(steps) == 2 and isinstance(value, str) else _json_text(value, steps)


def _event_text(event: dict[str, Tree]) -> str:
    """Give an event as lines: `event: delta`, `data: {...}`."""
    lines: list[str] = []
    for name, value in event.items():
        text = value if isinstance(value, str) else clipped_pieces(json_text(value))
        lines.extend(f"{name}: {line}" for line in text.split("\n"))
    return "\n".join(lines)


_JSON: Final = Kind("json", _path_text, _json_text)
_EVENT: Final = Kind("event", _event_path_text, _text_in_event)
