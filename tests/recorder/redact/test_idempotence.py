"""A second redaction changes not one byte, whatever its key; and equal input gives equal output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from recorder.redact.engine import Redactor
from recorder.redact.policy import Policy, Secret
from tests.cassette_tools.running import ctools
from tests.recorder.redact.exchanges import Exchange, Ways, both_ways, reply, resanitize
from tests.recorder.redact.hiding_places import BY_PLACE, BY_PLACE_LOOSELY, KNOWN, TEXT, VALUES, value_of
from tests.recorder.redact.test_encoder_chains import ENCODERS, around, secrets
from tests.recorder.redact.untouched import SPANS, UNTOUCHED
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

SECRETS = list(VALUES.values())


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


def exchanges() -> list[Exchange]:
    """Give every row of every table, with values of all shapes by turns, and a body in pieces."""
    names = list(VALUES)
    rows = []
    for number, case in enumerate(KNOWN):
        name = names[number % len(names)]
        rows.append(case.build(VALUES[name if case.only is None or name in case.only else "plain"]))
    rows += [case.build(value_of(case.name)) for case in (*BY_PLACE, *BY_PLACE_LOOSELY)]
    rows += [case.build(VALUES["plain"]) for case in (*UNTOUCHED, *SPANS)]
    rows += [reply(f"lorem {VALUES['special']} ipsum ".encode() * 2000, TEXT)]
    return rows


@pytest.fixture(scope="module")
def once(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    return both_ways(tmp_path_factory.mktemp("once"), exchanges(), origin, SECRETS, body_limit=4096)


def changed(first: bytes, second: bytes) -> list[tuple[bytes, bytes]]:
    """Give the lines that differ, but for header lines: another key is another policy."""
    pairs = zip(first.split(b"\n"), second.split(b"\n"), strict=True)
    return [(a, b) for a, b in pairs if a != b and not a.startswith(b'{"type":"header"')]


def test_a_second_run_changes_not_one_byte(once: Ways, tmp_path: Path) -> None:
    again = resanitize(once.redacted["resanitized"].path, tmp_path / "again.jsonl", SECRETS)
    assert changed(once.redacted["resanitized"].data, again.data) == []


def test_a_run_over_what_was_recorded_with_redaction_changes_not_one_byte(once: Ways, tmp_path: Path) -> None:
    again = resanitize(once.redacted["recorded"].path, tmp_path / "again.jsonl", SECRETS)
    assert changed(once.redacted["recorded"].data, again.data) == []


def test_a_second_run_without_the_secrets_changes_not_one_byte(once: Ways, tmp_path: Path) -> None:
    again = resanitize(once.redacted["resanitized"].path, tmp_path / "again.jsonl", [])
    assert changed(once.redacted["resanitized"].data, again.data) == []


def test_a_second_run_in_place_changes_not_one_byte(once: Ways, tmp_path: Path) -> None:
    path, listed = tmp_path / "a.jsonl", tmp_path / "secrets.json"
    path.write_bytes(once.raw.data)
    listed.write_text(json.dumps(SECRETS))
    states = []
    for _ in range(2):
        done = ctools("resanitize", path, "--in-place", "--secrets-file", listed)
        assert done.code == 0, done.errors
        states.append(path.read_bytes())
    assert states[0] == states[1] != once.raw.data


def test_check_says_no_before_and_yes_after(once: Ways, tmp_path: Path) -> None:
    listed = tmp_path / "secrets.json"
    listed.write_text(json.dumps(SECRETS))
    for taken, code in ((once.raw, 1), (once.redacted["resanitized"], 0), (once.redacted["recorded"], 0)):
        before = taken.path.read_bytes()
        done = ctools("resanitize", taken.path, "--check", "--secrets-file", listed)
        assert done.code == code, done.errors
        assert taken.path.read_bytes() == before


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(secrets, st.lists(st.tuples(st.sampled_from(sorted(ENCODERS)), around), min_size=1, max_size=3), st.booleans())
def test_redacting_twice_is_redacting_once(secret: str, parts: list[tuple[str, bytes]], deep: bool) -> None:
    data = b" ".join(ENCODERS[encoder](secret.encode()) + other for encoder, other in parts)
    policy = Policy(secrets=(Secret(secret, "given#1"),), environment=False)
    first = Redactor(policy, deep=deep)
    assume(not first.unproven)
    once, _ = first.redact_text(data, "response.body")
    assert first.redact_text(once, "response.body") == (once, [])
    assert Redactor(policy, deep=deep).redact_text(once, "response.body") == (once, [])


@pytest.mark.parametrize("place", ["request.url", "response.body", "error.message"])
def test_equal_policies_with_equal_keys_redact_alike(place: str) -> None:
    data = " ".join(SECRETS).encode()
    listed = tuple(Secret(each, f"given#{n}") for n, each in enumerate(SECRETS))
    key = bytes(range(32))
    one = Redactor(Policy(secrets=listed, environment=False, key=key)).redact_text(data, place)[0]
    other = Redactor(Policy(secrets=listed[::-1], environment=False, key=key)).redact_text(data, place)[0]
    assert one == other != data
