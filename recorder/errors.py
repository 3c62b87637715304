"""Every error that this project raises on purpose, grouped by who must act.

Law: one base class, one slug for each leaf, and a message that names the file, the place and the next step. A message
never contains recorded bytes or a secret: it may end in a log that others read.
"""

from __future__ import annotations

__all__ = [
    "BadCassetteError",
    "CallbackError",
    "CassetteDamagedError",
    "CassetteExistsError",
    "CassetteNewerError",
    "CassetteNotFoundError",
    "CassetteReadError",
    "CassetteWriteError",
    "ClientNotSupportedError",
    "ConversionError",
    "NotACassetteError",
    "OutputError",
    "PolicyError",
    "RecorderError",
    "RecordingStateError",
    "RedactionError",
    "SecretsError",
    "UsageError",
    "WorkerLostError",
]


class RecorderError(Exception):
    """Base of all errors of `recorder` and `cassette_tools`.

    `slug` names the kind for documentation and JSON output.
    """

    slug = "recorder-error"


# The caller must act: another argument, another path, another order of calls.


class UsageError(RecorderError):
    """An argument or a combination of arguments that cannot work."""

    slug = "usage"


class CassetteExistsError(UsageError):
    """The cassette is there already, and neither `append` nor `overwrite` was asked for."""

    slug = "cassette-exists"


class CassetteNotFoundError(UsageError):
    """There is no file at the path that was given."""

    slug = "cassette-not-found"


class RecordingStateError(UsageError):
    """A recording was started or stopped twice, or the same cassette is being recorded already."""

    slug = "recording-state"


class PolicyError(UsageError):
    """A redaction policy could not be read, or says what cannot be meant."""

    slug = "policy"


class SecretsError(UsageError):
    """A source of secrets, a variable or a file, is missing or unusable. The message never holds a value."""

    slug = "secrets"


class CallbackError(RecorderError):
    """A function that a redaction policy calls has raised, or gave no interaction. The interaction is not written."""

    slug = "callback"


# Whoever made the file must act: it is not what it should be.


class BadCassetteError(RecorderError):
    """What was read cannot be used as a cassette. The only error that reading a cassette raises for its content."""

    slug = "bad-cassette"


class NotACassetteError(BadCassetteError):
    """The file is something else: its first line is no header of a cassette."""

    slug = "not-a-cassette"


class CassetteNewerError(BadCassetteError):
    """The cassette's format is newer than this release reads."""

    slug = "cassette-newer"


class CassetteDamagedError(BadCassetteError):
    """A line inside the cassette is torn, garbled or longer than the reader's bound."""

    slug = "cassette-damaged"


# Whoever runs the machine must act: disk, permissions, limits, versions.


class CassetteReadError(RecorderError):
    """The cassette could not be opened or read: no permission, an I/O error."""

    slug = "cassette-read"


class CassetteWriteError(RecorderError):
    """The cassette could not be opened or written: disk full, no permission, an I/O error."""

    slug = "cassette-write"


class OutputError(RecorderError):
    """A result of the tools could not be written to a file: disk full, no permission, an I/O error."""

    slug = "output"


class ClientNotSupportedError(RecorderError):
    """This release of Python, or of a client library, lacks a method that recording needs."""

    slug = "client-not-supported"


class WorkerLostError(RecorderError):
    """A process that worked for a command ended before its work was done: killed, or out of memory."""

    slug = "worker-lost"


# We must act.


class RedactionError(RecorderError):
    """A cassette could not be redacted so that nothing is left to redact. Nothing was written."""

    slug = "redaction"


class ConversionError(RecorderError):
    """What was converted does not read back as what it was, beyond what the format cannot hold. Nothing was written."""

    slug = "conversion"
