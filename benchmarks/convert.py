"""What converting costs: `ctools convert` beside what other tools take for the same work, and its memory.

Law: each run of ours is a whole process, from its start to the last byte of its result; the start, about a quarter
of a second, is in every figure. Of another tool two figures are taken: its own call alone, with the text or the objects
in memory before the clock starts and nothing written while it runs, and its whole process. Bars hold against the call
alone, which favours the other tool. Runs of ours and of the other tool alternate, in an order that turns round each
time, and a ratio is taken within such a pair. Tables give the median and the range. Memory is looked at in runs of its
own, because looking takes time. A figure with a bar is marked by whether the median reaches it.

    python benchmarks/convert.py                                  # everything; 40 minutes on two cores, 4 GB of disk
    python benchmarks/convert.py --only speed --mixes small       # beside other tools
    python benchmarks/convert.py --only memory --size 1e8
    python benchmarks/convert.py --size 2e6 --rounds 1            # does it run at all?

Needs Linux and the development dependencies, and for the peers `pip` with an index, as `record.py` does. Tables to
standard output, progress to standard error. Exit code 0: every bar reached; 1: not; 2: a run of ours failed, or gave
other interactions than it was given.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, TypeAlias

ROOT: Final = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # in place of this folder: the packages are found from the repository's root

from benchmarks.processes import Cost, run  # noqa: E402 - the path comes first
from benchmarks.record import peer_environments  # noqa: E402 - the path comes first
from benchmarks.redact import CTOOLS, environment, keep, last_line, note, read_once, spread  # noqa: E402 - see above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

HERE: Final = Path(__file__).resolve().parent
PARTS: Final = ("speed", "memory")
TITLES: Final = {"small": "bodies of 2 KB", "large": "bodies of 600 KB", "long": "bodies of 8 MB"}
MEMORY_BAR: Final = 100
"""MB of the process, on cassettes whose bodies are small beside it."""
STANDARD: Final = "json"
IN_FILE: Final = 1000
"""Interactions in a cassette of cassetter's: it refuses files with more than 250,000 nodes, or about 3,800 such."""
FILE_SIZE: Final = 10_000_000
"""Bytes of a cassette of cassetter's: it refuses what has too many bytes of scalars, too."""


@dataclass(frozen=True, slots=True)
class Way:
    """One conversion, and what is measured beside it.

    `source` and `target` are names of formats. `peer` does `task` (see peers_convert.py) in the time of which ours is
    taken; `bars` say, by mix, how many times faster than the peer's call alone we are to be. `apart`: the formats are
    read and written in a folder of files.
    """

    source: str
    target: str
    title: str
    peer: str | None = None
    task: str = ""
    says: str = ""
    bars: Mapping[str, float] = field(default_factory=dict)
    apart: bool = False

    @property
    def name(self) -> str:
        """Name it, as --ways takes it."""
        return f"{self.source}:{self.target}"


WAYS: Final = (
    Way(
        "jsonl",
        "vcrpy-yaml",
        "JSONL to vcrpy YAML",
        "vcrpy",
        "dump",
        "vcr.serialize.serialize with yaml",
        {"small": 10},
    ),
    Way(
        "vcrpy-yaml",
        "jsonl",
        "vcrpy YAML to JSONL",
        "vcrpy",
        "load",
        "vcr.serialize.deserialize with yaml",
        {"small": 10, "large": 1},
    ),
    Way("jsonl", "keboola-json", "JSONL to keboola.vcr JSON", "keboola.vcr", "dump", "writing its lines and its file"),
    Way("keboola-json", "jsonl", "keboola.vcr JSON to JSONL", "keboola.vcr", "load", "loading its file"),
    Way("jsonl", "har", "JSONL to HAR", STANDARD, "dump", "json.dumps of the HAR"),
    Way("har", "jsonl", "HAR to JSONL", STANDARD, "load", "json.loads of the HAR"),
    Way("vcrpy-yaml", "cassetter-yaml", "vcrpy YAML to cassetter YAML", "cassetter", "yaml", "its convert", apart=True),
    Way("vcrpy-yaml", "cassetter-toml", "vcrpy YAML to cassetter TOML", "cassetter", "toml", "its convert", apart=True),
    Way(
        "cassetter-toml",
        "cassetter-yaml",
        "cassetter TOML to cassetter YAML",
        "cassetter",
        "yaml",
        "its convert",
        apart=True,
    ),
    Way("jsonl", "jsonl", "JSONL to JSONL"),
    Way("jsonl", "jsonl.zst", "JSONL to JSONL, packed (zstd)"),
)
GIGABYTE: Final = (
    ("jsonl", "vcrpy-yaml"),
    ("vcrpy-yaml", "jsonl"),
    ("jsonl", "har"),
    ("har", "jsonl"),
    ("jsonl", "jsonl.zst"),
)
"""What is converted to see how much memory a large cassette takes."""
SUFFIXES: Final = {
    "jsonl": ".jsonl",
    "jsonl.zst": ".jsonl.zst",
    "vcrpy-yaml": ".yaml",
    "keboola-json": ".json",
    "har": ".har",
    "cassetter-yaml": ".yaml",
    "cassetter-toml": ".toml",
}


