"""keboola.vcr's JSON, against files that it made, vcrpy's loader, and keboola.vcr itself where it is installed."""

from __future__ import annotations

import contextlib
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vcr.serialize import deserialize
from vcr.serializers import jsonserializer

from cassette_tools.formats.keboola_json import FORMAT
from cassette_tools.head import Head
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

FOLDER = FIXTURES / "keboola-json"
GUESS = "A body may be base64 of bytes or text that looks like it; it was taken for "
ITEM: dict[str, Any] = {
    "request": {"body": None, "headers": {"Accept": ["*/*"]}, "method": "GET", "uri": "http://localhost/"},
    "response": {"body": {"string": "ok"}, "headers": {"X": ["1", "2"]}, "status": {"code": 200, "message": "OK"}},
}


def cassette(*items: Any, **more: Any) -> bytes:
    return json.dumps({"_metadata": {"recorded_at": "now"}, "interactions": list(items), "version": 1, **more}).encode()


def answered(text: str, headers: dict[str, list[str]], **more: Any) -> bytes:
    response = {"body": {"string": text}, "headers": headers, "status": {"code": 200, "message": "OK"}}
    return cassette({**ITEM, "response": response, **more})


def body_of(one: Interaction) -> bytes:
    assert one.response is not None
    assert one.response.body is not None
    return one.response.body.read()


def test_a_recording_of_bytes_reads_as_what_was_sent_and_received() -> None:
    path = FOLDER / "keboola.vcr-0.7.1-bytes.json"
    read = elements(FORMAT, path)
    metadata = read[0]
    assert isinstance(metadata, Envelope)
    assert metadata.values["_metadata"]["keboola_vcr_version"] == "0.7.1"
    made = [one for one in read if isinstance(one, Interaction)]
    assert len(made) == 15
    assert body_of(made[2]) == bytes.fromhex("0196720b2521dd0259f43e4cee7f05f5f5c3a8018c14a51a")
    assert body_of(made[12]) == b"caf\xe9 noir\n"
    assert body_of(made[13]) == b"deadbeef"
    assert body_of(made[14]).startswith(b"\x89PNG")
    sent = made[11].request.body
    assert sent is not None
    assert sent.read() == b"\x00\xff\xfe\x80"
    cookies = made[5].response
    assert cookies is not None
    assert [name for name, _ in cookies.headers].count("Set-Cookie") == 4
    for bare in (made[7], made[8]):
        assert bare.response is not None
        assert bare.response.body is None
    assert remarks(FORMAT, path) == {}  # Content-Length tells each of them


