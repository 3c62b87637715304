"""One recorded request as a program that makes it again: a curl command, an HTTPie command, a Python script.

Law: what can be sent again, `resend` knows, and how each client is told, its own module; here they are only chosen.
What such a program cannot do is said in sentences, which hold no recorded bytes but names of headers.

Memory: a piece of a body, or a body that has a content coding.
"""

# ruff: noqa: PLC0415 - only the module of the program that is asked for is loaded

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from cassette_tools.losses import FACETS
from cassette_tools.stand_ins import is_stand_in
from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cassette_tools.interaction import Interaction, Request

__all__ = ["KINDS", "Exported", "exported"]

KINDS: Final = {"curl": "curl", "httpie": "HTTPie", "python": "requests"}
"""What --export takes, and the client that then sends."""

_MARK: Final = b"REDACTED"
_SECRET: Final = frozenset({"authorization", "proxy-authorization", "cookie"})


@dataclass(slots=True)
class Exported:
    """A program in pieces, to be taken once, and sentences about what it does not do."""

    program: Iterator[bytes]
    notes: list[str]


def exported(interaction: Interaction, number: int, kind: str) -> Exported:
    """Give the request of an interaction as a program; `kind` is a key of KINDS.

    Raises UsageError for another kind, and where the client cannot be told such a request; what reads a body raises
    what `Reader.body` does.
    """
    if kind not in KINDS:
        raise UsageError(f"{kind!r} is nothing to export. Use one of: {', '.join(KINDS)}.")
    lost: set[str] = set()
    program = _program(interaction, number, kind, lost)
    if program is None:
        others = " and ".join(name for name in KINDS if name != kind)
        raise UsageError(
            f"Interaction {number}: its method or its URL is none that {KINDS[kind]} can be told. Try {others}, "
            "or look at it without --export."
        )
    return Exported(program, list(_notes(interaction.request, KINDS[kind], lost)))


def _program(interaction: Interaction, number: int, kind: str, lost: set[str]) -> Iterator[bytes] | None:
    if kind == "python":
        from cassette_tools.formats.requests_script import program
        from cassette_tools.requests_call import call

        return call(interaction, number) or program(interaction, number, lost)
    if kind == "curl":
        from cassette_tools.formats.curl import command
    else:
        from cassette_tools.httpie import command
    found = command(interaction, lost)
    return None if found is None else chain(found, (b"\n",))


def _notes(request: Request, client: str, lost: set[str]) -> Iterator[str]:
    if _has_placeholder(request):
        yield "placeholders stand where secrets were: put the real values in before you send it."
    body = request.body
    if body is not None and body.removed is not None:
        yield "its body had to be removed when it was redacted: what is left of it is sent."
    elif body is not None and not body.complete:
        yield "not all of its body was recorded: what there is of it is sent."
    titles = [FACETS[facet].title for facet in FACETS if facet in lost]
    if titles:
        yield f"{client} cannot be told all of it; left out: {', '.join(titles)}."


def _has_placeholder(request: Request) -> bool:
    """Tell whether something in a request stands for a secret: a placeholder of ours, or what people put there."""
    if _MARK in request.url.upper().encode("utf-8", "replace"):
        return True
    for name, value in request.headers:
        data = value.encode("latin-1", "replace")
        if _MARK in data.upper() or (name.lower() in _SECRET and is_stand_in(data.rpartition(b" ")[2])):
            return True
    return request.body is not None and _in_pieces(request.body.pieces())


def _in_pieces(pieces: Iterable[bytes]) -> bool:
    rest = b""
    for piece in pieces:
        data = rest + piece
        if _MARK in data:
            return True
        rest = data[1 - len(_MARK) :]
    return False
