"""Runs a command under `cassette_tools.launch` alone: `python supervising.py queued|caught|plain COMMAND ARGS`."""

from __future__ import annotations

import os
import sys

from cassette_tools.launch import Caught, Plain, Queued, Supervised, leave


def main(kind: str, command: list[str]) -> int:
    child = Plain(command) if kind == "plain" else Supervised(command, Queued() if kind == "queued" else Caught())
    with child:
        child.start(os.environ)
        ended = child.wait(lambda: None, 0.1)
    if sys.stderr is not None:
        print("supervisor: ended", file=sys.stderr, flush=True)  # noqa: T201 -- what the tests listen to
    return leave(ended)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
