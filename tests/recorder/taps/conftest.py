"""What the tests of the taps have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.recorder.taps.world import open_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.recorder.taps.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with open_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened
