"""Comparisons made by hand, for the tests of what shows them: every place, action and verdict, and hostile texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cassette_tools.diff.comparison import Comparison
from cassette_tools.diff.folders import FolderComparison
from cassette_tools.diff.model import LONGEST_VALUE, Change, Ignored, Pairing, Side, Totals
from cassette_tools.source import Facts
from recorder.errors import CassetteDamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "HOSTILE",
    "HOSTILES",
    "change",
    "comparison",
    "empty",
    "every_kind",
    "facts",
    "folder",
    "hostile",
    "ignored_only",
    "many",
    "pairing",
    "repeated",
    "side",
    "small",
]

HOSTILE = (
    "\x1b[2J\x1b]0;title\x07\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\\x1b]52;c;aGk=\x07"
    "\x9b31m\x9d0;t\x9c\r\x08\x7f\u202egpj\u2066\u200b\ufeff[bold]b[/bold][link=http://evil]l[/link]:bomb:"
)
"""What could drive a terminal, or rich."""

HOSTILES = (
    HOSTILE,
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "</pre></code></details><h1>big</h1><iframe src=//evil></iframe>",
    "![i](http://evil/i.png) [l](javascript:alert(1)) <http://evil> http://evil.example www.evil.example a@evil.io",
    "@octocat #12 GH-13 octo/repo#14 0123456789abcdef0123456789abcdef01234567 :tada: $x^2$ - [ ] task",
    "```\n# heading\n```\n~~~\n<b>bold</b>\n````````\n| a | b |\n|---|---|",
    "{{ 7 * 7 }} {% raw %} &lt;b&gt; &amp;amp; ' \" ` \\ * _ ~ ^",
    "\u4e2d\u6587\u5b57\u7b26" * 30 + "e\u0301\u0302" * 20,
    "\ud800 lone \udfff",
    "\x00\u2028\u2029]]>-->",
    "x" * LONGEST_VALUE + "...",
    "`" * 500,
    "   ",
    "",
)
"""What could run, link, mention, break out of its place, or push columns about."""


def facts(name: str, title: str = "cassette JSONL") -> Facts:
    return Facts(name, 1_000, "tail", growing=False, damage=(), title=title)


def side(number: int = 17, **changes: Any) -> Side:
    values: dict[str, Any] = {
        "number": number,
        "method": "GET",
        "url": "https://api.example.com/items?page=2",
        "status": 200,
        "error": None,
        "size": 1_234,
        "total_ms": 15.2,
        "content_type": "application/json",
    }
    return Side(**{**values, **changes})


def change(place: str, path: str, old: str | None, new: str | None, **more: Any) -> Change:
    """Make a change of the response; the action follows from the values, where none is given."""
    action = more.pop("action", "added" if old is None else "removed" if new is None else "changed")
    return Change(more.pop("part", "response"), place, path, action, old, new, **more)  # type: ignore[arg-type]


def pairing(*changes: Change, old: int = 17, new: int = 18, **more: Any) -> Pairing:
    return Pairing("changed", side(old), side(new), list(changes), **more)


def comparison(
    pairings: Iterable[Pairing],
    *,
    same: int = 0,
    old: str = "old.jsonl",
    new: str = "new.yaml",
    ignored: dict[Ignored, int] | None = None,
) -> Comparison:
    totals = Totals(same=same, old_interactions=same, new_interactions=same)
    totals.ignore(ignored or {})

    def counted() -> Iterator[Pairing]:
        for one in pairings:
            totals.old_interactions += one.old is not None
            totals.new_interactions += one.new is not None
            yield one

    return Comparison(facts(old), facts(new, "vcrpy YAML"), counted(), totals)


IGNORED = {
    Ignored("date", "response header date"): 48,
    Ignored("uuid", "response json $.items[*].id"): 96,
    Ignored("uuid", "response header x-request-id"): 48,
    Ignored("--ignore header:etag", "response header etag"): 3,
}


def small() -> Comparison:
    """Two pairs that differ in the usual ways, one interaction gone, one new; 44 the same."""
    return comparison(
        [
            pairing(
                change("status", "", "200", "404", action="retyped"),
                change("header", "content-type", "application/json", "application/problem+json"),
                change("json", "$.items[3].price", "1250", "1300"),
                change("json", "$.items[3].note", '"out of stock since May"', None),
                change("json", "$.items[4]", None, '{"id": 5, "name": "lamp"}'),
            ),
            Pairing("removed", side(19, method="DELETE", url="https://api.example.com/items/4", status=204), None),
            pairing(
                change(
                    "line",
                    "3",
                    "the quick brown fox\njumps",
                    "the quick red fox\njumps",
                    before=("first", "second"),
                    after=("last",),
                    new_line=3,
                ),
                old=20,
                new=20,
            ),
            Pairing("added", None, side(21, status=None, error="connect refused", size=None, content_type=None)),
        ],
        same=44,
        ignored=IGNORED,
    )


def every_kind() -> Comparison:
    """Every place, with every action where it can be."""
    rows: list[Change] = [
        change("url", "", "https://a.example/x", "https://b.example/x", part="request"),
        change("query", "page", "1", "2", part="request"),
        change("version", "", "HTTP/1.1", "HTTP/2"),
        change("status", "", "200", "201"),
        change("status", "", "200", "500", action="retyped"),
        change("reason", "", "OK", "Fine"),
        change("header", "x-old", "1", None),
        change("header", "x-new", None, ""),
        change("trailer", "digest", "a", "b"),
        change("presence", "response", "404", None),
        change("presence", "body", None, "1.2 kB of JSON"),
        change("type", "", "JSON", "text", action="retyped"),
        change("json", '$["a b"].c', "1", '"1"', action="retyped"),
        change("form", "user", "ann", "bob", part="request"),
        change("part", "file: $.a", "1", "2", part="request"),
        change("event", "3: $.delta.text", '"Hello"', '"Hallo"'),
        change("line", "12", None, "one\ntwo", before=("zero",), after=("three",), new_line=12),
        change("line", "30", "one\ntwo\nthree", "one", before=(), after=(), new_line=32),
        change("binary", "", "sha256:0011, 5 B", "sha256:2233, 6 B"),
        change("error", "message", "timed out", "connection refused", part="error"),
        change("presence", "error", None, "connect refused", part="error"),
        change("complete", "", "whole", "cut short"),
    ]
    return comparison(
        [
            pairing(*rows, left_out=130),
            Pairing("removed", side(30), None),
            Pairing("added", None, side(31)),
            pairing(change("json", "$.a", "1", "2"), ignored={Ignored("date", "response header date"): 1}),
        ],
        same=1_000,
        ignored=IGNORED,
    )


def hostile() -> Comparison:
    """Every recorded text of a comparison is one that means harm."""
    made = []
    for number, text in enumerate(HOSTILES, 1):
        bad = side(number, method=text[:40], url=f"https://evil.example/{text}", content_type=text, error=text)
        gone = side(number, method=text[:40], url=text, status=None, error=text, content_type=text)
        rows = [
            change("header", text, text, f"{text}2"),
            change("json", f"$.{text}", text, None),
            change("line", "1", f"a\n{text}", f"b\n{text}", before=(text,), after=(text,), new_line=1),
            change("line", "2", None, text, new_line=2),
            change("error", "message", f"{text} old", f"new {text}", part="error"),
        ]
        found = {Ignored(f"--ignore {text}", text): 1, Ignored("date", text): 2}
        made += [Pairing("changed", bad, bad, rows, ignored=found), Pairing("removed", gone, None)]
        made.append(Pairing("added", None, gone))
    return comparison(made, old=f"{HOSTILES[1]}.jsonl", new=f"{HOSTILES[5]}{HOSTILE}")


def empty() -> Comparison:
    return comparison([])


def ignored_only() -> Comparison:
    return comparison([], same=48, ignored=IGNORED)


def many(pairings: int, changes: int) -> Comparison:
    """So many pairings with so many changes each, in the same places, of other values; made while they are read."""

    def made() -> Iterator[Pairing]:
        for number in range(1, pairings + 1):
            rows = [change("json", f"$.items[{at}].price", f"{at}", f"{number}.{at}") for at in range(changes)]
            yield pairing(*rows, old=number, new=number)

    return comparison(made())


def repeated() -> Comparison:
    """One header that changed in nearly all of 300 interactions, a member with other values in some of them."""
    server = change("header", "server", "nginx/1.25.3", "nginx/1.27.0")
    made = []
    for number in range(1, 301):
        url = f"https://api.example.com/items/{number}?full=1"
        sides = side(number, url=url), side(number, url=url)
        if number == 150:
            made.append(Pairing("removed", sides[0], None))
        elif number in {200, 220}:
            made.append(Pairing("changed", *sides, [change("json", "$.name", '"lamp"', "1", action="retyped")]))
        elif number % 2:
            made.append(Pairing("changed", *sides, [server]))
        else:
            made.append(Pairing("changed", *sides, [server, change("json", "$.total", f"{number}", f"{number}.5")]))
    return comparison(made)


def folder() -> FolderComparison:
    """Three cassettes in both folders, one in each alone, one that cannot be read."""
    pairs = [("a", small()), ("b", ignored_only()), ("sub/c", every_kind())]
    return FolderComparison(
        "before",
        "after",
        pairs,
        only_old=["gone.yaml"],
        only_new=["new.har", "sub/new.jsonl"],
        troubles=[("torn.jsonl", CassetteDamagedError("before/torn.jsonl: byte 17: the line is torn."))],
    )
