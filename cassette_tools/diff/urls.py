"""A URL in a form in which those of two recordings can be compared.

Law: two URLs with the same canonical form name the same thing. All that may differ is what RFC 3986 section 6.2 names
(letter case of scheme and host, the default port, percent-encoding, dot segments), the order of parameters of
different names, and what is volatile or ignored. The fragment is never sent, and is dropped.

Memory: caches of `_MOST` URLs each.
"""

from __future__ import annotations

import re
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from cassette_tools.diff.volatile import has_volatile_name, settled_text, settled_token, volatile_parameter

if TYPE_CHECKING:
    from cassette_tools.diff.rules import Rules

__all__ = ["Url", "canonical_url", "loose_url", "parameters", "split_url"]

_MOST: Final = 8_192
_URL: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_AUTHORITY: Final = re.compile(r"(?:(.*)@)?(\[[^\]]*\]|[^:]*)(?::(\d*))?", re.DOTALL)
_DEFAULT_PORTS: Final = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
_LOOPBACK: Final = re.compile(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|.*\.localhost|\[::1\]|0\.0\.0\.0")
# Percent-encoded bytes that are written otherwise in a normal form: unreserved characters, and small digits.
_PERCENT: Final = re.compile(
    "%(2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe]|[0-9A-F][a-f]|[a-f][0-9A-Fa-f])"
)
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_NUMBERS: Final = re.compile(r"\d{12,}")
_LONG_ID: Final = re.compile(r"[0-9a-fA-F]{24,}|(?=[^\d]*\d)(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])[A-Za-z0-9_-]{20,}")
PORT: Final = "\0port\0"
"""What stands for the port of a loopback address."""


class Url(NamedTuple):
    """The parts of a URL, normalized. `query` is as it was, None where there is no question mark."""

    scheme: str
    userinfo: str | None
    host: str
    port: str | None
    path: str
    query: str | None


def canonical_url(url: str, rules: Rules) -> str:
    """Give the form in which URLs are aligned: what is volatile by its name, and ignored, is blanked."""
    return _formed(url, rules, loose=False)


@lru_cache(maxsize=_MOST)
def loose_url(url: str, rules: Rules) -> str:
    """Give a looser form: segments of the path and values of parameters that are volatile by form are blanked, too."""
    return _formed(url, rules, loose=True)


def split_url(url: str) -> Url:
    """Split a URL and normalize its parts. Never raises: what is no URL is a path."""
    match = _URL.fullmatch(url)
    scheme, authority, path, query = match.groups() if match else ("", None, url, None)
    scheme = (scheme or "").lower()
    found = _AUTHORITY.fullmatch(authority or "")
    userinfo, host, port = found.groups() if found else (None, authority or "", None)
    path = _without_dots(_plain_percent(path)) if "%" in path or "/." in path else path
    if authority is not None and not path:
        path = "/"
    return Url(
        scheme, userinfo, host.lower(), port if port and port != _DEFAULT_PORTS.get(scheme) else None, path, query
    )


def parameters(query: str | None) -> list[tuple[str, str]]:
    """Give the parameters of a query or a form in their order, percent-encoding normalized, `+` kept."""
    if not query:
        return []
    pieces = _plain_percent(query).split("&")  # no `&` and no `=` comes of it
    return [(name, value) for name, _, value in [piece.partition("=") for piece in pieces if piece]]


def settled_port(url: Url) -> str | None:
    """Give the port, a mark for that of a loopback address, None for the default one."""
    return PORT if url.port and _LOOPBACK.fullmatch(url.host) else url.port


def _formed(url: str, rules: Rules, *, loose: bool) -> str:
    parts = split_url(url)
    port = parts.port if rules.keep_volatile else settled_port(parts)
    scheme, userinfo, path = parts.scheme, parts.userinfo, parts.path
    host = f"{parts.host}:{port}" if port else parts.host
    if rules.ignored:
        host = "*" if rules.ignores("request", "url", "host") else host
        scheme = "*" if rules.ignores("request", "url", "scheme") else scheme
        path = "*" if rules.ignores("request", "url", "path") else path
        userinfo = None if rules.ignores("request", "url", "userinfo") else userinfo
    if loose and not rules.keep_volatile:
        path = "/".join(_loose_segment(segment) for segment in path.split("/"))
    authority = host if userinfo is None else f"{userinfo}@{host}"
    return f"{scheme}://{authority}{path}{_settled_query(parts.query, rules, loose=loose)}"


def _settled_query(query: str | None, rules: Rules, *, loose: bool) -> str:
    pairs = parameters(query)
    if rules.ignored:
        pairs = [(name, value) for name, value in pairs if rules.ignores("request", "query", name) is None]
    if not rules.keep_volatile:
        pairs = [
            (name, _settled_value(name, value, loose=loose) if loose or has_volatile_name(name) else value)
            for name, value in pairs
        ]
    if not pairs:
        return ""
    pairs.sort(key=_NAME)  # stable: repeats keep their order
    return "?" + "&".join([f"{name}={value}" for name, value in pairs])


_NAME: Final = itemgetter(0)


def _settled_value(name: str, value: str, *, loose: bool) -> str:
    if loose:
        return settled_text(value, name).text
    rule = volatile_parameter(name, value)
    return value if rule is None else f"\0{rule}\0"


def _loose_segment(segment: str) -> str:
    if len(segment) < 12:
        return segment
    if _NUMBERS.fullmatch(segment) or _LONG_ID.fullmatch(segment):
        return "\0id\0"
    whole = settled_token(segment, "")
    return f"\0{whole.mark}\0" if whole else settled_text(segment).text


def _plain_percent(text: str) -> str:
    """Normalize percent-encoding (RFC 3986 sections 6.2.2.1 and 6.2.2.2): capital digits, unreserved ones decoded."""
    return _PERCENT.sub(_plain_byte, text) if "%" in text else text


def _plain_byte(match: re.Match[str]) -> str:
    sign = chr(int(match[1], 16))
    return sign if sign in _UNRESERVED else match[0].upper()


def _without_dots(path: str) -> str:
    """Remove dot segments (RFC 3986 section 5.2.4)."""
    if "/." not in path:
        return path
    out: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            if len(out) > 1:
                out.pop()
        elif segment != ".":
            out.append(segment)
    if segments[-1] in {".", ".."}:
        out.append("")
    return "/".join(out)
