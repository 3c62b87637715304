"""What is learned from secret places: what can be told from ordinary text, and not without bounds."""

from __future__ import annotations

import base64
import gc
import json
import tracemalloc
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.redact.engine import Redactor
from recorder.redact.known import Needle
from recorder.redact.learning import (
    LONGEST,
    MOST_LEARNED,
    MOST_LEARNED_RECORDING,
    Learned,
    worth_learning,
)
from recorder.redact.placeholders import Placeholders
from recorder.redact.policy import Policy

KEY = b"a key of 32 bytes for the tests."
MADE = Placeholders(KEY)


@pytest.mark.parametrize(
    ("value", "worth"),
    [
        ("s3cr3t-v4lu3", True),
        ("a1b2c3d4", True),
        ("a1b2c3d", False),  # seven bytes
        ("1234567890", True),
        ("123456789", False),
        ("12345678", False),
        ("1234567-", False),  # digits, but no letter
        ("1234-5678-9012-3456", False),
        ("correcthorsebattery", False),  # nineteen letters
        ("correcthorsebatterystaple", True),
        ("correct horse", False),
        ("CorrectHorseBatt", True),  # upper and lower case in sixteen letters
        ("CorrectHorseBat", False),
        ("Correcthorsebatt", False),  # a sentence begins so
        ("en_US.UTF-8", True),
        ("tschüss-zusammen-7", True),
        ("2026-11-23T08:00:00Z", False),
        ("2026-11-23", False),
        ("https://example.com/a1b2c3", False),
        ('{"a":"b1"}', False),
        ("[1,2,3,4,5]", False),
        ("<a>b12345</a>", False),
        ("three or more w0rds", False),
        ("two w0rds", True),
        ("line1\nline22", False),
        ("tab\tbed123", False),
        ("nul\x00byte1", False),
        ("REDACTED", False),
        ("************", False),
        ("[FILTERED]", False),
        (MADE.text(b"value", "secret"), False),
        (MADE.number(b"value"), False),
        (MADE.shaped(b"value", "jwt"), False),
        ("x1" * (LONGEST // 2), True),
        ("x1" * (LONGEST // 2) + "x", False),
        ("", False),
    ],
)
def test_a_value_is_learned_if_it_can_be_told_from_ordinary_text(value: str, worth: bool) -> None:
    assert worth_learning(value.encode(), "field:token") is worth


@pytest.mark.parametrize(
    "rule", ["field:password", "field:clientsecret", "query:pwd", "field:pin", "field:cvv", "password"]
)
def test_where_a_person_chose_the_value_letters_are_enough(rule: str) -> None:
    assert worth_learning(b"hunterxyz", rule)
    assert not worth_learning(b"hunterxyz", "field:token")
    assert not worth_learning(b"hunter", rule)
    assert not worth_learning(b"12345678", rule)


@given(st.binary(max_size=40), st.sampled_from(["cookie", "field:password", "header:authorization"]))
def test_any_bytes_are_judged_without_an_error(value: bytes, rule: str) -> None:
    if worth_learning(value, rule):
        assert value.decode().isprintable()
        assert 8 <= len(value) <= LONGEST


def names(learned: Learned) -> set[bytes]:
    """Give the values that the indexes find."""
    return {
        entry.known.raw
        for index in learned.indexes()
        for entries in index._table
        for entry in entries
        if isinstance(entry, Needle)
    }


def value(number: int) -> str:
    return f"value-{number:06}-x"


@pytest.mark.parametrize("recording", [False, True])
def test_what_is_learned_is_found_from_the_next_settling_on(recording: bool) -> None:
    learned = Learned(frozenset(), recording=recording)
    learned.add(value(1))
    assert learned.settle()
    assert names(learned) == {value(1).encode()}
    assert learned.values() == {value(1)}
    assert not learned.settle(), "nothing is new"
    learned.add(value(1))
    assert not learned.settle(), "it was known"


def test_what_is_known_or_doubtful_is_not_learned() -> None:
    learned = Learned(frozenset({b"known-value-1"}), recording=True)
    for one in ("known-value-1", "ab", "true", "redacted", "abc"):
        learned.add(one)
    assert not learned.settle()
    assert learned.values() == frozenset()
    assert learned.has(b"known-value-1")
    assert not learned.has(b"ab")


@pytest.mark.parametrize("count", [1, 7, 8, 9, 63, 64, 65, 71, 72, 73, 200, MOST_LEARNED_RECORDING])
def test_every_value_of_a_recording_is_found_at_every_moment(count: int) -> None:
    learned = Learned(frozenset(), recording=True)
    for number in range(count):
        learned.add(value(number))
        learned.settle()
    assert names(learned) == {value(number).encode() for number in range(count)}
    assert learned.forgotten == 0


@given(st.lists(st.integers(1, 90), max_size=8))
@settings(max_examples=40, deadline=None)
def test_values_that_come_in_batches_are_all_found(batches: list[int]) -> None:
    learned = Learned(frozenset(), recording=True)
    wanted: list[str] = []
    for batch in batches:
        for _ in range(batch):
            wanted.append(value(len(wanted)))
            learned.add(wanted[-1])
        learned.settle()
        assert {one.encode() for one in wanted[-MOST_LEARNED_RECORDING:]} <= names(learned)
        assert learned.values() == set(wanted[-MOST_LEARNED_RECORDING:])


def test_of_more_values_a_recording_forgets_the_oldest_and_counts_them() -> None:
    learned = Learned(frozenset(), recording=True)
    for number in range(MOST_LEARNED_RECORDING + 100):
        learned.add(value(number))
        learned.settle()
    kept = {value(number) for number in range(100, MOST_LEARNED_RECORDING + 100)}
    assert learned.values() == kept
    assert {one.encode() for one in kept} <= names(learned)
    assert len(names(learned)) <= 2 * MOST_LEARNED_RECORDING
    assert learned.forgotten == 100
    assert not learned.has(value(0).encode())


def test_of_more_values_a_second_pass_leaves_out_the_last_and_counts_them() -> None:
    learned = Learned(frozenset(), recording=False)
    for number in range(MOST_LEARNED + 3):
        learned.add(value(number))
    assert learned.forgotten == 3
    assert len(learned.values()) == MOST_LEARNED
    assert value(0) in learned.values()
    assert value(MOST_LEARNED) not in learned.values()


def test_a_value_that_was_forgotten_can_be_learned_again() -> None:
    learned = Learned(frozenset(), recording=True)
    for number in [*range(MOST_LEARNED_RECORDING + 1), 0]:
        learned.add(value(number))
        learned.settle()
    assert value(0) in learned.values()
    assert value(0).encode() in names(learned)
    assert value(1) not in learned.values()


def test_values_without_a_core_are_told_apart() -> None:
    learned = Learned(frozenset(), recording=True)
    learned.add("a-b-c-d-1-2")
    learned.add(value(1))
    learned.settle()
    assert [known.raw for known in learned.hard()] == [b"a-b-c-d-1-2"]
    assert learned.longest == len(value(1))


def test_learning_costs_memory_for_the_values_that_are_kept_only() -> None:
    learned = Learned(frozenset(), recording=True)
    numbers = iter(range(10_000))
    for _ in range(2 * MOST_LEARNED_RECORDING):
        learned.add(value(next(numbers)))
        learned.settle()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(2 * MOST_LEARNED_RECORDING):
            learned.add(value(next(numbers)))
            learned.settle()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 3_000_000
    finally:
        tracemalloc.stop()


# Through the engine.


def redactor(**how: bool) -> Redactor:
    return Redactor(Policy(environment=False, key=KEY), environment={}, **how)


LEARNED = "learn-me-1-s3cr3t"
LATER = {
    "plain": LEARNED.encode(),
    "percent": b"".join(b"%%%02x" % byte for byte in LEARNED.encode()),
    "json": json.dumps(LEARNED).replace("-", "\\u002d").encode(),
    "base64": base64.b64encode(b"x" + LEARNED.encode()),
    "quoted": quote(LEARNED.replace("-", "%2D")).encode(),
}


@pytest.mark.parametrize("form", LATER)
def test_while_recording_a_learned_value_is_found_at_once(form: str) -> None:
    engine = redactor(recording=True)
    assert engine.redact_text(LATER[form], "x")[1] == []
    engine.redact_text(b'{"password":"%s"}' % LEARNED.encode(), "x")
    new, found = engine.redact_text(LATER[form], "x")
    assert new != LATER[form]
    assert {finding.rule for finding in found} == {"learned"}


def test_else_a_learned_value_is_found_from_the_next_pass_on() -> None:
    engine = redactor()
    engine.redact_text(b'{"password":"%s"}' % LEARNED.encode(), "x")
    assert engine.redact_text(LEARNED.encode(), "x")[1] == []
    engine.learn(engine.learned())
    new, found = engine.redact_text(LEARNED.encode(), "x")
    assert b"REDACTED-secret-" in new
    assert [finding.rule for finding in found] == ["learned"]


def test_values_are_learned_from_another_process() -> None:
    engine = redactor()
    engine.learn([LEARNED])
    assert engine.learned() == {LEARNED}
    assert LEARNED.encode() not in engine.redact_text(LEARNED.encode(), "x")[0]


def test_what_was_too_much_is_told() -> None:
    engine = redactor(recording=True)
    assert engine.unproven == ()
    engine.learn(value(number) for number in range(MOST_LEARNED_RECORDING + 5))
    assert engine.forgotten == 5
    assert "5 values too many" in " ".join(engine.unproven)


@pytest.mark.parametrize(
    "text", ['{"token":"en"}', '{"token":"production"}', '{"session_id":"2026-11-23"}', '{"secret":{"a":"b1b1b1b1"}}']
)
def test_ordinary_text_in_a_secret_place_goes_there_and_nowhere_else(text: str) -> None:
    engine = redactor(recording=True)
    new, found = engine.redact_text(text.encode(), "x")
    assert found
    assert new != text.encode()
    assert engine.learned() == frozenset()
