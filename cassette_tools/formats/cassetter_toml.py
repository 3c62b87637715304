"""cassetter's TOML: HTTP interactions only, with a body as `body_type` and `body_content` of its message.

Law: what is written loads in cassetter and in `tomllib`. A JSON body is JSON text there, for TOML knows no null; it is
read as what cassetter would replay, as in cassetter's YAML. Memory: one interaction.

The source is cassetter 0.9 to 0.16, and what its `Cassette.save` writes.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.cassetter_layout import CANNOT_HOLD, FAMILY, interaction_of, number_of, plain, value_of
from cassette_tools.formats import Format
from cassette_tools.huge_items import told
from cassette_tools.interaction import Envelope, Interaction
from cassette_tools.toml_tables import TomlTables, inline, key, string
from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cassette_tools.formats import WriteOptions
    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element

__all__ = ["FORMAT"]

_TABLE: Final = re.compile(rb"^[ \t]*\[\[[ \t]*[\"']?interactions[\"']?[ \t]*\]\]", re.MULTILINE)
_REQUEST: Final = re.compile(rb"^[ \t]*\[[ \t]*interactions[ \t]*\.[ \t]*request[ \t]*\]", re.MULTILINE)
_NO_TABLE: Final = re.compile(rb"version[ \t]*=[ \t]*1\s*")
"""An empty cassette."""


def _sniff(head: Head) -> int:
    if head.kind in ("json", "binary", "empty", "markup"):
        return 0
    if not _TABLE.search(head.data):
        return 40 if head.whole and _NO_TABLE.fullmatch(head.text) else 0
    return 95 if _REQUEST.search(head.data) else 60


# -- reading


def _read(stream: InputStream) -> Iterator[Element]:
    tables = TomlTables(stream, "interactions")
    for item in tables:
        for part in ("request", "response"):
            message = item.value.get(part)
            if isinstance(message, dict):
                message["body"] = _body(message, item.number, stream)
        yield interaction_of(item.value, item.number, stream)
    left = {name: plain(value) for name, value in tables.rest.items()}
    if left.get("version") == 1:
        del left["version"]
    if left:
        yield Envelope(FAMILY, left)


def _body(message: dict[str, Any], number: int, stream: InputStream) -> Any:  # noqa: ANN401 - what a file says
    """Give the body as cassetter's YAML has it."""
    if "body_type" not in message and "body_content" not in message:
        return message.pop("body", None)
    kind, content = message.pop("body_type", None), message.pop("body_content", None)
    if kind == "json":
        try:
            content = json.loads(content, parse_int=number_of) if isinstance(content, str) else content
        except (ValueError, RecursionError) as error:
            raise BadCassetteError(
                f"{stream.name}, interaction {number}: a JSON body is no JSON. Repair the body, or remove it."
            ) from error
    return {"type": kind, "content": content}


# -- writing


@told
def _write(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    yield b"version = 1\n"
    for element in elements:
        if isinstance(element, Interaction):
            yield _table(value_of(element)).encode()
        elif element.family == FAMILY and _is_lost(element) and options.losses is not None:
            options.losses.envelopes += 1


def _is_lost(envelope: Envelope) -> bool:
    """Tell whether an envelope says what cassetter's TOML cannot: its own `save` refuses such cassettes."""
    return any(value for name, value in envelope.values.items() if name != "version")


def _table(value: dict[str, Any]) -> str:
    out = ["\n[[interactions]]\n"]
    out += [_pair(name, one) for name, one in value.items() if name not in ("request", "response") and one is not None]
    for part in ("request", "response"):
        message = value[part]
        out.append(f"\n[interactions.{part}]\n")
        for name, one in message.items():
            if name == "body":
                out.append(_told(one))
            elif name != "headers" and one is not None:
                out.append(_pair(name, one))
        out.append(f"\n[interactions.{part}.headers]\n")
        out += [f"{key(name)} = {_values(values)}\n" for name, values in message["headers"].items()]
    return "".join(out)


def _pair(name: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
    return f"{key(name)} = {string(value) if isinstance(value, str) else inline(value)}\n"


def _told(body: dict[str, Any]) -> str:
    kind = body["type"]
    if kind == "none":
        return 'body_type = "none"\n'
    content = (
        json.dumps(body["content"], ensure_ascii=False, separators=(",", ":")) if kind == "json" else body["content"]
    )
    return f'body_type = "{kind}"\nbody_content = {string(content)}\n'


def _values(values: list[str]) -> str:
    if len(values) == 1:
        return f"[{inline(values[0])}]"
    return "".join(["[\n", *(f"    {inline(one)},\n" for one in values), "]"])


FORMAT: Final = Format(
    name="cassetter-toml",
    title="cassetter TOML",
    family=FAMILY,
    suffixes=(".toml",),
    sniff=_sniff,
    read=_read,
    write=_write,
    cannot_hold=CANNOT_HOLD,
    is_default=True,
    notes=(
        (
            "gRPC and WebSocket interactions, and observed requests, have no place in cassetter's TOML; a conversion"
            " from its YAML counts them as lost."
        ),
        "Bodies are written as in cassetter's YAML; a JSON body is JSON text.",
    ),
)
