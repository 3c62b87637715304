"""Shows a comparison as one page of HTML that needs nothing else.

Law: `views.html` makes the page, so that nothing recorded can run in it; here it is told what to show. Old and new
stand beside each other on a wide screen, one under the other on a phone. Severities are words, sides are signs and
words, and what differs in a value is marked by more than colour. The page works without scripts; with them it can be
filtered.

Interactions with the same changes as one before are named below that one. Of many that differ in the same places but
for values, those beyond the first ones are closed, to be opened.

Memory: one pairing, the totals, what `grouping` remembers, the places of what is kept, and 4 MiB of what is yet to be
written; more waits in a file without a name, for a page begins with its figures. A page has at most `MOST_PAIRINGS`
pairings with `MOST_CHANGES` changes in all, and names `MOST_MEMBERS` that have the same ones: more is no page to look
at. What was left out is said.
"""

from __future__ import annotations

import pickle
import tempfile
from array import array
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

from cassette_tools.diff.folders import FolderComparison
from cassette_tools.diff.model import SEVERITIES, Pairing
from cassette_tools.shell_word import shell_word
from cassette_tools.views.diff.grouping import Members, Memory, Places
from cassette_tools.views.diff.marking import Run, marked
from cassette_tools.views.diff.wording import (
    HEADINGS,
    alike_text,
    cassettes_text,
    folder_headline,
    headline,
    interactions_text,
    label,
    left_out_text,
    numbers,
    outcome,
    path_of,
    rules_of,
    severities_text,
    values_of,
    whole,
    worst_of,
)
from cassette_tools.views.escape import visible
from cassette_tools.views.figures import count_text, duration_text, size_text
from cassette_tools.views.html import render
from recorder.errors import OutputError
from recorder.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from cassette_tools.diff.comparison import Comparison
    from cassette_tools.diff.model import Change, Side, Totals
    from cassette_tools.views.diff.grouping import Judged

__all__ = ["MOST_CHANGES", "MOST_MEMBERS", "MOST_PAIRINGS", "pieces"]

MOST_PAIRINGS: Final = 2_000
"""Pairings of a page."""

MOST_CHANGES: Final = 20_000
"""Changes of a page, of all its pairings."""

MOST_MEMBERS: Final = 5_000
"""Interactions that have the same changes as another one of the page and are named there, in all."""

_ARROW: Final = "\u2192"
_IN_MEMORY: Final = 4 * 1024 * 1024
_NAMES_SHOWN: Final = 1_000
_THINGS_SHOWN: Final = 20
_RULES_SHOWN: Final = 200
_PLACES_SHOWN: Final = 10
_SPANS_SHOWN: Final = 8
_LONGEST_SHORT: Final = 60


def pieces(comparison: Comparison | FolderComparison) -> Iterator[str]:
    """Yield the page piece by piece. Raises what iterating the comparison raises, before the first piece."""
    with _Kept() as kept:
        values = _folder(comparison, kept) if isinstance(comparison, FolderComparison) else _cassettes(comparison, kept)
        yield from render(
            "diff.html.j2",
            styles=["diff.css"],
            scripts=["diff.js"],
            version=__version__,
            index=kept.read(_entry),
            pairings=kept.read(_pairing),
            left_out=kept.left_out,
            count=kept.count,
            places=kept.places.top(_PLACES_SHOWN),
            **values,
        )


def _cassettes(comparison: Comparison, kept: _Kept) -> dict[str, Any]:
    for pairing in comparison:
        kept.add("", pairing)
    sides = [(side.name, side.title) for side in (comparison.old, comparison.new)]
    totals = comparison.totals
    return _facts(sides, totals, headline(totals), severities_text(totals).capitalize())


def _folder(folder: FolderComparison, kept: _Kept) -> dict[str, Any]:
    same = differing = 0
    for name, comparison in folder:
        before = kept.places.interactions
        for pairing in comparison:
            kept.add(name, pairing)
        differs = kept.places.interactions > before
        differing += differs
        same += not differs
    lists = [
        ("Only in the old folder", _names(folder.only_old)),
        ("Only in the new folder", _names(folder.only_new)),
        ("Not compared", _names([f"{name}: {error}" for name, error in folder.troubles])),
    ]
    sides = [(folder.old, "folder"), (folder.new, "folder")]
    said = folder_headline(folder)
    heading = said.partition("; interactions: ")[0]
    facts = _facts(sides, folder.totals, said, heading[:1].upper() + heading[1:])
    cassettes = cassettes_text(same, differing)
    return {**facts, "worst": worst_of(folder), "cassettes": cassettes, "lists": lists}


