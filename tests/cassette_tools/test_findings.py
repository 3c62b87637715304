from __future__ import annotations

import pytest

from cassette_tools import findings
from cassette_tools.findings import Findings, Row
from recorder.redact.engine import Finding


def finding(rule: str, count: int = 1, kind: str = "secret") -> Finding:
    return Finding(rule, "request.url", kind, "REDACTED-x", count)


@pytest.mark.parametrize("held", [1, 1 << 20])
def test_rows_come_in_the_order_of_files_and_lines_with_alike_ones_put_together(
    monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(findings, "HELD", held)
    monkeypatch.setattr(findings, "_BLOCK", 64)
    with Findings() as kept:
        kept.begin("a")
        kept.add(2, 1, "i-1", [finding("one"), finding("one", 2), finding("two")])
        kept.add(9, 0, None, [finding("one")])
        kept.begin("a")  # another pass
        kept.add(2, 1, "i-1", [finding("one", 5)])
        kept.add(3, 2, "i-2", [finding("three")])
        kept.begin("b")
        kept.add(1, 0, None, [finding("four")])
        rows = list(kept.rows())

        assert [(row.file, row.line, row.interaction, row.id, row.rule, row.count) for row in rows] == [
            ("a", 2, 1, "i-1", "one", 8),
            ("a", 2, 1, "i-1", "two", 1),
            ("a", 3, 2, "i-2", "three", 1),
            ("a", 9, None, None, "one", 1),
            ("b", 1, None, None, "four", 1),
        ]
        assert rows[0] == Row("a", 2, 1, "i-1", "request.url", "one", "secret", "REDACTED-x", 8)
        assert kept.rules("a") == {("one", "secret"): 9, ("two", "secret"): 1, ("three", "secret"): 1}
        assert sum(kept.rules().values()) == 12
        assert list(kept.rows()) == rows


def test_a_pass_that_is_forgotten_is_not_counted() -> None:
    with Findings() as kept:
        kept.begin("a")
        kept.add(1, 1, None, [finding("one")])
        kept.begin("b")
        kept.add(1, 1, None, [finding("two")])
        kept.forget()
        kept.begin("b")
        kept.add(4, 1, None, [finding("three")])

        assert [(row.file, row.rule) for row in kept.rows()] == [("a", "one"), ("b", "three")]
        assert kept.rules("b") == {("three", "secret"): 1}
