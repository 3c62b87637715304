from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING

import pytest
import zstandard

from cassette_tools.head import SNIFFED
from cassette_tools.input_stream import InputStream, open_input
from recorder.errors import (
    BadCassetteError,
    CassetteNotFoundError,
    CassetteReadError,
    NotACassetteError,
    RecorderError,
    UsageError,
)
from tests.cassette_tools.running import environment

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"".join(b"line %d of the file\n" % number for number in range(20_000))


def zstd(data: bytes, level: int = 3) -> bytes:
    return zstandard.ZstdCompressor(level=level).compress(data)


PACKED = {
    "plain": TEXT,
    "gzip": gzip.compress(TEXT, mtime=0),
    "gzip with a name": b"\x1f\x8b\x08\x08\0\0\0\0\0\xffname\0" + gzip.compress(TEXT, mtime=0)[10:],
    "gzip of several members": gzip.compress(TEXT[:1000], mtime=0)
    + gzip.compress(b"", mtime=0)
    + gzip.compress(TEXT[1000:], mtime=0),
    "zstd": zstd(TEXT),
    "zstd of several frames": zstd(TEXT[:1000]) + zstd(b"") + zstd(TEXT[1000:]),
    "zstd with a frame to skip": zstd(TEXT[:1000]) + b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstd(TEXT[1000:]),
    "zstd of a wide window": zstd(TEXT, level=19),
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("by", ["blocks", "read", "pipe"])
def test_a_file_comes_unpacked_whole_and_in_order(name: str, by: str, tmp_path: Path) -> None:
    path = tmp_path / "it.bin"
    path.write_bytes(PACKED[name])
    if by == "pipe":
        assert through_stdin(PACKED[name]) == TEXT
        return
    with open_input(str(path)) as stream:
        if by == "blocks":
            out = b"".join(iter(stream.block, b""))
        else:
            parts = [stream.read(7), stream.read(100_000)]
            parts += iter(lambda: stream.read(3333), b"")
            out = b"".join(part or b"" for part in parts)
        assert out == TEXT
        assert stream.head.data == TEXT[:SNIFFED]
        assert stream.taken == stream.size == len(PACKED[name])
        assert (stream.path is None) == (name != "plain")
        assert stream.packing == (None if name == "plain" else name.split(maxsplit=1)[0])


def through_stdin(data: bytes) -> bytes:
    program = (
        "import sys\nfrom cassette_tools.input_stream import open_input\n"
        "with open_input('-') as stream:\n"
        "    assert (stream.name, stream.size, stream.path) == ('<stdin>', None, None)\n"
        "    sys.stdout.buffer.writelines(iter(stream.block, b''))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=data, capture_output=True, env=environment(), timeout=60, check=True
    )
    return done.stdout


BROKEN = {
    "gzip cut": gzip.compress(TEXT, mtime=0)[:-9],
    "gzip cut in its head": gzip.compress(TEXT, mtime=0)[:6],
    "gzip spoiled": gzip.compress(os.urandom(300_000), mtime=0)[:200_000] + b"\0" * 100 + gzip.compress(TEXT, mtime=0),
    "gzip with garbage behind": gzip.compress(TEXT, mtime=0) + b"garbage",
    "gzip with a wrong sum": gzip.compress(TEXT, mtime=0)[:-8] + b"\1\2\3\4" + gzip.compress(TEXT, mtime=0)[-4:],
    "zstd cut": zstd(TEXT)[:-3],
    "zstd cut in its head": zstd(TEXT)[:5],
    "zstd with garbage behind": zstd(TEXT) + b"garbage",
    "zstd spoiled": zstd(TEXT)[:40] + b"\xff" * 40 + zstd(TEXT)[80:],
    "zstd of a window too wide": b"\x28\xb5\x2f\xfd\x00\xff" + b"\1\0\0",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_packing_is_one_error_with_file_and_place(name: str, tmp_path: Path) -> None:
    path = tmp_path / "it.bin"
    path.write_bytes(BROKEN[name])
    with pytest.raises(BadCassetteError, match=r"it\.bin, byte [\d]+: the packed file is broken: .*\.$") as caught:
        read_whole(path)
    assert "garbage" not in str(caught.value)


def read_whole(path: Path) -> int:
    with open_input(str(path)) as stream:
        return sum(map(len, iter(stream.block, b"")))


BOMB = """
import sys
from tests.peak import peak_kib
from cassette_tools.input_stream import open_input
with open_input(sys.argv[1]) as stream:
    before = peak_kib()
    size = sum(map(len, iter(stream.block, b"")))
print(size, peak_kib() - before)
"""


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_bomb_goes_through_in_bounded_memory(packing: str, tmp_path: Path) -> None:
    size = 1 << 28
    path = tmp_path / "bomb"
    packer = zlib.compressobj(1, zlib.DEFLATED, 31) if packing == "gzip" else zstandard.ZstdCompressor().compressobj()
    with path.open("wb") as file:
        for _ in range(size >> 24):
            file.write(packer.compress(bytes(1 << 24)))
        file.write(packer.flush())
    assert path.stat().st_size < 8 << 20
    done = subprocess.run(
        [sys.executable, "-c", BOMB, path], capture_output=True, env=environment(), timeout=60, check=True
    )
    read, kilobytes = map(int, done.stdout.split())
    assert read == size
    assert kilobytes < 60_000


class Failing(io.RawIOBase):
    """A disk that fails after some bytes."""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_failing_disk_is_told_as_such() -> None:
    with pytest.raises(CassetteReadError, match=r"^x: reading failed: Input/output error\. Check the disk"):
        InputStream(Failing(), "x", path=None, size=None)


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("none.yaml", CassetteNotFoundError, "there is no such file"),
        ("file.txt/below", CassetteNotFoundError, "there is no such file"),
        (".", NotACassetteError, "it is a directory"),
        ("a\0b", CassetteNotFoundError, "no file can have this name"),
        ("loop", CassetteReadError, "cannot be opened"),
        ("n" * 300, CassetteReadError, "cannot be opened"),
    ],
)
def test_what_cannot_be_opened_is_told_with_its_path(
    name: str, kind: type[RecorderError], said: str, tmp_path: Path
) -> None:
    (tmp_path / "file.txt").write_bytes(b"x")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(kind, match=said):
        open_input(f"{tmp_path}/{name}")


