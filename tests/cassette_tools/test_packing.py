from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools.packing import packed, packing_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def unpacked(data: bytes, packing: str | None) -> bytes:
    if packing == "gzip":
        return gzip.decompress(data)
    if packing == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return data


@pytest.mark.parametrize("packing", [None, "gzip", "zstd"])
def test_what_is_packed_unpacks_to_what_it_was(packing: str | None) -> None:
    @settings(max_examples=30)
    @given(st.lists(st.binary(max_size=300), max_size=20))
    def holds(pieces: list[bytes]) -> None:
        assert unpacked(b"".join(packed(pieces, packing)), packing) == b"".join(pieces)

    holds()
    long = [b"\xa5" * 50_000, b"x", bytes(range(256)) * 1000] * 3
    assert unpacked(b"".join(packed(long, packing)), packing) == b"".join(long)


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_the_same_bytes_give_the_same_file_however_they_are_cut(packing: str) -> None:
    data = bytes(range(256)) * 2000
    cut = [data[start : start + 777] for start in range(0, len(data), 777)]
    assert len({b"".join(packed(pieces, packing)) for pieces in (cut, cut, [*cut, b""])}) == 1


@pytest.mark.parametrize("packing", [None, "gzip", "zstd"])
def test_packing_goes_on_while_pieces_come(packing: str | None) -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield b"%d" % number * 5000

    assert next(packed(pieces(), packing))
    assert taken < 500


@pytest.mark.parametrize(
    ("name", "packing"),
    [("a.jsonl", None), ("a.jsonl.gz", "gzip"), ("A.YAML.GZ", "gzip"), ("a.zst", "zstd"), ("gz", None), ("", None)],
)
def test_the_name_asks_for_a_packing(name: str, packing: str | None) -> None:
    assert packing_of(name) == packing
