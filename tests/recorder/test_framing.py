"""Which bytes on the wire are body, however they are cut; held against http.client's own reading of the same bytes."""

from __future__ import annotations

import http.client
import io
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.framing import Chunked, Deframer, Length, UntilClose

if TYPE_CHECKING:
    from collections.abc import Sequence

CUTS = st.lists(st.integers(1, 40), max_size=30)
EXTENSIONS = st.sampled_from([b"", b";note=value", b' ; q="a;b"', b";"])
ENDINGS = st.sampled_from([b"\r\n", b"\n"])
TRAILERS = st.lists(
    st.tuples(st.sampled_from(["X-Digest", "x-other", "X-\xe9"]), st.text("abc \xff:", max_size=8).map(str.strip)),
    max_size=3,
)


def cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Cut data into parts of these sizes, and what is left."""
    parts = []
    for size in sizes:
        parts.append(data[:size])
        data = data[size:]
    return [part for part in [*parts, data] if part]


def feed(deframer: Deframer, parts: list[bytes]) -> bytes:
    return b"".join(b"".join(deframer.feed(part)) for part in parts)


def chunked(
    chunks: list[bytes], extension: bytes = b"", trailers: Sequence[tuple[str, str]] = (), end: bytes = b"\r\n"
) -> bytes:
    lines = [b"%x%s%s%s\r\n" % (len(chunk), extension, end, chunk) for chunk in chunks if chunk]
    told = [f"{name}: {value}".encode("latin-1") + end for name, value in trailers]
    return b"".join([*lines, b"0", extension, end, *told, end])


def as_http_client_reads(wire: bytes) -> bytes:
    class Sock:
        def makefile(self, *_: Any) -> io.BytesIO:
            return io.BytesIO(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + wire)

    response = http.client.HTTPResponse(Sock())  # type: ignore[arg-type] # all that it asks of a socket
    response.begin()
    return response.read()


class TestChunked:
    @given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), CUTS, EXTENSIONS, TRAILERS, ENDINGS)
    def test_any_cuts_give_the_body_and_the_trailers(
        self, chunks: list[bytes], cuts: list[int], extension: bytes, trailers: list[tuple[str, str]], end: bytes
    ) -> None:
        wire = chunked(chunks, extension, trailers, end)
        deframer = Chunked()
        body = feed(deframer, cut(wire, cuts))
        assert body == b"".join(chunks) == as_http_client_reads(wire)
        assert (deframer.done, deframer.broken, deframer.ends_at_close) == (True, False, False)
        assert deframer.trailers == trailers

    @given(st.lists(st.binary(min_size=1, max_size=30), max_size=4), st.data())
    def test_a_body_that_is_cut_off_is_not_done_and_gives_what_came(
        self, chunks: list[bytes], data: st.DataObject
    ) -> None:
        wire = chunked(chunks)
        length = data.draw(st.integers(0, len(wire) - 1))
        deframer = Chunked()
        body = feed(deframer, cut(wire[:length], data.draw(CUTS)))
        assert b"".join(chunks).startswith(body)
        assert (deframer.done, deframer.broken) == (False, False)

    @pytest.mark.parametrize(
        ("wire", "body"),
        [
            (b"zz\r\nhello\r\n0\r\n\r\n", b""),
            (b"\r\n", b""),
            (b"-5\r\nhello\r\n", b""),
            (b"3\r\nabcXY\r\n0\r\n\r\n", b"abc"),
            (b"3\r\nabc\r\nnonsense\r\n", b"abc"),
            (b"3\r\nabc\r\n" + b"5" * 70_000, b"abc"),
        ],
    )
    @pytest.mark.parametrize("at_once", [True, False])
    def test_it_stops_at_the_first_byte_that_it_cannot_place(self, wire: bytes, body: bytes, at_once: bool) -> None:
        deframer = Chunked()
        parts = [wire] if at_once else cut(wire, [1] * 20 + [1000] * 70)
        assert feed(deframer, [*parts, b"3\r\nmore\r\n"]) == body
        assert (deframer.broken, deframer.done) == (True, False)

    def test_what_follows_the_end_is_not_body(self) -> None:
        deframer = Chunked()
        assert feed(deframer, [chunked([b"abc"]) + b"HTTP/1.1 200 OK\r\n", b"3\r\nabc\r\n"]) == b"abc"
        assert deframer.done

    def test_a_hundred_trailers_are_kept_and_further_ones_passed_over(self) -> None:
        deframer = Chunked()
        assert feed(deframer, [chunked([b"a"], trailers=[(f"X-{n}", "v") for n in range(250)])]) == b"a"
        assert deframer.done
        assert len(deframer.trailers) == 100

    def test_a_part_that_is_all_body_is_handed_on_without_a_copy(self) -> None:
        deframer = Chunked()
        deframer.feed(b"100\r\n")
        part = b"x" * 100
        assert deframer.feed(part)[0] is part

    def test_it_holds_one_line_of_framing_and_no_body(self) -> None:
        deframer = Chunked()
        block = b"x" * 65536
        tracemalloc.start()
        try:
            deframer.feed(b"%x\r\n" % (500 * len(block)))
            for _ in range(499):
                deframer.feed(block)
            deframer.feed(block + b"\r\n")
            while not deframer.broken:
                deframer.feed(b"0" * 1000)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 4 * 65536


class TestLength:
    @given(st.binary(max_size=100), st.binary(max_size=20), CUTS)
    def test_bytes_beyond_the_length_are_not_body(self, body: bytes, more: bytes, cuts: list[int]) -> None:
        deframer = Length(len(body))
        assert deframer.done is (not body)
        assert feed(deframer, cut(body + more, cuts)) == body
        assert (deframer.done, deframer.left, deframer.broken) == (True, 0, False)

    @given(st.binary(min_size=1, max_size=100), st.integers(1, 100), CUTS)
    def test_a_body_that_is_cut_off_is_not_done_and_knows_what_is_left(
        self, body: bytes, missing: int, cuts: list[int]
    ) -> None:
        deframer = Length(len(body) + missing)
        assert feed(deframer, cut(body, cuts)) == body
        assert (deframer.done, deframer.left) == (False, missing)


class TestUntilClose:
    @given(st.binary(max_size=100), CUTS)
    def test_everything_is_body_and_only_the_close_ends_it(self, body: bytes, cuts: list[int]) -> None:
        deframer = UntilClose()
        assert feed(deframer, cut(body, cuts)) == body
        assert (deframer.done, deframer.broken, deframer.ends_at_close) == (False, False, True)
