"""The entry of the script `ctools` and of `python -m cassette_tools`."""

from __future__ import annotations

import io
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["main"]


def main() -> None:
    """Run `ctools` and exit with its code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - lives as long as we do
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding lacks is shown as an escape: no recorded byte may end the program.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with _interrupts_end_it():
        from cassette_tools.cli import run  # noqa: PLC0415 - what fails from here on can be told with any character

    code = run()
    with _interrupts_end_it():
        sys.exit(code)


@contextmanager
def _interrupts_end_it() -> Iterator[None]:
    """Let Ctrl-C end the process at once, where nobody catches a KeyboardInterrupt: it would show a traceback."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # ignored, as in `nohup` and `command &`
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    main()
