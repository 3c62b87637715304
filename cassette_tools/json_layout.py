"""Lays a JSON text out over lines, by its tokens.

Law: only white space between tokens changes. No token is parsed, converted or reordered, so that `1.10`, integers of
any size, duplicate keys, escapes and the order of keys are shown as they were sent. It works on text that is cut off,
too.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["laid_out"]

# White space; a string, perhaps cut off; a bracket, comma or colon; anything else that stands together. The
# quantifiers are possessive: without backtracking, hostile text takes linear time.
_SYMBOL: Final = re.compile(r'[ \t\r\n]++|"(?:[^"\\]++|\\.)*+(?:"|\\)?|[{}\[\],:]|[^ \t\r\n{}\[\],:"]++', re.DOTALL)
_LITERAL: Final = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null|NaN|-?Infinity")
_CLOSES: Final = {"}": "{", "]": "["}
_STEP: Final = "  "
# Deeper values stay on one line, or the indentation of a nesting bomb would grow with the square of its size.
_DEEPEST: Final = 40
# An array of scalars up to this length stays on one line.
_ONE_LINE: Final = 72
_GROWTH: Final = 8
_GROWTH_FREE: Final = 65536


def laid_out(text: str) -> str | None:
    """Return `text` with each member and element on a line of its own, indented by two spaces.

    Returns None where the text is no JSON by its brackets and separators (it may be cut off at its end), and where
    the result would be more than eight times as long as the text plus 64 KiB. Takes linear time; holds the text and
    the result.
    """
    symbols = [match[0] for match in _SYMBOL.finditer(text) if match[0][0] not in " \t\r\n"]
    layout = _Layout(budget=_GROWTH * len(text) + _GROWTH_FREE)
    at = 0
    while at < len(symbols):
        end = _short_array(symbols, at) if symbols[at] == "[" else at + 1
        symbol = symbols[at] if end == at + 1 else _on_one_line(symbols[at:end])
        if not layout.take(symbol):
            return None
        at = end
    if len(symbols) == 1 and layout.odd:
        return None
    return "".join(layout.out) if layout.out else None


def _short_array(symbols: list[str], at: int) -> int:
    """Return where the array that begins at `at` ends, if it holds scalars only and fits a line; else `at` + 1."""
    length = 0
    for end in range(at + 1, len(symbols)):
        symbol = symbols[end]
        length += len(symbol) + 1
        if symbol == "]":
            return end + 1 if _alternating(symbols[at + 1 : end]) else at + 1
        if symbol in {"[", "{", "}", ":"} or length > _ONE_LINE:
            break
    return at + 1


def _alternating(inside: list[str]) -> bool:
    """Tell whether scalars and commas take turns, as they must in an array."""
    values, commas = inside[::2], inside[1::2]
    scalars = all(value[0] == '"' or _LITERAL.fullmatch(value) for value in values)
    return scalars and all(comma == "," for comma in commas) and len(values) == len(commas) + 1


def _on_one_line(symbols: list[str]) -> str:
    return "".join(symbol + " " if symbol == "," else symbol for symbol in symbols)


class _Layout:
    """The output so far, the brackets that are open, and what may come next."""

    def __init__(self, budget: int) -> None:
        self.out: list[str] = []
        self._open: list[str] = []
        self._budget = budget
        self._after = ""  # what came last: "", an opening bracket, "value", "," or ":"
        # Whether it was a word that JSON does not have. At the very end, where the text is cut, that is right.
        self.odd = False

    def take(self, symbol: str) -> bool:
        """Add one token; tell whether it may stand there and there is room for it."""
        if self.odd:
            return False
        if len(symbol) > 1 and symbol[0] == "[":
            fits = self._value(symbol)  # an array on one line
        elif symbol in {"{", "["}:
            fits = self._value(symbol)
            self._open.append(symbol)
            self._after = symbol
        elif symbol in _CLOSES:
            fits = self._close(symbol)
        elif symbol == ",":
            fits = bool(self._open) and self._after == "value"
            self._write(",")
            self._after = ","
        elif symbol == ":":
            fits = bool(self._open) and self._open[-1] == "{" and self._after == "value"
            self._write(": ")
            self._after = ":"
        else:
            fits = self._value(symbol)
        return fits and self._budget >= 0

    def _value(self, symbol: str) -> bool:
        """Add a scalar, a key, or the bracket that opens a value."""
        self.odd = symbol[0] not in '"{[' and not _LITERAL.fullmatch(symbol)
        if self._after == "value":
            if self._open:
                return False
            self._write("\n")  # one value a line, as in NDJSON
        if self._after in {"{", "[", ","}:
            self._break()
        self._write(symbol)
        self._after = "value"
        return True

    def _close(self, symbol: str) -> bool:
        if not self._open or self._open[-1] != _CLOSES[symbol] or self._after in {",", ":"}:
            return False
        empty = self._after == self._open.pop()
        if not empty:
            self._break()
        self._write(symbol)
        self._after = "value"
        return True

    def _break(self) -> None:
        if len(self._open) <= _DEEPEST:
            self._write("\n" + _STEP * len(self._open))
        elif self._after == ",":
            self._write(" ")

    def _write(self, text: str) -> None:
        self.out.append(text)
        self._budget -= len(text)
