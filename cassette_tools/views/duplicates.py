"""Shows requests that were made more than once to people.

Law: everything recorded goes through `escape` before it goes anywhere else. Lines fit the page. What costs most stands
first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from cassette_tools.views.console import Column, shown
from cassette_tools.views.figures import count_text, duration_text, size_text
from cassette_tools.views.place import request_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cassette_tools.duplicates import Group, Totals
    from cassette_tools.views.console import Page

__all__ = ["show_duplicates"]

_NAMED: Final = 3
"""Interactions of a group that a row names."""

_ANSWERS: Final = {"same": "", "different": "yellow", "unknown": "dim"}


def show_duplicates(groups: Sequence[Group], totals: Totals, name: str, page: Page) -> None:
    """Show how much of a cassette repeats what was asked before, and the groups of equal requests."""
    page.fact("file", shown(f"{name}, {count_text(totals.interactions, 'interaction')}"))
    cost = [size_text(totals.repeats_bytes)]
    if totals.repeats_ms is not None:
        cost.insert(0, duration_text(totals.repeats_ms))
    repeats = f"{count_text(totals.repeats, 'repeat')} of {count_text(totals.groups, 'request')}: {', '.join(cost)}"
    page.fact("repeated", repeats)
    page.line()
    columns = [
        Column("count"),
        Column("time", rank=3),
        Column("bytes", rank=2),
        Column("answers", right=False, rank=4),
        Column("status", right=False, rank=5),
        Column("numbers", right=False, rank=1),
        Column("request", right=False, flexible=True),
    ]
    if all(group.repeats_ms is None for group in groups):
        del columns[1]
    page.table(columns, [_row(group, page, timed=len(columns) == 7) for group in groups])
    left = totals.groups - len(groups)
    if left:
        page.line(Text(f"  and {count_text(left, 'more request')}; --top shows more", style="dim"))


def _row(group: Group, page: Page, *, timed: bool) -> list[Text]:
    statuses = sorted(group.statuses.items(), key=lambda item: -item[1])
    row = [
        Text(f"{group.count:,}"),
        Text(size_text(group.repeats_bytes)),
        Text(group.answers, style=_ANSWERS[group.answers]),
        Text(", ".join("none" if status is None else str(status) for status, _ in statuses[:4])),
        Text(", ".join(map(str, group.numbers[:_NAMED])) + (" ..." if group.count > _NAMED else "")),
        request_on(page, f"{group.method} {group.url}"),
    ]
    if timed:
        row.insert(1, Text(duration_text(group.repeats_ms)))
    return row
