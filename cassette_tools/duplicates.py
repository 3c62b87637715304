"""Requests that were made more than once: which, how often, whether the answers were the same, and what that cost.

Law: two requests are the same where method, URL and stored request body are, the body by its digest; where a digest is
not there, nothing is told to be the same. All counts are exact. What repeats cost is what all but the first of a group
took. It prints nothing.

Memory: SQLite's cache and its sorter, 16 MB each, however many interactions there are. What does not fit goes to files
without a name in the folder for temporary files (sqlite.org/tempfiles.html): about 110 bytes for an interaction, and
its URL, of which at most URL characters are kept.
"""

from __future__ import annotations

import hashlib
import heapq
import sqlite3
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from cassette_tools.tally import clipped
from recorder.errors import CassetteReadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from cassette_tools.listing import Entry

__all__ = ["NUMBERS", "Answers", "Duplicates", "Group", "Totals"]

URL: Final = 4096
"""Characters of a URL that are kept to be shown. Whole URLs are compared."""

NUMBERS: Final = 10
"""Interactions of a group that are named."""

_STATUSES: Final = 100
_BATCH: Final = 1000
_CACHE: Final = 16_000  # KiB
_LARGEST: Final = (1 << 63) - 1  # an INTEGER of SQLite's

Answers: TypeAlias = Literal["same", "different", "unknown"]
"""Whether the answers of a group have the same status and the same stored body, or fail with the same type of error."""


@dataclass(frozen=True, slots=True)
class Group:
    """A request that was made `count` times. `numbers` are its first interactions, at most NUMBERS.

    `statuses`: how often which, None for no response. `repeats_ms` is None where no repeat's duration is known;
    `repeats_bytes` counts both bodies of the repeats, as stored.
    """

    method: str
    url: str
    count: int
    numbers: list[int]
    answers: Answers
    statuses: dict[int | None, int]
    repeats_ms: float | None
    repeats_bytes: int


@dataclass(slots=True)
class Totals:
    """Of a whole cassette: its interactions, the requests that were repeated, and what all repeats of them cost."""

    interactions: int
    groups: int
    repeats: int
    repeats_ms: float | None
    repeats_bytes: int

    def add(self, rows: _Rows) -> None:
        """Add one request."""
        self.groups += 1
        self.repeats += rows.count - 1
        self.repeats_bytes += rows.size
        if rows.ms is not None:
            self.repeats_ms = (self.repeats_ms or 0.0) + rows.ms


