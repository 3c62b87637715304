"""A redaction changes the redacted spans, and not one byte else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING

import pytest

from recorder.redact.engine import Redactor
from recorder.redact.policy import Policy, Secret
from tests.recorder.redact.exchanges import (
    PLACEHOLDER,
    WAYS,
    Case,
    Lazily,
    Taken,
    Ways,
    both_ways,
    differences,
    reply,
    resanitize,
    take,
)
from tests.recorder.redact.hiding_places import TEXT, VALUES
from tests.recorder.redact.leaks import leaks_in
from tests.recorder.redact.untouched import SPANS, UNTOUCHED
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

SECRET = VALUES["plain"]
CASES = (*UNTOUCHED, *SPANS)


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


@pytest.fixture(scope="module")
def taken(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    exchanges = [*(case.build(SECRET) for case in CASES), reply(SECRET.encode(), TEXT)]
    return both_ways(tmp_path_factory.mktemp("untouched"), exchanges, origin, [SECRET])


@pytest.fixture(scope="module")
def expected(taken: Ways, origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Lazily:
    folder = tmp_path_factory.mktemp("expected")

    def make(way: str) -> Taken:
        stand_in = (taken.redacted[way].one(len(CASES)).bodies["response"] or b"").decode()
        assert PLACEHOLDER.fullmatch(stand_in.encode())
        return take(folder / f"{way}.jsonl", [case.build(stand_in) for case in UNTOUCHED], origin, redact=False)

    return Lazily(make)


def test_the_table_is_long_enough() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 80


@pytest.mark.parametrize("case", UNTOUCHED, ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_nothing_changes_beside_the_secret(taken: Ways, expected: Lazily, way: str, case: Case) -> None:
    number = UNTOUCHED.index(case)
    found, wanted = taken.redacted[way].one(number), expected[way].one(number)
    assert leaks_in(found.raw, SECRET) == []
    if case.exact:
        assert differences(found, wanted) == []
    else:
        assert found.bodies == wanted.bodies


@pytest.mark.parametrize("case", SPANS, ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_bytes_that_are_no_text_change_only_where_the_secret_is(taken: Ways, way: str, case: Case) -> None:
    number = len(UNTOUCHED) + SPANS.index(case)
    before, found = taken.raw.one(number), taken.redacted[way].one(number)
    side = "request" if before.bodies["request"] else "response"
    old, new = before.bodies[side] or b"", found.bodies[side] or b""
    head, tail = old.split(SECRET.encode())
    assert re.fullmatch(re.escape(head) + b"[A-Za-z0-9-]+" + re.escape(tail), new, re.DOTALL)
    assert leaks_in(found.raw, SECRET) == []


@pytest.mark.parametrize("case", SPANS[:4], ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_binary_bodies_keep_their_length(taken: Ways, way: str, case: Case) -> None:
    number = len(UNTOUCHED) + SPANS.index(case)
    side = "request" if taken.raw.one(number).bodies["request"] else "response"
    old, new = (each.one(number).bodies[side] or b"" for each in (taken.raw, taken.redacted[way]))
    assert len(old) == len(new)


@pytest.mark.parametrize("way", WAYS)
def test_what_surrounds_an_exchange_in_the_cassette_stays(taken: Ways, way: str) -> None:
    """Keys and their order, and for a resanitized cassette every value that is none of the message's."""
    for number in range(len(CASES)):
        before, found = taken.raw.one(number).line, taken.redacted[way].one(number).line
        told = [key for key in found if key not in {"redacted", "bodies"}]
        assert told == [key for key in before if key != "bodies"]
        if way == "resanitized":
            for key in set(before) - {"request", "response"}:
                assert found[key] == before[key], key


def test_a_cassette_without_secrets_stays_as_it_is_but_for_its_header(origin: Origin, tmp_path: Path) -> None:
    exchanges = [case.build("nothing-at-all") for case in CASES]
    exchanges = [each for each in exchanges if "set-cookie" not in {str(name).lower() for name, _ in each.replied}]
    raw = take(tmp_path / "raw.jsonl", exchanges, origin, redact=False)
    after = resanitize(raw.path, tmp_path / "out.jsonl", [SECRET])
    assert raw.data.split(b"\n")[1:] == after.data.split(b"\n")[1:]


def test_lines_keep_unknown_keys_number_formats_and_white_space() -> None:
    redactor = Redactor(Policy(secrets=(Secret(SECRET, "given#1"),), environment=False))
    line = (
        b'{"type":"interaction", "id":"a-1","seq": 1 ,"x_price":1.10,"x_big":12345678901234567890123,"x":1e5,"x":2,'
        b'"request":{"method":"GET","url":"https://e.example/?a=%c3%a9","headers":[["X-A","\\u0041\\/b"]],"body":null,'
        b'"x_more":{"z":1.0,"a":[ ]}},"response":null,"x_note":"NOTE","bodies":{}}\n'
    )
    assert redactor.redact_line(line) == (line, [])
    changed, findings = redactor.redact_line(line.replace(b"NOTE", SECRET.encode()))
    (placeholder,) = {finding.placeholder for finding in findings}
    expected = line.replace(b"NOTE", placeholder.encode())
    assert re.sub(rb',"redacted":\{[^}]*\}', b"", changed) == expected
    assert json.loads(changed)["redacted"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"x-own","note": 1.10 ,"a":[]}\n',
        b'{"type":"end","run":"c61f0d9a27b4","process":"5f2c9a1b","seen":1000,"lost":{},"bytes":2345678}\n',
        b'{"type":"process","process":"5f2c9a1b","pid":4242,"program":"app.py","python":"3.11.7"}\n',
        b'{"type":"diagnosis","process":"5f2c9a1b","memory":{"rss":1.50},"growth":[]}\n',
        b'{"type":"end","seen":1}',
    ],
)
def test_lines_of_other_types_stay_as_they_are(line: bytes) -> None:
    redactor = Redactor(Policy(secrets=(Secret(SECRET, "given#1"),), environment=False))
    assert redactor.redact_line(line) == (line, [])


def test_a_line_with_white_space_between_its_tokens_is_redacted_like_any_other() -> None:
    redactor = Redactor(Policy(secrets=(Secret(SECRET, "given#1"),), environment=False))
    hidden = base64.b64encode(b"\xff" + base64.b64encode(SECRET.encode())).decode()
    line = (
        '{"type": "interaction", "id": "a-1", "request": {"method": "GET", "url": "https://e.example/", "headers": [], '
        '"body": null}, "response": {"status": 200, "reason": "OK", "headers": [], "body": {"size": 29, '
        '"wire_size": 29, "sha256": "x", "complete": true}}, "bodies": {"response": {"base64": "HIDDEN"}}}\n'
    )
    changed, findings = redactor.redact_line(line.replace("HIDDEN", hidden).encode())
    assert findings
    assert leaks_in(changed, SECRET) == []
    told = json.loads(changed)
    body = base64.b64decode(told["bodies"]["response"]["base64"])
    assert told["response"]["body"]["size"] == len(body)
    assert told["response"]["body"]["sha256"] == hashlib.sha256(body).hexdigest()


def test_a_secret_goes_from_lines_of_every_type() -> None:
    redactor = Redactor(Policy(secrets=(Secret(SECRET, "given#1"),), environment=False))
    for kind in ("x-own", "process", "diagnosis", "end"):
        changed, findings = redactor.redact_line(f'{{"type":"{kind}","a":{{"b":["{SECRET}", 1.10]}}}}\n'.encode())
        assert findings
        assert leaks_in(changed, SECRET) == []
        assert changed.endswith(b", 1.10]}}\n")
