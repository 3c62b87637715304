r"""Shows a comparison as Markdown, for a comment on a pull request.

Law: recorded text stands in two places only, and is nothing but text there:

- within `<code>` of a block of HTML that ends before the next empty line (CommonMark 4.6, kind 6). No Markdown is
  read in it, `<`, `>`, `&` and quotes are entities, and line feeds are written out;
- in a fenced block (CommonMark 4.5) whose fence is longer than any run of backticks in it.

Services that find mentions, numbers of issues, digests of commits, emoji and addresses in what was rendered pass
`<code>` and `<pre>` over. The gravest comes first. The whole never has more than `LONGEST` characters: GitHub refuses a
comment of more than 65,536. What is left out is the least grave, and is said. Interactions with the same changes take
one block; of many that differ in the same places but for values, those beyond the first ones take a line each.

Memory: as many characters as the whole may have, for each severity, and one pairing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final

from cassette_tools.diff.folders import FolderComparison
from cassette_tools.diff.model import SEVERITIES, Totals
from cassette_tools.shell_word import shell_word
from cassette_tools.views.diff.grouping import Members, Memory, Places
from cassette_tools.views.diff.marking import elided, marked
from cassette_tools.views.diff.wording import (
    HEADINGS,
    alike_text,
    cassettes_text,
    folder_headline,
    gravest,
    headline,
    label,
    left_out_text,
    numbers,
    path_of,
    rules_of,
    values_of,
    whole,
)
from cassette_tools.views.escape import visible
from cassette_tools.views.figures import count_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from cassette_tools.diff.comparison import Comparison
    from cassette_tools.diff.model import Change, Pairing, Severity, Side
    from cassette_tools.views.diff.grouping import Judged

__all__ = ["LONGEST", "show"]

LONGEST: Final = 60_000
"""Characters of the whole."""

_LONGEST_PAIRING: Final = 8_000
"""Characters of one pairing, so that a single one does not take all the room."""

_LONGEST_VALUE: Final = 600
"""Characters of a line of a value."""

_LONGEST_NAME: Final = 200
"""Characters of a URL or a file's name in a heading."""

_MOST_LINES: Final = 60
"""Lines of one change."""

_CHANGES_SHOWN: Final = 50
_NAMES_SHOWN: Final = 10
_PLACES_SHOWN: Final = 10
_SPANS_SHOWN: Final = 8
_RULES_SHOWN: Final = 8
_THINGS_SHOWN: Final = 4
_GAP: Final = "\n\n"

_BACKTICKS: Final = re.compile("`+")


def show(comparison: Comparison | FolderComparison, stream: TextIO) -> None:
    """Write the comparison."""
    text = _folder(comparison) if isinstance(comparison, FolderComparison) else _cassettes(comparison)
    stream.write(text)


@dataclass(slots=True)
class _Piece:
    """A block to open. `head` ends within its summary, where the interactions are named that have the same changes."""

    head: str
    tail: str
    changes: int = 0
    members: Members = field(default_factory=Members)
    cassette: str = ""

    @property
    def count(self) -> int:
        """The number of interactions that it stands for."""
        return 1 + self.members.count

    def size(self) -> int:
        """Count its characters, but for the members."""
        return len(self.head) + len(self.tail)

    def text(self) -> str:
        """Give all of it."""
        if not self.members.count:
            return f"{self.head}{self.tail}"
        what = "the same change" if self.changes == 1 else "the same changes"
        where = f"{count_text(self.members.count, 'more interaction')}: {_members(self.members, self.cassette)}"
        return f"{self.head}; {what} in {where}{self.tail}"


@dataclass(slots=True)
class _Others:
    """A block with the interactions that differ in the same places as one that is shown, a line each."""

    severity: Severity
    first: str
    lines: list[str] = field(default_factory=list)
    length: int = 0
    count: int = 0

    def size(self) -> int:
        """Count its characters, roughly."""
        return self.length + 200

    def add(self, line: str | None) -> None:
        """Add an interaction; without a line it is counted only."""
        self.count += 1
        if line is not None and self.length + len(line) <= _LONGEST_PAIRING:
            self.length += len(line) + 1
            self.lines.append(line)

    def text(self) -> str:
        """Give all of it."""
        left = self.count - len(self.lines)
        more = f"<li>and {left:,} more (ctools diff --json has them)</li>\n" if left else ""
        items = "".join(f"{line}\n" for line in self.lines)
        what = f"<b>{self.severity}</b> {self.count:,} more: {alike_text(self.first)}"
        return f"<details><summary>{what}</summary>\n<ul>\n{items}{more}</ul>\n</details>"


