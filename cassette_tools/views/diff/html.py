"""Shows a comparison as one page of HTML that needs nothing else.

Law: `views.html` makes the page, so that nothing recorded can run in it; here it is told what to show. Old and new
stand beside each other on a wide screen, one under the other on a phone. Severities are words, sides are signs and
words, and what differs in a value is marked by more than colour. The page works without scripts; with them it can be
filtered.

Memory: one pairing, the totals, and 4 MiB of what is yet to be written; more waits in a file without a name, for a page
begins with its figures. A page has at most `MOST_PAIRINGS` pairings with `MOST_CHANGES` changes in all: more is no page
to look at. What was left out is said.
"""

from __future__ import annotations

import pickle
import shlex
import tempfile
from typing import IO, TYPE_CHECKING, Any, Final

from cassette_tools.diff.folders import FolderComparison
from cassette_tools.diff.model import SEVERITIES
from cassette_tools.views.diff.marking import Run, marked
from cassette_tools.views.diff.wording import (
    HEADINGS,
    folder_headline,
    headline,
    interactions_text,
    label,
    left_out_text,
    numbers,
    outcome,
    rules_of,
    severities_text,
    values_of,
    whole,
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
    from cassette_tools.diff.model import Change, Pairing, Side, Totals

__all__ = ["MOST_CHANGES", "MOST_PAIRINGS", "pieces"]

MOST_PAIRINGS: Final = 2_000
"""Pairings of a page."""

MOST_CHANGES: Final = 20_000
"""Changes of a page, of all its pairings."""

_ARROW: Final = "\u2192"
_IN_MEMORY: Final = 4 * 1024 * 1024
_NAMES_SHOWN: Final = 1_000
_THINGS_SHOWN: Final = 20
_RULES_SHOWN: Final = 200


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
            **values,
        )


def _cassettes(comparison: Comparison, kept: _Kept) -> dict[str, Any]:
    for pairing in comparison:
        kept.add("", pairing)
    sides = [(side.name, side.title) for side in (comparison.old, comparison.new)]
    return _facts(sides, comparison.totals)


def _folder(folder: FolderComparison, kept: _Kept) -> dict[str, Any]:
    same = differing = 0
    for name, comparison in folder:
        differs = False
        for pairing in comparison:
            differs = True
            kept.add(name, pairing)
        differing += differs
        same += not differs
    lists = [
        ("Only in the old folder", _names(folder.only_old)),
        ("Only in the new folder", _names(folder.only_new)),
        ("Not compared", _names([f"{name}: {error}" for name, error in folder.troubles])),
    ]
    sides = [(folder.old, "folder"), (folder.new, "folder")]
    return {**_facts(sides, folder.totals), "cassettes": folder_headline(folder, same, differing), "lists": lists}


def _names(names: Sequence[str]) -> list[str]:
    more = [f"and {len(names) - _NAMES_SHOWN:,} more"] if len(names) > _NAMES_SHOWN else []
    return [*names[:_NAMES_SHOWN], *more]


def _facts(sides: Sequence[tuple[str, str]], totals: Totals) -> dict[str, Any]:
    """Give what the overview shows. Called when the pairings have been read, for the totals to be complete."""
    return {
        "title": headline(totals),
        "heading": severities_text(totals).capitalize(),
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
        "call": "ctools diff {} {}".format(*(shlex.quote(name) for name, _ in sides)),
    }


# -- a pairing


def _entry(name: str, pairing: Pairing) -> dict[str, Any]:
    """Give what the list of interactions has of a pairing."""
    side = pairing.new or pairing.old
    return {
        "id": _id(name, pairing),
        "cassette": name,
        "severity": pairing.severity or "info",
        "severities": _severities(pairing),
        "numbers": numbers(pairing, _ARROW),
        "method": "" if side is None else side.method,
        "url": "" if side is None else side.url,
        "short": "" if side is None else _short(side.url),
        "verdict": pairing.verdict,
    }


def _pairing(name: str, pairing: Pairing) -> dict[str, Any]:
    """Give what the page shows of a pairing."""
    return {
        **_entry(name, pairing),
        "old": _side(pairing.old),
        "new": _side(pairing.new),
        "changes": [_change(change) for change in pairing.changes],
        "left": left_out_text(len(pairing.changes), pairing),
        "whole": _lone(pairing),
    }


def _id(name: str, pairing: Pairing) -> str:
    """Name the place of a pairing in the page; the same whenever these cassettes are compared."""
    old = pairing.old.number if pairing.old else 0
    new = pairing.new.number if pairing.new else 0
    return f"{name}:{old}-{new}" if name else f"{old}-{new}"


def _short(url: str) -> str:
    """Give what of a URL tells interactions apart at the first look: its path and query."""
    _, scheme, rest = url.partition("://")
    _, slash, path = rest.partition("/")
    return f"/{path}" if scheme and slash else url


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


class _Kept:
    """The pairings of the page, until it is known what stands above them."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `__exit__`
        self._changes = 0
        self.count = 0
        self.left_out = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, name: str, pairing: Pairing) -> None:
        """Keep a pairing of the cassette `name`, as far as the page has room. Raises OutputError."""
        if self.count >= MOST_PAIRINGS or self._changes + len(pairing.changes) > MOST_CHANGES:
            self.left_out += 1
            return
        self._changes += len(pairing.changes)
        self.count += 1
        try:
            pickle.dump((name, pairing), self._file, pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            raise OutputError(
                f"{tempfile.gettempdir()}: the differences have to be kept there, and that failed: "
                f"{error.strerror or 'an I/O error'}. Free some space, or set TMPDIR to another folder."
            ) from error

    def read(self, view: Callable[[str, Pairing], dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Give all that was kept, each as `view` makes it."""
        place = 0
        for _ in range(self.count):
            self._file.seek(place)
            name, pairing = pickle.load(self._file)  # noqa: S301 - written above, to a file that nobody else can open
            place = self._file.tell()
            yield view(name, pairing)
