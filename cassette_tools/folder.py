"""A folder of cassettes of any formats: what each one is, and what is odd about it.

Law: it looks and changes nothing; one file is open at a time. What a file is its content tells, never its name. What is
no cassette is passed over and counted; what cannot be read is a row of its own and keeps no other from being looked at.
A time that a cassette does not tell is never made up: the file's own stands beside it, and is called that.

For secrets the engine of `ctools scan` looks at cassettes that no policy redacted, without any known secrets, and at
the first LOOKED_AT bytes of each only: `ctools scan` tells all, and where.

Memory: what reading one cassette takes (`cassette_tools.source`), the tallies, and about 200 bytes a file, of the first
MOST_COMPARED files, to find equal ones.
"""

# ruff: noqa: PLC0415 - what looks for secrets is loaded where there is something to look at

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from cassette_tools.endpoint import endpoint_of
from cassette_tools.formats import all_formats, format_named
from cassette_tools.input_stream import open_input
from cassette_tools.packing import SUFFIXES
from cassette_tools.selection import wanted_by
from cassette_tools.source import facts_of, open_cassette
from cassette_tools.tally import Tally
from cassette_tools.walk import files_below
from recorder.errors import CassetteNewerError, CassetteNotFoundError, NotACassetteError, RecorderError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassette_tools.guard import Guard
    from cassette_tools.selection import Wanted
    from cassette_tools.source import OpenCassette
    from recorder.journal.read import Mode

__all__ = [
    "FLAGS",
    "HUGE",
    "LOOKED_AT",
    "MOST_COMPARED",
    "STALE_AFTER",
    "Flag",
    "Folder",
    "Hits",
    "Row",
    "Totals",
    "size_of",
]

Flag: TypeAlias = Literal[
    "failing",  # it cannot be read, or not to its end: `Row.why`
    "damaged",  # parts of it were left out
    "unclean",  # its run has no end line: it was killed
    "recording",  # it has no end line, and was written to a moment ago
    "unredacted",  # it holds what looks like secrets
    "empty",  # it holds no interaction
    "huge",
    "stale",  # it was recorded long ago
    "duplicate",  # its bytes are those of another file
]
FLAGS: Final[tuple[Flag, ...]] = (
    "failing",
    "damaged",
    "unclean",
    "recording",
    "unredacted",
    "empty",
    "huge",
    "stale",
    "duplicate",
)
"""From the gravest on."""

STALE_AFTER: Final = 180
"""Days: what was recorded longer ago is stale, unless somebody says otherwise."""

HUGE: Final = 10_000_000
"""Bytes on the disk: what is larger is huge, unless somebody says otherwise."""

LOOKED_AT: Final = 1 << 20
"""Bytes of a cassette, unpacked, that are looked at for secrets."""

MOST_COMPARED: Final = 100_000
"""Files that are remembered to find equal ones."""

_HOSTS: Final = 1000
_DAY: Final = 86_400.0
_EARLIEST: Final = -30_000_000_000.0  # seconds since 1970, in the year 1019: a file system may say anything
_LATEST: Final = 250_000_000_000.0  # in the year 9892
_LINES: Final = ("header", "interaction", "end")
_SIZE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([kmgt]?i?b|)", re.IGNORECASE | re.ASCII)
_UNITS: Final = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
}


def size_of(text: str) -> int:
    """Read a number of bytes: "10MB", "512KiB", "1.5 GB", "4096". Raises UsageError where it is none."""
    found = _SIZE.fullmatch(text.strip())
    unit = None if found is None else _UNITS.get(found[2].lower())
    if found is None or unit is None:
        raise UsageError(f"{text!r} is no size. Say it as in 10MB, 512KiB or 4096 (bytes).")
    return int(float(found[1]) * unit)


