from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools import blocks, resanitize, workers
from cassette_tools.findings import Findings
from cassette_tools.resanitize import (
    Outcome,
    check_file,
    redact_file,
    redact_in_place,
    redact_stream,
    spooled,
)
from cassette_tools.workers import Team
from recorder.errors import (
    CassetteDamagedError,
    CassetteNotFoundError,
    NotACassetteError,
    RecordingStateError,
    RedactionError,
    UsageError,
)
from recorder.journal.read import Reader
from recorder.redact.engine import Redactor
from recorder.redact.policy import Policy, Secret
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import ROOT, environment
from tests.cassette_tools.standin import SECRET, Standin, maker, names, placeholder_of

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN = SECRET.encode()


@pytest.fixture
def team() -> Iterator[Team]:
    with Team(maker()) as made:
        yield made


@pytest.fixture
def findings() -> Iterator[Findings]:
    with Findings() as made:
        yield made


def with_secret() -> Cassette:
    return Cassette().process().get(f"https://localhost/?q={SECRET}", body=b"1.10").get().end()


def bytes_of(path: Path) -> tuple[bytes, int, int]:
    status = path.stat()
    return path.read_bytes(), status.st_mtime_ns, status.st_ino


def test_a_copy_is_redacted_and_the_cassette_stays_as_it_is(tmp_path: Path, team: Team, findings: Findings) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")
    before = bytes_of(source)

    outcome = redact_file(str(source), tmp_path / "new.jsonl", team, findings)

    assert bytes_of(source) == before
    new = (tmp_path / "new.jsonl").read_bytes()
    assert new == before[0].replace(KNOWN, placeholder_of(KNOWN))
    assert outcome == Outcome(
        name=str(source),
        size=len(before[0]),
        new_size=len(new),
        interactions=2,
        found=1,
        rules={"known:co": 1},
        removed=0,
        left_out=(),
        changed=True,
    )
    assert names(tmp_path) == ["it.jsonl", "new.jsonl"]


def test_what_is_learned_late_goes_from_what_came_before(tmp_path: Path, team: Team, findings: Findings) -> None:
    made = Cassette().get("https://localhost/?early=abc-123-def").get(body=b'{"token":"abc-123-def"}')
    source = made.write(tmp_path / "it.jsonl")

    outcome = redact_in_place(str(source), team, findings)

    assert b"abc-123-def" not in source.read_bytes()
    assert [(row.interaction, row.rule, row.count) for row in findings.rows()] == [
        (1, "learned", 1),
        (2, "learned", 1),
    ]
    assert outcome.rules == {"learned": 2}


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_second_run_changes_nothing_and_leaves_the_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, findings: Findings, jobs: int
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 2000)
    monkeypatch.setattr(blocks, "_NEAR", 500)
    monkeypatch.setattr(workers, "WORTH_IT", 2)
    made = Cassette()
    for number in range(200):
        made.get(f"https://localhost/?q={number:03}-secret", body=b'{"token":"%03d-secret"}' % (199 - number))
    made.get(body=(b"x" * 33 + KNOWN) * 50, pieces=7)
    source = made.write(tmp_path / "it.jsonl")

    with Team(maker(), jobs) as first:
        assert redact_in_place(str(source), first, findings).changed
    before = bytes_of(source)
    with Team(maker(), jobs) as second, Findings() as none:
        outcome = redact_in_place(str(source), second, none)

    assert bytes_of(source) == before
    assert (outcome.changed, outcome.found) == (False, 0)
    assert b"-secret" not in before[0]


def test_a_copy_of_what_needs_nothing_is_the_same_bytes(tmp_path: Path, team: Team, findings: Findings) -> None:
    source = Cassette().get().write(tmp_path / "it.jsonl")

    outcome = redact_file(str(source), tmp_path / "new.jsonl", team, findings)

    assert (tmp_path / "new.jsonl").read_bytes() == source.read_bytes()
    assert not outcome.changed


