"""What tells which of several bodies is the nearest."""

from __future__ import annotations

import json

import pytest

from cassette_tools.diff.rules import Rules
from cassette_tools.diff.traits import MOST, traits_of
from cassette_tools.interaction import Body, Request, Response

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=b"
EVENTS = "text/event-stream"


def traits(body: str, content_type: str = "application/json", rules: Rules | None = None) -> frozenset[int]:
    request = Request("POST", "https://api.example.com/rpc", [("Content-Type", content_type)], Body(body))
    return traits_of(request, rules or Rules(), "request")


def part(name: str, data: str) -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{data}\r\n'


@pytest.mark.parametrize(
    ("content_type", "body", "nearer", "other"),
    [
        ("application/json", '{"op": "a", "n": 1}', '{"n": 2, "op": "a"}', '{"op": "b", "n": 2}'),
        (FORM, "op=a&n=1", "n=2&op=a", "op=b&n=2"),
        ("text/plain", "op a\nn 1", "op a\nn 2", "op b\nn 2"),
        (PARTS, part("op", "a") + part("n", "1"), part("op", "a") + part("n", "2"), part("op", "b") + part("n", "2")),
        (EVENTS, 'data: {"op": "a"}\n\n', 'data: {"op": "a"}\n\ndata: 2\n\n', 'data: {"op": "b"}\n\ndata: 2\n\n'),
    ],
    ids=["JSON", "form", "text", "parts", "events"],
)
def test_the_body_that_is_nearer_has_more_in_common(content_type: str, body: str, nearer: str, other: str) -> None:
    own = traits(body, content_type)
    assert len(own & traits(nearer, content_type)) > len(own & traits(other, content_type))


def test_what_is_volatile_or_ignored_tells_nothing_apart() -> None:
    one = '{"op": "a", "sent_at": "2026-11-23T09:15:02Z", "n": 1, "ts": 1700000000}'
    other = '{"op": "a", "sent_at": "2026-11-24T10:00:01Z", "n": 2, "ts": 1800000000}'
    rules = Rules.of(["json:n"])
    assert traits(one, rules=rules) == traits(other, rules=rules)
    assert traits(one) != traits(other)
    kept = Rules.of(["json:n"], keep_volatile=True)
    assert traits(one, rules=kept) != traits(other, rules=kept)


@pytest.mark.parametrize(
    ("selector", "content_type", "one", "other"),
    [
        ("form:n", FORM, "a=1&n=1", "a=1&n=2"),
        ("part:n", PARTS, part("a", "1") + part("n", "1"), part("a", "1") + part("n", "2")),
        ("line:^n", "text/plain", "a\nn 1", "a\nn 2"),
    ],
)
def test_a_selector_is_heeded_in_every_kind_of_body(selector: str, content_type: str, one: str, other: str) -> None:
    assert traits(one, content_type) != traits(other, content_type)
    rules = Rules.of([selector])
    assert traits(one, content_type, rules) == traits(other, content_type, rules)


def test_the_status_of_a_response_counts_unless_it_is_ignored() -> None:
    def answer(status: int, rules: Rules) -> frozenset[int]:
        return traits_of(Response(status, "", [], Body(b"{}")), rules, "response")

    assert answer(200, Rules()) & answer(201, Rules()) > answer(200, Rules()) & answer(500, Rules())
    rules = Rules.of(["status"])
    assert answer(200, rules) == answer(500, rules)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", FORM])
def test_a_body_has_a_bounded_number_of_traits(content_type: str) -> None:
    members = {f"k{at}": at for at in range(5_000)}
    bodies = {
        "application/json": json.dumps([members] * 20),
        "text/plain": "\n".join(members),
        FORM: "&".join(f"{name}=1" for name in members),
    }
    assert MOST // 2 < len(traits(bodies[content_type], content_type)) <= MOST + 1


def test_a_body_without_contents_and_a_deep_one_have_traits_too() -> None:
    assert len(traits("")) == 1
    assert traits("[" * 1_500 + "]" * 1_500)
