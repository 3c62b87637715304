"""What programs do with HTTP clients, one function a habit.

Law: a scenario takes an origin's address and a CA file, uses a real client, and gives all that the program could see,
as plain values. It knows nothing of recording: the same function runs bare and recorded.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.config
import botocore.exceptions
import httplib2
import requests
import urllib3

from tests.servers.routes import payload

Scenario = Callable[["Place"], Any]
SCENARIOS: dict[str, Scenario] = {}


@dataclass(frozen=True)
class Place:
    """Where to send requests: the origin's base address, and the bundle that trusts it (for TLS)."""

    url: str
    bundle: str

    @property
    def parts(self) -> tuple[str, int]:
        split = urlsplit(self.url)
        assert split.hostname is not None
        assert split.port is not None
        return split.hostname, split.port

    @property
    def secure(self) -> bool:
        return self.url.startswith("https:")

    def connection(self, timeout: float = 20) -> http.client.HTTPConnection:
        host, port = self.parts
        if self.secure:
            return http.client.HTTPSConnection(
                host, port, timeout=timeout, context=ssl.create_default_context(cafile=self.bundle)
            )
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def pool(self, **options: Any) -> urllib3.PoolManager:
        return urllib3.PoolManager(ca_certs=self.bundle, retries=False, **options)

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = self.bundle
        return session


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__] = function
    return function


def seen(response: http.client.HTTPResponse) -> tuple[Any, ...]:
    headers = [(name, value) for name, value in response.getheaders() if name.lower() != "date"]
    return response.status, response.reason, response.version, headers


def failure(call: Callable[[], Any]) -> tuple[str, str]:
    """Run what must fail; give the error as the program sees it, with what changes from run to run taken out."""
    try:
        result = call()
    except Exception as error:  # noqa: BLE001 -- any failure is a result here
        text = str(error)
        for cause in (error, error.__cause__, error.__context__):
            text = text.replace(hex(id(cause)), "0x")
        return f"{type(error).__module__}.{type(error).__qualname__}", _without_addresses(text)
    raise AssertionError(f"nothing failed: {result!r}")


def _without_addresses(text: str) -> str:
    import re

    return re.sub(r"0x[0-9a-f]+", "0x", text)


# http.client: every way to read.


@scenario
def http_client_reads_a_body_whole(place: Place) -> Any:
    with closing(place.connection()) as connection:
        connection.request("GET", "/bytes/70000?kind=text")
        response = connection.getresponse()
        return seen(response), response.read(), response.read(), response.isclosed()


@scenario
def http_client_reads_in_every_way(place: Place) -> Any:
    out: list[Any] = []
    with closing(place.connection()) as connection:
        for framing in ("length", "chunked", "close"):
            for way in ("amount", "read1", "readinto", "readline", "iterate", "peek"):
                connection.request("GET", f"/bytes/20011?kind=text&framing={framing}&chunk=3001")
                response = connection.getresponse()
                out.append((framing, way, seen(response), list(_read(response, way)), response.isclosed()))
                response.close()
    return out


def _read(response: http.client.HTTPResponse, way: str) -> Iterator[bytes]:
    if way == "amount":
        while part := response.read(1000):
            yield part
    elif way == "read1":
        # How much one system call gives is the network's affair; the whole is not.
        yield b"".join(iter(lambda: response.read1(500), b""))
    elif way == "readinto":
        buffer = bytearray(777)
        while count := response.readinto(buffer):
            yield bytes(buffer[:count])
    elif way == "readline":
        while line := response.readline():
            yield line
    elif way == "iterate":
        yield from response
    else:
        yield response.peek(1)[:1]
        yield response.read()


@scenario
def http_client_keeps_one_connection_for_many_requests(place: Place) -> Any:
    out = []
    with closing(place.connection()) as connection:
        for path in (
            "/json",
            "/status/204",
            "/status/304",
            "/bytes/0",
            "/bytes/100",
            "/chunked?trailers=1&extensions=1",
        ):
            connection.request("GET", path)
            response = connection.getresponse()
            out.append((seen(response), response.read()))
            connection.request("HEAD", path)
            response = connection.getresponse()
            out.append((seen(response), response.read()))
    return out


