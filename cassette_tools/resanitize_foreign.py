"""Redacts cassettes of other tools: as one of ours, and back.

Law: an interaction in which nothing was found is written as it was read; one in which something was found is written by
its format's writer. A cassette in which nothing was found stays as it is, byte for byte. What is unredacted on the way
is in files without names. Only formats that are read and written can be redacted.

Memory: that of the conversion and of the redaction.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from cassette_tools.blocks import survey
from cassette_tools.draft import BUFFER, Draft
from cassette_tools.formats import WriteOptions
from cassette_tools.formats.cassette_jsonl import FORMAT as OURS
from cassette_tools.input_stream import InputStream
from cassette_tools.interaction import Interaction
from cassette_tools.packing import packed
from cassette_tools.recognition import recognize
from cassette_tools.resanitize import (
    backup_of,
    check_stream,
    keep_old,
    redact_cassette,
    refuse_changed,
    replaced_by,
)
from recorder.errors import UsageError
from recorder.journal.lines import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassette_tools.findings import Findings
    from cassette_tools.formats import Format
    from cassette_tools.interaction import Element
    from cassette_tools.resanitize import Outcome
    from cassette_tools.workers import Team

__all__ = ["check_foreign", "is_foreign", "redact_foreign", "redact_foreign_in_place", "redact_foreign_to_stream"]

_WORK: Final = "resanitized"


def is_foreign(file: BinaryIO) -> bool:
    """Tell whether a seekable file is another tool's cassette, and not one of ours (nor nothing at all)."""
    head = os.pread(file.fileno(), len(MARK), 0)
    return bool(head) and not MARK.startswith(head.lstrip(b"\0")[: len(MARK)])


def check_foreign(
    source: BinaryIO, name: str, team: Team, findings: Findings, on_progress: Callable[[float], None] | None = None
) -> Outcome:
    """Tell what would be redacted in a seekable file. Raises what reading raises, and UsageError."""
    with _as_ours(source, name) as (_, _, ours):
        return check_stream(_opened(ours), name, team, findings, on_progress=on_progress)


def redact_foreign(
    source: BinaryIO,
    name: str,
    target: Path,
    team: Team,
    findings: Findings,
    *,
    force: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Write a redacted copy of a seekable file to `target`, in the same format.

    Raises what `cassette_tools.resanitize.redact_file` raises.
    """
    replaces = replaced_by(target, source, force=force)
    target = target.resolve() if target.is_symlink() else target
    with Draft(target) as draft:
        outcome = _redact(source, name, draft, team, findings, on_progress)
        draft.publish(replaces=replaces, force=force)
    return outcome


def redact_foreign_in_place(
    path: str,
    source: BinaryIO,
    team: Team,
    findings: Findings,
    *,
    backup: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Replace a cassette by its redacted self, if anything is found in it. A symbolic link is followed.

    Raises what `cassette_tools.resanitize.redact_in_place` raises.
    """
    target = Path(os.path.realpath(path))
    before = os.fstat(source.fileno())
    kept = backup_of(target) if backup else None
    with Draft(target) as draft:
        outcome = _redact(source, path, draft, team, findings, on_progress)
        if not outcome.found:
            return outcome
        refuse_changed(path, target, source, before)
        if kept is not None:
            keep_old(target, kept)
        draft.publish(replaces=before, force=True)
    return replace(outcome, other_names=before.st_nlink - 1)


def redact_foreign_to_stream(
    source: BinaryIO,
    name: str,
    target: BinaryIO,
    team: Team,
    findings: Findings,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Write the redacted form of a seekable file to a stream, after all of it is proved."""
    with Draft(Path(tempfile.gettempdir()) / _WORK) as draft:
        outcome = _redact(source, name, draft, team, findings, on_progress)
        size, descriptor = draft.size, draft.fileno()
        target.writelines(os.pread(descriptor, min(BUFFER, size - at), at) for at in range(0, size, BUFFER))
        target.flush()
    return outcome


def _redact(
    source: BinaryIO,
    name: str,
    draft: Draft,
    team: Team,
    findings: Findings,
    on_progress: Callable[[float], None] | None,
) -> Outcome:
    """Put the redacted form of `source` into `draft`."""
    with _as_ours(source, name) as (chosen, packing, ours):
        file = _opened(ours)
        seen = survey(file, name)
        clean, outcome = redact_cassette(file, seen, Path(tempfile.gettempdir()) / _WORK, team, findings, on_progress)
        size = os.fstat(source.fileno()).st_size
        if clean is None or not outcome.found:
            if clean is not None:
                clean.close()
            draft.copy(source.fileno(), 0, size)
            return replace(outcome, size=size, new_size=size, changed=False)
        with clean, _stream(source, name) as before, _stream(_opened(clean), name) as after:
            write = chosen.write
            read = chosen.read
            if write is None or read is None or OURS.read is None:
                raise _only_read(name, chosen)
            elements = _merged(read(before), OURS.read(after), chosen.family)
            for piece in packed(write(elements, WriteOptions()), packing):
                draft.write(piece)
        return replace(outcome, size=size, new_size=draft.size)


def _merged(before: Iterator[Element], after: Iterator[Element], family: str) -> Iterator[Element]:
    """Give each interaction as it was where nothing was found in it, else as it is now."""
    originals = (element for element in before if isinstance(element, Interaction))
    for element in after:
        if not isinstance(element, Interaction):
            if element.family == family:
                yield element
            continue
        original = next(originals)
        chosen = element if element.redacted else original
        chosen.origin = element.origin or family
        yield chosen


@contextmanager
def _as_ours(source: BinaryIO, name: str) -> Iterator[tuple[Format, str | None, Draft]]:
    """Give the format of a file, how it is packed, and its content as a cassette of ours, in a file without a name."""
    with _stream(source, name) as stream, Draft(Path(tempfile.gettempdir()) / _WORK) as ours:
        chosen = recognize(stream)
        if chosen.read is None or chosen.write is None or OURS.write is None:
            raise _only_read(name, chosen)
        elements = chosen.read(stream)
        for piece in OURS.write(elements if chosen is OURS else _from(elements, chosen.family), WriteOptions()):
            ours.write(piece)
        yield chosen, stream.packing, ours


def _from(elements: Iterator[Element], family: str) -> Iterator[Element]:
    for element in elements:
        if isinstance(element, Interaction):
            element.origin = family
        yield element


def _only_read(name: str, chosen: Format) -> UsageError:
    return UsageError(
        f"{name}: {chosen.title} is read, and not written, so it cannot be redacted in its own format. Convert it "
        "first: ctools convert FILE --to jsonl"
    )


def _opened(draft: Draft) -> BinaryIO:
    """Open what a draft holds, for reading from its beginning. Closed by whoever collects it; the draft stays open."""
    file = os.fdopen(os.dup(draft.fileno()), "rb", buffering=0)
    file.seek(0)
    return file


def _stream(source: BinaryIO, name: str) -> InputStream:
    file = os.fdopen(os.dup(source.fileno()), "rb", buffering=0)
    file.seek(0)
    return InputStream(file, name, path=None, size=os.fstat(source.fileno()).st_size)
