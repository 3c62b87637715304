"""A folder of cassettes: each is told for what it is, and what is odd about it is said."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from cassette_tools.folder import LOOKED_AT, Folder, Row, size_of
from cassette_tools.formats import all_formats
from recorder.errors import CassetteReadError, NotACassetteError, UsageError
from tests.cassette_tools.cassettes import BEGAN, Cassette
from tests.cassette_tools.running import environment
from tests.cassette_tools.test_guard import FORMATS, LEAKS, Exchange

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
NOW = BEGAN + timedelta(days=1)
OLD = datetime(2020, 1, 2, tzinfo=UTC)
REDACTED: dict[str, Any] = {"version": 1, "policy": "3b806ff24d29", "key": "random", "known": 0}
SECRET = "ghp_" + "Zq3vT9xLw2" * 3 + "aB4cD8"
VCRPY = """interactions:
- request:
    body: null
    headers:
      Accept: ['*/*']
    method: GET
    uri: https://api.example.com/users
  response:
    body: {string: hello}
    headers:
      Content-Type: [text/plain]
    status: {code: 200, message: OK}
version: 1
"""


def look(folder: Path, **options: Any) -> dict[str, Row]:
    return {row.name: row for row in Folder(str(folder), **{"now": NOW, **options})}


def clean(**header: Any) -> Cassette:
    return Cassette(**{"redaction": REDACTED, **header}).get().end()


def age(path: Path, moment: datetime = OLD) -> None:
    os.utime(path, (moment.timestamp(), moment.timestamp()))


def test_cassettes_of_all_formats_are_recognized_below_one_folder(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES, tmp_path / "all")
    clean().write(tmp_path / "all" / "a.jsonl")
    (tmp_path / "all" / "b.jsonl.gz").write_bytes(gzip.compress(clean().data(), mtime=0))
    (tmp_path / "all" / "c.jsonl.zst").write_bytes(zstandard.compress(clean().data()))
    (tmp_path / "all" / "no-name-of-a-cassette").write_text(VCRPY)
    folder = Folder(str(tmp_path / "all"))
    rows = {row.name: row for row in folder}
    assert {row.format for row in rows.values()} == {one.name for one in all_formats() if one.read is not None}
    for row in rows.values():
        where = Path(row.name).parent.name
        assert row.format == (where or ("vcrpy-yaml" if row.name.startswith("no-name") else "jsonl")), row.name
        assert row.size == Path(row.path).stat().st_size
        assert row.interactions or row.why, row.name
    assert [row.name for row in rows.values() if row.why] == ["ruby-vcr/vcr-6-by-hand-erb.yml"]
    assert rows["b.jsonl.gz"].interactions == 1
    files = [path for path in (tmp_path / "all").rglob("*") if path.is_file()]
    totals = folder.totals
    assert totals.cassettes + totals.passed_over == len(files)
    assert totals.interactions == sum(row.interactions for row in rows.values())
    assert totals.size == sum(row.size for row in rows.values())
    assert sum(totals.formats.values()) == totals.cassettes
    assert sum(row.count for row in totals.hosts.rows.values()) + totals.hosts.others.count == totals.interactions


def torn() -> bytes:
    return Cassette(redaction=REDACTED).get().get().data()[:-20]


def broken() -> bytes:
    lines = clean().lines
    return b"".join([lines[0], lines[1][:40] + b"\n", lines[1], lines[2]])


@pytest.mark.parametrize(
    ("name", "data", "modified", "flags"),
    [
        ("fine.jsonl", clean().data(), BEGAN, []),
        ("fine.yaml", VCRPY.encode(), BEGAN, []),
        ("killed.jsonl", Cassette(redaction=REDACTED).get().data(), BEGAN, ["unclean"]),
        ("torn.jsonl", torn(), BEGAN, ["damaged", "unclean"]),
        ("torn.jsonl.gz", gzip.compress(torn(), mtime=0), BEGAN, ["damaged", "unclean"]),
        ("twice.jsonl", Cassette(redaction=REDACTED).get().data() + clean().data(), BEGAN, ["unclean"]),
        ("broken.jsonl", broken(), BEGAN, ["failing"]),
        ("newer.jsonl", clean(format=99).data(), BEGAN, ["failing"]),
        ("newer", clean(format=99).data(), BEGAN, ["failing"]),
        ("nothing.jsonl", Cassette(redaction=REDACTED).end().data(), BEGAN, ["empty"]),
        ("nothing.yaml", b"interactions: []\nversion: 1\n", BEGAN, ["empty"]),
        ("none.yaml", b"", BEGAN, ["empty"]),
        ("cut.yaml.gz", gzip.compress(VCRPY.encode(), mtime=0)[:-9], BEGAN, ["failing"]),
        ("cut.har", b'{"log": {"version": "1.2", "entries": [{"request":', BEGAN, ["failing"]),
        ("secret.yaml", VCRPY.replace("hello", SECRET).encode(), BEGAN, ["unredacted"]),
        ("secret.jsonl", Cassette().get(body=SECRET.encode()).end().data(), BEGAN, ["unredacted"]),
        ("by-policy.jsonl", Cassette(redaction=REDACTED).get(body=SECRET.encode()).end().data(), BEGAN, []),
        ("old.yaml", VCRPY.encode(), OLD, ["stale"]),
        ("young-of-itself.jsonl", clean().data(), OLD, []),
        ("converted.jsonl", Cassette(redaction=REDACTED, converted=True).get().data(), BEGAN, []),
        ("huge.yaml", VCRPY.replace("hello", "x" * 9000).encode(), BEGAN, ["huge"]),
    ],
)
def test_what_is_odd_about_a_cassette_is_flagged(
    tmp_path: Path, name: str, data: bytes, modified: datetime, flags: list[str]
) -> None:
    (tmp_path / name).write_bytes(data)
    age(tmp_path / name, modified)
    row = look(tmp_path, huge=8000)[name]
    assert row.flags == flags
    assert (row.why is not None) == ("failing" in flags)
    assert row.why is None or name in row.why


def test_a_recording_in_progress_is_told_from_a_killed_one(tmp_path: Path) -> None:
    Cassette(redaction=REDACTED).get().write(tmp_path / "c.jsonl")
    assert look(tmp_path)["c.jsonl"].flags == ["recording"]


def test_what_is_no_cassette_is_passed_over_and_counted(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(VCRPY)
    (tmp_path / "README.md").write_text("interactions: are described here\n- request: see below\n")
    (tmp_path / "package.json").write_text('{"name": "x", "dependencies": {}}')
    (tmp_path / "test_api.py").write_text('HEAD = \'{"type":"header","format":1}\'\nTEXT = """\ninteractions:\n"""\n')
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (tmp_path / "__init__.py").touch()
    (tmp_path / "nul").write_bytes(bytes(100))
    (tmp_path / "notes.tar.gz").write_bytes(b"\x1f\x8b broken")
    (tmp_path / ".hidden.yaml").write_text(VCRPY)
    for mode in ("tail", "strict", "skip"):
        folder = Folder(str(tmp_path), mode=mode, now=NOW)
        assert [row.name for row in folder] == ["c.yaml"]
        assert folder.totals.passed_over == 7


HOSTILE = (
    b"\0" * 100,
    b"{",
    b"[" * 20_000,
    b"interactions:\n" + b"- [" * 5000,
    b"interactions: &a [*a]\n",
    b"a: &a [x, x]\nb: &b [*a, *a]\ninteractions: [*b, *b]\n",
    b"interactions:\n- 17\n- request: 5\n  response: null\n",
    b'{"log": {"entries": [{"request": {"url": 5}}]}}',
    b'{"http_interactions": [{"request": {}}]}',
    b'{"type":"header","format":1}\n{"type":"interaction","request":7,"started_at":[]}\n{"type":"end"}\n',
    b'{"type":"header","format":1,"redaction":[],"created_at":5}\n{"type":"interaction"}\n',
    b'{"type":"header","format":1,"created_at":"yesterday"}\n',
    "\ufeffinteractions: []".encode("utf-16"),
    b"17:9:something,1:a,}",
    b"[[interactions]]\nrequest = 5\n",
    gzip.compress(bytes(500_000), mtime=0),
    zstandard.compress(b"interactions:\n" + b" " * 500_000),
    b"\x28\xb5\x2f\xfd garbage",
)


@pytest.mark.parametrize("mode", ["tail", "strict", "skip"])
def test_no_file_keeps_another_from_being_looked_at(tmp_path: Path, mode: str) -> None:
    for number, data in enumerate(HOSTILE):
        for suffix in (".yaml", ".json", ".jsonl", ".har", ".toml", ".flows", ""):
            (tmp_path / f"{number}{suffix}").write_bytes(data)
    (tmp_path / "z.yaml").write_text(VCRPY)
    for only in (None, "~b x"):
        rows = look(tmp_path, mode=mode, only=only)
        assert rows["z.yaml"].flags == []
        for row in rows.values():
            assert "empty" in row.flags or row.why or row.held, row


@pytest.mark.parametrize("name", ["none", "empty"])
def test_a_folder_without_cassettes_is_an_error_that_tells_the_next_step(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.txt").write_text("hello")
    with pytest.raises(NotACassetteError, match=r"no cassettes: .*ctools record") as caught:
        look(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CassetteReadError, match="the folder cannot be read"):
        look(tmp_path / "gone")


def test_times_are_those_of_interactions_and_else_nobodys(tmp_path: Path) -> None:
    Cassette(redaction=REDACTED).get(at=5).get(at=3600).end().write(tmp_path / "a.jsonl")
    (tmp_path / "b.yaml").write_text(VCRPY)
    age(tmp_path / "b.yaml", OLD)
    folder = Folder(str(tmp_path), now=NOW)
    ours, theirs = list(folder)
    assert (ours.first, ours.last, ours.recorded) == (
        BEGAN,
        BEGAN + timedelta(seconds=3600),
        BEGAN + timedelta(seconds=3600),
    )
    assert (theirs.first, theirs.last, theirs.recorded) == (None, None, OLD)
    totals = folder.totals
    assert (totals.first, totals.last, totals.undated) == (ours.first, ours.last, 1)


def test_days_and_bytes_of_what_is_odd_can_be_chosen(tmp_path: Path) -> None:
    clean().write(tmp_path / "a.jsonl")
    assert look(tmp_path, stale_after=0.5)["a.jsonl"].flags == ["stale"]
    assert look(tmp_path, stale_after=1.5)["a.jsonl"].flags == []
    size = (tmp_path / "a.jsonl").stat().st_size
    assert look(tmp_path, huge=size - 1)["a.jsonl"].flags == ["huge"]
    assert look(tmp_path, huge=size)["a.jsonl"].flags == []


@pytest.mark.parametrize("days", [float("inf"), float("nan"), 1e300])
def test_no_number_of_days_is_too_many(tmp_path: Path, days: float) -> None:
    clean().write(tmp_path / "a.jsonl")
    assert look(tmp_path, stale_after=days)["a.jsonl"].flags == []


@pytest.mark.parametrize("seconds", [-(10**11), -1, 10**11, 2**40])
def test_no_time_of_a_file_is_too_far_away(tmp_path: Path, seconds: int) -> None:
    (tmp_path / "a.yaml").write_text(VCRPY)
    try:
        os.utime(tmp_path / "a.yaml", (seconds, seconds))
    except OSError:
        pytest.skip("the file system does not take this time")
    assert look(tmp_path)["a.yaml"].flags in (["stale"], [])


def test_copies_are_found_by_their_bytes_and_only_those(tmp_path: Path) -> None:
    for name, text in (
        ("a", VCRPY),
        ("b", VCRPY.replace("hello", "hallo")),
        ("c", VCRPY),
        ("d", VCRPY + "\n"),
        ("e", VCRPY.replace("hello", "hallo")),
        ("f", "interactions: []\n"),
        ("g", "interactions: []\n"),
    ):
        (tmp_path / f"{name}.yaml").write_text(text)
    rows = look(tmp_path)
    assert {name: row.same_as for name, row in rows.items() if row.same_as} == {
        "c.yaml": str(tmp_path / "a.yaml"),
        "e.yaml": str(tmp_path / "b.yaml"),
    }
    assert [name for name, row in rows.items() if "duplicate" in row.flags] == ["c.yaml", "e.yaml"]


def test_only_the_beginning_of_a_large_cassette_is_looked_at_for_secrets_and_that_is_said(tmp_path: Path) -> None:
    filler = [b"x" * 60_000] * (LOOKED_AT // 60_000 + 2)
    late, early = Cassette(), Cassette().get(body=SECRET.encode())
    for body in filler:
        late.get(body=body)
        early.get(body=body)
    late.get(body=SECRET.encode()).end().write(tmp_path / "late.jsonl")
    early.end().write(tmp_path / "early.jsonl")
    (tmp_path / "early.jsonl.gz").write_bytes(gzip.compress(early.data(), mtime=0))
    Cassette().get(body=SECRET.encode()).end().write(tmp_path / "short.jsonl")
    folder = Folder(str(tmp_path), now=NOW)
    assert {row.name: (row.secrets, row.looked_at) for row in folder} == {
        "late.jsonl": (0, LOOKED_AT),
        "early.jsonl": (1, LOOKED_AT),
        "early.jsonl.gz": (1, LOOKED_AT),
        "short.jsonl": (1, None),
    }
    assert (folder.totals.secrets, folder.totals.partly, folder.totals.flags["unredacted"]) == (3, 3, 3)


def test_secrets_are_found_in_every_format(tmp_path: Path) -> None:
    for name, written in FORMATS.items():
        (tmp_path / name).write_bytes(written([Exchange(), LEAKS["bearer"][0]]))
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(written([Exchange(), LEAKS["bearer"][0]]), mtime=0))
        (tmp_path / f"clean-{name}").write_bytes(written([Exchange()]))
    counts = {name: row.secrets for name, row in look(tmp_path).items()}
    assert counts == {
        name: 0 if name.startswith("clean-") else 1
        for form in FORMATS
        for name in (form, f"{form}.gz", f"clean-{form}")
    }
    shutil.copy(FIXTURES / "mitmproxy-flows" / "mitmproxy-12.2.3-traffic.flows", tmp_path / "a.flows")
    assert look(tmp_path)["a.flows"].secrets == 3


def test_a_filter_counts_interactions_and_makes_no_cassette_empty(tmp_path: Path) -> None:
    Cassette(redaction=REDACTED).get("https://a.example/").interaction(
        method="POST", url="https://b.example/", sent=b"needle"
    ).end().write(tmp_path / "a.jsonl")
    (tmp_path / "b.yaml").write_text(VCRPY)
    for only, counts, hosts in (
        ("~m POST", [1, 0], {"b.example": 1}),
        ("~b needle", [1, 0], {"b.example": 1}),
        ("~d api.example.com", [0, 1], {"api.example.com": 1}),
    ):
        folder = Folder(str(tmp_path), only=only, now=NOW)
        rows = list(folder)
        assert [row.interactions for row in rows] == counts
        assert [row.held for row in rows] == [2, 1]
        assert [row.flags for row in rows] == [[], []]
        assert (folder.totals.interactions, folder.totals.held) == (1, 3)
        assert {host: row.count for host, row in folder.totals.hosts.rows.items()} == hosts


def test_a_wrong_filter_or_format_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Folder(str(tmp_path), only="~m (")
    with pytest.raises(UsageError, match="no format"):
        Folder(str(tmp_path), source="nonsense")


def test_a_format_that_is_named_reads_the_files_with_its_names(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(VCRPY)
    (tmp_path / "b.json").write_text("{}")
    clean().write(tmp_path / "c.jsonl")
    folder = Folder(str(tmp_path), source="vcrpy-yaml", now=NOW)
    assert [(row.name, row.format) for row in folder] == [("a.yaml", "vcrpy-yaml")]
    assert folder.totals.passed_over == 2


def test_a_mode_says_which_damage_to_put_up_with(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(broken())
    age(tmp_path / "a.jsonl")
    assert look(tmp_path)["a.jsonl"].flags == ["failing"]
    row = look(tmp_path, mode="skip")["a.jsonl"]
    assert (row.flags, row.interactions, row.why) == (["damaged"], 1, None)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10MB", 10_000_000),
        ("512KiB", 524_288),
        ("1.5 GB", 1_500_000_000),
        ("4096", 4096),
        (" 7b ", 7),
        ("2tib", 2 << 40),
        ("0", 0),
    ],
)
def test_a_size_is_read_as_people_write_it(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1e6", "10 M", "ten", "1,5MB", "10MBs", "٣MB", "9" * 50])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no size"):
        size_of(text)


_PROGRAM = """
import sys
from cassette_tools.folder import Folder
from tests.peak import peak_kib
folder = Folder(sys.argv[1])
grown = None
for number, _ in enumerate(folder):
    if number == 100:
        grown = peak_kib()
print(folder.totals.cassettes, peak_kib() - grown)
"""


def test_memory_does_not_grow_with_the_number_of_cassettes(tmp_path: Path) -> None:
    for number in range(1500):
        Cassette(redaction=REDACTED).get(f"https://host{number}.example/{number}").end().write(
            tmp_path / f"{number}.jsonl"
        )
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=environment(),
    )
    count, grown = map(int, done.stdout.split())
    assert count == 1500
    assert grown < 3000
