"""Two answers in JSON that differ in texts and integers only, told at a glance: the ordinary pair of two recordings.

Law: what is said here, `fields.compare` would say; where that is not certain, nothing is said and it decides. JSON is
read by orjson, which forgets some things: a key that stands twice, digits beyond its precision, the way a number is
written. So the two texts are held against each other: they differ in as many places as leaves were found that differ,
and each leaf needs a place of its own, so that none is left for anything else. (Where a key stands twice, its second
value is named here as if there was one.)

Memory: the two texts, and what orjson reads them into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from cassette_tools.diff.elements import DEEP, in_place, middle
from cassette_tools.diff.findings import Compared, Findings
from cassette_tools.diff.json_fields import path_of, said, site_of
from cassette_tools.diff.json_values import quoted
from cassette_tools.diff.volatile import rules_between, settled_number, settled_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cassette_tools.diff.model import Part
    from cassette_tools.diff.rules import Rules
    from cassette_tools.diff.sites import Site, Trail

__all__ = ["LONGEST", "compared_answers", "compared_json"]

LONGEST: Final = 250_000
"""Characters of a body that is looked at here."""

_Leaf: TypeAlias = "tuple[str | int, str | int, Site, Trail]"
_LEAVES: Final = frozenset({str, int})


def compared_answers(old: dict[str, Any], new: dict[str, Any], rules: Rules) -> Compared | None:
    """Compare the bodies of two interactions of which only the answers' differ; None where that is not certain.

    `old` and `new` are the contents of bodies (`bodies` of docs/format.md), the answers' in their lines and JSON.
    """
    if old.get("request") != new.get("request"):
        return None
    try:
        before, after = old["response"]["text"], new["response"]["text"]
        if len(before) > LONGEST or len(after) > LONGEST or "\x7f" in before or "\x7f" in after:
            return None
        return compared_json(before, after, rules, "response")
    except (KeyError, TypeError):
        return None  # not as the format says: who reads all of it tells


def compared_json(old: str, new: str, rules: Rules, part: Part) -> Compared | None:
    """Compare two JSON texts as `compare_json` does; None where that is not certain, and where nothing differs."""
    if rules.keep_volatile or rules.ignores(part, "json", "") is not None:
        return None
    leaves: list[_Leaf] = []
    try:
        here, there = orjson.loads(old), orjson.loads(new)
        if here != there:
            _look_at(here, there, site_of(rules, part), None, leaves)
    except (orjson.JSONDecodeError, RecursionError, _UnlikeError):
        return None
    if not leaves or not _differ_in(old, new, leaves):
        return None
    compared = Compared()
    findings = Findings(compared, part)
    for before, after, site, trail in leaves:
        reasons = _reasons(before, after, site)
        if reasons is None:
            if type(before) is not type(after):
                return None
            findings.change("json", path_of(trail), "changed", _shown(before), _shown(after))
            continue
        for rule in reasons:
            one = said(rule, site)
            compared.ignored[one] = compared.ignored.get(one, 0) + 1
    return compared


def _shown(leaf: str | int) -> str:
    return quoted(leaf) if isinstance(leaf, str) else str(leaf)


class _UnlikeError(Exception):
    """Two values differ in more than texts and integers. It never leaves this module."""


def _look_at(
    old: Any,  # noqa: ANN401 - any value of JSON
    new: Any,  # noqa: ANN401 - any value of JSON
    site: Site,
    trail: Trail,
    leaves: list[_Leaf],
) -> None:
    """Add the texts and integers that differ in two values, in their order, to `leaves`.

    Raises _UnlikeError where anything else differs, where --ignore has a say, or elements may have to be paired.
    """
    if site.ignored is not None or site.depth > DEEP or type(old) is not type(new):
        raise _UnlikeError
    if type(old) is dict and len(old) == len(new):
        _look_at_members(old, new, site, trail, leaves)
    elif type(old) is list and len(old) == len(new):
        below = site.below(None)
        start, end, _ = middle(old, new, below)
        if not in_place(old[start:end], new[start:end]):
            raise _UnlikeError
        for at, (value, other) in enumerate(zip(old[start:end], new[start:end], strict=True), start):
            if value != other:
                _look_at(value, other, below, (trail, at), leaves)
    elif type(old) in _LEAVES:
        leaves.append((old, new, site, trail))
    else:
        raise _UnlikeError


def _look_at_members(old: dict[str, Any], new: dict[str, Any], site: Site, trail: Trail, leaves: list[_Leaf]) -> None:
    """Do what `_look_at` does, of objects with as many members."""
    other_of = new.get
    for key, value in old.items():
        other = other_of(key, _UnlikeError)
        if value == other:
            continue
        below = site.below(key)
        if type(value) in _LEAVES and type(value) is type(other) and below.ignored is None:
            leaves.append((value, other, below, (trail, key)))
        else:
            _look_at(value, other, below, (trail, key), leaves)


def _differ_in(old: str, new: str, leaves: list[_Leaf]) -> bool:
    """Tell whether two texts differ where so many leaves may stand, and nowhere else."""
    at = beside = 0
    for one, other, _, _ in leaves:
        before, after = _written(one), _written(other)
        here = old.find(before, at)
        if before[0] == after[0] == '"':  # then what stands behind it does not matter
            while here >= 0 and not new.startswith(after, beside + here - at):
                here = old.find(before, here + 1)
        else:
            while here >= 0 and not (_stands(after, new, beside + here - at) and _stands(before, old, here)):
                here = old.find(before, here + 1)
        there = beside + here - at
        if here < 0 or old[at:here] != new[beside:there]:
            return False
        at, beside = here + len(before), there + len(after)
    return old[at:] == new[beside:]


def _stands(written: str, text: str, at: int) -> bool:
    """Tell whether a text or a whole number stands at a place."""
    end = at + len(written)
    return text.startswith(written, at) and (written[0] == '"' or not text[end : end + 1].isalnum())


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
