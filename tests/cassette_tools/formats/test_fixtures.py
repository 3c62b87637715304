"""The files that real tools wrote, kept for ever: each is known for what it is, is read, and goes through JSONL."""

from __future__ import annotations

import fnmatch
import gzip
import re
from typing import TYPE_CHECKING, Final

import pytest
import zstandard

from cassette_tools.formats import WriteOptions, all_formats, format_named
from cassette_tools.input_stream import open_input
from cassette_tools.interaction import Envelope, Interaction
from cassette_tools.losses import FACETS, Losses, describe, differences
from cassette_tools.recognition import recognize
from recorder.errors import BadCassetteError
from tests.cassette_tools.formats.sources import FIXTURES, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from cassette_tools.formats import Format
    from cassette_tools.interaction import Element

NO_CASSETTES: Final = {".md", ".py", ".mjs", ".rb", ".go", ".R", ".bin", ".sh", ".js", ".txt"}
"""Endings of what stands beside the cassettes: their makers, and bodies in files of their own."""

REFUSED: Final = {"vcr-6-by-hand-erb.yml"}
FILES: Final = [
    path
    for path in sorted(FIXTURES.glob("*/**/*"))
    if path.is_file() and path.suffix not in NO_CASSETTES and path.name not in REFUSED
]
READ: Final = [one for one in all_formats() if one.read is not None]
JSONL: Final = format_named("jsonl", reading=True)


def _named(paths: Iterable[Path]) -> list[object]:
    return [pytest.param(path, id=path.relative_to(FIXTURES).as_posix()) for path in paths]


def form_of(path: Path) -> Format:
    return format_named(path.relative_to(FIXTURES).parts[0], reading=True)


def read(form: Format, path: Path) -> list[Element]:
    assert form.read is not None
    with open_input(str(path)) as stream:
        return list(form.read(stream))


def read_bytes(form: Format, data: bytes) -> list[Element]:
    assert form.read is not None
    return list(form.read(stream_of(data)))


def interactions_of(elements: Iterable[Element]) -> list[Interaction]:
    return [element for element in elements if isinstance(element, Interaction)]


def assert_equal(
    first: Sequence[Interaction],
    second: Sequence[Interaction],
    form: Format,
    family: str | None,
    counted: Iterable[str] = (),
) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        lost = {*form.cannot_hold, *counted, *(name for name in form.adds if not FACETS[name].found(one))}
        assert differences(describe(one, family=family), describe(other, family=family), lost) == []


@pytest.mark.parametrize("path", _named(FILES))
def test_a_file_is_recognized_as_the_format_of_its_folder_and_as_no_other(path: Path) -> None:
    with open_input(str(path)) as stream:
        assert recognize(stream) is form_of(path)
        scores = {one.name: one.sniff(stream.head) for one in READ}
    own = scores.pop(form_of(path).name)
    assert 0 < own <= 100
    assert max(scores.values()) < own, scores


@pytest.mark.parametrize("path", _named(FILES))
def test_a_file_is_read_and_goes_through_jsonl_whole(path: Path) -> None:
    elements = read(form_of(path), path)
    assert elements
    assert JSONL.write is not None
    back = read_bytes(JSONL, b"".join(JSONL.write(iter(elements), WriteOptions())))
    assert_equal(interactions_of(elements), interactions_of(back), JSONL, None)
    said = [element for element in elements if isinstance(element, Envelope)]
    again = [element for element in back if isinstance(element, Envelope) and element.family != JSONL.family]
    assert [(one.family, one.values) for one in again] == [(one.family, one.values) for one in said]


@pytest.mark.parametrize("path", _named(path for path in FILES if form_of(path).write is not None))
def test_a_file_that_is_written_again_in_its_own_format_says_the_same(path: Path) -> None:
    form = form_of(path)
    assert form.write is not None
    elements = read(form, path)
    losses = Losses(form.cannot_hold, family=form.family, keeps_extra=form.keeps_extra)
    for element in interactions_of(elements):
        element.origin = form.family
        assert losses.take(element, 1)
    back = read_bytes(form, b"".join(form.write(iter(elements), WriteOptions(losses=losses))))
    assert_equal(interactions_of(elements), interactions_of(back), form, form.family, losses.counts)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize("path", _named(path for path in FILES if not path.with_suffix(".bin").exists()))
def test_a_file_is_recognized_and_read_packed(path: Path, pack: Callable[[bytes], bytes]) -> None:
    stream = stream_of(pack(path.read_bytes()))
    form = recognize(stream)
    assert form is form_of(path)
    assert form.read is not None
    assert_equal(interactions_of(read(form, path)), interactions_of(form.read(stream)), JSONL, None)


@pytest.mark.parametrize("path", _named(path for path in FIXTURES.glob("*/*") if path.name in REFUSED))
def test_a_file_that_would_be_run_is_refused(path: Path) -> None:
    with pytest.raises(BadCassetteError, match="ERB"):
        read(form_of(path), path)


@pytest.mark.parametrize("form", [pytest.param(one, id=one.name) for one in READ if one is not JSONL])
def test_each_format_that_is_read_has_files_and_a_page_that_tells_of_them(form: Format) -> None:
    folder = FIXTURES / form.name
    page = (folder / "README.md").read_text(encoding="utf-8")
    files = [path for path in FILES if path.is_relative_to(folder)]
    assert files
    told = re.findall(r"[\w.*?-]+", page)  # names, or patterns of names
    beside = [*files, *folder.glob("make_*")]
    assert [path.name for path in beside if not any(fnmatch.fnmatch(path.name, name) for name in told)] == []


def test_there_is_no_folder_of_a_format_that_is_not_known() -> None:
    assert {path.name for path in FIXTURES.iterdir() if path.is_dir()} <= {one.name for one in all_formats()}


def test_files_are_small() -> None:
    assert [path.name for path in FILES if path.stat().st_size > 400_000] == []
