"""How secrets and policies reach a command: the same four options everywhere, and the policy they make together.

Law: no option takes the value of a secret, since a list of processes shows arguments. Nothing is picked up silently but
environment variables whose names say secret (a policy can turn that off) and `CTOOLS_POLICY`, which names a policy file
for when no `--policy` is given; a policy file that only lies in the working folder is not looked for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from recorder.errors import PolicyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import BinaryIO

    from recorder.redact.policy import Policy, Secret

__all__ = ["POLICY_VARIABLE", "Configs", "PolicyFiles", "SecretEnv", "SecretsFiles", "policy_of"]

POLICY_VARIABLE: Final = "CTOOLS_POLICY"

PolicyFiles: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help=f"A redaction policy (see ctools policy). Repeatable. Without it the one that {POLICY_VARIABLE} names.",
        show_default=False,
    ),
]
SecretEnv: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--secret-env",
        metavar="NAME",
        help="An environment variable whose value is a secret; * stands for any characters. Repeatable.",
        show_default=False,
    ),
]
SecretsFiles: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--secrets-file",
        metavar="FILE",
        help="A file of secrets: one a line, or JSON or TOML of which each value is one. Repeatable.",
        show_default=False,
    ),
]
Configs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="A JSON file in which the values below keys that begin with # are secrets. Repeatable.",
        show_default=False,
    ),
]


def policy_of(
    policy_files: Iterable[str] | None,
    secret_env: Iterable[str] | None,
    secrets_files: Iterable[str] | None,
    configs: Iterable[str] | None,
    environment: Mapping[str, str] = os.environ,
    *,
    stdin: BinaryIO | None = None,
    tell: Callable[[str], None] | None = None,
) -> Policy:
    """Return the policy that the four options make together, with all its secrets; None stands for an empty list.

    The policy files are merged; without any, the one that `CTOOLS_POLICY` names counts, else the built-in rules alone.
    Unless all policy files turn it off, variables of `environment` whose names say secret are secrets, too.

    `-` as a file of secrets is `stdin`, for a command that passes it because it reads nothing else from there. `tell`
    (default: a line on stderr) is told of a source that holds no secret. Raises PolicyError, SecretsError, UsageError.
    """
    # Late: a command's help needs none of it.
    from recorder.redact.policy import Policy  # noqa: PLC0415
    from recorder.redact.policy_file import load_policy  # noqa: PLC0415
    from recorder.redact.sources import from_environment  # noqa: PLC0415

    files = list(policy_files or ())
    if not files and environment.get(POLICY_VARIABLE):
        files = [environment[POLICY_VARIABLE]]
    policies = [load_policy(_file("--policy", path), environment=environment) for path in files] or [Policy()]
    given = _Given(environment, stdin, tell or _tell)
    for name in secret_env or ():
        given.variable(name)
    for path in secrets_files or ():
        given.secrets_file(path)
    for path in configs or ():
        given.config(path)
    given_alone = Policy(given.secrets, environment=False, defaults=False, origins=given.origins)
    policy = policies[0].merge(*policies[1:], given_alone)
    if not policy.environment:
        return policy
    found = from_environment(environment)
    names = {secret.source.removeprefix("env:") for secret in found}
    origins = [("secrets", _counted("variable", name, found, f"env:{name}"), "environment") for name in names]
    return policy.merge(Policy(found, environment=False, defaults=False, origins=origins))


class _Given:
    """What the command line names, on its way to a policy."""

    def __init__(self, environment: Mapping[str, str], stdin: BinaryIO | None, tell: Callable[[str], None]) -> None:
        self.secrets: list[Secret] = []
        self.origins: list[tuple[str, str, str]] = []
        self._environment = environment
        self._stdin = stdin
        self._tell = tell

    def variable(self, name: str) -> None:
        from recorder.redact.sources import from_variables  # noqa: PLC0415 - see policy_of

        if not name:
            raise UsageError("--secret-env is empty. Give the name of a variable.")
        found = from_variables([name], self._environment)
        if not found:
            self._tell(f"--secret-env {name}: no variable matches")
        self._add("variable", name, found, "--secret-env")

    def secrets_file(self, path: str) -> None:
        from recorder.redact.sources import from_file, from_stream  # noqa: PLC0415 - see policy_of

        if path != "-":
            found = from_file(_file("--secrets-file", path))
        elif self._stdin is None:
            raise UsageError("--secrets-file -: the standard input is not free here. Give a file.")
        else:
            found = from_stream(self._stdin)
            self._stdin = None
        self._add("file", path, found, "--secrets-file")

    def config(self, path: str) -> None:
        from recorder.redact.sources import from_config  # noqa: PLC0415 - see policy_of

        found = from_config(_file("--config", path))
        if not found:
            self._tell(f"{path}: no key begins with #, so there is no secret in this configuration")
        self._add("configuration", path, found, "--config")

    def _add(self, kind: str, name: str, found: tuple[Secret, ...], option: str) -> None:
        self.secrets += found
        self.origins.append(("secrets", _counted(kind, name, found), f"command line: {option}"))


def _file(option: str, path: str) -> str:
    """Return a path. Raises PolicyError or UsageError for the empty one and for `-`, which is no file here."""
    if path in {"", "-"}:
        kind = PolicyError if option == "--policy" else UsageError
        raise kind(f"{option} {path or '(empty)'}: give the path of a file.")
    return path


def _counted(kind: str, name: str, found: Iterable[Secret], source: str | None = None) -> str:
    count = sum(1 for secret in found if source is None or secret.source == source)
    return f"{kind} {name}: {count} value{'' if count == 1 else 's'}"


def _tell(message: str) -> None:
    from cassette_tools.views.policy import tell  # noqa: PLC0415 - only where there is something to tell

    tell(message)
