"""The items of a list in a JSON document, one at a time, however large the document is.

Law: one JSON text in UTF-8, read once from front to back, in time linear in its size. An item is held whole and so is
what stands beside the list (`rest`), nothing else. Each item is checked by a JSON parser. What is wrong raises
BadCassetteError with the line, never with recorded bytes.

Where an item ends is found in two ways. The quick one guesses: items of one file end alike, with a brace on a line of
its own, or with what stands between two items of a compact file. A guess is right exactly when the bytes up to it
parse, for no JSON object is the beginning of another. Where it was wrong, or there is nothing to go by, strings and
brackets are walked through; that goes on from where it stood when more of the file comes.

Memory: the item as bytes and parsed, at most LARGEST_ITEM, and two blocks of the file.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from recorder.errors import BadCassetteError, NotACassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.input_stream import InputStream

__all__ = ["DEPTH", "LARGEST_ITEM", "MOST_REST", "JsonItem", "JsonItems", "parsed_as_it_is"]

LARGEST_ITEM: Final = 256 << 20
"""Bytes of one item."""
MOST_REST: Final = 16 << 20
"""Bytes of everything beside the list, in all."""
DEPTH: Final = 200
"""Levels of nesting, those around the list included."""
_KEY_COST: Final = 100
"""Bytes that a key costs in memory beside its text; it counts towards MOST_REST."""

_TRIM: Final = 256 * 1024
"""Bytes already read that may stay in front of the buffer."""
_GUESSED: Final = 1 << 20
"""Bytes that a guess looks through for one item. The last item of a compact file has nothing to be guessed by."""
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_STRING: Final = rb'"[^"\\]{0,512}+(?:\\.[^"\\]{0,512}+){0,16}+"'
"""A short string. A long one is walked through by itself: searching is quicker than matching."""
_PLAIN: Final = rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+"
_FLAT: Final = rb"(?:[^\"{}\[\]]++|" + _STRING + rb"|\{" + _PLAIN + rb"\}|\[" + _PLAIN + rb"\])*+"
_OUTSIDE: Final = re.compile(_FLAT, re.DOTALL)
"""Everything up to a bracket that opens or closes a level, with lists and objects that hold none in them."""
_INSIDE: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
"""The rest of a string up to its end, or to the end of the buffer; a backslash that stands there last is left."""
_WORD: Final = re.compile(rb"[^\s,:{}\[\]\"]*+")
_OWN_LINE: Final = re.compile(rb"\n[ \t]*+\}\Z")
_BETWEEN: Final = re.compile(rb'\}[ \t\r\n]{0,64}+,[ \t\r\n]{0,64}+\{[ \t\r\n]{0,64}+"[^"\\]{1,64}+"[ \t]{0,8}+:')
_ESCAPE: Final = re.compile(
    rb"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F]..)|.)", re.DOTALL
)


class JsonItem:
    """An item of the list: `number` counts from 1, `line` is where it begins, `data` its text, `value` what it says.

    Integers of more than 64 bits are floats in `value`. In it U+FFFD stands for lone surrogates, None for NaN and
    infinities; both are remarked, and `mended` is true. Of keys that stand twice in one object the last counts; that
    is remarked, too.
    """

    __slots__ = ("data", "line", "mended", "number", "value")

    def __init__(self, data: bytes, number: int, line: int, value: dict[str, Any], *, mended: bool = False) -> None:
        self.data = data
        self.number = number
        self.line = line
        self.value = value
        self.mended = mended


class JsonItems:
    """The objects in the list at `path`, a tuple of keys; an empty one means that the document is the list.

    Iterate once. `rest` holds all other keys of the objects on the path, nested as they are, as far as they were read:
    those in front of the list are there at the first item, those behind it when the iteration has ended. `tell_lone` is
    false for a reader that looks after lone surrogates itself.

    Raises BadCassetteError for what is broken, too large or nested too deeply, and NotACassetteError where the document
    is no JSON object, or has no such list.
    """

    def __init__(self, stream: InputStream, path: tuple[str, ...], *, tell_lone: bool = True) -> None:
        self._tell_lone = tell_lone
        self.rest: dict[str, Any] = {}
        self._path = path
        self._text = _Text(stream)
        self._rest_size = 0
        self._found = False
        self._needle: bytes | None = None
        self._after = 0  # bytes of the needle that belong to the item
        self._right = self._wrong = 0
        self._mended = False

    def __iter__(self) -> Iterator[JsonItem]:
        text = self._text
        first = text.first()
        if first != (b"{" if self._path else b"["):
            kind = "object" if self._path else "list"
            raise NotACassetteError(
                f"{text.name}: not a cassette of this format: the document is no JSON {kind}."
                " Give another file, or another --from."
            )
        yield from self._object(0, self.rest) if self._path else self._list()
        text.end()
        if not self._found:
            raise NotACassetteError(
                f"{text.name}: not a cassette of this format: there is no list {'.'.join(self._path)!r} in it."
                " Give another file, or another --from."
            )

    def _object(self, level: int, rest: dict[str, Any]) -> Iterator[JsonItem]:
        text, wanted = self._text, self._path[level]
        text.pos += 1
        if text.next() == b"}":
            text.pos += 1
            return
        while True:
            key = self._key()
            opening = text.next()
            if key != wanted:
                if key in rest:
                    self._remark_twice(text.place())
                rest[key] = self._beside()
            elif level + 1 == len(self._path):
                if opening != b"[":
                    raise NotACassetteError(
                        f"{text.place()}: not a cassette of this format: {key!r} is no list."
                        " Give another file, or another --from."
                    )
                yield from self._list()
            elif opening != b"{":
                raise NotACassetteError(
                    f"{text.place()}: not a cassette of this format: {key!r} is no object."
                    " Give another file, or another --from."
                )
            else:
                yield from self._object(level + 1, rest.setdefault(key, {}))
            if text.comma(b"}"):
                return

    def _key(self) -> str:
        text = self._text
        if text.next() != b'"':
            raise text.broken("a key is missing")
        start = text.scan(max(MOST_REST - self._rest_size, 0))
        self._rest_size += text.pos - start + _KEY_COST
        data = bytes(text.buffer[start : text.pos])
        key = self._parsed(data, text.line_of(start), text.place())
        if text.next() != b":":
            raise text.broken("a colon is missing")
        text.pos += 1
        return str(key)

    def _beside(self) -> Any:  # noqa: ANN401 - any JSON value
        text = self._text
        start = text.scan(max(MOST_REST - self._rest_size, 0))
        self._rest_size += text.pos - start
        data = bytes(text.buffer[start : text.pos])
        return self._parsed(data, text.line_of(start), text.place())

    def _list(self) -> Iterator[JsonItem]:
        text = self._text
        if self._found:
            raise text.broken("the list of interactions stands there twice")
        self._found = True
        text.pos += 1
        if text.next() == b"]":
            text.pos += 1
            return
        number = 0
        while True:
            number += 1
            if text.next() != b"{":
                if not text.more():
                    raise text.broken(f"the file ends where interaction {number} should be")
                raise BadCassetteError(
                    f"{text.place()}: interaction {number} is no JSON object. Check the file, or give another --from."
                )
            yield self._item(number)
            if text.comma(b"]"):
                return

    def _item(self, number: int) -> JsonItem:
        text = self._text
        text.trim()
        start = text.pos
        line = text.line_of(start)
        end = self._guessed(start) if self._needle is not None else 0
        if end:
            data = bytes(text.buffer[start:end])
            try:
                value = orjson.loads(data)
            except orjson.JSONDecodeError:
                pass
            else:
                self._right += 1
                text.pos = end
                if _may_be_deep(data):
                    self._check_depth(value, line)
                if data.count(b'"') != _quotes(value, len(data)):
                    self._tell_twice(data, f"interaction {number}")
                return JsonItem(data, number, line, value)
        text.scan(LARGEST_ITEM, f"interaction {number}")
        data = bytes(text.buffer[start : text.pos])
        value = self._parsed(data, line, f"interaction {number}")
        if self._needle is None or text.pos != end:
            self._learn(data, wrong=self._needle is not None)
        return JsonItem(data, number, line, value, mended=self._mended)

    # -- guesses

    def _guessed(self, start: int) -> int:
        """Give where the item that begins at `start` seems to end; 0 where nothing looks like it within _GUESSED."""
        text, needle = self._text, self._needle
        if needle is None:
            return 0
        begin = start
        while True:
            found = text.buffer.find(needle, begin)
            if found >= 0:
                return found + self._after
            begin = max(start, len(text.buffer) - len(needle) + 1)
            if len(text.buffer) - start > _GUESSED or not text.more():
                return 0

    def _learn(self, data: bytes, *, wrong: bool) -> None:
        """Take the end of an item that was walked through as the ends to come, unless guesses go wrong too often."""
        if wrong:
            self._wrong += 1
        self._needle = None
        if self._wrong > 8 + self._right // 16:
            return
        own = _OWN_LINE.search(data, max(0, len(data) - 256))
        if own is not None:
            self._needle = own[0]
            self._after = len(self._needle)
            return
        text = self._text
        between = _BETWEEN.match(text.buffer, text.pos - 1)
        if between is not None:
            self._needle = between[0]
            self._after = 1

    # -- parsing

    def _parsed(self, data: bytes, line: int, place: str) -> Any:  # noqa: ANN401 - any JSON value
        self._mended = False
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            value = self._parsed_with_faults(data, line, place)
            self._mended = True
        if _may_be_deep(data):
            self._check_depth(value, line)
        if data.count(b'"') != _quotes(value, len(data)):
            self._tell_twice(data, place)
        return value

    def _tell_twice(self, data: bytes, place: str) -> None:
        """Tell of keys that stand twice. A value with fewer quotes than its text may have lost some."""

        def look(pairs: list[tuple[str, Any]]) -> None:
            if len({key for key, _ in pairs}) != len(pairs):
                self._remark_twice(place)

        json.loads(data.decode(), object_pairs_hook=look, parse_int=_integer)

    def _remark_twice(self, place: str) -> None:
        self._text.stream.remark("A key stands twice in an object; the last one counts.", place, lost=True)

    def _parsed_with_faults(self, data: bytes, line: int, place: str) -> Any:  # noqa: ANN401 - any JSON value
        stream = self._text.stream
        name = f"{self._text.name}, line"
        lone = 0

        def mended(escape: re.Match[bytes]) -> bytes:
            nonlocal lone
            if escape[2] is None:
                return escape[0]
            lone += 1
            return b"\\ufffd"

        def unknown(_: str) -> None:
            stream.remark("NaN and infinities are no JSON; null stands for them.", place, lost=True)

        try:
            text = _ESCAPE.sub(mended, data).decode()
        except UnicodeDecodeError as error:
            where = line + data.count(b"\n", 0, error.start)
            raise BadCassetteError(f"{name} {where}: not UTF-8. Check how the file was written.") from error
        try:
            value = json.loads(text, parse_int=_integer, parse_constant=unknown)
        except json.JSONDecodeError as error:
            raise BadCassetteError(
                f"{name} {line + error.lineno - 1}: the JSON is broken. Check how the file was written."
            ) from error
        except RecursionError as error:
            raise self._too_deep(line) from error
        if lone and self._tell_lone:
            stream.remark("Lone surrogates are no characters; U+FFFD stands for them.", place, lost=True)
        return value

    def _check_depth(self, value: Any, line: int) -> None:  # noqa: ANN401 - any JSON value
        level: list[Any] = [value]
        for _ in range(DEPTH - len(self._path)):
            level = [
                child
                for container in level
                for child in (container.values() if type(container) is dict else container)
                if type(child) is dict or type(child) is list
            ]
            if not level:
                return
        raise self._too_deep(line)

    def _too_deep(self, line: int) -> BadCassetteError:
        return BadCassetteError(
            f"{self._text.name}, line {line}: nested more than {DEPTH} levels deep. Check where the file comes from."
        )


def _integer(digits: str) -> int | float:
    """Give a number as the quick parser does: beyond 64 bits a float."""
    if len(digits) < 19:
        return int(digits)
    value = int(digits) if len(digits) < 21 else 1 << 64
    return value if -(1 << 63) <= value < 1 << 64 else float(digits)


def _quotes(value: Any, size: int) -> int:  # noqa: ANN401 - any JSON value
    """Count the quotes in the JSON of a value, which was read from `size` bytes."""
    if size <= _SMALL:
        return orjson.dumps(value).count(b'"')
    count = 0
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if type(one) is str:
            count += 2 + one.count('"')
        elif type(one) is dict:
            waiting.extend(one)
            waiting.extend(one.values())
        elif type(one) is list:
            waiting.extend(one)
    return count


_SMALL: Final = 64 * 1024
"""Bytes of a value that is written to be counted. A larger one is walked through: mostly it is a few long texts."""


def _may_be_deep(data: bytes) -> bool:
    return len(data) > DEPTH and data.count(b"{") + data.count(b"[") >= DEPTH - 10


class _Text:
    """The document as it comes: a buffer, a position in it, and the number of the line."""

    def __init__(self, stream: InputStream) -> None:
        self.stream = stream
        self.name = stream.name
        self.buffer = bytearray()
        self.pos = 0
        self._line = 1
        self._counted = 0  # line feeds up to here are counted
        self._ended = False

    def first(self) -> bytes:
        """Give the first byte that counts. Raises NotACassetteError for an empty document."""
        while len(self.buffer) < len(_BOM) and self.more():
            pass
        if self.buffer.startswith(_BOM):
            self.pos = len(_BOM)
        first = self.next()
        if not first:
            raise NotACassetteError(f"{self.name}: not a cassette: the file is empty.")
        return first

    def more(self) -> bool:
        """Take the next block of the file to the buffer. False: there is none."""
        if self._ended:
            return False
        block = self.stream.block()
        if not block:
            self._ended = True
            return False
        self.buffer += block
        return True

    def trim(self) -> None:
        """Forget what was read. Positions in the buffer change."""
        if self.pos >= _TRIM:
            self.line_of(self.pos)
            del self.buffer[: self.pos]
            self.pos = self._counted = 0

    def next(self) -> bytes:
        """Go to the next byte that is no white space, and give it; nothing at the end."""
        while True:
            if self.pos < len(self.buffer):
                at = self.buffer[self.pos]
                if at > 32:  # the space
                    return bytes((at,))
                space = _SPACE.match(self.buffer, self.pos)
                if space is not None:
                    self.pos = space.end()
                if self.pos < len(self.buffer):
                    return bytes(self.buffer[self.pos : self.pos + 1])
            self.trim()
            if not self.more():
                return b""

    def comma(self, closing: bytes) -> bool:
        """Go behind a comma, or behind `closing`: then True."""
        found = self.next()
        if found not in (b",", closing):
            raise self.broken("a comma is missing" if found else "the file ends early")
        self.pos += 1
        return found == closing

    def end(self) -> None:
        """Check that nothing follows but white space."""
        if self.next():
            raise BadCassetteError(
                f"{self.place()}: something follows the end of the JSON document. One file holds one cassette."
            )

    def line_of(self, position: int) -> int:
        """Give the number of the line of a position, which never is in front of one that was asked for before."""
        self._line += self.buffer.count(b"\n", self._counted, position)
        self._counted = max(self._counted, position)
        return self._line

    def place(self) -> str:
        """Say where the position is."""
        return f"{self.name}, line {self.line_of(self.pos)}"

    def broken(self, what: str) -> BadCassetteError:
        """Make the error for JSON that is broken at the position."""
        return BadCassetteError(f"{self.place()}: the JSON is broken: {what}. Check how the file was written.")

    def scan(self, most: int, what: str = "what stands beside the interactions") -> int:
        """Go behind the value that begins at the position, and give where it begins. It stays in the buffer whole."""
        self.trim()
        start = self.pos
        first = bytes(self.buffer[start : start + 1])
        if first == b'"':
            self._scan_string(start, most, what)
        elif first in (b"{", b"["):
            self._scan_container(start, most, what)
        else:
            self._scan_word(start, most, what)
        if self.pos - start > most:
            raise self._too_large(start, most, what)
        return start

    def _scan_container(self, start: int, most: int, what: str) -> None:
        depth = 1
        self.pos += 1
        while depth:
            skipped = _OUTSIDE.match(self.buffer, self.pos)
            if skipped is not None:
                self.pos = skipped.end()
            at = bytes(self.buffer[self.pos : self.pos + 1])
            if at in (b"{", b"["):
                depth += 1
                self.pos += 1
                if depth > DEPTH:
                    line = self.line_of(start)
                    raise BadCassetteError(
                        f"{self.name}, line {line}: nested more than {DEPTH} levels deep."
                        " Check where the file comes from."
                    )
            elif at in (b"}", b"]"):
                depth -= 1
                self.pos += 1
            elif at == b'"':  # it is long, or does not end within the buffer
                self._scan_string(start, most, what)
            else:
                self._go_on(start, most, what)

    def _scan_string(self, start: int, most: int, what: str) -> None:
        self.pos += 1
        while True:
            quote = self.buffer.find(b'"', self.pos)
            end = quote if quote >= 0 else len(self.buffer)
            escape = self.buffer.find(b"\\", self.pos, end)
            if escape < 0:
                self.pos = end
            else:
                inside = _INSIDE.match(self.buffer, escape)
                self.pos = escape if inside is None else inside.end()
            if self.buffer[self.pos : self.pos + 1] == b'"':
                self.pos += 1
                return
            self._go_on(start, most, what)

    def _scan_word(self, start: int, most: int, what: str) -> None:
        while True:
            word = _WORD.match(self.buffer, self.pos)
            if word is not None:
                self.pos = word.end()
            if self.pos < len(self.buffer):
                break
            self._go_on(start, most, what)
        if self.pos == start:
            raise self.broken("a value is missing")

    def _go_on(self, start: int, most: int, what: str) -> None:
        if len(self.buffer) - start > most:
            raise self._too_large(start, most, what)
        if not self.more():
            line = self.line_of(start)
            raise BadCassetteError(
                f"{self.name}, line {line}: the file ends inside {what}, which begins here."
                " It was cut off: fetch it again."
            )

    def _too_large(self, start: int, most: int, what: str) -> BadCassetteError:
        return BadCassetteError(
            f"{self.name}, line {self.line_of(start)}: {what} is larger than {max(most, 1) / (1 << 20):.0f} MiB."
            " Check where the file comes from."
        )


def parsed_as_it_is(data: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Parse the `data` of an item that was mended again, with lone surrogates in its texts."""
    return json.loads(data, parse_int=_integer)
