"""A progress bar on stderr, for big files and people.

Law: it appears only where stderr is a terminal and the file is over `WORTH_IT`; it goes away when the work is done,
and stdout never sees it.
"""

# ruff: noqa: PLC0415 - rich's progress bars take long to load, and are seldom shown

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from cassette_tools.views.escape import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["WORTH_IT", "reading"]

_LONGEST_NAME: Final = 24
WORTH_IT: Final = 50_000_000
"""Bytes of a file from which on it takes long enough to be told about."""


@contextmanager
def reading(name: str, size: int | None) -> Iterator[Callable[[int], None] | None]:
    """Show how far a file of `size` bytes was read; yields the function to tell it, or None where nothing is shown."""
    if size is None or size < WORTH_IT or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(
        stderr=True,
        markup=False,
        highlight=False,
        emoji=False,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, refresh_per_second=5) as progress:
        task = progress.add_task(visible(_short(name)), total=size)

        def told(read: int) -> None:
            progress.update(task, completed=read)

        yield told


def _short(name: str) -> str:
    """Give the end of a path: a long one would leave no room for the bar."""
    name = os.path.basename(name) or name  # noqa: PTH119 -- it may be "-", or no path at all
    return name if len(name) <= _LONGEST_NAME else f"...{name[3 - _LONGEST_NAME :]}"
