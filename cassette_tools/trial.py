"""Tries a policy on one interaction: what would be redacted, and by which rule.

Law: reads one interaction and writes nothing. What is returned holds places, rules, counts and placeholders, no value
that would go; the URL is the redacted one. Memory: the interaction's line, and one piece of a body in pieces.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from cassette_tools.listing import find
from recorder.redact.engine import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recorder.journal.read import Line, Part, Reader
    from recorder.redact.engine import Finding
    from recorder.redact.policy import Policy

__all__ = ["Trial", "try_on"]

_PARTS: Final[tuple[Part, ...]] = ("request", "response")


@dataclass(frozen=True, slots=True)
class Trial:
    """What would go from interaction `number`; `unproven` names known values that cannot be proved gone."""

    number: int
    method: str
    url: str
    fingerprint: str
    findings: tuple[Finding, ...]
    unproven: tuple[str, ...]


def try_on(reader: Reader, number: int, policy: Policy, *, name: str) -> Trial:
    """Redact the interaction with this number in memory, twice: values that the first run learns go in the second.

    Raises UsageError, naming the cassette `name`, where there is no such interaction, and what reading it raises.
    """
    line, _ = find(reader, number, name=name)
    redactor = Redactor(policy)
    _redacted(redactor, reader, line)
    record, findings = _redacted(redactor, reader, line)
    request = record.get("request") or {}
    return Trial(
        number=number,
        method=str(request.get("method", "")),
        url=str(request.get("url", "")),
        fingerprint=policy.fingerprint(),
        findings=tuple(_together(findings)),
        unproven=redactor.unproven,
    )


def _redacted(redactor: Redactor, reader: Reader, line: Line) -> tuple[dict[str, Any], list[Finding]]:
    record = line.load()
    written = orjson.dumps(record) + b"\n"
    redactor.redact_line(written)  # learns what places give away; the second time that is found elsewhere, too
    redactor.learn(redactor.learned())
    data, findings = redactor.redact_line(written)
    for part in _PARTS:
        message = record.get(part)
        body = message.get("body") if isinstance(message, dict) else None
        if isinstance(body, dict) and body.get("pieces") is not None:
            findings = findings + _streamed(redactor, reader, line, part)
    return orjson.loads(data), findings


def _streamed(redactor: Redactor, reader: Reader, line: Line, part: Part) -> list[Finding]:
    """Redact a body in pieces as it would be while recording it."""
    head = line.head
    stream = redactor.open_stream(part, head[part].get("headers", []), head["request"].get("url", ""))
    for piece in reader.body(line, part):
        stream.feed(piece)
    stream.finish()
    return list(stream.findings)


def _together(findings: Iterable[Finding]) -> list[Finding]:
    """Add up findings that say the same, and sort them as the interaction goes."""
    counts: dict[Finding, int] = {}
    for one in findings:
        key = dataclasses.replace(one, count=0)
        counts[key] = counts.get(key, 0) + one.count
    together = [dataclasses.replace(key, count=count) for key, count in counts.items()]
    return sorted(together, key=lambda one: (one.place, one.rule, one.placeholder))
