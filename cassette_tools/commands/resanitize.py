"""`ctools resanitize`: parses the arguments, calls what redacts, hands the result to a view.

Law: nothing is begun before the arguments make sense. Where there are several files, one that cannot be redacted does
not keep the others from it; it is named at the end. Being told to stop (SIGTERM, SIGHUP) leaves nothing behind. Exit
codes: 0 fine; 1 `--check` found something, or something had to go as a whole; 2 trouble.
"""

# ruff: noqa: PLC0415 - a wrong option is told without loading the engine

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from cassette_tools.interruption import stoppable
from cassette_tools.secret_options import Configs, PolicyFiles, SecretEnv, SecretsFiles, policy_of
from recorder.errors import NotACassetteError, OutputError, RecorderError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cassette_tools.findings import Findings
    from cassette_tools.inputs import Input
    from cassette_tools.resanitize import Outcome
    from cassette_tools.workers import Team
    from recorder.redact.engine import Redactor
    from recorder.redact.policy import Policy

__all__ = ["resanitize"]


def resanitize(
    cassettes: Annotated[
        list[str],
        typer.Argument(metavar="CASSETTE", help="Cassettes, folders of them, or - for the standard input."),
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write here: a file, a folder, or - for standard output."),
    ] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace each cassette by its redacted self.")] = False,
    backup: Annotated[
        bool, typer.Option("--backup", help="Keep what --in-place replaces, as FILE.bak. It holds the secrets.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what exists at -o.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 where something would be redacted.")
    ] = False,
    policy: PolicyFiles = None,
    secret_env: SecretEnv = None,
    secrets_file: SecretsFiles = None,
    config: Configs = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Look also for values in several encodings, one inside another. Slow.")
    ] = False,
    report: Annotated[bool, typer.Option("--report", help="Print a table of all that was found.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            min=1,
            help="Processes that work. [default: processors, at most 8]",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
) -> None:
    """Redact cassettes that exist.

    Known secrets, sensitive places and well-known formats of tokens go, as when recording; what a place gives away is
    then looked for everywhere. The result is checked before it appears, and appears whole or not at all. A second run
    changes nothing. Cassettes of other tools (vcrpy YAML and JSON, HAR ...) are redacted in their own format. A summary
    goes to stderr.

    Examples:
        ctools resanitize cassette.jsonl -o clean.jsonl --secret-env API_TOKEN
        ctools resanitize --in-place tests/cassettes --policy policy.toml
        ctools resanitize --check --report tests/cassettes
        ctools resanitize - -o - < cassette.jsonl > clean.jsonl

    Exit codes: 0 fine; 1 --check found something, or something had to go as a whole to be sure; 2 trouble.
    """
    _check_arguments(
        cassettes,
        output=output,
        in_place=in_place,
        backup=backup,
        force=force,
        check=check,
        report=report,
        as_json=as_json,
    )
    effective = policy_of(policy, secret_env, secrets_file, config)
    from cassette_tools.findings import Findings
    from cassette_tools.workers import Team, default_jobs

    work = _Work(cassettes, output=output, in_place=in_place, backup=backup, force=force, check=check)
    count = 1 if effective.callbacks else jobs or default_jobs()
    with (
        stoppable(),
        Findings() as findings,
        Team(_maker(effective, deep=deep), count, expected=work.size) as team,
    ):
        work.run(team, findings)
        work.show(report=report, as_json=as_json, quiet=quiet)
    raise typer.Exit(work.code)


class _Work:
    """The files of one call. Raises UsageError where there are none, or where two results would have one name."""

    def __init__(
        self,
        cassettes: Sequence[str],
        *,
        output: str | None,
        in_place: bool,
        backup: bool,
        force: bool,
        check: bool,
    ) -> None:
        self._output = output
        self._in_place = in_place
        self._backup = backup
        self._force = force
        self._check = check
        self._files: list[tuple[Input, Path | None]] = []
        self.size = 0
        self.outcomes: list[Outcome] = []
        self.troubles: list[tuple[str, RecorderError]] = []
        if list(cassettes) != ["-"]:
            self._find(cassettes)

    def _find(self, cassettes: Sequence[str]) -> None:
        from cassette_tools.inputs import find_inputs
        from cassette_tools.source import file_size

        folder = self._folder(cassettes)
        inputs = find_inputs(cassettes, leave_out=folder)
        if not inputs:
            raise UsageError(f"There is no cassette in {', '.join(cassettes)}. Name the files.")
        self._files = list(zip(inputs, self._targets(folder, inputs), strict=True))
        self.size = sum(file_size(one.path) or 0 for one in inputs)

    def run(self, team: Team, findings: Findings) -> None:
        """Redact all. Raises the error where there is but one file, and it was named."""
        self._team, self._findings = team, findings
        if not self._files:
            self.outcomes.append(self._stream())
        alone = len(self._files) == 1 and self._files[0][0].inside is None
        for one, target in self._files:
            try:
                self.outcomes.append(self._one(one.path, target))
            except RecorderError as error:
                if alone:
                    raise
                if not _is_something_else(one, error):
                    self.troubles.append((one.path, error))

    @property
    def code(self) -> int:
        """The exit code."""
        if self.troubles:
            return 2
        found = self._check and any(outcome.found for outcome in self.outcomes)
        return 1 if found or any(outcome.removed for outcome in self.outcomes) else 0

    def show(self, *, report: bool, as_json: bool, quiet: bool) -> None:
        """Print what was asked for."""
        from cassette_tools.views.console import Page
        from cassette_tools.views.redaction import print_findings, show_findings, show_outcomes, tell

        unproven = self._team.redactor.unproven
        if as_json:
            print_findings(self._findings, self.outcomes, self.troubles, unproven)
        elif report:
            show_findings(self._findings.rows(), Page(), several=len(self.outcomes) > 1)
        if not quiet:
            show_outcomes(self.outcomes, self.troubles, unproven, Page(sys.stderr), checked=self._check)
        elif self.troubles:
            show_outcomes((), self.troubles, (), Page(sys.stderr), checked=self._check)
        if self._backup and any(outcome.changed for outcome in self.outcomes) and not quiet:
            tell("The backups (*.bak) still hold the secrets.")

    def _one(self, path: str, target: Path | None) -> Outcome:
        from cassette_tools.resanitize import check_file, open_file, redact_file, redact_in_place
        from cassette_tools.resanitize_foreign import is_foreign
        from cassette_tools.source import file_size
        from cassette_tools.views.progress import reading

        size = file_size(path)
        with reading(path, size) as told:
            progress = _part_of(told, size)
            with open_file(path) as file:
                if is_foreign(file):
                    return self._foreign(file, path, target, progress)
            if self._check:
                return check_file(path, self._team, self._findings, on_progress=progress)
            if self._in_place:
                return redact_in_place(path, self._team, self._findings, backup=self._backup, on_progress=progress)
            if target is None:
                return self._to_stdout(path, progress)
            _make_folder(target.parent)
            return redact_file(path, target, self._team, self._findings, force=self._force, on_progress=progress)

    def _foreign(
        self, file: BinaryIO, path: str, target: Path | None, progress: Callable[[float], None] | None
    ) -> Outcome:
        """Redact another tool's cassette."""
        from cassette_tools.resanitize_foreign import (
            check_foreign,
            redact_foreign,
            redact_foreign_in_place,
            redact_foreign_to_stream,
        )

        team, findings = self._team, self._findings
        if self._check:
            return check_foreign(file, path, team, findings, progress)
        if self._in_place:
            return redact_foreign_in_place(path, file, team, findings, backup=self._backup, on_progress=progress)
        if target is None:
            return redact_foreign_to_stream(file, path, sys.stdout.buffer, team, findings, progress)
        _make_folder(target.parent)
        return redact_foreign(file, path, target, team, findings, force=self._force, on_progress=progress)

    def _stream(self) -> Outcome:
        """Redact the standard input."""
        from cassette_tools.resanitize import check_stream, redact_opened, redact_stream, spooled
        from cassette_tools.resanitize_foreign import is_foreign

        if sys.stdin.isatty():
            raise UsageError(
                "The standard input is a terminal. Give a file, or pipe a cassette: ctools resanitize - -o - < FILE"
            )
        with spooled(sys.stdin.buffer) as file:
            if is_foreign(file):
                target = None if self._output in (None, "-") else Path(str(self._output))
                return self._foreign(file, "<stdin>", target, None)
            if self._check:
                return check_stream(file, "<stdin>", self._team, self._findings)
            if self._output is None or self._output == "-":
                return redact_stream(file, "<stdin>", sys.stdout.buffer, self._team, self._findings)
            return redact_opened(file, "<stdin>", Path(self._output), self._team, self._findings, force=self._force)

    def _to_stdout(self, path: str, progress: Callable[[float], None] | None) -> Outcome:
        from cassette_tools.resanitize import open_file, redact_stream

        with open_file(path) as file:
            return redact_stream(file, path, sys.stdout.buffer, self._team, self._findings, on_progress=progress)

    def _folder(self, cassettes: Sequence[str]) -> Path | None:
        """Return the folder for results, if -o means one."""
        if self._output is None or self._output == "-":
            return None
        folder = Path(self._output)
        several = len(cassettes) > 1 or Path(cassettes[0]).is_dir()
        if folder.is_dir() or self._output.endswith("/"):
            return folder
        if several and folder.exists():
            raise UsageError(f"{folder} is a file, and there are several cassettes. Give a folder.")
        return folder if several else None

    def _targets(self, folder: Path | None, inputs: Sequence[Input]) -> Sequence[Path | None]:
        from cassette_tools.inputs import targets_in

        if folder is not None:
            return targets_in(folder, inputs)
        if self._output is None:
            return [None] * len(inputs)
        if self._output == "-":
            if len(inputs) > 1:
                raise UsageError("The standard output takes one cassette. Give a folder with -o.")
            return [None]
        return [Path(self._output)]


def _check_arguments(
    cassettes: Sequence[str],
    *,
    output: str | None,
    in_place: bool,
    backup: bool,
    force: bool,
    check: bool,
    report: bool,
    as_json: bool,
) -> None:
    """Refuse combinations of arguments that contradict each other. Raises UsageError."""
    ways = sum((output is not None, in_place, check))
    if ways == 0:
        raise UsageError("Where should the result go? Give -o FILE or --in-place, or --check to change nothing.")
    if ways > 1:
        raise UsageError("-o, --in-place and --check exclude each other: give one of them.")
    if "-" in cassettes and len(cassettes) > 1:
        raise UsageError("The standard input is read alone: give - and no other cassette.")
    if "-" in cassettes and in_place:
        raise UsageError("The standard input cannot be replaced: give -o FILE, or a file in place of -.")
    if backup and not in_place:
        raise UsageError("--backup keeps what --in-place replaces: give both.")
    if force and output in (None, "-"):
        raise UsageError("--force replaces the file of -o: give both.")
    if report and as_json:
        raise UsageError("--report prints a table, --json prints JSON: give one of them.")
    if output == "-" and (report or as_json):
        raise UsageError("The standard output takes the cassette: give -o a file to have a report there.")


def _maker(policy: Policy, *, deep: bool) -> Callable[[], Redactor]:
    """Return what makes the engine, here and in other processes, with one key for all."""
    import secrets
    from dataclasses import replace

    from recorder.redact.engine import Redactor

    if policy.key is None:
        policy = replace(policy, key=secrets.token_bytes(32))
    return partial(Redactor, policy, deep=deep)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}. Choose another folder.") from error


def _is_something_else(one: Input, error: RecorderError) -> bool:
    """Tell whether a file in a folder is none of ours, and may be passed over."""
    from cassette_tools.inputs import begins_as_cassette

    return one.inside is not None and isinstance(error, NotACassetteError) and not begins_as_cassette(one.path)


def _part_of(told: Callable[[int], None] | None, size: int | None) -> Callable[[float], None] | None:
    if told is None or size is None:
        return None
    return lambda part: told(int(part * size))