@pytest.mark.parametrize(
    "name",
    ["keboola.vcr-0.7.1-requests.json", "keboola.vcr-0.3.1-requests.json", "keboola.vcr-0.1.0-requests.json"],
)
def test_its_own_files_are_recognized_and_written_again_to_the_byte(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    assert FORMAT.sniff(Head(data, whole=True)) == 95
    assert FORMAT.sniff(Head(data[:900], whole=False)) == 95
    assert written(FORMAT, elements(FORMAT, data)) == data


def test_bytes_that_the_default_sanitizer_dropped_are_remarked() -> None:
    (text,) = remarks(FORMAT, FOLDER / "keboola.vcr-0.7.1-requests.json")
    assert "shorter than its Content-Length" in text


def test_the_lines_of_a_killed_recording_are_read() -> None:
    data = (FOLDER / "keboola.vcr-0.3.1-killed.jsonl.tmp").read_bytes()
    assert FORMAT.sniff(Head(data, whole=True)) > 0
    whole = only_interactions(FORMAT, FOLDER / "keboola.vcr-0.3.1-requests.json")
    assert [describe(one) for one in only_interactions(FORMAT, data)] == [describe(whole[0])]
    torn = data + data[: len(data) // 2]
    assert len(only_interactions(FORMAT, torn)) == 1
    assert remarks(FORMAT, torn) == {"The last line is torn; it was left out.": 1}
    assert "line 2: the JSON is broken" in refusal(FORMAT, data + b'{"a": }\n' + data, BadCassetteError)


@pytest.mark.parametrize(
    "text",
    [
        b'{"version": 1, "interactions": []}',
        b'{"interactions": [{"request": {}}], "version": 1}',
        b'{"log": {"version": "1.2", "entries": []}}',
        b'{"http_interactions": []}',
        b'{"type":"header","format":1}\n',
        b"version: 1\ninteractions: []\n",
        b"",
    ],
)
def test_other_files_are_not_taken_for_its_own(text: bytes) -> None:
    assert FORMAT.sniff(Head(text, whole=True)) == 0


@pytest.mark.parametrize(
    ("data", "headers", "read", "guess"),
    [
        # known by the size that the message declares
        (b"\xff\x00\x01", {"Content-Length": ["3"]}, b"\xff\x00\x01", None),
        (b"\xff\x00\x01", {"Content-Length": ["4"]}, b"/wAB", None),
        # known by a coding that comes off, and by the first bytes of a picture
        (bytes.fromhex("1f8b080000000000000a4bcf4f01002d8a98d603000000"), {"Content-Encoding": ["gzip"]}, None, None),
        (b"\x89PNG\r\n\x1a\n\x00\x00", {}, b"\x89PNG\r\n\x1a\n\x00\x00", None),
        # guessed by Content-Type
        (b"\xff\x00\x01", {"Content-Type": ["image/x-icon"]}, b"\xff\x00\x01", "bytes"),
        (b"\xff\x00\x01", {"Content-Type": ["text/plain"]}, b"/wAB", "text"),
        (b"caf\xe9 noir et sucr", {"Content-Type": ["text/plain; charset=latin1"]}, b"caf\xe9 noir et sucr", "bytes"),
        # guessed by length
        (b"\xff\x00\x01", {}, b"/wAB", "text"),
        (b"\xff\x00\x01" * 20, {}, b"\xff\x00\x01" * 20, "bytes"),
    ],
)
def test_base64_without_a_mark_is_known_or_guessed_aloud(
    data: bytes, headers: dict[str, list[str]], read: bytes | None, guess: str | None
) -> None:
    file = answered(b64encode(data).decode(), headers)
    if read is not None:
        assert body_of(only_interactions(FORMAT, file)[0]) == read
    assert remarks(FORMAT, file) == ({} if guess is None else {f"{GUESS}{guess}.": 1})


@pytest.mark.parametrize("text", ["deadbee", "dGV4dA==", "hello, world", "12345678=", "AAA=", "", "/wAC="])
def test_what_cannot_be_keboolas_base64_is_text_without_a_remark(text: str) -> None:
    file = answered(text, {})
    assert body_of(only_interactions(FORMAT, file)[0]) == text.encode()
    assert remarks(FORMAT, file) == {}


def test_a_number_in_json_is_no_base64() -> None:
    file = answered("12345678", {"Content-Type": ["application/json"]})
    assert body_of(only_interactions(FORMAT, file)[0]) == b"12345678"
    assert remarks(FORMAT, file) == {}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(interactions(), max_size=3))
def test_what_is_written_comes_back_but_for_what_is_declared(given_: list[Interaction]) -> None:
    data = written(FORMAT, given_)
    back = only_interactions(FORMAT, data)
    assert len(back) == len(given_)
    for one, other in zip(given_, back, strict=True):
        assert differences(describe(one), describe(other), FORMAT.cannot_hold) == []
    assert not any(text.startswith(GUESS) for text in remarks(FORMAT, data))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(interactions(), min_size=1, max_size=3))
def test_vcrpy_loads_what_is_written(given_: list[Interaction]) -> None:
    requests, responses = deserialize(written(FORMAT, given_).decode(), jsonserializer)
    for one, request, response in zip(given_, requests, responses, strict=True):
        assert one.response is not None
        assert (request.method, request.uri) == (one.request.method, one.request.url)
        assert response["status"] == {"code": one.response.status, "message": one.response.reason}
        body = one.response.body
        text = None if body is None else body.text()
        if text is not None:
            assert response["body"]["string"] == text.encode()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, br"])
@pytest.mark.parametrize("content", ["", "a", b"\xff", "x" * 100])
def test_a_coded_body_of_a_request_is_written_as_it_was_sent_and_comes_back(coding: str, content: str | bytes) -> None:
    request = Request("POST", "http://a/", [("Content-Encoding", coding)], Body(content, coding=coding))
    (back,) = only_interactions(FORMAT, written(FORMAT, [Interaction(request, Response(200, "", []))]))
    body = back.request.body
    assert body is not None
    assert (body.read(), body.coding) == (Body(content).read(), coding)


def test_metadata_and_tables_of_a_database_go_through() -> None:
    file = cassette(ITEM, db_interactions=[{"sql": "SELECT 1"}], note="n")
    read = elements(FORMAT, file)
    assert read[0] == Envelope("keboola", {"_metadata": {"recorded_at": "now"}})
    assert read[2] == Envelope("keboola", {"db_interactions": [{"sql": "SELECT 1"}], "note": "n"})
    losses = Losses(FORMAT.cannot_hold, family="keboola")
    again = json.loads(written(FORMAT, [*read, *read, Envelope("har", {"a": 1})], losses))
    assert list(again) == ["_metadata", "interactions", "db_interactions", "note", "version"]
    assert again["_metadata"] == {"recorded_at": "now"}
    assert again["db_interactions"] == [{"sql": "SELECT 1"}] * 2
    assert again["interactions"] == [ITEM, ITEM]
    assert losses.envelopes == 2  # the second metadata, and the second note


