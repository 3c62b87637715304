r"""Runs a command in place of this process, as nearly as a parent can, and comes to the same end.

Law: whoever started us sees the command. It gets our stdin, stdout, stderr, descriptors, signal mask and process
group; signals that are sent to us reach it, once; when it stops we stop, when it goes on we go on; its exit code is
ours, and a signal that ends it ends us. We outlive it, so that there is a moment to say what happened.

The command stays in our process group. So the terminal's Ctrl-C, Ctrl-\ and Ctrl-Z reach it without us, and a pipeline
of a shell remains one job. A signal that the terminal or the command itself sent is therefore not passed on; one that
any other process sent is. Two limits: a process that signals our whole group (GNU timeout does) is heard by the command
twice, as neither of us can tell that from a signal to us alone; and a SIGCONT is passed on only to a command that is
stopped.

Where the system does not tell who sent a signal (no sigtimedwait: macOS), SIGINT and SIGQUIT are taken for the
terminal's while our process group is in its foreground. Windows has no such signals: its console gives Ctrl-C to the
command itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self

from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

__all__ = ["Caught", "Ended", "Launch", "Plain", "Queued", "Received", "Supervised", "check", "launch", "leave"]

_FORWARDED: Final = (
    *("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGWINCH"),
    *("SIGIO", "SIGURG", "SIGPWR", "SIGINFO", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGCONT"),
)
_KEYBOARD: Final = ("SIGINT", "SIGQUIT")
_JOB_CONTROL: Final = ("SIGTSTP", "SIGTTIN", "SIGTTOU")
# What the kernel sends for a terminal, and then to a whole process group.
_GROUP_WIDE: Final = (*_KEYBOARD, *_JOB_CONTROL, "SIGWINCH", "SIGINFO", "SIGHUP")

_KERNEL: Final = 0
_POLL_S: Final = 1.0
"""Seconds after which the command is looked at even if no signal told of it."""
_GLANCE_S: Final = 0.01
_SETTLE_S: Final = 0.05
"""Seconds that a SIGCONT to the whole process group may need to reach the command before it gets one from us."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ended: with an exit code, or by a signal. One of the two is None."""

    exit_code: int | None
    signal: int | None


@dataclass(frozen=True, slots=True)
class Received:
    """A signal, and the process that sent it: 0 for the kernel, None where the system does not tell."""

    number: int
    sender: int | None


