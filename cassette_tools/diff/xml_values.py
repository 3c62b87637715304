"""XML read as a tree of the values that JSON has, so that both are compared by one set of rules.

Law: an element is a dict: `@name` for each attribute, `#text` for its text where no elements are in it, and for each
name of the elements in it the list of those. White space between elements, comments, instructions, CDATA marks and the
order of elements of different names make no difference. What that cannot say is not read, and is compared as text:
text beside elements, a document type (and with it any entity of one's own), more than DEEPEST levels, what is not
well-formed. Names are kept as they are written, with their prefixes. It never raises for its input.

Memory: 10 to 30 times the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias
from xml.parsers import expat

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DEEPEST", "TEXT", "Element", "read_xml", "xml_path", "xml_text"]

Element: TypeAlias = "dict[str, Any]"
"""dict[str, str | list[Element]]"""

DEEPEST: Final = 200
"""Levels of elements that are read."""

TEXT: Final = "#text"
_MOST_ATTRIBUTES: Final = 1_000
# XML 1.0 sections 2.4 and 3.3.3. The module of the standard library for it loads a client of HTTP.
_ESCAPED: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ESCAPED_WITHIN: Final = _ESCAPED | str.maketrans({"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def read_xml(text: str) -> Element | None:
    """Read a document; give a dict of its one root. None where it is none, or holds what a tree cannot say."""
    try:
        return _Reader().read(text)
    except (expat.ExpatError, ValueError):
        return None


class _Reader:
    """The elements that are open, from the outermost on."""

    def __init__(self) -> None:
        self._root: Element = {}
        self._open: list[Element] = [self._root]
        self._texts: list[list[str]] = [[]]

    def read(self, text: str) -> Element | None:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._say
        parser.StartDoctypeDeclHandler = _refuse
        parser.Parse(text.encode("utf-8"), True)
        return self._root

    def _begin(self, name: str, attributes: list[str]) -> None:
        if len(self._open) > DEEPEST or len(attributes) > 2 * _MOST_ATTRIBUTES:
            raise ValueError
        element: Element = {f"@{attributes[at]}": attributes[at + 1] for at in range(0, len(attributes), 2)}
        self._open[-1].setdefault(name, []).append(element)
        self._open.append(element)
        self._texts.append([])

    def _end(self, _name: str) -> None:
        element, text = self._open.pop(), "".join(self._texts.pop())
        if all(name[0] == "@" for name in element):
            element[TEXT] = text
        elif text.strip():
            raise ValueError  # text beside elements: their order would be lost

    def _say(self, text: str) -> None:
        self._texts[-1].append(text)


def _refuse(*_said: object) -> None:
    raise ValueError


def xml_path(steps: tuple[str | int | None, ...]) -> str:
    """Give a path as text: `/List/Contents[2]/Size`; the first of a name has no number, any has none either."""
    said: list[str] = []
    for step in steps:
        if isinstance(step, int):
            if step:
                said.append(f"[{step + 1}]")
        elif step is not None and step != TEXT:
            said.append(f"/{step}")
    return "".join(said) or "/"


def xml_text(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - a value of a tree
    """Give a value below a name as XML, piece by piece: an element, several, or a text as it is."""
    if isinstance(value, str):
        yield value
        return
    waiting: list[tuple[str, Any]] = [(name, value)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            waiting.extend((name, one) for one in reversed(value))
        else:
            yield f"<{name}" + "".join(f" {key[1:]}={_quoted(of)}" for key, of in value.items() if key[0] == "@") + ">"
            waiting.append(("", f"</{name}>"))
            inside = [(key, of) for key, of in value.items() if key[0] != "@"]
            waiting.extend((key, of.translate(_ESCAPED) if key == TEXT else of) for key, of in reversed(inside))


def _quoted(text: str) -> str:
    """Give the value of an attribute as XML, in the quotes that it does not hold."""
    text = text.translate(_ESCAPED_WITHIN)
    return f"'{text}'" if '"' in text and "'" not in text else '"' + text.replace('"', "&quot;") + '"'
