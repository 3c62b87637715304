"""JSON paths against a plain reading of the same documents, and against what is no JSON."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import UsageError
from recorder.redact.json_paths import DEPTH, JsonPaths


def _values(path: str, data: bytes) -> list[bytes]:
    return [data[start:end] for start, end, _ in JsonPaths([path]).find(data)]


@pytest.mark.parametrize(
    ("path", "data", "values"),
    [
        ("$", b'{"a":1}', [b'{"a":1}']),
        ("$", b' "text" ', [b'"text"']),
        ("$.a", b'{"a":1}', [b"1"]),
        ("$.a", b'\xef\xbb\xbf {"a" : "x" }', [b'"x"']),
        ("$.a", b'{"a":1,"a":{"a":2},"a":[]}', [b"1", b'{"a":2}', b"[]"]),
        ("$.a", b'{"A":1," a":2,"aa":3}', []),
        ("$.a", b'{"\\u0061":1,"\\u0062":2}', [b"1"]),
        ("$.a/b", b'{"a\\/b":1}', [b"1"]),
        ("$['a.b']", b'{"a.b":1,"a":{"b":2}}', [b"1"]),
        ('$["it\'s"]', b'{"it\'s":1}', [b"1"]),
        (r"$['it\'s']", b'{"it\'s":1}', [b"1"]),
        ("$['\u00e9']", '{"\u00e9":1,"\\u00e9":2}'.encode(), [b"1", b"2"]),
        ("$.#password", b'{"#password":"x"}', [b'"x"']),
        ("$.@type", b'{"@type":"x"}', [b'"x"']),
        ("$[1]", b'["a", "b", "c"]', [b'"b"']),
        ("$[1]", b'{"1":"b"}', []),
        ("$.1", b'{"1":"b"}', [b'"b"']),
        ("$.1", b'["a","b"]', []),
        ("$[*]", b'[1, [2], {"a":3}]', [b"1", b"[2]", b'{"a":3}']),
        ("$.*", b'{"a":1,"b":[2]}', [b"1", b"[2]"]),
        ("$[*].id", b'[{"id":1},{"no":2,"id":3},4,[{"id":5}]]', [b"1", b"3"]),
        ("$..id", b'{"id":{"id":1},"x":[[{"id":[2]}]]}', [b"1", b'{"id":1}', b"[2]"]),
        ("$..id.x", b'{"id":{"x":1,"id":{"x":2}},"x":3}', [b"1", b"2"]),
        ("$..a..b", b'{"a":{"a":{"b":1}}}', [b"1"]),
        ("$.a..[0]", b'{"a":[[1,2],3]}', [b"1", b"[1,2]"]),
        ("$..*", b'{"a":[1]}', [b"1", b"[1]"]),
        ("$.a", b'{"a":1}\n{"a":2}\r\n\n{"b":0}\n{"a":3}', [b"1", b"2", b"3"]),
        ("$.a", b'\x1e{"a":1}\n\x1e{"a":2}\n', [b"1", b"2"]),
        (
            "$.a",
            b'{"a":1.10,"b":1e400,"a":-0,"a":12345678901234567890123}',
            [b"1.10", b"-0", b"12345678901234567890123"],
        ),
        ("$.a", b'{"a":"\\"}{","b":"{[","a":"\xff\xfe"}', [b'"\\"}{"', b'"\xff\xfe"']),
        ("$.z", b'{"a":"]}","b":{"c":["}",{"z":0}]},"z":1}', [b"1"]),
    ],
)
def test_a_path_gives_the_values_that_it_names(path: str, data: bytes, values: list[bytes]) -> None:
    assert _values(path, data) == values


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"hello",
        b"12 monkeys",
        b"<html>{}</html>",
        b"a=1&b=2",
        b"\x00\x01\xff",
        b"}",
        b'"open',
        b"callback({})",
    ],
)
def test_nothing_is_found_in_what_is_no_json(data: bytes) -> None:
    assert list(JsonPaths(["$", "$.a", "$..*"]).find(data)) == []


@pytest.mark.parametrize(
    ("path", "data", "values"),
    [
        ("$.a", b'{"a":"secre', [b'"secre']),
        ("$.a", b'{"a":"secret\\', [b'"secret\\']),
        ("$.a", b'{"b":1,"a":{"x":"y', [b'{"x":"y']),
        ("$.a", b'{"b":1,"a":[1,2', [b"[1,2"]),
        ("$[*].a", b'[{"a":1},{"a":2},{"a', [b"1", b"2"]),
        ("$.a", b'{"a":1, oops, "a":2}', [b"1"]),
        ("$.a", b'{"a":1, oops\n{"a":2}', [b"1", b"2"]),
        ("$.a", b'{"a":{"x" oops\n{"a":2}', [b'{"x" oops\n', b"2"]),
        ("$.a", b')]}\',\n{"a":1}', [b"1"]),
        ("$.a", b'no json\n{"a":1}\nno json\n{"a":2}', [b"1", b"2"]),
        ("$.a", b'{"a":1]', [b"1"]),
        ("$.b", b'{"a":{"x":[1,2', []),
    ],
)
def test_what_is_cut_or_broken_gives_what_was_matched_and_hides_nothing_after_it(
    path: str, data: bytes, values: list[bytes]
) -> None:
    assert _values(path, data) == values


def test_each_path_is_named_with_its_spans() -> None:
    data = b'{"a":{"b":1}}'
    found = sorted(JsonPaths(["$.a", "$..b", "$.a.b", "$.a"]).find(data))
    assert found == [(5, 12, "$.a"), (10, 11, "$..b"), (10, 11, "$.a.b")]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("a.b", "does not begin with '$'"),
        ("", "does not begin with '$'"),
        ("$.", "character 2 on: '.'"),
        ("$..", "character 2 on: '..'"),
        ("$.a[", "character 4 on: '['"),
        ("$.a[-1]", "character 4 on: '[-1]'"),
        ("$.a[1:2]", "character 4 on: '[1:2]'"),
        ("$.a['b]", "character 4 on"),
        ("$.a b", "character 4 on: ' b'"),
        ("$...a", "character 2 on"),
        ("$.a[?(@.b)]", "character 4 on"),
        ("$[01]", "character 2 on"),
        ("$a", "character 2 on: 'a'"),
    ],
)
def test_a_path_that_cannot_be_read_is_refused_with_the_place(path: str, place: str) -> None:
    with pytest.raises(UsageError) as refused:
        JsonPaths(["$.fine", path])
    assert place in str(refused.value)


def test_depth_is_bounded() -> None:
    fine = b'{"a":' * (DEPTH - 1) + b'{"b":1}' + b"}" * (DEPTH - 1)
    assert _values("$..b", fine) == [b"1"]
    deep = b'{"a":' * DEPTH + b'{"b":1}' + b"}" * DEPTH
    assert _values("$..b", deep) == []
    assert _values("$.a", b"[" * 1_000_000) == []
    assert _values("$", b'{"a":' * 100_000) == [b'{"a":' * 100_000]


# Against json.loads. Duplicate names stay, as pairs.


class _Object(list[tuple[str, Any]]):
    """The members of an object, in order."""


_names = st.sampled_from(["a", "b", "\u00e9", 'q"\\', "a.b", "", "\u2028x"])
_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(_names, inner), max_size=4).map(_Object),
    max_leaves=20,
)
_keys: st.SearchStrategy[str | int | None] = _names.filter(bool) | st.integers(0, 3) | st.none()
_steps = st.lists(st.tuples(st.booleans(), _keys), max_size=4)


def _write(value: Any, draw: st.DrawFn) -> str:
    """Write JSON with duplicate names, odd blanks and escapes."""
    blank = draw(st.sampled_from(["", " ", "\n", "\t \r\n"]))
    if isinstance(value, _Object):
        members = (f"{_quote(name, draw)}{blank}:{blank}{_write(one, draw)}" for name, one in value)
        return "{" + blank + f"{blank},{blank}".join(members) + blank + "}"
    if isinstance(value, list):
        return "[" + blank + f",{blank}".join(_write(one, draw) for one in value) + blank + "]"
    return _quote(value, draw) if isinstance(value, str) else json.dumps(value)


def _quote(text: str, draw: st.DrawFn) -> str:
    return json.dumps(text, ensure_ascii=draw(st.booleans()))


def _path(steps: list[tuple[bool, str | int | None]]) -> str:
    return "$" + "".join((".." if deep else "") + _bracketed(key) for deep, key in steps)


def _bracketed(key: str | int | None) -> str:
    if isinstance(key, str):
        return "['" + key.replace("\\", "\\\\").replace("'", "\\'") + "']"
    return "[*]" if key is None else f"[{key}]"


def _plain(value: Any, steps: list[tuple[bool, str | int | None]]) -> list[Any]:
    """Match by walking, one step after the other; each place counts once."""
    found: list[tuple[tuple[int, ...], Any]] = [((), value)]
    for deep, key in steps:
        from_here = {
            place: one for start, top in found for place, one in (_below(start, top) if deep else [(start, top)])
        }
        found = [
            ((*place, number), child)
            for place, one in from_here.items()
            for number, name, child in _children(one)
            if key is None or (type(name) is type(key) and name == key)
        ]
    return [value for _, value in found]


def _children(value: Any) -> list[tuple[int, str | int, Any]]:
    if isinstance(value, _Object):
        return [(number, name, child) for number, (name, child) in enumerate(value)]
    return [(number, number, child) for number, child in enumerate(value)] if isinstance(value, list) else []


def _below(place: tuple[int, ...], value: Any) -> list[tuple[tuple[int, ...], Any]]:
    found = [(place, value)]
    for number, _, child in _children(value):
        found += _below((*place, number), child)
    return found


@st.composite
def _written(draw: st.DrawFn) -> tuple[str, Any, str]:
    value = draw(_documents)
    return _write(value, draw), draw(_steps), draw(st.sampled_from(["", "\ufeff", " ", "\n"]))


@given(st.lists(_written(), min_size=1, max_size=3))
def test_a_plain_reading_finds_the_same(documents: list[tuple[str, Any, str]]) -> None:
    steps = [steps for _, steps, _ in documents]
    paths = [_path(one) for one in steps]
    text = documents[0][2] + "\n".join(document for document, _, _ in documents)
    data = text.encode("utf-8", "surrogatepass")
    found: dict[str, list[str]] = {path: [] for path in paths}
    for start, end, path in JsonPaths(paths).find(data):
        value = json.loads(data[start:end].decode("utf-8", "surrogatepass"), object_pairs_hook=_Object)
        found[path].append(repr(value))
    for path, one in zip(paths, steps, strict=True):
        values = [json.loads(document, object_pairs_hook=_Object) for document, _, _ in documents]
        expected = [repr(value) for document in values for value in _plain(document, one)]
        assert sorted(found[path]) == sorted(expected), (path, data)


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\ \nab1', max_size=200).map(str.encode))
def test_any_bytes_give_spans_within_them_and_no_error(data: bytes) -> None:
    for start, end, _ in JsonPaths(["$", "$..a", "$[*]", "$.a.b", "$..[1]"]).find(data):
        assert 0 <= start < end <= len(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":' * 100_000,
        b'[{"b":' * 80_000,
        b'"' * 500_000,
        b'[""' * 160_000,
        b"[\n" * 250_000,
        b"{\n[\n" * 120_000,
        b'{"b":"' + b"\\n" * 250_000,
        b'{"b":["' + b'x",[["' * 80_000,
        b'{"x":[' + b"[[[[1],2],3],4]," * 30_000,
        b'[{"x":[[[' * 50_000,
        b'{"a" ' * 100_000,
        b"[" + b"1," * 250_000,
        b'{"b":1,' * 70_000,
        b" " * 500_000,
        b"a" * 500_000,
    ],
    ids=range(15),
)
def test_hostile_documents_are_read_in_linear_time(data: bytes) -> None:
    for paths in (["$.a"], ["$..a"], ["$[*].b", "$..a.b[0]"], ["$.b.c"]):
        begun = time.process_time()
        sum(1 for _ in JsonPaths(paths).find(data))
        assert time.process_time() - begun < 3, paths


def test_a_document_is_read_at_ten_megabytes_a_second() -> None:
    item = {
        "id": 123,
        "name": "Some name here",
        "tags": ["a", "b", "c"],
        "text": "x" * 200,
        "nested": {"x": 1.5, "y": None},
    }
    data = json.dumps([item] * 20_000).encode()
    begun = time.process_time()
    assert sum(1 for _ in JsonPaths(["$[*].id"]).find(data)) == 20_000
    assert len(data) / 1e6 / (time.process_time() - begun) > 5  # half, for a machine that is busy
