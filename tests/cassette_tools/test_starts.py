"""Each command from the very start of a Python, and the server that other tests have their runs from."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cassette_tools import cli
from tests.cassette_tools import fork_server
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import LIMIT, ctools, ctools_on_terminal, ctools_started, environment

if TYPE_CHECKING:
    from pathlib import Path

WORKS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("record",): ("--overwrite", "-o", "recorded.jsonl", "--", sys.executable, "-c", "print('ran')"),
    ("inspect",): ("it.jsonl", "--stats"),
    ("report",): ("it.jsonl", "-o", "-"),
    ("diff",): ("it.jsonl", "it.jsonl"),
    ("convert",): ("it.jsonl", "--to", "vcrpy-yaml", "-o", "-"),
    ("resanitize",): ("it.jsonl", "-o", "-"),
    ("scan",): ("it.jsonl",),
    ("policy",): (),
    ("policy", "init"): ("--force",),
    ("policy", "show"): (),
    ("policy", "test"): ("it.jsonl", "--at", "1"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Cassette().get("https://example.com/things/1?a=b", body=b'{"id":1}').write(tmp_path / "it.jsonl")
    return tmp_path


def test_there_is_something_to_do_for_each_command() -> None:
    assert set(WORKS) == set(cli.paths())


@pytest.mark.parametrize("path", WORKS, ids=" ".join)
def test_a_command_does_its_work_from_a_fresh_start_and_the_same_from_the_server(
    folder: Path, path: tuple[str, ...]
) -> None:
    started = ctools_started(*path, *WORKS[path], cwd=folder)
    assert started.code == 0
    assert (started.out, started.err) != (b"", b"") or path in {("scan",), ("diff",)}
    again = ctools(*path, *WORKS[path], cwd=folder)
    assert again.code == started.code
    assert len(again.out.splitlines()) == len(started.out.splitlines())


served = pytest.mark.skipif(not fork_server.AVAILABLE, reason="there is no such server here")


@served
def test_a_run_has_its_own_input_folder_and_environment(folder: Path) -> None:
    data = (folder / "it.jsonl").read_bytes()
    assert ctools("inspect", "-", "--list", stdin=data).out == ctools("inspect", folder / "it.jsonl", "--list").out
    assert ctools("inspect", "it.jsonl", cwd=folder).code == 0
    assert ctools("inspect", "it.jsonl", cwd=folder.parent).code == 2
    assert ctools("policy", "show", "--secret-env", "GIVEN", GIVEN="a-very-secret-value").code == 0
    assert ctools("policy", "show", "--secret-env", "GIVEN").code == 2


@served
def test_more_input_and_output_than_a_pipe_holds_go_through_at_once(tmp_path: Path) -> None:
    made = Cassette()
    for number in range(3000):
        made.get(f"https://example.com/{number}", body=b"x" * 500)
    path = made.write(tmp_path / "it.jsonl")
    given = path.read_bytes()
    done = ctools("convert", "-", "--to", "har", "-o", "-", stdin=given)
    assert (done.code, done.err.count(b"Traceback")) == (0, 0)
    assert len(done.out) > 1_000_000
    assert done.out == ctools_started("convert", "-", "--to", "har", "-o", "-", stdin=given).out


@served
def test_a_run_on_a_terminal_is_the_leader_of_its_session_there(folder: Path) -> None:
    program = "import os; print(os.getsid(0) == os.getppid(), os.isatty(0), os.get_terminal_size().columns)"
    arguments = ("record", "-o", folder / "c.jsonl", "--", sys.executable, "-c", program)
    served, started = (
        ctools_on_terminal(*arguments, columns=77),
        ctools_on_terminal(*arguments[:1], "--overwrite", *arguments[1:], columns=77, LC_CTYPE="C.UTF-8"),
    )
    assert (served.code, started.code) == (0, 0)
    assert b"True True 77" in served.out
    assert b"True True 77" in started.out


@served
def test_an_input_that_is_not_read_to_its_end_is_no_trouble() -> None:
    done = ctools("inspect", "--no-such-option", "-", stdin=b"x" * 3_000_000)
    assert done.code == 2


@served
def test_a_signal_that_ends_a_run_is_told(folder: Path) -> None:
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    done = ctools("record", "-o", "c.jsonl", "--", sys.executable, "-c", program, cwd=folder)
    assert done.code == -signal.SIGKILL


@served
def test_a_run_that_does_not_end_in_time_is_killed(folder: Path) -> None:
    program = "import os, time; print(os.getppid(), flush=True); time.sleep(60)"
    with pytest.raises(subprocess.TimeoutExpired):
        fork_server.run(
            ["record", "-o", "c.jsonl", "--", sys.executable, "-c", program],
            stdin=b"",
            environment=environment(),
            folder=folder,
            limit_s=3.0,
        )
    assert ctools("inspect", "c.jsonl", cwd=folder).code in (0, 2)


@served
def test_the_server_is_no_child_of_the_tests_and_ends_with_them(tmp_path: Path) -> None:
    program = """if True:
        import os
        from tests.cassette_tools.running import ctools
        assert ctools("--version").code == 0
        try:
            print(os.waitpid(-1, os.WNOHANG))
        except ChildProcessError:
            print("none")
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=environment(), timeout=LIMIT, check=True
    )  # returns at the end of its standard error, which the server has until it ends
    assert done.stdout == b"none\n"
    assert done.stderr == b""
