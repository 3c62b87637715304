"""One run of a command under recording, from the empty cassette to what is in it.

Law: nothing begins before everything that can be checked was, and what begins is ended: the command gets a cassette
with a header, the cassette gets an end line with the counts of all processes, and a command that never started leaves
no trace. Prints nothing and holds no interaction: afterwards the run is read once, as a stream.

Children append to the cassette themselves. What this process does for them is to force the file to the disk (about
every 5 seconds while it grows), and to tell what kept a process from recording.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cassette_tools.launch import check, launch
from cassette_tools.notes import not_recorded, read_notes, why_nothing
from recorder.bootstrap import child_environment
from recorder.errors import RecorderError
from recorder.journal.append import SYNC_INTERVAL, Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cassette_tools.launch import Ended
    from cassette_tools.summary import Summary
    from recorder.journal.read import Line
    from recorder.options import Durability, Mode, Options
    from recorder.redact.policy import Policy

__all__ = ["Outcome", "run", "signal_name"]


@dataclass(slots=True)
class Outcome:
    """What a run came to.

    `path`: the cassette. `size` is the file's, `written` what this run added to it, in bytes. `interactions` and
    `errors` count its lines; `lost` counts requests that were seen and not written, by reason; `running` counts
    processes that the command left behind and that may go on recording. `summary` has all figures; None where the file
    could not be read to its end. `missing`: what was not recorded and what to do about it, or, with no interaction, why
    there is none. `trouble`: the recorder's own. `kept` tells that an overwriting run recorded nothing, so that the old
    cassette stays. `redacted` counts what was redacted, by rule; None where nothing was to be. `removed` counts what
    went whole because a known secret could not be taken out of it. `unproven`: known values that cannot be proved gone.
    """

    path: Path
    ended: Ended
    duration_s: float
    size: int = 0
    written: int = 0
    interactions: int = 0
    errors: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    running: int = 0
    summary: Summary | None = None
    missing: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    kept: bool = False
    redacted: dict[str, int] | None = None
    removed: int = 0
    unproven: tuple[str, ...] = ()


def run(
    command: Sequence[str],
    path: Path,
    *,
    mode: Mode,
    options: Options,
    policy: Policy | None,
    environment: Mapping[str, str],
    tell: Callable[[str], None],
) -> Outcome:
    """Run `command` with `environment`, and record into `path` every Python process of it that can import the recorder.

    What is recorded is redacted by `policy`, which reaches the processes by a private file; None redacts nothing.
    Returns when the command has ended, however it did. `tell` is called at once with trouble that does not end the run.
    Raises UsageError, CassetteExistsError or CassetteWriteError before the command started; `path` is then as it was.
    """
    check(command)
    begun = time.monotonic()
    told, policy = _redaction(policy)
    with _file_for_notes() as noted, _handed_over(policy) as handed, launch(command) as child:
        journal, start = _begin(path, mode, options, told)
        try:
            child.start(_environment_of_children(environment, journal, options, handed or f"none {journal.run}", noted))
        except BaseException:
            journal.discard()
            raise
        disk = _Disk(journal, tell)
        ended = child.wait(disk.force, SYNC_INTERVAL)
        disk.finish()
        notes = read_notes(noted)
    # From here on signals act on this process again: a Ctrl-C now ends the reading.
    outcome = Outcome(path.absolute(), ended, time.monotonic() - begun)
    outcome.redacted = None if policy is None else {}
    if isinstance(told, dict):
        outcome.unproven = tuple(told.get("unproven", ()))
    _read_back(outcome, journal, start)
    _end(outcome, journal, mode)
    outcome.missing = not_recorded(notes) if outcome.interactions else why_nothing(notes, command)
    return outcome


@contextmanager
def _file_for_notes() -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(prefix="ctools-notes-")
    os.close(descriptor)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _redaction(policy: Policy | None) -> tuple[str | dict[str, Any], Policy | None]:
    """Return what the header line says of a policy, and the policy with the key that all processes are to use."""
    if policy is None:
        return "none", None
    from recorder.redact.engine import Redactor  # noqa: PLC0415 -- only where something is redacted

    redactor = Redactor(policy, recording=True)
    return redactor.describe(), dataclasses.replace(policy, key=redactor.key)


@contextmanager
def _handed_over(policy: Policy | None) -> Iterator[str]:
    if policy is None:
        yield ""
        return
    from recorder.redact.handover import hand_over  # noqa: PLC0415 -- see _redaction

    with hand_over(policy) as path:
        yield str(path)


def _begin(path: Path, mode: Mode, options: Options, redaction: str | dict[str, Any]) -> tuple[Journal, int]:
    """Write the header line. Returns the journal, and where in its file this run begins."""
    start = path.stat().st_size if mode == "append" and path.is_file() else 0
    journal = Journal.create(
        path, mode=mode, durability=options.durability, body_limit=options.body_limit, redaction=redaction
    )
    return journal, start


def _environment_of_children(
    environment: Mapping[str, str], journal: Journal, options: Options, redaction: str, noted: Path
) -> dict[str, str]:
    # Forcing to the disk is our part, but where each record is to be there before the program goes on.
    durability: Durability = "record" if options.durability == "record" else "none"
    return child_environment(
        environment,
        cassette=str(journal.path),
        run=journal.run,
        options=dataclasses.replace(options, durability=durability),
        redaction=redaction,
        notes=str(noted),
    )


class _Disk:
    """Forces the file to the disk when it has grown, in a thread: a slow disk must not hold signals up."""

    def __init__(self, journal: Journal, tell: Callable[[str], None]) -> None:
        self._journal = journal
        self._tell = tell
        self._size = 0
        self._thread: threading.Thread | None = None
        self._told = False

    def force(self) -> None:
        """Begin to force what was written since the last time, unless that still goes on. Does not wait."""
        self._say_failure()
        if self._thread is not None and self._thread.is_alive():
            return
        try:
            size = self._journal.path.stat().st_size
        except FileNotFoundError:
            return  # the program removed its cassette; reading it back will tell
        if size != self._size:
            self._size = size
            self._thread = threading.Thread(target=self._journal.sync, daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Wait for what was begun."""
        if self._thread is not None:
            self._thread.join()
        self._say_failure()

    def _say_failure(self) -> None:
        # Said once: the journal tries no second time, because the kernel may have dropped what it could not write.
        if self._journal.failure is not None and not self._told:
            self._told = True
            self._tell(str(self._journal.failure))


