"""`ctools` starts quickly, says what is wrong in one line, and exits with the right code."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cassette_tools import cli
from recorder.errors import BadCassetteError
from recorder.version import __version__
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import LIMIT, ctools, ctools_on_terminal, environment

if TYPE_CHECKING:
    from pathlib import Path

CLIENTS_AND_VIEWS = {
    "aiohttp",
    "boto3",
    "botocore",
    "http.client",
    "httplib2",
    "httpx",
    "orjson",
    "pygments",
    "requests",
    "rich",
    "ssl",
    "urllib.request",
    "urllib3",
    "vcr",
    "yaml",
}
FULL = (
    "ctools: The standard output cannot be written: No space left on device. Free some space, or send it elsewhere.\n"
)


def loaded_by(*arguments: str) -> set[str]:
    script = (
        "import sys\nfrom cassette_tools.cli import run\ncode = run(sys.argv[1:])\n"
        "print('modules', *sorted(sys.modules), file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, env=environment(), timeout=LIMIT, check=True
    )
    loaded = set(done.stderr.decode().split())
    assert "modules" in loaded
    return loaded


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_neither_help_nor_version_loads_a_command_a_client_or_rich(arguments: list[str]) -> None:
    loaded = loaded_by(*arguments)
    assert loaded & CLIENTS_AND_VIEWS == set()
    assert not [name for name in loaded if name.startswith(("cassette_tools.commands.", "recorder.journal"))]


@pytest.mark.parametrize("command", [["inspect"], ["inspect", "--stats"], ["inspect", "--list"], ["scan"], ["diff"]])
def test_looking_at_a_cassette_loads_no_client_of_http(command: list[str], tmp_path: Path) -> None:
    path = str(Cassette().get().end().write(tmp_path / "c.jsonl"))
    loaded = loaded_by(*command, path, *([path] if command == ["diff"] else []))
    assert loaded & {"http.client", "requests", "ssl", "urllib.request", "urllib3", "vcr", "xml.sax"} == set()


def test_each_command_lives_where_the_table_says() -> None:
    for path in cli.paths():
        assert cli.command_of(*path).name == path[-1]
    assert ("policy", "init") in cli.paths()


@pytest.mark.parametrize("path", [(), ("nope",), ("policy", "nope"), ("inspect", "init")])
def test_a_path_that_is_no_command_is_a_key_error(path: tuple[str, ...]) -> None:
    with pytest.raises(KeyError):
        cli.entry_of(*path)


@pytest.mark.parametrize("arguments", [["policy"], ["policy", "--help"], ["policy", "-h"]])
def test_the_help_of_a_group_names_its_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: ctools policy [OPTIONS] COMMAND [ARGS]...\n")
    assert "\n  init  Write a policy file" in out
    assert err == ""


def test_the_help_of_a_command_of_a_group_names_its_whole_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["policy", "init", "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: ctools policy init [OPTIONS] [FILE]\n")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_is_shown_on_stdout(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: ctools [OPTIONS] COMMAND [ARGS]...\n")
    assert re.search("\n  inspect +Look into a cassette", out)
    assert err == ""


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"ctools {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["inpsect"], "There is no command 'inpsect'. Did you mean inspect? See: ctools --help"),
        (["\x1b[31m"], r"There is no command '\x1b[31m'. See: ctools --help"),
        (["--nope"], "No such option: --nope"),
        (["policy", "inti"], "There is no command 'inti'. Did you mean init? See: ctools policy --help"),
        (["policy", "inspect"], "There is no command 'inspect'. See: ctools policy --help"),
        (["policy", "--nope"], "No such option: --nope"),
        (["policy", "show", "--nope"], "No such option: --nope"),
        (["policy", "test", "x"], "Missing option '--at'. See: ctools policy test --help"),
        (["policy", "test", "x", "--at", "0"], "Invalid value for '--at'"),
        (["inspect"], "Missing argument 'CASSETTE'. See: ctools inspect --help"),
        (["inspect", "x", "none"], "Invalid value for 'NUMBER'"),
        (["inspect", "x", "0"], "Invalid value for 'NUMBER'"),
        (["inspect", "x", "1", "2"], "unexpected extra argument"),
        (["inspect", "missing.jsonl"], "missing.jsonl: there is no such file. Check the path."),
        (["inspect", "x", "--body"], "Give its NUMBER"),
        (["inspect", "x", "1", "--list"], "give one of them"),
        (["inspect", "x", "1", "--follow"], "give one of them"),
        (["inspect", "x", "1", "--body", "--json"], "give one of them"),
        (["inspect", "x", "1", "--part", "request"], "give both"),
        (["inspect", "x", "1", "--body", "--force"], "give both"),
        (["inspect", "x", "1", "--body", "--part", "both"], "Use one of: request, response."),
        (["inspect", "x", "--mode", "lax"], "Use one of: tail, strict, skip."),
        (["inspect", "-", "--follow"], "needs a file that grows"),
    ],
)
def test_what_cannot_work_is_told_in_one_line_on_stderr(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ctools: ")
    assert told in err
    assert err.count("\n") == 1
    assert "\x1b" not in err


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (BadCassetteError("c.jsonl: \x1b[2J broken"), 2, "ctools: c.jsonl: \\x1b[2J broken\n"),
        (KeyboardInterrupt(), 130, ""),
        (OSError(5, "Input/output error"), 2, "ctools: Input/output error.\n"),
        (OSError(36, "File name too long", "c.jsonl"), 2, "ctools: c.jsonl: File name too long.\n"),
        (OSError(28, "No space left on device"), 2, FULL),
    ],
)
def test_errors_become_exit_codes(
    raised: BaseException, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_arguments: object) -> int:
        raise raised

    monkeypatch.setattr(cli, "_invoke", broken)
    assert cli.run([]) == code
    assert capsys.readouterr().err == told


def test_a_defect_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_arguments: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "_invoke", broken)
    with pytest.raises(ZeroDivisionError):
        cli.run([])


def test_a_reader_that_goes_away_is_no_trouble(tmp_path: Path) -> None:
    cassette = Cassette()
    for number in range(5000):
        cassette.get(f"https://localhost/{number}")
    path = cassette.end().write(tmp_path / "c.jsonl")
    for arguments in (["--list"], ["--list", "--json"]):
        process = subprocess.Popen(
            [sys.executable, "-m", "cassette_tools", "inspect", path, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait(timeout=LIMIT) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device that is always full")  # noqa: PTH110
@pytest.mark.parametrize("arguments", [[], ["--list"], ["1"], ["1", "--body"], ["--json"]])
def test_an_output_that_is_full_is_told(tmp_path: Path, arguments: list[str]) -> None:
    path = Cassette().get().end().write(tmp_path / "c.jsonl")
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-m", "cassette_tools", "inspect", path, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=LIMIT,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.decode() == FULL


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_streams_that_are_closed_are_no_trouble(tmp_path: Path, closed: str) -> None:
    path = Cassette().get().end().write(tmp_path / "c.jsonl")
    command = f'"$1" -m cassette_tools inspect "$2" {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, "sh", sys.executable, path],
        capture_output=True,
        env=environment(),
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"interactions  1 " in done.stdout) == (not closed.startswith(">&-"))


@pytest.mark.parametrize(
    ("words", "at", "found"),
    [
        ("ctools in", 1, "inspect"),
        ("ctools inspect --fol", 2, "--follow"),
        ("ctools --ver", 1, "--version"),
        ("ctools policy in", 2, "init"),
    ],
)
def test_completion_finds_commands_and_options(words: str, at: int, found: str) -> None:
    run = ctools(_CTOOLS_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(at))
    assert found in run.text.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(shell: str) -> None:
    assert "_CTOOLS_COMPLETE" in ctools(_CTOOLS_COMPLETE=f"source_{shell}").text


def test_help_on_a_terminal_has_colour_unless_told_otherwise_and_never_in_a_pipe() -> None:
    assert b"\x1b[" in ctools_on_terminal("--help").out
    assert b"\x1b" not in ctools_on_terminal("--help", NO_COLOR="1").out
    assert b"\x1b" not in ctools("--help").out
    assert ctools("--help", COLUMNS="40").out == ctools("--help", COLUMNS="200").out


def test_any_character_can_be_told_on_any_terminal(tmp_path: Path) -> None:
    run = ctools("inspect", f"{tmp_path}/no\u202e-\u00e9-\udcff", PYTHONIOENCODING="ascii")
    assert run.code == 2
    assert b"no\\u202e-\\xe9-\\udcff: there is no such file" in run.err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device that is always full")  # noqa: PTH110
@pytest.mark.parametrize("arguments", [["inspect", "missing"], ["diff", "missing", "missing"], ["nope"]])
def test_trouble_that_cannot_be_told_is_trouble_and_no_answer(arguments: list[str]) -> None:
    """Exit code 1 would say that the cassettes differ."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-m", "cassette_tools", *arguments],
            stderr=full,
            env=environment(),
            timeout=LIMIT,
            check=False,
        )
    assert done.returncode == 2


