"""What a reviewer wants to see of two recordings, for many kinds of APIs: what really changed, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from cassette_tools.diff.comparison import compare_cassettes
from cassette_tools.diff.rules import Rules
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.diff.messages import said
from tests.cassette_tools.diff.recordings import KINDS, Day

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Kind = "Callable[[Day, Cassette], None]"

# By kind: what really changed, and what is told beside it because it is uncertain (a comment says so).
WANTED: Final[dict[str, list[str]]] = {
    "github": [
        '1: retyped response json $[0].assignee: null -> {"login": "octocat"}',
        '2: changed response json $[1].title: "It fails" -> "It fails on Windows"',
    ],
    "stripe": [
        '1: changed response json $.invoice_prefix: "37804430" -> "3057F417"',  # nothing says that it was drawn
        "2: changed response json $.amount: 2000 -> 2500",
        '2: changed response json $.status: "requires_capture" -> "succeeded"',
    ],
    "chat": [
        (
            '1: changed response event 2: $.choices[0].delta.content: "The capital of France is Paris." -> '
            '"The capital of France is Paris, as ever."'
        )
    ],
    "completion": [
        (
            "1: changed response json $.choices[0].message.tool_calls[0].function.arguments: "
            '"{\\"at\\":1}" -> "{\\"at\\":2}"'
        ),
    ],
    "s3": [
        "1: added response xml /ListBucketResult/Contents[3]: None -> <Contents>",
        (
            '1: changed response xml /ListBucketResult/Contents[2]/ETag: "3d50a082d1e8dd2488b2d6f9b51cea4a" -> '
            '"98d1c417ae03b4773b54d5435f5ba91c"'
        ),
        "1: changed response xml /ListBucketResult/Contents[2]/Size: 200 -> 260",
    ],
    "sqs": [
        (
            '1: changed response json $.Messages[0].MD5OfBody: "f97c5d29941bfb1b2fdab0874906ab82" -> '
            '"b8a9f715dbb64fd5c56e7783c6820a61"'
        ),
        '1: changed response json $.Messages[0].Body: "one" -> "two"',
        '3: changed response json $.Item.n.N: "1" -> "2"',
    ],
    "google": [
        '2: changed response json $.files[0].name: "b" -> "b (1)"',
        "3: changed response part 1: message: $.starred: false -> true",
    ],
    "graphql": ['3: changed response json $.data.viewer.plan: "FREE" -> "PRO"'],
    "oauth": ['1: changed response json $.scope: "read write" -> "read"'],
    "slack": ["3: changed response json $.channels[0].is_archived: false -> true"],
    "odata": ['1: removed response json $.value[0].Tax: "1.90" -> None'],
    "soap": [
        "1: added response xml /soap:Envelope/soap:Body/QuoteResponse/Currency: None -> <Currency>EUR</Currency>",
        "1: changed response xml /soap:Envelope/soap:Body/QuoteResponse/Price: 10.5 -> 11.0",
    ],
    "html": [
        "1: changed response line 8: <h1>Sign in</h1> -> <h1>Log in</h1>",
        "1: changed response line 16: <!-- rendered in ",  # a number without a name
    ],
    "presigned": ["3: changed response line 3: 2,20 -> 2,21"],
    "jsonapi": [
        '1: removed response json $.data.relationships.tags: {"data": []} -> None',
        '2: removed response json $.data.relationships.tags: {"data": []} -> None',
    ],
    "elastic": ["1: added response json $.hits.hits[1]: None -> "],
    "binary": ["2: changed response binary : 73 bytes, sha256 "],
    "crud": [
        '3: changed response json $.name: "Ann" -> "Anne"',
        "4: changed response json $.id: 90001 -> 90002",  # no URL has it: it might be another thing
        "5: changed response json $[0].id: 90001 -> 90002",
        "8: removed DELETE https://crm.example.com/api/contacts/1205",
        "8: changed response json $.seen: 3 -> 4",
    ],
    "polling": [
        "4: added GET https://api.example.com/jobs/job_",
        "5: added GET https://api.example.com/jobs/job_",
        "7: added GET https://api.example.com/rows",
    ],
    "parallel": ["5: changed response json $.open: true -> false"],
}


def recorded(kind: Callable[[Day, Cassette], None], number: int, folder: Path, *, changed: bool = True) -> str:
    cassette = Cassette(run=f"{number:012}", process=f"{number:08}").process()
    kind(Day(number, changed=changed), cassette)
    return str(cassette.end().write(folder / f"{number}.jsonl"))


def differences(old: str, new: str, rules: Rules | None = None) -> list[str]:
    lines = []
    with compare_cassettes(old, new, rules or Rules()) as comparison:
        for one in comparison:
            side = one.new or one.old
            assert side is not None
            lines += [f"{side.number}: {said(change)}" for change in one.changes]
            if not one.changes:
                lines.append(f"{side.number}: {one.verdict} {side.method} {side.url}")
    return lines


@pytest.mark.parametrize("kind", KINDS)
def test_what_really_changed_is_told_and_little_else(kind: Callable[[Day, Cassette], None], tmp_path: Path) -> None:
    found = differences(recorded(kind, 0, tmp_path), recorded(kind, 1, tmp_path))
    wanted = WANTED[kind.__name__]
    assert len(found) == len(wanted), found
    for line, start in zip(found, wanted, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_really_changed_next_to_nothing_is_told(
    kind: Callable[[Day, Cassette], None], tmp_path: Path
) -> None:
    found = differences(recorded(kind, 0, tmp_path), recorded(kind, 1, tmp_path, changed=False))
    uncertain = ("invoice_prefix", "rendered in", "90001 -> 90002")
    assert [line for line in found if not any(word in line for word in uncertain)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_volatile_is_told_where_it_is_to_be_kept(
    kind: Callable[[Day, Cassette], None], tmp_path: Path
) -> None:
    """So the recordings do differ in it."""
    old, new = recorded(kind, 0, tmp_path), recorded(kind, 1, tmp_path)
    kept = differences(old, new, Rules(keep_volatile=True))
    assert len(kept) > len(differences(old, new)) or kind.__name__ == "binary"
    assert differences(old, old) == []


def test_there_is_a_wish_for_each_kind() -> None:
    assert set(WANTED) == {kind.__name__ for kind in KINDS}
    assert len(KINDS) >= 20
