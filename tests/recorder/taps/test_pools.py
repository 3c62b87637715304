"""Pool sharing: off unless asked for, and then never between sessions that would connect in different ways.

The server counts connections: that, and not what a pool says of itself, tells whether one was shared.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import shutil
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import LifoQueue
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

import recorder
from recorder.taps import pools
from tests.recorder.cassettes import interactions
from tests.recorder.taps.world import FAILED, SETTLED, TRUSTED, World, assert_seen, plainly, with_requests, with_urllib3
from tests.servers.origin import Origin
from tests.servers.proxy import Proxy
from tests.servers.routes import payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def plain() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin


@pytest.fixture
def sharing(tmp_path: Path) -> Iterator[recorder.Recording]:
    with recorder.record(tmp_path / "cassette.jsonl", share_pools=True) as recording:
        yield recording
    assert recording.lost == {}


@dataclass
class Connections:
    """Counts a server's connections from one moment on."""

    origin: Origin | Proxy
    before: int = field(init=False)

    def __post_init__(self) -> None:
        self.before = self.origin.counts.connections

    @property
    def count(self) -> int:
        return self.origin.counts.connections - self.before


# Whether connections are shared.


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("ask", [with_requests, with_urllib3])
def test_sessions_share_a_connection_only_when_asked_to(
    ask: Callable[..., Any], share: bool, world: World, tmp_path: Path
) -> None:
    connections = Connections(world.origins["ours"])
    settings = {"verify": world.bundle} if ask is with_requests else {"ca_certs": world.bundle}
    with recorder.record(tmp_path / "cassette.jsonl", share_pools=share) as recording:
        for _ in range(4):
            assert ask(world.urls["ours"] + "/whoami", **settings) == TRUSTED
    assert connections.count == (1 if share else 4)
    assert recording.interactions == 4
    told = [each["connection"] for each in interactions(tmp_path / "cassette.jsonl")]
    assert [each["reused"] for each in told] == [False, share, share, share]
    assert len({each["id"] for each in told}) == connections.count


def test_the_default_is_not_to_share(plain: Origin, tmp_path: Path) -> None:
    with recorder.record(tmp_path / "cassette.jsonl"):
        for _ in range(3):
            with_requests(plain.url + "/json")
    assert plain.counts.connections == 3


def test_plain_http_is_shared_too(plain: Origin, sharing: recorder.Recording) -> None:
    for _ in range(3):
        assert with_urllib3(plain.url + "/json")["ok"]
        assert with_requests(plain.url + "/json")["ok"]
    # The pools of requests keep ten connections, those of urllib3 one: their keys differ.
    assert plain.counts.connections == 2


Settings = dict[str, Any]


