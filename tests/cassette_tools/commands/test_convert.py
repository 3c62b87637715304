from __future__ import annotations

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import zstandard

from cassette_tools import cli
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import Run, ctools, ctools_on_terminal, environment

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = b"hunter2-horse-battery"
VCRPY = b"""interactions:
- request:
    body: null
    headers: {}
    method: GET
    uri: http://localhost/one
  response:
    body:
      string: hello
    headers:
      Content-Type:
      - text/plain
    status:
      code: 200
      message: OK
version: 1
"""


def convert(*arguments: str | Path, **more: Any) -> Run:
    return ctools("convert", *arguments, **more)


def within(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Run:
    """Do it in this process, which is quicker."""
    code = cli.run(["convert", *map(str, arguments)])
    out, err = capsys.readouterr()
    return Run(code, out.encode(), err.encode())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return made(3).write(tmp_path / "it.jsonl")


def made(count: int) -> Cassette:
    it = Cassette().process()
    for number in range(count):
        it.get(f"http://localhost/{number}", status=500 if number == 1 else 200)
    return it.end()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def told(done: Run) -> str:
    """Give what was said on stderr, however it was broken into lines."""
    return " ".join(done.errors.split())


def report(done: Run) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(done.out)
    return value


# -- the everyday case


def test_a_cassette_becomes_vcrpys_beside_it_and_comes_back(source: Path, tmp_path: Path) -> None:
    source.chmod(0o640)
    there = convert(source)
    assert (there.code, there.text) == (0, "")
    assert told(there).startswith(f"{tmp_path}/it.yaml: 3 interactions from {source} (cassette JSONL); ")
    assert "vcrpy YAML has no place for " in told(there)
    assert stat.S_IMODE((tmp_path / "it.yaml").stat().st_mode) == 0o640
    assert (tmp_path / "it.yaml").read_bytes().startswith(b"interactions:\n- request:\n")
    back = convert(tmp_path / "it.yaml", "-o", tmp_path / "back.jsonl", "--verify")
    assert back.code == 0
    assert told(back).startswith(f"{tmp_path}/back.jsonl: 3 interactions from ")
    assert "read back and found equal" in told(back)
    for mode in ([], ["--list"], ["2"], ["--json"]):
        seen = ctools("inspect", tmp_path / "back.jsonl", *mode)
        assert (seen.code, seen.errors) == (0, "")
    assert names(tmp_path) == ["back.jsonl", "it.jsonl", "it.yaml"]


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_names_ask_for_packing_and_bytes_tell_it(source: Path, tmp_path: Path, packing: str) -> None:
    packed = tmp_path / f"packed.jsonl.{packing}"
    assert convert(source, "-o", packed).code == 0
    data = packed.read_bytes()
    unpacked = (
        gzip.decompress(data) if packing == "gz" else zstandard.ZstdDecompressor().decompressobj().decompress(data)
    )
    assert unpacked == source.read_bytes()
    odd = packed.rename(tmp_path / "no-name")
    assert convert(odd, "-o", tmp_path / "again.jsonl").code == 0
    assert (tmp_path / "again.jsonl").read_bytes() == source.read_bytes()
    assert convert(source, "--to", f"har.{packing}").code == 0
    assert (tmp_path / f"it.har.{packing}").read_bytes()[:2] in (b"\x1f\x8b", b"\x28\xb5")


def test_it_goes_from_standard_input_to_standard_output(source: Path) -> None:
    done = convert("-", "--to", "jsonl", stdin=source.read_bytes())
    assert (done.code, done.out) == (0, source.read_bytes())
    assert told(done).startswith("<stdout>: 3 interactions from <stdin> (cassette JSONL); ")
    packed = convert("-", "-o", "-", "--to", "jsonl.gz", "-q", stdin=zstandard.compress(source.read_bytes()))
    assert (packed.code, gzip.decompress(packed.out), packed.errors) == (0, source.read_bytes(), "")


def test_several_inputs_of_several_formats_become_one(source: Path, tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_bytes(VCRPY)
    done = convert(source, tmp_path / "old.yaml", source, "-o", tmp_path / "all.jsonl", "--json", "--verify")
    assert done.code == 0
    (output,) = report(done)["outputs"]
    assert (output["interactions"], output["verified"], output["format"]) == (7, True, "jsonl")
    assert [one["format"] for one in output["inputs"]] == ["jsonl", "vcrpy-yaml", "jsonl"]
    assert ctools("inspect", tmp_path / "all.jsonl").code == 0


# -- what is asked for


def test_only_some_are_taken(source: Path, tmp_path: Path) -> None:
    done = convert(source, "-o", tmp_path / "some.jsonl", "--only", "~c 500", "--verify", "--json")
    (output,) = report(done)["outputs"]
    assert (done.code, output["interactions"], output["passed_over"]) == (0, 1, 2)
    assert "1 interaction from " in told(done)
    assert "2 passed over by the filter" in told(done)
    assert b"http://localhost/1" in (tmp_path / "some.jsonl").read_bytes()
    assert b"http://localhost/2" not in (tmp_path / "some.jsonl").read_bytes()
    wrong = convert(source, "-o", tmp_path / "none.jsonl", "--only", "~c (")
    assert (wrong.code, wrong.text) == (2, "")
    assert not (tmp_path / "none.jsonl").exists()


def test_strict_refuses_with_all_losses_and_writes_nothing(tmp_path: Path) -> None:
    path = made(3).interaction(status=None).write(tmp_path / "it.jsonl")
    done = convert(path, "-o", tmp_path / "new.yaml", "--strict", "--json")
    assert done.code == 1
    assert "not written, for something would be lost (--strict)" in told(done)
    assert "1 interaction was left out: requests without a response (number 4)" in told(done)
    (output,) = report(done)["outputs"]
    assert (output["written"], output["size"], output["left_out"]) == (False, 0, 1)
    lost = {one["facet"]: (one["interactions"], one["first"]) for one in output["losses"]}
    assert lost["no-response"] == (1, 4)
    assert lost["timings"] == (3, 1)
    assert names(tmp_path) == ["it.jsonl"]
    assert convert(path, "-o", tmp_path / "new.jsonl", "--strict").code == 0
    out = convert(path, "-o", "-", "--to", "har", "--strict")
    assert (out.code, out.out) == (1, b"")


def test_the_report_has_these_keys(source: Path, tmp_path: Path) -> None:
    source.write_bytes(source.read_bytes() + b'{"type":"inter')
    done = convert(source, "-o", tmp_path / "new.yaml", "--json", "-q")
    assert (done.code, done.errors) == (0, "")
    whole = report(done)
    assert list(whole) == ["outputs", "errors", "skipped"]
    (output,) = whole["outputs"]
    assert {key: type(value) for key, value in output.items()} == {
        "file": str,
        "format": str,
        "written": bool,
        "verified": bool,
        "size": int,
        "interactions": int,
        "left_out": int,
        "passed_over": int,
        "losses": list,
        "envelopes": int,
        "inputs": list,
    }
    assert output["size"] == (tmp_path / "new.yaml").stat().st_size
    assert all(list(one) == ["facet", "what", "interactions", "first"] for one in output["losses"])
    (given,) = output["inputs"]
    assert (given["file"], given["format"], given["interactions"]) == (str(source), "jsonl", 3)
    (remark,) = given["remarks"]
    assert remark["text"] == "14 damaged bytes were left out: the record is torn."
    assert remark["count"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "vhs"], "'vhs' is no format that can be written"),
        (["--from", "vhs"], "'vhs' is no format that can be read"),
        (["--from", "har", "-o", "x.jsonl"], "it.jsonl"),
        (["--to", "jsonl"], "is read and written at once"),
        (["--style", "fancy"], "vcrpy YAML has no style 'fancy'. It has: exact, readable."),
        (["--to", "har", "--style", "readable"], "has no style 'readable'. It has: exact."),
        (["--mode", "loose"], "'loose' is no mode"),
        (["-o", "-", "--to", "har", "--json"], "The standard output takes the cassette"),
        (["--to", "curl", "-o", "x.sh", "--verify"], "is only written"),
        (["-o", "."], "it.yaml exists already"),
        (["nowhere.jsonl", "-o", "x.jsonl"], "nowhere.jsonl: there is no such file"),
    ],
)
def test_what_cannot_be_meant_is_one_error_and_writes_nothing(
    arguments: list[str],
    said: str,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "it.yaml").write_bytes(b"precious")
    monkeypatch.chdir(tmp_path)
    done = within(capsys, "it.jsonl", *arguments)
    assert (done.code, done.text) == (2, "")
    assert said in told(done)
    assert done.errors.startswith("ctools: ")
    assert done.errors.count("\n") == 1
    assert names(tmp_path) == ["it.jsonl", "it.yaml"]
    assert (tmp_path / "it.yaml").read_bytes() == b"precious"


