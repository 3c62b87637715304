"""A URL where there is no room for all of it.

Law: what tells interactions apart is the path, so that goes last: first the scheme goes, then the end of the host. What
is still too long is left to be cut at its end by whoever prints it. Takes text that is escaped already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from cassette_tools.views.console import shown

if TYPE_CHECKING:
    from cassette_tools.views.console import Page

__all__ = ["request_on", "shortened"]

_SHORTEST: Final = 8
"""Columns of a host that are shown where there are twice as many."""

_SCHEMES: Final = ("http", "https")


def shortened(url: str, room: int, *, ellipsis: str) -> str:
    """Shorten a URL, or a host with a path, to about `room` columns; what fits stays as it is."""
    if cell_len(url) <= room:
        return url
    scheme, mark, rest = url.partition("://")
    if not mark:
        rest = url
    elif scheme not in _SCHEMES:
        return url
    host, slash, path = rest.partition("/")
    wide = cell_len(host)
    keep = max(wide - (cell_len(rest) - room), room // 3, min(_SHORTEST, room // 2))
    if not slash or wide <= keep or keep <= len(ellipsis):
        return rest
    return f"{set_cell_size(host, keep - len(ellipsis)).rstrip()}{ellipsis}{slash}{path}"


def request_on(page: Page, text: str) -> Text:
    """Return a recorded method and URL, or endpoint, as the last column of a table: at most half a terminal wide."""
    said = shown(text)
    method, blank, url = said.plain.partition(" ")
    if page.width is None or not blank:
        return said
    room = max(20, page.width // 2) - cell_len(method) - 1
    return Text(f"{method} {shortened(url, room, ellipsis=page.ellipsis)}")
