"""The handling of messages: spans that share what the application does meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.tracing import KeptSink
from wsmon.trace import RequestTracer, connect, current_span, span


@pytest.mark.parametrize("raised", [KeyError("no such order"), asyncio.CancelledError()])
async def test_sl_19_what_a_handler_raises_goes_on_and_ends_the_span_of_its_message(
    told: KeptSink, url: str, raised: BaseException
) -> None:
    async def handle() -> None:
        async with connect(url, sink=told) as connection:
            await connection.send("order")
            async for _ in connection:
                raise raised

    with pytest.raises(type(raised)) as caught:
        await handle()
    assert caught.value is raised
    (ended,) = (event for event in told.events if event.name == "trace.span.end")
    assert (ended.type, ended.outcome, ended.error_type, ended.error) == (
        "handle", "error", type(raised).__name__, str(raised),
    )  # fmt: skip
    assert ended.meta == {"kind": "error" if isinstance(raised, Exception) else "exit"}
    assert ended.duration_ms is not None


async def test_record_and_span_in_a_handler_are_children_of_the_message(told: KeptSink, url: str) -> None:
    async with connect(url, connection="feed", sink=told) as connection:
        await connection.send("order")
        await connection.recv()
        with span("store"):
            await connection.send("stored")
        with span("notify"):
            pass
        await connection.recv()
    starts = {event.type: event for event in told.events if event.name == "trace.span.start"}
    (first, _) = (event for event in told.events if event.name == "message.received")
    assert [starts[name].parent_id for name in ("store", "notify")] == [first.span_id] * 2
    assert {(starts[name].connection, starts[name].trace_id) for name in starts} == {("feed", first.trace_id)}
    (_, stored) = (event for event in told.events if event.name == "message.sent")
    assert stored.parent_id == starts["store"].span_id
    with span("later"):
        pass
    assert told.events[-1].name == "connection.disconnected"


async def test_what_follows_the_end_of_a_connection_is_no_part_of_its_last_message(told: KeptSink, url: str) -> None:
    connection = await connect(url, sink=told)
    await connection.send("order")
    await connection.recv()
    assert current_span() is not None
    await connection.close()
    assert current_span() is None
    assert [event.outcome for event in told.events if event.name == "trace.span.end"] == ["ok"]


async def test_a_conversation_of_the_application_is_one_trace(told: KeptSink, url: str) -> None:
    tracer = RequestTracer("client", sink=told)
    async with tracer.span("conversation") as conversation, connect(url, sink=told) as connection:
        await connection.send("order")
        await connection.recv()
        with span("store"):
            pass
    assert {event.trace_id for event in told.events} == {conversation.trace_id}
    begun = {event.type: event for event in told.events if event.name == "trace.span.start"}
    assert begun["handle"].parent_id == begun["conversation"].span_id
    assert begun["store"].parent_id == begun["handle"].span_id
