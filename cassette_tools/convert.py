"""Converts cassettes: from any format that is read into any that is written, counting what is lost on the way.

Law: one interaction at a time goes through, whatever the size of the cassette. Nothing is lost in silence: what the
target cannot hold is counted by facet. The result appears whole or not at all. Nothing is printed here.

Memory: what one reader and one writer hold (`Format.holds`), and the buffers of a Draft.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from cassette_tools.draft import BUFFER, Draft
from cassette_tools.formats import WriteOptions, format_named
from cassette_tools.input_stream import InputStream, open_input
from cassette_tools.interaction import Envelope, Interaction
from cassette_tools.losses import FACETS, Losses, describe, differences
from cassette_tools.packing import gathered, packed
from cassette_tools.recognition import recognize
from recorder.errors import BadCassetteError, CassetteReadError, ConversionError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cassette_tools.formats import Format
    from cassette_tools.input_stream import Remark
    from cassette_tools.interaction import Element
    from recorder.journal.read import Mode

__all__ = [
    "Conversion",
    "Given",
    "Outcome",
    "Refusal",
    "convert_file",
    "convert_folder",
    "convert_stream",
    "elements_of",
]


@dataclass(frozen=True, slots=True)
class Given:
    """How inputs are read: `format` as --from names it, or None; `mode` of damage in JSONL; `wanted` by --only."""

    format: str | None = None
    mode: Mode = "tail"
    wanted: Callable[[Interaction, int], bool] | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """What is asked for: the target's format, and how to get there."""

    target: Format
    given: Given = field(default_factory=Given)
    packing: str | None = None
    style: str = "exact"
    strict: bool = False
    verify: bool = False


