"""Text of YAML, to the byte as libyaml's emitter writes it for PyYAML: block style, 80 columns, ASCII only.

Law: what stands here equals `yaml.dump(value, Dumper=yaml.CDumper)`, in its place. Text, numbers, lists and dicts are
written here, as fast as Python can; what is rare (keys over 128 bytes, tuples, dates) is handed to libyaml in the same
place. `width` and `allow_unicode` stay as PyYAML has them.

How libyaml chooses (its emitter.c; checked against it by tests): plain, where nothing in the text means something in
YAML and no reader would take it for a number, a date, a truth value or null; else single quotes, where all characters
are printable ASCII or line feeds that stand beside no space; else double quotes with escapes. Lines are folded at the
first single space behind column 80.

Memory: a few times the scalar that is written.
"""

from __future__ import annotations

import functools
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from cassette_tools.yaml_items import Plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "NO_FOLD",
    "Say",
    "binary",
    "entry",
    "is_plain",
    "is_short_key",
    "items",
    "literal",
    "mapping",
    "scalar",
    "unescaped",
]

_WIDTH: Final = 80
_LONGEST_KEY: Final = 128
"""A key that is longer stands behind a `? ` (libyaml's yaml_emitter_check_simple_key)."""
NO_FOLD: Final = -(1 << 40)
"""A column from which no text reaches the 80th: keys are never folded."""
_BASE64_LINE: Final = 76
_PRINTABLE: Final = bytes(range(0x20, 0x7F))
_NO_PLAIN_START: Final = frozenset("#,[]{}&*!|>'\"%@` ")
_MARKS: Final = {
    0x00: "\\0",
    0x07: "\\a",
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0B: "\\v",
    0x0C: "\\f",
    0x0D: "\\r",
    0x1B: "\\e",
    0x22: '\\"',
    0x5C: "\\\\",
    0x85: "\\N",
    0xA0: "\\_",
    0x2028: "\\L",
    0x2029: "\\P",
}


class _Escapes(dict[int, str]):
    """What stands for a character in double quotes, by its number. Knows no more than the characters of Unicode."""

    def __missing__(self, number: int) -> str:
        if 0x20 <= number < 0x7F:
            said = chr(number)
        elif number <= 0xFF:
            said = f"\\x{number:02X}"
        elif number <= 0xFFFF:
            said = f"\\u{number:04X}"
        else:
            said = f"\\U{number:08X}"
        if len(self) < _MOST_ESCAPES:
            self[number] = said
        return said


_MOST_ESCAPES: Final = 0x4000
_ESCAPES: Final = _Escapes(_MARKS)


Say: TypeAlias = "Callable[[str, int, int], str]"
"""Writes a string, given its column and the indentation of its further lines, as `scalar` does."""


# -- scalars


def scalar(text: str, column: int, indent: int) -> str:
    """Give a string as it stands at `column`; its further lines begin at `indent`. No line feed at its end."""
    odd = text.encode().translate(None, _PRINTABLE)  # a few times as quick as an expression
    if not odd:
        if is_plain(text):
            return text if column + len(text) <= _WIDTH else _folded(text, column, indent)
        doubled = text.replace(_Q, _QQ) if _Q in text else text
        return f"'{_folded(doubled, column + 1, indent)}'"
    if odd.count(b"\n") == len(odd) and "\n " not in text and " \n" not in text:
        return f"'{_broken(text.replace(_Q, _QQ), column + 1, indent)}'"
    return f'"{_folded_escapes(_escaped(text, odd), column + 1, indent)}"'


