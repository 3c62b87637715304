"""JSON compared by path, and the same JSON settled to a digest.

Law: the comparison finds no change exactly where the digests of both sides are equal: both ask `_Settler` for what a
value is without what is volatile or ignored. White space, the order of keys and the way a number is written are
formatting. The order of elements counts.

Elements are paired by a key that looks like an id (`id`, `key`, `uuid`, `slug`, `sku`, `name`) where all have it and
no two the same, else by what is equal; what is left between pairs by likeness. An element that was put in is "added",
and shifts nothing.

A path names the place in the new value; of what was removed, in the old one.

No recursion. Time n log n, and for each gap between pairs a bounded number of comparisons of elements. Memory: a
digest for each container of arrays that differ.
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from cassette_tools.diff.elements import LEAST_ALIKE, alike, in_place, is_same, key_of, key_value, middle
from cassette_tools.diff.findings import clipped_pieces
from cassette_tools.diff.json_values import canonical_number, json_text
from cassette_tools.diff.model import Ignored
from cassette_tools.diff.sequences import gaps, longest_increasing, matches
from cassette_tools.diff.sites import Roots, Site, Step, Trail
from cassette_tools.diff.volatile import rules_between, settled_number, settled_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassette_tools.diff.findings import Findings
    from cassette_tools.diff.json_values import Tree
    from cassette_tools.diff.model import Action, Part, Place
    from cassette_tools.diff.rules import Rules

__all__ = [
    "Kind",
    "compare_events",
    "compare_json",
    "compare_trees",
    "path_of",
    "said",
    "settled_events",
    "settled_json",
    "settled_tree",
    "site_of",
]


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
        if not is_same(old, new, site):
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
                if not is_same(value, new[key], below):
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
            if not is_same(one, other, below):
                self._work.append((one, other, below, (trail, start + beside[place])))

    def _paired(self, olds: list[Tree], news: list[Tree], below: Site, trail: Trail) -> dict[int, int]:
        key = key_of(olds, news, below, keep=self._keep)
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
            found.extend(alike((olds, news, below), here, there, least=0.0))
        return found

    def _pairs_by_key(
        self, elements: tuple[list[Tree], list[Tree], Site], key: str, trail: Trail
    ) -> list[tuple[int, int]]:
        """Pair elements by a key, wherever they stand; say where the order is another. What is left, by likeness."""
        olds, news, below = elements
        places = {key_value(value[key]): place for place, value in enumerate(news)}
        pairs = [
            (place, places[key_value(value[key])])
            for place, value in enumerate(olds)
            if key_value(value[key]) in places
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
            pairs.extend(alike((olds, news, below), here, there, least=LEAST_ALIKE))
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
