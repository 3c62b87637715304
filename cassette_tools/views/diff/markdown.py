r"""Shows a comparison as Markdown, for a comment on a pull request.

Law: recorded text stands in two places only, and is nothing but text there:

- within `<code>` of a block of HTML that ends before the next empty line (CommonMark 4.6, kind 6). No Markdown is
  read in it, `<`, `>`, `&` and quotes are entities, and line feeds are written out;
- in a fenced block (CommonMark 4.5) whose fence is longer than any run of backticks in it.

Services that find mentions, numbers of issues, digests of commits, emoji and addresses in what was rendered pass
`<code>` and `<pre>` over. The gravest comes first. The whole never has more than `LONGEST` characters: GitHub refuses a
comment of more than 65,536. What is left out is the least grave, and is said.

Memory: as many characters as the whole may have, for each severity, and one pairing.
"""

from __future__ import annotations

import re
import shlex
from html import escape
from typing import TYPE_CHECKING, Final

from cassette_tools.diff.folders import FolderComparison
from cassette_tools.diff.model import SEVERITIES, Totals
from cassette_tools.views.diff.marking import elided, marked
from cassette_tools.views.diff.wording import (
    HEADINGS,
    folder_headline,
    gravest,
    headline,
    label,
    left_out_text,
    numbers,
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
_RULES_SHOWN: Final = 8
_THINGS_SHOWN: Final = 4
_GAP: Final = "\n\n"

_BACKTICKS: Final = re.compile("`+")


def show(comparison: Comparison | FolderComparison, stream: TextIO) -> None:
    """Write the comparison."""
    text = _folder(comparison) if isinstance(comparison, FolderComparison) else _cassettes(comparison)
    stream.write(text)


class _Kept:
    """The pairings that may have room, by severity: what is graver takes the room of what is less grave."""

    def __init__(self) -> None:
        self._pieces: dict[Severity, list[str]] = {severity: [] for severity in SEVERITIES}
        self._sizes: dict[Severity, int] = dict.fromkeys(SEVERITIES, 0)
        self._count = 0

    def add(self, severity: Severity, text: str) -> None:
        """Keep the text of a pairing, unless those of its severity would fill the whole already."""
        self._count += 1
        if self._sizes[severity] + len(text) <= LONGEST:
            self._sizes[severity] += len(text)
            self._pieces[severity].append(text)

    def pieces(self, room: int) -> tuple[list[str], int]:
        """Return the texts that fit, the gravest first, and the number of pairings that have no room."""
        chosen = []
        for severity in SEVERITIES:
            for text in self._pieces[severity]:
                if len(text) + len(_GAP) <= room:
                    room -= len(text) + len(_GAP)
                    chosen.append(text)
        return chosen, self._count - len(chosen)


def _cassettes(comparison: Comparison) -> str:
    kept = _Kept()
    for pairing in comparison:
        kept.add(pairing.severity or "info", _pairing(pairing, ""))
    sides = [f"{_code(side.name)} ({escape(side.title)})" for side in (comparison.old, comparison.new)]
    return _page(sides, comparison.totals, [], kept, _call(comparison.old.name, comparison.new.name))


def _folder(folder: FolderComparison) -> str:
    kept = _Kept()
    same = differing = 0
    for name, comparison in folder:
        differs = False
        for pairing in comparison:
            differs = True
            kept.add(pairing.severity or "info", _pairing(pairing, name))
        differing += differs
        same += not differs
    facts = [f"<p>{folder_headline(folder, same, differing)}.</p>"]
    facts += _names("Only in the old folder", folder.only_old)
    facts += _names("Only in the new folder", folder.only_new)
    facts += _names("Not readable", [name for name, _ in folder.troubles])
    sides = [_code(folder.old), _code(folder.new)]
    return _page(sides, folder.totals, facts, kept, _call(folder.old, folder.new))


def _page(sides: Sequence[str], totals: Totals, facts: Sequence[str], kept: _Kept, call: str) -> str:
    """Put it all together. `sides` and `facts` are HTML."""
    before = [
        f"<p><b>{headline(totals)}</b></p>",
        f"<p>{sides[0]} to {sides[1]}</p>",
        *facts,
        *([_table(totals)] if totals.worst() else []),
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


def _names(what: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return [f"<p>{what}: {', '.join(_code(name) for name in names[:_NAMES_SHOWN])}{more}</p>"]


# -- a pairing


def _pairing(pairing: Pairing, cassette: str) -> str:
    """Give a pairing as a block to open, of at most `_LONGEST_PAIRING` characters."""
    side = pairing.new or pairing.old
    named = "" if side is None else f" {_code(f'{side.method} {side.url}')}"
    where = f"{_code(cassette)} " if cassette else ""
    start = (
        f"<details><summary><b>{pairing.severity or 'same'}</b> {where}{numbers(pairing).replace('>', '&gt;')}{named}"
        f"{_what(pairing)}</summary>\n\n"
    )
    end = "\n</details>"
    chosen = gravest(pairing.changes, _CHANGES_SHOWN)
    room = _LONGEST_PAIRING - len(start) - len(end) - 200  # for the note, and the fences' ends
    lines, shown = _fitting(_whole(pairing), chosen, room)
    note = left_out_text(shown, pairing)
    return start + _fenced(lines) + (f"\n<p>{escape(note)}</p>\n" if note else "") + end


def _what(pairing: Pairing) -> str:
    if pairing.verdict != "changed":
        return f" ({pairing.verdict})"
    return f" ({count_text(len(pairing.changes) + pairing.left_out, 'change')})"


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
    return _code(f"ctools diff {shlex.quote(old)} {shlex.quote(new)}", 2 * _LONGEST_NAME)


def _cut(text: str, longest: int = _LONGEST_VALUE) -> str:
    left = len(text) - longest
    return text if left <= 0 else f"{text[:longest]}... ({left:,} more characters)"
