"""The entry of the script `ctools` and of `python -m cassette_tools`."""

from __future__ import annotations

import io
import sys

__all__ = ["main"]


def main() -> None:
    """Run `ctools` and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding lacks is shown as an escape: no recorded byte may end the program.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    from cassette_tools.cli import run  # noqa: PLC0415 - what fails from here on can be told with any character

    sys.exit(run())


if __name__ == "__main__":
    main()