@dataclass(slots=True)
class Source:
    """One input of a conversion: its name, its format, how many interactions were read, and what is doubtful."""

    name: str
    format: Format
    read: int = 0
    remarks: tuple[Remark, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What became of a conversion. `size` are the bytes written; `published` is false where --strict refused."""

    target: Format
    name: str
    losses: Losses
    sources: list[Source] = field(default_factory=list)
    written: int = 0
    passed_over: int = 0
    size: int = 0
    published: bool = True
    verified: bool = False

    @property
    def loses(self) -> bool:
        """Tell whether something is lost."""
        unread = any(remark.lost for source in self.sources for remark in source.remarks)
        return unread or bool(self.losses.counts or self.losses.envelopes)


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """--strict was asked for, and something would be lost. `outcome` tells what."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("something would be lost")
        self.outcome = outcome


def convert_file(
    inputs: Sequence[str],
    target: Path,
    asked: Conversion,
    *,
    force: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Write what is in `inputs`, one behind the other, to the file `target`; it is replaced only with `force`.

    Raises what reading raises, OutputError, UsageError, ConversionError; Refusal where `asked.strict` and something
    would be lost. Nothing is written then.
    """
    replaces = _replaced(target, inputs, force=force)
    target = target.resolve() if target.is_symlink() else target
    work = _Work(inputs, asked, str(target), on_progress)
    with Draft(target) as draft:
        for piece in gathered(packed(work.pieces(), asked.packing), BUFFER):
            draft.write(piece)
        outcome = work.finish(draft.size)
        if asked.verify:
            _verify(draft, work)
        if replaces is None:
            os.fchmod(draft.fileno(), _mode_of(inputs))
        draft.publish(replaces=replaces, force=force)
    return outcome


def convert_stream(
    inputs: Sequence[str],
    target: BinaryIO,
    asked: Conversion,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Write what is in `inputs` to a stream: as it comes, or with strict or verify after all of it is known.

    Raises what `convert_file` raises, and what writing to `target` raises.
    """
    if asked.target.write is None:
        raise UsageError(f"{asked.target.title} is written as a folder of files. Name a folder with -o.")
    work = _Work(inputs, asked, "<stdout>", on_progress)
    pieces = gathered(packed(work.pieces(), asked.packing), BUFFER)
    if not (asked.strict or asked.verify):
        size = 0
        for piece in pieces:
            size += len(piece)
            target.write(piece)
        target.flush()
        return work.finish(size)
    with Draft(Path(tempfile.gettempdir()) / "converted") as draft:
        for piece in pieces:
            draft.write(piece)
        outcome = work.finish(draft.size)
        if asked.verify:
            _verify(draft, work)
        size, descriptor = draft.size, draft.fileno()
        target.writelines(os.pread(descriptor, min(BUFFER, size - at), at) for at in range(0, size, BUFFER))
        target.flush()
    return outcome


def convert_folder(
    inputs: Sequence[str],
    target: Path,
    asked: Conversion,
    *,
    force: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Write what is in `inputs` as a folder of files (WireMock). An existing folder is replaced only with `force`.

    Raises what `convert_file` raises.
    """
    if asked.target.write_folder is None:
        raise UsageError(f"{asked.target.title} is one file. Name a file with -o.")
    if asked.verify:
        raise UsageError(f"--verify reads the output back, and {asked.target.title} is only written. Leave it away.")
    if os.path.lexists(target) and not (force and target.is_dir() and not target.is_symlink()):
        raise UsageError(f"{target} exists already. Choose another folder, or replace it with --force.")
    work = _Work(inputs, asked, str(target), on_progress)
    with _folder_beside(target) as beside:
        size = 0
        for name, content in asked.target.write_folder(work.elements(), work.options):
            size += len(content)
            _write_into(beside, name, content)
        outcome = work.finish(size)
        _open_up(beside, _mode_of(inputs))
        _put_in_place(beside, target)
    return outcome


def elements_of(stream: InputStream, given: Given) -> tuple[Format, Iterator[Element]]:
    """Tell the format of an open input, and begin to read it. Raises NotACassetteError, UsageError."""
    stream.mode = given.mode
    chosen = recognize(stream) if given.format is None else format_named(given.format, reading=True)
    if chosen.read is None:
        raise UsageError(f"{chosen.title} is written, not read.")
    return chosen, chosen.read(stream)


class _Work:
    """One conversion under way: what goes through is counted here."""

    def __init__(
        self, inputs: Sequence[str], asked: Conversion, name: str, on_progress: Callable[[int], None] | None
    ) -> None:
        target = asked.target
        self.inputs = inputs
        self.asked = asked
        losses = Losses(target.cannot_hold, family=target.family, keeps_extra=target.keeps_extra)
        self.outcome = Outcome(target, name, losses)
        self.options = WriteOptions(style=asked.style, losses=losses)
        self._on_progress = on_progress
        self._done = 0
        self._last: Element | None = None

    def pieces(self) -> Iterator[bytes]:
        """Give the bytes of the result."""
        write = self.asked.target.write
        if write is None:
            raise UsageError(f"{self.asked.target.title} is written as a folder of files. Name a folder with -o.")
        return self._told(write(self.elements(), self.options))

    def elements(self) -> Iterator[Element]:
        """Give what is wanted of the inputs and can be written; count the rest."""
        for path in self.inputs:
            yield from self._of(path)

    def _told(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Give what a writer gives. Where it stumbles over what stands in `extra`, somebody else put it there."""
        family = self.asked.target.family
        try:
            yield from pieces
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            said = self._last
            if said is None or not (said.family == family if isinstance(said, Envelope) else family in said.extra):
                raise
            place = f"{self.outcome.sources[-1].name}, interaction {max(1, self.outcome.sources[-1].read)}"
            raise BadCassetteError(
                f"{place}: what stands under `{family}`, as words of {self.asked.target.title}, is not what a "
                "conversion writes. Take it out of the cassette, or convert the original again."
            ) from error

    def finish(self, size: int) -> Outcome:
        """Sum up. Raises Refusal."""
        self.outcome.size = size
        if self.asked.strict and self.outcome.loses:
            self.outcome.published = False
            raise Refusal(self.outcome)
        return self.outcome

    def _of(self, path: str) -> Iterator[Element]:
        outcome, losses, wanted = self.outcome, self.outcome.losses, self.asked.given.wanted
        family, keeps = self.asked.target.family, self.asked.target.keeps_extra
        with open_input(path) as stream:
            stream.on_progress = self._progress
            chosen, elements = elements_of(stream, self.asked.given)
            source = Source(stream.name, chosen)
            outcome.sources.append(source)
            foreign = not chosen.keeps_extra
            for element in elements:
                self._last = element
                if not isinstance(element, Interaction):
                    if element.family == family or keeps:
                        yield element
                    elif not element.made:
                        losses.envelopes += 1
                    continue
                source.read += 1
                if element.origin is None and foreign:
                    element.origin = chosen.family
                if wanted is not None and not wanted(element, source.read):
                    outcome.passed_over += 1
                elif losses.take(element, source.read, same=chosen is self.asked.target):
                    outcome.written += 1
                    yield element
            source.remarks = tuple(stream.remarks.values())
            self._done += stream.taken

    def _progress(self, taken: int) -> None:
        if self._on_progress is not None:
            self._on_progress(self._done + taken)


# -- comparing


def _verify(draft: Draft, work: _Work) -> None:
    """Read the result back, beside the inputs once more. Raises ConversionError, UsageError."""
    asked, outcome = work.asked, work.outcome
    target = asked.target
    if target.read is None:
        raise UsageError(f"--verify reads the output back, and {target.title} is only written. Leave it away.")
    if "-" in work.inputs:
        raise UsageError("--verify reads the inputs twice, and the standard input comes once. Give a file.")
    family = None if target.keeps_extra else target.family
    lost = target.cannot_hold | outcome.losses.counts.keys()
    again = _Work(work.inputs, asked, outcome.name, None)
    with InputStream(_copy_of(draft), outcome.name, path=None, size=None) as stream:
        try:
            back = (one for one in target.read(stream) if isinstance(one, Interaction))
            first = (one for one in again.elements() if isinstance(one, Interaction))
            for number, (one, other) in enumerate(itertools.zip_longest(first, back), 1):
                if one is None or other is None:
                    raise _unequal(outcome, number, "it is missing on one side")
                added = {name for name in target.adds if not FACETS[name].found(one)}
                fields = differences(describe(one, family=family), describe(other, family=family), lost | added)
                if fields:
                    raise _unequal(outcome, number, f"other than read: {', '.join(fields)}")
        except BadCassetteError as error:
            raise ConversionError(
                f"What was written does not read back: {error} Nothing was kept. Please report this."
            ) from error
    outcome.verified = True


def _unequal(outcome: Outcome, number: int, what: str) -> ConversionError:
    return ConversionError(
        f"{outcome.name}: interaction {number} does not read back as it was: {what}. Nothing was kept. Please report "
        "this, without the cassette; leave --verify away to convert nevertheless."
    )


def _copy_of(draft: Draft) -> io.RawIOBase:
    descriptor = os.dup(draft.fileno())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return io.FileIO(descriptor, "rb")


# -- where it goes


def _replaced(target: Path, inputs: Sequence[str], *, force: bool) -> os.stat_result | None:
    """Look at what is at the target. Raises UsageError where it may not be replaced."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{target} cannot be looked at: {error.strerror}. Choose another path.") from error
    except ValueError as error:  # a NUL character in the path
        raise UsageError(f"{str(target)!r}: no file can have this name. Choose another one.") from error
    if target.is_dir():
        raise UsageError(f"{target} is a folder; name a file in it.")
    for path in inputs:
        if path != "-" and os.path.exists(path) and target.samefile(path):  # noqa: PTH110 - raises nothing
            raise UsageError(f"{target} is read and written at once. Name another file with -o.")
    if not target.is_file():
        raise UsageError(f"{target} is a device, a pipe or a socket. Give a file, or - for the standard output.")
    if not force:
        raise UsageError(f"{target} exists already. Choose another path with -o, or replace it with --force.")
    return found


def _mode_of(inputs: Sequence[str]) -> int:
    """Give the permissions for what says the same as the files `inputs`: those that all of them grant."""
    mode = 0o666
    for path in inputs:
        mode &= 0o600 if path == "-" else stat.S_IMODE(_status(path).st_mode)
    return mode


def _status(path: str) -> os.stat_result:
    try:
        return Path(path).stat()
    except OSError as error:
        reason = error.strerror or "an I/O error"
        raise CassetteReadError(f"{path}: went away while it was read: {reason}. Try again.") from error


@contextlib.contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    try:
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent))
    except OSError as error:
        raise OutputError(f"{target} cannot be made: {error.strerror}. Choose another folder.") from error
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_into(folder: Path, name: str, content: bytes) -> None:
    path = Path(os.path.normpath(folder / name))
    if not path.is_relative_to(folder) or path == folder:
        raise OutputError(f"A file would leave {folder}. Please report this.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}. Free some space.") from error


def _open_up(folder: Path, mode: int) -> None:
    """Give the files below a folder a mode, and the folders a fitting one: who may read may enter."""
    for place, _, names in os.walk(folder):
        for name in names:
            Path(place, name).chmod(mode)
        Path(place).chmod(0o700 | mode | (mode & 0o444) >> 2)


_OLD: Final = ".replaced"


def _put_in_place(beside: Path, target: Path) -> None:
    """Rename a finished folder; one that is there goes when the new one is in its place."""
    old = beside.with_name(beside.name + _OLD)
    try:
        if target.exists():
            target.rename(old)
        beside.rename(target)
    except OSError as error:
        if old.exists() and not target.exists():
            old.rename(target)
        raise OutputError(f"{target} cannot be written: {error.strerror}. Choose another folder.") from error
    shutil.rmtree(old, ignore_errors=True)
