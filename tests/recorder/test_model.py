from __future__ import annotations

import copy
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.errors import BadCassetteError
from recorder.model import Body, Cause, Connection, Failure, Interaction, Request, Response

DIGEST = "d11a4aa40fe6da3bd3e9a199cb5ff1f712e5573128b0b10d25c67753f0384a27"


def head() -> dict[str, Any]:
    """An interaction line's object with every key that the format knows."""
    return {
        "type": "interaction",
        "id": "5f2c9a1b-17",
        "seq": 17,
        "started_at": "2026-11-23T03:30:48.000123Z",
        "timings_ms": {"connect": 3, "first_byte": 12.301, "total": 15.02},
        "client": "requests/2.34.2",
        "process": "5f2c9a1b",
        "pid": 4242,
        "thread": 4243,
        "connection": {"id": 3, "reused": False, "peer": "127.0.0.1:8443", "tls": "TLSv1.3", "proxy": "127.0.0.1:3128"},
        "rss": 31457280,
        "request": {
            "method": "POST",
            "url": "https://localhost:8443/ads?limit=5",
            "target": "*",
            "http_version": "HTTP/1.1",
            "headers": [["Host", "localhost:8443"], ["Cookie", "a\u00e9"], ["cookie", ""]],
            "body": {"size": 12, "wire_size": 14, "sha256": DIGEST, "complete": True, "framing": "length"},
            "sent": False,
        },
        "response": {
            "status": 200,
            "reason": "OK",
            "http_version": "HTTP/1.1",
            "headers": [["Content-Encoding", "gzip"]],
            "trailers": [["Checksum", "1"]],
            "body": {
                "size": 2048,
                "wire_size": 311,
                "sha256": None,
                "complete": False,
                "incomplete": "closed",
                "coding": "gzip",
                "coding_error": "broken",
                "framing": "chunked",
                "pieces": 2,
            },
        },
        "error": {
            "phase": "body",
            "type": "http.client.IncompleteRead",
            "message": "IncompleteRead(3 bytes read)",
            "cause": {"message": "reset", "type": "ConnectionResetError"},
            "received": "AP8=",
        },
        "bodies": {"request": {"text": "{}"}},
    }


def changed(path: str, value: object) -> dict[str, Any]:
    line = head()
    *outer, last = path.split(".")
    place = line
    for key in outer:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return line


def test_every_key_of_the_format_has_its_place() -> None:
    assert Interaction.from_json(head()) == Interaction(
        id="5f2c9a1b-17",
        seq=17,
        started_at=datetime(2026, 11, 23, 3, 30, 48, 123, tzinfo=UTC),
        timings_ms={"connect": 3.0, "first_byte": 12.301, "total": 15.02},
        client="requests/2.34.2",
        process="5f2c9a1b",
        pid=4242,
        thread=4243,
        connection=Connection(3, reused=False, peer="127.0.0.1:8443", tls="TLSv1.3", proxy="127.0.0.1:3128"),
        rss=31457280,
        request=Request(
            method="POST",
            url="https://localhost:8443/ads?limit=5",
            http_version="HTTP/1.1",
            headers=(("Host", "localhost:8443"), ("Cookie", "a\u00e9"), ("cookie", "")),
            body=Body(12, 14, DIGEST, True, None, None, None, "length", None),
            sent=False,
            target="*",
        ),
        response=Response(
            status=200,
            reason="OK",
            http_version="HTTP/1.1",
            headers=(("Content-Encoding", "gzip"),),
            trailers=(("Checksum", "1"),),
            body=Body(2048, 311, None, False, "closed", "gzip", "broken", "chunked", 2),
        ),
        failure=Failure(
            phase="body",
            type="http.client.IncompleteRead",
            message="IncompleteRead(3 bytes read)",
            cause=Cause("ConnectionResetError", "reset"),
            received=b"\x00\xff",
        ),
        extra={},
    )


@pytest.mark.parametrize(
    ("path", "attribute", "value"),
    [
        ("request.sent", "request.sent", True),
        ("request.target", "request.target", None),
        ("request.body", "request.body", None),
        ("request.http_version", "request.http_version", None),
        ("response", "response", None),
        ("response.reason", "response.reason", ""),
        ("response.trailers", "response.trailers", ()),
        ("response.body", "response.body", None),
        ("response.body.incomplete", "response.body.incomplete", None),
        ("response.body.pieces", "response.body.pieces", None),
        ("error", "failure", None),
        ("error.cause", "failure.cause", None),
        ("error.received", "failure.received", b""),
        ("client", "client", None),
        ("connection", "connection", None),
        ("connection.reused", "connection.reused", None),
        ("rss", "rss", None),
        ("thread", "thread", None),
        ("bodies", "extra", {}),
    ],
)
@pytest.mark.parametrize("absent", [..., None], ids=["absent", "null"])
def test_what_may_be_absent_has_a_value_for_it(path: str, attribute: str, value: object, absent: object) -> None:
    found: object = Interaction.from_json(changed(path, absent))
    for name in attribute.split("."):
        found = getattr(found, name)
    assert found == value


