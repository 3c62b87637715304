"""A curve as a few lines of text.

Law: a pure function of its numbers and the width. Each column of characters shows the largest value it covers, so no
peak is lost; a column without a measurement stays empty. With `unicode` false it uses ASCII only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["plot"]

_BLOCKS: Final = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_ASCII: Final = " .:#"


def plot(
    values: Sequence[int | None],
    *,
    width: int,
    height: int = 4,
    smallest_range: int = 1,
    label: Callable[[float], str],
    ends: tuple[str, str],
    unicode: bool = True,
) -> list[str]:
    """Return a plot of `values`, at most `width` columns wide: `height` lines, and one with the `ends` of the axis.

    `label` names the largest and the smallest value at the axis. The axis covers at least `smallest_range`, so that a
    flat curve looks flat. No lines where nothing was measured.
    """
    known = [value for value in values if value is not None]
    if not known:
        return []
    low, high = min(known), max(known)
    if high - low < smallest_range:
        low, high = max(0, high - smallest_range), max(high, smallest_range)
    labels = [label(high), *[""] * (height - 2), label(low)]
    margin = max(len(text) for text in labels)
    columns = _columns(values, max(8, width - margin - 2))
    levels = _BLOCKS if unicode else _ASCII
    steps = height * (len(levels) - 1)
    # Every known value has at least the lowest step, or a minimum would look as if nothing was measured.
    filled = [None if value is None else 1 + round((value - low) / (high - low) * (steps - 1)) for value in columns]
    edge = "\u2502" if unicode else "|"
    lines = [f"{text:>{margin}} {edge}{_row(filled, height - 1 - row, levels)}" for row, text in enumerate(labels)]
    gap = max(1, len(columns) - len(ends[0]) - len(ends[1]))
    lines.append(f"{'':>{margin}}  {ends[0]}{' ' * gap}{ends[1]}")
    return [line.rstrip() for line in lines]


def _row(filled: Sequence[int | None], row: int, levels: str) -> str:
    """Return one line of the plot, `row` counted from the bottom."""
    top = len(levels) - 1
    return "".join(levels[0 if steps is None else min(top, max(0, steps - row * top))] for steps in filled)


def _columns(values: Sequence[int | None], width: int) -> list[int | None]:
    """Spread the values over `width` columns, or over one for each where they are fewer."""
    width = min(width, len(values))
    edges = [math.floor(column * len(values) / width) for column in range(width + 1)]
    spans = [values[edges[column] : edges[column + 1]] for column in range(width)]
    return [max((value for value in span if value is not None), default=None) for span in spans]
