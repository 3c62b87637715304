"""Random interactions as a cassette may hold them: nasty headers, bodies of all kinds, codings that are on and off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from cassette_tools.interaction import Body, Headers, Interaction, Request, Response
from cassette_tools.stored_body import encode

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

__all__ = ["interactions"]

_NAMES = st.one_of(
    st.sampled_from(
        ["Content-Type", "content-type", "Accept", "Set-Cookie", "X-Empty", "true", "on", "~", "1e5", "a.b"]
    ),
    st.text(st.characters(max_codepoint=255), min_size=1, max_size=12),
)
_WORDS = [
    "",
    " x ",
    "true",
    "null",
    "~",
    "1.0",
    "0x1F",
    "2020-01-01",
    "- a",
    "a: b",
    "a #b",
    "'q'",
    '"q"',
    "\x85\xa0",
    "1_0",
]
_VALUES = st.one_of(st.sampled_from(_WORDS), st.text(st.characters(max_codepoint=255), max_size=20))
_TYPES = ["application/json", "text/plain", "application/octet-stream", "image/png", "text/html; charset=latin-1", None]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
_LINES = st.lists(
    st.sampled_from(["", " ", "a", " b", "c ", "\tt", "'''", '"""', "\\", "# x", "---", "é\r"]), max_size=6
)


@st.composite
def _bodies(draw: DrawFn) -> bytes | str:
    kind = draw(st.sampled_from(["empty", "text", "lines", "json", "compact", "odd json", "binary", "base64"]))
    if kind == "empty":
        return b""
    if kind == "text":
        return draw(_TEXT)
    if kind == "lines":
        return "\n".join(draw(_LINES))
    if kind == "json":
        return json.dumps(draw(_JSON))
    if kind == "compact":
        return json.dumps(draw(_JSON), separators=(",", ":"), ensure_ascii=False)
    if kind == "odd json":
        return draw(
            st.sampled_from(
                ['{"a":1,"a":2}', "1.10", "-0", "1e400", "NaN", "[1 ]", "12345678901234567890123", '"\\ud800"']
            )
        )
    if kind == "binary":
        return draw(st.binary(min_size=1, max_size=40))
    return draw(st.sampled_from(["deadbeef", "test", "12345678", "iVBORw0KGgo=", "/////w==", "AAAA", "/w=="]))


@st.composite
def _messages(draw: DrawFn) -> tuple[Headers, Body | None]:
    headers = draw(st.lists(st.tuples(_NAMES, _VALUES), max_size=5))
    content = draw(_bodies())
    coding = draw(st.sampled_from([None, None, "gzip", "deflate", "broken", "declared", "undeclared"]))
    kind = draw(st.sampled_from(_TYPES))
    if kind is not None:
        headers.append(("Content-Type", kind))
    if draw(st.booleans()):
        headers.insert(0, ("Content-Length", draw(st.sampled_from(["0", "3", "5", str(len(content))]))))
    if draw(st.integers(0, 9)) == 0:
        return headers, None
    body = Body(content)
    if coding in ("gzip", "deflate"):
        headers.append(("Content-Encoding", coding))
        wire = encode(body.read(), [coding]) if draw(st.booleans()) else None
        body = Body(content, coding=coding, wire=wire)
    elif coding == "broken":
        headers.append(("content-encoding", "gzip"))
        body = Body(content, coding_error="not gzip: it is not")
    elif coding == "declared":
        headers.append(("Content-Encoding", "gzip"))
    elif coding == "undeclared":
        body = Body(content, coding="gzip")
    return headers, body


@st.composite
def interactions(draw: DrawFn) -> Interaction:
    sent, asked = draw(_messages()), draw(_messages())
    request = Request(
        draw(st.sampled_from(["GET", "POST", "HEAD", "purge"])),
        draw(st.sampled_from(["http://localhost/", "https://a.example:8443/x?y=z%20#f", "http://[::1]/é: x"])),
        *sent,
    )
    reason = draw(st.sampled_from(["OK", "", "Nicht gef\xfcnden", "a: b"]))
    response = Response(draw(st.sampled_from([200, 204, 304, 404, 599])), reason, *asked)
    started = draw(st.sampled_from([None, "2026-11-23T03:30:48.000123Z", "0001-01-01T00:00:00.000000Z"]))
    return Interaction(request, response, started_at=started)
