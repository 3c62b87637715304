"""Statistics on terminals of any width, in pipes, and as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from cassette_tools import cli
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import ctools, ctools_on_terminal

SGR = re.compile("\x1b\\[[0-9;]*m")
REFUSED = {"phase": "connect", "type": "requests.exceptions.ConnectionError", "message": "refused"}
HOSTILE = "\x1b[2J\x1b]0;t\x07\x9b31m\u202egpj\u200b[bold]b[/bold]"
KEYS = {"count", "failed", "errors", "bytes_sent", "bytes_received", "time_ms", "response_size"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    cassette = Cassette()
    for number in range(12):
        cassette.get(f"https://api.example.com/{'abcdefghijklmn'[number]}/{number}", total=100.0 * number)
    cassette.interaction(method="POST", url="https://gone/", status=None, body=None, error=REFUSED, sent=b"abc")
    return cassette.get("https://api.example.com/n", status=404, total=0.001).end().write(tmp_path / "c.jsonl")


def test_the_first_line_tells_of_everything_and_each_table_of_its_rows(path: Path) -> None:
    out = ctools("inspect", path, "--stats", "--top", "3").out.decode()
    lines = out.splitlines()
    assert re.fullmatch(
        r"file          .*c\.jsonl, \d+\.\d kB: 14 interactions, 1 failed, 1 with status 400 and above; 6\.62 s of "
        r"waiting together; 3 B sent, 117 B received",
        lines[0],
    )
    assert lines[1] == "all: client   requests/2.34.2"
    assert [line for line in lines if line and not line.startswith((" ", "file", "all", "time"))] == [
        "hosts",
        "endpoints",
        "statuses",
        "content types of responses",
        "methods",
    ]
    endpoints = lines[lines.index("endpoints") + 1 :][:5]
    assert re.match(r"  count  failed  >=400 +time +p50 +p90 +p99 +longest +sent +received +size p50", endpoints[0])
    assert [line.split()[-1] for line in endpoints[1:4]] == [f"api.example.com/{name}/{{id}}" for name in "lkj"]
    assert endpoints[1].split()[3:5] == ["16.6", "%"]
    assert endpoints[4].endswith("11 others")
    assert "<0.1 %" in out


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(path: Path, columns: int) -> None:
    run = ctools_on_terminal("inspect", path, "--stats", columns=columns)
    lines = SGR.sub("", run.out.decode()).split("\r\n")
    assert run.code == 0
    assert max(map(cell_len, lines)) <= columns
    assert any(line.split()[:1] == ["count"] and "endpoint" in line for line in lines)


def test_in_a_pipe_nothing_is_cut_or_coloured(tmp_path: Path) -> None:
    long = "x" * 250
    path = Cassette().get(f"https://h/{long}").get("https://h/").end().write(tmp_path / "c.jsonl")
    out = ctools("inspect", path, "--stats", FORCE_COLOR="", TERM="xterm").out.decode()
    assert f"GET h/{long}\n" in out
    assert "\x1b" not in out


def test_nothing_recorded_drives_the_terminal(tmp_path: Path) -> None:
    cassette = Cassette()
    for name in ("a", "b"):
        cassette.interaction(
            method=f"{HOSTILE}{name}",
            url=f"https://{HOSTILE}{name}/{HOSTILE}",
            headers=[("Content-Type", HOSTILE + name)],
            client=HOSTILE + name,
        )
    path = cassette.end().write(tmp_path / "c.jsonl")
    for run in (
        ctools("inspect", path, "--stats"),
        ctools("inspect", path, "--stats", "--json"),
        ctools_on_terminal("inspect", path, "--stats", columns=200, NO_COLOR="1"),
    ):
        assert run.code == 0
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202e]", run.out.decode())
    assert "[bold]" in ctools("inspect", path, "--stats").out.decode()


def test_where_no_times_are_known_there_are_no_columns_of_times(tmp_path: Path) -> None:
    path = Cassette().get(timings_ms={}).get("https://b/", timings_ms={}).end().write(tmp_path / "c.jsonl")
    out = ctools("inspect", path, "--stats").out.decode()
    assert "longest" not in out
    assert "waiting" not in out
    assert "Rows stand in the order of their bytes: no times are known." in out


def test_an_empty_cassette_has_no_tables(tmp_path: Path) -> None:
    out = ctools("inspect", Cassette().end().write(tmp_path / "c.jsonl"), "--stats").out.decode()
    assert out.count("\n") == 1
    assert ": 0 interactions; 0 B sent, 0 B received" in out


def test_json_has_all_rows_and_plain_numbers(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["inspect", str(path), "--stats", "--json", "--top", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["file", "only", "all", "hosts", "endpoints", "statuses", "types", "clients", "methods"]
    assert found["all"].keys() == KEYS
    assert len(found["endpoints"]["rows"]) == 14
    assert found["endpoints"]["others"] is None
    row = found["endpoints"]["rows"][0]
    assert row.keys() == KEYS | {"endpoint"}
    assert row["time_ms"]["total"] == 1100
    assert row["time_ms"].keys() == {"total", "count", "p50", "p90", "p99", "largest"}
    assert row["response_size"] == {"count": 1, "p50": 9, "p90": 9, "p99": 9, "largest": 9}
    gone = next(row for row in found["hosts"]["rows"] if row["host"] == "gone")
    assert gone["response_size"] == {"count": 0, "p50": None, "p90": None, "p99": None, "largest": None}
    assert (gone["failed"], gone["bytes_sent"]) == (1, 3)


def test_a_filter_and_other_formats_work(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["inspect", str(path), "--stats", "--json", "--only", "~c 404"]) == 0
    assert json.loads(capsys.readouterr().out)["all"]["count"] == 1
    har = Path(__file__).parents[3] / "fixtures" / "har" / "playwright-1.65.1-embed.har"
    assert cli.run(["inspect", str(har), "--stats", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["all"]["count"] == sum(row["count"] for row in found["types"]["rows"]) > 1
