"""Inputs for tests of readers: from memory, and one that counts what was taken from it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cassette_tools.input_stream import InputStream
from cassette_tools.interaction import Envelope, Interaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.formats import Format

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"


def stream_of(data: bytes, name: str = "input") -> InputStream:
    return InputStream(io.BytesIO(data), name, path=None, size=len(data))


def interactions_of(one: Format, stream: InputStream) -> list[Interaction]:
    assert one.read is not None
    return [element for element in one.read(stream) if isinstance(element, Interaction)]


def envelopes_of(one: Format, stream: InputStream) -> list[dict[str, Any]]:
    assert one.read is not None
    return [element.values for element in one.read(stream) if isinstance(element, Envelope)]


class Trickle(io.RawIOBase):
    """A file that is made while it is read: `made` counts the parts that were asked for."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        super().__init__()
        self.made = 0
        self._parts = parts
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while len(self._rest) < len(buffer):
            part = next(self._parts, b"")
            if not part:
                break
            self.made += 1
            self._rest += part
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
