"""`ctools report`: parses the arguments, calls what gathers, writes the page."""

# ruff: noqa: PLC0415 - what the command needs is loaded when its arguments are known to be right

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cassette_tools.commands.reading import FromFormat, Only, ReadingMode, mode_of
from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recorder.journal.read import Mode

__all__ = ["report"]

_LIMIT: Final = 10_000
_MOST_ROWS: Final = 200_000  # as in cassette_tools.report, which a test compares
_BODY_LIMIT: Final = 65_536
_LONGEST_BODY: Final = 262_144  # the same
_PACKED: Final = (".gz", ".zst", ".br")


def report(
    cassette: Annotated[
        str, typer.Argument(metavar="CASSETTE", help="A cassette of any format, or - for standard input.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the page here; - is stdout. [default: beside CASSETTE, .html]"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    only: Only = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="The page's title. [default: the file's name]")
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", metavar="N", min=0, max=_MOST_ROWS, help="Interactions in the table; the figures have all."
        ),
    ] = _LIMIT,
    body_limit: Annotated[
        int,
        typer.Option("--body-limit", metavar="BYTES", min=0, max=_LONGEST_BODY, help="Bytes of each body in the page."),
    ] = _BODY_LIMIT,
    source: FromFormat = None,
    mode: ReadingMode = "tail",
) -> None:
    """Make one HTML page of a cassette, to look at in a browser.

    The page is one file that needs no network: figures, what happened along the run, a table to sort and filter, and
    each interaction in full. Nothing recorded can run in it. It holds what the cassette holds: redact it first
    (ctools resanitize) where it has secrets.

    Examples:
        ctools report cassette.jsonl
        ctools report cassette.jsonl -o report.html --force
        ctools report cassette.jsonl --only '~c 400-599' --title 'Errors of a night'
        ctools report tests/cassettes/login.yaml -o login.html
    """
    target = _target(cassette, output, force=force)
    _write(
        cassette,
        target,
        force=force,
        only=only,
        title=title,
        limits=(limit, body_limit),
        source=source,
        mode=mode_of(mode),
    )


def _write(
    cassette: str,
    target: Path | None,
    *,
    force: bool,
    only: str | None,
    title: str | None,
    limits: tuple[int, int],
    source: str | None,
    mode: Mode,
) -> None:
    """Gather, then write; `target` None is stdout."""
    from cassette_tools.output import write_whole
    from cassette_tools.report import LINE_TYPES, gather
    from cassette_tools.selection import wanted_by
    from cassette_tools.source import facts_of, file_size, open_cassette
    from cassette_tools.views.progress import reading
    from cassette_tools.views.report import left_out, pieces, unredacted

    wanted = wanted_by(only)
    read = 0

    def count(bytes_read: int) -> None:
        nonlocal read
        read = bytes_read
        if told is not None:
            told(bytes_read)

    with (
        reading(cassette, file_size(cassette)) as told,
        open_cassette(cassette, mode=mode, types=LINE_TYPES, bodies=True, source=source, on_progress=count) as opened,
    ):
        gathered = gather(opened.reader, wanted, limit=limits[0], body_limit=limits[1])
        facts = facts_of(cassette, opened, read)
    with gathered:
        page = pieces(gathered, facts, title=title, only=only)
        size = _to_stdout(page) if target is None else write_whole(str(target), page, force=force)
    if target is not None:
        from cassette_tools.views.figures import count_text, size_text

        _say(f"{target}: {count_text(gathered.rows, 'interaction')}, {size_text(size)}")
    for sentence in left_out(gathered, facts):
        _say(sentence)
    if (warning := unredacted(gathered.summary)) is not None:
        _say(warning)


def _target(cassette: str, output: str | None, *, force: bool) -> Path | None:
    """Return where to write, None for stdout. Raises UsageError before anything is read."""
    if output == "-":
        if sys.stdout.isatty():
            raise UsageError(
                "The page would go to the terminal. Give -o FILE, or send it somewhere: -o - > report.html"
            )
        return None
    if output is None and cassette == "-":
        raise UsageError("Where to? The standard input has no name to make one of: give -o FILE, or -o - for stdout.")
    if Path(cassette).is_dir():
        from cassette_tools.shell_word import shell_word

        raise UsageError(
            f"{cassette} is a folder, and a report is of one cassette. See: ctools inspect {shell_word(cassette)}"
        )
    from cassette_tools.output import check_target

    target = check_target(output or str(_beside(Path(cassette))), [cassette], force=force)
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no folder {target.parent}. Make it first, or choose another path.")
    return target


def _beside(cassette: Path) -> Path:
    """Return the path of a page beside a cassette: its name without what tells packing and format."""
    name = cassette.name
    for ending in _PACKED:
        name = name.removesuffix(ending)
    return cassette.with_name(f"{Path(name).stem or name}.html")


def _to_stdout(page: Iterable[bytes]) -> int:
    from cassette_tools.draft import BUFFER
    from cassette_tools.packing import gathered

    size = 0
    for block in gathered(page, BUFFER):
        sys.stdout.buffer.write(block)
        size += len(block)
    sys.stdout.buffer.flush()
    return size


def _say(text: str) -> None:
    from cassette_tools.views.escape import visible

    typer.echo(visible(text), err=True)
