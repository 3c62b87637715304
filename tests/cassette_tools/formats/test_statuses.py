"""A status has three digits: what else a cassette says is refused by every reader, for no writer can say it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cassette_tools.formats import format_named
from cassette_tools.interaction import Interaction, Response
from recorder.errors import BadCassetteError
from tests.cassette_tools.formats.reading import only_interactions, refusal

ASKED: dict[str, Any] = {"method": "GET", "uri": "http://h/", "url": "http://h/", "headers": {}, "body": None}


def cassette(name: str, status: int) -> bytes:
    """Give a cassette with this status. What is YAML is written as JSON, which YAML reads."""
    coded: dict[str, Any] = {"status": {"code": status, "message": ""}, "headers": {}, "body": {"string": "x"}}
    said: dict[str, dict[str, Any]] = {
        "vcrpy-json": {"version": 1, "interactions": [{"request": ASKED, "response": coded}]},
        "keboola-json": {"_metadata": {}, "interactions": [{"request": ASKED, "response": coded}]},
        "betamax-json": {
            "http_interactions": [{"request": {**ASKED, "body": {"string": ""}}, "response": coded}],
            "recorded_with": "betamax/0.9.0",
        },
        "ruby-vcr": {"http_interactions": [{"request": ASKED, "response": coded}], "recorded_with": "VCR 6.0"},
        "r-vcr": {
            "http_interactions": [{"request": ASKED, "response": {**coded, "status": {"status_code": status}}}],
            "recorded_with": "vcr/1.6.0",
        },
        "go-vcr": {
            "version": 2,
            "interactions": [
                {
                    "id": 0,
                    "request": {**ASKED, "body": ""},
                    "response": {"code": status, "status": "", "headers": {}, "body": "x"},
                }
            ],
        },
        "cassetter-yaml": {
            "version": 1,
            "interactions": [
                {"request": ASKED, "response": {"status": status, "headers": {}, "body": {"type": "none"}}}
            ],
        },
        "har": {"log": {"entries": [{"request": ASKED, "response": {"status": status, "content": {"text": "x"}}}]}},
    }
    said["vcrpy-yaml"] = said["vcrpy-json"]
    return json.dumps(said[name]).encode()


NAMES = [
    *("betamax-json", "cassetter-yaml", "go-vcr", "har", "keboola-json"),
    *("r-vcr", "ruby-vcr", "vcrpy-json", "vcrpy-yaml"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_status_of_three_digits_is_read(name: str) -> None:
    (one,) = only_interactions(format_named(name, reading=True), cassette(name, 999))
    assert isinstance(one, Interaction)
    assert isinstance(one.response, Response)
    assert one.response.status == 999


@pytest.mark.parametrize("status", [1000, 70_000, 1 << 63])
@pytest.mark.parametrize("name", NAMES)
def test_a_status_of_more_digits_is_refused(name: str, status: int) -> None:
    assert "a.file" in refusal(format_named(name, reading=True), cassette(name, status), BadCassetteError)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "har"])
def test_a_status_below_0_is_refused(name: str) -> None:
    assert "a.file" in refusal(format_named(name, reading=True), cassette(name, -5), BadCassetteError)
