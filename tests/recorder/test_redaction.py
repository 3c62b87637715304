"""Redaction while recording: real clients, a real server, and no secret in any file at any moment."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3

import recorder
from recorder.errors import PolicyError, RecorderError, UsageError
from recorder.redact.placeholders import PLACEHOLDER, Placeholders
from recorder.redact.policy import Policy, Secret
from recorder.taps import seams
from tests.recorder.cassettes import body, interactions, lines
from tests.servers.origin import Origin
from tests.servers.routes import chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers.routes import Exchange

ROOT = Path(__file__).parents[2]
SECRET = "s3cr3t-v4lu3-0f-mine"
KEY = b"a key of 32 bytes for the tests."
MARK = Placeholders(KEY).text(SECRET.encode(), "secret")
POLICY = Policy([Secret(SECRET, "given#1")], environment=False, key=KEY)


def long_document(items: int = 400) -> bytes:
    """Give JSON with the secret, and a password, here and there."""
    parts = [b'{"id":%d,"text":"%s"}' % (number, b"lorem ipsum " * (number % 7)) for number in range(items)]
    for number in range(0, items, 13):
        parts[number] = b'{"id":%d,"a":"%s","password":"hunter%d-x"}' % (number, SECRET.encode(), number)
    return b"[" + b",".join(parts) + b"]"


LONG = long_document()


def _said(x: Exchange) -> None:
    """Answer with the secret in the head and in the body."""
    x.answer(
        f'{{"you said":"{SECRET}"}}'.encode(),
        200,
        [(b"X-Said", SECRET.encode()), (b"Content-Type", b"application/json")],
    )


def _long(x: Exchange) -> None:
    """Answer with the long document, framed and coded as the query says."""
    coded = x.query.get("coding") == "gzip"
    data = gzip.compress(LONG, mtime=0) if coded else LONG
    headers = [(b"Content-Type", b"application/json"), *([(b"Content-Encoding", b"gzip")] if coded else [])]
    x.stream(iter([data]), len(data), headers)


def _half(x: Exchange) -> None:
    """Promise the long document and stop in the middle of it."""
    x.keep_alive = False
    x.wire.send(
        x.begin(200, [(b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(LONG))]),
        LONG[: len(LONG) // 2],
    )


class Held:
    """A response whose second half waits."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, x: Exchange) -> None:
        x.wire.send(x.begin(200, [(b"Content-Type", b"application/json"), (b"Transfer-Encoding", b"chunked")]))
        for start in range(0, len(LONG), 1000):
            if start > len(LONG) // 2:
                self.go.wait(20)
            x.wire.send(*chunk(LONG[start : start + 1000]))
        x.wire.send(b"0\r\n\r\n")


class Cookies:
    """Sets another cookie with each response, and tells all of them."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def __call__(self, x: Exchange) -> None:
        value = f"c00kie-{len(self.given)}-{os.urandom(6).hex()}"
        self.given.append(value)
        echoed = (x.head.get(b"cookie") or b"").decode()
        x.answer(
            f'{{"now":"{value}","before":"{echoed}"}}'.encode(),
            headers=[(b"Set-Cookie", f"sid={value}; Path=/".encode())],
        )


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def cookies() -> Cookies:
    return Cookies()


@pytest.fixture
def origin(held: Held, cookies: Cookies) -> Iterator[Origin]:
    routes: dict[str, Callable[[Exchange], None]] = {
        "said": _said,
        "long": _long,
        "half": _half,
        "held": held,
        "cookies": cookies,
    }
    with Origin(routes=routes) as server:
        yield server
        held.go.set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassette.jsonl"


@pytest.fixture(autouse=True)
def nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no variable of whoever runs the tests be a secret."""
    for name in list(os.environ):
        if any(word in name.upper() for word in ("TOKEN", "SECRET", "PASS", "KEY")):
            monkeypatch.delenv(name)


def ask(
    origin: Origin, target: str = "/said", sent: bytes | None = None, headers: dict[str, str] | None = None
) -> bytes:
    with closing(http.client.HTTPConnection("localhost", origin.port, timeout=20)) as connection:
        connection.request("GET" if sent is None else "POST", target, sent, headers or {})
        with connection.getresponse() as response:
            return response.read()


