"""A body of server-sent events is read as the WHATWG HTML standard says, however it comes in."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.event_stream import Event, EventStream, events_of, is_event_stream
from tests.cassette_tools.running import environment


def read(data: bytes, *, longest: int = 1 << 20) -> list[Event]:
    return list(events_of([data], longest=longest))


def short(events: list[Event]) -> list[tuple[str, str | None]]:
    return [(event.name, event.data) for event in events]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # The examples of the standard, section 9.2.6.
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [("message", "YHOO\n+2\n10")]),
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
            [("message", "first event"), ("message", "second event"), ("message", " third event")],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [("message", ""), ("message", "\n"), ("message", "")]),
        (b"data:test\n\ndata: test\n\n", [("message", "test"), ("message", "test")]),
        # Line ends.
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [("message", "a"), ("message", "b"), ("message", "c")]),
        (b"data: a\n\r\ndata: b\r\n\n", [("message", "a"), ("message", "b")]),
        # Fields.
        (b"event: add\ndata: 1\n\ndata: 2\n\n", [("add", "1"), ("message", "2")]),
        (b"event: a\nevent: b\ndata:\n\n", [("b", "")]),
        (b"data: a: b\n\n", [("message", "a: b")]),
        (b"DATA: no\nfoo: no\n data: no\ndata : no\ndata: yes\n\n", [("message", "yes")]),
        (b"event: ping\n\n", [("ping", None)]),
        # A byte order mark, once, at the very beginning.
        (b"\xef\xbb\xbfdata: a\n\n", [("message", "a")]),
        (b"\n\xef\xbb\xbfdata: a\n\n", []),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        # Nothing.
        (b"", []),
        (b"\n\n\n", []),
        (b": only\n\n: comments\n\n", []),
        # What is a line end elsewhere is none here.
        ("data: a\u2028b\x0bc\x85d\n\n".encode(), [("message", "a\u2028b\x0bc\x85d")]),
    ],
)
def test_a_stream_is_read_by_the_rules_of_the_standard(data: bytes, expected: list[tuple[str, str | None]]) -> None:
    assert short(read(data)) == expected


def test_an_id_lasts_until_another_one_and_one_with_nul_is_ignored() -> None:
    events = read(b"id: 1\ndata: a\n\ndata: b\n\nid: x\0y\ndata: c\n\nid\ndata: d\n\nid: 7\n\ndata: e\n\n")
    assert [(event.id, event.last_id) for event in events] == [
        ("1", "1"), (None, "1"), (None, "1"), ("", ""), ("7", "7"), (None, "7"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "retry"),
    [
        (b"3000", 3000),
        (b"0", 0),
        (b"", None),
        (b"1.5", None),
        (b"-1", None),
        (b"1e3", None),
        ("\u0661".encode(), None),
        (b"9" * 5000, None),
    ],
)
def test_retry_is_digits_and_nothing_else(value: bytes, retry: int | None) -> None:
    assert [event.retry for event in read(b"retry: " + value + b"\ndata: a\n\n")] == [retry]


def test_a_last_event_without_its_blank_line_is_given_and_marked() -> None:
    events = read(b"data: a\n\nid: 9\ndata: b\n")
    assert [(event.data, event.complete, event.last_id) for event in events] == [("a", True, ""), ("b", False, "")]
    assert [(event.data, event.complete) for event in read(b"data: a\n\ndata: b")] == [("a", True), ("b", False)]
    assert read(b"data: a\n\ndat")[-1].complete


def test_comments_go_with_the_event_after_them_and_are_bounded() -> None:
    events = read(b": one\n\n:two\ndata: a\n\ndata: b\n\n" + b": again\n" * 20 + b": " + b"x" * 999 + b"\ndata: c\n\n")
    assert [event.comments for event in events] == [("one", "two"), (), ("again",) * 8]
    stream = EventStream()
    assert next(stream.feed(b": " + "é".encode() * 999 + b"\n: b\ndata:\n\n")).comments == ("é" * 200, "b")
    assert stream.comments == 2


def test_bytes_that_are_no_utf8_become_escapes_and_are_counted() -> None:
    stream = EventStream()
    assert [event.data for event in stream.feed(b"data: caf\xe9\xed\xa0\x80\ndata: \xc3\ndata: \\x\n\n")] == [
        "caf\\xe9\\xed\\xa0\\x80\n\\xc3\n\\x"
    ]
    assert stream.invalid == 2


@pytest.mark.parametrize(
    ("data", "shown", "cut"),
    [
        (b"data: 0123456789\n\n", "0123456789", 0),
        (b"data: 0123456789a\n\n", "0123456789", 1),
        (b"data: 01234\ndata: 6789\n\n", "01234\n6789", 0),
        (b"data: 01234\ndata: 6789abc\ndata: d\n\n", "01234\n6789", 5),
        (b"data: 012345678\ndata:\ndata:\n\n", "012345678\n", 1),
        ("data: 01234567é9\n\n".encode(), "01234567é", 1),
        ("data: 012345678é\n\n".encode(), "012345678", 2),
        (b"data: " + b"x" * 100_000 + b"\n\n", "x" * 10, 99_990),
        (b"event: " + b"n" * 5000 + b"\ndata: 1\n\n", "1", 904),
        (b"id: " + b"n" * 50_000 + b"\ndata: 1\n\n", "1", 45_904),
    ],
)
def test_an_event_over_the_bound_is_cut_and_says_how_much_is_missing(data: bytes, shown: str, cut: int) -> None:
    for pieces in ([data], [data[at : at + 7] for at in range(0, len(data), 7)]):
        (event,) = events_of(pieces, longest=10)
        assert (event.data, event.cut, event.complete) == (shown, cut, True)


_BITS = st.sampled_from(
    [b"data", b"event", b"id", b"retry", b":", b": ", b" ", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"a", b"17",
     "é\u2028".encode(), b"\xff", b"\xef\xbb\xbf", b"data: {}\n\n"]
)  # fmt: skip
_STREAMS = st.lists(_BITS, max_size=60).map(b"".join)


@given(_STREAMS, st.lists(st.integers(0, 200), max_size=20), st.integers(0, 20))
def test_how_a_stream_is_cut_into_pieces_changes_nothing(data: bytes, cuts: list[int], longest: int) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in pairwise(places)] or [data]
    pieces.insert(len(pieces) // 2, b"")
    assert list(events_of(pieces, longest=longest)) == read(data, longest=longest)
    assert list(events_of([data[at : at + 1] for at in range(len(data))], longest=longest)) == read(
        data, longest=longest
    )


def _by_the_book(data: bytes) -> list[tuple[str, str, str]]:
    """Read as the standard puts it, with a browser's memory: what it would dispatch."""
    text = data.decode("utf-8", "backslashreplace").removeprefix("\ufeff")
    dispatched, kind, buffer, last = [], "", "", ""
    for line in re.findall(r"([^\r\n]*)(?:\r\n|\r|\n)", text):
        if line == "":
            if buffer:
                dispatched.append((kind or "message", buffer.removesuffix("\n"), last))
            kind, buffer = "", ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            kind = value
        elif field == "data":
            buffer += value + "\n"
        elif field == "id" and "\0" not in value:
            last = value
    return dispatched


