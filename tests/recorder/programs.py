"""Programs that are recorded in a process of their own, because they fork, are killed, or close what is not theirs.

Law: each function is one program, run by `python -m tests.recorder.programs NAME ARGUMENTS…` (see `command`). It makes
its requests with http.client, each with an `id` in its query that no other one has, and exits with 0 when all went as a
bare program would go.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import multiprocessing
import os
import random
import resource
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import recorder
from recorder.journal.append import Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, Self

ROOT = Path(__file__).parents[2]
BODY_LIMIT = 4096
SIZES = (0, 100, 3000, 4096, 4097, 50_000, 300_000)
FRAMINGS = ("length", "chunked", "close")


def command(name: str, *arguments: object) -> list[str]:
    """The command that runs a program. It must be run in ROOT."""
    return [
        sys.executable,
        "-W",
        "ignore::DeprecationWarning",
        "-m",
        "tests.recorder.programs",
        name,
        *map(str, arguments),
    ]


class Client:
    """A connection to the origin, and the requests that went through it. Closed by a `with` block."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def get(self, target: str) -> bytes:
        """GET the target; read the response to its end."""
        self.connection.request("GET", target)
        response = self.connection.getresponse()
        body = response.read()
        assert response.status == 200, response.status
        return body

    def post(self, target: str, body: bytes) -> bytes:
        """POST a body; read the response to its end."""
        self.connection.request("POST", target, body)
        return self.connection.getresponse().read()


# Killed


def dying(url: str, cassette: str, acknowledge: str, threads: str, seed: str, mode: str) -> NoReturn:
    """Record from several threads until killed; write the id of each response that was read into a pipe."""
    recorder.start(cassette, body_limit=BODY_LIMIT, mode=mode)  # type: ignore[arg-type] # one of the modes
    pipe = int(acknowledge)

    def work(thread: int) -> None:
        dice = random.Random(f"{seed}-{thread}")
        client = Client(url)
        for number in itertools.count():
            size, framing = dice.choice(SIZES), dice.choice(FRAMINGS)
            kind = dice.choice(("text", "random"))
            name = f"{thread}.{number}"
            if dice.random() < 0.2:
                client.post(f"/sink?id={name}", b"\xe9" * size)
            else:
                body = client.get(f"/bytes/{size}?kind={kind}&framing={framing}&chunk=7000&id={name}")
                assert len(body) == size
            os.write(pipe, f"{name}\n".encode())

    for thread in range(int(threads)):
        threading.Thread(target=work, args=(thread,)).start()
    while True:
        time.sleep(60)


def tearing(cassette: str, acknowledge: str, mode: str) -> NoReturn:
    """Append long records until killed; write the number of each into a pipe when it is there."""
    journal = Journal.create(cassette, mode=mode, durability="none")  # type: ignore[arg-type] # one of the modes
    pipe = int(acknowledge)
    fill = b"x" * 6_000_000
    for number in itertools.count():
        assert journal.append(b'{"type":"x-test","number":%d,"fill":"%s"}\n' % (number, fill))
        os.write(pipe, f"{number}\n".encode())
    raise AssertionError


# A full disk


