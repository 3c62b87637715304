"""Files that were made to break a reader: whatever they hold, it answers, or raises one error that names the file.

Law: the only error is a RecorderError; it begins with the file's name and holds nothing of the file's content. Time is
bounded for each input, and memory for those that were made to take much of it (in a process of their own).
"""

from __future__ import annotations

import base64
import contextlib
import copy
import gzip
import io
import itertools
import json
import random
import subprocess
import sys
import time
import tomllib
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import tomli_w
import yaml
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cassette_tools.formats import WriteOptions, all_formats, format_named
from cassette_tools.input_stream import InputStream, open_input
from cassette_tools.interaction import Interaction
from cassette_tools.losses import describe
from cassette_tools.recognition import recognize
from cassette_tools.stored_body import MOST_DECODED
from cassette_tools.tnetstrings import netstrings
from recorder.errors import NotACassetteError, RecorderError
from tests.cassette_tools.formats.sources import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassette_tools.formats import Format

NAME: Final = "evil.file"
CANARY: Final = "k4n4rienvogel"
SECONDS: Final = 20.0
"""For one input, on a machine that does other things beside."""

READERS: Final = [one for one in all_formats() if one.read is not None]
EACH_READER: Final = [pytest.param(one, id=one.name) for one in READERS]
ROOT: Final = Path(__file__).resolve().parents[3]


def verdict(form: Format, data: bytes) -> str:
    """Read to the end, bodies too. Give "" where that went well, else the error's message; it keeps the law."""
    began = time.process_time()
    said = _read(form, data)
    assert time.process_time() - began < SECONDS
    assert said == "" or said.startswith(NAME)
    assert CANARY not in said
    return said


def _read(form: Format, data: bytes) -> str:
    assert form.read is not None
    try:
        with InputStream(io.BytesIO(data), NAME, path=None, size=len(data)) as stream:
            assert 0 <= form.sniff(stream.head) <= 100
            for element in form.read(stream):
                if isinstance(element, Interaction):
                    describe(element)
    except RecorderError as error:
        return str(error)
    return ""


def smallest(form: Format) -> bytes | None:
    """Give the smallest file of a format. None where there is none."""
    if form.name == "jsonl":
        return _as_jsonl()
    files = [path for path in files_of(form) if "erb" not in path.name]
    return min(files, key=lambda path: path.stat().st_size).read_bytes() if files else None


def _as_jsonl() -> bytes:
    given = next(one for one in READERS if one.name == "har")
    cassette = format_named("jsonl", reading=False)
    assert cassette.write is not None
    return b"".join(cassette.write(elements_of(given, smallest(given) or b""), WriteOptions()))


def files_of(form: Format) -> list[Path]:
    beside = {".md", ".py", ".mjs", ".rb", ".go", ".R", ".bin", ".sh", ".js"}
    return [path for path in sorted((FIXTURES / form.name).glob("*")) if path.suffix not in beside]


# -- a table of bytes for every reader

DEEP: Final = 100_000
BOMB: Final = b"\n".join(
    [b"a0: &a0 [x, x]", *(b"a%d: &a%d [*a%d, *a%d]" % (level, level, level - 1, level - 1) for level in range(1, 60))]
)
_C: Final = CANARY.encode()

