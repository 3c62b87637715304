"""Patching and restoring: in place, once, whatever else patches the same methods, and nothing left of it in the end."""

from __future__ import annotations

import functools
import inspect
import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import requests

import recorder
from recorder.errors import ClientNotSupportedError
from recorder.taps import seams
from tests.recorder.cassettes import interactions
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
LIBRARIES = list(dict.fromkeys(seam.module for seam in seams.TABLE))


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return tmp_path / "cassette.jsonl"


def get(url: str) -> int:
    """Make a request on a connection of its own, with the lowest of the clients."""
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.request("GET", parts.path)
        with connection.getresponse() as response:
            response.read()
            return response.status
    finally:
        connection.close()


Snapshot = dict[str, dict[Any, Any]]


def snapshot() -> Snapshot:
    """Take all that could have been patched: what each class and module of the table holds, and the import system."""
    out: Snapshot = {"sys.meta_path": dict(enumerate(sys.meta_path)), "sys.path_hooks": dict(enumerate(sys.path_hooks))}
    for seam in seams.TABLE:
        module = import_module(seam.module)
        out[seam.module] = dict(vars(module))
        if seam.owner:
            out[f"{seam.module}.{seam.owner}"] = dict(vars(getattr(module, seam.owner)))
    out["sys.modules"] = {name: sys.modules[name] for name in LIBRARIES}
    return out


def assert_identical(after: Snapshot, before: Snapshot) -> None:
    assert after.keys() == before.keys()
    for place, held in before.items():
        assert after[place].keys() == held.keys()
        changed = [name for name in held if after[place][name] is not held[name]]
        assert changed == [], place


@pytest.fixture
def untouched() -> Iterator[Snapshot]:
    """Before and after the test all is what it was, to the very object."""
    before = snapshot()
    yield before
    assert_identical(snapshot(), before)
    assert seams.installed() == []
    assert seams.recordings() == ()


# What is patched.


def test_every_seam_is_there_and_patched_while_recording(untouched: Snapshot, cassette: Path) -> None:
    with recorder.record(cassette):
        for seam in seams.TABLE:
            module = import_module(seam.module)
            owner = getattr(module, seam.owner) if seam.owner else module
            original = untouched[f"{seam.module}.{seam.owner}" if seam.owner else seam.module][seam.name]
            assert vars(owner)[seam.name] is not original, seam
        assert len(seams.installed()) == len(set(seams.installed())) == len(seams.TABLE)


def test_a_patched_method_looks_like_the_original(untouched: Snapshot, cassette: Path) -> None:
    def look(method: Any) -> tuple[Any, ...]:
        return (
            inspect.signature(method),
            *(method.__name__, method.__qualname__, method.__module__, method.__doc__, method.__annotations__),
            type(method),
        )

    originals = {
        seam: untouched[f"{seam.module}.{seam.owner}" if seam.owner else seam.module][seam.name] for seam in seams.TABLE
    }
    with recorder.record(cassette):
        for seam, original in originals.items():
            module = import_module(seam.module)
            patched = vars(getattr(module, seam.owner) if seam.owner else module)[seam.name]
            assert isinstance(patched, FunctionType)
            assert look(patched) == look(original), seam


@pytest.mark.parametrize("recordings", [1, 3])
def test_after_the_last_recording_all_is_what_it_was_to_the_very_object(
    recordings: int, untouched: Snapshot, origin: Origin, tmp_path: Path
) -> None:
    started = [recorder.start(tmp_path / f"{number}.jsonl") for number in range(recordings)]
    assert requests.get(origin.url + "/json", timeout=20).ok
    while started:
        assert len(seams.installed()) == len(seams.TABLE)
        started.pop(0).stop()


def test_nothing_is_patched_twice_by_recordings_inside_each_other(
    untouched: Snapshot, origin: Origin, tmp_path: Path
) -> None:
    with recorder.record(tmp_path / "outer.jsonl") as outer:
        patched = snapshot()
        with recorder.record(tmp_path / "inner.jsonl") as inner:
            assert_identical(snapshot(), patched)
            assert get(origin.url + "/json") == 200
        assert_identical(snapshot(), patched)
        assert get(origin.url + "/json") == 200
    assert (outer.interactions, inner.interactions) == (2, 1)