def _escaped(text: str, odd: bytes) -> str:
    """Write text as it stands in double quotes. `odd` is what is no printable ASCII of it, in UTF-8.

    JSON escapes quotes, backslashes and the usual control characters as YAML does; what is left are the characters
    beyond ASCII. Where they are few, one replacement for each is quickest.
    """
    if odd.translate(None, _NOT_RARE) or (len(odd) > _MOST_ODD and len(odd) > len(text) >> 2):
        return text.translate(_ESCAPES)
    said = orjson.dumps(text)[1:-1].decode()
    if odd.isascii():
        return said
    distinct = set(odd.decode()) if len(odd) < _LARGE else set()
    if not distinct or len(distinct) > _MOST_DISTINCT:
        return _BEYOND_ASCII.sub(_escaped_run, said)
    for character in sorted(distinct, reverse=True):  # text without the highest takes fewer bytes a character
        if character > "\x7f":
            said = said.replace(character, _ESCAPES[ord(character)])
    return said


_MOST_ODD: Final = 64
_MOST_DISTINCT: Final = 24
_NOT_RARE: Final = bytes({*range(0x80, 0x100), *b"\b\t\n\f\r"})


def _escaped_run(match: re.Match[str]) -> str:
    run = match[0]
    return _ESCAPES[ord(run)] if len(run) == 1 else run.translate(_ESCAPES)


_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_LINE_FEEDS: Final = re.compile(r"\n+")
_Q: Final = "'"
_QQ: Final = "''"


def is_plain(text: str) -> bool:
    """Tell whether text of printable ASCII needs no quotes, outside of flow style."""
    if not text:
        return False
    first = text[0]
    if first in _NO_PLAIN_START or text[-1] in " :" or ": " in text or " #" in text:
        return False
    if first in "-?:" and (text[1:2] in ("", " ") or text.startswith("---")):
        return False
    if first == "." and text.startswith("..."):
        return False
    return first not in _resolvers() or not any(known.match(text) for known in _resolvers()[first])


def binary(data: bytes, indent: int) -> str:
    """Give bytes as a block of base64 whose lines begin at `indent`, with a line feed at its end; none where empty."""
    if not data:
        return '!!binary ""'
    coded = b64encode(data).decode("ascii")
    pad = "\n" + " " * indent
    lines = [coded[start : start + _BASE64_LINE] for start in range(0, len(coded), _BASE64_LINE)]
    return f"!!binary |{pad}{pad.join(lines)}\n"


@functools.cache
def _resolvers() -> dict[str, list[re.Pattern[str]]]:
    """Give the expressions by which PyYAML takes plain text for something else, by its first character."""
    from yaml.resolver import Resolver  # noqa: PLC0415 - only where YAML is written

    table: dict[str, list[re.Pattern[str]]] = {}
    for first, known in Resolver.yaml_implicit_resolvers.items():
        table[first] = [expression for _, expression in known]
    return table


def _folded(text: str, column: int, indent: int) -> str:
    """Fold a line at single spaces behind column 80. `column` is that of the first character."""
    if column + len(text) <= _WIDTH:
        return text
    at = text.find(" ", max(_WIDTH + 1 - column, 1))
    if at < 0:
        return text
    pad = "\n" + " " * indent
    if not _is_quick(text, at, indent):
        return pad.join(_cut(text, at, _WIDTH + 1 - indent))
    return f"{text[:at]}{pad}{pad.join(_lines(_WIDTH - indent).findall(text, at + 1))}"


def _is_quick(text: str, at: int, indent: int) -> bool:
    """Tell whether an expression cuts quicker than a loop: many spaces, none at an edge, none beside the first cut."""
    if text[-1] == " " or text[at + 1] == " " or text[at - 1] == " " or indent > _DEEP:
        return False
    return len(text) < _LARGE or text.count(" ") > len(text) >> 8


def _cut(text: str, at: int, step: int) -> list[str]:
    """Cut at spaces that stand alone: the first from `at` on, then each from `step` behind the last on."""
    find = text.find
    last = len(text) - 1
    parts: list[str] = []
    start = 0
    while 0 < at < last:
        if text[at + 1] == " " or text[at - 1] == " ":
            at = find(" ", at + 1)
            continue
        parts.append(text[start:at])
        start = at + 1
        at = find(" ", start + max(step, 0))
    parts.append(text[start:])
    return parts


_DEEP: Final = 60
_LARGE: Final = 4096


