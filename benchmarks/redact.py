"""What redaction costs and what it finds: re-sanitizing a gigabyte, beside other tools, and while recording.

Law: it starts processes, reads their figures and compares them. Each run of `ctools resanitize` is a whole process with
a cassette that `cassettes.py` made, in the page cache; runs with one and two workers alternate, in an order that turns
round each time, and a ratio is taken within such a pair. Tables give the median and the range. Memory is looked at in
runs of its own, because looking takes time. A figure with a bar is marked by whether the median reaches it.

    python benchmarks/redact.py                            # everything; an hour on two cores, and 3 GB of disk
    python benchmarks/redact.py --only resanitize --mixes mixed --size 1e8
    python benchmarks/redact.py --only peers               # speed beside other tools, and what each of them misses
    python benchmarks/redact.py --only recording           # is `record.py --redact`

Needs Linux and the development dependencies, and for the peers `pip` with an index, as `record.py` does. Tables to
standard output, progress to standard error. Exit code 0: every bar reached; 1: not; 2: a run of ours failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # in place of this folder: the packages are found from the repository's root

from benchmarks.processes import Cost, run  # noqa: E402 - the path comes first
from benchmarks.record import peer_environments  # noqa: E402 - the path comes first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HERE: Final = Path(__file__).resolve().parent
CTOOLS: Final = (sys.executable, "-P", "-m", "cassette_tools")
"""`ctools` of the checkout in PYTHONPATH, wherever this is run (`-P`: not of the working directory)."""
PARTS: Final = ("resanitize", "peers", "recording")
JOBS: Final = (1, 2)
TITLES: Final = {
    "mixed": "mixed API traffic",
    "small": "bodies of 2 KB",
    "large": "bodies of 600 KB",
    "long": "bodies of 8 MB, in pieces",
    "rotating": "mixed, and each answer sets another cookie",
}
SPEED_BAR: Final = 100
"""MB a second with one worker, on the mixed traffic."""
WORKERS_BAR: Final = 1.7
"""How much faster two workers are than one."""
MEMORY_BAR: Final = 150
"""MB of all processes together, on every cassette."""
OURS: Final = "this project"


def main() -> int:
    """Run the parts that the command line asks for, print their tables, and tell whether the bars were reached."""
    options = parse_arguments()
    codes = [{"resanitize": resanitize, "peers": peers, "recording": recording}[part](options) for part in options.only]
    return max(codes)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts, in this order")
    options.add_argument("--mixes", nargs="+", choices=TITLES, default=list(TITLES), help="cassettes to re-sanitize")
    options.add_argument("--size", type=float, default=1e9, help="bytes of each cassette (default 1e9)")
    options.add_argument("--rounds", type=int, default=5, help="pairs of runs on the mixed cassette (default 5)")
    options.add_argument("--peer-size", type=float, default=5e7, help="bytes that all tools are given (default 5e7)")
    options.add_argument("--peer-rounds", type=int, default=3, help="rounds of all tools (default 3)")
    options.add_argument("--skip-peers", action="store_true", help="only this project, in every part")
    options.add_argument("--directory", type=Path, help="where the cassettes go (default: the system's temporary one)")
    options.add_argument(
        "--tree", type=Path, default=ROOT, help="the checkout that is measured (default: this one; not for catch rates)"
    )
    options.add_argument(
        "--record-options", nargs=argparse.REMAINDER, default=[], help="what follows goes to record.py --redact"
    )
    options.add_argument("--json", type=Path, help="also write every run's figures to this file")
    return options.parse_args()


# Re-sanitizing a large cassette.


@dataclass(slots=True)
class Series:
    """All runs on one cassette: `timed` in pairs of one and two workers, `watched` one each."""

    mix: str
    size: int
    interactions: int
    timed: list[dict[int, Cost]] = field(default_factory=list)
    watched: dict[int, Cost] = field(default_factory=dict)
    left: int = 0
    """Known secrets of which the output still has the plain bytes."""
    failure: str | None = None

    def speeds(self, jobs: int) -> list[float]:
        """MB a second by the clock."""
        return [self.size / pair[jobs].wall_s / 1e6 for pair in self.timed]

    def rates(self, jobs: int) -> list[float]:
        """MB for each second of CPU time, of all processes together."""
        return [self.size / pair[jobs].cpu_s / 1e6 for pair in self.timed]

    def gains(self) -> list[float]:
        """How much faster two workers were than one, pair by pair."""
        return [pair[1].wall_s / pair[2].wall_s for pair in self.timed]


def resanitize(options: argparse.Namespace) -> int:
    """Measure `ctools resanitize` on each cassette, and print the table."""
    found = []
    for mix in options.mixes:
        with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.directory) as directory:
            found.append(measure(mix, Path(directory), options))
    print(render(found), flush=True)
    keep(options, "resanitize", [asdict(series) for series in found])
    if any(series.failure for series in found):
        return 2
    return (
        0
        if all(line.reached for series in found for line in lines_of(series)) and not any(s.left for s in found)
        else 1
    )


def measure(mix: str, directory: Path, options: argparse.Namespace) -> Series:
    """Make one cassette and run over it: pairs for the clock, then one run each for the memory."""
    cassette, secrets, out = directory / "in.jsonl", directory / "secrets.txt", directory / "out.jsonl"
    command = [sys.executable, str(HERE / "cassettes.py"), mix, "--size", str(options.size)]
    made = run([*command, "--cassette", str(cassette), "--secrets", str(secrets)], environment(options.tree))
    if made.code:
        raise SystemExit(f"{mix}: no cassette was made: {last_line(made.errors)}")
    told = json.loads(made.output)
    note(f"{mix}: {told['size'] / 1e6:.0f} MB in {made.wall_s:.1f} s")
    series = Series(mix, told["size"], told["interactions"])
    read_once(cassette)

    def one(jobs: int, *, memory: bool = False) -> Cost:
        out.unlink(missing_ok=True)
        command = [*CTOOLS, "resanitize", str(cassette), "-o", str(out), "--secrets-file", str(secrets)]
        cost = run([*command, "--jobs", str(jobs)], environment(options.tree), memory=memory)
        note(f"{mix}, {jobs} at work: {cost.wall_s:.2f} s, CPU {cost.cpu_s:.2f} s, exit code {cost.code}")
        if cost.code:
            series.failure = f"exit code {cost.code}: {last_line(cost.errors)}"
        return cost

    for turn in range(options.rounds if mix == "mixed" else 1):
        series.timed.append({jobs: one(jobs) for jobs in JOBS[:: (-1) ** turn]})
        if series.failure:
            return series
    series.watched = {jobs: one(jobs, memory=True) for jobs in JOBS}
    series.left = still_there(out, secrets.read_text("utf-8").split("\n")[:-1])
    return series


def read_once(path: Path) -> None:
    """Bring a file into the page cache."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def still_there(path: Path, secrets: Sequence[str]) -> int:
    """Count the secrets whose plain bytes are in a file. A check that the run did its work, no proof of anything."""
    wanted = {secret.encode() for secret in secrets}
    found: set[bytes] = set()
    with path.open("rb") as file:
        for line in file:
            found |= {secret for secret in wanted - found if secret in line}
    return len(found)


