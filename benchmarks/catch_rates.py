"""Which secrets each tool leaves behind, and what else it changes: one table over the tests' own places.

Law: every place is a real exchange, recorded unredacted by this recorder; every tool then gets the same interactions,
and one checker (`tests/recorder/redact/leaks.py`), which shares nothing with any of them, undoes every encoding once
and looks for the secret in what they give. A place counts for a tool only where the checker finds the secret in what
the tool was given: what a tool does not store cannot leak. A tool that fails on an interaction has left the secret.

What must not be touched is compared with what it was. "values" allows for other white space and escapes in JSON, for
another order of query parameters, and for other letter case of headers' names; "bytes" does not. Headers may stand in
another order in both; the one that merely carries the secret may go.

    python benchmarks/catch_rates.py [--json]
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

ROOT: Final = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # in place of this folder: the packages are found from the repository's root

from benchmarks.interactions import Interaction, as_line, content, from_cassette, read, write  # noqa: E402 - path first
from benchmarks.record import peer_environments  # noqa: E402 - the path comes first
from tests.recorder.redact.exchanges import resanitize, take  # noqa: E402 - the path comes first
from tests.recorder.redact.hiding_places import BY_PLACE, BY_PLACE_LOOSELY, KNOWN, VALUES, value_of  # noqa: E402
from tests.recorder.redact.leaks import leaks_in  # noqa: E402 - the path comes first
from tests.recorder.redact.untouched import SPANS, UNTOUCHED  # noqa: E402 - the path comes first
from tests.servers.origin import Origin  # noqa: E402 - the path comes first

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.recorder.redact.exchanges import Case, Exchange, Taken

OURS: Final = "this project"
PEERS: Final = {
    "keboola.vcr": "keboola.vcr",
    "keboola.vcr, TokenSanitizer too": "keboola.vcr+tokens",
    "cassetter convert": "cassetter",
    "vcrpy's filters": "vcrpy",
}
"""How the columns are called, and what `peers_redact.py` calls them."""
HERE: Final = Path(__file__).resolve().parent
LIMIT: Final = 600
"""Seconds that a tool may take for one group of places."""
CARRIER: Final = "x-note"
"""The header by which rows of UNTOUCHED carry a secret that has no place of its own in them."""


@dataclass(frozen=True, slots=True)
class Group:
    """Places that are tried together: the values that tools are told, and which value stands in which place."""

    title: str
    cases: tuple[Case, ...]
    told: tuple[str, ...]
    value: Callable[[str], str]

    def exchanges(self) -> list[Exchange]:
        """Put the values into their places."""
        return [case.build(self.value(case.name)) for case in self.cases]


def known(shape: str, title: str) -> Group:
    """Make a group of a value that tools are told of."""
    value = VALUES[shape]
    cases = tuple(case for case in KNOWN if case.only is None or shape in case.only)
    return Group(f"known value, {title}", cases, (value,), lambda _: value)


GROUPS: Final = (
    known("plain", "20 letters and digits"),
    known("special", "with symbols and letters beyond ASCII"),
    Group("by its place alone", BY_PLACE + BY_PLACE_LOOSELY, (), value_of),
)
CLEAN: Final = Group("must not be touched", UNTOUCHED + SPANS, (VALUES["plain"],), lambda _: VALUES["plain"])


@dataclass(slots=True)
class Tally:
    """What became of a group in one tool's hands: places in question, places in which all went well, and the others."""

    asked: int = 0
    well: int = 0
    failed: list[str] = field(default_factory=list)

    def add(self, name: str, *, well: bool) -> None:
        """Count one place."""
        self.asked += 1
        self.well += well
        if not well:
            self.failed.append(name)


Outcome = dict[str, Tally]