def test_a_cassette_from_elsewhere_begins_at_its_first_request() -> None:
    one = Interaction(
        Request("GET", "http://a/", []), Response(200, "OK", []), started_at="2026-11-23T03:30:48.000123Z"
    )
    assert json.loads(written(FORMAT, [one]))["_metadata"] == {"recorded_at": "2026-11-23T03:30:48.000123Z"}
    assert json.loads(written(FORMAT, [])) == {"_metadata": {}, "interactions": [], "version": 1}


def test_unknown_keys_are_kept() -> None:
    item = json.loads(json.dumps(ITEM))
    item["note"], item["request"]["a"], item["response"]["b"] = 1, 2, 3
    item["response"]["status"].update(c=4, message=None)
    item["response"]["body"]["d"] = 5
    read = only_interactions(FORMAT, cassette(item))
    assert json.loads(written(FORMAT, read))["interactions"] == [item]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (5, "interaction 1"),
        ({}, "interaction 1: it has no request"),
        ({**ITEM, "request": {**ITEM["request"], "uri": 5}}, "interaction 1: the request has no uri"),
        ({**ITEM, "request": {**ITEM["request"], "body": 5}}, "interaction 1: a body is neither text nor null"),
        ({**ITEM, "request": {**ITEM["request"], "headers": [5]}}, "interaction 1: the headers are no mapping"),
        ({**ITEM, "response": {**ITEM["response"], "status": 200}}, "interaction 1: the response has no status code"),
        (
            {**ITEM, "response": {**ITEM["response"], "body": "x"}},
            "interaction 1: the body of the response is no object",
        ),
    ],
)
def test_what_is_wrong_is_one_error_with_the_place(item: Any, said: str) -> None:
    assert said in refusal(FORMAT, cassette(item), BadCassetteError)


@pytest.mark.parametrize("mark", [5, {"response": 5}, {"response": {"headers": [[0]], "body": 5, "coding": []}}])
def test_a_mark_that_is_none_counts_as_absent(mark: Any) -> None:
    (one,) = only_interactions(FORMAT, answered("ok", {}, _recorder=mark))
    assert body_of(one) == b"ok"


def test_a_document_without_the_list_is_no_cassette() -> None:
    refusal(FORMAT, b'{"_metadata": {}}', NotACassetteError)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_files_raise_bad_cassette_and_nothing_else(data: st.DataObject) -> None:
    text = bytearray((FOLDER / "keboola.vcr-0.7.1-bytes.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=6))
    with contextlib.suppress(BadCassetteError):
        assert len(elements(FORMAT, bytes(text))) <= 18


@pytest.mark.parametrize("lines", [False, True])
def test_the_first_interaction_is_there_before_the_last_is_read(*, lines: bool) -> None:
    item = json.dumps({**ITEM, "note": "x" * 1000}).encode()
    if lines:
        source = Trickle(iter([item + b"\n"] * 5000))
    else:
        source = Trickle(iter([b'{"_metadata": {}, "interactions": [\n', *[item + b",\n"] * 5000, item, b"]}"]))
    assert FORMAT.read is not None
    reading = FORMAT.read(InputStream(source, "a.file", path=None, size=None))
    assert any(isinstance(one, Interaction) for one in reading)
    assert source.made < 2500


@pytest.mark.skipif(peer("keboola.vcr") is None, reason="keboola.vcr is not installed beside the benchmarks")
def test_keboola_vcr_replays_what_is_written(tmp_path: Path) -> None:
    headers = [("Content-Type", "text/plain"), ("Content-Encoding", "gzip"), ("Content-Length", "31")]
    made = [
        Interaction(
            Request("GET", "http://localhost:9/one?a=1", [("Accept", "*/*")]),
            Response(200, "OK", headers, Body("žluťoučký", coding="gzip")),
            started_at="2026-11-23T03:30:48.000123Z",
        ),
        Interaction(
            Request("POST", "http://localhost:9/two", [], Body(b"\xff\x00")),
            Response(404, "Gone", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], Body(b"\xff\xfe\x00")),
        ),
    ]
    (tmp_path / "requests.json").write_bytes(written(FORMAT, made))
    assert in_peer("keboola.vcr", REPLAY, str(tmp_path)) == [
        [200, "OK", "žluťoučký", "None"],
        [404, "Gone", "//4A", "None"],  # keboola.vcr hands out its base64
        "2026-11-23T03:30:48",
    ]


REPLAY = """
import json, sys, datetime
from pathlib import Path
from keboola.vcr import VCRRecorder
import requests
out = []
def component():
    now = datetime.datetime.now().isoformat()[:19]
    for method, url in (("GET", "http://localhost:9/one?a=1"), ("POST", "http://localhost:9/two")):
        got = requests.request(method, url)
        out.append([got.status_code, got.reason, got.content.decode(), str(got.headers.get("Content-Encoding"))])
    out.append(now)
VCRRecorder(cassette_dir=Path(sys.argv[1]), capture_logs=False).replay(component)
print(json.dumps(out))
"""
