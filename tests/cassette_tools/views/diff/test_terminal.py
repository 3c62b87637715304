from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from cassette_tools.diff.folders import FolderComparison
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


@pytest.mark.parametrize("width", [100, 160, None])
def test_a_change_that_many_interactions_have_is_shown_once(width: int | None) -> None:
    server = change("header", "server", "nginx/1.25.3", "nginx/1.27.0")
    pairings = [pairing(server, old=at, new=at) for at in range(1, 42)]
    pairings[20:20] = [pairing(change("status", "", "200", "201"), old=90, new=90)]
    text = shown(comparison(pairings), width)
    assert text.count("nginx/1.27.0") == 1
    assert "2 to 20  the same change as in 1 (19 interactions)\n\n90  GET" in text
    assert "\n21 to 41  the same change as in 1 (21 interactions)\n" in text


def test_of_many_with_other_values_a_terminal_shows_the_first_in_full_and_some_in_a_line_each() -> None:
    text = shown(diffs.repeated(), 100)
    lines = text.split("\n")
    assert text.count("  GET https://api.example.com/items/") == 1 + 10 + 1 + 1  # 1, 2 to 20, -150, 200
    short = [line for line in lines if ", and 1 more change  GET /items/" in line]
    assert len(short) == 100
    assert short[0] == "22  warning   response json $.total  22 \u2192 22.5, and 1 more change  GET /items/22?full=1"
    assert "other values in the same places as in 2 (37 interactions); --json has them" in text.replace("\n   ", "")
    assert len(lines) < 200


def test_a_pipe_leaves_no_value_out_and_repeats_none() -> None:
    text = shown(diffs.repeated(), None)
    assert all(f"\u2192 {number}.5\n" in text for number in range(2, 301, 2) if number not in {150, 200, 220})
    assert "other values" not in text
    assert text.count("the same change as in 200\n") == 1


def test_where_the_changes_are_is_told_before_the_figures() -> None:
    places, figures = shown(diffs.repeated(), 100).split("\n\n")[-2:]
    assert places.split("\n")[-4:] == [
        "Where the changes are, and in how many interactions:",
        "  breaking    2  response json $.name",
        "  warning   297  response header server",
        "  warning   147  response json $.total",
    ]
    assert figures.startswith("3 breaking, 444 warnings; ")


def test_in_a_folder_a_change_is_shown_once_over_all_cassettes() -> None:
    server = change("header", "server", "nginx/1.25.3", "nginx/1.27.0")
    pairs = [(name, comparison([pairing(server, old=at, new=at) for at in (1, 2)])) for name in "abc"]
    text = shown(FolderComparison("before", "after", pairs), 100)
    assert text.count("nginx/1.27.0") == 1
    assert text.count("\n1 and 2  the same change as in 1 of a (2 interactions)\n") == 2


def test_interactions_of_one_cassette_only_take_a_line_each() -> None:
    gone = [Pairing("removed", side(at), None) for at in range(1, 4)]
    text = shown(comparison(gone), 200)
    assert "\n-1  breaking  GET https://api.example.com/items?page=2  only in the old cassette: 200, " in text
    assert "kB\n-2  breaking  GET " in text


def test_the_summary_of_folders_counts_whole_cassettes() -> None:
    only = FolderComparison("a", "b", [("x", diffs.ignored_only())], only_old=["y", "z"], only_new=["w"])
    assert (
        "\n2 cassettes only in the old folder, 1 only in the new folder; no differences in 48 interactions\n"
        in shown(only, None)
    )


def test_on_a_narrow_terminal_a_line_of_its_own_shows_both_values() -> None:
    text = shown(diffs.repeated(), 40)
    assert "\n220  the same change as in 200\n" in text
    assert "\n162  warning   response json $.total\n    162 \u2192 162.5, and 1 more change\n" in text


@pytest.mark.parametrize("width", [40, 200, None])
def test_two_environments_that_have_nothing_in_common_are_met_with_advice(width: int | None) -> None:
    gone = Pairing("removed", side(1, url="http://localhost:8000/a"), None)
    come = Pairing("added", None, side(1, url="https://api.example.com/a"))
    assert "--ignore url:host" in " ".join(shown(comparison([gone, come]), width).split())
    assert "--ignore url:host" not in shown(diffs.small(), width)
