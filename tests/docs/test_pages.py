"""What the pages for users say is so: commands exist, links lead somewhere, tables and figures are true."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools.cli import command_of, paths
from recorder.redact import names
from recorder.redact.engine import Redactor
from recorder.redact.formats import FORMATS
from recorder.redact.policy import Policy
from tests.recorder.journal.schema import complaints

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "CHANGELOG.md",
    "benchmarks/README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
]
REDACTION = (ROOT / "docs" / "redaction.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ANY_LINE = re.MULTILINE | re.DOTALL
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def page(name: str) -> str:
    """Give the text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(language: str) -> list[Any]:
    """Give the code of a language in all pages, each with its page and line, as parameters of a test."""
    return [
        pytest.param(match[2], id=f"{name}:{page(name).count(chr(10), 0, match.start()) + 2}")
        for name in PAGES
        for match in _FENCE.finditer(page(name))
        if match[1] == language
    ]


def calls(text: str) -> Iterator[list[str]]:
    """Give the words of each call of `ctools` in what a console shows."""
    for line in text.splitlines():
        if line.startswith("$ ctools"):
            words = shlex.split(line[2:], comments=True)
            for stop in ("|", "<", ">", "--"):
                words = words[: words.index(stop)] if stop in words else words
            yield words[1:]


@pytest.mark.parametrize("console", blocks("console"))
def test_each_command_that_a_page_shows_exists_and_so_do_its_options(console: str) -> None:
    for words in calls(console):
        path = next(
            (path for path in sorted(paths(), key=len, reverse=True) if tuple(words[: len(path)]) == path), None
        )
        assert path is not None, f"ctools {' '.join(words)}: no such command"
        options = {name for option in command_of(*path).params for name in option.opts}
        for word in words[len(path) :]:
            name = word.partition("=")[0]
            assert not name.startswith("-") or name in (*options, "-", "--help", "-h"), f"ctools {' '.join(words)}"


@pytest.mark.parametrize("name", ["README.md", "docs/redaction.md", "docs/policy.md", "docs/how-recording-works.md"])
def test_each_command_that_is_named_in_a_sentence_exists(name: str) -> None:
    for said in re.findall(r"`ctools ([a-z]+)((?: [a-z]+)?)[^`]*`", page(name)):
        assert said[0] in {path[0] for path in paths()}
        if said[0] == "policy" and said[1]:
            assert (said[0], said[1].strip()) in set(paths())


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings_that_are_there(name: str) -> None:
    for target in _LINK.findall(_FENCE.sub("", page(name))):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), target
        if anchor:
            assert anchor in headings(path.read_text(encoding="utf-8")), target


def headings(text: str) -> set[str]:
    """Give the anchors that a page's headings get."""
    found = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("code", blocks("python"))
def test_python_on_a_page_is_python(code: str) -> None:
    compile(code, "page", "exec")


GENERATED = {"docs/cli.md", "docs/formats.md"}


@pytest.mark.parametrize("name", [name for name in PAGES if name not in GENERATED])
def test_lines_are_of_120_characters_at_most(name: str) -> None:
    prose = _FENCE.sub("", page(name)).splitlines()
    assert [line for line in prose if len(line) > 120 and not line.startswith("|")] == []


# -- README.md and the demo


def test_what_the_readme_shows_of_a_command_is_what_docs_demo_readme_put_there() -> None:
    marks = re.findall(
        r"^<!-- output of: (.+?) -->\n\n```console\n\$ (.+?)\n(.+?)```\n\n<!-- end -->$", README, _ANY_LINE
    )
    assert len(marks) == README.count("<!-- output of:") > 0
    for command, shown, output in marks:
        assert shown == command
        assert output.strip()


@pytest.mark.full
@pytest.mark.skipif(
    shutil.which("ctools", path=str(Path(sys.executable).parent)) is None, reason="ctools is not installed here"
)
def test_the_demo_ends_well() -> None:
    demo = subprocess.run([sys.executable, ROOT / "docs/demo/demo.py"], capture_output=True, timeout=300, check=False)
    assert demo.returncode == 0, demo.stderr[-2000:]


# -- docs/redaction.md


def test_the_table_of_token_formats_is_what_is_looked_for() -> None:
    told = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", section("Formats of tokens"), re.MULTILINE)
    assert told == [(form.slug, form.title) for form in FORMATS]


def section(heading: str) -> str:
    """Give a section of docs/redaction.md."""
    return next(part for part in re.split(r"^#+ ", REDACTION, flags=re.MULTILINE) if part.startswith(heading))


