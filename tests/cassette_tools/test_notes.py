from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cassette_tools.notes import Notes, not_recorded, read_notes, why_nothing

if TYPE_CHECKING:
    from pathlib import Path

NOTES = b"""\
armed\t1\t3.12\t/bin/python\t
armed\t2\t3.12\t/bin/python\t
joined\t2\t3.12\t/bin/python\t
failed\t1\t3.12\t/bin/python\tModuleNotFoundError: No module named 'orjson'
failed\t3\t3.12\t/bin/python\tModuleNotFoundError: No module named 'orjson'
client\t1\t3.12\t/bin/python\thttpx
old\t9\t2.7\t/bin/python2\t
"""


def read(tmp_path: Path, content: bytes) -> Notes:
    (tmp_path / "notes").write_bytes(content)
    return read_notes(tmp_path / "notes")


def test_notes_are_counted_by_what_became_of_the_processes(tmp_path: Path) -> None:
    notes = read(tmp_path, NOTES)
    assert (notes.armed, notes.joined) == (2, 1)
    assert notes.failed == {("/bin/python", "ModuleNotFoundError: No module named 'orjson'"): 2}
    assert notes.clients == {"httpx": 1}
    assert notes.old == {("/bin/python2", "2.7"): 1}


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xff\xfe\t\t\t\t\n", b"armed", b"armed\t1\n", NOTES[:1], b"\0" * 100]
)
def test_what_is_no_note_is_passed_over(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == Notes()


def test_any_number_of_processes_takes_bounded_memory(tmp_path: Path) -> None:
    content = b"".join(b"failed\t%d\t3.12\t/bin/python\treason %d\n" % (number, number) for number in range(5000))
    notes = read(tmp_path, content)
    assert len(notes.failed) == 50


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["python", "-I", "app.py"], "-I"),
        (["python3.12", "-E", "-m", "app"], "-E"),
        (["/usr/bin/pypy3", "-S", "app.py"], "-S"),
        (["python", "-BuI"], "-I"),
        (["python", "-X", "dev", "-I", "app.py"], "-I"),
        (["python", "-Xdev", "-W", "error", "-sE", "app.py"], "-E"),
        (["python", "--check-hash-based-pycs", "never", "-I", "app.py"], "-I"),
        (["python", "app.py", "-I"], None),
        (["python", "-c", "pass", "-I"], None),
        (["python", "-m", "app", "-E"], None),
        (["python", "-Bmapp", "-E"], None),
        (["python", "-WIgnore", "app.py"], None),
        (["python", "-W", "-I"], None),
        (["python", "-", "-I"], None),
        (["python"], None),
        (["node", "-I"], None),
    ],
)
def test_an_option_that_keeps_the_recorder_out_is_named(command: list[str], option: str | None) -> None:
    (why,) = why_nothing(Notes(), command)
    if option is None:
        assert why.startswith("no Python process was started")
    else:
        assert why == f"Python ran with {option}, which keeps the recorder out; leave that option away"


@pytest.mark.parametrize(
    ("first", "option"),
    [
        ("#!/usr/bin/python3 -I", "-I"),
        ("#! /usr/bin/env -S python3 -E", "-E"),
        ("#!/usr/bin/env python3", None),
        ("#!/bin/sh -E", None),
        ("#!", None),
        ("", None),
    ],
)
def test_so_is_one_in_the_first_line_of_a_script(tmp_path: Path, first: str, option: str | None) -> None:
    script = tmp_path / "script"
    script.write_text(f"{first}\n")
    script.chmod(0o755)
    (why,) = why_nothing(Notes(), [str(script)])
    assert (f"ran with {option}," in why) == (option is not None)


def test_reasons_come_with_the_next_step() -> None:
    notes = Notes(armed=3)
    notes.failed["/my py", "ModuleNotFoundError: there is no module recorder"] = 1
    notes.failed["/bin/python", "CassetteNotFoundError: gone"] = 2
    notes.clients["httpx"] = 1
    notes.clients["aiohttp"] = 1
    assert not_recorded(notes) == [
        "2 Python processes could not record: CassetteNotFoundError: gone",
        "1 Python process could not import the recorder; install it there: '/my py' -m pip install cassette-tools",
        "httpx, aiohttp were loaded, and cannot be recorded yet",
    ]
    assert why_nothing(notes, ["python"]) == not_recorded(notes)


def test_nothing_to_tell_is_told_of_a_run_in_which_all_was_recorded() -> None:
    assert not_recorded(Notes(armed=5, joined=5)) == []
