"""Pages of a given width, whose text can be read back, and the texts that the views are held to.

`python -m tests.cassette_tools.views.diff.pages` writes these again: read their diff before you commit it.
"""

from __future__ import annotations

import io
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias
from unittest import mock

from cassette_tools.views.console import Page
from cassette_tools.views.diff import json, markdown, terminal, unified
from tests.cassette_tools import diffs

if TYPE_CHECKING:
    from collections.abc import Callable

    from cassette_tools.diff.comparison import Comparison
    from cassette_tools.diff.folders import FolderComparison

    _Sample: TypeAlias = "Callable[[], Comparison | FolderComparison]"

__all__ = ["GOLDEN", "TEXTS", "shown", "written"]

GOLDEN: Final = Path(__file__).parent / "golden"


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class _Pipe(io.StringIO):
    encoding = "utf-8"


def shown(
    comparison: Comparison | FolderComparison,
    width: int | None,
    *,
    view: Callable[[Comparison | FolderComparison, Page], None] = terminal.show,
    coloured: bool = False,
) -> str:
    """Give what a view shows on a terminal of `width` columns; None is a pipe."""
    stream = _Pipe() if width is None else _Terminal()
    environment = {"COLUMNS": str(width or 80), "TERM": "xterm-256color", **({} if coloured else {"NO_COLOR": "1"})}
    with mock.patch.dict(os.environ, environment):
        if coloured:
            os.environ.pop("NO_COLOR", None)
        view(comparison, Page(stream))
    return stream.getvalue()


def written(
    comparison: Comparison | FolderComparison,
    view: Callable[[Comparison | FolderComparison, io.StringIO], None],
) -> str:
    """Give what a view writes into a stream."""
    stream = io.StringIO()
    view(comparison, stream)
    return stream.getvalue()


def _texts() -> dict[str, Callable[[], str]]:
    samples: dict[str, _Sample] = {
        "small": diffs.small,
        "every-kind": diffs.every_kind,
        "folder": diffs.folder,
        "repeated": diffs.repeated,
        "ignored-only": diffs.ignored_only,
        "empty": diffs.empty,
    }
    texts: dict[str, Callable[[], str]] = {}
    for name, sample in samples.items():
        for width in (40, 100, 160, None):
            texts[f"{name}-{width or 'piped'}.txt"] = partial(_shown, sample, width, terminal.show)
        texts[f"{name}.md"] = partial(_written, sample, markdown.show)
        if name == "repeated":
            continue  # these views show each change, and are long for it
        texts[f"{name}.diff"] = partial(_shown, sample, None, unified.show)
        texts[f"{name}.json"] = partial(_written, sample, json.show)
    return texts


def _shown(sample: _Sample, width: int | None, view: Callable[[Comparison | FolderComparison, Page], None]) -> str:
    return shown(sample(), width, view=view)


def _written(sample: _Sample, view: Callable[[Comparison | FolderComparison, io.StringIO], None]) -> str:
    return written(sample(), view)


TEXTS: Final = _texts()
"""What each view gives for each sample, by the name of the file that holds it."""

if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, text in TEXTS.items():
        (GOLDEN / name).write_text(text(), encoding="utf-8")
