"""Encodes a server's frames, also those that no library would send.

Source: RFC 6455, section 5.2; a server does not mask.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from websockets.extensions import Extension
from websockets.frames import Frame, Opcode

CONTINUATION = 0
TEXT = 1
BINARY = 2
CLOSE = 8
PING = 9
PONG = 10

FINAL = 0x80


def encode_frame(opcode: int, payload: bytes, final: bool = True) -> bytes:
    """One frame; any opcode, any length, valid or not."""
    head = opcode | FINAL if final else opcode
    length = len(payload)
    if length < 126:
        return bytes((head, length)) + payload
    if length < 65_536:
        return struct.pack("!BBH", head, 126, length) + payload
    return struct.pack("!BBQ", head, 127, length) + payload


def encode_message(opcode: int, payload: bytes, fragments: int = 1, extensions: Sequence[Extension] = ()) -> bytes:
    """A message in ``fragments`` frames of about equal size, through the negotiated extensions."""
    if fragments == 1 and not extensions:
        return encode_frame(opcode, payload)
    size = -(-len(payload) // fragments)
    frames = []
    for number in range(fragments):
        part = payload[number * size : (number + 1) * size]
        final = number == fragments - 1
        part_opcode = CONTINUATION if number else opcode
        if extensions and part_opcode in (CONTINUATION, TEXT, BINARY):
            frame = Frame(Opcode(part_opcode), part, final)
            frames.append(frame.serialize(mask=False, extensions=extensions))
        else:
            frames.append(encode_frame(part_opcode, part, final))
    return b"".join(frames)


def encode_close(code: int | None, reason: bytes) -> bytes:
    """A close frame; code and reason need not be valid."""
    return encode_frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)
