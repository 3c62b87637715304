"""Hands a policy, with its secrets and its key, from `ctools record` to the processes that it records.

Law: values go through a file that nobody but its owner can read, which is gone when the run has ended (or, where that
was killed, when the next one begins); never through an argument or an environment variable, which other programs read
and crash reports contain. What cannot be read whole is an error: a process that has no policy records nothing.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from recorder.errors import PolicyError, UsageError
from recorder.redact.policy import Dynamic, Policy, Secret, UrlPattern

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["hand_over", "take_over"]

_NEW: Final = 60
"""Seconds."""
_PREFIX: Final = "ctools-policy-"
_LISTS: Final = ("headers", "names", "query", "fields", "keep", "disabled_formats", "personal")
_FLAGS: Final = ("environment", "defaults")


@contextmanager
def hand_over(policy: Policy) -> Iterator[Path]:
    """Write a policy that has a key, and no callbacks, for child processes; remove the file at the end of the block."""
    if policy.key is None:
        raise UsageError("a policy is handed over with its key only: child processes must make equal placeholders")
    if policy.callbacks:
        raise UsageError("callbacks cannot be handed to other processes; record with recorder.record(..., policy=...)")
    _remove_left_over(Path(tempfile.gettempdir()))
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX)  # for its owner alone
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _lock(file.fileno())
            file.write(_to_json(policy))
            file.flush()
            yield path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


def take_over(path: str | os.PathLike[str]) -> Policy:
    """Read what `hand_over` wrote. Raises PolicyError, without a value, for anything else."""
    try:
        value = orjson.loads(Path(path).read_bytes())
        return _from_json(value)
    except OSError as error:
        raise PolicyError(
            f"{path}: the redaction policy of this run cannot be read ({error.strerror}); has the run ended?"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, UsageError):
        raise PolicyError(f"{path}: not a policy of this release; is another one installed there?") from None


def _remove_left_over(folder: Path) -> None:
    """Remove what a run left that was killed: its file is not locked any more."""
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or gone meanwhile
            status = path.lstat()
            # Nor one that was made this minute: its maker may not have locked it yet.
            if (
                not stat.S_ISREG(status.st_mode)
                or status.st_uid != os.geteuid()
                or time.time() - status.st_mtime < _NEW
            ):
                continue
            with path.open("rb") as file:
                if _lock(file.fileno()):
                    path.unlink()


def _lock(descriptor: int) -> bool:
    """Lock a file for this process's life. False where another one has it, or the system has no such locks."""
    try:
        import fcntl  # noqa: PLC0415 -- POSIX
    except ImportError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _to_json(policy: Policy) -> bytes:
    assert policy.key is not None  # noqa: S101 -- for the type checker; hand_over has looked
    return orjson.dumps(
        {
            "secrets": [[secret.value, secret.source] for secret in policy.secrets],
            **{name: getattr(policy, name) for name in _FLAGS},
            **{name: sorted(getattr(policy, name)) for name in _LISTS},
            "allow_headers": None if policy.allow_headers is None else sorted(policy.allow_headers),
            "urls": [[rule.pattern, rule.replacement] for rule in policy.urls],
            "dynamic": [[rule.params, rule.domains, rule.replacement] for rule in policy.dynamic],
            "key": policy.key.hex(),
            "key_source": policy.key_source,
        }
    )


def _from_json(value: Any) -> Policy:  # noqa: ANN401 -- JSON
    return Policy(
        [Secret(text, source) for text, source in value["secrets"]],
        **{name: value[name] for name in (*_FLAGS, *_LISTS)},
        allow_headers=value["allow_headers"],
        urls=[UrlPattern(*rule) for rule in value["urls"]],
        dynamic=[Dynamic(*rule) for rule in value["dynamic"]],
        key=bytes.fromhex(value["key"]),
        key_source=value["key_source"],
    )