class Launch(Protocol):
    """One command under this process. As a context manager it holds signals back from the start, for the command."""

    def __enter__(self) -> Self:
        """Hold signals back."""

    def __exit__(self, *_: object) -> None:
        """Let signals act on this process again."""

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the command. Raises UsageError when the system refuses to."""

    def wait(self, tick: Callable[[], None], every_s: float) -> Ended:
        """Return when the command has ended. Calls `tick` about every `every_s` seconds; it must not block."""


def launch(command: Sequence[str]) -> Launch:
    """Return the way to run `command` that this system offers."""
    if os.name != "posix":
        return Plain(command)
    return Supervised(command, Queued() if hasattr(signal, "sigtimedwait") else Caught())


def check(command: Sequence[str]) -> None:
    """Make sure that `command` can be started, as far as that shows beforehand.

    Raises UsageError with what to type instead.
    """
    name, *arguments = command
    place = Path(name)
    if shutil.which(name) is not None:
        return
    if name == place.name:
        raise UsageError(f"{name}: command not found; {_found_instead(name, arguments)}")
    if not place.exists():
        raise UsageError(f"{name}: no such file; check the path of the command")
    if place.is_dir():
        raise UsageError(f"{name} is a folder; name a program")
    if name.endswith(".py"):
        raise UsageError(f"{name} is not executable; did you mean: -- {shlex.join(['python', name, *arguments])}")
    raise UsageError(f"{name} is not executable; run it with its interpreter, or: chmod +x {shlex.quote(name)}")


def leave(ended: Ended) -> int:
    """Return the exit code to end with; if a signal ended the command, end this process by it, without a core dump.

    A signal does not end the first process of a container; then it returns 128 + its number, as shells do.
    """
    if ended.signal is None:
        return ended.exit_code or 0
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # started with it closed
            stream.flush()
    if os.name == "posix":
        _die_by(ended.signal)
    return 128 + ended.signal


class Supervised:
    """A command on a POSIX system, with signals and job control."""

    def __init__(self, command: Sequence[str], signals: Signals) -> None:
        self._command = list(command)
        self._signals = signals
        self._pid = 0
        self._stopped = False
        self._ended: Ended | None = None

    def __enter__(self) -> Self:
        self._signals.hold()
        return self

    def __exit__(self, *_: object) -> None:
        self._signals.release()

    def start(self, environment: Mapping[str, str]) -> None:
        """See Launch."""
        try:
            self._pid = _spawn(self._command, environment, self._signals.mask)
        except OSError as error:
            raise UsageError(f"{self._command[0]} cannot be started: {_reason(error)}") from error

    def wait(self, tick: Callable[[], None], every_s: float) -> Ended:
        """See Launch."""
        due = time.monotonic() + every_s
        while self._ended is None:
            received = self._signals.wait(min(_POLL_S, max(0.0, due - time.monotonic())))
            if received is not None and received.number != signal.SIGCHLD:
                self._pass_on(received)
            self._look()
            if time.monotonic() >= due:
                tick()
                due = time.monotonic() + every_s
        return self._ended

    def _look(self) -> None:
        """Take in what happened to the command: it ended, stopped or went on. When it stopped, stop too."""
        stop = 0
        while self._ended is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            if pid == 0:
                if stop == 0:
                    return
                _stop_by(stop)
                stop = 0
            elif os.WIFSTOPPED(status):
                self._stopped, stop = True, os.WSTOPSIG(status)
                time.sleep(_GLANCE_S)  # whoever woke us may be about to wake the command: then its stop is over
            elif os.WIFCONTINUED(status):
                self._stopped, stop = False, 0
            elif os.WIFSIGNALED(status):
                self._ended = Ended(None, os.WTERMSIG(status))
            else:
                self._ended = Ended(os.WEXITSTATUS(status), None)

    def _pass_on(self, received: Received) -> None:
        if received.number == signal.SIGCONT:
            self._go_on()
        elif not self._has_it_already(received):
            os.kill(self._pid, received.number)  # not reaped yet, so the number is still the command's

    def _has_it_already(self, received: Received) -> bool:
        if received.sender is None:
            return received.number in _numbers(_KEYBOARD) and _in_foreground()
        if received.sender == _KERNEL:
            # When a terminal hangs up, the kernel tells the session's leader alone.
            leads = received.number == signal.SIGHUP and os.getsid(0) == os.getpid()
            return received.number in _numbers(_GROUP_WIDE) and not leads
        return received.sender == self._pid

    def _go_on(self) -> None:
        """Wake the command, unless whoever woke us woke it, too: a shell's `fg` wakes the whole group."""
        deadline = time.monotonic() + _SETTLE_S
        while True:
            self._look()
            if not self._stopped or self._ended is not None:
                return
            if time.monotonic() >= deadline:
                break
            time.sleep(_SETTLE_S / 10)
        os.kill(self._pid, signal.SIGCONT)


class Plain:
    """A command on a system without POSIX signals (Windows). Its console hands Ctrl-C to the command and to us."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def start(self, environment: Mapping[str, str]) -> None:
        """See Launch."""
        try:
            self._process = subprocess.Popen(  # noqa: S603 -- running what the user named is the purpose
                self._command, env=dict(environment), close_fds=False
            )
        except OSError as error:
            raise UsageError(f"{self._command[0]} cannot be started: {_reason(error)}") from error

    def wait(self, tick: Callable[[], None], every_s: float) -> Ended:
        """See Launch."""
        if self._process is None:
            raise UsageError("the command was not started: call start first")
        while True:
            try:
                code = self._process.wait(every_s)
            except subprocess.TimeoutExpired:
                tick()
            except KeyboardInterrupt:
                continue  # the command has it, too, and decides what it means
            else:
                return Ended(code, None) if code >= 0 else Ended(None, -code)


class Signals(Protocol):
    """A way to take signals one by one instead of being interrupted by them. `mask`: what was blocked before."""

    mask: frozenset[int]

    def hold(self) -> None:
        """Begin to take them."""

    def release(self) -> None:
        """Put back what was before. Signals that nobody waited for are dropped: they were the command's."""

    def wait(self, seconds: float) -> Received | None:
        """Return the next signal, or None after `seconds`."""


