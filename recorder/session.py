"""A recording: from `start` to `stop`, one cassette.

Law: this module wires taps, captures and journal together and decides nothing about HTTP. It never stands in the
program's way: its own trouble ends the recording, is told once on stderr, and leaves a readable cassette (unless
`on_error="raise"`).
"""

from __future__ import annotations

import atexit
import functools
import itertools
import sys
from contextlib import suppress
from os import PathLike
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, Unpack

import orjson

from recorder.errors import CallbackError, CassetteWriteError, RecorderError, RecordingStateError, UsageError
from recorder.journal.append import Journal
from recorder.options import Options
from recorder.system import SYSTEM, Clock, ForkLock, ResidentSize
from recorder.taps.exchange import Entry, Exchange

if TYPE_CHECKING:
    import os
    from builtins import bytes as builtin_bytes
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import TypeAlias

    from recorder.capture import OpenRedaction
    from recorder.options import Choices, Mode
    from recorder.redact.engine import Redactor
    from recorder.redact.policy import Policy, Secret
    from recorder.taps.exchange import Headers, Part

    PolicyLike: TypeAlias = Policy | str | os.PathLike[str] | None

__all__ = ["Recording", "join", "record", "start"]

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of a line that every reader takes (`read.MAX_LINE`); a longer one would close the whole cassette to them."""
_PATIENCE_MS = 500
"""How long `stop` waits, at the most, for other threads that are writing at that moment."""
_RESIDENT_INTERVAL_NS = 10_000_000
"""The resident size is read again after so long: reading it costs as much as a tenth of all recording of a request."""

P = ParamSpec("P")
R = TypeVar("R")


class Recording:
    """A recording that is running, or has stopped. Made by `start`, `record` or `join`.

    `path`: the cassette. `seen`: requests that began. `interactions`: those written. `errors`: those of them in which
    the client saw a failure. `lost`: those not written, by reason; after `stop`, seen = interactions + losses.
    `removed`: leaves and bodies that went whole because a known secret could not be taken out of them.
    `bytes`: written by this process. `failure`: why recording stopped early, or None.

    Memory: what the requests under way hold (see `capture`), and nothing of those that are done.
    """

    def __init__(
        self, journal: Journal, path: Path, options: Options, clock: Clock, *, redactor: Redactor | None, joined: bool
    ) -> None:
        """Take an open journal. Use `start`, `record` or `join` instead."""
        self.path = path
        self.options = options
        self.clock = clock
        self.seen = 0
        self.interactions = 0
        self.errors = 0
        self.lost: dict[str, int] = {}
        self.removed = 0
        self.failure: RecorderError | None = None
        self.pid = SYSTEM.getpid()
        self.stopped = False
        self._journal = journal
        self._redactor = redactor
        self._joined = joined
        self._introduced = False
        self._told: set[str] = set()
        self._worker_end: Any = None
        self._resident = ResidentSize()
        self._resident_last: int | None = None
        self._resident_due = 0
        # Two threads can never draw the same number; plain `+=` is enough for what is only counted, since CPython does
        # not change threads between reading and writing an attribute.
        self._numbers = itertools.count(1)
        self._open: dict[str, tuple[Entry, Exchange]] = {}
        # One item for each thread that is beginning or writing an interaction now, so that `stop` can wait for it;
        # adding and removing one is atomic. The lock is for what happens once a process.
        self._busy: list[None] = []
        self._busy_with_pieces: list[None] = []
        self._once = ForkLock()
        self._introducing = False
        self._ending = False
        self._ended = False
        self._completed = False

    # What the program uses.

    @property
    def bytes(self) -> int:
        """Bytes of whole records that this process has appended."""
        return self._journal.written

    @property
    def process(self) -> str:
        """The token that this process's lines carry."""
        return self._journal.process

    def stop(self) -> None:
        """End the recording: write what is under way as it stands, the end line, and close.

        Calling it again does nothing. The methods of the clients are what they were, unless another recording goes on;
        connections and responses go on working. Raises CassetteWriteError when an overwriting recording cannot replace
        the old cassette.
        """
        if self._completed:
            return
        # Each step may be done again: an exception from outside (Ctrl-C, a signal handler's) can interrupt this at any
        # place, and the next stop, at exit at the latest, goes on from there.
        self._check_process()
        self.stopped = True
        from recorder.taps import seams  # noqa: PLC0415 -- see start

        seams.detach(self)
        deadline = SYSTEM.monotonic_ns() + _PATIENCE_MS * 1_000_000
        self._wait_for(self._busy, deadline)
        for entry, exchange in list(self._open.values()):
            exchange.write(entry, "stopped")
            exchange.drop(entry)  # not before: until it is written, what goes on must reach it
            exchange.let_file_go()
        self._wait_for(self._busy, deadline)  # whose exchange ended meanwhile
        self._ending = True
        self._wait_for(self._busy_with_pieces, deadline)
        self._account_for_the_rest()
        if self._introduced or not self._joined:
            if self.options.diagnose is not None:
                self._write_diagnosis()
            if not self._ended:
                self._journal.end(self.counts())
                self._ended = True
        if self._redactor is not None and self._redactor.forgotten:
            self._tell("forgotten", self._redactor.unproven[-1])
        self._resident.close()
        atexit.unregister(self._stop_at_exit)
        if self._worker_end is not None:
            self._worker_end.cancel()
        try:
            self._journal.close()
        finally:
            self._take_failure()
        self._completed = True

    def counts(self) -> dict[str, Any]:
        """Give the counts of this process as the end line has them."""
        return {
            "seen": self.seen,
            "interactions": self.interactions,
            "errors": self.errors,
            "lost": self.lost,
            "bytes": self._journal.written,
        }

    def __enter__(self) -> Self:
        """Give itself: `with recorder.start(...) as recording:` stops at the end of the block.

        Raises RecordingStateError when it has been stopped: the block would not be recorded.
        """
        if self.stopped:
            raise RecordingStateError(f"the recording of {self.path} is stopped already; start another one")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def __repr__(self) -> str:
        """Tell the state in one line."""
        state = "stopped" if self.stopped else "failed" if self.failure else "running"
        return f"<Recording {str(self.path)!r} {state}, {self.interactions} of {self.seen} interactions>"

    # What the taps use.

    def begin(self, exchange: Exchange) -> Entry | None:
        """Give a request its number.

        None when the recording is over: after `stop` the request is not seen, after a failure it is counted as lost.
        """
        self._check_process()
        busy = self._busy
        busy.append(None)
        try:
            if self.stopped:
                return None
            seq = next(self._numbers)
            self.seen += 1
            if self.failure is not None:
                self._count_loss("recording stopped early")
                return None
            entry = Entry(self, seq, f"{self._journal.process}-{seq}")
            self._open[entry.id] = (entry, exchange)
            return entry
        finally:
            busy.pop()

    def write_interaction(self, entry: Entry, exchange: Exchange, incomplete: str | None) -> None:
        """Write the line of an interaction that has ended.

        Raises CassetteWriteError only when `on_error` is "raise".
        """
        if entry.pid != SYSTEM.getpid():
            return  # begun in the parent of this process, which writes it
        busy = self._busy
        busy.append(None)
        try:
            if self._open.pop(entry.id, None) is not None:  # else `stop` writes it
                try:
                    self._write_interaction(entry, exchange, incomplete)
                finally:
                    # Else each request would leave a circle for the collector. By nobody but the one who wrote it.
                    entry.request = entry.response = None
        finally:
            busy.pop()

    def _write_interaction(self, entry: Entry, exchange: Exchange, incomplete: str | None) -> None:
        if not self._introduced:
            self._introduce()
        line = self._line(entry, exchange.describe(entry, incomplete))
        if len(line) > LONGEST_LINE:
            self._count_loss("longer than any reader takes")
            return
        # Counted first: an exception that a signal handler throws behind the write must not make a written
        # interaction uncounted.
        written = False
        failed = exchange.failure is not None
        self.interactions += 1
        self.errors += failed
        try:
            written = self._journal.append(line)
        finally:
            if not written:
                self.interactions -= 1
                self.errors -= failed
        if not written:
            self._count_loss("the cassette could not be written")
            self._take_failure()
        elif self._journal.failure is not None:
            self._take_failure()  # the line is written; forcing it to the disk has failed
        elif self.options.diagnose is not None and self.interactions % self.options.diagnose == 0:
            self._write_diagnosis()

    def _line(self, entry: Entry, record: dict[str, Any]) -> builtin_bytes:
        redactor = self._redactor
        if redactor is None:
            return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        streams = {
            part: body.redaction
            for part, body in (("request", entry.request), ("response", entry.response))
            if body is not None and body.redaction is not None
        }
        line, findings = redactor.redact_record(record, streams)
        for finding in findings:
            if finding.rule == "unreadable":
                self._tell("unreadable", "a body could not be decoded, so nothing is known of it; it was left out")
            elif finding.rule == "verify":
                self.removed += 1
                self._tell(
                    "removed",
                    "a known secret could not be taken out of an interaction; what held it was left out",
                )
        return line

    def redaction_of(self, part: Part, headers: Headers, url: str) -> OpenRedaction | None:
        """Give what begins the redaction of a body in pieces; None for a recording that does not redact."""
        redactor = self._redactor
        return None if redactor is None else functools.partial(redactor.open_stream, part, headers, url)

    def write_piece(self, entry: Entry, line: dict[str, Any]) -> None:
        """Write a body line. Raises CassetteWriteError only when `on_error` is "raise"."""
        if entry.pid != SYSTEM.getpid() or self.failure is not None:
            return
        busy = self._busy_with_pieces
        busy.append(None)
        try:
            if self._ending:
                return  # behind the end line nothing may follow
            if not self._introduced:
                self._introduce()
            if not self._journal.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)):
                self._take_failure()
        finally:
            busy.pop()

    def lose(self, entry: Entry, error: BaseException) -> None:
        """Count an interaction that the recorder itself failed on; say so once.

        Raises only when `on_error` is "raise".
        """
        self._open.pop(entry.id, None)
        if isinstance(error, CassetteWriteError):
            raise error
        self._count_own_bug(error)

    def fail_to_begin(self, error: Exception) -> None:
        """Count a request that the recorder failed on before it had a number."""
        self.seen += 1
        self._count_own_bug(error)

    def resident_bytes(self) -> int | None:
        """Resident memory of this process, in bytes, read at most 10 ms ago; None where that is not known."""
        now = self.clock.now()
        if now >= self._resident_due:
            self._resident_last = self._resident.read()
            self._resident_due = now + _RESIDENT_INTERVAL_NS
        return self._resident_last

    # Its own trouble.

    def miss(self, place: str, why: str) -> None:
        """Take note that a client library, or one of its methods, could not be tapped: requests pass unseen.

        Told once.
        """
        self.lost.setdefault(f"{place} could not be tapped", 0)
        self._tell("miss", f"{place} could not be tapped ({why}); its requests are not recorded")

    def _count_own_bug(self, error: BaseException) -> None:
        self._count_loss(f"recorder error: {type(error).__name__}")
        why = (
            str(error)
            if isinstance(error, CallbackError)
            else f"{type(error).__name__} in the recorder; please report it"
        )
        self._tell("bug", f"one or more interactions could not be recorded: {why}")
        if self.options.on_error == "raise":
            raise CassetteWriteError(
                f"{self.path}: an interaction could not be recorded ({type(error).__name__})"
            ) from error

    def _take_failure(self) -> None:
        failure = self._journal.failure
        if failure is None or self.failure is not None:
            return
        self.failure = failure
        self._tell("failure", str(failure))
        if self.options.on_error == "raise" and not self.stopped:
            raise failure

    def _tell(self, kind: str, message: str) -> None:
        if kind in self._told:
            return
        self._told.add(kind)
        with suppress(Exception):  # the program may have closed or replaced its stderr: then there is nobody to tell
            sys.stderr.write(f"recorder: {message}\n")

    def _count_loss(self, reason: str) -> None:
        self.lost[reason] = self.lost.get(reason, 0) + 1

    @staticmethod
    def _wait_for(busy: list[None], deadline: int) -> None:
        """Let threads that are in the middle of an interaction, or of a piece of a body, come to its end.

        Not for ever: a signal handler that stops a recording may stand in the middle of one itself.
        """
        while busy and SYSTEM.monotonic_ns() < deadline:
            SYSTEM.sleep(0.001)

    def _account_for_the_rest(self) -> None:
        """Name what an exception from outside (a signal handler's, a MemoryError) has cut off in its writing."""
        missing = self.seen - self.interactions - sum(self.lost.values())
        if missing > 0:
            self.lost["interrupted"] = missing

    def _introduce(self) -> None:
        """Write the process line, ahead of the first interaction of this process."""
        with self._once:
            if self._introduced or self._introducing:  # by another thread; or by this one, in whose middle we stand
                return
            self._introducing = True
            try:
                self._write_process()
            finally:
                self._introducing = False
            self._introduced = True
        if self.options.diagnose is not None:
            self._write_diagnosis()

    def _write_process(self) -> None:
        line = {
            "type": "process",
            "process": self._journal.process,
            "run": self._journal.run,
            "pid": self.pid,
            "ppid": _parent(),
            "started_at": self.clock.stamp(self.clock.now()),
            "program": _program(),
            "python": ".".join(map(str, sys.version_info[:3])),
        }
        written = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        self._journal.append(written if self._redactor is None else self._redactor.redact_line(written)[0])

    def _write_diagnosis(self) -> None:
        from recorder import diagnosis  # noqa: PLC0415 -- only a recording with `diagnose` pays for it

        line = {
            "type": "diagnosis",
            "process": self._journal.process,
            "at": self.clock.stamp(self.clock.now()),
            "interactions": self.interactions,
            **diagnosis.sample(self.interactions),
        }
        self._journal.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def _check_process(self) -> None:
        """Notice a fork.

        The child counts from zero, under a token of its own; what was under way belongs to the parent.
        """
        if SYSTEM.getpid() == self.pid:
            return
        with self._once:
            pid = SYSTEM.getpid()
            if pid == self.pid:
                return  # another thread of this child has seen to it meanwhile
            self.seen = self.interactions = self.errors = 0
            self._numbers = itertools.count(1)
            self.lost = {}
            self._open = {}
            self._busy, self._busy_with_pieces = [], []
            self._introduced = self._introducing = False
            self._joined = True
            self._journal.after_fork()
            self._stop_with_worker()
            self.pid = pid  # last: until then every other thread comes in here, and waits

    def _stop_with_worker(self) -> None:
        """See to it that a worker of multiprocessing writes its end line, though it leaves without `atexit`."""
        processes, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
        if processes is not None and util is not None and processes.parent_process() is not None:
            self._worker_end = util.Finalize(None, self._stop_at_exit, exitpriority=0)

    def _stop_at_exit(self) -> None:
        try:
            self.stop()
        except RecorderError as error:
            self._tell("end", str(error))


