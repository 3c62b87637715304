"""requests script: a Python program that sends each recorded request again, with requests.

Law: nothing recorded can become code. Each recorded text is a literal made by ascii() or repr(), or stands in a comment
of one line, of printable characters. The program sends what was recorded and nothing more: a few lines at its top keep
requests and urllib3 from adding headers, joining repeated ones, and following redirects.

Memory: a body of a request that has a content coding; else a piece of a body.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from cassette_tools.formats import Format
from cassette_tools.interaction import Envelope
from cassette_tools.resend import NEVER_SENT, resend_of, title_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cassette_tools.formats import WriteOptions
    from cassette_tools.head import Head
    from cassette_tools.interaction import Body, Element, Interaction
    from cassette_tools.resend import Resend

__all__ = ["FORMAT", "KEPT", "literal", "program"]

_BEGINNING: Final = b'''"""Requests of a cassette, to be sent again with requests. Written by ctools.

The status is 1 where one of them could not be sent.
"""

import sys

import requests
from urllib3.util import SKIP_HEADER

session = requests.Session()
failed = 0


class Headers(requests.structures.CaseInsensitiveDict):
    """Pairs with their order, letter case and repetitions."""

    def __init__(self, pairs):
        self.pairs = []
        super().__init__(pairs)

    def __setitem__(self, name, value):
        super().__setitem__(name, value)
        self.pairs.append((name, value))

    def items(self):
        return self.pairs

    def copy(self):
        return Headers(self.pairs)


def send(method, url, headers, body=None):
    """Send exactly these headers, in this order. Give the response, or None where there was none."""
    global failed
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url, prepared.body = method, url, body
    given = {name.lower() for name, _ in headers}
    added = [(name, SKIP_HEADER) for name in ("User-Agent", "Accept-Encoding") if name.lower() not in given]
    prepared.headers = Headers([*headers, *added])
    try:
        response = session.send(prepared, allow_redirects=False)
    except requests.RequestException as error:
        failed = 1
        print(f"{method} {url}: {type(error).__name__}", file=sys.stderr)
        return None
    print(f"{method} {url}: {response.status_code}, {len(response.content)} bytes")
    return response

'''
_END: Final = b"\nsys.exit(failed)\n"
_SHORT: Final = 88
"""Bytes of a literal in one line."""

_LONG_BODY: Final = 64 * 1024
_LONG: Final = 16 * 1024
"""Bytes of a literal in one line of a long body."""

_SIGN: Final = r"[\w.~!$&'()*+,;=:@/-]|%[0-9A-F]{2}"
KEPT: Final = re.compile(rf"https?://[^/?]+/(?:{_SIGN})*(?:\?(?:{_SIGN}|\?)+)?", re.ASCII)
"""URLs whose target urllib3 sends as they are (`_encode_target` in its util/url.py, 2.x)."""


def write(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    """Write the program, a request at a time."""
    yield _BEGINNING
    number = 0
    for element in elements:
        if isinstance(element, Envelope):
            continue
        number += 1
        yield f"\n# {title_of(element, number)}\n".encode()
        yield from _request(element, number, options)
    yield _END


def _request(interaction: Interaction, number: int, options: WriteOptions) -> Iterator[bytes]:
    lost: set[str] = set()
    call = _sending(interaction, lost)
    yield from call or (b"# left out: its method or its URL is none that requests can be told\n",)
    if options.losses is not None:
        for facet in sorted(lost):
            options.losses.add(facet, number)


def program(interaction: Interaction, number: int, lost: set[str]) -> Iterator[bytes] | None:
    """Give a program that sends one request again; None where requests cannot be told it.

    `lost` takes the names of the facets that are left out, at once.
    """
    call = _sending(interaction, lost)
    if call is None:
        return None
    title = f"\n# {title_of(interaction, number)}\nresponse = ".encode()
    return chain((_BEGINNING, title), call, (_END,))


def _sending(interaction: Interaction, lost: set[str]) -> Iterator[bytes] | None:
    again = resend_of(interaction.request)
    if again is None:
        lost.add("unsendable")
        return None
    lost |= again.lost - {"target"}  # declared
    if not KEPT.fullmatch(again.url):
        lost.add("unsendable")
    return _call(again)


def _call(again: Resend) -> Iterator[bytes]:
    lines = ["send(", f"    {again.method!a},", f"    {again.url!a},", "    ["]
    lines += [f"        ({name!a}, {value!a})," for name, value in _headers(again)]
    yield "\n".join([*lines, "    ],\n"]).encode("ascii")
    if again.body is not None:
        yield from literal(again.body)
    yield b")\n"


def _headers(again: Resend) -> Iterator[tuple[str, str]]:
    yield from again.headers
    if again.body is not None:
        if again.framing is not None:
            yield "Transfer-Encoding", "chunked"
        else:
            yield "Content-Length", str(again.body.size)


def literal(body: Body) -> Iterator[bytes]:
    """Give a body as a literal of Python in lines indented by four spaces, with a comma behind."""
    if body.size <= _SHORT and body.stream is None:
        yield f"    {body.read()!r},\n".encode("ascii")
        return
    yield b"    (\n        b''\n"
    most = _SHORT if body.size <= _LONG_BODY else _LONG
    for piece in body.pieces():
        for line in re.finditer(rb"[^\n]{1,%d}\n?|\n" % most, piece):
            yield f"        {line[0]!r}\n".encode("ascii")
    yield b"    ),\n"


def _sniff(_: Head) -> int:
    return 0  # it is written only


FORMAT: Final = Format(
    name="requests-script",
    title="Python requests script",
    family="requests-script",
    suffixes=(".py",),
    sniff=_sniff,
    write=write,
    cannot_hold=NEVER_SENT | {"http-version", "target"},
    is_default=True,
    notes=(
        "A Python program with a call for each request. It needs `requests`.",
        "Requests go to the servers that they were recorded from: read the program before you run it.",
        "Content-Length comes last. Userinfo of URLs is left out; the header that it made is kept.",
        "It speaks HTTP/1.1, and urllib3 percent-encodes what should not stand in a URL as it is.",
    ),
)
