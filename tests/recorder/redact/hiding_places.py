"""Where secrets hide: the places of an HTTP exchange at which a value is put, one row a place.

Law: a row says nothing about how a redactor works. KNOWN holds the places of a value that was named as a secret; its
rows use names that say nothing. BY_PLACE holds the places that give a value away although nobody named it. Every value
stands in its place as real programs and servers write it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import brotli
import urllib3
import zstandard
from requests.auth import HTTPBasicAuth

from tests.recorder.redact.exchanges import Case, Exchange, get, post, reply

if TYPE_CHECKING:
    import requests

__all__ = ["BY_PLACE", "BY_PLACE_LOOSELY", "KNOWN", "VALUES", "b64", "value_of"]

VALUES = {
    "plain": "kT9vXw2LmQ8sRb4ZpJ6n",
    "special": 'pA7x/Q+w9zK=d&4e"T\\g<é☃vR8m2',
    "hostile": 'a/b+c=d&e"f\\g<é☃',
    "phrase": "My pass phrase: 42% off, I'm in!",
    "digits": "8675309214",
}
"""Secrets of several shapes. Each place is tried with each of them, unless its row says `only`."""

WORDS = frozenset({"plain", "digits"})
"""The values that need no escaping anywhere."""
DIGITS = frozenset({"digits"})

FORM, JSON, XML, HTML, TEXT, BYTES = (
    "application/x-www-form-urlencoded",
    "application/json",
    "application/xml",
    "text/html; charset=utf-8",
    "text/plain; charset=utf-8",
    "application/octet-stream",
)
SCRIPT, EVENTS, LINES = "text/javascript", "text/event-stream", "application/x-ndjson"
BOUNDARY = "------------------------d74496d66958873e"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


# How values are written


def pct(value: str) -> str:
    """Percent-encode what must be (RFC 3986 section 2.3)."""
    return quote(value, safe="")


def pct_lower(value: str) -> str:
    return re.sub("%..", lambda match: match[0].lower(), pct(value))


def pct_all(value: str) -> str:
    return "".join(f"%{b:02X}" for b in value.encode())


def js(value: str) -> str:
    """Escape as most JSON writers do, without the quotes."""
    return json.dumps(value)[1:-1]


def js_utf8(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def js_slash(value: str) -> str:
    """Escape as PHP does."""
    return js(value).replace("/", "\\/")


def js_units(value: str, form: str = "\\u{:04x}") -> str:
    units = value.encode("utf-16-be")
    return "".join(form.format(units[i] << 8 | units[i + 1]) for i in range(0, len(units), 2))


def js_partly(value: str) -> str:
    return "".join(js_units(c, "\\u{:04X}") if i % 3 == 0 else js(c) for i, c in enumerate(value))


def b64(data: str | bytes, *, url: bool = False, pad: bool = True) -> str:
    raw = data.encode() if isinstance(data, str) else data
    coded = (base64.urlsafe_b64encode(raw) if url else base64.b64encode(raw)).decode()
    return coded if pad else coded.rstrip("=")


def xml(value: str) -> str:
    return html.escape(value, quote=True)


def decimal(value: str) -> str:
    return "".join(f"&#{ord(c)};" for c in value)


def hexadecimal(value: str) -> str:
    return "".join(f"&#x{ord(c):X};" for c in value)


def part(head: str, content: str | bytes) -> bytes:
    """Make a multipart body with a harmless field, this part, and another harmless field."""
    other = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n'.encode()
    data = content.encode() if isinstance(content, str) else content
    own = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
    return other + own + other + f"--{BOUNDARY}--\r\n".encode()


def gz(data: str | bytes) -> bytes:
    return gzip.compress(data.encode() if isinstance(data, str) else data, mtime=0)


# Bodies: each row is tried in a request and in a response

Body = tuple[str, str, Callable[[str], str | bytes]]

_BODIES: tuple[Body, ...] = (
    ("text", TEXT, lambda s: f"before {s} after\n"),
    ("a whole text", TEXT, lambda s: s),
    ("text at both ends", TEXT, lambda s: f"{s} {s},{s}/{s}"),
    ("a log line", TEXT, lambda s: f"2026-11-23T03:30:47Z INFO login [{s}] 1.10 ms\r\n2026-11-23T03:30:48Z INFO x\r\n"),
    ("text without a type that says so", BYTES, lambda s: f"note: {s}\nnumber: 5\n"),
    ("a JSON value", JSON, lambda s: f'{{"a": 1.10, "note": "{js(s)}", "b": null}}'),
    ("a JSON value in UTF-8", JSON, lambda s: f'{{"a":1.10,"note":"{js_utf8(s)}"}}'),
    ("a JSON value with escaped slashes", JSON, lambda s: f'{{"note":"https:\\/\\/e.example\\/{js_slash(s)}"}}'),
    ("a part of a JSON value", JSON, lambda s: f'{{"note":"see {js(s)}, it\\u0027s there"}}'),
    ("a JSON key", JSON, lambda s: f'{{"n":{{"{js(s)}":[1,2,3]}}}}'),
    ("a JSON array", JSON, lambda s: f'["x", ["{js(s)}", 5], "y"]'),
    ("a bare JSON string", JSON, lambda s: f'"{js(s)}"'),
    ("JSON in a JSON string", JSON, lambda s: json.dumps({"a": 1, "payload": json.dumps({"note": s, "b": [1.5]})})),
    (
        "JSON in JSON in a JSON string",
        JSON,
        lambda s: json.dumps({"payload": json.dumps({"inner": json.dumps({"note": s})})}),
    ),
    ("JSON that says it is text", TEXT, lambda s: f'{{"note":"{js(s)}"}}'),
    ("broken JSON", JSON, lambda s: f'{{"note":"{js(s)}", "rest": [1, 2'),
    ("a JSON URL", JSON, lambda s: f'{{"next":"https://api.example/items?page=2&q={pct(s)}"}}'),
    ("lines of JSON", LINES, lambda s: f'{{"n":1}}\n{{"n":2,"note":"{js(s)}"}}\n{{"n":3}}\n'),
    ("an event stream", EVENTS, lambda s: f': hi\nid: 1\ndata: {{"note":"{js(s)}"}}\n\nevent: end\ndata: [DONE]\n\n'),
    ("an event stream's text", EVENTS, lambda s: f"event: note\ndata: {s}\n\ndata: x\n\n"),
    ("JSONP", SCRIPT, lambda s: f'/**/cb_17({{"note":"{js(s)}","n":1}});'),
    ("a script's string", SCRIPT, lambda s: f'var a = 1, note = "{js_utf8(s)}";\n'),
    ("a form value", FORM, lambda s: f"a=1&note={quote_plus(s)}&b=%C3%A9+x"),
    ("a form value with %20", FORM, lambda s: f"a=1&note={pct(s)}"),
    ("a form value in lower-case hex", FORM, lambda s: f"note={pct_lower(s)}&b=%c3%a9"),
    ("a form value, encoded twice", FORM, lambda s: f"a=1&next=%252F&note={pct(pct(s))}"),
    ("a form value, encoded three times", FORM, lambda s: f"note={pct(pct(pct(s)))}"),
    ("a form name", FORM, lambda s: f"a=1&{pct(s)}=2"),
    ("a multipart field", MULTIPART, lambda s: part('name="note"', s)),
    (
        "a multipart file",
        MULTIPART,
        lambda s: part('name="f"; filename="a.txt"\r\nContent-Type: text/plain', f"x {s}\n"),
    ),
    ("a multipart binary file", MULTIPART, lambda s: part('name="f"; filename="a.txt"', f"x {s}\n")),
    ("a multipart name in percent style", MULTIPART, lambda s: part(f"name*=UTF-8''{pct(s)}", "5")),
    (
        "a multipart field of JSON",
        MULTIPART,
        lambda s: part('name="j"\r\nContent-Type: application/json', f'["{js(s)}"]'),
    ),
    ("XML text", XML, lambda s: f'<?xml version="1.0"?>\n<a b="1"><note>{xml(s)}</note><c/></a>\n'),
    ("an XML attribute", XML, lambda s: f'<a><b note="{xml(s)}" n="1.10"/></a>'),
    ("an XML comment", XML, lambda s: f"<a><!-- {xml(s)} --><b/></a>"),
    ("XML character data", XML, lambda s: f"<a><![CDATA[x {s} y]]></a>"),
    ("HTML text", HTML, lambda s: f"<!doctype html><p class=x>caf&eacute; {html.escape(s)}</p>"),
    ("an HTML form", HTML, lambda s: f'<form><input name="note" value="{html.escape(s)}"></form>'),
    ("an HTML link", HTML, lambda s: f'<a href="/next?a=1&amp;q={pct(s)}">next</a>'),
    ("a script in HTML", HTML, lambda s: f'<script>window.note = "{js(s)}";</script>'),
    ("base64", TEXT, b64),
    ("base64, one byte on", JSON, lambda s: json.dumps({"data": b64("1" + s + " and more")})),
    ("base64, two bytes on", TEXT, lambda s: f"blob: {b64('12' + s + ' and more')} end"),
    ("base64, three bytes on", TEXT, lambda s: f"blob: {b64('123' + s)};"),
    ("base64 without padding", TEXT, lambda s: f"blob={b64('1' + s, pad=False)}&x=1"),
    ("base64url", TEXT, lambda s: f"/{b64(s, url=True)}/x"),
    ("base64url without padding", JSON, lambda s: f'{{"data":"{b64("12" + s + "?", url=True, pad=False)}"}}'),
    ("base64url, three bytes on", JSON, lambda s: f'{{"data":"{b64("1?>" + s, url=True)}"}}'),
    ("base64 of a user and the secret", JSON, lambda s: f'{{"data":"{b64("someone:" + s)}"}}'),
    ("a data URL", HTML, lambda s: f'<img src="data:text/plain;base64,{b64("note " + s)}">'),
    ("hex", TEXT, lambda s: s.encode().hex()),
    ("hex in a longer run", TEXT, lambda s: f"0x{('note ' + s + ' x').encode().hex()}"),
    ("hex in a longer run, at an odd digit", TEXT, lambda s: f"00a{s.encode().hex()}7"),
)

_LOOSE_BODIES: tuple[Body, ...] = (
    ("JSON in \\u escapes", JSON, lambda s: f'{{"note":"{js_units(s)}"}}'),
    ("JSON in \\u escapes in upper case", JSON, lambda s: f'{{"note":"{js_units(s, chr(92) + "u{:04X}")}"}}'),
    ("JSON with some \\u escapes", JSON, lambda s: f'{{"note":"{js_partly(s)}"}}'),
    ("a JSON key in \\u escapes", JSON, lambda s: f'{{"{js_units(s)}":1}}'),
    ("a form value, all percent", FORM, lambda s: f"a=1&note={pct_all(s)}"),
    ("XML in decimal references", XML, lambda s: f"<a>{decimal(s)}</a>"),
    ("XML in hexadecimal references", XML, lambda s: f'<a b="{hexadecimal(s)}"/>'),
    ("XML in lower-case hexadecimal references", XML, lambda s: f"<a>{hexadecimal(s).lower()}</a>"),
    ("base64 in lines", TEXT, lambda s: base64.encodebytes((50 * "x" + s + 50 * "y").encode())),
    ("UTF-16 with a mark, little end first", "text/plain; charset=utf-16", lambda s: f"note {s} x".encode("utf-16")),
    ("UTF-16LE", "text/plain; charset=utf-16le", lambda s: f"note {s} x".encode("utf-16-le")),
    ("UTF-16BE", BYTES, lambda s: f"note {s} x".encode("utf-16-be")),
    ("UTF-16BE with a mark", JSON, lambda s: b"\xfe\xff" + f"<{s}>".encode("utf-16-be")),
    ("UTF-16LE at an odd byte", BYTES, lambda s: b"\x07" + f"note {s} x".encode("utf-16-le")),
    ("UTF-16BE at an odd byte", BYTES, lambda s: b"\x00\x01\xff" + f"note {s} x".encode("utf-16-be")),
    ("bytes that are no text", BYTES, lambda s: b"\x00\x01\xff\xfe" + s.encode() + b"\x80\x00\x01"),
    (
        "a protocol buffer",
        "application/x-protobuf",
        lambda s: b"\x08\x96\x01\x12" + bytes([len(s.encode())]) + s.encode(),
    ),
    ("text in another character set", "text/plain; charset=iso-8859-1", lambda s: b"caf\xe9 " + s.encode() + b" \xa3"),
    ("a .gz file", "application/gzip", lambda s: gz(f"note: {s}\n")),
    ("a .gz file, type unknown", BYTES, lambda s: gz(f"<{s}>")),
    ("a zlib stream", BYTES, lambda s: zlib.compress(f"note: {s}\n".encode())),
    ("a .zst file", "application/zstd", lambda s: zstandard.ZstdCompressor().compress(f"note: {s}\n".encode())),
    ("a gzip file in a multipart body", MULTIPART, lambda s: part('name="f"; filename="a.gz"', gz(f"note: {s}"))),
)

_CODED: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("gzip", gz),
    ("deflate", zlib.compress),
    ("br", brotli.compress),
    ("zstd", lambda data: zstandard.ZstdCompressor().compress(data)),
    ("gzip, gzip", lambda data: gz(gz(data))),
    ("gzip, br", lambda data: brotli.compress(gz(data))),
)


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _body_cases() -> list[Case]:
    cases = []
    for exact, rows in ((True, _BODIES), (False, _LOOSE_BODIES)):
        for name, mime, make in rows:
            cases += [
                Case(f"response: {name}", lambda s, m=mime, f=make: reply(_bytes(f(s)), m), exact=exact),  # type: ignore[misc] # the loop's values
                Case(f"request: {name}", lambda s, m=mime, f=make: post(_bytes(f(s)), m), exact=exact),  # type: ignore[misc] # the loop's values
            ]
    return cases


def _coded_cases() -> list[Case]:
    def text(s: str) -> bytes:
        return f'{{"a": 1.10, "note": "{js_utf8(s)}"}}\n'.encode() * 3

    cases = []
    for coding, code in _CODED:
        header = (("Content-Encoding", coding),)
        cases += [
            Case(f"response: {coding}", lambda s, h=header, c=code: reply(c(text(s)), JSON, h)),  # type: ignore[misc] # the loop's values
            Case(f"request: {coding}", lambda s, h=header, c=code: post(c(text(s)), JSON, h)),  # type: ignore[misc] # the loop's values
        ]
    return cases


# Heads


def _request_header(
    name: str,
    form: str = "{}",
    *,
    write: Callable[[str], str] = str,
    how: str = "",
    exact: bool = True,
    only: frozenset[str] | None = None,
) -> Case:
    return Case(
        f"request: {name} {form}{how}", lambda s: get("/case", ((name, form.format(write(s))),)), exact=exact, only=only
    )


def _response_header(
    name: str,
    form: str = "{}",
    *,
    write: Callable[[str], str] = str,
    how: str = "",
    exact: bool = True,
    only: frozenset[str] | None = None,
) -> Case:
    return Case(
        f"response: {name} {form}{how}",
        lambda s: reply(b"ok\n", TEXT, ((name, form.format(write(s))),)),
        exact=exact,
        only=only,
    )


_URLS: tuple[Case, ...] = (
    Case("URL: path", lambda s: get(f"/case/a/{pct(s)}/b")),
    Case("URL: last part of the path", lambda s: get(f"/case/{pct(s)}")),
    Case("URL: a part of a segment", lambda s: get(f"/case/x-{pct(s)}.json?n=1")),
    Case("URL: bot API's path", lambda s: get(f"/case/bot{pct(s)}/sendMessage")),
    Case("URL: path in lower-case hex", lambda s: get(f"/case/{pct_lower(s)}/%c3%a9")),
    Case("URL: path, all percent", lambda s: get(f"/case/{pct_all(s)}/b"), exact=False),
    Case("URL: path, encoded twice", lambda s: get(f"/case/{pct(pct(s))}/b")),
    Case("URL: path, encoded twice, all percent", lambda s: get(f"/case/{pct(pct_all(s))}/b"), exact=False),
    Case("URL: matrix parameter", lambda s: get(f"/case;v=1;note={pct(s)};x/b")),
    Case("URL: query value", lambda s: get(f"/case?a=1&note={pct(s)}&b=%20x")),
    Case("URL: query value with plus", lambda s: get(f"/case?note={quote_plus(s)}&b=x+y")),
    Case("URL: query value, encoded twice", lambda s: get(f"/case?to=%2Fx%3Fq%3D{pct(pct(s))}")),
    Case("URL: query name", lambda s: get(f"/case?a=1&{pct(s)}=2")),
    Case("URL: query without names", lambda s: get(f"/case?{pct(s)}")),
    Case("URL: query of arrays", lambda s: get(f"/case?filter%5Bnote%5D={pct(s)}&filter[x]=1")),
    Case("URL: base64 in the query", lambda s: get(f"/case?state={b64('1' + s, url=True, pad=False)}&x=1")),
    Case("URL: base64 in the path", lambda s: get(f"/case/{b64('someone:' + s, url=True)}/x")),
    Case("URL: hex in the query", lambda s: get(f"/case?sum={s.encode().hex()}")),
    Case("URL: JSON in the query", lambda s: get(f"/case?filter={pct(json.dumps({'note': s}))}"), only=WORDS),
    Case(
        "URL: absolute form with userinfo",
        lambda s: get(f"http://someone:{pct(s)}@api.example/case", (("Host", "api.example"),)),
        exact=False,
    ),
    Case("URL: fragment in the target", lambda s: get(f"/case#note={pct(s)}")),
)

_HEADERS: tuple[Case, ...] = (
    _request_header("X-Trace"),
    _request_header("X-Trace", "a; b={}; c=1.10"),
    _request_header("X-Trace", "{}", write=pct, how=", percent"),
    _request_header("X-Trace", '{{"n":1.10,"note":"{}"}}', write=js),
    _request_header("X-Trace", "{}", write=b64, how=", base64"),
    _request_header("X-Trace", "v1 {}", write=lambda s: b64("1" + s)),
    _request_header("X-Trace", "{}", write=lambda s: s.encode().hex(), how=", hex"),
    _request_header("User-Agent", "app/1.0 ({})"),
    _request_header("Referer", "https://app.example/page?a=1&note={}", write=pct),
    _request_header("Origin", "https://{}.example", only=WORDS, exact=False),
    _request_header("Host", "{}.api.example", only=WORDS, exact=False),
    _request_header("Accept", "application/json; profile={}", only=WORDS),
    _request_header("If-None-Match", '"{}"', only=WORDS),
    _request_header("From", "{}@app.example", only=WORDS),
    _request_header("Forwarded", 'for=192.0.2.60;proto=http;by="{}"', only=WORDS),
    _request_header("X-Original-URL", "/a/{}?b=1", write=pct),
    _request_header("Authorization", "Bearer {}", exact=False),
    _request_header("Authorization", "{}", exact=False),
    _request_header("Authorization", "Basic {}", write=lambda s: b64("someone:" + s), exact=False),
    _request_header("Authorization", "Basic {}", write=lambda s: b64(s + ":"), how=", as user", exact=False),
    _request_header("Cookie", "a=1; note={}; b=2", write=pct, exact=False),
    _request_header("Cookie", 'note="{}"', write=pct, exact=False),
    _request_header("Cookie", "note={}; b=2", write=lambda s: b64(json.dumps({"note": s})), only=WORDS, exact=False),
    _response_header("X-Trace"),
    _response_header("X-Trace", "first, {}, last"),
    _response_header("X-Trace", "{}", write=pct, how=", percent"),
    _response_header("X-Trace", "{}", write=lambda s: b64("12" + s), how=", base64"),
    _response_header("Location", "/next/{}?a=1", write=pct),
    _response_header("Location", "https://app.example/cb#note={}&state=1", write=pct),
    _response_header("Location", "/login?next=%2Fx%3Fnote%3D{}", write=lambda s: pct(pct(s))),
    _response_header("Content-Location", "/next;note={}/x", write=pct),
    _response_header("Link", '<https://api.example/items?page=2&note={}>; rel="next"', write=pct),
    _response_header("Refresh", "5; url=/next?note={}", write=pct),
    _response_header("Content-Disposition", "attachment; filename*=UTF-8''{}.csv", write=pct),
    _response_header("Content-Disposition", 'attachment; filename="{}.csv"', only=WORDS),
    _response_header("ETag", 'W/"{}"', only=WORDS),
    _response_header("WWW-Authenticate", 'Basic realm="{}", charset="UTF-8"', only=WORDS),
    _response_header("Server", "app/1.0 ({})"),
    _response_header("Access-Control-Allow-Origin", "https://{}.example", only=WORDS, exact=False),
    _response_header("Content-Security-Policy", "default-src 'self'; report-uri /csp?note={}", write=pct),
    _response_header("Set-Cookie", "note={}; Path=/; HttpOnly", write=pct, exact=False),
    _response_header("Set-Cookie", "a=1; Path=/x/{}; Secure", write=pct, exact=False),
    Case("request: header name", lambda s: get("/case", ((f"X-{s}", "1"),)), only=WORDS, exact=False),
    Case(
        "request: header name in lower case",
        lambda s: get("/case", ((f"x-{s.lower()}-y", "1"),)),
        only=WORDS,
        exact=False,
    ),
    Case(
        "request: header name in upper case",
        lambda s: get("/case", ((f"X-{s.upper()}", "1"),)),
        only=WORDS,
        exact=False,
    ),
    Case("response: header name", lambda s: reply(b"", TEXT, ((f"X-Amz-Meta-{s}", "1"),)), only=WORDS, exact=False),
    Case(
        "response: header name in another case",
        lambda s: reply(b"", TEXT, ((f"x-amz-meta-{s.swapcase()}", "1"),)),
        only=WORDS,
        exact=False,
    ),
    Case("response: same header twice", lambda s: reply(b"", TEXT, (("X-A", s), ("x-a", "1"), ("X-A", s)))),
    Case(
        "request: a part's boundary",
        lambda s: post(f"--{s}\r\n\r\nx\r\n--{s}--".encode(), f"multipart/mixed; boundary={s}"),
        only=WORDS,
    ),
    Case("response: reason", lambda s: get(reason=s.encode())),
    Case("response: part of the reason", lambda s: get(status=401, reason=f"No {s} here".encode())),
    Case("response: trailer", lambda s: reply(b"ok\n", TEXT, cuts=(2,), trailers=(("X-A", "1"), ("X-Sum", s)))),
    Case(
        "response: trailer's name",
        lambda s: reply(b"ok\n", TEXT, cuts=(), trailers=((f"X-{s}", "1"),)),
        only=WORDS,
        exact=False,
    ),
)


# Ways of arriving


def _cuts(s: str) -> Exchange:
    data = f'{{"note":"{js_utf8(s)}"}}'.encode()
    return reply(data, JSON, cuts=tuple(range(1, len(data))))


_FRAMINGS: tuple[Case, ...] = (
    Case("response: cut into chunks of one byte", _cuts),
    Case("response: cut in two chunks", lambda s: reply(f"x {s} y".encode(), TEXT, cuts=(2 + len(s.encode()) // 2,))),
    Case("request: chunked", lambda s: post(f"x {s} y".encode(), TEXT, (("X-A", "1"),), chunked=True)),
    Case("response: cut off", lambda s: reply(f'{{"note":"{js(s)}","b":'.encode(), JSON, missing=1000)),
    Case("response: cut off, chunked", lambda s: reply(f'["{js(s)}",'.encode(), JSON, cuts=(3,), missing=1)),
    Case(
        "response: gzip, cut off",
        lambda s: reply(_flushed(f"note: {s}\n"), TEXT, (("Content-Encoding", "gzip"),), missing=20),
    ),
    Case(
        "response: says gzip and is none",
        lambda s: reply(f"note: {s}\n".encode(), TEXT, (("Content-Encoding", "gzip"),)),
        exact=False,
    ),
    Case(
        "response: an unknown coding",
        lambda s: reply(f"note: {s}\n".encode(), TEXT, (("Content-Encoding", "x-own"),)),
        exact=False,
    ),
    Case("response: of an error", lambda s: reply(f"no {s} here".encode(), TEXT, status=500, reason=b"Oh no")),
)


def _flushed(text: str) -> bytes:
    """Give a gzip stream without its end, in which everything is there."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(text.encode()) + packer.flush(zlib.Z_SYNC_FLUSH)


# Failures


def _failing_connect(s: str) -> Exchange:
    def call(url: str, session: requests.Session) -> None:
        import http.client

        connection = http.client.HTTPConnection("localhost", 1)

        def refuse(*_: object) -> None:
            raise OSError(f"no way to http://api.example/{s}/x") from ValueError(f"{s}: no such name")

        connection._create_connection = refuse  # type: ignore[attr-defined] # what httplib2 and proxies replace, too
        try:
            connection.request("GET", "/case", headers={"X-Case": str(session.headers["X-Case"])})
        except OSError:
            return
        raise AssertionError

    return Exchange(call=call)


_SOME: tuple[Case, ...] = (
    Case("response: twice in a row", lambda s: reply(f"<{s}{s}>".encode(), TEXT), only=frozenset(VALUES) - DIGITS),
    Case("request: a form of it twice", lambda s: post(f"a={s}{s}&b={s}".encode(), FORM), only=frozenset({"plain"})),
    Case("response: base64 of JSON", lambda s: reply(f"data={b64('[' + s + ']')}".encode(), TEXT), only=WORDS),
    Case(
        "response: upper-case hex",
        lambda s: reply(f'{{"data":"{s.encode().hex().upper()}"}}'.encode(), JSON),
        only=frozenset(VALUES) - DIGITS,
    ),
)

_NUMBERS: tuple[Case, ...] = (
    Case("response: a JSON number", lambda s: reply(f'{{"a":1.10, "pin":{s} ,"b":[{s}]}}'.encode(), JSON), only=DIGITS),
    Case("request: a JSON number", lambda s: post(f'{{"n":{{"pin":{s}}}}}\n'.encode(), JSON), only=DIGITS),
    Case("response: a number in lines", lambda s: reply(f'{{"n":1}}\n{{"pin":{s}}}\n'.encode(), LINES), only=DIGITS),
    Case("response: an XML number", lambda s: reply(f'<a n="{s}"><b>{s}</b></a>'.encode(), XML), only=DIGITS),
    Case("response: a YAML number", lambda s: reply(f"a: 1.10\npin: {s}\n".encode(), "application/yaml"), only=DIGITS),
)

_FAILURES: tuple[Case, ...] = (
    Case("error: message and cause of a connection that failed", _failing_connect),
    Case("error: a status line that is none", lambda s: get(raw=f"{s} says hello\r\n\r\n".encode())),
    Case("error: in the middle of what is no HTTP", lambda s: get(raw=f"220 ready\r\nnote: {s}\r\n".encode())),
    Case("error: a status that is no number", lambda s: get(raw=f"HTTP/1.1 {pct(s)} OK\r\n\r\n".encode()), exact=False),
)


# Clients that write the request in their own way


def _called(call: Callable[[str, requests.Session, str], object]) -> Callable[[str], Exchange]:
    def build(s: str) -> Exchange:
        def do(url: str, session: requests.Session) -> None:
            call(url, session, s)

        return Exchange(call=do)

    return build


def _with_userinfo(url: str, user: str) -> str:
    return url.replace("http://", f"http://{user}@") + "/case"


_CLIENTS: tuple[Case, ...] = (
    Case(
        "requests: password in the URL",
        _called(lambda url, c, s: c.get(_with_userinfo(url, f"someone:{pct(s)}"))),
        only=frozenset({"plain", "digits", "phrase"}),  # requests sends others as ISO-8859-1, or cannot
        exact=False,
    ),
    Case(
        "requests: user in the URL",
        _called(lambda url, c, s: c.get(_with_userinfo(url, f"{pct(s)}:x"))),
        only=WORDS,
        exact=False,
    ),
    Case(
        "requests: auth",
        _called(lambda url, c, s: c.get(f"{url}/case", auth=HTTPBasicAuth(b"someone", s.encode()))),
        exact=False,
    ),
    Case("requests: params", _called(lambda url, c, s: c.get(f"{url}/case", params={"a": "1", "note": s}))),
    Case("requests: json", _called(lambda url, c, s: c.post(f"{url}/case", json={"a": 1.5, "note": s}))),
    Case("requests: data", _called(lambda url, c, s: c.post(f"{url}/case", data={"a": 1, "note": s}))),
    Case(
        "requests: files",
        _called(lambda url, c, s: c.post(f"{url}/case", files={"f": ("a.txt", f"x {s} y")}, data={"note": s})),
        exact=False,  # the boundary is drawn anew each time
    ),
    Case(
        "requests: name of a file",
        _called(lambda url, c, s: c.post(f"{url}/case", files={"f": (f"{s}.txt", "x")})),
        only=WORDS,
        exact=False,
    ),
    Case(
        "requests: cookies",
        _called(lambda url, c, s: c.get(f"{url}/case", cookies={"a": "1", "note": pct(s)})),
        exact=False,
    ),
    Case(
        "urllib3: basic auth",
        _called(
            lambda url, c, s: urllib3.request(
                "GET",
                f"{url}/case",
                headers=urllib3.make_headers(basic_auth=f"someone:{s}") | {"X-Case": str(c.headers["X-Case"])},
            )
        ),
        only=frozenset({"plain", "digits", "phrase"}),  # urllib3 writes ISO-8859-1
        exact=False,
    ),
    Case(
        "urllib3: fields",
        _called(
            lambda url, c, s: urllib3.request(
                "GET", f"{url}/case", fields={"note": s}, headers={"X-Case": str(c.headers["X-Case"])}
            )
        ),
    ),
)


