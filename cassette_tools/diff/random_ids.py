"""Whether a text is an id that was drawn at random: `cus_NffrFeUfNV2Hib`, `chatcmpl-9xQ2...`, `V1StGXR8_Z5jdHi6B-myT`.

Law: it is told by its letters and digits, and by whether the name beside it says id. What people write (names,
versions), and what may be the hash of what it names, is none: there a difference is a change.
"""

from __future__ import annotations

import re
from typing import Final

from cassette_tools.diff.volatile_kinds import Blank
from cassette_tools.diff.volatile_names import WORD, kept_under, words_of

__all__ = ["HEXADECIMAL", "OF_DIGEST", "SHORTEST_ID", "drawn_id", "is_mixed"]

SHORTEST_ID: Final = 12
HEXADECIMAL: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_PREFIXED: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9]{0,15}(?:[_-][a-z][a-z0-9]{0,9}){0,2}[_-])([A-Za-z0-9]{10,64}(?:_secret_[A-Za-z0-9]{14,64})?)"
)
_BARE_ID: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SEPARATOR: Final = re.compile("[_-]")
# Of version 4 or 7. A digest looks so once in 32 times, and two of them once in a thousand.
_PLAIN_UUID: Final = re.compile(r"[0-9a-f]{12}[47][0-9a-f]{3}[89ab][0-9a-f]{15}")
OF_DIGEST: Final = re.compile(r"(?:sha|md|blake|crc)\d|hash|digest|rev|ver|build|commit|v\d", re.IGNORECASE)
_SHORT_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]|\d+")
_RISE: Final = re.compile("[a-z][A-Z]")
_UNWRITTEN: Final = re.compile(r"[A-Z]{2}|\d[a-z]")
_SHORT_HEX: Final = re.compile(r"(?=(?:[^a-f]*[a-f]){2})(?=(?:\D*\d){2})[0-9a-f]{10,13}")


def drawn_id(text: str, name: str) -> Blank | None:
    """Tell whether a whole text is an id that was drawn at random. Its prefix and its length are part of its form."""
    if name and "id" in kept_under(name):
        return None
    words = words_of(name) if name else ()
    of_id = words[-1:] in (("id",), ("ids",))
    prefixed = _PREFIXED.fullmatch(text)
    if prefixed is not None:
        lead, drawn = prefixed.groups()
        if OF_DIGEST.match(lead) is None and (
            is_mixed(drawn) or (of_id and (_is_small_and_drawn(drawn) or _SHORT_HEX.fullmatch(drawn) is not None))
        ):
            return Blank("id", f"id {lead}{len(drawn)}")
    if of_id and _PLAIN_UUID.fullmatch(text):
        return Blank("uuid", "uuid without hyphens")
    if of_id and len(words) == 1 and _BARE_ID.fullmatch(text) and _is_bare_and_drawn(text):
        return Blank("id", f"id {len(text)}")
    return None


def _is_bare_and_drawn(text: str) -> bool:
    """Tell it of an id without a prefix. One of hexadecimal digits may be the hash of what it names."""
    if HEXADECIMAL.fullmatch(text) is not None:
        return False
    return is_mixed(_SEPARATOR.sub("", text)) or (len(text) >= 20 and text.isalnum() and _is_small_and_drawn(text))


def is_mixed(drawn: str) -> bool:
    """Tell whether small and capital letters and digits stand as a generator puts them: in words of few letters.

    Of random texts of 14 characters 97 % are taken, of longer ones more. Names that people write have longer words
    (`WaitingForApprovalStep2Final`), or no two capitals in a row and no small letter behind a digit (`EuWestNode17A`).
    """
    if len(drawn) < 14:
        return False
    words = len(_SHORT_WORD.findall(drawn))
    capital, small = sum(map(str.isupper, drawn)), sum(map(str.islower, drawn))
    if min(capital, small) < (1 if len(drawn) - capital - small >= 3 else 2) or len(drawn) > 2.8 * words:
        return False
    if drawn.isalpha():  # as `CachedHTTPFile`: one in twelve random texts of 14 characters is
        return len(drawn) <= 2.3 * words or (len(_RISE.findall(drawn)) >= 3 and _UNWRITTEN.search(drawn) is not None)
    return len(drawn) <= 2 * words or _UNWRITTEN.search(drawn) is not None


def _is_small_and_drawn(drawn: str) -> bool:
    """Tell it of letters of one case and digits."""
    if len(drawn) < 14 or not (drawn.islower() or drawn.isupper()):
        return False
    return sum(map(str.isdigit, drawn)) >= 2 and len(drawn) <= 5 * len(WORD.findall(drawn))
