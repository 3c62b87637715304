"""Figures that are gathered part by part, in several processes, are those of the whole; what is odd is left alone."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cassette_tools import cli, parts
from cassette_tools.parts import Parts
from cassette_tools.source import Facts
from cassette_tools.statistics import Statistics, collect
from cassette_tools.summary import LINE_TYPES, Summary, summarize
from cassette_tools.views.json import summary_object
from cassette_tools.views.statistics import statistics_object
from recorder.errors import BadCassetteError
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import Cassette

FACTS = Facts("c", 1, "tail", growing=False, damage=())
REFUSED = {"phase": "connect", "type": "requests.ConnectionError", "message": "refused"}
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "WORTH_IT", 0)
    monkeypatch.setattr(parts, "PART", 3000)


def figures(path: Path, *, processes: int = 1) -> dict[str, Any] | None:
    with Parts(str(path), Summary, Summary.of_part, processes=processes) as reading:
        found = reading.gather()
    return None if found is None else summary_object(found, FACTS)


def in_one_go(data: bytes) -> tuple[dict[str, Any], Reader]:
    reader = Reader(io.BytesIO(data), types=LINE_TYPES, bodies=False)
    return summary_object(summarize(reader), FACTS), reader


def alike(one: Any, other: Any) -> bool:
    """Compare figures; sums of floats may differ in their last digit, by the order in which they were added."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == (pytest.approx(other, rel=1e-12) if isinstance(one, float) else other))


def varied(count: int = 60) -> Cassette:
    """Return a cassette with some of everything that a recorder writes."""
    cassette = Cassette().process()
    for number in range(count):
        cassette.get(f"https://h/ads/{number}?x=1", body=b"b" * number * 7, total=1.5 * number, rss=1000 + number)
        if number % 5 == 0:
            cassette.interaction(url="http://gone/x", status=None, body=None, error=REFUSED, rss=None)
        if number % 7 == 0:
            cassette.get(f"https://big/{number}", body=b"0123456789" * 50, pieces=3, redacted={"known:env:A": 2})
        if number % 11 == 0:
            cassette.diagnosis(memory={"rss": number}, growth=[])
        if number % 13 == 0:
            cassette.get('https://h/"quoted"/ü', body=b"\xff\x00", process="forked", sent=b"abc", status=404)
        if number % 17 == 0:
            cassette.process(process="forked", pid=7, program="child.py")
    return cassette.end(process="forked", seen=9, lost={"stopped": 1}).end()


EXCHANGES = st.lists(
    st.one_of(
        st.builds(
            lambda path, query, total, size, rss: (
                "get",
                {
                    "url": f"https://h/{path}{query}",
                    "total": total,
                    "body": b'"\\' * size,
                    "rss": rss,
                },
            ),
            st.text('ab17/-.%~é"\\', max_size=8),
            st.sampled_from(["", "?a=1", "?a=/17#x", "#top"]),
            st.floats(0, 1e6).map(lambda value: round(value, 3)),
            st.integers(0, 400),
            st.none() | st.integers(0, 2**40),
        ),
        st.just(("interaction", {"status": None, "body": None, "error": REFUSED})),
        st.just(("interaction", {"method": "POST", "status": 503, "sent": b"a", "redacted": {"field:x": 1}})),
        st.just(("get", {"started_at": None, "timings_ms": {}, "client": None, "connection": None, "rss": None})),
        st.just(("get", {"body_changes": {"complete": False, "incomplete": "closed"}})),
        st.just(("get", {"body_changes": {"wire_size": None}})),
        st.just(("get", {"body": b"x" * 300, "pieces": 2})),
        st.just(("process", {"program": "b.py"})),
        st.just(("end", {})),
        st.just(("header", {"run": "two", "process": "00000002"})),
        st.just(("header", {"redaction": {"policy": "p"}})),
        st.just(("diagnosis", {"memory": {"rss": 5}})),
    ),
    max_size=30,
)


@SLOW
@given(EXCHANGES, st.integers(100, 6000))
def test_a_cassette_that_is_cut_anywhere_has_the_figures_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: list[tuple[str, dict[str, Any]]], size: int
) -> None:
    cassette = Cassette().process()
    for kind, arguments in exchanges:
        getattr(cassette, kind)(**arguments)
    path = cassette.write(tmp_path / "c.jsonl")
    monkeypatch.setattr(parts, "PART", size)
    found = figures(path)
    expected, reader = in_one_go(cassette.data())
    assert found is not None
    assert alike(found, expected)
    with Parts(str(path), Summary, Summary.of_part, processes=1) as reading:
        reading.gather()
    assert (reading.finished, reading.read) == (reader.finished, path.stat().st_size)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_number_of_processes_changes_no_digit(processes: int, tmp_path: Path) -> None:
    path = varied().write(tmp_path / "c.jsonl")
    one = figures(path)
    assert one is not None
    assert one == figures(path, processes=processes)
    assert alike(one, in_one_go(path.read_bytes())[0])


