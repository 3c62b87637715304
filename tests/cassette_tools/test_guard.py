"""The guard: leaks in every format and place, files without a false alarm, hostile files, positions, big files."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import time
import zlib
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
import pytest
import requests
import vcr
import yaml
import zstandard

from cassette_tools import guard as guard_module
from cassette_tools import pieces
from cassette_tools.guard import MOST_FINDINGS, Guard, Report
from recorder import record
from recorder.redact.policy import Policy, Secret
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "s3cr3t" + "Value/99+x"
SPREAD = "correct horse battery staple"
TOKEN = "ghp_" + "Zq8Xw2Lk" * 4 + "Vb7N"
POLICY = Policy(
    secrets=(Secret(SECRET, "given#1"), Secret(SPREAD, "given#2"), Secret("tiny", "given#3")), environment=False
)


@dataclass
class Exchange:
    """One interaction, for any format."""

    url: str = "https://localhost/items?page=2"
    method: str = "GET"
    request_headers: list[tuple[str, str]] = field(default_factory=lambda: [("Accept", "*/*")])
    request: bytes | None = None
    status: int = 200
    response_headers: list[tuple[str, str]] = field(
        default_factory=lambda: [("Content-Type", "application/json"), ("ETag", 'W/"33a64df551"')]
    )
    response: bytes = b'{"id": 1, "name": "first"}'


# -- the formats


def by_name(headers: list[tuple[str, str]]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for name, value in headers:
        out.setdefault(name, []).append(value)
    return out


def text_or_bytes(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def vcrpy(exchanges: list[Exchange], **style: Any) -> bytes:
    made = [
        {
            "request": {
                "body": None if one.request is None else text_or_bytes(one.request),
                "headers": by_name(one.request_headers),
                "method": one.method,
                "uri": one.url,
            },
            "response": {
                "body": {"string": text_or_bytes(one.response)},
                "headers": by_name(one.response_headers),
                "status": {"code": one.status, "message": "OK"},
            },
        }
        for one in exchanges
    ]
    text: str = yaml.dump({"interactions": made, "version": 1}, Dumper=yaml.CDumper, **style)
    return text.encode()


def vcrpy_flow(exchanges: list[Exchange]) -> bytes:
    return vcrpy(exchanges, default_flow_style=None, allow_unicode=True)


def vcrpy_json(exchanges: list[Exchange]) -> bytes:
    """vcrpy's JSON, and that of what is built on it: bytes that are no text as base64 without a mark."""
    made = [
        {
            "request": {
                "method": one.method,
                "uri": one.url,
                "body": None if one.request is None else textual(one.request),
                "headers": by_name(one.request_headers),
            },
            "response": {
                "status": {"code": one.status, "message": "OK"},
                "headers": by_name(one.response_headers),
                "body": {"string": textual(one.response)},
            },
        }
        for one in exchanges
    ]
    return json.dumps({"_metadata": {"by": "x"}, "interactions": made}, indent=1).encode()


def textual(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()


def betamax(exchanges: list[Exchange]) -> bytes:
    def body(data: bytes | None) -> dict[str, str]:
        if data is None:
            return {"encoding": "utf-8", "string": ""}
        try:
            return {"encoding": "utf-8", "string": data.decode()}
        except UnicodeDecodeError:
            return {"encoding": "utf-8", "base64_string": base64.b64encode(data).decode()}

    made = [
        {
            "request": {
                "body": body(one.request),
                "headers": by_name(one.request_headers),
                "method": one.method,
                "uri": one.url,
            },
            "response": {
                "body": body(one.response),
                "headers": by_name(one.response_headers),
                "status": {"code": one.status, "message": "OK"},
                "url": one.url,
            },
            "recorded_at": "2026-01-01T00:00:00",
        }
        for one in exchanges
    ]
    return json.dumps({"http_interactions": made, "recorded_with": "betamax/0.9"}).encode()


def ruby_vcr(exchanges: list[Exchange]) -> bytes:
    text: str = yaml.safe_dump(json.loads(betamax(exchanges)), explicit_start=True, sort_keys=False)
    return text.encode()


def cassetter(exchanges: list[Exchange]) -> bytes:
    def body(data: bytes | None) -> dict[str, str] | None:
        if data is None:
            return None
        try:
            return {"type": "text", "content": data.decode()}
        except UnicodeDecodeError:
            return {"type": "binary", "content": data.hex()}

    made = [
        {
            "request": {
                "method": one.method,
                "uri": one.url,
                "headers": by_name(one.request_headers),
                "body": body(one.request),
            },
            "response": {"status": one.status, "headers": by_name(one.response_headers), "body": body(one.response)},
        }
        for one in exchanges
    ]
    text: str = yaml.safe_dump({"version": 1, "interactions": made}, sort_keys=False)
    return text.encode()


def har(exchanges: list[Exchange]) -> bytes:
    def content(data: bytes) -> dict[str, Any]:
        try:
            return {"size": len(data), "mimeType": "x/y", "text": data.decode()}
        except UnicodeDecodeError:
            return {
                "size": len(data),
                "mimeType": "x/y",
                "text": base64.b64encode(data).decode(),
                "encoding": "base64",
            }

    def pairs(headers: list[tuple[str, str]]) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in headers]

    def cookies(headers: list[tuple[str, str]], name: str) -> list[dict[str, str]]:
        found = [value.split(";")[0].partition("=") for key, value in headers if key == name]
        return [{"name": crumb[0], "value": crumb[2], "path": "/", "domain": "localhost"} for crumb in found]

    entries = [
        {
            "startedDateTime": "2026-01-01T00:00:00.000Z",
            "time": 12.5,
            "request": {
                "method": one.method,
                "url": one.url,
                "httpVersion": "HTTP/1.1",
                "cookies": cookies(one.request_headers, "Cookie"),
                "headers": pairs(one.request_headers),
                "queryString": [
                    dict(zip(("name", "value"), part.split("="), strict=True))
                    for part in one.url.partition("?")[2].split("&")
                    if "=" in part
                ],
                **(
                    {}
                    if one.request is None
                    else {
                        "postData": {
                            "mimeType": dict(one.request_headers).get("Content-Type", ""),
                            "text": one.request.decode("latin-1"),
                            "params": [],
                        }
                    }
                ),
                "headersSize": -1,
                "bodySize": -1,
            },
            "response": {
                "status": one.status,
                "statusText": "OK",
                "httpVersion": "HTTP/1.1",
                "cookies": cookies(one.response_headers, "Set-Cookie"),
                "headers": pairs(one.response_headers),
                "content": content(one.response),
                "redirectURL": "",
                "headersSize": -1,
                "bodySize": -1,
            },
            "cache": {},
            "timings": {"send": 0, "wait": 12.5, "receive": 0},
        }
        for one in exchanges
    ]
    return json.dumps(
        {"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": entries}}
    ).encode()


