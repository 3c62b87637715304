"""Which of the pairings that differ say nothing new, so that a change that many interactions have is shown once.

Law: two sets of changes are the same where part, place, path, action and both values of each are; method and URL do not
count. A value that was clipped, or changes that were counted only, are the same as nothing. Two are alike where only
values and numbers in paths differ. Nothing is left out here: a view decides what to show of what is judged.

Memory: digests of the last `_SETS` different sets of changes, `_SHAPES` shapes and `_CHANGES` single changes; spans of
numbers, `_SPANS` of a group and cassette, of `_CASSETTES`; `_PLACES` places with their counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from cassette_tools.diff.model import LONGEST_VALUE, SEVERITIES
from cassette_tools.tally import Tally, clipped
from cassette_tools.views.diff.wording import label, numbers

if TYPE_CHECKING:
    from cassette_tools.diff.model import Change, Pairing, Severity

__all__ = ["IN_FULL", "IN_SHORT", "MANY", "First", "Judged", "Members", "Memory", "Numbers", "Place", "Places", "where"]

IN_FULL: Final = 10
"""Interactions whose changes are alike, and have other values each, that are shown in full."""

IN_SHORT: Final = 100
"""Interactions beyond these that are shown in a line each. The rest is counted."""

MANY: Final = 10
"""Interactions that differ, above which a view tells where the changes are."""

_SETS: Final = 1_000
_SHAPES: Final = 1_000
_CHANGES: Final = 4_000
_SPANS: Final = 50
_CASSETTES: Final = 5
_PLACES: Final = 1_000
_LONGEST_PLACE: Final = 300

_INDEX: Final = re.compile(r"\[\d+\]")
_EVENT: Final = re.compile(r"^\d+(?:: |$)")
_LINE: Final = re.compile(r"(?<=: line )\d+$")
_ALIKE: Final = re.compile(r"\([\d,]+ alike\) \.\.\.")

Novelty: TypeAlias = Literal["new", "same", "alike", "many"]
"""What a pairing has to tell: something new; nothing, for the same was shown; other values of what was shown `IN_FULL`
times; the like of which was shown `IN_FULL` and `IN_SHORT` times."""

V = TypeVar("V")


class First(NamedTuple):
    """The pairing that others are like: its place among all that differ, from 0, its cassette and its numbers."""

    place: int
    cassette: str
    numbers: str


class Judged(NamedTuple):
    """What is known of a pairing. `first` is the one it is like, itself where it is new.

    `news` is the change that tells most of it: the gravest that was in none of the last interactions.
    """

    novelty: Novelty
    first: First
    news: Change | None


@dataclass(slots=True)
class _Shape:
    first: First
    count: int = 0


class _Last(Generic[V]):
    """The last `most` keys with their values."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: dict[bytes, V] = {}

    def get(self, key: bytes) -> V | None:
        """Return the value of a key, which stays longer for that."""
        value = self._rows.pop(key, None)
        if value is not None:
            self._rows[key] = value
        return value

    def put(self, key: bytes, value: V) -> None:
        self._rows.pop(key, None)
        self._rows[key] = value
        if len(self._rows) > self._most:
            del self._rows[next(iter(self._rows))]


