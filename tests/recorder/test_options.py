"""What a recording may be told, and what it refuses."""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson
import pytest

from recorder.errors import UsageError
from recorder.journal.read import MAX_LINE
from recorder.options import BODY_LIMIT, LARGEST_BODY_LIMIT, SMALLEST_BODY_LIMIT, Options

WHOLE = Options(body_limit=2048, durability="record", on_error="raise", share_pools=True, diagnose=7)


@pytest.mark.parametrize("options", [Options(), WHOLE, Options(body_limit=LARGEST_BODY_LIMIT, durability="none")])
def test_options_go_through_an_environment_variable_unchanged(options: Options) -> None:
    text = options.to_json()
    assert "\n" not in text
    assert "\0" not in text
    assert Options.from_json(text) == options


def test_every_option_is_sent() -> None:
    assert set(orjson.loads(WHOLE.to_json())) == {field.name for field in dataclasses.fields(Options)}


def test_options_of_a_newer_release_are_passed_over() -> None:
    assert Options.from_json('{"diagnose": 3, "colour": "blue"}') == Options(diagnose=3)
    assert Options.from_json("{}") == Options()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"body_limit": SMALLEST_BODY_LIMIT - 1}, "body_limit is 1023; give at least 1024 bytes"),
        ({"body_limit": -1}, "give at least 1024 bytes"),
        ({"body_limit": LARGEST_BODY_LIMIT + 1}, "give at most 4194304 bytes"),
        ({"body_limit": 10**30}, "give at most 4194304 bytes"),
        ({"body_limit": "1M"}, "body_limit is '1M'; give a number of bytes"),
        ({"body_limit": 2048.5}, "body_limit is 2048.5; give a number of bytes"),
        ({"body_limit": True}, "body_limit is True; give a number of bytes"),
        ({"body_limit": None}, "body_limit is None; give a number of bytes"),
        ({"durability": "always"}, "durability is 'always'; give one of interval, record, none"),
        ({"durability": None}, "durability is None; give one of"),
        ({"durability": ["record"]}, "give one of interval, record, none"),
        ({"on_error": "ignore"}, "on_error is 'ignore'; give one of stop, raise"),
        ({"share_pools": 1}, "share_pools is 1; give True or False"),
        ({"share_pools": "no"}, "share_pools is 'no'; give True or False"),
        ({"diagnose": 0}, "diagnose is 0; give a number of interactions, 1 or more"),
        ({"diagnose": "5"}, "diagnose is '5'; give a number of interactions"),
        ({"diagnose": True}, "diagnose is True; give a number of interactions"),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_what_can(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Options(**values)


@pytest.mark.parametrize(
    "text", ['{"body_limit": "1M"}', '{"body_limit": 1e30}', '{"diagnose": "5"}', '{"durability": {}}']
)
def test_a_wrong_value_in_the_environment_is_refused_alike(text: str) -> None:
    with pytest.raises(UsageError, match="give "):
        Options.from_json(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '"body_limit"', "{'a': 1}", "\0", "[" * 2000])
def test_what_is_no_object_of_options_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="recording options are no JSON"):
        Options.from_json(text)


def test_two_bodies_at_the_largest_limit_stay_below_what_a_reader_takes_as_one_line() -> None:
    escaped = len(orjson.dumps("\x01"))
    assert escaped == len(rb'"\u0001"')
    assert 2 * (escaped - 2) * LARGEST_BODY_LIMIT + 16 * 1024 * 1024 <= MAX_LINE
    assert SMALLEST_BODY_LIMIT < BODY_LIMIT < LARGEST_BODY_LIMIT
