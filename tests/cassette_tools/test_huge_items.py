"""Items that a reader refuses for their size are counted when they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cassette_tools import huge_items, json_items, toml_tables, yaml_items
from cassette_tools.formats import Format, WriteOptions, all_formats
from cassette_tools.interaction import Body, Envelope, Interaction, Request, Response
from cassette_tools.losses import Losses
from recorder.errors import BadCassetteError
from tests.cassette_tools.formats.reading import elements

if TYPE_CHECKING:
    from cassette_tools.interaction import Element

ITEM_BASED = [one for one in all_formats() if one.read is not None and one.write is not None and one.holds == "item"]
LIMIT = 1 << 20
SIZES = (10, 3 * LIMIT, 10)


def interaction(size: int) -> Interaction:
    return Interaction(Request("GET", "http://h/", []), Response(200, "OK", [], Body("a" * size)))


def counts(form: Format, sizes: tuple[int, ...]) -> tuple[dict[str, int], dict[str, int]]:
    """Give what is counted, and where first, when interactions with bodies of these sizes are written."""
    assert form.write is not None
    losses = Losses({"huge-items"}, family=form.family)
    given: list[Element] = [Envelope("another", {}), *map(interaction, sizes)]
    for _ in form.write(iter(given), WriteOptions(losses=losses)):
        pass
    return losses.counts, losses.first


def test_readers_take_more_than_what_is_told() -> None:
    for limit in (json_items.LARGEST_ITEM, yaml_items.LARGEST_ITEM, toml_tables.LARGEST_ITEM):
        assert huge_items.HUGE < limit <= huge_items.HUGE + (1 << 20)


@pytest.mark.parametrize("form", ITEM_BASED, ids=lambda form: form.name)
def test_an_item_that_its_reader_refuses_is_counted(form: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "huge-items" in form.cannot_hold
    for module in (json_items, yaml_items, toml_tables):
        monkeypatch.setattr(module, "LARGEST_ITEM", LIMIT)
    monkeypatch.setattr(huge_items, "HUGE", LIMIT)
    assert counts(form, (10, LIMIT // 2, LIMIT // 2)) == ({}, {})
    assert counts(form, SIZES) == ({"huge-items": 1}, {"huge-items": 2})
    assert counts(form, (LIMIT, LIMIT)) == ({"huge-items": 2}, {"huge-items": 1})
    assert form.write is not None
    data = b"".join(form.write(iter(map(interaction, SIZES)), WriteOptions()))
    with pytest.raises(BadCassetteError, match=r"larger than|longer than"):
        elements(form, data)


@pytest.mark.parametrize("form", ITEM_BASED, ids=lambda form: form.name)
def test_what_is_written_is_the_same_whether_somebody_counts_or_not(form: Format) -> None:
    assert form.write is not None
    given = [*map(interaction, SIZES)]
    losses = Losses(form.cannot_hold, family=form.family)
    assert [*form.write(iter(given), WriteOptions())] == [*form.write(iter(given), WriteOptions(losses=losses))]
