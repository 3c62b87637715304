"""Makes a process record as soon as it loads an HTTP client, and costs next to nothing until then.

Law: it waits at the import system for `http.client`, which all supported clients stand on, and joins the recording of
the environment when somebody imports it. It imports nothing of `recorder` earlier, lets no exception of ours out, and
leaves a note (a line in the file that RECORDER_NOTES names) of whatever keeps this process from recording.

A note is one line of five fields, divided by tabs: kind, process id, Python version, executable, detail. Kinds: `armed`
(a process started), `joined` (it records), `failed` (it cannot; the detail says why), `client` (it loaded a client that
is not supported; the detail names it), `old` (its Python is older than 3.11; written by `sitecustomize`).
"""

# ruff: noqa: INP001 -- a folder for PYTHONPATH, not a package
# No `from __future__ import annotations`: that, too, is a module which the program would find loaded.
# ruff: noqa: PTH100, PTH113, PTH118, PTH119, PTH120 -- pathlib would be a slow import for every Python process

import os
import sys

# The type checker's constant; `typing` itself would be a slow import for every Python process.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["arm", "note"]

# What all supported clients import before they can connect.
_BASE = "http.client"

# Clients with a transport of their own, under which `http.client` sees nothing. Named to the user, not recorded.
_UNSUPPORTED = frozenset(
    {
        "aiohttp",
        "curl_cffi",
        "geventhttpclient",
        "grpc",
        "httpx",
        "primp",
        "pycurl",
        "pyreqwest",
        "rnet",
        "tls_client",
        "tornado.simple_httpclient",
        "treq",
    }
)

_NOTES_BOUND = 1024 * 1024
"""Bytes of notes; later ones are left out, so that a run of a million processes leaves no large file."""

_DETAIL_BOUND = 400
"""Characters of one detail."""


class _Recording:
    """What the environment said when the process started. The program may change its environment and folder later."""

    cassette = ""
    run = ""
    options = "{}"
    redaction = ""
    notes = ""
    site = ""


def arm() -> None:
    """Read the recording from the environment and wait for an HTTP client. Does nothing where there is no recording."""
    recording = _Recording()
    recording.cassette = os.environ.get("RECORDER_CASSETTE", "")
    if not recording.cassette:
        return
    recording.run = os.environ.get("RECORDER_RUN", "")
    recording.options = os.environ.get("RECORDER_OPTIONS", "{}")
    recording.redaction = os.environ.get("RECORDER_REDACTION", "")
    recording.notes = os.environ.get("RECORDER_NOTES", "")
    recording.site = os.path.dirname(os.path.abspath(__file__))
    note(recording.notes, "armed")
    if _BASE in sys.modules:
        _join(recording)  # a .pth file of the installation was quicker
    sys.meta_path.insert(0, _Watch(recording))


def note(path: str, kind: str, detail: str = "") -> None:
    """Append one note to the file at `path`. Never raises OSError: a file that is gone (the run ended) takes none."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    fields = (kind, str(os.getpid()), version, sys.executable or "", detail[:_DETAIL_BOUND])
    line = "\t".join(" ".join(field.split()) for field in fields) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    except OSError:
        return
    try:
        if os.fstat(descriptor).st_size < _NOTES_BOUND:
            os.write(descriptor, line.encode("utf-8", "backslashreplace"))
    except OSError:
        return  # disk full: the note is a courtesy
    finally:
        os.close(descriptor)


class _Watch:
    """Sees imports begin. Finds nothing itself: of a module that it waits for it passes on what other finders say.

    The import system walks `sys.meta_path` while a join adds a finder to it, so that one must be asked from here.
    """

    def __init__(self, recording: "_Recording") -> None:
        self._recording = recording
        self._waits_for = {_BASE, *_UNSUPPORTED} - sys.modules.keys()

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Part of the import protocol (importlib.abc.MetaPathFinder)."""
        if name not in self._waits_for:
            return None
        if name == _BASE:
            # Now, not when it is loaded: the recording has a watch of its own, which must see this import.
            self._waits_for.discard(name)
            _join(self._recording)
        spec = self._as_others_find(name, path, target)
        if spec is not None and name in self._waits_for:
            self._waits_for.discard(name)
            note(self._recording.notes, "client", name)
        return spec

    def _as_others_find(
        self, name: str, path: "Sequence[str] | None", target: "ModuleType | None"
    ) -> "ModuleSpec | None":
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                return spec
        return None


def _join(recording: _Recording) -> None:
    try:
        _check_name()
        # Late: only a process that loads an HTTP client pays for these.
        from recorder.options import Options  # noqa: PLC0415
        from recorder.session import join  # noqa: PLC0415

        join(
            recording.cassette,
            run=recording.run,
            options=Options.from_json(recording.options),
            redaction=recording.redaction,
        )
    except Exception as error:  # noqa: BLE001 -- whatever is wrong with us, the program's import goes on
        note(recording.notes, "failed", f"{type(error).__name__}: {error}")
    else:
        note(recording.notes, "joined")


def _check_name() -> None:
    """Make sure that `import recorder` means ours: a program may have such a module, which is not to run early."""
    if "recorder" in sys.modules:
        folders = getattr(sys.modules["recorder"], "__path__", None)
    else:
        from importlib.util import find_spec  # noqa: PLC0415 -- see _join

        spec = find_spec("recorder")
        if spec is None:
            raise ModuleNotFoundError("there is no module recorder", name="recorder")
        folders = spec.submodule_search_locations
    here = os.path.join("bootstrap", "site", os.path.basename(__file__))
    if not any(os.path.isfile(os.path.join(folder, here)) for folder in folders or ()):
        raise ImportError("the program has a module of its own that is named recorder")
