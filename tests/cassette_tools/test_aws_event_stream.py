"""Amazon's event streams are told apart by their frames, and what is wrong with one is said."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.aws_event_stream import Message, is_aws_event_stream, messages_of


def framed(headers: dict[str, str], payload: bytes) -> bytes:
    """Give a message with headers that are strings."""
    block = b""
    for name, value in headers.items():
        block += (
            bytes([len(name.encode())])
            + name.encode()
            + b"\x07"
            + struct.pack(">H", len(value.encode()))
            + value.encode()
        )
    return around(block, payload)


def around(block: bytes, payload: bytes) -> bytes:
    """Give a message around headers as they are."""
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return frame + struct.pack(">I", zlib.crc32(frame))


_HEADERS = st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), max_size=4)


@given(st.lists(st.tuples(_HEADERS, st.binary(max_size=60)), max_size=5))
def test_messages_are_what_botocore_reads_of_them(messages: list[tuple[dict[str, str], bytes]]) -> None:
    data = b"".join(framed(headers, payload) for headers, payload in messages)
    theirs = EventStreamBuffer()
    theirs.add_data(data)
    assert [(dict(one.headers), one.payload) for one in messages_of(data)] == [
        (one.headers, one.payload) for one in theirs
    ]
    assert all(one.complete and one.fault is None for one in messages_of(data))


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (0, b"", "true"),
        (1, b"", "false"),
        (2, b"\xff", "-1"),
        (3, b"\x01\x00", "256"),
        (4, b"\xff\xff\xff\xfe", "-2"),
        (5, struct.pack(">q", 2**62), str(2**62)),
        (6, b"\x00\x02\x00\xff", "00ff"),
        (7, b"\x00\x03a\xffb", "a\\xffb"),
        (8, struct.pack(">q", 1_700_000_000_123), "2023-11-14T22:13:20.123Z"),
        (8, struct.pack(">q", 2**62), f"{2**62} ms"),
        (9, bytes(range(16)), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    ],
)
def test_every_type_of_header_has_its_text(kind: int, value: bytes, shown: str) -> None:
    (message,) = messages_of(around(b"\x01h" + bytes([kind]) + value + b"\x01i\x00", b"x"))
    assert message == Message(1, (("h", shown), ("i", "true")), b"x")
    assert datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC).timestamp() == 1_700_000_000.123


WHOLE = framed({"a": "b"}, b"payload")


@pytest.mark.parametrize(
    ("data", "fault", "complete", "payload"),
    [
        (WHOLE[:-1], "cut off", False, b"payload"),
        (WHOLE[:-6], "cut off", False, b"paylo"),
        (WHOLE[:11], "cut off in its prelude", False, WHOLE[:11]),
        (b"\0\0\0\x01" + WHOLE[4:], "its prelude is wrong: what follows cannot be told apart", True, None),
        (WHOLE[:-8] + b"!" + WHOLE[-7:], "its checksum does not fit", True, None),
        (around(b"\x01a\x0a", b"payload"), "its headers are garbled", True, b"payload"),
        (around(b"\x05a", b"payload"), "its headers are garbled", True, b"payload"),
        (around(b"\x01a\x09abc", b"payload"), "its headers are garbled", True, b"payload"),
    ],
)
def test_what_is_wrong_with_a_message_is_said(data: bytes, fault: str, complete: bool, payload: bytes | None) -> None:
    sound, message = messages_of(framed({}, b"first") + data)
    assert (sound.payload, sound.fault) == (b"first", None)
    assert message.fault is not None
    assert message.fault.startswith(fault)
    assert message.complete is complete
    assert payload is None or message.payload == payload


def test_a_damaged_message_does_not_hide_the_next_one() -> None:
    first, second = messages_of(WHOLE[:-8] + b"!" + WHOLE[-7:] + framed({}, b"next"))
    assert first.fault is not None
    assert (second.number, second.payload, second.fault) == (2, b"next", None)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: around(data, data)[:-1]))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    messages = list(messages_of(data))
    assert [one.number for one in messages] == list(range(1, len(messages) + 1))
    assert sum(len(one.payload) for one in messages) <= len(data)


def test_the_media_type_tells() -> None:
    assert is_aws_event_stream("application/vnd.amazon.eventstream")
    assert is_aws_event_stream("Application/VND.amazon.EventStream; a=b")
    assert not is_aws_event_stream("text/event-stream")
    assert not is_aws_event_stream(None)
