from __future__ import annotations

import base64
import hashlib
import io
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools import redaction
from cassette_tools.blocks import survey
from cassette_tools.redaction import Found, redacted
from recorder.errors import CassetteDamagedError
from recorder.journal.read import Reader
from tests.cassette_tools.cassettes import Cassette, content, described
from tests.cassette_tools.standin import SECRET, Standin, placeholder_of

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = SECRET.encode()
SHOWN = placeholder_of(KNOWN)


def redact(data: bytes, path: Path, engine: Standin | None = None) -> tuple[bytes, list[Found]]:
    """Redact a cassette by its blocks, and put together what comes out."""
    path.write_bytes(data)
    out, found = [], []
    with io.FileIO(path) as file:
        for block in survey(file, "it.jsonl").blocks:
            at = block.offset
            for size, new, findings in redacted(engine or Standin((SECRET,)), block, file.fileno(), name="it.jsonl"):
                out.append(data[at : at + size] if new is None else new)
                at += size
                if findings is not None:
                    found.append(findings)
            assert at == block.offset + block.size
    return b"".join(out), found


def bodies(data: bytes) -> dict[tuple[str, str], bytes]:
    """Read all bodies back, size and digest compared."""
    found = {}
    with Reader(io.BytesIO(data), mode="strict") as reader:
        for line in reader:
            if line.type == "interaction":
                for part in ("request", "response"):
                    found[line.head["id"], part] = b"".join(reader.body(line, part))
    return found


def pieces(of: str, parts: list[bytes], part: str = "response") -> list[bytes]:
    return [
        orjson.dumps({"type": "body", "of": of, "part": part, "piece": number} | content(data)) + b"\n"
        for number, data in enumerate(parts)
    ]


def interaction(identity: str, count: int, whole: bytes, **more: Any) -> bytes:
    line = {"type": "interaction", "id": identity, "request": {"url": "https://a/", "headers": [], "body": None}}
    response = {"status": 200, "headers": [["A", "b"]], "body": described(whole) | {"pieces": count}}
    return orjson.dumps(line | {"response": response} | more | {"bodies": {}}) + b"\n"


def test_lines_in_which_nothing_is_found_keep_their_bytes(tmp_path: Path) -> None:
    data = (
        b"\xef\xbb\xbf"
        + Cassette().process().get(body=b"1.10").diagnosis(x=1).data()
        + b'{ "type":"later", "n": 1.10, "n": 1e5 }\r\n\n\r\n'
        + Cassette().get(body=b"abc" * 9, pieces=3).data()
        + b'{"type":"body","of":"a-1","part":"request","piece":0, "text" : "\\u0041"}\n'
        + b'{"type":"interaction","id":"a-1"}'
    )

    assert redact(data, tmp_path / "it") == (data, [])


def test_a_line_keeps_what_stands_around_it(tmp_path: Path) -> None:
    header = Cassette(recorder=SECRET).data()
    odd = b'{ "type" : "interaction", "id": "b-1", "x": "' + KNOWN + b'" }'
    data = b"\xef\xbb\xbf" + header[:-1] + b"\r\n" + Cassette(process="aa").get(f"https://a/{SECRET}").data() + odd

    new, found = redact(data, tmp_path / "it")

    assert new == data.replace(KNOWN, SHOWN)
    assert [(one.line, one.interaction, one.id) for one in found] == [(1, 0, None), (3, 1, "aa-1"), (4, 2, "b-1")]


@pytest.mark.parametrize("cut", range(1, len(KNOWN)))
def test_a_value_across_two_pieces_goes_from_both(tmp_path: Path, cut: int) -> None:
    parts = [b"one " + KNOWN[:cut], KNOWN[cut:] + b" two", b"three"]
    data = Cassette().data() + b"".join(pieces("a-1", parts)) + interaction("a-1", 3, b"".join(parts))

    new, found = redact(data, tmp_path / "it")

    lines = [orjson.loads(line) for line in new.splitlines()]
    assert [line["text"] for line in lines[1:4]] == ["one " + SHOWN.decode(), " two", "three"]
    assert bodies(new) == {("a-1", "request"): b"", ("a-1", "response"): b"one " + SHOWN + b" twothree"}
    assert new.splitlines(keepends=True)[3] == data.splitlines(keepends=True)[3]
    assert [(one.interaction, one.id, one.findings[0].place) for one in found] == [(1, "a-1", "response.body")]