TABLE: Final[dict[str, bytes]] = {
    "nothing": b"",
    "a mark alone": b"\xef\xbb\xbf",
    "blanks": b" \n\t\r\n" * 20_000,
    "NUL": b"\0" * 100_000,
    "NUL in text": b'{"interactions": [{"request": "\0"}]}',
    "all bytes": bytes(range(256)) * 100,
    "UTF-16": "interactions:\n- a\n".encode("utf-16"),
    "UTF-32": "interactions:\n- a\n".encode("utf-32"),
    "no UTF-8": b"interactions:\n- request: {uri: '\xff\xfe" + _C + b"'}\n",
    "surrogates": b'{"interactions": [{"request": {"uri": "\\ud800", "method": "\xed\xa0\x80"}}]}',
    "escapes": b"\x1b]0;" + _C + b"\x07\x1b[2J" * 1000,
    "one long line": b"x" * 5_000_000,
    "one long string": b'{"interactions": [{"a": "' + b"x" * 5_000_000,
    "one long comment": b"#" + b"x" * 5_000_000,
    "many lines": b"a\n" * 500_000,
    "many dashes": b"- " * DEEP,
    "many commas": b"," * DEEP,
    "many quotes": b"'" * DEEP,
    "many backslashes": b'"' + b"\\" * DEEP,
    "deep arrays": b"[" * DEEP,
    "deep arrays that end": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP,
    "deep JSON in an item": b'{"interactions": [' + b'{"a":[' * DEEP,
    "deep JSON lines": b'{"type":"header","format":1}\n' + b'{"type":"interaction","a":' + b"[" * DEEP + b"\n",
    "deep http_interactions": b'{"http_interactions": [' + b"[" * DEEP + b"]" * DEEP + b"]}",
    "deep HAR": b'{"log": {"entries": [' + b'{"a":' * DEEP,
    "deep blocks": b"interactions:\n" + b"".join(b" " * level + b"- a:\n" for level in range(1500)),
    "deep flow YAML": b"interactions:\n- " + b"{a: " * DEEP,
    "deep tags": b"interactions:\n- " + b"!a " * DEEP,
    "deep TOML": b"[[interactions]]\na = " + b"[" * DEEP,
    "deep TOML keys": b"[[interactions]]\n" + b"a." * 50_000 + b"a = 1\n",
    "deep TOML tables": b"[" + b"a." * 50_000 + b"a]\n",
    "many TOML tables": b"[[interactions]]\n" * 100_000,
    "aliases": b"interactions:\n- request: *nothing\n",
    "an alias to itself": b"interactions:\n- &a [*a]\n",
    "an alias to the whole": b"&a\ninteractions:\n- *a\nversion: 1\n",
    "an alias bomb": BOMB + b"\ninteractions:\n- *a59\nversion: 1\n",
    "an alias bomb in an item": b"interactions:\n-\n  "
    + BOMB.replace(b"\n", b"\n  ")
    + b"\n  request: *a59\n  response: *a59\n",
    "merge keys": b"interactions:\n- &a {request: {uri: x}}\n- <<: *a\n  <<: [*a, *a]\n",
    "a tag that runs": b"interactions:\n- !!python/object/apply:os.system ['touch hacked']\nversion: 1\n",
    "a tag that makes": b"interactions:\n- request: !!python/object/new:os.system {args: ['touch hacked']}\n",
    "a tag that names": b"interactions:\n- request: !!python/name:os.system ''\nversion: 1\n",
    "a tag of Ruby": b"http_interactions:\n- !ruby/object:Gem::Installer\n  i: x\nrecorded_with: VCR 6.0.0\n",
    "a tag of R": b"http_interactions:\n- request: !expr system('touch hacked')\nrecorded_with: vcr/1.2.0\n",
    "ERB": b"http_interactions:\n- request:\n    uri: <%= `touch hacked` %>\nrecorded_with: VCR 6.0.0\n",
    "broken base64": b"interactions:\n- response:\n    body:\n      string: !!binary |\n        %%%\n  request: {}\n",
    "two documents": b"interactions: []\n---\ninteractions: []\n",
    "directives": b"%YAML 9.9\n%TAG ! tag:x,2000:\n---\ninteractions: []\n",
    "a complex key": b"? [a, b]\n: c\ninteractions:\n- {? {a: b} : c}\n",
    "two keys": b"interactions:\n- request: {uri: a, uri: b}\ninteractions:\n- {}\n",
    "tabs": b"interactions:\n\t- request:\n",
    "carriage returns": b"interactions:\r- request:\r    uri: x\r",
    "an unclosed quote": b"interactions:\n- request: '" + b"x\n" * 100_000,
    "a long number": b'{"interactions": [{"status": ' + b"9" * 1_000_000 + b"}]}",
    "a long YAML number": b"interactions:\n- response: {status: {code: " + b"9" * 200_000 + b"}}\n",
    "sexagesimal numbers": b"interactions:\n- response: {status: {code: 1" + b":59" * 20_000 + b"}}\n",
    "a day that is none": b"interactions:\n- {recorded_at: 2026-99-99, at: 2026-02-30T25:61:61Z}\n",
    "a large float": b'{"interactions": [1e999, -1e999, 1e-999, NaN, Infinity]}',
    "keys and no values": b'{"interactions": [{"request":}, {"response"}]}',
    "a second text": b'{"interactions": []} {"interactions": []}',
    "a list that is none": b'{"interactions": {"a": 1}, "http_interactions": "x", "log": {"entries": 5}}',
    "a list of others": b'{"interactions": [1, "a", null, true, [], {}]}',
    "a YAML list of others": b"interactions: [1, a, null, true, [], {}]\nhttp_interactions: 5\nversion: x\n",
    "HAR of others": b'{"log": {"version": "1.2", "entries": [1, "a", null, [], {"request": []}]}}',
    "JSON lines of others": b'{"type":"header","format":1}\n1\nnull\n[]\n"a"\n{"type":5}\n{"type":"interaction"}\n',
    "a newer cassette": b'{"type":"header","format":999999999999999999999}\n',
    "newer flows": b"18:7:version;3:999#}",
    "a long netstring": b"99999999999999999999:x,",
    "a netstring with a long length": b"9" * 100_000 + b":x,",
    "a netstring that ends early": b"1000:abc,",
    "a netstring of no type": b"3:abc?",
    "netstrings in netstrings": b"",
    "many netstrings": b"0:~" * 200_000,
    "a dictionary without values": b"4:1:a,}",
}  # fmt: skip


