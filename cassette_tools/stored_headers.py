"""Headers as most tools store them: a mapping from names to lists of values, as Unicode.

Law: the order of names and of the values of one name is kept. What comes out is ISO-8859-1 text, one character a byte,
as the model wants it. Nothing raises but ValueError, for what is no mapping of headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cassette_tools.interaction import Headers

__all__ = ["grouped", "headers_of", "wire_text"]


def headers_of(stored: object) -> Headers:
    """Give the pairs that a mapping of names to a value or a list of values stands for; none for None.

    Values are strings, or numbers and truth values that somebody's YAML made of them; null is an empty value. Raises
    ValueError for everything else.
    """
    if stored is None:
        return []
    if not isinstance(stored, dict):
        raise ValueError("the headers are no mapping")  # noqa: TRY004 - one error for whatever a file says
    pairs: Headers = []
    for name, values in stored.items():
        if type(values) is list:
            for value in values:
                pairs.append((name, value) if type(value) is str and value.isascii() else (name, _text(value)))
        else:
            pairs.append((name, _text(values)))
    return [(name if name.isascii() else wire_text(name), value) for name, value in pairs]


def grouped(headers: Headers) -> dict[str, list[str]]:
    """Gather the values of headers of one name, told by its exact spelling, in the order of their first places."""
    groups: dict[str, list[str]] = {}
    for name, value in headers:
        groups.setdefault(name, []).append(value)
    return groups


def wire_text(text: str) -> str:
    """Give header text one character a byte: as it is up to U+00FF, else its UTF-8."""
    if text.isascii() or max(text) <= "\xff":
        return text
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _text(value: Any) -> str:  # noqa: ANN401 - what a file says
    if isinstance(value, str):
        return wire_text(str(value))
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise ValueError("the value of a header is no text")
