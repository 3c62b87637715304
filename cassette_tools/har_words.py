"""The words of HAR 1.2 that a reader and a writer of it share: times, sizes, character sets, and the key of our own.

Law: no function here holds more than it is given, and none raises for what a file says. What the writer derives from
an interaction the reader derives in the same way, so that only what differs has to be kept.

Sources: the HAR 1.2 specification (http://www.softwareishard.com/blog/har-12-spec/), and files of the tools named.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from recorder.coding import are_compressing, split_codings

if TYPE_CHECKING:
    from cassette_tools.interaction import Body, Headers

__all__ = [
    "CREATOR",
    "FAMILY",
    "OWN",
    "UNKNOWN_TYPE",
    "body_size",
    "bytes_of_text",
    "charset_of",
    "coding_of",
    "described_body",
    "instant",
    "is_form",
    "named",
    "number",
    "timings_ms",
    "timings_of",
]

FAMILY: Final = "har"
CREATOR: Final = "cassette-tools"
OWN: Final = "_recorder"
"""The key of an entry that holds what HAR has no word for. HAR allows keys that begin with an underscore."""
UNKNOWN_TYPE: Final = "x-unknown"
"""What browsers write for a media type that is not known."""

# Possessive: no blank can be taken by two parts of it, so that many of them take linear time.
_CHARSET: Final = re.compile(r"charset\s*+=\s*+(?:[\"']\s*+)?([\w.:-]{1,40})", re.IGNORECASE)
_CODECS: Final = {
    **{f"iso-8859-{part}": f"iso8859_{part}" for part in (*range(1, 12), *range(13, 17))},
    **{f"windows-{page}": f"cp{page}" for page in range(1250, 1259)},
    "latin1": "iso8859_1",
    "latin-1": "iso8859_1",
    "us-ascii": "ascii",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "gbk": "gbk",
    "gb2312": "gbk",
    "gb18030": "gb18030",
    "big5": "big5",
    "euc-jp": "euc_jp",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "iso-2022-jp": "iso2022_jp",
    "euc-kr": "cp949",
    "macintosh": "mac_roman",
    "ibm866": "cp866",
    "utf-16le": "utf_16_le",
    "utf-16be": "utf_16_be",
}


def number(value: object) -> float | int | None:
    """Give a number that counts something: 0 or more. None for anything else, as for the -1 of HAR."""
    kind = type(value)
    if kind is int or kind is float:
        return value if 0 <= value < 1e15 else None  # type: ignore[operator,return-value] # it is a number
    return None


def instant(text: object) -> str | None:
    """Give a time of ISO 8601 in UTC with microseconds and a `Z`. None where it is none. Without a zone it is UTC."""
    if type(text) is not str:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def timings_of(timings_ms: dict[str, float]) -> dict[str, float]:
    """Give the `timings` of HAR: milliseconds, -1 for what does not apply; what is unknown of the others is 0."""
    connect, first, total = timings_ms.get("connect"), timings_ms.get("first_byte"), timings_ms.get("total")
    before = -1 if connect is None else connect
    wait = 0.0 if first is None else max(round(first - (connect or 0), 3), 0)
    receive = 0.0 if total is None or first is None else max(round(total - first, 3), 0)
    return {"blocked": -1, "dns": -1, "connect": before, "send": 0, "wait": wait, "receive": receive, "ssl": -1}


def timings_ms(time: object, timings: object, *, apart: bool = False) -> dict[str, float]:
    """Give the durations of docs/format.md out of `time` and `timings`; those that are known.

    `apart` says that `ssl` is not within `connect`, as HAR wants it, but follows it.
    """
    known: dict[str, float] = {}
    if type(timings) is dict:
        parts = [number(timings.get(name)) for name in ("blocked", "dns", "connect", "send", "wait")]
        secured = number(timings.get("ssl")) if apart else None
        if parts[2] is not None:
            known["connect"] = round(parts[2] + (secured or 0), 3)
        if parts[4] is not None:
            known["first_byte"] = round(sum(part for part in parts if part is not None) + (secured or 0), 3)
    total = number(time)
    if total is not None:
        known["total"] = round(total, 3)
    return known


def body_size(body: Body | None) -> int:
    """Give the `bodySize` of a body: on the wire, -1 where that is not known."""
    if body is None:
        return 0
    return -1 if body.wire_size is None else body.wire_size


def named(headers: Headers) -> dict[str, str]:
    """Give the first header of each name, by its name in small letters."""
    return {name.lower(): value for name, value in reversed(headers)}


def is_form(names: dict[str, str]) -> bool:
    """Tell whether a Content-Type declares an URL-encoded form."""
    kind = names.get("content-type")
    return kind is not None and kind[:33].lower() == "application/x-www-form-urlencoded"


def coding_of(names: dict[str, str], size: int) -> str | None:
    """Give the codings that were taken off a body of `size` bytes, if those that its headers declare were."""
    declared = names.get("content-encoding")
    if declared is None or not size:
        return None
    codings = split_codings(declared)
    return ", ".join(codings) if are_compressing(codings) else None


def charset_of(names: dict[str, str]) -> str | None:
    """Give Python's name of the character set that a Content-Type declares. None for UTF-8 and what is not known."""
    declared = names.get("content-type")
    found = _CHARSET.search(declared) if declared is not None else None
    return None if found is None else _CODECS.get(found[1].lower())


def bytes_of_text(text: str, charset: str | None, size: float | None, *, may_be_bytes: bool = False) -> bytes | str:
    """Give the bytes that a text of a HAR stood for; as text where they are its UTF-8.

    HAR has texts in Unicode, whatever they were on the wire. Where the `size` that the file gives is that of the text
    in UTF-8, or in the character set that was declared, this is what it was; else the character set counts, where it
    has all characters of the text. With `may_be_bytes`, a size of one byte a character says that each is a byte.
    """
    if text.isascii() or size == len(text.encode("utf-8", "surrogatepass")):
        return text
    declared = _encoded(text, charset)
    if declared is None and may_be_bytes and size == len(text):
        declared = _encoded(text, "iso8859_1")
    return text if declared is None else declared


def _encoded(text: str, charset: str | None) -> bytes | None:
    if charset is None:
        return None
    try:
        return text.encode(charset)
    except UnicodeEncodeError:
        return None


def described_body(body: Body, names: dict[str, str]) -> dict[str, Any]:
    """Say of a body what HAR has no word for."""
    said: dict[str, Any] = {}
    coding = coding_of(names, body.size)
    if body.coding != coding:
        said["coding"] = body.coding
    if body.coding_error is not None:
        said["coding_error"] = body.coding_error
    if not body.complete or body.incomplete is not None:
        said["complete"] = body.complete
        said["incomplete"] = body.incomplete
    if body.framing is not None:
        said["framing"] = body.framing
    if body.removed is not None:
        said["removed"] = body.removed
    return said