@functools.cache
def _lines(step: int) -> re.Pattern[str]:
    """Match a line, and the space that ends it: the first beside no other from `step` + 1 on."""
    return re.compile(rf"(?s)(.{{{step}}} *+[^ ]++(?:  ++[^ ]++)*+|.+) ?")


@functools.cache
def _lines_of_escapes(step: int) -> re.Pattern[str]:
    """Match a line, and the space that ends it: the first that follows none. A space that begins a line takes two."""
    return re.compile(rf"(?s)((?: .{{{step - 2}}}|[^ ].{{{step - 1}}}) *+[^ ]++|.+) ?")


def _broken(text: str, column: int, indent: int) -> str:
    """Write text with line feeds in single quotes: each run of them is one longer."""
    pad = " " * indent
    first, *others = lines = text.split("\n")
    if " " not in text or max(map(len, lines)) + max(column, indent) <= _WIDTH:
        if "\n\n" in text:
            return _LINE_FEEDS.sub(rf"\g<0>\n{pad}", text)
        return text.replace("\n", "\n\n" + pad)
    parts = [_folded(first, column, indent)]
    pending = 0
    for line in others:
        pending += 1
        if line:
            parts.append("\n" * (pending + 1) + pad + _folded(line, indent, indent))
            pending = 0
    if pending:
        parts.append("\n" * (pending + 1) + pad)
    return "".join(parts)


def _folded_escapes(text: str, column: int, indent: int) -> str:
    """Fold escaped text behind column 80: at any space that follows none; a space then next is escaped."""
    if column + len(text) <= _WIDTH:
        return text
    find = text.find
    last = len(text) - 1
    at = find(" ", max(_WIDTH + 1 - column, 1))
    while at > 0 and text[at - 1] == " ":
        at = find(" ", at + 1)
    if not 0 < at < last:
        return text
    pad = "\n" + " " * indent
    if text[last] != " " and indent <= _DEEP and (last < _LARGE or text.count(" ") > last >> 8):
        lines = _lines_of_escapes(_WIDTH - indent).findall(text, at + 1)
        return pad.join([text[:at], *["\\" + line if line[0] == " " else line for line in lines]])
    parts: list[str] = []
    start = 0
    while 0 < at < last:
        if text[at - 1] == " ":
            at = find(" ", at + 1)
            continue
        parts.append(text[start:at])
        start = at + 1
        escaped = text[start] == " "
        parts.append(pad + "\\" if escaped else pad)
        at = find(" ", start + max(_WIDTH + 1 - indent - escaped, 0))
    parts.append(text[start:])
    return "".join(parts)


# -- text for people


def literal(text: str, indent: int) -> str | None:
    """Give text as a literal block whose lines begin at `indent`, with a line feed at its end. None where it cannot be.

    It cannot where a line ends in white space (editors take that away), and with characters that are no printable text:
    they stay visible as escapes. Not what PyYAML writes, but what any YAML parser loads equal.
    """
    if not text.replace("\n", "").replace("\t", "").isprintable() or text[-1:] in ("", " ", "\t"):
        return None
    if " \n" in text or "\t\n" in text:
        return None
    begin = text.lstrip("\n")
    if not begin:
        return None
    hint = "2" if begin[0] in " \t" or text[0] == "\n" else ""
    pad = " " * indent
    chomp = "-" if text[-1] != "\n" else "+" if text[-2:] == "\n\n" else ""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    block = "".join([f"{pad}{line}\n" if line else "\n" for line in lines])
    return f"|{hint}{chomp}\n{block}"


def unescaped(text: str, column: int, indent: int) -> str:
    """Give a string as `scalar` does, but printable characters beyond ASCII as they are, on one line."""
    if text.isascii() or not text.isprintable():
        return scalar(text, column, indent)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# -- trees


def mapping(values: Mapping[Any, Any], indent: int, say: Say = scalar) -> str:
    """Give the entries of a mapping, sorted as PyYAML sorts them, as whole lines at `indent`. Not for an empty one."""
    try:
        keys = sorted(values)
    except TypeError:  # keys of several types: PyYAML leaves them as they are
        keys = list(values)
    return "".join([entry(key, values[key], indent, say) for key in keys])


