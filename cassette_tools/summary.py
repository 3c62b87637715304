"""What a cassette holds, in figures.

Law: lines in, one `Summary` out. It looks at heads only, never at a body's content; it prints nothing. Its memory
does not depend on the length of the cassette: every table has a limit and says when it was cut (see `tally`),
percentiles and the memory curve are thinned (see `histogram`, `series`). Summaries of the parts of a cassette, merged
in their order, are the summary of the whole (see `parts`).

A line that lacks what a summary needs, or has it in a wrong type, is handed to the model, which names the key.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

from cassette_tools.columns import Columns, columns_of, connection_of, joined, match_line
from cassette_tools.endpoint import endpoint_of
from cassette_tools.histogram import Histogram
from cassette_tools.series import Series
from cassette_tools.tally import Tally, clipped
from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cassette_tools.columns import Row
    from cassette_tools.selection import Wanted
    from recorder.journal.read import Line

__all__ = [
    "LINE_TYPES",
    "Count",
    "Diagnosis",
    "Figure",
    "Process",
    "Run",
    "Sizes",
    "Summary",
    "Traffic",
    "bad_line",
    "body_figures",
    "duration",
    "status_number",
    "summarize",
]

LINE_TYPES: Final = ("header", "process", "interaction", "diagnosis", "end")
"""The line types that a summary wants; a reader may pass over all others unread."""

_ENDPOINTS: Final = 4096
_ROWS: Final = 1024
_KEY: Final = 300  # characters of a key
_RUNS: Final = 100
_FIGURES: Final = 100
_GROWTH: Final = 20

_BATCH: Final = 512  # interactions that are counted together
_ROWS_TOGETHER: Final = 2048  # the same of those that were not parsed
_LONGEST: Final = 1e15  # milliseconds, as in recorder.model

_BodyFigures: TypeAlias = tuple[int, int, str | None]  # bytes stored, bytes on the wire, why it is incomplete
_Body: TypeAlias = _BodyFigures | tuple[None, None, None]
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
class Process:
    """One recorded process: what it was, and its resident memory in bytes, as its interactions tell it."""

    count: int = 0
    pid: int | None = None
    program: str | None = None
    python: str | None = None
    rss_first: int | None = None
    rss_last: int | None = None
    rss_largest: int | None = None
    ended: bool = False  # whether it wrote its end line
    told: int = 0  # interactions that its end lines tell of

    def merge(self, other: Process) -> None:
        """Add the interactions of a later part of a process. Of another process only their number can be added."""
        self.count += other.count
        if self.pid is None:
            self.pid = other.pid
        if self.rss_first is None:
            self.rss_first = other.rss_first
        if other.rss_last is not None and other.rss_largest is not None:
            self.rss_last = other.rss_last
            self.rss_largest = max(self.rss_largest or 0, other.rss_largest)


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


@dataclass(slots=True)
class Run:
    """One run of a recorder, and how it ended.

    `ended`: "clean" when the process of the header wrote its end line, else "unfinished": killed, or still going on.
    `seen` and `lost` are sums over the end lines; `redaction` is "none", "policy", or "unknown" where the header is
    missing, or where it does not tell of traffic that was converted. `exit_code` and `signal` are those of a command
    that `ctools record` ran. `converted`: no recorder made this run, but a conversion, or it is read from another
    tool's file; then how it ended, when, and by which process says nothing about the traffic.
    """

    run: str | None
    process: str | None
    format: int
    created_at: datetime | None
    recorder: str | None
    python: str | None
    platform: str | None
    redaction: str
    body_limit: int | None
    interactions: int = 0
    failures: int = 0
    ended: str = "unfinished"
    ended_at: datetime | None = None
    exit_code: int | None = None
    signal: str | int | None = None
    seen: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    converted: bool = False


@dataclass(slots=True)
class Figure:
    """One figure of the deep memory samples, along the run."""

    first: float
    last: float
    largest: float


@dataclass(slots=True)
class Diagnosis:
    """The deep memory samples of one process."""

    count: int = 0
    figures: dict[str, Figure] = field(default_factory=dict)  # by the path of keys: "memory.rss"
    growth: list[tuple[str, int | None, int | None]] = field(
        default_factory=list
    )  # site, bytes, allocations; of the last sample

    def merge(self, other: Diagnosis) -> None:
        """Add the number of another process's samples. Its figures cannot be added."""
        self.count += other.count


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
        "runs_left_out",
        "statuses",
        "tls",
    )

    match = staticmethod(match_line)

    def __init__(self) -> None:
        self.interactions = 0
        self.runs: list[Run] = []
        self.runs_left_out = 0  # runs beyond the first hundred; their interactions are in all figures
        self.hosts: Tally[Traffic] = Tally(Traffic, _ROWS)
        self.endpoints: Tally[Traffic] = Tally(Traffic, _ENDPOINTS)
        self.methods: Tally[Count] = Tally(Count, _ROWS)
        self.statuses: Tally[Count] = Tally(Count, _ROWS)
        self.failures: Tally[Count] = Tally(Count, _ROWS)  # by phase and type: "connect ConnectionRefusedError"
        self.clients: Tally[Count] = Tally(Count, _ROWS)
        self.processes: Tally[Process] = Tally(Process, _ROWS)
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
        self.diagnoses: Tally[Diagnosis] = Tally(Diagnosis, 20)
        self._batch: list[tuple[int, Row]] = []  # interactions that were parsed; each with how many _rows it came after
        self._rows: list[Row] = []  # those that were not
        self._story: list[tuple[str, Any]] | None = None  # of a part: lines, and counts of interactions between them
        self._rss: list[int | None] = []  # of a part
        self._uncounted = self._failed = 0  # of a part: interactions since the last line of its story
        self._first = math.inf  # seconds of the epoch
        self._last = -math.inf

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
                run = self.runs[-1] if self.runs else self._missing_header()
                run.interactions += told[0]
                run.failures += told[1]
            else:
                self.take(line_type, told)

    def take_rows(self, rows: list[Row]) -> None:
        """Take the groups of interaction lines that `match` found to be quite ordinary."""
        self._rows += rows
        if len(self._rows) >= _ROWS_TOGETHER:
            self._count_batch()

    def is_accounted(self) -> bool:
        """Tell whether the end lines of all processes tell of just the interactions that were counted."""
        processes = self.processes
        return not processes.was_cut and all(row.told == row.count for row in processes.rows.values())

    def take(self, line_type: str, head: Mapping[str, Any]) -> None:
        """Take one line. Raises KeyError, TypeError, AttributeError, ValueError, OverflowError for a malformed one."""
        if line_type == "interaction":
            self._interaction(head)
        elif self._story is not None:
            self._count_batch()
            self._tell_count()
            self._story.append((line_type, head))
        elif line_type == "header":
            self._header(head)
        elif line_type == "process":
            self._process(head)
        elif line_type == "end":
            self._end(head)
        elif line_type == "diagnosis":
            self._diagnosis(head)

    def _interaction(self, head: Mapping[str, Any]) -> None:
        """Take out what is counted of an interaction, in the order of `_Columns`. A malformed line leaves no trace."""
        request = head["request"]
        response = head.get("response")
        failure = head.get("error")
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
            _integer(head.get("rss")),
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
            self.redactions.row(clipped(rule, _KEY)).count += count
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
            run = self.runs[-1] if self.runs else self._missing_header()
            run.interactions += number
            run.failures += failed
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
        self._count_processes(columns)
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
            self.endpoints.row(clipped(f"{method} {host}{path}", _KEY)).merge(row)
            self.hosts.row(host).merge(row)

    def _count_processes(self, columns: Columns) -> None:
        for token, count in Counter(columns.process).items():
            row = self.processes.row(clipped(token, _KEY))
            row.count += count
            mine = columns.rss
            if count < len(mine):
                mine = tuple(rss for rss, process in zip(mine, columns.process, strict=True) if process == token)
            sizes = _known(mine)
            if sizes:
                row.rss_first = sizes[0] if row.rss_first is None else row.rss_first
                row.rss_last = sizes[-1]
                row.rss_largest = max(row.rss_largest or 0, *sizes)
            if row.pid is None:
                row.pid = columns.pid[columns.process.index(token)]

    def _header(self, head: Mapping[str, Any]) -> None:
        self._count_batch()  # they belong to the run before
        converted = head.get("converted") is True
        redaction = head.get("redaction", "none")
        unredacted = "unknown" if converted else "none"
        run = Run(
            run=_text(head.get("run")),
            process=_text(head.get("process")),
            format=head["format"],
            created_at=_moment(head.get("created_at")),
            recorder=_text(head.get("recorder")),
            python=_text(head.get("python")),
            platform=_text(head.get("platform")),
            redaction=unredacted if redaction == "none" else "policy",
            body_limit=_integer(head.get("body_limit")),
            converted=converted,
        )
        if len(self.runs) >= _RUNS:
            self.runs_left_out += 1
            self.runs.pop()
        self.runs.append(run)

    def _missing_header(self) -> Run:
        """Begin a run for interactions that no header precedes, which only the mode skip lets through."""
        self.runs.append(Run(None, None, 0, None, None, None, None, redaction="unknown", body_limit=None))
        return self.runs[-1]

    def _process(self, head: Mapping[str, Any]) -> None:
        row = self.processes.row(clipped(str(head.get("process")), _KEY))
        row.pid = _integer(head.get("pid"))
        row.program = _text(head.get("program"))
        row.python = _text(head.get("python"))

    def _end(self, head: Mapping[str, Any]) -> None:
        self._count_batch()  # so that the process has its row
        process = self.processes.rows.get(clipped(str(head.get("process")), _KEY))
        if process is not None:
            process.ended = True
        if not self.runs:
            self._missing_header()
        run = next((run for run in reversed(self.runs) if run.run == head.get("run")), self.runs[-1])
        if head.get("process") == run.process:
            run.ended = "clean"
            run.ended_at = _moment(head.get("ended_at"))
            run.exit_code = _integer(head.get("exit_code"))
            signal = head.get("signal")
            run.signal = signal if isinstance(signal, str | int) else None
        if "exit_code" in head or "signal" in head:
            return  # the end line of a command's run: its counts are those of the processes, which say so themselves
        if process is not None:
            process.told += _integer(head.get("interactions")) or 0
        run.seen += _integer(head.get("seen")) or 0
        lost = head.get("lost")
        for reason, count in lost.items() if isinstance(lost, dict) else ():
            key = clipped(reason, _KEY)
            if key in run.lost or len(run.lost) < _ROWS:
                run.lost[key] = run.lost.get(key, 0) + (_integer(count) or 0)

    def _diagnosis(self, head: Mapping[str, Any]) -> None:
        sample = self.diagnoses.row(clipped(str(head.get("process")), _KEY))
        sample.count += 1
        for name, value in _figures(head):
            figure = sample.figures.get(name)
            if figure is not None:
                figure.last = value
                figure.largest = max(value, figure.largest)
            elif len(sample.figures) < _FIGURES:
                sample.figures[name] = Figure(value, value, value)
        growth = head.get("growth")
        if isinstance(growth, list) and growth:
            sample.growth = [
                (clipped(str(one.get("site")), _KEY), _integer(one.get("size_diff")), _integer(one.get("count_diff")))
                for one in growth[:_GROWTH]
                if isinstance(one, dict)
            ]