@scenario
def http_client_sends_bodies_of_every_kind(place: Place) -> Any:
    def blocks() -> Iterator[bytes]:
        yield b"one,"
        yield b"two"

    bodies: list[tuple[str, Any, dict[str, str]]] = [
        ("bytes", b"\x00\xff bytes", {}),
        ("text", "caf\xe9", {}),
        ("bytearray", bytearray(b"array"), {}),
        ("memoryview", memoryview(b"view"), {}),
        ("file", io.BytesIO(payload(30_000)), {}),
        ("text file", io.StringIO("caf\xe9 file"), {}),
        ("list", [b"a", b"b"], {}),
        ("generator", blocks(), {}),
        ("generator of known length", blocks(), {"Content-Length": "7"}),
        ("empty", b"", {}),
    ]
    out = []
    with closing(place.connection()) as connection:
        for name, body, headers in bodies:
            connection.request("POST", "/echo", body=body, headers={"X-Name": name, **headers})
            response = connection.getresponse()
            out.append((seen(response), response.read()))
    return out


@scenario
def http_client_sends_step_by_step(place: Place) -> Any:
    out = []
    with closing(place.connection()) as connection:
        for body in (io.BytesIO(b"from a file"), io.StringIO("caf\xe9"), [b"from ", b"a list"], bytearray(b"array")):
            size = 9 if isinstance(body, list) else 4 if isinstance(body, io.StringIO) else 5
            size = 11 if isinstance(body, io.BytesIO) else 11 if isinstance(body, list) else size
            connection.putrequest("PUT", "/echo", skip_accept_encoding=True)
            connection.putheader("Content-Length", str(size))
            connection.putheader("X-Two", "a", "b")
            connection.endheaders()
            connection.send(body)  # type: ignore[arg-type]
            response = connection.getresponse()
            out.append((seen(response), response.read()))
    return out


@scenario
def http_client_complains_as_ever_when_used_wrongly(place: Place) -> Any:
    out = []
    with closing(place.connection()) as connection:
        out.append(failure(connection.getresponse))
        connection.request("GET", "/json")
        out.append(failure(lambda: connection.request("GET", "/json")))
        response = connection.getresponse()
        out.append(failure(connection.getresponse))
        out.append(response.read())  # type: ignore[arg-type]
        out.append(failure(lambda: connection.putrequest("GET", "/a b\n")))
        out.append(failure(lambda: connection.send(object())))  # type: ignore[arg-type]
    return out


@scenario
def a_response_is_dropped_unread_and_the_connection_closed(place: Place) -> Any:
    connection = place.connection()
    connection.request("GET", "/bytes/5000000")
    response = connection.getresponse()
    first = response.read(10)
    del response
    connection.close()
    return first


@scenario
def a_response_outlives_its_connection(place: Place) -> Any:
    connection = place.connection()
    connection.request("GET", "/bytes/300000?framing=close")
    response = connection.getresponse()
    connection.close()
    del connection
    return len(response.read())


@scenario
def broken_responses_fail_as_they_do(place: Place) -> Any:
    out: list[Any] = []
    for path in (
        "/truncated?kind=length",
        "/truncated?kind=chunk",
        "/truncated?kind=chunks",
        "/truncated?kind=gzip",
        "/reset?after=0",
        "/reset?after=500",
        "/drop",
        "/garbage?kind=status",
    ):
        connection = place.connection()
        connection.request("GET", path)

        def read(connection: http.client.HTTPConnection = connection) -> Any:
            return connection.getresponse().read()

        try:
            out.append((path, failure(read)))
        except AssertionError as error:
            out.append((path, str(error)))
        connection.close()
        for stream in (True, False):
            with place.session() as session:

                def get(session: requests.Session = session, path: str = path, stream: bool = stream) -> Any:
                    return b"".join(session.get(place.url + path, stream=stream).iter_content(100))

                try:
                    out.append((path, failure(get)))
                except AssertionError as error:
                    out.append((path, str(error)))
    return out


@scenario
def timeouts_strike_as_they_do(place: Place) -> Any:
    connection = place.connection(timeout=0.3)
    connection.request("GET", "/hang?seconds=2")
    out: list[Any] = [failure(connection.getresponse)]
    connection.close()
    connection = place.connection(timeout=0.3)
    connection.request("GET", "/hang?after=100&seconds=2")
    response = connection.getresponse()
    out.append(failure(response.read))
    connection.close()
    with place.session() as session:
        out.append(failure(lambda: session.get(place.url + "/hang?after=100&seconds=2", timeout=0.3)))
    return [(name, text.replace(place.url, "")) for name, text in out]


