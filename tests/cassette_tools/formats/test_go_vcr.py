from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from cassette_tools.formats.go_vcr import FORMAT
from cassette_tools.head import Head
from cassette_tools.input_stream import InputStream, open_input
from cassette_tools.losses import FACETS
from recorder.errors import BadCassetteError
from tests.cassette_tools.formats.sources import FIXTURES, Trickle, envelopes_of, interactions_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.interaction import Interaction

FOLDER = FIXTURES / "go-vcr"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix == ".yaml")


def read_file(name: str) -> list[Interaction]:
    with open_input(str(FOLDER / name)) as stream:
        assert FORMAT.sniff(stream.head) > 90
        return interactions_of(FORMAT, stream)


def cassette(response: str, request: str = "url: http://a.test/, method: GET") -> bytes:
    item = f"    - id: 0\n      request: {{{request}}}\n      response: {response}\n"
    return f"---\nversion: 2\ninteractions:\n{item}".encode()


def read_one(response: str, request: str = "url: http://a.test/, method: GET") -> Interaction:
    (one,) = interactions_of(FORMAT, stream_of(cassette(response, request)))
    return one


# -- real files, and files by hand


def test_what_go_vcr_1_recorded_is_read() -> None:
    found = read_file("go-vcr-1.2.0-traffic.yaml")

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
    ] == [
        ("GET", "/json", 200, "OK", 87),
        ("GET", "/gzip?size=300", 200, "OK", 300),
        ("GET", "/bytes/64?kind=random", 200, "OK", 64),
        ("GET", "/redirect/1", 302, "Found", 11),
        ("GET", "/json", 200, "OK", 87),
        ("GET", "/set-cookies", 200, "OK", 3),
        ("GET", "/latin1-headers", 200, "OK", 3),
        ("GET", "/status/404", 404, "Not Found", 12),
        ("GET", "/status/204", 204, "No Content", None),
        ("POST", "/raw", 200, "OK", 8),
        ("POST", "/sink", 200, "OK", 90),
        ("PUT", "/sink", 200, "OK", 89),
    ]
    assert all(one.started_at is None and one.timings_ms == {} and one.extra == {} for one in found)
    assert found[4].request.headers == [("Referer", "http://localhost:18099/redirect/1")]
    cookies, latin, raw = (found[index].response for index in (5, 6, 9))
    assert cookies is not None
    assert [value for name, value in cookies.headers if name == "Set-Cookie"] == [
        "a=1; Path=/",
        "b=2; Path=/; HttpOnly",
        "c=3; Expires=Wed, 01 Jan 2098 00:00:00 GMT",
        "a=4; Path=/",
    ]
    assert latin is not None
    assert ("X-Cafe", "caf\xe9 \xa3 \xff") in latin.headers
    assert raw is not None
    assert raw.body is not None
    assert raw.body.text() == "d\u00e9j\u00e0 \n"
    assert [one.request.body and one.request.body.read() for one in found[-2:]] == [
        b"empty=&name=J%C3%BCrgen",
        b"\x00\xff\x80\n\r\xc8",
    ]


def test_format_1_of_go_vcr_2_has_durations() -> None:
    first, second = read_file("go-vcr-2-by-hand.yaml")

    assert (first.timings_ms, second.timings_ms) == ({"total": 1.234567}, {"total": 3_723_500.0})
    assert first.response is not None
    assert (first.response.status, first.response.reason) == (201, "Created")
    assert second.response is not None
    assert (second.response.status, second.response.reason) == (200, "")


