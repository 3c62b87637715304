"""Shows a comparison to programs, as JSON. `docs/diff-json.md` names every key, `docs/diff.schema.json` holds them.

Law: one object, written as the comparison goes along: each pairing that differs on a line of its own, the figures
behind them. What is not known is null. What could drive a terminal is escaped, which changes no value; a lone
surrogate, which JSON cannot hold, is written as the text of its escape.

Memory: one pairing, and the totals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from cassette_tools.diff.folders import FolderComparison
from cassette_tools.diff.model import SEVERITIES
from cassette_tools.views.diff.wording import worst_of
from cassette_tools.views.escape import json_safe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from cassette_tools.diff.comparison import Comparison
    from cassette_tools.diff.model import Change, Ignored, Pairing, Side, Totals

__all__ = ["pairing_object", "show", "totals_object"]


def show(comparison: Comparison | FolderComparison, stream: TextIO) -> None:
    """Write the comparison as one object, and a line feed."""
    if isinstance(comparison, FolderComparison):
        _write_folder(comparison, stream)
    else:
        stream.write("{")
        _write_cassettes(comparison, stream)
    stream.write("}\n")


def _write_folder(folder: FolderComparison, stream: TextIO) -> None:
    sides = {"old": {"name": folder.old}, "new": {"name": folder.new}}
    stream.write(f'{_dumped(sides)[:-1]},"cassettes":[')
    same = differing = 0
    for number, (name, comparison) in enumerate(folder):
        stream.write(f'{"," if number else ""}\n{{"name":{_dumped(name)},')
        _write_cassettes(comparison, stream)
        stream.write("}")
        differs = comparison.totals.worst() is not None
        differing += differs
        same += not differs
    rest = {
        "only_old": list(folder.only_old),
        "only_new": list(folder.only_new),
        "errors": [{"file": name, "error": error.slug, "message": str(error)} for name, error in folder.troubles],
        **_figures(folder.totals),
    }
    rest["totals"] |= {"severity": worst_of(folder), "cassettes": _cassettes(folder, same, differing)}
    stream.write(f"\n],{_dumped(rest)[1:-1]}")


def _cassettes(folder: FolderComparison, same: int, differing: int) -> dict[str, int]:
    return {
        "same": same,
        "changed": differing,
        "removed": len(folder.only_old),
        "added": len(folder.only_new),
        "errors": len(folder.troubles),
    }


def _write_cassettes(comparison: Comparison, stream: TextIO) -> None:
    """Write the keys and values of a comparison, without the braces."""
    sides = {
        "old": {"name": comparison.old.name, "format": comparison.old.format},
        "new": {"name": comparison.new.name, "format": comparison.new.format},
    }
    stream.write(f'{_dumped(sides)[1:-1]},"differences":[')
    stream.writelines(
        f"{',' if number else ''}\n{_dumped(pairing_object(pairing))}" for number, pairing in enumerate(comparison)
    )
    stream.write(f"\n],{_dumped(_figures(comparison.totals))[1:-1]}")


def _figures(totals: Totals) -> dict[str, Any]:
    return {
        "totals": totals_object(totals),
        "ignored": _ignored(totals.ignored),
        "ignored_left_out": totals.ignored_left_out,
    }


def pairing_object(pairing: Pairing) -> dict[str, Any]:
    """Give a pairing as an object of JSON."""
    return {
        "verdict": pairing.verdict,
        "severity": pairing.severity,
        "old": _side(pairing.old),
        "new": _side(pairing.new),
        "changes": [_change(change) for change in pairing.changes],
        "changes_left_out": pairing.left_out,
        "ignored": _ignored(pairing.ignored),
    }


def totals_object(totals: Totals) -> dict[str, Any]:
    """Give the figures as an object of JSON."""
    return {
        "old_interactions": totals.old_interactions,
        "new_interactions": totals.new_interactions,
        "same": totals.same,
        "changed": totals.changed,
        "removed": totals.removed,
        "added": totals.added,
        "severity": totals.worst(),
        "changes": {severity: totals.changes[severity] for severity in SEVERITIES},
    }


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "number": side.number,
        "method": side.method,
        "url": side.url,
        "status": side.status,
        "error": side.error,
        "size": side.size,
        "total_ms": side.total_ms,
        "content_type": side.content_type,
    }


def _change(change: Change) -> dict[str, Any]:
    made: dict[str, Any] = {
        "part": change.part,
        "place": change.place,
        "path": change.path,
        "action": change.action,
        "severity": change.severity,
        "old": change.old,
        "new": change.new,
    }
    if change.place == "line":
        made |= {"new_line": change.new_line, "before": list(change.before), "after": list(change.after)}
    return made


def _ignored(ignored: Mapping[Ignored, int]) -> list[dict[str, Any]]:
    return [{"rule": one.rule, "where": one.where, "count": count} for one, count in ignored.items()]


def _dumped(value: Any) -> str:  # noqa: ANN401 - a value of JSON
    try:
        dumped = orjson.dumps(value)
    except TypeError:  # a lone surrogate: a file name that is no UTF-8, or recorded text
        dumped = orjson.dumps(_without_surrogates(value))
    return json_safe(dumped.decode())


def _without_surrogates(value: Any) -> Any:  # noqa: ANN401 - a value of JSON
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _without_surrogates(one) for key, one in value.items()}
    return [_without_surrogates(one) for one in value] if isinstance(value, list) else value
