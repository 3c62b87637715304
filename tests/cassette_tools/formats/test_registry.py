from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cassette_tools import formats
from cassette_tools.formats import all_formats, format_named, format_of_suffix
from cassette_tools.head import SNIFFED, Head
from cassette_tools.losses import FACETS
from recorder.errors import UsageError
from tests.cassette_tools.running import environment

NAMES = [one.name for one in all_formats()]


def test_each_module_of_the_package_is_one_format() -> None:
    modules = {path.stem for path in Path(formats.__path__[0]).glob("*.py")} - {"__init__"}
    assert len(NAMES) == len(set(NAMES)) == len(modules)
    assert sorted(NAMES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_a_format_says_of_itself_makes_sense(name: str) -> None:
    one = next(one for one in all_formats() if one.name == name)
    assert one.read is not None or one.write is not None or one.write_folder is not None
    assert one.write is None or one.write_folder is None
    assert one.cannot_hold <= FACETS.keys()
    assert one.adds <= FACETS.keys()
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in one.suffixes)
    assert one.suffixes or one.write_folder is not None
    assert "exact" in one.styles
    assert name == name.lower()
    assert " " not in name
    assert one.title
    assert all(note.endswith(".") for note in one.notes)


def test_each_suffix_is_meant_by_one_format_at_most() -> None:
    defaults = [suffix for one in all_formats() if one.is_default for suffix in one.suffixes]
    assert len(defaults) == len(set(defaults))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.jsonl", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("dir.har/a.JSONL", "jsonl"),
        ("a.jsonl.gz", "jsonl"),
        ("a.jsonl.zst", "jsonl"),
        ("a.yaml", "vcrpy-yaml"),
        ("a.yml", "vcrpy-yaml"),
        ("a.har", "har"),
        ("a.har.gz", "har"),
        ("a.txt", None),
        ("a", None),
        ("", None),
    ],
)
def test_the_name_of_an_output_asks_for_a_format(path: str, name: str | None) -> None:
    found = format_of_suffix(path)
    assert (found.name if found else None) == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reading", [True, False])
def test_a_format_is_found_by_its_name_where_it_can_do_that(name: str, reading: bool) -> None:
    one = next(one for one in all_formats() if one.name == name)
    can = one.read is not None if reading else (one.write or one.write_folder) is not None
    if can:
        assert format_named(name, reading=reading) is one
        return
    with pytest.raises(UsageError, match=rf"^'{name}' is no format that can be {'read' if reading else 'written'}\. "):
        format_named(name, reading=reading)


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"'vhs' is no format that can be read\. Use one of: .*\bhar, .*\bjsonl, "):
        format_named("vhs", reading=True)


@pytest.mark.parametrize("name", NAMES)
def test_sniffing_never_raises_and_knows_its_bounds(name: str) -> None:
    one = next(one for one in all_formats() if one.name == name)
    starts = (
        b"",
        b"\0",
        b"\xff\xfe",
        b"{",
        b"[",
        b'{"',
        b"interactions:",
        b"---\n",
        b"version = 1\n",
        b"12:",
        b"]" * 9,
    )
    for start in starts:
        for data in (start, start * (SNIFFED // max(1, len(start)))):
            for whole in (True, False):
                assert 0 <= one.sniff(Head(data, whole=whole)) <= 100


def test_the_registry_imports_no_heavy_library() -> None:
    program = (
        "import sys\nfrom cassette_tools.formats import all_formats\n"
        "before = set(sys.modules)\nall_formats()\n"
        "print(*sorted({'yaml', 'tomllib', 'tomli_w', 'zstandard', 'brotli', 'vcr', 'requests', 'urllib3', 'rich'}"
        " & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=environment(), timeout=60, check=True
    )
    assert done.stdout == b"\n"


def test_no_format_module_is_imported_before_somebody_asks() -> None:
    program = (
        "import sys, cassette_tools.formats, cassette_tools.convert, cassette_tools.recognition\n"
        "print(*[name for name in sys.modules if name.startswith('cassette_tools.formats.')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=environment(), timeout=60, check=True
    )
    assert done.stdout == b"\n"
