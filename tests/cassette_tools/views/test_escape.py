"""Nothing recorded can drive, reorder or hide text on a terminal."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.views.escape import json_safe, visible, writable_to_terminal

HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
ANY_TEXT = st.text(st.characters(exclude_categories=[]))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]8;;http://evil\x1b\\link", r"\x1b]8;;http://evil\x1b\link"),
        ("\x1b]52;c;aGk=\a", r"\x1b]52;c;aGk=\a"),
        ("\x9b2J", r"\x9b2J"),
        ("\x9d0;title\x9c", r"\x9d0;title\x9c"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("\u2066a\u2069", r"\u2066a\u2069"),
        ("a\u200bb\ufeffc\u00add", r"a\u200bb\ufeffc\xadd"),
        ("one\rtwo", r"one\rtwo"),
        ("a\tb\nc", r"a\tb\nc"),
        ("\x7f\x00", r"\x7f\x00"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\udc80", r"\udc80"),
        ("\U000e0041", r"\U000e0041"),
        ("[bold]x[/bold] :smile:", "[bold]x[/bold] :smile:"),
        ("äß漢字🙂", "äß漢字🙂"),
        (r"C:\new", r"C:\new"),
    ],
)
def test_what_drives_a_terminal_is_written_out_and_the_rest_stays(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_every_control_format_and_surrogate_character_of_unicode_is_written_out() -> None:
    missed = [
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in HIDDEN_CATEGORIES and visible(chr(code)) == chr(code)
    ]
    assert missed == []


def test_letters_digits_marks_and_spaces_of_unicode_stay_but_for_those_that_show_nothing() -> None:
    changed = {
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code))[0] in "LNPSZM" and visible(chr(code)) != chr(code)
    }
    fillers = {0x115F, 0x1160, 0x3164, 0xFFA0}
    selectors = {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x1810)}
    assert changed <= fillers | selectors | {0x34F, 0x17B4, 0x17B5, 0x2028, 0x2029, 0xFFFA, 0xFFFB}


@given(ANY_TEXT)
def test_what_was_made_visible_holds_nothing_to_escape_and_changes_no_more(text: str) -> None:
    shown = visible(text)
    assert not any(unicodedata.category(one) in HIDDEN_CATEGORIES for one in shown)
    assert visible(shown) == shown


@given(ANY_TEXT)
def test_lines_and_tabs_stay_where_a_text_has_lines_and_nothing_else(text: str) -> None:
    shown = visible(text, lines=True)
    assert [one for one in shown if unicodedata.category(one) in HIDDEN_CATEGORIES] == [
        one for one in text if one in "\n\t"
    ]
    assert writable_to_terminal(text) == (shown == text)


@given(st.recursive(ANY_TEXT | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner)))
def test_json_keeps_its_value_and_loses_what_drives_a_terminal(value: object) -> None:
    for ensure_ascii in (False, True):
        document = json.dumps(value, ensure_ascii=ensure_ascii, indent=1)
        safe = json_safe(document)
        assert json.loads(safe) == json.loads(document)
        assert all(one == "\n" or unicodedata.category(one) not in HIDDEN_CATEGORIES for one in safe)


@pytest.mark.parametrize("lines", [False, True])
def test_text_of_ascii_is_shown_as_it_is_beside_other_text(lines: bool) -> None:
    for code in range(0x80):
        text = f"a{chr(code)}"
        assert visible(text, lines=lines) + "\xe9" == visible(text + "\xe9", lines=lines)
        assert writable_to_terminal(text) == writable_to_terminal(text + "\xe9")