def main() -> int:
    """Run the parts that the command line asks for, print their tables, and tell whether the bars were reached."""
    options = parse_arguments()
    codes = [{"speed": speed, "memory": memory}[part](options) for part in options.only]
    return max(codes)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts, in this order")
    options.add_argument("--mixes", nargs="+", choices=TITLES, default=list(TITLES), help="cassettes to convert")
    options.add_argument("--ways", nargs="+", metavar="FROM:TO", help="conversions, as jsonl:vcrpy-yaml (default: all)")
    options.add_argument("--size", type=float, default=1e9, help="bytes of each cassette for memory (default 1e9)")
    options.add_argument(
        "--peer-size", type=float, default=1e8, help="bytes that all tools are given (default 1e8, at most --size)"
    )
    options.add_argument("--rounds", type=int, default=5, help="pairs of runs beside other tools (default 5)")
    options.add_argument("--skip-peers", action="store_true", help="only this project")
    options.add_argument("--directory", type=Path, help="where the cassettes go (default: the system's temporary one)")
    options.add_argument("--tree", type=Path, default=ROOT, help="the checkout that is measured (default: this one)")
    options.add_argument("--json", type=Path, help="also write every run's figures to this file")
    chosen = options.parse_args(arguments)
    known = {way.name for way in WAYS}
    if unknown := [name for name in chosen.ways or () if name not in known]:
        options.error(f"no such conversion: {', '.join(unknown)}. There are: {', '.join(sorted(known))}")
    return chosen


# What is converted.


@dataclass(frozen=True, slots=True)
class Made:
    """A cassette that `cassettes.py` made: bytes of the file and of the bodies in it, and interactions."""

    path: Path
    size: int
    bodies: int
    interactions: int


def make(mix: str, size: float, directory: Path) -> Made:
    """Write a cassette of one mix."""
    path = directory / "in.jsonl"
    command = [sys.executable, str(HERE / "cassettes.py"), mix, "--size", str(size), "--cassette", str(path)]
    made = run(command, environment(ROOT))
    if made.code:
        raise SystemExit(f"{mix}: no cassette was made: {last_line(made.errors)}")
    told = json.loads(made.output)
    read_once(path)
    note(f"{mix}: {told['size'] / 1e6:.0f} MB, {told['interactions']:,} interactions")
    return Made(path, told["size"], told["bodies"], told["interactions"])


def convert_once(source: Path, target: Path, form: str, tree: Path, *, memory: bool = False) -> Cost:
    """Run `ctools convert` from a file to a file, or from a folder to a folder."""
    clear(target)
    where = f"{target}/" if source.is_dir() else str(target)
    command = [*CTOOLS, "convert", str(source), "-o", where, "--to", form, "--json", "--quiet"]
    return run(command, environment(tree), memory=memory)


