"""A folder of cassettes against another one: files are paired by their names, whatever their formats.

Law: one pair of cassettes is open at a time. What cannot be read keeps nothing else from being compared; it is named at
the end. A file that is no cassette takes no part.

Memory: the names of the files, and what comparing two cassettes takes.
"""

# ruff: noqa: PLC0415 - views ask what this module calls a folder; they need not load what compares

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cassette_tools.diff.model import Totals
from recorder.errors import NotACassetteError, RecorderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cassette_tools.diff.comparison import Comparison

__all__ = ["FolderComparison", "Names", "compare_folders", "paired"]


class FolderComparison:
    """What differs between two folders: iterate it, once, for the names of cassettes that both have, and comparisons.

    A name is the path below the folders; where the files differ in their format's suffix, it is without. Each
    comparison is to be iterated before the next one is asked for, also where nothing differs. `old` and `new` are the
    folders as they were given. Names of cassettes that only one folder has are in `only_old` and `only_new`.

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
        self._current: Comparison | None = None
        self._steps = self._each()

    def __iter__(self) -> Iterator[tuple[str, Comparison]]:
        return iter(self._steps.__next__, None)  # who stops half-way closes nothing: another may go on from there

    def read_on(self) -> None:
        """Complete what nobody went on to iterate."""
        for _ in self._current or ():
            pass
        for _, comparison in self:
            for _ in comparison:
                pass

    def _each(self) -> Iterator[tuple[str, Comparison]]:
        for name, comparison in self._comparisons:
            with comparison:
                self._current = comparison
                yield name, comparison
                self._current = None
                self.totals.merge(comparison.totals)


class Names(NamedTuple):
    """Files of two folders, by their paths below the folders: `both` are (name, old, new)."""

    both: list[tuple[str, str, str]]
    only_old: list[str]
    only_new: list[str]


def compare_folders(
    old: str,
    new: str,
    compare: Callable[[str, str], Comparison],
    is_cassette: Callable[[str], bool],
) -> FolderComparison:
    """Compare the cassettes below two folders. `compare` makes a comparison of two files.

    `is_cassette` tells of a file that only one folder has whether it is one; it may raise RecorderError for trouble.
    """
    from cassette_tools.walk import files_below

    troubles: list[tuple[str, RecorderError]] = []
    below = [[str(path.relative_to(top)) for path in files_below(Path(top), troubles)] for top in (old, new)]
    names = paired(*below)
    return FolderComparison(
        old,
        new,
        _comparisons(old, new, names.both, compare, is_cassette, troubles),
        only_old=[name for name in names.only_old if _is_cassette(str(Path(old, name)), is_cassette, troubles)],
        only_new=[name for name in names.only_new if _is_cassette(str(Path(new, name)), is_cassette, troubles)],
        troubles=troubles,
    )


def paired(old: list[str], new: list[str]) -> Names:
    """Pair the files of two folders: those of one name, then those whose names differ in the format's suffix only.

    Where several files of a folder have such a name, they are paired in their order.
    """
    from cassette_tools.conversion_plan import stem_of

    def key(path: str) -> str:
        return str(Path(path).with_name(stem_of(Path(path).name)))

    same = set(old) & set(new)
    both = [(name, name, name) for name in old if name in same]
    waiting: dict[str, list[str]] = {}
    for name in new:
        if name not in same:
            waiting.setdefault(key(name), []).append(name)
    only_old = []
    for name in old:
        if name in same:
            continue
        others = waiting.get(key(name))
        if others:
            both.append((key(name), name, others.pop(0)))
        else:
            only_old.append(name)
    both.sort()
    left = {name for names in waiting.values() for name in names}
    return Names(both, only_old, [name for name in new if name in left])


def _comparisons(
    old: str,
    new: str,
    names: list[tuple[str, str, str]],
    compare: Callable[[str, str], Comparison],
    is_cassette: Callable[[str], bool],
    troubles: list[tuple[str, RecorderError]],
) -> Iterator[tuple[str, Comparison]]:
    for name, one, other in names:
        places = str(Path(old, one)), str(Path(new, other))
        try:
            comparison = compare(*places)
        except NotACassetteError as error:
            if any(_is_cassette(place, is_cassette, []) for place in places):
                troubles.append((name, error))
        except RecorderError as error:
            troubles.append((name, error))
        else:
            comparison.on_error = lambda error, name=name: troubles.append((name, error))
            yield name, comparison


def _is_cassette(path: str, is_cassette: Callable[[str], bool], troubles: list[tuple[str, RecorderError]]) -> bool:
    try:
        return is_cassette(path)
    except RecorderError as error:
        troubles.append((path, error))
        return False
