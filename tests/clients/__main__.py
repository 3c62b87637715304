"""Run the clients' own test suites bare and recorded, and compare them: `python -m tests.clients`.

Law: everything that is fetched, built and written lies under the work directory. The suites come as source
distributions through pip, by name, in the versions that this environment has. Each run is bounded in time. Exit code 0:
recording changed nothing; 1: it did; 2: a suite could not be run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tarfile
import venv
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.compare import GOOD, Run, Verdict, judge, read_run, suspects, table
from tests.clients.suites import COMMON_REQUIREMENTS, SUITES, Suite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
INSIDE = Path(__file__).resolve().parent / "inside"
SCHEMA = ROOT / "docs" / "cassette.schema.json"
TEST_SECONDS = 30
RUN_SECONDS = 900
INSTALL_SECONDS = 600


class TroubleError(Exception):
    """A suite could not be fetched, installed or run. The message says where to look."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for and print the table. Returns the exit code."""
    options = _options(arguments)
    verdicts: list[Verdict] = []
    trouble = False
    for suite in SUITES:
        if options.suite and suite.name not in options.suite:
            continue
        try:
            place = _Place(suite, options.work.resolve(), options.extra, dict(options.option))
            verdicts += _run_suite(place, options.mode, options.again)
        except TroubleError as error:
            _tell(f"{suite.name}: {error}")
            trouble = True
    _print_report(verdicts)
    return 2 if trouble else int(not all(verdict.fine for verdict in verdicts))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__)
    names = [suite.name for suite in SUITES]
    parser.add_argument("--suite", action="append", choices=names, help="run only this suite; may be given again")
    parser.add_argument("--mode", action="append", choices=["test", "session"], help="default: test, then session")
    parser.add_argument("--again", type=int, default=4, help="times that a test that differs is run again, each way")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "clients", help="default: %(default)s")
    parser.add_argument(
        "--with",
        dest="extra",
        action="append",
        default=[],
        metavar="REQUIREMENT",
        help="install this besides, such as urllib3==1.26.20 for the suite of requests; may be given again",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        type=_option,
        metavar="NAME=JSON",
        help="an argument for recorder.start, such as body_limit=1024; may be given again",
    )
    options = parser.parse_args(arguments)
    options.mode = options.mode or ["test", "session"]
    return options


def _option(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    return name, json.loads(value)


def _run_suite(place: _Place, modes: Sequence[str], times: int) -> list[Verdict]:
    bare = place.run("bare")
    verdicts = []
    for mode in modes:
        recorded = place.run(mode)
        differ = suspects(bare, recorded)
        again_bare = [place.run("bare", differ) for _ in range(times if differ else 0)]
        again_recorded = [place.run(mode, differ) for _ in range(times if differ else 0)]
        verdicts.append(judge(place.title, mode, bare, recorded, again_bare, again_recorded))
    return verdicts


class _Place:
    """Where one suite lies, with an environment of its own."""

    def __init__(self, suite: Suite, work: Path, extra: Sequence[str], options: Mapping[str, object]) -> None:
        self._suite = suite
        self._version = platform.python_version() if suite.package is None else _version(suite.package)
        self.title = " ".join([suite.name, self._version, *extra])
        self._extra = extra
        self._options = options
        self._work = work / suite.name
        self._work.mkdir(parents=True, exist_ok=True)
        self._python = self._environment()
        self._tests = self._source()
        self._path = self._import_path()
        self._runs = 0

    def run(self, mode: str, only: Sequence[str] | None = None) -> Run:
        """Run the suite, or some tests of it, and gather the notes."""
        self._runs += 1
        notes = self._work / f"notes-{self._runs}-{mode}.jsonl"
        notes.unlink(missing_ok=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "CLIENTS"))}
        environment |= {"CLIENTS_MODE": mode, "CLIENTS_NOTES": str(notes), "PYTHONPATH": str(self._path)}
        if SCHEMA.exists():
            environment["CLIENTS_SCHEMA"] = str(SCHEMA)
        if self._options:
            environment["CLIENTS_OPTIONS"] = json.dumps(self._options)
        if only is not None:
            wanted = self._work / "only.json"
            wanted.write_text(json.dumps(only), encoding="utf-8")
            environment["CLIENTS_ONLY"] = str(wanted)
        _tell(f"{self._suite.name}: {mode}, {'all tests' if only is None else f'{len(only)} again'}")
        log = notes.with_suffix(".log")
        _call(self._command(), log, RUN_SECONDS, environment, self._tests)
        run = read_run(json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines() if line)
        if run.ended not in {0, 1}:
            raise TroubleError(f"pytest ended with {run.ended}; see {log}")
        return run

    def _command(self) -> list[str]:
        suite = self._suite
        plugins = [part for name in ("each_test", *suite.plugins) for part in ("-p", name)]
        without = [part for name in ("cacheprovider", "randomly", "xdist") for part in ("-p", f"no:{name}")]
        configuration = [] if suite.own_configuration else ["-c", os.devnull, f"--rootdir={self._tests}"]
        # Tracebacks as Python writes them: for its own, pytest parses source, and CPython 3.11 may fail in that with
        # "AST constructor recursion depth mismatch" (gh-106905).
        bounds = [f"--timeout={TEST_SECONDS}", "--tb=native", "-q", "-ra", *configuration]
        return [str(self._python), "-m", "pytest", *plugins, *without, *bounds, *suite.options, *suite.paths]

    def _environment(self) -> Path:
        """Make the virtual environment, anew when what it must hold has changed."""
        suite = self._suite
        wanted = [*COMMON_REQUIREMENTS, *suite.requirements, *self._extra]
        if suite.package is not None:
            wanted.append(f"{suite.package}=={self._version}")
        place = self._work / f"environment-{sys.version_info[0]}.{sys.version_info[1]}"
        python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
        mark = place / "holds.json"
        if not mark.exists() or json.loads(mark.read_text(encoding="utf-8")) != wanted:
            _tell(f"{suite.name}: installing {len(wanted)} requirements")
            venv.create(place, clear=True, with_pip=True)
            _call(
                [str(python), "-m", "pip", "install", "--quiet", *wanted],
                self._work / "install.log",
                INSTALL_SECONDS,
                must=True,
            )
            mark.write_text(json.dumps(wanted), encoding="utf-8")
        return python

    def _source(self) -> Path:
        """Give the directory that holds the tests: the unpacked source distribution, or the library's own."""
        package = self._suite.package
        if package is None:
            return self._library_tests()
        wanted = self._version
        unpacked = self._work / f"{package}-{wanted}"
        if not unpacked.exists():
            _tell(f"{self._suite.name}: fetching the source distribution of {package} {wanted}")
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", package]
            command += ["--dest", str(self._work), f"{package}=={wanted}"]
            _call(command, self._work / "download.log", INSTALL_SECONDS, must=True)
            with tarfile.open(unpacked.with_name(f"{unpacked.name}.tar.gz")) as archive:
                archive.extractall(self._work, filter="data")
        return unpacked

    def _library_tests(self) -> Path:
        try:
            library = import_module("test")  # absent from some builds of Python: then only this suite cannot run
        except ImportError:
            raise TroubleError("this Python comes without its tests (the package `test`)") from None
        place = Path(next(iter(library.__path__)))
        missing = [name for name in self._suite.paths if not (place / name).exists()]
        if missing:
            raise TroubleError(f"this Python comes without {', '.join(missing)}")
        return place

    def _import_path(self) -> Path:
        """Make a directory from which the plugins and the recorder can be imported, and nothing else of ours."""
        path = self._work / f"path-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}"
        path.mkdir(exist_ok=True)
        for target in (ROOT / "recorder", *sorted(INSIDE.glob("*.py"))):
            link = path / target.name
            if not link.is_symlink():
                link.symlink_to(target)
        return path


