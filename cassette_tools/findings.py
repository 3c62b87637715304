"""What a redaction found, kept until it is shown.

Law: never a value, only where it stood, by which rule it went, and what stands there now. Rows come back in the order
of the files and their lines, whatever the number of passes that found them. Memory: HELD bytes; more waits in a
temporary file without a name.
"""

from __future__ import annotations

import heapq
import itertools
import tempfile
from collections import Counter
from dataclasses import dataclass
from operator import itemgetter
from typing import IO, TYPE_CHECKING, Any, Final, cast

import orjson

from recorder.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from recorder.redact.engine import Finding

__all__ = ["HELD", "Findings", "Row"]

HELD: Final = 1 << 20
"""Bytes."""

_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was found. `interaction` is its position as `ctools inspect` counts, None for another line."""

    file: str
    line: int
    interaction: int | None
    id: str | None
    place: str
    rule: str
    kind: str
    placeholder: str
    count: int


class Findings:
    """Rows on their way to a report. One segment for each pass over a file: `begin`, then `add` line by line."""

    def __init__(self) -> None:
        self._file: IO[bytes] = cast("IO[bytes]", tempfile.SpooledTemporaryFile(HELD))  # noqa: SIM115 - until close
        self._segments: list[_Segment] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop everything."""
        self._file.close()

    def begin(self, file: str) -> None:
        """Begin a pass over a file."""
        end = self._segments[-1].end if self._segments else 0
        self._segments.append(_Segment(file, end, end, Counter()))

    def forget(self) -> None:
        """Take the last pass back: a later one says the same, and more."""
        self._segments.pop()

    def add(self, line: int, interaction: int, identity: str | None, findings: Sequence[Finding]) -> None:
        """Keep what was found in a line. `interaction` is 0 for another line. Raises OutputError."""
        segment = self._segments[-1]
        rows = [(one.place, one.rule, one.kind, one.placeholder, one.count) for one in findings]
        for _, rule, kind, _, count in rows:
            segment.rules[rule, kind] += count
        data = orjson.dumps([line, interaction, identity, rows], option=orjson.OPT_APPEND_NEWLINE)
        try:
            self._file.seek(segment.end)
            self._file.write(data)
        except OSError as error:
            reason = error.strerror or "an I/O error"
            raise OutputError(
                f"{tempfile.gettempdir()}: what was found could not be kept: {reason}. Free some space or set TMPDIR."
            ) from error
        segment.end += len(data)

    def rules(self, file: str | None = None) -> Mapping[tuple[str, str], int]:
        """Count by rule and kind, for one file or all."""
        total: Counter[tuple[str, str]] = Counter()
        for segment in self._segments:
            if file is None or segment.file == file:
                total.update(segment.rules)
        return total

    def rows(self) -> Iterator[Row]:
        """Yield all rows, alike ones of a line put together."""
        for file, segments in itertools.groupby(self._segments, key=lambda segment: segment.file):
            lines = heapq.merge(*(self._read(segment) for segment in segments), key=itemgetter(0))
            for (line, interaction), alike in itertools.groupby(lines, key=itemgetter(0, 1)):
                identity, counts = None, Counter[tuple[str, str, str, str]]()
                for _, _, name, rows in alike:
                    identity = name
                    for *what, count in rows:
                        counts[cast("tuple[str, str, str, str]", tuple(what))] += count
                for (place, rule, kind, placeholder), count in counts.items():
                    yield Row(file, line, interaction or None, identity, place, rule, kind, placeholder, count)

    def _read(self, segment: _Segment) -> Iterator[list[Any]]:
        at, rest = segment.start, b""
        while at < segment.end:
            self._file.seek(at)
            data = self._file.read(min(_BLOCK, segment.end - at))
            at += len(data)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield orjson.loads(line)


@dataclass(slots=True)
class _Segment:
    file: str
    start: int
    end: int
    rules: Counter[tuple[str, str]]