def test_patching_what_is_patched_does_nothing(untouched: Snapshot, origin: Origin, cassette: Path) -> None:
    with recorder.record(cassette) as recording:
        patched = snapshot()
        for name in LIBRARIES:
            seams._patch_module(sys.modules[name], name)
        assert_identical(snapshot(), patched)
        assert get(origin.url + "/json") == 200
    assert recording.interactions == 1


def test_threads_that_start_and_stop_at_once_neither_patch_twice_nor_leave_anything(
    untouched: Snapshot, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier = threading.Barrier(8)

    def load_slowly(name: str) -> Any:
        time.sleep(0.001)
        return import_module(name)

    monkeypatch.setattr(seams, "import_module", load_slowly)

    def work(number: int) -> None:
        barrier.wait(10)
        for turn in range(6):
            with recorder.record(tmp_path / f"{number}-{turn}.jsonl") as recording:
                path = f"/status/{200 + number}"
                assert get(origin.url + path) == 200 + number
            own = [each for each in interactions(recording.path) if each["request"]["url"].endswith(path)]
            assert sum(each["thread"] == threading.get_native_id() for each in own) == 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))


# When an install fails.


@pytest.mark.parametrize("step", range(len(seams.TABLE)))
def test_an_install_that_fails_at_any_step_is_rolled_back(
    step: int, untouched: Snapshot, origin: Origin, cassette: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = import_module
    calls = 0

    def fail(name: str) -> Any:
        nonlocal calls
        calls += 1
        if calls == step + 1:
            raise RuntimeError("this step fails")
        return load(name)

    monkeypatch.setattr(seams, "import_module", fail)
    with pytest.raises(RuntimeError, match="this step fails"):
        recorder.start(cassette)
    assert_identical(snapshot(), untouched)
    assert not cassette.exists(), "a recording that did not begin leaves no file"
    assert get(origin.url + "/json") == 200
    monkeypatch.undo()
    with recorder.record(cassette) as recording:
        assert get(origin.url + "/json") == 200
    assert recording.interactions == 1


@pytest.mark.parametrize("seam", [seam for seam in seams.TABLE if seam.required], ids=lambda seam: seam.name)
def test_a_method_that_is_missing_is_told_and_nothing_is_left_patched(
    seam: seams.Seam, untouched: Snapshot, cassette: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = getattr(import_module(seam.module), seam.owner)
    with monkeypatch.context() as gone:
        gone.delattr(owner, seam.name)
        without = snapshot()
        with pytest.raises(ClientNotSupportedError, match=f"{seam.module}.{seam.owner}.{seam.name} is missing"):
            recorder.start(cassette)
        assert_identical(snapshot(), without)
    assert not cassette.exists()


@pytest.mark.parametrize("seam", [seam for seam in seams.TABLE if not seam.required], ids=lambda seam: seam.name)
def test_a_method_that_only_some_releases_have_may_be_missing(
    seam: seams.Seam, untouched: Snapshot, cassette: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module(seam.module)
    owner = getattr(module, seam.owner) if seam.owner else module
    with monkeypatch.context() as gone:
        gone.delattr(owner, seam.name)
        with recorder.record(cassette) as recording:
            assert len(seams.installed()) == len(seams.TABLE) - 1
        assert recording.lost == {}


# Programs that patch the same methods.

P_IN, P_OUT, R_IN, R_OUT = "patch", "unpatch", "record", "stop"
ORDERS = {
    "around the recording": [P_IN, R_IN, R_OUT, P_OUT],
    "inside the recording": [R_IN, P_IN, P_OUT, R_OUT],
    "before, into it": [P_IN, R_IN, P_OUT, R_OUT],
    "from it, beyond": [R_IN, P_IN, R_OUT, P_OUT],
}
METHODS = [
    (seam.owner, seam.name) for seam in seams.TABLE if seam.module == "http.client" and "HTTPS" not in seam.owner
]


class Patching:
    """A program's patch of one method, such as tests and tracers make: it looks, and calls what was there."""

    def __init__(self, owner: type, name: str, *, wrapped: bool) -> None:
        self.calls = 0
        before = vars(owner)[name]

        def replacement(instance: Any, *args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return before(instance, *args, **kwargs)

        self.patch = mock.patch.object(owner, name, functools.wraps(before)(replacement) if wrapped else replacement)


class Round:
    """One run through an order of steps, with a request after each; what a program that patches and records does."""

    def __init__(self, kind: type, name: str, url: str, *, wrapped: bool) -> None:
        self.make = functools.partial(Patching, kind, name, wrapped=wrapped)
        self.url = url
        self.patching: Patching | None = None
        self.recording: recorder.Recording | None = None
        self.asked = 0

    def run(self, order: list[str], path: Path) -> tuple[recorder.Recording, int]:
        """Give the recording, and how many requests were made during it."""
        for step in order:
            if step == R_IN:
                self.recording = recorder.start(path)
            self.patch(step)
            if step == R_OUT and self.recording is not None:
                self.recording.stop()
            self.ask()
        assert self.recording is not None
        return self.recording, self.asked

    def patch(self, step: str) -> None:
        if step == P_IN:
            self.patching = self.make()
            self.patching.patch.start()
        elif step == P_OUT and self.patching is not None:
            self.patching.patch.stop()
            self.patching = None

    def ask(self) -> None:
        before = 0 if self.patching is None else self.patching.calls
        assert get(self.url) == 200
        self.asked += self.recording is not None and not self.recording.stopped
        if self.patching is not None:
            assert self.patching.calls > before, "the program's patch is asked"


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "wraps"])
@pytest.mark.parametrize(("owner", "name"), METHODS, ids=[name for _, name in METHODS])
@pytest.mark.parametrize("order", [order for order in ORDERS if order != "before, into it"])
def test_a_patch_of_the_programs_is_neither_lost_nor_kept(
    order: str, owner: str, name: str, wrapped: bool, untouched: Snapshot, origin: Origin, tmp_path: Path
) -> None:
    kind = getattr(import_module("http.client"), owner)
    # Twice: what the first round leaves behind must not trouble the second.
    for number in range(2):
        round_ = Round(kind, name, origin.url + "/json", wrapped=wrapped)
        recording, asked = round_.run(ORDERS[order], tmp_path / f"{number}.jsonl")
        assert asked >= 1
        assert (recording.seen, recording.interactions, recording.lost) == (asked, asked, {})
    # A patch undone after the recording puts back what it found. That does nothing, and goes with the next recording.
    with recorder.record(tmp_path / "last.jsonl") as last:
        assert get(origin.url + "/json") == 200
    assert (last.seen, last.interactions) == (1, 1)


@pytest.mark.parametrize(("owner", "name"), METHODS, ids=[name for _, name in METHODS])
def test_a_program_that_undoes_its_own_patch_takes_ours_with_it_and_is_told(
    owner: str, name: str, untouched: Snapshot, origin: Origin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = getattr(import_module("http.client"), owner)
    round_ = Round(kind, name, origin.url + "/json", wrapped=True)
    recording, _ = round_.run(ORDERS["before, into it"], tmp_path / "cassette.jsonl")
    place = f"http.client.{owner}.{name} could not be tapped"
    assert recording.lost == {place: 0}
    assert capsys.readouterr().err == (
        f"recorder: {place} (the program put the original back); its requests are not recorded\n"
    )
    assert recording.seen == recording.interactions


def test_a_patch_that_outlives_two_recordings_is_asked_in_both_and_counted_once(
    untouched: Snapshot, origin: Origin, tmp_path: Path
) -> None:
    from http.client import HTTPConnection

    first = recorder.start(tmp_path / "first.jsonl")
    patchings = [Patching(HTTPConnection, name, wrapped=True) for name in ("putrequest",)]
    for patching in patchings:
        patching.patch.start()
    first.stop()
    second = recorder.start(tmp_path / "second.jsonl")
    assert get(origin.url + "/json") == 200
    second.stop()
    assert [patching.calls for patching in patchings] == [1]
    assert (first.seen, second.seen, second.interactions) == (0, 1, 1)
    for patching in patchings:
        patching.patch.stop()
    with recorder.record(tmp_path / "third.jsonl") as third:
        assert get(origin.url + "/json") == 200
    assert third.interactions == 1


def test_a_mock_in_the_place_of_a_method_is_a_mock(untouched: Snapshot, origin: Origin, cassette: Path) -> None:
    with (
        recorder.record(cassette) as recording,
        mock.patch("http.client.HTTPConnection.connect", autospec=True, side_effect=OSError("mocked")) as connect,
        pytest.raises(OSError, match="mocked"),
    ):
        get(origin.url + "/json")
    assert connect.call_count == 1
    assert (recording.seen, recording.interactions) == (1, 1)


def test_a_class_that_overrides_a_tapped_method_is_recorded_once(
    untouched: Snapshot, origin: Origin, cassette: Path
) -> None:
    from http.client import HTTPConnection

    class Own(HTTPConnection):
        def putrequest(self, *args: Any, **kwargs: Any) -> None:
            super().putrequest(*args, **kwargs)
            self.putheader("X-Own", "1")

        def connect(self) -> None:
            super().connect()

        def send(self, data: Any) -> None:
            super().send(data)

        def getresponse(self) -> Any:
            return super().getresponse()

        def close(self) -> None:
            super().close()

    with recorder.record(cassette) as recording:
        connection = Own("localhost", origin.port, timeout=20)
        for _ in range(2):
            connection.request("GET", "/json")
            connection.getresponse().read()
        connection.close()
    assert (recording.seen, recording.interactions) == (2, 2)
    told = interactions(cassette)
    assert [each["connection"]["reused"] for each in told] == [False, True]
    assert ["X-Own", "1"] in told[0]["request"]["headers"]


# Libraries that are imported later. Each in a process of its own.


def run(code: str, *arguments: str, path: str = "") -> str:
    """Run a program; give what it printed. It may print nothing to stderr, and must exit with 0."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RECORDER_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments],
        env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, (path, str(ROOT))))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


ASK = {
    "http.client": "import http.client as c; n = c.HTTPConnection(host, port); n.request('GET', '/json');"
    " n.getresponse().read(); n.close()",
    "urllib.request": "import urllib.request as r; r.urlopen(url, timeout=20).read()",
    "urllib3": "import urllib3; urllib3.PoolManager().request('GET', url)",
    "requests": "import requests; requests.get(url, timeout=20)",
    "botocore": "from botocore.httpsession import URLLib3Session as S; from botocore.awsrequest import AWSRequest as R;"
    " S().send(R('GET', url).prepare())",
    "httplib2": "import httplib2; h = httplib2.Http(timeout=20, proxy_info=None); h.request(url); h.close()",
}

LATE = """
import sys
host, port, path, before, start_first = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5] == "first"
url = f"http://{host}:{port}/json"
if not start_first:
    exec(before)
import recorder
recording = recorder.start(path)
exec(before)
recording.stop()
def look(name):
    module = sys.modules[name]
    spec = module.__spec__
    assert spec.loader is module.__loader__, name
    return type(module.__loader__).__name__, spec.origin == module.__file__, spec._initializing
print([look(name) for name in %r if name in sys.modules])
print(recording.seen, recording.interactions, [each for each in sys.meta_path if "recorder" in type(each).__module__])
leftovers = [name for name in %r if name in sys.modules
             for kind in vars(sys.modules[name]).values() if isinstance(kind, type) and kind.__module__ == name
             for method in vars(kind).values() if hasattr(method, "_recorder_original")]
print(leftovers)
"""


@pytest.mark.parametrize("order", ["first", "last"])
@pytest.mark.parametrize("library", ASK)
def test_a_library_is_recorded_whether_it_was_imported_before_or_during_the_recording(
    library: str, order: str, origin: Origin, cassette: Path
) -> None:
    looks, counts, leftovers = run(
        LATE % (LIBRARIES, LIBRARIES), "localhost", str(origin.port), str(cassette), ASK[library], order
    ).splitlines()
    assert set(eval(looks)) == {("SourceFileLoader", True, False)}
    assert counts == "1 1 []"
    assert leftovers == "[]"
    (told,) = interactions(cassette)
    assert told["client"].startswith(library.partition(".")[0])
    assert told["timings_ms"]["connect"] > 0
    assert told["connection"]["reused"] is False


def test_a_library_imported_after_the_recording_is_not_patched(cassette: Path) -> None:
    code = """
    import sys, recorder
    with recorder.record(sys.argv[1]):
        import http.client
    import requests, httplib2
    patched = [n for m in ("http.client", "urllib3.connection", "urllib3.connectionpool", "httplib2")
               for k in vars(sys.modules[m]).values() if isinstance(k, type) and k.__module__ == m
               for n, f in vars(k).items() if hasattr(f, "_recorder_original")]
    print(patched)
    """
    assert run(code, str(cassette)) == "[]\n"


def test_recording_imports_no_client(cassette: Path) -> None:
    code = """
    import sys, recorder
    with recorder.record(sys.argv[1]):
        pass
    clients = ("http", "urllib3", "requests", "httplib2", "ssl")
    print([name for name in sys.modules if name.partition(".")[0] in clients])
    """
    assert run(code, str(cassette)) == "[]\n"


BROKEN = {
    "an error of its own": "raise ValueError('not today')",
    "a missing part": "import no_such_part",
    "no Python": "def",
    "an exit": "raise SystemExit(3)",
}


@pytest.mark.parametrize("what", BROKEN)
def test_an_import_that_fails_fails_as_ever(what: str, tmp_path: Path, cassette: Path) -> None:
    (tmp_path / "httplib2.py").write_text(BROKEN[what])
    code = """
    import pathlib, sys
    def attempt():
        try:
            import httplib2
        except BaseException as error:
            return type(error).__name__, str(error), "httplib2" in sys.modules, error.__cause__, error.__context__
    bare = attempt()
    import recorder
    with recorder.record(sys.argv[1]) as recording:
        assert attempt() == bare, (attempt(), bare)
        pathlib.Path(sys.argv[2]).write_text("class Http: pass")
        import importlib, os
        importlib.invalidate_caches()
        sys.dont_write_bytecode = True
        import httplib2
        assert httplib2.Http
    assert attempt() is None
    print(bare[0], recording.lost)
    """
    kind, lost = run(code, str(cassette), str(tmp_path / "httplib2.py"), path=str(tmp_path)).split(" ", 1)
    assert kind in ("ValueError", "ModuleNotFoundError", "SyntaxError", "SystemExit")
    assert lost == "{}\n"


def test_a_library_that_is_not_what_it_should_be_is_told_once_and_works_on(
    tmp_path: Path, cassette: Path, origin: Origin
) -> None:
    folder = tmp_path / "urllib3"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "connectionpool.py").write_text("class HTTPConnectionPool:\n    answer = 42\n")
    code = """
    import sys, io, recorder
    sys.stderr = io.StringIO()
    with recorder.record(sys.argv[1]) as recording:
        from urllib3.connectionpool import HTTPConnectionPool
        assert HTTPConnectionPool.answer == 42
        import urllib.request
        urllib.request.urlopen(sys.argv[2]).read()
    told, sys.stderr = sys.stderr.getvalue(), sys.__stderr__
    print(recording.interactions, recording.lost, told.count(chr(10)), told)
    """
    out = run(code, str(cassette), origin.url + "/json", path=str(tmp_path))
    assert out.startswith("1 {'urllib3.connectionpool could not be tapped': 0} 1 recorder: ")


def test_other_finders_that_ask_all_finders_work(cassette: Path, origin: Origin) -> None:
    """Tracers watch imports too; each asks the others, in whichever way."""
    code = """
    import importlib.util, sys, recorder

    class Naive:
        busy = 0
        def find_spec(self, name, path, target=None):
            if name not in ("http.client", "urllib3.connection"):
                return None
            self.busy += 1
            assert self.busy < 5, "round and round"
            for finder in list(sys.meta_path):
                if finder is not self:
                    spec = finder.find_spec(name, path, target)
                    if spec is not None:
                        spec.loader = Loader(spec.loader)
                        return spec

    class Careful:
        busy = False
        def find_spec(self, name, path, target=None):
            if name != "urllib3.connectionpool" or self.busy:
                return None
            self.busy = True
            try:
                spec = importlib.util.find_spec(name)
                spec.loader = Loader(spec.loader)
                return spec
            finally:
                self.busy = False

    class Loader:
        def __init__(self, loader):
            self.loader = loader
        def create_module(self, spec):
            return self.loader.create_module(spec)
        def exec_module(self, module):
            self.loader.exec_module(module)
            module.watched = getattr(module, "watched", 0) + 1

    hooks = [Naive(), Careful()]
    if sys.argv[3] == "before":
        sys.meta_path[:0] = hooks
    with recorder.record(sys.argv[1]) as recording:
        if sys.argv[3] == "after":
            sys.meta_path[:0] = hooks
        import requests
        requests.get(sys.argv[2], timeout=20)
    names = ("http.client", "urllib3.connection", "urllib3.connectionpool")
    watched = [sys.modules[name].watched for name in names]
    assert sys.meta_path[:2] == hooks
    kinds = {type(each).__name__ for name in names
             for each in (sys.modules[name].__loader__, sys.modules[name].__spec__.loader)}
    assert kinds == {"Loader"}, kinds
    print(watched, recording.interactions)
    """
    for order in ("before", "after"):
        path = cassette.with_name(order)
        assert run(code, str(path), origin.url + "/json", order) == "[1, 1, 1] 1\n"
        (told,) = interactions(path)
        assert told["timings_ms"]["connect"] > 0


def test_a_library_imported_lazily_is_recorded(cassette: Path, origin: Origin) -> None:
    code = """
    import importlib.util, sys, recorder
    with recorder.record(sys.argv[1]) as recording:
        import http
        spec = importlib.util.find_spec("http.client")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules["http.client"] = http.client = module
        spec.loader.exec_module(module)
        connection = module.HTTPConnection("localhost", int(sys.argv[2]))
        connection.request("GET", "/json")
        connection.getresponse().read()
        connection.close()
    print(recording.interactions)
    """
    assert run(code, str(cassette), str(origin.port)) == "1\n"


AGAIN = {
    "reloaded": "import importlib, http.client, urllib3.connection as c\n"
    "importlib.reload(http.client); importlib.reload(c)",
    "forgotten": "import sys, http, http.client\n"
    "for name in [n for n in sys.modules if n.startswith(('urllib3', 'requests', 'http.client'))]:\n"
    "    del sys.modules[name]\ndel http.client",
}


@pytest.mark.parametrize("how", AGAIN)
def test_a_library_that_is_loaded_again_is_recorded_again_and_once(how: str, cassette: Path, origin: Origin) -> None:
    code = """
    import sys, recorder, requests
    url = sys.argv[2]
    old = requests
    with recorder.record(sys.argv[1]) as recording:
        old.get(url, timeout=20)
        exec(sys.argv[3])
        import http.client, requests, urllib.parse
        requests.get(url, timeout=20)
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
        connection.request("GET", "/json")
        connection.getresponse().read()
        connection.close()
        old.get(url, timeout=20)
    with recorder.record(sys.argv[1] + "2") as second:
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
        connection.request("GET", "/json")
        connection.getresponse().read()
        connection.close()
    print(recording.seen, recording.interactions, recording.lost, second.interactions)
    """
    assert run(code, str(cassette), origin.url + "/json", AGAIN[how]) == "4 4 {} 1\n"


def test_a_library_that_another_thread_is_loading_when_the_recording_begins_is_recorded(
    cassette: Path, origin: Origin
) -> None:
    code = """
    import sys, threading
    import recorder.session, recorder.taps.seams
    import recorder.redact.engine, recorder.redact.policy_file  # no import may wait for the slow one

    reached, go_on = threading.Event(), threading.Event()

    class Slow:
        def find_spec(self, name, path, target=None):
            # Asked by http.client and by urllib3.connection in the middle of their own loading.
            if name in ("email.parser", "urllib3.util.ssl_match_hostname") and not go_on.is_set():
                reached.set()
                assert go_on.wait(20)

    sys.meta_path.insert(0, Slow())

    def load():
        import requests

    thread = threading.Thread(target=load)
    thread.start()
    assert reached.wait(20)
    with recorder.record(sys.argv[1]) as recording:
        go_on.set()
        thread.join(20)
        import requests
        requests.get(sys.argv[2], timeout=20)
    print(recording.interactions, recording.lost)
    """
    assert run(code, str(cassette), origin.url + "/json") == "1 {}\n"
    (told,) = interactions(cassette)
    assert told["timings_ms"]["connect"] > 0


def test_a_module_found_but_not_loaded_keeps_a_loader_that_works(cassette: Path) -> None:
    code = """
    import importlib.util, inspect, sys, recorder
    with recorder.record(sys.argv[1]):
        spec = importlib.util.find_spec("http.client")
        bare = type(importlib.util.find_spec("http.cookies").loader)
        assert "class HTTPConnection" in spec.loader.get_source("http.client")
        assert spec.loader.is_package("http.client") is False
        assert spec.loader.path == spec.origin == spec.loader.get_filename("http.client")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not hasattr(module.HTTPConnection.send, "_recorder_original")
    assert type(module.__loader__) is type(module.__spec__.loader) is bare
    """
    assert run(code, str(cassette)) == ""


def test_the_law_holds_for_every_row_of_the_table() -> None:
    assert len({(seam.module, seam.owner, seam.name) for seam in seams.TABLE}) == len(seams.TABLE)
    for seam in seams.TABLE:
        home, _, function = seam.tap.partition(":")
        tap: Callable[..., Any] = getattr(import_module(home), function)
        assert tap.__doc__
        assert list(inspect.signature(tap).parameters) == ["original"]
        assert hasattr(import_module(home), "forget") or home.endswith((".urllib3", ".httplib2"))