def _nested_netstrings() -> bytes:
    data = b"0:~"
    for _ in range(3000):
        data = b"%d:%s]" % (len(data), data)
    return data


TABLE["netstrings in netstrings"] = _nested_netstrings()


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in TABLE.items()])
def test_every_reader_answers_or_raises_one_error_that_names_the_file(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for form in READERS:
        verdict(form, data)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a tag that runs", "a tag that makes", "a tag that names", "ERB", "a tag of Ruby", "a tag of R"]
)
def test_what_would_be_run_is_refused(name: str) -> None:
    data = TABLE[name]
    form = recognize(InputStream(io.BytesIO(data), NAME, path=None, size=len(data)))
    assert verdict(form, data) != ""


# -- files of real tools, cut and changed


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=f"{one.name}/{path.name}") for one in READERS for path in files_of(one)]
)
def test_a_file_cut_off_anywhere_is_read_so_far_or_refused(path: Path) -> None:
    form = next(one for one in READERS if one.name == path.parent.name)
    data = path.read_bytes()
    whole = len(data) if "erb" in path.name else len(interactions_of(form, data))
    for part in range(1, 51):
        cut = data[: len(data) * part // 51]
        if verdict(form, cut) == "":
            assert len(interactions_of(form, cut)) <= whole


def interactions_of(form: Format, data: bytes) -> list[Interaction]:
    return [element for element in elements_of(form, data) if isinstance(element, Interaction)]


def elements_of(form: Format, data: bytes) -> list[Any]:
    assert form.read is not None
    return list(form.read(InputStream(io.BytesIO(data), NAME, path=None, size=len(data))))


@pytest.mark.parametrize("form", EACH_READER)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=st.data())
def test_a_file_with_other_bytes_in_it_is_read_or_refused(form: Format, drawn: st.DataObject) -> None:
    data = smallest(form)
    if data is None:
        return
    changed = bytearray(data)
    for _ in range(drawn.draw(st.integers(1, 4))):
        at = drawn.draw(st.integers(0, len(changed) - 1))
        kind = drawn.draw(st.sampled_from(["flip", "put", "cut", "repeat"]))
        if kind == "flip":
            changed[at] ^= 1 << drawn.draw(st.integers(0, 7))
        elif kind == "put":
            signs = [
                b"\0",
                b"\xff",
                b"\n",
                b'"',
                b"'",
                b"{",
                b"[",
                b"}",
                b"]",
                b":",
                b"- ",
                b"&a ",
                b"*a ",
                b"!!int ",
                b"\\u",
            ]
            changed[at:at] = drawn.draw(st.sampled_from(signs))
        elif kind == "cut":
            del changed[at : at + drawn.draw(st.integers(1, 200))]
        else:
            changed[at:at] = changed[at : at + drawn.draw(st.integers(1, 500))]
        if not changed:
            break
    verdict(form, bytes(changed))


