"""Writes `docs/cli.md` from the commands' own help: `python -m cassette_tools.reference > docs/cli.md`.

Law: the page is what `--help` says at a fixed width, and nothing else; a test compares it with the file.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import typer

from cassette_tools.cli import COMMANDS, app, command_of, entry_of, paths
from cassette_tools.views.help import help_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cassette_tools.cli import Entry

__all__ = ["page"]

_WIDTH: Final = 80
_OPENING: Final = """\
# Command line

This page is generated from `--help`: `python -m cassette_tools.reference > docs/cli.md`.

Data goes to stdout; messages, summaries of `record` and progress go to stderr. Exit codes: 0 fine, 1 the answer is
"no", 2 trouble, 130 interrupted; `record` exits as the command does that it ran (but with 1 in place of 0 where a known
secret could only be taken out with all that was around it). `NO_COLOR` turns off colours and
bold. Sizes are decimal (1 kB is 1,000 bytes), times are UTC. `--json` is described in
[inspect-json.md](inspect-json.md), the file in [format.md](format.md). `ctools --install-completion` makes the shell
complete commands and options.
"""


def page() -> str:
    """Return the text of `docs/cli.md`."""
    root = help_page("ctools", typer.main.get_command(app), commands=_summaries(COMMANDS), width=_WIDTH)
    pages = {"ctools": root}
    for path in paths():
        title = " ".join(("ctools", *path))
        commands = _summaries(entry_of(*path).commands)
        pages[title] = help_page(title, command_of(*path), commands=commands, width=_WIDTH)
    return "\n".join([_OPENING, *(f"## {title}\n\n```text\n{text}```\n" for title, text in pages.items())])


def _summaries(commands: Mapping[str, Entry]) -> list[tuple[str, str]]:
    return [(name, entry.summary) for name, entry in commands.items()]


if __name__ == "__main__":
    sys.stdout.write(page())
