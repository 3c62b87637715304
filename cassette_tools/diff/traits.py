"""By what two bodies are told to be alike: a bounded set of numbers, of what stands where in them.

Law: what is volatile or ignored is no trait, as in a comparison. Traits say which of several bodies is the nearest,
never that two are the same. The numbers are those of hash() and mean nothing in another process.

Memory: at most MOST numbers a body, and the body while it is read.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

from cassette_tools.diff.contents import read_body
from cassette_tools.diff.json_values import canonical_number
from cassette_tools.diff.volatile import settled_number, settled_text
from cassette_tools.diff.xml_fields import site_of_xml
from cassette_tools.interaction import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.diff.contents import Contents, Piece
    from cassette_tools.diff.json_values import Tree
    from cassette_tools.diff.model import Part
    from cassette_tools.diff.rules import Rules
    from cassette_tools.diff.sites import Site
    from cassette_tools.diff.xml_values import Element
    from cassette_tools.interaction import Request

__all__ = ["MOST", "traits_of"]

MOST: Final = 128
"""Traits of a body. Of JSON those of its upper levels come first."""

_MOST_MEMBERS: Final = 64
"""Members of one object, elements of one array that are looked at."""


def traits_of(message: Request | Response, rules: Rules, part: Part) -> frozenset[int]:
    """Give the traits of a message: of its status and of its body. Raises what reading the body raises."""
    contents = read_body(message.body, message.headers)
    traits = {hash(contents.kind), *islice(_traits(contents, rules, part), MOST)}
    if isinstance(message, Response) and rules.ignores("response", "status", "") is None:
        traits |= {hash(("status", message.status)), hash(("class", message.status // 100))}
    return frozenset(traits)


def _traits(contents: Contents, rules: Rules, part: Part) -> Iterator[int]:
    if contents.kind in {"json", "events"}:
        yield from _of_json(contents.value, rules, part)
    elif contents.kind == "xml":
        yield from _of_xml(contents.value, rules, part)
    elif contents.kind == "form":
        yield from _of_form(contents.value, rules, part)
    elif contents.kind == "parts":
        yield from _of_parts(contents.value, rules, part)
    elif contents.kind == "text":
        yield from _of_text(contents.value, rules, part)


def _of_form(fields: list[tuple[str, str]], rules: Rules, part: Part) -> Iterator[int]:
    for name, value in fields:
        if rules.ignores(part, "form", name) is None:
            yield hash((name, _settled(value, name, rules)))


def _of_parts(pieces: list[Piece], rules: Rules, part: Part) -> Iterator[int]:
    for piece in pieces:
        if rules.ignores(part, "part", piece.name) is None:
            yield hash(piece.name)
            yield hash((piece.name, piece.data))


def _of_text(text: str, rules: Rules, part: Part) -> Iterator[int]:
    for line in text.split("\n", MOST)[:MOST]:
        if line.strip() and rules.ignores_line(part, line) is None:
            yield hash(_settled(line, "", rules))


def _of_json(root: Tree, rules: Rules, part: Part) -> Iterator[int]:
    """Give each place that there is, and what stands there, level by level."""
    waiting: deque[tuple[str, str, Tree]] = deque([("", "", root)])
    while waiting:
        steps, name, value = waiting.popleft()
        if rules.ignores_member(part, steps) is not None:
            continue
        yield hash(steps)
        if isinstance(value, dict):
            members = islice(value.items(), _MOST_MEMBERS)
            waiting.extend((f"{steps}.{key}\0", key, member) for key, member in members)
        elif isinstance(value, list):
            waiting.extend((f"{steps}[*]\0", name, element) for element in value[:_MOST_MEMBERS])
        else:
            yield hash((steps, _scalar(value, name, rules)))


def _of_xml(root: Element, rules: Rules, part: Part) -> Iterator[int]:
    """Give each element that there is, and what stands in it, level by level."""
    waiting: deque[tuple[Site, Tree]] = deque([(site_of_xml(rules, part), root)])
    while waiting:
        site, value = waiting.popleft()
        if site.ignored is not None:
            continue
        if isinstance(value, dict):
            waiting.extend((site.below(name), member) for name, member in islice(value.items(), _MOST_MEMBERS))
        elif isinstance(value, list):
            yield hash(site.steps)
            waiting.extend((site.below(None), element) for element in value[:_MOST_MEMBERS])
        else:
            yield hash((site.steps, _settled(value, site.name, rules)))


def _scalar(value: Tree, name: str, rules: Rules) -> object:
    if isinstance(value, str):
        return _settled(value, name, rules)
    if isinstance(value, bytes):
        blank = None if rules.keep_volatile else settled_number(value.decode(), name)
        return canonical_number(value) if blank is None else blank.mark
    return repr(value)


def _settled(text: str, name: str, rules: Rules) -> str:
    return text if rules.keep_volatile else settled_text(text, name).text
