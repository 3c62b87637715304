"""Folders of cassettes beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cassette_tools.diff.comparison import Comparison, compare_cassettes
from cassette_tools.diff.folders import FolderComparison, compare_folders, paired
from cassette_tools.diff.rules import Rules
from cassette_tools.source import open_cassette
from recorder.errors import NotACassetteError
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import ctools

if TYPE_CHECKING:
    from pathlib import Path


def compare(old: str, new: str) -> Comparison:
    return compare_cassettes(old, new, Rules())


def is_cassette(path: str) -> bool:
    try:
        open_cassette(path, mode="tail", types=()).close()
    except NotACassetteError:
        return False
    return True


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "below").mkdir(parents=True)
    (new / "below").mkdir(parents=True)
    return old, new


def read(old: Path, new: Path) -> tuple[dict[str, list[str]], FolderComparison]:
    compared = compare_folders(str(old), str(new), compare, is_cassette)
    return {name: [pairing.verdict for pairing in comparison] for name, comparison in compared}, compared


def test_cassettes_of_one_name_are_compared_and_others_are_named(folders: tuple[Path, Path]) -> None:
    old, new = folders
    Cassette().get().write(old / "a.jsonl")
    Cassette().get().get().write(new / "a.jsonl")
    Cassette().get().write(old / "below" / "b.jsonl")
    Cassette().get().write(new / "below" / "b.jsonl")
    Cassette().get().write(old / "gone.jsonl")
    Cassette().get().write(new / "below" / "come.jsonl")
    found, compared = read(old, new)
    assert found == {"a.jsonl": ["added"], "below/b.jsonl": []}
    assert (compared.only_old, compared.only_new) == (["gone.jsonl"], ["below/come.jsonl"])
    assert (compared.totals.same, compared.totals.added, compared.totals.old_interactions) == (2, 1, 2)
    assert compared.troubles == []


def test_the_suffixes_of_formats_and_packings_keep_no_two_apart(folders: tuple[Path, Path]) -> None:
    old, new = folders
    Cassette().get().write(old / "a.jsonl")
    assert ctools("convert", old / "a.jsonl", "-o", new / "a.yaml").code == 0
    assert ctools("convert", old / "a.jsonl", "-o", new / "b.jsonl.gz").code == 0
    Cassette().get().write(old / "b.jsonl")
    found, compared = read(old, new)
    assert found == {"a": [], "b": []}
    assert compared.totals.same == 2


@pytest.mark.parametrize(
    ("old", "new", "both", "only_old", "only_new"),
    [
        (["a.jsonl"], ["a.jsonl"], [("a.jsonl", "a.jsonl", "a.jsonl")], [], []),
        (["a.yaml"], ["a.har"], [("a", "a.yaml", "a.har")], [], []),
        (["a.yaml"], ["a.har", "a.yaml"], [("a.yaml", "a.yaml", "a.yaml")], [], ["a.har"]),
        (["a.har", "a.yaml"], ["a.jsonl"], [("a", "a.har", "a.jsonl")], ["a.yaml"], []),
        (["x/a.yaml"], ["y/a.yaml"], [], ["x/a.yaml"], ["y/a.yaml"]),
        (["a.b.yaml"], ["a.c.yaml"], [], ["a.b.yaml"], ["a.c.yaml"]),
        ([], ["a.har"], [], [], ["a.har"]),
    ],
)
def test_names_are_paired(
    old: list[str], new: list[str], both: list[tuple[str, str, str]], only_old: list[str], only_new: list[str]
) -> None:
    assert paired(old, new) == (both, only_old, only_new)


def test_what_is_no_cassette_takes_no_part(folders: tuple[Path, Path]) -> None:
    old, new = folders
    for folder in folders:
        (folder / "README.md").write_text("# Cassettes\n")
        (folder / ".hidden.jsonl").write_text("x")
    (old / "notes.txt").write_text("notes\n")
    found, compared = read(old, new)
    assert found == {}
    assert (compared.only_old, compared.only_new, compared.troubles) == ([], [], [])


def test_one_that_cannot_be_read_keeps_no_other_from_being_compared(folders: tuple[Path, Path]) -> None:
    old, new = folders
    for name in ("a.jsonl", "b.jsonl", "c.jsonl", "d.jsonl"):
        Cassette().get().write(old / name)
    Cassette().raw(b'{"type":"nonsense\n').get().write(new / "a.jsonl")
    (new / "b.jsonl").write_bytes(b"")
    garbled = (
        Cassette()
        .get(body=b"x" * 5_000)
        .get(url="http://other/")
        .data()
        .replace(b"x" * 5_000, b"x" * 4_990 + b"\\u12......")
    )
    (new / "c.jsonl").write_bytes(garbled)
    Cassette().get().get().write(new / "d.jsonl")
    found, compared = read(old, new)
    assert found["d.jsonl"] == ["added"]
    assert [name for name, _ in compared.troubles] == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert [error.slug for _, error in compared.troubles] == ["cassette-damaged", "not-a-cassette", "cassette-damaged"]
