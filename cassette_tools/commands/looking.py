"""The ways in which `ctools inspect` looks at one cassette: opens it, calls what reads, hands the result to a view."""

# ruff: noqa: PLC0415 - each way of looking loads what it needs, and nothing else

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime

    from cassette_tools.choice import Choice
    from cassette_tools.listing import Entry
    from cassette_tools.parts import Figures
    from cassette_tools.ranking import Rank
    from cassette_tools.selection import Wanted
    from cassette_tools.source import Facts, OpenCassette
    from cassette_tools.views.console import Page
    from recorder.journal.read import Line, Mode, Part

__all__ = [
    "Asked",
    "body",
    "duplicates",
    "errors",
    "export",
    "follow",
    "largest",
    "listing",
    "one",
    "slowest",
    "stats",
    "summary",
    "whole",
]

F = TypeVar("F", bound="Figures")

_WORTH_PARTS: Final = 20_000_000
"""Bytes of a cassette from which on what reads it in parts is loaded."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What every way of looking is told: the input, how to read it, what of it to take, and how to show it."""

    cassette: str
    mode: Mode
    source: str | None
    only: str | None
    as_json: bool
    top: int


# -- the cassette as a whole


def summary(asked: Asked) -> None:
    """Show the figures of a cassette."""
    from cassette_tools.summary import LINE_TYPES, Summary, summarize

    parts = _in_parts(asked, Summary, Summary.of_part)
    found, known, choice = (*parts, None) if parts else _in_one_go(asked, LINE_TYPES, summarize)
    if asked.as_json:
        from cassette_tools.views.json import print_summary

        print_summary(found, known, choice)
    else:
        from cassette_tools.views.terminal import show_summary

        show_summary(found, known, _page(), top=asked.top, choice=choice)
    _tell_none_taken(known.name, choice)


def stats(asked: Asked) -> None:
    """Show sizes and times by host, endpoint and so on."""
    from cassette_tools.statistics import LINE_TYPES, Statistics, collect

    parts = _in_parts(asked, Statistics, Statistics)
    found, known, choice = (*parts, None) if parts else _in_one_go(asked, LINE_TYPES, collect)
    if asked.as_json:
        from cassette_tools.views.statistics import print_statistics

        print_statistics(found, known, choice)
    else:
        from cassette_tools.views.statistics import show_statistics

        show_statistics(found, known, _page(), top=asked.top, choice=choice)
    _tell_none_taken(known.name, choice)


def _in_one_go(
    asked: Asked, types: Collection[str], gather: Callable[[Iterable[Line], Wanted | None], F]
) -> tuple[F, Facts, Choice | None]:
    """Gather figures line by line, of any input."""
    from cassette_tools.choice import choose

    wanted, choice = choose(asked.only)
    with whole(asked, types) as (opened, facts):
        figures = gather(opened.reader, wanted)
        return figures, facts(), choice


def _in_parts(asked: Asked, whole: Callable[[], F], part: Callable[[], F]) -> tuple[F, Facts] | None:
    """Gather figures of a big plain cassette in several processes; None where it is to be read in one go."""
    from cassette_tools.source import facts_of, file_size, open_cassette

    if asked.only is not None or asked.mode == "strict" or asked.source not in {None, "jsonl"}:
        return None
    size = file_size(asked.cassette)
    if size is None or size < _WORTH_PARTS:
        return None
    from cassette_tools.parts import Parts
    from cassette_tools.views.progress import reading

    with Parts(asked.cassette, whole, part) as parts, reading(asked.cassette, size) as told:
        figures = parts.gather(told)
    if figures is None:
        return None
    with open_cassette(asked.cassette, mode=asked.mode, types=("header",), source="jsonl") as opened:
        opened.reader.finished = parts.finished
        return figures, facts_of(asked.cassette, opened, parts.read)


@contextmanager
def whole(asked: Asked, types: Collection[str]) -> Iterator[tuple[OpenCassette, Callable[[], Facts]]]:
    """Open a cassette to be read to its end, with a progress bar where that takes long.

    The function beside it gives the facts of the file, once the reader came to the end.
    """
    from cassette_tools.source import facts_of, file_size, open_cassette
    from cassette_tools.views.progress import reading

    read = _Counter()
    with (
        reading(asked.cassette, file_size(asked.cassette)) as told,
        open_cassette(
            asked.cassette,
            mode=asked.mode,
            types=types,
            bodies=asked.only is not None,
            source=asked.source,
            on_progress=read,
        ) as opened,
    ):
        read.told = told
        yield opened, lambda: facts_of(asked.cassette, opened, read.count)


class _Counter:
    """Remembers how many bytes were read, and passes it on."""

    def __init__(self) -> None:
        self.count = 0
        self.told: Callable[[int], None] | None = None

    def __call__(self, read: int) -> None:
        self.count = read
        if self.told is not None:
            self.told(read)


# -- lists


