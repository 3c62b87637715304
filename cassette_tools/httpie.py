r"""A command of HTTPie that sends a recorded request again.

Law: nothing recorded can become a command, an option, or a file's name. Each recorded text is one quoted argument, as
in curl scripts, and in it what HTTPie reads as a mark of its own (`@`, `=` at the beginning of a header's value) has a
backslash in front (httpie.io/docs/cli, "Escaping rules"). A body goes in as raw data: from --raw where it is short
text, else from standard input. HTTPie follows no redirect by itself; its default headers are unset where they were not
recorded. What it cannot be told is left out, and named.

It sends headers in an order of its own, and speaks HTTP/1.1. Repeated headers need HTTPie 3.0. Options in the user's
config.json of HTTPie go along: there is no option against that.

Memory: a body that has a content coding; else a piece of a body.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cassette_tools.formats.curl import as_argument, in_base64, quoted
from cassette_tools.formats.requests_script import KEPT
from cassette_tools.requests_call import CHANGED_ESCAPE
from cassette_tools.resend import resend_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.interaction import Interaction
    from cassette_tools.resend import Resend

__all__ = ["command"]

_METHOD: Final = re.compile(r"[A-Za-z]+")
"""What HTTPie takes for a method, and not for a URL."""

_LONGEST: Final = 120 * 1024
"""Bytes of an argument. Linux takes up to 128 KiB (execve(2))."""

_MOST: Final = 512 * 1024
"""Bytes of all headers. macOS takes 1 MiB of arguments and environment together."""

_PLAIN_PATH: Final = re.compile(r"https?://[^/?]+(?:/[0-9A-Za-z_~-][0-9A-Za-z._~-]*)*/?(?:\?.*)?", re.IGNORECASE)
"""URLs with a path that HTTPie does not change; others need --path-as-is."""

_EATEN: Final = re.compile(r"(?<!\\)(?:\\\\)*\\[:;=@]")
"""A backslash that HTTPie takes for an escape, and that has no escape itself (`tokenize` in its cli/argtypes.py)."""

_DEFAULTS: Final = ("User-Agent", "Accept", "Accept-Encoding", "Connection")


def command(interaction: Interaction, lost: set[str]) -> Iterator[bytes] | None:
    """Give the shell command that sends a request again, without a line end; None where HTTPie cannot be told it.

    `lost` takes the names of the facets (`cassette_tools.losses`) that are left out, at once.
    """
    again = resend_of(interaction.request)
    if again is None or not _METHOD.fullmatch(again.method) or len(again.url) > _LONGEST:
        lost.add("unsendable")
        return None
    items = _items(again)
    _tell_lost(again, interaction.request.http_version)
    lost |= again.lost
    return _command(again, items)


def _command(again: Resend, items: list[str]) -> Iterator[bytes]:
    body = None if again.body is None or again.body.is_empty() else again.body
    text = None if body is None else as_argument(body)
    if text == "'--'":
        text = None  # Python's argparse takes it off, even behind --raw=
    words = ["http"]
    if body is not None and text is None:
        yield b"base64 -d <<'END' |\n"
        yield from in_base64(body)
        yield b"END\n"
    else:
        words.append("--ignore-stdin")
    words.append("--ignore-netrc")
    if not _PLAIN_PATH.fullmatch(again.url):
        words.append("--path-as-is")
    if body is not None and again.framing == "chunked":
        words.append("--chunked")
    lines = [" ".join(words)]
    if text is not None:
        lines.append(f"--raw={text}")  # with a blank between, text that begins with a hyphen would be an option
    if any(item.lstrip("'").startswith("-") for item in items):
        lines.append("--")
    lines += [f"{again.method} {quoted(again.url)}", *items]
    yield b" \\\n  ".join(line.encode() for line in lines)


def _items(again: Resend) -> list[str]:
    """Give the headers as HTTPie is told them, each quoted."""
    items: list[str] = []
    left = _MOST
    for name, value in again.headers:
        if _is_default(again, name, value):
            continue
        item = _item(name, value)
        if item is None or len(item) > min(left, _LONGEST):
            again.lost.add("unsendable")
            continue
        left -= len(item)
        items.append(item)
    if again.body is not None and again.body.is_empty() and again.method.upper() in {"GET", "HEAD", "OPTIONS"}:
        items.append("Content-Length:0")  # of others it is sent anyhow
    own = (*_DEFAULTS, "Content-Type") if again.body is not None and not again.body.is_empty() else _DEFAULTS
    return [*items, *(f"{name}:" for name in own if not again.has(name.lower()))]


def _is_default(again: Resend, name: str, value: str) -> bool:
    """Tell whether HTTPie sends this header by itself, as it is."""
    small = name.lower()
    if sum(given.lower() == small for given, _ in again.headers) > 1:
        return False
    if small == "host":
        return value == again.authority
    with_data = again.body is not None and not again.body.is_empty()  # (Accept-Encoding depends on what is installed.)
    return (name, value) in {
        ("Connection", "keep-alive"),
        ("Content-Type", "application/json") if with_data else ("Accept", "*/*"),
    }


def _item(name: str, value: str) -> str | None:
    """Give a header as an argument; None where HTTPie would send another value."""
    if not value:
        return quoted(f"{name};")
    try:
        text = value.encode("latin-1").decode()
    except UnicodeError:
        return None  # HTTPie sends text as UTF-8, and this is none
    if text != text.strip() or _EATEN.search(value):
        return None
    mark = "\\" if value[0] in "@=" else ""
    return quoted(f"{name}:{mark}{value}")


def _tell_lost(again: Resend, version: str | None) -> None:
    if version not in {None, "HTTP/1.1"}:
        again.lost.add("http-version")
    if again.target is not None:
        again.lost.add("target")
    query = again.url.partition("?")[2]
    if not again.method.isupper() or not KEPT.fullmatch(again.url) or CHANGED_ESCAPE.search(query):
        again.lost.add("unsendable")
    if again.body is None and again.method.upper() not in {"GET", "HEAD", "OPTIONS"}:
        again.lost.add("empty-bodies")
    elif again.framing == "chunked" and again.body is not None and again.body.is_empty():
        again.lost.add("framing")