def start(
    path: str | os.PathLike[str],
    *,
    mode: Mode = "new",
    policy: PolicyLike = None,
    secrets: Iterable[str | Secret] = (),
    redact: bool = True,
    **choices: Unpack[Choices],
) -> Recording:
    """Begin to record every HTTP request of this process, and of its forks, into the cassette at `path`.

    `mode`: "new" refuses a file that exists, "append" adds to it, "overwrite" replaces it when the recording is
    stopped. What is written is redacted: by `policy` (a `Policy`, or the path of a policy file; None is the default
    one), with `secrets` as known values beside those that the policy and the environment name; `redact=False` writes
    everything as it was, and marks the cassette. The other arguments are those of `Options`: body_limit, durability,
    on_error, share_pools, diagnose. Ends with `Recording.stop`, or at the process's exit. Raises CassetteExistsError,
    CassetteWriteError, RecordingStateError, PolicyError, SecretsError, UsageError; nothing is recorded then.

    >>> recording = start("cassette.jsonl")  # doctest: +SKIP
    >>> recording.stop()  # doctest: +SKIP
    """
    return _start(path, mode, Options(**choices), _policy(policy, secrets, redact=redact))


def _policy(policy: PolicyLike, secrets: Iterable[str | Secret], *, redact: bool) -> Policy | None:
    """Give the policy, None for none. Raises PolicyError, SecretsError, UsageError."""
    if type(redact) is not bool:
        raise UsageError(f"redact is {redact!r}; give True or False")
    secrets = (secrets,) if isinstance(secrets, str) else tuple(secrets or ())
    if not redact:
        if policy is not None or secrets:
            raise UsageError("redact=False redacts nothing: leave out policy and secrets, or leave out redact=False")
        return None
    # Late: a program that only imports the recorder, or does not redact, loads none of it.
    from recorder.redact.policy import Policy  # noqa: PLC0415
    from recorder.redact.policy_file import load_policy  # noqa: PLC0415

    if policy is None:
        policy = Policy()
    elif isinstance(policy, str | PathLike):
        policy = load_policy(policy)
    elif not isinstance(policy, Policy):
        raise UsageError(f"policy is of type {type(policy).__name__}; give a Policy, or the path of a policy file")
    return policy.merge(Policy(secrets, environment=False, defaults=False)) if secrets else policy


