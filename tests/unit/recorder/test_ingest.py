"""Applications on a socket: whole lines, each once, answers, and no lines while there is no room."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from tests.support.applications import CLIENT, RawApplication
from tests.support.fake_ports import FakeClock, FaultLog
from wsmon.bus import Bus, EventDelivery
from wsmon.control.ingest import INGEST_LINE_BYTES, IngestAnswer
from wsmon.control.messages import PROTOCOL, Hello, Sample
from wsmon.model.events import Event
from wsmon.recorder import ingest
from wsmon.recorder.ingest import CHUNK_LINES, READ_BYTES, Ingest, LineIngest, LineReader
from wsmon.recorder.intake import Intake
from wsmon.recorder.server import ControlServer

HELLO = Hello(PROTOCOL, "0.1.0", 1, run=3, pid=2, last_id=10)
SAMPLE = Sample(1, 2, 3.5, 4, is_paused=False, warning="", digest="")
LOW_WATER_BYTES = 100_000


async def lines_of(chunks: Iterable[bytes], limit_bytes: int = 10) -> list[bytes | None]:
    stream = asyncio.StreamReader()
    reader = LineReader(stream, limit_bytes)
    found: list[bytes | None] = []
    for chunk in chunks:
        stream.feed_data(chunk)
    stream.feed_eof()
    while lines := await reader.read():
        found += lines
    return found


@pytest.mark.parametrize("step", [1, 3, 100])
async def test_lines_are_whole_wherever_the_stream_is_cut(step: int) -> None:
    text = b"one\n\ntwo\n01234567890\nthree\n0123456789\nrest"
    expected = [b"one", b"", b"two", None, b"three", b"0123456789", b"rest"]
    assert await lines_of(text[at : at + step] for at in range(0, len(text), step)) == expected


async def test_a_long_line_without_an_end_is_not_kept() -> None:
    stream = asyncio.StreamReader()
    reader = LineReader(stream, 10)
    stream.feed_data(b"x" * 3 * READ_BYTES)
    stream.feed_eof()
    assert await reader.read() == []


class Rig:
    """A control server whose bus the test empties."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock()
        self.bus = Bus(lambda: None, low_water_bytes=LOW_WATER_BYTES)
        self.committed_seqs: dict[str, int] = {}
        self.faults = FaultLog()
        lines = LineIngest(self.bus, Intake(self.clock, "boot"), self.clock, self.committed_seqs)
        self.ingest = Ingest(lines)
        self.server = ControlServer(path, lambda: HELLO, lambda: SAMPLE, self._execute, self.faults, self.ingest)
        # What was committed
        self.types: list[str] = []

    async def _execute(self, _command: object) -> str:
        return ""

    async def until_delivered(self, events: int) -> None:
        async with asyncio.timeout(20):
            while self.bus.waiting_events < events:
                await asyncio.sleep(0.001)

    async def until_served(self) -> None:
        async with asyncio.timeout(20):
            while self.server._serving:
                await asyncio.sleep(0.001)

    def commit(self) -> tuple[EventDelivery, ...]:
        """Take what waits, and say that it is committed."""
        batch = self.bus.take(tick_s=0)
        self.types += [event.type for event in batch.events if isinstance(event, Event)]
        for delivery in batch.deliveries:
            if delivery.seq:
                self.committed_seqs[delivery.client] = delivery.seq
        self.server.wake(1)
        return batch.deliveries


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    one = Rig(tmp_path / "r.sock")
    await one.server.start()
    yield one
    await one.server.close()
    assert one.faults.faults == []


def log(number: int, *, seq: bool = True) -> dict[str, object]:
    return {"name": f"e{number}", **({"seq": number} if seq else {})}


async def test_lines_without_a_greeting_are_taken_and_only_errors_are_answered(rig: Rig) -> None:
    application = await RawApplication.dialled(rig.path)
    application.send(log(1, seq=False), b"{", b"", log(2), log(3, seq=False))
    await rig.until_delivered(2)
    rig.commit()
    await application.until_end()
    assert rig.types == ["e1", "e3"]
    assert [(answer.line, answer.error) for answer in application.answers] == [
        (2, "invalid JSON: it ends early"),
        (4, "seq: only allowed after a greeting"),
    ]


