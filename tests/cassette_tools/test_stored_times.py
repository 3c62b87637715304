from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.stored_times import utc_of


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-23T03:30:48.000123+00:00", "2026-11-23T03:30:48.000123Z"),
        ("2026-11-23T03:30:48Z", "2026-11-23T03:30:48.000000Z"),
        ("2026-11-23T05:30:48.5+02:00", "2026-11-23T03:30:48.500000Z"),
        ("2026-11-23T03:30:48", "2026-11-23T03:30:48.000000Z"),
        ("2026-11-23 03:30:48", "2026-11-23T03:30:48.000000Z"),
        ("2026-11-23T03:30:48.123456789Z", "2026-11-23T03:30:48.123456Z"),
        ("Mon, 23 Nov 2026 03:30:48 GMT", "2026-11-23T03:30:48.000000Z"),
        ("Mon, 23 Nov 2026 03:30:48 +0200", "2026-11-23T01:30:48.000000Z"),
        ("0001-01-01T00:00:00+23:00", None),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("soon", None),
        ("", None),
        (5, None),
        (None, None),
        ("2" * 100, None),
    ],
)
def test_a_time_is_told_in_utc_or_not_at_all(text: object, utc: str | None) -> None:
    assert utc_of(text) == utc


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ [-+A-Z0-9]+"))
def test_nothing_raises(text: str) -> None:
    told = utc_of(text)
    assert told is None or (len(told) == 27 and told.endswith("Z"))
