"""The tables of an array in a TOML document one by one, and the few lines that write strings and values.

Law: the text is cut where a header `[[name]]` begins a line outside of strings, and each piece is parsed by itself with
`tomllib`; what stands behind such a header up to the next one belongs to it, sub-tables too. What is wrong raises
BadCassetteError with the line, never with recorded bytes.

Memory: one piece, at most LARGEST_ITEM, as bytes and as what tomllib makes of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from recorder.errors import BadCassetteError, NotACassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.input_stream import InputStream

__all__ = ["LARGEST_ITEM", "TomlItem", "TomlTables", "inline", "key", "string"]

LARGEST_ITEM: Final = 256 << 20
"""Bytes of one table with its sub-tables."""

_TRIPLE: Final = re.compile(rb"\"\"\"|'''")
_TOKEN: Final = re.compile(rb"#[^\n]*|\"\"\"|'''|\"(?:[^\"\\\n]++|\\.)*+\"?|'[^'\n]*+'?", re.DOTALL)
_BASIC_END: Final = re.compile(rb"(?:[^\"\\]++|\\.|\"(?!\"\"))*+\"\"\"\"{0,2}", re.DOTALL)
_LITERAL_END: Final = re.compile(rb"(?:[^']++|'(?!''))*+''''{0,2}")
_BAD_LINE: Final = re.compile(r"\(at line ([0-9]+), column [0-9]+\)")
_MOST_PARTS: Final = 100
_MANY_PARTS: Final = re.compile(rb"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){%d}" % _MOST_PARTS, re.ASCII)


class TomlItem(NamedTuple):
    """A table of the array. `number` and `line` count from 1."""

    value: dict[str, Any]
    number: int
    line: int


class TomlTables:
    """The tables of the array `name` at the top of a document. Iterate once; `rest` holds what stands beside it.

    Raises NotACassetteError where there is no such array, and BadCassetteError.
    """

    def __init__(self, stream: InputStream, name: str) -> None:
        self.rest: dict[str, Any] = {}
        self._stream = stream
        self._name = name
        bare = re.escape(name.encode())
        self._header = re.compile(
            rb"[ \t]*\[\[[ \t]*(?:" + bare + rb'|"' + bare + rb"\"|'" + bare + rb"')[ \t]*\]\][ \t]*(?:#[^\n]*)?\r?\n?"
        )

    def __iter__(self) -> Iterator[TomlItem]:
        number = 0
        found = False
        for piece, line in self._pieces():
            parsed = self._parsed(piece, line)
            tables = parsed.pop(self._name, None)
            for key_, value in parsed.items():
                self.rest.setdefault(key_, value)
            if tables is None:
                continue
            if not isinstance(tables, list):
                raise self._no_array()
            found = True
            for table in tables:
                number += 1
                if not isinstance(table, dict):
                    raise self._broken(line, f"{self._name} {number} is no table")
                yield TomlItem(table, number, line)
        if not found and "version" not in self.rest:
            raise self._no_array()

    def _pieces(self) -> Iterator[tuple[bytes, int]]:
        """Give the pieces of the text, with the number of the line that each begins in."""
        piece: list[bytes] = []
        size = start = 0
        open_until: re.Pattern[bytes] | None = None
        number = 0
        for number, line in enumerate(self._lines(), 1):
            if open_until is None and b"[[" in line[:256] and self._header.fullmatch(line):
                if piece:
                    yield b"".join(piece), start + 1
                piece, size, start = [], 0, number - 1
            elif open_until is not None or _TRIPLE.search(line) or line.count(b".") > _MOST_PARTS:
                open_until, outside = _after(line, open_until)
                if _MANY_PARTS.search(outside):  # tomllib's time grows with the square of their number
                    raise self._broken(number, f"a key has more than {_MOST_PARTS} parts")
            piece.append(line)
            size += len(line)
            if size > LARGEST_ITEM:
                raise self._broken(start + 1, f"a table is larger than {LARGEST_ITEM >> 20} MiB")
        if open_until is not None:
            raise self._broken(number, "a string has no end")
        if piece:
            yield b"".join(piece), start + 1

    def _lines(self) -> Iterator[bytes]:
        waiting: list[bytes] = []
        size = 0
        first = True
        while block := self._stream.block():
            data = block.removeprefix(b"\xef\xbb\xbf") if first else block
            first = False
            lines = data.split(b"\n")
            waiting.append(lines[0])
            size += len(lines[0])
            if size > LARGEST_ITEM:
                raise BadCassetteError(
                    f"{self._stream.name}: a line is longer than {LARGEST_ITEM >> 20} MiB."
                    " Check where the file comes from."
                )
            if len(lines) > 1:
                yield b"".join(waiting) + b"\n"
                for line in lines[1:-1]:
                    yield line + b"\n"
                waiting, size = [lines[-1]], len(lines[-1])
        if last := b"".join(waiting):
            yield last

    def _parsed(self, piece: bytes, line: int) -> dict[str, Any]:
        import tomllib  # noqa: PLC0415 - only where a file needs it

        try:
            return tomllib.loads(piece.decode())
        except UnicodeDecodeError as error:
            place = line + piece.count(b"\n", 0, error.start)
            raise BadCassetteError(
                f"{self._stream.name}, line {place}: not UTF-8. Check how the file was written."
            ) from error
        except RecursionError as error:
            raise self._broken(line, "it is nested too deeply") from error
        except ValueError as error:  # TOMLDecodeError is one, and so is an integer of too many digits
            told = _BAD_LINE.search(str(error))
            raise self._broken(line + (int(told[1]) - 1 if told else 0), "the TOML is broken") from error

    def _broken(self, line: int, what: str) -> BadCassetteError:
        return BadCassetteError(f"{self._stream.name}, line {line}: {what}. Check how the file was written.")

    def _no_array(self) -> NotACassetteError:
        return NotACassetteError(
            f"{self._stream.name}: not a cassette: it has no array of tables `{self._name}`. Check the file."
        )


def _after(line: bytes, open_until: re.Pattern[bytes] | None) -> tuple[re.Pattern[bytes] | None, bytes]:
    """Tell which multi-line string is open behind a line, from which was open in front of it; and what is no string.

    In place of each string stands a letter.
    """
    place = 0
    outside: list[bytes] = []
    while True:
        if open_until is not None:
            end = open_until.match(line, place)
            if end is None:
                return open_until, b"s".join(outside)
            place, open_until = end.end(), None
        token = _TOKEN.search(line, place)
        outside.append(line[place : token.start() if token else len(line)])
        if token is None:
            return None, b"s".join(outside)
        place = token.end()
        if token[0] == b'"""':
            open_until = _BASIC_END
        elif token[0] == b"'''":
            open_until = _LITERAL_END


