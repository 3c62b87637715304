"""The page of a comparison, as a browser shows it."""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING

import pytest

from cassette_tools.views.diff import html
from cassette_tools.views.diff.html import pieces
from cassette_tools.views.escape import visible
from recorder.errors import OutputError
from tests.browser import PHONE
from tests.cassette_tools import diffs
from tests.cassette_tools.diffs import HOSTILES, change, comparison, pairing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cassette_tools.diff.comparison import Comparison
    from cassette_tools.diff.folders import FolderComparison
    from tests.browser import Tab


@pytest.fixture
def made(tmp_path: Path) -> Callable[[Comparison | FolderComparison], Path]:
    """Write the page of a comparison."""

    def write(compared: Comparison | FolderComparison) -> Path:
        path = tmp_path / "diff.html"
        path.write_text("".join(pieces(compared)), encoding="utf-8")
        return path

    return write


def test_the_figures_come_first_and_each_difference_has_its_place(
    made: Callable[[Comparison], Path], open_page: Callable[..., Tab]
) -> None:
    page = open_page(made(diffs.small())).page
    assert page.locator("h1").inner_text() == "3 breaking, 3 warnings, 2 additions"
    assert page.locator(".pairing").count() == page.locator(".index li").count() == 4
    first = page.locator(".pairing").first
    assert first.locator("h2").inner_text() == "17 \u2192 18 GET https://api.example.com/items?page=2"
    assert [one.strip() for one in first.locator(".what code").all_inner_texts()] == [
        "response status",
        "response header content-type",
        "response json $.items[3].price",
        "response json $.items[3].note",
        "response json $.items[4]",
    ]
    assert page.locator(".new mark").first.inner_text() == "problem+"


def test_nothing_recorded_runs_and_all_of_it_is_text(
    made: Callable[[Comparison], Path], open_page: Callable[..., Tab]
) -> None:
    page = open_page(made(diffs.hostile())).page
    assert page.locator("img, iframe, object, embed, form:not([data-filter])").count() == 0
    assert page.locator("a:not([href^='#'])").count() == 0
    shown = page.locator(".old .row code").all_text_contents()
    for text in HOSTILES:
        if text:
            assert visible(text) in shown


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    "sample", [diffs.small, diffs.every_kind, diffs.hostile, diffs.folder, diffs.ignored_only, diffs.repeated]
)
def test_a_phone_need_not_scroll_sideways(
    made: Callable[[Comparison | FolderComparison], Path],
    open_page: Callable[..., Tab],
    sample: Callable[[], Comparison | FolderComparison],
    *,
    dark: bool,
) -> None:
    page = open_page(made(sample()), size=PHONE, dark=dark).page
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_old_and_new_are_beside_each_other_where_there_is_room(
    made: Callable[[Comparison], Path], open_page: Callable[..., Tab]
) -> None:
    path = made(diffs.small())
    for size, beside in (((1280, 900), True), (PHONE, False)):
        page = open_page(path, size=size).page
        old, new = (page.locator(f".change:not(.titles) > .{side}").first.bounding_box() for side in ("old", "new"))
        assert old is not None
        assert new is not None
        assert (old["y"] == new["y"]) == beside
        assert (old["x"] == new["x"]) != beside


def test_severities_are_chosen_with_the_keyboard(
    made: Callable[[Comparison], Path], open_page: Callable[..., Tab]
) -> None:
    page = open_page(made(diffs.small())).page
    page.keyboard.press("Tab")  # to the content
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == "breaking":
            break
    page.keyboard.press("Space")
    assert page.locator(".pairing:visible").count() == page.locator(".index li:visible").count() == 3
    assert page.locator(".change[data-severity=breaking]:visible").count() == 0
    assert page.locator("[data-shown]").inner_text() == "3 of 4 interactions shown"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.locator(".pairing:visible").count() == 2
    page.keyboard.press("Space")
    assert page.locator(".pairing:visible").count() == 3


def test_a_link_leads_to_its_interaction_and_survives_a_reload(
    made: Callable[[FolderComparison], Path], open_page: Callable[..., Tab]
) -> None:
    page = open_page(made(diffs.folder())).page
    page.locator(".index a").last.click()
    assert page.evaluate("location.hash") == "#sub/c%3A17-18"
    page.reload()
    target = page.locator(".pairing:target")
    assert target.count() == 1
    assert target.locator("h2").inner_text().startswith("17 \u2192 18 sub/c")


