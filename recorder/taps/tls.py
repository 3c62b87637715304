"""The TLS context cache: the CA store is loaded once, not once a connection.

Law: only contexts that urllib3 would have made for itself are cached; one that the caller made is never looked at,
let alone changed. The key is every setting that goes into a context, the identity of every file included, so that
sharing one can neither loosen verification nor lend a certificate; what cannot be told for certain is not cached. A
context is made whole, under a lock, and sealed: setting what is set already does nothing, and any other change takes
it out of the cache first, so that no later connection shares it.

Why: loading a CA bundle takes about 20 ms and 0.5 MB, for each new session. What goes wrong with careless sharing:
requests 6667, 6715, 6730, 6767; urllib3 3623.
"""

from __future__ import annotations

import functools
import os
import re
import ssl
import sys
from collections import OrderedDict
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from recorder.system import SYSTEM, ForkLock
from recorder.taps import seams

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SealedContext", "find_context", "forget", "tap_wrap_socket"]

_MOST_CONTEXTS: Final = 32
"""Contexts that are kept, at about 0.5 MB each with a CA bundle of usual size; the least used one goes first."""
_MOST_IN_FOLDER: Final = 2000
"""Certificates in a CA folder that are looked at, about 2 µs each; a context for a larger folder is not cached."""
_UNSETTLED_NS: Final = 100_000_000
"""A file changed so short a time ago may change again without its times telling: file systems' clocks tick slowly."""


def _find_own_class() -> type[ssl.SSLContext]:
    """Give the class of the standard library, also where another stands in its place, such as truststore's."""
    for kind in ssl.SSLContext.__mro__:
        if (kind.__module__, kind.__name__) == ("ssl", "SSLContext"):
            return kind
    return ssl.SSLContext


if TYPE_CHECKING:
    _OwnClass = ssl.SSLContext
else:
    _OwnClass = _find_own_class()


