"""Text that a stream sends in pieces: how it was cut is no change, the text is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools.diff.fields import compare
from cassette_tools.diff.rules import Rules
from tests.cassette_tools.diff.messages import answered, found, ignored, same_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from cassette_tools.interaction import Interaction


def chat(text: str, at: int) -> dict[str, Any]:
    return {"id": "c", "created": 1_700_000_000 + at, "choices": [{"index": 0, "delta": {"content": text}}]}


def padded(text: str, at: int) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}}], "obfuscation": "x" * (at % 5)}


def message(text: str, _at: int) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def arguments(text: str, _at: int) -> dict[str, Any]:
    return {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}}]}


def numbered(text: str, at: int) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "sequence_number": at, "item_id": "m", "delta": text}


def bedrock(text: str, at: int) -> dict[str, Any]:
    return {"contentBlockIndex": 0, "delta": {"text": text}, "p": "abcdefghijklmnopqrstuvwxyzABCD"[: 3 + at]}


KINDS = [chat, padded, bedrock, message, arguments, numbered]


def stream(kind: Callable[[str, int], dict[str, Any]], pieces: list[str], *more: Any) -> Interaction:
    events = [kind(piece, at) for at, piece in enumerate(pieces)]
    if kind is numbered:
        more = tuple({**one, "sequence_number": len(pieces) + at} for at, one in enumerate(more))
    return answered("".join(f"data: {json.dumps(event)}\n\n" for event in [*events, *more]), "text/event-stream")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_text_cut_otherwise_is_the_same(kind: Callable[[str, int], dict[str, Any]]) -> None:
    old = stream(kind, ["The capi", "tal", " is Paris."], {"type": "stop"})
    new = stream(kind, ["The ", "capital ", "is", " Par", "is."], {"type": "stop"})
    compared = compare(old, new, Rules())
    assert compared.changes == []
    assert "formatting: response event" in ignored(compared) or "epoch" in str(ignored(compared))
    assert same_digest(old, new)


@pytest.mark.parametrize("kind", KINDS)
def test_another_text_is_one_change_that_shows_all_of_it(kind: Callable[[str, int], dict[str, Any]]) -> None:
    old = stream(kind, ["The capi", "tal is Paris."], {"type": "stop"})
    new = stream(kind, ["The ", "capital ", "is Rome."], {"type": "stop"})
    (change,) = found(old, new)
    assert change.startswith("changed response event 1: $.")
    assert change.endswith(': "The capital is Paris." -> "The capital is Rome."')


def test_pieces_of_two_texts_are_not_joined() -> None:
    def two(first: int) -> Interaction:
        blocks = [{"index": int(at >= first), "delta": {"text": text}} for at, text in enumerate("abcd")]
        return answered("".join(f"data: {json.dumps(one)}\n\n" for one in blocks), "text/event-stream")

    assert found(two(2), two(3)) == [
        'changed response event 1: $.delta.text: "ab" -> "abc"',
        'changed response event 2: $.delta.text: "cd" -> "d"',
    ]


@pytest.mark.parametrize(
    "events",
    [
        [{"content": "a"}, {"content": "b"}],
        [{"delta": 1}, {"delta": 2}],
        [{"delta": {"text": "a", "content": "b"}}, {"delta": {"text": "a", "content": "c"}}],
        [{"delta": {"text": "a"}, "p": "x"}, {"delta": {"text": "b"}, "p": "y"}],
        ["a", "b"],
        [{"sequence_number": 3}, {"sequence_number": 5}],
    ],
)
def test_what_is_no_piece_of_text_is_compared_event_by_event(events: list[Any]) -> None:
    whole, first = (
        answered("".join(f"data: {json.dumps(one)}\n\n" for one in some), "text/event-stream")
        for some in (events, events[:1])
    )
    assert len(found(whole, first)) == 1
    assert "removed response event 2" in found(whole, first)[0]


@given(st.sampled_from(KINDS), st.lists(st.text("ab ", min_size=1, max_size=4), min_size=1, max_size=6), st.data())
@settings(max_examples=100, deadline=None)
def test_any_other_cut_gives_the_same_digest(
    kind: Callable[[str, int], dict[str, Any]], pieces: list[str], data: st.DataObject
) -> None:
    text = "".join(pieces)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=5)))
    others = [text[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    assert same_digest(stream(kind, pieces), stream(kind, others))
    assert not same_digest(stream(kind, pieces), stream(kind, [*others, "!"]))