@scenario
def refused_and_unknown_places_fail_as_they_do(place: Place) -> Any:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    out: list[Any] = [failure(http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect)]
    out.append(failure(lambda: http.client.HTTPSConnection("127.0.0.1", port, timeout=5).request("GET", "/")))
    out.append(failure(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)))
    with place.session() as session:
        out.append(failure(lambda: session.post(f"http://127.0.0.1:{port}/x", data=b"body")))
        out.append(failure(lambda: session.post(f"https://127.0.0.1:{port}/x", data=b"body")))
    out.append(failure(lambda: httplib2.Http(timeout=5).request(f"https://127.0.0.1:{port}/")))
    return [(name, text.replace(str(port), "PORT")) for name, text in out]


# urllib.


@scenario
def urllib_opens_redirects_and_errors(place: Place) -> Any:
    context = ssl.create_default_context(cafile=place.bundle) if place.secure else None
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context or ssl.create_default_context())
    )
    out: list[Any] = []
    for path in ("/json", "/redirect/3", "/close", "/http10", "/chunked", "/latin1-headers", "/no-reason"):
        with opener.open(place.url + path, timeout=20) as response:
            body = response.read()
            headers = [pair for pair in response.headers.items() if pair[0] != "Date"]
            out.append((response.status, response.reason, response.geturl(), headers, body))
    try:
        opener.open(place.url + "/status/404", data=b"x=1", timeout=20)
    except urllib.error.HTTPError as error:
        with error:
            out.append((error.code, error.reason, error.read()))
    return out


# urllib3.


@scenario
def urllib3_reads_in_every_way(place: Place) -> Any:
    out: list[Any] = []
    with place.pool() as pool:
        for path in ("/bytes/50000?kind=text", "/gzip", "/gzip?members=3&framing=chunked", "/deflate", "/deflate?raw=1",
                     "/brotli?framing=chunked", "/zstd", "/coded?codings=gzip,br", "/chunked?trailers=1",
                     "/bytes/100?framing=close"):  # fmt: skip
            url = place.url + path
            response = pool.request("GET", url)
            out.append((path, response.status, list(response.headers.items()), response.data))
            for decode in (True, False):
                response = pool.request("GET", url, preload_content=False, decode_content=decode)
                out.append(b"".join(response.stream(1000)))
                response = pool.request("GET", url, preload_content=False, decode_content=decode)
                parts = []
                while part := response.read(1500):
                    parts.append(part)
                out.append(b"".join(parts))
                response.release_conn()
            response = pool.request("GET", url, preload_content=False)
            response.auto_close = False  # type: ignore[attr-defined] # as urllib3 documents for wrapped responses
            out.append(list(io.TextIOWrapper(response, "utf-8", errors="replace")))  # type: ignore[type-var]
            response = pool.request("GET", url, preload_content=False)
            out.append(b"".join(iter(response.read1, b"")) if hasattr(response, "read1") else response.read())
            response.drain_conn()
            response.release_conn()
    return out


@scenario
def urllib3_lets_responses_go_unread(place: Place) -> Any:
    out = []
    with place.pool(maxsize=1) as pool:
        for act in ("release", "close", "drain", "drop"):
            response = pool.request("GET", place.url + "/bytes/200000", preload_content=False)
            out.append(response.status)
            if act == "release":
                time.sleep(0.1)  # urllib3 gives the connection up only when it sees the unread bytes in time
                response.release_conn()
            elif act == "close":
                response.close()
            elif act == "drain":
                response.drain_conn()
                response.release_conn()
            del response
    return out


@scenario
def urllib3_meets_a_stale_connection(place: Place) -> Any:
    out = []
    with urllib3.PoolManager(ca_certs=place.bundle, retries=urllib3.Retry(3, backoff_factor=0)) as pool:
        for path in ("/stale", "/json", "/stale?reset=1", "/json", "/close", "/json"):
            response = pool.request("GET", place.url + path)
            # Whether urllib3 notices the close before or after it sends is a race, so the retries are not compared.
            out.append((response.status, response.data))
    return out


