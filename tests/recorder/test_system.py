"""The clock and the resident size: real figures in programs that fake time and close descriptors."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import freezegun
import pytest
import time_machine

from recorder.system import SYSTEM, Clock, ForkLock, ResidentSize, System

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

ROOT = Path(__file__).parents[2]
LONG_AGO = datetime(2001, 2, 3, tzinfo=UTC)
LINUX = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system has no /proc/self/statm")

FAKES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "freezegun": lambda: freezegun.freeze_time(LONG_AGO),
    "freezegun, ticking": lambda: freezegun.freeze_time(LONG_AGO, tick=True),
    "time-machine": lambda: time_machine.travel(LONG_AGO, tick=False),
    "time-machine, ticking": lambda: time_machine.travel(LONG_AGO),
    "a mocked clock_gettime_ns": lambda: mock.patch("time.clock_gettime_ns", return_value=0),
    "a mocked monotonic_ns": lambda: mock.patch("time.monotonic_ns", return_value=0),
}


def kernel_now(folder: Path) -> datetime:
    """The time that the kernel stamps a new file with, which no library fakes."""
    file = folder / "now"
    file.write_bytes(b"")
    stamp = file.stat().st_mtime_ns
    file.unlink()
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=stamp // 1000)


def told(clock: Clock) -> datetime:
    return datetime.fromisoformat(clock.stamp(clock.now()))


class TestClock:
    @pytest.mark.parametrize("fake", FAKES.values(), ids=FAKES.keys())
    def test_a_clock_made_before_the_fake_time_tells_the_real_one(
        self, tmp_path: Path, fake: Callable[[], AbstractContextManager[object]]
    ) -> None:
        clock = Clock()
        with fake():
            assert abs(told(clock) - kernel_now(tmp_path)) < timedelta(seconds=1)

    @pytest.mark.parametrize("fake", FAKES.values(), ids=FAKES.keys())
    def test_a_clock_made_inside_the_fake_time_tells_the_real_one(
        self, tmp_path: Path, fake: Callable[[], AbstractContextManager[object]]
    ) -> None:
        with fake():
            clock = Clock()
            assert abs(told(clock) - kernel_now(tmp_path)) < timedelta(seconds=1)
        assert abs(told(clock) - kernel_now(tmp_path)) < timedelta(seconds=1)

    @pytest.mark.parametrize("fake", FAKES.values(), ids=FAKES.keys())
    def test_the_clock_goes_on_while_the_program_stands_still(
        self, fake: Callable[[], AbstractContextManager[object]]
    ) -> None:
        clock = Clock()
        with fake():
            first = clock.now()
            SYSTEM.sleep(0.01)
            assert 9e6 < clock.now() - first < 5e9

    def test_it_sleeps_although_the_program_mocks_sleep(self) -> None:
        with mock.patch("time.sleep", side_effect=AssertionError):
            SYSTEM.sleep(0)

    def test_times_of_one_recording_never_run_backwards_when_the_wall_clock_does(self) -> None:
        class Jumping(System):
            wall = time.time_ns()

            @staticmethod
            def realtime_ns() -> int:
                return Jumping.wall

        clock = Clock(Jumping())
        before = clock.stamp(clock.now())
        Jumping.wall -= 3600 * 10**9
        assert clock.stamp(clock.now()) >= before

    @pytest.mark.parametrize(
        ("moment", "said"),
        [
            (0, "1970-01-01T00:00:00.000000Z"),
            (999, "1970-01-01T00:00:00.000000Z"),
            (1_000, "1970-01-01T00:00:00.000001Z"),
            (951_782_400_999_999_999, "2000-02-29T00:00:00.999999Z"),
            (1_798_761_599_000_000_000, "2026-12-31T23:59:59.000000Z"),
            (1_798_761_600_000_000_000, "2027-01-01T00:00:00.000000Z"),
        ],
    )
    def test_a_moment_is_told_as_rfc_3339_with_microseconds(self, moment: int, said: str) -> None:
        clock = Clock()
        assert clock.stamp(moment - clock._offset) == said
        assert clock.stamp(moment - clock._offset) == said  # the second time from what is remembered

    def test_without_a_kernel_time_the_wall_clock_has_to_do(self) -> None:
        with mock.patch("recorder.system._kernel_time_ns", return_value=None):
            assert abs(told(Clock()) - datetime.now(UTC)) < timedelta(seconds=1)


def descriptors() -> list[str]:
    """The numbers of this process's open descriptors."""
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@LINUX
class TestResidentSize:
    def test_it_tells_what_the_kernel_tells(self) -> None:
        resident = ResidentSize()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        size = resident.read()
        assert size is not None
        assert abs(size - pages * os.sysconf("SC_PAGE_SIZE")) < 16 << 20
        resident.close()

    def test_it_keeps_one_descriptor_and_gives_it_back(self) -> None:
        before = descriptors()
        resident = ResidentSize()
        for _ in range(100):
            resident.read()
        assert len(descriptors()) == len(before) + 1
        resident.close()
        assert len(descriptors()) == len(before)

    def test_after_a_close_it_tells_nothing_and_opens_nothing(self) -> None:
        resident = ResidentSize()
        assert resident.read()
        resident.close()
        before = descriptors()
        assert resident.read() is None
        assert descriptors() == before

    @pytest.mark.parametrize("failing", ["open", "fstat", "pread"])
    def test_it_never_raises(self, failing: str) -> None:
        class Failing(System):
            pass

        def fail(*_: object) -> None:
            raise OSError(24, "Too many open files")

        setattr(Failing, failing, staticmethod(fail))
        before = descriptors()
        resident = ResidentSize(Failing())
        assert resident.read() is None
        assert resident.read() is None
        resident.close()
        assert descriptors() == before

    def test_a_forked_child_is_told_its_own_size(self) -> None:
        report = in_a_process("""
            resident = ResidentSize()
            before = resident.read()
            reader, writer = os.pipe()
            if os.fork() == 0:
                ballast = bytearray(os.urandom(1)) * (64 << 20)
                os.write(writer, f"{resident.read() - before} {len(ballast)}".encode())
                os._exit(0)
            os.wait()
            print(os.read(reader, 100).decode(), resident.read() - before)
        """)
        in_child, ballast, in_parent = map(int, report.split())
        assert in_child > ballast - (8 << 20)
        assert in_parent < 8 << 20

    def test_it_goes_on_when_the_program_closes_all_descriptors_and_opens_its_own_under_their_numbers(self) -> None:
        report = in_a_process("""
            import tempfile
            resident = ResidentSize()
            before = resident.read()
            number = resident._descriptor
            name = tempfile.mkstemp()[1]
            with open(name, "wb") as file:
                file.write(b"1 2 3 4 5 6")
            os.closerange(3, 256)
            own = [os.open(name, os.O_RDWR) for _ in range(number)]
            assert number in own
            assert abs(resident.read() - before) < 8 << 20
            assert resident._descriptor != number
            assert os.lseek(number, 0, os.SEEK_CUR) == 0
            resident.close()
            assert os.read(number, 100) == b"1 2 3 4 5 6"
            os.closerange(3, 256)
            print(resident.read())
        """)
        assert report == "None"

    def test_threads_that_find_it_closed_at_once_are_all_told(self) -> None:
        report = in_a_process("""
            from concurrent.futures import ThreadPoolExecutor
            sys.setswitchinterval(1e-6)
            resident = ResidentSize()
            resident.read()
            with ThreadPoolExecutor(8) as pool:
                for _ in range(50):
                    os.close(resident._descriptor)
                    told = list(pool.map(lambda _: resident.read(), range(16)))
                    assert all(size is None or size > 0 for size in told)
                    assert resident.read() > 0
            print("told")
        """)
        assert report == "told"