def clear(path: Path) -> None:
    """Remove what an earlier run has left."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def told_by(cost: Cost) -> int:
    """Give how many interactions a run of ours says to have written. Raises Failure where it failed."""
    if cost.code:
        raise Failure(f"exit code {cost.code}: {last_line(cost.errors).rstrip('.')}")
    return sum(output["interactions"] for output in json.loads(cost.output)["outputs"])


class Failure(Exception):  # noqa: N818 - a run's answer, which goes into the table
    """A run failed, or did not do its work. The text is for the table."""


def expect(what: str, found: int, wanted: int) -> None:
    """Compare two counts of interactions. Raises Failure."""
    if found != wanted:
        raise Failure(f"{what} {found:,} of {wanted:,} interactions")


def expect_all(path: Path, made: Made) -> None:
    """Look whether a JSONL cassette holds as much as the one that was made. Raises Failure."""
    interactions, size = counted(path)
    expect("the result has", interactions, made.interactions)
    if size != made.bodies:
        raise Failure(f"the result has {size:,} of {made.bodies:,} bytes of bodies")


def cut(source: Path, folder: Path, *, most: int = IN_FILE, size: int = FILE_SIZE) -> int:
    """Cut a vcrpy cassette into cassettes of at most `most` interactions and about `size` bytes; give how many."""
    clear(folder)
    folder.mkdir()
    files = 0
    held: list[bytes] = []
    items = length = 0

    def write() -> None:
        nonlocal files
        (folder / f"{files:06d}.yaml").write_bytes(b"".join([b"interactions:\n", *held, b"version: 1\n"]))
        files += 1

    with source.open("rb") as file:
        for line in file:
            if line.startswith((b"interactions:", b"version:")):
                continue
            if line.startswith(b"- request:"):
                if items >= most or length >= size:
                    write()
                    held.clear()
                    items = length = 0
                items += 1
            held.append(line)
            length += len(line)
    write()
    return files


def counted(path: Path) -> tuple[int, int]:
    """Count the interactions in a JSONL cassette and the bytes of their bodies, as its lines tell."""
    interactions = size = 0
    with path.open("rb") as file:
        for line in file:
            if line.startswith(b'{"type":"interaction"'):
                head = json.loads(line)
                interactions += 1
                for message in (head["request"], head["response"] or {}):
                    size += (message.get("body") or {}).get("size", 0)
    return interactions, size


# Beside other tools.


@dataclass(slots=True)
class Pair:
    """Two runs next to each other: ours, and the peer's where there is one. Times are seconds, sizes bytes."""

    wall_s: float
    cpu_s: float
    largest: int
    peer_own_s: float | None = None
    peer_whole_s: float | None = None
    peer_largest: int | None = None


@dataclass(slots=True)
class Series:
    """All runs of one conversion of one cassette; `size` are the bytes that ours read."""

    mix: str
    way: Way
    interactions: int
    size: int = 0
    pairs: list[Pair] = field(default_factory=list)
    version: str = ""
    failure: str | None = None
    peer_failure: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def bar(self) -> float | None:
        """How many times faster than the peer's call ours is to be."""
        return self.way.bars.get(self.mix)

    def ratios(self, *, whole: bool = False) -> list[float]:
        """How many times faster ours is than the peer's call alone, or than its whole process, pair by pair."""
        found = [(pair.peer_whole_s if whole else pair.peer_own_s, pair.wall_s) for pair in self.pairs]
        return [theirs / ours for theirs, ours in found if theirs is not None]

    @property
    def reached(self) -> bool:
        """Tell whether the bar is reached, where there is one and a peer ran."""
        if self.failure:
            return False
        return self.bar is None or not self.ratios() or median(self.ratios()) >= self.bar

    def as_json(self) -> dict[str, Any]:
        """Give all figures."""
        return {
            "mix": self.mix,
            "conversion": self.way.name,
            "interactions": self.interactions,
            "size": self.size,
            "pairs": [asdict(pair) for pair in self.pairs],
            "peer": self.way.peer,
            "peer_version": self.version,
            "bar": self.bar,
            "failure": self.failure,
            "peer_failure": self.peer_failure,
            "notes": self.notes,
        }


Pythons: TypeAlias = "Mapping[str, str]"


def speed(options: argparse.Namespace) -> int:
    """Measure every conversion beside its peer, on each cassette, and print the table."""
    pythons = {STANDARD: sys.executable, **({} if options.skip_peers else peer_environments())}
    found: list[Series] = []
    for mix in options.mixes:
        with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.directory) as directory:
            found += Bench(mix, Path(directory), pythons, options).all()
    print(render_speed(found), flush=True)
    keep(options, "speed", [series.as_json() for series in found])
    return verdict(found)


