"""What the benchmark of redaction reads must be cassettes, and the same ones each time."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
import pytest

from benchmarks.cassettes import MIXES, PIECE, known_secrets, write_cassette
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