HELD = """
import os, sys
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == awaited:
            os.write(1, b"ready")
            sys.stdin.read()
awaited = sys.argv.pop(1)
sys.meta_path.insert(0, Slow())
from cassette_tools.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["cassette_tools.cli", "typer", "cassette_tools.commands.inspect"])
def test_an_interrupt_while_modules_are_loaded_shows_no_traceback(module: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, module, "inspect", "missing.jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"ready"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode in {130, -signal.SIGINT}
    assert err == b""


def test_an_interrupt_that_whoever_started_it_ignores_stays_ignored() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, "cassette_tools.cli", "--version"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # noqa: PLW1509 - the child has one thread
    )
    try:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"ready"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LIMIT)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert (process.returncode, out.decode()) == (0, f"ctools {__version__}\n")


@pytest.mark.parametrize("columns", ["99999999999", "-5", "0", "nan"])
def test_a_width_that_no_terminal_has_is_no_trouble(tmp_path: Path, columns: str) -> None:
    old = Cassette().get("http://127.0.0.1/a", body=b'{"a":1}').end().write(tmp_path / "old.jsonl")
    new = Cassette().get("http://127.0.0.1/a", body=b'{"a":2}').end().write(tmp_path / "new.jsonl")
    done = ctools_on_terminal("diff", old, new, COLUMNS=columns)
    assert done.code == 1
    assert b"Traceback" not in done.out
    assert max(map(len, done.out.split(b"\r\n"))) < 2_000
