"""What people and tools put where a secret was.

Law: a value is a stand-in by what it says of itself, as a whole. A word that could be somebody's password is none.
"""

from __future__ import annotations

import re
from typing import Final

from recorder.redact.places import is_masked

__all__ = ["is_stand_in"]


def is_stand_in(value: bytes) -> bool:
    """Tell whether a value is masked, or one of the words that people put where a secret was."""
    value = value.strip()
    if is_masked(value):
        return True
    return len(value) <= _LONGEST and (
        _OWN.fullmatch(value) is not None
        or _REFERENCE.fullmatch(value) is not None
        or (_STAND_IN.fullmatch(value) is not None and _SAYS_SO.search(value) is not None)
    )


_LONGEST: Final = 256
"""Bytes of a stand-in, but for masks and placeholders."""
_OWN: Final = re.compile(rb"REDACTED[A-Za-z0-9._-]{0,64}")
_REFERENCE: Final = re.compile(
    rb"<[A-Za-z0-9_ .-]{1,64}>|\[[A-Z0-9_ -]{1,64}\]|\{\{?[A-Za-z0-9_ .-]{1,64}\}?\}|\$\{[A-Za-z0-9_.-]{1,64}\}"
    rb"|%[A-Z_]{2,64}%|__[A-Z0-9_]{1,64}__|<%=? ?ENV(?:\.fetch\(|\[)[\"'][A-Za-z0-9_]{1,64}[\"'][\])] ?%>"
)
"""`<API_KEY>`, `{{token}}`, `<%= ENV['TOKEN'] %>`: Ruby VCR's custom, and templates."""
_STAND_IN: Final = re.compile(
    rb"(?>(?:dummy|fake|mock(?:ed)?|redacted|filtered|masked|hidden|scrubbed|sanitized|removed|omitted|placeholder|"
    rb"example|sample|changeme|secret|token|password|key|api|access|refresh|client|session|cookie|auth|bearer|id|my|your|"
    rb"here|value|test|x{3,}|\*{3,}|[0-9]{1,4})[-_ .]?)++",
    re.IGNORECASE,
)
_SAYS_SO: Final = re.compile(
    rb"dummy|fake|mock|redacted|filtered|masked|hidden|scrubbed|sanitized|removed|omitted|placeholder|example|sample|"
    rb"changeme|your|xxx|\*\*\*",
    re.IGNORECASE,
)
