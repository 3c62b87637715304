"""`ctools record` redacts what its processes record: by all sources of secrets, with one key and no trace."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cassette_tools.running import Run, ctools, environment
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = sys.executable
SECRET = "s3cr3t-v4lu3-0f-mine"
OTHER = "4n0th3r-v4lu3-2"
PLACEHOLDER = re.compile(r"REDACTED-secret-[a-z2-7]{10,12}")
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


@contextmanager
def temporary() -> Iterator[Path]:
    """Give a folder for temporary files that must be empty afterwards."""
    with tempfile.TemporaryDirectory(prefix="c") as name:
        yield Path(name)
        assert list(Path(name).iterdir()) == []


def record(folder: Path, *arguments: str, **changes: str) -> Run:
    with temporary() as place:
        result = ctools("record", "-o", "c.jsonl", *arguments, stdin=b"", cwd=folder, TMPDIR=str(place), **changes)
    for value in (SECRET, OTHER):
        assert value.encode() not in result.err, "a summary has no value"
    return result


def fetch(folder: Path, url: str, *options: str, **changes: str) -> Run:
    """Record a program that makes one request."""
    return record(folder, *options, "--", PYTHON, "-c", FETCH, url, **changes)


def lines(folder: Path, kind: str = "interaction") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "c.jsonl").read_bytes().splitlines()]
    return [line for line in found if line["type"] == kind]


def header(folder: Path) -> Any:
    return lines(folder, "header")[0]["redaction"]


# Sources of secrets.


def _secrets_text(folder: Path) -> list[str]:
    (folder / "secrets.txt").write_text(f"\n{SECRET}\n")
    return ["--secrets-file", "secrets.txt"]


def _secrets_json(folder: Path) -> list[str]:
    (folder / "secrets.json").write_text(json.dumps({"a": {"b": [SECRET]}}))
    return ["--secrets-file", "secrets.json"]


def _secrets_toml(folder: Path) -> list[str]:
    (folder / "secrets.toml").write_text(f'[a]\nb = "{SECRET}"\n')
    return ["--secrets-file", "secrets.toml"]


def _config(folder: Path) -> list[str]:
    (folder / "config.json").write_text(json.dumps({"parameters": {"#password": SECRET, "limit": "not-a-secret-5"}}))
    return ["--config", "config.json"]


def _policy(folder: Path) -> list[str]:
    _secrets_text(folder)
    (folder / "policy.toml").write_text('version = 1\n[secrets]\nfiles = ["secrets.txt"]\n')
    return ["--policy", "policy.toml"]


SOURCES = {"text": _secrets_text, "json": _secrets_json, "toml": _secrets_toml, "config": _config, "policy": _policy}


@pytest.mark.parametrize("source", SOURCES)
def test_a_secret_is_known_from_each_kind_of_file(source: str, folder: Path, origin: str) -> None:
    options = SOURCES[source](folder)
    result = fetch(folder, f"{origin}/json?a={SECRET}&b=not-a-secret-5", *options)
    assert result.code == 0, result.errors
    assert SECRET.encode() not in (folder / "c.jsonl").read_bytes()
    (one,) = lines(folder)
    assert "not-a-secret-5" in one["request"]["url"]
    assert PLACEHOLDER.search(one["request"]["url"])
    ((rule, count),) = one["redacted"].items()
    assert rule.startswith("known:")
    assert count == 1
    assert SECRET not in rule


def test_a_variable_that_is_named_is_a_secret_and_others_are_not(folder: Path, origin: str) -> None:
    result = fetch(folder, f"{origin}/json?a={SECRET}&b={OTHER}", "--secret-env", "MINE", MINE=SECRET, PLAIN=OTHER)
    assert result.code == 0, result.errors
    (one,) = lines(folder)
    assert SECRET not in one["request"]["url"]
    assert OTHER in one["request"]["url"]
    assert one["redacted"] == {"known:env:MINE": 1}


def test_a_variable_whose_name_says_secret_is_one_by_default(folder: Path, origin: str) -> None:
    fetch(folder, f"{origin}/json?a={SECRET}", SOME_API_TOKEN=SECRET)
    assert lines(folder)[0]["redacted"] == {"known:env:SOME_API_TOKEN": 1}


def test_all_sources_together_make_one_policy(folder: Path, origin: str) -> None:
    options = [option for source in ("text", "config", "policy") for option in SOURCES[source](folder)]
    result = fetch(
        folder, f"{origin}/json?a={SECRET}&b={OTHER}&token=t0k3n", *options, "--secret-env", "OTH*", OTHERS=OTHER
    )
    assert result.code == 0, result.errors
    assert sum(lines(folder)[0]["redacted"].values()) == 3
    assert header(folder)["known"] == 2


def test_a_policy_in_a_variable_counts_when_none_is_named(folder: Path, origin: str) -> None:
    SOURCES["policy"](folder)
    fetch(folder, f"{origin}/json?a={SECRET}", CTOOLS_POLICY="policy.toml")
    assert SECRET.encode() not in (folder / "c.jsonl").read_bytes()


def test_without_redaction_everything_is_there_and_that_is_said(folder: Path, origin: str) -> None:
    with temporary() as place:
        result = ctools(
            *("record", "-o", "c.jsonl", "--no-redact", "--", PYTHON, "-c", FETCH, f"{origin}/json?token={OTHER}"),
            cwd=folder, TMPDIR=str(place), SOME_API_TOKEN=OTHER,
        )  # fmt: skip
    assert result.code == 0
    assert header(folder) == "none"
    assert OTHER in lines(folder)[0]["request"]["url"]
    assert "nothing was redacted" in result.errors
    shown = ctools("inspect", "c.jsonl", cwd=folder).text
    assert re.search(r"^redaction +(none|nothing)", shown, re.MULTILINE), shown


REFUSED = {
    "a policy that is not there": (["--policy", "gone.toml"], "gone.toml"),
    "a policy that is none": (["--policy", "broken.toml"], "broken.toml"),
    "a policy that names a missing file": (["--policy", "dangling.toml"], "gone.txt"),
    "secrets that are not there": (["--secrets-file", "gone.txt"], "gone.txt"),
    "secrets that are empty": (["--secrets-file", "empty.txt"], "empty.txt"),
    "secrets that are no json": (["--secrets-file", "broken.json"], "broken.json"),
    "a configuration that is none": (["--config", "broken.json"], "broken.json"),
    "a variable that is not there": (["--secret-env", "GONE_AWAY"], "GONE_AWAY"),
    "no redaction and a policy": (["--no-redact", "--policy", "broken.toml"], "--no-redact"),
    "no redaction and secrets": (["--no-redact", "--secrets-file", "secrets.txt"], "--no-redact"),
    "no redaction and a configuration": (["--no-redact", "--config", "config.json"], "--no-redact"),
    "no redaction and a variable": (["--no-redact", "--secret-env", "PATH"], "--no-redact"),
    "a callback": (["--policy", "callback.toml"], "callback.toml"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_loaded_stops_the_run_before_the_command_starts(what: str, folder: Path) -> None:
    _secrets_text(folder)
    _config(folder)
    (folder / "broken.toml").write_text(f'version = 1\n[secrets]\nvalues = ["{SECRET}"]\n')
    (folder / "dangling.toml").write_text('version = 1\n[secrets]\nfiles = ["gone.txt"]\n')
    (folder / "callback.toml").write_text('version = 1\ncallbacks = ["os:system"]\n')
    (folder / "broken.json").write_text('{"#a": "' + SECRET)
    (folder / "empty.txt").write_text("\n\n")
    before = sorted(path.name for path in folder.iterdir())
    options, told = REFUSED[what]
    result = record(folder, *options, "--", PYTHON, "-c", "open('started', 'w')")
    assert result.code == 2, result.errors
    assert told in result.errors
    assert "Traceback" not in result.errors
    assert result.out == b""
    assert sorted(path.name for path in folder.iterdir()) == before


def test_an_existing_cassette_stays_as_it_was_when_the_policy_is_broken(folder: Path) -> None:
    for option in ("--append", "--overwrite"):
        (folder / "c.jsonl").write_bytes(b"old")
        assert record(folder, option, "--policy", "gone.toml", "--", PYTHON, "-c", "pass").code == 2
        assert (folder / "c.jsonl").read_bytes() == b"old"


# Processes.


FAMILY = """
    import subprocess, sys, urllib.request

    url, depth = sys.argv[1], int(sys.argv[2])
    urllib.request.urlopen(f"{url}&depth={depth}").read()
    if depth:
        for number in (1, 2):
            subprocess.run([sys.executable, __file__, url, str(depth - 1)], check=True)
