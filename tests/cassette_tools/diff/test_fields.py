"""Two interactions compared field by field, bodies by their kind."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from time import process_time
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools.diff import contents
from cassette_tools.diff.fields import compare, settled_body
from cassette_tools.diff.model import MOST_CHANGES
from cassette_tools.diff.rules import Rules
from cassette_tools.interaction import Body, Interaction, Request, Response
from tests.cassette_tools.diff.messages import PLAIN, answered, asked, found, ignored, same_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

FORM: Final = "application/x-www-form-urlencoded"
EVENTS: Final = "text/event-stream"
TEXT: Final = "text/plain"


def failed(error_type: str = "ConnectionError", message: str = "no", phase: str = "connect") -> Interaction:
    error = {"phase": phase, "type": error_type, "message": message}
    return Interaction(Request("GET", "https://api.example.com/items", []), None, error)


def multipart(boundary: str, *parts: tuple[str, str, str]) -> Interaction:
    """Make a request with parts: name, type, content."""
    text = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {kind}\r\n\r\n{content}\r\n'
        for name, kind, content in parts
    )
    return asked(body=f"{text}--{boundary}--\r\n", content_type=f"multipart/form-data; boundary={boundary}")


OUTCOMES: Final = [
    (answered(status=200), answered(status=201), ["changed response status : 200 -> 201"]),
    (answered(status=200), answered(status=404), ["retyped response status : 200 -> 404"]),
    (answered(reason="OK"), answered(reason="Fine"), ["changed response reason : OK -> Fine"]),
    (answered(reason="OK"), answered(reason=""), []),
    (answered(), answered(status=201, reason="Created"), ["changed response status : 200 -> 201"]),
    (answered(version="HTTP/1.1"), answered(version="HTTP/2"), ["changed response version : HTTP/1.1 -> HTTP/2"]),
    (answered(version="HTTP/1.1"), answered(version=None), []),
    (answered("{}"), answered(""), ["removed response presence body: JSON, 2 bytes -> None"]),
    (answered(""), answered("{}"), ["added response presence body: None -> JSON, 2 bytes"]),
    (
        answered("{}"),
        answered("<html>", "text/html"),
        [
            "changed response header content-type: application/json -> text/html",
            "retyped response type : JSON, 2 bytes -> HTML, 6 bytes",
        ],
    ),
    (answered("{}", TEXT), answered("hello", TEXT), ["retyped response type : JSON, 2 bytes -> text, 5 bytes"]),
    (
        answered("[1]", complete=True),
        answered("[1]", complete=False),
        ["changed response complete : complete -> incomplete"],
    ),
    (answered(), failed(), ["retyped response presence response: 200 OK -> ConnectionError: no"]),
    (failed(), answered(), ["retyped response presence response: ConnectionError: no -> 200 OK"]),
    (failed(), failed("Timeout"), ["changed error error type: ConnectionError -> Timeout"]),
    (failed(), failed(phase="send"), ["changed error error phase: connect -> send"]),
    (
        failed(message="<C object at 0x7f3a5c1d2e50>: port=1"),
        failed(message="<C object at 0x7f3a5c1d2e99>: port=1"),
        [],
    ),
    (asked("https://a.com/x?b=1"), asked("https://a.com/x?b=2"), ["changed request query b: 1 -> 2"]),
    (asked("https://a.com/x?b=1&b=2"), asked("https://a.com/x?b=1&b=3&b=2"), ["added request query b: None -> 3"]),
    (asked("https://a.com/x?b=1&c=2"), asked("https://a.com/x?c=2&b=1"), []),
    (
        asked("https://a.com/x"),
        asked("http://b.com/y?q"),
        [
            "changed request url scheme: https -> http",
            "changed request url host: a.com -> b.com",
            "changed request url path: /x -> /y",
            "added request query q: None -> ",
        ],
    ),
    (asked("https://a.com/x"), asked("https://a.com:8443/x"), ["changed request url host: a.com: -> a.com:8443"]),
    (asked("http://u@a.com/"), asked("http://a.com/"), ["removed request url userinfo: u -> None"]),
    (
        asked(body="a=1&b=2", content_type=FORM),
        asked(body="b=3&a=1&c=", content_type=FORM),
        ["changed request form b: 2 -> 3", "added request form c: None -> "],
    ),
    (asked(body="_csrf=abcdefgh12&a=1", content_type=FORM), asked(body="a=1&_csrf=hgfedcba21", content_type=FORM), []),
    (
        answered("a\nb\nc\n", TEXT),
        answered("a\nB\nc\nd\n", TEXT),
        ["changed response line 2: b -> B", "added response line 4: None -> d"],
    ),
    (answered("a\nb\n", TEXT), answered("b\n", TEXT), ["removed response line 1: a -> None"]),
    (
        answered("caf\xe9".encode("latin-1"), "text/plain; charset=iso-8859-1"),
        answered("café!".encode(), "text/plain; charset=iso-8859-1"),
        ["changed response line 1: café -> café!"],
    ),
    (
        answered('{"a":1}\n{"a":2}\n'),
        answered('{"a":1}\n{"a":0}\n{"a":2}\n'),
        ['added response json $[1]: None -> {"a": 0}'],
    ),
    (
        answered('data: {"a":1}\n\ndata: x\n\n', EVENTS),
        answered('data: {"a":2}\n\ndata: x\n\n', EVENTS),
        ["changed response event 1: $.a: 1 -> 2"],
    ),
    (
        answered("data: 1\n\ndata: 2\n\n", EVENTS),
        answered("data: 1\n\nevent: e\ndata: 9\n\ndata: 2\n\n", EVENTS),
        ["added response event 2: None -> event: e\ndata: 9"],
    ),
    (
        answered("id: 1\ndata: x\n\n", EVENTS),
        answered("id: 2\ndata: y\n\n", EVENTS),
        ["changed response event 1: id: 1 -> 2", "changed response event 1: data: x -> y"],
    ),
]


@pytest.mark.parametrize(("old", "new", "changes"), OUTCOMES)
def test_what_changed_is_said_with_its_place(old: Interaction, new: Interaction, changes: list[str]) -> None:
    assert found(old, new) == changes
    mirror = {"removed": "added", "added": "removed"}
    back = compare(new, old, PLAIN).changes
    assert sorted(mirror.get(one.action, one.action) for one in back) == sorted(one.split()[0] for one in changes)


@pytest.mark.parametrize("side", [side for old, new, _ in OUTCOMES for side in (old, new)])
def test_an_interaction_beside_itself_has_no_change_and_nothing_ignored(side: Interaction) -> None:
    compared = compare(side, side, PLAIN)
    assert not compared.changes
    assert not compared.ignored


@pytest.mark.parametrize(
    ("old", "new", "selectors"),
    [
        (answered(status=200), answered(status=404), ["status"]),
        (answered(reason="OK"), answered(reason="Fine"), ["reason"]),
        (answered(version="HTTP/1.1"), answered(version="HTTP/2"), ["version"]),
        (answered("{}"), answered(""), ["body"]),
        (answered("{}", TEXT), answered("x", TEXT), ["response.body"]),
        (answered("[1]"), answered("[2]"), ["json"]),
        (answered("[1]", complete=True), answered("[2]", complete=False), ["body"]),
        (answered(b"\0\1", "x/y"), answered(b"\0\2", "x/y"), ["body"]),
        (answered("a", TEXT), answered("b", TEXT), ["line"]),
        (answered("a\nGenerated on x", TEXT), answered("a\nGenerated on y", TEXT), ["line:^Generated"]),
        (answered(), failed(), ["presence"]),
        (failed(), failed(message="other"), ["error:message"]),
        (failed(), failed(phase="send"), ["error"]),
        (asked("https://a.com/x?b=1"), asked("https://b.com:8443/x"), ["query:b", "url:host"]),
        (asked("https://a.com/x"), asked("http://a.com/y"), ["url"]),
        (asked(body="a=1", content_type=FORM), asked(body="a=2", content_type=FORM), ["form:a"]),
        (multipart("x", ("f", TEXT, "a")), multipart("x", ("f", TEXT, "b")), ["part:f"]),
        (answered("id: 1\ndata: x\n\n", EVENTS), answered("id: 2\ndata: y\n\n", EVENTS), ["event:id", "event:data"]),
        (answered('data: {"a":1}\n\n', EVENTS), answered('data: {"a":2}\n\n', EVENTS), ["json:$.a"]),
    ],
)
def test_what_is_ignored_is_no_change_and_is_said(old: Interaction, new: Interaction, selectors: list[str]) -> None:
    assert found(old, new)
    compared = compare(old, new, Rules(ignored=tuple(selectors)))
    assert not compared.changes
    assert {one.rule for one in compared.ignored} == {f"--ignore {selector}" for selector in selectors}


def test_lines_that_stand_together_are_one_change_with_lines_around_it() -> None:
    old = "".join(f"{number}\n" for number in range(1, 21))
    new = old.replace("10\n11\n", "ten\neleven\nmore\n")
    (change,) = compare(answered(old, TEXT), answered(new, TEXT), PLAIN).changes
    assert (change.path, change.new_line) == ("10", 10)
    assert (change.old, change.new) == ("10\n11", "ten\neleven\nmore")
    assert change.before == ("7", "8", "9")
    assert change.after == ("12", "13", "14")


def test_context_never_holds_lines_of_another_change() -> None:
    old, new = "a\nb\nc\nd\ne", "a\nB\nc\nD\ne"
    first, second = compare(answered(old, TEXT), answered(new, TEXT), PLAIN).changes
    assert (first.before, first.after) == (("a",), ("c",))
    assert (second.before, second.after) == (("c",), ("e",))


def test_volatile_lines_are_ignored_and_others_found_between_them() -> None:
    old = "at 2026-11-23T09:15:02Z\nprice 10\nat 2026-11-23T09:15:03Z"
    new = "at 2026-11-24T09:15:02Z\nprice 12\nat 2026-11-24T09:15:03Z"
    compared = compare(answered(old, TEXT), answered(new, TEXT), PLAIN)
    assert [change.old for change in compared.changes] == ["price 10"]
    assert ignored(compared) == {"date: response line": 2}


def test_parts_are_compared_by_name_and_kind_whatever_the_boundary() -> None:
    old = multipart(
        "aaa", ("meta", "application/json", '{"a": 1, "b": 2}'), ("note", TEXT, "x\ny"), ("gone", TEXT, "z")
    )
    new = multipart("bb", ("note", TEXT, "x\nY"), ("meta", "application/json", '{"b": 2, "a": 7}'))
    assert found(old, new) == [
        "changed request part meta: $.a: 1 -> 7",
        "changed request part note: line 2: y -> Y",
        "removed request part gone: text, 1 bytes -> None",
    ]
    same = multipart("cc", ("note", TEXT, "x\ny"), ("gone", TEXT, "z"), ("meta", "application/json", '{"b":2,"a":1}'))
    compared = compare(old, same, PLAIN)
    assert not compared.changes
    assert ignored(compared) == {
        "boundary: request header content-type": 1,
        "formatting: request part meta": 1,
    }


def test_a_part_that_changed_its_type_is_told_by_its_header_and_kind() -> None:
    old, new = multipart("x", ("f", TEXT, "a")), multipart("x", ("f", "application/json", "{}"))
    assert found(old, new) == [
        "changed request part f: header content-type: text/plain -> application/json",
        "retyped request part f: text, 1 bytes -> JSON, 2 bytes",
    ]


def test_binary_bodies_are_compared_by_digest_and_size() -> None:
    (change,) = compare(answered(b"\0\1", "image/png"), answered(b"\0\2\3", "image/png"), PLAIN).changes
    assert (change.place, change.action) == ("binary", "changed")
    assert change.old == "2 bytes, sha256 b413f47d13ee2fe6c845b2ee141af81de858df4ec549a58b7970bb96645bc8d2"
    assert change.new is not None
    assert change.new.startswith("3 bytes, sha256 ")


def test_huge_bodies_are_compared_by_digest_and_say_so_without_being_held() -> None:
    def streamed(last: bytes) -> Interaction:
        def pieces() -> Iterator[bytes]:
            for _ in range(80):
                yield b"x" * 65_536
            yield last

        body = Body(stream=pieces, size=80 * 65_536 + 1)
        return Interaction(Request("GET", "http://a/", []), Response(200, "OK", [("Content-Type", TEXT)], body))

    (change,) = compare(streamed(b"a"), streamed(b"b"), PLAIN).changes
    assert change.place == "binary"
    assert change.old is not None
    assert change.old.endswith(", too long to be looked into")
    assert not compare(streamed(b"a"), streamed(b"a"), PLAIN).changes
    assert same_digest(streamed(b"a"), streamed(b"a"))
    assert not same_digest(streamed(b"a"), streamed(b"b"))


def test_a_body_of_too_many_values_is_compared_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_VALUES", 10)
    for old, new, kind in (
        ("[1" + ",1" * 20 + "]", "[2" + ",1" * 20 + "]", "application/json"),
        ("a\n" * 20, "b\n" * 20, TEXT),
    ):
        (change,) = compare(answered(old, kind), answered(new, kind), PLAIN).changes
        assert change.place == "binary"


def test_a_body_that_is_one_object_is_not_read() -> None:
    def refuse() -> Iterator[bytes]:
        raise AssertionError

    body = Body(stream=refuse, size=5)
    old, new = (Interaction(Request("GET", "http://a/", []), Response(200, "OK", [], body)) for _ in range(2))
    assert not compare(old, new, PLAIN).changes


def test_a_missing_body_and_an_empty_one_are_the_same() -> None:
    none = Interaction(Request("GET", "http://a/", []), Response(200, "OK", [], None))
    empty = Interaction(Request("GET", "http://a/", [], Body()), Response(200, "OK", [], Body()))
    assert not compare(none, empty, PLAIN).changes
    assert settled_body(None, [], PLAIN, "request") == settled_body(Body(), [], PLAIN, "request") == b""


def test_json_lies_of_the_declared_type_are_looked_through() -> None:
    assert found(answered('{"a": 1}', TEXT), answered('{"a": 2}', TEXT)) == ["changed response json $.a: 1 -> 2"]
    assert found(answered("no json", "application/json"), answered("none", "application/json")) == [
        "changed response line 1: no json -> none"
    ]


BODIES: Final = st.one_of(
    st.sampled_from(["", "a", "[1]", '{"a": 1}', '{"a":1}', "{", "a=1&b=2", "b=2&a=1", "data: 1\n\n", "data: 2\n\n"]),
    st.lists(st.sampled_from(["a", "b", "", "2026-11-23T09:15:02Z", "2026-11-24T09:15:02Z"]), max_size=6).map(
        "\n".join
    ),
    st.lists(st.sampled_from(["a=1", "a=2", "b=1", "_csrf=abcdefgh1", "_csrf=abcdefgh2"]), max_size=5).map("&".join),
    st.lists(st.sampled_from(["data: 1", 'data: {"a":1}', "id: 1", "event: x", "", ": c"]), max_size=8).map("\n".join),
    st.lists(st.sampled_from(["--x\r\n", "--x--", "A: b\r\n", "\r\n", "text", '{"a":1}']), max_size=8).map("".join),
    st.binary(max_size=4).map(lambda data: data.decode("latin-1")),
)
TYPES: Final = st.sampled_from(
    ["application/json", TEXT, FORM, EVENTS, "multipart/mixed; boundary=x", "application/x-ndjson", ""]
)


@settings(max_examples=400)
@given(BODIES, BODIES, TYPES, st.sampled_from([PLAIN, Rules(keep_volatile=True), Rules(ignored=("form:a", "json:a"))]))
def test_there_is_no_change_in_a_body_exactly_where_the_digests_agree(
    old: str, new: str, content_type: str, rules: Rules
) -> None:
    one, other = answered(old, content_type), answered(new, content_type)
    assert (not compare(one, other, rules).changes) is same_digest(one, other, rules)
    assert not compare(one, answered(old, content_type), rules).changes


@given(st.binary(max_size=60), st.binary(max_size=60), TYPES)
def test_any_bytes_can_be_compared(old: bytes, new: bytes, content_type: str) -> None:
    one, other = answered(old, content_type), answered(new, content_type)
    assert (not compare(one, other, PLAIN).changes) is same_digest(one, other)


def aws_message(kind: str, payload: str) -> bytes:
    """Make a message of Amazon's event streams with one header."""
    value = kind.encode()
    headers = b"\x0b:event-type\x07" + len(value).to_bytes(2, "big") + value
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    head = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload.encode()
    return head + struct.pack(">I", zlib.crc32(head))


