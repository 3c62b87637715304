"""vcrpy's JSON cassettes (`serializer="json"`), as vcrpy 1.0 and later write them; older ones are read.

Law: reading is in `cassette_tools.vcrpy_reading`, writing in `cassette_tools.vcrpy_writing`; this file says what the
format is and how it is told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cassette_tools.formats import Format
from cassette_tools.vcrpy_reading import FAMILY, read_json
from cassette_tools.vcrpy_writing import CANNOT_HOLD_JSON, write_json

if TYPE_CHECKING:
    from cassette_tools.head import Head

_START: Final = re.compile(rb'\{\s*(?:"version"\s*:\s*1\s*,\s*)?"interactions"\s*:\s*\[')
_EMPTY: Final = re.compile(rb'\{\s*(?:"version"\s*:\s*1\s*,\s*)?"interactions"\s*:\s*\[\s*\]')
_OLD: Final = re.compile(rb'\[\s*\{\s*"(?:request|response)"\s*:\s*\{')


def sniff(head: Head) -> int:
    """Tell vcrpy's JSON: a list `interactions` with a `uri` in each request."""
    if head.kind != "json":
        return 0
    keys = head.keys
    if _OLD.match(head.text):
        return 90 if "protocol" in keys and "path" in keys else 0
    if "interactions" not in keys or "_metadata" in keys:
        return 0
    if "uri" in keys and "request" in keys:
        return 90 if _START.match(head.text) else 60
    return 40 if _EMPTY.match(head.text) else 0


FORMAT: Final = Format(
    name="vcrpy-json",
    title="vcrpy JSON",
    family=FAMILY,
    suffixes=(".json",),
    sniff=sniff,
    read=read_json,
    write=write_json,
    cannot_hold=CANNOT_HOLD_JSON,
    is_default=True,
    notes=("Cassettes of vcrpy before 1.0 are read as `python -m vcr.migration` would change them.",),
)
