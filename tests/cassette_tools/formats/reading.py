"""Formats read from bytes and files, and written to bytes, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cassette_tools.formats import WriteOptions
from cassette_tools.interaction import Interaction
from tests.cassette_tools.formats.sources import stream_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cassette_tools.formats import Format
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element
    from cassette_tools.losses import Losses

__all__ = ["elements", "only_interactions", "refusal", "remarks", "written"]


def _stream(source: bytes | Path) -> InputStream:
    return stream_of(source.read_bytes() if isinstance(source, Path) else source, "a.file")


def elements(form: Format, source: bytes | Path) -> list[Element]:
    assert form.read is not None
    return list(form.read(_stream(source)))


def only_interactions(form: Format, source: bytes | Path) -> list[Interaction]:
    return [one for one in elements(form, source) if isinstance(one, Interaction)]


def remarks(form: Format, source: bytes | Path) -> dict[str, int]:
    """Give the remarks of reading, and how often each was made."""
    stream = _stream(source)
    assert form.read is not None
    for _ in form.read(stream):
        pass
    return {remark.text: remark.count for remark in stream.remarks.values()}


def written(form: Format, given: Iterable[Element], losses: Losses | None = None) -> bytes:
    assert form.write is not None
    return b"".join(form.write(given, WriteOptions(losses=losses)))


def refusal(form: Format, source: bytes, kind: type[Exception]) -> str:
    """Give the message of the error that reading raises."""
    with pytest.raises(kind) as caught:
        elements(form, source)
    return str(caught.value)
