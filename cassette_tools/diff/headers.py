"""Headers of one side, taken apart: what must be equal, and what may differ without being a change.

Law: names have no letter case. The order of headers of different names says nothing (RFC 9110 section 5.3), that of
one name does. One function takes headers apart for a digest and for a comparison alike.

- Cookies are compared one by one, by name: values that look like a session's are volatile, attributes are compared.
- Content-Length follows from the body, which is compared itself. In an answer to HEAD, which has none, it is compared.
- Whether a header is there is compared, but for those of caches, timings, connections and the client library.

Memory: the headers; caches of `_MOST` lines.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cassette_tools.diff.model import Ignored
from cassette_tools.diff.text_fields import compare_values
from cassette_tools.diff.volatile import blanked, settled_text, volatile_header
from cassette_tools.diff.volatile_kinds import Settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cassette_tools.diff.findings import Findings
    from cassette_tools.diff.model import Part, Place
    from cassette_tools.diff.rules import Rules
    from cassette_tools.interaction import Headers

__all__ = ["Apart", "apart", "compare_headers", "differing", "settled_headers"]

_MOST: Final = 8_192


class _Line(NamedTuple):
    """One header, or one cookie of one. `name` groups: `set-cookie sid`. `absent`: its presence is no matter, too."""

    name: str
    header: str
    value: str
    settled: Settled
    ignored: str | None
    absent: bool


class Apart(NamedTuple):
    """Headers taken apart. `compared`: name and settled value, sorted by name. `aside`: what may differ, by what."""

    compared: tuple[tuple[str, str], ...]
    aside: tuple[tuple[Ignored, str], ...]


def apart(headers: Headers, rules: Rules, part: Part, *, place: Place = "header", of_head: bool = False) -> Apart:
    """Take headers apart. `of_head`: they are of an answer to HEAD, in which Content-Length is compared."""
    lines = _lines(headers, rules, part, place, of_head=of_head)
    lines.sort(key=lambda line: line.name)
    compared = tuple((line.name, line.settled.text) for line in lines if not line.absent)
    return Apart(compared, tuple(_aside(lines, part, place)))


def _aside(lines: Iterable[_Line], part: Part, place: Place) -> Iterator[tuple[Ignored, str]]:
    for line in lines:
        where = f"{part} {place} {line.name}"
        if line.ignored is not None:
            yield Ignored(f"--ignore {line.ignored}", where), line.value
        for rule, found in line.settled.found:
            yield Ignored(rule, where), found


def differing(old: Apart, new: Apart) -> dict[Ignored, int]:
    """Give what differs and is ignored, of headers of which nothing else differs; each counts once."""
    return dict.fromkeys(_differing(old.aside, new.aside), 1)


def _differing(old: Iterable[tuple[Ignored, str]], new: Iterable[tuple[Ignored, str]]) -> list[Ignored]:
    olds, news = _by_rule(old), _by_rule(new)
    return [one for one in {**olds, **news} if olds.get(one) != news.get(one)]


def _by_rule(aside: Iterable[tuple[Ignored, str]]) -> dict[Ignored, list[str]]:
    found: dict[Ignored, list[str]] = {}
    for ignored, value in aside:
        found.setdefault(ignored, []).append(value)
    return found


def settled_headers(headers: Headers, rules: Rules, part: Part, *, place: Place = "header") -> str:
    """Give headers as one text without what is volatile or ignored, for a digest."""
    return repr(apart(headers, rules, part, place=place).compared)


def compare_headers(
    old: Headers, new: Headers, rules: Rules, place: Place, findings: Findings, *, of_head: bool = False
) -> None:
    """Compare headers by name. Paths are names in small letters."""
    if old == new:
        return
    olds = _by_name(_lines(old, rules, findings.part, place, of_head=of_head))
    news = _by_name(_lines(new, rules, findings.part, place, of_head=of_head))
    for name in [*olds, *(name for name in news if name not in olds)]:
        _compare_lines(olds.get(name, []), news.get(name, []), place, findings)


def _compare_lines(olds: Sequence[_Line], news: Sequence[_Line], place: Place, findings: Findings) -> None:
    here = [line for line in olds if not line.absent]
    there = [line for line in news if not line.absent]
    if [line.settled.text for line in here] == [line.settled.text for line in there]:
        for ignored in _differing(_aside(olds, findings.part, place), _aside(news, findings.part, place)):
            findings.ignore(ignored.rule, place, (olds or news)[0].name)
        return
    values = [line.value for line in here], [line.value for line in there]
    compare_values(
        [line.settled for line in here],
        [line.settled for line in there],
        values,
        (place, (here or there)[0].header),
        findings,
    )


def _by_name(lines: Sequence[_Line]) -> dict[str, list[_Line]]:
    found: dict[str, list[_Line]] = {}
    for line in lines:
        found.setdefault(line.name, []).append(line)
    return found


# -- one header

_NEVER_MISSED: Final = frozenset({"cache", "timing", "connection", "client", "length", "coding", "digest"})


def _lines(headers: Headers, rules: Rules, part: Part, place: Place, *, of_head: bool) -> list[_Line]:
    lines: list[_Line] = []
    for name, value in headers:
        lines.extend(_taken(name, value, rules, part, place, of_head))
    return lines


@lru_cache(maxsize=_MOST)
def _taken(name: str, value: str, rules: Rules, part: Part, place: Place, of_head: bool) -> tuple[_Line, ...]:
    small = name.lower()
    ignored = rules.ignores(part, place, small)
    if ignored is not None:
        return (_Line(small, small, value, Settled(""), ignored, absent=True),)
    if small in {"cookie", "set-cookie"}:
        return _cookies(small, value, rules, part)
    if rules.keep_volatile:
        return (_Line(small, small, value, Settled(value), None, absent=False),)
    rule = volatile_header(small)
    if rule == "length" and of_head:
        rule = None
    if rule is not None:
        settled = Settled(f"\0{rule}\0", ((rule, value),))
        return (_Line(small, small, value, settled, None, absent=rule in _NEVER_MISSED),)
    return (_Line(small, small, value, _settled_value(small, value), None, absent=False),)


def _settled_value(name: str, value: str) -> Settled:
    if name in {"authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate"}:
        return _replaced(_CREDENTIALS, value)
    if name == "content-type":
        return _replaced(_BOUNDARY, value)
    return settled_text(value, name)


# Named by the rule that they stand for, with underscores.
_BOUNDARY: Final = re.compile(r"(?<=boundary=)(?P<boundary>\"[^\"]*\"|[^;\s]+)", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(
    r"(?<=Credential=)(?P<signature>[^,\s]+)|(?<=Signature=)(?P<signature_>[^,\s]+)"
    r"|(?:oauth_(?:signature|nonce|timestamp)|(?<![a-z_])(?:nonce|cnonce|response|nc|opaque))="
    r"(?P<signature__>\"[^\"]*\"|[^,\s]+)"
    r"|^(?:Bearer|Token|token|bearer|ApiKey) (?P<token>(?=\S*\d)(?!REDACTED-)\S{16,})$"
    r"|^SharedKey(?:Lite)? [^:\s]+:(?P<signature___>\S+)$"
    r"|^AWS [^:\s]+:(?P<signature____>\S+)$"
)


def _replaced(pattern: re.Pattern[str], value: str) -> Settled:
    """Settle a value in which a pattern's groups are volatile; what is left, as any text."""
    found: list[tuple[str, str]] = []
    out: list[str] = []
    at = 0
    for match in pattern.finditer(value):
        group = match.lastgroup or ""
        start, end = match.span(group)
        rule = group.rstrip("_")
        between = settled_text(value[at:start])
        out += [between.text, f"\0{rule}\0"]
        found += [*between.found, (rule, value[start:end])]
        at = end
    rest = settled_text(value[at:])
    return Settled("".join([*out, rest.text]), (*found, *rest.found))


