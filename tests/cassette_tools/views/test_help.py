"""A help page fits any width, has an example, and does not depend on where it is shown."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import pytest
import typer

from cassette_tools.cli import COMMANDS, Entry, app, command_of, entry_of, paths
from cassette_tools.views import help as help_module
from cassette_tools.views.help import help_page

if TYPE_CHECKING:
    from collections.abc import Mapping


def pages(width: int) -> dict[str, str]:
    """Return all help pages of `ctools` at this width."""
    root = help_page("ctools", typer.main.get_command(app), commands=summaries(COMMANDS), width=width)
    return {"ctools": root} | {name: page_of(name, width) for name in NAMES}


def page_of(name: str, width: int) -> str:
    commands = summaries(entry_of(*name.split()).commands)
    return help_page(f"ctools {name}", command_of(*name.split()), commands=commands, width=width)


def summaries(commands: Mapping[str, Entry]) -> list[tuple[str, str]]:
    return [(name, entry.summary) for name, entry in commands.items()]


NAMES = [" ".join(path) for path in paths()]


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100])
def test_no_line_is_longer_than_the_page_is_wide_unless_one_word_is(width: int) -> None:
    for page in pages(width).values():
        for line in page.split("\n"):
            words = line.strip().removesuffix("\\").split()
            assert len(line) <= width or len(words) == 1 or (words[0][0] == "-" and len(words) == 2), line


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_an_example_of_itself(name: str) -> None:
    assert f"\n  ctools {name} " in page_of(name, 100).replace("\n\n", " \n")


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_of_a_command_is_the_first_line_of_its_docstring(name: str) -> None:
    callback = command_of(*name.split()).callback
    assert callback is not None
    assert (inspect.getdoc(callback) or "").split("\n")[0] == entry_of(*name.split()).summary


@pytest.mark.parametrize("name", NAMES)
def test_every_option_and_argument_says_what_it_is_for(name: str) -> None:
    for one in command_of(*name.split()).params:
        assert getattr(one, "help", None), one.name


def test_an_example_that_is_too_long_is_continued_as_a_shell_reads_it() -> None:
    page = pages(40)["inspect"]
    assert "  ctools inspect cassette.jsonl 17 \\\n      --body -o invoice.pdf\n" in page


def sample(
    count: Annotated[int, typer.Option("--count", "-c", metavar="N", help="How many.")] = 3,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Which ones.")] = None,
    plain: Annotated[bool, typer.Option("--plain/--fancy", help="How.")] = True,
    secret: Annotated[bool, typer.Option("--secret", hidden=True)] = False,
) -> None:
    """Do a thing.

    It is a long story that goes over more than one line of the page and
    is filled anew.

    Examples:
        sample --count 4
    """


def test_a_page_from_top_to_bottom() -> None:
    lone = typer.Typer(add_completion=False, rich_markup_mode=None)
    lone.command()(sample)
    assert help_page("ctools sample", typer.main.get_command(lone), width=60) == (
        "Usage: ctools sample [OPTIONS] [NAME...]\n"
        "\n"
        "Do a thing.\n"
        "\n"
        "It is a long story that goes over more than one line of the\n"
        "page and is filled anew.\n"
        "\n"
        "Examples:\n"
        "  sample --count 4\n"
        "\n"
        "Arguments:\n"
        "  [NAME...]  Which ones.\n"
        "\n"
        "Options:\n"
        "  -c, --count N      How many. [default: 3]\n"
        "  --plain / --fancy  How.\n"
        "  -h, --help         Show this page and exit.\n"
    )


@pytest.mark.parametrize(
    ("terminal", "changes", "colour"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_a_page_is_coloured_on_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, changes: dict[str, str], colour: bool
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", _Stream(terminal))
    assert help_module.page_colour() is colour


@pytest.mark.parametrize(
    ("terminal", "columns", "width"), [(True, 40, 40), (True, 10, 24), (True, 500, 100), (False, 40, 80)]
)
def test_a_page_is_as_wide_as_the_terminal_within_bounds(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, columns: int, width: int
) -> None:
    monkeypatch.setattr(sys, "stdout", _Stream(terminal))
    monkeypatch.setattr(shutil, "get_terminal_size", lambda _fallback: os.terminal_size((columns, 24)))
    assert help_module.page_width() == width


class _Stream:
    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal
