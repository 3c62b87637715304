"""A policy on its way to other processes: by a file that is its owner's alone, and gone afterwards."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import PolicyError, UsageError
from recorder.redact.handover import hand_over, take_over
from recorder.redact.policy import Dynamic, Policy, Secret, UrlPattern

if TYPE_CHECKING:
    from pathlib import Path

KEY = b"0123456789abcdef"
SECRET = "hunter2-hunter2"
names = st.frozensets(st.text("abcXYZ-_", min_size=1, max_size=6), max_size=3)


def everything() -> Policy:
    return Policy(
        [Secret('tschüß\n"\\\u2028', "file:secrets.txt#1"), Secret(SECRET, "env:TOKEN")],
        environment=False,
        defaults=False,
        headers=["X-Mine"],
        names=["mine"],
        query=["q"],
        fields=["$.a[*].b", "plain"],
        keep=["token"],
        allow_headers=["content-type"],
        urls=[UrlPattern(r"/users/(\d+)", r"/users/\g<1>x")],
        dynamic=[Dynamic(["sig", "exp"], ["example.com"], "gone")],
        disabled_formats=["jwt"],
        personal=["email", "iban"],
        key=KEY,
        key_source="env:KEY",
    )


def test_everything_that_a_policy_says_arrives() -> None:
    with hand_over(everything()) as path:
        assert take_over(path) == everything()
        assert take_over(path).fingerprint() == everything().fingerprint()


def test_every_field_is_handed_over_or_left_out_on_purpose() -> None:
    """A field that is added to Policy must be handed over, too."""
    default = Policy()
    left_out = {"callbacks", "origins"}
    for name in set(Policy.__slots__) - left_out:
        assert getattr(everything(), name) != getattr(default, name), f"{name} is not in the test above"


@pytest.mark.parametrize("allowed", [None, [], ["date"]])
def test_no_list_of_headers_is_not_an_empty_one(allowed: list[str] | None) -> None:
    with hand_over(Policy(allow_headers=allowed, key=KEY)) as path:
        assert take_over(path).allow_headers == (None if allowed is None else frozenset(allowed))


@given(
    secrets=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip), max_size=3),
    fields=names,
    query=names,
    key=st.binary(min_size=16, max_size=40),
    flags=st.tuples(st.booleans(), st.booleans()),
)
def test_any_policy_arrives_as_it_was(
    secrets: list[str], fields: frozenset[str], query: frozenset[str], key: bytes, flags: tuple[bool, bool]
) -> None:
    policy = Policy(secrets, fields=fields, query=query, key=key, environment=flags[0], defaults=flags[1])
    with hand_over(policy) as path:
        assert take_over(path) == policy


def test_only_its_owner_may_read_the_file_whatever_the_mask() -> None:
    before = os.umask(0)
    try:
        with hand_over(everything()) as path:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_neither_secret_nor_key_is_in_its_name() -> None:
    with hand_over(everything()) as path:
        assert SECRET not in str(path)
        assert KEY.hex() not in str(path)


def test_the_file_is_gone_after_the_block() -> None:
    with hand_over(everything()) as path:
        assert path.exists()
    assert not path.exists()


class _TroubleError(Exception):
    pass


def test_the_file_is_gone_after_a_block_that_failed() -> None:
    place: list[Path] = []

    def fail() -> None:
        with hand_over(everything()) as path:
            place.append(path)
            raise _TroubleError

    with pytest.raises(_TroubleError):
        fail()
    assert place
    assert not place[0].exists()


def test_a_file_that_somebody_has_removed_is_no_trouble() -> None:
    with hand_over(everything()) as path:
        path.unlink()
    assert not path.exists()


def _callback(record: dict[str, Any]) -> None:
    del record


@pytest.mark.parametrize(
    ("policy", "told"), [(Policy([SECRET]), "key"), (Policy([SECRET], key=KEY, callbacks=[_callback]), "callbacks")]
)
def test_what_cannot_be_handed_over_is_refused_and_leaves_no_file(
    policy: Policy, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(UsageError, match=told) as error, hand_over(policy):
        pass
    assert SECRET not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"gone.json: .*cannot be read.*has the run ended"):
        take_over(tmp_path / "gone.json")


def damaged() -> dict[str, bytes]:
    with hand_over(everything()) as path:
        whole = path.read_bytes()
    return {
        "empty": b"",
        "cut in the middle": whole[: len(whole) // 2],
        "a byte short": whole[:-1],
        "no UTF-8": b"\xff" + whole,
        "an array": b"[]",
        "null": b"null",
        "a number": b"7",
        "without a key": b'{"secrets":[["hunter2-hunter2","x"]]}',
        "another type": whole.replace(b'"secrets":[', b'"secrets":7,"x":['),
        "a pair too long": whole.replace(b'"env:TOKEN"', b'"env:TOKEN","x"'),
        "no hexadecimal key": whole.replace(KEY.hex().encode(), b"zz"),
        "a short key": whole.replace(KEY.hex().encode(), b"00"),
        "a pattern that is none": whole.replace(b"/users/(", b"/users/(("),
    }


@pytest.mark.parametrize("how", damaged())
def test_what_is_not_whole_is_no_policy_and_the_message_has_no_secret(how: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(damaged()[how])
    with pytest.raises(PolicyError) as error:
        take_over(path)
    assert str(path) in str(error.value)
    assert SECRET not in str(error.value)
    assert error.value.__cause__ is None