def ours(exchanges: list[Exchange]) -> bytes:
    def held(data: bytes) -> dict[str, str]:
        try:
            return {"text": data.decode()}
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(data).decode()}

    lines: list[dict[str, Any]] = [{"type": "header", "format": 1, "redaction": "none"}]
    for number, one in enumerate(exchanges, 1):
        bodies = {"response": held(one.response)}
        if one.request is not None:
            bodies["request"] = held(one.request)
        lines.append(
            {
                "type": "interaction",
                "id": f"5f2c9a1b-{number}",
                "seq": number,
                "request": {
                    "method": one.method,
                    "url": one.url,
                    "headers": one.request_headers,
                    "body": None if one.request is None else {"size": len(one.request)},
                },
                "response": {
                    "status": one.status,
                    "reason": "OK",
                    "headers": one.response_headers,
                    "body": {"size": len(one.response)},
                },
                "bodies": bodies,
            }
        )
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


def path_of(one: Exchange) -> str:
    """Give the target of a request: what is behind the host, or all of what has userinfo."""
    return one.url if "@" in one.url else one.url.removeprefix("https://localhost")


def vcrpy_oldest(exchanges: list[Exchange]) -> list[dict[str, Any]]:
    """What vcrpy 0.7 keeps: a list; requests in parts, their headers as pairs, those of responses as lines."""
    return [
        {
            "request": {
                "body": None if one.request is None else text_or_bytes(one.request),
                "headers": [[list(pair) for pair in one.request_headers]],
                "host": "localhost",
                "method": one.method,
                "path": path_of(one),
                "port": 443,
                "protocol": "https",
            },
            "response": {
                "body": {"string": text_or_bytes(one.response)},
                "headers": [f"{name}: {value}\r\n" for name, value in one.response_headers],
                "status": {"code": one.status, "message": "OK"},
            },
        }
        for one in exchanges
    ]


def vcrpy_oldest_yaml(exchanges: list[Exchange]) -> bytes:
    text: str = yaml.dump(vcrpy_oldest(exchanges), Dumper=yaml.CDumper, default_flow_style=False)
    return text.replace(
        "    headers:\n    - - -", "    headers: !!python/object/apply:__builtin__.frozenset\n    - - -"
    ).encode()


def vcrpy_oldest_json(exchanges: list[Exchange]) -> bytes:
    made = vcrpy_oldest(exchanges)
    for one, exchange in zip(made, exchanges, strict=True):
        one["request"]["headers"] = dict(exchange.request_headers)
        one["request"]["body"] = None if exchange.request is None else textual(exchange.request)
        one["response"]["body"] = {"string": textual(exchange.response)}
    return json.dumps(made, indent=4).encode()


def keboola_killed(exchanges: list[Exchange]) -> bytes:
    made = json.loads(vcrpy_json(exchanges))["interactions"]
    return b"".join(json.dumps(one).encode() + b"\n" for one in made)


def cassetter_toml(exchanges: list[Exchange]) -> bytes:
    def string(text: str) -> str:
        quoted = orjson.dumps(text).decode().replace("\x7f", "\\u007F")
        return '"""\n' + quoted[1:-1].replace("\\n", "\n") + '"""' if "\n" in text and "\\" not in text else quoted

    def body(data: bytes | None) -> str:
        if data is None:
            return 'body_type = "none"\n'
        try:
            return f'body_type = "text"\nbody_content = {string(data.decode())}\n'
        except UnicodeDecodeError:
            return f'body_type = "binary"\nbody_content = "{data.hex()}"\n'

    def headers(pairs: list[tuple[str, str]]) -> str:
        lines = (f"{name} = [{', '.join(map(string, values))}]\n" for name, values in by_name(pairs).items())
        return "".join(lines)

    def table(one: Exchange) -> str:
        return (
            f"\n[[interactions]]\n\n[interactions.request]\nmethod = {string(one.method)}\nuri = {string(one.url)}\n"
            f"{body(one.request)}\n[interactions.request.headers]\n{headers(one.request_headers)}\n"
            f"[interactions.response]\nstatus = {one.status}\n{body(one.response)}\n"
            f"[interactions.response.headers]\n{headers(one.response_headers)}"
        )

    return ("version = 1\n" + "".join(map(table, exchanges))).encode()


