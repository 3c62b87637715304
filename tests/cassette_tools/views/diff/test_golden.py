from __future__ import annotations

import pytest

from tests.cassette_tools.views.diff.pages import GOLDEN, TEXTS


@pytest.mark.parametrize("name", TEXTS)
def test_a_view_gives_the_text_that_was_looked_at(name: str) -> None:
    assert TEXTS[name]() == (GOLDEN / name).read_text("utf-8")


def test_every_text_that_was_looked_at_is_tested() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(TEXTS)
