"""What holds for all tests: the programs that they start meet the system as it is in a new shell.

Law: how the tests were started shows in no test. Under nohup SIGHUP is ignored, after `&` in a script SIGINT and
SIGQUIT are, and what is ignored or blocked passes on to every process that a test starts, and from there to its own.
A signal that is caught goes back to its default there (POSIX, exec). So this process catches what it was to ignore and
does nothing then: the tests outlive it as whoever started them wished.
"""

from __future__ import annotations

import signal
from typing import Final

_PYTHONS_OWN: Final = {getattr(signal, name, None) for name in ("SIGPIPE", "SIGXFSZ", "SIGXFZ")}
"""Python itself ignores these from its start, and subprocess gives them back."""


def _outlive(_number: int, _frame: object) -> None:
    """Do nothing, which is what was asked for."""


def pytest_configure() -> None:
    for number in signal.valid_signals() - _PYTHONS_OWN:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _outlive)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