def test_the_figures_of_names_and_formats_are_right() -> None:
    places = section("Places")
    assert f"| {len(names.HEADERS)} headers:" in places
    assert f"| {len(names.NAMES)} names:" in places
    assert f"| {len(names.QUERY_NAMES)} names in queries:" in places
    assert f"*formats of tokens* ({len(FORMATS)})" in README
    assert f"{len(FORMATS)} formats of" in page("CHANGELOG.md")


def test_the_names_that_stand_for_the_lists_are_in_them() -> None:
    rows = dict(re.findall(r"^\| (\d+ [a-z ]+): (.+?) … \|", section("Places"), re.MULTILINE))
    lists = [names.HEADERS | names.NAMES, names.NAMES, names.QUERY_NAMES]
    assert len(rows) == len(lists)
    for examples, known in zip(rows.values(), lists, strict=True):
        for example in re.findall(r"`([^`]+)`", examples):
            assert names.normalize(example) in known, example


def test_the_examples_of_names_are_as_told() -> None:
    redactor = Redactor(Policy(environment=False))
    for name, goes in {"api_key": True, "apiKey": True, "API-Key": True, "zipcode": False, "code": False}.items():
        body = json.dumps({name: "tv7qxw2lmq8s"}).encode()
        assert (redactor.redact_text(body, "body")[0] != body) is goes, name


@pytest.mark.parametrize("stays", [b"true", b"false", b"null", b'""', b'"***"', b'"[FILTERED]"', b'"REDACTED"'])
def test_what_is_told_to_stay_stays(stays: bytes) -> None:
    body = b'{"password": ' + stays + b"}"
    assert Redactor(Policy(environment=False)).redact_text(body, "body")[0] == body


@pytest.mark.parametrize(
    ("value", "doubt"),
    [("a7", "too short"), ("a7x9q", "short"), ("admin", "common"), ("token", "common"), ("a7x9q2", None)],
)
def test_the_bounds_of_what_can_be_proved_are_as_told(value: str, doubt: str | None) -> None:
    unproven = Redactor(Policy([value], environment=False)).unproven
    assert bool(unproven) is (doubt is not None)
    assert doubt is None or doubt in unproven[0]


def test_placeholders_have_the_forms_that_are_told() -> None:
    redactor = Redactor(Policy(environment=False, personal=frozenset({"email"})))
    body = b'{"password":"tv7qxw2lmq8s","token":12345,"secret":{"a":12345},"mail":"ada@example.com"}'
    new = json.loads(redactor.redact_text(body, "body")[0])
    assert re.fullmatch(r"REDACTED-secret-[a-z2-7]{10,12}", new["password"])
    assert re.fullmatch(r"404\d{12}", str(new["token"]))
    assert re.fullmatch(r"REDACTED-secret-[a-z2-7]{10,12}", new["secret"])
    assert re.fullmatch(r"redacted-[a-z2-7]+@redacted\.invalid", new["mail"])


def test_the_callback_on_the_page_does_what_it_says() -> None:
    code = next(match[2] for match in _FENCE.finditer(REDACTION) if "def without_names" in match[2])
    scope: dict[str, Any] = {}
    exec(compile(code.partition("\n\n\nwith ")[0], "page", "exec"), scope)
    interaction = {"request": {"headers": [["X-Trace", "1"], ["Host", "localhost"]]}}
    assert scope["without_names"](interaction)["request"]["headers"] == [["Host", "localhost"]]


def test_the_python_example_of_the_page_gives_arguments_that_there_are() -> None:
    import inspect as signatures

    import recorder

    parameters = signatures.signature(recorder.start).parameters
    for name in ("policy", "secrets", "redact"):
        assert name in parameters
        assert f"| `{name}` |" in page("docs/how-recording-works.md")


# -- docs/format.md


@pytest.mark.parametrize("line", blocks("json"))
def test_each_line_on_the_page_of_the_format_is_one(line: str) -> None:
    assert complaints(json.loads(line)) == []


def test_the_page_on_the_report_of_convert_names_its_keys_and_no_others(tmp_path: Path) -> None:
    source = ROOT / "fixtures" / "vcrpy-yaml" / "vcrpy-9.4.2-requests.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "cassette_tools", "convert", source, "-o", tmp_path / "it.jsonl", "--json", "--quiet"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    report = json.loads(done.stdout)
    (output,) = report["outputs"]
    tables = [
        set(re.findall(r"^\| `(\w+)`", part, re.MULTILINE)) for part in page("docs/convert-json.md").split("\n\n")
    ]
    tables = [table for table in tables if table]

    assert tables[0] == set(report)
    assert tables[1] == set(output)
    assert tables[2] == {"facet", "what", "interactions", "first"}
    assert tables[3] == set(output["inputs"][0])
