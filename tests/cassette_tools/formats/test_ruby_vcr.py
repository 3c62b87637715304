from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING

import pytest

from cassette_tools.formats.ruby_vcr import FORMAT
from cassette_tools.head import Head
from cassette_tools.input_stream import InputStream, open_input
from cassette_tools.losses import FACETS
from recorder.errors import BadCassetteError, NotACassetteError
from tests.cassette_tools.formats.sources import FIXTURES, Trickle, envelopes_of, interactions_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.interaction import Interaction

FOLDER = FIXTURES / "ruby-vcr"
MADE = "vcr-5_0_0-ruby3_1_7"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".yml", ".json"))
SEEN = [
    ("GET", "/json", 200, "OK", 87),
    ("GET", "/gzip?size=300", 200, "OK", 300),
    ("GET", "/bytes/64?kind=random", 200, "OK", 64),
    ("GET", "/redirect/1", 302, "Found", 11),
    ("GET", "/set-cookies", 200, "OK", 3),
    ("GET", "/latin1-headers", 200, "OK", 3),
    ("GET", "/status/404", 404, "Not Found", 12),
    ("GET", "/status/204", 204, "No Content", None),
    ("POST", "/raw", 200, "OK", 8),
    ("POST", "/sink", 200, "OK", 90),
    ("PUT", "/sink", 200, "OK", 89),
]


def read_file(name: str) -> list[Interaction]:
    with open_input(str(FOLDER / name)) as stream:
        assert FORMAT.sniff(stream.head) >= 90
        return interactions_of(FORMAT, stream)


def cassette(response: str = "{status: {code: 200, message: OK}}", request: str = "") -> bytes:
    return (
        "---\nhttp_interactions:\n- request:\n    method: get\n    uri: http://a.test/\n"
        f"{request}  response: {response}\n  recorded_at: Mon, 23 Nov 2026 09:49:50 GMT\nrecorded_with: VCR 6.0.0\n"
    ).encode()


def read_one(response: str, request: str = "") -> Interaction:
    (one,) = interactions_of(FORMAT, stream_of(cassette(response, request)))
    return one


# -- real files


@pytest.mark.parametrize("name", [f"{MADE}-traffic.yml", f"{MADE}-exact-bytes.yml", f"{MADE}-json.json"])
def test_what_vcr_recorded_is_read(name: str) -> None:
    found = read_file(name)

    assert [
        (
            one.request.method,
            one.request.url.removeprefix("http://localhost:18099"),
            one.response.status,
            one.response.reason,
            None if one.response.body is None else one.response.body.size,
        )
        for one in found
        if one.response is not None
    ] == [row for row in SEEN if "json.json" not in name or "latin1" not in row[1]]
    assert {one.started_at for one in found} == {"2026-11-23T09:51:25.000000Z"}
    assert all(one.extra == {} for one in found)
    by_path = {one.request.url.partition("18099")[2]: one for one in found}
    assert [one.request.body and one.request.body.read() for one in found[-3:]] == [
        b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nd\xc3\xa9j\xc3\xa0 \n",
        b"name=J%C3%BCrgen&empty=",
        b"\x00\xff\x80\n\r\xc8",
    ]
    coded = by_path["/gzip?size=300"].response
    assert coded is not None
    assert coded.body is not None
    assert (coded.body.coding, coded.body.wire_size) == ("gzip", 67)
    raw = by_path["/raw"].response
    assert raw is not None
    assert raw.body is not None
    assert raw.body.text() == "d\u00e9j\u00e0 \n"
    cookies = by_path["/set-cookies"].response
    assert cookies is not None
    assert [value for name, value in cookies.headers if name == "Set-Cookie"] == [
        "a=1; Path=/",
        "a=4; Path=/",
        "b=2; Path=/; HttpOnly",
        "c=3; Expires=Wed, 01 Jan 2098 00:00:00 GMT",
    ]
    if "/latin1-headers" in by_path:
        latin = by_path["/latin1-headers"].response
        assert latin is not None
        assert ("X-Cafe", "caf\xe9 \xa3 \xff") in latin.headers


