"""Shows the summary of a cassette to people.

Law: everything recorded goes through `escape` before it goes anywhere else. Lines fit the page: a terminal's width,
or none (see `console`). Nothing here reads a file or decides anything.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from rich.text import Text

from cassette_tools.views.console import Column, Page, shown
from cassette_tools.views.figures import count_text, duration_text, moment_text, size_text
from cassette_tools.views.place import request_on
from cassette_tools.views.plot import plot

if TYPE_CHECKING:
    from cassette_tools.choice import Choice
    from cassette_tools.histogram import Histogram
    from cassette_tools.runs import Diagnosis, Process, Run
    from cassette_tools.source import Facts
    from cassette_tools.summary import Count, Sizes, Summary, Traffic
    from cassette_tools.tally import Tally

__all__ = ["show_choice", "show_summary"]

_DAMAGE_SHOWN: Final = 10
_RUNS_SHOWN: Final = 10
_DIAGNOSES_SHOWN: Final = 3
_REMARKS_SHOWN: Final = 10
_PLOT_WIDTH: Final = 76


def show_summary(summary: Summary, facts: Facts, page: Page, *, top: int, choice: Choice | None = None) -> None:
    """Show all figures of a cassette, or of what the filter of `choice` took of it; `top` rows of each table."""
    _show_file(summary, facts, page, choice)
    if summary.interactions:
        _show_short_tables(summary, page)
        _show_traffic("hosts", "host", summary.hosts, page, top)
        _show_traffic("endpoints", "endpoint", summary.endpoints, page, top)
        _show_failures(summary, page, top)
        _show_sizes(summary, page)
        _show_latency(summary, page)
        _show_memory(summary, page)
        if not _is_converted(summary):
            _show_processes(summary, page, top)
    _show_diagnoses(summary, page)


def _show_file(summary: Summary, facts: Facts, page: Page, choice: Choice | None) -> None:
    foreign = facts.format != "jsonl"
    version = summary.runs[0].format if summary.runs else 0
    kind = facts.title if foreign else f"format {version}"
    page.fact("file", shown(f"{facts.name}, {size_text(facts.size)}, {kind}"))
    if not foreign:
        _show_runs(summary, facts, page)
    show_choice(choice, page)
    failed = sum(run.failures for run in summary.runs)
    text = Text(count_text(summary.interactions))
    if summary.started_at is not None and summary.ended_at is not None:
        span = (summary.ended_at - summary.started_at).total_seconds() * 1000
        text.append(f" in {duration_text(span)}, from {moment_text(summary.started_at)}")
    if failed:
        text.append(f", {failed:,} of them failed", style="red")
    page.fact("interactions", text)
    _show_losses(summary, page)
    _show_redaction(summary, page)
    _show_damage(facts, page)
    _show_remarks(facts, page)


def show_choice(choice: Choice | None, page: Page) -> None:
    """Say that the figures are those of what a filter took, and of how many."""
    if choice is not None:
        page.fact("only", shown(f"{choice.only}: {choice.taken:,} of {count_text(choice.held, 'interaction')}"))


def _show_runs(summary: Summary, facts: Facts, page: Page) -> None:
    runs = len(summary.runs) + summary.runs_left_out
    for number, run in enumerate(summary.runs[:_RUNS_SHOWN]):
        _show_run(run, "run" if runs == 1 else f"run {number + 1}", facts, page, last=number == len(summary.runs) - 1)
    if runs > _RUNS_SHOWN:
        page.fact("", f"and {count_text(runs - _RUNS_SHOWN, 'more run')}")


def _is_converted(summary: Summary) -> bool:
    """Tell whether no part of it was recorded by this toolkit: then nothing is known of processes."""
    return bool(summary.runs) and all(run.converted for run in summary.runs)


def _show_run(run: Run, label: str, facts: Facts, page: Page, *, last: bool) -> None:
    if run.converted:
        page.fact(label, shown(f"{moment_text(run.created_at)}, converted by {run.recorder or 'an unknown tool'}"))
        return
    text = Text(f"{moment_text(run.created_at)}, ")
    if run.recorder:
        text.append_text(shown(f"{run.recorder}, "))
    if run.python:
        text.append_text(shown(f"Python {run.python}, "))
    if run.platform:
        text.append_text(shown(f"{run.platform}, "))
    text.append_text(_ending(run, facts, last=last))
    page.fact(label, text)


def _ending(run: Run, facts: Facts, *, last: bool) -> Text:
    """Say how a run ended."""
    if run.ended == "clean":
        text = Text("ended cleanly", style="green")
        if run.signal is not None:
            text = shown(f"ended, the command was killed by signal {run.signal}", "yellow")
        elif run.exit_code:
            text = Text(f"ended, the command's exit code was {run.exit_code}", style="yellow")
        if run.ended_at is not None and run.created_at is not None:
            text.append(f" after {duration_text((run.ended_at - run.created_at).total_seconds() * 1000)}")
        return text
    if last and facts.growing:
        return Text("still being written", style="yellow")
    if last:
        return Text("no end line: it was killed, or still goes on", style="yellow")
    return Text("no end line: it was killed", style="yellow")


def _show_losses(summary: Summary, page: Page) -> None:
    lost: dict[str, int] = {}
    for run in summary.runs:
        for reason, count in run.lost.items():
            lost[reason] = lost.get(reason, 0) + count
    total = sum(lost.values())
    if total:
        seen = sum(run.seen for run in summary.runs)
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in sorted(lost.items(), key=lambda item: -item[1]))
        page.fact("lost", shown(f"{total:,} of {seen:,} requests are not in the file ({reasons})", "red"))


def _show_redaction(summary: Summary, page: Page) -> None:
    kinds = {run.redaction for run in summary.runs}
    if kinds == {"policy"}:
        page.fact("redaction", Text("by a policy", style="green"))
    elif kinds == {"unknown"}:
        page.fact("redaction", Text("not known; ctools scan looks for secrets", style="yellow"))
    elif "none" in kinds:
        part = "" if kinds == {"none"} else " in a part of the runs"
        page.fact("redaction", Text(f"none{part}: the file may contain secrets", style="yellow"))
    if summary.redactions.rows:
        page.fact("redacted", _counts(summary.redactions))
    if summary.removed:
        held = "text" if summary.removed == 1 else "texts"
        page.fact(
            "removed", shown(f"{summary.removed:,} {held}, whole: a known secret was in there too deep", "yellow")
        )


def _show_damage(facts: Facts, page: Page) -> None:
    for number, damage in enumerate(facts.damage[:_DAMAGE_SHOWN]):
        label = "damage" if number == 0 else ""
        span = f"bytes {damage.start:,} to {damage.end:,} are left out"
        page.fact(label, shown(f"{span}: {damage.reason}", "yellow"))
    if len(facts.damage) > _DAMAGE_SHOWN:
        page.fact("", f"and {count_text(len(facts.damage) - _DAMAGE_SHOWN, 'more range')}; --json lists them all")


def _show_remarks(facts: Facts, page: Page) -> None:
    """Show what the reader of another tool's format found doubtful."""
    for number, remark in enumerate(facts.remarks[:_REMARKS_SHOWN]):
        times = f"{remark.count:,} times, first: {remark.place}" if remark.count > 1 else remark.place
        page.fact("remarks" if number == 0 else "", shown(f"{remark.text} ({times})", "yellow"))
    if len(facts.remarks) > _REMARKS_SHOWN:
        page.fact("", f"and {count_text(len(facts.remarks) - _REMARKS_SHOWN, 'more')}; --json lists them all")


