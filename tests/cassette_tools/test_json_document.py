"""JSON as a tree with places: what is read is what it says, each value is where it says, what is broken is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.documents import DEPTH, Listing, Scalar, Table, UnreadableError
from cassette_tools.json_document import read_json

if TYPE_CHECKING:
    from cassette_tools.documents import Node

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXTS, inner, max_size=4)
        | st.lists(TEXTS, min_size=2, max_size=2)
    ),
    max_leaves=25,
)
LAYOUTS: list[dict[str, Any]] = [{}, {"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False}]


def value_of(node: Node, data: bytes) -> Any:
    """Give what a tree says, and see that each scalar stands where it says."""
    if isinstance(node, Listing):
        assert data[node.start : node.start + 1] + data[node.end - 1 : node.end] == b"[]"
        return [value_of(one, data) for one in node.items]
    if isinstance(node, Table):
        assert data[node.start : node.start + 1] + data[node.end - 1 : node.end] == b"{}"
        assert len(node.names) == len(node.pairs)
        return {value_of(key, data): value_of(value, data) for key, value in node.pairs}
    said = json.loads(data[node.start : node.end])
    assert node.quoted == isinstance(said, str)
    if isinstance(said, str):
        assert node.data == said.encode()
    else:
        assert node.data == data[node.start : node.end]
    return said


def refuse(number: int, node: Node) -> None:
    raise AssertionError((number, node))


@given(VALUES, st.sampled_from(LAYOUTS), st.sampled_from(["", " ", "\n\t "]))
def test_what_is_read_is_what_the_document_says(value: Any, layout: dict[str, Any], around: str) -> None:
    inner = json.dumps({"a": [[value]]}, **layout)
    data = f"{around}{inner}{around}".encode()
    (root,) = read_json(data, refuse)
    assert value_of(root, data) == {"a": [[value]]}


@given(st.lists(VALUES, max_size=5), st.sampled_from(LAYOUTS))
def test_interactions_are_handed_over_and_not_kept(values: list[Any], layout: dict[str, Any]) -> None:
    for holder, rest in (
        (values, []),
        ({"interactions": values, "b": [1]}, {"interactions": [], "b": [1]}),
        ({"log": {"entries": values}}, {"log": {"entries": []}}),
    ):
        data = json.dumps(holder, **layout).encode()
        items: list[Any] = []

        def take(number: int, node: Node, data: bytes = data, items: list[Any] = items) -> None:
            items.append(value_of(node, data))
            assert number == len(items)

        (root,) = read_json(data, take)
        assert (items, value_of(root, data)) == (values, rest)


def test_several_documents_and_a_part_of_the_bytes_are_read() -> None:
    data = b'\xef\xbb\xbf{"a":1}\n{"b":["x","y"]}\n[never]'
    first, second = read_json(data, refuse, 0, data.rfind(b"["))
    assert value_of(first, data) == {"a": 1}
    assert value_of(second, data) == {"b": ["x", "y"]}
    (again,) = read_json(data, refuse, second.start, second.end)
    assert value_of(again, data) == {"b": ["x", "y"]}


def test_strings_that_are_no_text_are_kept_as_they_are_written() -> None:
    data = b'{"lone":"\\ud800","raw":"\x01","bytes":"\xff"}'
    (root,) = read_json(data, refuse)
    assert isinstance(root, Table)
    assert [one.data for _, one in root.pairs if isinstance(one, Scalar)] == [b"\\ud800", b"\x01", b"\xff"]


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"{",
            b"[",
            b'{"a"',
            b'{"a":',
            b'{"a":1',
            b"[1",
            b'["a","b"',
            b'["a',
            b'"',
            b'{"a":}',
            b"]",
            b"}",
            b"[}",
            b"{]",
        ),
        *(
            b'["a" "b"]',
            b"[1 2]",
            b"{,}",
            b"[,1]",
            b"[1,,2]",
            b'["a":1]',
            b"[nul]",
            b"[True]",
            b"[0x1]",
            b"[+1]",
            b"[1.]",
        ),
        *(b'[["a","b"]["c","d"]]', b'{"a":["b","c"]["d","e"]}', b'{"a":1}}', b"{'a':1}", b"x", b":", b","),
        *(b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), b'{"a":' * (DEPTH + 1) + b"1" + b"}" * (DEPTH + 1)),
    ],
    ids=range(34),
)
def test_a_broken_document_is_told_with_its_place(data: bytes) -> None:
    with pytest.raises(UnreadableError) as caught:
        read_json(data, lambda _number, _node: None)
    assert 0 <= caught.value.offset <= len(data)
