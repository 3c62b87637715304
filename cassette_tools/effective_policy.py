"""A policy as a list of rules, each with where it comes from, for people and programs to look at.

Law: names, patterns, counts and sources only; a secret's value and the key are never here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from recorder.redact.policy import Policy

__all__ = ["BUILT_IN", "Effective", "Rule", "effective"]

BUILT_IN: Final = "built-in"
_KINDS: Final = (
    "secrets environment key defaults headers cookies names query fields keep allow_headers urls dynamic "
    "disabled_formats personal callbacks"
)
"""In the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: which kind, what it says, and where it was said."""

    kind: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Effective:
    """What holds in the end.

    `rules` are those that were asked for, `built_in` the rules that hold anyway, by kind. `secrets` counts values by
    the kind of their source (`env`, `file`, `config`, `given`). `unproven` names the known values of which nobody can
    prove that they are gone.
    """

    fingerprint: str
    key_source: str
    secrets: Mapping[str, int]
    rules: tuple[Rule, ...]
    built_in: Mapping[str, tuple[str, ...]]
    unproven: tuple[str, ...]


def effective(policy: Policy, unproven: Iterable[str]) -> Effective:
    """Return what `policy` comes to. `unproven` is that of its Redactor."""
    return Effective(
        fingerprint=policy.fingerprint(),
        key_source=policy.key_source,
        secrets=dict(
            sorted(Counter(secret.source.partition(":")[0].partition("#")[0] for secret in policy.secrets).items())
        ),
        rules=tuple(sorted(_rules(policy), key=lambda rule: (_KINDS.index(rule.kind), rule.source, rule.value))),
        built_in=_built_in(policy),
        unproven=tuple(unproven),
    )


def _rules(policy: Policy) -> Iterable[Rule]:
    switches = {"environment": policy.environment, "defaults": policy.defaults}
    for field, shown, source in policy.origins:
        # Of a switch only what holds in the end: another policy may have turned it on.
        if field not in switches or shown == _shown(switches[field]):
            yield Rule(field, shown, source)
    said = {field for field, _, _ in policy.origins}
    for field, on in switches.items():
        if field not in said:
            yield Rule(field, _shown(on), BUILT_IN)
    if "key" not in said:
        yield Rule("key", policy.key_source, BUILT_IN)


def _shown(switch: bool) -> str:
    return "true" if switch else "false"


def _built_in(policy: Policy) -> dict[str, tuple[str, ...]]:
    from recorder.redact import names  # noqa: PLC0415 - only a look at the policy needs the lists
    from recorder.redact.formats import FORMATS  # noqa: PLC0415

    found = {"formats": tuple(sorted(form.slug for form in FORMATS if form.slug not in policy.disabled_formats))}
    if not policy.defaults:
        return found
    kept = {names.normalize(name) for name in policy.keep}
    lists = {
        "headers": names.HEADERS | names.CREDENTIAL_HEADERS,
        "cookies": names.COOKIE_HEADERS,
        "names": names.NAMES,
        "query": names.QUERY_NAMES,
        "token endpoints": names.TOKEN_ENDPOINT_NAMES,
    }
    return {kind: tuple(sorted(built_in - kept)) for kind, built_in in lists.items()} | found