def differing(world: World) -> dict[str, tuple[Settings, Settings, list[Any]]]:
    """Give pairs of urllib3's settings that must not share, and what each of them sees, of the server `asking`."""
    trust: Settings = {"ca_certs": world.bundle}
    other = str(world.ours.client("other@example.org"))
    copy = world.folder / "copy.pem"
    shutil.copyfile(world.bundle, copy)
    here = [(6, 1, 1)]  # TCP_NODELAY, as urllib3 sets it itself
    mine = {"cert_file": world.client}
    return {
        "verification off, then on": ({"cert_reqs": "CERT_NONE"}, {"ca_certs": world.their_bundle}, [TRUSTED, FAILED]),
        "verification on, then off": (trust, trust | {"cert_reqs": "CERT_NONE"}, [TRUSTED, TRUSTED]),
        "one authority, then another": (trust, {"ca_certs": world.their_bundle}, [TRUSTED, FAILED]),
        "authority by file, then by text": (trust, {"ca_cert_data": copy.read_text()}, [TRUSTED, TRUSTED]),
        "authority in one file, then in another": (trust, {"ca_certs": str(copy)}, [TRUSTED, TRUSTED]),
        "authority, then the default ones": (trust, {}, [TRUSTED, FAILED]),
        "certificate, then none": (trust | mine, trust, [["client@example.org"], TRUSTED]),
        "no certificate, then one": (trust, trust | mine, [TRUSTED, ["client@example.org"]]),
        "one certificate, then another": (
            trust | mine,
            trust | {"cert_file": other},
            [["client@example.org"], ["other@example.org"]],
        ),
        "no name, then a name": (
            trust | {"assert_hostname": False},
            trust | {"assert_hostname": "elsewhere.example.org"},
            [TRUSTED, "doesn't match"],
        ),
        "any name, then this name": (trust | {"assert_hostname": False}, trust, [TRUSTED, TRUSTED]),
        "no fingerprint, then a wrong one": (
            trust,
            trust | {"assert_fingerprint": "00" * 32},
            [TRUSTED, "did not match"],
        ),
        "one version, then another": (
            trust | {"ssl_maximum_version": ssl.TLSVersion.TLSv1_2},
            trust | {"ssl_minimum_version": ssl.TLSVersion.TLSv1_3},
            [TRUSTED, TRUSTED],
        ),
        "one server name, then another": (
            trust | {"server_hostname": "localhost"},
            trust | {"server_hostname": "elsewhere.example.org"},
            [TRUSTED, "Hostname mismatch"],
        ),
        "from one address, then from another": (
            trust | {"source_address": ("127.0.0.1", 0)},
            trust | {"source_address": ("127.0.0.2", 0)},
            [TRUSTED, TRUSTED],
        ),
        "one option of the socket, then none": (trust | {"socket_options": here}, trust, [TRUSTED, TRUSTED]),
        "one size, then another": (trust | {"maxsize": 1}, trust | {"maxsize": 2}, [TRUSTED, TRUSTED]),
        "one block size, then another": (trust, trust | {"blocksize": 1000}, [TRUSTED, TRUSTED]),
        "waiting, then waiting": (trust | {"block": True}, trust | {"block": True}, [TRUSTED, TRUSTED]),
        "one's own headers, then others": (trust | {"headers": {"A": "1"}}, trust, [TRUSTED, TRUSTED]),
        "an encrypted key's password": (trust | {"key_password": "x"}, trust | {"key_password": "x"}, [TRUSTED] * 2),
    }


DIFFERING = [
    *("verification off, then on", "verification on, then off", "one authority, then another"),
    *("authority by file, then by text", "authority in one file, then in another", "authority, then the default ones"),
    *("certificate, then none", "no certificate, then one", "one certificate, then another", "no name, then a name"),
    *("any name, then this name", "no fingerprint, then a wrong one", "one version, then another"),
    *("one server name, then another", "from one address, then from another", "one option of the socket, then none"),
    *("one size, then another", "one block size, then another", "waiting, then waiting"),
    "an encrypted key's password",
]


@pytest.mark.parametrize("name", DIFFERING)
def test_sessions_with_different_settings_do_not_share(name: str, world: World, sharing: recorder.Recording) -> None:
    first, second, wanted = differing(world)[name]
    time.sleep(SETTLED)
    connections = Connections(world.origins["asking"])
    url = world.urls["asking"] + "/whoami"
    for round_ in (1, 2):
        assert_seen([with_urllib3(url, **first), with_urllib3(url, **second)], wanted)
        if round_ == 1:
            assert connections.count == 2


def test_managers_with_different_headers_share(plain: Origin, sharing: recorder.Recording) -> None:
    """A manager's headers go with each request: they are no setting of a connection."""
    for headers in ({"X-A": "1"}, {"X-A": "2"}):
        with urllib3.PoolManager(headers=headers) as pool:
            sent = pool.request("GET", plain.url + "/echo").json()["headers"]
            assert ["X-A", headers["X-A"]] in sent


def test_a_session_behind_a_proxy_does_not_use_a_direct_connection(plain: Origin, sharing: recorder.Recording) -> None:
    with Proxy() as one, Proxy() as another:
        routes: list[dict[str, str]] = [{}, {"http": one.url}, {"http": another.url}, {"http": one.url}, {}]
        for proxies in routes:
            assert with_requests(plain.url + "/json", proxies=proxies)["ok"]
        assert (one.counts.connections, len(one.counts.forwarded)) == (1, 2)
        assert (another.counts.connections, len(another.counts.forwarded)) == (1, 1)


