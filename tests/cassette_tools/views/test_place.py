"""Where a URL does not fit, its path is seen rather than all of its host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cassette_tools.views.place import shortened

LONG = "https://connection.eu-central-1.example.com/v2/storage/tables/17"


@pytest.mark.parametrize(
    ("url", "room", "expected"),
    [
        (LONG, 70, LONG),
        (LONG, len(LONG), LONG),
        (LONG, len(LONG) - 1, LONG.removeprefix("https://")),
        (LONG, 50, "connection.eu-central-1.exam…/v2/storage/tables/17"),
        (LONG, 30, "connectio…/v2/storage/tables/17"),
        (LONG, 20, "connect…/v2/storage/tables/17"),
        (LONG, 12, "conne…/v2/storage/tables/17"),
        (LONG, 3, LONG.removeprefix("https://")),
        (LONG.removeprefix("https://"), 30, "connectio…/v2/storage/tables/17"),
        ("http://h/a?next=http://other.example.com/", 20, "h/a?next=http://other.example.com/"),
        ("https://connection.eu-central-1.example.com", 20, "connection.eu-central-1.example.com"),
        ("data:text/plain,https://a", 10, "data:text/plain,https://a"),
        ("ftp://connection.example.com/file", 10, "ftp://connection.example.com/file"),
        ("http://" + "ü" * 30 + "/a", 20, "ü" * 17 + "…/a"),
        ("http://" + "界" * 30 + "/a", 20, "界" * 8 + "…/a"),
        ("", 0, ""),
    ],
)
def test_the_scheme_goes_first_and_then_the_end_of_the_host(url: str, room: int, expected: str) -> None:
    assert shortened(url, room, ellipsis="…") == expected


@given(st.text(max_size=60), st.text(max_size=60), st.integers(0, 120))
def test_the_path_is_never_changed_and_nothing_grows(host: str, path: str, room: int) -> None:
    place = f"{host.replace('/', '')}/{path}"
    for url in (place, f"https://{place}"):
        made = shortened(url, room, ellipsis="…")
        assert cell_len(made) <= cell_len(url)
        assert made == url or made.endswith(f"/{path}")
        assert cell_len(url) > room or made == url
