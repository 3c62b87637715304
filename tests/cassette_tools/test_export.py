"""Exported requests: sent by the real curl and the real requests, they arrive as they were recorded."""

from __future__ import annotations

import ast
import gzip
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from cassette_tools.export import KINDS, exported
from cassette_tools.interaction import Body, Interaction, Request, Response
from recorder.errors import UsageError
from tests.cassette_tools.formats import nasty_requests as nasty
from tests.cassette_tools.formats.request_log import RequestLog
from tests.cassette_tools.programs import SEARCHED, is_installed
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cassette_tools.formats.request_log import Arrived

SENT: Final = [("User-Agent", "python-requests/2.34.2"), ("Accept-Encoding", "gzip"), ("Accept", "*/*")]
KEPT: Final = [*SENT, ("Connection", "keep-alive")]
JSON: Final = b'{"name": "O\'Brien \\"x\\"", "text": "caf\xc3\xa9\\n"}'
FORM: Final = ("Content-Type", "application/x-www-form-urlencoded")

RUNNERS: Final = {"python": [sys.executable], "curl": ["/bin/sh"], "httpie": ["/bin/sh"]}
INSTALLED: Final = {
    "python": True,
    "curl": is_installed("curl"),
    "httpie": is_installed("http"),
}
CALLS: Final = {
    *("requests.request", "print", "send", "requests.Session", "requests.PreparedRequest", "session.send", "sys.exit"),
    *("super().__init__", "super().__setitem__", "super", "self.pairs.append", "Headers", "name.lower", "len", "type"),
}
EACH: Final = [
    pytest.param(kind, marks=pytest.mark.skipif(not INSTALLED[kind], reason="not installed")) for kind in KINDS
]

REQUESTS: Final[dict[str, tuple[str, str, list[tuple[str, str]], bytes | None]]] = {
    "plain": ("GET", "/", KEPT, None),
    "query": ("GET", "/a/b?x=1&y=%20z", KEPT, None),
    "no defaults": ("GET", "/", [], None),
    "not kept alive": ("GET", "/", SENT, None),
    "json": ("POST", "/", [*KEPT, ("Content-Type", "application/json")], JSON),
    "form": ("POST", "/", [*KEPT, FORM], b"a=1+2&b=%C3%BC"),
    "no type": ("POST", "/", KEPT, b"text"),
    "binary": ("PUT", "/", [*KEPT, ("Content-Type", "image/png")], bytes(range(256))),
    "long": ("PUT", "/", KEPT, b"0123456789\n" * 20_000),
    "empty": ("POST", "/", KEPT, b""),
    "empty get": ("GET", "/", KEPT, b""),
    "quotes": ("POST", "/", KEPT, b"it's \"quoted\" `x` $(y) \\ \n\t'''"),
    "body like an option": ("POST", "/", KEPT, b"--data @/etc/hostname"),
    "get with a body": ("GET", "/", KEPT, b"{}"),
    "repeated headers": ("GET", "/", [*KEPT, ("X-A", "1"), ("X-A", "2"), ("x-a", "3")], None),
    "repeated accept": ("GET", "/", [*SENT, ("Accept", "text/html")], None),
    "odd values": ("GET", "/", [*KEPT, ("A", "@/etc/hostname"), ("B", "=x"), ("C", "-d"), ("D", "a;b:c=d@e")], None),
    "names that look like options": ("GET", "/", [*KEPT, ("--output", "x"), ("-o", "y")], None),
    "empty value": ("GET", "/", [*KEPT, ("X-Empty", "")], None),
    "other method": ("PURGE", "/", KEPT, b""),
    "dots": ("GET", "/a/../b/./c", KEPT, None),
    "two slashes": ("GET", "//a", KEPT, None),
    "escapes": ("GET", "/%7Euser", KEPT, None),
}


@pytest.fixture(scope="module")
def log() -> Iterator[RequestLog]:
    with RequestLog() as server:
        yield server


def recorded(base: str, method: str, target: str, headers: list[tuple[str, str]], body: bytes | None) -> Interaction:
    return Interaction(
        Request(method, base + target, headers, None if body is None else Body(body), "HTTP/1.1"),
        Response(200, "OK", []),
    )