def tnetstring(value: Any) -> bytes:
    """Write a value as mitmproxy does."""
    said, kind = b"", "~"
    if isinstance(value, bool):
        said, kind = str(value).lower().encode(), "!"
    elif isinstance(value, int):
        said, kind = b"%d" % value, "#"
    elif isinstance(value, str):
        said, kind = value.encode(), ";"
    elif isinstance(value, bytes):
        said, kind = value, ","
    elif isinstance(value, list):
        said, kind = b"".join(map(tnetstring, value)), "]"
    elif isinstance(value, dict):
        said, kind = b"".join(tnetstring(key) + tnetstring(one) for key, one in value.items()), "}"
    return b"%d:%s%s" % (len(said), said, kind.encode())


def flow(one: Exchange, **more: Any) -> bytes:
    def pairs(headers: list[tuple[str, str]]) -> list[list[bytes]]:
        return [[name.encode(), value.encode()] for name, value in headers]

    return tnetstring(
        {
            "websocket": None,
            "response": {
                "reason": b"OK",
                "status_code": one.status,
                "content": one.response,
                "headers": pairs(one.response_headers),
                "http_version": b"HTTP/1.1",
            },
            "request": {
                "path": path_of(one).encode(),
                "authority": b"",
                "scheme": b"https",
                "method": one.method.encode(),
                "port": 443,
                "host": "localhost",
                "content": one.request or b"",
                "headers": pairs(one.request_headers),
            },
            "version": 21,
            "type": "http",
            **more,
        }
    )


def mitmproxy(exchanges: list[Exchange]) -> bytes:
    return b"".join(map(flow, exchanges))


FORMATS: dict[str, Callable[[list[Exchange]], bytes]] = {
    "vcrpy.yaml": vcrpy,
    "vcrpy-flow.yaml": vcrpy_flow,
    "vcrpy.json": vcrpy_json,
    "betamax.json": betamax,
    "ruby-vcr.yml": ruby_vcr,
    "cassetter.yaml": cassetter,
    "har.har": har,
    "ours.jsonl": ours,
    "oldest.yaml": vcrpy_oldest_yaml,
    "oldest.json": vcrpy_oldest_json,
    "killed.jsonl.tmp": keboola_killed,
    "cassetter.toml": cassetter_toml,
    "mitmproxy.flows": mitmproxy,
}

# -- the leaks: an interaction, the rule, the place

FORM = [("Content-Type", "application/x-www-form-urlencoded")]
PASSWORD = "hunter2-" + "horse"
DEFLATED = zlib.compress(b'{"password": "%s"}' % PASSWORD.encode())[2:-4]

LEAKS: dict[str, tuple[Exchange, str, str]] = {
    "bearer": (
        Exchange(request_headers=[("Authorization", f"Bearer {PASSWORD}")]),
        "header:authorization",
        "request.headers",
    ),
    "basic": (
        Exchange(
            request_headers=[("authorization", "Basic " + base64.b64encode(b"joe:" + PASSWORD.encode()).decode())]
        ),
        "header:authorization",
        "request.headers",
    ),
    "api key header": (
        Exchange(request_headers=[("Accept", "*/*"), ("X-Api-Key", PASSWORD)]),
        "header:xapikey",
        "request.headers",
    ),
    "a header that is sensitive only as a header": (
        Exchange(request_headers=[("X-Vault-Token", PASSWORD)]),
        "header:xvaulttoken",
        "request.headers",
    ),
    "cookie": (Exchange(request_headers=[("Cookie", f"a=REDACTED; sid={PASSWORD}")]), "cookie", "request.headers"),
    "second set-cookie": (
        Exchange(response_headers=[("Set-Cookie", "a=***; Path=/"), ("Set-Cookie", f"sid={PASSWORD}; HttpOnly")]),
        "cookie",
        "response.headers",
    ),
    "query": (Exchange(url=f"https://localhost/a?x=1&access_token={PASSWORD}"), "query:accesstoken", "request.url"),
    "userinfo": (Exchange(url=f"https://joe:{PASSWORD}@localhost/a"), "userinfo", "request.url"),
    "first field of a form": (
        Exchange(method="POST", request_headers=FORM, request=f"password={PASSWORD}&x=1".encode()),
        "query:password",
        "request.body",
    ),
    "code at a token endpoint": (
        Exchange(
            url="https://localhost/oauth/token",
            method="POST",
            request_headers=FORM,
            request=f"grant_type=authorization_code&code={PASSWORD}".encode(),
        ),
        "query:code",
        "request.body",
    ),
    "JSON": (Exchange(response=b'{"user": {"password": "%s"}}' % PASSWORD.encode()), "field:password", "response.body"),
    "JSON in a JSON string": (
        Exchange(response=json.dumps({"a": json.dumps({"client_secret": PASSWORD})}).encode()),
        "field:clientsecret",
        "response.body",
    ),
    "a list in JSON": (
        Exchange(request=b'{"password": ["%s"]}' % PASSWORD.encode()),
        "field:password",
        "request.body",
    ),
    "a table in JSON": (
        Exchange(response=b'{"secrets": {"first": "***", "password": {"new": "%s"}}}' % PASSWORD.encode()),
        "field:secrets",
        "response.body",
    ),
    "a token's format": (Exchange(response=f"log in with {TOKEN}!".encode()), "format:github-token", "response.body"),
    "a token's format in a path": (Exchange(url=f"https://localhost/{TOKEN}/x"), "format:github-token", "request.url"),
    "known, plain": (Exchange(response=f"<p>{SECRET}</p>".encode()), "known:given#1", "response.body"),
    "known, in a header": (
        Exchange(response_headers=[("X-Trace", f"at {SECRET}")]),
        "known:given#1",
        "response.headers",
    ),
    "known, percent-encoded": (
        Exchange(url="https://localhost/" + quote(SECRET, safe="")),
        "known:given#1",
        "request.url",
    ),
    "known, base64": (
        Exchange(response=b"x " + base64.b64encode(b"12" + SECRET.encode() + b"zz") + b" y"),
        "known:given#1",
        "response.body",
    ),
    "known, hexadecimal": (Exchange(response=SECRET.encode().hex().encode()), "known:given#1", "response.body"),
    "known, with escapes": (
        Exchange(response=json.dumps({"a": SECRET.replace("/", "\\/")}).replace("\\\\/", "\\/").encode()),
        "known:given#1",
        "response.body",
    ),
    "known, several words": (
        Exchange(response=("lorem ipsum " * 9 + SPREAD + " dolor sit" * 30).encode()),
        "known:given#2",
        "response.body",
    ),
    "known, between odd characters": (
        Exchange(response=("\u00e9\u2028" * 30 + "\x07" * 20 + SECRET + "\x07 and words to be broken" * 9).encode()),
        "known:given#1",
        "response.body",
    ),
    "known, in binary": (
        Exchange(response=b"\x00\xff\xfe" * 40 + SECRET.encode() + b"\x00\xff" * 40),
        "known:given#1",
        "response.body",
    ),
    "JSON in gzip": (
        Exchange(response=gzip.compress(b'{"password": "%s"}' % PASSWORD.encode(), mtime=0)),
        "field:password",
        "response.body",
    ),
    "JSON in deflate, as the header says": (
        Exchange(
            response_headers=[("Content-Type", "application/json"), ("Content-Encoding", "deflate")], response=DEFLATED
        ),
        "field:password",
        "response.body",
    ),
    "JSON in zstd": (
        Exchange(response=zstandard.compress(b'{"password": "%s"}' % PASSWORD.encode())),
        "field:password",
        "response.body",
    ),
    "JSON in UTF-16": (
        Exchange(response=b"\xff\xfe" + f'{{"password": "{PASSWORD}\u20ac"}}'.encode("utf-16-le")),
        "field:password",
        "response.body",
    ),
}

