"""The writing side of a cassette: whole records or nothing, whatever fails, and never a file damaged."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, get_args

import orjson
import pytest

from recorder.errors import (
    CassetteExistsError,
    CassetteNotFoundError,
    CassetteWriteError,
    RecorderError,
    UsageError,
)
from recorder.journal.append import FORMAT, SYNC_INTERVAL, Journal
from recorder.journal.read import Reader
from recorder.options import Durability, Mode
from recorder.system import Clock
from tests.recorder.journal.failing import ERRORS, SHORT, FailingSystem

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
OLD = (
    b'{"type":"header","format":1,"created_at":"2026-11-23T03:30:47.123456Z","run":"c61f","process":"5f2c",'
    b'"recorder":"cassette-tools 0.1.0","python":"3.11.7","platform":"linux-x86_64","redaction":"none",'
    b'"body_limit":1048576}\n{"type":"x-old","kept":true}\n'
)
MODES: tuple[Mode, ...] = get_args(Mode)
TAKING_BACK = {"fstat", "pread", "ftruncate"}
POSIX = pytest.mark.skipif(os.name != "posix", reason="this system has other permissions")


def record(number: int, size: int = 300) -> bytes:
    return orjson.dumps({"type": "x-test", "number": number, "fill": "x" * size}) + b"\n"


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def heads(path: Path, mode: str = "strict") -> list[dict[str, Any]]:
    with Reader(path, mode=mode) as reader:  # type: ignore[arg-type] # one of the modes
        return [line.load() for line in reader]


def numbers(path: Path, mode: str = "strict") -> list[int]:
    return [line["number"] for line in heads(path, mode) if line["type"] == "x-test"]


class Story:
    """A run from its beginning to its end, on a system on which something fails."""

    def __init__(self, folder: Path, mode: Mode, durability: Durability, faults: dict[int, str] | None = None) -> None:
        self.path = folder / "cassette.jsonl"
        self.new = folder / "cassette.jsonl.new"
        self.mode = mode
        if mode != "new":
            self.path.write_bytes(OLD)
        self.before = descriptors()
        self.system = FailingSystem(faults)
        self.acknowledged: list[int] = []
        self.refused: list[int] = []
        self.error: RecorderError | None = None
        self.journal: Journal | None = None
        self.failures: list[CassetteWriteError] = []
        try:
            self.journal = Journal.create(self.path, mode=mode, durability=durability, system=self.system)
            for number in range(4):
                (self.acknowledged if self.journal.append(record(number)) else self.refused).append(number)
                self._note_failure()
            self.journal.sync()
            self._note_failure()
            self.ended = self.journal.end({"seen": 4, "interactions": 4, "errors": 0, "lost": {}, "bytes": 1})
            self._note_failure()
            self.journal.close()
        except RecorderError as error:
            self.error = error
        if self.journal is not None:
            self._note_failure()

    def _note_failure(self) -> None:
        assert self.journal is not None
        if self.journal.failure is not None and self.journal.failure not in self.failures:
            self.failures.append(self.journal.failure)

    @property
    def written(self) -> Path:
        """Where the records are."""
        return self.new if self.new.exists() else self.path

    def check(self, mode: str = "strict") -> None:
        """Check what must be true whatever failed."""
        assert len(self.failures) <= 1
        for error in (*self.failures, *([self.error] if self.error is not None else [])):
            assert str(self.path.parent) in str(error)
            assert ";" in str(error), "the message tells no next step"
            assert "xxxx" not in str(error)
        assert self.acknowledged == list(range(len(self.acknowledged))), "a record was written after a failure"
        assert not self.refused or self.failures
        if self.journal is None:
            assert self.error is not None
            self._check_untouched()
        else:
            assert numbers(self.written, mode) == self.acknowledged
            self._check_old()
        # A descriptor of which the system cannot tell whose it is stays open: it may be the program's.
        assert descriptors() <= self.before + self.system.failed.count("fstat")

    def _check_untouched(self) -> None:
        """Nothing began: every file is as it was, but for what could not be removed."""
        if self.mode != "new" and TAKING_BACK.isdisjoint(self.system.failed):
            assert self.path.read_bytes() == OLD
        elif self.mode != "new":
            assert self.path.read_bytes().startswith(OLD)
            assert [line["type"] for line in heads(self.path, "tail")] == ["header", "x-old"]
        elif "unlink" not in self.system.failed:
            assert not self.path.exists()
        if "unlink" not in self.system.failed:
            assert not self.new.exists()

    def _check_old(self) -> None:
        if self.mode == "append":
            assert self.path.read_bytes().startswith(OLD)
        if self.mode == "overwrite" and self.new.exists():
            assert self.path.read_bytes() == OLD
            assert self.error is not None or self.failures


@pytest.fixture(params=["new", "append", "overwrite"])
def mode(request: pytest.FixtureRequest) -> Mode:
    mode: Mode = request.param
    return mode


class TestWhateverFails:
    @pytest.mark.parametrize("fault", [*ERRORS, SHORT])
    @pytest.mark.parametrize("durability", ["record", "none"])
    def test_the_n_th_call_for_every_n(self, tmp_path: Path, mode: Mode, durability: Durability, fault: str) -> None:
        clean = Story(fresh(tmp_path), mode, durability)
        clean.check()
        assert clean.acknowledged == [0, 1, 2, 3]
        assert not clean.failures
        failed = set()
        for number in range(len(clean.system.calls)):
            story = Story(fresh(tmp_path), mode, durability, {number: fault})
            story.check()
            failed |= set(story.system.failed)
            if story.system.failed == ["write"] and fault in {SHORT, "EINTR"}:
                assert story.acknowledged == [0, 1, 2, 3], "a passing trouble ended the recording"
                assert not story.failures
            elif story.system.failed == ["write"]:
                assert story.failures or story.error
        assert failed >= ({"write"} if fault == SHORT else {"open", "write", "fstat"})

    @pytest.mark.parametrize("fault", ["ENOSPC", "EIO", SHORT])
    def test_a_short_write_and_then_any_other_call(self, tmp_path: Path, mode: Mode, fault: str) -> None:
        clean = Story(fresh(tmp_path), mode, "none").system.calls
        writes = [number for number, name in enumerate(clean) if name == "write"]
        for first in writes[:3]:
            for second in range(first + 1, first + 12):
                story = Story(fresh(tmp_path), mode, "none", {first: SHORT, second: fault})
                # Torn bytes that could not be taken off are a torn tail.
                torn = not TAKING_BACK.isdisjoint(story.system.failed)
                story.check("tail" if torn else "strict")

    @pytest.mark.parametrize("why", ["ENOSPC", "EDQUOT", "EIO"])
    def test_a_disk_that_fills_up_is_named_and_the_torn_bytes_are_gone(
        self, tmp_path: Path, mode: Mode, why: str
    ) -> None:
        clean = Story(fresh(tmp_path), mode, "none").system.calls
        writes = [number for number, name in enumerate(clean) if name == "write"]
        for number in writes[1:]:
            # Short; taken back (3 calls); looked at; short again; one byte more is refused with the reason.
            story = Story(fresh(tmp_path), mode, "none", {number: SHORT, number + 5: SHORT, number + 6: why})
            assert story.system.failed[-3:] == ["write", "write", "write"]
            story.check()
            assert os.strerror(ERRORS[why]) in str(story.failures[0])

    def test_a_limit_that_lets_a_few_bytes_through_each_time_ends_the_recording_too(self, tmp_path: Path) -> None:
        clean = Story(fresh(tmp_path), "new", "none").system.calls
        number = [number for number, name in enumerate(clean) if name == "write"][2]
        story = Story(fresh(tmp_path), "new", "none", {number: SHORT, number + 5: SHORT})
        story.check()
        assert story.acknowledged == [0]
        assert "No space left" in str(story.failures[0])

    def test_a_torn_record_that_others_have_written_behind_is_not_cut_off(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        system = FailingSystem()
        journal = Journal.create(path, durability="none", system=system)
        other = Journal.join(path, run=journal.run)
        system.after_short = lambda: other.append(record(2))
        system.faults[len(system.calls) + 1] = SHORT
        assert not journal.append(record(1))
        assert journal.failure is not None
        assert other.append(record(3))
        assert numbers(path, "skip") == [2, 3]
        assert numbers(path, "tail") == [2, 3]
        journal.close()
        other.close()

    def test_a_record_that_comes_in_between_is_not_cut_off_with_the_torn_bytes(self, tmp_path: Path) -> None:
        class Racing(FailingSystem):
            """Another process appends behind the look at the size."""

            def __init__(self) -> None:
                super().__init__()
                look = self.fstat
                self.racing = False

                def fstat(descriptor: int) -> os.stat_result:
                    status = look(descriptor)
                    if self.racing:
                        self.racing = False
                        assert other.append(record(2))
                    return status

                self.fstat = fstat  # type: ignore[assignment] # over a static method

        system = Racing()
        path = tmp_path / "cassette.jsonl"
        journal = Journal.create(path, durability="none", system=system)
        other = Journal.join(path, run=journal.run)
        system.after_short = lambda: setattr(system, "racing", True)
        system.faults[len(system.calls) + 1] = SHORT
        assert not journal.append(record(1))
        assert numbers(path, "skip") == [2]
        journal.close()
        other.close()

    def test_a_failed_sync_is_final_and_not_tried_again_but_the_record_is_there(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        system = FailingSystem()
        journal = Journal.create(path, durability="record", system=system)
        assert journal.append(record(0))
        assert system.calls[-4:] == ["fstat", "write", "fstat", "fdatasync"]
        system.faults[len(system.calls) + 3] = "EIO"
        assert journal.append(record(1)), "the record is whole in the file"
        assert system.failed == ["fdatasync"]
        failure = journal.failure
        assert "Input/output error" in str(failure)
        done = system.count("fdatasync"), system.count("write")
        assert not journal.append(record(2))
        assert not journal.sync()
        assert not journal.end({})
        journal.close()
        assert (system.count("fdatasync"), system.count("write")) == done
        assert journal.failure is failure
        assert numbers(path) == [0, 1]

    def test_an_overwriting_run_whose_last_sync_fails_does_not_replace_and_says_where_it_is(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(OLD)
        system = FailingSystem()
        journal = Journal.create(path, mode="overwrite", system=system)
        assert journal.append(record(0))
        system.faults[len(system.calls) + 1] = "EIO"
        with pytest.raises(CassetteWriteError, match=r"cassette\.jsonl was not replaced: .*\.new: Input/output error"):
            journal.close()
        assert system.failed == ["fdatasync"]
        assert path.read_bytes() == OLD
        assert numbers(tmp_path / "cassette.jsonl.new") == [0]
        journal.close()

    def test_threads_that_fail_at_once_set_one_failure(self, tmp_path: Path) -> None:
        system = FailingSystem()
        journal = Journal.create(tmp_path / "cassette.jsonl", durability="none", system=system)
        together = threading.Barrier(2)
        seen = []

        def fail(*_: object) -> int:
            together.wait(10)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def append(number: int) -> bool:
            whole = journal.append(record(number))
            seen.append(journal.failure)
            together.wait(10)
            seen.append(journal.failure)
            return whole

        system.write = fail
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(append, range(2))) == [False, False]
        assert set(seen) == {journal.failure}
        assert numbers(journal.path) == []
        journal.close()


class TestDurability:
    @pytest.mark.parametrize(("durability", "syncs"), [("record", 1 + 5 + 1), ("interval", 1), ("none", 0)])
    def test_records_are_forced_to_the_disk_as_asked_for(
        self, tmp_path: Path, durability: Durability, syncs: int
    ) -> None:
        system = FailingSystem()
        journal = Journal.create(tmp_path / "cassette.jsonl", durability=durability, system=system)
        for number in range(5):
            journal.append(record(number))
        journal.close()
        assert system.count("fdatasync") == syncs

    def test_by_default_a_sync_is_due_when_five_seconds_have_passed_and_a_record_comes(self, tmp_path: Path) -> None:
        system = FailingSystem()
        clock = Clock()
        seconds = 100.0
        clock.now = lambda: int(seconds * 1e9)
        journal = Journal.create(tmp_path / "cassette.jsonl", clock=clock, system=system)
        synced_at = []
        for _ in range(200):
            before = system.count("fdatasync")
            journal.append(record(0))
            if system.count("fdatasync") > before:
                synced_at.append(seconds - 100)
            seconds += 0.25
        assert SYNC_INTERVAL == 5
        assert synced_at == [5.25 * number for number in range(1, 10)]
        journal.close()
        assert system.count("fdatasync") == len(synced_at) + 1

    @POSIX
    def test_with_each_record_means_the_file_s_name_too(self, tmp_path: Path, mode: Mode) -> None:
        for durability, expected in (("record", 2 if mode == "overwrite" else 1), ("interval", 0), ("none", 0)):
            folder = fresh(tmp_path)
            (folder / "cassette.jsonl").write_bytes(OLD) if mode != "new" else None
            system = FailingSystem()
            Journal.create(folder / "cassette.jsonl", mode=mode, durability=durability, system=system).close()  # type: ignore[arg-type] # one of them
            assert system.count("fsync") == expected


class TestTheFileBehindTheDescriptor:
    def test_a_cassette_that_is_moved_is_recorded_on_where_it_is(self, tmp_path: Path) -> None:
        journal = Journal.create(tmp_path / "a.jsonl")
        journal.append(record(0))
        journal.path.rename(tmp_path / "b.jsonl")
        assert journal.append(record(1))
        journal.close()
        assert numbers(tmp_path / "b.jsonl") == [0, 1]
        assert not journal.path.exists()

    @pytest.mark.parametrize("how", ["deleted", "replaced"])
    def test_a_cassette_that_is_deleted_or_replaced_ends_the_recording_with_a_reason(
        self, tmp_path: Path, how: str
    ) -> None:
        path = tmp_path / "cassette.jsonl"
        journal = Journal.create(path)
        assert journal.append(record(0))
        if how == "deleted":
            path.unlink()
        else:
            (tmp_path / "other").write_bytes(b"somebody's")
            (tmp_path / "other").replace(path)
        assert not journal.append(record(1))
        said = str(journal.failure)
        assert str(path) in said
        assert "the cassette was deleted, or replaced by another file" in said
        assert "the file holds" not in said
        journal.close()
        if how == "replaced":
            assert path.read_bytes() == b"somebody's"
        else:
            assert not path.exists()

    def test_a_file_system_that_counts_no_links_is_recorded_on(self, tmp_path: Path) -> None:
        system = FailingSystem()
        look = system.fstat

        def fstat(descriptor: int) -> os.stat_result:
            told = list(look(descriptor))
            told[stat.ST_NLINK] = 0
            return os.stat_result(told)

        system.fstat = fstat  # type: ignore[assignment] # over a static method
        journal = Journal.create(tmp_path / "cassette.jsonl", system=system)
        assert journal.append(record(0))
        journal.close()

    def test_a_descriptor_that_the_program_closed_is_opened_again(self, tmp_path: Path) -> None:
        journal = Journal.create(tmp_path / "cassette.jsonl")
        assert journal.append(record(0))
        os.close(journal._descriptor)
        assert journal.append(record(1))
        os.close(journal._descriptor)
        assert journal.sync()
        journal.close()
        assert numbers(journal.path) == [0, 1]

    def test_a_closed_descriptor_of_a_cassette_that_is_gone_ends_the_recording(self, tmp_path: Path) -> None:
        journal = Journal.create(tmp_path / "cassette.jsonl")
        journal.path.rename(tmp_path / "elsewhere.jsonl")
        os.close(journal._descriptor)
        assert not journal.append(record(0))
        assert "the cassette was deleted or moved" in str(journal.failure)
        (tmp_path / "cassette.jsonl").write_bytes(b"somebody's")
        journal.close()
        other = Journal.create(tmp_path / "b.jsonl")
        (tmp_path / "b.jsonl").replace(tmp_path / "c.jsonl")
        (tmp_path / "b.jsonl").write_bytes(b"somebody's")
        os.close(other._descriptor)
        assert not other.append(record(0))
        assert "the cassette was replaced by another file" in str(other.failure)
        assert (tmp_path / "b.jsonl").read_bytes() == b"somebody's"
        other.close()

    @POSIX
    def test_records_never_go_into_the_program_s_file_that_got_our_number(self, tmp_path: Path) -> None:
        program = """
            import os, sys
            from pathlib import Path
            from recorder.journal.append import Journal

            folder = Path(sys.argv[1])
            journal = Journal.create(folder / "cassette.jsonl")
            records = [b'{"type":"x-test","number":%d}\\n' % number for number in range(6)]
            assert journal.append(records[0])
            for round in range(1, 6):
                number = journal._descriptor
                os.closerange(3, 256)
                own = [os.open(folder / f"own-{round}-{n}", os.O_RDWR | os.O_CREAT) for n in range(number + 3)]
                assert number in own
                assert journal.append(records[round])
                for descriptor in own:
                    os.write(descriptor, b"own")
            number = journal._descriptor
            os.close(number)
            last = os.open(folder / "own-last", os.O_RDWR | os.O_CREAT)
            assert last == number
            journal.close()
            os.write(last, b"own")
        """
        python(program, tmp_path)
        assert numbers(tmp_path / "cassette.jsonl") == list(range(6))
        own = list(tmp_path.glob("own-*"))
        assert len(own) > 20
        assert {file.read_bytes() for file in own} == {b"own"}


class TestThreadsAndTheEnd:
    def test_records_of_many_threads_are_whole_and_counted_exactly(self, tmp_path: Path) -> None:
        journal = Journal.create(tmp_path / "cassette.jsonl", durability="none")
        with quick_switching(), ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda number: journal.append(record(number, 3000 * (number % 9))), range(3000)))
        assert all(done)
        assert journal.written == journal.path.stat().st_size
        journal.close()
        assert sorted(numbers(journal.path)) == list(range(3000))

    def test_a_close_in_the_middle_of_other_threads_appends_loses_no_record_and_hits_no_other_file(
        self, tmp_path: Path
    ) -> None:
        with quick_switching():
            for attempt in range(60):
                path, victim = tmp_path / f"{attempt}.jsonl", tmp_path / f"victim-{attempt}"
                journal = Journal.create(path, durability="none")
                acknowledged: list[int] = []

                def append(first: int, journal: Journal = journal, acknowledged: list[int] = acknowledged) -> None:
                    for number in range(first, first + 5000):
                        if not journal.append(record(number)):
                            return
                        acknowledged.append(number)

                threads = [threading.Thread(target=append, args=(5000 * number,)) for number in range(3)]
                for thread in threads:
                    thread.start()
                while len(acknowledged) < 20:
                    pass
                journal.close()
                opened = os.open(victim, os.O_RDWR | os.O_CREAT)
                for thread in threads:
                    thread.join(10)
                os.close(opened)
                assert victim.read_bytes() == b""
                assert journal.failure is None
                assert sorted(numbers(path)) == sorted(acknowledged)

    def test_a_close_from_within_an_append_leaves_the_descriptor_to_it(self, tmp_path: Path) -> None:
        system = FailingSystem()
        journal = Journal.create(tmp_path / "cassette.jsonl", durability="none", system=system)
        system.after_short = journal.close  # as a signal handler would
        system.faults[len(system.calls) + 1] = SHORT
        descriptor = journal._descriptor
        began = time.monotonic()
        journal.append(record(0))
        assert time.monotonic() - began < 2, "it has waited for itself"
        assert os.fstat(descriptor).st_ino == journal.path.stat().st_ino
        os.close(descriptor)
        assert numbers(journal.path) == [0]

    def test_after_the_end_nothing_is_written_and_nothing_is_wrong(self, tmp_path: Path) -> None:
        journal = Journal.create(tmp_path / "cassette.jsonl")
        assert journal.end({"seen": 0, "interactions": 0, "errors": 0, "lost": {}, "bytes": 0})
        journal.close()
        before = journal.path.read_bytes()
        assert not journal.append(record(0))
        assert not journal.sync()
        journal.close()
        journal.discard()
        assert journal.failure is None
        assert journal.path.read_bytes() == before

    def test_memory_is_that_of_the_record_being_written(self, tmp_path: Path) -> None:
        import tracemalloc

        journal = Journal.create(tmp_path / "cassette.jsonl", durability="none")
        line = record(0, 100_000)
        tracemalloc.start()
        try:
            for _ in range(500):
                journal.append(line)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        journal.close()
        assert peak < 20_000


class TestNew:
    def test_a_file_of_one_s_own_begins_with_a_header(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        journal = Journal.create(path, body_limit=5000)
        journal.close()
        (header,) = heads(path)
        assert header["format"] == FORMAT
        assert (header["run"], header["process"]) == (journal.run, journal.process)
        assert (header["redaction"], header["body_limit"]) == ("none", 5000)
        assert path.read_bytes().startswith(b'{"type":"header","format":1,')

    @POSIX
    @pytest.mark.parametrize("umask", [0, 0o022, 0o077])
    def test_a_new_cassette_is_for_its_owner_alone(self, tmp_path: Path, umask: int) -> None:
        before = os.umask(umask)
        try:
            Journal.create(tmp_path / "cassette.jsonl").close()
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "cassette.jsonl").stat().st_mode) == 0o600

    @pytest.mark.parametrize("there", [b"", OLD, b"somebody's"], ids=["empty", "cassette", "other"])
    def test_a_file_that_is_there_is_refused_and_left_as_it_was(self, tmp_path: Path, there: bytes) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(there)
        with pytest.raises(CassetteExistsError, match="exists already; choose append or overwrite, or another path"):
            Journal.create(path)
        assert path.read_bytes() == there

    @POSIX
    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        with pytest.raises(CassetteExistsError):
            Journal.create(tmp_path / "link")
        assert not (tmp_path / "nowhere").exists()

    def test_two_at_once_do_not_both_begin(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"

        def create(_: int) -> Journal | None:
            try:
                return Journal.create(path)
            except CassetteExistsError:
                return None

        with ThreadPoolExecutor(8) as pool:
            made = [journal for journal in pool.map(create, range(40)) if journal is not None]
        assert len(made) == 1
        made[0].close()
        assert len(heads(path)) == 1


class TestAppend:
    @pytest.mark.parametrize("there", [None, b""], ids=["absent", "empty"])
    def test_where_there_is_nothing_yet_it_begins(self, tmp_path: Path, there: bytes | None) -> None:
        path = tmp_path / "cassette.jsonl"
        if there is not None:
            path.write_bytes(there)
        journal = Journal.create(path, mode="append")
        journal.append(record(0))
        journal.close()
        assert numbers(path) == [0]

    @pytest.mark.parametrize(
        ("tail", "damages"),
        [
            (b"", 0),
            (b'{"type":"interaction","id":"5f2c-1","se', 1),
            (b'{"type":"x', 1),
            (b"\0" * 4096, 1),
            (b'{"type":"x-last","no":"line feed"}', 0),
            (b'{"type":"x-last","no":"line feed"}' + b"\0" * 10, 1),
        ],
        ids=["whole", "torn", "torn early", "NUL", "no line feed", "NUL behind"],
    )
    def test_a_run_goes_behind_whatever_a_killed_one_left(self, tmp_path: Path, tail: bytes, damages: int) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(OLD + tail)
        for number in range(2):
            journal = Journal.create(path, mode="append")
            journal.append(record(number))
            journal.close()
        whole = OLD + tail + b"\n" * (tail != b"")
        assert path.read_bytes().startswith(whole + b'{"type":"header"'), "the new header has no line of its own"
        with Reader(path) as reader:
            read = [line.type for line in reader]
            assert len(reader.damage) == damages
        assert read == ["header", "x-old", *["x-last"] * (tail.endswith(b"}")), *["header", "x-test"] * 2]
        assert numbers(path, "tail") == [0, 1]

    @pytest.mark.parametrize(
        ("there", "said"),
        [
            (b"somebody's notes\n", "is no cassette: nothing was appended; give another path"),
            (b'{"log": {"entries": []}}\n', "is no cassette"),
            (b"interactions:\n- request:\n", "is no cassette"),
            (b"[]\n", "is no cassette"),
            (b"\0" * 5000, "is no cassette"),
            (b'{"type":"interaction"}\n', "is no cassette"),
            (b'{"type":"header"}\n', "has another format version than 1"),
            (b'{"type":"header","format":2,"run":"a"}\n', "has another format version than 1"),
            (b'{"type":"header","form', "has a torn header line and nothing behind it; delete it, then record again"),
            (b'{"type":"header",' + b" " * 100_000 + b'"format":1}\n', "has a torn header line"),
        ],
    )
    def test_what_is_no_cassette_of_this_format_is_refused_and_left_as_it_was(
        self, tmp_path: Path, there: bytes, said: str
    ) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(there)
        before = descriptors()
        with pytest.raises(UsageError, match=said):
            Journal.create(path, mode="append")
        assert path.read_bytes() == there
        assert descriptors() == before

    def test_a_header_that_was_written_by_another_program_will_do(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(b'{"type": "header", "redaction": {"policy": "x"}, "format": 1}\r\n')
        Journal.create(path, mode="append").close()
        assert [line["type"] for line in heads(path)] == ["header", "header"]

    @POSIX
    def test_permissions_stay_what_they_were(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(OLD)
        path.chmod(0o644)
        Journal.create(path, mode="append").close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o644

    @POSIX
    @pytest.mark.parametrize("there", [True, False])
    def test_a_link_is_followed(self, tmp_path: Path, there: bool) -> None:
        path, link = tmp_path / "cassette.jsonl", tmp_path / "link"
        if there:
            path.write_bytes(OLD)
        link.symlink_to(path)
        journal = Journal.create(link, mode="append")
        journal.append(record(0))
        journal.close()
        assert link.is_symlink()
        assert numbers(path) == [0]

    def test_a_run_that_did_not_begin_after_all_is_taken_back(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        for there in (OLD, OLD + b'{"torn', b""):
            path.write_bytes(there)
            Journal.create(path, mode="append").discard()
            assert path.read_bytes() == there
        path.write_bytes(OLD)
        journal = Journal.create(path, mode="append")
        other = Journal.create(path, mode="append")
        journal.discard()
        other.close()
        assert path.read_bytes().startswith(OLD)
        assert [line["type"] for line in heads(path)] == ["header", "x-old", "header", "header"]


class TestOverwrite:
    @pytest.mark.parametrize("there", [None, OLD, b"somebody's"], ids=["absent", "cassette", "other"])
    def test_the_old_file_is_replaced_at_the_end_and_not_before(self, tmp_path: Path, there: bytes | None) -> None:
        path = tmp_path / "cassette.jsonl"
        if there is not None:
            path.write_bytes(there)
        journal = Journal.create(path, mode="overwrite")
        journal.append(record(0))
        assert journal.path == tmp_path / "cassette.jsonl.new"
        assert (path.read_bytes() if path.exists() else None) == there
        journal.close()
        assert numbers(path) == [0]
        assert [file.name for file in tmp_path.iterdir()] == ["cassette.jsonl"]

    def test_a_run_that_was_killed_is_not_replaced_by_the_next_one(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(OLD)
        killed = Journal.create(path, mode="overwrite")
        killed.append(record(0))
        with pytest.raises(CassetteExistsError, match=r"\.new is there: .* rename it to keep it, or delete it"):
            Journal.create(path, mode="overwrite")
        os.close(killed._descriptor)
        assert numbers(killed.path) == [0]
        assert path.read_bytes() == OLD

    def test_an_incomplete_recording_replaces_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(OLD)
        system = FailingSystem()
        journal = Journal.create(path, mode="overwrite", system=system)
        system.faults[len(system.calls) + 1] = "EIO"
        assert not journal.append(record(0))
        journal.close()
        assert path.read_bytes() == OLD
        assert str(journal.path) in str(journal.failure)

    @pytest.mark.parametrize("failing", ["replace", "fchmod"])
    def test_where_the_replacement_fails_both_files_are_there_and_the_error_names_them(
        self, tmp_path: Path, failing: str
    ) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(OLD)
        clean = FailingSystem()
        Journal.create(path, mode="overwrite", system=clean).close()
        path.write_bytes(OLD)
        system = FailingSystem({clean.calls.index(failing): "EACCES"})
        journal = Journal.create(path, mode="overwrite", system=system)
        with pytest.raises(CassetteWriteError, match=r"cannot be replaced .*; the recording is in .*\.new"):
            journal.close()
        assert path.read_bytes() == OLD
        assert len(heads(journal.path)) == 1

    @POSIX
    def test_what_replaces_a_file_has_its_permissions_and_is_private_until_then(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        for mode in (0o644, 0o640, 0o600):
            path.write_bytes(OLD)
            path.chmod(mode)
            journal = Journal.create(path, mode="overwrite")
            assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
            journal.close()
            assert stat.S_IMODE(path.stat().st_mode) == mode
            assert len(heads(path)) == 1

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
    def test_what_replaces_a_file_has_its_owner(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(OLD)
        os.chown(path, 12345, 23456)
        Journal.create(path, mode="overwrite").close()
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)

    def test_an_owner_that_cannot_be_kept_is_no_obstacle(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(OLD)
        system = FailingSystem()
        look = system.stat

        def of_another(file: Path) -> os.stat_result:
            told = list(look(file))
            told[stat.ST_UID] += 1
            return os.stat_result(told)

        def refuse(*_: object) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        system.stat = of_another  # type: ignore[assignment] # over a static method
        system.fchown = refuse
        Journal.create(path, mode="overwrite", system=system).close()
        assert len(heads(path)) == 1

    @POSIX
    @pytest.mark.parametrize("there", [True, False])
    def test_a_link_stays_and_what_it_names_is_replaced(self, tmp_path: Path, there: bool) -> None:
        (tmp_path / "folder").mkdir()
        path, link = tmp_path / "folder" / "cassette.jsonl", tmp_path / "link"
        if there:
            path.write_bytes(OLD)
        link.symlink_to("folder/cassette.jsonl")
        journal = Journal.create(link, mode="overwrite")
        assert journal.path == path.with_name("cassette.jsonl.new")
        journal.append(record(0))
        journal.close()
        assert link.is_symlink()
        assert numbers(path) == [0]
        assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "link"]

    def test_a_run_that_did_not_begin_after_all_leaves_the_old_file(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(OLD)
        Journal.create(path, mode="overwrite").discard()
        assert path.read_bytes() == OLD
        assert [file.name for file in tmp_path.iterdir()] == ["cassette.jsonl"]


class TestWhereNoCassetteCanBe:
    def test_a_missing_folder(self, tmp_path: Path, mode: Mode) -> None:
        with pytest.raises(CassetteWriteError, match=r"No such file or directory\); make the folder .*no first"):
            Journal.create(tmp_path / "no" / "cassette.jsonl", mode=mode)

    def test_a_file_in_place_of_a_folder(self, tmp_path: Path, mode: Mode) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(CassetteWriteError, match="Not a directory"):
            Journal.create(tmp_path / "file" / "cassette.jsonl", mode=mode)

    def test_a_folder_in_place_of_a_file(self, tmp_path: Path, mode: Mode) -> None:
        with pytest.raises(CassetteWriteError, match="is a folder; name a file in it"):
            Journal.create(tmp_path, mode=mode)

    def test_a_name_that_is_too_long(self, tmp_path: Path, mode: Mode) -> None:
        with pytest.raises(CassetteWriteError, match="File name too long"):
            Journal.create(tmp_path / ("x" * 300), mode=mode)

    def test_a_name_that_no_file_can_have(self, tmp_path: Path, mode: Mode) -> None:
        with pytest.raises(UsageError, match="no file can have this name"):
            Journal.create(str(tmp_path / "a\0b"), mode=mode)

    def test_a_mode_that_there_is_not(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="mode is 'truncate'; give one of new, append, overwrite"):
            Journal.create(tmp_path / "cassette.jsonl", mode="truncate")  # type: ignore[arg-type] # that is the point
        assert not (tmp_path / "cassette.jsonl").exists()

    @POSIX
    @pytest.mark.parametrize("kind", ["fifo", "device"])
    def test_a_pipe_or_a_device_is_neither_opened_nor_replaced(self, tmp_path: Path, mode: Mode, kind: str) -> None:
        path = tmp_path / "pipe" if kind == "fifo" else Path(os.devnull)
        if kind == "fifo":
            os.mkfifo(path)
        with pytest.raises(UsageError, match="is a device, a pipe or a socket, and a cassette is a file"):
            Journal.create(path, mode=mode)
        assert not path.with_name(path.name + ".new").exists()

    @POSIX
    def test_a_folder_that_one_may_not_write_to(self, mode: Mode) -> None:
        with TemporaryDirectory(dir=Path("/tmp").resolve()) as name:
            folder = Path(name)
            (folder / "cassette.jsonl").write_bytes(OLD) if mode == "append" else None
            folder.chmod(0o555)
            try:
                with (
                    nobody(),
                    pytest.raises(CassetteWriteError, match=r"Permission denied.*; choose a folder that you may"),
                ):
                    Journal.create(folder / "cassette.jsonl", mode=mode)
            finally:
                folder.chmod(0o755)
            assert [file.read_bytes() for file in folder.iterdir()] == [OLD] * (mode == "append")


class TestJoin:
    def test_a_process_that_joins_writes_nothing_by_itself(self, tmp_path: Path) -> None:
        journal = Journal.create(tmp_path / "cassette.jsonl")
        before = journal.path.read_bytes()
        joined = Journal.join(journal.path, run=journal.run)
        joined.close()
        assert journal.path.read_bytes() == before
        assert joined.run == journal.run
        assert joined.process != journal.process
        journal.close()

    def test_one_that_joins_an_overwriting_run_does_not_end_it(self, tmp_path: Path) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(OLD)
        journal = Journal.create(path, mode="overwrite")
        joined = Journal.join(journal.path, run=journal.run)
        joined.append(record(0))
        joined.close()
        assert path.read_bytes() == OLD
        late = Journal.join(journal.path, run=journal.run)
        journal.close()
        assert late.append(record(1)), "the file goes on under its new name"
        late.close()
        assert numbers(path) == [0, 1]

    def test_a_cassette_that_is_gone_is_said_to_be(self, tmp_path: Path) -> None:
        with pytest.raises(CassetteNotFoundError, match="is gone; was the recording"):
            Journal.join(tmp_path / "cassette.jsonl", run="c61f")
        assert not (tmp_path / "cassette.jsonl").exists()

    @pytest.mark.parametrize("number", [0, 1])
    def test_trouble_at_the_start_is_our_error_and_leaves_no_descriptor(self, tmp_path: Path, number: int) -> None:
        path = tmp_path / "cassette.jsonl"
        path.write_bytes(OLD)
        before = descriptors()
        with pytest.raises(CassetteWriteError, match="Input/output error"):
            Journal.join(path, run="c61f", system=FailingSystem({number: "EIO"}))
        assert descriptors() == before
        assert path.read_bytes() == OLD


def fresh(folder: Path) -> Path:
    """A new folder in a folder."""
    place = folder / str(len(list(folder.iterdir())))
    place.mkdir()
    return place


def python(program: str, *arguments: object) -> None:
    """Run a program that does to its process what a test's own must not suffer."""
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def quick_switching() -> Iterator[None]:
    """Switch between threads as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def nobody() -> Iterator[None]:
    """Be a user without privileges, for whom permissions count."""
    user = os.geteuid()
    if user:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