def test_format_2_of_go_vcr_3_is_read() -> None:
    first, second = read_file("go-vcr-3-by-hand.yaml")

    assert (first.request.method, first.request.url, first.request.http_version) == (
        "POST",
        "http://example.test/form",
        "HTTP/1.1",
    )
    assert first.response is not None
    assert first.response.http_version == "HTTP/2.0"
    assert first.response.headers == [("Content-Type", "application/octet-stream"), ("X-Cafe", "caf\xc3\xa9")]
    assert first.response.trailers == [("X-Checksum", "abc")]
    assert first.response.body is not None
    assert (first.response.body.read(), first.response.body.framing) == (b"\x00\xff\x80\n\r\xc8", "chunked")
    assert first.timings_ms == {"total": 123.4}
    assert first.extra == {
        "go-vcr": {
            "request": {"host": "127.0.0.1:58027", "remote_addr": "127.0.0.1:58028", "request_uri": "/form"},
            "response": {"uncompressed": True},
        }
    }
    assert (second.request.method, second.request.url) == ("GET", "http://127.0.0.1:58027/relative?x=1")
    assert second.response is not None
    assert second.response.body is None
    assert second.extra == {}


def test_format_2_of_go_vcr_4_leaves_out_what_is_empty() -> None:
    (one,) = read_file("go-vcr-4-by-hand.yaml")

    assert one.request.headers == [("User-Agent", "Go-http-client/1.1")]
    assert one.request.body is None
    assert one.response is not None
    assert one.response.body is not None
    assert one.response.body.read() == b"two\nrows"
    assert (one.timings_ms, one.extra) == ({}, {})


# -- what an item says


@pytest.mark.parametrize(
    ("duration", "total"),
    [
        ("1.5s", 1500.0),
        ("123.4ms", 123.4),
        ("1h2m", 3_720_000.0),
        ("83ns", 0.000083),
        ("2\u00b5s", 0.002),
        ("2\u03bcs", 0.002),
        ("2us", 0.002),
        (".5s", 500.0),
        ("1.s", 1000.0),
        ("1500000", 1.5),
        ("0s", None),
        ("0", None),
        ("''", None),
        ("~", None),
    ],
)
def test_durations_are_gos(duration: str, total: float | None) -> None:
    one = read_one(f"{{code: 200, status: 200 OK, duration: {duration}}}")

    assert one.timings_ms == ({} if total is None else {"total": total})
    assert one.extra == {}


@pytest.mark.parametrize("duration", ["soon", "1", "-1s", "1x", ".s", "1s 2s", "9" * 101 + "s"])
def test_what_is_no_duration_is_kept(duration: str) -> None:
    one = read_one(f"{{code: 200, status: 200 OK, duration: '{duration}'}}")

    if duration == "1":  # nanoseconds, as Go writes a duration without its type
        assert one.timings_ms == {"total": 1e-6}
    else:
        assert one.timings_ms == {}
        assert one.extra == {"go-vcr": {"response": {"duration": duration}}}


@pytest.mark.parametrize(
    ("request_part", "kept"),
    [
        ("url: 'http://a.test/?c=3', method: POST, body: 'a=1&b=', form: {a: ['1'], b: [''], c: ['3']}", {}),
        ("url: http://a.test/, method: POST, body: 'a=1', form: {a: ['2']}", {"form": {"a": ["2"]}}),
        ("url: 'http://a.test:80/', method: GET, host: 'a.test:80'", {}),
        ("url: http://a.test/, method: GET, host: b.test", {"host": "b.test"}),
        ("url: http://a.test/, method: GET, proto: HTTP/1.1, proto_major: 1, proto_minor: 1", {}),
        (
            "url: http://a.test/, method: GET, proto: HTTP/1.1, proto_major: 2, proto_minor: 0",
            {"proto_major": 2, "proto_minor": 0},
        ),
        ("url: http://a.test/, method: GET, content_length: 5", {"content_length": 5}),
        ("url: http://a.test/, method: GET, trailer: {A: [b]}", {"trailer": {"A": ["b"]}}),
    ],
)
def test_what_the_model_says_already_is_not_kept_twice(request_part: str, kept: dict[str, object]) -> None:
    one = read_one("{code: 200, status: 200 OK}", request_part)

    assert one.extra == ({"go-vcr": {"request": kept}} if kept else {})