"""


def test_children_and_grandchildren_give_equal_secrets_equal_placeholders(folder: Path, origin: str) -> None:
    (folder / "family.py").write_text(textwrap.dedent(FAMILY))
    result = record(folder, *_secrets_text(folder), "--", PYTHON, "family.py", f"{origin}/json?a={SECRET}", "2")
    assert result.code == 0, result.errors
    told = lines(folder)
    assert len(told) == 7
    assert len({line["process"] for line in told}) == 7
    placeholders = [PLACEHOLDER.search(line["request"]["url"]) for line in told]
    assert len({match and match[0] for match in placeholders}) == 1
    assert None not in placeholders
    assert SECRET.encode() not in (folder / "c.jsonl").read_bytes()


def test_two_runs_have_keys_of_their_own_unless_the_policy_has_one(folder: Path, origin: str) -> None:
    def placeholder(*options: str, **changes: str) -> str:
        (folder / "c.jsonl").unlink(missing_ok=True)
        fetch(folder, f"{origin}/json?a={SECRET}", *options, **changes)
        found = PLACEHOLDER.search(lines(folder)[0]["request"]["url"])
        assert found is not None
        return found[0]

    options = _secrets_text(folder)
    assert placeholder(*options) != placeholder(*options)
    (folder / "policy.toml").write_text('version = 1\n[key]\nenv = "MY_REDACTION_KEY"\n')
    options += ["--policy", "policy.toml"]
    key = "0123456789abcdef0123456789abcdef"
    assert placeholder(*options, MY_REDACTION_KEY=key) == placeholder(*options, MY_REDACTION_KEY=key)
    assert header(folder)["key"] == "env:MY_REDACTION_KEY"
    assert key.encode() not in (folder / "c.jsonl").read_bytes()


LOOK = """
    import json, os, stat, sys, urllib.request

    urllib.request.urlopen(sys.argv[1]).read()
    place = os.environ["RECORDER_REDACTION"]
    parent = f"/proc/{os.getppid()}"
    told = {"place": place, "mode": stat.S_IMODE(os.stat(place).st_mode), "environment": dict(os.environ)}
    if os.path.exists(parent):
        told["argv"] = [open(f"{parent}/cmdline").read(), open("/proc/self/cmdline").read()]
        told["parent"] = open(f"{parent}/environ").read()
    print(json.dumps(told))
