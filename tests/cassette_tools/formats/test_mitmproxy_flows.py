from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools.formats.mitmproxy_flows import FORMAT
from cassette_tools.head import Head
from cassette_tools.input_stream import InputStream, open_input
from cassette_tools.losses import FACETS
from recorder.errors import BadCassetteError, CassetteNewerError, NotACassetteError
from tests.cassette_tools.formats.sources import FIXTURES, Trickle, interactions_of, stream_of
from tests.cassette_tools.test_tnetstrings import written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassette_tools.interaction import Interaction

FILES = sorted((FIXTURES / "mitmproxy-flows").glob("*.flows"), key=lambda path: path.name)
JSON_BODY = b'{"ok": true, "items": [1, 2, 3], "name": "\\u017elu\\u0165ou\\u010dk\\u00fd k\\u016f\\u0148"}'
SEEN = {
    "GET http://127.0.0.1:18099/json": (200, "OK", 87),
    "GET http://127.0.0.1:18099/gzip?size=300": (200, "OK", 300),
    "GET http://127.0.0.1:18099/bytes/64?kind=random": (200, "OK", 64),
    "GET http://127.0.0.1:18099/redirect/1": (302, "Found", 11),
    "GET http://127.0.0.1:18099/set-cookies": (200, "OK", 3),
    "GET http://127.0.0.1:18099/latin1-headers": (200, "OK", 3),
    "GET http://127.0.0.1:18099/status/404": (404, "Not Found", 12),
    "GET http://127.0.0.1:18099/status/204": (204, "No Content", None),
    "GET http://127.0.0.1:18099/chunked?sizes=3,4": (200, "OK", 7),
    "POST http://127.0.0.1:18099/sink": (200, "OK", 90),
    "PUT http://127.0.0.1:18099/sink": (200, "OK", 89),
    "GET http://127.0.0.1:18099/drop": None,
    "GET https://localhost:18443/json": (200, "OK", 87),
    "GET https://localhost:18443/truncated?size=1000&kind=length": (200, "OK", 0),
}


def flow(**changes: Any) -> dict[str, Any]:
    """Make a flow of the current format."""
    made: dict[str, Any] = {
        "version": 21,
        "type": "http",
        "id": "5b2f",
        "error": None,
        "client_conn": {"peername": ["127.0.0.1", 5000], "certificate_list": [], "alpn": b"\xff", "sni": None},
        "server_conn": {
            "address": ["example.test", 8080],
            "peername": ["192.0.2.1", 8080],
            "timestamp_start": 1000.25,
            "timestamp_tcp_setup": 1000.5,
            "timestamp_tls_setup": None,
            "tls": False,
            "tls_version": None,
            "via": None,
        },
        "request": {
            "method": b"GET",
            "scheme": b"http",
            "host": "example.test",
            "port": 8080,
            "path": b"/a?b=c",
            "authority": b"",
            "http_version": b"HTTP/1.1",
            "headers": [[b"Host", b"example.test:8080"], [b"X-A", b"\xe9"], [b"x-a", b"2"]],
            "content": b"",
            "trailers": None,
            "timestamp_start": 1000.0,
            "timestamp_end": 1000.125,
        },
        "response": {
            "status_code": 200,
            "reason": b"OK",
            "http_version": b"HTTP/1.1",
            "headers": [[b"Content-Length", b"4"]],
            "content": b"body",
            "trailers": None,
            "timestamp_start": 1001.0,
            "timestamp_end": 1001.5,
        },
    }
    for key, value in changes.items():
        part, _, name = key.partition("__")
        if name:
            made[part][name] = value
        else:
            made[part] = value
    return made


def read_flow(**changes: Any) -> Interaction:
    found = interactions_of(FORMAT, stream_of(written(flow(**changes))))
    assert len(found) == 1
    return found[0]


