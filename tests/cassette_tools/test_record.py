from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools import cli
from tests.cassette_tools.running import Run, ctools, ctools_on_terminal, environment
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "recorder" / "bootstrap" / "site"
PYTHON = sys.executable
FETCH = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with Origin() as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "work"
    place.mkdir()
    return place


def record(folder: Path, *arguments: str, stdin: bytes = b"", **changes: str) -> Run:
    """Run `ctools record` in `folder`, with a folder for temporary files of its own that must be empty afterwards."""
    with tempfile.TemporaryDirectory(prefix="c") as temporary:  # a short path: sockets of multiprocessing go there
        result = ctools("record", *arguments, stdin=stdin, cwd=folder, TMPDIR=temporary, **changes)
        assert os.listdir(temporary) == []  # noqa: PTH208 -- no pathlib needed for that
    return result


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def of_type(path: Path, kind: str) -> list[dict[str, Any]]:
    return [line for line in lines(path) if line["type"] == kind]


def urls(path: Path) -> list[str]:
    return sorted(line["request"]["url"] for line in of_type(path, "interaction"))


def executable(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text))
    path.chmod(0o755)
    return path


# What is recorded.


def test_a_program_is_recorded_between_a_header_and_an_end_line(folder: Path, origin: str) -> None:
    result = record(folder, "-o", "c.jsonl", "--", PYTHON, "-c", FETCH, f"{origin}/json")
    assert (result.code, result.out) == (0, b"")
    first, process, interaction, end_of_child, end = lines(folder / "c.jsonl")
    assert [first["type"], process["type"], interaction["type"]] == ["header", "process", "interaction"]
    assert first["process"] == end["process"] != process["process"] == end_of_child["process"]
    assert {first["run"], process["run"], end["run"]} == {first["run"]}
    assert interaction["request"]["url"] == f"{origin}/json"
    counts = {key: end[key] for key in ("type", "seen", "interactions", "errors", "lost", "exit_code")}
    assert counts == {"type": "end", "seen": 1, "interactions": 1, "errors": 0, "lost": {}, "exit_code": 0}


def test_a_cassette_goes_to_the_current_folder_when_no_name_is_given(folder: Path, origin: str) -> None:
    assert record(folder, "--", PYTHON, "-c", FETCH, f"{origin}/json").code == 0
    assert urls(folder / "cassette.jsonl") == [f"{origin}/json"]


def test_only_its_owner_may_read_a_cassette(folder: Path) -> None:
    record(folder, "--", "true")
    assert stat.S_IMODE((folder / "cassette.jsonl").stat().st_mode) == 0o600


MULTIPROCESSING = """
    import multiprocessing, sys, urllib.request

    def fetch(url):
        urllib.request.urlopen(url).read()

    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[2])
        workers = [context.Process(target=fetch, args=(f"{sys.argv[1]}/json?{number}",)) for number in (1, 2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
"""


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_processes_of_multiprocessing_are_recorded(folder: Path, origin: str, method: str) -> None:
    (folder / "app.py").write_text(textwrap.dedent(MULTIPROCESSING))
    result = record(folder, "-o", "c.jsonl", "--", PYTHON, "app.py", origin, method)
    assert result.code == 0, result.errors
    assert urls(folder / "c.jsonl") == [f"{origin}/json?1", f"{origin}/json?2"]
    assert len({line["process"] for line in of_type(folder / "c.jsonl", "interaction")}) == 2


def test_a_module_a_script_and_what_they_start_are_recorded(folder: Path, origin: str) -> None:
    (folder / "fetching").mkdir()
    (folder / "fetching" / "__main__.py").write_text(FETCH)
    executable(
        folder / "all.sh",
        f"""\
        #!/bin/sh
        {PYTHON} -m fetching "$1/json?module"
        {PYTHON} -c 'import os, sys; os.system(f"{{sys.executable}} -m fetching {{sys.argv[1]}}")' "$1/json?below"
        """,
    )
    result = record(folder, "-o", "c.jsonl", "--", "./all.sh", origin)
    assert result.code == 0, result.errors
    assert urls(folder / "c.jsonl") == [f"{origin}/json?below", f"{origin}/json?module"]


