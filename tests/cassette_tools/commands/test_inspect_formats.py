"""`ctools inspect` on what it did not record itself: every format, streams, recordings in progress, killed ones."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest
import zstandard
from rich.cells import cell_len

from cassette_tools import cli
from cassette_tools.formats import WriteOptions, all_formats, format_named
from cassette_tools.input_stream import open_input
from cassette_tools.interaction import Body, Interaction, Request, Response
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.commands.test_inspect import DRIVING, HOSTILE, SGR
from tests.cassette_tools.formats.sources import FIXTURES
from tests.cassette_tools.formats.test_fixtures import FILES, form_of
from tests.cassette_tools.running import LIMIT, ctools, ctools_on_terminal, environment

if TYPE_CHECKING:
    from pathlib import Path

WAYS: Final[dict[str, list[str]]] = {
    "summary": [],
    "list": ["--list"],
    "slowest": ["--slowest"],
    "largest": ["--largest", "--top", "3"],
    "errors": ["--errors"],
    "duplicates": ["--duplicates"],
}
ONE_OF_EACH: Final = sorted({path.parent: path for path in FILES if path.name != "README.md"}.values())
MADE_UP: Final = re.compile(
    r"ended cleanly|pid unknown|resident|program|Python 3|run  +2|\ntiming +-|: -$", re.MULTILINE
)


def named(paths: list[Path]) -> list[Any]:
    return [pytest.param(path, id=path.relative_to(FIXTURES).as_posix()) for path in paths]


def read(path: Path) -> list[Interaction]:
    form = form_of(path)
    assert form.read is not None
    with open_input(str(path)) as stream:
        return [element for element in form.read(stream) if isinstance(element, Interaction)]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, str]:
    """Run in this process; it must go well. Give what went to stdout, and to stderr."""
    code = cli.run(["inspect", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert (code, "Traceback" in err) == (0, False), err
    return out, err


# -- files of other tools


@pytest.mark.parametrize("path", named(FILES))
def test_a_file_is_listed_as_its_reader_gives_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    interactions = read(path)
    out, _ = run(capsys, path, "--list", "--json")
    entries = [json.loads(line) for line in out.splitlines()]
    assert [one["number"] for one in entries] == list(range(1, len(interactions) + 1))
    for entry, one in zip(entries, interactions, strict=True):
        status = None if one.response is None else one.response.status
        assert (entry["method"], entry["url"], entry["status"]) == (one.request.method, one.request.url, status)
        assert entry["timings_ms"] == one.timings_ms
        for part, message in (("request", one.request), ("response", one.response)):
            body = None if message is None else message.body
            assert entry[f"{part}_size"] == (None if body is None else body.size)


@pytest.mark.parametrize("path", named(FILES))
def test_each_way_of_looking_works_on_a_file(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = len(read(path))
    for name, words in WAYS.items():
        out, err = run(capsys, path, *words)
        assert out or name != "summary"
        assert "\n" not in err.strip() or "(" in err  # one sentence, or remarks, which name a place
        for line in run(capsys, path, *words, "--json")[0].splitlines():
            assert isinstance(json.loads(line), dict)
    summary = json.loads(run(capsys, path, "--json")[0])
    assert (summary["interactions"], summary["file"]["format"]) == (count, form_of(path).name)
    assert summary["file"]["size"] == path.stat().st_size


@pytest.mark.parametrize("path", named(FILES))
def test_a_summary_names_the_format_and_makes_nothing_up(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = run(capsys, path)
    assert out.split("\n")[0].endswith(f", {form_of(path).title}")
    assert MADE_UP.search(out) is None
    assert "processes" not in out
    assert "not known; ctools scan looks for secrets" in out


@pytest.mark.parametrize("path", named(FILES))
def test_each_interaction_of_a_file_is_shown_with_its_bodies(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    interactions = read(path)
    for number in {1, len(interactions) // 2 + 1, len(interactions)}:
        one = interactions[number - 1]
        out, _ = run(capsys, path, number)
        assert f"\n{one.request.method} " in out
        assert MADE_UP.search(out) is None
        assert out.startswith(f"interaction   {number} of {path}\n")
        shown = json.loads(run(capsys, path, number, "--json")[0])
        for part, message in (("request", one.request), ("response", one.response)):
            body = None if message is None else message.body
            if body is not None:
                content = shown["bodies"][part]
                stored = content["text"].encode() if "text" in content else base64.b64decode(content["base64"])
                assert stored == body.read()


@pytest.mark.parametrize("path", named(ONE_OF_EACH))
def test_a_filter_takes_the_same_interactions_from_a_file_in_every_way(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = [place for place, one in enumerate(read(path), 1) if one.request.method == "POST"]
    only = ["--only", "~m ^POST$"]
    listed = run(capsys, path, "--list", *only)[0].splitlines()
    assert [int(line.split("\t")[0]) for line in listed] == taken
    assert json.loads(run(capsys, path, "--json", *only)[0])["interactions"] == len(taken)
    ranked = run(capsys, path, "--largest", "--json", "--top", "1000", *only)[0].splitlines()
    assert sorted(json.loads(line)["number"] for line in ranked) == taken


@pytest.mark.parametrize("path", named(ONE_OF_EACH))
def test_a_file_is_read_from_a_pipe_and_packed(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = run(capsys, path, "--list")[0]
    data = path.read_bytes()
    piped = ctools("inspect", "-", "--list", stdin=data)
    assert (piped.code, piped.text) == (0, expected)
    for packed in (gzip.compress(data, mtime=0), zstandard.compress(data)):
        (tmp_path / "packed").write_bytes(packed)
        assert run(capsys, tmp_path / "packed", "--list")[0] == expected
        assert run(capsys, tmp_path / "packed", "--list", "--from", form_of(path).name)[0] == expected


@pytest.mark.parametrize("path", named(ONE_OF_EACH[:4]))
@pytest.mark.parametrize("columns", [40, 200])
def test_tables_of_a_file_fit_the_terminal(path: Path, columns: int) -> None:
    for words in ([], ["--largest"]):
        terminal = ctools_on_terminal("inspect", path, *words, columns=columns)
        assert terminal.code == 0
        printed = SGR.sub("", terminal.text).partition(f"{path}:")[0]  # sentences on stderr name the file in full
        assert max(map(cell_len, printed.split("\r\n"))) <= columns


def test_a_file_of_another_tool_cannot_be_followed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    packed = tmp_path / "c.jsonl.gz"
    packed.write_bytes(gzip.compress(Cassette().get().data(), mtime=0))
    for path, told in ((ONE_OF_EACH[-1], "it is written in vcrpy YAML"), (packed, "it is a packed file")):
        assert cli.run(["inspect", str(path), "--follow"]) == 2
        out, err = capsys.readouterr()
        assert (out, told in err, err.count("\n")) == ("", True, 1)


def test_a_format_that_a_file_does_not_have_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--from", "har"], ["--from", "nothing"]):
        assert cli.run(["inspect", str(ONE_OF_EACH[-1]), *arguments]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)


def test_remarks_of_a_reader_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    told = 0
    for path in ONE_OF_EACH:
        remarks = json.loads(run(capsys, path, "--json")[0])["file"]["remarks"]
        told += len(remarks)
        summary, (_, err) = run(capsys, path)[0], run(capsys, path, "--list")
        for remark in remarks:
            assert remark["text"].split(".")[0] in summary
            assert remark["text"] in err
    assert told > 0


# -- hostile content


def hostile_interaction() -> Interaction:
    text = HOSTILE.encode("utf-8", "replace").decode()
    header = [("X-Hostile", text.encode().decode("latin-1").replace("\r", "")), ("Content-Type", "text/event-stream")]
    events = f"event: {text}\ndata: {text}\nid: {text}\n: {text}\n\n".encode()
    return Interaction(
        Request("POST", f"https://h/{text}", header, Body(text)), Response(500, text, header, Body(events))
    )


@pytest.mark.parametrize("name", [one.name for one in all_formats() if one.read and one.write])
def test_hostile_content_of_any_format_never_drives_a_terminal(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    form = format_named(name, reading=True)
    assert form.write is not None
    path = tmp_path / "hostile"
    path.write_bytes(b"".join(form.write(iter([hostile_interaction()] * 2), WriteOptions())))
    for words in (*WAYS.values(), ["1"]):
        for arguments in (words, [*words, "--json"]):
            out, err = run(capsys, path, *arguments, "--from", name)
            assert DRIVING.findall(out + err) == []
    for kind in ("curl", "httpie", "python"):
        code = cli.run(["inspect", str(path), "1", "--export", kind, "--from", name])
        captured = capsys.readouterr()
        assert code in {0, 2}
        assert DRIVING.findall(captured.out + captured.err) == []


@pytest.mark.parametrize("words", [["--errors"], ["--largest"], ["--duplicates"], ["--list"], ["1"]])
def test_hostile_content_never_drives_a_real_terminal(words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "hostile.yaml"
    form = format_named("vcrpy-yaml", reading=True)
    assert form.write is not None
    path.write_bytes(b"".join(form.write(iter([hostile_interaction()] * 2), WriteOptions())))
    for columns in (40, 200):
        terminal = ctools_on_terminal("inspect", path, *words, columns=columns)
        assert terminal.code == 0
        text = SGR.sub("", terminal.text.replace("\r\n", "\n"))
        assert DRIVING.findall(text) == []
        assert columns == 40 or "\\x1b" in text


# -- event streams


def test_an_event_stream_is_shown_event_by_event(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = b': ping\n\nevent: delta\nid: 7\nretry: 250\ndata: {"text":"a",\ndata: "n":1.10}\n\ndata: plain\n\n'
    path = (
        Cassette()
        .get(body=stream, headers=[("Content-Type", "text/event-stream")], pieces=3)
        .write(tmp_path / "c.jsonl")
    )
    out, _ = run(capsys, path, 1)
    assert out[out.index("event 1") :] == (
        'event 1: delta\nid: 7\nretry: 250 ms\ncomment: ping\n{\n  "text": "a",\n  "n": 1.10\n}\n\n'
        "event 2: message\nplain\n"
    )


def test_many_and_long_events_are_cut_and_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = b"data: " + b"x" * 50_000 + b"\n\n" + b"data: y\n\n" * 3000
    path = Cassette().get(body=stream, headers=[("Content-Type", "text/event-stream")]).write(tmp_path / "c.jsonl")
    out, _ = run(capsys, path, 1)
    assert "Cut here: 33.6 kB more in this event." in out
    assert "The first 1,000 events are shown." in out
    assert "event 1000:" in out
    assert "event 1001:" not in out


# -- recordings in progress, killed ones, pipes that close


def failing() -> Cassette:
    error = {"phase": "body", "type": "http.client.IncompleteRead", "message": "short"}
    cassette = Cassette().process().get("https://h/a", total=5, body=b"12345678").get("https://h/b", total=50)
    cassette.get("https://h/a", total=7, status=503, body=b"1")
    return cassette.get("https://h/c", status=None, body=None, error=error, total=50)


def numbers(out: str) -> list[int]:
    return [int(line.split("\t")[0]) for line in out.splitlines()]


def test_rankings_and_errors_of_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = failing().end().write(tmp_path / "c.jsonl")
    assert numbers(run(capsys, path, "--slowest")[0]) == [2, 4, 3, 1]
    assert numbers(run(capsys, path, "--slowest", "--top", "2")[0]) == [2, 4]
    assert numbers(run(capsys, path, "--largest")[0]) == [2, 1, 3, 4]
    assert [line.split("\t")[8] for line in run(capsys, path, "--largest")[0].splitlines()] == ["9", "8", "1", "0"]
    assert numbers(run(capsys, path, "--errors")[0]) == [3, 4]
    assert numbers(run(capsys, path, "--errors", "--only", "~u /c")[0]) == [4]
    assert run(capsys, path, "--errors", "--only", "~u /b") == ("", f"{path}: no errors among 1 interaction.\n")
    assert run(capsys, path, "--slowest", "--only", "~u /x") == (
        "",
        f"{path}: the filter takes none of 4 interactions.\n",
    )
    untimed = Cassette().get(timings_ms={}).write(tmp_path / "untimed.jsonl")
    told = "it does not tell how long interactions took. --largest ranks them by size."
    assert run(capsys, untimed, "--slowest")[1] == f"{untimed}: {told}\n"


def test_what_ranks_stands_beside_the_number_on_a_terminal_of_any_width(tmp_path: Path) -> None:
    path = failing().write(tmp_path / "c.jsonl")
    for columns in (40, 80, 200):
        slowest = SGR.sub("", ctools_on_terminal("inspect", path, "--slowest", columns=columns).text).split("\r\n")
        assert slowest[0].split()[:3] == ["#", "time", "status"]
        assert slowest[1].split()[:4] == ["2", "50.0", "ms", "200"]
        largest = SGR.sub("", ctools_on_terminal("inspect", path, "--largest", columns=columns).text).split("\r\n")
        assert largest[1].split()[:4] == ["2", "9", "B", "200"]
        assert max(map(cell_len, slowest + largest)) <= columns


def test_repeated_requests_of_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = failing().end().write(tmp_path / "c.jsonl")
    out, err = run(capsys, path, "--duplicates")
    assert err == ""
    assert out.splitlines() == [
        f"file          {path}, 4 interactions",
        "repeated      1 repeat of 1 request: 7.00 ms, 1 B",
        "",
        "  count     time  bytes  answers    status    numbers  request",
        "      2  7.00 ms    1 B  different  200, 503  1, 3     GET https://h/a",
    ]
    [group] = [json.loads(line) for line in run(capsys, path, "--duplicates", "--json")[0].splitlines()]
    assert group == {
        "count": 2,
        "method": "GET",
        "url": "https://h/a",
        "numbers": [1, 3],
        "answers": "different",
        "statuses": {"200": 1, "503": 1},
        "repeats_ms": 7.0,
        "repeats_bytes": 1,
    }
    _, err = run(capsys, path, "--duplicates", "--only", "~u /b")
    assert err == f"{path}: no request was made more than once, among 1 interaction.\n"


@pytest.mark.parametrize("words", [["--slowest"], ["--largest"], ["--errors"], ["--duplicates"], ["--list"]])
def test_a_torn_tail_is_left_out_and_told(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = failing()
    path = whole.write(tmp_path / "c.jsonl")
    expected = run(capsys, path, *words)[0]
    path.write_bytes(whole.data() + whole.lines[-1][:100])
    assert run(capsys, path, *words) == (expected, "100 damaged bytes were left out; the summary tells where.\n")
    assert cli.run(["inspect", str(path), *words, "--mode", "strict"]) == 2
    assert f"{path}, line 7" in capsys.readouterr().err


def test_looking_at_a_recording_in_progress_shows_whole_interactions_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.jsonl"
    cassette = failing()
    path.write_bytes(b"".join(cassette.lines[:2]))
    stop = threading.Event()

    def append() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.wait(0.001):
                for line in cassette.lines[2:]:
                    file.write(line[:50])
                    file.write(line[50:])

    writer = threading.Thread(target=append)
    writer.start()
    try:
        seen = 0
        for _ in range(5):
            for words in (["--list"], ["--slowest", "--top", "1000000"], ["--duplicates"], []):
                out, _ = run(capsys, path, *words)
                if words == ["--list"]:
                    assert numbers(out) == list(range(1, len(numbers(out)) + 1))
                    assert len(numbers(out)) >= seen
                    seen = len(numbers(out))
    finally:
        stop.set()
        writer.join()
    assert seen > 4


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cassette = Cassette()
    for number in range(20_000):
        cassette.get(f"https://h/{number}", status=500)
    return cassette.write(tmp_path_factory.mktemp("long") / "c.jsonl")


@pytest.mark.parametrize("words", [["--list"], ["--errors"], ["--largest", "--top", "20000"], ["--list", "--json"]])
def test_a_reader_that_goes_away_ends_it_without_a_word(long: Path, words: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cassette_tools", "inspect", long, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert os.read(process.stdout.fileno(), 100)
    process.stdout.close()
    assert (process.wait(timeout=LIMIT), process.stderr.read()) == (0, b"")
    process.stderr.close()


# -- export


def test_an_export_goes_to_stdout_or_a_file_and_notes_to_stderr(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    cassette = Cassette().get("https://h/?key=REDACTED-token-abcdefghij", request_headers=[])
    path, target = cassette.write(tmp_path / "c.jsonl"), tmp_path / "again.sh"
    arguments = ["inspect", str(path), "1", "--export", "curl"]
    assert cli.run(arguments) == 0
    out, err = capfdbinary.readouterr()
    assert out.startswith(b"curl 'https://h/?key=REDACTED-token-abcdefghij'")
    assert err.decode() == (
        f"{path}, interaction 1: placeholders stand where secrets were: put the real values in before you send it.\n"
    )
    assert cli.run([*arguments, "-o", str(target)]) == 0
    assert (capfdbinary.readouterr().out, target.read_bytes()) == (b"", out)
    assert cli.run([*arguments, "-o", str(target)]) == 2
    assert b"--force" in capfdbinary.readouterr().err
    assert cli.run([*arguments, "-o", str(target), "--force"]) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--export", "curl"], "Which interaction's request? Give its NUMBER"),
        (["1", "--export", "wget"], "Use one of: curl, httpie, python"),
        (["1", "--export", "curl", "--json"], "--export and --json are different outputs"),
        (["1", "--export", "curl", "--body"], "--export and --body are different outputs"),
        (["9", "--export", "curl"], "there is no interaction 9"),
        (["--slowest", "--largest"], "--slowest and --largest are different ways to look"),
        (["1", "--errors"], "are different ways to look"),
        (["1", "--only", "~m GET"], "give one of them"),
        (["--duplicates", "--top", "0"], "--top"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Cassette().get().write(tmp_path / "c.jsonl")
    assert cli.run(["inspect", str(path), *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, told in err) == ("", True), err


def test_sentences_about_a_body_fit_a_narrow_terminal(tmp_path: Path) -> None:
    body = b"no json, " * 3
    cassette = Cassette().get(
        body=body,
        headers=[],
        body_changes={
            "coding": "gzip",
            "wire_size": 30,
            "framing": "chunked",
            "complete": False,
            "incomplete": "closed",
        },
    )
    cassette.get(body=body, headers=[("Content-Type", "application/json")])
    path = cassette.write(tmp_path / "c.jsonl")
    for number, sentence in (("1", "incomplete: closed"), ("2", "Declared as JSON, but it is none:")):
        text = SGR.sub("", ctools_on_terminal("inspect", path, number, columns=40).text).replace("\r\n", "\n")
        told = text[text.index("\nbody:") :]
        assert max(map(cell_len, told.split("\n"))) <= 40
        assert sentence in told.replace("\n", " ")


@pytest.mark.parametrize("status", [1000, 99_999, -5, "200", True, 200.0])
@pytest.mark.parametrize("words", [[], ["--list"], ["--stats"], ["--slowest"], ["--duplicates"], ["1"]])
def test_a_status_that_is_none_is_refused_by_every_way_of_looking(
    words: list[str], status: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = json.loads(Cassette().get().lines[1])
    line["response"]["status"] = status
    path = Cassette().add(line).write(tmp_path / "c.jsonl")
    assert cli.run(["inspect", str(path), *words]) == 2
    assert "status" in capsys.readouterr().err
