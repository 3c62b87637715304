from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import re
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

import recorder
from cassette_tools.formats import WriteOptions, cassette_jsonl
from cassette_tools.formats.cassette_jsonl import FAMILY, FORMAT
from cassette_tools.head import Head
from cassette_tools.input_stream import InputStream, open_input
from cassette_tools.interaction import Body, Envelope, Interaction, Request, Response
from cassette_tools.losses import describe, differences
from recorder.errors import BadCassetteError, ConversionError, RecorderError
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import Cassette
from tests.recorder.journal.schema import validator
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassette_tools.interaction import Element
    from recorder.journal.read import Mode

LONG = 3_000_000
"""Bytes: over the body limit, so that the body is in several lines."""


def opened(data: bytes, *, mode: Mode = "tail") -> InputStream:
    stream = InputStream(io.BytesIO(data), "it.jsonl", path=None, size=len(data))
    stream.mode = mode
    return stream


def elements(data: bytes, *, mode: Mode = "tail") -> list[Element]:
    with opened(data, mode=mode) as stream:
        return list(cassette_jsonl.read(stream))


def interactions(data: bytes, *, mode: Mode = "tail") -> list[Interaction]:
    return [one for one in elements(data, mode=mode) if isinstance(one, Interaction)]


def rewritten(data: bytes, *, mode: Mode = "tail") -> bytes:
    with opened(data, mode=mode) as stream:
        return b"".join(cassette_jsonl.write(cassette_jsonl.read(stream), WriteOptions()))


def written(*given: Element) -> bytes:
    return b"".join(cassette_jsonl.write(given, WriteOptions()))


def lines(data: bytes) -> list[dict[str, Any]]:
    """Parse the lines, after holding each against the JSON Schema."""
    check = validator()
    out = [orjson.loads(line) for line in data.split(b"\n")[:-1]]
    for each in out:
        check.validate(each)
    return out


# -- cassettes as a recorder writes them


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


def traffic(origin: Origin) -> None:
    with requests.Session() as session:
        session.trust_env = False
        for target in (
            "json",
            "gzip",
            "deflate",
            "brotli",
            "zstd",
            "chunked",
            f"bytes/{LONG}",
            "bytes/0",
            "status/204",
            "status/404",
            "set-cookies",
            "latin1-headers",
            "no-reason",
            "redirect/2",
            "duplicate-headers",
            "http10",
            "close",
        ):
            session.get(f"{origin.url}/{target}", timeout=10)
        session.head(f"{origin.url}/json", timeout=10)
        session.post(f"{origin.url}/echo", data={"a": "b", "ü": "1"}, timeout=10)
        session.post(f"{origin.url}/echo", data="é" * 800_000, timeout=10)
        session.post(f"{origin.url}/echo", data=bytes(range(256)) * 8000, timeout=10)
        session.post(f"{origin.url}/echo", data=gzip.compress(b"x" * 99, mtime=0), headers={"Content-Encoding": "gzip"})
        for target in ("truncated", "garbage", "reset"):
            with pytest.raises(requests.RequestException):
                session.get(f"{origin.url}/{target}", timeout=10)
        with session.get(f"{origin.url}/bytes/9000000", stream=True, timeout=10) as cut:
            next(cut.iter_content(100))
        with pytest.raises(requests.RequestException):
            session.post("http://127.0.0.1:1/refused", data=b"x", timeout=10)


@pytest.mark.parametrize("redacting", [True, False])
def test_what_a_recorder_wrote_comes_back_byte_for_byte(origin: Origin, tmp_path: Path, redacting: bool) -> None:
    path = tmp_path / "it.jsonl"
    for mode in ("new", "append"):
        with recorder.record(path, mode=mode, redact=redacting):
            traffic(origin)
    data = path.read_bytes()
    assert data.count(b'{"type":"header"') == 2
    assert data.count(b'"type":"body"') > 20
    assert rewritten(data) == data
    assert rewritten(data, mode="strict") == data
    with open_input(str(path)) as stream:
        assert b"".join(cassette_jsonl.write(cassette_jsonl.read(stream), WriteOptions())) == data
        assert stream.remarks == {}


