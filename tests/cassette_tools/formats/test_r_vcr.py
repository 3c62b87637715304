from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from cassette_tools.formats.r_vcr import FORMAT
from cassette_tools.head import Head
from cassette_tools.input_stream import InputStream, open_input
from cassette_tools.losses import FACETS
from recorder.errors import BadCassetteError
from tests.cassette_tools.formats.sources import FIXTURES, Trickle, envelopes_of, interactions_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassette_tools.interaction import Interaction

FOLDER = FIXTURES / "r-vcr"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".yml", ".json"))
OUTSIDE = "A body lies in a file that is not in the cassette's folder; it is left out."


def read_file(name: str) -> list[Interaction]:
    with open_input(str(FOLDER / name)) as stream:
        assert FORMAT.sniff(stream.head) > 90
        return interactions_of(FORMAT, stream)


def cassette(response: str, request: str = "") -> bytes:
    return (
        f"http_interactions:\n- request:\n    method: get\n    uri: http://a.test/\n{request}  response: {response}\n"
        "  recorded_at: 2026-11-23 09:51:26 GMT\nrecorded_with: VCR-vcr/2.0.0\n"
    ).encode()


def read_one(response: str, request: str = "") -> Interaction:
    (one,) = interactions_of(FORMAT, stream_of(cassette(response, request)))
    return one


# -- real files


def test_what_crul_recorded_is_read() -> None:
    found = read_file("vcr-1.2.0-crul.yml")

    assert [
        (
            one.request.method,
            one.request.url,
            one.response.status,
            one.response.reason,
            one.response.http_version,
            None if one.response.body is None else one.response.body.size,
        )
        for one in found
        if one.response is not None
    ] == [
        ("GET", "http://localhost/json", 200, "OK", "HTTP/1.1", 87),
        ("GET", "http://localhost/gzip?size=300", 200, "OK", "HTTP/1.1", 300),
        ("GET", "http://localhost/bytes/64?kind=text", 200, "OK", "HTTP/1.1", 64),
        ("GET", "http://localhost/json", 200, "OK", "HTTP/1.1", 87),
        ("GET", "http://localhost/set-cookies", 200, "OK", "HTTP/1.1", 3),
        ("GET", "http://localhost/status/404", 404, "Not Found", "HTTP/1.1", 12),
        ("GET", "http://localhost/status/204", 204, "No Content", "HTTP/1.1", None),
        ("POST", "http://localhost/sink", 200, "OK", "HTTP/1.1", 90),
        ("POST", "http://localhost/raw", 200, "OK", "HTTP/1.1", 8),
        ("PUT", "http://localhost/sink", 200, "OK", "HTTP/1.1", 90),
    ]
    assert {one.started_at for one in found} == {"2026-11-23T09:51:26.000000Z"}
    coded = found[1].response
    assert coded is not None
    assert coded.body is not None
    assert (coded.body.coding, coded.body.wire) == ("gzip", None)
    assert coded.headers == [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-encoding", "gzip"),
        ("content-length", "67"),
    ]
    assert found[0].extra["r-vcr"] == {
        "response": {"status": {"explanation": "Request fulfilled, document follows"}},
        "recorded_with": "vcr/1.2.0, webmockr/0.8.2",
    }
    raw = found[8].response
    assert raw is not None
    assert raw.body is not None
    assert raw.body.text() == "d\u00e9j\u00e0 \n"
    assert found[7].request.body is not None
    assert found[7].request.body.read() == b"name=J%C3%BCrgen&empty="


def test_what_httr_recorded_is_read() -> None:
    _, cookies, form = read_file("vcr-1.2.0-httr.yml")

    assert cookies.response is not None
    assert (cookies.response.status, cookies.response.reason, cookies.response.http_version) == (200, "OK", None)
    assert [value for name, value in cookies.response.headers if name == "set-cookie"] == [
        "a=1; Path=/",
        "b=2; Path=/; HttpOnly",
        "c=3; Expires=Wed, 01 Jan 2098 00:00:00 GMT",
        "a=4; Path=/",
    ]
    assert form.request.body is not None
    assert form.request.body.read() == b"name=x&empty="


