"""Looks for a secret in a whole cassette by brute force: every leaf, decoded in every way that is known.

Law: it shares nothing with `recorder`, neither code nor ideas of where a secret may be: it takes each key, string,
number and body of each line, undoes every encoding at every place and alignment, so many times as it is told, and
compares. It is slow and simple on purpose: what decides whether redaction kept its promise must be easy to believe.

One step of decoding is one of `STEPS`; percent- and JSON-escapes count as one step however often they were put on top
of themselves. What a cassette itself does to a leaf (JSON, base64 of bytes that are no text, pieces) is no step.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import html
import json
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import brotli
import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["Leaf", "Leak", "decodings", "expand", "find", "fragments", "leaks_in", "leaves", "needles"]

LARGEST = 8 << 20
"""Bytes that a compressed run may give."""
BITE = 16
"""Bytes that a decompressor is given at a time: what it gave before a fault is not lost."""
ROUNDS = 4
"""How often percent- and JSON-escapes are undone in one step."""
SHORTEST = 7
"""Bytes: the shortest secret that is looked for. It is 9 letters of base64, or 7 pairs of hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value of a line of a cassette, as the bytes that it stands for.

    `place` is its path in the line; `folded` tells that upper and lower case mean the same there.
    """

    line: int
    place: str
    data: bytes
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Leak:
    """Where a secret was found: line from 1, path, and the encodings to undo, outermost first."""

    line: int
    place: str
    chain: tuple[str, ...]

    def __str__(self) -> str:
        return f"line {self.line}, {self.place}{''.join(f' < {step}' for step in self.chain)}"


def leaks_in(cassette: bytes, secret: str | Sequence[str], depth: int = 1, *, partial: bool = False) -> list[Leak]:
    """Find a secret, or any of several, in the bytes of a cassette. With `partial` two thirds of one count, too."""
    secrets = [secret] if isinstance(secret, str) else secret
    wanted = frozenset().union(*map(fragments if partial else needles, secrets))
    found = [Leak(number, "the line itself", ()) for number, line in _lines(cassette) if _holds(line, wanted)]
    for leaf in leaves(cassette):
        if leaf.folded:
            lowered = frozenset(each.lower() for each in wanted)
            found += [Leak(leaf.line, leaf.place, chain) for chain in find(leaf.data.lower(), lowered, depth)]
        found += [Leak(leaf.line, leaf.place, chain) for chain in find(leaf.data, wanted, depth)]
    return found


def needles(secret: str) -> frozenset[bytes]:
    """Give the bytes that a secret is: in UTF-8, and as headers may carry it."""
    wanted = {secret.encode("utf-8", "surrogatepass")}
    with contextlib.suppress(UnicodeEncodeError):
        wanted.add(secret.encode("latin-1"))
    return frozenset(wanted)


def fragments(secret: str) -> frozenset[bytes]:
    """Give every piece of two thirds of the secret, of 8 characters at least."""
    size = min(len(secret), max(8, -(-len(secret) * 2 // 3)))
    return frozenset().union(
        *(needles(secret[start : start + size]) for start in range(len(secret) - size + 1)), needles(secret)
    )


def find(data: bytes, wanted: Iterable[bytes], depth: int) -> Iterator[tuple[str, ...]]:
    """Yield each chain of encodings under which one of the byte strings is there."""
    wanted = frozenset(wanted)
    for chain, decoded in expand(data, depth):
        if _holds(decoded, wanted):
            yield chain


def expand(data: bytes, depth: int) -> Iterator[tuple[tuple[str, ...], bytes]]:
    """Yield the bytes themselves and whatever they decode to in so many steps."""
    yield (), data
    if depth > 0:
        for step, decoded in decodings(data):
            for chain, further in expand(decoded, depth - 1):
                yield (step, *chain), further


def decodings(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what one step of decoding gives, by every step."""
    for name, step in STEPS.items():
        for decoded in step(data):
            yield name, decoded


def _holds(data: bytes, wanted: Iterable[bytes]) -> bool:
    return any(each in data for each in wanted)


# Encodings, one by one


def _percent(data: bytes) -> Iterator[bytes]:
    if b"+" in data:
        yield data.replace(b"+", b" ")
    for start in {data, data.replace(b"+", b" ")} if b"%" in data else ():
        yield from _again(start, unquote_to_bytes)


def _json(data: bytes) -> Iterator[bytes]:
    if b"\\" in data:
        yield from _again(data, _unescape)


def _again(data: bytes, step: Callable[[bytes], bytes]) -> Iterator[bytes]:
    for _ in range(ROUNDS):
        decoded = step(data)
        if decoded == data:
            return
        yield decoded
        data = decoded


_ESCAPE = re.compile(rb'\\(?:(?:u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*)|["\\/bfnrt])')
_SIMPLE = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _unescape(data: bytes) -> bytes:
    def one(match: re.Match[bytes]) -> bytes:
        escape = match[0]
        if escape[1:2] != b"u":
            return _SIMPLE.get(escape[1:], escape[1:])
        units = bytes.fromhex(escape.replace(b"\\u", b"").decode())
        return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")

    return _ESCAPE.sub(one, data)


def _html(data: bytes) -> Iterator[bytes]:
    if b"&" in data:
        text = html.unescape(data.decode("utf-8", "surrogateescape"))
        yield text.encode("utf-8", "surrogateescape" if "\udc80" <= max(text, default="") <= "\udcff" else "replace")


