"""`ctools record`: runs a command and records the HTTP traffic of its Python processes.

Law: the command sees what it would see without us (see `launch`), and the exit code is its. Nothing goes to stdout,
which is the program's; the summary goes to stderr when the command has ended. Exit code 2 with a message: the command
was not started.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cassette_tools.secret_options import Configs, PolicyFiles, SecretEnv, SecretsFiles, policy_of
from cassette_tools.shell_word import shell_word
from recorder.errors import CassetteExistsError, UsageError
from recorder.options import Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recorder.options import Mode
    from recorder.redact.policy import Policy

__all__ = ["record"]

_DEFAULT: Final = Path("cassette.jsonl")
_SAMPLE_EVERY: Final = 100
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def record(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- COMMAND ARGS", help="What to run, after two dashes.", show_default=False),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The cassette to write.", dir_okay=False)
    ] = _DEFAULT,
    append: Annotated[bool, typer.Option("--append", help="Add this run to a cassette that exists.")] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace a cassette that exists, when the new one is complete."),
    ] = False,
    body_limit: Annotated[
        str,
        typer.Option(
            "--body-limit",
            metavar="SIZE",
            help="Bytes of one body to hold in memory, as 65536, 64K or 1M; a longer one is written in pieces.",
        ),
    ] = "1M",
    durability: Annotated[
        str,
        typer.Option(
            "--durability",
            metavar="interval|record|none",
            help="When to force records to the disk: every 5 seconds, each one, or never. "
            "This is about power cuts: a killed program loses nothing either way.",
        ),
    ] = "interval",
    share_pools: Annotated[
        bool,
        typer.Option("--share-pools", help="Let urllib3 pool managers share pools whose settings are exactly equal."),
    ] = False,
    diagnose: Annotated[
        bool,
        typer.Option(
            "--diagnose", help=f"Take a deep memory sample every {_SAMPLE_EVERY} interactions. Slows the program."
        ),
    ] = False,
    diagnose_every: Annotated[
        int | None,
        typer.Option("--diagnose-every", metavar="N", help="The same, every N interactions.", show_default=False),
    ] = None,
    policy: PolicyFiles = None,
    secret_env: SecretEnv = None,
    secrets_file: SecretsFiles = None,
    config: Configs = None,
    no_redact: Annotated[
        bool,
        typer.Option("--no-redact", help="Write everything as it was, secrets and all. The cassette says so."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one line of JSON, to stderr, too.")
    ] = False,
) -> None:
    """Run a command and record the HTTP traffic of its Python processes.

    The command runs as it would alone, with the same input, output, signals and exit code. Every Python process below
    it that can import cassette-tools appends what http.client, urllib, urllib3, requests, boto3 and httplib2 do to the
    cassette. Secrets are replaced by placeholders before they are written. A summary goes to stderr at the end.

    Examples:
        ctools record -- python app.py --verbose
        ctools record -o ads.jsonl --overwrite -- python -m extractor
        ctools record -o tests.jsonl -- pytest -x tests/
        ctools record --secret-env API_TOKEN --secrets-file secrets.txt -- python app.py
    """
    wanted = _command(command or [], output)
    options = Options(
        body_limit=_bytes(body_limit),
        durability=durability,  # type: ignore[arg-type] # Options checks it
        share_pools=share_pools,
        diagnose=diagnose_every if diagnose_every is not None else _SAMPLE_EVERY if diagnose else None,
    )
    mode = _mode(output, append=append, overwrite=overwrite)
    wanted_policy = _policy(policy, secret_env, secrets_file, config, redact=not no_redact)
    # Late: a wrong option is told without them.
    from cassette_tools.launch import leave  # noqa: PLC0415
    from cassette_tools.run import run  # noqa: PLC0415
    from cassette_tools.views.run import show_run, show_run_as_json, warn  # noqa: PLC0415

    outcome = run(wanted, output, mode=mode, options=options, policy=wanted_policy, environment=os.environ, tell=warn)
    if as_json:
        show_run_as_json(outcome)
    elif not quiet:
        show_run(outcome)
    if outcome.removed and outcome.ended.exit_code == 0:
        raise typer.Exit(1)
    raise typer.Exit(leave(outcome.ended))


# Options end where the command begins, so that the command's own options stay its own.
record.context_settings = {"allow_interspersed_args": False}  # type: ignore[attr-defined]


def _command(words: Sequence[str], output: Path) -> Sequence[str]:
    """Return the command. Raises UsageError where there is none, or where no `--` stands before it."""
    option = "" if output == _DEFAULT else f" -o {shell_word(str(output))}"
    if not words:
        raise UsageError(f"there is no command to run; add one: ctools record{option} -- python app.py")
    # The parser takes the dashes away. What the process was called with still has them, if it was called with this.
    place = len(sys.argv) - len(words)
    if sys.argv[place:] == list(words) and sys.argv[place - 1] != "--":
        raise UsageError(f"put two dashes before the command: ctools record{option} -- {shlex.join(words)}")
    return words


def _policy(
    policy: list[str] | None,
    secret_env: list[str] | None,
    secrets_file: list[str] | None,
    config: list[str] | None,
    *,
    redact: bool,
) -> Policy | None:
    """Return the policy; None for none. Raises PolicyError, SecretsError, UsageError."""
    if redact:
        return policy_of(policy, secret_env, secrets_file, config)
    if policy or secret_env or secrets_file or config:
        raise UsageError("--no-redact redacts nothing: leave it out, or leave out what names policies and secrets")
    return None


def _mode(output: Path, *, append: bool, overwrite: bool) -> Mode:
    if str(output) == "-":
        raise UsageError("standard output is the command's: name a file with -o")
    if append and overwrite:
        raise UsageError("--append and --overwrite exclude each other; choose one")
    if append or overwrite:
        return "append" if append else "overwrite"
    if output.is_file():
        raise CassetteExistsError(f"{output} exists already; add --append or --overwrite, or name another with -o")
    return "new"


def _bytes(text: str) -> int:
    """Read "65536", "64K", "64KiB" or "1M". Raises UsageError."""
    size = text.strip().upper().removesuffix("IB").removesuffix("B")
    number, unit = (size[:-1], size[-1]) if size[-1:] in tuple("KMG") else (size, "")
    if not number.isascii() or not number.isdigit():
        raise UsageError(f"--body-limit {text!r} is no size; give bytes, or a number with K, M or G, such as 64K")
    return int(number) * _UNITS[unit]
