"""Interactions of a cassette as JSON that another program's environment can read, and back.

Law: this is the one form in which tools are compared: what each is given and what each gives is held in it, so that
one checker looks at all of them. Bodies are as on the wire: a content coding that the recorder took off is put on
again. What the form does not hold (error messages, trailers, timings) no other tool stores either.

    {"number":7,"request":{"method":"GET","uri":"…","headers":[["Host","…"]],"body":"base64, or null"},
     "response":{"status":200,"reason":"OK","headers":[…],"body":"…"}}
"""

from __future__ import annotations

import gzip
import zlib
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import brotli
import orjson
import zstandard

from recorder.journal.read import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["Interaction", "as_line", "content", "from_cassette", "read", "write"]

Interaction: TypeAlias = dict[str, Any]

ENCODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "x-gzip": lambda data: gzip.compress(data, mtime=0),
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.decompress,
    "x-gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}
BROKEN: Final = (OSError, EOFError, zlib.error, brotli.error, zstandard.ZstdError)


def from_cassette(path: Path) -> Iterator[Interaction]:
    """Give the interactions that have a response, by the number of their line's `seq`, in the order of the file."""
    with Reader(path, mode="strict", types={"interaction"}) as reader:
        for line in reader:
            head = line.head
            if head["response"] is None:
                continue
            messages = {}
            for part in ("request", "response"):
                message, described = head[part], head[part]["body"]
                data = None if described is None else b"".join(reader.body(line, part))
                for coding in (described or {}).get("coding", "").split(","):
                    data = ENCODERS[coding.strip()](data) if data is not None and coding else data
                body = None if data is None else b64encode(data).decode()
                messages[part] = {"headers": message["headers"], "body": body}
            request = {"method": head["request"]["method"], "uri": head["request"]["url"], **messages["request"]}
            status = {"status": head["response"]["status"], "reason": head["response"]["reason"]}
            yield {"number": head["seq"], "request": request, "response": {**status, **messages["response"]}}


def content(message: dict[str, Any]) -> bytes | None:
    """Give a body with the content coding that its headers declare taken off; as it is where it is not so coded."""
    if message["body"] is None:
        return None
    data = b64decode(message["body"])
    codings = ",".join(value for name, value in message["headers"] if name.lower() == "content-encoding")
    for coding in reversed(codings.lower().split(",")):
        try:
            data = DECODERS.get(coding.strip(), bytes)(data)
        except BROKEN:
            return data
    return data


def as_line(interaction: Interaction) -> bytes:
    """Give an interaction as a line that the checker of leaks reads. Bodies are as the tool holds them."""
    messages, bodies = {}, {}
    for part in ("request", "response"):
        message = dict(interaction[part])
        data = message.pop("body")
        if data is not None:
            bodies[part] = held(b64decode(data))
        messages[part] = message
    line = {"type": "interaction", "id": f"x-{interaction['number']}", **messages, "bodies": bodies}
    return orjson.dumps(line) + b"\n"


def held(data: bytes) -> dict[str, str]:
    """Give a body as text, or as base64 where it is none."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


def write(interactions: Iterable[Interaction], path: Path) -> int:
    """Write one interaction a line; give how many."""
    count = 0
    with path.open("wb") as file:
        for count, interaction in enumerate(interactions, 1):  # noqa: B007 - the last count is the answer
            file.write(orjson.dumps(interaction) + b"\n")
    return count


def read(path: Path) -> Iterator[Interaction]:
    """Read what was written."""
    with path.open("rb") as file:
        yield from map(orjson.loads, file)
