"""The kinds of volatile things, and what a text is once they are taken out of it.

Law: a table and two forms, nothing else. The documentation has the same table (a test compares them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["KINDS", "Blank", "Kind", "Settled"]


class Kind(NamedTuple):
    """A kind of volatile thing. `name` is the rule that is reported; the rest is for the documentation."""

    name: str
    known_by: str
    example: str


KINDS: Final = (
    Kind("date", "a moment as in HTTP, RFC 2822, RFC 3339 or ISO 8601, with its time of day", "2026-11-23T09:15:02Z"),
    Kind("epoch", "seconds to nanoseconds since 1970, where the name says time", '"created": 1700000000'),
    Kind(
        "uuid",
        "the form (RFC 9562, versions 1 to 8); of 4 and 7 also without hyphens where the name says id",
        "0e37df36-f698-11e6-8dd4-cb9ced3df976",
    ),
    Kind("ulid", "a whole value of 26 characters that begins with a moment", "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    Kind("object-id", "24 hexadecimal digits that begin with a moment; a name of an id", '"_id": "507f1f77bcf8..."'),
    Kind(
        "id",
        "a prefix and 14 or more random letters, small and capital, and digits; where the name says id also without "
        "capitals, under `id` also without a prefix; never what may be a hash: hexadecimal digits without a prefix, a "
        "name that says hash, version or article number",
        '"customer": "cus_NffrFeUfNV2Hib"',
    ),
    Kind(
        "renamed-id",
        "an answer to POST, PUT or PATCH has it, in place of another one, and so have later URLs",
        "/contacts/17 is now /contacts/18",
    ),
    Kind("request-id", "the name", "X-Request-Id: f9a1"),
    Kind("timing", "the name", "X-Runtime: 0.012"),
    Kind("rate-limit", "the name", "X-RateLimit-Remaining: 41"),
    Kind("cache", "the name", "X-Cache: HIT"),
    Kind("etag", "the name; in a body not where it is an MD5 or SHA digest", 'ETag: "33a64df5"'),
    Kind("digest", "the name of a header that follows from the body, which is compared itself", "Content-MD5: ..."),
    Kind("length", "the name, where there is a body, which is compared itself", "Content-Length: 120"),
    Kind("coding", "the name; bodies are compared without their content coding", "Content-Encoding: br"),
    Kind("connection", "the name of a header of the connection, not of the message", "Connection: keep-alive"),
    Kind("client", "the name of a request's header that names the library", "User-Agent: python-requests/2.34.2"),
    Kind("signature", "the name: AWS, Google, Azure, CloudFront, OAuth 1, webhooks", "X-Amz-Signature=5d67..."),
    Kind("token", "the name, and a value that is no word; a bearer token", '"access_token": "ya29.a0Af..."'),
    Kind("jwt", "the form", "eyJhbGciOi...eyJzdWIiOi...c2ln"),
    Kind("csrf", "the name", "X-CSRF-Token: 8f3a..."),
    Kind("nonce", "the name; a nonce of a Content-Security-Policy", "nonce=8f3a51"),
    Kind("cookie", "no word, by the cookie's name or its own form; Expires and Max-Age", "sid=9f8e7d6c5b4a39281706"),
    Kind("boundary", "the parameter of a multipart Content-Type", "boundary=070e0bf3cf90"),
    Kind("cursor", "the name, and a value that is neither a number nor a word", "page_token=CAUQAA8f"),
    Kind("cache-buster", "the name, and a number", "?_=1700000000123"),
    Kind("port", "the port behind a loopback address", "http://127.0.0.1:43211/"),
    Kind("address", "the address of an object of Python", "<Connection object at 0x7f3a5c1d2e50>"),
    Kind("placeholder", "the form of what redaction put there, in base64 and hex, too", "REDACTED-secret-k647p23mwi"),
)  # fmt: skip
"""All kinds, in the order of the documentation."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A text with what is volatile in it replaced by marks, and what stood there: (rule, what stood there) in order."""

    text: str
    found: tuple[tuple[str, str], ...] = ()


class Blank(NamedTuple):
    """A whole value that is volatile. `mark` tells kinds and their forms apart: it is equal where both are alike."""

    rule: str
    mark: str
