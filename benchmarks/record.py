"""What recording costs: the bare program, this recorder and its peers side by side, in one table.

Law: it starts processes, reads their figures and compares them; it measures nothing itself. Each run is `workloads.py`
in a new process against one server (`server.py`) that lives as long as the table. Runs interleave, bare beside
recorded, in an order that turns round each time; a ratio is taken within such a pair, and the table gives the median of
the pairs and their range. So a machine that grows slower or faster meanwhile does not decide. A figure with a bar is
marked by whether this recorder's median reaches it.

    python benchmarks/record.py                          # everything; half an hour on two cores
    python benchmarks/record.py --skip-peers --rounds 3  # this recorder against the bare program
    python benchmarks/record.py --only keep-alive --json > runs.json
    python benchmarks/record.py --redact                 # what redaction adds: without it, with it, with known secrets

Memory is read from /proc, so it runs on Linux. It needs requests, certifi and trustme, and for the peers `pip` with an
index: each gets an environment under `.venv-peers/`, with the versions of requests and urllib3 that run here.
Table to standard output, progress to standard error. Exit code 0: every bar reached; 1: not; 2: a run of ours failed.
"""

from __future__ import annotations

import argparse
import ctypes.util
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE: Final = Path(__file__).resolve().parent
PEERS: Final = ("vcrpy", "keboola.vcr", "cassetter")
OURS: Final = "recorder"
BARE: Final = "bare"
UNREDACTED: Final = "recorder-unredacted"
SECRETS: Final = "recorder-secrets"
TITLES: Final = {UNREDACTED: "without redaction", OURS: "as it comes", SECRETS: "with 10 known secrets"}
"""The columns of the table about redaction. As it comes, this recorder redacts."""
RUN_TIMEOUT: Final = 900
"""Seconds that one run may take before it counts as failed."""


def main() -> int:
    """Run what the command line asks for, print the table, and tell whether the bars were reached."""
    options = parse_arguments()
    rows = [row for row in ROWS + REDACTION_ROWS * options.redact if options.only in (None, row.workload)]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory, origin(Path(directory)) as place:
        environments = {BARE: sys.executable, OURS: sys.executable}
        if options.redact:
            environments = dict.fromkeys((BARE, *TITLES), sys.executable)
        elif not options.skip_peers:
            environments |= peer_environments()
        tables = [
            [measure(row, allocator, environments, place, options) for row in rows]
            for allocator in allocators(options.allocator)
        ]
    if options.json:
        print(json.dumps([result.as_json() for table in tables for result in table], indent=1))
    else:
        print("\n\n".join(render(table) for table in tables))
    return verdict([result for table in tables for result in table])


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=[row.workload for row in ROWS + REDACTION_ROWS], help="one row of the table")
    options.add_argument("--rounds", type=int, help="pairs of bare and recorded for each row; default: the row's own")
    options.add_argument("--peer-rounds", type=int, default=1, help="rounds in which the peers take part (default 1)")
    options.add_argument(
        "--redact", action="store_true", help="this recorder without redaction, as it comes and with known secrets"
    )
    options.add_argument("--skip-peers", action="store_true", help="only the bare program and this recorder")
    options.add_argument(
        "--allocator",
        choices=["system", "jemalloc", "both"],
        default="both",
        help="both: jemalloc where it is installed",
    )
    options.add_argument(
        "--tree", type=Path, default=HERE.parent, help="the checkout whose recorder is measured (default: this one)"
    )
    options.add_argument("--json", action="store_true", help="print every run's figures instead of the table")
    chosen = options.parse_args()
    if chosen.only in [row.workload for row in REDACTION_ROWS] and not chosen.redact:
        options.error(f"--only {chosen.only} is a row of the table about redaction: add --redact")
    return chosen


# What is measured. A figure compares one recorded run with the bare run beside it.


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of one process, as `workloads.py` tells them. Times are seconds, sizes bytes."""

    recorder: str
    workload: str
    count: int
    start_s: float
    wall_s: float
    cpu_s: float
    finish_s: float
    rss_before: int
    rss_after: int
    rss_samples: list[int]
    peak_of_loop: int
    peak: int
    versions: dict[str, str]
    recorded: int

    @property
    def to_disk_s(self) -> float:
        """The loop, and what the recorder still did until its cassette was written."""
        return self.wall_s + self.finish_s

    def each(self, whole: float) -> float:
        """Divide by the requests of this run: a peer's run may be shorter than the bare one."""
        return whole / self.count

    @property
    def kept(self) -> float:
        """Memory that each session or request of the loop left behind, in KB."""
        return (self.rss_after - self.rss_before) / self.count / 1e3

    @property
    def grown(self) -> float:
        """Resident size at the end, less that at a tenth of the way, in MB."""
        return (self.rss_samples[-1] - self.rss_samples[0]) / 1e6


