"""Shows a folder of cassettes: to people as a table with what is odd below it, to programs as one object of JSON.

Law: names and messages are text of others, and go through `escape`. Lines fit the page. Rows are shown as they come:
the table holds TABLE rows at a time, and its columns are as wide as those need; JSON holds one. `docs/inspect-json.md`
names every key.
"""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson
from rich.text import Text

from cassette_tools.folder import LOOKED_AT
from cassette_tools.shell_word import shell_word
from cassette_tools.views.console import Column, Page, shown
from cassette_tools.views.escape import json_safe
from cassette_tools.views.figures import count_text, size_text

if TYPE_CHECKING:
    from datetime import datetime
    from typing import TextIO

    from cassette_tools.folder import Flag, Folder, Row, Totals

__all__ = ["TABLE", "print_folder", "show_folder"]

TABLE: Final = 1000
"""Rows."""

_TOLD: Final = 10  # sentences of one kind
_NARROW: Final = 60
"""Columns of a terminal below which there is no table: what is odd stands below the name."""
_COLUMNS: Final = (
    Column("count", rank=2),
    Column("size", rank=4),
    Column("recorded", rank=3, right=False),
    Column("format", rank=5, right=False),
    Column("odd", right=False, rank=1),
    Column("cassette", right=False, flexible=True),
)
_STYLES: Final[dict[Flag, str]] = {
    "failing": "red",
    "damaged": "red",
    "unclean": "yellow",
    "unredacted": "yellow",
    "empty": "yellow",
    "huge": "yellow",
    "stale": "yellow",
}


# -- for people


def show_folder(folder: Folder, page: Page, *, top: int) -> None:
    """Show the cassettes of a folder, its totals with `top` hosts, and what to do. Raises what iterating it raises."""
    rows = iter(folder)
    reasons: list[Text] = []
    copies: list[Text] = []
    some = list(islice(rows, TABLE))
    while some:
        for row in some:
            if row.why is not None and len(reasons) < _TOLD:
                reasons.append(shown(row.why))
            if row.same_as is not None and len(copies) < _TOLD:
                copies.append(shown(f"{row.path} is a copy of {row.same_as}"))
        _show_rows(some, page)
        some = list(islice(rows, TABLE))
    _show_totals(folder, page, top)
    _show_odd(folder, page)
    _tell("cannot be read", reasons, folder.totals.flags["failing"], page)
    _tell("copies", copies, folder.totals.flags["duplicate"], page)


def _show_rows(rows: list[Row], page: Page) -> None:
    if page.width is None or page.width >= _NARROW:
        page.table(_COLUMNS, [_cells(row) for row in rows])
    else:
        for row in rows:
            page.line(page.cut(shown(row.name), page.width))
            if row.flags:
                page.line(page.cut(Text.assemble("  ", _flags(row)), page.width))
    page.line()


def _flags(row: Row) -> Text:
    return Text(", ").join(Text(flag, style=_STYLES.get(flag, "")) for flag in row.flags)


def _cells(row: Row) -> list[Text]:
    return [
        Text(f"{row.interactions:,}", style="dim" if not row.interactions else ""),
        Text(size_text(row.size)),
        Text(_day(row), style="" if row.last is not None else "dim"),
        shown(row.title or "-"),
        _flags(row),
        shown(row.name),
    ]


def _day(row: Row) -> str:
    """Give the day on which a cassette was recorded; in brackets that of the file, where the cassette does not tell."""
    return f"{row.last:%Y-%m-%d}" if row.last is not None else f"({row.modified:%Y-%m-%d})"


def _show_totals(folder: Folder, page: Page, top: int) -> None:
    totals = folder.totals
    held = count_text(totals.held, "interaction")
    if folder.only is not None:
        held = f"{totals.interactions:,} of {held} (--only)"
    cassettes = count_text(totals.cassettes, "cassette")
    page.fact("folder", shown(f"{folder.folder}: {cassettes}, {held}, {size_text(totals.size)}"))
    if totals.passed_over:
        noun = "file that is no cassette" if totals.passed_over == 1 else "files that are no cassettes"
        page.fact("passed over", f"{totals.passed_over:,} {noun}")
    for number, (_, error) in enumerate(totals.unread[:_TOLD]):
        page.fact("unread" if not number else "", shown(str(error), "red"))
    if len(totals.unread) > _TOLD:
        page.fact("", f"and {count_text(len(totals.unread) - _TOLD, 'more folder')}")
    if totals.formats:
        page.fact("formats", shown(", ".join(f"{title} {count:,}" for title, count in totals.formats.most_common())))
    page.fact("recorded", _span(totals))
    hosts = [f"{host} {row.count:,}" for host, row in totals.hosts.top(top)]
    rest = totals.hosts.rest(top).count
    if hosts:
        page.fact("hosts", shown(", ".join([*hosts, *([f"others {rest:,}"] if rest else [])])))


