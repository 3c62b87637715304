"""A body is shown as what its bytes are, whatever it was declared as."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.content import HEX_SHOWN, SHOWN, Content, content_of, hex_lines

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
        (b"\x1b$B" * 80_000, "text/plain; charset=iso-2022-jp"),
    ],
)
def test_hostile_bodies_take_no_long_time(data: bytes, declared: str) -> None:
    began = time.perf_counter()
    look(data, declared)
    assert time.perf_counter() - began < 5
