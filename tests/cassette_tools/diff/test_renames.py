"""Ids that count: where a request made them and URLs have them, others take their place without a change."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools.diff import renames
from cassette_tools.diff.comparison import compare_cassettes
from cassette_tools.diff.renames import RULE, Renames, learn
from cassette_tools.diff.rules import Rules
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.diff.messages import said
from tests.cassette_tools.diff.recordings import exchange

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE = "https://crm.example.com/api/contacts"


@pytest.fixture
def differences(tmp_path: Path) -> Callable[..., list[str]]:
    """Compare two cassettes that a function makes, of a first id each; give what differs in one line each."""

    def compared(made: Callable[[Cassette, int], None], old: int, new: int, rules: Rules | None = None) -> list[str]:
        paths = {}
        for name, first in (("old", old), ("new", new)):
            cassette = Cassette(run=f"{first:012}", process=f"{first:08}").process()
            made(cassette, first)
            paths[name] = str(cassette.end().write(tmp_path / f"{name}.jsonl"))
        lines = []
        with compare_cassettes(paths["old"], paths["new"], rules or Rules()) as comparison:
            for one in comparison:
                side = one.new or one.old
                assert side is not None
                lines += [said(change) for change in one.changes] or [f"{one.verdict} {side.method} {side.url}"]
            renamed = {ignored.where for ignored in comparison.totals.ignored if ignored.rule == RULE}
        return [*lines, *sorted(f"renamed {where}" for where in renamed)]

    return compared


def life(to: Cassette, first: int) -> None:
    """Make two contacts, look at them, change one, delete both."""
    for at, name in enumerate(("Ann", "Bob")):
        answer = {"id": first + at, "name": name, "links": {"self": f"{BASE}/{first + at}"}}
        exchange(to, "POST", BASE, answer, status=201, asked={"name": name}, got={"Location": f"{BASE}/{first + at}"})
    for at, name in enumerate(("Ann", "Bob")):
        exchange(to, "GET", f"{BASE}/{first + at}", {"id": first + at, "name": name, "owner": {"contactId": first}})
    exchange(to, "PUT", f"{BASE}/{first + 1}", {"id": first + 1}, asked={"id": first + 1, "name": "Bo"})
    exchange(to, "GET", f"https://crm.example.com/api/calls?contact_id={first}&page=1", {"contact": first, "calls": []})
    exchange(to, "DELETE", f"{BASE}/{first}", None, status=204)
    exchange(to, "DELETE", f"{BASE}/{first + 1}", None, status=204)


@pytest.mark.parametrize(("old", "new"), [(17, 117), (17, 18), (18, 17), (9, 10)])
def test_a_life_of_things_with_other_ids_is_the_same(differences: Callable[..., list[str]], old: int, new: int) -> None:
    """Also where the old id of one thing is the new one of the other."""
    assert differences(life, old, new) == [
        f"renamed {where}"
        for where in (
            "request json $.id",
            "request query contact_id",
            "request url path",
            "response header location",
            "response json $.contact",
            "response json $.id",
            "response json $.links.self",
            "response json $.owner.contactId",
        )
    ]


def test_ids_in_texts_as_ids_in_numbers(differences: Callable[..., list[str]]) -> None:
    def made(to: Cassette, first: int) -> None:
        exchange(to, "POST", BASE, {"contact": {"key": f"C{first}"}}, asked={"name": "Ann"})
        exchange(to, "GET", f"{BASE}/C{first}/calls", {"contact": {"key": f"C{first}"}})

    assert all(line.startswith("renamed ") for line in differences(made, 17, 18))


def test_what_stands_below_a_renamed_thing_is_learned_in_turn(differences: Callable[..., list[str]]) -> None:
    def made(to: Cassette, first: int) -> None:
        exchange(to, "POST", BASE, {"id": first}, asked={})
        exchange(to, "POST", f"{BASE}/{first}/notes", {"id": first + 5_000}, asked={"text": "x"})
        exchange(to, "GET", f"{BASE}/{first}/notes/{first + 5_000}", {"id": first + 5_000, "text": "x"})

    assert all(line.startswith("renamed ") for line in differences(made, 17, 18))


def test_a_real_change_of_a_renamed_thing_is_one(differences: Callable[..., list[str]]) -> None:
    def made(to: Cassette, first: int) -> None:
        exchange(to, "POST", BASE, {"id": first, "rank": first}, asked={})
        exchange(
            to, "GET", f"{BASE}/{first}", {"id": first, "rank": first, "title": f"{first} calls", "next_id": first + 2}
        )
        if first == 17:
            exchange(to, "DELETE", f"{BASE}/{first}", None, status=204)

    assert [line for line in differences(made, 17, 18) if not line.startswith("renamed")] == [
        "changed response json $.rank: 17 -> 18",
        "changed response json $.rank: 17 -> 18",
        'changed response json $.title: "17 calls" -> "18 calls"',
        "changed response json $.next_id: 19 -> 20",
        f"removed DELETE {BASE}/17",
    ]


def by_reading(to: Cassette, first: int) -> None:
    exchange(to, "GET", BASE, [{"id": first}])
    exchange(to, "GET", f"{BASE}/{first}", {"id": first})


def by_failing(to: Cassette, first: int) -> None:
    exchange(to, "POST", BASE, {"id": first}, status=409, asked={})
    exchange(to, "GET", f"{BASE}/{first}", {"id": first})


def by_another_name(to: Cassette, first: int) -> None:
    exchange(to, "POST", BASE, {"count": first}, asked={})
    exchange(to, "GET", f"{BASE}/{first}", {"count": first})


def elsewhere(to: Cassette, first: int) -> None:
    exchange(to, "POST", BASE, {"id": first}, asked={})
    exchange(to, "GET", f"https://crm.example.com/api/{'pages' if first == 17 else 'sites'}/{first}", {"id": first})


def with_two_counterparts(to: Cassette, first: int) -> None:
    for at in range(2):
        exchange(to, "POST", BASE, {"id": first if first == 17 else first + at}, asked={"name": at})
    exchange(to, "GET", f"{BASE}/{first}", {"id": first})


@pytest.mark.parametrize("made", [by_reading, by_failing, by_another_name, elsewhere, with_two_counterparts])
def test_without_all_the_evidence_another_id_is_another_thing(
    differences: Callable[..., list[str]], made: Callable[[Cassette, int], None]
) -> None:
    found = differences(made, 17, 18)
    assert not [line for line in found if line.startswith("renamed")]
    assert len([line for line in found if line.startswith(("removed", "added"))]) == 2


def test_nothing_is_renamed_where_volatile_things_are_kept(differences: Callable[..., list[str]]) -> None:
    found = differences(life, 17, 117, Rules(keep_volatile=True))
    assert not [line for line in found if line.startswith("renamed")]
    assert f"removed GET {BASE}/17" in found


def test_a_cassette_compared_with_itself_has_no_renames(differences: Callable[..., list[str]]) -> None:
    assert differences(life, 17, 17) == []


@pytest.mark.parametrize(
    ("url", "new"),
    [
        (f"{BASE}/17", f"{BASE}/18"),
        (f"{BASE}/17/", f"{BASE}/18/"),
        (f"{BASE}/17/notes?a=17&b", f"{BASE}/18/notes?a=17&b"),
        (f"{BASE}/170", f"{BASE}/170"),
        ("https://crm.example.com/api/pages/17", "https://crm.example.com/api/pages/17"),
        ("https://crm.example.com", "https://crm.example.com"),
        ("/api/contacts/17", "/api/contacts/18"),
        ("", ""),
        ("17", "17"),
    ],
)
def test_ids_are_rewritten_where_they_were_learned_and_nowhere_else(url: str, new: str) -> None:
    known = Renames()
    known._add([("/api/contacts", "17", "18")])
    assert known.rewritten(url) == new


class _Made:
    """A pair that was made by hand."""

    def __init__(self, source: int) -> None:
        self.source = source

    def method(self) -> str:
        return "GET"

    def read(self) -> Any:
        raise AssertionError("the answers to GET are not read")


def test_only_what_may_have_made_something_is_read_and_only_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renames, "MOST_SOURCES", 3)
    given = iter([_Made(at) for at in range(10)])
    assert not learn(Renames(), ["/a/1"], ["/a/2"], given)
    assert len(list(given)) == 6


def test_nothing_is_learned_of_more_urls_than_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renames, "MOST_LEFT", 1)
    given = iter([_Made(1)])
    assert not learn(Renames(), ["/a/1", "/a/2"], ["/a/2"], given)
    assert len(list(given)) == 1


def test_many_things_take_linear_time(differences: Callable[..., list[str]]) -> None:
    def cost(count: int) -> float:
        def made(to: Cassette, first: int) -> None:
            for at in range(count):
                exchange(to, "POST", BASE, {"id": first + at}, asked={"at": at})
            for at in range(count):
                exchange(to, "GET", f"{BASE}/{first + at}", {"id": first + at, "at": at})

        begun = process_time()
        assert all(line.startswith("renamed") for line in differences(made, 10_000, 20_000))
        return process_time() - begun

    cost(20)
    half, whole = cost(200), cost(400)
    assert whole < 4 * half + 0.2
