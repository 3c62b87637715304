"""The sums of `ctools inspect`, done by another tool on a file that it reads.

Law: it runs in the environment of that tool and needs nothing beside it and the standard library. What a sum is called,
and what it means, is as in docs/inspect-json.md, so that one comparison holds for all tools. Whatever a tool cannot
tell is left out. Each tool is asked in what may be its quickest ways; `inspecting.py` tries them and takes the best.

    python peers_inspect.py duckdb table --given cassette.jsonl        # columns named, into a table, then the sums
    python peers_inspect.py duckdb query --given cassette.jsonl        # the same without a table
    python peers_inspect.py duckdb cut --given cassette.jsonl          # lines as text, cut before their bodies
    python peers_inspect.py mitmproxy flows --given recording.flows    # its FlowReader
    python peers_inspect.py cassetter load --given folder              # its Cassette, file by file
    python peers_inspect.py mitmproxy write --given in.har --out recording.flows

Prints the sums as JSON. The programs for jq are JQ_ROWS and JQ_SUMS: `jq -c ROWS cassette.jsonl | jq -c -s SUMS`.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Foreign: TypeAlias = Any
"""What another tool's modules hold: they are not there when types are checked."""
Sums: TypeAlias = "dict[str, Any]"

PERCENTS: Final = (50, 90, 95, 99)


def main() -> None:
    """Do what the command line names, and print the sums as JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("tool", choices=sorted({tool for tool, _ in TASKS}))
    options.add_argument("task", choices=sorted({task for _, task in TASKS}))
    options.add_argument("--given", type=Path, required=True)
    options.add_argument("--out", type=Path, help="where flows are written")
    chosen = options.parse_args()
    sums = TASKS[chosen.tool, chosen.task](chosen.given, chosen.out)
    print(json.dumps({"version": version(chosen.tool), **sums}))


# DuckDB. Its columns are named, so that it looks at nothing else; one row is an interaction.

Kinds: TypeAlias = "dict[str, str | Kinds]"

BODY: Final[Kinds] = {"size": "BIGINT", "wire_size": "BIGINT"}
COLUMNS: Final[Kinds] = {
    "type": "VARCHAR",
    "seq": "BIGINT",
    "started_at": "TIMESTAMP",
    "timings_ms": {"connect": "DOUBLE", "first_byte": "DOUBLE", "total": "DOUBLE"},
    "client": "VARCHAR",
    "process": "VARCHAR",
    "connection": {"tls": "VARCHAR", "reused": "BOOLEAN"},
    "rss": "BIGINT",
    "request": {"method": "VARCHAR", "url": "VARCHAR", "body": BODY},
    "response": {"status": "BIGINT", "body": BODY},
    "error": {"phase": "VARCHAR", "type": "VARCHAR"},
}
LONGEST_LINE: Final = 64 << 20
"""Bytes, as in `recorder.journal.read`."""

ROWS: Final = r"""
select seq, process, rss, epoch_us(started_at) as started, timings_ms.connect as connect,
  timings_ms.first_byte as first_byte, timings_ms.total as total, coalesce(client, 'unknown') as client,
  case when connection is not null then coalesce(connection.tls, 'none') end as tls,
  coalesce(connection.reused, false) as reused, request.method as method,
  lower(regexp_extract(request.url, '^[a-z]+://(?:[^/?#]*@)?([^/?#]+)', 1)) as host,
  regexp_replace(regexp_extract(request.url, '^[a-z]+://[^/?#]*(/[^?#]*)', 1), '/[0-9]+(/|$)', '/{id}\1', 'g') as path,
  request.body.size as sent, coalesce(request.body.wire_size, request.body.size) as sent_wire,
  response.status as code, coalesce(response.status::varchar, 'none') as status, response.body.size as got,
  coalesce(response.body.wire_size, response.body.size) as got_wire,
  case when error is not null then error.phase || ' ' || error.type end as failure
