"""Headers whose structure is known: the value goes, and what a replay needs stays."""

from __future__ import annotations

import base64
import itertools
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.redact.headers import header_spans, password_of
from recorder.redact.leaf import Rules
from recorder.redact.names import normalize
from recorder.redact.placeholders import Placeholders
from recorder.redact.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT: Final = Rules(Policy(environment=False))
PLACEHOLDER: Final = Placeholders(b"a key for tests.").text(b"value", "secret")


def taken(name: str, value: str, rules: Rules = DEFAULT) -> list[str]:
    """Give what goes from a header."""
    data = value.encode("iso-8859-1")
    spans = header_spans(normalize(name), data, rules)
    assert all(0 <= span.start < span.end <= len(data) for span in spans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))
    return [data[span.start : span.end].decode("iso-8859-1") for span in spans]


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "authorization",
        "AUTHORIZATION",
        "Proxy-Authorization",
        "X-Authorization",
        "X-Forwarded-Authorization",
    ],
)
@pytest.mark.parametrize(
    ("value", "gone"),
    [
        ("Bearer s3cr3t.token", "s3cr3t.token"),
        ("bearer s3cr3t", "s3cr3t"),
        ("Bearer   s3cr3t", "s3cr3t"),
        ("Bearer\ts3cr3t", "s3cr3t"),
        ("Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("Token token=s3cr3t", "token=s3cr3t"),
        ('Token token="s3cr3t", nonce="def"', 'token="s3cr3t", nonce="def"'),
        ('Digest username="u", realm="r", response="0123"', 'username="u", realm="r", response="0123"'),
        ("AWS4-HMAC-SHA256 Credential=AKIA/2026/s3, Signature=fe5f", "Credential=AKIA/2026/s3, Signature=fe5f"),
        ("Negotiate YII=", "YII="),
        ("NTLM TlRM", "TlRM"),
        ("ApiKey s3cr3t", "s3cr3t"),
        ("GoogleLogin auth=s3cr3t", "auth=s3cr3t"),
        ("s3cr3t-without-a-scheme", "s3cr3t-without-a-scheme"),
        ("s3cr3t:with:colons", "s3cr3t:with:colons"),
        ("  Bearer s3cr3t  ", "  Bearer s3cr3t"),
        ("Bearer s3cr3t two words ", "s3cr3t two words"),
        ("Bearer caf\xe9", "caf\xe9"),
    ],
)
def test_the_scheme_stays_and_the_credentials_go(name: str, value: str, gone: str) -> None:
    if value.startswith(" "):  # no client sends that; all of it goes
        assert taken(name, value) == ["Bearer s3cr3t"]
    else:
        assert taken(name, value) == [gone]


@pytest.mark.parametrize(
    "value", ["", "   ", "Bearer " + PLACEHOLDER, PLACEHOLDER, "Bearer ***", "Bearer REDACTED", "Basic <redacted>"]
)
def test_credentials_that_are_none_or_masked_stay(value: str) -> None:
    assert taken("Authorization", value) == []


@pytest.mark.parametrize(
    ("value", "gone"),
    [
        ("a=1x; b=2y", ["1x", "2y"]),
        ("a=1x;b=2y", ["1x", "2y"]),
        ("a=1x;  b=2y ;", ["1x", "2y"]),
        ('a="1x"; b=2y', ["1x", "2y"]),
        ("a=x=y==; b=z", ["x=y==", "z"]),
        ("a = 1x", ["1x"]),
        ("a=; b=2y", ["2y"]),
        ("a; b=2y", ["a", "2y"]),
        ("bare-value", ["bare-value"]),
        ("a=deleted; b=expired; c=none; d=null; e=0; f=1; g=true; h=false; i=Deleted", []),
        ("a=1x; a=2y; a=1x", ["1x", "2y", "1x"]),
        (f"a={PLACEHOLDER}; b=2y", ["2y"]),
        ("a=***; b=REDACTED", []),
        ("", []),
        (";;; ;", []),
        ("a=b c; d=e", ["b c", "e"]),
        ("a=caf\xe9", ["caf\xe9"]),
    ],
)
def test_of_a_cookie_each_crumb_goes_and_its_name_stays(value: str, gone: list[str]) -> None:
    assert taken("Cookie", value) == gone


@pytest.mark.parametrize("name", ["Set-Cookie", "set-cookie", "Set-Cookie2"])
@pytest.mark.parametrize(
    ("value", "gone"),
    [
        ("sid=s3cr3t; Path=/; HttpOnly", ["s3cr3t"]),
        ("sid=s3cr3t", ["s3cr3t"]),
        ('sid="s3cr3t"; Path=/', ["s3cr3t"]),
        (
            "sid=s3cr3t; Domain=example.com; Expires=Wed, 01 Jan 2098 00:00:00 GMT; Max-Age=3600; SameSite=Lax",
            ["s3cr3t"],
        ),
        ("sid=a=b&c=d; Secure", ["a=b&c=d"]),
        ("sid=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", []),
        ("sid=deleted; Path=/", []),
        ("sid=0; Path=/", []),
        (f"sid={PLACEHOLDER}; Path=/", []),
        ("s3cr3t; Path=/", ["s3cr3t"]),
        ("", []),
    ],
)
def test_of_a_set_cookie_the_value_goes_and_its_attributes_stay(name: str, value: str, gone: list[str]) -> None:
    assert taken(name, value) == gone


@pytest.mark.parametrize(
    "name",
    [
        "X-Api-Key",
        "x-api-key",
        "X_API_KEY",
        "Api-Key",
        "X-Auth-Token",
        "X-Vault-Token",
        "PRIVATE-TOKEN",
        "DD-API-KEY",
        "X-Amz-Security-Token",
        "Password",
        "X-Password",
        "X-Client-Secret",
        "Ocp-Apim-Subscription-Key",
        "X-CSRF-Token",
        "X-Hub-Signature-256",
    ],
)
def test_all_of_a_sensitive_header_goes(name: str) -> None:
    assert taken(name, " s3cr3t and more\t") == ["s3cr3t and more"]
    for mask in ("", "  ", PLACEHOLDER, "***", "[FILTERED]"):
        assert taken(name, mask) == []


@pytest.mark.parametrize(
    "name",
    [
        "Content-Type",
        "Location",
        "ETag",
        "Date",
        "WWW-Authenticate",
        "X-Request-Id",
        "X-Forwarded-For",
        "Keep-Alive",
        "Public-Key-Pins",
        "X-RateLimit-Remaining",
        "Idempotency-Key",
        "Accept",
        "X-Token-Count",
        "Set-Cookie-Policy",
    ],
)
def test_other_headers_stay(name: str) -> None:
    assert taken(name, "anything") == []


@given(st.sampled_from(["authorization", "cookie", "setcookie", "xapikey"]), st.binary(max_size=60))
def test_any_value_gives_spans_within_it_in_order(name: str, value: bytes) -> None:
    taken(name, value.decode("iso-8859-1"))


# By policy.


def rules(**fields: Any) -> Rules:
    return Rules(Policy(environment=False, **fields))


def test_a_policy_adds_headers_in_any_spelling() -> None:
    mine = rules(headers=["X-Mine"])
    assert taken("x_mine", "value", mine) == ["value"]
    assert taken("X-Mine-Too", "value", mine) == []
    assert taken("Custom", "value", rules(names=["custom"])) == ["value"]


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "Set-Cookie", "PRIVATE-TOKEN"])
def test_a_policy_takes_headers_off_the_list(name: str) -> None:
    assert taken(name, "a=value", rules(keep=[name])) == []
    assert taken(name, "a=value", rules(defaults=False)) == []
    assert taken(name, "a=value", rules(keep=["something-else"])) != []


