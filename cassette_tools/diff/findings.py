"""What is found while two interactions are compared, as it is found: changes, and what differs and is ignored.

Law: at most MOST_CHANGES changes are kept, the rest is counted, and their values are not even made. Each value is
clipped to LONGEST_VALUE characters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cassette_tools.diff.model import LONGEST_VALUE, MOST_CHANGES, Change, Ignored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cassette_tools.diff.model import Action, Part, Place

__all__ = ["Compared", "Findings", "clipped", "clipped_pair", "clipped_pieces"]

_LEAD: Final = 100
"""Characters that are shown ahead of the first difference of two long values."""


@dataclass(slots=True)
class Compared:
    """What a comparison of two interactions found. `left_out` changes were found beyond those listed."""

    changes: list[Change] = field(default_factory=list)
    left_out: int = 0
    ignored: dict[Ignored, int] = field(default_factory=dict)

    def full(self) -> bool:
        """Tell whether no further change is listed, only counted."""
        return len(self.changes) >= MOST_CHANGES

    def ignore(self, rule: str, where: str) -> None:
        """Count something that differs and is no change."""
        ignored = Ignored(rule, where)
        self.ignored[ignored] = self.ignored.get(ignored, 0) + 1


@dataclass(frozen=True, slots=True)
class Findings:
    """Where to put what is found in one part of an interaction. Within a part of a multipart body `prefix` names it."""

    compared: Compared
    part: Part
    prefix: str = ""

    def within(self, name: str) -> Findings:
        """Give the findings for a part of a multipart body."""
        return Findings(self.compared, self.part, f"{self.prefix}: {name}" if self.prefix else name)

    def full(self) -> bool:
        """Tell whether no further change is listed. Then `more` counts them."""
        return self.compared.full()

    def more(self, count: int = 1) -> None:
        """Count changes that are not listed."""
        self.compared.left_out += count

    def change(self, place: Place, path: str, action: Action, old: str | None, new: str | None) -> None:
        """List a change; the values are clipped here."""
        if self.full():
            self.more()
            return
        old, new = clipped_pair(old, new)
        place, path = self.at(place, path)
        self.compared.changes.append(Change(self.part, place, path, action, old, new))

    def add(self, change: Change) -> None:
        """List a change that is complete."""
        if self.full():
            self.more()
        else:
            self.compared.changes.append(change)

    def ignore(self, rule: str, place: str, path: str = "") -> None:
        """Count something that differs and is no change. `path` without numbers."""
        if self.prefix:
            path = f"{self.prefix}: {path}" if path else self.prefix
            place = "part"
        self.compared.ignore(rule, " ".join(word for word in (self.part, place, path) if word))

    def at(self, place: Place, path: str) -> tuple[Place, str]:
        """Give place and path as they are listed: within a part of a multipart body its name goes ahead."""
        if not self.prefix:
            return place, path
        if place in {"line", "header"}:
            path = f"{place} {path}"
        return "part", f"{self.prefix}: {path}" if path else self.prefix


def clipped(text: str) -> str:
    """Give at most LONGEST_VALUE characters of a text, and how many are missing."""
    if len(text) <= LONGEST_VALUE:
        return text
    return f"{text[:LONGEST_VALUE]}... ({len(text) - LONGEST_VALUE:,} more)"


def clipped_pair(old: str | None, new: str | None) -> tuple[str | None, str | None]:
    """Clip two values. Of long ones that begin alike the beginning goes, so that what differs is shown."""
    if old is None or new is None or max(len(old), len(new)) <= LONGEST_VALUE:
        return (None if old is None else clipped(old)), (None if new is None else clipped(new))
    same = _alike(old, new)
    if same <= _LEAD:
        return clipped(old), clipped(new)
    cut = same - _LEAD
    said = f"({cut:,} alike) ..."
    return clipped(said + old[cut:]), clipped(said + new[cut:])


def clipped_pieces(pieces: Iterable[str]) -> str:
    """Put pieces together and clip them. Holds what is shown and one piece."""
    shown: list[str] = []
    length = 0
    for piece in pieces:
        if length < LONGEST_VALUE:
            shown.append(piece[: LONGEST_VALUE - length])
        length += len(piece)
    text = "".join(shown)
    return text if length <= LONGEST_VALUE else f"{text}... ({length - len(text):,} more)"


def _alike(old: str, new: str) -> int:
    """Give the number of characters that two texts begin alike with, by halving."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