def _show_short_tables(summary: Summary, page: Page) -> None:
    """Show what has few different values, each table on a line."""
    page.fact("methods", _counts(summary.methods))
    page.fact("statuses", _counts(summary.statuses, style=_status_style))
    if set(summary.clients.rows) != {"unknown"}:
        page.fact("clients", _counts(summary.clients))
    if summary.tls.rows or summary.reused:
        tls = _counts(summary.tls)
        page.fact("connections", Text.assemble(f"{summary.reused:,} requests on a reused one; TLS ", tls))


def _counts(tally: Tally[Count], *, style: object = None) -> Text:
    limit = 12
    parts = []
    for key, row in tally.top(limit):
        part = shown(f"{key}: {row.count:,}")
        if callable(style):
            part.stylize(style(key))
        parts.append(part)
    rest = tally.rest(limit).count
    if rest:
        parts.append(Text(f"others: {rest:,}"))
    return Text(", ").join(parts)


def _status_style(status: str) -> str:
    if status == "none" or status.startswith("5"):
        return "red"
    return "yellow" if status.startswith("4") else ""


def _show_traffic(title: str, noun: str, tally: Tally[Traffic], page: Page, top: int) -> None:
    page.heading(title)
    columns = [
        Column("count"),
        Column("failed", rank=3),
        Column(">=400", rank=4),
        Column("sent", rank=6),
        Column("received", rank=2),
        Column("mean", rank=1),
        Column("slowest", rank=5),
        Column(noun, right=False, flexible=True),
    ]
    said = partial(request_on, page) if noun == "endpoint" else shown
    rows = [_traffic_row(said(key), row) for key, row in tally.top(top)]
    rest = tally.rest(top)
    timed = rest.timed or any(row.timed for _, row in tally.top(top))
    if rest.count:
        others = "others" if tally.was_cut else f"{count_text(len(tally.rows) - top, 'other')}"
        rows.append(_traffic_row(Text(others, style="dim"), rest))
    if not timed:
        columns = [column for column in columns if column.title not in _TIMES]
        rows = [row[:_TIMES_AT] + row[_TIMES_AT + len(_TIMES) :] for row in rows]
    page.table(columns, rows)
    if tally.was_cut:
        text = f"There were too many different {title} to count each: these counts are lower bounds."
        _say(page, Text(text, style="yellow"))