# -- real files


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_flows_of_every_version_say_the_same(path: Path) -> None:
    with open_input(str(path)) as stream:
        assert FORMAT.sniff(stream.head) > 90
        found = {f"{one.request.method} {one.request.url}": one for one in interactions_of(FORMAT, stream)}

    wanted = dict(SEEN)
    if "0.11" in path.name:
        del wanted["GET http://127.0.0.1:18099/drop"]  # this version writes no flow without a response
        wanted["GET https://localhost:18443/truncated?size=1000&kind=length"] = (200, "OK", 500)
    assert {
        name: None
        if one.response is None
        else (one.response.status, one.response.reason, None if one.response.body is None else one.response.body.size)
        for name, one in found.items()
    } == wanted
    for one in found.values():
        assert one.started_at is not None
        assert one.started_at.startswith("2026-11-23T09:5")
        assert one.request.http_version == "HTTP/1.1"
        assert one.request.target is None
        assert one.connection is not None
        assert one.connection["peer"].endswith((":18099", ":18443"))
        assert all(0 <= value < 5000 for value in one.timings_ms.values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_headers_and_bodies_are_the_bytes_of_the_wire(path: Path) -> None:
    with open_input(str(path)) as stream:
        found = {one.request.url.partition("18099/")[2]: one for one in interactions_of(FORMAT, stream)}

    binary = found["bytes/64?kind=random"]
    assert ("X-Other", "caf\xe9") in binary.request.headers
    assert [value for name, value in binary.request.headers if name.lower() == "x-twice"] == ["1", "2"]
    latin = found["latin1-headers"].response
    assert latin is not None
    assert ("X-Cafe", "caf\xe9 \xa3 \xff") in latin.headers
    cookies = found["set-cookies"].response
    assert cookies is not None
    assert [value for name, value in cookies.headers if name == "Set-Cookie"] == [
        "a=1; Path=/",
        "b=2; Path=/; HttpOnly",
        "c=3; Expires=Wed, 01 Jan 2098 00:00:00 GMT",
        "a=4; Path=/",
    ]
    coded = found["gzip?size=300"].response
    assert coded is not None
    assert coded.body is not None
    assert (coded.body.coding, coded.body.wire_size, coded.body.size) == ("gzip", 67, 300)
    assert coded.body.read().startswith(b"The quick brown fox")
    upload = found["sink"].request
    assert upload.body is not None
    assert upload.body.read() == b"\x00\xff\x80\n\r\xc8"
    document = found["json"].response
    assert document is not None
    assert document.body is not None
    assert document.body.read() == JSON_BODY


@pytest.mark.parametrize("path", [path for path in FILES if "0.11" not in path.name], ids=lambda path: path.name)
def test_errors_and_cut_off_bodies_are_told(path: Path) -> None:
    with open_input(str(path)) as stream:
        found = interactions_of(FORMAT, stream)
        remarks = [(remark.text, remark.count) for remark in stream.remarks.values()]

    dropped = next(one for one in found if one.request.url.endswith("/drop"))
    assert dropped.response is None
    assert dropped.request.sent
    assert dropped.error is not None
    assert dropped.error["phase"] == "response"
    assert dropped.error["type"] == "mitmproxy.flow.Error"
    assert dropped.error["message"].lower() in ("server closed connection", "server disconnected")
    cut = next(one for one in found if "truncated" in one.request.url)
    assert cut.response is not None
    assert cut.response.body is not None
    assert not cut.response.body.complete
    assert remarks == [("The flow does not hold a body that was there: streamed, or cut off.", 1)]


def test_tls_is_told_where_the_flow_tells_it() -> None:
    told: dict[str, object] = {}
    for path in FILES:
        with open_input(str(path)) as stream:
            for one in interactions_of(FORMAT, stream):
                if one.request.url == "https://localhost:18443/json":
                    assert one.connection is not None
                    told[path.name.split("-")[1]] = one.connection["tls"]

    assert told.pop("0.11.3") == "TLS"
    assert told.pop("3.0.4") == told.pop("4.0.4") == "TLSv1.2"
    assert set(told.values()) == {"TLSv1.3"}


# -- what a flow says


def test_a_flow_is_read_in_full() -> None:
    one = read_flow()

    assert (one.request.method, one.request.url, one.request.target) == ("GET", "http://example.test:8080/a?b=c", None)
    assert one.request.headers == [("Host", "example.test:8080"), ("X-A", "\xe9"), ("x-a", "2")]
    assert one.request.body is None
    assert one.request.http_version == "HTTP/1.1"
    assert one.response is not None
    assert (one.response.status, one.response.reason, one.response.http_version) == (200, "OK", "HTTP/1.1")
    assert one.response.headers == [("Content-Length", "4")]
    assert one.response.body is not None
    assert (one.response.body.read(), one.response.body.wire_size, one.response.body.complete) == (b"body", 4, True)
    assert one.started_at == "1970-01-01T00:16:40.000000Z"
    assert one.timings_ms == {"connect": 250.0, "first_byte": 1000.0, "total": 1500.0}
    assert one.connection == {"id": None, "reused": False, "peer": "192.0.2.1:8080", "tls": None, "proxy": None}
    assert one.error is None
    extra = one.extra["mitmproxy"]
    assert (extra["version"], extra["id"], extra["client_conn"]["alpn"]) == (21, "5b2f", {"base64": "/w=="})
    assert extra["request"] == {"timestamp_end": 1000.125}
    assert extra["response"] == {"timestamp_end": 1001.5}


@pytest.mark.parametrize(
    ("changes", "url", "target"),
    [
        ({"request__port": 80}, "http://example.test/a?b=c", None),
        ({"request__scheme": b"https", "request__port": 443}, "https://example.test/a?b=c", None),
        ({"request__host": "::1"}, "http://[::1]:8080/a?b=c", None),
        ({"request__path": b"*"}, "http://example.test:8080", "*"),
        ({"request__path": b"a"}, "http://example.test:8080/a", None),
        ({"request__path": None}, "http://example.test:8080/", None),
        (
            {"request__authority": b"other.test"},
            "http://example.test:8080/a?b=c",
            "http://other.test/a?b=c",
        ),
        (
            {"request__authority": b"h2.test", "request__http_version": b"HTTP/2.0"},
            "http://example.test:8080/a?b=c",
            None,
        ),
        (
            {"request__method": b"CONNECT", "request__scheme": b"", "request__authority": b"example.test:443"},
            "https://example.test:8080",
            "example.test:443",
        ),
        ({"request__host": "", "request__port": 0}, "http://example.test:8080/a?b=c", None),
        ({"request__path": b"/\xc3\xa9"}, "http://example.test:8080/\xe9", None),
        ({"request__path": b"/\xff"}, "http://example.test:8080/\xff", None),
    ],
)
def test_urls_are_put_together(changes: dict[str, Any], url: str, target: str | None) -> None:
    request = read_flow(**changes).request

    assert (request.url, request.target) == (url, target)


@pytest.mark.parametrize(
    ("changes", "phase", "sent"),
    [
        ({"response": None}, "response", True),
        ({"response": None, "server_conn__timestamp_tcp_setup": None}, "connect", False),
        ({"response": None, "request__scheme": b"https"}, "connect", False),
        ({"response": None, "request__scheme": b"https", "server_conn__timestamp_tls_setup": 1000.6}, "response", True),
        ({}, "body", True),
    ],
)
def test_the_phase_of_an_error_is_by_what_is_there(changes: dict[str, Any], phase: str, sent: bool) -> None:
    one = read_flow(error={"msg": "it broke", "timestamp": 1003.0}, **changes)

    assert one.error == {"phase": phase, "type": "mitmproxy.flow.Error", "message": "it broke"}
    assert one.request.sent is sent
    assert one.timings_ms["total"] == (1500.0 if one.response else 3000.0)


def test_a_request_without_an_answer_has_none() -> None:
    one = read_flow(response=None)

    assert one.response is None
    assert one.error is None


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"request__content": b"x"}, (b"x", True)),
        ({"request__headers": [[b"Content-Length", b"0"]]}, (b"", True)),
        ({"request__headers": [[b"Content-Length", b"5"]], "request__content": None}, (b"", False)),
        ({"request__content": None}, None),
    ],
)
def test_requests_have_the_body_that_their_headers_announce(changes: dict[str, Any], body: object) -> None:
    found = read_flow(**changes).request.body

    assert (None if found is None else (found.read(), found.complete)) == body


