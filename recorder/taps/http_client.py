"""The taps on http.client: everything that urllib, urllib3, requests, botocore and httplib2 send passes here too.

Law: a tap calls the original with what it was given and returns what it gave; around that it fills an exchange. A
connection is known weakly, its state is kept here and not on it. Facts about http.client are from its source, CPython
3.11 to 3.14.
"""

from __future__ import annotations

import io
import sys
from _thread import get_native_id
from collections.abc import Iterable
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import ref

from recorder.coding import PIECE
from recorder.errors import CassetteWriteError
from recorder.framing import Chunked, Deframer, Length, UntilClose
from recorder.system import SYSTEM
from recorder.taps import seams, tee
from recorder.taps.exchange import Exchange, RequestHead, ResponseHead
from recorder.taps.tee import buffered

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CALL", "Call", "tap_begin", "tap_close", "tap_connect", "tap_getresponse", "tap_putrequest", "tap_send"]


Description = tuple[str, str, Iterable[tuple[str, str]], Any]
"""Method, target, headers and body, as a library above http.client was asked for them."""


class Call:
    """A request as a library above http.client was asked for it, before there is a connection to send it on.

    Needed when the connection cannot be made: then http.client never hears of the request.
    """

    __slots__ = ("_describe", "_is_for", "client", "started_ns")

    def __init__(self, client: str, is_for: Callable[[Any], bool], describe: Callable[[Any], Description]) -> None:
        self.client = client
        self._is_for = is_for
        self.started_ns = SYSTEM.monotonic_ns()
        self._describe = describe

    def is_for(self, connection: Any) -> bool:
        """Tell a connection of this call from one that, say, a body generator makes for itself meanwhile."""
        return self._is_for(connection)

    def describe(self, connection: Any) -> Description:
        """Give method, target, headers and body."""
        return self._describe(connection)


CALL: ContextVar[Call | None] = ContextVar("recorder_call", default=None)
"""What the library above is doing now. A context variable, and not a thread's: greenlets and tasks share threads."""

_READING: ContextVar[Exchange | None] = ContextVar("recorder_reading", default=None)
"""The exchange whose response head is about to be read, from getresponse to the response that it makes."""


class _State:
    """What is known of one connection object. `exchange` is the request under way until its response's head is read."""

    __slots__ = (
        "asking",
        "busy",
        "call",
        "connect_began_ns",
        "connect_ended_ns",
        "connecting",
        "described",
        "exchange",
        "number",
        "requests",
        "url_base",
    )

    def __init__(self) -> None:
        self.exchange: Exchange | None = None
        self.asking = False
        self.busy = False
        self.connecting = False
        self.number = 0
        self.forget_socket()

    def forget_socket(self) -> None:
        self.requests = 0
        self.described: dict[str, Any] | None = None
        self.url_base = ""
        self.connect_began_ns = 0
        self.connect_ended_ns = 0
        self.call: Call | None = None


class _Connections:
    """The state of every connection that a recording has met, by identity; forgotten with the connection."""

    def __init__(self) -> None:
        self._states: dict[int, tuple[ref[Any], _State]] = {}
        self._count = 0

    def find(self, connection: Any) -> _State | None:
        found = self._states.get(id(connection))
        return None if found is None else found[1]

    def get(self, connection: Any) -> _State:
        found = self._states.get(id(connection))
        if found is not None:
            return found[1]
        key = id(connection)
        state = _State()

        def gone(_: object, states: dict[int, tuple[ref[Any], _State]] = self._states) -> None:
            states.pop(key, None)
            _abandon(state)

        self._states[key] = (ref(connection, gone), state)
        return state

    def next_number(self) -> int:
        self._count += 1
        return self._count

    def clear(self) -> None:
        self._states.clear()


_CONNECTIONS = _Connections()


def forget() -> None:
    """Forget all connections: the last recording has ended."""
    _CONNECTIONS.clear()


