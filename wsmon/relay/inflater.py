"""Inflater: reads the compressed messages of one direction of a relayed connection, as both sides agreed on them.

Pure: payloads in, messages out. What is too long is inflated and dropped, so that what follows can be read, up to a
limit; the connection itself is never affected.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from websockets.exceptions import InvalidHeader, ProtocolError
from websockets.headers import parse_extension

from wsmon.engine.deflate import TAIL, DeflateHistory

DEFLATE: Final = "permessage-deflate"
# Inflated bytes of one direction that may be dropped, in all: 64 KiB that were received may be 64 MiB. Beyond that a
# peer could keep the relay busy with nothing else
DROPPED_BYTES: Final = 64 * 1024 * 1024
_PIECE_BYTES: Final = 64 * 1024
_WINDOW_BITS: Final = frozenset(map(str, range(8, 16)))
_LARGEST_WINDOW_BITS: Final = 15


class Inflater:
    """permessage-deflate (RFC 7692) of one direction."""

    def __init__(self, window_bits: int = _LARGEST_WINDOW_BITS, *, keeps_context: bool = True) -> None:
        """``keeps_context``: whether messages refer to earlier ones."""
        self._window_bits = window_bits
        self._keeps_context = keeps_context
        self._decoder = zlib.decompressobj(wbits=-window_bits)
        self._history = DeflateHistory()
        self._droppable_bytes = DROPPED_BYTES
        self._limit_bytes = 0
        self.size = 0
        """Of the present message, inflated so far."""
        self.is_large = False
        """Whether the present message has passed its limit, and is dropped."""
        self.is_lost = False
        """Whether no further message can be inflated."""
        self.fault: ProtocolError | None = None
        """Why a message cannot be inflated; None where none has been corrupt."""

    def inflate(self, payload: bytes, limit_bytes: int) -> bytes | None:
        """Return a whole message; None where it is too large or corrupt, once for each such message.

        A second call for the same message returns None again, and changes nothing.
        """
        if self.fault is not None or self.is_large or self.is_lost:
            return None
        self.begin(limit_bytes)
        try:
            message = self.add(payload, is_end=True)
        except ProtocolError as error:
            self.fault = error
            return None
        return message if self.size <= limit_bytes else None

    def begin(self, limit_bytes: int) -> None:
        """Begin a message, of which at most so many bytes are of interest."""
        self._limit_bytes = limit_bytes
        self.size = 0
        self.is_large = False
        if not self._keeps_context:
            self._decoder = zlib.decompressobj(wbits=-self._window_bits)

    def add(self, piece: bytes, *, is_end: bool) -> bytes:
        """Return what a piece of the message inflates to; nothing from where ``is_large``. Raises ``ProtocolError``."""
        data = piece + TAIL if is_end else piece
        try:
            inflated = self._take(data)
        except zlib.error as error:
            raise ProtocolError("decompression failed") from error
        if is_end and self._keeps_context and self._decoder.eof:
            self._decoder = zlib.decompressobj(wbits=-self._window_bits, zdict=self._history.window())
        return inflated

    def end_large(self) -> None:
        """Take note that a message that was too large was reported."""
        self.is_large = False

    def _take(self, data: bytes) -> bytes:
        """Return what fits into the limit; inflate and drop the rest."""
        if self.is_large:
            self._drop(data)
            return b""
        room_bytes = self._limit_bytes - self.size
        inflated = self._decoder.decompress(data, room_bytes + 1)
        self._count(inflated)
        if len(inflated) <= room_bytes:
            return inflated
        self.is_large = True
        self._drop(self._decoder.unconsumed_tail)
        return b""

    def _drop(self, data: bytes) -> None:
        """Inflate what is not kept: later messages may refer to it."""
        while not self.is_lost and self._droppable_bytes > 0:
            inflated = self._decoder.decompress(data, _PIECE_BYTES)
            self._count(inflated)
            self._droppable_bytes -= len(inflated)
            data = self._decoder.unconsumed_tail
            # At the end of its stream a decoder takes no more, and what it did not take stays where it is
            if self._decoder.eof or (not data and len(inflated) < _PIECE_BYTES):
                return
        # What is left of this message is not inflated any more, so messages that refer to it cannot be either
        self.is_lost = self.is_lost or self._keeps_context

    def _count(self, inflated: bytes) -> None:
        self.size += len(inflated)
        if self._keeps_context:
            self._history.add(inflated)


class Extensions(NamedTuple):
    """The extensions that the answer of a server agreed to, as far as they matter to a reader."""

    names: tuple[str, ...] = ()
    server: Inflater | None = None
    """Reads what the server sends; None where it compresses nothing."""
    application: Inflater | None = None
    unknown: str = ""
    """The extension whose payloads cannot be read, with its parameters; empty where there is none."""


def agreed_extensions(values: Iterable[str]) -> Extensions:
    """Read the values of ``Sec-WebSocket-Extensions`` in an answer."""
    headers = [value for value in values if value.strip()]
    try:
        extensions = [each for value in headers for each in parse_extension(value)]
    except InvalidHeader:
        return Extensions(unknown=", ".join(headers))
    names = tuple(str(name) for name, _ in extensions)
    deflate: Extensions | None = None
    for name, parameters in extensions:
        readers = _inflaters(parameters) if name == DEFLATE and deflate is None else None
        if readers is None:
            given = "; ".join((str(name), *(key if value is None else f"{key}={value}" for key, value in parameters)))
            return Extensions(names, unknown=given)
        deflate = Extensions(names, *readers)
    return deflate or Extensions(names)


def _inflaters(parameters: Sequence[tuple[str, str | None]]) -> tuple[Inflater, Inflater] | None:
    """Return the readers of both directions; None where the parameters break RFC 7692, section 7.1."""
    given = dict(parameters)
    if len(given) < len(parameters):
        return None
    bits = {"server": _LARGEST_WINDOW_BITS, "client": _LARGEST_WINDOW_BITS}
    keeps = {"server": True, "client": True}
    for key, value in given.items():
        side, _, what = key.partition("_")
        if side in bits and what == "no_context_takeover" and value is None:
            keeps[side] = False
        elif side in bits and what == "max_window_bits" and value in _WINDOW_BITS:
            bits[side] = int(value)
        else:
            return None
    server = Inflater(bits["server"], keeps_context=keeps["server"])
    return server, Inflater(bits["client"], keeps_context=keeps["client"])
