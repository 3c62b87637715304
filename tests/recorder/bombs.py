"""Small coded bodies that expand to large ones, and the memory that somebody takes to look at them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import brotli
import zstandard

ROOT = Path(__file__).parents[2]
BLOCK = bytes(1 << 20)


def bomb(name: str, megabytes: int) -> bytes:
    """So many megabytes of zeros under a coding; of gzip and deflate at most a thousandth of that, as they allow."""
    if name == "br":
        brotli_packer = brotli.Compressor(quality=5, lgwin=24)
        return b"".join([*(brotli_packer.process(BLOCK) for _ in range(megabytes)), brotli_packer.finish()])
    if name == "zstd":
        wide = zstandard.ZstdCompressionParameters.from_level(3, window_log=23)
        zstd_packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
        return b"".join([*(zstd_packer.compress(BLOCK) for _ in range(megabytes)), zstd_packer.flush()])
    # After a full flush deflate begins anew, so that one part can be repeated: quicker than compressing a gigabyte.
    packer = zlib.compressobj(9, wbits=-15)
    parts = 1 << (megabytes.bit_length() // 2)
    assert megabytes % parts == 0
    part = b"".join([*(packer.compress(BLOCK) for _ in range(megabytes // parts)), packer.flush(zlib.Z_FULL_FLUSH)])
    deflated = part * parts + packer.flush()
    if name == "raw deflate":
        return deflated
    if name == "deflate":
        return b"\x78\xda" + deflated + _adler32_of_zeros(megabytes).to_bytes(4, "big")
    check = 0
    for _ in range(megabytes):
        check = zlib.crc32(BLOCK, check)
    size = megabytes * len(BLOCK)
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + deflated + check.to_bytes(4, "little") + size.to_bytes(4, "little")


def _adler32_of_zeros(megabytes: int) -> int:
    return (megabytes * len(BLOCK) % 65521) << 16 | 1


def grown_kib(prepare: str, measured: str) -> int:
    """Run `measured` after `prepare` in a process of its own; give the growth of its peak resident size, in KiB."""
    program = f"""
from tests.peak import peak_kib
from tests.recorder.bombs import bomb
{textwrap.dedent(prepare)}
before = peak_kib()
{textwrap.dedent(measured)}
print(peak_kib() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    grown = int(done.stdout)
    return grown if sys.platform == "linux" else grown // 1024  # macOS counts bytes
