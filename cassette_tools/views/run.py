"""Shows what a run of `ctools record` came to, on stderr: stdout is the program's.

Law: a few lines, which fit the width of a terminal. What comes from the recording or from a process is escaped (see
`escape`).
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.run import signal_name
from cassette_tools.shell_word import shell_word
from cassette_tools.streams import forget
from cassette_tools.views.escape import json_safe, visible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from cassette_tools.run import Outcome
    from cassette_tools.runs import Process
    from cassette_tools.summary import Summary
    from cassette_tools.views.console import Page

__all__ = ["show_run", "show_run_as_json", "warn"]

_FEW: Final = 3
_MANY: Final = 100
_INDENT: Final = 11


def warn(message: str) -> None:
    """Print one line of trouble at once, among what the program prints."""
    with _stderr() as stream:
        stream.write(f"ctools: {visible(message)}\n")


def show_run(outcome: Outcome) -> None:
    """Print the summary of a run."""
    from cassette_tools.views.console import Page  # noqa: PLC0415 -- rich is slow to load, and --quiet needs none of it

    with _stderr() as stream:
        _show(Page(stream), outcome)


def show_run_as_json(outcome: Outcome) -> None:
    """Print the summary of a run as one line of JSON."""
    import orjson  # noqa: PLC0415 -- only where it is asked for

    with _stderr() as stream:
        stream.write(json_safe(orjson.dumps(_as_object(outcome)).decode()) + "\n")


@contextmanager
def _stderr() -> Iterator[TextIO]:
    """Give stderr, or, where it is closed or nobody reads it any more, the null device for now and ever.

    The command's exit code is what counts; Python would replace it when it cannot flush at its end.
    """
    if sys.stderr is None:
        with open(os.devnull, "w") as null:  # noqa: PTH123 -- the name is a string
            yield null
        return
    try:
        yield sys.stderr
        sys.stderr.flush()
    except (OSError, SystemExit):  # rich makes SystemExit of a broken pipe
        forget(sys.stderr)


def _show(page: Page, outcome: Outcome) -> None:
    _wrapped(page, _headline(outcome))
    if outcome.summary is not None and outcome.interactions:
        _figures(page, outcome, outcome.summary)
    for line in outcome.missing:
        _fact(page, "missing" if outcome.interactions else "why", line)
    if outcome.running:
        who = "1 process goes on" if outcome.running == 1 else f"{outcome.running:,} processes go on"
        _fact(page, "running", f"{who} in the background; further requests are recorded, and not counted here")
    for line in outcome.trouble:
        _fact(page, "trouble", line)
    if outcome.kept:
        _fact(page, "kept", f"{_shown_path(outcome)} is the old one: a recording of nothing does not replace it")
    if outcome.interactions:
        _fact(page, "secrets", _secrets(outcome))
        for line in outcome.unproven:
            _fact(page, "unproven", line)
        _fact(page, "next", f"ctools inspect {shell_word(_shown_path(outcome))}")


def _secrets(outcome: Outcome) -> str:
    """Tell what was redacted, by rule."""
    if outcome.redacted is None:
        return "nothing was redacted: passwords and tokens may be in the cassette; do not share it"
    if not outcome.redacted:
        return "none found"
    kinds: dict[str, int] = {}
    for rule, count in outcome.redacted.items():
        kind = rule if rule.startswith(("known:", "header:", "format:")) else rule.partition(":")[0]
        kinds[kind] = kinds.get(kind, 0) + count
    rows = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{kind} {count:,}" for kind, count in rows[:_FEW])
    rest = sum(count for _, count in rows[_FEW:])
    line = f"redacted: {shown}" + (f", others {rest:,}" if rest else "")
    if outcome.removed:
        line += f"; {outcome.removed:,} removed whole, because a known secret could not be taken out"
    return line


def _headline(outcome: Outcome) -> str:
    from cassette_tools.views.figures import count_text, duration_text, size_text  # noqa: PLC0415 -- see show_run

    what = count_text(outcome.interactions, "interaction") if outcome.interactions else "nothing"
    line = f"ctools: recorded {what} in {duration_text(outcome.duration_s * 1000)}"
    if outcome.interactions:
        line += f" into {_shown_path(outcome)} ({size_text(outcome.size)})"
    if outcome.ended.signal is not None:
        line += f"; {signal_name(outcome.ended.signal)} ended the command"
    elif outcome.ended.exit_code:
        line += f"; exit code {outcome.ended.exit_code}"
    return line


def _figures(page: Page, outcome: Outcome, summary: Summary) -> None:
    from cassette_tools.views.figures import size_text  # noqa: PLC0415 -- see show_run

    _fact(page, "hosts", _top(summary.hosts))
    errors = _errors(summary)
    if errors:
        _fact(page, "errors", errors)
    received, sent = summary.responses.stored.total, summary.requests.stored.total
    _fact(page, "bodies", f"{size_text(received)} received, {size_text(sent)} sent")
    memory = _memory(summary)
    if memory:
        _fact(page, "memory", memory)
    if outcome.lost:
        _fact(page, "lost", ", ".join(f"{count:,} ({reason})" for reason, count in outcome.lost.items()))


def _top(tally: Any) -> str:  # noqa: ANN401 -- a Tally of any rows
    rows = tally.top(_FEW)
    shown = ", ".join(f"{key} {row.count:,}" for key, row in rows)
    rest = tally.rest(_FEW).count
    return f"{shown}, others {rest:,}" if rest else shown


def _errors(summary: Summary) -> str:
    """Tell what failed, and which responses say that something failed."""
    refused = {status: row.count for status, row in summary.statuses.top(_MANY) if status >= "400" and status.isdigit()}
    parts = [_top(summary.failures)] if summary.failures.rows else []
    return ", ".join(parts + [f"status {status} {count:,}" for status, count in list(refused.items())[:_FEW]])


def _memory(summary: Summary) -> str:
    """Tell how the process that grew most grew. Empty where no process could tell its size."""
    from cassette_tools.views.figures import count_text, size_text  # noqa: PLC0415 -- see show_run

    known = [process for _, process in summary.processes.top(_MANY) if process.rss_first is not None]
    if not known:
        return ""
    most = max(known, key=_growth)
    text = f"{size_text(most.rss_first)} to {size_text(most.rss_last)}, at most {size_text(most.rss_largest)}"
    others = len(summary.processes.rows) - 1
    return f"{text} (of {count_text(others + 1, 'process', 'processes')} the one that grew most)" if others else text


def _growth(process: Process) -> int:
    return (process.rss_largest or 0) - (process.rss_first or 0)


def _wrapped(page: Page, text: str) -> None:
    page.fact("", visible(text), indent=0)


def _fact(page: Page, label: str, text: str) -> None:
    page.fact(f"  {label}", visible(text), indent=_INDENT)


def _shown_path(outcome: Outcome) -> str:
    """Return the path as it is typed here: relative where that is shorter."""
    try:
        relative = os.path.relpath(outcome.path)
    except ValueError:
        return str(outcome.path)  # another drive (Windows)
    return min(relative, str(outcome.path), key=len)


def _as_object(outcome: Outcome) -> dict[str, Any]:
    ended = outcome.ended
    summary = outcome.summary
    return {
        "cassette": _encodable(str(outcome.path)),
        "size": outcome.size,
        "written": outcome.written,
        "duration_ms": round(outcome.duration_s * 1000, 3),
        "exit_code": ended.exit_code,
        "signal": None if ended.signal is None else signal_name(ended.signal),
        "interactions": outcome.interactions,
        "errors": outcome.errors,
        "lost": outcome.lost,
        "redaction": "none" if outcome.redacted is None else "policy",
        "redacted": outcome.redacted or {},
        "removed": outcome.removed,
        "unproven": list(outcome.unproven),
        "kept_old": outcome.kept,
        "running": outcome.running,
        "missing": [_encodable(line) for line in outcome.missing],
        "trouble": [_encodable(line) for line in outcome.trouble],
        **({} if summary is None else _figures_as_object(summary)),
    }


def _encodable(text: str) -> str:
    """Write out what UTF-8 cannot say: bytes of a file name that are no text."""
    return text.encode("utf-8", "backslashreplace").decode()


def _figures_as_object(summary: Summary) -> dict[str, Any]:
    return {
        "hosts": {host: row.count for host, row in summary.hosts.top(_MANY)},
        "hosts_left_out": summary.hosts.rest(_MANY).count,
        "statuses": {status: row.count for status, row in summary.statuses.top(_MANY)},
        "bytes_received": int(summary.responses.stored.total),
        "bytes_sent": int(summary.requests.stored.total),
        "processes": [
            {
                "process": token,
                "pid": process.pid,
                "program": process.program,
                "interactions": process.count,
                "rss_first": process.rss_first,
                "rss_last": process.rss_last,
                "rss_largest": process.rss_largest,
            }
            for token, process in summary.processes.top(_MANY)
        ],
    }
