"""A redaction engine as small as can be, in place of the real one: to test what carries it.

Law: it replaces known values, and what a key `token` holds, which it learns; nothing else. It keeps the contract of
`cassette_tools.redaction.Redacting`: the same bytes where nothing is found, edits in offsets of what came in, an error
for what is no JSON.
"""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from recorder.redact.engine import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from recorder.redact.engine import StreamedBody

__all__ = ["KILLING", "SECRET", "SPOILING", "Standin", "Stream", "maker", "names", "placeholder_of"]

SECRET = "correct-horse"
KILLING = "kill-the-process-that-reads-this"
SPOILING = "a-fault-of-ours"
_TOKEN = re.compile(rb'"token\\?":\\?"([a-z0-9-]{6,})\\?"')
_WINDOW = 32
"""Bytes that a stream holds back; longer than any value here."""


@dataclass
class Standin:
    """The engine. `home` is the process that may read KILLING."""

    known: tuple[str, ...]
    home: int = 0
    described: dict[str, Any] | None = None
    unproven: tuple[str, ...] = ()
    taken: set[str] = field(default_factory=set)
    streams: list[tuple[str, Any, str | None]] = field(default_factory=list)

    def redact_line(
        self, line: bytes, /, *, pieces: Mapping[Any, StreamedBody] | None = None
    ) -> tuple[bytes, Sequence[Finding]]:
        if line[:1] != b"{" or line[-1:] != b"}":
            raise ValueError("no JSON object")
        if KILLING.encode() in line and os.getpid() != self.home:
            os.kill(os.getpid(), signal.SIGKILL)
        if SPOILING.encode() in line:
            raise KeyError(line)
        if pieces:
            line = _with_pieces(line, pieces)
        new, counts = self.replaced(line)
        findings = [
            Finding(rule, "line", "secret", placeholder, count) for (rule, placeholder), count in counts.items()
        ]
        for streamed in (pieces or {}).values():
            findings.extend(streamed.findings)
        return new, findings

    def is_settled(self, data: bytes, /) -> bool:
        return False

    def open_stream(self, part: Any, headers: Any, url: str | None, /) -> Stream:
        self.streams.append((part, headers, url))
        return Stream(self, f"{part}.body")

    def learned(self) -> frozenset[str]:
        return frozenset(self.taken)

    def learn(self, values: Iterable[str], /) -> None:
        self.taken.update(values)

    def values(self) -> list[tuple[bytes, str]]:
        known = [(value.encode(), f"known:{value[:2]}") for value in self.known]
        return known + [(value.encode(), "learned") for value in sorted(self.taken - set(self.known))]

    def replaced(self, data: bytes) -> tuple[bytes, dict[tuple[str, str], int]]:
        counts: dict[tuple[str, str], int] = {}
        for match in _TOKEN.finditer(data):
            if not match[1].startswith(b"redacted-"):
                self.taken.add(match[1].decode())
        for value, rule in self.values():
            if found := data.count(value):
                placeholder = placeholder_of(value)
                counts[rule, placeholder.decode()] = found
                data = data.replace(value, placeholder)
        return data, counts


class Stream:
    def __init__(self, engine: Standin, place: str) -> None:
        self._engine = engine
        self._place = place
        self._held = b""
        self._base = 0
        self._counts: dict[tuple[str, str], int] = {}
        self.settled = 0

    @property
    def findings(self) -> list[Finding]:
        return [Finding(rule, self._place, "secret", shown, count) for (rule, shown), count in self._counts.items()]

    def scan(self, data: bytes, /) -> list[tuple[int, int, bytes]]:
        self._held += data
        return self._edits(max(0, len(self._held) - _WINDOW))

    def end(self) -> list[tuple[int, int, bytes]]:
        return self._edits(len(self._held))

    def _edits(self, upto: int) -> list[tuple[int, int, bytes]]:
        edits = []
        at = 0
        pattern = re.compile(b"|".join(re.escape(value) for value, _ in self._engine.values()) or b"$^")
        rules = dict(self._engine.values())
        for match in pattern.finditer(self._held):
            if match.start() >= upto:
                break
            shown = placeholder_of(match[0])
            edits.append((self._base + match.start(), self._base + match.end(), shown))
            key = (rules[match[0]], shown.decode())
            self._counts[key] = self._counts.get(key, 0) + 1
            at = match.end()
        at = max(at, upto)
        self._held = self._held[at:]
        self._base += at
        self.settled = self._base
        return edits


def placeholder_of(value: bytes) -> bytes:
    return b"redacted-%d-%04x" % (len(value), sum(value))


def names(folder: Path) -> list[str]:
    """List a folder."""
    return sorted(path.name for path in folder.iterdir())


def _with_pieces(line: bytes, pieces: Mapping[Any, StreamedBody]) -> bytes:
    said = orjson.loads(line)
    for part, streamed in pieces.items():
        said[part]["body"] |= {"size": streamed.size, "sha256": streamed.sha256}
    return orjson.dumps(said)


def maker(*known: str, home: bool = True) -> Any:
    """Return what makes the engine in this process and in others."""
    from functools import partial

    return partial(Standin, known or (SECRET,), os.getpid() if home else 0)
