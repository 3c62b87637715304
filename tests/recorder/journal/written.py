"""Cassettes as a recorder writes them, put together by hand, so that the reader's tests need no recorder."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import Any

from recorder.journal.read import Line, Mode, Reader

RUN, PROCESS = "c61f0d9a27b4", "5f2c9a1b"
BODY_KEYS = {"text", "base64"}


def dumped(line: dict[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def header(**more: Any) -> bytes:
    return dumped(
        {
            "type": "header",
            "format": 1,
            "created_at": "2026-11-23T03:30:47.123456Z",
            "run": RUN,
            "process": PROCESS,
            "recorder": "cassette-tools 0.1.0",
            "python": "3.11.7",
            "platform": "linux-x86_64",
            "redaction": "none",
            "body_limit": 1048576,
            **more,
        }
    )


def process(token: str = PROCESS) -> bytes:
    return dumped(
        {
            "type": "process",
            "process": token,
            "run": RUN,
            "pid": 4242,
            "ppid": 4200,
            "started_at": "2026-11-23T03:30:47.998110Z",
            "program": "app.py",
            "python": "3.11.7",
        }
    )


def end(token: str = PROCESS, **more: Any) -> bytes:
    return dumped(
        {
            "type": "end",
            "run": RUN,
            "process": token,
            "ended_at": "2026-11-23T03:32:10.004518Z",
            "seen": 1,
            "interactions": 1,
            "errors": 0,
            "lost": {},
            "bytes": 1000,
            **more,
        }
    )


def diagnosis() -> bytes:
    return dumped(
        {
            "type": "diagnosis",
            "process": PROCESS,
            "at": "2026-11-23T03:31:02.551007Z",
            "interactions": 1,
            "memory": {"rss": 31457280, "swap": None},
            "allocator": {"in_use": 1048576},
            "descriptors": 12,
            "objects": {"ssl_contexts": 1},
            "growth": [{"site": "app.py:7", "size_diff": -8, "count_diff": 1}],
        }
    )


def content(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def described(data: bytes, pieces: int | None = None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "size": len(data),
        "wire_size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "complete": True,
        "framing": "length",
    }
    if pieces is not None:
        said["pieces"] = pieces
    return said


def exchange(
    seq: int = 1,
    *,
    request: bytes | list[bytes] | None = None,
    response: bytes | list[bytes] | None = b"{}",
    token: str = PROCESS,
) -> dict[str, Any]:
    """Give an interaction as an object. A body that is a list is described as being in pieces."""
    bodies = {}
    said: dict[str, dict[str, Any] | None] = {}
    for part, data in (("request", request), ("response", response)):
        if isinstance(data, list):
            said[part] = described(b"".join(data), len(data))
        else:
            said[part] = None if data is None else described(data)
            if data is not None:
                bodies[part] = content(data)
    return {
        "type": "interaction",
        "id": f"{token}-{seq}",
        "seq": seq,
        "started_at": "2026-11-23T03:30:48.000123Z",
        "timings_ms": {"connect": 3.214, "first_byte": 12.301, "total": 15.02},
        "client": "requests/2.34.2",
        "process": token,
        "pid": 4242,
        "thread": 4243,
        "connection": {"id": 3, "reused": False, "peer": "127.0.0.1:8443", "tls": "TLSv1.3", "proxy": None},
        "rss": 31457280,
        "request": {
            "method": "POST",
            "url": "https://localhost:8443/ads?limit=5",
            "http_version": "HTTP/1.1",
            "headers": [["Host", "localhost:8443"], ["X-Name", "Jos\u00e9"]],
            "body": said["request"],
        },
        "response": {
            "status": 200,
            "reason": "OK",
            "http_version": "HTTP/1.1",
            "headers": [["Content-Type", "application/json"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]],
            "body": said["response"],
        },
        "bodies": bodies,
    }


def interaction(
    seq: int = 1,
    *,
    request: bytes | list[bytes] | None = None,
    response: bytes | list[bytes] | None = b"{}",
    token: str = PROCESS,
) -> bytes:
    return dumped(exchange(seq, request=request, response=response, token=token))


def piece(seq: int, part: str, number: int, data: bytes, *, raw: bool = False, token: str = PROCESS) -> bytes:
    line = {"type": "body", "of": f"{token}-{seq}", "part": part, "piece": number, **content(data)}
    return dumped({**line, "raw": True} if raw else line)


def pieces(seq: int, part: str, data: list[bytes]) -> bytes:
    return b"".join(piece(seq, part, number, part_of) for number, part_of in enumerate(data))


def cassette() -> bytes:
    """Give a cassette with each kind of line: inline and long bodies, text and binary, interleaved, two runs."""
    long, other = ['ä{"a":1}}}'.encode(), b'tail "}}}'], [b"\xff\x00\xfe", b"\xc3"]
    return b"".join(
        [
            header(),
            process(),
            interaction(1, request=b'{"a": [1,2]}', response='{"type":"b","bodies":{"ü"}}\n\\'.encode()),
            piece(3, "response", 0, other[0]),
            piece(2, "request", 0, long[0]),
            piece(3, "response", 1, other[1]),
            piece(2, "request", 1, long[1]),
            interaction(2, request=long, response=b"\x80\x81"),
            interaction(3, request=None, response=other),
            diagnosis(),
            dumped({"type": "x-note", "bodies": {"kept": True}, "text": "kept"}),
            end(),
            header(run="d00d"),
            interaction(4, token="beef", response=b""),
        ]
    )


def objects(data: bytes) -> list[dict[str, Any]]:
    """Parse every line of a whole cassette with the standard library."""
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def heads(data: bytes) -> list[dict[str, Any]]:
    """What a reader should give for the lines of a whole cassette."""
    gone = {"interaction": {"bodies"}, "body": BODY_KEYS}
    return [
        {key: value for key, value in line.items() if key not in gone.get(line["type"], set())}
        for line in objects(data)
    ]


def read(data: bytes, mode: Mode = "tail", **options: Any) -> tuple[list[Line], Reader]:
    """Read all lines of a cassette in memory."""
    reader = Reader(io.BytesIO(data), mode=mode, **options)
    return list(reader), reader
