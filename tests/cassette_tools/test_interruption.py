from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from cassette_tools.interruption import stoppable
from tests.cassette_tools.running import environment

WAITING = """
import signal, sys, time
from cassette_tools.interruption import stoppable
if "ignoring" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
try:
    with stoppable():
        print("ready", flush=True)
        sys.stdin.readline()
        print("went on", flush=True)
finally:
    print("taken back", flush=True)
"""


def stopped(number: signal.Signals, *arguments: str) -> tuple[int, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, _ = process.communicate("\n", timeout=30)
        return process.returncode, out
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_stop_takes_back_what_it_began(number: signal.Signals) -> None:
    assert stopped(number) == (128 + number, "taken back\n")


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    assert stopped(signal.SIGHUP, "ignoring") == (0, "went on\ntaken back\n")


def test_what_was_there_before_is_there_again() -> None:
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)]
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)] == before
