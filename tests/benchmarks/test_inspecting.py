"""The benchmark of looking must hold all tools to the same sums, and count right. Times are not tested."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import inspecting
from benchmarks.cassettes import write_cassette
from benchmarks.convert import Failure
from benchmarks.inspecting import (
    VARIANTS,
    Row,
    agree,
    expect_same,
    main,
    render,
    sums_of,
    verdict,
)
from benchmarks.peers_inspect import JQ_ROWS, JQ_SUMS

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(inspecting.__file__).parent
CTOOLS = [sys.executable, "-m", "cassette_tools"]


@pytest.fixture(scope="module")
def cassette(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inspecting") / "mixed.jsonl"
    write_cassette(path, "mixed", 8_000_000)
    return path


@pytest.fixture(scope="module")
def ours(cassette: Path) -> dict[str, Any]:
    done = subprocess.run([*CTOOLS, "inspect", str(cassette), "--json"], capture_output=True, check=True)
    return sums_of(json.loads(done.stdout))


def duckdb(way: str) -> Callable[[Path], str]:
    command = [sys.executable, str(HERE / "peers_inspect.py"), "duckdb", way, "--given"]
    return lambda path: subprocess.run([*command, str(path)], capture_output=True, text=True, check=True).stdout


def jq(path: Path) -> str:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    rows = subprocess.run(["jq", "-c", JQ_ROWS, str(path)], capture_output=True, check=True).stdout
    return subprocess.run(["jq", "-c", "-s", JQ_SUMS], input=rows, capture_output=True, check=True).stdout.decode()


TOOLS = {"table": duckdb("table"), "query": duckdb("query"), "cut": duckdb("cut"), "jq": jq}


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_does_the_same_sums(tool: str, cassette: Path, ours: dict[str, Any]) -> None:
    said = json.loads(TOOLS[tool](cassette))
    expect_same(ours, said, tool)
    assert ours.keys() == said.keys() - {"version"}
    assert said["bodies"]["response"].keys() >= {
        "count",
        "stored",
        "on_the_wire",
        "p50",
        "p90",
        "p95",
        "p99",
        "largest",
    }
    assert said["failed"] > 0
    assert said["statuses"]["none"] == said["failed"]
    assert len(said["endpoints"]) > 50


@pytest.mark.parametrize(
    "spoil",
    [
        lambda said: said.update(interactions=said["interactions"] + 1),
        lambda said: said["statuses"].pop("404"),
        lambda said: said["statuses"].update({"500": 1}),
        lambda said: said["hosts"]["login.example.com"].update(bytes_sent=1),
        lambda said: said["endpoints"].popitem(),
        lambda said: said["bodies"]["response"].update(p99=said["bodies"]["response"]["p99"] * 1.03),
        lambda said: said["timings_ms"]["total"].update(mean=said["timings_ms"]["total"]["mean"] + 0.001),
        lambda said: said.update(ended_at=said["ended_at"] + 0.01),
        lambda said: said["memory"].update(last=None),
        lambda said: said["processes"]["5f2c9a1b"].update(rss_first=1),
        lambda said: said.update(more=1),
    ],
)
def test_any_other_sum_is_a_failure(spoil: Callable[[dict[str, Any]], object], ours: dict[str, Any]) -> None:
    said = deepcopy(ours)
    expect_same(ours, said, "a tool")
    spoil(said)
    with pytest.raises(Failure, match=r"^a tool (says|has|lacks) "):
        expect_same(ours, said, "a tool")


@pytest.mark.parametrize(
    ("key", "mine", "other", "same"),
    [
        ("p50", 100.9, 100, True),
        ("p50", 98.8, 100, False),
        ("phase", 1, 2, False),
        ("count", 7, 7, True),
        ("count", 7, 8, False),
        ("mean", 1.0, 1.0 + 1e-12, True),
        ("largest", None, None, True),
        ("largest", 0, None, False),
    ],
)
def test_percentiles_may_be_off_by_one_percent_and_counts_by_nothing(
    key: str, mine: float | None, other: float | None, same: bool
) -> None:
    assert agree(key, mine, other) is same


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (Row("x", pairs=[(1, 1.1), (1, 0.9), (3, 4)], bar=1), 0),
        (Row("x", pairs=[(1, 0.9), (1, 0.9), (3, 4)], bar=1), 1),
        (Row("x", pairs=[(9, 1)]), 0),
        (Row("x", pairs=[(9, None)], bar=1), 0),
        (Row("x", pairs=[(1, None)], memory_bar=100, peak=99), 0),
        (Row("x", pairs=[(1, None)], memory_bar=100, peak=101), 1),
        (Row("x", pairs=[(1, 2)], bar=1, failure="it broke"), 2),
    ],
)
def test_bars_hold_for_the_median_of_the_pairs_and_for_the_memory(row: Row, code: int) -> None:
    assert verdict([row]) == code


def test_the_table_tells_bars_ratios_memory_and_failures() -> None:
    row = Row("a gigabyte", beside="duckdb 2", pairs=[(2, 1), (3, 1)], cpu_s=[4, 4], bar=1, peak=70, beside_peak=300)
    row.beside_cpu_s += [2, 2]
    text = render("summary", [row, Row("another", failure="exit code 2: no"), Row("third", notes=["told"])])
    rows = text.split("\n")
    told = "| a gigabyte | ≤ 1 | 2.50 s (2.00 to 3.00) | duckdb 2 | 1.00 s | 2.50 (2.00 to 3.00) | 4.00 s, 2.00 s "
    assert rows[2] == f"{told}| 70 MB, 300 MB | **no** |"
    assert len({row.count("|") for row in rows[:5]}) == 1
    assert rows[-3:-1] == ["- another: failed: exit code 2: no.", "- told."]


def test_a_small_run_goes_through_and_keeps_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "figures.json"
    sizes = ["--size", "4.2e5", "--diff-size", "4.2e5", "--files", "5", "--rounds", "1", "--mixes", "small"]
    code = main(["--skip-peers", *sizes, "--directory", str(tmp_path), "--json", str(kept)])
    told = json.loads(kept.read_text("utf-8"))
    rows = [row for part in told.values() for row in part]
    assert [row["failure"] for row in rows] == [None] * len(rows), capsys.readouterr().err
    assert code in {0, 1}  # bars are not for so little
    assert {part: len(rows) for part, rows in told.items()} == {
        "summary": 1,
        "peers": 0,
        "start": 2,
        "diff": len(VARIANTS) + 1,
        "report": 2,
        "folder": 2,
    }
    assert "| a folder of 6 cassettes, vcrpy YAML" in capsys.readouterr().out
    assert [one for one in tmp_path.iterdir() if one != kept] == []


@pytest.mark.parametrize("script", ["cassettes.py", "convert.py", "inspect.py", "peers_convert.py"])
def test_a_script_beside_it_gets_the_module_of_the_standard_library(script: str) -> None:
    done = subprocess.run([sys.executable, str(HERE / script), "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"usage: {script}")
    code = f"import sys; sys.path[0] = {str(HERE)!r}; import inspect; print(inspect.__file__, inspect.signature(len))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert str(HERE) not in done.stdout
    assert done.stdout.endswith("(obj, /)\n")
