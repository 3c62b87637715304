"""The typer app `ctools`.

Law: this is the one place that knows which commands there are, and the one place that catches errors. A command is
imported when it is called (or its own help is asked for), never before: `ctools --help` loads no command. Exit codes:
0 fine, 1 the answer is "no", 2 trouble, 130 interrupted.
"""

from __future__ import annotations

import errno
import importlib
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from cassette_tools.streams import forget
from cassette_tools.views.escape import visible
from cassette_tools.views.help import help_page, page_colour, page_width
from recorder.errors import RecorderError
from recorder.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["COMMANDS", "Entry", "app", "command_of", "entry_of", "paths", "run"]

_INTERRUPTED: Final = 130
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Entry(NamedTuple):
    """Where a command is, and what it does in one line (the first of its docstring; a test compares them).

    With `commands` it is a group: what is at `place` has its docstring, and is called with the context where no
    command of it is named.
    """

    place: str
    summary: str
    commands: Mapping[str, Entry] = MappingProxyType({})


COMMANDS: Final[Mapping[str, Entry]] = {
    "record": Entry(
        "cassette_tools.commands.record:record", "Run a command and record the HTTP traffic of its Python processes."
    ),
    "inspect": Entry(
        "cassette_tools.commands.inspect:inspect", "Look into a cassette: summary, list, one interaction."
    ),
    "report": Entry(
        "cassette_tools.commands.report:report", "Make one HTML page of a cassette, to look at in a browser."
    ),
    "diff": Entry(
        "cassette_tools.commands.diff:diff", "Show what changed between two cassettes, or two folders of them."
    ),
    "convert": Entry("cassette_tools.commands.convert:convert", "Convert cassettes between formats."),
    "resanitize": Entry("cassette_tools.commands.resanitize:resanitize", "Redact cassettes that exist."),
    "scan": Entry("cassette_tools.commands.scan:scan", "Find secrets that were left in cassettes, of any tool."),
    "policy": Entry(
        "cassette_tools.commands.policy:policy",
        "Write, show and try a redaction policy.",
        {
            "init": Entry("cassette_tools.commands.policy:init", "Write a policy file with every key explained."),
            "show": Entry("cassette_tools.commands.policy:show", "Show what is redacted, and where each rule is from."),
            "test": Entry("cassette_tools.commands.policy:trial", "Show what would be redacted in one interaction."),
        },
    ),
}


def run(arguments: Sequence[str] | None = None) -> int:
    """Run `ctools` with `arguments` (default: those of the process); return the exit code. Errors go to stderr."""
    try:
        code = _invoke(arguments)
        sys.stdout.flush()
    except RecorderError as error:
        return _trouble(str(error))
    except _USAGE_ERROR as error:
        return _trouble(_usage_message(error))
    except (BrokenPipeError, _ReaderGoneError):
        # The reader of our output went away, as `head` does. Nothing is wrong, and nothing more can be said to it.
        forget(sys.stdout)
        return 0
    except OSError as error:
        forget(sys.stdout)
        return _trouble(_system_message(error))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except typer.Abort:
        return _INTERRUPTED
    return code


def command_of(*path: str) -> TyperCommand | TyperGroup:
    """Import the command at `path` ("policy", "init") as a click command. Raises KeyError for one not in `COMMANDS`."""
    return _command(path[-1], entry_of(*path))


def entry_of(*path: str) -> Entry:
    """Return the entry of the command at `path`. Raises KeyError for one not in `COMMANDS`."""
    commands, entry = COMMANDS, None
    for name in path:
        entry = commands[name]
        commands = entry.commands
    if entry is None:
        raise KeyError(path)
    return entry


def paths() -> list[tuple[str, ...]]:
    """Return the paths of all commands, each group ahead of its own."""
    return list(_paths((), COMMANDS))


def _paths(above: tuple[str, ...], commands: Mapping[str, Entry]) -> Iterator[tuple[str, ...]]:
    for name, entry in commands.items():
        yield (*above, name)
        yield from _paths((*above, name), entry.commands)


