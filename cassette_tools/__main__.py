"""The entry of the script `ctools` and of `python -m cassette_tools`."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys

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
    # Where nobody catches a KeyboardInterrupt it shows a traceback. What is ignored (nohup, `command &`) stays ignored.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.set_threshold(50_000, 20, 50)  # next to nothing here is a cycle: to look for them at each 700th object costs 5 %
    from cassette_tools.cli import run  # noqa: PLC0415 - what fails from here on can be told with any character

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = run()
    if heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)


if __name__ == "__main__":
    main()
