"""Random interactions through each format, and through each pair of formats: equal but for the losses that are told.

Law: three things are asked of each format that is read and written. What comes back is equal up to what the format
declares (`cannot_hold`, `adds`). Whatever differs was counted, for that interaction: no loss is silent. And what was
written is recognized as this format, and by no other one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cassette_tools.formats import Format, WriteOptions, all_formats
from cassette_tools.interaction import Interaction
from cassette_tools.losses import FACETS, Losses, describe, differences
from cassette_tools.recognition import recognize
from tests.cassette_tools.formats.sources import stream_of
from tests.cassette_tools.strategies import interactions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

BOTH_WAYS: Final = [one for one in all_formats() if one.read is not None and one.write is not None]
PAIRS: Final = [pytest.param(one, other, id=f"{one.name} to {other.name}") for one in BOTH_WAYS for other in BOTH_WAYS]
SINGLE: Final = [pytest.param(one, id=one.name) for one in BOTH_WAYS]


def _settings(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )


def through(one: Format, given: list[Interaction]) -> tuple[list[Interaction], list[Interaction], list[set[str]]]:
    """Write and read: give what could be written, what came back, and what was counted as lost of each."""
    losses = Losses(one.cannot_hold, family=one.family, keeps_extra=one.keeps_extra)
    kept: list[Interaction] = []
    counted: list[set[str]] = []

    def taken() -> list[Interaction]:
        for interaction in given:
            own = Losses(one.cannot_hold, family=one.family, keeps_extra=one.keeps_extra)
            if own.take(interaction, len(kept) + 1):
                kept.append(interaction)
                counted.append(set(own.counts))
        return kept

    assert one.write is not None
    assert one.read is not None
    data = b"".join(one.write(iter(taken()), WriteOptions(losses=losses)))
    stream = stream_of(data, "drawn")
    assert not kept or recognize(stream) is one
    back = [element for element in one.read(stream) if isinstance(element, Interaction)]
    for interaction in back:
        interaction.origin = interaction.origin if one.keeps_extra else one.family
    if len(kept) == 1:
        counted[0] |= set(losses.counts)
    return kept, back, counted


def assert_equal(one: Interaction, other: Interaction, lost: Collection[str], adds: Collection[str]) -> None:
    added = {name for name in (*adds, "wire-size") if not FACETS[name].found(one)}  # of what was coded to be written
    said, read = describe(one), describe(other)
    fields = differences(said, read, {*lost, *added, "extra"})
    assert not fields, "; ".join(f"{field}: {said.get(field)!r} became {read.get(field)!r}" for field in fields)


@pytest.mark.parametrize("one", SINGLE)
@_settings(25)
@given(drawn=st.data())
def test_what_is_written_reads_back_equal_but_for_what_the_format_declares(one: Format, drawn: st.DataObject) -> None:
    given_ones = drawn.draw(st.lists(interactions(), min_size=1, max_size=3))
    kept, back, _ = through(one, given_ones)
    assert len(back) == len(kept)
    for before, after in zip(kept, back, strict=True):
        assert_equal(before, after, one.cannot_hold, one.adds)


@pytest.mark.parametrize("one", SINGLE)
@_settings(25)
@given(drawn=st.data())
def test_whatever_does_not_come_back_was_counted(one: Format, drawn: st.DataObject) -> None:
    kept, back, counted = through(one, [drawn.draw(interactions())])
    for before, after, lost in zip(kept, back, counted, strict=True):
        assert_equal(before, after, lost | _implied(before, lost), one.adds)


def _implied(before: Interaction, lost: set[str]) -> set[str]:
    """Give what needs no count of its own: a binary body that is left out leaves none or an empty one, and none may
    become an empty one in a request."""
    binary = {"binary-request-body", "binary-response-body"}
    return {"empty-bodies", "absent-bodies"} if lost & binary or before.request.body is None else set()


@pytest.mark.parametrize("one", SINGLE)
@_settings(12)
@given(drawn=st.data())
def test_what_comes_back_is_written_and_read_again_without_a_change(one: Format, drawn: st.DataObject) -> None:
    _, back, _ = through(one, [drawn.draw(interactions())])
    kept, again, _ = through(one, back)
    assert len(kept) == len(back)
    for before, after in zip(kept, again, strict=True):
        assert_equal(before, after, [], [])


@pytest.mark.full
@pytest.mark.parametrize("one", SINGLE)
@_settings(1500)
@given(drawn=st.data())
def test_no_loss_is_silent_in_many_more_interactions(one: Format, drawn: st.DataObject) -> None:
    kept, back, counted = through(one, [drawn.draw(interactions())])
    for before, after, lost in zip(kept, back, counted, strict=True):
        assert_equal(before, after, lost | _implied(before, lost), one.adds)


@pytest.mark.parametrize(("one", "other"), PAIRS)
@_settings(4)
@given(drawn=st.data())
def test_each_pair_of_formats_loses_what_the_two_declare_and_no_more(
    one: Format, other: Format, drawn: st.DataObject
) -> None:
    given_ones = drawn.draw(st.lists(interactions(), min_size=1, max_size=2))
    first, between, _ = through(one, given_ones)
    kept, back, _ = through(other, between)
    assert len(back) == len(kept)
    places = {id(interaction): interaction for interaction in kept}
    originals = [before for before, passed in zip(first, between, strict=True) if id(passed) in places]
    for before, after in zip(originals, back, strict=True):
        assert_equal(before, after, one.cannot_hold | other.cannot_hold, one.adds | other.adds)
