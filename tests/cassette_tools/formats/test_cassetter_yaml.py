"""cassetter's YAML, against files that cassetter made, and against cassetter where it is installed."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cassette_tools.formats.cassetter_toml import FORMAT as TOML
from cassette_tools.formats.cassetter_yaml import FORMAT
from cassette_tools.head import SNIFFED, Head
from cassette_tools.input_stream import InputStream
from cassette_tools.interaction import Body, Envelope, Interaction, Request, Response
from cassette_tools.losses import Losses, describe, differences
from recorder.errors import BadCassetteError, NotACassetteError
from tests.cassette_tools.formats.drawn import interactions
from tests.cassette_tools.formats.peers import in_peer, peer
from tests.cassette_tools.formats.reading import elements, only_interactions, refusal, remarks, written
from tests.cassette_tools.formats.sources import FIXTURES, Trickle

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = FIXTURES / "cassetter-yaml"
FILES = sorted(FOLDER.glob("*.yaml"))
BASIC = b"""version: 1
interactions:
- request:
    method: GET
    uri: http://localhost/
    headers: {}
    body:
      type: none
  response:
    status: 200
    headers: {}
    body:
      type: text
      content: ok
"""


def test_a_recording_reads_as_what_was_sent_and_received() -> None:
    read = only_interactions(FORMAT, FOLDER / "cassetter-0.16.1-requests.yaml")
    assert len(read) == 15
    by_url = {
        (one.request.method, one.request.url.partition("/")[2].partition("/")[2].partition("/")[2]): one for one in read
    }
    gzipped = by_url["GET", "gzip?size=60"]
    assert gzipped.response is not None
    assert gzipped.response.body is not None
    assert gzipped.response.body.text() == "The quick brown fox jumps over the lazy dog; The quick brown"
    assert gzipped.response.headers == [("content-length", "60"), ("content-type", "text/plain; charset=utf-8")]
    assert gzipped.started_at == "2026-11-23T09:56:05.877469Z"
    plain = by_url["GET", "json?limit=5"]
    assert plain.request.body is None
    assert plain.response is not None
    assert plain.response.status == 200
    assert plain.response.body is not None
    assert plain.response.body.read() == json.dumps({"ok": True, "items": [1, 2, 3], "name": "žluťoučký kůň"}).encode()
    binary = by_url["PUT", "sink"]
    assert binary.request.body is not None
    assert binary.request.body.read() == b"\x00\xff\xfe\x80"
    empty = by_url["GET", "status/204"].response
    assert empty is not None
    assert empty.body is None
    latin = [
        one.response.body.read() for one in read if one.response and one.response.body and "raw" in one.request.url
    ]
    assert latin[0] == b"caf\xe9\n"
    assert latin[1] == "první\r\ndruhý\n\ttřetí \n".encode()


def test_values_of_all_kinds_read_as_cassetter_replays_them() -> None:
    read = elements(FORMAT, FOLDER / "cassetter-0.16.1-kinds.yaml")
    first, second, third, envelope = read
    assert isinstance(first, Interaction)
    assert first.request.body is not None
    value = json.loads(first.request.body.read())
    assert value["big"] == 18446744073709551615
    assert value["floats"] == [1.5, 1e22, 1e-7, -0.0, 100000.0]
    assert value["words"][:6] == ["no", "null", "1e5", "0x10", "017", "2020-01-01"]
    assert value["controls"] == "\x00\x1b\x7f\x85\u2028\ufeff\r\n\ttab"
    assert first.request.headers == [("Alpha", "x"), ("zeta", "1"), ("zeta", "2")]
    assert first.response is not None
    assert ("x-\xe9", "\xe9") in first.response.headers
    assert ("x-\xe9", "č".encode().decode("latin-1")) in first.response.headers
    assert isinstance(second, Interaction)
    assert second.started_at is None
    assert isinstance(third, Interaction)
    assert third.started_at == "2026-11-23T03:30:48.000000Z"
    assert isinstance(envelope, Envelope)
    assert list(envelope.values) == ["grpc_interactions", "ws_interactions", "observed_requests"]
    assert envelope.values["ws_interactions"][0]["frames"][0]["offset_ms"] == 1


def test_that_bytes_of_json_bodies_are_cassetters_is_remarked() -> None:
    told = remarks(FORMAT, FOLDER / "cassetter-0.16.1-requests.yaml")
    assert told == {"A JSON body is stored as a value; its bytes are those that cassetter would replay.": 7}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_its_own_files_are_recognized_and_written_again_say_the_same(path: Path) -> None:
    data = path.read_bytes()
    assert FORMAT.sniff(Head(data, whole=True)) >= 90
    assert FORMAT.sniff(Head(data[:700], whole=False)) >= 90
    again = written(FORMAT, elements(FORMAT, path))
    theirs, ours = yaml.safe_load(data), yaml.safe_load(again)
    assert ours == theirs or path.name.endswith("kinds.yaml")  # there: a header beyond U+00FF, and 1e-7 for YAML 1.1
    first, second = only_interactions(FORMAT, path), only_interactions(FORMAT, again)
    assert [describe(one) for one in first] == [describe(one) for one in second]


@pytest.mark.parametrize(
    "text",
    [
        b"version: 1\ninteractions:\n- request:\n    body: null\n    headers: {}\n    method: GET\n    uri: http://a/\n",
        b'version: 2\ninteractions:\n- id: 0\n  request:\n    body: ""\n    form: {}\n',
        b"http_interactions:\n- request:\n    body:\n      encoding: UTF-8\n      string: ''\n",
        b"openapi: 3.0.0\npaths: {}\n",
        b"one:\n  id: 1\n",
        b'{"interactions": []}',
        b"",
        b"\x00\x01",
    ],
)
def test_other_files_are_not_taken_for_its_own(text: bytes) -> None:
    assert FORMAT.sniff(Head(text, whole=True)) == 0


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(interactions(), max_size=3))
def test_what_is_written_comes_back_but_for_what_is_declared(given_: list[Interaction]) -> None:
    data = written(FORMAT, given_)
    back = only_interactions(FORMAT, data)
    assert len(back) == len(given_)
    for one, other in zip(given_, back, strict=True):
        assert differences(describe(one), describe(other), FORMAT.cannot_hold) == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(interactions())
def test_what_is_written_is_the_same_to_a_parser_of_yaml_1_1(one: Interaction) -> None:
    data = written(FORMAT, [one])
    stored = yaml.load(data, Loader=yaml.CSafeLoader)["interactions"][0]
    assert stored["request"]["method"] == one.request.method
    assert sum(map(len, stored["request"]["headers"].values())) == len(one.request.headers)
    for values in (*stored["request"]["headers"].values(), *stored["response"]["headers"].values()):
        assert all(type(value) is str for value in values)


def test_a_coding_that_was_taken_off_is_hidden_from_cassetter_and_comes_back() -> None:
    headers = [("Content-Encoding", "gzip"), ("Content-Length", "31"), ("X", "1")]
    one = Interaction(
        Request("GET", "http://localhost/", []), Response(200, "", headers, Body("hello", coding="gzip", wire_size=31))
    )
    data = written(FORMAT, [one])
    stored = yaml.safe_load(data)["interactions"][0]["response"]
    assert stored["headers"] == {"Content-Length": ["5"], "X": ["1"]}
    assert stored["body"] == {"type": "text", "content": "hello"}
    back = only_interactions(FORMAT, data)[0].response
    assert back is not None
    assert back.headers == headers
    assert back.body is not None
    assert (back.body.coding, back.body.read()) == ("gzip", b"hello")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"a": [1, 2.5, null]}', "json"),
        ('{"a":1}', "text"),  # cassetter would put in spaces
        ('{"a": 1, "a": 2}', "text"),
        ('{"a": 1.10}', "text"),
        ("12345678901234567890123", "text"),
        ("no json", "text"),
        ("[" * 60 + "]" * 60, "text"),  # deeper than cassetter reads
    ],
)
def test_a_json_body_of_a_response_is_a_value_only_where_no_byte_changes(text: str, kind: str) -> None:
    response = Response(200, "", [("Content-Type", "application/json")], Body(text))
    data = written(FORMAT, [Interaction(Request("GET", "http://localhost/", []), response)])
    assert yaml.safe_load(data)["interactions"][0]["response"]["body"]["type"] == kind
    back = only_interactions(FORMAT, data)[0].response
    assert back is not None
    assert back.body is not None
    assert back.body.text() == text


def test_a_json_body_of_a_request_is_a_value_with_its_exact_text_beside_it() -> None:
    request = Request("POST", "http://localhost/", [("content-type", "application/json")], Body('{"a":1.10}'))
    data = written(FORMAT, [Interaction(request, Response(200, "", []))])
    stored = yaml.safe_load(data)["interactions"][0]["request"]
    assert stored["body"] == {"type": "json", "content": {"a": 1.1}}
    back = only_interactions(FORMAT, data)[0].request.body
    assert back is not None
    assert back.text() == '{"a":1.10}'


def test_unknown_keys_and_other_protocols_are_kept() -> None:
    data = (
        BASIC.replace(b"    method: GET\n", b"    method: GET\n    note: {a: [1, yes, 2020-01-01]}\n")
        + b"ws_interactions:\n- uri: ws://a\n"
    )
    read = elements(FORMAT, data)
    assert isinstance(read[0], Interaction)
    assert read[0].extra == {"cassetter": {"request": {"note": {"a": [1, "yes", "2020-01-01"]}}}}
    assert read[1] == Envelope("cassetter", {"ws_interactions": [{"uri": "ws://a"}]})
    again = yaml.safe_load(written(FORMAT, read))
    assert again["interactions"][0]["request"]["note"] == {"a": [1, "yes", "2020-01-01"]}
    assert again["ws_interactions"] == [{"uri": "ws://a"}]


def test_lists_of_several_inputs_are_joined_and_what_clashes_is_counted() -> None:
    losses = Losses(FORMAT.cannot_hold, family="cassetter")
    one = Envelope("cassetter", {"ws_interactions": [1], "note": "a"})
    data = written(
        FORMAT, [one, Envelope("cassetter", {"ws_interactions": [2], "note": "b"}), Envelope("har", {"x": 1})], losses
    )
    assert yaml.safe_load(data) == {"version": 1, "interactions": [], "ws_interactions": [1, 2], "note": "a"}
    assert losses.envelopes == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"method: GET", b"method: [GET]", "interaction 1: the request has no method"),
        (b"    uri: http://localhost/\n", b"", "interaction 1: the request has no uri"),
        (b"status: 200", b"status: many", "interaction 1: the response has no status"),
        (b"status: 200", b"status: 99999", "interaction 1: the response has no status"),
        (b"headers: {}", b"headers: [1]", "interaction 1: the headers are no mapping"),
        (b"headers: {}", b"headers: {a: {b: c}}", "interaction 1: the value of a header is no text"),
        (b"type: text", b"type: blob", "interaction 1: a body has no type"),
        (b"type: text", b"type: binary", "interaction 1: a binary body is not hexadecimal"),
        (b"      content: ok", b"      content: [ok]", "interaction 1: the text of a body is no string"),
        (b"  response:", b"  answer:", "interaction 1: it has no request, or no response"),
        (b"- request:", b"- 5\n- request:", "interaction 1: it is no mapping"),
        (b"content: ok", b"content: !!python/object/apply:os.system [ls]", ""),
        (b"content: ok", b"content: " + b"[" * 300, ""),
        (b"content: ok", b"content: *nothing", ""),
        (b"content: ok", b"content: \xff", ""),
    ],
)
def test_what_is_wrong_is_one_error_with_the_place_and_without_bytes(old: bytes, new: bytes, said: str) -> None:
    message = refusal(FORMAT, BASIC.replace(old, new, 1), BadCassetteError)
    assert message.startswith("a.file")
    assert said in message


def test_a_json_body_that_is_not_a_number_is_text_as_in_yaml_1_2() -> None:
    data = BASIC.replace(
        b"      type: text\n      content: ok", b"      type: json\n      content: [.5, 017, 1_000, on, 1:30, 0o17]"
    )
    response = only_interactions(FORMAT, data)[0].response
    assert response is not None
    assert response.body is not None
    assert json.loads(response.body.read()) == [0.5, 17.0, 1000, "on", "1:30", "0o17"]


def test_a_file_without_the_list_is_no_cassette() -> None:
    refusal(FORMAT, b"version: 1\n", NotACassetteError)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_files_raise_bad_cassette_and_nothing_else(data: st.DataObject) -> None:
    text = bytearray((FOLDER / "cassetter-0.16.1-kinds.yaml").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=6))
    with contextlib.suppress(BadCassetteError):
        assert len(elements(FORMAT, bytes(text))) <= 5


def test_the_first_interaction_is_there_before_the_last_is_read() -> None:
    item = BASIC.partition(b"interactions:\n")[2] + b"  note: " + b"x" * 1000 + b"\n"
    source = Trickle(iter([b"version: 1\ninteractions:\n", *[item] * 5000]))
    assert FORMAT.read is not None
    reading = FORMAT.read(InputStream(source, "a.file", path=None, size=None))
    assert isinstance(next(reading), Interaction)
    assert source.made < 2500


@pytest.mark.skipif(peer("cassetter") is None, reason="cassetter is not installed beside the benchmarks")
def test_cassetter_loads_what_is_written_and_replays_it(tmp_path: Path) -> None:
    text = "ž: \"\x07\u2028\x85\n tab\t' \\ 😀"
    made = [
        Interaction(
            Request("GET", "http://localhost/one", [("Accept", "*/*")]),
            Response(200, "OK", [("X", "č".encode().decode("latin-1")), ("X", "")], Body(text)),
            started_at="2026-11-23T03:30:48.000123Z",
        ),
        Interaction(
            Request("GET", "http://localhost/two", []),
            Response(404, "", [("Content-Encoding", "gzip"), ("Content-Length", "31")], Body("hello", coding="gzip")),
        ),
        Interaction(
            Request(
                "POST",
                "http://localhost/three",
                [("content-type", "application/json")],
                Body('{"b":[1e22,1.10],"a":"no"}'),
            ),
            Response(200, "", [("content-type", "application/json")], Body('{"a":1.10}')),
        ),
        Interaction(
            Request("PUT", "http://localhost/four", [], Body(b"\xff\x00")), Response(200, "", [], Body(b"\xfe\xff"))
        ),
    ]
    path = tmp_path / "out.yaml"
    path.write_bytes(written(FORMAT, made))
    assert in_peer("cassetter", REPLAY, str(path)) == [
        [200, text, [["X", "č".encode().decode("latin-1")], ["X", ""]]],
        [404, "hello", [["Content-Length", "5"]]],
        [200, '{"a":1.10}', [["content-type", "application/json"]]],
        [200, "\xfe\xff", []],
    ]


REPLAY = """
import json, sys
from cassetter.cassette import Cassette
from cassetter.compare import body_to_bytes
from cassetter import MatchConfig, RecordMode
cassette = Cassette(sys.argv[1], record_mode=RecordMode.NONE, match_config=MatchConfig(["method", "uri", "body"]))
cassette.load()
out = []
for method, url, headers, body in [
    ("GET", "http://localhost/one", {}, None),
    ("GET", "http://localhost/two", {}, None),
    ("POST", "http://localhost/three", {"content-type": ["application/json"]}, b'{"b":[1e22,1.10],"a":"no"}'),
    ("PUT", "http://localhost/four", {}, b"\\xff\\x00"),
]:
    response = cassette.play(method, url, headers, body)
    data = body_to_bytes(response.body)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    out.append([response.status, text, [[k, v] for k, vs in response.headers.items() for v in vs]])
