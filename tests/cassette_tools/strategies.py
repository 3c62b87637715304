"""Random interactions with all that the model can say, as any tool may have recorded them.

Law: what is drawn keeps the model's promises (`cassette_tools/interaction.py`) and HTTP's: header text is bytes without
line ends, a coding that was taken off is declared by a header, HEAD and 204 have no body of a response.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from cassette_tools.interaction import Body, Headers, Interaction, Request, Response
from cassette_tools.stored_body import encode

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

__all__ = ["bodies", "headers", "interactions"]

_TOKENS: Final = [
    "Accept", "Content-Type", "content-type", "Set-Cookie", "set-cookie", "X-A", "x-a", "X-B", "Date", "Location",
    "Authorization", "Cookie", "ETag", "Vary", "User-Agent", "true", "null", "on", "1", "1.0", "0x1f", "1e5", "~", "y",
    "!important", "a'b", "*", "&a", "$ref", "_", "__proto__",
]  # fmt: skip
_VALUES: Final = [
    "", "0", "1", "null", "~", "true", "no", "1e5", "0o17", "12e03", "1_000", "1:30", "2026-11-23", ".5", "-", "- a",
    "a: b", "a #b", "#a", "a:", "'", '"', "''", '"a"', "'a'", "{a}", "[a]", "<<", "=", "!a", "&a", "*a", "%a",
    "@a", "`a`",
    "|", ">", "?", ", ", "a, b", "a,b", "\ta", "a\tb", "caf\xe9", "caf\xc3\xa9", "\x80\x85\xa0\xad\xff", "\\",
    "\\u0041",
    "a  b", "x" * 200, "w " * 80, "gzip", "text/plain; charset=utf-8",
]  # fmt: skip
_KINDS: Final = [
    "application/json", "text/plain", "text/plain; charset=latin-1", "application/octet-stream", "image/png",
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/html; charset=utf-8", "",
]  # fmt: skip
_TEXTS: Final = [
    "a", "0", "1.10", "-0", "1e400", "NaN", "null", "true", "~", "{}", "[]", '""', '{"a": 1, "a": 2}',
    '{"b":1,"a":[1,2]}',
    '{"a": 12345678901234567890123}', '"\\ud800"', '{"a": "\\u00e9"}', "{", "a=1&b=2", "a=1&a=1&c", "a=%20+&=",
    "deadbeef",
    "AAAA", "iVBORw0KGgo=", "/w==", "base64", "!!binary x", "\n", "a\n", "\na", "a\n\n", "a\r\nb", "\r", " a",
    "a ", "\t",
    "# a", "---\n", "...\n", "- a\n- b\n", "a: b", "'", '"""', "'''", "\\", "\x00", "\x01\x7f", "\x85",
    "\u2028\u2029", "\ufeff",
    "\ufffd", "\ufffe", "Zo\xeb", "\u20ac", "\U0001f600", "x" * 300, "word " * 100, "\xe9" * 100,
]  # fmt: skip
_BINARY: Final = [
    b"\xff", b"\x00", b"\xff\xfe", b"\x80abc", b"\x89PNG\r\n\x1a\n", b"\xed\xa0\x80", b"\xc0\x80", b"\x1f\x8b",
    b"\x1f\x8b\x08\x00",
    b"\x28\xb5\x2f\xfd", b"x\x9c", b"caf\xe9", bytes(range(256)),
]  # fmt: skip
_URLS: Final = [
    "http://localhost/", "https://api.example.com/ads?limit=5", "https://a.example:8443/x?y=z%20&y=%C3%A9&e=&f#frag",
    "http://[::1]:8080/a%2Fb//c/../d", "http://u:p@h/", "https://h/?", "http://h/a?b?c=d=e&&=", "http://h/caf\xe9",
    "HTTP://H/", "https://h/a;b=c?d;e", "http://h/a+b?c+d=e%2B",
]  # fmt: skip
_CODINGS: Final = ["gzip", "deflate", "br", "zstd", "gzip, br"]
_MOMENTS: Final = ["2026-11-23T03:30:48.000123Z", "1999-12-31T23:59:59.999999Z", "2026-02-28T00:00:00.000000Z"]
_ERRORS: Final[list[dict[str, Any]]] = [
    {"phase": "connect", "type": "builtins.OSError", "message": "no route"},
    {"phase": "body", "type": "a.B", "message": "", "cause": {"message": "caf\xe9", "type": "c.D"}},
    {"phase": "response", "type": "a.B", "message": "x", "received": "AAAA"},
]


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def headers() -> st.SearchStrategy[Headers]:
    """Give pairs with duplicates, mixed case, empty values, and bytes beyond ASCII."""
    names = st.sampled_from(_TOKENS) | st.text("abcXYZ019-_.!#$%&'*+^`|~", min_size=1, max_size=8)
    bytes_of_values = st.characters(max_codepoint=255, exclude_characters="\r\n\0")
    values = st.sampled_from(_VALUES) | st.text(bytes_of_values, max_size=12)
    framing = {"content-encoding", "content-length", "transfer-encoding"}
    return st.lists(st.tuples(names.filter(lambda name: name.lower() not in framing), values), max_size=6)


def _contents() -> st.SearchStrategy[bytes | str]:
    """Give bodies of all kinds: as text where they are text, for the model holds them so."""
    texts = st.sampled_from(_TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    documents = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=6,
    )
    dumped = st.builds(
        lambda value, wide: json.dumps(value, ensure_ascii=not wide, indent=2 if wide else None).encode(
            "utf-8", "replace"
        ),
        documents,
        st.booleans(),
    )
    binary = st.sampled_from(_BINARY) | st.binary(max_size=40)
    return texts | texts.map(str.encode) | dumped.map(bytes.decode) | binary | st.just(b"") | st.just("")


