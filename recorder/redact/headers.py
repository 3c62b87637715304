"""Headers whose structure is known: credentials with a scheme, cookies.

Law: names, schemes, attributes and separators stay, so that a replay sets and sends the same cookies; what goes is the
value. A header's text is ISO-8859-1 here as in a cassette: one character for each byte.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Final

from recorder.redact.known import Span
from recorder.redact.places import is_masked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recorder.redact.leaf import Rules

__all__ = ["header_spans", "password_of"]

_SCHEME: Final = re.compile(rb"([A-Za-z][A-Za-z0-9_-]{0,63})[ \t]+(?=\S)")
_CRUMB: Final = re.compile(rb"([^=;,\s]+)[ \t]*=[ \t]*(\"?)([^;\"]*)\2")
_EMPTY_COOKIES: Final = frozenset({b"deleted", b"expired", b"none", b"null", b"0", b"1", b"true", b"false"})


def header_spans(folded: str, value: bytes, rules: Rules) -> list[Span]:
    """Give what goes from the value of a header, by its (normalized) name alone."""
    if folded in rules.credentials:
        return list(_credentials(folded, value))
    if folded in rules.cookies:
        return list(_cookies(folded, value))
    by_name = folded in rules.header_names or (
        folded not in rules.keep and folded.removeprefix("x") in rules.header_names
    )
    by_list = rules.allow_headers is not None and folded not in rules.allow_headers
    if not (by_name or by_list) or not value.strip() or is_masked(value.strip()):
        return []
    start = len(value) - len(value.lstrip())
    bare = value.strip()
    rule = f"header:{folded}" if by_name else "policy:allow-headers"
    return [Span(start, start + len(bare), rule, bare, learn=by_name)]


def password_of(credentials: bytes) -> bytes | None:
    """Give the password in Basic credentials (RFC 7617): what follows the first colon. None where there is none."""
    try:
        plain = b64decode(credentials + b"=" * (-len(credentials) % 4), validate=True)
    except (Base64Error, ValueError):
        return None
    return plain.partition(b":")[2] or None


def _credentials(folded: str, value: bytes) -> Iterator[Span]:
    scheme = _SCHEME.match(value)
    start = scheme.end() if scheme else len(value) - len(value.lstrip())
    secret = value[start:].rstrip()
    if not secret or is_masked(secret):
        return
    rule = f"header:{folded}"
    plain = secret
    if scheme is not None and scheme[1].lower() == b"basic":
        yield Span(start, start + len(secret), rule, secret)
        return
    yield Span(start, start + len(secret), rule, plain, learn=b"=" not in secret.rstrip(b"=") or b"," not in secret)


def _cookies(folded: str, value: bytes) -> Iterator[Span]:
    """Take crumbs apart: all of a Cookie; of a Set-Cookie the first, since attributes follow it."""
    at = 0
    while at < len(value):
        end = value.find(b";", at)
        end = len(value) if end < 0 else end
        start = at + len(value[at:end]) - len(value[at:end].lstrip())
        crumb = _CRUMB.match(value, start, end)
        begin, secret = (crumb.start(3), crumb[3].rstrip()) if crumb else (start, value[start:end].rstrip())
        if secret and not is_masked(secret) and secret.lower() not in _EMPTY_COOKIES:
            yield Span(begin, begin + len(secret), "cookie", secret, learn=True)
        if folded != "cookie":
            return
        at = end + 1