def test_force_replaces_what_exists(source: Path, tmp_path: Path) -> None:
    (tmp_path / "it.yaml").write_bytes(b"precious")
    (tmp_path / "it.yaml").chmod(0o600)
    assert convert(source, "--force", "-q").code == 0
    assert b"interactions:" in (tmp_path / "it.yaml").read_bytes()
    assert stat.S_IMODE((tmp_path / "it.yaml").stat().st_mode) == 0o600


def test_the_formats_are_listed() -> None:
    done = convert("--formats")
    assert (done.code, done.errors) == (0, "")
    rows = [line.split() for line in done.text.splitlines()]
    assert rows[0] == ["name", "reads", "writes", "files", "what"]
    assert [row[0] for row in rows[1:]] == sorted(row[0] for row in rows[1:])
    table = {row[0]: row[1:3] for row in rows[1:]}
    assert table["jsonl"] == table["har"] == table["vcrpy-yaml"] == ["yes", "yes"]
    assert table["go-vcr"] == ["yes", "-"]
    assert table["curl"] == ["-", "yes"]


# -- trees


def test_a_tree_is_converted_past_what_cannot_be(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for folder in ("sub", "deep/er", ".git"):
        (tree / folder).mkdir(parents=True)
    made(2).write(tree / "good.jsonl")
    (tree / "deep/er/old.yaml").write_bytes(VCRPY)
    (tree / "sub/broken.jsonl").write_bytes(made(1).data() + SECRET + b"\n" + made(1).lines[2])
    (tree / "sub/letter.txt").write_bytes(b"Dear all, the password is " + SECRET)
    (tree / "sub/cut.jsonl.gz").write_bytes(gzip.compress(made(9).data(), mtime=0)[:-30])
    (tree / ".git/x.jsonl").write_bytes(made(1).data())
    done = convert(tree, "--to", "har", "-o", tmp_path / "out", "--json")
    assert done.code == 2
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")) == [
        "deep/er/old.har",
        "good.har",
    ]
    assert "1 file passed over, being no cassettes: " in told(done)
    assert told(done).count("Not converted: ") == 2
    whole = report(done)
    assert len(whole["outputs"]) == 2
    assert sorted((Path(one["file"]).name, one["error"]) for one in whole["errors"]) == [
        ("broken.jsonl", "cassette-damaged"),
        ("cut.jsonl.gz", "bad-cassette"),
    ]
    assert [Path(name).name for name in whole["skipped"]] == ["letter.txt"]
    assert SECRET not in done.out + done.err
    quiet = convert(tree, "--to", "har", "-o", tmp_path / "out2", "-q")
    assert told(quiet).count("Not converted: ") == 2
    assert " interaction" not in told(quiet)


