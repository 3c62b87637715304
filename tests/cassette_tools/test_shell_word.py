"""A name in a command that people copy is that name, whatever it is, and harmless where it is shown."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from cassette_tools.shell_word import shell_word
from cassette_tools.views.escape import visible

BASH = shutil.which("bash")
NAMES = [
    "cassette.jsonl",
    "with space.jsonl",
    'it\'s $(touch x) `y` "z" \\ !.jsonl',
    "\x1b]0;owned\x07\x1b[31m.jsonl",
    "line\nfeed\ttab.jsonl",
    "\u202egnp.exe it's \\x41 after",
    "\x01f\x02a",
    "ü漢.jsonl",
    "no-utf-8 \udcff\udc80.jsonl",
    "~/x",
    "*",
    "",
]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("c.jsonl", "c.jsonl"),
        ("-", "-"),
        ("-x.jsonl", "./-x.jsonl"),
        ("--force", "./--force"),
        ("a b", "'a b'"),
        ("a\nb'\\", "$'a\\x0ab\\'\\\\'"),
    ],
)
def test_a_name_is_quoted_where_that_is_needed(name: str, word: str) -> None:
    assert shell_word(name) == word


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
def test_bash_reads_each_name_as_it_is() -> None:
    script = f"printf '%s\\0' {' '.join(map(shell_word, NAMES))}"
    found = subprocess.run([str(BASH), "-c", os.fsencode(script)], capture_output=True, check=True, timeout=20)
    assert found.stdout == b"".join(os.fsencode(name) + b"\0" for name in NAMES)
    assert found.stderr == b""


@pytest.mark.parametrize("name", NAMES)
def test_a_word_drives_no_terminal(name: str) -> None:
    word = shell_word(name)
    assert visible(word) == word