KNOWN: tuple[Case, ...] = (
    *_URLS,
    *_HEADERS,
    *_body_cases(),
    *_coded_cases(),
    *_FRAMINGS,
    *_SOME,
    *_NUMBERS,
    *_FAILURES,
    *_CLIENTS,
)


# Places that give a value away by themselves


def value_of(name: str) -> str:
    """Give the value that belongs to a row: 20 letters and digits that stand nowhere else."""
    digest = hashlib.sha256(name.encode()).digest()
    return "v" + base64.b32encode(digest).decode()[:10] + base64.b32encode(digest[10:]).decode().lower()[:9]


_NAMES = (
    "password",
    "passwd",
    "secret",
    "token",
    "access_token",
    "accessToken",
    "AccessToken",
    "ACCESS_TOKEN",
    "access-token",
    "refresh_token",
    "id_token",
    "client_secret",
    "clientSecret",
    "api_key",
    "apiKey",
    "API-Key",
    "apikey",
    "private_key",
    "session_token",
)
_TOKEN_HEADERS = (
    "X-Api-Key",
    "x-api-key",
    "X-API-KEY",
    "Api-Key",
    "X-Auth-Token",
    "X-Access-Token",
    "X-Amz-Security-Token",
    "X-Goog-Api-Key",
    "X-Vault-Token",
    "Private-Token",
    "X-Csrf-Token",
)