class Bench:
    """One cassette in all formats that are read, and the runs over it."""

    def __init__(self, mix: str, directory: Path, pythons: Pythons, options: argparse.Namespace) -> None:
        self._mix = mix
        self._directory = directory
        self._pythons = pythons
        self._options = options
        self._tree: Path = options.tree
        self._made = make(mix, min(options.peer_size, options.size), directory)
        self._ready: dict[str, Path | Failure] = {"jsonl": self._made.path}
        self._remarks: dict[str, str] = {}

    def all(self) -> list[Series]:
        """Run every conversion that was asked for."""
        return [self._measured(way) for way in WAYS if self._options.ways is None or way.name in self._options.ways]

    def _measured(self, way: Way) -> Series:
        series = Series(self._mix, way, self._made.interactions)
        try:
            source = self._input(way.source, apart=way.apart)
            series.size = size_of(source)
            if way.source in self._remarks:
                series.notes.append(self._remarks[way.source])
            target = self._directory / f"out{'' if way.apart else SUFFIXES[way.target]}"
            for turn in range(self._options.rounds):
                self._pair(series, source, target, ours_first=turn % 2 == 0)
            self._check(way, target)
        except Failure as failure:
            series.failure = str(failure)
            note(f"{self._mix}, {way.title}: failed: {failure}")
        return series

    def _pair(self, series: Series, source: Path, target: Path, *, ours_first: bool) -> None:
        """Run ours and the peer's, in the order of the turn."""
        way = series.way
        before = None if ours_first else self._peer(series, source)
        cost = convert_once(source, target, way.target, self._tree)
        expect("it wrote", told_by(cost), self._made.interactions)
        theirs = self._peer(series, source) if ours_first else before
        pair = Pair(cost.wall_s, cost.cpu_s, cost.largest)
        if theirs:
            pair.peer_own_s, pair.peer_whole_s, pair.peer_largest = theirs
        series.pairs.append(pair)
        beside = f"; {way.peer}: {theirs[0]:.2f} s alone, {theirs[1]:.2f} s whole" if theirs else ""
        note(f"{self._mix}, {way.title}: {cost.wall_s:.2f} s, CPU {cost.cpu_s:.2f} s{beside}")

    def _peer(self, series: Series, source: Path) -> tuple[float, float, int] | None:
        """Let the peer do its task; give seconds of its call and of its process, and its memory."""
        way = series.way
        if way.peer is None or way.peer not in self._pythons or series.peer_failure:
            return None
        try:
            given = source if way.apart or way.task == "load" else self._objects(way)
            out = self._directory / "theirs" if way.apart or way.task == "dump" else None
            cost, figures = self._ask(way.peer, way.task, given, out)
            expect("it had", figures["interactions"], self._made.interactions)
        except Failure as failure:
            series.peer_failure = str(failure)
            note(f"{self._mix}, {way.title}: {way.peer} failed: {failure}")
            return None
        series.version = figures["version"]
        return figures["own_s"], cost.wall_s, cost.largest

    def _ask(self, peer: str, task: str, given: Path, out: Path | None) -> tuple[Cost, dict[str, Any]]:
        if out is not None:
            clear(out)
        command = [self._pythons[peer], str(HERE / "peers_convert.py"), peer, task, "--given", str(given)]
        cost = run([*command, *(["--out", str(out)] if out else [])], environment(ROOT))
        if cost.code:
            raise Failure(last_line(cost.errors).rstrip("."))
        figures: dict[str, Any] = json.loads(cost.output.splitlines()[-1])
        return cost, figures

    def _objects(self, way: Way) -> Path:
        """Give what the peer dumps: the objects that it loads from the same cassette, or for json the HAR."""
        path = self._file(way.target)
        return path if way.peer == STANDARD else path.with_suffix(".objects")

    def _input(self, form: str, *, apart: bool) -> Path:
        """Give the cassette in a format, made by us; where the format's own tool is there, as that tool dumps it."""
        return self._folder(form) if apart else self._file(form)

    def _file(self, form: str) -> Path:
        return self._once(form, lambda: self._prepared(form))

    def _folder(self, form: str) -> Path:
        return self._once(f"{form} apart", lambda: self._prepared_apart(form))

    def _once(self, name: str, make_it: Callable[[], Path]) -> Path:
        """Make something the first time; what failed once fails again."""
        if name not in self._ready:
            try:
                self._ready[name] = make_it()
            except Failure as failure:
                self._ready[name] = failure
        found = self._ready[name]
        if isinstance(found, Failure):
            raise found
        return found

    def _prepared(self, form: str) -> Path:
        ours = self._directory / f"{form}-ours{SUFFIXES[form]}"
        told_by(convert_once(self._made.path, ours, form, self._tree))
        peer = next((way.peer for way in WAYS if way.target == form and way.task == "dump"), None)
        if peer is None or peer == STANDARD or peer not in self._pythons:
            return ours
        objects = self._directory / f"{form}-theirs.objects"
        theirs = objects.with_suffix(SUFFIXES[form])
        _, figures = self._ask(peer, "load", ours, objects)
        if (figures["interactions"], figures["bytes"]) != (self._made.interactions, self._made.bodies):
            raise Failure(f"{peer} loads other interactions from our file than were in the cassette")
        self._ask(peer, "dump", objects, theirs)
        same = filecmp.cmp(ours, theirs, shallow=False)
        self._remarks[form] = f"our file and the one that {peer} dumps of it are {'' if same else 'not '}equal by byte"
        return theirs

    def _prepared_apart(self, form: str) -> Path:
        folder = self._directory / f"{form}-apart"
        if form == "vcrpy-yaml":
            cut(self._file(form), folder)
        else:
            told_by(convert_once(self._folder("vcrpy-yaml"), folder, form, self._tree))
        return folder

    def _check(self, way: Way, target: Path) -> None:
        """Look into the last result, not by its writer's means where that can be."""
        if way.target == "jsonl":
            expect_all(target, self._made)
        elif way.target == "har":
            _, figures = self._ask(STANDARD, "load", target, None)
            expect("the HAR has", figures["interactions"], self._made.interactions)


