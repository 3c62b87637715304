"""Writes a result to a file, whole or not at all.

Law: the file at the path is the old one or the complete new one, never a part: bytes go to a draft, which takes its
place when they are all there. A file that exists is replaced only when that was asked for. Holds one piece at a time,
or BUFFER bytes of small ones.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cassette_tools.draft import BUFFER, Draft, refuse_special
from cassette_tools.interruption import stoppable
from cassette_tools.packing import gathered
from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["check_target", "write_whole"]


def check_target(path: str, inputs: Iterable[str], *, force: bool) -> Path:
    """Say whether a result may go to `path`, before anything is read. Gives the path.

    Raises UsageError where it is a folder, a device, a pipe or a socket, one of the `inputs` (also by another name), or
    exists and `force` is false.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it.")
    refuse_special(target)
    for given in inputs:
        if given != "-" and os.path.exists(given) and os.path.exists(path) and target.samefile(given):  # noqa: PTH110 - raises nothing
            raise UsageError(f"{path} is the cassette itself. Choose another path with -o.")
    if not force and os.path.lexists(target):
        raise UsageError(f"{path} exists already. Choose another path, or replace it with --force.")
    return target


def write_whole(path: str, pieces: Iterable[bytes], *, force: bool) -> int:
    """Write `pieces` to `path`, readable by its owner alone or as what it replaces, and return the number of bytes.

    Raises UsageError where the path exists and `force` is false, or is a folder or no file at all; OutputError where
    it cannot be written; and what `pieces` raises. In each case nothing is left behind, nor where the program is told
    to stop.
    """
    target = check_target(path, (), force=force)
    replaced = target.stat() if target.exists() else None
    with stoppable(), Draft(target) as draft:
        for block in gathered(pieces, BUFFER):
            draft.write(block)
        draft.publish(replaces=replaced, force=force)
        return draft.size