def _names(names: Sequence[str]) -> list[str]:
    more = [f"and {len(names) - _NAMES_SHOWN:,} more"] if len(names) > _NAMES_SHOWN else []
    return [*names[:_NAMES_SHOWN], *more]


def _facts(sides: Sequence[tuple[str, str]], totals: Totals, title: str, heading: str) -> dict[str, Any]:
    """Give what the overview shows. Called when the pairings have been read, for the totals to be complete."""
    return {
        "title": title,
        "heading": heading,
        "interactions": interactions_text(totals),
        "worst": totals.worst(),
        "sides": list(zip(("old", "new"), *zip(*sides, strict=True), strict=True)),
        "severities": [(severity, totals.changes[severity]) for severity in SEVERITIES],
        "cassettes": "",
        "lists": [],
        "ignored": [
            (heading, [(rule, things[:_THINGS_SHOWN], max(0, len(things) - _THINGS_SHOWN)) for rule, things in found])
            for heading, found in (
                (heading, rules_of(totals.ignored, why)[:_RULES_SHOWN]) for why, heading in HEADINGS.items()
            )
            if found
        ],
        "ignored_count": count_text(sum(totals.ignored.values()) + totals.ignored_left_out, "difference"),
        "call": "ctools diff {} {}".format(*(shell_word(name) for name, _ in sides)),
    }


# -- a pairing


def _entry(found: _Found) -> dict[str, Any]:
    """Give what the list of interactions has of a pairing."""
    pairing = found.pairing
    side = pairing.new or pairing.old
    return {
        "id": _id(found.cassette, pairing),
        "cassette": found.cassette,
        "severity": pairing.severity or "info",
        "severities": _severities(pairing),
        "numbers": numbers(pairing, _ARROW),
        "method": "" if side is None else side.method,
        "url": "" if side is None else side.url,
        "short": "" if side is None else path_of(side.url),
        "verdict": pairing.verdict,
        "same": found.members.count,
    }


def _pairing(found: _Found) -> dict[str, Any]:
    """Give what the page shows of a pairing."""
    pairing = found.pairing
    return {
        **_entry(found),
        "old": _side(pairing.old),
        "new": _side(pairing.new),
        "changes": [_change(change) for change in pairing.changes],
        "left": left_out_text(len(pairing.changes), pairing),
        "whole": _lone(pairing),
        "closed": found.closed,
        "same_in": _same_in(found.members, found.cassette),
        "same_left": found.members.count - found.named,
        "members": (_entry(member) for member in found.read()),
    }


def _in_short(pairing: Pairing, judged: Judged) -> str:
    """Say of a pairing that is closed what tells most of it, and what it is like. Empty for one that is open."""
    news = judged.news
    if judged.novelty == "new" or news is None:
        return ""
    values = [_cut(visible(value)) or "(empty)" for value in (news.old, news.new) if value is not None]
    what = f"{news.action} " if news.old is None or news.new is None else ""
    others = len(pairing.changes) + pairing.left_out - 1
    more = f", and {count_text(others, 'more change')}" if others else ""
    first = f"{judged.first.numbers} of {judged.first.cassette}".removesuffix(" of ")
    return f"{label(news)} {what}{f' {_ARROW} '.join(values)}{more}: {alike_text(first)}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHORT else f"{text[:_LONGEST_SHORT]}\u2026"


def _same_in(members: Members, cassette: str) -> str:
    rows, more = members.rows(_SPANS_SHOWN, _ARROW)
    said = ", ".join(text if name == cassette else f"{name} {text}" for name, text in rows)
    return f"{said} and {more:,} more" if more else said


def _id(name: str, pairing: Pairing) -> str:
    """Name the place of a pairing in the page; the same whenever these cassettes are compared."""
    old = pairing.old.number if pairing.old else 0
    new = pairing.new.number if pairing.new else 0
    return f"{name}:{old}-{new}" if name else f"{old}-{new}"


def _severities(pairing: Pairing) -> str:
    if not pairing.changes:
        return pairing.severity or "info"
    found = {change.severity for change in pairing.changes}
    return " ".join(severity for severity in SEVERITIES if severity in found)


def _lone(pairing: Pairing) -> str:
    """Say what came of an interaction that only one side has."""
    side = pairing.new if pairing.old is None else pairing.old if pairing.new is None else None
    return "" if side is None else whole(side)


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    said = [outcome(side)]
    said += [side.content_type] if side.content_type else []
    said += [size_text(side.size)] if side.size is not None else []
    said += [duration_text(side.total_ms)] if side.total_ms is not None else []
    return {"number": side.number, "facts": ", ".join(said)}


