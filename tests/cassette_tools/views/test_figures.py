"""Figures are short, have a unit, and are read the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.views.figures import count_text, duration_text, moment_text, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (1234, "1.23 kB"),
        (9_995, "10.0 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (31_457_280, "31.5 MB"),
        (10**15, "1.00 PB"),
        (10**19, "10,000 PB"),
        (-1234, "-1.23 kB"),
    ],
)
def test_sizes(size: int | None, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, "-"),
        (0, "0.00 ms"),
        (0.214, "0.21 ms"),
        (15.02, "15.0 ms"),
        (999.4, "999 ms"),
        (999.5, "1.00 s"),
        (99_949, "99.9 s"),
        (99_950, "1 min 40 s"),
        (125_000, "2 min 05 s"),
        (3_599_400, "59 min 59 s"),
        (3_600_000, "1 h 00 min"),
        (90_000_000, "25 h 00 min"),
    ],
)
def test_durations(milliseconds: float | None, text: str) -> None:
    assert duration_text(milliseconds) == text


@given(st.floats(0, 9.9e17))
def test_a_size_has_at_most_seven_characters(size: float) -> None:
    assert len(size_text(size)) <= 7


def test_counts() -> None:
    assert count_text(1234567) == "1,234,567"
    assert count_text(1, "run") == "1 run"
    assert count_text(2000, "run") == "2,000 runs"
    assert count_text(0, "process", "processes") == "0 processes"


def test_moments_are_in_utc() -> None:
    moment = datetime(2026, 11, 23, 3, 30, 47, 123456, tzinfo=UTC).astimezone(timezone(timedelta(hours=9)))
    assert moment_text(moment) == "2026-11-23 03:30:47 UTC"
    assert moment_text(moment, precise=True) == "2026-11-23 03:30:47.123 UTC"
    assert moment_text(None) == "-"
