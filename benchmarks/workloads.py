"""One benchmark run: one workload, under one recorder or none, in this process. Prints its figures as one JSON object.

Law: the clock runs over the loop of requests only. Imports, a first request that warms the client up, and the start of
the recorder come before it; what a recorder does at its end (some write the whole cassette there) comes after it and is
told apart, as `finish_s`. Every body is read in full and its length checked. Each recorder is used as its documentation
says, with the options that favour it. Nothing is measured of this program itself: it keeps no response and no list that
grows.

Memory figures need Linux. `peak` is the process's own high-water mark (VmHWM) and not `ru_maxrss`, which a process
inherits from whoever started it.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import importlib
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import requests

SMALL: Final = 2048
LARGE: Final = 500_000
DOWNLOAD: Final = 50 * 1024 * 1024
PIECE: Final = 64 * 1024
THREADS: Final = 8
TIMEOUT: Final = 60
"""Seconds; passed with each request, as a careful program does."""
SECRETS: Final = [hashlib.sha256(b"secret %d" % number).hexdigest()[:40] for number in range(10)]
"""What `signed_in` sends, and what a recorder may be told to look for."""

Program = Callable[[], None]


def main() -> None:
    """Run the workload that the command line names."""
    options = parse_arguments()
    gauge = Gauge()
    workload = WORKLOADS[options.workload]

    with requests.Session() as session:
        read(session, f"{options.url}/2k", SMALL)
    entered = time.perf_counter()
    RECORDERS[options.recorder](options.cassette, lambda: workload(options.url, options.count, gauge))
    left = time.perf_counter()
    print(json.dumps({**vars(options), "cassette": str(options.cassette), **gauge.figures(entered, left)}))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("workload", choices=WORKLOADS)
    options.add_argument("--recorder", choices=RECORDERS, default="bare")
    options.add_argument("--url", required=True, help="the origin; REQUESTS_CA_BUNDLE must trust it")
    options.add_argument("--count", type=int, required=True, help="how many requests, sessions or downloads")
    options.add_argument("--cassette", type=Path, required=True, help="what a recorder writes; not there yet")
    return options.parse_args()


class Gauge:
    """Reads the clocks and the memory of this process around the loop of requests."""

    def __init__(self) -> None:
        self._started = self._stopped = 0.0
        self._cpu = 0.0
        self._before = self._after = 0
        self._peak_of_loop = 0
        self._samples: list[int] = []

    def start(self) -> None:
        """Call when the loop begins."""
        gc.collect()
        self._before = resident()
        self._cpu = cpu_seconds()
        self._started = time.perf_counter()

    def stop(self) -> None:
        """Call when the loop has ended, while what it holds is still held."""
        self._stopped = time.perf_counter()
        self._cpu = cpu_seconds() - self._cpu
        self._peak_of_loop = peak()
        gc.collect()
        self._after = resident()

    def sample(self) -> None:
        """Note the resident size inside the loop."""
        self._samples.append(resident())

    def figures(self, entered: float, left: float) -> dict[str, object]:
        """Give what was measured. Times are seconds, sizes bytes."""
        return {
            "versions": versions(),
            "start_s": self._started - entered,
            "wall_s": self._stopped - self._started,
            "cpu_s": self._cpu,
            "finish_s": left - self._stopped,
            "rss_before": self._before,
            "rss_after": self._after,
            "rss_samples": self._samples,
            "peak_of_loop": self._peak_of_loop,
            "peak": peak(),
        }


def resident() -> int:
    """Give the resident size of this process, in bytes (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * resource.getpagesize()


def peak() -> int:
    """Give the largest resident size that this process has had, in bytes (proc(5), status)."""
    with Path("/proc/self/status").open(encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    message = "this system does not tell a process's peak"
    raise OSError(message)


def cpu_seconds() -> float:
    """Give user and system time of all threads of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def versions() -> dict[str, str]:
    """Give the versions of what took part."""
    found = {"python": sys.version.split()[0]}
    for name in ("requests", "urllib3", "vcrpy", "keboola.vcr", "cassetter", "orjson"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


# The workloads. Each is a program as people write it, with a gauge around its loop.


def read(session: requests.Session, url: str, size: int) -> None:
    """Fetch one body whole."""
    expect(len(session.get(url, timeout=TIMEOUT).content), size)


def expect(length: int, size: int) -> None:
    """Stop the run if a body is not what the origin sent."""
    if length != size:
        message = f"a body of {size} bytes was read as {length}"
        raise ValueError(message)


def keep_alive(url: str, count: int, gauge: Gauge) -> None:
    """Read small bodies in one session."""
    with requests.Session() as session:
        gauge.start()
        for number in range(count):
            read(session, f"{url}/2k?page={number}", SMALL)
        gauge.stop()


def signed_in(url: str, count: int, gauge: Gauge, *, path: str = "/account") -> None:
    """Read small bodies in one session, with Authorization and cookies in each request; each answer sets a cookie."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {SECRETS[0]}"
        session.cookies.set("session", SECRETS[1])
        session.cookies.set("theme", "dark")
        gauge.start()
        for number in range(count):
            read(session, f"{url}{path}?page={number}", SMALL)
        gauge.stop()


def rotating(url: str, count: int, gauge: Gauge) -> None:
    """Do the same where each answer sets another cookie."""
    signed_in(url, count, gauge, path="/rotating")


def new_sessions(url: str, count: int, gauge: Gauge) -> None:
    """Open a session for each request and close it at once."""
    gauge.start()
    for number in range(count):
        with requests.Session() as session:
            read(session, f"{url}/2k?page={number}", SMALL)
    gauge.stop()


def open_sessions(url: str, count: int, gauge: Gauge) -> None:
    """Keep each session, with its connection open."""
    gauge.start()
    kept = []
    for number in range(count):
        kept.append(requests.Session())
        read(kept[-1], f"{url}/2k?page={number}", SMALL)
    gauge.stop()
    for session in kept:
        session.close()


def large_bodies(url: str, count: int, gauge: Gauge) -> None:
    """Read bodies of half a megabyte in one session."""
    with requests.Session() as session:
        gauge.start()
        for number in range(count):
            read(session, f"{url}/500k?page={number}", LARGE)
        gauge.stop()


def downloads(url: str, count: int, gauge: Gauge, *, path: str = "/50m") -> None:
    """Read long bodies piece by piece in one session, and let the pieces go."""
    with requests.Session() as session:
        gauge.start()
        for number in range(count):
            with session.get(f"{url}{path}?part={number}", timeout=TIMEOUT, stream=True) as response:
                expect(sum(len(piece) for piece in response.iter_content(PIECE)), DOWNLOAD)
        gauge.stop()


def text_downloads(url: str, count: int, gauge: Gauge) -> None:
    """Read long bodies of text in the same way."""
    downloads(url, count, gauge, path="/50m-text")


def soak(url: str, count: int, gauge: Gauge) -> None:
    """Run long in one session, and note the resident size at each tenth of the way."""
    with requests.Session() as session:
        gauge.start()
        for number in range(1, count + 1):
            read(session, f"{url}/2k?page={number}", SMALL)
            if number % (count // 10) == 0:
                gauge.sample()
        gauge.stop()


def threads(url: str, count: int, gauge: Gauge) -> None:
    """Read in threads with a session each. The clock starts when all have a connection: TLS set-up is not in it."""
    connected = threading.Barrier(THREADS + 1)
    begin = threading.Barrier(THREADS + 1)

    def work(thread: int) -> None:
        with requests.Session() as session:
            read(session, f"{url}/2k?thread={thread}", SMALL)
            connected.wait(TIMEOUT)
            begin.wait(TIMEOUT)
            for number in range(1, count // THREADS):
                read(session, f"{url}/2k?thread={thread}&page={number}", SMALL)

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for worker in workers:
        worker.start()
    connected.wait(TIMEOUT)
    gauge.start()
    begin.wait(TIMEOUT)
    for worker in workers:
        worker.join()
    gauge.stop()


WORKLOADS: Final[dict[str, Callable[[str, int, Gauge], None]]] = {
    "keep-alive": keep_alive,
    "signed-in": signed_in,
    "rotating": rotating,
    "new-sessions": new_sessions,
    "open-sessions": open_sessions,
    "large-bodies": large_bodies,
    "downloads": downloads,
    "text-downloads": text_downloads,
    "soak": soak,
    "threads": threads,
}


# The recorders. Imported only in the run that uses them: each has an environment of its own.


def run_bare(cassette: Path, program: Program) -> None:
    """Record nothing."""
    del cassette
    program()


def run_recorder(cassette: Path, program: Program) -> None:
    """Record with this project, as it comes."""
    recorder = importlib.import_module("recorder")
    with recorder.record(cassette):
        program()


def run_recorder_unredacted(cassette: Path, program: Program) -> None:
    """Record with this project, and leave everything in."""
    recorder = importlib.import_module("recorder")
    with recorder.record(cassette, redact=False):
        program()


def run_recorder_secrets(cassette: Path, program: Program) -> None:
    """Record with this project, and tell it what must not be found in the cassette."""
    recorder = importlib.import_module("recorder")
    with recorder.record(cassette, secrets=SECRETS):
        program()


def run_vcrpy(cassette: Path, program: Program) -> None:
    """Record with vcrpy. YAML is its default; its JSON refuses bodies that are no text."""
    vcr = importlib.import_module("vcr")
    with vcr.use_cassette(os.fspath(cassette), record_mode="all"):
        program()


def run_keboola_vcr(cassette: Path, program: Program) -> None:
    """Record with keboola.vcr, without its capture of log records: that is no part of HTTP recording."""
    module = importlib.import_module("keboola.vcr.recorder")
    vcr_recorder = module.VCRRecorder(cassette.parent, cassette_file=cassette.name, capture_logs=False)
    vcr_recorder.record(program)


def run_cassetter(cassette: Path, program: Program) -> None:
    """Record with cassetter, in YAML, which it writes faster than TOML."""
    cassetter = importlib.import_module("cassetter")
    with cassetter.use_cassette(cassette, record_mode="all"):
        program()


RECORDERS: Final[dict[str, Callable[[Path, Program], None]]] = {
    "bare": run_bare,
    "recorder": run_recorder,
    "recorder-unredacted": run_recorder_unredacted,
    "recorder-secrets": run_recorder_secrets,
    "vcrpy": run_vcrpy,
    "keboola.vcr": run_keboola_vcr,
    "cassetter": run_cassetter,
}

if __name__ == "__main__":
    main()
