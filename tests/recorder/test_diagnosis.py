from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import tracemalloc
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from recorder import diagnosis

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
LINUX = sys.platform == "linux"
JEMALLOC = next(Path("/usr/lib").glob("*/libjemalloc.so.2"), None) if LINUX else None


@pytest.fixture(autouse=True)
def _untraced() -> Iterator[None]:
    yield
    tracemalloc.stop()
    diagnosis._growth._before = None


def in_a_process(program: str, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", f"import json\nfrom recorder import diagnosis\n{program}"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=True,
        timeout=60,
    )
    assert done.stderr == b""
    return json.loads(done.stdout)


def test_a_sample_has_every_figure_and_is_plain_json() -> None:
    taken = diagnosis.sample(7)
    assert list(taken) == ["interactions", "memory", "allocator", "descriptors", "objects", "growth"]
    assert taken["interactions"] == 7
    assert json.loads(json.dumps(taken)) == taken
    figures = [*taken["memory"].values(), *taken["allocator"].values(), *taken["objects"].values()]
    assert all(figure is None or (type(figure) is int and figure >= 0) for figure in figures)


@pytest.mark.skipif(not LINUX, reason="figures of Linux")
def test_memory_is_what_the_kernel_says() -> None:
    memory = diagnosis.sample(0)["memory"]
    statm = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert abs(memory["rss"] - statm) < 8_000_000
    assert memory["rss_peak"] >= memory["rss"] - 1_000_000
    assert 0 < memory["private_dirty"] <= memory["rss"]
    assert memory["pss"] <= memory["rss"]
    assert memory["swap"] is not None


@pytest.mark.skipif(not LINUX, reason="figures of Linux")
def test_growth_of_memory_shows_in_memory_and_allocator() -> None:
    before = diagnosis.sample(0)
    held = bytearray(64_000_000)
    held[::4096] = b"x" * len(held[::4096])
    after = diagnosis.sample(1)
    assert after["memory"]["rss"] - before["memory"]["rss"] > 60_000_000
    assert after["memory"]["private_dirty"] - before["memory"]["private_dirty"] > 60_000_000
    if before["allocator"]["in_use"] is not None:
        assert after["allocator"]["in_use"] - before["allocator"]["in_use"] > 60_000_000
        assert after["allocator"]["mmapped"] - before["allocator"]["mmapped"] > 60_000_000
    assert len(held) == 64_000_000


@pytest.mark.skipif(JEMALLOC is None, reason="jemalloc is not installed")
def test_jemalloc_tells_its_figures_where_it_is_preloaded() -> None:
    program = "a = diagnosis.sample(0)['allocator']; held = bytearray(32_000_000); b = diagnosis.sample(0)['allocator']"
    before, after = in_a_process(f"{program}; print(json.dumps([a, b]))", LD_PRELOAD=str(JEMALLOC))
    assert None not in (before["arena"], before["in_use"], before["resident"], before["retained"])
    assert after["in_use"] - before["in_use"] > 30_000_000


def test_descriptors_are_counted() -> None:
    before = diagnosis.sample(0)["descriptors"]
    ends = socket.socketpair()
    assert diagnosis.sample(0)["descriptors"] == before + 2
    for end in ends:
        end.close()


def test_live_objects_are_counted_and_gone_ones_are_not() -> None:
    import requests
    import urllib3

    names = ("ssl_contexts", "sockets", "connections", "pools", "sessions")
    before = diagnosis.sample(0)["objects"]
    session = requests.Session()
    held = [
        ssl.create_default_context(),
        socket.socket(),
        http.client.HTTPSConnection("localhost"),
        urllib3.HTTPSConnectionPool("localhost"),
        session,
    ]
    after = diagnosis.sample(0)["objects"]
    grown = {name: after[name] - before[name] for name in names}
    # The HTTPS connection of http.client makes a context of its own.
    assert grown == {"ssl_contexts": 2, "sockets": 1, "connections": 1, "pools": 1, "sessions": 1}
    held[1].close()  # type: ignore[attr-defined]
    del held, session
    assert {name: diagnosis.sample(0)["objects"][name] for name in names} == {name: before[name] for name in names}


def test_no_library_is_loaded_to_count_its_objects() -> None:
    program = "import sys; objects = diagnosis.sample(0)['objects']; print(json.dumps([objects, sorted(sys.modules)]))"
    objects, loaded = in_a_process(program)
    assert set(objects.values()) == {None}
    assert {"http.client", "ssl", "socket", "urllib3", "requests"}.isdisjoint(loaded)


def test_no_code_of_the_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Proxy:
        @property  # type: ignore[misc] # a lie about the class, as proxies tell it
        def __class__(self) -> type:
            raise AssertionError("asked for its class")

        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared")

        __hash__ = None  # type: ignore[assignment]

    class Lazy(types.ModuleType):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError("woken")

    held = [Proxy() for _ in range(3)]
    monkeypatch.setitem(sys.modules, "requests.sessions", Lazy("requests.sessions"))
    assert diagnosis.sample(0)["objects"]["sessions"] is None
    assert len(held) == 3


@pytest.mark.parametrize("stranger", [None, object(), 7])
def test_what_is_no_module_is_no_error(monkeypatch: pytest.MonkeyPatch, stranger: object) -> None:
    monkeypatch.setitem(sys.modules, "requests.sessions", stranger)
    assert diagnosis.sample(0)["objects"]["sessions"] is None


def test_growth_names_the_lines_that_allocate_most_since_the_last_sample() -> None:
    assert diagnosis.sample(0)["growth"] == []
    held = [bytes(1000) for _ in range(5000)]
    growth = diagnosis.sample(1)["growth"]
    assert len(growth) <= 10
    assert [one["size_diff"] for one in growth] == sorted((one["size_diff"] for one in growth), reverse=True)
    top = growth[0]
    assert top["site"].split(":")[0].endswith("test_diagnosis.py")
    assert top["size_diff"] >= 5_000_000
    assert top["count_diff"] >= 5000
    assert len(held) == 5000
    assert all(not one["site"].startswith(top["site"]) for one in diagnosis.sample(2)["growth"])


def test_a_site_does_not_tell_where_python_is_installed() -> None:
    import email.message

    diagnosis.sample(0)
    message = email.message.Message()
    message["a"] = "b"
    sites = [one["site"] for one in diagnosis.sample(1)["growth"]]
    assert any(site.startswith("email") for site in sites)
    assert not [site for site in sites if sys.prefix in site or sys.base_prefix in site]


def test_tracing_that_the_program_stopped_begins_anew() -> None:
    diagnosis.sample(0)
    tracemalloc.stop()
    assert diagnosis.sample(1)["growth"] == []
    assert tracemalloc.is_tracing()


def test_where_the_system_tells_nothing_there_are_nulls(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> Any:
        raise OSError("not here")

    monkeypatch.setattr("builtins.open", missing)
    monkeypatch.setattr(os, "listdir", missing)
    monkeypatch.setattr(diagnosis, "_library", lambda: None)
    monkeypatch.setitem(sys.modules, "resource", None)
    taken = diagnosis.sample(0)
    assert set(taken["memory"].values()) == {None}
    assert set(taken["allocator"].values()) == {None}
    assert taken["descriptors"] is None


def test_importing_it_starts_no_tracing() -> None:
    assert in_a_process("import tracemalloc; print(json.dumps(tracemalloc.is_tracing()))") is False