def test_amazons_event_streams_are_compared_by_event() -> None:
    aws = "application/vnd.amazon.eventstream"
    old = aws_message("delta", '{"text": "a"}') + aws_message("stop", "{}")
    new = aws_message("delta", '{"text": "b"}') + aws_message("usage", '{"n": 1}') + aws_message("stop", "{}")
    assert found(answered(old, aws), answered(new, aws)) == [
        'added response event 2: None -> :event-type: usage\ndata: {"n": 1}',
        'changed response event 1: $.text: "a" -> "b"',
    ]
    assert found(answered(old[:-3], aws), answered(new[:-3], aws))[0].startswith("changed response binary")


def test_many_changed_lines_are_counted_and_only_the_first_are_listed() -> None:
    old = "\n".join(f"line {number}" for number in range(20_000))
    new = "\n".join(f"line {number}{'!' * (number % 2)}" for number in range(20_000))
    compared = compare(answered(old, TEXT), answered(new, TEXT), PLAIN)
    assert len(compared.changes) == MOST_CHANGES
    assert compared.left_out == 10_000 - MOST_CHANGES


def test_time_of_a_text_grows_with_its_size() -> None:
    def cost(size: int) -> float:
        old = "\n".join(f"{number % 7} {number}" for number in range(size))
        new = "\n".join(f"{number % 7} {number if number % 3 else 0}" for number in range(size))
        sides = answered(old, TEXT), answered(new, TEXT)
        begun = process_time()
        compare(*sides, PLAIN)
        return process_time() - begun

    cost(100)
    half, whole = cost(20_000), cost(40_000)
    assert whole < 5 * half + 0.1


