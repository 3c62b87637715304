"""What a cassette says, as frozen values: an interaction with its request and its response or failure.

Law: a value here is what the file says, checked for type and range and otherwise unchanged. Header text is
ISO-8859-1, one character for each byte on the wire. Contents of bodies are never here:
`recorder.journal.read.Reader.body` streams them. Nothing here opens a file, and `BadCassetteError` is the only error
raised.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Body", "Cause", "Connection", "Failure", "Headers", "Interaction", "Request", "Response"]

Headers: TypeAlias = tuple[tuple[str, str], ...]
Item = TypeVar("Item")

_LONGEST = 1e15
"""Milliseconds: durations beyond some 30,000 years are no measurement (nor are infinity and NaN)."""


@dataclass(frozen=True, slots=True)
class Body:
    """The description of a body. Sizes are bytes; `sha256` is 64 hexadecimal digits of the stored bytes, or None.

    `size` counts the stored bytes (content coding taken off), `wire_size` the bytes sent or received, without chunks'
    frames (None where a conversion did not know it). `pieces` counts the body lines that hold the content; None when
    the interaction line itself does.
    """

    size: int
    wire_size: int | None
    sha256: str | None
    complete: bool
    incomplete: str | None
    coding: str | None
    coding_error: str | None
    framing: str | None
    pieces: int | None


@dataclass(frozen=True, slots=True)
class Request:
    """What the client sent, or, with `sent` false, what it would have sent had there been a connection.

    `target` is the request target as it was sent; None where it is the path and query of `url`.
    """

    method: str
    url: str
    http_version: str | None
    headers: Headers
    body: Body | None
    sent: bool
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What the server answered. `status` is from 0 to 999, `reason` may be empty, `trailers` follow a chunked body."""

    status: int
    reason: str
    http_version: str | None
    headers: Headers
    trailers: Headers
    body: Body | None


@dataclass(frozen=True, slots=True)
class Cause:
    """The exception that led to another one: its qualified name and its message."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What the client saw go wrong (the key `error`). `phase` is `connect`, `send`, `response` or `body` in format 1.

    `received` is what had arrived when no response could be read from it, at most 64 KiB as a recorder writes it.
    """

    phase: str
    type: str
    message: str
    cause: Cause | None
    received: bytes


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection of an interaction. `id` counts connections of one process, `peer` and `proxy` are `host:port`."""

    id: int | None
    reused: bool | None
    peer: str | None
    tls: str | None
    proxy: str | None


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request and what came of it: a response, a failure, both, or neither where the client let go first.

    `timings_ms` are milliseconds, `rss` bytes, `started_at` aware and in UTC; None where a conversion did not know it.

    `extra` holds what this release does not know, under the keys where it stood: unknown keys of the request are in
    `extra["request"]`, and so on.
    """

    id: str
    seq: int
    started_at: datetime | None
    timings_ms: Mapping[str, float]
    client: str | None
    process: str | None
    pid: int | None
    thread: int | None
    connection: Connection | None
    rss: int | None
    request: Request
    response: Response | None
    failure: Failure | None
    extra: Mapping[str, Any]

    @classmethod
    def from_json(cls, head: Mapping[str, Any], *, where: str = "interaction") -> Interaction:
        """Make an interaction from the object of an interaction line (`Line.head`).

        `where` opens the message of an error: give the file and the line. Contents under `bodies` are left out.

        Raises BadCassetteError, naming the key, when a key is missing or its value is of a wrong type or out of range.
        """
        keys = _Keys(head, where, "")
        kind = keys.text("type")
        if kind != "interaction":
            raise keys.wrong("type", '"interaction"')
        keys.passed("bodies")
        return cls(
            id=keys.text("id"),
            seq=keys.count("seq"),
            started_at=keys.optional_moment("started_at"),
            timings_ms=keys.durations("timings_ms"),
            client=keys.optional_text("client"),
            process=keys.optional_text("process"),
            pid=keys.optional_count("pid"),
            thread=keys.optional_count("thread"),
            connection=keys.optional("connection", _connection),
            rss=keys.optional_count("rss"),
            request=keys.required("request", _request),
            response=keys.optional("response", _response),
            failure=keys.optional("error", _failure),
            extra=MappingProxyType(extra) if (extra := keys.rest()) else _NOTHING,
        )


_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _request(keys: _Keys) -> Request:
    sent = keys.optional_flag("sent")
    return Request(
        method=keys.text("method"),
        url=keys.text("url"),
        http_version=keys.optional_text("http_version"),
        headers=keys.pairs("headers"),
        body=keys.optional("body", _body),
        sent=True if sent is None else sent,
        target=keys.optional_text("target"),
    )


def _response(keys: _Keys) -> Response:
    status = keys.count("status")
    if status > 999:
        raise keys.wrong("status", "an integer from 0 to 999")
    return Response(
        status=status,
        reason=keys.optional_text("reason") or "",
        http_version=keys.optional_text("http_version"),
        headers=keys.pairs("headers"),
        trailers=keys.pairs("trailers", required=False),
        body=keys.optional("body", _body),
    )


