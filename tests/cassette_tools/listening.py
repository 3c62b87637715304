"""A program that tells which signals reach it, until its standard input ends: `python listening.py [MORE SIGNALS]`.

A signal that arrives just before a read begins is not heard by Python before that read ends. So it reads only when
there is something, and waits for that together with the signals.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys

HEARD = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH", "SIGCONT", "SIGURG")


def tell(number: int, _frame: object) -> None:
    os.write(1, f"{signal.Signals(number).name}\n".encode())


woken, waker = socket.socketpair()
waker.setblocking(False)
signal.set_wakeup_fd(waker.fileno())
for name in (*HEARD, *sys.argv[1:]):
    signal.signal(getattr(signal, name), tell)
os.write(1, f"pid {os.getpid()}\n".encode())
said = b""
while b"done\n" not in said:
    ready = select.select([0, woken.fileno()], [], [])[0]
    if woken.fileno() in ready:
        woken.recv(4096)  # Python runs `tell` before it goes on from here
    if 0 in ready:
        read = os.read(0, 4096)
        if not read:
            break
        said += read
os.write(1, b"bye\n")
sys.exit(5)