def test_two_inputs_never_become_one_file(tmp_path: Path) -> None:
    made(1).write(tmp_path / "a.jsonl")
    (tmp_path / "a.yml").write_bytes(VCRPY)
    done = convert(tmp_path / "a.jsonl", tmp_path / "a.yml", "--to", "har")
    assert done.code == 2
    assert "would both become" in told(done)
    assert names(tmp_path) == ["a.har", "a.jsonl", "a.yml"]


def test_no_input_takes_the_place_of_another_one_even_with_force(tmp_path: Path) -> None:
    made(1).write(tmp_path / "a.jsonl")
    (tmp_path / "a.yaml").write_bytes(VCRPY)
    (tmp_path / "b.yaml").hardlink_to(tmp_path / "a.yaml")
    before = (tmp_path / "a.jsonl").read_bytes()
    for call in (
        [tmp_path, "--to", "vcrpy-yaml"],
        [tmp_path / "a.jsonl", tmp_path / "a.yaml"],
        [tmp_path / "a.yaml", tmp_path / "a.jsonl"],
    ):
        done = convert(*call, "--force")
        assert done.code == 2
        assert "which is to be converted, too" in told(done)
        assert (tmp_path / "a.yaml").read_bytes() == VCRPY
        assert (tmp_path / "a.jsonl").read_bytes() == before
    assert convert(tmp_path / "a.jsonl", "--force").code == 0


