r"""curl script: a POSIX shell program that sends each recorded request again, one curl command a request.

Law: nothing recorded can become a command, an option, or a file's name. Each recorded text is one quoted argument (of
printable characters in '...', of other bytes written out in octal by printf), or comes from standard input as base64.
Commands do not read the user's .curlrc, follow no redirect, and add no header of curl's own but Host, Content-Length
and what HTTP needs. What curl cannot be told is left out, and counted.

The options are those of curl 7.42 (path-as-is) and later; --data-raw takes a leading @ as text (curl(1)). Linux takes
arguments of up to 128 KiB (execve(2)): long bodies come from standard input, and longer headers and URLs are left out.

Memory: a body of a request that has a content coding; else a piece of a body.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from cassette_tools.formats import Format
from cassette_tools.interaction import Envelope
from cassette_tools.resend import NEVER_SENT, resend_of, title_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cassette_tools.formats import WriteOptions
    from cassette_tools.head import Head
    from cassette_tools.interaction import Body, Element, Headers, Interaction
    from cassette_tools.resend import Resend

__all__ = ["FORMAT", "as_argument", "command", "in_base64", "quoted"]

_BEGINNING: Final = b"""#!/bin/sh
# Requests of a cassette, to be sent again by curl. Written by ctools convert.
# The status is 1 where curl failed to send one of them. What servers answer goes to standard output.
failed=0
"""
_END: Final = b"""
exit "$failed"
"""
_FIXED: Final = "curl --disable --silent --show-error --globoff --path-as-is --proto '=http,https'"
_VERSIONS: Final = {"HTTP/1.0": "--http1.0", "HTTP/1.1": "--http1.1", "HTTP/2": "--http2", "HTTP/2.0": "--http2"}
_LONGEST_ARGUMENT: Final = 64 * 1024
_LONGEST_WORD: Final = 120 * 1024
_MOST_ARGUMENTS: Final = 512 * 1024
"""Bytes of all headers of a request. macOS takes 1 MiB of arguments and environment together."""
_BESIDE: Final = 32
"""Bytes that a header takes beside its name and its value: an option, pointers, ends of strings."""
_BASE64_LINE: Final = 57
"""Bytes that make 76 characters of base64 (RFC 2045 section 6.8)."""


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
    sending = _sending(interaction, lost, brief=False)
    if sending is None:
        yield b"# left out: its method or its URL is none that curl can be told\n"
    else:
        yield from sending
        yield b" || failed=1\n"
    if options.losses is not None:
        for facet in sorted(lost):
            options.losses.add(facet, number)


def command(interaction: Interaction, lost: set[str]) -> Iterator[bytes] | None:
    """Give the shell command that sends one request again, without a line end; None where curl cannot be told it.

    It says no more than is needed: unlike in a script the user's .curlrc is read. `lost` takes the names of the facets
    that are left out, at once.
    """
    return _sending(interaction, lost, brief=True)


def _sending(interaction: Interaction, lost: set[str], *, brief: bool) -> Iterator[bytes] | None:
    again = resend_of(interaction.request)
    if again is None or len(again.method) + len(again.url) > _LONGEST_WORD:
        lost.add("unsendable")
        return None
    _leave_out_long(again)
    arguments = [_FIXED, *_version(again, interaction.request.http_version), *_line(again), *_headers(again)]
    lost |= again.lost
    return _command(again, _brief(again, arguments) if brief else arguments)


def _brief(again: Resend, arguments: list[str]) -> list[str]:
    """Leave out what curl does by itself."""
    names = [name.lower() for name, _ in again.headers]
    implied = {"--request GET" if again.body is None else "--request POST"}
    if names.count("accept") == 1:
        implied.add("--header 'Accept: */*'")
    if names.count("content-type") == 1 and again.body is not None:
        implied.add("--header 'Content-Type: application/x-www-form-urlencoded'")
    if again.url.startswith("http:"):
        implied.add("--http1.1")
    url = f"--url {quoted(again.url)}"
    start = "curl"
    if _GLOB.search(again.url):
        start += " --globoff"
    if "/." in again.url:
        start += " --path-as-is"
    start += url.removeprefix("--url")
    return [start, *(argument for argument in arguments[1:] if argument not in implied and argument != url)]


_GLOB: Final = re.compile(r"[\[\]{}]")


def _leave_out_long(again: Resend) -> None:
    """Leave out headers that are too long for an argument, or too many for all arguments together."""
    left = _MOST_ARGUMENTS
    kept: Headers = []
    for name, value in again.headers:
        size = len(name) + len(value) + _BESIDE
        if size > min(_LONGEST_WORD, left):
            again.lost.add("unsendable")
            continue
        left -= size
        kept.append((name, value))
    again.headers = kept


def _version(again: Resend, version: str | None) -> list[str]:
    option = None if version is None else _VERSIONS.get(version)
    if option == "--http2" and again.url.startswith("http:"):
        option = None  # without TLS curl asks for it by headers of its own
    if version is not None and option is None:
        again.lost.add("http-version")
    return [] if option is None else [option]


def _line(again: Resend) -> list[str]:
    if again.method == "HEAD":  # --request HEAD would wait for a body
        if again.body is not None:
            again.body = None
            again.lost.add("unsendable")
        method = "--head"
    else:
        method = f"--request {quoted(again.method)}"
    target = [] if again.target is None else [f"--request-target {quoted(again.target)}"]
    return [method, f"--url {quoted(again.url)}", *target]


def _headers(again: Resend) -> list[str]:
    arguments = [f"--header {quoted(f'{name};' if not value else f'{name}: {value}')}" for name, value in _told(again)]
    if again.framing is not None and again.body is not None:
        arguments.append("--header 'Transfer-Encoding: chunked'")
    own = ["User-Agent", "Accept"] + (["Content-Type", "Expect"] if again.body is not None else [])
    arguments += [f"--header '{name}:'" for name in own if not again.has(name.lower())]
    if again.has("accept-encoding"):
        arguments.append("--compressed")
    return arguments


def _told(again: Resend) -> Iterator[tuple[str, str]]:
    """Give the headers that curl must be told. It has but one Host, and makes it itself where it is that of the URL."""
    hosts = 0
    for name, value in again.headers:
        if name.lower() != "host":
            yield name, value
            continue
        hosts += 1
        if hosts > 1 or not value:
            again.lost.add("unsendable")
        elif value != again.authority:
            yield name, value


def _command(again: Resend, arguments: list[str]) -> Iterator[bytes]:
    body = again.body
    text = None if body is None else as_argument(body)
    if text is not None:
        arguments.append(f"--data-raw {text}")
    elif body is not None:
        yield b"base64 -d <<'END' |\n"
        yield from in_base64(body)
        yield b"END\n"
        arguments.append("--data-binary @-")
    yield b" \\\n  ".join(argument.encode() for argument in arguments)


def as_argument(body: Body) -> str | None:
    """Give a short text body as an argument of a shell command. None for all others."""
    if body.size > _LONGEST_ARGUMENT:
        return None
    text = body.text()
    return None if text is None or not _is_plain(text) else _in_quotes(text)


def in_base64(body: Body) -> Iterator[bytes]:
    """Give a body as lines of base64, each ended."""
    rest = b""
    for piece in body.pieces():
        data = rest + piece
        whole = len(data) - len(data) % _BASE64_LINE
        rest = data[whole:]
        yield b"".join(b64encode(data[start : start + _BASE64_LINE]) + b"\n" for start in range(0, whole, _BASE64_LINE))
    if rest:
        yield b64encode(rest) + b"\n"


# -- quoting


def quoted(text: str) -> str:
    """Quote an argument, whose characters are its bytes, as in headers. It holds no NUL and no line feed."""
    if _BARE.fullmatch(text):
        return text
    data = text.encode("latin-1", "replace")
    try:
        plain = data.decode()
    except UnicodeDecodeError:
        plain = None
    return _in_quotes(plain) if plain is not None and _is_plain(plain) else f'"$(printf {_in_octal(data)})"'


_BARE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/:-]*")


def _is_plain(text: str) -> bool:
    return text.translate(_LINES).isprintable()


_LINES: Final = {ord("\n"): None, ord("\t"): None}


def _in_quotes(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _in_octal(data: bytes) -> str:
    """Write bytes as a format of printf (POSIX: a backslash and three octal digits)."""
    return "'" + _ODD.sub(lambda found: b"\\%03o" % found[0][0], data).decode("ascii") + "'"


_ODD: Final = re.compile(rb"\A-|[^ #$&(-\[\]-~]")
"""What is not written as it is: %, quotes, backslashes, all beyond printable ASCII, what begins an option, and the !
that an interactive shell takes for its history inside double quotes."""


def _sniff(_: Head) -> int:
    return 0  # it is written only


FORMAT: Final = Format(
    name="curl",
    title="curl script",
    family="curl",
    suffixes=(".sh",),
    sniff=_sniff,
    write=write,
    cannot_hold=NEVER_SENT,
    is_default=True,
    notes=(
        "A POSIX shell program with a curl command for each request. It needs `curl`, and `base64` for some bodies.",
        "Requests go to the servers that they were recorded from: read the program before you run it.",
        "curl makes Host and Content-Length itself. Userinfo of URLs is left out; the header that it made is kept.",
        "Of HTTP versions it can ask for 1.0, 1.1, and 2 with https; of request targets for that of the URL, and `*`.",
    ),
)
