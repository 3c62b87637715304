"""What stands where a secret stood.

Law: a placeholder is computed from the value and a key with HMAC-SHA256, and from nothing else. Equal values get equal
placeholders wherever they stand, different ones differ, and without the key nothing about a value can be computed or
tried out. Every form is recognized again, so that a second run leaves it alone.

Forms: `REDACTED-<kind>-<10 to 12 of a-z2-7>`, safe unescaped in URLs, headers, JSON and XML; the length of the hash
may vary by two, for places that keep their length modulo three (base64). Numbers, e-mail addresses and JWTs keep their
shape. In binary bodies a placeholder is cut or filled to the length of what it replaces.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode, urlsafe_b64encode
from typing import Final

__all__ = ["MARK", "PLACEHOLDER", "Placeholders", "is_placeholder"]

MARK: Final = b"REDACTED-"
PLACEHOLDER: Final = re.compile(rb"REDACTED-[a-z0-9]+(?:-[a-z0-9]+)*?-[a-z2-7]{10,12}(?![a-z2-7])")
_EMAIL: Final = re.compile(rb"redacted-[a-z2-7]{10}@redacted\.invalid")
_JWT: Final = re.compile(rb"eyJhbGciOiJub25lIn0\.([A-Za-z0-9_-]+)\.(REDACTED-jwt-[a-z2-7]{10,12})")
_NUMBER: Final = re.compile(rb"404\d{12}")
_HASH: Final = 10
_JWT_HEAD: Final = "eyJhbGciOiJub25lIn0"
"""base64url of {"alg":"none"}"""


class Placeholders:
    """Makes placeholders with one key (16 bytes or more). Holds no value."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def text(self, value: bytes, kind: str, *, more: int = 0) -> str:
        """Give the common form. `more`: 0 to 2 characters of hash beyond the ten."""
        return f"REDACTED-{kind}-{self._hash(value)[: _HASH + more]}"

    def shaped(self, value: bytes, kind: str) -> str:
        """Give the form that keeps the shape of an e-mail address or a JWT; for other kinds, the common one."""
        if kind == "email":
            return f"redacted-{self._hash(value)[:_HASH]}@redacted.invalid"
        common = self.text(value, kind)
        return f"{_JWT_HEAD}.{_jwt_claims(common)}.{common}" if kind == "jwt" else common

    def number(self, value: bytes) -> str:
        """Give a number of 15 digits (exact in a double) that bears the mark of a placeholder."""
        keyed = int.from_bytes(hmac.digest(self._key, value, "sha256")[:8], "big") % 10_000_000
        digits = f"404{keyed:07d}"
        return digits + _check_digits(digits.encode())

    def sized(self, value: bytes, kind: str, size: int) -> bytes:
        """Give a placeholder of exactly `size` bytes: cut, or filled with dots."""
        return self.text(value, kind).encode().ljust(size, b".")[:size]

    def _hash(self, value: bytes) -> str:
        return b32encode(hmac.digest(self._key, value, "sha256")[:10]).decode("ascii").lower()


def is_placeholder(value: bytes) -> bool:
    """Tell whether all of `value` is a placeholder, in any of its forms but the sized one."""
    if PLACEHOLDER.fullmatch(value) or _EMAIL.fullmatch(value):
        return True
    if _NUMBER.fullmatch(value):
        return _check_digits(value[:10]).encode() == value[10:]
    jwt = _JWT.fullmatch(value)
    return jwt is not None and _jwt_claims(jwt[2].decode()).encode() == jwt[1]


def _jwt_claims(common: str) -> str:
    return urlsafe_b64encode(b'{"sub":"%s"}' % common.encode()).decode("ascii").rstrip("=")


def _check_digits(digits: bytes) -> str:
    """Tell by five digits that the ten before are a placeholder's: one number in 100,000 passes by chance."""
    return f"{int.from_bytes(hashlib.sha256(b'placeholder' + digits).digest()[:4], 'big') % 100_000:05d}"
