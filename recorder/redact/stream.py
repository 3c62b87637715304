"""A body that is longer than memory may hold, redacted as it passes.

Law: what comes out is what came in, but for the spans that go. A span is found wherever it lies, also across any two
pieces: nothing is settled before `WINDOW` bytes behind it have been seen, or the body has ended. What cannot be settled
within bounds goes: a value whose end does not come takes the rest of the body with it.

Memory: one piece, the window, and while the end of a value is awaited `MOST_HELD` bytes; a scan takes twice that for a
moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from recorder.redact.content import is_text
from recorder.redact.leaf import Context, Finding, replacement_of, resolve

if TYPE_CHECKING:
    from recorder.redact.engine import Redactor
    from recorder.redact.known import Span

__all__ = ["MOST_HELD", "WINDOW", "BodyStream", "Edit"]

Edit = tuple[int, int, bytes]
"""Bytes [start, end) of the whole body as it came in, and what takes their place."""

WINDOW: Final = 64 * 1024
MOST_HELD: Final = 1024 * 1024
MOST_TOLD_APART: Final = 1000
"""Placeholders of one body that are counted one by one; the others by rule and kind."""
_LEFT: Final = 2048
"""Bytes kept in front of what is not settled, for names that stand before their values."""
_BATCH: Final = 128 * 1024
"""Bytes beyond the window that are worth a scan."""


class BodyStream:
    """One body under way. Either `feed` and `finish`, which give bytes, or `scan` and `end`, which give edits.

    `settled`: offset in what came in up to which no further edit will begin. `findings`: what was redacted so far.
    `removed`: why a part of it went that holds more than the secret; None where none did.
    """

    __slots__ = (
        "_at",
        "_base",
        "_buffer",
        "_context",
        "_counts",
        "_cut_off",
        "_maybe_binary",
        "_place",
        "_redactor",
        "_window",
        "removed",
        "settled",
    )

    def __init__(self, redactor: Redactor, context: Context, place: str, *, maybe_binary: bool = False) -> None:
        """`maybe_binary`: the headers do not say that it is text; then its beginning decides."""
        self._redactor = redactor
        self._context = context
        self._place = place
        self._window = max(WINDOW, min(8 * redactor.longest_known, MOST_HELD // 2))
        self._buffer = b""
        self._base = 0  # offset of the buffer's first byte
        self._at = 0  # offset of the first byte that `feed` has not given
        self._counts: dict[tuple[str, str, str], int] = {}
        self._cut_off = False
        self._maybe_binary = maybe_binary
        self.settled = 0
        self.removed: str | None = None

    @property
    def findings(self) -> list[Finding]:
        """What was redacted so far, by rule and placeholder."""
        return [
            Finding(rule, self._place, kind, placeholder, count)
            for (rule, kind, placeholder), count in self._counts.items()
        ]

    def feed(self, data: bytes) -> bytes:
        """Take what came next; give what is settled, redacted."""
        self._buffer += data
        return self._give(self._settle(last=False)) if self._due() else b""

    def finish(self) -> bytes:
        """End the body; give the rest of it."""
        return self._give(self._settle(last=True))

    def scan(self, data: bytes) -> list[Edit]:
        """Take what came next; give the edits that became known, in order."""
        self._buffer += data
        if not self._due():
            return []
        edits = self._settle(last=False)
        self._forget(self.settled)
        return edits

    def end(self) -> list[Edit]:
        """End the body; give the last edits."""
        return self._settle(last=True)

    def _due(self) -> bool:
        return self._base + len(self._buffer) - self.settled >= self._window + _BATCH

    def _settle(self, *, last: bool) -> list[Edit]:
        buffer, base = self._buffer, self._base
        if self._maybe_binary:
            self._maybe_binary = False
            begins_as_text = any(is_text(buffer[: len(buffer) - cut]) for cut in range(4))  # a character may be cut
            self._context = self._context._replace(binary=not begins_as_text)
        if base == 0 and buffer.lstrip()[:1] == b"<":
            self._context = self._context._replace(markup=True)
        begin = self.settled - base
        if self._cut_off:
            self.settled = base + len(buffer)
            return [(base + begin, self.settled, b"")] if begin < len(buffer) else []
        cut = len(buffer) if last else max(begin, len(buffer) - self._window)
        context = self._context if base == 0 else self._context._replace(form_start=False)
        taken: list[Span] = []
        for span in resolve(self._redactor.find(buffer, context)):
            if span.end <= begin:
                continue
            if span.start >= cut:
                break
            if span.open and not last:
                if len(buffer) - max(begin, span.start) < MOST_HELD:
                    cut = max(begin, min(cut, span.start - _LEFT // 2))
                    taken = [earlier for earlier in taken if earlier.end <= cut]
                    break
                self._cut_off = True
                self.removed = "a value in it had no end, and went with all that followed"
                self._count("unended", "removed", "")
                taken.append(span._replace(start=max(begin, span.start), end=len(buffer)))
                cut = len(buffer)
                break
            taken.append(span if span.start >= begin else span._replace(start=begin))
            cut = max(cut, span.end)
        self._redactor.learn_from(taken)
        edits = [self._edit(buffer, span, base) for span in taken]
        edits = self._verified(buffer, begin, cut, base, edits)
        self.settled = base + cut
        return edits

    def _edit(self, buffer: bytes, span: Span, base: int) -> Edit:
        replacement, kind, shown = replacement_of(
            buffer, span, self._redactor.placeholders, binary=self._context.binary
        )
        self._count(span.rule, kind, shown)
        return base + span.start, base + span.end, replacement

    def _verified(self, buffer: bytes, begin: int, cut: int, base: int, edits: list[Edit]) -> list[Edit]:
        """Look once more at what would come out. Where a known value is left, all of that part goes."""
        if not (edits or self._redactor.deep) or not self._redactor.known_in(
            _apply(buffer[begin:cut], edits, base + begin)
        ):
            return edits
        self._count("verify", "removed", "")
        return [(base + begin, base + cut, self._redactor.mark(buffer[begin:cut]))]

    def _count(self, rule: str, kind: str, shown: str) -> None:
        key = (rule, kind, shown if len(self._counts) < MOST_TOLD_APART else "")
        self._counts[key] = self._counts.get(key, 0) + 1

    def _give(self, edits: list[Edit]) -> bytes:
        start = self._at - self._base
        out = _apply(self._buffer[start : self.settled - self._base], edits, self._at)
        self._at = self.settled
        self._forget(self._at)
        return out

    def _forget(self, offset: int) -> None:
        keep = max(0, offset - self._base - _LEFT)
        self._buffer = self._buffer[keep:]
        self._base += keep


def _apply(data: bytes, edits: list[Edit], base: int) -> bytes:
    parts: list[bytes] = []
    at = 0
    for start, end, replacement in edits:
        parts += (data[at : start - base], replacement)
        at = end - base
    parts.append(data[at:])
    return b"".join(parts)
