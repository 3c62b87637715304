"""Percentiles are within their bound of exact ones, whatever is counted, in bounded memory."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.histogram import RELATIVE_ERROR, Histogram

VALUES = st.lists(st.floats(0, 1e15, allow_nan=False) | st.integers(0, 10**15), min_size=1, max_size=300)


def histogram(values: list[float]) -> Histogram:
    one = Histogram()
    one.add(values)
    return one


def exact(values: list[float], percent: float) -> float:
    """Return the nearest-rank percentile."""
    return sorted(values)[max(1, math.ceil(percent / 100 * len(values))) - 1]


@given(VALUES, st.sampled_from([0, 1, 25, 50, 75, 90, 95, 99, 99.9, 100]))
def test_a_percentile_is_within_one_percent_of_a_value_of_that_rank(values: list[float], percent: float) -> None:
    found = histogram(values).percentile(percent)
    assert found == pytest.approx(exact(values, percent), rel=RELATIVE_ERROR * 1.0001, abs=0.001)


@given(VALUES)
def test_count_total_and_extremes_are_exact(values: list[float]) -> None:
    one = histogram(values)
    assert (one.count, one.smallest, one.largest) == (len(values), min(values), max(values))
    assert one.total == pytest.approx(math.fsum(values))


@given(VALUES, VALUES)
def test_adding_one_histogram_to_another_is_counting_all_in_one(first: list[float], second: list[float]) -> None:
    merged = histogram(first)
    merged.merge(histogram(second))
    whole = histogram(first + second)
    assert [merged.percentile(percent) for percent in (1, 50, 99)] == [
        whole.percentile(percent) for percent in (1, 50, 99)
    ]
    assert (merged.count, merged.smallest, merged.largest) == (whole.count, whole.smallest, whole.largest)


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_is_no_measurement_is_refused_and_nothing_is_counted(wrong: float, place: int) -> None:
    values = [1.0, 2.0]
    values.insert(place, wrong)
    one = Histogram()
    with pytest.raises(ValueError, match="from 0 up"):
        one.add(values)
    assert one.count == 0
    assert one.percentile(50) is None


def test_a_million_different_values_take_no_more_than_the_stated_buckets() -> None:
    one = Histogram()
    for power in range(-5, 18):
        one.add([10**power * (1 + step / 2000) for step in range(18_000)])
    assert len(one._buckets) <= 2075


def test_nothing_counted_has_no_percentile_and_adding_nothing_is_nothing() -> None:
    one = Histogram()
    one.add([])
    assert one.percentile(99) is None
    assert one.count == 0
