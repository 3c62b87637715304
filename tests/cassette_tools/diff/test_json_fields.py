"""JSON compared by path: laws held by random documents, and what people expect of arrays."""

from __future__ import annotations

import copy
import json
from time import process_time
from typing import Any, Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cassette_tools.diff.fields import compare
from cassette_tools.diff.json_fields import _path_text
from cassette_tools.diff.model import LONGEST_VALUE, MOST_CHANGES
from cassette_tools.diff.rules import Rules
from tests.cassette_tools.diff.messages import PLAIN, answered, as_json, found, ignored, same_digest

KEEP: Final = Rules(keep_volatile=True)
UUIDS: Final = ["0e37df36-f698-41e6-8dd4-cb9ced3df976", "7f9c24e8-3b12-4fef-91e0-5d6a2c48b1aa"]
SCALARS: Final = (
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.sampled_from([1.5, 0.25])
    | st.text("abcxyz", max_size=3)
    | st.sampled_from([*UUIDS, "2026-11-23T09:15:02Z", "2026-11-24T10:00:00Z"])
)
KEYS: Final = st.sampled_from(["id", "name", "a", "b", "price", "created_at", "a b"])
DOCUMENTS: Final = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"price": 10}, {"price": 12}, ["changed response json $.price: 10 -> 12"]),
        ({"id": 17}, {"id": 18}, ["changed response json $.id: 17 -> 18"]),
        ({"a": 1}, {"a": "1"}, ['retyped response json $.a: 1 -> "1"']),
        ({"a": 1}, {"a": None}, ["retyped response json $.a: 1 -> null"]),
        ({"a": True}, {"a": 1}, ["retyped response json $.a: true -> 1"]),
        ({"a": True}, {"a": False}, ["changed response json $.a: true -> false"]),
        ({"a": {}}, {"a": []}, ["retyped response json $.a: {} -> []"]),
        ({"a": 1, "b": 2}, {"b": 2}, ["removed response json $.a: 1 -> None"]),
        ({"b": 2}, {"a": [1], "b": 2}, ["added response json $.a: None -> [1]"]),
        ({"a b": {'"': 1}}, {"a b": {'"': 2}}, ['changed response json $["a b"]["\\""]: 1 -> 2']),
        ([1, 2, 3], [1, 9, 2, 3], ["added response json $[1]: None -> 9"]),
        ([1, 2, 3], [1, 3], ["removed response json $[1]: 2 -> None"]),
        ([1, 2, 3], [1, 5, 3], ["changed response json $[1]: 2 -> 5"]),
        (["a", "b"], ["b", "a"], None),
        ([[1, 2], [3]], [[1, 2], [0], [3]], ["added response json $[1]: None -> [0]"]),
        (1, 2, ["changed response json $: 1 -> 2"]),
        ([], {}, ["retyped response json $: [] -> {}"]),
        ([None], [], ["removed response json $[0]: null -> None"]),
        (
            [{"id": 1, "p": 1}, {"id": 2, "p": 2}],
            [{"id": 7, "p": 0}, {"id": 1, "p": 1}, {"id": 2, "p": 3}],
            ['added response json $[0]: None -> {"id": 7, "p": 0}', "changed response json $[2].p: 2 -> 3"],
        ),
        (
            [{"id": 1}, {"id": 2}, {"id": 3}],
            [{"id": 3}, {"id": 1}, {"id": 2}],
            ["changed response json $[*].id: [1, 2, 3] -> [3, 1, 2]"],
        ),
        (
            [{"id": 1, "n": "x"}, {"id": 2, "n": "y"}],
            [{"id": 1, "n": "x"}, {"id": 5, "n": "y"}],
            ["changed response json $[1].id: 2 -> 5"],
        ),
        (
            [{"name": "a", "v": 1}, {"name": "b", "v": 2}, {"name": "c", "v": 3}],
            [{"name": "a", "v": 1}, {"name": "c", "v": 4}],
            ['removed response json $[1]: {"name": "b", "v": 2} -> None', "changed response json $[1].v: 3 -> 4"],
        ),
        (
            [{"x": 1, "y": 2, "z": 3}, {"x": 4, "y": 5, "z": 6}],
            [{"x": 0, "y": 0, "z": 0}, {"x": 1, "y": 2, "z": 9}, {"x": 4, "y": 5, "z": 6}],
            ['added response json $[0]: None -> {"x": 0, "y": 0, "z": 0}', "changed response json $[1].z: 3 -> 9"],
        ),
    ],
)
def test_what_changed_is_said_by_path(old: Any, new: Any, changes: list[str] | None) -> None:
    told = found(as_json(old), as_json(new))
    if changes is not None:
        assert told == changes
    assert told


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('{"a": 1, "b": [1, 2]}', '{"b":[1,2],"a":1}', "formatting: response json"),
        ('{"a": 1.0}', '{"a": 1}', "formatting: response json"),
        ('{"a": 1.10}', '{"a": 1.1}', "formatting: response json"),
        ('{"a": "\\u00e9"}', '{"a": "é"}', "formatting: response json"),
        ('{"a": 100}', '{"a": 1e2}', "formatting: response json"),
        (f'{{"ids": ["{UUIDS[0]}"]}}', f'{{"ids": ["{UUIDS[1]}"]}}', "uuid: response json $.ids[*]"),
        ('[{"created": 1700000000}]', '[{"created": 1700000001}]', "epoch: response json $[*].created"),
        ('{"took": 3, "n": 1}', '{"took": 5, "n": 1}', "timing: response json $.took"),
    ],
)
def test_what_is_no_change_is_said(old: str, new: str, rule: str) -> None:
    compared = compare(answered(old), answered(new), PLAIN)
    assert not compared.changes
    assert ignored(compared) == {rule: 1}
    assert same_digest(answered(old), answered(new))


