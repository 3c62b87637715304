"""Writes interactions as vcrpy does: its YAML and its JSON, piece by piece.

Law: what comes out loads in vcrpy, and is what vcrpy itself would have written of the same interactions, to the byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cassette_tools.formats import WriteOptions
    from cassette_tools.interaction import Element

__all__ = ["CANNOT_HOLD_JSON", "CANNOT_HOLD_YAML", "write_json", "write_yaml"]

CANNOT_HOLD_YAML: Final[frozenset[str]] = frozenset()
CANNOT_HOLD_JSON: Final[frozenset[str]] = frozenset()


def write_yaml(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    """Write a vcrpy YAML cassette, one interaction at a time."""
    raise NotImplementedError


def write_json(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    """Write a vcrpy JSON cassette, one interaction at a time."""
    raise NotImplementedError