def test_an_empty_value_is_told_and_an_empty_line_is_a_line() -> None:
    assert ">empty<" in "".join(pieces(comparison([pairing(change("header", "x-a", "a", ""))])))
    rows = [change("line", "1", "", "a\n", before=("",), after=("",), new_line=1)]
    assert ">empty<" not in "".join(pieces(comparison([pairing(*rows)])))


def test_without_scripts_all_is_shown(made: Callable[[Comparison], Path], open_page: Callable[..., Tab]) -> None:
    page = open_page(made(diffs.small()), script=False).page
    assert page.locator(".pairing:visible").count() == 4
    assert not page.locator("[data-filter]").is_visible()


def test_without_differences_the_page_says_so_and_what_was_ignored(
    made: Callable[[Comparison], Path], open_page: Callable[..., Tab]
) -> None:
    page = open_page(made(diffs.ignored_only())).page
    assert page.locator("h1").inner_text() == "No differences"
    assert "response header date 48" in page.locator(".ignored").inner_text()


def test_a_page_has_a_bound_and_says_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MOST_PAIRINGS", 20)
    text = "".join(pieces(diffs.many(30, 1)))
    assert text.count('<section class="pairing"') == 20
    assert "10 more interactions that differ are not in this page" in text
    monkeypatch.setattr(html, "MOST_CHANGES", 50)
    text = "".join(pieces(comparison([*diffs.many(3, 20), pairing(change("status", "", "1", "2"))])))
    assert text.count('<li class="change"') == 41
    assert "1 more interaction that differs is not in this page" in text


def test_a_disk_that_is_full_is_told_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, *_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", lambda _: Full())
    with pytest.raises(OutputError, match=r"No space left on device.*TMPDIR"):
        next(pieces(diffs.small()))


def test_both_cassettes_and_the_rest_of_a_folder_are_named() -> None:
    text = "".join(pieces(diffs.folder()))
    for name in ("before", "after", "gone.yaml", "sub/new.jsonl", "torn.jsonl: before/torn.jsonl: byte 17"):
        assert f"<code>{name}" in text


def test_interactions_with_the_same_changes_are_named_below_the_first_and_a_link_opens_them(
    made: Callable[[Comparison], Path], open_page: Callable[..., Tab]
) -> None:
    page = open_page(made(diffs.repeated())).page
    assert page.locator(".pairing").count() == 1 + 147 + 1 + 1  # alone, with a total, gone, with a name
    assert (
        page.locator(".pairing").first.locator(".same-in summary").inner_text().startswith("The same in 149 more: 3, 5")
    )
    assert page.locator("[data-shown]").inner_text() == "300 of 300 interactions shown"
    member = page.locator("[id='299-299']")
    assert member.text_content() == "299 GET https://api.example.com/items/299?full=1"
    assert not member.is_visible()
    page.evaluate("location.hash = '#299-299'")
    member.wait_for(state="visible")


def test_of_many_with_other_values_those_beyond_the_first_are_closed_and_open_by_link(
    made: Callable[[Comparison], Path], open_page: Callable[..., Tab]
) -> None:
    page = open_page(made(diffs.repeated())).page
    assert page.locator(".closed").count() == 137
    said = "response json $.total 22 \u2192 22.5, and 1 more change: other values in the same places as in 2"
    assert page.locator(".closed summary").first.inner_text() == said
    change_in_it = page.locator("[id='22-22'] .change[data-severity]").first
    assert not change_in_it.is_visible()
    page.locator(".index a[href='#22-22']").click()
    change_in_it.wait_for(state="visible")


def test_the_overview_says_where_the_changes_are(
    made: Callable[[Comparison], Path], open_page: Callable[..., Tab]
) -> None:
    rows = open_page(made(diffs.repeated())).page.locator(".places tbody tr").all_inner_texts()
    assert [row.split() for row in rows] == [
        ["breaking", "2", "response", "json", "$.name"],
        ["warning", "297", "response", "header", "server"],
        ["warning", "147", "response", "json", "$.total"],
    ]


def test_what_is_named_has_a_bound_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MOST_MEMBERS", 20)
    text = "".join(pieces(diffs.repeated()))
    assert text.count('<li id="') == 20
    assert '<p class="quiet">and 129 more</p>' in text
    monkeypatch.setattr(html, "MOST_PAIRINGS", 1)
    text = "".join(pieces(diffs.repeated()))
    assert "150 more interactions that differ are not in this page" in text
