from __future__ import annotations

import gzip
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import orjson
import pytest

from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import Run, ctools, ctools_on_terminal, environment
from tests.cassette_tools.standin import names

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
SECRET = "hunter2-horse-battery"
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.txt"
    path.write_text(SECRET + "\n")
    return path


def with_secret(*, count: int = 3, **header: str) -> Cassette:
    made = Cassette(**header).process()
    for number in range(count):
        made.get(f"https://localhost/{number}?q={SECRET}", body=b'{"n": 1.10, "s": "%s"}' % SECRET.encode())
    return made.end()


def resanitize(*arguments: str | Path, **more: str | bytes) -> Run:
    return ctools("resanitize", *arguments, **more)  # type: ignore[arg-type]


def test_a_copy_holds_no_known_value_and_is_a_cassette(tmp_path: Path, secrets: Path) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")

    done = resanitize(source, "-o", tmp_path / "new.jsonl", "--secrets-file", secrets)

    assert (done.code, done.text) == (0, "")
    assert "6 findings were redacted.\n" in done.errors
    assert "replace it at its issuer" in done.errors
    new = (tmp_path / "new.jsonl").read_bytes()
    assert SECRET.encode() not in new
    assert SECRET.encode() in source.read_bytes()
    with Reader(tmp_path / "new.jsonl", mode="strict") as reader:
        bodies = [b"".join(reader.body(line, "response")) for line in reader if line.type == "interaction"]
    assert all(body.startswith(b'{"n": 1.10, "s": "REDACTED-secret-') for body in bodies)
    assert len(set(bodies)) == 1
    header = orjson.loads(new.splitlines()[0])
    assert header["redaction"]["version"] == 1
    assert list(header) == list(orjson.loads(source.read_bytes().splitlines()[0]))


def test_a_second_run_changes_not_one_byte(tmp_path: Path, secrets: Path) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")
    assert resanitize(source, "--in-place", "--secrets-file", secrets).code == 0
    before, mtime = source.read_bytes(), source.stat().st_mtime_ns

    again = resanitize(source, "--in-place", "--secrets-file", secrets)

    assert (again.code, again.text, again.errors) == (0, "", "Nothing to redact.\n")
    assert (source.read_bytes(), source.stat().st_mtime_ns) == (before, mtime)


def test_a_value_across_pieces_goes_and_the_body_can_be_read(tmp_path: Path, secrets: Path) -> None:
    body = b"x" * 299_990 + SECRET.encode() + b"y" * 300_000 + b"\xc3\xa9" * 100_000
    source = Cassette().get(body=body, pieces=2).end().write(tmp_path / "it.jsonl")

    assert resanitize(source, "--in-place", "--secrets-file", secrets).code == 0

    with Reader(source, mode="strict") as reader:
        new = next(b"".join(reader.body(line, "response")) for line in reader if line.type == "interaction")
    assert new.startswith(b"x" * 299_990 + b"REDACTED-secret-")
    assert new.endswith(b"y" * 300_000 + b"\xc3\xa9" * 100_000)


def test_checking_changes_nothing_and_exits_with_1_where_something_would_go(tmp_path: Path, secrets: Path) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")
    before, mtime = source.read_bytes(), source.stat().st_mtime_ns

    found = resanitize(source, "--check", "--secrets-file", secrets)
    clean = resanitize(source, "--check")

    assert (found.code, clean.code) == (1, 0)
    assert found.errors.startswith("6 findings would be redacted.\n")
    assert (clean.text, clean.errors) == ("", "Nothing to redact.\n")
    assert (source.read_bytes(), source.stat().st_mtime_ns) == (before, mtime)
    assert names(tmp_path) == ["it.jsonl", "secrets.txt"]


def test_the_report_says_where_and_by_which_rule_and_never_what(tmp_path: Path, secrets: Path) -> None:
    source = with_secret(count=1).write(tmp_path / "it.jsonl")

    table = resanitize(source, "--check", "--report", "--secrets-file", secrets)
    document = resanitize(source, "--check", "--json", "--quiet", "--secrets-file", secrets)

    rows = [line.split() for line in table.text.splitlines()]
    assert rows[0] == ["interaction", "place", "rule", "kind", "placeholder", "count"]
    assert [row[:4] for row in rows[1:]] == [
        ["1", place, "known:file:secrets.txt#1", "secret"] for place in ("request.url", "response.body")
    ]
    found = orjson.loads(document.out)
    assert [(one["interaction"], one["id"], one["place"], one["count"]) for one in found["findings"]] == [
        (1, "5f2c9a1b-1", "request.url", 1),
        (1, "5f2c9a1b-1", "response.body", 1),
    ]
    assert len({one["placeholder"] for one in found["findings"]}) == 1
    assert (found["found"], found["removed"]) == (2, 0)
    assert document.errors == ""
    for run in (table, document):
        assert SECRET not in run.text + run.errors