def limited(url: str, cassette: str, on_error: str) -> None:
    """Record while files may not grow beyond 100,000 bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    client = Client(url)
    told = []
    with recorder.record(cassette, on_error=on_error) as recording:  # type: ignore[arg-type] # one of them
        for number in range(20):
            try:
                assert len(client.get(f"/bytes/9000?kind=random&id={number}")) == 9000
            except recorder.RecorderError as error:
                told.append(error)
                client.connection.close()
    assert told == ([recording.failure] if on_error == "raise" else [])
    assert recording.failure is not None
    assert recording.seen == recording.interactions + sum(recording.lost.values()) == 20, recording.counts()
    sys.stdout.write(str(recording.interactions))


# Forked


def fork_midway(url: str, cassette: str) -> None:
    """Fork between two requests, on an open connection. One child ends as programs end, the other one at once."""
    recording = recorder.start(cassette)
    client = Client(url)
    client.get("/json?id=parent-1")
    for child in ("clean", "abrupt"):
        if os.fork() == 0:
            own = Client(url)
            for number in range(3):
                own.get(f"/bytes/500?id={child}-{number}")
            if child == "clean":
                assert recording.seen == 3
                sys.exit(0)
            os._exit(0)
        assert os.wait()[1] == 0
    client.get("/json?id=parent-2")
    assert recording.seen == recording.interactions == 2
    recording.stop()


def fork_among_threads(url: str, cassette: str, children: str) -> None:
    """Fork again and again while other threads record; each child records, too."""
    # Python itself hangs in a child that was forked while another thread imported what the child imports, too; making a
    # first connection imports something.
    Client(url).get("/json?id=unrecorded")
    recording = recorder.start(cassette, body_limit=BODY_LIMIT)
    ending = threading.Event()
    made = itertools.count()
    done: list[int] = []

    def work() -> None:
        client = Client(url)
        while not ending.is_set():
            number = next(made)
            assert (
                len(client.get(f"/bytes/{SIZES[number % len(SIZES)]}?id=parent-{number}")) == SIZES[number % len(SIZES)]
            )
            done.append(number)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for child in range(int(children)):
        if os.fork() == 0:
            own = Client(url)
            for number in range(4):
                own.get(f"/bytes/{SIZES[number]}?id=child-{child}-{number}")
            os._exit(0)
        time.sleep(0.01)
    for _ in range(int(children)):
        assert os.wait()[1] == 0
    ending.set()
    for thread in threads:
        thread.join()
    recording.stop()
    sys.stdout.write(str(len(done)))


def fork_then_threads(url: str, cassette: str) -> None:
    """Let several threads of a child begin at once, before anything in it has met the recorder."""
    recording = recorder.start(cassette)
    Client(url).get("/json?id=parent")
    after_fork = Journal.after_fork

    def slowly(journal: Journal) -> None:
        time.sleep(0.05)  # so that the other thread comes in between
        after_fork(journal)

    Journal.after_fork = slowly  # type: ignore[method-assign, assignment] # to be in time
    if os.fork() == 0:
        _make_requests(url, "child", 3)
        recording.stop()
        os._exit(0)
    assert os.wait()[1] == 0
    recording.stop()


def fork_in_a_response(url: str, cassette: str) -> None:
    """Fork in the middle of a response; the child drops it, or reads what is buffered of it, or reads to its end."""
    recording = recorder.start(cassette, body_limit=BODY_LIMIT)
    for name, size in (("dropped", 50_000), ("buffered", 3000), ("taken", 50_000)):
        client = Client(url)
        client.connection.request("GET", f"/bytes/{size}?id={name}")
        response = client.connection.getresponse()
        assert len(response.read(1000)) == 1000
        child = os.fork()
        if child == 0:
            if name == "dropped":
                response.close()
            else:
                assert len(response.read()) == size - 1000
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        if name == "taken":
            response.close()
        else:
            assert len(response.read()) == size - 1000
        client.connection.close()
    recording.stop()
    assert recording.seen == recording.interactions == 3, recording.counts()


def fork_and_stop(url: str, cassette: str, mode: str) -> None:
    """Let a child stop the recording that it inherited: only its own part ends."""
    recording = recorder.start(cassette, mode=mode)  # type: ignore[arg-type] # one of the modes
    client = Client(url)
    client.get("/json?id=before")
    before = http.client.HTTPConnection.send
    if os.fork() == 0:
        own = Client(url)
        own.get("/json?id=child")
        recording.stop()
        assert http.client.HTTPConnection.send is not before
        own.get("/json?id=unrecorded")
        os._exit(0)
    assert os.wait()[1] == 0
    if mode == "overwrite":
        assert Path(cassette).read_bytes() == b"old"
    client.get("/json?id=after")
    recording.stop()


def crowd(url: str, cassette: str, processes: str, requests: str) -> None:
    """Let many processes append at once, each from two threads."""
    recording = recorder.start(cassette, body_limit=BODY_LIMIT)
    children = []
    for child in range(int(processes)):
        number = os.fork()
        if number == 0:
            Client(url).get(f"/json?id=crowd-{child}-first")
            _make_requests(url, f"crowd-{child}", int(requests))
            recording.stop()
            os._exit(0)
        children.append(number)
    assert all(os.waitpid(number, 0)[1] == 0 for number in children)
    recording.stop()


def requests(url: str, name: str, count: str) -> None:
    """Make requests, recorded or not, from two threads."""
    _make_requests(url, name, int(count))


def _make_requests(url: str, name: str, count: int) -> None:
    failed = []

    def work(part: int) -> None:
        try:
            client = Client(url)
            for number in range(count):
                size = SIZES[number % len(SIZES)]
                assert len(client.get(f"/bytes/{size}?kind=random&id={name}-{part}-{number}")) == size
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=work, args=(part,)) for part in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def pool(url: str, method: str) -> None:
    """Let a pool of workers make requests. The recording is the environment's."""
    context: Any = multiprocessing.get_context(method)
    with context.Pool(3) as workers:
        sizes = workers.starmap(_fetch, [(url, number) for number in range(12)])
    assert sizes == [SIZES[number % 4] for number in range(12)]


