"""Takes what a summary counts out of ordinary interaction lines, without parsing them: many lines, a column a figure.

Law: a line that `row_of` takes is one that a recorder wrote: its keys in their order, nothing escaped in what is
counted, a whole response, no error. Every other line is for the parser; what comes out is the same, at a third of the
cost. Numbers are parsed together, a column at a time; what repeats from line to line (client, process, connection;
the address without ids) is parsed once. Header fields are passed over.

Memory: the rows of a batch, and a cache of at most 4,096 connections.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from cassette_tools.endpoint import endpoint_of

__all__ = ["Batch", "Columns", "Row", "columns_of", "joined", "row_of"]

Row: TypeAlias = tuple[Any, ...]
"""What is found in a line: bytes, as they stand there, or None."""

_TEXT: Final = rb'"[^"\\]*+"'
_NUMBER: Final = rb"[0-9]{1,15}+"
_DECIMAL: Final = rb"([0-9]{1,12}+(?:\.[0-9]{1,9}+)?+)"
_BODY: Final = (
    rb'\],"body":(?:null|\{"size":(' + _NUMBER + rb'),"wire_size":(' + _NUMBER + rb"|null),"
    rb'(?:"sha256":"[0-9a-f]{64}",)?+"complete":true(?:,"coding":' + _TEXT + rb')?+(?:,"framing":"[a-z]++")?+'
    rb'(?:,"pieces":' + _NUMBER + rb')?+(?:,"sha256":"[0-9a-f]{64}")?+\})\}'
)
_KEY_BEHIND: Final = b'],"'

_FIRST: Final = re.compile(
    rb'\{"type":"interaction","id":' + _TEXT + rb',"seq":' + _NUMBER + rb',"started_at":"([0-9T:.-]{26}Z)",'
    rb'"timings_ms":\{(?:"connect":' + _DECIMAL + rb',?+)?+(?:"first_byte":' + _DECIMAL + rb',?+)?+'
    rb'(?:"total":' + _DECIMAL + rb')?+\},("client":' + _TEXT + rb',"process":' + _TEXT + rb',"pid":' + _NUMBER
    + rb',"thread":[0-9nul]++,"connection":\{[^}]*+\}),"rss":(' + _NUMBER + rb'|null),'
    rb'"request":\{"method":"([A-Z]{1,20}+)","url":"(https?+://[^"?#\\]{0,1500}+)(?=["?#])[^"\\]*+",'
    rb'"http_version":' + _TEXT + rb',"headers":\['
).match  # fmt: skip
_SECOND: Final = re.compile(
    _BODY + rb',"response":\{"status":([1-9][0-9]{2}),"reason":' + _TEXT + rb',"http_version":' + _TEXT
    + rb',"headers":\['
).match  # fmt: skip
_THIRD: Final = re.compile(_BODY + rb'(?:,"redacted":(\{[^}]*+\}))?+,"bodies":\{').match


def row_of(buffer: bytearray, start: int, end: int) -> Row | None:
    """Give what is counted of the line from `start` to `end`; None where it is not an ordinary interaction.

    What stands behind `"bodies":{` is not looked at. Header fields are passed over: `],"` stands behind them, and in
    front of it only where a value ends in `],`; such a line is left to the parser, as one with other keys there is.
    """
    first = _FIRST(buffer, start, end)
    if first is None:
        return None
    # Where it is not found both are asked at the place -1, which is the buffer's beginning, and do not match there.
    second = _SECOND(buffer, buffer.find(_KEY_BEHIND, first.end() - 1, end), end)
    if second is None:
        return None
    third = _THIRD(buffer, buffer.find(_KEY_BEHIND, second.end() - 1, end), end)
    return None if third is None else first.groups() + second.groups() + third.groups()


_CONNECTIONS: Final = 4096
_FORM: Final = b"0000-00-00T00:00:00.000000Z"
_TO_NOUGHT: Final = bytes.maketrans(b"123456789", b"000000000")
_NUMBERS_IN_PATHS: Final = re.compile(rb"/(?<=[^/]/)[0-9]++(?![^/])")

_connections: dict[bytes, tuple[Any, ...]] = {}
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
    if None in column and column.count(None) == len(column):
        return column
    return tuple(orjson.loads(b"[%b]" % b",".join([one or b"null" for one in column])))


def _wire(sizes: tuple[int | None, ...], column: tuple[bytes | None, ...]) -> tuple[int | None, ...]:
    """Return sizes on the wire; where a conversion did not know one, the stored size."""
    wire = _numbers(column)
    if b"null" in column:
        return tuple([size if one is None else one for one, size in zip(wire, sizes, strict=True)])
    return wire


def _connection(text: bytes) -> tuple[Any, ...]:
    """Parse what repeats: process, pid, client, TLS, and whether the connection was reused."""
    value = orjson.loads(b"{%b}" % text)
    connection = value["connection"]
    tls = str(connection.get("tls") or "none") if connection else None
    found = (value["process"], value["pid"], value["client"] or "unknown", tls, connection.get("reused"))
    if len(_connections) >= _CONNECTIONS:
        _connections.clear()
    _connections[text] = found
    return found


def _endpoints(urls: tuple[bytes, ...]) -> tuple[tuple[str, str], ...]:
    """Return the endpoints of addresses. Most are known, or are but for their numbers, which are folded first."""
    known = _addresses.get
    return tuple([known(url) or known(_NUMBERS_IN_PATHS.sub(b"/0", url)) or _endpoint(url) for url in urls])


def _endpoint(url: bytes) -> tuple[str, str]:
    folded = _NUMBERS_IN_PATHS.sub(b"/0", url)
    endpoint = endpoint_of(folded.decode())
    if len(_addresses) >= _CONNECTIONS:
        _addresses.clear()
    if len(folded) <= 300:
        _addresses[folded] = endpoint
    return endpoint


def _span(started: tuple[bytes, ...], totals: tuple[float | None, ...]) -> tuple[float, float]:
    """Return when the first row began and when the last one ended, in seconds of the epoch.

    Texts of one length in UTC have the order of their times. The last to end began no earlier than the longest one
    would have to: only those are parsed.
    """
    if b"".join(started).translate(_TO_NOUGHT) != _FORM * len(started):
        raise ValueError("a time has another form")  # the order of texts would not be that of times
    for second in {text[:19] for text in started}:  # there is no 30th of February
        _moment(second)
    begin = _moment(min(started)).timestamp()
    longest = max([total for total in totals if total is not None], default=None)
    if longest is None:
        return begin, float("-inf")
    latest = max([text for text, total in zip(started, totals, strict=True) if total is not None])
    try:
        bound = (_moment(latest) - timedelta(milliseconds=longest)).isoformat(timespec="microseconds")[:26].encode()
    except OverflowError:
        bound = b""
    ends = [
        _moment(text).timestamp() + total / 1000
        for text, total in zip(started, totals, strict=True)
        if text >= bound and total is not None
    ]
    return begin, max(ends, default=float("-inf"))


def _moment(text: bytes) -> datetime:
    return datetime.fromisoformat(text.decode())
