"""Shows what was redacted, or would be: to people as a table, to programs as JSON.

Law: never a value, only places, rules and placeholders. What a cassette says of itself (names of files, ids) is escaped
first. The JSON document is written row by row, whatever their number; a table ends after ROWS.
`docs/resanitize-json.md` names every key.
"""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson
from rich.text import Text

from cassette_tools.views.console import Column, Page, shown
from cassette_tools.views.escape import json_safe
from cassette_tools.views.figures import count_text, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TextIO

    from cassette_tools.findings import Findings, Row
    from cassette_tools.resanitize import Outcome
    from recorder.errors import RecorderError

__all__ = ["ROWS", "print_findings", "show_findings", "show_outcomes", "tell"]

ROWS: Final = 1000
"""Rows of a table, which is laid out as a whole."""

_NAMED: Final = 10
"""Files, rules or ranges that a summary names."""

Trouble = tuple[str, "RecorderError"]


def show_findings(rows: Iterator[Row], page: Page, *, several: bool) -> None:
    """Show rows as a table, those of the first ROWS; `several` files have a column of their own."""
    columns = [
        *([Column("file", right=False, rank=1)] if several else []),
        Column("interaction", right=True),
        Column("place", right=False),
        Column("rule", right=False, flexible=True),
        Column("kind", right=False, rank=3),
        Column("placeholder", right=False, rank=2),
        Column("count"),
    ]
    cells = [_cells(row, several=several) for row in islice(rows, ROWS)]
    if not cells:
        return
    page.table(columns, cells)
    more = sum(1 for _ in rows)
    if more:
        page.line(Text(f"  and {count_text(more, 'more row')}; --json has them all", style="dim"))


def print_findings(
    findings: Findings,
    outcomes: Sequence[Outcome],
    troubles: Sequence[Trouble],
    unproven: Sequence[str],
    stream: TextIO | None = None,
) -> None:
    """Print everything as one JSON document."""
    stream = stream or sys.stdout
    stream.write('{"findings":[')
    for place, row in enumerate(findings.rows()):
        stream.write(("," if place else "") + _dumped(_row(row)))
    files = [_file(outcome) for outcome in outcomes]
    files += [{"file": name, "error": str(error)} for name, error in troubles]
    rest = {
        "files": files,
        "found": sum(outcome.found for outcome in outcomes),
        "rules": _sum(outcomes),
        "removed": sum(outcome.removed for outcome in outcomes),
        "unproven": list(unproven),
    }
    stream.write("]," + _dumped(rest)[1:] + "\n")


def show_outcomes(
    outcomes: Sequence[Outcome],
    troubles: Sequence[Trouble],
    unproven: Sequence[str],
    page: Page,
    *,
    checked: bool,
) -> None:
    """Say in a few lines what became of the files."""
    found = sum(outcome.found for outcome in outcomes)
    files = sum(1 for outcome in outcomes if outcome.found)
    would = "would be" if checked else "was" if found == 1 else "were"
    where = f" in {files:,} of {count_text(len(outcomes), 'cassette')}" if len(outcomes) > 1 else ""
    if outcomes:
        page.line(
            Text(
                f"{count_text(found, 'finding')} {would} redacted{where}."
                if found
                else f"Nothing to redact{_in(outcomes)}{_marked(outcomes, checked=checked)}."
            )
        )
    rules = sorted(_sum(outcomes).items(), key=lambda item: (-item[1], item[0]))
    for rule, count in rules[:_NAMED]:
        page.line(shown(f"  {count:>9,}  {rule}"))
    if len(rules) > _NAMED:
        page.line(f"  and {count_text(len(rules) - _NAMED, 'more rule')}; --report or --json tells all")
    _show_removed(outcomes, page)
    _show_left_out(outcomes, page, checked=checked)
    _show_other_names(outcomes, page)
    for said in unproven[:_NAMED]:
        page.line(shown(f"Not proved gone: {said}", "yellow"))
    if len(unproven) > _NAMED:
        page.line(f"and {count_text(len(unproven) - _NAMED, 'more value')} that cannot be proved gone")
    for _, error in troubles:
        page.line(shown(str(error), "red"))
    if found:
        page.line(
            Text("A secret that was in a file that others could read is known to them: replace it at its issuer.")
        )


