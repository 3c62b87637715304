"""`ctools inspect`: parses the arguments, calls what reads, hands the result to a view."""

# ruff: noqa: PLC0415 - each way of looking loads what it needs, and nothing else

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cassette_tools.listing import Entry
    from cassette_tools.source import OpenCassette
    from recorder.journal.read import Mode, Part, Reader

__all__ = ["inspect"]

_MODES: Final = ("tail", "strict", "skip")
_PARTS: Final = ("request", "response")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What every way of looking is told: the input, how to read it, what of it to take, and how to show it."""

    cassette: str
    mode: Mode
    source: str | None
    only: str | None
    as_json: bool
    top: int


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
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="FILTER", help="Take the interactions that match: '~m POST & ~c 500'."),
    ] = None,
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
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the body to this file; implies --body.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: one object, or one a line for a list.")] = False,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FORMAT", help="The format to read (ctools convert --formats); else by content."
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            metavar="tail|strict|skip",
            help="Which damage to put up with: at the end of a run (tail), none (strict), or any (skip).",
        ),
    ] = "tail",
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Rows of each table, of each ranking.")] = 10,
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
    body = body or output is not None
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
    asked = _Asked(cassette, _mode(mode), source, only, as_json, top)
    if number is not None:
        if only is not None:
            raise UsageError("NUMBER shows one interaction, --only filters many: give one of them.")
        _single(asked, number, export=export, part=part, body=body, output=output, force=force)
    elif Path(cassette).is_dir():
        _folder(asked, chosen)
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


def _single(
    asked: _Asked,
    number: int,
    *,
    export: str | None,
    part: str | None,
    body: bool,
    output: str | None,
    force: bool,
) -> None:
    if export is not None:
        _export(asked, number, export)
    elif body:
        _body(asked, number, _part(part or "response"), output=output, force=force)
    else:
        _one(asked, number)


def _open(asked: _Asked, types: Collection[str], *, bodies: bool = False) -> OpenCassette:
    from cassette_tools.source import open_cassette

    return open_cassette(
        asked.cassette, mode=asked.mode, types=types, bodies=bodies or asked.only is not None, source=asked.source
    )


def _summary(asked: _Asked) -> None:
    from cassette_tools.selection import wanted_by
    from cassette_tools.source import facts_of, file_size, open_cassette
    from cassette_tools.summary import LINE_TYPES, summarize
    from cassette_tools.views.progress import reading

    wanted = wanted_by(asked.only)
    read = _Counter()
    with (
        reading(asked.cassette, file_size(asked.cassette)) as told,
        open_cassette(
            asked.cassette,
            mode=asked.mode,
            types=LINE_TYPES,
            bodies=wanted is not None,
            source=asked.source,
            on_progress=read,
        ) as opened,
    ):
        read.told = told
        summary = summarize(opened.reader, wanted)
        facts = facts_of(asked.cassette, opened, read.count)
    if asked.as_json:
        from cassette_tools.views.json import print_summary

        print_summary(summary, facts)
    else:
        from cassette_tools.views.console import Page
        from cassette_tools.views.terminal import show_summary

        show_summary(summary, facts, Page(), top=asked.top)


def _list(asked: _Asked) -> None:
    from cassette_tools.listing import LINE_TYPES, entries
    from cassette_tools.selection import wanted_by

    wanted = wanted_by(asked.only)
    with _open(asked, LINE_TYPES) as opened:
        show = _shower(as_json=asked.as_json)
        for entry in entries(opened.reader, wanted):
            show(entry)
        _tell_damage(opened.reader)


def _follow(asked: _Asked) -> None:
    from cassette_tools.listing import LINE_TYPES, entries
    from cassette_tools.selection import wanted_by
    from recorder.journal.follow import follow

    if asked.cassette == "-":
        raise UsageError("--follow needs a file that grows. For a stream use: ctools inspect - --list")
    wanted = wanted_by(asked.only)
    show = _shower(as_json=asked.as_json)
    try:
        with follow(asked.cassette, mode=asked.mode, types=LINE_TYPES) as reader:
            for entry in entries(reader, wanted):
                show(entry)
                sys.stdout.flush()
    except KeyboardInterrupt:
        return  # the way to end looking; nothing is wrong


def _stats(asked: _Asked) -> None:
    raise UsageError("--stats is being built.")


def _slowest(asked: _Asked) -> None:
    raise UsageError("--slowest is being built.")


def _largest(asked: _Asked) -> None:
    raise UsageError("--largest is being built.")


def _errors(asked: _Asked) -> None:
    raise UsageError("--errors is being built.")


def _duplicates(asked: _Asked) -> None:
    raise UsageError("--duplicates is being built.")


def _folder(asked: _Asked, chosen: list[str]) -> None:
    raise UsageError("Folders are being built.")


def _export(asked: _Asked, number: int, kind: str) -> None:
    raise UsageError("--export is being built.")


_WAYS: Final[dict[str, Callable[[_Asked], None]]] = {
    "": _summary,
    "--list": _list,
    "--follow": _follow,
    "--stats": _stats,
    "--slowest": _slowest,
    "--largest": _largest,
    "--errors": _errors,
    "--duplicates": _duplicates,
}


def _one(asked: _Asked, number: int) -> None:
    from cassette_tools.listing import LINE_TYPES, find
    from cassette_tools.source import Facts
    from recorder.model import Interaction

    with _open(asked, LINE_TYPES, bodies=True) as opened:
        reader = opened.reader
        line, began = find(reader, number, name=asked.cassette)
        interaction = Interaction.from_json(line.head, where=line.where)
        begins: dict[str, Callable[[], Iterator[bytes]]] = {}
        if interaction.request.body is not None:
            begins["request"] = partial(reader.body, line, "request")
        if interaction.response is not None and interaction.response.body is not None:
            begins["response"] = partial(reader.body, line, "response")
        if asked.as_json:
            from cassette_tools.views.json import print_interaction

            print_interaction(number, line.head, begins)
            return
        from cassette_tools.content import content_of
        from cassette_tools.views.console import Page
        from cassette_tools.views.terminal import show_interaction

        contents = {}
        for part, message in (("request", interaction.request), ("response", interaction.response)):
            if part in begins and message is not None and message.body is not None:
                declared = next((value for name, value in message.headers if name.lower() == "content-type"), None)
                contents[part] = content_of(begins[part](), content_type=declared, size=message.body.size)
        facts = Facts(asked.cassette, 0, asked.mode, growing=False, damage=())
        show_interaction(interaction, number=number, began=began, contents=contents, facts=facts, page=Page())


def _body(asked: _Asked, number: int, part: Part, *, output: str | None, force: bool) -> None:
    from cassette_tools.listing import LINE_TYPES, find
    from cassette_tools.output import write_whole
    from cassette_tools.views.raw import print_body

    with _open(asked, LINE_TYPES, bodies=True) as opened:
        reader = opened.reader
        line, _ = find(reader, number, name=asked.cassette)
        message = line.head.get(part)
        if not isinstance(message, dict) or message.get("body") is None:
            raise UsageError(f"{asked.cassette}: the {part} of interaction {number} has no body.")
        if output is None:
            print_body(partial(reader.body, line, part))
        else:
            write_whole(output, reader.body(line, part), force=force)


def _shower(*, as_json: bool) -> Callable[[Entry], None]:
    """Return the function that prints an entry."""
    if as_json:
        from cassette_tools.views.json import print_entry

        return print_entry
    from cassette_tools.views.console import Page
    from cassette_tools.views.terminal import Lister

    return Lister(Page()).show


def _tell_damage(reader: Reader) -> None:
    """Say on stderr what a list could not show."""
    if reader.damage:
        from cassette_tools.views.console import Page

        left = sum(damage.end - damage.start for damage in reader.damage)
        Page(sys.stderr).line(f"{left:,} damaged bytes were left out; the summary tells where.")


class _Counter:
    """Remembers how many bytes were read, and passes it on."""

    def __init__(self) -> None:
        self.count = 0
        self.told: Callable[[int], None] | None = None

    def __call__(self, read: int) -> None:
        self.count = read
        if self.told is not None:
            self.told(read)


def _mode(value: str) -> Mode:
    for mode in _MODES:
        if value == mode:
            return mode
    raise UsageError(f"{value!r} is no mode. Use one of: {', '.join(_MODES)}.")


def _part(value: str) -> Part:
    for part in _PARTS:
        if value == part:
            return part
    raise UsageError(f"{value!r} is no part of an interaction. Use one of: {', '.join(_PARTS)}.")
