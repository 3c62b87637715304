"""Is there a body, where a source says "" or nothing? Many formats cannot tell no body from an empty one.

Law: as in docs/format.md, there is none in a request without content, in answers to HEAD, and with a status that
forbids one (RFC 9110 section 6.4.1). Headers that announce a body make an empty one. Nothing is decided where there
are bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cassette_tools.interaction import header
from cassette_tools.stored_body import body_of

if TYPE_CHECKING:
    from cassette_tools.interaction import Body, Headers

__all__ = ["forbids_body", "request_body", "response_body"]


def request_body(stored: bytes | str, headers: Headers) -> Body | None:
    """Make the body of a request of what is stored. None where it is empty and no header announces it."""
    announced = header(headers, "content-length") is not None or header(headers, "transfer-encoding") is not None
    return body_of(stored, headers) if stored or announced else None


def response_body(stored: bytes | str, headers: Headers, *, method: str, status: int) -> Body | None:
    """Make the body of a response of what is stored. None where it is empty and there can be none."""
    return body_of(stored, headers) if stored or not forbids_body(method, status) else None


def forbids_body(method: str, status: int) -> bool:
    """Tell whether the response to a request with this method has no body, whatever its headers say."""
    return method == "HEAD" or 100 <= status < 200 or status in (204, 304)
