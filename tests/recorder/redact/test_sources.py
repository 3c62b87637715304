"""Secrets are found where they are kept, and no message ever holds one."""

from __future__ import annotations

import io
import json
import os
import timeit
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.bootstrap import CASSETTE, NOTES, OPTIONS, REDACTION, RUN
from recorder.errors import SecretsError, UsageError
from recorder.redact import sources
from recorder.redact.sources import from_config, from_environment, from_file, from_stream, from_variables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recorder.redact.policy import Secret

VALUE = "kJ8-vP2_xQ9w"


def values(secrets: Iterable[Secret]) -> list[str]:
    return [secret.value for secret in secrets]


def told(error: BaseException) -> str:
    """Return everything that anybody could read off an error: its traceback, attributes and context."""
    parts = ["".join(traceback.format_exception(error))]
    at: BaseException | None = error
    while at is not None:
        parts.append(repr(vars(at)) + repr(at.args) + repr(getattr(at, "object", "")))
        at = at.__cause__ or at.__context__
    return "\n".join(parts)


# -- the environment

SECRET_SAYING = (
    "API_TOKEN GITHUB_TOKEN GITHUBTOKEN NPM_TOKEN token CLIENT_SECRET SECRET SECRET_KEY_BASE MY_SECRET_2 DB_PASSWORD "
    "PGPASSWORD MYSQL_PWD DB_PASS SSHPASS ROOT_PASSWD GPG_PASSPHRASE API_KEY APIKEY OPENAI_API_KEY API_KEY_PROD "
    "STRIPE_APIKEY AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID PRIVATE_KEY SESSION_KEY SIGNING_KEY KEY FERNET_KEY K_KEY_2 "
    "CREDENTIALS GOOGLE_CREDENTIAL NPM_AUTH BASIC_AUTH AUTH npm_config__authToken SESSION_COOKIE REQUEST_SIGNATURE "
    "SENTRY_DSN GITHUB_PAT WEBHOOK_JWT VAULT_SECRET_ID apiKey clientSecret CTOOLS_REDACTION_KEY X-Api-Key"
)
OTHERWISE_SAYING = (
    "PWD OLDPWD PATH HOME LANG TOKEN_FILE SECRET_PATH SECRETS_DIR SSH_AUTH_SOCK AUTH_URL TOKEN_URI API_KEY_NAME "
    "COOKIE_NAME SESSION_COOKIE_DOMAIN SESSION_COOKIE_SAMESITE PASSWORD_MIN_LENGTH TOKEN_TTL PASSWORD_HOST PASS_PORT "
    "AUTH_TYPE JWT_ALGORITHM TOKENIZERS_PARALLELISM TOKENIZER_MODEL TOKENISER PUBLIC_KEY SSH_PUBLIC_KEY PRIMARY_KEY "
    "PARTITION_KEY CACHE_KEY KEYBOARD MONKEY HOTKEY TURKEY AUTHOR AUTHORITY GIT_ASKPASS COMPASS BYPASS PATTERN XPWDX "
    "SECRETARY PASSWORDLESS COOKIECUTTER AUTH_USER KEY_COUNT TOKEN_EXPIRES_IN COMPASS_CONNECTION"
)


@pytest.mark.parametrize("name", SECRET_SAYING.split())
def test_a_variable_whose_name_says_secret_is_one(name: str) -> None:
    (secret,) = from_environment({name: VALUE})
    assert (secret.value, secret.source) == (VALUE, f"env:{name}")


@pytest.mark.parametrize("name", OTHERWISE_SAYING.split())
def test_a_variable_whose_name_says_something_else_is_none(name: str) -> None:
    assert from_environment({name: VALUE}) == ()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        "short12",
        "true",
        "disabled",
        "PRODUCTION",
        "password",
        "Password",
        "1234567",
        "123.4567",
        "xxxxxxxx",
        "********",
        "${API_TOKEN}",
        "$(pass show x)",
        "$API_TOKEN",
        "<your token>",
        "{{ secrets.TOKEN }}",
        "%API_TOKEN%",
        "https://localhost/oauth/token",
    ],
)
def test_a_value_that_no_secret_would_be_is_none(value: str) -> None:
    assert from_environment({"API_TOKEN": value}) == ()


