"""The figures of a cassette are right, whatever its length, and take bounded memory."""

from __future__ import annotations

import io
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools.runs import Figure
from cassette_tools.source import open_cassette
from cassette_tools.summary import LINE_TYPES, Summary, Traffic, summarize
from recorder.errors import BadCassetteError
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import BEGAN, Cassette

if TYPE_CHECKING:
    from recorder.journal.read import Mode

REFUSED = {"phase": "connect", "type": "requests.exceptions.ConnectionError", "message": "refused"}


def summary_of(cassette: Cassette, mode: Mode = "tail") -> Summary:
    return summarize(Reader(io.BytesIO(cassette.data()), mode=mode, types=LINE_TYPES, bodies=False))


def counts(summary: Summary, name: str) -> dict[str, int]:
    return {key: row.count for key, row in getattr(summary, name).rows.items()}


def test_what_was_counted_adds_up() -> None:
    cassette = Cassette().process()
    cassette.get("https://API.example.com:8443/ads/17?limit=5", body=b"12345", total=10.0, rss=100)
    cassette.interaction(method="POST", url="https://api.example.com:8443/ads/18", status=404, sent=b"abc", body=b"x")
    cassette.get("https://user:secret@other/", body=None, status=204, total=30.0, rss=300)
    cassette.interaction(url="http://gone/x", status=None, body=None, error=REFUSED, rss=None)
    summary = summary_of(cassette.end())

    assert summary.interactions == 4
    assert counts(summary, "methods") == {"GET": 3, "POST": 1}
    assert counts(summary, "statuses") == {"200": 1, "404": 1, "204": 1, "none": 1}
    assert counts(summary, "failures") == {"connect requests.exceptions.ConnectionError": 1}
    assert counts(summary, "clients") == {"requests/2.34.2": 4}
    assert counts(summary, "tls") == {"TLSv1.3": 4}
    assert counts(summary, "endpoints") == {
        "GET api.example.com:8443/ads/{id}": 1,
        "POST api.example.com:8443/ads/{id}": 1,
        "GET other/": 1,
        "GET gone/x": 1,
    }
    assert summary.hosts.rows["api.example.com:8443"] == Traffic(2, 0, 1, 3, 6, 2, 25.02, 15.02)
    assert summary.hosts.rows["gone"].failures == 1
    assert (summary.latency.count, summary.latency.largest) == (4, 30.0)
    assert (summary.requests.stored.total, summary.responses.stored.total) == (3, 6)
    assert (summary.memory.first, summary.memory.last, summary.memory.largest) == (100, 300, 31_457_280)
    process = summary.processes.rows["5f2c9a1b"]
    assert (process.pid, process.program, process.rss_first, process.rss_last) == (4242, "app.py", 100, 300)
    assert summary.started_at == BEGAN + timedelta(seconds=0.1)
    assert summary.ended_at == pytest.approx(BEGAN + timedelta(seconds=0.41502), abs=timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("path", "folded"),
    [
        ("/ads/17", "/ads/{id}"),
        ("/ads/17/", "/ads/{id}/"),
        ("/17/18", "/{id}/{id}"),
        ("/v1/x", "/v1/x"),
        ("/u/0f8fad5b-d9cb-469f-a165-70867728950e/p", "/u/{id}/p"),
        ("/o/0123456789abcdef", "/o/{id}"),
        ("/o/beef", "/o/beef"),
        ("", "/"),
        ("/a?next=/17", "/a"),
    ],
)
def test_ids_in_a_path_are_folded(path: str, folded: str) -> None:
    assert counts(summary_of(Cassette().get(f"https://h{path}")), "endpoints") == {f"GET h{folded}": 1}


def test_a_fragment_and_a_url_that_is_none_are_counted_somewhere() -> None:
    assert counts(summary_of(Cassette().get("https://h/a#b/17")), "endpoints") == {"GET h/a": 1}
    assert counts(summary_of(Cassette().get("*")), "endpoints") == {"GET unknown*": 1}


def test_a_run_ends_cleanly_only_with_the_end_line_of_its_own_process() -> None:
    killed = Cassette().get()
    forked = Cassette().get().end(process="another")
    clean = Cassette().get().end()
    assert [summary_of(one).runs[0].ended for one in (killed, forked, clean)] == ["unfinished", "unfinished", "clean"]


def test_losses_are_summed_over_processes_and_not_counted_again_for_the_command() -> None:
    cassette = Cassette().get().get()
    cassette.end(process="a", seen=5, lost={"unsupported": 2, "stopped": 1})
    cassette.end(process="b", seen=1, lost={"unsupported": 1})
    cassette.end(seen=6, lost={"unsupported": 3, "stopped": 1}, exit_code=3, signal=None)
    run = summary_of(cassette).runs[0]
    assert (run.seen, run.lost, run.exit_code) == (6, {"unsupported": 3, "stopped": 1}, 3)


def test_a_process_that_wrote_no_end_line_is_told_from_one_that_did() -> None:
    cassette = Cassette().process().get().get(process="killed").get(process="forked").end(process="forked").end()
    processes = summary_of(cassette.end(process="wrapper", exit_code=0)).processes.rows
    assert {key: row.ended for key, row in processes.items()} == {"5f2c9a1b": True, "killed": False, "forked": True}


