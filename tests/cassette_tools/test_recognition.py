from __future__ import annotations

import io
import zipfile

import pytest

from cassette_tools.head import SNIFFED, Head
from cassette_tools.input_stream import InputStream
from cassette_tools.recognition import looks_like, recognize
from recorder.errors import NotACassetteError


def opened(data: bytes) -> InputStream:
    return InputStream(io.BytesIO(data), "it.bin", path=None, size=len(data))


def a_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a", "b")
    return out.getvalue()


OPENAPI = """openapi: 3.0.3
info: {title: Ads, version: "1"}
paths:
  /ads:
    get:
      responses:
        "200": {description: all}
"""
FIXTURE = """# read about fixtures
one:
  id: 1
  name: First

two:
  id: 2
  name: Second
"""
COMPOSE = """services:
  web:
    image: nginx
    ports: ["80:80"]
"""
WORKFLOW = """name: tests
on: [push]
jobs:
  test:
    runs-on: ubuntu-latest
    steps: []
"""
MANIFEST = """apiVersion: v1
kind: Service
metadata:
  name: web
"""
POSTMAN = '{"info": {"_postman_id": "1", "name": "Ads"}, "item": [{"request": {"method": "GET"}, "response": []}]}'
PACKAGE = '{"name": "left", "version": "1.0.0", "dependencies": {"right": "^1"}}'
REFUSED = {
    "nothing": (b"", "it is empty"),
    "white space": (b" \n\t\r\n", "it is empty"),
    "a byte order mark": (b"\xef\xbb\xbf", "it is empty"),
    "HTML": (b"<!DOCTYPE html><title>interactions</title>", "it looks like HTML"),
    "HTML of old": (b"\n<HTML><body>", "it looks like HTML"),
    "XML": (b"<?xml version='1.0'?><interactions/>", "it looks like XML"),
    "binary data": (bytes(range(256)), "it is binary data"),
    "zip": (a_zip(), "it is a zip archive; unpack it first"),
    "bzip2": (b"BZh91AY&SY", "it is a bzip2 file; unpack it first"),
    "xz": (b"\xfd7zXZ\0", "it is an xz file; unpack it first"),
    "SQLite": (b"SQLite format 3\0", "it is an SQLite database"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "it is a PNG picture"),
    "PDF": (b"%PDF-1.7\n", "it is a PDF document"),
    "a program": (b"\x7fELF\x02\x01", "it is a program"),
    "UTF-16": ("interactions:\n".encode("utf-16"), "it is UTF-16 text; save it as UTF-8"),
    "UTF-16 big-endian": (b"\xfe\xff" + "a: 1".encode("utf-16-be"), "it is UTF-16 text; save it as UTF-8"),
    "OpenAPI YAML": (OPENAPI.encode(), "it looks like an OpenAPI description"),
    "OpenAPI JSON": (b'{"openapi": "3.0.3", "paths": {}}', "it looks like an OpenAPI description"),
    "Swagger": (b'{"swagger": "2.0", "paths": {}}', "it looks like an OpenAPI (Swagger) description"),
    "AsyncAPI": (b"asyncapi: 2.0.0\n", "it looks like an AsyncAPI description"),
    "a Rails fixture": (FIXTURE.encode(), "a fixture of a web framework"),
    "a Rails fixture with ERB": (b"one:\n  id: <%= 1 %>\n", "a fixture of a web framework"),
    "a Compose file": (COMPOSE.encode(), "it looks like a Compose file"),
    "a CI workflow": (WORKFLOW.encode(), "it looks like a workflow of a CI service"),
    "a Kubernetes manifest": (MANIFEST.encode(), "it looks like a Kubernetes manifest"),
    "package.json": (PACKAGE.encode(), "it looks like a package's description"),
    "a Postman collection": (POSTMAN.encode(), "it looks like a Postman collection"),
    "a pre-commit configuration": (b"repos:\n- repo: local\n", "it looks like a pre-commit configuration"),
    "a JSON Schema": (b'{"$schema": "x", "type": "object"}', "it looks like a JSON Schema"),
    "JSON": (b'{"a": [1, 2]}', "it looks like JSON of another kind"),
    "a JSON list": (b'[{"a": 1}]', "it looks like JSON of another kind"),
    "JSON strings": (b'["a", "b"]', "it looks like JSON of another kind"),
    "TOML": (b"[project]\nname = 'a'\n", "it looks like TOML of another kind"),
    "TOML behind comments": (b"# hello\n[project]\nname = 'a'\n", "it looks like TOML of another kind"),
    "a shell script": (b"#!/bin/sh\ncurl http://localhost/\n", "it looks like a script"),
    "a Python script": (b"#!/usr/bin/env python3\nname = 5\n", "it looks like a script"),
    "plain text": (b"Dear all,\nthis is a letter.\n", "it looks like plain text"),
    "YAML": (b"a: 1\nb: [2]\n", "it looks like YAML of another kind"),
    "bytes of no text": (b"\xa4\xe4\xf6 caf\xe9", "it looks like plain text"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_cassette_is_refused_with_a_word_on_what_it_looks_like(name: str) -> None:
    data, said = REFUSED[name]
    with opened(data) as stream, pytest.raises(NotACassetteError) as caught:
        recognize(stream)
    message = str(caught.value)
    assert message.startswith("it.bin: not a cassette: it ")
    assert said in message
    assert message.endswith(". Give a cassette, or say its format with --from.")


@pytest.mark.parametrize("name", REFUSED)
def test_the_word_never_holds_what_the_file_holds(name: str) -> None:
    secret = b"hunter2-horse-battery"
    for data in (REFUSED[name][0] + secret, REFUSED[name][0].replace(b"a", secret)):
        assert secret.decode() not in looks_like(Head(data, whole=True))


@pytest.mark.parametrize("data", [b'{"interactions": []}', b"http_interactions: 1\n"])
def test_what_no_format_knows_may_be_an_unknown_tools(data: bytes) -> None:
    assert looks_like(Head(data, whole=True)) == "it looks like a cassette of a tool that is not known here"


VCRPY = b"""interactions:
- request:
    body: null
    headers: {}
    method: GET
    uri: http://localhost/
  response:
    body:
      string: x
    headers: {}
    status:
      code: 200
      message: OK
version: 1
"""


@pytest.mark.parametrize("name", ["jsonl", "vcrpy", "HAR"])
def test_the_everyday_formats_are_told_apart(name: str) -> None:
    data, format_name = {
        "jsonl": (b'{"type":"header","format":1}\n', "jsonl"),
        "vcrpy": (VCRPY, "vcrpy-yaml"),
        "HAR": (b'{"log": {"version": "1.2", "creator": {}, "entries": []}}', "har"),
    }[name]
    with opened(data) as stream:
        assert recognize(stream).name == format_name


@pytest.mark.parametrize("kind", [b"\0", b"\xff", b" ", b"\n", b"{", b"[", b"-", b"#", b"a: ", b'{"a":', b"<", b"1:"])
def test_a_long_head_of_one_kind_is_recognized_or_refused_at_once(kind: bytes) -> None:
    with opened(kind * (SNIFFED // len(kind) + 1)) as stream, pytest.raises(NotACassetteError):
        recognize(stream)
