"""Two interactions compared field by field: URL, status, headers, bodies by their kind, errors.

Law: what is not told by one side is not compared (HTTP version, reason). A body without bytes is no body. An
interaction compared with itself has no change; with sides swapped, what was removed is added. `compare` finds no change
in a body exactly where `settled_body` gives both sides one digest.

Severity follows from what happened (diff/model.py): a status of another class (200 to 404), a failure in place of an
answer or beside it, another kind of body are "retyped".

Memory: the two bodies and what they are read into. A body over `contents.LONGEST` is compared by digest and size.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from cassette_tools.diff.contents import PART_LEVELS, Contents, Piece, contents_of, read_body
from cassette_tools.diff.findings import Compared, Findings
from cassette_tools.diff.headers import compare_headers, settled_headers
from cassette_tools.diff.json_fields import compare_events, compare_json, settled_events, settled_json
from cassette_tools.diff.text_fields import compare_pairs, compare_text, settled_lines, settled_pairs
from cassette_tools.diff.urls import parameters, settled_port, split_url
from cassette_tools.diff.volatile import rules_between, settled_text
from cassette_tools.diff.xml_fields import compare_xml, settled_xml
from cassette_tools.interaction import header

if TYPE_CHECKING:
    from cassette_tools.diff.model import Part, Place
    from cassette_tools.diff.rules import Rules
    from cassette_tools.interaction import Body, Headers, Interaction, Request, Response

__all__ = ["Compared", "compare", "settled_body"]


def compare(old: Interaction, new: Interaction, rules: Rules) -> Compared:
    """Compare two interactions. Bodies that are one object are not read: nothing in them differs."""
    compared = Compared()
    request, response = Findings(compared, "request"), Findings(compared, "response")
    _compare_urls(old.request.url, new.request.url, rules, request)
    _compare_versions(old.request.http_version, new.request.http_version, rules, request)
    compare_headers(old.request.headers, new.request.headers, rules, "header", request)
    _compare_bodies(old.request, new.request, rules, request)
    _compare_outcomes(old, new, rules, compared)
    if old.response is not None and new.response is not None:
        _compare_responses(old.response, new.response, rules, response, of_head=old.request.method == "HEAD")
    return compared


# -- the request's URL


def _compare_urls(old: str, new: str, rules: Rules, findings: Findings) -> None:
    if old == new:
        return
    here, there = split_url(old), split_url(new)
    for name, before, after in (
        ("scheme", here.scheme, there.scheme),
        ("userinfo", here.userinfo, there.userinfo),
        ("host", here.host, there.host),
        ("path", here.path, there.path),
    ):
        _compare_one(before, after, rules, ("url", name), findings)
    _compare_ports(old, new, rules, findings)
    compare_pairs(parameters(here.query), parameters(there.query), rules, "query", findings)


def _compare_ports(old: str, new: str, rules: Rules, findings: Findings) -> None:
    here, there = split_url(old), split_url(new)
    if here.port == there.port:
        return
    ignored = rules.ignores("request", "url", "host")
    if ignored is not None:
        if here.host == there.host:  # else it was said of the host
            findings.ignore(f"--ignore {ignored}", "url", "host")
    elif not rules.keep_volatile and settled_port(here) == settled_port(there):
        findings.ignore("port", "url", "host")
    elif here.host == there.host:
        findings.change("url", "host", "changed", f"{here.host}:{here.port or ''}", f"{there.host}:{there.port or ''}")


def _compare_one(
    old: str | None, new: str | None, rules: Rules, where: tuple[Place, str], findings: Findings, name: str = ""
) -> None:
    """Compare two values of which there is one each."""
    if old == new:
        return
    ignored = rules.ignores(findings.part, *where)
    if ignored is not None:
        findings.ignore(f"--ignore {ignored}", *where)
        return
    if old is not None and new is not None and not rules.keep_volatile:
        found = rules_between(settled_text(old, name), settled_text(new, name))
        if found is not None:
            for rule in found:
                findings.ignore(rule, *where)
            return
    findings.change(*where, "removed" if new is None else "added" if old is None else "changed", old, new)


def _compare_versions(old: str | None, new: str | None, rules: Rules, findings: Findings) -> None:
    if old is None or new is None or old == new:
        return
    ignored = rules.ignores(findings.part, "version", "")
    if ignored is not None:
        findings.ignore(f"--ignore {ignored}", "version")
    else:
        findings.change("version", "", "changed", old, new)


# -- what came of it


def _compare_outcomes(old: Interaction, new: Interaction, rules: Rules, compared: Compared) -> None:
    """Compare whether there is an answer or a failure, and the failures."""
    response, error = Findings(compared, "response"), Findings(compared, "error")
    if (old.response is None) != (new.response is None):
        _tell_presence(_outcome(old), _outcome(new), rules, response, "response")
    elif (old.error is None) != (new.error is None):
        _tell_presence(_failure(old.error), _failure(new.error), rules, error, "error")
    if old.error is not None and new.error is not None:
        for name in ("phase", "type", "message"):
            _compare_one(_said(old.error, name), _said(new.error, name), rules, ("error", name), error)


def _tell_presence(old: str | None, new: str | None, rules: Rules, findings: Findings, what: str) -> None:
    """Tell of an outcome of another class. Never just "added": a failure that came is as grave as an answer lost."""
    ignored = rules.ignores(findings.part, "presence", what)
    if ignored is not None:
        findings.ignore(f"--ignore {ignored}", "presence", what)
    else:
        findings.change("presence", what, "retyped", old, new)


def _outcome(interaction: Interaction) -> str | None:
    if interaction.response is not None:
        return f"{interaction.response.status} {interaction.response.reason}".strip()
    return _failure(interaction.error)


def _failure(error: dict[str, Any] | None) -> str | None:
    return None if error is None else f"{_said(error, 'type')}: {_said(error, 'message')}"


def _said(error: dict[str, Any], name: str) -> str:
    value = error.get(name)
    return value if isinstance(value, str) else "" if value is None else str(value)


def _compare_responses(old: Response, new: Response, rules: Rules, findings: Findings, *, of_head: bool) -> None:
    _compare_status(old, new, rules, findings)
    _compare_versions(old.http_version, new.http_version, rules, findings)
    compare_headers(old.headers, new.headers, rules, "header", findings, of_head=of_head)
    _compare_bodies(old, new, rules, findings)
    compare_headers(old.trailers, new.trailers, rules, "trailer", findings)


def _compare_status(old: Response, new: Response, rules: Rules, findings: Findings) -> None:
    if old.status != new.status:
        ignored = rules.ignores("response", "status", "")
        if ignored is not None:
            findings.ignore(f"--ignore {ignored}", "status")
        else:
            same_class = old.status // 100 == new.status // 100
            findings.change("status", "", "changed" if same_class else "retyped", str(old.status), str(new.status))
    elif old.reason and new.reason:
        _compare_one(old.reason, new.reason, rules, ("reason", ""), findings)


# -- bodies


def _compare_bodies(old: Request | Response, new: Request | Response, rules: Rules, findings: Findings) -> None:
    if old.body is not None and old.body is new.body:
        return
    _compare_completeness(old.body, new.body, rules, findings)
    here, there = read_body(old.body, old.headers), read_body(new.body, new.headers)
    _compare_contents(here, there, rules, findings)


def _compare_completeness(old: Body | None, new: Body | None, rules: Rules, findings: Findings) -> None:
    before, after = old is None or old.complete, new is None or new.complete
    if before != after:
        ignored = rules.ignores(findings.part, "complete", "")
        if ignored is not None:
            findings.ignore(f"--ignore {ignored}", "complete")
        else:
            findings.change(
                "complete", "", "changed", *("complete" if one else "incomplete" for one in (before, after))
            )


def _compare_contents(old: Contents, new: Contents, rules: Rules, findings: Findings, level: int = 0) -> None:
    if old.size == new.size and old.data == new.data and old.digest == new.digest and old.kind == new.kind:
        return
    if "empty" in {old.kind, new.kind}:
        _tell_missing(old, new, rules, findings)
    elif "long" in {old.kind, new.kind} or old.kind == new.kind == "binary":
        _compare_bytes(old, new, rules, findings)
    elif old.title == new.title == "XML" and old.kind != new.kind:
        compare_text(_as_text(old), _as_text(new), rules, findings)  # one of them is not well-formed, or the like
    elif old.kind != new.kind:
        _tell_kinds(old, new, rules, findings)
    else:
        _compare_alike(old, new, rules, findings, level)


def _compare_alike(old: Contents, new: Contents, rules: Rules, findings: Findings, level: int) -> None:
    """Compare two bodies of one kind; say where only the way of writing differs."""
    compared = findings.compared
    before = len(compared.changes), compared.left_out, sum(compared.ignored.values())
    place = _PLACES[old.kind]
    ignored = rules.ignores(findings.part, place, "")
    if ignored is not None and old.kind != "parts":
        findings.ignore(f"--ignore {ignored}", place)
        return
    if old.kind == "json":
        compare_json(old.value, new.value, rules, findings)
    elif old.kind == "xml":
        compare_xml(old.value, new.value, rules, findings)
    elif old.kind == "events":
        compare_events(old.value, new.value, rules, findings)
    elif old.kind == "form":
        compare_pairs(old.value, new.value, rules, "form", findings)
    elif old.kind == "parts":
        _compare_parts(old.value, new.value, rules, findings, level)
    else:
        compare_text(old.value, new.value, rules, findings)
    if before == (len(compared.changes), compared.left_out, sum(compared.ignored.values())):
        findings.ignore("boundary" if old.kind == "parts" else "formatting", place)


def _as_text(contents: Contents) -> str:
    return contents.data.decode("utf-8", "backslashreplace")


_PLACES: Final[dict[str, Place]] = {
    "json": "json",
    "xml": "xml",
    "events": "event",
    "form": "form",
    "parts": "part",
    "text": "line",
    "binary": "binary",
}


def _tell_missing(old: Contents, new: Contents, rules: Rules, findings: Findings) -> None:
    if old.kind == new.kind:
        return
    ignored = rules.ignores(findings.part, "presence", "body")
    if ignored is not None:
        findings.ignore(f"--ignore {ignored}", "presence", "body")
    elif old.kind == "empty":
        findings.change("presence", "body", "added", None, _in_short(new))
    else:
        findings.change("presence", "body", "removed", _in_short(old), None)


def _in_short(contents: Contents) -> str:
    return f"{contents.title}, {contents.size:,} bytes"


def _tell_kinds(old: Contents, new: Contents, rules: Rules, findings: Findings) -> None:
    ignored = rules.ignores(findings.part, "type", "")
    if ignored is not None:
        findings.ignore(f"--ignore {ignored}", "type")
    else:
        findings.change("type", "", "retyped", _in_short(old), _in_short(new))


def _compare_bytes(old: Contents, new: Contents, rules: Rules, findings: Findings) -> None:
    here, there = old.sha256(), new.sha256()
    if here == there:
        return
    ignored = rules.ignores(findings.part, "binary", "")
    if ignored is not None:
        findings.ignore(f"--ignore {ignored}", "binary")
    else:
        findings.change("binary", "", "changed", _digest_text(old), _digest_text(new))


def _digest_text(contents: Contents) -> str:
    why = ", too long to be looked into" if contents.kind == "long" else ""
    return f"{contents.size:,} bytes, sha256 {contents.sha256()}{why}"


# -- parts of a multipart body


def _compare_parts(old: list[Piece], new: list[Piece], rules: Rules, findings: Findings, level: int) -> None:
    """Compare parts by name; those of one name in their order."""
    olds, news = _by_name(old), _by_name(new)
    for name in [*olds, *(name for name in news if name not in olds)]:
        here, there = olds.get(name, []), news.get(name, [])
        ignored = rules.ignores(findings.part, "part", name)
        if ignored is not None:
            if here != there:
                findings.ignore(f"--ignore {ignored}", "part", name)
            continue
        within = findings.within(name)
        for before, after in zip(here, there, strict=False):
            _compare_pieces(before, after, rules, within, level)
        for piece in here[len(there) :]:
            within.change("part", "", "removed", _in_short(_contents(piece, level)), None)
        for piece in there[len(here) :]:
            within.change("part", "", "added", None, _in_short(_contents(piece, level)))


def _compare_pieces(old: Piece, new: Piece, rules: Rules, findings: Findings, level: int) -> None:
    if old.headers != new.headers:
        compare_headers(old.headers, new.headers, rules, "header", findings)
    if old.data != new.data:
        _compare_contents(_contents(old, level), _contents(new, level), rules, findings, level + 1)


def _contents(piece: Piece, level: int) -> Contents:
    return contents_of(piece.data, header(piece.headers, "content-type") or "", level + 1)


def _by_name(pieces: list[Piece]) -> dict[str, list[Piece]]:
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.name, []).append(piece)
    return found


# -- digests


def settled_body(body: Body | None, headers: Headers, rules: Rules, part: Part) -> bytes:
    """Give a digest of 16 bytes of a body without what is volatile or ignored; b"" where there is none.

    `headers` are those beside it: their Content-Type helps to tell what it is.
    """
    return _settled(read_body(body, headers), rules, part, 0)


def _settled(contents: Contents, rules: Rules, part: Part, level: int) -> bytes:
    kind = contents.kind
    if kind == "empty":
        return b""
    data = kind.encode() + b":" + _settled_value(contents, rules, part, level)
    return blake2b(data, digest_size=16).digest()


def _settled_value(contents: Contents, rules: Rules, part: Part, level: int) -> bytes:
    kind = contents.kind
    if kind not in {"long", "parts"} and rules.ignores(part, _PLACES[kind], "") is not None:
        return b"ignored"
    if kind == "json":
        return settled_json(contents.value, rules, part)
    if kind == "xml":
        return settled_xml(contents.value, rules, part)
    if kind == "events":
        return settled_events(contents.value, rules, part)
    if kind == "form":
        return settled_pairs(contents.value, rules, part, "form")
    if kind == "text":
        return settled_lines(contents.value, rules, part)
    if kind == "parts" and level < PART_LEVELS:
        return _settled_parts(contents.value, rules, part, level)
    return contents.sha256().encode()


def _settled_parts(pieces: list[Piece], rules: Rules, part: Part, level: int) -> bytes:
    digest = blake2b(digest_size=16)
    for name, alike in sorted(_by_name(pieces).items()):
        if rules.ignores(part, "part", name) is not None:
            continue
        for piece in alike:
            inner = _settled(_contents(piece, level), rules, part, level + 1)
            digest.update(repr((name, settled_headers(piece.headers, rules, part), inner)).encode())
    return digest.digest()
