from __future__ import annotations

import re

import pytest

from cassette_tools.views.diff import unified
from tests.cassette_tools import diffs
from tests.cassette_tools.diffs import change, comparison, pairing
from tests.cassette_tools.views.diff.pages import shown

SGR = re.compile("\x1b\\[[0-9;]*m")
LINE = re.compile(r"(--- |\+\+\+ |@@ -\d+(,0)? \+\d+(,0)? @@ |[-+ ])[^\x00-\x1f\x7f-\x9f]*|", re.DOTALL)


@pytest.mark.parametrize("sample", [diffs.small, diffs.every_kind, diffs.hostile])
def test_every_line_begins_as_a_line_of_diff_does_and_holds_nothing_else(sample: object) -> None:
    text = shown(sample(), None, view=unified.show)  # type: ignore[operator]
    assert [line for line in text.split("\n") if not LINE.fullmatch(line)] == []


def test_nothing_is_printed_where_nothing_differs() -> None:
    assert shown(diffs.ignored_only(), None, view=unified.show) == ""


def test_a_hunks_line_alone_tells_which_interaction_and_what_of_it() -> None:
    text = shown(diffs.small(), None, view=unified.show)
    assert (
        "@@ -17 +18 @@ warning: response header content-type  GET https://api.example.com/items?page=2\n"
        "-application/json\n+application/problem+json\n"
    ) in text


def test_a_patch_tool_sees_as_many_lines_of_each_side_as_there_are() -> None:
    rows = [change("line", "1", "a\nb", "c", before=("x",), after=("y", "z"), new_line=1)]
    text = shown(comparison([pairing(*rows)]), None, view=unified.show)
    assert text.split("\n")[3:] == [" x", "-a", "-b", "+c", " y", " z", ""]


def test_colour_is_for_terminals_only_and_changes_no_text() -> None:
    plain = shown(diffs.every_kind(), None, view=unified.show, coloured=True)
    coloured = shown(diffs.every_kind(), 80, view=unified.show, coloured=True)
    assert "\x1b" not in plain
    assert "\x1b[31m" in coloured
    assert SGR.sub("", coloured) == plain
