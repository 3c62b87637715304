"""Which parts of two texts differ, so that a view can mark them.

Law: pure functions of two texts. What is marked is never less than what differs: the unmarked parts of both sides, one
after the other, are the same text. Time: linear in the texts, but for a middle of at most `_MOST_WORDS` words a side,
which is compared word by word.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Run", "elided", "marked"]

_WORD: Final = re.compile(r"\w+|\s+|.", re.DOTALL)
_MOST_WORDS: Final = 120
"""Words of a side that are compared one by one. difflib needs quadratic time, and cubic at worst."""

_ANCHOR: Final = 2
"""Characters that a run needs for counting as the same between two differing ones: a comma alone says nothing."""

_LONG_WORD: Final = 16
"""Characters from which on two words are compared by what they begin and end with."""

_LEAST_SHARE: Final = 0.25
"""The share of the shorter text that has to be the same; below it the whole texts are marked."""


class Run(NamedTuple):
    """A piece of a text, and whether it differs from the other text there."""

    text: str
    differs: bool


def marked(old: str, new: str) -> tuple[list[Run], list[Run]]:
    """Return the runs of both texts. Those that do not differ are the same on both sides, in the same order.

    Texts that have little in common are one differing run each: marks all over the place would only be in the way.
    """
    if old == new:
        return [Run(old, differs=False)][: len(old)], [Run(new, differs=False)][: len(new)]
    first, second = _WORD.findall(old), _WORD.findall(new)
    head = _common(first, second)
    tail = _common(first[head:][::-1], second[head:][::-1])
    middles = first[head : len(first) - tail], second[head : len(second) - tail]
    runs: tuple[list[Run], list[Run]] = ([], [])
    _add_same(runs, "".join(first[:head]))
    _add_middle(runs, *middles)
    _add_same(runs, "".join(first[len(first) - tail :]))
    same = sum(len(run.text) for run in runs[0] if not run.differs)
    if same < _LEAST_SHARE * min(len(old), len(new)):
        return _whole(old), _whole(new)
    return runs


def elided(runs: list[Run], ellipsis: str, *, room: int) -> list[Run]:
    """Shorten the runs that do not differ, where all together are longer than `room` characters.

    What stays of such a run are its ends: as much as tells where in the text the difference is.
    """
    if sum(len(run.text) for run in runs) <= room:
        return runs
    keep = max(16, room // 6)
    kept = []
    for at, run in enumerate(runs):
        head = 0 if at == 0 else keep
        tail = 0 if at == len(runs) - 1 else keep
        if run.differs or len(run.text) <= head + tail + len(ellipsis) or len(runs) == 1:
            kept.append(run)
        else:
            end = run.text[len(run.text) - tail :]
            kept.append(Run(run.text[:head] + ellipsis + end, differs=False))
    return kept


def _whole(text: str) -> list[Run]:
    return [Run(text, differs=True)] if text else []


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """Count the words, or the characters, that both begin with."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def _add_middle(runs: tuple[list[Run], list[Run]], first: list[str], second: list[str]) -> None:
    if not first or not second or max(len(first), len(second)) > _MOST_WORDS:
        _add_differing(runs, "".join(first), "".join(second))
        return
    at = [0, 0]
    for match in SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks():
        same = "".join(first[match.a : match.a + match.size])
        if match.size and len(same) < _ANCHOR:
            continue
        _add_differing(runs, "".join(first[at[0] : match.a]), "".join(second[at[1] : match.b]))
        _add_same(runs, same)
        at = [match.a + match.size, match.b + match.size]


def _add_same(runs: tuple[list[Run], list[Run]], text: str) -> None:
    if text:
        for side in runs:
            side.append(Run(text, differs=False))


def _add_differing(runs: tuple[list[Run], list[Run]], old: str, new: str) -> None:
    """Add what differs. Of long words, such as base64, that begin and end alike only the middles differ."""
    head, tail = _ends(old, new)
    _add_same(runs, old[:head])
    for side, text in zip(runs, (old, new), strict=True):
        if len(text) > head + tail:
            side.append(Run(text[head : len(text) - tail], differs=True))
    _add_same(runs, old[len(old) - tail :])


def _ends(old: str, new: str) -> tuple[int, int]:
    """Count the characters that two texts begin and end with alike; none where these are few, or the texts short."""
    shorter = min(len(old), len(new))
    if shorter < _LONG_WORD:
        return 0, 0
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    return (head, tail) if head + tail >= shorter // 2 else (0, 0)
