"""Ordinary lines are taken unparsed, and give what parsing them gives."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests

import recorder
from cassette_tools.columns import Row, columns_of, joined, match_line
from cassette_tools.source import Facts
from cassette_tools.summary import Summary
from cassette_tools.views.json import summary_object
from tests.cassette_tools.cassettes import Cassette
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def line_of(**parts: Any) -> bytearray:
    return bytearray(Cassette().interaction(**parts).lines[1])


def row_of(line: bytearray, start: int, end: int) -> Row | None:
    found = match_line(line, start, end)
    return None if found is None else found.groups()


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
        {"started_at": None},
        {"connection": None},
        {"timings_ms": {"total": 1e-7}},
        {"timings_ms": {"total": -1.0}},
        {"timings_ms": {"total": 1234567890123456}},
        {"timings_ms": {"dns": 1.0, "total": 2.0}},
        {"error": {"phase": "body", "type": "E", "message": "m"}},
        {"url": "/ads/17"},
        {"url": "//h/1/2"},
        {"url": "http:/123/7"},
        {"url": f"https://h{'/1' * 1000}"},
        {"body_changes": {"removed": "could not be redacted"}},
        {"headers": [("X-Key", "ends in ],")]},
    ],
)
def test_what_is_not_ordinary_is_left_to_the_parser(parts: dict[str, Any]) -> None:
    line = line_of(**parts)
    assert row_of(line, 0, len(line) - 1) is None


@pytest.mark.parametrize(
    ("ordinary", "doubled"),
    [
        (b'],"body":{', b'],"status":500,"x":[],"body":{'),
        (b'],"body":null', b'],"url":"https://other/","x":[],"body":null'),
        (b'"complete":true', b'"complete":true,"complete":false'),
        (b'"framing":"length"', b'"framing":"length","size":77'),
        (b'"total":15.02', b'"total":15.02,"total":1.0'),
    ],
)
def test_a_line_with_a_key_twice_is_left_to_the_parser_which_takes_the_last(ordinary: bytes, doubled: bytes) -> None:
    line = line_of()
    assert ordinary in line
    line = line.replace(ordinary, doubled, 1)
    assert row_of(line, 0, len(line) - 1) is None


@pytest.mark.parametrize(
    "doubled",
    [
        b'"url":"https://other/",',
        b'"started_at":"2020-01-01T00:00:00.000000Z",',
        b'"timings_ms":{"total":1},',
    ],
)
def test_a_key_among_those_that_repeat_is_not_passed_over(doubled: bytes) -> None:
    line = line_of().replace(b'"process":', doubled + b'"process":', 1)
    row = row_of(line, 0, len(line) - 1)
    if row is not None:
        with pytest.raises(ValueError, match="out of its place"):
            columns_of([row])


@pytest.mark.parametrize(
    "moment",
    [
        "20261123T033048.1234567890Z",  # sorts before the others, whenever it is
        "2026-02-31T03:30:48.123456Z",
        "2026-11-23T24:30:48.123456Z",
    ],
)
def test_a_time_of_another_form_or_that_is_none_is_not_counted(moment: str) -> None:
    rows = [row_of(line, 0, len(line) - 1) for line in (line_of(), line_of(started_at=moment), line_of(at=5))]
    with pytest.raises(ValueError, match=r"form|day|hour"):
        columns_of([row for row in rows if row is not None])


def test_the_last_to_end_is_found_where_the_latest_one_never_ended() -> None:
    lines = [line_of(at=0.0, total=10.0), line_of(at=100.0, timings_ms={})]
    batch = columns_of([row for row in (row_of(line, 0, len(line) - 1) for line in lines) if row is not None])
    assert (batch.last - batch.first) == pytest.approx(0.01)


TEXTS = ["a", 'x],"body":null}', "{", "]", '],"', '"', "\\", "é", "\u2028", "},", '"complete":false', "\n"]
URLS = [
    "https://h/ads/17",
    "http://h",
    "https://H:443/a/1/2?x=/3#f",
    "/ads/17",
    "a/5",
    "http:/1/7",
    "https:///5",
    "*",
    "",
]


def drawn(random: Random) -> dict[str, Any]:
    """Return the parts of an interaction of which each may be odd."""

    def maybe(*odd: Any) -> Any:
        return random.choice(odd) if random.random() < 0.1 else None

    parts = {
        "method": maybe("get", "G" * 25, "É"),
        "url": random.choice(URLS[:3]) if random.random() < 0.7 else random.choice(URLS),
        "status": random.choice([200, 200, 404, 500, 99, 1000]),
        "sent": maybe(b"", b"abc"),
        "total": random.choice([0, 0.0, 1.5, 99.125, 7, 1e-7, -1.0]),
        "at": random.uniform(0, 100),
        "headers": [(random.choice(TEXTS), random.choice(TEXTS)) for _ in range(random.randrange(3))],
        "body_changes": maybe({"complete": False, "incomplete": "closed"}, {"wire_size": None}, {"coding": "a}"}),
        "client": maybe("", 'a"b'),
        "connection": maybe({}, {"reused": 1}, {"tls": "}"}, {"x": {"y": 1}}),
        "redacted": maybe({"a}": 1}, {"verify": 2}, {}),
        "timings_ms": maybe({}, {"total": 3, "connect": 1}, {"connect": 1}, {"dns": 1}),
    }
    return {name: value for name, value in parts.items() if value is not None}


def garbled(line: bytes, random: Random) -> bytes:
    """Return a line with, now and then, a key doubled, a number replaced, or keys in another order."""
    way = random.randrange(6)
    if way == 0:
        keys = list(re.finditer(rb'[{,](?="[a-z_]+":)', line))
        at = random.choice(keys).end()
        extra = [
            b'"size":7',
            b'"complete":false',
            b'"url":"https://o/"',
            b'"status":599',
            b'"x":[],"body":null',
            b'"rss":5',
        ]
        return line[:at] + random.choice(extra) + b"," + line[at:]
    if way == 1:
        number = random.choice(list(re.finditer(rb"(?<=:)[0-9.]+(?=[,}])", line)))
        return line[: number.start()] + random.choice([b"-0", b"1e5", b"9" * 20, b"null"]) + line[number.end() :]
    if way == 2:
        value = orjson.loads(line)
        part = random.choice([value, value["request"], value["response"]])
        keys_of = random.sample(list(part), len(part))
        for key in keys_of:
            part[key] = part.pop(key)
        return orjson.dumps(value)
    return line


def take_unparsed(summary: Summary, line: bytes) -> None:
    row = row_of(bytearray(line), 0, len(line))
    assert row is not None
    summary.take_rows([row])


def figures(take: Callable[[Summary], None]) -> dict[str, Any]:
    summary = Summary()
    summary.take("header", {"format": 1})
    take(summary)
    return summary_object(summary.finish(), Facts("c", 1, "tail", growing=False, damage=()))


def test_what_is_taken_gives_the_figures_that_the_parser_gives() -> None:
    random = Random(5)
    taken = 0
    for _ in range(3000):
        line = garbled(bytes(line_of(**drawn(random))[:-1]), random)
        if not line.endswith(b'"}}}') or row_of(bytearray(line), 0, len(line)) is None:
            continue
        head = orjson.loads(line[: line.index(b',"bodies":{')] + b"}")
        parsed = figures(lambda summary, head=head: summary.take("interaction", head))  # type: ignore[misc]
        try:
            matched = figures(lambda summary, line=line: take_unparsed(summary, line))  # type: ignore[misc]
        except ValueError:
            continue  # then all of the file is parsed
        assert matched == parsed, line
        taken += 1
    assert taken > 300


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
