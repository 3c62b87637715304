"""What a comparison of two cassettes says, as plain values: the one model between what compares and what shows.

Law: nothing is decided here but severity, which follows from what happened to a thing. Values are recorded text, not
yet safe to show: a view escapes them. Every text is bounded where it is made (`LONGEST_VALUE`), every list has a bound
and says what was left out of it.

Words: a *pairing* is one interaction of the old cassette beside one of the new, or one without a counterpart. A
*change* is one thing of a pairing that is not as it was. What differs and is *ignored* (volatile, or asked for by
--ignore) is no change; it is counted, and said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = [
    "LONGEST_VALUE",
    "MOST_CHANGES",
    "SEVERITIES",
    "Action",
    "Change",
    "Ignored",
    "Pairing",
    "Part",
    "Place",
    "Severity",
    "Side",
    "Totals",
    "Verdict",
    "severity_of",
]

Severity: TypeAlias = Literal["breaking", "warning", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = ("breaking", "warning", "info")
"""From the gravest on."""

Action: TypeAlias = Literal["removed", "retyped", "changed", "added"]
"""What happened to a thing. "retyped": it is of another type (JSON) or class (200 to 404, text to binary)."""

Verdict: TypeAlias = Literal["same", "changed", "removed", "added"]
"""What happened to an interaction."""

Part: TypeAlias = Literal["request", "response", "error"]

Place: TypeAlias = Literal[
    "url",  # scheme, host or path of the request's URL, where aligned interactions differ in it
    "query",  # a parameter of the URL, by name
    "version",  # of HTTP
    "status",
    "reason",
    "header",  # by name, in small letters
    "trailer",
    "presence",  # a whole response, error or body that one side has and the other has not
    "type",  # what kind of content a body is: JSON, a form, text, binary ...
    "json",  # by path: $.items[3].price
    "xml",  # by path: /List/Contents[2]/Size, /List/@version
    "form",  # a field, by name
    "part",  # of a multipart body, by name or place: `file`, and below it the place within: `file: $.a`
    "event",  # of an event stream, by number from 1: `3: data`, `3: $.delta.text`
    "line",  # of a text, by its number in the old one, from 1 (in the new one, where a line is added)
    "binary",  # a body by its digest and size
    "error",  # phase, type or message of what the client saw go wrong
    "complete",  # whether a body arrived whole
]

LONGEST_VALUE: Final = 2_000
"""Characters of a value in a change; a longer one ends in three dots and the number of characters that are missing."""

MOST_CHANGES: Final = 1_000
"""Changes of one pairing that are listed; the rest is counted."""

_OF_ACTION: Final[dict[Action, Severity]] = {
    "removed": "breaking",
    "retyped": "breaking",
    "changed": "warning",
    "added": "info",
}


def severity_of(action: Action) -> Severity:
    """Tell how grave it is: what is gone or of another type breaks those who relied on it."""
    return _OF_ACTION[action]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was.

    `path` says which one within its place; "" where there is but one (status). `old` and `new` are its value as text:
    JSON text for `json`, the value itself elsewhere, lines joined by line feeds for `line`; None where it is not there.
    `before` and `after` are the unchanged lines around lines of text, at most three each, `new_line` the number of the
    first line in the new text.
    """

    part: Part
    place: Place
    path: str
    action: Action
    old: str | None
    new: str | None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    new_line: int | None = None

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return severity_of(self.action)


class Ignored(NamedTuple):
    """Something that differs and is no change. `rule` says why: "date", "uuid", "--ignore header:etag".

    `where` is the thing without numbers, so that the same thing of many interactions counts as one: `response header
    date`, `response json $.items[*].id`.
    """

    rule: str
    where: str


@dataclass(frozen=True, slots=True)
class Side:
    """An interaction of one cassette, in short. `number` is its place there, from 1. `size`: bytes of the response."""

    number: int
    method: str
    url: str
    status: int | None
    error: str | None
    size: int | None
    total_ms: float | None
    content_type: str | None


@dataclass(slots=True)
class Pairing:
    """One interaction of each cassette, or of one of them. `left_out` changes were found beyond those listed."""

    verdict: Verdict
    old: Side | None
    new: Side | None
    changes: list[Change] = field(default_factory=list)
    left_out: int = 0
    ignored: dict[Ignored, int] = field(default_factory=dict)

    @property
    def severity(self) -> Severity | None:
        """The gravest of its changes; of a whole interaction what happened to it. None where nothing changed."""
        if self.verdict == "removed":
            return "breaking"
        if self.verdict == "added":
            return "info"
        found = {change.severity for change in self.changes}
        return next((severity for severity in SEVERITIES if severity in found), None)


@dataclass(slots=True)
class Totals:
    """The figures of a comparison. Complete when its pairings have been read to their end.

    `changes` counts changes by severity (a whole interaction counts as one), `ignored` what differs and is no change.
    """

    old_interactions: int = 0
    new_interactions: int = 0
    same: int = 0
    changed: int = 0
    removed: int = 0
    added: int = 0
    changes: dict[Severity, int] = field(default_factory=lambda: dict.fromkeys(SEVERITIES, 0))
    ignored: dict[Ignored, int] = field(default_factory=dict)
    ignored_left_out: int = 0  # of kinds beyond the first MOST_IGNORED

    def add(self, pairing: Pairing) -> None:
        """Count a pairing."""
        setattr(self, pairing.verdict, getattr(self, pairing.verdict) + 1)
        if pairing.verdict in {"removed", "added"}:
            self.changes[severity_of("removed" if pairing.verdict == "removed" else "added")] += 1
        for change in pairing.changes:
            self.changes[change.severity] += 1
        self.ignore(pairing.ignored)

    def ignore(self, found: dict[Ignored, int]) -> None:
        """Count what was ignored."""
        for ignored, count in found.items():
            if ignored in self.ignored or len(self.ignored) < MOST_IGNORED:
                self.ignored[ignored] = self.ignored.get(ignored, 0) + count
            else:
                self.ignored_left_out += count

    def merge(self, other: Totals) -> None:
        """Add the figures of another comparison."""
        for name in ("old_interactions", "new_interactions", "same", "changed", "removed", "added"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for severity, count in other.changes.items():
            self.changes[severity] += count
        self.ignore(other.ignored)
        self.ignored_left_out += other.ignored_left_out

    def worst(self) -> Severity | None:
        """The gravest change; None where there is none."""
        return next((severity for severity in SEVERITIES if self.changes[severity]), None)


MOST_IGNORED: Final = 10_000
"""Different things ignored that are counted one by one."""