@pytest.mark.parametrize(
    "value", ["changeme", "hunter2!", "12345678", "correct horse", "/9j/4AAQSkZJRg", "pässwörd", "a" * 9000 + "b"]
)
def test_a_value_that_may_be_a_secret_is_one(value: str) -> None:
    assert values(from_environment({"API_TOKEN": value})) == [value]


def test_a_path_that_exists_is_no_secret_and_one_that_does_not_is(tmp_path: Path) -> None:
    (tmp_path / "token").touch()
    assert from_environment({"API_TOKEN": str(tmp_path / "token")}) == ()
    assert values(from_environment({"API_TOKEN": str(tmp_path / "gone")})) == [str(tmp_path / "gone")]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (f"postgres://app:{VALUE}@localhost:5432/db", [VALUE]),
        (f"redis://:{VALUE}@localhost", [VALUE]),
        ("amqp://app:p%40ss%2Fword9@localhost", ["p%40ss%2Fword9", "p@ss/word9"]),
        (f"kafka://a:{VALUE}1@localhost,kafka://a:{VALUE}2@localhost", [f"{VALUE}1", f"{VALUE}2"]),
        ("https://0123456789abcdef0123@localhost/1", ["0123456789abcdef0123"]),
        ("https://app:pass@with@localhost", ["pass@with"]),
        ("ssh://git@localhost/x.git", []),
        ("https://localhost/@someone:somewhere@all", []),
        ("postgres://postgres:postgres@localhost", []),
        ("https://app:@localhost", []),
        ("https://0123456789abcdef@localhost", ["0123456789abcdef"]),
        ("https://0123456789abcde@localhost", []),
        ("a://b://c", []),
    ],
)
def test_a_password_in_a_url_is_a_secret_whatever_the_variable_is_called(value: str, found: list[str]) -> None:
    assert values(from_environment({"SERVICE_URL": value})) == found


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("API_TOKENS", "first-token,second-token", ["first-token", "second-token"]),
        ("DB_DSN", "host=localhost user=app password=first-pass", ["first-pass"]),
        ("AZURE_CONNECTION_STRING", "AccountName=app;AccountKey=Zmlyc3Q+cGFzcw==;Suffix=x", ["Zmlyc3Q+cGFzcw=="]),
        ("DB_DSN", "app:first@pass@tcp(localhost)/db", ["first@pass"]),
        ("GOOGLE_CREDENTIALS", '{"type": "service", "x": {"client_secret": "first-pass"}}', ["first-pass"]),
        ("API_TOKEN", "first-token\n", ["first-token"]),
    ],
)
def test_what_is_secret_inside_a_value_is_known_beside_the_whole(name: str, value: str, found: list[str]) -> None:
    assert values(from_environment({name: value})) == [value, *found]


def test_a_key_of_several_lines_is_one_secret() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----"
    assert values(from_environment({"TLS_PRIVATE_KEY": pem})) == [pem]


def test_a_value_that_is_no_utf_8_is_known_by_its_bytes() -> None:
    for value in (b"p\xe4ssw\xf6rd9", b"\x80passwor\xff"):
        (secret,) = from_environment({"API_TOKEN": os.fsdecode(value)})
        assert secret.value == value.decode("latin-1")


def test_a_list_in_json_and_a_surrogate_that_is_no_byte_are_taken_as_they_are() -> None:
    assert values(from_environment({"API_TOKENS": '["first-token"]'})) == ['["first-token"]']
    (secret,) = from_environment({"API_TOKEN": "pass\ud83dword"})
    assert secret.value == "pass\xed\xa0\xbdword"


