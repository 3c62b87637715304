"""Times as other tools write them, told as this project tells them.

Law: a time comes back in UTC with microseconds and a `Z`, or as None where the text is no time. Nothing raises.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["utc_of"]

_LONGEST: Final = 64


def utc_of(text: object) -> str | None:
    """Tell an ISO 8601 time (RFC 3339 and its relatives) or an HTTP date (RFC 9110 section 5.6.7) in UTC.

    A time without an offset is taken for UTC, which is what betamax and many others mean. Digits beyond microseconds
    are cut off. None for everything else, and for years that do not fit.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