def listing(asked: Asked) -> None:
    """List all interactions."""
    with _opened(asked) as opened:
        show = _shower(as_json=asked.as_json)
        found, choice = _entries(asked, opened)
        for entry in found:
            show(entry)
        _tell_doubts(opened)
        _tell_none_taken(opened.name, choice)


def errors(asked: Asked) -> None:
    """List the interactions that went wrong, as they come."""
    from cassette_tools.ranking import is_error

    seen = shown = 0
    with _opened(asked) as opened:
        show = _shower(as_json=asked.as_json)
        found, choice = _entries(asked, opened)
        for entry in found:
            seen += 1
            if is_error(entry):
                shown += 1
                show(entry)
        _tell_doubts(opened)
        if not _tell_none_taken(opened.name, choice) and not shown:
            _say(f"{opened.name}: no errors among {_count(seen)}.")


def follow(asked: Asked) -> None:
    """List a recording in progress until it ends, or until an interrupt."""
    from cassette_tools.listing import LINE_TYPES, entries
    from cassette_tools.selection import wanted_by
    from recorder.journal.follow import follow as followed

    if asked.cassette == "-":
        raise UsageError("--follow needs a file that grows. For a stream use: ctools inspect - --list")
    wanted = wanted_by(asked.only)
    _refuse_to_follow(asked)
    show = _shower(as_json=asked.as_json)
    try:
        with followed(asked.cassette, mode=asked.mode, types=LINE_TYPES) as reader:
            for entry in entries(reader, wanted):
                show(entry)
                sys.stdout.flush()
    except KeyboardInterrupt:
        return  # the way to end looking; nothing is wrong


def _refuse_to_follow(asked: Asked) -> None:
    """Refuse what does not grow line by line: files of other formats, and packed ones."""
    from cassette_tools.source import file_size, open_cassette

    if asked.source is None and not file_size(asked.cassette):
        return  # not there, a pipe, or a recording that has only begun: following tells
    with open_cassette(asked.cassette, mode=asked.mode, types=(), source=asked.source) as opened:
        if not opened.is_plain:
            what = "a packed file" if opened.format == "jsonl" else f"written in {opened.title}"
            raise UsageError(
                f"{opened.name}: it is {what}, which does not grow by an interaction at a time; --follow is for "
                "recordings of this toolkit. Use --list."
            )


def slowest(asked: Asked) -> None:
    """List the interactions that took longest."""
    _ranking(asked, "time")


def largest(asked: Asked) -> None:
    """List the interactions with the largest bodies."""
    _ranking(asked, "size")


def _ranking(asked: Asked, rank: Rank) -> None:
    from cassette_tools.listing import LINE_TYPES
    from cassette_tools.ranking import ranked

    with whole(asked, LINE_TYPES) as (opened, _):
        found, choice = _entries(asked, opened)
        ranking = ranked(found, rank, asked.top)
    show = _shower(as_json=asked.as_json, rank=rank)
    for entry in ranking.entries:
        show(entry)
    _tell_doubts(opened)
    unknown = ranking.seen - ranking.known
    if _tell_none_taken(opened.name, choice):
        return
    if not ranking.seen:
        _say(f"{opened.name}: there are no interactions to rank.")
    elif unknown:
        why = "" if opened.format == "jsonl" else f", in {opened.title}"
        if unknown == ranking.seen:
            _say(f"{opened.name}: it does not tell how long interactions took{why}. --largest ranks them by size.")
        else:
            _say(f"{opened.name}: of {unknown:,} of {_count(ranking.seen)} it is not known how long they took{why}.")


def duplicates(asked: Asked) -> None:
    """List the requests that were made more than once."""
    from cassette_tools.duplicates import Duplicates
    from cassette_tools.listing import LINE_TYPES

    with Duplicates() as seen:
        with whole(asked, LINE_TYPES) as (opened, _):
            found, choice = _entries(asked, opened)
            for entry in found:
                seen.add(entry)
        groups, totals = seen.found(asked.top)
    if asked.as_json:
        from cassette_tools.views.json import print_duplicate

        for group in groups:
            print_duplicate(group)
    elif groups:
        from cassette_tools.views.duplicates import show_duplicates

        show_duplicates(groups, totals, opened.name, _page())
    _tell_doubts(opened)
    if not _tell_none_taken(opened.name, choice) and not groups:
        _say(f"{opened.name}: no request was made more than once, among {_count(totals.interactions)}.")


def _opened(asked: Asked, *, bodies: bool = False) -> OpenCassette:
    from cassette_tools.listing import LINE_TYPES
    from cassette_tools.source import open_cassette

    return open_cassette(
        asked.cassette,
        mode=asked.mode,
        types=LINE_TYPES,
        bodies=bodies or asked.only is not None,
        source=asked.source,
    )


def _entries(asked: Asked, opened: OpenCassette) -> tuple[Iterator[Entry], Choice | None]:
    """Give the interactions that are asked for, and what counts them where a filter chooses."""
    from cassette_tools.choice import choose
    from cassette_tools.listing import entries

    wanted, choice = choose(asked.only)
    return entries(opened.reader, wanted), choice


