"""What the tests read cassettes with: strictly, whole, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tests.recorder.journal.schema import validator

if TYPE_CHECKING:
    from pathlib import Path


def lines(path: Path) -> list[dict[str, Any]]:
    """Give every line, after holding each against the JSON Schema."""
    check = validator()
    data = path.read_bytes()
    assert data.endswith(b"\n")
    out = [orjson.loads(line) for line in data.split(b"\n")[:-1]]
    for each in out:
        check.validate(each)
    return out


def interactions(path: Path) -> list[dict[str, Any]]:
    """Give the interactions in the order in which they began."""
    return sorted((line for line in lines(path) if line["type"] == "interaction"), key=lambda line: line["seq"])


def body(path: Path, interaction: dict[str, Any], part: str = "response") -> bytes:
    """Give a stored body, from its line or from its pieces."""
    from base64 import b64decode

    def content(held: dict[str, str]) -> bytes:
        return held["text"].encode() if "text" in held else b64decode(held["base64"])

    if part in interaction["bodies"]:
        return content(interaction["bodies"][part])
    pieces = [
        line
        for line in lines(path)
        if line["type"] == "body" and line["of"] == interaction["id"] and line["part"] == part
    ]
    assert [piece["piece"] for piece in pieces] == list(range(interaction[part]["body"]["pieces"]))
    return b"".join(content(piece) for piece in pieces)
