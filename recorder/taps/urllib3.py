"""The taps on urllib3 itself: what is asked of a pool, and, where that is wanted, which pool.

Law: `urlopen` is only looked at; the wire is tapped below, at http.client. Pools are shared only on request, only
between managers whose full pool keys are equal (all TLS settings, proxy, limits and classes in it), and never where a
pool makes callers wait for a connection: two sessions that each hold one would wait for each other for ever.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from recorder.taps import seams
from recorder.taps.http_client import CALL, Call, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["tap_pool", "tap_urlopen"]

_MOST_POOLS = 64
"""Shared pools that are remembered; the least used one is forgotten first, and closes with its last user."""


def tap_urlopen(original: Any) -> Any:
    """Remember what is asked while it is being done, for the case that no connection can be made."""

    def urlopen(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not seams.active():
            return original(self, *args, **kwargs)
        outer = CALL.get()
        # A retry and a redirect are urlopen inside urlopen: the client is who called the outermost one.
        client = outer.client if outer is not None and _is_own_frame() else _client()
        token = CALL.set(Call(client, lambda _: _describe(self, args, kwargs)))
        try:
            return original(self, *args, **kwargs)
        finally:
            CALL.reset(token)

    return urlopen


def _is_own_frame() -> bool:
    name: str = sys._getframe(2).f_globals.get("__name__", "")  # noqa: SLF001 -- see http_client
    return name.startswith("urllib3.")


def _client() -> str:
    name: str = sys._getframe(2).f_globals.get("__name__", "")  # noqa: SLF001 -- see http_client
    home = name.partition(".")[0]
    return version_of(home if home in ("requests", "botocore") else "urllib3")


def _describe(
    pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, str, Iterable[tuple[str, str]], Any]:
    """Read the arguments of urlopen(method, url, body=None, headers=None, ...)."""
    names = ("method", "url", "body", "headers")
    asked = {**dict(zip(names, args, strict=False)), **kwargs}
    headers = asked.get("headers")
    if headers is None:
        headers = pool.headers
    return (
        str(asked.get("method", "")),
        str(asked.get("url", "/")),
        list(dict(headers or {}).items()),
        asked.get("body"),
    )


_pools: OrderedDict[Any, Any] = OrderedDict()


def tap_pool(original: Any) -> Any:
    """Give managers with equal settings the same pool, where the recording was asked to."""

    def connection_from_pool_key(self: Any, pool_key: Any, request_context: Any) -> Any:
        if not seams.share_pools() or getattr(pool_key, "key_block", True):
            return original(self, pool_key, request_context)
        if self.pools.get(pool_key) is not None:
            return original(self, pool_key, request_context)  # it has one of its own, from before the recording
        classes = tuple(sorted((name, id(kind)) for name, kind in self.pool_classes_by_scheme.items()))
        key = (type(self), classes, pool_key, _file_marks(pool_key))
        pool = _pools.get(key)
        if pool is None or pool.pool is None:  # closed: urllib3 marks it so
            # Not kept in the manager: `clear` of one session must not close what another one uses.
            pool = _pools[key] = self._new_pool(
                request_context["scheme"],
                request_context["host"],
                request_context["port"],
                request_context=request_context,
            )
            while len(_pools) > _MOST_POOLS:
                _pools.popitem(last=False)
        else:
            _pools.move_to_end(key)
        return pool

    return connection_from_pool_key


def _file_marks(pool_key: Any) -> tuple[Any, ...]:
    from recorder.taps.tls import file_mark  # noqa: PLC0415 -- loads ssl, which a pool for plain http does not need

    names = ("key_ca_certs", "key_ca_cert_dir", "key_cert_file", "key_key_file")
    return tuple(file_mark(getattr(pool_key, name, None)) for name in names)


def forget() -> None:
    """Let go of all shared pools: the last recording has ended. Who uses one keeps it."""
    _pools.clear()
