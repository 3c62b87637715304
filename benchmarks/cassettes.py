"""Cassettes of made-up API traffic, of any size: what the benchmarks of redaction, conversion and looking read.

Law: the same mix, size and seed give the same bytes, on any machine. Every line is what the recorder would have
written: it holds to the schema, and sizes and digests are those of its bodies. Lines are put together from a pool of
some hundred exchanges of each mix, so that a gigabyte takes seconds, but no two bodies are equal: each holds the number
of its interaction. Memory is the pool's, below 100 MB.

Nobody's secret is here: all values are drawn from the seed.

    python benchmarks/cassettes.py mixed --size 1000000000 --cassette big.jsonl --secrets secrets.txt

writes the cassette and the ten known secrets in it, one a line, and prints what the cassette holds as JSON.

    python benchmarks/cassettes.py small --size 100000000 --cassette later.jsonl --again --volatile --changed 100

writes the same traffic as it would be recorded a day later: see `Again`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import re
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["MIXES", "Again", "Tally", "known_secrets", "write_cassette"]

Headers: TypeAlias = list[list[str]]

PIECE: Final = 256 * 1024
"""Bytes of a piece of a long body, as the recorder cuts it."""
SESSION: Final = 1000
"""Interactions after which a client signs in again and gets other tokens and cookies."""
BATCH: Final = 1 << 20
"""Bytes that one write takes at least."""
SMALLEST, LARGEST, MEDIAN, SPREAD = 500, 60_000, 4_500, 1.1
"""Bytes of a body in the mix, and the spread of their logarithms: the mean is about 8 KB."""

HOLE: Final = re.compile(rb"@\{([a-z_0-9]+)\}@")
SAMPLE: Final = {
    b"number": b"0" * 12,
    b"number64": b"0" * 16,
    b"bearer": b"b" * 43,
    b"refresh": b"r" * 48,
    b"session": b"5" * 32,
    b"csrf": b"c" * 32,
    b"turn": b"7" * 64,
    b"before": b"8" * 64,
}
"""What differs from line to line, at its length. All of it is safe in URLs, JSON and headers."""


def main() -> None:
    """Write the cassette that the command line describes."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("mix", choices=MIXES)
    options.add_argument("--size", type=float, default=1e9, help="bytes (default 1e9)")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--cassette", type=Path, required=True, help="is overwritten")
    options.add_argument("--secrets", type=Path, help="where the known secrets go, one a line")
    options.add_argument("--again", action="store_true", help="as it would be recorded a day later")
    options.add_argument("--volatile", action="store_true", help="again, and every time in a JSON answer is another")
    for what in ("changed", "removed", "added"):
        options.add_argument(f"--{what}", type=int, default=0, metavar="N", help=f"again, and every Nth is {what}")
    chosen = options.parse_args()
    again = Again(volatile=chosen.volatile, changed=chosen.changed, removed=chosen.removed, added=chosen.added)
    later = again if chosen.again or again != Again() else None
    tally = write_cassette(chosen.cassette, chosen.mix, int(chosen.size), chosen.seed, later)
    if chosen.secrets:
        chosen.secrets.write_text("".join(f"{secret}\n" for secret in known_secrets(chosen.seed)), "utf-8")
    print(json.dumps(tally.as_json()))


@dataclass(slots=True)
class Tally:
    """What a cassette holds: bytes of the file and of the bodies in it, interactions, and how many of each kind.

    `changed`, `removed` and `added` count the interactions that are not those of the first recording.
    """

    size: int = 0
    bodies: int = 0
    interactions: int = 0
    failures: int = 0
    changed: int = 0
    removed: int = 0
    added: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, object]:
        """Give the counts by name."""
        return {
            "size": self.size,
            "bodies": self.bodies,
            "interactions": self.interactions,
            "failures": self.failures,
            "changed": self.changed,
            "removed": self.removed,
            "added": self.added,
            "kinds": dict(self.kinds.most_common()),
        }


