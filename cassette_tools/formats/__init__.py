"""The formats that cassettes are read and written in: one module a format, and the registry that finds them.

Law: each other module of this package holds one format, as a constant FORMAT; a new format is one new file, and no
other file names it. The content of a file tells its format, never its name. Nothing is imported before somebody asks.

What a format's functions promise:

- `sniff` looks at a `Head` and gives a number from 0 (it is something else) to 100 (it can be nothing else). The
  highest number wins. It never raises.
- `read` gives a cassette's elements as they come, in bounded memory: an item of the file at a time, or what `holds`
  says. For whatever the file holds it raises BadCassetteError or a leaf of it, with the name of the source and the
  place (line, or interaction), and nothing else. What is ambiguous in the file it tells with `source.remark`.
- `write` gives the bytes of a cassette piece by piece, while it takes elements. It passes over the envelopes of other
  families. It is never given an interaction with a facet that `leaves_out` and that the format cannot hold.
- `cannot_hold` names the facets (`cassette_tools.losses`) that are lost by writing and reading again, `adds` those that
  a written cassette says though the interaction did not. What is written comes back equal but for these.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element
    from cassette_tools.losses import Losses

__all__ = ["Format", "WriteOptions", "all_formats", "format_named", "format_of_suffix"]

Holds = Literal["line", "item", "document"]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to write. `style` is "exact" or "readable"; `losses` takes what a writer finds that it cannot write."""

    style: str = "exact"
    losses: Losses | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """A format of cassettes.

    - `name`: as people give it to --from and --to: `vcrpy-yaml`.
    - `title`: as people read it: `vcrpy YAML`.
    - `family`: whose words `extra` and envelopes are in, the same for formats that say the same: `vcrpy`.
    - `suffixes`: of file names; the first is the one to write. `is_default`: this format is meant by its suffixes.
    - `holds`: what is in memory at once.
    - `write_folder`: in place of `write`, for formats of many files: gives relative paths and contents.
    - `styles`: what --style may say.
    - `notes`: sentences for docs/formats.md.
    """

    name: str
    title: str
    family: str
    suffixes: tuple[str, ...]
    sniff: Callable[[Head], int]
    read: Callable[[InputStream], Iterator[Element]] | None = None
    write: Callable[[Iterable[Element], WriteOptions], Iterator[bytes]] | None = None
    write_folder: Callable[[Iterable[Element], WriteOptions], Iterator[tuple[str, bytes]]] | None = None
    cannot_hold: frozenset[str] = frozenset()
    adds: frozenset[str] = frozenset()
    holds: Holds = "item"
    is_default: bool = False
    keeps_extra: bool = False
    styles: tuple[str, ...] = ("exact",)
    notes: tuple[str, ...] = field(default=())


@functools.cache
def all_formats() -> tuple[Format, ...]:
    """Give all formats, in the order of their names. Imports their modules."""
    found: list[Format] = []
    for module in pkgutil.iter_modules(__path__):
        loaded: Any = importlib.import_module(f"{__name__}.{module.name}")
        found.append(loaded.FORMAT)
    return tuple(sorted(found, key=lambda one: one.name))


def format_named(name: str, *, reading: bool) -> Format:
    """Give the format called `name`. Raises UsageError with the names that there are."""
    known = [one for one in all_formats() if _can(one, reading=reading)]
    for one in known:
        if one.name == name:
            return one
    kind = "read" if reading else "written"
    names = ", ".join(one.name for one in known)
    raise UsageError(f"{name!r} is no format that can be {kind}. Use one of: {names}.")


def format_of_suffix(path: str) -> Format | None:
    """Give the format that a file's name asks for when it is written; None where it asks for none."""
    small = path.lower()
    for packed in (".gz", ".zst"):
        small = small.removesuffix(packed)
    found = [one for one in all_formats() if small.endswith(one.suffixes) and _can(one, reading=False)]
    return next((one for one in found if one.is_default), found[0] if len(found) == 1 else None)


def _can(one: Format, *, reading: bool) -> bool:
    return one.read is not None if reading else (one.write or one.write_folder) is not None