class SealedContext(_OwnClass):
    """A context in the cache: an SSLContext in every way, until it is changed.

    Then, before the change is made, it leaves the cache and is a plain SSLContext again.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        """Change an attribute. The two that urllib3 sets for each connection may be set to what they are."""
        if name in ("verify_mode", "check_hostname") and getattr(self, name) == value:
            return
        _unseal(self)
        setattr(self, name, value)

    def __delattr__(self, name: str) -> None:
        """Delete an attribute."""
        _unseal(self)
        delattr(self, name)

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        """Set the protocols. urllib3 does so for each connection, and may set what they are.

        Setting the same again would free the list while another thread's connection copies it.
        """
        protocols = list(alpn_protocols)
        if protocols != _SEALED.get(self):
            _unseal(self)
            self.set_alpn_protocols(protocols)


_READERS: Final = frozenset(
    (
        *("cert_store_stats", "get_ca_certs", "get_ciphers", "get_groups", "session_stats"),
        *("wrap_bio", "wrap_socket", "_wrap_bio", "_wrap_socket", "_encode_hostname"),
    )
)
"""Methods of a context that change nothing about it. Whatever else a Python release brings is taken for a change."""


def _changing_methods() -> list[str]:
    return [
        name
        for name, method in ((name, getattr(_OwnClass, name)) for name in dir(_OwnClass))
        if callable(method)
        and not isinstance(method, type)
        and not name.startswith("__")
        and name not in _READERS
        and name not in vars(SealedContext)
    ]


def _unsealing(name: str) -> Callable[..., Any]:
    @functools.wraps(getattr(_OwnClass, name))
    def change(self: Any, *args: Any, **kwargs: Any) -> Any:
        _unseal(self)
        return getattr(self, name)(*args, **kwargs)

    return change


for _name in _changing_methods():
    setattr(SealedContext, _name, _unsealing(_name))
# What prints the type of a context prints what it always did.
SealedContext.__name__, SealedContext.__qualname__, SealedContext.__module__ = "SSLContext", "SSLContext", "ssl"


_SEALED: WeakKeyDictionary[ssl.SSLContext, list[str]] = WeakKeyDictionary()
"""The ALPN protocols of every context that is sealed, in the cache or dropped from it as the least used."""


def _seal(context: ssl.SSLContext, protocols: list[str]) -> None:
    _SEALED[context] = protocols
    context.__class__ = SealedContext


def _unseal(context: ssl.SSLContext) -> None:
    _CACHE.evict(context)
    _SEALED.pop(context, None)
    object.__setattr__(context, "__class__", _OwnClass)


class _Cache:
    """Contexts by their full key."""

    def __init__(self) -> None:
        self._contexts: OrderedDict[Any, ssl.SSLContext] = OrderedDict()
        self._lock = ForkLock()

    def get(self, key: Any, make: Callable[[], tuple[ssl.SSLContext, list[str]] | None]) -> ssl.SSLContext | None:
        with self._lock:
            known = self._contexts.get(key)
            if known is not None:
                self._contexts.move_to_end(key)
                return known
            made = make()
            if made is None:
                return None
            if seams.active():  # else the last recording has ended meanwhile, and nothing of it may stay
                _seal(*made)
                self._contexts[key] = made[0]
                while len(self._contexts) > _MOST_CONTEXTS:
                    self._contexts.popitem(last=False)
            return made[0]

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
    """Let go of all contexts: the last recording has ended. Connections keep theirs, as plain contexts."""
    _CACHE.clear()
    for known in _SEALED.keyrefs():
        context = known()
        if context is not None:
            _unseal(context)


def tap_wrap_socket(original: Any) -> Any:
    """urllib3 is about to make a context, load the CA store into it, and wrap a socket: give it one that is ready."""

    def _ssl_wrap_socket_and_match_hostname(sock: Any, **settings: Any) -> Any:
        if seams.active() and settings.get("ssl_context") is None:
            context = find_context(settings)
            if context is not None:
                # Without the files: urllib3 would load them into the context once more (urllib3 3623).
                settings = {**settings, **_WITHOUT_FILES, "ssl_context": context}
        return original(sock, **settings)

    return _ssl_wrap_socket_and_match_hostname


_FILES = ("ca_certs", "cert_file", "key_file")
_WITHOUT_FILES = dict.fromkeys((*_FILES, "ca_cert_dir", "ca_cert_data", "key_password"))
_VALUES = ("cert_reqs", "ssl_version", "ssl_minimum_version", "ssl_maximum_version", "ca_cert_data")


def find_context(settings: dict[str, Any]) -> ssl.SSLContext | None:
    """Give a cached context for urllib3's settings, or None where urllib3 shall make its own, with its own errors."""
    library = sys.modules.get("urllib3.connection")
    if library is None:
        return None  # the program has put it away, to load another one
    try:
        if not _is_cacheable(library, settings):
            return None
        own_match = _matches_by_itself(library.ssl_, settings)
        protocols = list(library.ssl_.ALPN_PROTOCOLS)
        key = (
            own_match,
            tuple(protocols),
            tuple(settings.get(name) for name in _VALUES),
            tuple(_file_mark(settings.get(name)) for name in ("cert_file", "key_file")),
            _trust_marks(settings),
        )
        return _CACHE.get(key, lambda: _make(library, settings, own_match, protocols))
    except Exception:  # noqa: BLE001 -- a missing file, a bad cipher: urllib3 meets it again, and raises its own error
        return None


def _is_cacheable(library: Any, settings: dict[str, Any]) -> bool:
    """Whether urllib3 would make a context of the standard library's class, in its own way, and without a word."""
    own = library.ssl_
    create = library.create_urllib3_context
    return (
        own.SSLContext is ssl.SSLContext is _OwnClass
        and not own.IS_PYOPENSSL
        and getattr(create, "__globals__", None) is vars(own)  # else somebody makes contexts to their own taste
        and settings.get("key_password") is None
        # urllib3 and Python warn of these, and would no longer for a context that is made already.
        and settings.get("ssl_version") in (None, ssl.PROTOCOL_TLS, ssl.PROTOCOL_TLS_CLIENT)
        and not _DEPRECATED.intersection((settings.get("ssl_minimum_version"), settings.get("ssl_maximum_version")))
        and not os.environ.get("SSLKEYLOGFILE")  # each context opens that file for itself
    )


_DEPRECATED = frozenset((ssl.TLSVersion.SSLv3, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1))


