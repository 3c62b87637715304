"""Writes `docs/formats.md` from the registry of formats: `python -m cassette_tools.formats_page > docs/formats.md`.

Law: what the page says of a format is what the format declares; a test compares it with the file.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from cassette_tools.formats import all_formats
from cassette_tools.losses import FACETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassette_tools.formats import Format

__all__ = ["page"]

_OPENING: Final = """\
# Formats

This page is generated from the registry of formats: `python -m cassette_tools.formats_page > docs/formats.md`.

`ctools convert` reads and writes cassettes of many tools. The format of an input is recognized by its content; `--from`
says it where that is not enough. The format of the output is told by the name at `-o`, or by `--to`. Each file may be
packed with gzip or zstd: on reading that is seen, on writing it is asked for by a name that ends in `.gz` or `.zst`.

```console
$ ctools convert cassette.jsonl                              # cassette.yaml, for vcrpy and pytest-recording
$ ctools convert cassette.jsonl -o session.har               # the name tells the format
$ ctools convert old.yaml -o old.jsonl --verify              # reads the output back and compares
$ ctools convert one.yaml two.har -o both.jsonl.zst          # one behind the other, packed
$ ctools convert tests/cassettes --to jsonl -o converted/    # a folder into a folder
$ ctools convert cassette.jsonl -o errors.har --only '~c 500'  # a filter: see filters.md
```
"""

_LOSSES: Final = """\
## What is lost

A cassette of this toolkit holds all that any of these formats says; what it has no key for goes along under `extra` and
in `envelope` lines ([format.md](format.md)), and is there again when the cassette is converted back. Other formats hold
less. A conversion counts what it drops and says so on stderr; `--json` gives the list, `--strict` writes nothing where
something would be lost, `--verify` reads the output back and compares it with the input.

A dot says that the format has no place for it. Formats that are only read are here, too: a cassette of theirs never
says these things.
"""

_BEYOND: Final = """\
Two things are lost with every format but cassette JSONL: what a cassette says of its recording itself (who recorded,
when, under which redaction), unless the target is of the same family; and keys of other tools.

A body that was stored compressed is unpacked in a cassette of this toolkit. Where a format needs it compressed, it is
compressed anew: the content is the same, the compressed bytes may differ.

## The output

It appears whole or not at all, with the permissions of the input, and replaces nothing unless `--force` says so. A
conversion that is killed leaves nothing behind; only a folder (WireMock) may leave a hidden beginning, `.NAME.*.part`.
Nothing is redacted on the way: see `ctools resanitize`. [convert-json.md](convert-json.md) describes `--json`.

## Bodies and memory

Items go through one at a time, whatever the size of the file. What is held at once is told above: a *line* (and of a
long body a piece of 256 KiB), an *item* (an interaction with its bodies), or the whole *document*.

Hostile files are refused with one error that names the file and the place: nesting over 200 levels, items over 256 MiB,
tags that would run code, broken encodings, bombs.
"""


def page() -> str:
    """Return the text of `docs/formats.md`."""
    return "\n".join([_OPENING, *_table(), "", _LOSSES, *_losses(), "", _BEYOND, *_notes()])


def _table() -> Iterator[str]:
    yield "| format | name | files | read | write | at once |"
    yield "|---|---|---|---|---|---|"
    for one in all_formats():
        files = " ".join(f"`{suffix}`" for suffix in one.suffixes) or "a folder"
        reads = "yes" if one.read is not None else ""
        writes = "yes" if one.write is not None or one.write_folder is not None else ""
        yield f"| {one.title} | `{one.name}` | {files} | {reads} | {writes} | {one.holds} |"


def _losses() -> Iterator[str]:
    shown = [one for one in all_formats() if one.cannot_hold]
    yield "| what | " + " | ".join(f"`{one.name}`" for one in shown) + " |"
    yield "|---|" + ":-:|" * len(shown)
    for name, facet in FACETS.items():
        marks = ["\u00b7" if name in one.cannot_hold else "" for one in shown]
        if any(marks):
            said = f"{facet.title} (left out)" if facet.leaves_out else facet.title
            yield f"| {said} | " + " | ".join(marks) + " |"


def _notes() -> Iterator[str]:
    yield "## Notes on formats"
    for one in all_formats():
        if one.notes:
            yield ""
            yield f"### {one.title}"
            yield ""
            yield from _listed(one)
    yield ""


def _listed(one: Format) -> Iterator[str]:
    for note in one.notes:
        yield f"- {note}"


if __name__ == "__main__":
    sys.stdout.write(page())