class _Kept:
    """The pairings that may have room, by severity: what is graver takes the room of what is less grave."""

    def __init__(self) -> None:
        self.places = Places()
        self._memory = Memory()
        self._pieces: dict[Severity, list[_Piece | _Others]] = {severity: [] for severity in SEVERITIES}
        self._sizes: dict[Severity, int] = dict.fromkeys(SEVERITIES, 0)
        self._of_first: dict[int, _Piece] = {}
        self._others: dict[int, _Others] = {}

    def add(self, pairing: Pairing, cassette: str = "") -> None:
        """Keep what is new of a pairing, unless those of its severity would fill the whole already."""
        self.places.add(pairing)
        judged = self._memory.judge(pairing, cassette, "-&gt;")
        severity = pairing.severity or "info"
        if judged.novelty == "same":
            if judged.first.place in self._of_first:
                self._of_first[judged.first.place].members.add(cassette, pairing)
        elif judged.novelty == "new":
            piece = _pairing(pairing, cassette)
            if self._keep(severity, piece):
                self._of_first[judged.first.place] = piece
        elif judged.first.place in self._of_first:
            self._add_other(severity, judged, pairing, cassette)

    def _add_other(self, severity: Severity, judged: Judged, pairing: Pairing, cassette: str) -> None:
        others = self._others.get(judged.first.place)
        if others is None:
            first = judged.first
            named = first.numbers + (f" of {_code(first.cassette, 80)}" if first.cassette else "")
            others = self._others[first.place] = _Others(severity, named)
            self._pieces[severity].append(others)
        line = None if judged.novelty == "many" or judged.news is None else _in_short(pairing, judged.news, cassette)
        others.add(line)

    def _keep(self, severity: Severity, piece: _Piece) -> bool:
        if self._sizes[severity] + piece.size() > LONGEST:
            return False
        self._sizes[severity] += piece.size()
        self._pieces[severity].append(piece)
        return True

    def pieces(self, room: int) -> tuple[list[str], int]:
        """Return the texts that fit, the gravest first, and the number of interactions that have no room."""
        chosen = []
        count = 0
        for severity in SEVERITIES:
            for piece in self._pieces[severity]:
                text = piece.text()
                if len(text) + len(_GAP) <= room:
                    room -= len(text) + len(_GAP)
                    chosen.append(text)
                    count += piece.count
        return chosen, self.places.interactions - count


def _cassettes(comparison: Comparison) -> str:
    kept = _Kept()
    for pairing in comparison:
        kept.add(pairing)
    sides = [f"{_code(side.name)} ({escape(side.title)})" for side in (comparison.old, comparison.new)]
    call = _call(comparison.old.name, comparison.new.name)
    return _page(headline(comparison.totals), sides, comparison.totals, [], kept, call)


def _folder(folder: FolderComparison) -> str:
    kept = _Kept()
    same = differing = 0
    for name, comparison in folder:
        before = kept.places.interactions
        for pairing in comparison:
            kept.add(pairing, name)
        differs = kept.places.interactions > before
        differing += differs
        same += not differs
    facts = [f"<p>{cassettes_text(same, differing)}.</p>"]
    facts += _names("Only in the old folder", folder.only_old)
    facts += _names("Only in the new folder", folder.only_new)
    facts += _names("Not compared", [name for name, _ in folder.troubles])
    sides = [_code(folder.old), _code(folder.new)]
    return _page(folder_headline(folder), sides, folder.totals, facts, kept, _call(folder.old, folder.new))