def test_a_tunnel_is_used_by_those_with_the_same_proxy_and_credentials(
    world: World, sharing: recorder.Recording
) -> None:
    with Proxy(credentials="user:password") as proxy:

        def ask(credentials: str) -> Any:
            proxies = {"https": proxy.url.replace("//", f"//{credentials}@")}
            return with_requests(world.urls["ours"] + "/whoami", verify=world.bundle, proxies=proxies)

        assert ask("user:password") == TRUSTED
        assert ask("user:password") == TRUSTED
        assert "407 Refused" in ask("user:wrong")[0]
        assert ask("user:password") == TRUSTED
        assert (proxy.counts.connections, len(proxy.counts.tunnels), proxy.counts.refused) == (2, 1, 1)


# What changes behind the key's back.


class CarelessAdapter(requests.adapters.HTTPAdapter):
    """Sets on the pool, after it was chosen, what no key shows. Many programs do."""

    def __init__(self, **changes: Any) -> None:
        self.changes = changes
        super().__init__()

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        for name, value in self.changes.items():
            setattr(conn, name, value)


BEHIND: dict[str, tuple[dict[str, Any], str, Any]] = {
    "no verification": ({"cert_reqs": "CERT_NONE", "ca_certs": None}, "theirs", FAILED),
    "another authority": ({"ca_certs": "B"}, "theirs", FAILED),
    "no name": ({"assert_hostname": False}, "elsewhere", "Hostname mismatch"),
    "another name": ({"assert_hostname": "elsewhere.example.org"}, "elsewhere", "Hostname mismatch"),
    "a certificate": ({"cert_file": "client"}, "asking", TRUSTED),
    "a setting of connections": ({"conn_kw": {"server_hostname": "elsewhere.example.org"}}, "elsewhere", "mismatch"),
}


@pytest.mark.parametrize("name", BEHIND)
@pytest.mark.parametrize("careless_first", [True, False])
def test_what_an_adapter_sets_on_its_pool_is_its_own_affair(
    name: str, careless_first: bool, world: World, sharing: recorder.Recording
) -> None:
    changes, server, wanted = BEHIND[name]
    places = {"B": world.their_bundle, "client": world.client}
    changes = {key: places.get(value, value) if isinstance(value, str) else value for key, value in changes.items()}
    url = world.urls[server] + "/whoami"
    with requests.Session() as careless, requests.Session() as careful:
        careless.mount("https://", CarelessAdapter(**changes))
        for session in (careless, careful):
            session.trust_env = False
            session.verify = world.bundle

        def ask(session: requests.Session) -> Any:
            try:
                return session.get(url, timeout=20).json()
            except requests.RequestException as error:
                return plainly(error)

        if not careless_first:
            assert_seen([ask(careful)], [wanted])
        for _ in range(2):
            assert isinstance(ask(careless), list)
            assert "requests" not in str(ask(careless)), "it gets through"
            assert_seen([ask(careful)], [wanted])


def test_names_and_fingerprints_that_adapters_assert_are_told_apart(world: World, sharing: recorder.Recording) -> None:
    peer = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("localhost", world.origins["ours"].port)))
    changes: list[tuple[dict[str, Any], Any]] = [
        ({"assert_hostname": "localhost"}, TRUSTED),
        ({"assert_hostname": "elsewhere.example.org"}, "doesn't match"),
        ({"assert_fingerprint": hashlib.sha256(peer).hexdigest()}, TRUSTED),
        ({"assert_fingerprint": "00" * 32}, "did not match"),
    ]
    for change, wanted in changes * 2:
        with requests.Session() as session:
            session.trust_env = False
            session.mount("https://", CarelessAdapter(**change))
            try:
                outcome = session.get(world.urls["ours"] + "/whoami", verify=world.bundle).json()
            except requests.RequestException as error:
                outcome = plainly(error)
            assert_seen([outcome], [wanted])


