"""What looking costs: `ctools inspect`, `diff` and `report`, beside other tools that do the same sums on the same file.

Law: each run is a whole process, from its start to its last byte, ours and the other tool's, with the file in the page
cache. The same sums: what another tool prints is compared with what we print, and a difference is a failure of the
run. Runs that are compared alternate, in an order that turns round each time, and a ratio is taken within such a pair;
tables give the median and the range. Another tool is asked in several ways, and the quickest counts. Memory is looked
at in runs of its own, because looking takes time: the peak of the process, or of all of them together, with pages that
they share counted once. A figure with a bar is marked by whether the median reaches it.

It is run as `python benchmarks/inspect.py`, whose text tells how. Needs Linux, jq, the development dependencies, and
for the other tools `pip` with an index, as `record.py` does. Tables to standard output, progress to standard error.
Exit code 0: every bar reached; 1: not; 2: a run failed, or gave other sums than it should.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.convert import IN_FILE, Failure, convert_once, cut, told_by
from benchmarks.peers_inspect import JQ_ROWS, JQ_SUMS
from benchmarks.processes import Cost, run
from benchmarks.redact import CTOOLS, environment, keep, last_line, note, read_once, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
PARTS: Final = ("summary", "peers", "start", "diff", "report", "folder")
TITLES: Final = {"small": "bodies of 2 KB", "large": "bodies of 600 KB", "mixed": "mixed API traffic"}
MEMORY_BAR: Final = 100
"""MB of all processes that a summary may take."""
DIFF_MEMORY_BAR: Final = 200
"""MB of all processes that the comparison of two large cassettes may take."""
DUCKDB_BAR: Final = 1.0
"""Times of ours over DuckDB's, on two cores."""
HELP_BAR: Final = 2.0
"""Time of `ctools --help` over that of `python -c "import typer"`."""
DIFF_BAR: Final = 3.0
"""Time of a comparison over that of one summary of each side."""
START_ROUNDS: Final = 20
FOLDER_FILES: Final = 2000
CLOSE: Final = 0.011
"""How far a percentile of ours may lie from the true one: 1 %, and the rounding of the other side."""
VARIANTS: Final = {
    "nothing changed that matters": ("--again",),
    "every 100th answer changed": ("--changed", "100"),
    "the times in every answer changed": ("--volatile",),
    "every 50th removed, every 50th added": ("--removed", "50", "--added", "50"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts that the command line asks for, print their tables, and tell whether the bars were reached."""
    options = parse_arguments(arguments)
    parts: dict[str, Callable[[argparse.Namespace, Path], Iterator[Row]]] = {
        "summary": summaries,
        "peers": peers,
        "start": start,
        "diff": differences,
        "report": reports,
        "folder": folders,
    }
    found: list[Row] = []
    for part in options.only:
        with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.directory) as directory:
            rows = list(parts[part](options, Path(directory)))
        print(render(part, rows), flush=True)
        keep(options, part, [row.as_json() for row in rows])
        found += rows
    return verdict(found)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts, in this order")
    options.add_argument("--mixes", nargs="+", choices=TITLES, default=list(TITLES), help="cassettes to sum up")
    options.add_argument("--size", type=float, default=1e9, help="bytes of each large cassette (default 1e9)")
    options.add_argument("--peer-size", type=float, default=1e8, help="bytes for mitmproxy and cassetter (default 1e8)")
    options.add_argument("--diff-size", type=float, default=1e8, help="bytes of each side compared (default 1e8)")
    options.add_argument("--files", type=int, default=FOLDER_FILES, help="cassettes in the folder (default 2000)")
    options.add_argument("--rounds", type=int, default=5, help="pairs of runs (default 5)")
    options.add_argument("--skip-peers", action="store_true", help="only this project")
    options.add_argument("--directory", type=Path, help="where the cassettes go (default: the system's temporary one)")
    options.add_argument("--tree", type=Path, default=ROOT, help="the checkout that is measured (default: this one)")
    options.add_argument("--json", type=Path, help="also write every run's figures to this file")
    return options.parse_args(arguments)


# What is measured.


@dataclass(slots=True)
class Row:
    """One line of a table: what ran, how long, beside what, and in how much memory.

    Times are seconds of whole processes. `pairs` are those of ours and of what it is held against, as neighbours ran;
    without anything beside, the second is None. `bar`: the most that the ratio may be; `memory_bar`: MB.
    """

    title: str
    beside: str = ""
    pairs: list[tuple[float, float | None]] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    beside_cpu_s: list[float] = field(default_factory=list)
    bar: float | None = None
    peak: float | None = None
    """MB, the sum of all processes' own peaks."""
    processes: int | None = None
    beside_peak: float | None = None
    memory_bar: float | None = None
    notes: list[str] = field(default_factory=list)
    failure: str | None = None

    def ratios(self) -> list[float]:
        """Ours over the other, pair by pair."""
        return [ours / other for ours, other in self.pairs if other is not None]

    @property
    def reached(self) -> bool:
        """Tell whether every bar of the row is reached."""
        if self.failure:
            return False
        ratios = self.ratios()
        quick = self.bar is None or not ratios or median(ratios) <= self.bar
        return quick and (self.memory_bar is None or self.peak is None or self.peak <= self.memory_bar)

    @property
    def has_bar(self) -> bool:
        """Tell whether anything is held against a bar."""
        return (self.bar is not None and bool(self.ratios())) or (self.memory_bar is not None and self.peak is not None)

    def ours(self, cost: Cost, *beside: Cost) -> None:
        """Add a run, and what ran beside it: one process, or several one after the other."""
        wall, cpu = (sum(other.wall_s for other in beside), sum(other.cpu_s for other in beside))
        self.pairs.append((cost.wall_s, wall if beside else None))
        self.cpu_s.append(cost.cpu_s)
        self.beside_cpu_s += [cpu] if beside else []
        other = f"; {wall:.2f} s, CPU {cpu:.2f} s" if beside else ""
        note(f"{self.title}: {cost.wall_s:.2f} s, CPU {cost.cpu_s:.2f} s{other}")

    def watched(self, cost: Cost) -> None:
        """Keep the memory of a run."""
        self.peak, self.processes = peak_of(cost) / 1e6, cost.processes

    def as_json(self) -> dict[str, Any]:
        """Give all figures."""
        return {**asdict(self), "reached": self.reached}


def peak_of(cost: Cost) -> int:
    """Give the peak of a command's memory in bytes.

    Of one process its own peak (VmHWM), which misses nothing. Processes that were forked share pages with each other,
    which the sum of their peaks has twice: of several it is what all had at one moment, shared pages counted once.
    """
    several = cost.processes is not None and cost.processes > 1
    return (cost.together if several else cost.bound) or 0


def ctools(options: argparse.Namespace, *arguments: str, codes: Sequence[int] = (0,), memory: bool = False) -> Cost:
    """Run a command of ours. Raises Failure for another exit code than those."""
    return checked(run([*CTOOLS, *arguments], environment(options.tree), memory=memory), codes)


def checked(cost: Cost, codes: Sequence[int] = (0,)) -> Cost:
    """Give it back where it went well. Raises Failure."""
    if cost.code not in codes:
        raise Failure(f"exit code {cost.code}: {last_line(cost.errors).rstrip('.')}")
    return cost


def made(options: argparse.Namespace, mix: str, size: float, path: Path, *more: str) -> dict[str, Any]:
    """Write a cassette of one mix, and bring it into the page cache; give what it holds."""
    del options
    command = [sys.executable, str(HERE / "cassettes.py"), mix, "--size", str(size), "--cassette", str(path), *more]
    told: dict[str, Any] = json.loads(checked(run(command, environment(ROOT))).output)
    read_once(path)
    note(f"{' '.join([mix, *more])}: {told['size'] / 1e6:.0f} MB, {told['interactions']:,} interactions")
    return told


def turned(turn: int, ours: Callable[[], Cost], other: Callable[[], Cost]) -> tuple[Cost, Cost]:
    """Run both, in the order of the turn."""
    if turn % 2:
        second = other()
        return ours(), second
    return ours(), other()


def guarded(row: Row, measure: Callable[[], None]) -> Row:
    """Measure, and put a failure into the row."""
    try:
        measure()
    except Failure as failure:
        row.failure = str(failure)
        note(f"{row.title}: failed: {failure}")
    return row


# The sums of a large cassette.


def summaries(options: argparse.Namespace, directory: Path) -> Iterator[Row]:
    """Sum up a large cassette of each mix, beside DuckDB and jq."""
    path = directory / "in.jsonl"
    for mix in options.mixes:
        told = made(options, mix, options.size, path)
        title = f"{TITLES[mix]}, {told['size'] / 1e6:,.0f} MB, {told['interactions']:,} interactions"
        for tool in ("",) if options.skip_peers else ("duckdb", "jq"):
            row = Row(title, memory_bar=MEMORY_BAR)
            yield guarded(row, lambda row=row, tool=tool: summary_beside(options, row, path, tool))  # type: ignore[misc]


def summary_beside(options: argparse.Namespace, row: Row, path: Path, tool: str) -> None:
    """Run `ctools inspect --json` and another tool in turns, and compare what they say."""

    def ours(*, memory: bool = False) -> Cost:
        return ctools(options, "inspect", str(path), "--json", memory=memory)

    if not tool:
        for _ in range(options.rounds):
            row.ours(ours())
        row.watched(ours(memory=True))
        return
    sums = sums_of(json.loads(ours().output))
    ways = DUCKDB_WAYS if tool == "duckdb" else ("pipe",)
    tried = {}
    for way in ways:
        tried[way] = asked(tool, way, path)
        expect_same(sums, json.loads(tried[way].output), tool)
        note(f"{row.title}: {tool}, {way}: {tried[way].wall_s:.2f} s")
    best = min(ways, key=lambda way: tried[way].wall_s)
    row.beside = f"{tool_title(tool, tried[best])}, {WORDS[best]}"
    row.notes += [f"{row.title}: {tool}, {WORDS[way]}: {tried[way].wall_s:.2f} s" for way in ways if way != best]
    row.bar = DUCKDB_BAR if tool == "duckdb" else None
    for turn in range(options.rounds if tool == "duckdb" else 1):
        mine, theirs = turned(turn, ours, lambda: asked(tool, best, path))
        row.ours(mine, theirs)
    row.watched(ours(memory=True))
    row.beside_peak = peak_of(asked(tool, best, path, memory=True)) / 1e6


DUCKDB_WAYS: Final = ("table", "query", "cut")
WORDS: Final = {
    "table": "columns into a table",
    "query": "columns in one query",
    "cut": "lines cut before their bodies",
    "pipe": "rows, and their sums in a second process",
}


def asked(tool: str, way: str, given: Path, *, memory: bool = False) -> Cost:
    """Let another tool do its sums. Raises Failure where it fails or is not there."""
    if tool == "jq":
        program = shutil.which("jq")
        if program is None:
            raise Failure("jq is not installed")
        pipe = f'"{program}" -c "$1" "$3" | "{program}" -c -s "$2"'
        command = ["sh", "-c", pipe, "sh", JQ_ROWS, JQ_SUMS, str(given)]
        return checked(run(command, environment(ROOT), memory=memory))
    command = [peer_python(tool), str(HERE / "peers_inspect.py"), tool, way, "--given", str(given)]
    return checked(run(command, environment(ROOT), memory=memory))


def tool_title(tool: str, cost: Cost) -> str:
    """Name a tool with its version."""
    if tool == "jq":
        return subprocess.run(["jq", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{tool} {json.loads(cost.output)['version']}"


def peer_python(tool: str) -> str:
    """Give the interpreter of another tool's environment, and make that the first time."""
    place = HERE / ".venv-peers" / tool
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        note(f"installing {tool}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check", tool]
        if subprocess.run(pip, check=False, stdout=sys.stderr).returncode:
            raise Failure(f"{tool} could not be installed")
        (place / "complete").touch()
    return str(python)


def sums_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Give the sums that are compared out of what `ctools inspect --json` prints."""
    counts = {name: told[name]["counts"] for name in ("methods", "statuses", "clients", "tls")}
    traffic = {
        name: {row[noun]: row for row in told[name]["rows"]}
        for name, noun in (("hosts", "host"), ("endpoints", "endpoint"))
    }
    return {
        **counts,
        **traffic,
        "interactions": told["interactions"],
        "failed": told["failed"],
        "reused": told["reused"],
        "started_at": seconds(told["started_at"]),
        "ended_at": seconds(told["ended_at"]),
        "failures": {f"{one['phase']} {one['type']}": one["count"] for one in told["failures"]},
        "bodies": told["bodies"],
        "timings_ms": told["timings_ms"],
        "memory": told["memory"],
        "processes": {one["process"]: one for one in told["processes"]},
    }


def seconds(moment: str | None) -> float | None:
    """Give the seconds since 1970 of a time in RFC 3339."""
    return None if moment is None else datetime.fromisoformat(moment).timestamp()


def expect_same(ours: Mapping[str, Any], theirs: Mapping[str, Any], tool: str, place: str = "") -> None:
    """Hold every sum of another tool against ours: counts exactly, percentiles within 1 %. Raises Failure."""
    for key, value in theirs.items():
        where = f"{place}.{key}" if place else key
        if where == "version":
            continue
        if key not in ours:
            raise Failure(f"{tool} has {where}, we have not")
        mine = ours[key]
        if isinstance(value, dict):
            if place in {"", "bodies", "timings_ms"} and key not in TABLES:
                expect_same(mine, value, tool, where)
            elif mine.keys() - value.keys() and key in TABLES:
                raise Failure(f"{tool} lacks {len(mine.keys() - value.keys())} of our {where}")
            else:
                expect_same(mine, value, tool, where)
        elif not agree(key, mine, value):
            raise Failure(f"{tool} says {value!r} of {where}, we say {mine!r}")


TABLES: Final = frozenset({"methods", "statuses", "clients", "tls", "hosts", "endpoints", "failures", "processes"})
"""Whose keys must be the same ones on both sides."""


def agree(key: str, mine: float | str | None, other: float | str | None) -> bool:
    """Tell whether two sums are the same, within what a percentile, a mean or a moment allows."""
    if not isinstance(mine, int | float) or not isinstance(other, int | float):
        return mine == other
    if key.startswith("p") and key[1:].isdigit():
        return abs(mine - other) <= CLOSE * abs(other) + 0.001
    if key in {"started_at", "ended_at"}:
        return abs(mine - other) < 0.001
    return abs(mine - other) <= 1e-9 * abs(other) + 1e-6  # our means are rounded to a nanosecond


# Beside tools that read other files.


def peers(options: argparse.Namespace, directory: Path) -> Iterator[Row]:
    """Sum up flows beside mitmproxy, and cassetter's files beside cassetter."""
    if options.skip_peers:
        return
    path = directory / "in.jsonl"
    told = made(options, "small", options.peer_size, path)
    what = f"{TITLES['small']}, {told['interactions']:,} interactions"
    flows = Row(f"{what}: mitmproxy's flows")
    yield guarded(flows, lambda: beside_mitmproxy(options, flows, path))
    folder = Row(f"{what}: a folder of cassetter's files")
    yield guarded(folder, lambda: beside_cassetter(options, folder, path))


def beside_mitmproxy(options: argparse.Namespace, row: Row, path: Path) -> None:
    """Let mitmproxy write flows from our HAR, and count them as we do."""
    har, flows = path.with_suffix(".har"), path.with_suffix(".flows")
    told_by(convert_once(path, har, "har", options.tree))
    command = [peer_python("mitmproxy"), str(HERE / "peers_inspect.py"), "mitmproxy", "write", "--given", str(har)]
    checked(run([*command, "--out", str(flows)], environment(ROOT)))
    har.unlink()
    read_once(flows)
    row.title += f", {flows.stat().st_size / 1e6:,.0f} MB"
    beside_its_own(options, row, flows, "mitmproxy", "flows", sums_of)


def beside_cassetter(options: argparse.Namespace, row: Row, path: Path) -> None:
    """Convert to files of cassetter's own, and let it load each."""
    whole, apart, folder = path.with_suffix(".yaml"), path.with_name("vcrpy"), path.with_name("cassetter")
    told_by(convert_once(path, whole, "vcrpy-yaml", options.tree))
    files = cut(whole, apart)
    whole.unlink()
    told_by(convert_once(apart, folder, "cassetter-yaml", options.tree))
    row.title += f", {files} files with up to {IN_FILE:,}"
    beside_its_own(options, row, folder, "cassetter", "load", interactions_of)


def interactions_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Give the one sum that a folder has."""
    return {"interactions": told["totals"]["interactions"]}


def beside_its_own(
    options: argparse.Namespace,
    row: Row,
    given: Path,
    tool: str,
    way: str,
    sums: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> None:
    """Run ours and the other tool's on files of that tool, in turns."""

    def ours(*, memory: bool = False) -> Cost:
        return ctools(options, "inspect", str(given), "--json", memory=memory)

    for turn in range(options.rounds):
        mine, theirs = turned(turn, ours, lambda: asked(tool, way, given))
        told, said = sums(json.loads(mine.output)), json.loads(theirs.output)
        expect_same(told, {key: value for key, value in said.items() if key in told}, tool)
        row.beside = f"{tool_title(tool, theirs)}, a script that counts"
        row.ours(mine, theirs)
    row.watched(ours(memory=True))
    row.beside_peak = peak_of(asked(tool, way, given, memory=True)) / 1e6


# The start.


def start(options: argparse.Namespace, directory: Path) -> Iterator[Row]:
    """Look how long it takes until something is there."""
    path = directory / "few.jsonl"
    made(options, "small", 40_000, path)

    def typer() -> Cost:
        return checked(run([sys.executable, "-P", "-c", "import typer"], environment(options.tree)))

    for title, arguments, bar in (
        ("`ctools --help`", ["--help"], HELP_BAR),
        ("`ctools inspect` of ten interactions", ["inspect", str(path)], None),
    ):
        row = Row(title, beside="`import typer`", bar=bar)
        yield guarded(row, lambda row=row, arguments=arguments: in_turns(options, row, arguments, typer))  # type: ignore[misc]


def in_turns(options: argparse.Namespace, row: Row, arguments: Sequence[str], other: Callable[[], Cost]) -> None:
    """Run a short command and another in turns, often."""
    ctools(options, *arguments)  # compiles what was never run
    for turn in range(min(START_ROUNDS, options.rounds * 4)):
        mine, theirs = turned(turn, lambda: ctools(options, *arguments), other)
        row.ours(mine, theirs)
    row.watched(ctools(options, *arguments, memory=True))


# Differences.


def differences(options: argparse.Namespace, directory: Path) -> Iterator[Row]:
    """Compare two recordings of the same traffic, beside one summary of each; then two large ones."""
    old, new = directory / "old.jsonl", directory / "new.jsonl"
    first = made(options, "small", options.diff_size, old)
    for title, arguments in VARIANTS.items():
        second = made(options, "small", options.diff_size, new, *arguments)
        row = Row(f"{in_short(first)}: {title}", beside="one summary of each", bar=DIFF_BAR)
        yield guarded(row, lambda row=row, second=second: compare(options, row, (old, new), (first, second)))  # type: ignore[misc]
    first = made(options, "small", options.size, old)
    second = made(options, "small", options.size, new, *VARIANTS["every 100th answer changed"])
    row = Row(f"{in_short(first)}: every 100th answer changed", memory_bar=DIFF_MEMORY_BAR)
    yield guarded(row, lambda: compare_large(options, row, (old, new), (first, second)))


def in_short(told: Mapping[str, Any]) -> str:
    """Describe the cassettes of a row."""
    return f"two of {told['size'] / 1e6:,.0f} MB, {told['interactions']:,} interactions"


Sides = tuple[Path, Path]
Told = tuple[dict[str, Any], dict[str, Any]]


def compare(options: argparse.Namespace, row: Row, sides: Sides, told: Told) -> None:
    """Run the comparison, and a summary of each side, in turns."""
    for turn in range(options.rounds):
        costs: list[Cost] = []

        def both(costs: list[Cost] = costs) -> Cost:
            costs += [ctools(options, "inspect", str(side)) for side in sides]
            return costs[0]

        mine, _ = turned(turn, lambda: difference(options, sides, told), both)
        row.ours(mine, *costs)
    row.watched(difference(options, sides, told, memory=True))


def compare_large(options: argparse.Namespace, row: Row, sides: Sides, told: Told) -> None:
    """Run the comparison once for the clock and once for the memory."""
    row.ours(difference(options, sides, told))
    row.watched(difference(options, sides, told, memory=True))


def difference(options: argparse.Namespace, sides: Sides, told: Told, *, memory: bool = False) -> Cost:
    """Run `ctools diff`, and hold its totals against what was made. Raises Failure."""
    old, new = map(str, sides)
    cost = ctools(options, "diff", old, new, "--json", codes=(0, 1), memory=memory)
    first, second = told
    expected = {
        "old_interactions": first["interactions"],
        "new_interactions": second["interactions"],
        "changed": second["changed"],
        "removed": second["removed"],
        "added": second["added"],
        "same": first["interactions"] - second["changed"] - second["removed"],
    }
    totals = json.loads(cost.output)["totals"]
    found = {name: totals[name] for name in expected}
    if found != expected:
        raise Failure(f"the totals are {found}, and should be {expected}")
    if cost.code != (1 if second["changed"] + second["removed"] + second["added"] else 0):
        raise Failure(f"the exit code is {cost.code}")
    return cost


# Reports.

REPORTS: Final = (("small", 39_200_000, "10,000 interactions"), ("mixed", 100_000_000, "100 MB"))


def reports(options: argparse.Namespace, directory: Path) -> Iterator[Row]:
    """Make a page of ten thousand interactions, and of 100 MB."""
    path, page = directory / "in.jsonl", directory / "page.html"
    for mix, size, _ in REPORTS:
        told = made(options, mix, min(size, options.diff_size), path)
        row = Row(f"a page of {told['size'] / 1e6:,.0f} MB, {TITLES[mix]}, {told['interactions']:,} interactions")

        def page_of(row: Row = row) -> None:
            arguments = ("report", str(path), "-o", str(page), "--force")
            for _ in range(options.rounds):
                row.ours(ctools(options, *arguments))
            row.watched(ctools(options, *arguments, memory=True))
            row.notes.append(f"{row.title}: the page has {page.stat().st_size / 1e6:.1f} MB")

        yield guarded(row, page_of)


# Folders.


def folders(options: argparse.Namespace, directory: Path) -> Iterator[Row]:
    """Look into a folder of many cassettes, of ours and of vcrpy's."""
    path, whole = directory / "in.jsonl", directory / "in.yaml"
    told = made(options, "small", options.files * 40_000, path)
    each = max(1, told["interactions"] // options.files)
    told_by(convert_once(path, whole, "vcrpy-yaml", options.tree))
    apart = directory / "vcrpy"
    files = cut(whole, apart, most=each)
    ours = directory / "ours"
    told_by(convert_once(apart, ours, "jsonl", options.tree))
    for folder, title in ((ours, "JSONL"), (apart, "vcrpy YAML")):
        row = Row(f"a folder of {files:,} cassettes, {title}, {told['size'] / 1e6:,.0f} MB")
        yield guarded(row, lambda row=row, folder=folder: look_into(options, row, folder, told["interactions"]))  # type: ignore[misc]


def look_into(options: argparse.Namespace, row: Row, folder: Path, interactions: int) -> None:
    """Run `ctools inspect` on a folder."""
    for _ in range(options.rounds):
        cost = ctools(options, "inspect", str(folder), "--json")
        found = interactions_of(json.loads(cost.output))["interactions"]
        if found != interactions:
            raise Failure(f"it tells of {found:,} of {interactions:,} interactions")
        row.ours(cost)
    row.watched(ctools(options, "inspect", str(folder), "--json", memory=True))


# Telling it.

HEADS: Final = {
    "summary": "`ctools inspect --json`",
    "peers": "`ctools inspect --json`, files of another tool",
    "start": "the start",
    "diff": "`ctools diff --json`",
    "report": "`ctools report`",
    "folder": "`ctools inspect --json` of a folder",
}


def verdict(found: Sequence[Row]) -> int:
    """Give the exit code."""
    if any(row.failure for row in found):
        return 2
    return 0 if all(row.reached for row in found) else 1


def render(part: str, rows: Sequence[Row]) -> str:
    """Put the figures into a Markdown table."""
    head = [
        HEADS[part],
        "bar",
        "time",
        "beside",
        "its time",
        "ours to its",
        "CPU time, ours and its",
        "memory, ours and its",
        "reached",
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    notes: dict[str, None] = {}
    for row in rows:
        lines.append("| " + " | ".join(cells(row)) + " |")
        notes |= {f"- {row.title}: failed: {row.failure}.": None} if row.failure else {}
        notes |= {f"- {text}.": None for text in row.notes}
    return "\n".join([*lines, "", *notes, ""])


def cells(row: Row) -> list[str]:
    """Give a row of the table."""
    bars = [f"≤ {row.bar:g}" if row.bar is not None else "", f"≤ {row.memory_bar:g} MB" if row.memory_bar else ""]
    bar = ", ".join(filter(None, bars))
    if row.failure or not row.pairs:
        return [row.title, bar, "failed", *[""] * 5, "**no**"]
    form = "{:.2f} s"
    others = [other for _, other in row.pairs if other is not None]
    memory = [f"{row.peak:.0f} MB" if row.peak else "", f"{row.beside_peak:.0f} MB" if row.beside_peak else ""]
    return [
        row.title,
        bar,
        spread([ours for ours, _ in row.pairs], form),
        row.beside,
        spread(others, form) if others else "",
        spread(row.ratios(), "{:.2f}") if others else "",
        ", ".join(form.format(median(cpu)) for cpu in (row.cpu_s, row.beside_cpu_s) if cpu),
        ", ".join(filter(None, memory)),
        ("yes" if row.reached else "**no**") if row.has_bar else "",
    ]