_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{%d,}" % (SHORTEST * 4 // 3))
_WRAPPED = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,}+(?:\r?\n[A-Za-z0-9+/_-]++)+")
_STANDARD = bytes.maketrans(b"-_", b"+/")


def _base64(data: bytes) -> Iterator[bytes]:
    for match in _BASE64.finditer(data):
        yield from _base64_run(match[0])
    for match in _WRAPPED.finditer(data):
        yield from _base64_run(re.sub(rb"\r?\n", b"", match[0]))


def _base64_run(run: bytes) -> Iterator[bytes]:
    run = run.translate(_STANDARD)
    for offset in range(4):
        part = run[offset:]
        part = part[: len(part) - (len(part) % 4 == 1)]
        with contextlib.suppress(binascii.Error):
            yield base64.b64decode(part + b"=" * (-len(part) % 4))


_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){%d,}[0-9a-fA-F]?" % SHORTEST)


def _hexadecimal(data: bytes) -> Iterator[bytes]:
    for match in _HEX.finditer(data):
        for offset in range(2):
            part = match[0][offset:]
            yield bytes.fromhex(part[: len(part) // 2 * 2].decode())


def _utf16(data: bytes) -> Iterator[bytes]:
    for coding in ("utf-16-le", "utf-16-be"):
        for offset in range(2) if b"\0" in data else ():
            part = data[offset:]
            text = part[: len(part) // 2 * 2].decode(coding, "surrogatepass" if _paired(part, coding) else "replace")
            yield text.encode("utf-8", "surrogatepass")


def _paired(data: bytes, coding: str) -> bool:
    with contextlib.suppress(UnicodeDecodeError):
        data[: len(data) // 2 * 2].decode(coding, "surrogatepass")
        return True
    return False


_COMPRESSED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]|\x28\xb5\x2f\xfd")


def _compressed(data: bytes) -> Iterator[bytes]:
    for match in _COMPRESSED.finditer(data):
        part = data[match.start() :]
        if part[:1] == b"\x28":
            with contextlib.suppress(zstandard.ZstdError):
                yield zstandard.ZstdDecompressor().decompressobj().decompress(part)
        else:
            yield _inflated(part, 47)
    if data and not data.isascii():
        yield _inflated(data, -15)
        with contextlib.suppress(brotli.error):
            yield brotli.Decompressor().process(data, output_buffer_limit=LARGEST)


def _inflated(data: bytes, window: int) -> bytes:
    """Give all that comes before a stream ends, breaks off or goes wrong."""
    inflate, out = zlib.decompressobj(window), b""
    with contextlib.suppress(zlib.error):
        for start in range(0, len(data), BITE):
            out += inflate.decompress(data[start : start + BITE], LARGEST)
            if inflate.eof or len(out) >= LARGEST:
                break
    return out


STEPS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "percent": _percent,
    "json": _json,
    "html": _html,
    "base64": _base64,
    "hex": _hexadecimal,
    "utf-16": _utf16,
    "compressed": _compressed,
}


# The leaves of a cassette


class _Object(tuple[tuple[str, Any], ...]):
    """A JSON object with all its pairs, duplicates too."""

    __slots__ = ()


def _parse(line: bytes) -> Any:
    """Parse JSON; numbers stay the text that they are written in."""
    return json.loads(line, parse_int=str, parse_float=str, object_pairs_hook=_Object)


def _lines(cassette: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(cassette.split(b"\n"), 1) if line)


def leaves(cassette: bytes) -> Iterator[Leaf]:
    """Yield every key, string and number of every line, and every body as the bytes that it holds."""
    pieces: dict[tuple[str, str], bytearray] = {}
    for number, line in _lines(cassette):
        parsed = _parse(line)
        yield from _walk(number, "", parsed)
        top = dict(parsed)
        if top.get("type") == "body":
            held = next(content for name, content in parsed if name in {"text", "base64"})
            data = held.encode("utf-8", "surrogatepass") if "text" in top else base64.b64decode(held)
            pieces.setdefault((top["of"], top["part"]), bytearray()).extend(data)
        elif top.get("type") == "interaction":
            for part in ("request", "response"):
                if whole := pieces.pop((top["id"], part), None):
                    yield Leaf(number, f"{part}.body of pieces", bytes(whole))
    for (of, part), whole in pieces.items():
        yield Leaf(0, f"{part}.body of {of}, which never ended", bytes(whole))


def _walk(line: int, place: str, value: Any) -> Iterator[Leaf]:
    if isinstance(value, _Object):
        for key, held in value:
            yield from _walk(line, f"{place}, a key", key)
            yield from _walk(line, f"{place}.{key[:40]}", held)
    elif isinstance(value, list):
        name = place.endswith((".headers", ".trailers"))
        for number, held in enumerate(value):
            yield from _walk(line, f"{place}[{number}]", held)
            if name and held:
                yield Leaf(line, f"{place}[{number}], a name", held[0].encode("latin-1", "replace"), folded=True)
    elif isinstance(value, str):
        yield Leaf(line, place, value.encode("utf-8", "surrogatepass"))
        if not value.isascii():
            with contextlib.suppress(UnicodeEncodeError):
                yield Leaf(line, place, value.encode("latin-1"))
        if place.endswith((".base64", ".received")):
            yield Leaf(line, place, base64.b64decode(value))