def test_a_pool_whose_settings_were_changed_shares_no_longer(plain: Origin, sharing: recorder.Recording) -> None:
    """And no other gets what it made, whether it was changed before its request or under way."""
    for moment in ("before", "under way"):
        assert with_urllib3(plain.url + "/json")["ok"]
        ours = plain.counts.connections
        with urllib3.PoolManager() as manager:
            pool: Any = manager.connection_from_url(plain.url)
            if moment == "before":
                pool.conn_kw["source_address"] = ("127.0.0.2", 0)
            with urllib3.PoolManager() as holder:
                response = pool.request("GET", "/bytes/100000", preload_content=False)
                assert plain.counts.connections == ours + (moment == "before")
                held = holder.request("GET", plain.url + "/bytes/100000", preload_content=False)
                pool.conn_kw["source_address"] = ("127.0.0.2", 0)
                assert len(response.read()) == len(held.read()) == 100_000
            assert plain.counts.connections == ours + 1, "one for the changed pool"
            assert with_urllib3(plain.url + "/json")["ok"]
            assert pool.request("GET", "/json").status == 200
            assert plain.counts.connections == ours + 1, "each has gone on with its own"


class OwnConnection(urllib3.connection.HTTPConnection):
    """What libraries that fake the network put in the place of urllib3's class."""