def tap_putrequest(original: Any) -> Any:
    """A request begins: http.client takes its method and target."""

    def putrequest(self: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
        recordings = seams.active()
        state = _CONNECTIONS.get(self) if recordings else None
        if state is None or state.asking:
            return original(self, method, url, *args, **kwargs)
        # Someone who patched over an earlier recording may have kept its tap: then there are two, and one is enough.
        state.asking = True
        try:
            result = original(self, method, url, *args, **kwargs)
        finally:
            state.asking = False
        try:
            _begin(self, state, str(method), str(url or "/"))
        except CassetteWriteError:
            raise
        except Exception as error:  # noqa: BLE001 -- a bug of ours must not reach the client
            for recording in recordings:
                recording.fail_to_begin(error)
        return result

    return putrequest


def tap_send(original: Any) -> Any:
    """Bytes go out: the head, then the body, however the library above cuts them."""

    def send(self: Any, data: Any) -> Any:
        state = _CONNECTIONS.find(self)
        exchange = None if state is None else state.exchange
        if state is None or exchange is None or state.busy or state.connecting:
            return original(self, data)
        around = sys.exc_info()[1]
        state.busy = True  # what send calls itself, to connect through a proxy, is not this request's
        try:
            return original(self, _tee_request(exchange, data))
        except BaseException as error:
            exchange.attempt(exchange.fail, "send", error, around)
            raise
        finally:
            state.busy = False

    return send


def tap_getresponse(original: Any) -> Any:
    """The response's head is read: `begin` does it, and is told here for which exchange."""

    def getresponse(self: Any, *args: Any, **kwargs: Any) -> Any:
        state = _CONNECTIONS.find(self)
        exchange = None if state is None else state.exchange
        if state is None or exchange is None or state.busy:
            return original(self, *args, **kwargs)
        exchange.attempt(_describe_connection, self, state, exchange)
        around = sys.exc_info()[1]
        token = _READING.set(exchange)
        state.busy = True  # http.client closes the connection on some errors before it raises them
        try:
            response = original(self, *args, **kwargs)
        except BaseException as error:
            # Before the head was begun nothing has touched the wire, and the request goes on: asked too early or twice
            # (ResponseNotReady), or with an argument that there is not (urllib3 1.26 tries `buffering`, TypeError).
            if _READING.get() is not exchange:
                exchange.attempt(_fail_response, state, exchange, error, around)
            raise
        else:
            if state.exchange is exchange:
                state.exchange = None
            if _READING.get() is exchange:  # a response class that reads its head in a way of its own
                exchange.attempt(_take_unread, exchange, response)
            return response
        finally:
            state.busy = False
            _READING.reset(token)

    return getresponse


def tap_begin(original: Any) -> Any:
    """A response is read up to its body."""

    def begin(self: Any) -> Any:
        exchange = _READING.get()
        if exchange is None or self.headers is not None:
            return original(self)
        _READING.set(None)  # this response's, and no other's that may be read inside
        file = self.fp
        line: tee.Tee | None = exchange.attempt(tee.attach, exchange, file) if exchange.entries else None
        try:
            result = original(self)
        except BaseException:
            if line is not None:
                exchange.received = line.early()
                line.release()
            raise
        try:
            head, framing = _read_head(self)
            if line is not None:
                line.head_done(head, framing, buffered(line, file))
            else:
                exchange.receive_head(head, framing)
                exchange.finish("unread" if framing is not None else None)
        except CassetteWriteError:
            raise
        except Exception as error:  # noqa: BLE001 -- a bug of ours must not reach the client; `lose` tells it
            exchange.lose(error)
        return result

    return begin


def tap_connect(original: Any) -> Any:
    """A connection is made; or cannot be, and then this is all there is of the request."""

    def connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not seams.active():
            return original(self, *args, **kwargs)
        state = _CONNECTIONS.get(self)
        if state.connecting:
            return original(self, *args, **kwargs)  # a subclass's connect that calls its parent's
        state.forget_socket()
        state.connecting = True
        tunnel = _tunnel_of(self)  # now: urllib3 forgets it when it fails
        around = sys.exc_info()[1]
        began = SYSTEM.monotonic_ns()
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            _fail_connect(self, state, tunnel, began, error, around)
            raise
        finally:
            state.connecting = False
        state.connect_began_ns = began
        state.connect_ended_ns = SYSTEM.monotonic_ns()
        state.call = CALL.get()
        state.number = _CONNECTIONS.next_number()
        exchange = state.exchange
        if exchange is not None:
            exchange.connect_ns = state.connect_ended_ns - began
            state.requests = 1
        return result

    return connect


def tap_close(original: Any) -> Any:
    """A connection is closed; a request under way on it gets no response any more."""

    def close(self: Any) -> Any:
        state = _CONNECTIONS.find(self)
        try:
            return original(self)
        finally:
            if state is not None and not state.busy and not state.connecting:
                _abandon(state)
                state.forget_socket()

    return close


# The request.


def _begin(connection: Any, state: _State, method: str, target: str) -> None:
    _abandon(state)
    now = SYSTEM.monotonic_ns()
    call = CALL.get()
    if call is not None and not call.is_for(connection):
        call = None
    started = now
    connect_ns = None
    if connection.sock is not None and state.requests == 0 and state.connect_ended_ns:
        connect_ns = state.connect_ended_ns - state.connect_began_ns
        if call is not None and state.call is call:
            started = state.connect_began_ns
    elif connection.sock is not None and state.requests == 0:
        state.requests = 1  # made before the recording began: whatever it did then, it is not new
    state.call = None  # it knows the request's arguments, which are not ours to keep
    if not state.url_base or connection.sock is None:
        state.url_base = _url_base(connection, _tunnel_of(connection))
    client = call.client if call is not None else _client_of(connection)
    exchange = Exchange(seams.active(), method, target, state.url_base, started)  # from here on it has its number
    exchange.connect_ns = connect_ns
    exchange.thread = get_native_id()
    exchange.client = client
    state.requests += 1
    state.exchange = exchange


def _tee_request(exchange: Exchange, data: Any) -> Any:
    """Take what is sent.

    Gives what to send: the very object, or for a file or an iterable one that hands on what it gives.
    """
    try:
        if isinstance(data, bytes):
            exchange.send(data)
        elif isinstance(data, io.TextIOBase):
            return _TeedText(data, exchange)
        elif hasattr(data, "read"):
            return _TeedFile(data, exchange)
        else:
            try:
                view = memoryview(data)
            except TypeError:
                if isinstance(data, Iterable) and not isinstance(data, str):
                    return _teed_blocks(data, exchange)
            else:
                for start in range(0, view.nbytes, PIECE):
                    exchange.send(bytes(view.cast("B")[start : start + PIECE]))
    except CassetteWriteError:
        raise
    except Exception as error:  # noqa: BLE001 -- a bug of ours must not reach the client; `lose` tells it
        exchange.lose(error)
    return data


class _TeedFile:
    """A body file for http.client's `send`, which asks it for `read` and nothing else."""

    def __init__(self, file: Any, exchange: Exchange) -> None:
        self._file = file
        self._exchange = exchange

    def read(self, size: int) -> Any:
        block = self._file.read(size)
        if isinstance(block, (bytes, bytearray)) and block:
            self._exchange.attempt(self._exchange.send, bytes(block))
        return block


class _TeedText(io.TextIOBase):
    """A body file of text, which http.client tells by its class, and encodes as ISO-8859-1."""

    def __init__(self, file: Any, exchange: Exchange) -> None:
        self._text = file
        self._exchange = exchange

    def read(self, size: int | None = -1, /) -> str:
        block: str = self._text.read(size)
        with suppress(UnicodeEncodeError):  # http.client meets it next, and raises it
            self._exchange.attempt(self._exchange.send, block.encode("iso-8859-1"))
        return block


def _teed_blocks(blocks: Iterable[Any], exchange: Exchange) -> Iterable[Any]:
    for block in blocks:
        _tee_request(exchange, block)
        yield block


# The response.


def _read_head(response: Any) -> tuple[ResponseHead, Deframer | None]:
    """Tell the head as http.client has read it, and how the body's end will be known."""
    message = response.headers
    head = ResponseHead(
        response.status,
        response.reason,
        "HTTP/1.0" if response.version == 10 else "HTTP/1.1",
        list(message.raw_items()),
    )
    if response._method == "HEAD":  # noqa: SLF001 -- the only place where a response knows
        return head, None
    if response.chunked:
        return head, Chunked()
    if response.length is None:
        return head, UntilClose()
    if response.length == 0 and (response.status in (204, 304) or response.status < 200):
        return head, None
    return head, Length(response.length)


def _take_unread(exchange: Exchange, response: Any) -> None:
    """Write a response whose head passed no tap: what the object tells, without a body."""
    head, framing = _read_head(response)
    exchange.receive_head(head, framing)
    exchange.finish("unread" if framing is not None else None)


def _fail_response(state: _State, exchange: Exchange, error: BaseException, around: BaseException | None) -> None:
    if state.exchange is exchange:
        state.exchange = None
    exchange.fail("response" if exchange.response_head is None else "body", error, around)
    exchange.finish("error")


def _abandon(state: _State) -> None:
    """Write a request that will get no response."""
    exchange, state.exchange = state.exchange, None
    if exchange is not None:
        if exchange.request_head is None:
            exchange.sent = False
        exchange.attempt(exchange.finish, "closed")


# The connection.

_Tunnel = tuple[Any, Any]


def _tunnel_of(connection: Any) -> _Tunnel:
    """Give host and port behind the proxy that a connection goes, or shall go, through; None and None without one."""
    return getattr(connection, "_tunnel_host", None), getattr(connection, "_tunnel_port", None)


def _fail_connect(
    connection: Any, state: _State, tunnel: _Tunnel, began: int, error: BaseException, around: BaseException | None
) -> None:
    """Write a request that could not be sent, because there is no connection to send it on."""
    exchange, state.exchange = state.exchange, None
    call = CALL.get()
    recordings = seams.active()
    try:
        if call is not None and not call.is_for(connection):
            call = None
        if exchange is None and call is not None:
            described = call.describe(connection)
            url_base = _url_base(connection, tunnel)
            exchange = Exchange(recordings, described[0], described[1], url_base, call.started_ns)
            exchange.attempt(_take_unsent, exchange, call, described)
        elif exchange is not None and call is not None:
            # The head is out of the client's hands, the body not yet.
            exchange.attempt(_take_unsent_body, exchange, call.describe(connection)[3])
    except CassetteWriteError:
        raise
    except Exception as bug:  # noqa: BLE001 -- a bug of ours must not reach the client
        if exchange is not None:
            exchange.lose(bug)
        else:
            for recording in recordings:
                recording.fail_to_begin(bug)
    if exchange is not None:  # else a bare connect(): no request was made
        exchange.sent = False
        exchange.connect_ns = SYSTEM.monotonic_ns() - began
        exchange.attempt(_finish_unconnected, connection, tunnel, exchange, error, around)


def _take_unsent(exchange: Exchange, call: Call, described: Description) -> None:
    _, target, headers, body = described
    exchange.thread = get_native_id()
    exchange.client = call.client
    head = RequestHead(b"")
    head.target = target
    head.headers = [(_text(name), _text(value)) for name, value in headers]
    exchange.set_request_head(head)
    _take_unsent_body(exchange, body)


def _finish_unconnected(
    connection: Any, tunnel: _Tunnel, exchange: Exchange, error: BaseException, around: BaseException | None
) -> None:
    proxy = _proxy_of(connection, tunnel) or _absolute_forms_proxy(connection, exchange)
    exchange.connection = {"id": None, "reused": False, "peer": None, "tls": None, "proxy": proxy}
    exchange.fail("connect", error, around)
    exchange.finish("error")


def _take_unsent_body(exchange: Exchange, body: Any) -> None:
    if isinstance(body, str):
        body = body.encode("utf-8", "surrogatepass")
    if isinstance(body, bytes):
        if body:
            exchange.take_unsent_body(body)
    elif body is not None:
        exchange.unseen_body = True  # a file or an iterator: reading it would take it from the program


def _describe_connection(connection: Any, state: _State, exchange: Exchange) -> None:
    if state.described is None:
        state.described = {
            "id": state.number or _number(state),
            "reused": False,
            "peer": None,
            "tls": None,
            "proxy": _proxy_of(connection, _tunnel_of(connection)) or _absolute_forms_proxy(connection, exchange),
        }
        sock = connection.sock
        # Closed by the peer in this very moment, or no real socket: what it cannot tell stays unknown.
        with suppress(OSError, ValueError, AttributeError):
            version = getattr(sock, "version", None)
            state.described["tls"] = version() if version is not None else None
        with suppress(OSError, ValueError, AttributeError):
            inner = sock if hasattr(sock, "getpeername") else sock.socket  # urllib3's TLS inside a proxy's TLS
            state.described["peer"] = _peer(inner.getpeername())
    if state.requests > 1 and not state.described["reused"]:
        state.described = {**state.described, "reused": True}
    exchange.connection = state.described


def _number(state: _State) -> int:
    state.number = _CONNECTIONS.next_number()
    return state.number


def _peer(address: Any) -> str | None:
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    return "unix" if isinstance(address, (str, bytes)) else None


def _proxy_of(connection: Any, tunnel: _Tunnel) -> str | None:
    proxy = getattr(connection, "proxy", None)  # urllib3's, also where it only forwards
    host, port = getattr(proxy, "host", None), getattr(proxy, "port", None)
    if host is None and tunnel[0]:
        host, port = connection.host, connection.port
    return None if host is None else f"{host}:{port}"


def _absolute_forms_proxy(connection: Any, exchange: Exchange) -> str | None:
    """Give the proxy of a request whose target is a whole URL (RFC 9112 section 3.2.2) of some other place."""
    target = exchange.target
    if not target[:8].lower().startswith(("http://", "https://")):
        return None
    base = _url_base(connection, (None, None))
    return None if target.startswith(f"{base}/") or target == base else f"{connection.host}:{connection.port}"


def _url_base(connection: Any, tunnel: _Tunnel) -> str:
    """Scheme and authority of what is asked, through a tunnel or not."""
    secure = getattr(connection, "default_port", 80) == 443
    host, port = tunnel if tunnel[0] else (connection.host, connection.port)
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    default = 443 if secure else 80
    return f"{'https' if secure else 'http'}://{host}" + (f":{port}" if port not in (None, default) else "")


# Who asks.


def _client_of(connection: Any) -> str:
    """Name the library that uses http.client: by the connection's class, else by who called."""
    home = type(connection).__module__.partition(".")[0]
    if home in ("httplib2", "botocore", "urllib3"):
        return version_of(home)
    frame = sys._getframe(2)  # noqa: SLF001 -- the documented way to look at one's callers is slower by far
    for _ in range(8):
        up = frame.f_back
        if up is None:
            break
        frame = up
        name = frame.f_globals.get("__name__", "")
        if name in ("urllib.request", "xmlrpc.client"):
            return str(name)
        if name != "http.client" and not name.startswith("recorder."):
            break
    return "http.client"


_versions: dict[str, str] = {}


def version_of(package: str) -> str:
    """Give a client library's name with its version, where it tells one."""
    known = _versions.get(package)
    if known is None:
        version = getattr(sys.modules.get(package), "__version__", None)
        known = _versions[package] = f"{package}/{version}" if isinstance(version, str) else package
    return known


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("iso-8859-1")
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")