def test_a_closed_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="The standard input is closed"):
        open_input("-")


def test_equal_remarks_are_counted_and_there_are_not_too_many(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x")
    with open_input(str(path)) as stream:
        for number in range(1000):
            stream.remark("It may be base64.", f"interaction {number}")
            stream.remark(f"Number {number}.", "line 1")
        first = stream.remarks["It may be base64."]
        assert (first.count, first.place) == (1000, "interaction 0")
        assert len(stream.remarks) == 100


def test_the_head_says_whether_it_is_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for size, whole in ((0, True), (10, True), (SNIFFED, True), (SNIFFED + 1, False), (10 * SNIFFED, False)):
        for data in (b"x" * size, gzip.compress(b"x" * size, mtime=0)):
            path.write_bytes(data)
            with open_input(str(path)) as stream:
                assert stream.head.whole == whole
                assert len(stream.head.raw) == min(size, SNIFFED)


def test_progress_counts_bytes_of_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(os.urandom(2_000_000), mtime=0))
    told: list[int] = []
    with open_input(str(path)) as stream:
        stream.on_progress = told.append
        while stream.block():
            pass
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


def test_a_closed_stream_holds_no_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(TEXT, mtime=0)[:-20])
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the count is all
    for _ in range(20):
        with pytest.raises(BadCassetteError):
            read_whole(path)
    path.write_bytes(gzip.compress(b"x", mtime=0)[:-5])
    for _ in range(20):
        with pytest.raises(BadCassetteError):
            open_input(str(path))
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - the count is all
