"""Puts a recording into the environment of a program that is about to start.

Law: it says what a child process finds, and changes nothing else about it. The environment of a recorded program
differs from its own in these variables only:

- `PYTHONPATH` gets the folder `site` of this package in front. Python imports the `sitecustomize` there at its start;
  that one arms the recording, takes its folder out of `sys.path` again, and gives way to the `sitecustomize` it hides;
- `RECORDER_CASSETTE`: absolute path of the file to append to;
- `RECORDER_RUN`: token of the run, as in the header line of the cassette;
- `RECORDER_OPTIONS`: the options as JSON (`recorder.options.Options.to_json`);
- `RECORDER_REDACTION`: `none` and the token of the run, or absolute path of the file with the policy and its secrets
  (see `recorder.redact.handover`); a process that cannot read it records nothing;
- `RECORDER_NOTES`: absolute path of a file that processes append to when they were armed, or could not record and why.

The variables stay, so that processes further down are recorded, too. A process is out of reach when its Python ignores
PYTHONPATH (`python -I`, `-E`) or `site` (`-S`), or when something between clears the environment (`env -i`, tox, sudo).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recorder.options import Options

__all__ = ["CASSETTE", "NOTES", "OPTIONS", "REDACTION", "RUN", "child_environment", "site_folder"]

CASSETTE: Final = "RECORDER_CASSETTE"
RUN: Final = "RECORDER_RUN"
OPTIONS: Final = "RECORDER_OPTIONS"
NOTES: Final = "RECORDER_NOTES"
REDACTION: Final = "RECORDER_REDACTION"


def child_environment(
    environment: Mapping[str, str], *, cassette: str, run: str, options: Options, redaction: str, notes: str
) -> dict[str, str]:
    """Return `environment` with what makes every Python process below record into `cassette`.

    `cassette`, `notes` and `redaction` (if it is one) are absolute paths: a child may change its folder before
    it reads them. Raises UsageError where PYTHONPATH cannot name the folder of this package.
    """
    return {
        **environment,
        "PYTHONPATH": _in_front(site_folder(), environment.get("PYTHONPATH", "")),
        CASSETTE: cassette,
        RUN: run,
        OPTIONS: options.to_json(),
        REDACTION: redaction,
        NOTES: notes,
    }


def site_folder() -> str:
    """Return the folder that PYTHONPATH must name; it holds the `sitecustomize` that arms a process."""
    return str(Path(__file__).absolute().with_name("site"))


def _in_front(folder: str, before: str) -> str:
    if os.pathsep in folder:
        raise UsageError(
            f"cassette-tools is installed in {folder}, and PYTHONPATH cannot hold a path with {os.pathsep!r} in it: "
            "install it elsewhere"
        )
    # An empty PYTHONPATH means none; an empty entry in it would mean the working folder.
    others = [entry for entry in before.split(os.pathsep) if entry != folder] if before else []
    return os.pathsep.join([folder, *others])
