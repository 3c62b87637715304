"""The HTTPS origin that the benchmarks talk to: a process of its own that costs as little as it can.

Law: every answer is bytes that were put together before the first request (one cookie apart), so the server shares the
machine with the client but adds no noise of its own. One blocking thread a connection: the work per request is one TLS
read and one TLS write, both in OpenSSL. It listens on loopback only, and it ends when its standard input closes, so no
run leaves it behind.

It makes a certificate authority of its own and appends it to certifi's bundle, so that a client which loads the bundle
pays what it pays in life. The first line of standard output is a JSON object: `url` and `bundle`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import socket
import ssl
import sys
import threading
from pathlib import Path

import certifi
import trustme

BLOCK = bytes(range(256)) * 256
"""64 KiB that are no UTF-8, so that no recorder can take a download for text."""

VISIT = b"4f1d8a90c2e7b356"
COOKIE = b"Set-Cookie: visit=" + VISIT + b"; Path=/; Secure; HttpOnly\r\n"
ROTATING = b"/rotating"
"""Where each answer sets another cookie, as load balancers do. The one path whose answers are not all the same."""

DOWNLOAD_SIZE = 50 * 1024 * 1024

Answer = tuple[bytes, bytes, int]
"""Head, block, and how often the block follows the head."""


def main() -> None:
    """Serve until standard input ends."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--directory", type=Path, required=True, help="where the CA bundle is written")
    directory: Path = options.parse_args().directory

    context, bundle = identity(directory)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    threading.Thread(target=accept, args=(listener, context), daemon=True).start()
    print(json.dumps({"url": f"https://localhost:{listener.getsockname()[1]}", "bundle": str(bundle)}), flush=True)
    sys.stdin.read()


def identity(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a server context, and beside it the bundle that trusts it: certifi's authorities and ours."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    bundle = directory / "ca-bundle.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + authority.cert_pem.bytes())
    return context, bundle


def accept(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Give each connection a thread, so that a handshake never holds up another client."""
    answers = prepared_answers()
    while True:
        plain, _ = listener.accept()
        threading.Thread(target=serve, args=(plain, context, answers), daemon=True).start()


def serve(plain: socket.socket, context: ssl.SSLContext, answers: dict[bytes, Answer]) -> None:
    """Answer GET requests on one connection until the client closes it or goes away."""
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pending = b""
    try:
        with context.wrap_socket(plain, server_side=True) as connection:
            while data := connection.recv(65536):
                pending += data
                while b"\r\n\r\n" in pending:
                    head, pending = pending.split(b"\r\n\r\n", 1)
                    path = path_of(head)
                    send(connection, with_new_cookie(answers[path]) if path == ROTATING else answers[path])
    except OSError:
        return  # The client let go. That is how every connection here ends, and nobody waits for the news.


def path_of(head: bytes) -> bytes:
    """Take the path out of a request head, without its query."""
    return head.split(b" ", 2)[1].split(b"?", 1)[0]


def with_new_cookie(answer: Answer) -> Answer:
    """Set another cookie than the answer before."""
    head, block, times = answer
    return head.replace(VISIT, os.urandom(8).hex().encode(), 1), block, times


def send(connection: ssl.SSLSocket, answer: Answer) -> None:
    """Write one prepared answer. A small one is a single TLS write."""
    head, block, times = answer
    if times == 1:
        connection.sendall(head + block)
        return
    connection.sendall(head)
    for _ in range(times):
        connection.sendall(block)


def prepared_answers() -> dict[bytes, Answer]:
    """Build every answer that this server can give, by path."""
    return {
        b"/2k": whole(document(2048), b"application/json"),
        b"/account": whole(document(2048), b"application/json", COOKIE),
        ROTATING: whole(document(2048), b"application/json", COOKIE),
        b"/500k": whole(document(500_000), b"application/json"),
        b"/50m": (answer_head(DOWNLOAD_SIZE, b"application/octet-stream"), BLOCK, DOWNLOAD_SIZE // len(BLOCK)),
        b"/50m-text": (answer_head(DOWNLOAD_SIZE, b"application/x-ndjson"), text_block(), DOWNLOAD_SIZE // len(BLOCK)),
    }


def whole(body: bytes, kind: bytes, more: bytes = b"") -> Answer:
    """Build an answer whose body goes out in one piece."""
    return answer_head(len(body), kind, more), body, 1


def answer_head(length: int, kind: bytes, more: bytes = b"") -> bytes:
    """Build a head with the dozen headers that an API behind a proxy sends."""
    return (
        b"HTTP/1.1 200 OK\r\n"
        b"Date: Mon, 23 Nov 2026 03:30:47 GMT\r\n"
        b"Server: nginx\r\n"
        b"Content-Type: " + kind + b"\r\n"
        b"Content-Length: " + str(length).encode() + b"\r\n"
        b"Connection: keep-alive\r\n"
        b"Cache-Control: no-cache, private\r\n"
        b'ETag: W/"1c-7f3a09e2b5d84c61"\r\n'
        b"Vary: Accept-Encoding\r\n"
        b"X-Request-Id: 0e9a4c52-6d0b-4f0e-9a53-5b8c2f7d1e44\r\n"
        b"X-RateLimit-Limit: 5000\r\n"
        b"X-RateLimit-Remaining: 4987\r\n"
        b"Strict-Transport-Security: max-age=31536000\r\n" + more + b"\r\n"
    )


def document(size: int) -> bytes:
    """Build a JSON list of records of exactly `size` bytes, as an API's page would look."""
    text, ending = "[", '{"pad": ""}]'
    for number in itertools.count():
        item = json.dumps(record(number)) + ", "
        if len(text) + len(item) + len(ending) > size:
            break
        text += item
    filler = size - len(text) - len(ending)
    return (text + json.dumps({"pad": "." * filler}) + "]").encode()


def text_block() -> bytes:
    """Build JSON lines of the size of BLOCK; blanks fill the last line up."""
    lines, size = b"", len(BLOCK)
    for number in itertools.count():
        line = json.dumps(record(number)).encode() + b"\n"
        if len(lines) + len(line) >= size:
            return lines + b" " * (size - len(lines) - 1) + b"\n"
        lines += line
    raise AssertionError


def record(number: int) -> dict[str, object]:
    """Build one record of a page."""
    return {
        "id": 10_000 + number,
        "name": f"Campaign {number}",
        "status": "ACTIVE" if number % 3 else "PAUSED",
        "budget": number * 12.5,
        "labels": ["search", "brand", "eu"],
        "updated_at": "2026-11-20T08:15:00Z",
    }


if __name__ == "__main__":
    main()
