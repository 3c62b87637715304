"""Two cassettes beside each other: what is found, what is not said, and what it takes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cassette_tools.diff.comparison import Comparison, compare_cassettes
from cassette_tools.diff.fields import compare
from cassette_tools.diff.model import Ignored, Pairing, Totals
from cassette_tools.diff.rules import Rules
from cassette_tools.formats import all_formats
from cassette_tools.source import Facts, open_cassette
from recorder.errors import BadCassetteError, CassetteDamagedError, UsageError
from tests.cassette_tools.cassettes import Cassette, described
from tests.cassette_tools.running import ROOT, ctools, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

EVERYDAY = [("Content-Type", "application/json"), ("Server", "nginx")]


def compared(old: Path, new: Path, rules: Rules | None = None, **options: Any) -> tuple[list[Pairing], Totals]:
    with compare_cassettes(str(old), str(new), rules or Rules(), **options) as comparison:
        return list(comparison), comparison.totals


def outcome(
    old: Path, new: Path, rules: Rules | None = None, **options: Any
) -> list[tuple[str, int | None, int | None]]:
    pairings, _ = compared(old, new, rules, **options)
    return [
        (one.verdict, None if one.old is None else one.old.number, None if one.new is None else one.new.number)
        for one in pairings
    ]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Cassette], Path]:
    return lambda name, cassette: cassette.write(tmp_path / name)


def everyday(stamp: int = 0, count: int = 6) -> Cassette:
    """A recording whose volatile things are those of another day where `stamp` is another one."""
    made = Cassette(run=f"{stamp:012}", process=f"{stamp:08}")
    made.process()
    for number in range(count):
        headers = [
            *EVERYDAY,
            ("Date", f"Mon, 23 Nov 2026 03:{stamp:02}:{number:02} GMT"),
            ("X-Request-Id", f"{stamp:08x}-0000-4000-8000-{number:012x}"),
        ]
        made.get(url=f"https://localhost:8443/ads/{number}", body=b'{"id": %d}' % number, headers=headers)
    return made.end()


def test_the_same_recording_of_another_day_is_the_same_and_what_was_ignored_is_counted(
    write: Callable[[str, Cassette], Path],
) -> None:
    pairings, totals = compared(write("old.jsonl", everyday(1)), write("new.jsonl", everyday(2)))
    assert pairings == []
    assert (totals.same, totals.old_interactions, totals.new_interactions) == (6, 6, 6)
    assert {(one.rule, one.where): count for one, count in totals.ignored.items()} == {
        ("date", "response header date"): 6,
        ("request-id", "response header x-request-id"): 6,
    }


def test_volatile_things_are_changes_when_they_are_to_be_kept(write: Callable[[str, Cassette], Path]) -> None:
    pairings, totals = compared(
        write("old.jsonl", everyday(1)), write("new.jsonl", everyday(2)), Rules(keep_volatile=True)
    )
    assert len(pairings) == 6
    assert not totals.ignored
    assert {change.path for one in pairings for change in one.changes} == {"date", "x-request-id"}


def test_what_changed_within_a_pair_is_told_with_both_sides(write: Callable[[str, Cassette], Path]) -> None:
    old = Cassette().get().get(url="https://localhost:8443/x", body=b'{"price": 10}')
    new = Cassette().get().get(url="https://localhost:8443/x", body=b'{"price": "10"}', status=201)
    (pairing,), totals = compared(write("old.jsonl", old), write("new.jsonl", new))
    assert pairing.verdict == "changed"
    assert pairing.old is not None
    assert pairing.new is not None
    assert (pairing.old.number, pairing.old.status, pairing.old.url) == (2, 200, "https://localhost:8443/x")
    assert (pairing.new.number, pairing.new.status, pairing.new.content_type) == (2, 201, "application/json")
    assert {(change.place, change.path, change.action) for change in pairing.changes} == {
        ("status", "", "changed"),
        ("json", "$.price", "retyped"),
    }
    assert (totals.same, totals.changed, totals.changes["breaking"]) == (1, 1, 1)


def test_insertions_and_deletions_are_found_and_shift_nothing(write: Callable[[str, Cassette], Path]) -> None:
    def polls(states: Sequence[str]) -> Cassette:
        made = Cassette()
        for state in states:
            made.get(url="https://localhost:8443/job/1", body=b'{"state": "%s"}' % state.encode())
            made.get(url="https://localhost:8443/other")
        return made

    old = write("old.jsonl", polls(["queued", "running 1", "running 2", "done"]))
    new = write("new.jsonl", polls(["queued", "running 1", "running 1", "running 2", "done"]))
    assert outcome(old, new) == [("added", None, 5), ("added", None, 10)]
    assert outcome(new, old) == [("removed", 5, None), ("removed", 10, None)]


def test_a_cassette_with_volatile_bodies_is_aligned_by_what_is_not_volatile(
    write: Callable[[str, Cassette], Path],
) -> None:
    def polls(day: int, states: Sequence[str]) -> Cassette:
        made = Cassette()
        for number, state in enumerate(states):
            made.get(body=b'{"at": "2026-11-%02dT03:30:%02dZ", "state": "%s"}' % (day, number, state.encode()))
        return made

    old = write("old.jsonl", polls(1, ["a", "b", "c", "d"]))
    new = write("new.jsonl", polls(2, ["a", "c", "x", "d"]))
    assert outcome(old, new) == [("removed", 2, None), ("added", None, 3)]


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ({"url": "https://localhost:8443/ads?limit=5&page=2"}, None),
        ({"status": 404}, {"status", "reason"}),
        ({"headers": [("Content-Type", "text/plain")]}, {"header", "type"}),
        ({"headers": []}, {"header"}),
        ({"body": b'{"id": 2}'}, {"json"}),
        ({"body": None}, {"presence"}),
        ({"body_changes": {"complete": False, "incomplete": "truncated"}}, {"complete"}),
        ({"request_headers": [("Host", "localhost:8443"), ("X-A", "b")]}, {"header"}),
        ({"error": {"phase": "body", "type": "a.B", "message": "c"}}, {"presence", "error"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_no_change_escapes_the_fingerprints(
    write: Callable[[str, Cassette], Path], change: dict[str, Any], places: set[str] | None
) -> None:
    old = write("old.jsonl", Cassette().get())
    new = write("new.jsonl", Cassette().get(**change))
    pairings, totals = compared(old, new)
    assert totals.same == 0
    if places is not None:
        assert {one.place for pairing in pairings for one in pairing.changes} <= places
        assert [pairing.verdict for pairing in pairings] == ["changed"]


def test_a_body_that_was_edited_by_hand_is_compared_whatever_its_digest_says(
    write: Callable[[str, Cassette], Path],
) -> None:
    old = write("old.jsonl", Cassette().get(body=b'{"price": 10}'))
    new = old.with_name("new.jsonl")
    new.write_bytes(old.read_bytes().replace(b'\\"price\\": 10', b'\\"price\\": 12'))
    assert outcome(old, new) == [("changed", 1, 1)]


def test_what_the_run_alone_decides_is_not_compared(write: Callable[[str, Cassette], Path]) -> None:
    old = Cassette().get(at=1, total=5, rss=1)
    new = Cassette(process="aaaaaaaa").get(at=9_999, total=777, rss=2, client="httpx/1", thread=1, pid=1)
    assert outcome(write("old.jsonl", old), write("new.jsonl", new)) == []


# -- against a plain comparison of each pair

HEADERS = st.lists(
    st.sampled_from(
        [
            ("Date", "Mon, 23 Nov 2026 03:30:47 GMT"),
            ("Date", "Tue, 24 Nov 2026 03:30:47 GMT"),
            ("date", "Tue, 24 Nov 2026 03:30:47 GMT"),
            ("ETag", '"abc"'),
            ("ETag", '"abd"'),
            ("X-Request-Id", "1"),
            ("X-Cache", "HIT"),
            ("Set-Cookie", "sid=8fa7c2d1e0b94a6f; Path=/"),
            ("Set-Cookie", "sid=0fa7c2d1e0b94a6f; Path=/"),
            ("Set-Cookie", "theme=dark"),
            ("Set-Cookie", "theme=light"),
            ("Cookie", "sid=8fa7c2d1e0b94a6f; theme=dark"),
            ("Content-Length", "9"),
            ("Content-Length", "10"),
            ("Location", "/jobs/0f8fad5b-d9cb-469f-a165-70867728950e"),
            ("Location", "/jobs/7c9e6679-7425-40de-944b-e07fc1f90ae7"),
            ("Location", "/jobs/1"),
            ("Content-Type", "application/json"),
            ("Authorization", "Bearer 1234567890123456789abc"),
            ("Authorization", "Bearer 2234567890123456789abc"),
            ("X-A", "1"),
            ("x-a", "2"),
        ]
    ),
    max_size=6,
)
BODIES = st.sampled_from(
    [
        None,
        b"",
        b'{"id": 1}',
        b'{"id":1}',
        b'{"id": 2}',
        b'{"at": "2026-11-23T00:00:00Z"}',
        b'{"at": "2026-11-24T00:00:00Z"}',
        b"\xff",
    ]
)
SAID = st.fixed_dictionaries(
    {"headers": HEADERS, "request_headers": HEADERS, "body": BODIES, "sent": BODIES},
    optional={
        "method": st.sampled_from(["HEAD", "POST"]),
        "status": st.sampled_from([200, 304, None]),
        "reason": st.sampled_from(["OK", ""]),
        "error": st.just({"phase": "body", "type": "a.B", "message": "at 0x7f0012345678"}),
        "url": st.sampled_from(
            ["https://localhost:8443/a?_=1", "https://localhost:8443/a?_=2", "https://localhost:8444/a"]
        ),
    },
)
RULES = st.sampled_from(
    [Rules(), Rules(keep_volatile=True), Rules(ignored=("header:x-a", "status")), Rules(ignored=("response.body",))]
)


@given(SAID, SAID, RULES)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_fingerprints_never_decide_otherwise_than_a_comparison_of_all(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any], rules: Rules
) -> None:
    other["method"] = one.get("method", "GET")
    old = Cassette().interaction(**one).write(tmp_path / "old.jsonl")
    new = Cassette().interaction(**other).write(tmp_path / "new.jsonl")
    pairings, totals = compared(old, new, rules)
    if [pairing.verdict for pairing in pairings] in (["removed", "added"], ["added", "removed"]):
        return  # their URLs are not those of one thing
    found = compare(*both(old, new), rules)
    changes = pairings[0].changes if pairings else []
    assert changes == found.changes
    assert totals.ignored == found.ignored


def both(old: Path, new: Path) -> tuple[Any, Any]:
    """Read the interactions; bodies with the same content are one body, as `compare` wants it."""
    one, other = only(old), only(new)
    for message, counterpart in ((one.request, other.request), (one.response, other.response)):
        if message is None or counterpart is None or message.body is None or counterpart.body is None:
            continue
        if message.body.read() == counterpart.body.read():
            counterpart.body = message.body
    return one, other


def only(path: Path) -> Any:
    from cassette_tools.formats.cassette_jsonl import interaction_of

    with open_cassette(str(path), mode="tail", types={"interaction"}, bodies=True) as opened:
        interaction = interaction_of(next(iter(opened.reader)))
        for message in (interaction.request, interaction.response):
            if message is not None and message.body is not None:
                data = message.body.read()
                message.body.stream = None
                message.body._content = data
        return interaction


# -- what is read


def test_a_filter_takes_on_both_sides_and_numbers_stay(write: Callable[[str, Cassette], Path]) -> None:
    old = Cassette().get().interaction(method="POST", body=b"1").get(url="https://localhost:8443/gone")
    new = Cassette().get().get().interaction(method="POST", body=b"2")
    paths = write("old.jsonl", old), write("new.jsonl", new)
    assert outcome(*paths, only="~m POST") == [("changed", 2, 3)]
    assert outcome(*paths, only="~bs 2") == [("added", None, 3)]
    with pytest.raises(UsageError, match="~nope"):
        compared(*paths, only="~nope")


def test_long_bodies_in_pieces_are_compared_by_their_digests_and_read_where_they_differ(
    write: Callable[[str, Cassette], Path],
) -> None:
    body = b'{"rows": [%s]}' % b",".join(b'{"id": %d}' % number for number in range(2_000))
    old = write("old.jsonl", Cassette().get(body=body, pieces=3))
    assert outcome(old, write("same.jsonl", Cassette().get(body=body, pieces=5))) == []
    changed = body.replace(b'{"id": 1999}', b'{"id": 1999, "new": 1}')
    (pairing,), _ = compared(old, write("new.jsonl", Cassette().get(body=changed, pieces=4)))
    assert [(change.place, change.action) for change in pairing.changes] == [("json", "added")]


def test_a_recording_that_was_killed_or_goes_on_is_compared_as_far_as_it_goes(
    write: Callable[[str, Cassette], Path],
) -> None:
    old = write("old.jsonl", everyday())
    torn = old.with_name("torn.jsonl")
    torn.write_bytes(b"".join(everyday().lines[:5]) + everyday().lines[5][:100])
    pairings, totals = compared(old, torn)
    assert [pairing.verdict for pairing in pairings] == ["removed"] * 3
    assert totals.new_interactions == 3
    with compare_cassettes(str(old), str(torn), Rules()) as comparison:
        assert comparison.new.growing
        assert [damage.reason for damage in comparison.new.damage] == ["the record is torn"]
    with pytest.raises(CassetteDamagedError, match="torn"):
        compared(old, torn, mode="strict")


def test_damage_in_the_middle_is_refused_or_passed_over_as_asked(write: Callable[[str, Cassette], Path]) -> None:
    old = write("old.jsonl", everyday())
    new = old.with_name("new.jsonl")
    lines = everyday().lines
    new.write_bytes(b"".join([*lines[:3], lines[3][:50] + b"\n", *lines[4:]]))
    with pytest.raises(CassetteDamagedError, match=r"new\.jsonl, line 4"):
        compared(old, new)
    assert outcome(old, new, mode="skip") == [("removed", 2, None)]


@pytest.mark.parametrize("breaks", [{"headers": {"a": "b"}}, {"headers": [["a"]]}, {"body": 7}, {"method": 5}])
def test_a_line_that_is_not_as_the_format_says_is_refused_with_its_place(
    tmp_path: Path, write: Callable[[str, Cassette], Path], breaks: dict[str, Any]
) -> None:
    import orjson

    old = write("old.jsonl", Cassette().get())
    line = orjson.loads(Cassette().get().lines[1])
    line["request"] |= breaks
    new = write("new.jsonl", Cassette().add(line))
    with pytest.raises(BadCassetteError, match=r"new\.jsonl, line 2"):
        compared(old, new)


@pytest.mark.parametrize("origin", [[[1]], {}, 5, True])
def test_an_origin_that_is_no_text_is_refused_with_its_place(
    write: Callable[[str, Cassette], Path], origin: object
) -> None:
    old, new = write("old.jsonl", Cassette().get()), write("new.jsonl", Cassette().get(origin=origin))
    with pytest.raises(BadCassetteError, match=r"new\.jsonl, line 2"):
        compared(old, new)


def test_a_body_without_a_digest_is_read_for_one(write: Callable[[str, Cassette], Path]) -> None:
    import orjson

    line = orjson.loads(Cassette().get(body=b'{"id": 1}', sent=b"a").lines[1])
    del line["response"]["body"]["sha256"]
    del line["request"]["body"]["sha256"]
    old = write("old.jsonl", Cassette().add(line))
    assert outcome(old, write("new.jsonl", Cassette().get(body=b'{"id": 1}', sent=b"a"))) == []
    assert outcome(old, write("new.jsonl", Cassette().get(body=b'{"id": 3}', sent=b"a"))) == [("changed", 1, 1)]


def test_an_empty_cassette_is_compared_like_any_other(write: Callable[[str, Cassette], Path]) -> None:
    empty, one = write("old.jsonl", Cassette()), write("new.jsonl", Cassette().get())
    assert outcome(empty, one) == [("added", None, 1)]
    assert outcome(one, empty) == [("removed", 1, None)]
    assert outcome(empty, empty) == []


# -- other formats


def rich(folder: Path) -> Path:
    """A cassette that says much of what one can say."""
    repeated = [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("x-a", "2")]
    typed = [("Host", "localhost:8443"), ("Content-Type", "application/json"), ("Accept-Encoding", "gzip")]
    made = Cassette().process().get(headers=repeated)
    made.interaction(
        method="POST",
        sent=b'{"a":1}',
        body=b"\x89PNG\xff\0",
        headers=[("Content-Type", "image/png")],
        request_headers=typed,
    )
    made.interaction(method="PUT", sent=b"\xff\xfe\0", status=204, reason="No Content", body=None, headers=[])
    made.get(url="https://localhost:8443/gone", status=404, reason="Nope", body=b"", headers=[("Content-Length", "0")])
    refused = {"phase": "connect", "type": "builtins.ConnectionRefusedError", "message": "refused"}
    made.get(url="https://localhost:8443/err", status=None, error=refused)
    broken = {"phase": "body", "type": "http.client.IncompleteRead", "message": "IncompleteRead"}
    half = {"complete": False, "incomplete": "truncated"}
    made.get(url="https://localhost:8443/part", body=b"half", body_changes=half, error=broken)
    return made.end().write(folder / "rich.jsonl")


WRITTEN = [one for one in all_formats() if one.read is not None and one.write is not None]


@pytest.mark.parametrize("target", WRITTEN, ids=lambda one: one.name)
@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_a_cassette_and_its_conversion_are_the_same_but_for_what_the_format_cannot_hold(
    tmp_path: Path, target: Any, packing: str
) -> None:
    old, new, back = rich(tmp_path), tmp_path / f"new{target.suffixes[0]}{packing}", tmp_path / "back.jsonl"
    assert ctools("convert", old, "--to", f"{target.name}{packing}", "-o", new).code == 0
    pairings, totals = compared(old, new)
    assert pairings == []
    assert totals.old_interactions == totals.new_interactions == totals.same
    left_out = "no-response" in target.cannot_hold
    assert totals.same == (5 if left_out else 6)
    assert {one.rule for one in totals.ignored} <= {f"not in {target.title}"}
    assert bool(totals.ignored) == (target.family not in ("cassette", "har"))
    swapped, others = compared(new, old)
    assert swapped == []
    assert others.ignored == totals.ignored
    if not packing and target.family != "cassette":
        assert ctools("convert", new, "-o", back).code == 0
        assert compared(new, back)[0] == []
        if target.name != "vcrpy-json":  # a converted cassette tells its family, which holds more than this one of it
            assert compared(old, back)[0] == []


@pytest.mark.parametrize("target", WRITTEN, ids=lambda one: one.name)
def test_what_changed_is_found_across_formats(tmp_path: Path, target: Any) -> None:
    old = everyday(1).write(tmp_path / "old.jsonl")
    changed = everyday(2)
    changed.lines = [line.replace(b'{\\"id\\": 3}', b'{\\"id\\": 33}') for line in changed.lines]
    bodies = [
        line.replace(described(b'{"id": 3}')["sha256"].encode(), described(b'{"id": 33}')["sha256"].encode())
        for line in changed.lines
    ]
    changed.lines = [line.replace(b'"size":9', b'"size":10') if b"33}" in line else line for line in bodies]
    recorded, new = changed.write(tmp_path / "changed.jsonl"), tmp_path / f"new{target.suffixes[0]}"
    assert ctools("convert", recorded, "--to", target.name, "-o", new).code == 0
    (pairing,), _ = compared(old, new)
    assert [(one.place, one.path, one.old, one.new) for one in pairing.changes] == [("json", "$.id", "3", "33")]


FIXTURES = sorted(
    path
    for path in (ROOT / "fixtures").glob("*/*")
    if path.suffix in {".yaml", ".yml", ".json", ".har", ".toml", ".flows", ".tmp"} and "erb" not in path.name
)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_each_recording_of_another_tool_is_the_same_as_itself(tmp_path: Path, path: Path) -> None:
    shutil.copytree(path.parent, tmp_path / "copy")  # some have bodies in files beside them
    copy = tmp_path / "copy" / path.name
    pairings, totals = compared(path, copy)
    assert pairings == []
    assert totals.same == totals.old_interactions == totals.new_interactions
    assert not totals.ignored


def test_the_standard_input_can_be_either_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = everyday(1).write(tmp_path / "old.jsonl"), everyday(2, count=5).write(tmp_path / "new.jsonl")
    for sides, stream, verdict in ((("-", str(new)), old, "removed"), ((str(old), "-"), new, "removed")):
        with stream.open() as file, monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", file)
            comparison = compare_cassettes(*sides, Rules())
        with comparison:
            assert [pairing.verdict for pairing in comparison] == [verdict]


# -- a comparison as such


def facts(name: str) -> Facts:
    return Facts(name, 0, "tail", growing=False, damage=())


def test_totals_can_be_had_first_and_pairings_any_number_of_times_then() -> None:
    pairings = [Pairing("removed", None, None), Pairing("added", None, None, ignored={Ignored("a", "b"): 2})]
    with Comparison(facts("a"), facts("b"), iter(pairings), Totals()) as comparison:
        totals = comparison.settle()
        assert (totals.removed, totals.added, totals.ignored) == (1, 1, {Ignored("a", "b"): 2})
        assert comparison.settle() is totals
        assert list(comparison) == list(comparison) == pairings
        assert totals.removed == 1


def test_an_error_while_pairings_are_read_is_raised_or_handed_over() -> None:
    def failing() -> Any:
        yield Pairing("added", None, None)
        raise CassetteDamagedError("broken")

    seen: list[Exception] = []
    comparison = Comparison(facts("a"), facts("b"), failing(), Totals())
    comparison.on_error = seen.append
    assert len(list(comparison)) == 1
    assert [str(error) for error in seen] == ["broken"]
    with pytest.raises(CassetteDamagedError):
        list(Comparison(facts("a"), facts("b"), failing(), Totals()))


# -- memory

_PEAK = """
import sys
from cassette_tools.diff.comparison import compare_cassettes
from cassette_tools.diff.rules import Rules
from tests.peak import peak_kib
with compare_cassettes(sys.argv[1], sys.argv[2], Rules()) as comparison:
    found = sum(1 for _ in comparison)