_TIMES: Final = ("mean", "slowest")
_TIMES_AT: Final = 5


def _traffic_row(key: Text, row: Traffic) -> list[Text]:
    return [
        Text(f"{row.count:,}"),
        Text(f"{row.failures:,}", style="red" if row.failures else "dim"),
        Text(f"{row.errors:,}", style="yellow" if row.errors else "dim"),
        Text(size_text(row.bytes_sent)),
        Text(size_text(row.bytes_received)),
        Text(duration_text(row.total_ms / row.timed if row.timed else None)),
        Text(duration_text(row.slowest_ms if row.timed else None)),
        key,
    ]


def _show_failures(summary: Summary, page: Page, top: int) -> None:
    if not summary.failures.rows:
        return
    page.heading("failures")
    rows = []
    for key, row in summary.failures.top(top):
        phase, _, kind = key.partition(" ")
        rows.append([Text(f"{row.count:,}"), shown(phase), shown(kind, "red")])
    rest = summary.failures.rest(top).count
    if rest:
        rows.append([Text(f"{rest:,}"), Text("-"), Text("others", style="dim")])
    page.table(
        [Column("count"), Column("phase", right=False, rank=1), Column("type", right=False, flexible=True)], rows
    )


def _show_sizes(summary: Summary, page: Page) -> None:
    page.heading("bodies")
    columns = [
        Column("", right=False),
        Column("count", rank=1),
        Column("stored"),
        Column("on the wire", rank=3),
        Column("p50"),
        Column("p99", rank=2),
        Column("largest", rank=1),
        Column("incomplete", right=False, rank=4),
    ]
    rows = [_sizes_row("requests", summary.requests), _sizes_row("responses", summary.responses)]
    page.table(columns, rows)


def _sizes_row(label: str, sizes: Sizes) -> list[Text]:
    stored = sizes.stored
    return [
        Text(label),
        Text(f"{stored.count:,}"),
        Text(size_text(stored.total)),
        Text(size_text(sizes.wire_total)),
        Text(size_text(stored.percentile(50))),
        Text(size_text(stored.percentile(99))),
        Text(size_text(stored.largest if stored.count else None)),
        _counts(sizes.incomplete) if sizes.incomplete.rows else Text("0", style="dim"),
    ]


def _show_latency(summary: Summary, page: Page) -> None:
    if not (summary.connect.count or summary.first_byte.count or summary.latency.count):
        return
    page.heading("time")
    columns = [
        Column("", right=False),
        Column("count", rank=5),
        Column("p50"),
        Column("p90", rank=2),
        Column("p95", rank=4),
        Column("p99", rank=1),
        Column("largest"),
    ]
    kinds = (("connect", summary.connect), ("first byte", summary.first_byte), ("total", summary.latency))
    page.table(columns, [_latency_row(label, histogram) for label, histogram in kinds if histogram.count])