@pytest.mark.parametrize(
    ("allowed", "name", "gone"),
    [
        (["date"], "Date", []),
        (["Content-Type"], "content-type", []),
        (["date"], "Server", ["value"]),
        ([], "Date", ["value"]),
        (["authorization"], "Authorization", ["value"]),
        (["x-api-key"], "X-Api-Key", ["value"]),
    ],
)
def test_a_list_of_allowed_headers_takes_every_other_one_and_silences_no_sensitive_one(
    allowed: Iterable[str], name: str, gone: list[str]
) -> None:
    assert taken(name, "value", rules(allow_headers=allowed)) == gone


def test_what_goes_for_not_being_allowed_is_not_learned() -> None:
    (span,) = header_spans("server", b"a-server/1.2.3", rules(allow_headers=["date"]))
    assert (span.rule, span.learn) == ("policy:allow-headers", False)
    (span,) = header_spans("xapikey", b"s3cr3t", DEFAULT)
    assert (span.rule, span.learn) == ("header:xapikey", True)
    (span,) = header_spans("authorization", b"Bearer s3cr3t", DEFAULT)
    assert (span.rule, span.learn) == ("header:authorization", True)
    (span,) = header_spans("cookie", b"a=s3cr3t", DEFAULT)
    assert (span.rule, span.learn) == ("cookie", True)


# The password in Basic credentials.


@given(
    st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"]), max_size=9),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
)
def test_the_password_of_basic_credentials_is_what_follows_the_first_colon(user: str, password: str) -> None:
    coded = base64.b64encode(f"{user}:{password}".encode())
    assert password_of(coded) == password.encode()
    assert password_of(coded.rstrip(b"=")) == password.encode()


@pytest.mark.parametrize(
    "coded", [b"", b"!!!!", b"dXNlcg==", base64.b64encode(b"user:"), b"a", b"dXNlcjpwYXNz\n\n!", "é".encode()]
)
def test_credentials_without_a_password_have_none(coded: bytes) -> None:
    assert password_of(coded) is None