def exchange_everything(origin: Origin) -> None:
    """Send the secret in every way that a client has."""
    answer = ask(
        origin,
        f"/said/{SECRET}?token=t0k3n-1",
        f'{{"password":"hunter2-x","x":"{SECRET}"}}'.encode(),
        {"Authorization": "Bearer b34rer-1", "X-Mine": SECRET},
    )
    assert SECRET.encode() in answer, "the client sees what was sent"


def assert_clean(path: Path) -> None:
    data = path.read_bytes()
    for value in (SECRET, "t0k3n-1", "hunter2-x", "b34rer-1"):
        assert value.encode() not in data, value


# On by default.


def test_a_recording_redacts_by_default(origin: Origin, path: Path) -> None:
    with recorder.record(path):
        ask(origin, "/json?token=t0k3n-1", b'{"password":"hunter2-x"}', {"Authorization": "Bearer b34rer-1"})
    assert_clean(path)
    header = lines(path)[0]
    assert header["redaction"]["version"] == 1
    assert header["redaction"]["key"] == "random"
    (one,) = interactions(path)
    assert one["redacted"] == {"field:password": 1, "header:authorization": 1, "query:token": 1}


def test_without_redaction_everything_is_as_it_was_and_the_cassette_says_so(origin: Origin, path: Path) -> None:
    with recorder.record(path, redact=False):
        exchange_everything(origin)
    told = lines(path)
    assert told[0]["redaction"] == "none"
    (one,) = interactions(path)
    assert "redacted" not in one
    assert SECRET in one["request"]["url"]
    assert dict(one["request"]["headers"])["Authorization"] == "Bearer b34rer-1"


def test_secrets_of_the_environment_are_known(origin: Origin, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_TOKEN", SECRET)
    monkeypatch.setenv("MY_SHORT_TOKEN", "x1y2")
    with recorder.record(path):
        ask(origin)
    assert SECRET.encode() not in path.read_bytes()
    (one,) = interactions(path)
    assert one["redacted"] == {"known:env:MY_API_TOKEN": 2}


WAYS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "a policy": lambda _: {"policy": POLICY},
    "a list of secrets": lambda _: {"secrets": [SECRET]},
    "one secret": lambda _: {"secrets": SECRET},
    "a Secret": lambda _: {"secrets": (Secret(SECRET, "vault:x"),)},
    "a file": lambda folder: {"policy": _file(folder)},
    "a file as a text": lambda folder: {"policy": str(_file(folder))},
    "both": lambda folder: {"policy": _file(folder), "secrets": iter([SECRET, "another-secret-1"])},
}


def _file(folder: Path) -> Path:
    (folder / "secrets.txt").write_text(SECRET + "\n")
    policy = folder / "policy.toml"
    policy.write_text('version = 1\n[secrets]\nenvironment = false\nfiles = ["secrets.txt"]\n')
    return policy


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["record", "start", "decorator"])
def test_a_policy_comes_in_many_ways(way: str, how: str, origin: Origin, path: Path, tmp_path: Path) -> None:
    given = WAYS[way](tmp_path)
    if how == "record":
        with recorder.record(path, **given):
            exchange_everything(origin)
    elif how == "start":
        recording = recorder.start(path, **given)
        exchange_everything(origin)
        recording.stop()
    else:
        recorder.record(path, **given)(exchange_everything)(origin)
    assert_clean(path)
    (one,) = interactions(path)
    assert sum(count for rule, count in one["redacted"].items() if rule.startswith("known:")) == 5


def test_one_record_object_uses_its_secrets_in_each_recording(origin: Origin, path: Path) -> None:
    given = recorder.record(path, mode="append", secrets=iter([SECRET]))
    for _ in range(2):
        with given:
            exchange_everything(origin)
    assert_clean(path)
    assert len(interactions(path)) == 2


BROKEN: dict[str, Callable[[Path], dict[str, Any]]] = {
    "a file that is not there": lambda folder: {"policy": folder / "gone.toml"},
    "a file that is no policy": lambda folder: {"policy": _written(folder, "version = 1\n[places]\nheadres = []\n")},
    "a file that names a missing file": lambda folder: {
        "policy": _written(folder, 'version = 1\n[secrets]\nfiles = ["gone"]\n')
    },
    "a file that names a missing variable": lambda folder: {
        "policy": _written(folder, 'version = 1\n[secrets]\nenv = ["GONE"]\n')
    },
    "an empty secret": lambda _: {"secrets": [""]},
    "something else": lambda _: {"policy": 7},
    "a secret of another type": lambda _: {"secrets": [7]},
    "policy and no redaction": lambda _: {"policy": POLICY, "redact": False},
    "secrets and no redaction": lambda _: {"secrets": [SECRET], "redact": False},
    "no truth": lambda _: {"redact": "no"},
    "a path that is none": lambda _: {"policy": Policy(fields=["$.a["], environment=False)},
}