def test_a_test_suite_is_recorded(folder: Path, origin: str) -> None:
    (folder / "test_it.py").write_text(
        f"import urllib.request\ndef test_it():\n    assert urllib.request.urlopen('{origin}/json').status == 200\n"
    )
    result = record(folder, "-o", "c.jsonl", "--", PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    assert result.code == 0, result.text
    assert b"1 passed" in result.out
    assert urls(folder / "c.jsonl") == [f"{origin}/json"]


def test_a_child_that_changed_its_folder_is_recorded(folder: Path, origin: str) -> None:
    program = f"import os; os.chdir('/'); os.environ.clear(); {FETCH}"
    record(folder, "-o", "c.jsonl", "--", PYTHON, "-c", program, f"{origin}/json")
    assert urls(folder / "c.jsonl") == [f"{origin}/json"]


def test_a_recording_within_a_recording_has_the_program_to_itself(folder: Path, origin: str) -> None:
    inner = [PYTHON, "-m", "cassette_tools", "record", "-o", "inner.jsonl", "--"]
    result = record(folder, "-o", "outer.jsonl", "--", *inner, PYTHON, "-c", FETCH, f"{origin}/json")
    assert result.code == 0, result.errors
    assert urls(folder / "inner.jsonl") == [f"{origin}/json"]
    assert urls(folder / "outer.jsonl") == []


def test_options_reach_the_program(folder: Path, origin: str) -> None:
    program = f"import recorder.taps.seams as s, urllib.request as u; u.urlopen('{origin}/bytes/5000').read()"
    program += "; print(s.active()[0].options)"
    result = record(
        *(folder, "-o", "c.jsonl", "--body-limit", "2K", "--durability", "record", "--share-pools"),
        *("--diagnose-every", "7", "--", PYTHON, "-c", program),
    )
    assert (
        result.text == "Options(body_limit=2048, durability='record', on_error='stop', share_pools=True, diagnose=7)\n"
    )
    assert lines(folder / "c.jsonl")[0]["body_limit"] == 2048
    assert of_type(folder / "c.jsonl", "body")


def test_deep_memory_samples_are_taken_on_demand(folder: Path, origin: str) -> None:
    program = "import sys, urllib.request\nfor n in range(4): urllib.request.urlopen(sys.argv[1]).read()"
    record(folder, "-o", "c.jsonl", "--diagnose-every", "2", "--", PYTHON, "-c", program, f"{origin}/json")
    samples = of_type(folder / "c.jsonl", "diagnosis")
    assert [sample["interactions"] for sample in samples] == [0, 2, 4, 4]
    assert all(sample["objects"]["connections"] is not None for sample in samples)
    shown = ctools("inspect", folder / "c.jsonl")
    assert b"iagnosis" in shown.out


# What the program sees.


def test_the_programs_streams_and_exit_code_pass_through(folder: Path) -> None:
    data = os.urandom(200_000)
    program = (
        "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()); print('oops', file=sys.stderr); sys.exit(7)"
    )
    result = record(folder, "--", PYTHON, "-c", program, stdin=data)
    assert (result.code, result.out) == (7, data)
    assert result.err.startswith(b"oops\n")
    assert lines(folder / "cassette.jsonl")[-1]["exit_code"] == 7


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGSEGV"])
def test_a_signal_that_ends_the_program_ends_us_after_the_summary(folder: Path, name: str) -> None:
    program = f"import os, signal; os.kill(os.getpid(), signal.{name})"
    result = record(folder, "--", PYTHON, "-c", program)
    assert result.code == -getattr(signal, name)
    assert f"{name} ended the command" in result.errors
    assert lines(folder / "cassette.jsonl")[-1]["signal"] == name


def test_ctrl_c_ends_the_program_and_the_summary_follows(folder: Path, origin: str) -> None:
    program = f"{FETCH}; print('waiting', flush=True); import time; time.sleep(60)"
    cassette = folder / "c.jsonl"
    result = ctools_on_terminal(
        "record", "-o", cassette, "--", PYTHON, "-c", program, f"{origin}/json", interrupt=b"waiting"
    )
    assert result.code == -signal.SIGINT
    text = result.text
    assert text.index("KeyboardInterrupt") < text.index("recorded 1 interaction")
    assert "SIGINT ended the command" in text
    assert lines(cassette)[-1]["signal"] == "SIGINT"


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_under_nohup_a_hangup_ends_neither_the_program_nor_its_recording(folder: Path, origin: str) -> None:
    program = f"{FETCH}; print('ready', flush=True); sys.stdin.readline(); {FETCH}"
    nohup = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    command = [PYTHON, "-m", "cassette_tools", "record", "-o", "c.jsonl", "--", PYTHON, "-c", program, f"{origin}/json"]
    with subprocess.Popen(
        [PYTHON, "-c", nohup, *command],
        cwd=folder, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, signal.SIGHUP)
        _, told = process.communicate(b"\n", timeout=60)
    assert process.returncode == 0
    assert b"recorded 2 interactions" in told
    assert lines(folder / "c.jsonl")[-1]["exit_code"] == 0


def test_the_environment_differs_by_the_variables_that_are_documented(folder: Path) -> None:
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    bare = subprocess.run([PYTHON, "-c", program], capture_output=True, env=environment(), check=True, timeout=60)
    before, seen = json.loads(bare.stdout), json.loads(record(folder, "--", PYTHON, "-c", program).out)
    for name in ("RECORDER_CASSETTE", "RECORDER_RUN", "RECORDER_OPTIONS", "RECORDER_REDACTION", "RECORDER_NOTES"):
        seen.pop(name)
    assert seen.pop("PYTHONPATH") == f"{SITE}{os.pathsep}{before.pop('PYTHONPATH')}"
    seen.pop("TMPDIR")
    before.pop("TMPDIR", None)
    assert seen == before


def test_a_python_without_http_sees_no_trace_but_a_finder(folder: Path) -> None:
    program = """if True:
        import json, sys
        print(json.dumps([sorted(sys.modules), sys.path, sys.argv, len(sys.meta_path)]))
    """
    bare = subprocess.run([PYTHON, "-c", program], capture_output=True, env=environment(), check=True, timeout=60)
    before, seen = json.loads(bare.stdout), json.loads(record(folder, "--", PYTHON, "-c", program).out)
    assert set(seen[0]) - set(before[0]) == {"recorder_arming"}
    assert seen[1:3] == before[1:3]
    assert seen[3] == before[3] + 1


def test_no_color_and_pipes_give_a_summary_without_escapes(folder: Path, origin: str) -> None:
    command = ("--", PYTHON, "-c", FETCH, f"{origin}/json")
    assert b"\x1b" not in record(folder, "-o", "a.jsonl", *command).err
    assert b"\x1b" not in ctools_on_terminal("record", "-o", folder / "b.jsonl", *command, NO_COLOR="1").out


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_summary_fits_the_terminal(folder: Path, origin: str, columns: int) -> None:
    result = ctools_on_terminal(
        "record", "-o", folder / "c.jsonl", "--", PYTHON, "-c", FETCH, f"{origin}/json", columns=columns
    )
    shown = re.sub(r"\x1b\[[0-9;]*m", "", result.text).replace("\r", "").split("\n")
    assert max(map(len, shown)) <= columns
    assert "recorded 1 interaction" in " ".join(shown)


# The summary.


def test_the_summary_tells_what_was_recorded_and_warns_of_secrets(folder: Path, origin: str) -> None:
    program = f"{FETCH}\ntry: urllib.request.urlopen('http://127.0.0.1:1/')\nexcept OSError: pass"
    result = record(folder, "-o", "c.jsonl", "--", PYTHON, "-c", program, f"{origin}/json")
    told = result.errors.splitlines()
    host = origin.removeprefix("http://")
    assert re.fullmatch(r"ctools: recorded 2 interactions in .* into c\.jsonl \(.* kB\)", told[0])
    assert told[1].split() == ["hosts", "127.0.0.1:1", "1,", host, "1"]
    assert told[2].split() == ["errors", "connect", "ConnectionRefusedError", "1"]
    assert told[3].split()[0] == "bodies"
    assert told[4].split()[0] == "memory"
    assert told[5].split()[0] == "secrets"
    assert told[6:] == ["  next     ctools inspect c.jsonl"]
    assert ctools("inspect", "c.jsonl", cwd=folder).code == 0


def test_quiet_prints_nothing(folder: Path, origin: str) -> None:
    result = record(folder, "--quiet", "--", PYTHON, "-c", FETCH, f"{origin}/json")
    assert (result.out, result.err) == (b"", b"")


def test_json_prints_the_summary_as_one_line(folder: Path, origin: str) -> None:
    result = record(folder, "--json", "-o", "c.jsonl", "--", PYTHON, "-c", FETCH, f"{origin}/bytes/1000")
    assert result.out == b""
    told = json.loads(result.err)
    assert told["cassette"] == str(folder / "c.jsonl")
    assert (
        told["size"]
        == told["written"]
        == (folder / "c.jsonl").stat().st_size - len((folder / "c.jsonl").read_bytes().splitlines(keepends=True)[-1])
    )
    assert (told["interactions"], told["errors"], told["lost"], told["missing"], told["trouble"]) == (1, 0, {}, [], [])
    assert (told["exit_code"], told["signal"], told["redaction"], told["bytes_received"]) == (0, None, "policy", 1000)
    assert told["hosts"] == {origin.removeprefix("http://"): 1}
    assert told["processes"][0]["interactions"] == 1


def test_a_host_name_cannot_drive_the_terminal(folder: Path) -> None:
    program = """if True:
        import http.client, socket
        connection = http.client.HTTPConnection("127.0.0.1", 1)
        connection.host = "evil\\x1b]0;title\\x07\\u202e"
        try:
            connection.request("GET", "/", headers={"Host": "evil\\x1b]0;title"})
        except (OSError, UnicodeError, http.client.HTTPException):
            pass
    """
    result = record(folder, "-o", "c.jsonl", "--", PYTHON, "-c", program)
    assert b"\x1b" not in result.err
    assert "\u202e" not in result.errors


def test_a_run_whose_stderr_nobody_reads_keeps_its_exit_code(folder: Path) -> None:
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        [PYTHON, "-m", "cassette_tools", "record", "--", "sh", "-c", "sleep 0.3; exit 4"],
        cwd=folder,
        env=environment(),
        stderr=theirs,
    )
    os.close(theirs)
    os.close(ours)
    assert process.wait(60) == 4


