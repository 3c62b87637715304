from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cassette_tools.launch import Ended, Plain, check, leave
from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SUPERVISING = str(HERE / "supervising.py")
LISTENING = [sys.executable, str(HERE / "listening.py")]
KINDS = ["queued", "caught"] if hasattr(signal, "sigtimedwait") else ["caught"]
TIMEOUT_S = 20.0

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="the states of processes are read in /proc"
)


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def supervised(kind: str, command: Sequence[str]) -> list[str]:
    return [sys.executable, SUPERVISING, kind, *command]


class Talk:
    """Lines from a descriptor, each awaited for a bounded time."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.buffer = b""

    def line(self, timeout_s: float = TIMEOUT_S) -> str:
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, deadline - time.monotonic()))
            chunk = b""
            with contextlib.suppress(OSError):  # a terminal whose last user is gone says EIO
                chunk = os.read(self.descriptor, 4096) if ready else b""
            if not chunk:
                raise AssertionError(f"no further line; there was {self.buffer!r}")
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode().rstrip("\r")

    def until(self, wanted: str) -> list[str]:
        lines: list[str] = []
        while not lines or wanted not in lines[-1]:
            lines.append(self.line())
        return lines


class Supervised:
    """A listening program under a supervisor, both of them to be signalled."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdout is not None
        self.talk = Talk(process.stdout.fileno())
        self.command = int(self.talk.line().removeprefix("pid "))

    def finish(self) -> tuple[int, str]:
        """End the program; return the supervisor's exit code and what else the program said."""
        assert self.process.stdin is not None
        time.sleep(0.15)  # a signal that came twice would be told by now
        self.process.stdin.write(b"done\n")
        self.process.stdin.flush()
        rest = "\n".join(self.talk.until("bye"))
        return self.process.wait(TIMEOUT_S), rest


@contextlib.contextmanager
def listening(kind: str, command: Sequence[str] = LISTENING) -> Iterator[Supervised]:
    with subprocess.Popen(
        supervised(kind, command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    ) as process:
        try:
            yield Supervised(process)
        finally:
            process.kill()


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, str]]:
    ours, theirs = os.openpty()
    try:
        yield ours, os.ttyname(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH"]
)
def test_a_signal_sent_to_us_reaches_the_command_once(kind: str, name: str) -> None:
    with listening(kind) as pair:
        os.kill(pair.process.pid, getattr(signal, name))
        assert pair.talk.line() == name
        assert pair.finish() == (5, "bye")


@pytest.mark.skipif("queued" not in KINDS, reason="the system does not tell who sent a signal")
def test_a_signal_that_the_command_sends_to_us_does_not_come_back_to_it() -> None:
    program = "import os, signal, sys; signal.signal(15, lambda *_: sys.exit(1)); os.kill(os.getppid(), 15)"
    program += "; import time; time.sleep(0.3); print('alive')"
    done = subprocess.run(
        supervised("queued", [sys.executable, "-c", program]),
        capture_output=True,
        env=environment(),
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"alive\n")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("key", "name"), [(b"\x03", "SIGINT"), (b"\x1c", "SIGQUIT")])
def test_a_key_of_the_terminal_reaches_the_command_once_and_we_outlive_it(kind: str, key: bytes, name: str) -> None:
    with terminal() as (screen, tty), at_shell(tty, supervised(kind, LISTENING)) as shell:
        seen = Talk(screen)
        seen.until("pid ")
        os.write(screen, key)
        assert seen.until(name)
        time.sleep(0.15)
        os.write(screen, b"done\n")
        rest = [line for line in seen.until("supervisor: ended") if line.startswith("SIG")]
        assert rest == []
        assert shell.line() == "exit 5"


@needs_proc
@pytest.mark.parametrize("kind", KINDS)
def test_a_command_that_the_terminal_interrupts_ends_us_by_the_same_signal(kind: str) -> None:
    with terminal() as (screen, tty), at_shell(tty, supervised(kind, ["sleep", "60"])) as shell:
        seen = Talk(screen)
        wait_for_child_of(shell.pid, "sleep")
        os.write(screen, b"\x03")
        assert seen.until("supervisor: ended")
        assert shell.line() == "killed SIGINT"


@needs_proc
@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_z_stops_the_job_and_fg_wakes_it(kind: str) -> None:
    with terminal() as (screen, tty), at_shell(tty, supervised(kind, LISTENING)) as shell:
        seen = Talk(screen)
        command = int(seen.until("pid ")[-1].removeprefix("pid "))
        for _ in range(2):
            os.write(screen, b"\x1a")
            assert shell.line() == "stopped SIGTSTP"
            wait_until(lambda: state(command) == "T")  # each process stops when it next runs
            shell.say("fg")
            assert seen.until("SIGCONT")
        os.write(screen, b"done\n")
        assert "SIGCONT" not in seen.until("supervisor: ended")
        assert shell.line() == "exit 5"


