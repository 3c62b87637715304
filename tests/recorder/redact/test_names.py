"""Names that say secret: folded, compared whole, and found by their stems in every spelling."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.redact.names import (
    COOKIE_HEADERS,
    CREDENTIAL_HEADERS,
    HEADERS,
    NAMES,
    QUERY_NAMES,
    TOKEN_ENDPOINT_NAMES,
    is_token_endpoint,
    normalize,
    stems_of,
)

BODY = NAMES | QUERY_NAMES | TOKEN_ENDPOINT_NAMES
EVERY = BODY | HEADERS | CREDENTIAL_HEADERS | COOKIE_HEADERS

WORDS = re.compile(
    r"token|secret|pass|pwd|key|api|access|refresh|id|session|client|private|public|user|csrf|xsrf|"
    r"authorization|authentication|authenticity|oauth|aws|app|code|cookie|card|number|signing|shared|x|bearer|jwt"
)

HARMLESS = re.findall(
    r"\S+",
    """
    zipcode countrycode statuscode errorcode codec max_tokens tokens_used tokenizer keyboard keyword monkey passenger
    secretary next_page_token page_token continuation_token passage bypass compass author authors sender key keys
    primary_key foreign_key public_key session_count cookie_policy id user name code state nonce
    """,
)


def spellings(name: str) -> set[str]:
    """Write a folded name as people do: in parts that are joined, or set apart in all the ways."""
    parts = [part for part in re.split(f"({WORDS.pattern})", name) if part]
    camel = parts[0] + "".join(part.capitalize() for part in parts[1:])
    return {
        name,
        "_".join(parts),
        "-".join(parts),
        " ".join(parts),
        camel,
        camel[:1].upper() + camel[1:],
        name.upper(),
        "_".join(parts).upper(),
        "-".join(part.capitalize() for part in parts),
    }


def spellings_that_keep_stems(name: str, stem: str) -> set[str]:
    """Set every letter of a name apart from the next one, but for those of the stem."""
    at = name.index(stem)
    before, after = name[:at], name[at + len(stem) :]
    return {separator.join([*before, stem, *after]) for separator in ("_", "-", " ")}


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_spelling_of_a_built_in_name_has_its_stem_and_folds_to_it(name: str) -> None:
    (stem,) = stems_of([name])
    assert len(stem) >= 3
    assert stem in name
    for spelling in spellings(name) | spellings_that_keep_stems(name, stem):
        assert normalize(spelling) == name, spelling
    for spelling in spellings_that_keep_stems(name, stem) | {name.upper()}:
        assert stem in spelling.lower()


def test_most_built_in_names_of_bodies_have_a_stem_that_is_known() -> None:
    """A name without one is found by its first letters: those must be together in each spelling."""
    without = {name for name in BODY if not stems_of([name], known_only=True)}
    for name in without:
        assert all(name[:3] in spelling.lower() for spelling in spellings(name)), name


@pytest.mark.parametrize("name", sorted(BODY))
def test_the_usual_spellings_have_the_stem_that_is_looked_for(name: str) -> None:
    stems = stems_of(BODY)
    for spelling in spellings(name):
        assert any(stem in spelling.lower() for stem in stems), spelling


def test_each_list_holds_folded_names_only() -> None:
    for names in (NAMES, QUERY_NAMES, TOKEN_ENDPOINT_NAMES, HEADERS, CREDENTIAL_HEADERS, COOKIE_HEADERS):
        assert {normalize(name) for name in names} == names
        assert all(name.isalnum() and name.isascii() for name in names)


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("password", "password"),
        ("Password", "password"),
        ("API_KEY", "apikey"),
        ("api-key", "apikey"),
        ("api key", "apikey"),
        ("apiKey", "apikey"),
        ("X-Api-Key", "xapikey"),
        ("user[password]", "password"),
        ("user[auth][access_token]", "accesstoken"),
        ("tokens[]", "tokens"),
        ("tokens[0]", "0"),
        ("ns:Password", "password"),
        ("a:b:Secret", "secret"),
        ("user[ns:token]", "token"),
        ("__token__", "token"),
        ("user.password", "user.password"),
        ("zip-code", "zipcode"),
        ("", ""),
        ("[]", ""),
        ("]", "]"),
        ("KEY\u0130", "keyi\u0307"),
    ],
)
def test_a_name_is_folded(name: str, folded: str) -> None:
    assert normalize(name) == folded


@given(st.text(max_size=30))
def test_folding_twice_is_folding_once(name: str) -> None:
    once = normalize(name)
    if "[" not in once and ":" not in once:
        assert normalize(once) == once


@pytest.mark.parametrize("name", HARMLESS)
def test_a_name_that_only_resembles_one_is_not_on_the_list(name: str) -> None:
    assert normalize(name) not in NAMES


def test_names_of_queries_and_of_token_endpoints_are_ordinary_words_elsewhere() -> None:
    assert not NAMES & (QUERY_NAMES | TOKEN_ENDPOINT_NAMES)


def test_a_name_without_a_known_stem_has_its_first_letters() -> None:
    assert stems_of(["frobnicate"]) == {"fro"}
    assert stems_of(["frobnicate"], known_only=True) == frozenset()
    assert stems_of(["mytokenx"], known_only=True) == {"token"}
    assert stems_of(["ab", ""]) == {"ab"}


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://example.com/oauth/token", True),
        ("https://example.com/oauth/token/", True),
        ("https://example.com/oauth2/v4/token?x=1", True),
        ("https://example.com/token#part", True),
        ("https://example.com/OAuth/Access_Token", True),
        ("https://example.com/oauth/access-token", True),
        ("https://example.com/login/oauth/access_token", True),
        ("https://example.com/api/refresh_token", True),
        ("/oauth2/token", True),
        ("https://example.com/tokens", True),
        ("https://example.com/token/info", False),
        ("https://example.com/tokenize", False),
        ("https://example.com/mytoken", False),
        ("https://example.com/?next=/token", False),
        ("https://token", False),
        ("http://token/?code=x", False),
        ("https://example.com/", False),
        ("", False),
    ],
)
def test_a_token_endpoint_is_told_by_the_end_of_its_path(url: str, is_one: bool) -> None:
    assert is_token_endpoint(url) is is_one