def test_the_standard_input_goes_to_the_standard_output_or_a_file(tmp_path: Path, secrets: Path) -> None:
    data = with_secret().data()
    policy = {"CTOOLS_KEY": KEY}
    (tmp_path / "policy.toml").write_text('version = 1\n[key]\nenv = "CTOOLS_KEY"\n')
    options = ("--secrets-file", secrets, "--policy", tmp_path / "policy.toml")

    to_stdout = resanitize("-", "-o", "-", *options, stdin=data, **policy)
    to_file = resanitize("-", "-o", tmp_path / "new.jsonl", *options, stdin=data, **policy)
    from_file = with_secret().write(tmp_path / "it.jsonl")
    file_to_stdout = resanitize(from_file, "-o", "-", *options, **policy)

    assert [run.code for run in (to_stdout, to_file, file_to_stdout)] == [0, 0, 0]
    assert SECRET.encode() not in to_stdout.out
    assert to_stdout.out == file_to_stdout.out == (tmp_path / "new.jsonl").read_bytes()
    assert resanitize("-", "--check", *options, stdin=data, **policy).code == 1


def test_nothing_goes_to_the_standard_output_before_all_is_proved(tmp_path: Path, secrets: Path) -> None:
    data = with_secret().data() + b'{"type":"interaction","id":"a-1","x":}\n{"type":"end"}\n'

    done = resanitize("-", "-o", "-", "--secrets-file", secrets, stdin=data)

    assert (done.code, done.text) == (2, "")
    assert done.errors.startswith("ctools: <stdin>, line 7, byte ")


def test_a_folder_is_gone_through_and_what_is_wrong_is_told_at_the_end(tmp_path: Path, secrets: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.jsonl", "deep/b.jsonl"):
        with_secret().write(folder / name)
    (folder / "other.jsonl").write_text('{"a": 1}\n')
    (folder / "notes.txt").write_text(SECRET)
    (folder / "c.jsonl").write_bytes(Cassette().data() + b'{"type":"interaction","id":"torn\n{"type":"end"}\n')

    done = resanitize(folder, "-o", tmp_path / "out", "--secrets-file", secrets)

    assert done.code == 2
    assert "12 findings were redacted in 2 of 2 cassettes.\n" in done.errors
    assert f"{folder / 'c.jsonl'}, line 2, byte" in done.errors
    assert "other.jsonl" not in done.errors
    found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.jsonl"))
    assert found == ["a.jsonl", "deep/b.jsonl"]
    assert SECRET not in (tmp_path / "out/deep/b.jsonl").read_text()

    (folder / "c.jsonl").unlink()
    assert resanitize(folder, "--in-place", "--secrets-file", secrets).code == 0
    assert resanitize(folder, "--check", "--secrets-file", secrets).code == 0
    assert (folder / "notes.txt").read_text() == SECRET


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["it.jsonl"], "Where should the result go? Give -o FILE or --in-place, or --check"),
        (["it.jsonl", "-o", "x", "--in-place"], "-o, --in-place and --check exclude each other"),
        (["it.jsonl", "-o", "x", "--check"], "-o, --in-place and --check exclude each other"),
        (["it.jsonl", "-", "-o", "x"], "The standard input is read alone"),
        (["-", "--in-place"], "The standard input cannot be replaced"),
        (["it.jsonl", "-o", "x", "--backup"], "--backup keeps what --in-place replaces"),
        (["it.jsonl", "--check", "--force"], "--force replaces the file of -o"),
        (["it.jsonl", "--check", "--report", "--json"], "--report prints a table, --json prints JSON"),
        (["it.jsonl", "-o", "-", "--json"], "The standard output takes the cassette"),
        (["it.jsonl", "-o", "it.jsonl"], "it.jsonl is the cassette itself. To replace it use --in-place"),
        (["it.jsonl", "-o", "there.jsonl"], "there.jsonl exists already. Choose another path, or"),
        (["it.jsonl", "there.jsonl", "-o", "there.jsonl"], "there.jsonl is a file, and there are several"),
        (["it.jsonl", "there.jsonl", "-o", "-"], "The standard output takes one cassette"),
        (["folder", "-o", "x"], "There is no cassette in folder"),
        (["none.jsonl", "--in-place"], "none.jsonl: there is no such file"),
        (["there.jsonl", "--in-place"], "there.jsonl: not a cassette: it looks like an OpenAPI description"),
        (["it.jsonl", "--in-place", "--jobs", "0"], "'--jobs'"),
        (["it.jsonl", "--in-place", "--policy", "none.toml"], "none.toml"),
    ],
)
def test_what_cannot_work_is_told_and_changes_nothing(tmp_path: Path, arguments: list[str], said: str) -> None:
    with_secret().write(tmp_path / "it.jsonl")
    (tmp_path / "there.jsonl").write_text("openapi: 3.1.0\n")
    (tmp_path / "folder").mkdir()
    before = {name: (tmp_path / name).read_bytes() for name in ("it.jsonl", "there.jsonl")}

    done = resanitize(*arguments, cwd=tmp_path)  # type: ignore[arg-type]

    assert (done.code, done.text) == (2, "")
    assert said in done.errors
    assert names(tmp_path) == ["folder", "it.jsonl", "there.jsonl"]
    assert before == {name: (tmp_path / name).read_bytes() for name in before}


