"""The TLS context cache: the CA store is loaded once, not once a connection.

Law: only contexts that urllib3 would have made for itself are cached; one that the caller made is never looked at,
let alone changed. The key is every setting that goes into a context, the identity of every file included, so that
sharing one can neither loosen verification nor lend a certificate. A context is made whole, under a lock, and sealed:
setting what is set already does nothing, and any other change takes it out of the cache first, so that no later
connection shares it.

Why: loading a CA bundle takes about 20 ms and 0.5 MB, for each new session. What goes wrong with careless sharing:
requests 6667, 6715, 6730, 6767; urllib3 3623.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections import OrderedDict
from threading import RLock
from typing import Any

from recorder.system import SYSTEM
from recorder.taps import seams

__all__ = ["SealedContext", "file_mark", "forget", "tap_wrap_socket"]

_MOST_CONTEXTS = 32
"""Contexts that are kept, at about 0.5 MB each with a CA bundle of usual size; the least used one goes first."""


class SealedContext(ssl.SSLContext):
    """A context in the cache. An SSLContext in every way; one that is changed leaves the cache."""

    @property  # type: ignore[override] # typeshed knows a plain attribute
    def verify_mode(self) -> ssl.VerifyMode:
        """See ssl.SSLContext."""
        return super().verify_mode

    @verify_mode.setter
    def verify_mode(self, value: Any) -> None:
        if value != super().verify_mode:
            self._unseal()
            ssl.SSLContext.verify_mode.__set__(self, value)  # type: ignore[attr-defined] # a property of the base, in Python

    @property
    def check_hostname(self) -> bool:
        """See ssl.SSLContext."""
        return super().check_hostname

    @check_hostname.setter
    def check_hostname(self, value: bool) -> None:
        if value != super().check_hostname:
            self._unseal()
            ssl.SSLContext.check_hostname.__set__(self, value)  # type: ignore[attr-defined] # a C descriptor of the base

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        """See ssl.SSLContext.

        Setting the same again would free the list while another thread's connection copies it.
        """
        if list(alpn_protocols) != vars(self).get("_recorder_alpn"):
            self._unseal()
            super().set_alpn_protocols(alpn_protocols)

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        """See ssl.SSLContext."""
        self._unseal()
        super().load_verify_locations(cafile, capath, cadata)

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        """See ssl.SSLContext."""
        self._unseal()
        super().load_cert_chain(certfile, keyfile, password)

    def load_default_certs(self, purpose: Any = ssl.Purpose.SERVER_AUTH) -> None:
        """See ssl.SSLContext."""
        self._unseal()
        super().load_default_certs(purpose)

    def set_ciphers(self, cipherlist: str, /) -> None:
        """See ssl.SSLContext."""
        self._unseal()
        super().set_ciphers(cipherlist)

    def __setattr__(self, name: str, value: Any) -> None:
        """Take every other change for what it is: minimum_version, options, sni_callback, keylog_filename."""
        if name not in ("verify_mode", "check_hostname") and not name.startswith("_recorder_"):
            self._unseal()
        super().__setattr__(name, value)

    def _unseal(self) -> None:
        _CACHE.evict(self)


class _Cache:
    """Contexts by their full key.

    A lock of its own for each process: one taken in the parent at a fork would stay taken.
    """

    def __init__(self) -> None:
        self._contexts: OrderedDict[Any, ssl.SSLContext] = OrderedDict()
        self._lock = RLock()
        self._pid = SYSTEM.getpid()

    def get(self, key: Any, make: Any) -> ssl.SSLContext | None:
        if SYSTEM.getpid() != self._pid:
            self._lock, self._pid = RLock(), SYSTEM.getpid()
        with self._lock:
            known = self._contexts.get(key)
            if known is not None:
                self._contexts.move_to_end(key)
                return known
            context: ssl.SSLContext | None = make()
            if context is not None:
                self._contexts[key] = context
                while len(self._contexts) > _MOST_CONTEXTS:
                    self._contexts.popitem(last=False)
            return context

    def evict(self, context: ssl.SSLContext) -> None:
        for key, cached in list(self._contexts.items()):
            if cached is context:
                self._contexts.pop(key, None)

    def clear(self) -> None:
        self._contexts.clear()

    def __len__(self) -> int:
        return len(self._contexts)


_CACHE = _Cache()


def forget() -> None:
    """Let go of all contexts: the last recording has ended. Connections keep theirs."""
    _CACHE.clear()


def tap_wrap_socket(original: Any) -> Any:
    """urllib3 is about to make a context, load the CA store into it, and wrap a socket: give it one that is ready."""

    def _ssl_wrap_socket_and_match_hostname(sock: Any, **settings: Any) -> Any:
        if seams.active() and settings.get("ssl_context") is None:
            context = _find(settings)
            if context is not None:
                # Without the files: urllib3 would load them into the context once more (urllib3 3623).
                settings = {**settings, **_WITHOUT_FILES, "ssl_context": context}
        return original(sock, **settings)

    return _ssl_wrap_socket_and_match_hostname


_FILES = ("ca_certs", "ca_cert_dir", "cert_file", "key_file")
_WITHOUT_FILES = dict.fromkeys((*_FILES, "ca_cert_data", "key_password"))
_VALUES = ("cert_reqs", "ssl_version", "ssl_minimum_version", "ssl_maximum_version", "ca_cert_data")
_ENVIRONMENT = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "OPENSSL_CONF")


def _find(settings: dict[str, Any]) -> ssl.SSLContext | None:
    """Give a cached context for urllib3's settings, or None where urllib3 shall make its own, with its own errors."""
    library = sys.modules["urllib3.connection"]
    if (
        settings.get("key_password") is not None
        or library.ssl_.IS_PYOPENSSL
        or library.ssl_.SSLContext is not ssl.SSLContext
    ):
        return None
    own_match = bool(
        settings.get("assert_fingerprint")
        or settings.get("assert_hostname")
        or settings.get("assert_hostname") is False
    )
    try:
        key = (
            library.create_urllib3_context,
            getattr(library.ssl_, "DEFAULT_CIPHERS", None),
            tuple(library.ssl_.ALPN_PROTOCOLS),
            own_match,
            tuple(settings.get(name) for name in _VALUES),
            tuple(file_mark(settings.get(name)) for name in _FILES),
            tuple(os.environ.get(name) for name in _ENVIRONMENT),
            None if _has_authorities(settings) else _default_marks(),
        )
        return _CACHE.get(key, lambda: _make(library, settings, own_match=own_match))
    except Exception:  # noqa: BLE001 -- a missing file, a bad cipher: urllib3 meets it again, and raises its own error
        return None


