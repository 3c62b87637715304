"""PyYAML with libyaml is the oracle: every text, number, list and mapping is written as it writes them."""

from __future__ import annotations

import datetime as dt
import io
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools import yaml_text
from cassette_tools.yaml_items import Plain


class _Dumper(yaml.CDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def by_libyaml(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper)
    return text


NASTY = [
    "yes",
    "NO",
    "On",
    "null",
    "~",
    "=",
    "<<",
    "1e5",
    "0o17",
    "0x1f",
    "0b1",
    "12e03",
    "1:30",
    "1_000",
    ".5",
    ".",
    "..",
    "...",
    ".inf",
    "-.inf",
    ".nan",
    "+1",
    "08",
    "010",
    "1.",
    "2020-01-01",
    "2020-01-01 10:00:00",
    "---",
    "--- a",
    "- a",
    "-",
    "-a",
    "? a",
    "?",
    "?a",
    ":",
    ":a",
    "a:",
    "a: b",
    "a:b",
    "a #b",
    "a#b",
    "# x",
    "%",
    "@",
    "`",
    "&a",
    "*a",
    "!a",
    "!!str a",
    "!",
    ">",
    "{",
    "[",
    "]",
    "}",
    ",",
    "'",
    '"',
    "it's",
    "\\",
    "\\n",
    "word",
    " lead",
    "trail ",
    " ",
    "  ",
    "a  b",
    "",
]
ODD_CHARACTERS = [
    "\t",
    "\n",
    "\r",
    "\0",
    "\a",
    "\b",
    "\v",
    "\f",
    "\x1b",
    "\x7f",
    "\x85",
    "\xa0",
    "é",
    "\u2028",
    "\u2029",
    "\ufeff",
]
ODD_CHARACTERS += ["\ufffd", "\uffff", "\ue000", "\U0001f600", "\U0010ffff"]
SPACED = ["a", "bc", "word", " ", "  ", "'", '"', "\n", "\\", "é"]

TEXTS = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.lists(st.sampled_from(NASTY + ODD_CHARACTERS), max_size=30).map("".join),
    st.lists(st.sampled_from(SPACED), min_size=30, max_size=300).map("".join),
    st.lists(st.sampled_from(SPACED[:5]), min_size=30, max_size=300).map("".join),
    st.lists(st.sampled_from(["word", "a", " "]), min_size=30, max_size=300).map("".join),
)
LEAVES = st.one_of(TEXTS, st.binary(max_size=200), st.none(), st.booleans(), st.integers(), st.floats())
KEYS = st.one_of(TEXTS, st.sampled_from(["string", "body", "k" * 128, "k" * 129, "é" * 65]))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4), st.tuples(inner, inner), st.just(())
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=120)
@given(st.dictionaries(KEYS, TREES, min_size=1, max_size=3))
def test_a_mapping_is_what_libyaml_writes(values: dict[str, Any]) -> None:
    assert yaml_text.mapping(values, 0) == by_libyaml(values)


@settings(deadline=None, max_examples=80)
@given(st.lists(TREES, min_size=1, max_size=3))
def test_a_list_is_what_libyaml_writes(values: list[Any]) -> None:
    assert yaml_text.items(values, 0) == by_libyaml(values)


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.integers(0, 45), st.sampled_from(["k", "string", "a: b", "key " * 20]))
def test_text_is_what_libyaml_writes_at_any_depth(text: str, depth: int, key: str) -> None:
    tree: Any = {key: text}
    for _ in range(depth):
        tree = {"k": [tree]} if depth % 2 else {"k": tree}
    assert yaml_text.mapping(tree, 0) == by_libyaml(tree)


@pytest.mark.parametrize("before", ["", "a", "word " * 15, "é" + " word" * 15, "'" + " word" * 15])
@pytest.mark.parametrize("after", ["", "z", " " + "word " * 30, "\nline " * 3])
def test_each_odd_text_in_any_company_is_what_libyaml_writes(before: str, after: str) -> None:
    for text in (*NASTY, *ODD_CHARACTERS):
        value = {"string": before + text + after, "list": [before + text + after]}
        assert yaml_text.mapping(value, 0) == by_libyaml(value)


@pytest.mark.parametrize("start", ["a", "{", "\t"])
@pytest.mark.parametrize("middle", [" ", "  ", "   ", "' '", "\n", " \n", "\n ", '" "'])
def test_lines_are_folded_at_the_same_place(start: str, middle: str) -> None:
    for size in range(65, 90):
        text = start + "x" * size + middle + "yy zz" + middle + "x" * size + middle + "end"
        value = {"a": {"b": {"c": text, "d": [text]}}}
        assert yaml_text.mapping(value, 0) == by_libyaml(value)


