"""Known values: a needle says where to look, the bytes say whether the value stands there, and in which style."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recorder.redact.known import (
    BASE64,
    HEX,
    NUMBER,
    SHORTEST,
    SHORTEST_PROVABLE,
    TEXT,
    UTF16,
    Known,
    Needle,
    Span,
    Windows,
    bare_number,
    doubt,
    is_hiding,
    reveal,
    trace,
)
from recorder.redact.leaf import Index
from recorder.redact.placeholders import Placeholders

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET: Final = "s3cr/et+Tökén&7"
RULE: Final = "known:env:TOKEN"


def find(value: str, data: bytes, *, body: bool = True, brief: bool = False) -> list[Span]:
    """Give where a value stands, as a scan of a leaf does it, by this one value."""
    known = Known(value, RULE, brief=brief)
    windows: Windows = {}
    found: list[Span] = []
    for entry, start, end in Index([known]).find(data.lower()):
        assert isinstance(entry, Needle)
        found.extend(known.locate(data, start, end, entry, windows, json=body))
    for parts in windows.values():
        found.extend(known.search(data, parts))
    if known.hard:
        found.extend(known.find_escaped(data))
    return sorted(set(found))


def texts(value: str, data: bytes, **how: Any) -> list[bytes]:
    return [data[span.start : span.end] for span in find(value, data, **how)]


# How it stands.

TEXTUAL: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "percent": lambda value: quote(value, safe="").encode(),
    "percent in lower case": lambda value: quote(value, safe="").encode().replace(b"%C3%B6", b"%c3%b6"),
    "percent, all of it": lambda value: b"".join(b"%%%02X" % byte for byte in value.encode()),
    "percent twice": lambda value: quote(quote(value, safe=""), safe="").encode(),
    "form": lambda value: quote_plus(value).encode(),
    "json": lambda value: json.dumps(value)[1:-1].encode(),
    "json in json": lambda value: json.dumps(json.dumps(value)[1:-1])[1:-1].encode(),
    "json with slashes": lambda value: json.dumps(value)[1:-1].replace("/", "\\/").encode(),
    "html": lambda value: value.replace("&", "&amp;").encode(),
    "html in decimal": lambda value: "".join(
        c if c.isalnum() and c.isascii() else f"&#{ord(c)};" for c in value
    ).encode(),
    "html in hexadecimal": lambda value: value.replace("ö", "&#xF6;").replace("+", "&#x2b;").encode(),
}
AROUND: Final = (
    (b"", b""),
    (b'{"a":"', b'"}'),
    (b"?q=", b"&r=1"),
    (b"<a>", b"</a>"),
    (b"x", b"x"),
    (b"\xff\xfe", b"\x80"),
)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("form", [name for name in TEXTUAL if name != "percent, all of it"])
def test_a_text_is_found_in_each_spelling_and_nothing_around_it_is(form: str, around: tuple[bytes, bytes]) -> None:
    coded = TEXTUAL[form](SECRET)
    data = around[0] + coded + around[1]
    (span,) = find(SECRET, data)
    assert (span.start, span.end) == (len(around[0]), len(around[0]) + len(coded))
    assert (span.style, span.value, span.rule) == (TEXT, SECRET.encode(), RULE)


@pytest.mark.parametrize(
    "value",
    [
        "abc-def",
        "ABC.def",
        "a b c d e f g h",
        "päßwörter",
        "line one\nline two",
        '"quoted"',
        "back\\slash\\es",
        "tab\tbed-tab",
        "日本語の秘密です",
        "😀-emoji-😀",
    ],
)
@pytest.mark.parametrize(
    "form", [name for name in TEXTUAL if name not in ("percent, all of it", "html in hexadecimal")]
)
def test_any_characters_are_found_in_each_spelling(value: str, form: str) -> None:
    coded = TEXTUAL[form](value)
    assert coded in texts(value, b"[" + coded + b"]")


@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("url", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_base64_is_found_at_each_alignment(before: int, url: bool, padded: bool) -> None:
    plain = b"\xff\xfe~??>>"[:before] + SECRET.encode() + b" ~\xfb\xff"
    coded = (base64.urlsafe_b64encode if url else base64.b64encode)(plain)
    coded = coded if padded else coded.rstrip(b"=")
    (span,) = find(SECRET, b'"' + coded + b'"')
    assert span.style == BASE64
    part = coded[span.start - 1 : span.end - 1]
    assert int(span.detail) == before % 3
    decoded = base64.b64decode(part.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(part) % 4))
    assert decoded[int(span.detail) :].startswith(SECRET.encode())


@pytest.mark.parametrize(
    ("coded", "detail"),
    [
        (SECRET.encode().hex(), b"lower"),
        (SECRET.encode().hex().upper(), b"upper"),
    ],
)
def test_hexadecimal_digits_are_found_in_both_cases(coded: str, detail: bytes) -> None:
    (span,) = find(SECRET, f"0{coded}f".encode())
    assert (span.start, span.end, span.style, span.detail) == (1, 1 + len(coded), HEX, detail)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("value", [SECRET, "abcdef", "日本語abcdの秘密", "😀abcdef"])
def test_utf_16_is_found(codec: str, value: str) -> None:
    data = f"before {value} after".encode(codec)
    found = [span for span in find(value, data) if span.style == UTF16 and span.detail == codec.encode()]
    assert [data[span.start : span.end].decode(codec) for span in found] == [value]


def test_what_is_learned_while_recording_is_not_looked_for_in_hexadecimal_digits_and_utf_16() -> None:
    for coded in (SECRET.encode().hex().encode(), SECRET.encode("utf-16-le")):
        assert find(SECRET, coded)
        assert not find(SECRET, coded, brief=True)
    for form in ("plain", "percent", "json"):
        assert find(SECRET, TEXTUAL[form](SECRET), brief=True)
    assert find(SECRET, base64.b64encode(SECRET.encode()), brief=True)


@pytest.mark.parametrize(
    "data",
    [
        SECRET.upper().encode(),
        SECRET[:-1].encode(),
        b"Tokn",
        b"",
        b"s3cr/et",
        base64.b64encode(SECRET[:-1].encode() + b"8"),
        SECRET.encode().hex()[:-2].encode(),
        SECRET.encode("utf-16-le")[:-2],
    ],
)
def test_what_only_resembles_it_is_not_found(data: bytes) -> None:
    assert find(SECRET, data) == []


def test_all_places_of_it_are_found() -> None:
    data = b", ".join(TEXTUAL[form](SECRET) for form in ("plain", "percent", "json", "plain", "form"))
    assert len(find(SECRET, data)) == 5


# Digits.


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"id":1234567}', [(b"1234567", NUMBER)]),
        (b'{"id": 1234567 }', [(b"1234567", NUMBER)]),
        (b"[1,1234567,2]", [(b"1234567", NUMBER)]),
        (b"[-1234567]", [(b"-1234567", NUMBER)]),
        (b"[1234567.0]", [(b"1234567.0", NUMBER)]),
        (b"[1234567e5]", [(b"1234567e5", NUMBER)]),
        (b"1234567", [(b"1234567", NUMBER)]),
        (b'{"id":"1234567"}', [(b"1234567", TEXT)]),
        (b'{"id":"a1234567b"}', [(b"1234567", TEXT)]),
        (b"/users/1234567/posts", [(b"1234567", TEXT)]),
        (b"/a%201234567", [(b"1234567", TEXT)]),
        (b"/a%20121234567", []),
        (b'{"id":12345678}', []),
        (b'{"id":01234567}', []),
        (b'{"id":"91234567"}', []),
        (b"2026-1234567", [(b"1234567", TEXT)]),
    ],
)
def test_digits_beside_digits_are_another_number(data: bytes, found: list[tuple[bytes, int]]) -> None:
    assert [(data[span.start : span.end], span.style) for span in find("1234567", data)] == found


def test_many_digits_count_wherever_they_stand() -> None:
    long = "1234567890123456"
    for body in (False, True):
        assert texts(long, b"x99%s99x" % long.encode(), body=body) == [long.encode()]
        assert texts(long[:-1], b"x99%s99x" % long[:-1].encode(), body=body) == []
    assert texts(long, b"99%s99" % long.encode()) == [b"99%s99" % long.encode()], "a number goes whole"


def test_outside_of_a_body_digits_are_a_text() -> None:
    (span,) = find("1234567", b"1234567", body=False)
    assert span.style == TEXT


@pytest.mark.parametrize(
    ("data", "part", "number"),
    [
        (b"[12]", b"12", b"12"),
        (b"[-12.50e+3]", b"12", b"-12.50e+3"),
        (b'{"a" : 12 , "b":1}', b"12", b"12"),
        (b'"12"', b"12", None),
        (b"12 apples", b"12", None),
        (b"a12", b"12", None),
        (b"[12", b"12", b"12"),
        (b"[1.2.12]", b"12", None),
    ],
)
def test_a_number_is_bare_where_json_has_one(data: bytes, part: bytes, number: bytes | None) -> None:
    start = data.index(part)
    span = bare_number(data, start, start + len(part))
    assert (span and data[span[0] : span[1]]) == number


# Short and doubtful values.


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"abc", 1),
        (b"x=abc&y", 1),
        (b'{"abc":"abc"}', 2),
        (b"abcd", 0),
        (b"xabc", 0),
        (b"1abc", 0),
        (b"abc_d", 1),
        (b"ABC", 0),
        (b"YWJj", 0),
        (b"616263", 0),
    ],
)
def test_a_short_value_counts_as_a_whole_word_only(data: bytes, found: int) -> None:
    assert len(find("abc", data)) == found


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "too short"),
        ("ab", "too short"),
        ("é", "too short"),
        ("abc", "alone as a word"),
        ("12345", "alone as a word"),
        ("éé", "alone as a word"),
        ("true", "common word"),
        ("PASSWORD", "common word"),
        (" localhost ", "common word"),
        ("production", "common word"),
        ("redacted", "common word"),
        ("REDACT", "part of every placeholder"),
        ("RedActed-", "part of every placeholder"),
        ("abcdef", None),
        ("REDACTED-x", "part of every placeholder"),
        ("production-7", None),
        ("日本", None),
        ("a b c d", None),
    ],
)
def test_what_cannot_be_proved_is_said_and_why(value: str, why: str | None) -> None:
    told = doubt(value)
    assert (told is None) is (why is None)
    if why is not None:
        assert told is not None
        assert why in told
        assert not value.strip() or value.strip() not in told.split(":")[-1].split()


@given(st.text(max_size=12))
def test_a_value_that_is_not_doubted_is_long_enough(value: str) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return
    if doubt(value) is None:
        assert size >= SHORTEST_PROVABLE
    if size < SHORTEST:
        assert doubt(value) is not None


# Letters that are written as escapes.


@pytest.mark.parametrize(
    ("data", "stages"),
    [
        (b"nothing", []),
        (b"%20%2F%3D&amp;&#32;\\n", []),
        (b"%61bc", [b"abc"]),
        (b"%2561bc", [b"abc"]),
        (b"\\u0061bc", [b"abc"]),
        (b"\\\\u0061bc", [b"abc"]),
        (b"\\x61bc", [b"abc"]),
        (b"&#97;bc&#x63;", [b"abcc"]),
        (b"&amp;#97;bc", [b"abc"]),
        (b"\\u00e9\\u0009\\u0020", []),
    ],
)
def test_letters_in_needless_escapes_are_revealed(data: bytes, stages: list[bytes]) -> None:
    assert reveal(data) == stages
    assert is_hiding(data) is bool(stages)


def test_escapes_of_escapes_are_revealed_by_and_by() -> None:
    assert reveal(b"&#x5c;u0061bc")[-1] == b"abc"


letters = st.text("abcXYZ019", min_size=1, max_size=8).map(str.encode)
fillers = st.sampled_from([b"", b" ", b"%", b"\\", b"&", b";", b"%2", b"\\u00", b"&#", b"\xff", b'"', b"\\\\", b"%25"])


def _spell(data: bytes, how: int) -> bytes:
    forms = ("%c", "%%%02x", "%%25%02X", "\\u%04x", "\\\\u%04X", "\\x%02x", "&#%d;", "&#x%x;", "&amp;#%d;")
    return b"".join((forms[how] % byte).encode() for byte in data)


@given(st.lists(st.tuples(fillers, letters, st.integers(0, 8)), min_size=1, max_size=5))
@settings(deadline=None)
def test_a_span_of_a_stage_is_traced_to_bytes_that_say_the_same(parts: list[tuple[bytes, bytes, int]]) -> None:
    data = b"".join(filler + _spell(word, how) for filler, word, how in parts)
    for stage in reveal(data):
        where = trace(data, stage)
        assert where(0, len(stage)) == (0, len(data))
        spans = [where(at, at + 1) for at in range(len(stage))]
        assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]], "with no gap and no overlap"
        for at, (start, end) in enumerate(spans):
            said, shown = data[start:end], stage[at : at + 1]
            assert said == shown or shown in reveal(said), (said, shown)


@given(st.text("abcdefXYZ0189", min_size=6, max_size=20), st.integers(1, 8), fillers, fillers)
@settings(deadline=None)
def test_a_value_all_in_escapes_is_traced_to_where_it_stands(value: str, how: int, before: bytes, after: bytes) -> None:
    assume(doubt(value) is None)
    coded = _spell(value.encode(), how)
    data = before + b" " + coded + b" " + after
    found = set()
    for stage in reveal(data):
        where = trace(data, stage)
        found |= {where(span.start, span.end) for span in find(value, stage) if span.style in (TEXT, NUMBER)}
    assert (len(before) + 1, len(before) + 1 + len(coded)) in found


@given(st.binary(max_size=80))
def test_any_bytes_are_revealed_without_an_error(data: bytes) -> None:
    for stage in reveal(data):
        start, end = trace(data, stage)(0, len(stage))
        assert (start, end) == (0, len(data))


def test_a_placeholder_is_never_a_hiding_place() -> None:
    assert not is_hiding(Placeholders(b"k" * 16).text(b"value", "secret").encode())


# What hostile bytes may cost.

HOSTILE: dict[str, tuple[str, bytes]] = {
    "a core that stands everywhere, of a long value": ("a-" * 30 + "aaaaaaaa", b"a"),
    "the longest run of a key of several lines": (
        "-----BEGIN KEY-----\n" + ("ab/+" * 14 + "c0ffee7" + "\n") * 25,
        b"c0ffee7 ",
    ),
    "backslashes before a core": ("\\/" * 10 + "abcdefgh", b"\\\\/abcdefgh"),
    "backslashes": ("\\/" * 10 + "abcdefgh", b"\\"),
    "a host of a connection string": ("postgres://svc:x7#k@db.production.example.com/app", b'{"env":"production"},'),
    "a host in percent signs": ("postgres://svc:x7#k@db.production.example.com/app", b"%production%"),
    "needless escapes": ("abcdef-ghijkl", b"%61%62%63"),
    "escapes of escapes": ("abcdef-ghijkl", b"%2525252561"),
    "ampersands": ("abcdef-ghijkl", b"&amp;amp;#97;"),
    "base64 of its beginning": ("abcdef-ghijkl", base64.b64encode(b"abcdef-ghijkm")),
    "a value without a core": ("a-b-c-d-e-f", b"a-b-c-d-e-"),
    "a value without a core, in escapes": ("a-b-c-d-e-f", b"%61-%62-"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_four_times_the_bytes_cost_about_four_times_the_time(case: str) -> None:
    """A search of quadratic time would take sixteen times as long."""
    value, part = HOSTILE[case]

    def cost(size: int) -> float:
        data = (part * (size // len(part) + 1))[:size]
        best = 60.0
        for _ in range(3):
            begin = time.process_time()
            find(value, data)
            for stage in reveal(data):
                find(value, stage)
            best = min(best, time.process_time() - begin)
        return best

    assert cost(80_000) < 9 * max(cost(20_000), 0.004)
