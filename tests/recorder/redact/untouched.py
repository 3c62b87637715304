"""What a redaction must leave as it is, byte by byte.

Law: a row is an exchange with a known secret in it and, beside that, what is to stay. It is right when the redacted
exchange is what a recording would have given had the placeholder been there in the secret's place. In the rows of
SPANS the bytes are no text, and the placeholder may have another shape there: whatever is not the secret stays.
"""

from __future__ import annotations

import base64
import json
import random
import struct
import zlib
from typing import TYPE_CHECKING

from tests.recorder.redact.exchanges import Case, Exchange, get, post, reply
from tests.recorder.redact.hiding_places import (
    BYTES,
    EVENTS,
    FORM,
    HTML,
    JSON,
    LINES,
    MULTIPART,
    SCRIPT,
    TEXT,
    XML,
    gz,
    part,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SPANS", "UNTOUCHED", "png"]

DICE = random.Random(20261123)
NOISE = DICE.randbytes(20_000)
DIGITS = "12345678901234567890123"


def png(text: bytes = b"") -> bytes:
    """Make a picture of one grey pixel, with a comment (PNG section 11.3.3.2, tEXt)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        + (chunk(b"tEXt", b"Comment\0" + text) if text else b"")
        + chunk(b"IDAT", zlib.compress(b"\0\x80"))
        + chunk(b"IEND", b"")
    )


def _json(fields: str, mime: str = JSON) -> Callable[[str], Exchange]:
    """Make a response of a JSON object with these fields, the secret among them."""
    return lambda s: reply(f'{{"note":"{s}",{fields}}}'.encode(), mime)


def _text(text: str, mime: str = TEXT) -> Callable[[str], Exchange]:
    return lambda s: reply(f"{s}\n{text}\n{s}".encode(), mime)


def _header(name: str, value: str) -> Callable[[str], Exchange]:
    return lambda s: reply(f"note {s}".encode(), TEXT, ((name, value),))


def _beside(body: bytes, mime: str) -> Callable[[str], Exchange]:
    """Make a response whose body has no secret; a header has it."""
    return lambda s: reply(body, mime, (("X-Note", s),))


_NUMBERS: tuple[Case, ...] = (
    Case("numbers: code", _json('"code": 404, "status_code":401')),
    Case("numbers: trailing zero", _json('"price":1.10,"x":[0.0,-0.0,10.00]')),
    Case("numbers: exponents", _json('"a":1e5,"b":1E+05,"c":-1.5e-10,"d":1e400')),
    Case("numbers: 23 digits", _json(f'"id":{DIGITS},"ids":[{DIGITS},-{DIGITS}]')),
    Case("numbers: 64 bits", _json('"a":9223372036854775807,"b":18446744073709551615,"c":9007199254740993')),
    Case("numbers: many decimals", _json('"pi":3.14159265358979323846264338327950288')),
    Case("numbers: digits in a URL", lambda s: get(f"/case/{DIGITS}/2026/11/23?id={DIGITS}&note={s}")),
    Case("numbers: in text", _text(f"{DIGITS} 1.10 1e5 007 +49 0x1F 1,000.00")),
    Case("numbers: literals", _json('"a":null,"b":true,"c":false,"d":"","e":[],"f":{}')),
)

_JSON: tuple[Case, ...] = (
    Case("JSON: order of keys", _json('"z":1,"a":2,"m":3,"B":4,"1":5')),
    Case("JSON: equal keys", _json('"a":1,"a":2,"a":1,"note":"x","note":""')),
    Case(
        "JSON: white space",
        lambda s: reply(f'\r\n\t{{ "a" :1 ,\t"note": "{s}"  ,\n\n  "b":[ 1,2 , 3 ]\r\n }}  \n\n'.encode(), JSON),
    ),
    Case("JSON: escapes elsewhere", _json(r'"a":"J\u00fcrgen \u00DF \/ \" \\ \n \ud83d\ude00","\u0062":"\u2028"')),
    Case("JSON: half of a pair", _json(r'"a":"\ud800","b":"\udc00x"')),
    Case("JSON: letters of all kinds", _json('"a":"Jürgen ß 日本語 😀","ключ":"значение"')),
    Case("JSON: byte order mark", lambda s: reply(b"\xef\xbb\xbf" + f'{{"note":"{s}","a":1.10}}'.encode(), JSON)),
    Case("JSON: not quite", _text('{\'a\': 1, b: 2, /* c */ "d": NaN, "e": Infinity, "f": .5, "g": 01,}', JSON)),
    Case("JSON: deep", lambda s: reply(b"[" * 3000 + f'"{s}",1.10'.encode() + b"]" * 3000, JSON)),
    Case("JSON: as text", _json('"a":1.10,"code":404', TEXT)),
    Case(
        "JSON: JSON in a string",
        lambda s: reply(json.dumps({"p": f'{{"n":1.10, "note":"{s}"}}', "q": '{"z": 1e5}'}).encode(), JSON),
    ),
    Case("JSON: lines", lambda s: reply(f'\n{{"n":1.10}}\n\n{{"note":"{s}"}}\r\n{{"n": 1e5}}\n\n'.encode(), LINES)),
    Case("JSON: a script around it", lambda s: reply(f'/**/cb({{"note":"{s}","n":1.10, "n":1e5}});'.encode(), SCRIPT)),
)

_WORDS: tuple[Case, ...] = (
    Case(
        "words: zipcode in a form", lambda s: post(f"zipcode=90210&note={s}&areacode=213&postcode=SW1A".encode(), FORM)
    ),
    Case("words: zipcode in a query", lambda s: get(f"/case?zipcode=90210&note={s}&countrycode=de&unicode=1")),
    Case("words: code of something else", lambda s: get(f"/case/orders?code=SUMMER2024&note={s}")),
    Case("words: code of something else, in JSON", _json('"code":"SUMMER2024","error":{"code":"not_found_here"}')),
    Case(
        "words: counters of tokens",
        _json('"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17},"max_tokens":100'),
    ),
    Case("words: about a token", _json('"token_type":"bearer","expires_in":3600,"scope":"repo user"')),
    Case(
        "words: that begin like sensitive ones",
        _json('"passwordless":true,"secretary":"Ann Example","tokenizer":"bpe-large"'),
    ),
    Case(
        "words: that end like sensitive ones",
        _json('"keyboard":"qwertz-layout","monkey":"capuchin-1","turkey":"anatolian-2"'),
    ),
    Case("words: author", _json('"author":"Ann Example","authors":["Bob Example"],"authority":"example.org"')),
    Case("words: about a password", _json('"password_min_length":12,"passwords_match":true')),
    Case("words: as values", lambda s: get(f"/case?sort=token&fields=password,secret&note={s}")),
    Case("words: as values in JSON", _json('"type":"password","required":["token","secret"],"name":"api_key"')),
    Case(
        "words: sensitive ones with nothing in them", _json('"password":null,"token":"","secret":false,"api_key":null')
    ),
    Case("words: empty in a query", lambda s: get(f"/case?token=&password&note={s}")),
    Case(
        "words: in XML", lambda s: reply(f"<a><zipcode>90210</zipcode><author>Ann</author><n>{s}</n></a>".encode(), XML)
    ),
    Case(
        "words: of a cookie's short value",
        lambda s: reply(
            f'{{"theme":"dark","lang":"en","note":"{s}","text":"a dark night, dark again, en route"}}'.encode(),
            JSON,
            (("Set-Cookie", "theme=dark; Path=/"), ("Set-Cookie", "lang=en; Path=/")),
        ),
        exact=False,
    ),
)

_PLAIN_DATA: tuple[Case, ...] = (
    Case(
        "data: UUIDs",
        _json('"id":"123e4567-e89b-12d3-a456-426614174000","request_id":"0b5c1a9e-55c5-4f0e-8f5e-9d6f3a1c2b4d"'),
    ),
    Case(
        "data: sums", _json('"sha":"da39a3ee5e6b4b0d3255bfef95601890afd80709","md5":"d41d8cd98f00b204e9800998ecf8427e"')
    ),
    Case(
        "data: dates",
        _json('"at":"2026-11-23T03:30:47.123456Z","on":"2026-11-23","http":"Mon, 23 Nov 2026 03:30:47 GMT"'),
    ),
    Case(
        "data: personal, which nobody asked to remove",
        _json(
            '"email":"ann@example.org","phone":"+49 30 901820","ip":"192.0.2.1",'
            '"card":"4111 1111 1111 1111","iban":"DE89370400440532013000"'
        ),
    ),
    Case("data: base64 without a secret", _json(f'"blob":"{base64.b64encode(NOISE[:3000]).decode()}"')),
    Case("data: hex without a secret", _json(f'"blob":"{NOISE[:500].hex()}"')),
    Case(
        "data: URLs",
        _json(
            '"a":"https://api.example/x?page=2&per_page=100&sort=-created&q=caf%C3%A9+x#top","b":"http://[::1]:8080/%7Euser/"'
        ),
    ),
    Case("data: percent signs", _text("100% of 50%25 %zz %C3%A9 %c3%a9 a+b %")),
    Case("data: entities", _text("&amp; &lt;b&gt; &#39; &#x27; &nbsp; &eacute; &unknown; & &amp;amp;", HTML)),
    Case("data: control characters", lambda s: reply(f"a\0b\x01\x1b[31m{s}\x7f\u0085\u2028\r\r\n\n".encode(), TEXT)),
    Case("data: only white space around", lambda s: reply(f" \t\r\n{s} \t\r\n".encode(), TEXT)),
    Case("data: a table", _text('id;name;price\r\n1;"Ann ""A"" Example";1.10\r\n', "text/csv")),
    Case(
        "data: events",
        lambda s: reply(f": hi\nid: 1.10\nretry: 3000\ndata\ndata:x\ndata: {s}\n\n\n\n".encode(), EVENTS),
    ),
    Case("data: a form", lambda s: post(f"a=%c3%a9+x&b=&c&=d&&a=1.10&note={s}&e=1=2%26&".encode(), FORM)),
    Case(
        "data: XML",
        lambda s: reply(
            f"<?xml version='1.0'?>\n<!-- x --><a  b = '1.10' ><![CDATA[ <&> ]]><c/>&#65;{s}<d></d ></a >\n".encode(),
            XML,
        ),
    ),
    Case(
        "data: multipart",
        lambda s: post(
            b"before\r\n" + part('name="f"; filename="a.bin"', NOISE[:100] + b"\r\n") + b"after" + s.encode(), MULTIPART
        ),
    ),
    Case("data: a body of nothing", lambda s: reply(b"", TEXT, (("X-Note", s),))),
    Case("data: no body", lambda s: get(status=204, reply=b"", replied=(("X-Note", s),))),
)

_BINARY: tuple[Case, ...] = (
    Case("bytes: a picture", _beside(png(), "image/png")),
    Case(
        "bytes: a protocol buffer",
        _beside(b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01", "application/x-protobuf"),
    ),
    Case("bytes: noise", _beside(NOISE, BYTES)),
    Case("bytes: noise that says it is JSON", _beside(NOISE[:2000], JSON)),
    Case("bytes: a gzip file", _beside(gz(b"harmless " * 50), "application/gzip")),
    Case("bytes: a broken gzip file", _beside(gz(b"harmless " * 50)[:-9], "application/gzip")),
    Case("bytes: another character set", _beside("café £ ÿ".encode("latin-1"), "text/plain; charset=iso-8859-1")),
    Case("bytes: UTF-16", _beside('{"a": "é☃", "n": 1.10}'.encode("utf-16"), "application/json; charset=utf-16")),
    Case("bytes: zeros", _beside(bytes(5000), BYTES)),
    Case("bytes: sent", lambda s: post(NOISE[:5000], BYTES, (("X-Note", s),))),
    Case("bytes: in gzip", lambda s: reply(gz(NOISE[:3000]), BYTES, (("Content-Encoding", "gzip"), ("X-Note", s)))),
)

_HEADERS: tuple[Case, ...] = (
    Case(
        "headers: Location",
        lambda s: reply(b"", TEXT, (("Location", f"https://u.example:8443/a/b;v=1?x=1.10&note={s}&y=%2F#top"),)),
    ),
    Case("headers: a relative Location", lambda s: reply(b"", TEXT, (("Location", f"../x?note={s}"),))),
    Case(
        "headers: Set-Cookie",
        lambda s: reply(
            b"",
            TEXT,
            (
                (
                    "Set-Cookie",
                    f"a={s}; Path=/; Domain=e.example; Expires=Wed, 01 Jan 2098 00:00:00 GMT; Max-Age=9; SameSite=Lax",
                ),
            ),
        ),
    ),
    Case(
        "headers: an odd Set-Cookie",
        lambda s: reply(b"", TEXT, (("set-cookie", f"a={s};path=/ ;HTTPONLY;; Priority=High"),)),
    ),
    Case(
        "headers: a cookie that is deleted",
        lambda s: reply(s.encode(), TEXT, (("Set-Cookie", "sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),)),
    ),
    Case("headers: ETag", _header("ETag", 'W/"33a64df551425fcc55e4d42a148795d9f25f89d4"')),
    Case("headers: Date", _header("Date", "Mon, 23 Nov 2026 03:30:47 GMT")),
    Case(
        "headers: Link",
        _header(
            "Link",
            '<https://api.example/x?page=2&per_page=100>; rel="next", <https://api.example/x?page=9>; rel="last"',
        ),
    ),
    Case("headers: limits", _header("X-RateLimit-Remaining", "4999")),
    Case("headers: id of a request", _header("X-Request-Id", "0b5c1a9e-55c5-4f0e-8f5e-9d6f3a1c2b4d")),
    Case(
        "headers: a challenge",
        _header("WWW-Authenticate", 'Bearer realm="api", error="invalid_token", error_description="The token expired"'),
    ),
    Case(
        "headers: cross-origin",
        _header("Access-Control-Allow-Headers", "Authorization, X-Api-Key, Cookie, Content-Type"),
    ),
    Case("headers: Vary", _header("Vary", "Cookie, Authorization, Accept-Encoding")),
    Case(
        "headers: duplicates and letter case",
        lambda s: reply(s.encode(), TEXT, (("X-a", "1"), ("x-A", "2"), ("X-a", "1"), ("X-Empty", ""))),
    ),
    Case(
        "headers: bytes that are no ASCII",
        lambda s: reply(
            s.encode(),
            TEXT,
            (
                ("X-A", b"caf\xe9 \xa3 \xff"),
                ("X-B", "é☃".encode()),
            ),
        ),
    ),
    Case("headers: Content-Type", lambda s: reply(s.encode(), 'Text/Plain;  charset="UTF-8" ;a=b')),
    Case(
        "headers: of a request",
        lambda s: get(
            "/case?b=1&a=2&b=1",
            (
                ("Accept", "*/*;q=0.8"),
                ("Range", "bytes=0-1023"),
                ("X-Note", s),
                ("If-Modified-Since", "Mon, 23 Nov 2026 03:30:47 GMT"),
            ),
        ),
    ),
)

UNTOUCHED: tuple[Case, ...] = (*_NUMBERS, *_JSON, *_WORDS, *_PLAIN_DATA, *_BINARY, *_HEADERS)

SPANS: tuple[Case, ...] = (
    Case("a picture with a comment", lambda s: reply(png(s.encode()), "image/png")),
    Case("noise around", lambda s: reply(NOISE[:300] + b"\0" + s.encode() + b"\0" + NOISE[300:600], BYTES)),
    Case("noise around, sent", lambda s: post(NOISE[:300] + b"\xff" + s.encode() + b"\xfe" + NOISE[300:600], BYTES)),
    Case(
        "a protocol buffer",
        lambda s: reply(
            b"\x08\x96\x01\x12" + bytes([len(s)]) + s.encode() + b"\x1a\x03\x08\x96\x01", "application/x-protobuf"
        ),
    ),
    Case(
        "another character set",
        lambda s: reply(b"caf\xe9 " + s.encode() + b" \xa3\xff \xe9", "text/plain; charset=iso-8859-1"),
    ),
    Case(
        "JSON in another character set", lambda s: reply(b'{"a":"caf\xe9","n":1.10,"note":"' + s.encode() + b'"}', JSON)
    ),
    Case("bytes that are almost UTF-8", lambda s: reply("é☃".encode()[:-1] + s.encode() + b"\xc3", TEXT)),
)
