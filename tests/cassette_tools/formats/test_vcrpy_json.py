"""vcrpy's JSON: what vcrpy itself loads of a cassette is what is read, and what it would save is what is written."""

from __future__ import annotations

import json
import shutil
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vcr import migration
from vcr.serialize import deserialize, serialize
from vcr.serializers import jsonserializer

from cassette_tools.formats import WriteOptions, all_formats
from cassette_tools.formats.vcrpy_json import FORMAT
from cassette_tools.head import Head
from cassette_tools.input_stream import InputStream
from cassette_tools.interaction import Envelope, Interaction
from recorder.errors import BadCassetteError
from tests.cassette_tools.formats.sources import FIXTURES, Trickle, stream_of

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = FIXTURES / "vcrpy-json"
CASSETTES = sorted(FOLDER.glob("*.json"))
ITEM: dict[str, Any] = {
    "request": {"method": "GET", "uri": "http://localhost/", "body": None, "headers": {"Accept": ["*/*"]}},
    "response": {
        "status": {"code": 200, "message": "OK"},
        "headers": {"Content-Type": ["text/plain"]},
        "body": {"string": "hello"},
    },
}


def elements(data: bytes) -> list[Any]:
    assert FORMAT.read is not None
    found = list(FORMAT.read(stream_of(data, "a.json")))
    for one in found:
        if isinstance(one, Interaction):
            one.origin = "vcrpy"  # as the conversion does
    return found


def written(found: list[Any]) -> bytes:
    assert FORMAT.write is not None
    return b"".join(FORMAT.write(iter(found), WriteOptions()))


def saved(text: str) -> bytes:
    """Give what vcrpy writes when it loads a cassette and saves it."""
    requests, responses, *metadata = deserialize(text, jsonserializer)
    cassette = {"requests": requests, "responses": responses}
    if metadata:
        cassette["metadata"] = metadata[0]
    return bytes(serialize(cassette, jsonserializer), "utf-8")


def migrated(path: Path, folder: Path) -> str:
    copy = folder / path.name
    shutil.copy(path, copy)
    migration.try_migrate(str(copy))
    return copy.read_text("utf-8")


def whole(*items: Any, **more: Any) -> bytes:
    return json.dumps({"version": 1, "interactions": list(items), **more}).encode()


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_says_what_vcrpy_loads_of_it(path: Path, tmp_path: Path) -> None:
    requests, responses, *_ = deserialize(migrated(path, tmp_path), jsonserializer)
    found = [one for one in elements(path.read_bytes()) if isinstance(one, Interaction)]
    assert len(found) == len(requests) > 0
    for one, request, response in zip(found, requests, responses, strict=True):
        assert (one.request.method, one.request.url) == (request.method, request.uri)
        assert one.request.headers == list(request.headers.items())
        assert one.response is not None
        assert one.response.status == (response["status"]["code"] if "status" in response else response["status_code"])
        said = response["body"].get("string", b"") if "body" in response else response["content"].encode()
        body = one.response.body
        assert (b"" if body is None else body.read()) == said
        pairs = [(name, value) for name, values in dict(response["headers"]).items() for value in listed(values)]
        assert one.response.headers == pairs


def listed(values: Any) -> list[str]:
    return values if isinstance(values, list) else [values]


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_read_and_written_again_a_cassette_is_what_vcrpy_saves(path: Path, tmp_path: Path) -> None:
    assert written(elements(path.read_bytes())) == saved(migrated(path, tmp_path))


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_is_told_by_its_content(path: Path) -> None:
    head = Head(path.read_bytes(), whole=True)
    scores = {one.name: one.sniff(head) for one in all_formats() if one.read is not None}
    assert max(scores, key=lambda name: scores[name]) == "vcrpy-json"
    assert scores["vcrpy-json"] >= 80


@pytest.mark.parametrize(
    "path", [path for path in sorted(FIXTURES.glob("*/*")) if path.parent.name != "vcrpy-json"], ids=lambda p: p.name
)
def test_files_of_others_are_not_taken(path: Path) -> None:
    assert FORMAT.sniff(Head(path.read_bytes()[:65536], whole=True)) <= 10


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'[{"model": "a", "fields": {}}]', b'{"openapi": "3.0.0"}', b"a: b"]
)
def test_what_is_no_cassette_is_not_taken(data: bytes) -> None:
    assert FORMAT.sniff(Head(data, whole=True)) == 0


def test_metadata_and_other_keys_come_last() -> None:
    *_, envelope = elements(whole(ITEM, metadata={"seed": 1}, by="team-a"))
    assert envelope == Envelope("vcrpy", {"metadata": {"seed": 1}, "keys": {"by": "team-a"}})


