"""Which elements of two arrays stand beside each other.

Law: by a key that looks like an id where all have it and no two the same, else by likeness; in order. It reports
nothing, and changes nothing.

No recursion of its own. For a gap between pairs at most `_LIKENESSES` comparisons of elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cassette_tools.diff.json_values import canonical_number
from cassette_tools.diff.volatile import settled_number, settled_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.diff.json_values import Tree
    from cassette_tools.diff.sites import Site

__all__ = ["DEEP", "LEAST_ALIKE", "alike", "in_place", "is_same", "key_of", "key_value", "middle"]

DEEP: Final = 64
"""Levels to which containers are compared as a whole before they are looked into: each level costs their size again."""


def is_same(old: Tree, new: Tree, site: Site) -> bool:
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
    while start < end and start < last and is_same(old[start], new[start], below):
        start += 1
    while start < end and start < last and is_same(old[end - 1], new[last - 1], below):
        end, last = end - 1, last - 1
    return start, end, last


_KEYS: Final = ("id", "_id", "ID", "Id", "key", "uuid", "guid", "slug", "sku", "name", "code", "Key", "Name")
_LIKENESSES: Final = 400
"""Pairs of elements of a gap that are compared to find the most alike."""

_MOST_MEMBERS: Final = 64
"""Members of an element that are looked at for likeness."""

LEAST_ALIKE: Final = 0.66
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


def key_of(olds: list[Tree], news: list[Tree], below: Site, *, keep: bool) -> str | None:
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
        found.add(key_value(own))
    return found if len(found) == len(values) else None


def _is_steady(value: str | bytes, name: str) -> bool:
    if isinstance(value, str):
        return not settled_text(value, name).found
    return settled_number(value.decode(), name) is None


def key_value(value: Tree) -> Tree:
    """Give a value of a key in the form in which such values are compared."""
    return canonical_number(value) if isinstance(value, bytes) else value


def alike(
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
    return bool(old.keys() == new.keys() and sum(not is_same(old[key], new[key], below) for key in old) <= 1)


def _likeness(old: Tree, new: Tree, below: Site) -> float:
    """Tell how alike two elements are: 0 for different types, else a little and up to 1."""
    if type(old) is not type(new):
        return 0.0
    if not isinstance(old, dict):
        return 0.5 if isinstance(old, list) and len(old) == len(new) else 0.1
    size = max(len(old), len(new), 1)
    if size > _MOST_MEMBERS:
        return 0.1
    return max(0.1, sum(key in new and is_same(value, new[key], below) for key, value in old.items()) / size)
