"""The guard on what real tools wrote: a known secret in each place of each fixture is found there, packed or not."""

from __future__ import annotations

import gzip
import io
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard

from cassette_tools.formats import all_formats
from cassette_tools.guard import SUFFIXES, Guard
from cassette_tools.input_stream import InputStream
from cassette_tools.interaction import Interaction
from cassette_tools.recognition import recognize
from recorder.errors import RecorderError
from recorder.redact.policy import Policy, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.guard import Report
    from cassette_tools.interaction import Request, Response

FIXTURES = Path(__file__).parents[2] / "fixtures"
READABLE = {one.name for one in all_formats() if one.read is not None}
FILES = sorted(
    path
    for path in FIXTURES.glob("*/*")
    if path.parent.name in READABLE and not path.name.startswith(("make_", "README")) and path.suffix != ".bin"
)
REFUSED = "vcr-6-by-hand-erb.yml"
"""It is a program, and no cassette before that ran."""
WORD = re.compile(rb"[A-Za-z0-9]{8,}")
LETTERS = b"Qz7Xw9Kv3Pj5Rt2Lm8Hd4Fb6Yc1Ns" * 20
MOST_TRIED = 10
WITHOUT_WORDS = {"go-vcr-2-by-hand.yaml", "vcr-2.0.0-by-hand-file.yml"}
"""Fixtures without a long word that could be another one."""
NEVER = {b"interactions", b"response", b"headers", b"application", b"deflate"}
"""Words that are keys, too."""


def interactions(data: bytes) -> list[Interaction]:
    stream = InputStream(io.BytesIO(data), "fixture", path=None, size=len(data))
    reads = recognize(stream).read
    assert reads is not None
    return [one for one in reads(stream) if isinstance(one, Interaction)]


def values(message: Request | Response | None, side: str) -> Iterator[tuple[str, bytes]]:
    """Give the values of a message by the place that a finding names."""
    if message is None:
        return
    if side == "request":
        yield "request.url", message.url.encode()  # type: ignore[union-attr] # a request has one
    for _, value in message.headers:
        yield f"{side}.headers", value.encode("latin-1")
    if message.body is not None:
        yield f"{side}.body", message.body.read()


def places(data: bytes) -> list[tuple[int, str, bytes]]:
    return [
        (number, place, value)
        for number, one in enumerate(interactions(data), 1)
        for side, message in (("request", one.request), ("response", one.response))
        for place, value in values(message, side)
    ]


def planted(data: bytes) -> Iterator[tuple[str, int, bytes, str]]:
    """Give, for each kind of place, the file with a secret in place of a word: place, interaction, file, secret."""
    all_places = places(data)
    tried: Counter[str] = Counter()
    done: set[str] = set()
    for number, place, value in all_places:
        for word in dict.fromkeys(WORD.findall(value)):
            if place in done or tried[place] >= MOST_TRIED or word in NEVER:
                continue
            tried[place] += 1
            secret = LETTERS[: len(word)]
            changed = data.replace(word, secret)
            try:
                now = places(changed)
            except RecorderError:
                continue
            if len(now) == len(all_places) and (number, place, value.replace(word, secret)) in now:
                done.add(place)
                yield place, number, changed, secret.decode()


@cache
def guard_of(secret: str) -> Guard:
    return Guard(Policy(secrets=(Secret(secret, "given"),), environment=False), which="cassettes")


def scanned(data: bytes, secret: str) -> Report:
    return guard_of(secret).look_at(io.BytesIO(data), "fixture")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_secret_in_each_place_of_a_real_cassette_is_found_there(path: Path) -> None:
    if path.name == REFUSED:
        with pytest.raises(RecorderError):
            interactions(path.read_bytes())
        return
    data = path.read_bytes()
    seen = set()
    for place, number, changed, secret in planted(data):
        seen.add(place)
        report = scanned(changed, secret)
        found = {(one.place, one.interaction) for one in report.findings if one.rule == "known:given"}
        assert report.trouble is None
        assert not report.skipped
        # What is the key of a table is found as text.
        assert found & {(place, number), ("file", number)}, (place, number, found)
        for one in report.findings:
            line = changed.split(b"\n")[one.line - 1].decode("utf-8", "ignore")
            assert one.column <= len(line)
        if place == "request.url":
            for packed in (gzip.compress(changed, mtime=0), zstandard.compress(changed)):
                assert scanned(packed, secret) == report
    assert seen or path.name in WITHOUT_WORDS


def test_names_of_all_formats_that_are_read_are_looked_into() -> None:
    suffixes = {suffix for one in all_formats() if one.read is not None for suffix in one.suffixes}
    assert suffixes <= set(SUFFIXES)
