"""Ordinary lines are taken unparsed, and give what parsing them gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

import recorder
from cassette_tools.columns import columns_of, joined, row_of
from tests.cassette_tools.cassettes import Cassette
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from pathlib import Path


def line_of(**parts: Any) -> bytearray:
    return bytearray(Cassette().interaction(**parts).lines[1])


def test_what_the_recorder_writes_is_ordinary(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with Origin() as origin, recorder.record(path), requests.Session() as session:
        session.trust_env = False
        for target in ("json?token=abc", "gzip", "chunked", "status/204", "status/404", "bytes/3000000"):
            session.get(f"{origin.url}/{target}")
        session.post(f"{origin.url}/echo", json={"password": "x"})
    lines = [line for line in path.read_bytes().split(b"\n") if line.startswith(b'{"type":"interaction"')]
    assert len(lines) == 7
    assert [row_of(bytearray(line), 0, len(line)) is not None for line in lines] == [True] * 7


@pytest.mark.parametrize(
    "parts",
    [
        {"status": None, "body": None, "error": {"phase": "connect", "type": "E", "message": "m"}},
        {"status": None, "body": None},
        {"body_changes": {"complete": False, "incomplete": "closed"}},
        {"url": 'https://h/"quoted"'},
        {"url": "https://h/back\\slash"},
        {"method": "get"},
        {"client": 'a"b'},
        {"started_at": None},
        {"process": None},
        {"connection": None},
        {"timings_ms": {"total": 1e-7}},
        {"timings_ms": {"total": -1.0}},
        {"timings_ms": {"dns": 1.0, "total": 2.0}},
        {"error": {"phase": "body", "type": "E", "message": "m"}},
    ],
)
def test_what_is_not_ordinary_is_left_to_the_parser(parts: dict[str, Any]) -> None:
    line = line_of(**parts)
    assert row_of(line, 0, len(line) - 1) is None


def test_columns_hold_what_the_lines_say() -> None:
    lines = [
        line_of(url="https://H/ads/17?x=/18", sent=b"abc", body=b"12345", total=20.5, at=1.5, redacted={"a": 2}),
        line_of(method="DELETE", url="https://h", status=404, body=None, rss=None, at=0.25, total=3.0),
    ]
    rows = [row_of(line, 0, len(line) - 1) for line in lines]
    batch = columns_of([row for row in rows if row is not None])
    columns = batch.columns
    assert columns.address == (("h", "/ads/{id}"), ("h", "/"))
    assert columns.method == ("GET", "DELETE")
    assert columns.status == (200, 404)
    assert (columns.sent, columns.got, columns.got_wire) == ((3, None), (5, None), (5, None))
    assert (columns.total, columns.connect, columns.rss) == ((20.5, 3.0), (3.214, 3.214), (31_457_280, None))
    assert (columns.process[0], columns.pid[0], columns.client[0]) == ("5f2c9a1b", 4242, "requests/2.34.2")
    assert (columns.tls, columns.reused) == (("TLSv1.3",) * 2, (False, False))
    assert (batch.last - batch.first) == pytest.approx(1.5 - 0.25 + 0.0205)
    assert batch.redacted == [{"a": 2}]


def test_the_last_to_end_is_found_whenever_it_began() -> None:
    totals = [(0.0, 9000.0), (1.0, 10.0), (2.0, 10.0), (8.9, 50.0)]
    rows = [row_of(line, 0, len(line) - 1) for line in (line_of(at=at, total=total) for at, total in totals)]
    batch = columns_of([row for row in rows if row is not None])
    assert (batch.last - batch.first) == pytest.approx(9.0)


def test_parsed_rows_stand_among_the_others_in_their_order() -> None:
    row = row_of(line := line_of(), 0, len(line) - 1)
    assert row is not None
    batch = columns_of([row, row])
    parsed = tuple(f"parsed {number}" for number in range(len(batch.columns)))
    columns = joined(batch, [(0, parsed), (1, parsed), (2, parsed)])
    assert columns.method == ("parsed 6", "GET", "parsed 6", "GET", "parsed 6")
    assert joined(batch, []) is batch.columns
