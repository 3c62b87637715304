"""A pytest plugin that records each test, or the whole session, and notes what came of every test.

Law: it works from outside. It reads no test and changes none; the recording is begun and ended where a program would do
it. It imports nothing but pytest, the standard library and `recorder`, for it runs in the clients' environment.

Told by the environment: `CLIENTS_MODE` is bare, test or session; `CLIENTS_NOTES` is the file to which notes are
appended, one JSON object a line; `CLIENTS_ONLY`, when set, is a file with the ids of the only tests to run;
`CLIENTS_SCHEMA`, when set, is the JSON Schema of the cassette; `CLIENTS_OPTIONS`, when set, are arguments of
`recorder.start`, as JSON.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from jsonschema.protocols import Validator

    from recorder.journal.read import Line, Part, Reader
    from recorder.session import Recording

MODE = os.environ.get("CLIENTS_MODE", "bare")
NOTES = os.environ.get("CLIENTS_NOTES", os.devnull)
ONLY = os.environ.get("CLIENTS_ONLY")
OPTIONS: dict[str, Any] = json.loads(os.environ.get("CLIENTS_OPTIONS", "{}"))
EXIT_SECONDS = 20
HOMES = {"http", "httplib2", "ssl", "urllib3"}
WATCHED = ("http.client", "urllib3.connection", "urllib3.connectionpool", "urllib3.poolmanager", "httplib2", "ssl")


SCHEMA: Validator | None = None


def pytest_configure(config: pytest.Config) -> None:
    global SCHEMA  # noqa: PLW0603 - pytest makes the plugin out of the module
    SCHEMA = _schema()
    config.pluginmanager.register(_Notes(), "clients-notes")
    if MODE != "bare":
        WITNESS.install()
    if MODE != "session":
        config.pluginmanager.register(_Leftovers(), "clients-leftovers")
    if MODE == "session":
        config.pluginmanager.register(_OneRecording(), "clients-recording")
    elif MODE == "test":
        config.pluginmanager.register(_RecordingOfEachTest(), "clients-recording")


class _Notes:
    """Notes the outcome of each test, and runs only what it was asked to."""

    def __init__(self) -> None:
        self._reports: dict[str, list[tuple[str, str]]] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if ONLY is None:
            return
        wanted = set(json.loads(Path(ONLY).read_text(encoding="utf-8")))
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in wanted])
        items[:] = [item for item in items if item.nodeid in wanted]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome: str = report.outcome
        if hasattr(report, "wasxfail"):
            outcome = "xfailed" if report.skipped else "xpassed"
        # A report of a phase that passed says nothing of the test; a setup that failed or was skipped does.
        if report.when == "call" or outcome != "passed":
            self._reports.setdefault(report.nodeid, []).append((outcome, _headline(report)))
        if report.when == "teardown":
            found = self._reports.pop(report.nodeid, [("passed", "")])
            worst = next((each for each in found if each[0] == "failed"), found[-1])
            note({"id": report.nodeid, "outcome": worst[0], "message": worst[1]})

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        note({"ended": int(exitstatus)})

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        # A test that failed may have left a thread behind that waits for ever, and the process with it.
        threading.Thread(target=_leave_soon, daemon=True).start()


class _Leftovers:
    """Looks whether a test, from before its fixtures until after them, leaves the clients' classes as they were.

    Bare too: what a test leaves by itself is not the recorder's. A test that patches over a tap, and puts back what it
    found only after the recording has stopped, puts back a tap: around the original, passing calls on. No patch in
    place can help that, so the original inside is what is compared.
    """

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        before = _watched()
        try:
            return (yield)
        finally:
            if changed := _changes(before, _watched()):
                note({"left": changed, "by": item.nodeid})


class _Witness:
    """Counts the responses that http.client gives to whoever calls `getresponse`, by status, without the recorder.

    It wraps what no tap touches: the function that reads the header fields, when the status line has been read.
    """

    def __init__(self) -> None:
        self._seen: list[int] = []

    def install(self) -> None:
        parse_headers = http.client.parse_headers

        @functools.wraps(parse_headers)
        def _parse_headers(*args: Any, **kwargs: Any) -> Any:
            message = parse_headers(*args, **kwargs)
            status = _status_for_getresponse()
            if status is not None:
                self._seen.append(status)
            return message

        http.client.parse_headers = _parse_headers

    def take(self) -> Counter[int]:
        """Give the counts since the last call."""
        seen, self._seen = self._seen, []
        return Counter(seen)


def _status_for_getresponse() -> int | None:
    """Give the status of the response that is being read, None where nobody called `getresponse` for it.

    A tunnel reads its head by itself, and a server reads requests. Between `begin` and `getresponse` may be a tap.
    """
    frame = begin = sys._getframe(2)
    for _ in range(4):
        if frame.f_code.co_name == "getresponse" and frame.f_globals.get("__name__") == "http.client":
            return int(begin.f_locals["self"].status)
        if frame.f_back is None:
            break
        frame = frame.f_back
    return None


WITNESS = _Witness()


class _RecordingOfEachTest:
    """Records the call phase of each test into a cassette of its own, and looks at what is left of it."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        import recorder

        with tempfile.TemporaryDirectory() as directory:
            cassette = Path(directory, "cassette.jsonl")
            WITNESS.take()
            recording = recorder.start(cassette, **OPTIONS)
            try:
                return (yield)
            finally:
                recording.stop()
                judged = _judge(recording, cassette)
                judged["faults"] += [f"still tapped: {name}" for name, value in _watched().items() if _is_tap(value)]
                note({"recorded": item.nodeid, **judged})


