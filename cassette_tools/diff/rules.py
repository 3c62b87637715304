"""What of two interactions is to be compared: which differences the user does not want to see.

Law: one object says it, to fingerprints, to the alignment and to the comparison of fields alike, so that they never
disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cassette_tools.diff.model import Part, Place

__all__ = ["Rules"]


@dataclass(frozen=True, slots=True)
class Rules:
    """`keep_volatile`: volatile things are compared like all others. `ignored`: what --ignore names."""

    keep_volatile: bool = False
    ignored: tuple[str, ...] = ()

    def ignores(self, part: Part, place: Place, path: str) -> str | None:
        """Give the text of the --ignore that covers a thing; None where none does."""
        raise NotImplementedError
