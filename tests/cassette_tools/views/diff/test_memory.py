"""What the views hold of a comparison: a pairing, not all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
LIMIT = 120.0
_PROGRAM = """
import io, sys
from cassette_tools.views.console import Page
from cassette_tools.views.diff import html, json, markdown, terminal, unified
from tests.cassette_tools.diffs import change, comparison, many, pairing
from tests.peak import peak_kib

class Nowhere(io.TextIOBase):
    encoding = "utf-8"
    count = 0
    def write(self, text):
        self.count += len(text)
        return len(text)

VIEWS = {
    "terminal": lambda one, stream: terminal.show(one, Page(stream)),
    "unified": lambda one, stream: unified.show(one, Page(stream)),
    "json": json.show,
    "markdown": markdown.show,
    "html": lambda one, stream: stream.writelines(html.pieces(one)),
}
def alternating(pairings):
    server = [change("header", f"x-{at}", "1", "2") for at in range(50)]
    return comparison(pairing(server[at % 50], old=at, new=at) for at in range(1, pairings + 1))

def made(pairings, changes):
    return many(pairings, changes) if changes else alternating(pairings)

view, pairings, changes = VIEWS[sys.argv[1]], *map(int, sys.argv[2:])
view(made(2, changes), Nowhere())
before = peak_kib()
stream = Nowhere()
view(made(pairings, changes), stream)
print(before, peak_kib(), stream.count)
"""


def grown(view: str, pairings: int, changes: int) -> tuple[float, int]:
    """Give how much a process grew (MiB) that shows so many changes, and the characters that it wrote."""
    call = [sys.executable, "-c", _PROGRAM, view, str(pairings), str(changes)]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=True)
    before, after, count = map(int, done.stdout.split())
    return (after - before) / 1024, count


@pytest.mark.parametrize(
    ("view", "least"),
    [("terminal", 1_600_000), ("unified", 3_600_000), ("json", 3_600_000), ("markdown", 30_000), ("html", 1_600_000)],
)
def test_forty_thousand_changes_take_no_more_memory_than_two_hundred(view: str, least: int) -> None:
    """A list of them would take 20 MiB."""
    mib, characters = grown(view, 400, 100)
    assert mib < 10
    assert characters > least


@pytest.mark.parametrize("view", ["terminal", "markdown", "html"])
def test_interactions_that_say_nothing_new_are_counted_not_kept(view: str) -> None:
    mib, characters = grown(view, 30_000, 0)
    assert mib < 10
    assert characters > 5_000


@pytest.mark.full
@pytest.mark.parametrize("view", ["terminal", "unified", "json", "markdown", "html"])
def test_a_million_changes_neither(view: str) -> None:
    mib, _ = grown(view, 10_000, 100)
    assert mib < 12
