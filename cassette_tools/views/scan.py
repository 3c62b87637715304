"""Shows what a scan found: a line for each finding on stdout, a summary on stderr, or one JSON object.

Law: no value, and no part of one, is shown. Paths are escaped (see `escape`). Lines are never cut: programs read them.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.shell_word import shell_word
from cassette_tools.views.escape import json_safe, visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from cassette_tools.guard import Finding, Report

__all__ = ["Tally", "show_report", "show_tally", "tally_object"]

_MOST_NAMED: Final = 5


class Tally:
    """What is counted over all files; `kept` holds the reports that a JSON object tells of."""

    def __init__(self) -> None:
        self.files = 0
        self.skipped = 0
        self.bytes = 0
        self.findings = 0
        self.leaking = 0
        self.trouble = 0
        self.cassettes: list[str] = []
        self.others = 0
        self.kept: list[Report] = []

    def add(self, report: Report, *, keep: bool) -> None:
        """Count a report."""
        if report.skipped:
            self.skipped += 1
            return
        self.files += 1
        self.bytes += report.size
        count = len(report.findings) + report.more
        self.findings += count
        self.trouble += report.trouble is not None
        if count:
            self.leaking += 1
            if report.is_cassette and report.path != "-":
                self.cassettes.append(report.path)
            else:
                self.others += 1
        if keep and (count or report.trouble):
            self.kept.append(report)


def show_report(report: Report, stream: TextIO | None = None) -> None:
    """Print the findings of a file, one a line; its trouble goes to stderr."""
    stream = stream or sys.stdout
    path = visible(report.path)
    for finding in report.findings:
        stream.write(f"{path}:{finding.line}:{finding.column}: {_told(finding)}\n")
    if report.more:
        stream.write(f"{path}: and {report.more:,} more\n")
    if report.trouble is not None:
        stream.flush()
        _say(f"ctools: {path}: {visible(report.trouble)}")


def show_tally(tally: Tally, unproven: Sequence[str]) -> None:
    """Print the summary, and what to do next."""
    looked = "1 file" if tally.files == 1 else f"{tally.files:,} files"
    skipped = f"; {tally.skipped:,} skipped, no cassettes" if tally.skipped else ""
    found = "no secrets" if not tally.findings else "1 secret" if tally.findings == 1 else f"{tally.findings:,} secrets"
    where = f" in {tally.leaking:,} of {looked}" if tally.leaking and tally.files > 1 else f" in {looked}"
    trouble = f"; {tally.trouble:,} not read as a whole: see above" if tally.trouble else ""
    _say(f"{found}{where}{skipped}{trouble}")
    if unproven:
        _say(f"not looked for with certainty: {visible('; '.join(unproven))}")
    if not tally.findings:
        return
    if tally.cassettes:
        named = [shell_word(path) for path in tally.cassettes[:_MOST_NAMED]]
        more = " ..." if len(tally.cassettes) > _MOST_NAMED else ""
        _say(f"take them out: ctools resanitize --in-place {' '.join(named)}{more}")
    if tally.others:
        _say("elsewhere: replace the values by hand, or filter while recording and record again")
    _say("a secret that was committed or shared stays known: revoke it and make a new one")


def print_object(tally: Tally, unproven: Sequence[str], stream: TextIO | None = None) -> None:
    """Print everything as one object; indented on a terminal."""
    import orjson  # noqa: PLC0415 -- only where it is asked for

    stream = stream or sys.stdout
    option = orjson.OPT_INDENT_2 if stream.isatty() else 0
    text = orjson.dumps(tally_object(tally, unproven), option=option).decode("utf-8")
    stream.write(json_safe(text) + "\n")


def tally_object(tally: Tally, unproven: Sequence[str]) -> dict[str, Any]:
    """Return what was found as an object of JSON; `ctools scan --help` names its keys."""
    return {
        "files": tally.files,
        "skipped": tally.skipped,
        "bytes": tally.bytes,
        "found": tally.findings,
        "findings": [
            {
                "path": _text(report.path),
                "line": finding.line,
                "column": finding.column,
                "rule": finding.rule,
                "place": finding.place,
                "interaction": finding.interaction,
            }
            for report in tally.kept
            for finding in report.findings
        ],
        "more": {_text(report.path): report.more for report in tally.kept if report.more},
        "trouble": [
            {"path": _text(report.path), "message": report.trouble}
            for report in tally.kept
            if report.trouble is not None
        ],
        "unproven": list(unproven),
    }


def _told(finding: Finding) -> str:
    number = "" if finding.interaction is None else f" (interaction {finding.interaction})"
    return f"{visible(finding.rule)} {finding.place}{number}"


def _text(path: str) -> str:
    """Give a path as text: bytes of it that are no UTF-8 are written out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _say(message: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{message}\n")
