"""What names a request to people shows what it shows."""

from __future__ import annotations

import pytest

from cassette_tools.interaction import Interaction, Request
from cassette_tools.resend import title_of


@pytest.mark.parametrize(
    "sign",
    ["\x1b", "\n", "\u202e", "\u200b", "\ufeff", "\u3164", "\u115f", "\ufe0f", "\u034f", "\U000e0101"],
    ids=lambda sign: f"U+{ord(sign):04X}",
)
def test_a_title_has_a_question_mark_for_what_cannot_be_seen(sign: str) -> None:
    interaction = Interaction(Request("GET", f"https://h.example/a{sign}b", [], None), None)
    assert title_of(interaction, 7) == "7: GET h.example/a?b -> no response"


def test_a_title_keeps_letters_of_all_scripts() -> None:
    interaction = Interaction(Request("GET", "https://h.example/\u6f22\u00e9\u0e01", [], None), None)
    assert title_of(interaction, 1) == "1: GET h.example/\u6f22\u00e9\u0e01 -> no response"
