"""Shows summaries, lists and single interactions to programs, as JSON. `docs/inspect-json.md` names every key.

Law: one document, or one object a line (JSON Lines). Numbers are plain: bytes, milliseconds, counts; times are RFC
3339 in UTC; what is not known is null. What could drive a terminal is escaped, which changes no value. A body is
written piece by piece, whatever its size.
"""

from __future__ import annotations

import base64
import codecs
import sys
from typing import TYPE_CHECKING, Any, Final

import orjson

from cassette_tools.views.escape import json_safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime
    from typing import TextIO

    from cassette_tools.choice import Choice
    from cassette_tools.duplicates import Group
    from cassette_tools.histogram import Histogram
    from cassette_tools.listing import Entry
    from cassette_tools.runs import Diagnosis, Run
    from cassette_tools.source import Facts
    from cassette_tools.summary import Count, Sizes, Summary, Traffic
    from cassette_tools.tally import Tally

__all__ = [
    "choice_object",
    "dumped",
    "file_object",
    "print_duplicate",
    "print_entry",
    "print_interaction",
    "print_summary",
    "rounded",
]


def print_summary(summary: Summary, facts: Facts, choice: Choice | None = None, stream: TextIO | None = None) -> None:
    """Print the summary as one object; indented on a terminal."""
    stream = stream or sys.stdout
    option = orjson.OPT_INDENT_2 if stream.isatty() else 0
    stream.write(dumped(summary_object(summary, facts, choice), option) + "\n")


def print_entry(entry: Entry, stream: TextIO | None = None) -> None:
    """Print one interaction in short as one line."""
    (stream or sys.stdout).write(dumped(entry_object(entry)) + "\n")


def print_duplicate(group: Group, stream: TextIO | None = None) -> None:
    """Print a group of equal requests as one line."""
    (stream or sys.stdout).write(dumped(duplicate_object(group)) + "\n")


def print_interaction(
    number: int,
    head: Mapping[str, Any],
    bodies: Mapping[str, Callable[[], Iterable[bytes]]],
    stream: TextIO | None = None,
) -> None:
    """Print one interaction as one line: `number`, the keys of its line in the cassette, and its whole `bodies`.

    `bodies` gives for each part a function that begins to yield its bytes; each is called twice. Holds one piece at a
    time. Raises what they raise, before anything is printed where a body is damaged.
    """
    stream = stream or sys.stdout
    kinds = {part: _is_utf8(begin()) for part, begin in bodies.items()}
    stream.write(dumped({"number": number, **head})[:-1] + ',"bodies":{')
    for place, (part, begin) in enumerate(bodies.items()):
        stream.write(f'{"," if place else ""}"{part}":{{"{"text" if kinds[part] else "base64"}":"')
        for text in _texts(begin()) if kinds[part] else _base64(begin()):
            stream.write(dumped(text)[1:-1])
        stream.write('"}')
    stream.write("}}\n")


def summary_object(summary: Summary, facts: Facts, choice: Choice | None = None) -> dict[str, Any]:
    """Return the summary as an object of JSON."""
    converted = bool(summary.runs) and all(run.converted for run in summary.runs)
    return {
        "file": file_object(facts),
        "only": choice_object(choice),
        "runs": [_run(run) for run in summary.runs] if facts.format == "jsonl" else [],
        "runs_left_out": summary.runs_left_out,
        "interactions": summary.interactions,
        "failed": sum(run.failures for run in summary.runs),
        "started_at": _moment(summary.started_at),
        "ended_at": _moment(summary.ended_at),
        "methods": _counts(summary.methods),
        "statuses": _counts(summary.statuses),
        "clients": _counts(summary.clients),
        "tls": _counts(summary.tls),
        "reused": summary.reused,
        "hosts": _traffic("host", summary.hosts),
        "endpoints": _traffic("endpoint", summary.endpoints),
        "failures": [
            {"phase": key.partition(" ")[0], "type": key.partition(" ")[2], "count": row.count}
            for key, row in summary.failures.top(len(summary.failures.rows))
        ],
        "bodies": {"request": _sizes(summary.requests), "response": _sizes(summary.responses)},
        "timings_ms": {
            "connect": _percentiles(summary.connect),
            "first_byte": _percentiles(summary.first_byte),
            "total": _percentiles(summary.latency),
        },
        "redacted": _counts(summary.redactions),
        "memory": {
            "first": summary.memory.first,
            "last": summary.memory.last,
            "largest": summary.memory.largest,
            "interactions_per_point": summary.memory.width,
            "points": summary.memory.peaks,
        },
        "processes": [
            {
                "process": key,
                "pid": row.pid,
                "program": row.program,
                "python": row.python,
                "ended": row.ended,
                "interactions": row.count,
                "rss_first": row.rss_first,
                "rss_last": row.rss_last,
                "rss_largest": row.rss_largest,
            }
            for key, row in summary.processes.top(len(summary.processes.rows))
            if not converted
        ],
        "diagnosis": [_diagnosis(key, sample) for key, sample in summary.diagnoses.top(len(summary.diagnoses.rows))],
    }


def choice_object(choice: Choice | None) -> dict[str, Any] | None:
    """Return what a filter took, and of how many, as an object of JSON."""
    return None if choice is None else {"filter": choice.only, "held": choice.held, "taken": choice.taken}


def file_object(facts: Facts) -> dict[str, Any]:
    """Return what is known of the file as an object of JSON."""
    return {
        "name": facts.name,
        "size": facts.size,
        "mode": facts.mode,
        "growing": facts.growing,
        "damage": [{"start": one.start, "end": one.end, "reason": one.reason} for one in facts.damage],
        "format": facts.format,
        "remarks": [
            {"text": one.text, "count": one.count, "first": one.place, "lost": one.lost} for one in facts.remarks
        ],
    }


