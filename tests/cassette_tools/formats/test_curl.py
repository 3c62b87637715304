"""curl scripts: run by a real shell and a real curl, against a server that keeps what arrives."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cassette_tools.formats import Format, WriteOptions, format_named
from cassette_tools.formats.curl import FORMAT, quoted, write
from cassette_tools.interaction import Body, Element, Envelope, Interaction, Request, Response
from cassette_tools.losses import Losses
from recorder.errors import UsageError
from tests.cassette_tools.formats import nasty_requests as nasty
from tests.cassette_tools.formats.request_log import Arrived, RequestLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
SHELLS: Final = [shell for shell in ("dash", "bash", "sh") if shutil.which(shell)]
BY_CURL: Final = (b"host", b"content-length")


def script(interactions: Sequence[Element], losses: Losses | None = None) -> bytes:
    return b"".join(write(interactions, WriteOptions(losses=losses)))


def run(program: bytes, folder: Path, shell: str = "sh") -> subprocess.CompletedProcess[bytes]:
    """Run a script in a folder of its own; nothing may be there afterwards but the script."""
    folder.mkdir(exist_ok=True)
    (folder / "script.sh").write_bytes(program)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(
        [shell, "script.sh"], cwd=folder, capture_output=True, timeout=60, check=False, env=environment
    )
    assert [path.name for path in folder.iterdir()] == ["script.sh"]
    return done


@pytest.fixture(scope="module")
def log() -> Iterator[RequestLog]:
    with RequestLog() as server:
        yield server


def sent_again(log: RequestLog, interactions: Sequence[Element], folder: Path, shell: str = "sh") -> list[Arrived]:
    """Write a script, run it, and give what arrived."""
    del log.arrived[:]
    done = run(script(interactions), folder, shell)
    assert (done.returncode, done.stderr) == (0, b"")
    return list(log.arrived)


def post(
    url: str,
    headers: list[tuple[str, str]],
    body: Body | None = None,
    *,
    http_version: str = "HTTP/1.1",
    target: str | None = None,
) -> Interaction:
    return Interaction(Request("POST", url, headers, body, http_version, target))


def assert_same(arrived: Arrived, interaction: Interaction, base: str) -> None:
    request = interaction.request
    body = b"" if request.body is None else request.body.read()
    target = nasty.as_sent(request.url.removeprefix(base))
    assert (arrived.method, arrived.target) == (request.method.encode(), target.encode())
    assert arrived.without(*BY_CURL) == [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers
    ]
    assert arrived.body == body
    assert arrived.all(b"content-length") == ([] if request.body is None else [b"%d" % len(body)])
    assert arrived.all(b"host") == [base.removeprefix("http://").encode()]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_nasty_part_arrives_as_it_was_recorded(log: RequestLog, tmp_path: Path, shell: str) -> None:
    recorded = [post(log.url + target, []) for target in nasty.TARGETS]
    recorded += [post(log.url + "/", [("X-Value", value) for value in nasty.VALUES])]
    recorded += [post(log.url + "/", [(name, "value") for name in nasty.NAMES])]
    recorded += [post(log.url + "/", [(name, "caf\xe9") for name in nasty.NAMES])]
    recorded += [post(log.url + "/", [], None if body is None else Body(body)) for body in nasty.BODIES]
    recorded += [Interaction(Request(method, log.url + "/", [])) for method in nasty.METHODS]
    arrived = sent_again(log, recorded, tmp_path, shell)
    assert len(arrived) == len(recorded)
    for one, interaction in zip(arrived, recorded, strict=True):
        assert_same(one, interaction, log.url)


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
        assert_same(one, interaction, log.url)


STUB: Final = b'#!/bin/sh\nprintf \'%s\\n\' CALL >>"$CALLS"\nprintf \'%s\\0\' "$@" >>"$CALLS"\ncat >/dev/null\n'


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    recorded=st.lists(
        st.builds(
            lambda method, url, headers, body: Interaction(Request(method, url, headers, body)),
            st.text(max_size=8) | st.just("GET"),
            st.text(max_size=20) | st.text(max_size=20).map(lambda text: f"http://host/{text}"),
            st.lists(st.tuples(st.text(max_size=6), st.text(max_size=10)), max_size=4),
            st.none() | st.binary(max_size=30).map(Body) | st.text(max_size=30).map(Body),
        ),
        max_size=6,
    )
)
def test_whatever_is_recorded_only_curl_and_base64_are_run(tmp_path: Path, recorded: list[Interaction]) -> None:
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "curl").write_bytes(STUB)
    (tools / "curl").chmod(0o755)
    for name in ("base64", "cat"):
        if not (tools / name).exists():
            (tools / name).symlink_to(str(shutil.which(name)))
    calls = tmp_path / "calls"
    calls.write_bytes(b"")
    program = tmp_path / "script.sh"
    program.write_bytes(script(recorded))
    done = subprocess.run(
        [str(shutil.which("sh")), program],
        capture_output=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        env={"PATH": str(tools), "CALLS": str(calls)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    left_out = program.read_bytes().count(b"\n# left out: ")
    made = calls.read_bytes().split(b"CALL\n--disable\0")
    assert len(made) - 1 == len(recorded) - left_out
    values = (b"--url", b"--request", b"--header", b"--data-raw", b"--proto", b"--data-binary")
    for call in made[1:]:
        words = iter(call.split(b"\0"))
        for word in words:
            if word in values:
                value = next(words)
                assert word != b"--data-binary" or value == b"@-"
                assert word != b"--header" or not value.startswith(b"@")
                assert word != b"--url" or value.startswith((b"http://", b"https://"))
            else:
                assert word in (
                    b"",
                    b"--silent",
                    b"--show-error",
                    b"--globoff",
                    b"--path-as-is",
                    b"--compressed",
                    b"--head",
                )


@pytest.mark.parametrize(
    ("interaction", "method", "headers", "body"),
    [
        (Interaction(Request("HEAD", "/", [("A", "1")])), b"HEAD", [(b"A", b"1")], b""),
        (Interaction(Request("HEAD", "/", [], Body(b"x"))), b"HEAD", [], b""),
        (Interaction(Request("GET", "/", [("Accept", "*/*"), ("User-Agent", "me")])), b"GET",
         [(b"Accept", b"*/*"), (b"User-Agent", b"me")], b""),
        (Interaction(Request("GET", "/", [(":method", "GET"), ("a", "1")])), b"GET", [(b"a", b"1")], b""),
        (Interaction(Request("POST", "/", [("Content-Length", "0")])), b"POST", [(b"Content-Length", b"0")], b""),
        (Interaction(Request("POST", "/", [("Content-Length", "99")], Body("abc"))), b"POST",
         [(b"Content-Length", b"3")], b"abc"),
        (Interaction(Request("POST", "/", [("Transfer-Encoding", "chunked")], Body("abc"))), b"POST",
         [(b"Transfer-Encoding", b"chunked")], b"abc"),
        (Interaction(Request("POST", "/", [("Expect", "100-continue")], Body("abc"))), b"POST",
         [(b"Expect", b"100-continue"), (b"Content-Length", b"3")], b"abc"),
        (Interaction(Request("GET", "/", [
            ("X", "a\r\nEvil: 1"), ("Y", "\0"), ("Z\r\nEvil", "1"), ("@/etc/passwd", "1"),
            ("", "1"), ("A B", "1"), ("U", "\u20ac"), ("V", "1")])), b"GET", [(b"V", b"1")], b""),
    ],
)  # fmt: skip
def test_a_request_is_sent_with_its_own_headers_and_framing(
    log: RequestLog,
    tmp_path: Path,
    interaction: Interaction,
    method: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    interaction.request.url = log.url + interaction.request.url
    [arrived] = sent_again(log, [interaction], tmp_path)
    assert (arrived.method, arrived.without(b"host"), arrived.body) == (method, headers, body)


def test_a_body_goes_out_in_the_coding_that_its_header_says(log: RequestLog, tmp_path: Path) -> None:
    body = Body("text", coding="gzip")
    [arrived] = sent_again(log, [post(log.url + "/", [("Content-Encoding", "gzip")], body)], tmp_path)
    assert gzip.decompress(arrived.body) == b"text"


def test_a_body_in_pieces_goes_out_whole(log: RequestLog, tmp_path: Path) -> None:
    pieces = [bytes([number]) * (1000 + number) for number in range(100)]
    body = Body(stream=lambda: iter(pieces), size=sum(map(len, pieces)))
    [arrived] = sent_again(log, [post(log.url + "/", [], body)], tmp_path)
    assert arrived.body == b"".join(pieces)


@pytest.mark.parametrize(("version", "arrives"), [("HTTP/1.0", b"HTTP/1.0"), ("HTTP/1.1", b"HTTP/1.1")])
def test_the_http_version_is_asked_for(log: RequestLog, tmp_path: Path, version: str, arrives: bytes) -> None:
    [arrived] = sent_again(log, [post(log.url + "/", [], http_version=version)], tmp_path)
    assert arrived.version == arrives


def test_a_target_and_a_host_other_than_those_of_the_url_are_sent(log: RequestLog, tmp_path: Path) -> None:
    [arrived] = sent_again(log, [post(log.url + "/", [("Host", "other.test")], target="*")], tmp_path)
    assert (arrived.target, arrived.all(b"host")) == (b"*", [b"other.test"])


def test_userinfo_and_fragment_of_a_url_are_not_sent(log: RequestLog, tmp_path: Path) -> None:
    url = log.url.replace("http://", "http://user:pass@") + "/a?b#c"
    [arrived] = sent_again(log, [post(url, [("Authorization", "Basic eDp5")])], tmp_path)
    assert (arrived.target, arrived.all(b"authorization")) == (b"/a?b", [b"Basic eDp5"])


def test_the_users_curlrc_is_not_read(log: RequestLog, tmp_path: Path) -> None:
    (tmp_path / ".curlrc").write_text('header = "X-Mine: 1"\n')
    program = tmp_path / "script.sh"
    program.write_bytes(script([post(log.url + "/", [])]))
    del log.arrived[:]
    subprocess.run(["sh", program], env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, timeout=60, check=True)
    assert log.arrived[0].all(b"x-mine") == []


def test_what_cannot_be_sent_does_not_stop_the_rest_and_gives_status_1(log: RequestLog, tmp_path: Path) -> None:
    del log.arrived[:]
    done = run(script([post("http://127.0.0.1:1/", []), post(log.url + "/", [])]), tmp_path)
    assert done.returncode == 1
    assert len(log.arrived) == 1


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://h/", "", "/path", "http://", "http://a b/", "http://$(id)/"]
)
def test_a_url_that_is_none_of_http_is_left_out_and_counted(url: str) -> None:
    losses = Losses(FORMAT.cannot_hold, family="curl")
    program = script([post(url, [])], losses)
    assert b"# left out: " in program
    assert not any(line.startswith(b"curl") for line in program.split(b"\n"))
    assert losses.counts == {"unsendable": 1}


@pytest.mark.parametrize(
    ("interaction", "facet"),
    [
        (post("http://h/", [("a", "b\nc")]), "unsendable"),
        (Interaction(Request("A B", "http://h/", [])), "unsendable"),
        (Interaction(Request("HEAD", "http://h/", [], Body("x"))), "unsendable"),
        (post("http://h/", [("Host", "a"), ("Host", "b")]), "unsendable"),
        (post("http://h/", [], target="http://h/"), "target"),
        (post("http://h/", [], http_version="HTTP/3"), "http-version"),
        (post("http://h/", [], http_version="HTTP/2"), "http-version"),
        (post("http://h/", [("Transfer-Encoding", "gzip, chunked")], Body("x")), "framing"),
        (post("http://h/", [("Content-Encoding", "x-own")], Body("x", coding="x-own")), "coding"),
    ],
)
def test_what_curl_cannot_be_told_is_counted(interaction: Interaction, facet: str) -> None:
    losses = Losses([], family="curl")
    script([interaction], losses)
    assert (losses.counts, losses.first) == ({facet: 1}, {facet: 1})


@pytest.mark.parametrize("shell", SHELLS)
def test_what_is_too_long_for_an_argument_is_left_out_and_counted(log: RequestLog, tmp_path: Path, shell: str) -> None:
    """Linux refuses to run a program with an argument over 128 KiB, and the whole command with it."""
    long, octets = "v" * (200 << 10), "\xe9" * (50 << 10)
    recorded = [
        post(log.url + "/one", [("A", "1"), ("Long", long), ("Odd", octets), ("Z", "2")], Body("b" * (64 << 10))),
        post(f"{log.url}/{long}", []),
        post(log.url + "/many", [(f"N{at}", "v" * (50 << 10)) for at in range(40)]),
    ]
    losses = Losses(FORMAT.cannot_hold, family="curl")
    del log.arrived[:]
    done = run(script(recorded, losses), tmp_path / "run", shell)
    assert (done.returncode, done.stderr) == (0, b"")
    assert losses.counts == {"unsendable": 3}
    one, many = log.arrived
    assert one.without(*BY_CURL) == [(b"A", b"1"), (b"Odd", octets.encode("latin-1")), (b"Z", b"2")]
    assert one.body == b"b" * (64 << 10)
    assert [name for name, _ in many.without(*BY_CURL)] == [b"N%d" % at for at in range(10)]


def test_a_comment_tells_what_a_command_is_and_cannot_be_left() -> None:
    evil = Interaction(Request("GET", "http://h/\ntouch hacked\n\u2028\x1b]0;x\x07#", []), Response(200, "OK", []))
    program = script([evil, evil]).decode()
    assert "\n# 1: GET h/?touch hacked???]0;x? -> 200\n" in program
    assert "\n# 2: GET h/" in program


def test_envelopes_are_passed_over() -> None:
    assert script([Envelope("har", {"a": "touch hacked"})]) == script([])


def test_a_request_is_written_before_the_next_one_is_asked_for() -> None:
    taken = 0

    def source() -> Iterator[Interaction]:
        nonlocal taken
        while True:
            taken += 1
            yield post("http://h/", [])

    pieces = write(source(), WriteOptions())
    while not next(pieces).startswith(b"curl"):
        pass
    assert taken == 1


def test_a_long_body_is_written_piece_by_piece() -> None:
    given = 0

    def stream() -> Iterator[bytes]:
        nonlocal given
        for _ in range(1000):
            given += 1
            yield bytes(1000)

    pieces = write([post("http://h/", [], Body(stream=stream, size=1_000_000))], WriteOptions())
    while not next(pieces).startswith(b"AAAA"):
        pass
    assert given == 1


def test_text_is_quoted_readably_where_it_can_be() -> None:
    assert [
        quoted(text) for text in ("GET", "a b", "it's", "", "-x", "caf\xc3\xa9", "caf\xe9'%", "--x\xe9", "!\xe9")
    ] == [
        "GET",
        "'a b'",
        "'it'\\''s'",
        "''",
        "'-x'",
        "'caf\xe9'",
        "\"$(printf 'caf\\351\\047\\045')\"",
        "\"$(printf '\\055-x\\351')\"",
        "\"$(printf '\\041\\351')\"",
    ]


def test_it_is_a_format_that_is_written_only() -> None:
    assert isinstance(FORMAT, Format)
    assert format_named("curl", reading=False) is FORMAT
    with pytest.raises(UsageError, match="no format that can be read"):
        format_named("curl", reading=True)
