"""cassetter's YAML: HTTP interactions, and beside them those of gRPC and WebSocket, which stay as they are.

Law: what is written loads in cassetter, whose parser reads YAML 1.2, and says the same to one that reads YAML 1.1: all
strings that could be taken for something else are quoted. Memory: one interaction.

The source is cassetter 0.9 to 0.16, and what its `Cassette.save` writes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from cassette_tools.cassetter_layout import CANNOT_HOLD, FAMILY, LISTS, interaction_of, plain, value_of
from cassette_tools.formats import Format
from cassette_tools.huge_items import told
from cassette_tools.interaction import Envelope, Interaction
from cassette_tools.yaml_items import YamlItems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cassette_tools.formats import WriteOptions
    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element

__all__ = ["FORMAT"]

_BODY: Final = re.compile(rb"^[ \t]+body:[ \t]*\r?\n[ \t]+type:[ \t]*[\"']?(?:none|json|text|binary)\b", re.MULTILINE)
_OTHER: Final = re.compile(rb"^(?:grpc_interactions|ws_interactions|observed_requests):", re.MULTILINE)


def _sniff(head: Head) -> int:
    if head.kind != "yaml" or "interactions" not in head.keys:
        return 0
    if _BODY.search(head.data):
        return 90
    return 70 if _OTHER.search(head.data) else 0


# -- reading


def _read(stream: InputStream) -> Iterator[Element]:
    items = YamlItems(stream, frozenset({"interactions"}))
    for item in items:
        yield interaction_of(item.value, item.number, stream)
    left = {str(key): plain(value) for key, value in items.rest.items()}
    if left.get("version") == 1:
        del left["version"]
    if left:
        yield Envelope(FAMILY, left)


# -- writing


@told
def _write(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    beside: dict[str, Any] = {}
    begun = False
    for element in elements:
        if isinstance(element, Interaction):
            if not begun:
                yield b"version: 1\ninteractions:\n"
                begun = True
            yield _lines("-", 0, value_of(element))
        elif element.family == FAMILY:
            _gather(beside, element, options)
    if not begun:
        yield b"version: 1\ninteractions: []\n"
    for key, value in beside.items():
        yield _lines(f"{_scalar(key)}:", 0, value)


def _gather(beside: dict[str, Any], envelope: Envelope, options: WriteOptions) -> None:
    """Take what an envelope says to the end of the file; lists of one kind are joined, else the first one counts."""
    lost = False
    for key, value in envelope.values.items():
        known = beside.setdefault(key, value)
        if known is value:
            continue
        if key in LISTS and isinstance(known, list) and isinstance(value, list):
            beside[key] = [*known, *value]
        else:
            lost = lost or known != value
    if lost and options.losses is not None:
        options.losses.envelopes += 1


def _lines(lead: str, indent: int, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    out: list[str] = []
    _put(out, lead, indent, value)
    return "".join(out).encode()


def _put(out: list[str], lead: str, indent: int, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Write a value behind `lead`, the line so far, which ends in a colon or in a dash in column `indent`."""
    if isinstance(value, dict) and value:
        if lead.endswith(":"):
            out.append(f"{lead}\n")
            lead = ""
        pad = " " * (indent + 2)
        for key, one in value.items():
            begin = f"{lead} " if lead else pad
            lead = ""
            name = _scalar(key)
            if len(name) > _LONGEST_KEY:  # YAML 1.1 section 7.4: such a key is announced by a question mark
                out.append(f"{begin}? {name}\n")
                begin, name = pad, ""
            _put(out, f"{begin}{name}:", indent + 2, one)
    elif isinstance(value, list) and value:
        out.append(f"{lead}\n")
        place = indent if lead.endswith(":") else indent + 2
        pad = " " * place
        for one in value:
            _put(out, f"{pad}-", place, one)
    else:
        out.append(f"{lead} {_told(value, indent + 2)}\n")


_LONGEST_KEY: Final = 1000
_WORD: Final = re.compile(r"[A-Za-z_/](?:[\w./?=&%;,+()*-]|:(?=[\w/])| (?=[\w(*]))*+", re.ASCII)
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}\+00:00")
_TAKEN: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_ESCAPED: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_BLOCK: Final = re.compile(
    "[!-~\xa1-\u1fff](?:[ -~\xa1-\u1fff\u3001-\ud7ff\uf900-\ufefe\U00010000-\U0001fffd]|(?<! )\n)*+"
)


def _told(value: Any, indent: int) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return _block(value, indent) if "\n" in value and _BLOCK.fullmatch(value) else _scalar(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        mantissa, e, exponent = repr(value).partition("e")
        return f"{mantissa}{'' if '.' in mantissa else '.0'}{e}{exponent}"
    if isinstance(value, int):
        return str(value)
    return "{}" if isinstance(value, dict) else "[]"


def _scalar(text: str) -> str:
    """Write a string on one line, without quotes where nothing can take it for something else."""
    if len(text) < 100 and ((_WORD.fullmatch(text) and text.lower() not in _TAKEN) or _TIME.fullmatch(text)):
        return text
    quoted = orjson.dumps(text).decode()  # all escapes of JSON are escapes of YAML
    return _ESCAPED.sub(_escape, quoted) if _ESCAPED.search(quoted) else quoted


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _block(text: str, indent: int) -> str:
    """Write lines as they are, indented."""
    pad = " " * indent
    kept = text.rstrip("\n")
    chomp = {0: "-", 1: ""}.get(len(text) - len(kept), "+")
    lines = "\n".join(f"{pad}{line}" if line else "" for line in kept.split("\n"))
    return f"|{chomp}\n{lines}{(len(text) - len(kept) - 1) * chr(10) if chomp == '+' else ''}"


FORMAT: Final = Format(
    name="cassetter-yaml",
    title="cassetter YAML",
    family=FAMILY,
    suffixes=(".yaml", ".yml"),
    sniff=_sniff,
    read=_read,
    write=_write,
    cannot_hold=CANNOT_HOLD,
    notes=(
        (
            "cassetter (0.16) refuses YAML of more than 250,000 nodes, which is about 4,000 interactions with 20"
            " headers each, and of more than 64 MiB of text in all. Its TOML has no such bounds."
        ),
        (
            "A JSON body is stored as a value where cassetter gives back the same bytes, else as text. JSON bodies of"
            " requests are always values, for cassetter matches by them; their exact text stands beside them."
        ),
        (
            "Bodies of responses are written without their content coding, as cassetter does; the headers that tell of"
            " the coding stand under the key _recorder, which cassetter passes over."
        ),
        "gRPC and WebSocket interactions go through unchanged between cassetter's YAML files.",
    ),
)