def test_in_place_keeps_mode_and_follows_links(tmp_path: Path, team: Team, findings: Findings) -> None:
    (tmp_path / "real").mkdir()
    source = with_secret().write(tmp_path / "real" / "it.jsonl")
    source.chmod(0o640)
    (tmp_path / "link.jsonl").symlink_to("real/it.jsonl")

    redact_in_place(str(tmp_path / "link.jsonl"), team, findings)

    assert (tmp_path / "link.jsonl").is_symlink()
    assert KNOWN not in source.read_bytes()
    assert source.stat().st_mode & 0o777 == 0o640
    assert names(tmp_path / "real") == ["it.jsonl"]


def test_a_backup_is_the_old_file(tmp_path: Path, team: Team, findings: Findings) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")
    before = bytes_of(source)

    outcome = redact_in_place(str(source), team, findings, backup=True)

    assert bytes_of(tmp_path / "it.jsonl.bak") == before
    assert outcome.other_names == 0
    with pytest.raises(UsageError, match=r"it\.jsonl\.bak exists already"):
        redact_in_place(str(source), team, findings, backup=True)


def test_other_names_of_a_replaced_file_are_counted(tmp_path: Path, team: Team, findings: Findings) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")
    (tmp_path / "other.jsonl").hardlink_to(source)

    assert redact_in_place(str(source), team, findings).other_names == 1
    assert KNOWN in (tmp_path / "other.jsonl").read_bytes()


def test_checking_finds_all_and_writes_nothing(tmp_path: Path, team: Team, findings: Findings) -> None:
    made = Cassette().get("https://localhost/?early=abc-123-def").get(body=b'{"token":"abc-123-def"}')
    source = made.write(tmp_path / "it.jsonl")
    before = bytes_of(source)

    outcome = check_file(str(source), team, findings)

    assert (outcome.found, outcome.changed) == (2, False)
    assert [(row.interaction, row.count) for row in findings.rows()] == [(1, 1), (2, 1)]
    assert bytes_of(source) == before
    assert names(tmp_path) == ["it.jsonl"]


def test_torn_bytes_are_left_out_and_counted(tmp_path: Path, team: Team, findings: Findings) -> None:
    whole = with_secret().data()
    torn = b'{"type":"interaction","id":"5f2c9a1b-9","request":{"url":"%s' % KNOWN
    (tmp_path / "it.jsonl").write_bytes(whole + torn)

    outcome = redact_in_place(str(tmp_path / "it.jsonl"), team, findings)

    assert (tmp_path / "it.jsonl").read_bytes() == whole.replace(KNOWN, placeholder_of(KNOWN))
    assert [one.end - one.start for one in outcome.left_out] == [len(torn)]


def test_a_stream_gets_its_bytes_when_all_is_proved(team: Team, findings: Findings) -> None:
    data = with_secret().data()
    out = io.BytesIO()
    with spooled(io.BytesIO(data)) as file:
        redact_stream(file, "<stdin>", out, team, findings)
    assert out.getvalue() == data.replace(KNOWN, placeholder_of(KNOWN))

    out = io.BytesIO()
    broken = data + b'{"type":"body","of":"a","part":"request","piece":0,"base64":"?"}\n'
    with spooled(io.BytesIO(broken)) as file, pytest.raises(CassetteDamagedError):
        redact_stream(file, "<stdin>", out, team, findings)
    assert out.getvalue() == b""


def test_the_cassette_itself_is_no_target(tmp_path: Path, team: Team, findings: Findings) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")
    (tmp_path / "link.jsonl").symlink_to(source)

    for target in (source, tmp_path / "link.jsonl"):
        with pytest.raises(UsageError, match=r"is the cassette itself. To replace it use --in-place"):
            redact_file(str(source), target, team, findings, force=True)
    assert KNOWN in source.read_bytes()