def known_secrets(seed: int = 1) -> list[str]:
    """Draw the ten values that the program knows as its secrets: keys, passwords with symbols, hexadecimal, base64."""
    draw = random.Random(f"secrets {seed}")
    letters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

    def word(length: int) -> str:
        return "".join(draw.choices(letters, k=length))

    return [
        word(40),
        word(32),
        draw.randbytes(16).hex(),
        draw.randbytes(20).hex(),
        b64encode(draw.randbytes(24)).decode(),
        b64encode(draw.randbytes(32)).decode(),
        f"{word(6)}/{word(5)}+{word(7)}",
        f'{word(8)}"{word(4)}&{word(6)}',
        f"{word(9)} {word(9)}",
        "-".join(draw.randbytes(size).hex() for size in (4, 2, 2, 2, 6)),
    ]


@dataclass(frozen=True, slots=True)
class Again:
    """How a second recording of the same traffic differs from the first. Every line keeps its length.

    Always, and none of it matters to whoever compares: the day, durations, tokens of run and process, tokens and
    cookies of the sessions, Date, X-Request-Id and ETag. `volatile`: every record of a JSON answer has another
    time in `updated_at`. Of every so many interactions one is `changed` (a record's `parent` is a number and no
    more null, where the answer is JSON), one `removed`, and one `added`: the same request with a number of its own.
    0: none.
    """

    volatile: bool = False
    changed: int = 0
    removed: int = 0
    added: int = 0

    def turned(self, pool: list[Exchange]) -> list[Exchange]:
        """Give the pool as it is a day later."""
        return [exchange.mapped(lambda data: a_day_later(data, volatile=self.volatile)) for exchange in pool]


def a_day_later(data: bytes, *, volatile: bool) -> bytes:
    """Turn what differs between two recordings, in a line or in a body, to something else of the same length."""
    if data.startswith(b'{"type":'):
        head, mark, bodies = data.partition(b',"bodies":')
        head = head.replace(b"5f2c9a1b", b"a07b44d3").replace(b"Mon, 23 Nov", b"Tue, 24 Nov")
        head = REQUEST_ID.sub(lambda found: found[1] + found[2].translate(TURNED), head)
        data = DURATION.sub(lambda found: found[1] + found[2].translate(TURNED), head) + mark + bodies
    return data.replace(b"T08:15:", b"T21:45:") if volatile else data


TURNED: Final = bytes.maketrans(b"0123456789abcdef", b"5678901234bcdefa")
"""Another digit for each."""
REQUEST_ID: Final = re.compile(rb'("X-Request-Id","|"ETag","W/\\")([0-9a-f-]+)')
DURATION: Final = re.compile(rb'("first_byte":[0-9]+\.|"total":[0-9]+\.)([0-9]+)')