def test_appended_runs_are_told_apart() -> None:
    first = Cassette(run="one").get().get()
    second = Cassette(run="two", process="00000002").get().end()
    summary = summary_of(first.raw(second.data()))
    assert [(run.run, run.interactions, run.ended) for run in summary.runs] == [
        ("one", 2, "unfinished"),
        ("two", 1, "clean"),
    ]
    assert summary.interactions == 3


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({}, (False, "none")),
        ({"converted": True}, (True, "unknown")),
        ({"converted": True, "redaction": {"policy": "p"}}, (True, "policy")),
        ({"redaction": {"policy": "p"}}, (False, "policy")),
        ({"converted": "yes"}, (False, "none")),
    ],
)
def test_what_was_converted_is_told_from_what_a_recorder_wrote(header: dict[str, Any], told: tuple[bool, str]) -> None:
    run = summary_of(Cassette(**header).get()).runs[0]
    assert (run.converted, run.redaction) == told


def test_another_tools_file_is_a_converted_run() -> None:
    har = Path(__file__).parents[2] / "fixtures" / "har" / "playwright-1.65.1-embed.har"
    with open_cassette(str(har), mode="tail", types=LINE_TYPES) as opened:
        summary = summarize(opened.reader)
    assert [(run.converted, run.redaction) for run in summary.runs] == [(True, "unknown")]
    assert summary.interactions > 1


def test_more_runs_than_are_kept_are_counted() -> None:
    cassette = Cassette()
    for number in range(150):
        cassette.raw(Cassette(run=str(number)).get().data())
    summary = summary_of(cassette)
    assert (len(summary.runs), summary.runs_left_out, summary.interactions) == (100, 51, 150)


def test_bodies_that_are_incomplete_are_counted_by_reason() -> None:
    cassette = Cassette().get(body_changes={"complete": False, "incomplete": "truncated"})
    cassette.get(body_changes={"complete": False, "incomplete": "closed"}).get()
    assert {key: row.count for key, row in summary_of(cassette).responses.incomplete.rows.items()} == {
        "truncated": 1,
        "closed": 1,
    }


def test_a_diagnosis_shows_first_last_and_largest_of_each_figure_and_the_last_growth() -> None:
    cassette = Cassette()
    cassette.diagnosis(memory={"rss": 10, "pss": None}, descriptors=5, objects={"pools": 1}, growth=[])
    cassette.diagnosis(memory={"rss": 30, "pss": None}, descriptors=4, growth=[{"site": "a.py:1", "size_diff": 9}])
    cassette.diagnosis(memory={"rss": 20, "pss": 7}, growth=None)
    sample = summary_of(cassette).diagnoses.rows["5f2c9a1b"]
    assert sample.count == 3
    assert sample.figures == {
        "memory.rss": Figure(10, 20, 30),
        "descriptors": Figure(5, 4, 5),
        "objects.pools": Figure(1, 1, 1),
        "memory.pss": Figure(7, 7, 7),
    }
    assert sample.growth == [("a.py:1", 9, None)]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"request": None}, "request"),
        ({"request": {"method": 1, "url": "u", "headers": []}}, "request.method"),
        ({"request": {"method": "GET", "url": 7, "headers": []}}, "request.url"),
        ({"started_at": "yesterday"}, "started_at"),
        ({"timings_ms": {"total": "long"}}, "timings_ms"),
        ({"timings_ms": []}, "timings_ms"),
        ({"response": {"headers": []}}, "response.status"),
        ({"response": {"status": "200", "headers": []}}, "response.status"),
        ({"response": {"status": 200, "headers": [], "body": {"size": -1}}}, "response.body"),
        ({"response": {"status": 200, "headers": [], "body": [1]}}, "response.body"),
        ({"error": "broken"}, "error"),
        ({"connection": "none"}, "connection"),
    ],
)
def test_a_malformed_interaction_is_refused_with_its_line_and_key(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(BadCassetteError, match=rf"line 3.*`{named}"):
        summary_of(Cassette().get().get(**changes))


@pytest.mark.parametrize("line_type", ["process", "end", "diagnosis"])
@pytest.mark.parametrize("value", [None, 1, "text", [], {}, [None], {"a": None}])
def test_other_lines_may_hold_anything(line_type: str, value: object) -> None:
    keys = ("process", "pid", "program", "seen", "lost", "run", "exit_code", "signal", "ended_at", "memory", "growth")
    cassette = Cassette().get().add({"type": line_type} | dict.fromkeys(keys, value)).get()
    assert summary_of(cassette).interactions == 2


def test_interactions_without_a_header_are_counted_in_the_mode_skip() -> None:
    cassette = Cassette().get().get()
    cassette.lines[0] = b'{"type":"hea\0\n'
    summary = summary_of(cassette, "skip")
    assert summary.interactions == 2
    assert [(run.run, run.redaction) for run in summary.runs] == [(None, "unknown")]


def test_a_flood_of_different_everything_stays_in_bounds() -> None:
    summary = Summary()
    head = Cassette().get()
    line = next(line for line in Reader(io.BytesIO(head.data())) if line.type == "interaction").head
    tracemalloc.start()
    try:
        summary.take("header", {"format": 1})
        for number in range(5_000):
            mark = f"{number}-" + "x" * 1000
            summary.take(
                "interaction",
                line
                | {
                    "request": line["request"] | {"method": f"M{mark}", "url": f"https://{mark}/{mark}"},
                    "response": line["response"] | {"status": number % 1000},
                    "client": mark,
                    "process": mark,
                    "connection": {"tls": mark},
                    "error": {"phase": mark, "type": mark, "message": mark},
                },
            )
            summary.take("end", {"lost": {mark: 1}})
            summary.take("process", {"process": mark, "program": mark})
        summary.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000
    assert summary.interactions == 5_000
    for tally in (summary.hosts, summary.endpoints, summary.methods, summary.clients, summary.processes):
        assert tally.was_cut
        total = sum(row.count for _, row in tally.top(10_000))
        assert total + tally.others.count == 5_000
