from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from cassette_tools.findings import Findings, Row
from cassette_tools.resanitize import Outcome
from cassette_tools.views import redaction
from cassette_tools.views.console import Page
from cassette_tools.views.redaction import print_findings, show_findings, show_outcomes
from recorder.errors import CassetteDamagedError
from recorder.journal.read import Damage
from recorder.redact.engine import Finding

if TYPE_CHECKING:
    import pytest

OUTCOME = Outcome("a.jsonl", 100, 90, 3, 2, {"header:authorization": 2}, 0, (), changed=True)
ROW = Row("a\x1b[31m.jsonl", 7, 3, "5f-3", "request.url", "query:token", "secret", "REDACTED-secret-abc", 2)


def table(rows: list[Row], *, several: bool = False) -> str:
    out = io.StringIO()
    show_findings(iter(rows), Page(out), several=several)
    return out.getvalue()


def said(
    *outcomes: Outcome,
    troubles: list[tuple[str, CassetteDamagedError]] | None = None,
    unproven: tuple[str, ...] = (),
    checked: bool = False,
) -> str:
    out = io.StringIO()
    show_outcomes(outcomes, troubles or [], unproven, Page(out), checked=checked)
    return out.getvalue()


def test_a_table_shows_each_row_and_nothing_that_drives_a_terminal() -> None:
    shown = table([ROW, replace(ROW, interaction=None)], several=True)

    lines = shown.splitlines()
    assert lines[1].split() == [
        r"a\x1b[31m.jsonl",
        "3",
        *["request.url", "query:token", "secret", "REDACTED-secret-abc", "2"],
    ]
    assert lines[2].split()[1:3] == ["line", "7"]
    assert "file" not in table([ROW]).splitlines()[0]
    assert table([]) == ""


def test_a_table_ends_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "ROWS", 3)

    shown = table([ROW] * 8).splitlines()

    assert len(shown) == 5
    assert shown[-1] == "  and 5 more rows; --json has them all"


def test_the_json_document_has_every_row_and_every_file() -> None:
    out = io.StringIO()
    with Findings() as findings:
        findings.begin("a.jsonl")
        for number in (1, 2):
            findings.add(number, number, "5f-1", [Finding("format:jwt", "request.url", "jwt", "REDACTED-jwt-x", 1)])
        findings.add(3, 0, None, [Finding("query:a", "line", "secret", "REDACTED-secret-x", 1)])
        left = replace(OUTCOME, left_out=(Damage(90, 100, "the record is torn"),), removed=1)
        print_findings(findings, [left], [("b\udcff", CassetteDamagedError("b: torn"))], ["env:PIN: short"], out)

    assert orjson.loads(out.getvalue()) == {
        "findings": [
            *(
                {
                    "file": "a.jsonl",
                    "line": number,
                    "interaction": number,
                    "id": "5f-1",
                    "place": "request.url",
                    "rule": "format:jwt",
                    "kind": "jwt",
                    "placeholder": "REDACTED-jwt-x",
                    "count": 1,
                }
                for number in (1, 2)
            ),
            {
                "file": "a.jsonl",
                "line": 3,
                "interaction": None,
                "id": None,
                "place": "line",
                "rule": "query:a",
                "kind": "secret",
                "placeholder": "REDACTED-secret-x",
                "count": 1,
            },
        ],
        "files": [
            {
                "file": "a.jsonl",
                "error": None,
                "size": 100,
                "new_size": 90,
                "interactions": 3,
                "found": 2,
                "rules": {"header:authorization": 2},
                "removed": 1,
                "changed": True,
                "left_out": [{"start": 90, "end": 100, "reason": "the record is torn"}],
            },
            {"file": "b\\udcff", "error": "b: torn"},
        ],
        "found": 2,
        "rules": {"header:authorization": 2},
        "removed": 1,
        "unproven": ["env:PIN: short"],
    }


def test_the_summary_says_what_became_of_the_files_and_what_to_do() -> None:
    assert said(OUTCOME) == (
        "2 findings were redacted.\n"
        "          2  header:authorization\n"
        "A secret that was in a file that others could read is known to them: replace it at its issuer.\n"
    )
    assert said(OUTCOME, checked=True).startswith("2 findings would be redacted.\n")
    nothing = replace(OUTCOME, found=0, rules={}, changed=False)
    assert said(nothing) == "Nothing to redact.\n"
    assert said(nothing, nothing) == "Nothing to redact in 2 cassettes.\n"
    assert said(OUTCOME, nothing).startswith("2 findings were redacted in 1 of 2 cassettes.\n")


def test_the_summary_hides_nothing_that_is_wrong() -> None:
    spoiled = replace(OUTCOME, removed=1, left_out=(Damage(0, 10, "NUL bytes"),), other_names=2)

    text = said(spoiled, troubles=[("b", CassetteDamagedError("b.jsonl, line 3: torn"))], unproven=("env:PIN: short",))

    assert "a.jsonl: 1 text or body had to go as a whole to be sure.\n" in text
    assert "a.jsonl: 10 B that cannot be read were left out (NUL bytes).\n" in text
    assert "a.jsonl: the old file has 2 other names (hard links), and still holds all.\n" in text
    assert "Not proved gone: env:PIN: short\n" in text
    assert "b.jsonl, line 3: torn\n" in text


def test_a_summary_of_many_rules_ends_somewhere() -> None:
    rules = {f"field:n{number}": 100 - number for number in range(30)}

    text = said(replace(OUTCOME, found=5, rules=rules))

    assert "field:n9\n" in text
    assert "field:n10\n" not in text
    assert "  and 20 more rules; --report or --json tells all\n" in text
