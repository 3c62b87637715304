"""Builds cassettes for the tests of the tools, line by line, as docs/format.md says.

Law: what `Cassette` writes by default is a valid cassette; each test changes the one thing that it is about.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BEGAN", "Cassette"]

BEGAN = datetime(2026, 11, 23, 3, 30, 47, 123456, tzinfo=UTC)


class Cassette:
    """Lines of a cassette in the making. Each method adds one or more and returns the cassette."""

    def __init__(self, *, process: str = "5f2c9a1b", run: str = "c61f0d9a27b4", **header: Any) -> None:
        self.lines: list[bytes] = []
        self.process_token = process
        self.run = run
        self.seq = 0
        self.lost = 0
        self.errors = 0
        self.header(**header)

    def add(self, line: dict[str, Any]) -> Cassette:
        return self.raw(orjson.dumps(line) + b"\n")

    def raw(self, data: bytes) -> Cassette:
        self.lines.append(data)
        return self

    def header(self, **changes: Any) -> Cassette:
        header = {
            "type": "header",
            "format": 1,
            "created_at": stamp(0),
            "run": self.run,
            "process": self.process_token,
            "recorder": "cassette-tools 0.1.0",
            "python": "3.11.7",
            "platform": "linux-x86_64",
            "redaction": "none",
            "body_limit": 1048576,
        }
        return self.add(header | changes)

    def process(self, **changes: Any) -> Cassette:
        process = {
            "type": "process",
            "process": self.process_token,
            "run": self.run,
            "pid": 4242,
            "ppid": 4200,
            "started_at": stamp(0),
            "program": "app.py",
            "python": "3.11.7",
        }
        return self.add(process | changes)

    def get(self, url: str = "https://localhost:8443/ads?limit=5", **parts: Any) -> Cassette:
        return self.interaction(method="GET", url=url, **parts)

    def interaction(
        self,
        *,
        method: str = "GET",
        url: str = "https://localhost:8443/ads?limit=5",
        status: int | None = 200,
        reason: str = "OK",
        sent: bytes | None = None,
        body: bytes | None = b'{"id": 1}',
        request_headers: list[tuple[str, str]] | None = None,
        headers: list[tuple[str, str]] | None = None,
        error: dict[str, Any] | None = None,
        at: float | None = None,
        total: float = 15.02,
        rss: int | None = 31_457_280,
        pieces: int | None = None,
        body_changes: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Cassette:
        """Add an interaction, `at` seconds after the header, its response's body in so many `pieces` (body lines)."""
        self.seq += 1
        if error is not None:
            self.errors += 1
        token = changes.get("process", self.process_token)
        identity = f"{token}-{self.seq}"
        bodies: dict[str, Any] = {}
        request: dict[str, Any] = {
            "method": method,
            "url": url,
            "http_version": "HTTP/1.1",
            "headers": request_headers if request_headers is not None else [("Host", "localhost:8443")],
            "body": None if sent is None else described(sent),
        }
        if sent is not None:
            bodies["request"] = content(sent)
        response: dict[str, Any] | None = None
        if status is not None:
            response = {
                "status": status,
                "reason": reason,
                "http_version": "HTTP/1.1",
                "headers": headers if headers is not None else [("Content-Type", "application/json")],
                "body": None if body is None else described(body) | (body_changes or {}),
            }
            if body is not None and pieces is not None:
                response["body"]["pieces"] = pieces
                self._pieces(identity, body, pieces)
            elif body is not None:
                bodies["response"] = content(body)
        line: dict[str, Any] = {
            "type": "interaction",
            "id": identity,
            "seq": self.seq,
            "started_at": stamp(0.1 * self.seq if at is None else at),
            "timings_ms": {"connect": 3.214, "first_byte": 12.301, "total": total},
            "client": "requests/2.34.2",
            "process": token,
            "pid": 4242,
            "thread": 4243,
            "connection": {"id": 3, "reused": False, "peer": "127.0.0.1:8443", "tls": "TLSv1.3", "proxy": None},
            "rss": rss,
            "request": request,
            "response": response,
        }
        if error is not None:
            line["error"] = error
        return self.add(line | changes | {"bodies": bodies})

    def diagnosis(self, **parts: Any) -> Cassette:
        line = {"type": "diagnosis", "process": self.process_token, "at": stamp(1), "interactions": self.seq}
        return self.add(line | parts)

    def end(self, **changes: Any) -> Cassette:
        end = {
            "type": "end",
            "run": self.run,
            "process": self.process_token,
            "ended_at": stamp(0.1 * self.seq + 1),
            "seen": self.seq,
            "interactions": self.seq,
            "errors": self.errors,
            "lost": {},
            "bytes": sum(map(len, self.lines)),
        }
        return self.add(end | changes)

    def data(self) -> bytes:
        return b"".join(self.lines)

    def write(self, path: Path) -> Path:
        path.write_bytes(self.data())
        return path

    def _pieces(self, identity: str, body: bytes, count: int) -> None:
        size = max(1, -(-len(body) // max(1, count)))
        for piece in range(count):
            part = body[piece * size : (piece + 1) * size]
            line = {"type": "body", "of": identity, "part": "response", "piece": piece}
            self.add(line | content(part))


def stamp(seconds: float) -> str:
    """Return the time so many seconds after the header, as the recorder writes it."""
    return (BEGAN + timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def described(body: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(body).hexdigest()
    return {"size": len(body), "wire_size": len(body), "sha256": digest, "complete": True, "framing": "length"}


def content(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
