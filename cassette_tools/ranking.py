"""The slowest and the largest interactions of a cassette, and those that went wrong.

Law: entries in, entries out, in one pass; nothing is printed. Of interactions that rank equally the earlier one comes
first. What is not known does not rank, and is counted.

Memory: as many entries as are asked for, each with the head of its line, and never more.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cassette_tools.listing import Entry

__all__ = ["Rank", "Ranking", "bytes_of", "is_error", "ranked"]

Rank: TypeAlias = Literal["time", "size"]
"""What ranks: "time" is the whole duration of an interaction, "size" the bytes of both of its bodies, as stored."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first of a ranking, the greatest value first. `seen` interactions were looked at, `known` have a value."""

    entries: list[Entry]
    seen: int
    known: int


def ranked(entries: Iterable[Entry], rank: Rank, top: int) -> Ranking:
    """Return the `top` entries with the greatest values (`top` is 1 or more). Raises what `entries` raises."""
    best: list[tuple[float, int, Entry]] = []  # a heap, whose least is first; numbers differ, so entries never compare
    seen = known = 0
    for entry in entries:
        seen += 1
        value = entry.total_ms if rank == "time" else bytes_of(entry)
        if value is None:
            continue
        known += 1
        if len(best) < top:
            heapq.heappush(best, (value, -entry.number, entry))
        elif value > best[0][0]:  # an equal one is later, and so ranks lower
            heapq.heapreplace(best, (value, -entry.number, entry))
    return Ranking([entry for _, _, entry in sorted(best, reverse=True)], seen, known)


def bytes_of(entry: Entry) -> int:
    """Return the stored bytes of both bodies together; 0 where there is none."""
    return (entry.request_size or 0) + (entry.response_size or 0)


def is_error(entry: Entry) -> bool:
    """Tell whether an interaction went wrong: the client saw an error, or got no response, or a status from 400 on."""
    return entry.error is not None or entry.status is None or entry.status >= 400
