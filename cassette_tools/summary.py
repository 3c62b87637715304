"""What a cassette holds, in figures.

Law: lines in, one `Summary` out. It looks at heads only, never at a body's content; it prints nothing. Its memory
does not depend on the length of the cassette: every table has a limit and says when it was cut (see `tally`),
percentiles and the memory curve are thinned (see `histogram`, `series`). Summaries of the parts of a cassette, merged
in their order, are the summary of the whole (see `parts`). What other lines than interactions say is in `runs`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

from cassette_tools.columns import Columns, columns_of, connection_of, joined, match_line
from cassette_tools.counting import KEY, BodyFigures, body_figures, count_lines, duration, status_number
from cassette_tools.endpoint import endpoint_of
from cassette_tools.histogram import Histogram
from cassette_tools.runs import Runs
from cassette_tools.series import Series
from cassette_tools.tally import Tally, clipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cassette_tools.columns import Row
    from cassette_tools.selection import Wanted
    from recorder.journal.read import Line

__all__ = [
    "LINE_TYPES",
    "Count",
    "Sizes",
    "Summary",
    "Traffic",
    "summarize",
]

LINE_TYPES: Final = ("header", "process", "interaction", "diagnosis", "end")
"""The line types that a summary wants; a reader may pass over all others unread."""

_ENDPOINTS: Final = 4096
_ROWS: Final = 1024

_BATCH: Final = 512  # interactions that are counted together
_ROWS_TOGETHER: Final = 2048  # the same of those that were not parsed

_Body: TypeAlias = BodyFigures | tuple[None, None, None]
_NO_BODY: Final = (None, None, None)
_TALLIES: Final = (
    "hosts", "endpoints", "methods", "statuses", "failures", "clients", "processes", "tls", "redactions"
)  # fmt: skip
_T = TypeVar("_T")


@dataclass(slots=True)
class Count:
    """How often."""

    count: int = 0

    def merge(self, other: Count) -> None:
        """Add the figures of another row."""
        self.count += other.count


@dataclass(slots=True)
class Traffic:
    """What went to one host or endpoint. Sizes in bytes (stored), times in milliseconds."""

    count: int = 0
    failures: int = 0  # no response, or an incomplete one: the client saw an exception
    errors: int = 0  # responses of status 400 and above
    bytes_sent: int = 0
    bytes_received: int = 0
    timed: int = 0
    total_ms: float = 0.0
    slowest_ms: float = 0.0

    def merge(self, other: Traffic) -> None:
        """Add the figures of another row."""
        self.count += other.count
        self.failures += other.failures
        self.errors += other.errors
        self.bytes_sent += other.bytes_sent
        self.bytes_received += other.bytes_received
        self.timed += other.timed
        self.total_ms += other.total_ms
        self.slowest_ms = max(self.slowest_ms, other.slowest_ms)


@dataclass(slots=True)
class Sizes:
    """Bodies of one direction. Sizes in bytes: as stored, and as they went over the wire."""

    stored: Histogram = field(default_factory=Histogram)
    wire_total: int = 0
    incomplete: Tally[Count] = field(default_factory=lambda: Tally(Count, _ROWS))

    def add(self, stored: Sequence[int], wire: Sequence[int], gaps: Sequence[str]) -> None:
        """Count bodies: their sizes as stored, those on the wire, and why some are incomplete."""
        self.stored.add(stored)
        self.wire_total += sum(wire)
        for gap in gaps:
            self.incomplete.row(gap).count += 1

    def merge(self, other: Sizes) -> None:
        """Add the bodies of a later part."""
        self.stored.merge(other.stored)
        self.wire_total += other.wire_total
        self.incomplete.merge(other.incomplete)


class Summary:
    """The figures of a cassette, gathered line by line with `take`. Bounds: a few MB, whatever it is given.

    Those of a part of a cassette are made by `of_part`: what a part cannot know (to which run its first interactions
    belong, whose end line it has) is kept until `merge` adds it to what came before.
    """

    __slots__ = (
        "_batch",
        "_failed",
        "_first",
        "_last",
        "_rows",
        "_rss",
        "_story",
        "_told",
        "_uncounted",
        "clients",
        "connect",
        "diagnoses",
        "endpoints",
        "failures",
        "first_byte",
        "hosts",
        "interactions",
        "latency",
        "memory",
        "methods",
        "processes",
        "redactions",
        "removed",
        "requests",
        "responses",
        "reused",
        "runs",
        "statuses",
        "tls",
    )

    match = staticmethod(match_line)

    def __init__(self) -> None:
        self._told = Runs()
        self.runs = self._told.runs
        self.processes = self._told.processes
        self.diagnoses = self._told.diagnoses
        self.interactions = 0
        self.hosts: Tally[Traffic] = Tally(Traffic, _ROWS)
        self.endpoints: Tally[Traffic] = Tally(Traffic, _ENDPOINTS)
        self.methods: Tally[Count] = Tally(Count, _ROWS)
        self.statuses: Tally[Count] = Tally(Count, _ROWS)
        self.failures: Tally[Count] = Tally(Count, _ROWS)  # by phase and type: "connect ConnectionRefusedError"
        self.clients: Tally[Count] = Tally(Count, _ROWS)
        self.tls: Tally[Count] = Tally(Count, _ROWS)
        self.redactions: Tally[Count] = Tally(Count, _ROWS)  # by rule
        self.removed = 0  # bodies, and other texts, that went whole because a known secret could not be taken out
        self.reused = 0  # interactions on a connection that had served one before
        self.requests = Sizes()
        self.responses = Sizes()
        self.latency = Histogram()  # milliseconds to the last byte
        self.first_byte = Histogram()  # milliseconds
        self.connect = Histogram()  # milliseconds
        self.memory = Series()  # resident bytes, by interaction
        self._batch: list[tuple[int, Row]] = []  # interactions that were parsed; each with how many _rows it came after
        self._rows: list[Row] = []  # those that were not
        self._story: list[tuple[str, Any]] | None = None  # of a part: lines, and counts of interactions between them
        self._rss: list[int | None] = []  # of a part
        self._uncounted = self._failed = 0  # of a part: interactions since the last line of its story
        self._first = math.inf  # seconds of the epoch
        self._last = -math.inf

    @property
    def runs_left_out(self) -> int:
        """How many runs there are beyond those in `runs`; their interactions are in all figures."""
        return self._told.left_out

    @property
    def started_at(self) -> datetime | None:
        """When the first request began."""
        return _datetime(self._first)

    @property
    def ended_at(self) -> datetime | None:
        """When the last interaction ended."""
        return _datetime(self._last)

    @classmethod
    def of_part(cls) -> Summary:
        """Make one for a part of a cassette. It also holds the part's other lines than interactions and bodies."""
        summary = cls()
        summary._story = []
        return summary

    def finish(self) -> Summary:
        """Count what was taken last, and return the summary. To be called before any figure is read."""
        self._count_batch()
        self._tell_count()
        return self

    def merge(self, part: Summary) -> None:
        """Add the figures of the part that follows what was added before. `part` is finished, and was made for that."""
        self.interactions += part.interactions
        for name in _TALLIES:
            getattr(self, name).merge(getattr(part, name))
        for name in ("latency", "first_byte", "connect"):
            getattr(self, name).merge(getattr(part, name))
        self.requests.merge(part.requests)
        self.responses.merge(part.responses)
        self.memory.add(part._rss)
        self.removed += part.removed
        self.reused += part.reused
        self._first = min(self._first, part._first)
        self._last = max(self._last, part._last)
        for line_type, told in part._story or ():
            if line_type == "interactions":
                self._told.count(*told)
            else:
                self.take(line_type, told)

    def take_rows(self, rows: list[Row]) -> None:
        """Take the groups of interaction lines that `match` found to be quite ordinary."""
        self._rows += rows
        if len(self._rows) >= _ROWS_TOGETHER:
            self._count_batch()

    def is_accounted(self) -> bool:
        """Tell whether the end lines of all processes tell of just the interactions that were counted."""
        return self._told.is_accounted()

    def take(self, line_type: str, head: Mapping[str, Any]) -> None:
        """Take one line. Raises KeyError, TypeError, AttributeError, ValueError, OverflowError for a malformed one."""
        if line_type == "interaction":
            self._interaction(head)
        elif self._story is not None:
            self._count_batch()
            self._tell_count()
            self._story.append((line_type, head))
        else:
            if line_type in {"header", "end"}:
                self._count_batch()  # it belongs to the run before; and a process has its row before it ends
            self._told.take(line_type, head)

    def _interaction(self, head: Mapping[str, Any]) -> None:
        """Take out what is counted of an interaction, in the order of `_Columns`. A malformed line leaves no trace."""
        request = head["request"]
        response = head.get("response")
        failure = head.get("error")
        rss = head.get("rss")
        timings = head["timings_ms"]
        total = duration(timings.get("total"))
        moment = head["started_at"]
        started = None if moment is None else datetime.fromisoformat(moment).timestamp()
        method = request["method"]
        status = None
        got: _Body = _NO_BODY
        if response is not None:
            status = status_number(response["status"])
            got = body_figures(response.get("body")) or _NO_BODY
        if type(method) is not str:
            raise TypeError("a method is a string")
        sent: _Body = body_figures(request.get("body")) or _NO_BODY
        row: Row = (
            *connection_of(head),
            rss if type(rss) is int else None,
            method,
            endpoint_of(request["url"]),
            status,
            None if failure is None else f"{failure['phase']} {failure['type']}",
            duration(timings.get("connect")),
            duration(timings.get("first_byte")),
            total,
            *sent,
            *got,
        )
        self._batch.append((len(self._rows), row))
        if started is not None:
            self._first = min(self._first, started)
            if total is not None:
                self._last = max(self._last, started + total / 1000)
        if "redacted" in head:
            self._count_redactions(head["redacted"])
        if len(self._batch) >= _BATCH:
            self._count_batch()

    def _count_redactions(self, redacted: Mapping[str, int]) -> None:
        for rule, count in redacted.items():
            if type(count) is not int or count < 0:
                raise ValueError("a count is a number from 0 up")
            self.redactions.row(clipped(rule, KEY)).count += count
            if rule == "verify":
                self.removed += count

    def _count_batch(self) -> None:
        """Count the interactions that were taken out, column by column: several times quicker than one by one."""
        if self._rows:
            batch = columns_of(self._rows)
            columns = joined(batch, self._batch)
            self._first, self._last = min(self._first, batch.first), max(self._last, batch.last)
            for redacted in batch.redacted:
                self._count_redactions(redacted)
        elif self._batch:
            columns = Columns(*zip(*[row for _, row in self._batch], strict=True))
        else:
            return
        self._batch.clear()
        self._rows.clear()
        self._count_columns(columns)

    def _tell_count(self) -> None:
        """Put into the story of a part how many interactions there were since its last line."""
        if self._story is not None and self._uncounted:
            self._story.append(("interactions", (self._uncounted, self._failed)))
            self._uncounted = self._failed = 0

    def _count_columns(self, columns: Columns) -> None:
        number = len(columns.method)
        failed = number - columns.reason.count(None)
        self.interactions += number
        if self._story is None:
            self._told.count(number, failed)
            self.memory.add(columns.rss)
        else:
            self._uncounted += number
            self._failed += failed
            self._rss += columns.rss
        _count(self.methods, columns.method)
        for status, count in Counter(columns.status).items():
            self.statuses.row("none" if status is None else str(status)).count += count
        _count(self.failures, _known(columns.reason))
        _count(self.clients, columns.client)
        _count(self.tls, _known(columns.tls))
        self._count_traffic(columns)
        self._told.count_processes(columns.process, columns.pid, columns.rss)
        self.reused += columns.reused.count(True)
        self.connect.add(_known(columns.connect))
        self.first_byte.add(_known(columns.first_byte))
        self.latency.add(_known(columns.total))
        self.requests.add(_known(columns.sent), _known(columns.sent_wire), _known(columns.sent_gap))
        self.responses.add(_known(columns.got), _known(columns.got_wire), _known(columns.got_gap))

    def _count_traffic(self, columns: Columns) -> None:
        rows: dict[tuple[str, tuple[str, str]], Traffic] = {}
        for method, address, status, reason, total, sent, got in zip(
            columns.method,
            columns.address,
            columns.status,
            columns.reason,
            columns.total,
            columns.sent,
            columns.got,
            strict=True,
        ):
            row = rows.get((method, address))
            if row is None:
                row = rows[method, address] = Traffic()
            row.count += 1
            if reason is not None:
                row.failures += 1
            elif status is not None and status >= 400:
                row.errors += 1
            if sent is not None:
                row.bytes_sent += sent
            if got is not None:
                row.bytes_received += got
            if total is not None:
                row.timed += 1
                row.total_ms += total
                if total > row.slowest_ms:  # noqa: PLR1730 - max() costs a call for each interaction
                    row.slowest_ms = total
        for (method, (host, path)), row in rows.items():
            self.endpoints.row(clipped(f"{method} {host}{path}", KEY)).merge(row)
            self.hosts.row(host).merge(row)


def summarize(lines: Iterable[Line], wanted: Wanted | None = None) -> Summary:
    """Read `lines` (of `LINE_TYPES` at least; others are passed over) to their end and return the figures.

    Of the interactions those that are `wanted` are counted; by default all.
    Raises what `lines` raises, and BadCassetteError for a line that is not as the format says.
    """
    summary = Summary()
    count_lines(summary, lines, wanted)
    return summary.finish()


def _count(tally: Tally[Count], values: Iterable[str]) -> None:
    for value, count in Counter(values).items():
        tally.row(clipped(value, KEY)).count += count


def _known(values: Sequence[_T | None]) -> Sequence[_T]:
    if None not in values:
        return cast("Sequence[_T]", values)
    return [value for value in values if value is not None]


def _datetime(seconds: float) -> datetime | None:
    if not math.isfinite(seconds):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # beyond the year 9999