def test_exact_bytes_are_base64() -> None:
    binary, _ = read_file("vcr-1.2.0-exact-bytes.yml")

    assert binary.response is not None
    assert binary.response.body is not None
    assert binary.response.body.read()[:8] == b"\x01\x96r\x0b%!\xdd\x02"
    assert binary.response.body.size == 64


def test_json_is_read_like_yaml() -> None:
    (one,) = read_file("vcr-1.2.0-json.json")
    same = read_file("vcr-1.2.0-crul.yml")[0]

    assert one.request == same.request
    assert one.response is not None
    assert same.response is not None
    assert one.response.headers == same.response.headers
    assert one.extra == same.extra


def test_vcr_2_writes_a_number_for_the_status() -> None:
    first, second = read_file("vcr-2.0.0-by-hand.yml")

    assert first.response is not None
    assert (first.response.status, first.response.reason, first.request.body) == (200, "", None)
    assert first.started_at == "2025-06-02T16:06:51.000000Z"
    assert second.request.body is not None
    assert second.request.body.read() == b"a=1"
    assert second.response is not None
    assert second.response.headers == [("Content-Encoding", "gzip"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    assert second.response.body is not None
    assert second.response.body.size == 64
    assert first.extra == second.extra == {}
    with open_input(str(FOLDER / "vcr-2.0.0-by-hand.yml")) as stream:
        assert envelopes_of(FORMAT, stream) == [{"recorded_with": "VCR-vcr/2.0.0"}]


# -- bodies in files


def test_a_body_in_a_file_is_read_from_the_cassettes_folder_only() -> None:
    with open_input(str(FOLDER / "vcr-2.0.0-by-hand-file.yml")) as stream:
        inside, outside = interactions_of(FORMAT, stream)
        remarks = [(remark.text, remark.place) for remark in stream.remarks.values()]

    assert inside.response is not None
    assert inside.response.body is not None
    assert inside.response.body.read() == b"\x00\xffinside\n"
    assert outside.response is not None
    assert outside.response.body is not None
    assert (outside.response.body.read(), outside.response.body.incomplete) == (b"", "unread")
    assert outside.extra == {"r-vcr": {"response": {"body": {"file": "../README.md"}}}}
    assert remarks == [(OUTSIDE, "interaction 2, line 13")]


def test_no_path_leads_out_of_the_folder(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    folder = tmp_path / "cassettes"
    (folder / "inner").mkdir(parents=True)
    (folder / "link").symlink_to(secret)
    (folder / "ring").symlink_to(folder / "ring")
    (folder / "inner" / "body").write_bytes(b"kept")
    paths = [
        "../secret",
        str(secret),
        "link",
        "ring",
        "inner",
        "inner/../../secret",
        "gone",
        "",
        "~/x",
        "\\0",
        "/etc/passwd",
    ]
    for path in [*paths, "inner/body", str(folder / "inner" / "body")]:
        (folder / "c.yml").write_bytes(cassette(f'{{status: 200, body: {{string: "{path}", file: yes}}}}'))
        with open_input(str(folder / "c.yml")) as stream:
            (one,) = interactions_of(FORMAT, stream)
            assert one.response is not None
            assert one.response.body is not None
            assert one.response.body.read() == (b"kept" if path.endswith("inner/body") else b""), path
            assert bool(stream.remarks) is not path.endswith("inner/body")


def test_a_pipe_has_no_folder() -> None:
    stream = stream_of(cassette("{status: 200, body: {file: body.bin}}"))

    (one,) = interactions_of(FORMAT, stream)

    assert one.response is not None
    assert one.response.body is not None
    assert not one.response.body.complete
    assert list(stream.remarks) == [OUTSIDE]


# -- what an item says


@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [
        ("200", "{status: HTTP/2 200}", ("HTTP/2", "", [])),
        ("200", "{status: HTTP/1.1 200 Fine, a: b}", ("HTTP/1.1", "Fine", [("a", "b")])),
        (
            "200",
            "{status: [HTTP/1.1 302 Found, HTTP/1.1 200 OK]}",
            ("HTTP/1.1", "OK", [("status", "HTTP/1.1 302 Found")]),
        ),
        ("{status_code: '200', message: OK}", "{status: ready}", (None, "OK", [("status", "ready")])),
        ("{status_code: 200.0}", "[]", (None, "", [])),
        ("200", "~", (None, "", [])),
    ],
)
def test_the_status_line_of_crul_is_no_header(status: str, headers: str, told: object) -> None:
    response = read_one(f"{{status: {status}, headers: {headers}}}").response

    assert response is not None
    assert response.status == 200
    assert (response.http_version, response.reason, response.headers) == told


def test_an_interaction_without_a_response_has_none() -> None:
    one = read_one("{status: ~, headers: ~, body: {encoding: '', string: ''}}")

    assert one.response is None


def test_a_list_of_rs_is_no_body() -> None:
    stream = stream_of(cassette("{status: 200}", "    body: {string: {a: '1'}}\n"))

    (one,) = interactions_of(FORMAT, stream)

    assert one.request.body is not None
    assert one.request.body.incomplete == "unread"
    assert one.extra == {"r-vcr": {"request": {"body": {"string": {"a": "1"}}}}}
    assert list(stream.remarks) == [
        "The body of a request is a list of R's, not what was sent; it is kept as such only."
    ]


# -- broken and hostile


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"http_interactions: [1]", "interaction 1, line 1: no interaction of R vcr: the interaction is no table"),
        (b"http_interactions: [{request: {method: get}}]", "its request has no `method` or no `uri`"),
        (cassette("{status: x}"), "`status` is no whole number"),
        (cassette("{status: {a: b}}"), "`status_code` is no whole number"),
        (cassette("{status: 200, body: {base64_string: '!'}}"), "`base64_string` is no base64"),
        (cassette("!ruby/struct:X {status: 200}"), "tag"),
        (b"http_interactions:\n- [" + b"[" * 100_000, ""),
        (b'{"http_interactions": [{"request": "x"}]}', "`request` is no table"),
    ],
)
def test_what_is_wrong_is_one_error_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(BadCassetteError) as caught:
        interactions_of(FORMAT, stream_of(data, "some.yml"))

    assert str(caught.value).startswith("some.yml")
    assert said in str(caught.value)


