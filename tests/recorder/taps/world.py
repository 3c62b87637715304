"""Servers that should and should not be trusted, and what a program sees of each.

Law: a program's view is told in plain values, without addresses of objects and ports, so that the same steps bare and
recorded can be compared to the last letter of an error.
"""

from __future__ import annotations

import gc
import re
import ssl
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from urllib3.exceptions import HTTPError

from tests.servers.certificates import Authority, self_signed
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = ssl.SSLContext
"""The standard library's class, also while a test has put another in its place."""
SETTLED = 0.15
"""Seconds after which the recorder takes a file's times at their word."""


@dataclass(frozen=True)
class World:
    """Servers with certificates of two authorities, and some that nobody should trust. All on loopback."""

    ours: Authority
    theirs: Authority
    urls: dict[str, str]
    origins: dict[str, Origin]
    folder: Path

    @property
    def bundle(self) -> str:
        return str(self.ours.bundle)

    @property
    def their_bundle(self) -> str:
        return str(self.theirs.bundle)

    @property
    def client(self) -> str:
        return str(self.ours.client())


@contextmanager
def open_world(folder: Path) -> Iterator[World]:
    """Run all the servers for a `with` block."""
    ours, theirs = Authority(folder / "ours"), Authority(folder / "theirs")
    whoami = {"whoami": lambda x: x.answer_json(peer_names(x.wire.sock))}
    contexts = {
        "ours": ours.server(),
        "theirs": theirs.server(),
        "self-signed": self_signed(),
        "expired": ours.server(expired=True),
        "elsewhere": ours.server("elsewhere.example.org"),
        "asking": asking(ours),
        "demanding": ours.server(ask_client=True),
        "old": limited(ours, ssl.TLSVersion.TLSv1_2),
    }
    ours.client()
    with ExitStack() as stack:
        origins = {name: stack.enter_context(Origin(tls=tls, routes=whoami)) for name, tls in contexts.items()}
        time.sleep(SETTLED)
        yield World(ours, theirs, {name: origin.url for name, origin in origins.items()}, origins, folder)


def asking(authority: Authority) -> ssl.SSLContext:
    """Make a server that asks for a client certificate, and serves whoever has none, too."""
    context = authority.server(ask_client=True)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def limited(authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = authority.server()
    context.maximum_version = version
    return context


def peer_names(sock: Any) -> list[str]:
    """Name the client, as its certificate does."""
    certificate = sock.getpeercert() or {}
    return [value for _, value in certificate.get("subjectAltName", ())]


# What a program sees.


def plainly(error: BaseException) -> list[str]:
    """Tell an error and its causes, without addresses of objects and ports."""
    told = []
    cause: BaseException | None = error
    while cause is not None:
        text = re.sub(r"0x[0-9a-f]+", "0x", re.sub(r"port=\d+", "port=", str(cause)))
        told.append(f"{type(cause).__module__}.{type(cause).__qualname__}: {text}")
        cause = cause.__cause__ or cause.__context__
    return told


def with_requests(url: str, **settings: Any) -> Any:
    """Make a request with a session of its own; give its outcome."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(url, timeout=20, **settings).json()
        except requests.RequestException as error:
            return plainly(error)
        except OSError as error:  # a missing file, told by requests itself
            return plainly(error)


def with_urllib3(url: str, **settings: Any) -> Any:
    """Make a request with a pool manager of its own; give its outcome."""
    with urllib3.PoolManager(retries=False, timeout=20, **settings) as pool:
        try:
            return pool.request("GET", url).json()
        except HTTPError as error:
            return plainly(error)
        except OSError as error:
            return plainly(error)


def describe(context: ssl.SSLContext) -> dict[str, Any]:
    """Tell all that can be told about a context's settings."""
    names = (
        *("verify_mode", "check_hostname", "verify_flags", "options", "minimum_version", "maximum_version"),
        *("post_handshake_auth", "hostname_checks_common_name", "protocol", "security_level", "num_tickets"),
        *("keylog_filename", "sni_callback"),
    )
    told = {name: getattr(context, name, None) for name in names}
    told |= {"authorities": context.get_ca_certs(), "store": context.cert_store_stats()}
    told |= {"ciphers": [cipher["name"] for cipher in context.get_ciphers()]}
    return told | {"repr": re.sub(r"0x[0-9a-f]+", "0x", repr(context)), "isinstance": isinstance(context, OWN)}


def connection_of(pool: urllib3.PoolManager, url: str) -> Any:
    """Make a request and give the connection that it was made on, which is idle in the pool."""
    assert pool.request("GET", url + "/json").status == 200
    idle = pool.connection_from_url(url).pool
    assert idle is not None
    connection = idle.get_nowait()
    idle.put(connection)
    return connection


def context_of(pool: urllib3.PoolManager, url: str) -> ssl.SSLContext:
    context = connection_of(pool, url).sock.context
    assert isinstance(context, OWN)
    return context


def live_contexts() -> int:
    """Count the TLS contexts in memory."""
    gc.collect()
    return sum(isinstance(each, OWN) for each in gc.get_objects())


TRUSTED: list[str] = []
"""What the servers answer to a client without a certificate."""
FAILED = "certificate verify failed"


def assert_seen(outcomes: list[Any], expected: list[Any]) -> None:
    """Hold outcomes against what should be seen: an answer, or words of the error."""
    assert len(outcomes) == len(expected)
    for outcome, wanted in zip(outcomes, expected, strict=True):
        if isinstance(wanted, str):
            assert wanted in outcome[0], outcome
        else:
            assert outcome == wanted