class Figure(NamedTuple):
    """One line of the table."""

    title: str
    value: Callable[[Run, Run], float]
    """Of the recorded run and the bare one beside it."""
    bare: Callable[[Run], str]
    """What the bare program's column says."""
    form: str
    bar: float | None = None
    at_least: bool = False

    def reached(self, value: float) -> bool:
        """Hold a value against the bar. The bar itself is allowed."""
        return self.bar is None or (value >= self.bar if self.at_least else value <= self.bar)

    def bar_text(self) -> str:
        """Show the bar."""
        return "" if self.bar is None else ("≥ " if self.at_least else "≤ ") + self.form.format(self.bar).lstrip("+")


@dataclass(frozen=True, slots=True)
class Row:
    """One workload, and the lines that it gives."""

    workload: str
    title: str
    count: int
    rounds: int
    figures: tuple[Figure, ...]
    peer_count: int | None = None
    """Where the whole would take a peer too long."""

    @property
    def about_memory(self) -> bool:
        """An allocator matters here; elsewhere the peers are spared a second time."""
        return any(figure.title in (PEAK.title, KEPT.title, GROWN.title) for figure in self.figures)


def seconds(run: Run) -> str:
    """Show the loop's time."""
    return f"{run.wall_s:.2f} s"


TIME: Final = Figure("time", lambda run, bare: run.each(run.wall_s) / bare.each(bare.wall_s), seconds, "{:.2f}")
CPU: Final = Figure(
    "CPU time",
    lambda run, bare: run.each(run.cpu_s) / bare.each(bare.cpu_s),
    lambda run: f"{run.cpu_s:.2f} s",
    "{:.2f}",
)
TO_DISK: Final = Figure(
    "time until the cassette is written",
    lambda run, bare: run.each(run.to_disk_s) / bare.each(bare.to_disk_s),
    lambda run: f"{run.to_disk_s:.2f} s",
    "{:.2f}",
)
PEAK: Final = Figure(
    "growth of peak",
    lambda run, bare: (run.peak - bare.peak) / 1e6,
    lambda run: f"{run.peak / 1e6:.0f} MB",
    "{:+.1f} MB",
)
KEPT: Final = Figure("memory for each", lambda run, _: run.kept, lambda run: f"{run.kept:.0f} KB", "{:.0f} KB")
GROWN: Final = Figure(
    "resident size at the end minus at 10 %", lambda run, _: run.grown, lambda run: f"{run.grown:.2f} MB", "{:+.2f} MB"
)
RECORDED: Final = Figure("recorded", lambda run, _: run.recorded, lambda _: "", "{:.0f}")
THROUGHPUT: Final = Figure("throughput", lambda run, bare: bare.wall_s / run.wall_s, seconds, "{:.2f}")

ROWS: Final = (
    Row("keep-alive", "1,000 x 2 KB, one session", 1000, 15, (TIME._replace(bar=1.15), CPU, TO_DISK)),
    Row("new-sessions", "200 x 2 KB, a new session each", 200, 3, (TIME._replace(bar=0.35), CPU)),
    Row("open-sessions", "200 sessions kept open", 200, 1, (KEPT._replace(bar=60),)),
    Row(
        "large-bodies",
        "200 x 500 KB, one session",
        200,
        5,
        (PEAK._replace(bar=12), TIME._replace(bar=2), CPU, TO_DISK),
    ),
    Row("downloads", "3 x 50 MB, streamed", 3, 3, (PEAK._replace(bar=12), TIME, TO_DISK)),
    Row("soak", "20,000 x 2 KB, one session", 20_000, 1, (GROWN._replace(bar=1), TIME, CPU), peer_count=2_000),
    Row(
        "threads",
        "8 threads x 100 x 2 KB",
        800,
        9,
        (RECORDED._replace(bar=800, at_least=True), THROUGHPUT._replace(bar=0.85, at_least=True), CPU),
    ),
)

REDACTION_ROWS: Final = (
    Row("signed-in", "1,000 x 2 KB, Authorization and cookies in each", 1000, 15, (TIME, CPU, TO_DISK)),
    Row("rotating", "2,000 x 2 KB, each answer sets another cookie", 2000, 3, (TIME, CPU, PEAK)),
    Row("text-downloads", "3 x 50 MB of text, streamed", 3, 3, (PEAK._replace(bar=12), TIME, TO_DISK)),
)
"""What only redaction makes a difference to."""


# Running it.