def test_garbled_files_raise_nothing_else() -> None:
    chance = random.Random(6)
    refused = 0
    for name in ("vcr-1.2.0-crul.yml", "vcr-1.2.0-json.json", "vcr-2.0.0-by-hand-file.yml"):
        whole = (FOLDER / name).read_bytes()[:1500]
        for _ in range(60):
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
        if path.is_file() and FORMAT.sniff(Head(path.read_bytes()[:65536], whole=False)) > 40
    }

    assert taken == {f"r-vcr/{name}" for name in FILES}


def test_an_interaction_is_given_before_the_rest_is_read() -> None:
    def parts() -> Iterator[bytes]:
        yield b"http_interactions:\n"
        item = cassette(f"{{status: 200, body: {{string: {'x' * 2000}}}}}")
        for _ in range(1000):
            yield item[item.index(b"- request") : item.index(b"recorded_with")]
        yield b"recorded_with: VCR-vcr/2.0.0\n"

    source = Trickle(parts())
    assert FORMAT.read is not None
    found = FORMAT.read(InputStream(source, "slow", path=None, size=None))

    next(found)
    assert source.made < 600
    assert sum(1 for _ in found) == 1000


def test_what_it_cannot_hold_has_names() -> None:
    assert FORMAT.cannot_hold <= FACETS.keys()
    assert FORMAT.write is None