def _change(change: Change) -> dict[str, Any]:
    olds, news = values_of(change)
    rows: list[tuple[list[Run], list[Run]]]
    if len(olds) == len(news):
        rows = [marked(visible(old), visible(new)) for old, new in zip(olds, news, strict=True)]
        old_rows, new_rows = [row[0] for row in rows], [row[1] for row in rows]
    else:
        old_rows = [[Run(visible(old), differs=False)] for old in olds]
        new_rows = [[Run(visible(new), differs=False)] for new in news]
    return {
        "severity": change.severity,
        "action": change.action,
        "label": label(change),
        "old": _lines(change, "-", old_rows) if olds else [],
        "new": _lines(change, "+", new_rows) if news else [],
    }


def _lines(change: Change, sign: str, rows: list[list[Run]]) -> list[tuple[str, str, list[Run]]]:
    """Give the lines of one side, each with its kind and sign; unchanged lines around them have a blank for a sign.

    An empty value has no run, so that the page says so; an empty line is a line.
    """
    before = [("same before", " ", [Run(visible(text), differs=False)]) for text in change.before]
    after = [("same after", " ", [Run(visible(text), differs=False)]) for text in change.after]
    runs = (row if change.place == "line" else [run for run in row if run.text] for row in map(_partly, rows))
    return [*before, *(("", sign, row) for row in runs), *after]


def _partly(row: list[Run]) -> list[Run]:
    """Mark nothing where the whole differs: then the sign says it."""
    if all(run.differs for run in row):
        return [Run(run.text, differs=False) for run in row]
    return row


@dataclass(slots=True)
class _Found:
    """A pairing of the page. `closed` says in short what one has that is closed; `members` have the same changes.

    `named` of them are kept; `read` gives these.
    """

    cassette: str
    pairing: Pairing
    closed: str
    members: Members
    named: int
    read: Callable[[], Iterator[_Found]]


@dataclass(slots=True)
class _Row:
    """Where in the file a pairing is, and where those are that have the same changes."""

    place: int
    members: Members = field(default_factory=Members)
    places: array[int] = field(default_factory=lambda: array("Q"))


class _Kept:
    """The pairings of the page, until it is known what stands above them."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `__exit__`
        self._end = 0
        self._changes = 0
        self._named = 0
        self._memory = Memory()
        self._rows: dict[int, _Row] = {}  # by the place of the pairing among all
        self.places = Places()
        self.left_out = 0

    @property
    def count(self) -> int:
        """The number of pairings that are shown with their changes."""
        return len(self._rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, name: str, pairing: Pairing) -> None:
        """Keep a pairing of the cassette `name`, as far as the page has room. Raises OutputError."""
        self.places.add(pairing)
        judged = self._memory.judge(pairing, name, _ARROW)
        if judged.novelty == "same":
            self._add_member(judged.first.place, name, pairing)
        elif self.count >= MOST_PAIRINGS or self._changes + len(pairing.changes) > MOST_CHANGES:
            self.left_out += 1
        else:
            self._changes += len(pairing.changes)
            place = self._keep(name, pairing, _in_short(pairing, judged))
            self._rows[self.places.interactions - 1] = _Row(place)

    def _add_member(self, first: int, name: str, pairing: Pairing) -> None:
        row = self._rows.get(first)
        if row is None:
            self.left_out += 1
            return
        row.members.add(name, pairing)
        if self._named < MOST_MEMBERS:
            self._named += 1
            only_sides = Pairing(pairing.verdict, pairing.old, pairing.new)
            row.places.append(self._keep(name, only_sides, ""))

    def _keep(self, name: str, pairing: Pairing, closed: str) -> int:
        """Write a pairing, and return where it is."""
        place = self._end
        try:
            pickle.dump((name, pairing, closed), self._file, pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            raise OutputError(
                f"{tempfile.gettempdir()}: the differences have to be kept there, and that failed: "
                f"{error.strerror or 'an I/O error'}. Free some space, or set TMPDIR to another folder."
            ) from error
        self._end = self._file.tell()
        return place

    def read(self, view: Callable[[_Found], dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Give all that was kept, each as `view` makes it."""
        for row in self._rows.values():
            yield view(self._found(row))

    def _found(self, row: _Row) -> _Found:
        self._file.seek(row.place)
        name, pairing, closed = pickle.load(self._file)  # noqa: S301 - written above, to a file nobody else can open
        return _Found(name, pairing, closed, row.members, len(row.places), lambda: self._members(row))

    def _members(self, row: _Row) -> Iterator[_Found]:
        for place in row.places:
            yield self._found(_Row(place))