def _written(folder: Path, text: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("how", ["record", "start", "decorator"])
def test_a_policy_that_cannot_be_used_starts_nothing_and_leaves_no_file(
    what: str, how: str, origin: Origin, path: Path, tmp_path: Path
) -> None:
    given = BROKEN[what](tmp_path)
    asked = []

    def begin() -> None:
        if how == "start":
            recorder.start(path, **given)
        elif how == "record":
            with recorder.record(path, **given):
                asked.append(ask(origin))
        else:
            recorder.record(path, **given)(lambda: asked.append(ask(origin)))()

    with pytest.raises(UsageError) as error:
        begin()
    assert SECRET not in str(error.value)
    assert not path.exists()
    assert asked == []
    assert seams.recordings() == ()
    assert seams.installed() == []
    assert isinstance(error.value, PolicyError) or "gone" not in what


def test_an_existing_cassette_stays_as_it_was_when_the_policy_is_broken(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"old")
    with pytest.raises(PolicyError):
        recorder.start(path, mode="overwrite", policy=tmp_path / "gone.toml")
    assert path.read_bytes() == b"old"
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name]


# Clients.


def _http_client(origin: Origin) -> bytes:
    return ask(origin, f"/said/{SECRET}")


def _urllib3(origin: Origin) -> bytes:
    with urllib3.PoolManager() as manager:
        return manager.request("GET", f"{origin.url}/said/{SECRET}", headers={"X-Mine": SECRET}).data


def _requests(origin: Origin) -> bytes:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{origin.url}/said/{SECRET}", auth=("user", SECRET)).content


def _failing(origin: Origin) -> bytes:
    with closing(http.client.HTTPConnection("localhost", origin.port, timeout=20)) as connection:
        connection.request("GET", f"/drop/{SECRET}")
        with pytest.raises(http.client.HTTPException):
            connection.getresponse()
    return SECRET.encode()


@pytest.mark.parametrize("client", [_http_client, _urllib3, _requests, _failing])
def test_every_client_sees_the_secret_and_the_cassette_has_none(
    client: Callable[[Origin], bytes], origin: Origin, path: Path
) -> None:
    with recorder.record(path, policy=POLICY):
        assert SECRET.encode() in client(origin)
    assert_clean(path)
    assert MARK.encode() in path.read_bytes()


# Threads, processes, recordings in recordings.


def test_cookies_that_change_all_the_time_leave_none_behind(origin: Origin, path: Path, cookies: Cookies) -> None:
    def work(_: int) -> None:
        with requests.Session() as session:
            session.trust_env = False
            for _ in range(12):
                session.get(f"{origin.url}/cookies")

    with recorder.record(path) as recording, ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert recording.interactions == len(cookies.given) == 96
    data = path.read_bytes()
    assert [value for value in cookies.given if value.encode() in data] == []
    for one in interactions(path):
        name, value = next(pair for pair in one["response"]["headers"] if pair[0] == "Set-Cookie")
        assert value.startswith("sid=REDACTED-secret-"), name
        assert value.endswith("; Path=/")
        now = json.loads(body(path, one))["now"]
        assert value == f"sid={now}; Path=/", "one value, one placeholder"