def test_numbers_are_compared_exactly() -> None:
    big = "123456789012345678901234567890"
    assert found(answered(f"[{big}0]"), answered(f"[{big}1]")) == [f"changed response json $[0]: {big}0 -> {big}1"]
    assert found(answered("[0.1]"), answered("[0.10000000000000001]"))
    assert found(answered("[NaN]"), answered("[NaN, NaN]"))


def test_members_that_stand_twice_are_compared_each() -> None:
    assert found(answered('{"a": 1, "a": 2}'), answered('{"a": 1, "a": 3}')) == [
        'changed response json $["a (2)"]: 2 -> 3'
    ]


def test_ids_that_are_volatile_pair_no_elements() -> None:
    old = [{"id": UUIDS[0], "v": 1}, {"id": UUIDS[1], "v": 2}]
    new = [{"id": UUIDS[1], "v": 1}, {"id": UUIDS[0], "v": 2}]
    compared = compare(as_json(old), as_json(new), PLAIN)
    assert not compared.changes
    assert ignored(compared) == {"uuid: response json $[*].id": 2}
    assert found(as_json(old), as_json(new), KEEP)


def test_one_volatile_place_of_many_elements_is_counted_as_one_thing() -> None:
    old = {"items": [{"id": number, "at": "2026-11-23T09:15:02Z"} for number in range(50)]}
    new = {"items": [{"id": number, "at": "2026-11-24T09:15:02Z"} for number in range(50)]}
    assert ignored(compare(as_json(old), as_json(new), PLAIN)) == {"date: response json $.items[*].at": 50}


def test_ignored_paths_are_blanked_wherever_they_stand_and_said() -> None:
    rules = Rules(ignored=("json:$.items[*].n", "json:gone"))
    old = {"items": [{"id": 1, "n": 1}, {"id": 2, "n": 2}], "gone": 1}
    new = {"items": [{"id": 1, "n": 5}, {"id": 2}]}
    compared = compare(as_json(old), as_json(new), rules)
    assert not compared.changes
    assert ignored(compared) == {
        "--ignore json:$.items[*].n: response json $.items[*].n": 2,
        "--ignore json:gone: response json $.gone": 1,
    }
    assert same_digest(as_json(old), as_json(new), rules)