def main() -> int:
    """Try all groups with all tools, and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--skip-peers", action="store_true", help="only this project")
    options.add_argument("--json", action="store_true", help="print every place that went wrong instead of the table")
    chosen = options.parse_args()
    pythons = {} if chosen.skip_peers else peer_environments()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory, Origin() as origin:
        rows = {group.title: catches(group, origin, Path(directory), pythons) for group in GROUPS}
        rows |= damages(CLEAN, origin, Path(directory), pythons)
    if chosen.json:
        told = {
            title: {
                tool: {"asked": tally.asked, "well": tally.well, "failed": tally.failed} for tool, tally in row.items()
            }
            for title, row in rows.items()
        }
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print(render(rows))
    return 0


def catches(group: Group, origin: Origin, directory: Path, pythons: dict[str, str]) -> Outcome:
    """Count in how many places the secret is gone."""
    taken, held = record(group, origin, directory)
    outcome = {OURS: Tally()}
    redacted = resanitize(taken.path, directory / "redacted.jsonl", group.told)
    for number, case in enumerate(group.cases):
        left = leaks_in(b"".join(each.raw for each in redacted.numbered[number]), group.value(case.name))
        outcome[OURS].add(case.name, well=not left)
    for title, results in by_peers(group, held, directory, pythons).items():
        tally = outcome[title] = Tally()
        for number, result in results.items():
            name = group.cases[number].name
            if leaks_in(as_line(held[number]), group.value(name)):
                tally.add(name, well="error" not in result and not leaks_in(as_line(result), group.value(name)))
    progress(group.title, outcome)
    return outcome


def damages(group: Group, origin: Origin, directory: Path, pythons: dict[str, str]) -> dict[str, Outcome]:
    """Count in how many places nothing beside the secret was changed, in values and in bytes."""
    taken, held = record(group, origin, directory)
    resanitize(taken.path, directory / "redacted.jsonl", group.told)
    tools = {OURS: by_number(taken, directory / "redacted.jsonl"), **by_peers(group, held, directory, pythons)}
    rows: dict[str, Outcome] = {f"{group.title}: {what} kept": {} for what in ("values", "bytes")}
    exchanges = group.exchanges()
    for title, results in tools.items():
        for (what, outcome), exact in zip(rows.items(), (False, True), strict=True):
            tally = outcome[title] = Tally()
            for number, result in results.items():
                kept = Kept(exchanges[number], group.told[0], group.cases[number].exact, exact)
                tally.add(group.cases[number].name, well="error" not in result and kept.all(held[number], result))
            progress(what, {title: tally})
    return rows


def record(group: Group, origin: Origin, directory: Path) -> tuple[Taken, dict[int, Interaction]]:
    """Record the exchanges of a group with nothing redacted; give what other tools can hold of them, by place."""
    path = directory / "unredacted.jsonl"
    path.unlink(missing_ok=True)
    (directory / "redacted.jsonl").unlink(missing_ok=True)
    taken = take(path, group.exchanges(), origin, redact=False)
    return taken, by_number(taken, path)


def by_number(taken: Taken, path: Path) -> dict[int, Interaction]:
    """Give the interactions of a cassette by the number of their place."""
    numbers = {each.line["seq"]: number for number, recorded in taken.numbered.items() for each in recorded}
    return {numbers[interaction["number"]]: interaction for interaction in from_cassette(path)}


def by_peers(
    group: Group, held: dict[int, Interaction], directory: Path, pythons: dict[str, str]
) -> dict[str, dict[int, Interaction]]:
    """Have the other tools redact the interactions; give what they made of them by place."""
    given, secrets, out = directory / "given.jsonl", directory / "secrets.json", directory / "out.jsonl"
    write(({**interaction, "number": number} for number, interaction in held.items()), given)
    secrets.write_text(json.dumps(group.told), "utf-8")
    results = {}
    for title, tool in PEERS.items() if pythons else ():
        command = [pythons[tool.split("+", maxsplit=1)[0]], str(HERE / "peers_redact.py"), tool, "--apart"]
        command += ["--interactions", str(given), "--secrets", str(secrets), "--out", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=LIMIT)
        results[title] = {result["number"]: result for result in read(out)}
    return results


@dataclass(frozen=True, slots=True)
class Kept:
    """Compares an interaction before and after: all that its exchange says, but for the secret itself."""

    exchange: Exchange
    secret: str
    with_headers: bool
    exactly: bool

    def all(self, before: Interaction, after: Interaction) -> bool:
        """Tell whether everything is still there."""
        return (
            self.url(before["request"]["uri"], after["request"]["uri"])
            and before["request"]["method"] == after["request"]["method"]
            and before["response"]["status"] == after["response"]["status"]
            and all(self.body(content(before[part]), content(after[part])) for part in ("request", "response"))
            and (
                not self.with_headers
                or (
                    self.headers(before["request"], after["request"], self.exchange.headers)
                    and self.headers(before["response"], after["response"], self.exchange.replied)
                )
            )
        )

    def url(self, before: str, after: str) -> bool:
        """Compare URLs; where only values count, parameters may stand in another order and spelling."""
        if self.text(before, after):
            return True
        old, new = urlsplit(before), urlsplit(after)
        return (
            not self.exactly
            and self.text(old.path, new.path)
            and self.value(*(sorted(parse_qsl(each.query, keep_blank_values=True)) for each in (old, new)))
        )

    def text(self, before: str, after: str) -> bool:
        """Compare two texts. Where the secret was, anything may be."""
        return self.data(before.encode("utf-8", "surrogatepass"), after.encode("utf-8", "surrogatepass"))

    def data(self, before: bytes, after: bytes) -> bool:
        """Compare bytes. Where the secret was, anything may be."""
        around = before.split(self.secret.encode())
        return re.fullmatch(b".{0,200}?".join(map(re.escape, around)), after, re.DOTALL) is not None

    def body(self, before: bytes | None, after: bytes | None) -> bool:
        """Compare bodies. Some tools cannot tell an empty body from none."""
        if not before or not after:
            return not before and not after
        if self.data(before, after):
            return True
        try:
            return not self.exactly and self.value(parse(before), parse(after))
        except (ValueError, RecursionError):
            return False

    def value(self, before: object, after: object) -> bool:
        """Compare parsed JSON, in which numbers are the text that they were written in and objects are lists."""
        if isinstance(before, str) and isinstance(after, str):
            return self.text(before, after)
        if isinstance(before, list | tuple) and isinstance(after, list | tuple):
            return len(before) == len(after) and all(map(self.value, before, after))
        return before == after

    def headers(
        self, before: dict[str, Any], after: dict[str, Any], own: Sequence[tuple[str | bytes, str | bytes]]
    ) -> bool:
        """Compare the headers that the exchange itself names."""
        names = {(name if isinstance(name, str) else name.decode("latin-1")).lower() for name, _ in own}
        names -= {CARRIER, "content-encoding"}
        pairs = [
            [
                (name if self.exactly else name.lower(), value)
                for name, value in message["headers"]
                if name.lower() in names
            ]
            for message in (before, after)
        ]
        old, new = (sorted(each if self.exactly else joined(each).items()) for each in pairs)
        return [name for name, _ in old] == [name for name, _ in new] and all(
            self.text(value, other) for (_, value), (_, other) in zip(old, new, strict=True)
        )


def parse(data: bytes) -> object:
    """Parse JSON without losing anything of it but white space and escapes."""
    return json.loads(
        data, parse_int=lambda n: ("number", n), parse_float=lambda n: ("number", n), object_pairs_hook=list
    )


def joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Put the values of equal names together, as lists of headers may be (RFC 9110 section 5.3), in one order."""
    found: dict[str, str] = {}
    for name, value in sorted(pairs):
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def render(rows: dict[str, Outcome]) -> str:
    """Put the counts into a Markdown table."""
    tools = list(next(iter(rows.values())))
    lines = ["| places | " + " | ".join(tools) + " |", "|---" * (len(tools) + 1) + "|"]
    for title, row in rows.items():
        cells = [f"{row[tool].well} of {row[tool].asked}" for tool in tools]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def progress(title: str, outcome: Outcome) -> None:
    """Say on standard error what was found."""
    for tool, tally in outcome.items():
        print(f"{title}: {tool}: {tally.well} of {tally.asked}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
