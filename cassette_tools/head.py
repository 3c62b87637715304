"""The beginning of a file, to tell what it is.

Law: looks at no more than SNIFFED bytes, which may end anywhere, and never raises.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Final

__all__ = ["SNIFFED", "Head"]

SNIFFED: Final = 64 * 1024
"""Bytes of a file, after gzip or zstd was taken off, that are looked at."""

_JSON_KEY: Final = re.compile(rb'"([^"\\]{1,64})"\s*:')
_YAML_KEY: Final = re.compile(rb"^[\"']?([A-Za-z_][\w.-]{0,64})[\"']?:(?=\s|$)", re.MULTILINE)
# No two parts of it can match the same characters: the time it takes is linear, whatever a file begins with.
_TOML_TABLE: Final = re.compile(
    rb"(?:#[^\n]*+\n\s*+)*+(?:\[\[?[\w.\"' \t-]++\]\]?[ \t\r]*+(?:#|$)|[\w.\"'-]++[ \t]*+=\s)", re.MULTILINE
)


class Head:
    """The first bytes of a file. `data` is without a byte order mark; `whole` is true where the file ends with them."""

    def __init__(self, data: bytes, *, whole: bool) -> None:
        self.raw = data
        self.data = data.removeprefix(b"\xef\xbb\xbf")
        self.whole = whole

    @cached_property
    def text(self) -> bytes:
        """The bytes from the first that is no white space on."""
        return self.data.lstrip()

    @cached_property
    def kind(self) -> str:
        """What it may be by its looks: `empty`, `binary`, `json`, `toml`, `markup`, or `yaml` for all other text."""
        text = self.text
        if not text:
            return "empty"
        if b"\0" in text[:4096]:
            return "binary"
        if text[:1] == b"{" or (text[:1] == b"[" and not _TOML_TABLE.match(text)):
            return "json"
        if text[:1] == b"<":
            return "markup"
        return "toml" if _TOML_TABLE.match(text) else "yaml"

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Keys that it names, in their order: of JSON at any depth, of YAML those that begin a line, else none."""
        if self.kind == "json":
            found = _JSON_KEY.findall(self.data)
        elif self.kind == "yaml":
            found = _YAML_KEY.findall(self.data)
        else:
            found = []
        return tuple(dict.fromkeys(key.decode("utf-8", "replace") for key in found))