# -- values of other kinds at every place

_VALUES: Final[list[Any]] = [
    None, True, -1, 2**31, 10**30, 1.5, float("nan"), float("inf"), "", CANARY, "\x1b[2J" + CANARY, "\ud800", [], {},
    [[]], [None], [CANARY], {"a": CANARY}, {CANARY: {}}, {"base64": "%"}, "x" * 10_000, "-1", "99999999999999999999",
    "0x10", "2026-99-99T00:00:00Z", "http://[::1", "200 " + CANARY, "1h" + CANARY, CANARY.encode(), b"\xff",
]  # fmt: skip


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _yaml(value: Any) -> bytes:
    text: str = yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False)
    return text.encode("utf-8", "surrogatepass")


def _toml(value: Any) -> bytes:
    return tomli_w.dumps(value).encode("utf-8", "surrogatepass")


def _netstring(value: Any) -> bytes:
    if isinstance(value, bool):
        text, kind = str(value).lower().encode(), b"!"
    elif isinstance(value, int):
        text, kind = b"%d" % value, b"#"
    elif isinstance(value, float):
        text, kind = repr(value).encode(), b"^"
    elif isinstance(value, bytes):
        text, kind = value, b","
    elif isinstance(value, str):
        text, kind = value.encode("utf-8", "surrogatepass"), b";"
    elif isinstance(value, dict):
        text, kind = b"".join(_netstring(part) for pair in value.items() for part in pair), b"}"
    elif isinstance(value, (list, tuple)):
        text, kind = b"".join(map(_netstring, value)), b"]"
    else:
        text, kind = b"", b"~"
    return b"%d:%s%s" % (len(text), text, kind)


def _lines(values: list[Any]) -> bytes:
    return b"\n".join(map(_json, values))


def parsed(form: Format, data: bytes) -> tuple[Any, Callable[[Any], bytes]]:
    """Give a file as plain values, and what makes a file of them."""
    if form.name == "mitmproxy-flows":
        stream = InputStream(io.BytesIO(data), NAME, path=None, size=len(data))
        return next(netstrings(stream)).value, _netstring
    if form.name == "jsonl":
        return [json.loads(line) for line in data.split(b"\n") if line], _lines
    with contextlib.suppress(ValueError):
        return json.loads(data), _json
    if form.name.endswith("-toml"):
        return tomllib.loads(data.decode()), _toml
    return yaml.load(data, Loader=yaml.CSafeLoader), _yaml


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:3]):
            yield from places(inner, (*path, index))


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    value = copy.deepcopy(value)
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = other
    return value


@pytest.mark.parametrize("form", EACH_READER)
def test_a_value_of_another_kind_at_any_place_is_read_or_refused(form: Format) -> None:
    data = smallest(form)
    if data is None:
        pytest.skip("no file of this format can be changed here")
    value, dump = parsed(form, data)
    assert verdict(form, dump(value)) == ""
    chosen = random.Random(4)
    cases = list(itertools.product(places(value), _VALUES))
    for path, other in chosen.sample(cases, min(len(cases), 400)):
        try:
            changed = dump(replaced(value, path, other))
        except (TypeError, ValueError, AttributeError, UnicodeError):
            continue  # this language has no such value
        verdict(form, changed)


