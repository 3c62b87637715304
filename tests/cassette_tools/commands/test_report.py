"""`ctools report`, as people run it."""

from __future__ import annotations

import gzip
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cassette_tools import cli
from cassette_tools.draft import Draft, Sink
from recorder.errors import OutputError
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import LIMIT, ctools, ctools_on_terminal, environment

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[3]
VCRPY = ROOT / "fixtures" / "vcrpy-yaml" / "vcrpy-9.4.2-requests.yaml"
POLICY = {"version": 1, "policy": "3b806ff24d29", "key": "random", "known": 1}


def small(folder: Path, name: str = "c.jsonl") -> Path:
    return Cassette(redaction=POLICY).get().get(status=500).end().write(folder / name)


def test_the_page_stands_beside_the_cassette(tmp_path: Path) -> None:
    run = ctools("report", str(small(tmp_path)))
    page = tmp_path / "c.html"
    assert run.code == 0
    assert run.out == b""
    assert run.err.decode().startswith(f"{page}: 2 interactions, ")
    assert page.read_bytes().startswith(b"<!doctype html>")
    assert page.read_bytes().endswith(b"</html>\n")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "page"),
    [("a.jsonl", "a.html"), ("b.v2.jsonl", "b.v2.html"), ("c.jsonl.gz", "c.html"), ("d", "d.html"), (".e", ".e.html")],
)
def test_the_page_is_named_after_the_cassette(name: str, page: str, tmp_path: Path) -> None:
    path = small(tmp_path, name)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    assert ctools("report", str(path)).code == 0
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([name, page])


def test_a_cassette_of_another_tool_is_shown_and_warned_of(tmp_path: Path) -> None:
    run = ctools("report", str(VCRPY), "-o", str(tmp_path / "page.html"))
    assert run.code == 0
    assert "does not say that it was redacted" in run.err.decode()
    page = (tmp_path / "page.html").read_text()
    assert "vcrpy YAML" in page
    assert "ended cleanly" not in page


def test_an_unredacted_cassette_is_warned_of(tmp_path: Path) -> None:
    path = Cassette().get().end().write(tmp_path / "c.jsonl")
    run = ctools("report", str(path))
    assert "was not redacted" in run.err.decode()
    assert "was not redacted" in (tmp_path / "c.html").read_text()


def test_from_stdin_to_stdout(tmp_path: Path) -> None:
    run = ctools("report", "-", "-o", "-", stdin=small(tmp_path).read_bytes())
    assert run.code == 0
    assert run.out.startswith(b"<!doctype html>")
    assert run.err == b""


def test_only_and_limit_are_said(tmp_path: Path) -> None:
    path = small(tmp_path)
    run = ctools("report", str(path), "--only", "~c 500", "--title", "Errors & <b>")
    assert run.err.decode().startswith(f"{tmp_path / 'c.html'}: 1 interaction, ")
    page = (tmp_path / "c.html").read_text()
    assert "<title>Errors &amp; &lt;b&gt;</title>" in page
    assert "only ~c 500" in page
    run = ctools("report", str(path), "--limit", "1", "--force")
    assert "1 of 2 interactions are in the figures only" in run.err.decode()


def test_a_recording_in_progress_is_shown(tmp_path: Path) -> None:
    path = Cassette(redaction=POLICY).get().write(tmp_path / "c.jsonl")
    path.write_bytes(path.read_bytes() + b'{"type":"interac')
    assert ctools("report", str(path)).code == 0
    assert "still being written" in (tmp_path / "c.html").read_text()


def test_a_file_that_is_there_stays_unless_force_is_given(tmp_path: Path) -> None:
    path, page = small(tmp_path), tmp_path / "c.html"
    page.write_text("mine")
    page.chmod(0o640)
    run = ctools("report", str(path))
    assert run.code == 2
    assert "--force" in run.err.decode()
    assert page.read_text() == "mine"
    assert ctools("report", str(path), "--force").code == 0
    assert page.read_bytes().startswith(b"<!doctype html>")
    assert stat.S_IMODE(page.stat().st_mode) == 0o640


def test_the_cassette_is_never_replaced_by_its_page(tmp_path: Path) -> None:
    path = small(tmp_path, "c.html")
    before = path.read_bytes()
    for output in ([], ["-o", str(path)]):
        run = ctools("report", str(path), "--force", *output)
        assert run.code == 2
        assert "is the cassette itself" in run.err.decode()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such.jsonl"], "no-such.jsonl: there is no such file"),
        (["-"], "give -o FILE"),
        (["folder"], "a report is of one cassette"),
        (["c.jsonl", "-o", "folder"], "is a folder"),
        (["c.jsonl", "-o", "nowhere/page.html"], "there is no folder nowhere"),
        (["c.jsonl", "--mode", "lax"], "is no mode. Use one of"),
        (["c.jsonl", "--only", "~~"], "filter"),
        (["c.jsonl", "--limit", "200001"], "--limit"),
        (["c.jsonl", "--body-limit", "262145"], "--body-limit"),
        (["empty.jsonl"], "it is empty"),
        (["page.txt"], "not a cassette"),
        (["damaged.jsonl"], "The mode skip leaves the damaged ranges out"),
    ],
)
def test_trouble_is_told_in_one_message_and_leaves_nothing(arguments: Sequence[str], said: str, tmp_path: Path) -> None:
    small(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "page.txt").write_text("hello")
    Cassette().get().raw(b"garbage\n").get().end().write(tmp_path / "damaged.jsonl")
    before = sorted(tmp_path.iterdir())
    run = ctools("report", *arguments, cwd=tmp_path)
    assert run.code == 2
    assert said in run.err.decode()
    assert sorted(tmp_path.iterdir()) == before


def test_damage_is_told_in_the_page(tmp_path: Path) -> None:
    path = Cassette(redaction=POLICY).get().raw(b"garbage\n").get().end().write(tmp_path / "c.jsonl")
    assert ctools("report", str(path), "--mode", "skip").code == 0
    assert "Damage: bytes" in (tmp_path / "c.html").read_text()


def test_a_page_does_not_go_to_a_terminal(tmp_path: Path) -> None:
    run = ctools_on_terminal("report", str(small(tmp_path)), "-o", "-")
    assert run.code == 2
    assert "<!doctype" not in run.text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(
            [sys.executable, "-m", "cassette_tools", "report", str(small(tmp_path)), "-o", "-"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=LIMIT,
            check=False,
        )
    assert run.returncode == 2
    assert b"No space left" in run.stderr


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, page = small(tmp_path), tmp_path / "c.html"
    page.write_text("mine")
    real = Sink.write

    def full(self: Sink, data: bytes) -> None:
        if isinstance(self, Draft):
            raise OutputError("full")
        real(self, data)

    monkeypatch.setattr(Sink, "write", full)
    assert cli.run(["report", str(path), "--force"]) == 2
    assert page.read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2


STOPPED = """
import os, signal, sys
if hasattr(os, "O_TMPFILE"):
    del os.O_TMPFILE  # as on a network file system
from cassette_tools import cli
from cassette_tools.views import report as view
real = view.pieces
def stopped(*given, **named):
    yield from real(*given, **named)
    assert len(os.listdir(os.path.dirname(sys.argv[1]))) == 2
    os.kill(os.getpid(), signal.SIGTERM)
    yield b""
view.pieces = stopped
sys.exit(cli.run(["report", sys.argv[1]]))
"""


def test_a_report_that_is_told_to_stop_leaves_no_part_of_a_page(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", STOPPED, str(small(tmp_path))],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert run.returncode != 0
    assert b"AssertionError" not in run.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.jsonl"]
