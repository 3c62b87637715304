from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cassette_tools.conversion_plan import plan
from recorder.errors import NotACassetteError, RecorderError, UsageError
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import environment

VCRPY = b"""interactions:
- request:
    body: null
    headers: {}
    method: GET
    uri: http://localhost/
  response:
    body:
      string: x
    headers: {}
    status:
      code: 200
      message: OK
version: 1
"""


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "b.jsonl.gz", "tree/c.jsonl", "tree/below/d.jsonl", "x.tar.backup"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Cassette().get().write(path)
    for name in ("v.yaml", "tree/below/e.yaml", "tree/.hidden.yaml", "tree/.git/f.yaml"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(VCRPY)


def settled(
    *inputs: str, output: str | None = None, to: str | None = None
) -> list[tuple[tuple[str, ...], str | None, str | None, str | None]]:
    """Give of each job its inputs, target, format and packing, as they are when its turn has come."""
    jobs = [job.settled(None) for job in plan(inputs, output, to).jobs]
    return [
        (job.inputs, None if job.target is None else str(job.target), job.to.name if job.to else None, job.packing)
        for job in jobs
    ]


@pytest.mark.parametrize(
    ("inputs", "output", "to", "target", "name", "packing"),
    [
        (["a.jsonl"], None, None, "a.yaml", "vcrpy-yaml", None),
        (["b.jsonl.gz"], None, None, "b.yaml", "vcrpy-yaml", None),
        (["v.yaml"], None, None, "v.jsonl", "jsonl", None),
        (["x.tar.backup"], None, None, "x.tar.yaml", "vcrpy-yaml", None),
        (["a.jsonl"], None, "har", "a.har", "har", None),
        (["v.yaml"], None, "jsonl.gz", "v.jsonl.gz", "jsonl", "gzip"),
        (["v.yaml"], None, "jsonl.zst", "v.jsonl.zst", "jsonl", "zstd"),
        (["v.yaml"], "out.jsonl.zst", None, "out.jsonl.zst", "jsonl", "zstd"),
        (["v.yaml"], "out.jsonl", "har", "out.jsonl", "har", None),
        (["v.yaml"], "out", "jsonl.gz", "out", "jsonl", "gzip"),
        (["a.jsonl"], "tree/", None, "tree/a.yaml", "vcrpy-yaml", None),
        (["a.jsonl"], "tree", None, "tree/a.yaml", "vcrpy-yaml", None),
        (["a.jsonl"], "new/", "har", "new/a.har", "har", None),
        (["tree/below/d.jsonl"], "new/", None, "new/d.yaml", "vcrpy-yaml", None),
        (["a.jsonl"], "-", "har", None, "har", None),
        (["a.jsonl"], "-", "har.gz", None, "har", "gzip"),
        (["-"], None, "har", None, "har", None),
        (["-"], "o.har", None, "o.har", "har", None),
    ],
)
def test_one_input_goes_where_it_is_meant_to_go(
    inputs: list[str], output: str | None, to: str | None, target: str | None, name: str | None, packing: str | None
) -> None:
    ((files, place, chosen, packed),) = settled(*inputs, output=output, to=to)
    assert (list(files), place, packed) == (inputs, target, packing)
    assert chosen == (name or "vcrpy-yaml")


def test_several_inputs_and_one_file_are_merged_in_their_order() -> None:
    assert settled("v.yaml", "a.jsonl", output="all.har") == [(("v.yaml", "a.jsonl"), "all.har", "har", None)]
    assert settled("v.yaml", "tree", output="all.har") == [
        (("v.yaml", "tree/c.jsonl", "tree/below/d.jsonl", "tree/below/e.yaml"), "all.har", "har", None)
    ]


def test_several_inputs_without_an_output_go_beside_themselves() -> None:
    assert [(job[0], job[1]) for job in settled("v.yaml", "a.jsonl")] == [
        (("v.yaml",), "v.jsonl"),
        (("a.jsonl",), "a.yaml"),
    ]


def test_a_tree_becomes_a_tree() -> None:
    wanted = [
        (("tree/c.jsonl",), "out/c.har", "har", None),
        (("tree/below/d.jsonl",), "out/below/d.har", "har", None),
        (("tree/below/e.yaml",), "out/below/e.har", "har", None),
    ]
    for output in ("out", "out/"):
        assert settled("tree", output=output, to="har") == wanted
    assert [job[1] for job in settled("tree", to="har")] == [
        "tree/c.har",
        "tree/below/d.har",
        "tree/below/e.har",
    ]


def test_an_output_below_an_input_is_not_read() -> None:
    Path("tree/out/old").mkdir(parents=True)
    Cassette().get().write(Path("tree/out/old/z.jsonl"))
    inputs = [job[0][0] for job in settled("tree", output="tree/out", to="har")]
    assert inputs == ["tree/c.jsonl", "tree/below/d.jsonl", "tree/below/e.yaml"]


def test_a_file_that_two_names_lead_to_is_taken_once_and_links_to_folders_are_not_followed() -> None:
    Path("tree/link").symlink_to("below")
    Path("tree/loop").symlink_to(".")
    Path("tree/same.jsonl").symlink_to("c.jsonl")
    Path("tree/nowhere.jsonl").symlink_to("nowhere")
    assert len(settled("tree", to="har")) == 3
    assert len(settled("tree", "tree/below", to="har")) == 3


def test_the_size_is_that_of_all_inputs() -> None:
    assert plan(["a.jsonl", "v.yaml"], None, None).size == sum(
        Path(name).stat().st_size for name in ("a.jsonl", "v.yaml")
    )
    assert plan(["-"], None, "har").size == 0


def test_only_files_of_a_walk_are_marked_as_walked() -> None:
    jobs = plan(["a.jsonl", "tree"], None, "har").jobs
    assert [job.walked for job in jobs] == [False, True, True, True]


@pytest.mark.parametrize(
    ("inputs", "output", "to", "said"),
    [
        (["-"], None, None, "Which format should the standard input become"),
        (["-"], "-", None, "Which format should the standard input become"),
        (["-", "-"], None, "har", "The standard input comes once"),
        (["tree"], None, None, "Which format should the cassettes in tree become"),
        (["tree/.git/.."], "v.yaml/", "har", "is a file, and there are several results"),
        (["-"], "tree/", "har", "The standard input has no name"),
        (["a.jsonl"], None, "vhs", "'vhs' is no format that can be written"),
        (["a.jsonl"], None, "har.bz2", "'har.bz2' is no format that can be written"),
        (["a.jsonl"], None, ".gz", "'' is no format that can be written"),
        (["empty"], None, "har", "There is no file in empty"),
        (
            ["a.jsonl"],
            "out.hra",
            None,
            r"out\.hra: the name tells no format\. End it with one of \.har, \.json, \.jsonl",
        ),
        (["a.jsonl"], "out", None, "or with / for a folder, or say the format with --to"),
    ],
)
def test_what_cannot_be_meant_is_refused(inputs: list[str], output: str | None, to: str | None, said: str) -> None:
    Path("empty").mkdir()
    with pytest.raises(UsageError, match=said):
        plan(inputs, output, to)


def test_what_is_no_cassette_is_refused_when_its_turn_has_come() -> None:
    Path("letter.txt").write_text("Dear all,\n")
    (job,) = plan(["letter.txt"], None, None).jobs
    with pytest.raises(NotACassetteError, match="plain text"):
        job.settled(None)
    assert job.settled("har").to is not None


def test_names_that_are_no_utf8_or_odd_stay_as_they_are() -> None:
    for name in (b"odd/\xff\n\x1b[31m.jsonl", b"odd/a b.jsonl", b"odd/.jsonl.jsonl"):
        path = Path(os.fsdecode(name))
        path.parent.mkdir(exist_ok=True)
        Cassette().get().write(path)
    targets = [os.fsencode(job[1] or "") for job in settled("odd", output="out", to="har")]
    assert targets == [b"out/a b.har", b"out/\xff\n\x1b[31m.har"]


UNREAD = """
import os, sys
os.setgid(65534), os.setuid(65534)
from cassette_tools.conversion_plan import plan
made = plan(sys.argv[1:], None, "har")
print(len(made.jobs), *[f"{name}: {error.slug}" for name, error in made.unread])
"""


@pytest.mark.skipif(os.getuid() != 0, reason="takes another user's rights")
def test_a_folder_that_cannot_be_read_does_not_keep_the_rest_from_it(tmp_path: Path) -> None:
    program = UNREAD.replace("os.setgid", "import cassette_tools.formats as f; f.all_formats(); os.setgid")
    tmp_path.chmod(0o755)
    Path("tree/below").chmod(0o700)
    done = subprocess.run([sys.executable, "-c", program, "tree"], capture_output=True, env=environment(), check=False)
    assert (done.stdout.decode(), done.stderr.decode()) == ("1 tree/below: cassette-read\n", "")


def test_when_nothing_is_left_the_first_folder_that_could_not_be_read_is_the_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refusing(_: object) -> object:
        raise PermissionError(13, "Permission denied", "tree")

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(RecorderError, match=r"^tree: the folder cannot be read: Permission denied\."):
        plan(["tree"], None, "har")