def test_trailers_and_proxies_are_told() -> None:
    one = read_flow(
        response__trailers=[[b"X-Sum", b"1"]],
        server_conn__via=["http", ["proxy.test", 3128]],
        request__trailers=[[b"a", b"b"]],
    )

    assert one.response is not None
    assert one.response.trailers == [("X-Sum", "1")]
    assert one.connection is not None
    assert one.connection["proxy"] == "proxy.test:3128"
    assert one.extra["mitmproxy"]["request"]["trailers"] == [["a", "b"]]


def test_a_connection_from_before_the_request_may_be_used_again_or_not() -> None:
    one = read_flow(server_conn__timestamp_start=999.0)

    assert one.connection is not None
    assert one.connection["reused"] is None
    assert "connect" not in one.timings_ms


def test_what_is_no_http_is_left_out_with_a_remark() -> None:
    kinds = ["tcp", "udp", "dns", "websocket", "http", "tcp", "else"]
    stream = stream_of(b"".join(written(flow(type=kind, messages=[[True, b"x"]])) for kind in kinds))

    assert len(interactions_of(FORMAT, stream)) == 1
    assert {remark.text: (remark.count, remark.place) for remark in stream.remarks.values()} == {
        "Flows of type tcp are no HTTP requests; they are left out.": (2, "flow 1"),
        "Flows of type udp are no HTTP requests; they are left out.": (1, "flow 2"),
        "Flows of type dns are no HTTP requests; they are left out.": (1, "flow 3"),
        "Flows of type websocket are no HTTP requests; they are left out.": (1, "flow 4"),
        "Flows of another type are no HTTP requests; they are left out.": (1, "flow 7"),
        "Messages of websockets are left out.": (1, "flow 5"),
    }