@given(_STREAMS)
def test_what_a_browser_would_dispatch_is_what_is_complete_and_has_data(data: bytes) -> None:
    events = [event for event in read(data) if event.complete and event.data is not None]
    assert [(event.name, event.data, event.last_id) for event in events] == _by_the_book(data)


@given(st.lists(st.binary(max_size=80), max_size=8))
def test_no_bytes_make_it_fail(pieces: list[bytes]) -> None:
    events = list(events_of(pieces))
    assert [event.number for event in events] == list(range(1, len(events) + 1))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream ; charset=utf-8", True),
        ("text/plain", False),
        ("application/json; a=text/event-stream", False),
        ("", False),
        (None, False),
    ],
)
def test_the_media_type_tells_a_stream_of_events(value: str | None, expected: bool) -> None:
    assert is_event_stream(value) is expected


_PROGRAM = """
from cassette_tools.event_stream import events_of
from tests.peak import peak_kib
before = peak_kib()
def pieces(kind, number):
    for _ in range(number):
        yield kind * (65536 // len(kind))
KINDS = ((b"x", 1000), (b"data: " + b"x" * 9000, 500), (b"data: x\\n", 15), (b": x\\n", 15), (b"id: 1\\n\\n", 5))
count = sum(1 for kind, number in KINDS for _ in events_of(pieces(kind, number), longest=100_000))
print(count, peak_kib() - before)
"""


def test_memory_is_bounded_whatever_the_stream() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=300, env=environment()
    )
    count, grown = map(int, done.stdout.split())
    assert count > 40_000
    assert grown < 4_000
