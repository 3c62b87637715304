"""`ctools scan`, run as people and hooks run it."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from cassette_tools import sweep as sweep_module
from cassette_tools.commands.scan import scan
from cassette_tools.guard import SUFFIXES, Report
from cassette_tools.sweep import File, Sweep, files_of
from recorder.redact.policy import Policy, Secret
from tests.cassette_tools.running import ctools, ctools_on_terminal, ctools_started, environment
from tests.cassette_tools.test_guard import FORMATS, LEAKS, POLICY, SECRET, Exchange

ROOT = Path(__file__).resolve().parents[3]
LEAKY = LEAKS["bearer"][0]
ROTATE = "a secret that was committed or shared stays known: revoke it and make a new one\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder: one leak in each format, a clean cassette, and things that are none."""
    place = tmp_path / "repository"
    (place / "tests" / "cassettes").mkdir(parents=True)
    for name, form in FORMATS.items():
        (place / "tests" / "cassettes" / name).write_bytes(form([Exchange(), LEAKY]))
    (place / "clean.yaml").write_bytes(FORMATS["vcrpy.yaml"]([Exchange()]))
    (place / "package.json").write_text('{"name": "x", "token": "hunter2-horse-battery"}')
    (place / "notes.txt").write_bytes(FORMATS["vcrpy.yaml"]([LEAKY]))
    for hidden in (".git", "node_modules", "env"):
        (place / hidden).mkdir()
        (place / hidden / "cassette.yaml").write_bytes(FORMATS["vcrpy.yaml"]([LEAKY]))
    (place / "env" / "pyvenv.cfg").write_text("")
    return place


def test_a_finding_is_one_line_and_the_summary_is_on_stderr(folder: Path) -> None:
    done = ctools("scan", "tests/cassettes/vcrpy.yaml", cwd=folder)
    assert done.text == "tests/cassettes/vcrpy.yaml:24:16: header:authorization request.headers (interaction 2)\n"
    assert done.errors == (
        f"1 secret in 1 file\ntake them out: ctools resanitize --in-place tests/cassettes/vcrpy.yaml\n{ROTATE}"
    )
    assert done.code == 1


@pytest.mark.parametrize(
    "name", ["ours.jsonl", "vcrpy.yaml", "oldest.yaml", "cassetter.toml", "har.har", "killed.jsonl.tmp"]
)
def test_the_next_step_for_a_cassette_is_resanitize_and_it_helps(folder: Path, name: str) -> None:
    path = folder / "tests" / "cassettes" / name
    path.write_bytes(FORMATS[name]([Exchange(), LEAKS["bearer"][0]]))
    done = ctools("scan", path, cwd=folder)
    assert done.errors == f"1 secret in 1 file\ntake them out: ctools resanitize --in-place {path}\n{ROTATE}"
    assert ctools("resanitize", "--in-place", path, cwd=folder).code == 0
    assert ctools("scan", path, cwd=folder).code == 0


def test_the_next_step_for_what_is_no_cassette_is_work_by_hand(folder: Path) -> None:
    (folder / "notes.yaml").write_text("password: hunter2-horse\n")
    by_hand = "elsewhere: replace the values by hand, or filter while recording and record again\n"
    assert ctools("scan", "notes.yaml", cwd=folder).errors == f"1 secret in 1 file\n{by_hand}{ROTATE}"
    assert by_hand in ctools("scan", "-", cwd=folder, stdin=FORMATS["vcrpy.yaml"]([LEAKS["bearer"][0]])).errors


def test_a_folder_is_searched_for_cassettes_and_nothing_else(folder: Path) -> None:
    done = ctools("scan", cwd=folder)
    paths = [line.split(":")[0] for line in done.text.splitlines()]
    assert sorted(set(paths)) == [f"./tests/cassettes/{name}" for name in sorted(FORMATS)]
    assert paths == sorted(paths)
    assert done.errors.startswith(
        f"{len(paths)} secrets in {len(FORMATS)} of {len(FORMATS) + 1} files; 1 skipped, no cassettes\n"
    )
    assert done.code == 1