@given(DOCUMENTS)
def test_a_document_beside_itself_has_no_change(value: Any) -> None:
    compared = compare(as_json(value), answered(json.dumps(value, indent=1)), PLAIN)
    assert not compared.changes
    assert same_digest(as_json(value), answered(json.dumps(value, indent=1)))


@settings(max_examples=300)
@given(DOCUMENTS, DOCUMENTS, st.sampled_from([PLAIN, KEEP, Rules(ignored=("json:a", "json:$[*].id"))]))
def test_there_is_no_change_exactly_where_the_digests_agree(old: Any, new: Any, rules: Rules) -> None:
    one, other = answered(json.dumps(["x", old])), answered(json.dumps(["x", new]))
    assert (not compare(one, other, rules).changes) is same_digest(one, other, rules)


@settings(max_examples=200)
@given(DOCUMENTS, st.data())
def test_a_document_with_little_changed_agrees_with_its_digest(value: Any, data: Any) -> None:
    changed = copy.deepcopy(["x", value])
    spots = leaves(changed)
    for _ in range(data.draw(st.integers(0, 3))):
        holder, key = spots[data.draw(st.integers(0, len(spots) - 1))]
        holder[key] = data.draw(SCALARS)
    one, other = as_json(["x", value]), as_json(changed)
    assert (not compare(one, other, PLAIN).changes) is same_digest(one, other)


@given(DOCUMENTS, DOCUMENTS)
def test_swapping_sides_swaps_what_was_removed_and_added(old: Any, new: Any) -> None:
    one, other = as_json(["x", old]), as_json(["x", new])
    there, back = compare(one, other, PLAIN), compare(other, one, PLAIN)
    assert bool(there.changes) is bool(back.changes)
    mirrored = {"removed": "added", "added": "removed", "changed": "changed", "retyped": "retyped"}
    if len(there.changes) == len(back.changes) == 1:
        assert mirrored[there.changes[0].action] == back.changes[0].action
        assert there.changes[0].old == back.changes[0].new


def leaves(value: Any) -> list[tuple[Any, Any]]:
    """Give each scalar of a document as what holds it and its key there."""
    spots: list[tuple[Any, Any]] = []
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        spots += leaves(inner) if isinstance(inner, dict | list) and inner else [(value, key)]
    return spots


def paths(value: Any, steps: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any, Any]]:
    """Give each scalar of a document with its path, what holds it and its key."""
    spots: list[tuple[tuple[Any, ...], Any, Any]] = []
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(inner, dict | list) and inner:
            spots += paths(inner, (*steps, key))
        else:
            spots.append(((*steps, key), value, key))
    return spots


@settings(max_examples=300)
@given(DOCUMENTS, st.data())
def test_one_real_change_is_always_reported_at_exactly_its_path(value: Any, data: Any) -> None:
    old = ["x", value]
    new = copy.deepcopy(old)
    steps, holder, key = data.draw(st.sampled_from(paths(new)))
    before = holder[key]
    holder[key] = data.draw(st.sampled_from(["changed!", 4711, None]).filter(lambda one: one != before))
    compared = compare(as_json(old), as_json(new), PLAIN)
    assert len(compared.changes) == 1, compared.changes
    change = compared.changes[0]
    assert change.action in {"changed", "retyped"}
    assert change.path == _path_text(steps)
    assert not compared.ignored


@given(st.lists(st.integers(), unique=True, min_size=1, max_size=30), st.data())
def test_one_element_put_in_is_one_addition_and_shifts_nothing(ids: list[int], data: Any) -> None:
    old = [{"id": one, "price": abs(one) % 7} for one in ids]
    at = data.draw(st.integers(0, len(old)))
    new = [*old[:at], {"id": "new", "price": 3}, *old[at:]]
    assert found(as_json(old), as_json(new)) == [f'added response json $[{at}]: None -> {{"id": "new", "price": 3}}']
    assert found(as_json(new), as_json(old)) == [f'removed response json $[{at}]: {{"id": "new", "price": 3}} -> None']


