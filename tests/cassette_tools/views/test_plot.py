"""A curve fits its width, keeps its peaks, and reads on any terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.views.figures import size_text
from cassette_tools.views.plot import plot

if TYPE_CHECKING:
    from collections.abc import Sequence


def drawn(values: Sequence[int | None], *, width: int = 40, smallest_range: int = 1, unicode: bool = True) -> list[str]:
    return plot(
        values,
        width=width,
        smallest_range=smallest_range,
        label=lambda value: f"{value:.0f}",
        ends=("1", str(len(values))),
        unicode=unicode,
    )


def test_a_rising_curve_rises() -> None:
    assert drawn([1, 2, 3, 4, 5, 6, 7, 8]) == [
        "8 │      ▄█",
        "  │    ▃▇██",
        "  │  ▂▆████",
        "1 │▁▅██████",
        "   1      8",
    ]
    assert drawn([1, 2, 3, 4, 5, 6, 7, 8], unicode=False) == [
        "8 |      .#",
        "  |    .###",
        "  |  .#####",
        "1 |.#######",
        "   1      8",
    ]


@given(st.lists(st.none() | st.integers(0, 10**12), max_size=600), st.integers(20, 120), st.booleans())
def test_no_line_is_wider_than_asked_and_ascii_is_ascii(values: list[int | None], width: int, unicode: bool) -> None:
    lines = plot(values, width=width, label=size_text, ends=("1", str(len(values))), unicode=unicode)
    assert bool(lines) == any(value is not None for value in values)
    assert all(len(line) <= max(width, 8 + 2 + 8) for line in lines)
    assert unicode or all(line.isascii() for line in lines)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=600))
def test_the_largest_value_reaches_the_top_line_and_no_column_is_empty(values: list[int]) -> None:
    lines = drawn(values, width=60)
    bottom = lines[-2].partition("│")[2]
    assert " " not in bottom
    assert len(bottom) == min(len(values), 60 - 2 - len(lines[0].partition(" │")[0]))
    if max(values) > min(values):
        assert "█" in lines[0]


def test_a_flat_curve_looks_flat_and_a_gap_is_a_gap() -> None:
    lines = drawn([5_000_000, None, 5_000_001], smallest_range=1_000_000)
    assert lines[0].rstrip().endswith("█ █")
    ascii_lines = drawn([5, None, 5], unicode=False)
    assert ascii_lines[0].endswith("# #")