def _make(library: Any, settings: dict[str, Any], *, own_match: bool) -> ssl.SSLContext | None:
    """Make what urllib3's `_ssl_wrap_socket_and_match_hostname` and `ssl_wrap_socket` make, in their order; seal it."""
    certificate, private_key = settings.get("cert_file"), settings.get("key_file")
    if certificate and library.ssl_._is_key_file_encrypted(private_key or certificate):  # noqa: SLF001 -- urllib3's own test for its own refusal
        return None
    verify = library.resolve_cert_reqs(settings.get("cert_reqs"))
    context = library.create_urllib3_context(
        ssl_version=library.resolve_ssl_version(settings.get("ssl_version")),
        ssl_minimum_version=settings.get("ssl_minimum_version"),
        ssl_maximum_version=settings.get("ssl_maximum_version"),
        cert_reqs=verify,
    )
    if type(context) is not ssl.SSLContext:
        return None
    context.verify_mode = verify
    if own_match or not library.ssl_.HAS_NEVER_CHECK_COMMON_NAME:
        context.check_hostname = False
    if _has_authorities(settings):
        context.load_verify_locations(
            settings.get("ca_certs"), settings.get("ca_cert_dir"), settings.get("ca_cert_data")
        )
    else:
        context.load_default_certs()
    if certificate:
        context.load_cert_chain(certificate, private_key)
    protocols = list(library.ssl_.ALPN_PROTOCOLS)
    context.set_alpn_protocols(protocols)
    context._recorder_alpn = protocols  # type: ignore[attr-defined] # noqa: SLF001 -- our own attribute, for the seal
    context.__class__ = SealedContext
    return context


def _has_authorities(settings: dict[str, Any]) -> bool:
    return bool(settings.get("ca_certs") or settings.get("ca_cert_dir") or settings.get("ca_cert_data"))


def _default_marks() -> tuple[Any, ...]:
    paths = ssl.get_default_verify_paths()
    return (file_mark(paths.cafile), file_mark(paths.capath))


def file_mark(path: Any) -> Any:
    """Tell a file from any other, and from itself before it was changed. Raises OSError where there is none."""
    if not path:
        return path
    status = SYSTEM.stat(path)
    return (os.fspath(path), status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev)
