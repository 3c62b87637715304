"""What a call of `ctools convert` means: which inputs go together, where each result goes, and in which format.

Law: it looks at names, and into files only as far as their format takes; it writes nothing. No two results have one
name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cassette_tools.formats import all_formats, format_named, format_of_suffix
from cassette_tools.input_stream import open_input
from cassette_tools.packing import SUFFIXES, packing_of
from cassette_tools.recognition import recognize
from cassette_tools.walk import files_below
from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cassette_tools.formats import Format
    from recorder.errors import RecorderError

__all__ = ["Job", "Plan", "plan", "stem_of"]

_OURS: Final = "jsonl"
_EVERYDAY: Final = "vcrpy-yaml"


@dataclass(frozen=True, slots=True)
class Job:
    """One result: `inputs` go, one behind the other, to `target` (None: the standard output) in format `to`.

    `to` None: it depends on the format of the input, which is looked at when the job's turn comes. `walked` is true
    where a folder was named, and not the file.
    """

    inputs: tuple[str, ...]
    target: Path | None
    to: Format | None
    packing: str | None
    beside: bool = False
    walked: bool = False

    def settled(self, source: str | None) -> Job:
        """Settle the format and the target by looking at the input. `source` is what --from says.

        Raises what opening and recognizing raise, UsageError.
        """
        if self.to is not None and not self.beside:
            return self
        to = self.to or _counterpart(self.inputs[0], source)
        target = self.target
        if self.beside and target is not None:
            target = target.with_name(stem_of(target.name) + _suffix(to, self.packing))
        return Job(self.inputs, target, to, self.packing, walked=self.walked)


@dataclass(frozen=True, slots=True)
class Plan:
    """The jobs of a call, and the number of bytes that they read, as far as that is known.

    `unread` are folders that could not be looked into, and why.
    """

    jobs: tuple[Job, ...]
    size: int
    unread: tuple[tuple[str, RecorderError], ...] = ()


def plan(inputs: Sequence[str], output: str | None, to: str | None) -> Plan:
    """Make the plan. Raises UsageError where the arguments cannot be meant, CassetteReadError where nothing is left."""
    if inputs.count("-") > 1:
        raise UsageError("The standard input comes once: give - once.")
    target, packing = _target(to)
    if output is not None and output != "-":
        packing = packing_of(output) or packing
    unread: list[tuple[str, RecorderError]] = []
    found = list(_found(inputs, output, unread))
    if not found:
        if unread:
            raise unread[0][1]
        raise UsageError(f"There is no file in {', '.join(inputs)}.")
    size = sum(_size(path) for path, _, _ in found)
    return Plan(tuple(_jobs(inputs, output, target, packing, found)), size, tuple(unread))


def _jobs(
    inputs: Sequence[str],
    output: str | None,
    target: Format | None,
    packing: str | None,
    found: Sequence[tuple[str, Path | None, bool]],
) -> Iterator[Job]:
    paths = tuple(path for path, _, _ in found)
    walked = any(was_walked for _, _, was_walked in found)
    if output == "-" or (output is None and "-" in inputs):
        if "-" in inputs and target is None:
            raise UsageError("Which format should the standard input become? Say it with --to, as in --to vcrpy-yaml.")
        yield Job(paths, None, target, packing, walked=walked)
        return
    folders = [path for path in inputs if path != "-" and Path(path).is_dir()]
    if output is None:
        if folders and target is None:
            raise UsageError(f"Which format should the cassettes in {folders[0]} become? Say it with --to.")
        for path, _, was_walked in found:
            yield Job((path,), Path(path), target, packing, beside=True, walked=was_walked)
        return
    named = format_of_suffix(output)
    is_folder = output.endswith("/") or Path(output).is_dir()
    if target is not None and target.write_folder is not None:
        yield Job(paths, Path(output), target, packing, walked=walked)
    elif is_folder or (folders and named is None):
        yield from _tree(Path(output), target, packing, found)
    elif named is None and target is None:
        raise UsageError(
            f"{output}: the name tells no format. End it with one of {_suffixes()}, or with / for a folder, or say the "
            "format with --to."
        )
    else:
        yield Job(paths, Path(output), target or named, packing, walked=walked)


def _tree(
    folder: Path, target: Format | None, packing: str | None, found: Sequence[tuple[str, Path | None, bool]]
) -> Iterator[Job]:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file, and there are several results. Give a folder.")
    for path, inside, was_walked in found:
        if path == "-":
            raise UsageError("The standard input has no name to be written under in a folder. Give a file with -o.")
        place = folder / (inside or Path(path).name)
        yield Job((path,), place, target, packing, beside=True, walked=was_walked)


def _suffixes() -> str:
    """List the suffixes that tell a format to be written."""
    known = {suffix for one in all_formats() for suffix in one.suffixes}
    return ", ".join(sorted(suffix for suffix in known if format_of_suffix(suffix) is not None))


def _target(to: str | None) -> tuple[Format | None, str | None]:
    if to is None:
        return None, None
    packing = packing_of(to)
    if packing is not None:
        to = to.rpartition(".")[0]
    return format_named(to, reading=False), packing


def _found(
    inputs: Sequence[str], output: str | None, unread: list[tuple[str, RecorderError]]
) -> Iterator[tuple[str, Path | None, bool]]:
    """Give the files that are meant: path, its place below the folder that was walked, whether one was walked."""
    avoided = None if output in (None, "-") else os.path.realpath(str(output))
    known: set[tuple[int, int]] = set()
    for path in inputs:
        if path == "-" or not Path(path).is_dir():
            yield path, None, False
            continue
        for one in files_below(Path(path), unread, avoided=avoided):
            try:
                status = one.stat()
            except FileNotFoundError:  # it went away meanwhile
                continue
            if (status.st_dev, status.st_ino) not in known:
                known.add((status.st_dev, status.st_ino))
                yield str(one), one.relative_to(path), True


def _counterpart(path: str, source: str | None) -> Format:
    """Give the format that a file becomes when nobody says which: vcrpy's for our own, and ours for any other."""
    if source is not None:
        known = source
    else:
        with open_input(path) as stream:
            known = recognize(stream).name
    return format_named(_EVERYDAY if known == _OURS else _OURS, reading=False)


def _suffix(to: Format, packing: str | None) -> str:
    """Give the end of the name of a file, or of a folder, in a format."""
    own = to.suffixes[0] if to.suffixes and to.write_folder is None else ""
    return own + next((suffix for suffix, one in SUFFIXES.items() if one == packing), "")


def stem_of(name: str) -> str:
    """Give a file's name without the suffixes that tell its format."""
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    suffixes = sorted({suffix for one in all_formats() for suffix in one.suffixes}, key=len, reverse=True)
    for suffix in suffixes:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return Path(name).stem if Path(name).suffix else name


def _size(path: str) -> int:
    if path == "-":
        return 0
    try:
        return Path(path).stat().st_size
    except (OSError, ValueError):
        return 0  # opening it tells why
