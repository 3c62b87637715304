"""Shows a report as a page for browsers: the overview as HTML, rows and interactions as packed data beside it.

Law: it decides what the overview says, `html.render` makes the page of it. The overview needs no script. Everything is
escaped there; numbers become words here (see `figures`). Memory: the summary's rows, and one block of data at a time.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from cassette_tools.filter import OPERATORS
from cassette_tools.shell_word import shell_word
from cassette_tools.views.escape import visible
from cassette_tools.views.figures import count_text, duration_text, moment_text, size_text
from cassette_tools.views.html import render
from recorder.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassette_tools.filter import Operator
    from cassette_tools.histogram import Histogram
    from cassette_tools.report import Report
    from cassette_tools.runs import Process, Run
    from cassette_tools.source import Facts
    from cassette_tools.summary import Count, Sizes, Summary, Traffic
    from cassette_tools.tally import Tally

__all__ = ["left_out", "pieces", "unredacted"]

_RUNS: Final = 10
_ROWS: Final = 12
_DAMAGE: Final = 5
_KEY: Final = 300
_PERCENTS: Final = (50, 90, 95, 99)
_SCRIPTS: Final = tuple(
    f"report/{name}.js"
    for name in (  # each uses those above it
        "figures",
        "elements",
        "store",
        "pattern",
        "language",
        "search",
        "view",
        "table",
        "plotting",
        "lanes",
        "distributions",
        "along",
        "picture",
        "text",
        "details",
        "page",
    )
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure that is seen first. `kind` is a class of base.css: "good", "note", "bad" or none."""

    label: str
    value: str
    more: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Figures stand to the right, texts to the left."""

    title: str
    figure: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table. `term`, where it is not empty, is the filter that shows what the row counts."""

    text: str
    kind: str = ""
    term: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the overview, with a sentence below it where there is something to say."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str = ""


def pieces(report: Report, facts: Facts, *, title: str | None = None, only: str | None = None) -> Iterator[bytes]:
    """Yield the page, piece by piece, in UTF-8. `only` is the filter that chose the interactions, to be told."""
    summary = report.summary
    page = render(
        "report.html.j2",
        styles=("report.css",),
        scripts=_SCRIPTS,
        title=title or _base_name(facts.name),
        version=__version__,
        subtitle=_subtitle(facts, only),
        runs=_runs(summary, facts),
        more_runs=max(0, len(summary.runs) + summary.runs_left_out - _RUNS),
        notices=_notices(report, facts),
        left_out=left_out(report, facts),
        tiles=_tiles(summary),
        tables=_tables(summary),
        interactions=summary.interactions,
        rows=report.rows,
        operators=_operators_told(),
        facts=_data_facts(report, facts),
        row_blocks=report.blocks("rows"),
        detail_blocks=report.blocks("details"),
    )
    for piece in page:
        yield piece.encode()


def left_out(report: Report, facts: Facts) -> list[str]:
    """Return sentences that tell what of the cassette is not in the page, and how to get it."""
    said = []
    if report.left_out:
        said.append(
            f"{report.left_out:,} of {count_text(report.summary.interactions, 'interaction')} are in the figures only: "
            f"the table has the first {report.rows:,}. To choose others give --only, to have more --limit."
        )
    if report.without_bodies:
        said.append(
            f"The bodies of the last {count_text(report.without_bodies, 'interaction')} in the table are left out, or "
            "the page would be too large. To have them in the page choose fewer interactions with --only, or lower "
            "--body-limit."
        )
    if report.cut_bodies:
        cut = count_text(report.cut_bodies, "body is cut", "bodies are cut")
        said.append(
            f"{cut}, for being longer than {size_text(report.body_limit)}. All of one: "
            f"ctools inspect {shell_word(facts.name)} NUMBER --body -o FILE"
        )
    return said


def unredacted(summary: Summary) -> str | None:
    """Return a sentence where the cassette holds what nobody redacted; None where a policy did."""
    kinds = {run.redaction for run in summary.runs}
    if not kinds or kinds == {"policy"} or not summary.interactions:
        return None
    if kinds == {"none"} or "none" in kinds:
        part = "was not redacted" if kinds == {"none"} else "was not redacted in a part of its runs"
    else:
        part = "does not say that it was redacted"
    return f"The cassette {part}: this page holds whatever secrets it holds. Do not pass it on unread."


def _subtitle(facts: Facts, only: str | None) -> str:
    said = [facts.title, size_text(facts.size)]
    if only is not None:
        said.append(f"only {visible(only)}")
    return ", ".join(said)


def _base_name(name: str) -> str:
    return "standard input" if name == "-" else name.rpartition("/")[2]


# -- what is told first