def _shower(*, as_json: bool, rank: Rank | None = None) -> Callable[[Entry], None]:
    """Return the function that prints an entry."""
    if as_json:
        from cassette_tools.views.json import print_entry

        return print_entry
    from cassette_tools.views.listing import Lister

    return Lister(_page(), rank).show


# -- one interaction


def one(asked: Asked, number: int) -> None:
    """Show one interaction in full."""
    from recorder.model import Interaction

    with _opened(asked, bodies=True) as opened:
        line, began = _found(asked, opened, number)
        interaction = Interaction.from_json(line.head, where=line.where)
        begins: dict[str, Callable[[], Iterator[bytes]]] = {}
        if interaction.request.body is not None:
            begins["request"] = partial(opened.reader.body, line, "request")
        if interaction.response is not None and interaction.response.body is not None:
            begins["response"] = partial(opened.reader.body, line, "response")
        if asked.as_json:
            from cassette_tools.views.json import print_interaction

            print_interaction(number, line.head, begins)
            return
        from cassette_tools.content import content_of
        from cassette_tools.source import Facts
        from cassette_tools.views.interaction import show_interaction

        contents = {}
        for part, message in (("request", interaction.request), ("response", interaction.response)):
            if part in begins and message is not None and message.body is not None:
                declared = next((value for name, value in message.headers if name.lower() == "content-type"), None)
                contents[part] = content_of(begins[part](), content_type=declared, size=message.body.size)
        facts = Facts(asked.cassette, 0, asked.mode, False, (), opened.format, opened.title, opened.remarks)
        show_interaction(interaction, number=number, began=began, contents=contents, facts=facts, page=_page())


def body(asked: Asked, number: int, part: Part, *, output: str | None, force: bool) -> None:
    """Write a body, byte for byte."""
    from cassette_tools.output import check_target, write_whole
    from cassette_tools.views.raw import print_body

    if output is not None:
        check_target(output, [asked.cassette], force=force)
    with _opened(asked, bodies=True) as opened:
        line, _ = _found(asked, opened, number)
        message = line.head.get(part)
        if not isinstance(message, dict) or message.get("body") is None:
            raise UsageError(f"{asked.cassette}: the {part} of interaction {number} has no body.")
        if output is None:
            print_body(partial(opened.reader.body, line, part))
        else:
            write_whole(output, opened.reader.body(line, part), force=force)


def export(asked: Asked, number: int, kind: str, *, output: str | None, force: bool) -> None:
    """Write the request as a program that makes it again, and say on stderr what that cannot do."""
    from cassette_tools.export import exported
    from cassette_tools.formats.cassette_jsonl import interaction_of
    from cassette_tools.output import check_target, write_whole

    if output is not None:
        check_target(output, [asked.cassette], force=force)
    with _opened(asked, bodies=True) as opened:
        line, _ = _found(asked, opened, number)
        made = exported(interaction_of(line), number, kind)
        if output is None:
            sys.stdout.flush()
            for piece in made.program:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        else:
            write_whole(output, made.program, force=force)
    for note in made.notes:
        _say(f"{asked.cassette}, interaction {number}: {note}")


def _found(asked: Asked, opened: OpenCassette, number: int) -> tuple[Line, datetime | None]:
    from cassette_tools.listing import find

    return find(opened.reader, number, name=asked.cassette)


# -- what is said besides


def _page() -> Page:
    from cassette_tools.views.console import Page

    return Page()


def _tell_doubts(opened: OpenCassette) -> None:
    """Say on stderr what a list could not show: damage, and what a reader of another format found doubtful."""
    if opened.reader.damage:
        left = sum(damage.end - damage.start for damage in opened.reader.damage)
        _say(f"{left:,} damaged bytes were left out; the summary tells where.")
    for remark in opened.remarks:
        times = f"{remark.count:,} times, first: {remark.place}" if remark.count > 1 else remark.place
        _say(f"{opened.name}: {remark.text} ({times})")


def _tell_none_taken(name: str, choice: Choice | None) -> bool:
    """Say where a filter took nothing of what there is, and tell whether that is so."""
    if choice is None or choice.taken or not choice.held:
        return False
    from cassette_tools.choice import advice

    _say(f"{name}: the filter takes none of {_count(choice.held)}. {advice(choice.only)}".rstrip())
    return True


def _say(text: str) -> None:
    import textwrap

    from cassette_tools.views.console import Page, shown

    sys.stdout.flush()
    page = Page(sys.stderr)
    said = shown(text).plain
    if page.width is None:
        page.plain(said)
        return
    # A word that is longer than a line, such as a path, stays in one piece: it can be copied then.
    for line in textwrap.wrap(said, page.width, break_long_words=False, break_on_hyphens=False):
        page.plain(line)


def _count(number: int) -> str:
    from cassette_tools.views.figures import count_text

    return count_text(number, "interaction")
