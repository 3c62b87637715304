from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cassette_tools.views.diff.marking import Run, elided, marked

WORDS = st.text(st.sampled_from("ab 01,.\u4e2d\n"), max_size=40)


def brackets(runs: list[Run]) -> str:
    return "".join(f"[{run.text}]" if run.differs else run.text for run in runs)


@pytest.mark.parametrize(
    ("old", "new", "marked_old", "marked_new"),
    [
        ("the quick brown fox", "the quick red fox", "the quick [brown] fox", "the quick [red] fox"),
        ("application/json", "application/problem+json", "application/json", "application/[problem+]json"),
        ("a b", "a  b", "a[ ]b", "a[  ]b"),
        ("same", "same", "same", "same"),
        ("200", "404", "[200]", "[404]"),
        ("", "new", "", "[new]"),
        ("", "", "", ""),
        ("max-age=60, private", "max-age=300, public", "max-age=[60], [private]", "max-age=[300], [public]"),
        ("wholly other words", "nothing in common", "[wholly other words]", "[nothing in common]"),
        (
            "a" * 20 + "bbb" + "c" * 20,
            "a" * 20 + "dd" + "c" * 20,
            f"{'a' * 20}[bbb]{'c' * 20}",
            f"{'a' * 20}[dd]{'c' * 20}",
        ),
        ("a" * 30, "a" * 32, "a" * 30, f"{'a' * 30}[aa]"),
        ("prefix", "prefixed", "[prefix]", "[prefixed]"),
    ],
)
def test_what_differs_is_marked_by_words(old: str, new: str, marked_old: str, marked_new: str) -> None:
    assert [brackets(side) for side in marked(old, new)] == [marked_old, marked_new]


@given(WORDS, WORDS)
@example("a,b", "c,d")
@example("a" * 18, "a" * 17)
@example("a" * 18 + "bab", "a" * 18 + "b")
def test_what_is_not_marked_is_the_same_text_on_both_sides_and_nothing_is_lost(old: str, new: str) -> None:
    first, second = marked(old, new)
    assert "".join(run.text for run in first) == old
    assert "".join(run.text for run in second) == new
    assert "".join(run.text for run in first if not run.differs) == "".join(
        run.text for run in second if not run.differs
    )
    assert (old == new) == (not any(run.differs for run in first + second))


def test_long_texts_without_anything_in_common_take_no_quadratic_time() -> None:
    def seconds(words: int) -> float:
        old, new = ("".join(f"{letter}{at}, " for at in range(words)) for letter in "ab")
        start = time.process_time()
        marked(old, new)
        return time.process_time() - start

    seconds(1_000)
    assert seconds(40_000) < 100 * max(seconds(4_000), 0.001)


def test_long_texts_are_shortened_where_they_are_the_same() -> None:
    old, new = marked(f"{'a ' * 500}1{' b' * 500}", f"{'a ' * 500}2{' b' * 500}")
    short = elided(old, "...", room=100)
    assert brackets(short) == "...a a a a a a a a [1] b b b b b b b b..."
    assert len(brackets(elided(new, "...", room=100))) == len(brackets(short))


def test_texts_that_have_room_are_left_alone() -> None:
    runs, _ = marked("the quick brown fox", "the quick red fox")
    assert elided(runs, "...", room=19) == runs


def test_what_differs_is_never_left_out() -> None:
    runs = [Run("x" * 500, differs=True), Run("y" * 500, differs=False), Run("z" * 500, differs=True)]
    short = elided(runs, "...", room=60)
    assert [run for run in short if run.differs] == [runs[0], runs[2]]
    assert short[1].text == f"{'y' * 16}...{'y' * 16}"
