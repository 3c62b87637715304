"""What of two interactions is to be compared: which differences the user does not want to see.

Law: one object says it, to fingerprints, to the alignment and to the comparison of fields alike, so that they never
disagree.

Memory: the answers that were given, up to `MOST_ANSWERS` of each kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from cassette_tools.diff.selectors import Selector, compile_selector

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from cassette_tools.diff.model import Part, Place

__all__ = ["MOST_ANSWERS", "Rules"]

MOST_ANSWERS: Final = 10_000
"""Answers that are kept; when there are more, they are forgotten."""

_Asked = TypeVar("_Asked", bound="Hashable")


@dataclass(frozen=True, slots=True)
class Rules:
    """`keep_volatile`: volatile things are compared like all others. `ignored`: what --ignore names.

    Equal rules are equal as values. Raises UsageError for a selector that is wrong (docs/diff.md has the language).
    """

    keep_volatile: bool = False
    ignored: tuple[str, ...] = ()
    _selectors: tuple[Selector, ...] = field(init=False, repr=False, compare=False, default=())
    _answers: dict[tuple[Part, Place, str], str | None] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _members: dict[tuple[Part, str], str | None] = field(init=False, repr=False, compare=False, default_factory=dict)
    _cookies: dict[tuple[Part, str], str | None] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_selectors", tuple(compile_selector(text) for text in self.ignored))

    @classmethod
    def of(cls, ignored: Sequence[str] = (), *, keep_volatile: bool = False) -> Rules:
        """Make rules of the options of the command. Raises UsageError for a selector that is wrong."""
        return cls(keep_volatile=keep_volatile, ignored=tuple(ignored))

    def ignores(self, part: Part, place: Place, path: str) -> str | None:
        """Give the text of the --ignore that covers a thing or what it lies in; None where none does."""
        if not self._selectors:
            return None
        return self._answer(self._answers, (part, place, path), lambda one: one.covers(part, place, path))

    def ignores_cookie(self, part: Part, name: str) -> str | None:
        """Give the text of the --ignore that covers a cookie, by name, without its header; None where none does."""
        if not self._selectors:
            return None
        return self._answer(self._cookies, (part, name), lambda one: one.covers_cookie(part, name))

    def ignores_member(self, part: Part, steps: str) -> str | None:
        """Give the text of the --ignore for a value of JSON, by its folded path; what lies above is not looked at."""
        if not self._selectors:
            return None
        return self._answer(self._members, (part, steps), lambda one: one.covers_member(part, steps))

    def ignores_line(self, part: Part, text: str) -> str | None:
        """Give the text of the --ignore that covers a line of a text; None where none does."""
        return next((one.text for one in self._selectors if one.covers_line(part, text)), None)

    @property
    def ignores_lines(self) -> bool:
        """Whether any selector is for lines."""
        return any(one.place == "line" for one in self._selectors)

    def _answer(self, known: dict[_Asked, str | None], asked: _Asked, covers: Callable[[Selector], bool]) -> str | None:
        try:
            return known[asked]
        except KeyError:
            if len(known) >= MOST_ANSWERS:
                known.clear()
            answer = known[asked] = next((one.text for one in self._selectors if covers(one)), None)
            return answer