def test_a_value_may_take_a_whole_piece_with_it(tmp_path: Path) -> None:
    parts = [KNOWN[:3], KNOWN[3:8], KNOWN[8:], b"rest"]
    data = Cassette().data() + b"".join(pieces("a-1", parts)) + interaction("a-1", 4, b"".join(parts))

    new, _ = redact(data, tmp_path / "it")

    assert [orjson.loads(line).get("text") for line in new.splitlines()[1:5]] == [SHOWN.decode(), "", "", "rest"]
    assert bodies(new)["a-1", "response"] == SHOWN + b"rest"


def test_bodies_that_interleave_are_told_apart(tmp_path: Path) -> None:
    one, two = [b"x" * 50, KNOWN[:4], KNOWN[4:] + b"y" * 70], [KNOWN[:7], KNOWN[7:], b"\xff" + KNOWN]
    first, second = pieces("a-1", one), pieces("a-2", two, "request")
    last = orjson.loads(interaction("a-2", 3, b"".join(two)))
    last["request"]["body"], last["response"] = last["response"]["body"], None
    woven = [line for pair in zip(first, second, strict=True) for line in pair]
    data = (
        Cassette().data()
        + b"".join([*woven[:3], interaction("a-9", 0, b""), *woven[3:], interaction("a-1", 3, b"".join(one))])
        + orjson.dumps(last)
        + b"\n"
    )

    new, found = redact(data, tmp_path / "it")

    got = bodies(new)
    assert got["a-1", "response"] == b"".join(one).replace(KNOWN, SHOWN)
    assert got["a-2", "request"] == b"".join(two).replace(KNOWN, SHOWN)
    assert [(each.id, each.interaction, each.findings[0].place) for each in found] == [
        ("a-1", 2, "response.body"),
        ("a-2", 3, "request.body"),
    ]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([KNOWN, b"x", b"yy" * 20, b"\xff", b"\xc3\xa9"]), max_size=4), min_size=1, max_size=5
    ),
    st.data(),
)
def test_wherever_pieces_are_cut_the_body_is_redacted_as_a_whole(
    tmp_path_factory: pytest.TempPathFactory, made: list[list[bytes]], drawn: st.DataObject
) -> None:
    whole = b"".join(b"".join(part) for part in made)
    cuts = sorted(drawn.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    parts = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    data = Cassette().data() + b"".join(pieces("a-1", parts)) + interaction("a-1", len(parts), whole)
    path = tmp_path_factory.mktemp("redaction") / "it"

    new, _ = redact(data, path)

    assert bodies(new)["a-1", "response"] == whole.replace(KNOWN, SHOWN)
    for line, old, part in zip(new.splitlines()[1:-1], data.splitlines()[1:-1], parts, strict=True):
        said = orjson.loads(line)
        assert ("text" in said) == (content(_stored(said)).get("text") is not None)
        assert line == old or _stored(said) != part
    assert redact(new, path) == (new, [])


def _stored(said: dict[str, Any]) -> bytes:
    return said["text"].encode() if "text" in said else base64.b64decode(said["base64"])


def test_text_or_base64_is_decided_anew(tmp_path: Path) -> None:
    parts = [b"\xff" + KNOWN, KNOWN + b"\xff"]
    engine = Standin((SECRET, "\x00"))
    engine.values = lambda: [(b"\xff" + KNOWN, "known:co")]  # type: ignore[method-assign]
    data = Cassette().data() + b"".join(pieces("a-1", parts)) + interaction("a-1", 2, b"".join(parts))

    new, _ = redact(data, tmp_path / "it", engine)

    first, second = (orjson.loads(line) for line in new.splitlines()[1:3])
    assert list(first) == ["type", "of", "part", "piece", "text"]
    assert list(second) == ["type", "of", "part", "piece", "base64"]
    assert bodies(new)["a-1", "response"] == placeholder_of(b"\xff" + KNOWN) + KNOWN + b"\xff"


def test_a_raw_piece_keeps_its_mark(tmp_path: Path) -> None:
    line = b'{"type":"body","of":"a-1","part":"response","piece":0,"text":"%s","raw":true}\n' % KNOWN
    data = Cassette().data() + line + interaction("a-1", 1, KNOWN)

    new, _ = redact(data, tmp_path / "it")

    assert new.splitlines(keepends=True)[1] == line.replace(KNOWN, SHOWN)


def test_what_another_writer_adds_to_a_body_line_is_redacted_too(tmp_path: Path) -> None:
    line = b'{"note":"%s", "type":"body","text":"a%s","piece":0,"part":"response","of":"a-1"}\n' % (KNOWN, KNOWN)
    data = Cassette().data() + line + interaction("a-1", 1, b"a" + KNOWN)

    new, _ = redact(data, tmp_path / "it")

    said = orjson.loads(new.splitlines()[1])
    assert (said["note"], said["text"], said["of"]) == (SHOWN.decode(), "a" + SHOWN.decode(), "a-1")
    assert redact(new, tmp_path / "it") == (new, [])


def test_pieces_whose_interaction_never_came_are_redacted(tmp_path: Path) -> None:
    data = Cassette().data() + b"".join(pieces("a-1", [KNOWN[:4], KNOWN[4:] + b"!"]))
    engine = Standin((SECRET,))

    new, found = redact(data, tmp_path / "it", engine)

    assert [orjson.loads(line).get("text") for line in new.splitlines()[1:]] == [SHOWN.decode(), "!"]
    assert [(one.line, one.interaction, one.id) for one in found] == [(3, 0, "a-1")]
    assert engine.streams == [("response", None, None)]


def test_a_body_line_that_says_not_whose_it_is_is_redacted_by_itself(tmp_path: Path) -> None:
    line = orjson.dumps({"type": "body", "piece": 3, "text": SECRET}) + b"\n"

    new, found = redact(Cassette().data() + line, tmp_path / "it")

    assert orjson.loads(new.splitlines()[1]) == {"type": "body", "piece": 3, "text": SHOWN.decode()}
    assert len(found) == 1


def test_the_engine_is_told_the_headers_and_the_url_of_a_body_in_pieces(tmp_path: Path) -> None:
    data = Cassette().data() + b"".join(pieces("a-1", [b"x", b"y"])) + interaction("a-1", 2, b"xy")
    engine = Standin((SECRET,))

    redact(data, tmp_path / "it", engine)

    assert engine.streams == [("response", [["A", "b"]], "https://a/")]


def test_a_run_that_stands_twice_in_a_file_is_redacted_twice(tmp_path: Path) -> None:
    run = Cassette().get(body=b"a" * 40 + KNOWN + b"b" * 40, pieces=4).data()

    new, _ = redact(run + run, tmp_path / "it")

    half = new[: len(new) // 2]
    assert new == half + half
    assert set(bodies(half).values()) == {b"", b"a" * 40 + SHOWN + b"b" * 40}


def test_pieces_that_are_not_kept_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Cassette().get(body=(b"x" * 30 + KNOWN) * 20, pieces=50).data()
    kept, _ = redact(data, tmp_path / "it")
    monkeypatch.setattr(redaction, "AHEAD", 0)

    assert redact(data, tmp_path / "it")[0] == kept
    assert KNOWN not in kept


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"body","of":"a-1","part":"response","piece":0,"base64":"?"}',
        b'{"type":"body","of":"a-1","part":"response","piece":0}',
        b'{"type":"body","of":"a-1","part":"response","piece":0,"text":"a","base64":"YQ=="}',
        b'{"type":"body","of":"a-1","part":"response","piece":0,"text":nul}',
    ],
)
def test_what_cannot_be_parsed_is_an_error_that_names_the_line_and_tells_nothing(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(CassetteDamagedError, match=r"^it\.jsonl, line 2, byte \d+: the record is garbled") as caught:
        redact(Cassette().data() + line + b"\n", tmp_path / "it")

    assert line.decode() not in str(caught.value)


def test_digests_are_those_of_what_is_stored(tmp_path: Path) -> None:
    parts = [KNOWN, b"tail"]
    data = Cassette().data() + b"".join(pieces("a-1", parts)) + interaction("a-1", 2, b"".join(parts))

    described_now = orjson.loads(redact(data, tmp_path / "it")[0].splitlines()[-1])["response"]["body"]

    assert described_now["size"] == len(SHOWN + b"tail")
    assert described_now["sha256"] == hashlib.sha256(SHOWN + b"tail").hexdigest()