def test_a_thousand_levels_do_not_exhaust_the_stack() -> None:
    old, new = (answered('{"a":[' * 500 + str(number) + "]}" * 500) for number in (1, 2))
    (change,) = compare(old, new, PLAIN).changes
    assert (change.old, change.new) == ("1", "2")
    assert len(change.path) < 2 * LONGEST_VALUE
    assert not same_digest(old, new)
    assert not compare(old, answered('{"a": [' * 500 + "1" + "]}" * 500), PLAIN).changes


@pytest.mark.parametrize("empty", ["[]", "{}"])
def test_what_is_empty_beside_a_change_deep_down_is_no_change(empty: str) -> None:
    old, new = (f"{'[' * 70}{empty}, {number}{']' * 70}" for number in (1, 2))
    assert found(answered(old), answered(new)) == [f"changed response json $[0]{'[0]' * 68}[1]: 1 -> 2"]


def test_many_changes_are_counted_and_only_the_first_are_listed() -> None:
    old, new = (as_json([{"id": at, "v": at + more} for at in range(60_000)]) for more in (0, 1))
    compared = compare(old, new, PLAIN)
    assert len(compared.changes) == MOST_CHANGES
    assert compared.left_out == 60_000 - MOST_CHANGES


def test_long_values_are_clipped_so_that_the_difference_is_seen() -> None:
    old, new = as_json({"a": "x" * 50_000 + "1"}), as_json({"a": "x" * 50_000 + "2"})
    (change,) = compare(old, new, PLAIN).changes
    assert change.old is not None
    assert change.new is not None
    assert len(change.old) < LONGEST_VALUE + 50
    assert change.old != change.new


@pytest.mark.parametrize("keyed", [True, False])
def test_time_grows_with_the_size_not_with_its_square(keyed: bool) -> None:
    def cost(size: int) -> float:
        old: list[dict[str, Any]] = [{"id" if keyed else "x": at, "v": at % 10, "w": "word"} for at in range(size)]
        new = [{**one, "v": (one["v"] + at % 2)} for at, one in enumerate(old) if at % 10]
        sides = as_json(old), as_json(new)
        begun = process_time()
        compare(*sides, PLAIN)
        return process_time() - begun

    cost(100)
    half, whole = cost(4_000), cost(8_000)
    assert whole < 5 * half + 0.1


@given(DOCUMENTS)
def test_a_whole_document_that_was_removed_reads_back(value: Any) -> None:
    assume(len(json.dumps(value)) < LONGEST_VALUE)
    (change,) = compare(as_json({"a": value}), as_json({}), PLAIN).changes
    assert change.old is not None
    assert json.loads(change.old) == value


def test_places_that_are_remembered_are_bounded() -> None:
    from cassette_tools.diff import json_fields, sites

    for start in range(0, 60_000, 20_000):
        names = [str(number) for number in range(start, start + 20_000)]
        compare(as_json(dict.fromkeys(names, 1)), as_json(dict.fromkeys(names, 2)), PLAIN)
    root = json_fields._VALUES.root(PLAIN, "response")
    assert root.count[0] <= 2 * sites._MOST_SITES


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ([{"id": 1, "v": 1}, {"id": 1, "v": 2}], [{"id": 1, "v": 3}, {"id": 1, "v": 4}], ["$[0].v", "$[1].v"]),
        ([{"id": [1], "v": 1}, {"id": 1, "v": 2}], [{"id": [1], "v": 3}, {"id": 1, "v": 4}], ["$[0].v", "$[1].v"]),
        ([{"id": 1, "v": 1}, 7], [{"id": 1, "v": 3}, 8], ["$[0].v", "$[1]"]),
    ],
)
def test_elements_that_cannot_be_told_apart_are_paired_in_order(old: Any, new: Any, changes: list[str]) -> None:
    assert [change.path for change in compare(as_json(old), as_json(new), PLAIN).changes] == changes