@pytest.mark.parametrize(
    "name", [b"with space", b"with\nnewline", b"with\x1b[31mcolour", b"no\xff\xfeutf8", b"[link=x]y"]
)
def test_names_of_any_kind_are_taken_and_printed_harmlessly(name: bytes, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name + b".jsonl"))
    made(1).write(path)
    done = convert(path, "--to", "har", "--json")
    assert done.code == 0
    assert path.with_suffix(".har").exists()
    for out in (done.out, done.err):
        assert b"\x1b" not in out
        assert b"\xff" not in out
    assert len(report(done)["outputs"]) == 1
    again = convert(path, "--to", "har")
    assert again.code == 2
    assert b"\x1b" not in again.err


# -- being stopped


ENDLESS = (
    "import sys\nsys.stdout.buffer.write(open(sys.argv[1], 'rb').read())\nsys.stdout.buffer.flush()\nsys.stdin.read()\n"
)


def waiting(source: Path, *arguments: str | Path) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    """Begin a conversion of an input that does not end, and wait until it has read what there is."""
    feeding = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "cassette_tools", "convert", "-", *arguments],
        stdin=feeding.stdout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    deadline = time.monotonic() + 30
    while not _drafting(running.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _drafting(running.pid)
    return feeding, running


def _drafting(pid: int) -> bool:
    """Tell whether a process has a file without a name open."""
    try:
        return any("(deleted)" in str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_conversion_that_is_stopped_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "old.jsonl").write_bytes(b"precious")
    source = made(3000).write(tmp_path / "it.jsonl")
    feeding, running = waiting(source, "--to", "jsonl", "-o", folder / "old.jsonl", "--force")
    try:
        running.send_signal(number)
        _, errors = running.communicate(timeout=30)
        assert (
            running.returncode
            == {
                signal.SIGTERM: 143,
                signal.SIGHUP: 129,
                signal.SIGINT: 130,
                signal.SIGKILL: -9,
            }[number]
        )
        assert b"Traceback" not in errors
    finally:
        for process in (running, feeding):
            if process.poll() is None:
                process.kill()
            process.communicate()
    assert names(folder) == ["old.jsonl"]
    assert (folder / "old.jsonl").read_bytes() == b"precious"


def test_a_reader_that_goes_away_is_no_trouble(tmp_path: Path) -> None:
    source = made(5000).write(tmp_path / "it.jsonl")
    running = subprocess.Popen(
        [sys.executable, "-m", "cassette_tools", "convert", source, "--to", "har", "-o", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert running.stdout is not None
    assert running.stderr is not None
    assert running.stdout.read(10)
    running.stdout.close()
    assert running.wait(timeout=30) == 0
    assert running.stderr.read() == b""
    running.stderr.close()


@pytest.mark.parametrize("to", ["jsonl", "har", "wiremock"])
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path: Path, to: str) -> None:
    source = made(2000).write(tmp_path / "it.jsonl")
    folder = tmp_path / "out"
    folder.mkdir()
    program = (
        "import resource, runpy, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
        "sys.argv = ['ctools', 'convert', *sys.argv[1:]]\n"
        "runpy.run_module('cassette_tools', run_name='__main__', alter_sys=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, source, "--to", to, "-o", folder / "new"],
        capture_output=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert b"cannot be written: File too large" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert names(folder) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
def test_a_full_standard_output_is_one_error(source: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cassette_tools", "convert", source, "--to", "har", "-o", "-"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith(b"ctools: The standard output cannot be written: No space left on device.")


def closed_stdin() -> None:
    os.close(0)


def test_a_closed_standard_input_is_one_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cassette_tools", "convert", "-", "--to", "har"],
        capture_output=True,
        preexec_fn=closed_stdin,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"The standard input is closed." in done.stderr


def test_a_terminal_is_no_input() -> None:
    done = ctools_on_terminal("convert", "-", "--to", "har")
    assert done.code == 2
    assert "The standard input is a terminal." in " ".join(done.text.split())


# -- memory and hostile inputs


MEASURING = """
import runpy, sys
from tests.peak import peak_kib
sys.argv = ["ctools", "convert", *sys.argv[1:]]
try:
    runpy.run_module("cassette_tools", run_name="__main__", alter_sys=True)
finally:
    print(peak_kib(), file=sys.stderr)
"""


def measured(*arguments: str | Path) -> tuple[int, int, bytes]:
    """Give the exit code, the most memory in MB, and what was said on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURING, *arguments],
        capture_output=True,
        env=environment(),
        timeout=300,
        check=False,
    )
    *said, kilobytes = done.stderr.splitlines()
    return done.returncode, int(kilobytes) // 1024, b"\n".join(said)


def long_body(path: Path, size: int) -> Path:
    """Write a cassette with one body of `size` bytes in pieces, without holding it."""
    piece = b"0123456789abcdef" * 16384
    count = size // len(piece)
    with path.open("wb") as file:
        it = Cassette().process()
        file.writelines(it.lines)
        for number in range(count):
            line = {"type": "body", "of": "5f2c9a1b-1", "part": "response", "piece": number, "text": piece.decode()}
            file.write(orjson.dumps(line) + b"\n")
        (line_,) = Cassette().get(body=b"").lines[1:]
        last = orjson.loads(line_)
        last["response"]["body"] |= {"size": count * len(piece), "sha256": None, "pieces": count}
        last["bodies"] = {}
        file.write(orjson.dumps(last) + b"\n")
    return path


@pytest.mark.parametrize("megabytes", [60, pytest.param(300, marks=pytest.mark.full)])
@pytest.mark.parametrize("way", ["file", "packed"])
def test_a_long_body_goes_through_in_flat_memory(tmp_path: Path, megabytes: int, way: str) -> None:
    source = long_body(tmp_path / "it.jsonl", megabytes << 20)
    if way == "packed":
        assert measured(source, "-o", tmp_path / "it.jsonl.zst")[0] == 0
        source = tmp_path / "it.jsonl.zst"
    code, peak, said = measured(source, "-o", tmp_path / "new.jsonl", "--verify")
    assert (code, peak < 100) == (0, True), (peak, said)
    assert (tmp_path / "new.jsonl").stat().st_size > megabytes << 20


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_a_bomb_is_one_error_in_bounded_memory(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"bomb.jsonl.{packing}"
    packer = zstandard.ZstdCompressor().compressobj() if packing == "zst" else None
    start = made(1).data() + b'{"type":"interaction","a":"'
    block = b"a" * (1 << 24)
    with path.open("wb") if packer else gzip.open(path, "wb", 1) as file:
        for part in (start, *[block] * 20):
            file.write(packer.compress(part) if packer else part)
        if packer:
            file.write(packer.flush())
    code, peak, said = measured(path, "-o", tmp_path / "new.jsonl")
    assert code == 2
    assert b"longer than the reader's bound" in said
    assert peak < 400
    assert names(tmp_path) == [path.name]


REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "white space": lambda: b" \n" * 1000,
    "blanks behind a bracket": lambda: b"[" + b" " * 70_000 + SECRET,
    "HTML": lambda: b"<html>" + SECRET,
    "binary data": lambda: b"\0\1\2" + SECRET,
    "a zip archive": lambda: b"PK\x03\x04" + SECRET,
    "UTF-16": lambda: "interactions:".encode("utf-16") + SECRET,
    "a letter": lambda: b"Dear all: " + SECRET,
    "a deep list": lambda: b"[" * 200_000 + SECRET,
    "a deep object": lambda: b'{"interactions": [' + b'{"a":' * 100_000 + SECRET,
    "a deep YAML list": lambda: b"interactions: " + b"[" * 100_000 + SECRET,
    "an endless line": lambda: b'{"interactions": ["' + SECRET * 200_000,
    "YAML with code": lambda: b"interactions:\n- !!python/object/apply:os.system ['%s']\nversion: 1\n" % SECRET,
    "a cut gzip file": lambda: gzip.compress(b"interactions: " + SECRET * 9000, mtime=0)[:-9],
    "a gzip file of garbage": lambda: b"\x1f\x8b\x08" + SECRET,
    "a zstd file of garbage": lambda: b"\x28\xb5\x2f\xfd" + SECRET,
    "a torn header": lambda: b'{"type":"header","format":1,"run":"' + SECRET,
    "a newer cassette": lambda: b'{"type":"header","format":99,"run":"' + SECRET + b'"}\n',
    "HAR of numbers": lambda: b'{"log": {"version": "1.2", "entries": [1, "' + SECRET + b'"]}}',
    "vcrpy of numbers": lambda: b"interactions:\n- 1\n- " + SECRET + b"\nversion: 1\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_cassette_is_one_error_that_shows_nothing_of_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "given"
    path.write_bytes(REFUSED[name]())
    done = within(capsys, path, "-o", tmp_path / "new.jsonl")
    assert (done.code, done.text) == (2, "")
    assert done.errors.startswith(f"ctools: {path}")
    assert done.errors.count("\n") == 1
    assert SECRET.decode() not in told(done)
    assert names(tmp_path) == ["given"]


def test_the_command_loads_no_http_client_and_no_console_before_it_knows_what_is_meant(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom cassette_tools.cli import run\n"
        "assert run(['convert', 'nowhere.jsonl', '-o', 'x.jsonl', '-q']) == 2\n"
        "print(*sorted({'vcr', 'requests', 'urllib3', 'yaml', 'zstandard'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=environment(), cwd=tmp_path, timeout=60, check=True
    )
    assert done.stdout == b"\n"


@pytest.mark.parametrize(
    "name", ["vcrpy-yaml", "vcrpy-json", "har", "keboola-json", "cassetter-yaml", "cassetter-toml"]
)
@pytest.mark.parametrize("odd", [1, [], {"request": 1, "response": [2], "entry": 3, "interaction": 4, "_recorder": 5}])
def test_words_of_other_tools_that_somebody_edited_are_one_error_or_none(
    tmp_path: Path, name: str, odd: object
) -> None:
    family = {"vcrpy-yaml": "vcrpy", "vcrpy-json": "vcrpy", "har": "har", "keboola-json": "keboola"}.get(
        name, "cassetter"
    )
    source = Cassette().process().get(body=b"{}").write(tmp_path / "it.jsonl")
    lines = [orjson.loads(line) for line in source.read_bytes().splitlines()]
    lines[-1]["extra"] = {family: odd}
    source.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))

    done = ctools("convert", source, "-o", tmp_path / "out", "--to", name)

    assert done.code in (0, 2)
    assert "Traceback" not in done.errors
    if done.code:
        assert str(source) in " ".join(done.errors.split())