def test_what_exists_is_replaced_only_by_force(tmp_path: Path, team: Team, findings: Findings) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")
    target = tmp_path / "new.jsonl"
    target.write_bytes(b"old")
    target.chmod(0o604)
    (tmp_path / "link.jsonl").symlink_to(target)

    with pytest.raises(UsageError, match=r"exists already.*--force"):
        redact_file(str(source), target, team, findings)
    assert target.read_bytes() == b"old"
    redact_file(str(source), tmp_path / "link.jsonl", team, findings, force=True)
    assert KNOWN not in target.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o604
    assert (tmp_path / "link.jsonl").is_symlink()


@pytest.mark.parametrize(("target", "said"), [("", "is a folder"), ("/dev/null", "is a device")])
def test_what_is_no_file_is_no_target(tmp_path: Path, team: Team, findings: Findings, target: str, said: str) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")

    with pytest.raises(UsageError, match=said):
        redact_file(str(source), Path(target) if target else tmp_path, team, findings, force=True)


def test_what_is_no_cassette_is_told(tmp_path: Path, team: Team, findings: Findings) -> None:
    (tmp_path / "vcr.yaml").write_text("interactions:\n- request: {}\n")
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(NotACassetteError, match="looks like a YAML cassette"):
        redact_in_place(str(tmp_path / "vcr.yaml"), team, findings)
    with pytest.raises(CassetteNotFoundError, match="there is no such file"):
        redact_in_place(str(tmp_path / "none"), team, findings)
    with pytest.raises(NotACassetteError, match="it is a directory"):
        check_file(str(tmp_path), team, findings)
    with pytest.raises(UsageError, match=r"is a pipe or a device.*ctools resanitize - <"):
        check_file(str(tmp_path / "pipe"), team, findings)


RECORDING = """
import sys
from recorder.journal.append import Journal
journal = Journal.create(sys.argv[1])
journal.append(b'{"type":"process","process":"%s","run":"%s","pid":%d}\\n'
               % (journal.process.encode(), journal.run.encode(), __import__("os").getpid()))
print("recording", flush=True)
sys.stdin.readline()
journal.end({"seen": 0})
journal.close()
"""


def test_a_recording_in_progress_is_not_replaced(tmp_path: Path, team: Team, findings: Findings) -> None:
    source = tmp_path / "it.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", RECORDING, str(source)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(
            RecordingStateError,
            match=rf"still being recorded, by process {process.pid}. Wait .* or write a copy with -o",
        ):
            redact_in_place(str(source), team, findings)
        redact_file(str(source), tmp_path / "copy.jsonl", team, findings)
        process.communicate(b"\n", timeout=30)

    redact_in_place(str(source), team, findings)


class Meanwhile(Standin):
    """An engine that does something while it works."""

    def redact_line(self, line: bytes, /, **more: Any) -> Any:
        do()
        return super().redact_line(line, **more)


def do() -> None: ...


@pytest.mark.parametrize("how", ["grows", "is replaced", "goes"])
def test_a_cassette_that_changes_meanwhile_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, findings: Findings, how: str
) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")

    def change() -> None:
        if how == "grows":
            with source.open("ab") as file:
                file.write(b"\n")
        elif how == "is replaced":
            (tmp_path / "new").write_bytes(b"another")
            (tmp_path / "new").replace(source)
        else:
            source.unlink(missing_ok=True)

    monkeypatch.setattr(sys.modules[__name__], "do", change)

    with (
        Team(lambda: Meanwhile((SECRET,))) as made,
        pytest.raises(RecordingStateError, match="was changed while it was redacted, and was left alone"),
    ):
        redact_in_place(str(source), made, findings, backup=True)

    assert how != "grows" or KNOWN in source.read_bytes()
    assert [name for name in names(tmp_path) if name != "it.jsonl"] == []


