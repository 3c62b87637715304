"""`ctools policy`: parses the arguments, calls what knows policies, hands the result to a view."""

# ruff: noqa: PLC0415 - each command loads what it needs, and nothing else

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from cassette_tools.secret_options import Configs, PolicyFiles, SecretEnv, SecretsFiles, policy_of
from cassette_tools.shell_word import shell_word

__all__ = ["init", "policy", "show", "trial"]

_DEFAULT: Final = "ctools-policy.toml"


def policy(context: typer.Context) -> None:
    """Write, show and try a redaction policy.

    A policy is a TOML file that says what is redacted beyond the built-in rules, and where secrets are kept. It holds
    no secret itself, so it can be kept in the repository. docs/policy.md describes every key.

    Examples:
        ctools policy init
        ctools policy show --policy ctools-policy.toml
        ctools policy test cassette.jsonl --at 17 --policy ctools-policy.toml
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def init(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The policy file to write.", show_default=False)
    ] = _DEFAULT,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
) -> None:
    """Write a policy file with every key explained.

    It says what holds without a policy, too: each key is a comment, to be uncommented where it is wanted. Without FILE
    it is ctools-policy.toml; - is the standard output.

    Examples:
        ctools policy init
        ctools policy init tests/policy.toml
    """
    from recorder.redact.policy_file import TEMPLATE

    if file == "-":
        sys.stdout.write(TEMPLATE)
        return
    from cassette_tools.output import write_whole
    from cassette_tools.views.policy import tell

    write_whole(file, [TEMPLATE.encode()], force=force)
    tell(f"wrote {file}; see what holds with: ctools policy show --policy {shell_word(file)}")


def show(
    policy_files: PolicyFiles = None,
    secret_env: SecretEnv = None,
    secrets_files: SecretsFiles = None,
    configs: Configs = None,
    every: Annotated[bool, typer.Option("--all", help="List the built-in names one by one.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object of JSON.")] = False,
) -> None:
    """Show what is redacted, and where each rule is from.

    Each rule is built-in, or is shown with the file and key, the option or the environment that it comes from. Secrets
    are counted by source; their values are never shown. Last come the known values that are too short or too common
    for a proof that they are gone.

    Examples:
        ctools policy show
        ctools policy show --policy ctools-policy.toml --secrets-file secrets.txt
    """
    from cassette_tools.effective_policy import effective
    from cassette_tools.views.policy import print_effective, show_effective
    from recorder.redact.engine import Redactor

    made = policy_of(policy_files, secret_env, secrets_files, configs, stdin=sys.stdin.buffer)
    found = effective(made, Redactor(made).unproven)
    if as_json:
        print_effective(found)
    else:
        show_effective(found, every=every)


def trial(
    cassette: Annotated[str, typer.Argument(metavar="CASSETTE", help="The cassette, or - for the standard input.")],
    number: Annotated[
        int,
        typer.Option("--at", metavar="N", min=1, help="The interaction's number; ctools inspect --list tells it."),
    ],
    policy_files: PolicyFiles = None,
    secret_env: SecretEnv = None,
    secrets_files: SecretsFiles = None,
    configs: Configs = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object of JSON.")] = False,
) -> None:
    """Show what would be redacted in one interaction.

    Place, rule, kind, placeholder and count are shown, never the value. Nothing is written. Without a key of the
    policy's own the placeholders are others each time.

    Examples:
        ctools policy test cassette.jsonl --at 17
        ctools policy test cassette.jsonl --at 17 --policy ctools-policy.toml --json
    """
    from cassette_tools.listing import LINE_TYPES
    from cassette_tools.source import open_cassette
    from cassette_tools.trial import try_on
    from cassette_tools.views.policy import print_trial, show_trial

    stdin = None if cassette == "-" else sys.stdin.buffer
    made = policy_of(policy_files, secret_env, secrets_files, configs, stdin=stdin)
    with open_cassette(cassette, mode="tail", types=LINE_TYPES, bodies=True) as opened:
        found = try_on(opened.reader, number, made, name=cassette)
    if as_json:
        print_trial(found)
    else:
        show_trial(found)
