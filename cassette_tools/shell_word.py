"""A file's name as one word of a command that is printed for people to copy.

Law: what is returned names that file and nothing else in bash, zsh and ksh: it is no option, nothing in it is run, and
nothing in it drives the terminal on which it is shown. Standard input, "-", stays what it is.
"""

from __future__ import annotations

import shlex
from typing import Final

from cassette_tools.views.escape import visible

__all__ = ["shell_word"]

_ESCAPED: Final = {"\\": "\\\\", "'": "\\'"}


def shell_word(path: str) -> str:
    """Return a path as a word for a shell: quoted where that is needed, with `./` before a dash.

    What cannot be seen is written as bytes in `$'...'` (POSIX.1-2024, section 2.2.4).
    """
    if path.startswith("-") and path != "-":
        path = f"./{path}"
    if visible(path) == path:
        return shlex.quote(path)
    return f"$'{''.join(map(_in_dollar_quotes, path))}'"


def _in_dollar_quotes(character: str) -> str:
    if visible(character) == character:
        return _ESCAPED.get(character, character)
    # A lone surrogate stands for a byte of the name; one that cannot, is in no name.
    errors = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", errors))