def test_of_several_threads_only_pieces_of_bodies_move(origin: Origin, tmp_path: Path) -> None:
    path = tmp_path / "it.jsonl"
    with recorder.record(path):
        threads = [threading.Thread(target=traffic, args=[origin]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    data = path.read_bytes()
    new = rewritten(data)
    before, after = data.split(b"\n"), new.split(b"\n")
    assert sorted(before) == sorted(after)
    assert [line for line in before if b'"type":"body"' not in line[:20]] == [
        line for line in after if b'"type":"body"' not in line[:20]
    ]
    assert rewritten(new) == new


# -- cassettes made by hand


def everything() -> Cassette:
    """Say all that the format knows, and what it does not know, behind what it knows."""
    made = Cassette(later=[1, {"a": None}]).process(later=1.5)
    made.get(redacted={"known:env:TOKEN": 2}, later={"a": [1, 2.5, "ü", None, True]})
    made.interaction(method="POST", sent=b"\xff\x00", body=b"a" * 700_000 + b"\xc3\xa9" * 400_000, pieces=5)
    made.interaction(
        status=None,
        error={
            "phase": "response",
            "type": "OSError",
            "message": "no",
            "cause": {"message": "m", "type": "T"},
            "received": "AAE=",
        },
    )
    made.interaction(body=None, client=None, connection=None, rss=None, timings_ms={}, pid=None, thread=None)
    made.interaction(body=b"", body_changes={"framing": "close"})
    made.interaction(extra={"har": {"pageref": "1"}, "vcrpy": []})
    made.diagnosis(memory={"rss": 1})
    made.add({"type": "later", "text": "as it is", "n": [1, 2]})
    made.end(later=None)
    made.header(run="222222222222", process="22222222")
    made.process(process="22222222", run="222222222222")
    made.get(process="22222222")
    return made


def test_cassettes_with_unknown_keys_and_types_and_runs_come_back_byte_for_byte() -> None:
    data = everything().data()
    assert rewritten(data) == data
    assert len(interactions(data)) == 7


def changed(made: Cassette, at: int, **changes: Any) -> bytes:
    """Change a line of a cassette: keys are paths, as request__body__later."""
    line = orjson.loads(made.lines[at])
    for path, value in changes.items():
        *way, last = path.split("__")
        place = line
        for step in way:
            place = place[step]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    made.lines[at] = orjson.dumps(line) + b"\n"
    return made.data()


@pytest.mark.parametrize(
    "path",
    ["request__later", "response__later", "request__body__later", "response__body__later", "connection__later"],
)
def test_unknown_keys_stay_wherever_they_stand(path: str) -> None:
    made = Cassette().process().get(sent=b"x").end()
    data = changed(made, 2, **{path: {"a": [1]}})
    assert rewritten(data) == data


def test_unknown_keys_among_known_ones_stay_too() -> None:
    line = orjson.loads(Cassette().get().lines[1])
    data = Cassette().lines[0] + orjson.dumps({"type": "interaction", "later": 1} | line) + b"\n"
    again = rewritten(data)
    assert [orjson.loads(one) for one in again.splitlines()] == [orjson.loads(one) for one in data.splitlines()]


def test_pieces_stay_cut_as_they_are_and_raw_ones_stay_marked() -> None:
    made = Cassette()
    parts = [b"text", b"\xff\xfe", "é".encode(), b"", b"\x1f\x8b"]
    for number, part in enumerate(parts):
        try:
            content = {"text": part.decode()}
        except UnicodeDecodeError:
            content = {"base64": base64.b64encode(part).decode()}
        raw = {"raw": True} if number >= 3 else {}
        made.add({"type": "body", "of": "5f2c9a1b-1", "part": "response", "piece": number, **content, **raw})
    whole = b"".join(parts)
    made.interaction(body=whole, pieces=0, body_changes={"coding": "gzip", "coding_error": "not gzip: no"})
    # the order in which a recorder says it
    body = {
        "size": len(whole),
        "wire_size": len(whole),
        "sha256": hashlib.sha256(whole).hexdigest(),
        "complete": True,
        "coding": "gzip",
        "coding_error": "not gzip: no",
        "framing": "length",
        "pieces": 5,
    }
    data = changed(made, len(made.lines) - 1, response__body=body)
    assert rewritten(data) == data
    (interaction,) = interactions(data)
    assert interaction.extra == {FAMILY: {"response.raw": 3}}


def test_a_torn_tail_is_left_out_and_remarked() -> None:
    made = Cassette().process().get()
    with opened(made.data() + b'{"type":"interaction","id":"5f2c') as stream:
        assert b"".join(cassette_jsonl.write(cassette_jsonl.read(stream), WriteOptions())) == made.data()
        (remark,) = stream.remarks.values()
    assert remark.text == "32 damaged bytes were left out: the record is torn."
    assert remark.place == f"byte {len(made.data())}"


def test_damage_is_refused_or_in_the_mode_skip_left_out_and_remarked() -> None:
    made = Cassette().get().raw(b"{damage\n").get()
    with pytest.raises(BadCassetteError, match=r"it\.jsonl, line 3, byte"):
        elements(made.data())
    with opened(made.data(), mode="skip") as stream:
        assert len(list(cassette_jsonl.read(stream))) == 3
        assert len(stream.remarks) == 1


def test_pieces_whose_interaction_never_came_are_remarked() -> None:
    made = Cassette().get(body=b"x" * 9, pieces=3)
    for number in range(4):
        made.add({"type": "body", "of": "5f2c9a1b-9", "part": "response", "piece": number, "text": "x"})
    with opened(made.data()) as stream:
        list(cassette_jsonl.read(stream))
        assert [one.text for one in stream.remarks.values()] == [
            "4 pieces of bodies were left out: their interaction never came."
        ]


def test_unknown_keys_of_pieces_are_remarked() -> None:
    made = Cassette()
    made.add({"type": "body", "of": "5f2c9a1b-1", "part": "response", "piece": 0, "later": 1, "text": "xyz"})
    data = changed(made.get(body=b"xyz"), 2, response__body__pieces=1, bodies={})
    with opened(data) as stream:
        list(cassette_jsonl.read(stream))
        assert [one.text for one in stream.remarks.values()] == ["Unknown keys of body lines were left out."]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"response__body__size": 10}, "has 9 bytes, and its description says another number"),
        ({"response__body__sha256": "0" * 64}, "has another digest than its description says"),
    ],
)
def test_the_mode_strict_compares_size_and_digest(changes: dict[str, Any], said: str) -> None:
    data = changed(Cassette().get(), 1, **changes)
    assert len(interactions(data)) == 1
    with pytest.raises(BadCassetteError, match=rf"it\.jsonl, line 2: the response's body {said}"):
        interactions(data, mode="strict")


