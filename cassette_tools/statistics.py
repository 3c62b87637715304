"""Where the time and the volume of a cassette went: figures by host, endpoint, status, content type, client, method.

Law: lines in, one `Statistics` out. It looks at heads only, never at a body's content; it prints nothing. Each row
has counts, bytes, and percentiles of times and sizes. Memory does not depend on the cassette: at most `ROWS` rows of
each table, and `BUCKETS` buckets of histograms in all tables together; where there would be more, the less frequent
half of a table becomes its `others` (see `tally`). That is 50 MB at the very most, and some MB in practice.

Interactions that have all six keys in common are counted together, a few thousand at a time: a histogram that takes one
number at a time would cost more than everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cassette_tools.counting import body_figures, count_lines, duration, status_number
from cassette_tools.endpoint import endpoint_of
from cassette_tools.histogram import Histogram
from cassette_tools.interaction import header
from cassette_tools.tally import Tally, clipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cassette_tools.selection import Wanted
    from recorder.journal.read import Line

__all__ = ["BUCKETS", "LINE_TYPES", "ROWS", "TABLES", "Measured", "Statistics", "collect"]

LINE_TYPES: Final = ("interaction",)
"""The line types that statistics want."""

TABLES: Final = {
    "hosts": "host",
    "endpoints": "endpoint",
    "statuses": "status",
    "types": "type",
    "clients": "client",
    "methods": "method",
}
"""The tables in the order in which they are shown, and what a row of each is."""

ROWS: Final = 1024
BUCKETS: Final = 200_000

_KEY: Final = 300  # characters of a key
_BATCH: Final = 4096  # interactions that are counted together
_LOOK: Final = 4  # batches between two looks at how many buckets there are
_TYPES: Final = 1024
_NO_RESPONSE: Final = "no response"
_NO_TYPE: Final = "not told"

_Keys: TypeAlias = tuple[str, str, str, str, str, str]
_Figures: TypeAlias = tuple[int, int, float | None, int | None, int | None]

_media_types: dict[str, str] = {}


class Measured:
    """A row: interactions, and how long they took. Sizes are bytes as stored, times milliseconds.

    `failures` have no response or an incomplete one: the client saw an exception. `errors` are other responses of
    status 400 and above. `latency` is of those whose time is known, `size` of the bodies of responses.
    """

    __slots__ = ("bytes_sent", "count", "errors", "failures", "latency", "size")

    def __init__(self) -> None:
        self.count = 0
        self.failures = 0
        self.errors = 0
        self.bytes_sent = 0
        self.latency = Histogram()
        self.size = Histogram()

    @property
    def total_ms(self) -> float:
        """All times together."""
        return self.latency.total

    @property
    def bytes_received(self) -> int:
        """All bodies of responses together."""
        return int(self.size.total)

    @property
    def weight(self) -> tuple[float, int, int]:
        """What rows are ordered by: time, where none is known volume, then the count."""
        return self.latency.total, int(self.size.total) + self.bytes_sent, self.count

    def merge(self, other: Measured) -> None:
        """Add the figures of another row."""
        self.count += other.count
        self.failures += other.failures
        self.errors += other.errors
        self.bytes_sent += other.bytes_sent
        self.latency.merge(other.latency)
        self.size.merge(other.size)

    def add(self, figures: Sequence[_Figures]) -> None:
        """Count interactions."""
        self.count += len(figures)
        failures, errors, totals, sent, got = zip(*figures, strict=True)
        self.failures += sum(failures)
        self.errors += sum(errors)
        self.bytes_sent += sum(size for size in sent if size is not None)
        self.latency.add([total for total in totals if total is not None])
        self.size.add([size for size in got if size is not None])


class Statistics:
    """The tables of a cassette, gathered line by line with `take`. `all` is the sum of any table's rows and others."""

    __slots__ = ("_batches", "_waiting", "_waiting_count", "all", "tables")

    def __init__(self) -> None:
        self.all = Measured()
        self.tables: dict[str, Tally[Measured]] = {name: Tally(Measured, ROWS) for name in TABLES}
        self._waiting: dict[_Keys, list[_Figures]] = {}
        self._waiting_count = 0
        self._batches = 0

    @staticmethod
    def match(buffer: bytearray, start: int, end: int) -> None:
        """Match no line unparsed: header fields are asked for the content type."""

    def take_rows(self, rows: list[tuple[Any, ...]]) -> None:
        """Take nothing: no line matches."""

    def is_accounted(self) -> bool:
        """Tell that it is not known how many interactions there should be."""
        return False

    def take(self, line_type: str, head: Mapping[str, Any]) -> None:
        """Take one line; of other types than interaction nothing.

        Raises KeyError, TypeError, AttributeError, ValueError, OverflowError for a malformed one, which then leaves no
        trace.
        """
        if line_type != "interaction":
            return
        request, response = head["request"], head.get("response")
        failed = head.get("error") is not None
        method = request["method"]
        if type(method) is not str:
            raise TypeError("a method is a string")
        host, path = endpoint_of(request["url"])
        sent, got, status, kind = body_figures(request.get("body")), None, "none", _NO_RESPONSE
        error = False
        if response is not None:
            number = status_number(response["status"])
            status, error = str(number), number >= 400 and not failed
            got, kind = body_figures(response.get("body")), _media_type(response["headers"])
        total = duration(head["timings_ms"].get("total"))
        keys = (host, path, status, kind, str(head.get("client") or "unknown"), method)
        figures = (int(failed), int(error), total, None if sent is None else sent[0], None if got is None else got[0])
        waiting = self._waiting.get(keys)
        if waiting is None:
            self._waiting[keys] = [figures]
        else:
            waiting.append(figures)
        self._waiting_count += 1
        if self._waiting_count >= _BATCH:
            self._count()

    def finish(self) -> Statistics:
        """Count what was taken last, and return the statistics. To be called before any figure is read."""
        self._count()
        return self

    def merge(self, other: Statistics) -> None:
        """Add the figures of another part of the cassette. Both are finished."""
        self.all.merge(other.all)
        for name, table in self.tables.items():
            table.merge(other.tables[name])
        self._bound()

    def ordered(self, table: str) -> list[tuple[str, Measured]]:
        """Return all rows of a table, the one that took most time first."""
        return sorted(self.tables[table].rows.items(), key=lambda item: (*[-part for part in item[1].weight], item[0]))

    def _count(self) -> None:
        for (host, path, status, kind, client, method), figures in self._waiting.items():
            row = Measured()
            row.add(figures)
            self.all.merge(row)
            keys = (host, f"{method} {host}{path}", status, kind, client, method)
            for table, key in zip(self.tables.values(), keys, strict=True):
                table.row(clipped(key, _KEY)).merge(row)
        self._waiting.clear()
        self._waiting_count = 0
        self._batches += 1
        if self._batches % _LOOK == 0:
            self._bound()

    def _bound(self) -> None:
        """Give up rows until there are no more buckets than `BUCKETS`."""
        sizes = {
            name: sum(row.latency.buckets + row.size.buckets for row in table.rows.values())
            for name, table in self.tables.items()
        }
        while sum(sizes.values()) > BUCKETS:
            largest = max(sizes, key=lambda name: sizes[name])
            table = self.tables[largest]
            if len(table.rows) < 2:
                return
            table.cut()
            sizes[largest] = sum(row.latency.buckets + row.size.buckets for row in table.rows.values())


def collect(lines: Iterable[Line], wanted: Wanted | None = None) -> Statistics:
    """Read `lines` (of `LINE_TYPES` at least; others are passed over) to their end and return the figures.

    Of the interactions those that are `wanted` are counted; by default all.
    Raises what `lines` raises, and BadCassetteError for a line that is not as the format says.
    """
    statistics = Statistics()
    count_lines(statistics, lines, wanted)
    return statistics.finish()


def _media_type(headers: list[tuple[str, str]]) -> str:
    """Return the media type that a Content-Type tells (RFC 9110 section 8.3.1), in small letters."""
    value = header(headers, "content-type")
    if value is None:
        return _NO_TYPE
    known = _media_types.get(value)
    if known is None:
        known = clipped(value.partition(";")[0].strip().lower(), _KEY) or _NO_TYPE
        if len(_media_types) >= _TYPES:
            _media_types.clear()
        if len(value) <= _KEY:
            _media_types[value] = known
    return known