"""


def test_secrets_reach_the_processes_through_a_private_file_and_nothing_else(folder: Path, origin: str) -> None:
    (folder / "look.py").write_text(textwrap.dedent(LOOK))
    result = record(folder, *_secrets_text(folder), "--", PYTHON, "look.py", f"{origin}/json")
    told = json.loads(result.out)
    assert told["mode"] == 0o600
    assert Path(told["place"]).is_absolute()
    assert not Path(told["place"]).exists()
    assert SECRET not in json.dumps(told)
    assert stat.S_IMODE((folder / "c.jsonl").stat().st_mode) == 0o600


def test_a_process_that_cannot_read_the_policy_records_nothing_and_that_is_told(folder: Path, origin: str) -> None:
    program = f"""if True:
        import os, subprocess, sys
        os.environ["RECORDER_REDACTION"] = sys.argv[2]
        subprocess.run([sys.executable, "-c", {FETCH!r}, sys.argv[1]], check=True)
    """
    for broken in ("/nowhere/policy", "none abc"):
        (folder / "c.jsonl").unlink(missing_ok=True)
        result = record(
            folder, *_secrets_text(folder), "--", PYTHON, "-c", program, f"{origin}/json?a={SECRET}", broken
        )
        assert result.code == 0, "the program goes on as it would alone"
        assert lines(folder) == []
        assert SECRET.encode() not in (folder / "c.jsonl").read_bytes()
        assert b"nothing" in result.err


WAIT = """
    import sys, time, urllib.request

    urllib.request.urlopen(sys.argv[1]).read()
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_leaves_no_file_with_secrets_behind(name: str, folder: Path, origin: str) -> None:
    (folder / "wait.py").write_text(textwrap.dedent(WAIT))
    with temporary() as place:
        command = [PYTHON, "-m", "cassette_tools", "record", "-o", "c.jsonl", *_secrets_text(folder), "--"]
        with subprocess.Popen(
            [*command, PYTHON, "wait.py", f"{origin}/json?a={SECRET}"],
            cwd=folder, env=environment(TMPDIR=str(place)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            assert any(SECRET in path.read_text() for path in place.iterdir()), "else the test looks at the wrong place"
            process.send_signal(getattr(signal, name))
            _, told = process.communicate(timeout=60)
        assert process.returncode == -getattr(signal, name)
    assert SECRET.encode() not in told
    (one,) = lines(folder)
    assert PLACEHOLDER.search(one["request"]["url"])


@pytest.mark.skipif(sys.platform != "linux", reason="a lock tells that the run is gone")
def test_what_a_killed_run_left_is_removed_by_the_next_one(folder: Path, origin: str) -> None:
    (folder / "wait.py").write_text(textwrap.dedent(WAIT))
    with temporary() as place:
        command = [PYTHON, "-m", "cassette_tools", "record", "-o", "killed.jsonl", *_secrets_text(folder), "--"]
        with subprocess.Popen(
            [*command, PYTHON, "wait.py", f"{origin}/json"],
            cwd=folder, env=environment(TMPDIR=str(place)), stdout=subprocess.PIPE, start_new_session=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            os.killpg(process.pid, signal.SIGKILL)
        left = [path for path in place.iterdir() if SECRET in path.read_text()]
        assert len(left) == 1
        os.utime(left[0], (0, 0))  # a file of this minute is left alone: its maker may not have locked it yet
        result = ctools(
            *("record", "-o", "c.jsonl", "--", PYTHON, "-c", FETCH, f"{origin}/json"), cwd=folder, TMPDIR=str(place)
        )
        assert result.code == 0
        assert not left[0].exists()
        for path in place.iterdir():
            assert path.name.startswith("ctools-notes-")
            path.unlink()


def test_a_run_that_goes_on_keeps_its_file_while_another_one_begins(folder: Path, origin: str) -> None:
    (folder / "wait.py").write_text(
        textwrap.dedent(WAIT).replace(
            "time.sleep(60)", "sys.stdin.readline()\nurllib.request.urlopen(sys.argv[1]).read()"
        )
    )
    (folder / "starts.py").write_text(
        "import subprocess, sys\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        f"subprocess.run([sys.executable, '-c', {FETCH!r}, sys.argv[1]], check=True)\n"
    )
    with temporary() as place:
        command = [PYTHON, "-m", "cassette_tools", "record", "-o", "c.jsonl", *_secrets_text(folder), "--"]
        with subprocess.Popen(
            [*command, PYTHON, "starts.py", f"{origin}/json?a={SECRET}"],
            cwd=folder, env=environment(TMPDIR=str(place)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            other = ctools("record", "-o", "other.jsonl", "--", PYTHON, "-c", "pass", cwd=folder, TMPDIR=str(place))
            assert other.code == 0
            process.communicate(b"\n", timeout=60)
        assert process.returncode == 0
    (one,) = lines(folder)
    assert PLACEHOLDER.search(one["request"]["url"])


# What is told.


def test_the_summary_names_rules_and_counts(folder: Path, origin: str) -> None:
    program = f"{FETCH}; urllib.request.urlopen(sys.argv[1]).read()"
    result = record(
        folder, *_secrets_text(folder), "--", PYTHON, "-c", program, f"{origin}/json?a={SECRET}&token=t0k3n-1"
    )
    (told,) = [line for line in result.errors.splitlines() if line.split()[:1] == ["secrets"]]
    assert "known:file:secrets.txt#2 2" in told
    assert "query 2" in told
    assert "t0k3n-1" not in result.errors


def test_the_summary_as_json_tells_each_rule(folder: Path, origin: str) -> None:
    result = fetch(folder, f"{origin}/json?a={SECRET}&token=t0k3n-1", *_secrets_text(folder), "--json")
    told = json.loads(result.err)
    assert told["redacted"] == {"known:file:secrets.txt#2": 1, "query:token": 1}


def test_where_nothing_was_found_that_is_said(folder: Path, origin: str) -> None:
    result = fetch(folder, f"{origin}/json")
    assert "none found" in result.errors


def test_what_cannot_be_proved_gone_is_named_by_its_source(folder: Path, origin: str) -> None:
    result = fetch(folder, f"{origin}/json", "--secret-env", "PIN_OF_MINE", PIN_OF_MINE="7391")
    assert "env:PIN_OF_MINE" in result.errors
    assert "7391" not in result.errors
    assert any("env:PIN_OF_MINE" in one for one in header(folder)["unproven"])


BROKEN_ENGINE = """
    import sys
    import urllib.request
    import recorder.redact.engine as engine
    from recorder.redact.leaf import Finding

    engine.splice = lambda data, *_, **__: (data, [Finding("known:x", "p", "secret", "")])
    engine.Redactor._purged = lambda self, match: match.group()
    request = urllib.request.Request(sys.argv[1], sys.argv[2].encode())
    urllib.request.urlopen(request).read()
    sys.exit(int(sys.argv[3]))
"""


@pytest.mark.parametrize(("own", "code"), [(0, 1), (5, 5)])
def test_when_a_body_had_to_go_the_run_says_so_and_does_not_end_well(
    own: int, code: int, folder: Path, origin: str
) -> None:
    """The engine of the program's own process is broken here: only then a body has to go."""
    (folder / "app.py").write_text(textwrap.dedent(BROKEN_ENGINE))
    result = record(
        folder, *_secrets_text(folder), "--", PYTHON, "app.py", f"{origin}/sink", f"before {SECRET} after", str(own)
    )
    assert result.code == code, result.errors
    assert "could not be taken out" in result.errors
    assert "removed whole" in " ".join(result.errors.split())
    (one,) = lines(folder)
    assert one["redacted"]["verify"] >= 1
    assert "removed" in one["request"]["body"]
    assert "before" not in one["bodies"]["request"]["text"]
    assert SECRET.encode() not in (folder / "c.jsonl").read_bytes()


def test_inspect_shows_what_was_redacted(folder: Path, origin: str) -> None:
    fetch(folder, f"{origin}/json?a={SECRET}&token=t0k3n-1", *_secrets_text(folder))
    shown = ctools("inspect", "c.jsonl", cwd=folder)
    assert shown.code == 0
    for word in (b"edact", b"known:file:secrets.txt#2", b"query:token"):
        assert word in shown.out, word
    as_json = json.loads(ctools("inspect", "--json", "c.jsonl", cwd=folder).out)
    assert "query:token" in json.dumps(as_json)
    one = ctools("inspect", "c.jsonl", "1", cwd=folder)
    assert one.code == 0
    assert b"query:token" in one.out


def test_a_run_that_is_appended_is_redacted_by_its_own_policy(folder: Path, origin: str) -> None:
    fetch(folder, f"{origin}/json?a={SECRET}", *_secrets_text(folder))
    result = fetch(folder, f"{origin}/json?a={OTHER}", "--append", "--secret-env", "MINE", MINE=OTHER)
    assert result.code == 0
    data = (folder / "c.jsonl").read_bytes()
    assert SECRET.encode() not in data
    assert OTHER.encode() not in data
    assert len(lines(folder, "header")) == 2


def test_the_policy_costs_a_program_without_requests_hardly_anything(folder: Path) -> None:
    program = "import sys; print(sorted(name for name in sys.modules if name.startswith('recorder.redact')))"
    begin = time.monotonic()
    result = record(folder, *_secrets_text(folder), "--", PYTHON, "-c", program)
    assert result.text == "[]\n"
    assert time.monotonic() - begin < 30
