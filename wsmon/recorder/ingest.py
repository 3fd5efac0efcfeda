"""Applications on the control socket: their lines are read, committed once, acknowledged, and refused one by one.

They never slow the engine down: one chunk of lines of one application is read in a turn of the event loop, and none
while the bus has no room; the application keeps what is not read. What waits for lines costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from wsmon.bus import Bus, EventDelivery
from wsmon.control.ingest import INGEST_LINE_BYTES, Ack, GreetingLine, LineFault, encode_ingest
from wsmon.control.ownership import peer_pid
from wsmon.export.import_session import line_problem
from wsmon.model.events import Event
from wsmon.model.spans import Instant
from wsmon.ports import Clock
from wsmon.recorder.intake import LINE_ERRORS, Intake, ReportedLine, Reporting, decode_line, number_of
from wsmon.recorder.under_way import UnderWay

# A chunk of a stream: some 2 ms of work
READ_BYTES: Final = 64 * 1024
CHUNK_LINES: Final = 100
# An application that reads no answers for this long is disconnected
STUCK_S: Final = 30.0
# Answers that an application has not read
UNREAD_BYTES: Final = 64 * 1024
# How long a process may take to end after its stream
ENDING_S: Final = 2.0
# Between two looks for room, where no commit makes some
ROOM_S: Final = 0.5
_PROCESSES: Final = Path("/proc")
_LOG = logging.getLogger("wsmon.control")
_GREETING: Final = b'"ingest"'

# Client of the records that have no numbers of their own; no greeting has this name
RECORDS_CLIENT: Final = "records"

# All lines of it are stored, or none
IngestRecord = Sequence[ReportedLine]
# A line without its end; None stands for one that was too long
IngestLine = bytes | None


class LineReader:
    """Lines of a stream; of one that is too long, nothing is kept."""

    def __init__(self, stream: asyncio.StreamReader, limit_bytes: int = INGEST_LINE_BYTES) -> None:
        self._stream = stream
        self._limit_bytes = limit_bytes
        self._rest = bytearray()
        self._is_skipping = False
        self._has_ended = False

    async def read(self) -> list[IngestLine]:
        """Wait for lines and return those that one read completes; empty at the end of the stream.

        What stands behind the last line break at the end is a line, too.
        """
        lines: list[IngestLine] = []
        while not lines and not self._has_ended:
            chunk = await self._stream.read(READ_BYTES)
            lines = self._split(chunk)
            if not chunk:
                self._has_ended = True
        return lines

    def _split(self, chunk: bytes) -> list[IngestLine]:
        if not chunk:
            last = bytes(self._rest)
            self._rest.clear()
            return [last] if last and not self._is_skipping else []
        *whole, rest = chunk.split(b"\n")
        lines: list[IngestLine] = []
        for part in whole:
            self._rest += part
            if self._is_skipping or len(self._rest) > self._limit_bytes:
                lines.append(None)
            else:
                lines.append(bytes(self._rest))
            self._rest.clear()
            self._is_skipping = False
        self._rest += rest
        if len(self._rest) > self._limit_bytes:
            self._is_skipping = True
            self._rest.clear()
        return lines


class IngestStream:
    """What is known of one stream of lines: how far it was read, and which of its lines are acknowledged."""

    def __init__(self, answer: Callable[[bytes], None]) -> None:
        """``answer`` takes one line for the application."""
        self.answer = answer
        self.reporting = Reporting()
        # Lines read so far
        self.lines = 0
        # Number of the last line that had one
        self.seq = 0
        self.acked = 0
        self.under_way = UnderWay()

    @property
    def client(self) -> str:
        """Id of the process; empty where it has not greeted."""
        return self.reporting.greeting.client if self.reporting.greeting else ""


class LineIngest:
    """Reads lines of streams into a bus: each numbered line once. Used by one thread, the producer of the bus."""

    def __init__(
        self,
        bus: Bus,
        intake: Intake,
        clock: Clock,
        committed_seqs: Mapping[str, int],
        listener: Callable[[Event], None] | None = None,
    ) -> None:
        """``committed_seqs`` has the number of the last committed line of each client; ``listener`` hears of lifecycle
        events.
        """
        self._bus = bus
        self._intake = intake
        self._clock = clock
        self._committed_seqs = committed_seqs
        self._listener = listener
        # Numbers of the last lines that went into the bus, until they are committed
        self._delivered_seqs: dict[str, int] = {}
        # Of clients whose stream has ended, and whose process lives
        self._under_way: dict[str, UnderWay] = {}
        # Streams with lines that are not acknowledged
        self._waiting: set[IngestStream] = set()

    @property
    def has_room(self) -> bool:
        """Whether lines may be read."""
        return self._bus.has_room

    @property
    def now(self) -> Instant:
        """The present time."""
        return Instant(self._clock.wall_ns(), self._clock.mono_ns())

    def read(self, stream: IngestStream, lines: Iterable[IngestLine], size: int) -> None:
        """Deliver the events of lines of ``size`` bytes, and answer those that are none; there must be room."""
        events: list[Event] = []
        before = stream.seq
        for line in lines:
            stream.lines += 1
            if line is None:
                self._refuse(stream, f"a line has at most {INGEST_LINE_BYTES:,} bytes")
            elif stream.lines == 1 and _GREETING in line[:64]:
                self._greet(stream, line)
            elif line.strip():
                self._read_line(stream, line, events)
        seq = stream.seq if stream.seq > before else 0
        if seq:
            self._waiting.add(stream)
        if seq > self._known_seq(stream.client):
            self._delivered_seqs[stream.client] = seq
        else:
            # All its numbered lines came before
            seq = 0
        if events or seq:
            self._deliver(events, size, stream.client, seq)
        stream.under_way.see(events)
        self._acknowledge(stream)

    def read_records(self, records: Iterable[IngestRecord], reporting: Reporting, size: int) -> list[str]:
        """Deliver the events of records of ``size`` bytes, and return why others are none; there must be room."""
        events: list[Event] = []
        problems: list[str] = []
        for record in records:
            try:
                events += [self._intake.event(line, reporting) for line in record]
            except LINE_ERRORS as error:
                problems.append(str(error))
        if events:
            seq = self._known_seq(RECORDS_CLIENT) + 1
            self._delivered_seqs[RECORDS_CLIENT] = seq
            self._deliver(events, size, RECORDS_CLIENT, seq)
        return problems

    @property
    def delivered_records(self) -> int:
        """Number of the last chunk of records that was delivered."""
        return self._known_seq(RECORDS_CLIENT)

    @property
    def committed_records(self) -> int:
        """Number of the last chunk of records that is committed."""
        return self._committed_seqs.get(RECORDS_CLIENT, 0)

    def _deliver(self, events: Sequence[Event], size: int, client: str, seq: int) -> None:
        self._bus.deliver(EventDelivery(events, self._clock.mono_ns(), size, client, seq))
        if self._listener is not None:
            for event in events:
                if event.size is None:
                    self._listener(event)

    def _greet(self, stream: IngestStream, line: bytes) -> None:
        try:
            client = stream.reporting.greet(line).client
        except LINE_ERRORS as error:
            self._refuse(stream, line_problem(error, GreetingLine))
            return
        committed = self._committed_seqs.get(client, 0)
        stream.acked = committed
        stream.under_way = self._under_way.pop(client, UnderWay())
        stream.answer(encode_ingest(Ack(committed)))

    def _read_line(self, stream: IngestStream, octets: bytes, events: list[Event]) -> None:
        seq = 0
        try:
            # First, since a line that is refused has a number, too
            if (number := number_of(octets)) is not None:
                seq = self._numbered(stream, number)
                # In the bus or in the store already
                if seq <= self._known_seq(stream.client):
                    return
            line = decode_line(octets)
            events.append(self._intake.event(line, stream.reporting))
        except LINE_ERRORS as error:
            self._refuse(stream, line_problem(error, ReportedLine), seq)

    def _numbered(self, stream: IngestStream, seq: int) -> int:
        if not stream.client:
            raise ValueError("seq: only allowed after a greeting")
        if seq <= stream.seq:
            raise ValueError(f"seq: {seq} is not greater than {stream.seq}")
        stream.seq = seq
        return seq

    def _known_seq(self, client: str) -> int:
        """Number of the last line of a client that is in the bus or in the store."""
        return max(self._committed_seqs.get(client, 0), self._delivered_seqs.get(client, 0))

    def _refuse(self, stream: IngestStream, problem: str, seq: int = 0) -> None:
        stream.answer(encode_ingest(LineFault(stream.lines, problem, seq)))

    def _acknowledge(self, stream: IngestStream) -> None:
        if stream not in self._waiting:
            return
        committed = self._committed_seqs.get(stream.client, 0)
        if committed > stream.acked:
            stream.acked = committed
            stream.answer(encode_ingest(Ack(committed)))
        if committed >= stream.seq:
            self._waiting.discard(stream)
            if committed >= self._delivered_seqs.get(stream.client, 0):
                self._delivered_seqs.pop(stream.client, None)

    def leave(self, stream: IngestStream) -> None:
        """Keep what a client has under way, for its next stream."""
        if stream.client and stream.under_way:
            self._under_way[stream.client] = stream.under_way

    def end_all(self, stream: IngestStream, reason: str) -> None:
        """End connections and spans of a process that has ended without a word about them; there must be room.

        A client whose next stream has begun says itself what becomes of them.
        """
        under_way = self._under_way.pop(stream.client, UnderWay()) if stream.client else stream.under_way
        now = self.now
        if events := under_way.ends(now, reason):
            self._bus.deliver(EventDelivery(events, now.mono_ns, 0))
        self._intake.release(stream.reporting)

    def is_waiting(self, stream: IngestStream) -> bool:
        """Whether lines of a stream are not committed."""
        return stream in self._waiting

    def committed(self) -> None:
        """Acknowledge what was committed; to be called after each commit."""
        for stream in tuple(self._waiting):
            self._acknowledge(stream)

    def forget(self, stream: IngestStream) -> None:
        """Answer a stream no more."""
        self._waiting.discard(stream)


class Ingest:
    """Serves applications on the event loop."""

    def __init__(self, lines: LineIngest) -> None:
        self._lines = lines
        self._commit = asyncio.Event()
        # One stream at a time has its lines read
        self._turn = asyncio.Lock()
        self._is_closed = False

    async def serve(self, reader: LineReader, lines: list[IngestLine], writer: asyncio.StreamWriter) -> None:
        """Serve one application until it ends its stream, and all its lines are committed."""

        def answer(line: bytes) -> None:
            if writer.transport.get_write_buffer_size() > UNREAD_BYTES:
                # It reads nothing: it dials again and sends what was not acknowledged
                writer.transport.abort()
            # A program may write its lines and leave
            if not writer.transport.is_closing():
                writer.write(line)

        stream = IngestStream(answer)
        pid = peer_pid(writer.get_extra_info("socket"))
        try:
            while lines and await self.take(stream, lines):
                await _flush(writer)
                lines = await reader.read()
            await self.settle(stream)
            await _flush(writer)
        except OSError as error:
            _LOG.info("application %d lost: %s", pid, error)
        finally:
            self._lines.forget(stream)
            self._lines.leave(stream)
        await self._see_end(stream, pid)

    async def _see_end(self, stream: IngestStream, pid: int) -> None:
        """End what the process has under way where it has ended, too: what it reported last is no longer true."""
        if not stream.under_way or not pid:
            return
        ends_s = asyncio.get_running_loop().time() + ENDING_S
        while not self._is_closed and _lives(pid):
            if asyncio.get_running_loop().time() > ends_s:
                return
            await self._next_commit()
        if await self._has_room():
            self._lines.end_all(stream, f"the application (process {pid}) ended")

    async def end_all(self, stream: IngestStream) -> None:
        """End connections and spans of a stream that a process left, and that is read to its end."""
        if stream.under_way and await self._has_room():
            greeting = stream.reporting.greeting
            which = f" (process {greeting.pid})" if greeting is not None and greeting.pid else ""
            self._lines.leave(stream)
            self._lines.end_all(stream, f"the application{which} ended")

    async def take(self, stream: IngestStream, lines: Sequence[IngestLine]) -> bool:
        """Read lines, a chunk in each turn of the loop; returns False where the recording ends before all are read."""
        first = 0
        while first < len(lines):
            async with self._turn:
                if not await self._has_room():
                    return False
                last, size = first, 0
                while last < len(lines) and last - first < CHUNK_LINES and size < READ_BYTES:
                    size += len(lines[last] or b"")
                    last += 1
                self._lines.read(stream, lines[first:last], size)
                first = last
                # The engine has a turn before the next chunk
                await asyncio.sleep(0)
        return True

    @property
    def has_room(self) -> bool:
        """Whether records are taken without waiting."""
        return not self._is_closed and self._lines.has_room

    async def take_records(self, records: Sequence[IngestRecord], size: int, stuck_s: float) -> list[str] | None:
        """Store records, a chunk in each turn of the loop; return why some are not stored once the others are.

        None where the recording ends before that, or nothing goes on for ``stuck_s``.
        """
        try:
            async with asyncio.timeout(stuck_s) as deadline:
                return await self._take_records(records, size, stuck_s, deadline)
        except TimeoutError:
            return None

    async def _take_records(
        self, records: Sequence[IngestRecord], size: int, stuck_s: float, deadline: asyncio.Timeout
    ) -> list[str] | None:
        loop = asyncio.get_running_loop()
        reporting = Reporting(self._lines.now)
        problems: list[str] = []
        first = lines = 0
        for last, record in enumerate(records, 1):
            lines += len(record)
            if lines < CHUNK_LINES and last < len(records):
                continue
            async with self._turn:
                if not await self._has_room():
                    return None
                chunk = records[first:last]
                problems += self._lines.read_records(chunk, reporting, size * len(chunk) // len(records))
                first, lines = last, 0
                await asyncio.sleep(0)
            deadline.reschedule(loop.time() + stuck_s)
        last_seq = self._lines.delivered_records
        while (committed := self._lines.committed_records) < last_seq:
            if self._is_closed:
                return None
            await self._next_commit()
            if self._lines.committed_records > committed:
                deadline.reschedule(loop.time() + stuck_s)
        return problems

    async def settle(self, stream: IngestStream) -> None:
        """Wait until all numbered lines of a stream are committed, or the recording ends."""
        while self._lines.is_waiting(stream) and not self._is_closed:
            await self._next_commit()

    def committed(self) -> None:
        """Acknowledge what was committed; called after each commit."""
        self._commit.set()
        self._lines.committed()

    @property
    def is_closed(self) -> bool:
        """Whether the recording ends, so that what is not committed may never be."""
        return self._is_closed

    def close(self) -> None:
        """Read no more lines: the recording ends."""
        self._is_closed = True
        self._commit.set()

    async def _has_room(self) -> bool:
        """Wait until the bus takes events; returns False where the recording ends."""
        while not self._is_closed and not self._lines.has_room:
            await self._next_commit()
        return not self._is_closed

    async def _next_commit(self) -> None:
        self._commit.clear()
        try:
            async with asyncio.timeout(ROOM_S):
                await self._commit.wait()
        except TimeoutError:
            return


def _lives(pid: int) -> bool:
    """Return whether a process runs; one that has ended may be there as a zombie until its parent asks for it."""
    try:
        # "PID (NAME) STATE ...": a name may hold anything
        return (_PROCESSES / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return (_PROCESSES / str(pid)).exists()


async def _flush(writer: asyncio.StreamWriter) -> None:
    """Wait until answers are sent; of a program that has left, what it sent before is still to be read."""
    with suppress(ConnectionError):
        async with asyncio.timeout(STUCK_S):
            await writer.drain()