def _version(package: str) -> str:
    """Give the version that this environment has."""
    try:
        return version(package)
    except PackageNotFoundError:
        raise TroubleError(f"{package} is not installed here; run this where the tests' requirements are") from None


def _call(
    command: Sequence[str],
    log: Path,
    seconds: int,
    environment: dict[str, str] | None = None,
    directory: Path | None = None,
    *,
    must: bool = False,
) -> None:
    """Run a command with its output in `log`. Raises `TroubleError` when it takes too long, or fails and must not."""
    with log.open("wb") as output:
        try:
            done = subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                cwd=directory,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TroubleError(f"took longer than {seconds} s; see {log}") from None
    if must and done.returncode:
        raise TroubleError(f"{command[2:4]} failed; see {log}")


def _print_report(verdicts: Sequence[Verdict]) -> None:
    lines = [table(verdicts), ""]
    for verdict in verdicts:
        lines += _details(verdict)
    sys.stdout.write("\n".join(lines) + "\n")


def _details(verdict: Verdict) -> list[str]:
    title = f"{verdict.suite}, recorded by {verdict.mode}"
    lines = [f"{title}: lost {count}: {reason}" for reason, count in verdict.recorded.lost().items()]
    for test in (*verdict.broken, *verdict.unsteady):
        times, bare, recorded = verdict.again[test]
        word = "BROKEN" if test in verdict.broken else "unsteady"
        message = verdict.recorded.messages.get(test, "vanished")
        lines.append(f"{title}: {word}: {test}")
        lines.append(f"    again {times} times: passed bare {bare}, recorded {recorded}; {message}")
    for test, faults in verdict.faults.items():
        lines.append(f"{title}: FAULT: {test}")
        lines += [f"    {fault}" for fault in faults[:5]]
    if verdict.mode == "test":
        failed = [test for test, outcome in verdict.bare.outcomes.items() if outcome == "failed"]
        skipped = sum(outcome == "skipped" for outcome in verdict.bare.outcomes.values())
        lines.append(f"{verdict.suite}: not passed bare: {skipped} skipped, {len(failed)} failed")
        lines += [f"    {test}: {verdict.bare.messages[test]}"[:200] for test in failed]
        gained = [t for t in failed if verdict.recorded.outcomes.get(t) in GOOD]
        lines += [f"    passed recorded all the same: {test}" for test in gained]
    return lines


def _tell(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
