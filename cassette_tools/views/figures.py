"""Figures as text: sizes, durations, counts and times, the same everywhere.

Law: pure functions. Units are decimal (1 kB is 1,000 bytes), times are UTC, and a figure that is not known is "-".
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["count_text", "duration_text", "moment_text", "size_text"]

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def size_text(size: float | None) -> str:
    """Return a number of bytes with three digits and a unit: "0 B", "999 B", "1.23 kB", "31.5 MB"."""
    if size is None:
        return "-"
    if abs(size) < 999.5:
        return f"{size:.0f} B"
    value = float(size)
    for unit in _UNITS:
        value /= 1000
        if abs(value) < 999.5:
            return f"{_three_digits(value)} {unit}"
    return f"{value:,.0f} {_UNITS[-1]}"


def duration_text(milliseconds: float | None) -> str:
    """Return a duration with three digits and a unit: "0.21 ms", "15.2 ms", "1.52 s", "2 min 05 s", "3 h 07 min"."""
    if milliseconds is None:
        return "-"
    if milliseconds < 999.5:
        return f"{_three_digits(milliseconds)} ms"
    seconds = milliseconds / 1000
    if seconds < 99.95:
        return f"{_three_digits(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} min"


def count_text(number: int, one: str = "", many: str = "") -> str:
    """Return a number with separators, and a noun in its number where one is given: "1 run", "2,000 runs"."""
    noun = one if number == 1 else many or (one and one + "s")
    return f"{number:,} {noun}".rstrip()


def moment_text(moment: datetime | None, *, precise: bool = False) -> str:
    """Return a time as "2026-11-23 03:30:47 UTC", with `precise` to the millisecond."""
    if moment is None:
        return "-"
    utc = moment.astimezone(UTC)
    fraction = f".{utc.microsecond // 1000:03d}" if precise else ""
    return f"{utc:%Y-%m-%d %H:%M:%S}{fraction} UTC"


def _three_digits(value: float) -> str:
    """Return `value` (below 999.5) with three significant digits, or two decimals where that is less."""
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
