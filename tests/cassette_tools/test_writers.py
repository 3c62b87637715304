from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cassette_tools import writers
from cassette_tools.blocks import Process
from cassette_tools.writers import writer_of

HOLDING = "import os, sys; os.open(sys.argv[1], os.{}); print('open', flush=True); sys.stdin.read()"


@pytest.mark.parametrize(("flags", "writes"), [("O_WRONLY", True), ("O_RDWR|os.O_APPEND", True), ("O_RDONLY", False)])
@pytest.mark.skipif(not Path("/proc/self/fdinfo").is_dir(), reason="Linux: /proc")
def test_only_who_has_it_open_for_writing_is_a_writer(tmp_path: Path, flags: str, writes: bool) -> None:
    (tmp_path / "it").touch()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING.format(flags), str(tmp_path / "it")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        file = (tmp_path / "it").stat()
        found = writer_of(file, [Process("a", None, ended=False), Process("b", process.pid, ended=False)])
        assert found == (process.pid if writes else None)
        assert writer_of(file, [Process("b", process.pid, ended=True)]) is None
        process.communicate(b"")

    assert writer_of(file, [Process("b", process.pid, ended=False)]) is None


def test_where_descriptors_are_not_shown_the_living_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_PROC", tmp_path)
    file = tmp_path.stat()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass

    assert writer_of(file, [Process("a", os.getpid(), ended=False)]) == os.getpid()
    assert writer_of(file, [Process("a", gone.pid, ended=False), Process("b", 2**70, ended=False)]) is None
    assert writer_of(file, [Process("a", -1, ended=False)]) is None