# -- memory: in a process of its own, that may take no more


def _packed(packer: str, size: int) -> bytes:
    if packer == "zstd":
        return zstandard.ZstdCompressor().compress(bytes(size))
    coder = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(coder.compress(bytes(1 << 20)) for _ in range(size >> 20)) + coder.flush()


def _in_a_body(size: int) -> bytes:
    """Put a body that grows a thousandfold into a cassette of vcrpy."""
    bomb = base64.b64encode(gzip.compress(bytes(size), mtime=0))
    return (
        b"interactions:\n- request: {method: GET, uri: 'http://h/', body: null, headers: {}}\n  response:\n"
        b"    status: {code: 200, message: OK}\n    headers: {content-encoding: [gzip]}\n    body: {string: !!binary "
        + bomb
        + b"}\nversion: 1\n"
    )


_PROGRAM: Final = """
import io, resource, sys
sys.path.insert(0, sys.argv[1])
from cassette_tools.formats import WriteOptions, all_formats, format_named
from cassette_tools.input_stream import open_input
from recorder.errors import RecorderError
limit = int(sys.argv[3])
readers = [one for one in all_formats() if one.read is not None and sys.argv[4] in (one.name, "all")]
for one in readers:
    for _ in (b"{}", b"a: 1", b""):  # what is imported late comes before the limit
        try:
            from cassette_tools.input_stream import InputStream
            list(one.read(InputStream(io.BytesIO(_), "x", path=None, size=None)))
        except RecorderError:
            pass
have = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (have + limit, have + limit))
for one in readers:
    try:
        with open_input(sys.argv[2]) as stream:
            for element in one.read(stream):
                pass
    except RecorderError as error:
        assert str(error).startswith(sys.argv[2]), error
"""


def read_within(data: bytes, folder: Path, *, megabytes: int, form: str = "all") -> None:
    """Read a file in a process that may take so much memory beyond what it has when it begins."""
    path = folder / "evil.file"
    path.write_bytes(data)
    command = [sys.executable, "-c", _PROGRAM, str(ROOT), str(path), str(megabytes << 20), form]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-1500:].decode(errors="replace")


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_a_packed_file_of_nothing_but_zeros_is_refused_unread(packer: str, tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(_packed(packer, 64 << 20))
    with open_input(str(path)) as stream, pytest.raises(NotACassetteError, match="binary data"):
        recognize(stream)


@pytest.mark.full
@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_a_packed_file_of_nothing_but_zeros_takes_no_memory_of_its_size(packer: str, tmp_path: Path) -> None:
    read_within(_packed(packer, 1 << 30), tmp_path, megabytes=700)


@pytest.mark.parametrize(
    "name",
    ["an alias bomb", "an alias bomb in an item", "deep arrays", "deep flow YAML", "deep blocks", "many TOML tables"],
)
def test_a_bomb_takes_little_memory(name: str, tmp_path: Path) -> None:
    read_within(TABLE[name], tmp_path, megabytes=256)


def test_a_body_that_grows_a_thousandfold_takes_no_more_than_itself(tmp_path: Path) -> None:
    data = _in_a_body(64 << 20)
    vcrpy = format_named("vcrpy-yaml", reading=True)
    [interaction] = interactions_of(vcrpy, data)
    assert interaction.response is not None
    assert interaction.response.body is not None
    assert interaction.response.body.size == 64 << 20
    read_within(data, tmp_path, megabytes=300, form=vcrpy.name)


def test_a_body_that_grows_beyond_the_limit_stays_packed() -> None:
    [interaction] = interactions_of(format_named("vcrpy-yaml", reading=True), _in_a_body(MOST_DECODED + 1))
    assert interaction.response is not None
    assert interaction.response.body is not None
    assert interaction.response.body.coding is None
    assert "grows beyond" in (interaction.response.body.coding_error or "")