def _read_back(outcome: Outcome, journal: Journal, start: int) -> None:
    """Read the run once, as a stream, and take its figures."""
    from cassette_tools.summary import LINE_TYPES, summarize  # noqa: PLC0415 -- not needed to start the command
    from recorder.journal.read import Reader  # noqa: PLC0415 -- the same

    processes: dict[str, int | None] = {}
    try:
        with journal.path.open("rb") as file:
            outcome.size = os.fstat(file.fileno()).st_size
            outcome.written = outcome.size - start
            file.seek(start)
            # A killed process may have left a torn line in the middle: what follows it counts nevertheless.
            reader = Reader(file, mode="skip", types=LINE_TYPES, bodies=False)
            outcome.summary = summarize(_of_run(reader, journal.run, processes))
    except KeyboardInterrupt:
        outcome.trouble.append(
            "reading the cassette back was interrupted: it has no end line, and there are no figures"
        )
    except OSError as error:
        outcome.trouble.append(f"{journal.path} cannot be read back: {error.strerror}")
    except RecorderError as error:
        outcome.trouble.append(str(error))
    else:
        # A line at the very end may be one that a process in the background is writing just now.
        damaged = sum(start + one.end < outcome.size for one in reader.damage)
        if damaged:
            places = "1 place is" if damaged == 1 else f"{damaged:,} places are"
            outcome.trouble.append(f"{places} damaged in the cassette; see: ctools inspect --mode skip {outcome.path}")
        _take_counts(outcome, outcome.summary)
        outcome.running = sum(_is_running(pid) for pid in processes.values() if pid is not None)


def _of_run(lines: Iterable[Line], run: str, processes: dict[str, int | None]) -> Iterator[Line]:
    """Leave out what another run appended meanwhile.

    `processes` gets the process id behind each token, None once the process has ended: about 200 bytes a process.
    """
    for line in lines:
        process = str(line.head.get("process"))
        if line.type in {"interaction", "diagnosis"}:
            if process in processes:
                yield line
        elif line.head.get("run") == run:
            if line.type == "process":
                processes[process] = line.head.get("pid")
            elif line.type == "end":
                processes[process] = None
            yield line


def _is_running(pid: object) -> bool:
    if os.name != "posix" or type(pid) is not int or pid <= 0:
        return False  # Windows would end the process
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _take_counts(outcome: Outcome, summary: Summary) -> None:
    outcome.interactions = summary.interactions
    outcome.errors = sum(run.failures for run in summary.runs)
    outcome.removed = summary.removed
    if outcome.redacted is not None:
        outcome.redacted = {rule: row.count for rule, row in summary.redactions.top(len(summary.redactions.rows))}
    for run in summary.runs:
        for reason, count in run.lost.items():
            outcome.lost[reason] = outcome.lost.get(reason, 0) + count


def _end(outcome: Outcome, journal: Journal, mode: Mode) -> None:
    """Write the end line and close; an overwriting run with no interaction gives way to the old cassette."""
    if mode == "overwrite" and outcome.interactions == 0 and outcome.summary is not None and outcome.path.exists():
        outcome.kept = True
        journal.discard()
        return
    if outcome.summary is not None:
        journal.end(_counts(outcome))
    try:
        journal.close()
    except RecorderError as error:
        outcome.trouble.append(str(error))


def _counts(outcome: Outcome) -> dict[str, Any]:
    """Give the counts of the whole run as its end line has them, and how the command ended."""
    ended = outcome.ended
    return {
        "seen": outcome.interactions + sum(outcome.lost.values()),
        "interactions": outcome.interactions,
        "errors": outcome.errors,
        "lost": outcome.lost,
        "bytes": outcome.written,
        **({"exit_code": ended.exit_code} if ended.signal is None else {"signal": signal_name(ended.signal)}),
    }


def signal_name(number: int) -> str:
    """Name a signal: "SIGTERM"; a real-time one that has no name is "signal 35"."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