@dataclass(slots=True)
class Result:
    """All runs of one row under one allocator. A run that failed is its reason."""

    row: Row
    allocator: str
    pairs: dict[str, list[tuple[Run, Run]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Give every run, for another program to read."""
        runs = {name: [[as_dict(run), as_dict(bare)] for run, bare in pairs] for name, pairs in self.pairs.items()}
        return {
            "workload": self.row.workload,
            "allocator": self.allocator,
            "pairs": runs,
            "failures": self.failures,
        }


class Origin(NamedTuple):
    """Where the server is, and where the runs may write."""

    url: str
    bundle: str
    directory: Path


def as_dict(run: Run) -> dict[str, object]:
    """Give a run's figures by name."""
    return {entry.name: getattr(run, entry.name) for entry in fields(run)}


@contextmanager
def origin(directory: Path) -> Iterator[Origin]:
    """Start the server, and end it when the table is done: it lives until its input closes."""
    command = [sys.executable, str(HERE / "server.py"), "--directory", str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdin is None or server.stdout is None:
            raise AssertionError
        try:
            yield Origin(**json.loads(server.stdout.readline()), directory=directory)
        finally:
            server.stdin.close()


def measure(
    row: Row, allocator: str, environments: dict[str, str], place: Origin, options: argparse.Namespace
) -> Result:
    """Run one row: in each round the bare program, this recorder, and in the first rounds the peers."""
    result = Result(row, allocator)
    with_peers = allocator == "system" or row.about_memory
    for turn in range(options.rounds or row.rounds):
        peers = [name for name in environments if name in PEERS] if with_peers and turn < options.peer_rounds else []
        order = [BARE, *(name for name in environments if name in TITLES), *peers]
        runs = {
            name: run_once(row, name, environments[name], allocator, place, options.tree)
            for name in order[:: (-1) ** turn]
        }
        bare = runs.pop(BARE)
        if isinstance(bare, str):
            raise SystemExit(f"the bare program failed in {row.workload}: {bare}")
        for name, run in runs.items():
            if isinstance(run, str):
                result.failures[name] = run
            else:
                result.pairs.setdefault(name, []).append((run, bare))
    return result


def run_once(row: Row, name: str, python: str, allocator: str, place: Origin, tree: Path) -> Run | str:
    """Run one workload in a new process and read its figures; a failure is given as its reason."""
    count = row.peer_count if row.peer_count and name in PEERS else row.count
    with tempfile.TemporaryDirectory(dir=place.directory) as directory:
        cassette = Path(directory, "cassette.jsonl")
        command = [python, str(HERE / "workloads.py"), row.workload]
        command += ["--recorder", name, "--url", place.url, "--count", str(count), "--cassette", str(cassette)]
        environment = run_environment(name, allocator, place.bundle, tree)
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=RUN_TIMEOUT, check=True
            )
        except subprocess.TimeoutExpired:
            return f"over {RUN_TIMEOUT} s"
        except subprocess.CalledProcessError as failure:
            return last_line(failure.stderr) or f"exit code {failure.returncode}"
        told = json.loads(done.stdout.splitlines()[-1])
        known = {entry.name for entry in fields(Run)}
        run = Run(**{key: value for key, value in told.items() if key in known}, recorded=interactions(cassette, name))
    print(
        f"{allocator} {row.workload} {name}: {run.wall_s:.2f} s, CPU {run.cpu_s:.2f} s, peak {run.peak / 1e6:.0f} MB, "
        f"recorded {run.recorded}",
        file=sys.stderr,
    )
    return run


def run_environment(name: str, allocator: str, bundle: str, tree: Path) -> dict[str, str]:
    """Build a run's environment: no proxy, our bundle, and the checkout only for the recorder that lives in it."""
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environment["REQUESTS_CA_BUNDLE"] = bundle
    environment.pop("PYTHONPATH", None)
    if name in TITLES:
        environment["PYTHONPATH"] = str(tree.resolve())
    if allocator != "system":
        environment["LD_PRELOAD"] = allocator
    return environment


def last_line(text: str) -> str:
    """Give the last line of a traceback, where Python names the error."""
    lines = text.strip().split("\n")
    return lines[-1][:100]


def interactions(cassette: Path, name: str) -> int:
    """Count the interactions in the file, by how its writer begins one."""
    if name == BARE:
        return 0
    beginning = {
        **dict.fromkeys(TITLES, b'{"type":"interaction"'),
        "vcrpy": b"- request:",
        "keboola.vcr": b'    {"request": ',
        "cassetter": b"- request:",
    }[name]
    with cassette.open("rb") as file:
        return sum(line.startswith(beginning) for line in file)


def allocators(wanted: str) -> list[str]:
    """Name the allocators to run under: the system's, and the file name of jemalloc where there is one."""
    jemalloc = ctypes.util.find_library("jemalloc") if wanted != "system" else None
    if wanted == "jemalloc" and jemalloc is None:
        raise SystemExit("jemalloc is not installed; on Debian the package is libjemalloc2")
    return (["system"] if wanted != "jemalloc" else []) + ([jemalloc] if jemalloc else [])


def peer_environments() -> dict[str, str]:
    """Give each peer's interpreter, and make its environment the first time."""
    pythons = {}
    for name in PEERS:
        place = HERE / ".venv-peers" / name
        python = place / "bin" / "python"
        if not (place / "complete").exists():
            print(f"installing {name}", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
            same = [f"{package}=={version(package)}" for package in ("requests", "urllib3", "certifi")]
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, name, *same], check=True, stdout=sys.stderr)
            (place / "complete").touch()
        pythons[name] = str(python)
    return pythons


# Telling it.


def render(results: Sequence[Result]) -> str:
    """Put the results of one allocator into a Markdown table."""
    recorders = [name for name in (*TITLES, *PEERS) if any(name in {*r.pairs, *r.failures} for r in results)]
    allocator = results[0].allocator if results else "system"
    head = ["work (HTTPS, requests), against bare", "bar", "bare"]
    if SECRETS in recorders:
        head += [*(TITLES[name] for name in recorders), "reached"]
    else:
        head += ["this recorder", "reached"]
        head += [f"{name} {peer_version(results, name)}".strip() for name in recorders[1:]]
    lines = [f"Allocator: {allocator}.", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for result in results:
        lines += [
            "| " + " | ".join(cells(result, figure, recorders, first=not index)) + " |"
            for index, figure in enumerate(result.row.figures)
        ]
    return "\n".join([*lines, "", *notes(results)]).rstrip()


def cells(result: Result, figure: Figure, recorders: Sequence[str], *, first: bool) -> list[str]:
    """Fill one line of the table."""
    title = f"{result.row.title}: {figure.title}" if first else f"… {figure.title}"
    bares = [bare for pairs in result.pairs.values() for _, bare in pairs]
    bare = figure.bare(sorted(bares, key=lambda run: run.wall_s)[len(bares) // 2]) if bares else ""
    verdicts = "" if figure.bar is None else ("yes" if reached(result, figure) else "**no**")
    values = [cell(result, figure, name) for name in recorders]
    ours = sum(name in TITLES for name in recorders)
    return [title, figure.bar_text(), bare, *values[:ours], verdicts, *values[ours:]]


def cell(result: Result, figure: Figure, name: str) -> str:
    """Show the median of one recorder's pairs, and their range where there are several."""
    if name in result.failures:
        return "failed"
    found = [figure.value(run, bare) for run, bare in result.pairs.get(name, [])]
    if not found:
        return ""
    text = figure.form.format(median(found))
    if len(found) > 1 and figure.form.format(min(found)) != figure.form.format(max(found)):
        text += f" ({figure.form.format(min(found))} to {figure.form.format(max(found))})"
    return text


def reached(result: Result, figure: Figure) -> bool:
    """Hold this recorder's median against the bar; where it redacts in two ways, both medians."""
    return all(
        name not in result.failures
        and figure.reached(median(figure.value(run, bare) for run, bare in result.pairs[name]))
        for name in ({OURS, SECRETS} & {*result.pairs, *result.failures})
    )


def peer_version(results: Sequence[Result], name: str) -> str:
    """Find out which version of a peer ran."""
    return next((run.versions.get(name, "") for result in results for run, _ in result.pairs.get(name, [])), "")


def notes(results: Sequence[Result]) -> list[str]:
    """Say what the table cannot: shorter runs, and cassettes in which requests are missing."""
    told = []
    for result in results:
        if result.row.peer_count and any(name in PEERS for name in result.pairs):
            told.append(f"- {result.row.title}: the peers ran {result.row.peer_count:,} requests.")
        told += [f"- {result.row.title}: {name} failed: {reason}" for name, reason in result.failures.items()]
        for name, pairs in result.pairs.items():
            short = [f"{run.recorded:,} of {run.count:,}" for run, _ in pairs if run.recorded != run.count]
            if short:
                told.append(f"- {result.row.title}: {name} recorded {', '.join(short)}.")
    return told


def verdict(results: Sequence[Result]) -> int:
    """Turn the results into an exit code."""
    if any(name in TITLES for result in results for name in result.failures):
        return 2
    return 0 if all(reached(result, figure) for result in results for figure in result.row.figures) else 1


if __name__ == "__main__":
    sys.exit(main())
