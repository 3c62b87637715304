"""What stands in a secret's place: computed from value and key alone, and known again."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from recorder.redact.placeholders import PLACEHOLDER, Placeholders, is_placeholder

if TYPE_CHECKING:
    from collections.abc import Callable

KEY: Final = b"a key of 32 bytes for the tests."
PLACEHOLDERS: Final = Placeholders(KEY)
KINDS: Final = ("secret", "github-token", "jwt", "email", "card", "private-key")
values = st.binary(min_size=1, max_size=60)

FORMS: dict[str, Callable[[Placeholders, bytes], str | bytes]] = {
    "text": lambda made, value: made.text(value, "secret"),
    "text, one more": lambda made, value: made.text(value, "secret", more=1),
    "text, two more": lambda made, value: made.text(value, "secret", more=2),
    "e-mail": lambda made, value: made.shaped(value, "email"),
    "jwt": lambda made, value: made.shaped(value, "jwt"),
    "number": lambda made, value: made.number(value),
    "sized": lambda made, value: made.sized(value, "secret", 40),
}


@pytest.mark.parametrize("form", FORMS)
@given(one=values, other=values)
def test_equal_values_get_equal_placeholders_and_different_ones_differ(form: str, one: bytes, other: bytes) -> None:
    make = FORMS[form]
    assert make(PLACEHOLDERS, one) == make(Placeholders(KEY), bytes(one))
    if form != "number":  # seven digits: two values may meet
        assert (make(PLACEHOLDERS, one) == make(PLACEHOLDERS, other)) is (one == other)


@pytest.mark.parametrize("form", FORMS)
def test_another_key_gives_another_placeholder(form: str) -> None:
    make = FORMS[form]
    assert make(PLACEHOLDERS, b"value") != make(Placeholders(b"another key of 32 bytes, for test"), b"value")


def test_a_thousand_numbers_are_told_apart() -> None:
    numbers = {PLACEHOLDERS.number(b"%d" % value) for value in range(1000)}
    assert len(numbers) >= 999


@given(value=values, kind=st.sampled_from(KINDS), more=st.integers(0, 2))
def test_a_placeholder_needs_no_escape_anywhere(value: bytes, kind: str, more: int) -> None:
    told = PLACEHOLDERS.text(value, kind, more=more)
    assert re.fullmatch(rf"REDACTED-{kind}-[a-z2-7]{{{10 + more}}}", told)
    assert quote(told, safe="") == told == escape(told)
    assert json.dumps(told) == f'"{told}"'


@given(value=values)
def test_the_length_of_the_hash_says_nothing_new(value: bytes) -> None:
    assert PLACEHOLDERS.text(value, "secret", more=2).startswith(PLACEHOLDERS.text(value, "secret"))


@given(value=values, kind=st.sampled_from(KINDS))
def test_every_form_is_known_again(value: bytes, kind: str) -> None:
    for more in range(3):
        assert is_placeholder(PLACEHOLDERS.text(value, kind, more=more).encode())
    assert is_placeholder(PLACEHOLDERS.shaped(value, kind).encode())
    assert is_placeholder(PLACEHOLDERS.number(value).encode())


@given(
    value=values, before=st.sampled_from([b"", b"x", b"-", b"="]), after=st.sampled_from([b"", b"1", b"-", b"=", b"a"])
)
def test_with_anything_beside_it_it_is_none(value: bytes, before: bytes, after: bytes) -> None:
    assume(before or after)
    for told in (PLACEHOLDERS.shaped(value, "email"), PLACEHOLDERS.shaped(value, "jwt"), PLACEHOLDERS.number(value)):
        assert not is_placeholder(before + told.encode() + after)
    if before or after != b"a":  # a hash may be two letters longer
        assert not is_placeholder(before + PLACEHOLDERS.text(value, "secret").encode() + after)


def test_what_only_looks_like_one_is_none() -> None:
    number = PLACEHOLDERS.number(b"value")
    wrong = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
    jwt = PLACEHOLDERS.shaped(b"value", "jwt")
    others = PLACEHOLDERS.text(b"another value", "jwt")
    for near in (
        "",
        "REDACTED",
        "REDACTED-",
        "REDACTED-secret",
        "REDACTED-secret-",
        "REDACTED-secret-abcdefghi",
        "REDACTED-secret-abcdefghijklm",
        "REDACTED-secret-abcdefghi1",
        "REDACTED-secret-ABCDEFGHIJ",
        "REDACTED-Secret-abcdefghij",
        "redacted-secret-abcdefghij",
        "REDACTED--abcdefghij",
        "REDACTED-abcdefghij",
        "REDACTED-secret--abcdefghij",
        "REDACTED_secret_abcdefghij",
        "redacted-abcdefghi@redacted.invalid",
        "redacted-abcdefghij@redacted.example",
        "someone@redacted.invalid",
        wrong,
        number[:-1],
        f"{number}0",
        f"-{number}",
        "404000000000000",
        "405" + number[3:],
        f"{jwt.rpartition('.')[0]}.{others}",
        jwt.rpartition(".")[0],
        jwt.partition(".")[2],
    ):
        assert not is_placeholder(near.encode()), near


def test_of_ten_thousand_numbers_that_begin_alike_hardly_one_passes() -> None:
    """The check digits: one number in 100,000 passes by chance."""
    assert sum(is_placeholder(b"404%012d" % (number * 99_999_989)) for number in range(10_000)) <= 2


@given(value=values)
def test_a_number_is_exact_in_a_double(value: bytes) -> None:
    told = PLACEHOLDERS.number(value)
    assert re.fullmatch(r"404\d{12}", told)
    assert json.dumps(json.loads(told)) == told
    assert int(float(told)) == int(told)


@given(value=values)
def test_a_jwt_keeps_its_shape_and_says_who_it_stands_for(value: bytes) -> None:
    head, claims, signature = PLACEHOLDERS.shaped(value, "jwt").split(".")
    assert json.loads(_unpadded(head)) == {"alg": "none"}
    assert json.loads(_unpadded(claims)) == {"sub": signature}
    assert signature == PLACEHOLDERS.text(value, "jwt")


def _unpadded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@given(value=values)
def test_an_e_mail_address_keeps_its_shape_under_a_domain_that_cannot_exist(value: bytes) -> None:
    assert re.fullmatch(r"redacted-[a-z2-7]{10}@redacted\.invalid", PLACEHOLDERS.shaped(value, "email"))


@given(value=values, size=st.integers(0, 100))
def test_a_sized_placeholder_has_that_size(value: bytes, size: int) -> None:
    told = PLACEHOLDERS.sized(value, "secret", size)
    assert len(told) == size
    assert told.rstrip(b".") == PLACEHOLDERS.text(value, "secret").encode()[:size]


def test_it_is_found_in_a_text_at_its_full_length() -> None:
    told = PLACEHOLDERS.text(b"value", "github-token").encode()
    assert [match[0] for match in PLACEHOLDER.finditer(b"a=%s&b=%s." % (told, told))] == [told, told]


def test_nothing_of_the_value_or_the_key_is_in_it() -> None:
    for form in FORMS.values():
        told = form(PLACEHOLDERS, b"hunter2-hunter2")
        data = told if isinstance(told, bytes) else told.encode()
        assert b"hunter" not in data
        assert KEY not in data
    assert "key" not in repr(PLACEHOLDERS)