@pytest.mark.parametrize("given", ["2026-11-23T05:30:48+02:00", "2026-11-23T03:30:48Z", "2026-11-23 03:30:48.000Z"])
def test_times_of_other_forms_become_the_one_form(given: str) -> None:
    (interaction,) = interactions(changed(Cassette().get(), 1, started_at=given))
    assert interaction.started_at == "2026-11-23T03:30:48.000000Z"


def test_header_text_beyond_latin_1_is_taken_for_its_utf8() -> None:
    (interaction,) = interactions(Cassette().get(headers=[("X-A", "€"), ("X-B", "é")]).data())
    assert interaction.response is not None
    assert interaction.response.headers == [("X-A", "\xe2\x82\xac"), ("X-B", "é")]


# -- hostile cassettes


JUNK: list[Any] = [None, True, -1, 1, 2**63, 1e300, "", "text", "a\0b", [], [[]], [["a", 1]], [1], {}, {"a": 1}, ...]
PLACES = [
    "id",
    "seq",
    "started_at",
    "timings_ms",
    "timings_ms__total",
    "client",
    "process",
    "pid",
    "thread",
    "connection",
    "connection__id",
    "connection__peer",
    "connection__reused",
    "rss",
    "request",
    "request__method",
    "request__url",
    "request__http_version",
    "request__headers",
    "request__body",
    "request__body__size",
    "request__sent",
    "request__target",
    "response",
    "response__status",
    "response__reason",
    "response__headers",
    "response__trailers",
    "response__body",
    "response__body__size",
    "response__body__wire_size",
    "response__body__complete",
    "response__body__coding",
    "response__body__pieces",
    "response__body__sha256",
    "error",
    "error__phase",
    "error__cause",
    "redacted",
    "extra",
    "origin",
    "bodies",
    "bodies__response",
    "bodies__response__text",
    "bodies__response__base64",
    "bodies__request",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_wrong_value_is_one_error_with_its_place_or_harmless(place: str) -> None:
    for junk in JUNK:
        made = Cassette().get(sent=b"x", error={"phase": "body", "type": "E", "message": "m", "cause": None})
        try:
            data = changed(made, 1, **{place: junk})
        except KeyError:  # to be deleted, and not there
            continue
        try:
            taken = interactions(data)
            assert all(map(orjson.loads, rewritten(data).splitlines()))
        except BadCassetteError as error:
            assert str(error).startswith("it.jsonl, line 2")  # noqa: PT017 - either way is fine
            continue
        for one in taken:
            sound(one)


@pytest.mark.parametrize("key", ["process", "pid", "thread", "client", "connection", "rss", "started_at"])
def test_what_is_absent_and_what_is_null_say_the_same(key: str) -> None:
    (absent,) = interactions(changed(Cassette().get(), 1, **{key: ...}))
    (null,) = interactions(changed(Cassette().get(), 1, **{key: None}))
    (again,) = interactions(rewritten(changed(Cassette().get(), 1, **{key: ...})))
    assert describe(absent) == describe(null) == describe(again)


def sound(one: Interaction) -> None:
    """Check that an interaction is what the model promises."""
    request, response = one.request, one.response
    for text in (request.method, request.url):
        assert type(text) is str
    for maybe in (one.started_at, one.client, one.origin, request.http_version, request.target):
        assert type(maybe) in (str, type(None))
    for number in (one.rss, *((one.process or {}).get(key) for key in ("seq", "pid", "thread"))):
        assert number is None or type(number) is int
    for thing in (one.error, one.connection, one.redacted, one.process):
        assert thing is None or type(thing) is dict
    assert all(type(value) in (int, float) for value in one.timings_ms.values())
    for message in (request, response):
        if message is not None:
            assert all(type(name) is type(value) is str for name, value in message.headers)
            body = message.body
            assert body is None or type(body.size) is int
    if response is not None:
        assert 0 <= response.status <= 999


@settings(max_examples=150)
@given(st.data())
def test_whatever_the_bytes_nothing_but_our_errors_comes_out(data: st.DataObject) -> None:
    given = bytearray(everything().data()[:6000])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(given) - 1))
        given[at : at + data.draw(st.integers(0, 4))] = data.draw(
            st.sampled_from([b"", b"\0", b"\xff", b"{", b"}", b'"', b"\n", b"[", b"9", b",", b"null", b"\\u0000"])
        )
    for mode in ("tail", "skip", "strict"):
        try:
            rewritten(bytes(given), mode=mode)
        except RecorderError as error:
            assert str(error).startswith("it.jsonl")  # noqa: PT017 - either way is fine


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_what_is_nested_deep_is_written_or_refused() -> None:
    header = Cassette().lines[0]
    deep = header + b'{"type":"later","a":' + b"[" * 300 + b"]" * 300 + b"}\n"
    assert rewritten(deep) == deep
    deepest = header + b'{"type":"later","a":' + b"[" * 1000 + b"]" * 1000 + b"}\n"
    with pytest.raises(RecorderError):
        rewritten(deepest)