def test_a_converted_interaction_need_not_know_when_it_began_nor_what_was_on_the_wire() -> None:
    converted = head()
    converted["started_at"] = None
    converted["request"]["body"]["wire_size"] = None

    interaction = Interaction.from_json(converted)

    assert interaction.started_at is None
    assert interaction.request.body is not None
    assert interaction.request.body.wire_size is None


@pytest.mark.parametrize(
    "path",
    [
        "type",
        "id",
        "seq",
        "timings_ms",
        "request",
        "request.method",
        "request.url",
        "request.headers",
        "request.body.size",
        "request.body.complete",
        "response.status",
        "response.headers",
        "error.phase",
        "error.type",
        "error.message",
        "error.cause.type",
        "error.cause.message",
    ],
)
@pytest.mark.parametrize("absent", [..., None], ids=["absent", "null"])
def test_a_missing_key_is_named(path: str, absent: object) -> None:
    with pytest.raises(BadCassetteError, match=rf"^a\.jsonl, line 7: `{path}` is missing: it should be "):
        Interaction.from_json(changed(path, absent), where="a.jsonl, line 7")


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("type", ["body", 1, []]),
        ("id", [17, ["a"]]),
        ("seq", ["17", 17.0, True, -1]),
        (
            "started_at",
            ["", "now", "2026-11-23T03:30:48", "0001-01-01T00:00:00+23:59", 1764127847, "2026-13-01T00:00:00Z"],
        ),
        ("timings_ms", [[], {"total": "1"}, {"total": None}, {"total": True}, {"total": 1e16}, {"total": 10**400}]),
        ("client", [1, []]),
        ("pid", ["1", 1.5]),
        ("connection", [[], "127.0.0.1:1", 3]),
        ("connection.id", ["3"]),
        ("connection.reused", ["false", 0]),
        ("rss", ["1", 1e6]),
        ("request", [[], "GET /", 1]),
        ("request.headers", [{}, "a", [["a"]], [["a", "b", "c"]], [["a", 1]], [("a", "b")], ["ab"]]),
        ("request.sent", [0, "no"]),
        ("request.body", [[], "", 0]),
        ("request.body.size", [-1, "1", 2.0]),
        ("request.body.complete", [1, "yes"]),
        ("request.body.sha256", [1]),
        ("response", [[], 200]),
        ("response.status", [-1, 1000, "200", 200.0]),
        ("response.trailers", [{}, [["a"]]]),
        ("response.body.pieces", [-1, "2", 2.0]),
        ("error", ["refused", []]),
        ("error.received", [1, "A", "\u00e9", "A A="]),
        ("error.cause", ["reset", []]),
    ],
)
def test_a_value_of_a_wrong_type_or_out_of_range_is_named(path: str, values: list[object]) -> None:
    for value in values:
        with pytest.raises(BadCassetteError, match=rf"^interaction: `{path}` is not "):
            Interaction.from_json(changed(path, value))


def test_unknown_keys_are_kept_where_they_stood() -> None:
    line = head()
    line["x-note"] = [1]
    line["request"]["x"] = None
    line["request"]["body"]["raw"] = True
    line["response"]["body"]["y"] = {}
    line["error"]["cause"]["phase"] = "connect"
    line["connection"]["alpn"] = "h2"
    assert Interaction.from_json(line).extra == {
        "x-note": [1],
        "request": {"x": None, "body": {"raw": True}},
        "response": {"body": {"y": {}}},
        "error": {"cause": {"phase": "connect"}},
        "connection": {"alpn": "h2"},
    }


def test_times_with_another_offset_are_turned_into_utc() -> None:
    started = Interaction.from_json(changed("started_at", "2026-11-23T05:30:48.5+02:00")).started_at
    assert started == datetime(2026, 11, 23, 3, 30, 48, 500_000, tzinfo=UTC)
    assert started.utcoffset() == timedelta(0)


def test_a_made_interaction_cannot_change() -> None:
    line = head()
    made = Interaction.from_json(line)
    before = copy.copy(made)
    line["timings_ms"]["total"] = 0
    line["request"]["headers"].clear()
    assert made == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.id = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        made.timings_ms["total"] = 0  # type: ignore[index]
    with pytest.raises(TypeError):
        made.extra["x"] = 0  # type: ignore[index]


def test_a_message_never_quotes_the_cassette() -> None:
    for path in ("id", "request.url", "started_at", "error.received", "response.status"):
        with pytest.raises(BadCassetteError) as caught:
            Interaction.from_json(changed(path, ["hunter2\x1b[31m"]))
        assert "hunter2" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PATHS = [
    outer + key
    for outer, place in {
        "": head(),
        "connection.": head()["connection"],
        "request.": head()["request"],
        "request.body.": head()["request"]["body"],
        "response.": head()["response"],
        "response.body.": head()["response"]["body"],
        "error.": head()["error"],
        "error.cause.": head()["error"]["cause"],
    }.items()
    for key in place
]


@settings(deadline=None)
@given(path=st.sampled_from(PATHS), value=JSON)
def test_any_value_anywhere_is_taken_or_refused_with_the_one_error(path: str, value: object) -> None:
    try:
        made = Interaction.from_json(changed(path, value))
    except BadCassetteError as error:
        told = str(error)
    else:
        told = f"`{path}`" * isinstance(made, Interaction)
    assert f"`{path}" in told
