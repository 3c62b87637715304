"""Bodies beyond the limit: however they are cut, they come out as the whole would, in bounded memory."""

from __future__ import annotations

import gc
import itertools
import random
import tracemalloc
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.redact import stream as module
from recorder.redact.engine import Redactor
from recorder.redact.policy import Policy, Secret
from recorder.redact.stream import MOST_HELD, WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from recorder.redact.stream import BodyStream, Edit

SECRET: Final = b"s3cr3t-v4lu3-0f-mine"
OTHER: Final = b"4n0th3r-v4lu3"
KEY: Final = b"a key of 32 bytes for the tests."
BATCH: Final = module._BATCH
SMALL_WINDOW: Final = 512
SMALL_BATCH: Final = 256


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    secrets = [Secret(SECRET.decode(), "env:MINE"), Secret(OTHER.decode(), "env:OTHER")]
    return Redactor(Policy(secrets, environment=False, key=KEY), environment={})


def opened(redactor: Redactor, mime: str = "application/json") -> BodyStream:
    return redactor.open_stream("response", [["Content-Type", mime]], "https://h.example/p")


def fed(redactor: Redactor, pieces: Iterable[bytes], mime: str = "application/json") -> bytes:
    stream = opened(redactor, mime)
    return b"".join([*(stream.feed(piece) for piece in pieces), stream.finish()])