def test_the_same_traffic_says_the_same_in_yaml_and_json() -> None:
    texts = [one for one in read_file(f"{MADE}-traffic.yml") if "latin1" not in one.request.url]
    exact = read_file(f"{MADE}-json.json")

    assert [(one.request.url, one.request.headers) for one in texts] == [
        (one.request.url, one.request.headers) for one in exact
    ]


def test_what_vcr_decompressed_is_read_as_it_is_written() -> None:
    (one,) = read_file(f"{MADE}-decompressed.yml")

    assert one.response is not None
    assert one.response.body is not None
    assert (one.response.body.size, one.response.body.coding) == (300, None)
    assert one.extra == {"ruby-vcr": {"response": {"adapter_metadata": {"vcr_decompressed": "gzip"}}}}


def test_vcr_1_wrote_structs_and_symbols() -> None:
    first, second = read_file("vcr-1-by-hand-structs.yml")

    assert (first.request.method, first.request.url, first.request.body) == ("GET", "http://localhost:80/first", None)
    assert first.response is not None
    assert first.response.headers == [("content-type", "text/plain"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
    assert (first.response.http_version, first.started_at) == ("HTTP/1.1", None)
    assert first.response.body is not None
    assert first.response.body.read() == b"first answer\n"
    assert second.request.method == "POST"
    assert second.request.body is not None
    assert second.request.body.read() == b"a=1&b=2"
    assert second.response is not None
    assert (second.response.status, second.response.reason) == (404, "Not Found")
    assert second.response.body is not None
    assert second.response.body.read() == b"\x00\xff\x80\n\r\xc8"
    assert second.extra == {}


def test_the_writer_is_told_at_the_end() -> None:
    with open_input(str(FOLDER / f"{MADE}-traffic.yml")) as stream:
        assert envelopes_of(FORMAT, stream) == [{"recorded_with": "VCR 5.0.0"}]


# -- ERB


def test_erb_is_refused_with_its_place() -> None:
    with open_input(str(FOLDER / "vcr-6-by-hand-erb.yml")) as stream, pytest.raises(BadCassetteError) as caught:
        interactions_of(FORMAT, stream)

    assert "vcr-6-by-hand-erb.yml, interaction 1, line 3: there is ERB" in str(caught.value)
    assert "TOKEN" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"---\nhttp_interactions:\n<% 3.times do %>\n- request:\n    method: get\n<% end %>\nrecorded_with: VCR\n",
        b"---\n<%= include 'x' %>\n",
    ],
)
def test_erb_around_the_items_is_called_erb(data: bytes) -> None:
    with pytest.raises(BadCassetteError, match=r"^input, line \d: there is ERB"):
        interactions_of(FORMAT, stream_of(data))


@pytest.mark.parametrize("text", ["<%", "50 <% 60", "%>", "<%% kept %>", "a %> b <% c", "<%>"])
def test_signs_that_are_no_erb_are_data(text: str) -> None:
    one = read_one(f"{{status: {{code: 200}}, body: {{encoding: UTF-8, string: '{text}'}}}}")

    assert one.response is not None
    assert one.response.body is not None
    assert one.response.body.text() == text


def test_many_signs_take_linear_time() -> None:
    text = "<%a" * 300_000

    began = time.process_time()
    one = read_one(f"{{status: {{code: 200}}, body: {{encoding: UTF-8, string: '{text}'}}}}")
    assert time.process_time() - began < 5

    assert one.response is not None
    assert one.response.body is not None
    assert one.response.body.size == 900_000


