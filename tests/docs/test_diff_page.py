"""docs/diff.md says what is so: its tables are those of the code, and its example is what the view shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from cassette_tools.diff.selectors import EXAMPLES, compile_selector
from cassette_tools.diff.volatile_kinds import KINDS
from cassette_tools.views.diff.markdown import LONGEST
from tests.cassette_tools import diffs
from tests.cassette_tools.views.diff.pages import shown

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "diff.md").read_text("utf-8")


def block(name: str) -> str:
    """Give what stands between a mark of the page and its end."""
    return PAGE.partition(f"<!-- {name} -->\n\n")[2].partition("\n<!-- end -->")[0]


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def kinds() -> str:
    rows = [f"| `{kind.name}` | {cell(kind.known_by)} | `{cell(kind.example)}` |" for kind in KINDS]
    return "\n".join(["| kind | known by | example |", "|---|---|---|", *rows, ""])


def selectors() -> str:
    rows = [f"| `{cell(selector)}` | {cell(meaning)} |" for selector, meaning in EXAMPLES]
    return "\n".join(["| selector | ignores |", "|---|---|", *rows, ""])


def test_the_table_of_volatile_kinds_is_that_of_the_code() -> None:
    assert block("volatile kinds") == kinds()


def test_the_table_of_selectors_is_that_of_the_code() -> None:
    assert block("selectors") == selectors()


@pytest.mark.parametrize("text", re.findall(r"--ignore ([a-z]+[.:]\S+?)[`\n ]", PAGE))
def test_selectors_that_are_named_are_selectors(text: str) -> None:
    compile_selector(text)


def test_the_example_is_what_the_terminal_shows() -> None:
    example = block("what the terminal shows").removeprefix("```text\n").removesuffix("```\n")
    assert example.strip()
    assert shown(diffs.small(), 80).startswith(example)


def test_the_limit_of_a_comment_is_as_told() -> None:
    assert f"at most {LONGEST:,} characters" in PAGE


def test_the_job_is_yaml_and_links_and_schema_are_there() -> None:
    (job,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert yaml.safe_load(job)["jobs"]["recordings"]["steps"]
    assert json.loads((ROOT / "docs" / "diff.schema.json").read_text("utf-8"))["$id"]
