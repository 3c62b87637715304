"""The alignment against a plain second implementation, and against the laws that it promises."""

from __future__ import annotations

import random
import sys
from array import array
from functools import cache, lru_cache
from itertools import combinations, pairwise, product
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools.diff.alignment import LIKENESSES, MOST_ALIKE, SAMPLE, SMALL, Place, align, in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cassette_tools.diff.alignment import Which
    from recorder.journal.read import Part


class One(NamedTuple):
    """An interaction as the alignment sees it. Small numbers stand for what is equal.

    Paths with the same tens differ in a volatile segment only.
    """

    path: int = 0
    sent: int = 0
    headers: int = 0
    body: int = 0
    stamp: int = 0  # something volatile in the response's body
    nonce: int = 0  # something volatile in the request's body


class Side:
    def __init__(self, ones: Sequence[One]) -> None:
        self.ones = ones
        self.exact = array("Q", [number("exact", o.path, o.sent, o.nonce) for o in ones])
        self.url = array("Q", [number("url", o.path) for o in ones])
        self.firm = array("Q", [number("firm", o.headers, o.body, o.stamp) for o in ones])
        self.answer = array("Q", [number("answer", o.body, o.stamp) for o in ones])

    def __len__(self) -> int:
        return len(self.ones)


class Run:
    """An alignment, and how often bodies were asked for."""

    def __init__(self, old: Sequence[One], new: Sequence[One]) -> None:
        self.old, self.new, self.asked = old, new, 0
        partners = align(Side(old), Side(new), self.settled, self.loose, self.traits)
        self.places = list(in_order(partners, len(old)))

    def settled(self, which: Which, part: Part, place: int) -> int:
        self.asked += 1
        one = (self.old if which == "old" else self.new)[place]
        return number("sent", one.sent) if part == "request" else number("body", one.body)

    def loose(self, which: Which, place: int) -> int:
        one = (self.old if which == "old" else self.new)[place]
        return number("loose", one.path // 10)

    def traits(self, which: Which, part: Part, place: int) -> frozenset[int]:
        self.asked += 1
        one = (self.old if which == "old" else self.new)[place]
        return traits(one.sent if part == "request" else one.body)

    @property
    def pairs(self) -> list[Place]:
        return [place for place in self.places if place.old >= 0 and place.new >= 0]

    @property
    def removed(self) -> list[int]:
        return [place.old for place in self.places if place.new < 0]

    @property
    def added(self) -> list[int]:
        return [place.new for place in self.places if place.old < 0]


@lru_cache(maxsize=100_000)
def number(*values: object) -> int:
    """Give a number of 64 bits that no order of the values shows in, the same in each run."""
    return random.Random(repr(values)).getrandbits(64)


def traits(value: int) -> frozenset[int]:
    """Give the digits of a value with their places, as a body has members."""
    return frozenset(number("digit", at, digit) for at, digit in enumerate(str(value)))


FEW = st.integers(0, 2)
NONE = st.just(0)
FLAG = st.integers(0, 1)
PATHS = st.sampled_from([0, 1, 10])
ONES = st.builds(One, path=PATHS, sent=FEW, headers=FEW, body=FEW, stamp=FLAG, nonce=FLAG)
ANSWERS = st.lists(st.builds(One, path=NONE, sent=NONE, headers=NONE, body=FEW, stamp=NONE, nonce=NONE), max_size=9)
SIDES = st.lists(ONES, max_size=9)


@given(SIDES, SIDES)
@settings(max_examples=300, deadline=None)
def test_every_interaction_is_in_exactly_one_place(old: list[One], new: list[One]) -> None:
    run = Run(old, new)
    assert sorted(place.old for place in run.places if place.old >= 0) == list(range(len(old)))
    assert sorted(place.new for place in run.places if place.new >= 0) == list(range(len(new)))
    assert Place(-1, -1) not in run.places


@given(SIDES, SIDES)
@settings(max_examples=300, deadline=None)
def test_swapping_the_cassettes_swaps_the_pairs(old: list[One], new: list[One]) -> None:
    swapped = {Place(other, one) for one, other in Run(new, old).places}
    assert set(Run(old, new).places) == swapped


@given(st.lists(ONES, max_size=40))
@settings(max_examples=100, deadline=None)
def test_a_cassette_stands_beside_itself(ones: list[One]) -> None:
    assert Run(ones, ones).places == [Place(at, at) for at in range(len(ones))]


@given(SIDES, SIDES)
@settings(max_examples=200, deadline=None)
def test_the_order_is_that_of_the_new_cassette_and_what_is_gone_stands_behind_what_it_stood_behind(
    old: list[One], new: list[One]
) -> None:
    places = Run(old, new).places
    assert [place.new for place in places if place.new >= 0] == list(range(len(new)))
    partner = {place.old: at for at, place in enumerate(places) if place.old >= 0 and place.new >= 0}
    for at, place in enumerate(places):
        if place.new < 0:
            before = max((old for old in partner if old < place.old), default=-1)
            behind = -1 if before < 0 else partner[before]
            assert at > behind
            assert all(between.new < 0 for between in places[behind + 1 : at])


def request_of(one: One) -> tuple[int, int, int]:
    return one.path, one.sent, one.nonce


@given(SIDES, SIDES)
@settings(max_examples=300, deadline=None)
def test_pairs_with_one_request_do_not_cross_and_none_could_be_added(old: list[One], new: list[One]) -> None:
    run = Run(old, new)
    key = request_of
    pairs = [place for place in run.pairs if key(old[place.old]) == key(new[place.new])]
    for one, other in combinations(pairs, 2):
        if key(old[one.old]) == key(old[other.old]):
            assert (one.old < other.old) == (one.new < other.new)
    for gone, come in product(run.removed, run.added):
        if key(old[gone]) == key(new[come]):
            assert any(
                key(old[pair.old]) == key(old[gone]) and (pair.old < gone) != (pair.new < come) for pair in pairs
            ), "they could be a pair"


@given(SIDES, SIDES)
@settings(max_examples=300, deadline=None)
def test_a_request_that_one_side_has_once_stands_beside_an_equal_one(old: list[One], new: list[One]) -> None:
    """No later tier takes it away."""
    key = request_of
    partner = dict(Run(old, new).pairs)
    for value in {key(one) for one in old}:
        olds = [at for at, one in enumerate(old) if key(one) == value]
        news = [at for at, one in enumerate(new) if key(one) == value]
        if news and 1 in (len(olds), len(news)):
            assert [at for at in olds if partner.get(at) in news]


def longest(old: Sequence[object], new: Sequence[object]) -> int:
    """Give the length of the longest common subsequence, as it is defined."""

    @cache
    def of(at: int, beside: int) -> int:
        if at == len(old) or beside == len(new):
            return 0
        if old[at] == new[beside]:
            return 1 + of(at + 1, beside + 1)
        return max(of(at + 1, beside), of(at, beside + 1))

    return of(0, 0)


@given(ANSWERS, ANSWERS)
@settings(max_examples=500, deadline=None)
def test_of_one_request_as_many_responses_as_can_be_stand_beside_their_equals(old: list[One], new: list[One]) -> None:
    run = Run(old, new)
    equal = sum(old[place.old] == new[place.new] for place in run.pairs)
    assert equal == longest(old, new)
    assert all(one.old < other.old for one, other in pairwise(run.pairs)), "no pair crosses another"


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_what_was_taken_out_or_put_in_is_found_as_that(data: st.DataObject) -> None:
    """Of distinct responses: whatever the requests, exactly the ones that are gone or new have no counterpart."""
    count = data.draw(st.integers(0, 60))
    paths = data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    old = [One(path=path * 10, body=at) for at, path in enumerate(paths)]
    gone = data.draw(st.sets(st.integers(0, max(0, count - 1)), max_size=5)) if count else set()
    kept = [one for at, one in enumerate(old) if at not in gone]
    new = list(kept)
    for at in range(data.draw(st.integers(0, 5))):
        # on a path of its own: on another's it may as well be what became of one that is gone
        new.insert(data.draw(st.integers(0, len(new))), One(path=90, body=1000 + at))
    run = Run(old, new)
    assert set(run.removed) == gone
    assert {new[at].body for at in run.added} == {one.body for one in new if one.path == 90}
    assert all(old[place.old] == new[place.new] for place in run.pairs)


@pytest.mark.parametrize("count", [3, 50, 500, 5_000])
@pytest.mark.parametrize("volatile", [False, True])
def test_one_more_poll_in_the_middle_is_one_added(count: int, volatile: bool) -> None:
    old = [One(body=at, stamp=0) for at in range(count)]
    middle = count // 2
    later = [one._replace(stamp=1) for one in old] if volatile else old
    new = [*later[:middle], One(body=-1), *later[middle:]]
    run = Run(old, new)
    assert run.added == [middle]
    assert not run.removed
    assert Run(new, old).removed == [middle]


def test_polls_that_say_the_same_are_told_apart_by_what_stands_around_them() -> None:
    waiting, done = One(body=0), One(body=1)
    old = [waiting, waiting, done, waiting, done]
    new = [waiting, waiting, waiting, done, waiting, done]
    run = Run(old, new)
    assert run.added == [2]
    assert all(old[place.old] == new[place.new] for place in run.pairs)


@pytest.mark.parametrize("count", [10, SAMPLE])
def test_one_gone_and_one_new_among_volatile_responses_shift_nothing(count: int) -> None:
    """As many on both sides, and yet not the same ones."""
    bodies = [*range(count)]
    old = [One(body=body, stamp=0) for body in bodies]
    new = [One(body=body, stamp=1) for body in [*bodies[:3], *bodies[4:7], 99, *bodies[7:]]]
    run = Run(old, new)
    assert run.removed == [3]
    assert [new[at].body for at in run.added] == [99]
    assert all(old[place.old].body == new[place.new].body for place in run.pairs)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a nonce in the request's body", One(sent=1, nonce=1), One(sent=1, nonce=2)),
        ("another request body", One(sent=1), One(sent=2)),
        ("an identifier in the path", One(path=51), One(path=52)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_interactions_are_paired_in_spite_of(old: str, new: One, expected: One) -> None:
    other = One(path=70)
    run = Run([other, new], [expected, other])
    assert set(run.pairs) == {Place(0, 1), Place(1, 0)}


def test_another_method_or_path_is_no_counterpart() -> None:
    run = Run([One(path=10)], [One(path=20)])
    assert run.places == [Place(0, -1), Place(-1, 0)]


def test_requests_that_differ_in_a_nonce_find_each_other_ahead_of_those_with_another_content() -> None:
    old = [One(sent=1, nonce=1), One(sent=2, nonce=2)]
    new = [One(sent=2, nonce=3), One(sent=1, nonce=4)]
    assert set(Run(old, new).pairs) == {Place(0, 1), Place(1, 0)}


def test_a_changed_request_stands_beside_the_one_that_it_is_most_like() -> None:
    """One more in front, all bodies changed, and out of order: hundreds name the operation, ones what changed."""
    old = [One(sent=111, body=1), One(sent=221, body=2), One(sent=331, body=3)]
    new = [One(sent=444, body=4), One(sent=332, body=5), One(sent=112, body=6), One(sent=222, body=7)]
    run = Run(old, new)
    assert set(run.pairs) == {Place(2, 1), Place(0, 2), Place(1, 3)}
    assert run.added == [0]


def test_what_many_requests_have_in_common_tells_nothing_apart() -> None:
    """All have the first digit; the rare last one decides."""
    old = [One(sent=90 + at, body=at) for at in range(9)]
    new = [One(sent=900 + at * 10 + 7, body=50 + at) for at in (8, 0, 1, 2, 3, 4, 5, 6, 7)]
    assert {old[pair.old].sent % 10 for pair in Run(old, new).pairs} == set(range(9))
    assert all(old[pair.old].sent % 10 == new[pair.new].sent // 10 % 10 for pair in Run(old, new).pairs)


def test_one_failure_in_front_of_answers_that_all_changed_is_one_added() -> None:
    old = [One(body=2001), One(body=2002), One(body=2003)]
    new = [One(body=5555), One(body=2091), One(body=2092), One(body=2093)]
    run = Run(old, new)
    assert run.added == [0]
    assert Run(new, old).removed == [0]


@pytest.mark.parametrize("count", [MOST_ALIKE // 2, MOST_ALIKE])
def test_likeness_is_asked_of_no_more_than_a_bounded_number_of_requests(count: int) -> None:
    old = [One(sent=10_000 + at, body=at) for at in range(count)]
    new = [One(sent=20_000 + at, body=-at - 1) for at in range(count)]
    run = Run(old, new)
    assert len(run.pairs) == count
    assert run.asked <= 6 * 2 * count


def test_likeness_of_responses_is_asked_of_short_runs_only() -> None:
    side = int(LIKENESSES**0.5)
    for count in (side - 1, side * 4):
        old = [One(body=at + 100) for at in range(count)]
        new = [One(body=at + 10_000) for at in range(count + 1)]
        run = Run(old, new)
        assert len(run.pairs) == count
        assert all(one.new < other.new for one, other in pairwise(run.pairs))


COUNT = 30_000
ORDERS: dict[str, tuple[list[One], list[One]]] = {
    "all alike": ([One()] * COUNT, [One()] * (COUNT - 7)),
    "all distinct": (
        [One(path=at * 10) for at in range(COUNT)],
        [One(path=at * 10) for at in range(7, COUNT + 7)],
    ),
    "one request, each response new": (
        [One(body=at) for at in range(COUNT)],
        [One(body=COUNT + at) for at in range(COUNT + 5)],
    ),
    "turned round": ([One(body=at) for at in range(COUNT)], [One(body=COUNT - at) for at in range(COUNT)]),
    "two by turns, out of step": (
        [One(body=at % 2) for at in range(COUNT)],
        [One(body=at // 2 % 2) for at in range(COUNT)],
    ),
    "shuffled": (
        [One(body=at) for at in range(COUNT)],
        random.Random(1).sample([One(body=at) for at in range(COUNT)], COUNT),
    ),
    "each request new": ([One(sent=at) for at in range(COUNT)], [One(sent=-at - 1) for at in range(COUNT)]),
    "few values, at random": (
        [One(body=random.Random(at).randrange(7)) for at in range(COUNT)],
        [One(body=random.Random(-at).randrange(7)) for at in range(COUNT)],
    ),
}


@pytest.mark.parametrize("order", ORDERS)
def test_the_work_is_not_quadratic(order: str) -> None:
    """Counted in lines of the alignment that run: a hundred for each interaction are far from 30,000."""
    old, new = ORDERS[order]
    work = {size: lines_run(old[:size], new[:size]) for size in (COUNT // 20, COUNT // 5)}
    small, large = work.values()
    assert large < small * 4 * 1.6 + 20_000, work
    run = Run(old, new)
    assert run.asked <= 12 * (len(old) + len(new))
    assert len(run.places) == len(old) + len(new) - len(run.pairs)


def lines_run(old: list[One], new: list[One]) -> int:
    """Count the lines of cassette_tools.diff.alignment that run for an alignment."""
    one, other = Side(old), Side(new)
    count = 0

    def settled(which: Which, part: Part, place: int) -> int:
        item = (old if which == "old" else new)[place]
        return hash((part, item.sent if part == "request" else item.body)) % 2**64

    def line(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: object, event: str, argument: object) -> object:
        code = frame.f_code  # type: ignore[attr-defined] # a frame
        return line if code.co_filename.endswith("alignment.py") and "test" not in code.co_filename else None

    def alike(which: Which, part: Part, place: int) -> frozenset[int]:
        item = (old if which == "old" else new)[place]
        return traits(item.sent if part == "request" else item.body)

    before = sys.gettrace()
    sys.settrace(call)  # type: ignore[arg-type] # takes frames
    try:
        align(one, other, settled, lambda which, place: (old if which == "old" else new)[place].path // 10, alike)
    finally:
        sys.settrace(before)
    return count


def test_a_table_of_all_lengths_is_kept_small() -> None:
    """What is too long for it is matched by piles; around the bound both give what can be found."""
    side = int(SMALL**0.5)
    for count in (side - 1, side, side + 1, side * 3):
        old = [One(body=at) for at in range(count)]
        new = [*old[1 : count // 2], One(body=-1), *old[count // 2 + 1 :]]
        run = Run(old, new)
        assert sum(old[place.old] == new[place.new] for place in run.pairs) == count - 2
