"""Headers taken apart: what is compared, what is put aside, and that the comparison agrees with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.diff.fields import compare
from cassette_tools.diff.headers import apart, differing, settled_headers
from cassette_tools.diff.model import Ignored
from cassette_tools.diff.rules import Rules
from tests.cassette_tools.diff.messages import PLAIN, answered, asked, found, ignored

if TYPE_CHECKING:
    from cassette_tools.interaction import Headers

AWS: Final = "AWS4-HMAC-SHA256 Credential=AKIA{}/20261123/eu/s3/aws4_request, SignedHeaders={}, Signature=fe5f80f7{}"

SAME: Final = [
    ("Date", "Mon, 23 Nov 2026 03:30:47 GMT", "Tue, 24 Nov 2026 03:30:47 GMT", "date: response header date"),
    ("ETag", '"33a64df5"', '"44b75ef6"', "etag: response header etag"),
    ("Content-Length", "12", "13", "length: response header content-length"),
    ("Location", "http://127.0.0.1:4001/a", "http://127.0.0.1:4002/a", "port: response header location"),
    ("Set-Cookie", "sid=abc123def456; Path=/", "sid=789abc123def; Path=/", "cookie: response header set-cookie sid"),
    (
        "Set-Cookie",
        "theme=dark; Expires=Mon, 23 Nov 2026 03:30:47 GMT",
        "theme=dark; Expires=Tue, 24 Nov 2026 03:30:47 GMT",
        "cookie: response header set-cookie theme",
    ),
    ("Set-Cookie", "sessionid=aBcDeFgHiJ", "sessionid=kLmNoPqRsT", "cookie: response header set-cookie sessionid"),
    ("Set-Cookie", "a=b; Max-Age=3600", "a=b; max-age=3599", "cookie: response header set-cookie a"),
    ("Set-Cookie", "k=Zm9vYmFyMTIzNDU2Nzg5", "k=YmFyZm9vMTIzNDU2Nzg5", "cookie: response header set-cookie k"),
    ("Cookie", "theme=dark; sid=abc123", "theme=dark; sid=def456", "cookie: response header cookie sid"),
    (
        "Content-Type",
        "multipart/mixed; boundary=aa",
        'multipart/mixed; boundary="b b"',
        "boundary: response header content-type",
    ),
    ("Authorization", "Bearer abcdefghijklmnop12", "Bearer abcdefghijklmnop34", "token: response header authorization"),
    (
        "Authorization",
        AWS.format("1", "host", "1"),
        AWS.format("2", "host", "2"),
        "signature: response header authorization",
    ),
    (
        "Authorization",
        'Digest nonce="a1", response="b1"',
        'Digest nonce="a2", response="b2"',
        "signature: response header authorization",
    ),
    (
        "Content-Security-Policy",
        "script-src 'nonce-8f3a51aa'",
        "script-src 'nonce-11bb22cc'",
        "nonce: response header content-security-policy",
    ),
    ("X-Thing", "REDACTED-secret-k647p23mwi", "REDACTED-secret-aaaaaaaaaa", "placeholder: response header x-thing"),
    (
        "Authorization",
        "Bearer REDACTED-secret-k647p23mwi",
        "Bearer REDACTED-secret-aaaaaaaaaa",
        "placeholder: response header authorization",
    ),
]

CHANGED: Final = [
    ("Content-Type", "application/json", "text/html"),
    ("Content-Type", "multipart/mixed; boundary=aa", "multipart/form-data; boundary=bb"),
    ("Cache-Control", "max-age=60", "max-age=90"),
    ("Set-Cookie", "device=mobile; Path=/", "device=desktop; Path=/"),
    ("Set-Cookie", "auth_method=password", "auth_method=signed-in"),
    ("Cookie", "session=EXPIRED", "session=renewed"),
    ("Location", "/users/17", "/users/18"),
    ("Server", "nginx/1.25", "nginx/1.27"),
    ("X-Total-Count", "10", "11"),
    ("X-RateLimit-Limit", "100", "200"),
    ("Set-Cookie", "theme=dark", "theme=light"),
    ("Set-Cookie", "sid=abc123def456; Path=/", "sid=789abc123def; Path=/admin"),
    ("Set-Cookie", "sid=abc123def456; Secure", "sid=789abc123def"),
    ("Set-Cookie", "sid=abc123def456", "sid="),
    ("Set-Cookie", "a=b; Max-Age=3600", "a=b; Max-Age=0"),
    ("Cookie", "theme=dark", "theme=light"),
    ("Cookie", "item_id=1234567", "item_id=7654321"),
    ("Authorization", "Basic dXNlcjpwYXNz", "Basic b3RoZXI6cGFzcw=="),
    ("Authorization", "Bearer abcdefghijklmnop12", "Token abcdefghijklmnop12"),
    ("Authorization", AWS.format("1", "host", "1"), AWS.format("1", "host;x", "1")),
    ("Accept", "application/json", "text/csv"),
]


@pytest.mark.parametrize(("name", "old", "new", "what"), SAME)
def test_volatile_headers_are_ignored_and_said(name: str, old: str, new: str, what: str) -> None:
    one, other = answered("{}", headers=[(name, old)]), answered("{}", headers=[(name.lower(), new)])
    compared = compare(one, other, PLAIN)
    assert not compared.changes
    assert ignored(compared) == {what: 1}
    assert found(one, other, Rules(keep_volatile=True))


@pytest.mark.parametrize(("name", "old", "new"), CHANGED)
def test_real_changes_of_headers_are_told_by_small_name(name: str, old: str, new: str) -> None:
    (told,) = found(answered("{}", headers=[(name, old)]), answered("{}", headers=[(name, new)]))
    assert told.startswith(f"changed response header {name.lower()}: ")


def test_order_between_names_and_letter_case_say_nothing_order_within_a_name_does() -> None:
    one: Headers = [("A", "1"), ("B", "2"), ("B", "3")]
    assert not compare(answered(headers=one), answered(headers=[("b", "2"), ("a", "1"), ("b", "3")]), PLAIN).changes
    assert found(answered(headers=one), answered(headers=[("A", "1"), ("B", "3"), ("B", "2")]))


def test_a_header_that_was_put_in_is_added_and_shifts_none_of_its_name() -> None:
    old: Headers = [("Link", "one"), ("Link", "two")]
    new: Headers = [("Link", "zero"), *old]
    assert found(answered(headers=old), answered(headers=new)) == ["added response header link: None -> zero"]
    assert found(answered(headers=new), answered(headers=old)) == ["removed response header link: zero -> None"]


@pytest.mark.parametrize("name", ["X-Cache", "Age", "X-Runtime", "Connection", "Transfer-Encoding", "Content-Length"])
def test_whether_passing_headers_are_there_is_no_change(name: str) -> None:
    compared = compare(answered("{}"), answered("{}", headers=[(name, "1")]), PLAIN)
    assert not compared.changes
    assert sum(compared.ignored.values()) == 1


@pytest.mark.parametrize("name", ["ETag", "Date", "X-RateLimit-Remaining", "Set-Cookie", "Retry-After"])
def test_whether_a_header_is_there_that_programs_rely_on_is_a_change(name: str) -> None:
    assert found(answered("{}", headers=[(name, "1")]), answered("{}")) == [
        f"removed response header {name.lower()}: 1 -> None"
    ]


def test_content_length_is_compared_in_an_answer_to_head() -> None:
    old, new = (answered(headers=[("Content-Length", size)]) for size in ("12", "13"))
    old.request.method = new.request.method = "HEAD"
    assert found(old, new) == ["changed response header content-length: 12 -> 13"]


def test_cookies_are_compared_one_by_one_and_ignored_by_name() -> None:
    old, new = asked(headers=[("Cookie", "a=1; b=2; c=3")]), asked(headers=[("Cookie", "c=3; a=1; b=5; d=4")])
    assert found(old, new) == [
        "changed request header cookie: b=2 -> b=5",
        "added request header cookie: None -> d=4",
    ]
    compared = compare(old, new, Rules(ignored=("cookie:b", "cookie:d")))
    assert not compared.changes
    assert ignored(compared) == {
        "--ignore cookie:b: request header cookie b": 1,
        "--ignore cookie:d: request header cookie d": 1,
    }


def test_trailers_are_compared_like_headers() -> None:
    old, new = answered(trailers=[("X-Sum", "a")]), answered(trailers=[("x-sum", "b")])
    assert found(old, new) == ["changed response trailer x-sum: a -> b"]
    assert not found(old, new, Rules(ignored=("trailer:x-sum",)))


def test_ignored_headers_are_said_by_their_selector() -> None:
    compared = compare(answered(headers=[("X-A", "1")]), answered(), Rules(ignored=("response.header:x-*",)))
    assert compared.ignored == {Ignored("--ignore response.header:x-*", "response header x-a"): 1}


NAMES: Final = st.sampled_from(
    ["Date", "ETag", "X-A", "x-a", "Set-Cookie", "Cookie", "Age", "Content-Type", "Location"]
)
VALUES: Final = st.sampled_from(
    [
        "1",
        "a=1; Path=/",
        "sid=abcdef12",
        "sid=fedcba21",
        "multipart/x; boundary=a",
        "multipart/x; boundary=b",
        "",
        "/?_=1700000000123&at=2026-11-23T09:15:02Z",
        "/?_=1700000000999&at=2026-11-24T09:15:02Z",
        "a=1; b=2; sid=abcdef",
    ]
)
HEADERS: Final = st.lists(st.tuples(NAMES, VALUES), max_size=6)


@given(HEADERS, HEADERS, st.sampled_from([PLAIN, Rules(keep_volatile=True), Rules(ignored=("header:x-a", "cookie:a"))]))
def test_taken_apart_and_compared_say_the_same(old: Headers, new: Headers, rules: Rules) -> None:
    one, other = answered(headers=old), answered(headers=new)
    assert one.response is not None
    assert other.response is not None
    here, there = apart(one.response.headers, rules, "response"), apart(other.response.headers, rules, "response")
    compared = compare(one, other, rules)
    assert (here.compared == there.compared) is (not compared.changes)
    if not compared.changes:
        assert differing(here, there) == compared.ignored
    assert (settled_headers(old, rules, "response") == settled_headers(new, rules, "response")) is (
        apart(old, rules, "response").compared == apart(new, rules, "response").compared
    )
