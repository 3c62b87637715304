"""`ctools diff`: parses the arguments, calls what compares, hands the result to a view."""

# ruff: noqa: PLC0415 - each view is loaded when it is asked for

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from cassette_tools.commands.reading import FromFormat, Only, ReadingMode, mode_of
from cassette_tools.diff.model import SEVERITIES
from cassette_tools.streams import forget
from recorder.errors import NotACassetteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from cassette_tools.diff.comparison import Comparison
    from cassette_tools.diff.folders import FolderComparison
    from cassette_tools.diff.model import Severity
    from cassette_tools.draft import Draft
    from cassette_tools.source import Facts

    Compared: TypeAlias = Comparison | FolderComparison

__all__ = ["diff"]

_NEVER: Final = "never"


def diff(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="A cassette of any format, a folder, or - for standard input.")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The cassette or folder to compare with it, or -.")],
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            metavar="SELECTOR",
            help="Do not compare this: header:x-build, json:$.items[*].id. May be repeated.",
        ),
    ] = None,
    only: Only = None,
    keep_volatile: Annotated[
        bool, typer.Option("--keep-volatile", help="Compare dates, request ids, signatures and the like, too.")
    ] = False,
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on", metavar="breaking|warning|info|never", help="How grave a difference makes the exit code 1."
        ),
    ] = "info",
    view: Annotated[
        str,
        typer.Option("--format", metavar="terminal|unified|markdown|html|json", help="How to show what differs."),
    ] = "terminal",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file; its name tells --format.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing; the exit code tells.")] = False,
    source: FromFormat = None,
    mode: ReadingMode = "tail",
) -> None:
    """Show what changed between two cassettes, or two folders of them.

    Requests are paired by method, URL and body, repeats in order; then status, headers and bodies are compared, JSON
    by path. What differs in every recording, as dates and request ids do, is counted and not shown.

    Examples:
        ctools diff old.jsonl new.jsonl
        ctools diff tests/cassettes/ads.yaml new.jsonl --ignore header:server --ignore json:$.items[*].rank
        ctools diff old.har new.har --only '~m POST' --fail-on breaking
        ctools diff old.jsonl new.jsonl --format markdown -o comment.md
        ctools diff cassettes/ recorded-again/ --json

    Removed, or of another type, is breaking; changed is a warning; added is info.

    Exit codes: 0 no difference at or above --fail-on; 1 differences; 2 trouble.
    """
    limit = _severities(fail_on)
    view = _view(view, as_json=as_json, output=output)
    if force and output is None:
        raise UsageError("--force replaces the file of -o: give both.")
    if quiet and output is not None:
        raise UsageError("--quiet shows nothing, -o writes it: give one of them.")
    old, new = _sides(old, new)
    if output not in {None, "-"}:
        from cassette_tools.output import check_target

        check_target(output, [old, new], force=force)
    asked = _Asked(ignore, keep_volatile=keep_volatile, mode=mode, source=source, only=only, quiet=quiet)
    compared = _compared(old, new, asked)
    if quiet:
        raise typer.Exit(_first_code(compared, limit))
    with _closing(compared):
        try:
            with _page(output, force=force) as stream:
                _VIEWS[view](compared, stream)
        except BrokenPipeError:  # whoever reads has seen enough, as head does; the exit code is still to be told
            forget(sys.stdout)
            _read_on(compared)
    raise typer.Exit(_code(compared, limit))


# -- what is compared


class _Asked:
    """How to compare two files. Checks the options when it is made: UsageError."""

    def __init__(
        self,
        ignore: list[str] | None,
        *,
        keep_volatile: bool,
        mode: str,
        source: str | None,
        only: str | None,
        quiet: bool,
    ) -> None:
        from cassette_tools.diff.rules import Rules
        from cassette_tools.selection import wanted_by

        self.rules = Rules.of(ignore or (), keep_volatile=keep_volatile)
        self.mode = mode_of(mode)
        self.source = source
        self.only = only
        self.quiet = quiet
        wanted_by(only)
        if source is not None:
            from cassette_tools.formats import format_named

            format_named(source, reading=True)

    def compare(self, old: str, new: str) -> Comparison:
        """Compare two files, with a bar for people who wait."""
        from cassette_tools.diff.comparison import compare_cassettes
        from cassette_tools.source import file_size
        from cassette_tools.views.progress import reading

        size = (file_size(old) or 0) + (file_size(new) or 0)
        with reading(new, size or None) as told:
            comparison = compare_cassettes(
                old, new, self.rules, mode=self.mode, source=self.source, only=self.only, on_progress=told
            )
        if not self.quiet:
            _tell_doubts(comparison.old)
            _tell_doubts(comparison.new)
        return comparison

    def is_cassette(self, path: str) -> bool:
        """Tell whether a file is a cassette, by its beginning."""
        from cassette_tools.source import open_cassette

        try:
            open_cassette(path, mode=self.mode, types=(), source=self.source).close()
        except NotACassetteError:
            return False
        return True


def _sides(old: str, new: str) -> tuple[str, str]:
    """Check what is to be compared. Of a file and a folder it is the file of that name in the folder, as in diff(1)."""
    if not old or not new:
        raise UsageError(f"{'NEW' if old else 'OLD'} is empty: give a cassette, a folder, or -.")
    if old == new == "-":
        raise UsageError("The standard input comes once: give a file for OLD or NEW.")
    if "-" not in (old, new):
        one, other = Path(old), Path(new)
        if one.is_dir() != other.is_dir():
            old = str(one / other.name) if one.is_dir() else old
            new = str(other / one.name) if other.is_dir() else new
    elif Path(old).is_dir() or Path(new).is_dir():
        raise UsageError("The standard input is one cassette, and a folder holds many: give a file.")
    return old, new