def _runs(summary: Summary, facts: Facts) -> list[list[tuple[str, str]]]:
    """Return what each run was. A cassette of another tool has none."""
    if facts.format != "jsonl":
        return []
    return [_run(run, facts, last=run is summary.runs[-1]) for run in summary.runs[:_RUNS]]


def _run(run: Run, facts: Facts, *, last: bool) -> list[tuple[str, str]]:
    """Return what a run was and how it ended; each text with a class."""
    if run.converted:
        return [(f"{moment_text(run.created_at)}, converted by {run.recorder or 'an unknown tool'}", "")]
    said = [moment_text(run.created_at), run.recorder, run.python and f"Python {run.python}", run.platform]
    beginning = ", ".join(one for one in said if one and one != "-")
    return [(f"{beginning}, " if beginning else "", ""), _ending(run, facts, last=last)]


def _ending(run: Run, facts: Facts, *, last: bool) -> tuple[str, str]:
    if run.ended == "clean":
        after = ""
        if run.ended_at is not None and run.created_at is not None:
            after = f" after {duration_text((run.ended_at - run.created_at).total_seconds() * 1000)}"
        if run.signal is not None:
            return f"ended, the command was killed by signal {run.signal}{after}", "note"
        if run.exit_code:
            return f"ended, the command's exit code was {run.exit_code}{after}", "note"
        return f"ended cleanly{after}", "good"
    if last and facts.growing:
        return "still being written", "note"
    return "no end line: it was killed, or still goes on" if last else "no end line: it was killed", "note"


def _notices(report: Report, facts: Facts) -> list[tuple[str, str]]:
    """Return sentences that a reader must know, each with a class."""
    summary = report.summary
    said: list[tuple[str, str]] = []
    lost: dict[str, int] = {}
    for run in summary.runs:
        for reason, count in run.lost.items():
            lost[reason] = lost.get(reason, 0) + count
    if total := sum(lost.values()):
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in sorted(lost.items(), key=lambda one: -one[1]))
        seen = sum(run.seen for run in summary.runs)
        said.append((f"{total:,} of {seen:,} requests are not in the cassette ({reasons}).", "bad"))
    if (warning := unredacted(summary)) is not None:
        said.append((warning, "note"))
    if summary.removed:
        texts = "text" if summary.removed == 1 else "texts"
        said.append((f"{summary.removed:,} {texts} went whole: a known secret was in there too deep.", "note"))
    said += [
        (f"Damage: bytes {damage.start:,} to {damage.end:,} are left out: {damage.reason}.", "bad")
        for damage in facts.damage[:_DAMAGE]
    ]
    if len(facts.damage) > _DAMAGE:
        said.append((f"And {count_text(len(facts.damage) - _DAMAGE, 'more damaged range')}.", "bad"))
    return said


def _tiles(summary: Summary) -> list[Tile]:
    failed = sum(run.failures for run in summary.runs)
    bad = sum(row.count for status, row in summary.statuses.rows.items() if status[:1] in {"4", "5"})
    tiles = [
        Tile("interactions", f"{summary.interactions:,}", _hosts_text(summary)),
        Tile("failed", f"{failed:,}", "the client saw an error" if failed else "", "bad" if failed else "good"),
        Tile("400 and above", f"{bad:,}", _worst(summary), "note" if bad else "good"),
    ]
    if summary.started_at is not None and summary.ended_at is not None:
        span = (summary.ended_at - summary.started_at).total_seconds() * 1000
        tiles.append(Tile("from first to last", duration_text(span), f"{moment_text(summary.started_at)}"))
    if summary.latency.count:
        tiles.append(
            Tile(
                "median time",
                duration_text(summary.latency.percentile(50)),
                f"p99 {duration_text(summary.latency.percentile(99))}, most {duration_text(summary.latency.largest)}",
            )
        )
    received, sent = summary.responses, summary.requests
    tiles.append(Tile("received", size_text(received.stored.total), f"sent {size_text(sent.stored.total)}"))
    if summary.memory.largest is not None:
        growth = (summary.memory.last or 0) - (summary.memory.first or 0)
        sign = "-" if growth < 0 else "+"
        tiles.append(
            Tile("memory at most", size_text(summary.memory.largest), f"{sign}{size_text(abs(growth))} over the run")
        )
    redactions = sum(row.count for row in summary.redactions.rows.values()) + summary.redactions.others.count
    if redactions:
        tiles.append(Tile("redactions", f"{redactions:,}", "by a policy", "good"))
    return tiles


def _hosts_text(summary: Summary) -> str:
    at_least = "at least " if summary.hosts.was_cut else ""
    return f"{at_least}{count_text(len(summary.hosts.rows), 'host')}"


def _worst(summary: Summary) -> str:
    worst = [(status, row) for status, row in summary.statuses.top(99) if status[:1] in {"4", "5"}]
    return ", ".join(f"{status}: {row.count:,}" for status, row in worst[:3])