FORKING = """
    import http.client, os, sys
    import recorder
    from tests.recorder.programs import Client

    url, path, secret = sys.argv[1:]
    recording = recorder.start(path, secrets=[secret])
    with Client(url) as client:
        client.get(f"/json?a={secret}&who=parent")
    children = []
    for child in range(2):
        pid = os.fork()
        if pid == 0:
            with Client(url) as client:
                client.get(f"/json?a={secret}&who=child{child}")
                client.get(f"/json?token=l34rned-{child}-in-child&who=child{child}")
                client.get(f"/json?b=l34rned-{child}-in-child&who=child{child}")
            recording.stop()
            os._exit(0)
        children.append(pid)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
    recording.stop()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_uses_the_same_key(origin: Origin, path: Path) -> None:
    run(FORKING, origin.url, str(path), SECRET)
    urls = [one["request"]["url"] for one in lines(path) if one["type"] == "interaction"]
    assert len(urls) == 7
    with_secret = [url.partition("?a=")[2].partition("&")[0] for url in urls if "?a=" in url]
    assert len(with_secret) == 3
    assert len(set(with_secret)) == 1
    assert PLACEHOLDER.fullmatch(with_secret[0].encode())
    data = path.read_bytes()
    assert SECRET.encode() not in data
    assert b"-in-child" not in data
    for child in range(2):
        learned = {
            url.split("=")[1].partition("&")[0]
            for url in urls
            if url.endswith(f"who=child{child}") and "?a=" not in url
        }
        assert len(learned) == 1


def test_nested_recordings_are_redacted_each_by_its_own_policy(origin: Origin, tmp_path: Path) -> None:
    raw, mine, other = tmp_path / "raw.jsonl", tmp_path / "mine.jsonl", tmp_path / "other.jsonl"
    yours = Policy(environment=False, keep=["authorization", "token", "password"], key=KEY)
    with recorder.record(raw, redact=False), recorder.record(mine, policy=POLICY), recorder.record(other, policy=yours):
        exchange_everything(origin)
        exchange_everything(origin)
    assert_clean(mine)
    for one in interactions(raw):
        assert dict(one["request"]["headers"])["Authorization"] == "Bearer b34rer-1"
        assert dict(one["request"]["headers"])["X-Mine"] == SECRET
        assert f'"{SECRET}"'.encode() in body(raw, one)
        assert "redacted" not in one
    for one in interactions(other):
        assert dict(one["request"]["headers"])["Authorization"] == "Bearer b34rer-1"
        assert SECRET in one["request"]["url"]
        assert "redacted" not in one
    assert [line["type"] for line in lines(raw)] == [line["type"] for line in lines(mine)]


@pytest.mark.parametrize("order", ["raw first", "raw last"])
def test_a_long_body_is_redacted_in_one_recording_and_not_in_the_other(
    order: str, origin: Origin, tmp_path: Path
) -> None:
    raw, mine = tmp_path / "raw.jsonl", tmp_path / "mine.jsonl"
    both = [recorder.record(raw, redact=False, body_limit=1024), recorder.record(mine, policy=POLICY, body_limit=1024)]
    first, second = both if order == "raw first" else reversed(both)
    with first, second:
        assert ask(origin, "/long") == LONG
    (one,) = interactions(raw)
    assert body(raw, one) == LONG
    (one,) = interactions(mine)
    assert body(mine, one) == redacted_long()


def redacted_long() -> bytes:
    """Give the long document as it must be in a cassette."""
    made = Placeholders(KEY)
    out = LONG.replace(SECRET.encode(), MARK.encode())
    for number in range(0, 400, 13):
        value = b"hunter%d-x" % number
        out = out.replace(b'"' + value + b'"', b'"' + made.text(value, "secret").encode() + b'"')
    return out


# Long bodies.


@pytest.mark.parametrize(
    "target",
    [
        "/long",
        "/long?coding=gzip",
        "/long?framing=chunked&chunk=700",
        "/long?framing=chunked&coding=gzip&chunk=100",
        "/long?framing=close",
    ],
)
@pytest.mark.parametrize("limit", [1024, 1024 * 1024])
def test_a_body_beyond_the_limit_is_redacted_as_one_within_it(
    target: str, limit: int, origin: Origin, path: Path
) -> None:
    with recorder.record(path, policy=POLICY, body_limit=limit):
        assert requests.get(origin.url + target, timeout=20).content == LONG
    assert_clean(path)
    (one,) = interactions(path)
    stored, told = body(path, one), one["response"]["body"]
    assert stored == redacted_long()
    assert ("pieces" in told) is (limit == 1024)
    assert (told["size"], told["sha256"], told["complete"]) == (len(stored), hashlib.sha256(stored).hexdigest(), True)
    assert one["redacted"] == {"field:password": 31, "known:given#1": 31}
    lengths = [value for name, value in one["response"]["headers"] if name.lower() == "content-length"]
    if target == "/long":
        assert lengths == [str(len(stored))]


def test_a_long_upload_is_redacted(origin: Origin, path: Path) -> None:
    with recorder.record(path, policy=POLICY, body_limit=1024):
        parts = [LONG[start : start + 777] for start in range(0, len(LONG), 777)]
        requests.post(f"{origin.url}/sink", data=iter(parts), headers={"Content-Type": "application/json"}, timeout=20)
        requests.post(f"{origin.url}/sink", data=LONG, headers={"Content-Type": "application/json"}, timeout=20)
    assert_clean(path)
    chunked, whole = interactions(path)
    assert body(path, chunked, "request") == body(path, whole, "request") == redacted_long()
    assert dict(whole["request"]["headers"])["Content-Length"] == str(len(redacted_long()))


def test_nothing_unredacted_is_in_the_file_at_any_moment(origin: Origin, path: Path, held: Held) -> None:
    with (
        recorder.record(path, policy=POLICY, body_limit=1024),
        closing(http.client.HTTPConnection("localhost", origin.port, timeout=20)) as connection,
    ):
        connection.request("GET", "/held")
        response = connection.getresponse()
        got = response.read(len(LONG) // 2 - 2000)
        assert SECRET.encode() in got
        assert_clean(path)
        held.go.set()
        assert got + response.read() == LONG
        assert_clean(path)
    assert_clean(path)


def test_a_body_that_the_server_cuts_off_is_redacted_up_to_there(origin: Origin, path: Path) -> None:
    with (
        recorder.record(path, policy=POLICY, body_limit=1024),
        closing(http.client.HTTPConnection("localhost", origin.port, timeout=20)) as connection,
    ):
        connection.request("GET", "/half")
        with pytest.raises(http.client.IncompleteRead):
            connection.getresponse().read()
    assert_clean(path)
    (one,) = interactions(path)
    told = one["response"]["body"]
    assert (told["complete"], told["incomplete"]) == (False, "truncated")
    assert told["wire_size"] == len(LONG) // 2
    stored = body(path, one)
    assert redacted_long().startswith(stored[:-60])
    assert told["sha256"] == hashlib.sha256(stored).hexdigest()


@pytest.mark.parametrize("how", ["stop", "close"])
def test_a_body_that_is_stopped_in_the_middle_is_redacted_up_to_there(
    how: str, origin: Origin, path: Path, held: Held
) -> None:
    recording = recorder.start(path, policy=POLICY, body_limit=1024)
    connection = http.client.HTTPConnection("localhost", origin.port, timeout=20)
    connection.request("GET", "/held")
    response = connection.getresponse()
    got = response.read(len(LONG) // 2 - 3000)
    if how == "close":
        response.close()
    recording.stop()
    held.go.set()
    if how == "stop":
        assert got + response.read() == LONG
    connection.close()
    assert_clean(path)
    (one,) = interactions(path)
    assert one["response"]["body"]["incomplete"] == {"stop": "stopped", "close": "closed"}[how]
    stored = body(path, one)
    assert redacted_long().startswith(stored[:-60])
    assert len(stored) > 1000
    assert one["redacted"]["known:given#1"] > 0


# Its own trouble.


class _TroubleError(Exception):
    pass


def fail_at_times(taken: dict[str, Any]) -> None:
    if "trouble" in taken["request"]["url"]:
        raise _TroubleError(SECRET)


def test_an_error_in_a_callback_costs_its_interaction_and_is_told(
    origin: Origin, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = Policy([SECRET], environment=False, callbacks=[fail_at_times], key=KEY)
    with recorder.record(path, policy=policy) as recording:
        for target in ("/said", f"/said/trouble/{SECRET}", "/said?trouble", "/said/last"):
            assert ask(origin, target)
    assert_clean(path)
    assert b"trouble" not in path.read_bytes()
    assert [one["request"]["url"].rpartition("/")[2] for one in interactions(path)] == ["said", "last"]
    assert (recording.seen, recording.interactions, sum(recording.lost.values())) == (4, 2, 2)
    end = lines(path)[-1]
    assert end["lost"] == recording.lost
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "_TroubleError" in told
    assert SECRET not in told


def test_asked_to_raise_it_raises_and_writes_nothing_unredacted(origin: Origin, path: Path) -> None:
    policy = Policy([SECRET], environment=False, callbacks=[fail_at_times], key=KEY)
    with recorder.record(path, policy=policy, on_error="raise"):
        ask(origin, "/said")
        with pytest.raises(RecorderError) as error:
            ask(origin, f"/said/trouble/{SECRET}")
        assert SECRET not in str(error.value)
    assert_clean(path)
    assert len(interactions(path)) == 1


def test_a_bug_in_the_engine_costs_interactions_and_writes_none_as_it_was(
    origin: Origin, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise _TroubleError

    with recorder.record(path, policy=POLICY, body_limit=1024) as recording:
        ask(origin, "/said")
        for place in (
            "recorder.redact.leaf.Scanner.spans",
            "recorder.redact.engine.Redactor.redact_record",
            "recorder.redact.stream.BodyStream.feed",
            "recorder.redact.engine.BodyStream.finish",
            "recorder.redact.engine.Redactor.open_stream",
        ):
            with monkeypatch.context() as broken:
                broken.setattr(place, fail)
                assert ask(origin, f"/long?x={SECRET}") == LONG
        ask(origin, "/said")
    assert_clean(path)
    assert recording.interactions == 2
    assert sum(recording.lost.values()) == 5
    assert "_TroubleError" in capsys.readouterr().err


def test_what_went_as_a_whole_is_told_and_counted(
    origin: Origin, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from recorder.redact import engine
    from recorder.redact.leaf import Finding

    monkeypatch.setattr(engine, "splice", lambda data, *_, **__: (data, [Finding("known:x", "p", "secret", "")]))
    monkeypatch.setattr(engine.Redactor, "_purged", lambda self, match: match.group())
    with recorder.record(path, policy=POLICY) as recording:
        assert SECRET.encode() in ask(origin)
    assert recording.removed == 2
    assert "could not be taken out" in capsys.readouterr().err
    (one,) = interactions(path)
    assert "removed" in one["response"]["body"]
    assert one["redacted"]["verify"] == 2
    assert_clean(path)


# What it costs.


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(program), *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


LOADED = """
    import sys
    import recorder
    recorder.record
    path, = sys.argv[1:]
    print(sorted(name for name in sys.modules if "redact" in name or name in ("ahocorasick_rs", "tomllib")))
    with recorder.record(path, redact=False):
        pass
    print(sorted(name for name in sys.modules if "redact" in name or name in ("ahocorasick_rs", "tomllib")))
    with recorder.record(path + "2"):
        pass
    print("recorder.redact.engine" in sys.modules)
    heavy = {"recorder.redact.personal", "recorder.redact.json_paths", "yaml", "rich", "typer", "vcr", "requests"}
    print(sorted(heavy & set(sys.modules)))
