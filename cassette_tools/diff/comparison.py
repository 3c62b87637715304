"""The comparison of two cassettes of any formats, as a stream of what differs.

Law: when a `Comparison` is there, both cassettes have been read once, and it is known which interaction stands beside
which; what differs within a pair is found while its pairings are read. Interactions that are the same are counted,
never given. Nothing is shown here.

Memory: fingerprints of both cassettes, and one pair of interactions.
"""

from __future__ import annotations

import pickle
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import count, islice
from typing import IO, TYPE_CHECKING, Final

from cassette_tools.diff.alignment import align, in_order
from cassette_tools.diff.common_ground import levelled, limits_of, missing_from
from cassette_tools.diff.fields import compare, settled_body
from cassette_tools.diff.fingerprint import loose_number, url_number
from cassette_tools.diff.glance import compared_answers
from cassette_tools.diff.model import Pairing, Side, Totals
from cassette_tools.diff.renames import MOST_LEFT, MOST_REWRITTEN, Renames, learn
from cassette_tools.diff.sides import Input, Reading
from cassette_tools.diff.traits import traits_of
from cassette_tools.interaction import header
from cassette_tools.other_process import OtherProcess, can_fork
from recorder.errors import OutputError, RecorderError

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from cassette_tools.diff.alignment import Keys, Place, Which
    from cassette_tools.diff.findings import Compared
    from cassette_tools.diff.model import Ignored
    from cassette_tools.diff.rules import Rules
    from cassette_tools.interaction import Body, Interaction, Request, Response
    from cassette_tools.source import Facts
    from recorder.journal.read import Mode, Part

__all__ = ["Comparison", "compare_cassettes"]

_IN_MEMORY: Final = 4 * 1024 * 1024
"""Bytes of settled pairings that are kept in memory; more go to a file without a name."""

WORTH_SHARING: Final = 4_096
"""Interactions of both cassettes from which on pairs are compared in two processes."""

SHARE: Final = 64
"""Pairs that one process compares before the other one does as many."""

ROUNDS: Final = 3
"""How often interactions are aligned again with what was learned of ids: those below others are known later."""

_SETTLED: Final = 8_192
"""Bodies whose digests without volatile things are remembered while interactions are aligned."""