class Memory:
    """What was shown already. With `alike` false nothing is judged so: for a view that leaves no value out."""

    def __init__(self, *, alike: bool = True) -> None:
        self._alike = alike
        self._count = 0
        self._sets: _Last[First] = _Last(_SETS)
        self._shapes: _Last[_Shape] = _Last(_SHAPES)
        self._changes: _Last[bool] = _Last(_CHANGES)

    def judge(self, pairing: Pairing, cassette: str = "", arrow: str = "->") -> Judged:
        """Tell whether a pairing of a cassette says something new, and remember it."""
        itself = First(self._count, cassette, numbers(pairing, arrow))
        self._count += 1
        if pairing.verdict != "changed":
            return Judged("new", itself, None)
        digests = [_digest(change) for change in pairing.changes]
        whole = _whole(pairing, digests)
        first = None if whole is None else self._sets.get(whole)
        if first is not None:
            return Judged("same", first, None)
        news = self._news(pairing, digests)
        judged = self._of_shape(pairing, itself, news) if self._alike else Judged("new", itself, news)
        if judged.novelty == "new" and whole is not None:
            self._sets.put(whole, itself)
        return judged

    def _of_shape(self, pairing: Pairing, itself: First, news: Change | None) -> Judged:
        key = _shape(pairing)
        shape = self._shapes.get(key) or _Shape(itself)
        self._shapes.put(key, shape)
        shape.count += 1
        if shape.count <= IN_FULL:
            return Judged("new", itself, news)
        return Judged("alike" if shape.count <= IN_FULL + IN_SHORT else "many", shape.first, news)

    def _news(self, pairing: Pairing, digests: list[bytes]) -> Change | None:
        """Give the gravest of the changes that were in none of the last interactions; else the gravest."""
        unseen = [at for at, digest in enumerate(digests) if self._changes.get(digest) is None]
        for digest in islice(digests, _CHANGES // 4):
            self._changes.put(digest, True)
        chosen = unseen or range(len(digests))
        return min((pairing.changes[at] for at in chosen), key=lambda one: SEVERITIES.index(one.severity), default=None)


def _digest(change: Change) -> bytes:
    """Give a digest of what happened to a thing; lines around it do not count."""
    said = (change.part, change.place, change.path, change.action, change.old, change.new)
    return blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _whole(pairing: Pairing, digests: list[bytes]) -> bytes | None:
    """Give a digest of all changes; None where not all of them is known."""
    if pairing.left_out or any(_clipped(value) for one in pairing.changes for value in (one.old, one.new)):
        return None
    return blake2b(b"".join(digests), digest_size=16).digest()


def _clipped(value: str | None) -> bool:
    """Tell whether a value may have been clipped where the change was made."""
    return value is not None and (len(value) > LONGEST_VALUE or _ALIKE.match(value) is not None)


def _shape(pairing: Pairing) -> bytes:
    """Give a digest of where something happened, and what, numbers and values aside."""
    said = sorted({(change.part, change.place, _folded(change), change.action) for change in pairing.changes})
    return blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def where(change: Change) -> str:
    """Name the place of a change without numbers, as what was ignored is named: "response json $.items[*].price"."""
    return label(replace(change, path=_folded(change)))


def _folded(change: Change) -> str:
    if change.place == "line":
        return ""
    path = _EVENT.sub("", change.path) if change.place == "event" else change.path
    path = _LINE.sub("*", path) if change.place == "part" else path
    return _INDEX.sub("" if change.place == "xml" else "[*]", path)


# -- numbers of interactions


@dataclass(slots=True)
class _Span:
    """Interactions in a row: the numbers of the first one, and how many there are."""

    old: int
    new: int
    count: int = 1


@dataclass(slots=True)
class Numbers:
    """The numbers of interactions that both cassettes have, as spans."""

    count: int = 0
    _spans: list[_Span] = field(default_factory=list)

    def add(self, pairing: Pairing) -> None:
        """Add those of a pairing of two interactions; they come in the order of the new cassette."""
        if pairing.old is None or pairing.new is None:
            return
        self.count += 1
        old, new = pairing.old.number, pairing.new.number
        last = self._spans[-1] if self._spans else None
        if last is not None and old - last.old == new - last.new == last.count:
            last.count += 1
        elif len(self._spans) < _SPANS:
            self._spans.append(_Span(old, new))

    def text(self, most: int | None = None, arrow: str = "->") -> str:
        """Say them: "2 to 41, 43, 45 -> 46 and 3 more", at most `most` spans."""
        spans = self._spans[:most]
        said = ", ".join(_span_text(span, arrow) for span in spans)
        left = self.count - sum(span.count for span in spans)
        return f"{said} and {left:,} more" if left else said


def _span_text(span: _Span, arrow: str) -> str:
    old, new = (
        str(first) if span.count == 1 else f"{first} {'and' if span.count == 2 else 'to'} {first + span.count - 1}"
        for first in (span.old, span.new)
    )
    return old if span.old == span.new else f"{old} {arrow} {new}"


@dataclass(slots=True)
class Members:
    """The interactions that are like one that is shown, by cassette: those of the first `_CASSETTES`; all are counted.

    `count` is their number.
    """

    count: int = 0
    _of: dict[str, Numbers] = field(default_factory=dict)

    def add(self, cassette: str, pairing: Pairing) -> None:
        """Add a pairing of a cassette."""
        self.count += 1
        if cassette in self._of or len(self._of) < _CASSETTES:
            self._of.setdefault(cassette, Numbers()).add(pairing)

    def rows(self, most: int, arrow: str = "->") -> tuple[list[tuple[str, str]], int]:
        """Give cassettes with the numbers in them, at most `most` spans each, and how many are in other cassettes."""
        rows = [(cassette, found.text(most, arrow)) for cassette, found in self._of.items()]
        return rows, self.count - sum(found.count for found in self._of.values())


# -- places of changes


@dataclass(slots=True)
class _Row:
    count: int = 0

    def merge(self, other: _Row) -> None:
        self.count += other.count


class Place(NamedTuple):
    """A place, how grave what happened there is, and in how many interactions it did."""

    severity: Severity
    where: str
    interactions: int


class Places:
    """Where changes are, over all interactions."""

    def __init__(self) -> None:
        self.interactions = 0
        self._rows: Tally[_Row] = Tally(_Row, _PLACES)

    def add(self, pairing: Pairing) -> None:
        """Count a pairing."""
        self.interactions += 1
        for key in {_key(change) for change in pairing.changes}:
            self._rows.row(key).count += 1

    def top(self, most: int) -> tuple[list[Place], int]:
        """Give at most `most` places, the gravest first, then the most frequent, and the number of others.

        Nothing where there are few interactions, or one place.
        """
        if self.interactions <= MANY or len(self._rows.rows) <= 1:
            return [], 0
        found = [Place(SEVERITIES[int(key[0])], key[1:], row.count) for key, row in self._rows.rows.items()]
        found.sort(key=lambda one: (SEVERITIES.index(one.severity), -one.interactions, one.where))
        return found[:most], max(0, len(found) - most)


def _key(change: Change) -> str:
    return f"{SEVERITIES.index(change.severity)}{clipped(where(change), _LONGEST_PLACE)}"
