"""One request and what came of it, from the moment the client began until its interaction is written.

Law: an exchange takes facts from a tap and hands them to the recordings that were active when it began. It never
touches the connection, never raises into the client (but for a recording that was told to), and is finished exactly
once for each recording.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from recorder.capture import BodyCapture
from recorder.coding import PIECE, split_codings
from recorder.errors import CassetteWriteError
from recorder.framing import Chunked, Deframer
from recorder.system import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from weakref import ref

    from recorder.capture import OpenRedaction
    from recorder.options import Options
    from recorder.system import Clock

__all__ = ["Exchange", "Headers", "Part", "RequestHead", "ResponseHead", "Sink", "describe_error"]

Headers = list[tuple[str, str]]
Part = Literal["request", "response"]

_MOST_RECEIVED: Final = 65536
"""Bytes kept of what arrived in place of a response."""
_HEAD_LIMIT: Final = 1024 * 1024
"""Bytes of a request head that are waited for; beyond that the request is stored without being told apart."""


class Sink(Protocol):
    """What takes exchanges and writes them: a recording, as the taps know it."""

    path: Path
    options: Options
    clock: Clock
    pid: int

    @property
    def process(self) -> str:
        """The token of this process."""
        ...

    def begin(self, exchange: Exchange) -> Entry | None:
        """Give a request its number; None when it is counted as lost."""
        ...

    def fail_to_begin(self, error: Exception) -> None:
        """Count a request that a tap failed on before it had a number."""
        ...

    def redaction_of(self, part: Part, headers: Headers, url: str) -> OpenRedaction | None:
        """Give what begins the redaction of a body that goes out in pieces; None where nothing is redacted."""
        ...

    def write_piece(self, entry: Entry, line: dict[str, Any]) -> None:
        """Write a body line."""
        ...

    def write_interaction(self, entry: Entry, exchange: Exchange, incomplete: str | None) -> None:
        """Write the line of an interaction that has ended."""
        ...

    def lose(self, entry: Entry, error: BaseException) -> None:
        """Count an interaction that a tap failed on."""
        ...

    def miss(self, place: str, why: str) -> None:
        """Take note of a client library, or one of its methods, that could not be tapped."""
        ...

    def resident_bytes(self) -> int | None:
        """Resident memory of this process, at most a few milliseconds old."""
        ...


class RequestHead:
    """Request line and headers, told apart from the bytes that went out."""

    __slots__ = ("headers", "http_version", "target")

    def __init__(self, head: bytes) -> None:
        lines = head.decode("iso-8859-1").split("\r\n")
        parts = lines[0].split(" ")
        self.http_version = parts[-1] if len(parts) > 2 else "HTTP/1.1"
        self.target = " ".join(parts[1:-1]) if len(parts) > 2 else "".join(parts[1:])
        self.headers: Headers = []
        for line in lines[1:]:
            if line.startswith((" ", "\t")) and self.headers:
                name, value = self.headers[-1]
                self.headers[-1] = (name, f"{value}\r\n{line}")
                continue
            name, colon, value = line.partition(":")
            if colon:
                self.headers.append((name, value.strip(" \t")))


class ResponseHead:
    """Status line and headers of a response, as the client library has read them."""

    __slots__ = ("headers", "http_version", "reason", "status")

    def __init__(self, status: int, reason: str, http_version: str, headers: Headers) -> None:
        self.status = status
        self.reason = reason
        self.http_version = http_version
        self.headers = headers


class Entry:
    """An exchange's place in one recording: its number, and the captures of its two bodies."""

    __slots__ = ("id", "pid", "recording", "request", "response", "seq")

    def __init__(self, recording: Sink, seq: int, identity: str) -> None:
        self.recording = recording
        self.pid = recording.pid
        self.seq = seq
        self.id = identity
        self.request: BodyCapture | None = None
        self.response: BodyCapture | None = None

    def open_body(self, part: Part, headers: Headers, url: str) -> BodyCapture:
        """Begin a body of this entry, of a message with these headers."""

        def write_piece(number: int, content: dict[str, str]) -> None:
            self.recording.write_piece(self, {"type": "body", "of": self.id, "part": part, "piece": number, **content})

        redaction = self.recording.redaction_of(part, headers, url)
        return BodyCapture(self.recording.options.body_limit, write_piece, _codings(headers), redaction)