def size_of(path: Path) -> int:
    """Give the bytes of a file, or of the files in a folder."""
    return sum(one.stat().st_size for one in path.iterdir()) if path.is_dir() else path.stat().st_size


# The memory of large cassettes.


@dataclass(slots=True)
class Large:
    """One conversion of a large cassette: `timed` for the clock, `watched` for the memory."""

    mix: str
    source: str
    target: str
    interactions: int
    size: int = 0
    timed: Cost | None = None
    watched: Cost | None = None
    failure: str | None = None

    @property
    def title(self) -> str:
        """Say what was converted."""
        return next(way.title for way in WAYS if (way.source, way.target) == (self.source, self.target))

    @property
    def bar(self) -> int | None:
        """MB that all processes may have; none where one body is 8 MB and must be held."""
        return None if self.mix == "long" else MEMORY_BAR

    @property
    def peak(self) -> float:
        """The sum of the processes' largest resident sizes, in MB."""
        return (self.watched.bound or 0) / 1e6 if self.watched else 0.0

    @property
    def reached(self) -> bool:
        """Tell whether the bar is reached."""
        return not self.failure and (self.bar is None or self.peak <= self.bar)


def memory(options: argparse.Namespace) -> int:
    """Convert large cassettes, once for the clock and once for the memory, and print the table."""
    found: list[Large] = []
    for mix in options.mixes:
        with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.directory) as directory:
            found += list(large_ones(mix, Path(directory), options))
    print(render_memory(found), flush=True)
    keep(options, "memory", [asdict(one) for one in found])
    return verdict(found)


def large_ones(mix: str, directory: Path, options: argparse.Namespace) -> Iterator[Large]:
    """Convert one cassette there and back. What was written is read next, and then removed."""
    made = make(mix, options.size, directory)
    files = {"jsonl": made.path}
    for source, target in GIGABYTE:
        if options.ways is not None and f"{source}:{target}" not in options.ways:
            continue
        one = Large(mix, source, target, made.interactions)
        try:
            if source not in files:
                files[source] = directory / f"source{SUFFIXES[source]}"
                told_by(convert_once(made.path, files[source], source, options.tree))
            out = directory / f"out{SUFFIXES[target]}"
            one.size = size_of(files[source])
            one.timed = convert_once(files[source], out, target, options.tree)
            expect("it wrote", told_by(one.timed), made.interactions)
            one.watched = convert_once(files[source], out, target, options.tree, memory=True)
            expect("it wrote", told_by(one.watched), made.interactions)
            if target == "jsonl":
                expect_all(out, made)
            note(f"{mix}, {one.title}: {one.timed.wall_s:.2f} s, {one.peak:.0f} MB")
            if target != "jsonl" and target in SUFFIXES:
                files[target] = out.rename(directory / f"source{SUFFIXES[target]}")
        except Failure as failure:
            one.failure = str(failure)
            note(f"{mix}, {one.title}: failed: {failure}")
        if source != "jsonl" and source in files:
            files.pop(source).unlink(missing_ok=True)
        yield one


