"""A body of any length is searched in bounded memory, and what is found is there."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.body_search import HELD, is_in
from tests.cassette_tools.running import LIMIT, environment

FILLER = b"." * 5000
PATTERNS = [
    rb"needle",
    rb"n[^.]*e",
    rb"needle\b",
    rb"needle(?=\.)",
    rb"needle(?!\.)",
    rb"^needle",
    rb"\Aneedle",
    rb"needle$",
    rb"needle\Z",
    rb"(?<=\.)needle",
    rb"(?<!\.)needle",
    rb"(?m)^needle$",
    rb"needle.*",
    rb"needle.*z",
    rb"(?>n+)eedle",
    rb"ne++dle\B",
    rb"absent",
    rb"",
]
BODIES = [
    b"",
    b"needle",
    b"needle" + FILLER,
    FILLER + b"needle",
    FILLER + b"needle" + FILLER,
    FILLER + b"\nneedle\n" + FILLER,
    FILLER + b"needle.z" + FILLER,
    FILLER + b"neeeedlex" + FILLER,
    FILLER * 2,
]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("size", [1, 7, 997, 1000, 1001, 100_000])
def test_a_body_in_windows_has_what_the_whole_body_has(pattern: bytes, size: int) -> None:
    compiled = re.compile(pattern, re.IGNORECASE)
    for body in BODIES:
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        assert is_in(pieces, compiled, held=1000, span=200) == (compiled.search(body) is not None), body


@given(
    st.integers(0, 400),
    st.integers(0, 400),
    st.sampled_from(
        [b"ab", b"^ab", b"ab$", rb"\bab\b", b"a(?!b)", b"ab(?=x)", b"(?<!x)ab", b"(?<!xa)b", b"(?<=xa)b", b"(?<!a)b"]
    ),
    st.sampled_from([b"ab", b"xab", b"abx", b"xabx", b" ab ", b"aab"]),
)
def test_a_match_is_judged_alike_wherever_a_window_ends(before: int, after: int, pattern: bytes, match: bytes) -> None:
    compiled = re.compile(pattern, re.DOTALL)
    body = b"-" * before + match + b"-" * after
    pieces = [body[at : at + 10] for at in range(0, len(body), 10)]
    assert is_in(pieces, compiled, held=100, span=24) == (compiled.search(body) is not None)


def test_what_begins_in_one_window_and_has_no_end_is_found() -> None:
    assert is_in([b"a", *[b"." * 100] * 50], re.compile(rb"a.*", re.DOTALL), held=1000, span=200)


def test_reading_stops_where_the_pattern_was_found() -> None:
    read = []

    def pieces() -> object:
        for number in range(100):
            read.append(number)
            yield b"needle" + b"." * 100

    assert is_in(pieces(), re.compile(b"needle"), held=1000, span=200)  # type: ignore[arg-type]
    assert len(read) < 20


SEARCHING = """
import re
from cassette_tools.body_search import is_in
from tests.peak import peak_kib
piece = bytes(1 << 20)
before = peak_kib()
assert not is_in((piece for _ in range(200)), re.compile(b"needle"))
print(peak_kib() - before)
"""


def test_a_body_of_any_length_is_searched_in_bounded_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SEARCHING], capture_output=True, env=environment(), timeout=LIMIT, check=True
    )
    assert int(done.stdout) < 2.5 * HELD / 1024
