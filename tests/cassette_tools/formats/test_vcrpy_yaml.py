"""vcrpy's YAML: what vcrpy itself loads of a cassette is what is read, and what it would save is what is written."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from vcr import migration
from vcr.serialize import deserialize, serialize
from vcr.serializers import yamlserializer

from cassette_tools.formats import WriteOptions, all_formats, format_named
from cassette_tools.formats.vcrpy_yaml import FORMAT
from cassette_tools.head import Head
from cassette_tools.input_stream import InputStream
from cassette_tools.interaction import Envelope, Interaction
from cassette_tools.losses import Losses, describe, differences
from recorder.errors import BadCassetteError
from tests.cassette_tools.formats.reading import only_interactions, remarks
from tests.cassette_tools.formats.reading import written as written_by
from tests.cassette_tools.formats.sources import FIXTURES, Trickle, stream_of

FOLDER = FIXTURES / "vcrpy-yaml"
CASSETTES = sorted(FOLDER.glob("*.yaml"))
BY_VCRPY = [path for path in CASSETTES if path.name.startswith("vcrpy-")]
ITEM = b"""\
- request:
    body: null
    headers:
      Accept:
      - '*/*'
    method: GET
    uri: http://localhost/
  response:
    body:
      string: hello
    headers:
      Content-Type:
      - text/plain
    status:
      code: 200
      message: OK
"""


def elements(data: bytes) -> list[Any]:
    assert FORMAT.read is not None
    found = list(FORMAT.read(stream_of(data, "a.yaml")))
    for one in found:
        if isinstance(one, Interaction):
            one.origin = "vcrpy"  # as the conversion does
    return found


def only(data: bytes) -> Interaction:
    (one,) = (one for one in elements(data) if isinstance(one, Interaction))
    return one


def written(found: list[Any]) -> bytes:
    assert FORMAT.write is not None
    return b"".join(FORMAT.write(iter(found), WriteOptions()))


def loaded(text: str) -> Any:
    """Give what vcrpy loads: requests, responses, and metadata where there are some."""
    return deserialize(text, yamlserializer)


def saved(text: str) -> bytes:
    """Give what vcrpy writes when it loads a cassette and saves it."""
    requests, responses, *metadata = loaded(text)
    cassette = {"requests": requests, "responses": responses}
    if metadata:
        cassette["metadata"] = metadata[0]
    return bytes(serialize(cassette, yamlserializer), "utf-8")


def migrated(path: Path, folder: Path) -> str:
    copy = folder / path.name
    shutil.copy(path, copy)
    migration.try_migrate(str(copy))
    return copy.read_text("utf-8")


def in_order(headers: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
    return found


def stored(body: Any) -> bytes:
    """Give a body's bytes as the file has them."""
    return b"" if body is None else bytes(body.wire if body.wire is not None else body.read())


def body_bytes(body: Any) -> bytes:
    """Give the bytes of a body of vcrpy's request."""
    if body is None:
        return b""
    if isinstance(body, dict):
        return repr(body).replace("'", '"').encode()
    if hasattr(body, "read"):
        return bytes(body.read())
    return body if isinstance(body, bytes) else b"".join(body)


@pytest.mark.parametrize("path", BY_VCRPY, ids=lambda path: path.stem)
def test_a_cassette_says_what_vcrpy_loads_of_it(path: Path, tmp_path: Path) -> None:
    requests, responses, *_ = loaded(migrated(path, tmp_path))
    found = [one for one in elements(path.read_bytes()) if isinstance(one, Interaction)]
    assert len(found) == len(requests) > 0
    for one, request, response in zip(found, requests, responses, strict=True):
        assert (one.request.method, one.request.url) == (request.method, request.uri)
        assert dict(one.request.headers) == dict(request.headers)
        assert stored(one.request.body) == body_bytes(request.body)
        assert (one.request.body is None) == (request.body is None)
        assert one.response is not None
        if "status" in response:
            assert one.response.status == response["status"]["code"]
            assert one.response.reason == (response["status"]["message"] or "")
            assert stored(one.response.body) == response["body"].get("string", b"")  # aiohttp: none for redirects
        else:
            assert one.response.status == response["status_code"]
            assert one.response.http_version == response["http_version"] == "HTTP/1.1"
            assert stored(one.response.body) == response["content"].encode()
        pairs = dict(response["headers"])  # tornado: a list of pairs
        listed = {key: [said] if isinstance(said, str) else said for key, said in pairs.items()}
        assert in_order(one.response.headers) == listed


