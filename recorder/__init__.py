"""Record the HTTP traffic of a running Python program into a JSONL cassette, in flat memory.

    import recorder

    with recorder.record("cassette.jsonl") as recording:
        ...

Law: importing this package loads the names below and nothing else. What they need is loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recorder.errors import RecorderError
from recorder.version import __version__

if TYPE_CHECKING:
    from recorder.session import Recording, record, start

__all__ = ["RecorderError", "Recording", "__version__", "record", "start"]


def __getattr__(name: str) -> object:
    if name in ("Recording", "record", "start"):
        from recorder import session  # noqa: PLC0415 -- the module's law

        return getattr(session, name)
    raise AttributeError(f"module 'recorder' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