def test_variables_of_the_recorder_itself_are_left_out() -> None:
    assert {CASSETTE, NOTES, OPTIONS, REDACTION, RUN} == sources._OWN
    assert from_environment(dict.fromkeys(sources._OWN, f"https://app:{VALUE}@localhost")) == ()


@given(st.dictionaries(st.text(st.characters(), max_size=30), st.text(st.characters(), max_size=60), max_size=8))
def test_any_environment_is_looked_through_without_an_error(environment: dict[str, str]) -> None:
    for secret in from_environment(environment | {f"{name}_TOKEN": value for name, value in environment.items()}):
        assert secret.value.strip()
        assert secret.source.startswith("env:")


def test_200_variables_take_well_below_a_millisecond() -> None:
    environment = {f"SOME_{number}_PATH": "/usr/local/bin:/usr/bin" * 3 for number in range(170)}
    environment |= {f"SERVICE_{number}_TOKEN": f"{VALUE}{number}" for number in range(20)}
    environment |= {f"SERVICE_{number}_URL": f"https://app:{VALUE}{number}@localhost" for number in range(10)}
    best = min(timeit.repeat(lambda: from_environment(environment), number=5, repeat=10)) / 5
    assert len(from_environment(environment)) == 30
    assert best < 0.001  # seconds; 0.0004 where it was written


# -- named variables


def test_a_named_variable_is_known_whatever_it_looks_like() -> None:
    environment = {"A": "x", "B": f"https://app:{VALUE}@localhost", "C": "true"}
    assert values(from_variables(["A", "C"], environment)) == ["x", "true"]
    assert values(from_variables(["B"], environment)) == [environment["B"], VALUE]


def test_a_pattern_gives_all_variables_that_match_and_may_match_none() -> None:
    environment = {"API_2": "two", "API_1": "one", "API_EMPTY": "", "OTHER": "x"}
    assert values(from_variables(["API_*"], environment)) == ["one", "two"]
    assert from_variables(["NOPE_*"], environment) == ()


@pytest.mark.parametrize(("environment", "state"), [({}, "not set"), ({"A": ""}, "empty"), ({"A": " \n"}, "empty")])
def test_a_named_variable_without_a_value_is_an_error(environment: dict[str, str], state: str) -> None:
    with pytest.raises(SecretsError, match=f"The environment variable A is {state}.*Set it, or leave its name out"):
        from_variables(["A"], environment)


# -- files


def given_file(tmp_path: Path, data: bytes | str, name: str = "secrets.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_a_text_gives_one_value_a_line_with_its_place(tmp_path: Path) -> None:
    secrets = from_file(given_file(tmp_path, b"\xef\xbb\xbffirst\r\n\r\n   \nse cond\n#third\nlast"))
    assert [(secret.value, secret.source) for secret in secrets] == [
        ("first", "file:secrets.txt#1"),
        ("se cond", "file:secrets.txt#4"),
        ("#third", "file:secrets.txt#5"),
        ("last", "file:secrets.txt#6"),
    ]


def test_white_space_around_a_value_belongs_to_it_and_does_not(tmp_path: Path) -> None:
    assert values(from_file(given_file(tmp_path, " a b\t\n"))) == [" a b\t", "a b"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("API_TOKEN=first-token", ["first-token"]),
        ("export API_TOKEN='first-token'", ["first-token"]),
        ('API_TOKEN = "first-token"', ["first-token"]),
        ("MODE=development", []),
        ("NOTE=the TOKEN", []),
        ("API_TOKEN=short", []),
        ("Zmlyc3Q+cGFzcw==", []),
    ],
)
def test_of_an_assignment_the_value_is_known_beside_the_line(tmp_path: Path, line: str, found: list[str]) -> None:
    assert values(from_file(given_file(tmp_path, line))) == [line, *found]