# -- what an item says


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ("{encoding: UTF-8, string: caf\u00e9}", b"caf\xc3\xa9"),
        ("{encoding: ISO-8859-1, string: caf\u00e9}", b"caf\xe9"),
        ("{encoding: Windows-1252, string: \u20ac}", b"\x80"),
        ("{encoding: UTF-16LE, string: a}", b"a\x00"),
        ("{encoding: ASCII-8BIT, string: caf\u00e9}", b"caf\xc3\xa9"),
        ("{encoding: US-ASCII, string: 123}", b"123"),
        ("{encoding: UTF-8, string: no}", b"no"),
        ("{encoding: UTF-8, string: 1_000}", b"1_000"),
        ("{encoding: UTF-8, string: }", b""),
        ("{encoding: UTF-8, base64_string: 'Y2Fm\n\n    w6k='}", b"caf\xc3\xa9"),
        ("{base64_string: !binary WTJGbQ==}", b"caf"),
        ("!binary |\n      AP8=", b"\x00\xff"),
        ("plain", b"plain"),
        ("~", b""),
        ("!ruby/string:Some::Class {str: kept, '@a': 1}", b"kept"),
    ],
)
def test_bodies_are_the_bytes_that_ruby_had(body: str, content: bytes) -> None:
    one = read_one(f"\n    status: {{code: 200}}\n    body: {body}\n")

    assert one.response is not None
    assert one.response.body is not None
    assert one.response.body.read() == content


@pytest.mark.parametrize(("encoding", "text"), [("ISO-8859-1", "\u20ac"), ("rot13", "\u00e9"), ("zlib", "\u00e9")])
def test_an_encoding_that_cannot_be_used_is_remarked(encoding: str, text: str) -> None:
    stream = stream_of(cassette(f"{{status: {{code: 200}}, body: {{encoding: {encoding}, string: {text}}}}}"))

    (one,) = interactions_of(FORMAT, stream)

    assert one.response is not None
    assert one.response.body is not None
    assert one.response.body.text() == text
    assert [(remark.text, remark.place) for remark in stream.remarks.values()] == [
        ("A body cannot be written in the encoding that it names; it is taken as UTF-8.", "interaction 1, line 3")
    ]


def test_headers_are_the_bytes_that_ruby_had() -> None:
    one = read_one(
        "{status: {code: 200}, headers: {A: [b, [c, 1]], D: e, F: , G: [caf\u00e9], H: [!binary /w==], I: []}}"
    )

    assert one.response is not None
    assert one.response.headers == [
        ("A", "b"),
        ("A", "c"),
        ("A", "1"),
        ("D", "e"),
        ("G", "caf\xc3\xa9"),
        ("H", "\xff"),
    ]


def test_keys_of_others_are_kept() -> None:
    one = read_one("{status: {code: 200, more: 1}, mine: !binary /w==}", "    theirs: true\n")

    assert one.extra == {
        "ruby-vcr": {"request": {"theirs": True}, "response": {"mine": {"base64": "/w=="}, "status": {"more": 1}}}
    }


@pytest.mark.parametrize(
    ("said", "version"), [("'1.1'", "HTTP/1.1"), ("2", "HTTP/2"), ("HTTP/1.0", "HTTP/1.0"), ("~", None)]
)
def test_http_versions_get_their_name(said: str, version: str | None) -> None:
    one = read_one(f"{{status: {{code: 200}}, http_version: {said}}}")

    assert one.response is not None
    assert one.response.http_version == version


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("Mon, 23 Nov 2026 09:49:50 GMT", "2026-11-23T09:49:50.000000Z"),
        ("2026-11-23T09:49:50+01:00", "2026-11-23T08:49:50.000000Z"),
        ("some day", None),
    ],
)
def test_times_are_dates_of_http_or_iso(said: str, moment: str | None) -> None:
    (one,) = interactions_of(FORMAT, stream_of(cassette().replace(b"Mon, 23 Nov 2026 09:49:50 GMT", said.encode())))

    assert one.started_at == moment
    assert one.extra == ({} if moment else {"ruby-vcr": {"recorded_at": "some day"}})


