"""Exchanges of HTTP messages, made for real and recorded for real, and what a cassette then says of each.

Law: an exchange says every byte that goes over the wire, in both directions. A case is a function from a value to an
exchange with the value in it; so a redaction is right where it gives what a recording would have given had the
placeholder been there in the secret's place.
"""

from __future__ import annotations

import http.client
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import requests

import recorder
from recorder.journal.read import Reader
from tests.cassette_tools.running import ctools
from tests.recorder.redact.leaks import expand, leaves
from tests.servers.routes import Exchange as Served
from tests.servers.routes import chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.servers.origin import Origin

__all__ = [
    "PLACEHOLDER",
    "WAYS",
    "Case",
    "Exchange",
    "Lazily",
    "Recorded",
    "Taken",
    "Ways",
    "both_ways",
    "differences",
    "essence",
    "get",
    "placeholders",
    "post",
    "read",
    "reply",
    "resanitize",
    "spells",
    "stand_in",
    "take",
]

PLACEHOLDER = re.compile(rb"REDACTED-[a-z0-9-]+-[a-z2-7]{10,12}")

Headers = tuple[tuple[str | bytes, str | bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its response.

    `cuts`: where the response's body is cut into chunks, else it has a Content-Length. `missing`: bytes that are
    announced and never come. `raw`: the whole response, in place of all that. `call`: makes the requests in its own
    way, in place of what the request's fields say; it is given the server's address and a session.
    """

    method: str = "GET"
    target: str = "/case"
    headers: Headers = ()
    body: bytes | None = None
    chunked: bool = False
    status: int = 200
    reason: bytes = b"OK"
    replied: Headers = (("Content-Type", "text/plain"),)
    reply: bytes = b"ok\n"
    cuts: tuple[int, ...] | None = None
    trailers: Headers = ()
    missing: int = 0
    raw: bytes | None = None
    call: Callable[[str, requests.Session], None] | None = None


def get(target: str = "/case", headers: Headers = (), **more: Any) -> Exchange:
    """Make an exchange whose request is a GET."""
    return Exchange(target=target, headers=headers, **more)


def post(body: bytes, mime: str, headers: Headers = (), **more: Any) -> Exchange:
    """Make an exchange whose request has a body."""
    return Exchange(method="POST", body=body, headers=(("Content-Type", mime), *headers), **more)


def reply(body: bytes, mime: str, headers: Headers = (), **more: Any) -> Exchange:
    """Make an exchange whose response has a body."""
    return Exchange(reply=body, replied=(("Content-Type", mime), *headers), **more)


@dataclass(frozen=True, slots=True)
class Case:
    """A place for a value.

    `exact`: the redacted exchange is byte for byte what it would have been with the placeholder. Where that is not so
    (another spelling means the same, or a rule takes more than the value), the tests ask for less.
    """

    name: str
    build: Callable[[str], Exchange]
    exact: bool = True
    only: frozenset[str] | None = None
    """Names of values for which the place can be used; None for all."""

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True)
class Recorded:
    """What a cassette holds of one interaction: its line, its lines as bytes, its bodies."""

    line: dict[str, Any]
    raw: bytes
    bodies: dict[str, bytes | None] = field(default_factory=dict)


@dataclass(slots=True)
class Taken:
    """A cassette, and its interactions by the number of their exchange."""

    path: Path
    data: bytes
    numbered: dict[int, list[Recorded]]

    def one(self, number: int) -> Recorded:
        (only,) = self.numbered[number]
        return only


def take(path: Path, exchanges: Sequence[Exchange], origin: Origin, **choices: Any) -> Taken:
    """Record the exchanges with real requests to a real server. `choices` are of `recorder.record`."""
    origin.routes["case"] = _answering(exchanges)
    connection = http.client.HTTPConnection("localhost", origin.port, timeout=30)
    try:
        with recorder.record(path, **choices) as recording:
            for number, exchange in enumerate(exchanges):
                if exchange.call is not None:
                    with requests.Session() as session:
                        session.trust_env = False
                        session.headers["X-Case"] = str(number)
                        exchange.call(origin.url, session)
                else:
                    _request(connection, exchange, number)
        assert recording.failure is None, recording.failure
        assert not recording.lost, recording.lost
    finally:
        connection.close()
    return read(path)


WAYS = ("recorded", "resanitized")
"""How a redacted cassette comes about."""


class Lazily:
    """A cassette for each of `WAYS`, made when it is first asked for: a test of one way waits for no other one."""

    def __init__(self, make: Callable[[str], Taken]) -> None:
        self._make = make
        self._made: dict[str, Taken] = {}

    def __getitem__(self, way: str) -> Taken:
        if way not in self._made:
            self._made[way] = self._make(way)
        return self._made[way]


@dataclass(frozen=True, slots=True)
class Ways:
    """The same exchanges, as they came, and redacted in both ways."""

    raw: Taken
    redacted: Lazily


def both_ways(
    folder: Path,
    exchanges: Sequence[Exchange],
    origin: Origin,
    secrets: Sequence[str] = (),
    *,
    code: int = 0,
    **choices: Any,
) -> Ways:
    """Record the exchanges as they are; record them with redaction, and redact the first cassette.

    `code`: with what `ctools resanitize` ends; 1 where something had to go as a whole.
    """
    raw = take(folder / "raw.jsonl", exchanges, origin, redact=False, **choices)

    def make(way: str) -> Taken:
        if way == "recorded":
            return take(folder / "recorded.jsonl", exchanges, origin, secrets=list(secrets), **choices)
        return resanitize(raw.path, folder / "resanitized.jsonl", secrets, code=code)

    return Ways(raw, Lazily(make))


def resanitize(source: Path, out: Path, secrets: Sequence[str], *options: str, code: int = 0) -> Taken:
    """Redact a cassette by a process of `ctools`; the secrets reach it in a file."""
    arguments = [*options]
    if secrets:
        listed = out.with_name(f"{out.stem}-secrets.json")
        listed.write_bytes(orjson.dumps(list(secrets)))
        arguments += ["--secrets-file", str(listed)]
    done = ctools("resanitize", source, "-o", out, *arguments)
    assert done.code == code, done.errors
    for secret in secrets:
        assert secret not in done.text + done.errors
    return read(out)


def read(path: Path) -> Taken:
    """Read a cassette strictly: each line parses, each body has the size and digest that is said of it."""
    numbered: defaultdict[int, list[Recorded]] = defaultdict(list)
    pieces: defaultdict[str, list[bytes]] = defaultdict(list)
    data = path.read_bytes()
    raws: dict[str, bytes] = {}
    for text in data.split(b"\n")[:-1]:
        parsed = orjson.loads(text)
        if parsed["type"] == "body":
            pieces[parsed["of"]].append(text + b"\n")
        elif parsed["type"] == "interaction":
            raws[parsed["id"]] = b"".join(pieces.pop(parsed["id"], [])) + text + b"\n"
    with Reader(path, mode="strict", types={"interaction"}) as reader:
        for line in reader:
            bodies = {
                part: None
                if not line.head[part] or line.head[part]["body"] is None
                else b"".join(reader.body(line, part))
                for part in ("request", "response")
            }
            whole = Recorded(line.head, raws[line.head["id"]], bodies)
            number = dict(line.head["request"]["headers"])["X-Case"]
            numbered[int(number)].append(whole)
    return Taken(path, data, {number: sorted(each, key=lambda r: r.line["seq"]) for number, each in numbered.items()})


def essence(recorded: Recorded) -> dict[str, Any]:
    """Give what recordings of equal exchanges have in common, fact by fact."""
    line = recorded.line
    told: dict[str, Any] = {"error": dict(line.get("error") or {})}
    if "message" in told["error"]:  # http.client counts the bytes of a body that was cut off
        told["error"]["message"] = re.sub(r"\(\d+ bytes read", "(some bytes read", told["error"]["message"])
    for part in ("request", "response"):
        message = line[part]
        if message is None:
            told[part] = None
            continue
        told |= {f"{part}.{key}": value for key, value in message.items() if key not in {"headers", "body"}}
        described = message["body"]
        lengths = described is not None and ("coding" in described or not described["complete"])
        told[f"{part}.headers"] = [
            pair for pair in message["headers"] if not (lengths and pair[0].lower() == "content-length")
        ]
        told[f"{part}.body"] = recorded.bodies[part]
        told[f"{part}.description"] = described and {
            key: value for key, value in described.items() if key not in {"pieces", "wire_size"}
        }
    return told


def differences(found: Recorded, expected: Recorded) -> list[str]:
    """Tell in what two recordings differ, fact by fact."""
    here, there = essence(found), essence(expected)
    return [
        f"{key}: {_short(here.get(key))} in place of {_short(there.get(key))}"
        for key in sorted(here.keys() | there.keys())
        if here.get(key) != there.get(key)
    ]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 400 else f"{text[:200]} … {text[-200:]}"


def placeholders(recorded: Recorded, depth: int = 1) -> set[bytes]:
    """Give every placeholder that stands in an interaction, in any spelling."""
    return {
        match
        for leaf in leaves(recorded.raw)
        for _, data in expand(leaf.data, depth)
        for match in PLACEHOLDER.findall(data)
    }


# The wire


def _request(connection: http.client.HTTPConnection, exchange: Exchange, number: int) -> None:
    names = {bytes(name if isinstance(name, bytes) else name.encode()).lower() for name, _ in exchange.headers}
    connection.putrequest(exchange.method, exchange.target, skip_host=b"host" in names, skip_accept_encoding=True)
    connection.putheader("X-Case", str(number))
    for name, value in exchange.headers:
        connection.putheader(*(each.encode() if isinstance(each, str) else each for each in (name, value)))
    if exchange.body is None:
        connection.endheaders()
    elif exchange.chunked:
        connection.putheader("Transfer-Encoding", "chunked")
        half = len(exchange.body) // 2
        connection.endheaders((exchange.body[:half], exchange.body[half:]), encode_chunked=True)
    else:
        connection.putheader("Content-Length", str(len(exchange.body)))
        connection.endheaders(exchange.body)
    try:
        connection.getresponse().read()
    except http.client.HTTPException:
        connection.close()
        assert exchange.raw is not None or exchange.missing


def _answering(exchanges: Sequence[Exchange]) -> Callable[[Served], None]:
    def answer(served: Served) -> None:
        for _ in served.body():
            pass
        exchange = exchanges[int(served.head.get(b"x-case") or b"")]
        served.keep_alive = exchange.raw is None and not exchange.missing
        served.wire.send(exchange.raw if exchange.raw is not None else b"".join(_response(exchange)))

    return answer


def _response(exchange: Exchange) -> Iterator[bytes]:
    yield b"HTTP/1.1 %d %s\r\n" % (exchange.status, exchange.reason)
    yield from _fields(exchange.replied)
    body = exchange.reply
    if exchange.cuts is None:
        yield b"Content-Length: %d\r\n\r\n" % (len(body) + exchange.missing) + body
        return
    yield b"Transfer-Encoding: chunked\r\n\r\n"
    for start, end in zip((0, *exchange.cuts), (*exchange.cuts, len(body)), strict=True):
        if start < end:
            yield from map(bytes, chunk(body[start:end]))
    if not exchange.missing:
        yield b"0\r\n"
        yield from _fields(exchange.trailers)
        yield b"\r\n"


def _fields(fields: Headers) -> Iterator[bytes]:
    for pair in fields:
        yield b"%s: %s\r\n" % tuple(each.encode() if isinstance(each, str) else each for each in pair)


def spells(recorded: Recorded, text: str) -> bool:
    """Tell whether a text stands anywhere in an interaction, in any spelling."""
    return any(text.encode() in data for leaf in leaves(recorded.raw) for _, data in expand(leaf.data, 1))


def stand_in(recorded: Recorded, placeholder: str, number: str = "") -> str:
    """Give the form that a placeholder has in this interaction.

    Base64 may have one or two more characters of it; a number may stand for a number.
    """
    found = {each.decode() for each in placeholders(recorded) if each.startswith(placeholder.encode())}
    if number and not found and spells(recorded, number):
        return number
    return placeholder if placeholder in found or not found else max(found, key=len)
