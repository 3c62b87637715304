"""The interactions of a cassette, one short entry each, in the order of the file.

Law: a stream of lines in, a stream of entries out; nothing is held but the run at hand. An interaction's number is its
position among the interactions of the file, from 1: it stays the same whatever is shown or left out, and finds the
interaction again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.counting import MALFORMED, bad_line, status_number
from cassette_tools.shell_word import shell_word
from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cassette_tools.selection import Wanted
    from recorder.journal.read import Line

__all__ = ["LINE_TYPES", "Entry", "entries", "find"]

LINE_TYPES = ("header", "interaction")
"""The line types that a listing wants."""

_LARGEST: Final = (1 << 63) - 1
"""Bytes. What is said to be larger is no size: no file system holds it, and JSON writers refuse it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One interaction in short. Sizes are bytes as stored, None for no body; times are milliseconds, None for unknown.

    `offset_ms` counts from the header line of the run to the beginning of the request. `error` is the type of the
    exception that the client saw, without its module.
    """

    number: int
    offset_ms: float | None
    method: str
    url: str
    status: int | None
    error: str | None
    request_size: int | None
    response_size: int | None
    total_ms: float | None
    head: Mapping[str, Any]


def entries(lines: Iterable[Line], wanted: Wanted | None = None) -> Iterator[Entry]:
    """Yield an entry for each interaction that is `wanted`; by default for all.

    Raises what `lines` raises, and BadCassetteError for a malformed line.
    """
    began: datetime | None = None
    number = 0
    for line in lines:
        if line.type == "header":
            began = _began(line.head)
        elif line.type == "interaction":
            number += 1
            if wanted is not None and not wanted(line, number):
                continue
            try:
                entry = _entry(number, line.head, began)
            except MALFORMED as error:
                raise bad_line(line) from error
            yield entry


def find(lines: Iterable[Line], number: int, *, name: str) -> tuple[Line, datetime | None]:
    """Return the line of the interaction with this number, and when its run began. Reads no further.

    Raises UsageError, naming the cassette `name`, where there are not that many; and what `lines` raises.
    """
    began: datetime | None = None
    count = 0
    for line in lines:
        if line.type == "header":
            began = _began(line.head)
        elif line.type == "interaction":
            count += 1
            if count == number:
                return line, began
    last = f"the last one is number {count}" if count else "there are none"
    raise UsageError(f"{name}: there is no interaction {number}: {last}. See: ctools inspect {shell_word(name)} --list")


def _entry(number: int, head: Mapping[str, Any], began: datetime | None) -> Entry:
    request, response, failure = head["request"], head.get("response"), head.get("error")
    return Entry(
        number=number,
        offset_ms=_offset(head["started_at"], began),
        method=_text(request["method"]),
        url=_text(request["url"]),
        status=None if response is None else status_number(response["status"]),
        error=None if failure is None else failure["type"].rpartition(".")[2],
        request_size=_size(request),
        response_size=None if response is None else _size(response),
        total_ms=_number(head["timings_ms"].get("total")),
        head=head,
    )


def _offset(started_at: str | None, began: datetime | None) -> float | None:
    if started_at is None:
        return None  # a conversion did not know it
    started = datetime.fromisoformat(started_at)
    if began is None:
        return None
    offset = (started - began).total_seconds() * 1000
    return offset if offset >= 0 else None  # converted: the header is younger than the traffic


def _began(head: Mapping[str, Any]) -> datetime | None:
    """Return when a run began; None where its header does not say."""
    try:
        moment = datetime.fromisoformat(head["created_at"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


def _size(part: Mapping[str, Any]) -> int | None:
    body = part.get("body")
    if body is None:
        return None
    size = int(body["size"])
    if not 0 <= size <= _LARGEST:
        raise ValueError("no size")
    return size


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no string")
    return value


def _number(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise TypeError("no number")
    return float(value)