def test_websocket_messages_and_first_states_are_left_out_with_a_remark() -> None:
    stream = stream_of(written(flow(websocket={"messages": [[1, True, b"x"]], "close_code": 1000}, backup=flow())))

    (one,) = interactions_of(FORMAT, stream)

    assert one.extra["mitmproxy"]["websocket"] == {"close_code": 1000}
    assert "backup" not in one.extra["mitmproxy"]
    assert {remark.text for remark in stream.remarks.values()} == {
        "Messages of websockets are left out.",
        "A flow was changed in mitmproxy; its first state is left out.",
    }


# -- older formats, after mitmproxy's own migrations


def without_authority(made: dict[str, Any]) -> None:
    made["request"].pop("authority")
    made["request"]["first_line_format"] = b"relative"


def without_trailers(made: dict[str, Any]) -> None:
    made["request"].pop("trailers")
    made["response"].pop("trailers")


def with_ssl(made: dict[str, Any]) -> None:
    made["server_conn"]["timestamp_ssl_setup"] = made["server_conn"].pop("timestamp_tls_setup")


def with_peer_in_a_table(made: dict[str, Any]) -> None:
    for key in ("address", "ip_address"):
        made["server_conn"][key] = {"address": made["server_conn"][key], "use_ipv6": False}


def with_peer_address(made: dict[str, Any]) -> None:
    made["server_conn"]["peer_address"] = made["server_conn"].pop("ip_address")


def with_one_address(made: dict[str, Any]) -> None:
    made["server_conn"]["address"] = made["server_conn"].pop("peer_address")


def with_message(made: dict[str, Any]) -> None:
    made["response"]["msg"] = made["response"].pop("reason")
    made["request"]["form_out"] = b"relative"
    for part in ("request", "response"):
        made[part]["body"] = made[part].pop("content")


def with_numbers(made: dict[str, Any]) -> None:
    made["request"].pop("first_line_format")
    made["request"]["form_in"] = b"absolute"
    made["response"]["code"] = made["response"].pop("status_code")
    for part in ("request", "response"):
        made[part].pop("http_version")
        made[part]["httpversion"] = [1, 1]
        made[part]["content"] = made[part].pop("body")


BEFORE = [
    ((9,), without_authority),
    ((8,), without_trailers),
    ((6,), with_ssl),
    ((2, 0), with_peer_in_a_table),
    ((0, 18), with_peer_address),
    ((0, 17), with_one_address),
    ((0, 16), with_message),
    ((0, 14), with_numbers),
]
"""What was otherwise before a format, from new to old."""


def old_flow(version: tuple[int, ...]) -> bytes:
    """Write the flow of `flow()` as a mitmproxy of `version` did."""
    made = flow(version=list(version) if len(version) > 1 else version[0])
    server = made["server_conn"]
    for name in ("tls", "tls_version", "via"):
        server.pop(name)
    if version < (19,):
        server["ip_address"] = server.pop("peername")
    for bound, change in BEFORE:
        if version < bound:
            change(made)
    return written(made) if version >= (0, 18) else written(as_bytes(made))


def as_bytes(value: Any) -> Any:
    """Turn the texts that Python 2 wrote into bytes, but for keys: those are `written` as text here and there."""
    if isinstance(value, dict):
        return {key: as_bytes(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_bytes(one) for one in value]
    return value.encode() if isinstance(value, str) else value


VERSIONS: list[tuple[int, ...]] = [
    *((0, minor, 1) for minor in range(11, 20)),
    (1, 0, 0),
    (2, 0, 2),
    (3, 0, 0),
    *((number,) for number in range(4, 22)),
]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: ".".join(map(str, version)))
def test_flows_of_every_format_are_read_alike(version: tuple[int, ...]) -> None:
    (one,) = interactions_of(FORMAT, stream_of(old_flow(version)))
    now = read_flow()

    assert (one.request.method, one.request.url, one.request.target) == ("GET", now.request.url, None)
    assert one.request.headers == now.request.headers
    assert one.request.http_version == "HTTP/1.1"
    assert one.response is not None
    assert now.response is not None
    assert (one.response.status, one.response.reason, one.response.http_version) == (200, "OK", "HTTP/1.1")
    assert one.response.headers == now.response.headers
    assert one.response.body is not None
    assert one.response.body.read() == b"body"
    assert one.timings_ms == now.timings_ms
    assert one.connection == now.connection


