"""What a comparison as Markdown is to who reads Markdown: recorded text is text."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt

from cassette_tools.diff.folders import FolderComparison
from cassette_tools.diff.model import Ignored, Pairing
from cassette_tools.views.diff.markdown import LONGEST, show
from cassette_tools.views.escape import visible
from recorder.errors import NotACassetteError
from tests.cassette_tools import diffs
from tests.cassette_tools.diffs import HOSTILES, change, comparison, pairing, side
from tests.cassette_tools.views.diff.pages import written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

TABLE = {f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")}
OURS = {"details", "summary", "p", "b", "code", "ul", "li"}
SAMPLES = [diffs.small, diffs.every_kind, diffs.hostile, diffs.folder, diffs.ignored_only, diffs.repeated]
OUTSIDE = re.compile(r"[A-Za-z0-9\s,;:().>+-]*")
"""What stands outside of code: our own words and figures. No @, #, /, `, <, [, _ or * is among them."""


class Reader(HTMLParser):
    """Collects elements and the text outside of code, as a browser finds them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.outside = ""
        self.inside: list[str] = []
        self.odd: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.open.append(tag)
        if tag == "code":
            self.inside.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "code" in self.open:
            self.inside[-1] += data
        else:
            self.outside += data

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def handle_decl(self, decl: str) -> None:
        self.odd.append(decl)

    def handle_pi(self, data: str) -> None:
        self.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)


def tokens(text: str) -> Sequence[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def read(text: str) -> Reader:
    reader = Reader()
    for token in tokens(text):
        if token.type == "html_block":
            reader.feed(token.content)
    reader.close()
    return reader


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_recorded_text_makes_anything_but_text(sample: Any) -> None:
    text = written(sample(), show)
    kinds = {token.type for token in tokens(text)}
    assert kinds <= {"html_block", "fence", "inline", *TABLE}
    for token in tokens(text):
        if token.type == "inline":
            assert [child.type for child in token.children or []] == ["text"]
            assert re.fullmatch(r"[a-z0-9, ]+", token.content)
        if token.type == "fence":
            assert token.info == "diff"
    reader = read(text)
    assert set(reader.tags) <= OURS
    assert reader.attributes == []
    assert reader.odd == []
    assert reader.open == []
    assert OUTSIDE.fullmatch(reader.outside)


@pytest.mark.parametrize("bad", HOSTILES)
def test_recorded_text_stands_there_as_it_is(bad: str) -> None:
    text = written(comparison([pairing(change("header", "x-a", bad, None))]), show)
    (fence,) = [token.content for token in tokens(text) if token.type == "fence"]
    assert fence.startswith(f"@@ breaking: response header x-a @@\n- {visible(bad)[:590]}")
    (named,) = [one for one in read(written(comparison([], old=bad or "-"), show)).inside if "new.yaml" not in one]
    assert named[:30] == visible(bad or "-")[:30]


@pytest.mark.parametrize("run", [1, 3, 4, 40, 2_000])
def test_a_fence_is_longer_than_any_run_of_backticks(run: int) -> None:
    rows = [change("line", "1", "a", "b", before=("`" * run,), after=("~" * run, "   " + "`" * run), new_line=1)]
    text = written(comparison([pairing(*rows)]), show)
    assert [token.type for token in tokens(text)].count("fence") == 1
    assert len(text) <= LONGEST


def test_the_gravest_come_first() -> None:
    text = written(diffs.small(), show)
    assert re.findall(r"<summary><b>(\w+)</b>", text) == ["breaking", "breaking", "warning", "info"]


def test_what_has_no_room_is_the_least_grave_and_is_said() -> None:
    long = "word " * 390
    pairings = [pairing(change("header", f"x-{at}", long, f"{long}2"), old=at, new=at) for at in range(1, 400)]
    pairings.append(pairing(change("json", "$.gone", "1", None), old=400, new=400))
    text = written(comparison(pairings, old="o's.jsonl"), show)
    assert LONGEST - 2_000 < len(text) <= LONGEST
    shown = text.count("<details><summary>")
    assert f"{400 - shown} more interactions are not shown here" in text
    assert "ctools diff 'o'\"'\"'s.jsonl' new.yaml" in "".join(read(text).inside)
    assert re.findall(r"<summary><b>(\w+)</b>", text)[0] == "breaking"


def test_of_a_long_value_the_part_is_shown_that_differs() -> None:
    old, new = (f"{'word ' * 190}{middle}{' word' * 190}" for middle in ("here", "there"))
    text = written(comparison([pairing(change("json", "$.a", old, new))]), show)
    assert " here " in text
    assert " there " in text
    assert len(text) < 2_000


def test_one_interaction_does_not_take_all_the_room() -> None:
    big = pairing(*(change("json", f"$[{at}]", "x" * 1_000, "y" * 1_000) for at in range(50)), left_out=7)
    text = written(comparison([big, *diffs.small()]), show)
    assert text.count("<details><summary>") == 5
    assert "more changes (--json has them, and counts 7 beyond)" in text


def test_it_never_grows_over_the_limit() -> None:
    worst = "\U000e0001&<>\"'`" * 400
    bad = [
        Pairing("changed", side(n, url=worst, method=worst), side(n), [change("header", worst, worst, f"{worst}2")])
        for n in range(1, 60)
    ]
    ignored = {Ignored(f"{worst}{at}", f"{worst}{at // 2}"): 1 for at in range(200)}
    ignored |= {Ignored(f"--ignore {worst}{at}", f"{worst}{at // 2}"): 1 for at in range(200)}
    ignored |= {Ignored("uuid", f"{worst}{at}"): 1 for at in range(200)}
    folder = FolderComparison(
        worst,
        worst,
        [(f"{worst}{at}", comparison(bad, ignored=ignored, old=worst, new=worst)) for at in range(4)],
        only_old=[worst] * 500,
        only_new=[worst] * 500,
        troubles=[(worst, NotACassetteError("x"))] * 500,
    )
    for one in (folder, comparison(bad, ignored=ignored, old=worst, new=worst)):
        text = written(one, show)
        assert len(text) <= LONGEST
        assert text.count("<details>") == text.count("</details>") > 2
        assert read(text).open == []


def test_a_change_that_many_interactions_have_takes_one_block() -> None:
    text = written(diffs.repeated(), show)
    assert text.count("nginx/1.27.0") == 1 + 10
    assert "(1 change; the same change in 149 more interactions: 3, 5, 7, 9, 11, 13, 15, 17 and 141 more)" in text
    assert "(1 change; the same change in 1 more interaction: 220)" in text
    assert "not shown here" not in text


def test_of_many_with_other_values_those_beyond_the_first_take_a_line() -> None:
    text = written(diffs.repeated(), show)
    assert "<summary><b>warning</b> 137 more: other values in the same places as in 2</summary>" in text
    lines = re.findall(r"<li>(\d+): <code>GET /items/\d+\?full=1</code> <code>response json \$.total</code>", text)
    assert len(lines) > 30
    assert f"<li>and {137 - len(lines)} more (ctools diff --json has them)</li>" in text


def test_it_says_where_the_changes_are() -> None:
    text = written(diffs.repeated(), show)
    assert "<li><b>warning</b> <code>response header server</code>: 297</li>" in text


def test_a_folder_names_the_cassettes_that_have_the_same_changes() -> None:
    bad = HOSTILES[1]
    row = change("header", "server", "1", "2")
    pairs = [(name, comparison([pairing(row, old=at, new=at + 1) for at in (1, 2)])) for name in ("a", bad)]
    text = written(FolderComparison("before", "after", pairs), show)
    assert text.count("<details>") == 1
    assert f"in 3 more interactions: 2 -&gt; 3, <code>{html.escape(bad)[:60]}" in text
    assert set(read(text).tags) <= OURS


def test_hostile_texts_are_text_in_short_lines_too() -> None:
    for bad in HOSTILES:
        rows = [pairing(change("header", bad, bad, f"{bad}{at}"), old=at, new=at) for at in range(1, 30)]
        for one in rows:
            one.new = side(17, url=f"https://evil.example/{bad}", method=bad)
        reader = read(written(comparison(rows), show))
        assert set(reader.tags) <= OURS
        assert reader.odd == []
        assert OUTSIDE.fullmatch(reader.outside)