def _matches_by_itself(own: Any, settings: dict[str, Any]) -> bool:
    """Whether urllib3 turns OpenSSL's check of the host name off, because it makes its own or none."""
    asserted = settings.get("assert_hostname")
    return bool(
        settings.get("assert_fingerprint") or asserted or asserted is False or not own.HAS_NEVER_CHECK_COMMON_NAME
    )


def _make(
    library: Any, settings: dict[str, Any], own_match: bool, protocols: list[str]
) -> tuple[ssl.SSLContext, list[str]] | None:
    """Make what urllib3's `_ssl_wrap_socket_and_match_hostname` and `ssl_wrap_socket` make, in their order."""
    certificate, private_key = settings.get("cert_file"), settings.get("key_file")
    secret = private_key or certificate
    if secret and library.ssl_._is_key_file_encrypted(secret):  # noqa: SLF001 -- urllib3's own test for its own refusal
        return None
    verify = library.resolve_cert_reqs(settings.get("cert_reqs"))
    context = library.create_urllib3_context(
        ssl_version=library.resolve_ssl_version(settings.get("ssl_version")),
        ssl_minimum_version=settings.get("ssl_minimum_version"),
        ssl_maximum_version=settings.get("ssl_maximum_version"),
        cert_reqs=verify,
    )
    context.verify_mode = verify
    if own_match:
        context.check_hostname = False
    if _has_authorities(settings):
        context.load_verify_locations(
            settings.get("ca_certs"), settings.get("ca_cert_dir"), settings.get("ca_cert_data")
        )
    else:
        context.load_default_certs()
    if certificate:
        context.load_cert_chain(certificate, private_key)
    context.set_alpn_protocols(protocols)
    return context, protocols


# Files, told from any other and from themselves before they were changed.


def _trust_marks(settings: dict[str, Any]) -> tuple[Any, ...]:
    """Tell which authorities these settings trust: the given ones, else those of the system and the environment.

    Raises OSError where a file is missing, or was changed so lately that the next change might not show.
    """
    if _has_authorities(settings):
        return _file_mark(settings.get("ca_certs")), _folder_marks(settings.get("ca_cert_dir"))
    paths = ssl.get_default_verify_paths()
    file = os.environ.get(paths.openssl_cafile_env, paths.openssl_cafile)
    folders = os.environ.get(paths.openssl_capath_env, paths.openssl_capath)
    try:
        mark = _file_mark(file)
    except FileNotFoundError:
        mark = file  # OpenSSL does without
    return "defaults", mark, _folder_marks(folders)


def _has_authorities(settings: dict[str, Any]) -> bool:
    return bool(settings.get("ca_certs") or settings.get("ca_cert_dir") or settings.get("ca_cert_data"))


def _file_mark(path: Any) -> Any:
    return _mark(os.fspath(path), SYSTEM.stat(path)) if path else path


def _folder_marks(folders: Any) -> Any:
    """Tell the certificates in folders as openssl-rehash(1) makes them. OpenSSL opens one when it looks for it."""
    return tuple(map(_folder_mark, os.fspath(folders).split(os.pathsep))) if folders else folders


def _folder_mark(folder: str) -> tuple[Any, ...]:
    try:
        entries = [entry for entry in os.scandir(folder) if _HASHED(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return (folder,)  # OpenSSL does without
    if len(entries) > _MOST_IN_FOLDER:
        raise OSError(f"{folder} holds more than {_MOST_IN_FOLDER} certificates")
    return (folder, *sorted(map(_entry_mark, entries)))


def _entry_mark(entry: os.DirEntry[str]) -> tuple[Any, ...]:
    try:
        return _mark(entry.name, SYSTEM.stat(entry.path))
    except FileNotFoundError:
        return (entry.name,)  # a link that leads nowhere


_HASHED = re.compile(r"[0-9a-f]{8}\.r?[0-9]+").fullmatch


def _mark(name: Any, status: os.stat_result) -> tuple[Any, ...]:
    if not S_ISREG(status.st_mode):
        raise OSError(f"{name} is no file: what is read from it once may not be there again")
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    if abs(SYSTEM.realtime_ns() - changed) < _UNSETTLED_NS:
        raise OSError(f"{name} was changed just now")
    return (name, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev)
