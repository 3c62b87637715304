"""A folder of cassettes against another one: files are paired by their names, whatever their formats.

Law: one pair of cassettes is open at a time. What cannot be read keeps nothing else from being compared; it is named at
the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cassette_tools.diff.model import Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cassette_tools.diff.comparison import Comparison
    from recorder.errors import RecorderError

__all__ = ["FolderComparison"]


class FolderComparison:
    """What differs between two folders: iterate it, once, for the names of cassettes that both have, and comparisons.

    A name is the path below the folders without the suffix of the format. Each comparison is to be iterated before the
    next one is asked for, also where nothing differs. `old` and `new` are the folders as they were given. Names of
    cassettes that only one folder has are in `only_old` and `only_new` (paths with suffix below the folder).

    Complete when it has been iterated: `totals` (of all pairs together), `troubles` (the path of what could not be
    read, and why).
    """

    def __init__(
        self,
        old: str,
        new: str,
        comparisons: Iterable[tuple[str, Comparison]],
        *,
        only_old: list[str] | None = None,
        only_new: list[str] | None = None,
        troubles: list[tuple[str, RecorderError]] | None = None,
    ) -> None:
        self.old = old
        self.new = new
        self.only_old = only_old or []
        self.only_new = only_new or []
        self.troubles: list[tuple[str, RecorderError]] = troubles if troubles is not None else []
        self.totals = Totals()
        self._comparisons = comparisons

    def __iter__(self) -> Iterator[tuple[str, Comparison]]:
        for name, comparison in self._comparisons:
            with comparison:
                yield name, comparison
                self.totals.merge(comparison.totals)
