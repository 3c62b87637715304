"""What a recording may be told, and its way through an environment variable to child processes.

Law: values only. Nothing here acts, and nothing here is a secret.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, get_args

import orjson

from recorder.errors import UsageError

__all__ = ["BODY_LIMIT", "Choices", "Durability", "Mode", "OnError", "Options"]

Durability = Literal["interval", "record", "none"]
Mode = Literal["new", "append", "overwrite"]
OnError = Literal["stop", "raise"]

BODY_LIMIT = 1024 * 1024
SMALLEST_BODY_LIMIT = 1024
LARGEST_BODY_LIMIT = 4 * 1024 * 1024
"""Bytes. JSON may make six of one, a line may hold two bodies, and a reader takes lines of up to 64 MiB."""


class Choices(TypedDict, total=False):
    """The keyword arguments that choose `Options`, for the signatures that pass them on."""

    body_limit: int
    durability: Durability
    on_error: OnError
    share_pools: bool
    diagnose: int | None


@dataclass(frozen=True, slots=True)
class Options:
    """How to record.

    - `body_limit`: bytes of one body that are held in memory, and put into one line; a longer one goes out in pieces.
      From 1 KiB to 4 MiB.
    - `durability`: when written records are forced to the disk: about every 5 seconds, with each record, or never. A
      killed process loses nothing either way; this is about power cuts.
    - `on_error`: on the recorder's own trouble stop recording, or raise out of the client's call.
    - `share_pools`: let urllib3's pools with exactly equal settings use each other's idle connections.
    - `diagnose`: a deep memory sample every so many interactions; None for none.

    Raises UsageError for a value that cannot work.
    """

    body_limit: int = BODY_LIMIT
    durability: Durability = "interval"
    on_error: OnError = "stop"
    share_pools: bool = False
    diagnose: int | None = None

    def __post_init__(self) -> None:
        if type(self.body_limit) is not int:
            raise UsageError(f"body_limit is {self.body_limit!r}; give a number of bytes")
        if self.body_limit < SMALLEST_BODY_LIMIT:
            raise UsageError(f"body_limit is {self.body_limit}; give at least {SMALLEST_BODY_LIMIT} bytes")
        if self.body_limit > LARGEST_BODY_LIMIT:
            raise UsageError(
                f"body_limit is {self.body_limit}; give at most {LARGEST_BODY_LIMIT} bytes (longer bodies are recorded "
                "whole, too: in pieces)"
            )
        if self.durability not in get_args(Durability):
            raise UsageError(f"durability is {self.durability!r}; give one of {', '.join(get_args(Durability))}")
        if self.on_error not in get_args(OnError):
            raise UsageError(f"on_error is {self.on_error!r}; give one of {', '.join(get_args(OnError))}")
        if type(self.share_pools) is not bool:
            raise UsageError(f"share_pools is {self.share_pools!r}; give True or False")
        if self.diagnose is not None and (type(self.diagnose) is not int or self.diagnose < 1):
            raise UsageError(f"diagnose is {self.diagnose!r}; give a number of interactions, 1 or more")

    def to_json(self) -> str:
        """Tell the options as one line of JSON."""
        return orjson.dumps(dataclasses.asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Options:
        """Read what `to_json` wrote.

        Raises UsageError for anything else; unknown keys of a newer release are passed over.
        """
        try:
            values: Any = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise UsageError(f"recording options are no JSON: {error}") from error
        if not isinstance(values, dict):
            raise UsageError("recording options are no JSON object")
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})
