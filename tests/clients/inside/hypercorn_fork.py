"""A stand-in for the fork of hypercorn with which urllib3 tests: it tells an application about its connection.

Law: the server's side only, and only what urllib3's dummy server asks for: in each scope's extensions, the stream as
`_transport` (for CONNECT), and the negotiated protocol and the client's name as `tls`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_task_group: Any = import_module("hypercorn.trio.task_group")
_trio: Any = import_module("trio")
_original = _task_group.TaskGroup.spawn_app


async def _spawn_app(self: Any, app: Any, config: Any, scope: Any, send: Any) -> Any:
    server = send.__self__.send.__self__.send.__self__  # the HTTP stream, the protocol, the TCP server
    scope["extensions"]["_transport"] = server.stream
    if isinstance(server.stream, _trio.SSLStream):
        scope["extensions"]["tls"] = {
            "alpn_protocol": server.stream.selected_alpn_protocol(),
            "client_cert_name": _name(server.stream.getpeercert()),
        }
    return await _original(self, app, config, scope, send)


def _name(certificate: dict[str, Any] | None) -> str | None:
    if not certificate:
        return None
    return ", ".join(f"{key}={value}" for part in certificate["subject"] for key, value in part)


def pytest_configure() -> None:
    _task_group.TaskGroup.spawn_app = _spawn_app


def pytest_unconfigure() -> None:
    _task_group.TaskGroup.spawn_app = _original