# Existing cassettes.


def test_an_existing_cassette_is_refused_with_the_ways_out_and_the_program_is_not_started(folder: Path) -> None:
    (folder / "c.jsonl").write_text("precious")
    result = record(folder, "-o", "c.jsonl", "--", "touch", "started")
    assert result.code == 2
    assert result.errors == "ctools: c.jsonl exists already; add --append or --overwrite, or name another with -o\n"
    assert [path.name for path in folder.iterdir()] == ["c.jsonl"]
    assert (folder / "c.jsonl").read_text() == "precious"


def test_append_adds_a_run_and_sums_up_that_run_alone(folder: Path, origin: str) -> None:
    for number in (1, 2, 3):
        result = record(
            folder, "-o", "c.jsonl", "--append", "--json", "--", PYTHON, "-c", FETCH, f"{origin}/json?{number}"
        )
        told = json.loads(result.err)
        assert told["interactions"] == 1
        assert told["written"] < 4000
    assert len({line["run"] for line in of_type(folder / "c.jsonl", "header")}) == 3
    assert [line["seen"] for line in of_type(folder / "c.jsonl", "end") if "exit_code" in line] == [1, 1, 1]
    assert len(urls(folder / "c.jsonl")) == 3


def test_append_to_something_else_is_refused_and_changes_nothing(folder: Path) -> None:
    (folder / "notes.txt").write_text("my notes\n")
    result = record(folder, "-o", "notes.txt", "--append", "--", "touch", "started")
    assert result.code == 2
    assert "is no cassette" in result.errors
    assert (folder / "notes.txt").read_text() == "my notes\n"
    assert not (folder / "started").exists()


