"""`ctools convert`: parses the arguments, calls what converts, hands the result to a view.

Law: nothing is begun before the arguments make sense. Where there are several results, one that cannot be made does
not keep the others from it; it is named at the end. Exit codes: 0 fine; 1 `--strict` refused; 2 trouble.
"""

# ruff: noqa: PLC0415 - a wrong option is told without loading a format

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cassette_tools.commands.reading import FromFormat, Only, ReadingMode, mode_of
from cassette_tools.interruption import stoppable
from recorder.errors import NotACassetteError, OutputError, RecorderError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cassette_tools.conversion_plan import Job
    from cassette_tools.convert import Conversion, Given, Outcome
    from cassette_tools.formats import Format

__all__ = ["convert"]


def _show_formats(wanted: bool) -> None:
    if wanted:
        from cassette_tools.views.console import Page
        from cassette_tools.views.conversion import show_formats

        show_formats(Page())
        raise typer.Exit


def convert(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="CASSETTE", help="Cassettes of any format, folders of them, or - for standard input."),
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="PATH", help="Write here: a file, a folder/, or - for standard output."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="FORMAT", help="The format to write (--formats); else -o tells it.")
    ] = None,
    source: FromFormat = None,
    only: Only = None,
    style: Annotated[
        str, typer.Option("--style", metavar="exact|readable", help="How vcrpy YAML is laid out: readable for review.")
    ] = "exact",
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing where something would be lost; exit 1.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Read the output back and compare.")] = False,
    mode: ReadingMode = "tail",
    force: Annotated[bool, typer.Option("--force", help="Replace what exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done and lost as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
    formats: Annotated[  # noqa: ARG001 - acts by its callback
        bool, typer.Option("--formats", help="List the formats, and exit.", callback=_show_formats, is_eager=True)
    ] = False,
) -> None:
    """Convert cassettes between formats.

    A cassette of ours becomes vcrpy YAML, any other format becomes a cassette of ours, beside the input. -o and --to
    ask for something else. What the target cannot hold is counted and told on stderr. The output appears whole or not
    at all. A name that ends in .gz or .zst is packed; packed inputs are unpacked.

    Examples:
        ctools convert cassette.jsonl
        ctools convert cassette.jsonl -o session.har --verify
        ctools convert old.yaml new.har -o all.jsonl.zst
        ctools convert tests/cassettes --to jsonl -o converted/
        ctools convert - --to har --only '~d api.example.com' < cassette.jsonl

    Several inputs and one file at -o: they go behind each other. A folder at -o: each gets a file of its own there.

    Exit codes: 0 fine; 1 --strict refused; 2 trouble.
    """
    if output == "-" and as_json:
        raise UsageError("The standard output takes the cassette: give -o a file to have a report there.")
    from cassette_tools.conversion_plan import plan

    planned = plan(inputs, output, to)
    if as_json and any(job.target is None for job in planned.jobs):
        raise UsageError("The standard output takes the cassette: give -o a file to have a report there.")
    run = _Run(_given(source, mode, only), style=style, strict=strict, verify=verify, force=force)
    from cassette_tools.views.progress import reading

    with stoppable(), reading(inputs[0], planned.size or None) as told:
        run.all(planned.jobs, told)
    run.troubles.extend(planned.unread)
    run.show(as_json=as_json, quiet=quiet)
    raise typer.Exit(run.code)


class _Run:
    """The results of one call."""

    def __init__(self, given: Given, *, style: str, strict: bool, verify: bool, force: bool) -> None:
        self._given = given
        self._style = style
        self._strict = strict
        self._verify = verify
        self._force = force
        self._done = 0
        self._taken: dict[Path, str] = {}
        self._inputs: dict[tuple[int, int], str] = {}
        self.outcomes: list[Outcome] = []
        self.troubles: list[tuple[str, RecorderError]] = []
        self.skipped: list[str] = []

    def all(self, jobs: Sequence[Job], told: Callable[[int], None] | None) -> None:
        """Convert all. Raises the error where there is but one job, and its file was named."""
        alone = len(jobs) == 1 and not jobs[0].walked
        self._inputs = _identities(path for job in jobs for path in job.inputs)
        for job in jobs:
            try:
                self._one(job, told)
            except RecorderError as error:
                if alone:
                    raise
                if job.walked and isinstance(error, NotACassetteError) and len(job.inputs) == 1:
                    self.skipped.append(job.inputs[0])
                else:
                    self.troubles.append((job.inputs[0], error))

    @property
    def code(self) -> int:
        """The exit code."""
        if self.troubles:
            return 2
        return 0 if all(outcome.published for outcome in self.outcomes) else 1

    def show(self, *, as_json: bool, quiet: bool) -> None:
        """Print what was done: a report to stdout, a summary to stderr."""
        from cassette_tools.views.console import Page
        from cassette_tools.views.conversion import print_outcomes, show_outcomes

        if as_json:
            print_outcomes(self.outcomes, self.troubles, self.skipped)
        if not quiet:
            show_outcomes(self.outcomes, self.troubles, self.skipped, Page(sys.stderr))
        elif self.troubles:
            show_outcomes((), self.troubles, (), Page(sys.stderr))

    def _one(self, job: Job, told: Callable[[int], None] | None) -> None:
        from cassette_tools.convert import Refusal, convert_file, convert_folder, convert_stream

        job = job.settled(self._given.format)
        asked = self._asked(job)
        before = self._done

        def progress(read: int) -> None:
            self._done = before + read
            if told is not None:
                told(self._done)

        try:
            if job.target is None:
                outcome = convert_stream(job.inputs, sys.stdout.buffer, asked, on_progress=progress)
            else:
                self._claim(job.target, job.inputs)
                if len(job.target.parts) > 1:
                    _make_folder(job.target.parent)
                make = convert_file if asked.target.write_folder is None else convert_folder
                outcome = make(job.inputs, job.target, asked, force=self._force, on_progress=progress)
        except Refusal as refusal:
            outcome = refusal.outcome
        self.outcomes.append(outcome)

    def _asked(self, job: Job) -> Conversion:
        from cassette_tools.convert import Conversion

        target = _known(job.to)
        if self._style not in target.styles:
            styles = ", ".join(target.styles)
            raise UsageError(f"{target.title} has no style {self._style!r}. It has: {styles}.")
        return Conversion(
            target, replace(self._given), job.packing, self._style, strict=self._strict, verify=self._verify
        )

    def _claim(self, target: Path, inputs: Sequence[str]) -> None:
        """Keep two inputs from becoming one file, and one from taking the place of another, even with --force."""
        source = inputs[0]
        if target in self._taken:
            raise UsageError(f"{self._taken[target]} and {source} would both become {target}. Convert them apart.")
        replaced = next(iter(_identities([str(target)])), None)
        if replaced in self._inputs and self._inputs[replaced] not in inputs:
            raise UsageError(f"{source} would become {target}, which is to be converted, too. Convert them apart.")
        self._taken[target] = source


def _identities(paths: Iterable[str]) -> dict[tuple[int, int], str]:
    """Give the files that are at `paths`, by what tells them apart whatever their names."""
    found: dict[tuple[int, int], str] = {}
    for path in paths:
        with suppress(OSError, ValueError):  # opening it tells why
            status = Path(path).stat()
            found[status.st_dev, status.st_ino] = path
    return found


def _given(source: str | None, mode: str, only: str | None) -> Given:
    from cassette_tools.convert import Given
    from cassette_tools.formats import format_named

    if source is not None:
        format_named(source, reading=True)
    wanted = None
    if only is not None:
        from cassette_tools.filter import compile_filter

        wanted = compile_filter(only)
    return Given(source, mode_of(mode), wanted)


def _known(target: Format | None) -> Format:
    if target is None:
        raise UsageError("Which format? Say it with --to.")
    return target


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}. Choose another folder.") from error