@pytest.mark.parametrize("path", BY_VCRPY, ids=lambda path: path.stem)
def test_read_and_written_again_a_cassette_is_what_vcrpy_saves(path: Path, tmp_path: Path) -> None:
    assert written(elements(path.read_bytes())) == saved(migrated(path, tmp_path))


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_a_cassette_is_told_by_its_content(path: Path) -> None:
    data = path.read_bytes()
    head = Head(data, whole=True)
    scores = {one.name: one.sniff(head) for one in all_formats() if one.read is not None}
    assert max(scores, key=lambda name: scores[name]) == "vcrpy-yaml"
    assert scores["vcrpy-yaml"] >= 60


@pytest.mark.parametrize(
    "path", [path for path in sorted(FIXTURES.glob("*/*")) if path.parent.name != "vcrpy-yaml"], ids=lambda p: p.name
)
def test_files_of_others_are_not_taken(path: Path) -> None:
    assert FORMAT.sniff(Head(path.read_bytes()[:65536], whole=True)) <= 30


@pytest.mark.parametrize(
    "data",
    [
        b"openapi: 3.0.0\npaths: {}\n",
        b"one:\n  id: 1\n  name: A fixture of Rails\n",
        b"- name: a playbook\n  hosts: all\n",
        b"plain text",
        b"",
        b"\x00\x01",
        b"<html>",
        b"interactions\n",
    ],
)
def test_what_is_no_cassette_is_not_taken(data: bytes) -> None:
    assert FORMAT.sniff(Head(data, whole=True)) == 0


def test_a_cassette_that_was_edited_by_hand_is_read() -> None:
    data = (FOLDER / "by-hand-edited.yaml").read_bytes()
    first, second, third, envelope = elements(data)
    assert envelope == Envelope("vcrpy", {"keys": {"recorded_by": "team-a"}})
    assert first.request.headers == [("Accept", "*/*"), ("X-Count", "5"), ("X-Day", "2026-11-23"), ("X-Plain", "text")]
    assert first.request.body.text() == "user=ann&note=one long line"
    assert first.response.reason == ""
    assert first.response.headers == [
        ("Content-Type", "text/plain"),
        ("Set-Cookie", "a=1; Path=/"),
        ("Set-Cookie", "b='2'"),
    ]
    assert first.response.body.text() == "line one\nline two\u00e9"
    assert first.extra == {
        "vcrpy": {
            "keys": {"recorded_at": {"datetime": "2026-11-23 09:00:00"}},
            "request": {
                "headers": {"Accept": ["*/*"], "X-Count": [5], "X-Day": [{"date": "2026-11-23"}], "X-Plain": ["text"]}
            },
            "response": {
                "status": {"code": 200, "message": None},
                "body": {"string": {"model": True}, "encoding": "utf-8"},
            },
        }
    }
    assert second.request.url == first.request.url
    assert second.response.body.text() == first.response.body.text()
    assert (third.request.method, third.request.body, third.response.status) == ("GET", None, 404)
    assert third.response.body.text() == "literal text\n  with indentation\n\nand an empty line\n"
    ours = deserialize(written([first, second, third, envelope]).decode(), yamlserializer)
    theirs = deserialize(data.decode(), yamlserializer)
    assert [vars(one) for one in ours[0]] == [vars(one) for one in theirs[0]]
    assert ours[1] == theirs[1]


def test_a_body_under_parsed_body_alone_is_taken_as_its_json() -> None:
    data = (FOLDER / "by-hand-parsed-body.yaml").read_bytes()
    stream = stream_of(data)
    assert FORMAT.read is not None
    (one,) = FORMAT.read(stream)
    assert isinstance(one, Interaction)
    assert one.response is not None
    assert one.request.body is not None
    assert one.response.body is not None
    assert one.request.body.text() == (
        '{"messages": [{"content": "What is the capital of France?", "role": "user"}], '
        '"model": "small-1", "n": 1, "stream": false}'
    )
    assert (one.response.body.text() or "").endswith('"created": 1735689600}')
    assert one.extra["vcrpy"]["request"]["parsed_body"]["n"] == 1
    assert [remark.count for remark in stream.remarks.values()] == [2]