def _compared(old: str, new: str, asked: _Asked) -> Compared:
    if old != "-" and Path(old).is_dir():
        from cassette_tools.diff.folders import compare_folders

        return compare_folders(old, new, asked.compare, asked.is_cassette)
    return asked.compare(old, new)


@contextmanager
def _closing(compared: Compared) -> Iterator[None]:
    """Close two cassettes at the end; folders close theirs one by one."""
    from cassette_tools.diff.folders import FolderComparison

    if isinstance(compared, FolderComparison):
        yield
        return
    with compared:
        yield


def _tell_doubts(facts: Facts) -> None:
    """Say on stderr why interactions may be missing from a cassette: it is damaged, or there are more to come."""
    from cassette_tools.views.console import Page, shown

    page = Page(sys.stderr)
    if facts.damage:
        left = sum(damage.end - damage.start for damage in facts.damage)
        page.line(shown(f"{facts.name}: {left:,} damaged bytes were left out; ctools inspect tells where.", "yellow"))
    if facts.growing:
        page.line(shown(f"{facts.name} is still being written: what comes later is not compared.", "yellow"))


# -- the exit code


def _severities(fail_on: str) -> tuple[Severity, ...]:
    """Give the severities that make the exit code 1."""
    if fail_on == _NEVER:
        return ()
    for number, severity in enumerate(SEVERITIES, 1):
        if fail_on == severity:
            return SEVERITIES[:number]
    raise UsageError(f"{fail_on!r} is no severity. Use one of: {', '.join(SEVERITIES)}, {_NEVER}.")


def _code(compared: Compared, limit: tuple[Severity, ...]) -> int:
    """Give the exit code of a comparison that was read to its end."""
    from cassette_tools.diff.folders import FolderComparison

    found = {severity for severity in SEVERITIES if compared.totals.changes[severity]}
    if isinstance(compared, FolderComparison):
        if compared.troubles:
            return 2
        found |= _of_names(compared)
    return 1 if found & set(limit) else 0


def _read_on(compared: Compared) -> None:
    """Read what a view has left unread."""
    from cassette_tools.diff.folders import FolderComparison

    if isinstance(compared, FolderComparison):
        compared.read_on()
        return
    for _ in compared:
        pass


def _of_names(folders: FolderComparison) -> set[Severity]:
    """Give the severities of what only one folder has: a cassette that is gone is breaking, a new one is info."""
    names: tuple[tuple[list[str], Severity], ...] = ((folders.only_old, "breaking"), (folders.only_new, "info"))
    return {severity for found, severity in names if found}


def _first_code(compared: Compared, limit: tuple[Severity, ...]) -> int:
    """Give the exit code, reading no further than to the first difference that decides it."""
    from cassette_tools.diff.folders import FolderComparison

    if isinstance(compared, FolderComparison):
        for _, comparison in compared:
            for _pairing in comparison:
                pass
        if compared.troubles:
            raise compared.troubles[0][1]
        return _code(compared, limit)
    with compared:
        if any(pairing.severity in limit for pairing in compared):
            return 1
    return 0


# -- how it is shown


def _terminal(compared: Compared, stream: TextIO) -> None:
    from cassette_tools.views.console import Page
    from cassette_tools.views.diff.terminal import show

    show(compared, Page(stream))


def _unified(compared: Compared, stream: TextIO) -> None:
    from cassette_tools.views.console import Page
    from cassette_tools.views.diff.unified import show

    show(compared, Page(stream))


def _markdown(compared: Compared, stream: TextIO) -> None:
    from cassette_tools.views.diff.markdown import show

    show(compared, stream)


def _html(compared: Compared, stream: TextIO) -> None:
    from cassette_tools.views.diff.html import pieces

    stream.writelines(pieces(compared))


def _json(compared: Compared, stream: TextIO) -> None:
    from cassette_tools.views.diff.json import show

    show(compared, stream)


_VIEWS: Final[dict[str, Callable[[Compared, TextIO], None]]] = {
    "terminal": _terminal,
    "unified": _unified,
    "markdown": _markdown,
    "html": _html,
    "json": _json,
}
_OF_SUFFIX: Final = {
    ".md": "markdown",
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".diff": "unified",
    ".patch": "unified",
}


def _view(view: str, *, as_json: bool, output: str | None) -> str:
    if view not in _VIEWS:
        raise UsageError(f"{view!r} is no format to show differences in. Use one of: {', '.join(_VIEWS)}.")
    if as_json:
        if view not in {"terminal", "json"}:
            raise UsageError(f"--json and --format {view} are different outputs: give one of them.")
        return "json"
    if view == "terminal" and output is not None:
        return _OF_SUFFIX.get(Path(output).suffix.lower(), view)
    return view


@contextmanager
def _page(output: str | None, *, force: bool) -> Iterator[TextIO]:
    """Give the stream to show things on. A file gets its name when all is in it."""
    if output is None or output == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    from cassette_tools.draft import Draft
    from cassette_tools.interruption import stoppable

    target = Path(output)
    replaces = target.stat() if target.exists() else None
    with stoppable(), Draft(target) as draft:
        text = io.TextIOWrapper(io.BufferedWriter(_Into(draft)), encoding="utf-8", newline="\n")
        yield text
        text.flush()
        text.detach()
        draft.publish(replaces=replaces, force=force)


class _Into(io.RawIOBase):
    """A draft as a stream."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - any buffer
        self._draft.write(bytes(data))
        return len(data)