class _OneRecording:
    """Records from before the first test module is imported until after the last test."""

    def __init__(self) -> None:
        import recorder

        self._directory = tempfile.TemporaryDirectory()
        self._cassette = Path(self._directory.name, "cassette.jsonl")
        self._recording = recorder.start(self._cassette, **OPTIONS)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self._recording.stop()
        note({"recorded": "the whole session", **_judge(self._recording, self._cassette)})
        self._directory.cleanup()


def _judge(recording: Recording, cassette: Path) -> dict[str, Any]:
    """Hold the counts of a stopped recording against its cassette, read strictly."""
    from recorder.errors import RecorderError
    from recorder.journal.read import Reader

    faults = []
    lines = 0
    witnessed, statuses = WITNESS.take(), Counter[int]()
    try:
        with Reader(cassette, mode="strict") as reader:
            for line in reader:
                if line.type == "interaction":
                    lines += 1
                    if line.head["response"] is not None:
                        statuses[line.head["response"]["status"]] += 1
                faults += _faults_of(line, reader)
    except RecorderError as error:
        faults.append(str(error))
    if recording.failure is not None:
        faults.append(str(recording.failure))
    if witnessed != statuses:
        missing, more = dict(sorted((witnessed - statuses).items())), dict(sorted((statuses - witnessed).items()))
        faults.append(f"responses by status: missing in the cassette {missing}, only in the cassette {more}")
    if lines != recording.interactions:
        faults.append(f"{recording.interactions} interactions counted, {lines} in the cassette")
    if recording.seen != recording.interactions + sum(recording.lost.values()):
        faults.append(f"{recording.seen} seen, {recording.interactions} written, lost {recording.lost}")
    return {
        "seen": recording.seen,
        "interactions": recording.interactions,
        "errors": recording.errors,
        "bytes": recording.bytes,
        "lost": recording.lost,
        "faults": faults,
    }


def _faults_of(line: Line, reader: Reader) -> list[str]:
    """Hold one line against the schema, and its bodies against their digests."""
    record = line.load()
    faults = [f"{error.json_path}: {error.message[:200]}" for error in SCHEMA.iter_errors(record)] if SCHEMA else []
    parts: tuple[Part, ...] = ("request", "response") if line.type == "interaction" else ()
    for part in parts:
        if (record.get(part) or {}).get("body") is not None:
            for _ in reader.body(line, part):
                pass
    return faults


def _schema() -> Validator | None:
    """Load the cassette's schema, where CLIENTS_SCHEMA names one."""
    path = os.environ.get("CLIENTS_SCHEMA")
    if path is None:
        return None
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(Path(path).read_text(encoding="utf-8")))


def _watched() -> dict[str, object]:
    """Give every attribute of the classes that a recording may patch, and the import hooks."""
    found: dict[str, object] = {f"sys.meta_path[{place}]": finder for place, finder in enumerate(sys.meta_path)}
    for module in WATCHED:
        for name, value in list(vars(sys.modules[module]).items()) if module in sys.modules else ():
            if isinstance(value, type) or callable(value):
                found[f"{module}.{name}"] = value
            if isinstance(value, type) and value.__module__.partition(".")[0] in HOMES:
                found.update((f"{module}.{name}.{inner}", attribute) for inner, attribute in vars(value).items())
    # pickle's own notes on a class
    return {name: value for name, value in found.items() if not name.endswith(".__slotnames__")}


def _changes(before: dict[str, object], after: dict[str, object]) -> list[str]:
    """Give the names of what is another object than before. What was imported meanwhile does not count."""
    modules = {name.rpartition(".")[0] for name in before}
    new = {name for name in after.keys() - before.keys() if name.rpartition(".")[0] in modules}
    old = {name for name in before if _original(after.get(name)) is not _original(before[name])}
    return sorted(old | new)


def _is_tap(value: object) -> bool:
    """Tell a function of the recorder's by where its code is."""
    code = getattr(value, "__code__", None)
    return code is not None and "taps" in Path(code.co_filename).parts


def _original(value: object) -> object:
    while _is_tap(value):
        value = getattr(value, "__wrapped__", None)
    return value


def _headline(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr or "")
    return next(iter(text.splitlines()), "")[:300]


def _leave_soon() -> None:
    time.sleep(EXIT_SECONDS)
    os._exit(3)


def note(fields: dict[str, Any]) -> None:
    """Append one line, whole, also from a forked child."""
    line = json.dumps({"at": time.time(), **fields}) + "\n"
    descriptor = os.open(NOTES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