def test_all_and_cassettes_change_what_is_looked_into(folder: Path) -> None:
    package = str(folder / "package.json")
    assert ctools("scan", package).code == 1
    assert ctools("scan", "--cassettes", package).code == 0
    assert "package.json:1:25: field:token document\n" in ctools("scan", "--all", folder).text
    both = ctools("scan", "--all", "--cassettes", folder)
    assert (both.code, both.out) == (2, b"")
    assert ctools("scan", folder / "notes.txt").code == 1


def test_clean_files_are_0_findings_1_and_trouble_2(folder: Path) -> None:
    assert ctools("scan", folder / "clean.yaml").code == 0
    assert ctools("scan", folder / "clean.yaml").errors == "no secrets in 1 file\n"
    done = ctools("scan", folder / "clean.yaml", "none.yaml", folder / "tests" / "cassettes" / "har.har")
    assert done.code == 2
    assert "har.har:1:" in done.text
    assert done.errors.startswith("ctools: none.yaml: cannot be read: No such file or directory.\n")


def test_json_is_one_object_with_the_keys_that_the_help_names(folder: Path) -> None:
    (folder / "torn.json").write_text('{"interactions": [{"password": "hunter2-horse"')
    done = ctools("scan", "--json", ".", "torn.json", cwd=folder, SHORT="abc")
    told = json.loads(done.text)
    assert done.code == 2
    assert told["files"] == len(FORMATS) + 2
    assert told["skipped"] == 1
    assert told["bytes"] > 1000
    assert told["found"] == len(told["findings"])
    assert told["more"] == {}
    assert told["unproven"] == []
    assert told["trouble"] == [
        {"path": "./torn.json", "message": "not valid JSON, or cut off (line 1, column 47); it was searched as text."}
    ]
    assert [one for one in told["findings"] if one["path"] == "./torn.json"] == [
        {
            "path": "./torn.json",
            "line": 1,
            "column": 33,
            "rule": "field:password",
            "place": "file",
            "interaction": None,
        }
    ]
    help_text = scan.__doc__ or ""
    for key in (*told, *told["findings"][0]):
        assert re.search(rf"\b{key}\b", help_text), key


def test_the_standard_input_is_searched(folder: Path) -> None:
    data = (folder / "tests" / "cassettes" / "vcrpy.yaml").read_bytes()
    done = ctools("scan", "-", stdin=data)
    assert done.text == "-:24:16: header:authorization request.headers (interaction 2)\n"
    assert ctools("scan", "-", stdin=b"").code == 0


def test_known_values_come_from_the_environment_files_and_a_policy(folder: Path, tmp_path: Path) -> None:
    path = folder / "known.yaml"
    path.write_bytes(FORMATS["vcrpy.yaml"]([LEAKS["known, plain"][0]]))
    secrets = tmp_path / "secrets.txt"
    secrets.write_text(SECRET + "\n")
    policy = tmp_path / "policy.toml"
    policy.write_text('version = 1\n[secrets]\nfiles = ["secrets.txt"]\n')
    assert ctools("scan", path).code == 0
    assert "known:env:GIVEN response.body" in ctools("scan", "--secret-env", "GIVEN", path, GIVEN=SECRET).text
    assert "known:env:API_TOKEN response.body" in ctools("scan", path, API_TOKEN=SECRET).text
    assert "known:file:secrets.txt#1" in ctools("scan", "--secrets-file", secrets, path).text
    assert "known:file:secrets.txt#1" in ctools("scan", "--policy", policy, path).text
    missing = ctools("scan", "--secret-env", "NOT_THERE", path)
    assert (missing.code, missing.out) == (2, b"")


def test_no_output_holds_a_value(folder: Path) -> None:
    for name, (exchange, _, _) in LEAKS.items():
        (folder / f"{name.replace(' ', '-')}.yaml").write_bytes(FORMATS["vcrpy.yaml"]([exchange]))
    for options in ([], ["--json"]):
        done = ctools("scan", *options, folder, GIVEN=SECRET)
        for value in ("hunter2-horse", SECRET, "ghp_"):
            assert value not in done.text + done.errors


def test_lines_are_whole_on_a_narrow_terminal_and_where_output_is_cut_off(folder: Path) -> None:
    run = ctools_on_terminal("scan", str(folder / "tests"), columns=30)
    assert run.code == 1
    assert re.search(rb"vcrpy.yaml:24:16: header:authorization request.headers \(interaction 2\)\r\n", run.out)
    many = folder / "many.json"
    many.write_bytes(FORMATS["vcrpy.json"]([LEAKY] * 900))
    shell = f"{sys.executable} -m cassette_tools scan {many} | head -n 1"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, env=environment(), timeout=60, check=False)
    assert done.stdout.count(b"\n") == 1
    assert b"Traceback" not in done.stderr


