"""A folder of cassettes is shown so that it fits, deceives nobody, and can be read by programs."""

from __future__ import annotations

import io
import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from cassette_tools.folder import FLAGS, Folder
from cassette_tools.views.console import Page
from cassette_tools.views.folder import print_folder, show_folder
from recorder.errors import NotACassetteError
from tests.cassette_tools.cassettes import BEGAN, Cassette
from tests.cassette_tools.running import ctools, ctools_on_terminal

DOCUMENTED = Path(__file__).resolve().parents[3] / "docs" / "inspect-json.md"
DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
SGR = re.compile("\x1b\\[[0-9;]*m")
HOSTILE = "\x1b[2J\x1b]0;t\x07\u202eevil[bold]x[link=y]\udcff.jsonl"
REDACTED: dict[str, Any] = {"version": 1, "policy": "3b806ff24d29", "key": "random", "known": 0}


def built(folder: Path) -> Path:
    """Fill a folder with one of each kind, by names that nobody should trust."""
    (folder / "orders").mkdir(parents=True)
    good = Cassette(redaction=REDACTED).get("https://api.example.com/a").end()
    good.write(folder / "orders" / "a.jsonl")
    good.write(folder / "orders" / "b.jsonl")
    Cassette(redaction=REDACTED).get("https://\x1b[31mhost/").write(folder / "unclean.jsonl")
    os.utime(folder / "unclean.jsonl", (BEGAN.timestamp(), BEGAN.timestamp()))
    Cassette().get(body=b'{"password": "hunter2hunter2"}').end().write(folder / "open.jsonl")
    (folder / "old.yaml").write_text("interactions: []\n")
    os.utime(folder / "old.yaml", (0, 0))
    (folder / "broken.yaml").write_text("interactions:\n- request: {method: GET, uri: 'http://a/\x1b'\n")
    (folder / "README.md").write_text("hello\n")
    Cassette(redaction=REDACTED).get().end().write(folder / HOSTILE)
    return folder


def text_of(folder: Path, **options: Any) -> str:
    out = io.StringIO()
    show_folder(Folder(str(folder), now=BEGAN + timedelta(days=1), **options), Page(out), top=10)
    return out.getvalue()


def object_of(folder: Path, **options: Any) -> dict[str, Any]:
    out = io.StringIO()
    print_folder(Folder(str(folder), now=BEGAN + timedelta(days=1), **options), out)
    assert DRIVING.search(out.getvalue()) is None
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def test_a_table_then_totals_then_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Cassette(redaction=REDACTED).get("https://api.example.com/a").end().write(tmp_path / "a.jsonl")
    (tmp_path / "b.yaml").write_text("interactions: []\n")
    os.utime(tmp_path / "b.yaml", (0, 0))
    (tmp_path / "notes.txt").write_text("hello\n")
    size = (tmp_path / "a.jsonl").stat().st_size
    assert size == 1220
    assert text_of(Path()) == (
        "  count     size  recorded      format          odd           cassette\n"
        "      1  1.22 kB  2026-11-23    cassette JSONL                a.jsonl\n"
        "      0     17 B  (1970-01-01)  vcrpy YAML      empty, stale  b.yaml\n"
        "\n"
        "folder        .: 2 cassettes, 1 interaction, 1.24 kB\n"
        "passed over   1 file that is no cassette\n"
        "formats       cassette JSONL 1, vcrpy YAML 1\n"
        "recorded      on 2026-11-23; 1 does not tell, and the file's date is in brackets\n"
        "hosts         api.example.com 1\n"
        "empty         1: no interactions\n"
        "stale         1: recorded more than 180 days ago (--stale-after)\n"
    )


def test_every_flag_has_its_sentence_and_failing_ones_their_reason(tmp_path: Path) -> None:
    text = text_of(built(tmp_path), huge=0)
    for flag in FLAGS:
        if flag not in {"damaged", "recording"}:
            assert re.search(rf"^{flag} +[1-9]\d*: ", text, re.MULTILINE), flag
    assert f"ctools scan {tmp_path}" in text
    assert re.search(r"\ncannot be read\n  .*broken\.yaml, ", text)
    assert f"{tmp_path}/orders/b.jsonl is a copy of {tmp_path}/orders/a.jsonl" in text


def test_when_nothing_is_odd_that_is_said(tmp_path: Path) -> None:
    Cassette(redaction=REDACTED).get().end().write(tmp_path / "a.jsonl")
    assert text_of(tmp_path).endswith("odd           nothing\n")


@pytest.mark.parametrize(("days", "said"), [(1, "1 day"), (0.5, "0.5 days"), (20, "20 days")])
def test_days_are_said_as_they_were_given(tmp_path: Path, days: float, said: str) -> None:
    (tmp_path / "a.yaml").write_text("interactions: []\n")
    os.utime(tmp_path / "a.yaml", (0, 0))
    assert f"recorded more than {said} ago" in text_of(tmp_path, stale_after=days)


def test_what_is_not_known_of_any_cassette_has_no_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").touch()
    labels = [line.split()[0] for line in text_of(tmp_path).splitlines()[3:] if line]
    assert labels == ["folder", "recorded", "empty"]


def test_a_filter_is_said_beside_what_it_took(tmp_path: Path) -> None:
    Cassette(redaction=REDACTED).get().interaction(method="POST").end().write(tmp_path / "a.jsonl")
    assert "1 cassette, 1 of 2 interactions (--only), " in text_of(tmp_path, only="~m POST")


