"""What a filter took of a cassette: counted while it is asked, so that nobody reads a part for the whole.

Law: it counts and passes on; what is taken, `selection` decides. Holds the expression and two numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cassette_tools.selection import wanted_by

if TYPE_CHECKING:
    from cassette_tools.selection import Wanted
    from recorder.journal.read import Line

__all__ = ["Choice", "advice", "choose"]


@dataclass(slots=True)
class Choice:
    """The filter `only`, as it was given; of the `held` interactions that it was asked about it took `taken`."""

    only: str
    held: int = 0
    taken: int = 0


def choose(expression: str | None) -> tuple[Wanted | None, Choice | None]:
    """Make the test of a filter expression, and what it counts; a pair of None for none.

    Raises UsageError where the expression is wrong.
    """
    wanted = wanted_by(expression)
    if wanted is None or expression is None:
        return None, None
    choice = Choice(expression)

    def counted(line: Line, number: int) -> bool:
        choice.held += 1
        taken = wanted(line, number)
        choice.taken += taken
        return taken

    return counted, choice


_QUOTED: Final = re.compile(r"\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'", re.DOTALL)
_WORD: Final = re.compile(r"(?<![^\s()])(?:and|or|not)(?![^\s()])", re.IGNORECASE)


def advice(expression: str) -> str:
    """Say how people often mean something else than such a filter does; "" where nothing suggests that."""
    bare = _QUOTED.sub("", expression)
    found = _WORD.search(bare)
    if found is not None:
        return f"In it, {found[0]!r} is a pattern for the URL: terms are combined with & | ! (docs/filters.md)."
    if "~" not in bare:
        return "It is looked for in URLs only; operators such as ~c, ~m, ~b look elsewhere (docs/filters.md)."
    return ""