async def test_numbered_lines_are_acknowledged_when_they_are_committed(rig: Rig) -> None:
    application = await RawApplication.dialled(rig.path)
    application.greet()
    assert await application.next_answer() == IngestAnswer(acked=0)
    application.send(log(1), log(5))
    await rig.until_delivered(2)
    assert rig.commit()[-1].seq == 5
    assert await application.next_answer() == IngestAnswer(acked=5)
    assert rig.types == ["e1", "e5"]
    application.hang_up()


async def test_a_line_that_comes_again_counts_once_whether_it_is_committed_or_waits(rig: Rig) -> None:
    first = await RawApplication.dialled(rig.path)
    first.greet()
    first.send(log(1), log(2))
    await rig.until_delivered(2)
    # The first connection is not known to be dead yet
    second = await RawApplication.dialled(rig.path)
    second.greet()
    second.send(log(1), log(2), log(3))
    await rig.until_delivered(3)
    rig.commit()
    await second.until_acked(3)
    third = await RawApplication.dialled(rig.path)
    third.greet()
    assert await third.next_answer() == IngestAnswer(acked=3)
    third.send(log(3), log(4))
    await rig.until_delivered(1)
    rig.commit()
    await third.until_acked(4)
    assert rig.types == ["e1", "e2", "e3", "e4"]
    for each in (first, second, third):
        each.hang_up()


async def test_numbers_rise_and_those_of_refused_lines_are_acknowledged_too(rig: Rig) -> None:
    application = await RawApplication.dialled(rig.path)
    application.greet()
    application.send(log(2), log(1), {"name": "x", "colour": 1, "seq": 3}, {"name": "self.lost", "seq": 4})
    await rig.until_delivered(1)
    rig.commit()
    await application.until_acked(4)
    assert application.answers == [
        IngestAnswer(acked=0),
        IngestAnswer(line=3, error="seq: 1 is not greater than 2"),
        IngestAnswer(line=4, error="unknown key `colour`", seq=3),
        IngestAnswer(line=5, error="name: 'self.lost' is reserved for wsmon's own events", seq=4),
        IngestAnswer(acked=4),
    ]
    application.hang_up()


async def test_a_line_that_is_too_long_is_refused_and_the_next_one_is_read(rig: Rig) -> None:
    application = await RawApplication.dialled(rig.path)
    application.send(log(1, seq=False), b"x" * (INGEST_LINE_BYTES + 1), log(2, seq=False))
    long: dict[str, object] = {"name": "e3", "meta": {"text": "y" * (INGEST_LINE_BYTES - 100)}}
    application.send(long)
    # However many wait at a time
    while len(rig.types) < 3:
        await rig.until_delivered(1)
        rig.commit()
    await application.until_end()
    assert [(answer.line, answer.error) for answer in application.answers] == [
        (2, "a line has at most 1,048,576 bytes")
    ]
    assert rig.types == ["e1", "e2", "e3"]


async def test_the_first_line_of_an_application_may_be_as_long_as_any(rig: Rig) -> None:
    application = await RawApplication.dialled(rig.path)
    application.send({"name": "e1", "meta": {"text": "y" * 500_000}})
    await rig.until_delivered(1)
    rig.commit()
    await application.until_end()
    assert (rig.types, application.answers) == (["e1"], [])


async def test_what_is_neither_is_told_so(rig: Rig) -> None:
    application = await RawApplication.dialled(rig.path)
    application.send({"colour": 1})
    await application.until_end()
    assert application.answers == [IngestAnswer(line=1, error="neither an event (no name) nor a greeting")]


async def test_nothing_is_read_while_the_bus_has_no_room(rig: Rig) -> None:
    application = await RawApplication.dialled(rig.path)
    application.greet()
    count = 20 * CHUNK_LINES
    application.send(*(log(number) for number in range(1, count + 1)))
    async with asyncio.timeout(20):
        while rig.bus.has_room:
            await asyncio.sleep(0.001)
    waiting = rig.bus.waiting_events
    assert waiting < count
    for _ in range(10):
        await asyncio.sleep(0)
    assert rig.bus.waiting_events == waiting
    reading = asyncio.create_task(application.until_acked(count))  # noqa: TID251 - awaited below
    while not reading.done():
        rig.commit()
        await asyncio.sleep(0.001)
    await reading
    assert rig.types == [f"e{number}" for number in range(1, count + 1)]
    application.hang_up()


