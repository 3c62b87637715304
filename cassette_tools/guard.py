"""Finds secrets that were left in cassettes of any tool: files in, findings out.

Law: it reads, prints nothing, and never gives a value or a part of one. What would be redacted is what is found; a
value that is masked already is none. A file that cannot be read as what it claims to be is searched as text all the
same, and named as trouble: it is never passed over.

Each piece of a file is looked at quickly first: one scan of its bytes, and a few looks at what such a scan cannot see.
Only where that gives reason is the piece parsed, to tell places and numbers of interactions and to look into what is
encoded. What comes in windows (see `pieces`) is searched as text.

Memory: a piece and a few copies of it.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from bisect import bisect_right
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cassette_tools.documents import UnreadableError, read, yaml_events
from cassette_tools.exploration import Exploration, Found, Memory
from cassette_tools.flow_document import is_http, read_flow
from cassette_tools.json_document import read_json
from cassette_tools.pieces import Bytes, Piece, count_interactions, cut
from cassette_tools.suspicion import Suspicion
from cassette_tools.toml_document import read_toml
from recorder.coding import CodingError
from recorder.redact.engine import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from recorder.redact.engine import Hit
    from recorder.redact.policy import Policy

__all__ = ["MOST_FINDINGS", "SUFFIXES", "Finding", "Guard", "Report"]

MOST_FINDINGS: Final = 1000
"""Findings of one file that are listed; of more only the number is known."""

SUFFIXES: Final = tuple(
    name + packed
    for name in (
        *(".yaml", ".yml", ".json", ".jsonl", ".ndjson", ".jsonl.tmp", ".har", ".toml"),
        *(".flows", ".flow", ".mitm", ".mitmproxy"),
    )
    for packed in ("", ".gz", ".zst")
)
"""What the names of cassettes end with."""

Which = Literal["default", "cassettes", "all"]


class Finding(NamedTuple):
    """A secret at a place of a file.

    `line` and `column` (in characters) count from 1. `rule` is the engine's (`known:env:API_TOKEN`,
    `header:authorization`, `format:jwt` …). `place` is a part of an interaction (`response.body`), `document` for what
    is none, or `file` where it was found in the text of the file. `interaction` counts from 1; None outside of one.
    """

    line: int
    column: int
    rule: str
    place: str
    interaction: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one file.

    `size`: bytes that were looked at, unpacked. `skipped`: it is no cassette. `findings`: at most MOST_FINDINGS of
    them, in the order of lines; `more`: how many are not listed. `trouble`: why a part, or all, could not be read.
    `is_cassette`: `ctools resanitize` can take out what was found, or tells how.
    """

    path: str
    size: int = 0
    skipped: bool = False
    findings: tuple[Finding, ...] = ()
    more: int = 0
    trouble: str | None = None
    is_cassette: bool = False


