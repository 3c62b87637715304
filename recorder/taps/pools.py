"""Pool sharing, where a recording was asked for it: urllib3's managers use each other's idle connections.

Law: every manager keeps pools of its own, with its own settings. What is shared is idle connections, between pools
whose full pool keys are equal (all TLS settings, proxy, limits and classes in it; but for what a pool does with a
request, which is no matter of a connection: timeout, retries, headers). And one is handed out only if a new connection
of the asking pool would be made exactly so now: with the same TLS context, hence the same files as they are at this
moment, and the same checks. What urllib3's clients do to a pool behind its key's back (requests sets the CA file and
the certificate on it) thus counts. Never shared: pools that make callers wait for a connection, since two sessions
that each hold one would wait for each other for ever; contexts, classes and queues that a program brought itself;
connections of another process.

Memory: at most 64 pool keys, and of each as many idle connections as one of its pools may keep.
"""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from contextlib import suppress
from queue import Empty, Full, LifoQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet, ref

from recorder.system import SYSTEM, ForkLock
from recorder.taps import seams

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["forget", "tap_pool"]

_MOST_KEYS: Final = 64
"""Pool keys whose idle connections are kept; those of the least used one are closed first."""


def tap_pool(original: Any) -> Any:
    """A manager is asked for a pool: let a new one share its idle connections, where the recording was asked to."""

    def connection_from_pool_key(self: Any, pool_key: Any, request_context: Any) -> Any:
        is_new = seams.share_pools() and _is_urllib3s(self) and self.pools.get(pool_key) is None
        pool = original(self, pool_key, request_context)
        if is_new and _is_urllib3s(pool) and _is_shareable(pool, pool_key):
            with _IDLE.lock:
                if type(pool.pool) is LifoQueue:  # else another thread was here first
                    key = pool_key._replace(key_timeout=None, key_retries=None, key_headers=None)
                    pool.pool = _SharedQueue(pool, (type(pool), key))
        return pool

    return connection_from_pool_key


def _is_urllib3s(manager_or_pool: Any) -> bool:
    """Whether its class is urllib3's own: what a program derives from it may keep settings that no key shows."""
    return type(manager_or_pool).__module__.startswith("urllib3.")


def _is_shareable(pool: Any, pool_key: Any) -> bool:
    return (
        type(pool_key) is getattr(sys.modules.get("urllib3.poolmanager"), "PoolKey", None)
        and type(pool.pool) is LifoQueue
        and not pool.block
        and "ssl_context" not in pool.conn_kw
        and getattr(pool.proxy_config, "ssl_context", None) is None
    )


def forget() -> None:
    """Share no longer. Each pool gets its own queue back, and the idle connections that it used last."""
    _IDLE.restore()


class _SharedQueue(LifoQueue[Any]):
    """Stands in for a pool's queue of idle connections."""

    def __init__(self, pool: Any, key: Any) -> None:
        super().__init__(pool.pool.maxsize)
        self.key = key
        # What marks its free places goes: a pool that makes nobody wait has no use for them, and the connections that
        # it has out when sharing ends shall find room.
        self.own = pool.pool
        _empty(self.own)
        self.made_with = _fixed_settings(pool)
        self._pool = ref(pool)
        _IDLE.queues.add(self)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Give an idle connection, or None: urllib3 then makes one."""
        pool = self.pool()
        if pool is None:
            raise Empty  # the pool is closed, and urllib3 closes what it held: these may be in use by others
        if _fixed_settings(pool) != self.made_with:
            return self.leave(pool).get(block, timeout)
        return _IDLE.take(self.key, pool)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Take a connection back. None is what urllib3 puts for one that was closed."""
        pool = self.pool()
        if pool is None:
            raise Full
        if _fixed_settings(pool) != self.made_with:
            self.leave(pool).put(item, block, timeout)
        elif getattr(item, "sock", None) is not None:
            _IDLE.put(self.key, _Idle(item, self._pool), self.maxsize)

    def pool(self) -> Any:
        """Give the pool that this is the queue of; None when it is no longer."""
        pool = self._pool()
        return pool if pool is not None and pool.pool is self else None

    def leave(self, pool: Any) -> Any:
        """Give the pool its own queue back."""
        pool.pool = self.own
        return self.own


class _Idle(NamedTuple):
    """An idle connection, and the pool that it was used by last."""

    connection: Any
    pool: ref[Any]


