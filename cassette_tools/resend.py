"""What of a recorded request can be sent again by a program, for formats that are programs.

Law: whatever was recorded comes out of here as parts that a client can be told without doubt, or not at all: a method
and names of headers that are words of HTTP, values without control characters, an http or https URL in ASCII without
userinfo. What is left out is named. A body is what went over the wire, where that can be told.

Memory: nothing beyond the request; a coded body is held whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cassette_tools.interaction import Body
from cassette_tools.losses import KNOWN_TO_RECORDERS
from cassette_tools.stored_body import wire_of
from cassette_tools.views.escape import writable_to_terminal

if TYPE_CHECKING:
    from cassette_tools.interaction import Headers, Interaction, Request

__all__ = ["NEVER_SENT", "Resend", "resend_of", "title_of"]

NEVER_SENT: Final = KNOWN_TO_RECORDERS | {"responses", "started-at", "timings", "header-order", "unsendable"}
"""Facets (`cassette_tools.losses`) that no program can send again, whatever its client."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A method, or a header's name (RFC 9110 section 5.6.2)."""

_NOT_IN_VALUES: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
"""What no header's value may hold (RFC 9110 section 5.5), and what is no byte."""

_URL: Final = re.compile(r"(https?)://(?:[^/?#]*@)?([^/?#@]+)(/[^?#]*)?(\?[^#]*)?", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_NOT_IN_TARGETS: Final = re.compile(r"[^\x21-\x7e]+")
_TITLE: Final = 160
"""Characters of a title that are shown."""


@dataclass(slots=True)
class Resend:
    """A request to be sent. `url` is without userinfo and fragment; `authority` is its host and port.

    `headers` has what a client is to be told, in order, without Content-Length and Transfer-Encoding; `framing` is
    "chunked" where the body is to be sent so. `target` is set where it is not that of the URL. `lost` names facets.
    """

    method: str
    url: str
    authority: str
    headers: Headers
    body: Body | None = None
    framing: str | None = None
    target: str | None = None
    lost: set[str] = field(default_factory=set)

    def has(self, name: str) -> bool:
        """Tell whether there is a header called `name` (small letters)."""
        return any(given.lower() == name for given, _ in self.headers)


def resend_of(request: Request) -> Resend | None:
    """Give what can be sent of a request. None where its method is no word, or its URL none that HTTP clients take."""
    place = _place(request.url)
    if place is None or not _TOKEN.fullmatch(request.method):
        return None
    again = Resend(request.method, place[0], place[1], [])
    if request.target == "*":
        again.target = "*"
    elif request.target is not None:  # as a proxy got it; without the proxy it would not be understood everywhere
        again.lost.add("target")
    _set_body(again, request)
    _set_headers(again, request.headers)
    return again


def title_of(interaction: Interaction, number: int) -> str:
    """Give a line that names an interaction to people. It holds no line ends and nothing that cannot be seen."""
    request, response = interaction.request, interaction.response
    place = request.url.partition("://")[2].partition("?")[0].partition("#")[0]
    host, slash, path = place.partition("/")
    outcome = "no response" if response is None else str(response.status)
    title = f"{number}: {request.method} {host.rpartition('@')[2]}{slash}{path}"
    title = title if len(title) <= _TITLE else title[:_TITLE] + "..."
    line = f"{title} -> {outcome}"
    return "".join(sign if sign.isprintable() and writable_to_terminal(sign) else "?" for sign in line)


def _place(url: str) -> tuple[str, str] | None:
    found = _URL.match(url)
    if found is None:
        return None
    scheme, authority, path, query = found.groups()
    if not authority.isascii():
        try:
            authority = authority.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    if not _AUTHORITY.fullmatch(authority):
        return None
    return f"{scheme.lower()}://{authority}{_as_target(path or '/')}{_as_target(query or '')}", authority


def _as_target(text: str) -> str:
    """Percent-encode what may not stand in a request line. Else a target stays as it was recorded."""
    return _NOT_IN_TARGETS.sub(lambda found: "".join(f"%{byte:02X}" for byte in _utf8(found[0])), text)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _set_body(again: Resend, request: Request) -> None:
    body = request.body
    if body is None:
        return
    again.body = body
    if body.coding is None:
        return
    wire = wire_of(body)
    if wire is None:
        again.lost.add("coding")
    else:
        again.body = Body(wire)


def _set_headers(again: Resend, headers: Headers) -> None:
    for name, value in headers:
        small = name.lower()
        if small == "content-length":
            if again.body is None and value.strip() == "0":
                again.body = Body(b"")
        elif small == "transfer-encoding":
            _set_framing(again, value)
        elif small == "content-encoding" and "coding" in again.lost:
            continue
        elif name.startswith(":"):
            continue  # of HTTP/2, and said in another place (RFC 9113 section 8.3)
        elif _TOKEN.fullmatch(name) and not _NOT_IN_VALUES.search(value):
            again.headers.append((name, value.strip(" \t")))
        else:
            again.lost.add("unsendable")


def _set_framing(again: Resend, value: str) -> None:
    if value.strip().lower() == "chunked" and again.body is not None:
        again.framing = "chunked"
    elif again.body is not None:
        again.lost.add("framing")
