"""The page about the command line is what `--help` says."""

from __future__ import annotations

from pathlib import Path

from cassette_tools.cli import paths
from cassette_tools.reference import page
from tests.cassette_tools.running import ctools_reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def test_the_page_is_current_or_run_python_m_cassette_tools_reference() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_command_is_in_it() -> None:
    for path in paths():
        assert f"\n## ctools {' '.join(path)}\n" in page()


def test_the_environment_does_not_change_it() -> None:
    for changes in ({"COLUMNS": "40", "FORCE_COLOR": "1"}, {"TERMINAL_WIDTH": "200", "LANG": "de_DE.UTF-8"}):
        assert ctools_reference(**changes).text == page()
