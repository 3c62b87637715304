"""vcrpy is the oracle: what is written loads in it, equals what it records and saves itself, and replays through it."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import io
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import aiohttp
import httplib2
import httpx
import pytest
import requests
import urllib3
import vcr
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from vcr.request import Request as VcrRequest
from vcr.serialize import deserialize, serialize
from vcr.serializers import jsonserializer, yamlserializer

import recorder
from cassette_tools.formats import WriteOptions, cassette_jsonl
from cassette_tools.input_stream import InputStream, open_input
from cassette_tools.interaction import Body, Envelope, Interaction, Request, Response
from cassette_tools.losses import Losses, describe, differences
from cassette_tools.vcrpy_reading import read_json, read_yaml
from cassette_tools.vcrpy_writing import CANNOT_HOLD_JSON, CANNOT_HOLD_YAML, write_json, write_yaml
from tests.cassette_tools.formats import drawn
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from cassette_tools.interaction import Element

WRITERS = {"yaml": write_yaml, "json": write_json}
READERS = {"yaml": read_yaml, "json": read_json}
SERIALIZERS = {"yaml": yamlserializer, "json": jsonserializer}
LOST = {"yaml": CANNOT_HOLD_YAML, "json": CANNOT_HOLD_JSON}


def written(
    elements: Iterable[Element], kind: str = "yaml", *, style: str = "exact", losses: Losses | None = None
) -> str:
    return b"".join(WRITERS[kind](elements, WriteOptions(style=style, losses=losses))).decode()


def loaded(text: str, kind: str = "yaml") -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What vcrpy sees in a cassette."""
    asked, answered, *_ = deserialize(text, SERIALIZERS[kind])
    return [(one._to_dict(), other) for one, other in zip(asked, answered, strict=True)]


def read_back(text: str, kind: str) -> list[Element]:
    data = io.BytesIO(text.encode())
    return list(READERS[kind](InputStream(data, "c", path=None, size=None)))


# -- the same bytes as vcrpy's own serializer gives

NAMES = st.sampled_from(["Accept", "Set-Cookie", "X-A", "x-b", "Content-Type", "É", "yes", "~", "k" * 130])
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.lists(st.sampled_from(["word", " ", "  ", "'", '"', "\n", "{", ": ", "é", "\r\n", "日", "-"]), max_size=120).map(
        "".join
    ),
)
LATIN = st.text(st.characters(min_codepoint=0, max_codepoint=0xFF), max_size=30)
CONTENT = st.one_of(TEXT, st.binary(max_size=100))
HEADERS = st.lists(st.tuples(NAMES, LATIN), max_size=6, unique_by=lambda pair: pair[0].lower())


@st.composite
def interactions(draw: st.DrawFn, contents: st.SearchStrategy[Any] = CONTENT) -> Interaction:
    body = draw(st.one_of(st.none(), contents.map(Body)))
    answer = draw(contents.map(Body))
    url = "http://a.example/" + draw(TEXT)
    asked = Request(draw(st.sampled_from(["GET", "POST", "yes", "null"])), url, draw(HEADERS), body)
    answered = Response(
        draw(st.integers(100, 599)), draw(st.sampled_from(["OK", "", "No", "Not Found", "é"])), [], answer
    )
    answered.headers = draw(HEADERS)
    if answered.headers:
        answered.headers += [(answered.headers[0][0], value) for value in draw(st.lists(LATIN, max_size=1))]
    return Interaction(asked, answered)


def as_vcrpy_saves(several: list[Interaction], kind: str) -> str:
    asked, answered = [], []
    for one in several:
        assert one.response is not None
        assert one.response.body is not None
        body = None if one.request.body is None else one.request.body.read()
        asked.append(VcrRequest(one.request.method, one.request.url, body, dict(one.request.headers)))
        headers: dict[str, list[str]] = {}
        for name, value in one.response.headers:
            headers.setdefault(name, []).append(value)
        status = {"code": one.response.status, "message": one.response.reason}
        answered.append({"status": status, "headers": headers, "body": {"string": one.response.body.read()}})
    text: str = serialize({"requests": asked, "responses": answered}, SERIALIZERS[kind])
    return text


