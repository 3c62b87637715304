"""Which interaction of the old cassette stands beside which of the new one.

Law: numbers in, pairs out; nothing is read here but what `settled`, `loose` and `traits` are asked for. The same input
gives the same pairs, and swapping the cassettes swaps the pairs. Never quadratic, whatever the input: n log n
comparisons, tables of at most SMALL cells, and what is alike is looked for in short runs only.

The tiers, each for what the one before left over: equal method, URL and request body; equal method and URL, and request
bodies that differ in volatile things only; equal method and URL, those first whose request bodies are alike; equal
method and URL but for volatile segments of its path.

Those with one key are paired in order, with the responses as anchors: first those whose responses are the same (status,
headers but volatile ones, body), then those with the same status and body, then those whose bodies are the same but for
volatile things. What is left between two anchors is paired in order; where one side has more there, so that the
responses are as alike as can be. What has no counterpart there was removed or added. So one more poll in the middle is
one interaction added, and those behind it stay where they are. No two pairs with one key cross; pairs with different
keys may, for programs do several things at once.

Memory: 8 bytes for each interaction, and a few lists of numbers as long as a cassette while they are sorted.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import pairwise, product
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from recorder.journal.read import Part

__all__ = ["SAMPLE", "SMALL", "Keys", "Loose", "Place", "Settled", "Traits", "align", "in_order"]

SMALL: Final = 4_096
"""Cells of a table by which two short runs of responses are matched as well as can be (longest common subsequence)."""

SAMPLE: Final = 64
"""Pairs that are looked at, of two longer runs of equal length, to see whether they match one by one."""

MOST_ALIKE: Final = 2_000
"""Requests with one method and URL that are told apart by what is alike in their bodies; of more, only responses are
looked at."""

LIKENESSES: Final = 1_024
"""Pairs of responses that are compared to find the most alike, of those between two anchors."""

_COMMON: Final = 16
"""Pairs that a trait speaks for; what more have in common tells nothing apart."""

_ROUNDS: Final = 3
"""How often anchors are looked for in what is left between anchors."""

Which: TypeAlias = Literal["old", "new"]

Settled: TypeAlias = "Callable[[Which, Part, int], int]"
"""Gives a number for the body of an interaction: equal where bodies differ in volatile things only. 0 for no body."""

Traits: TypeAlias = "Callable[[Which, Part, int], frozenset[int]]"
"""Gives numbers for what is in the body of an interaction: the more two have in common, the more alike they are."""

Loose: TypeAlias = "Callable[[Which, int], int]"
"""Gives a number for method and URL of an interaction: equal where they differ in volatile segments only."""


class Keys(Protocol):
    """What the alignment needs of a cassette: numbers of 64 bits, equal where the things are, by interaction.

    - `exact`: method, URL and body of the request. `url`: method and URL.
    - `firm`: status, headers but volatile ones, and body of the response, or the error. `answer`: without headers.
    """

    @property
    def exact(self) -> array[int]: ...  # noqa: D102 - told above
    @property
    def url(self) -> array[int]: ...  # noqa: D102 - told above
    @property
    def firm(self) -> array[int]: ...  # noqa: D102 - told above
    @property
    def answer(self) -> array[int]: ...  # noqa: D102 - told above

    def __len__(self) -> int:
        """How many interactions."""


class Place(NamedTuple):
    """An interaction of each cassette by its place among those that were aligned, from 0; -1 where there is none."""

    old: int
    new: int


_OPEN: Final = -1
_ALONE: Final = -2


class _Pairs:
    """The counterpart of each interaction, by its place; negative where it has none (yet, or for good)."""

    def __init__(self, old: int, new: int) -> None:
        self.of_old = array("i", [_OPEN]) * old
        self.of_new = array("i", [_OPEN]) * new

    def add(self, old: int, new: int) -> None:
        self.of_old[old] = new
        self.of_new[new] = old

    def part(self, olds: list[int], news: list[int]) -> None:
        """Leave those alone that have one key and were not paired: they stood at different places of the order."""
        left = [place for place in olds if self.of_old[place] == _OPEN]
        others = [place for place in news if self.of_new[place] == _OPEN]
        if left and others:
            for place in left:
                self.of_old[place] = _ALONE
            for place in others:
                self.of_new[place] = _ALONE

    def left(self) -> tuple[list[int], list[int]]:
        """Give what has no counterpart yet."""
        return (
            [place for place, other in enumerate(self.of_old) if other == _OPEN],
            [place for place, other in enumerate(self.of_new) if other == _OPEN],
        )


def align(old: Keys, new: Keys, settled: Settled, loose: Loose, traits: Traits) -> array[int]:
    """Return, for each interaction of the new cassette, the place of its counterpart in the old one; negative for none.

    Raises what the callables raise. They are asked for what is left over only, for a body a few times at most.
    """
    pairs = _Pairs(len(old), len(new))
    matching = _Matching(old, new, settled, traits, pairs)
    for olds, news in _groups(old.exact, range(len(old)), new.exact, range(len(new))):
        matching.match(olds, news)
    left, others = pairs.left()
    for olds, news in _groups(old.url, left, new.url, others):
        matching.match_by_request(olds, news)
    left, others = pairs.left()
    if left and others:
        one = {place: loose("old", place) for place in left}
        other = {place: loose("new", place) for place in others}
        for olds, news in _groups(one, left, other, others):
            matching.match(olds, news)
    return pairs.of_new


def in_order(partners: array[int], old: int) -> Iterator[Place]:
    """Give all pairs in the order of the new cassette; what was removed comes behind what it stood behind.

    `partners` is what `align` returned, `old` the number of the old cassette's interactions.
    """
    of_old = array("i", [-1]) * old
    for place, partner in enumerate(partners):
        if partner >= 0:
            of_old[partner] = place
    removed: dict[int, list[int]] = {}  # by the place in the new cassette behind which they come
    behind = -1
    for place, partner in enumerate(of_old):
        if partner >= 0:
            behind = partner
        else:
            removed.setdefault(behind, []).append(place)
    for place in removed.get(-1, ()):
        yield Place(place, -1)
    for place, partner in enumerate(partners):
        yield Place(max(partner, -1), place)
        for gone in removed.get(place, ()):
            yield Place(gone, -1)


_Numbers: TypeAlias = "array[int] | dict[int, int]"


def _groups(
    old_keys: _Numbers, olds: Sequence[int], new_keys: _Numbers, news: Sequence[int]
) -> Iterator[tuple[list[int], list[int]]]:
    """Give those that have one key in common, each in its order; what is on one side only is passed over."""
    if not olds or not news:
        return
    one, other = _sorted(old_keys, olds), _sorted(new_keys, news)
    at, beside = 0, 0
    while at < len(one) and beside < len(other):
        key, counterpart = old_keys[one[at]], new_keys[other[beside]]
        if key < counterpart:
            at += 1
        elif key > counterpart:
            beside += 1
        else:
            end, finish = _end(old_keys, one, at), _end(new_keys, other, beside)
            yield one[at:end].tolist(), other[beside:finish].tolist()
            at, beside = end, finish


def _sorted(keys: _Numbers, places: Sequence[int]) -> array[int]:
    return array("I", sorted(places, key=keys.__getitem__))


def _end(keys: _Numbers, places: array[int], start: int) -> int:
    key = keys[places[start]]
    end = start + 1
    while end < len(places) and keys[places[end]] == key:
        end += 1
    return end


class _Matching:
    """Pairs those that have one key in common."""

    def __init__(self, old: Keys, new: Keys, settled: Settled, traits: Traits, pairs: _Pairs) -> None:
        self._old = old
        self._new = new
        self._settled = settled
        self._traits = traits
        self._pairs = pairs

    def match_by_request(self, olds: list[int], news: list[int]) -> None:
        """Pair those whose request bodies differ in volatile things only, then what is alike, then the others."""
        if len(olds) > 1 or len(news) > 1:
            groups: dict[int, tuple[list[int], list[int]]] = {}
            for place in olds:
                groups.setdefault(self._settled("old", "request", place), ([], []))[0].append(place)
            for place in news:
                groups.setdefault(self._settled("new", "request", place), ([], []))[1].append(place)
            for some, others in groups.values():
                self.match(some, others)
            self._match_alike(*self._open(olds, news))
            olds, news = self._open(olds, news)
        self.match(olds, news)

    def _open(self, olds: list[int], news: list[int]) -> tuple[list[int], list[int]]:
        """Give those that have no counterpart yet."""
        return (
            [place for place in olds if self._pairs.of_old[place] == _OPEN],
            [place for place in news if self._pairs.of_new[place] == _OPEN],
        )

    def _match_alike(self, olds: list[int], news: list[int]) -> None:
        """Pair those whose request bodies have most in common that few others have: a name, a query, an id."""
        if not olds or not news or len(olds) + len(news) > MOST_ALIKE or len(olds) == len(news) == 1:
            return
        one = [self._traits("old", "request", place) for place in olds]
        other = [self._traits("new", "request", place) for place in news]
        for at, beside in _most_in_common(one, other):
            self._pairs.add(olds[at], news[beside])

    def match(self, olds: list[int], news: list[int]) -> None:
        """Pair them so that no pair crosses another. What is left over on both sides is left alone."""
        self._match(olds, news)
        self._pairs.part(olds, news)

    def _match(self, olds: list[int], news: list[int]) -> None:
        gaps = [(olds, news)]
        for one, other in ((self._old.firm, self._new.firm), (self._old.answer, self._new.answer)):
            gaps = [
                left
                for some, others in gaps
                for left in self._anchor(
                    some, others, [one[place] for place in some], [other[place] for place in others]
                )
            ]
        for some, others in gaps:
            if self._match_one_by_one(some, others):
                self._pair(some, others)
                continue
            values = [self._settled("old", "response", place) for place in some]
            counterparts = [self._settled("new", "response", place) for place in others]
            for left, beside in self._anchor(some, others, values, counterparts):
                self._pair(left, beside)

    def _match_one_by_one(self, olds: list[int], news: list[int]) -> bool:
        """Tell whether there is nothing to gain from looking at the bodies of all."""
        if len(olds) != len(news):
            return not olds or not news
        if len(olds) == 1:
            return True
        if len(olds) <= SAMPLE:
            return False
        last = len(olds) - 1
        looked_at = {last * step // (SAMPLE - 1) for step in range(SAMPLE)}
        return all(
            self._settled("old", "response", olds[at]) == self._settled("new", "response", news[at]) for at in looked_at
        )

    def _anchor(
        self, olds: list[int], news: list[int], values: list[int], counterparts: list[int]
    ) -> list[tuple[list[int], list[int]]]:
        """Pair those with equal values as far as they stand in one order; return what is left between them."""
        if len(olds) == 1 and len(news) == 1:
            self._pairs.add(olds[0], news[0])
            return []
        left: list[tuple[list[int], list[int]]] = []
        at = beside = 0
        for one, other in [*_common(values, counterparts), (len(olds), len(news))]:
            if one > at and other > beside:
                left.append((olds[at:one], news[beside:other]))
            if one < len(olds):
                self._pairs.add(olds[one], news[other])
            at, beside = one + 1, other + 1
        return left

    def _pair(self, olds: list[int], news: list[int]) -> None:
        if len(olds) == len(news) or len(olds) * len(news) > LIKENESSES:
            for old, new in zip(olds, news, strict=False):
                self._pairs.add(old, new)
            return
        one = [self._traits("old", "response", place) for place in olds]
        other = [self._traits("new", "response", place) for place in news]
        for at, beside in _most_alike(one, other):
            self._pairs.add(olds[at], news[beside])


# -- likeness

_Traits: TypeAlias = "Sequence[frozenset[int]]"


def _most_in_common(one: _Traits, other: _Traits) -> list[tuple[int, int]]:
    """Pair what has most in common, in any order. A trait counts the more, the fewer pairs have it."""
    olds, news = _holders(one), _holders(other)
    likeness: dict[tuple[int, int], float] = {}
    for trait, here in olds.items():
        there = news.get(trait, ())
        if 0 < len(here) * len(there) <= _COMMON:
            for pair in product(here, there):
                likeness[pair] = likeness.get(pair, 0.0) + 1 / (len(here) * len(there))
    taken: set[int] = set()
    counterparts: set[int] = set()
    found: list[tuple[int, int]] = []
    for at, beside in sorted(likeness, key=lambda pair: (-round(likeness[pair], 9), abs(pair[0] - pair[1]), sum(pair))):
        if at not in taken and beside not in counterparts:
            taken.add(at)
            counterparts.add(beside)
            found.append((at, beside))
    return found


def _holders(traits: _Traits) -> dict[int, list[int]]:
    """Give the places that have each trait."""
    holders: dict[int, list[int]] = {}
    for place, own in enumerate(traits):
        for trait in own:
            holders.setdefault(trait, []).append(place)
    return holders


def _most_alike(one: _Traits, other: _Traits) -> list[tuple[int, int]]:
    """Pair all of the shorter sequence, in order, with the most alike of the longer one; the first of equals."""
    if len(one) > len(other):
        return [(at, beside) for beside, at in _most_alike(other, one)]
    best = [[0.0] * (len(other) + 1) for _ in range(len(one) + 1)]
    likeness = [[len(here & there) / (len(here | there) or 1) for there in other] for here in one]
    for at in range(len(one) - 1, -1, -1):
        for beside in range(len(other) - len(one) + at, -1, -1):
            own = likeness[at][beside] + best[at + 1][beside + 1]
            later = best[at][beside + 1] if beside < len(other) - len(one) + at else -1.0
            best[at][beside] = max(own, later)
    found: list[tuple[int, int]] = []
    at = beside = 0
    while at < len(one):
        if best[at][beside] <= likeness[at][beside] + best[at + 1][beside + 1]:
            found.append((at, beside))
            at += 1
        beside += 1
    return found


# -- a common subsequence


def _common(one: list[int], other: list[int]) -> list[tuple[int, int]]:
    """Give the places of a long common subsequence: the longest where both are short.

    Swapping the two swaps the places.
    """
    found: list[tuple[int, int]] = []
    ranges = [(0, len(one), 0, len(other), _ROUNDS)]
    while ranges:
        start, end, begin, finish, rounds = ranges.pop()
        while start < end and begin < finish and one[start] == other[begin]:
            found.append((start, begin))
            start, begin = start + 1, begin + 1
        while start < end and begin < finish and one[end - 1] == other[finish - 1]:
            end, finish = end - 1, finish - 1
            found.append((end, finish))
        if start == end or begin == finish or not rounds:
            continue
        some, others = one[start:end], other[begin:finish]
        short = len(some) * len(others) <= SMALL
        anchors = _oriented(_longest if short else _patience, some, others)
        found += [(start + at, begin + beside) for at, beside in anchors]
        if anchors and not short:
            ends = [(-1, -1), *anchors, (len(some), len(others))]
            ranges += [
                (start + a + 1, start + b, begin + c + 1, begin + d, rounds - 1) for (a, c), (b, d) in pairwise(ends)
            ]
    found.sort()
    return found


def _oriented(
    search: Callable[[list[int], list[int]], list[tuple[int, int]]], one: list[int], other: list[int]
) -> list[tuple[int, int]]:
    """Search so that the result does not depend on which is the first: where several are as good, one way is chosen."""
    if one <= other:
        return search(one, other)
    return [(at, beside) for beside, at in search(other, one)]


def _longest(one: list[int], other: list[int]) -> list[tuple[int, int]]:
    """Give the longest common subsequence, by a table of all lengths."""
    width = len(other) + 1
    table = [0] * width
    rows = [table]
    for value in one:
        row = [0] * width
        for at, counterpart in enumerate(other):
            if value == counterpart:
                row[at + 1] = table[at] + 1
            else:
                above, before = table[at + 1], row[at]
                row[at + 1] = above if above >= before else before  # noqa: FURB136 - a call for each cell takes three times as long
        rows.append(row)
        table = row
    found: list[tuple[int, int]] = []
    at, beside = len(one), len(other)
    while at and beside:
        if one[at - 1] == other[beside - 1]:
            at, beside = at - 1, beside - 1
            found.append((at, beside))
        elif rows[at - 1][beside] >= rows[at][beside - 1]:
            at -= 1
        else:
            beside -= 1
    found.reverse()
    return found


def _patience(one: list[int], other: list[int]) -> list[tuple[int, int]]:
    """Give a common subsequence of values that occur equally often on both sides; else of whatever both have.

    The n-th occurrence of a value stands beside the n-th of it on the other side; of these pairs, the longest run that
    rises on both sides is taken (Schensted's piles: n log n).
    """
    places: dict[int, list[int]] = {}
    for at, value in enumerate(other):
        places.setdefault(value, []).append(at)
    counts: dict[int, int] = {}
    for value in one:
        counts[value] = counts.get(value, 0) + 1
    chosen = {value for value, count in counts.items() if len(places.get(value, ())) == count} or counts.keys()
    taken: dict[int, int] = {}
    candidates: list[tuple[int, int]] = []
    for at, value in enumerate(one):
        there = places.get(value)
        if there is None or value not in chosen:
            continue
        number = taken.get(value, 0)
        if number < len(there):
            taken[value] = number + 1
            candidates.append((at, there[number]))
    return _rising(candidates)


def _rising(candidates: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give the longest run of pairs, sorted by their first number, whose second numbers rise."""
    tops: list[int] = []  # the least second number that ends a run of each length
    ends: list[int] = []  # and the place of its pair
    before = array("i", [-1]) * len(candidates)
    for place, (_, second) in enumerate(candidates):
        length = bisect_left(tops, second)
        if length:
            before[place] = ends[length - 1]
        if length == len(tops):
            tops.append(second)
            ends.append(place)
        else:
            tops[length] = second
            ends[length] = place
    found: list[tuple[int, int]] = []
    place = ends[-1] if ends else -1
    while place >= 0:
        found.append(candidates[place])
        place = before[place]
    found.reverse()
    return found