# -- cookies

_SESSION: Final = re.compile(
    r"sess|sid$|token|csrf|xsrf|auth|jwt|^_ga|^_gid|^_gat|^__cf|^cf_|^awsalb|^incap_|^visid|^nlbi|^datr$|^fr$"
    r"|^sb$|^ak_|^bm_|^_abck|visitor|device|track|uuid|guid|nonce|^xs$|^ts\d",
    re.IGNORECASE,
)
_TOKEN: Final = re.compile(r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[\x21-\x3a\x3c-\x7e]{16,}")
# A word, or a few, is what somebody chose: `device=mobile`, `auth=signed-in`.
_CHOICE: Final = re.compile(r"(?=.{,24}$)(?:[A-Za-z]?[a-z]*|[A-Z]*)(?:[ _-](?:[A-Za-z]?[a-z]+|[A-Z]+))*")
_MOVING: Final = frozenset({"expires", "max-age"})


def _cookies(header: str, value: str, rules: Rules, part: Part) -> tuple[_Line, ...]:
    if header == "set-cookie":
        return (_cookie(header, value, rules, part),)
    return tuple(_cookie(header, crumb.strip(), rules, part) for crumb in value.split(";") if crumb.strip())


def _cookie(header: str, text: str, rules: Rules, part: Part) -> _Line:
    pair, *attributes = text.split(";") if header == "set-cookie" else [text]
    name, equals, value = pair.strip().partition("=")
    line = f"{header} {name}"
    ignored = rules.ignores_cookie(part, name)
    if ignored is not None:
        return _Line(line, header, text, Settled(""), ignored, absent=True)
    if rules.keep_volatile:
        return _Line(line, header, text, Settled(text), None, absent=False)
    found: list[tuple[str, str]] = []
    out = [f"{name}{equals}{_settled_cookie(name, value, found)}"]
    for attribute in attributes:
        key, is_set, given = attribute.strip().partition("=")
        if key.lower() in _MOVING and is_set and given not in {"0", "-1"} and "1970" not in given:
            out.append(f"{key.lower()}=\0cookie\0")
            found.append(("cookie", given))
        else:
            out.append(f"{key.lower()}{is_set}{given}")
    return _Line(line, header, text, Settled("; ".join(out), tuple(found)), None, absent=False)


def _settled_cookie(name: str, value: str, found: list[tuple[str, str]]) -> str:
    plain = blanked(value)
    if plain != value and plain.startswith("\0placeholder"):
        found.append(("placeholder", value))
        return plain
    if _TOKEN.fullmatch(value) or (len(value) >= 6 and _SESSION.search(name) and not _CHOICE.fullmatch(value)):
        found.append(("cookie", value))
        return "\0cookie\0"
    settled = settled_text(value, name)
    found.extend(settled.found)
    return settled.text