print(json.dumps(out))
"""


@pytest.mark.skipif(peer("cassetter") is None, reason="cassetter is not installed beside the benchmarks")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_to_cassetter_its_own_files_written_again_are_equal(path: Path, tmp_path: Path) -> None:
    read = elements(FORMAT, path)
    again, toml = tmp_path / "again.yaml", tmp_path / "again.toml"
    again.write_bytes(written(FORMAT, read))
    toml.write_bytes(written(TOML, read))
    assert in_peer("cassetter", EQUAL, str(path), str(again), str(toml)) == [True, True]


EQUAL = """
import json, sys
from cassetter._core import Cassette
one, *others = (Cassette.load(path) for path in sys.argv[1:])
def said(i):
    q, r = i.request, i.response
    headers = {
        name: [value.encode("utf-8" if max(value) > "\\xff" else "latin-1").hex() for value in values]
        for name, values in r.headers.items()
    }
    return [q.method, q.uri, q.headers, q.body.body_type, q.body.content, r.status, headers, r.body.body_type,
            r.body.content, i.recorded_at]
print(json.dumps([[said(i) for i in one.interactions] == [said(i) for i in other.interactions] for other in others]))
"""


@pytest.mark.skipif(peer("cassetter") is None, reason="cassetter is not installed beside the benchmarks")
def test_requests_gets_what_was_recorded_from_cassetter(tmp_path: Path) -> None:
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Encoding", "gzip"), ("Content-Length", "31")]
    one = Interaction(
        Request("POST", "http://localhost:9/a?b=c", [("Content-Type", "application/json")], Body('{"a":1}')),
        Response(201, "Created", headers, Body("žluťoučký", coding="gzip")),
    )
    path = tmp_path / "out.yaml"
    path.write_bytes(written(FORMAT, [one]))
    assert in_peer("cassetter", SEND, str(path)) == [201, "žluťoučký", "13"]


SEND = """
import json, sys
import cassetter, requests
with cassetter.use_cassette(sys.argv[1], record_mode="none", match_on=["method", "uri", "json_body"]):
    got = requests.post("http://localhost:9/a?b=c", json={"a": 1})
print(json.dumps([got.status_code, got.content.decode(), got.headers["Content-Length"]]))
"""


def test_a_head_of_empty_lines_is_looked_at_in_linear_time() -> None:
    head = Head(b"interactions:\n" + b"\n" * (SNIFFED - 14), whole=False)
    begun = time.process_time()
    assert FORMAT.sniff(head) == 0
    assert time.process_time() - begun < 1
