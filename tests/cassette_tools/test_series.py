"""A curve of any length is kept in bounded memory, with its peaks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.series import LIMIT, Series

MEASURED = st.none() | st.integers(0, 2**40)


def series(chunks: list[list[int | None]]) -> Series:
    one = Series()
    for chunk in chunks:
        one.add(chunk)
    return one


@given(st.lists(st.lists(MEASURED, max_size=60), max_size=30), st.integers(1, 40))
def test_each_bucket_has_the_largest_of_the_measurements_it_covers(chunks: list[list[int | None]], repeat: int) -> None:
    one = series(chunks * repeat)
    values = [value for chunk in chunks * repeat for value in chunk]
    known = [value for value in values if value is not None]
    assert len(one.peaks) <= LIMIT
    assert one.count == len(values)
    assert (one.first, one.last) == ((known[0], known[-1]) if known else (None, None))
    assert one.largest == (max(known) if known else None)
    spans = [values[at : at + one.width] for at in range(0, len(values), one.width)]
    assert one.peaks == [max((value for value in span if value is not None), default=None) for span in spans]


def test_a_long_series_is_thinned_by_powers_of_two_and_keeps_a_lone_peak() -> None:
    values: list[int | None] = [10] * 100_000
    values[77_777] = 99
    one = series([values[at : at + 512] for at in range(0, len(values), 512)])
    assert one.width == 256
    assert len(one.peaks) == 391
    assert one.peaks[77_777 // 256] == 99
