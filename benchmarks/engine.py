"""The redaction of a cassette's lines in memory: no reading, no writing, one process.

Law: the clock runs over `Redactor.redact_line` only, once over all lines; the lines are in memory before it starts.
Peers are measured in the same way (`sanitize_s` in `peers_redact.py`). Prints the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from recorder.redact.engine import Redactor
from recorder.redact.policy import Policy, Secret


def main() -> None:
    """Redact the cassette that the command line names, and throw the result away."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cassette", type=Path, required=True)
    options.add_argument("--secrets", type=Path, required=True, help="a JSON list of known values")
    chosen = options.parse_args()
    known = json.loads(chosen.secrets.read_text("utf-8"))
    secrets = tuple(Secret(value, f"given#{number}") for number, value in enumerate(known, 1))
    redactor = Redactor(Policy(secrets=secrets, environment=False))
    with chosen.cassette.open("rb") as file:
        lines = list(file)
    started = time.perf_counter()
    for line in lines:
        redactor.redact_line(line)
    print(json.dumps({"sanitize_s": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
