"""Which files a command means, and where their results go.

Law: what is named is taken as it is; a folder stands for the files below it whose names are like those of cassettes, in
the order of their names, without following links to folders. No two results have one name, and none leaves the folder
that was given for them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recorder.errors import OutputError, UsageError
from recorder.journal.lines import MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Input", "begins_as_cassette", "find_inputs", "targets_in"]

_SUFFIXES: Final = tuple(
    suffix + packed
    for suffix in (".jsonl", ".yaml", ".yml", ".json", ".har", ".toml")
    for packed in ("", ".gz", ".zst")
)
"""Of files that may be cassettes. Their content decides."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file to work on. `inside` is its path below the folder that was walked, None for a file that was named."""

    path: str
    inside: Path | None = None


def find_inputs(paths: Iterable[str], *, leave_out: Path | None = None) -> list[Input]:
    """Return the files that `paths` stand for, each once, whatever names it has. Nothing below `leave_out` is taken."""
    found: list[Input] = []
    known: set[tuple[int, int]] = set()
    for path in paths:
        for one in _walk(Path(path), leave_out) if Path(path).is_dir() else [Input(path)]:
            try:
                status = Path(one.path).stat()
            except (OSError, ValueError):
                found.append(one)  # opening it tells why
                continue
            if (status.st_dev, status.st_ino) not in known:
                known.add((status.st_dev, status.st_ino))
                found.append(one)
    return found


def targets_in(folder: Path, inputs: Sequence[Input]) -> list[Path]:
    """Return a path in `folder` for each input: its path below the folder that was walked, or its name.

    Raises UsageError where two would have the same.
    """
    taken: dict[Path, str] = {}
    targets: list[Path] = []
    for one in inputs:
        target = folder / (one.inside or Path(one.path).name)
        if target in taken:
            raise UsageError(f"{taken[target]} and {one.path} would both become {target}. Give them apart.")
        taken[target] = one.path
        targets.append(target)
    return targets


def begins_as_cassette(path: str) -> bool:
    """Tell whether a file begins with a record of a recorder: a cassette, whole or damaged."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(MARK)) == MARK
    except OSError:
        return True  # not known: then it is not passed over in silence


def _walk(folder: Path, leave_out: Path | None) -> Iterator[Input]:
    avoided = None if leave_out is None else os.path.realpath(leave_out)

    def failed(error: OSError) -> None:
        raise OutputError(f"{error.filename}: the folder cannot be read: {error.strerror}. Check its permissions.")

    for place, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if os.path.realpath(Path(place, name)) != avoided)
        for name in sorted(names):
            path = Path(place, name)
            if name.lower().endswith(_SUFFIXES) and path.is_file():
                yield Input(str(path), path.relative_to(folder))
