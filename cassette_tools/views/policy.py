"""Shows policies and trials of them, to people and programs.

Law: everything that a file or a cassette says is escaped first (see `escape`). Values of secrets do not reach this
module.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from cassette_tools.effective_policy import BUILT_IN
from cassette_tools.views.escape import json_safe, visible

if TYPE_CHECKING:
    from cassette_tools.effective_policy import Effective
    from cassette_tools.trial import Trial

__all__ = [
    "effective_object",
    "print_effective",
    "print_trial",
    "show_effective",
    "show_trial",
    "tell",
    "trial_object",
]


def tell(message: str) -> None:
    """Print one line to stderr."""
    print(f"ctools: {visible(message)}", file=sys.stderr)  # noqa: T201 - a view


def show_effective(found: Effective, *, every: bool) -> None:
    """Print a policy as tables; with `every` the built-in names one by one."""
    from rich.text import Text  # noqa: PLC0415 - slow to load, and JSON needs none of it

    from cassette_tools.views.console import Column, Page, shown  # noqa: PLC0415

    page = Page()
    page.fact("policy", found.fingerprint)
    page.fact("key", "drawn for each recording" if found.key_source == "random" else shown(found.key_source))
    page.fact("secrets", _secrets(found))
    page.heading("Rules")
    rows = [(rule.kind, rule.value, rule.source) for rule in found.rules]
    if not every:
        rows += [(kind, _counted(kind, len(names)), BUILT_IN) for kind, names in found.built_in.items() if names]
    columns = (Column("rule", right=False), Column("value", right=False, flexible=True), Column("from", right=False))
    page.table(columns, [[Text(kind.replace("_", " ")), shown(value), shown(source)] for kind, value, source in rows])
    if every:
        for kind, names in found.built_in.items():
            page.heading(f"Built-in {kind}")
            page.fact("", ", ".join(names), indent=2)
    if found.unproven:
        page.heading("Cannot be proved gone")
        for line in found.unproven:
            page.fact("", shown(line), indent=2)


def print_effective(found: Effective) -> None:
    """Print a policy as one object of JSON; indented on a terminal."""
    _print(effective_object(found))


def effective_object(found: Effective) -> dict[str, Any]:
    """Return a policy as an object of JSON."""
    return {
        "policy": found.fingerprint,
        "key": found.key_source,
        "secrets": {"count": sum(found.secrets.values()), "sources": dict(found.secrets)},
        "rules": [{"rule": rule.kind, "value": rule.value, "from": rule.source} for rule in found.rules],
        "built_in": {kind.replace(" ", "_"): list(names) for kind, names in found.built_in.items()},
        "unproven": list(found.unproven),
    }


def show_trial(trial: Trial) -> None:
    """Print what would be redacted in one interaction as a table."""
    from rich.text import Text  # noqa: PLC0415 - see show_effective

    from cassette_tools.views.console import Column, Page, shown  # noqa: PLC0415
    from cassette_tools.views.figures import count_text  # noqa: PLC0415

    page = Page()
    page.fact("interaction", shown(f"{trial.number}: {trial.method} {trial.url}"))
    page.fact("policy", trial.fingerprint)
    page.fact(
        "would go", count_text(sum(one.count for one in trial.findings), "value") if trial.findings else "nothing"
    )
    if trial.findings:
        page.heading("")
        columns = (
            Column("place", right=False),
            Column("rule", right=False, flexible=True),
            Column("kind", right=False, rank=1),
            Column("placeholder", right=False),
            Column("count"),
        )
        rows = [
            [shown(one.place), shown(one.rule), shown(one.kind), shown(one.placeholder), Text(f"{one.count:,}")]
            for one in trial.findings
        ]
        page.table(columns, rows)
    if trial.unproven:
        page.heading("Cannot be proved gone")
        for line in trial.unproven:
            page.fact("", shown(line), indent=2)


def print_trial(trial: Trial) -> None:
    """Print what would be redacted in one interaction as one object of JSON; indented on a terminal."""
    _print(trial_object(trial))


def trial_object(trial: Trial) -> dict[str, Any]:
    """Return what would be redacted in one interaction as an object of JSON."""
    return {
        "number": trial.number,
        "method": trial.method,
        "url": trial.url,
        "policy": trial.fingerprint,
        "findings": [
            {
                "place": one.place,
                "rule": one.rule,
                "kind": one.kind,
                "placeholder": one.placeholder,
                "count": one.count,
            }
            for one in trial.findings
        ],
        "unproven": list(trial.unproven),
    }


def _secrets(found: Effective) -> str:
    count = sum(found.secrets.values())
    if not count:
        return "none known"
    sources = ", ".join(f"{number} from {_SOURCES.get(kind, kind)}" for kind, number in found.secrets.items())
    return f"{count:,} value{'' if count == 1 else 's'}: {sources}"


def _counted(kind: str, count: int) -> str:
    from cassette_tools.views.figures import count_text  # noqa: PLC0415 - see show_effective

    return count_text(count, "format" if kind == "formats" else "name")


_SOURCES = {"env": "variables", "file": "files", "config": "configurations"}


def _print(value: dict[str, Any]) -> None:
    import orjson  # noqa: PLC0415 - only where it is asked for

    option = orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0
    sys.stdout.write(json_safe(orjson.dumps(_plain(value), option=option).decode()) + "\n")


def _plain(value: Any) -> Any:  # noqa: ANN401 - a value of JSON
    """Write out lone surrogates, which a path that is no UTF-8 has."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
