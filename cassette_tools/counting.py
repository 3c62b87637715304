"""What is counted of an interaction line, and what is said of a line that cannot be counted.

Law: lines in, figures out, one line at a time; nothing is kept here. A line that lacks what is counted, or has it in a
wrong type, is handed to the model, which names the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from cassette_tools.tally import clipped
from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cassette_tools.selection import Wanted
    from recorder.journal.read import Line

__all__ = ["KEY", "MALFORMED", "BodyFigures", "bad_line", "body_figures", "count_lines", "duration", "status_number"]

KEY: Final = 300
"""Characters of a key of a table."""

MALFORMED: Final = (KeyError, TypeError, AttributeError, ValueError, OverflowError)
"""What looking into a malformed line raises."""

_LONGEST: Final = 1e15  # milliseconds, as in recorder.model

BodyFigures: TypeAlias = tuple[int, int, str | None]
"""Bytes stored, bytes on the wire, and why it is incomplete."""


class Takes(Protocol):
    """What counts lines."""

    def take(self, line_type: str, head: Mapping[str, Any]) -> None:
        """Take a line. Raises one of `MALFORMED` for one that cannot be counted."""


def count_lines(figures: Takes, lines: Iterable[Line], wanted: Wanted | None = None) -> None:
    """Have `figures` take the lines: all but the interactions that are not `wanted`.

    Raises what `lines` raises, and BadCassetteError for a line that is not as the format says.
    """
    take = figures.take
    number = 0
    for line in lines:
        if wanted is not None and line.type == "interaction":
            number += 1
            if not wanted(line, number):
                continue
        try:
            take(line.type, line.head)
        except MALFORMED as error:
            raise bad_line(line) from error


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


def body_figures(body: Mapping[str, Any] | None) -> BodyFigures | None:
    """Return stored size, size on the wire and why it is incomplete; None for no body."""
    if body is None:
        return None
    size, wire = body["size"], body["wire_size"]
    if wire is None:  # a conversion did not know it
        wire = size
    if not (type(size) is int and type(wire) is int and size >= 0 and wire >= 0):
        raise ValueError("a size is a number from 0 up")
    return size, wire, None if body["complete"] else clipped(str(body.get("incomplete")), KEY)


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