def test_paths_cannot_drive_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b]0;x\x07.yaml").write_bytes(FORMATS["vcrpy.yaml"]([LEAKY]))
    for options in ([], ["--json"]):
        done = ctools("scan", *options, tmp_path)
        assert b"\x1b" not in done.out + done.err
        assert done.code == 1


def test_links_in_a_circle_end_and_a_path_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    (tmp_path / "a" / "dead.yaml").symlink_to("nowhere")
    (tmp_path / "a" / "c.yaml").write_bytes(b"x")
    assert [file.path for file in files_of([str(tmp_path), str(tmp_path), str(tmp_path / "a" / "c.yaml")])] == [
        str(tmp_path / "a" / "c.yaml")
    ]


def test_a_folder_that_cannot_be_read_is_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    reports = list(Sweep(POLICY).run(list(files_of([str(tmp_path)]))))
    assert [report.trouble for report in reports] == ["cannot be read: it is a folder."]


# -- many files


def written(folder: Path, count: int) -> list[Path]:
    clean = FORMATS["vcrpy.yaml"]([Exchange(response=b'{"text": "%s"}' % (b"lorem ipsum " * 50))] * 8)
    leaky = FORMATS["vcrpy.yaml"]([LEAKY])
    paths = []
    for number in range(count):
        path = folder / f"{number % 20:02}" / f"{number:04}.yaml"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(leaky if number % 500 == 7 else clean)
        paths.append(path)
    return paths


def test_thousands_of_files_give_the_same_with_one_process_and_with_two(tmp_path: Path) -> None:
    written(tmp_path, 2000)
    begun = time.monotonic()
    alone = ctools("scan", "--jobs", "1", tmp_path)
    lasted = time.monotonic() - begun
    shared = ctools("scan", "--jobs", "2", tmp_path)
    assert alone.text.count("\n") == 4
    assert alone.text == shared.text
    assert alone.errors == shared.errors
    assert alone.errors.startswith("4 secrets in 4 of 2,000 files\n")
    assert lasted < 30


def test_a_lost_process_is_trouble_with_the_files_that_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "_WORTH_IT", 1)
    monkeypatch.setattr(sweep_module, "_BATCH_FILES", 2)
    monkeypatch.setattr(sweep_module, "_BOOT", "import sys; sys.exit(3)")
    files = [File(str(path), 10, named=True) for path in written(tmp_path, 20)]
    reports = list(Sweep(POLICY, jobs=2).run(files))
    assert [report.path for report in reports] == [file.path for file in files]
    lost = [report for report in reports if report.trouble is not None]
    assert 2 <= len(lost) <= 8
    assert lost[0].trouble == "not looked at: the process that had it was lost; scan it again."
    assert sum(len(report.findings) for report in reports) == 1 - sum(
        report.path.endswith("0007.yaml") for report in lost
    )


def test_no_argument_of_a_process_is_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "_WORTH_IT", 1)
    monkeypatch.setattr(sweep_module, "_BATCH_FILES", 2)
    started: list[list[str]] = []
    popen = subprocess.Popen

    def note(command: list[str], **options: object) -> object:
        started.append(command)
        assert "env" not in options
        return popen(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", note)
    path = tmp_path / "known.yaml"
    path.write_bytes(FORMATS["vcrpy.yaml"]([LEAKS["known, plain"][0]]))
    files = [File(str(path), 10, named=True)] * 12
    reports = list(Sweep(Policy(secrets=(Secret(SECRET, "x"),), environment=False), jobs=2).run(files))
    assert [len(report.findings) for report in reports] == [1] * 12
    assert len(started) == 1
    assert SECRET not in repr(started)


def test_processes_end_when_the_reports_are_not_wanted_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "_WORTH_IT", 1)
    monkeypatch.setattr(sweep_module, "_BATCH_FILES", 2)
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def note(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = popen(*arguments, **options)  # type: ignore[call-overload]
        started.append(process)
        return process

    monkeypatch.setattr(subprocess, "Popen", note)
    reports = Sweep(POLICY, jobs=2).run([File(str(path), 10, named=True) for path in written(tmp_path, 40)])
    assert isinstance(next(iter(reports)), Report)
    reports.close()  # type: ignore[attr-defined]
    assert [process.returncode is not None for process in started] == [True]


def test_ctrl_c_ends_it_with_130(tmp_path: Path) -> None:
    fifo = tmp_path / "never"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-m", "cassette_tools", "scan", str(fifo)], env=environment(), stderr=subprocess.PIPE
    )
    writer = os.open(fifo, os.O_WRONLY)  # waits until the scan has opened it
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    os.close(writer)
    assert process.returncode == 130
    assert b"Traceback" not in errors


