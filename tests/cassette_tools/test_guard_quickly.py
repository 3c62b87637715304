"""The guard's short cuts lose nothing: the look at bytes ahead, what is remembered, what is taken in one step."""

from __future__ import annotations

import io
import json
import re
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools import exploration, guard, json_document
from cassette_tools.suspicion import Suspicion
from tests.cassette_tools.test_guard import (
    CLEAN,
    FORMATS,
    LEAKS,
    PASSWORD,
    POLICY,
    SECRET,
    TOKEN,
    Exchange,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.exploration import Found
    from cassette_tools.pieces import Piece

# Small numbers and truth values under a secret's name are left out: the closer look takes some for values, the quick
# one none.
VALUES = st.sampled_from(
    [
        PASSWORD,
        SECRET,
        TOKEN,
        "REDACTED",
        "",
        "x",
        "***",
        f"a={PASSWORD}",
        f"Bearer {PASSWORD}",
        "<KEY>",
    ]
)
NAMES = st.sampled_from(
    [
        "password",
        "token",
        "Authorization",
        "Cookie",
        "X-Api-Key",
        "Set-Cookie",
        "id",
        "code",
        "name",
        "zipcode",
        "headers",
        "body",
        "text",
        "value",
        "url",
    ]
)
HEADERS = st.lists(st.tuples(NAMES.filter(lambda name: name != "headers"), VALUES), max_size=4)
JSONS = st.recursive(
    VALUES | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner),
)
BODIES = st.one_of(
    JSONS.map(lambda value: json.dumps(value).encode()),
    st.lists(st.tuples(NAMES, VALUES), max_size=3).map(
        lambda pairs: "&".join(f"{name}={quote(value)}" for name, value in pairs).encode()
    ),
    st.lists(st.integers(128, 255), max_size=40).map(bytes),
    VALUES.map(str.encode),
)
EXCHANGES = st.builds(
    Exchange,
    url=st.tuples(NAMES, VALUES).map(lambda pair: f"https://localhost/a?x=1&{pair[0]}={quote(pair[1])}"),
    request_headers=HEADERS,
    request=st.none() | BODIES,
    response_headers=HEADERS,
    response=BODIES,
)


class Thorough(guard.Guard):
    """A guard that explores everything, and remembers nothing."""

    def _search(self, piece: Piece) -> tuple[list[Found], str | None]:
        self._suspicion = Eager(self._redactor, POLICY)
        self._memory = exploration.Memory(self._redactor)
        return super()._search(piece)


class Eager(Suspicion):
    """A look at bytes that finds a reason in every line."""

    def reasons(self, data: bytes, kind: str) -> list[int]:
        return [at for at in range(len(data)) if not at or data[at - 1] == ord("\n")] if kind == "lines" else [0]


QUICK = guard.Guard(POLICY)
THOROUGH = Thorough(POLICY)


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=25, deadline=None)
@given(exchanges=st.lists(EXCHANGES, min_size=1, max_size=3))
def test_what_is_found_quickly_is_what_is_found_thoroughly(form: str, exchanges: list[Exchange]) -> None:
    data = FORMATS[form](exchanges)
    quick = QUICK.look_at(io.BytesIO(data), "file")
    thorough = THOROUGH.look_at(io.BytesIO(data), "file")
    assert quick == thorough


def all_of_them() -> Iterator[bytes]:
    for form, exchange in product(FORMATS, [*CLEAN.values(), *(leak[0] for leak in LEAKS.values())]):
        yield FORMATS[form]([exchange])


def test_what_was_looked_at_before_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    files = list(all_of_them())
    fresh = [guard.Guard(POLICY).look_at(io.BytesIO(data), "file") for data in files[::7]]
    many = guard.Guard(POLICY)
    for _ in range(2):
        assert [many.look_at(io.BytesIO(data), "file") for data in files[::7]] == fresh
    # Also where hardly anything is remembered, and headers are taken one string after the other.
    monkeypatch.setattr(exploration, "MOST_REMEMBERED", 2)
    monkeypatch.setattr(exploration, "_quick_pairs", lambda _node: [])
    monkeypatch.setattr(exploration, "_is_description", lambda _node: False)
    monkeypatch.setattr(json_document, "_PAIR", re.compile(rb"never"))
    few = guard.Guard(POLICY)
    assert [few.look_at(io.BytesIO(data), "file") for data in files[::7]] == fresh