PROGRAM: Final = """
import json, sys
from cassette_tools.diff.fields import compare
from cassette_tools.diff.rules import Rules
from cassette_tools.interaction import Body, Interaction, Request, Response
from tests.peak import peak_kib

def side(shift):
    text = "Campaign " * 9
    rows = ({"id": n, "name": f"{text}{n}", "at": "2026-11-23T09:15:02Z", "n": n + shift} for n in range(23_900))
    body = Body("[" + ", ".join(json.dumps(row) for row in rows) + "]")
    response = Response(200, "OK", [("content-type", "application/json")], body)
    return Interaction(Request("GET", "http://a/", []), response)

old, new = side(0), side(1)
assert 3_500_000 < old.response.body.size <= 4 << 20, old.response.body.size
before = peak_kib()
compared = compare(old, new, Rules())
assert compared.left_out == 22_900, compared.left_out
print(peak_kib() - before)
"""


def test_two_bodies_at_the_limit_are_compared_within_their_bound_of_memory() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 120 * 1024


def test_an_ignored_host_is_counted_once_whatever_the_port() -> None:
    rules = Rules(ignored=("url:host", "url:scheme"))
    for url in ("https://api.example.com/x", "http://localhost:9000/x", "http://localhost:8000/x"):
        counts = ignored(compare(asked("http://localhost:8000/x"), asked(url), rules))
        assert counts.get("--ignore url:host: request url host", 0) == (url != "http://localhost:8000/x")


def batch(boundary: str, etag: str, starred: str, line: str = "HTTP/1.1 200 OK") -> Interaction:
    message = f'{line}\r\nETag: "{etag}"\r\nContent-Type: application/json\r\n\r\n{{"id": 1, "starred": {starred}}}'
    body = f"--{boundary}\r\nContent-Type: application/http\r\n\r\n{message}\r\n--{boundary}--\r\n"
    return answered(body, f"multipart/mixed; boundary={boundary}")


def test_messages_within_a_batch_are_compared_as_messages() -> None:
    old, new = batch("one", "a1b2c3", "false"), batch("two", "d4e5f6", "false")
    assert found(old, new) == []
    assert same_digest(old, new)
    assert found(old, batch("two", "d4e5f6", "true")) == ["changed response part 1: message: $.starred: false -> true"]
    assert found(old, batch("one", "a1b2c3", "false", "HTTP/1.1 404 Not Found")) == [
        "changed response part 1: start: line 1: HTTP/1.1 200 OK -> HTTP/1.1 404 Not Found"
    ]