class Queued:
    """Signals stay blocked and are taken from the kernel's queue, which tells who sent them (Linux, FreeBSD)."""

    mask: frozenset[int] = frozenset()

    def __init__(self) -> None:
        self._taken = {signal.SIGCHLD, *_numbers(_FORWARDED)}

    def hold(self) -> None:
        """See Signals."""
        _hear_of_children()
        self.mask = frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, self._taken))

    def release(self) -> None:
        """See Signals."""
        while signal.sigtimedwait(self._taken, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def wait(self, seconds: float) -> Received | None:
        """See Signals."""
        info = signal.sigtimedwait(self._taken, seconds)
        if info is None:
            return None
        # Linux, asm-generic/siginfo.h: codes of signals that the kernel made itself are positive, no others are.
        return Received(info.si_signo, _KERNEL if info.si_code > 0 else info.si_pid)


class Caught:
    """Signals are caught, and their numbers read from a socket (any POSIX system). Who sent them is not known.

    Stop signals are not taken: the terminal stops us and the command alike, and who woke us has woken the command.
    """

    mask: frozenset[int] = frozenset()

    def __init__(self) -> None:
        self._taken = {signal.SIGCHLD, *_numbers(_FORWARDED)} - set(_numbers(_JOB_CONTROL))
        self._restore = contextlib.ExitStack()
        self._reader: socket.socket | None = None

    def hold(self) -> None:
        """See Signals."""
        _hear_of_children()
        self.mask = frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            end.setblocking(False)
            self._restore.callback(end.close)
        self._restore.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False))
        self._reader = reader
        for number in self._taken:
            # What is ignored (nohup) stays so: the command inherits that, but would get a caught one as default.
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                signal.signal(number, _heard)
                self._restore.callback(signal.signal, number, before)

    def release(self) -> None:
        """See Signals."""
        self._restore.close()

    def wait(self, seconds: float) -> Received | None:
        """See Signals."""
        if self._reader is not None and select.select([self._reader], [], [], seconds)[0]:
            return Received(self._reader.recv(1)[0], None)
        return None


def _heard(_number: int, _frame: object) -> None:
    """Be a handler, so that Python writes the number to the wake-up socket."""


def _hear_of_children() -> None:
    """Undo an inherited SIG_IGN, under which the kernel would reap the command before we can ask how it ended."""
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _spawn(command: Sequence[str], environment: Mapping[str, str], mask: Collection[int]) -> int:
    """Start `command` with our descriptors, and signal mask and dispositions as we found them; return its number."""

    def spawn(words: Sequence[str]) -> int:
        # Python ignores these two from its start; what it catches goes back to the default by itself.
        defaults = _numbers(("SIGPIPE", "SIGXFSZ"))
        return os.posix_spawnp(words[0], list(words), environment, setsigmask=mask, setsigdef=defaults)

    try:
        return spawn(command)
    except OSError as error:
        path = shutil.which(command[0])
        if error.errno != errno.ENOEXEC or path is None:
            raise
    # A script without a #! line: shells hand it to sh, and so does execvp (POSIX).
    return spawn(["/bin/sh", path, *command[1:]])


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "the interpreter that its first line names is not there"
    return error.strerror or str(error)


def _found_instead(name: str, arguments: Sequence[str]) -> str:
    words = shlex.split(name) if name.count('"') % 2 == 0 and name.count("'") % 2 == 0 else []
    if len(words) > 1 and not arguments:
        return f"leave the quotes off: -- {shlex.join(words)}"
    if Path(name).is_file():
        instead = ["python", name] if name.endswith(".py") else [f"./{name}"]
        return f"did you mean: -- {shlex.join([*instead, *arguments])}"
    return "check its name and PATH"


def _stop_by(number: int) -> None:
    """Stop as the command did, so that the shell takes the terminal back; return when somebody woke us.

    A plain SIGSTOP is followed only where a shell with job control looks at us: elsewhere nobody would wake us again,
    while the command may be woken by whoever stopped it.
    """
    if number in _numbers(_JOB_CONTROL) or _is_job_of_a_shell():
        _deliver(number)


def _die_by(number: int) -> None:
    import resource  # noqa: PLC0415 -- not on Windows

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with contextlib.suppress(OSError):  # SIGKILL has no disposition to set
        signal.signal(number, signal.SIG_DFL)
    _deliver(number)


def _deliver(number: int) -> None:
    """Let a signal act on this process. Sent first and let through then, it is one with one that waits already."""
    os.kill(os.getpid(), number)
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.pthread_sigmask(signal.SIG_UNBLOCK, {number}))


def _is_job_of_a_shell() -> bool:
    """Tell whether our parent is of our session but not of our process group: so job-control shells start jobs."""
    parent = os.getppid()
    try:
        return os.getpgid(parent) != os.getpgrp() and os.getsid(parent) == os.getsid(0)
    except OSError:
        return False  # in another namespace, or gone


def _in_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False  # no terminal, no keyboard
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _numbers(names: Collection[str]) -> tuple[signal.Signals, ...]:
    """Return the signals of these names that this system has."""
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))
