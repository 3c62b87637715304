"""What holds for all tests: neither how they were started nor what else the machine does shows in them.

The programs that tests start meet the system as it is in a new shell. Under nohup SIGHUP is ignored, after `&` in a
script SIGINT and SIGQUIT are, and what is ignored or blocked passes on to every process that a test starts, and from
there to its own. A signal that is caught goes back to its default there (POSIX, exec). So this process catches what it
was to ignore and does nothing then: the tests outlive it as whoever started them wished.

No random example fails by the time that it took: a machine with other work takes ten times as long, now and then.
Where time is the promise, a test measures the time of the processor.
"""

from __future__ import annotations

import gc
import signal
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what was collected, a million objects that stay, from being looked through again by each collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()