def executor(url: str, cassette: str) -> None:
    """Let a pool that forks make requests under a recording that this very process began."""
    from concurrent.futures import ProcessPoolExecutor

    with recorder.record(cassette):
        Client(url).get("/json?id=parent")
        with ProcessPoolExecutor(3, multiprocessing.get_context("fork")) as workers:
            sizes = list(workers.map(_fetch, [url] * 12, range(12)))
    assert sizes == [SIZES[number % 4] for number in range(12)]


def _fetch(url: str, number: int) -> int:
    return len(Client(url).get(f"/bytes/{SIZES[number % 4]}?id=worker-{number}"))


def daemon(url: str, cassette: str, folder: str) -> None:
    """Become a daemon in the old way: fork twice, close everything, open files of one's own under the same numbers."""
    recording = recorder.start(cassette)
    Client(url).get("/json?id=before")
    done, finished = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        os.chdir("/")
        os.umask(0)
        last = os.dup2(finished, 300)
        os.closerange(0, 256)
        own = [os.open(f"{folder}/own-{number}", os.O_RDWR | os.O_CREAT) for number in range(20)]
        client = Client(url)
        for number in range(3):
            client.get(f"/bytes/5000?id=daemon-{number}")
            for descriptor in own:
                os.write(descriptor, b"own")
        recording.stop()
        for descriptor in own:
            os.write(descriptor, b"own")
        os.write(last, b"done")
        os._exit(0)
    os.close(finished)
    os.wait()
    assert os.read(done, 10) == b"done"
    Client(url).get("/json?id=after")
    recording.stop()


def closing(url: str, cassette: str, folder: str) -> None:
    """Close every descriptor in the middle of a recording, and open files of one's own under the same numbers."""
    recording = recorder.start(cassette)
    for turn in range(3):
        client = Client(url)
        client.get(f"/bytes/5000?id={turn}")
        os.closerange(3, 256)
        with contextlib.suppress(OSError):
            client.connection.close()
        for number in range(30):
            descriptor = os.open(f"{folder}/own-{turn}-{number}", os.O_RDWR | os.O_CREAT)
            os.write(descriptor, b"own")
    recording.stop()
    os.closerange(3, 256)
    assert recording.seen == recording.interactions == 3
    assert recording.failure is None


PROGRAMS: tuple[Callable[..., None], ...] = (
    closing,
    crowd,
    daemon,
    dying,
    executor,
    fork_among_threads,
    fork_and_stop,
    fork_in_a_response,
    fork_midway,
    fork_then_threads,
    limited,
    pool,
    requests,
    tearing,
)

if __name__ == "__main__":
    {program.__name__: program for program in PROGRAMS}[sys.argv[1]](*sys.argv[2:])