def test_an_engine_that_never_comes_to_rest_writes_nothing(tmp_path: Path, findings: Findings) -> None:
    class Restless(Standin):
        def redact_line(self, line: bytes, /, **_: Any) -> Any:
            return line[:-1] + b',"x":1}', ()

    source = with_secret().write(tmp_path / "it.jsonl")
    before = bytes_of(source)

    with Team(lambda: Restless(())) as made, pytest.raises(RedactionError, match="after 6 passes there is still"):
        redact_in_place(str(source), made, findings)

    assert bytes_of(source) == before
    assert names(tmp_path) == ["it.jsonl"]


def test_progress_goes_up_to_the_end(tmp_path: Path, team: Team, findings: Findings) -> None:
    source = with_secret().write(tmp_path / "it.jsonl")
    told: list[float] = []

    redact_in_place(str(source), team, findings, on_progress=told.append)

    assert told == sorted(told)
    assert 0 < told[0] <= told[-1] == 1


def test_blocks_that_need_no_second_look_get_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, findings: Findings
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 1000)
    monkeypatch.setattr(blocks, "_NEAR", 500)
    made = Cassette()
    for number in range(60):
        made.get(f"https://localhost/{SECRET if number == 30 else number}")
    seen: list[bytes] = []

    class Counting(Standin):
        def redact_line(self, line: bytes, /, **more: Any) -> Any:
            seen.append(line)
            return super().redact_line(line, **more)

    with Team(lambda: Counting((SECRET,))) as team:
        redact_in_place(str(made.write(tmp_path / "it.jsonl")), team, findings)

    assert 61 < len(seen) < 75


@pytest.mark.parametrize("seed", range(3))
def test_bodies_in_pieces_come_to_rest_with_the_real_engine(tmp_path: Path, findings: Findings, seed: int) -> None:
    random = Random(seed)
    secret = b"hunter2-horse-battery"
    parts: list[bytes] = []
    for _ in range(60):
        parts.append(bytes(random.choices(b"abcdefgh {}:,\n", k=random.randrange(40_000))))
        echo = b' "learn-me-%d" ' % random.randrange(3)
        parts.append(
            [secret, b"\xc3\xa9", b' "password": "learn-me-%d" ' % random.randrange(3), echo][random.randrange(4)]
        )
    parts += [b'{"password": "learn-me-%d"}\n' % number for number in range(3)]
    body = b"".join(parts)
    made = Cassette()
    made.get(body=body, pieces=random.choice([2, 5, 40]))
    made.get(body=body[:70_000], pieces=1).end()
    source = made.write(tmp_path / "it.jsonl")
    policy = Policy((Secret(secret.decode(), "given#1"),), environment=False, key=b"k" * 32)

    with Team(partial(Redactor, policy)) as team:
        assert redact_in_place(str(source), team, findings).changed
    before = bytes_of(source)
    with Team(partial(Redactor, policy)) as team:
        assert not redact_in_place(str(source), team, findings).changed

    assert bytes_of(source) == before
    with Reader(source, mode="strict") as reader:
        new = [b"".join(reader.body(line, "response")) for line in reader if line.type == "interaction"]
    assert secret not in new[0]
    assert b"learn-me-" not in new[0]
    plain = re.compile(rb"REDACTED-[a-z]+-[a-z2-7]{10}|hunter2-horse-battery|learn-me-[0-9]+")
    assert [plain.split(one) for one in new] == [plain.split(one) for one in (body, body[:70_000])]


def test_what_is_checked_may_be_long_and_goes_through_bounded_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, findings: Findings
) -> None:
    class Learning(Standin):
        def learned(self) -> frozenset[str]:
            self.taken.add(f"value-{len(self.taken)}")
            return frozenset(self.taken)

    monkeypatch.setattr(resanitize, "MOST_PASSES", 3)
    source = with_secret().write(tmp_path / "it.jsonl")
    with Team(lambda: Learning((SECRET,))) as team:
        assert check_file(str(source), team, findings).found == 1
