"""The four options and the environment make one policy, and nothing is picked up that was not asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools.cli import command_of
from cassette_tools.secret_options import policy_of
from recorder.errors import PolicyError, SecretsError, UsageError
from recorder.redact.policy import Policy

if TYPE_CHECKING:
    from pathlib import Path

VALUE = "kJ8-vP2_xQ9w"


def values(policy: Policy) -> list[str]:
    return [secret.value for secret in policy.secrets]


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_without_options_it_is_the_default_policy_with_the_secrets_of_the_environment() -> None:
    policy = policy_of(None, None, None, None, {"API_TOKEN": VALUE, "HOME": "/home/app"})
    assert values(policy) == [VALUE]
    assert policy.origins == (("secrets", "variable API_TOKEN: 1 value", "environment"),)
    assert policy.fingerprint() == Policy().fingerprint()
    assert policy_of((), (), (), (), {}) == Policy()


def test_all_options_together_make_one_policy(tmp_path: Path) -> None:
    one = written(tmp_path / "one.toml", "version = 1\n[places]\nnames = ['one']\n[secrets]\nenvironment = false\n")
    two = written(tmp_path / "two.toml", "version = 1\n[places]\nnames = ['two']\ndefaults = false\n")
    secrets = written(tmp_path / "secrets.txt", "third\nfourth\n")
    config = written(tmp_path / "config.json", '{"#a": "fifth"}')
    environment = {"A_ONE": "first", "A_TWO": "second", "API_TOKEN": VALUE}
    policy = policy_of([one, two], ["A_*"], [secrets], [config], environment)
    assert policy.names == {"one", "two"}
    assert (policy.environment, policy.defaults) == (True, True)
    assert set(values(policy)) == {"first", "second", "third", "fourth", "fifth", VALUE}
    assert {(shown, source) for field, shown, source in policy.origins if field == "secrets"} == {
        ("variable A_*: 2 values", "command line: --secret-env"),
        (f"file {secrets}: 2 values", "command line: --secrets-file"),
        (f"configuration {config}: 1 value", "command line: --config"),
        ("variable API_TOKEN: 1 value", "environment"),
    }


def test_a_policy_can_turn_the_look_into_the_environment_and_the_built_in_rules_off(tmp_path: Path) -> None:
    text = "version = 1\n[secrets]\nenvironment = false\n[places]\ndefaults = false\n"
    policy = policy_of([written(tmp_path / "p.toml", text)], ["A"], None, None, {"API_TOKEN": VALUE, "A": "first"})
    assert values(policy) == ["first"]
    assert (policy.environment, policy.defaults) == (False, False)


def test_a_variable_names_the_policy_when_no_option_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = written(tmp_path / "one.toml", "version = 1\n[places]\nnames = ['one']\n")
    two = written(tmp_path / "two.toml", "version = 1\n[places]\nnames = ['two']\n")
    assert policy_of(None, None, None, None, {"CTOOLS_POLICY": one}).names == {"one"}
    assert policy_of([two], None, None, None, {"CTOOLS_POLICY": one}).names == {"two"}
    assert policy_of(None, None, None, None, {"CTOOLS_POLICY": ""}).names == frozenset()


def test_a_policy_in_the_working_folder_is_not_picked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ctools-policy.toml", "ctools.policy.toml", "policy.toml"):
        written(tmp_path / name, "version = 1\n[places]\nnames = ['one']\n")
    monkeypatch.chdir(tmp_path)
    assert policy_of(None, None, None, None, {}) == Policy()


def test_secrets_come_from_the_standard_input_where_the_command_lets_them() -> None:
    policy = policy_of(None, None, ["-"], None, {}, stdin=io.BytesIO(b"first\n"))
    assert [(secret.value, secret.source) for secret in policy.secrets] == [("first", "file:stdin#1")]
    for stdin, files in ((None, ["-"]), (io.BytesIO(b"first\n"), ["-", "-"])):
        with pytest.raises(UsageError, match="the standard input is not free here"):
            policy_of(None, None, files, None, {}, stdin=stdin)


def test_a_source_without_a_secret_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path / "config.json", '{"password": "x"}')
    told: list[str] = []
    policy_of(None, ["NOPE_*"], None, [config], {}, tell=told.append)
    assert told == [
        "--secret-env NOPE_*: no variable matches",
        f"{config}: no key begins with #, so there is no secret in this configuration",
    ]
    policy_of(None, None, None, [config], {})
    assert capsys.readouterr() == ("", f"ctools: {told[1]}\n")


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ((["gone.toml"], None, None, None), PolicyError, "gone.toml: there is no such file. Write one with: ctools"),
        (([""], None, None, None), PolicyError, "--policy (empty): give the path of a file."),
        ((["-"], None, None, None), PolicyError, "--policy -: give the path of a file."),
        ((None, ["NOPE"], None, None), SecretsError, "The environment variable NOPE is not set"),
        ((None, [""], None, None), UsageError, "--secret-env is empty. Give the name of a variable."),
        ((None, None, ["gone.txt"], None), SecretsError, "gone.txt: there is no such file. Check the path."),
        ((None, None, [""], None), UsageError, "--secrets-file (empty): give the path of a file."),
        ((None, None, None, ["gone.json"]), SecretsError, "gone.json: there is no such file. Check the path."),
        ((None, None, None, ["-"]), UsageError, "--config -: give the path of a file."),
    ],
)
def test_what_is_not_there_is_told(arguments: Any, error: type[UsageError], told: str) -> None:
    with pytest.raises(error) as caught:
        policy_of(arguments[0], arguments[1], arguments[2], arguments[3], {})
    assert str(caught.value).startswith(told)


def test_policies_with_different_keys_are_refused(tmp_path: Path) -> None:
    files = [
        written(tmp_path / f"{name}.toml", f"version = 1\n[key]\nenv = '{name}'\n[secrets]\nenvironment = false\n")
        for name in ("A", "B")
    ]
    with pytest.raises(UsageError, match=r"different keys cannot be merged \(env:A, env:B\)"):
        policy_of(files, None, None, None, {"A": "a" * 16, "B": "b" * 16})
    assert policy_of(files, None, None, None, {"A": "a" * 16, "B": "a" * 16}).key == b"a" * 16


def test_the_options_are_called_the_same_everywhere_and_can_be_repeated() -> None:
    options = [one for one in command_of("policy", "show").params if getattr(one, "multiple", False)]
    assert [one.opts for one in options] == [["--policy"], ["--secret-env"], ["--secrets-file"], ["--config"]]