def test_of_many_sentences_of_a_kind_ten_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    for number in range(13):
        (tmp_path / f"{number:02d}.yaml").write_text("interactions:\n- request: {method: GET, uri: 'http://a/'\n")
    text = text_of(tmp_path)
    assert text.count(".yaml, ") == 10
    assert text.endswith("  and 3 more; --json has them all\n")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_on_a_terminal_every_line_fits_and_nothing_drives_it(tmp_path: Path, columns: int) -> None:
    run = ctools_on_terminal("inspect", str(built(tmp_path / "d")), columns=columns)
    assert run.code == 0
    plain = SGR.sub("", run.text).replace("\r\n", "\n")
    assert DRIVING.search(plain) is None
    assert all(cell_len(line) <= columns for line in plain.split("\n"))
    for word in ("unclean", "unredacted", "empty, stale"):
        assert word in plain


def test_through_a_pipe_nothing_is_cut_coloured_or_wrapped(tmp_path: Path) -> None:
    place = tmp_path / ("long-name-" * 20)
    run = ctools("inspect", str(built(place)), COLUMNS="40")
    assert (run.code, run.err) == (0, b"")
    assert DRIVING.search(run.text) is None
    assert "…" not in run.text
    assert "\\x1b[2J\\x1b]0;t\\a\\u202eevil[bold]x[link=y]\\udcff.jsonl" in run.text
    assert f"ctools scan {place}" in run.text


def test_json_is_one_object_with_the_documented_keys(tmp_path: Path) -> None:
    found = object_of(built(tmp_path))
    documented = DOCUMENTED.read_text().partition("## A folder")[2].partition("\n## ")[0]
    rows, totals = documented.split("The totals:")

    def keys(table: str) -> set[str]:
        return {
            key for line in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for key in re.findall(r"`(\w+)`", line)
        }

    assert set(found) == {"folder", "stale_after_days", "huge", "cassettes", "totals"}
    assert all(set(row) == keys(rows) for row in found["cassettes"])
    assert set(found["totals"]) == keys(totals)
    for flag in FLAGS:
        assert f"`{flag}`" in rows


def test_json_says_what_the_table_says(tmp_path: Path) -> None:
    found = object_of(built(tmp_path))
    rows = {Path(row["path"]).name: row for row in found["cassettes"]}
    assert rows["a.jsonl"] == {
        "path": str(tmp_path / "orders" / "a.jsonl"),
        "format": "jsonl",
        "interactions": 1,
        "held": 1,
        "size": (tmp_path / "orders" / "a.jsonl").stat().st_size,
        "first": "2026-11-23T03:30:47.123456Z",
        "last": "2026-11-23T03:30:47.223456Z",
        "modified": rows["a.jsonl"]["modified"],
        "redacted": True,
        "secrets": None,
        "looked_at": None,
        "flags": [],
        "why": None,
        "same_as": None,
    }
    assert rows["old.yaml"]["modified"] == "1970-01-01T00:00:00.000000Z"
    assert rows["b.jsonl"]["same_as"] == rows["a.jsonl"]["path"]
    assert rows["broken.yaml"]["why"].startswith(str(tmp_path / "broken.yaml"))
    assert rows["open.jsonl"]["secrets"] == 1
    assert found["totals"]["cassettes"] == len(rows)
    assert found["totals"]["passed_over"] == 1
    assert found["totals"]["flags"] == {
        "unclean": 1,
        "unredacted": 1,
        "failing": 1,
        "empty": 1,
        "stale": 1,
        "duplicate": 1,
    }


def test_of_a_folder_without_cassettes_nothing_is_printed(tmp_path: Path) -> None:
    for show in (object_of, text_of):
        with pytest.raises(NotACassetteError):
            show(tmp_path)
    run = ctools("inspect", str(tmp_path), "--json")
    assert (run.code, run.out) == (2, b"")
    assert "no cassettes" in run.errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--list"], "--list looks into one cassette"),
        (["--stats"], "--stats looks into one cassette"),
        (["--duplicates"], "--duplicates looks into one cassette"),
        (["3"], "it is a directory"),
        (["--huge", "much"], "'much' is no size"),
        (["--only", "~m ("], "filter"),
        (["--from", "nonsense"], "is no format"),
        (["--body"], "NUMBER"),
    ],
)
def test_what_makes_no_sense_of_a_folder_is_refused(tmp_path: Path, arguments: list[str], said: str) -> None:
    run = ctools("inspect", str(built(tmp_path)), *arguments)
    assert (run.code, run.out) == (2, b"")
    assert said in run.errors


@pytest.mark.parametrize("option", [["--huge", "1MB"], ["--stale-after", "3"]])
def test_options_of_folders_are_refused_for_a_file(tmp_path: Path, option: list[str]) -> None:
    Cassette().get().end().write(tmp_path / "a.jsonl")
    run = ctools("inspect", str(tmp_path / "a.jsonl"), *option)
    assert (run.code, run.out) == (2, b"")
    assert f"{option[0]} is for folders" in run.errors


def test_options_reach_the_folder(tmp_path: Path) -> None:
    Cassette(redaction=REDACTED).get().end().write(tmp_path / "a.jsonl")
    run = ctools("inspect", str(tmp_path), "--json", "--stale-after", "0", "--huge", "1KB", "--only", "~m POST")
    found = json.loads(run.out)
    assert (found["stale_after_days"], found["huge"]) == (0, 1000)
    (row,) = found["cassettes"]
    assert (row["interactions"], row["held"], row["flags"]) == (0, 1, ["huge", "stale"])
