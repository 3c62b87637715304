"""Counts interactions that are written and not read again: readers hold an item of a file, and an item has a limit.

Law: what is written goes through as it is. Other tools may read such a file; here it is told, not refused.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from cassette_tools.interaction import Interaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cassette_tools.formats import WriteOptions
    from cassette_tools.interaction import Element

    Write = Callable[[Iterable[Element], WriteOptions], Iterator[bytes]]

__all__ = ["HUGE", "told"]

HUGE: Final = 255 << 20
"""Bytes of an item. Readers take 256 MiB; what a file has around its items is written with one of them."""


def told(write: Write) -> Write:
    """Make a writer that gives an item before it takes the next interaction count those over HUGE as `huge-items`."""

    @functools.wraps(write)
    def telling(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
        if options.losses is None:
            yield from write(elements, options)
            return
        number = size = 0

        def numbered() -> Iterator[Element]:
            nonlocal number, size
            for element in elements:
                if isinstance(element, Interaction):
                    number += 1
                    size = 0
                yield element

        for piece in write(numbered(), options):
            if size <= HUGE:
                size += len(piece)
                if size > HUGE and number:
                    options.losses.add("huge-items", number)
            yield piece

    return telling
