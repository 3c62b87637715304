"""A program that tells which signals reach it, until its standard input ends: `python listening.py`."""

from __future__ import annotations

import os
import signal
import sys

HEARD = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH", "SIGCONT", "SIGURG")


def tell(number: int, _frame: object) -> None:
    os.write(1, f"{signal.Signals(number).name}\n".encode())


for name in HEARD:
    signal.signal(getattr(signal, name), tell)
os.write(1, f"pid {os.getpid()}\n".encode())
while (line := sys.stdin.readline()) and line.strip() != "done":
    pass
os.write(1, b"bye\n")
sys.exit(5)
