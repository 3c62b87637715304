"""Where text goes: a terminal of some width, or a pipe or file of none.

Law: on a terminal lines fit its width and may have colour; elsewhere there is neither colour nor a width, and nothing
is cut. NO_COLOR (no-color.org) turns all styles off, also bold. rich's markup, highlighting, emoji and links are off:
it renders what it is given.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from cassette_tools.views.escape import visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

__all__ = ["LONGEST", "Column", "Page", "shown"]

LONGEST: Final = 16_384
"""Characters of one recorded value (a header, a URL, a message) that are shown. rich takes long for more."""

_NARROWEST: Final = 20
_WIDEST: Final = 1_000  # COLUMNS may say anything, and lines are filled up to the width
_BLOCKS: Final = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588\u2502\u2026"


def shown(text: str, style: str = "") -> Text:
    """Return recorded text as a rich text that is safe to print (see `escape`), at most `LONGEST` characters of it."""
    left = len(text) - LONGEST
    if left > 0:
        text = f"{text[:LONGEST]}... ({left:,} more characters; --json has them)"
    return Text(visible(text), style=style)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Those of the highest `rank` are left out first where a terminal is narrow; 0 stays.

    One column may be `flexible`: it is cut to the width that is left.
    """

    title: str
    rank: int = 0
    right: bool = True
    flexible: bool = False


class Page:
    """An output stream with its width. `width` is None where lines may have any length: then none is wrapped or cut."""

    def __init__(self, stream: TextIO | None = None) -> None:
        stream = stream or sys.stdout
        self.is_terminal = stream.isatty()
        self.console = Console(
            file=stream,
            markup=False,
            highlight=False,
            emoji=False,
            soft_wrap=True,
            color_system=None if os.environ.get("NO_COLOR") else "auto",
        )
        self.width = min(max(_NARROWEST, self.console.width), _WIDEST) if self.is_terminal else None
        self.unicode = _can_encode(stream, _BLOCKS)
        self.ellipsis = "\u2026" if self.unicode else "..."

    def line(self, text: Text | str = "") -> None:
        """Print one line as it is."""
        if self.coloured and isinstance(text, Text):
            self.console.print(text, soft_wrap=True)
        else:
            self.plain(text.plain if isinstance(text, Text) else text)

    def plain(self, text: str) -> None:
        """Print text without any style, of any number and length of lines, quickly. It must be escaped already."""
        self.console.file.write(f"{text}\n")

    def code(self, text: str, language: str) -> None:
        """Print text in the colours of a language that pygments knows. It must be escaped already."""
        from rich.syntax import Syntax  # noqa: PLC0415 - loads pygments, for bodies only

        highlighted = Syntax("", language, background_color="default", theme="ansi_dark").highlight(text)
        highlighted.rstrip()
        self.line(highlighted)

    @property
    def coloured(self) -> bool:
        """Whether styles reach the stream."""
        return self.console.color_system is not None

    def heading(self, title: str) -> None:
        """Print an empty line and a heading."""
        self.line()
        if title:
            self.line(Text(title, style="bold"))

    def fact(self, label: str, value: Text | str, *, indent: int = 14) -> None:
        """Print a label and a value, which is wrapped beside the label where the width asks for that."""
        text = value if isinstance(value, Text) else Text(value)
        lines = [text]
        if self.width is not None:
            lines = list(text.wrap(self.console, max(10, self.width - indent), overflow="fold"))
        for number, one in enumerate(lines):
            one.rstrip()
            start = Text(f"{label if number == 0 else '':<{indent}}", style="cyan")
            self.line(Text.assemble(start, one))

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> None:
        """Print a table: a line of titles, then the rows."""
        titles = [Text(column.title, style="cyan") for column in columns]
        cells = [titles, *rows]
        widths = [max(row[at].cell_len for row in cells) for at in range(len(columns))]
        kept = self._fitting(columns, widths)
        for row in cells:
            line = Text()
            for place, at in enumerate(kept):
                last = place == len(kept) - 1
                line.append("  ")
                line.append_text(self._cell(row[at], columns[at], widths[at], pad=not (last and not columns[at].right)))
            self.line(line)

    def cut(self, text: Text, width: int) -> Text:
        """Return `text` cut to `width` columns, with an ellipsis where something is missing."""
        if text.cell_len <= width:
            return text
        cut = text.copy()
        cut.plain = _head(text.plain, width - len(self.ellipsis)) + self.ellipsis
        return cut

    def _fitting(self, columns: Sequence[Column], widths: list[int]) -> list[int]:
        """Return the places of the columns to show, and shrink the flexible one's width to what is left."""
        kept = list(range(len(columns)))
        if self.width is None:
            return kept
        while True:
            flexible = next((at for at in kept if columns[at].flexible), None)
            fixed = sum(widths[at] + 2 for at in kept if at != flexible)
            room = self.width - fixed - 2
            droppable = [at for at in kept if columns[at].rank > 0]
            wanted = 0 if flexible is None else min(widths[flexible], max(20, self.width // 2))
            if (room + 2 if flexible is None else room) >= wanted or not droppable:
                break
            kept.remove(max(droppable, key=lambda at: columns[at].rank))
        if flexible is not None:
            widths[flexible] = min(widths[flexible], max(8, room))
        return kept

    def _cell(self, text: Text, column: Column, width: int, *, pad: bool) -> Text:
        text = self.cut(text, width)
        gap = " " * (width - text.cell_len) if pad else ""
        return Text.assemble(gap, text) if column.right else Text.assemble(text, gap)


def _head(text: str, width: int) -> str:
    """Return the beginning of `text` that takes `width` columns; a wide character is not halved."""
    return set_cell_size(text, max(0, width)) if cell_len(text) > width else text


def _can_encode(stream: TextIO, characters: str) -> bool:
    try:
        characters.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
