"""What the runs and processes of a recording say of themselves, in figures.

Law: the lines of a recorder that are no interactions in (header, process, end, diagnosis), rows out. Interactions are
only numbered here. Every table has a limit, so memory does not depend on the length of the cassette: some 100 runs,
1,024 processes, the samples of 20 processes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.counting import KEY
from cassette_tools.tally import Tally, clipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Diagnosis", "Figure", "Process", "Run", "Runs"]

_ROWS: Final = 1024
_RUNS: Final = 100
_FIGURES: Final = 100
_GROWTH: Final = 20


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


class Runs:
    """The runs of a cassette in their order, and its processes."""

    __slots__ = ("diagnoses", "left_out", "processes", "runs")

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.left_out = 0  # runs beyond the first hundred; their interactions are in all figures
        self.processes: Tally[Process] = Tally(Process, _ROWS)
        self.diagnoses: Tally[Diagnosis] = Tally(Diagnosis, 20)

    def take(self, line_type: str, head: Mapping[str, Any]) -> None:
        """Take a line. Raises KeyError, TypeError, AttributeError, ValueError, OverflowError for a malformed one."""
        if line_type == "header":
            self._header(head)
        elif line_type == "process":
            self._process(head)
        elif line_type == "end":
            self._end(head)
        elif line_type == "diagnosis":
            self._diagnosis(head)

    def count(self, interactions: int, failures: int) -> None:
        """Count interactions for the run that is going on."""
        run = self._current()
        run.interactions += interactions
        run.failures += failures

    def is_accounted(self) -> bool:
        """Tell whether the end lines of all processes tell of just the interactions that were counted for them."""
        return not self.processes.was_cut and all(row.told == row.count for row in self.processes.rows.values())

    def count_processes(
        self, processes: Sequence[str], pids: Sequence[int | None], memory: Sequence[int | None]
    ) -> None:
        """Count interactions for their processes: of each the process, its number and the resident bytes."""
        for token, count in Counter(processes).items():
            row = self.processes.row(clipped(token, KEY))
            row.count += count
            mine = memory
            if count < len(mine):
                mine = [rss for rss, process in zip(mine, processes, strict=True) if process == token]
            sizes = [rss for rss in mine if rss is not None]
            if sizes:
                row.rss_first = sizes[0] if row.rss_first is None else row.rss_first
                row.rss_last = sizes[-1]
                row.rss_largest = max(row.rss_largest or 0, *sizes)
            if row.pid is None:
                row.pid = pids[processes.index(token)]

    def _header(self, head: Mapping[str, Any]) -> None:
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
            self.left_out += 1
            self.runs.pop()
        self.runs.append(run)

    def _current(self) -> Run:
        """Return the run that is going on: a new one where no header came, which only the mode skip lets through."""
        if not self.runs:
            self.runs.append(Run(None, None, 0, None, None, None, None, redaction="unknown", body_limit=None))
        return self.runs[-1]

    def _process(self, head: Mapping[str, Any]) -> None:
        row = self.processes.row(clipped(str(head.get("process")), KEY))
        row.pid = _integer(head.get("pid"))
        row.program = _text(head.get("program"))
        row.python = _text(head.get("python"))

    def _end(self, head: Mapping[str, Any]) -> None:
        process = self.processes.rows.get(clipped(str(head.get("process")), KEY))
        if process is not None:
            process.ended = True
        last = self._current()
        run = next((run for run in reversed(self.runs) if run.run == head.get("run")), last)
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
            key = clipped(reason, KEY)
            if key in run.lost or len(run.lost) < _ROWS:
                run.lost[key] = run.lost.get(key, 0) + (_integer(count) or 0)

    def _diagnosis(self, head: Mapping[str, Any]) -> None:
        sample = self.diagnoses.row(clipped(str(head.get("process")), KEY))
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
                (clipped(str(one.get("site")), KEY), _integer(one.get("size_diff")), _integer(one.get("count_diff")))
                for one in growth[:_GROWTH]
                if isinstance(one, dict)
            ]


def _figures(head: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    """Yield the numbers of a sample, each with the path of its keys."""
    for key, value in head.items():
        if key in {"interactions", "at", "type"}:
            continue
        for name, number in (
            [(f"{key}.{inner}", one) for inner, one in value.items()] if isinstance(value, dict) else [(key, value)]
        ):
            if isinstance(number, int | float) and not isinstance(number, bool):
                yield clipped(name, KEY), number


def _text(value: Any) -> str | None:  # noqa: ANN401 - a value of JSON
    return clipped(value, KEY) if isinstance(value, str) else None


def _integer(value: Any) -> int | None:  # noqa: ANN401 - a value of JSON
    return value if type(value) is int else None


def _moment(value: Any) -> datetime | None:  # noqa: ANN401 - a value of JSON
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
