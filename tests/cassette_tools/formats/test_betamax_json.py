"""betamax's JSON, against files that its releases made."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools.formats.betamax_json import FORMAT
from cassette_tools.head import Head
from cassette_tools.input_stream import InputStream
from cassette_tools.interaction import Envelope, Interaction
from recorder.errors import BadCassetteError, NotACassetteError
from tests.cassette_tools.formats.reading import elements, only_interactions, refusal, remarks
from tests.cassette_tools.formats.sources import FIXTURES, Trickle

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = FIXTURES / "betamax-json"
FILES = sorted(FOLDER.glob("*.json"))
ITEM: dict[str, Any] = {
    "request": {"body": {"encoding": "utf-8", "string": ""}, "headers": {}, "method": "GET", "uri": "http://a/"},
    "response": {
        "body": {"encoding": None, "string": "ok"},
        "headers": {"X": ["1"]},
        "status": {"code": 200, "message": "OK"},
        "url": "http://a/",
    },
    "recorded_at": "2026-11-23T09:56:40",
}


def cassette(*items: Any) -> bytes:
    return json.dumps({"http_interactions": list(items), "recorded_with": "betamax/0.9.0"}).encode()


def with_body(body: Any) -> bytes:
    return cassette({**ITEM, "response": {**ITEM["response"], "body": body}})


def body_of(one: Interaction) -> bytes:
    assert one.response is not None
    assert one.response.body is not None
    return one.response.body.read()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_recordings_of_all_releases_read_as_what_was_sent_and_received(path: Path) -> None:
    read = elements(FORMAT, path)
    made = [one for one in read if isinstance(one, Interaction)]
    old = "0.1.6" in path.name
    assert len(made) == (7 if old else 12)
    first = made[0]
    assert (first.request.method, first.request.body) == ("GET", None)
    assert first.request.url.endswith("/json?limit=5")
    assert first.request.headers == [("Accept", "*/*"), ("Accept-Encoding", "gzip")]
    assert first.started_at is not None
    assert first.started_at.startswith("2026-11-23T09:56:4")
    assert first.response is not None
    assert (first.response.status, first.response.reason) == (200, "" if old else "OK")
    assert json.loads(body_of(first))["name"] == "žluťoučký kůň"
    gzipped = made[1].response
    assert gzipped is not None
    assert gzipped.body is not None
    assert gzipped.body.coding == "gzip"
    assert gzipped.body.wire_size == 67
    assert gzipped.body.text() == "The quick brown fox jumps over the lazy dog; The quick brown"
    assert made[2].response is not None
    assert ("Location", "/json") in made[2].response.headers
    form = made[6].request.body
    assert form is not None
    assert form.text() == "name=k%C5%AF%C5%88&n=1"
    last = read[-1]
    assert isinstance(last, Envelope)
    assert last.values["recorded_with"].startswith("betamax")


def test_exact_bytes_come_back() -> None:
    made = only_interactions(FORMAT, FOLDER / "betamax-0.9.0-exact.json")
    assert body_of(made[7]) == bytes.fromhex("0196720b2521dd0259f43e4cee7f05f5f5c3a8018c14a51a")
    assert made[10].request.body is not None
    assert made[10].request.body.read() == b"\x00\xff\xfe\x80"
    assert remarks(FORMAT, FOLDER / "betamax-0.9.0-exact.json") == {}


def test_repeated_headers_come_back_where_the_release_kept_them() -> None:
    made = only_interactions(FORMAT, FOLDER / "betamax-0.9.0-default.json")
    assert made[4].response is not None
    assert [name for name, _ in made[4].response.headers].count("Set-Cookie") == 4


def test_text_in_its_encoding_comes_back_and_lost_bytes_are_remarked() -> None:
    path = FOLDER / "betamax-0.9.0-default.json"
    assert body_of(only_interactions(FORMAT, path)[11]) == b"caf\xe9 noir\n"
    assert remarks(FORMAT, path) == {"U+FFFD stands in a body: bytes may have been lost when it was recorded.": 3}


@pytest.mark.parametrize(
    ("encoding", "data", "said"),
    [
        ("ISO-8859-1", b"\xe9", None),
        ("utf-16-le", b"\xe9\x00", None),
        ("UTF-8", b"\xc3\xa9", None),
        (None, b"\xc3\xa9", None),
        (5, b"\xc3\xa9", None),
        ("koi8-r", b"\xc3\xa9", "A body does not fit the encoding that it names; UTF-8 was taken."),
        ("rot13", b"\xc3\xa9", "A body names an encoding that is not known here; UTF-8 was taken."),
        ("punycode", b"\xc3\xa9", "A body names an encoding that is not known here; UTF-8 was taken."),
        ("x" * 5000, b"\xc3\xa9", "A body names an encoding that is not known here; UTF-8 was taken."),
        ("a\0b", b"\xc3\xa9", "A body names an encoding that is not known here; UTF-8 was taken."),
    ],
)
def test_the_encoding_of_a_body_is_put_on_again(encoding: Any, data: bytes, said: str | None) -> None:
    file = with_body({"encoding": encoding, "string": "é"})
    assert body_of(only_interactions(FORMAT, file)[0]) == data
    assert remarks(FORMAT, file) == ({} if said is None else {said: 1})


def test_ruby_vcrs_json_reads_too() -> None:
    item = json.loads(json.dumps(ITEM))
    item["request"].update(method="get", headers={"Accept": ["*/*"]})
    item["response"].update(http_version="1.1", body={"encoding": "ASCII-8BIT", "base64_string": "/w\nA=\n"})
    item["recorded_at"] = "Mon, 23 Nov 2026 09:56:40 GMT"
    (one,) = only_interactions(FORMAT, cassette(item))
    assert one.request.method == "GET"
    assert one.started_at == "2026-11-23T09:56:40.000000Z"
    assert one.response is not None
    assert one.response.http_version == "HTTP/1.1"
    assert body_of(one) == b"\xff\x00"


def test_what_the_model_has_no_place_for_is_kept() -> None:
    item = {**ITEM, "note": 1, "response": {**ITEM["response"], "url": "http://b/"}, "recorded_at": "soon"}
    (one,) = only_interactions(FORMAT, cassette(item))
    assert one.started_at is None
    assert one.extra == {
        "betamax": {"interaction": {"note": 1, "recorded_at": "soon"}, "response": {"url": "http://b/"}}
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_its_own_files_are_recognized(path: Path) -> None:
    data = path.read_bytes()
    assert FORMAT.sniff(Head(data, whole=True)) == 90


@pytest.mark.parametrize(
    "text", [b'{"interactions": []}', b'{"log": {}}', b"http_interactions:\n- a: 1\n", b"", b"[1]"]
)
def test_other_files_are_not_taken_for_its_own(text: bytes) -> None:
    assert FORMAT.sniff(Head(text, whole=True)) == 0


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({}, "interaction 1: it has no request"),
        ({**ITEM, "request": {**ITEM["request"], "method": None}}, "interaction 1: the request has no method"),
        ({**ITEM, "request": {**ITEM["request"], "headers": {"a": {}}}}, "interaction 1: the value of a header"),
        ({**ITEM, "request": {**ITEM["request"], "body": 5}}, "interaction 1: a body is neither text nor an object"),
        ({**ITEM, "response": {"status": {}}}, "interaction 1: the response has no status code"),
        ({**ITEM, "response": {**ITEM["response"], "body": {"base64_string": "!"}}}, "interaction 1: the base64"),
        ({**ITEM, "response": {**ITEM["response"], "body": {"string": 5}}}, "interaction 1: the text of a body"),
    ],
)
def test_what_is_wrong_is_one_error_with_the_place(item: Any, said: str) -> None:
    assert said in refusal(FORMAT, cassette(item), BadCassetteError)


def test_a_document_without_the_list_is_no_cassette() -> None:
    refusal(FORMAT, b'{"recorded_with": "betamax"}', NotACassetteError)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_files_raise_bad_cassette_and_nothing_else(data: st.DataObject) -> None:
    text = bytearray((FOLDER / "betamax-0.9.0-default.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=6))
    with contextlib.suppress(BadCassetteError):
        assert len(elements(FORMAT, bytes(text))) <= 14


def test_the_first_interaction_is_there_before_the_last_is_read() -> None:
    item = json.dumps({**ITEM, "note": "x" * 1000}).encode()
    source = Trickle(iter([b'{"http_interactions": [', *[item + b", "] * 5000, item, b"]}"]))
    assert FORMAT.read is not None
    reading = FORMAT.read(InputStream(source, "a.file", path=None, size=None))
    assert isinstance(next(reading), Interaction)
    assert source.made < 2500
