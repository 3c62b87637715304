"""Places in a tree of values without the numbers of elements: what --ignore says of each, and the name beside it.

Law: a place is asked for once and then remembered, with its path and what is said of it. It knows no value.

Memory: `Roots` forgets places when there are more than some 20,000.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from cassette_tools.diff.model import Ignored, Part
    from cassette_tools.diff.rules import Rules

__all__ = ["Roots", "Site", "Step", "Trail"]

Step: TypeAlias = "str | int | None"
"""A key, the number of an element from 0, or None for any element."""

Trail: TypeAlias = "tuple[Trail, Step] | None"
"""A path as a chain of steps from its end, so that going deeper costs nothing."""


class Site:
    """A place in JSON without numbers: what --ignore says of it, the name beside its values, and its path."""

    __slots__ = (
        "_children",
        "_path",
        "above",
        "count",
        "depth",
        "ignored",
        "name",
        "part",
        "rules",
        "said",
        "step",
        "steps",
    )

    def __init__(self, rules: Rules, part: Part, *, above: Site | None = None, step: Step = None) -> None:
        self.rules = rules
        self.part = part
        self.above = above
        self.step = step
        self.depth: int = 0 if above is None else above.depth + 1
        self.steps: str = "" if above is None else above.steps + ("[*]\0" if step is None else f".{step}\0")
        self.name: str = step if isinstance(step, str) else "" if above is None else above.name
        self.ignored: str | None = rules.ignores_member(part, self.steps)
        self._children: dict[Step, Site] = {}
        self._path: tuple[Step, ...] | None = None
        self.said: dict[str, Ignored] = {}
        self.count: list[int] = [0] if above is None else above.count
        self.count[0] += 1

    def below(self, step: Step) -> Site:
        """Give the place of a member (its key) or of any element (None)."""
        child = self._children.get(step)
        if child is None:
            child = self._children[step] = self._made(step)
        return child

    def path(self) -> tuple[Step, ...]:
        """Give the steps from the root."""
        if self._path is None:
            self._path = () if self.above is None else (*self.above.path(), self.step)
        return self._path

    def _made(self, step: Step) -> Site:
        return Site(self.rules, self.part, above=self, step=step)


_MOST_ROOTS: Final = 8
_MOST_SITES: Final = 20_000
"""Places that are remembered from one comparison to the next; their names may be data."""


class Roots:
    """Roots that are used again: most answers of a cassette have the same places. Forgotten when there are many."""

    def __init__(self, kind: type[Site]) -> None:
        self._kind = kind
        self._roots: dict[tuple[Rules, Part], Site] = {}

    def root(self, rules: Rules, part: Part) -> Site:
        """Give the root for some rules."""
        root = self._roots.get((rules, part))
        if root is None or root.count[0] > _MOST_SITES:
            if len(self._roots) >= _MOST_ROOTS:
                self._roots.clear()
            root = self._roots[rules, part] = self._kind(rules, part)
        return root