def entry(key: Any, value: Any, indent: int, say: Say = scalar) -> str:  # noqa: ANN401 - whatever a YAML file may say
    """Give one entry of a mapping as whole lines at `indent`."""
    if not isinstance(key, str) or not is_short_key(key):
        return _by_libyaml({key: value}, indent)
    pad = " " * indent
    name = pad + scalar(key, NO_FOLD, indent)
    kind = type(value)
    if kind is dict and value:
        return f"{name}:\n{mapping(value, indent + 2, say)}"
    if kind is list and value:
        return f"{name}:\n{items(value, indent, say)}"
    said = _leaf(value, len(name) + 2, indent + 2, say)
    if said is None:
        return _by_libyaml({key: value}, indent)
    return f"{name}: {said}" if said[-1] == "\n" else f"{name}: {said}\n"


def items(values: Sequence[Any], indent: int, say: Say = scalar) -> str:
    """Give the items of a list as whole lines at `indent`. Not for an empty one."""
    return "".join([_item(value, indent, say) for value in values])


def is_short_key(key: str) -> bool:
    """Tell whether a key stands before its colon, not behind a `? `."""
    return "\n" not in key and key.isprintable() and len(key.encode()) <= _LONGEST_KEY


def _item(value: Any, indent: int, say: Say) -> str:  # noqa: ANN401 - whatever a YAML file may say
    pad = " " * indent
    kind = type(value)
    if kind is dict and value:
        return f"{pad}- {mapping(value, indent + 2, say)[indent + 2 :]}"
    if kind is list and value:
        return f"{pad}- {items(value, indent + 2, say)[indent + 2 :]}"
    said = _leaf(value, indent + 2, indent + 2, say)
    if said is None:
        return _by_libyaml([value], indent)
    return f"{pad}- {said}" if said[-1] == "\n" else f"{pad}- {said}\n"


def _leaf(value: Any, column: int, indent: int, say: Say) -> str | None:  # noqa: ANN401 - whatever a YAML file may say
    """Give what holds nothing else. None for what is rare."""
    kind = type(value)
    if kind is str:
        return say(value, column, indent)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is bytes:
        return binary(value, indent)
    if kind is dict:
        return "{}"
    if kind is list:
        return "[]"
    return str(value) if kind is Plain else None


def _by_libyaml(value: dict[Any, Any] | list[Any], indent: int) -> str:
    """Have libyaml write a mapping or a list at `indent`: inside of as many mappings as it takes, which are cut off."""
    import yaml  # noqa: PLC0415 - only for what is rare

    if isinstance(value, list) and indent == 0:
        return yaml.dump(value, Dumper=_dumper())
    tree: Any = value
    levels = indent // 2 + (1 if isinstance(value, list) else 0)
    for _ in range(levels):
        tree = {"k": tree}
    text: str = yaml.dump(tree, Dumper=_dumper())
    for _ in range(levels):
        text = text[text.index("\n") + 1 :]
    return text


@functools.cache
def _dumper() -> Any:  # noqa: ANN401 - a class that is made at run time
    """Give libyaml's dumper, else PyYAML's own, which writes the same but for rare folds."""
    import yaml  # noqa: PLC0415 - only for what is rare

    class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]
        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
            return True

    _Dumper.add_representer(Plain, _represent_plain)
    return _Dumper


def _represent_plain(dumper: Any, data: Plain) -> Any:  # noqa: ANN401 - PyYAML ships no types of its own
    text = str(data)
    return dumper.represent_scalar(dumper.resolve(_scalar_node(), text, (True, False)), text)


@functools.cache
def _scalar_node() -> Any:  # noqa: ANN401 - PyYAML ships no types of its own
    from yaml.nodes import ScalarNode  # noqa: PLC0415 - only for what is rare

    return ScalarNode
