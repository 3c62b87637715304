"""The TLS context cache: every way in which sharing contexts goes wrong, bare and recorded.

A step is one request of a new session. The same steps run bare and recorded: what each sees must be what bare sees, to
the last letter of an error, and what the table says.
"""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import multiprocessing
import os
import shutil
import ssl
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import recorder
from recorder.system import System
from recorder.taps import tls
from tests.recorder.cassettes import interactions
from tests.recorder.taps.world import (
    FAILED,
    OWN,
    SETTLED,
    TRUSTED,
    World,
    assert_seen,
    connection_of,
    context_of,
    describe,
    live_contexts,
    plainly,
    with_requests,
    with_urllib3,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# The careless sessions are careless on purpose; whoever drops a pool leaves its socket to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

# The traps.

Step = tuple[str, dict[str, Any]]


def sequence_of(steps: Sequence[Step], world: World, ask: Callable[..., Any]) -> list[Any]:
    return [ask(world.urls[name] + "/whoami", **settings) for name, settings in steps]


Trap = tuple[list[tuple[str, dict[str, str | bool | None]]], list[Any]]
# For each step the server, and the settings for requests; "A" and "B" stand for the authorities' bundles. Then what is
# seen: an answer, or what the error says.
TRAPS: dict[str, Trap] = {
    "a careless session first": (
        [("theirs", {"verify": False}), ("theirs", {"verify": "A"}), ("theirs", {"verify": False})],
        [TRUSTED, FAILED, TRUSTED],
    ),
    "a careful session first": (
        [("theirs", {"verify": "A"}), ("theirs", {"verify": False}), ("theirs", {"verify": "A"})],
        [FAILED, TRUSTED, FAILED],
    ),
    "careless with one server, careful with another": (
        [("self-signed", {"verify": False}), ("self-signed", {"verify": "A"}), ("ours", {"verify": "A"})],
        [TRUSTED, FAILED, TRUSTED],
    ),
    "a private authority of one session": (
        [
            ("theirs", {"verify": "B"}),
            ("theirs", {"verify": "A"}),
            ("ours", {"verify": "B"}),
            ("ours", {"verify": "A"}),
        ],
        [TRUSTED, FAILED, FAILED, TRUSTED],
    ),
    "a private authority, then the default ones": (
        [("ours", {"verify": "A"}), ("ours", {"verify": True}), ("ours", {"verify": "A"})],
        [TRUSTED, FAILED, TRUSTED],
    ),
    "a client certificate of one session": (
        [
            ("asking", {"verify": "A", "cert": "client"}),
            ("asking", {"verify": "A"}),
            ("asking", {"verify": "A", "cert": "client"}),
        ],
        [["client@example.org"], TRUSTED, ["client@example.org"]],
    ),
    "a client certificate, and no verification": (
        [
            ("asking", {"verify": False, "cert": "client"}),
            ("asking", {"verify": False}),
            ("asking", {"verify": "A", "cert": "client"}),
        ],
        [["client@example.org"], TRUSTED, ["client@example.org"]],
    ),
    "a name that does not match": (
        [("ours", {"verify": "A"}), ("elsewhere", {"verify": "A"}), ("elsewhere", {"verify": False})],
        [TRUSTED, "Hostname mismatch", TRUSTED],
    ),
    "a certificate that is over": (
        [("expired", {"verify": False}), ("expired", {"verify": "A"}), ("ours", {"verify": "A"})],
        [TRUSTED, "certificate has expired", TRUSTED],
    ),
}


def resolve(settings: dict[str, Any], world: World) -> dict[str, Any]:
    names = {"A": world.bundle, "B": world.their_bundle, "client": world.client}
    return {name: names.get(value, value) if isinstance(value, str) else value for name, value in settings.items()}


def as_urllib3(settings: dict[str, Any]) -> dict[str, Any]:
    """Say in urllib3's words what `settings` says in those of requests."""
    verify, certificate = settings.get("verify"), settings.get("cert")
    out: dict[str, Any] = {"cert_reqs": "CERT_REQUIRED" if verify else "CERT_NONE"}
    if isinstance(verify, str):
        out["ca_certs"] = verify
    return out | ({"cert_file": certificate} if certificate else {})


@pytest.mark.parametrize("library", ["requests", "urllib3"])
@pytest.mark.parametrize("name", TRAPS)
def test_no_session_shares_anothers_trust_or_certificate(name: str, library: str, world: World, tmp_path: Path) -> None:
    steps, expected = TRAPS[name]
    resolved = [(server, resolve(settings, world)) for server, settings in steps]
    if library == "urllib3":
        resolved = [(server, as_urllib3(settings)) for server, settings in resolved]
    ask = with_requests if library == "requests" else with_urllib3
    bare = sequence_of(resolved, world, ask)
    with recorder.record(tmp_path / "cassette.jsonl") as recording:
        recorded = sequence_of(resolved, world, ask)
    assert recorded == bare
    assert_seen(recorded, expected)
    assert (recording.seen, recording.lost) == (len(steps), {})
    told = [each.get("error", {}).get("phase") for each in interactions(tmp_path / "cassette.jsonl")]
    assert told == ["connect" if isinstance(wanted, str) else None for wanted in expected]


# Settings that only urllib3 knows.


def settings_of_every_kind(world: World, folder: Path) -> dict[str, tuple[str, dict[str, Any], Any]]:
    """Give for a name: the server, urllib3's settings, and what is seen."""
    trust: dict[str, Any] = {"ca_certs": world.bundle}
    peer = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("localhost", world.origins["ours"].port)))
    right = hashlib.sha256(peer).hexdigest()
    hashed = folder / "hashed"
    add_hashed(hashed, world.ours.bundle)
    pem = world.ours.bundle.read_text()
    missing = str(folder / "missing.pem")
    bad = folder / "bad.pem"
    bad.write_text("no certificate\n")
    key = encrypted(Path(world.client), folder)
    time.sleep(SETTLED)
    return {
        "plain": ("ours", trust, TRUSTED),
        "the same with a name": ("ours", trust | {"cert_reqs": "CERT_REQUIRED"}, TRUSTED),
        "optional": ("theirs", trust | {"cert_reqs": ssl.CERT_OPTIONAL}, FAILED),
        "none": ("theirs", trust | {"cert_reqs": "NONE"}, TRUSTED),
        "no authorities": ("ours", {}, FAILED),
        "authority as text": ("ours", {"ca_cert_data": pem}, TRUSTED),
        "authority as bytes": ("ours", {"ca_cert_data": ssl.PEM_cert_to_DER_cert(pem)}, TRUSTED),
        "another authority as text": ("ours", {"ca_cert_data": world.theirs.bundle.read_text()}, FAILED),
        "authority in a folder": ("ours", {"ca_cert_dir": str(hashed)}, TRUSTED),
        "authority in another folder": ("theirs", {"ca_cert_dir": str(hashed)}, FAILED),
        "fingerprint of another": (
            "theirs",
            trust | {"assert_fingerprint": right, "cert_reqs": "NONE"},
            "did not match",
        ),
        "right fingerprint": ("ours", trust | {"assert_fingerprint": right}, TRUSTED),
        "wrong fingerprint": ("ours", trust | {"assert_fingerprint": "00" * 32}, "did not match"),
        "odd fingerprint": ("ours", trust | {"assert_fingerprint": "00" * 31}, "invalid length"),
        "asserted name": ("elsewhere", trust | {"assert_hostname": "elsewhere.example.org"}, TRUSTED),
        "wrong asserted name": ("ours", trust | {"assert_hostname": "elsewhere.example.org"}, "doesn't match"),
        "no name asserted": ("elsewhere", trust | {"assert_hostname": False}, TRUSTED),
        "name asked for": ("elsewhere", trust | {"server_hostname": "elsewhere.example.org"}, TRUSTED),
        "too new": ("old", trust | {"ssl_minimum_version": ssl.TLSVersion.TLSv1_3}, "alert protocol version"),
        "new enough": ("old", trust | {"ssl_maximum_version": ssl.TLSVersion.TLSv1_2}, TRUSTED),
        "missing authorities": ("ours", {"ca_certs": missing}, "No such file"),
        "missing folder": ("ours", {"ca_cert_dir": missing}, FAILED),
        "bad authorities": ("ours", {"ca_certs": str(bad)}, "no certificate or crl found"),
        "bad authorities as text": ("ours", {"ca_cert_data": "nonsense"}, "no start line"),
        "missing certificate": ("ours", trust | {"cert_file": missing}, "No such file"),
        "bad certificate": ("ours", trust | {"cert_file": str(bad)}, "PEM lib"),
        "certificate": ("asking", trust | {"cert_file": world.client}, ["client@example.org"]),
        "certificate and key": (
            "asking",
            trust | {"cert_file": world.client, "key_file": world.client},
            ["client@example.org"],
        ),
        "missing key": ("asking", trust | {"cert_file": world.client, "key_file": missing}, "No such file"),
        "encrypted key": ("asking", trust | {"cert_file": world.client, "key_file": key}, "password is required"),
        "encrypted key of no certificate": ("asking", trust | {"key_file": key}, "password is required"),
        "encrypted key, right password": (
            "asking",
            trust | {"cert_file": world.client, "key_file": key, "key_password": "sesame"},
            ["client@example.org"],
        ),
        "encrypted key, wrong password": (
            "asking",
            trust | {"cert_file": world.client, "key_file": key, "key_password": "open"},
            "",
        ),
        "demanded certificate": ("demanding", trust | {"cert_file": world.client}, ["client@example.org"]),
        "nonsense": ("ours", trust | {"cert_reqs": "SOMETIMES"}, "has no attribute 'CERT_SOMETIMES'"),
    }


