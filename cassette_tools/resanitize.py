"""Redacts a cassette that exists.

Law: the result appears whole, or not at all, and what is not proved never appears: nothing has a name before the last
pass is through. The first pass redacts what is known and learns; each later one goes over the result again with all
that was learned, and over what changed, until nothing changes any more. What nothing is found in keeps its bytes; a
file in which nothing is found is left alone. Prints nothing. Memory: see `redaction` and `workers`.

Where another format is to be redacted, it plugs in at `redact_cassette`: something that can be cut into blocks which
are redacted apart.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from cassette_tools.blocks import survey
from cassette_tools.draft import Draft, Splice, nameless
from cassette_tools.writers import writer_of
from recorder.errors import (
    CassetteNotFoundError,
    CassetteReadError,
    NotACassetteError,
    OutputError,
    RecordingStateError,
    RedactionError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cassette_tools.blocks import Block, Survey
    from cassette_tools.findings import Findings
    from cassette_tools.workers import Step, Team
    from recorder.journal.read import Damage

__all__ = [
    "Outcome",
    "backup_of",
    "check_file",
    "check_stream",
    "keep_old",
    "open_file",
    "redact_file",
    "redact_in_place",
    "redact_opened",
    "redact_stream",
    "refuse_changed",
    "replaced_by",
    "spooled",
]

MOST_PASSES: Final = 6
"""Two are the rule. A cassette that still changes after so many is not written."""

_COPY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. Sizes are bytes; `found` counts what was redacted, `rules` by rule.

    `removed` counts the leaves and bodies that had to go as a whole, because verification found something left in them.
    `left_out` are the torn bytes that are not in the result. `other_names` are hard links to a file that was replaced:
    they still hold what was redacted.
    """

    name: str
    size: int
    new_size: int
    interactions: int
    found: int
    rules: Mapping[str, int]
    removed: int
    left_out: tuple[Damage, ...]
    changed: bool
    other_names: int = 0


