"""The page about formats is what the formats declare."""

from __future__ import annotations

from pathlib import Path

from cassette_tools.formats import all_formats
from cassette_tools.formats_page import page
from cassette_tools.losses import FACETS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"


def test_the_page_is_current_or_run_make_docs() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_format_is_in_it_with_what_it_can_do() -> None:
    table = page().partition("## What is lost")[0]
    rows = {line.split("|")[2].strip(): line for line in table.splitlines() if line.startswith("| ")}

    for one in all_formats():
        row = rows[f"`{one.name}`"].split("|")
        assert row[1].strip() == one.title
        assert (row[4].strip() == "yes") is (one.read is not None)
        assert (row[5].strip() == "yes") is (one.write is not None or one.write_folder is not None)


def test_every_loss_that_a_format_declares_has_its_row() -> None:
    lost = {name for one in all_formats() for name in one.cannot_hold}
    rows = [line for line in page().splitlines() if line.startswith("| ")]

    assert lost <= set(FACETS)
    for name in lost:
        assert any(row.startswith(f"| {FACETS[name].title}") for row in rows), name


def test_a_mark_stands_where_a_format_loses_something_and_nowhere_else() -> None:
    lines = page().splitlines()
    head = next(line for line in lines if line.startswith("| what |"))
    names = [cell.strip().strip("`") for cell in head.split("|")[2:-1]]
    known = {one.name: one for one in all_formats()}
    for name, facet in FACETS.items():
        row = next((line for line in lines if line.split("|")[1:2] == [f" {facet.title} "]), None)
        if row is None or facet.leaves_out:
            continue
        marked = {shown for shown, cell in zip(names, row.split("|")[2:-1], strict=True) if cell.strip()}
        assert marked == {shown for shown in names if name in known[shown].cannot_hold}, name
