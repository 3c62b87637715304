"""Renders the help of a command, for any width.

Law: a page is a function of the command, the width and the wish for colour, of nothing else: neither the environment
nor the releases of typer and click change it. So it suits a terminal of 40 columns as well as `docs/cli.md`.

A docstring's paragraphs are filled to the width. Lines that are indented are examples: they stay, and
where one is too long for the terminal it is continued with a backslash, as a shell reads it.
"""

from __future__ import annotations

import inspect
import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Command", "help_page", "page_colour", "page_width"]

_NARROWEST: Final = 24
_WIDEST: Final = 100
# Where the text beside the options would get narrower than this, it goes below them.
_BESIDE: Final = 36


class Command(Protocol):
    """What a page needs of a command: the part of click's interface that every typer release has."""

    @property
    def help(self) -> str | None:
        """The docstring."""

    @property
    def params(self) -> Sequence[Any]:
        """The arguments and options, in their order."""


def page_width() -> int:
    """Return the width for a page: that of the terminal, from 24 to 100 columns; 80 where the output is no terminal."""
    if not sys.stdout.isatty():
        return 80
    return min(max(shutil.get_terminal_size((80, 24)).columns, _NARROWEST), _WIDEST)


def page_colour() -> bool:
    """Tell whether a page may be coloured: on a terminal that can, and not against NO_COLOR (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def help_page(
    path: str, command: Command, *, commands: Sequence[tuple[str, str]] = (), width: int, colour: bool = False
) -> str:
    """Return the help page of `command`, which is called as `path` ("ctools inspect").

    `commands` names sub-commands with their summaries. No line is longer than `width` columns, unless one word is.
    """
    parts = [_usage(path, command, bool(commands), width, colour), _prose(command.help or "", width)]
    arguments = [_argument(one) for one in command.params if one.param_type_name == "argument"]
    options = [_option(one) for one in command.params if one.param_type_name == "option" and not one.hidden]
    options.append(("-h, --help", "Show this page and exit."))
    sections = (("Commands", commands), ("Arguments", arguments), ("Options", options))
    parts += [_heading(title, colour) + "\n" + _table(rows, width, colour) for title, rows in sections if rows]
    return "\n\n".join(parts) + "\n"


def _usage(path: str, command: Command, has_commands: bool, width: int, colour: bool) -> str:
    words = ["[OPTIONS]"]
    words += [_shown_argument(one) for one in command.params if one.param_type_name == "argument"]
    if has_commands:
        words += ["COMMAND", "[ARGS]..."]
    filled = textwrap.wrap(
        f"{path} {' '.join(words)}",
        width - 7,
        initial_indent="",
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return _heading("Usage", colour) + " " + ("\n" + " " * 7).join(filled)


def _shown_argument(one: Any) -> str:  # noqa: ANN401 - click's class or typer's copy of it, by release
    name = (one.metavar or one.name).upper().strip("[]").removesuffix("...")
    name += "..." if one.nargs != 1 else ""
    return name if one.required else f"[{name}]"


def _argument(one: Any) -> tuple[str, str]:  # noqa: ANN401 - see _shown_argument
    return _shown_argument(one), one.help or ""


def _option(one: Any) -> tuple[str, str]:  # noqa: ANN401 - see _shown_argument
    names = ", ".join(sorted(one.opts, key=len))
    if one.secondary_opts:
        names += " / " + ", ".join(one.secondary_opts)
    if not one.is_flag:
        names += f" {one.metavar or one.name.upper()}"
    text = (one.help or "").strip()
    if one.show_default and one.default is not None and not one.is_flag:
        text += f" [default: {getattr(one.default, 'value', one.default)}]"
    return names, text


def _prose(text: str, width: int) -> str:
    return "\n\n".join(_paragraph(paragraph, width) for paragraph in inspect.cleandoc(text).split("\n\n"))


def _paragraph(paragraph: str, width: int) -> str:
    """Fill the lines of a paragraph that are not indented, and keep the indented ones, which are examples."""
    lines = paragraph.split("\n")
    prose = [line for line in lines if not line.startswith(" ")]
    filled = textwrap.wrap(" ".join(prose), width, break_on_hyphens=False, break_long_words=False)
    return "\n".join([*filled, *(_example(line, width) for line in lines if line.startswith(" "))])


def _example(line: str, width: int) -> str:
    indent = " " * min(2, len(line) - len(line.lstrip()))
    return (" \\\n").join(
        textwrap.wrap(
            line.strip(),
            width - 2,  # room for the backslash
            initial_indent=indent,
            subsequent_indent=indent + "    ",
            break_on_hyphens=False,
            break_long_words=False,
        )
    )


def _table(rows: Iterable[tuple[str, str]], width: int, colour: bool) -> str:
    """Lay out names and texts side by side, or, where the width does not allow it, one below the other."""
    rows = list(rows)
    names = min(max(len(name) for name, _ in rows), 28)
    beside = width - names - 4 >= _BESIDE
    indent = names + 4 if beside else 6
    lines: list[str] = []
    for name, text in rows:
        filled = textwrap.wrap(text, width - indent, break_on_hyphens=False, break_long_words=False)
        first = "  " + _bold(name, colour)
        if beside and len(name) <= names and filled:
            first += " " * (names - len(name) + 2) + filled.pop(0)
        lines.append(first)
        lines += [" " * indent + line for line in filled]
    return "\n".join(lines)


def _heading(title: str, colour: bool) -> str:
    return f"\x1b[1;33m{title}:\x1b[0m" if colour else f"{title}:"


def _bold(text: str, colour: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if colour else text
