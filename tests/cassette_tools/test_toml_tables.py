from __future__ import annotations

import io
import time
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.input_stream import InputStream
from cassette_tools.toml_tables import TomlTables, inline, key, string
from recorder.errors import BadCassetteError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
QUOTED = st.text(st.sampled_from("\"'\\\n\r\t x\x00\x7f#[é"), max_size=12)


def tables(data: bytes) -> tuple[list[dict[str, Any]], dict[str, Any], list[int]]:
    reading = TomlTables(InputStream(io.BytesIO(data), "a.toml", path=None, size=len(data)), "a")
    items = list(reading)
    return [item.value for item in items], reading.rest, [item.line for item in items]


@pytest.mark.parametrize(
    "data",
    [
        b"[[a]]\nx = 1\n[[a]]\nx = 2\n",
        b'\xef\xbb\xbfversion = 1\n[[a]] # first\nx = 1\n\n  [[ "a" ]]\n[a.b]\ny = 2\n[[a.c]]\n[[a.c]]\n',
        b"[[a]]\r\nx = 1\r\n[[ 'a' ]]\r\n",
        b'[[a]]\nx = """\n[[a]]\n"""\n[[a]]\n',
        b"[[a]]\nx = '''\n[[a]]\n''' # '''\n[[a]]\n",
        b'[[a]]\nx = """\\"""\n[[a]]\n""""" # five\n[[a]]\n',
        b'[[a]]\nx = "\'\'\'" # """\n[[a]]\ny = \'"""\'\n[[a]]\n',
        b"[[a]]\nx = [\n  '''\n[[a]]\n''', 1 ] # [[a]]\n[[a]]",
        b"[[a]]\nx = {y = '''\n[[a]]\n'''}\n[other]\nz = 1\n",
        b"a = [{x = 1}, {x = 2}]\nother = 1\n",
        b"version = 1\n",
        b'[[a]]\nx = "....' + b"." * 300 + b'"\ny = [' + b"1.5, " * 200 + b"1.5]\n",
    ],
)
def test_pieces_say_what_the_whole_document_says(data: bytes) -> None:
    whole = tomllib.loads(data.decode("utf-8-sig"))
    found, rest, _ = tables(data)
    assert found == whole.pop("a", [])
    assert rest == whole


def test_lines_are_those_of_the_headers() -> None:
    assert tables(b"version = 1\n\n[[a]]\nx = 1\n\n[[a]]\n")[2] == [3, 6]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[[a]]\nx = 1\nx = 2\n", "line 3: the TOML is broken"),
        (b"[[a]]\nx = '''\n", "a string has no end"),
        (b"[[a]]\nx = {a" + b".b" * 200 + b" = 1}\n", "line 2: a key has more than 100 parts"),
        (b"[[a]]\nx = {y = '''\n''', b" + b" . b" * 200 + b" = 1}\n", "line 3: a key has more than 100 parts"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(data: bytes, said: str) -> None:
    with pytest.raises(BadCassetteError, match=r"a\.toml, ") as caught:
        tables(data)
    assert said in str(caught.value)


@given(TEXT | QUOTED)
def test_strings_read_back(text: str) -> None:
    assert tomllib.loads(f"a = {string(text)}\n") == {"a": text}
    assert tomllib.loads(f"a = {inline(text)}\n") == {"a": text}
    assert tomllib.loads(f"{key(text)} = 1\n") == {text: 1}


def test_values_read_back_but_for_null() -> None:
    value = {"a": [1, 1.5, True, "x", None, {}, {"é": None}], "b": 1 << 70, "c": -1e300, "d": {"e": [[]]}}
    back = {"a": [1, 1.5, True, "x", "", {}, {}], "b": float(1 << 70), "c": -1e300, "d": {"e": [[]]}}
    assert tomllib.loads(f"v = {inline(value)}\n")["v"] == back


QUOTES = b"'''"


@pytest.mark.parametrize(
    "value",
    [b"'" * 1_000_000, b"w" * 1_000_000 + QUOTES, b"a." * 99 + b"a" + b" a" * 500_000 + QUOTES],
    ids=["quotes", "one word", "many words"],
)
def test_a_long_line_is_looked_at_in_linear_time(value: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(BadCassetteError):
        tables(b"[[a]]\nx = " + value + b"\n")
    assert time.process_time() - begun < 3