def encrypted(pem: Path, folder: Path) -> str:
    """Write the key of a PEM file under a password."""
    key = serialization.load_pem_private_key(pem.read_bytes(), None)
    path = folder / "encrypted.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    return str(path)


def add_hashed(folder: Path, bundle: Path) -> Path:
    """Put an authority into a folder under the name by which OpenSSL looks it up (X509_NAME_hash(3))."""
    folder.mkdir(exist_ok=True)
    pem = bundle.read_bytes()
    subject = x509.load_pem_x509_certificate(pem).subject
    # The canonical form: lower case, UTF-8, and without the header of the outer sequence.
    lower = [x509.NameAttribute(each.oid, str(each.value).lower()) for each in subject]
    canonical = x509.Name(lower).public_bytes()
    header = 2 if canonical[1] < 0x80 else 2 + canonical[1] - 0x80
    digest = hashlib.sha1(canonical[header:], usedforsecurity=False).digest()
    path = folder / f"{int.from_bytes(digest[:4], 'little'):08x}.0"
    path.write_bytes(pem)
    return path


def ask_with_any(url: str, settings: dict[str, Any]) -> Any:
    try:
        return with_urllib3(url, **settings)
    except AttributeError as error:
        return plainly(error)


def test_every_setting_has_its_own_effect_and_no_others(world: World, tmp_path: Path) -> None:
    table = settings_of_every_kind(world, tmp_path)
    # Each once, then each again the other way round: whatever one leaves behind meets every other.
    order = [*table, *reversed(table)]

    def run() -> list[Any]:
        return [ask_with_any(world.urls[table[name][0]] + "/whoami", table[name][1]) for name in order]

    bare = run()
    with recorder.record(tmp_path / "cassette.jsonl") as recording:
        recorded = run()
        assert 8 < len(tls._CACHE) <= 32, "else nothing was cached, and nothing was shown"
    for name, outcome, outcome_bare in zip(order, recorded, bare, strict=True):
        assert outcome == outcome_bare, name
        assert_seen([outcome], [table[name][2]])
    assert recording.seen == len(order)
    assert recording.lost == {}


