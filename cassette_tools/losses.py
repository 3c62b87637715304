"""What a format may be unable to hold, one facet at a time: is it in an interaction, and what is left without it.

Law: each facet is one entry of FACETS, with its name, words for people, a quick test, and the way to leave it out of a
description. A format declares the facets that it cannot hold; a conversion counts them, and a comparison of input and
output looks past these and no others. Nothing here knows a format.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from cassette_tools.interaction import Body, Headers, Interaction, Request, Response

__all__ = ["FACETS", "Facet", "Losses", "describe", "differences"]

Description: TypeAlias = dict[str, Any]
"""All that an interaction says, by field, in a form that can be compared. Bodies are there as size and digest."""


@dataclass(frozen=True, slots=True)
class Facet:
    """Something that an interaction may say and a format may be unable to hold.

    `found` tells whether an interaction says it; it takes about 0.1 us, for it is asked of each. `forget` takes it out
    of a description. `leaves_out` is true where an interaction that says it cannot be written at all.
    """

    name: str
    title: str
    found: Callable[[Interaction], bool]
    forget: Callable[[Description], None]
    leaves_out: bool = False


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
    for name in lost:
        FACETS[name].forget(one)
        FACETS[name].forget(other)
    return [key for key in {**one, **other} if one.get(key) != other.get(key)]


class Losses:
    """Counts what is lost on the way into a format that cannot hold the facets named in `cannot_hold`.

    `counts` is by facet, `first` gives the number of the first interaction that has it. `left_out` counts the
    interactions that are not written at all. `envelopes` counts what cassettes say of themselves and the target cannot.
    """

    def __init__(self, cannot_hold: Collection[str], *, family: str, keeps_extra: bool = False) -> None:
        self.counts: dict[str, int] = {}
        self.first: dict[str, int] = {}
        self.left_out = 0
        self.envelopes = 0
        self._family = family
        self._keeps_extra = keeps_extra
        chosen = [facet for name, facet in FACETS.items() if name in cannot_hold]
        self._leaving_out = [facet for facet in chosen if facet.leaves_out]
        self._tests = [(facet.name, facet.found) for facet in chosen if not facet.leaves_out]

    def take(self, interaction: Interaction, number: int) -> bool:
        """Count what is lost of one interaction. False: it cannot be written."""
        for facet in self._leaving_out:
            if facet.found(interaction):
                self._add(facet.name, number)
                self.left_out += 1
                return False
        for name, found in self._tests:
            if found(interaction):
                self._add(name, number)
        if interaction.extra and not self._keeps_extra:
            for family in interaction.extra:
                if family != self._family:
                    self._add("extra", number)
                    break
        return True

    def add(self, name: str, number: int) -> None:
        """Count what a writer found that it could not write, beyond what the facets tell."""
        self._add(name, number)

    def _add(self, name: str, number: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
        self.first.setdefault(name, number)


# -- describing


def _describe_body(said: Description, part: str, body: Body | None) -> None:
    said[f"{part}.body"] = None
    if body is None:
        return
    size, digest, text = 0, hashlib.sha256(), True
    for piece in body.pieces():
        size += len(piece)
        digest.update(piece)
    if body.stream is None:
        text = body.text() is not None
    said[f"{part}.body"] = {"size": size, "sha256": digest.hexdigest(), "text": text}
    said[f"{part}.coding"] = (body.coding, body.coding_error)
    said[f"{part}.wire_size"] = body.wire_size
    said[f"{part}.complete"] = (body.complete, body.incomplete)
    said[f"{part}.framing"] = body.framing
    said[f"{part}.removed"] = body.removed


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


def _messages(interaction: Interaction) -> tuple[Request, Response] | tuple[Request]:
    response = interaction.response
    return (interaction.request,) if response is None else (interaction.request, response)


def _any_body(test: Callable[[Body], bool]) -> Callable[[Interaction], bool]:
    def found(interaction: Interaction) -> bool:
        body = interaction.request.body
        if body is not None and test(body):
            return True
        response = interaction.response
        return response is not None and response.body is not None and test(response.body)

    return found


def _has_version(interaction: Interaction) -> bool:
    response = interaction.response
    return interaction.request.http_version is not None or (response is not None and response.http_version is not None)


def _is_unordered(headers: Headers) -> bool:
    before: tuple[str, str] = ("", "")
    for name, _ in headers:
        now = (name.lower(), name)
        if now < before:
            return True
        before = now
    return False


def _is_scattered(headers: Headers) -> bool:
    """Tell whether headers of one name stand apart."""
    seen: set[str] = set()
    before = None
    for name, _ in headers:
        if name != before and name in seen:
            return True
        seen.add(name)
        before = name
    return False


def _is_repeated(headers: Headers) -> bool:
    return len({name.lower() for name, _ in headers}) != len(headers)


def _binary(body: Body | None) -> bool:
    return body is not None and body.stream is None and body.text() is None


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
            for key in (f"{part}.{name}" for name in ("body", "coding", "wire_size", "complete", "framing", "removed")):
                said.pop(key, None)
        elif body is None:
            said.pop(f"{part}.body", None)


def _without_binary(part: str) -> Callable[[Description], None]:
    def forget(said: Description) -> None:
        body = said.get(f"{part}.body")
        if body is not None and not body["text"]:
            said[f"{part}.body"] = None

    return forget


def _without_response(said: Description) -> None:
    for key in [key for key in said if key in _OF_RESPONSES or key.startswith("response.")]:
        del said[key]


_OF_RESPONSES: Final = ("response", "status", "reason", "trailers")


def _both(name: str) -> Callable[[Description], None]:
    return _without(f"request.{name}", f"response.{name}")


_LIST: Final = (
    Facet("no-response", "requests without a response", lambda i: i.response is None, lambda _: None, leaves_out=True),
    Facet("error", "errors that the client saw", lambda i: i.error is not None, _without("error")),
    Facet("started-at", "start times", lambda i: i.started_at is not None, _without("started_at")),
    Facet("timings", "durations", lambda i: bool(i.timings_ms), _without("timings_ms")),
    Facet("client", "client libraries", lambda i: i.client is not None, _without("client")),
    Facet("process", "process, thread and sequence numbers", lambda i: i.process is not None, _without("process")),
    Facet("connection", "connections", lambda i: i.connection is not None, _without("connection")),
    Facet("memory", "memory samples", lambda i: i.rss is not None, _without("rss")),
    Facet("redaction", "counts of what was redacted", lambda i: bool(i.redacted), _without("redacted")),
    Facet("http-version", "HTTP versions", _has_version, _without("request.http_version", "response.http_version")),
    Facet(
        "target", "request targets that differ from the URL", lambda i: i.request.target is not None, _without("target")
    ),
    Facet("unsent", "marks of requests that were never sent", lambda i: not i.request.sent, _without("sent")),
    Facet("reason", "reason phrases", lambda i: i.response is not None and bool(i.response.reason), _without("reason")),
    Facet(
        "header-order",
        "the order of headers",
        lambda i: any(_is_unordered(message.headers) for message in _messages(i)),
        _without_order,
    ),
    Facet(
        "scattered-headers",
        "the places of repeated headers among others",
        lambda i: any(_is_scattered(message.headers) for message in _messages(i)),
        _grouped,
    ),
    Facet(
        "header-case",
        "upper and lower case in names of headers",
        lambda i: any(not name.islower() for message in _messages(i) for name, _ in message.headers),
        _without_case,
    ),
    Facet(
        "repeated-request-headers",
        "all but the last of repeated headers of requests",
        lambda i: _is_repeated(i.request.headers),
        _last_of_each("request.headers"),
    ),
    Facet(
        "repeated-response-headers",
        "all but the last of repeated headers of responses",
        lambda i: i.response is not None and _is_repeated(i.response.headers),
        _last_of_each("response.headers"),
    ),
    Facet("trailers", "trailers", lambda i: i.response is not None and bool(i.response.trailers), _without("trailers")),
    Facet("framing", "how bodies were framed (chunks)", _any_body(lambda b: b.framing is not None), _both("framing")),
    Facet("wire-size", "sizes on the wire", _any_body(lambda b: b.wire_size is not None), _both("wire_size")),
    Facet(
        "coding",
        "which content coding was taken off",
        _any_body(lambda b: b.coding is not None or b.coding_error is not None),
        _both("coding"),
    ),
    Facet("incomplete", "marks of incomplete bodies", _any_body(lambda b: not b.complete), _both("complete")),
    Facet("removed", "marks of removed bodies", _any_body(lambda b: b.removed is not None), _both("removed")),
    Facet(
        "empty-bodies",
        "the difference between no body and an empty one",
        lambda i: any(message.body is not None and message.body.size == 0 for message in _messages(i)),
        _without_emptiness,
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
        lambda i: _is_repeated(i.request.headers),
        _joined("request.headers"),
    ),
    Facet(
        "client-headers",
        "headers that a client adds by itself: Host, Accept-Encoding: identity, framing, urllib3's User-Agent",
        lambda _: False,  # a writer counts what it leaves out
        _without_headers("request.headers", _is_of_client),
    ),
    Facet(
        "coding-headers",
        "Content-Encoding, and the coded Content-Length, of bodies that were decoded so that every client replays them",
        lambda _: False,  # a writer counts what it leaves out
        _without_headers("response.headers", lambda name, _: name in ("content-encoding", "content-length")),
    ),
    Facet("responses", "responses", lambda i: i.response is not None, _without_response),
    Facet(
        "unsendable",
        "parts of requests that cannot be sent again",
        lambda _: False,  # a writer counts what it leaves out
        lambda _: None,
    ),
    Facet("extra", "keys of other tools", lambda _: False, _without("extra")),
)
FACETS: Final[Mapping[str, Facet]] = {facet.name: facet for facet in _LIST}