print(found, comparison.totals.same, peak_kib())
"""


def peak(old: Path, new: Path) -> tuple[int, int, int]:
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, old, new], capture_output=True, check=True, env=environment(), timeout=120
    )
    found, same, kib = map(int, done.stdout.split())
    return found, same, kib


def long_one(path: Path, size: int, stamp: int) -> Path:
    """Write a cassette of about so many bytes, whose bodies have 1 KB. Each 100th changes with the stamp."""
    made = Cassette()
    with path.open("wb") as file:
        file.write(made.lines.pop())
        number = 0
        while file.tell() < size:
            value = stamp if number % 100 == 0 else 0
            body = b'{"id": %d, "value": %d, "text": "%s"}' % (number, value, b"x" * 1_000)
            made.get(url=f"https://localhost:8443/ads/{number % 997}", body=body)
            file.write(made.lines.pop())
            number += 1
    return path


def test_memory_does_not_grow_with_the_cassettes_but_for_their_fingerprints(tmp_path: Path) -> None:
    small = [long_one(tmp_path / f"small-{stamp}.jsonl", 4_000_000, stamp) for stamp in (1, 2)]
    large = [long_one(tmp_path / f"large-{stamp}.jsonl", 30_000_000, stamp) for stamp in (1, 2)]
    _, few, before = peak(*small)
    found, many, after = peak(*large)
    assert found == (many + found + 99) // 100
    more = many + found - few
    assert after - before <= more * 2 * 250 / 1024 + 4_096, "KiB: fingerprints, and the lists that sort them"


def test_changed_requests_of_one_url_stand_beside_those_that_they_are_most_like(
    write: Callable[[str, Cassette], Path],
) -> None:
    """Every body and every answer changed, one call came in front: nothing is shifted."""

    def calls(names: Sequence[str], version: int) -> Cassette:
        made = Cassette()
        for name in names:
            sent = b'{"operationName": "%s", "extensions": {"v": %d}}' % (name.encode(), version)
            made.interaction(
                method="POST", url="https://localhost:8443/graphql", sent=sent, body=b'{"total": %d}' % version
            )
        return made

    old = write("old.jsonl", calls(["Users", "Orders", "Items"], 1))
    new = write("new.jsonl", calls(["Login", "Users", "Items", "Orders"], 2))
    assert outcome(old, new) == [("added", None, 1), ("changed", 1, 2), ("changed", 3, 3), ("changed", 2, 4)]