class Duplicates:
    """Takes entries, then gives the groups. A context manager, for its file."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None)  # a private base in a file without a name
        self._waiting: list[tuple[Any, ...]] = []
        self._count = 0
        for statement in _SETTINGS:
            self._base.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def add(self, entry: Entry) -> None:
        """Take note of an interaction. Raises CassetteReadError where there is no room for that."""
        self._count += 1
        size = (entry.request_size or 0) + (entry.response_size or 0)
        row = (
            entry.number,
            _request(entry),
            _answer(entry),
            None if entry.status is None else _stored(entry.status),
            _stored(size),
            entry.total_ms,
            clipped(entry.method, URL).encode("utf-8", "backslashreplace"),
            clipped(entry.url, URL).encode("utf-8", "backslashreplace"),
        )
        self._waiting.append(row)
        if len(self._waiting) >= _BATCH:
            self._write()

    def found(self, top: int) -> tuple[list[Group], Totals]:
        """Give the `top` groups whose repeats cost most, and the sums of all.

        Time counts first, where it is known; then bytes, then how often; then what comes first in the cassette. Raises
        CassetteReadError.
        """
        self._write()
        totals = Totals(self._count, 0, 0, None, 0)
        best: list[tuple[tuple[float, int, int, int], _Rows]] = []  # a heap; the numbers in its keys differ
        for rows in self._groups():
            totals.add(rows)
            heapq.heappush(best, (rows.cost, rows))
            if len(best) > top:
                heapq.heappop(best)
        return [self._group(rows) for _, rows in sorted(best, reverse=True)], totals

    def _groups(self) -> Iterator[_Rows]:
        """Give the rows of each request that was made more than once, summed up."""
        ordered = self._rows("SELECT request, number, answer, status, size, ms FROM seen ORDER BY request, number")
        for _, rows in groupby(ordered, itemgetter(0)):
            first = group = None
            for row in rows:
                if first is None:
                    first = row
                else:
                    group = group or _Rows(first)
                    group.add(row)
            if group is not None:
                yield group

    def _group(self, rows: _Rows) -> Group:
        [(method, url)] = self._rows("SELECT method, url FROM seen WHERE number = ?", rows.numbers[0])
        answers: Answers = "different" if rows.differ else "unknown" if rows.unknown else "same"
        return Group(
            method.decode(), url.decode(), rows.count, rows.numbers, answers, rows.statuses, rows.ms, rows.size
        )

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            self._base.executemany("INSERT INTO seen VALUES (?,?,?,?,?,?,?,?)", waiting)
        except sqlite3.Error as error:
            raise _no_room(error) from error

    def _rows(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._base.execute(statement, values)
        except sqlite3.Error as error:
            raise _no_room(error) from error


class _Rows:
    """The rows of one request, as far as they were added. `ms` and `size` are those of all but the first."""

    __slots__ = ("answer", "count", "differ", "ms", "numbers", "size", "statuses", "unknown")

    def __init__(self, first: tuple[Any, ...]) -> None:
        _, number, self.answer, status, _, _ = first
        self.count = 1
        self.numbers: list[int] = [number]
        self.statuses: dict[int | None, int] = {status: 1}
        self.unknown = self.answer is None
        self.differ = False
        self.ms: float | None = None
        self.size = 0

    def add(self, row: tuple[Any, ...]) -> None:
        _, number, answer, status, size, ms = row
        self.count += 1
        if self.count <= NUMBERS:
            self.numbers.append(number)
        if status in self.statuses or len(self.statuses) < _STATUSES:
            self.statuses[status] = self.statuses.get(status, 0) + 1
        if answer is None:
            self.unknown = True
        elif self.answer is None:
            self.answer = answer
        elif answer != self.answer:
            self.differ = True
        if ms is not None:
            self.ms = (self.ms or 0.0) + ms
        self.size += size

    @property
    def cost(self) -> tuple[float, int, int, int]:
        return self.ms or 0.0, self.size, self.count, -self.numbers[0]


def _request(entry: Entry) -> bytes:
    """Give what tells a request from all others: 16 bytes of a digest."""
    body = entry.head["request"].get("body")
    digest = hashlib.blake2b(digest_size=16)
    for text in (entry.method, entry.url):
        data = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data))
        digest.update(data)
    if body is not None and entry.request_size:
        stated = body.get("sha256")
        digest.update(stated.encode() if isinstance(stated, str) else b"number %d" % entry.number)
    return digest.digest()


def _answer(entry: Entry) -> bytes | None:
    """Give what tells an answer from others. None: that cannot be told."""
    response = entry.head.get("response")
    body = None if response is None else response.get("body")
    stated = None
    if body is not None and entry.response_size:
        stated = body.get("sha256")
        if not isinstance(stated, str):
            return None
    return hashlib.blake2b(f"{entry.status} {entry.error} {stated}".encode(), digest_size=8).digest()


def _stored(number: int) -> int:
    """Give a number that SQLite can hold; those that it cannot are no measurements."""
    return max(0, min(number, _LARGEST))


def _no_room(error: sqlite3.Error) -> CassetteReadError:
    code = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    return CassetteReadError(
        f"The folder for temporary files has to take what is compared, and that failed ({code}). "
        "Free some space, or set TMPDIR to another folder."
    )


_SETTINGS: Final = (
    f"PRAGMA cache_size = -{_CACHE}",
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA temp_store = FILE",
    """CREATE TABLE seen (number INTEGER PRIMARY KEY, request BLOB, answer BLOB, status INTEGER, size INTEGER, ms REAL,
    method BLOB, url BLOB)""",
)