def write_cassette(path: Path, mix: str, size: int, seed: int = 1, again: Again | None = None) -> Tally:
    """Write a cassette of one mix that ends with the first interaction beyond `size` bytes. Replaces the file.

    With `again` it is a second recording: as many interactions of the first, less those removed, and those added.
    """
    pool = MIXES[mix](Draw(seed, mix))
    order = random.Random(f"order {mix} {seed}")
    tally = Tally()
    begin = (HEADER, PROCESS) if again is None else (LATER_HEADER, LATER_PROCESS)
    changed: list[Exchange] = []
    if again is not None:
        pool = again.turned(pool)
        changed = [exchange.mapped(with_a_parent) for exchange in pool]
    with path.open("wb", buffering=0) as file:
        pending = [piece for line in begin for piece in (orjson.dumps(line), b"\n")]
        held = walked = sum(map(len, pending))
        values: dict[bytes, bytes] = {}
        number = 0

        def put(exchange: Exchange, number: int) -> int:
            """Add an interaction; give its bytes."""
            nonlocal held, pending
            tally.interactions += 1
            line = exchange.fill(values, number, tally.interactions, seed, DAY if again is None else NEXT_DAY)
            tally.kinds[exchange.kind] += 1
            tally.failures += exchange.failed
            tally.bodies += exchange.body_size
            pending.append(line)
            held += len(line)
            if held >= BATCH:
                file.write(b"".join(pending))
                tally.size += held
                pending, held = [], 0
            return len(line)

        while walked < size:
            if number % SESSION == 0:
                values = sign_in(number // SESSION, seed if again is None else seed + 1_000_000)
            place = int(order.random() * len(pool))
            number += 1
            if again is None:
                walked += put(pool[place], number)
                continue
            exchange = pool[place]
            if again.changed and number % again.changed == 0 and changed[place] != exchange:
                exchange = changed[place]
                tally.changed += 1
            if again.removed and number % again.removed == again.removed // 2:
                walked += len(exchange.fill(values, number, tally.interactions + 1, seed, NEXT_DAY))
                tally.changed -= exchange is not pool[place]
                tally.removed += 1
            else:
                walked += put(exchange, number)
            if again.added and number % again.added == 0:
                put(pool[place], ADDED + number)
                tally.added += 1
        tally.size += held
        ending = {**(END if again is None else LATER_END), "seen": tally.interactions}
        ending |= {"interactions": tally.interactions, "errors": tally.failures, "lost": {}, "bytes": tally.size}
        last = orjson.dumps(ending) + b"\n"
        file.write(b"".join([*pending, last]))
        tally.size += len(last)
    return tally


def with_a_parent(data: bytes) -> bytes:
    """Give the first record of a JSON answer a parent, in a line or in the body itself. Keeps the length."""
    return PARENT.sub(rb"\g<1>1234", data, count=1)


PARENT: Final = re.compile(rb'(\\?"parent\\?": ?)null')
ADDED: Final = 500_000_000_000
"""What is added to the number of an interaction that only the second recording has."""
DAY: Final = b"2026-11-23"
NEXT_DAY: Final = b"2026-11-24"


def sign_in(number: int, seed: int) -> dict[bytes, bytes]:
    """Draw the tokens and cookies of one session."""
    draw = random.Random(f"session {seed} {number}")
    return {
        b"bearer": b64encode(draw.randbytes(32), b"-_")[:43],
        b"refresh": b64encode(draw.randbytes(36), b"-_"),
        b"session": draw.randbytes(16).hex().encode(),
        b"csrf": draw.randbytes(16).hex().encode(),
    }


HEADER: Final = {
    "type": "header",
    "format": 1,
    "created_at": "2026-11-23T03:30:47.123456Z",
    "run": "c61f0d9a27b4",
    "process": "5f2c9a1b",
    "recorder": "cassette-tools 0.1.0",
    "python": "3.11.7",
    "platform": "linux-x86_64",
    "redaction": "none",
    "body_limit": 1048576,
}
PROCESS: Final = {
    "type": "process",
    "process": "5f2c9a1b",
    "run": "c61f0d9a27b4",
    "pid": 4242,
    "ppid": 4200,
    "started_at": "2026-11-23T03:30:47.123456Z",
    "program": "app.py",
    "python": "3.11.7",
}
END: Final = {"type": "end", "run": "c61f0d9a27b4", "process": "5f2c9a1b", "ended_at": "2026-11-23T09:32:10.004518Z"}
LATER: Final = {"run": "0b93cc6e18f5", "process": "a07b44d3"}
LATER_HEADER: Final = {**HEADER, **LATER, "created_at": "2026-11-24T03:30:47.123456Z"}
LATER_PROCESS: Final = {**PROCESS, **LATER, "started_at": "2026-11-24T03:30:47.123456Z"}
LATER_END: Final = {**END, **LATER, "ended_at": "2026-11-24T09:32:10.004518Z"}


# An exchange is a line with holes: the number of the interaction, the session's values, and the digests of its bodies.


class Exchange(NamedTuple):
    """One request and its answer as bytes for the % operator."""

    kind: str
    line: bytes
    request: bytes | None
    response: bytes | None
    body_size: int
    failed: bool

    def mapped(self, turn_over: Callable[[bytes], bytes]) -> Exchange:
        """Give the same exchange with other bytes, which must be as many, in its line and in its answer."""
        response = None if self.response is None else turn_over(self.response)
        return self._replace(line=turn_over(self.line), response=response)

    def fill(self, values: dict[bytes, bytes], number: int, seq: int, seed: int, day: bytes) -> bytes:
        """Give the line, or lines, of the interaction with this number, the `seq`th of its process."""
        digits = b"%012d" % number
        minutes, seconds = divmod(number // 7, 60)
        values[b"seq"] = b"%d" % seq
        values[b"number"] = digits
        values[b"number64"] = b64encode(digits)
        values[b"at"] = b"%bT%02d:%02d:%02d.%06dZ" % (
            day,
            minutes // 60 % 24,
            minutes % 60,
            seconds,
            number * 7919 % 1000000,
        )
        values[b"before"] = turn(seed, number - 1)
        values[b"turn"] = turn(seed, number)
        if self.request is not None:
            values[b"request_sha"] = hashlib.sha256(self.request % values).hexdigest().encode()
        if self.response is not None:
            values[b"response_sha"] = hashlib.sha256(self.response % values).hexdigest().encode()
        return self.line % values


def turn(seed: int, number: int) -> bytes:
    """Give the value of a cookie that changes with each answer."""
    return hashlib.blake2s(b"%d %d" % (seed, number)).hexdigest().encode()


def with_holes(data: bytes) -> bytes:
    """Make bytes for the % operator out of bytes with holes."""
    return HOLE.sub(rb"%(\1)b", data.replace(b"%", b"%%"))


class Body(NamedTuple):
    """A body with holes. `raw` ones are no text; their first bytes are a number. `coding` says what was taken off."""

    content: bytes
    raw: bool = False
    coding: str | None = None

    @property
    def size(self) -> int:
        """Count the bytes of the body with its holes filled."""
        return len(with_holes(self.content) % SAMPLE)

    def described(self, part: str) -> dict[str, object]:
        """Describe it as a cassette does. A coded body had a fifth of its size on the wire, as JSON mostly has."""
        wire = self.size // 5 if self.coding else self.size
        coding = {"coding": self.coding} if self.coding else {}
        return {
            "size": self.size,
            "wire_size": wire,
            "complete": True,
            **coding,
            "framing": "chunked" if self.coding else "length",
            "sha256": f"@{{{part}_sha}}@",
        }

    def held(self) -> dict[str, str]:
        """Give the content as it stands in a line."""
        if not self.raw:
            return {"text": self.content.decode()}
        rest = HOLE.sub(b"", self.content, count=1)
        return {"base64": "@{number64}@" + b64encode(rest).decode()}


class Draw:
    """Everything that is drawn for one pool: numbers, texts, headers. Nothing here depends on the machine."""

    def __init__(self, seed: int, mix: str) -> None:
        self.random = random.Random(f"{mix} {seed}")
        self.secrets = known_secrets(seed)
        self.rotating = False

    def size(self) -> int:
        """Draw the size of a body."""
        return int(min(max(self.random.lognormvariate(math.log(MEDIAN), SPREAD), SMALLEST), LARGEST))

    def chance(self, share: float) -> bool:
        """Tell whether something of this share happens."""
        return self.random.random() < share

    def word(self) -> str:
        """Draw a word of a vocabulary like that of a trade API."""
        return WORDS[int(self.random.random() * len(WORDS))]

    def words(self, count: int) -> str:
        """Draw a text."""
        return " ".join(self.random.choices(WORDS, k=count))

    def hex(self, size: int) -> str:
        """Draw an identifier or a check sum: `size` bytes in hexadecimal."""
        return self.random.randbytes(size).hex()

    def record(self) -> dict[str, object]:
        """Draw one record of an API's page."""
        number = self.random.randrange(10**9)
        record: dict[str, object] = {
            "id": number,
            "uuid": "-".join(self.hex(size) for size in (4, 2, 2, 2, 6)),
            "name": self.words(3),
            "status": ("ACTIVE", "PAUSED", "ARCHIVED")[number % 3],
            "code": number % 900,
            "budget": number % 100_000 / 100,
            "clicks": number % 7919,
            "labels": self.random.choices(WORDS, k=number % 4),
            "zipcode": f"{number % 90_000 + 10_000}",
            "owner": {"name": self.word().title(), "city": CITIES[number % len(CITIES)], "verified": number % 5 == 0},
            "description": self.words(number % 16) + ('\n"quoted"\t' if number % 11 == 0 else ""),
            "link": f"https://api.example.com/v2/{self.word()}/{number}?expand={self.word()}%2C{self.word()}&page=2",
            "etag": self.hex(16),
            "updated_at": f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}T08:15:{number % 60:02d}Z",
            "parent": None,
        }
        if number % 9 == 0:
            record["cursor"] = b64encode(self.random.randbytes(45)).decode()
        return record

    def document(self, size: int) -> bytes:
        """Draw a JSON page of about `size` bytes; every twentieth is indented."""
        page: dict[str, object] = {"request": "@{number}@", "page": self.random.randrange(99), "data": (data := [])}
        length = 60
        while length < size:
            data.append(self.record())
            length += len(orjson.dumps(data[-1])) + 1
        self.place_secrets(page, data)
        return orjson.dumps(page, option=orjson.OPT_INDENT_2 if self.chance(0.05) else None)

    def place_secrets(self, page: dict[str, object], data: list[dict[str, object]]) -> None:
        """Put what must go into some pages: 5 % hold a known value, 3 % a sensitive field, 3 % signed links."""
        if self.chance(0.05):
            secret = self.random.choice(self.secrets)
            page["echo"] = (
                secret,
                f"https://hooks.example.com/in?u={quote(secret, safe='')}&v=1",
                json.dumps({"nested": {"value": secret}}),
                b64encode(f"user:{secret}".encode()).decode(),
            )[self.random.randrange(4)]
        if self.chance(0.03) and data:
            data[-1]["api_key"] = self.hex(20)
            data[-1]["password"] = self.word() + self.hex(4)
        if self.chance(0.03):
            for record in data:
                record["file"] = f"https://files.example.com/{self.hex(8)}?Expires=1800000000&Signature={self.hex(20)}"

    def request_headers(self, body: Body | None, kind: str) -> Headers:
        """Draw the head of a request: Authorization and cookies are in each, an API key in every fourth."""
        headers = [
            ["Host", "api.example.com"],
            ["User-Agent", "python-requests/2.34.2"],
            ["Accept-Encoding", "gzip, deflate, br, zstd"],
            ["Accept", "application/json"],
            ["Connection", "keep-alive"],
            ["Authorization", "Bearer @{bearer}@"],
            ["Cookie", "session=@{session}@; csrftoken=@{csrf}@; theme=dark" + "; lb=@{before}@" * self.rotating],
        ]
        if self.chance(0.25):
            headers.append(["X-Api-Key", self.secrets[0]])
        if body:
            headers += [["Content-Type", kind], ["Content-Length", str(body.size)]]
        return headers

    def response_headers(self, body: Body | None, kind: str) -> Headers:
        """Draw the head of an answer: every tenth sets the session's cookie again."""
        headers = [
            ["Date", "Mon, 23 Nov 2026 03:30:47 GMT"],
            ["Server", "nginx"],
            ["Connection", "keep-alive"],
            ["Cache-Control", "no-cache, private"],
            ["ETag", f'W/"{self.hex(8)}"'],
            ["Vary", "Accept-Encoding"],
            ["X-Request-Id", "-".join(self.hex(size) for size in (4, 2, 2, 2, 6))],
            ["X-RateLimit-Limit", "5000"],
            ["X-RateLimit-Remaining", str(self.random.randrange(5000))],
            ["Strict-Transport-Security", "max-age=31536000"],
        ]
        if body:
            headers.append(["Content-Type", kind])
            headers.append(["Content-Encoding", body.coding] if body.coding else ["Content-Length", str(body.size)])
        if self.chance(0.1):
            headers.append(["Set-Cookie", "session=@{session}@; Path=/; Secure; HttpOnly; SameSite=Lax"])
        if self.rotating:
            headers.append(["Set-Cookie", "lb=@{turn}@; Path=/; Expires=Mon, 30 Nov 2026 03:30:47 GMT"])
        return headers

    def url(self) -> str:
        """Draw a URL; every tenth carries a key."""
        url = f"https://api.example.com/v2/accounts/{self.random.randrange(10**6)}/{self.word()}"
        url += f"?limit=100&page=@{{number}}@&fields={self.word()}%2C{self.word()}"
        return url + (f"&api_key={quote(self.secrets[1], safe='')}" if self.chance(0.1) else "")

    def exchange(
        self,
        kind: str,
        response: Body | None = None,
        response_kind: str = "application/json",
        *,
        method: str = "GET",
        status: int = 200,
        url: str | None = None,
        request: Body | None = None,
        request_kind: str = "application/json",
        failed: bool = False,
    ) -> Exchange:
        """Put one exchange together, as the recorder would have written it."""
        long = response is not None and response.size > HEADER["body_limit"]  # type: ignore[operator]
        head = interaction_head(self.random.random(), failed=failed)
        head["request"] = {
            "method": method,
            "url": url or self.url(),
            "http_version": "HTTP/1.1",
            "headers": self.request_headers(request, request_kind),
            "body": request.described("request") if request else None,
            **({"sent": False} if failed else {}),
        }
        described = response.described("response") if response else None
        pieces = list(cut(response.content)) if response and long else []
        if described and pieces:
            described["pieces"] = len(pieces)
        head["response"] = None
        if failed:
            head["error"] = {"phase": "connect", "type": "urllib3.exceptions.NewConnectionError", "message": REFUSED}
        else:
            head["response"] = {
                "status": status,
                "reason": REASONS[status],
                "http_version": "HTTP/1.1",
                "headers": self.response_headers(response, response_kind),
                "body": described,
            }
        head["bodies"] = {
            part: body.held()
            for part, body in (("request", request), ("response", None if long else response))
            if body is not None
        }
        lines = [piece_line(number, piece) for number, piece in enumerate(pieces)] + [orjson.dumps(head)]
        text = b"".join(line + b"\n" for line in lines).replace(b'"seq":0', b'"seq":@{seq}@', 1)
        return Exchange(
            kind,
            with_holes(text),
            with_holes(request.content) if request else None,
            with_holes(response.content) if response else None,
            sum(body.size for body in (request, response) if body),
            failed,
        )


def interaction_head(share: float, *, failed: bool) -> dict[str, Any]:
    """Give the keys of an interaction line ahead of its request."""
    first, connection = round(8 + 20 * share, 3), {"id": 3, "reused": True, "peer": "192.0.2.7:443", "tls": "TLSv1.3"}
    return {
        "type": "interaction",
        "id": "5f2c9a1b-@{seq}@",
        "seq": 0,
        "started_at": "@{at}@",
        "timings_ms": {"total": 5.02} if failed else {"first_byte": first, "total": round(first + 2.19, 3)},
        "client": "requests/2.34.2",
        "process": "5f2c9a1b",
        "pid": 4242,
        "thread": 4243,
        "connection": None if failed else {**connection, "proxy": None},
        "rss": 31457280,
    }


def cut(content: bytes) -> Iterator[bytes]:
    """Cut a long body of ASCII text into pieces below PIECE, but never within a hole."""
    start = 0
    while start < len(content):
        end = start + PIECE - 64
        hole = next((hole for hole in HOLE.finditer(content, max(0, end - 40), end + 40) if hole.end() > end), None)
        end = min(hole.start(), end) if hole else end
        yield content[start:end]
        start = end


def piece_line(number: int, piece: bytes) -> bytes:
    """Give the line of one piece of an answer."""
    line = {"type": "body", "of": "5f2c9a1b-@{seq}@", "part": "response", "piece": number, "text": piece.decode()}
    return orjson.dumps(line)


# The kinds of traffic. Each function draws one exchange.


def json_page(draw: Draw) -> Exchange:
    """Read a page of records; every fifth came with gzip."""
    return draw.exchange("json", Body(draw.document(draw.size()), coding="gzip" if draw.chance(0.2) else None))


def json_post(draw: Draw) -> Exchange:
    """Send a record or two."""
    request = Body(
        orjson.dumps({"request": "@{number}@", "items": [draw.record() for _ in range(draw.chance(0.5) + 1)]})
    )
    return draw.exchange("json post", Body(draw.document(SMALLEST)), method="POST", status=201, request=request)


def form(draw: Draw) -> Exchange:
    """Search by a form."""
    fields = f"q={quote(draw.words(3))}&page=@{{number}}@&sort=-updated_at&code={draw.random.randrange(999)}"
    request = Body(f"{fields}&csrf_token=@{{csrf}}@".encode())
    return draw.exchange(
        "form",
        Body(draw.document(draw.size())),
        method="POST",
        request=request,
        request_kind="application/x-www-form-urlencoded",
    )


def token(draw: Draw) -> Exchange:
    """Exchange a refresh token for an access token."""
    request = f"grant_type=refresh_token&client_id=app-7&client_secret={quote(draw.secrets[6], safe='')}"
    answer = {
        "access_token": "@{bearer}@",
        "refresh_token": "@{refresh}@",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "read write",
        "request": "@{number}@",
    }
    return draw.exchange(
        "token",
        Body(orjson.dumps(answer)),
        method="POST",
        url="https://login.example.com/oauth/token",
        request=Body(f"{request}&refresh_token=@{{refresh}}@&request=@{{number}}@".encode()),
        request_kind="application/x-www-form-urlencoded",
    )


def multipart(draw: Draw) -> Exchange:
    """Upload a small CSV file."""
    parts = [
        ('Content-Disposition: form-data; name="title"', draw.words(4)),
        ('Content-Disposition: form-data; name="csrf_token"', "@{csrf}@"),
        (
            'Content-Disposition: form-data; name="file"; filename="@{number}@.csv"\r\nContent-Type: text/csv',
            table(draw, draw.size() // 2),
        ),
    ]
    text = "".join(f"--f1b2c3\r\n{head}\r\n\r\n{content}\r\n" for head, content in parts)
    return draw.exchange(
        "multipart",
        Body(draw.document(SMALLEST)),
        method="POST",
        status=201,
        request=Body(f"{text}--f1b2c3--\r\n".encode()),
        request_kind="multipart/form-data; boundary=f1b2c3",
    )


def table(draw: Draw, size: int) -> str:
    """Draw CSV rows of about `size` bytes."""
    rows, length = ["id,name,amount,when"], 20
    while length < size:
        number = draw.random.randrange(10**7)
        rows.append(f"{number},{draw.words(2)},{number % 9999 / 100},2026-11-{number % 28 + 1:02d}")
        length += len(rows[-1]) + 1
    return "\n".join(rows)


def csv(draw: Draw) -> Exchange:
    """Download a table."""
    return draw.exchange("csv", Body(f"# @{{number}}@\n{table(draw, draw.size())}".encode()), "text/csv; charset=utf-8")


def xml(draw: Draw) -> Exchange:
    """Call a SOAP service that wants the password in each message."""

    def envelope(content: str) -> Body:
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
        )
        return Body(f"{text}<s:Body>{content}</s:Body></s:Envelope>".encode())

    secret = draw.secrets[7].replace("&", "&amp;").replace('"', "&quot;")
    question = f'<GetItems number="@{{number}}@"><User>app</User><Password>{secret}</Password></GetItems>'
    items, length, size = [], 200, draw.size()
    while length < size:
        name = f'<Name>{draw.words(3)}</Name><Price currency="EUR">{draw.random.randrange(10**5) / 100}</Price>'
        items.append(
            f'  <Item id="{draw.random.randrange(10**8)}">{name}<Note>{draw.words(9)} &amp; more</Note></Item>\n'
        )
        length += len(items[-1])
    return draw.exchange(
        "xml",
        envelope(f'<Items number="@{{number}}@">{"".join(items)}</Items>'),
        "text/xml; charset=utf-8",
        method="POST",
        request=envelope(question),
        request_kind="text/xml; charset=utf-8",
    )


def ndjson(draw: Draw) -> Exchange:
    """Read one record a line."""
    return draw.exchange("ndjson", Body(json_lines(draw, draw.size())), "application/x-ndjson")


def json_lines(draw: Draw, size: int) -> bytes:
    """Draw lines of JSON of about `size` bytes."""
    lines, length = [b'{"request":"@{number}@"}\n'], 26
    while length < size:
        lines.append(orjson.dumps(draw.record()) + b"\n")
        length += len(lines[-1])
    return b"".join(lines)


def events(draw: Draw) -> Exchange:
    """Read an event stream, as chat services send it."""
    lines = [
        f'id: {number}\nevent: delta\ndata: {{"text":"{draw.words(3)} "}}\n\n' for number in range(draw.size() // 70)
    ]
    return draw.exchange("events", Body(f": @{{number}}@\n\n{''.join(lines)}".encode()), "text/event-stream")


def page(draw: Draw) -> Exchange:
    """Read HTML with a hidden field."""
    rows, length, size = [], 300, draw.size()
    while length < size:
        rows.append(
            f'<li><a href="/{draw.word()}/{draw.random.randrange(9999)}?a=1&amp;b=2">{draw.words(4)}</a></li>\n'
        )
        length += len(rows[-1])
    field_ = '<input type="hidden" name="csrf_token" value="@{csrf}@">'
    text = f"<!doctype html><title>@{{number}}@</title><form>{field_}</form><ul>\n{''.join(rows)}</ul>\n"
    return draw.exchange("html", Body(text.encode()), "text/html; charset=utf-8")


def binary(draw: Draw) -> Exchange:
    """Download an image."""
    pixels = draw.random.randbytes(draw.size()).replace(b"@{", b"@(")
    return draw.exchange("binary", Body(b"@{number}@\xff\xd8\xff\xe0" + pixels, raw=True), "image/jpeg")


def empty(draw: Draw) -> Exchange:
    """Get an answer without a body."""
    return draw.exchange("empty", status=304)


def refusal(draw: Draw) -> Exchange:
    """Get an error that an API explains."""
    text = {"error": {"code": 404, "message": f"No {draw.word()} with this id", "request": "@{number}@"}}
    return draw.exchange("error", Body(orjson.dumps(text)), status=404)


def failure(draw: Draw) -> Exchange:
    """Find nobody there."""
    return draw.exchange("no connection", failed=True)


SHARES: Final[tuple[tuple[int, Callable[[Draw], Exchange]], ...]] = (
    (62, json_page),
    (8, json_post),
    (3, form),
    (2, token),
    (3, multipart),
    (4, csv),
    (4, xml),
    (2, ndjson),
    (2, events),
    (2, page),
    (3, binary),
    (2, empty),
    (2, refusal),
    (1, failure),
)
"""How many of a hundred exchanges are of which kind."""
POOL: Final = 10
"""Hundreds of exchanges in the pool of the mix."""


def mixed(draw: Draw) -> list[Exchange]:
    """Draw the traffic of an API client as it is: see SHARES."""
    return [kind(draw) for share, kind in SHARES for _ in range(share * POOL)]


def rotating(draw: Draw) -> list[Exchange]:
    """Draw the same traffic through a load balancer whose cookie changes with each answer."""
    draw.rotating = True
    return mixed(draw)


def small(draw: Draw) -> list[Exchange]:
    """Draw JSON answers of 2 KB."""
    return [draw.exchange("json", Body(draw.document(1_700))) for _ in range(1000)]


def large(draw: Draw) -> list[Exchange]:
    """Draw JSON answers of 600 KB."""
    return [draw.exchange("json", Body(draw.document(600_000))) for _ in range(16)]


def long(draw: Draw) -> list[Exchange]:
    """Draw downloads of 8 MB of NDJSON, stored in pieces."""
    return [
        draw.exchange("pieces", Body(ascii_only(json_lines(draw, 8_000_000))), "application/x-ndjson") for _ in "ab"
    ]


def ascii_only(text: bytes) -> bytes:
    """Replace what is no ASCII, so that pieces may be cut anywhere."""
    return text.decode().encode("ascii", "replace")


MIXES: Final[dict[str, Callable[[Draw], list[Exchange]]]] = {
    "mixed": mixed,
    "small": small,
    "large": large,
    "long": long,
    "rotating": rotating,
}

REFUSED: Final = "[Errno 111] Connection refused: api.example.com:443"
REASONS: Final = {200: "OK", 201: "Created", 304: "Not Modified", 404: "Not Found"}
CITIES: Final = ("Praha", "Kraków", "São Paulo", "Malmö", "東京", "Lyon", "Zürich", "Austin")
WORDS: Final = """
    account budget campaign channel click contact country creative currency customer daily delivery device domain
    event export filter goal group image import invoice item keyword label language limit list location market media
    member message metric monthly network object offer order organic owner page payment period placement plan policy
    price product profile project quality query rate region report request result revenue review rule sales schedule
    segment session signal source spend stage status stock store summary target task team template total tracking
    traffic update user value vendor version video view visit volume weekly
""".split()  # noqa: SIM905 - ninety words in quotes, one a line, read worse

if __name__ == "__main__":
    main()