def test_one_small_file_takes_no_time(folder: Path) -> None:
    took = []
    for _ in range(3):
        begun = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        assert ctools_started("scan", folder / "clean.yaml").code == 0
        took.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begun)
    assert 0 < min(took) < 2.0  # of the processor: others may be at work, too


def test_nothing_heavy_is_loaded_for_a_clean_file(folder: Path) -> None:
    code = (
        "import sys; from cassette_tools.cli import run; run(['scan', sys.argv[1]]); "
        "assert not {'rich', 'vcr', 'urllib3', 'yaml', 'asyncio'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder / "clean.yaml"],
        env=environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"no secrets in 1 file\n")


# -- the hook


def test_the_hook_says_what_pre_commit_asks_for() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == ["ctools-scan"]
    hook = hooks[0]
    assert set(hook) <= {
        "id",
        "name",
        "description",
        "entry",
        "args",
        "language",
        "types",
        "files",
        "minimum_pre_commit_version",
    }
    assert hook["language"] == "python"
    pattern = re.compile(hook["files"])
    for name in ("a.yaml", "tests/b.YML", "g.jsonl.zst", *(f"a{suffix}" for suffix in SUFFIXES)):
        assert pattern.search(name), name
    for name in ("a.py", "yaml", "b.json5", "c.yaml.txt", "d.gz"):
        assert not pattern.search(name), name


def test_what_the_hook_runs_finds_leaks_and_lets_other_files_pass(folder: Path) -> None:
    hook = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[0]
    command = [*hook["entry"].split()[1:], *hook["args"]]
    assert ctools(*command, "package.json", "clean.yaml", cwd=folder).code == 0
    assert ctools(*command, "package.json", "tests/cassettes/betamax.json", cwd=folder).code == 1


@pytest.mark.skipif(shutil.which("pre-commit") is None, reason="pre-commit is not installed")
def test_pre_commit_itself_runs_the_hook(folder: Path, tmp_path: Path) -> None:
    def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
        env = environment(PATH=os.environ["PATH"], HOME=str(tmp_path), PRE_COMMIT_HOME=str(tmp_path / "cache"))
        return subprocess.run(command, cwd=cwd, env=env, capture_output=True, timeout=300, check=False)

    hooks = tmp_path / "hooks"
    hooks.mkdir()
    # The hook as it is offered, but with this interpreter in place of an installation from the network.
    offered = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    offered[0] |= {"language": "system", "entry": f"{sys.executable} -m cassette_tools scan"}
    (hooks / ".pre-commit-hooks.yaml").write_text(yaml.safe_dump(offered))
    shutil.rmtree(folder / ".git")
    for place in (hooks, folder):
        run("git", "init", "-q", cwd=place)
        run("git", "add", ".", cwd=place)
        run("git", "-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-q", "-m", "x", cwd=place)
    done = run("pre-commit", "try-repo", str(hooks), "ctools-scan", "--all-files", cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    assert b"tests/cassettes/vcrpy.yaml:24:16: header:authorization" in done.stdout
    assert b"package.json:" not in done.stdout
    clean = run(
        "pre-commit", "try-repo", str(hooks), "ctools-scan", "--files", "clean.yaml", "package.json", cwd=folder
    )
    assert clean.returncode == 0, clean.stdout + clean.stderr


def test_a_file_that_cannot_be_read_is_not_told_to_be_clean(tmp_path: Path) -> None:
    done = ctools("scan", tmp_path / "missing.yaml")

    assert done.code == 2
    assert done.errors.endswith("no secrets in 1 file; 1 not read as a whole: see above\n")
