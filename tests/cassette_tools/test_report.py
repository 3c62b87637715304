"""What a report gathers, and within which bounds."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools import report as module
from cassette_tools.report import BLOCK, LINE_TYPES, gather
from cassette_tools.selection import wanted_by
from cassette_tools.source import open_cassette
from recorder.errors import BadCassetteError, OutputError
from tests.cassette_tools.cassettes import Cassette, described
from tests.cassette_tools.test_picture import PICTURES

if TYPE_CHECKING:
    from cassette_tools.report import Report

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = sorted(
    path
    for path in (ROOT / "fixtures").glob("*/*")
    if path.suffix in {".json", ".yaml", ".yml", ".har", ".flows", ".toml"} and "erb" not in path.name
)
NEVER_SHOWN = 18  # the column from which on a row has what the filter looks at
RESET = {"phase": "body", "type": "requests.exceptions.ConnectionError", "message": "reset"}


def gathered(
    path: Path,
    *,
    limit: int = 10_000,
    body_limit: int = 65_536,
    only: str | None = None,
    mode: Any = "tail",
    **more: int,
) -> Report:
    with open_cassette(str(path), mode=mode, types=LINE_TYPES, bodies=True) as opened:
        return gather(opened.reader, wanted_by(only), limit=limit, body_limit=body_limit, **more)


def unpacked(report: Report, kind: str) -> list[Any]:
    return [
        value
        for block in report.blocks(kind)
        for value in json.loads(zlib.decompress(base64.b64decode(block), wbits=31))
    ]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_every_format_becomes_rows_and_details(path: Path) -> None:
    with gathered(path) as report:
        rows, details = unpacked(report, "rows"), unpacked(report, "details")
    assert report.rows == len(rows) == len(details) == report.summary.interactions
    assert [row[0] for row in rows] == [one["number"] for one in details] == list(range(1, len(rows) + 1))
    assert all(row[2] == one["request"]["method"] for row, one in zip(rows, details, strict=True))


def test_a_number_is_the_place_in_the_cassette_whatever_was_filtered(tmp_path: Path) -> None:
    cassette = Cassette().get(status=200).get(status=500).get(status=200).get(status=502).end()
    with gathered(cassette.write(tmp_path / "c.jsonl"), only="~c 500-599") as report:
        assert [row[0] for row in unpacked(report, "rows")] == [2, 4]
    assert report.summary.interactions == 2


def test_beyond_the_limit_interactions_are_counted_only(tmp_path: Path) -> None:
    cassette = Cassette()
    for _ in range(5):
        cassette.get()
    with gathered(cassette.end().write(tmp_path / "c.jsonl"), limit=2) as report:
        assert len(unpacked(report, "details")) == 2
    assert (report.rows, report.left_out, report.summary.interactions) == (2, 3, 5)


def test_a_body_is_cut_at_the_limit_and_counted(tmp_path: Path) -> None:
    cassette = Cassette().get(body=b"x" * 1000, headers=[]).get(body=b"y" * 100, headers=[]).end()
    with gathered(cassette.write(tmp_path / "c.jsonl"), body_limit=100) as report:
        bodies = [one["response"]["body"] for one in unpacked(report, "details")]
    assert [(body["text"], body["shown"], body["size"]) for body in bodies] == [
        ("x" * 100, 100, 1000),
        ("y" * 100, 100, 100),
    ]
    assert report.cut_bodies == 1


def test_a_body_in_pieces_is_read_no_further_than_needed(tmp_path: Path) -> None:
    body = b"line of text\n" * 20_000
    cassette = Cassette().get(body=body, pieces=10, headers=[]).end()
    with gathered(cassette.write(tmp_path / "c.jsonl"), body_limit=130) as report:
        [one] = unpacked(report, "details")
    assert one["response"]["body"]["text"] == "line of text\n" * 10
    assert one["response"]["body"]["size"] == len(body)


def test_when_there_is_no_more_room_bodies_are_left_out_and_counted(tmp_path: Path) -> None:
    cassette = Cassette()
    for _ in range(120):
        cassette.get(body=b"a body", headers=[])
    with gathered(cassette.end().write(tmp_path / "c.jsonl"), room=1) as report:
        kinds = [one["response"]["body"]["kind"] for one in unpacked(report, "details")]
    assert kinds == ["text"] * 51 + ["left out"] * 69  # the first block was packed when it was full
    assert report.without_bodies == 69


def test_details_come_in_blocks_that_tell_where_they_begin(tmp_path: Path) -> None:
    cassette = Cassette()
    for _ in range(101):
        cassette.get()
    cassette.get(body=b"z" * 60_000, headers=[])
    with gathered(cassette.end().write(tmp_path / "c.jsonl")) as report:
        blocks = [len(json.loads(zlib.decompress(base64.b64decode(one), wbits=31))) for one in report.blocks("details")]
    assert report.firsts == [0, 50, 100]
    assert blocks == [50, 50, 2]


@pytest.mark.parametrize(
    ("content_type", "body", "kind", "key"),
    [
        ("application/json", b'{"a":[1.10,2]}', "json", "source"),
        ("text/html", b" [1, 2", "json", "source"),
        ("application/json", b'\xef\xbb\xbf{"a":1}', "json", "text"),
        ("application/json", b'{"a":"\xff"}', "json", "text"),
        ("application/json", b'{"a":1,\r\n"b":2}', "json", "text"),
        ("application/json", b"  ", "text", "text"),
        ("text/event-stream", b"event: tick\ndata: 1\n\ndata: 2\n\n", "events", "events"),
        ("application/x-www-form-urlencoded", b"a=1&b=2", "form", "fields"),
        (
            "multipart/form-data; boundary=X",
            b'--X\r\nContent-Disposition: form-data; name="f"\r\n\r\nv\r\n--X--',
            "multipart",
            "parts",
        ),
        ("image/png", b"\x89PNG\r\n\x1a\n\x00\x00", "binary", "hex"),
        ("text/html", b"<html><script>1</script></html>", "html", "text"),
        ("text/plain", b"", "empty", "text"),
    ],
)
def test_a_body_is_shown_by_its_kind(content_type: str, body: bytes, kind: str, key: str, tmp_path: Path) -> None:
    cassette = Cassette().get(body=body, headers=[("Content-Type", content_type)]).end()
    with gathered(cassette.write(tmp_path / "c.jsonl")) as report:
        [one] = unpacked(report, "details")
    assert one["response"]["body"]["kind"] == kind
    assert key in one["response"]["body"]
    assert bool(one["response"]["body"][key]) == bool(body)


def test_a_picture_is_there_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = base64.b64decode(PICTURES["image/png"])
    cassette = Cassette().get(body=data).get(body=data + bytes(1000)).get(body=data).get(body=data).end()
    monkeypatch.setattr(module, "PICTURES", 2 * len(base64.b64encode(data)))
    with gathered(cassette.write(tmp_path / "c.jsonl"), body_limit=500) as report:
        bodies = [one["response"]["body"] for one in unpacked(report, "details")]
    assert [body.get("picture") for body in bodies] == [
        {"type": "image/png", "width": 3, "height": 2},
        None,
        {"type": "image/png", "width": 3, "height": 2},
        None,
    ]
    assert base64.b64decode(bodies[0]["base64"]) == data
    assert "no more room for pictures" in bodies[3]["notes"][-1]


def test_a_failure_is_told_with_its_cause_and_what_arrived(tmp_path: Path) -> None:
    error = RESET | {
        "cause": {"type": "OSError", "message": "[Errno 104]"},
        "received": base64.b64encode(b"HTTP/9.9 nonsense").decode(),
    }
    cassette = Cassette().get(status=None, body=None, error=error).end()
    with gathered(cassette.write(tmp_path / "c.jsonl")) as report:
        [row], [one] = unpacked(report, "rows"), unpacked(report, "details")
    assert row[4:6] == [None, "ConnectionError"]
    assert one["error"]["cause"] == "OSError: [Errno 104]"
    assert one["error"]["received"][0].endswith("HTTP/9.9 nonsens")  # sixteen bytes a line


def test_a_request_comes_as_a_curl_command_that_says_what_it_lacks(tmp_path: Path) -> None:
    cassette = Cassette().get(request_headers=[("Authorization", "Bearer REDACTED-secret-1")]).get("nonsense").end()
    with gathered(cassette.write(tmp_path / "c.jsonl")) as report:
        first, second = unpacked(report, "details")
    assert first["curl"]["command"].startswith("curl ")
    assert "placeholders" in first["curl"]["notes"][0]
    assert second["curl"] is None


def test_a_time_that_was_not_measured_is_none(tmp_path: Path) -> None:
    cassette = Cassette().get(timings_ms={"connect": -1, "total": 5.5}).end()
    with gathered(cassette.write(tmp_path / "c.jsonl")) as report:
        [row], [one] = unpacked(report, "rows"), unpacked(report, "details")
    assert row[9:12] == [None, None, 5.5]
    assert one["timings"] == {"total": 5.5}


def test_what_hides_or_reorders_text_is_written_out(tmp_path: Path) -> None:
    text = "a\u202eb\u2028c\x1b[0m\x00"
    cassette = Cassette().interaction(
        method=f"GET{text}",
        url=f"https://a.example/{text}",
        reason=text,
        headers=[(text, text)],
        body=f"one\ntwo{text}".encode(),
        redacted={text: 1},
        client=text,
        error=RESET | {"message": text, "type": text},
    )
    with gathered(cassette.end().write(tmp_path / "c.jsonl")) as report:
        [row], [one] = unpacked(report, "rows"), unpacked(report, "details")
    for sought in (one["request"], one["response"], one["response"]["body"]):
        sought.pop("raw", None)  # what the filter looks at, and nothing shows
    said = json.dumps([row[:NEVER_SHOWN], one], ensure_ascii=False)
    for character in ("\u202e", "\u2028", "\\u001b", "\\u0000"):
        assert character not in said.replace("\\\\u", "")
    assert said.count(r"\\u202e") >= 9


def test_the_mode_strict_refuses_a_body_with_another_digest(tmp_path: Path) -> None:
    wrong = {"sha256": described(b"another")["sha256"]}
    path = Cassette().get(body_changes=wrong).end().write(tmp_path / "c.jsonl")
    gathered(path).close()
    with pytest.raises(BadCassetteError, match="digest"):
        gathered(path, mode="strict")


def test_a_malformed_line_is_named(tmp_path: Path) -> None:
    path = Cassette().add({"type": "interaction", "id": "x-1"}).write(tmp_path / "c.jsonl")
    with pytest.raises(BadCassetteError, match="line 2"):
        gathered(path)


def test_no_room_for_the_nameless_file_is_an_error_of_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Cassette().get().end().write(tmp_path / "c.jsonl")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cassette_tools.draft.os.pwrite", full)
    with pytest.raises(OutputError, match="set TMPDIR"):
        gathered(path)


def test_the_same_cassette_gives_the_same_blocks(tmp_path: Path) -> None:
    path = Cassette().get().get(body=b"text").end().write(tmp_path / "c.jsonl")
    with gathered(path) as one, gathered(path) as other:
        assert list(one.blocks("details")) == list(other.blocks("details"))


# -- bounds

MEASURE = """
import sys
from cassette_tools.commands.report import report
from tests.peak import peak_kib
small, large = sys.argv[1:]
report(small, output=small + ".html")
before = peak_kib()
report(large, output=large + ".html")
print(peak_kib() - before)
"""


def grown(tmp_path: Path, size: int) -> int:
    """Return by how many KiB a cassette of `size` bytes makes the process larger, after a small one."""
    small = Cassette().get(body=b"x" * 50_000).end().write(tmp_path / "small.jsonl")
    large = tmp_path / "large.jsonl"
    lines = Cassette().lines[0]
    with large.open("wb") as file:
        file.write(lines)
        number = 0
        while file.tell() < size:
            number += 1
            one = Cassette()
            one.seq = number
            one.get(f"https://a.example/{number}", body=f"{number} ".encode() * 2000, headers=[])
            file.write(one.lines[1])
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(small), str(large)], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return int(done.stdout)


def test_memory_does_not_grow_with_the_cassette(tmp_path: Path) -> None:
    assert grown(tmp_path, 20_000_000) < 16_000


@pytest.mark.full
def test_memory_does_not_grow_with_a_cassette_of_a_hundred_megabytes(tmp_path: Path) -> None:
    assert grown(tmp_path, 100_000_000) < 20_000


def test_a_block_is_bounded(tmp_path: Path) -> None:
    cassette = Cassette()
    for _ in range(30):
        cassette.get(body=b"z" * 60_000, headers=[])
    with gathered(cassette.end().write(tmp_path / "c.jsonl")) as report:
        sizes = [len(zlib.decompress(base64.b64decode(one), wbits=31)) for one in report.blocks("details")]
    assert max(sizes) < BLOCK + 70_000
    assert len(sizes) == 4


def test_the_limits_of_the_command_are_those_of_the_report() -> None:
    from cassette_tools.commands import report as command

    assert command._MOST_ROWS == module.MOST_ROWS
    assert command._LONGEST_BODY == module.LONGEST_BODY