def test_overwrite_replaces_the_old_cassette_only_at_the_end(folder: Path, origin: str) -> None:
    cassette = folder / "c.jsonl"
    cassette.write_text("the old one")
    program = f"{FETCH}; print(open({str(cassette)!r}).read())"
    result = record(folder, "-o", "c.jsonl", "--overwrite", "--", PYTHON, "-c", program, f"{origin}/json")
    assert (result.code, result.text) == (0, "the old one\n")
    assert urls(cassette) == [f"{origin}/json"]
    assert [path.name for path in folder.iterdir()] == ["c.jsonl"]


def test_an_overwriting_run_that_recorded_nothing_keeps_the_old_cassette_and_says_so(folder: Path) -> None:
    (folder / "c.jsonl").write_text("the old one")
    result = record(folder, "-o", "c.jsonl", "--overwrite", "--", "true")
    assert result.code == 0
    assert "kept     c.jsonl is the old one" in result.errors
    assert [path.name for path in folder.iterdir()] == ["c.jsonl"]
    assert (folder / "c.jsonl").read_text() == "the old one"


def test_overwrite_makes_a_cassette_where_there_is_none(folder: Path) -> None:
    assert record(folder, "-o", "c.jsonl", "--overwrite", "--", "true").code == 0
    assert [line["type"] for line in lines(folder / "c.jsonl")] == ["header", "end"]