# Telling it.


def verdict(found: Sequence[Series] | Sequence[Large]) -> int:
    """Give the exit code."""
    if any(one.failure for one in found):
        return 2
    return 0 if all(one.reached for one in found) else 1


def render_speed(found: Sequence[Series]) -> str:
    """Put the figures into a Markdown table."""
    head = [
        "`ctools convert`, whole process",
        "bar",
        "time",
        "each",
        "speed",
        "beside",
        "its call alone",
        "times faster",
    ]
    head += ["than its whole process", "memory, ours and its", "reached"]
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    notes: dict[str, None] = {}
    for number, series in enumerate(found):
        first = not number or found[number - 1].mix != series.mix
        rows.append("| " + " | ".join(cells(series, first=first)) + " |")
        if first:
            notes[f"- {TITLES[series.mix]}: {series.interactions:,} interactions."] = None
        what = f"{TITLES[series.mix]}, {series.way.title}"
        if series.failure:
            notes[f"- {what}: failed: {series.failure}."] = None
        if series.peer_failure:
            notes[f"- {what}: {series.way.peer} failed: {series.peer_failure}."] = None
        for text in series.notes:
            notes[f"- {TITLES[series.mix]}: {text}."] = None
    return "\n".join([*rows, "", *notes, ""])


def cells(series: Series, *, first: bool) -> list[str]:
    """Give a row of the table."""
    way, pairs = series.way, series.pairs
    title = f"{TITLES[series.mix]}: {way.title}" if first else f"… {way.title}"
    bar = f"≥ {series.bar:g}" if series.bar else ""
    if series.failure or not pairs:
        return [title, bar, "failed", *[""] * 7, "**no**"]
    times = [pair.wall_s for pair in pairs]
    row = [title, bar, spread(times, "{:.2f} s"), duration(median(times) / series.interactions)]
    row.append(f"{series.size / median(times) / 1e6:.0f} MB/s")
    ratios = series.ratios()
    if not ratios:
        return [*row, "", "", "", "", memory_of(pairs), ""]
    row += [f"{way.peer} {series.version}: {way.says}".replace("  ", " ").replace(" :", ":")]
    row += [spread([pair.peer_own_s for pair in pairs if pair.peer_own_s is not None], "{:.2f} s")]
    row += [spread(ratios, "{:.1f}"), spread(series.ratios(whole=True), "{:.1f}"), memory_of(pairs)]
    return [*row, ("yes" if series.reached else "**no**") if series.bar else ""]


def memory_of(pairs: Sequence[Pair]) -> str:
    """Show the largest resident size of ours, and of the peer's process."""
    ours = max(pair.largest for pair in pairs) / 1e6
    theirs = [pair.peer_largest for pair in pairs if pair.peer_largest is not None]
    return f"{ours:.0f} MB, {max(theirs) / 1e6:.0f} MB" if theirs else f"{ours:.0f} MB"


def duration(seconds: float) -> str:
    """Show a short time."""
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


def render_memory(found: Sequence[Large]) -> str:
    """Put the figures into a Markdown table."""
    head = ["`ctools convert` of a large cassette", "bar", "peak memory", "processes", "speed", "each", "reached"]
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    notes = []
    for one in found:
        size = f", {one.size / 1e6:,.0f} MB" if one.size else ""
        title = f"{TITLES[one.mix]}{size}: {one.title}"
        bar = f"≤ {one.bar} MB" if one.bar else ""
        if one.failure or one.timed is None or one.watched is None:
            rows.append(f"| {title} | {bar} | failed | | | | **no** |")
            notes.append(f"- {TITLES[one.mix]}, {one.title}: failed: {one.failure}.")
            continue
        figures = [
            f"{one.peak:.0f} MB",
            f"{one.watched.processes}",
            f"{one.size / one.timed.wall_s / 1e6:.0f} MB/s",
            duration(one.timed.wall_s / one.interactions),
        ]
        reached = ("yes" if one.reached else "**no**") if one.bar else ""
        rows.append("| " + " | ".join([title, bar, *figures, reached]) + " |")
    return "\n".join([*rows, "", *notes, ""])


if __name__ == "__main__":
    sys.exit(main())
