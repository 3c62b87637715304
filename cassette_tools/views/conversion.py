"""What a conversion did and what it lost: sentences for people, objects of JSON for programs; and the list of formats.

Law: it renders what it is given, and counts nothing. Names of files and formats only: nothing recorded is printed.
"""

from __future__ import annotations

import sys
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

import orjson
from rich.text import Text

from cassette_tools.formats import all_formats
from cassette_tools.losses import FACETS
from cassette_tools.views.console import Column
from cassette_tools.views.escape import json_safe, visible
from cassette_tools.views.figures import count_text, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cassette_tools.convert import Outcome, Source
    from cassette_tools.formats import Format
    from cassette_tools.views.console import Page
    from recorder.errors import RecorderError

__all__ = ["print_outcomes", "show_formats", "show_outcomes"]

_SKIPPED_SHOWN: Final = 5
_READABLE: Final = 100
"""Characters of a line where there is no terminal."""


def show_outcomes(
    outcomes: Sequence[Outcome],
    troubles: Sequence[tuple[str, RecorderError]],
    skipped: Sequence[str],
    page: Page,
) -> None:
    """Tell in a few lines what was written, what was lost, what went wrong."""
    for outcome in outcomes:
        _show_outcome(outcome, page)
    if skipped:
        names = ", ".join(skipped[:_SKIPPED_SHOWN]) + (", ..." if len(skipped) > _SKIPPED_SHOWN else "")
        _say(f"{count_text(len(skipped), 'file')} passed over, being no cassettes: {names}", page, style="dim")
    for _, error in troubles:
        _say(f"Not converted: {error}", page, style="red")


def _show_outcome(outcome: Outcome, page: Page) -> None:
    sources = ", ".join(f"{source.name} ({source.format.title})" for source in outcome.sources[:3])
    if len(outcome.sources) > 3:
        sources += f" and {len(outcome.sources) - 3:,} more"
    what = f"{count_text(outcome.written, 'interaction')} from {sources}"
    if outcome.passed_over:
        what += f", {outcome.passed_over:,} passed over by the filter"
    if outcome.published:
        checked = ", read back and found equal" if outcome.verified else ""
        _say(f"{outcome.name}: {what}; {size_text(outcome.size)} of {outcome.target.title}{checked}", page)
    else:
        _say(f"{outcome.name}: not written, for something would be lost (--strict)", page, style="red")
    for text in _losses(outcome):
        _say(text, page, indent=2, style="yellow")
    for source in outcome.sources:
        for remark in source.remarks:
            times = f" ({remark.count:,} times, first: {remark.place})" if remark.count > 1 else f" ({remark.place})"
            _say(f"{source.name}: {remark.text}{times}", page, indent=2, style="yellow")


def _say(text: str, page: Page, *, indent: int = 0, style: str = "") -> None:
    """Print a sentence in lines that fit; where nothing says how much that is, in lines for reading."""
    width = (page.width or _READABLE) - indent - 2
    for number, line in enumerate(wrap(visible(text), width, break_on_hyphens=False, break_long_words=False)):
        page.line(Text(" " * (indent + 2 * (number > 0)) + line, style=style))


def _losses(outcome: Outcome) -> list[str]:
    """Say what was lost: what cannot be written at all first, then facets, those that are equally frequent together."""
    said: list[str] = []
    losses = outcome.losses
    by_count: dict[int, list[str]] = {}
    for name, count in losses.counts.items():
        if FACETS[name].leaves_out:
            verb = "was" if count == 1 else "were"
            first = losses.first[name]
            where = f"number {first:,}" if count == 1 else f"the first is number {first:,}"
            said.append(f"{count_text(count, 'interaction')} {verb} left out: {FACETS[name].title} ({where})")
        else:
            by_count.setdefault(count, []).append(FACETS[name].title)
    lost = [
        f"{', '.join(titles)} (of {count_text(count, 'interaction')})"
        for count, titles in sorted(by_count.items(), reverse=True)
    ]
    if losses.envelopes:
        lost.append("what the cassette says of the recording itself")
    if lost:
        said.append(f"{outcome.target.title} has no place for {'; '.join(lost)}")
    return said


def print_outcomes(
    outcomes: Sequence[Outcome], troubles: Sequence[tuple[str, RecorderError]], skipped: Sequence[str]
) -> None:
    """Print all as one object of JSON."""
    report = {
        "outputs": [_object(outcome) for outcome in outcomes],
        "errors": [{"file": name, "error": error.slug, "message": str(error)} for name, error in troubles],
        "skipped": list(skipped),
    }
    sys.stdout.write(json_safe(_dumped(report)) + "\n")


def _object(outcome: Outcome) -> dict[str, Any]:
    losses = outcome.losses
    return {
        "file": outcome.name,
        "format": outcome.target.name,
        "written": outcome.published,
        "verified": outcome.verified,
        "size": outcome.size if outcome.published else 0,
        "interactions": outcome.written,
        "left_out": losses.left_out,
        "passed_over": outcome.passed_over,
        "losses": [
            {"facet": name, "what": FACETS[name].title, "interactions": count, "first": losses.first[name]}
            for name, count in losses.counts.items()
        ],
        "envelopes": losses.envelopes,
        "inputs": [_source(source) for source in outcome.sources],
    }


def _source(source: Source) -> dict[str, Any]:
    return {
        "file": source.name,
        "format": source.format.name,
        "interactions": source.read,
        "remarks": [
            {"text": one.text, "count": one.count, "first": one.place, "lost": one.lost} for one in source.remarks
        ],
    }


def _dumped(value: dict[str, Any]) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a lone surrogate: a file name that is no UTF-8
        import json  # noqa: PLC0415 - only for such names

        return json.dumps(value)


def show_formats(page: Page) -> None:
    """Print the table of formats."""
    columns = [
        Column("name", right=False),
        Column("reads", right=False),
        Column("writes", right=False),
        Column("files", rank=1, right=False),
        Column("what", right=False, flexible=True),
    ]
    page.table(columns, [_row(one) for one in all_formats()])


def _row(one: Format) -> list[Text]:
    writes = one.write is not None or one.write_folder is not None
    return [
        Text(one.name),
        Text("yes" if one.read is not None else "-"),
        Text("yes" if writes else "-"),
        Text(" ".join(one.suffixes) or "folder"),
        Text(one.title),
    ]