def test_what_was_read_and_written_reads_the_same() -> None:
    for path in CASSETTES:
        once = [one for one in elements(path.read_bytes()) if isinstance(one, Interaction)]
        again = [one for one in elements(written(list(once))) if isinstance(one, Interaction)]
        for one, other in zip(once, again, strict=True):
            one.extra.get("vcrpy", {}).get("request", {}).pop("parsed_body", None)  # vcrpy refuses it
            left = describe(one)
            left["extra"] = {"vcrpy": {key: said for key, said in one.extra.get("vcrpy", {}).items() if said}}
            right = describe(other)
            right["extra"] = {"vcrpy": other.extra.get("vcrpy", {})}
            assert differences(left, right, FORMAT.cannot_hold - {"extra"}) == []


def test_of_several_values_of_a_request_header_vcrpy_takes_one_and_that_is_said() -> None:
    data = with_part(b"- '*/*'", b"- '*/*'\n      - b\n      accept:\n      - c")
    stream = stream_of(data)
    assert FORMAT.read is not None
    (one,) = FORMAT.read(stream)
    assert isinstance(one, Interaction)
    assert one.request.headers == [("Accept", "c")]
    assert one.extra == {}
    assert [(remark.count, remark.place) for remark in stream.remarks.values()] == [(2, "interaction 1")]


def test_an_ordinary_interaction_has_nothing_beyond_the_model() -> None:
    one = only(b"interactions:\n" + ITEM + b"version: 1\n")
    assert one.extra == {}
    assert one.request.headers == [("Accept", "*/*")]
    assert one.response is not None
    assert one.response.body is not None
    assert (one.response.status, one.response.reason, one.response.body.text()) == (200, "OK", "hello")


def with_part(old: bytes, new: bytes) -> bytes:
    assert old in ITEM
    return b"interactions:\n" + ITEM.replace(old, new) + b"version: 1\n"


def test_bodies_are_looked_at_and_headers_not_trusted() -> None:
    packed = (FOLDER / "vcrpy-9.4.2-httpx.yaml").read_bytes()
    by_url = {one.request.url.split("/")[3]: one.response for one in elements(packed)}
    coded = by_url["gzip?size=300"].body
    assert coded.coding == "gzip"
    assert coded.wire[:2] == b"\x1f\x8b"
    assert coded.wire_size == len(coded.wire) < coded.size == 300
    plain = (FOLDER / "vcrpy-9.4.2-requests.yaml").read_bytes()
    decoded = next(one.response.body for one in elements(plain) if "gzip" in one.request.url)
    assert (decoded.coding, decoded.wire, decoded.wire_size, decoded.size) == ("gzip", None, None, 300)
    broken = only(
        with_part(
            b"string: hello", b"string: !!binary |\n        " + base64.b64encode(b"\x1f\x8b\x08\xffbroken")
        ).replace(b"Content-Type:\n      - text/plain", b"Content-Encoding:\n      - gzip")
    )
    assert broken.response is not None
    assert broken.response.body is not None
    assert (broken.response.body.coding, broken.response.body.read()) == (None, b"\x1f\x8b\x08\xffbroken")
    assert broken.response.body.coding_error


