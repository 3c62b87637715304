"""Text that may be the base64 of bytes, in formats that store both without a mark.

Law: what can be known is known, and what is a guess is called one. keboola.vcr writes base64 for exactly those bodies
that are not UTF-8 (its `_BytesEncoder`), so text whose decoded bytes are UTF-8 is text for certain. Nothing raises.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final, Literal

import orjson

from cassette_tools.interaction import header
from cassette_tools.stored_body import body_of

if TYPE_CHECKING:
    from cassette_tools.interaction import Headers

__all__ = ["Verdict", "may_be_base64", "verdict_of"]

Verdict = Literal["bytes", "text", "guessed bytes", "guessed text"]

_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?+")
_MAGIC: Final = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff[\xc0-\xfe]|GIF8[79]a|PK\x03\x04|\x1f\x8b\x08[\x00-\x1f]|%PDF-|\x28\xb5\x2f\xfd"
    rb"|RIFF....WEBP|BZh[1-9]1AY|\xfd7zXZ\0|wOF[F2]|\x00\x00\x01\x00|7z\xbc\xaf|PAR1|Obj\x01|\xd0\xcf\x11\xe0|ID3[\x02-\x04]"
    rb"|\xff\xfe[\t\n\r -~]\0|\xfe\xff\0[\t\n\r -~]",
    re.DOTALL,
)
_BINARY: Final = re.compile(
    r"(?:image|audio|video|font)/(?!svg)|application/(?:octet-stream|pdf|zip|gzip|x-(?:gzip|tar|protobuf|zip|bzip2|7z"
    r"|parquet|msgpack|avro)|protobuf|msgpack|grpc|avro|cbor|zstd|wasm|vnd\.(?:ms-|openxmlformats|apache\.))",
)
_TEXT: Final = re.compile(
    r"text/|application/(?:[\w.-]+\+)?(?:json|xml|javascript|yaml)|application/x-www-form|image/svg"
)
_SPACES: Final = b"\t\n\f\r\x1b"
_WORDY: Final = 24
"""Characters: what is longer than this, and all base64, is hardly a word or a number."""


def may_be_base64(text: str) -> bytes | None:
    """Give the bytes that text is the base64 of (RFC 4648 section 4, canonical), if they are not UTF-8; else None."""
    if not text or len(text) % 4 or not text.isascii() or _BASE64.fullmatch(text) is None:
        return None
    if b64encode(b64decode(text[-4:])).decode() != text[-4:]:
        return None  # bits beyond the end are set: no encoder writes that
    data = b64decode(text)
    try:
        data.decode()
    except UnicodeDecodeError:
        return data
    return None


def verdict_of(text: str, data: bytes, headers: Headers) -> Verdict:
    """Say what `text` is of which `may_be_base64` gave `data`, going by its message's headers.

    Known: a declared coding that comes off, a Content-Length that fits one reading and not the other, the first bytes
    of a known kind of file, a JSON value. Guessed: by Content-Type, else by length.
    """
    decoded = body_of(data, headers)
    if decoded.wire is not None and decoded.coding is not None:
        return "bytes"
    length = header(headers, "content-length")
    if length is not None and header(headers, "content-encoding") is None:
        if length == str(len(data)):
            return "bytes"
        if length == str(len(text)):
            return "text"
    if _MAGIC.match(data):
        return "bytes"
    kind = (header(headers, "content-type") or "").lower()
    if _BINARY.match(kind):
        return "guessed bytes"
    if _TEXT.match(kind):
        return _of_textual(text, data, kind)
    return "guessed bytes" if len(text) > _WORDY else "guessed text"


def _of_textual(text: str, data: bytes, kind: str) -> Verdict:
    """Judge where the headers promise text: it may be in a charset that is not UTF-8."""
    if "json" in kind and _is_json(text):
        return "text"
    start = data[:4096]
    plain = sum(byte in _SPACES or 0x20 <= byte < 0x7F for byte in start)
    controls = any(byte < 0x20 and byte not in _SPACES for byte in start)
    return "guessed bytes" if plain * 4 >= len(start) * 3 and not controls else "guessed text"


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
