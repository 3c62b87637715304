"""HAR 1.2, the HTTP Archive: what browsers, proxies and Polly.js write, and what their viewers read.

Law: entries are read and written one at a time. What HAR cannot say goes into a key of our own, `_recorder`, of an
entry, so that nothing but what other tools say is lost on the way through a HAR. What the archive says of itself, its
creator, its pages, goes through as an envelope, and stands behind the entries of a file that is written here.

Memory: one entry with its bodies; one piece of a body that is written from pieces.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from cassette_tools.formats import Format
from cassette_tools.har_words import CREATOR, FAMILY
from cassette_tools.huge_items import told
from cassette_tools.interaction import Envelope, Interaction
from recorder.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cassette_tools.formats import WriteOptions
    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element

__all__ = ["FORMAT"]

_OPENING: Final = re.compile(rb'\{\s*"log"\s*:\s*\{')
_ITS_KEYS: Final = frozenset({"creator", "entries", "pages", "version", "browser"})
_ORIGIN: Final = "_origin"
"""The key of a log that holds what the HAR, of which it was made, said there: its creator, its version."""


def _sniff(head: Head) -> int:
    if head.kind != "json" or '"log"' not in head.text[:4096].decode("latin-1"):
        return 0
    found = len(_ITS_KEYS.intersection(head.keys))
    if _OPENING.match(head.text):
        return 95 if found > 1 else 60 if found else 10
    return 70 if {"log", "entries", "startedDateTime"} <= set(head.keys) else 0


# -- reading


def _read(stream: InputStream) -> Iterator[Element]:
    from cassette_tools.har_reading import Entries  # noqa: PLC0415 - only where a HAR is read
    from cassette_tools.json_items import JsonItems  # noqa: PLC0415 - only where a HAR is read

    items = JsonItems(stream, ("log", "entries"), tell_lone=False)
    entries: Entries | None = None
    told: dict[str, Any] = {}
    for item in items:
        if entries is None:
            entries = Entries(stream, _log(items.rest).get("creator"))
            told = _said(items.rest)
            if told:
                yield Envelope(FAMILY, told)
        yield entries.interaction(item)
    rest = _said(items.rest)
    left = {key: value for key, value in rest.items() if key != "log" and key not in told}
    before = told.get("log", {})
    log = {key: value for key, value in rest.get("log", {}).items() if key not in before}
    if log or left:
        yield Envelope(FAMILY, {**left, **({"log": log} if log else {})})


def _log(rest: dict[str, Any]) -> dict[str, Any]:
    log = rest.get("log")
    return log if type(log) is dict else {}


def _said(rest: dict[str, Any]) -> dict[str, Any]:
    """Give what an archive says of itself, without what this toolkit wrote of itself."""
    log = dict(_log(rest))
    said = {key: value for key, value in rest.items() if key != "log"}
    creator = log.get("creator")
    if type(creator) is dict and creator.get("name") == CREATOR:
        del log["creator"]
        origin = log.pop(_ORIGIN, None)
        if log.get("version") == "1.2":
            del log["version"]
        if type(origin) is dict:
            log.update(origin)
    return {**({"log": log} if log else {}), **said}


# -- writing


@told
def _write(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    from cassette_tools.har_writing import entry_pieces  # noqa: PLC0415 - only where a HAR is written

    about = _About(options)
    creator = orjson.dumps({"name": CREATOR, "version": __version__})
    yield b'{"log":{"version":"1.2","creator":' + creator + b',"entries":['
    between = b"\n"
    for element in elements:
        if not isinstance(element, Interaction):
            if element.family == FAMILY:
                about.take(element.values)
            continue
        pieces = entry_pieces(element)
        yield between + next(pieces)
        yield from pieces
        between = b",\n"
    yield b"\n]" + about.end()


class _About:
    """What archives said of themselves: that of several is put together, and what cannot be is counted as lost.

    Memory: all of it, at most 16 MiB for each input.
    """

    def __init__(self, options: WriteOptions) -> None:
        self._losses = options.losses
        self._log: dict[str, Any] = {}
        self._others: dict[str, Any] = {}
        self._origin: dict[str, Any] = {}

    def take(self, values: dict[str, Any]) -> None:
        """Add what one archive says."""
        log = dict(_log(values))
        origin: dict[str, Any] = {key: log.pop(key) for key in ("creator", "version") if key in log}
        pages = log.get("pages")
        if type(pages) is list and type(self._log.get("pages")) is list:
            self._log["pages"] = [*self._log["pages"], *pages]
            del log["pages"]
        others = {key: value for key, value in values.items() if key != "log"}
        fits = [_add(self._log, log), _add(self._others, others), _add(self._origin, origin)]
        if not all(fits) and self._losses is not None:
            self._losses.envelopes += 1

    def end(self) -> bytes:
        """Give what stands behind the list of entries."""
        if self._origin:
            self._log[_ORIGIN] = self._origin
        log, others = orjson.dumps(self._log)[1:], orjson.dumps(self._others)[1:]
        return (b"," if self._log else b"") + log + (b"," if self._others else b"") + others + b"\n"


def _add(known: dict[str, Any], said: dict[str, Any]) -> bool:
    """Add what is not said yet. False: something else was said before."""
    fits = all(known.get(key, value) == value for key, value in said.items())
    known.update({key: value for key, value in said.items() if key not in known})
    return fits


FORMAT: Final = Format(
    name="har",
    title="HAR 1.2",
    family=FAMILY,
    suffixes=(".har",),
    sniff=_sniff,
    read=_read,
    write=_write,
    cannot_hold=frozenset({"huge-items"}),
    is_default=True,
    notes=(
        "What HAR has no word for stands under `_recorder` in an entry and is read again from there.",
        "A body of a request that is no UTF-8 is written as base64 with the key `encoding`, as HAR 1.3 proposes it.",
        "Pseudo headers of HTTP/2 are kept apart from the headers.",
        "Contents that a browser left out are read as bodies that are not complete, `unread`.",
    ),
)
