"""Which interactions of a cassette are looked at: the filter of --only, asked of lines.

Law: an interaction's number is its place in the input, whatever is passed over. A filter that asks for no body reads
none.
"""

# ruff: noqa: PLC0415 - without a filter nothing of this is loaded

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from recorder.journal.read import Line

__all__ = ["Wanted", "wanted_by"]

Wanted: TypeAlias = Callable[[Line, int], bool]
"""Tells whether to take the interaction of a line; the number is its place in the input, from 1.

It may raise BadCassetteError for a line that is not as the format says, and what `Reader.body` raises.
"""


def wanted_by(expression: str | None) -> Wanted | None:
    """Make the test of a filter expression (docs/filters.md); None for none. Raises UsageError where it is wrong."""
    if expression is None:
        return None
    from cassette_tools.filter import compile_filter
    from cassette_tools.formats.cassette_jsonl import interaction_of

    holds = compile_filter(expression)

    def wanted(line: Line, number: int) -> bool:
        return holds(interaction_of(line), number)

    return wanted
