"""`ctools scan`: parses the arguments, finds the files, hands the reports to a view."""

# ruff: noqa: PLC0415 - the help needs nothing of it

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cassette_tools.secret_options import Configs, PolicyFiles, SecretEnv, SecretsFiles, policy_of
from recorder.errors import UsageError

if TYPE_CHECKING:
    from cassette_tools.guard import Which
    from recorder.redact.policy import Policy

__all__ = ["scan"]


def scan(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATHS",
            help="Files and folders, or - for the standard input. Without any: this folder.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="In folders, look also into YAML, JSON and HAR files that are no cassettes.")
    ] = False,
    cassettes: Annotated[
        bool, typer.Option("--cassettes", help="Look into cassettes only, also among files that are named.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", metavar="N", min=1, help="Processes. [default: as many as processors]", show_default=False
        ),
    ] = None,
    secret_env: SecretEnv = None,
    secrets_file: SecretsFiles = None,
    config: Configs = None,
    policy: PolicyFiles = None,
) -> None:
    """Find secrets that were left in cassettes, of any tool.

    It looks for known secrets in every common encoding, for the formats of well-known tokens, and into the places
    where secrets stand: headers, cookies, queries, forms, JSON, also inside compressed and base64 bodies. What is
    masked already is not found. Nothing is changed, and no value is printed.

    Examples:
        ctools scan tests/cassettes
        ctools scan --secret-env 'API_*' .
        ctools scan recording.har
        ctools scan --json - < cassette.yaml

    Files are of every format that is read here: YAML, JSON, JSON Lines, HAR, TOML and flows of mitmproxy, also as .gz
    and .zst. In a folder only cassettes are looked into, which their content tells; hidden folders, node_modules and
    virtual environments are passed over. A file that is named is looked into whatever it is.

    A finding is a line: PATH:LINE:COLUMN: RULE PLACE (interaction N). Exit codes: 0 nothing found, 1 secrets found,
    2 a file could not be read, or only as text.

    The keys of --json: files, skipped and bytes say what was looked into; found is the number of findings, and
    findings lists them with path, line, column, rule, place and interaction (null outside of one); more says for a
    path how many of its findings are not listed (beyond 1,000); trouble lists files with path and message; unproven
    names known secrets too short or common to be looked for with certainty.

    .pre-commit-hooks.yaml offers the hook ctools-scan for pre-commit.
    """
    if every and cassettes:
        raise UsageError("--all looks into more than cassettes, --cassettes into nothing else: give one of them.")
    which: Which = "all" if every else "cassettes" if cassettes else "default"
    given = policy_of(policy, secret_env, secrets_file, config)
    code = _scan(paths or ["."], which, given, jobs, as_json=as_json)
    if code:
        raise typer.Exit(code)


def _scan(paths: list[str], which: Which, policy: Policy, jobs: int | None, *, as_json: bool) -> int:
    from cassette_tools.sweep import Sweep, files_of
    from cassette_tools.views.scan import Tally, print_object, show_report, show_tally

    tally = Tally()
    sweep = Sweep(policy, which=which, jobs=jobs)
    for report in sweep.run(list(files_of(paths))):
        tally.add(report, keep=as_json)
        if not as_json:
            show_report(report)
    if as_json:
        print_object(tally, sweep.unproven)
    show_tally(tally, sweep.unproven)
    return 2 if tally.trouble else 1 if tally.findings else 0
