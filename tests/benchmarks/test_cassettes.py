"""What the benchmark of redaction reads must be cassettes, and the same ones each time."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
import pytest

from benchmarks.cassettes import MIXES, PIECE, Again, known_secrets, write_cassette
from recorder.journal.read import Reader
from tests.recorder.cassettes import lines

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 400_000
DIGEST = "9657c8d2bb3a68720b63f5465348084b725208e4014fe9463330781339473724"


@pytest.mark.parametrize("mix", MIXES)
def test_lines_hold_to_the_schema_and_descriptions_to_their_bodies(tmp_path: Path, mix: str) -> None:
    tally = write_cassette(tmp_path / "c.jsonl", mix, SIZE)
    found = lines(tmp_path / "c.jsonl")
    interactions = [line for line in found if line["type"] == "interaction"]
    assert tally.size == (tmp_path / "c.jsonl").stat().st_size >= SIZE
    assert tally.interactions == len(interactions) == found[-1]["interactions"]
    pieces: dict[str, list[dict[str, Any]]] = {}
    for line in found:
        if line["type"] == "body":
            pieces.setdefault(line["of"], []).append(line)
    bodies = 0
    for interaction in interactions:
        for part in ("request", "response"):
            described = (interaction[part] or {}).get("body")
            if described is None:
                assert part not in interaction["bodies"]
                continue
            held = pieces[interaction["id"]] if "pieces" in described else [interaction["bodies"][part]]
            assert len(held) == described.get("pieces", 1)
            assert all(len(content(piece)) <= PIECE for piece in held) or "pieces" not in described
            stored = b"".join(content(piece) for piece in held)
            assert len(stored) == described["size"]
            assert hashlib.sha256(stored).hexdigest() == described["sha256"]
            bodies += len(stored)
    assert bodies == tally.bodies


def content(held: dict[str, str]) -> bytes:
    return held["text"].encode() if "text" in held else b64decode(held["base64"], validate=True)


@pytest.mark.parametrize("mix", MIXES)
def test_strict_reading_takes_every_line(tmp_path: Path, mix: str) -> None:
    tally = write_cassette(tmp_path / "c.jsonl", mix, SIZE)
    with Reader(tmp_path / "c.jsonl", mode="strict", types={"interaction"}) as reader:
        assert sum(1 for _ in reader) == tally.interactions
        assert reader.finished


@pytest.mark.parametrize("mix", MIXES)
def test_same_seed_same_bytes_other_seed_others(tmp_path: Path, mix: str) -> None:
    first, second, other = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    write_cassette(first, mix, SIZE)
    write_cassette(second, mix, SIZE)
    write_cassette(other, mix, SIZE, seed=2)
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()


def test_a_cassette_of_today_has_the_bytes_of_the_first_one(tmp_path: Path) -> None:
    write_cassette(tmp_path / "c.jsonl", "mixed", SIZE)
    assert hashlib.sha256((tmp_path / "c.jsonl").read_bytes()).hexdigest() == DIGEST


def test_no_two_bodies_are_equal(tmp_path: Path) -> None:
    write_cassette(tmp_path / "c.jsonl", "mixed", 20_000_000)
    with (tmp_path / "c.jsonl").open("rb") as file:
        digests = [
            line["response"]["body"]["sha256"]
            for line in map(orjson.loads, file)
            if line["type"] == "interaction" and line["response"] and line["response"]["body"]
        ]
    assert len(set(digests)) == len(digests) > 1500


def test_mixed_traffic_holds_what_the_readme_says(tmp_path: Path) -> None:
    tally = write_cassette(tmp_path / "c.jsonl", "mixed", 20_000_000)
    text = (tmp_path / "c.jsonl").read_bytes()
    found = [line for line in map(orjson.loads, text.splitlines()) if line["type"] == "interaction"]
    json_sizes = [
        line["response"]["body"]["size"]
        for line in found
        if line["response"] and ["Content-Type", "application/json"] in line["response"]["headers"]
    ]
    assert 0.55 < tally.kinds["json"] / len(found) < 0.69
    assert 6_000 < sum(json_sizes) / len(json_sizes) < 9_500
    assert all({"Authorization", "Cookie"} <= {name for name, _ in line["request"]["headers"]} for line in found)
    plain = [
        any(form in text for form in (secret.encode(), quote(secret, safe="").encode())) for secret in known_secrets()
    ]
    assert sum(plain) >= 8


def test_a_rotating_cookie_comes_back_with_the_next_request(tmp_path: Path) -> None:
    write_cassette(tmp_path / "c.jsonl", "rotating", SIZE)
    found = [line for line in lines(tmp_path / "c.jsonl") if line["type"] == "interaction"]
    sent = [dict(line["request"]["headers"])["Cookie"].rpartition("lb=")[2] for line in found]
    got = [
        next((value[3:67] for name, value in line["response"]["headers"] if value.startswith("lb=")), "")
        if line["response"]
        else ""
        for line in found
    ]
    assert len(set(sent)) == len(sent)
    assert all(before in ("", after) for before, after in zip(got[:-1], sent[1:], strict=True))


@pytest.mark.parametrize("mix", MIXES)
def test_a_second_recording_holds_to_the_schema_and_is_the_same_line_by_line(tmp_path: Path, mix: str) -> None:
    write_cassette(tmp_path / "1", mix, SIZE)
    write_cassette(tmp_path / "2", mix, SIZE, again=Again(volatile=True))
    first, second = lines(tmp_path / "1"), lines(tmp_path / "2")
    assert [line["type"] for line in first] == [line["type"] for line in second]
    for one, other in zip(first, second, strict=True):
        if one["type"] != "interaction":
            continue
        assert other["id"].startswith("a07b44d3-")
        assert (one["request"]["url"], one["request"]["method"]) == (
            other["request"]["url"],
            other["request"]["method"],
        )
        assert one["started_at"][:10] < other["started_at"][:10]
        assert one["response"] is None or one["response"]["headers"] != other["response"]["headers"]
        body = (other["response"] or {}).get("body")
        if body and "pieces" not in body:
            stored = content(other["bodies"]["response"])
            assert (len(stored), hashlib.sha256(stored).hexdigest()) == (body["size"], body["sha256"])
            assert b"T08:15:" not in stored


def test_a_second_recording_differs_in_what_was_asked_for_and_counts_it(tmp_path: Path) -> None:
    first = write_cassette(tmp_path / "1", "small", SIZE)
    again = Again(changed=20, removed=10, added=25)
    tally = write_cassette(tmp_path / "2", "small", SIZE, again=again)
    bodies = [
        {line["request"]["url"]: content(line["bodies"]["response"]) for line in lines(path) if "request" in line}
        for path in (tmp_path / "1", tmp_path / "2")
    ]
    both = bodies[0].keys() & bodies[1].keys()
    changed = [url for url in both if bodies[0][url] != bodies[1][url]]
    assert len(bodies[0]) - len(both) == tally.removed == first.interactions // 10
    assert len(bodies[1]) - len(both) == tally.added == first.interactions // 25
    assert len(changed) == tally.changed == first.interactions // 20
    assert all(bodies[1][url].count(b'parent":1234') + bodies[1][url].count(b'parent": 1234') == 1 for url in changed)
    assert tally.interactions == first.interactions - tally.removed + tally.added
