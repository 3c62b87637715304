from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools import stored_body
from cassette_tools.stored_body import body_of, encode, wire_of

if TYPE_CHECKING:
    from cassette_tools.interaction import Headers

TEXT = "größer, größer " * 20


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def declared(*codings: str) -> Headers:
    return [("Content-Type", "text/plain"), *(("content-Encoding", coding) for coding in codings)]


@pytest.mark.parametrize(
    ("header", "stored"),
    [
        ("gzip", gzip.compress(TEXT.encode(), mtime=0)),
        ("x-gzip", gzip.compress(TEXT.encode(), mtime=0)),
        ("GZIP", gzip.compress(TEXT.encode(), mtime=0)),
        ("identity, gzip", gzip.compress(TEXT.encode(), mtime=0)),
        ("deflate", zlib.compress(TEXT.encode())),
        ("deflate", raw_deflate(TEXT.encode())),
        ("br", brotli.compress(TEXT.encode())),
        ("zstd", zstandard.compress(TEXT.encode())),
        ("gzip, br", brotli.compress(gzip.compress(TEXT.encode(), mtime=0))),
    ],
)
def test_a_coding_that_is_on_is_taken_off(header: str, stored: bytes) -> None:
    body = body_of(stored, declared(header))
    assert body.text() == TEXT
    assert (body.wire, body.wire_size, body.coding_error) == (stored, len(stored), None)
    assert body.coding is not None
    assert wire_of(body) == stored


def test_codings_in_several_headers_are_one_list() -> None:
    stored = brotli.compress(gzip.compress(TEXT.encode(), mtime=0))
    body = body_of(stored, declared("gzip", "br"))
    assert (body.text(), body.coding) == (TEXT, "gzip, br")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("stored", [TEXT.encode(), TEXT, b"x^2 + y", b'{"a": 1}', b"x\x01y"])
def test_a_body_that_is_plain_already_stays_and_the_coding_is_known(coding: str, stored: bytes | str) -> None:
    body = body_of(stored, declared(coding))
    assert body.read() == (stored if isinstance(stored, bytes) else stored.encode())
    assert (body.coding, body.coding_error, body.wire, body.wire_size) == (coding, None, None, None)


@pytest.mark.parametrize(
    ("coding", "stored"),
    [
        ("gzip", gzip.compress(TEXT.encode(), mtime=0)[:-9]),
        ("gzip", b"\x1f\x8b and something else"),
        ("deflate", zlib.compress(TEXT.encode())[:-5]),
        ("br", brotli.compress(TEXT.encode())[:-2]),
        ("br", b"\xff\xfe\xfd"),
        ("zstd", zstandard.compress(TEXT.encode())[:-3]),
        ("gzip, " * 9 + "gzip", gzip.compress(b"x", mtime=0)),
        ("compress", b"\x1f\x9d\x90\xff"),
    ],
)
def test_what_cannot_be_decoded_stays_as_it_is_and_says_why(coding: str, stored: bytes) -> None:
    body = body_of(stored, declared(coding))
    assert (body.read(), body.coding, body.wire, body.wire_size) == (stored, None, stored, len(stored))
    assert body.coding_error
    assert wire_of(body) == stored


@pytest.mark.parametrize(
    "headers", [[], declared("identity"), declared("aws-chunked"), declared("utf-8"), declared("")]
)
def test_without_a_compressing_coding_nothing_is_looked_at(headers: Headers) -> None:
    stored = gzip.compress(b"a file to download", mtime=0)
    body = body_of(stored, headers)
    assert (body.read(), body.coding, body.coding_error, body.wire) == (stored, None, None, None)


def test_an_empty_body_has_no_coding() -> None:
    body = body_of(b"", declared("gzip"))
    assert (body.size, body.coding, body.coding_error) == (0, None, None)


def test_marks_of_completeness_go_along() -> None:
    for stored in (b"", b"plain", gzip.compress(b"x", mtime=0), gzip.compress(b"x", mtime=0)[:-1]):
        body = body_of(stored, declared("gzip"), complete=False, incomplete="closed")
        assert (body.complete, body.incomplete) == (False, "closed")


def test_a_bomb_stays_coded_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_body, "MOST_DECODED", 4 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    tracemalloc.start()
    body = body_of(bomb, declared("gzip"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert body.read() == bomb
    assert body.coding_error == "it grows beyond 4 MiB"
    assert peak < 16 << 20


@settings(max_examples=100)
@given(st.binary(max_size=2000), st.lists(st.sampled_from(["gzip", "deflate", "br", "zstd"]), min_size=1, max_size=3))
def test_every_coding_goes_on_and_off_again(content: bytes, codings: list[str]) -> None:
    stored = encode(content, codings)
    assert stored is not None
    assert stored == encode(content, codings)
    body = body_of(stored, declared(", ".join(codings)))
    if body.coding_error is None and body.wire is not None:
        assert body.read() == content
    else:  # what happens to look like text is taken for text
        assert body.read() == stored
        stored.decode()
    assert wire_of(body) is not None


@settings(max_examples=100)
@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, br"]))
def test_whatever_is_stored_no_byte_is_lost(stored: bytes, coding: str) -> None:
    body = body_of(stored, declared(coding))
    assert stored in (body.wire, body.read())


def test_without_a_coding_the_wire_is_the_content() -> None:
    assert wire_of(body_of("größer", [])) == "größer".encode()


def test_what_is_plain_is_coded_anew_and_the_same_each_time() -> None:
    body = body_of(TEXT, declared("gzip"))
    wire = wire_of(body)
    assert wire is not None
    assert gzip.decompress(wire).decode() == TEXT
    assert wire_of(body) == wire


def test_a_coding_that_is_not_known_cannot_be_put_on() -> None:
    for coding in ("gzip", "gzip, br", "zstd"):
        assert encode(b"", coding.split(", ")) is not None
    assert encode(b"x", ["gzip", "compress"]) is None
    body = body_of("text", declared("compress"))
    assert wire_of(body) is None
