from __future__ import annotations

import io
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from jsonschema import Draft202012Validator

from cassette_tools.diff import model
from cassette_tools.diff.folders import FolderComparison
from cassette_tools.views.diff.json import show
from tests.cassette_tools import diffs
from tests.cassette_tools.diffs import change, comparison, pairing
from tests.cassette_tools.views.diff.pages import written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.diff.model import Pairing

DOCS = Path(__file__).parents[4] / "docs"
SAMPLES = [diffs.repeated, diffs.small, diffs.every_kind, diffs.hostile, diffs.folder, diffs.ignored_only, diffs.empty]


@cache
def schema() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((DOCS / "diff.schema.json").read_text("utf-8"))
    return made


def complaints(document: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema()).iter_errors(document)]


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_is_printed_is_what_the_schema_says(sample: object) -> None:
    assert complaints(json.loads(written(sample(), show))) == []  # type: ignore[operator]


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("totals", "same"), -1),
        (("differences", 0, "extra"), 1),
        (("differences", 0, "changes", 0, "place"), "elsewhere"),
        (("differences", 0, "changes", 0, "before"), []),
        (("differences", 1, "new"), "removed has no new side"),
        (("old", "format"), None),
    ],
)
def test_the_schema_refuses_what_is_not_printed(at: tuple[Any, ...], value: object) -> None:
    document = json.loads(written(diffs.small(), show))
    inner = document
    for step in at[:-1]:
        inner = inner[step]
    inner[at[-1]] = value
    assert complaints(document)


def test_the_schema_knows_the_words_of_the_model() -> None:
    words = schema()["$defs"]
    assert set(words["change"]["properties"]["place"]["enum"]) == set(get_args(model.Place))
    assert set(words["change"]["properties"]["part"]["enum"]) == set(get_args(model.Part))
    assert set(words["change"]["properties"]["action"]["enum"]) == set(get_args(model.Action))
    assert set(words["severity"]["enum"]) == set(get_args(model.Severity))
    assert {*words["difference"]["properties"]["verdict"]["enum"], "same"} == set(get_args(model.Verdict))


def test_every_key_of_the_schema_is_on_the_page() -> None:
    page = (DOCS / "diff-json.md").read_text("utf-8")
    keys = set()
    for found in json.dumps(schema()).split('"required": [')[1:]:
        keys |= set(json.loads(f"[{found.partition(']')[0]}]"))
    assert {key for key in keys if f"`{key}`" not in page} == set()


def test_values_are_those_of_the_comparison_to_the_character() -> None:
    text = 'a\x1b[2J\u202e\u2028\x00\x7f\x9b</script>\u4e2d\U0001f600"\\'
    (found,) = json.loads(written(comparison([pairing(change("header", text, text, None))]), show))["differences"]
    assert (found["changes"][0]["path"], found["changes"][0]["old"]) == (text, text)


def test_what_could_drive_a_terminal_is_escaped() -> None:
    text = written(diffs.hostile(), show)
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", text) is None


def test_a_lone_surrogate_becomes_the_text_of_its_escape() -> None:
    (found,) = json.loads(written(comparison([pairing(change("status", "", "\ud800", "1"))]), show))["differences"]
    assert found["changes"][0]["old"] == "\\ud800"


def test_each_difference_is_written_as_it_comes_on_a_line_of_its_own() -> None:
    stream = io.StringIO()
    seen = []

    def made() -> Iterator[Pairing]:
        for number in range(1, 4):
            seen.append(stream.getvalue().count("\n{"))
            yield pairing(change("status", "", "200", "201"), old=number, new=number)

    show(comparison(made()), stream)
    assert seen == [0, 1, 2]
    lines = stream.getvalue().split("\n")
    assert [json.loads(line.removesuffix(","))["old"]["number"] for line in lines[1:4]] == [1, 2, 3]


def test_the_figures_of_folders_count_whole_cassettes() -> None:
    totals = json.loads(written(diffs.folder(), show))["totals"]
    assert totals["cassettes"] == {"same": 1, "changed": 2, "removed": 1, "added": 2, "errors": 1}


@pytest.mark.parametrize(
    ("only_old", "only_new", "severity"), [(["a"], ["b"], "breaking"), ([], ["b"], "info"), ([], [], None)]
)
def test_a_cassette_that_only_one_folder_has_is_as_grave_as_an_interaction(
    only_old: list[str], only_new: list[str], severity: str | None
) -> None:
    folder = FolderComparison("x", "y", [("c", diffs.ignored_only())], only_old=only_old, only_new=only_new)
    assert json.loads(written(folder, show))["totals"]["severity"] == severity
