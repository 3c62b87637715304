"""Streams of text in pieces, as language models send it: where they were cut is no matter.

Law: neighbouring events that are the same but for one piece of text become one event with the whole text. What comes
of a stream depends on its events and its text, and not on how the text was cut. A piece of text is a string called
`delta`, or one of a few names within an object of that name. What such a piece is padded with, against eavesdroppers
who look at lengths, goes; numbers that only count the events count those that are left.

Memory: the events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from cassette_tools.diff.json_values import Tree

__all__ = ["joined"]

_TEXTS: Final = frozenset(
    {"arguments", "content", "partial_json", "reasoning", "reasoning_content", "refusal", "text", "thinking"}
)
"""Names of text within `delta`: OpenAI, Anthropic, Amazon Bedrock, DeepSeek, Mistral."""

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_TIMES: Final = frozenset({"created", "created_at"})
"""Volatile themselves; a stream that goes on for seconds may tell each of them."""

_NUMBER: Final = "sequence_number"
_DEEPEST: Final = 8
_MOST_VALUES: Final = 64
"""Values of an event that are looked at."""

_Event: TypeAlias = "dict[str, Any]"


class _Piece:
    """An event, and where in it its piece of text stands. While pieces are joined, there is none in it."""

    __slots__ = ("event", "holder", "key", "text")

    def __init__(self, event: _Event, holder: dict[str, Tree], key: str) -> None:
        self.event = event
        self.holder = holder
        self.key = key
        self.text: list[str] = [holder[key]]
        holder[key] = None
        _take_padding_off(event["data"])

    def goes_on_in(self, other: _Piece) -> bool:
        """Tell whether another event is this one with another text."""
        return self.key == other.key and _but_times(self.event) == _but_times(other.event)

    def close(self) -> None:
        """Put the text where it belongs."""
        self.holder[self.key] = "".join(self.text)


def joined(events: list[_Event]) -> list[_Event]:
    """Give the events with neighbouring pieces of text joined. The events that are given are changed."""
    found: list[_Event] = []
    begun: _Piece | None = None
    first = _first_number(events)
    for event in events:
        if first is not None:
            del event["data"][_NUMBER]
        piece = _piece_of(event)
        if piece is not None and begun is not None and begun.goes_on_in(piece):
            begun.text += piece.text
            continue
        if begun is not None:
            begun.close()
        begun = piece
        found.append(event)
    if begun is not None:
        begun.close()
    if first is not None:
        for number, event in enumerate(found, first):
            event["data"][_NUMBER] = b"%d" % number
    return found


def _first_number(events: list[_Event]) -> int | None:
    """Give the number of the first event, where each has one and they only count; else None."""
    numbers = []
    for event in events:
        data = event.get("data")
        number = data.get(_NUMBER) if isinstance(data, dict) else None
        if not isinstance(number, bytes) or not number.isdigit() or len(number) > 9:
            return None
        numbers.append(int(number))
    return numbers[0] if numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))) else None


def _piece_of(event: _Event) -> _Piece | None:
    """Find the one piece of text in an event."""
    data = event.get("data")
    if not isinstance(data, dict):
        return None
    found: list[tuple[dict[str, Tree], str]] = []
    waiting: list[tuple[Tree, bool, int]] = [(data, False, 0)]
    seen = 0
    while waiting:
        value, inside, depth = waiting.pop()
        seen += 1
        if seen > _MOST_VALUES:
            return None
        if isinstance(value, list):
            waiting.extend((one, inside, depth + 1) for one in value[:_MOST_VALUES] if depth < _DEEPEST)
        elif isinstance(value, dict) and depth < _DEEPEST:
            for key, member in value.items():
                if isinstance(member, str):
                    if key == "delta" or (inside and key in _TEXTS):
                        found.append((value, key))
                else:
                    waiting.append((member, inside or key == "delta", depth + 1))
    return _Piece(event, *found[0]) if len(found) == 1 else None


def _take_padding_off(data: dict[str, Tree]) -> None:
    """Remove `obfuscation` of OpenAI, and `p` of Amazon Bedrock, which is a beginning of the alphabet."""
    if isinstance(data.get("obfuscation"), str):
        del data["obfuscation"]
    padding = data.get("p")
    if isinstance(padding, str) and _ALPHABET.startswith(padding):
        del data["p"]


def _but_times(event: _Event) -> _Event:
    data = event["data"]
    if _TIMES.isdisjoint(data):
        return event
    return event | {"data": {key: value for key, value in data.items() if key not in _TIMES}}