class Comparison:
    """What differs between two cassettes: iterate it, once, for the pairings that are not the same.

    `old` and `new` are what is known of the files; both have been read when this is made. `totals` are complete when
    the pairings have been read to their end. Pairings come in the order of the new cassette; what was removed comes
    where it stood in the old one. Iterating raises what reading bodies raises; with `on_error` it ends there, and
    `on_error` is called. A context manager.
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
        self.on_error: Callable[[RecorderError], object] | None = None
        self._close = close
        self._kept: IO[bytes] | None = None

    def __iter__(self) -> Iterator[Pairing]:
        if self._kept is not None:
            yield from _restored(self._kept)
            return
        try:
            for pairing in self._pairings:
                self.totals.add(pairing)
                yield pairing
        except RecorderError as error:
            if self.on_error is None:
                raise
            self.on_error(error)

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


def compare_cassettes(
    old: str,
    new: str,
    rules: Rules,
    *,
    mode: Mode = "tail",
    source: str | None = None,
    only: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Comparison:
    """Compare two cassettes of any formats; one of them may be "-", the standard input.

    `mode` and `source` (a format as --from names it) are those of `open_cassette`, for both. With `only`, a filter
    expression, interactions that do not match take no part; numbers stay those of the cassette. `on_progress` is called
    with the bytes that were read so far of both.

    Raises UsageError for a wrong filter, and what opening and reading raise.
    """
    with ExitStack() as opened:
        reading = Reading(opened, rules, mode, source, only, on_progress)
        one, other = reading.both(old, new)
        totals = Totals(old_interactions=len(one.prints), new_interactions=len(other.prints))
        pairs = _Pairs(one, other, rules, totals)
        opened.callback(pairs.close)
        partners = pairs.aligned()
        pairings = pairs.compared(partial(in_order, partners, len(one.prints)))
        return Comparison(one.facts, other.facts, pairings, totals, opened.pop_all().close)
    raise AssertionError("an ExitStack passes errors on")  # pragma: no cover


@dataclass(frozen=True, slots=True)
class _Rekeyed:
    """See `alignment.Keys`."""

    exact: array[int]
    url: array[int]
    firm: array[int]
    answer: array[int]

    def __len__(self) -> int:
        return len(self.exact)


class _Source:
    """See `renames.Pair`."""

    def __init__(self, old: Input, new: Input, place: int, beside: int) -> None:
        self._sides = old, new
        self._places = place, beside
        self.source = new.prints.url[beside]

    def method(self) -> str:
        """Give the method of both."""
        return self._sides[0].interaction(self._places[0], contents=False).request.method

    def read(self) -> tuple[Interaction, Interaction]:
        """Give both, with their bodies."""
        (old, new), (place, beside) = self._sides, self._places
        return old.interaction(place, contents=True), new.interaction(beside, contents=True)


class _Pairs:
    """Compares pairs of interactions, and counts those that are the same."""

    def __init__(self, old: Input, new: Input, rules: Rules, totals: Totals) -> None:
        self._old = old
        self._new = new
        self._rules = rules
        self._totals = totals
        self._settled = lru_cache(maxsize=_SETTLED)(self._settle)
        self._other: OtherProcess | None = None
        self._ignored: dict[Ignored, int] = {}  # of the share at hand
        self._may_glance = _are_alike(old, new)
        self._renames = Renames()

    def aligned(self) -> array[int]:
        """Align the interactions: again where ids in old URLs turn out to be others in the new ones."""
        old, new = self._old.prints, self._new.prints
        partners = align(old, new, self.settled, self.loose, self.traits)
        for _ in range(ROUNDS):
            if self._rules.keep_volatile or not self._learned(partners):
                break
            partners = align(self._rekeyed(), new, self.settled, self.loose, self.traits)
        return partners

    def _learned(self, partners: array[int]) -> bool:
        """Learn which ids became others, of what has no counterpart."""
        taken = set(partners)
        olds = [place for place in range(len(self._old.prints)) if place not in taken]
        news = [place for place, partner in enumerate(partners) if partner < 0]
        if not olds or not news or max(len(olds), len(news)) > MOST_LEFT:
            return False
        return learn(
            self._renames,
            [self._renames.rewritten(self._request("old", place).url) for place in olds],
            [self._request("new", place).url for place in news],
            self._sources(partners),
        )

    def _sources(self, partners: array[int]) -> Iterator[_Source]:
        """Give the pairs whose answers differ."""
        old, new = self._old.prints, self._new.prints
        for place, partner in enumerate(partners):
            if partner >= 0 and old.answer[partner] != new.answer[place]:
                yield _Source(self._old, self._new, partner, place)

    def _rekeyed(self) -> Keys:
        """Give the numbers of the old cassette as they would be with the new ids in its URLs."""
        prints = self._old.prints
        if len(prints) > MOST_REWRITTEN:
            return prints
        keys = _Rekeyed(prints.exact[:], prints.url[:], prints.firm, prints.answer)
        for place in range(len(prints)):
            request = self._request("old", place)
            url = self._renames.rewritten(request.url)
            if url != request.url:
                keys.url[place] = url_number(request.method, url, self._rules)
                without_body = prints.exact[place] == prints.url[place]
                keys.exact[place] = keys.url[place] if without_body else hash((keys.url[place], place))
        return keys

    def _request(self, which: Which, place: int) -> Request:
        side = self._old if which == "old" else self._new
        return side.interaction(place, contents=False).request

    def settled(self, which: Which, part: Part, place: int) -> int:
        """See `alignment.Settled`."""
        return self._settled(which, part, place)

    def loose(self, which: Which, place: int) -> int:
        """See `alignment.Loose`."""
        request = self._request(which, place)
        url = self._renames.rewritten(request.url) if which == "old" else request.url
        return loose_number(request.method, url, self._rules)

    def traits(self, which: Which, part: Part, place: int) -> frozenset[int]:
        """See `alignment.Traits`."""
        side = self._old if which == "old" else self._new
        interaction = side.interaction(place, contents=True)
        message = interaction.request if part == "request" else interaction.response
        return frozenset() if message is None else traits_of(message, self._rules, part)

    def _settle(self, which: Which, part: Part, place: int) -> int:
        side = self._old if which == "old" else self._new
        if part == "request" and side.prints.exact[place] == side.prints.url[place]:
            return 0
        interaction = side.interaction(place, contents=True)
        message = interaction.request if part == "request" else interaction.response
        if message is None:
            return 0
        return int.from_bytes(settled_body(message.body, message.headers, self._rules, part)[:8], "big")

    def compared(self, places: Callable[[], Iterator[Place]]) -> Iterator[Pairing]:
        """Give the pairings that are not the same. Raises what reading bodies raises.

        Of many, another process compares every second share, ahead of this one as far as the pipe between them holds.
        """
        self._settled.cache_clear()
        if len(self._old.prints) + len(self._new.prints) >= WORTH_SHARING and can_fork():
            self._begin_other(places)
        try:
            for number, share in _shares(places()):
                if number % 2 and self._other is not None:
                    yield from self._received(self._other, share)
                else:
                    yield from self._found(share)
        finally:
            self.close()

    def _begin_other(self, places: Callable[[], Iterator[Place]]) -> None:
        if not (self._old.opened.is_plain and self._new.opened.is_plain):
            return

        def work() -> Iterator[Pairing | Totals]:
            self._old = replace(self._old, opened=self._old.reopen())
            self._new = replace(self._new, opened=self._new.reopen())
            for number, share in _shares(places()):
                if number % 2:
                    self._totals = Totals()
                    yield from self._found(share)
                    yield self._totals

        with suppress(OSError):  # no room for another process: this one does all
            self._other = OtherProcess(work)

    def _received(self, other: OtherProcess, share: list[Place]) -> Iterator[Pairing]:
        """Give what the other process found in a share: pairings, then what it counted. Where it is lost, find that."""
        given = 0
        while True:
            value = other.receive()
            if isinstance(value, Totals):
                self._totals.merge(value)
                return
            if value is None:
                yield from islice(self._found(share), given, None)
                return
            given += 1
            yield value

    def close(self) -> None:
        """End the other process."""
        if self._other is not None:
            self._other.close()
            self._other = None

    def _found(self, places: Iterable[Place]) -> Iterator[Pairing]:
        for place in places:
            if place.new < 0:
                pairing = self._alone(self._old, self._new, place.old)
            elif place.old < 0:
                pairing = self._alone(self._new, self._old, place.new)
            else:
                pairing = self._pair(place)
            if pairing is not None:
                yield pairing
        self._totals.ignore(self._ignored)
        self._ignored.clear()

    def _alone(self, side: Input, other: Input, place: int) -> Pairing | None:
        interaction = side.interaction(place, contents=False)
        own = limits_of(side.opened.format, interaction.origin)
        missing = missing_from(interaction, limits_of(other.opened.format, other.origin), own)
        if missing is not None:
            self._totals.ignore({missing: 1})
            self._pass_over(side)
            return None
        shown = _side(interaction, side.prints.number[place])
        if side is self._old:
            return Pairing("removed", shown, None)
        return Pairing("added", None, shown)

    def _pass_over(self, side: Input) -> None:
        """Let an interaction take no part that the other format cannot hold."""
        if side is self._old:
            self._totals.old_interactions -= 1
        else:
            self._totals.new_interactions -= 1

    def _pair(self, place: Place) -> Pairing | None:
        old, new = self._old.prints, self._new.prints
        same_bodies = old.bodies[place.old] == new.bodies[place.new]
        aside = None
        if old.head[place.old] == new.head[place.new]:
            aside = old.ignored(place.old, new, place.new)
            if aside is not None and same_bodies:
                self._same(aside)
                return None
            seen = None if aside is None else self._glance(place)
            if aside is not None and seen is not None:
                return self._told(place, seen, {**aside, **seen.ignored})
        one = self._old.interaction(place.old, contents=not same_bodies)
        other = self._new.interaction(place.new, contents=not same_bodies)
        return self._compared(place, one, other, aside, same_bodies=same_bodies)

    def _glance(self, place: Place) -> Compared | None:
        """Tell at a glance what differs in the bodies. None: that is not certain."""
        old, new = self._old, self._new
        if not (self._may_glance and old.prints.plain[place.old] and new.prints.plain[place.new]):
            return None
        before = old.prints.contents(old.opened.reader, place.old)
        after = new.prints.contents(new.opened.reader, place.new)
        return None if before is None or after is None else compared_answers(before, after, self._rules)

    def _told(self, place: Place, found: Compared, ignored: dict[Ignored, int]) -> Pairing | None:
        """Give a pairing of which all is known that differs; the interactions are read for their heads only."""
        if not found.changes:
            self._same(ignored)
            return None
        one = self._old.interaction(place.old, contents=False)
        other = self._new.interaction(place.new, contents=False)
        return self._pairing(place, one, other, found, ignored)

    def _compared(
        self, place: Place, one: Interaction, other: Interaction, aside: dict[Ignored, int] | None, *, same_bodies: bool
    ) -> Pairing | None:
        _share_bodies(one, other, equal=same_bodies)
        if aside is not None and not _share_headers(one, other):
            aside = None
        limits = limits_of(self._old.opened.format, one.origin)
        others = limits_of(self._new.opened.format, other.origin)
        level, counterpart, looked_past = levelled(one, other, limits, others)
        found = compare(level, counterpart, self._rules)
        return self._pairing(place, one, other, found, {**(aside or {}), **found.ignored, **looked_past})

    def _pairing(
        self, place: Place, one: Interaction, other: Interaction, found: Compared, ignored: dict[Ignored, int]
    ) -> Pairing | None:
        """Give a pairing, without what follows from renamed ids; None where nothing else changed."""
        if self._renames:
            ignored = ignored | self._renames.take_from(found.changes)
        if not found.changes:
            self._same(ignored)
            return None
        return Pairing(
            "changed",
            _side(one, self._old.prints.number[place.old]),
            _side(other, self._new.prints.number[place.new]),
            found.changes,
            found.left_out,
            ignored,
        )

    def _same(self, ignored: dict[Ignored, int]) -> None:
        self._totals.same += 1
        counts = self._ignored
        for one, number in ignored.items():
            counts[one] = counts.get(one, 0) + number


def _are_alike(old: Input, new: Input) -> bool:
    """Tell whether no facet is to be looked past, nor a digest to be checked."""
    origins = old.prints.origins | new.prints.origins
    return old.opened.format == new.opened.format and len(origins) <= 1 and old.opened.reader.mode != "strict"


def _shares(places: Iterator[Place]) -> Iterator[tuple[int, list[Place]]]:
    for number in count():
        share = list(islice(places, SHARE))
        if not share:
            return
        yield number, share


def _share_bodies(one: Interaction, other: Interaction, *, equal: bool) -> None:
    """Let two interactions have the same body where the contents are equal: then it is not compared.

    `equal`: it is known of all of their bodies. Else those are looked at that are held.
    """
    other.request.body = _shared(one.request.body, other.request.body, equal=equal)
    if one.response is not None and other.response is not None:
        other.response.body = _shared(one.response.body, other.response.body, equal=equal)


def _share_headers(one: Interaction, other: Interaction) -> bool:
    """Let two interactions have the same headers, where it is known that no difference in them is a change.

    False where bodies are to be read differently for their headers: there is a boundary in Content-Type.
    """
    messages: list[tuple[Request | Response, Request | Response]] = [(one.request, other.request)]
    if one.response is not None and other.response is not None:
        messages.append((one.response, other.response))
    if any(header(old.headers, _TYPE) != header(new.headers, _TYPE) for old, new in messages):
        return False
    for old, new in messages:
        new.headers = old.headers
    return True


_TYPE: Final = "content-type"


def _shared(one: Body | None, other: Body | None, *, equal: bool) -> Body | None:
    if one is None or other is None:
        return other
    if (one.complete, one.incomplete, one.removed) != (other.complete, other.incomplete, other.removed):
        return other
    if equal or (one.stream is other.stream is None and one.size == other.size and one.read() == other.read()):
        return one
    return other


def _side(interaction: Interaction, number: int) -> Side:
    request, response, error = interaction.request, interaction.response, interaction.error
    return Side(
        number=number,
        method=request.method,
        url=request.url,
        status=None if response is None else response.status,
        error=None if error is None else str(error["type"]).rpartition(".")[2],
        size=None if response is None or response.body is None else response.body.size,
        total_ms=interaction.timings_ms.get("total"),
        content_type=None if response is None else header(response.headers, "content-type"),
    )


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
