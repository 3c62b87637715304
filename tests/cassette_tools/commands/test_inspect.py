"""`ctools inspect`, as people run it: on files, streams, terminals and recordings in progress."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from cassette_tools import cli
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import LIMIT, ctools, ctools_on_terminal, environment

if TYPE_CHECKING:
    from pathlib import Path

REFUSED = {
    "phase": "connect",
    "type": "requests.exceptions.ConnectionError",
    "message": "connection refused",
    "cause": {"type": "ConnectionRefusedError", "message": "[Errno 111]"},
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20

# What a server could send to drive a terminal, or rich.
HOSTILE = (
    "\x1b[2J\x1b]0;title\x07\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\\x1b]52;c;aGk=\x07"
    "\x9b31m\x9d0;t\x9c\r\x08\x7f\u202egpj\u2066\u200b\ufeff[bold]b[/bold][link=http://evil]l[/link]:bomb:"
)
DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
SGR = re.compile("\x1b\\[[0-9;]*m")


def small() -> Cassette:
    """Return a cassette with one of each."""
    cassette = Cassette().process()
    cassette.get(
        "https://api.example.com/ads/17?limit=5", body=b'{"price":1.10,"id":12345678901234567890}', rss=30_000_000
    )
    cassette.interaction(
        method="POST",
        url="https://api.example.com/upload",
        status=404,
        reason="Not Found",
        sent=b"a=1+2&b=%C3%BC",
        request_headers=[("Content-Type", "application/x-www-form-urlencoded")],
        body=PNG,
        headers=[("Content-Type", "image/png"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
        rss=31_000_000,
    )
    cassette.interaction(url="http://gone.example.com/", status=None, body=None, error=REFUSED, rss=32_000_000)
    cassette.get("https://api.example.com/big", body=b"line of text\n" * 40_000, pieces=4, headers=[])
    return cassette


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return small().end().write(tmp_path / "c.jsonl")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run in this process, without a terminal, and return what went to stdout; nothing may go to stderr."""
    assert cli.run(["inspect", *map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert cli.run(["inspect", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ctools: ")
    assert err.count("\n") == 1
    return err


# -- the summary


def test_the_summary_says_what_a_cassette_holds(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, path)
    for line in (
        r"file          .*/c\.jsonl, \d+ kB, format 1",
        r"run           2026-11-23 03:30:47 UTC, cassette-tools .*, Python .*, linux-x86_64, ended cleanly after .*",
        r"interactions  4 in 315 ms, from 2026-11-23 03:30:47 UTC, 1 of them failed",
        r"redaction     none: the file may contain secrets",
        r"methods       GET: 3, POST: 1",
        r"statuses      200: 2, 404: 1, none: 1",
        r" +1 +0 +0 +0 B +40 B .* GET api\.example\.com/ads/\{id\}",
        r" +1  connect  requests\.exceptions\.ConnectionError",
        r"  total +4  15\.0 ms .*",
        r"resident      30\.0 MB at first, 31\.5 MB at last, 32\.0 MB at most",
        r"  4242 +4 +30\.0 MB .* app\.py",
    ):
        assert re.search(f"^{line}$", out, re.MULTILINE), line


def test_the_memory_of_the_run_is_drawn(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, path)
    plot = out[out.index("\nmemory\n") : out.index("\nprocesses\n")].splitlines()
    assert len(plot) == 8
    assert "█" in plot[3]
    assert plot[-1].split() == ["1", "4"]


@pytest.mark.parametrize(
    ("cassette", "told"),
    [
        (small().end(), "ended cleanly after 1.40 s"),
        (small().end(exit_code=3), "ended, the command's exit code was 3"),
        (small().end(signal="SIGKILL"), "ended, the command was killed by signal SIGKILL"),
        (small(), "no end line: it was killed, or still goes on"),
        (small().raw(small().end().data()), "no end line: it was killed"),
    ],
)
def test_how_the_run_ended_is_told(
    cassette: Cassette, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = cassette.write(tmp_path / "c.jsonl")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert told in run(capsys, path)


def test_a_recording_that_was_written_to_just_now_may_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "still being written" in run(capsys, small().write(tmp_path / "c.jsonl"))


def test_losses_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Cassette().get().end(seen=4, lost={"unsupported": 2, "stopped": 1}).write(tmp_path / "c.jsonl")
    assert "lost          3 of 4 requests are not in the file (unsupported: 2, stopped: 1)\n" in run(capsys, path)


@pytest.mark.parametrize(
    ("redaction", "told"),
    [("none", "none: the file may contain secrets"), ({"policy": "p1"}, "by a policy")],
)
def test_redaction_is_told(redaction: object, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Cassette(redaction=redaction).get().write(tmp_path / "c.jsonl")
    assert f"redaction     {told}\n" in run(capsys, path)


def test_an_empty_run_is_summarized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, Cassette().end().write(tmp_path / "c.jsonl"))
    assert "interactions  0\n" in out
    assert "endpoints" not in out


def test_tables_show_as_many_rows_as_asked_and_the_rest_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cassette = Cassette()
    for number in range(30):
        cassette.get(f"https://host{number:02d}/", body=b"1")
    path = cassette.write(tmp_path / "c.jsonl")
    assert "  host09\n" in run(capsys, path)
    assert "  20 others\n" in run(capsys, path)
    out = run(capsys, path, "--top", "2")
    assert "  host01\n" in out
    assert "  host02\n" not in out
    assert re.search(r"^ +28 .* 28 B .*  28 others$", out, re.MULTILINE)


def test_a_table_that_was_cut_says_that_its_counts_are_lower_bounds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cassette = Cassette()
    for number in range(5000):
        cassette.get(f"https://h/x{number}", body=None)
    out = run(capsys, cassette.write(tmp_path / "c.jsonl"))
    assert "too many different endpoints to count each" in out
    assert "too many different hosts" not in out


def test_diagnoses_are_shown_by_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cassette = small()
    cassette.diagnosis(memory={"rss": 31_000_000, "pss": None}, descriptors=5, objects={"pools": 1}, growth=[])
    growth = [
        {"site": "app.py:12", "size_diff": 12_345, "count_diff": 10},
        {"site": "x.py:1", "size_diff": -5, "count_diff": None},
    ]
    cassette.diagnosis(memory={"rss": 35_000_000, "pss": None}, descriptors=4, objects={"pools": 1}, growth=growth)
    out = run(capsys, cassette.end().write(tmp_path / "c.jsonl"))
    shown = [line.split() for line in out[out.index("diagnosis of app.py (2 samples)") :].splitlines()]
    assert ["memory.rss", "31.0", "MB", "35.0", "MB", "35.0", "MB"] in shown
    assert ["descriptors", "5", "4", "5"] in shown
    assert ["+12.3", "kB", "+10", "app.py:12"] in shown
    assert ["-5", "B", "-", "x.py:1"] in shown


# -- damage, and what is no cassette


def test_a_torn_tail_is_reported_and_the_rest_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = small().data()
    path = tmp_path / "c.jsonl"
    path.write_bytes(data[:-50])
    whole = data[:-50].rfind(b"\n") + 1
    out = run(capsys, path)
    assert "interactions  3 " in out
    assert f"damage        bytes {whole:,} to {len(data) - 50:,} are left out: the record is torn\n" in out
    assert refused(capsys, path, "--mode", "strict").startswith(f"ctools: {path}, line")


def test_damage_in_the_middle_is_left_out_only_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cassette = small()
    cassette.lines[3] = b"\0" * 100 + b"\n"
    path = cassette.write(tmp_path / "c.jsonl")
    assert "The mode skip" in refused(capsys, path)
    assert "interactions  3 " in run(capsys, path, "--mode", "skip")
    assert json.loads(run(capsys, path, "--mode", "skip", "--json"))["file"]["damage"][0]["reason"] == "NUL bytes"
    assert cli.run(["inspect", str(path), "--mode", "skip", "--list"]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 3
    assert "damaged bytes were left out" in err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b"services:\n  web: {}\n", "Compose"),
        (b'{"openapi":"3.1.0"}', "OpenAPI"),
        (b"\x1f\x8b\x08", "packed file is broken"),
        (b"<html>", "HTML"),
        (PNG, "PNG picture"),
        (Cassette(format=99).data(), "newer release"),
        (Cassette().get(request=None).data(), "`request` is missing"),
    ],
)
def test_what_is_no_cassette_is_refused_in_one_line(
    content: bytes, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    for arguments in ([], ["--list"], ["1"], ["--json"], ["1", "--json"]):
        assert told in refused(capsys, path, *arguments)


def test_a_missing_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no such file" in refused(capsys, tmp_path / "none.jsonl")
    assert "there is no such file" in refused(capsys, tmp_path / "none.jsonl", "--follow")


# -- the list


def test_a_piped_list_has_a_line_of_tab_separated_fields_for_each_interaction(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [line.split("\t") for line in run(capsys, path, "--list").splitlines()] == [
        ["1", "0.100000", "GET", "200", "40", "15.020", "https://api.example.com/ads/17?limit=5", "-"],
        ["2", "0.200000", "POST", "404", str(len(PNG)), "15.020", "https://api.example.com/upload", "-"],
        ["3", "0.300000", "GET", "-", "-", "15.020", "http://gone.example.com/", "ConnectionError"],
        ["4", "0.400000", "GET", "200", "520000", "15.020", "https://api.example.com/big", "-"],
    ]


def test_a_piped_line_is_never_cut(tmp_path: Path) -> None:
    url = "https://localhost/" + "x" * 5000
    path = Cassette().get(url).write(tmp_path / "c.jsonl")
    assert url in ctools("inspect", path, "--list", COLUMNS="40").text
    assert url in ctools("inspect", path, "1", COLUMNS="40").text


@pytest.mark.parametrize("width", [40, 60, 80, 110])
def test_on_a_terminal_the_paths_of_long_urls_are_seen(tmp_path: Path, width: int) -> None:
    cassette = Cassette()
    for place in ("v2/orders", "v2/users", "v2/users"):
        cassette.get(f"https://connection.eu-central-1.example.com/{place}")
    path = cassette.end().write(tmp_path / "c.jsonl")
    for way in (["--list"], [], ["--stats"], ["--duplicates"]):
        lines = SGR.sub("", ctools_on_terminal("inspect", path, *way, columns=width).text).splitlines()
        assert any(re.search("connect.*/v2/users?$", line.rstrip()) for line in lines), (way, lines)


# -- a filter


@pytest.mark.parametrize("way", [[], ["--stats"]])
def test_figures_say_of_how_many_interactions_they_are(
    path: Path, way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "only          ~m GET & ~s: 2 of 4 interactions\n" in run(capsys, path, "--only", "~m GET & ~s", *way)
    assert "\nonly " not in run(capsys, path, *way)
    found = json.loads(run(capsys, path, "--only", "~m GET & ~s", "--json", *way))
    assert found["only"] == {"filter": "~m GET & ~s", "held": 4, "taken": 2}
    assert json.loads(run(capsys, path, "--json", *way))["only"] is None


@pytest.mark.parametrize("way", ["--list", "--errors", "--slowest", "--largest", "--duplicates", "--stats", "--json"])
def test_a_filter_that_takes_nothing_is_named(path: Path, way: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["inspect", str(path), way, "--only", "~m POST and ~c 500"]) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"{path}: the filter takes none of 4 interactions. In it, 'and' is a pattern for the URL:")
    assert said.count("\n") == 1


@pytest.mark.parametrize("way", ["--list", "--errors", "--slowest"])
def test_where_there_is_nothing_to_take_no_filter_is_blamed(
    tmp_path: Path, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Cassette().end().write(tmp_path / "c.jsonl")
    assert cli.run(["inspect", str(path), way, "--only", "~c 500"]) == 0
    assert "filter" not in capsys.readouterr().err


# -- options that would do nothing


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--list", "--top", "3"], "--list shows all, in the order of the file. Leave it out; --only '~i 1-10'"),
        (["--errors", "--top", "3"], "--errors shows all"),
        (["--follow", "--top", "3"], "--follow shows all"),
        (["1", "--top", "10"], "NUMBER shows one interaction"),
        (["1", "--body", "--top", "10"], "NUMBER shows one interaction"),
        (["1", "--huge", "1MB"], "--huge is for folders, and NUMBER for one cassette"),
        (["1", "--stale-after", "3"], "--stale-after is for folders, and NUMBER for one cassette"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    path: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, path, *arguments)


def test_an_empty_path_is_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert "The path of the cassette is empty: perhaps a variable is not set." in refused(capsys, "")
    assert "is empty" in refused(capsys, "", 1)


def test_messages_fit_a_terminal_and_leave_paths_in_one_piece(tmp_path: Path) -> None:
    path = Cassette().end().write(tmp_path / f"{'x' * 70}.jsonl")
    lines = ctools_on_terminal("inspect", path, "--duplicates", columns=60).text.splitlines()
    assert lines[0].rstrip() == f"{path}:"
    assert len(lines) > 1
    assert all(cell_len(line) <= 60 for line in lines[1:])
    assert " ".join(lines[1:]) == "no request was made more than once, among 0 interactions."


# -- one interaction


def test_one_interaction_is_shown_in_full(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, path, 1).splitlines()[1:] == [
        "started       2026-11-23 03:30:47.223 UTC, 100 ms after the run began",
        "timing        connect 3.21 ms, first byte 12.3 ms, total 15.0 ms",
        "client        requests/2.34.2",
        "process       pid 4242, thread 4243, 30.0 MB resident",
        "connection    number 3, new, 127.0.0.1:8443, TLSv1.3",
        "",
        "request",
        "GET https://api.example.com/ads/17?limit=5 HTTP/1.1",
        "Host: localhost:8443",
        "",
        "response",
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        "",
        "body: json, 40 B",
        "{",
        '  "price": 1.10,',
        '  "id": 12345678901234567890',
        "}",
    ]


def test_a_form_binary_and_repeated_headers_are_shown(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, path, 2)
    assert "body: form, 14 B\na = 1 2\nb = ü\n" in out
    assert "Set-Cookie: a=1\nSet-Cookie: b=2\n" in out
    assert "000000  89 50 4e 47 0d 0a 1a 0a 00 01 02 03 04 05 06 07  .PNG............\n" in out
    assert f"All of it: ctools inspect {path} 2 --body -o FILE\n" in out


def test_an_error_is_shown_with_its_cause_and_what_had_arrived(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = REFUSED | {"phase": "response", "received": base64.b64encode(b"garbage\x1b[2J").decode()}
    cassette = Cassette().get(status=None, body=None, error=error)
    cassette.get(error=REFUSED | {"phase": "body"}, body_changes={"complete": False, "incomplete": "truncated"})
    path = cassette.write(tmp_path / "c.jsonl")
    out = run(capsys, path, 1)
    assert "\nerror\nphase         response\ntype          requests.exceptions.ConnectionError\n" in out
    assert "cause         ConnectionRefusedError: [Errno 111]\n" in out
    assert "000000  67 61 72 62 61 67 65 1b 5b 32 4a                 garbage.[2J\n" in out
    assert "body: json, 9 B, incomplete: truncated\n" in run(capsys, path, 2)


def test_a_long_body_is_cut_with_a_word_on_how_to_get_all(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, path, 4)
    assert len(out) < 270_000
    assert "body: text, 520 kB, in 4 pieces\nline of text\n" in out
    assert out.endswith(f"Cut here: the first 262 kB are shown.\nAll of it: ctools inspect {path} 4 --body -o FILE\n")


def test_what_was_not_sent_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = {"method": "GET", "url": "https://h/", "headers": [], "sent": False}
    path = Cassette().get(status=None, error=REFUSED, request=request).write(tmp_path / "c.jsonl")
    assert "\nrequest, which was not sent\nGET https://h/\n" in run(capsys, path, 1)


def test_trailers_proxies_and_codings_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = {"size": 0, "wire_size": 7, "sha256": None, "complete": True, "coding": "gzip", "framing": "chunked"}
    response = {
        "status": 200,
        "reason": "",
        "http_version": "HTTP/1.1",
        "headers": [],
        "trailers": [["X-Sum", "1"]],
        "body": body,
    }
    connection = {"id": 1, "reused": True, "peer": "10.0.0.1:3128", "tls": None, "proxy": "proxy:3128"}
    path = (
        Cassette()
        .get(body=b"", response=response, connection=connection, rss=None, client=None)
        .write(tmp_path / "c.jsonl")
    )
    out = run(capsys, path, 1)
    assert "connection    number 1, reused, 10.0.0.1:3128, no TLS, through the proxy proxy:3128\n" in out
    assert "body: 0 B, 7 B on the wire, gzip taken off, chunked\n" in out
    assert "\ntrailers\nX-Sum: 1\n" in out


def test_a_number_beyond_the_last_is_refused(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no interaction 5: the last one is number 4." in refused(capsys, path, 5)


# -- bodies


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ([1], b'{"price":1.10,"id":12345678901234567890}'),
        ([2], PNG),
        ([2, "--part", "request"], b"a=1+2&b=%C3%BC"),
        ([4], b"line of text\n" * 40_000),
    ],
)
def test_a_body_is_written_byte_for_byte(
    path: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], arguments: list[object], body: bytes
) -> None:
    words = ["inspect", str(path), *map(str, arguments)]
    assert cli.run([*words, "--body"]) == 0
    assert capfdbinary.readouterr() == (body, b"")
    target = tmp_path / "body.bin"
    assert cli.run([*words, "-o", str(target)]) == 0
    assert target.read_bytes() == body
    assert cli.run([*words, "-o", str(target)]) == 2
    out, err = capfdbinary.readouterr()
    assert (out, b"--force" in err) == (b"", True)
    assert cli.run([*words, "-o", str(target), "--force"]) == 0


def test_an_interaction_without_that_body_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the request of interaction 1 has no body" in refused(capsys, path, 1, "--body", "--part", "request")
    assert "the response of interaction 3 has no body" in refused(capsys, path, 3, "--body")


def test_a_terminal_gets_a_body_only_if_it_is_plain_text(path: Path, tmp_path: Path) -> None:
    text = ctools_on_terminal("inspect", path, "4", "--body")
    assert (text.code, text.out) == (0, b"line of text\r\n" * 40_000)
    hostile = Cassette().get(body=b"x" * 100_000 + b"\x1b[2J").get(body=b"abc\xff").write(tmp_path / "h.jsonl")
    for file, number in ((path, "2"), (hostile, "1"), (hostile, "2")):
        binary = ctools_on_terminal("inspect", file, number, "--body")
        assert binary.code == 2
        assert binary.out.startswith(b"ctools: The body is not plain text")


def test_pieces_that_are_missing_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cassette = Cassette().get(body=b"0123456789", pieces=5)
    del cassette.lines[2]
    path = cassette.write(tmp_path / "c.jsonl")
    for arguments in (["--body"], ["--json"], ["-o", str(tmp_path / "b")], []):
        assert "body lines are out of order" in refused(capsys, path, 1, *arguments)
    assert not (tmp_path / "b").exists()


# -- standard input


@pytest.mark.parametrize("arguments", [[], ["--list", "--json"], ["4"], ["4", "--json"], ["4", "--body"]])
def test_a_stream_shows_the_same_as_the_file(
    path: Path, arguments: list[str], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    streamed = ctools("inspect", "-", *arguments, stdin=path.read_bytes())
    assert (streamed.code, streamed.err) == (0, b"")
    assert cli.run(["inspect", str(path), *arguments]) == 0
    out = capfdbinary.readouterr().out
    assert streamed.out.replace(b"<stdin>", b"-") == out.replace(os.fsencode(path), b"-")


def test_a_terminal_as_input_is_refused() -> None:
    assert b"The standard input is a terminal" in ctools_on_terminal("inspect", "-").out


# -- JSON


def test_the_summary_as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, path, "--json")
    assert out.count("\n") == 1
    summary = json.loads(out)
    assert summary["file"] == {
        "name": str(path),
        "size": path.stat().st_size,
        "mode": "tail",
        "growing": False,
        "damage": [],
        "format": "jsonl",
        "remarks": [],
    }
    assert summary["interactions"] == 4
    assert summary["statuses"] == {"counts": {"200": 2, "404": 1, "none": 1}, "others": 0}
    assert summary["failures"] == [{"phase": "connect", "type": "requests.exceptions.ConnectionError", "count": 1}]
    assert summary["hosts"]["rows"][0]["host"] == "api.example.com"
    assert summary["timings_ms"]["total"]["p50"] == pytest.approx(15.02, rel=0.01)
    assert summary["memory"]["points"] == [30_000_000, 31_000_000, 32_000_000, 31_457_280]


def test_every_key_of_the_json_is_documented(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def keys(value: object) -> set[str]:
        if isinstance(value, dict):
            return set(value) | {key for one in value.values() for key in keys(one)}
        return {key for one in value for key in keys(one)} if isinstance(value, list) else set()

    page = (path.parents[0].__class__(__file__).parents[3] / "docs" / "inspect-json.md").read_text(encoding="utf-8")
    documents = [json.loads(run(capsys, path, "--json", *only)) for only in ([], ["--only", "~all"])]
    documents += [json.loads(line) for line in run(capsys, path, "--list", "--json").splitlines()]
    assert documents[1]["only"] == {"filter": "~all", "held": 4, "taken": 4}
    values = {"GET", "POST", "200", "404", "none", "requests/2.34.2", "TLSv1.3"}
    undocumented = {key for key in keys(documents) - values if not re.search(rf"`{key}`", page)}
    assert undocumented == set()


@pytest.mark.parametrize("way", [[], ["--stats"]])
def test_sums_beyond_64_bits_become_floats(tmp_path: Path, way: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    cassette = Cassette()
    for _ in range(3):
        cassette.get(body=b"12345678")
    path = tmp_path / "c.jsonl"
    path.write_bytes(cassette.end().data().replace(b'"size":8,', b'"size":9000000000000000000,'))
    printed = run(capsys, path, "--json", *way)
    assert re.search(r'"(?:stored|bytes_received)":2\.7e\+19', printed)
    json.loads(printed)


def test_means_do_not_tell_in_which_order_numbers_were_added(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    totals = [0.1, 0.2, 0.3, 0.7, 1e6, 3.3]
    said = []
    for ordered in (totals, totals[::-1]):
        cassette = Cassette()
        for total in ordered:
            cassette.get("https://h/a", total=total)
        path = cassette.write(tmp_path / "c.jsonl")
        summary, stats = json.loads(run(capsys, path, "--json")), json.loads(run(capsys, path, "--stats", "--json"))
        said.append([summary["timings_ms"]["total"]["mean"], summary["hosts"]["rows"], stats["all"]["time_ms"]])
    assert said[0] == said[1]
    assert said[0][0] == 166667.433333


def test_a_list_as_json_lines(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = [json.loads(line) for line in run(capsys, path, "--list", "--json").splitlines()]
    assert [one["number"] for one in entries] == [1, 2, 3, 4]
    assert entries[2]["error"] == {key: REFUSED[key] for key in ("phase", "type", "message")}
    assert (entries[1]["request_size"], entries[1]["response_size"]) == (14, len(PNG))
    assert entries[0]["id"] == "5f2c9a1b-1"
    assert entries[0]["error"] is None


@pytest.mark.parametrize(
    ("number", "body"), [(1, b'{"price":1.10,"id":12345678901234567890}'), (2, PNG), (4, b"line of text\n" * 40_000)]
)
def test_one_interaction_as_json_has_its_whole_bodies(
    path: Path, capsys: pytest.CaptureFixture[str], number: int, body: bytes
) -> None:
    one = json.loads(run(capsys, path, number, "--json"))
    assert (one["number"], one["type"], one["seq"]) == (number, "interaction", number)
    content = one["bodies"]["response"]
    stored = content["text"].encode() if "text" in content else base64.b64decode(content["base64"], validate=True)
    assert stored == body
    assert hashlib.sha256(stored).hexdigest() == one["response"]["body"]["sha256"]


def test_an_interaction_without_bodies_has_none_in_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(run(capsys, path, 3, "--json"))["bodies"] == {}


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 40])
def test_characters_and_base64_groups_may_go_over_pieces(
    pieces: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for body in ("aé漢🙂".encode() * 9, bytes(range(200, 256)) * 3):
        path = Cassette().get(body=body, pieces=pieces).write(tmp_path / "c.jsonl")
        content = json.loads(run(capsys, path, 1, "--json"))["bodies"]["response"]
        assert (content["text"].encode() if "text" in content else base64.b64decode(content["base64"])) == body


# -- recorded bytes and the terminal


def hostile_cassette() -> Cassette:
    """Return a cassette with what could drive a terminal in every place that is shown."""
    cause = {"type": HOSTILE, "message": HOSTILE}
    cassette = Cassette(recorder=HOSTILE, python=HOSTILE, platform=HOSTILE, run=HOSTILE)
    cassette.process(program=HOSTILE, python=HOSTILE, process=HOSTILE)
    cassette.interaction(
        method=HOSTILE,
        url="https://h" + HOSTILE + "/" + HOSTILE,
        reason=HOSTILE,
        sent=f"a={HOSTILE}&{HOSTILE}=b".encode(),
        request_headers=[(HOSTILE, HOSTILE), ("Content-Type", "application/x-www-form-urlencoded")],
        body=json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False).encode(),
        headers=[(HOSTILE, HOSTILE)],
        error={"phase": HOSTILE, "type": HOSTILE, "message": HOSTILE, "cause": cause, "received": "G1sySg=="},
        client=HOSTILE,
        process=HOSTILE,
        timings_ms={HOSTILE: 1.0},
        connection={"id": 1, "reused": False, "peer": HOSTILE, "tls": HOSTILE, "proxy": HOSTILE},
        body_changes={"coding": HOSTILE, "coding_error": HOSTILE, "complete": False, "incomplete": HOSTILE},
    )
    cassette.get(body=f"<html>{HOSTILE}".encode(), headers=[("Content-Type", "text/html")])
    cassette.get(body=HOSTILE.encode(), headers=[("Content-Type", "text/plain")])
    part = f"--x\r\n{HOSTILE}: {HOSTILE}\r\n\r\n{HOSTILE}\r\n--x--".encode()
    cassette.get(body=part, headers=[("Content-Type", f"multipart/mixed; boundary=x; {HOSTILE}")])
    cassette.diagnosis(memory={HOSTILE: 1}, growth=[{"site": HOSTILE, "size_diff": 1, "count_diff": 1}])
    return cassette.end(lost={HOSTILE: 1}, signal=HOSTILE)


@pytest.mark.parametrize(
    "arguments", [[], ["--list"], ["1"], ["2"], ["3"], ["4"], ["--json"], ["--list", "--json"], ["1", "--json"]]
)
def test_recorded_bytes_never_drive_a_terminal(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = hostile_cassette().write(tmp_path / "\x1b[31m\u202ec.jsonl")
    terminal = ctools_on_terminal("inspect", path, *arguments, columns=40 if "1" in arguments else 200)
    assert terminal.code == 0
    assert DRIVING.findall(SGR.sub("", terminal.text.replace("\r\n", "\n"))) == []
    piped = run(capsys, path, *arguments)
    assert DRIVING.findall(piped) == []
    assert "[link=http://evil]l[/link]:bomb:" in piped


def test_values_of_any_length_are_shown_in_short_time(tmp_path: Path) -> None:
    huge = "word \x1b[31m漢字 " * 100_000
    error = {"phase": huge, "type": huge, "message": huge, "cause": {"type": huge, "message": huge}}
    cassette = Cassette().process(program=huge)
    cassette.interaction(
        method=huge, url="https://h/" + huge, reason=huge, headers=[(huge, huge)], error=error, client=huge
    )
    path = cassette.write(tmp_path / "c.jsonl")
    for arguments in ([], ["--list"], ["1"]):
        began = time.monotonic()
        assert ctools_on_terminal("inspect", path, *arguments, columns=60).code == 0
        assert time.monotonic() - began < 15
    assert "more characters; --json has them)" in ctools("inspect", path, "1").text


def test_no_bytes_of_the_file_are_in_an_error_message(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    for line in (
        b'{"type":"interaction","secret":"hunter2 \\u001b[2J"}\n',
        b'{"type":"interaction","hunter2 \x1b[2J\n',
    ):
        path.write_bytes(Cassette().get().data() + line + Cassette().get().lines[1])
        run = ctools("inspect", path)
        assert run.code == 2
        assert b"line 3" in run.err
        assert b"hunter2" not in run.err
        assert DRIVING.findall(run.errors) == []


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("arguments", [[], ["--list"]])
def test_lists_and_tables_fit_the_terminal(columns: int, arguments: list[str], tmp_path: Path) -> None:
    cassette = small().get("https://example.com/漢字漢字漢字漢字/" + "long/" * 50)
    cassette.get("https://" + "x" * 200 + ".example.com/", client="c" * 200)
    cassette.interaction(status=None, body=None, error={"phase": "p" * 120, "type": "E", "message": "m"})
    cassette.process(program="long-program-" * 20)
    cassette.diagnosis(memory={"private_dirty" * 5: 1}, growth=[{"site": "y" * 200, "size_diff": 1, "count_diff": 1}])
    path = cassette.end().write(tmp_path / "c.jsonl")
    terminal = ctools_on_terminal("inspect", path, *arguments, columns=columns)
    assert terminal.code == 0
    assert "\x1b[" in terminal.text
    lines = SGR.sub("", terminal.text).split("\r\n")
    assert len(lines) > 6
    assert max(map(cell_len, lines)) <= columns
    assert any("…" in line for line in lines)


def test_no_color_turns_off_every_style(path: Path) -> None:
    for arguments in ([], ["--list"], ["1"]):
        assert b"\x1b" not in ctools_on_terminal("inspect", path, *arguments, NO_COLOR="1").out


def test_a_terminal_without_unicode_gets_ascii(path: Path) -> None:
    terminal = ctools_on_terminal("inspect", path, PYTHONIOENCODING="ascii", columns=60)
    assert terminal.code == 0
    assert terminal.out.isascii()
    assert b"#" in terminal.out
    assert b"\\u2588" not in terminal.out


def test_json_is_highlighted_on_a_terminal(path: Path) -> None:
    text = ctools_on_terminal("inspect", path, "1").text
    assert re.search(r'"price"\x1b\[0m', text)
    assert SGR.sub("", text).replace("\r\n", "\n").endswith('{\n  "price": 1.10,\n  "id": 12345678901234567890\n}\n')


# -- following


def test_a_recording_in_progress_is_listed_as_it_grows_until_its_end(tmp_path: Path) -> None:
    cassette = small()
    path = tmp_path / "c.jsonl"
    path.write_bytes(b"".join(cassette.lines[:3]))
    process = subprocess.Popen(
        [sys.executable, "-m", "cassette_tools", "inspect", path, "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"1\t")
        with path.open("ab") as file:
            file.write(cassette.lines[3][:100])
            file.flush()
            time.sleep(0.5)
            file.write(cassette.lines[3][100:])
            file.flush()
            assert process.stdout.readline().startswith(b"2\t")
            file.write(b"".join(cassette.lines[4:]))
            file.write(cassette.end().lines[-1])
        out, err = process.communicate(timeout=LIMIT)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert [line.split(b"\t")[0] for line in out.splitlines()] == [b"3", b"4"]
    assert err == b""
    assert process.returncode == 0


def test_following_a_run_that_has_ended_is_listing_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, path, "--follow") == run(capsys, path, "--list")
    assert run(capsys, path, "--follow", "--json") == run(capsys, path, "--list", "--json")


def test_an_interrupt_ends_following(tmp_path: Path) -> None:
    path = small().write(tmp_path / "c.jsonl")
    terminal = ctools_on_terminal("inspect", path, "--follow", interrupt=b"/big")
    assert terminal.code == 0
    assert b"Traceback" not in terminal.out


# -- size


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_a_big_cassette_is_summarized_in_bounded_memory_with_progress_on_a_terminal(tmp_path: Path) -> None:
    path = big(tmp_path / "big.jsonl", 60_000_000)
    script = (
        "import pathlib, re, sys\nfrom cassette_tools.cli import run\ncode = run(sys.argv[1:])\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', status)[1], file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "inspect", path],
        capture_output=True,
        env=environment(),
        timeout=LIMIT,
        check=True,
    )
    assert b"interactions  120 " in done.stdout
    assert int(done.stderr) * 1024 < 60_000_000
    assert b"\r" in ctools_on_terminal("inspect", path).out.replace(b"\r\n", b"\n")


def big(path: Path, size: int) -> Path:
    """Write a cassette of about `size` bytes, with bodies of 500 KB."""
    cassette = Cassette().process()
    body: Any = b"0123456789" * 50_000
    with path.open("wb") as file:
        for _ in range(size // len(body)):
            cassette.get(body=body)
            file.write(cassette.data())
            cassette.lines.clear()
        file.write(cassette.end(bytes=size).data())
    return path