class _Connections:
    """Idle connections by pool key. All of this process: those of a parent are the parent's."""

    def __init__(self) -> None:
        self.queues: WeakSet[_SharedQueue] = WeakSet()
        self._idle: OrderedDict[Any, list[_Idle]] = OrderedDict()
        self.lock = ForkLock()
        self._pid = SYSTEM.getpid()

    def take(self, key: Any, pool: Any) -> Any:
        with self.lock:
            self._leave_parents()
            idle = self._idle.get(key)
            if not idle:
                return None
            context = _context_for(pool) if pool.scheme == "https" else None
            for number in reversed(range(len(idle))):
                if _fits(idle[number].connection, pool, context):
                    return idle.pop(number).connection
        return None

    def put(self, key: Any, idle: _Idle, most: int) -> None:
        with self.lock:
            self._leave_parents()
            kept = self._idle.setdefault(key, [])
            if 0 < most <= len(kept):
                raise Full
            kept.append(idle)
            self._idle.move_to_end(key)
            while len(self._idle) > _MOST_KEYS:
                _close([self._idle.popitem(last=False)[1]])

    def restore(self) -> None:
        with self.lock:
            self._leave_parents()
            for queue in list(self.queues):
                pool = queue.pool()
                if pool is not None:
                    queue.leave(pool)
            idle, self._idle = self._idle, OrderedDict()
        for each in [each for kept in idle.values() for each in kept]:
            if not _give_back(each):
                each.connection.close()

    def _leave_parents(self) -> None:
        """After a fork: close, on this side, what the parent has idle. Its sockets are in use there."""
        if SYSTEM.getpid() != self._pid:
            self._pid = SYSTEM.getpid()
            inherited, self._idle = self._idle, OrderedDict()
            _close(inherited.values())


_IDLE = _Connections()


def _give_back(idle: _Idle) -> bool:
    pool = idle.pool()
    queue = None if pool is None else pool.pool
    if queue is None:
        return False
    with suppress(Full):
        queue.put(idle.connection, block=False)
        return True
    return False


def _empty(queue: Any) -> None:
    with suppress(Empty):
        while True:
            queue.get_nowait()


def _close(kept: Any) -> None:
    for idle in [each for some in kept for each in some]:
        idle.connection.close()


# What makes one connection as good as another.

_CHECKED = ("assert_hostname", "assert_fingerprint")
_TLS = (
    *("cert_reqs", "ssl_version", "ssl_minimum_version", "ssl_maximum_version"),
    *("ca_certs", "ca_cert_dir", "cert_file", "key_file", "key_password", *_CHECKED),
)
_FIXED = ("scheme", "host", "port", "proxy", "proxy_headers", "proxy_config", "ConnectionCls")


def _fixed_settings(pool: Any) -> tuple[Any, ...]:
    """Give what the pool key says of a pool, and nobody has reason to change afterwards. Who does, shares no longer."""
    return (*(getattr(pool, name, None) for name in _FIXED), dict(pool.conn_kw))


def _context_for(pool: Any) -> SSLContext | None:
    """Give the context that a new connection of this pool would get now; None where none is cached for it."""
    from recorder.taps.tls import find_context  # noqa: PLC0415 -- loads ssl, which a pool for plain http does not need

    settings: dict[str, Any] = {name: getattr(pool, name, None) for name in _TLS}
    settings["ca_cert_data"] = pool.conn_kw.get("ca_cert_data")
    # What urllib3's HTTPSConnection makes of them.
    for name in ("ca_certs", "ca_cert_dir"):
        settings[name] = os.path.expanduser(settings[name]) if settings[name] else None  # noqa: PTH111 -- a str, as urllib3's
    if settings["cert_reqs"] is None:
        library = sys.modules.get("urllib3.connection")
        if library is None:
            return None
        settings["cert_reqs"] = library.resolve_cert_reqs(None)
    return find_context(settings)


def _fits(connection: Any, pool: Any, context: SSLContext | None) -> bool:
    if type(connection) is not pool.ConnectionCls or connection.sock is None:
        return False
    if pool.scheme != "https":
        return True
    return (
        context is not None
        and getattr(connection.sock, "context", None) is context
        and all(getattr(connection, name) == getattr(pool, name) for name in _CHECKED)
    )
