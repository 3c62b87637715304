"""Tells what format a file is in, by its content alone, and what it looks like where it is no cassette.

Law: looks at the head of a file and nothing else. A message names the file and what it looks like, never its content.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cassette_tools.formats import all_formats
from recorder.errors import NotACassetteError

if TYPE_CHECKING:
    from cassette_tools.formats import Format
    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream

__all__ = ["looks_like", "recognize"]

_MAGIC: Final = (
    (b"BZh", "a bzip2 file; unpack it first"),
    (b"\xfd7zXZ", "an xz file; unpack it first"),
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89PNG", "a PNG picture"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
)
# Of a JSON or YAML document: keys that it has all of, and what it is then.
_KEYS: Final = (
    ({"openapi"}, "an OpenAPI description"),
    ({"swagger"}, "an OpenAPI (Swagger) description"),
    ({"asyncapi"}, "an AsyncAPI description"),
    ({"_postman_id"}, "a Postman collection"),
    ({"request", "response", "mappings"}, "WireMock mappings; they are written, not read"),
    ({"apiVersion", "kind"}, "a Kubernetes manifest"),
    ({"services"}, "a Compose file"),
    ({"jobs", "on"}, "a workflow of a CI service"),
    ({"repos"}, "a pre-commit configuration"),
    ({"dependencies", "name"}, "a package's description"),
    ({"$schema"}, "a JSON Schema"),
    ({"log"}, "a HAR file without entries"),
    ({"interactions"}, "a cassette of a tool that is not known here"),
    ({"http_interactions"}, "a cassette of a tool that is not known here"),
)
_FIXTURE: Final = re.compile(rb"(?:#[^\n]*\n|\s*\n)*+[\w<>= %.-]+:[ \t]*\r?\n[ \t]+\w+: ")
_ADVICE: Final = "Give a cassette, or say its format with --from."


def recognize(stream: InputStream) -> Format:
    """Give the format of an input. Raises NotACassetteError with a word on what it looks like."""
    best: Format | None = None
    most = 0
    for one in all_formats():
        if one.read is not None and (score := one.sniff(stream.head)) > most:
            best, most = one, score
    if best is None:
        raise NotACassetteError(f"{stream.name}: not a cassette: {looks_like(stream.head)}. {_ADVICE}")
    return best


def looks_like(head: Head) -> str:
    """Say what a file may be that is no cassette: "it is empty", "it looks like ..."."""
    for magic, said in _MAGIC:
        if head.raw.startswith(magic):
            return f"it is {said}"
    if head.kind == "empty":
        return "it is empty"
    if head.kind == "binary":
        return "it is binary data"
    if head.kind == "markup":
        html = head.text[:200].lower().startswith((b"<!doctype html", b"<html"))
        return f"it looks like {'HTML' if html else 'XML'}"
    if head.text.startswith(b"#!"):
        return "it looks like a script"
    if head.kind == "toml":
        return "it looks like TOML of another kind"
    return f"it looks like {_document(head)}"


def _document(head: Head) -> str:
    keys = set(head.keys)
    for wanted, said in _KEYS:
        if wanted <= keys:
            return said
    if head.kind == "json":
        return "JSON of another kind"
    if _FIXTURE.match(head.data):
        return "YAML of another kind (a fixture of a web framework, or settings)"
    return "YAML of another kind" if keys else "plain text"
