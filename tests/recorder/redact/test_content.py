"""What a body is, by its headers and its bytes, and which headers follow from its change."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from recorder.redact import content
from recorder.redact.content import binary_parts, context_of, follow, is_text, unpack, wide_codec
from recorder.redact.leaf import Context

if TYPE_CHECKING:
    from collections.abc import Callable

BINARY = b"\x89PNG\r\n\x1a\n\x00\x00"


def headers(kind: str | None) -> list[list[str]]:
    return [["Host", "h"], *([] if kind is None else [["Content-Type", kind]]), ["X-Other", "text/html"]]


@pytest.mark.parametrize(
    ("kind", "data", "form", "binary", "boundary"),
    [
        ("application/json", b"{}", False, False, b""),
        ("application/json; charset=utf-8", b'"\xff"', False, False, b""),
        ("application/vnd.api+json", b"\xff", False, False, b""),
        ("text/plain", b"\xff\xfe", False, False, b""),
        ("TEXT/HTML", b"\xff", False, False, b""),
        ("application/xhtml+xml", b"\xff", False, False, b""),
        ("application/x-www-form-urlencoded", b"a=b", True, False, b""),
        ("Application/X-WWW-Form-Urlencoded; charset=x", b"a=\xff", True, False, b""),
        ("multipart/form-data; boundary=cut", b"\xff", False, False, b"cut"),
        ('multipart/form-data; boundary="c u t"; x=y', b"", False, False, b"c u t"),
        ("multipart/mixed; BOUNDARY = cut;x", b"", False, False, b"cut"),
        ("multipart/form-data", b"x", False, False, b""),
        ("text/plain; boundary=cut", b"x", False, False, b""),
        ("application/octet-stream", b"plain text", False, False, b""),
        ("application/octet-stream", BINARY, False, True, b""),
        ("image/png", BINARY, False, True, b""),
        ("image/png", b"text\x00", False, True, b""),
        (None, b"text", False, False, b""),
        (None, BINARY, False, True, b""),
        ("", b"\xff", False, True, b""),
    ],
)
def test_the_bytes_decide_and_the_headers_help(
    kind: str | None, data: bytes, form: bool, binary: bool, boundary: bytes
) -> None:
    context = context_of(headers(kind), data, token_request=False)
    assert context == Context(body=True, form=form, binary=binary, boundary=boundary)
    assert context_of(headers(kind), data, token_request=True).token_endpoint


@pytest.mark.parametrize("given_headers", [None, "x", [], [["Content-Type"]], [[1, 2]], [["content-type", None]], [[]]])
def test_headers_that_are_none_are_no_trouble(given_headers: Any) -> None:
    assert context_of(given_headers, b"text", token_request=False) == Context(body=True)
    assert context_of(given_headers, BINARY, token_request=False).binary


def test_a_stream_is_known_by_its_headers_alone() -> None:
    assert context_of(headers("application/x-www-form-urlencoded"), None, token_request=False).form
    assert not context_of(headers("image/png"), None, token_request=False).binary


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", True),
        (b"abc", True),
        ("žluť".encode(), True),
        (b"\0", False),
        (b"a\xff", False),
        (b"\xc3", False),
        (b"\xed\xa0\x80", False),
    ],
)
def test_text_is_strict_utf_8_without_nul(data: bytes, text: bool) -> None:
    assert is_text(data) is text


# UTF-16.


@pytest.mark.parametrize(
    ("data", "codec"),
    [
        ("hello world".encode("utf-16-le"), "utf-16-le"),
        ("hello world".encode("utf-16-be"), "utf-16-be"),
        ("hello".encode("utf-16"), "utf-16-le"),
        (b"\xfe\xff" + "日本語".encode("utf-16-be"), "utf-16-be"),
        (b"\xff\xfe" + "日本語".encode("utf-16-le"), "utf-16-le"),
        ("日本語".encode("utf-16-le"), None),
        (b"hello world", None),
        (b"", None),
        (b"\xff\xfe\x00", None),
        (b"\0" * 7, None),
        (b"\xff\xfe\x00\xd8", None),
        (BINARY, None),
        (b"a\0b\0c", None),
    ],
)
def test_utf_16_is_known_where_it_can_be_written_again(data: bytes, codec: str | None) -> None:
    assert wide_codec(data) == codec


@given(st.binary(max_size=80), st.sampled_from([b"", b"\xff\xfe", b"\xfe\xff"]))
def test_whatever_is_taken_for_utf_16_comes_back_byte_for_byte(data: bytes, mark: bytes) -> None:
    codec = wide_codec(mark + data)
    if codec is not None:
        assert (mark + data).decode(codec).encode(codec) == mark + data


# Compressed files.

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("coding", PACKERS)
@given(plain=st.binary(max_size=300))
def test_a_compressed_file_is_opened_and_packed_again(coding: str, plain: bytes) -> None:
    packed = unpack(PACKERS[coding](plain))
    assert packed is not None
    assert packed.plain == plain
    assert packed.context == Context(body=True, binary=not is_text(plain))
    again = unpack(packed.pack(b"new " + plain))
    assert again is not None
    assert again.plain == b"new " + plain


def test_what_is_packed_says_nothing_of_the_time() -> None:
    packed = unpack(gzip.compress(b"plain", mtime=1234567))
    assert packed is not None
    assert packed.pack(b"x") == packed.pack(b"x")
    assert packed.pack(b"x")[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize("coding", PACKERS)
def test_a_file_that_is_broken_or_cut_off_is_not_opened(coding: str) -> None:
    whole = PACKERS[coding](b"plain text " * 30)
    assert unpack(whole[: len(whole) // 2]) is None
    assert unpack(whole[:4]) is None
    assert unpack(b"x" + whole) is None


@pytest.mark.parametrize(
    "data", [b"", b"x", b"plain text", b"\x78\x01", b"\x1f\x8b", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", BINARY]
)
def test_what_is_no_compressed_file_is_not_opened(data: bytes) -> None:
    assert unpack(data) is None


def test_a_file_that_grows_beyond_the_bound_is_not_opened() -> None:
    assert unpack(gzip.compress(b"\0" * (content.MOST_UNPACKED + 1), mtime=0)) is None
    just = unpack(gzip.compress(b"\0" * content.MOST_UNPACKED, mtime=0))
    assert just is not None
    assert len(just.plain) == content.MOST_UNPACKED


# Multipart.


def test_the_binary_parts_of_a_multipart_body_are_told() -> None:
    parts = [b"text", BINARY, b"", b"\xff\r\n\r\nmore", "žluť".encode()]
    body = b"".join(b"--cut\r\nContent-Disposition: form-data\r\n\r\n%s\r\n" % part for part in parts) + b"--cut--\r\n"
    assert [body[start:end] for start, end in binary_parts(body, b"cut")] == [BINARY, b"\xff\r\n\r\nmore"]
    assert binary_parts(b"--cut\r\n\r\ntext\r\n--cut--", b"cut") == []
    assert binary_parts(b"--cut\r\n\r\n\xff", b"cut") == [(9, 10)]
    assert binary_parts(b"\xff no part", b"cut") == []


# What follows from a change.

OLD, NEW = b"the old body", b"the new body, longer"


def after(name: str, value: str, before: tuple[Any, Any] = (len(OLD), len(OLD))) -> str:
    (pair,) = follow([[name, value]], before, len(NEW), OLD, NEW)
    assert pair[0] == name
    return str(pair[1])


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "CONTENT-LENGTH"])
def test_the_content_length_follows_where_it_was_right(name: str) -> None:
    assert after(name, str(len(OLD))) == str(len(NEW))
    assert after(name, "99", (len(OLD), 99)) == str(len(NEW)), "the size on the wire"
    assert after(name, "99") == "99"
    assert after(name, f" {len(OLD)}") == f" {len(OLD)}"
    assert after("X-" + name, str(len(OLD))) == str(len(OLD))


DIGESTS = [
    ("Content-MD5", "md5", "{base64}"),
    ("Digest", "sha256", "SHA-256={base64}"),
    ("Digest", "sha512", "SHA-512={base64}"),
    ("Digest", "sha1", "SHA={base64},x=y"),
    ("Content-Digest", "sha256", "sha-256=:{base64}:"),
    ("Repr-Digest", "sha512", "sha-512=:{base64}:, x=:y:"),
    ("x-amz-content-sha256", "sha256", "{hex}"),
    ("X-Content-Digest", "sha1", "{hex}"),
    ("ETag", "md5", '"{hex}"'),
    ("etag", "sha256", 'W/"{hex}"'),
    ("ETag", "sha1", "{hex}"),
]


def written(form: str, algorithm: str, data: bytes) -> str:
    digest = hashlib.new(algorithm, data)
    return form.format(base64=base64.b64encode(digest.digest()).decode(), hex=digest.hexdigest())


@pytest.mark.parametrize(("name", "algorithm", "form"), DIGESTS)
def test_a_digest_follows_where_it_was_right(name: str, algorithm: str, form: str) -> None:
    assert after(name, written(form, algorithm, OLD)) == written(form, algorithm, NEW)
    wrong = written(form, algorithm, b"something else")
    assert after(name, wrong) == wrong
    assert after("X-Other", written(form, algorithm, OLD)) == written(form, algorithm, OLD)


@pytest.mark.parametrize("value", ['"v1"', "", '"abc-1234"', "W/", '"' + "0" * 31 + '"'])
def test_an_etag_that_is_no_digest_stays(value: str) -> None:
    assert after("ETag", value) == value


def test_other_headers_stay_as_they_are_and_the_same_objects() -> None:
    pairs: list[Any] = [["A", "1"], ["Content-Length", "12"], ["Odd"], [1, 2], "text", ["a", "2"]]
    told = follow(pairs, (12, 12), 20, None, None)
    assert all(told[number] is pairs[number] for number in (0, 2, 3, 4, 5))
    assert list(told[1]) == ["Content-Length", "20"]
    assert pairs[1] == ["Content-Length", "12"], "what was given stays as it is"


def test_without_the_bytes_digests_stay() -> None:
    digest = written("{hex}", "md5", OLD)
    assert follow([["ETag", digest]], (12, 12), 20, None, NEW) == [["ETag", digest]]
