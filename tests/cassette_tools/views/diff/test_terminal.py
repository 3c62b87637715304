from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from cassette_tools.diff.model import Ignored, Pairing
from tests.cassette_tools import diffs
from tests.cassette_tools.diffs import change, comparison, pairing, side
from tests.cassette_tools.views.diff.pages import shown

DRIVING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
SGR = re.compile("\x1b\\[[0-9;]*m")
WIDTHS = [20, 40, 59, 80, 119, 120, 200]


@pytest.mark.parametrize("width", [*WIDTHS, None])
@pytest.mark.parametrize("coloured", [False, True])
def test_nothing_recorded_drives_the_terminal(width: int | None, *, coloured: bool) -> None:
    text = shown(diffs.hostile(), width, coloured=coloured)
    assert DRIVING.search(SGR.sub("", text)) is None
    assert ("\x1b" in text) == (coloured and width is not None)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("sample", [diffs.small, diffs.every_kind, diffs.hostile, diffs.folder, diffs.ignored_only])
@pytest.mark.parametrize("coloured", [False, True])
def test_lines_fit_the_terminal(width: int, sample: object, *, coloured: bool) -> None:
    text = SGR.sub("", shown(sample(), width, coloured=coloured))  # type: ignore[operator]
    assert [line for line in text.split("\n") if cell_len(line) > width] == []


def test_without_a_terminal_no_value_is_cut_and_every_change_is_listed() -> None:
    rows = [change("json", f"$[{at}]", f"{at} {'x' * 1_900} old", f"{at} {'x' * 1_900} new") for at in range(1_000)]
    text = shown(comparison([pairing(*rows)]), None)
    assert all(f"- {row.old}\n" in text and f"+ {row.new}\n" in text for row in rows)
    assert "more" not in text


@pytest.mark.parametrize("width", [120, 160])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\u4e2d\u6587" * 60, "\u4e2d\u5b57" * 60),
        ("e\u0301\u0302" * 100, "a\u0301" * 100),
        ("x" * 300, "\U0001f600" * 50),
        ("short", "\uff21" * 31),
        ("\x1b" * 30, "\u202e" * 30),
    ],
)
def test_columns_stay_aligned(width: int, old: str, new: str) -> None:
    text = shown(comparison([pairing(change("header", "x-a", old, new))]), width)
    rows = [line for line in text.split("\n") if " + " in line and " - " in line]
    assert rows
    assert len({cell_len(line[: line.index(" + ")]) for line in rows}) == 1
    assert len({cell_len(line[: line.index(" - ")]) for line in rows}) == 1


def test_a_changed_value_is_marked_by_carets_where_there_is_no_colour() -> None:
    two = comparison(
        [pairing(change("header", "x-a", "the quick brown fox, jumping over", "the quick red fox, jumping over"))]
    )
    lines = shown(two, 80).split("\n")
    for value, word in (("- the quick brown", "brown"), ("+ the quick red", "red")):
        at = next(number for number, line in enumerate(lines) if value in line)
        assert lines[at + 1] == " " * lines[at].index(word) + "^" * len(word)


def test_a_changed_value_is_marked_by_reverse_video_where_there_is_colour() -> None:
    two = comparison(
        [pairing(change("header", "x-a", "the quick brown fox, jumping over", "the quick red fox, jumping over"))]
    )
    text = shown(two, 80, coloured=True)
    assert "^" not in text
    assert re.search(r"\x1b\[[0-9;]*7[0-9;]*mbrown\x1b\[0m", text)


def test_a_long_value_on_a_terminal_shows_where_it_differs() -> None:
    old, new = (f"{'word ' * 190}{middle}{' word' * 190}" for middle in ("here", "there"))
    text = shown(comparison([pairing(change("json", "$.a", old, new))]), 80)
    assert "here" in text
    assert "there" in text
    assert len(text.split("\n")) < 20


def test_a_terminal_shows_the_gravest_changes_of_many_and_says_how_many_there_are() -> None:
    rows = [change("json", f"$[{at}]", None, f"{at}") for at in range(60)]
    rows.append(change("json", "$.gone", "1", None))
    text = shown(comparison([pairing(*rows, left_out=1_234)]), 80)
    assert "breaking  response json $.gone" in text
    assert text.count("info      response json") == 39
    assert "and 21 more changes (--json has them, and counts 1,234 beyond)" in text.replace("\n  ", " ")


def test_changes_beyond_those_listed_are_told_in_a_pipe_too() -> None:
    text = shown(comparison([pairing(change("json", "$.a", "1", "2"), left_out=1_234)]), None)
    assert "and 1,234 more changes, which are counted only" in text


def test_many_lines_of_a_text_are_cut_on_a_terminal_only() -> None:
    new = "\n".join(f"line {number}" for number in range(100))
    two = [pairing(change("line", "1", None, new, new_line=1))]
    assert "84 more lines" in shown(comparison(two), 80)
    assert "+ line 99\n" in shown(comparison(two), None)


def test_the_next_step_looks_at_the_gravest() -> None:
    warning = pairing(change("header", "x-a", "1", "2"), old=1, new=2)
    breaking = pairing(change("json", "$.a", "1", None), old=30, new=40)
    text = shown(comparison([warning, breaking, breaking], old="my old.jsonl"), None)
    assert text.endswith("Look closer: ctools inspect 'my old.jsonl' 30 and ctools inspect new.yaml 40\n")


def test_what_came_from_standard_input_cannot_be_looked_at_again() -> None:
    text = shown(comparison([pairing(change("status", "", "1", "2"))], old="-"), None)
    assert text.endswith("Look closer: ctools inspect new.yaml 18\n")
    alone = comparison([Pairing("removed", side(3), None)], old="-")
    assert "Look closer" not in shown(alone, None)


def test_without_differences_it_says_so_and_what_was_ignored() -> None:
    lines = shown(diffs.ignored_only(), None).split("\n")
    assert lines[0] == "No differences in 48 interactions"
    assert "  date  response header date 48" in lines
    assert "  --ignore header:etag  response header etag 3" in lines


def test_what_is_neither_volatile_nor_asked_for_is_said_apart() -> None:
    text = shown(comparison([], same=1, ignored={Ignored("formatting", "response json $"): 2}), None)
    assert "Not compared:\n  formatting  response json $ 2\n" in text
    assert "volatile" not in text


@pytest.mark.parametrize(("severity", "word"), [("removed", "breaking"), ("changed", "warning"), ("added", "info")])
def test_a_severity_is_a_word_whatever_the_colour(severity: str, word: str) -> None:
    values = {"removed": ("1", None), "changed": ("1", "2"), "added": (None, "2")}[severity]
    for coloured in (False, True):
        text = SGR.sub("", shown(comparison([pairing(change("header", "x-a", *values))]), 80, coloured=coloured))
        assert f"{word:<10}response header x-a" in text


@pytest.mark.parametrize("width", [40, 160, None])
def test_an_empty_value_is_told_and_an_empty_line_is_a_line(width: int | None) -> None:
    text = shown(comparison([pairing(change("header", "x-a", "a" * 40, ""))]), width)
    assert "+ (empty)" in text
    rows = [change("line", "1", "", "a\n", before=("",), after=("",), new_line=1)]
    assert "(empty)" not in shown(comparison([pairing(*rows)]), width)