def test_numbers_beyond_64_bits_in_what_others_say_are_written() -> None:
    data = written(Interaction(Request("GET", "http://a/", []), extra={"go-vcr": {"n": 2**70}}))
    assert b'"n":1180591620717411303424' in data


def test_half_a_character_is_refused_without_showing_it() -> None:
    with pytest.raises(ConversionError, match="A line of type interaction cannot be written as JSON"):
        written(Interaction(Request("GET", "http://a/\ud800", [])))


# -- interactions from elsewhere


def foreign(number: int = 1) -> Interaction:
    return Interaction(
        Request("POST", f"http://localhost/{number}", [("A", "é")], Body("sent é")),
        Response(200, "OK", [("B", "1"), ("b", "2")], Body(b"\xff", coding="gzip", wire=b"1234", wire_size=4)),
        extra={"har": {"pageref": "p"}},
        origin="har",
    )


def test_interactions_from_elsewhere_get_a_run_of_their_own() -> None:
    data = written(foreign(1), foreign(2), Interaction(Request("GET", "http://a/", []), error=ERROR))
    header, process, *middle, end = lines(data)
    assert [one["type"] for one in (header, process, *middle, end)] == [
        "header",
        "process",
        "interaction",
        "interaction",
        "interaction",
        "end",
    ]
    assert {one["process"] for one in (header, process, *middle, end)} == {header["process"]}
    assert [one["seq"] for one in middle] == [1, 2, 3]
    assert [one["id"] for one in middle] == [f"{header['process']}-{number}" for number in (1, 2, 3)]
    assert (end["seen"], end["interactions"], end["errors"], end["lost"]) == (3, 3, 1, {})
    assert end["bytes"] == len(data) - len(data.splitlines()[-1]) - 1
    assert middle[0]["extra"] == {"har": {"pageref": "p"}}
    assert middle[0]["started_at"] is None
    with Reader(io.BytesIO(data), mode="strict") as reader:
        for line in reader:
            if line.type == "interaction":
                b"".join(reader.body(line, "response"))
        assert reader.finished


