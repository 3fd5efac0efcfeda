"""Peers that send a byte at a time, for ever: they hold up themselves, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.engines import TEXT, Handler, accept, accepting, against, close_frame, frame, read_frame, read_head

# Between two bytes
GAP_S = 0.01


async def drip(writer: asyncio.StreamWriter, octets: bytes) -> None:
    """Send a byte at a time, each in a packet of its own."""
    for octet in octets:
        writer.write(bytes([octet]))
        await writer.drain()
        await asyncio.sleep(GAP_S)


async def test_an_upgrade_that_comes_byte_by_byte_opens_within_its_time() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await drip(writer, accepting(await read_head(reader)))
        writer.write(close_frame(1000))
        await read_frame(reader)

    async with against(handle, open_timeout_s=60.0) as engine:
        await engine.sink.wait("connection.completed")
        assert (await engine.ended()).close_code == 1000


def endless_head(start: bytes) -> Handler:
    """A peer whose answer never ends."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(start)
        while True:
            await drip(writer, b"X-Slow: loris\r\n")

    return handle


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"HTTP/1.1 101 Switching Protocols\r\n", "open_timeout"),
        # What arrived says enough
        (b"HTTP/1.1 403 Forbidden\r\n", "http_status"),
        (b"", "handshake"),
    ],
)
async def test_an_answer_that_never_ends_is_given_up_in_time(start: bytes, kind: str) -> None:
    async with against(endless_head(start), open_timeout_s=0.3) as engine:
        ended = await engine.ended()
        assert ended.error_type == kind, ended.error


def _whole(text: bytes) -> bytes:
    return frame(TEXT, text)


def _in_fragments(text: bytes) -> bytes:
    pieces = [frame(TEXT, text[:1], is_last=False), *(frame(0, bytes([octet]), is_last=False) for octet in text[1:])]
    return b"".join(pieces) + frame(0)


@pytest.mark.parametrize("framed", [_whole, _in_fragments])
async def test_a_message_that_comes_byte_by_byte_is_one_message(framed: Callable[[bytes], bytes]) -> None:
    text = b"drip, drip, drip"

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await drip(writer, framed(text))
        writer.write(close_frame(1000))
        await read_frame(reader)

    async with against(handle) as engine:
        await engine.ended()
        (received,) = engine.sink.named("message.received")
        assert (received.payload, received.size) == (text, len(text))
