"""Looking, comparing and reporting hold for every file of every format, whole or damaged, and agree with each other."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from benchmarks.cassettes import Again, write_cassette
from cassette_tools import cli
from tests.cassette_tools.formats.sources import FIXTURES
from tests.cassette_tools.formats.test_fixtures import FILES
from tests.cassette_tools.running import environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL: Final = [pytest.param(path, id=path.relative_to(FIXTURES).as_posix()) for path in FILES]
RUBY_CODE: Final = "vcr-6-by-hand-erb.yml"
"""The one fixture that is refused."""
DRIVES: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What drives a terminal. Line feed and tab do no harm."""
WAYS: Final[tuple[list[str], ...]] = (
    [],
    ["--list"],
    ["--stats"],
    ["--largest", "--json"],
    ["--duplicates"],
    ["1"],
    ["2", "--json"],
    ["1", "--export", "python"],
    ["--list", "--only", "~bs a | ~q"],
)
CONVERTED: Final = {"har": ".har", "vcrpy-yaml": ".yaml", "vcrpy-json": ".json", "cassetter-yaml": ".yml"}
CONVERTED_TOO: Final = {"cassetter-toml": ".toml", "keboola-json": ".keboola.json"}


def ctools(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run in this process. Whatever comes, it is safe to print, and trouble is told in one line."""
    code = cli.run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert DRIVES.search(out + err) is None
    if code == 2:
        assert err.startswith("ctools: ")
        assert err.count("\n") == 1
    return code, out, err


def good(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    code, out, err = ctools(capsys, *arguments)
    assert code == 0, err
    return out


@pytest.mark.parametrize("path", ALL)
def test_every_way_of_looking_counts_the_same(path: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    if path.name == RUBY_CODE:
        assert "ERB" in ctools(capsys, "inspect", path)[2]
        return
    summary = json.loads(good(capsys, "inspect", path, "--json"))
    entries = [json.loads(line) for line in good(capsys, "inspect", path, "--list", "--json").splitlines()]
    stats = json.loads(good(capsys, "inspect", path, "--stats", "--json"))
    ranked = [json.loads(line) for line in good(capsys, "inspect", path, "--largest", "--json").splitlines()]
    sizes = [(entry["request_size"] or 0) + (entry["response_size"] or 0) for entry in entries]
    assert summary["interactions"] == len(entries) == stats["all"]["count"] > 0
    assert summary["bodies"]["request"]["stored"] == sum(entry["request_size"] or 0 for entry in entries)
    assert summary["bodies"]["response"]["stored"] == sum(entry["response_size"] or 0 for entry in entries)
    assert sum(sizes) == stats["all"]["bytes_sent"] + stats["all"]["bytes_received"]
    found = [sizes[one["number"] - 1] for one in ranked]
    assert found == sorted(sizes, reverse=True)[: len(found)]
    for counts in (summary["statuses"]["counts"], summary["methods"]["counts"]):
        assert sum(counts.values()) == len(entries)
    page = tmp_path / "page.html"
    good(capsys, "report", path, "-o", page)
    assert DRIVES.search(page.read_text("utf-8")) is None


@pytest.mark.parametrize("path", ALL)
def test_a_file_does_not_differ_from_its_copy(path: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    if path.name == RUBY_CODE:
        return
    for beside in path.parent.glob("*.bin"):  # bodies that a cassette has in files of their own
        (tmp_path / beside.name).write_bytes(beside.read_bytes())
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    told = json.loads(good(capsys, "diff", path, copy, "--keep-volatile", "--json"))
    count = json.loads(good(capsys, "inspect", path, "--json"))["interactions"]
    assert told["differences"] == []
    assert told["totals"]["same"] == told["totals"]["old_interactions"] == told["totals"]["new_interactions"] == count


def damaged(data: bytes, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Give copies of a file: cut off, with bits turned over, with a hole of NUL bytes, with a part twice."""
    place = draw.randrange(1, len(data))
    yield "cut", data[:place]
    turned = bytearray(data)
    for _ in range(5):
        turned[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    yield "turned", bytes(turned)
    yield "hole", data[:place] + bytes(len(data[place : place + 40])) + data[place + 40 :]
    yield "twice", data[: place + 200] + data[place:]


@pytest.mark.parametrize("path", ALL)
def test_of_damage_there_is_an_answer_or_one_message(
    path: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    draw = random.Random(path.name)
    for name, data in damaged(path.read_bytes(), draw):
        copy = tmp_path / f"{name}{path.suffix}"
        copy.write_bytes(data)
        for way in draw.sample(WAYS, 3):
            code, _, _ = ctools(capsys, "inspect", copy, *way, "--mode", draw.choice(["tail", "strict", "skip"]))
            assert code in {0, 2}
        assert ctools(capsys, "diff", path, copy, "--json")[0] in {0, 1, 2}
        assert ctools(capsys, "report", copy, "-o", tmp_path / "page.html", "--force")[0] in {0, 2}


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("every-format") / "first.jsonl"
    write_cassette(path, "mixed", 1_500_000)
    return path


@pytest.mark.parametrize(("name", "suffix"), [*CONVERTED.items(), *CONVERTED_TOO.items()])
def test_what_was_converted_does_not_differ_and_what_changed_does_in_every_format(
    name: str, suffix: str, traffic: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    converted, again = tmp_path / f"converted{suffix}", tmp_path / "again.jsonl"
    good(capsys, "convert", traffic, "-o", converted, "--to", name)
    same = json.loads(good(capsys, "diff", traffic, converted, "--json"))
    assert same["differences"] == []
    assert same["totals"]["same"] > 100
    tally = write_cassette(again, "mixed", 1_500_000, again=Again(changed=10))
    code, out, _ = ctools(capsys, "diff", converted, again, "--json")
    told = json.loads(out)
    parents = [
        one
        for pairing in told["differences"]
        for one in pairing["changes"]
        if (one["old"], one["new"], one["action"]) == ("null", "1234", "retyped")
    ]
    assert code == 1
    assert len(parents) == tally.changed > 5


def test_a_recording_in_progress_is_compared_and_reported_as_far_as_it_came(
    traffic: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    whole = traffic.read_bytes()
    growing = tmp_path / "growing.jsonl"
    growing.write_bytes(whole[: len(whole) // 2])  # within a record, whose end is not written yet
    told: dict[str, Any] = json.loads(good(capsys, "inspect", growing, "--json"))
    assert told["file"]["growing"]
    assert told["runs"][0]["ended"] == "unfinished"
    code, out, _ = ctools(capsys, "diff", growing, traffic, "--json")
    totals = json.loads(out)["totals"]
    assert code == 1
    assert (totals["same"], totals["changed"], totals["removed"]) == (told["interactions"], 0, 0)
    assert totals["added"] == totals["new_interactions"] - told["interactions"] > 0
    good(capsys, "report", growing, "-o", tmp_path / "page.html")


@pytest.mark.parametrize("path", sorted({path.parent: path for path in FILES}.values()), ids=lambda path: path.name)
def test_standard_input_is_looked_at_compared_and_reported(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if path.name == RUBY_CODE:
        path = path.with_name("vcr-1-by-hand-structs.yml")
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    for arguments in (["inspect", "-", "--stats"], ["diff", "-", str(copy), "--quiet"], ["report", "-", "-o", "-"]):
        with path.open() as given:
            monkeypatch.setattr(sys, "stdin", given)
            good(capsys, *arguments)


def test_a_pipe_is_looked_at_compared_and_reported(tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_bytes((FIXTURES / "vcrpy-yaml" / "vcrpy-9.4.2-requests.yaml").read_bytes())
    for arguments in (["inspect", "-", "--stats"], ["diff", "-", str(copy), "--quiet"], ["report", "-", "-o", "-"]):
        command = [sys.executable, "-m", "cassette_tools", *arguments]
        done = subprocess.run(command, input=copy.read_bytes(), capture_output=True, env=environment(), check=False)
        assert (done.returncode, done.stderr if arguments[0] == "diff" else b"") == (0, b"")
        assert b"Traceback" not in done.stderr