@settings(deadline=None, max_examples=150)
@given(st.lists(interactions(), max_size=3))
def test_yaml_is_what_vcrpy_saves_of_the_same_interactions(several: list[Interaction]) -> None:
    assert written(several) == as_vcrpy_saves(several, "yaml")


@settings(deadline=None, max_examples=100)
@given(st.lists(interactions(TEXT), max_size=3))
def test_json_is_what_vcrpy_saves_of_the_same_interactions(several: list[Interaction]) -> None:
    assert written(several, "json") == as_vcrpy_saves(several, "json")


@settings(deadline=None, max_examples=100)
@given(st.lists(interactions(), max_size=3))
def test_the_readable_style_loads_equal(several: list[Interaction]) -> None:
    text = written(several, style="readable")
    assert loaded(text) == loaded(written(several))
    assert yaml.load(text, Loader=yaml.SafeLoader) == yaml.load(written(several), Loader=yaml.CSafeLoader)


CLIENT_NAMES = [
    None,
    "requests/2.34.2",
    "urllib3/2.8.0",
    "http.client",
    "urllib.request",
    "httplib2/1",
    "httpx/0",
    "aiohttp/3",
]
ADDED = [
    ("Host", "localhost"),
    ("Accept-Encoding", "identity"),
    ("Content-Length", "3"),
    ("User-Agent", "python-urllib3/2"),
]


@settings(deadline=None, max_examples=200)
@given(drawn.interactions(), st.sampled_from(CLIENT_NAMES), st.integers(0, 4), st.sampled_from(["yaml", "json"]))
def test_what_was_written_comes_back_but_for_the_declared_losses(
    one: Interaction, client: str | None, added: int, kind: str
) -> None:
    one.client = client
    one.request.headers[:0] = ADDED[:added]
    (other,) = read_back(written([one], kind), kind)
    assert isinstance(other, Interaction)
    assert differences(describe(one), describe(other), LOST[kind]) == []


# -- what vcrpy records of the same traffic

CODED = gzip.compress(b'{"hello": "world"}' * 9, mtime=0)
ASKED = {"X-A": "1", "x-b": "two"}