def entry_object(entry: Entry) -> dict[str, Any]:
    """Return one interaction in short as an object of JSON."""
    head = entry.head
    return {
        "number": entry.number,
        "id": head.get("id"),
        "started_at": head.get("started_at"),
        "offset_ms": entry.offset_ms,
        "method": entry.method,
        "url": entry.url,
        "status": entry.status,
        "error": head.get("error") and {key: head["error"].get(key) for key in ("phase", "type", "message")},
        "request_size": entry.request_size,
        "response_size": entry.response_size,
        "timings_ms": head.get("timings_ms"),
        "client": head.get("client"),
        "process": head.get("process"),
        "rss": head.get("rss"),
    }


def duplicate_object(group: Group) -> dict[str, Any]:
    """Return a group of equal requests as an object of JSON."""
    return {
        "count": group.count,
        "method": group.method,
        "url": group.url,
        "numbers": group.numbers,
        "answers": group.answers,
        "statuses": {"none" if status is None else str(status): count for status, count in group.statuses.items()},
        "repeats_ms": group.repeats_ms,
        "repeats_bytes": group.repeats_bytes,
    }


def _run(run: Run) -> dict[str, Any]:
    """Return a run; of one that a conversion made, what tells of that conversion and not of the traffic is null."""
    said = {
        "run": run.run,
        "format": run.format,
        "created_at": _moment(run.created_at),
        "ended": run.ended,
        "ended_at": _moment(run.ended_at),
        "exit_code": run.exit_code,
        "signal": run.signal,
        "recorder": run.recorder,
        "python": run.python,
        "platform": run.platform,
        "redaction": run.redaction,
        "interactions": run.interactions,
        "failed": run.failures,
        "seen": run.seen,
        "lost": run.lost,
        "converted": run.converted,
    }
    return said | dict.fromkeys(_OF_RECORDINGS) if run.converted else said


_OF_RECORDINGS: Final = ("ended", "ended_at", "exit_code", "signal", "python", "platform")


def _counts(tally: Tally[Count]) -> dict[str, Any]:
    rows = {key: row.count for key, row in tally.top(len(tally.rows))}
    return {"counts": rows, "others": tally.others.count}


def _traffic(noun: str, tally: Tally[Traffic]) -> dict[str, Any]:
    return {
        "rows": [{noun: key, **_traffic_row(row)} for key, row in tally.top(len(tally.rows))],
        "others": _traffic_row(tally.others) if tally.was_cut else None,
    }


def _traffic_row(row: Traffic) -> dict[str, Any]:
    return {
        "count": row.count,
        "failed": row.failures,
        "errors": row.errors,
        "bytes_sent": row.bytes_sent,
        "bytes_received": row.bytes_received,
        "mean_ms": rounded(row.total_ms / row.timed) if row.timed else None,
        "slowest_ms": row.slowest_ms if row.timed else None,
    }


def _sizes(sizes: Sizes) -> dict[str, Any]:
    stored = sizes.stored
    return {
        "count": stored.count,
        "stored": int(stored.total),
        "on_the_wire": sizes.wire_total,
        **{f"p{percent}": stored.percentile(percent) for percent in (50, 90, 95, 99)},
        "largest": stored.largest if stored.count else None,
        "incomplete": {key: row.count for key, row in sizes.incomplete.top(len(sizes.incomplete.rows))},
    }


def rounded(milliseconds: float) -> float:
    """Return a sum or a mean without the last digits, which depend on the order in which numbers were added."""
    return round(milliseconds, 6)


def _percentiles(histogram: Histogram) -> dict[str, Any]:
    count = histogram.count
    return {
        "count": count,
        "mean": rounded(histogram.total / count) if count else None,
        **{f"p{percent}": histogram.percentile(percent) for percent in (50, 90, 95, 99)},
        "largest": histogram.largest if count else None,
    }


def _diagnosis(process: str, sample: Diagnosis) -> dict[str, Any]:
    return {
        "process": process,
        "samples": sample.count,
        "figures": {
            name: {"first": one.first, "last": one.last, "largest": one.largest} for name, one in sample.figures.items()
        },
        "growth": [{"site": site, "size_diff": size, "count_diff": count} for site, size, count in sample.growth],
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def dumped(value: object, option: int = 0) -> str:
    """Return a value as JSON that may go to a terminal. `option` is one of orjson's."""
    try:
        dumped = orjson.dumps(value, option=option)
    except TypeError:
        # A lone surrogate: a file name that is no UTF-8. It is written as the escape of its byte.
        # Or a sum of sizes that lie, beyond 64 bits: it becomes a float, as such numbers do wherever they are read.
        dumped = orjson.dumps(_writable(value), option=option)
    return json_safe(dumped.decode())


_BITS: Final = 63


def _writable(value: Any) -> Any:  # noqa: ANN401 - a value of JSON
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int) and value.bit_length() > _BITS:
        return float(value)
    if isinstance(value, dict):
        return {_writable(key): _writable(one) for key, one in value.items()}
    return [_writable(one) for one in value] if isinstance(value, list | tuple) else value


def _is_utf8(pieces: Iterable[bytes]) -> bool:
    """Tell whether the whole body is strictly valid UTF-8. Always reads to the end: damage shows before printing."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    valid = True
    for piece in pieces:
        try:
            if valid:
                decoder.decode(piece)
        except UnicodeDecodeError:
            valid = False
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return valid


def _texts(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def _base64(pieces: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) - len(data) % 3
        rest = data[whole:]
        yield base64.b64encode(data[:whole]).decode()
    yield base64.b64encode(rest).decode()