# What cannot be run.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there is no command to run; add one: ctools record -- python app.py"),
        (["-o", "x.jsonl"], "there is no command to run; add one: ctools record -o x.jsonl -- python app.py"),
        (["-o", "x.jsonl", "--"], "there is no command to run; add one: ctools record -o x.jsonl -- python app.py"),
        (
            ["-o", "x.jsonl", "python", "app.py", "-o", "out"],
            "put two dashes before the command: ctools record -o x.jsonl -- python app.py -o out",
        ),
        (["--", "no-such-command"], "no-such-command: command not found; check its name and PATH"),
        (["--", "./app.py", "-v"], "./app.py is not executable; did you mean: -- python ./app.py -v"),
        (["--append", "--overwrite", "--", "true"], "--append and --overwrite exclude each other; choose one"),
        (
            ["--body-limit", "big", "--", "true"],
            "--body-limit 'big' is no size; give bytes, or a number with K, M or G",
        ),
        (["--body-limit", "12", "--", "true"], "body_limit is 12; give at least 1024 bytes"),
        (["--durability", "often", "--", "true"], "durability is 'often'; give one of interval, record, none"),
        (["--diagnose-every", "0", "--", "true"], "diagnose is 0; give a number of interactions, 1 or more"),
        (["-o", "-", "--", "true"], "standard output is the command's: name a file with -o"),
        (["-o", "no/such/c.jsonl", "--", "true"], "make the folder"),
        (["-o", ".", "--", "true"], "is a directory"),
        (["--", "./broken"], "./broken cannot be started: the interpreter that its first line names is not there"),
    ],
)
def test_what_cannot_be_run_is_told_with_the_next_step_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (folder / "app.py").touch()
    executable(folder / "broken", "#!/no/such/interpreter\n")
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["ctools", "record", *arguments])
    assert cli.run() == 2
    out, errors = capfd.readouterr()
    assert out == ""
    assert errors.startswith("ctools: ")
    assert said in errors
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_command_without_dashes_ends_with_code_2_and_no_traceback(folder: Path) -> None:
    result = record(folder, "python", "app.py", "--verbose")
    assert (result.code, result.out) == (2, b"")
    assert result.errors == "ctools: put two dashes before the command: ctools record -- python app.py --verbose\n"


