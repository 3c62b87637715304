"""The figures by host, endpoint and so on are right, in bounded memory, whatever is in the cassette."""

from __future__ import annotations

import io
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest

from cassette_tools.statistics import BUCKETS, TABLES, Measured, Statistics, collect
from recorder.errors import BadCassetteError
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import Cassette

REFUSED = {"phase": "connect", "type": "requests.exceptions.ConnectionError", "message": "refused"}
HTML = [("content-TYPE", "Text/HTML; charset=utf-8")]


def statistics_of(cassette: Cassette) -> Statistics:
    return collect(Reader(io.BytesIO(cassette.data()), types=["interaction"], bodies=False))


def keys(statistics: Statistics, table: str) -> list[str]:
    return [key for key, _ in statistics.ordered(table)]


def small() -> Cassette:
    cassette = Cassette()
    cassette.get("https://a/ads/1", body=b"12345", total=10.0)
    cassette.get("https://a/ads/2", body=b"123", total=30.0)
    cassette.interaction(method="POST", url="https://b/x", status=500, sent=b"abc", body=b"x", headers=HTML, total=5.0)
    cassette.get("https://b/x", status=204, body=None, headers=[], total=1.0, client="httpx/0.28")
    return cassette.interaction(url="https://gone/", status=None, body=None, error=REFUSED, total=2.0)


def test_each_table_has_the_rows_of_its_key() -> None:
    statistics = statistics_of(small())
    assert {table: keys(statistics, table) for table in TABLES} == {
        "hosts": ["a", "b", "gone"],
        "endpoints": ["GET a/ads/{id}", "POST b/x", "GET gone/", "GET b/x"],
        "statuses": ["200", "500", "none", "204"],
        "types": ["application/json", "text/html", "no response", "not told"],
        "clients": ["requests/2.34.2", "httpx/0.28"],
        "methods": ["GET", "POST"],
    }


def test_a_row_has_counts_bytes_times_and_percentiles() -> None:
    statistics = statistics_of(small())
    row = statistics.tables["endpoints"].rows["GET a/ads/{id}"]
    assert (row.count, row.failures, row.errors, row.bytes_sent, row.bytes_received) == (2, 0, 0, 0, 8)
    assert (row.total_ms, row.latency.largest, row.size.largest) == (40.0, 30.0, 5)
    assert row.latency.percentile(50) == pytest.approx(10.0, rel=0.01)
    assert row.latency.percentile(99) == pytest.approx(30.0, rel=0.01)
    posted = statistics.tables["methods"].rows["POST"]
    assert (posted.errors, posted.bytes_sent) == (1, 3)
    gone = statistics.tables["hosts"].rows["gone"]
    assert (gone.failures, gone.errors, gone.size.count) == (1, 0, 0)


def test_every_table_adds_up_to_everything() -> None:
    cassette = Cassette()
    for number in range(9000):  # more than are counted together
        cassette.get(f"https://h{number % 7}/{'abcdefghij'[number % 10]}", total=number / 7, body=b"x" * (number % 30))
    statistics = statistics_of(cassette)
    assert statistics.all.count == 9000
    for table in TABLES:
        total = Measured()
        for _, row in statistics.ordered(table):
            total.merge(row)
        assert (total.count, total.bytes_received) == (9000, statistics.all.bytes_received)
        assert total.total_ms == pytest.approx(statistics.all.total_ms)
        assert total.latency.percentile(90) == statistics.all.latency.percentile(90)


def test_where_no_times_are_known_rows_stand_in_the_order_of_their_bytes() -> None:
    cassette = Cassette()
    cassette.get("https://few/", body=b"x", timings_ms={}).get("https://few/", body=b"x", timings_ms={})
    cassette.get("https://much/", body=b"x" * 100, timings_ms={})
    assert keys(statistics_of(cassette), "hosts") == ["much", "few"]


