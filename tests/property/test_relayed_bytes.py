"""Bytes and ends through a relay that records, beside the same without a relay: both ends see the same."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Literal, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.engines import SOON_S, RecordingSink
from tests.support.frame_notes import frame, raw_frame
from tests.support.relays import ANSWER, REQUEST, relaying
from tests.support.thoroughness import times
from wsmon.relay.relayed_session import RelayedSession

Side = Literal["application", "server"]
How = Literal["fin", "reset"]

LEGAL = [
    frame(1, b"text"),
    frame(2, bytes(70_000)),
    frame(9, b"ping"),
    frame(1, b"a", fin=False),
    frame(8, b"\x03\xe8"),
]
MASKED = [frame(1, b"text", mask=True), frame(2, bytes(70_000), mask=True), frame(10, b"", mask=True)]
ILLEGAL = [
    raw_frame(0x83, b"opcode"),
    raw_frame(0xF1, b"reserved"),
    b"\x82\x7f" + b"\xff" * 8,
    b"\x88\x01\x03",
    b"\x88\x03\x03\xe8\xff",
    b"\x09\x00",
    b"HTTP/1.1 500 Oops\r\n\r\n",
    b"\xc1\x04\x00\x00\xff\xff",
]
PIECES = st.lists(st.sampled_from(LEGAL + MASKED + ILLEGAL) | st.binary(min_size=1, max_size=40), max_size=6)


class Script(NamedTuple):
    """What both sides send, and which one ends the connection, and how."""

    application: list[bytes]
    server: list[bytes]
    ender: Side
    how: How

    def sent_by(self, side: Side) -> bytes:
        """Everything that a side sends."""
        return b"".join(self.application if side == "application" else self.server)


class Seen(NamedTuple):
    """What one side saw: bytes, and the end of the other one."""

    data: bytes
    end: str


async def play(script: Script, side: Side, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Seen:
    """Do what one side does after the upgrade."""
    other: Side = "server" if side == "application" else "application"
    for piece in script.application if side == "application" else script.server:
        writer.write(piece)
        await asyncio.sleep(0)
    data = await reader.readexactly(len(script.sent_by(other)))
    if side == script.ender:
        # The other one has everything now: what it sends last comes behind all else
        await reader.readexactly(1)
        if script.how == "reset":
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        else:
            writer.close()
        return Seen(data, "own")
    writer.write(b"!")
    try:
        rest = await reader.read()
    except ConnectionResetError:
        return Seen(data, "reset")
    finally:
        writer.close()
    return Seen(data, f"eof {rest!r}")


async def seen_by_both(script: Script, *, is_relayed: bool) -> tuple[Seen, Seen]:
    """What the application and the server see."""
    by_server: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        by_server.set_result(await play(script, "server", reader, writer))

    async def ask(port: int) -> Seen:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        return await play(script, "application", reader, writer)

    async with asyncio.timeout(SOON_S):
        if not is_relayed:
            async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
                return await ask(server.sockets[0].getsockname()[1]), await by_server
        async with relaying(serve, make_listener=RelayedSession, max_message_bytes=50_000) as relay:
            (address,) = relay.relays.addresses.values()
            seen = await ask(address[1]), await by_server
            sink = relay.services.sink
            assert isinstance(sink, RecordingSink)
            await sink.wait("connection.disconnected")
            # No mistake of the recording ended the reading
            assert "internal" not in [event.error_type for event in sink.events]
            return seen


@settings(max_examples=times(25))
@given(
    script=st.builds(
        Script, PIECES, PIECES, st.sampled_from(["application", "server"]), st.sampled_from(["fin", "reset"])
    )
)
def test_both_ends_see_the_same_bytes_and_the_same_end_as_without_a_relay(script: Script) -> None:
    relayed = asyncio.run(seen_by_both(script, is_relayed=True))
    assert relayed == asyncio.run(seen_by_both(script, is_relayed=False))
    application, server = relayed
    assert (application.data, server.data) == (script.sent_by("server"), script.sent_by("application"))