def summarize(lines: Iterable[Line], wanted: Wanted | None = None) -> Summary:
    """Read `lines` (of `LINE_TYPES` at least; others are passed over) to their end and return the figures.

    Of the interactions those that are `wanted` are counted; by default all.
    Raises what `lines` raises, and BadCassetteError for a line that is not as the format says.
    """
    summary = Summary()
    take = summary.take
    number = 0
    for line in lines:
        if wanted is not None and line.type == "interaction":
            number += 1
            if not wanted(line, number):
                continue
        try:
            take(line.type, line.head)
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise bad_line(line) from error
    return summary.finish()


def bad_line(line: Line) -> BadCassetteError:
    """Return the error for a line that is not as the format says. For an interaction it names the key."""
    if line.type == "interaction":
        from recorder.model import Interaction  # noqa: PLC0415 - it is not needed where all is well

        try:
            Interaction.from_json(line.head, where=line.where)
        except BadCassetteError as error:
            return error
    return BadCassetteError(
        f"{line.where}: the {line.type} line is not as the format says; compare it with docs/format.md."
    )


def _count(tally: Tally[Count], values: Iterable[str]) -> None:
    for value, count in Counter(values).items():
        tally.row(clipped(value, _KEY)).count += count


def _known(values: Sequence[_T | None]) -> Sequence[_T]:
    if None not in values:
        return cast("Sequence[_T]", values)
    return [value for value in values if value is not None]


