"""`ctools inspect`: parses the arguments, calls what reads, hands the result to a view."""

# ruff: noqa: PLC0415 - each way of looking loads what it needs, and nothing else

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cassette_tools.commands import looking
from cassette_tools.commands.looking import Asked
from cassette_tools.commands.reading import FromFormat, Only, ReadingMode, mode_of
from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.journal.read import Part

__all__ = ["inspect"]

_PARTS: Final = ("request", "response")
_TOP: Final = 10


def inspect(
    cassette: Annotated[
        str, typer.Argument(metavar="CASSETTE", help="A cassette of any format, a folder, or - for standard input.")
    ],
    number: Annotated[
        int | None,
        typer.Argument(metavar="NUMBER", min=1, help="Show this interaction in full. --list tells the numbers."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", "-l", help="Show one line for each interaction.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="List a recording in progress, until its run ends.")
    ] = False,
    stats: Annotated[
        bool,
        typer.Option(
            "--stats", help="Show sizes and times by host, endpoint, status, content type and client, with percentiles."
        ),
    ] = False,
    slowest: Annotated[bool, typer.Option("--slowest", help="List the interactions that took longest.")] = False,
    largest: Annotated[bool, typer.Option("--largest", help="List those with the largest bodies.")] = False,
    errors: Annotated[
        bool, typer.Option("--errors", help="List those that failed, or were answered with status 400 or above.")
    ] = False,
    duplicates: Annotated[
        bool, typer.Option("--duplicates", help="List requests that were made more than once, with their answers.")
    ] = False,
    only: Only = None,
    export: Annotated[
        str | None,
        typer.Option("--export", metavar="curl|httpie|python", help="Print the request of NUMBER as a command."),
    ] = None,
    body: Annotated[
        bool,
        typer.Option("--body", "-b", help="Write the stored body of interaction NUMBER, byte for byte, to stdout."),
    ] = False,
    part: Annotated[
        str | None,
        typer.Option("--part", metavar="request|response", help="Whose body --body writes. [default: response]"),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the body, or what --export makes, to this file."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: one object, or one a line for a list.")] = False,
    source: FromFormat = None,
    mode: ReadingMode = "tail",
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            metavar="N",
            min=1,
            help="Rows of each table, of each ranking. [default: 10]",
            show_default=False,
        ),
    ] = None,
    stale_after: Annotated[
        float | None,
        typer.Option(
            "--stale-after",
            metavar="DAYS",
            min=0,
            help="In a folder: what was recorded longer ago is stale. [default: 180]",
            show_default=False,
        ),
    ] = None,
    huge: Annotated[
        str | None,
        typer.Option(
            "--huge", metavar="SIZE", help="In a folder: what is larger is huge. [default: 10MB]", show_default=False
        ),
    ] = None,
) -> None:
    """Look into a cassette: summary, list, one interaction.

    Without an option it shows a summary: how the recording ended, hosts and endpoints, statuses, sizes, times,
    failures and memory. Bodies are not read for it. Of a folder it lists the cassettes, with what is odd about each.

    Examples:
        ctools inspect cassette.jsonl
        ctools inspect cassette.jsonl --list --only '~m POST & ~c 500-599'
        ctools inspect cassette.jsonl 17
        ctools inspect cassette.jsonl 17 --export curl
        ctools inspect cassette.jsonl 17 --body -o invoice.pdf
        ctools inspect cassette.jsonl --slowest --top 20
        ctools inspect cassette.jsonl --follow
        ctools inspect tests/cassettes
        ctools inspect - --json < cassette.jsonl

    On a terminal, lists and tables are cut to its width. Elsewhere nothing is cut, and --list prints fields separated
    by tabs: number, seconds since the run began, method, status, bytes of the response, milliseconds, URL, error.
    """
    if not cassette:
        raise UsageError("The path of the cassette is empty: perhaps a variable is not set. Give a file or a folder.")
    body = body or (output is not None and export is None)
    ways = {
        "--list": listed,
        "--follow": follow,
        "--stats": stats,
        "--slowest": slowest,
        "--largest": largest,
        "--errors": errors,
        "--duplicates": duplicates,
        "NUMBER": number is not None,
    }
    chosen = [name for name, given in ways.items() if given]
    _check(chosen, export=export, body=body, part=part, force=force, output=output, as_json=as_json)
    if top is not None:
        _check_top(chosen)
    asked = Asked(cassette, mode_of(mode), source, only, as_json, _TOP if top is None else top)
    for_folders = [] if stale_after is None else ["--stale-after"]
    for_folders += [] if huge is None else ["--huge"]
    if number is not None:
        if for_folders:
            raise UsageError(f"{for_folders[0]} is for folders, and NUMBER for one cassette: give one of them.")
        if only is not None:
            raise UsageError("NUMBER shows one interaction, --only filters many: give one of them.")
        _single(asked, number, export=export, part=part, body=body, output=output, force=force)
    elif Path(cassette).is_dir():
        _folder(asked, chosen, stale_after, huge)
    elif for_folders:
        raise UsageError(f"{for_folders[0]} is for folders, and {cassette} is none. Leave it out, or give a folder.")
    else:
        way = chosen[0] if chosen else ""
        _WAYS[way](asked)