ERROR = {"phase": "connect", "type": "OSError", "message": "refused"}


def test_what_comes_from_elsewhere_comes_back_equal() -> None:
    given = [foreign(1), foreign(2)]
    for one, other in zip(given, interactions(written(*given)), strict=True):
        assert differences(describe(one), describe(other), ["process"]) == []
        assert other.origin == "har"


def test_the_same_input_gets_the_same_names() -> None:
    ids = [[one["id"] for one in lines(written(foreign(1), foreign(2))) if "id" in one] for _ in range(2)]
    assert ids[0] == ids[1]


def test_two_runs_behind_one_another_have_different_names() -> None:
    header = Envelope(FAMILY, orjson.loads(Cassette().lines[0]))
    made = lines(written(foreign(1), header, foreign(1)))
    assert [one["type"] for one in made] == [
        "header",
        "process",
        "interaction",
        "end",
        "header",
        "header",
        "process",
        "interaction",
        "end",
    ]
    first, second = (one["id"] for one in made if one["type"] == "interaction")
    assert first != second


def test_a_cassette_without_an_interaction_is_a_header() -> None:
    assert [one["type"] for one in lines(written())] == ["header"]


def test_what_others_say_of_themselves_follows_the_header_and_comes_back() -> None:
    page = Envelope("har", {"pages": [{"id": "p"}]})
    for all_of_it in ([page, foreign()], [foreign(), page], [page]):
        data = written(*all_of_it)
        assert lines(data)[0]["type"] == "header"
        assert [one for one in elements(data) if isinstance(one, Envelope) and one.family == "har"] == [page]


