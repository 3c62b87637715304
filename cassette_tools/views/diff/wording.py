"""The words that all views have for a comparison: names of things, counts, headings.

Law: pure functions to plain text. What was recorded is in it as it is: a view escapes it for what it writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from cassette_tools.diff.model import SEVERITIES
from cassette_tools.diff.volatile_kinds import KINDS
from cassette_tools.views.figures import count_text, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cassette_tools.diff.folders import FolderComparison
    from cassette_tools.diff.model import Change, Ignored, Pairing, Severity, Side, Totals

__all__ = [
    "HEADINGS",
    "SameRule",
    "Why",
    "advice",
    "alike_text",
    "cassettes_text",
    "folder_headline",
    "gravest",
    "headline",
    "interactions_text",
    "label",
    "left_out_text",
    "numbers",
    "outcome",
    "path_of",
    "rules_of",
    "same_text",
    "severities_text",
    "values_of",
    "whole",
    "worst_of",
]

Why: TypeAlias = Literal["volatile", "asked", "other"]
"""Why something was ignored: it is volatile, --ignore names it, or there is nothing in it to compare."""

HEADINGS: Final[dict[Why, str]] = {
    "volatile": "Ignored as volatile (--keep-volatile compares it)",
    "asked": "Ignored because you said so",
    "other": "Not compared",
}
"""What stands above what was ignored."""

_ASKED: Final = "--ignore"
_VOLATILE: Final = frozenset(kind.name for kind in KINDS)
_NOUNS: Final[dict[Severity, tuple[str, str]]] = {
    "breaking": ("breaking", "breaking"),
    "warning": ("warning", "warnings"),
    "info": ("addition", "additions"),
}
SameRule: TypeAlias = tuple[str, list[tuple[str, int]]]
"""A rule, and what was ignored for it with how often, most frequent first."""


def severities_text(totals: Totals) -> str:
    """Say how many changes there are: "3 breaking, 2 warnings, 1 addition"; "no differences" where there is none."""
    said = [count_text(totals.changes[one], *_NOUNS[one]) for one in SEVERITIES if totals.changes[one]]
    return ", ".join(said) or "no differences"


def interactions_text(totals: Totals) -> str:
    """Say what became of the interactions: "44 the same, 2 changed, 1 removed, 1 added"."""
    said = [f"{totals.same:,} the same"]
    said += [f"{count:,} {what}" for what, count in _others(totals) if count]
    return ", ".join(said)


def headline(totals: Totals) -> str:
    """Say in one line what a comparison found."""
    if totals.worst() is not None:
        return f"{severities_text(totals)}; interactions: {interactions_text(totals)}"
    if not totals.old_interactions and not totals.new_interactions:
        return "No differences: there are no interactions to compare"
    return f"No differences in {count_text(totals.same, 'interaction')}"


def advice(totals: Totals) -> str | None:
    """Say what to try where nothing could be paired; None where something was."""
    if totals.removed and totals.added and not totals.same and not totals.changed:
        return "Nothing has a counterpart. If hosts differ, pair in spite of it: --ignore url:scheme --ignore url:host"
    return None


def folder_headline(folder: FolderComparison) -> str:
    """Say in one line what a comparison of two folders found, whole cassettes first."""
    counts = (
        (len(folder.only_old), "only in the old folder"),
        (len(folder.only_new), "only in the new folder"),
        (len(folder.troubles), "not compared"),
    )
    said = [(count, what) for count, what in counts if count]
    if not said:
        return headline(folder.totals)
    first, *others = said
    whole = [f"{count_text(first[0], 'cassette')} {first[1]}", *(f"{count:,} {what}" for count, what in others)]
    text = headline(folder.totals)
    return f"{', '.join(whole)}; {text[:1].lower()}{text[1:]}"


def cassettes_text(same: int, differing: int) -> str:
    """Say how many cassettes that both folders have are the same."""
    if not same and not differing:
        return "Cassettes in both folders: none"
    said = f"{same:,} the same" + (f", {differing:,} with differences" if differing else "")
    return f"Cassettes in both folders: {said}"


def worst_of(folder: FolderComparison) -> Severity | None:
    """Give the gravest difference of two folders: a cassette that is gone is breaking, a new one is info."""
    if folder.only_old:
        return "breaking"
    return folder.totals.worst() or ("info" if folder.only_new else None)


def same_text(changes: int, numbers: str) -> str:
    """Say that interactions have the same changes as the one of these numbers."""
    return f"the same {'change' if changes == 1 else 'changes'} as in {numbers}"


def alike_text(numbers: str) -> str:
    """Say that interactions have changes in the same places as the one of these numbers, of other values."""
    return f"other values in the same places as in {numbers}"


def _others(totals: Totals) -> tuple[tuple[str, int], ...]:
    return (("changed", totals.changed), ("removed", totals.removed), ("added", totals.added))


def numbers(pairing: Pairing, arrow: str = "->") -> str:
    """Give the numbers of a pairing's interactions: "17" where both are, else "17 -> 18", "-17" or "+18"."""
    if pairing.old is None or pairing.new is None:
        side = pairing.old or pairing.new
        sign = "-" if pairing.new is None else "+"
        return f"{sign}{side.number}" if side is not None else sign
    if pairing.old.number == pairing.new.number:
        return str(pairing.old.number)
    return f"{pairing.old.number} {arrow} {pairing.new.number}"


