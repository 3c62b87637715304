"""A folder is walked by name, without what is hidden, and without going in circles."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cassette_tools.walk import files_below
from recorder.errors import CassetteReadError, RecorderError

if TYPE_CHECKING:
    from pathlib import Path


def walked(folder: Path, avoided: str | None = None) -> list[str]:
    unread: list[tuple[str, RecorderError]] = []
    found = [str(path.relative_to(folder)) for path in files_below(folder, unread, avoided=avoided)]
    assert unread == []
    return found


def test_files_of_a_folder_come_by_name_ahead_of_those_of_its_folders(tmp_path: Path) -> None:
    for name in ("b/z.yaml", "b/a/x.yaml", "a/y.yaml", "c.yaml", "B.yaml", "bb.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert walked(tmp_path) == ["B.yaml", "bb.txt", "c.yaml", "a/y.yaml", "b/z.yaml", "b/a/x.yaml"]


def test_what_is_hidden_and_links_to_folders_are_passed_over(tmp_path: Path) -> None:
    for name in (".git/config", ".hidden.yaml", "in/real.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    (tmp_path / "in" / "link.yaml").symlink_to(tmp_path / "in" / "real.yaml")
    (tmp_path / "in" / "nowhere.yaml").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "in" / "pipe.yaml")
    assert walked(tmp_path) == ["in/link.yaml", "in/real.yaml"]


def test_a_path_can_be_left_out_with_what_is_below_it(tmp_path: Path) -> None:
    for name in ("out/a.yaml", "b.yaml", "c.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert walked(tmp_path, os.path.realpath(tmp_path / "out")) == ["b.yaml", "c.yaml"]
    assert walked(tmp_path, os.path.realpath(tmp_path / "b.yaml")) == ["c.yaml", "out/a.yaml"]


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    unread: list[tuple[str, RecorderError]] = []
    assert list(files_below(tmp_path / "gone", unread)) == []
    ((path, error),) = unread
    assert path == str(tmp_path / "gone")
    assert isinstance(error, CassetteReadError)
    assert "Check its permissions" in str(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_keeps_the_others_from_nothing(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0)
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "a.yaml").touch()
    unread: list[tuple[str, RecorderError]] = []
    assert len(list(files_below(tmp_path, unread))) == 1
    assert [path for path, _ in unread] == [str(tmp_path / "shut")]
