"""The two cassettes of a comparison, each read once for its fingerprints.

Law: reads, and compares nothing. Two large cassettes are read at the same time, the old one by another process, which
hands over the fingerprints; whatever happens to it, this one reads it itself.

Memory: the fingerprints.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Final

from cassette_tools.diff.fingerprint import LINE_TYPES, Fingerprints, fingerprints
from cassette_tools.formats.cassette_jsonl import interaction_of
from cassette_tools.other_process import OtherProcess, can_fork
from cassette_tools.selection import wanted_by
from cassette_tools.source import facts_of, file_size, open_cassette

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack

    from cassette_tools.diff.rules import Rules
    from cassette_tools.interaction import Interaction
    from cassette_tools.source import Facts, OpenCassette
    from recorder.journal.read import Mode

__all__ = ["WORTH_IT", "Input", "Reading"]

WORTH_IT: Final = 8 * 1024 * 1024
"""Bytes of both cassettes from which on they are read in two processes."""


@dataclass(frozen=True, slots=True)
class Input:
    """One of the two cassettes, after it was read once. `origin` is None where it holds more than one.

    `reopen` opens it once more.
    """

    opened: OpenCassette
    prints: Fingerprints
    facts: Facts
    origin: str | None
    reopen: Callable[[], OpenCassette]

    def interaction(self, place: int, *, contents: bool) -> Interaction:
        """Read an interaction again. Raises what `Reader.again` raises."""
        return interaction_of(self.prints.again(self.opened.reader, place, contents=contents))


class Reading:
    """Reads the two cassettes, each once: two large ones at a time."""

    def __init__(
        self,
        stack: ExitStack,
        rules: Rules,
        mode: Mode,
        source: str | None,
        only: str | None,
        tell: Callable[[int], None] | None,
    ) -> None:
        self._stack = stack
        self._rules = rules
        self._mode = mode
        self._source = source
        self._wanted = wanted_by(only)
        self._tell = tell
        self._before = 0
        self._count = 0  # bytes of the input at hand

    def both(self, old: str, new: str) -> tuple[Input, Input]:
        """Read both."""
        beside = self._beside(old) if _is_large(old) and _is_large(new) and can_fork() else None
        if beside is None:
            return self.one(old), self.one(new)
        self._before = file_size(old) or 0
        other = self.one(new)
        found = beside.receive()
        beside.close()
        if found is None:  # it found something wrong, or was lost: it is met here
            return self.one(old), other
        prints, facts = found
        opened = self._stack.enter_context(self._open(old))
        return Input(opened, prints, facts, prints.origin(), partial(self._open, old)), other

    def one(self, cassette: str) -> Input:
        """Read one."""
        opened = self._stack.enter_context(self._open(cassette))
        prints, facts = self._read(cassette, opened)
        self._before += self._count
        return Input(opened, prints, facts, prints.origin(), partial(self._open, cassette))

    def _beside(self, cassette: str) -> OtherProcess | None:
        """Begin to read one in another process."""

        def work() -> Iterator[tuple[Fingerprints, Facts]]:
            self._tell = None
            with self._open(cassette) as opened:
                if opened.is_plain:
                    yield self._read(cassette, opened)

        try:
            other = OtherProcess(work, send=_send_side, load=_load_side)
        except OSError:
            return None
        self._stack.callback(other.close)
        return other

    def _open(self, cassette: str) -> OpenCassette:
        return open_cassette(
            cassette,
            mode=self._mode,
            types=LINE_TYPES,
            bodies=True,
            source=self._source,
            seekable=True,
            on_progress=self._progress,
        )

    def _read(self, cassette: str, opened: OpenCassette) -> tuple[Fingerprints, Facts]:
        self._count = 0
        prints = fingerprints(opened.reader, opened.reader, self._rules, self._wanted)
        return prints, facts_of(cassette, opened, self._count)

    def _progress(self, count: int) -> None:
        self._count = count
        if self._tell is not None:
            self._tell(self._before + count)


def _is_large(cassette: str) -> bool:
    return (file_size(cassette) or 0) >= WORTH_IT


def _send_side(side: tuple[Fingerprints, Facts], file: IO[bytes]) -> None:
    prints, facts = side
    pickle.dump(facts, file, pickle.HIGHEST_PROTOCOL)
    prints.save(file)


def _load_side(file: IO[bytes]) -> tuple[Fingerprints, Facts]:
    facts: Facts = pickle.load(file)  # noqa: S301 - of a process that was forked here
    return Fingerprints.load(file), facts
