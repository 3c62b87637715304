"""`ctools policy` writes, shows and tries a policy, and never shows a value."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools import cli
from recorder.redact.policy import Policy
from recorder.redact.policy_file import TEMPLATE, load_policy
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import LIMIT, ctools, ctools_on_terminal, environment

if TYPE_CHECKING:
    from pathlib import Path

VALUE = "kJ8-vP2_xQ9w"
BEARER = "s3cr3t-value-77"
KEY = "0123456789abcdef"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def cassette(folder: Path) -> Path:
    made = Cassette()
    made.get("https://localhost/a")
    made.interaction(
        method="POST",
        url="https://localhost/a?token=first-token-1&x=1",
        request_headers=[("Authorization", f"Bearer {BEARER}")],
        sent=b'{"note": "s3cr3t-value-77"}',
        body=b'{"password": "first-pass-1", "zipcode": 12345}',
    )
    made.get("https://localhost/long", body=b'{"k": "' + b"x" * 5000 + f'", "v": "{VALUE}"}}'.encode(), pieces=4)
    return made.end().write(folder / "c.jsonl")


# -- init


def test_init_writes_a_policy_that_is_the_default_one(tmp_path: Path) -> None:
    run = ctools("policy", "init", cwd=tmp_path)
    assert (run.code, run.out) == (0, b"")
    assert run.errors == (
        "ctools: wrote ctools-policy.toml; see what holds with: ctools policy show --policy ctools-policy.toml\n"
    )
    assert (tmp_path / "ctools-policy.toml").read_text() == TEMPLATE
    assert load_policy(tmp_path / "ctools-policy.toml", environment={}) == Policy()


def test_init_replaces_a_file_only_when_told_to(tmp_path: Path) -> None:
    path = written(tmp_path / "p.toml", "mine")
    run = ctools("policy", "init", path)
    assert (run.code, run.out) == (2, b"")
    assert f"{path} exists already. Choose another path, or replace it with --force." in run.errors
    assert path.read_text() == "mine"
    assert ctools("policy", "init", path, "--force").code == 0
    assert path.read_text() == TEMPLATE
    assert stat.S_ISREG(path.lstat().st_mode)
    assert [one.name for one in tmp_path.iterdir()] == ["p.toml"]


def test_init_writes_to_the_standard_output_for_a_dash(tmp_path: Path) -> None:
    run = ctools("policy", "init", "-", cwd=tmp_path)
    assert (run.code, run.text, run.err) == (0, TEMPLATE, b"")
    assert list(tmp_path.iterdir()) == []


def test_init_loads_neither_rich_nor_the_engine() -> None:
    script = (
        "import sys\nfrom cassette_tools.cli import run\ncode = run(['policy', 'init', '-'])\n"
        "print('modules', *sys.modules, file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=environment(), timeout=LIMIT, check=True
    )
    loaded = set(done.stderr.decode().split())
    assert "recorder.redact.policy_file" in loaded
    assert not {"rich", "urllib3", "recorder.redact.engine"} & loaded


# -- show


def show(*arguments: str | Path, stdin: bytes = b"", **variables: str) -> dict[str, Any]:
    run = ctools("policy", "show", "--json", *arguments, stdin=stdin, cwd=None, **variables)
    assert (run.code, run.err) == (0, b"")
    assert VALUE not in run.text
    found = json.loads(run.text)
    assert isinstance(found, dict)
    return found


def test_show_without_options_tells_the_built_in_rules() -> None:
    found = show()
    assert found["policy"] == Policy().fingerprint()
    assert (found["key"], found["secrets"], found["unproven"]) == ("random", {"count": 0, "sources": {}}, [])
    assert found["rules"] == [
        {"rule": "environment", "value": "true", "from": "built-in"},
        {"rule": "key", "value": "random", "from": "built-in"},
        {"rule": "defaults", "value": "true", "from": "built-in"},
    ]
    assert set(found["built_in"]) == {"headers", "cookies", "names", "query", "token_endpoints", "formats"}
    assert "authorization" in found["built_in"]["headers"]
    assert "password" in found["built_in"]["names"]
    assert "jwt" in found["built_in"]["formats"]


def test_show_tells_each_rule_with_where_it_comes_from_and_no_value(tmp_path: Path) -> None:
    written(tmp_path / "secrets.txt", f"{VALUE}1\n{VALUE}2\n")
    config = written(tmp_path / "config.json", f'{{"#a": "{VALUE}3"}}')
    policy = written(
        tmp_path / "p.toml",
        "version = 1\n[secrets]\nfiles = ['secrets.txt']\n[key]\nenv = 'K'\n[places]\nheaders = ['X-One']\n"
        "keep = ['Pass-Code']\n[formats]\ndisable = ['jwt']\n[[urls]]\npattern = '/a+'\nreplacement = '/b'\n",
    )
    found = show("--policy", policy, "--config", config, "--secret-env", "A", A="x", K=KEY, API_TOKEN=f"{VALUE}4")
    assert {(rule["rule"], rule["value"], rule["from"]) for rule in found["rules"]} == {
        ("secrets", "file secrets.txt: 2 values", f"{policy}: secrets.files"),
        ("secrets", "variable A: 1 value", "command line: --secret-env"),
        ("secrets", f"configuration {config}: 1 value", "command line: --config"),
        ("secrets", "variable API_TOKEN: 1 value", "environment"),
        ("environment", "true", "built-in"),
        ("key", "env:K", f"{policy}: key.env"),
        ("defaults", "true", "built-in"),
        ("headers", "x-one", f"{policy}: places.headers"),
        ("keep", "Pass-Code", f"{policy}: places.keep"),
        ("disabled_formats", "jwt", f"{policy}: formats.disable"),
        ("urls", "/a+ -> /b", f"{policy}: urls[1]"),
    }
    assert found["secrets"] == {"count": 5, "sources": {"config": 1, "env": 2, "file": 2}}
    assert "passcode" not in found["built_in"]["names"]
    assert "jwt" not in found["built_in"]["formats"]
    assert found["key"] == "env:K"
    assert KEY not in json.dumps(found)
    assert len(found["unproven"]) == 1
    assert found["unproven"][0].startswith("env:A: ")


def test_show_without_the_built_in_rules_names_none(tmp_path: Path) -> None:
    off = written(tmp_path / "off.toml", "version = 1\n[places]\ndefaults = false\n[secrets]\nenvironment = false\n")
    on = written(tmp_path / "on.toml", "version = 1\n[places]\ndefaults = true\n")
    found = show("--policy", off, API_TOKEN=VALUE)
    assert set(found["built_in"]) == {"formats"}
    assert {(rule["rule"], rule["value"], rule["from"]) for rule in found["rules"]} >= {
        ("environment", "false", f"{off}: secrets.environment"),
        ("defaults", "false", f"{off}: places.defaults"),
    }
    assert found["secrets"]["count"] == 0
    both = show("--policy", off, "--policy", on)
    switches = {(rule["value"], rule["from"]) for rule in both["rules"] if rule["rule"] == "defaults"}
    assert switches == {("true", f"{on}: places.defaults")}


def test_show_reads_secrets_from_the_standard_input() -> None:
    assert show("--secrets-file", "-", stdin=f"{VALUE}\n".encode())["secrets"] == {"count": 1, "sources": {"file": 1}}


def test_show_for_people_has_the_same_rules(tmp_path: Path) -> None:
    policy = written(tmp_path / "p.toml", "version = 1\n[places]\nheaders = ['X-One']\nallow_headers = []\n")
    run = ctools("policy", "show", "--policy", "p.toml", "--secret-env", "A", cwd=tmp_path, A="x", API_TOKEN=VALUE)
    assert (run.code, run.err) == (0, b"")
    assert VALUE not in run.text
    lines = [line.split() for line in run.text.split("\n")]
    assert ["policy", load_policy(policy, environment={}).fingerprint()] in lines
    assert ["secrets", "2", "values:", "2", "from", "variables"] in lines
    assert ["headers", "x-one", "p.toml:", "places.headers"] in lines
    assert ["allow", "headers", "(none)", "p.toml:", "places.allow_headers"] in lines
    assert ["secrets", "variable", "API_TOKEN:", "1", "value", "environment"] in lines
    assert ["Cannot", "be", "proved", "gone"] in lines
    assert "authorization" not in run.text
    assert "authorization, " in ctools("policy", "show", "--all").text


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_show_fits_a_terminal_and_lets_nothing_drive_it(tmp_path: Path, columns: int) -> None:
    policy = written(tmp_path / "p\x1b[31m\u202e.toml", "version = 1\n[places]\nnames = ['\u202ered', 'a[link=b]c']\n")
    run = ctools_on_terminal("policy", "show", "--policy", policy, columns=columns, NO_COLOR="1")
    assert run.code == 0
    assert b"\x1b" not in run.out
    assert "\u202e" not in run.text
    assert "\\u202e" in run.text


def test_a_policy_that_cannot_be_loaded_is_trouble(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = written(tmp_path / "p.toml", "version = 1\n[place]\n")
    assert cli.run(["policy", "show", "--policy", str(policy)]) == 2
    assert capsys.readouterr() == ("", f"ctools: {policy}: the key 'place' is unknown. Did you mean places?\n")


# -- test


def trial(*arguments: str | Path, stdin: bytes = b"", **variables: str) -> dict[str, Any]:
    run = ctools("policy", "test", "--json", *arguments, stdin=stdin, cwd=None, **variables)
    assert (run.code, run.err) == (0, b"")
    for value in (VALUE, BEARER, "first-token-1", "first-pass-1"):
        assert value not in run.text
    found = json.loads(run.text)
    assert isinstance(found, dict)
    return found


def test_a_trial_tells_place_rule_kind_placeholder_and_count(tmp_path: Path) -> None:
    found = trial(cassette(tmp_path), "--at", "2")
    assert (found["number"], found["method"], found["unproven"]) == (2, "POST", [])
    assert found["url"].startswith("https://localhost/a?token=REDACTED-secret-")
    said = {(one["place"], one["rule"]): one for one in found["findings"]}
    assert set(said) == {
        ("request.url", "query:token"),
        ("request.headers", "header:authorization"),
        ("request.body", "learned"),
        ("response.body", "field:password"),
    }
    assert {(one["kind"], one["count"]) for one in found["findings"]} == {("secret", 1)}
    same = said["request.body", "learned"]["placeholder"]
    assert same == said["request.headers", "header:authorization"]["placeholder"]
    assert same.startswith("REDACTED-secret-")


def test_a_trial_of_an_interaction_without_secrets_finds_nothing(tmp_path: Path) -> None:
    path = cassette(tmp_path)
    assert trial(path, "--at", "1")["findings"] == []
    assert "\nwould go      nothing\n" in ctools("policy", "test", path, "--at", "1").text


def test_a_trial_reads_bodies_in_pieces(tmp_path: Path) -> None:
    (found,) = trial(cassette(tmp_path), "--at", "3", API_TOKEN=VALUE)["findings"]
    assert (found["place"], found["rule"], found["count"]) == ("response.body", "known:env:API_TOKEN", 1)


def test_a_trial_goes_by_the_policy_and_its_key(tmp_path: Path) -> None:
    path = cassette(tmp_path)
    text = "version = 1\n[places]\nfields = ['zipcode']\nkeep = ['pass_word']\n[key]\nenv = 'K'\n"
    policy = written(tmp_path / "p.toml", text)
    found = trial(path, "--at", "2", "--policy", policy, K=KEY)
    assert [one["rule"] for one in found["findings"] if one["place"] == "response.body"] == ["field:zipcode"]
    assert found == trial(path, "--at", "2", "--policy", policy, K=KEY)


def test_a_trial_reads_a_cassette_from_the_standard_input(tmp_path: Path) -> None:
    path = cassette(tmp_path)
    variables = {"API_TOKEN": VALUE}
    piped = trial("-", "--at", "3", stdin=path.read_bytes(), **variables)
    assert [one["rule"] for one in piped["findings"]] == ["known:env:API_TOKEN"]
    run = ctools("policy", "test", "-", "--at", "1", "--secrets-file", "-", stdin=path.read_bytes())
    assert run.code == 2
    assert "the standard input is not free here" in run.errors


def test_a_trial_changes_nothing(tmp_path: Path) -> None:
    path = cassette(tmp_path)
    before = path.read_bytes()
    trial(path, "--at", "2")
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["c.jsonl"]


def test_a_trial_for_people_is_a_table(tmp_path: Path) -> None:
    run = ctools("policy", "test", cassette(tmp_path), "--at", "2")
    assert (run.code, run.err) == (0, b"")
    assert BEARER not in run.text
    titles = [line.split() for line in run.text.split("\n") if "placeholder" in line]
    assert titles == [["place", "rule", "kind", "placeholder", "count"]]
    assert "would go      4 values" in run.text


def test_an_interaction_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = cassette(tmp_path)
    assert cli.run(["policy", "test", str(path), "--at", "4"]) == 2
    assert f"{path}: there is no interaction 4: the last one is number 3." in capsys.readouterr().err
