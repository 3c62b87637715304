"""A system whose n-th call fails, for a journal to be tried on."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from recorder.system import System

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CALLS = ("open", "close", "pread", "write", "fstat", "stat", "ftruncate", "fdatasync", "fsync", "replace", "unlink")
PERMISSIONS = ("fchmod", "fchown")

ERRORS = {
    "ENOSPC": errno.ENOSPC,
    "EIO": errno.EIO,
    "EINTR": errno.EINTR,
    "EDQUOT": errno.EDQUOT,
    "EBADF": errno.EBADF,
    "EACCES": errno.EACCES,
}
SHORT = "short"


class FailingSystem(System):
    """Does what the system does, notes every call, and lets some fail.

    `faults` maps the number of a call (from 0, over all names) to a key of ERRORS, or to SHORT: of a write half of the
    bytes go out, and that is all; other calls succeed. `calls` lists the names of the calls that were made, `failed` of
    those that failed. `after_short` is called behind a short write. `fdatasync` and `fsync` do nothing: the tests would
    wait for the disk.
    """

    def __init__(self, faults: Mapping[int, str] | None = None) -> None:
        self.faults = dict(faults or {})
        self.calls: list[str] = []
        self.failed: list[str] = []
        self.after_short: Callable[[], object] | None = None
        for name in (*CALLS, *PERMISSIONS):
            setattr(self, name, self._watched(name, getattr(System, name)))

    def count(self, name: str) -> int:
        """How often a call was made."""
        return self.calls.count(name)

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any) -> Any:
            fault = self.faults.get(len(self.calls))
            self.calls.append(name)
            if fault is not None and fault != SHORT:
                self.failed.append(name)
                if name == "close":
                    call(*args)  # a close that fails has closed nevertheless (close(2))
                raise OSError(ERRORS[fault], os.strerror(ERRORS[fault]))
            if fault == SHORT and name == "write":
                self.failed.append(name)
                descriptor, data = args
                count = call(descriptor, data[: len(data) // 2])
                if self.after_short is not None:
                    self.after_short()
                return count
            if name in {"fdatasync", "fsync"}:
                return None
            return call(*args)

        return watched
