from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cassette_tools.convert import Outcome, Source
from cassette_tools.formats import all_formats, format_named
from cassette_tools.input_stream import Remark
from cassette_tools.interaction import Interaction, Request, Response
from cassette_tools.losses import Losses
from cassette_tools.views.console import Page
from cassette_tools.views.conversion import print_outcomes, show_formats, show_outcomes
from recorder.errors import BadCassetteError

if TYPE_CHECKING:
    from recorder.errors import RecorderError

YAML = format_named("vcrpy-yaml", reading=False)
JSONL = format_named("jsonl", reading=False)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a sentence be one line, however long it is."""
    monkeypatch.setattr("cassette_tools.views.conversion._READABLE", 10_000)


def outcome(**changes: object) -> Outcome:
    losses = Losses(["no-response", "timings", "client"], family="vcrpy")
    made = Outcome(YAML, "new.yaml", losses, [Source("a.jsonl", JSONL, 3)], written=2, size=2048)
    for key, value in changes.items():
        setattr(made, key, value)
    return made


def said(
    *outcomes: Outcome, troubles: list[tuple[str, RecorderError]] | None = None, skipped: list[str] | None = None
) -> list[str]:
    out = io.StringIO()
    show_outcomes(outcomes, troubles or [], skipped or [], Page(out))
    return out.getvalue().splitlines()


def test_a_result_is_told_in_one_line() -> None:
    assert said(outcome()) == [
        "new.yaml: 2 interactions from a.jsonl (cassette JSONL); 2.05 kB of vcrpy YAML",
    ]
    (line,) = said(outcome(verified=True, passed_over=1_000, written=1))
    assert line.startswith("new.yaml: 1 interaction from a.jsonl (cassette JSONL), 1,000 passed over by the filter; ")
    assert line.endswith("; 2.05 kB of vcrpy YAML, read back and found equal")


def test_many_sources_are_counted() -> None:
    sources = [Source(f"{number}.jsonl", JSONL, 1) for number in range(1003)]
    (line,) = said(outcome(sources=sources))
    assert "from 0.jsonl (cassette JSONL), 1.jsonl (cassette JSONL), 2.jsonl (cassette JSONL) and 1,000 more;" in line


def losing() -> Outcome:
    made = outcome()
    request = Request("GET", "http://a/", [])
    full = Interaction(request, Response(200, "", []), timings_ms={"total": 1}, client="x")
    for number, one in enumerate((full, replace(full, client=None), Interaction(request), Interaction(request)), 1):
        made.losses.take(one, number)
    made.losses.envelopes = 2
    return made


def test_losses_are_told_with_how_often_and_what_is_left_out_first() -> None:
    _, left_out, lost = said(losing())
    assert left_out == "  2 interactions were left out: requests without a response (the first is number 3)"
    start, _, rest = lost.partition("durations")
    assert start == "  vcrpy YAML has no place for "
    assert rest.split("; ") == [
        " (of 2 interactions)",
        "client libraries (of 1 interaction)",
        "what the cassette says of the recording itself",
    ]


def test_without_a_terminal_sentences_have_lines_for_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    long = said(losing())
    monkeypatch.setattr("cassette_tools.views.conversion._READABLE", 60)
    wrapped = said(losing())
    assert len(wrapped) > len(long)
    assert max(map(len, wrapped)) <= 60
    assert " ".join(" ".join(wrapped).split()) == " ".join(" ".join(long).split())


def test_what_was_not_written_says_so() -> None:
    assert said(outcome(published=False))[0] == "new.yaml: not written, for something would be lost (--strict)"


def test_remarks_are_told_with_their_place_or_how_often() -> None:
    once, often = Remark("It may be base64.", "interaction 3"), Remark("The tail is torn.", "line 9")
    once.count, often.count = 1, 1_200
    made = outcome(sources=[Source("a.jsonl", JSONL, 3, (once, often))])
    assert said(made)[1:] == [
        "  a.jsonl: It may be base64. (interaction 3)",
        "  a.jsonl: The tail is torn. (1,200 times, first: line 9)",
    ]


def test_what_went_wrong_comes_last_and_some_of_what_was_passed_over_is_named() -> None:
    lines = said(
        outcome(),
        troubles=[("x.har", BadCassetteError("x.har, entry 1: it is no object."))],
        skipped=[f"{number}.txt" for number in range(7)],
    )
    assert lines[1:] == [
        "7 files passed over, being no cassettes: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, ...",
        "Not converted: x.har, entry 1: it is no object.",
    ]


NASTY = "a\x1b[31m\x07\u202e\udcff[link=x]b"


def test_names_cannot_command_the_terminal() -> None:
    made = outcome(name=NASTY, sources=[Source(NASTY, JSONL, 1, (Remark("It is so.", "line 1"),))])
    text = "\n".join(said(made, troubles=[(NASTY, BadCassetteError(NASTY))], skipped=[NASTY]))
    assert not any(character in text for character in "\x1b\x07\u202e")
    assert "[link=x]" in text


def test_the_object_of_json_says_all_and_is_safe_to_print(capsys: pytest.CaptureFixture[str]) -> None:
    made = losing()
    made.sources = [Source(NASTY, JSONL, 4, (Remark("It is so.", "line 1"),))]
    print_outcomes([made, outcome(published=False)], [(NASTY, BadCassetteError("no"))], ["letter.txt"])
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    assert not any(character in text for character in "\x1b\x07\u202e")
    whole = json.loads(text)
    first, second = whole["outputs"]
    assert first["losses"] == [
        {"facet": "no-response", "what": "requests without a response", "interactions": 2, "first": 3},
        {"facet": "timings", "what": "durations", "interactions": 2, "first": 1},
        {"facet": "client", "what": "client libraries", "interactions": 1, "first": 1},
    ]
    assert (first["size"], first["envelopes"], first["left_out"]) == (2048, 2, 2)
    assert (second["size"], second["written"]) == (0, False)
    assert first["inputs"][0]["file"] == NASTY
    assert whole["errors"] == [{"file": NASTY, "error": "bad-cassette", "message": "no"}]
    assert whole["skipped"] == ["letter.txt"]


def test_the_list_of_formats_names_all_of_them() -> None:
    out = io.StringIO()
    show_formats(Page(out))
    titles, *rows = [line.split(maxsplit=3) for line in out.getvalue().splitlines()]
    assert titles[:3] == ["name", "reads", "writes"]
    assert [row[0] for row in rows] == [one.name for one in all_formats()]
    for row, one in zip(rows, all_formats(), strict=True):
        assert row[1] == ("yes" if one.read is not None else "-")
        assert row[2] == ("-" if one.write is None and one.write_folder is None else "yes")
        assert one.title in row[3]
