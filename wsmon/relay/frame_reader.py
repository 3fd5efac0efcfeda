"""Frame reader: reads the WebSocket frames in one direction of a relayed connection, and changes nothing.

In: bytes as they came. Out: calls of a ``FrameConsumer`` for whole messages and control frames. Bytes that break the
protocol end the reading, not the traffic: they are one fault, and what follows is only counted. What is held is at most
one message of ``limit_bytes``, whatever comes; of a longer one the size is reported.

Pure. Runs of whole messages of the server go the way of wsmon's own connections (engine/frame_scan.py).
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from websockets.exceptions import ProtocolError
from websockets.frames import Close

from wsmon.engine.frame_scan import (
    DEFLATED,
    DEFLATED_MESSAGES,
    RSV1,
    WHOLE_MESSAGES,
    DataOpcode,
    Inflate,
    count_utf8,
    inflate_nothing,
    scan_run,
)
from wsmon.engine.tap import HOLD_BYTES, InvalidUtf8Error, invalid_close
from wsmon.engine.upgrade import HttpInStreamError, StrayResponse
from wsmon.model.ends import NO_CODE
from wsmon.relay.inflater import Inflater

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover - wheels of websockets have it
    from websockets.utils import apply_mask

LARGE: Final = "larger than max_message"
LOST: Final = "compressed with reference to a message that was larger than max_message"
# First byte of a frame: FIN, the reserved bits, and the opcode; second byte: MASK, and the length
_FIN, _RESERVED, _OPCODE = 0x80, 0x70, 0x0F
_MASK, _LENGTH = 0x80, 0x7F
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_OPCODES: Final = frozenset({_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG})
_CONTROL: Final = 8
_LONGEST_CONTROL_BYTES: Final = 125
# How an HTTP response begins, which a server may send where a frame is due
_HTTP: Final = b"HTTP/"


class ReadClose(NamedTuple):
    """A close frame, as far as it can be read."""

    code: int
    """1005 where it has none."""
    reason: str
    """Invalid bytes in it are replaced."""
    is_alone: bool
    """Whether nothing else was read together with it."""


class FrameConsumer(Protocol):
    """Takes what was read in one direction, in the order of the bytes. Sizes on the wire are with frame headers."""

    def on_message(self, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int) -> None:
        """A whole message; text is valid UTF-8."""
        ...

    def on_messages(self, opcode: DataOpcode, payloads: list[bytes], wire_sizes: list[int]) -> None:
        """Several whole messages of one frame each; from a server alone."""
        ...

    def on_unread(self, opcode: DataOpcode, size: int, wire_size: int, fragments: int, why: str) -> None:
        """A whole message whose payload is not read, for this reason."""
        ...

    def on_ping(self, payload: bytes, wire_size: int) -> None:
        """A ping."""
        ...

    def on_pong(self, payload: bytes, wire_size: int) -> None:
        """A pong."""
        ...

    def on_close(self, close: ReadClose) -> None:
        """A close frame; nothing is read behind it."""
        ...

    def on_fault(self, fault: Exception) -> None:
        """The bytes break the protocol, and are read no further. The last call, made at most once."""
        ...


class FrameReader:
    """Reads one direction, from the first byte behind the head of the upgrade."""

    def __init__(
        self,
        consumer: FrameConsumer,
        *,
        is_masked: bool,
        limit_bytes: int,
        inflater: Inflater | None = None,
        unknown_extension: str = "",
    ) -> None:
        """``is_masked``: it is an application that sends. ``inflater`` is None where nothing is compressed.

        With an ``unknown_extension`` frames are counted, and no payload of a message is read.
        """
        self._consumer = consumer
        self._is_masked = is_masked
        self._limit_bytes = limit_bytes
        self._inflater = inflater
        self._inflate: Inflate = inflate_nothing if inflater is None else inflater.inflate
        self._unknown = f"extension {unknown_extension}" if unknown_extension else ""
        # First bytes of the frames that are whole messages and go the short way
        self._whole_messages: dict[int, DataOpcode] = {}
        if not self._unknown:
            self._whole_messages = WHOLE_MESSAGES if inflater is None else DEFLATED_MESSAGES
        self._is_reading = True
        self._stray: StrayResponse | None = None
        self.has_closed = False
        """Whether a close frame was read."""
        self.unread_bytes = 0
        """Bytes that were only counted: those of a fault, and everything behind it."""
        # The beginning of a frame that has not arrived as a whole
        self._tail = b""
        # Of the frame whose payload is arriving: bytes to come, the masking key at the next one, whether it is the last
        self._left_bytes = 0
        self._key = b""
        self._is_final = False
        # Of the message whose frames are arriving; the opcode is None where there is none
        self._opcode: DataOpcode | None = None
        self._is_deflated = False
        self._content = bytearray()
        self._size = self._wire_size = self._fragments = 0
        # Why its payload is not read; empty where it is
        self._why = ""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if not self._is_reading:
            self.unread_bytes += len(data)
            if self._stray is not None and (fault := self._stray.feed(data)) is not None:
                self._stray = None
                self._consumer.on_fault(fault)
            return
        if self._tail:
            data, self._tail = self._tail + data, b""
        if self.has_closed:
            self._stop(ProtocolError("data behind the close frame"), len(data))
            return
        try:
            at = self._scan(data)
        except _FaultyFrameError as found:
            self._stop(found.fault, len(data) - found.at)
            return
        self._keep(data, at)

    def _keep(self, data: bytes, at: int) -> None:
        """Keep the beginning of a frame for the next bytes; behind a close frame there must be none."""
        if self.has_closed and at < len(data):
            self._stop(ProtocolError("data behind the close frame"), len(data) - at)
        elif self._is_reading:
            self._tail = data[at:]

    def end(self) -> None:
        """Take note that nothing more comes."""
        if self._stray is not None:
            stray, self._stray = self._stray, None
            self._consumer.on_fault(stray.finish())

    def _stop(self, fault: Exception, unread_bytes: int) -> None:
        self._is_reading = False
        self._tail = b""
        self._content = bytearray()
        self.unread_bytes += unread_bytes
        self._consumer.on_fault(fault)

    def _scan(self, data: bytes) -> int:
        """Report what is whole; return where the frame begins that is not. Raises ``_FaultyFrameError``."""
        at, end = 0, len(data)
        if self._left_bytes:
            at = self._take(data, 0, min(end, self._left_bytes), 0)
        is_masked, limit_bytes = self._is_masked, self._limit_bytes
        while end - at >= 2:
            first, second = data[at], data[at + 1]
            opcode = self._whole_messages.get(first)
            length = second & _LENGTH
            body = at + 2
            if opcode is None or (second & _MASK != 0) is not is_masked:
                if not is_masked and data.startswith(_HTTP[: end - at], at):
                    return self._find_http(data, at, end)
                self._check(first, second, at)
            if length >= 126:
                body += 2 if length == 126 else 8
            if is_masked:
                body += 4
            if body > end:
                break
            if length >= 126:
                length = int.from_bytes(data[at + 2 : at + (4 if length == 126 else 10)], "big")
                if length >> 63:
                    raise _FaultyFrameError(ProtocolError("a length of 64 bits with the first one set"), at)
            stop = body + length
            if opcode is not None and length <= limit_bytes and self._opcode is None and stop <= end:
                at = self._take_whole(data, at, body, stop, opcode)
                continue
            if stop > end and stop - at <= HOLD_BYTES:
                break
            if first & _OPCODE >= _CONTROL:
                self._take_control(data, at, body, stop)
                at = stop
                if self.has_closed:
                    break
                continue
            self._begin_frame(first, length, data, at, body)
            at = self._take(data, body, min(stop, end), at)
        return at

    def _take_whole(self, data: bytes, at: int, body: int, stop: int, opcode: DataOpcode) -> int:
        """Report the message in one whole frame, from a server with those that follow; return where the next begins."""
        is_plain = data[at] < DEFLATED
        payload: bytes | None = data[body:stop]
        if self._is_masked:
            payload = apply_mask(payload or b"", data[body - 4 : body])
        if not is_plain:
            payload = self._inflate(payload or b"", self._limit_bytes)
            if payload is None:
                return self._leave_out(at, stop, opcode)
        payload = payload or b""
        if not self._is_masked and stop < len(data):
            payloads, wire_sizes = [payload], [stop - at]
            next_at = scan_run(data, stop, opcode, self._limit_bytes, self._inflate, payloads, wire_sizes)
            self._report_run(at, opcode, payloads, wire_sizes)
            return next_at
        if opcode == "text" and not payload.isascii():
            self._check_utf8(payload, at)
        self._consumer.on_message(opcode, payload, stop - at, 1)
        return stop

    def _report_run(self, at: int, opcode: DataOpcode, payloads: list[bytes], wire_sizes: list[int]) -> None:
        valid = len(payloads) if opcode == "binary" else count_utf8(payloads)
        if valid == 1:
            self._consumer.on_message(opcode, payloads[0], wire_sizes[0], 1)
        elif valid:
            self._consumer.on_messages(opcode, payloads[:valid], wire_sizes[:valid])
        if valid < len(payloads):
            self._check_utf8(payloads[valid], at + sum(wire_sizes[:valid]))

    def _leave_out(self, at: int, stop: int, opcode: DataOpcode) -> int:
        """Report a compressed message in one frame that cannot be inflated, or is too large; return where it ends."""
        inflater = self._inflater
        assert inflater is not None
        if inflater.fault is not None:
            raise _FaultyFrameError(inflater.fault, at)
        size = inflater.size
        inflater.end_large()
        self._consumer.on_unread(opcode, size, stop - at, 1, LARGE)
        self._note_loss(inflater)
        return stop

    def _note_loss(self, inflater: Inflater) -> None:
        """Inflate nothing from now on, where a message was too large for that."""
        if inflater.is_lost:
            self._whole_messages = WHOLE_MESSAGES

    def _check(self, first: int, second: int, at: int) -> None:
        """Check the first two bytes of a frame by RFC 6455, section 5.2."""
        opcode = first & _OPCODE
        fault = ""
        if opcode not in _OPCODES and not self._unknown:
            fault = "invalid opcode"
        elif (second & _MASK != 0) is not self._is_masked:
            fault = "incorrect masking"
        elif first & _RESERVED and not self._may_reserve(first, opcode):
            fault = "reserved bits must be 0"
        elif opcode >= _CONTROL and second & _LENGTH > _LONGEST_CONTROL_BYTES:
            fault = "control frame too long"
        elif opcode >= _CONTROL and not first & _FIN:
            fault = "fragmented control frame"
        if fault:
            raise _FaultyFrameError(ProtocolError(fault), at)

    def _may_reserve(self, first: int, opcode: int) -> bool:
        """Whether an extension allows the reserved bits: permessage-deflate RSV1 on the first frame of a message."""
        if self._unknown:
            return True
        return self._inflater is not None and first & _RESERVED == RSV1 and opcode in (_TEXT, _BINARY)

    def _find_http(self, data: bytes, at: int, end: int) -> int:
        """Read an HTTP response in place of a frame; wait for the rest of its first word."""
        if end - at < len(_HTTP):
            return at
        self._is_reading = False
        self.unread_bytes += end - at
        self._stray = StrayResponse()
        fault: HttpInStreamError | None = self._stray.feed(data[at:])
        if fault is not None:
            self._stray = None
            self._consumer.on_fault(fault)
        return end

    def _take_control(self, data: bytes, at: int, body: int, stop: int) -> None:
        payload = data[body:stop]
        if self._is_masked:
            payload = apply_mask(payload, data[body - 4 : body])
        match data[at] & _OPCODE:
            case 8:
                self._take_close(payload, at, stop - at == len(data))
            case 9:
                self._consumer.on_ping(payload, stop - at)
            case 10:
                self._consumer.on_pong(payload, stop - at)
            # Of an extension that is not known here
            case _:
                pass

    def _take_close(self, payload: bytes, at: int, is_alone: bool) -> None:
        self.has_closed = True
        fault: Exception | None = None
        code, reason = NO_CODE, ""
        if len(payload) >= 2:
            code, reason = int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace")
        try:
            Close.parse(payload)
        except UnicodeDecodeError as error:
            fault = error
        except ProtocolError as error:
            fault = invalid_close(code, reason) if len(payload) >= 2 else error
        self._consumer.on_close(ReadClose(code, reason, is_alone))
        if fault is not None:
            raise _FaultyFrameError(fault, at)

    def _begin_frame(self, first: int, length: int, data: bytes, at: int, body: int) -> None:
        opcode = first & _OPCODE
        if opcode == _CONTINUATION:
            if self._opcode is None:
                raise _FaultyFrameError(ProtocolError("unexpected continuation frame"), at)
        elif self._opcode is not None:
            raise _FaultyFrameError(ProtocolError("expected a continuation frame"), at)
        else:
            self._begin_message("text" if opcode == _TEXT else "binary", is_deflated=bool(first & RSV1))
        self._is_final = first & _FIN != 0
        self._left_bytes = length
        self._key = data[body - 4 : body] if self._is_masked else b""
        self._fragments += 1
        self._wire_size += body - at + length

    def _begin_message(self, opcode: DataOpcode, *, is_deflated: bool) -> None:
        self._opcode = opcode
        self._content = bytearray()
        self._size = self._wire_size = self._fragments = 0
        self._why = self._unknown
        self._is_deflated = False
        inflater = self._inflater
        if is_deflated and inflater is not None and not self._unknown:
            if inflater.is_lost:
                self._why = LOST
            else:
                self._is_deflated = True
                inflater.begin(self._limit_bytes)

    def _take(self, data: bytes, at: int, stop: int, frame_at: int) -> int:
        """Take the part of the present frame's payload that is there; return where it ends."""
        piece = data[at:stop]
        size = stop - at
        self._left_bytes -= size
        is_end = self._is_final and not self._left_bytes
        if self._key:
            piece = apply_mask(piece, self._key)
            turn = size % 4
            self._key = self._key[turn:] + self._key[:turn]
        if self._is_deflated and self._inflater is not None:
            self._add_deflated(self._inflater, piece, is_end, frame_at)
        else:
            self._size += size
            if not self._why:
                self._content += piece
                if self._size > self._limit_bytes:
                    self._drop(LARGE)
        if is_end:
            self._end_message(frame_at)
        return stop

    def _add_deflated(self, inflater: Inflater, piece: bytes, is_end: bool, frame_at: int) -> None:
        try:
            self._content += inflater.add(piece, is_end=is_end)
        except ProtocolError as error:
            raise _FaultyFrameError(error, frame_at) from error
        self._size = inflater.size
        if inflater.is_large and not self._why:
            self._drop(LARGE)

    def _drop(self, why: str) -> None:
        self._why = why
        self._content = bytearray()

    def _end_message(self, frame_at: int) -> None:
        opcode, content, fragments, wire_size = self._opcode, self._content, self._fragments, self._wire_size
        assert opcode is not None
        self._opcode = None
        self._content = bytearray()
        if self._why:
            self._consumer.on_unread(opcode, self._size, wire_size, fragments, self._why)
            if self._is_deflated and self._inflater is not None:
                self._inflater.end_large()
                self._note_loss(self._inflater)
            return
        payload = bytes(content)
        if opcode == "text" and not payload.isascii():
            self._check_utf8(payload, frame_at)
        self._consumer.on_message(opcode, payload, wire_size, fragments)

    def _check_utf8(self, payload: bytes, at: int) -> None:
        try:
            payload.decode()
        except UnicodeDecodeError as error:
            raise _FaultyFrameError(InvalidUtf8Error(error), at) from error


class _FaultyFrameError(Exception):
    """Bytes that break the protocol; ``at``: where their frame begins."""

    def __init__(self, fault: Exception, at: int) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.at = at