async def test_a_busy_application_leaves_each_turn_of_the_loop_to_others(rig: Rig) -> None:
    """Of many applications, one has its chunk read in a turn."""
    body = b"".join(json.dumps(log(number)).encode() + b"\n" for number in range(1, 3 * CHUNK_LINES))
    applications = [await RawApplication.dialled(rig.path) for _ in range(10)]
    for number, application in enumerate(applications):
        application.greet(f"{number:016x}")
        application.send(body[:-1])
    most, before = 0, 0
    async with asyncio.timeout(20):
        while rig.bus.waiting_events < 2 * CHUNK_LINES:
            await asyncio.sleep(0)
            most, before = max(most, rig.bus.waiting_events - before), rig.bus.waiting_events
    assert 0 < most <= CHUNK_LINES
    for application in applications:
        application.hang_up()


async def test_an_application_that_ends_its_stream_gets_what_it_waits_for(rig: Rig) -> None:
    application = await RawApplication.dialled(rig.path)
    application.greet(CLIENT)
    application.send(log(1))
    ending = asyncio.create_task(application.until_end())  # noqa: TID251 - awaited below
    await rig.until_delivered(1)
    assert not ending.done()
    rig.commit()
    await ending
    assert application.answers == [IngestAnswer(acked=0), IngestAnswer(acked=1)]


UP = {"name": "connection.completed", "from_status": "connected", "to_status": "websocket_connected"}
DOWN = {"name": "connection.disconnected", "from_status": "websocket_connected", "to_status": "disconnected"}


async def reported(rig: Rig, client: str, *lines: dict[str, object]) -> None:
    """An application that says something, and ends."""
    application = await RawApplication.dialled(rig.path)
    if client:
        application.greet(client)
    application.send(*lines)
    await rig.until_delivered(len(lines))
    rig.commit()
    application.hang_up()


async def test_connections_of_a_process_that_has_ended_are_not_open(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_PROCESSES", tmp_path / "proc")
    await reported(rig, CLIENT, {**UP, "connection": "a", "seq": 1}, {**UP, "connection": "b", "seq": 2},
                   {**DOWN, "connection": "b", "seq": 3})  # fmt: skip
    await rig.until_delivered(1)
    (ended,) = rig.bus.take(tick_s=0).events
    assert isinstance(ended, Event)
    assert (ended.source.connection, ended.name, ended.error_type) == (
        "a", "connection.disconnected", "application_ended",
    )  # fmt: skip
    assert (ended.from_status, ended.to_status) == ("websocket_connected", "disconnected")
    assert ended.reason == f"the application (process {os.getpid()}) ended"


@pytest.mark.parametrize("state", ["", "Z"])
async def test_spans_of_a_process_that_has_ended_have_ended_with_it(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(ingest, "_PROCESSES", tmp_path / "proc")
    if state:
        # Its parent has not asked for it yet
        (tmp_path / "proc" / str(os.getpid())).mkdir(parents=True)
        (tmp_path / "proc" / str(os.getpid()) / "stat").write_text(f"{os.getpid()} (a ) b) {state} 1 2")
    span: dict[str, object] = {"name": "trace.span.start", "trace_id": "t", "span_id": "1" * 16, "type": "pay"}
    await reported(rig, CLIENT, {**span, "seq": 1}, {**span, "span_id": "2" * 16, "seq": 2},
                   {**span, "name": "trace.span.end", "span_id": "2" * 16, "seq": 3})  # fmt: skip
    await rig.until_delivered(1)
    (ended,) = rig.bus.take(tick_s=0).events
    assert isinstance(ended, Event)
    assert (ended.name, ended.type, ended.span_id, ended.status, ended.error_type) == (
        "trace.span.end", "pay", "1" * 16, "error", "application_ended",
    )  # fmt: skip
    assert ended.error == f"the application (process {os.getpid()}) ended"


async def test_a_process_that_comes_back_says_itself_how_its_connections_are(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "ENDING_S", 0.0)
    await reported(rig, CLIENT, {**UP, "connection": "a", "seq": 1})
    await rig.until_served()
    again = await RawApplication.dialled(rig.path)
    again.greet(CLIENT)
    await again.next_answer()
    monkeypatch.setattr(ingest, "_PROCESSES", tmp_path / "proc")
    again.hang_up()
    await rig.until_delivered(1)
