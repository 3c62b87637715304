"""requests scripts: run by a real Python with real requests, against a server that keeps what arrives."""

from __future__ import annotations

import ast
import gzip
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cassette_tools.formats import WriteOptions, format_named
from cassette_tools.formats.requests_script import FORMAT, write
from cassette_tools.interaction import Body, Element, Envelope, Interaction, Request, Response
from cassette_tools.losses import Losses
from recorder.errors import UsageError
from tests.cassette_tools.formats import nasty_requests as nasty
from tests.cassette_tools.formats.request_log import Arrived, RequestLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def script(interactions: Sequence[Element], losses: Losses | None = None) -> bytes:
    return b"".join(write(interactions, WriteOptions(losses=losses)))


def run(program: bytes, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a program in a folder of its own; nothing may be there afterwards but the program."""
    folder.mkdir(exist_ok=True)
    (folder / "program.py").write_bytes(program)
    command = [sys.executable, "-B", "-W", "error", "program.py"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False, env=environment)
    assert [path.name for path in folder.iterdir()] == ["program.py"]
    return done


@pytest.fixture(scope="module")
def log() -> Iterator[RequestLog]:
    with RequestLog() as server:
        yield server


def sent_again(log: RequestLog, interactions: Sequence[Element], folder: Path) -> list[Arrived]:
    """Write a program, run it, and give what arrived."""
    del log.arrived[:]
    done = run(script(interactions), folder)
    assert (done.returncode, done.stderr) == (0, b"")
    return list(log.arrived)


def post(url: str, headers: list[tuple[str, str]], body: Body | None = None) -> Interaction:
    return Interaction(Request("POST", url, headers, body))


def assert_same(arrived: Arrived, interaction: Interaction) -> None:
    request = interaction.request
    body = b"" if request.body is None else request.body.read()
    assert arrived.method == request.method.encode()
    assert arrived.without(b"host", b"content-length") == [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers
    ]
    assert arrived.body == body


def test_each_nasty_part_arrives_as_it_was_recorded(log: RequestLog, tmp_path: Path) -> None:
    recorded = [post(log.url + target, []) for target in nasty.TARGETS]
    recorded += [post(log.url + "/", [("X-Value", value) for value in nasty.VALUES])]
    recorded += [post(log.url + "/", [(name, "value") for name in nasty.NAMES])]
    recorded += [post(log.url + "/", [], None if body is None else Body(body)) for body in nasty.BODIES]
    recorded += [Interaction(Request(method, log.url + "/", [])) for method in nasty.METHODS]
    losses = Losses([], family="requests-script")
    script(recorded, losses)
    arrived = sent_again(log, recorded, tmp_path)
    assert len(arrived) == len(recorded)
    changed = 0
    for one, interaction in zip(arrived, recorded, strict=True):
        assert_same(one, interaction)
        changed += one.target.decode() != nasty.as_sent(interaction.request.url.removeprefix(log.url))
    assert losses.counts == {"unsendable": changed}
    assert changed > 1


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_random_nasty_requests_arrive_as_they_were_recorded(
    log: RequestLog, tmp_path: Path, data: st.DataObject
) -> None:
    recorded = data.draw(st.lists(nasty.requests(log.url), min_size=1, max_size=12))
    arrived = sent_again(log, recorded, tmp_path / "run")
    assert len(arrived) == len(recorded)
    for one, interaction in zip(arrived, recorded, strict=True):
        assert_same(one, interaction)


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            lambda method, url, headers, body: Interaction(Request(method, url, headers, body)),
            st.text(max_size=8) | st.just("GET"),
            st.text(max_size=20) | st.text(max_size=20).map(lambda text: f"http://host/{text}"),
            st.lists(st.tuples(st.text(max_size=6), st.text(max_size=10)), max_size=4),
            st.none() | st.binary(max_size=200).map(Body) | st.text(max_size=300).map(Body),
        ),
        max_size=6,
    )
)
def test_whatever_is_recorded_the_program_is_calls_with_literals(recorded: list[Interaction]) -> None:
    program = script(recorded)
    empty = script([])
    before = len(ast.parse(empty).body) - 1
    body = ast.parse(program).body
    assert [ast.dump(node) for node in [*body[:before], body[-1]]] == [ast.dump(node) for node in ast.parse(empty).body]
    calls = body[before:-1]
    assert len(calls) == len(recorded) - program.count(b"\n# left out: ")
    for call in calls:
        assert isinstance(call, ast.Expr)
        assert isinstance(call.value, ast.Call)
        assert ast.unparse(call.value.func) == "send"
        for argument in call.value.args:
            ast.literal_eval(argument)


@pytest.mark.parametrize(
    ("interaction", "headers", "body"),
    [
        (Interaction(Request("HEAD", "/", [("A", "1")])), [(b"A", b"1")], b""),
        (Interaction(Request("HEAD", "/", [], Body(b"x"))), [(b"Content-Length", b"1")], b"x"),
        (Interaction(Request("GET", "/", [("Accept", "*/*"), ("User-Agent", "me")])),
         [(b"Accept", b"*/*"), (b"User-Agent", b"me")], b""),
        (Interaction(Request("GET", "/", [("accept-encoding", "br"), ("user-agent", "me")])),
         [(b"accept-encoding", b"br"), (b"user-agent", b"me")], b""),
        (Interaction(Request("GET", "/", [("Set", "1"), ("B", "2"), ("Set", "3"), ("set", "")])),
         [(b"Set", b"1"), (b"B", b"2"), (b"Set", b"3"), (b"set", b"")], b""),
        (Interaction(Request("POST", "/", [("Content-Length", "0")])), [(b"Content-Length", b"0")], b""),
        (Interaction(Request("POST", "/", [("Content-Length", "9")], Body("a"))), [(b"Content-Length", b"1")], b"a"),
        (Interaction(Request("POST", "/", [("Transfer-Encoding", "chunked")], Body("abc"))),
         [(b"Transfer-Encoding", b"chunked")], b"abc"),
        (Interaction(Request("GET", "/", [
            ("X", "a\r\nEvil: 1"), ("Y", "\0"), ("Z\r\nEvil", "1"), ("A B", "1"), ("V", "1")])),
         [(b"V", b"1")], b""),
    ],
)  # fmt: skip
def test_a_request_is_sent_with_its_own_headers_and_framing(
    log: RequestLog, tmp_path: Path, interaction: Interaction, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    interaction.request.url = log.url + interaction.request.url
    [arrived] = sent_again(log, [interaction], tmp_path)
    assert arrived.method == interaction.request.method.encode()
    assert (_grouped(arrived.without(b"host")), arrived.body) == (_grouped(headers), body)


def _grouped(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return sorted(headers, key=lambda pair: pair[0].lower())


def test_a_body_goes_out_in_the_coding_that_its_header_says(log: RequestLog, tmp_path: Path) -> None:
    body = Body("text", coding="gzip")
    [arrived] = sent_again(log, [post(log.url + "/", [("Content-Encoding", "gzip")], body)], tmp_path)
    assert gzip.decompress(arrived.body) == b"text"


def test_a_body_in_pieces_goes_out_whole(log: RequestLog, tmp_path: Path) -> None:
    pieces = [bytes([number]) * (1000 + number) for number in range(100)]
    body = Body(stream=lambda: iter(pieces), size=sum(map(len, pieces)))
    empty = Body(stream=lambda: iter(()), size=0)
    arrived = sent_again(log, [post(log.url + "/", [], body), post(log.url + "/", [], empty)], tmp_path)
    assert [one.body for one in arrived] == [b"".join(pieces), b""]


def test_userinfo_and_fragment_of_a_url_are_not_sent(log: RequestLog, tmp_path: Path) -> None:
    url = log.url.replace("http://", "http://user:pass@") + "/a?b#c"
    [arrived] = sent_again(log, [post(url, [("Authorization", "Basic eDp5")])], tmp_path)
    assert (arrived.target, arrived.all(b"authorization")) == (b"/a?b", [b"Basic eDp5"])


def test_what_cannot_be_sent_does_not_stop_the_rest_and_gives_status_1(log: RequestLog, tmp_path: Path) -> None:
    del log.arrived[:]
    done = run(script([post("http://127.0.0.1:1/", []), post(log.url + "/", [])]), tmp_path)
    assert (done.returncode, done.stderr) == (1, b"POST http://127.0.0.1:1/: ConnectionError\n")
    assert len(log.arrived) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "", "/path", "http://", "http://a b/"])
def test_a_url_that_is_none_of_http_is_left_out_and_counted(url: str) -> None:
    losses = Losses(FORMAT.cannot_hold, family="requests-script")
    program = script([post(url, [])], losses)
    assert b"# left out: " in program
    assert b"\nsend(" not in program
    assert losses.counts == {"unsendable": 1}


def test_a_comment_tells_what_a_call_is_and_cannot_be_left() -> None:
    evil = Interaction(Request("GET", "http://h/\nraise SystemExit\n\x1b]0;x\x07#", []), Response(200, "OK", []))
    assert b"\n# 1: GET h/?raise SystemExit??]0;x? -> 200\n" in script([evil])


def test_envelopes_are_passed_over() -> None:
    assert script([Envelope("har", {"a": "import os"})]) == script([])


def test_a_request_is_written_before_the_next_one_is_asked_for() -> None:
    taken = 0

    def source() -> Iterator[Interaction]:
        nonlocal taken
        while True:
            taken += 1
            yield post("http://h/", [])

    pieces = write(source(), WriteOptions())
    while not next(pieces).startswith(b"send("):
        pass
    assert taken == 1


def test_it_is_a_format_that_is_written_only() -> None:
    assert format_named("requests-script", reading=False) is FORMAT
    with pytest.raises(UsageError, match="no format that can be read"):
        format_named("requests-script", reading=True)