def test_a_cached_context_is_set_as_the_one_that_urllib3_makes(world: World, tmp_path: Path) -> None:
    trust = {"ca_certs": world.bundle}
    table: list[dict[str, Any]] = [
        trust,
        {"cert_reqs": "CERT_NONE"},
        trust | {"cert_reqs": "CERT_NONE"},
        trust | {"cert_reqs": "CERT_OPTIONAL"},
        trust | {"assert_hostname": False},
        trust | {"ssl_minimum_version": ssl.TLSVersion.TLSv1_3},
        trust | {"ssl_maximum_version": ssl.TLSVersion.TLSv1_2},
        trust | {"ssl_version": ssl.PROTOCOL_TLS},
        trust | {"cert_file": world.client},
        {"ca_cert_data": world.ours.bundle.read_text()},
    ]

    def run() -> list[Any]:
        out = []
        for settings in table:
            with urllib3.PoolManager(retries=False, **settings) as pool:
                connection = connection_of(pool, world.urls["ours"])
                sock = connection.sock
                out.append([describe(sock.context), sock.version(), sock.cipher(), sock.selected_alpn_protocol()])
                out[-1] += [sock.getpeercert(), connection.is_verified, sock.session_reused]
        return out

    bare = run()
    with recorder.record(tmp_path / "cassette.jsonl"):
        assert run() == bare
        assert len(tls._CACHE) == len(table)
        assert run() == bare
        assert len(tls._CACHE) == len(table)


# Files and environment.