def cut(data: bytes, *places: int) -> list[bytes]:
    edges = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def every(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def filler(size: int, seed: int = 1) -> bytes:
    """Give text in which nothing is to be found."""
    dice = random.Random(seed)
    words = [b"lorem", b"ipsum", b"dolor", b"sit", b"amet", b"zipcode", b"page", b"{}", b"[1, 2]", b'"a": 1.10']
    out = b" ".join(dice.choice(words) for _ in range(size // 3))
    return out[:size]


def document(items: int, seed: int = 1) -> bytes:
    """Give JSON with secrets in it, known ones and such that their place gives away."""
    dice = random.Random(seed)
    parts = []
    for number in range(items):
        parts.append(b'{"id":%d,"text":"%s"}' % (number, filler(dice.randrange(200)).replace(b'"', b"'")))
        kind = dice.randrange(9)
        if kind == 0:
            parts.append(b'{"a":"%s"}' % SECRET)
        elif kind == 1:
            parts.append(b'{"password":"hunter%d-x"}' % number)
        elif kind == 2:
            parts.append(b'{"url":"https://h.example/p?token=tok%d&a=%s"}' % (number, OTHER))
    return b"[" + b",\n".join(parts) + b"]"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make window and batches small, so that a short body crosses many of them."""
    monkeypatch.setattr(module, "WINDOW", SMALL_WINDOW)
    monkeypatch.setattr(module, "_BATCH", SMALL_BATCH)


# Cuts.


@pytest.mark.parametrize("size", [1, 2, 63, 64, 1000, 65_536, 262_144])
def test_any_size_of_pieces_gives_what_the_whole_gives(redactor: Redactor, size: int) -> None:
    data = document(60 if size < 60 else 3000)
    whole = redactor.redact_text(data, "x")[0]
    assert SECRET not in whole
    assert fed(redactor, every(data, size)) == whole


@pytest.mark.usefixtures("small")
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_cuts_give_what_the_whole_gives(redactor: Redactor, data: st.DataObject) -> None:
    body = document(data.draw(st.integers(1, 60)), data.draw(st.integers(0, 99)))
    places = data.draw(st.lists(st.integers(1, len(body)), max_size=30))
    assert fed(redactor, cut(body, *places)) == redactor.redact_text(body, "x")[0]


def test_a_fixture_of_small_windows_is_what_it_says(redactor: Redactor, small: None) -> None:
    stream = opened(redactor)
    assert stream.feed(b"x" * (SMALL_WINDOW + SMALL_BATCH)) != b""


EDGES: Final = [WINDOW, BATCH, WINDOW + BATCH, 2 * (WINDOW + BATCH), 3 * 65_536, 4 * 65_536]


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("offset", [-len(SECRET) - 1, -len(SECRET), -len(SECRET) + 1, -7, -1, 0, 1, 2, 50])
def test_a_secret_at_the_edge_of_pieces_and_windows_goes(redactor: Redactor, edge: int, offset: int) -> None:
    body = filler(edge + offset) + SECRET + filler(200_000)
    for size in (65_536, 50_001):
        new = fed(redactor, every(body, size), "text/plain")
        assert SECRET not in new
        assert new == body.replace(SECRET, redactor.placeholders.text(SECRET, "secret").encode())


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "coded",
    [
        SECRET,
        b"".join(b"%%%02x" % byte for byte in SECRET),
        b"".join(b"\\u%04x" % byte for byte in SECRET),
        SECRET.hex().encode(),
        SECRET.decode().encode("utf-16-be"),
    ],
)
def test_a_secret_at_every_offset_goes_in_each_encoding(redactor: Redactor, coded: bytes) -> None:
    edge = SMALL_WINDOW + SMALL_BATCH
    for at in range(edge - len(coded) - 3, edge + 3):
        body = filler(at) + b" " + coded + b" " + filler(2000)
        new = fed(redactor, every(body, SMALL_BATCH), "text/plain")
        assert coded not in new
        assert new.startswith(filler(at))
        assert new.endswith(filler(2000))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "name", [b'"password":"', b'"password" : "', b'"name":"password","value":"', b'"client_secret":"']
)
def test_a_value_goes_wherever_the_cut_is_between_it_and_its_name(redactor: Redactor, name: bytes) -> None:
    value = b"hunter2-hunter2"
    edge = SMALL_WINDOW + SMALL_BATCH
    for at in range(edge - len(name) - len(value) - 4, edge + 4, 3):
        body = b'{"a":"' + b"x" * at + b'",' + name + value + b'","b":"' + b"y" * 2000 + b'"}'
        new = fed(redactor, every(body, 100))
        assert value not in new
        assert len(new) == len(body) - len(value) + len(redactor.placeholders.text(value, "secret"))


# The end.


@pytest.mark.parametrize(
    ("tail", "gone"),
    [
        (b"", None),
        (SECRET, SECRET),
        (b'{"password":"hunter2-x', b"hunter2-x"),
        (b'{"password":{"a":"hunter2-x', b"hunter2-x"),
        (b'{"password":123456', b"123456"),
        (b"?token=abc-def", b"abc-def"),
        (b"a <password>hunter2-x", None),
        (b'{"password":"', None),
        (b'{"password":', None),
    ],
)
@pytest.mark.parametrize("size", [0, 1000, WINDOW, 300_000])
def test_what_is_open_at_the_end_is_settled_then(
    redactor: Redactor, size: int, tail: bytes, gone: bytes | None
) -> None:
    body = filler(size) + b" " + tail
    new = fed(redactor, every(body, 65_536))
    assert new.startswith(filler(size) + b" ")
    assert new == redactor.redact_text(body, "x")[0]
    assert gone is None or gone not in new
    if gone is None:
        assert new == body


def test_an_empty_body_gives_nothing(redactor: Redactor) -> None:
    assert fed(redactor, []) == b""
    assert fed(redactor, [b""]) == b""
    assert opened(redactor).end() == []


@pytest.mark.parametrize("begin", [b'{"a":1,"password":"', b'{"a":1,"password":{"b":"', b'{"a":1,"password":['])
def test_a_value_that_never_ends_takes_the_rest_with_it_and_that_is_told(redactor: Redactor, begin: bytes) -> None:
    stream = opened(redactor)
    chunk = b"never ending " * 5000
    out = [stream.feed(begin), *(stream.feed(chunk) for _ in range(4 * MOST_HELD // len(chunk)))]
    out += [stream.feed(b'"}]} and then this'), stream.finish()]
    new = b"".join(out)
    head = begin[: begin.index(b"password") + len(b'password":')]
    assert new.startswith(head)
    assert b"never ending" not in new
    assert b"and then this" not in new
    assert len(new) < len(begin) + 100
    assert stream.removed is not None
    assert "no end" in stream.removed
    assert any(finding.kind == "removed" for finding in stream.findings)


def test_a_long_value_that_ends_within_the_bound_goes_alone(redactor: Redactor) -> None:
    value = b"long value " * (MOST_HELD // 2 // 11)
    body = b'{"a":"' + filler(10).replace(b'"', b"") + b'","password":"' + value + b'","b":"stays"}'
    stream = opened(redactor)
    new = b"".join([*(stream.feed(piece) for piece in every(body, 65_536)), stream.finish()])
    assert b"long value" not in new
    assert new.endswith(b'","b":"stays"}')
    assert stream.removed is None


def test_an_element_that_is_longer_than_the_window_goes(redactor: Redactor) -> None:
    start = b"<a>" + b"<b>lorem</b>" * 40_000 + b"<password>"
    body = start + b"long value " * 30_000 + b"</password><c>stays</c></a>"
    new = fed(redactor, every(body, 65_536), "application/xml")
    assert new.startswith(start + b"REDACTED-secret-")
    assert b"long value" not in new
    assert new.endswith(b"</password><c>stays</c></a>")


def test_names_before_an_open_value_are_not_lost(redactor: Redactor) -> None:
    """Each of many values in a row is awaited, and each goes."""
    body = b"[" + b",".join(b'{"password":"%s"}' % (b"p%d-" % number * 8000) for number in range(20)) + b"]"
    new = fed(redactor, every(body, 10_000))
    assert b"p1-p1" not in new
    assert new.count(b'{"password":"REDACTED-secret-') == 20


# Edits and bytes say the same.


def applied(body: bytes, edits: list[Edit]) -> bytes:
    parts, at = [], 0
    for start, end, replacement in edits:
        assert at <= start <= end <= len(body)
        parts += [body[at:start], replacement]
        at = end
    return b"".join([*parts, body[at:]])


@pytest.mark.usefixtures("small")
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_edits_give_the_bytes_that_feeding_gives(redactor: Redactor, data: st.DataObject) -> None:
    body = document(data.draw(st.integers(1, 60)), data.draw(st.integers(0, 99)))
    pieces = cut(body, *data.draw(st.lists(st.integers(1, len(body)), max_size=30)))
    stream = opened(redactor)
    edits: list[Edit] = []
    for piece in pieces:
        before = stream.settled
        new = stream.scan(piece)
        assert all(start >= before for start, _, _ in new), "no edit begins in what is settled"
        assert all(start < stream.settled for start, _, _ in new)
        edits += new
    edits += stream.end()
    assert stream.settled == len(body)
    assert applied(body, edits) == fed(redactor, pieces)


def test_findings_count_what_went(redactor: Redactor) -> None:
    stream = opened(redactor, "text/plain")
    body = (filler(5000) + SECRET + b" " + OTHER + b" ") * 60
    for piece in every(body, 65_536):
        stream.feed(piece)
    stream.finish()
    counts = {finding.rule: finding.count for finding in stream.findings}
    assert counts == {"known:env:MINE": 60, "known:env:OTHER": 60}
    assert {finding.place for finding in stream.findings} == {"response.body"}
    assert all(SECRET.decode() not in repr(finding) for finding in stream.findings)
    assert all(finding.placeholder.startswith("REDACTED-secret-") for finding in stream.findings)


def test_nothing_is_changed_where_nothing_is_found(redactor: Redactor) -> None:
    for body in (filler(500_000), bytes(range(256)) * 2000, "žluť ".encode() * 50_000):
        for mime in ("text/plain", "application/octet-stream", "application/json", "application/x-www-form-urlencoded"):
            stream = opened(redactor, mime)
            out = b"".join([*(stream.feed(piece) for piece in every(body, 50_001)), stream.finish()])
            assert out == body
            assert stream.findings == []


def test_the_first_pair_of_a_form_counts_at_the_beginning_alone(redactor: Redactor) -> None:
    mime = "application/x-www-form-urlencoded"
    body = b"password=hunter2-x&" + b"a=b&" * 100_000 + b"client_secret=hunter3-x&c=d"
    new = fed(redactor, every(body, 65_536), mime)
    assert b"hunter" not in new
    assert new.count(b"a=b&") == 100_000


# Learning.


def test_what_is_learned_in_a_stream_is_found_in_what_follows() -> None:
    engine = Redactor(Policy(environment=False, key=KEY), recording=True, environment={})
    learned = b"l34rned-in-a-stream"
    body = b'{"token":"%s"}' % learned + filler(400_000) + b" " + learned + b" " + filler(10_000)
    stream = engine.open_stream("response", [], None)
    new = b"".join([*(stream.feed(piece) for piece in every(body, 65_536)), stream.finish()])
    assert learned not in new
    assert {finding.rule for finding in stream.findings} == {"field:token", "learned"}


def test_a_known_value_that_is_longer_than_the_window_is_found_across_it() -> None:
    long = "".join(f"k{number}/" for number in range(20_000))
    engine = Redactor(Policy([Secret(long, "given#1")], environment=False, key=KEY), environment={})
    body = filler(300_000) + long.encode() + filler(300_000)
    new = fed(engine, every(body, 65_536), "text/plain")
    assert b"k7000/" not in new
    assert new.startswith(filler(300_000))
    assert new.endswith(filler(300_000))


# Memory.


def _peak(redactor: Redactor, part: bytes, total: int, mime: str) -> int:
    stream = opened(redactor, mime)
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(total // len(part)):
            stream.feed(bytes(part))
        stream.finish()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


SHAPES: dict[str, tuple[bytes, str]] = {
    "text": (filler(65_536), "text/plain"),
    "json": (document(600)[:65_536], "application/json"),
    "binary": (random.Random(3).randbytes(65_536), "application/octet-stream"),
    "never ending": (b'{"password":"' + b"x" * 65_000, "application/json"),
    "secrets all over": ((SECRET + b" " + filler(300)) * 200, "text/plain"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_memory_is_bounded_whatever_the_length(redactor: Redactor, shape: str) -> None:
    part, mime = SHAPES[shape]
    short, long = (_peak(redactor, part, size, mime) for size in (500_000, 1_200_000))
    assert long < 8 * MOST_HELD
    assert long < short + 1_500_000


def test_placeholders_of_one_body_are_counted_within_bounds(redactor: Redactor) -> None:
    stream = opened(redactor)
    for number in range(12_000):
        stream.feed(b'{"password":"different-%d"},\n' % number)
    stream.finish()
    assert len(stream.findings) <= module.MOST_TOLD_APART + 10
    assert sum(finding.count for finding in stream.findings) == 12_000


@given(
    pieces=st.lists(st.binary(max_size=400), max_size=8),
    mime=st.sampled_from(["text/plain", "application/json", "image/png", "multipart/form-data; boundary=b"]),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.usefixtures("small")
def test_any_bytes_pass(redactor: Redactor, pieces: list[bytes], mime: str) -> None:
    new = fed(redactor, pieces, mime)
    known: list[Any] = [one for one in (SECRET, OTHER) if one in new]
    assert known == []
