"""Content codings, taken off within bounds: every coding, any cuts, and input that is not what it says."""

from __future__ import annotations

import gzip
import random
import zlib
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from unittest import mock

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from recorder import coding
from recorder.coding import PIECE, CodingError, open_decoder, split_codings
from tests.recorder.bombs import grown_kib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEXT = (b"The quick brown fox jumps over the lazy dog. " * 40 + b"\n") * 300
NOISE = random.Random(1).randbytes(300_000)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "deflate": zlib.compress,
    "br": lambda data: bytes(brotli.compress(data, quality=4)),
    "zstd": zstandard.compress,
}
ONE_BY_ONE = [*ENCODE.items(), ("deflate", raw_deflate)]
IDS = [*ENCODE, "raw deflate"]


@pytest.fixture(params=["backports.zstd", "compression.zstd", "zstandard"])
def zstd(request: pytest.FixtureRequest) -> Iterator[str]:
    """Take zstd off by this module and no other."""
    own = request.param
    if find_spec(own.partition(".")[0]) is None or find_spec(own) is None:
        pytest.skip(f"{own} is not there")

    def only(name: str) -> Any:
        return import_module(name) if name == own or "brotli" in name else None

    coding._zstd.cache_clear()
    with mock.patch("recorder.coding._load", only):
        yield own
        coding._zstd.cache_clear()


def decode(codings: list[str], data: bytes, cuts: list[int] | None = None) -> bytes:
    decoder = open_decoder(codings)
    out = []
    for part in cut(data, cuts or []):
        for piece in decoder.feed(part):
            assert 0 < len(piece) <= 2 * PIECE
            out.append(piece)
    decoder.finish()
    return b"".join(out)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    parts = []
    for size in sizes:
        parts.append(data[:size])
        data = data[size:]
    return [*parts, data]


@pytest.mark.parametrize(("name", "encode"), ONE_BY_ONE, ids=IDS)
class TestEachCoding:
    @pytest.mark.parametrize(
        "body", [b"", b"x", TEXT, NOISE, bytes(2_000_000)], ids=["0", "1", "text", "noise", "zeros"]
    )
    def test_what_was_put_on_is_taken_off(self, name: str, encode: Callable[[bytes], bytes], body: bytes) -> None:
        assert decode([name], encode(body)) == body
        assert decode([name], encode(body), [1] * 500) == body

    @given(st.binary(max_size=2000), st.lists(st.integers(0, 50), max_size=40))
    def test_any_bytes_in_any_cuts(
        self, name: str, encode: Callable[[bytes], bytes], body: bytes, cuts: list[int]
    ) -> None:
        assert decode([name], encode(body), cuts) == body

    def test_nothing_at_all_is_an_empty_body(self, name: str, encode: Callable[[bytes], bytes]) -> None:
        assert decode([name], b"") == b""

    def test_a_stream_that_is_cut_off_anywhere_gives_a_beginning_and_says_so(
        self, name: str, encode: Callable[[bytes], bytes]
    ) -> None:
        coded = encode(TEXT[:3000])
        for length in range(1, len(coded)):
            decoder = open_decoder([name])
            assert TEXT.startswith(b"".join(decoder.feed(coded[:length])))
            with pytest.raises(CodingError, match="ends early"):
                decoder.finish()

    def test_bytes_behind_the_end_are_an_error(self, name: str, encode: Callable[[bytes], bytes]) -> None:
        for apart in (True, False):
            with pytest.raises(CodingError):
                decode([name], encode(b"body") + b"<garbage>", [len(encode(b"body"))] if apart else [])

    def test_garbage_raises_one_type_only(self, name: str, encode: Callable[[bytes], bytes]) -> None:
        good = encode(TEXT[:5000])
        dice = random.Random(7)
        said = []
        for _ in range(300):
            bad = bytearray(good)
            for _ in range(dice.randint(1, 4)):
                bad[dice.randrange(len(bad))] = dice.randrange(256)
            try:
                decode([name], bytes(bad), [dice.randint(1, 200)])
            except CodingError as error:
                said.append(str(error))
        assert len(said) > 50
        assert all(name in each for each in said)


@pytest.mark.parametrize(("name", "encode"), [("gzip", ENCODE["gzip"]), ("zstd", ENCODE["zstd"])], ids=["gzip", "zstd"])
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6), st.lists(st.integers(1, 40), max_size=30))
def test_members_one_behind_the_other_are_one_body(
    name: str, encode: Callable[[bytes], bytes], bodies: list[bytes], cuts: list[int]
) -> None:
    assert decode([name], b"".join(map(encode, bodies)), cuts) == b"".join(bodies)


def test_a_second_stream_of_deflate_is_no_part_of_the_body() -> None:
    for encode in (zlib.compress, raw_deflate):
        with pytest.raises(CodingError, match="bytes follow the end of the deflate stream"):
            decode(["deflate"], encode(b"one") + encode(b"two"))