# -- broken and hostile


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"http_interactions: [1]", "interaction 1, line 1: no interaction of Ruby VCR: the interaction is no table"),
        (b"http_interactions: [{request: 1}]", "`request` is no table"),
        (b"http_interactions: [{request: {uri: a}}]", "its request has no `method` or no `uri`"),
        (b"http_interactions: [{request: {uri: [a], method: get}}]", "`uri` is no text"),
        (cassette("{status: {code: x}}"), "`code` is no whole number"),
        (cassette("{status: {code: 1e99}}"), "`code` is no whole number"),
        (cassette("{status: {code: 200}, headers: [a]}"), "`headers` is no table"),
        (cassette("{status: {code: 200}, headers: {a: {b: c}}}"), "a header is no text"),
        (cassette("{status: {code: 200}, body: {base64_string: '!'}}"), "`base64_string` is no base64"),
        (cassette("{status: {code: 200}, body: {string: [a]}}"), "`string` is no text"),
        (cassette("{status: {code: 200}, body: {string: {a: b}}}"), "`string` is no text"),
        (cassette("!ruby/object:Gem::Installer {i: x}"), "a tag asks for a type that no cassette needs"),
        (cassette("!!python/object/apply:os.system [x]"), "would make a Python object"),
        (b"http_interactions: " + b"[" * 100_000, ""),
        (b"http_interactions:\n- \xff\xfe\n", ""),
        (b"http_interactions:\n- a: \x00\n", ""),
        (b"http_interactions:\n- &a [*a]\n", ""),
        (b'{"http_interactions": [{"request": {"method": "get"', ""),
    ],
)
def test_what_is_wrong_is_one_error_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(BadCassetteError) as caught:
        interactions_of(FORMAT, stream_of(data, "some.yml"))

    assert str(caught.value).startswith("some.yml")
    assert said in str(caught.value)


def test_deep_keys_of_others_are_kept() -> None:
    deep = "[" * 150 + "]" * 150
    one = read_one(f"{{status: {{code: 200}}, more: {deep}}}")

    assert json.dumps(one.extra["ruby-vcr"]["response"]["more"]).replace(" ", "") == deep


def test_a_document_without_the_list_is_no_cassette() -> None:
    with pytest.raises(NotACassetteError):
        interactions_of(FORMAT, stream_of(b"openapi: 3.0.0\npaths: {}\n"))


def test_garbled_files_raise_nothing_else() -> None:
    chance = random.Random(5)
    refused = 0
    for name in (f"{MADE}-traffic.yml", f"{MADE}-json.json", "vcr-1-by-hand-structs.yml"):
        whole = (FOLDER / name).read_bytes()[:2500]
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 5)):
                data[chance.randrange(len(data))] = chance.choice(b"{}[]:,-!&*'\"\\ \n\t\x00\xff<%")
            try:
                interactions_of(FORMAT, stream_of(bytes(data)))
            except BadCassetteError:
                refused += 1
    assert refused > 60


# -- recognizing, streaming, declaring


def test_its_own_files_are_recognized_and_no_others() -> None:
    taken = {
        str(path.relative_to(FIXTURES))
        for path in FIXTURES.rglob("*")
        if path.is_file() and FORMAT.sniff(Head(path.read_bytes()[:65536], whole=False)) > 40
    }

    assert taken == {f"ruby-vcr/{name}" for name in FILES}


def test_an_interaction_is_given_before_the_rest_is_read() -> None:
    def parts() -> Iterator[bytes]:
        yield b"---\nhttp_interactions:\n"
        item = cassette(f"{{status: {{code: 200}}, body: {{encoding: UTF-8, string: {'x' * 2000}}}}}")
        for _ in range(1000):
            yield item[item.index(b"- request") : item.index(b"recorded_with")]
        yield b"recorded_with: VCR 6.0.0\n"

    source = Trickle(parts())
    assert FORMAT.read is not None
    found = FORMAT.read(InputStream(source, "slow", path=None, size=None))

    next(found)
    assert source.made < 600
    assert sum(1 for _ in found) == 1000


def test_what_it_cannot_hold_has_names() -> None:
    assert FORMAT.cannot_hold <= FACETS.keys()
    assert FORMAT.write is None