def _with_headers(name: str, form: str = "{}") -> tuple[Case, Case]:
    return (
        Case(f"request: {name}: {form}", lambda s: get("/case", ((name, form.format(s)),))),
        Case(f"response: {name}: {form}", lambda s: reply(b"ok\n", TEXT, ((name, form.format(s)),))),
    )


def _named_cases() -> list[Case]:
    cases = []
    for name in _NAMES:
        cases += [
            Case(f"query: {name}", lambda s, n=name: get(f"/case?a=1&{n}={s}&b=2")),  # type: ignore[misc] # the loop's value
            Case(f"form: {name}", lambda s, n=name: post(f"a=1&{n}={s}&b=%20".encode(), FORM)),  # type: ignore[misc] # the loop's value
            Case(f"JSON: {name}", lambda s, n=name: reply(f'{{"a": 1.10, "{n}" : "{s}", "b": 2}}'.encode(), JSON)),  # type: ignore[misc] # the loop's value
        ]
    return cases


_PASSWORD_PART = 'name="password"'

BY_PLACE: tuple[Case, ...] = (
    *(case for name in _TOKEN_HEADERS for case in _with_headers(name)),
    *_named_cases(),
    Case("query: in percent style", lambda s: get(f"/case?access%5Ftoken={s}&b=2")),
    Case("query: second of two", lambda s: get(f"/case?token=&x=1&token={s}")),
    Case("query: of X-Amz-Signature", lambda s: get(f"/case?X-Amz-Date=20261123T000000Z&X-Amz-Signature={s}")),
    Case("query: of a Referer", lambda s: get("/case", (("Referer", f"https://app.example/x?a=1&access_token={s}"),))),
    Case("query: of a Location", lambda s: reply(b"", TEXT, (("Location", f"/next?a=1&access_token={s}"),))),
    Case(
        "fragment: of a Location",
        lambda s: reply(b"", TEXT, (("Location", f"https://app.example/#access_token={s}&n=1"),)),
    ),
    Case("matrix parameter: token", lambda s: get(f"/case;v=1;token={s}/x")),
    Case("JSON: request", lambda s: post(f'{{"user":"someone","password":"{s}"}}'.encode(), JSON)),
    Case("JSON: deep", lambda s: reply(f'{{"a":[{{"b":{{"password":"{s}"}}}}]}}'.encode(), JSON)),
    Case("JSON: second of two equal keys", lambda s: reply(f'{{"token":"","token":"{s}"}}'.encode(), JSON)),
    Case("JSON: the key has escapes", lambda s: reply(f'{{"pass\\u0077ord":"{s}"}}'.encode(), JSON)),
    Case("JSON: +json", lambda s: reply(f'{{"password":"{s}"}}'.encode(), "application/vnd.api+json")),
    Case("JSON: that says it is text", lambda s: reply(f'{{"password":"{s}"}}'.encode(), TEXT)),
    Case("JSON: in a string", lambda s: reply(json.dumps({"p": json.dumps({"password": s, "b": 1.5})}).encode(), JSON)),
    Case("JSON: in lines", lambda s: reply(f'{{"n":1}}\n{{"password":"{s}"}}\n'.encode(), LINES)),
    Case("JSON: in an event stream", lambda s: reply(f'data: {{"password":"{s}"}}\n\ndata: x\n\n'.encode(), EVENTS)),
    Case("JSON: in gzip", lambda s: reply(gz(f'{{"password":"{s}"}}'), JSON, (("Content-Encoding", "gzip"),))),
    Case("form: response", lambda s: reply(f"access_token={s}&scope=repo%2Cuser&token_type=bearer".encode(), FORM)),
    Case("form: array name", lambda s: post(f"user%5Bpassword%5D={s}&user%5Bname%5D=x".encode(), FORM)),
    Case("multipart: field", lambda s: post(part(_PASSWORD_PART, s), MULTIPART)),
    Case("multipart: field without quotes", lambda s: post(part("name=api_key", s), MULTIPART)),
    Case("XML: element", lambda s: reply(f"<a><n>1.10</n><password>{s}</password></a>".encode(), XML)),
    Case(
        "XML: element with a prefix",
        lambda s: post(f'<x:a xmlns:x="u"><x:Password t="1">{s}</x:Password></x:a>'.encode(), XML),
    ),
    Case("XML: attribute", lambda s: reply(f'<a n="1" password="{s}" m="2"/>'.encode(), XML)),
    Case("XML: attribute in single quotes", lambda s: reply(f"<a n='1' apiKey='{s}'/>".encode(), "text/xml")),
    Case("XML: character data", lambda s: reply(f"<a><password><![CDATA[{s}]]></password></a>".encode(), XML)),
    Case(
        "userinfo: of a Location",
        lambda s: reply(b"", TEXT, (("Location", f"https://someone:{s}@app.example/x"),)),
        exact=False,
    ),
    Case(
        "userinfo: of a URL in JSON",
        lambda s: reply(f'{{"clone":"https://someone:{s}@git.example/x.git"}}'.encode(), JSON),
        exact=False,
    ),
    Case(
        "userinfo: of the target",
        lambda s: get(f"http://someone:{s}@api.example/case", (("Host", "api.example"),)),
        exact=False,
    ),
    Case(
        "token endpoint: code in a form",
        lambda s: post(f"grant_type=authorization_code&code={s}".encode(), FORM, target="/case/oauth/token"),
    ),
    Case(
        "token endpoint: code in JSON",
        lambda s: post(
            f'{{"grant_type":"authorization_code","code":"{s}"}}'.encode(), JSON, target="/case/oauth2/token"
        ),
    ),
    Case(
        "Set-Cookie: value",
        lambda s: reply(
            b"", TEXT, (("Set-Cookie", f"sid={s}; Path=/; Expires=Wed, 01 Jan 2098 00:00:00 GMT; HttpOnly"),)
        ),
    ),
)
"""Rows whose value goes, and nothing else."""

