"""Two answers in JSON that differ in volatile things only, told at a glance: the ordinary pair of two recordings.

Law: what is said here, `fields.compare` would say; where that is not certain, nothing is said and it decides. JSON is
read by orjson, which forgets some things: a key that stands twice, digits beyond its precision, the way a number is
written. So the two texts are held against each other: they differ in as many places as leaves were found that differ,
and each leaf needs a place of its own, so that none is left for anything else.

Memory: the two texts, and what orjson reads them into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from cassette_tools.diff.json_fields import DEEP, Site, in_place, middle, said, site_of
from cassette_tools.diff.volatile import rules_between, settled_number, settled_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cassette_tools.diff.model import Ignored, Part
    from cassette_tools.diff.rules import Rules

__all__ = ["LONGEST", "volatile_in_answers", "volatile_in_json"]

LONGEST: Final = 250_000
"""Characters of a body that is looked at here."""

_Leaf: TypeAlias = "tuple[str | int, str | int, Site]"
_LEAVES: Final = frozenset({str, int})


def volatile_in_answers(old: dict[str, Any], new: dict[str, Any], rules: Rules) -> dict[Ignored, int] | None:
    """Give what differs and is ignored in the bodies of two answers, where nothing else in the bodies differs.

    `old` and `new` are the contents of bodies (`bodies` of docs/format.md), the answers' in their lines and JSON.
    """
    if old.get("request") != new.get("request"):
        return None
    try:
        before, after = old["response"]["text"], new["response"]["text"]
        if len(before) > LONGEST or len(after) > LONGEST or "\x7f" in before or "\x7f" in after:
            return None
        return volatile_in_json(before, after, rules, "response")
    except (KeyError, TypeError):
        return None  # not as the format says: who reads all of it tells


def volatile_in_json(old: str, new: str, rules: Rules, part: Part) -> dict[Ignored, int] | None:
    """Give what differs and is ignored in two JSON texts of which nothing else differs, as `compare_json` finds it."""
    if rules.keep_volatile or rules.ignores(part, "json", "") is not None:
        return None
    leaves: list[_Leaf] = []
    try:
        _look_at(orjson.loads(old), orjson.loads(new), site_of(rules, part), leaves)
    except (orjson.JSONDecodeError, RecursionError, _UnlikeError):
        return None
    if not _differ_in(old, new, leaves):
        return None
    found: dict[Ignored, int] = {}
    for before, after, site in leaves:
        reasons = _reasons(before, after, site)
        if reasons is None:
            return None
        for rule in reasons:
            one = said(rule, site)
            found[one] = found.get(one, 0) + 1
    return found or None


class _UnlikeError(Exception):
    """Two values differ in more than texts and integers. It never leaves this module."""


def _look_at(old: Any, new: Any, site: Site, leaves: list[_Leaf]) -> None:  # noqa: ANN401 - any value of JSON
    """Add the texts and integers that differ in two values, in their order, to `leaves`.

    Raises _UnlikeError where anything else differs, where --ignore has a say, or elements may have to be paired.
    """
    if site.ignored is not None or site.depth > DEEP or type(old) is not type(new):
        raise _UnlikeError
    if type(old) is dict and len(old) == len(new):
        for key, value in old.items():
            other = new.get(key, _UnlikeError)
            if value != other:
                _look_at(value, other, site.below(key), leaves)
    elif type(old) is list and len(old) == len(new):
        below = site.below(None)
        start, end, _ = middle(old, new, below)
        if not in_place(old[start:end], new[start:end]):
            raise _UnlikeError
        for value, other in zip(old[start:end], new[start:end], strict=True):
            if value != other:
                _look_at(value, other, below, leaves)
    elif type(old) in _LEAVES:
        leaves.append((old, new, site))
    else:
        raise _UnlikeError


def _differ_in(old: str, new: str, leaves: list[_Leaf]) -> bool:
    """Tell whether two texts differ where so many leaves may stand, and nowhere else."""
    at = beside = 0
    for one, other, _ in leaves:
        before, after = _written(one), _written(other)
        here, there = old.find(before, at), new.find(after, beside)
        if here < 0 or there < 0 or old[at:here] != new[beside:there]:
            return False
        at, beside = here + len(before), there + len(after)
    return old[at:] == new[beside:]


def _written(leaf: str | int) -> str:
    """Give a leaf as it stands in JSON. A text with a quote is escaped there: it is not looked for."""
    if isinstance(leaf, str):
        return f'"{leaf}"' if '"' not in leaf else "\0"
    return str(leaf)


def _reasons(old: str | int, new: str | int, site: Site) -> Iterable[str] | None:
    """Give the rules by which two leaves differ; None where that is a change."""
    if isinstance(old, str) and isinstance(new, str):
        return rules_between(settled_text(old, site.name), settled_text(new, site.name))
    here, there = settled_number(str(old), site.name), settled_number(str(new), site.name)
    return (here.rule,) if here is not None and here == there else None