def redact_file(
    source: str,
    target: Path,
    team: Team,
    findings: Findings,
    *,
    force: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Write a redacted copy of the cassette `source` to `target`, which is replaced only with `force`.

    `on_progress` is told which part of the work is done, from 0 to 1. Raises NotACassetteError, CassetteNewerError,
    CassetteDamagedError, CassetteNotFoundError, CassetteReadError, OutputError, UsageError, WorkerLostError,
    RedactionError; nothing is written then.
    """
    with open_file(source) as file:
        return redact_opened(file, source, target, team, findings, force=force, on_progress=on_progress)


def redact_opened(
    source: BinaryIO,
    name: str,
    target: Path,
    team: Team,
    findings: Findings,
    *,
    force: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Do what `redact_file` does with a seekable file that is open."""
    replaces = replaced_by(target, source, force=force)
    target = target.resolve() if target.is_symlink() else target
    seen = survey(source, name)
    draft, outcome = redact_cassette(source, seen, target, team, findings, on_progress)
    with draft or Draft(target) as result:
        if draft is None:
            result.copy(source.fileno(), 0, seen.size)
        result.publish(replaces=replaces, force=force)
    return outcome


def redact_in_place(
    source: str,
    team: Team,
    findings: Findings,
    *,
    backup: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Replace a cassette by its redacted self, if anything is found in it. A symbolic link is followed.

    Permissions stay. With `backup` the old file is kept as FILE.bak. Raises what `redact_file` raises, and
    RecordingStateError where the cassette is still being recorded.
    """
    target = Path(os.path.realpath(source))
    with open_file(source) as file:
        before = os.fstat(file.fileno())
        kept = backup_of(target) if backup else None
        seen = survey(file, source)
        _refuse_recording(source, before, seen)
        draft, outcome = redact_cassette(file, seen, target, team, findings, on_progress)
        if draft is None:
            return outcome
        with draft:
            refuse_changed(source, target, file, before)
            if kept is not None:
                keep_old(target, kept)
            draft.publish(replaces=before, force=True)
        return replace(outcome, other_names=before.st_nlink - 1)


def redact_stream(
    source: BinaryIO,
    name: str,
    target: BinaryIO,
    team: Team,
    findings: Findings,
    *,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Write the redacted form of the seekable file `source` to a stream, after all of it is proved.

    Raises what `redact_file` raises, and what writing to `target` raises.
    """
    seen = survey(source, name)
    draft, outcome = redact_cassette(
        source, seen, Path(tempfile.gettempdir()) / "resanitized", team, findings, on_progress
    )
    with draft or Draft(Path(tempfile.gettempdir()) / "resanitized") as result:
        if draft is None:
            result.copy(source.fileno(), 0, seen.size)
        for offset in range(0, result.size, _COPY):
            size = min(_COPY, result.size - offset)
            target.write(os.pread(result.fileno(), size, offset))
        target.flush()
    return outcome


def check_file(
    source: str, team: Team, findings: Findings, *, on_progress: Callable[[float], None] | None = None
) -> Outcome:
    """Tell what would be redacted, and change nothing. Raises what reading raises, and WorkerLostError."""
    with open_file(source) as file:
        return check_stream(file, source, team, findings, on_progress=on_progress)


def check_stream(
    source: BinaryIO,
    name: str,
    team: Team,
    findings: Findings,
    *,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Do what `check_file` does with a seekable file that is open."""
    seen = survey(source, name)
    for turn in range(MOST_PASSES):
        findings.begin(name)
        told = _Progress(on_progress, seen.size, turn)
        for step in team.redact(source.fileno(), seen.blocks, name=name, folder=None, writing=False):
            _take_findings(step, findings)
            told.add(step.size)
        if not team.share() or turn == MOST_PASSES - 1:
            break
        findings.forget()  # the next pass knows more
    return _outcome(seen, findings, seen.size, changed=False)


def redact_cassette(
    source: BinaryIO,
    seen: Survey,
    target: Path,
    team: Team,
    findings: Findings,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[Draft | None, Outcome]:
    """Redact an open cassette into a draft beside `target`. None: it stays as it is, byte for byte."""
    draft: Draft | None = None
    blocks: Sequence[Block] = seen.blocks
    todo = [True] * len(blocks)
    size = seen.size
    with ExitStack() as drafts:
        for turn in range(MOST_PASSES):
            findings.begin(seen.name)
            descriptor = source.fileno() if draft is None else draft.fileno()
            wanted = [block for block, asked in zip(blocks, todo, strict=True) if asked]
            made = _Pass(descriptor, size, target)
            drafts.callback(made.drop)
            steps = team.redact(descriptor, wanted, name=seen.name, folder=target.parent, writing=True)
            made.run(blocks, todo, steps, findings, _Progress(on_progress, size, turn))
            if made.draft is not None:
                if draft is not None:
                    draft.close()
                draft, blocks, size = made.draft, made.blocks, made.draft.size
            todo = [True] * len(blocks) if team.share() else made.changed
            if not any(todo):
                drafts.pop_all()
                return draft, _outcome(seen, findings, size, changed=draft is not None)
    raise RedactionError(
        f"{seen.name}: after {MOST_PASSES} passes there is still something to redact. Nothing was written. Please "
        "report this, with the policy and without the cassette."
    )


class _Pass:
    """One pass: what it made of the source, and which blocks it changed."""

    def __init__(self, descriptor: int, size: int, target: Path) -> None:
        self.blocks: list[Block] = []
        self.changed: list[bool] = []
        self.draft: Draft | None = None
        self._size = size
        self._target = target
        self._splice = Splice(descriptor, self._begin)

    def run(
        self,
        blocks: Sequence[Block],
        todo: Sequence[bool],
        steps: Iterator[Step],
        findings: Findings,
        told: _Progress,
    ) -> None:
        """Put the steps together, and what was not gone over between them."""
        splice = self._splice
        at = 0
        for block, wanted in zip(blocks, todo, strict=True):
            if block.offset > at:
                splice.put(block.offset - at, b"")  # damage
            at = block.offset + block.size
            start, changed, left = splice.size, False, block.size
            if not wanted:
                splice.keep(block.size)
            while wanted and left:
                step = next(steps)
                left -= step.size
                changed = changed or step.changes
                _take(splice, step)
                _take_findings(step, findings)
                told.add(step.size)
            self.blocks.append(replace(block, offset=start, size=splice.size - start, holes=(), again=True))
            self.changed.append(changed)
        if at < self._size:
            splice.put(self._size - at, b"")
        for _ in steps:
            raise RedactionError("there are more results than there was work. Please report this.")
        splice.finish()

    def drop(self) -> None:
        """Remove what was begun."""
        if self.draft is not None:
            self.draft.close()

    def _begin(self) -> Draft:
        self.draft = Draft(self._target)
        return self.draft


class _Progress:
    """Tells which part of the work is done. How many passes there will be is not known: two are supposed."""

    def __init__(self, tell: Callable[[float], None] | None, size: int, turn: int) -> None:
        self._tell = tell
        self._size = max(1, size)
        self._turn = turn
        self._done = 0

    def add(self, size: int) -> None:
        self._done += size
        if self._tell is not None:
            self._tell(min(1.0, (self._turn + self._done / self._size) / 2))


def open_file(path: str) -> BinaryIO:
    """Open a cassette. Raises CassetteNotFoundError, CassetteReadError, NotACassetteError, UsageError."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode) and not Path(path).is_dir():
            raise UsageError(
                f"{path} is a pipe or a device, and is read more than once. Use: ctools resanitize - < {path}"
            )
        return io.FileIO(path, "rb")
    except IsADirectoryError as error:
        raise NotACassetteError(f"{path}: not a cassette: it is a directory. Give a file in it.") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CassetteNotFoundError(f"{path}: there is no such file. Check the path.") from error
    except OSError as error:
        reason = error.strerror or "an I/O error"
        raise CassetteReadError(f"{path}: cannot be opened: {reason}. Check its permissions.") from error
    except ValueError as error:  # a NUL character in the path
        raise CassetteNotFoundError(f"{path!r}: no file can have this name. Check the path.") from error


def spooled(stream: BinaryIO) -> BinaryIO:
    """Copy a stream, which can be read once only, into a file without a name. Raises CassetteReadError, OutputError."""
    file = open(nameless(None), "w+b", buffering=0)  # noqa: SIM115, PTH123 - a descriptor, for the caller
    try:
        shutil.copyfileobj(stream, file, _COPY)
    except OSError as error:
        file.close()
        reason = error.strerror or "an I/O error"
        raise CassetteReadError(
            f"The standard input could not be kept in {tempfile.gettempdir()}: {reason}. Free some space or set TMPDIR."
        ) from error
    return file


# -- steps


def _take(splice: Splice, step: Step) -> None:
    if step.stored is not None:
        splice.put_from(step.size, *step.stored)
    elif step.data is not None:
        splice.put(step.size, step.data)
    else:
        splice.keep(step.size)


def _take_findings(step: Step, findings: Findings) -> None:
    for found in step.found:
        findings.add(found.line, found.interaction, found.id, found.findings)


def _outcome(seen: Survey, findings: Findings, size: int, *, changed: bool) -> Outcome:
    rules: dict[str, int] = {}
    removed = 0
    for (rule, kind), count in findings.rules(seen.name).items():
        rules[rule] = rules.get(rule, 0) + count
        removed += count if (rule, kind) == ("verify", "removed") else 0
    return Outcome(
        name=seen.name,
        size=seen.size,
        new_size=size,
        interactions=seen.interactions,
        found=sum(rules.values()),
        rules=rules,
        removed=removed,
        left_out=seen.left_out,
        changed=changed,
    )


# -- what is replaced


def replaced_by(target: Path, source: BinaryIO, *, force: bool) -> os.stat_result | None:
    """Look at what is at the target. Raises UsageError where it may not be replaced."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{target} cannot be looked at: {error.strerror}. Choose another path.") from error
    opened = os.fstat(source.fileno())
    if (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino):
        raise UsageError(f"{target} is the cassette itself. To replace it use --in-place.")
    if stat.S_ISDIR(found.st_mode):
        raise UsageError(f"{target} is a folder; name a file in it.")
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{target} is a device, a pipe or a socket. Give a file, or - for the standard output.")
    if not force:
        raise UsageError(f"{target} exists already. Choose another path, or replace it with --force.")
    return found


def _refuse_recording(source: str, file: os.stat_result, seen: Survey) -> None:
    pid = writer_of(file, seen.processes)
    if pid is not None:
        raise RecordingStateError(
            f"{source} is still being recorded, by process {pid}. Wait until that ends, or write a copy with -o."
        )


def refuse_changed(source: str, target: Path, file: BinaryIO, before: os.stat_result) -> None:
    """Refuse to replace what is not what was read."""
    now = os.fstat(file.fileno())
    try:
        there = target.stat()
    except OSError:
        there = None
    same = there is not None and (there.st_dev, there.st_ino) == (before.st_dev, before.st_ino)
    if not same or (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise RecordingStateError(
            f"{source} was changed while it was redacted, and was left alone. Wait until nothing writes to it, or "
            "write a copy with -o."
        )


def backup_of(target: Path) -> Path:
    """Give the name for what --in-place replaces. Raises UsageError where there is such a file already."""
    kept = target.with_name(target.name + ".bak")
    if os.path.lexists(kept):
        raise UsageError(f"{kept} exists already. Delete or rename it; it may hold what was redacted before.")
    return kept


def keep_old(target: Path, kept: Path) -> None:
    """Give the old file a second name; where there are no hard links, copy it."""
    try:
        try:
            os.link(target, kept)
        except PermissionError:
            shutil.copy2(target, kept)
    except OSError as error:
        raise OutputError(
            f"{kept} cannot be written: {error.strerror}. Leave --backup away, or free some space."
        ) from error
