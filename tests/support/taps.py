"""A tap without a socket: bytes go in by ``data_received``, what its listeners hear is noted."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from websockets.client import ClientProtocol
from websockets.extensions import ClientExtensionFactory
from websockets.uri import parse_uri

from tests.support.engines import accepting
from wsmon.engine.deflate import DeflateOffer
from wsmon.engine.frame_scan import DataOpcode
from wsmon.engine.tap import Tap
from wsmon.model.events import Opcode as OpcodeName

Heard: TypeAlias = tuple[object, ...]


class FakeTransport(asyncio.Transport):
    """Takes what is written, remembers whether it was ended."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        del high, low

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        return

    def abort(self) -> None:
        self.is_aborted = True


class TapNotes:
    """Both listeners of a tap: notes every message, control frame, sent frame and fault, in order."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        # How many messages each call brought
        self.groups: list[int] = []
        self.wire_bytes = 0

    @property
    def messages(self) -> list[Heard]:
        """Messages alone: opcode, payload, fragments."""
        return [one for one in self.heard if one[0] in ("text", "binary")]

    def on_connected(self, tap: Tap) -> None:
        """Not of interest."""

    def on_upgraded(self, tap: Tap) -> None:
        """Not of interest."""

    def on_fault(self, fault: Exception) -> None:
        self.heard.append(("fault", type(fault).__name__, str(fault)))

    def on_chunk(self) -> None:
        """Not of interest."""

    def on_chunk_end(self) -> None:
        """Not of interest."""

    def on_message(self, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int) -> None:
        self.heard.append((opcode, payload, fragments))
        self.groups.append(1)
        self.wire_bytes += wire_size

    def on_messages(self, opcode: DataOpcode, payloads: list[bytes], wire_sizes: list[int]) -> None:
        self.heard += [(opcode, payload, 1) for payload in payloads]
        assert len(payloads) == len(wire_sizes)
        self.groups.append(len(payloads))
        self.wire_bytes += sum(wire_sizes)

    def on_ping(self, payload: bytes, wire_size: int) -> None:
        self.heard.append(("ping", payload))
        self.wire_bytes += wire_size

    def on_pong(self, payload: bytes, wire_size: int) -> None:
        self.heard.append(("pong", payload))
        self.wire_bytes += wire_size

    def on_close(self, *, is_alone: bool) -> None:
        self.heard.append(("close",))

    def on_sent(self, opcode: OpcodeName, payload: bytes, wire_size: int) -> None:
        self.heard.append(("sent", opcode, payload))


def open_tap(
    notes: TapNotes, *, limit_bytes: int = 70_000, deflate: str = "", offer: ClientExtensionFactory | None = None
) -> Tap:
    """A tap after the upgrade; ``deflate`` is the extension that the peer accepts, empty for none."""
    offers = [offer or DeflateOffer()] if deflate else None
    protocol = ClientProtocol(parse_uri("ws://x/"), max_size=limit_bytes, extensions=offers)
    tap = Tap(protocol, notes, notes, ping_interval=None, close_timeout=0.0)
    tap.connection_made(FakeTransport())
    request = protocol.connect()
    protocol.send_request(request)
    headers = [f"Sec-WebSocket-Extensions: {deflate}"] if deflate else []
    tap.data_received(accepting(request.serialize().decode(), *headers))
    assert tap.is_open
    return tap


def heard_from(pieces: list[bytes], **options: object) -> tuple[TapNotes, Tap]:
    """What an open tap (see ``open_tap``) says of pieces of a stream."""

    async def run() -> tuple[TapNotes, Tap]:
        notes = TapNotes()
        tap = open_tap(notes, **options)  # type: ignore[arg-type]  # names are the function's
        for piece in pieces:
            tap.data_received(piece)
        return notes, tap

    return asyncio.run(run())
