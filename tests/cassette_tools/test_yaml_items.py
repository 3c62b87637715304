"""Items of YAML lists: the same as PyYAML reads, in every layout, whichever of the readers reads them."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cassette_tools import yaml_items
from cassette_tools.input_stream import BLOCK, InputStream
from cassette_tools.yaml_block import read_item
from cassette_tools.yaml_items import LARGEST_ITEM, MOST_REST, Plain, Tagged, YamlItem, YamlItems
from recorder.errors import BadCassetteError, NotACassetteError

KEYS = frozenset({"interactions", "http_interactions"})
MISSING = object()

NASTY = [
    "", " ", "  ", "\n", "\n\n", " \n", "\n ", "a\n", "a\n\n", "\na", "a\n\n\nb", "a \nb", "a\n b", "a\n  b\n c",
    " a", "a ", "a  b",
    "yes", "No", "null", "~", "Null", "1e5", "0o17", "12e03", "1_000", "1:30", "0x1F", "0b11", "010", ".5", "1.",
    ".inf", ".NaN",
    "2026-11-23", "2026-11-23T10:00:00Z", "=", "<<", "-", "- a", "-a", "? a", "?a", ": a", ":a", "a:", "a: b",
    "a:b", "a #b", "a#b",
    "# a", "'", "''", '"', "it's", '"a"', "'a'", "{", "{}", "[]", "[a]", "a, b", "&a", "*a", "!a", "!!binary a",
    "%a", "@a", "`a`", "|",
    ">", "| a", "---", "--- a", "...", "a\n---\nb", "a\n--- b", "a\n...\nb", "\\", "\\n", "a\\", "\t", "a\tb",
    "\ta", "a\t\nb", "\r", "a\r\nb",
    "\0", "\x07\x1b\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff", "\ufffd", "\ufffe", "caf\xe9", "\u20ac",
    "\U0001f600", "\u0430\u0431 " * 40,
    "x" * 200, "w " * 100, "word  word   " * 30, "word " * 16 + "\\", "'word' " * 30, '"word" ' * 30,
    "a: b " * 30, "# " * 60,
    '{"a": "b", "c": [1, 2.50, null]}', '{\n  "a": "b",\n  "c": ["d e"]\n}',
    "<html>\n <body>\n\n  text " + "word " * 40 + "\n</html>\n",
]  # fmt: skip
TEXTS = (
    st.sampled_from(NASTY)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
    | st.text(" \na'\"\\:#-\t\xe9", max_size=120)
)
SCALARS = (
    TEXTS
    | st.binary(max_size=100)
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.dates()
)
NODES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=12
)


def stream_of(data: bytes) -> InputStream:
    return InputStream(io.BytesIO(data), "a.yaml", path=None, size=len(data))


def items_of(data: bytes, **options: Any) -> list[YamlItem]:
    return list(YamlItems(stream_of(data), KEYS, **options))


def values_of(data: bytes) -> list[Any]:
    return [plain(item.value) for item in items_of(data)]


def plain(value: Any) -> Any:
    """Give what PyYAML's safe loader gives in place of a value."""
    if isinstance(value, Plain):
        moment = value.moment()
        return value.resolve() if moment is None else moment
    if isinstance(value, dict):
        return {plain(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def by_events(data: bytes, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    with monkeypatch.context() as patch:
        patch.setattr(yaml_items, "read_item", lambda _data, _column: None)
        return values_of(data)


@pytest.mark.parametrize("dumper", [yaml.CDumper, yaml.Dumper])
@settings(max_examples=150, deadline=None)
@given(
    items=st.lists(NODES, min_size=1, max_size=3),
    width=st.sampled_from([None, 10, 40, 1000]),
    wide=st.booleans(),
    flow=st.sampled_from([False, None]),
    ahead=st.booleans(),
)
@example(items=[{"a": ["b"], "c": "d"}], width=None, wide=False, flow=False, ahead=False)
def test_whatever_pyyaml_dumps_is_read_as_pyyaml_loads_it(
    dumper: Any, items: list[Any], width: int | None, wide: bool, flow: bool | None, ahead: bool
) -> None:
    whole = {"interactions": items, "z": {"metadata": 1}}
    dumped = yaml.dump(
        whole,
        Dumper=dumper,
        width=width,
        allow_unicode=wide,
        default_flow_style=flow,
        sort_keys=ahead,
        encoding="utf-8",
    )
    data = (b"a: [1, x]\n" if ahead else b"") + dumped
    try:
        wanted = yaml.load(dumped, Loader=yaml.CSafeLoader)["interactions"]
    except (yaml.YAMLError, ValueError):  # PyYAML writes what it cannot read: a BOM, dates in flow keys
        with pytest.raises(BadCassetteError):
            items_of(data)
        return
    reading = YamlItems(stream_of(data), KEYS)
    assert repr([plain(item.value) for item in reading]) == repr(wanted)
    assert plain(reading.rest) == {**({"a": [1, "x"]} if ahead else {}), "z": {"metadata": 1}}


@settings(max_examples=300, deadline=None)
@given(
    value=st.dictionaries(TEXTS, NODES, min_size=1, max_size=3),
    width=st.sampled_from([None, 20, 1000]),
    wide=st.booleans(),
)
def test_the_quick_reader_gives_what_events_give_or_gives_up(value: Any, width: int | None, wide: bool) -> None:
    for dumper in (yaml.CDumper, yaml.Dumper):
        data = yaml.dump([value], Dumper=dumper, width=width, allow_unicode=wide, encoding="utf-8")
        quick = read_item(data, 0)
        if quick is not None:
            assert quick[1] == len(data)
            assert repr(plain(quick[0])) == repr(yaml.load(data, Loader=yaml.CSafeLoader)[0])


LINES = st.sampled_from(
    [
        "- a: b",
        "- a:",
        "  b: c",
        "  b:",
        "    c: d",
        "    - e",
        "  - f",
        "  - g: h",
        "    i: j",
        "- k",
        "- ",
        "-",
        "",
        "  ",
        " # c",
        "# c",
        "  l: 'm",
        "  n'",
        '  o: "p',
        '  q"',
        "  r: |",
        "  r: |-",
        "  r: |2",
        "  s: >",
        "    t",
        "     u",
        "  v: !!binary |",
        "    aGk=",
        "w: x",
        "w:",
        "---",
        "...",
        "  y: z: a",
        "  'b c': d",
        "  ? e",
        "  : f",
        "  g: {}",
        "  h: []",
        "  h: [a",
        "  i]",
        "  j: *k",
        "  l: &m n",
        "  a: again",
        "   odd: x",
        "\tb: c",
        "  b:\tc",
        "  b: c ",
        "  b:  c",
        "  b: c # d",
        "  1: 2",
        "  ~: x",
        "  <<: {}",
        "- - a",
        "- 'x': y",
    ]
)


@settings(max_examples=1500, deadline=None)
@given(lines=st.lists(LINES, max_size=7))
def test_the_quick_reader_is_right_or_gives_up_on_whatever_lines(lines: list[str]) -> None:
    data = "\n".join(["- first: item", *lines, ""]).encode()
    quick = read_item(data, 0)
    if quick is None:
        return
    value, end = quick
    loaded = yaml.load(data[:end], Loader=yaml.CSafeLoader)
    assert repr([plain(value)]) == repr(loaded)


def test_no_item_follows_the_end_of_a_document() -> None:
    with pytest.raises(BadCassetteError, match="line 5: not valid YAML"):
        list(YamlItems(stream_of(b"interactions:\n- a: b\n-\n...\n- a: b\n"), KEYS))
    ended = YamlItems(stream_of(b"interactions:\n- a: b\n-\n...\n"), KEYS)
    assert [item.value for item in ended] == [{"a": "b"}, None]


@settings(max_examples=1500, deadline=None)
@given(lines=st.lists(LINES, max_size=9), indent=st.sampled_from(["", "  "]))
def test_pieces_and_the_whole_document_are_read_alike(lines: list[str], indent: str) -> None:
    body = "\n".join([f"{indent}{line}" for line in ["- first: item", *lines, ""]])
    data = f"interactions:\n{body}".encode()
    try:
        wanted: Any = yaml.load(data, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, TypeError):
        wanted = MISSING
    reading = YamlItems(stream_of(data), KEYS)
    try:
        found: Any = {"interactions": [plain(item.value) for item in reading], **plain(reading.rest)}
    except BadCassetteError:
        found = MISSING
    if wanted is MISSING and found is not MISSING:
        assert "<<" in body or body.count("&m") > 1  # what PyYAML's constructor and composer refuse
    else:
        assert repr(found) == repr(wanted)


@settings(max_examples=500, deadline=None)
@given(text=st.text("+-0123456789._:eExXoOabfinfNAINFyYsSoOntTuUrRlLZz ~=<", max_size=12) | st.sampled_from(NASTY))
def test_plain_scalars_have_the_types_that_pyyaml_gives_them(text: str) -> None:
    data = f"- {text}\n".encode("utf-8", "surrogatepass")
    try:
        wanted = yaml.load(data, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError):
        return
    if isinstance(wanted, list) and not isinstance(wanted[0], (dict, list)) and "'" not in text and '"' not in text:
        (item,) = items_of(data)
        assert repr(plain(item.value)) == repr(wanted[0])
        assert isinstance(item.value, Plain) is (wanted[0] is not None and not isinstance(wanted[0], str))


A = [{"a": "1"}, {"a": "2"}]
LAYOUTS = {
    "block": b"interactions:\n- a: '1'\n- a: '2'\n",
    "indented": b"interactions:\n    - a: '1'\n    - a: '2'\n",
    "flow": b"interactions: [{a: '1'}, {a: '2'}]\n",
    "JSON": b'{"interactions": [{"a": "1"}, {"a": "2"}]}',
    "top-level list": b"- a: '1'\n- a: '2'\n",
    "top-level list, indented, behind comments": b"# c\n\n---\n# d\n  - a: '1'\n  - a: '2'\n",
    "directive": b"%YAML 1.1\n---\ninteractions:\n- a: '1'\n- a: '2'\n",
    "end marks": b"---\ninteractions:\n- a: '1'\n- a: '2'\n...\n",
    "comments": b"# c\ninteractions: # c\n# c\n\n- a: '1' # c\n# c\n- a: '2'\n# c\n",
    "comments, indented": b"interactions:\n  # c\n  - a: '1'\n# c\n\n  - a: '2'\n",
    "CRLF": b"interactions:\r\n- a: '1'\r\n- a: '2'\r\n",
    "lone CR": b"interactions:\r- a: '1'\r- a: '2'\r",
    "byte order mark": b"\xef\xbb\xbfinteractions:\n- a: '1'\n- a: '2'\n",
    "byte order mark, list": b"\xef\xbb\xbf- a: '1'\n- a: '2'\n",
    "UTF-16": "interactions:\n- a: '1'\n- a: '2'\n".encode("utf-16"),
    "no line end": b"interactions:\n- a: '1'\n- a: '2'",
    "dash alone": b"interactions:\n-\n  a: '1'\n-\n  a: '2'\n",
    "quoted key": b"\"interactions\":\n- a: '1'\n- 'a': '2'\n",
    "keys in front": b"version: 1\nrecorded: [x,\n  y]\ninteractions:\n- a: '1'\n- a: '2'\n",
    "keys behind": b"interactions:\n- a: '1'\n- a: '2'\nmetadata:\n- x\n- y\nversion: 1\n",
    "keys behind, blank lines": b"interactions:\n- a: '1'\n\n- a: '2'\n\nversion: 1\n\n# end\n",
    "the other name": b"http_interactions:\n- a: '1'\n- a: '2'\nrecorded_with: VCR 6\n",
    "anchor of the list": b"interactions: &x\n- a: '1'\n- a: '2'\n",
    "alias of an earlier item": b"interactions:\n- &x\n  a: '1'\n- a: '2'\n",
    "complex keys": b"interactions:\n- ? a\n  : '1'\n- ? a\n  : '2'\n",
    "text with the marks of an item": b"interactions:\n- a: '1'\n- a: \"\\\n- 2\"\n".replace(b'- 2"', b'2"'),
}  # fmt: skip


@pytest.mark.parametrize("data", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_every_layout_of_a_list_is_read(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert values_of(data) == A
    assert by_events(data, monkeypatch) == A


@pytest.mark.parametrize("data", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("size", [1, 2, 7])
def test_blocks_may_end_anywhere(data: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of(data)
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    monkeypatch.setattr(stream, "block", lambda: parts.pop(0) if parts else b"")
    monkeypatch.setattr(stream, "read", lambda _size: parts.pop(0) if parts else b"")
    assert [item.value for item in YamlItems(stream, KEYS)] == A


@pytest.mark.parametrize("data", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("size", [1, 3, 20])
def test_long_pieces_are_cut_while_they_are_read(data: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_items, "_LONGEST", 0)
    test_blocks_may_end_anywhere(data, size, monkeypatch)


def test_an_item_of_many_blocks_is_read_and_so_is_what_follows() -> None:
    lines = b"".join(b"    caf\xc3\xa9 %d 'quoted' \\ - text\n\n" % number for number in range(40_000))
    data = b"interactions:\n- a: |-\n" + lines + b"- b: 'c'\n- d: |\n" + lines + b"metadata:\n- e\n"
    reading = YamlItems(stream_of(data), KEYS)
    first, second, third = reading
    text = lines.decode().replace("\n    ", "\n").removeprefix("    ")
    assert first.value == {"a": text.rstrip("\n")}
    assert second.value == {"b": "c"}
    assert third.value == {"d": text.rstrip("\n") + "\n"}
    assert [first.line, second.line, third.line] == [2, 80_003, 80_004]
    assert reading.rest == {"metadata": ["e"]}


def test_text_that_looks_like_an_item_is_text() -> None:
    data = b"interactions:\n- a: \"x\n- y\n\n- z\"\n  b: 'x\n- y'\n- c: {d: x\n- y}\n- e\nversion: 1\n"
    items = items_of(data)
    assert [item.value for item in items] == [{"a": "x - y\n- z", "b": "x - y"}, {"c": {"d": "x - y"}}, "e"]
    assert [item.line for item in items] == [2, 8, 10]


def test_items_have_numbers_and_lines() -> None:
    data = b"version: 1\n# c\ninteractions:\n- a: |\n    x\n\n- b\n\n# c\n- &c d\n- *c\nz: 1\n"
    assert [(item.value, item.number, item.line) for item in items_of(data)] == [
        ({"a": "x\n"}, 1, 4),
        ("b", 2, 7),
        ("d", 3, 10),
        ("d", 4, 11),
    ]


def test_what_stands_beside_the_list_is_kept_in_front_and_behind() -> None:
    items = YamlItems(
        stream_of(b"version: 1\nwith: [a]\ninteractions:\n- x\nmetadata:\n  b: ~\n- \n".replace(b"- \n", b"")), KEYS
    )
    reading = iter(items)
    assert next(reading).value == "x"
    assert list(reading) == []
    assert items.rest == {"version": "1", "with": ["a"], "metadata": {"b": None}}
    assert items.key == "interactions"


def test_keys_in_front_are_there_at_the_first_item() -> None:
    items = YamlItems(stream_of(b"a: 1\ninteractions:\n- x\nb: 2\n"), KEYS)
    reading = iter(items)
    next(reading)
    assert items.rest == {"a": "1"}


def test_an_alias_is_the_node_of_an_earlier_item_and_no_copy() -> None:
    first, second, third = (
        item.value for item in items_of(b"interactions:\n- h: &h {a: b}\n- h: *h\n- <<: *h\n  c: d\n")
    )
    assert second["h"] is first["h"]
    assert third == {"a": "b", "c": "d"}


def test_tags_that_were_asked_for_are_named_and_harmless_ones_taken() -> None:
    data = (
        b"- !ruby/struct:A {b: !binary aGk=}\n- !!python/unicode 'x'\n- !!str 1\n- !!binary |\n  aGk=\n"
        b"- !!int 5\n- ! 5\n"
        b"- !!python/tuple [a]\n"
    )
    values = [item.value for item in items_of(data, tags=frozenset({"!ruby/*"}))]
    assert values == [
        Tagged("!ruby/struct:A", {"b": b"hi"}), "x", "1", b"hi", "5", "5", Tagged("tag:yaml.org,2002:python/tuple",
        ["a"]),
    ]  # fmt: skip
    assert isinstance(values[4], Plain)
    assert not isinstance(values[5], Plain)


def test_a_key_that_stands_twice_is_remarked_and_the_last_one_counts() -> None:
    stream = stream_of(b"interactions:\n- a: b\n  a: c\n")
    assert [item.value for item in YamlItems(stream, KEYS)] == [{"a": "c"}]
    assert [(remark.place, remark.count) for remark in stream.remarks.values()] == [("line 3", 1)]


BOMB = b"- &a [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"- &%c [%s]\n" % (98 + level, b", ".join([b"*%c" % (97 + level)] * 10)) for level in range(9)
)
HOSTILE = {
    "a Python object": (
        b"interactions:\n- a\n- b: !!python/object/apply:os.system [ls]\n", "line 3: a tag !!python/object/apply",
    ),
    "a Python name": (b"interactions:\n- !!python/name:os.system ''\n", "line 2: a tag !!python/name"),
    "a tag of another tool": (b"interactions:\n- !ruby/object:Gem::Requirement {}\n", "line 2: a tag asks"),
    "a set": (b"interactions:\n- !!set {a}\n", "line 2: a tag asks"),
    "flow depth": (b"interactions:\n- " + b"[" * 100_000, "line 2: it is nested more than 200"),
    "flow depth of mappings": (b"interactions:\n- " + b"{a: " * 100_000, "line 2: it is nested more than 200"),
    "block depth": (b"interactions:\n- " + b"- " * 100_000 + b"a\n", "line 2: it is nested more than 200"),
    "block depth of mappings": (
        b"interactions:\n- a:\n" + b"".join(b" " * (level + 3) + b"a:\n" for level in range(300)),
        "nested more than 200",
    ),
    "aliases that add little to each item and much to all": (
        b"interactions:\n- &a '" + b"x" * 1_000_000 + b"'\n" + b"- [*a]\n" * 20_000,
        "aliases make the file grow without bound",
    ),
    "a bomb of aliases": (BOMB, "aliases grow beyond 16 MiB"),
    "a node in itself": (b"interactions:\n- &a [*a]\n", "line 2: an alias names no node"),
    "an alias of nothing": (b"interactions:\n- *a\n", "line 2: an alias names no node"),
    "a merge of text": (b"interactions:\n- <<: a\n", "names no mapping"),
    "a list as a key": (b"interactions:\n- ? [a]\n  : b\n", "a key is no text"),
    "no base64": (b"interactions:\n- !!binary a\n", "line 2: a !!binary value is no base64"),
    "NUL": (b"interactions:\n- a\n- b\0\n", "not valid YAML"),
    "no UTF-8": (b"interactions:\n- a\n- \xff\n", "not valid YAML"),
    "half a surrogate": (b'interactions:\n- "\\ud800"\n', "line 2: not valid YAML"),
    "an escape of none": (b'interactions:\n- a: "\\q"\n', "line 2: not valid YAML"),
    "cut off in quotes": (b"interactions:\n- a: 'b\n", "not valid YAML"),
    "cut off in a flow": (b"interactions:\n- a\n- [b\n", "not valid YAML"),
    "a second document": (b"interactions:\n- a\n---\ninteractions:\n- b\n", "line 4: a second document begins"),
    "a second document in front": (b"a: b\n---\ninteractions:\n- b\n", "no list"),
    "the list twice": (b"interactions:\n- a\ninteractions:\n- b\n", "line 3: `interactions` stands there twice"),
    "no list": (b"interactions: {}\n", "no list `http_interactions` or `interactions`"),
    "null": (b"interactions:\n", "no list"),
    "empty": (b"", "no list"),
    "text": (b"hello\n", "no list"),
    "much beside the list": (b"interactions:\n- a\nb: '" + b"x" * (MOST_REST + BLOCK) + b"'\n", "larger than 16 MiB"),
    "much in front of the list": (
        b"b: '" + b"x" * (MOST_REST + BLOCK) + b"'\ninteractions:\n- a\n", "larger than 16 MiB",
    ),
    "a lone quote a line": (b"interactions:\n- a\n" + b"  b: ''' \n" * 50_000, "not valid YAML"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_give_one_clear_error_in_little_time(data: bytes, words: str) -> None:
    begun = time.process_time()
    with pytest.raises(BadCassetteError) as caught:
        items_of(data)
    assert time.process_time() - begun < 5
    assert str(caught.value).startswith("a.yaml")
    assert words in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_file_without_the_list_is_no_cassette() -> None:
    with pytest.raises(NotACassetteError):
        items_of(b"openapi: 3.0.0\npaths: {}\n")


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200) | st.text("-[]{}:,#&*!|>'\"%@` \n\tab\\", max_size=60).map(str.encode))
def test_nothing_but_bad_cassette_leaves_whatever_the_bytes(data: bytes) -> None:
    for whole in (data, b"interactions:\n" + data, b"interactions:\n- a: " + data):
        try:
            items_of(whole)
        except BadCassetteError as error:
            assert str(error).startswith("a.yaml")  # noqa: PT017 - both ways are right


def test_an_item_is_given_before_the_next_block_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    item = b"- a: |\n    text\n"

    def block() -> bytes:
        nonlocal asked
        asked += 1
        return item * 10 if asked <= 1000 else b""

    stream = stream_of(b"")
    monkeypatch.setattr(stream, "block", lambda: b"interactions:\n" if asked == 0 and block() else block())
    reading = iter(YamlItems(stream, KEYS))
    assert next(reading).number == 1
    assert asked <= 3
    assert sum(1 for _ in reading) == 9_989


def test_a_large_item_takes_time_linear_in_its_size() -> None:
    def seconds(lines: int) -> float:
        text = b"- a: 'x\n" + b"    line of text that is folded\n" * lines + b"    end'\n"
        begun = time.process_time()
        assert len(items_of(b"interactions:\n" + text)) == 1
        return time.process_time() - begun

    seconds(1000)
    assert seconds(400_000) < 40 * max(seconds(40_000), 0.01)


def test_an_item_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_items, "LARGEST_ITEM", BLOCK)
    monkeypatch.setattr(yaml_items, "_LONGEST", BLOCK)
    data = b"interactions:\n- a\n- b: '" + b"x" * (4 * BLOCK) + b"'\n"
    with pytest.raises(BadCassetteError, match="an item is larger than"):
        items_of(data)
    with pytest.raises(BadCassetteError, match="an item is larger than"):
        items_of(b"interactions: [a, '" + b"x" * (4 * BLOCK) + b"']\n")
    assert LARGEST_ITEM == 256 << 20


def test_broken_utf_8_behind_a_list_is_one_clear_error() -> None:
    data = "interactions:\n- a: ž\nrecorded_with: ".encode() + b"\xe6 x\n"
    with pytest.raises(BadCassetteError, match=r"^a\.yaml, line 1 or behind it: not valid YAML: no UTF-8"):
        items_of(data)