def body_figures(body: Mapping[str, Any] | None) -> _BodyFigures | None:
    """Return stored size, size on the wire and why it is incomplete; None for no body."""
    if body is None:
        return None
    size, wire = body["size"], body["wire_size"]
    if wire is None:  # a conversion did not know it
        wire = size
    if not (type(size) is int and type(wire) is int and size >= 0 and wire >= 0):
        raise ValueError("a size is a number from 0 up")
    return size, wire, None if body["complete"] else clipped(str(body.get("incomplete")), _KEY)


def status_number(value: object) -> int:
    """Return a status as the model takes it. Raises ValueError for what is none."""
    if type(value) is not int or not 0 <= value <= 999:
        raise ValueError("a status is a number from 0 to 999")
    return value


def duration(value: float | None) -> float | None:
    """Return a number of milliseconds; None where it was not measured, which a negative number says, too."""
    if value is None:
        return None
    if not abs(value) < _LONGEST:
        raise ValueError("a duration is a number")
    return value if value >= 0 else None


def _figures(head: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    """Yield the numbers of a sample, each with the path of its keys."""
    for key, value in head.items():
        if key in {"interactions", "at", "type"}:
            continue
        for name, number in (
            [(f"{key}.{inner}", one) for inner, one in value.items()] if isinstance(value, dict) else [(key, value)]
        ):
            if isinstance(number, int | float) and not isinstance(number, bool):
                yield clipped(name, _KEY), number


def _text(value: Any) -> str | None:  # noqa: ANN401 - a value of JSON
    return clipped(value, _KEY) if isinstance(value, str) else None


def _integer(value: Any) -> int | None:  # noqa: ANN401 - a value of JSON
    return value if type(value) is int else None


def _datetime(seconds: float) -> datetime | None:
    if not math.isfinite(seconds):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # beyond the year 9999


def _moment(value: Any) -> datetime | None:  # noqa: ANN401 - a value of JSON
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