def run(program: bytes, kind: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    (folder / "program").write_bytes(program)
    environment = {"PATH": SEARCHED, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [*RUNNERS[kind], "program"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert [path.name for path in folder.iterdir()] == ["program"]
    return done


def arrived(log: RequestLog, interaction: Interaction, kind: str, folder: Path) -> tuple[Arrived, list[str]]:
    made = exported(interaction, 7, kind)
    del log.arrived[:]
    run(b"".join(made.program), kind, folder)
    [one] = log.arrived
    return one, made.notes


@pytest.mark.parametrize("kind", EACH)
@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_sent_again_arrives_as_it_was_recorded(log: RequestLog, tmp_path: Path, name: str, kind: str) -> None:
    method, target, headers, body = REQUESTS[name]
    one, notes = arrived(log, recorded(log.url, method, target, headers, body), kind, tmp_path)
    assert (one.method, one.target, one.body) == (method.encode(), target.encode(), body or b"")
    got = sorted((given.lower(), value) for given, value in one.without(b"host", b"content-length"))
    assert got == sorted((given.lower().encode(), value.encode()) for given, value in headers)
    assert one.all(b"content-length") == ([] if body is None else [b"%d" % len(body)])
    assert notes == []


@pytest.mark.parametrize("kind", EACH)
def test_the_origin_answers_again_as_it_did(tmp_path: Path, kind: str) -> None:
    with Origin() as origin:
        done = run(
            b"".join(
                exported(
                    recorded(origin.url, "POST", "/echo", [*KEPT, ("Content-Type", "application/json")], JSON), 1, kind
                ).program
            ),
            kind,
            tmp_path,
        )
        assert b"POST" in done.stdout
        assert b"/echo" in done.stdout
        assert len(origin.seen) == 1


def test_python_is_short_where_that_sends_the_same() -> None:
    made = exported(recorded("http://h", "POST", "/a", [*KEPT, ("Host", "h"), ("X-A", "b")], b"x=1"), 3, "python")
    assert b"".join(made.program).decode() == (
        "# 3: POST h/a -> 200\nimport requests\n\nresponse = requests.request(\n    'POST',\n    'http://h/a',\n"
        "    headers={\n        'User-Agent': 'python-requests/2.34.2',\n        'Accept-Encoding': 'gzip',\n"
        "        'X-A': 'b',\n    },\n    data=b'x=1',\n    allow_redirects=False,\n    timeout=60,\n)\n"
        "print(response.status_code)\nprint(response.text)\n"
    )


def test_curl_is_told_no_more_than_it_needs() -> None:
    made = exported(recorded("http://h", "POST", "/a", [*KEPT[2:3], FORM, ("User-Agent", "a")], b"x=1"), 3, "curl")
    assert b"".join(made.program).decode() == (
        "curl http://h/a \\\n  --header 'User-Agent: a' \\\n  --header 'Expect:' \\\n  --data-raw 'x=1'\n"
    )


def test_httpie_is_told_no_more_than_it_needs() -> None:
    made = exported(recorded("http://h", "GET", "/a", KEPT, None), 3, "httpie")
    assert b"".join(made.program).decode() == (
        "http --ignore-stdin --ignore-netrc \\\n  GET http://h/a \\\n  User-Agent:python-requests/2.34.2 \\\n"
        "  Accept-Encoding:gzip\n"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "https://h/?key=REDACTED-token-abcdefghij", []),
        Request("GET", "https://h/", [("X-Key", "a REDACTED-header-abcdefghij b")]),
        Request("GET", "https://h/", [("Authorization", "Bearer DUMMY_TOKEN")]),
        Request("GET", "https://h/", [("authorization", "<API_KEY>")]),
        Request("POST", "https://h/", [], Body('{"password": "REDACTED-field-abcdefghij"}')),
        Request("POST", "https://h/", [], Body(stream=lambda: iter([b"a REDAC", b"TED-x"]), size=12)),
    ],
)
def test_placeholders_in_place_of_secrets_are_told(kind: str, request_: Request) -> None:
    [note] = exported(Interaction(request_), 1, kind).notes
    assert note.startswith("placeholders stand where secrets were")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (Body(b"part", complete=False, incomplete="closed"), "not all of its body was recorded"),
        (Body(b"gone", removed="too deep"), "its body had to be removed"),
        (Body(b"coded", coding="unheard-of"), "curl cannot be told all of it; left out: which content coding"),
    ],
)
def test_bodies_that_are_not_what_was_sent_are_told(body: Body, told: str) -> None:
    [note] = exported(Interaction(Request("POST", "https://h/", [], body)), 1, "curl").notes
    assert note.startswith(told)


def test_a_coded_body_goes_out_coded(log: RequestLog, tmp_path: Path) -> None:
    body = Body(b"text " * 100, coding="gzip", wire_size=30)
    headers = [*KEPT, ("Content-Encoding", "gzip")]
    one, notes = arrived(log, Interaction(Request("POST", log.url + "/", headers, body)), "python", tmp_path)
    assert (gzip.decompress(one.body), notes) == (b"text " * 100, [])


def test_what_cannot_be_sent_at_all_is_refused_with_another_way() -> None:
    for kind in KINDS:
        with pytest.raises(UsageError, match=r"Interaction 5: its method or its URL .* Try "):
            exported(Interaction(Request("GET", "ftp://h/", [])), 5, kind)


def test_another_kind_is_refused_with_the_kinds_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"'wget' is nothing to export. Use one of: curl, httpie, python."):
        exported(Interaction(Request("GET", "http://h/", [])), 1, "wget")


@pytest.mark.parametrize("value", nasty.VALUES)
def test_nothing_recorded_becomes_code(tmp_path: Path, value: str) -> None:
    text = value.encode("latin-1")
    interaction = recorded("http://127.0.0.1:9", "POST", f"/{value}", [("X-A", value), ("X-B", "x" + value)], text)
    for kind in KINDS:
        made = b"".join(exported(interaction, 1, kind).program)
        if kind == "python":
            calls = [node.func for node in ast.walk(ast.parse(made)) if isinstance(node, ast.Call)]
            assert {ast.unparse(function) for function in calls} <= CALLS
        else:
            shell = b"http() { :; }\ncurl() { :; }\nbase64() { :; }\n" + made
            done = subprocess.run(["/bin/sh", "-c", shell], cwd=tmp_path, capture_output=True, timeout=60, check=True)
            assert (done.stdout, done.stderr) == (b"", b"")
    assert list(tmp_path.iterdir()) == []
