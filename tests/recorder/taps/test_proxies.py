"""Requests through proxies: forwarded and tunnelled, plain and over TLS, let through and refused, bare and recorded."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from urllib3.exceptions import HTTPError

import recorder
from tests.recorder.cassettes import body, interactions
from tests.recorder.taps.world import World, plainly
from tests.servers.origin import Origin
from tests.servers.proxy import Proxy
from tests.servers.routes import payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    # What a proxy forwards over TLS counts as unverified for urllib3.
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]

SECRET = "user:password"


@dataclass(frozen=True)
class Route:
    """A proxy, an origin behind it, and how to ask."""

    proxy: str
    url: str
    bundle: str
    credentials: str = ""

    @property
    def proxy_url(self) -> str:
        return self.proxy.replace("://", f"://{self.credentials}@") if self.credentials else self.proxy


Ask = Any
CLIENTS: dict[str, Callable[[Route], Any]] = {}


def client(function: Callable[[Route], Any]) -> Callable[[Route], Any]:
    CLIENTS[function.__name__] = function
    return function


PATHS = ("/bytes/30000?kind=text", "/echo?q=1", "/chunked?trailers=1", "/redirect/1", "/status/404")


@client
def with_requests(route: Route) -> Any:
    out: list[Any] = []
    with requests.Session() as session:
        session.trust_env = False
        session.verify = route.bundle
        session.proxies = {"http": route.proxy_url, "https": route.proxy_url}
        for path in PATHS:
            response = session.get(route.url + path, timeout=20)
            out.append((response.status_code, response.reason, response.content))
        out.append(session.post(route.url + "/sink", data=b"x" * 70_000, timeout=20).json())
    return out


@client
def with_urllib3(route: Route) -> Any:
    out: list[Any] = []
    headers = urllib3.make_headers(proxy_basic_auth=route.credentials) if route.credentials else None
    with urllib3.ProxyManager(
        route.proxy, proxy_headers=headers, ca_certs=route.bundle, retries=urllib3.Retry(0, redirect=3), timeout=20
    ) as manager:
        for path in PATHS:
            response = manager.request("GET", route.url + path)
            out.append((response.status, response.reason, response.data))
        streamed = manager.request("GET", route.url + "/bytes/300000", preload_content=False)
        out.append(sum(map(len, streamed.stream(5000))))
    return out


@client
def with_urllib(route: Route) -> Any:
    out: list[Any] = []
    context = ssl.create_default_context(cafile=route.bundle)
    proxies = {"http": route.proxy_url, "https": route.proxy_url}
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context)
    )
    for path in PATHS:
        try:
            with opener.open(route.url + path, timeout=20) as response:
                out.append((response.status, response.reason, response.read()))
        except urllib.error.HTTPError as error:
            with error:
                out.append((error.code, error.reason, error.read()))
    return out


@client
def with_http_client(route: Route) -> Any:
    out: list[Any] = []
    host, port = re.findall(r"//(.+):(\d+)", route.proxy)[0]
    headers = urllib3.make_headers(proxy_basic_auth=route.credentials) if route.credentials else {}
    secure = route.url.startswith("https")
    connection = (
        http.client.HTTPSConnection(
            host, int(port), timeout=20, context=ssl.create_default_context(cafile=route.bundle)
        )
        if secure
        else http.client.HTTPConnection(host, int(port), timeout=20)
    )
    if secure:
        connection.set_tunnel(route.url.partition("//")[2], headers=dict(headers))
    try:
        for path in PATHS:
            connection.request("GET", path if secure else route.url + path, headers={} if secure else dict(headers))
            response = connection.getresponse()
            out.append((response.status, response.reason, response.read()))
    finally:
        connection.close()
    return out


def outcome(ask: Callable[[Route], Any], route: Route) -> Any:
    """Give what a program sees, without the ports."""
    try:
        seen = ask(route)
    except (HTTPError, OSError, http.client.HTTPException) as error:
        seen = plainly(error)
    ports = "|".join(re.findall(r":(\d+)", route.proxy + route.url))
    return re.sub(ports, "PORT", repr(seen))


@dataclass(frozen=True)
class Kind:
    """What proxy, what origin, which credentials; and what then is seen."""

    origin_tls: bool = False
    proxy_tls: bool = False
    asks: bool = False
    credentials: str = ""
    refuse: int | None = None


KINDS = {
    "forwarded": Kind(),
    "forwarded over TLS": Kind(proxy_tls=True),
    "forwarded with credentials": Kind(asks=True, credentials=SECRET),
    "forwarded with wrong credentials": Kind(asks=True, credentials="user:wrong"),
    "forwarding refused": Kind(refuse=403),
    "tunnelled": Kind(origin_tls=True),
    "tunnelled over TLS": Kind(origin_tls=True, proxy_tls=True),
    "tunnelled with credentials": Kind(origin_tls=True, asks=True, credentials=SECRET),
    "tunnelled with wrong credentials": Kind(origin_tls=True, asks=True, credentials="user:wrong"),
    "tunnel refused": Kind(origin_tls=True, refuse=403),
    "tunnel over TLS refused": Kind(origin_tls=True, proxy_tls=True, refuse=502),
}


@contextmanager
def servers(kind: Kind, world: World) -> Iterator[tuple[Route, Proxy, Origin]]:
    ours = world.ours
    with ExitStack() as stack:
        origin = stack.enter_context(Origin(tls=ours.server() if kind.origin_tls else None))
        proxy = stack.enter_context(
            Proxy(
                tls=ours.server() if kind.proxy_tls else None,
                credentials=SECRET if kind.asks else None,
                refuse=kind.refuse,
            )
        )
        yield Route(proxy.url, origin.url, world.bundle, kind.credentials), proxy, origin


def counted(proxy: Proxy, origin: Origin) -> dict[str, int]:
    counts = proxy.counts
    return {
        "proxy connections": counts.connections,
        "forwarded": len(counts.forwarded),
        "tunnels": len(counts.tunnels),
        "refused": counts.refused,
        "origin connections": origin.counts.connections,
        "origin requests": origin.counts.requests,
    }


def speaks_tls_to_a_proxy(name: str) -> bool:
    return name in ("with_requests", "with_urllib3")


CASES = [
    (client, kind) for client in CLIENTS for kind in KINDS if not KINDS[kind].proxy_tls or speaks_tls_to_a_proxy(client)
]


@pytest.mark.parametrize(("client_name", "kind_name"), CASES)
def test_a_proxy_is_used_recorded_as_it_is_bare(client_name: str, kind_name: str, world: World, tmp_path: Path) -> None:
    ask, kind = CLIENTS[client_name], KINDS[kind_name]
    with servers(kind, world) as (route, proxy, origin):
        bare, bare_counts = outcome(ask, route), counted(proxy, origin)
    path = tmp_path / "cassette.jsonl"
    with servers(kind, world) as (route, proxy, origin):
        with recorder.record(path) as recording:
            recorded = outcome(ask, route)
        counts = counted(proxy, origin)
        told = interactions(path)
    assert recorded == bare
    assert counts == bare_counts
    assert (recording.lost, recording.seen) == ({}, len(told))
    refused_tunnel = kind.origin_tls and ("refused" in kind_name or "wrong" in kind_name)
    assert all(each["request"]["method"] in ("GET", "POST") for each in told), "CONNECT is none of them"
    assert all(each["request"]["url"].startswith(route.url + "/") for each in told)
    assert {each["connection"]["proxy"] for each in told} == {route.proxy.partition("//")[2]}
    if refused_tunnel:
        assert len(told) == counts["refused"]
        for each in told:
            assert each["error"]["phase"] == "connect"
            assert each["error"]["type"] in ("OSError", "urllib3.exceptions.ProxyError")
            assert f"Tunnel connection failed: {407 if kind.asks else kind.refuse}" in str(each["error"])
            assert each["response"] is None
            assert each["request"]["sent"] is False
            assert each["connection"]["peer"] is None
    else:
        assert all("error" not in each for each in told)
        assert all(each["connection"]["peer"] == f"127.0.0.1:{proxy.port}" for each in told)
        # A proxy that forwards is sent the whole URL; through a tunnel the target is the path.
        targets = [each["request"].get("target") for each in told]
        assert targets == [None if kind.origin_tls else each["request"]["url"] for each in told]
        assert all((each["connection"]["tls"] is not None) == (kind.origin_tls or kind.proxy_tls) for each in told)
        assert len(told) == counts["origin requests"] + counts["refused"]


def test_what_goes_through_a_tunnel_is_recorded_to_the_byte(world: World, tmp_path: Path) -> None:
    path = tmp_path / "cassette.jsonl"
    sent = payload(40_000)
    with (
        servers(KINDS["tunnelled over TLS"], world) as (route, _, _origin),
        recorder.record(path),
        urllib3.ProxyManager(route.proxy, ca_certs=route.bundle) as manager,
    ):
        assert manager.request("POST", route.url + "/raw", body=b"HTTP/1.1 200 OK\r\n\r\n" + sent).data == sent
    (told,) = interactions(path)
    assert body(path, told) == sent
    assert body(path, told, "request") == b"HTTP/1.1 200 OK\r\n\r\n" + sent
    assert told["connection"]["tls"].startswith("TLSv1")
    assert told["timings_ms"]["connect"] > 0
    assert told["timings_ms"]["first_byte"] > told["timings_ms"]["connect"]


def test_the_credentials_for_a_proxy_are_in_the_request_only_where_they_were_sent_with_it(
    world: World, tmp_path: Path
) -> None:
    for name, sent in (("forwarded with credentials", True), ("tunnelled with credentials", False)):
        path = tmp_path / name
        with servers(KINDS[name], world) as (route, _, _origin), recorder.record(path):
            with_requests(route)
        names = {name.lower() for each in interactions(path) for name, _ in each["request"]["headers"]}
        assert ("proxy-authorization" in names) is sent
        assert b"password" not in path.read_bytes()


def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


@pytest.mark.parametrize("tls", [False, True], ids=["forwarded", "tunnelled"])
@pytest.mark.parametrize("name", CLIENTS)
def test_a_proxy_that_is_not_there_is_a_failure_to_connect(name: str, tls: bool, world: World, tmp_path: Path) -> None:
    path = tmp_path / "cassette.jsonl"
    with servers(Kind(origin_tls=tls), world) as (there, _, origin):
        route = Route(nobody(), there.url, there.bundle)
        bare = outcome(CLIENTS[name], route)
        with recorder.record(path) as recording:
            assert outcome(CLIENTS[name], route) == bare
        assert origin.counts.connections == 0
    assert recording.lost == {}
    told = interactions(path)
    assert told
    for each in told:
        assert each["error"]["phase"] == "connect"
        assert "refused" in str(each["error"])
        assert each["request"]["url"].startswith(there.url + "/")
        assert each["connection"]["proxy"] == route.proxy.partition("//")[2]


def test_a_proxys_certificate_is_checked_recorded_as_bare(world: World, tmp_path: Path) -> None:
    path = tmp_path / "cassette.jsonl"
    with Origin(tls=world.ours.server()) as origin, Proxy(tls=world.theirs.server()) as proxy:
        for ask in (with_requests, with_urllib3):
            route = Route(proxy.url, origin.url, world.bundle)
            bare = outcome(ask, route)
            assert "certificate verify failed" in bare
            with recorder.record(path, mode="overwrite") as recording:
                assert outcome(ask, route) == bare
                assert outcome(ask, route) == bare
            assert (recording.seen, recording.errors, recording.lost) == (2, 2, {})
        assert origin.counts.connections == 0


@pytest.mark.parametrize("kind", ["forwarded", "tunnelled", "tunnelled over TLS"])
def test_a_tunnel_is_one_connection_for_many_requests(kind: str, world: World, tmp_path: Path) -> None:
    path = tmp_path / "cassette.jsonl"
    with servers(KINDS[kind], world) as (route, proxy, _), recorder.record(path):
        with requests.Session() as session:
            session.trust_env = False
            session.verify = route.bundle
            session.proxies = {"all": route.proxy}
            for _ in range(4):
                assert session.get(route.url + "/json", timeout=20).ok
        assert proxy.counts.connections == 1
    told = interactions(path)
    assert [each["connection"]["reused"] for each in told] == [False, True, True, True]
    assert len({each["connection"]["id"] for each in told}) == 1
    assert ["connect" in each["timings_ms"] for each in told] == [True, False, False, False]
