"""A body is shown as what its bytes are, whatever it was declared as."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.content import HEX_SHOWN, SHOWN, Content, content_of, hex_lines
from tests.cassette_tools.test_aws_event_stream import framed

if TYPE_CHECKING:
    from collections.abc import Iterator


def look(data: bytes, declared: str | None = None, size: int | None = None) -> Content:
    return content_of([data], content_type=declared, size=len(data) if size is None else size)


@pytest.mark.parametrize(
    ("data", "declared", "kind", "text"),
    [
        (b"", "application/json", "empty", ""),
        (b'{"a":1.10}', "application/json", "json", '{\n  "a": 1.10\n}'),
        (b'{"a":1.10}', None, "json", '{\n  "a": 1.10\n}'),
        (b'{"a":1}', "application/vnd.api+json; charset=utf-8", "json", '{\n  "a": 1\n}'),
        (b"\xef\xbb\xbf{}", "text/plain", "json", "{}"),
        (b"[not json}", "text/plain", "text", "[not json}"),
        (b"oops", "application/json", "text", "oops"),
        (b"<html><p>x", None, "html", "<html><p>x"),
        (b"<!DOCTYPE html>", None, "html", "<!DOCTYPE html>"),
        (b"<?xml version='1.0'?><a/>", "text/xml", "xml", "<?xml version='1.0'?><a/>"),
        (b"hi", None, "text", "hi"),
        (b"caf\xc3\xa9", "text/plain", "text", "café"),
        (b"caf\xe9", "text/plain; charset=ISO-8859-1", "text", "café"),
        ("日本".encode("shift_jis"), 'text/plain; charset="Shift_JIS"', "text", "日本"),
        (b"caf\xc3\xa9", "text/plain; charset=latin-1", "text", "café"),
        ("hé".encode("utf-16"), "text/plain", "text", "\ufeffhé"[1:]),
        (b"caf\xe9", "text/plain", "text", "caf\\xe9"),
        (b"caf\xe9", "text/plain; charset=punycode", "text", "caf\\xe9"),
        (b"\x89PNG\r\n\x1a\n\0", "image/png", "binary", ""),
        (b"\x89PNG\r\n\x1a\n\0", None, "binary", ""),
        (b"a\0b\0c", "text/plain", "binary", ""),
        (bytes(range(32)), None, "binary", ""),
        (b"one\r\ntwo\r\n", "text/plain", "text", "one\ntwo\n"),
        (b"one\r\ntwo\n", "text/plain", "text", "one\r\ntwo\n"),
        (b"\x1b[31mred\x1b[0m and more text to be sure that it is one", None, "text", None),
    ],
)
def test_kind_and_text(data: bytes, declared: str | None, kind: str, text: str | None) -> None:
    content = look(data, declared)
    assert content.kind == kind
    assert text is None or content.text == text


def test_a_form_is_shown_by_its_fields_decoded_and_in_order() -> None:
    content = look(b"a=1+2&b=%C3%BC&a=&c=%ff", "application/x-www-form-urlencoded")
    assert content.kind == "form"
    assert content.fields == [("a", "1 2"), ("b", "ü"), ("a", ""), ("c", "\\xff")]


def test_a_form_of_too_many_fields_is_shown_as_it_is() -> None:
    content = look(b"&".join(b"a=1" for _ in range(2000)), "application/x-www-form-urlencoded")
    assert content.kind == "text"
    assert "too many fields" in content.notes[0]


def test_multipart_is_shown_part_by_part() -> None:
    data = (
        b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\nhello\r\n'
        b"--x\r\nContent-Type: image/png\r\n\r\n\x89PNG\0\r\n"
        b'--x\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n--x--\r\n'
    )
    content = look(data, 'multipart/form-data; boundary="x"')
    assert content.kind == "multipart"
    assert [(part.content.kind, part.content.size) for part in content.parts] == [
        ("text", 5),
        ("binary", 5),
        ("json", 7),
    ]
    assert content.parts[0].headers == ['Content-Disposition: form-data; name="f"']


def test_a_long_body_is_read_no_further_than_it_is_shown_and_says_so() -> None:
    read = 0

    def pieces() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield "é".encode() * 50_000

    content = content_of(pieces(), content_type="text/plain", size=10**12)
    assert (content.shown, content.size) == (SHOWN, 10**12)
    assert content.text == "é" * (SHOWN // 2)
    assert content.notes == []
    assert read == 3


def test_a_character_that_the_cut_goes_through_does_not_make_the_text_invalid() -> None:
    content = look(b"a" + "é".encode() * SHOWN, "text/plain", size=SHOWN * 2 + 1)
    assert content.text == "a" + "é" * (SHOWN // 2 - 1)
    assert content.notes == []


def test_binary_is_shown_by_its_beginning() -> None:
    content = look(bytes(range(256)) * 100, "application/octet-stream")
    assert content.head == bytes(range(256))[:HEX_SHOWN]
    assert hex_lines(b"AB\x00\xffC" * 4)[:2] == [
        "000000  41 42 00 ff 43 41 42 00 ff 43 41 42 00 ff 43 41  AB..CAB..CAB..CA",
        "000010  42 00 ff 43                                      B..C",
    ]
    assert all(len(line) <= 40 for line in hex_lines(bytes(100), columns=6))


def events_of(content: Content) -> list[tuple[str, list[tuple[str, str]], str, str]]:
    return [(event.name, event.facts, event.content.kind, event.content.text) for event in content.events]


def test_server_sent_events_are_shown_one_by_one_with_their_json_laid_out() -> None:
    data = (
        b': hello\nretry: 500\nid: 7\nevent: delta\ndata: {"text":"Hi","n":1.10}\n\n'
        b"data: line 1\ndata: line 2\n\nevent: ping\n\ndata: [DONE]\n\n"
    )
    content = look(data, "text/event-stream; charset=utf-8")
    assert content.kind == "events"
    assert content.notes == []
    assert content.text == data.decode()
    assert events_of(content) == [
        (
            "delta",
            [("id", "7"), ("retry", "500 ms"), ("comment", "hello")],
            "json",
            '{\n  "text": "Hi",\n  "n": 1.10\n}',
        ),
        ("message", [], "text", "line 1\nline 2"),
        ("ping", [], "empty", ""),
        ("message", [], "text", "[DONE]"),
    ]
    assert [event.number for event in content.events] == [1, 2, 3, 4]
    assert content.events[2].content.notes == ["Without data: a browser passes it over."]


@pytest.mark.parametrize(
    ("data", "more", "note"),
    [
        (b"data: 1\n\ndata: 2\n", 0, "No empty line ends the last event: a browser would drop it."),
        (b"data: 1\n\ndata: 2\n", 9, "The last event may be cut off here."),
        (b"data: \xe9\n\n", 0, "Not valid UTF-8: bytes that do not fit are shown as escapes."),
        (b"data: 1\n\n" * 1001, 0, "The first 1,000 events are shown."),
    ],
)
def test_what_is_odd_about_a_stream_is_said(data: bytes, more: int, note: str) -> None:
    content = look(data, "text/event-stream", len(data) + more)
    assert content.notes == [note]
    assert len(content.events) <= 1000


def test_a_body_that_is_no_stream_of_events_is_shown_as_what_it_is() -> None:
    assert look(b'{"error":"no"}', "text/event-stream").kind == "json"
    assert look(b"", "text/event-stream").kind == "empty"
    assert look(b'{"error":"no"}', "application/vnd.amazon.eventstream").kind == "json"
    assert look(b"data: 1\n\n", "text/plain").kind == "text"


def test_a_long_event_is_cut_and_tells_its_size() -> None:
    event = look(b"data: " + b"x" * 100_000 + b"\n\n", "text/event-stream").events[0]
    assert (event.content.size, event.content.shown, len(event.content.text)) == (100_000, 16_384, 16_384)


def test_a_stream_is_shown_without_memory_out_of_proportion() -> None:
    content = look(b"data: " + b"[" * 200 + b"\n\n" + b"data: " + b"[" * 200_000 + b"\n\n", "text/event-stream")
    assert sum(len(event.content.text) for event in content.events) < 10 * SHOWN


def test_messages_of_amazons_streams_are_shown_like_events() -> None:
    data = framed({":event-type": "chunk", ":content-type": "application/json"}, b'{"a":1}') + framed(
        {":message-type": "event", ":content-type": "application/octet-stream"}, b"\0\1"
    )
    content = look(data, "application/vnd.amazon.eventstream")
    assert content.kind == "events"
    assert events_of(content) == [
        ("chunk", [(":event-type", "chunk"), (":content-type", "application/json")], "json", '{\n  "a": 1\n}'),
        ("event", [(":message-type", "event"), (":content-type", "application/octet-stream")], "binary", ""),
    ]
    damaged = look(data[:-1] + b"\0", "application/vnd.amazon.eventstream")
    assert damaged.events[0].content.notes == []
    assert "checksum does not fit" in damaged.events[1].content.notes[0]


def test_what_a_message_holds_as_base64_is_shown() -> None:
    payload = b'{"bytes":"' + base64.b64encode(b'{"text":"Hi"}') + b'","p":"abc"}'
    broken = [b'{"bytes":"eyJ"}', b'{"bytes":"/w=="}', b'{"bytes":17}', b'{"a":"eyJ9"}']
    data = b"".join(framed({":content-type": "application/json"}, one) for one in [payload, *broken])
    first, *others = look(data, "application/vnd.amazon.eventstream").events
    assert (first.content.kind, first.content.text) == ("json", '{\n  "text": "Hi"\n}')
    assert first.content.notes == ["What `bytes` holds as base64 is shown."]
    assert first.content.size == len(payload)
    assert [event.content.notes for event in others] == [[]] * 4
    assert all('"' in event.content.text for event in others)


def test_streams_in_streams_are_not_unfolded() -> None:
    data = b"payload"
    for _ in range(300):
        data = framed({":content-type": "application/vnd.amazon.eventstream"}, data)
    content = look(data, "application/vnd.amazon.eventstream")
    assert [event.content.kind for event in content.events] == ["binary"]


@given(
    st.binary(max_size=600),
    st.none()
    | st.sampled_from(
        [
            "application/json",
            "text/html; charset=utf-16",
            "application/x-www-form-urlencoded",
            "multipart/mixed; boundary=a",
            "text/plain; charset=iso-2022-jp",
            "text/plain; charset=utf-32",
            "text/event-stream",
            "application/vnd.amazon.eventstream",
        ]
    )
    | st.text(),
    st.integers(0, 10),
)
def test_no_body_and_no_declaration_makes_it_fail(data: bytes, declared: str | None, more: int) -> None:
    content = look(data, declared, size=len(data) + more)
    assert content.size == len(data) + more
    assert content.shown == len(data)
    assert (content.kind == "empty") == (not data)


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (b"--a\r\n" * 50_000, "multipart/mixed; boundary=a"),
        (b"a=" + b"%" * SHOWN, "application/x-www-form-urlencoded"),
        (b"[" * SHOWN, "application/json"),
        (b"x" * SHOWN, "text/plain" + '; a="' * 100_000),
        (b"data\n\n" * 40_000, "text/event-stream"),
        (b"\r" * SHOWN, "text/event-stream"),
        (b'data:{"a":[' * 23_000, "text/event-stream"),
        (framed({}, b"") * 16_000, "application/vnd.amazon.eventstream"),
        (b"\x1b$B" * 80_000, "text/plain; charset=iso-2022-jp"),
    ],
)
def test_hostile_bodies_take_no_long_time(data: bytes, declared: str) -> None:
    began = time.process_time()
    look(data, declared)
    assert time.process_time() - began < 5
