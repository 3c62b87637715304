"""The tap on what is asked of urllib3.

Law: looked at only; the wire is tapped below, at http.client.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from recorder.taps import seams
from recorder.taps.http_client import CALL, Call, version_of

if TYPE_CHECKING:
    from recorder.taps.http_client import Description

__all__ = ["tap_urlopen"]


def tap_urlopen(original: Any) -> Any:
    """Remember what is asked while it is being done, for the case that no connection can be made."""

    def urlopen(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not seams.active():
            return original(self, *args, **kwargs)
        outer = CALL.get()
        # A retry and a redirect are urlopen inside urlopen: the client is who called the outermost one.
        client = outer.client if outer is not None and _is_own_frame() else _client()
        token = CALL.set(
            Call(client, lambda made: isinstance(made, self.ConnectionCls), lambda _: _describe(self, args, kwargs))
        )
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


def _describe(pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Description:
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