def _span(totals: Totals) -> str:
    if totals.first is None or totals.last is None:
        return "unknown: no cassette tells; dates in brackets are those of the files"
    first, last = f"{totals.first:%Y-%m-%d}", f"{totals.last:%Y-%m-%d}"
    said = f"on {first}" if first == last else f"from {first} to {last}"
    if totals.undated:
        verb = "does" if totals.undated == 1 else "do"
        said += f"; {totals.undated:,} {verb} not tell, and the file's date is in brackets"
    return said


def _show_odd(folder: Folder, page: Page) -> None:
    """Say what each flag means, and what to do about it."""
    flags, totals = folder.totals.flags, folder.totals
    place = shell_word(folder.folder)
    days = f"{folder.stale_after:,g}"
    scan = f"{count_text(totals.secrets, 'place')} that look like secrets. See where: ctools scan {place}"
    if totals.secrets == 1:
        scan = scan.replace("that look like secrets", "that looks like a secret")
    meanings: dict[Flag, str] = {
        "failing": "cannot be read, or not to the end: see below",
        "damaged": "parts are left out: ctools inspect FILE tells which",
        "unclean": "no end line: the recording was killed",
        "recording": "still being written",
        "unredacted": scan,
        "empty": "no interactions",
        "huge": f"over {size_text(folder.huge)} (--huge)",
        "stale": f"recorded more than {days} {'day' if days == '1' else 'days'} ago (--stale-after)",
        "duplicate": "the same bytes as another one: see below",
    }
    for flag, meaning in meanings.items():
        if flags[flag]:
            page.fact(flag, Text.assemble((f"{flags[flag]:,}", _STYLES.get(flag, "")), ": ", shown(meaning)))
    if not any(flags.values()):
        page.fact("odd", Text("nothing", style="green"))
    if totals.partly:
        of = "1 cassette" if totals.partly == 1 else f"each of {totals.partly:,} cassettes"
        page.fact("secrets", shown(f"looked for in the first {size_text(LOOKED_AT)} of {of}, no further"))


def _tell(title: str, said: list[Text], count: int, page: Page) -> None:
    if not said:
        return
    page.heading(title)
    for one in said:
        page.fact("", one, indent=2)
    if count > len(said):
        page.line(f"  and {count - len(said):,} more; --json has them all")


# -- for programs


def print_folder(folder: Folder, stream: TextIO | None = None) -> None:
    """Print a folder as one object of JSON, a row at a time. Raises what iterating it raises."""
    stream = stream or sys.stdout
    head = {"folder": folder.folder, "stale_after_days": folder.stale_after, "huge": folder.huge}
    separator = _dumped(head)[:-1] + ',"cassettes":[\n'
    for row in folder:
        stream.write(separator + _dumped(_row(row)))
        separator = ",\n"
    stream.write('\n],"totals":' + _dumped(_totals(folder.totals)) + "}\n")


def _row(row: Row) -> dict[str, Any]:
    return {
        "path": row.path,
        "format": row.format or None,
        "interactions": row.interactions,
        "held": row.held,
        "size": row.size,
        "first": _moment(row.first),
        "last": _moment(row.last),
        "modified": _moment(row.modified),
        "redacted": row.redacted,
        "secrets": row.secrets,
        "looked_at": row.looked_at,
        "flags": row.flags,
        "why": row.why,
        "same_as": row.same_as,
    }


def _totals(totals: Totals) -> dict[str, Any]:
    return {
        "cassettes": totals.cassettes,
        "interactions": totals.interactions,
        "held": totals.held,
        "size": totals.size,
        "first": _moment(totals.first),
        "last": _moment(totals.last),
        "undated": totals.undated,
        "formats": dict(totals.formats.most_common()),
        "hosts": {
            "counts": {host: row.count for host, row in totals.hosts.top(len(totals.hosts.rows))},
            "others": totals.hosts.others.count,
        },
        "flags": dict(totals.flags),
        "secrets": totals.secrets,
        "partly": totals.partly,
        "passed_over": totals.passed_over,
        "unread": [{"path": path, "why": str(error)} for path, error in totals.unread],
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _dumped(value: object) -> str:
    """Write JSON. A file name that is no UTF-8 is written with the escapes of its bytes."""
    try:
        dumped = orjson.dumps(value)
    except TypeError:
        dumped = orjson.dumps(_writable(value))
    return json_safe(dumped.decode())


def _writable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _writable(one) for key, one in value.items()}
    return [_writable(one) for one in value] if isinstance(value, list) else value
