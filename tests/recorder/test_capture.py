"""One body on its way into a cassette: any bytes, in any cuts, under any coding, whole or broken, small or endless."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import signal
import threading
import time
import tracemalloc
import zlib
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from recorder.capture import BodyCapture, Content, encode_content
from recorder.coding import PIECE
from tests.recorder.bombs import grown_kib
from tests.recorder.test_coding import raw_deflate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LIMIT = 1024
NOISE = random.Random(5).randbytes(700_000)
# Text of letters that take one, two, three and four bytes, as no repetition that a coding would take apart to nothing.
LETTERS = "".join(random.Random(6).choices("abc \nü\u20ac\U0001f600", k=300_000)).encode()

ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "deflate": zlib.compress,
    "br": lambda data: bytes(brotli.compress(data, quality=4)),
    "zstd": zstandard.compress,
}


class Sink:
    """What a recording would write: the pieces of one body, which must come in their order."""

    def __init__(self) -> None:
        self.pieces: list[Content] = []

    def __call__(self, number: int, content: Content) -> None:
        assert number == len(self.pieces)
        self.pieces.append(content)

    def stored(self, content: Content | None) -> bytes:
        return b"".join(map(content_bytes, [content] if content is not None else self.pieces))

    def decoded(self) -> bytes:
        return b"".join(content_bytes(piece) for piece in self.pieces if "raw" not in piece)

    def raw(self) -> bytes:
        return b"".join(content_bytes(piece) for piece in self.pieces if "raw" in piece)


def content_bytes(content: Content) -> bytes:
    return content["text"].encode() if "text" in content else b64decode(content["base64"])


def cut(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    parts = []
    for size in sizes:
        parts.append(data[:size])
        data = data[size:]
    return [part for part in [*parts, data] if part]


def capture(
    parts: Iterable[bytes], codings: list[str] | None = None, *, incomplete: str | None = None, limit: int = LIMIT
) -> tuple[dict[str, Any], Content | None, Sink]:
    """Take a body, and check whatever is true of each."""
    sink = Sink()
    body = BodyCapture(limit, sink, codings or [])
    size = 0
    for part in parts:
        body.feed(part)
        size += len(part)
    said, content = body.finish(incomplete, "length")
    stored = sink.stored(content)
    assert said["wire_size"] == size == body.wire_size
    assert said["size"] == len(stored)
    assert said["sha256"] == hashlib.sha256(stored).hexdigest()
    assert said["complete"] is (incomplete is None)
    assert said.get("incomplete") == incomplete
    assert said["framing"] == "length"
    assert said.get("pieces") == (None if content is not None else len(sink.pieces))
    assert content is None or not sink.pieces
    assert all(0 < len(content_bytes(piece)) <= PIECE for piece in sink.pieces)
    return said, content, sink


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class TestPlainBodies:
    @given(st.binary(max_size=3000), st.lists(st.integers(1, 400), max_size=20), st.integers(0, 2500))
    def test_any_bytes_in_any_cuts_are_stored_byte_for_byte(self, data: bytes, cuts: list[int], limit: int) -> None:
        said, content, sink = capture(cut(data, cuts), limit=limit)
        assert sink.stored(content) == data
        assert (content is not None) is (len(data) <= limit)
        assert "coding" not in said
        assert "coding_error" not in said

    @given(st.text(max_size=800), st.lists(st.integers(1, 100), max_size=20))
    def test_text_in_any_cuts_is_stored_as_text(self, text: str, cuts: list[int]) -> None:
        _, content, _ = capture(cut(text.encode("utf-8", "replace"), cuts), limit=10_000)
        assert content is not None
        assert set(content) == {"text"}

    @given(st.binary(max_size=300))
    def test_bytes_are_told_as_text_exactly_when_they_are_strictly_utf_8(self, data: bytes) -> None:
        content = encode_content(data)
        assert set(content) == ({"text"} if is_text(data) else {"base64"})
        assert content_bytes(content) == data

    @pytest.mark.parametrize(
        "data", [b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xff", b"a\xe2\x82"], ids=ascii
    )
    def test_what_only_looks_like_utf_8_is_no_text(self, data: bytes) -> None:
        assert set(encode_content(data)) == {"base64"}

    @pytest.mark.parametrize("data", [b"\0", b"\xef\xbb\xbfa", "\ufffe\U0010ffff".encode()], ids=ascii)
    def test_odd_characters_are_text_nevertheless(self, data: bytes) -> None:
        assert set(encode_content(data)) == {"text"}

    @pytest.mark.parametrize("size", [LIMIT, LIMIT + 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 600_000])
    @pytest.mark.parametrize("part", [7919, 65536, 1 << 20])
    def test_a_long_body_goes_out_in_full_pieces(self, size: int, part: int) -> None:
        data = NOISE[:size]
        said, content, sink = capture(cut(data, [part] * (size // part)))
        assert sink.stored(content) == data
        assert said.get("pieces", 0) == (0 if size <= LIMIT else -(-size // PIECE))

    @pytest.mark.parametrize("offset", range(5))
    def test_a_text_is_text_in_every_piece_wherever_its_letters_fall(self, offset: int) -> None:
        data = b"x" * offset + LETTERS
        _, content, sink = capture(cut(data, [10_000] * 100))
        assert content is None
        assert sink.stored(None) == data
        assert all(set(piece) == {"text"} for piece in sink.pieces)
        assert all(len(content_bytes(piece)) > PIECE - 4 for piece in sink.pieces[:-1])

    @pytest.mark.parametrize("reason", ["closed", "truncated", "error", "stopped"])
    @pytest.mark.parametrize("size", [0, 500, 5000])
    def test_a_body_that_is_not_all_there_says_why_and_keeps_what_came(self, reason: str, size: int) -> None:
        said, content, sink = capture([NOISE[:size]] if size else [], incomplete=reason)
        assert sink.stored(content) == NOISE[:size]
        assert said["incomplete"] == reason

    def test_what_comes_after_the_end_is_passed_over(self) -> None:
        sink = Sink()
        body = BodyCapture(LIMIT, sink, [])
        body.feed(b"x" * 2000)
        said, _ = body.finish("stopped", None)
        body.feed(b"y" * 2_000_000)
        assert said["wire_size"] == body.wire_size == 2000
        assert sink.stored(None) == b"x" * 2000


@pytest.mark.parametrize(
    "names", [["gzip"], ["deflate"], ["br"], ["zstd"], ["gzip", "br"], ["zstd", "gzip"]], ids="+".join
)
class TestCodedBodies:
    @given(body=st.binary(max_size=4000), cuts=st.lists(st.integers(1, 60), max_size=30), limit=st.integers(1, 2000))
    def test_any_bytes_in_any_cuts_are_stored_decoded(
        self, names: list[str], body: bytes, cuts: list[int], limit: int
    ) -> None:
        said, content, sink = capture(cut(encode(names, body), cuts), names, limit=limit)
        assert sink.stored(content) == body
        assert said["coding"] == ", ".join(names)
        assert "coding_error" not in said

    @pytest.mark.parametrize("data", [LETTERS, NOISE], ids=["text", "noise"])
    def test_a_long_body_goes_out_decoded(self, names: list[str], data: bytes) -> None:
        said, content, sink = capture(cut(encode(names, data), [1, 1, 5000, 3] * 60), names)
        assert content is None
        assert sink.stored(None) == data
        assert said["coding"] == ", ".join(names)

    def test_a_body_that_outgrows_the_limit_at_its_end_goes_out_in_pieces(self, names: list[str]) -> None:
        data = b"all the same " * 40_000
        coded = encode(names, data)
        limit = max(len(coded), 1024)
        said, content, sink = capture([coded], names, limit=limit)
        assert content is None
        assert said["pieces"] == 2
        assert sink.stored(None) == data

    @pytest.mark.parametrize("data", [b"", b"not what it says", NOISE[:900]], ids=["empty", "text", "noise"])
    def test_a_short_body_that_is_not_what_it_says_is_stored_as_it_came(self, names: list[str], data: bytes) -> None:
        said, content, sink = capture([data] if data else [], names)
        assert sink.stored(content) == data
        assert "coding" not in said
        assert ("coding_error" in said) is bool(data)

    def test_a_long_body_that_is_not_what_it_says_is_stored_as_it_came(self, names: list[str]) -> None:
        data = b"not what it says " * 40_000
        said, _, sink = capture(cut(data, [4000] * 200), names)
        assert sink.stored(None) == data
        assert all(piece["raw"] for piece in sink.pieces)
        assert "coding_error" in said

    @pytest.mark.parametrize("place", [0.3, 0.6, 0.95])
    def test_where_a_long_body_breaks_no_byte_is_missing(self, names: list[str], place: float) -> None:
        coded = bytearray(encode(names, NOISE))
        spot = int(len(coded) * place)
        coded[spot : spot + 3000] = b"\xff" * 3000
        said, _, sink = capture(cut(bytes(coded), [5000] * 500), names)
        decoded, raw = sink.decoded(), sink.raw()
        if not raw:  # a coding without a check of its own gives other bytes: then the end says so, or nobody can
            assert "coding_error" in said or len(decoded) == len(NOISE)
            return
        assert said["coding"] == ", ".join(names)
        assert said["coding_error"]
        assert bytes(coded).endswith(raw)
        # What was not stored raw gives what was stored decoded, and not one byte more.
        taken = encode_prefix(names, bytes(coded[: len(coded) - len(raw)]))
        assert decoded.startswith(taken)
        assert [("raw" in piece) for piece in sink.pieces] == sorted("raw" in piece for piece in sink.pieces)

    @pytest.mark.parametrize("length", [3, 500, 200_000, 400_000])
    @pytest.mark.parametrize("reason", ["closed", "truncated"])
    def test_of_a_body_that_is_cut_off_everything_that_came_is_kept(
        self, names: list[str], length: int, reason: str
    ) -> None:
        coded = encode(names, NOISE)[:length]
        said, content, sink = capture(cut(coded, [777] * 700), names, incomplete=reason)
        stored = sink.stored(content)
        if "coding" in said and "zstd" not in names:
            assert stored
            assert NOISE.startswith(stored)
        elif content is not None:
            assert stored == coded
            assert "ends early" in said["coding_error"]
        else:
            decoded, raw = sink.decoded(), sink.raw()
            assert "ends early" in said["coding_error"]
            assert NOISE.startswith(decoded)
            assert coded.endswith(raw)
            assert decoded.startswith(encode_prefix(names, coded[: len(coded) - len(raw)]))

    def test_a_whole_body_whose_coding_ends_early_says_so(self, names: list[str]) -> None:
        short, long = encode(names, NOISE[:600])[:-1], encode(names, NOISE)[:-1]
        said, content, sink = capture([short], names)
        assert sink.stored(content) == short
        assert "ends early" in said["coding_error"]
        said, content, sink = capture(cut(long, [5000] * 500), names)
        assert NOISE.startswith(sink.decoded())
        assert "ends early" in said["coding_error"]


def encode(names: list[str], data: bytes) -> bytes:
    for name in names:
        data = ENCODE[name](data)
    return data


def encode_prefix(names: list[str], coded: bytes) -> bytes:
    """What the beginning of a coded body gives, by the libraries themselves."""
    for name in reversed(names):
        if name == "br":
            coded = bytes(brotli.Decompressor().process(coded))
        elif name == "zstd":
            coded = zstandard.ZstdDecompressor().decompressobj().decompress(coded)
        else:
            coded = zlib.decompressobj(31 if name == "gzip" else 15).decompress(coded)
    return coded


class TestOddCodings:
    def test_raw_deflate_whose_first_byte_comes_alone_is_decoded(self) -> None:
        coded = raw_deflate(NOISE)
        for parts in ([coded[:1], coded[1:]], [coded[:1], *cut(coded[1:], [1] * 2000)]):
            said, _, sink = capture(parts, ["deflate"])
            assert sink.stored(None) == NOISE
            assert "coding_error" not in said

    def test_a_coding_that_nobody_can_take_off_stays_on(self) -> None:
        for size in (900, 600_000):
            said, content, sink = capture([NOISE[:size]], ["compress"])
            assert sink.stored(content) == NOISE[:size]
            assert said["coding_error"] == "no decoder for 'compress'"
            assert "coding" not in said
            assert not any("raw" in piece for piece in sink.pieces)

    def test_members_of_gzip_one_behind_the_other_are_one_body(self) -> None:
        coded = b"".join(gzip.compress(NOISE[start : start + 9000], mtime=0) for start in range(0, 90_000, 9000))
        said, _, sink = capture(cut(coded, [100] * 1000), ["gzip"])
        assert sink.stored(None) == NOISE[:90_000]
        assert "coding_error" not in said

    def test_a_coding_that_gives_nothing_for_long_is_given_up_and_nothing_is_lost(self) -> None:
        # A gzip header may name a file, and its name may go on for ever (RFC 1952 section 2.3).
        coded = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 1_000_000
        said, _, sink = capture(cut(coded, [3000] * 400), ["gzip"])
        assert sink.stored(None) == coded
        assert said["coding_error"] == "gives nothing for 256 KiB"


class TestWhoFinishesMeanwhile:
    """A recording is stopped while another thread, or this very one, is in the middle of feeding."""

    def test_a_feeding_under_way_in_another_thread_is_waited_for(self) -> None:
        writing, go_on = threading.Event(), threading.Event()
        sink = Sink()

        def slowly(number: int, content: Content) -> None:
            writing.set()
            assert go_on.wait(10)
            sink(number, content)

        body = BodyCapture(LIMIT, slowly, [])
        feeder = threading.Thread(target=body.feed, args=(NOISE[: 2 * PIECE],))
        feeder.start()
        assert writing.wait(10)
        threading.Timer(0.02, go_on.set).start()
        said, content = body.finish("stopped", None)
        feeder.join(10)
        assert content is None
        assert sink.stored(None) == NOISE[: 2 * PIECE]
        assert (said["pieces"], said["size"]) == (2, 2 * PIECE)

    def test_a_feeding_that_does_not_end_is_not_waited_for_for_ever_and_what_is_told_is_in_the_file(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("recorder.capture._PATIENCE", 50)
        stuck, go_on = threading.Event(), threading.Event()
        sink = Sink()

        def write(number: int, content: Content) -> None:
            if number == 1:
                stuck.set()
                assert go_on.wait(10)
            sink(number, content)

        body = BodyCapture(LIMIT, write, [])
        feeder = threading.Thread(target=body.feed, args=(NOISE + NOISE,))
        feeder.start()
        assert stuck.wait(10)
        began = time.monotonic()
        said, content = body.finish("stopped", None)
        assert time.monotonic() - began < 5
        assert content is None
        assert said["pieces"] == len(sink.pieces) == 1
        assert said["sha256"] == hashlib.sha256(sink.stored(None)).hexdigest()
        go_on.set()
        feeder.join(10)
        body.feed(NOISE)
        assert len(sink.pieces) <= 2  # the one that was being written

    @pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no alarm")
    @pytest.mark.parametrize("size", [LIMIT // 2, 3 * PIECE], ids=["held", "streamed"])
    def test_a_signal_handler_that_stops_the_feeding_it_interrupted_gets_a_consistent_end(self, size: int) -> None:
        sink = Sink()
        ends: list[tuple[dict[str, Any], Content | None]] = []

        class Interrupted(bytes):
            """Bytes that are being measured when the signal comes."""

            def __len__(self) -> int:
                os.kill(os.getpid(), signal.SIGALRM)
                return super().__len__()

        def write(number: int, content: Content) -> None:
            if number == 1:
                os.kill(os.getpid(), signal.SIGALRM)
            sink(number, content)

        body = BodyCapture(LIMIT, write, [])
        before = signal.signal(
            signal.SIGALRM, lambda *_: ends.append(body.finish("stopped", None)) if not ends else None
        )
        began = time.monotonic()
        try:
            body.feed(b"first")
            body.feed(Interrupted(b"x" * size) if size < LIMIT else b"x" * size)
        finally:
            signal.signal(signal.SIGALRM, before)
        assert time.monotonic() - began < 2, "it has waited for itself"
        ((said, content),) = ends
        pieces = sink.pieces[: said.get("pieces", 0)]
        stored = b"".join(map(content_bytes, pieces)) if content is None else content_bytes(content)
        assert said["size"] == len(stored)
        assert said["sha256"] == hashlib.sha256(stored).hexdigest()
        assert (b"first" + b"x" * size).startswith(stored)


class TestMemory:
    @pytest.mark.parametrize(("part", "limit"), [(2, 256 * 1024), (2, 1024), (100, 1 << 20), (5000, 1 << 20)])
    def test_however_small_its_parts_a_body_takes_no_more_than_its_bound(self, part: int, limit: int) -> None:
        data = (NOISE + NOISE)[: part * 140_000]
        body = BodyCapture(limit, lambda *_: None, [])
        tracemalloc.start()
        try:
            for start in range(0, len(data), part):
                body.feed(data[start : start + part])
            body.finish(None, None)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < max(2 * limit, 3 << 20)

    @pytest.mark.parametrize("kind", ["binary", "text"])
    def test_a_body_without_an_end_takes_no_more_than_its_bound(self, kind: str) -> None:
        block = NOISE[:65536] if kind == "binary" else LETTERS[:65537].decode("utf-8", "ignore").encode()
        body = BodyCapture(1 << 20, lambda *_: None, [])
        tracemalloc.start()
        try:
            for _ in range(400):
                body.feed(bytes(block))
            body.finish(None, None)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 3 << 20

    @pytest.mark.parametrize("coding", [None, "gzip"])
    def test_a_held_body_takes_no_more_than_its_bound_when_it_becomes_text(self, coding: str | None) -> None:
        limit = 1 << 20
        data = random.Random(8).randbytes(limit // 2).hex().encode()[: limit - 4] + "\U0001f600".encode()
        wire = data if coding is None else ENCODE[coding](data)
        parts = cut(wire, [8000] * 200)
        body = BodyCapture(limit, lambda *_: None, [] if coding is None else [coding])
        tracemalloc.start()
        try:
            while parts:
                body.feed(bytes(bytearray(parts.pop(0))))
            said, content = body.finish(None, None)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert content is not None
        assert said["size"] == limit
        assert 4 * limit < peak < 7 * limit

    @pytest.mark.parametrize("name", ["gzip", "raw deflate", "br", "zstd"])
    def test_a_bomb_takes_little_memory_and_time_and_stays_coded(self, name: str) -> None:
        coding = name.removeprefix("raw ")
        grown = grown_kib(
            f"""
            import time
            from recorder.capture import BodyCapture
            coded = bomb("{name}", 1024)
            warm = BodyCapture(1 << 20, lambda *_: None, ["{coding}"])
            warm.feed(bomb("{name}", 1))
            warm.finish(None, None)
            """,
            f"""
            began = time.process_time()
            written = 0

            def write(number, content):
                global written
                written += len(content.get("text", content.get("base64")))

            for size, limit in ((1 << 30, 1 << 20), (8192, 1 << 20), (700, 1024)):
                body = BodyCapture(limit, write, ["{coding}"])
                for start in range(0, len(coded), size):
                    body.feed(coded[start : start + size])
                said, content = body.finish(None, "length")
                assert "expands more than 100 times" in said["coding_error"], said
                assert (content is None) is (len(coded) > limit), said
                assert said.get("coding") == (None if content else "{coding}")
            assert time.process_time() - began < 20
            assert written < 300 << 20, written
            """,
        )
        assert grown < 24 * 1024
