"""What two formats can both say: a difference that is only what one of them has no place for is no change.

Law: which facets a format cannot hold, its `Format` says; nothing here knows one. A facet is looked past on both sides
of a pair, and only where the formats differ. What was looked past, and made a difference, is told.

Memory: two interactions without their bodies; a body that is no text is read for that.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cassette_tools.diff.model import Ignored
from cassette_tools.interaction import Body, Interaction, Request, Response
from cassette_tools.losses import FACETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from cassette_tools.formats import Format
    from cassette_tools.losses import Description

__all__ = ["TITLES", "Limits", "levelled", "limits_of", "missing_from"]

_OURS: Final = "jsonl"
NO_RESPONSE: Final = "no-response"

# Facets of what no comparison looks at: they need not be looked past.
_NOT_COMPARED: Final = frozenset(
    {
        "absent-bodies",
        "client",
        "coding",
        "connection",
        "extra",
        "framing",
        "header-case",
        "header-order",
        "huge-items",
        "memory",
        "process",
        "redaction",
        "scattered-headers",
        "started-at",
        "target",
        "timings",
        "unsendable",
        "unsent",
        "wire-size",
        NO_RESPONSE,
    }
)


TITLES: Final = {
    NO_RESPONSE: "requests without a response",
    "binary-request-body": "request bodies that are no text",
    "binary-response-body": "response bodies that are no text",
    "client-headers": "headers that clients add",
    "coding-headers": "headers of content codings",
    "empty-bodies": "empty bodies",
    "error": "errors",
    "http-version": "HTTP versions",
    "incomplete": "marks of incomplete bodies",
    "joined-request-headers": "repeated request headers",
    "reason": "reason phrases",
    "removed": "marks of removed bodies",
    "repeated-request-headers": "repeated request headers",
    "repeated-response-headers": "repeated response headers",
    "request-headers": "request headers",
    "responses": "responses",
    "trailers": "trailers",
}
"""What is said of a facet that was looked past, in a few words: of each one that can be."""


class Limits(NamedTuple):
    """What the writer of an interaction had no place for: the `facets`. `title` is that of its format.

    Interactions with the same `family` were written by tools of one kind.
    """

    family: str
    title: str
    facets: frozenset[str]


@lru_cache(maxsize=256)
def limits_of(format_name: str, origin: str | None) -> Limits:
    """Give the limits of an interaction that came from a format; of a converted one those of its `origin`.

    An origin is a family of formats: then what none of them can hold.
    """
    from cassette_tools.formats import all_formats  # noqa: PLC0415 - two cassettes of ours need no other format

    if format_name != _OURS:
        found = next(one for one in all_formats() if one.name == format_name)
        return Limits(found.family, found.title, found.cannot_hold | found.adds)
    if origin is None:
        return Limits(_OURS, _OURS, frozenset())
    family = [one for one in all_formats() if one.family == origin and one.read is not None]
    if not family:
        return Limits(origin, origin, frozenset())
    return Limits(origin, family[0].title, frozenset.intersection(*map(_limits, family)))


def missing_from(one: Interaction, other: Limits, own: Limits) -> Ignored | None:
    """Tell why an interaction need not have a counterpart in a cassette: its format has no place for such."""
    if one.response is None and NO_RESPONSE in other.facets and own.family != other.family:
        return Ignored(_rule(other), TITLES[NO_RESPONSE])
    return None


def levelled(
    old: Interaction, new: Interaction, limits: Limits, others: Limits
) -> tuple[Interaction, Interaction, dict[Ignored, int]]:
    """Give two interactions without what only one of their formats can hold, and what of that made a difference."""
    if limits.family == others.family and limits.facets == others.facets:
        return old, new, {}
    facets = (limits.facets | others.facets) - _NOT_COMPARED
    if not facets:
        return old, new, {}
    with_texts = any(name.startswith("binary-") for name in facets)
    one, other = _described(old, with_texts=with_texts), _described(new, with_texts=with_texts)
    looked_past: dict[Ignored, int] = {}
    for name, facet in FACETS.items():  # in this order: what one leaves out may depend on another
        if name in facets:
            before = _differing(one, other)
            facet.forget(one)
            facet.forget(other)
            if len(_differing(one, other)) < len(before):
                holder = others if name in others.facets else limits
                looked_past[Ignored(_rule(holder), TITLES[name])] = 1
    return _rebuilt(old, one), _rebuilt(new, other), looked_past


def _limits(one: Format) -> frozenset[str]:
    return one.cannot_hold | one.adds


def _rule(limits: Limits) -> str:
    return f"not in {limits.title}"


def _differing(one: Description, other: Description) -> set[str]:
    return {key for key in {**one, **other} if _value(one, key) != _value(other, key)}


def _value(said: Description, key: str) -> object:
    """Give what a description says; of what it does not say, what that means."""
    value = said.get(key)
    return _WHOLE if value is None and key.endswith(".complete") else value


_WHOLE: Final = (True, None)


def _described(interaction: Interaction, *, with_texts: bool) -> Description:
    """Describe what is compared, in the words of `losses.describe`; of bodies what they are, not what is in them."""
    request, response = interaction.request, interaction.response
    said: Description = {
        "request.http_version": request.http_version,
        "request.headers": list(request.headers),
        "error": interaction.error,
        "response": response is not None,
    }
    _describe_body(said, "request", request.body, with_texts=with_texts)
    if response is not None:
        said |= {
            "status": response.status,
            "reason": response.reason,
            "response.http_version": response.http_version,
            "response.headers": list(response.headers),
            "trailers": list(response.trailers),
        }
        _describe_body(said, "response", response.body, with_texts=with_texts)
    return said


def _describe_body(said: Description, part: str, body: Body | None, *, with_texts: bool) -> None:
    said[f"{part}.body"] = None
    if body is not None:
        text = not with_texts or body.text() is not None
        said[f"{part}.body"] = {"size": body.size, "text": text}
        said[f"{part}.complete"] = (body.complete, body.incomplete)
        said[f"{part}.removed"] = body.removed


def _rebuilt(interaction: Interaction, said: Description) -> Interaction:
    """Make an interaction that says no more than its description."""
    request, response = interaction.request, interaction.response
    answer = None
    if response is not None and said.get("response"):
        answer = Response(
            response.status,
            said.get("reason") or "",
            said.get("response.headers", []),
            _rebuilt_body(response.body, "response", said),
            said.get("response.http_version"),
            said.get("trailers", []),
        )
    asked = Request(
        request.method,
        request.url,
        said.get("request.headers", []),
        _rebuilt_body(request.body, "request", said),
        said.get("request.http_version"),
    )
    return Interaction(
        asked, answer, said.get("error"), interaction.started_at, interaction.timings_ms, origin=interaction.origin
    )


def _rebuilt_body(body: Body | None, part: str, said: dict[str, Any]) -> Body | None:
    if body is None or said.get(f"{part}.body") is None:
        return None
    complete, incomplete = said.get(f"{part}.complete", _WHOLE)
    removed = said.get(f"{part}.removed")
    if (complete, incomplete, removed) == (body.complete, body.incomplete, body.removed):
        return body
    stream: Callable[[], Any] = body.pieces
    return Body(
        stream=stream,
        size=body.size,
        coding=body.coding,
        complete=complete,
        incomplete=incomplete,
        removed=removed,
    )
