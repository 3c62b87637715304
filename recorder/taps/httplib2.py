"""The tap on httplib2, which connects by itself before http.client hears of a request.

Law: looked at only, as in `urllib3`; the wire is tapped at http.client.
"""

from __future__ import annotations

from typing import Any

from recorder.taps import seams
from recorder.taps.http_client import CALL, Call, version_of

__all__ = ["tap_conn_request"]


def tap_conn_request(original: Any) -> Any:
    """Remember what is asked while it is being done, for the case that no connection can be made."""

    def _conn_request(self: Any, conn: Any, request_uri: Any, method: Any, body: Any, headers: Any) -> Any:
        if not seams.active():
            return original(self, conn, request_uri, method, body, headers)
        asked = (str(method), str(request_uri), list(dict(headers or {}).items()), body)
        token = CALL.set(Call(version_of("httplib2"), lambda made: made is conn, lambda _: asked))
        try:
            return original(self, conn, request_uri, method, body, headers)
        finally:
            CALL.reset(token)

    return _conn_request