@pytest.mark.skipif("queued" not in KINDS, reason="stop signals are not taken")
def test_a_command_that_catches_ctrl_z_is_not_stopped_and_neither_are_we() -> None:
    with terminal() as (screen, tty), at_shell(tty, supervised("queued", [*LISTENING, "SIGTSTP"])) as shell:
        seen = Talk(screen)
        seen.until("pid ")
        os.write(screen, b"\x1a")
        seen.until("SIGTSTP")
        os.write(screen, b"done\n")
        assert shell.line() == "exit 5"


@needs_proc
@pytest.mark.skipif("queued" not in KINDS, reason="stop signals are not taken")
def test_a_stop_sent_to_us_stops_the_command_and_a_cont_wakes_both() -> None:
    with terminal() as (screen, tty), at_shell(tty, supervised("queued", LISTENING)) as shell:
        seen = Talk(screen)
        command = int(seen.until("pid ")[-1].removeprefix("pid "))
        os.kill(parent(command), signal.SIGTSTP)
        assert shell.line() == "stopped SIGTSTP"
        wait_until(lambda: state(command) == "T")
        os.kill(parent(command), signal.SIGCONT)  # us alone, not the group
        assert seen.until("SIGCONT")


@needs_proc
@pytest.mark.parametrize("kind", KINDS)
def test_where_no_shell_looks_a_command_that_is_stopped_leaves_us_running(kind: str) -> None:
    with listening(kind) as pair:
        os.kill(pair.command, signal.SIGSTOP)
        wait_until(lambda: state(pair.command) == "T")
        time.sleep(0.1)
        assert state(pair.process.pid) not in "Tt"
        os.kill(pair.command, signal.SIGCONT)
        assert pair.talk.line() == "SIGCONT"
        assert pair.finish() == (5, "bye")