@pytest.mark.parametrize(
    ("version", "error", "said"),
    [
        (22, CassetteNewerError, "flow format 22 is newer than 21"),
        (3, BadCassetteError, "is none from 0.11 to 21"),
        ([0, 10], BadCassetteError, "is none from 0.11 to 21"),
        ([4, 0], BadCassetteError, "is none from 0.11 to 21"),
        (["a", "b"], BadCassetteError, "is none from 0.11 to 21"),
        ("21", BadCassetteError, "is none from 0.11 to 21"),
        (True, BadCassetteError, "is none from 0.11 to 21"),
        (None, BadCassetteError, "is none from 0.11 to 21"),
    ],
)
def test_other_formats_are_refused(version: object, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        interactions_of(FORMAT, stream_of(written(flow(version=version)), "some.flows"))


# -- broken and hostile


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"request": None}, "there is no request"),
        ({"request": [1]}, "its request is no table"),
        ({"response": b"x"}, "its response is no table"),
        ({"server_conn": 5}, "its server_conn is no table"),
        ({"error": 5}, "its error is no table"),
        ({"request__method": None}, "its request has no method"),
        ({"request__host": None, "request__headers": []}, "its request has no host"),
        ({"request__headers": None}, "its headers are no list"),
        ({"request__headers": [b"a"]}, "a header is no pair"),
        ({"request__headers": [[b"a", 1]]}, "a header is no text"),
        ({"response__status_code": b"200"}, "its response has no status"),
        ({"response__status_code": 10**9}, "its response has no status"),
        ({"request__path": 5}, "a text is none"),
        ({"response__trailers": 5}, "its trailers are no list"),
        ({"type": 5}, "a text is none"),
    ],
)
def test_a_flow_that_lacks_something_is_told(changes: dict[str, Any], said: str) -> None:
    data = written(flow()) + written(flow(**changes))
    found = FORMAT.read(stream_of(data, "some.flows")) if FORMAT.read else iter(())

    next(found)
    with pytest.raises(BadCassetteError) as caught:
        next(found)
    assert str(caught.value).startswith("some.flows, flow 2: ")
    assert said in str(caught.value)


def test_a_file_that_is_cut_off_gives_its_whole_flows_first() -> None:
    data = written(flow()) * 3
    found = FORMAT.read(stream_of(data[:-10], "some.flows")) if FORMAT.read else iter(())

    assert [next(found), next(found)]
    with pytest.raises(BadCassetteError, match=r"^some.flows, flow 3, byte \d+: the file ends within this flow"):
        next(found)


@pytest.mark.parametrize("data", [b"3:abc,", b"0:~", b"0:]", b"0:}", b"12:1:a;4:true!0:~}"])
def test_what_is_no_flow_is_refused(data: bytes) -> None:
    with pytest.raises(BadCassetteError):
        interactions_of(FORMAT, stream_of(data))


def test_a_value_without_a_version_is_no_flow() -> None:
    with pytest.raises(NotACassetteError, match="it names no version"):
        interactions_of(FORMAT, stream_of(written({"type": "http"})))


def test_deep_keys_are_kept() -> None:
    deep: list[Any] = []
    for _ in range(190):
        deep = [deep]

    assert read_flow(metadata={"deep": deep}).extra["mitmproxy"]["metadata"] == {"deep": deep}


def test_garbled_files_raise_nothing_else() -> None:
    chance = random.Random(4)
    whole = FILES[0].read_bytes()[:9000]
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice(b"0123456789:,;#^!~]}\x00\xff")
        try:
            interactions_of(FORMAT, stream_of(bytes(data)))
        except BadCassetteError:
            refused += 1
    assert refused > 300


# -- recognizing, streaming, declaring


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"12:30:text",
        b"12:3:abc,1:x,}",
        b"- a: 1\n",
        b"version: 1\n",
        b'{"type":"header"}',
        b"3:abc,",
        b"12: 30",
    ],
)
def test_other_files_are_not_taken_for_flows(data: bytes) -> None:
    assert FORMAT.sniff(Head(data, whole=True)) == 0


def test_a_flow_is_given_before_the_rest_is_read() -> None:
    data = written(flow(response__content=b"x" * 20_000))

    def parts() -> Iterator[bytes]:
        for _ in range(1000):
            yield data

    source = Trickle(parts())
    stream = InputStream(source, "slow", path=None, size=None)
    assert FORMAT.read is not None
    found = FORMAT.read(stream)

    next(found)
    assert source.made < 50
    assert sum(1 for _ in found) == 999


def test_what_it_cannot_hold_has_names() -> None:
    assert FORMAT.cannot_hold <= FACETS.keys()
    assert FORMAT.write is None
