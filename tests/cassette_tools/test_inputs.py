from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cassette_tools.inputs import Input, begins_as_cassette, find_inputs, targets_in
from recorder.errors import OutputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_a_folder_stands_for_the_files_below_it_that_may_be_cassettes(tmp_path: Path) -> None:
    make(tmp_path, "b.jsonl", "a/c.jsonl", "a/c.yaml", "a/c.HAR.gz", "a/c.txt", "a/d/e.jsonl", "elsewhere/f.jsonl")
    (tmp_path / "a" / "away").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "a" / "link.jsonl").symlink_to(tmp_path / "elsewhere" / "f.jsonl")
    (tmp_path / "a" / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "a" / "pipe.jsonl")

    found = find_inputs([str(tmp_path / "a"), str(tmp_path / "b.jsonl")])

    assert [(os.path.relpath(one.path, tmp_path), str(one.inside)) for one in found] == [
        ("a/c.HAR.gz", "c.HAR.gz"),
        ("a/c.jsonl", "c.jsonl"),
        ("a/c.yaml", "c.yaml"),
        ("a/link.jsonl", "link.jsonl"),
        ("a/d/e.jsonl", "d/e.jsonl"),
        ("b.jsonl", "None"),
    ]


def test_a_file_is_taken_once_whatever_names_it_has(tmp_path: Path) -> None:
    make(tmp_path, "a.jsonl")
    (tmp_path / "b.jsonl").hardlink_to(tmp_path / "a.jsonl")
    (tmp_path / "c.jsonl").symlink_to("a.jsonl")

    assert len(find_inputs([str(tmp_path), str(tmp_path / "a.jsonl")])) == 1
    assert find_inputs([str(tmp_path / "none")]) == [Input(str(tmp_path / "none"))]


def test_results_of_before_are_not_taken(tmp_path: Path) -> None:
    make(tmp_path, "a.jsonl", "clean/a.jsonl", "b/clean/a.jsonl")

    found = find_inputs([str(tmp_path)], leave_out=tmp_path / "clean")

    assert [str(one.inside) for one in found] == ["a.jsonl", "b/clean/a.jsonl"]


def test_results_keep_their_places_in_the_folder(tmp_path: Path) -> None:
    make(tmp_path, "in/a.jsonl", "in/x/a.jsonl", "b.jsonl")

    inputs = find_inputs([str(tmp_path / "in"), str(tmp_path / "in/../b.jsonl")])

    assert targets_in(tmp_path / "out", inputs) == [
        tmp_path / "out/a.jsonl",
        tmp_path / "out/x/a.jsonl",
        tmp_path / "out/b.jsonl",
    ]


def test_two_results_of_one_name_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "a/it.jsonl", "b/it.jsonl")

    with pytest.raises(UsageError, match=r"a/it\.jsonl and .*b/it\.jsonl would both become out/it\.jsonl"):
        targets_in(type(tmp_path)("out"), find_inputs([str(tmp_path / "a"), str(tmp_path / "b")]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    make(tmp_path, "a/b/it.jsonl")
    (tmp_path / "a" / "b").chmod(0)
    try:
        with pytest.raises(OutputError, match="the folder cannot be read"):
            find_inputs([str(tmp_path / "a")])
    finally:
        (tmp_path / "a" / "b").chmod(0o700)


@pytest.mark.parametrize(
    ("data", "is_one"), [(b'{"type":"header"', True), (b'{"type": "x"}', False), (b"", False), (b"x: y", False)]
)
def test_a_damaged_cassette_is_told_from_something_else(tmp_path: Path, data: bytes, is_one: bool) -> None:
    (tmp_path / "it").write_bytes(data)

    assert begins_as_cassette(str(tmp_path / "it")) is is_one
