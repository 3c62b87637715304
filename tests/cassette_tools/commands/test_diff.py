"""`ctools diff` as people run it."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import pytest

from cassette_tools.cli import run
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import Run, ctools, ctools_on_terminal, environment

if TYPE_CHECKING:
    from pathlib import Path


def diff(*arguments: str | os.PathLike[str]) -> Run:
    """Run the command in this process: what a process of its own shows beyond that, a few tests look at."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = run(["diff", *(os.fspath(one) for one in arguments)])
    for stream in (out, err):
        stream.flush()
    return Run(code, *(stream.buffer.getvalue() for stream in (out, err)))


@pytest.fixture
def cassettes(tmp_path: Path) -> tuple[Path, Path]:
    old = Cassette().get().get(url="https://localhost:8443/price", body=b'{"price": 10}')
    new = Cassette().get().get(url="https://localhost:8443/price", body=b'{"price": 12}')
    return old.end().write(tmp_path / "old.jsonl"), new.end().write(tmp_path / "new.jsonl")


def test_what_changed_is_shown_and_the_exit_code_is_1(cassettes: tuple[Path, Path]) -> None:
    done = ctools("diff", *cassettes)
    assert (done.code, done.errors) == (1, "")
    assert "$.price" in done.text
    assert "10" in done.text
    assert "12" in done.text
    assert "\x1b" not in done.text


