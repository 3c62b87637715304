"""Times of day as other tools write them, brought into the one form of this toolkit's cassettes.

Law: UTC, RFC 3339 with microseconds and a `Z` (docs/format.md). What is no time is None, never a guess, and no error.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["from_epoch", "from_http_date", "from_text"]

_TEXT: Final = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:[Tt]|[ \t]{1,9})(\d\d?):(\d\d):(\d\d)(?:[.,](\d{1,9})\d{0,9})?"
    r"[ \t]{0,9}(Z|z|UTC|GMT|[+-]\d\d?(?::?\d\d)?)?",
    re.ASCII,
)
_LONGEST: Final = 100
_EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def from_epoch(seconds: float) -> str | None:
    """Bring seconds since 1970 into the form, rounded to a microsecond. None beyond the years 1 to 9999."""
    try:
        return _written(_EPOCH + timedelta(seconds=seconds))
    except (OverflowError, ValueError):  # too far away, or NaN
        return None


def from_text(text: str) -> str | None:
    """Bring RFC 3339 and its like (a blank for the T, UTC for the Z) into the form. Without a zone it is UTC."""
    found = _TEXT.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    micro = int((found[7] or "0").ljust(6, "0")[:6])
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), micro, tzinfo=_zone(found[8]))
        return _written(moment.astimezone(UTC))
    except (OverflowError, ValueError):  # no such day, or in no year of the calendar
        return None


def from_http_date(text: str) -> str | None:
    """Bring the date of an HTTP header or a mail (RFC 9110 section 5.6.7, RFC 5322) into the form."""
    if len(text) > _LONGEST or not text.isascii():
        return None
    try:
        moment = parsedate_to_datetime(text)
        return _written(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (OverflowError, TypeError, ValueError, IndexError):  # the parser's own ways to say no
        return None


def _zone(said: str | None) -> timezone:
    if said is None or said[0] not in "+-":
        return UTC
    digits = said[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    away = timedelta(hours=hours, minutes=minutes)
    return timezone(-away if said[0] == "-" else away)


def _written(moment: datetime) -> str:
    if moment < _EARLIEST:
        raise ValueError("before the calendar")
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}Z".rjust(27, "0")