def in_a_process(program: str) -> str:
    """Run a program that closes descriptors or forks, which a test's own process must not do."""
    source = "import os, sys\nfrom recorder.system import ResidentSize\n" + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class TestForkLock:
    def test_it_lets_one_thread_in_at_a_time_and_that_one_again(self) -> None:
        lock = ForkLock()
        inside: list[int] = []

        def work(number: int) -> None:
            with lock, lock:
                inside.append(number)
                SYSTEM.sleep(0.0005)
                assert inside.pop() == number
                assert not inside

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(100)))

    def test_a_child_finds_it_free_though_another_thread_held_it(self) -> None:
        report = in_a_process("""
            import threading
            from recorder.system import ForkLock
            lock, held, done = ForkLock(), threading.Event(), threading.Event()

            def hold():
                with lock:
                    held.set()
                    done.wait(30)

            threading.Thread(target=hold).start()
            held.wait(30)
            if os.fork() == 0:
                with lock:
                    os._exit(7)
            code = os.wait()[1]
            done.set()
            print(os.waitstatus_to_exitcode(code))
        """)
        assert report == "7"

    def test_a_child_forked_inside_leaves_it(self) -> None:
        report = in_a_process("""
            from recorder.system import ForkLock
            lock = ForkLock()
            with lock:
                child = os.fork()
            with lock:
                if child == 0:
                    os._exit(7)
            print(os.waitstatus_to_exitcode(os.wait()[1]))
        """)
        assert report == "7"

    def test_threads_that_are_first_in_a_child_together_still_go_one_by_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pid = 1
        delays = iter((0.03, 0.05, 0.07, 0.09))

        class Forked(System):
            @staticmethod
            def getpid() -> int:
                return pid

        monkeypatch.setattr("recorder.system.SYSTEM", Forked())
        lock = ForkLock()
        inside: list[int] = []

        def slow_lock() -> object:
            SYSTEM.sleep(next(delays))
            return threading.RLock()

        monkeypatch.setattr("recorder.system.RLock", slow_lock)

        def work(number: int) -> None:
            with lock:
                inside.append(number)
                SYSTEM.sleep(0.03)
                assert inside == [number]
                inside.clear()

        pid = 2
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