def tell(message: str) -> None:
    """Say something on stderr."""
    Page(sys.stderr).line(shown(message))


def _show_removed(outcomes: Iterable[Outcome], page: Page) -> None:
    for outcome in outcomes:
        if outcome.removed:
            what = count_text(outcome.removed, "text or body", "texts or bodies")
            page.line(shown(f"{outcome.name}: {what} had to go as a whole to be sure.", "yellow"))


def _show_left_out(outcomes: Iterable[Outcome], page: Page, *, checked: bool) -> None:
    were = "would be" if checked else "were"
    for outcome in outcomes:
        left = sum(damage.end - damage.start for damage in outcome.left_out)
        if left:
            why = ", ".join(sorted({damage.reason for damage in outcome.left_out})[:_NAMED])
            page.line(
                shown(f"{outcome.name}: {size_text(left)} that cannot be read {were} left out ({why}).", "yellow")
            )


def _show_other_names(outcomes: Iterable[Outcome], page: Page) -> None:
    for outcome in outcomes:
        if outcome.other_names > 0:
            names = count_text(outcome.other_names, "other name")
            page.line(shown(f"{outcome.name}: the old file has {names} (hard links), and still holds all.", "yellow"))


def _marked(outcomes: Sequence[Outcome], *, checked: bool) -> str:
    """Say that a file was written nevertheless, because its header line now names the policy."""
    if checked or not any(outcome.changed for outcome in outcomes):
        return ""
    return "; the header line now names the policy"


def _in(outcomes: Sequence[Outcome]) -> str:
    return f" in {count_text(len(outcomes), 'cassette')}" if len(outcomes) > 1 else ""


def _cells(row: Row, *, several: bool) -> list[Text]:
    number = f"{row.interaction:,}" if row.interaction is not None else f"line {row.line:,}"
    return [
        *([shown(row.file)] if several else []),
        Text(number),
        shown(row.place),
        shown(row.rule),
        shown(row.kind),
        shown(row.placeholder),
        Text(f"{row.count:,}"),
    ]


def _row(row: Row) -> dict[str, Any]:
    return {
        "file": row.file,
        "line": row.line,
        "interaction": row.interaction,
        "id": row.id,
        "place": row.place,
        "rule": row.rule,
        "kind": row.kind,
        "placeholder": row.placeholder,
        "count": row.count,
    }


def _file(outcome: Outcome) -> dict[str, Any]:
    return {
        "file": outcome.name,
        "error": None,
        "size": outcome.size,
        "new_size": outcome.new_size,
        "interactions": outcome.interactions,
        "found": outcome.found,
        "rules": dict(outcome.rules),
        "removed": outcome.removed,
        "changed": outcome.changed,
        "left_out": [{"start": one.start, "end": one.end, "reason": one.reason} for one in outcome.left_out],
    }


def _sum(outcomes: Iterable[Outcome]) -> dict[str, int]:
    rules: dict[str, int] = {}
    for outcome in outcomes:
        for rule, count in outcome.rules.items():
            rules[rule] = rules.get(rule, 0) + count
    return rules


def _dumped(value: dict[str, Any]) -> str:
    try:
        dumped = orjson.dumps(value)
    except TypeError:  # a lone surrogate: a file name that is no UTF-8
        dumped = orjson.dumps(_without_surrogates(value))
    return json_safe(dumped.decode())


def _without_surrogates(value: Any) -> Any:  # noqa: ANN401 - a value of JSON
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(one) for key, one in value.items()}
    return [_without_surrogates(one) for one in value] if isinstance(value, list) else value