BY_PLACE_LOOSELY: tuple[Case, ...] = (
    *(
        case
        for form in ("Bearer {}", "Token {}", "{}", "Negotiate {}", 'OAuth oauth_token="{}"', "ApiKey {}")
        for case in _with_headers("Authorization", form)
    ),
    *(case for form in ("Basic {}", "Bearer {}") for case in _with_headers("Proxy-Authorization", form)),
    Case("request: Authorization: Basic", lambda s: get("/case", (("Authorization", f"Basic {b64('someone:' + s)}"),))),
    Case("request: authorization: in lower case", lambda s: get("/case", (("authorization", f"bearer {s}"),))),
    Case(
        "request: Authorization: Digest",
        lambda s: get(
            "/case", (("Authorization", f'Digest username="u", realm="r", nonce="n", uri="/", response="{s}"'),)
        ),
    ),
    Case(
        "request: Authorization: AWS4",
        lambda s: get(
            "/case",
            (
                (
                    "Authorization",
                    f"AWS4-HMAC-SHA256 Credential=AK/20261123/x/s3/aws4_request, SignedHeaders=host, Signature={s}",
                ),
            ),
        ),
    ),
    Case("request: Cookie", lambda s: get("/case", (("Cookie", f"sid={s}"),))),
    Case("request: Cookie, second crumb", lambda s: get("/case", (("Cookie", f"a=1; sid={s}; b=2"),))),
    Case("request: Cookie, in quotes", lambda s: get("/case", (("cookie", f'sid="{s}"'),))),
    Case(
        "response: Set-Cookie in lower case", lambda s: reply(b"", TEXT, (("set-cookie", f"sid={s}; path=/; secure"),))
    ),
    Case(
        "response: two Set-Cookie",
        lambda s: reply(b"", TEXT, (("Set-Cookie", "lang=en"), ("Set-Cookie", f"sid={s}; HttpOnly"))),
    ),
    Case("requests: auth", _called(lambda url, c, s: c.get(f"{url}/case", auth=("someone", s)))),
    Case("requests: password in the URL", _called(lambda url, c, s: c.get(_with_userinfo(url, f"someone:{s}")))),
    Case("JSON: object", lambda s: reply(f'{{"a":1,"secret":{{"k":"{s}","n":[1,"{s}x"]}},"b":2}}'.encode(), JSON)),
    Case("JSON: array", lambda s: reply(f'{{"a":1,"token":["{s}",{{"x":"{s}y"}}],"b":2}}'.encode(), JSON)),
    Case("JSON: array of objects", lambda s: post(f'{{"credentials":[{{"x":"{s}"}}],"b":2}}'.encode(), JSON)),
    Case(
        "XML: element with elements", lambda s: reply(f"<a><password><v>{s}</v></password><b>2</b></a>".encode(), XML)
    ),
    Case("JSON: broken behind it", lambda s: reply(f'{{"password":"{s}", "rest": [1,'.encode(), JSON)),
    Case("JSON: cut off in it", lambda s: reply(f'{{"a":1,"password":"{s}'.encode(), JSON, missing=100)),
    Case("JSONP", lambda s: reply(f'cb({{"password":"{s}"}});'.encode(), SCRIPT)),
    Case(
        "HTML: hidden field",
        lambda s: reply(f'<form><input type="hidden" name="csrf_token" value="{s}"></form>'.encode(), HTML),
    ),
)
"""Rows in which more than the value may go, or another spelling is right, too."""