def test_only_what_is_wanted_is_counted() -> None:
    reader = Reader(io.BytesIO(small().data()), bodies=False)
    assert collect(reader, lambda line, number: number == 3).all.count == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"request": None}, "request"),
        ({"request": {"method": 1, "url": "u", "headers": []}}, "request.method"),
        ({"request": {"method": "GET", "url": 7, "headers": []}}, "request.url"),
        ({"timings_ms": []}, "timings_ms"),
        ({"timings_ms": {"total": "long"}}, "timings_ms"),
        ({"response": {"status": "200", "headers": []}}, "response.status"),
        ({"response": {"status": 200, "headers": 1}}, "response.headers"),
        ({"response": {"status": 200, "headers": [["Content-Type", 7]]}}, "response.headers"),
        ({"response": {"status": 200, "headers": [["Content-Type"]]}}, "response.headers"),
        ({"response": {"status": 200, "headers": [], "body": {"size": -1}}}, "response.body"),
    ],
)
def test_a_malformed_interaction_is_refused_with_its_line_and_key(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(BadCassetteError, match=rf"line 3.*`{named}"):
        statistics_of(Cassette().get().get(**changes))


def test_there_are_no_more_buckets_than_the_bound() -> None:
    head = next(iter(Reader(io.BytesIO(Cassette().get().data()), types=["interaction"]))).head
    statistics = Statistics()
    for number in range(40_000):  # each endpoint with as many different times and sizes as it can
        size = 1.021 ** (number // 100) + 1
        response = head["response"] | {"body": head["response"]["body"] | {"size": int(size)}}
        statistics.take(
            "interaction",
            head
            | {"request": head["request"] | {"url": f"https://h/{'x' * (number % 500)}"}, "response": response}
            | {"timings_ms": {"total": 1.021 ** (number // 100)}},
        )
    statistics.finish()
    used = sum(
        row.latency.buckets + row.size.buckets for table in statistics.tables.values() for row in table.rows.values()
    )
    assert used <= BUCKETS
    endpoints = statistics.tables["endpoints"]
    assert sum(row.count for row in endpoints.rows.values()) + endpoints.others.count == 40_000


def test_a_flood_of_different_everything_stays_in_bounds() -> None:
    head = next(iter(Reader(io.BytesIO(Cassette().get().data()), types=["interaction"]))).head
    statistics = Statistics()
    tracemalloc.start()
    try:
        for number in range(5_000):
            mark = f"{number}-" + "x" * 1000
            statistics.take(
                "interaction",
                head
                | {
                    "request": head["request"] | {"method": f"M{mark}", "url": f"https://{mark}/{mark}"},
                    "response": head["response"] | {"status": number % 1000, "headers": [["Content-Type", mark]]},
                    "client": mark,
                },
            )
        statistics.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60_000_000
    for name, table in statistics.tables.items():
        assert table.was_cut or name == "statuses"
        assert sum(row.count for row in table.rows.values()) + table.others.count == 5_000


MEMORY = """
import io, sys
from cassette_tools.statistics import Statistics
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import Cassette
from tests.peak import peak_kib
head = next(iter(Reader(io.BytesIO(Cassette().get().data()), types=["interaction"]))).head
statistics = Statistics()
peaks = []
for number in range(int(sys.argv[1])):
    request = head["request"] | {"url": f"https://h{number % 9973}.example/a{number}x/b{number // 7}y"}
    statistics.take("interaction", head | {"request": request, "timings_ms": {"total": number / 10}})
    if number in (15_000, int(sys.argv[1]) - 1):
        peaks.append(peak_kib())
print(*peaks)
"""


def peaks(count: int) -> tuple[int, int]:
    out = subprocess.run([sys.executable, "-c", MEMORY, str(count)], capture_output=True, text=True, check=True).stdout
    first, last = map(int, out.split())
    return first, last


def test_memory_does_not_grow_with_the_number_of_different_endpoints() -> None:
    first, last = peaks(45_000)
    assert last < first + 3000
    assert last < 100_000


@pytest.mark.full
def test_memory_does_not_grow_with_millions_of_different_endpoints() -> None:
    first, last = peaks(3_000_000)
    assert last < first + 3000