def _body(keys: _Keys) -> Body:
    return Body(
        size=keys.count("size"),
        wire_size=keys.optional_count("wire_size"),
        sha256=keys.optional_text("sha256"),
        complete=keys.flag("complete"),
        incomplete=keys.optional_text("incomplete"),
        coding=keys.optional_text("coding"),
        coding_error=keys.optional_text("coding_error"),
        framing=keys.optional_text("framing"),
        pieces=keys.optional_count("pieces"),
    )


def _failure(keys: _Keys) -> Failure:
    return Failure(
        phase=keys.text("phase"),
        type=keys.text("type"),
        message=keys.text("message"),
        cause=keys.optional("cause", _cause),
        received=keys.octets("received"),
    )


def _cause(keys: _Keys) -> Cause:
    return Cause(type=keys.text("type"), message=keys.text("message"))


def _connection(keys: _Keys) -> Connection:
    return Connection(
        id=keys.optional_count("id"),
        reused=keys.optional_flag("reused"),
        peer=keys.optional_text("peer"),
        tls=keys.optional_text("tls"),
        proxy=keys.optional_text("proxy"),
    )


class _Keys:
    """Takes the keys of one JSON object, checks each, and remembers which ones nobody asked for."""

    __slots__ = ("_extra", "_path", "_taken", "_values", "_where")

    def __init__(self, values: Mapping[str, Any], where: str, path: str) -> None:
        self._values = values
        self._where = where
        self._path = path
        self._taken: set[str] = set()
        self._extra: dict[str, Any] = {}

    def wrong(self, key: str, wanted: str) -> BadCassetteError:
        state = "is not" if self._values.get(key) is not None else "is missing: it should be"
        return BadCassetteError(f"{self._where}: `{self._path}{key}` {state} {wanted}.")

    def passed(self, key: str) -> None:
        self._taken.add(key)

    def rest(self) -> dict[str, Any]:
        """Give what was not asked for here or further inside."""
        for key, value in self._values.items():
            if key not in self._taken:
                self._extra[key] = value
        return self._extra

    def _get(self, key: str) -> Any:  # noqa: ANN401 - a JSON value
        self._taken.add(key)
        return self._values.get(key)

    def text(self, key: str) -> str:
        value = self._get(key)
        if type(value) is not str:
            raise self.wrong(key, "a string")
        return value

    def optional_text(self, key: str) -> str | None:
        return None if self._get(key) is None else self.text(key)

    def count(self, key: str) -> int:
        value = self._get(key)
        if type(value) is not int or value < 0:
            raise self.wrong(key, "an integer of 0 or more")
        return value

    def optional_count(self, key: str) -> int | None:
        return None if self._get(key) is None else self.count(key)

    def flag(self, key: str) -> bool:
        value = self._get(key)
        if type(value) is not bool:
            raise self.wrong(key, "true or false")
        return value

    def optional_flag(self, key: str) -> bool | None:
        return None if self._get(key) is None else self.flag(key)

    def octets(self, key: str) -> bytes:
        if self._get(key) is None:
            return b""
        try:
            return binascii.a2b_base64(self.text(key), strict_mode=True)
        except ValueError:  # binascii.Error, and what a2b_base64 raises for characters beyond ASCII
            raise self.wrong(key, "base64") from None

    def moment(self, key: str) -> datetime:
        try:
            moment = datetime.fromisoformat(self.text(key))
            if moment.tzinfo is None:
                raise self.wrong(key, "a time with an offset or `Z`")
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.wrong(key, "a time as in RFC 3339") from None

    def optional_moment(self, key: str) -> datetime | None:
        return None if self._get(key) is None else self.moment(key)

    def durations(self, key: str) -> Mapping[str, float]:
        value = self._get(key)
        if type(value) is not dict:
            raise self.wrong(key, "an object")
        for duration in value.values():
            if type(duration) not in {int, float} or not abs(duration) < _LONGEST:
                raise self.wrong(key, "an object of numbers")
        return MappingProxyType({name: float(duration) for name, duration in value.items()})

    def pairs(self, key: str, *, required: bool = True) -> Headers:
        value = self._get(key)
        if value is None and not required:
            return ()
        if type(value) is not list or not all(map(_is_pair, value)):
            raise self.wrong(key, "a list of pairs of strings")
        return _tuples(value)

    def required(self, key: str, make: Callable[[_Keys], Item]) -> Item:
        value = self._get(key)
        if type(value) is not dict:
            raise self.wrong(key, "an object")
        keys = _Keys(value, self._where, f"{self._path}{key}.")
        item = make(keys)
        if extra := keys.rest():
            self._extra[key] = extra
        return item

    def optional(self, key: str, make: Callable[[_Keys], Item]) -> Item | None:
        return None if self._get(key) is None else self.required(key, make)


def _is_pair(item: object) -> bool:
    return type(item) is list and len(item) == 2 and type(item[0]) is str and type(item[1]) is str


def _tuples(pairs: Iterable[list[str]]) -> Headers:
    return tuple((name, value) for name, value in pairs)