@pytest.mark.parametrize("processes", [1, 2])
def test_statistics_are_gathered_in_parts_too(processes: int, tmp_path: Path) -> None:
    path = varied().write(tmp_path / "c.jsonl")
    with Parts(str(path), Statistics, Statistics, processes=processes) as reading:
        found = reading.gather()
    assert found is not None
    expected = collect(Reader(io.BytesIO(path.read_bytes()), types=["interaction"], bodies=False))
    assert alike(statistics_object(found, FACTS), statistics_object(expected, FACTS))


@pytest.mark.parametrize(
    ("cassette", "looked"),
    [
        (Cassette().get().get().end(), False),
        (Cassette().get().get(process="forked").end(interactions=1).end(process="forked", interactions=1), False),
        (Cassette().get().end().end(exit_code=0), False),
        (Cassette().get().get(), True),
        (Cassette().get().get().end(interactions=1), True),
        (Cassette().get().get(process="killed").end(), True),
    ],
)
def test_the_file_is_read_once_more_where_end_lines_do_not_tell_of_all_interactions(
    cassette: Cassette, looked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    ordinary = Parts._is_single

    def told(self: Parts[Summary], part: int) -> bool:
        asked.append(part)
        return ordinary(self, part)

    monkeypatch.setattr(Parts, "_is_single", told)
    assert figures(cassette.write(tmp_path / "c.jsonl")) is not None
    assert bool(asked) is looked


def test_ordinary_lines_are_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    monkeypatch.setattr(parts, "_head", lambda *arguments, **_: parsed.append(arguments))
    cassette = Cassette(redaction={"policy": "p"}).process()
    for number in range(40):
        cassette.get(
            f"https://h/{number}", sent=b"a", headers=[("X", 'a "quoted" ],[ "]'), ("E", "")], redacted={"a": 1}
        )
    assert figures(cassette.end().write(tmp_path / "c.jsonl")) is not None
    assert parsed == []


def torn(data: bytes, at: int) -> bytes:
    """Tear the record at `at` and put the next one right behind it, as a process of several that was killed does."""
    return data[:at] + data[data.index(b"\n", at) + 1 :]


@pytest.mark.parametrize("processes", [1, 2])
@SLOW
@given(kind=st.sampled_from(["torn", "cut", "nul", "empty", "feedless", "spaced"]), place=st.floats(0, 0.99))
def test_what_is_damaged_or_odd_is_left_to_the_reader(tmp_path: Path, processes: int, kind: str, place: float) -> None:
    data = varied(12).data()
    at = data.index(b"\n") + 1 + int(place * (len(data) - data.index(b"\n") - 2))
    line = data.rindex(b"\n", 0, at) + 1
    odd = {
        "torn": torn(data, at) if at > line + 9 else data[:-1],
        "cut": data[:at] if not data[:at].endswith(b"\n") else data[:-3],
        "nul": data[:at] + b"\0" + data[at:],
        "empty": data[:line] + b"\n" + data[line:],
        "feedless": data[:-1],
        "spaced": data[:line] + b" " + data[line:],
    }[kind]
    path = tmp_path / "c.jsonl"
    path.write_bytes(odd)
    found = figures(path, processes=processes)
    try:
        expected, reader = in_one_go(odd)
    except BadCassetteError:
        assert found is None
    else:
        assert found is None or (not reader.damage and alike(found, expected))


@pytest.mark.parametrize(
    "header",
    [{"converted": True}, {"format": 2}],
)
def test_what_is_not_of_a_recorder_or_newer_is_left_to_the_reader(header: dict[str, Any], tmp_path: Path) -> None:
    assert figures(Cassette(**header).get().end().write(tmp_path / "c.jsonl")) is None


@pytest.mark.parametrize("content", [b"", b"{}\n", b"interactions: []\n", b"\xef\xbb\xbf" + Cassette().get().data()])
def test_another_file_is_left_to_the_reader(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(content)
    assert figures(path) is None
    assert figures(tmp_path / "none") is None
    assert figures(tmp_path) is None


def test_a_line_longer_than_a_process_takes_is_left_to_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "BLOCK", 4096)
    monkeypatch.setattr(parts, "LONGEST", 16_384)
    assert figures(Cassette().get(body=b"x" * 8000).write(tmp_path / "c.jsonl")) is not None
    assert figures(Cassette().get(body=b"x" * 40_000).write(tmp_path / "d.jsonl")) is None


def test_a_flood_of_other_lines_is_left_to_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_TOLD", 2000)
    cassette = Cassette().get()
    for number in range(20):
        cassette.diagnosis(memory={"rss": number}, growth=[{"site": "x" * 100}])
    assert figures(cassette.end().write(tmp_path / "c.jsonl")) is None


@pytest.mark.parametrize("number", [0, 3])
def test_the_work_of_a_process_that_is_killed_is_done_nevertheless(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = varied().write(tmp_path / "c.jsonl")
    expected = figures(path)
    parent = os.getpid()
    ordinary = Parts._gathered

    def killed(self: Parts[Summary], part: int) -> Any:
        if os.getpid() != parent and part > number:
            os.kill(os.getpid(), signal.SIGKILL)
        return ordinary(self, part)

    monkeypatch.setattr(Parts, "_gathered", killed)
    assert figures(path, processes=2) == expected


def test_a_fault_in_another_process_is_met_in_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = varied().write(tmp_path / "c.jsonl")
    ordinary = Parts._gathered

    def faulty(self: Parts[Summary], part: int) -> Any:
        if part == 3:
            raise RuntimeError("a bug")
        return ordinary(self, part)

    monkeypatch.setattr(Parts, "_gathered", faulty)
    with pytest.raises(RuntimeError, match="a bug"):
        figures(path, processes=2)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # none is left


def test_no_process_is_left_when_it_ends_early(tmp_path: Path) -> None:
    path = varied().write(tmp_path / "c.jsonl")
    with Parts(str(path), Summary, Summary.of_part, processes=3):
        pass
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


SCRIPT = """
import sys, time
from cassette_tools import parts
from cassette_tools.summary import Summary
parts.WORTH_IT, parts.PART = 0, 3000
def slow(self, part, ordinary=parts.Parts._gathered):
    time.sleep(0.2)
    return ordinary(self, part)
parts.Parts._gathered = slow
with parts.Parts(sys.argv[1], Summary, Summary.of_part, processes=2) as reading:
    print([child._pid for child in reading._children.values()][0], flush=True)
    reading.gather()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_other_process_ends_with_this_one(number: signal.Signals, tmp_path: Path) -> None:
    path = varied().write(tmp_path / "c.jsonl")
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(number)
        process.wait(20)
    until = time.monotonic() + 10
    while alive(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(child)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


MEMORY = """
import sys
from cassette_tools.parts import Parts
from cassette_tools.summary import Summary
from tests.peak import peak_kib
with Parts(sys.argv[1], Summary, Summary.of_part, processes=int(sys.argv[2])) as reading:
    assert reading.gather().interactions == int(sys.argv[3])
print(peak_kib())
"""


def test_memory_does_not_depend_on_the_length(tmp_path: Path) -> None:
    line = Cassette().get(body=b"x" * 2000).lines[1]
    peaks = []
    for count in (10_000, 40_000):
        path = tmp_path / "c.jsonl"
        path.write_bytes(Cassette().lines[0] + line * count)
        out = subprocess.run(
            [sys.executable, "-c", MEMORY, str(path), "2", str(count)], capture_output=True, text=True, check=True
        )
        peaks.append(int(out.stdout))
    assert peaks[1] < peaks[0] + 4000
    assert peaks[1] < 50_000


@pytest.mark.parametrize("option", ["", "--stats"])
def test_the_command_says_the_same_whichever_way_it_reads(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = varied(600).write(tmp_path / "c.jsonl")
    arguments = ["inspect", str(path), "--json", *([option] if option else [])]
    assert cli.run(arguments) == 0
    one = json.loads(capsys.readouterr().out)
    monkeypatch.setattr("cassette_tools.commands.looking._WORTH_PARTS", 0)
    monkeypatch.setattr("cassette_tools.source.Reader.__iter__", None)  # nothing may read it in one go
    assert cli.run(arguments) == 0
    other = json.loads(capsys.readouterr().out)
    assert alike(one, other)
    assert one["file"] == other["file"]
