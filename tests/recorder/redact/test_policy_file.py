"""A policy file means what it says, or is refused with the place and the next step."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.errors import PolicyError, SecretsError, UsageError
from recorder.redact import policy_file
from recorder.redact.policy import Dynamic, Policy, Secret, UrlPattern
from recorder.redact.policy_file import TEMPLATE, load_policy

KEY = "0123456789abcdef"
VALUE = "kJ8-vP2_xQ9w"
ENVIRONMENT = {"ACME_ONE": "first", "ACME_TWO": "second", "K": KEY, "SHORT": "short-key", "EMPTY": ""}


def written(folder: Path, text: str | bytes, *, name: str = "policy.toml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def loaded(folder: Path, text: str) -> Policy:
    return load_policy(written(folder, f"version = 1\n{text}"), environment=ENVIRONMENT)


def test_the_template_is_the_default_policy(tmp_path: Path) -> None:
    policy = load_policy(written(tmp_path, TEMPLATE), environment={})
    assert policy == Policy()
    assert policy.origins == ()
    assert policy.fingerprint() == Policy().fingerprint()


def examples() -> str:
    """Return the template with its examples taken as settings."""
    return re.sub(r"(?m)^# (?=\[\[|[a-z_]+ = )", "", TEMPLATE)


def test_the_template_has_an_example_of_every_key_that_there_is(tmp_path: Path) -> None:
    said = tomllib.loads(examples())
    assert said.pop("version") == 1
    tables = {name: value[0] if isinstance(value, list) else value for name, value in said.items()}
    known = {**policy_file._TABLES, **policy_file._ARRAYS}
    assert {name: set(keys) for name, keys in tables.items()} == {name: set(keys) for name, keys in known.items()}


def test_the_page_about_policies_describes_every_key_that_there_is() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")
    described = {
        key for row in re.findall(r"(?m)^\| (`.*?) \|", page) for key in re.findall(r"`([a-z]+\.[a-z_]+)`", row)
    }
    known = {**policy_file._TABLES, **policy_file._ARRAYS}
    assert described == {f"{name}.{key}" for name, keys in known.items() for key in keys}


def test_a_json_path_that_is_none_is_told_with_its_key(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[places]\nfields = ['$.a[0]..b']").fields == {"$.a[0]..b"}
    with pytest.raises(PolicyError) as caught:
        loaded(tmp_path, "[places]\nfields = ['$.a[']")
    assert str(caught.value).startswith(f"{tmp_path}/policy.toml: places.fields: ")


def test_the_examples_of_the_template_work(tmp_path: Path) -> None:
    written(tmp_path, "first\n", name="secrets.txt")
    written(tmp_path, '{"#a": "second"}', name="config.json")
    text = examples().replace('file = "redaction.key"\n', "")
    environment = {"DB_LOGIN": "third", "CTOOLS_REDACTION_KEY": KEY}
    policy = load_policy(written(tmp_path, text), environment=environment)
    assert {secret.value for secret in policy.secrets} == {"first", "second", "third"}
    assert policy.key == KEY.encode()


def test_a_whole_policy_says_everything_and_where_it_was_said(tmp_path: Path) -> None:
    written(tmp_path, "from a file\n", name="secrets.txt")
    written(tmp_path, '{"#a": "from a configuration"}', name="config.json")
    policy = loaded(
        tmp_path,
        r"""
        [secrets]
        environment = false
        env = ["ACME_*"]
        files = ["secrets.txt"]
        configs = ["config.json"]
        [key]
        env = "K"
        [places]
        defaults = false
        headers = ["X-One"]
        names = ["one"]
        query = ["two"]
        fields = ["three"]
        keep = ["four"]
        allow_headers = []
        [formats]
        disable = ["jwt"]
        [personal]
        detect = ["ip"]
        [[urls]]
        pattern = '/users/(a)b'
        replacement = '/users/\1'
        [[urls]]
        pattern = 'z'
        replacement = ''
        [[dynamic]]
        params = ["oh"]
        domains = ["example.com"]
        [[dynamic]]
        params = ["oe"]
        domains = ["example.com"]
        replacement = "x"
        """,
    )
    assert policy == Policy(
        [
            Secret("first", "env:ACME_ONE"),
            Secret("second", "env:ACME_TWO"),
            Secret("from a file", "file:secrets.txt#1"),
            Secret("from a configuration", "config:#a"),
        ],
        environment=False,
        defaults=False,
        headers=["x-one"],
        names=["one"],
        query=["two"],
        fields=["three"],
        keep=["four"],
        allow_headers=[],
        urls=[UrlPattern("/users/(a)b", r"/users/\1"), UrlPattern("z", "")],
        dynamic=[Dynamic(["oh"], ["example.com"]), Dynamic(["oe"], ["example.com"], "x")],
        disabled_formats=["jwt"],
        personal=["ip"],
        key=KEY.encode(),
        key_source="env:K",
        origins=policy.origins,
    )
    path = str(tmp_path / "policy.toml")
    assert {(field, shown, where.removeprefix(f"{path}: ")) for field, shown, where in policy.origins} == {
        ("environment", "false", "secrets.environment"),
        ("secrets", "variable ACME_*: 2 values", "secrets.env"),
        ("secrets", "file secrets.txt: 1 value", "secrets.files"),
        ("secrets", "configuration config.json: 1 value", "secrets.configs"),
        ("key", "env:K", "key.env"),
        ("defaults", "false", "places.defaults"),
        ("headers", "x-one", "places.headers"),
        ("names", "one", "places.names"),
        ("query", "two", "places.query"),
        ("fields", "three", "places.fields"),
        ("keep", "four", "places.keep"),
        ("allow_headers", "(none)", "places.allow_headers"),
        ("disabled_formats", "jwt", "formats.disable"),
        ("personal", "ip", "personal.detect"),
        ("urls", r"/users/(a)b -> /users/\1", "urls[1]"),
        ("urls", "z -> ", "urls[2]"),
        ("dynamic", "oh at example.com -> dynamic", "dynamic[1]"),
        ("dynamic", "oe at example.com -> x", "dynamic[2]"),
    }


def test_a_key_may_be_in_a_file_beside_the_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, f"{KEY}\n", name="k")
    monkeypatch.chdir(tmp_path.parent)
    policy = loaded(tmp_path, "[key]\nfile = 'k'")
    assert (policy.key, policy.key_source) == (KEY.encode(), "file:k")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ": version is missing. Add a first line: version = 1."),
        ("version = '1'", ": version: this must be a number. Write: version = 1."),
        ("version = true", ": version: this must be a number."),
        ("version = 0", ": version: this must be a number."),
        ("version = 2", ": version: the file has version 2, and this release reads up to 1. Install a newer release"),
        ("version = 1\nx =", ": no valid TOML: Invalid value (at end of document). Correct that line."),
        ("version = 1\n\nversion = 1\n", ": no valid TOML: Cannot overwrite a value (at line 3, column 12)."),
        (f"version = {'1' * 5000}", ": no valid TOML: a number is too long. Correct it."),
        ("a = " + "[" * 50_000, ": "),
        (b"version = 1\n# \xff", ", line 2: not valid UTF-8. Save the file as UTF-8."),
    ],
)
def test_a_file_that_is_no_policy_is_told(tmp_path: Path, text: str | bytes, told: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    assert str(caught.value).startswith(f"{path}{told}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[place]", "the key 'place' is unknown. Did you mean places?"),
        ("secret = 'x'", "the key 'secret' is unknown. Did you mean secrets?"),
        ("headers = []", "the key 'headers' is unknown. It belongs below [places]."),
        ("params = []", "the key 'params' is unknown. It belongs below [[dynamic]]."),
        ("zzz = 1", "the key 'zzz' is unknown. Known are: secrets, key, places, formats, personal, urls, dynamic."),
        ("[places]\nheader = []", "places: the key 'header' is unknown. Did you mean headers?"),
        ("[places]\nenv = []", "places: the key 'env' is unknown. It belongs below [secrets]."),
        ("[key]\nvalue = 'x'", "key: the key 'value' is unknown. Known are: env, file."),
        ("places = 1", "places: this must be a table: write [places] on a line of its own, and its keys below it."),
        ("[urls]\npattern = 'x'", "urls: these must be tables: write [[urls]] on a line of its own, and its keys"),
        ("urls = ['x']", "urls: these must be tables"),
        ("[places]\nheaders = 'x'", "places.headers: this must be a list of texts, and it is a text."),
        ("[places]\nheaders = ['x', 5]", "places.headers: item 2 must be a text in quotes, and it is a number."),
        ("[places]\nheaders = ['x y']", "places.headers: 'x y' in headers is no header's name"),
        ("[places]\nnames = ['']", "places.names: each of names must be a text that is not empty."),
        ("[places]\ndefaults = 1", "places.defaults: this must be true or false, and it is a number."),
        ("[secrets]\nenvironment = 'no'", "secrets.environment: this must be true or false, and it is a text."),
        ("[secrets]\nenv = {}", "secrets.env: this must be a list of texts, and it is a table."),
        ("[secrets]\nfiles = 1979-05-27", "secrets.files: this must be a list of texts, and it is a date or a time."),
        ("[key]\nenv = []", "key.env: this must be a text in quotes, and it is a list."),
        ("[key]\nenv = 'K'\nfile = 'k'", "key: env and file are both given; leave one of them."),
        ("[key]\nenv = 'NOPE'", "key.env: the environment variable NOPE is not set. Set it (openssl rand -hex 32"),
        ("[key]\nenv = 'EMPTY'", "key.env: the environment variable EMPTY is empty."),
        ("[key]\nenv = 'SHORT'", "key.env: the key has 9 bytes; give 16 or more, made with: openssl rand -hex 32."),
        ("[personal]\ndetect = ['mail']", "personal.detect: 'mail' in personal is unknown; give some of email, card"),
        ("[formats]\ndisable = ['jtw']", "formats.disable: there is no format 'jtw'. Did you mean jwt?"),
        ("[[urls]]\npattern = 'x'", "urls[1]: replacement is missing. Add it below [[urls]]."),
        (
            "[[urls]]\npattern = 'x'\nreplacement = ''\n[[urls]]\npattern = '('\nreplacement = ''",
            "urls[2]: the URL pattern '(' is no regular expression: missing ), unterminated subpattern at character 1.",
        ),
        ("[[urls]]\npattern = 'x'\nreplace = ''", "urls[1]: the key 'replace' is unknown. Did you mean replacement?"),
        (
            "[[urls]]\npattern = 5\nreplacement = ''",
            "urls[1].pattern: this must be a text in quotes, and it is a number",
        ),
        ("[[dynamic]]\nparams = ['x']", "dynamic[1]: domains is missing. Add it below [[dynamic]]."),
        ("[[dynamic]]\nparams = ['x']\ndomains = ['a/b']", "dynamic[1]: 'a/b' in domains is no domain"),
        (
            "[[urls]]\npattern = 'x'\nreplacement = 'a'\n[[urls]]\npattern = 'x'\nreplacement = 'b'",
            "the URL pattern 'x' has two replacements; leave one.",
        ),
    ],
)
def test_what_a_policy_cannot_mean_is_told_with_its_key(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/policy.toml: {told}")
    shown = "".join(traceback.format_exception(caught.value))
    assert "short-key" not in shown
    assert KEY not in shown


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("env = ['NOPE']", "The environment variable NOPE is not set"),
        ("files = ['nope.txt']", "nope.txt: there is no such file. Check the path."),
        ("configs = ['.']", ": this is a folder. Name a file in it."),
    ],
)
def test_a_source_of_secrets_that_is_not_there_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SecretsError) as caught:
        loaded(tmp_path, f"[secrets]\n{text}")
    assert told in str(caught.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    cases = [
        (tmp_path / "gone.toml", "gone.toml: there is no such file. Write one with: ctools policy init"),
        (tmp_path, ": this is a folder. Name a file in it."),
        (written(tmp_path, b" " * 1_048_577), "policy.toml: larger than 1,048,576 bytes. Check the path."),
        (Path("a\0b"), "'a\\x00b': no file can have this name. Check the path."),
    ]
    if os.path.exists("/proc/self/mem"):  # noqa: PTH110 - a file whose beginning nobody can read
        cases.append((Path("/proc/self/mem"), "/proc/self/mem: cannot be read: Input/output error. Check its"))
    for path, told in cases:
        with pytest.raises(PolicyError) as caught:
            load_policy(path)
        assert told in str(caught.value)
    with pytest.raises(PolicyError, match=r"k: there is no such file\. Make it with: openssl rand -hex 32"):
        loaded(tmp_path, "[key]\nfile = 'k'")


def test_the_error_is_one_of_usage() -> None:
    assert issubclass(PolicyError, UsageError)
    assert PolicyError.slug == "policy"


@given(st.binary(max_size=100) | st.text(max_size=100).map(lambda text: f"version = 1\n{text}".encode()))
def test_any_file_is_a_policy_or_the_one_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = written(tmp_path_factory.getbasetemp(), data)
    try:
        policy = load_policy(path, environment={})
    except UsageError:
        return
    assert policy == Policy()


VALUES = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.sampled_from(["x", "", "$.a", "email", "("]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "pattern"]), inner, max_size=2),
    max_leaves=4,
)
TABLES = st.dictionaries(
    st.sampled_from([*policy_file._TABLES["places"], "detect", "disable", "pattern"]), VALUES, max_size=3
)


@given(st.dictionaries(st.sampled_from([*policy_file._TABLES, *policy_file._ARRAYS, "x"]), TABLES | VALUES, max_size=3))
def test_any_document_is_a_policy_or_the_one_error(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]
) -> None:
    text = "".join(f"{name} = {inline(value)}\n" for name, value in document.items())
    try:
        policy = loaded(tmp_path_factory.getbasetemp(), text)
    except UsageError:
        return
    assert policy.merge(policy) == policy


def inline(value: object) -> str:
    """Write a value as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(map(inline, value)) + "]" if isinstance(value, list) else json.dumps(value)


def test_nothing_of_the_tools_or_of_clients_is_loaded() -> None:
    script = "import sys, recorder.redact.policy_file\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60)
    loaded_modules = set(done.stdout.decode().split())
    assert "recorder.redact.policy" in loaded_modules
    assert not {"typer", "rich", "urllib3", "vcr", "cassette_tools", "http.client", "recorder.session"} & loaded_modules


def test_a_list_of_allowed_headers_says_each_of_them_and_no_more(tmp_path: Path) -> None:
    policy = loaded(tmp_path, "[places]\nallow_headers = ['Date', 'Accept']")
    assert [shown for field, shown, _ in policy.origins if field == "allow_headers"] == ["accept", "date"]