from """
TOTALS: Final = (
    "count(*), count(failure), min(started) / 1e6, max(started + total * 1000) / 1e6, count_if(reused),"
    " arg_min(rss, seq), arg_max(rss, seq), max(rss)"
)
SIZES: Final = ("sent", "got")
TIMES: Final = ("connect", "first_byte", "total")
TRAFFIC: Final = (
    "count(*), count(failure), count_if(failure is null and code >= 400), coalesce(sum(sent), 0)::bigint,"
    " coalesce(sum(got), 0)::bigint, avg(total), max(total)"
)
TRAFFIC_KEYS: Final = ("count", "failed", "errors", "bytes_sent", "bytes_received", "mean_ms", "slowest_ms")


def duckdb_table(given: Path, out: Path | None) -> Sums:
    """Read the columns into a table, then do the sums on that."""
    del out
    connection = connected()
    connection.execute(f"create temp table t as {ROWS} {read_json(given)} where type = 'interaction'")
    return sums_by_sql(connection)


def duckdb_cut(given: Path, out: Path | None) -> Sums:
    """Read lines as text, cut each before its bodies, and parse what is left."""
    del out
    connection = connected()
    lines = (
        f"read_csv('{quoted(given)}', columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '',"
        f" header = false, auto_detect = false, max_line_size = {LONGEST_LINE}, buffer_size = {2 * LONGEST_LINE})"
    )
    cut = "left(line, strpos(line, ',\"bodies\":{') - 1) || '}'"
    parsed = f"select unnest(from_json({cut}, '{json.dumps(COLUMNS)}')) from {lines} where {INTERACTION}"
    connection.execute(f"create temp table t as {ROWS} ({parsed})")
    return sums_by_sql(connection)


INTERACTION: Final = """starts_with(line, '{"type":"interaction"')"""


def duckdb_query(given: Path, out: Path | None) -> Sums:
    """Do all sums in one query over the file: a set of groups for each table."""
    del out
    connection = connected()
    groups = ("method", "status", "client", "tls", "failure", "host", "process")
    sets = ", ".join(["()", *(f"({name})" for name in groups), "(method, host, path)"])
    columns = ", ".join((*groups, "path"))
    rows = connection.execute(
        f"with t as ({ROWS} {read_json(given)} where type = 'interaction')"
        f" select grouping_id({columns}), {columns}, {TOTALS}, {TRAFFIC}, {spreads()} from t"
        f" group by grouping sets ({sets})"
    ).fetchall()
    return sums_of_sets(rows, [*groups, "path"])


def connected() -> Foreign:
    """Open a database in memory, on two cores, with what is quickest."""
    connection = importlib.import_module("duckdb").connect(config={"threads": 2})
    connection.execute("set enable_progress_bar = false; set preserve_insertion_order = false")
    return connection


def read_json(given: Path) -> str:
    """Say which columns of which file."""
    columns = ", ".join(f"'{name}': '{struct(kind)}'" for name, kind in COLUMNS.items())
    return (
        f"read_json('{quoted(given)}', format = 'newline_delimited', columns = {{{columns}}},"
        f" maximum_object_size = {LONGEST_LINE})"
    )


def struct(kind: str | Kinds) -> str:
    """Give a type in the words of SQL."""
    if isinstance(kind, str):
        return kind
    return f"STRUCT({', '.join(f'{name} {struct(inner)}' for name, inner in kind.items())})"


def quoted(path: Path) -> str:
    """Give a path as it stands in a string of SQL."""
    return str(path).replace("'", "''")


def spreads() -> str:
    """Ask for what is told of sizes and times."""
    wanted = []
    shares = ", ".join(str(percent / 100) for percent in PERCENTS)
    for name in SIZES:
        wanted.append(f"count({name}), coalesce(sum({name}), 0)::bigint, coalesce(sum({name}_wire), 0)::bigint")
        wanted.append(f"max({name}), quantile_disc({name}, [{shares}])")
    wanted += [f"count({name}), avg({name}), max({name}), quantile_disc({name}, [{shares}])" for name in TIMES]
    return ", ".join(wanted)


def sums_by_sql(connection: Foreign) -> Sums:
    """Do the sums on a table `t`, a query for each."""
    sums = totals_of(connection.execute(f"select {TOTALS}, {spreads()} from t").fetchone())
    for name, key in COUNTS.items():
        found = connection.execute(f"select {key}, count(*) from t group by 1").fetchall()
        sums[name] = counted(found)
    for name, keys in (("hosts", "host"), ("endpoints", "method || ' ' || host || path")):
        found = connection.execute(f"select {keys}, {TRAFFIC} from t group by 1").fetchall()
        sums[name] = {key: dict(zip(TRAFFIC_KEYS, row, strict=True)) for key, *row in found}
    found = connection.execute(
        "select process, count(*), arg_min(rss, seq), arg_max(rss, seq), max(rss) from t group by 1"
    ).fetchall()
    sums["processes"] = {key: process_of(row) for key, *row in found}
    return sums


COUNTS: Final = {"methods": "method", "statuses": "status", "clients": "client", "tls": "tls", "failures": "failure"}


def counted(rows: Iterable[tuple[Any, int]]) -> dict[str, int]:
    """Give counts by key. What is not known is not counted."""
    return {str(key): count for key, count in rows if key is not None}


def process_of(row: Iterable[Any]) -> Sums:
    """Name the figures of a process."""
    return dict(zip(("interactions", "rss_first", "rss_last", "rss_largest"), row, strict=True))


def totals_of(row: tuple[Any, ...]) -> Sums:
    """Name the figures of the whole cassette."""
    interactions, failed, started, ended, reused, first, last, largest, *rest = row
    values = iter(rest)
    bodies, timings = {}, {}
    for name in ("request", "response"):
        count, stored, wire, most, shares = (next(values) for _ in range(5))
        bodies[name] = {"count": count, "stored": stored, "on_the_wire": wire, "largest": most, **named(shares)}
    for name in TIMES:
        count, mean, most, shares = (next(values) for _ in range(4))
        timings[name] = {"count": count, "mean": mean, "largest": most, **named(shares)}
    return {
        "interactions": interactions,
        "failed": failed,
        "started_at": started,
        "ended_at": ended,
        "reused": reused,
        "memory": {"first": first, "last": last, "largest": largest},
        "bodies": bodies,
        "timings_ms": timings,
    }


def named(shares: list[float] | None) -> dict[str, float | None]:
    """Name percentiles."""
    return {f"p{percent}": shares[place] if shares else None for place, percent in enumerate(PERCENTS)}


def sums_of_sets(rows: list[tuple[Any, ...]], columns: list[str]) -> Sums:
    """Sort the rows of one query with many sets of groups into their tables."""
    whole = 2 ** len(columns) - 1
    bit = {name: 1 << (len(columns) - 1 - place) for place, name in enumerate(columns)}
    sums: Sums = {name: {} for name in (*COUNTS, "hosts", "endpoints", "processes")}
    for group, *row in rows:
        keys = dict(zip(columns, row, strict=False))
        rest = row[len(columns) :]
        traffic = dict(zip(TRAFFIC_KEYS, rest[8:15], strict=True))
        if group == whole:
            sums |= totals_of((*rest[:8], *rest[15:]))
        elif group == whole - bit["host"]:
            sums["hosts"][keys["host"]] = traffic
        elif group == whole - bit["process"]:
            sums["processes"][keys["process"]] = process_of((rest[0], *rest[5:8]))
        elif group == whole - bit["method"] - bit["host"] - bit["path"]:
            sums["endpoints"][f"{keys['method']} {keys['host']}{keys['path']}"] = traffic
        else:
            name, column = next((name, column) for name, column in COUNTS.items() if group == whole - bit[column])
            sums[name] |= counted([(keys[column], rest[0])])
    return sums


# jq. One process parses the lines, whole, because jq cannot do otherwise, and hands on a row of each; another does the
# sums. Doing them while reading, with one process and `reduce`, copies its lists at each step and never ends.

JQ_ROWS: Final = r"""
select(.type == "interaction")
| (.request.url | split("?")[0] | split("/")) as $p
| ([$p[3:][] | if test("^[0-9]+$") then "{id}" else . end] | join("/")) as $path
| {method: .request.method, host: ($p[2] | split("@")[-1] | ascii_downcase), path: $path, code: .response.status,
   started: ((.started_at[:19] + "Z" | fromdate) + ("0" + .started_at[19:26] | tonumber)),
   connect: .timings_ms.connect, first_byte: .timings_ms.first_byte, total: .timings_ms.total,
   client: (.client // "unknown"), tls: (if .connection then .connection.tls // "none" else null end),
   reused: .connection.reused, failure: (if .error then .error.phase + " " + .error.type else null end),
   sent: .request.body.size, sent_wire: (.request.body.wire_size // .request.body.size),
   got: .response.body.size, got_wire: (.response.body.wire_size // .response.body.size), process, rss}
""".strip()
JQ_SUMS: Final = r"""
def counts(f): group_by(f) | map({key: (.[0] | f), value: length}) | from_entries;
def mean: if length > 0 then add / length else null end;
def shares: sort as $s | length as $n | {count: $n, largest: $s[-1], p50: $s[(0.50 * $n | ceil) - 1],
  p90: $s[(0.90 * $n | ceil) - 1], p95: $s[(0.95 * $n | ceil) - 1], p99: $s[(0.99 * $n | ceil) - 1]};
def values_of(f): map(f | values);
def traffic: {count: length, failed: (values_of(.failure) | length),
  errors: (map(select(.failure == null and .code != null and .code >= 400)) | length),
  bytes_sent: (values_of(.sent) | add // 0), bytes_received: (values_of(.got) | add // 0),
  mean_ms: (values_of(.total) | mean), slowest_ms: (values_of(.total) | max)};
def table(f): group_by(f) | map({key: (.[0] | f), value: traffic}) | from_entries;
def sizes(f; g): values_of(f) as $v | ($v | shares) + {stored: ($v | add // 0), on_the_wire: (values_of(g) | add // 0)};
def times(f): values_of(f) as $v | ($v | shares) + {mean: ($v | mean)};
def memory: values_of(.rss) | {first: .[0], last: .[-1], largest: max};
{interactions: length, failed: (values_of(.failure) | length), reused: (map(select(.reused)) | length),
 started_at: (map(.started) | min), ended_at: (map(select(.total) | .started + .total / 1000) | max),
 methods: counts(.method), statuses: counts(.code // "none" | tostring), clients: counts(.client),
 tls: (map(select(.tls)) | counts(.tls)), failures: (map(select(.failure)) | counts(.failure)),
 hosts: table(.host), endpoints: table(.method + " " + .host + "/" + .path),
 bodies: {request: sizes(.sent; .sent_wire), response: sizes(.got; .got_wire)},
 timings_ms: {connect: times(.connect), first_byte: times(.first_byte), total: times(.total)}, memory: memory,
 processes: (group_by(.process) | map({key: .[0].process, value: ({interactions: length}
   + (memory | {rss_first: .first, rss_last: .last, rss_largest: .largest}))}) | from_entries)}
""".strip()


# mitmproxy and cassetter: they know no times of ours, but what was asked of whom, and what came.


class Counts:
    """The sums that these tools' objects allow."""

    def __init__(self) -> None:
        self.methods: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.hosts: dict[str, Counter[str]] = {}
        self.sizes: dict[str, list[int]] = {"request": [], "response": []}

    def take(self, method: str, url: str, status: int | None, sent: int | None, got: int | None) -> None:
        """Count one interaction."""
        self.methods[method] += 1
        self.statuses["none" if status is None else str(status)] += 1
        host = self.hosts.setdefault(urlsplit(url).netloc.rpartition("@")[2].lower(), Counter())
        host["count"] += 1
        host["bytes_sent"] += sent or 0
        host["bytes_received"] += got or 0
        if sent is not None:
            self.sizes["request"].append(sent)
        if got is not None:
            self.sizes["response"].append(got)

    def sums(self, *, sized: bool = True) -> Sums:
        """Give them by name; without sizes where the tool does not keep them."""
        counts = {
            "interactions": self.methods.total(),
            "methods": dict(self.methods),
            "statuses": dict(self.statuses),
        }
        if not sized:
            return counts
        return {
            **counts,
            "hosts": {host: dict(counts) for host, counts in self.hosts.items()},
            "bodies": {part: {"count": len(found), "stored": sum(found)} for part, found in self.sizes.items()},
        }


def mitmproxy_flows(given: Path, out: Path | None) -> Sums:
    """Count what its reader gives, one flow at a time."""
    del out
    counts = Counts()
    with given.open("rb") as file:
        for flow in importlib.import_module("mitmproxy.io").FlowReader(file).stream():
            request, response = flow.request, flow.response
            status = None if response is None else response.status_code
            sent, got = (
                None if one is None or one.raw_content is None else len(one.raw_content) for one in (request, response)
            )
            counts.take(request.method, request.url, status, sent, got)
    return counts.sums()


def mitmproxy_write(given: Path, out: Path | None) -> Sums:
    """Write what it reads of a HAR as flows."""
    if out is None:
        raise SystemExit("give --out: the flows")
    io = importlib.import_module("mitmproxy.io")
    count = 0
    with given.open("rb") as file, out.open("wb") as target:
        writer = io.FlowWriter(target)
        for flow in io.FlowReader(file).stream():
            writer.add(flow)
            count += 1
    return {"interactions": count}


def cassetter_load(given: Path, out: Path | None) -> Sums:
    """Load each file of a folder as cassetter does before a replay, and count. Of a JSON body it keeps no bytes."""
    del out
    module = importlib.import_module("cassetter")
    counts = Counts()
    for path in sorted(given.iterdir()):
        cassette = module.Cassette(str(path))
        cassette.load()
        for one in cassette.interactions:
            counts.take(one.request.method, one.request.uri, one.response.status, None, None)
    return counts.sums(sized=False)


TASKS: Final[dict[tuple[str, str], Callable[[Path, Path | None], Sums]]] = {
    ("duckdb", "table"): duckdb_table,
    ("duckdb", "query"): duckdb_query,
    ("duckdb", "cut"): duckdb_cut,
    ("mitmproxy", "flows"): mitmproxy_flows,
    ("mitmproxy", "write"): mitmproxy_write,
    ("cassetter", "load"): cassetter_load,
}

if __name__ == "__main__":
    main()
