from __future__ import annotations

import pytest

from cassette_tools.moments import from_epoch, from_http_date, from_text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T03:30:48Z", "2026-11-23T03:30:48.000000Z"),
        ("2026-11-23 09:51:26 GMT", "2026-11-23T09:51:26.000000Z"),
        ("2025-06-02 16:06:51", "2025-06-02T16:06:51.000000Z"),
        ("2026-11-23T03:30:48.5+02:00", "2026-11-23T01:30:48.500000Z"),
        ("2026-11-23T03:30:48.123456789-0330", "2026-11-23T07:00:48.123456Z"),
        ("2026-11-23T03:30:48+01", "2026-11-23T02:30:48.000000Z"),
        ("2026-12-31T23:59:60Z", "2026-12-31T23:59:59.000000Z"),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-11-23T25:00:00Z", None),
        ("2026-11-23T03:30:48+99:99", None),
        ("yesterday", None),
        ("", None),
        ("2026-11-23T03:30:48" + "0" * 1_000_000, None),
    ],
)
def test_times_in_text(text: str, moment: str | None) -> None:
    assert from_text(text) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 23 Nov 2026 09:49:50 GMT", "2026-11-23T09:49:50.000000Z"),
        ("Mon, 23 Nov 2026 09:49:50 +0200", "2026-11-23T07:49:50.000000Z"),
        ("Mon, 23 Nov 2026 09:49:50 -0000", "2026-11-23T09:49:50.000000Z"),
        ("Mon, 99 Nov 2026 09:49:50 GMT", None),
        ("Mon, 23 Nov 99999 09:49:50 GMT", None),
        ("no date", None),
        ("", None),
        ("\u0661", None),
        (" " * 1_000_000, None),
    ],
)
def test_dates_of_http(text: str, moment: str | None) -> None:
    assert from_http_date(text) == moment


@pytest.mark.parametrize(
    ("seconds", "moment"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1795427487.5377495, "2026-11-23T09:51:27.537750Z"),
        (-1, "1969-12-31T23:59:59.000000Z"),
        (1e18, None),
        (-1e18, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_seconds_since_1970(seconds: float, moment: str | None) -> None:
    assert from_epoch(seconds) == moment
