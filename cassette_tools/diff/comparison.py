"""The comparison of two cassettes of any formats, as a stream of what differs.

Law: when a `Comparison` is there, both cassettes have been read once, and it is known which interaction stands beside
which; what differs within a pair is found while its pairings are read. Interactions that are the same are counted, never
given. Nothing is shown here.

Memory: fingerprints of both cassettes, and one pair of interactions.
"""

from __future__ import annotations

import pickle
import tempfile
from typing import IO, TYPE_CHECKING, Final

from recorder.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from cassette_tools.diff.model import Pairing, Totals
    from cassette_tools.source import Facts

__all__ = ["Comparison"]

_IN_MEMORY: Final = 4 * 1024 * 1024
"""Bytes of settled pairings that are kept in memory; more go to a file without a name."""


class Comparison:
    """What differs between two cassettes: iterate it, once, for the pairings that are not the same.

    `old` and `new` are what is known of the files; both have been read when this is made. `totals` are complete when
    the pairings have been read to their end. Pairings come in the order of the new cassette; what was removed comes
    where it stood in the old one. A context manager. Iterating raises what reading bodies raises.
    """

    def __init__(
        self,
        old: Facts,
        new: Facts,
        pairings: Iterable[Pairing],
        totals: Totals,
        close: Callable[[], None] | None = None,
    ) -> None:
        self.old = old
        self.new = new
        self.totals = totals
        self._pairings = pairings
        self._close = close
        self._kept: IO[bytes] | None = None

    def __iter__(self) -> Iterator[Pairing]:
        if self._kept is not None:
            yield from _restored(self._kept)
            return
        for pairing in self._pairings:
            self.totals.add(pairing)
            yield pairing

    def settle(self) -> Totals:
        """Complete the totals before the pairings are read, for a view that begins with them.

        The pairings wait in memory as far as they take at most 4 MiB there, else in a file without a name; they can be
        read any number of times then. Raises what iterating raises, and OutputError where there is no room for them.
        """
        if self._kept is None:
            kept: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with the comparison
            try:
                for pairing in self:
                    pickle.dump(pairing, kept, pickle.HIGHEST_PROTOCOL)
            except OSError as error:
                raise OutputError(
                    f"{tempfile.gettempdir()}: the differences have to be kept there, and that failed: "
                    f"{error.strerror or 'an I/O error'}. Free some space, or set TMPDIR to another folder."
                ) from error
            self._kept = kept
        return self.totals

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close both cassettes."""
        if self._kept is not None:
            self._kept.close()
        if self._close is not None:
            self._close()


def _restored(kept: IO[bytes]) -> Iterator[Pairing]:
    place = 0
    while True:
        kept.seek(place)
        try:
            pairing: Pairing = pickle.load(kept)  # noqa: S301 - written above, to a file that nobody else can open
        except EOFError:
            return
        place = kept.tell()
        yield pairing
