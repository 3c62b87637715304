from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

from recorder.bootstrap import child_environment, site_folder
from recorder.journal.append import Journal
from recorder.options import Options
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
OLD = ["python2.7", "python3.6", "python3.7", "python3.8", "python3.9", "python3.10"]
NEW = ["python3.11", "python3.12", "python3.13", "python3.14"]


class Run:
    """A cassette and a file for notes, and processes that find both in their environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cassette = folder / "c.jsonl"
        self.notes = folder / "notes"
        self.notes.touch()
        self.journal = Journal.create(self.cassette, durability="none")

    def environment(self, *, path: str = str(ROOT)) -> dict[str, str]:
        before = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "RECORDER_"))}
        return child_environment(
            {**before, "PYTHONPATH": path},
            cassette=str(self.cassette),
            run=self.journal.run,
            options=Options(durability="none"),
            redaction=f"none {self.journal.run}",
            notes=str(self.notes),
        )

    def python(
        self, program: str, *options: str, path: str = str(ROOT), name: str = sys.executable
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [name, *options, "-c", textwrap.dedent(program)],
            capture_output=True,
            text=True,
            env=self.environment(path=path),
            cwd=self.folder,
            timeout=60,
            check=False,
        )

    def noted(self) -> list[list[str]]:
        """Give kind and detail of each note."""
        fields = [line.split("\t") for line in self.notes.read_text().splitlines()]
        return [[kind, detail] for kind, _pid, _version, _executable, detail in fields]

    def urls(self) -> list[str]:
        lines = [json.loads(line) for line in self.cassette.read_bytes().splitlines()]
        return [line["request"]["url"] for line in lines if line["type"] == "interaction"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    made.journal.close()


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with Origin() as server:
        yield f"http://127.0.0.1:{server.port}"


def installed(name: str) -> str:
    path = shutil.which(name)
    if path is None or subprocess.run([path, "-c", ""], capture_output=True, check=False, timeout=60).returncode:
        pytest.skip(f"{name} is not installed")
    return path


def test_it_stands_aside_as_if_there_were_none(run: Run) -> None:
    done = run.python("""
        import sys
        places = [*sys.path, *sys.path_importer_cache]
        print("sitecustomize" in sys.modules, any("bootstrap" in place for place in places))
        try:
            import sitecustomize
        except ModuleNotFoundError as error:
            print(error.name)
    """)
    assert (done.stdout, done.stderr) == ("False False\nsitecustomize\n", "")


def test_the_sitecustomize_that_it_hides_is_imported_as_python_would(run: Run) -> None:
    mine = run.folder / "mine"
    mine.mkdir()
    (mine / "sitecustomize.py").write_text("import sys; print(__name__, sys.modules[__name__].__file__)\nVALUE = 1\n")
    done = run.python("import sitecustomize; print(sitecustomize.VALUE)", path=f"{mine}{os.pathsep}{ROOT}")
    assert (done.stdout, done.stderr) == (f"sitecustomize {mine / 'sitecustomize.py'}\n1\n", "")


def test_a_package_that_it_hides_is_imported_too(run: Run) -> None:
    package = run.folder / "mine" / "sitecustomize"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from sitecustomize.inner import VALUE\n")
    (package / "inner.py").write_text("VALUE = 2\n")
    path = f"{run.folder / 'mine'}{os.pathsep}{ROOT}"
    done = run.python("import sitecustomize; print(sitecustomize.VALUE)", path=path)
    assert (done.stdout, done.stderr) == ("2\n", "")


@pytest.mark.parametrize("text", ["1 / 0", "import no_such_module", "this is no python", "import sys; sys.exit(3)"])
def test_what_goes_wrong_in_the_hidden_one_looks_as_it_does_without_us(run: Run, text: str) -> None:
    mine = run.folder / "mine"
    mine.mkdir()
    (mine / "sitecustomize.py").write_text(text)
    path = f"{mine}{os.pathsep}{ROOT}"
    bare = subprocess.run(
        [sys.executable, "-c", "print('ran')"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        timeout=60,
        check=False,
    )
    done = run.python("print('ran')", path=path)
    assert (done.returncode, done.stdout) == (bare.returncode, bare.stdout)
    assert done.stderr.splitlines()[-1:] == bare.stderr.splitlines()[-1:]


def test_usercustomize_is_left_alone(run: Run) -> None:
    (run.folder / "mine").mkdir()
    (run.folder / "mine" / "usercustomize.py").write_text("print('user')\n")
    done = run.python("pass", path=f"{run.folder / 'mine'}{os.pathsep}{ROOT}")
    if not run.python("import site; print(site.ENABLE_USER_SITE)").stdout.startswith("True"):
        pytest.skip("no usercustomize in a virtual environment")
    assert done.stdout == "user\n"


def test_an_armed_process_waits_and_a_client_makes_it_join(run: Run) -> None:
    run.python("pass")
    assert run.noted() == [["armed", ""]]
    run.python("import http.client")
    assert run.noted() == [["armed", ""], ["armed", ""], ["joined", ""]]


def test_a_request_is_recorded_however_the_client_is_imported(run: Run, origin: str) -> None:
    in_a_thread = (
        "import threading; t = threading.Thread(target=__import__, args=('http.client',)); t.start(); t.join()"
    )
    ways = [
        "import urllib.request as u",
        "import importlib.util; importlib.util.find_spec('http.client'); import urllib.request as u",
        "import importlib; importlib.import_module('http.client'); import urllib.request as u",
        f"{in_a_thread}; import urllib.request as u",
    ]
    for number, way in enumerate(ways):
        done = run.python(f"{way}\nprint(u.urlopen('{origin}/json?{number}').status)")
        assert (done.stdout, done.stderr) == ("200\n", "")
    assert run.urls() == [f"{origin}/json?{number}" for number in range(len(ways))]


def test_joining_loads_the_client_once_and_leaves_its_loader_as_it_is(run: Run) -> None:
    done = run.python("""
        import sys
        import http.client, http
        spec = http.client.__spec__
        print(type(spec.loader).__name__, spec.loader is http.client.__loader__, sorted(vars(spec.loader)))
        print(sys.modules["http.client"] is http.client)
    """)
    assert (done.stdout, done.stderr) == ("SourceFileLoader True ['name', 'path']\nTrue\n", "")
    assert run.noted() == [["armed", ""], ["joined", ""]]


def test_a_client_that_was_loaded_before_us_is_recorded(run: Run, origin: str) -> None:
    program = f"""if True:
        import sys, urllib.request as u
        sys.path.insert(0, {site_folder()!r})
        import recorder_arming
        recorder_arming.arm()
        u.urlopen("{origin}/json?late").read()
    """
    environment = {**run.environment(), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)
    assert run.noted() == [["armed", ""], ["joined", ""]]
    assert run.urls() == [f"{origin}/json?late"]


def test_clients_that_are_not_supported_are_noted_once_when_they_are_there(run: Run) -> None:
    (run.folder / "pycurl.py").touch()
    done = run.python("""
        import pycurl, sys
        del sys.modules["pycurl"]
        import pycurl
        try:
            import geventhttpclient
        except ImportError:
            print("absent")
    """)
    assert done.stdout == "absent\n"
    assert run.noted() == [["armed", ""], ["client", "pycurl"]]


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os; os.unlink({cassette!r}); import http.client", "CassetteNotFoundError: {cassette} is gone"),
        ("import sys; sys.modules['orjson'] = None; import http.client", "ModuleNotFoundError: "),
        ("import sys; sys.path[:] = sys.path[1:]; sys.path.remove({root!r}); import http.client", "no module recorder"),
        ("import sys, types; sys.modules['recorder'] = types.ModuleType('recorder'); import http.client", "of its own"),
    ],
)
def test_a_failure_to_record_is_noted_and_the_import_goes_on(run: Run, program: str, reason: str) -> None:
    names = {"cassette": str(run.cassette), "root": str(ROOT)}
    done = run.python(program.format(**names) + "; print(http.client.OK)")
    assert (done.stdout, done.stderr) == ("200\n", "")
    _, (kind, detail) = run.noted()
    assert kind == "failed"
    assert reason.format(**names) in detail


def test_options_that_cannot_be_read_are_noted(run: Run) -> None:
    environment = {**run.environment(), "RECORDER_OPTIONS": "{"}
    subprocess.run([sys.executable, "-c", "import http.client"], env=environment, check=True, timeout=60)
    assert run.noted()[1][0] == "failed"
    assert "UsageError" in run.noted()[1][1]


@pytest.mark.parametrize("name", ["RECORDER_NOTES", "RECORDER_CASSETTE"])
def test_a_part_of_the_environment_that_is_missing_is_no_error(run: Run, name: str) -> None:
    environment = {key: value for key, value in run.environment().items() if key != name}
    done = subprocess.run(
        [sys.executable, "-c", "import http.client"], env=environment, capture_output=True, check=True, timeout=60
    )
    assert done.stderr == b""


def test_notes_hold_one_line_each_whatever_is_in_them(run: Run) -> None:
    from recorder.bootstrap.site import recorder_arming

    recorder_arming.note(str(run.notes), "failed", "two\nlines\tand tabs \udcff" + "x" * 10_000)
    (fields,) = [line.split("\t") for line in run.notes.read_text().splitlines()]
    assert len(fields) == 5
    assert fields[4].startswith("two lines and tabs \\udcff")
    assert len(fields[4]) < 500
    recorder_arming.note(str(run.folder / "gone"), "armed")  # no file, no note, no error
    assert not (run.folder / "gone").exists()


def test_notes_are_bounded(run: Run) -> None:
    run.notes.write_bytes(b"x" * (1024 * 1024))
    run.python("pass")
    assert run.notes.stat().st_size == 1024 * 1024


@pytest.mark.parametrize("name", OLD)
def test_a_python_too_old_to_record_starts_unharmed_and_is_noted(run: Run, name: str) -> None:
    done = run.python("import sys; sys.stdout.write(str('sitecustomize' in sys.modules))", name=installed(name))
    assert (done.returncode, done.stdout, done.stderr) == (0, "False", "")
    assert run.noted() == [["old", ""]]


@pytest.mark.parametrize("name", NEW)
def test_a_python_that_lacks_the_recorder_starts_unharmed_and_is_noted(run: Run, name: str) -> None:
    program = "import http.client; print(http.client.OK.value)"
    done = run.python(program, "-X", "dev", name=installed(name), path="/nowhere")
    assert done.returncode == 0
    assert done.stdout == "200\n"
    assert "recorder" not in done.stderr
    assert run.noted()[0] == ["armed", ""]


def test_sitecustomize_is_written_for_every_python() -> None:
    text = (Path(site_folder()) / "sitecustomize.py").read_text()
    tree = ast.parse(text, feature_version=(3, 4))
    newer = (ast.AnnAssign, ast.JoinedStr, ast.NamedExpr, ast.FunctionDef, ast.ClassDef, ast.With, ast.AsyncFunctionDef)
    assert [type(node).__name__ for node in ast.walk(tree) if isinstance(node, newer)] == []
    assert text.isascii()


def test_a_process_without_http_loads_one_small_module(run: Run) -> None:
    program = "import sys; print(len(sys.modules), 'recorder_arming' in sys.modules)"
    bare = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=bare, check=True, timeout=60
    )
    modules = int(done.stdout.split()[0])
    assert run.python(program).stdout == f"{modules + 1} True\n"


@pytest.mark.full
def test_a_process_without_http_pays_next_to_nothing(run: Run) -> None:
    # The best of many: other work on the machine only ever adds. Measured: 0.7 ms of 12.
    program = [sys.executable, "-c", "pass"]
    bare = {name: value for name, value in run.environment().items() if not name.startswith("RECORDER_")}
    bare["PYTHONPATH"] = str(ROOT)

    def seconds(environment: dict[str, str]) -> float:
        begun = time.perf_counter()
        subprocess.run(program, env=environment, check=True, timeout=60)
        return time.perf_counter() - begun

    pairs = [(seconds(bare), seconds(run.environment())) for _ in range(40)]
    extra = min(armed for _, armed in pairs) - min(bare for bare, _ in pairs)
    assert extra < 0.010, f"{extra * 1000:.2f} ms; medians {median(b for b, _ in pairs)}, {median(a for _, a in pairs)}"
    assert run.noted() == [["armed", ""]] * 40