def replace_in_place(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def replace_by_another(path: Path, data: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(data)
    beside.replace(path)


def replace_with_the_same_times(path: Path, data: bytes) -> None:
    before = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


REPLACEMENTS = {
    "in place": replace_in_place,
    "by another file": replace_by_another,
    "with its times set back": replace_with_the_same_times,
}


@pytest.mark.parametrize(
    ("setting", "way", "pause"),
    [
        *((setting, way, 0) for setting in ("ca_certs", "ca_cert_dir") for way in REPLACEMENTS),
        *(("ca_certs", way, SETTLED) for way in REPLACEMENTS),
        *((setting, "in place", SETTLED) for setting in ("ca_cert_dir", "SSL_CERT_FILE", "SSL_CERT_DIR")),
    ],
)
def test_authorities_that_change_on_the_disk_are_noticed(
    setting: str, way: str, pause: float, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "authorities"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    settings: dict[str, Any] = {}
    # The folder holds both, so that it, as a whole, looks the same before and after.
    path = add_hashed(folder, world.ours.bundle)
    if setting in ("ca_certs", "ca_cert_dir"):
        settings[setting] = str(path if setting == "ca_certs" else folder)
    else:
        monkeypatch.setenv(setting, str(path if setting == "SSL_CERT_FILE" else folder))
    ours, theirs = world.ours.bundle.read_bytes(), world.theirs.bundle.read_bytes()
    size = max(len(ours), len(theirs)) + 1

    def ask() -> bool:
        return bool(with_urllib3(world.urls["ours"] + "/whoami", **settings) == TRUSTED)

    REPLACEMENTS[way](path, ours.ljust(size, b"\n"))
    time.sleep(pause)
    with recorder.record(tmp_path / "cassette.jsonl"):
        assert [ask(), ask()] == [True, True]
        REPLACEMENTS[way](path, theirs.ljust(size, b"\n"))
        assert [ask(), ask()] == [False, False]
        time.sleep(pause)
        assert ask() is False
        REPLACEMENTS[way](path, ours.ljust(size, b"\n"))
        assert ask() is True


def test_authorities_from_a_pipe_can_be_read_once_recorded_as_bare(world: World, tmp_path: Path) -> None:
    """As a shell's `<(...)` gives them."""

    def run() -> list[Any]:
        reading, writing = os.pipe()
        try:
            os.write(writing, world.ours.bundle.read_bytes())
            os.close(writing)
            path = f"/dev/fd/{reading}"
            return [with_urllib3(world.urls["ours"] + "/whoami", ca_certs=path) for _ in range(2)]
        finally:
            os.close(reading)

    bare = run()
    assert bare[0] == TRUSTED
    with recorder.record(tmp_path / "cassette.jsonl"):
        recorded = run()
    assert recorded == bare
    assert recorded[1] != TRUSTED


class CoarseTimes(System):
    """A file system whose clock ticks every 50 ms, as some do, or slower."""

    @staticmethod
    def stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Any:
        status = Path(path).stat()
        names = ("st_mode", "st_mtime_ns", "st_ctime_ns", "st_size", "st_ino", "st_dev")
        told = {name: getattr(status, name) for name in names}
        return SimpleNamespace(
            **{name: value - value % 50_000_000 if "time" in name else value for name, value in told.items()}
        )


def test_a_change_that_does_not_show_in_a_files_times_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "SYSTEM", CoarseTimes())
    ours, theirs = world.ours.bundle.read_bytes(), world.theirs.bundle.read_bytes()
    size = max(len(ours), len(theirs)) + 1
    path = tmp_path / "ca.pem"
    with recorder.record(tmp_path / "cassette.jsonl"):
        for _ in range(5):
            for data, wanted in ((ours, True), (theirs, False)):
                path.write_bytes(data.ljust(size, b"\n"))
                outcome = with_urllib3(world.urls["ours"] + "/whoami", ca_certs=str(path))
                assert (outcome == TRUSTED) is wanted


def test_a_folder_too_large_to_look_through_is_not_cached(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    add_hashed(folder, world.ours.bundle)
    time.sleep(SETTLED)
    with recorder.record(tmp_path / "cassette.jsonl"):
        for most, cached in ((0, 0), (1, 1)):
            monkeypatch.setattr(tls, "_MOST_IN_FOLDER", most)
            assert with_urllib3(world.urls["ours"] + "/whoami", ca_cert_dir=str(folder)) == TRUSTED
            assert len(tls._CACHE) == cached


def test_a_client_certificate_that_changes_on_the_disk_is_noticed(world: World, tmp_path: Path) -> None:
    path = tmp_path / "client.pem"

    def ask() -> Any:
        return with_requests(world.urls["asking"] + "/whoami", verify=world.bundle, cert=str(path))

    with recorder.record(tmp_path / "cassette.jsonl"):
        for name in ("one@example.org", "two@example.org", "one@example.org"):
            shutil.copyfile(world.ours.client(name), path)
            assert ask() == [name]
            assert ask() == [name]


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_the_environments_authorities_are_looked_at_for_each_connection(
    name: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = tmp_path / "nothing"
    places = {}
    for which, authority in (("ours", world.ours), ("theirs", world.theirs)):
        path = add_hashed(tmp_path / which, authority.bundle)
        places[which] = str(path if name == "SSL_CERT_FILE" else path.parent)
    time.sleep(SETTLED)
    for each in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(each, str(nothing))

    def run() -> list[bool]:
        out = []
        for which in ("ours", "theirs", "ours", "nothing", "ours"):
            monkeypatch.setenv(name, places.get(which, str(nothing)))
            out.append(with_urllib3(world.urls["ours"] + "/whoami") == TRUSTED)
        if name == "SSL_CERT_DIR":
            monkeypatch.setenv(name, os.pathsep.join((str(nothing), str(tmp_path / "no"), places["ours"])))
            out.append(with_urllib3(world.urls["ours"] + "/whoami") == TRUSTED)
        return out

    bare = run()
    assert bare[:5] == [True, False, True, False, True]
    with recorder.record(tmp_path / "cassette.jsonl"):
        assert run() == bare
        assert len(tls._CACHE) == len(bare) - 2


def test_a_folder_with_links_that_lead_nowhere_is_a_folder(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    add_hashed(folder, world.ours.bundle)
    (folder / "01234567.0").symlink_to(tmp_path / "gone.pem")
    time.sleep(SETTLED)
    with recorder.record(tmp_path / "cassette.jsonl"):
        for _ in range(2):
            assert with_urllib3(world.urls["ours"] + "/whoami", ca_cert_dir=str(folder)) == TRUSTED
        assert len(tls._CACHE) == 1


def test_each_context_goes_on_logging_its_keys(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    with recorder.record(tmp_path / "cassette.jsonl"):
        assert with_urllib3(world.urls["ours"] + "/whoami", ca_certs=world.bundle) == TRUSTED
        assert log.read_text().count("CLIENT_HANDSHAKE_TRAFFIC_SECRET") == 1
        log.unlink()  # as a rotation does
        assert with_urllib3(world.urls["ours"] + "/whoami", ca_certs=world.bundle) == TRUSTED
        assert log.read_text().count("CLIENT_HANDSHAKE_TRAFFIC_SECRET") == 1


@pytest.mark.parametrize(
    ("settings", "category"),
    [
        ({"ssl_version": ssl.PROTOCOL_TLSv1_2}, FutureWarning),
        ({"ssl_minimum_version": ssl.TLSVersion.TLSv1}, DeprecationWarning),
    ],
    ids=["ssl_version", "ssl_minimum_version"],
)
def test_what_python_and_urllib3_warn_of_they_warn_of_each_time(
    settings: dict[str, Any], category: type[Warning], world: World, tmp_path: Path
) -> None:
    def run() -> list[tuple[str, str, int]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", category)
            for _ in range(3):
                assert with_urllib3(world.urls["ours"] + "/whoami", ca_certs=world.bundle, **settings) == TRUSTED
        return [(str(each.message), each.filename, each.lineno) for each in caught if each.category is category]

    bare = run()
    assert len(bare) >= 3
    with recorder.record(tmp_path / "cassette.jsonl"):
        assert run() == bare


# Contexts of the program's own.


class ContextAdapter(requests.adapters.HTTPAdapter):
    """What many programs have: an adapter that brings a context of its own."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self.context, **kwargs)


def own_context(world: World) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=world.bundle)
    context.set_ciphers("ECDHE+AESGCM")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def test_a_context_of_the_program_is_used_itself_and_left_as_it_is(world: World, tmp_path: Path) -> None:
    def run(context: ssl.SSLContext) -> dict[str, Any]:
        with urllib3.PoolManager(ssl_context=context, ca_certs=world.bundle) as pool:
            assert context_of(pool, world.urls["ours"]) is context
        with requests.Session() as session:
            session.trust_env = False
            session.mount("https://", ContextAdapter(context))
            with session.get(world.urls["ours"] + "/json", verify=world.bundle, stream=True) as response:
                used: Any = response.raw._connection
                assert used.sock.context is context
        assert type(context) is OWN
        assert "__class__" not in vars(context)
        return describe(context)

    bare = run(own_context(world))
    with recorder.record(tmp_path / "cassette.jsonl"):
        context = own_context(world)
        kept = vars(context).copy()
        assert run(context) == bare
        assert vars(context) == kept
        assert len(tls._CACHE) == 0


def test_a_context_of_the_program_does_not_lend_its_trust(world: World, tmp_path: Path) -> None:
    careless = ssl._create_unverified_context()
    with recorder.record(tmp_path / "cassette.jsonl"):
        with urllib3.PoolManager(ssl_context=careless) as pool:
            assert pool.request("GET", world.urls["theirs"] + "/json").status == 200
        for _ in range(2):
            assert FAILED in with_urllib3(world.urls["theirs"] + "/whoami", ca_certs=world.bundle)[0]
        assert careless.verify_mode == ssl.CERT_NONE


class StoreContext(OWN):
    """Stands in for truststore's class: it verifies by itself, here by refusing everybody."""

    asked = 0

    def wrap_socket(self, *args: Any, **kwargs: Any) -> Any:
        StoreContext.asked += 1
        raise ssl.SSLCertVerificationError("the store says no")


for _name in ("minimum_version", "maximum_version", "options", "verify_flags", "verify_mode"):
    # As truststore does: those of ssl.py look for their base through the name that is being replaced.
    setattr(StoreContext, _name, vars(OWN.__bases__[0])[_name])


def test_a_class_put_in_the_place_of_sslcontext_is_used_and_never_replaced(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StoreContext, "asked", 0)
    with recorder.record(tmp_path / "cassette.jsonl"):
        assert with_urllib3(world.urls["ours"] + "/whoami", ca_certs=world.bundle) == TRUSTED
        monkeypatch.setattr(ssl, "SSLContext", StoreContext)
        monkeypatch.setattr("urllib3.util.ssl_.SSLContext", StoreContext)
        for _ in range(2):
            assert "the store says no" in with_urllib3(world.urls["ours"] + "/whoami", ca_certs=world.bundle)[0]
        assert StoreContext.asked == 2
        monkeypatch.undo()
        assert with_urllib3(world.urls["ours"] + "/whoami", ca_certs=world.bundle) == TRUSTED


def test_the_standard_librarys_class_is_found_behind_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "SSLContext", StoreContext)
    spec = importlib.util.find_spec("recorder.taps.tls")
    assert spec is not None
    assert spec.loader is not None
    loaded_late = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded_late)
    assert loaded_late.SealedContext.__mro__[1] is OWN


def test_a_maker_of_contexts_put_in_the_place_of_urllib3s_is_asked_each_time(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = own_context(world)
    asked = []

    def make(**settings: Any) -> ssl.SSLContext:
        asked.append(settings)
        return one

    monkeypatch.setattr("urllib3.connection.create_urllib3_context", make)
    with recorder.record(tmp_path / "cassette.jsonl"):
        for count in (1, 2):
            with urllib3.PoolManager(ca_certs=world.bundle) as pool:
                assert context_of(pool, world.urls["ours"]) is one
            assert len(asked) == count
    assert type(one) is OWN


# Changing a context that others share.


def stop_verifying(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


CHANGES: dict[str, Callable[[ssl.SSLContext, World], object]] = {
    "verify_mode": lambda c, w: stop_verifying(c),
    "check_hostname": lambda c, w: setattr(c, "check_hostname", False),
    "load_verify_locations": lambda c, w: c.load_verify_locations(w.their_bundle),
    "load_verify_locations, by name": lambda c, w: c.load_verify_locations(cadata=w.theirs.bundle.read_text()),
    "load_default_certs": lambda c, w: c.load_default_certs(),
    "set_default_verify_paths": lambda c, w: c.set_default_verify_paths(),
    "load_cert_chain": lambda c, w: c.load_cert_chain(w.client),
    "set_ciphers": lambda c, w: c.set_ciphers("ECDHE+AESGCM"),
    "set_alpn_protocols": lambda c, w: c.set_alpn_protocols(["h2"]),
    "set_ecdh_curve": lambda c, w: c.set_ecdh_curve("prime256v1"),
    "options": lambda c, w: setattr(c, "options", c.options | ssl.OP_CIPHER_SERVER_PREFERENCE),
    "verify_flags": lambda c, w: setattr(c, "verify_flags", c.verify_flags | ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN),
    "minimum_version": lambda c, w: setattr(c, "minimum_version", ssl.TLSVersion.TLSv1_3),
    "maximum_version": lambda c, w: setattr(c, "maximum_version", ssl.TLSVersion.TLSv1_2),
    "post_handshake_auth": lambda c, w: setattr(c, "post_handshake_auth", False),
    "hostname_checks_common_name": lambda c, w: setattr(c, "hostname_checks_common_name", True),
    "keylog_filename": lambda c, w: setattr(c, "keylog_filename", os.devnull),
    "an attribute of one's own": lambda c, w: setattr(c, "mark", 1),
    "a method of one's own": lambda c, w: setattr(c, "wrap_socket", StoreContext.wrap_socket.__get__(c)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_context_that_the_program_changes_is_no_longer_anybody_elses(name: str, world: World, tmp_path: Path) -> None:
    with recorder.record(tmp_path / "cassette.jsonl"), ExitStack() as stack:
        first, second, third = (
            stack.enter_context(urllib3.PoolManager(ca_certs=world.bundle, retries=False)) for _ in range(3)
        )
        context = context_of(first, world.urls["ours"])
        assert context_of(second, world.urls["ours"]) is context, "else there is nothing to show"
        before = describe(context)
        CHANGES[name](context, world)
        assert type(context) is OWN, "it is an ordinary context now"
        later = context_of(third, world.urls["ours"])
        assert later is not context
        assert describe(later) == before
        assert FAILED in with_urllib3(world.urls["theirs"] + "/whoami", ca_certs=world.bundle)[0]


def test_changes_of_a_shared_context_take_effect_as_on_any_other(world: World, tmp_path: Path) -> None:
    def run(name: str) -> Any:
        with urllib3.PoolManager(ca_certs=world.bundle, retries=False) as pool:
            context = context_of(pool, world.urls["ours"])
            CHANGES[name](context, world)
            return describe(context) | {"mark": getattr(context, "mark", None)}

    with recorder.record(tmp_path / "cassette.jsonl"):
        recorded = {name: run(name) for name in CHANGES}
    assert recorded == {name: run(name) for name in CHANGES}


@pytest.mark.parametrize(
    "act",
    [
        lambda context: setattr(context, "verify_mode", "bogus"),
        lambda context: setattr(context, "verify_mode", ssl.CERT_NONE),
        lambda context: context.load_verify_locations("/nowhere.pem"),
        lambda context: context.load_verify_locations(),
        lambda context: context.set_ciphers("NO-SUCH-CIPHER"),
        lambda context: context.set_alpn_protocols([""]),
        lambda context: context.set_servername_callback(None),
        lambda context: setattr(context, "sni_callback", print),
        lambda context: context.no_such_method(),
        lambda context: delattr(context, "mark"),
    ],
)
def test_mistakes_with_a_shared_context_fail_as_on_any_other(
    act: Callable[[Any], Any], world: World, tmp_path: Path
) -> None:
    def run() -> list[str]:
        with urllib3.PoolManager(ca_certs=world.bundle, retries=False) as pool:
            context = context_of(pool, world.urls["ours"])
            with pytest.raises((ValueError, TypeError, OSError, AttributeError)) as caught:
                act(context)
            return plainly(caught.value)

    bare = run()
    with recorder.record(tmp_path / "cassette.jsonl"):
        assert run() == bare


def test_every_method_of_a_context_either_only_reads_or_takes_it_out_of_the_cache() -> None:
    methods = {
        name
        for name in dir(OWN)
        if callable(getattr(OWN, name)) and not isinstance(getattr(OWN, name), type) and not name.startswith("__")
    }
    changing = {name for name in methods if getattr(tls.SealedContext, name) is not getattr(OWN, name)}
    assert methods - changing <= tls._READERS
    assert {name for name in methods if name.startswith(("set_", "load_"))} <= changing
    assert not changing & {"wrap_socket", "wrap_bio", "get_ca_certs"}


def test_looking_at_a_shared_context_leaves_it_shared(world: World, tmp_path: Path) -> None:
    with recorder.record(tmp_path / "cassette.jsonl"), urllib3.PoolManager(ca_certs=world.bundle) as pool:
        context = context_of(pool, world.urls["ours"])
        describe(context)
        context.session_stats()
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = True
        context.set_alpn_protocols(["http/1.1"])
        with urllib3.PoolManager(ca_certs=world.bundle) as other:
            assert context_of(other, world.urls["ours"]) is context


def test_a_shared_context_that_the_program_passes_on_becomes_the_programs_own(world: World, tmp_path: Path) -> None:
    with recorder.record(tmp_path / "cassette.jsonl"), ExitStack() as stack:
        first = stack.enter_context(urllib3.PoolManager(ca_certs=world.bundle))
        context = context_of(first, world.urls["ours"])
        # urllib3 loads the other authority into the context that it is given, as it does bare.
        second = stack.enter_context(urllib3.PoolManager(ssl_context=context, ca_certs=world.their_bundle))
        assert context_of(second, world.urls["theirs"]) is context
        assert len(context.get_ca_certs()) == 2
        assert FAILED in with_urllib3(world.urls["theirs"] + "/whoami", ca_certs=world.bundle)[0]


# What the cache is for, and its bounds.


@dataclass
class Loads:
    """Counts what costs time: contexts made, and authorities loaded into them."""

    locations: int = 0
    defaults: int = 0


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    counts = Loads()
    locations, defaults = OWN.load_verify_locations, OWN.load_default_certs

    def load_verify_locations(self: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        counts.locations += 1
        locations(self, *args, **kwargs)

    def load_default_certs(self: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        counts.defaults += 1
        defaults(self, *args, **kwargs)

    monkeypatch.setattr(OWN, "load_verify_locations", load_verify_locations)
    monkeypatch.setattr(OWN, "load_default_certs", load_default_certs)
    return counts


def test_fifty_sessions_load_the_authorities_once_and_share_one_context(
    world: World, tmp_path: Path, loads: Loads
) -> None:
    def run() -> tuple[int, int]:
        before, loads.locations = live_contexts(), 0
        with ExitStack() as stack:
            for _ in range(50):
                session = stack.enter_context(requests.Session())
                session.trust_env = False
                assert session.get(world.urls["ours"] + "/json", verify=world.bundle).status_code == 200
            return loads.locations, live_contexts() - before

    assert run() == (50, 50)
    with recorder.record(tmp_path / "cassette.jsonl"):
        assert run() == (1, 1)
    gc.collect()
    assert len(tls._CACHE) == 0


def test_default_authorities_are_loaded_once_too(
    world: World, tmp_path: Path, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", world.bundle)
    with recorder.record(tmp_path / "cassette.jsonl"):
        for _ in range(5):
            assert with_urllib3(world.urls["ours"] + "/whoami") == TRUSTED
    assert (loads.defaults, loads.locations) == (1, 0)


def test_contexts_do_not_pile_up_beyond_their_bound(world: World, tmp_path: Path) -> None:
    before = live_contexts()
    copies = []
    for number in range(40):
        copies.append(tmp_path / f"ca-{number}.pem")
        shutil.copyfile(world.bundle, copies[-1])
    time.sleep(SETTLED)
    with recorder.record(tmp_path / "cassette.jsonl"):
        kept = urllib3.PoolManager(ca_certs=str(copies[0]))
        oldest = context_of(kept, world.urls["ours"])
        for copy in copies:
            assert with_urllib3(world.urls["ours"] + "/whoami", ca_certs=str(copy)) == TRUSTED
        assert len(tls._CACHE) == tls._MOST_CONTEXTS == 32
        assert live_contexts() - before == 32 + 1, "the kept pool's, and no other, has left the cache and lives"
        assert with_urllib3(world.urls["ours"] + "/whoami", ca_certs=str(copies[0])) == TRUSTED
    kept.clear()
    assert type(oldest) is OWN
    del kept, oldest
    assert live_contexts() == before


def test_the_context_used_last_is_forgotten_last(world: World, tmp_path: Path, loads: Loads) -> None:
    copies = [tmp_path / f"ca-{number}.pem" for number in range(33)]
    for copy in copies:
        shutil.copyfile(world.bundle, copy)
    time.sleep(SETTLED)
    with recorder.record(tmp_path / "cassette.jsonl"):
        for copy in [*copies[:32], copies[0], copies[32], copies[0]]:
            assert with_urllib3(world.urls["ours"] + "/whoami", ca_certs=str(copy)) == TRUSTED
    assert loads.locations == 33


def test_threads_that_begin_at_once_make_one_context(world: World, tmp_path: Path, loads: Loads) -> None:
    barrier = threading.Barrier(16)

    def ask(_: int) -> Any:
        barrier.wait(10)
        return with_requests(world.urls["ours"] + "/whoami", verify=world.bundle)

    with recorder.record(tmp_path / "cassette.jsonl") as recording, ThreadPoolExecutor(16) as threads:
        assert list(threads.map(ask, range(16))) == [TRUSTED] * 16
        assert loads.locations == 1
    assert recording.interactions == 16


def test_threads_with_mixed_settings_each_get_their_own_right_result(world: World, tmp_path: Path) -> None:
    kinds: list[tuple[str, dict[str, Any], Any]] = [
        ("ours", {"verify": world.bundle}, TRUSTED),
        ("theirs", {"verify": world.bundle}, FAILED),
        ("theirs", {"verify": False}, TRUSTED),
        ("theirs", {"verify": world.their_bundle}, TRUSTED),
        ("ours", {"verify": world.their_bundle}, FAILED),
        ("asking", {"verify": world.bundle, "cert": world.client}, ["client@example.org"]),
        ("asking", {"verify": world.bundle}, TRUSTED),
        ("elsewhere", {"verify": world.bundle}, "Hostname mismatch"),
    ]
    barrier = threading.Barrier(16)

    def work(number: int) -> None:
        barrier.wait(10)
        for step in range(8):
            server, settings, wanted = kinds[(number + step) % len(kinds)]
            assert_seen([with_requests(world.urls[server] + "/whoami", **settings)], [wanted])

    with recorder.record(tmp_path / "cassette.jsonl") as recording, ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(16)))
    assert (recording.seen, recording.interactions, recording.lost) == (128, 128, {})


# The end.


def test_after_the_last_recording_connections_keep_ordinary_contexts(world: World, tmp_path: Path) -> None:
    pool = urllib3.PoolManager(ca_certs=world.bundle)
    with recorder.record(tmp_path / "outer.jsonl"):
        with recorder.record(tmp_path / "inner.jsonl"):
            context = context_of(pool, world.urls["ours"])
        assert context_of(pool, world.urls["ours"]) is context
        assert len(tls._CACHE) == 1, "the outer recording goes on"
    assert type(context) is OWN
    assert len(tls._CACHE) == 0
    assert context_of(pool, world.urls["ours"]) is context
    with urllib3.PoolManager(ca_certs=world.bundle) as other:
        assert context_of(other, world.urls["ours"]) is not context
    pool.clear()


def test_a_context_made_while_the_recording_ends_is_not_kept(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recorder.start(tmp_path / "cassette.jsonl")
    load = OWN.load_verify_locations

    def stop_meanwhile(self: ssl.SSLContext, *args: Any) -> None:
        recording.stop()
        load(self, *args)

    monkeypatch.setattr(OWN, "load_verify_locations", stop_meanwhile)
    with urllib3.PoolManager(ca_certs=world.bundle) as pool:
        context = context_of(pool, world.urls["ours"])
    assert type(context) is OWN
    assert len(tls._CACHE) == 0


def ask_in_child(url: str, bundle: str) -> None:
    if with_requests(url + "/whoami", verify=bundle) != TRUSTED:
        raise SystemExit(1)


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_child_forked_while_a_context_is_being_made_is_not_stuck(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock that the parent's thread holds is not released in the child: there is no such thread."""
    making, go_on = threading.Event(), threading.Event()
    load = OWN.load_verify_locations
    parent = os.getpid()

    def slowly(self: ssl.SSLContext, *args: Any) -> None:
        if os.getpid() == parent:
            making.set()
            assert go_on.wait(20)
        load(self, *args)

    monkeypatch.setattr(OWN, "load_verify_locations", slowly)
    with recorder.record(tmp_path / "cassette.jsonl"), ThreadPoolExecutor(1) as threads:
        asked = threads.submit(with_requests, world.urls["ours"] + "/whoami", verify=world.bundle)
        assert making.wait(20)
        child = multiprocessing.get_context("fork").Process(
            target=ask_in_child, args=(world.urls["ours"], world.bundle)
        )
        child.start()
        child.join(20)
        code = child.exitcode
        if code is None:
            child.kill()
        go_on.set()
        assert code == 0
        assert asked.result(20) == TRUSTED