@pytest.mark.parametrize("name", ["secrets.json", "secrets", "secrets.JSON"])
def test_json_gives_every_scalar_leaf_and_numbers_as_they_are_written(tmp_path: Path, name: str) -> None:
    document = (
        '{"a": "one", "b": {"c": [1.10, 12345678901234567890123, "two"]}, "d": null, "e": true, "f": "",'
        ' "b": 1e5, "g": NaN, "ghp_Abc123Def456": "three"}'
    )
    secrets = from_file(given_file(tmp_path, document, name))
    assert [(secret.value, secret.source.partition("#")[2]) for secret in secrets] == [
        ("one", "a"),
        ("1.10", "c"),
        ("12345678901234567890123", "c"),
        ("two", "c"),
        ("1e5", "b"),
        ("three", "6"),
    ]


def test_a_key_that_may_be_a_secret_is_not_shown(tmp_path: Path) -> None:
    secrets = from_file(given_file(tmp_path, '{"ghp_Abc123Def456": "app"}', "users.json"))
    assert [secret.source for secret in secrets] == ["file:users.json#1"]


def test_a_text_that_only_begins_like_json_is_text(tmp_path: Path) -> None:
    assert values(from_file(given_file(tmp_path, '{"a": \n[one'))) == ['{"a": ', '{"a":', "[one"]


def test_toml_gives_every_scalar_leaf(tmp_path: Path) -> None:
    document = "a = 'one'\nb = 1.10\nc = 12345678901234567890123\nd = true\ne = inf\nf = 2026-11-23\n[g]\nh = ['two']\n"
    secrets = from_file(given_file(tmp_path, document, "secrets.toml"))
    assert values(secrets) == ["one", "1.10", "12345678901234567890123", "two"]
    assert secrets[-1].source == "file:secrets.toml#h"


def test_a_stream_is_read_like_a_file() -> None:
    assert [(secret.value, secret.source) for secret in from_stream(io.BytesIO(b"one\ntwo\n"))] == [
        ("one", "file:stdin#1"),
        ("two", "file:stdin#2"),
    ]
    assert values(from_stream(io.BytesIO(b'["one"]'))) == ["one"]


DEEP = "[" * 100_000 + f'"{VALUE}"' + "]" * 100_000


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.txt", f"{VALUE}\n\0", "x.txt, line 2: a NUL byte; the file is no text. Save it as UTF-8."),
        ("x.txt", f"\0{VALUE}", "x.txt, line 1: a NUL byte; the file is no text. Save it as UTF-8."),
        ("x.txt", VALUE.encode() + b"\n\xff", "x.txt, line 2: not valid UTF-8. Save the file as UTF-8."),
        ("x.txt", VALUE.encode("utf-16"), "x.txt, line 1: a NUL byte; the file is no text. Save it as UTF-8."),
        ("x.txt", "", "x.txt: there is no value in this file. Put one on each line, or leave the file out."),
        ("x.json", "{}", "x.json: there is no value in this file."),
        ("x.json", f'{{"a": "{VALUE}"', "x.json: line 1, column 21: no valid JSON. Correct the file, or give it"),
        ("x.json", f'"{VALUE}"', "x.json: neither an object nor an array of JSON. Correct the file"),
        ("x.json", DEEP, "x.json: nested too deeply. Correct the file"),
        ("x.json", f'["{VALUE}\\ud800"]', "x.json: the value file:x.json#1 has a lone surrogate."),
        ("x.toml", f"a = '{VALUE}'\n'{VALUE}'\n", "x.toml: line 2, column 15: no valid TOML. Correct the file"),
        ("x.toml", f"a = '{VALUE}'\na = '{VALUE}'", "x.toml: end of document: no valid TOML. Correct the file"),
        ("x.toml", f"a = '{VALUE}'\nb = {'1' * 5000}", "x.toml: a number is too long; put it in quotes."),
    ],
)
def test_a_bad_file_is_told_without_its_content(tmp_path: Path, name: str, data: bytes | str, message: str) -> None:
    path = given_file(tmp_path, data, name)
    with pytest.raises(SecretsError) as caught:
        from_file(path)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")
    assert VALUE not in told(caught.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LARGEST_FILE", 10)
    cases = [
        (tmp_path / "gone.txt", "gone.txt: there is no such file. Check the path."),
        (given_file(tmp_path, "one") / "below", "below: there is no such file. Check the path."),
        (tmp_path, ": this is a folder. Name a file in it."),
        (given_file(tmp_path, "12345678901", "big"), "big: larger than 16 MiB. Give a file that holds the secrets"),
    ]
    for path, message in cases:
        for read in (from_file, from_config):
            with pytest.raises(SecretsError) as caught:
                read(path)
            assert message in str(caught.value)
    assert values(from_file(given_file(tmp_path, "1234567890", "fits"))) == ["1234567890"]
    with pytest.raises(SecretsError, match="larger than 16 MiB"):
        from_stream(io.BytesIO(b"12345678901"))
    with pytest.raises(SecretsError, match="no file can have this name"):
        from_file("a\0b")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file whose beginning nobody can read")
def test_a_file_that_fails_is_told() -> None:
    with pytest.raises(
        SecretsError, match=r"/proc/self/mem: cannot be read: Input/output error\. Check its permissions"
    ):
        from_file("/proc/self/mem")


def test_a_stream_that_fails_is_told() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(SecretsError, match="<stdin>: reading failed: Input/output error"):
        from_stream(Broken())


@given(st.binary(max_size=200))
def test_any_file_gives_values_or_the_one_error(data: bytes) -> None:
    try:
        secrets = from_stream(io.BytesIO(data))
    except SecretsError:
        return
    assert secrets
    assert all(secret.value.strip() for secret in secrets)


SCALARS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip) | st.integers()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)