@pytest.mark.parametrize("kind", [*KINDS, "plain"])
@pytest.mark.parametrize("code", [0, 1, 2, 255])
def test_the_exit_code_of_the_command_is_ours(kind: str, code: int) -> None:
    done = subprocess.run(
        supervised(kind, ["sh", "-c", f"exit {code}"]), env=environment(), timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == code


@pytest.mark.parametrize("kind", [*KINDS, "plain"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGSEGV", "SIGABRT", "SIGPIPE", "SIGINT", "SIGUSR1"])
def test_a_signal_that_ends_the_command_ends_us_without_a_core_dump(kind: str, name: str) -> None:
    command = supervised(kind, ["sh", "-c", f"ulimit -c 0; kill -{name.removeprefix('SIG')} $$"])
    pid = os.posix_spawn(command[0], command, environment())
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == getattr(signal, name)
    assert not os.WCOREDUMP(status)


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_starts_with_the_mask_and_dispositions_that_we_started_with(kind: str) -> None:
    program = """if True:
        import signal
        print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
        print([number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN])
    """
    prelude = """if True:
        import os, signal, sys
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.execv(sys.argv[1], sys.argv[1:])
    """
    inner = [sys.executable, "-c", program]
    results = [
        subprocess.run(
            [sys.executable, "-c", prelude, *command],
            capture_output=True,
            env=environment(),
            timeout=TIMEOUT_S,
            check=True,
        ).stdout
        for command in (inner, supervised(kind, inner))
    ]
    assert results[0] == results[1]
    assert b"SIGUSR2" in results[0]
    assert b"SIGHUP" in results[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGQUIT"])
def test_what_we_were_started_to_ignore_ends_neither_us_nor_the_command(kind: str, name: str) -> None:
    # nohup starts a program so, and a shell's `&` in a script
    prelude = (
        f"import os, signal, sys; signal.signal(signal.{name}, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    program = "import sys; print('ready', flush=True); sys.stdin.readline(); sys.exit(6)"
    with subprocess.Popen(
        [sys.executable, "-c", prelude, *supervised(kind, [sys.executable, "-c", program])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert Talk(process.stdout.fileno()).line() == "ready"
            os.kill(process.pid, getattr(signal, name))
            os.killpg(process.pid, getattr(signal, name))
            process.communicate(b"\n", TIMEOUT_S)
            assert process.returncode == 6
        finally:
            process.kill()


@pytest.mark.parametrize("kind", KINDS)
def test_an_inherited_ignored_sigchld_does_not_cost_us_the_exit_code(kind: str) -> None:
    prelude = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-c", prelude, *supervised(kind, ["sh", "-c", "exit 9"])]
    assert subprocess.run(command, env=environment(), timeout=TIMEOUT_S, check=False).returncode == 9


@pytest.mark.parametrize("kind", [*KINDS, "plain"])
def test_input_output_and_other_descriptors_are_the_commands(kind: str) -> None:
    ours, theirs = os.pipe()
    data = os.urandom(300_000)
    program = f"import sys, os; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d); os.write({theirs}, b'extra')"
    done = subprocess.run(
        supervised(kind, [sys.executable, "-c", program]),
        input=data,
        capture_output=True,
        pass_fds=[theirs],
        env=environment(),
        timeout=TIMEOUT_S,
        check=False,
    )
    os.close(theirs)
    assert done.stdout == data
    assert os.read(ours, 10) == b"extra"
    os.close(ours)


@pytest.mark.parametrize("kind", [*KINDS, "plain"])
def test_with_all_standard_streams_closed_the_command_runs_and_its_end_is_ours(tmp_path: Path, kind: str) -> None:
    mark = tmp_path / "mark"
    command = supervised(kind, ["sh", "-c", f"echo ran > {mark}; kill -USR1 $$"])
    closed = [(os.POSIX_SPAWN_CLOSE, number) for number in (0, 1, 2)]
    pid = os.posix_spawn(command[0], command, environment(), file_actions=closed)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGUSR1
    assert mark.read_text() == "ran\n"


def test_the_command_is_in_our_process_group() -> None:
    done = subprocess.run(
        supervised(KINDS[0], [sys.executable, "-c", "import os; print(os.getpgrp() == os.getpgid(os.getppid()))"]),
        capture_output=True,
        env=environment(),
        timeout=TIMEOUT_S,
        check=True,
    )
    assert done.stdout == b"True\n"


def test_a_script_without_a_first_line_runs_under_sh(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo $1 $0\nexit 3\n")
    script.chmod(0o755)
    done = subprocess.run(
        supervised(KINDS[0], [str(script), "word"]),
        capture_output=True,
        env=environment(),
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stdout.decode()) == (3, f"word {script}\n")


def test_a_plain_launch_ticks_and_tells_the_end() -> None:
    ticks: list[int] = []
    with Plain([sys.executable, "-c", "import time, sys; time.sleep(0.3); sys.exit(6)"]) as child:
        child.start(environment())
        assert child.wait(lambda: ticks.append(1), 0.05) == Ended(6, None)
    assert ticks


def test_on_a_system_without_posix_signals_everything_imports_and_a_command_runs() -> None:
    # What Windows lacks (Python's documentation of os and signal), taken away while our modules are loaded.
    program = """if True:
        import os, pathlib, select, signal, socket, subprocess, sys, tempfile, typing
        lacking = [(os, name) for name in dir(os) if name.startswith(("W", "P_", "POSIX", "posix_", "fork", "getpg"))]
        lacking += [(signal, name) for name in dir(signal) if name.startswith(("pthread", "sig"))]
        lacking += [(signal, name) for name in ("SIGCHLD", "SIGHUP", "SIGQUIT", "SIGTSTP", "SIGCONT", "SIGKILL")]
        taken = [(module, name, getattr(module, name)) for module, name in lacking]
        for module, name in lacking:
            delattr(module, name)
        import cassette_tools.commands.record, cassette_tools.run, cassette_tools.views.run
        import recorder.bootstrap, recorder.diagnosis
        from cassette_tools.launch import Plain, launch
        os.name = "nt"
        child = launch([sys.executable, "-c", "raise SystemExit(6)"])
        os.name = "posix"
        assert isinstance(child, Plain)
        for module, name, value in taken:  # subprocess needs them here
            setattr(module, name, value)
        with child:
            child.start(os.environ)
            print(child.wait(lambda: None, 0.1))
    """
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("Ended(exit_code=6, signal=None)\n", "")


def test_leaving_keeps_an_exit_code_as_it_is() -> None:
    assert [leave(Ended(code, None)) for code in (0, 1, 77)] == [0, 1, 77]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["no-such-command-anywhere"], "no-such-command-anywhere: command not found; check its name and PATH"),
        (["app.py", "-v"], "app.py: command not found; did you mean: -- python app.py -v"),
        (["./app.py", "a b"], "./app.py is not executable; did you mean: -- python ./app.py 'a b'"),
        (["tool"], "tool: command not found; did you mean: -- ./tool"),
        (["./tool"], "./tool is not executable; run it with its interpreter, or: chmod +x ./tool"),
        (["./missing.sh"], "./missing.sh: no such file; check the path of the command"),
        (["./folder"], "./folder is a folder; name a program"),
        (["python app.py"], "python app.py: command not found; leave the quotes off: -- python app.py"),
    ],
)
def test_a_command_that_cannot_start_is_told_with_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").touch()
    (tmp_path / "tool").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError) as caught:
        check(command)
    assert str(caught.value) == said


def test_no_limit_of_this_process_is_touched_by_checking() -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    check(["sh"])
    assert resource.getrlimit(resource.RLIMIT_CORE) == before


class Shell(Talk):
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        super().__init__(process.stdout.fileno())
        self.process = process
        self.pid = process.pid

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n".encode())
        self.process.stdin.flush()


@contextlib.contextmanager
def at_shell(tty: str, command: Sequence[str]) -> Iterator[Shell]:
    with subprocess.Popen(
        [sys.executable, str(HERE / "shell.py"), tty, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    ) as process:
        try:
            yield Shell(process)
        finally:
            process.kill()  # hangs its terminal up, which ends the job


def wait_until(true: object, timeout_s: float = TIMEOUT_S) -> None:
    assert callable(true)
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.01)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def wait_for_child_of(pid: int, name: str) -> None:
    """Wait until a grandchild of `pid` has become the program `name`."""

    def there() -> bool:
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError):
                    if (folder / "comm").read_text().strip() == name and parent(parent(int(folder.name))) == pid:
                        return True
        return False

    wait_until(there)
