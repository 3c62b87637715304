"""vcrpy's YAML cassettes, as vcrpy 1.0 and later write them; older ones are read.

Law: reading is in `cassette_tools.vcrpy_reading`, writing in `cassette_tools.vcrpy_writing`; this file says what the
format is and how it is told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cassette_tools.formats import Format
from cassette_tools.vcrpy_reading import FAMILY, read_yaml
from cassette_tools.vcrpy_writing import CANNOT_HOLD_YAML, write_yaml

if TYPE_CHECKING:
    from cassette_tools.head import Head

_URI: Final = re.compile(rb"^[ \t]+(?:- )?[\"']?uri[\"']?:[ \t]|\buri:[ \t]", re.MULTILINE)
_OLD: Final = re.compile(rb"^ *- request: +!!python/object:vcr\.request\.Request\b", re.MULTILINE)
_OLD_PLAIN: Final = re.compile(rb"^- (?:request|response):", re.MULTILINE)
_OLD_PARTS: Final = re.compile(rb"^ +protocol:[ \t]", re.MULTILINE)
_FOREIGN: Final = re.compile(
    rb"^[ \t]*(?:- )?(?:form: (?:\{\}|$)|recorded_with: |type: (?:text|binary|json|none)[ \t]*$)"
    rb"|!ruby/",
    re.MULTILINE,
)


def sniff(head: Head) -> int:
    """Tell vcrpy's YAML: a list `interactions` with a `uri` in each request."""
    if head.kind != "yaml":
        return 0
    data = head.data
    if "interactions" not in head.keys:
        if _OLD.search(data):
            return 95
        return 80 if _OLD_PLAIN.search(data) and _OLD_PARTS.search(data) else 0
    if _URI.search(data):
        return 30 if _FOREIGN.search(data) else 90
    return 40 if b"interactions: []" in data and head.whole else 10


FORMAT: Final = Format(
    name="vcrpy-yaml",
    title="vcrpy YAML",
    family=FAMILY,
    suffixes=(".yaml", ".yml"),
    sniff=sniff,
    read=read_yaml,
    write=write_yaml,
    cannot_hold=CANNOT_HOLD_YAML,
    is_default=True,
    styles=("exact", "readable"),
    notes=(
        "Cassettes of vcrpy before 1.0 are read as `python -m vcr.migration` would change them.",
        "Python tags other than those of text, tuples, `_io.BytesIO` and `builtins.iter` are refused; nothing is run.",
    ),
)
