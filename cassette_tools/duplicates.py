"""Requests that were made more than once: which, how often, whether the answers were the same, and what that cost.

Law: two requests are the same where method, URL and stored request body are, the body by its digest; where a digest is
not there, nothing is told to be the same. All counts are exact. What repeats cost is what all but the first of a group
took. It prints nothing.

Memory: 16 MB and a page cache of SQLite's, however many interactions there are. What does not fit goes to a file
without a name in the folder for temporary files (sqlite.org/tempfiles.html): about 110 bytes for an interaction and
its URL, of which at most URL characters are kept.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from cassette_tools.tally import clipped
from recorder.errors import CassetteReadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
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
_LARGEST: Final = 1 << 53  # what a float, as total() of SQLite's gives, holds exactly

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


@dataclass(frozen=True, slots=True)
class Totals:
    """Of a whole cassette: its interactions, the groups of equal requests, and what all repeats of them cost."""

    interactions: int
    groups: int
    repeats: int
    repeats_ms: float | None
    repeats_bytes: int


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

    def totals(self) -> Totals:
        """Sum all groups up. Raises CassetteReadError."""
        self._write()
        [(groups, repeats, milliseconds, size)] = self._rows(_TOTALS)
        return Totals(self._count, groups, repeats or 0, milliseconds, int(size or 0))

    def top(self, number: int) -> list[Group]:
        """Give the groups whose repeats cost most: by time, where it is known, then by bytes, then by how many.

        Raises CassetteReadError.
        """
        self._write()
        rows = list(self._rows(_TOP, number))
        details = self._details([row[0] for row in rows])
        return [self._group(row, details[row[0]]) for row in rows]

    def _group(self, row: tuple[Any, ...], detail: _Detail) -> Group:
        _, count, first, milliseconds, size, low, high, unknown = row
        [(method, url)] = self._rows("SELECT method, url FROM seen WHERE number = ?", first)
        answers: Answers = "different" if low != high else "unknown" if unknown else "same"
        return Group(
            method.decode(), url.decode(), count, detail.numbers, answers, detail.statuses, milliseconds, int(size)
        )

    def _details(self, keys: list[bytes]) -> Mapping[bytes, _Detail]:
        """Give numbers and statuses of some groups, in one pass over all."""
        found = {key: _Detail([], {}) for key in keys}
        marks = ",".join("?" * len(keys))
        statement = f"SELECT request, number, status FROM seen WHERE request IN ({marks}) ORDER BY number"  # noqa: S608 - question marks only
        for key, number, status in self._rows(statement, *keys):
            found[key].add(number, status)
        return found

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


@dataclass(slots=True)
class _Detail:
    numbers: list[int]
    statuses: dict[int | None, int]

    def add(self, number: int, status: int | None) -> None:
        if len(self.numbers) < NUMBERS:
            self.numbers.append(number)
        if status in self.statuses or len(self.statuses) < _STATUSES:
            self.statuses[status] = self.statuses.get(status, 0) + 1


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

# A column beside min(number) is that of the row with this number (sqlite.org/lang_select.html, "bare columns").
_GROUPS: Final = (
    "SELECT request, count(*) AS count, min(number) AS first,"
    " CASE WHEN count(ms) > (ms IS NOT NULL) THEN total(ms) - ifnull(ms, 0) END AS repeats_ms,"
    " total(size) - size AS repeats_size, min(answer) AS low, max(answer) AS high, count(answer) < count(*) AS unknown"
    " FROM seen GROUP BY request HAVING count(*) > 1"
)
_TOP: Final = f"{_GROUPS} ORDER BY ifnull(repeats_ms, 0) DESC, repeats_size DESC, count DESC, first LIMIT ?"
_TOTALS: Final = f"SELECT count(*), sum(count - 1), sum(repeats_ms), sum(repeats_size) FROM ({_GROUPS})"  # noqa: S608 - constants
