"""What a format may be unable to hold, one facet at a time: is it in an interaction, and what is left without it.

Law: each facet is one entry of FACETS, with its name, words for people, a quick test, and the way to leave it out of a
description. A format declares the facets that it cannot hold; a conversion counts them, and a comparison of input and
output looks past these and no others. Nothing here knows a format.
"""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cassette_tools.interaction import Body

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from cassette_tools.interaction import Headers, Interaction

__all__ = ["FACETS", "KNOWN_TO_RECORDERS", "MOST_COMBINATIONS", "Facet", "Losses", "describe", "differences"]

MOST_COMBINATIONS: Final = 1000

KNOWN_TO_RECORDERS: Final = frozenset(
    {
        "client",
        "connection",
        "error",
        "incomplete",
        "memory",
        "process",
        "redaction",
        "removed",
        "unsent",
        "wire-size",
    }
)
"""Facets that a recorder knows, and that formats made for replaying or sending again have no place for."""

Description: TypeAlias = dict[str, Any]
"""All that an interaction says, by field, in a form that can be compared. Bodies are there as size and digest."""


@dataclass(frozen=True, slots=True)
class Facet:
    """Something that an interaction may say and a format may be unable to hold.

    `found` tells whether an interaction says it, `forget` takes it out of a description. `leaves_out` is true where an
    interaction that says it cannot be written at all. `bit`: where one look tells this facet with others.
    """

    name: str
    title: str
    found: Callable[[Interaction], bool]
    forget: Callable[[Description], None]
    leaves_out: bool = False
    bit: int = 0


def describe(interaction: Interaction, *, family: str | None = None) -> Description:
    """Describe an interaction in full; of its extra keys those of `family`, or of all families. Reads the bodies."""
    request, response = interaction.request, interaction.response
    process = interaction.process or {}
    extra = interaction.extra
    said: Description = {
        "method": request.method,
        "url": request.url,
        "target": request.target,
        "sent": request.sent,
        "request.http_version": request.http_version,
        "request.headers": list(request.headers),
        "error": interaction.error,
        "started_at": interaction.started_at,
        "timings_ms": dict(interaction.timings_ms),
        "client": interaction.client,
        "process": {key: process[key] for key in ("id", "seq", "process", "pid", "thread") if key in process},
        "connection": interaction.connection,
        "rss": interaction.rss,
        "redacted": interaction.redacted or None,
        "extra": (extra if family is None else {family: extra[family]} if family in extra else {}) or None,
        "response": response is not None,
    }
    _describe_body(said, "request", request.body)
    if response is not None:
        said["status"] = response.status
        said["reason"] = response.reason
        said["response.http_version"] = response.http_version
        said["response.headers"] = list(response.headers)
        said["trailers"] = list(response.trailers)
        _describe_body(said, "response", response.body)
    return said


def differences(one: Description, other: Description, lost: Collection[str]) -> list[str]:
    """Give the fields in which two descriptions differ, looking past the facets in `lost`. Changes neither."""
    one, other = _copied(one), _copied(other)
    for name, facet in FACETS.items():  # in this order: what one leaves out may depend on another
        if name in lost:
            facet.forget(one)
            facet.forget(other)
    return [key for key in {**one, **other} if one.get(key) != other.get(key)]