def test_a_connection_of_another_class_is_not_used(
    plain: Origin, sharing: recorder.Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert with_urllib3(plain.url + "/json")["ok"]
    monkeypatch.setattr(HTTPConnectionPool, "ConnectionCls", OwnConnection)
    with urllib3.PoolManager() as manager:
        used: Any = manager.request("GET", plain.url + "/json", preload_content=False).connection
        assert type(used) is OwnConnection
    assert plain.counts.connections == 2


def test_a_pool_that_is_closed_closes_no_connection_of_others(plain: Origin, sharing: recorder.Recording) -> None:
    with urllib3.PoolManager() as one, urllib3.PoolManager() as another:
        assert one.request("GET", plain.url + "/json").status == 200
        pool = one.connection_from_url(plain.url)
        response = pool.request("GET", "/bytes/100000", preload_content=False)
        pool.close()
        with pytest.raises(urllib3.exceptions.ClosedPoolError):
            pool.request("GET", "/json")
        assert response.read() == payload(100_000)
        response.release_conn()
        assert another.request("GET", plain.url + "/json").status == 200
        another.connection_from_url(plain.url).close()
        assert with_urllib3(plain.url + "/json")["ok"]
    assert plain.counts.connections == 2


def test_requests_and_urllib3_do_not_share_though_their_keys_are_equal(
    world: World, sharing: recorder.Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests sets its own CA bundle on the pool; a pool of urllib3 with the same key trusts the system's."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", world.bundle)
    url = world.urls["ours"] + "/whoami"
    assert with_requests(url) == TRUSTED
    assert FAILED in with_urllib3(url, maxsize=10, block=False, cert_reqs="CERT_REQUIRED")[0]
    assert with_requests(url) == TRUSTED


def test_a_pool_changed_while_its_connection_is_out_does_not_lend_it_on(
    world: World, sharing: recorder.Recording
) -> None:
    trust: Settings = {"ca_certs": world.bundle}
    with urllib3.PoolManager(**trust, cert_reqs="CERT_REQUIRED", retries=False) as manager:
        pool: Any = manager.connection_from_url(world.urls["theirs"])
        pool.cert_reqs = "CERT_NONE"
        response = pool.request("GET", "/whoami", preload_content=False)
        pool.cert_reqs = "CERT_REQUIRED"
        assert response.json() == TRUSTED
        response.release_conn()
        for _ in range(2):
            settings = trust | {"cert_reqs": "CERT_REQUIRED"}
            assert FAILED in with_urllib3(world.urls["theirs"] + "/whoami", **settings)[0]


def test_authorities_that_change_on_the_disk_end_the_sharing(
    world: World, sharing: recorder.Recording, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    for bundle, wanted in ((world.bundle, TRUSTED), (world.their_bundle, FAILED), (world.bundle, TRUSTED)):
        shutil.copyfile(bundle, path)
        time.sleep(SETTLED)
        for _ in range(2):
            assert_seen([with_urllib3(world.urls["ours"] + "/whoami", ca_certs=str(path))], [wanted])
            assert_seen([with_requests(world.urls["ours"] + "/whoami", verify=str(path))], [wanted])


def test_the_environments_authorities_are_part_of_what_is_compared(
    world: World, sharing: recorder.Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bundle, wanted in ((world.bundle, TRUSTED), (world.their_bundle, FAILED), (world.bundle, TRUSTED)):
        monkeypatch.setenv("SSL_CERT_FILE", bundle)
        assert_seen([with_urllib3(world.urls["ours"] + "/whoami")], [wanted])


class OwnManager(urllib3.PoolManager):
    """A manager that may know things that no key shows."""


class OwnPool(HTTPSConnectionPool):
    """A pool that may know things that no key shows."""


def test_what_a_program_derives_or_brings_itself_is_not_shared(world: World, sharing: recorder.Recording) -> None:
    def ask(make: Callable[..., urllib3.PoolManager], **settings: Any) -> None:
        with make(ca_certs=world.bundle, **settings) as manager:
            if settings.get("retries") == 7:
                manager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": OwnPool}
            assert manager.request("GET", world.urls["ours"] + "/whoami").json() == TRUSTED

    context = ssl.create_default_context(cafile=world.bundle)
    tries: list[tuple[Any, Settings]] = [
        (OwnManager, {}),
        (urllib3.PoolManager, {"ssl_context": context}),
        (urllib3.PoolManager, {"retries": 7}),
    ]
    for make, settings in tries:
        connections = Connections(world.origins["ours"])
        ask(make, **settings)
        ask(make, **settings)
        assert connections.count == 2


# The life of connections and pools.


def test_closing_one_session_breaks_no_other(world: World, sharing: recorder.Recording) -> None:
    connections = Connections(world.origins["ours"])
    one, another = requests.Session(), requests.Session()
    for session in (one, another):
        session.trust_env = False
        session.verify = world.bundle
        assert session.get(world.urls["ours"] + "/json").ok
    response = another.get(world.urls["ours"] + "/bytes/300000", stream=True)
    assert response.raw.read(1000) == payload(1000)
    one.close()
    assert b"".join(response.iter_content(65536)) == payload(300_000)[1000:]
    assert another.get(world.urls["ours"] + "/json").ok
    assert one.get(world.urls["ours"] + "/json").ok, "requests allows it"
    one.close()
    another.close()
    assert connections.count == 1


def test_a_connection_in_use_is_nobody_elses(plain: Origin, sharing: recorder.Recording) -> None:
    with urllib3.PoolManager() as one, urllib3.PoolManager() as another:
        first = one.request("GET", plain.url + "/bytes/300000", preload_content=False)
        second = another.request("GET", plain.url + "/bytes/300001", preload_content=False)
        parts = [(first.read(1000), second.read(1000)) for _ in range(5)]
        assert {len(part) for pair in parts for part in pair} == {1000}
        assert b"".join(pair[0] for pair in parts) + first.read() == payload(300_000)
        assert b"".join(pair[1] for pair in parts) + second.read() == payload(300_001)
    assert plain.counts.connections == 2


@pytest.mark.parametrize("end", ["closed", "dropped"])
def test_a_connection_left_in_the_middle_of_a_response_is_not_used_again(
    end: str, plain: Origin, sharing: recorder.Recording
) -> None:
    for _ in range(3):
        with urllib3.PoolManager() as manager:
            response = manager.request("GET", plain.url + "/bytes/5000000", preload_content=False)
            assert response.read(10) == payload(10)
            if end == "closed":
                response.close()
            del response
        assert with_urllib3(plain.url + "/json")["ok"]
    assert plain.counts.connections <= 4


def test_waiting_pools_do_not_wait_for_each_other(plain: Origin, sharing: recorder.Recording) -> None:
    """Each holds its one connection and asks for another's: shared, they would wait for ever."""
    with ExitStack() as stack:
        managers = [stack.enter_context(urllib3.PoolManager(maxsize=1, block=True)) for _ in range(2)]
        held = [manager.request("GET", plain.url + "/bytes/100000", preload_content=False) for manager in managers]
        for manager in managers:
            with pytest.raises(urllib3.exceptions.EmptyPoolError):
                manager.request("GET", plain.url + "/json", pool_timeout=0.05, retries=False)
        assert [len(response.read()) for response in held] == [100_000] * 2
    assert plain.counts.connections == 2


def test_an_idle_connection_that_the_server_closed_is_made_anew(plain: Origin, sharing: recorder.Recording) -> None:
    for _ in range(3):
        with urllib3.PoolManager() as manager:
            assert manager.request("GET", plain.url + "/stale").data == b"see you\n"
        time.sleep(0.05)
    assert plain.counts.connections == 3
    assert sharing.errors == 0


def test_no_more_connections_are_kept_than_a_pool_may_keep(
    plain: Origin, sharing: recorder.Recording, caplog: pytest.LogCaptureFixture
) -> None:
    with ExitStack() as stack:
        managers = [stack.enter_context(urllib3.PoolManager(maxsize=2)) for _ in range(4)]
        held = [manager.request("GET", plain.url + "/bytes/100000", preload_content=False) for manager in managers]
        for response in held:
            response.read()
            response.release_conn()
        assert [len(each) for each in pools._IDLE._idle.values()] == [2]
        assert caplog.text.count("Connection pool is full, discarding connection") == 2
    assert plain.counts.connections == 4


def test_no_more_keys_are_kept_than_the_bound(
    plain: Origin, sharing: recorder.Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_MOST_KEYS", 3)
    for size in (1, 2, 3, 4, 2):
        assert with_urllib3(plain.url + "/json", maxsize=size)["ok"]
        assert len(pools._IDLE._idle) <= 3
    assert plain.counts.connections == 4
    assert with_urllib3(plain.url + "/json", maxsize=1)["ok"], "the first was closed"
    assert plain.counts.connections == 5


def test_threads_that_share_get_their_own_answers(world: World, sharing: recorder.Recording) -> None:
    connections = Connections(world.origins["ours"])
    barrier = threading.Barrier(16)

    def work(number: int) -> None:
        barrier.wait(10)
        for step in range(8):
            size = 1000 + number * 8 + step
            with requests.Session() as session:
                session.trust_env = False
                verify: Any = world.bundle if step % 4 else False
                content = session.get(f"{world.urls['ours']}/bytes/{size}", verify=verify).content
                assert content == payload(size)
            careless = with_requests(world.urls["theirs"] + "/whoami", verify=False)
            careful = with_requests(world.urls["theirs"] + "/whoami", verify=world.bundle)
            assert_seen([careless, careful], [TRUSTED, FAILED])

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(16)))
    assert sharing.interactions == 16 * 8 * 3
    assert connections.count < 16 * 8 / 2


def test_a_failure_is_told_as_ever(world: World, tmp_path: Path) -> None:
    url = world.urls["ours"] + "/json"
    tries: list[Settings] = [
        {"ca_certs": str(tmp_path / "none")},
        {"cert_file": str(tmp_path / "none")},
        {"no_such_setting": 1},
        {"cert_reqs": "SOMETIMES"},
        {"timeout": "soon"},
        {"maxsize": -1},
        {"blocksize": []},
    ]

    def run(settings: Settings) -> list[str]:
        try:
            with urllib3.PoolManager(retries=False, **settings) as manager:
                return [str(manager.request("GET", url).status)]
        except Exception as error:  # noqa: BLE001 -- any failure is a result here
            return plainly(error)

    bare = [run(settings) for settings in tries]
    with recorder.record(tmp_path / "cassette.jsonl", share_pools=True):
        assert [run(settings) for settings in tries] == bare


# The end of sharing.


def test_after_the_recording_each_pool_has_its_own_queue_and_its_connection(world: World, tmp_path: Path) -> None:
    connections = Connections(world.origins["ours"])
    with ExitStack() as stack:
        one, another = (stack.enter_context(urllib3.PoolManager(ca_certs=world.bundle)) for _ in range(2))
        with recorder.record(tmp_path / "cassette.jsonl", share_pools=True):
            for manager in (one, another):
                assert manager.request("GET", world.urls["ours"] + "/json").status == 200
        assert connections.count == 1
        queues = [manager.connection_from_url(world.urls["ours"]).pool for manager in (one, another)]
        assert [type(queue) for queue in queues] == [LifoQueue, LifoQueue]
        assert len(pools._IDLE._idle) == 0
        # The one that used it last goes on with it; the other makes its own.
        assert another.request("GET", world.urls["ours"] + "/json").status == 200
        assert connections.count == 1
        assert one.request("GET", world.urls["ours"] + "/json").status == 200
        assert connections.count == 2


def test_a_response_under_way_when_sharing_ends_goes_back_to_its_own_pool(plain: Origin, tmp_path: Path) -> None:
    with urllib3.PoolManager() as manager:
        with recorder.record(tmp_path / "cassette.jsonl", share_pools=True):
            response = manager.request("GET", plain.url + "/bytes/100000", preload_content=False)
        assert response.read() == payload(100_000)
        response.release_conn()
        for _ in range(2):
            assert manager.request("GET", plain.url + "/json").status == 200
    assert plain.counts.connections == 1


def test_sharing_ends_with_the_recording_that_asked_for_it(plain: Origin, tmp_path: Path) -> None:
    with recorder.record(tmp_path / "outer.jsonl"), urllib3.PoolManager() as one, urllib3.PoolManager() as another:
        with recorder.record(tmp_path / "inner.jsonl", share_pools=True):
            for manager in (one, another):
                assert manager.request("GET", plain.url + "/json").status == 200
            assert plain.counts.connections == 1
        for manager in (one, another):
            assert manager.request("GET", plain.url + "/json").status == 200
        assert plain.counts.connections == 2


def test_pools_from_before_the_recording_keep_to_themselves(plain: Origin, tmp_path: Path) -> None:
    with urllib3.PoolManager() as before:
        assert before.request("GET", plain.url + "/json").status == 200
        with recorder.record(tmp_path / "cassette.jsonl", share_pools=True):
            assert before.request("GET", plain.url + "/json").status == 200
            assert plain.counts.connections == 1, "its connection goes on"
            assert with_urllib3(plain.url + "/json")["ok"]
            assert plain.counts.connections == 2
            assert before.request("GET", plain.url + "/json").status == 200


def test_sessions_and_their_pools_are_not_kept(plain: Origin, sharing: recorder.Recording) -> None:
    def live(kind: type) -> int:
        gc.collect()
        return sum(isinstance(each, kind) for each in gc.get_objects())

    before = live(HTTPConnectionPool)
    for _ in range(20):
        with_requests(plain.url + "/json")
    assert live(HTTPConnectionPool) == before
    assert plain.counts.connections == 1


def ask_in_child(url: str, wanted: int) -> None:
    # The child's own sessions share with each other, and with nobody in the parent.
    for _ in range(2):
        if len(with_urllib3(url + "/echo")["headers"]) != wanted:
            raise SystemExit(1)


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_leaves_its_parents_connections_alone(plain: Origin, sharing: recorder.Recording) -> None:
    fields = len(with_urllib3(plain.url + "/echo")["headers"])
    child = multiprocessing.get_context("fork").Process(target=ask_in_child, args=(plain.url, fields))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert len(with_urllib3(plain.url + "/echo")["headers"]) == fields
    assert [seen.connection for seen in plain.seen] == [1, 2, 2, 1]