def leaves(document: object) -> set[str]:
    if isinstance(document, dict):
        return set().union(*(leaves(value) for value in document.values()))
    return set().union(*map(leaves, document)) if isinstance(document, list) else {str(document)}


@given(DOCUMENTS)
def test_every_leaf_of_any_document_is_known(document: object) -> None:
    data = json.dumps({"a": "one", "b": document}).encode()
    expected = leaves(document) | {"one"}
    assert set(values(from_stream(io.BytesIO(data)))) == expected | {value.strip() for value in expected}


# -- configurations


def test_a_configuration_gives_what_is_below_its_hash_keys(tmp_path: Path) -> None:
    document = {
        "parameters": {"#password": "one", "user": "app", "list": [{"#token": "two"}, {"token": "not"}]},
        "#auth": {"key": "three", "#inner": "four", "port": 5, "on": True, "none": None},
        "# odd key!": "six",
    }
    secrets = from_config(given_file(tmp_path, json.dumps(document), "config.json"))
    assert [(secret.value, secret.source) for secret in secrets] == [
        ("one", "config:#password"),
        ("two", "config:#token"),
        ("three", "config:#auth"),
        ("four", "config:#auth"),
        ("5", "config:#auth"),
        ("six", "config:#"),
    ]


def test_a_configuration_without_hash_keys_has_no_secrets(tmp_path: Path) -> None:
    assert from_config(given_file(tmp_path, '{"password": "one"}', "config.json")) == ()


@pytest.mark.parametrize("data", [f'{{"#a": "{VALUE}"', f'"{VALUE}"', f"#a: {VALUE}", DEEP, b"\xff" + VALUE.encode()])
def test_a_bad_configuration_is_told_without_its_content(tmp_path: Path, data: bytes | str) -> None:
    path = given_file(tmp_path, data, "config.json")
    with pytest.raises(SecretsError) as caught:
        from_config(path)
    assert str(caught.value).startswith(f"{path}")
    assert VALUE not in told(caught.value)


def test_the_error_is_one_of_usage() -> None:
    assert issubclass(SecretsError, UsageError)
    assert SecretsError.slug == "secrets"