@scenario
def urllib3_retries_a_status(place: Place) -> Any:
    retry = urllib3.Retry(2, status_forcelist=[503], backoff_factor=0)
    with urllib3.PoolManager(ca_certs=place.bundle, retries=retry) as pool:
        return failure(lambda: pool.request("GET", place.url + "/status/503"))[0]


@scenario
def an_early_answer_to_a_long_upload(place: Place) -> Any:
    """The server answers before it has read the body, and resets: what the client sees of it is a matter of luck."""
    with place.session() as session:
        try:
            return session.post(place.url + "/expect?answer=refuse", data=b"x" * 100).status_code
        except requests.ConnectionError:
            return "reset"


# requests.


@scenario
def requests_with_sessions_redirects_and_cookies(place: Place) -> Any:
    out: list[Any] = []
    with place.session() as session:
        for path in (
            "/redirect/3?status=307",
            "/set-cookies",
            "/duplicate-headers",
            "/latin1-headers",
            "/json",
            "/gzip",
        ):
            response = session.get(place.url + path)
            headers = [pair for pair in response.headers.items() if pair[0] != "Date"]
            out.append((response.status_code, response.reason, headers, response.content, len(response.history)))
            out.append(response.raw.isclosed())
        out.append(sorted(session.cookies.items()))
        response = session.post(place.url + "/echo", json={"a": [1, 2.50]})
        out.append(response.json()["body"] if "body" in response.json() else response.json())
        out.append(session.post(place.url + "/sink", data=iter([payload(40_000), b"tail"])).json())
        out.append(session.post(place.url + "/sink", files={"f": ("n.bin", payload(5000))}, headers={
            "Content-Type": "multipart/form-data; boundary=b"}).json()["size"])  # fmt: skip
        out.append(session.head(place.url + "/bytes/1000").headers["Content-Length"])
        out.append(session.get(place.url + "/auth", auth=("user", "password")).status_code)
        digest = requests.auth.HTTPDigestAuth("user", "password")
        out.append(session.get(place.url + "/auth?scheme=digest", auth=digest).status_code)
    return out


@scenario
def an_early_hint_is_what_the_client_makes_of_it(place: Place) -> Any:
    """http.client takes 103 for the response; so nothing more may be asked on that connection."""
    with place.session() as session:
        return session.get(place.url + "/103", headers={"Connection": "close"}).status_code


@scenario
def requests_streams(place: Place) -> Any:
    out: list[Any] = []
    with place.session() as session:
        with session.get(place.url + "/bytes/3000000", stream=True) as response:
            out.append(sum(map(len, response.iter_content(65536))))
        with session.get(place.url + "/slow-stream?n=3&every=0.02", stream=True) as response:
            out.append(list(response.iter_lines()))
        with session.get(place.url + "/bytes/3000000", stream=True) as response:
            out.append(response.raw.read(10))
        with session.get(place.url + "/gzip", stream=True) as response:
            out.append(response.raw.read(decode_content=False))
        out.append(session.get(place.url + "/json").json())
    return out


# botocore and httplib2.


@scenario
def boto3_puts_and_gets_with_and_without_expect(place: Place) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=place.url,
        aws_access_key_id="id",
        aws_secret_access_key="secret",
        region_name="eu-central-1",
        verify=place.bundle,
        config=botocore.config.Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, proxies={}),
    )
    out: list[Any] = []
    for body in (b"small", io.BytesIO(payload(100_000))):
        answer = client.put_object(Bucket="empty", Key="x", Body=body)
        out.append(answer["ResponseMetadata"]["HTTPStatusCode"])
    answer = client.get_object(Bucket="bytes", Key="100000")
    out.append(answer["Body"].read() == payload(100_000))
    try:
        client.get_object(Bucket="status", Key="404")
    except botocore.exceptions.ClientError as error:
        out.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
    client.close()
    return out


@scenario
def httplib2_gets_posts_and_follows(place: Place) -> Any:
    http = httplib2.Http(ca_certs=place.bundle, timeout=20, proxy_info=None)
    out = []
    for path, method, body in (
        ("/json", "GET", None),
        ("/redirect/2", "GET", None),
        ("/echo", "POST", b"abc"),
        ("/gzip", "GET", None),
    ):
        response, content = http.request(place.url + path, method, body=body)
        out.append((response.status, response.previous is None, content))
    http.close()
    return out