def test_an_empty_cassette_is_read_and_written() -> None:
    assert elements(whole()) == []
    assert written([]) == saved(whole().decode())


def changed(part: str, **keys: Any) -> dict[str, Any]:
    return {**ITEM, part: {**ITEM[part], **keys}}


ODD = {
    "message null": changed("response", status={"code": 200, "message": None}),
    "order of the response": {**ITEM, "response": dict(reversed(ITEM["response"].items()))},
    "order of the status": changed("response", status={"message": "OK", "code": 200}),
    "order of headers": changed("response", headers={"B": ["1"], "A": ["2", "3"]}),
    "headers as text": changed("response", headers={"A": "1", "B": ["2"]}),
    "further keys": changed("response", url="http://localhost/", when=[1, 2.5, None, True, {"base64": "x"}]),
    "body null": changed("response", body={"string": None}),
    "body with more keys": changed("response", body={"encoding": "utf-8", "string": "x"}),
    "body as base64": changed("response", body={"base64_string": "aGk="}),
    "body missing": {**ITEM, "response": {key: ITEM["response"][key] for key in ("status", "headers")}},
    "text beyond Latin-1": changed("response", status={"code": 200, "message": "\u20ac"}, body={"string": "\u20ac"}),
    "request headers": changed("request", headers={"b": ["1"], "A": "2", "B": ["3", "4"]}),
    "request body": changed("request", body="a=b"),
    "request body structured": changed("request", body={"a": [1]}),
    "httpx": {
        **ITEM, "response": {"status_code": 200, "http_version": "HTTP/2", "headers": {"a": ["b"]}, "content": "hello"},
    },
}  # fmt: skip


@pytest.mark.parametrize("item", ODD.values(), ids=ODD.keys())
def test_odd_layouts_are_written_again_as_vcrpy_saves_them(item: Any) -> None:
    data = whole(item, ITEM)
    assert written(elements(data)) == saved(data.decode())


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NAMES = st.sampled_from(["Accept", "accept", "X-A", "Content-Encoding"]) | st.text("ABab-", min_size=1, max_size=4)
VALUES = st.lists(TEXTS, min_size=1, max_size=3) | TEXTS


@settings(max_examples=200, deadline=None)
@given(
    headers=st.dictionaries(NAMES, VALUES, max_size=4),
    own=st.dictionaries(NAMES, VALUES, max_size=4),
    body=st.none() | TEXTS,
    content=st.none() | TEXTS,
    message=st.none() | TEXTS,
    order=st.permutations(["status", "headers", "body"]),
    metadata=st.dictionaries(TEXTS, TEXTS | st.integers(-(1 << 63), 1 << 63), max_size=2),
)
def test_random_cassettes_are_written_again_as_vcrpy_saves_them(
    headers: Any, own: Any, body: Any, content: Any, message: Any, order: Any, metadata: Any
) -> None:
    response = {"status": {"code": 200, "message": message}, "headers": headers, "body": {"string": content}}
    item = {
        "request": {"method": "GET", "uri": "http://localhost/", "body": body, "headers": own},
        "response": {key: response[key] for key in order},
    }
    data = whole(item, ITEM, metadata=metadata)
    assert written(elements(data)) == saved(data.decode())


HOSTILE = {
    "no request": (whole({"response": {}}), "interaction 1: it has no request"),
    "no response": (whole(ITEM, {"request": {}}), "interaction 2: it has no response"),
    "a status of true": (whole(changed("response", status={"code": True})), "its status code is no number"),
    "a status of a fraction": (whole(changed("response", status={"code": 1.5})), "its status code is no number"),
    "headers as a list": (whole(changed("response", headers=["a"])), "its headers are no mapping"),
    "cut off": (whole(ITEM)[:-20], "a.json"),
    "no list": (b'{"interactions": {}}', "is no list"),
}


@pytest.mark.parametrize(("data", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_interaction_is_refused_with_its_place(data: bytes, words: str) -> None:
    with pytest.raises(BadCassetteError) as caught:
        elements(data)
    assert str(caught.value).startswith("a.json")
    assert words in str(caught.value)


def test_the_first_interaction_comes_before_the_thousandth_was_read() -> None:
    item = json.dumps(ITEM, indent=4).encode()
    parts = Trickle(part for part in [b'{"interactions": [', item, *[b",\n" + item] * 20_000, b"]}"])
    assert FORMAT.read is not None
    found = FORMAT.read(InputStream(parts, "a.json", path=None, size=None))
    assert len(list(islice(found, 1))) == 1
    assert parts.made < 4_000
    assert sum(1 for _ in found) == 20_000