# -- tables


def _tables(summary: Summary) -> list[Table]:
    if not summary.interactions:
        return []
    is_converted = bool(summary.runs) and all(run.converted for run in summary.runs)
    tables = [
        _traffic("Endpoints", "endpoint", summary.endpoints),
        _traffic("Hosts", "host", summary.hosts),
        _failures(summary),
        _percentiles(summary),
        _bodies(summary),
        _counts("Statuses", "status", summary.statuses, _status_term),
        _counts("Methods", "method", summary.methods, _method_term),
        _counts("TLS", "protocol", summary.tls),
        _counts("Redactions", "rule", summary.redactions),
    ]
    if set(summary.clients.rows) != {"unknown"}:
        tables.append(_counts("Clients", "client", summary.clients))
    if not is_converted:  # else it is the process of the conversion
        tables.append(_processes(summary))
    return [table for table in tables if table.rows]


def _traffic(title: str, noun: str, tally: Tally[Traffic]) -> Table:
    columns = [
        Column(noun, figure=False),
        Column("count"),
        Column("failed"),
        Column("400+"),
        Column("received"),
        Column("mean"),
        Column("slowest"),
    ]
    with_port = {key.rpartition(":")[0] for key in tally.rows} if noun == "host" else set()
    term = _endpoint_term if noun == "endpoint" else lambda host: _host_term(host, elsewhere=host in with_port)
    rows = [_traffic_row(Cell(key, term=_unless_clipped(term, key)), row) for key, row in tally.top(_ROWS)]
    rest = tally.rest(_ROWS)
    if rest.count:
        rows.append(_traffic_row(Cell(_others(tally), "quiet"), rest))
    return Table(title, columns, rows, _lower_bounds(tally))


def _unless_clipped(term: Callable[[str], str], key: str) -> str:
    """Return the filter that takes what a row counts; "" where the key is not all that was recorded."""
    return "" if key.endswith("...") or key != visible(key) else term(key)


def _endpoint_term(endpoint: str) -> str:
    method, _, address = endpoint.partition(" ")
    host, slash, path = address.partition("/")
    if not slash or host == "unknown":
        return ""
    folded = "[^/?#]+".join(re.escape(part) for part in _FOLDED.split(path))
    pattern = f"[/@]{re.escape(host)}/{folded or '?'}([?#]|$)"
    return f"{_method_term(method)} ~u {_quoted(pattern)}"


def _host_term(host: str, *, elsewhere: bool) -> str:
    """Return the filter for a host; `elsewhere` tells that there are other ports of it."""
    if host == "unknown":
        return ""
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        return "~dst " + _quoted(f"^{_bare(name)}:{port}$")
    if elsewhere:
        return "~dst " + _quoted(f"^{_bare(host)}:(80|443)$")
    return "~d " + _quoted(f"^{_bare(host)}$")


def _bare(host: str) -> str:
    return re.escape(host.strip("[]"))


def _method_term(method: str) -> str:
    return "~m " + _quoted(f"^{re.escape(method)}$")


_FOLDED: Final = re.compile(r"\{(?:id|date|email)\}")  # what endpoint.py writes for what varies


def _quoted(pattern: str) -> str:
    """Return a pattern as the filter language takes it: in quotes where it must be."""
    if re.fullmatch(r"[^\s()~'\"&|]+", pattern):
        return pattern
    escaped = re.sub(r"""\\(?=[\\"']|$)|\"""", r"\\\g<0>", pattern)
    return f'"{escaped}"'


def _traffic_row(key: Cell, row: Traffic) -> list[Cell]:
    return [
        key,
        Cell(f"{row.count:,}"),
        Cell(f"{row.failures:,}", "bad" if row.failures else "quiet"),
        Cell(f"{row.errors:,}", "note" if row.errors else "quiet"),
        Cell(size_text(row.bytes_received)),
        Cell(duration_text(row.total_ms / row.timed if row.timed else None)),
        Cell(duration_text(row.slowest_ms if row.timed else None)),
    ]


def _failures(summary: Summary) -> Table:
    rows = []
    for key, row in summary.failures.top(_ROWS):
        phase, _, kind = key.partition(" ")
        rows.append(
            [Cell(kind, "bad", "~e" if len(summary.failures.rows) == 1 else ""), Cell(phase), Cell(f"{row.count:,}")]
        )
    if rest := summary.failures.rest(_ROWS).count:
        rows.append([Cell("others", "quiet"), Cell("-"), Cell(f"{rest:,}")])
    return Table("Failures", [Column("error", figure=False), Column("phase", figure=False), Column("count")], rows)


