"""What processes under `ctools record` noted about themselves, and what it says about a recording with nothing in it.

Law: pure reading. The file is read once, as a stream, and what is kept is counts by executable and reason, a few dozen
of them at most, however many processes there were. The format is that of `recorder/bootstrap/site/recorder_arming.py`.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Notes", "not_recorded", "read_notes", "why_nothing"]

Key = TypeVar("Key")

_KINDS_BOUND: Final = 50
"""Different reasons that are kept apart; of further ones only the number is known."""

_FIELDS: Final = 5
_PYTHON: Final = re.compile(r"(?:python|pypy)[0-9.]*(?:\.exe)?")
_MISSING: Final = re.compile(
    r"ModuleNotFoundError: (?:there is no module recorder|No module named '(?:recorder|orjson)')"
)
_FIRST_LINE: Final = 256
"""Bytes of a #! line that a system looks at (Linux: BINPRM_BUF_SIZE)."""


@dataclass(slots=True)
class Notes:
    """Processes by what became of them.

    `armed`: Python processes that could record. `joined`: those that loaded an HTTP client and record. `failed`: by
    executable and reason, those that could not. `clients`: unsupported clients by how many processes loaded them.
    `old`: by executable and version, Pythons older than 3.11.
    """

    armed: int = 0
    joined: int = 0
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    clients: Counter[str] = field(default_factory=Counter)
    old: Counter[tuple[str, str]] = field(default_factory=Counter)


def read_notes(path: Path) -> Notes:
    """Read the file that RECORDER_NOTES named. A line that is no note is passed over. Raises OSError."""
    notes = Notes()
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == _FIELDS:
                _count(notes, *fields)
    return notes


def _count(notes: Notes, kind: str, _pid: str, version: str, executable: str, detail: str) -> None:
    if kind == "armed":
        notes.armed += 1
    elif kind == "joined":
        notes.joined += 1
    elif kind == "failed":
        _add(notes.failed, (executable, detail))
    elif kind == "client":
        _add(notes.clients, detail)
    elif kind == "old":
        _add(notes.old, (executable, version))


def _add(counter: Counter[Key], key: Key) -> None:
    if key in counter or len(counter) < _KINDS_BOUND:
        counter[key] += 1


def why_nothing(notes: Notes, command: Sequence[str]) -> list[str]:
    """Explain why a run of `command` recorded nothing, the likeliest reason first. Never empty."""
    reasons = [*not_recorded(notes), *_too_old(notes)]
    if notes.armed == 0 and not notes.old:
        reasons.append(_none_armed(command))
    elif notes.joined:
        reasons.append("no request was made: an HTTP client was loaded, and not used")
    elif not reasons:
        reasons.append("no Python process loaded a supported HTTP client")
    return reasons


def not_recorded(notes: Notes) -> list[str]:
    """Say which requests, if there were any, are missing from a recording, and what to do."""
    said = []
    for (executable, reason), count in notes.failed.most_common():
        processes = "1 Python process" if count == 1 else f"{count:,} Python processes"
        if _MISSING.match(reason):
            install = shlex.join([executable or "python", "-m", "pip", "install", "cassette-tools"])
            said.append(f"{processes} could not import the recorder; install it there: {install}")
        else:
            said.append(f"{processes} could not record: {reason}")
    if notes.clients:
        names = ", ".join(name for name, _ in notes.clients.most_common())
        said.append(f"{names} {'was' if len(notes.clients) == 1 else 'were'} loaded, and cannot be recorded yet")
    return said


def _too_old(notes: Notes) -> Iterator[str]:
    for executable, version in notes.old:
        yield f"{executable or 'a program'} is Python {version}; recording takes 3.11 or newer"


def _none_armed(command: Sequence[str]) -> str:
    flag = _isolating(command)
    if flag is not None:
        return f"Python ran with {flag}, which keeps the recorder out; leave that option away"
    return (
        "no Python process was started, or none that could be reached: "
        "with -I, -E or -S, or where PYTHONPATH is cleared (tox, sudo, env -i), the recorder stays out"
    )


def _isolating(command: Sequence[str]) -> str | None:
    """Return the option that makes the Python of `command` ignore PYTHONPATH or `site`, or None."""
    name, *arguments = command
    if _PYTHON.fullmatch(Path(name).name):
        return _flag(arguments)
    path = shutil.which(name)
    words = _interpreter(path) if path is not None else []
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if word != "-S"]
    return _flag(words[1:]) if words and _PYTHON.fullmatch(Path(words[0]).name) else None


def _flag(arguments: Iterable[str]) -> str | None:
    """Find -I, -E or -S among the options of a Python command line, which end at the script, at -c or at -m."""
    arguments = iter(arguments)
    for word in arguments:
        if word == "--check-hash-based-pycs":
            next(arguments, None)
        elif not word.startswith("-") or word == "-":
            return None
        elif not word.startswith("--"):
            for place, letter in enumerate(word[1:], 1):
                if letter in "IES":
                    return f"-{letter}"
                if letter in "cm":
                    return None
                if letter in "WX":
                    if place == len(word) - 1:
                        next(arguments, None)  # its value is the next word
                    break
    return None


def _interpreter(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 -- the name is a string of the system's already
            first = file.readline(_FIRST_LINE)
    except OSError:
        return []
    return first[2:].decode("utf-8", "replace").split() if first.startswith(b"#!") else []