def environment(tree: Path) -> dict[str, str]:
    """Build a run's environment: nothing in it says secret, so that the same values are looked for everywhere."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(tree.resolve())}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a value for each number of workers, and whether the bar is reached."""

    title: str
    values: tuple[str, ...]
    bar: str = ""
    reached: bool = True


def lines_of(series: Series) -> list[Line]:
    """Compute what the table says of one cassette."""
    if not series.timed or not series.watched:
        return [Line("speed", ("failed", "failed"), reached=False)]
    speeds = {jobs: series.speeds(jobs) for jobs in JOBS}
    peaks = {jobs: (series.watched[jobs].together or 0) / 1e6 for jobs in JOBS}
    held = series.mix == "mixed"
    return [
        Line(
            "speed",
            tuple(spread(speeds[jobs], "{:.0f} MB/s") for jobs in JOBS),
            f"≥ {SPEED_BAR} MB/s a core" if held else "",
            not held or median(speeds[1]) >= SPEED_BAR,
        ),
        Line("for each second of CPU time", tuple(spread(series.rates(jobs), "{:.0f} MB") for jobs in JOBS)),
        Line(
            "two workers against one",
            ("", spread(series.gains(), "{:.2f}")),
            f"≥ {WORKERS_BAR}" if held else "",
            not held or median(series.gains()) >= WORKERS_BAR,
        ),
        Line(
            "peak memory, all processes",
            tuple(f"{peaks[jobs]:.0f} MB" for jobs in JOBS),
            f"≤ {MEMORY_BAR} MB",
            max(peaks.values()) <= MEMORY_BAR,
        ),
        Line("sum of each process's own peak", tuple(peaks_apart(series.watched[jobs]) for jobs in JOBS)),
        Line("largest process", tuple(f"{series.watched[jobs].largest / 1e6:.0f} MB" for jobs in JOBS)),
    ]