def test_a_backup_is_kept_on_request_and_named_as_what_it_is(tmp_path: Path, secrets: Path) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")
    before = source.read_bytes()

    done = resanitize(source, "--in-place", "--backup", "--secrets-file", secrets)

    assert done.code == 0
    assert "The backups (*.bak) still hold the secrets." in done.errors
    assert (tmp_path / "it.jsonl.bak").read_bytes() == before


def test_what_cannot_be_proved_gone_is_named(tmp_path: Path) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")

    done = resanitize(source, "--check", "--secret-env", "PIN", PIN="abc")

    assert "Not proved gone: env:PIN: " in done.errors


def test_torn_bytes_are_told(tmp_path: Path, secrets: Path) -> None:
    source = tmp_path / "it.jsonl"
    source.write_bytes(with_secret().data() + b'{"type":"interaction","id":"5f' + SECRET.encode())

    done = resanitize(source, "--in-place", "--secrets-file", secrets)

    assert done.code == 0
    assert "51 B that cannot be read were left out (the record is torn)." in done.errors
    assert SECRET.encode() not in source.read_bytes()


def test_secrets_in_compressed_copies_go_with_the_rest(tmp_path: Path, secrets: Path) -> None:
    packed = gzip.compress(b"a" * 500 + SECRET.encode(), mtime=0)
    source = Cassette().get(body=packed).end().write(tmp_path / "it.jsonl")

    assert resanitize(source, "--in-place", "--secrets-file", secrets).code == 0

    with Reader(source, mode="strict") as reader:
        new = next(b"".join(reader.body(line, "response")) for line in reader if line.type == "interaction")
    assert gzip.decompress(new).startswith(b"a" * 500 + b"REDACTED-secret-")


def big(path: Path, megabytes: int) -> Path:
    made = Cassette().process()
    body = b'{"s": "%s", "text": "%s"}' % (SECRET.encode(), b"some words " * 800)
    for number in range(30):
        made.get(f"https://localhost/{number}", body=body)
    lines = made.lines[2:]
    with path.open("wb") as file:
        file.writelines(made.lines[:2])
        while file.tell() < megabytes * 1_000_000:
            file.writelines(lines)
    return path


def test_one_and_two_processes_make_the_same_bytes(tmp_path: Path, secrets: Path) -> None:
    source = big(tmp_path / "it.jsonl", 24)
    (tmp_path / "policy.toml").write_text('version = 1\n[key]\nenv = "CTOOLS_KEY"\n')
    options = ("--secrets-file", secrets, "--policy", tmp_path / "policy.toml")

    for jobs in ("1", "2"):
        done = resanitize(source, "-o", tmp_path / f"{jobs}.jsonl", "--jobs", jobs, *options, CTOOLS_KEY=KEY)
        assert (done.code, done.text) == (0, "")

    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()
    assert SECRET.encode() not in (tmp_path / "1.jsonl").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="Linux: /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_that_is_stopped_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, secrets: Path, number: signal.Signals
) -> None:
    source = big(tmp_path / "it.jsonl", 40)
    before = source.stat()
    held = ["it.jsonl", "secrets.txt"]
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "cassette_tools",
            "resanitize",
            source,
            "--in-place",
            "--jobs",
            "2",
            "--secrets-file",
            secrets,
        ],
        env=environment(),
        stderr=subprocess.PIPE,
    ) as process:
        children = waited_for(lambda: children_of(process.pid))
        waited_for(lambda: process.poll() is not None or writes_something(process.pid, tmp_path))
        assert process.poll() is None, "it was through before it could be stopped"
        process.send_signal(number)
        process.wait(timeout=30)

    expected = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130}[number]
    assert process.returncode == expected
    assert names(tmp_path) == held
    after = source.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)
    waited_for(lambda: not any(Path(f"/proc/{child}/fd").exists() and alive(child) for child in children))


def waited_for(look: Callable[[], T]) -> T:
    deadline = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
    return found


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def writes_something(pid: int, folder: Path) -> bool:
    """Tell whether a process has a deleted file of some size in a folder: its draft."""
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            name = str(descriptor.readlink())
            if name.startswith(str(folder)) and "deleted" in name and descriptor.stat().st_size > 1_000_000:
                return True
    except FileNotFoundError:
        pass
    return False


def test_a_progress_bar_is_for_terminals_alone(tmp_path: Path, secrets: Path) -> None:
    source = big(tmp_path / "it.jsonl", 51)

    shown = ctools_on_terminal("resanitize", source, "--check", "--secrets-file", secrets)
    piped = resanitize(source, "--check", "--secrets-file", secrets)

    assert b"MB" in shown.out
    assert b"findings would be redacted" in shown.out
    assert (shown.code, piped.code) == (1, 1)
    assert b"\x1b" not in piped.err