class Losses:
    """Counts what is lost on the way into a format that cannot hold the facets named in `cannot_hold`.

    `left_out` counts the interactions that are not written at all. `envelopes` counts what cassettes say of themselves
    and the target cannot.

    Memory: a few numbers for each combination of facets that comes up, at most MOST_COMBINATIONS.
    """

    def __init__(self, cannot_hold: Collection[str], *, family: str, keeps_extra: bool = False) -> None:
        self.left_out = 0
        self.envelopes = 0
        self._family = family
        self._keeps_extra = keeps_extra
        self._loses_own = "extra" in cannot_hold
        self._counted: dict[str, list[int]] = {}  # by facet: how many, and the first; what was added one by one
        self._combined: dict[int, list[int]] = {}  # the same by combination of facets
        chosen = [facet for name, facet in FACETS.items() if name in cannot_hold]
        self._leaving_out = [facet for facet in chosen if facet.leaves_out]
        self._glanced = [facet for facet in chosen if facet.bit]
        self._bits = 0
        for facet in chosen:
            self._bits |= facet.bit
        self._tests = [(one.name, one.found) for one in chosen if not one.bit and not one.leaves_out]

    @property
    def counts(self) -> dict[str, int]:
        """How many interactions lose a facet, by facet."""
        return {name: count for name, (count, _) in self._by_facet().items()}

    @property
    def first(self) -> dict[str, int]:
        """The number of the first interaction that loses a facet, by facet."""
        return {name: first for name, (_, first) in self._by_facet().items()}

    def take(self, interaction: Interaction, number: int, *, same: bool = False) -> bool:
        """Count what is lost of one interaction. False: it cannot be written.

        `same`: it was read from the format that it is written in, which cannot have said what it has no place for.
        """
        for facet in self._leaving_out:
            if facet.found(interaction):
                self.add(facet.name, number)
                self.left_out += 1
                return False
        if not same:
            self._count(interaction, number)
        return True

    def add(self, name: str, number: int) -> None:
        """Count what a writer found that it could not write, beyond what the facets tell."""
        counted = self._counted.get(name)
        if counted is None:
            self._counted[name] = [1, number]
        else:
            counted[0] += 1

    def _count(self, interaction: Interaction, number: int) -> None:
        bits = _bits(interaction) & self._bits
        known = self._combined.get(bits)
        if known is not None:
            known[0] += 1
        elif bits:
            self._combine(bits, number)
        for name, found in self._tests:
            if found(interaction):
                self.add(name, number)
        if interaction.extra and not self._keeps_extra:
            for family in interaction.extra:
                if family != self._family or self._loses_own:
                    self.add("extra", number)
                    break

    def _combine(self, bits: int, number: int) -> None:
        if len(self._combined) < MOST_COMBINATIONS:
            self._combined[bits] = [1, number]
            return
        for facet in self._glanced:
            if facet.bit & bits:
                self.add(facet.name, number)

    def _by_facet(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for name, facet in FACETS.items():
            bit = facet.bit if facet in self._glanced else 0
            figures = [counted for bits, counted in self._combined.items() if bits & bit]
            if name in self._counted:
                figures.append(self._counted[name])
            if figures:
                found[name] = sum(count for count, _ in figures), min(first for _, first in figures)
        return found


# -- describing


def _describe_body(said: Description, part: str, body: Body | None) -> None:
    said[f"{part}.body"] = None
    if body is None:
        return
    size, digest, text = 0, hashlib.sha256(), True
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in body.pieces():
        size += len(piece)
        digest.update(piece)
        text = text and _is_utf8(decoder, piece)
    text = text and _is_utf8(decoder, b"", final=True)
    said[f"{part}.body"] = {"size": size, "sha256": digest.hexdigest(), "text": text}
    said[f"{part}.coding"] = (body.coding, body.coding_error)
    said[f"{part}.wire_size"] = body.wire_size
    said[f"{part}.complete"] = (body.complete, body.incomplete)
    said[f"{part}.framing"] = body.framing
    said[f"{part}.removed"] = body.removed


def _is_utf8(decoder: codecs.IncrementalDecoder, piece: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


def _copied(said: Description) -> Description:
    """Copy as deep as facets reach."""
    copy = dict(said)
    for key in _HEADERS:
        if key in copy:
            copy[key] = list(copy[key])
    for key in _BODIES:
        if copy.get(key) is not None:
            copy[key] = dict(copy[key])
    return copy


_HEADERS: Final = ("request.headers", "response.headers")
_BODIES: Final = ("request.body", "response.body")


# -- tests of interactions

# One bit for each facet that can be told at a glance: all of them are told in one go, in about 4 us.
(
    _ERROR,
    _STARTED,
    _TIMINGS,
    _CLIENT,
    _PROCESS,
    _CONNECTION,
    _MEMORY,
    _REDACTION,
    _VERSION,
    _TARGET,
    _UNSENT,
    _REASON,
    _TRAILERS,
    _FRAMING,
    _WIRE,
    _CODING,
    _INCOMPLETE,
    _REMOVED,
    _EMPTY,
    _UNORDERED,
    _SCATTERED,
    _CASED,
    _REPEATED_REQUEST,
    _REPEATED_RESPONSE,
    _ANSWERED,
    _ABSENT,
) = (1 << place for place in range(26))


def _bits(interaction: Interaction) -> int:  # noqa: C901 - one look at everything, for each of millions
    request, response = interaction.request, interaction.response
    bits = _header_bits(request.headers, _REPEATED_REQUEST)
    if interaction.error is not None:
        bits |= _ERROR
    if interaction.started_at is not None:
        bits |= _STARTED
    if interaction.timings_ms:
        bits |= _TIMINGS
    if interaction.client is not None:
        bits |= _CLIENT
    if interaction.process is not None and interaction.origin is None:  # else a conversion gave the numbers
        bits |= _PROCESS
    if interaction.connection is not None:
        bits |= _CONNECTION
    if interaction.rss is not None:
        bits |= _MEMORY
    if interaction.redacted:
        bits |= _REDACTION
    if request.http_version is not None:
        bits |= _VERSION
    if request.target is not None:
        bits |= _TARGET
    if not request.sent:
        bits |= _UNSENT
    if request.body is not None:
        bits |= _body_bits(request.body)
    if response is None:
        return bits
    bits |= _ANSWERED | _header_bits(response.headers, _REPEATED_RESPONSE)
    if response.http_version is not None:
        bits |= _VERSION
    if response.reason:
        bits |= _REASON
    if response.trailers:
        bits |= _TRAILERS
    return bits | (_ABSENT if response.body is None else _body_bits(response.body))


def _body_bits(body: Body) -> int:
    bits = 0
    if body.framing is not None:
        bits |= _FRAMING
    if body.wire_size is not None:
        bits |= _WIRE
    if body.coding is not None or body.coding_error is not None:
        bits |= _CODING
    if not body.complete:
        bits |= _INCOMPLETE
    if body.removed is not None:
        bits |= _REMOVED
    if body.is_empty():
        bits |= _EMPTY
    return bits


_SHAPES: Final[dict[tuple[str, ...], int]] = {}
_MOST_SHAPES: Final = 4096


def _header_bits(headers: Headers, repeated: int) -> int:
    """Tell what can be told of headers by their names. Clients and servers send the same names again and again."""
    names = tuple([name for name, _ in headers])
    bits = _SHAPES.get(names)
    if bits is None:
        bits = _shape(names)
        if len(_SHAPES) < _MOST_SHAPES:
            _SHAPES[names] = bits
    return (bits & ~_REPEATED_REQUEST) | repeated if bits & _REPEATED_REQUEST else bits


def _shape(names: tuple[str, ...]) -> int:
    bits = 0
    order = [(name.lower(), name) for name in names]
    if order != sorted(order) or list(names) != sorted(names):  # some writers sort one way, some the other
        bits |= _UNORDERED
    before, seen = None, set()
    for name in names:
        if name != before and name in seen:
            bits |= _SCATTERED
        seen.add(name)
        before = name
    if any(name != name.lower() for name in names):
        bits |= _CASED
    if len({name for name, _ in order}) != len(names):
        bits |= _REPEATED_REQUEST
    return bits


def _tells(bit: int) -> Callable[[Interaction], bool]:
    return lambda interaction: bool(_bits(interaction) & bit)


def _binary(body: Body | None) -> bool:
    """Tell whether a body is no text. A long one is read for that, up to the first byte that tells."""
    if body is None or body.stream is None:
        return body is not None and body.text() is None
    decoder = codecs.getincrementaldecoder("utf-8")()
    return not (all(_is_utf8(decoder, piece) for piece in body.stream()) and _is_utf8(decoder, b"", final=True))


# -- leaving out of descriptions


def _without(*keys: str) -> Callable[[Description], None]:
    def forget(said: Description) -> None:
        for key in keys:
            said.pop(key, None)

    return forget


def _without_order(said: Description) -> None:
    for key in _HEADERS:
        if key in said:
            said[key].sort(key=lambda pair: (pair[0].lower(), pair[0]))


def _grouped(said: Description) -> None:
    for key in _HEADERS:
        if key in said:
            groups: dict[str, list[tuple[str, str]]] = {}
            for name, value in said[key]:
                groups.setdefault(name, []).append((name, value))
            said[key] = [pair for group in groups.values() for pair in group]


def _last_of_each(key: str) -> Callable[[Description], None]:
    def forget(said: Description) -> None:
        if key in said:
            kept: dict[str, tuple[str, str]] = {}
            for name, value in said[key]:
                kept[name.lower()] = (name, value)
            said[key] = list(kept.values())

    return forget


def _joined(key: str) -> Callable[[Description], None]:
    """See repeated headers as one, and no order in what stands between commas."""

    def forget(said: Description) -> None:
        if key not in said:
            return
        lines: dict[str, list[tuple[str, str]]] = {}
        for name, value in said[key]:
            lines.setdefault(name.lower(), []).append((name, value))
        said[key] = [pair for name, pairs in lines.items() for pair in _one_line(name, pairs)]

    return forget


def _one_line(name: str, pairs: Headers) -> Headers:
    if len(pairs) == 1 and "," not in pairs[0][1]:
        return pairs
    parts = [part.strip() for _, value in pairs for part in value.split(",")]
    return [(name, ", ".join(sorted(parts)))]


def _without_headers(key: str, test: Callable[[str, str], bool]) -> Callable[[Description], None]:
    def forget(said: Description) -> None:
        if key in said:
            said[key] = [(name, value) for name, value in said[key] if not test(name.lower(), value)]

    return forget


def _is_of_client(name: str, value: str) -> bool:
    """Tell whether http.client or urllib3 may have added a header by itself."""
    if name in ("accept-encoding", "transfer-encoding"):
        return {part.strip() for part in value.split(",")} <= {"identity", "chunked"}
    return name in ("host", "content-length") or (name == "user-agent" and value.startswith("python-urllib3/"))


def _without_case(said: Description) -> None:
    for key in _HEADERS:
        if key in said:
            said[key] = [(name.lower(), value) for name, value in said[key]]


def _without_emptiness(said: Description) -> None:
    """See no difference between no body and an empty one."""
    for part in ("request", "response"):
        body = said.get(f"{part}.body")
        if body is not None and body["size"] == 0 and said.get(f"{part}.complete", (True, None))[0]:
            _forget_body(said, part)
        elif body is None:
            said.pop(f"{part}.body", None)


def _without_absence(said: Description) -> None:
    """See an empty body where there is none."""
    for part in ("request", "response"):
        if f"{part}.body" in said and said[f"{part}.body"] is None:
            _describe_body(said, part, Body())


def _forget_body(said: Description, part: str) -> None:
    for name in ("body", "coding", "wire_size", "complete", "framing", "removed"):
        said.pop(f"{part}.{name}", None)


def _without_binary(part: str) -> Callable[[Description], None]:
    """See no difference between a body that is not text, an empty one, and none: what is left out leaves either."""

    def forget(said: Description) -> None:
        body = said.get(f"{part}.body")
        if body is None or not body["text"] or not body["size"]:
            _forget_body(said, part)

    return forget


def _without_response(said: Description) -> None:
    for key in [key for key in said if key in _OF_RESPONSES or key.startswith("response.")]:
        del said[key]


_OF_RESPONSES: Final = ("response", "status", "reason", "trailers")


def _both(name: str) -> Callable[[Description], None]:
    return _without(f"request.{name}", f"response.{name}")


# Where `found` is never true, a writer counts what it leaves out.
_LIST: Final = (
    Facet("no-response", "requests without a response", lambda i: i.response is None, lambda _: None, leaves_out=True),
    # Ahead of those that take parts of bodies away.
    Facet(
        "absent-bodies",
        "that there was no body: it becomes an empty one",
        _tells(_ABSENT),
        _without_absence,
        bit=_ABSENT,
    ),
    Facet("error", "errors that the client saw", _tells(_ERROR), _without("error"), bit=_ERROR),
    Facet("started-at", "start times", _tells(_STARTED), _without("started_at"), bit=_STARTED),
    Facet("timings", "durations", _tells(_TIMINGS), _without("timings_ms"), bit=_TIMINGS),
    Facet("client", "client libraries", _tells(_CLIENT), _without("client"), bit=_CLIENT),
    Facet("process", "process, thread and sequence numbers", _tells(_PROCESS), _without("process"), bit=_PROCESS),
    Facet("connection", "connections", _tells(_CONNECTION), _without("connection"), bit=_CONNECTION),
    Facet("memory", "memory samples", _tells(_MEMORY), _without("rss"), bit=_MEMORY),
    Facet("redaction", "counts of what was redacted", _tells(_REDACTION), _without("redacted"), bit=_REDACTION),
    Facet(
        "http-version",
        "HTTP versions",
        _tells(_VERSION),
        _without("request.http_version", "response.http_version"),
        bit=_VERSION,
    ),
    Facet("target", "request targets that differ from the URL", _tells(_TARGET), _without("target"), bit=_TARGET),
    Facet("unsent", "marks of requests that were never sent", _tells(_UNSENT), _without("sent"), bit=_UNSENT),
    Facet("reason", "reason phrases", _tells(_REASON), _without("reason"), bit=_REASON),
    Facet("header-case", "upper and lower case in names of headers", _tells(_CASED), _without_case, bit=_CASED),
    Facet("header-order", "the order of headers", _tells(_UNORDERED), _without_order, bit=_UNORDERED),
    Facet(
        "scattered-headers", "the places of repeated headers among others", _tells(_SCATTERED), _grouped, bit=_SCATTERED
    ),
    Facet(
        "repeated-request-headers",
        "all but the last of repeated headers of requests",
        _tells(_REPEATED_REQUEST),
        _last_of_each("request.headers"),
        bit=_REPEATED_REQUEST,
    ),
    Facet(
        "repeated-response-headers",
        "all but the last of repeated headers of responses",
        _tells(_REPEATED_RESPONSE),
        _last_of_each("response.headers"),
        bit=_REPEATED_RESPONSE,
    ),
    Facet("trailers", "trailers", _tells(_TRAILERS), _without("trailers"), bit=_TRAILERS),
    Facet("framing", "how bodies were framed (chunks)", _tells(_FRAMING), _both("framing"), bit=_FRAMING),
    Facet("wire-size", "sizes on the wire", _tells(_WIRE), _both("wire_size"), bit=_WIRE),
    Facet("coding", "which content coding was taken off", _tells(_CODING), _both("coding"), bit=_CODING),
    Facet("incomplete", "marks of incomplete bodies", _tells(_INCOMPLETE), _both("complete"), bit=_INCOMPLETE),
    Facet("removed", "marks of removed bodies", _tells(_REMOVED), _both("removed"), bit=_REMOVED),
    Facet(
        "empty-bodies",
        "the difference between no body and an empty one",
        _tells(_EMPTY),
        _without_emptiness,
        bit=_EMPTY,
    ),
    Facet(
        "binary-request-body",
        "bodies of requests that are not text",
        lambda i: _binary(i.request.body),
        _without_binary("request"),
    ),
    Facet(
        "binary-response-body",
        "bodies of responses that are not text",
        lambda i: i.response is not None and _binary(i.response.body),
        _without_binary("response"),
    ),
    Facet(
        "joined-request-headers",
        "which lines repeated headers of requests had: they are joined by commas",
        _tells(_REPEATED_REQUEST),
        _joined("request.headers"),
        bit=_REPEATED_REQUEST,
    ),
    Facet(
        "client-headers",
        "headers that a client adds by itself: Host, Accept-Encoding: identity, framing, urllib3's User-Agent",
        lambda _: False,
        _without_headers("request.headers", _is_of_client),
    ),
    Facet(
        "coding-headers",
        "Content-Encoding, and the coded Content-Length, of bodies that were decoded so that every client replays them",
        lambda _: False,
        _without_headers("response.headers", lambda name, _: name in ("content-encoding", "content-length")),
    ),
    Facet("responses", "responses", _tells(_ANSWERED), _without_response, bit=_ANSWERED),
    Facet("unsendable", "parts of requests that cannot be sent again", lambda _: False, lambda _: None),
    Facet("request-headers", "headers of requests", lambda i: bool(i.request.headers), _without("request.headers")),
    Facet(
        "huge-items",
        "items over 255 MiB: they are written, and `ctools` does not read the file again",
        lambda _: False,
        lambda _: None,
    ),
    Facet("extra", "keys of other tools", lambda _: False, _without("extra")),
)
FACETS: Final[Mapping[str, Facet]] = {facet.name: facet for facet in _LIST}
