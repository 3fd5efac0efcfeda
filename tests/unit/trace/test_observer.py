"""The observer of a connection: messages in pieces, their sizes, and the order of frames."""

from __future__ import annotations

import os

from tests.support.tracing import KeptSink
from wsmon.trace import TraceEvent, connect


async def test_fragments_compression_and_large_messages_have_their_sizes(told: KeptSink, url: str) -> None:
    large = os.urandom(40_000).hex()
    async with connect(url, sink=told) as connection:
        await connection.send(["one", "two"])
        assert await connection.recv() == "onetwo"
        await connection.send(large)
        pieces = [piece async for piece in connection.recv_streaming()]
        assert "".join(map(str, pieces)) == large
        await connection.send("last")
        assert await connection.recv() == "last"
    received = [event for event in told.events if event.name == "message.received"]
    assert [event.size for event in received] == [6, 80_000, 4]
    # Random digits in hex compress to half
    assert received[1].wire_size is not None
    assert 40_000 < received[1].wire_size < 60_000
    assert received[1].truncated
    begun = [event.span_id for event in told.events if event.name == "trace.span.start"]
    assert begun == [event.span_id for event in received]


class FailingOnce(KeptSink):
    """Takes all but messages that came in."""

    def emit(self, event: TraceEvent) -> None:
        if event.name == "message.received":
            raise ValueError("cannot be kept")
        super().emit(event)


async def test_a_mistake_stops_the_recording_of_frames_and_says_so(url: str) -> None:
    sink = FailingOnce()
    async with connect(url, sink=sink) as connection:
        for text in ("one", "two"):
            await connection.send(text)
            assert await connection.recv() == text
    lifecycle = [event for event in sink.events if event.name.startswith(("message", "connection", "error"))]
    assert [event.name for event in lifecycle] == [
        "connection.started", "connection.open", "connection.completed", "message.sent", "error.occurred",
        "connection.disconnected",
    ]  # fmt: skip
    assert (lifecycle[4].error_type, lifecycle[5].close_code) == ("internal", 1000)
    assert lifecycle[4].error.endswith("ValueError: cannot be kept")
