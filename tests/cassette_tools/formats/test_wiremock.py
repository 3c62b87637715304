"""WireMock mappings: a tiny server that obeys them as WireMock's documentation says answers as was recorded."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools.formats import WriteOptions, all_formats, wiremock
from cassette_tools.formats.wiremock import FORMAT
from cassette_tools.interaction import Body, Envelope, Headers, Interaction, Request, Response
from recorder.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "https://api.example.com:8443"
JSON = ("Content-Type", "application/json")


def interaction(
    method: str,
    path: str,
    sent: Body | None = None,
    request_headers: Headers | None = None,
    *,
    body: Body | None = None,
    status: int = 200,
    reason: str = "OK",
    headers: Headers | None = None,
) -> Interaction:
    return Interaction(
        Request(method, HOST + path, request_headers or [], sent), Response(status, reason, headers or [], body)
    )


def written(*interactions: Interaction) -> dict[str, bytes]:
    assert FORMAT.write_folder is not None
    pairs = list(FORMAT.write_folder(iter(interactions), WriteOptions()))
    files = dict(pairs)
    assert len(files) == len(pairs)
    return files


def equal_json(body: bytes, wanted: str) -> bool:
    try:
        return bool(json.loads(body) == json.loads(wanted))
    except ValueError:
        return False


@dataclass
class Server:
    """Matches as WireMock does: all of a pattern, the state of its scenario, and the lowest priority first."""

    files: dict[str, bytes]
    states: dict[str, str] = field(default_factory=dict)

    def answer(self, method: str, url: str, body: bytes = b"", parts: list[tuple[str, bytes]] | None = None) -> Any:
        mappings = [json.loads(data) for name, data in self.files.items() if name.startswith("mappings/")]
        found = [one for one in mappings if self._matches(one, method, url, body, parts or [])]
        best = min(found, key=lambda one: one.get("priority", 5))
        assert len([one for one in found if one.get("priority", 5) == best.get("priority", 5)]) == 1
        if "newScenarioState" in best:
            self.states[best["scenarioName"]] = best["newScenarioState"]
        return best["response"]

    def content(self, response: dict[str, Any]) -> bytes:
        if "bodyFileName" in response:
            return self.files[f"__files/{response['bodyFileName']}"]
        text: str = response.get("body", "")
        return text.encode()

    def _matches(
        self, mapping: dict[str, Any], method: str, url: str, body: bytes, parts: list[tuple[str, bytes]]
    ) -> bool:
        request = mapping["request"]
        if (request["method"], request["url"]) != (method, url):
            return False
        if "scenarioName" in mapping:
            state = self.states.get(mapping["scenarioName"], "Started")
            if state != mapping["requiredScenarioState"]:
                return False
        tests: dict[str, Callable[[str], bool]] = {
            "equalTo": lambda wanted: body == wanted.encode(),
            "binaryEqualTo": lambda wanted: body == b64decode(wanted),
            "equalToJson": lambda wanted: equal_json(body, wanted),
        }
        for pattern in request.get("bodyPatterns", []):
            ((kind, wanted),) = pattern.items()
            if not tests[kind](wanted):
                return False
        for pattern in request.get("multipartPatterns", []):
            named = pattern["headers"]["Content-Disposition"]["contains"]
            ((kind, wanted),) = pattern["bodyPatterns"][0].items()
            value = wanted.encode() if kind == "equalTo" else b64decode(wanted)
            if not any(f'name="{name}"' == named and content == value for name, content in parts):
                return False
        return True


def test_a_request_gets_its_response() -> None:
    server = Server(
        written(
            interaction(
                "GET", "/a?q=%C3%A9&x=", body=Body('{"a":"é"}'), status=404, reason="Gone Fishing", headers=[JSON]
            )
        )
    )
    assert server.answer("GET", "/a?q=%C3%A9&x=") == {
        "status": 404,
        "statusMessage": "Gone Fishing",
        "headers": {"Content-Type": "application/json"},
        "body": '{"a":"é"}',
    }


def test_requests_that_are_alike_are_answered_in_order_and_the_last_answer_stays() -> None:
    recorded = [
        interaction("GET", "/a", body=Body("one")),
        interaction("GET", "/b", body=Body("other")),
        interaction("GET", "/a", body=Body("two")),
        interaction("GET", "/a", body=Body("three")),
    ]
    files = written(*recorded)
    server = Server(files)
    said = [server.answer("GET", path)["body"] for path in ("/a", "/a", "/b", "/a", "/a", "/b")]
    assert said == ["one", "two", "other", "three", "three", "other"]
    assert "scenarioName" not in json.loads(files["mappings/00002-get-b.json"])


def test_bodies_of_requests_are_matched() -> None:
    def post(content: bytes | str, kind: str, answer: str) -> Interaction:
        return interaction("POST", "/e", Body(content), [("Content-Type", kind)], body=Body(answer))

    form = "application/x-www-form-urlencoded"
    server = Server(
        written(
            post('{"a": 1.10}', "application/json", "json"),
            post('{"a": 2}', "application/json; charset=utf-8", "other json"),
            post('{"a": ', "application/json", "no json"),
            post("a=1&b=é", form, "form"),
            post(b"\x00\xff", "application/octet-stream", "binary"),
            post("", "text/plain", "nothing"),
        )
    )

    def answer(body: bytes) -> str:
        said: str = server.answer("POST", "/e", body)["body"]
        return said

    assert answer(b'{"a": 2}') == "other json"
    assert answer(b"a=1&b=\xc3\xa9") == "form"
    assert answer(b"\x00\xff") == "binary"
    assert answer(b"") == "nothing"
    patterns = [json.loads(data)["request"].get("bodyPatterns") for data in server.files.values()]
    assert {"equalToJson": '{"a": 1.10}'} in [one[0] for one in patterns if one]
    assert {"equalTo": '{"a": '} in [one[0] for one in patterns if one]


def test_parts_of_a_multipart_body_are_matched_whatever_the_boundary() -> None:
    content = (
        b'--XX\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'
        b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\x00\xff\r\n--XX--\r\n'
    )
    kind = ("Content-Type", 'multipart/form-data; boundary="XX"')
    server = Server(written(interaction("POST", "/m", Body(content), [kind], body=Body("parts"))))
    assert server.answer("POST", "/m", b"", [("field", b"value"), ("file", b"\x00\xff")])["body"] == "parts"
    with pytest.raises(ValueError, match="empty"):
        server.answer("POST", "/m", b"", [("field", b"other"), ("file", b"\x00\xff")])


def test_a_gzipped_request_is_matched_decoded_and_another_coding_as_on_the_wire() -> None:
    gzipped = interaction("POST", "/g", Body(b"plain", coding="gzip"), [("Content-Encoding", "gzip")])
    deflated = interaction("POST", "/d", Body(b"plain", coding="deflate", wire=b"\x78\x9c..."))
    unknown = interaction("POST", "/u", Body(b"plain", coding="dcz"))
    patterns = [
        json.loads(data)["request"].get("bodyPatterns") for data in written(gzipped, deflated, unknown).values()
    ]
    assert patterns == [[{"equalTo": "plain"}], [{"binaryEqualTo": "eJwuLi4="}], None]


def test_repeated_headers_are_lists_and_those_of_the_connection_are_left_out() -> None:
    headers = [
        ("Set-Cookie", "a=1"),
        ("X", "caf\xe9"),
        ("set-cookie", "b=2"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Content-Length", "7"),
    ]
    server = Server(written(interaction("GET", "/", body=Body("x"), headers=headers)))
    assert server.answer("GET", "/")["headers"] == {"Set-Cookie": ["a=1", "b=2"], "X": "caf\xe9"}


def test_a_body_is_served_without_the_coding_that_was_taken_off() -> None:
    coded = [("Content-Encoding", "gzip"), ("Content-Length", "30")]
    files = written(
        interaction("GET", "/a", body=Body("plain", coding="gzip", wire=b"\x1f\x8b"), headers=coded),
        interaction("GET", "/b", body=Body(b"\x1f\x8b!", coding_error="broken"), headers=coded),
    )
    server = Server(files)
    plain, broken = server.answer("GET", "/a"), server.answer("GET", "/b")
    assert (plain.get("headers"), server.content(plain)) == (None, b"plain")
    assert (broken["headers"], server.content(broken)) == ({"Content-Encoding": "gzip"}, b"\x1f\x8b!")


def test_long_and_binary_bodies_are_files() -> None:
    long, binary = "é" * 10_000, bytes(range(256))
    pieces = [b"piece one, ", b"piece two"]
    files = written(
        interaction("GET", "/long", body=Body(long), headers=[JSON]),
        interaction("GET", "/binary", body=Body(binary)),
        interaction("GET", "/stream", body=Body(stream=lambda: iter(pieces), size=20)),
    )
    server = Server(files)
    assert server.content(server.answer("GET", "/long")) == long.encode()
    assert server.content(server.answer("GET", "/binary")) == binary
    assert server.content(server.answer("GET", "/stream")) == b"".join(pieces)
    assert {name for name in files if name.startswith("__files/")} == {
        "__files/00001-get-long.json",
        "__files/00002-get-binary.bin",
    }


def test_head_keeps_its_content_length_and_has_no_body() -> None:
    headers = [("Content-Length", "87"), ("Connection", "close")]
    server = Server(written(interaction("HEAD", "/", body=Body("x"), headers=headers)))
    assert server.answer("HEAD", "/") == {"status": 200, "statusMessage": "OK", "headers": {"Content-Length": "87"}}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h", "/"),
        ("http://h?a=/b", "/?a=/b"),
        ("http://h/a/b;c=1/%2F?x=1#f", "/a/b;c=1/%2F?x=1"),
        ("http://[broken/a", "/a"),
        ("/only/path", "/only/path"),
        ("odd", "/odd"),
    ],
)
def test_the_url_is_matched_without_scheme_host_and_fragment(url: str, expected: str) -> None:
    (data,) = written(Interaction(Request("GET", url, []), Response(200, "", []))).values()
    assert json.loads(data)["request"]["url"] == expected


def test_names_of_files_are_safe_on_every_system() -> None:
    paths = ["/../../etc/passwd", "/" + "a" * 500, "/CON", "/a\x00b\\..\\c:d", "/é中", "/.hidden.", "/"]
    recorded = [interaction("ODD/../METHOD", path, body=Body(b"\xff")) for path in paths]
    for name in written(*recorded):
        assert re.fullmatch(r"(mappings|__files)/\d{5}-[a-z0-9-]+\.(json|bin)", name)
        assert len(name) < 120


def test_what_has_no_response_is_left_out() -> None:
    assert written(Interaction(Request("GET", "http://h/", []))) == {}
    assert FORMAT.write_folder is not None
    assert list(FORMAT.write_folder(iter([Envelope("har", {})]), WriteOptions())) == []
    assert "no-response" in FORMAT.cannot_hold


def test_the_same_interactions_give_the_same_files() -> None:
    recorded = [interaction("GET", f"/{number % 3}", body=Body(str(number))) for number in range(9)]
    assert written(*recorded) == written(*recorded)


def test_files_come_while_interactions_go_in() -> None:
    taken = 0

    def recorded() -> Any:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield interaction("GET", "/same", body=Body("x"))

    assert FORMAT.write_folder is not None
    next(iter(FORMAT.write_folder(recorded(), WriteOptions())))
    assert taken == 2


def test_it_is_registered_for_writing_only() -> None:
    assert FORMAT in all_formats()
    assert FORMAT.read is None


def test_a_full_disk_is_told_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    limited = wiremock._temporary

    def full() -> Any:
        database = limited()
        database.execute("PRAGMA max_page_count = 3")
        return database

    monkeypatch.setattr(wiremock, "_temporary", full)
    with pytest.raises(OutputError, match="TMPDIR"):
        written(*(interaction("GET", f"/{number}", body=Body("x" * 1000)) for number in range(100)))
