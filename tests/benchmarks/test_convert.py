"""The benchmark of converting must give every tool the same interactions, and count right. Times are not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import convert
from benchmarks.cassettes import write_cassette
from benchmarks.convert import (
    FILE_SIZE,
    GIGABYTE,
    SUFFIXES,
    WAYS,
    Failure,
    Large,
    Made,
    Pair,
    Series,
    Way,
    counted,
    cut,
    duration,
    expect_all,
    parse_arguments,
    render_memory,
    render_speed,
    verdict,
)
from benchmarks.processes import Cost

PEERS = Path(convert.__file__).with_name("peers_convert.py")
ITEM = """\
- request:
    body: "one\\n
      - request:"
    headers: {}
    method: GET
    uri: https://api.example.com/%d
  response:
    body:
      string: "%d"
    headers: {}
    status:
      code: 200
      message: OK
"""


def cassette(count: int) -> str:
    return "interactions:\n" + "".join(ITEM % (number, number) for number in range(count)) + "version: 1\n"


def test_a_cassette_cut_into_files_holds_the_same_interactions_in_order(tmp_path: Path) -> None:
    whole = tmp_path / "whole.yaml"
    whole.write_text(cassette(7), "utf-8")
    assert cut(whole, tmp_path / "apart", most=3) == 3
    found = [yaml.safe_load(path.read_bytes()) for path in sorted((tmp_path / "apart").iterdir())]
    assert [len(one["interactions"]) for one in found] == [3, 3, 1]
    joined = [item for one in found for item in one["interactions"]]
    assert joined == yaml.safe_load(whole.read_bytes())["interactions"]
    assert all(one["version"] == 1 for one in found)


def test_files_are_cut_by_size_too_and_old_ones_go(tmp_path: Path) -> None:
    whole = tmp_path / "whole.yaml"
    whole.write_text(cassette(5), "utf-8")
    assert cut(whole, tmp_path / "apart", most=1) == 5
    assert cut(whole, tmp_path / "apart", size=2 * len(ITEM % (0, 0))) == 3
    assert len(list((tmp_path / "apart").iterdir())) == 3
    assert cut(whole, tmp_path / "apart") == 1
    assert whole.read_bytes() == (tmp_path / "apart" / "000000.yaml").read_bytes()
    assert whole.stat().st_size < FILE_SIZE


@pytest.mark.parametrize("mix", ["small", "large", "long"])
def test_counting_a_cassette_gives_what_was_written(tmp_path: Path, mix: str) -> None:
    path = tmp_path / "c.jsonl"
    tally = write_cassette(path, mix, 300_000)
    assert counted(path) == (tally.interactions, tally.bodies)
    made = Made(path, tally.size, tally.bodies, tally.interactions)
    expect_all(path, made)
    with pytest.raises(Failure, match=rf"^the result has {tally.interactions} of"):
        expect_all(path, replace(made, interactions=tally.interactions + 1))
    with pytest.raises(Failure, match="bytes of bodies"):
        expect_all(path, replace(made, bodies=1))


def pair(ours: float, theirs: float | None, whole: float | None = None) -> Pair:
    return Pair(ours, ours, 40_000_000, theirs, whole if whole is not None else theirs, 200_000_000)


@pytest.mark.parametrize(
    ("pairs", "bars", "reached"),
    [
        ([pair(1, 10.5), pair(1, 9), pair(2, 22)], {"small": 10.0}, True),
        ([pair(1, 9), pair(1, 9.5), pair(1, 20)], {"small": 10.0}, False),
        ([pair(1, 0.1)], {"large": 1.0}, True),
        ([pair(1, None)], {"small": 10.0}, True),
    ],
)
def test_a_bar_is_reached_by_the_median_of_the_pairs(pairs: list[Pair], bars: dict[str, float], reached: bool) -> None:
    series = Series("small", Way("jsonl", "har", "JSONL to HAR", "json", "dump", bars=bars), 10, 1000, pairs)
    assert series.reached is reached
    assert verdict([series]) == (0 if reached else 1)


def test_a_ratio_is_taken_within_its_pair_against_the_call_and_against_the_process() -> None:
    series = Series("small", WAYS[0], 10, 1000, [pair(1, 10, 11), pair(4, 20, 24)])
    assert series.ratios() == [10, 5]
    assert series.ratios(whole=True) == [11, 6]


def test_the_table_of_speed_tells_bars_ratios_and_failures() -> None:
    done = Series("small", WAYS[0], 1000, 5_000_000, [pair(0.5, 6, 7)], version="9.4.2", notes=["equal by byte"])
    failed = Series("small", WAYS[1], 1000, failure="exit code 2: no such format")
    text = render_speed([done, failed])
    rows = text.split("\n")
    assert rows[2].split(" | ")[:5] == ["| bodies of 2 KB: JSONL to vcrpy YAML", "≥ 10", "0.50 s", "500 µs", "10 MB/s"]
    assert rows[2].endswith("| 6.00 s | 12.0 | 14.0 | 40 MB, 200 MB | yes |")
    assert len({row.count("|") for row in rows[:4]}) == 1
    assert "- bodies of 2 KB: equal by byte." in rows
    assert "- bodies of 2 KB, vcrpy YAML to JSONL: failed: exit code 2: no such format." in rows
    assert verdict([done, failed]) == 2
    assert json.loads(json.dumps(done.as_json()))["pairs"][0]["peer_whole_s"] == 7


def cost(bound: int) -> Cost:
    return Cost(0, 2.0, 2.0, bound, bound, bound, 1, "", "")


@pytest.mark.parametrize(
    ("mix", "peak", "code"), [("small", 99_000_000, 0), ("small", 101_000_000, 1), ("long", 150_000_000, 0)]
)
def test_memory_is_held_to_its_bar_where_bodies_are_small(mix: str, peak: int, code: int) -> None:
    one = Large(mix, "jsonl", "vcrpy-yaml", 1000, 10_000_000, cost(1), cost(peak))
    assert verdict([one]) == code
    assert f"| {peak / 1e6:.0f} MB | 1 | 5 MB/s | 2.0 ms |" in render_memory([one])


def test_every_conversion_names_formats_that_have_a_suffix_and_large_ones_are_among_them() -> None:
    assert {form for way in WAYS for form in (way.source, way.target)} <= SUFFIXES.keys()
    assert set(GIGABYTE) <= {(way.source, way.target) for way in WAYS}
    assert len({way.name for way in WAYS}) == len(WAYS)


@pytest.mark.parametrize(("seconds", "text"), [(52e-6, "52 µs"), (0.0121, "12.1 ms")])
def test_a_time_for_each_interaction_can_be_read(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_conversion_that_is_not_measured_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--ways", "jsonl:word"])
    assert "no such conversion: jsonl:word. There are: cassetter-toml:cassetter-yaml," in capsys.readouterr().err


def test_a_small_run_goes_through_and_keeps_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "figures.json"
    arguments = ["--skip-peers", "--size", "2e5", "--rounds", "1", "--mixes", "small", "--ways", "jsonl:jsonl"]
    options = parse_arguments([*arguments, "--directory", str(tmp_path), "--json", str(kept)])
    assert convert.speed(options) == 0
    assert "| bodies of 2 KB: JSONL to JSONL |" in capsys.readouterr().out
    series = json.loads(kept.read_text("utf-8"))["speed"][0]
    assert series["interactions"] > 40
    assert series["size"] >= 200_000
    assert [one for one in tmp_path.iterdir() if one != kept] == []


def peer(tool: str, task: str, given: Path, out: Path | None = None) -> dict[str, Any]:
    command = [sys.executable, str(PEERS), tool, task, "--given", str(given), *(["--out", str(out)] if out else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def test_vcrpy_is_asked_to_load_and_to_dump_all_of_a_cassette(tmp_path: Path) -> None:
    given, objects, out = tmp_path / "in.yaml", tmp_path / "objects", tmp_path / "out.yaml"
    given.write_text(cassette(12), "utf-8")
    loaded = peer("vcrpy", "load", given, objects)
    assert (loaded["interactions"], loaded["bytes"]) == (12, 14)
    assert loaded["own_s"] > 0
    assert peer("vcrpy", "dump", objects, out)["interactions"] == 12
    assert yaml.safe_load(out.read_bytes()) == yaml.safe_load(given.read_bytes())


def test_the_floor_of_har_is_loading_and_dumping_the_same_document(tmp_path: Path) -> None:
    given, out = tmp_path / "in.har", tmp_path / "out.har"
    document = {"log": {"version": "1.2", "entries": [{"time": 1.5}, {"comment": "ž"}]}}
    given.write_text(json.dumps(document), "utf-8")
    assert peer("json", "load", given)["interactions"] == 2
    assert peer("json", "dump", given, out)["version"] == ""
    assert json.loads(out.read_text("utf-8")) == document