def peaks_apart(cost: Cost) -> str:
    """Show the sum of the processes' peaks, and of how many."""
    return f"{(cost.bound or 0) / 1e6:.0f} MB, {cost.processes} processes"


def spread(values: Sequence[float], form: str) -> str:
    """Show the median, and the range where there are several."""
    text = form.format(median(values))
    low, high = form.format(min(values)), form.format(max(values))
    return text if low == high else f"{text} ({low.split()[0]} to {high.split()[0]})"


def render(found: Iterable[Series]) -> str:
    """Put the figures into a Markdown table."""
    head = ["`ctools resanitize`, 10 known secrets", "bar", "one worker", "two workers", "reached"]
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    notes = []
    for series in found:
        for number, line in enumerate(lines_of(series)):
            title = (
                f"{TITLES[series.mix]}, {series.size / 1e6:,.0f} MB: {line.title}" if not number else f"… {line.title}"
            )
            verdict = ("yes" if line.reached else "**no**") if line.bar else ""
            rows.append("| " + " | ".join([title, line.bar, *line.values, verdict]) + " |")
        notes.append(f"- {TITLES[series.mix]}: {series.interactions:,} interactions.")
        if series.failure:
            notes.append(f"- {TITLES[series.mix]}: failed: {series.failure}.")
        if series.left:
            notes.append(f"- {TITLES[series.mix]}: **{series.left} known secrets are still there**.")
    return "\n".join([*rows, "", *notes, ""])


# Beside other tools, on the same interactions.


def peers(options: argparse.Namespace) -> int:
    """Measure every tool on the same interactions, then count what each of them misses."""
    pythons = {} if options.skip_peers else peer_environments()
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.directory) as directory:
        size, speeds = speed_beside(Path(directory), pythons, options)
    print(render_speeds(size, speeds), flush=True)
    keep(options, "peers", speeds)
    command = [sys.executable, str(HERE / "catch_rates.py"), *["--skip-peers"] * options.skip_peers]
    done = subprocess.run(command, check=False)
    print(flush=True)
    return 2 if done.returncode or "failed" in speeds[OURS] else 0


Speeds = dict[str, dict[str, Any]]


def speed_beside(directory: Path, pythons: dict[str, str], options: argparse.Namespace) -> tuple[int, Speeds]:
    """Give the size of the cassette, and for each tool the seconds of all its rounds."""
    cassette, given, secrets = directory / "in.jsonl", directory / "given.jsonl", directory / "secrets.json"
    prepare = (
        "import json, sys; from pathlib import Path; from benchmarks import cassettes, interactions;"
        "cassette, given, secrets, size = sys.argv[1:];"
        "tally = cassettes.write_cassette(Path(cassette), 'mixed', int(float(size)));"
        "interactions.write(interactions.from_cassette(Path(cassette)), Path(given));"
        "Path(secrets).write_text(json.dumps(cassettes.known_secrets()), 'utf-8'); print(tally.size)"
    )
    command = [sys.executable, "-P", "-c", prepare, str(cassette), str(given), str(secrets), str(options.peer_size)]
    made = run(command, environment(ROOT))
    if made.code:
        raise SystemExit(f"no interactions were made: {last_line(made.errors)}")
    runs: dict[str, Callable[[], dict[str, Any]]] = {OURS: lambda: ours(cassette, secrets, directory, options)}
    for name, python in pythons.items():
        command = [python, str(HERE / "peers_redact.py"), name, "--interactions", str(given)]
        command += ["--secrets", str(secrets), "--out", str(directory / "out.jsonl")]
        runs[name] = lambda command=command: figures_of(run(command, environment(ROOT)))  # type: ignore[misc]
    speeds: Speeds = {name: {} for name in runs}
    for turn in range(options.peer_rounds):
        for name in list(runs)[:: (-1) ** turn]:
            for what, value in runs[name]().items():
                speeds[name].setdefault(what, []).append(value)
            note(f"{name}: {speeds[name]}")
    return int(made.output), speeds


