"""cassetter's TOML, against files that cassetter made, and against cassetter where it is installed."""

from __future__ import annotations

import contextlib
import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cassette_tools.formats.cassetter_toml import FORMAT
from cassette_tools.formats.cassetter_yaml import FORMAT as YAML
from cassette_tools.head import Head
from cassette_tools.input_stream import InputStream
from cassette_tools.interaction import Body, Envelope, Interaction, Request, Response
from cassette_tools.losses import Losses, describe, differences
from recorder.errors import BadCassetteError, NotACassetteError
from tests.cassette_tools.formats.drawn import interactions
from tests.cassette_tools.formats.peers import in_peer, peer
from tests.cassette_tools.formats.reading import elements, only_interactions, refusal, written
from tests.cassette_tools.formats.sources import FIXTURES, Trickle

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = FIXTURES / "cassetter-toml"
BASIC = b"""version = 1

[[interactions]]
recorded_at = "2026-11-23T03:30:48.000123+00:00"

[interactions.request]
method = "GET"
uri = "http://localhost/"
body_type = "none"

[interactions.request.headers]

[interactions.response]
status = 200
body_type = "text"
body_content = "ok"

[interactions.response.headers]
x = ["1"]
"""


@pytest.mark.parametrize("name", ["cassetter-0.16.1-requests", "cassetter-0.9.1-requests", "cassetter-0.16.1-kinds"])
def test_a_recording_reads_as_the_same_recording_in_yaml(name: str) -> None:
    ours = only_interactions(FORMAT, FOLDER / f"{name}.toml")
    theirs = only_interactions(YAML, FIXTURES / "cassetter-yaml" / f"{name}.yaml")
    assert len(ours) == len(theirs) >= 3

    def said(one: Interaction) -> dict[str, object]:
        return {key: value for key, value in describe(one).items() if key != "started_at"}

    assert [said(one) for one in ours] == [said(one) for one in theirs]


@pytest.mark.parametrize("name", ["cassetter-0.16.1-requests.toml", "cassetter-0.9.1-requests.toml"])
def test_its_own_files_are_recognized_and_written_again_to_the_byte(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    assert FORMAT.sniff(Head(data, whole=True)) == 95
    assert written(FORMAT, elements(FORMAT, data)) == data


@pytest.mark.parametrize(
    "text",
    [
        b"[tool.ruff]\nline-length = 120\n",
        b"version: 1\ninteractions: []\n",
        b'{"a": "[[interactions]]"}',
        b"",
        b"x = 1\n",
        b"version = 1\nrevision = 3\n",
        b"version = 2\n",
    ],
)
def test_other_files_are_not_taken_for_its_own(text: bytes) -> None:
    assert FORMAT.sniff(Head(text, whole=True)) == 0


def test_an_empty_cassette_is_recognized_and_read() -> None:
    data = written(FORMAT, [])
    assert FORMAT.sniff(Head(data, whole=True)) == 40
    assert FORMAT.sniff(Head(data, whole=False)) == 0
    assert elements(FORMAT, data) == []


def test_a_file_is_recognized_behind_comments() -> None:
    assert FORMAT.sniff(Head(b"# ours\n" + BASIC, whole=True)) == 95


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(interactions(), max_size=3))
def test_what_is_written_comes_back_but_for_what_is_declared(given_: list[Interaction]) -> None:
    data = written(FORMAT, given_)
    tomllib.loads(data.decode())
    back = only_interactions(FORMAT, data)
    assert len(back) == len(given_)
    for one, other in zip(given_, back, strict=True):
        assert differences(describe(one), describe(other), FORMAT.cannot_hold) == []


def test_what_only_the_yaml_can_hold_is_counted_as_lost() -> None:
    losses = Losses(FORMAT.cannot_hold, family="cassetter")
    data = written(FORMAT, [Envelope("cassetter", {"ws_interactions": [1]}), Envelope("har", {"x": 1})], losses)
    assert data == b"version = 1\n"
    assert losses.envelopes == 1
    assert elements(FORMAT, data) == []


