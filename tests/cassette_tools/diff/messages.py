"""Interactions made by hand, for tests of comparisons, and a short way to say what was found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cassette_tools.diff.fields import Compared, compare, settled_body
from cassette_tools.diff.rules import Rules
from cassette_tools.interaction import Body, Headers, Interaction, Request, Response

if TYPE_CHECKING:
    from cassette_tools.diff.model import Change

JSON = "application/json"
PLAIN = Rules()


def answered(
    body: bytes | str = b"",
    content_type: str = JSON,
    *,
    headers: Headers | None = None,
    status: int = 200,
    reason: str = "OK",
    version: str | None = "HTTP/1.1",
    complete: bool = True,
    trailers: Headers | None = None,
) -> Interaction:
    """Make an interaction of which the response is of interest."""
    given = [("Content-Type", content_type), *(headers or [])]
    response = Response(status, reason, given, Body(body, complete=complete), version, trailers or [])
    return Interaction(Request("GET", "https://api.example.com/items", []), response)


def asked(
    url: str = "https://api.example.com/items",
    body: bytes | str = b"",
    content_type: str | None = None,
    *,
    headers: Headers | None = None,
    method: str = "POST",
) -> Interaction:
    """Make an interaction of which the request is of interest."""
    given = ([] if content_type is None else [("Content-Type", content_type)]) + (headers or [])
    return Interaction(Request(method, url, given, Body(body), "HTTP/1.1"), Response(200, "OK", [], None))


def as_json(value: Any) -> Interaction:
    """Make an interaction that is answered with a value as JSON."""
    return answered(json.dumps(value))


def said(change: Change) -> str:
    """Give a change in one line: `changed response json $.a: 1 -> 2`."""
    old, new = change.old, change.new
    return f"{change.action} {change.part} {change.place} {change.path}: {old} -> {new}"


def found(old: Interaction, new: Interaction, rules: Rules = PLAIN) -> list[str]:
    """Compare, and give the changes in one line each."""
    return [said(change) for change in compare(old, new, rules).changes]


def ignored(compared: Compared) -> dict[str, int]:
    """Give what was ignored as `rule: where`."""
    return {f"{one.rule}: {one.where}": count for one, count in compared.ignored.items()}


def same_digest(old: Interaction, new: Interaction, rules: Rules = PLAIN) -> bool:
    """Tell whether the bodies of both responses have one settled digest."""
    assert old.response is not None
    assert new.response is not None
    one, other = (
        settled_body(side.body, side.headers, rules, "response") for side in (old.response, new.response)
    )  # fmt: skip
    return one == other
