"""Shows where the time and the volume of a cassette went: to people as tables, to programs as JSON.

Law: rows stand in the order of the time they took together, where no times are known in that of their bytes. Everything
recorded goes through `escape`. Nothing here reads a file or decides anything. `docs/inspect-json.md` names every key.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from rich.text import Text

from cassette_tools.statistics import TABLES, Measured
from cassette_tools.views.console import Column, Page, shown
from cassette_tools.views.figures import count_text, duration_text, size_text
from cassette_tools.views.json import choice_object, dumped, file_object, rounded
from cassette_tools.views.place import request_on
from cassette_tools.views.terminal import show_choice

if TYPE_CHECKING:
    from typing import TextIO

    from cassette_tools.choice import Choice
    from cassette_tools.histogram import Histogram
    from cassette_tools.source import Facts
    from cassette_tools.statistics import Statistics

__all__ = ["print_statistics", "show_statistics", "statistics_object"]

_TITLES: Final = {"types": "content types of responses"}
_SMALLEST_SHARE: Final = 0.05  # per cent


def show_statistics(
    statistics: Statistics, facts: Facts, page: Page, *, top: int, choice: Choice | None = None
) -> None:
    """Show all tables, `top` rows of each. Where all interactions have one key in common, that is said on a line.

    The figures are those of what the filter of `choice` took.
    """
    _show_whole(statistics.all, facts, page)
    show_choice(choice, page)
    if not statistics.all.count:
        return
    alone = [name for name in TABLES if len(statistics.tables[name].rows) == 1] if statistics.all.count > 1 else []
    for table in alone:
        page.fact(f"all: {TABLES[table]}", shown(next(iter(statistics.tables[table].rows))))
    for table in TABLES:
        if table not in alone:
            _show_table(statistics, table, page, top)
    page.line()
    page.fact("", Text(_legend(statistics), style="dim"), indent=0)


def print_statistics(
    statistics: Statistics, facts: Facts, choice: Choice | None = None, stream: TextIO | None = None
) -> None:
    """Print all rows of all tables as one object; indented on a terminal."""
    stream = stream or sys.stdout
    option = orjson.OPT_INDENT_2 if stream.isatty() else 0
    stream.write(dumped(statistics_object(statistics, facts, choice), option) + "\n")


def statistics_object(statistics: Statistics, facts: Facts, choice: Choice | None = None) -> dict[str, Any]:
    """Return the statistics as an object of JSON."""
    return {
        "file": file_object(facts),
        "only": choice_object(choice),
        "all": _object(statistics.all),
        **{
            table: {
                "rows": [{noun: key, **_object(row)} for key, row in statistics.ordered(table)],
                "others": _object(statistics.tables[table].others) if statistics.tables[table].was_cut else None,
            }
            for table, noun in TABLES.items()
        },
    }


def _show_whole(every: Measured, facts: Facts, page: Page) -> None:
    """Show the file, and what there is of everything, on one line."""
    text = shown(f"{facts.name}, {size_text(facts.size)}: {count_text(every.count, 'interaction')}")
    if every.failures:
        text.append(f", {every.failures:,} failed", style="red")
    if every.errors:
        text.append(f", {every.errors:,} with status 400 and above", style="yellow")
    if every.latency.count:
        text.append(f"; {duration_text(every.total_ms)} of waiting together")
    text.append(f"; {size_text(every.bytes_sent)} sent, {size_text(every.bytes_received)} received")
    page.fact("file", text)
    if facts.damage:
        left = sum(damage.end - damage.start for damage in facts.damage)
        page.fact("damage", Text(f"{left:,} bytes are left out; the summary tells where", style="yellow"))


def _show_table(statistics: Statistics, table: str, page: Page, top: int) -> None:
    tally = statistics.tables[table]
    ordered = statistics.ordered(table)
    page.heading(_TITLES.get(table, table))
    every = statistics.all
    timed = every.latency.count > 0
    columns = [
        Column("count"),
        Column("failed", rank=6),
        Column(">=400", rank=7),
        *(
            [Column("time", rank=1), Column("p50", rank=3), Column("p90", rank=8), Column("p99", rank=5)]
            if timed
            else []
        ),
        *([Column("longest", rank=9)] if timed else []),
        Column("sent", rank=11),
        Column("received", rank=2),
        Column("size p50", rank=10),
        Column("size p99", rank=12),
        Column("largest", rank=13),
        Column(TABLES[table], right=False, flexible=True),
    ]
    said = partial(request_on, page) if table == "endpoints" else shown
    rows = [_row(said(key), row, every, timed=timed) for key, row in ordered[:top]]
    rest = Measured()
    rest.merge(tally.others)
    for _, row in ordered[top:]:
        rest.merge(row)
    if rest.count:
        others = "others" if tally.was_cut else count_text(len(ordered) - top, "other")
        rows.append(_row(Text(others, style="dim"), rest, every, timed=timed))
    page.table(columns, rows)
    if tally.was_cut:
        page.line(
            Text(
                f"  There were too many different {table} to count each: the figures of these are lower bounds.",
                style="yellow",
            )
        )


def _row(key: Text, row: Measured, every: Measured, *, timed: bool) -> list[Text]:
    latency, size = row.latency, row.size
    times = [
        Text(_share(latency.total, every.latency.total)),
        Text(duration_text(latency.percentile(50))),
        Text(duration_text(latency.percentile(90))),
        Text(duration_text(latency.percentile(99))),
        Text(duration_text(latency.largest if latency.count else None)),
    ]
    return [
        Text(f"{row.count:,}"),
        Text(f"{row.failures:,}", style="red" if row.failures else "dim"),
        Text(f"{row.errors:,}", style="yellow" if row.errors else "dim"),
        *(times if timed else []),
        Text(size_text(row.bytes_sent)),
        Text(size_text(row.bytes_received)),
        Text(size_text(size.percentile(50))),
        Text(size_text(size.percentile(99))),
        Text(size_text(size.largest if size.count else None)),
        key,
    ]


def _share(part: float, whole: float) -> str:
    """Return a share of all time in per cent."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    return "<0.1 %" if 0 < percent < _SMALLEST_SHARE else f"{percent:.1f} %"


def _legend(statistics: Statistics) -> str:
    if not statistics.all.latency.count:
        return "Rows stand in the order of their bytes: no times are known. Sizes are of bodies as stored."
    return (
        "time: the share of all waiting together; rows stand in its order. Sizes are of bodies as stored, percentiles "
        "of sizes of those of responses."
    )


def _object(row: Measured) -> dict[str, Any]:
    return {
        "count": row.count,
        "failed": row.failures,
        "errors": row.errors,
        "bytes_sent": row.bytes_sent,
        "bytes_received": row.bytes_received,
        "time_ms": {"total": rounded(row.total_ms) if row.latency.count else None, **_percentiles(row.latency)},
        "response_size": _percentiles(row.size),
    }


def _percentiles(histogram: Histogram) -> dict[str, Any]:
    return {
        "count": histogram.count,
        **{f"p{percent}": histogram.percentile(percent) for percent in (50, 90, 99)},
        "largest": histogram.largest if histogram.count else None,
    }