# -- writing

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_LITERAL: Final = re.compile(r"""[ !#-&(-\[\]-~\x80-\U0010ffff]*+["\\][^'\x00-\x1f\x7f]*+""")
_QUOTES: Final = re.compile(r'"{3,}+|"++\Z')
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def key(name: str) -> str:
    """Write a key, in quotes where it is more than letters, digits, dashes and underscores."""
    return name if _BARE.fullmatch(name) else _one_line(name)


def string(text: str) -> str:
    """Write a string; one of several lines as lines, which loses nothing (TOML 1.0, multi-line basic strings)."""
    if "\n" not in text:
        return f"'{text}'" if _LITERAL.fullmatch(text) else _one_line(text)
    text = _QUOTES.sub(_escaped_quotes, text.replace("\\", "\\\\"))
    text = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04X}", text.replace("\r", "\\r").replace("\t", "\\t"))
    return f'"""\n{text}"""'


def _escaped_quotes(found: re.Match[str]) -> str:
    """Escape quotes that would end a string: the third of three, and all at its end."""
    size = len(found[0])
    return '\\"' * size if found.end() == len(found.string) else '""\\"' * (size // 3) + '"' * (size % 3)


def _one_line(text: str) -> str:
    quoted = orjson.dumps(text).decode()  # all escapes of JSON are escapes of TOML
    return quoted.replace("\x7f", "\\u007F")


def inline(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Write a value on one line. TOML has no null: keys with it are left out, an array has an empty string there."""
    if isinstance(value, str):
        return f"'{value}'" if _LITERAL.fullmatch(value) else _one_line(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -(1 << 63) <= value < 1 << 63 else repr(float(value))
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        pairs = (f"{key(name)} = {inline(one)}" for name, one in value.items() if one is not None)
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    return '""' if value is None else f"[{', '.join(inline(one) for one in value)}]"