@st.composite
def bodies(draw: DrawFn, pairs: Headers, *, plain: bool) -> Body:
    """Draw a body, and put what belongs to it into the headers: framing, length, coding. `plain`: nothing rare."""
    content = draw(_contents())
    kind = draw(st.sampled_from(["none", "none", "none", "taken off", "broken", "mentioned"]))
    framing = None if plain else draw(st.sampled_from([None, "length", "chunked", "close"]))
    body = Body(content, framing=framing)
    if kind == "taken off":
        coding = draw(st.sampled_from(_CODINGS))
        pairs.append((draw(st.sampled_from(["Content-Encoding", "content-encoding"])), coding))
        wire = encode(body.read(), coding.split(", "))
        assert wire is not None
        held = draw(st.booleans())
        size = len(wire) if held or draw(st.booleans()) else None
        body = Body(content, framing=framing, coding=coding, wire=wire if held else None, wire_size=size)
    elif kind == "broken":
        pairs.append(("Content-Encoding", "gzip"))
        stored = b"\x1f\x8b" + draw(st.binary(max_size=20))
        body = Body(stored, framing=framing, coding_error="not gzip: it is broken", wire=stored, wire_size=len(stored))
    elif kind == "mentioned":
        pairs.append(("Content-Encoding", draw(st.sampled_from(["identity", "aws-chunked", ""]))))
    if body.coding is None and body.wire_size is None and draw(st.booleans()):
        body.wire_size = body.size
    if draw(st.booleans()):
        pairs.append(("Content-Length", str(body.size if body.wire_size is None else body.wire_size)))
    if not plain:
        rare = draw(st.integers(0, 9))
        if rare == 0:
            body.complete, body.incomplete = False, draw(st.sampled_from(["closed", "truncated", "error", "stopped"]))
        elif rare == 1:
            body.removed = "its coding could not be taken off"
    return body


@st.composite
def _requests(draw: DrawFn, *, plain: bool) -> Request:
    pairs = draw(headers())
    body = draw(bodies(pairs, plain=plain)) if draw(st.booleans()) else None
    request = Request(
        draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "PURGE", "get"])),
        draw(st.sampled_from(_URLS)),
        draw(st.permutations(pairs)),
        body,
        draw(_maybe(st.sampled_from(["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"]))),
    )
    if not plain:
        request.target = draw(_maybe(st.sampled_from(["*", "http://h/a"])))
        request.sent = draw(st.integers(0, 5)) > 0
    return request


@st.composite
def _responses(draw: DrawFn, request: Request, *, plain: bool) -> Response:
    pairs = draw(headers())
    status = draw(st.sampled_from([200, 200, 201, 204, 206, 302, 304, 404, 429, 500, 599]))
    bare = request.method == "HEAD" or status in (204, 304)
    body = None if bare or draw(st.integers(0, 5)) == 0 else draw(bodies(pairs, plain=plain))
    response = Response(
        status,
        draw(st.sampled_from(["OK", "", "Not Found", "Nicht gef\xfcnden", "1.0", "a: b", "null", "'"])),
        draw(st.permutations(pairs)),
        body,
        draw(_maybe(st.sampled_from(["HTTP/1.0", "HTTP/1.1", "HTTP/2"]))),
    )
    if not plain and draw(st.integers(0, 4)) == 0:
        response.trailers = [("X-Sum", "1"), *draw(headers())]
    return response


@st.composite
def interactions(draw: DrawFn, *, plain: bool = False) -> Interaction:
    """Draw an interaction. `plain`: without what only a recorder of this toolkit tells."""
    request = draw(_requests(plain=plain))
    answered = plain or draw(st.integers(0, 7)) > 0
    response = draw(_responses(request, plain=plain)) if answered else None
    interaction = Interaction(request, response, started_at=draw(_maybe(st.sampled_from(_MOMENTS))))
    if plain:
        return interaction
    if draw(st.integers(0, 4)) == 0:
        interaction.error = draw(st.sampled_from(_ERRORS))
    names = draw(st.sets(st.sampled_from(["connect", "first_byte", "total"])))
    interaction.timings_ms = {
        name: draw(st.sampled_from([0.0, 0.001, 12.301, 15.0, 600000.5])) for name in sorted(names)
    }
    interaction.client = draw(_maybe(st.sampled_from(["requests/2.34.2", "httpx/0.28.1", "http.client"])))
    if draw(st.booleans()):
        seq = draw(st.integers(1, 1000))
        token = draw(st.sampled_from(["5f2c9a1b", "00c0ffee"]))
        interaction.process = {"id": f"{token}-{seq}", "seq": seq, "process": token, "pid": 4242, "thread": 4243}
    if draw(st.booleans()):
        interaction.connection = {
            "id": 3, "reused": draw(st.booleans()), "peer": "127.0.0.1:8443",
            "tls": draw(_maybe(st.just("TLSv1.3"))), "proxy": None,
        }  # fmt: skip
    interaction.rss = draw(_maybe(st.sampled_from([0, 31457280])))
    interaction.redacted = draw(_maybe(st.just({"known:env:TOKEN": 2, "field:password": 1})))
    if draw(st.integers(0, 3)) == 0:
        interaction.extra = {"elsewhere": {"comment": draw(st.text(max_size=5)), "list": [1, 2.5, None, {"a": True}]}}
    return interaction