def test_ids_that_do_not_count_are_kept() -> None:
    (one,) = interactions_of(FORMAT, stream_of(cassette("{code: 200}").replace(b"id: 0", b"id: 7")))

    assert one.extra == {"go-vcr": {"id": 7}}


def test_the_version_is_no_news_but_other_keys_are() -> None:
    data = cassette("{code: 200}")

    assert envelopes_of(FORMAT, stream_of(data)) == []
    assert envelopes_of(FORMAT, stream_of(data + b"note: mine\n")) == [{"version": 2, "note": "mine"}]


# -- broken and hostile


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"interactions: [1]", "interaction 1, line 1: no interaction of go-vcr: the interaction is no table"),
        (cassette("{code: 200}", "method: GET"), "its request has no `url`"),
        (cassette("{code: 200}", "url: /a"), "its `url` is relative, and there is no `host`"),
        (cassette("{status: 200 OK}"), "`code` is no whole number"),
        (cassette("{code: 200, headers: [1]}"), "`headers` is no table"),
        (cassette("{code: 200, body: [1]}"), "`body` is no text"),
        (cassette("{code: 200, duration: [1]}"), "`duration` is no text"),
        (cassette("{code: 200}", "url: 'http://[::1/', method: GET, host: []"), "`host` is no text"),
        (b"version: 1\ninteractions:\n- {" + b"{" * 100_000, ""),
    ],
)
def test_what_is_wrong_is_one_error_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(BadCassetteError) as caught:
        interactions_of(FORMAT, stream_of(data, "some.yaml"))

    assert str(caught.value).startswith("some.yaml")
    assert said in str(caught.value)


def test_a_url_that_is_none_is_read_as_it_is() -> None:
    one = read_one("{code: 200}", "url: 'http://[::1/', method: GET, host: a.test, form: {a: [b]}")

    assert one.request.url == "http://[::1/"


def test_garbled_files_raise_nothing_else() -> None:
    chance = random.Random(7)
    refused = 0
    for name in FILES:
        whole = (FOLDER / name).read_bytes()[:1500]
        for _ in range(50):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 5)):
                data[chance.randrange(len(data))] = chance.choice(b"{}[]:,-!&*'\"\\ \n\t\x00\xff")
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
        if path.is_file() and FORMAT.sniff(Head(path.read_bytes()[:65536], whole=False)) > 0
    }

    assert taken == {f"go-vcr/{name}" for name in FILES}


@pytest.mark.parametrize(
    ("data", "score"),
    [
        (b"---\nversion: 1\ninteractions:\n- request:\n    body: " + b"x" * 70_000, 60),
        (b"interactions:\n- request:\n    form: {}\n    url: a\n", 80),
        (
            b"interactions:\n- request:\n    uri: a\n  response:\n    status:\n      code: 200\nversion: 1\n",
            0,
        ),
        (b"version: 1\ninteractions: 5\n", 0),
        (b'{"version": 1, "interactions": []}', 0),
        (b"openapi: 3.0.0\n", 0),
    ],
)
def test_its_words_tell_it_from_vcrpy(data: bytes, score: int) -> None:
    assert FORMAT.sniff(Head(data[:65536], whole=False)) == score


def test_an_interaction_is_given_before_the_rest_is_read() -> None:
    def parts() -> Iterator[bytes]:
        data = cassette(f"{{code: 200, body: {'x' * 2000}}}")
        start = data.index(b"    - id")
        yield data[:start]
        for _ in range(1000):
            yield data[start:]

    source = Trickle(parts())
    assert FORMAT.read is not None
    found = FORMAT.read(InputStream(source, "slow", path=None, size=None))

    next(found)
    assert source.made < 600
    assert sum(1 for _ in found) == 999


def test_what_it_cannot_hold_has_names() -> None:
    assert FORMAT.cannot_hold <= FACETS.keys()
    assert FORMAT.write is None
