"""Takes what a summary counts out of ordinary interaction lines, without parsing them: many lines, a column a figure.

Law: a line that `match_line` takes is one that a recorder wrote: its keys in their order, nothing escaped in what is
counted, a whole response, no error. Every other line is for the parser; what comes out is the same, at a third of the
cost. Numbers are parsed together, a column at a time; what repeats from line to line (client, process, connection;
the address without ids) is parsed once. Header fields are passed over.

Memory: the rows of a batch, and a cache of at most 4,096 connections.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import orjson

from cassette_tools.endpoint import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Batch", "Columns", "Row", "columns_of", "connection_of", "joined", "match_line"]

Row: TypeAlias = tuple[Any, ...]
"""What is found in a line: bytes, as they stand there, or None."""

# A text that is not counted ends at its next quote: an escaped one is followed by no key, and the line is not taken.
_TEXT: Final = rb'"[^"]*+"'
_NUMBER: Final = rb"[0-9]{1,15}+"
_MILLISECONDS: Final = rb"([0-9.]{1,15}+)"  # below 1e15, the most that is counted; parsed later
_BODY: Final = (
    rb'(?:null|\{"size":(' + _NUMBER + rb'),"wire_size":(' + _NUMBER + rb"|null),"
    rb'(?:"sha256":"[^"]{64}",)?+"complete":true(?:,"coding":' + _TEXT + rb')?+(?:,"framing":"[a-z]++")?+'
    rb'(?:,"pieces":' + _NUMBER + rb')?+(?:,"sha256":"[^"]{64}")?+\})\}'
)
# Header fields are passed over up to the first `],"`. It stands behind them, and in them only where a value ends in
# `],`: then `body` does not follow, nor where another key stands between, and the line is not taken.
_HEADERS_AND_BODY: Final = rb'"headers":\[(?:[^\]]*+\](?!,"))*+[^\]]*+\],"body":' + _BODY

match_line: Final = re.compile(
    rb'\{"type":"interaction","id":' + _TEXT + rb',"seq":' + _NUMBER + rb',"started_at":"([^"]{27})",'
    rb'"timings_ms":\{(?:"connect":' + _MILLISECONDS + rb',?+)?+(?:"first_byte":' + _MILLISECONDS + rb',?+)?+'
    rb'(?:"total":' + _MILLISECONDS + rb')?+\},("client":[^}]*+\}),"rss":(' + _NUMBER + rb'|null),'
    rb'"request":\{"method":"([A-Z]{1,20}+)","url":"(https?+://[^"?#\\]{0,1500}+)(?=["?#])[^"]*+",'
    rb'"http_version":' + _TEXT + rb"," + _HEADERS_AND_BODY
    + rb',"response":\{"status":([1-9][0-9]{2}),"reason":' + _TEXT + rb',"http_version":' + _TEXT + rb","
    + _HEADERS_AND_BODY + rb'(?:,"redacted":(\{[^}]*+\}))?+,"bodies":\{'
).match  # fmt: skip
"""Match the line from a place to another one, and give the groups of a `Row`; None where it is not an ordinary one.

