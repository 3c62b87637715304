"""HTTPie commands: nothing recorded is run, and where HTTPie is installed, what arrives is what was recorded."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cassette_tools.httpie import command
from cassette_tools.interaction import Body, Interaction, Request
from tests.cassette_tools.formats import nasty_requests as nasty
from tests.cassette_tools.formats.request_log import RequestLog
from tests.cassette_tools.programs import SEARCHED, is_installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cassette_tools.formats.request_log import Arrived

BY_HTTPIE: Final = (b"host", b"content-length", b"transfer-encoding")
REAL: Final = pytest.mark.skipif(not is_installed("http"), reason="HTTPie is not installed")
FORM: Final = [("Content-Type", "application/x-www-form-urlencoded")]


@pytest.fixture(scope="module")
def log() -> Iterator[RequestLog]:
    with RequestLog() as server:
        yield server


def program(interaction: Interaction) -> tuple[bytes | None, set[str]]:
    lost: set[str] = set()
    pieces = command(interaction, lost)
    return (None if pieces is None else b"".join(pieces) + b"\n"), lost


def asked(method: str, url: str, headers: list[tuple[str, str]], body: bytes | None = None) -> Interaction:
    return Interaction(Request(method, url, headers, None if body is None else Body(body), "HTTP/1.1"))


# -- without HTTPie

STUB: Final = b'#!/bin/sh\nprintf \'%s\\0\' "$@" >>"$CALLS"\nprintf \'\\n\' >>"$CALLS"\nexec cat >"$INPUT"\n'


class Stub:
    """A program `http` that keeps its arguments and its input, beside nothing else but what unpacks base64."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tools = folder / "tools"
        tools.mkdir()
        (tools / "http").write_bytes(STUB)
        (tools / "http").chmod(0o755)
        for name in ("base64", "cat"):
            (tools / name).symlink_to(str(shutil.which(name)))
        (folder / "work").mkdir()

    def run(self, script: bytes) -> tuple[list[str], bytes]:
        """Run a script; give the arguments of the one call, and its input."""
        calls, taken, file = self.folder / "calls", self.folder / "input", self.folder / "script.sh"
        calls.write_bytes(b"")
        taken.write_bytes(b"")
        file.write_bytes(script)
        environment = {"PATH": str(self.folder / "tools"), "CALLS": str(calls), "INPUT": str(taken)}
        done = subprocess.run(
            ["/bin/sh", file], cwd=self.folder / "work", env=environment, stdin=subprocess.DEVNULL, check=False,
            capture_output=True, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert list((self.folder / "work").iterdir()) == []
        [call, rest] = calls.read_bytes().split(b"\0\n")
        assert rest == b""
        return [os.fsdecode(one) for one in call.split(b"\0")], taken.read_bytes()


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Stub:
    return Stub(tmp_path_factory.mktemp("stub"))


def understood(item: str) -> tuple[str, str | None]:
    """Read a header as HTTPie's documentation says: a backslash takes the meaning off a mark; None unsets it."""
    marks = ":;=@"
    name = ""
    rest = item
    while rest and rest[0] not in marks:
        name, rest = name + rest[0], rest[1:]
    assert rest[:1] in (":", ";"), item
    if rest[0] == ";":
        assert rest == ";"
        return name, ""
    rest = rest[1:]
    if not rest:
        return name, None
    assert rest[0] not in "=@", f"{item}: another kind of item"
    value, at = "", 0
    while at < len(rest):
        following = rest[at + 1] if rest[at] == "\\" and at + 1 < len(rest) else ""
        if following and following in marks:
            value, at = value + following, at + 2
        elif following:
            value, at = value + rest[at] + following, at + 2
        else:
            value, at = value + rest[at], at + 1
    return name, value


@pytest.mark.parametrize("value", [value for value in nasty.VALUES if value])
def test_a_value_is_understood_as_it_was_recorded_or_left_out(stub: Stub, value: str) -> None:
    script, lost = program(asked("GET", "http://host/", [("X-Value", value)]))
    assert script is not None
    arguments, _ = stub.run(script)
    given = [understood(item)[1] for item in arguments if item.startswith("X-Value")]
    try:
        text: str | None = value.encode("latin-1").decode()
    except UnicodeError:
        text = None
    assert (given, lost) == (([text], set()) if text is not None else ([], {"unsendable"}))


@pytest.mark.parametrize("value", ["\\:", "a\\@b", "\\\\\\=", "\\;", "\xc2\xa0edge\xc2\xa0"])
def test_what_httpie_would_change_is_left_out_and_named(value: str) -> None:
    script, lost = program(asked("GET", "http://host/", [("X-Value", value)]))
    assert script is not None
    assert b"X-Value" not in script
    assert lost == {"unsendable"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(interaction=Interaction(Request("A", "http://0", [], Body("A"))))
@given(
    interaction=st.builds(
        lambda method, url, headers, body: Interaction(Request(method, url, headers, body)),
        st.text(max_size=8) | st.sampled_from(["GET", "POST"]),
        st.text(max_size=20) | st.text(max_size=20).map(lambda text: f"http://host/{text}"),
        st.lists(st.tuples(st.sampled_from(nasty.NAMES) | st.text(max_size=6), st.text(max_size=10)), max_size=4),
        st.none() | st.binary(max_size=30).map(Body) | st.text(max_size=30).map(Body),
    )
)
def test_whatever_is_recorded_only_http_and_base64_are_run(stub: Stub, interaction: Interaction) -> None:
    script, _ = program(interaction)
    if script is None:
        return
    arguments, taken = stub.run(script)
    known = {"--ignore-stdin", "--ignore-netrc", "--path-as-is", "--chunked", "--"}
    body = b"" if interaction.request.body is None else interaction.request.body.read()
    head: list[str] = []
    sent = taken
    while arguments[0] in known or arguments[0].startswith("--raw="):  # no method begins with a dash
        head.append(arguments.pop(0))
        if head[-1].startswith("--raw="):
            sent = head[-1].removeprefix("--raw=").encode()
    assert sent == body
    assert ("--ignore-stdin" in head) == (taken == b"")
    method, url, *items = arguments
    assert method == interaction.request.method
    assert url.startswith("http://")
    for item in items:
        understood(item)
    assert not any(item.startswith("-") for item in items) or "--" in head


def test_a_method_that_httpie_takes_for_a_url_is_refused() -> None:
    for method in ("M-SEARCH", "X1", "$HOME", "--help"):
        assert program(asked(method, "http://host/", [])) == (None, {"unsendable"})


@pytest.mark.parametrize(
    ("version", "lost"),
    [("HTTP/1.1", set()), (None, set()), ("HTTP/2", {"http-version"}), ("HTTP/1.0", {"http-version"})],
)
def test_other_versions_of_http_are_named_as_lost(version: str | None, lost: set[str]) -> None:
    assert program(Interaction(Request("GET", "http://host/", [], None, version)))[1] == lost


def test_headers_too_long_for_an_argument_are_left_out_and_named() -> None:
    script, lost = program(asked("GET", "http://host/", [("X-Long", "x" * 130_000), ("X-Short", "y")]))
    assert script is not None
    assert (b"X-Long" in script, b"X-Short" in script, lost) == (False, True, {"unsendable"})


# -- with HTTPie itself


def sent(log: RequestLog, interaction: Interaction, folder: Path) -> tuple[Arrived, set[str]]:
    script, lost = program(interaction)
    assert script is not None
    del log.arrived[:]
    (folder / "script.sh").write_bytes(script)
    environment = {"PATH": SEARCHED, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["/bin/sh", "script.sh"], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    [arrived] = log.arrived
    return arrived, lost


def pairs(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return sorted((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)


@REAL
@pytest.mark.parametrize("place", range(len(nasty.BODIES)))
def test_bodies_arrive_byte_for_byte(log: RequestLog, tmp_path: Path, place: int) -> None:
    body = nasty.BODIES[place]
    headers = FORM if place % 2 else []
    arrived, lost = sent(log, asked("POST", log.url + "/", headers, body), tmp_path)
    assert (arrived.method, arrived.target, arrived.body) == (b"POST", b"/", body or b"")
    assert arrived.without(*BY_HTTPIE) == pairs(headers)
    assert arrived.all(b"content-length") == [b"%d" % len(body or b"")]
    assert lost == (set() if body is not None else {"empty-bodies"})


@REAL
@pytest.mark.parametrize("body", ["-", "--", "-d x", "--form", "--boundary\n", "@/etc/hostname", "=", "~", "-1"])
def test_a_body_that_looks_like_an_option_or_a_file_is_sent(log: RequestLog, tmp_path: Path, body: str) -> None:
    arrived, lost = sent(log, asked("POST", log.url + "/", FORM, body.encode()), tmp_path)
    assert arrived.body == body.encode()
    assert lost == set()


@REAL
def test_headers_arrive_with_their_repetitions_and_case_and_no_others(log: RequestLog, tmp_path: Path) -> None:
    values = [value for value in nasty.VALUES if value.isascii()] + ["caf\xc3\xa9"]
    headers = [("X-Value", value) for value in values]
    headers += [(name, "value") for name in nasty.NAMES if name.lower() != "x-value"]
    arrived, lost = sent(log, asked("GET", log.url + "/", headers), tmp_path)
    assert sorted(arrived.without(*BY_HTTPIE)) == pairs(headers)
    assert arrived.all(b"host") == [log.url.removeprefix("http://").encode()]
    assert lost == set()


TARGETS: Final = [
    "/a/../b/./c", "/$(touch hacked)", "/%41%2F", "/a%20b+c", "//double", "/?q=%20&b=c;d", "/a?b?c", "/@file", "/a:b@c",
    "/caf\xe9?\xe9", "/?x=-._~&y=(1)", "/%41%2f", "/?q=%41", "/?", "/{x}", "/a|b",
]  # fmt: skip


@REAL
@pytest.mark.parametrize("target", TARGETS)
def test_targets_arrive_as_they_were_recorded_or_the_change_is_named(
    log: RequestLog, tmp_path: Path, target: str
) -> None:
    arrived, lost = sent(log, asked("GET", log.url + target, []), tmp_path)
    same = arrived.target == nasty.as_sent(target).encode()
    assert (same, lost) == ((False, {"unsendable"}) if TARGETS.index(target) > 10 else (True, set()))


@REAL
@pytest.mark.parametrize("body", [b"x", b"\0y", b"x" * 100_000])
def test_chunked_bodies_go_out_in_chunks(log: RequestLog, tmp_path: Path, body: bytes) -> None:
    arrived, lost = sent(log, asked("POST", log.url + "/", [("Transfer-Encoding", "chunked")], body), tmp_path)
    assert (arrived.body, arrived.all(b"transfer-encoding"), lost) == (body, [b"chunked"], set())
    assert arrived.all(b"content-length") == []