def _page(said: str, sides: Sequence[str], totals: Totals, facts: Sequence[str], kept: _Kept, call: str) -> str:
    """Put it all together. `sides` and `facts` are HTML."""
    before = [
        f"<p><b>{said}</b></p>",
        f"<p>{sides[0]} to {sides[1]}</p>",
        *facts,
        *([_table(totals)] if totals.worst() else []),
        *_places(kept.places),
    ]
    after = [_ignored(totals)] if totals.ignored else []
    taken = sum(len(block) + len(_GAP) for block in (*before, *after, _more(1_000_000_000, call)))
    pieces, left_out = kept.pieces(LONGEST - taken)
    if left_out:
        after.insert(0, _more(left_out, call))
    return _GAP.join((*before, *pieces, *after)) + "\n"


def _more(left_out: int, call: str) -> str:
    what = "interaction is" if left_out == 1 else "interactions are"
    return f"<p>{left_out:,} more {what} not shown here, for want of room: {call} shows all.</p>"


def _table(totals: Totals) -> str:
    """Give the figures as a table. Nothing recorded is in it."""
    counts = (*(totals.changes[one] for one in SEVERITIES), totals.same, totals.changed, totals.removed, totals.added)
    return "\n".join(
        (
            "| breaking | warnings | additions | interactions the same | changed | removed | added |",
            "|---:|---:|---:|---:|---:|---:|---:|",
            f"| {' | '.join(f'{count:,}' for count in counts)} |",
        )
    )


def _places(places: Places) -> list[str]:
    """Say where the changes are, where there are many. A list, for no table may have what was recorded."""
    rows, more = places.top(_PLACES_SHOWN)
    if not rows:
        return []
    items = "".join(f"<li><b>{row.severity}</b> {_code(row.where, 120)}: {row.interactions:,}</li>\n" for row in rows)
    left = f"<li>and {count_text(more, 'more place')}</li>\n" if more else ""
    return [f"<p>Where the changes are, and in how many interactions:</p>\n<ul>\n{items}{left}</ul>"]


def _members(members: Members, cassette: str) -> str:
    """Name interactions, those of other cassettes with the name of it."""
    rows, more = members.rows(_SPANS_SHOWN, "-&gt;")
    said = [text if name == cassette else f"{_code(name, 80)} {text}" for name, text in rows]
    return ", ".join(said) + (f" and {more:,} more" if more else "")


