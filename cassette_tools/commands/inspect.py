"""`ctools inspect`: parses the arguments, calls what reads, hands the result to a view."""

# ruff: noqa: PLC0415 - each way of looking loads what it needs, and nothing else

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassette_tools.listing import Entry
    from recorder.journal.read import Mode, Part, Reader

__all__ = ["inspect"]

_MODES: Final = ("tail", "strict", "skip")
_PARTS: Final = ("request", "response")


def inspect(
    cassette: Annotated[str, typer.Argument(metavar="CASSETTE", help="The cassette, or - for the standard input.")],
    number: Annotated[
        int | None,
        typer.Argument(metavar="NUMBER", min=1, help="Show this interaction in full. --list tells the numbers."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", "-l", help="Show one line for each interaction.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="List a recording in progress, until its run ends.")
    ] = False,
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
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            metavar="tail|strict|skip",
            help="Which damage to put up with: at the end of a run (tail), none (strict), or any (skip).",
        ),
    ] = "tail",
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Rows of each table of the summary.")] = 10,
) -> None:
    """Look into a cassette: summary, list, one interaction.

    Without an option it shows a summary: how the recording ended, hosts and endpoints, statuses, sizes, times,
    failures and memory. Bodies are not read for it.

    Examples:
        ctools inspect cassette.jsonl
        ctools inspect cassette.jsonl --list
        ctools inspect cassette.jsonl 17
        ctools inspect cassette.jsonl 17 --body -o invoice.pdf
        ctools inspect cassette.jsonl --follow
        ctools inspect - --json < cassette.jsonl

    On a terminal, lists and tables are cut to its width. Elsewhere nothing is cut, and --list prints fields separated
    by tabs: number, seconds since the run began, method, status, bytes of the response, milliseconds, URL, error.
    """
    body = body or output is not None
    _check(
        number=number, listed=listed, follow=follow, body=body, part=part, force=force, output=output, as_json=as_json
    )
    reading = _mode(mode)
    if follow:
        _follow(cassette, reading, as_json=as_json)
    elif listed:
        _list(cassette, reading, as_json=as_json)
    elif number is None:
        _summary(cassette, reading, as_json=as_json, top=top)
    elif body:
        _body(cassette, number, _part(part or "response"), reading, output=output, force=force)
    else:
        _one(cassette, number, reading, as_json=as_json)


def _check(
    *,
    number: int | None,
    listed: bool,
    follow: bool,
    body: bool,
    part: str | None,
    force: bool,
    output: str | None,
    as_json: bool,
) -> None:
    """Refuse combinations of arguments that contradict each other. Raises UsageError."""
    if number is not None and (listed or follow):
        raise UsageError("NUMBER shows one interaction, --list and --follow show all: give one of them.")
    if body and number is None:
        raise UsageError("Which interaction's body? Give its NUMBER; --list tells it.")
    if body and as_json:
        raise UsageError("--body writes bytes, --json text: give one of them. NUMBER --json has the bodies, too.")
    if part is not None and not body:
        raise UsageError("--part chooses what --body writes: give both.")
    if force and output is None:
        raise UsageError("--force replaces the file of -o: give both.")


def _summary(cassette: str, mode: Mode, *, as_json: bool, top: int) -> None:
    from cassette_tools.source import facts_of, file_size, open_cassette
    from cassette_tools.summary import LINE_TYPES, summarize
    from cassette_tools.views.progress import reading

    read = _Counter()
    with reading(cassette, file_size(cassette)) as told:
        read.told = told
        with open_cassette(cassette, mode=mode, types=LINE_TYPES, on_progress=read) as reader:
            summary = summarize(reader)
    facts = facts_of(cassette, reader, read.count)
    if as_json:
        from cassette_tools.views.json import print_summary

        print_summary(summary, facts)
    else:
        from cassette_tools.views.console import Page
        from cassette_tools.views.terminal import show_summary

        show_summary(summary, facts, Page(), top=top)


def _list(cassette: str, mode: Mode, *, as_json: bool) -> None:
    from cassette_tools.listing import LINE_TYPES, entries
    from cassette_tools.source import open_cassette

    with open_cassette(cassette, mode=mode, types=LINE_TYPES) as reader:
        show = _shower(as_json=as_json)
        for entry in entries(reader):
            show(entry)
        _tell_damage(reader)


def _follow(cassette: str, mode: Mode, *, as_json: bool) -> None:
    from cassette_tools.listing import LINE_TYPES, entries
    from recorder.journal.follow import follow

    if cassette == "-":
        raise UsageError("--follow needs a file that grows. For a stream use: ctools inspect - --list")
    show = _shower(as_json=as_json)
    try:
        with follow(cassette, mode=mode, types=LINE_TYPES) as reader:
            for entry in entries(reader):
                show(entry)
                sys.stdout.flush()
    except KeyboardInterrupt:
        return  # the way to end looking; nothing is wrong


def _one(cassette: str, number: int, mode: Mode, *, as_json: bool) -> None:
    from cassette_tools.listing import LINE_TYPES, find
    from cassette_tools.source import Facts, open_cassette
    from recorder.model import Interaction

    with open_cassette(cassette, mode=mode, types=LINE_TYPES, bodies=True) as reader:
        line, began = find(reader, number, name=cassette)
        interaction = Interaction.from_json(line.head, where=line.where)
        begins: dict[str, Callable[[], Iterator[bytes]]] = {}
        if interaction.request.body is not None:
            begins["request"] = partial(reader.body, line, "request")
        if interaction.response is not None and interaction.response.body is not None:
            begins["response"] = partial(reader.body, line, "response")
        if as_json:
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
        facts = Facts(cassette, 0, mode, growing=False, damage=())
        show_interaction(interaction, number=number, began=began, contents=contents, facts=facts, page=Page())


def _body(cassette: str, number: int, part: Part, mode: Mode, *, output: str | None, force: bool) -> None:
    from cassette_tools.listing import LINE_TYPES, find
    from cassette_tools.output import write_whole
    from cassette_tools.source import open_cassette
    from cassette_tools.views.raw import print_body

    with open_cassette(cassette, mode=mode, types=LINE_TYPES, bodies=True) as reader:
        line, _ = find(reader, number, name=cassette)
        message = line.head.get(part)
        if not isinstance(message, dict) or message.get("body") is None:
            raise UsageError(f"{cassette}: the {part} of interaction {number} has no body.")
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
