"""Shows interactions to people, one line each: the list, and the rankings.

Law: everything recorded goes through `escape` before it goes anywhere else. On a terminal a line fits its width, and
what matters most stands first; elsewhere a line has all fields in full, separated by tabs. Nothing is held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rich.text import Text

from cassette_tools.ranking import bytes_of
from cassette_tools.views.console import shown
from cassette_tools.views.escape import visible
from cassette_tools.views.figures import duration_text, size_text
from cassette_tools.views.place import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from cassette_tools.listing import Entry
    from cassette_tools.ranking import Rank
    from cassette_tools.views.console import Page

__all__ = ["Lister"]

# Columns of a terminal from which on a list has sizes and times, and from which on offsets and schemes, too.
_MEDIUM: Final = 76
_WIDE: Final = 110


class _Column(NamedTuple):
    """A column in front of the URL. Its width is fixed: a line is printed before the next one is known."""

    title: str
    width: int
    text: Callable[[Entry], Text]
    right: bool = True


class Lister:
    """Prints entries one by one. On a terminal in columns that fit it, else as tab-separated fields of full length.

    The fields are: number, seconds since the run began, method, status, size of the response in bytes, milliseconds,
    URL, error; with the rank "size" also the bytes of both bodies. What is unknown or absent is "-".

    With a `rank` the value that ranks stands behind the number, on terminals of any width.
    """

    def __init__(self, page: Page, rank: Rank | None = None) -> None:
        self._page = page
        self._rank = rank
        self._columns = [] if page.width is None else _columns(page.width, rank)
        self._titles = page.width is not None

    def show(self, entry: Entry) -> None:
        """Print the line of one interaction."""
        width = self._page.width
        if width is None:
            self._page.plain("\t".join(_fields(entry, self._rank)))
            return
        if self._titles:
            self._titles = False
            titles = [_padded(Text(column.title), column) for column in self._columns]
            self._page.line(self._page.cut(Text.assemble(*_spaced([*titles, Text("URL")]), style="cyan"), width))
        cells = [_padded(column.text(entry), column) for column in self._columns]
        error = [shown(entry.error, "red"), Text(" ")] if entry.error is not None else []
        method = [] if width >= _MEDIUM else [shown(entry.method), Text(" ")]
        line = Text.assemble(*_spaced([*cells, Text.assemble(*method, *error)]))
        url = shown(entry.url).plain
        if width < _WIDE:
            url = url.removeprefix("https://").removeprefix("http://")
        line.append(shortened(url, width - line.cell_len, ellipsis=self._page.ellipsis))
        self._page.line(self._page.cut(line, width))


def _columns(width: int, rank: Rank | None) -> list[_Column]:
    """Choose what stands in front of the URL: the wider the terminal, the more."""
    number = _Column("#", 7 if width >= _MEDIUM else 5, lambda entry: Text(str(entry.number)))
    ranking = [] if rank is None else [_TIME if rank == "time" else _BOTH]
    if width < _MEDIUM:
        return [number, *ranking, _STATUS]
    figures = {None: [_SIZE, _TIME], "time": [_SIZE], "size": [_TIME]}[rank]
    if width >= _WIDE:
        figures += [_SENT, _SIZE, _AT] if rank == "size" else [_AT]
    return [number, *ranking, _STATUS, _METHOD, *figures]


def _status(entry: Entry) -> Text:
    text = "error" if entry.status is None else str(entry.status)
    if entry.error is not None or entry.status is None or entry.status >= 500:
        return Text(text, style="red")
    return Text(text, style="yellow" if entry.status >= 400 else "green")


_METHOD: Final = _Column("method", 7, lambda entry: shown(entry.method), right=False)
_SIZE: Final = _Column("received", 8, lambda entry: Text(size_text(entry.response_size)))
_SENT: Final = _Column("sent", 8, lambda entry: Text(size_text(entry.request_size)))
_BOTH: Final = _Column("size", 8, lambda entry: Text(size_text(bytes_of(entry)), style="bold"))
_TIME: Final = _Column("time", 10, lambda entry: Text(duration_text(entry.total_ms)))
_AT: Final = _Column(
    "at", 12, lambda entry: Text("-" if entry.offset_ms is None else f"+{entry.offset_ms / 1000:,.3f} s")
)
_STATUS: Final = _Column("status", 6, _status)


def _padded(text: Text, column: _Column) -> Text:
    gap = " " * (column.width - text.cell_len)
    return Text.assemble(gap, text) if column.right else Text.assemble(text, gap)


def _spaced(cells: list[Text]) -> list[Text]:
    return [part for cell in cells for part in (cell, Text("  "))][:-1]


def _fields(entry: Entry, rank: Rank | None) -> list[str]:
    fields = [
        str(entry.number),
        "-" if entry.offset_ms is None else f"{entry.offset_ms / 1000:.6f}",
        visible(entry.method),
        "-" if entry.status is None else str(entry.status),
        "-" if entry.response_size is None else str(entry.response_size),
        "-" if entry.total_ms is None else f"{entry.total_ms:.3f}",
        visible(entry.url),
        visible(entry.error or "-"),
    ]
    return [*fields, str(bytes_of(entry))] if rank == "size" else fields