def ours(cassette: Path, secrets: Path, directory: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure this project: the engine in memory, and the command from file to file."""
    engine = [sys.executable, str(HERE / "engine.py"), "--cassette", str(cassette), "--secrets", str(secrets)]
    figures = figures_of(run(engine, environment(options.tree)))
    out = directory / "redacted.jsonl"
    out.unlink(missing_ok=True)
    command = [*CTOOLS, "resanitize", str(cassette), "-o", str(out)]
    whole = run([*command, "--secrets-file", str(secrets), "--jobs", "1"], environment(options.tree))
    if whole.code:
        return {**figures, "failed": f"exit code {whole.code}: {last_line(whole.errors)}"}
    return {**figures, "whole_s": whole.wall_s}


def figures_of(cost: Cost) -> dict[str, Any]:
    """Read the figures that a process printed."""
    if cost.code:
        return {"failed": last_line(cost.errors)}
    found: dict[str, Any] = json.loads(cost.output.splitlines()[-1])
    return found


def render_speeds(size: int, speeds: Speeds) -> str:
    """Put the speeds into a Markdown table."""
    heads = [f"{name} {speeds[name].get('version', [''])[0]}".strip() for name in speeds]
    rows = ["| mixed API traffic, the same interactions | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for what, title in (("sanitize_s", "redacting in memory"), ("whole_s", "the command, file to file, one process")):
        cells = []
        for name in speeds:
            found = [size / seconds / 1e6 for seconds in speeds[name].get(what, [])]
            cells.append(spread(found, "{:.1f} MB/s") if found else "failed" if "failed" in speeds[name] else "")
        rows.append(f"| {title} | " + " | ".join(cells) + " |")
    notes = [f"- {name} failed: {speeds[name]['failed'][0]}." for name in speeds if "failed" in speeds[name]]
    notes += [
        f"- {name}: {speeds[name]['failed_files'][0]:.0f} of its files could not be converted."
        for name in speeds
        if any(speeds[name].get("failed_files", []))
    ]
    return "\n".join([*rows, "", f"- MB are those of this project's cassette: {size / 1e6:.0f}.", *notes, ""])


# While recording.


def recording(options: argparse.Namespace) -> int:
    """Run the benchmark of recording with its columns about redaction."""
    command = [sys.executable, str(HERE / "record.py"), "--redact", "--tree", str(options.tree)]
    done = subprocess.run([*command, *(options.record_options or ["--allocator", "system"])], check=False)
    print(flush=True)
    return done.returncode


# Telling it.


def keep(options: argparse.Namespace, part: str, figures: object) -> None:
    """Add the figures of a part to the file that was asked for."""
    if options.json is None:
        return
    held = json.loads(options.json.read_text("utf-8")) if options.json.exists() else {}
    options.json.write_text(json.dumps({**held, part: figures}, indent=1) + "\n", "utf-8")


def note(text: str) -> None:
    """Say on standard error how far it is."""
    print(text, file=sys.stderr, flush=True)


def last_line(text: str) -> str:
    """Give the last line of what a process said of its failure."""
    return text.strip().split("\n")[-1][:200]


if __name__ == "__main__":
    sys.exit(main())
