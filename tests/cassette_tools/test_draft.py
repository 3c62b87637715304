from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools import draft
from cassette_tools.draft import Draft, Sink, Splice, nameless
from recorder.errors import OutputError, UsageError
from tests.cassette_tools.running import ROOT, environment
from tests.cassette_tools.standin import names

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["without a name", "named"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gives a folder; drafts in it have no name, or a hidden one as on systems that lack such files."""
    if request.param == "named":
        monkeypatch.setattr(draft, "_UNNAMED", 0)
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    return tmp_path


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = nameless(tmp_path)
    yield descriptor
    os.close(descriptor)


def test_a_draft_becomes_the_file_when_it_is_published(folder: Path, file: int) -> None:
    os.write(file, b"0123456789")
    with Draft(folder / "it") as made:
        made.write(b"one ")
        made.copy(file, 3, 4)
        assert not (folder / "it").exists()
        made.publish(replaces=None, force=False)

    assert names(folder) == ["it"]
    assert (folder / "it").read_bytes() == b"one 3456"
    assert (folder / "it").stat().st_mode & 0o777 == 0o600


def test_a_draft_that_is_not_published_leaves_nothing(folder: Path) -> None:
    made = Draft(folder / "it")
    made.write(b"half")
    made.close()
    made.close()

    assert names(folder) == []


def test_what_is_there_is_replaced_only_by_force_and_gives_its_permissions(folder: Path) -> None:
    target = folder / "it"
    target.write_bytes(b"old")
    target.chmod(0o664)
    with Draft(target) as made, pytest.raises(UsageError, match=r"exists already.*--force"):
        made.publish(replaces=None, force=False)
    assert target.read_bytes() == b"old"

    with Draft(target) as made:
        made.write(b"new")
        made.publish(replaces=target.stat(), force=True)

    assert (names(folder), target.read_bytes()) == (["it"], b"new")
    assert target.stat().st_mode & 0o777 == 0o664


def test_a_target_that_comes_meanwhile_is_left_alone(tmp_path: Path) -> None:
    with Draft(tmp_path / "it") as made:
        (tmp_path / "it").write_bytes(b"somebody else's")
        with pytest.raises(UsageError, match="exists already"):
            made.publish(replaces=None, force=False)

    assert (tmp_path / "it").read_bytes() == b"somebody else's"
    assert names(tmp_path) == ["it"]


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
        Draft(tmp_path / "missing" / "it")


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="Linux: files without a name")
def test_a_killed_program_leaves_no_draft_behind(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from cassette_tools.draft import Draft\n"
        "made = Draft(pathlib.Path(sys.argv[1])); made.write(b'secret' * 1000); print('written', flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "it")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
        process.wait()

    assert names(tmp_path) == []


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300),
    st.lists(st.tuples(st.integers(0, 40), st.one_of(st.none(), st.binary(max_size=60)), st.booleans()), max_size=20),
    st.integers(1, 100),
)
def test_a_splice_is_its_source_with_some_ranges_replaced(
    tmp_path_factory: pytest.TempPathFactory,
    source: bytes,
    steps: list[tuple[int, bytes | None, bool]],
    buffer: int,
) -> None:
    folder = tmp_path_factory.mktemp("splice")
    (folder / "source").write_bytes(source)
    expected, at, changed = b"", 0, False
    one, two, other = os.open(folder / "source", os.O_RDONLY), nameless(folder), nameless(folder)
    before = draft.BUFFER
    draft.BUFFER = buffer  # type: ignore[misc]
    try:
        splice = Splice(one, lambda: Sink(two, folder, 7))
        for wanted, data, from_file in steps:
            size = min(wanted, len(source) - at)
            if data is None:
                splice.keep(size)
                expected += source[at : at + size]
            elif from_file:
                os.pwrite(other, data, 5)
                splice.put_from(size, other, 5, len(data))
                expected += data
            else:
                splice.put(size, data)
                expected += data
            changed = changed or data is not None
            at += size
            assert splice.size == len(expected)
        sink = splice.finish()
        assert (sink is not None) == changed
        if sink is not None:
            assert os.pread(two, 10_000, 7) == expected
            assert sink.size == len(expected)
    finally:
        draft.BUFFER = before  # type: ignore[misc]
        for descriptor in (one, two, other):
            os.close(descriptor)


def test_a_file_that_shrinks_while_it_is_copied_is_told(tmp_path: Path, file: int) -> None:
    with Draft(tmp_path / "it") as made, pytest.raises(OutputError, match="became shorter"):
        made.copy(file, 0, 10)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_RDWR)
    try:
        with pytest.raises(OutputError, match="No space left on device"):
            Sink(full, Path("it")).write(b"x")
    finally:
        os.close(full)