def _percentiles(summary: Summary) -> Table:
    kinds = (("connect", summary.connect), ("first byte", summary.first_byte), ("total", summary.latency))
    rows = [_percentile_row(label, histogram) for label, histogram in kinds if histogram.count]
    titles = ["count", *(f"p{percent}" for percent in _PERCENTS), "largest"]
    return Table("Times", [Column("until", figure=False), *(Column(title) for title in titles)], rows)


def _percentile_row(label: str, histogram: Histogram) -> list[Cell]:
    figures = [duration_text(histogram.percentile(percent)) for percent in _PERCENTS]
    return [Cell(one) for one in (label, f"{histogram.count:,}", *figures, duration_text(histogram.largest))]


def _bodies(summary: Summary) -> Table:
    titles = ["count", "stored", "on the wire", "p50", "p99", "largest", "incomplete"]
    rows = [_sizes_row("requests", summary.requests), _sizes_row("responses", summary.responses)]
    return Table("Bodies", [Column("of", figure=False), *(Column(title) for title in titles)], rows)


def _sizes_row(label: str, sizes: Sizes) -> list[Cell]:
    stored = sizes.stored
    incomplete = sum(row.count for row in sizes.incomplete.rows.values())
    return [
        Cell(label),
        Cell(f"{stored.count:,}"),
        Cell(size_text(stored.total)),
        Cell(size_text(sizes.wire_total)),
        Cell(size_text(stored.percentile(50))),
        Cell(size_text(stored.percentile(99))),
        Cell(size_text(stored.largest if stored.count else None)),
        Cell(f"{incomplete:,}", "note" if incomplete else "quiet"),
    ]


def _counts(title: str, noun: str, tally: Tally[Count], term: Callable[[str], str] | None = None) -> Table:
    rows = [[Cell(key, term=term(key) if term else ""), Cell(f"{row.count:,}")] for key, row in tally.top(_ROWS)]
    if rest := tally.rest(_ROWS).count:
        rows.append([Cell(_others(tally), "quiet"), Cell(f"{rest:,}")])
    return Table(title, [Column(noun, figure=False), Column("count")], rows, _lower_bounds(tally))


def _status_term(status: str) -> str:
    return f"~c {status}" if status.isdigit() else "~q"


def _processes(summary: Summary) -> Table:
    titles = ["pid", "count", "memory", "growth", "largest", "end line"]
    rows = [_process_row(key, row) for key, row in summary.processes.top(_ROWS) if row.pid is not None or row.program]
    return Table("Processes", [Column("program", figure=False), *(Column(title) for title in titles)], rows)


def _process_row(key: str, row: Process) -> list[Cell]:
    growth = "-"
    if row.rss_first is not None and row.rss_last is not None:
        change = row.rss_last - row.rss_first
        growth = f"{'-' if change < 0 else '+'}{size_text(abs(change))}"
    return [
        Cell(row.program or f"process {key}"),
        Cell("-" if row.pid is None else str(row.pid)),
        Cell(f"{row.count:,}"),
        Cell(size_text(row.rss_first)),
        Cell(growth),
        Cell(size_text(row.rss_largest)),
        Cell("yes", "quiet") if row.ended else Cell("no", "note"),
    ]


def _others(tally: Tally[Any]) -> str:
    return "others" if tally.was_cut else count_text(len(tally.rows) - _ROWS, "other")


def _lower_bounds(tally: Tally[Any]) -> str:
    return "There were too many to count each: these counts are lower bounds." if tally.was_cut else ""


def _operator(operator: Operator) -> dict[str, Any]:
    """Return what views/web/report/language.js must know of an operator of the filter."""
    return {
        "takes": operator.takes,
        "bytes": not operator.on_text,
        "dotAll": bool(operator.flags & re.DOTALL),
        "lines": bool(operator.flags & re.MULTILINE),
    }


def _operators_told() -> list[tuple[str, str]]:
    """Return the operators that can be true for a cassette, each with what follows it and what it takes."""
    told = {"nothing": "", "pattern": " PATTERN"}
    return [
        (f"~{operator.name}{told.get(operator.takes, ' RANGE')}", operator.title.replace("`", ""))
        for operator in OPERATORS.values()
        if operator.title not in {"never true", "every interaction"}
    ]


def _data_facts(report: Report, facts: Facts) -> str:
    """Return what the script must know, as JSON in base64: nothing in a block of data is escaped, or read as markup."""
    name = facts.name.encode("utf-8", "backslashreplace").decode()
    known = {
        "name": visible(name),
        "quoted": shell_word(name),
        "firsts": report.firsts,
        "bodyLimit": report.body_limit,
        "rows": report.rows,
        "interactions": report.summary.interactions,
        "cut": report.cut_bodies + report.without_bodies,
        "operators": {name: _operator(operator) for name, operator in OPERATORS.items()},
    }
    return b64encode(orjson.dumps(known)).decode("ascii")