def _redactor(policy: Policy | None) -> Redactor | None:
    if policy is None:
        return None
    from recorder.redact.engine import Redactor  # noqa: PLC0415 -- see _policy

    return Redactor(policy, recording=True)


def _start(path: str | os.PathLike[str], mode: Mode, options: Options, policy: Policy | None) -> Recording:
    from recorder.taps import seams  # noqa: PLC0415 -- a program that only imports the recorder loads no tap

    redactor = _redactor(policy)
    target = Path(path).absolute()
    for active in seams.recordings():
        if realpath(active.path) == realpath(target):  # whatever folders and links the two were named by
            raise RecordingStateError(
                f"{target} is being recorded already; stop that recording first, or choose another path"
            )
    clock = Clock()
    journal = Journal.create(
        target,
        mode=mode,
        durability=options.durability,
        body_limit=options.body_limit,
        redaction="none" if redactor is None else redactor.describe(),
        clock=clock,
    )
    recording = Recording(journal, target, options, clock, redactor=redactor, joined=False)
    return _begin(recording, journal)


def join(path: str | os.PathLike[str], *, run: str, options: Options, redaction: str) -> Recording:
    """Take part in a run that a parent process began with `ctools record`: append to its cassette.

    `redaction` is the path of the policy that was handed over, or "none" with the token of the run: a "none" that some
    other run left in the environment is an error. Writes nothing until a request is made.

    Raises CassetteNotFoundError, CassetteWriteError, PolicyError.
    """
    policy: Policy | None = None
    if redaction != f"none {run}":
        from recorder.redact.handover import take_over  # noqa: PLC0415 -- see _policy

        policy = take_over(redaction)
    redactor = _redactor(policy)
    clock = Clock()
    journal = Journal.join(path, run=run, durability=options.durability, clock=clock)
    return _begin(Recording(journal, journal.path, options, clock, redactor=redactor, joined=True), journal)