def test_no_difference_is_said_and_the_exit_code_is_0(cassettes: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(cassettes[0].read_bytes())
    done = diff(cassettes[0], copy)
    assert (done.code, done.errors) == (0, "")
    assert "No differences" in done.text


@pytest.mark.parametrize(
    ("made", "codes"),
    [
        (Cassette().get().end(), {"breaking": 1, "warning": 1, "info": 1, "never": 0}),
        (
            Cassette().get().get(url="https://localhost:8443/price", body=b'{"price": 1}').end(),
            {"breaking": 0, "warning": 1, "info": 1, "never": 0},
        ),
        (
            Cassette().get().get(url="https://localhost:8443/price", body=b'{"price": 10}').get(url="http://x/").end(),
            {"breaking": 0, "warning": 0, "info": 1, "never": 0},
        ),
    ],
    ids=["removed", "changed", "added"],
)
@pytest.mark.parametrize("quiet", [[], ["--quiet"]], ids=["shown", "quiet"])
def test_the_severity_that_fails_can_be_chosen(
    cassettes: tuple[Path, Path], made: Cassette, codes: dict[str, int], quiet: list[str]
) -> None:
    new = made.write(cassettes[1])
    for limit, code in codes.items():
        done = diff(cassettes[0], new, "--fail-on", limit, *quiet)
        assert (done.code, done.errors) == (code, ""), limit
        assert bool(done.out) == (not quiet)


def test_what_is_not_to_be_compared_is_said_in_selectors(cassettes: tuple[Path, Path]) -> None:
    done = diff(*cassettes, "--ignore", "json:$.price", "--json")
    assert done.code == 0
    assert json.loads(done.text)["ignored"] == [
        {"rule": "--ignore json:$.price", "where": "response json $.price", "count": 1}
    ]
    refused = diff(*cassettes, "--ignore", "jsn:$.price")
    assert refused.code == 2
    assert "^" in refused.errors


def test_a_filter_takes_part_of_both(cassettes: tuple[Path, Path]) -> None:
    assert diff(*cassettes, "--only", "~u /ads").code == 0
    assert diff(*cassettes, "--only", "~u /price").code == 1
    refused = diff(*cassettes, "--only", "~u (")
    assert refused.code == 2
    assert "^" in refused.errors


FORMATS = {"unified": "--- ", "markdown": "", "html": "<!doctype html>", "json": "{", "terminal": ""}


@pytest.mark.parametrize("view", FORMATS)
def test_each_view_is_written_to_the_output_or_whole_to_a_file(
    cassettes: tuple[Path, Path], tmp_path: Path, view: str
) -> None:
    shown = diff(*cassettes, "--format", view)
    assert shown.code == 1
    assert shown.text.lower().startswith(FORMATS[view])
    target = tmp_path / "out.txt"
    written = diff(*cassettes, "--format", view, "-o", target)
    assert (written.code, written.out, written.errors) == (1, b"", "")
    assert target.read_bytes() == shown.out
    again = diff(*cassettes, "--format", view, "-o", target)
    assert again.code == 2
    assert "exists already" in again.errors
    assert diff(*cassettes, "--format", view, "-o", target, "--force").code == 1


@pytest.mark.parametrize(
    ("name", "start"), [("a.md", "#"), ("a.html", "<!doctype"), ("a.json", "{"), ("a.diff", "---")]
)
def test_the_name_of_the_file_tells_the_view(
    cassettes: tuple[Path, Path], tmp_path: Path, name: str, start: str
) -> None:
    assert diff(*cassettes, "-o", tmp_path / name).code == 1
    assert (tmp_path / name).read_text().lower().lstrip("*# ").startswith(start.lstrip("#"))


def test_what_cannot_be_read_to_its_end_leaves_no_file(cassettes: tuple[Path, Path], tmp_path: Path) -> None:
    """What is wrong here is found when bodies are read, when the beginning of the page was written."""
    made = Cassette().get(body=b'{"id": 7}').get(url="https://localhost:8443/price", body=b"x" * 5_000).get()
    data = made.data().replace(b"x" * 5_000, b"x" * 4_990 + b"\\u12......")
    cassettes[1].write_bytes(data)
    done = diff(*cassettes, "-o", tmp_path / "out.html")
    assert done.code == 2
    assert f"{cassettes[1]}, line 3" in done.errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.jsonl", "old.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["old.jsonl"], "Missing argument"),
        (["old.jsonl", "gone.jsonl"], "gone.jsonl"),
        (["-", "-"], "comes once"),
        (["old.jsonl", "-", "--fail-on", "grave"], "no severity"),
        (["old.jsonl", "new.jsonl", "--format", "pdf"], "no format"),
        (["old.jsonl", "new.jsonl", "--format", "html", "--json"], "different outputs"),
        (["old.jsonl", "new.jsonl", "--mode", "brave"], "no mode"),
        (["old.jsonl", "new.jsonl", "--from", "nope"], "no format that can be read"),
        (["old.jsonl", "new.jsonl", "--force"], "give both"),
        (["old.jsonl", "new.jsonl", "--quiet", "-o", "x"], "give one"),
        (["old.jsonl", "empty.jsonl"], "it is empty"),
        (["folder", "-"], "a folder"),
        (["old.jsonl", "folder"], "folder/old.jsonl"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_refused_in_one_line(
    cassettes: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "folder").mkdir()
    done = diff(*arguments)
    assert (done.code, done.out) == (2, b"")
    assert said in done.errors
    assert done.errors.count("\n") == 1


def test_a_cassette_is_the_same_as_itself_by_any_name(cassettes: tuple[Path, Path], tmp_path: Path) -> None:
    link = tmp_path / "link.jsonl"
    link.symlink_to(cassettes[0])
    for other in (cassettes[0], link):
        done = diff(cassettes[0], other)
        assert (done.code, done.errors) == (0, "")


def test_what_was_opened_is_closed(cassettes: tuple[Path, Path]) -> None:
    packed = cassettes[1].with_suffix(".jsonl.gz")
    packed.write_bytes(gzip.compress(cassettes[1].read_bytes(), mtime=0))
    for new in (cassettes[1], packed):
        done = ctools("diff", cassettes[0], new, PYTHONWARNINGS="error::ResourceWarning")
        assert (done.code, done.errors) == (1, "")


def test_either_side_can_be_the_standard_input(cassettes: tuple[Path, Path]) -> None:
    old, new = cassettes
    assert ctools("diff", "-", new, stdin=old.read_bytes()).code == 1
    assert ctools("diff", old, "-", stdin=new.read_bytes()).code == 1
    assert ctools("diff", old, "-", stdin=old.read_bytes()).code == 0


def test_of_a_file_and_a_folder_the_file_of_that_name_is_taken(cassettes: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old.jsonl").write_bytes(cassettes[1].read_bytes())
    assert diff(cassettes[0], folder).code == 1
    assert diff(folder, cassettes[0]).code == 1


def test_folders_are_compared_and_what_cannot_be_read_is_told_at_the_end(
    cassettes: tuple[Path, Path], tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    for name, place in (("a", one), ("a", other), ("only", one)):
        (place / f"{name}.jsonl").write_bytes(cassettes[0].read_bytes())
    done = diff(one, other)
    assert done.code == 1
    assert "only.jsonl" in done.text
    assert diff(other, one, "--fail-on", "warning").code == 0, "a new one is info"
    (one / "b.jsonl").write_bytes(cassettes[0].read_bytes())
    (other / "b.jsonl").write_bytes(b"")
    for view in FORMATS:
        done = diff(one, other, "--format", view)
        assert done.code == 2, view
    assert diff(one, other, "--quiet").code == 2


def test_why_interactions_may_be_missing_is_said_on_stderr(cassettes: tuple[Path, Path], tmp_path: Path) -> None:
    growing, torn = tmp_path / "growing.jsonl", tmp_path / "torn.jsonl"
    growing.write_bytes(Cassette().get().data())
    torn.write_bytes(cassettes[0].read_bytes() + b'{"type":"intera')
    run = ctools("diff", torn, growing, "--json")
    assert run.code == 1
    assert json.loads(run.text)["totals"]["removed"] == 1
    assert run.errors.splitlines() == [
        f"{torn}: 15 damaged bytes were left out; ctools inspect tells where.",
        f"{growing} is still being written: what comes later is not compared.",
    ]
    quiet = ctools("diff", torn, growing, "--quiet")
    assert (quiet.code, quiet.out, quiet.errors) == (1, b"", "")


def test_a_terminal_gets_lines_that_fit_and_nothing_recorded_drives_it(tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[31m"
    old = Cassette().get(body=b'{"a": "1"}').write(tmp_path / "old.jsonl")
    made = Cassette().get(
        body=f'{{"a": "{hostile}"}}'.encode(), headers=[("X", hostile), ("Content-Type", "application/json")]
    )
    new = made.write(tmp_path / "new.jsonl")
    for columns in (40, 200):
        done = ctools_on_terminal("diff", str(old), str(new), columns=columns)
        assert done.code == 1
        assert b"\x1b]0" not in done.out
        assert b"\x07" not in done.out


def test_nobody_waits_for_a_reader_that_went_away(cassettes: tuple[Path, Path]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "cassette_tools", "diff", *cassettes],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) in (0, 1)


@pytest.mark.parametrize(
    ("view", "limit", "code", "folders"),
    [
        ("terminal", "breaking", 1, False),
        ("unified", "breaking", 1, False),
        ("markdown", "breaking", 1, False),
        ("json", "breaking", 1, False),
        ("html", "breaking", 1, False),
        ("terminal", "never", 0, False),
        ("terminal", "breaking", 1, True),
        ("unified", "breaking", 1, True),
        ("json", "info", 1, True),
    ],
)
def test_the_exit_code_is_that_of_the_whole_where_the_reader_goes_away(
    tmp_path: Path, view: str, limit: str, code: int, folders: bool
) -> None:
    """What is breaking comes last, long after the reader went."""
    for name in ("old", "new"):
        cassette = Cassette()
        for at in range(600):
            cassette.get(
                url=f"https://localhost:8443/{at}",
                body=b'{"%s": %d, "x": "%s"}' % (b"a", at + (name == "new"), b"y" * 200),
            )
        cassette.get(url="https://localhost:8443/last", body=b'{"gone": 1}' if name == "old" else b"{}")
        (tmp_path / name).mkdir()
        cassette.end().write(tmp_path / name / "run.jsonl")
    sides = [tmp_path / name if folders else tmp_path / name / "run.jsonl" for name in ("old", "new")]
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "cassette_tools", "diff", *map(str, sides), "--format", view, "--fail-on", limit]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=environment(), check=False, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (code, b"")


@pytest.mark.parametrize("empty", [0, 1])
def test_an_empty_name_is_refused_and_not_taken_for_this_folder(cassettes: tuple[Path, Path], empty: int) -> None:
    sides = [str(one) for one in cassettes]
    sides[empty] = ""
    done = diff(*sides)
    assert done.code == 2
    assert f"{'OLD' if empty == 0 else 'NEW'} is empty" in done.errors