class Guard:
    """A policy at work on files. Not for several threads at once.

    `which` files are looked at: all that are named and the cassettes among the others (`default`), `cassettes` only,
    or `all`.
    """

    def __init__(self, policy: Policy, *, which: Which = "default") -> None:
        self._redactor = Redactor(policy)
        self._which = which
        self._suspicion = Suspicion(self._redactor, policy)
        self._memory = Memory(self._redactor)

    @property
    def unproven(self) -> tuple[str, ...]:
        """Known values that are looked for with no certainty, by source and reason."""
        return self._redactor.unproven

    def look(self, path: str, *, named: bool = True) -> Report:
        """Look at a file; `named` tells that somebody named it. Never raises for a file, whatever it is."""
        try:
            with _opened(path) as file:
                return self.look_at(file, path, named=named)
        except OSError as error:
            return Report(path, trouble=f"cannot be read: {error.strerror or 'an I/O error'}.")
        except ValueError:
            return Report(path, trouble="cannot be read: no file can have this name.")  # a NUL character in it

    def look_at(self, file: BinaryIO, name: str, *, named: bool = True) -> Report:
        """Look at an open file, as `look`."""
        bytes_ = Bytes(file)
        try:
            return self._report(bytes_, name, only_cassettes=self._only_cassettes(named=named))
        except OSError as error:
            return Report(name, bytes_.count, trouble=f"cannot be read: {error.strerror or 'an I/O error'}.")
        except CodingError as error:
            return Report(name, bytes_.count, trouble=f"cannot be unpacked: {error}.")
        except MemoryError:
            return Report(name, bytes_.count, trouble="cannot be read: not enough memory.")

    def _only_cassettes(self, *, named: bool) -> bool:
        return self._which == "cassettes" or (self._which == "default" and not named)

    def _report(self, bytes_: Bytes, name: str, *, only_cassettes: bool) -> Report:
        file = cut(bytes_)
        if file is None or (only_cassettes and not file.is_cassette):
            return Report(name, bytes_.count, skipped=only_cassettes)
        findings: list[Finding] = []
        more = 0
        trouble: str | None = None
        seen: set[Finding] = set()
        for piece in file.pieces:
            found, wrong = self._search(piece)
            if wrong is not None and trouble is None:
                trouble = wrong
            for finding in _placed(piece, found):
                if finding in seen:
                    continue
                if len(findings) < MOST_FINDINGS:
                    seen.add(finding)
                    findings.append(finding)
                else:
                    more += 1
        return Report(
            name,
            bytes_.count,
            findings=tuple(sorted(findings, key=lambda one: (one.line, one.column))),
            more=more,
            trouble=trouble,
            is_cassette=file.is_cassette,
        )

    def _search(self, piece: Piece) -> tuple[list[Found], str | None]:
        """Look at one piece. Gives what is found, and what is wrong with the piece."""
        data = piece.data
        view = data
        if piece.kind == "yaml" and b"\\\n" in data:
            view = _LINE_ESCAPE.sub(rb"\1", data)  # a word that YAML broke over two lines
        hits = self._suspicion.hits(view, yaml=piece.kind in ("yaml", "window"))
        if piece.kind == "window":
            return [Found(hit.start, 0, 0, hit.rule, "file", None) for hit in hits if hit.start >= piece.fresh], None
        if piece.kind not in _ALWAYS_EXPLORED and not hits and not self._suspicion.reasons(view, piece.kind):
            return [], None
        if view is not data:
            hits = self._suspicion.hits(data, yaml=True)
        exploring = Exploration(self._redactor, data, piece.interactions, self._memory)
        trouble = None
        try:
            if piece.kind == "lines":
                self._explore_lines(piece, hits, exploring)
            elif piece.kind == "flows":
                _explore_flows(piece, exploring)
            elif piece.kind == "toml":
                exploring.rest(read_toml(data, exploring.item))
            else:
                roots = (
                    read(yaml_events(data), exploring.item) if piece.kind == "yaml" else read_json(data, exploring.item)
                )
                for root in roots:
                    exploring.rest(root)
        except UnreadableError as error:
            line, column = _line_and_column(piece, error.offset)
            trouble = f"{error} (line {line}, column {column}); it was searched as text."
            return exploring.found + _text_hits(hits, exploring, every=True), trouble
        return exploring.found + _text_hits(hits, exploring, every=False), trouble

    def _explore_lines(self, piece: Piece, hits: list[Hit], exploring: Exploration) -> None:
        data = piece.data
        offsets = sorted({hit.start for hit in hits} | set(self._suspicion.reasons(data, "lines")))
        done = counted = 0
        number = piece.interactions
        for offset in offsets:
            if offset < done:
                continue
            start = data.rfind(b"\n", 0, offset) + 1
            end = data.find(b"\n", offset)
            done = len(data) if end < 0 else end + 1
            number += count_interactions(data, piece.mark, counted, done)
            counted = done
            exploring.number = number
            for root in read_json(data, exploring.item, start, done):
                exploring.line(root)


def _explore_flows(piece: Piece, exploring: Exploration) -> None:
    at = counted = 0
    while at < len(piece.data):
        flow, end = read_flow(piece.data, at)
        if is_http(piece.data, at):
            counted += 1
            exploring.item(counted, flow)
        else:
            exploring.rest(flow)
        at = end


# Positions.


def _text_hits(hits: list[Hit], exploring: Exploration, *, every: bool) -> list[Found]:
    """Give hits of the scan that the closer look did not come to: known values and formats, or `every` one."""
    ranges = sorted({(one.low, one.high) for one in exploring.found})
    starts = [low for low, _ in ranges]
    items = sorted(exploring.items)
    out = []
    for hit in hits:
        if not every and not hit.rule.startswith(("known:", "format:")):
            continue
        at = bisect_right(starts, hit.start) - 1
        if at < 0 or hit.start >= ranges[at][1]:
            inside = bisect_right(items, hit.start, key=itemgetter(0)) - 1
            number = items[inside][2] if inside >= 0 and hit.start < items[inside][1] else None
            out.append(Found(hit.start, hit.start, hit.end, hit.rule, "file", number))
    return out


def _placed(piece: Piece, found: list[Found]) -> Iterator[Finding]:
    """Give findings with line and column, in their order."""
    data = piece.data
    line, at, begin = piece.line, piece.offset, piece.offset
    column = piece.column
    for one in sorted(found):
        start = max(one.start, at)
        feeds = data.count(b"\n", at, start)
        if feeds:
            line += feeds
            begin = data.rfind(b"\n", at, start) + 1
            at, column = begin, 1
        column += len(data[at:start].decode("utf-8", "ignore"))
        at = start
        yield Finding(line, column, one.rule, one.place, one.interaction)


def _line_and_column(piece: Piece, offset: int) -> tuple[int, int]:
    placed = next(_placed(piece, [Found(max(offset, piece.offset), 0, 0, "", "", None)]))
    return placed.line, placed.column


def _opened(path: str) -> BinaryIO:
    if path == "-":
        return open(sys.stdin.fileno(), "rb", closefd=False)
    if stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116 -- the path is a string of a folder walk
        raise IsADirectoryError(21, "it is a folder")
    return open(path, "rb")  # noqa: PTH123 -- see above


_ALWAYS_EXPLORED: Final = frozenset({"toml", "flows"})
"""Kinds of pieces of which the quick look at bytes cannot tell where names and values stand."""
_LINE_ESCAPE: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\\r?\n[ \t]*+\\?(?=.)")
"""The end of a line inside a word, in double quotes (YAML 1.1, section 9.3.1)."""
