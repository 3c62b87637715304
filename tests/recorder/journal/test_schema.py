from __future__ import annotations

import copy
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from recorder.journal.read import Reader
from recorder.model import Interaction
from tests.recorder.journal.schema import SCHEMA, complaints, validator
from tests.recorder.journal.written import cassette, exchange, objects

FORMAT_PAGE = Path(__file__).parents[3] / "docs" / "format.md"
TYPES = ["header", "process", "interaction", "body", "diagnosis", "envelope", "end"]


def examples() -> dict[str, dict[str, Any]]:
    """The JSON blocks of the format's page, by the type of line."""
    blocks = re.findall(r"^```json\n(.*?)^```", FORMAT_PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return {(line := json.loads(block))["type"]: line for block in blocks}


def test_the_schema_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(validator().schema)


def test_the_page_shows_one_example_of_each_type_and_the_schema_knows_them_all() -> None:
    assert list(examples()) == TYPES
    assert set(json.loads(SCHEMA.read_text("utf-8"))["$defs"]) >= set(TYPES)


@pytest.mark.parametrize("kind", TYPES)
def test_the_examples_of_the_page_keep_to_the_schema(kind: str) -> None:
    assert complaints(examples()[kind]) == []


def test_the_examples_of_the_page_are_a_cassette_that_strict_reads() -> None:
    shown = examples()
    kinds = ["header", "process", "interaction", "body", "diagnosis", "envelope", "end"]
    data = b"".join(json.dumps(shown[kind], ensure_ascii=False).encode() + b"\n" for kind in kinds)
    with Reader(io.BytesIO(data), mode="strict") as reader:
        lines = list(reader)
        assert [line.type for line in lines] == kinds
        assert Interaction.from_json(lines[2].head).extra == {}
        assert b"".join(reader.body(lines[2], "request")) == b'{"a": [1,2]}'
        assert b"".join(reader.body(lines[2], "response")) == b'{"ads":[]}\n'
        assert reader.finished


def test_the_cassettes_of_these_tests_keep_to_the_schema() -> None:
    assert [complaint for line in objects(cassette()) for complaint in complaints(line)] == []


@pytest.mark.parametrize("kind", TYPES)
def test_unknown_keys_are_allowed_everywhere(kind: str) -> None:
    line = examples()[kind]
    for place in [line, *(value for value in line.values() if isinstance(value, dict))]:
        if place is not line.get("bodies"):
            place["x-more"] = 1
    assert complaints(line) == []


def test_unknown_types_are_allowed() -> None:
    assert complaints({"type": "x-note", "anything": [None]}) == []


def test_what_is_no_line_is_refused() -> None:
    assert complaints({}) == ["$: 'type' is a required property"]
    assert complaints({"type": 1})


def _failed() -> dict[str, Any]:
    line = exchange(1, response=None)
    line["response"] = None
    line["error"] = {
        "phase": "connect",
        "type": "urllib3.exceptions.NewConnectionError",
        "message": "refused",
        "cause": {"message": "refused", "type": "ConnectionRefusedError"},
        "received": "AAE=",
    }
    return line


def test_a_failed_interaction_keeps_to_the_schema() -> None:
    assert complaints(_failed()) == []


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("header", "format", 2),
        ("header", "created_at", "2026-11-23T03:30:47Z"),
        ("header", "created_at", "2026-11-23T03:30:47.123456+00:00"),
        ("header", "redaction", "some"),
        ("process", "program", "/srv/app.py"),
        ("process", "process", "XYZ"),
        ("interaction", "seq", 0),
        ("interaction", "seq", 1.5),
        ("interaction", "id", "17"),
        ("interaction", "timings_ms.total", "15"),
        ("interaction", "timings_ms.total", -1),
        ("interaction", "connection", "127.0.0.1:1"),
        ("interaction", "connection.reused", 1),
        ("interaction", "request", None),
        ("interaction", "request.headers", {"Host": "a"}),
        ("interaction", "request.headers", [["Host", "a", "b"]]),
        ("interaction", "request.headers", [["Host", "\u0100"]]),
        ("interaction", "request.body.sha256", "00"),
        ("interaction", "request.body.size", -1),
        ("interaction", "request.body.incomplete", "closed"),
        ("interaction", "request.body.complete", False),
        ("interaction", "request.body.pieces", 2),
        ("interaction", "request.body", None),
        ("interaction", "response.status", 1000),
        ("interaction", "response.status", "200"),
        ("interaction", "response.body.framing", "eof"),
        ("interaction", "bodies", {}),
        ("interaction", "bodies.request", {}),
        ("interaction", "bodies.request", {"text": "a", "base64": "YQ=="}),
        ("interaction", "bodies.response", {"base64": "YQ"}),
        ("interaction", "bodies.response", {"text": 1}),
        ("failed", "error.phase", "later"),
        ("failed", "error.received", "?"),
        ("failed", "error.cause", {"type": "OSError"}),
        ("body", "part", "both"),
        ("body", "piece", -1),
        ("body", "text", None),
        ("body", "base64", "YQ=="),
        ("diagnosis", "memory", {"rss": "1"}),
        ("diagnosis", "growth", [{"site": "a.py:1"}]),
        ("end", "lost", {"forked": "3"}),
        ("end", "seen", None),
    ],
)
def test_wrong_values_are_refused(kind: str, path: str, value: object) -> None:
    line = copy.deepcopy(_failed() if kind == "failed" else examples()[kind])
    *outer, last = path.split(".")
    place = line
    for key in outer:
        place = place[key]
    place[last] = value
    assert complaints(line)


@pytest.mark.parametrize("kind", TYPES)
def test_each_key_of_the_examples_is_required(kind: str) -> None:
    for key in examples()[kind]:
        line = examples()[kind]
        del line[key]
        assert complaints(line), key