def _latency_row(label: str, histogram: Histogram) -> list[Text]:
    percentiles = [Text(duration_text(histogram.percentile(percent))) for percent in (50, 90, 95, 99)]
    largest = duration_text(histogram.largest if histogram.count else None)
    return [Text(label), Text(f"{histogram.count:,}"), *percentiles, Text(largest)]


def _show_memory(summary: Summary, page: Page) -> None:
    memory = summary.memory
    if memory.first is None:
        return
    page.heading("memory")
    text = f"{size_text(memory.first)} at first, {size_text(memory.last)} at last, {size_text(memory.largest)} at most"
    page.fact("resident", text)
    if memory.count < 2:
        return
    lines = plot(
        memory.peaks,
        width=min(page.width or _PLOT_WIDTH, _PLOT_WIDTH) - 2,
        smallest_range=1_000_000,
        label=size_text,
        ends=("1", f"{memory.count:,}"),
        unicode=page.unicode,
    )
    for line in lines:
        page.line(f"  {line}")


def _show_processes(summary: Summary, page: Page, top: int) -> None:
    page.heading("processes")
    columns = [
        Column("pid"),
        Column("count"),
        Column("memory", rank=3),
        Column("growth", rank=1),
        Column("largest", rank=2),
        Column("end line", right=False, rank=4),
        Column("python", right=False, rank=5),
        Column("program", right=False, flexible=True),
    ]
    rows = [_process_row(key, row) for key, row in summary.processes.top(top)]
    rest = summary.processes.rest(top).count
    if rest:
        dash = Text("-", style="dim")
        rows.append([dash, Text(f"{rest:,}"), dash, dash, dash, dash, dash, Text("others", style="dim")])
    page.table(columns, rows)


def _process_row(key: str, row: Process) -> list[Text]:
    growth = "-"
    if row.rss_first is not None and row.rss_last is not None:
        change = row.rss_last - row.rss_first
        growth = f"{'-' if change < 0 else '+'}{size_text(abs(change))}"
    return [
        Text("-" if row.pid is None else str(row.pid)),
        Text(f"{row.count:,}"),
        Text(size_text(row.rss_first)),
        Text(growth),
        Text(size_text(row.rss_largest)),
        Text("yes", style="dim") if row.ended else Text("no", style="yellow"),
        shown(row.python or "-"),
        shown(row.program or f"process {key}"),
    ]


def _show_diagnoses(summary: Summary, page: Page) -> None:
    for token, sample in summary.diagnoses.top(_DIAGNOSES_SHOWN):
        process = summary.processes.rows.get(token)
        name = process.program if process is not None and process.program else f"process {token}"
        page.heading("")
        title = shown(f"diagnosis of {name} ({count_text(sample.count, 'sample')})", "bold")
        page.line(title if page.width is None else page.cut(title, page.width))
        _show_diagnosis(sample, page)
    left = len(summary.diagnoses.rows) - _DIAGNOSES_SHOWN
    if left > 0:
        _say(page, f"There are samples of {count_text(left, 'more process', 'more processes')}; --json has them all.")


def _say(page: Page, text: Text | str) -> None:
    """Print a sentence of ours below a table, in lines that fit."""
    page.fact("", text, indent=2)


def _show_diagnosis(sample: Diagnosis, page: Page) -> None:
    rows = [
        [shown(name), *(Text(_figure(name, value)) for value in (figure.first, figure.last, figure.largest))]
        for name, figure in sample.figures.items()
    ]
    columns = [
        Column("figure", right=False, flexible=True),
        Column("first", rank=1),
        Column("last"),
        Column("largest", rank=2),
    ]
    if rows:
        page.table(columns, rows)
    if sample.growth:
        page.line(Text("  growth before the last sample", style="cyan"))
        growth = [[Text(_signed(size)), Text(_plain(count)), shown(site)] for site, size, count in sample.growth]
        page.table([Column("size"), Column("blocks", rank=1), Column("site", right=False, flexible=True)], growth)


def _figure(name: str, value: float) -> str:
    """Return a figure as a size where its group counts bytes, else as a number."""
    return size_text(value) if name.startswith(("memory.", "allocator.")) else f"{value:,}"


def _signed(size: int | None) -> str:
    return "-" if size is None else f"{'-' if size < 0 else '+'}{size_text(abs(size))}"


def _plain(count: int | None) -> str:
    return "-" if count is None else f"{count:+,}"
