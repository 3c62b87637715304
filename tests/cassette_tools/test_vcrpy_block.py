"""The quick reader of vcrpy's own layout gives what the general one gives, or nothing."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools.input_stream import InputStream
from cassette_tools.interaction import Interaction
from cassette_tools.losses import describe
from cassette_tools.vcrpy_block import read_interaction
from cassette_tools.vcrpy_reading import read_yaml
from cassette_tools.yaml_items import YamlItems
from recorder.errors import BadCassetteError

FIXTURES: Final = Path(__file__).resolve().parents[2] / "fixtures" / "vcrpy-yaml"
ORDINARY: Final = b"""\
- request:
    body: '{"a": ''b''}'
    headers:
      Accept:
      - '*/*'
      Cookie:
      - a=1; b=2;
        c=3
    method: POST
    uri: https://example.com/a?b=c#d
  response:
    body:
      string: "caf\\xE9 \\u6771\\U0001F600\\tsome \\"text\\" that goes on and on, with \\\\y, until it is
        folded\\n
        \\ twice"
    headers:
      Content-Length:
      - '12'
      Set-Cookie:
      - a=1
      - b="2"
    status:
      code: 200
      message: OK
"""


def general(item: bytes, monkeypatch: pytest.MonkeyPatch | None = None) -> list[Any]:
    """Read an item without the quick reader."""
    patch = monkeypatch or pytest.MonkeyPatch()
    stream = InputStream(io.BytesIO(b"interactions:\n" + item), "x", path=None, size=None)
    with patch.context() as patched:
        patched.setattr("cassette_tools.vcrpy_reading.read_interaction", lambda _: None)
        found = list(read_yaml(stream))
    assert not stream.remarks, "the quick reader tells no doubts"
    return found


def assert_equal_or_nothing(item: bytes) -> bool:
    """Tell whether the quick reader read it."""
    quick = read_interaction(item)
    if quick is None:
        return False
    (other,) = general(item)
    assert isinstance(other, Interaction)
    assert describe(quick) == describe(other)
    assert quick == Interaction(quick.request, quick.response), "nothing but a request and a response"
    for one, two in ((quick.request, other.request), (quick.response, other.response)):
        assert one is not None
        assert two is not None
        assert (one.body is None) is (two.body is None)
        if one.body is not None and two.body is not None:
            assert type(one.body._content) is type(two.body._content)
    return True


def test_reads_the_ordinary_layout() -> None:
    found = read_interaction(ORDINARY)
    assert found is not None
    assert found.request.url == "https://example.com/a?b=c#d"
    assert found.request.headers == [("Accept", "*/*"), ("Cookie", "a=1; b=2; c=3")]
    assert found.request.body is not None
    assert found.request.body.text() == "{\"a\": 'b'}"
    assert found.response is not None
    assert found.response.headers == [("Content-Length", "12"), ("Set-Cookie", "a=1"), ("Set-Cookie", 'b="2"')]
    assert found.response.body is not None
    assert found.response.body.text() == (
        'caf\xe9 \u6771\U0001f600\tsome "text" that goes on and on, with \\y, until it is folded\n  twice'
    )
    assert (found.response.status, found.response.reason) == (200, "OK")
    assert assert_equal_or_nothing(ORDINARY)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"      Cookie:", b"     Cookie:"),
        (b"      - '*/*'", b"    - '*/*'"),
        (b"      - '*/*'", b"        - '*/*'"),
        (b"      - '*/*'", b"      - - '*/*'"),
        (b"      - '*/*'", b"      - '*/*'\n      - x"),
        (b"      - '*/*'", b"      - *x"),
        (b"      - '*/*'", b"      - 12"),
        (b"      - '*/*'", b"      - ~"),
        (b"      - '*/*'", b"      - a: b"),
        (b"      - '*/*'", b"      - a #b"),
        (b"      - '*/*'", b"      - a:"),
        (b"      - '*/*'", b"      - '*/*"),
        (b"      - '*/*'\n", b""),
        (b"      - '*/*'", b'      - "\\u6771"'),
        (b"      Accept:", b"      cookie:"),
        (b"      Content-Length:", b"      Set-Cookie:"),
        (b"      Content-Length:", b"      12:"),
        (b"      Content-Length:", b"      <<:"),
        (b"    method: POST", b"    method: NO"),
        (b"    method: POST", b"    method: POST\n    other: x"),
        (b"https://example.com/a?b=c#d", b"/relative"),
        (b"https://example.com/a?b=c#d", b"https://example.com/a:"),
        (b"      code: 200", b"      code: '200'"),
        (b"      code: 200", b"      code: 0200"),
        (b"      message: OK", b"      message: null"),
        (b"      message: OK", b'      message: "\\u0100"'),
        (b"      message: OK", b"      message: OK\nversion: 1"),
        (b"      message: OK", b"      message: OK\n  recorded_at: x"),
        (b"''b''", b"'b''"),
        (b'some \\"', b'some "'),
        (b"\\xE9", b"\\xZ9"),
        (b"\\xE9", b"\\uD83D\\uDE00"),
        (b"\\U0001F600", b"\\U00110000"),
        (b"    body: '", b"    body: !!python/unicode '"),
        (b"- request:", b"-  request:"),
    ],
)
def test_gives_up_on_what_is_odd_or_wrong(before: bytes, after: bytes) -> None:
    assert ORDINARY.count(before) == 1
    assert read_interaction(ORDINARY.replace(before, after)) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"until it is\n", b"until it is \n"),
        (b"until it is\n        ", b"until it is\n          "),
        (b"until it is\n", b"until it is\\\n"),
        (b"until it is\n", b"until it is \\\n"),
        (b"until it is\n", b"until it is\n\n"),
        (b"\\\\y", b"\\\\x41"),
        (b"\\\\y", b"\\\\\\x41"),
        (b"\\xE9", b"\\e\\a\\N\\_\\0\\/"),
        (b"\\U0001F600", b"\\U00000041"),
        (b"      - a=1; b=2;\n", b"      - a=1; b=2;\n\n"),
        (b"      - a=1; b=2;\n        c=3", b"      - |\n        a=1"),
        (b"    method: POST", b"    method: 'P S'"),
        (b"    headers:\n      Accept:", b"    headers:\n      'Accept':"),
        (b"https://example.com/a?b=c#d", b'"https://example.com/\\xE9"'),
        (b"      message: OK", b"      message: 'Not OK'"),
    ],
)
def test_what_is_laid_out_otherwise_is_read_as_the_general_reader_reads_it(before: bytes, after: bytes) -> None:
    assert ORDINARY.count(before) == 1
    item = ORDINARY.replace(before, after)
    assert len(general(item)) == 1
    assert_equal_or_nothing(item)


def items_of(data: bytes) -> list[bytes]:
    """Cut a cassette of vcrpy at its items."""
    _, _, listed = data.partition(b"interactions:\n")
    return [item for item in re.split(rb"(?m)^(?=- )", listed) if item]


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("vcrpy-2.1.1-requests", 12),
        ("vcrpy-6.0.2-httpx", 5),
        ("vcrpy-8.5.0-requests", 12),
        ("vcrpy-9.4.2-requests", 12),
        ("vcrpy-9.4.2-aiohttp", 6),
        ("vcrpy-9.4.2-http-client", 6),
    ],
)
def test_reads_most_of_real_cassettes_quickly_and_equal(name: str, least: int) -> None:
    items = items_of((FIXTURES / f"{name}.yaml").read_bytes())
    assert sum(assert_equal_or_nothing(item) for item in items if item.isascii()) >= least


texts = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="ab \"'\\\n:#-xuU08", max_size=300),
    st.text(alphabet="é\u4eac\U0001f600 a\n", max_size=300),
)
names = st.sampled_from(["Accept", "Set-Cookie", "set-cookie", "Null", "1", "x: y", "Content-Encoding", "é", ""])
values = st.one_of(st.sampled_from(["200", "no", "gzip", "Mon, 23 Nov 2026 03:30:47 GMT", ""]), texts)
dumped = st.fixed_dictionaries(
    {
        "request": st.fixed_dictionaries(
            {
                "body": st.one_of(st.none(), texts, st.binary(max_size=100)),
                "headers": st.dictionaries(names, st.lists(values, min_size=1, max_size=1), max_size=4),
                "method": st.sampled_from(["GET", "no", "M-SEARCH"]),
                "uri": st.one_of(st.just("https://example.com/"), texts.map("http://a/".__add__)),
            }
        ),
        "response": st.fixed_dictionaries(
            {
                "body": st.fixed_dictionaries({"string": st.one_of(texts, st.binary(max_size=100))}),
                "headers": st.dictionaries(names, st.lists(values, min_size=1, max_size=3), max_size=4),
                "status": st.fixed_dictionaries(
                    {"code": st.integers(0, 1000), "message": st.one_of(st.none(), st.just("OK"), texts)}
                ),
            }
        ),
    }
)
pieces = st.sampled_from(
    [b" ", b"\n", b"\n        ", b"'", b'"', b"\\", b":", b"#", b"- ", b"&a ", b"\\x41", b"  ", b"x"]
)
edits = st.lists(st.tuples(st.integers(0), st.integers(0, 3), pieces), max_size=3)


@settings(max_examples=150, deadline=None)
@given(said=dumped, changes=edits)
def test_reads_what_pyyaml_writes_as_the_general_reader_does_or_gives_up(
    said: dict[str, Any], changes: list[tuple[int, int, bytes]]
) -> None:
    item = bytearray(yaml.dump([said], Dumper=yaml.CDumper).encode())
    for place, removed, put in changes:
        at = place % len(item)
        item[at : at + removed] = put
    try:
        assert_equal_or_nothing(bytes(item))
    except BadCassetteError as error:
        pytest.fail(f"read what the general reader refuses: {error}")


def test_a_cassette_is_read_by_it_and_keeps_its_numbers_and_lines() -> None:
    odd = ORDINARY.replace(b"      code: 200", b"      code: '200'")
    data = b"interactions:\n" + ORDINARY + odd + ORDINARY + b"version: 1\n"
    stream = InputStream(io.BytesIO(data), "x", path=None, size=None)
    read: list[bytes] = []

    def quick(item: bytes) -> Interaction | None:
        read.append(item)
        return read_interaction(item)

    items = YamlItems(stream, frozenset({"interactions"}), quick=quick)
    lines = ORDINARY.count(b"\n")
    found = [(type(item.value), item.number, item.line) for item in items]
    assert found == [(Interaction, 1, 2), (dict, 2, 2 + lines), (dict, 3, 2 + 2 * lines)]
    assert read == [ORDINARY, odd, ORDINARY + b"version: 1\n"]
    assert list(items.rest) == ["version"]