def by_requests(url: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.get(url, headers=ASKED, allow_redirects=False)
        session.post(url, data={"a": "ü b", "c": ["1", "2"]}, cookies={"k": "v"}, allow_redirects=False)
        session.put(url, data=b"\x00\xff binary", auth=("me", "secret"), allow_redirects=False)
        session.post(url, json={"a": [1, 2.5, None]}, headers={"Host": "other.example"}, allow_redirects=False)
        session.headers.clear()
        session.post(url, data="text", allow_redirects=False)


def by_urllib3(url: str) -> None:
    with urllib3.PoolManager() as pool:
        pool.request("GET", url, redirect=False)
        pool.request("POST", url, body=b"abc", headers={"User-Agent": "me"}, redirect=False)
        pool.request("POST", url, fields={"a": "1"}, encode_multipart=False, redirect=False)
        repeated = urllib3.HTTPHeaderDict([("X-A", "1"), ("x-a", "2"), ("Accept-Encoding", "gzip")])
        pool.request("GET", url, headers=repeated, redirect=False)


def by_http_client(url: str) -> None:
    place, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(place)
    try:
        for method, body in (("GET", None), ("POST", "abc"), ("PUT", b"\xff\x00")):
            connection.request(method, "/" + path, body=body, headers=ASKED)
            connection.getresponse().read()
    finally:
        connection.close()


def by_urllib(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect, _NoErrors)
    for data in (None, b"a=1"):
        opener.open(urllib.request.Request(url, data=data, headers=ASKED)).read()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class _NoErrors(urllib.request.HTTPErrorProcessor):
    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response


def by_httplib2(url: str) -> None:
    client = httplib2.Http()
    client.follow_redirects = False
    for method, body in (("GET", None), ("POST", "abc")):
        client.request(url, method, body=body, headers=ASKED)
    client.close()


CLIENTS: dict[str, Callable[[str], None]] = {
    "requests": by_requests,
    "urllib3": by_urllib3,
    "http.client": by_http_client,
    "urllib.request": by_urllib,
    "httplib2": by_httplib2,
}
PATHS = [
    "json",
    "gzip",
    "deflate",
    "set-cookies",
    "duplicate-headers",
    "latin1-headers",
    "status/204",
    "status/404",
    "redirect/1",
    "no-reason",
    "chunked",
    "bytes/300",
    "bytes/0",
]


def normal(one: tuple[dict[str, Any], dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """See past how tight gzip packs, and past vcrpy's doubling of response headers whose names differ in case only."""
    asked, answered = one
    data = answered["body"]["string"]
    if data[:2] == b"\x1f\x8b":
        answered["body"]["string"] = gzip.decompress(data)
    headers = answered["headers"]
    if len({name.lower() for name in headers}) < len(headers) or "X-Dup" in headers:
        pairs = sorted({(name.lower(), value) for name, values in headers.items() for value in values})
        answered["headers"] = {"merged": pairs}
    return asked, answered


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin(host="127.0.0.1") as running:
        yield running


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("path", PATHS)
def test_a_recording_becomes_what_vcrpy_records_of_the_same_traffic(
    client: str, path: str, origin: Origin, tmp_path: Path
) -> None:
    url = f"{origin.url}/{path}"
    with vcr.use_cassette(str(tmp_path / "vcrpy.yaml"), record_mode="all"):
        CLIENTS[client](url)
    with recorder.record(tmp_path / "c.jsonl", redact=False):
        CLIENTS[client](url)
    with open_input(str(tmp_path / "c.jsonl")) as source:
        text = written(cassette_jsonl.read(source))
    ours = [normal(one) for one in loaded(text)]
    assert ours == [normal(one) for one in loaded((tmp_path / "vcrpy.yaml").read_text())]
    assert ours


def test_httpx_gets_an_empty_request_body_and_a_coded_answer_as_vcrpy_records_it(
    origin: Origin, tmp_path: Path
) -> None:
    url = f"{origin.url}/gzip"
    with vcr.use_cassette(str(tmp_path / "vcrpy.yaml")):
        content = httpx.get(url, trust_env=False).content
    ((asked, answered),) = loaded((tmp_path / "vcrpy.yaml").read_text())
    headers = [("content-encoding", "gzip"), ("content-length", "102"), ("content-type", "text/plain; charset=utf-8")]
    sent = [(name, values[0]) for name, values in asked["headers"].items()]
    body = Body(content, coding="gzip", wire_size=102)
    one = Interaction(Request("GET", url, sent), Response(200, "OK", headers, body), client="httpx/0.28.1")
    assert [normal(other) for other in loaded(written([one]))] == [normal((asked, answered))]


def test_aiohttp_gets_the_answer_decoded_as_vcrpy_records_it(origin: Origin, tmp_path: Path) -> None:
    url = f"{origin.url}/gzip"

    async def ask() -> bytes:
        async with aiohttp.ClientSession(headers=ASKED) as session, session.get(url) as answer:
            return await answer.read()

    with vcr.use_cassette(str(tmp_path / "vcrpy.yaml")):
        content = asyncio.run(ask())
    headers = [("Content-Encoding", "gzip"), ("Content-Length", "102"), ("Content-Type", "text/plain; charset=utf-8")]
    body = Body(content, coding="gzip", wire_size=102)
    asked = Request("GET", url, list(ASKED.items()))
    one = Interaction(asked, Response(200, "OK", headers, body), client="aiohttp/3.14.5")
    assert loaded(written([one])) == loaded((tmp_path / "vcrpy.yaml").read_text())


# -- replay

PLAIN = b'{"hello": "w\xc3\xb6rld"}\n' * 9
URL = "http://127.0.0.1:9/x"


async def _by_aiohttp() -> bytes:
    async with aiohttp.ClientSession() as session, session.get(URL) as answer:
        return await answer.read()


async def _by_httpx() -> bytes:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(URL)).content


def _by_http_client() -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", 9)
    connection.request("GET", "/x")
    return connection.getresponse().read()


def _by_requests() -> bytes:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(URL).content


REPLAYS: dict[str, Callable[[], bytes]] = {
    "requests": _by_requests,
    "urllib3": lambda: urllib3.PoolManager().request("GET", URL).data,
    "httpx": lambda: httpx.get(URL, trust_env=False).content,
    "httpx async": lambda: asyncio.run(_by_httpx()),
    "aiohttp": lambda: asyncio.run(_by_aiohttp()),
    "http.client": _by_http_client,
    "urllib.request": lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})).open(URL).read(),
    "httplib2": lambda: httplib2.Http().request(URL)[1],
}