def _begin(recording: Recording, journal: Journal) -> Recording:
    from recorder.taps import seams  # noqa: PLC0415 -- see start

    try:
        seams.attach(recording)
    except BaseException:
        journal.discard() if not recording._joined else journal.close()  # noqa: SLF001 -- the same module
        raise
    atexit.register(recording._stop_at_exit)  # noqa: SLF001 -- the same module
    recording._stop_with_worker()  # noqa: SLF001 -- the same module
    return recording


class record:  # noqa: N801 -- used as a function: `with record(path):`, `@record(path)`
    """Record within a `with` block, or in each call of a function that it decorates (coroutine functions too).

    Takes the arguments of `start`, and raises what it raises.

    >>> with record("cassette.jsonl") as recording:  # doctest: +SKIP
    ...     requests.get("https://example.org/")
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        mode: Mode = "new",
        policy: PolicyLike = None,
        secrets: Iterable[str | Secret] = (),
        redact: bool = True,
        **choices: Unpack[Choices],
    ) -> None:
        wanted = _policy(policy, secrets, redact=redact)
        self._start: Callable[[], Recording] = functools.partial(_start, path, mode, Options(**choices), wanted)
        self._recording: Recording | None = None

    def __enter__(self) -> Recording:
        """Start. Raises RecordingStateError when this very object is recording already."""
        if self._recording is not None:
            raise RecordingStateError("this record(...) is active already; make another one, with another path")
        self._recording = self._start()
        return self._recording

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and let an exception pass."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.stop()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate: each call of the function is a recording. Raises UsageError for a generator function."""
        import inspect  # noqa: PLC0415 -- heavy, and only decorating needs it

        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            # Its call only makes the generator: what it does comes later, and perhaps in pieces.
            raise UsageError("a generator function cannot be decorated; use `with recorder.record(...)` inside it")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def recorded_coroutine(*args: P.args, **kwargs: P.kwargs) -> object:
                with self._start():
                    return await function(*args, **kwargs)

            return recorded_coroutine  # type: ignore[return-value] # R is the coroutine's type: mypy does not see it

        @functools.wraps(function)
        def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._start():
                return function(*args, **kwargs)

        return recorded


def _parent() -> int:
    import os  # noqa: PLC0415 -- once a process

    return os.getppid()


def _program() -> str:
    argv = getattr(sys, "argv", None) or [""]
    name = argv[0].replace("\\", "/").rsplit("/", 1)[-1]
    if name == "__main__.py":
        name = argv[0].replace("\\", "/").rsplit("/", 2)[-2]
    return name.encode("utf-8", "backslashreplace").decode("utf-8") or "python"