@pytest.mark.parametrize("option", ["--append", "--overwrite"])
def test_a_command_that_does_not_start_leaves_an_existing_cassette_as_it_was(folder: Path, option: str) -> None:
    executable(folder / "broken", "#!/no/such/interpreter\n")
    record(folder, "-o", "c.jsonl", "--", "true")
    before = (folder / "c.jsonl").read_bytes()
    assert record(folder, "-o", "c.jsonl", option, "--", "./broken").code == 2
    assert (folder / "c.jsonl").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["broken", "c.jsonl"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_told(folder: Path) -> None:
    folder.chmod(0o500)
    result = record(folder, "--", "true")
    folder.chmod(0o700)
    assert result.code == 2
    assert "choose a folder that you may write to" in result.errors


def test_the_options_of_the_command_stay_its_own(folder: Path) -> None:
    result = record(folder, "--", PYTHON, "-c", "import sys; print(sys.argv[1:])", "--help", "-o", "x", "--", "--quiet")
    assert result.text == "['--help', '-o', 'x', '--', '--quiet']\n"


# Why nothing was recorded.


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["true"], "no Python process was started, or none that could be reached"),
        ([PYTHON, "-I", "-c", "pass"], "Python ran with -I, which keeps the recorder out; leave that option away"),
        ([PYTHON, "-u", "-W", "ignore", "-BE", "-c", "pass"], "Python ran with -E, which keeps the recorder out"),
        ([PYTHON, "-Sc", "pass"], "Python ran with -S, which keeps the recorder out"),
        (["./isolated"], "Python ran with -I, which keeps the recorder out"),
        (["env", "-i", PYTHON, "-c", "pass"], "no Python process was started, or none that could be reached"),
        ([PYTHON, "-c", "pass"], "no Python process loaded a supported HTTP client"),
        ([PYTHON, "-c", "import http.client"], "no request was made: an HTTP client was loaded, and not used"),
        ([PYTHON, "-c", "import pycurl"], "pycurl was loaded, and cannot be recorded yet"),
        ([PYTHON, "app/own.py"], "1 Python process could not record: ImportError: the program has a module of its own"),
        ([PYTHON, "app/without.py"], f"could not import the recorder; install it there: {PYTHON} -m pip install"),
    ],
)
def test_a_run_that_recorded_nothing_says_why(folder: Path, command: list[str], why: str) -> None:
    executable(folder / "isolated", f"#!{PYTHON} -I\n")
    (folder / "pycurl.py").touch()
    (folder / "app").mkdir()
    (folder / "app" / "own.py").write_text("import http.client, recorder; print(recorder.NAME)\n")
    (folder / "app" / "recorder.py").write_text("NAME = 'of the program'\n")
    hidden = [str(ROOT), str(folder / "app")]
    (folder / "app" / "without.py").write_text(
        f"import sys; sys.path[:] = [path for path in sys.path if path not in {hidden}]; import http.client\n"
    )
    if command == ["./isolated"] and len(PYTHON) > 120:
        pytest.skip("the path of this Python is too long for a #! line")
    result = record(folder, "-o", "c.jsonl", "--", *command)
    if command[1:] == ["app/own.py"]:
        assert result.text == "of the program\n"
    told = " ".join(result.errors.split())
    assert "recorded nothing" in told
    assert why in told
    assert "secrets" not in told
    assert [line["type"] for line in lines(folder / "c.jsonl")] == ["header", "end"]


def test_a_process_that_could_not_be_recorded_is_told_beside_those_that_were(folder: Path, origin: str) -> None:
    executable(
        folder / "both.sh",
        f"""\
        #!/bin/sh
        {PYTHON} -c '{FETCH}' {origin}/json
        {PYTHON} -c 'import sys; sys.path.remove("{ROOT}"); {FETCH}' {origin}/json
        """,
    )
    result = record(folder, "--", "./both.sh")
    assert "recorded 1 interaction" in result.errors
    assert "missing  1 Python process could not import the recorder; install it there:" in result.errors


@pytest.mark.parametrize("name", ["python2.7", "python3.6", "python3.8", "python3.9", "python3.10"])
def test_an_old_python_runs_unharmed_and_is_named(folder: Path, name: str) -> None:
    path = shutil.which(name)
    works = path is not None and subprocess.run([path, "-c", ""], capture_output=True, check=False, timeout=60)
    if not works or works.returncode:
        pytest.skip(f"{name} is not installed")
    result = record(folder, "--", name, "-c", "import sys; sys.stdout.write('ran')")
    assert (result.code, result.text) == (0, "ran")
    assert f"is Python {name[6:]}; recording takes 3.11 or newer" in " ".join(result.errors.split())
    assert "sitecustomize" not in result.errors


# What goes wrong meanwhile.