class Exchange:
    """All facts of one request. Filled by a tap; see the module's law.

    Memory: the request head, the response head, and for each recording what its two body captures may hold.
    """

    __slots__ = (
        "_announced",
        "_framing",
        "_head",
        "_in_body",
        "_request_framing",
        "client",
        "connect_ns",
        "connection",
        "ended_ns",
        "entries",
        "failure",
        "file",
        "first_byte_ns",
        "head_size",
        "method",
        "received",
        "request_head",
        "response_head",
        "sent",
        "started_ns",
        "target",
        "thread",
        "unseen_body",
        "url_base",
    )

    def __init__(self, recordings: Iterable[Sink], method: str, target: str, url_base: str, started_ns: int) -> None:
        self.method = method
        self.target = target
        self.url_base = url_base
        self.started_ns = started_ns
        self.connect_ns: int | None = None
        self.first_byte_ns: int | None = None
        self.ended_ns: int | None = None
        self.client = ""
        self.thread = 0
        self.connection: dict[str, Any] | None = None
        self.request_head: RequestHead | None = None
        self.response_head: ResponseHead | None = None
        self.sent = True
        self.failure: dict[str, Any] | None = None
        self.received = b""
        self.unseen_body = False
        self.file: ref[Any] | None = None  # the response's, while it has a tee
        self.head_size = 0
        self._announced = 0
        self._head = b""
        self._in_body = False
        self._request_framing: Deframer | None = None
        self._framing: Deframer | None = None
        # Replaced, never changed: other threads may be going through it.
        self.entries: tuple[Entry, ...] = ()
        for recording in recordings:
            try:
                entry = recording.begin(self)
            except Exception as error:  # noqa: BLE001 -- a bug of ours must not reach the client, nor another recording
                recording.fail_to_begin(error)
            else:
                if entry is not None:
                    self.entries += (entry,)

    # The request.

    def send(self, data: bytes) -> None:
        """Take bytes of the request, head and body, as they go out."""
        if not self._in_body:
            data = self._take_head(data)
        if data:
            self.send_body(data)

    def _take_head(self, data: bytes) -> bytes:
        """Take bytes up to the end of the head. Gives what follows; a long body behind it is taken piece by piece."""
        if self._head:
            data = self._head + data
        end = data.find(b"\r\n\r\n")
        if end < 0 and len(data) < _HEAD_LIMIT:
            self._head = data
            return b""
        self._head = b""
        self._in_body = True
        self.set_request_head(RequestHead(data[: min(end, _HEAD_LIMIT) if end >= 0 else _HEAD_LIMIT]))
        self.head_size = end if end >= 0 else len(data)
        if end < 0 or len(data) == end + 4:
            return b""
        rest = memoryview(data)[end + 4 :]
        for start in range(0, len(rest) - PIECE, PIECE):
            self.send_body(bytes(rest[start : start + PIECE]))
        return bytes(rest[(len(rest) - 1) // PIECE * PIECE :])

    def set_request_head(self, head: RequestHead) -> None:
        """Take the request's head, told apart."""
        self.request_head = head
        chunked = False
        for name, value in head.headers:
            if len(name) == 17 and name.lower() == "transfer-encoding":
                chunked = value.lower().endswith("chunked")
            elif len(name) == 14 and name.lower() == "content-length" and value.isdecimal():
                self._announced = int(value)
        self._request_framing = Chunked() if chunked else None

    def send_body(self, data: bytes) -> None:
        """Take bytes of the request body, chunked or not."""
        framing = self._request_framing
        for part in (data,) if framing is None else framing.feed(data):
            for entry in self.entries:
                body = entry.request
                if body is None:
                    headers = self.request_head.headers if self.request_head else []
                    body = entry.request = entry.open_body("request", headers, self.url_base + self.target)
                body.feed(part)

    def take_unsent_body(self, data: bytes) -> None:
        """Take the body that would have been sent; no framing is around it yet."""
        self._request_framing = None
        self.send_body(data)

    # The response.

    def receive_head(self, head: ResponseHead, framing: Deframer | None) -> None:
        """Take the response's head. `framing` None: there is no body (HEAD, 204, 304)."""
        if framing is not None:
            for entry in self.entries:
                entry.response = entry.open_body("response", head.headers, "")
        self._framing = framing
        self.response_head = head  # last: another thread may be writing this exchange, because its recording stops
        if self.failure is not None and self.failure["phase"] == "send":
            # The server answered before it had read the request: what broke the sending is no failure that the client
            # saw.
            self.failure = None

    def receive(self, data: bytes) -> bool:
        """Take bytes of the response body off the wire.

        True when the body has ended with them, and the interaction is written.
        """
        framing = self._framing
        if framing is None:
            return False
        for part in framing.feed(data):
            for entry in self.entries:
                body = entry.response
                if body is not None:
                    body.feed(part)
        if framing.done:
            self.finish()
            return True
        return False

    def receive_end(self) -> None:
        """Take the peer's close."""
        framing = self._framing
        if framing is not None and framing.ends_at_close:
            self.finish()
        else:
            self.finish("truncated")

    def let_go(self) -> None:
        """The client has closed the response, read to its end or not."""
        framing = self._framing
        if framing is None or framing.done:
            self.finish()
        elif framing.broken:
            self.finish("truncated")
        elif self._nothing_was_due():
            self.finish()
        else:
            self.finish("closed")

    def _nothing_was_due(self) -> bool:
        """A chunked body that must not be there (RFC 9112 section 6.3), and was not."""
        head = self.response_head
        empty = all(entry.response is None or not entry.response.wire_size for entry in self.entries)
        return head is not None and (head.status in (204, 304) or head.status < 200) and empty

    # The end.

    def fail(self, phase: str, error: BaseException, around: BaseException | None = None) -> None:
        """Take the failure that the client sees. The first one counts.

        `around`: what the program was handling when it called the client. That is its own affair, and no cause.
        """
        if self.failure is None:
            self.failure = describe_error(phase, error, around)

    def finish(self, incomplete: str | None = None) -> None:
        """Write the interaction to every recording that has not got it yet.

        `incomplete` says why the response body is not all there.
        """
        if self.ended_ns is None:
            self.ended_ns = SYSTEM.monotonic_ns()
        if incomplete == "truncated" and self.failure is None:
            self.failure = self._describe_truncation()
        elif self.failure is not None and incomplete == "closed":
            incomplete = "error"
        entries, self.entries = self.entries, ()
        for entry in entries:
            self.write(entry, incomplete)  # of two threads that finish at once, the recording lets one write

    def _describe_truncation(self) -> dict[str, Any]:
        """Tell a body that ended early as http.client does.

        Whether the client asked for the missing bytes, the wire does not show.
        """
        got = max((entry.response.wire_size for entry in self.entries if entry.response is not None), default=0)
        left = getattr(self._framing, "left", None)
        message = f"IncompleteRead({got} bytes read" + (f", {left} more expected)" if left else ")")
        return {"phase": "body", "type": "http.client.IncompleteRead", "message": message}

    def write(self, entry: Entry, incomplete: str | None) -> None:
        """Write the interaction to one recording, as it stands now."""
        recording = entry.recording
        try:
            recording.write_interaction(entry, self, incomplete)
        except Exception as error:  # noqa: BLE001 -- a bug of ours must not reach the client; `lose` tells it
            recording.lose(entry, error)

    def attempt(self, step: Callable[..., Any], *args: Any) -> Any:
        """Do what a tap has to do around a client's call, and what only a bug of ours makes fail.

        Then give None: the client must not see it, and the exchange is lost. Raises only what a recording was told to.
        """
        try:
            return step(*args)
        except CassetteWriteError:
            raise
        except Exception as error:  # noqa: BLE001 -- see above; `lose` counts and tells it
            self.lose(error)
            return None

    def lose(self, error: BaseException) -> None:
        """Give up: the recorder itself failed on this exchange. Counted and told by each recording."""
        entries, self.entries = self.entries, ()
        for entry in entries:
            entry.recording.lose(entry, error)

    def drop(self, entry: Entry) -> None:
        """Take one recording's entry out, because that recording has written it itself."""
        self.entries = tuple(each for each in self.entries if each is not entry)

    def let_file_go(self) -> None:
        """Take the tee off the response's file when no recording is left that wants to hear of it."""
        file = None if self.entries or self.file is None else self.file()
        if file is not None:
            from recorder.taps.tee import release  # noqa: PLC0415 -- tee knows exchanges, not they it

            release(file)

    def describe(self, entry: Entry, incomplete: str | None) -> dict[str, Any]:
        """Give the interaction as the format says, for one recording."""
        recording = entry.recording
        clock = recording.clock
        ended = self.ended_ns if self.ended_ns is not None else SYSTEM.monotonic_ns()
        timings: dict[str, float] = {}
        if self.connect_ns is not None:
            timings["connect"] = self.connect_ns / 1e6
        if self.first_byte_ns is not None:
            timings["first_byte"] = (self.first_byte_ns - self.started_ns) / 1e6
        timings["total"] = (ended - self.started_ns) / 1e6
        bodies: dict[str, Any] = {}
        record: dict[str, Any] = {
            "type": "interaction",
            "id": entry.id,
            "seq": entry.seq,
            "started_at": clock.stamp(self.started_ns),
            "timings_ms": timings,
            "client": self.client,
            "process": recording.process,
            "pid": entry.pid,
            "thread": self.thread,
            "connection": self.connection,
            "rss": recording.resident_bytes(),
            "request": self._describe_request(entry, incomplete, bodies),
            "response": self._describe_response(entry, incomplete, bodies),
        }
        if self.failure is not None:
            record["error"] = self.failure
            if self.received and self.response_head is None:
                record["error"] = {
                    **self.failure,
                    "received": b64encode(self.received[:_MOST_RECEIVED]).decode("ascii"),
                }
        record["bodies"] = bodies
        return record

    def _describe_request(self, entry: Entry, incomplete: str | None, bodies: dict[str, Any]) -> dict[str, Any]:
        head = self.request_head
        target = head.target if head is not None and head.target else self.target
        url, own_target = _url(self.url_base, target)
        request: dict[str, Any] = {
            "method": self.method,
            "url": url,
            "http_version": head.http_version if head is not None else None,
            "headers": head.headers if head is not None else [],
            "body": None,
        }
        if own_target is not None:
            request["target"] = own_target
        if not self.sent or head is None:
            request["sent"] = False
        if self.head_size > _HEAD_LIMIT:
            request["head_size"] = self.head_size
        framing = self._request_framing
        if entry.request is not None:
            reason = self._why_request_is_short(entry.request.wire_size, incomplete)
            request["body"], content = entry.request.finish(reason, framing.name if framing is not None else None)
            if content is not None:
                bodies["request"] = content
        elif self.unseen_body:
            request["body"] = _unseen("unread")
        elif (reason := self._why_request_is_short(0, incomplete)) is not None:
            request["body"] = _unseen(reason)
        return request

    def _why_request_is_short(self, size: int, incomplete: str | None) -> str | None:
        """Tell why not all of the request's body went out; None when it did."""
        framing = self._request_framing
        if self.failure is not None and self.failure["phase"] == "send":
            return "error"
        if (size >= self._announced) if framing is None else framing.done:
            return None
        if not self.sent:
            return "unread" if size == 0 else None
        return "stopped" if incomplete == "stopped" and self.response_head is None else "closed"

    def _describe_response(self, entry: Entry, incomplete: str | None, bodies: dict[str, Any]) -> dict[str, Any] | None:
        head = self.response_head
        if head is None:
            return None
        response: dict[str, Any] = {
            "status": head.status,
            "reason": head.reason,
            "http_version": head.http_version,
            "headers": head.headers,
            "body": None,
        }
        framing = self._framing
        captured = entry.response
        if framing is not None and (captured is None or incomplete == "unread"):
            response["body"] = _unseen(incomplete or "stopped")
        elif framing is not None and captured is not None:
            if incomplete == "stopped" and framing.done:
                incomplete = None  # it was read to its end in this very moment
            response["body"], content = captured.finish(incomplete, framing.name)
            if content is not None:
                bodies["response"] = content
            if framing.trailers:
                response["trailers"] = framing.trailers
        return response


def describe_error(phase: str, error: BaseException, around: BaseException | None = None) -> dict[str, Any]:
    """Tell an exception as the format does. Its message is the client library's, and bounded."""
    told: dict[str, Any] = {"phase": phase, "type": _type_name(error), "message": _message(error)}
    cause = error.__cause__ or error.__context__
    if cause is not None and cause is not around:
        told["cause"] = {"message": _message(cause), "type": _type_name(cause)}
    return told


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001 -- somebody's __str__ may raise anything
        text = f"(its text raised {type(broken).__name__})"
    # A lone surrogate cannot stand in JSON.
    return text[:2000].encode("utf-8", "backslashreplace").decode("utf-8")


def _unseen(why: str) -> dict[str, Any]:
    return {"size": 0, "wire_size": 0, "sha256": None, "complete": False, "incomplete": why, "pieces": 0}


def _codings(headers: Iterable[tuple[str, str]]) -> list[str]:
    codings: list[str] = []
    for name, value in headers:
        if len(name) == 16 and name.lower() == "content-encoding":
            codings += split_codings(value)
    return codings


def _url(base: str, target: str) -> tuple[str, str | None]:
    """Give the absolute URL, and the target where the URL does not show it."""
    if target.startswith("/"):
        return base + target, None
    lower = target[:8].lower()
    if lower.startswith(("http://", "https://")):
        return target, target
    return base + "/", target