ODD = {
    "message null": (b"message: OK", b"message: null"),
    "message missing": (b"      message: OK\n", b""),
    "further key of status": (b"message: OK", b"message: OK\n      extra: 1"),
    "code as text": (b"code: 200", b"code: '200'"),
    "header as text": (b"Content-Type:\n      - text/plain", b"Content-Type: text/plain"),
    "header as bytes": (b"- text/plain", b"- !!binary |\n        /3g="),
    "header as number": (b"- text/plain", b"- 5"),
    "header as null": (b"- text/plain", b"- null"),
    "header as tuple": (b"\n      - text/plain", b" !!python/tuple [a, b]"),
    "no value of a header": (b"\n      - text/plain", b" []"),
    "header in UTF-8": (b"- text/plain", b'- "\\u20AC"'),
    "no headers": (b"headers:\n      Content-Type:\n      - text/plain", b"headers: {}"),
    "header as null alone": (b"Content-Type:\n      - text/plain", b"Content-Type: null"),
    "headers as lists of pairs": (
        b"headers:\n      Content-Type:\n      - text/plain",
        b"headers:\n    - - Set-Cookie\n      - - a\n        - b\n    - - set-cookie\n      - []",
    ),
    "headers as tuples": (
        b"headers:\n      Content-Type:\n      - text/plain",
        b"headers:\n    - !!python/tuple\n      - Content-Type\n      - - text/plain",
    ),
    "headers as an empty list": (b"headers:\n      Content-Type:\n      - text/plain", b"headers: []"),
    "a relative uri": (b"uri: http://localhost/", b"uri: /p?q"),
    "an empty uri": (b"uri: http://localhost/", b"uri: ''"),
    "an empty method": (b"method: GET", b"method: ''"),
    "request headers as pairs": (
        b"headers:\n      Accept:\n      - '*/*'",
        b"headers:\n    - [Accept, ['*/*', b]]\n    - !!python/tuple [accept, c]\n    - [B, d]",
    ),
    "request header as text": (b"Accept:\n      - '*/*'", b"Accept: '*/*'"),
    "request header twice": (b"- '*/*'", b"- '*/*'\n      - b"),
    "request header in two cases": (b"- '*/*'", b"- '*/*'\n      accept:\n      - b"),
    "body bytes that are text": (b"string: hello", b"string: !!binary |\n        aGk="),
    "body bytes": (b"string: hello", b"string: !!binary |\n        /3g="),
    "body empty": (b"string: hello", b"string: ''"),
    "body null inside": (b"string: hello", b"string: null"),
    "body with more keys": (b"string: hello", b"string: hello\n      encoding: utf-8"),
    "body as base64": (b"string: hello", b"base64_string: aGk="),
    "body as text": (b"\n      string: hello", b" hello"),
    "body null": (b"\n      string: hello", b" null"),
    "body empty mapping": (b"\n      string: hello", b" {}"),
    "request body text": (b"body: null", b"body: a=b"),
    "request body empty": (b"body: null", b"body: ''"),
    "request body bytes": (b"body: null", b"body: !!binary |\n      /3g="),
    "request body of Python 2": (b"body: null", b"body: !!python/unicode 'a=b'"),
    "request body a file": (
        b"body: null",
        (b"body: !!python/object/new:_io.BytesIO\n      state: !!python/tuple\n"
        b"      - !!binary |\n        aGk=\n      - 1\n      - null"),
    ),
    "request body a file of text": (b"body: null", b"body: !!python/object/new:_io.BytesIO\n      state: [hi]"),
    "request body an iterator": (
        b"body: null",
        b"body: !!python/object/apply:builtins.iter\n      args:\n      - [a, !!binary /w==]",
    ),
    "request body a list": (b"body: null", b"body: [a, b]"),
    "request body a mapping": (b"body: null", b"body: {a: 1, b: [2.5, null, true]}"),
    "request body a mapping with a string": (b"body: null", b"body: {string: a}"),
    "request body a number": (b"body: null", b"body: 5"),
    "request body a date": (b"body: null", b"body: 2026-11-23"),
    "request body a big number": (b"body: null", b"body: 123456789012345678901234567890"),
    "request body no number": (b"body: null", b"body: [.nan, .inf, -.inf, 1e+300]"),
    "request body like a mark": (b"body: null", b"body: {base64: aGk=}"),
    "request body with odd keys": (b"body: null", b"body: {1: a, 2.5: c}"),
    "further key of the response": (
        b"  response:\n",
        b"  response:\n    url: http://localhost/\n    when: 2026-11-23T01:02:03.5+01:00\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), ODD.values(), ids=ODD.keys())
def test_odd_layouts_are_written_again_as_vcrpy_saves_them(old: bytes, new: bytes) -> None:
    data = with_part(old, new)
    assert written(elements(data)) == saved(data.decode())


def test_what_vcrpy_loads_and_no_client_sends_is_read_and_told() -> None:
    data = with_part(b"uri: http://localhost/", b"uri: ''").replace(b"method: GET", b"method: ''")
    assert (only(data).request.method, only(data).request.url) == ("", "")
    assert remarks(FORMAT, data) == {
        "A method is empty; it is taken as it is.": 1,
        "A URL is not absolute; it is taken as it is.": 1,
    }


PLACES = {
    "request body": b"body: null",
    "method": b"method: GET",
    "uri": b"uri: http://localhost/",
    "request header": b"- '*/*'",
    "response header": b"- text/plain",
    "body": b"string: hello",
    "whole body": b"\n      string: hello",
    "message": b"message: OK",
}
SCALARS = {
    "0x1F": "31",
    "1_0": "10",
    "-0": "0",
    "yes": "true",
    "OFF": "false",
    "1:30": "90",
    "1e3": "1e3",
    "6.02E+23": "6.02e+23",
    "-.INF": "-.inf",
    ".NaN": ".nan",
    "123456789012345678901234567890": "123456789012345678901234567890",
    "2026-11-23": "2026-11-23",
    "2026-11-23T01:02:03.5Z": "2026-11-23 01:02:03.500000+00:00",
}


@pytest.mark.parametrize("scalar", SCALARS)
@pytest.mark.parametrize("place", PLACES)
def test_a_plain_scalar_where_text_belongs_is_the_text_of_its_value(place: str, scalar: str) -> None:
    key = PLACES[place].rpartition(b" ")[0] if place != "whole body" else b""
    one = only(with_part(PLACES[place], key + b" " + scalar.encode()))
    assert SCALARS[scalar] in (
        one.request.method,
        one.request.url,
        stored(one.request.body).decode(),
        one.request.headers[0][1],
        one.response.headers[0][1] if one.response is not None else None,
        one.response.reason if one.response is not None else None,
        stored(one.response.body).decode() if one.response is not None else None,
    )
    for target in (FORMAT, format_named("vcrpy-json", reading=False)):
        losses = Losses(target.cannot_hold, family="vcrpy")
        (back,) = only_interactions(target, written_by(target, [one], losses))
        assert differences(describe(one), describe(back), {"coding"}) in ([], ["extra"])
        assert describe(one)["extra"] == describe(back)["extra"] or target is not FORMAT


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["", " ", "a\n", "no", "1e5", "\x00"]
)
LATIN = st.text(st.characters(max_codepoint=255), max_size=20) | st.sampled_from(["", "no", "200", "\u20ac"])
NAMES = st.sampled_from(["Accept", "accept", "X-A", "Content-Encoding", "on", "1", "Set-Cookie"]) | st.text(
    "ABab-", min_size=1, max_size=4
)
VALUES = st.lists(LATIN, min_size=1, max_size=3) | LATIN | st.integers() | st.just(["gzip"])
CASSETTES_AS_DICTS = st.lists(
    st.fixed_dictionaries(
        {
            "request": st.fixed_dictionaries(
                {
                    "body": st.none() | TEXTS | st.binary(max_size=40) | st.integers(),
                    "headers": st.dictionaries(NAMES, VALUES, max_size=4),
                    "method": st.sampled_from(["GET", "POST", "NO", "M-SEARCH"]),
                    "uri": TEXTS.map(lambda text: f"http://localhost/{text}"),
                }
            ),
            "response": st.fixed_dictionaries(
                {
                    "body": st.fixed_dictionaries({"string": st.none() | TEXTS | st.binary(max_size=40)}),
                    "headers": st.dictionaries(NAMES, VALUES, max_size=4),
                    "status": st.fixed_dictionaries({"code": st.integers(100, 599), "message": st.none() | LATIN}),
                },
                optional={"url": TEXTS, "protocol": st.none() | TEXTS | st.lists(st.integers(), max_size=2)},
            ),
        }
    ),
    max_size=3,
)


@settings(max_examples=200, deadline=None)
@given(interactions=CASSETTES_AS_DICTS, metadata=st.dictionaries(TEXTS, TEXTS | st.integers(), max_size=2))
def test_random_cassettes_are_written_again_as_vcrpy_saves_them(interactions: Any, metadata: Any) -> None:
    whole = {"version": 1, "interactions": interactions, "metadata": metadata}

    class NoAliases(yaml.CDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    text = yaml.dump(whole, Dumper=NoAliases)
    try:
        wanted = saved(text)
    except (yaml.YAMLError, IndexError, AttributeError):
        return  # vcrpy does not load what it would not write
    if b"&id" in wanted:
        return  # vcrpy writes anchors for values that happen to be one object
    assert written(elements(text.encode())) == wanted


HOSTILE = {
    "no request": (b"- response: {}\n", "interaction 1: it has no request"),
    "no response": (b"- request: {method: GET, uri: 'http://h/'}\n", "interaction 1: it has no response"),
    "no mapping": (b"- a\n", "interaction 1: it is no mapping"),
    "null": (b"-\n", "interaction 1: it is no mapping"),
    "no method": (ITEM.replace(b"method: GET", b"method: null"), "interaction 1: its request has no method"),
    "no uri": (ITEM.replace(b"    uri: http://localhost/\n", b""), "interaction 1: its request has no uri"),
    "a uri that is no text": (ITEM.replace(b"uri: http://localhost/", b"uri: [a]"), "its request has no uri"),
    "no status": (
        ITEM.replace(b"    status:\n      code: 200\n      message: OK\n", b""),
        "its response has no status",
    ),
    "a status of text": (ITEM.replace(b"code: 200", b"code: OK"), "its status code is no number from 0 to 999"),
    "a huge status": (ITEM.replace(b"code: 200", b"code: 1" + b"0" * 5000), "its status code is no number"),
    "headers as text": (ITEM.replace(b"\n      Accept:\n      - '*/*'", b" a"), "its headers are no mapping"),
    "headers as lists of three": (ITEM.replace(b"\n      Accept:\n      - '*/*'", b" [[a, b, c]]"), "no mapping"),
    "headers in headers": (ITEM.replace(b"- '*/*'", b"- {a: b}"), "the value of a header is no text"),
    "no base64": (ITEM.replace(b"string: hello", b"base64_string: '=a'"), "its base64_string is no base64"),
    "an iterator of mappings": (
        ITEM.replace(b"body: null", b"body: !!python/object/apply:builtins.iter {args: [[{a: b}]]}"),
        "is an iterator over",
    ),
    "a file of Python 2": (
        ITEM.replace(b"body: null", b"body: !!python/object:StringIO.StringIO {buf: a}"),
        "line 3: a tag !!python/object",
    ),
    "code to run": (
        ITEM.replace(b"body: null", b"body: !!python/object/apply:subprocess.check_output [[touch, /tmp/x]]"),
        "line 3: a tag !!python/object/apply would make a Python object. Nothing was run.",
    ),
    "an old layout without its parts": (b"", "no list"),
}  # fmt: skip


@pytest.mark.parametrize(("items", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_interaction_is_refused_with_its_place(items: bytes, words: str) -> None:
    with pytest.raises(BadCassetteError) as caught:
        elements(b"interactions:\n" + items)
    assert str(caught.value).startswith("a.yaml")
    assert words in str(caught.value)


def test_an_old_list_without_the_parts_of_a_url_is_refused() -> None:
    with pytest.raises(BadCassetteError, match="neither a uri nor protocol, host, port and path"):
        elements(b"- request: {method: GET}\n  response: {}\n")


def test_the_first_interaction_comes_before_the_thousandth_was_read() -> None:
    parts = Trickle(part for part in [b"interactions:\n", *[ITEM] * 20_000])
    assert FORMAT.read is not None
    found = FORMAT.read(InputStream(parts, "a.yaml", path=None, size=None))
    assert len(list(islice(found, 1))) == 1
    assert parts.made < 4_000  # two blocks of the file: 256 KiB each
    assert sum(1 for _ in found) == 19_999


MEMORY = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.peak import peak_kib
from cassette_tools.formats.vcrpy_yaml import FORMAT
from cassette_tools.input_stream import open_input
list(FORMAT.read(open_input(sys.argv[2])))
before = peak_kib()
count = sum(1 for _ in FORMAT.read(open_input(sys.argv[3])))
print(count, peak_kib() - before)
"""


def growth(tmp_path: Path, item: bytes, size: int) -> tuple[int, int]:
    """Read a file of `size` bytes in a process of its own; give the interactions, and the growth in KiB."""
    small, large = tmp_path / "small.yaml", tmp_path / "large.yaml"
    small.write_bytes(b"interactions:\n" + item)
    with large.open("wb") as file:
        file.write(b"interactions:\n")
        for _ in range(size // len(item)):
            file.write(item)
        file.write(b"version: 1\n")
    root = str(Path(__file__).resolve().parents[3])
    out = subprocess.run([sys.executable, "-c", MEMORY, root, str(small), str(large)], capture_output=True, check=True)
    count, grown = out.stdout.split()
    return int(count), int(grown)


LONG = ITEM.replace(b"string: hello", b"string: '" + b"\n        ".join([b"words " * 12 + b"end"] * 25) + b"'")


@pytest.mark.parametrize("tail", [b"", b"  further: {flow: style}\n"], ids=["quick", "events"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, tail: bytes) -> None:
    count, grown = growth(tmp_path, LONG + tail, 12_000_000)
    assert count > 5_000
    assert grown < 8_000


@pytest.mark.full
@pytest.mark.parametrize("tail", [b"", b"  further: {flow: style}\n"], ids=["quick", "events"])
def test_memory_does_not_grow_with_a_large_file(tmp_path: Path, tail: bytes) -> None:
    count, grown = growth(tmp_path, LONG + tail, 200_000_000)
    assert count > 80_000
    assert grown < 20_000
