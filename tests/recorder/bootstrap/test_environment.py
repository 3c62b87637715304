from __future__ import annotations

import os
from pathlib import Path

import pytest

import recorder.bootstrap
from recorder.bootstrap import child_environment, site_folder
from recorder.errors import UsageError
from recorder.options import Options


def environment(before: dict[str, str]) -> dict[str, str]:
    return child_environment(
        before, cassette="/c.jsonl", run="1f", options=Options(body_limit=4096), redaction="none", notes="/notes"
    )


def test_the_variables_carry_the_run() -> None:
    made = environment({"HOME": "/home/me"})
    assert made == {
        "HOME": "/home/me",
        "PYTHONPATH": site_folder(),
        "RECORDER_CASSETTE": "/c.jsonl",
        "RECORDER_RUN": "1f",
        "RECORDER_OPTIONS": Options(body_limit=4096).to_json(),
        "RECORDER_REDACTION": "none",
        "RECORDER_NOTES": "/notes",
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "SITE"),
        ("/a", "SITE:/a"),
        ("/a:/b", "SITE:/a:/b"),
        ("SITE:/a", "SITE:/a"),  # a recording within a recording
        ("/a::/b", "SITE:/a::/b"),  # the working folder, where it was
    ],
)
def test_our_folder_stands_in_front_of_pythonpath_once(before: str, after: str) -> None:
    def filled(text: str) -> str:
        return text.replace(":", os.pathsep).replace("SITE", site_folder())

    assert environment({"PYTHONPATH": filled(before)})["PYTHONPATH"] == filled(after)


def test_the_environment_that_was_given_is_not_changed() -> None:
    before = {"PYTHONPATH": "/a"}
    environment(before)
    assert before == {"PYTHONPATH": "/a"}


def test_a_place_that_pythonpath_cannot_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder.bootstrap, "site_folder", lambda: f"/odd{os.pathsep}folder/site")
    with pytest.raises(UsageError, match="install it elsewhere"):
        environment({})


def test_the_folder_holds_what_python_imports_at_its_start() -> None:
    names = {path.name for path in Path(site_folder()).iterdir() if path.suffix == ".py"}
    assert names == {"sitecustomize.py", "recorder_arming.py"}