def answer(content: bytes | str = PLAIN, coding: str | None = None, *, wire: bytes | None = None) -> Response:
    headers = [("Content-Type", "application/json"), ("Content-Length", "7")]
    if coding is not None:
        headers.append(("Content-Encoding", coding))
    return Response(200, "OK", headers, Body(content, coding=coding, wire=wire))


@pytest.mark.parametrize("kind", ["yaml", "json"])
@pytest.mark.parametrize("client", REPLAYS)
@pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
def test_what_an_unknown_client_got_replays_in_every_client(
    coding: str | None, client: str, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"c.{kind}"
    wire = gzip.compress(PLAIN, mtime=0) if coding == "gzip" else None
    path.write_text(written([Interaction(Request("GET", URL, []), answer(coding=coding, wire=wire))], kind))
    with vcr.use_cassette(str(path), record_mode="none", serializer=kind):
        assert REPLAYS[client]() == PLAIN


@pytest.mark.parametrize("client", ["requests", "urllib3", "httpx", "aiohttp", "httplib2"])
def test_what_a_client_got_replays_in_that_client(client: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    one = Interaction(Request("GET", URL, []), answer(coding="gzip"), client=f"{client}/1.0")
    path.write_text(written([one]))
    with vcr.use_cassette(str(path), record_mode="none"):
        assert REPLAYS[client]() == PLAIN


# -- what is stored for whom


@pytest.mark.parametrize(
    ("client", "origin_of", "wire", "stored", "encoded"),
    [
        ("requests/2.34.2", None, None, PLAIN, True),
        ("botocore/1.44.5", None, b"coded", PLAIN, True),
        ("aiohttp/3.14.5", None, None, PLAIN, True),
        ("http.client", None, CODED, CODED, True),
        ("httplib2/0.32", None, CODED, CODED, True),
        ("httpx/0.28.1", "mitmproxy", CODED, CODED, True),
        (None, None, CODED, PLAIN, False),
        ("Firefox/150.0", "har", None, PLAIN, False),
        (None, "vcrpy", None, PLAIN, True),
        (None, "vcrpy", CODED, CODED, True),
    ],
)
def test_a_coded_answer_is_stored_as_its_client_had_it(
    client: str | None, origin_of: str | None, wire: bytes | None, stored: bytes, encoded: bool
) -> None:
    one = Interaction(Request("GET", URL, []), answer(coding="gzip", wire=wire), client=client, origin=origin_of)
    losses = Losses(CANNOT_HOLD_YAML, family="vcrpy")
    ((_, answered),) = loaded(written([one], losses=losses))
    assert answered["body"] == {"string": stored}
    assert ("Content-Encoding" in answered["headers"]) is encoded
    assert answered["headers"]["Content-Length"] == ["7" if encoded else str(len(PLAIN))]
    asked = {"absent-bodies": 1} if client is not None and client.startswith("httpx") else {}
    assert losses.counts == asked | ({} if encoded else {"coding-headers": 1})


@pytest.mark.parametrize("content", [PLAIN, b"a", b""])
def test_json_which_holds_no_bytes_gets_what_was_stored_coded_decoded_and_says_so(content: bytes) -> None:
    wire = gzip.compress(content, mtime=0)
    headers = [("Content-Encoding", "gzip"), ("Content-Length", str(len(wire)))]
    body = Body(content, coding="gzip", wire=wire, wire_size=len(wire))
    one = Interaction(Request("GET", URL, []), Response(200, "OK", headers, body), origin="vcrpy")
    losses = Losses(CANNOT_HOLD_JSON, family="vcrpy")

    answered = json.loads(b"".join(write_json([one], WriteOptions(losses=losses))))["interactions"][0]["response"]

    assert answered["body"] == {"string": content.decode()}
    assert answered["headers"] == {"Content-Length": [str(len(content))]}
    assert losses.counts["coding-headers"] == 1


def test_a_coding_that_cannot_be_put_on_again_is_left_off() -> None:
    one = Interaction(Request("GET", URL, []), answer(coding="x-unknown"), client="http.client")
    losses = Losses(CANNOT_HOLD_YAML, family="vcrpy")
    ((_, answered),) = loaded(written([one], losses=losses))
    assert answered["body"] == {"string": PLAIN}
    assert "Content-Encoding" not in answered["headers"]
    assert losses.counts == {"coding-headers": 1}


def test_a_coded_request_is_stored_as_it_was_sent() -> None:
    body = Body(PLAIN, coding="gzip", wire=CODED)
    one = Interaction(Request("POST", URL, [("Content-Encoding", "gzip")], body), answer(), client="requests/2.34.2")
    assert loaded(written([one]))[0][0]["body"] == CODED
    assert loaded(written([one], "json"), "json")[0][0]["body"] == PLAIN


def test_headers_that_the_client_adds_are_left_out_and_counted() -> None:
    sent = [("Host", "127.0.0.1:9"), ("Accept-Encoding", "identity"), ("Content-Length", "3"), ("X-A", "1")]
    losses = Losses(CANNOT_HOLD_YAML, family="vcrpy")
    one = Interaction(Request("POST", URL, sent, Body("abc")), answer(), client="http.client")
    assert loaded(written([one, one], losses=losses))[1][0]["headers"] == {"X-A": ["1"]}
    assert losses.counts == {"client-headers": 2}
    assert losses.first == {"client-headers": 1}
    other = Interaction(Request("POST", URL, [("Host", "other"), ("X-A", "1")]), answer(), client="http.client")
    assert loaded(written([other]))[0][0]["headers"] == {"Host": ["other"], "X-A": ["1"]}


def test_repeated_request_headers_are_joined_as_urllib3_and_httpx_join_them() -> None:
    one = Interaction(Request("GET", URL, [("X-A", "1"), ("B", "b"), ("x-a", "2")]), answer())
    for kind in ("yaml", "json"):
        assert loaded(written([one], kind), kind)[0][0]["headers"] == {"X-A": ["1, 2"], "B": ["b"]}


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_an_empty_cassette_is_what_vcrpy_saves(kind: str) -> None:
    assert written([], kind) == serialize({"requests": [], "responses": []}, SERIALIZERS[kind])


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_metadata_stands_behind_the_interactions(kind: str) -> None:
    several = [Interaction(Request("GET", URL, []), answer())]
    metadata = {"b": [1, {"c": None}], "a": "2020-01-01"}
    data = {"requests": [VcrRequest("GET", URL, None, {})], "responses": [], "metadata": metadata}
    data["responses"] = [loaded(as_vcrpy_saves(several, kind), kind)[0][1]]
    elements: list[Element] = [Envelope("har", {"x": 1}), Envelope("vcrpy", {"metadata": metadata}), *several]
    assert written(elements, kind) == serialize(data, SERIALIZERS[kind])


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_an_interaction_is_written_before_the_next_is_asked_for(kind: str) -> None:
    asked = 0

    def source() -> Iterator[Interaction]:
        nonlocal asked
        for _ in range(100):
            asked += 1
            yield Interaction(Request("GET", URL, []), answer())

    pieces = WRITERS[kind](source(), WriteOptions())
    assert URL.encode() in next(pieces)
    assert asked == 1
    next(pieces)
    assert asked == 2


def test_binary_bodies_are_left_empty_in_json() -> None:
    one = Interaction(Request("POST", URL, [], Body(b"\xff")), answer(b"\xff\xfe"))
    ((asked, answered),) = loaded(written([one], "json"), "json")
    assert asked["body"] is None
    assert answered["body"] == {"string": b""}


READABLE = """\
interactions:
- request:
    body: null
    headers: {}
    method: GET
    uri: http://127.0.0.1:9/x
  response:
    body:
      string: |-
        {
          "a": "ü: it's",

          "b": 2
        }
    headers:
      Content-Length:
      - '7'
      Content-Type:
      - application/json
    status:
      code: 200
      message: OK
version: 1
"""


def test_readable_text_stands_in_lines() -> None:
    content = '{\n  "a": "ü: it\'s",\n\n  "b": 2\n}'
    text = written([Interaction(Request("GET", URL, []), answer(content))], style="readable")
    assert text == READABLE
    assert loaded(text)[0][1]["body"] == {"string": content.encode()}


def test_a_long_line_is_one_line_in_the_readable_style() -> None:
    content = json.dumps({"key": ["a value"] * 50})
    text = written([Interaction(Request("GET", URL, []), answer(content))], style="readable")
    assert f"      string: |-\n        {content}\n    headers:" in text
    assert loaded(text)[0][1]["body"] == {"string": content.encode()}


# -- what a vcrpy cassette said otherwise

ODD = """\
interactions:
- recorded_at: 2020-01-01 10:00:00
  request:
    body:
      a: 1
    headers:
      Accept: [one, two]
      accept: [three]
      X-Number: 5
    method: POST
    uri: http://127.0.0.1:9/x
  response:
    body: {string: text, extra: yes}
    headers: {A: plain, B: [1, 2], C: !!binary YQ==}
    status: {code: 200, message: null}
    url: http://127.0.0.1:9/y
- request:
    body: !!python/object/new:_io.BytesIO
      state: !!python/tuple [!!binary YWJj, 0, null]
    headers: {}
    method: POST
    uri: http://127.0.0.1:9/x
  response:
    body: {}
    headers: {}
    status: {code: 200, message: OK}
metadata: {b: {c: [1, 2.5]}, a: null}
version: 1
"""


def test_oddities_of_a_vcrpy_cassette_are_saved_as_vcrpy_saves_them() -> None:
    asked, answered, metadata = deserialize(ODD, yamlserializer)
    saved = serialize({"requests": asked, "responses": answered, "metadata": metadata}, yamlserializer)
    text = written(read_back(ODD, "yaml"))
    assert text.replace("- recorded_at: 2020-01-01 10:00:00\n  request:", "- request:") == saved


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(
    "odd", [{"foo": 1}, {"request": 5}, {"response": [1]}, 5, "text", [1], {"order": {"response": 5, "status": [{}]}}]
)
def test_what_no_reader_says_under_its_family_is_counted(odd: Any, kind: str) -> None:
    one = Interaction(Request("GET", "http://h/", []), Response(200, "OK", [], Body("a")), extra={"vcrpy": odd})
    losses = Losses(LOST[kind], family="vcrpy")
    assert loaded(written([one], kind, losses=losses), kind)
    assert losses.counts == {"extra": 1}
