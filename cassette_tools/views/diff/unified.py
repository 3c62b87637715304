"""Shows a comparison as text like that of `diff -u`: for pipes, files, editors and grep.

Law: every change is a hunk of its own, and the hunk's line names all of it: the numbers of the interactions, severity,
place, method and URL. A line that begins with a minus is of the old cassette, with a plus of the new one, with a blank
of both; all of it is escaped, so that no recorded text begins a line of its own. Nothing is cut. Where nothing differs,
nothing is printed. Colour on a terminal only.

Memory: one pairing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from cassette_tools.diff.folders import FolderComparison
from cassette_tools.diff.model import severity_of
from cassette_tools.views.diff.wording import label, values_of, whole
from cassette_tools.views.escape import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.diff.comparison import Comparison
    from cassette_tools.diff.model import Change, Pairing, Side
    from cassette_tools.views.console import Page

__all__ = ["show"]

_STYLES: Final = {"---": "bold", "+++": "bold", "-": "red", "+": "green", "@": "cyan"}


def show(comparison: Comparison | FolderComparison, page: Page) -> None:
    """Print what differs."""
    if isinstance(comparison, FolderComparison):
        _show_folder(comparison, page)
    else:
        _show_cassettes(comparison, page)


def _show_folder(folder: FolderComparison, page: Page) -> None:
    for _, comparison in folder:
        _show_cassettes(comparison, page)
    for where, names in ((folder.old, folder.only_old), (folder.new, folder.only_new)):
        for name in names:
            _put(f"Only in {visible(where)}: {visible(name)}", page)
    for name, error in folder.troubles:
        _put(f"Not compared: {visible(name)}: {visible(str(error))}", page)


def _show_cassettes(comparison: Comparison, page: Page) -> None:
    begun = False
    for pairing in comparison:
        if not begun:
            begun = True
            _put(f"--- {visible(comparison.old.name)}", page)
            _put(f"+++ {visible(comparison.new.name)}", page)
        for line in _lines(pairing):
            _put(line, page)


def _lines(pairing: Pairing) -> Iterator[str]:
    side = pairing.new or pairing.old
    if side is None:
        return
    if pairing.old is None or pairing.new is None:
        what, severity = ("added", severity_of("added")) if pairing.old is None else ("removed", severity_of("removed"))
        sign = "+" if pairing.old is None else "-"
        yield f"{_place(pairing)} {severity}: interaction {what}"
        yield f"{sign}{_named(side)}  {visible(whole(side))}"
    for change in pairing.changes:
        yield f"{_place(pairing)} {change.severity}: {visible(label(change))}  {_named(side)}"
        yield from _hunk(change)
    if pairing.left_out:
        yield f"{_place(pairing)} {pairing.left_out:,} more changes, which are counted only  {_named(side)}"


def _hunk(change: Change) -> Iterator[str]:
    """Give the lines of a change, escaped, each behind its sign."""
    olds, news = values_of(change)
    yield from (f" {visible(line)}" for line in change.before)
    yield from (f"-{visible(line)}" for line in olds)
    yield from (f"+{visible(line)}" for line in news)
    yield from (f" {visible(line)}" for line in change.after)


def _place(pairing: Pairing) -> str:
    """Give the numbers of the interactions as diff(1) gives those of lines: 0,0 where there is none."""
    old = "0,0" if pairing.old is None else str(pairing.old.number)
    new = "0,0" if pairing.new is None else str(pairing.new.number)
    return f"@@ -{old} +{new} @@"


def _named(side: Side) -> str:
    return visible(f"{side.method} {side.url}")


def _put(line: str, page: Page) -> None:
    if not page.coloured:
        page.plain(line)
        return
    page.line(Text(line, _STYLES.get(line[:3]) or _STYLES.get(line[:1], "")))