def test_a_killed_recorder_leaves_a_cassette_that_reads_and_a_program_that_goes_on(folder: Path, origin: str) -> None:
    program = f"{FETCH}; print('ready', flush=True); sys.stdin.readline(); urllib.request.urlopen(sys.argv[1]).read()"
    process = subprocess.Popen(
        [
            PYTHON,
            "-m",
            "cassette_tools",
            "record",
            "-o",
            "c.jsonl",
            "--",
            PYTHON,
            "-c",
            f"{program}; print('done')",
            f"{origin}/json",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        env=environment(),
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.kill()
        process.wait(60)
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.stdout.read() == b"done\n"
    assert len(urls(folder / "c.jsonl")) == 2
    assert ctools("inspect", folder / "c.jsonl").code == 0


def test_a_program_that_removes_its_cassette_still_ends_as_it_ends(folder: Path, origin: str) -> None:
    program = f"{FETCH}; import os; os.unlink('c.jsonl'); sys.exit(3)"
    result = record(folder, "-o", "c.jsonl", "--", PYTHON, "-c", program, f"{origin}/json")
    assert result.code == 3
    assert "Traceback" not in result.errors
    assert "cannot be read back" in result.errors


def test_a_run_appended_behind_a_torn_one_is_read_back_whole(folder: Path, origin: str) -> None:
    command = ("-o", "c.jsonl", "--append", "--json", "--", PYTHON, "-c", FETCH, f"{origin}/json")
    record(folder, *command)
    os.truncate(folder / "c.jsonl", (folder / "c.jsonl").stat().st_size - 30)
    told = json.loads(record(folder, *command).err)
    assert (told["interactions"], told["trouble"]) == (1, [])
    assert ctools("inspect", folder / "c.jsonl").code == 0


def test_a_process_that_is_left_behind_is_told(folder: Path, origin: str) -> None:
    twice = f'{FETCH}; open("ready", "w").close(); import time; time.sleep(1); {FETCH}'
    executable(
        folder / "daemon.sh",
        f"""\
        #!/bin/sh
        {PYTHON} -c '{twice}' {origin}/json >/dev/null 2>&1 &
        while [ ! -e ready ]; do sleep 0.05; done
        """,
    )
    result = record(folder, "-o", "c.jsonl", "--", "./daemon.sh")
    assert "recorded 1 interaction " in result.errors
    assert "running  1 process goes on in the background" in result.errors
    deadline = time.monotonic() + 20
    while len(urls(folder / "c.jsonl")) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert urls(folder / "c.jsonl") == [f"{origin}/json"] * 2


def test_a_file_name_that_is_no_text_is_no_obstacle(folder: Path, origin: str) -> None:
    name = os.fsdecode(b"c\xff\x1b.jsonl")
    for option, said in (("--json", rb"c\\\\udcff\\u001b.jsonl"), ("--append", rb"c\\udcff\\x1b.jsonl")):
        result = record(folder, "-o", name, option, "--", PYTHON, "-c", FETCH, f"{origin}/json")
        assert result.code == 0
        assert re.search(said, result.err)
        assert b"\x1b" not in result.err


def test_a_worker_that_is_killed_costs_no_other_process_its_records(folder: Path, origin: str) -> None:
    executable(
        folder / "all.sh",
        f"""\
        #!/bin/sh
        {PYTHON} -c '{FETCH}; import os; os.kill(os.getpid(), 9)' {origin}/json?killed
        {PYTHON} -c '{FETCH}' {origin}/json?whole
        """,
    )
    record(folder, "-o", "c.jsonl", "--", "./all.sh")
    assert urls(folder / "c.jsonl") == [f"{origin}/json?killed", f"{origin}/json?whole"]
    assert lines(folder / "c.jsonl")[-1]["interactions"] == 2


@pytest.mark.full
def test_the_file_is_forced_to_the_disk_while_it_grows(folder: Path, origin: str) -> None:
    program = f"{FETCH}; print('ready', flush=True); sys.stdin.readline()"
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    trace = folder / "trace"
    process = subprocess.Popen(
        [
            *(strace, "-f", "-e", "trace=fdatasync", "-o", str(trace)),
            *(PYTHON, "-m", "cassette_tools", "record", "-o", "c.jsonl", "--", PYTHON, "-c", program, f"{origin}/json"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    deadline = time.monotonic() + 20
    while "fdatasync" not in trace.read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    told = trace.read_text()
    process.communicate(b"\n", timeout=60)
    assert "fdatasync" in told


# Starting up.


def test_help_has_examples_and_loads_neither_a_client_nor_rich(folder: Path) -> None:
    program = """if True:
        import sys
        sys.argv = ["ctools", "record", "--help"]
        from cassette_tools.cli import run
        run()
        print({"http.client", "urllib3", "requests", "rich", "cassette_tools.run"} & sys.modules.keys())
    """
    done = subprocess.run([PYTHON, "-c", program], capture_output=True, env=environment(), check=True, timeout=60)
    assert b"ctools record -- python app.py" in done.stdout
    assert done.stdout.splitlines()[-1] == b"set()"
