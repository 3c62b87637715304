"""The JSON Schema of a line, ready to hold lines against."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).parents[3] / "docs" / "cassette.schema.json"


@cache
def validator() -> Draft202012Validator:
    """Give a validator for the object of one line."""
    return Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))


def complaints(line: dict[str, Any]) -> list[str]:
    """List what the schema has against a line."""
    return [f"{error.json_path}: {error.message}" for error in validator().iter_errors(line)]