def _names(what: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return [f"<p>{what}: {', '.join(_code(name) for name in names[:_NAMES_SHOWN])}{more}</p>"]


# -- a pairing


def _pairing(pairing: Pairing, cassette: str) -> _Piece:
    """Give a pairing as a block to open, of at most `_LONGEST_PAIRING` characters."""
    side = pairing.new or pairing.old
    named = "" if side is None else f" {_code(f'{side.method} {side.url}')}"
    where = f"{_code(cassette)} " if cassette else ""
    start = (
        f"<details><summary><b>{pairing.severity or 'same'}</b> {where}{numbers(pairing, '-&gt;')}{named}"
        f" ({_what(pairing)}"
    )
    chosen = gravest(pairing.changes, _CHANGES_SHOWN)
    room = _LONGEST_PAIRING - len(start) - 250  # for the note, the fences' ends, and the end
    lines, shown = _fitting(_whole(pairing), chosen, room)
    note = left_out_text(shown, pairing)
    rest = _fenced(lines) + (f"\n<p>{escape(note)}</p>\n" if note else "")
    return _Piece(start, f")</summary>\n\n{rest}\n</details>", len(pairing.changes), cassette=cassette)


def _in_short(pairing: Pairing, news: Change, cassette: str) -> str:
    """Give a pairing as an item of a list: the change that tells most of it."""
    side = pairing.new or pairing.old
    where = f"{_code(cassette, 80)} " if cassette else ""
    values = [_code(value, 80) for value in (news.old, news.new) if value is not None]
    what = f"{news.action} " if news.old is None or news.new is None else ""
    others = len(pairing.changes) + pairing.left_out - 1
    more = f" and {count_text(others, 'more change')}" if others else ""
    named = "" if side is None else f": {_code(f'{side.method} {path_of(side.url)}', 120)}"
    said = f"{what}{_code(label(news), 120)} {' -&gt; '.join(values)}"
    return f"<li>{where}{numbers(pairing, '-&gt;')}{named} {said}{more}</li>"


def _what(pairing: Pairing) -> str:
    if pairing.verdict != "changed":
        return pairing.verdict
    return count_text(len(pairing.changes) + pairing.left_out, "change")


def _whole(pairing: Pairing) -> list[str]:
    """Say what an interaction was that only one side has."""
    side: Side | None = pairing.new or pairing.old
    if side is None or pairing.verdict not in {"removed", "added"}:
        return []
    return [f"{'+' if pairing.old is None else '-'} {_cut(visible(whole(side)))}"]


def _fitting(lines: list[str], changes: Sequence[Change], room: int) -> tuple[list[str], int]:
    """Add the lines of as many changes as there is room for; return them, and the number of changes."""
    room -= _length(lines)
    shown = 0
    for change in changes:
        more = list(_hunk(change))
        room -= _length(more)
        if room < 0:
            break
        lines += more
        shown += 1
    return lines, shown


def _length(lines: Sequence[str]) -> int:
    """Count the characters of lines; backticks three times, for the fences may be as long as they are."""
    return sum(len(line) + 1 + 2 * line.count("`") for line in lines)


def _hunk(change: Change) -> Iterator[str]:
    yield _cut(f"@@ {change.severity}: {visible(label(change))} @@")
    for at, (sign, line) in enumerate(_lines(change)):
        if at == _MOST_LINES:
            yield "  ..."
            return
        yield _cut(f"{sign} {line}")


def _lines(change: Change) -> Iterator[tuple[str, str]]:
    """Give the lines of a change, each with its sign. Of long ones the parts stay that differ."""
    olds, news = ([visible(line) for line in lines] for lines in values_of(change))
    if len(olds) == len(news):
        for at, (old, new) in enumerate(zip(olds, news, strict=True)):
            if max(len(old), len(new)) > _LONGEST_VALUE:
                sides = (elided(runs, "...", room=_LONGEST_VALUE) for runs in marked(old, new))
                olds[at], news[at] = ("".join(run.text for run in runs) for runs in sides)
    yield from ((" ", visible(line)) for line in change.before)
    yield from (("-", line) for line in olds)
    yield from (("+", line) for line in news)
    yield from ((" ", visible(line)) for line in change.after)


def _fenced(lines: Sequence[str]) -> str:
    """Give lines as a fenced block, whose fence no line can end."""
    longest = max((len(run) for line in lines for run in _BACKTICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join((f"{fence}diff", *lines, fence, ""))


# -- what was ignored


def _ignored(totals: Totals) -> str:
    """Give what was ignored as a block to open."""
    count = sum(totals.ignored.values()) + totals.ignored_left_out
    rows = [_rule(rule, things) for why in HEADINGS for rule, things in rules_of(totals.ignored, why)[:_RULES_SHOWN]]
    left = len(totals.ignored) - sum(shown for _, shown in rows)
    items = "".join(f"<li>{text}</li>\n" for text, _ in rows)
    more = f"<li>and {left:,} more (ctools diff --json has them)</li>\n" if left else ""
    times = "difference" if count == 1 else "differences"
    return f"<details><summary>{count:,} {times} ignored</summary>\n<ul>\n{items}{more}</ul>\n</details>"


def _rule(rule: str, things: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """Give a rule and what was ignored for it as HTML, and how many things that names."""
    shown = things[:_THINGS_SHOWN]
    return f"{_code(rule, 80)}: {', '.join(f'{_code(where, 80)} {count:,}' for where, count in shown)}", len(shown)


# -- texts


def _code(text: str, longest: int = _LONGEST_NAME) -> str:
    """Give text as HTML in which it is nothing but text, on one line, cut to `longest` characters of HTML."""
    safe = visible(text)
    if len(escape(safe)) <= longest:
        return f"<code>{escape(safe)}</code>"
    kept = room = 0
    while room < longest:
        room += len(escape(safe[kept]))
        kept += 1
    return f"<code>{escape(safe[: kept - 1])}... ({len(safe) - kept + 1:,} more characters)</code>"


def _call(old: str, new: str) -> str:
    return _code(f"ctools diff {shell_word(old)} {shell_word(new)}", 2 * _LONGEST_NAME)


def _cut(text: str, longest: int = _LONGEST_VALUE) -> str:
    left = len(text) - longest
    return text if left <= 0 else f"{text[:longest]}... ({left:,} more characters)"