@dataclass(slots=True)
class Row:
    """A cassette in the folder.

    - `path`: as it can be given to another command; `name`: below the folder.
    - `format`, `title`: as in `source.Facts`; "" where that could not be told.
    - `size`: bytes on the disk. `modified`: when the file was written last.
    - `interactions`: as many as are wanted; `held`: as many as there are, as far as it could be read.
    - `first`, `last`: when its first and its last interaction began, None where it does not tell.
    - `redacted`: whether a policy redacted it; None where it does not tell.
    - `secrets`: how many things look like secrets; None where nobody looked. `looked_at`: bytes, where not all were.
    - `why`: why it is failing. `same_as`: the path of the file that it is a copy of.
    """

    path: str
    name: str
    size: int
    modified: datetime
    format: str = ""
    title: str = ""
    interactions: int = 0
    held: int = 0
    first: datetime | None = None
    last: datetime | None = None
    redacted: bool | None = None
    secrets: int | None = None
    looked_at: int | None = None
    why: str | None = None
    same_as: str | None = None
    flags: list[Flag] = field(default_factory=list)

    @property
    def recorded(self) -> datetime:
        """When it was recorded; where it does not tell, when the file was written."""
        return self.last or self.modified


@dataclass(slots=True)
class Hits:
    """A count."""

    count: int = 0

    def merge(self, other: Hits) -> None:
        """Add another one."""
        self.count += other.count


