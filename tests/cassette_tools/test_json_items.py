"""Items of JSON lists: found exactly, one at a time, in linear time, whatever the document looks like."""

from __future__ import annotations

import io
import json
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools import json_items
from cassette_tools.input_stream import InputStream
from cassette_tools.json_items import DEPTH, JsonItems, parsed_as_it_is
from recorder.errors import BadCassetteError, NotACassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Source(io.RawIOBase):
    """Gives a document in pieces of `size` bytes, and counts what was taken."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__()
        self.data = memoryview(data)
        self.size = size
        self.taken = 0

    def read(self, size: int = -1, /) -> bytes:
        piece = bytes(self.data[self.taken : self.taken + self.size])
        self.taken += len(piece)
        return piece


def stream(data: bytes, size: int = 1 << 18) -> InputStream:
    return InputStream(Source(data, size), "it.json", path=None, size=None)


def items(data: bytes, path: tuple[str, ...] = ("log", "entries"), size: int = 1 << 18) -> JsonItems:
    return JsonItems(stream(data, size), path)


def values(data: bytes, path: tuple[str, ...] = ("log", "entries"), size: int = 1 << 18) -> list[Any]:
    return [item.value for item in items(data, path, size)]


RECORDS: list[dict[str, Any]] = [
    {"a": 1, "text": 'brackets ]}{[ and "quotes" and \\ and \\"', "nested": [{"b": [{"c": {}}]}, []]},
    {"a": 2, "text": "}, {", "end": '\n    }\n},{"a":'},
    {},
    {"a": 3, "text": "é中\u2028 \x7f" * 20, "long": "x" * 5000, "escaped": '\\"' * 3000},
    {"other": None, "a": -1.5e-3},
]
DOCUMENT: dict[str, Any] = {"log": {"version": "1.2", "n": [1, {}], "entries": RECORDS, "pages": []}, "z": {"y": "x"}}

LAYOUTS = {
    "compact": orjson.dumps(DOCUMENT),
    "spaced": json.dumps(DOCUMENT).encode(),
    "ascii": json.dumps(DOCUMENT, indent=4, ensure_ascii=True).encode(),
    "two spaces": orjson.dumps(DOCUMENT, option=orjson.OPT_INDENT_2),
    "no indentation": json.dumps(DOCUMENT, indent=0).encode(),
    "tabs and CRLF": json.dumps(DOCUMENT, indent="\t").replace("\n", "\r\n").encode(),
    "byte order mark": b"\xef\xbb\xbf" + orjson.dumps(DOCUMENT),
    "spread out": b"\n \n" + json.dumps(DOCUMENT, separators=(" \n, ", " : ")).encode() + b"\r\n \t",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 18])
def test_every_layout_gives_the_same_items_however_it_comes(layout: str, size: int) -> None:
    found = items(LAYOUTS[layout], size=size)
    assert [item.value for item in found] == RECORDS
    assert found.rest == {"log": {"version": "1.2", "n": [1, {}], "pages": []}, "z": {"y": "x"}}


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 53), 1 << 53)
    | st.text(max_size=20)
    | st.sampled_from(['{"a', "},{"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc}]"), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", '"', "\\"]), json_values, max_size=4), max_size=12),
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
    st.integers(1, 300),
)
@settings(max_examples=150, deadline=None)
def test_random_items_come_back_as_they_were(
    records: list[dict[str, Any]], indent: int | str | None, plain: bool, size: int
) -> None:
    data = json.dumps({"interactions": records}, indent=indent, ensure_ascii=plain).encode("utf-8", "replace")
    found = list(items(data, ("interactions",), size))
    assert [item.value for item in found] == [json.loads(item.data) for item in found]
    assert [item.value for item in found] == json.loads(data)["interactions"]


def test_items_know_their_number_line_and_text() -> None:
    data = b'[\n  {"a": 1},\n  {\n    "a": 2\n  },\n\n  {"a": 3}\n]\n'
    assert [(item.number, item.line, item.data) for item in items(data, ())] == [
        (1, 2, b'{"a": 1}'),
        (2, 3, b'{\n    "a": 2\n  }'),
        (3, 7, b'{"a": 3}'),
    ]


def test_what_stands_in_front_of_the_list_is_there_at_the_first_item() -> None:
    found = items(b'{"_metadata": {"v": 1}, "interactions": [{"a": 1}], "version": 2}', ("interactions",))
    iterator = iter(found)
    next(iterator)
    assert found.rest == {"_metadata": {"v": 1}}
    assert list(iterator) == []
    assert found.rest == {"_metadata": {"v": 1}, "version": 2}


def test_an_empty_list_gives_nothing() -> None:
    assert values(b'{"log": {"entries": [ ]}}') == []
    assert values(b"[]", ()) == []


def test_the_first_item_comes_before_the_file_was_read() -> None:
    record = b'{"a":"' + b"x" * 2000 + b'"}'
    source = Source(b'{"interactions":[' + b",".join([record] * 5000) + b"]}", 1 << 16)
    found: Iterator[Any] = iter(JsonItems(InputStream(source, "it.json", path=None, size=None), ("interactions",)))
    next(found)
    assert source.taken < 1 << 18
    assert sum(1 for _ in found) == 4999


def test_the_buffer_does_not_grow_with_the_file() -> None:
    record = b'{"a":"' + b"x" * 2000 + b'"}'
    found = JsonItems(stream(b"[" + b",\n".join([record] * 5000) + b"]"), ())
    assert max(len(found._text.buffer) for _ in found) <= 1 << 20


@pytest.mark.parametrize(
    "document",
    [
        b'[{"a":"' + b"x" * (8 << 20) + b'"}]',
        b'[{"a":"' + b'\\"' * (4 << 20) + b'"}]',
        b'[{"a":"' + b"\\\\" * (4 << 20) + b'"}]',
        b'[{"a":[' + b"{}," * (2 << 20) + b"1]}]",
        b"[" + b",".join(b'{"k%d":1}' % number for number in range(200_000)) + b"]",
        b"[" + b",".join(b'{"a":{"a":1},"b":[{"a":1},{"a":2}]}' for _ in range(50_000)) + b"]",
        b"[" + b" " * (8 << 20) + b"]",
    ],
    ids=["one long string", "quotes", "backslashes", "brackets", "keys that differ", "ends that mislead", "spaces"],
)
def test_time_is_linear(document: bytes) -> None:
    begin = time.process_time()
    count = sum(1 for _ in items(document, (), size=1 << 14))
    assert time.process_time() - begin < 8
    assert count == len(json.loads(document))


BROKEN = {
    "cut in an item": (b'[{"a":1},\n{"a":', "line 2"),
    "cut in a string": (b'[{"a":1},\n{"a":"b', "line 2"),
    "cut behind an item": (b'[{"a":1}\n', "line 2"),
    "cut behind a comma": (b'[{"a":1},', "line 1"),
    "something behind it": (b'[{"a":1}]\n[]', "line 2"),
    "a tail of NUL": (b'[{"a":1}]\n\0\0', "line 2"),
    "NUL inside": (b'[{"a":\0}]', "line 1"),
    "no comma": (b'[{"a":1}\n{"a":2}]', "line 2"),
    "broken item": (b'[{"a":1},\n{"a"\n:,}]', "line 3"),
    "mixed brackets": (b'[{"a":[}]]', "line 1"),
    "no UTF-8": (b'[{"a":1},\n{"a":"\xff"}]', "line 2"),
    "a list in the list": (b'[{"a":1},\n[]]', "line 2"),
    "a control character": (b'[{"a":"\x01"}]', "line 1"),
    "deep brackets": (b'[{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "200 levels"),
    "deep and cut": (b'[{"a":' + b'{"a":' * 100_000, "200 levels"),
    "a little too deep": (b'[{"a":' + b"[" * DEPTH + b"]" * DEPTH + b"}]", "200 levels"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("size", [3, 1 << 18])
def test_broken_documents_give_one_error_with_its_place(case: str, size: int) -> None:
    data, place = BROKEN[case]
    with pytest.raises(BadCassetteError) as caught:
        values(data, (), size)
    assert place in str(caught.value)
    assert str(caught.value).startswith("it.json, line ")


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"", ()),
        (b" \n ", ()),
        (b"\xef\xbb\xbf", ()),
        (b"{}", ()),
        (b"[]", ("a",)),
        (b"1", ("a",)),
        (b'"text"', ()),
        (b"{}", ("a",)),
        (b'{"b": []}', ("a",)),
        (b'{"a": {}}', ("a",)),
        (b'{"a": null}', ("a",)),
        (b'{"a": []}', ("a", "b")),
        (b'{"a": {"c": []}}', ("a", "b")),
    ],
)
def test_documents_without_the_list_are_no_cassettes(data: bytes, path: tuple[str, ...]) -> None:
    with pytest.raises(NotACassetteError, match=r"it\.json"):
        values(data, path)


@pytest.mark.parametrize("data", [b'{"a": [], "a": []}', b"{,}", b'{"b" 1}', b'{"b":}', b'{"b":1', b'{"b', b"{1:2}"])
def test_broken_surroundings_are_told(data: bytes) -> None:
    with pytest.raises(BadCassetteError, match=r"it\.json"):
        values(data, ("a",))


def test_the_depth_that_is_allowed_is_read() -> None:
    depth = DEPTH - 2
    data = b'[{"a":' + b"[" * depth + b"]" * depth + b"}]"
    assert len(values(data, ())) == 1


def test_an_item_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_items, "LARGEST_ITEM", 3 << 20)
    data = b'[{"a":1},\n{"a":"' + b"x" * (4 << 20) + b'"}]'
    with pytest.raises(BadCassetteError, match=r"line 2: interaction 2 is larger than 3 MiB"):
        values(data, ())


def test_what_stands_beside_the_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_items, "MOST_REST", 1 << 20)
    long = b'{"b":"' + b"x" * 700_000 + b'","c":"' + b"x" * 700_000 + b'","a":[]}'
    many = b"{" + b"".join(b'"%d":1,' % number for number in range(20_000)) + b'"a":[]}'
    for data in (long, many):
        with pytest.raises(BadCassetteError, match="larger than"):
            values(data, ("a",))


def test_lone_surrogates_become_a_character_and_a_remark() -> None:
    data = rb'[{"a":"\ud83d\ude00 \udce9 \\udce9 \ud83d"},{"a":"x"}]'
    source = stream(data)
    found = list(JsonItems(source, ()))
    assert found[0].value == {"a": "\U0001f600 \ufffd \\udce9 \ufffd"}
    assert [item.mended for item in found] == [True, False]
    assert parsed_as_it_is(found[0].data) == {"a": "\U0001f600 \udce9 \\udce9 \ud83d"}
    assert [remark.place for remark in source.remarks.values()] == ["interaction 1"]


def test_nan_becomes_null_and_a_remark() -> None:
    source = stream(b'[{"a":NaN,"b":-Infinity,"c":12345678901234567890123,"d":18446744073709551615}]')
    (item,) = JsonItems(source, ())
    assert item.value == {"a": None, "b": None, "c": 12345678901234567890123.0, "d": 18446744073709551615}
    assert [remark.count for remark in source.remarks.values()] == [2]


def test_huge_numbers_are_read() -> None:
    digits = b"9" * 100_000
    (item,) = items(b'[{"a":NaN,"b":' + digits + b"}]", ())
    assert item.value["b"] == float("inf")
    assert len(values(b'[{"a":' + digits + b"}]", ())) == 1


@pytest.mark.parametrize("size", [0, 200_000])
@pytest.mark.parametrize(
    ("item", "told"),
    [
        (rb'{"a":"1","a":"2"}', True),
        (rb'{"a":1 , "a" : 2}', True),
        (rb'{"x":[{"y":{"b\u0022":1,"b\"":"2"}}]}', True),
        (rb'{"a":{"a":{"a":"a"}},"A":"\"a\":1,\"a\":2"}', False),
        (rb'{"a":"\u0022\u0022","b":"\""}', False),
        (rb'{"a":NaN,"a":1}', True),
        (rb'{"a":"\ud800","b":"\""}', False),
    ],
)
def test_a_key_that_stands_twice_is_told_and_the_last_one_counts(item: bytes, told: bool, size: int) -> None:
    long = b'{"long":"' + b'\\"' * (size // 2) + b'",' + item[1:]
    source = stream(b"[" + long + b"]")
    (found,) = JsonItems(source, ())
    assert found.value.get("a") != "1"
    assert [(one.place, one.lost) for one in source.remarks.values() if "twice" in one.text] == [
        ("interaction 1", True)
    ] * told


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'{"z":1,\n"z":2,"log":{"entries":[]}}', "it.json, line 2"),
        (b'{"z":{"a":1,"a":2},"log":{"entries":[]}}', "it.json, line 1"),
        (b'{"log":{"entries":[{"a":1},\n {"a":2}, {"a":3,"a":4},{"a":1,"a":3}]}}', "interaction 3"),
    ],
)
def test_a_key_that_stands_twice_is_told_wherever_it_is(data: bytes, place: str) -> None:
    source = stream(data)
    list(JsonItems(source, ("log", "entries")))
    assert [remark.place for remark in source.remarks.values()] == [place]
