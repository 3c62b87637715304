"""What every format of cassettes can say, as plain values: the one model between a reader and a writer.

Law: nothing is guessed here. What a source does not tell is None, or absent. A body is bytes, or text that stands for
its UTF-8; what a source says beyond this model goes along in `extra`, under the name of its family, so that a writer
of the same family can say it again.

`recorder.model` holds the description of a recorded interaction without contents; this one has contents, and must
be able to describe what any other tool wrote. Both are made by the million: classes here are slotted, not frozen.
Readers make them; but for `origin`, which is told where an input is opened, nobody changes them afterwards.

Memory: one interaction with its bodies. A body in pieces is read from its source when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Body", "Element", "Envelope", "Headers", "Interaction", "Request", "Response", "header"]

Headers: TypeAlias = list[tuple[str, str]]
"""Pairs in their order, duplicates and letter case kept. Text is ISO-8859-1: each character is one byte of the wire."""


class Body:
    """The content of a request or a response.

    `content` is what is stored, without the codings of Content-Encoding that could be taken off: bytes, or a str that
    stands for its UTF-8. (A str never holds lone surrogates.) `stream` gives it piece by piece instead, where it is too
    long to be held; it can be called again as long as the source's next interaction was not asked for.

    - `coding`: the codings that were taken off, as in Content-Encoding (`gzip`, `gzip, br`); None where none was.
    - `coding_error`: why a coding that is declared was not taken off.
    - `wire`: the bytes with the coding on, where the source holds them. None elsewhere, and without a coding.
    - `wire_size`: bytes on the wire without chunks' frames; None where the source does not tell.
    - `complete`, `incomplete`, `framing`, `removed`: as in docs/format.md.
    """

    __slots__ = (
        "_content",
        "_size",
        "coding",
        "coding_error",
        "complete",
        "framing",
        "incomplete",
        "removed",
        "stream",
        "wire",
        "wire_size",
    )

    def __init__(
        self,
        content: bytes | str = b"",
        *,
        coding: str | None = None,
        coding_error: str | None = None,
        wire: bytes | None = None,
        wire_size: int | None = None,
        complete: bool = True,
        incomplete: str | None = None,
        framing: str | None = None,
        removed: str | None = None,
        stream: Callable[[], Iterator[bytes]] | None = None,
        size: int | None = None,
    ) -> None:
        self._content = content
        self._size = size
        self.coding = coding
        self.coding_error = coding_error
        self.wire = wire
        self.wire_size = wire_size
        self.complete = complete
        self.incomplete = incomplete
        self.framing = framing
        self.removed = removed
        self.stream = stream

    @property
    def size(self) -> int:
        """Bytes of the content. Of a stream: what its source says."""
        if self._size is None:
            content = self._content
            self._size = len(content) if isinstance(content, bytes) or content.isascii() else len(content.encode())
        return self._size

    def is_empty(self) -> bool:
        """Tell whether the size is 0, without counting bytes of text."""
        return not self._content if self.stream is None else self.size == 0

    def read(self) -> bytes:
        """Give the whole content as bytes. Memory: the body."""
        if self.stream is not None:
            return b"".join(self.stream())
        content = self._content
        return content if isinstance(content, bytes) else content.encode()

    def text(self) -> str | None:
        """Give the whole content as text when it is strictly UTF-8, else None. Memory: the body."""
        if self.stream is None and isinstance(self._content, str):
            return self._content
        try:
            return self.read().decode()
        except UnicodeDecodeError:
            return None

    def pieces(self) -> Iterator[bytes]:
        """Give the content piece by piece: a body that is held, in one."""
        if self.stream is not None:
            yield from self.stream()
        elif self._content:
            yield self.read()


@dataclass(slots=True)
class Request:
    """What the client sent. `target` and `sent` are as in docs/format.md."""

    method: str
    url: str
    headers: Headers
    body: Body | None = None
    http_version: str | None = None
    target: str | None = None
    sent: bool = True


@dataclass(slots=True)
class Response:
    """What the server answered."""

    status: int
    reason: str
    headers: Headers
    body: Body | None = None
    http_version: str | None = None
    trailers: Headers = field(default_factory=list)


@dataclass(slots=True)
class Interaction:
    """A request and what came of it.

    - `started_at`: RFC 3339 in UTC with microseconds and a `Z`, as in docs/format.md; None where it is not known.
    - `timings_ms`: milliseconds by name: `connect`, `first_byte`, `total`.
    - `error`: what the client saw go wrong, as the JSON object of docs/format.md.
    - `client`: the library that made the request, as `requests/2.34.2`.
    - `process`: `id`, `seq`, `process`, `pid`, `thread` of an interaction of this toolkit's cassettes.
    - `connection`, `rss`, `redacted`: as in docs/format.md.
    - `extra`: what the source says beyond this, by the family of its format. A writer gives back what stands under its
      own family's name; every other family's is a loss, except in a JSONL cassette, which keeps them all.
    - `origin`: the family of the format that it was read from first; None for recordings of this toolkit. A JSONL
      cassette keeps it; it is no part of what is compared.
    """

    request: Request
    response: Response | None = None
    error: dict[str, Any] | None = None
    started_at: str | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)
    client: str | None = None
    process: dict[str, Any] | None = None
    connection: dict[str, Any] | None = None
    rss: int | None = None
    redacted: dict[str, int] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    origin: str | None = None


@dataclass(slots=True)
class Envelope:
    """What a cassette says of itself and not of an interaction: a header, metadata, pages of a browser.

    It comes where the source has it, before, between or behind the interactions. `family` is that of the format whose
    words `values` are in; a writer of another family passes it over, and the conversion counts it as a loss, unless it
    was `made` by a conversion before.
    """

    family: str
    values: dict[str, Any]
    made: bool = False


Element: TypeAlias = Interaction | Envelope
"""What readers give and writers take."""

_NAMES: Final[dict[str, str]] = {}
_MOST_NAMES: Final = 10_000


def header(headers: Headers, name: str) -> str | None:
    """Give the first header called `name` (small letters). None where there is none."""
    for given, value in headers:
        small = _NAMES.get(given)
        if small is None:
            small = given.lower()
            if len(_NAMES) < _MOST_NAMES:
                _NAMES[given] = small
        if small == name:
            return value
    return None