def _check(
    chosen: list[str],
    *,
    export: str | None,
    body: bool,
    part: str | None,
    force: bool,
    output: str | None,
    as_json: bool,
) -> None:
    """Refuse combinations of arguments that contradict each other. Raises UsageError."""
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} are different ways to look: give one of them.")
    number = chosen == ["NUMBER"]
    if (body or export) and not number:
        raise UsageError(f"Which interaction's {'body' if body else 'request'}? Give its NUMBER; --list tells it.")
    if body and as_json:
        raise UsageError("--body writes bytes, --json text: give one of them. NUMBER --json has the bodies, too.")
    if export and (body or as_json):
        raise UsageError(f"--export and {'--body' if body else '--json'} are different outputs: give one of them.")
    if part is not None and not body:
        raise UsageError("--part chooses what --body writes: give both.")
    if force and output is None:
        raise UsageError("--force replaces the file of -o: give both.")


def _check_top(chosen: list[str]) -> None:
    """Refuse --top where nothing is cut to it. Raises UsageError."""
    if chosen == ["NUMBER"]:
        raise UsageError("--top cuts tables and rankings, and NUMBER shows one interaction: give one of them.")
    if chosen and chosen[0] in {"--list", "--errors", "--follow"}:
        raise UsageError(
            f"--top cuts tables and rankings, and {chosen[0]} shows all, in the order of the file. Leave it out; "
            "--only '~i 1-10' takes the first ten interactions."
        )


def _single(
    asked: Asked,
    number: int,
    *,
    export: str | None,
    part: str | None,
    body: bool,
    output: str | None,
    force: bool,
) -> None:
    if export is not None:
        looking.export(asked, number, export, output=output, force=force)
    elif body:
        looking.body(asked, number, _part(part or "response"), output=output, force=force)
    else:
        looking.one(asked, number)


def _folder(asked: Asked, chosen: list[str], stale_after: float | None, huge: str | None) -> None:
    from cassette_tools.folder import HUGE, STALE_AFTER, Folder, size_of
    from cassette_tools.views.console import Page
    from cassette_tools.views.folder import print_folder, show_folder

    if chosen:
        raise UsageError(
            f"{chosen[0]} looks into one cassette, and {asked.cassette} is a folder. Give a file in it, or leave "
            f"{chosen[0]} out for a table of the cassettes."
        )
    folder = Folder(
        asked.cassette,
        mode=asked.mode,
        source=asked.source,
        only=asked.only,
        stale_after=STALE_AFTER if stale_after is None else stale_after,
        huge=HUGE if huge is None else size_of(huge),
    )
    if asked.as_json:
        print_folder(folder)
    else:
        show_folder(folder, Page(), top=asked.top)


_WAYS: Final[dict[str, Callable[[Asked], None]]] = {
    "": looking.summary,
    "--list": looking.listing,
    "--follow": looking.follow,
    "--stats": looking.stats,
    "--slowest": looking.slowest,
    "--largest": looking.largest,
    "--errors": looking.errors,
    "--duplicates": looking.duplicates,
}


def _part(value: str) -> Part:
    for part in _PARTS:
        if value == part:
            return part
    raise UsageError(f"{value!r} is no part of an interaction. Use one of: {', '.join(_PARTS)}.")