def test_many_envelopes_do_not_wait_in_memory() -> None:
    taken = 0

    def endless() -> Iterator[Element]:
        nonlocal taken
        for number in range(100_000):
            taken += 1
            yield Envelope("mitmproxy", {"n": number})

    assert next(cassette_jsonl.write(endless(), WriteOptions())).startswith(b'{"type":"header"')
    assert taken < 5000


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 5_000_000])
@pytest.mark.parametrize("kind", ["text", "binary", "stream"])
def test_bodies_of_any_size_come_back(size: int, kind: str) -> None:
    content = (b"\xc3\xa9" * size)[:size] if kind == "text" else os.urandom(size)
    cut = [content[start : start + 70_001] for start in range(0, size, 70_001)]
    body = Body(stream=lambda: iter(cut), size=size) if kind == "stream" else Body(content)
    data = written(Interaction(Request("PUT", "http://a/", [], body)))
    assert max(map(len, data.split(b"\n"))) < 12 << 20
    lines(data)
    (back,) = interactions(data)
    assert back.request.body is not None
    assert back.request.body.size == size
    with opened(data) as stream:
        for one in cassette_jsonl.read(stream):
            if isinstance(one, Interaction):
                assert one.request.body is not None
                assert one.request.body.read() == content


# -- streaming and recognition


def test_the_first_interaction_comes_before_the_last_was_read() -> None:
    made = Cassette()
    for _ in range(20_000):
        made.get()
    with opened(made.data()) as stream:
        given = cassette_jsonl.read(stream)
        out = cassette_jsonl.write(given, WriteOptions())
        assert next(out)
        assert next(out)
        assert stream.taken < len(made.data()) / 2


def test_progress_of_a_packed_cassette_never_passes_its_size(tmp_path: Path) -> None:
    made = Cassette()
    for _ in range(5000):
        made.get()
    path = tmp_path / "it.jsonl.gz"
    path.write_bytes(gzip.compress(made.data(), mtime=0))
    told: list[int] = []
    with open_input(str(path)) as stream:
        stream.on_progress = told.append
        assert len(list(cassette_jsonl.read(stream))) == 5001
        assert max(told) == stream.taken == stream.size


@pytest.mark.parametrize(
    ("data", "certain"),
    [
        (b'{"type":"header","format":1}\n', True),
        (b'\xef\xbb\xbf{"type":"header","format":1}\n', True),
        (b'{"type": "header", "format": 1}\n', True),
        (b'{"type":"process"}\n', True),
        (b'{"interactions": []}', False),
        (b'{"type": "object", "properties": {}}', False),
        (b"interactions:\n", False),
        (b"", False),
    ],
)
def test_it_is_recognized_by_its_first_line(data: bytes, certain: bool) -> None:
    assert (FORMAT.sniff(Head(data, whole=True)) > 50) == certain


@pytest.mark.parametrize("moment", ["2026-13-99T99:99:99.999999Z", "2026-02-30T00:00:00.000000Z", "yesterday"])
def test_a_time_that_is_none_is_refused(tmp_path: Path, moment: str) -> None:
    path = Cassette().get().write(tmp_path / "it.jsonl")
    path.write_bytes(re.sub(rb'"started_at":"[^"]*"', b'"started_at":"%s"' % moment.encode(), path.read_bytes()))

    with pytest.raises(BadCassetteError, match="started_at"), open_input(str(path)) as stream:
        list(FORMAT.read(stream) if FORMAT.read is not None else ())


def test_what_is_counted_of_processes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassette_jsonl, "_MOST_PROCESSES", 3)
    asked = Request("GET", "http://localhost/", [])
    run = cassette_jsonl._Run()
    run.has_header = True
    for number in range(9):
        process = {"id": f"{number}-1", "seq": 1, "process": str(number)}
        list(run.lines(Interaction(asked, process=process)))

    assert len(run._written) == 3
    known = {"type": "end", "process": "0", "interactions": 2, "errors": 0, "lost": {}}
    unknown = known | {"process": "8"}
    assert run.corrected(unknown) == unknown
    assert run.corrected(known)["interactions"] == 1
