"""The items of `http_interactions`, as the VCRs of Ruby and R write them, in YAML and JSON.

Law: the document is read item by item and each is turned into an interaction by its format; what is wrong with one
raises BadCassetteError with its number and line, and the name of what is wrong, never what is recorded.

Memory: one item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cassette_tools.document_values import MalformedError
from cassette_tools.json_items import JsonItems
from cassette_tools.yaml_items import YamlItems
from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Interaction

__all__ = ["Item", "converted", "items"]


class Item(NamedTuple):
    """An item, and where it is: `number` counts from 1. `rest` are the keys beside the list seen so far."""

    value: Any
    number: int
    place: str
    rest: dict[str, Any]


_LIST: Final = "http_interactions"


def items(stream: InputStream, *, key: str = _LIST, tags: frozenset[str] = frozenset()) -> Iterator[Item]:
    """Give the items of the list at `key`, of YAML or of JSON, as the file's first byte tells."""
    found: YamlItems | JsonItems
    found = JsonItems(stream, (key,)) if _is_json(stream) else YamlItems(stream, frozenset({key}), tags=tags)
    for item in found:
        yield Item(item.value, item.number, f"interaction {item.number}, line {item.line}", found.rest)


def converted(
    stream: InputStream, item: Item, convert: Callable[[Item], Interaction], *, format_title: str
) -> Interaction:
    """Turn an item into an interaction. Raises BadCassetteError."""
    try:
        return convert(item)
    except MalformedError as error:
        raise BadCassetteError(
            f"{stream.name}, {item.place}: no interaction of {format_title}: {error}."
            " Mend it there, or record the cassette anew."
        ) from None


def _is_json(stream: InputStream) -> bool:
    return stream.head.kind == "json"
