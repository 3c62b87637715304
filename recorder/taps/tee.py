"""The tee on a response's socket file: everything the client reads off the wire passes by here, and only that.

Law: the file object that the client holds stays the very object that it is. While a response is under way its raw
layer, and nothing else, has a class of ours, which reads as before and hands a copy of each read to the exchange;
after the last byte it is what it was. Nothing is read that the client does not read, nothing is held back, and
nothing of ours keeps a file alive.
"""

from __future__ import annotations

import io
from contextlib import suppress
from socket import SocketIO
from typing import TYPE_CHECKING, Any
from weakref import ref

from recorder.errors import CassetteWriteError
from recorder.system import SYSTEM

if TYPE_CHECKING:
    from recorder.framing import Deframer
    from recorder.taps.exchange import Exchange, ResponseHead

__all__ = ["Tee", "attach"]

_MOST_HEAD = 65536
"""Bytes kept of a response head while it is being read, to tell what arrived if it cannot be."""


class Tee:
    """What one response's reads are handed to. Knows its file only weakly."""

    __slots__ = ("_early", "_early_size", "_head_done", "exchange", "file", "silent")

    def __init__(self, exchange: Exchange, file: SocketIO) -> None:
        self.exchange = exchange
        self.silent = False
        self.file = ref(file)
        self._early: list[bytes] = []
        self._early_size = 0
        self._head_done = False

    def on_data(self, buffer: Any, count: int) -> None:
        """Take what was read: the first `count` bytes of the buffer, which belongs to the client."""
        exchange = self.exchange
        try:
            data = bytes(buffer[:count])
            if self._head_done:
                if exchange.receive(data) or not exchange.entries:
                    self.release()
                return
            if exchange.first_byte_ns is None:
                exchange.first_byte_ns = SYSTEM.monotonic_ns()
            if self._early_size < _MOST_HEAD:
                self._early_size += count
                self._early.append(data)
        except CassetteWriteError:
            raise
        except Exception as error:  # noqa: BLE001 -- a bug of ours must not reach the client; `lose` tells it
            exchange.lose(error)

    def on_end(self) -> None:
        """Take the peer's close."""
        if self._head_done:
            self.exchange.attempt(self.exchange.receive_end)
            self.release()

    def on_error(self, error: BaseException) -> None:
        """Take a failure to read. In the head it is told by whoever reads the head."""
        if self._head_done:
            self.exchange.attempt(self.exchange.fail, "body", error)

    def on_close(self) -> None:
        """The client closed the response, or let it go."""
        if self._head_done:
            self.exchange.attempt(self.exchange.let_go)

    def early(self) -> bytes:
        """What arrived before the head was read to its end."""
        return b"".join(self._early)

    def head_done(self, head: ResponseHead, framing: Deframer | None, buffered: bytes) -> None:
        """Take the response's head, and what the file had read beyond it."""
        self._early.clear()
        self._head_done = True
        exchange = self.exchange
        exchange.receive_head(head, framing)
        if framing is None or framing.done:
            exchange.finish()
            self.release()
        elif buffered and exchange.receive(buffered):
            self.release()

    def release(self) -> None:
        """Give the file its own class back."""
        file = self.file()
        if file is not None:
            release(file)


class _TeedReads:
    """The two methods that differ, put in front of a socket file's own class."""

    def readinto(self, buffer: Any) -> int | None:
        # Asked of the own class by name, and not with super(): another thread may end the recording, and give the file
        # its class back, at any moment in here.
        own = getattr(type(self), "_recorder_own", type(self))
        tee = vars(self).get("_recorder_tee")
        if tee is None:
            return own.readinto(self, buffer)
        if tee.silent:
            return None
        try:
            count: int | None = own.readinto(self, buffer)
        except BaseException as error:
            tee.on_error(error)
            raise
        if count:
            tee.on_data(buffer, count)
        elif count == 0 and len(buffer):
            tee.on_end()
        return count

    def close(self) -> None:
        own = getattr(type(self), "_recorder_own", type(self))
        tee = vars(self).get("_recorder_tee")
        try:
            own.close(self)
        finally:
            if tee is not None:
                release(self)
                tee.on_close()


_teed_classes: dict[type, type] = {}


def attach(exchange: Exchange, file: Any) -> Tee | None:
    """Put a tee on a response's file.

    None when the file is not a buffered socket file: the body then cannot be seen.
    """
    raw = getattr(file, "raw", None)
    if type(file) is not io.BufferedReader or not isinstance(raw, SocketIO) or "_recorder_tee" in vars(raw):
        return None
    own = type(raw)
    teed = _teed_classes.get(own)
    if teed is None:
        # The same name, so that what prints a type prints what it always did.
        teed = _teed_classes[own] = type(
            own.__name__, (_TeedReads, own), {"__module__": own.__module__, "_recorder_own": own}
        )
    tee = Tee(exchange, raw)
    exchange.file = tee.file
    try:
        raw._recorder_tee = tee  # type: ignore[attr-defined] # noqa: SLF001 -- our own attribute on somebody's object
        raw.__class__ = teed
    except (TypeError, AttributeError):
        vars(raw).pop("_recorder_tee", None)
        return None
    return tee


def release(file: Any) -> None:
    """Make a socket file what it was before `attach`."""
    own = getattr(type(file), "_recorder_own", None)
    if own is not None:
        with suppress(TypeError):  # two threads at once: the other one has done it
            file.__class__ = own
    vars(file).pop("_recorder_tee", None)


def buffered(tee: Tee, file: io.BufferedReader) -> bytes:
    """Give what the file has read ahead, without reading: for this moment its raw layer says that nothing is there."""
    tee.silent = True
    try:
        return file.peek()
    finally:
        tee.silent = False
