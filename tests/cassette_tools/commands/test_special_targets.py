"""What a result never replaces, with --force either: what is no file, and the cassette that it is made of.

A rename would have taken /dev/null away from the whole machine.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from cassette_tools.cli import run
from tests.cassette_tools.cassettes import Cassette

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = (
    ("inspect", "{it}", "1", "--body", "-o", "{to}", "--force"),
    ("inspect", "{it}", "1", "--export", "curl", "-o", "{to}", "--force"),
    ("report", "{it}", "-o", "{to}", "--force"),
    ("diff", "{it}", "{it}", "--format", "html", "-o", "{to}", "--force"),
    ("convert", "{it}", "--to", "har", "-o", "{to}", "--force"),
    ("resanitize", "{it}", "-o", "{to}", "--force"),
    ("policy", "init", "{to}", "--force"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_pipe_a_socket_or_a_device_is_refused_as_a_target(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cassette, pipe = tmp_path / "it.jsonl", tmp_path / "pipe"
    cassette.write_bytes(Cassette().get("http://127.0.0.1/a", body=b"answer").data())
    os.mkfifo(pipe)
    assert run([part.format(it=cassette, to=pipe) for part in command]) == 2
    assert "a device, a pipe or a socket" in capsys.readouterr().err
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it.jsonl", "pipe"]


@pytest.mark.parametrize("name", ["it.jsonl", "link.jsonl"])
@pytest.mark.parametrize("command", COMMANDS[:5], ids=" ".join)
def test_the_cassette_itself_is_refused_as_a_target(
    command: tuple[str, ...], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cassette = tmp_path / "it.jsonl"
    held = Cassette().get("http://127.0.0.1/a", body=b"answer").data()
    cassette.write_bytes(held)
    (tmp_path / "link.jsonl").symlink_to(cassette)
    assert run([part.format(it=cassette, to=tmp_path / name) for part in command]) == 2
    said = capsys.readouterr().err
    assert "is the cassette itself" in said or "read and written at once" in said
    assert cassette.read_bytes() == held