def test_unknown_keys_are_kept() -> None:
    data = (
        BASIC.replace(b'method = "GET"\n', b'method = "GET"\nnote = {a = [1, 2020-01-01, nan]}\n')
        + b"\n[other]\nb = true\n"
    )
    read = elements(FORMAT, data)
    assert isinstance(read[0], Interaction)
    assert read[0].extra == {"cassetter": {"request": {"note": {"a": [1, "2020-01-01", "nan"]}}}}
    assert read[1] == Envelope("cassetter", {"other": {"b": True}})
    again = tomllib.loads(written(FORMAT, read[:1]).decode())
    assert again["interactions"][0]["request"]["note"] == {"a": [1, "2020-01-01", "nan"]}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'method = "GET"\n', b"", "a.file, interaction 1: the request has no method"),
        (b'body_type = "text"\n', b"", "a.file, interaction 1: a body has no type that cassetter knows"),
        (b"status = 200", b"status = 2.5", "a.file, interaction 1: the response has no status"),
        (b'body_type = "text"', b'body_type = "json"', "a.file, interaction 1: a JSON body is no JSON"),
        (b'body_type = "text"', b'body_type = "binary"', "a.file, interaction 1: a binary body is not hexadecimal"),
        (b"status = 200", b"status = ", "a.file, line 14: the TOML is broken"),
        (b'body_content = "ok"', b'body_content = """ok', "a string has no end"),
        (b'body_content = "ok"', b'body_content = "\xff"', "a.file, line 16: not UTF-8"),
        (b'body_content = "ok"', b"note = " + b"[" * 5000 + b"]" * 5000, "a.file, line 3: it is nested too deeply"),
        (b'body_content = "ok"', b"a" + b".a" * 5000 + b" = 1", "a.file, line 16: a key has more than 100 parts"),
        (b'body_content = "ok"', b'"a"' + b'."a"' * 5000 + b" = 1", "a.file, line 16: a key has more than 100 parts"),
        (b'body_content = "ok"', b"note = " + b"1" * 5000, "a.file, line 3: the TOML is broken"),
        (b'body_content = "ok"', b'body_content = "o\x00k"', "a.file, line 16: the TOML is broken"),
        (BASIC, b"version = 1\ninteractions = 1\n", "it has no array of tables"),
        (BASIC, b"interactions = [1]\n", "interactions 1 is no table"),
    ],
)
def test_what_is_wrong_is_one_error_with_the_place(old: bytes, new: bytes, said: str) -> None:
    assert said in refusal(FORMAT, BASIC.replace(old, new, 1), BadCassetteError)


def test_a_document_without_interactions_is_no_cassette() -> None:
    refusal(FORMAT, b"[tool]\na = 1\n", NotACassetteError)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_files_raise_bad_cassette_and_nothing_else(data: st.DataObject) -> None:
    text = bytearray((FOLDER / "cassetter-0.16.1-kinds.toml").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=6))
    with contextlib.suppress(BadCassetteError):
        assert len(elements(FORMAT, bytes(text))) <= 5


def test_the_first_interaction_is_there_before_the_last_is_read() -> None:
    item = BASIC.partition(b"\n\n")[2] + b'note = ["' + b"x" * 1000 + b'"]\n'
    source = Trickle(iter([b"version = 1\n", *[item] * 5000]))
    assert FORMAT.read is not None
    reading = FORMAT.read(InputStream(source, "a.file", path=None, size=None))
    assert isinstance(next(reading), Interaction)
    assert source.made < 2500
    assert sum(1 for _ in reading) == 4999


@pytest.mark.skipif(peer("cassetter") is None, reason="cassetter is not installed beside the benchmarks")
def test_cassetter_loads_what_is_written(tmp_path: Path) -> None:
    text = '"""\n\'\'\'\\\t\x07\x7f\u2028 😀 \r\n""'
    made = [
        Interaction(Request("GET", "http://localhost/one", [('a "b"', "\xe9")]), Response(200, "", [], Body(text))),
        Interaction(
            Request("POST", "http://localhost/two", [("Content-Type", "application/json")], Body('{"b":1.10}')),
            Response(200, "", [("Content-Encoding", "gzip"), ("X", "a\nb")], Body('{"a": [1]}', coding="gzip")),
        ),
        Interaction(Request("GET", "http://localhost/3", []), Response(200, "", [], Body(b"\xff")), started_at=None),
    ]
    path = tmp_path / "out.toml"
    path.write_bytes(written(FORMAT, made))
    assert in_peer("cassetter", LOAD, str(path)) == [
        ["none", None, "text", text, {}],
        ["json", {"b": 1.1}, "json", {"a": [1]}, {"X": ["a\nb"]}],
        ["none", None, "binary", "ff", {}],
    ]


LOAD = """
import json, sys
from cassetter._core import Cassette
out = []
for one in Cassette.load(sys.argv[1]).interactions:
    content = one.response.body.content
    content = content.hex() if isinstance(content, bytes) else content
    out.append([one.request.body.body_type, one.request.body.content, one.response.body.body_type, content,
                one.response.headers])
print(json.dumps(out))
"""