Neither header fields nor what stands behind `"bodies":{` is looked at.
"""


_CONNECTIONS: Final = 4096
_FORM: Final = b"0000-00-00T00:00:00.000000Z"
_TO_NOUGHT: Final = bytes.maketrans(b"123456789", b"000000000")
_NUMBERS_IN_PATHS: Final = re.compile(rb"/(?<=[^/]/)[0-9]++(?![^/\n])")
_CONNECTION_KEYS: Final = {"client", "process", "pid", "thread", "connection"}

Connection: TypeAlias = tuple[str, int | None, str, str | None, object]
"""Process, its id, client, TLS (None: not known), and whether the connection had served before."""

_connections: dict[bytes, Connection] = {}
_addresses: dict[bytes, tuple[str, str]] = {}


class Columns(NamedTuple):
    """What is counted of a batch of interactions, a column for each figure."""

    process: tuple[str, ...]
    pid: tuple[int | None, ...]
    client: tuple[str, ...]
    tls: tuple[str | None, ...]  # None: not known
    reused: tuple[object, ...]
    rss: tuple[int | None, ...]
    method: tuple[str, ...]
    address: tuple[tuple[str, str], ...]
    status: tuple[int | None, ...]
    reason: tuple[str | None, ...]  # phase and type of a failure
    connect: tuple[float | None, ...]
    first_byte: tuple[float | None, ...]
    total: tuple[float | None, ...]
    sent: tuple[int | None, ...]  # bytes stored
    sent_wire: tuple[int | None, ...]
    sent_gap: tuple[str | None, ...]  # why it is incomplete
    got: tuple[int | None, ...]
    got_wire: tuple[int | None, ...]
    got_gap: tuple[str | None, ...]


class Batch(NamedTuple):
    """The columns of rows, when the first of them began and the last one ended, and what was redacted in them."""

    columns: Columns
    first: float  # seconds of the epoch
    last: float
    redacted: list[dict[str, Any]]


def columns_of(rows: list[Row]) -> Batch:
    """Turn rows into columns. Raises ValueError, TypeError, KeyError, AttributeError for what cannot be counted."""
    (
        started, connect, first_byte, total, connections, rss, methods, urls,
        sent, sent_wire, statuses, got, got_wire, redacted,
    ) = zip(*rows, strict=True)  # fmt: skip
    process, pid, client, tls, reused = zip(
        *[_connections.get(one) or _connection(one) for one in connections], strict=True
    )
    none = (None,) * len(rows)
    totals = _numbers(total)
    first, last = _span(started, totals)
    sent_sizes, got_sizes = _numbers(sent), _numbers(got)
    columns = Columns(
        process, pid, client, tls, reused,
        rss=_numbers(rss),
        method=tuple(map(bytes.decode, methods)),
        address=_endpoints(urls),
        status=_numbers(statuses),
        reason=none,
        connect=_numbers(connect), first_byte=_numbers(first_byte), total=totals,
        sent=sent_sizes, sent_wire=_wire(sent_sizes, sent_wire), sent_gap=none,
        got=got_sizes, got_wire=_wire(got_sizes, got_wire), got_gap=none,
    )  # fmt: skip
    return Batch(columns, first, last, [orjson.loads(one) for one in redacted if one is not None])


def joined(batch: Batch, others: list[tuple[int, Row]]) -> Columns:
    """Put rows that were parsed among the columns. Each comes with how many rows of the batch stand before it."""
    if not others:
        return batch.columns
    rows: list[Row] = list(zip(*batch.columns, strict=True))
    done: list[Row] = []
    at = 0
    for place, row in others:
        done += rows[at:place]
        done.append(row)
        at = place
    done += rows[at:]
    return Columns(*zip(*done, strict=True))


def _numbers(column: tuple[bytes | None, ...]) -> tuple[Any, ...]:
    """Parse a column. None stays None."""
    if None in column:
        if column.count(None) == len(column):
            return column
        column = tuple([one or b"null" for one in column])
    return tuple(orjson.loads(b"[%b]" % b",".join(column)))  # type: ignore[arg-type] # None was taken out


def _wire(sizes: tuple[int | None, ...], column: tuple[bytes | None, ...]) -> tuple[int | None, ...]:
    """Return sizes on the wire; where a conversion did not know one, the stored size."""
    wire = _numbers(column)
    if b"null" in column:
        return tuple([size if one is None else one for one, size in zip(wire, sizes, strict=True)])
    return wire


def connection_of(head: Mapping[str, Any]) -> Connection:
    """Return what is counted of an interaction's process, client and connection."""
    connection = head.get("connection") or {}
    return (
        str(head.get("process")),
        head["pid"] if type(head.get("pid")) is int else None,
        str(head.get("client") or "unknown"),
        str(connection.get("tls") or "none") if connection else None,
        connection.get("reused"),
    )


def _connection(text: bytes) -> Connection:
    """Parse what repeats from line to line: `connection_of` its keys, in whatever order. No other key is among them."""
    value = orjson.loads(b"{%b}" % text)
    if value.keys() != _CONNECTION_KEYS:
        raise ValueError("a key is out of its place")
    found = connection_of(value)
    if len(_connections) >= _CONNECTIONS:
        _connections.clear()
    _connections[text] = found
    return found


def _endpoints(urls: tuple[bytes, ...]) -> tuple[tuple[str, str], ...]:
    """Return the endpoints of addresses. Most are known, but for their numbers: these are folded in all at once."""
    folded = _NUMBERS_IN_PATHS.sub(b"/0", b"\n".join(urls)).split(b"\n")
    known = _addresses.get
    return tuple([known(address) or _endpoint(address) for address in folded])


def _endpoint(address: bytes) -> tuple[str, str]:
    endpoint = endpoint_of(address.decode())
    if len(_addresses) >= _CONNECTIONS:
        _addresses.clear()
    if len(address) <= 300:
        _addresses[address] = endpoint
    return endpoint


def _span(started: tuple[bytes, ...], totals: tuple[Any, ...]) -> tuple[float, float]:
    """Return when the first row began and when the last one ended, in seconds of the epoch.

    Texts of one length in UTC have the order of their times. The last to end began no earlier than the longest one
    would have to: only those are parsed.
    """
    if b"".join(started).translate(_TO_NOUGHT) != _FORM * len(started):
        raise ValueError("a time has another form")  # the order of texts would not be that of times
    for second in {text[:19] for text in started}:  # there is no 30th of February
        _moment(second)
    begin = _moment(min(started)).timestamp()
    if None in totals:
        ended = [(text, total) for text, total in zip(started, totals, strict=True) if total is not None]
        if not ended:
            return begin, float("-inf")
        started, totals = zip(*ended, strict=True)
    try:
        bound = _moment(max(started)) - timedelta(milliseconds=max(totals))
        earliest = bound.isoformat(timespec="microseconds")[:26].encode()
    except OverflowError:
        earliest = b""
    late = [(text, total) for text, total in zip(started, totals, strict=True) if text >= earliest]
    return begin, max([_moment(text).timestamp() + total / 1000 for text, total in late])


def _moment(text: bytes) -> datetime:
    return datetime.fromisoformat(text.decode())
