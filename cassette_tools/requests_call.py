"""One recorded request as the few lines of Python that people would write: a call of requests.

Law: nothing recorded can become code: each recorded text is a literal made by repr(). The call sends what was recorded;
only the order of headers with different names may be another. What requests would change or add is unset, or the
request is none for this form: `formats.requests_script` has the exact one.

How requests changes what it is given (requests 2.34): `prepare_url` and `requote_uri` normalize a URL, `Session` adds
User-Agent, Accept-Encoding, Accept and Connection, urllib3 the first two where they are missing.

Memory: a body that has a content coding; else a piece of a body.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cassette_tools.formats.requests_script import KEPT, literal
from cassette_tools.resend import resend_of, title_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.interaction import Interaction
    from cassette_tools.resend import Resend

__all__ = ["CHANGED_ESCAPE", "call"]

CHANGED_ESCAPE: Final = re.compile(r"%(?:2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])")
"""Escapes of unreserved characters, which requests takes off (`requote_uri` in its utils.py)."""

_NORMAL: Final = re.compile(r"https?://[a-z0-9.:\[\]_-]+(?:/(?!\.{0,2}(?:/|\?|\Z))[^/?]*)*/?(?:\?.*)?")
"""URLs with a host in small letters, and a path without empty segments and dots."""

_SESSION: Final = {"accept": ("Accept", "*/*"), "connection": ("Connection", "keep-alive")}
"""Headers of every session of requests, whose values are always the same."""

_SKIPPED: Final = ("User-Agent", "Accept-Encoding")
"""Headers that urllib3 adds where they are not there."""

_WITHOUT_LENGTH: Final = ("GET", "HEAD")
"""Methods without a body of which requests says no Content-Length."""


def call(interaction: Interaction, number: int) -> Iterator[bytes] | None:
    """Give the program in pieces; None where such a call would not send what was recorded."""
    again = resend_of(interaction.request)
    if again is None or not _is_kept(again):
        return None
    return _program(again, title_of(interaction, number))


def _is_kept(again: Resend) -> bool:
    names = [name.lower() for name, _ in again.headers]
    return (
        not again.lost
        and again.target is None
        and again.framing is None
        and again.method.isupper()
        and (again.body is not None or again.method in _WITHOUT_LENGTH)
        and KEPT.fullmatch(again.url) is not None
        and _NORMAL.fullmatch(again.url) is not None
        and CHANGED_ESCAPE.search(again.url) is None
        and len(set(names)) == len(names)
        and all(value == value.strip() for _, value in again.headers)
    )


def _program(again: Resend, title: str) -> Iterator[bytes]:
    headers = dict(_headers(again))
    skipping = [name for name in _SKIPPED if not again.has(name.lower())]
    lines = [f"# {title}", "import requests"]
    if skipping:
        lines.append("from urllib3.util import SKIP_HEADER")
    lines += ["", "response = requests.request(", f"    {again.method!r},", f"    {again.url!r},"]
    if headers or skipping:
        lines.append("    headers={")
        lines += [f"        {name!r}: {value!r}," for name, value in headers.items()]
        lines += [f"        {name!r}: SKIP_HEADER," for name in skipping]
        lines.append("    },")
    yield "\n".join([*lines, ""]).encode()
    if again.body is not None and not again.body.is_empty():
        pieces = literal(again.body)
        yield b"    data=" + next(pieces).lstrip(b" ")
        yield from pieces
    yield b"    allow_redirects=False,\n    timeout=60,\n)\nprint(response.status_code)\nprint(response.text)\n"


def _headers(again: Resend) -> Iterator[tuple[str, str | None]]:
    """Give the headers that requests must be told; with None those that it must not send."""
    for name, value in again.headers:
        if (name, value) != _SESSION.get(name.lower()) and (name.lower() != "host" or value != again.authority):
            yield name, value
    for small, (name, _) in _SESSION.items():
        if not again.has(small):
            yield name, None
    if again.body is not None and again.body.is_empty() and again.method in _WITHOUT_LENGTH:
        yield "Content-Length", "0"