@dataclass(slots=True)
class Totals:
    """The figures of a folder, complete when its rows were read to their end.

    `interactions` are those that are wanted, `held` all of them. `undated` cassettes do not tell when they were
    recorded, and have no part in `first` and `last`. `passed_over` files are no cassettes. `unread` are folders
    that could not be looked into, and why. `secrets` are places that look like secrets; of `partly` cassettes only
    the beginning was looked at for them.
    """

    cassettes: int = 0
    interactions: int = 0
    held: int = 0
    size: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    hosts: Tally[Hits] = field(default_factory=lambda: Tally(Hits, _HOSTS))
    first: datetime | None = None
    last: datetime | None = None
    undated: int = 0
    flags: Counter[Flag] = field(default_factory=Counter)
    secrets: int = 0
    partly: int = 0
    passed_over: int = 0
    unread: list[tuple[str, RecorderError]] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Count a cassette."""
        self.cassettes += 1
        self.interactions += row.interactions
        self.held += row.held
        self.size += row.size
        self.secrets += row.secrets or 0
        self.partly += row.looked_at is not None
        self.flags.update(row.flags)
        if row.title:
            self.formats[row.title] += 1
        if row.first is None or row.last is None:
            self.undated += 1
        else:
            self.first = row.first if self.first is None else min(self.first, row.first)
            self.last = row.last if self.last is None else max(self.last, row.last)


class Folder:
    """The cassettes below a folder: iterate it once, for a row each; then `totals` is complete.

    `source` is a format as --from names it: then files are read as that whose names end as its do. `only` is a filter
    (docs/filters.md) of what is counted. `stale_after` is in days, `huge` in bytes; `now` is for tests.
    """

    def __init__(
        self,
        folder: str,
        *,
        mode: Mode = "tail",
        source: str | None = None,
        only: str | None = None,
        stale_after: float = STALE_AFTER,
        huge: int = HUGE,
        now: datetime | None = None,
    ) -> None:
        self.folder = folder
        self.stale_after = stale_after
        self.huge = huge
        self.only = only
        self.totals = Totals()
        self._mode: Mode = mode
        self._source = source
        self._wanted = wanted_by(only)
        self._suffixes = _suffixes() if source is None else _packed(format_named(source, reading=True).suffixes)
        self._now = now or datetime.now(UTC)
        self._copies = _Copies()
        self._guard: Guard | None = None

    def __iter__(self) -> Iterator[Row]:
        """Give the cassettes in the order of their names, those of a folder ahead of those of its folders.

        Raises NotACassetteError where there is none at all.
        """
        totals = self.totals
        for path in files_below(Path(self.folder), totals.unread):
            row = self._row(path)
            if row is None:
                totals.passed_over += 1
                continue
            self._judge(row)
            totals.add(row)
            yield row
        if not totals.cassettes:
            raise self._nothing()

    def _nothing(self) -> RecorderError:
        totals = self.totals
        if totals.unread and not totals.passed_over:
            return totals.unread[0][1]
        passed = totals.passed_over
        found = "there is no file in it" if not passed else "the one file in it is none" if passed == 1 else ""
        found = found or f"none of the {passed:,} files in it is one"
        return NotACassetteError(
            f"{self.folder}: no cassettes: {found} (hidden ones are passed over). Give a folder that has "
            "some, or record one: ctools record -o cassette.jsonl -- COMMAND"
        )

    # -- one file

    def _row(self, path: Path) -> Row | None:
        """Read a file. None for what is no cassette."""
        likely = path.name.lower().endswith(self._suffixes)
        if self._source is not None and not likely:
            return None
        try:
            status = path.stat()
        except OSError:
            return None  # it went away meanwhile
        modified = datetime.fromtimestamp(min(max(status.st_mtime, _EARLIEST), _LATEST), UTC)
        row = Row(str(path), str(path.relative_to(self.folder)), status.st_size, modified)
        if not status.st_size:
            return row if likely else None  # a recording of which nothing was kept
        return row if self._read(row, likely=likely) else None

    def _read(self, row: Row, *, likely: bool) -> bool:
        """Fill a row by reading its cassette. Tells whether it is one."""
        reading = _Reading(self._wanted, self.totals.hosts)
        try:
            with open_cassette(
                row.path,
                mode=self._mode,
                types=_LINES,
                bodies=self._wanted is not None,
                source=self._source,
                on_progress=reading.progressed,
            ) as opened:
                row.format, row.title = opened.format, opened.title
                try:
                    reading.read(opened)
                finally:
                    reading.settle(row, opened)
        except CassetteNotFoundError:
            return False  # it went away meanwhile
        except RecorderError as error:
            known = reading.began or isinstance(error, CassetteNewerError)
            if not known and (not likely or isinstance(error, NotACassetteError)):
                return False
            row.why = str(error)
            return True
        # In the mode skip anything can be read as a damaged cassette.
        return reading.began or row.format != "jsonl"

    # -- what is odd

    def _judge(self, row: Row) -> None:
        if row.why is not None:
            row.flags.append("failing")
        if row.redacted is not True and row.format:
            self._look_for_secrets(row)
        if row.secrets:
            row.flags.append("unredacted")
        if not row.held and row.why is None:
            row.flags.append("empty")
        if row.size > self.huge:
            row.flags.append("huge")
        if (self._now - row.recorded).total_seconds() > self.stale_after * _DAY:
            row.flags.append("stale")
        if row.held:
            row.same_as = self._copies.of(row.path, row.size)
        if row.same_as is not None:
            row.flags.append("duplicate")
        row.flags.sort(key=FLAGS.index)

    def _look_for_secrets(self, row: Row) -> None:
        if self._guard is None:
            from cassette_tools.guard import Guard
            from recorder.redact.policy import Policy

            self._guard = Guard(Policy(), which="all")
        try:
            with open_input(row.path) as stream:
                beginning = _Beginning(stream.read, LOOKED_AT)
                report = self._guard.look_at(beginning, row.path)  # type: ignore[arg-type] # it reads, and no more
        except RecorderError:
            return  # reading it has told why
        row.secrets = len(report.findings) + report.more
        if beginning.was_cut:
            row.looked_at = LOOKED_AT


class _Reading:
    """One cassette being read: what is counted on the way."""

    def __init__(self, wanted: Wanted | None, hosts: Tally[Hits]) -> None:
        self.began = False
        self._wanted = wanted
        self._hosts = hosts
        self._taken = 0
        self._count = 0
        self._held = 0
        self._first = self._last = ""
        self._redacted: bool | None = None
        self._unclean = False
        self._converted = False  # the run at hand was made by a conversion: nobody recorded it, nothing ended
        self._ended = True

    def progressed(self, count: int) -> None:
        """Take note of how many bytes were read."""
        self._taken = count

    def read(self, opened: OpenCassette) -> None:
        """Read to the end. Raises what the reader does."""
        reader = opened.reader
        for line in reader:
            self.began = True
            if line.type == "interaction":
                self._held += 1
                self._take(line.head, wanted=self._wanted is None or self._wanted(line, self._held))
            elif line.type == "header" and opened.format == "jsonl":
                self._unclean = self._unclean or not self._ended
                self._take_header(line.head)
            self._ended = reader.finished or self._converted or opened.format != "jsonl"
        self._unclean = self._unclean or not self._ended

    def settle(self, row: Row, opened: OpenCassette) -> None:
        """Put what was found into a row."""
        row.interactions, row.held = self._count, self._held
        row.first, row.last = _moment(self._first), _moment(self._last)
        row.redacted = self._redacted
        if opened.reader.damage:
            row.flags.append("damaged")
        if self._unclean:
            growing = facts_of(row.path, opened, self._taken).growing
            row.flags.append("recording" if growing else "unclean")

    def _take(self, head: dict[str, Any], *, wanted: bool) -> None:
        started = head.get("started_at")
        if isinstance(started, str):
            self._first = min(self._first or started, started)
            self._last = max(self._last, started)
        if wanted:
            self._count += 1
            request = head.get("request")
            url = request.get("url") if isinstance(request, dict) else None
            if isinstance(url, str):
                self._hosts.row(endpoint_of(url)[0]).count += 1

    def _take_header(self, head: dict[str, Any]) -> None:
        by_policy = isinstance(head.get("redaction"), dict)
        self._redacted = by_policy and self._redacted is not False
        self._converted = head.get("converted") is True
        created = head.get("created_at")
        if isinstance(created, str) and not self._converted:
            self._first = min(self._first or created, created)
            self._last = max(self._last, created)


class _Beginning:
    """The first bytes of an input, as a file that ends there. `was_cut` tells whether there were more."""

    def __init__(self, read: Callable[[int], bytes | None], limit: int) -> None:
        self.was_cut = False
        self._read = read
        self._left = limit

    def read(self, size: int) -> bytes:
        """Give the next bytes, none at the end."""
        data = self._read(min(size, self._left) if self._left else 1) or b""
        if not self._left:
            self.was_cut = bool(data)
            return b""
        self._left -= len(data)
        return data


class _Copies:
    """Finds files with equal bytes. A file is read for that only where another one has its size."""

    def __init__(self) -> None:
        self._alone: dict[int, str | None] = {}  # by size the only file so far; None where there are several
        self._known: dict[tuple[int, bytes], str] = {}

    def of(self, path: str, size: int) -> str | None:
        """Give the path of a file seen before that has the same bytes."""
        if size not in self._alone:
            if len(self._alone) < MOST_COMPARED:
                self._alone[size] = path
            return None
        other = self._alone[size]
        if other is not None:
            self._alone[size] = None
            self._remember(other, size)
        return self._remember(path, size)

    def _remember(self, path: str, size: int) -> str | None:
        try:
            with open(path, "rb") as file:  # noqa: PTH123 -- the name is a string already
                key = (size, hashlib.file_digest(file, "blake2b").digest()[:16])
        except OSError:
            return None  # it went away meanwhile
        known = self._known.get(key)
        if known is None and len(self._known) < MOST_COMPARED:
            self._known[key] = path
        return known


def _suffixes() -> tuple[str, ...]:
    """Give the suffixes of names that a cassette may have."""
    return _packed(tuple({suffix for one in all_formats() if one.read is not None for suffix in one.suffixes}))


def _packed(suffixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(suffix + packed for suffix in suffixes for packed in ("", *SUFFIXES))


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