def _command(name: str, entry: Entry) -> TyperCommand | TyperGroup:
    module, function = entry.place.split(":")
    callback: Callable[..., Any] = getattr(importlib.import_module(module), function)
    lone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    settings = {"help_option_names": ["-h", "--help"], **getattr(callback, "context_settings", {})}
    if entry.commands:
        lone.callback(cls=_Commands, context_settings=settings, invoke_without_command=True)(callback)
    else:
        lone.command(name, cls=_Command, context_settings=settings)(callback)
    command = typer.main.get_command(lone)
    if isinstance(command, _Commands):
        command.name = name
        command.entries = entry.commands
    elif not isinstance(command, _Command):
        raise TypeError(f"typer made a {type(command).__name__} of the command {name!r}")
    return command


class _ReaderGoneError(Exception):
    """A command could not write on: a broken pipe, by a name that typer does not look for."""


class _Command(TyperCommand):
    """A command whose help is ours."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - of click or of typer, by release
        formatter.write(help_page(ctx.command_path, self, width=page_width(), colour=page_colour()))


class _Commands(TyperGroup):
    """A group of commands (by default all), which are imported when they are asked for."""

    entries: Mapping[str, Entry] = COMMANDS

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - see _Command
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | TyperGroup | None:  # noqa: ANN401, ARG002 - see _Command
        return _command(cmd_name, self.entries[cmd_name]) if cmd_name in self.entries else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - see _Command
        if args[0] not in self.entries and not ctx.resilient_parsing:
            import difflib  # noqa: PLC0415 - for a slip only

            close = difflib.get_close_matches(args[0], self.entries, n=1)
            meant = f" Did you mean {close[0]}?" if close else ""
            ctx.fail(f"There is no command {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - see _Command
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error  # typer would make exit code 1 of it

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - see _Command
        summaries = [(name, entry.summary) for name, entry in self.entries.items()]
        formatter.write(help_page(ctx.command_path, self, commands=summaries, width=page_width(), colour=page_colour()))


# typer keeps its error classes in a module of its own, click's in another; this one is exported, and its base is what
# both raise.
_USAGE_ERROR: Final[type[Exception]] = typer.BadParameter.__bases__[0]

app: Final = typer.Typer(
    cls=_Commands,
    name="ctools",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _ctools(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    """Record the HTTP traffic of Python programs, and look at what was recorded.

    Examples:
        ctools record -o cassette.jsonl -- python app.py
        ctools inspect cassette.jsonl
        ctools policy init
    """
    if version:
        typer.echo(f"ctools {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _invoke(arguments: Sequence[str] | None) -> int:
    command = typer.main.get_command(app)
    result = command.main(
        args=None if arguments is None else list(arguments),
        prog_name="ctools",
        complete_var="_CTOOLS_COMPLETE",
        standalone_mode=False,
    )
    return result if isinstance(result, int) else 0


def _usage_message(error: Any) -> str:  # noqa: ANN401 - see _Command
    message = error.format_message().strip().replace("\n", " ")
    message += "" if message.endswith((".", "?", ")")) else "."
    context = error.ctx
    return f"{message} See: {context.command_path} --help" if context is not None else message


def _system_message(error: OSError) -> str:
    """Say what the system refused, and of what. An error without a name comes of writing to the standard output."""
    reason = error.strerror or str(error)
    if isinstance(error.filename, str):
        return f"{error.filename}: {reason}."
    if error.errno in _FULL:
        return f"The standard output cannot be written: {reason}. Free some space, or send it elsewhere."
    return f"{reason}."


def _trouble(message: str) -> int:
    try:
        print(f"ctools: {visible(message, lines=True)}", file=sys.stderr)  # noqa: T201 - where errors are shown
        sys.stderr.flush()
    except OSError:  # stderr is as full as stdout, or gone: the exit code still tells
        forget(sys.stderr)
    return 2
