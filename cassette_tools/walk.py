"""The files below a folder that may be cassettes, in the order in which people list them.

Law: looks at names only, never into a file. What is hidden (its name begins with a dot) is passed over, and links to
folders are not followed, so that nothing is met twice and no circle is walked. What cannot be looked into is told.

Memory: the names in the folders on the way down.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from recorder.errors import CassetteReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recorder.errors import RecorderError

__all__ = ["files_below"]


def files_below(folder: Path, unread: list[tuple[str, RecorderError]], *, avoided: str | None = None) -> Iterator[Path]:
    """Give the regular files below a folder, by name: those of a folder ahead of those of its folders.

    `unread` takes folders that cannot be looked into, and why. `avoided` is a real path that is left out, with what is
    below it.
    """

    def failed(error: OSError) -> None:
        reason = error.strerror or "an I/O error"
        said = f"{error.filename}: the folder cannot be read: {reason}. Check its permissions."
        unread.append((str(error.filename), CassetteReadError(said)))

    def is_avoided(path: Path) -> bool:
        return avoided is not None and os.path.realpath(path) == avoided

    for place, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not is_avoided(Path(place, name)))
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and path.is_file() and not is_avoided(path):
                yield path