def outcome(side: Side) -> str:
    """Say what a request came to: its status, or what the client saw go wrong."""
    if side.status is not None:
        return str(side.status)
    return side.error or "no response"


def whole(side: Side) -> str:
    """Say of an interaction what came of it, for one that the other cassette has not."""
    said = [outcome(side)]
    said += [side.content_type] if side.content_type else []
    said += [size_text(side.size)] if side.size is not None else []
    return ", ".join(said)


def path_of(url: str) -> str:
    """Give what of a URL tells interactions apart at the first look: its path and query."""
    _, scheme, rest = url.partition("://")
    _, slash, path = rest.partition("/")
    return f"/{path}" if scheme and slash else url


def label(change: Change) -> str:
    """Name what changed, with the words of --ignore: "response header etag", "response json $.items[3].price".

    A thing that there is once has no path: "response status", "error".
    """
    if change.place == "presence":
        return change.part if change.path == change.part else f"{change.part} {change.path}".rstrip()
    if change.part == "error":
        return f"error {change.path}".rstrip()
    return f"{change.part} {change.place} {change.path}".rstrip()


def values_of(change: Change) -> tuple[list[str], list[str]]:
    """Give the old value and the new one line by line: those of a text are several. What is not there has none."""
    olds, news = (
        [] if value is None else value.split("\n") if change.place == "line" else [value]
        for value in (change.old, change.new)
    )
    return olds, news


def gravest(changes: Sequence[Change], most: int) -> list[Change]:
    """Choose at most `most` changes, the gravest, in their order."""
    if len(changes) <= most:
        return list(changes)
    places = sorted(range(len(changes)), key=lambda at: SEVERITIES.index(changes[at].severity))[:most]
    return [changes[at] for at in sorted(places)]


def left_out_text(shown: int, pairing: Pairing) -> str | None:
    """Say how many changes of a pairing are not shown, and where they are; None where all are."""
    listed = len(pairing.changes)
    if shown < listed:
        beyond = f", and counts {pairing.left_out:,} beyond" if pairing.left_out else ""
        return f"and {count_text(listed - shown, 'more change')} (--json has them{beyond})"
    if pairing.left_out:
        return f"and {count_text(pairing.left_out, 'more change')}, which are counted only"
    return None


def rules_of(ignored: Mapping[Ignored, int], why: Why) -> list[SameRule]:
    """Put together what was ignored for the same rule, the most frequent rule first."""
    by_rule: dict[str, list[tuple[str, int]]] = {}
    for one, count in ignored.items():
        if _why(one.rule) == why:
            by_rule.setdefault(one.rule, []).append((one.where, count))
    return sorted(
        ((rule, sorted(found, key=_frequent_first)) for rule, found in by_rule.items()),
        key=lambda row: (-_sum(row[1]), row[0]),
    )


def _why(rule: str) -> Why:
    if rule.startswith(_ASKED):
        return "asked"
    return "volatile" if rule in _VOLATILE else "other"


def _frequent_first(row: tuple[str, int]) -> tuple[int, str]:
    return -row[1], row[0]


def _sum(rows: Iterable[tuple[str, int]]) -> int:
    return sum(count for _, count in rows)