@given(st.binary(max_size=500), st.lists(st.sampled_from(list(ENCODE)), min_size=1, max_size=5), st.integers(1, 50))
def test_codings_on_top_of_each_other_are_all_taken_off(body: bytes, names: list[str], size: int) -> None:
    coded = body
    for name in names:
        coded = ENCODE[name](coded)
    assert decode(names, coded, [size] * 5) == body


def test_a_stack_that_ends_early_inside_says_so() -> None:
    with pytest.raises(CodingError, match="the gzip stream ends early"):
        decode(["gzip", "br"], ENCODE["br"](ENCODE["gzip"](TEXT)[:-4]))


class TestZstd:
    def test_each_module_gives_the_same(self, zstd: str) -> None:
        for body in (b"", b"x", TEXT, NOISE, bytes(3_000_000)):
            assert decode(["zstd"], zstandard.compress(body), [3, 100]) == body
        assert decode(["zstd"], zstandard.compress(b"a") + zstandard.compress(b"b")) == b"ab"

    def test_each_module_says_what_is_wrong(self, zstd: str) -> None:
        for bad, said in ((b"no zstd at all", "not zstd"), (zstandard.compress(TEXT)[:-3], "ends early")):
            with pytest.raises(CodingError, match=said):
                decode(["zstd"], bad)

    def test_each_module_gives_bounded_pieces(self, zstd: str) -> None:
        decoder = open_decoder(["zstd"])
        bomb = zstandard.ZstdCompressor(level=19).compress(bytes(50_000_000))
        sizes = [len(piece) for piece in decoder.feed(bomb)]
        assert sum(sizes) == 50_000_000
        assert max(sizes) <= PIECE

    def test_a_window_that_http_does_not_allow_is_refused_before_memory_is_taken(self, zstd: str) -> None:
        wide = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
        packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
        coded = packer.compress(NOISE) + packer.flush()
        with pytest.raises(CodingError, match="not zstd"):
            decode(["zstd"], coded)
        allowed = zstandard.ZstdCompressionParameters(window_log=23, compression_level=1)
        packer = zstandard.ZstdCompressor(compression_params=allowed).compressobj()
        assert decode(["zstd"], packer.compress(NOISE) + packer.flush()) == NOISE


class TestWhatIsInstalled:
    def test_a_coding_without_a_decoder_is_named_not_guessed(self) -> None:
        for name in ("compress", "dcb", "x" * 500, "a\x1b[31m"):
            with pytest.raises(CodingError, match="no decoder for") as raised:
                open_decoder([name])
            assert len(str(raised.value)) < 100
            assert "\x1b" not in str(raised.value)

    @pytest.mark.parametrize("name", ["br", "zstd"])
    def test_without_its_library_a_coding_stays_on(self, name: str) -> None:
        for cached in (coding._brotli, coding._zstd):
            cached.cache_clear()
        try:
            with mock.patch("recorder.coding._load", return_value=None), pytest.raises(CodingError, match="no decoder"):
                open_decoder([name])
        finally:
            for cached in (coding._brotli, coding._zstd):
                cached.cache_clear()

    def test_a_brotli_that_cannot_bound_its_output_is_not_used(self) -> None:
        class Old:
            class Decompressor:
                def process(self, data: bytes) -> bytes:
                    raise AssertionError

        coding._brotli.cache_clear()
        try:
            with mock.patch("recorder.coding._load", return_value=Old), pytest.raises(CodingError, match="no decoder"):
                open_decoder(["br"])
        finally:
            coding._brotli.cache_clear()

    def test_more_than_five_codings_are_refused(self) -> None:
        open_decoder(["gzip"] * 5)
        with pytest.raises(CodingError, match="more than 5 codings"):
            open_decoder(["gzip"] * 6)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("", []),
        ("identity", []),
        ("gzip", ["gzip"]),
        ("GZip", ["gzip"]),
        (" gzip ,\tbr ", ["gzip", "br"]),
        ("x-gzip, x-deflate", ["gzip", "deflate"]),
        ("gzip,,identity,zstd", ["gzip", "zstd"]),
        ("utf-8", ["utf-8"]),
    ],
)
def test_a_header_names_codings_in_the_order_in_which_they_were_applied(header: str, names: list[str]) -> None:
    assert split_codings(header) == names


@pytest.mark.parametrize(("name", "window_kib"), [("gzip", 32), ("deflate", 32), ("br", 16 * 1024), ("zstd", 8 * 1024)])
def test_a_decoder_holds_its_window_and_little_more_however_far_the_input_expands(name: str, window_kib: int) -> None:
    grown = grown_kib(
        f"""
            import zlib
            from recorder.coding import open_decoder
            coded = bomb("{name}", 64)
            b"".join(open_decoder(["{name}"]).feed(bomb("{name}", 1)))
            decoder = open_decoder(["{name}"])
        """,
        """
            assert sum(map(len, decoder.feed(coded))) == 64 << 20
            decoder.finish()
        """,
    )
    assert grown < window_kib + 4 * 1024