@pytest.mark.parametrize(
    "value",
    [
        io.BytesIO(b"abc"),
        dt.date(2020, 1, 1),
        dt.datetime(2020, 1, 1, 10, tzinfo=dt.UTC),
        (1, (2, "three")),
        {1: "a", None: "b", 2.5: "c"},
        {(1, 2): {"deep": "word " * 40}},
        {"k" * 200: ["a", {"b": "word " * 40}]},
        1e400,
        -1e400,
        1e5,
    ],
)
def test_what_is_rare_is_left_to_libyaml_in_its_place(value: Any) -> None:
    for tree in ({"a": {"b": value}}, {"a": {"b": [value, {"c": value}]}}, {"b": [[value, "x"], [[value]]]}):
        assert yaml_text.mapping(tree, 0) == by_libyaml(tree)


def test_an_iterator_is_written_as_vcrpy_writes_it() -> None:
    expected = by_libyaml([{"request": {"body": iter([b"a", b"\xff"])}}])
    assert yaml_text.items([{"request": {"body": iter([b"a", b"\xff"])}}], 0) == expected
    assert "!!python/object/apply:builtins.iter" in expected


def test_plain_text_stays_plain_where_it_is_meant_to() -> None:
    value = {"a": Plain("2020-01-01"), "b": [Plain(".nan")], "c": (Plain("1e3"),)}
    assert yaml_text.mapping(value, 0) == "a: 2020-01-01\nb:\n- .nan\nc: !!python/tuple\n- 1e3\n"


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 56, b"\xff" * 57, b"\xff" * 58, bytes(range(256)) * 4])
def test_bytes_are_base64_in_lines(data: bytes) -> None:
    value = {"a": {"b": data, "c": [data, 1]}}
    assert yaml_text.mapping(value, 0) == by_libyaml(value)


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.integers(0, 3))
def test_a_literal_block_loads_equal_everywhere(text: str, depth: int) -> None:
    indent = 2 * depth
    said = yaml_text.literal(text, indent + 2)
    if said is None:
        said = yaml_text.unescaped(text, indent + 3, indent + 2) + "\n"
    start = "".join("  " * level + "k:\n" for level in range(depth))
    document = f"{start}{' ' * indent}c: {said}{' ' * indent}d: 1\nx: 2\n"
    expected: Any = {"c": text, "d": 1}
    for _ in range(depth):
        expected = {"k": expected}
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        assert yaml.load(document, loader) == {**expected, "x": 2}


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("a\nb", "|-\n  a\n  b\n"),
        ("a\nb\n", "|\n  a\n  b\n"),
        ("a\n\n\n", "|+\n  a\n\n\n"),
        ("  a\nb", "|2-\n    a\n  b\n"),
        ("\n\na", "|2-\n\n\n  a\n"),
        ("\ta\nb", "|2-\n  \ta\n  b\n"),
        ("ü: 日本\n# x", "|-\n  ü: 日本\n  # x\n"),
        ("---\n...", "|-\n  ---\n  ...\n"),
        ("", None),
        ("\n\n", None),
        ("a \nb", None),
        ("a\t\nb", None),
        ("a\nb ", None),
        ("a\r\nb", None),
        ("a\x1b[0m\nb", None),
        ("a\u202eb\nc", None),
        ("a\u2028b\nc", None),
        ("\ufeffa\nb", None),
        ("a\x85b\nc", None),
    ],
)
def test_a_literal_block_has_no_white_space_that_an_editor_takes_away(text: str, block: str | None) -> None:
    assert yaml_text.literal(text, 2) == block
    if block is not None:
        assert yaml.load(f"k: {block}", yaml.SafeLoader) == {"k": text}


@pytest.mark.parametrize(
    "text",
    [
        "a " * 500_000,
        "a  " * 300_000,
        " " * 1_000_000,
        "'" * 1_000_000,
        "\n" * 1_000_000,
        "a\n" * 500_000,
        "é" * 500_000,
        "aé " * 300_000,
        "x" * 1_000_000,
        "x" * 500_000 + "  y" * 100_000,
        '\\ "' * 300_000,
        "\t  " * 300_000,
    ],
    ids=lambda text: repr(text[:4]),
)
def test_time_grows_no_quicker_than_the_text(text: str) -> None:
    begun = time.process_time()
    said = yaml_text.scalar(text, 14, 8)
    assert time.process_time() - begun < 2.0
    assert yaml.load(f"a:\n      string: {said}\n", yaml.CSafeLoader) == {"a": {"string": text}}