CLEAN: dict[str, Exchange] = {
    "ordinary": Exchange(
        response_headers=[
            ("Date", "Mon, 01 Jan 2026 00:00:00 GMT"),
            ("ETag", '"5d8c72a5edda8d6a5d8c72a5edda8d6a"'),
            ("Set-Cookie", "seen=; Max-Age=0"),
            ("X-Request-Id", "7d9f1d5e-0c0c-4f0e-9f5b-3a4f5c6d7e8f"),
            ("Content-Length", "123456789"),
        ]
    ),
    "masked by people": Exchange(
        url="https://localhost/a?api_key=XXXX&token=<TOKEN>",
        request_headers=[("Authorization", "Bearer REDACTED"), ("Cookie", "sid=***"), ("X-Api-Key", "<FILTERED>")],
        response_headers=[("Set-Cookie", "session=REDACTED; Path=/; HttpOnly")],
        response=b'{"password": "***", "token": "dummy-token", "secret": "<SECRET>", "access_token": "REDACTED"}',
    ),
    "filled in from the environment": Exchange(
        request_headers=[("Authorization", "Bearer <%= ENV['TOKEN'] %>"), ("X-Api-Key", "<%=ENV.fetch('KEY')%>")],
        response=b'{"password": "<%= ENV[\'PASSWORD\'] %>"}',
    ),
    "masked by us": Exchange(
        request_headers=[("Authorization", "Bearer REDACTED-secret-abcdefghij")],
        response=b'{"password": "REDACTED-secret-abcdefghij"}',
    ),
    "words that look like it": Exchange(
        url="https://localhost/a?zipcode=12345&keyword=shoes&tokenize=1",
        response=b'{"code": 404, "token_type": "bearer", "max_tokens": 5, "monkey": "a", "secretary": "x"}',
    ),
    "a page": Exchange(
        response_headers=[("Content-Type", "text/html")],
        response=b"<html><head><title>Reset your password</title></head><body><p class='token'>secret sauce</p></body>",
    ),
    "nulls": Exchange(response=b'{"password": null, "token": "", "secrets": [], "cookies": {}}'),
    "binary": Exchange(response=bytes(range(256)) * 20),
}


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def scanned(data: bytes, **options: Any) -> Report:
    return Guard(POLICY, **options).look_at(io.BytesIO(data), "file")


