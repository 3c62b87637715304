"""Shows a comparison to people: what differs as it is found, the figures last, where a terminal's reader looks first.

Law: everything recorded goes through `escape` before it goes anywhere else. Lines fit the page: a terminal's width, or
none (see `console`). Nothing is told by colour alone: a severity is a word, a side is a sign, and where there is no
colour carets stand under what differs. Old and new stand side by side from `_WIDE` columns on, below it one under the
other. Changes that were shown before are not shown again: interactions that have the same ones are named in a line,
and of many that differ in the same places but for values, those beyond the first ones take a line each. Where there is
no width, no value is cut, and every change that is listed is shown once.

Memory: one pairing, the totals, and what `grouping` remembers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text

from cassette_tools.diff.folders import FolderComparison
from cassette_tools.shell_word import shell_word
from cassette_tools.views.console import shown
from cassette_tools.views.diff.grouping import Memory, Numbers, Places
from cassette_tools.views.diff.marking import Run, elided, marked
from cassette_tools.views.diff.wording import (
    HEADINGS,
    advice,
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
    same_text,
    values_of,
    whole,
    worst_of,
)
from cassette_tools.views.escape import visible
from cassette_tools.views.figures import count_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cassette_tools.diff.comparison import Comparison
    from cassette_tools.diff.model import Change, Pairing, Severity, Totals
    from cassette_tools.views.console import Page
    from cassette_tools.views.diff.grouping import First, Judged

__all__ = ["show"]

_WIDE: Final = 120
"""Columns of a terminal from which on old and new stand side by side."""

_NARROW: Final = 60
"""Columns below which values are hardly indented."""

_READABLE: Final = 100
"""Characters that a change in one line may have where nothing says how wide a line may be."""

_CHANGES_SHOWN: Final = 40
"""Changes of one pairing that a terminal shows; the gravest."""

_ROWS: Final = 8
"""Lines of a terminal that one value may take."""

_EMPTY: Final = "(empty)"
"""What is shown of a value without characters."""

_SHORT: Final = 30
"""Characters up to which both values may stand in one line."""

_SEEN: Final = 10
"""Characters up to which the place of a difference in a value is seen without a mark."""

_PLACES_SHOWN: Final = 10
_SPANS_SHOWN: Final = 8
_RULES_SHOWN: Final = 8
_THINGS_SHOWN: Final = 4
_NAMES_SHOWN: Final = 10

_STYLES: Final[dict[Severity, str]] = {"breaking": "bold red", "warning": "yellow", "info": "cyan"}
_OLD: Final = "red"
_NEW: Final = "green"
_MARKED: Final = "bold reverse"
_SEVERITY_WIDTH: Final = 10

Row = list[Run]
"""A line of a value: escaped, and no wider than its column."""


def show(comparison: Comparison | FolderComparison, page: Page) -> None:
    """Show what differs, then how much of it, what was ignored, and where to look next."""
    if isinstance(comparison, FolderComparison):
        _show_folder(comparison, page)
    else:
        _show_cassettes(comparison, page)


def _show_cassettes(comparison: Comparison, page: Page) -> None:
    names = [f"{side.name} ({side.title})" for side in (comparison.old, comparison.new)]
    so_far = _SoFar(Memory(alike=page.width is not None))
    first = _show_pairings(comparison, page, so_far, "", lambda: _show_sides(names, page))
    if first is not None:
        page.line()
    _show_places(so_far.places, page)
    _show_totals(headline(comparison.totals), comparison.totals, page, comparison.totals.worst())
    advised = advice(comparison.totals)
    if advised is not None:
        _say(advised, page, indent=2)
    if first is not None:
        _show_next(first, comparison.old.name, comparison.new.name, page)


def _show_pairings(
    comparison: Comparison, page: Page, so_far: _SoFar, cassette: str, begin: Callable[[], None]
) -> Pairing | None:
    """Show what differs, after `begin` was called; return the first of the gravest pairings, or None."""
    gravest_one: Pairing | None = None
    so_far.cassette = cassette
    so_far.gap = True
    for pairing in comparison:
        if gravest_one is None:
            begin()
        if gravest_one is None or _rank(pairing) < _rank(gravest_one):
            gravest_one = pairing
        _show_one(pairing, page, so_far)
    _show_held(so_far, page)
    return gravest_one


def _show_folder(folder: FolderComparison, page: Page) -> None:
    same = differing = 0
    so_far = _SoFar(Memory(alike=page.width is not None))

    def begin(name: str) -> None:
        if not differing:
            _show_sides([folder.old, folder.new], page)
        page.line()
        _say(name, page, style="bold underline")

    for name, comparison in folder:
        first = _show_pairings(comparison, page, so_far, name, partial(begin, name))
        if first is None:
            same += 1
            continue
        differing += 1
        page.line()
        _say(headline(comparison.totals), page)
        _show_next(first, comparison.old.name, comparison.new.name, page)
    if differing:
        page.line()
    _show_names("Only in the old folder", folder.only_old, _STYLES["breaking"], page)
    _show_names("Only in the new folder", folder.only_new, _STYLES["info"], page)
    for name, error in folder.troubles:
        _say(f"Not compared: {name}: {error}", page, style="red", indent=2)
    _show_places(so_far.places, page)
    _say(cassettes_text(same, differing), page, style="bold")
    _show_totals(folder_headline(folder), folder.totals, page, worst_of(folder))


def _show_sides(names: Sequence[str], page: Page) -> None:
    """Say which file each sign stands for."""
    for sign, name, style in zip("-+", names, (_OLD, _NEW), strict=True):
        _say(f"{sign} {name}", page, style=style, indent=2)


def _show_names(what: str, names: Sequence[str], style: str, page: Page) -> None:
    if names:
        most = len(names) if page.width is None else _NAMES_SHOWN
        more = f" and {len(names) - most:,} more" if len(names) > most else ""
        _say(f"{what}: {', '.join(names[:most])}{more}", page, style=style, indent=2)


# -- what was shown so far


@dataclass(slots=True)
class _Held:
    """Interactions that have nothing new to tell, until something new comes."""

    judged: Judged
    changes: int
    numbers: Numbers = field(default_factory=Numbers)


@dataclass(slots=True)
class _SoFar:
    """What was shown, of all cassettes. `gap`: an empty line is due before a line of its own."""

    memory: Memory
    cassette: str = ""
    gap: bool = True
    held: dict[tuple[str, int], _Held] = field(default_factory=dict)
    places: Places = field(default_factory=Places)

    def hold(self, judged: Judged, pairing: Pairing) -> None:
        """Keep the number of an interaction that is like one before."""
        key = judged.novelty, judged.first.place
        self.held.setdefault(key, _Held(judged, len(pairing.changes))).numbers.add(pairing)

    def line(self, page: Page) -> None:
        """Leave an empty line where something longer stands above."""
        if self.gap:
            page.line()
        self.gap = False


def _show_one(pairing: Pairing, page: Page, so_far: _SoFar) -> None:
    """Show a pairing: in full, in a line, or later with those that are like it."""
    so_far.places.add(pairing)
    judged = so_far.memory.judge(pairing, so_far.cassette, _arrow(page))
    if judged.novelty in {"same", "many"}:
        so_far.hold(judged, pairing)
        return
    if judged.novelty == "alike" and judged.news is not None:
        so_far.line(page)
        _show_short(pairing, judged.news, page)
        return
    if pairing.verdict != "changed" and not pairing.changes:
        so_far.line(page)
        _show_lone(pairing, page)
        return
    _show_held(so_far, page)
    _show_pairing(pairing, page)
    so_far.gap = True


def _show_held(so_far: _SoFar, page: Page) -> None:
    """Name the interactions that are like one that was shown: a line for each such one."""
    for held in so_far.held.values():
        first = _place_of(held.judged.first, so_far.cassette)
        what = same_text(held.changes, first) if held.judged.novelty == "same" else alike_text(first)
        spans = None if page.width is None else _SPANS_SHOWN
        said = held.numbers.text(spans, _arrow(page))
        count = f" ({held.numbers.count:,} interactions)" if held.numbers.count > 1 else ""
        more = "; --json has them" if held.judged.novelty == "many" else ""
        so_far.line(page)
        _say(f"{said}  {what}{count}{more}", page, indent=4)
    so_far.held.clear()


def _place_of(first: First, cassette: str) -> str:
    return first.numbers if first.cassette == cassette else f"{first.numbers} of {first.cassette}"


def _show_places(places: Places, page: Page) -> None:
    """Say where the changes are, where there are many."""
    rows, more = places.top(_PLACES_SHOWN)
    if not rows:
        return
    _say("Where the changes are, and in how many interactions:", page)
    width = max(len(f"{row.interactions:,}") for row in rows)
    for row in rows:
        _say_of(row.severity, f"{row.interactions:>{width},}  {row.where}", page, indent=width + 2)
    if more:
        _say(f"  and {count_text(more, 'more place')}", page, style="dim")
    page.line()


# -- a pairing


def _show_pairing(pairing: Pairing, page: Page) -> None:
    page.line()
    side = pairing.new or pairing.old
    if side is not None:
        _say(f"{numbers(pairing, _arrow(page))}  {side.method} {side.url}", page, style="bold", indent=4)
    changes = pairing.changes if page.width is None else gravest(pairing.changes, _CHANGES_SHOWN)
    if page.width is not None and page.width >= _WIDE:
        _show_beside(changes, page, page.width)
    else:
        for change in changes:
            _show_below(change, page)
    left = left_out_text(len(changes), pairing)
    if left is not None:
        _say(f"  {left}", page, style="dim", indent=2)


def _show_lone(pairing: Pairing, page: Page) -> None:
    """Show an interaction that only one cassette has, in a line."""
    side = pairing.new or pairing.old
    severity = pairing.severity
    if side is None or severity is None:
        return
    which = "new" if pairing.old is None else "old"
    line = Text.assemble(
        Text(f"{numbers(pairing)}  ", "bold"),
        _word(severity),
        shown(f"{side.method} {side.url}", "bold"),
        shown(f"  only in the {which} cassette: {whole(side)}"),
    )
    _print(line, page, indent=4)


def _show_short(pairing: Pairing, news: Change, page: Page) -> None:
    """Show a pairing in one line of a terminal: the change that tells most of it, and the path of its URL."""
    side = pairing.new or pairing.old
    line = Text.assemble(Text(f"{numbers(pairing, _arrow(page))}  ", "bold"), _word(news.severity))
    line.append_text(shown(label(news)))
    line.append("  ").append_text(_briefly(news, page))
    others = len(pairing.changes) + pairing.left_out - 1
    if others:
        line.append(f", and {count_text(others, 'more change')}", "dim")
    if page.width is None or page.width < _NARROW:
        _print(line, page, indent=4)
        return
    if side is not None:
        line.append_text(shown(f"  {side.method} {path_of(side.url)}", "dim"))
    page.line(page.cut(line, page.width))


def _briefly(change: Change, page: Page) -> Text:
    """Give both values of a change, cut to a few characters each."""

    def short(value: str) -> str:
        text = visible(value) or _EMPTY
        return text if len(text) <= _SHORT else text[: _SHORT - 1] + page.ellipsis

    if change.old is None or change.new is None:
        sign, value, style = ("+", change.new, _NEW) if change.old is None else ("-", change.old, _OLD)
        return Text(f"{sign} {short(value or '')}", style)
    return Text.assemble((short(change.old), _OLD), f" {_arrow(page)} ", (short(change.new), _NEW))


def _arrow(page: Page) -> str:
    return "\u2192" if page.unicode else "->"


def _show_below(change: Change, page: Page) -> None:
    """Show a change in one line where it fits, else its values below its name."""
    if change.place != "line":
        line = _one_line(change, page)
        room = page.width or _READABLE
        if line.cell_len <= room:
            page.line(line)
            return
    _say_of(change.severity, label(change), page)
    indent = 4 if page.width is not None and page.width < _NARROW else 2 + _SEVERITY_WIDTH
    width = None if page.width is None else max(8, page.width - indent - 2)
    for text in change.before:
        _put(" ", _rows([Run(text, differs=False)], width, page), "dim", indent, page)
    olds, news = _values(change, width, page)
    for old in olds:
        _put("-", old, _OLD, indent, page)
    for new in news:
        _put("+", new, _NEW, indent, page)
    for text in change.after:
        _put(" ", _rows([Run(text, differs=False)], width, page), "dim", indent, page)


def _one_line(change: Change, page: Page) -> Text:
    """Put a change in one line; in a line that fits nowhere, where it has no place in one."""
    arrow = _arrow(page)
    old, new = (None if value is None else visible(value) for value in (change.old, change.new))
    if old is not None and new is not None and (max(len(old), len(new)) > _SHORT or f" {arrow} " in old + new):
        return Text(" " * 10_000)
    line = Text.assemble("  ", _word(change.severity), visible(label(change)), "  ")
    if old is None or new is None:
        value = old if new is None else new
        sign, style = ("-", _OLD) if new is None else ("+", _NEW)
        return line.append(f"{sign} {value or _EMPTY}", style)
    line.append(old or _EMPTY, _OLD).append(f" {arrow} ")
    return line.append(new or _EMPTY, _NEW)


def _show_beside(changes: Sequence[Change], page: Page, width: int) -> None:
    """Show changes as rows of a table: severity and name, old, new."""
    start = 2 + _SEVERITY_WIDTH
    longest = max((cell_len(visible(label(change))) for change in changes), default=0)
    names = min(longest, width // 3)
    column = (width - start - names - 2 - 2) // 2 - 2  # a gap before each value's sign, and a blank behind it
    for change in changes:
        name = visible(label(change))
        beside = cell_len(name) <= names
        if not beside:
            _say_of(change.severity, label(change), page)
        lefts, rights = _two_columns(change, column, page)
        for at, (left, right) in enumerate(zip(lefts, rights, strict=True)):
            line = Text("  ")
            line.append_text(_word(change.severity) if at == 0 and beside else Text(" " * _SEVERITY_WIDTH))
            line.append_text(_padded(Text(name if at == 0 and beside else ""), names))
            line.append("  ")
            line.append_text(_padded(left, column + 2))
            line.append("  ")
            line.append_text(right)
            line.rstrip()
            page.line(line)


def _two_columns(change: Change, column: int, page: Page) -> tuple[list[Text], list[Text]]:
    """Give the lines of both columns, equally many: unchanged lines beside themselves, old ones beside new ones."""
    lefts: list[Text] = []
    rights: list[Text] = []

    def put(old: list[Text], new: list[Text]) -> None:
        rows = max(len(old), len(new))
        lefts.extend(old + [Text()] * (rows - len(old)))
        rights.extend(new + [Text()] * (rows - len(new)))

    for text in change.before:
        same = _lines(" ", _rows([Run(text, differs=False)], column, page), "dim", page)
        put(same, same)
    olds, news = _values(change, column, page)
    for at in range(max(len(olds), len(news))):
        old = _lines("-", olds[at], _OLD, page) if at < len(olds) else []
        new = _lines("+", news[at], _NEW, page) if at < len(news) else []
        put(old, new)
    for text in change.after:
        same = _lines(" ", _rows([Run(text, differs=False)], column, page), "dim", page)
        put(same, same)
    return lefts, rights


# -- values


def _values(change: Change, width: int | None, page: Page) -> tuple[list[list[Row]], list[list[Row]]]:
    """Give for each line of the old value, and of the new one, its rows. A value that is not there has no line."""
    olds, news = values_of(change)
    if change.place != "line":
        olds, news = ([value or _EMPTY for value in values] for values in (olds, news))
    old_rows: list[list[Row]] = []
    new_rows: list[list[Row]] = []
    beside = len(olds) == len(news)
    for at in range(max(len(olds), len(news))):
        if beside:
            old_runs, new_runs = marked(olds[at], news[at])
        else:
            old_runs = [Run(olds[at], differs=False)] if at < len(olds) else []
            new_runs = [Run(news[at], differs=False)] if at < len(news) else []
        if at < len(olds):
            old_rows.append(_rows(old_runs, width, page))
        if at < len(news):
            new_rows.append(_rows(new_runs, width, page))
    return _fewer(old_rows, width, page), _fewer(new_rows, width, page)


def _fewer(lines: list[list[Row]], width: int | None, page: Page) -> list[list[Row]]:
    """Leave out the lines that a terminal has no room for, and say how many."""
    most = 2 * _ROWS
    if width is None or len(lines) <= most:
        return lines
    more = f"{page.ellipsis} {count_text(len(lines) - most, 'more line')}"
    return [*lines[:most], [[Run(more[:width], differs=False)]]]


def _rows(runs: list[Run], width: int | None, page: Page) -> list[Row]:
    """Escape a value and fold it to the width; on a terminal, cut what would take more than `_ROWS` rows."""
    runs = [Run(visible(run.text), run.differs) for run in runs]
    if width is None:
        return [runs]
    if len(runs) > 1:
        runs = elided(runs, page.ellipsis, room=width * 3)
    rows = _folded(runs, width)
    if len(rows) > _ROWS:
        left = sum(len(run.text) for row in rows[_ROWS - 1 :] for run in row)
        note = f"{page.ellipsis} {left:,} more characters"
        rows = [*rows[: _ROWS - 1], [Run(note[:width], differs=False)]]
    return rows


def _folded(runs: Iterable[Run], width: int) -> list[Row]:
    """Cut runs into rows of at most `width` columns. No wide character is halved; what has no width stays behind."""
    rows: list[Row] = [[]]
    room = width
    for run in runs:
        text = run.text
        while text:
            count, cells = _fitting(text, room)
            if count:
                rows[-1].append(Run(text[:count], run.differs))
                text = text[count:]
                room -= cells
            if text:
                rows.append([])
                room = width
    return rows if rows[-1] or len(rows) == 1 else rows[:-1]


def _fitting(text: str, room: int) -> tuple[int, int]:
    """Tell how many characters of `text` fit into `room` columns, and how many of these they take."""
    if text.isascii():
        count = min(len(text), room)
        return count, count
    cells = 0
    for at, character in enumerate(text):
        wide = cell_len(character)
        if cells + wide > room:
            return at, cells
        cells += wide
    return len(text), cells


def _put(sign: str, rows: list[Row], style: str, indent: int, page: Page) -> None:
    for line in _lines(sign, rows, style, page):
        text = Text.assemble(" " * indent, line)
        text.rstrip()
        page.line(text)


def _lines(sign: str, rows: list[Row], style: str, page: Page) -> list[Text]:
    """Give the lines of a value: each row behind its sign, and carets under what differs where colour cannot tell."""
    lines = []
    longest = max(sum(len(run.text) for run in row) for row in rows)
    told = longest > _SEEN and (page.width is not None or longest <= _READABLE)
    partly = len({run.differs for row in rows for run in row}) == 2
    for row in rows:
        line = Text(f"{sign} ", style)
        for run in row:
            line.append(run.text, f"{style} {_MARKED}" if run.differs and partly else style)
        lines.append(line)
        if partly and told and not page.coloured and any(run.differs for run in row):
            lines.append(Text("  " + "".join(("^" if run.differs else " ") * cell_len(run.text) for run in row)))
    return lines


# -- figures


def _show_totals(said: str, totals: Totals, page: Page, worst: Severity | None) -> None:
    _say(said, page, style="bold green" if worst is None else _STYLES[worst])
    for why, heading in HEADINGS.items():
        rules = rules_of(totals.ignored, why)
        if rules:
            _say(f"{heading}:", page, style="dim")
            _show_rules(rules, page)
    if totals.ignored_left_out:
        _say(f"and {totals.ignored_left_out:,} more ignored, of kinds beyond those counted", page, style="dim")


def _show_rules(rules: Sequence[tuple[str, list[tuple[str, int]]]], page: Page) -> None:
    most = len(rules) if page.width is None else _RULES_SHOWN
    indent = 2 + min(16, max(len(rule) for rule, _ in rules[:most])) + 2
    for rule, things in rules[:most]:
        some = len(things) if page.width is None else _THINGS_SHOWN
        said = ", ".join(f"{where} {count:,}" for where, count in things[:some])
        if len(things) > some:
            said += f" and {len(things) - some:,} more"
        start = f"  {rule:<{indent - 4}}  "
        _say(f"{start}{said}", page, style="dim", indent=indent if page.width and page.width >= _NARROW else 4)
    if len(rules) > most:
        _say(f"  and {count_text(len(rules) - most, 'more rule')} (--json has them)", page, style="dim", indent=4)


def _show_next(pairing: Pairing, old: str, new: str, page: Page) -> None:
    """Say how to see the interactions of the gravest pairing in full."""
    sides = ((old, pairing.old), (new, pairing.new))
    calls = [
        f"ctools inspect {shell_word(name)} {side.number}" for name, side in sides if side is not None and name != "-"
    ]
    if calls:
        _say(f"Look closer: {' and '.join(calls)}", page, style="dim", indent=2)


def _rank(pairing: Pairing) -> int:
    return {"breaking": 0, "warning": 1, "info": 2}.get(pairing.severity or "", 3)


# -- lines


def _word(severity: Severity) -> Text:
    """Give a severity as a word of a fixed width."""
    return Text(f"{severity:<{_SEVERITY_WIDTH}}", _STYLES[severity])


def _say_of(severity: Severity, text: str, page: Page, *, indent: int = 0) -> None:
    """Print a line that begins with a severity."""
    line = Text.assemble("  ", _word(severity), shown(text))
    _print(line, page, indent=4 if page.width is not None and page.width < _NARROW else 2 + _SEVERITY_WIDTH + indent)


def _say(text: str, page: Page, *, style: str = "", indent: int = 0) -> None:
    _print(shown(text, style), page, indent=indent)


def _print(line: Text, page: Page, *, indent: int) -> None:
    """Print text in lines that fit; all but the first one are indented."""
    if page.width is None or line.cell_len <= page.width:
        page.line(line)
        return
    rest = _break(line, page.width)
    page.line(rest[0])
    while rest[1]:
        rest = _break(rest[1], page.width - indent)
        page.line(Text.assemble(" " * indent, rest[0]))


def _break(line: Text, width: int) -> tuple[Text, Text]:
    """Divide text at a blank, or within a word that is too long, so that the first part fits."""
    plain = line.plain
    fits, _ = _fitting(plain, width)
    fits = max(1, fits)
    if fits < len(plain):
        at = plain.rfind(" ", 0, fits + 1)
        if at > 0 and plain[:at].strip() and at >= fits // 2:
            fits = at
    first, rest = line.divide([fits])
    first.rstrip()
    skipped = len(rest.plain) - len(rest.plain.lstrip(" "))
    return first, rest[skipped:] if skipped < len(rest.plain) else Text()


def _padded(text: Text, width: int) -> Text:
    missing = width - text.cell_len
    return Text.assemble(text, " " * missing) if missing > 0 else text
