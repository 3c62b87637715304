"""Text compared by line, forms by name, and both settled to a digest.

Law: no change is found exactly where the digests of both sides are equal. Lines are numbered from 1 in the old text (an
added one in the new text). Time n log n in the lines.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from cassette_tools.diff.findings import clipped, clipped_pair, clipped_pieces
from cassette_tools.diff.model import Change
from cassette_tools.diff.sequences import gaps, matches
from cassette_tools.diff.volatile import rules_between, settled_text
from cassette_tools.diff.volatile_kinds import Settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cassette_tools.diff.findings import Findings
    from cassette_tools.diff.model import Action, Part, Place
    from cassette_tools.diff.rules import Rules

__all__ = ["compare_pairs", "compare_text", "settled_lines", "settled_pairs"]

_CONTEXT: Final = 3


class _Lines(NamedTuple):
    """The lines of a text that are compared, their numbers in it (None where all are there), and the ignored ones."""

    lines: list[str]
    numbers: list[int] | None
    aside: dict[str, list[str]]

    def number(self, place: int) -> int:
        return place + 1 if self.numbers is None else self.numbers[place]


def _lines(text: str, rules: Rules, part: Part) -> _Lines:
    lines = text.split("\n")
    if not rules.ignores_lines:
        return _Lines(lines, None, {})
    kept, numbers, aside = [], [], dict[str, list[str]]()
    for number, line in enumerate(lines, 1):
        ignored = rules.ignores_line(part, line)
        if ignored is None:
            kept.append(line)
            numbers.append(number)
        else:
            aside.setdefault(ignored, []).append(line)
    return _Lines(kept, numbers, aside)


def _settled(line: str, rules: Rules) -> Settled:
    return Settled(line) if rules.keep_volatile else settled_text(line)


def settled_lines(text: str, rules: Rules, part: Part) -> bytes:
    """Give a digest of 16 bytes of a text, without what is volatile or ignored in it."""
    digest = blake2b(digest_size=16)
    for line in _lines(text, rules, part).lines:
        digest.update(_settled(line, rules).text.encode("utf-8", "surrogatepass"))
        digest.update(b"\n")
    return digest.digest()


def compare_text(old: str, new: str, rules: Rules, findings: Findings) -> None:
    """Compare two texts by line. What stands together goes as one change, with up to three equal lines around it."""
    olds, news = _lines(old, rules, findings.part), _lines(new, rules, findings.part)
    for ignored in sorted({*olds.aside, *news.aside}):
        if olds.aside.get(ignored) != news.aside.get(ignored):
            findings.ignore(f"--ignore {ignored}", "line")
    start, end, last = _middle(olds.lines, news.lines)
    here = [_settled(line, rules) for line in olds.lines[start:end]]
    there = [_settled(line, rules) for line in news.lines[start:last]]
    pairs = matches([line.text for line in here], [line.text for line in there])
    for place, beside in pairs:
        for rule in rules_between(here[place], there[beside]) or ():
            findings.ignore(rule, "line")
    spans = [
        (start + first, start + behind, start + beside, start + after)
        for first, behind, beside, after in gaps(pairs, len(here), len(there))
    ]
    _tell_hunks(olds, news, spans, findings)


def _middle(olds: list[str], news: list[str]) -> tuple[int, int, int]:
    """Give where two texts begin to differ, and where they end to, in the one and in the other."""
    start, end, last = 0, len(olds), len(news)
    while start < end and start < last and olds[start] == news[start]:
        start += 1
    while start < end and start < last and olds[end - 1] == news[last - 1]:
        end, last = end - 1, last - 1
    return start, end, last


def _tell_hunks(olds: _Lines, news: _Lines, spans: list[tuple[int, int, int, int]], findings: Findings) -> None:
    above = 0
    for at, (start, end, first, last) in enumerate(spans):
        if findings.full():
            findings.more(len(spans) - at)
            return
        below = spans[at + 1][0] if at + 1 < len(spans) else len(olds.lines)
        _tell_hunk(
            olds, news, (start, end, first, last), (max(above, start - _CONTEXT), min(below, end + _CONTEXT)), findings
        )
        above = end


def _tell_hunk(
    olds: _Lines, news: _Lines, span: tuple[int, int, int, int], around: tuple[int, int], findings: Findings
) -> None:
    start, end, first, last = span
    action: Action = "added" if start == end else "removed" if first == last else "changed"
    number = news.number(first) if action == "added" else olds.number(start)
    old, new = clipped_pair(
        None if action == "added" else _joined(olds.lines[start:end]),
        None if action == "removed" else _joined(news.lines[first:last]),
    )
    place, path = findings.at("line", str(number))
    findings.add(
        Change(
            findings.part,
            place,
            path,
            action,
            old,
            new,
            before=tuple(clipped(line) for line in olds.lines[around[0] : start]),
            after=tuple(clipped(line) for line in olds.lines[end : around[1]]),
            new_line=None if action == "removed" else news.number(first),
        )
    )


_MOST_JOINED: Final = 1_000_000
"""Characters of a hunk that are put together at once, so that its first difference is found."""


def _joined(lines: list[str]) -> str:
    if sum(map(len, lines)) <= _MOST_JOINED:
        return "\n".join(lines)
    return clipped_pieces(line + "\n" for line in lines)


# -- forms and queries


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def settled_pairs(pairs: Iterable[tuple[str, str]], rules: Rules, part: Part, place: Place) -> bytes:
    """Give a digest of 16 bytes of fields, in the order of their names, without what is volatile or ignored."""
    digest = blake2b(digest_size=16)
    for name, values in sorted(_by_name(pairs).items()):
        if rules.ignores(part, place, name) is None:
            settled = (value if rules.keep_volatile else settled_text(value, name).text for value in values)
            digest.update(repr((name, list(settled))).encode("utf-8", "surrogatepass"))
    return digest.digest()


def compare_pairs(
    old: Iterable[tuple[str, str]], new: Iterable[tuple[str, str]], rules: Rules, place: Place, findings: Findings
) -> None:
    """Compare fields of a form or parameters of a query by name; those of one name in their order."""
    olds, news = _by_name(old), _by_name(new)
    for name in [*olds, *(name for name in news if name not in olds)]:
        values, others = olds.get(name, []), news.get(name, [])
        if values == others:
            continue
        ignored = rules.ignores(findings.part, place, name)
        if ignored is not None:
            findings.ignore(f"--ignore {ignored}", place, name)
        else:
            compare_values(
                [Settled(value) if rules.keep_volatile else settled_text(value, name) for value in values],
                [Settled(value) if rules.keep_volatile else settled_text(value, name) for value in others],
                (values, others),
                (place, name),
                findings,
            )


def compare_values(
    here: Sequence[Settled],
    there: Sequence[Settled],
    values: tuple[Sequence[str], Sequence[str]],
    where: tuple[Place, str],
    findings: Findings,
) -> None:
    """Compare the values of one name, in their order. What is left between equal ones is paired in order."""
    olds, news = values
    pairs = matches([one.text for one in here], [one.text for one in there])
    for place, beside in pairs:
        for rule in rules_between(here[place], there[beside]) or ():
            findings.ignore(rule, *where)
    for start, end, first, last in gaps(pairs, len(here), len(there)):
        for at in range(max(end - start, last - first)):
            old = olds[start + at] if start + at < end else None
            new = news[first + at] if first + at < last else None
            action: Action = "added" if old is None else "removed" if new is None else "changed"
            findings.change(*where, action, old, new)