def rules(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


@pytest.mark.parametrize(("form", "leak"), list(product(FORMATS, LEAKS)))
def test_a_leak_is_found_with_its_rule_place_and_interaction(form: str, leak: str) -> None:
    exchange, rule, place = LEAKS[leak]
    report = scanned(FORMATS[form]([Exchange(), exchange, Exchange()]))
    assert report.trouble is None
    assert not report.skipped
    assert (rule, place, 2) in {(one.rule, one.place, one.interaction) for one in report.findings}
    assert {one.interaction for one in report.findings} == {2}


@pytest.mark.parametrize(("form", "clean"), list(product(FORMATS, CLEAN)))
def test_what_is_no_secret_or_masked_is_not_found(form: str, clean: str) -> None:
    report = scanned(FORMATS[form]([CLEAN[clean]] * 2))
    assert report == Report("file", report.size, is_cassette=True)
    assert report.size > 0


@pytest.mark.parametrize("form", FORMATS)
def test_a_masked_value_beside_a_known_one_hides_nothing(form: str) -> None:
    report = scanned(FORMATS[form]([Exchange(request_headers=[("Authorization", f"REDACTED {SECRET}")])]))
    assert "known:given#1" in rules(report)


@pytest.mark.parametrize("form", FORMATS)
def test_the_position_is_where_the_value_stands(form: str) -> None:
    for leak in ("bearer", "JSON", "a token's format", "known, plain", "query", "second set-cookie"):
        data = FORMATS[form]([Exchange(response="\u00fc\u4e2d \n x".encode()), LEAKS[leak][0]])
        finding = scanned(data).findings[0]
        there = data.decode().split("\n")[finding.line - 1][finding.column - 1 :]
        assert there.startswith((PASSWORD, TOKEN, SECRET)), (leak, there[:20])


def test_values_are_in_no_report() -> None:
    for form, leak in product(FORMATS, LEAKS):
        report = scanned(FORMATS[form]([LEAKS[leak][0]]))
        for value in (SECRET, PASSWORD, TOKEN, SPREAD):
            assert value not in repr(report)


# -- what is a cassette


@pytest.mark.parametrize("form", FORMATS)
def test_a_cassette_is_told_by_its_content(form: str) -> None:
    data = FORMATS[form]([Exchange()])
    assert not Guard(POLICY).look_at(io.BytesIO(data), "x", named=False).skipped
    assert not Guard(POLICY, which="cassettes").look_at(io.BytesIO(data), "x").skipped


NO_CASSETTES: dict[str, bytes] = {
    "package.json": b'{"name": "x", "dependencies": {"jsonwebtoken": "^9"}, "scripts": {"token": "print-it-now"}}',
    "lock file": b'{"lockfileVersion": 3, "packages": {"": {"integrity": "sha512-abcdef=="}}}',
    "compose file": b"services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: hunter2-horse\n",
    "OpenAPI": b"openapi: 3.0.0\npaths:\n  /token:\n    post:\n      summary: interactions\n",
    "entries without a log": b'{"entries": [{"token": "abcdefghijkl"}]}',
    "JSON lines": b'{"event": "x", "token": "abcdefghijkl"}\n{"event": "y"}\n',
    "empty": b"",
    "blank": b"\n \n",
}


@pytest.mark.parametrize("name", NO_CASSETTES)
def test_what_is_no_cassette_is_skipped_unless_it_is_named(name: str) -> None:
    data = NO_CASSETTES[name]
    assert Guard(POLICY).look_at(io.BytesIO(data), "x", named=False).skipped
    assert Guard(POLICY, which="cassettes").look_at(io.BytesIO(data), "x", named=True).skipped
    assert not Guard(POLICY).look_at(io.BytesIO(data), "x", named=True).skipped
    assert not Guard(POLICY, which="all").look_at(io.BytesIO(data), "x", named=False).skipped


def test_a_named_file_is_looked_into_whatever_it_is() -> None:
    assert rules(scanned(NO_CASSETTES["compose file"] + b"x_password: hunter2\npassword: hunter2-horse\n")) == {
        "field:password"
    }
    assert rules(scanned(f"note to self: {TOKEN}".encode())) == {"format:github-token"}


def test_a_value_outside_of_interactions_is_found() -> None:
    data = b"# made with %s\n" % TOKEN.encode() + vcrpy([Exchange()]) + b"metadata:\n  note: %s\n" % SECRET.encode()
    report = scanned(data)
    assert {(one.rule, one.place, one.line) for one in report.findings} == {
        ("format:github-token", "file", 1),
        ("known:given#1", "document", data.count(b"\n")),
    }


# -- other layouts


def test_a_header_list_of_pairs_or_of_names_and_values_in_turn_is_read() -> None:
    pairs: list[Any] = [["X-Vault-Token", PASSWORD]]
    in_turn: list[Any] = ["Accept", "*/*", "X-Vault-Token", PASSWORD]
    for headers in (pairs, in_turn):
        made = {"interactions": [{"request": {"uri": "x", "headers": headers}, "response": {}}], "b": {"base64": ""}}
        assert rules(scanned(json.dumps(made).encode())) == {"header:xvaulttoken"}, headers


def test_the_old_layout_of_vcrpy_is_read() -> None:
    old = yaml.safe_dump(
        [
            {
                "request": {"host": "localhost", "path": "/", "headers": {"Authorization": f"Bearer {PASSWORD}"}},
                "response": {"body": {"string": "x"}},
            }
        ]
    ).encode()
    report = scanned(old, which="cassettes")
    assert [(one.rule, one.interaction) for one in report.findings] == [("header:authorization", 1)]


def test_structured_bodies_are_read() -> None:
    data = yaml.safe_dump(
        {"interactions": [{"request": {"uri": "x", "parsed_body": {"client_secret": [PASSWORD]}}, "response": {}}]}
    ).encode()
    assert rules(scanned(data)) == {"field:clientsecret"}


def test_body_lines_and_received_bytes_of_ours_are_read() -> None:
    lines = [
        {"type": "header", "format": 1},
        {"type": "body", "of": "a-1", "part": "response", "piece": 0, "text": f'{{"password": "{PASSWORD}"}}'},
        {
            "type": "body",
            "of": "a-1",
            "part": "request",
            "piece": 0,
            "base64": base64.b64encode(b"\xff" + SECRET.encode()).decode(),
        },
        {
            "type": "interaction",
            "request": {"url": "https://localhost/", "headers": []},
            "response": None,
            "error": {
                "message": f"at https://a:{PASSWORD}@localhost/",
                "received": coded(gzip.compress(SECRET.encode(), mtime=0)),
            },
            "bodies": {},
        },
    ]
    report = scanned(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    assert {(one.line, one.rule, one.place, one.interaction) for one in report.findings} == {
        (2, "field:password", "response.body", None),
        (3, "known:given#1", "request.body", None),
        (4, "userinfo", "error.message", 1),
        (4, "known:given#1", "error.received", 1),
    }


def test_aliases_in_yaml_are_followed() -> None:
    data = (
        b"interactions:\n- request:\n    uri: x\n    headers:\n      X-Other: &a\n      - Bearer hunter2-horse\n"
        b"      Authorization: *a\n  response: {}\n"
    )
    assert rules(scanned(data)) == {"header:authorization"}


def test_the_tags_that_python_writes_are_read() -> None:
    packed = coded(gzip.compress(b'{"password": "hunter2-horse"}', mtime=0))
    data = (
        "interactions:\n- request:\n    body: !!python/object/new:_io.BytesIO\n      state: !!python/tuple\n"
        f"      - !!binary |\n        {packed[:40]}\n        {packed[40:]}\n      - 0\n      - null\n"
        "    headers:\n      Authorization: !!python/tuple\n      - !!python/str 'Bearer hunter2-horse'\n"
        "  response: {}\n"
    )
    assert rules(scanned(data.encode())) == {"field:password", "header:authorization"}


def test_all_of_a_flow_is_looked_into_and_only_flows_of_http_are_counted() -> None:
    message = [1, True, f'{{"password": "{PASSWORD}"}}'.encode(), 12]
    data = b"".join(
        (
            tnetstring({"messages": [[True, SECRET.encode(), 1]], "version": 21, "type": "tcp"}),
            flow(Exchange(), websocket={"messages": [message], "closed_by_client": True}),
            flow(Exchange(), backup={"request": {"headers": [[b"Authorization", b"Bearer " + PASSWORD.encode()]]}}),
            tnetstring({"type": "udp", "messages": [], "version": 21}),
            flow(LEAKS["bearer"][0], type="http"),
        )
    )
    report = scanned(data, which="cassettes")
    assert report.trouble is None
    assert [(one.rule, one.place, one.interaction) for one in report.findings] == [
        ("known:given#1", "document", None),
        ("field:password", "document", 1),
        ("header:authorization", "request.headers", 2),
        ("header:authorization", "request.headers", 3),
    ]


@pytest.mark.parametrize(
    "data",
    [
        mitmproxy([LEAKS["bearer"][0]] * 2)[:-40],
        mitmproxy([LEAKS["bearer"][0]]) + b"something else",
        mitmproxy([LEAKS["bearer"][0]]) + b"5:12345}",
        mitmproxy([LEAKS["bearer"][0]]) + b"12:3:key,4:abcd}",
        mitmproxy([LEAKS["bearer"][0]]) + b"6:3:key,}",
    ],
    ids=range(5),
)
def test_a_broken_flow_hides_none_before_it_and_is_trouble(data: bytes) -> None:
    report = scanned(data, which="cassettes")
    assert str(report.trouble).startswith("not ")
    assert ("header:authorization", 1) in {(one.rule, one.interaction) for one in report.findings}


def test_a_flow_nested_without_end_is_trouble() -> None:
    nested = b""
    for _ in range(3000):
        nested = b"%d:%s]" % (len(nested), nested)
    inner = b"7:version;2:21#1:a;" + nested
    report = scanned(mitmproxy([Exchange()]) + b"%d:%s}" % (len(inner), inner), which="cassettes")
    assert "nested more than" in str(report.trouble)


TOML: dict[str, tuple[str, set[tuple[str, int | None, int]]]] = {
    "dotted and quoted keys": (
        '[[interactions]]\n"request".headers."Authorization" = "Bearer hunter2-horse"\n',
        {("header:authorization", 1, 2)},
    ),
    "inline tables": (
        "[[ interactions ]] # one\nrequest = { uri = 'x', headers = { Authorization = [ 'Bearer hunter2-horse' ] } }\n",
        {("header:authorization", 1, 2)},
    ),
    "arrays over lines, with comments": (
        (
            "[[interactions]]\n[interactions.request.headers]\nA = [ # a ]\n 'x',\n# '\n]\n"
            "Cookie = [\n  'sid=hunter2-horse', # the end\n]\n"
        ),
        {("cookie", 1, 8)},
    ),
    "literal strings of several lines": (
        (
            "[[interactions]]\n[interactions.response]\nbody_type = 'text'\n"
            "body_content = '''\n{\n \"password\": \"hunter2-horse\"}'''\n"
        ),
        {("field:password", 1, 6)},
    ),
    "escapes": (
        (
            "[[interactions]]\n[interactions.response]\n"
            'body_content = "{\\"pass\\u0077ord\\": \\"hunter2-\\U00000068orse\\"}"\n'
        ),
        {("field:password", 1, 3)},
    ),
    "a header of a table in a string": (
        (
            "[[interactions]]\n[interactions.response]\nbody_content = '''\n[[interactions]]\n'''\n"
            "[[interactions]]\nresponse.headers.Set-Cookie = 'sid=hunter2-horse'\n"
        ),
        {("cookie", 2, 7)},
    ),
    "numbers, dates, truth": (
        (
            "version = 1\nat = 1979-05-27 07:32:00Z # now\n[[interactions]]\nn = [1_000, 0x1F, +inf, 1e6, true]\n"
            "response.headers.Set-Cookie = 'sid=hunter2-horse'\n[metadata]\ntoken = 'hunter2-horse'\n"
        ),
        {("cookie", 1, 5), ("field:token", None, 7)},
    ),
    "arrays of tables inside": (
        (
            "[[interactions]]\n[[interactions.request.parts]]\na = 1\n[[interactions.request.parts]]\n"
            "password = 'hunter2-horse'\n[interactions.request.parts.more]\nsecret = 'hunter2-horse'\n"
        ),
        {("field:password", 1, 5), ("field:secret", 1, 7)},
    ),
    "CRLF and a byte order mark": (
        "\ufeff# made\r\n[[interactions]]\r\nresponse.headers.Set-Cookie = 'sid=hunter2-horse'\r\n",
        {("cookie", 1, 3)},
    ),
}


@pytest.mark.parametrize("name", TOML)
def test_toml_is_read_as_toml(name: str) -> None:
    text, expected = TOML[name]
    report = scanned(text.encode(), which="cassettes")
    assert report.trouble is None
    assert {(one.rule, one.interaction, one.line) for one in report.findings} == expected


@pytest.mark.parametrize(
    "more",
    [
        *("a", "a =", "a = [", "a = [1", "a = {b = 1", "a = {b}", "a = 'x", 'a = """x', "[b", "[[b]", "= 1", "a = [1}"),
        *("a = " + "[" * 30_000, "a = " + "{a=" * 30_000, "a." * 30_000 + "a = 1", "[" + "a." * 30_000 + "a]"),
    ],
    ids=range(16),
)
def test_broken_toml_is_trouble_and_searched_as_text(more: str) -> None:
    text = f"[[interactions]]\nrequest.headers.Authorization = 'Bearer {PASSWORD}'\n# {TOKEN}\n{more}\n"
    report = scanned(text.encode(), which="cassettes")
    assert str(report.trouble).endswith("it was searched as text.")
    assert "format:github-token" in rules(report)
    assert PASSWORD not in str(report.trouble)


# -- real tools


def test_what_vcrpy_records_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    with Origin() as server, vcr.use_cassette(str(path)):
        requests.get(f"{server.url}/json", headers={"Authorization": f"Bearer {PASSWORD}"}, timeout=5)
        requests.get(f"{server.url}/gzip?size=2000", timeout=5)
        requests.post(f"{server.url}/echo", data=b"\xff\x00" + SECRET.encode(), timeout=5)
    report = Guard(POLICY).look(str(path))
    assert report.trouble is None
    assert ("header:authorization", "request.headers", 1) in {
        (one.rule, one.place, one.interaction) for one in report.findings
    }
    assert ("known:given#1", "request.body", 3) in {(one.rule, one.place, one.interaction) for one in report.findings}
    assert {one.interaction for one in report.findings} == {1, 3}


def test_what_the_recorder_writes_is_clean_once_it_was_redacted(tmp_path: Path) -> None:
    path = tmp_path / "cassette.jsonl"
    with Origin() as server, record(path, policy=POLICY):
        requests.post(
            f"{server.url}/echo?token={PASSWORD}", data={"password": PASSWORD}, auth=("joe", PASSWORD), timeout=5
        )
    assert Guard(POLICY).look(str(path)).findings == ()


# -- hostile files


@pytest.mark.parametrize(
    "data",
    [
        b"interactions:\n- " + b"[" * 30_000,
        b'{"interactions": ' + b"[" * 30_000,
        b'{"interactions": ' + b'{"a":' * 30_000,
        b"interactions:\n" + b"- " * 30_000,
        b"interactions:\n- a: \xff\xfe\n",
        b"interactions:\n- a: \x00\x00\n",
        b'interactions:\n- a: "unclosed\n',
        b'{"interactions": [{"a": 1]}',
        b'{"interactions": [{"a": ',
        b'{"interactions": ["unclosed]}',
        b'{"type":"header","format":1}\n{"type":"interaction", \n',
    ],
    ids=range(11),
)
def test_a_file_that_cannot_be_parsed_is_trouble_and_searched_as_text(data: bytes) -> None:
    leaking = data + b" " + TOKEN.encode() + b" \n"
    report = scanned(leaking)
    assert report.trouble is not None
    assert report.trouble.endswith("it was searched as text.")
    assert re.search(r"\(line \d+, column \d+\)", report.trouble)
    assert rules(report) == {"format:github-token"}
    assert "hp_" not in report.trouble


_MANY = 40_000
_REPEATED: dict[str, bytes] = {
    "headers on one line": b"interactions:\n- a: " + b"headers: " * _MANY,
    "headers": b"interactions:\n- a:\n" + b"    headers:\n" * _MANY,
    "open tables": b'{"interactions":[' + b'"headers":{' * _MANY,
    "open secrets": b'{"interactions":[' + b'"password":{' * _MANY,
    "open strings": b'{"interactions":[' + b'"password":"' * _MANY,
    "open lists": b'{"interactions":' + b'["' * _MANY,
    "escaped line ends": b'interactions:\n- a: "' + b"\\\n" * _MANY,
    "backslashes": b"interactions:\n- a: " + b"\\" * _MANY,
    "aliases": b"interactions:\n- a: &a [x]\n" + b"  b: *a\n" * _MANY,
    "digits": b"interactions:\n- token: " + b"1" * _MANY + b"!\n",
    "words of stand-ins": b"interactions:\n" + b"- token: " + b"test" * 60 + b"!\n",
    "user names": b"interactions:\n- a: " + b"http://a:b" * _MANY,
    "line feeds": b'{"type":"header"}\n' + b"\n" * _MANY,
    "flows of nothing": b"20:11:interaction,1:a;}" + b"0:}" * _MANY,
    "keys of flows": tnetstring({f"key{number}": b"" for number in range(_MANY)}),
    "open tables of TOML": b"[[interactions]]\n" + b"[interactions.a]\n" * _MANY,
    "quotes of TOML": b"[[interactions]]\na = " + b'"' * _MANY,
    "escapes of TOML": b'[[interactions]]\na = "' + b"\\" * _MANY,
    "line ends of TOML": b'[[interactions]]\na = """' + b"\\\n" * _MANY,
    "comments of TOML": b"[[interactions]]\n" + b"#\n" * _MANY + b"a = [" + b"#\n" * _MANY,
    "blanks of TOML": b"[[interactions]]\n" + b" " * (50 * _MANY) + b"a",
    "comments before TOML": b"#\n" * _MANY,
    "headers in lines": b'{"interactions":[{"headers":[' + b'"a: b",' * _MANY,
    "headers in lists": b"interactions:\n- headers:\n" + b"  - - a\n    - b\n" * _MANY,
    "one word": b"a" * (50 * _MANY),
    "NUL": bytes(50 * _MANY),
}


@pytest.mark.parametrize("name", _REPEATED)
def test_time_grows_with_the_size_and_not_with_its_square(name: str) -> None:
    begun = time.process_time()
    scanned(_REPEATED[name])
    assert time.process_time() - begun < 5


def test_aliases_do_not_multiply() -> None:
    bomb = "a0: &a0 [lol, lol]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    report = scanned(f"{bomb}interactions:\n- request: *a39\n  token: *a39\n  x: {TOKEN}\n".encode())
    assert "format:github-token" in rules(report)
    assert len(report.findings) < 10


def test_a_table_that_holds_itself_ends() -> None:
    assert rules(scanned(f"interactions:\n- &a\n  token: *a\n  b: {TOKEN}\n".encode())) == {"format:github-token"}


def test_a_body_that_grows_without_end_is_passed_over_in_bounded_memory() -> None:
    bomb = gzip.compress(bytes(200 << 20), mtime=0)
    report = scanned(vcrpy([Exchange(response=bomb)]))
    assert report.trouble is None
    assert report.findings == ()


def test_a_packed_file_that_grows_without_end_is_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MOST_UNPACKED", 5 << 20)
    report = scanned(gzip.compress(b'{"type":"header"}\n' * 1_000_000, mtime=0))
    assert report.trouble == "cannot be unpacked: it grows beyond 5 MiB."


@pytest.mark.parametrize(
    "packed", [gzip.compress(vcrpy([Exchange()]), mtime=0)[:-30], b"\x1f\x8b" + b"x" * 50, b"\x28\xb5\x2f\xfdxyz"]
)
def test_a_broken_packed_file_is_trouble(packed: bytes) -> None:
    assert str(scanned(packed).trouble).startswith("cannot be unpacked: ")


@pytest.mark.parametrize("form", FORMATS)
def test_packed_files_are_unpacked(form: str) -> None:
    data = FORMATS[form]([Exchange(), LEAKS["bearer"][0]])
    plain = scanned(data)
    assert scanned(gzip.compress(data, mtime=0)) == plain
    assert scanned(zstandard.compress(data)) == plain
    assert len(plain.findings) == 1


def test_a_file_in_utf_16_is_read() -> None:
    data = vcrpy([LEAKS["bearer"][0]]).decode().encode("utf-16")
    assert rules(scanned(data, which="cassettes")) == {"header:authorization"}


def test_a_byte_order_mark_and_crlf_do_not_move_findings() -> None:
    for form in ("vcrpy.yaml", "vcrpy.json", "ours.jsonl"):
        data = FORMATS[form]([Exchange(), LEAKS["bearer"][0]])
        plain = scanned(data).findings[0]
        moved = scanned(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")).findings[0]
        assert (moved.line, moved.rule, moved.place) == (plain.line, plain.rule, plain.place)


def test_what_cannot_be_opened_is_trouble(tmp_path: Path) -> None:
    assert str(Guard(POLICY).look(str(tmp_path / "none")).trouble) == "cannot be read: No such file or directory."
    assert str(Guard(POLICY).look(str(tmp_path)).trouble) == "cannot be read: it is a folder."
    assert str(Guard(POLICY).look("a\0b").trouble) == "cannot be read: no file can have this name."


# -- big files


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("piece", [1 << 14, 1 << 16])
def test_pieces_do_not_change_what_is_found(form: str, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    exchanges = [Exchange(response=b'{"text": "%s"}' % (b"lorem ipsum \xc3\xa9 " * 200))] * 60
    exchanges[3:3] = [LEAKS["bearer"][0], LEAKS["JSON"][0]]
    exchanges[40:40] = [LEAKS["a token's format"][0]]
    exchanges.append(LEAKS["JSON in gzip"][0])
    data = FORMATS[form](exchanges)
    whole = scanned(data)
    assert [one.interaction for one in whole.findings] == [4, 5, 41, 64]
    monkeypatch.setattr(pieces, "PIECE", piece)
    monkeypatch.setattr(pieces, "_SNIFF", 1 << 12)
    assert scanned(data) == whole


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_too_large_to_be_parsed_is_searched_in_windows(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 1 << 14)
    monkeypatch.setattr(pieces, "OVERLAP", 1 << 11)
    monkeypatch.setattr(pieces, "LARGEST", 1 << 16)
    monkeypatch.setattr(pieces, "_SNIFF", 1 << 12)
    for before in range(0, 1 << 14, 997):
        data = FORMATS[form](
            [Exchange(response=b"lorem ipsum " * 8_000 + b"x" * before + b" " + TOKEN.encode() + b" end")]
        )
        report = scanned(data)
        assert report.trouble is None
        assert rules(report) == {"format:github-token"}
        found = report.findings[0]
        assert data.decode().split("\n")[found.line - 1][found.column - 1 :].startswith(TOKEN)
        assert len(report.findings) == 1


def test_of_very_many_findings_the_number_is_known() -> None:
    data = vcrpy_json([LEAKS["bearer"][0]] * (MOST_FINDINGS + 7))
    report = scanned(data)
    assert (len(report.findings), report.more) == (MOST_FINDINGS, 7)


def test_clean_bytes_are_never_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(guard_module, "yaml_events", refuse)
    monkeypatch.setattr(guard_module, "read_json", refuse)
    for form, clean in product(FORMATS, ("ordinary", "masked by us", "words that look like it")):
        if form not in ("har.har", "oldest.yaml"):
            assert scanned(FORMATS[form]([CLEAN[clean]] * 3)).findings == ()


def test_values_too_short_to_be_sure_of_are_named() -> None:
    assert Guard(POLICY).unproven == ("given#3: short: replaced only where it stands alone as a word",)
