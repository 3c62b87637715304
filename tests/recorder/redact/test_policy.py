"""A policy is a value: checked when made, merged in any order, named by its rules, and silent about secrets."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import pickle
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import UsageError
from recorder.redact.policy import SHORTEST_KEY, Dynamic, Policy, Secret, UrlPattern

VALUE = "kJ8-vP2_xQ9w"
KEY = b"0123456789abcdef"


def first(record: dict[str, Any]) -> dict[str, Any]:
    return record


def second(record: dict[str, Any]) -> None:
    record.clear()


WHOLE = Policy(
    [Secret(VALUE, "env:A"), "plain"],
    environment=False,
    defaults=False,
    headers=["X-One"],
    names=["one"],
    query=["two"],
    fields=["three", "$.four"],
    keep=["code"],
    allow_headers=["Accept"],
    urls=[UrlPattern(r"/users/[a-z]+", "/users/0")],
    dynamic=[Dynamic(["sig"], ["example.com"])],
    disabled_formats=["jwt"],
    personal=["email"],
    callbacks=[first],
    key=KEY,
    key_source="env:K",
    origins=[("headers", "x-one", "here")],
)


def test_a_policy_says_what_it_was_given_in_one_form() -> None:
    policy = Policy(iter(["b", "a", "b"]), headers=("X-B", "x-a", "x-b"), names={"n"}, allow_headers=[])
    assert policy.secrets == (Secret("b", "given#1"), Secret("a", "given#2"))
    assert policy.headers == {"x-a", "x-b"}
    assert policy.allow_headers == frozenset()
    assert Policy().allow_headers is None
    assert (Policy().environment, Policy().defaults) == (True, True)


def test_where_the_key_comes_from_is_told() -> None:
    assert Policy().key_source == "random"
    assert Policy(key=KEY).key_source == "given"
    assert Policy(key=KEY, key_source="env:K").key_source == "env:K"
    assert dataclasses.replace(Policy(), key=KEY).key_source == "random"


def test_neither_a_secret_nor_the_key_is_in_any_repr() -> None:
    for thing in (WHOLE, WHOLE.secrets, Secret(VALUE, "here"), Policy([VALUE])):
        assert VALUE not in repr(thing)
        assert VALUE not in str(thing)
        assert repr(KEY) not in repr(thing)
    assert "env:A" in repr(WHOLE)


def test_a_policy_cannot_be_changed_and_can_be_sent_to_another_process() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        WHOLE.key = None  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(WHOLE)) == WHOLE
    assert hash(WHOLE) == hash(dataclasses.replace(WHOLE))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"secrets": VALUE}, "secrets is a str; give a list"),
        ({"secrets": ["", VALUE]}, "the secret given#1 is empty or white space"),
        ({"secrets": [VALUE, " \n"]}, "the secret given#2 is empty or white space"),
        ({"secrets": [VALUE.encode()]}, "the secret given#1 is of type bytes; give a str"),
        ({"secrets": [VALUE + "\ud800"]}, "the secret given#1 has a lone surrogate"),
        ({"secrets": 5}, "secrets is a int; give a list"),
        ({"headers": "X-Key"}, "headers is a str; give a list"),
        ({"headers": ["X-Key: 1"]}, "'X-Key: 1' in headers is no header's name"),
        ({"allow_headers": [""]}, "each of allow_headers must be a text that is not empty"),
        ({"names": [5]}, "each of names must be a text"),
        ({"names": [" a"]}, "white space around it"),
        ({"query": ["a\n"]}, "white space around it or control characters"),
        ({"fields": ["\ud800"]}, "lone surrogate"),
        ({"environment": 1}, "environment is 1; give True or False"),
        ({"defaults": "yes"}, "defaults is 'yes'; give True or False"),
        ({"personal": ["emial"]}, "'emial' in personal is unknown; give some of email, card, iban, phone, ip"),
        ({"disabled_formats": ["JWT"]}, "'JWT' in disabled_formats is no format's name"),
        ({"urls": [("a", "b")]}, "one of urls is a tuple; give UrlPattern"),
        ({"urls": [UrlPattern("a", "b"), UrlPattern("a", "c")]}, "the URL pattern 'a' has two replacements"),
        ({"dynamic": ["sig"]}, "one of dynamic is a str; give Dynamic"),
        ({"callbacks": ["f"]}, "one of callbacks is a str; give a function"),
        ({"key": "k" * 16}, "key is of type str; give bytes"),
        ({"key": b"short-key-12345"}, "key has 15 bytes; give 16 random bytes or more"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place_and_without_values(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        Policy(**fields)
    assert told in str(caught.value)
    text = "".join(traceback.format_exception(caught.value))
    assert VALUE not in text
    assert "short-key" not in text


@pytest.mark.parametrize(
    ("pattern", "replacement", "told"),
    [
        ("", "x", "must be a text that is not empty"),
        ("(", "x", r"the URL pattern '(' is no regular expression: missing ), unterminated subpattern at character 1"),
        ("x*", "y", "matches the empty text"),
        ("a", "b c", "spaces or control characters"),
        ("a", "b\n", "spaces or control characters"),
        ("a", 5, "must be a text"),
        ("(a)", r"\2", "is wrong: invalid group reference 2"),
        ("(?P<n>a)", r"\g<m>", "is wrong: unknown group name 'm'"),
        ("a", "\\q", r"is wrong: bad escape \q"),
        (r"/\d+", "/id/1", "would change its own replacement in a second run"),
        ("a{1,99999999999}", "b", "is too large"),
    ],
)
def test_a_url_pattern_that_cannot_work_is_refused(pattern: str, replacement: Any, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        UrlPattern(pattern, replacement)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"/\d+", "/0"),
        (r"(?P<n>a)(b)?", r"\g<n>x"),
        ("(?i)token=[^&]+", "token=x"),
        ("session", ""),
        (r"(a)|(b)", r"\2"),
    ],
)
def test_a_url_pattern_that_can_work_is_taken(pattern: str, replacement: str) -> None:
    assert UrlPattern(pattern, replacement).pattern == pattern


def test_a_dynamic_rule_is_sorted_and_its_domains_are_plain() -> None:
    rule = Dynamic(["b", "a", "b"], ["CDN.Example.com.", "b\u00fccher.example"])
    assert (rule.params, rule.domains) == (("a", "b"), ("cdn.example.com", "xn--bcher-kva.example"))
    assert rule.replacement == "dynamic"


@pytest.mark.parametrize(
    ("params", "domains", "replacement", "told"),
    [
        ([], ["a.b"], "x", "at least one name in params and one in domains"),
        (["a"], [], "x", "at least one name in params and one in domains"),
        (["a"], ["https://a.b"], "x", "'https://a.b' in domains is no domain"),
        (["a"], ["a.b:8080"], "x", "is no domain"),
        (["a"], ["a..b"], "x", "is no domain"),
        (["a"], ["\u00fc" * 80], "x", "is no domain"),
        (["a"], ["a.b"], "", "must be a text"),
        (["a"], ["a.b"], "a&b", "of letters, digits and . _ ~ - only"),
        ("a", ["a.b"], "x", "params is a str; give a list"),
    ],
)
def test_a_dynamic_rule_that_cannot_work_is_refused(params: Any, domains: Any, replacement: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        Dynamic(params, domains, replacement)
    assert told in str(caught.value)


# -- merging

NAMES = st.frozensets(st.sampled_from(["a", "b", "c", "d"]), max_size=3)
POLICIES = st.builds(
    Policy,
    st.lists(st.builds(Secret, st.sampled_from(["v", "w", "x"]), st.sampled_from(["env:A", "env:B"])), max_size=3),
    environment=st.booleans(),
    defaults=st.booleans(),
    headers=NAMES,
    names=NAMES,
    query=NAMES,
    fields=NAMES,
    keep=NAMES,
    allow_headers=st.none() | NAMES,
    urls=st.lists(
        st.sampled_from(["q", "r", "s"]).map(lambda pattern: UrlPattern(pattern, pattern.upper())), max_size=3
    ),
    dynamic=st.lists(st.builds(Dynamic, NAMES.filter(bool), st.just(["example.com"])), max_size=2),
    disabled_formats=NAMES,
    personal=st.frozensets(st.sampled_from(["email", "ip"])),
    callbacks=st.lists(st.sampled_from([first, second]), max_size=2),
    key=st.sampled_from([None, KEY]),
    key_source=st.sampled_from(["", "env:K", "file:k"]),
    origins=st.lists(st.tuples(st.just("names"), NAMES.map(str), st.just("here")), max_size=2),
)


@given(st.lists(POLICIES, min_size=1, max_size=4))
def test_merging_says_the_same_in_any_order_and_grouping(policies: list[Policy]) -> None:
    whole = policies[0].merge(*policies[1:])
    for some in itertools.permutations(policies):
        assert some[0].merge(*some[1:]) == whole
    assert functools.reduce(Policy.merge, policies) == whole
    assert whole.merge(whole) == whole


@given(POLICIES, POLICIES)
def test_a_merged_policy_redacts_what_either_does(one: Policy, other: Policy) -> None:
    both = one.merge(other)
    assert {secret.value for secret in both.secrets} == {secret.value for secret in one.secrets + other.secrets}
    assert both.environment == (one.environment or other.environment)
    assert both.headers == one.headers | other.headers
    assert set(both.urls) == set(one.urls) | set(other.urls)
    if one.allow_headers is None:
        assert both.allow_headers == other.allow_headers
    elif other.allow_headers is not None:
        assert both.allow_headers == one.allow_headers | other.allow_headers


def test_every_field_is_merged() -> None:
    assert Policy(environment=False, defaults=False).merge(WHOLE) == WHOLE


def test_policies_with_different_keys_cannot_be_merged() -> None:
    with pytest.raises(UsageError, match=r"different keys cannot be merged \(env:A, env:B\)") as caught:
        Policy(key=KEY, key_source="env:B").merge(Policy(key=b"x" * SHORTEST_KEY, key_source="env:A"))
    assert repr(KEY) not in "".join(traceback.format_exception(caught.value))


# -- the fingerprint


def test_the_fingerprint_is_twelve_digits_that_stay_from_release_to_release() -> None:
    assert Policy().fingerprint() == "3b806ff24d29"
    assert WHOLE.fingerprint() == "d183afce7d17"


def test_the_fingerprint_changes_with_every_rule_and_with_nothing_else() -> None:
    silent = {"secrets", "key", "key_source", "origins"}
    plain = Policy(environment=False, defaults=False)
    seen = {plain.fingerprint()}
    for field in dataclasses.fields(Policy):
        rule: dict[str, Any] = {field.name: getattr(WHOLE, field.name)}
        if field.name in {"environment", "defaults"}:
            rule = {field.name: True}
        changed = dataclasses.replace(plain, **rule)
        assert (changed.fingerprint() in seen) == (field.name in silent), field.name
        seen.add(changed.fingerprint())


@given(POLICIES)
def test_equal_policies_have_equal_fingerprints(policy: Policy) -> None:
    assert dataclasses.replace(policy).fingerprint() == policy.fingerprint()
    assert len(policy.fingerprint()) == 12


def test_a_callback_is_named_and_not_addressed() -> None:
    class Called:
        def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
            return record

    assert Policy(callbacks=[Called()]).fingerprint() == Policy(callbacks=[Called()]).fingerprint()
    assert Policy(callbacks=[first]).fingerprint() != Policy(callbacks=[second]).fingerprint()
    assert Policy(callbacks=[second, first]).callbacks == (first, second)
    assert Policy(callbacks=[functools.partial(first)]).merge(Policy(callbacks=[first])).callbacks[-1] is first
