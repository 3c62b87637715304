"""What may be painted, and that nothing that says it is huge is."""

from __future__ import annotations

import struct
import zlib
from base64 import b64decode
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.picture import MOST_PIXELS, Picture, picture_of

# Three by two red pixels, written by Pillow.
PICTURES: Final = {
    "image/png": "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAFUlEQVR4nGM8IafBwMDAwMDAxAADABPYARJY7Kp/AAAAAElFTkSu"
    "QmCC",
    "image/jpeg": "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////////////"
    "////////////////////2wBDAf//////////////////////////////////////////////////////////////////////////"
    "////////////wAARCAACAAMDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAH/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QA"
    "FQEBAQAAAAAAAAAAAAAAAAAAAQL/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIRAxEAPwCABb//2Q==",
    "image/gif": "R0lGODdhAwACAIEAAMgeKAAAAAAAAAAAACwAAAAAAwACAAAIBgABCBwYEAA7",
    "image/webp": "UklGRh4AAABXRUJQVlA4TBEAAAAvAkAAAAdQjyIXpf+BiOh/AAA=",
    "image/avif": "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA"
    "AAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAKQAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEA"
    "AGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAAwAAAAIAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwA"
    "AAAAE2NvbHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAMW1kYXQSAAoIGAQrRAQ0GhAyGxTHh4ZlAgggnlAA"
    "AABIWtlc1jHOrQstr2kP+A==",
}
LOSSY_WEBP: Final = "UklGRi4AAABXRUJQVlA4ICIAAABwAQCdASoDAAIADMDOJaACdAFAAAD+2iYLtH4u7EcZJAAA"
EXTENDED_WEBP: Final = (
    "UklGRkYAAABXRUJQVlA4WAoAAAAQAAAAAgAAAQAAQUxQSAcAAAAAZGRkZGRkAFZQOCAYAAAAMAEAnQEqAwACAAzAziWkAANwAP7sHYAA"
)


def png(width: int, height: int) -> bytes:
    """Return a PNG that says it has this size, and has no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + header + struct.pack(">I", zlib.crc32(header))


@pytest.mark.parametrize(
    ("kind", "packed"), [*PICTURES.items(), *(("image/webp", one) for one in (LOSSY_WEBP, EXTENDED_WEBP))]
)
def test_a_picture_is_known_by_its_bytes(kind: str, packed: str) -> None:
    assert picture_of(b64decode(packed)) == Picture(kind, 3, 2)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIDAT" + bytes(20),
        b"BM" + bytes(60),
        b"GIF89a",
        b"\xff\xd8\xff\xe0\x00\x00" + b"\xff" * 10,
        b"\xff\xd8\xff\xe0\x00\x04ab<svg/>",
        b"RIFF\0\0\0\0WEBPVP9 " + bytes(30),
        b"RIFF\0\0\0\0WAVEVP8X" + bytes(30),
        b"\0\0\0\x20ftypheic" + bytes(30),
        b"\0\0\0\x20ftypavif" + bytes(30),
        b"%PDF-1.7",
    ],
)
def test_what_is_no_picture_is_none(data: bytes) -> None:
    assert picture_of(data) is None


@pytest.mark.parametrize("size", [(50_000, 50_000), (MOST_PIXELS + 1, 1), (1, 20_000), (0, 5), (5, 0), (2**31, 2**31)])
def test_a_picture_of_another_size_than_can_be_painted_is_none(size: tuple[int, int]) -> None:
    assert picture_of(png(*size)) is None


def test_the_largest_picture_is_one() -> None:
    assert picture_of(png(2000, 2000)) == Picture("image/png", 2000, 2000)


def test_a_frame_that_is_larger_than_its_screen_counts() -> None:
    small = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0)
    assert picture_of(small + frame) is None
    assert picture_of(small + b"\x21\xf9\x04\0\0\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 1, 2, 3, 4, 0)) == (
        "image/gif",
        4,
        6,
    )


def test_the_largest_of_several_images_in_one_file_counts() -> None:
    data = b64decode(PICTURES["image/avif"])
    assert picture_of(data + b"\0\0\0\x14ispe\0\0\0\0" + struct.pack(">II", 60_000, 60_000)) is None


@given(st.sampled_from([b64decode(one) for one in PICTURES.values()]), st.data())
def test_a_damaged_picture_raises_nothing(picture: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(picture)))
    damaged = picture[:at] + data.draw(st.binary(max_size=8)) + picture[at + data.draw(st.integers(0, 8)) :]
    for one in (damaged, picture[:at]):
        found = picture_of(one)
        assert found is None or found.width * found.height <= MOST_PIXELS
