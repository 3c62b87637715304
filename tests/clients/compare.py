"""Compare what came of each test bare and recorded. Pure: notes in, verdicts and a table out.

Law: a test counts as broken by recording when it passes bare and does not pass recorded, and when running it again says
the same: recorded it fails at least once more, and bare it passes each time. Everything else that differs is listed as
unsteady, with its counts. Nothing is left out: a test that vanished is a difference.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Run", "Verdict", "judge", "read_run", "suspects", "table"]

GOOD = frozenset({"passed", "xfailed", "xpassed"})


@dataclass
class Run:
    """The notes of one run of a suite."""

    outcomes: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    recorded: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Counts and faults of each recording, by test id."""
    left: dict[str, list[str]] = field(default_factory=dict)
    """What is another object after a test than before it, by test id."""
    ended: int | None = None
    """pytest's exit code as its last hook saw it; None when the process died."""

    def total(self, name: str) -> int:
        """Add up a count over all recordings."""
        return sum(int(each[name]) for each in self.recorded.values())

    def lost(self) -> dict[str, int]:
        """Give the losses of all recordings, by reason."""
        lost: Counter[str] = Counter()
        for each in self.recorded.values():
            lost.update(each["lost"])
        return {reason: count for reason, count in lost.items() if count}

    def faults(self, bare: Run) -> dict[str, list[str]]:
        """Give what is wrong with each recording: its cassette, its counts, its losses, or what it left patched."""
        found: dict[str, list[str]] = {}
        for test, each in self.recorded.items():
            lost = [f"lost {count}: {reason}" for reason, count in each["lost"].items()]
            found[test] = [*each["faults"], *lost]
        for test, names in self.left.items():
            own = bare.left.get(test, [])
            found.setdefault(test, []).extend(f"not as before: {name}" for name in names if name not in own)
        return {test: faults for test, faults in found.items() if faults}


@dataclass
class Verdict:
    """What the runs of one suite say in one mode."""

    suite: str
    mode: str
    bare: Run
    recorded: Run
    broken: list[str]
    """Tests that recording breaks."""
    unsteady: list[str]
    """Tests that differed and, run again, do not differ each time or differ bare as well."""
    again: Mapping[str, tuple[int, int, int]]
    """For each test that differed: times run again, passed bare, passed recorded."""

    @property
    def fine(self) -> bool:
        """Whether the program could not tell."""
        return not self.broken and not self.faults

    @property
    def faults(self) -> dict[str, list[str]]:
        """What is wrong with the recordings, by test id."""
        return self.recorded.faults(self.bare)


def read_run(notes: Iterable[Mapping[str, Any]]) -> Run:
    """Gather the notes that `inside/each_test.py` wrote."""
    run = Run()
    for note in notes:
        if "id" in note:
            run.outcomes[note["id"]] = note["outcome"]
            run.messages[note["id"]] = note["message"]
        elif "recorded" in note:
            run.recorded[note["recorded"]] = dict(note)
        elif "left" in note:
            run.left[note["by"]] = list(note["left"])
        elif "ended" in note:
            run.ended = int(note["ended"])
    return run


def suspects(bare: Run, recorded: Run) -> list[str]:
    """Give the tests that pass bare and do not pass recorded: failed, skipped, or vanished."""
    return [
        test
        for test, outcome in bare.outcomes.items()
        if outcome in GOOD and recorded.outcomes.get(test, "vanished") not in GOOD
    ]


def judge(
    suite: str, mode: str, bare: Run, recorded: Run, again_bare: Sequence[Run], again_recorded: Sequence[Run]
) -> Verdict:
    """Sort the suspects out with the help of the runs that were made of them alone."""
    broken: list[str] = []
    unsteady: list[str] = []
    again = {}
    for test in suspects(bare, recorded):
        good_bare = sum(run.outcomes.get(test) in GOOD for run in again_bare)
        good_recorded = sum(run.outcomes.get(test) in GOOD for run in again_recorded)
        again[test] = (len(again_bare), good_bare, good_recorded)
        steady_bare = good_bare == len(again_bare)
        (broken if steady_bare and good_recorded < max(1, len(again_recorded)) else unsteady).append(test)
    return Verdict(suite, mode, bare, recorded, broken, unsteady, again)


HEADINGS = ("suite", "recorded by", "tests", "passed bare", "passed recorded", "broken", "unsteady")
COUNTS = ("seen", "interactions", "errors")


def table(verdicts: Iterable[Verdict]) -> str:
    """Render one line a verdict."""
    rows = [[*HEADINGS, *COUNTS, "lost", "faults"]]
    for each in verdicts:
        counts: list[int] = [
            len(each.bare.outcomes),
            sum(outcome in GOOD for outcome in each.bare.outcomes.values()),
            sum(outcome in GOOD for outcome in each.recorded.outcomes.values()),
            len(each.broken),
            len(each.unsteady),
            *(each.recorded.total(name) for name in COUNTS),
            sum(each.recorded.lost().values()),
            len(each.faults),
        ]
        rows.append([each.suite, each.mode, *map(str, counts)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(_pad(cell, widths[i], left=i < 2) for i, cell in enumerate(row)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _pad(cell: str, width: int, *, left: bool) -> str:
    return cell.ljust(width) if left else cell.rjust(width)
