from __future__ import annotations

from typing import Any

import pytest

from cassette_tools.interaction import Body, Headers
from cassette_tools.marks import body_with, coding_mark, decoded_view, headers_with, mark_of

GZIP = Body("hello", coding="gzip")


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ([("Content-Encoding", "gzip"), ("Content-Length", "31"), ("X", "1")], [("Content-Length", "5"), ("X", "1")]),
        ([("content-length", "5"), ("content-encoding", "gzip")], [("content-length", "5")]),
        ([("Content-Length", "31"), ("A", "1"), ("Content-Length", "32")], [("Content-Length", "5"), ("A", "1")]),
        ([("Content-Length", "5"), ("content-length", "5")], [("Content-Length", "5")]),
        ([("A", "1")], [("A", "1")]),
        ([], []),
    ],
)
def test_what_a_coding_hides_comes_back_in_its_place(headers: Headers, shown: Headers) -> None:
    view, mark = decoded_view(headers, GZIP)
    assert view == shown
    assert sorted(headers_with(view, mark_of(mark))) == sorted(headers)
    grouped_already = [name for name, _ in headers] == sorted(
        (n for n, _ in headers), key=[n for n, _ in headers].index
    )
    assert headers_with(view, mark) == headers or not grouped_already


def test_a_body_without_a_coding_hides_nothing() -> None:
    headers = [("Content-Length", "5")]
    assert decoded_view(headers, Body("hello")) == (headers, {})
    assert decoded_view(headers, None) == (headers, {})


@pytest.mark.parametrize(
    "body",
    [
        GZIP,
        Body("hello"),
        Body(b"\xff\x00", coding_error="not gzip"),
        Body(b"", coding="gzip"),
        Body("hello", coding="br"),
    ],
)
def test_a_body_reads_back_as_the_mark_says(body: Body) -> None:
    headers = [("Content-Encoding", "gzip")]
    back = body_with(body.read(), headers, mark_of(coding_mark(headers, body)))
    assert (back.read(), back.coding, back.coding_error) == (body.read(), body.coding, body.coding_error)


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        [],
        "x",
        {"headers": 5},
        {"headers": [[0, "a"]]},
        {"headers": [[-1, "a", "b"]]},
        {"headers": [["0", "a", "b"]]},
        {"coding": 5},
        {"body": None},
        {"text": []},
        {"headers": [[True, "a", "b"]]},
    ],
)
def test_what_is_no_mark_counts_as_absent(value: Any) -> None:
    assert mark_of(value) == {}


def test_a_place_beyond_the_end_is_the_end() -> None:
    assert headers_with([("A", "1")], {"headers": [[99, "B", "2"]]}) == [("A", "1"), ("B", "2")]