"""


def test_redaction_is_loaded_when_it_is_wanted_and_not_before(path: Path) -> None:
    imported, unredacted, redacted, heavy = run(LOADED, str(path)).splitlines()
    assert imported == "[]"
    assert unredacted == "[]"
    assert redacted == "True"
    assert heavy == "[]"


STREAMED = """
    import http.client, sys
    import recorder
    from urllib.parse import urlsplit

    url, path, recorded = sys.argv[1:]
    parts = urlsplit(url)

    def fetch(target):
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        connection.request("GET", target)
        response = connection.getresponse()
        while response.read(65536):
            pass
        connection.close()

    if recorded == "yes":
        with recorder.record(path, secrets=["s3cr3t-v4lu3-0f-mine"]):
            fetch("/said")
            fetch("/huge")
    else:
        fetch("/said")
        fetch("/huge")
    from tests.peak import peak_kib

    print(peak_kib() * 1024)
"""


def _huge(x: Exchange) -> None:
    """Answer with 50 MB of JSON, a secret in each 100 KB of it."""
    part = (b'{"id":1234567,"text":"lorem ipsum dolor sit amet"},' * 2000)[
        :-1
    ] + b',{"password":"hunter2-x","a":"%s"},' % SECRET.encode()
    count = 50_000_000 // len(part)
    x.stream((part for _ in range(count)), count * len(part), [(b"Content-Type", b"application/json")])


@pytest.mark.skipif(sys.platform != "linux", reason="measures in kilobytes")
def test_fifty_megabytes_of_json_are_redacted_in_bounded_memory(path: Path) -> None:
    with Origin(routes={"huge": _huge, "said": _said}) as server:
        bare = int(run(STREAMED, server.url, str(path), "no"))
        recorded = int(run(STREAMED, server.url, str(path), "yes"))
    assert recorded - bare < 24_000_000
    data = path.read_bytes()
    assert len(data) > 50_000_000
    assert SECRET.encode() not in data
    assert b"hunter2-x" not in data
    (one,) = [
        json.loads(line) for line in data.split(b"\n") if line.startswith(b'{"type":"interaction"') and b"/huge" in line
    ]
    assert one["redacted"]["known:given#1"] == one["redacted"]["field:password"] > 400
