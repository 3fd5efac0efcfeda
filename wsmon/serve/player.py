"""SessionPlayer: gives one live client a recorded session, with its replies, its faults and its end."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from typing import Final, Literal, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from wsmon.serve.faults import FaultPlan, ServedEnd, is_sendable_code
from wsmon.serve.request_pairing import PairedRequest, rejoined
from wsmon.serve.served_session import RecordedReply, ServedSession, played_s
from wsmon.serve.wire_messages import WireMessage

# Requests of a client that wait for their replies; a client with more is not read until some are sent
MOST_REPLIES: Final = 256
# How long a client may take to answer a close frame that the library would not send
_CLOSE_GRACE_S: Final = 1.0
_CLOSE_HEAD: Final = 0x88


class MessageSource(Protocol):
    """Reads sessions of the recording, in a thread of its own."""

    def pages(self, served: ServedSession) -> Iterator[list[WireMessage]]:
        """Begin to read a session; the iterator is used by ``next_page`` alone."""
        ...

    async def next_page(self, pages: Iterator[list[WireMessage]]) -> list[WireMessage] | None:
        """Read on; None at the end."""
        ...

    async def reply(self, served: ServedSession, reply: RecordedReply) -> WireMessage | None:
        """Read a recorded reply; None where it is gone."""
        ...


class ReplayConnection(ServerConnection):
    """A connection that can hold back all that is to be written, pongs and closes of the library included."""

    is_stalled = False

    def send_data(self) -> None:
        """Write what waits, unless the connection is stalled; the end of a stall calls this again."""
        if not self.is_stalled:
            super().send_data()


class SessionPlayer:
    """One live session; its times are seconds after the upgrade on the clock of the loop."""

    def __init__(
        self,
        connection: ReplayConnection,
        served: ServedSession,
        source: MessageSource,
        speed: float,
        faults: FaultPlan,
    ) -> None:
        self.sent = 0
        self.dropped = 0
        self.ended_by: Literal["recording", "fault", "client"] = "client"
        self._connection = connection
        self._served = served
        self._source = source
        self._speed = speed
        self._faults = faults
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        # How often a reply was given
        self._asked: dict[tuple[str, bytes | None], int] = {}
        # Of Phoenix: the reference of the live client's join, by topic
        self._join_refs: dict[str, bytes] = {}
        self._room = asyncio.Semaphore(MOST_REPLIES)
        # Of MQTT: set once the client has the reply to its CONNECT, before which a server sends nothing
        self._opened = asyncio.Event()

    async def play(self) -> None:
        """Play the session until the recording, a fault or the client ends it."""
        async with asyncio.TaskGroup() as tasks:
            running = {tasks.create_task(self._play_messages(), name="recorded messages")}
            running |= {
                tasks.create_task(self._stall(stall.start_s, stall.end_s), name="stall")
                for stall in self._faults.stalls
            }
            if self._faults.end_s is not None:
                running.add(tasks.create_task(self._end_by_fault(self._faults.end_s), name="fault"))
            read = self._served.new_request_reader()
            try:
                while True:
                    for request in read(await self._connection.recv(decode=False)):
                        replying = self._replying(request)
                        if replying is None:
                            continue
                        await self._room.acquire()
                        task = tasks.create_task(self._reply(*replying), name="reply")
                        running.add(task)
                        task.add_done_callback(running.discard)
            except ConnectionClosed:
                for task in running:
                    task.cancel()

    async def _play_messages(self) -> None:
        """Send the messages at their times, then end as recorded."""
        end_s = played_s(self._served, self._served.end_ns, self._speed) + self._faults.delay_s
        is_open = not self._served.waits_for_opening or await self._is_opened(end_s)
        pages = self._source.pages(self._served)
        page = await self._source.next_page(pages) if is_open else None
        while page is not None:
            # Read while this page is played: a read takes some milliseconds
            async with asyncio.TaskGroup() as reading:
                following = reading.create_task(self._source.next_page(pages), name="next page")
                for message in page:
                    await self._until(played_s(self._served, message.mono_ns, self._speed) + self._faults.delay_s)
                    await self._send(message)
            page = following.result()
        await self._until(end_s)
        await self._end(self._served.end, "recording")

    async def _is_opened(self, end_s: float) -> bool:
        """Wait until the client has the reply to its first packet; False where the session ends before."""
        try:
            async with asyncio.timeout(max(0, end_s - self._elapsed_s())):
                return await self._opened.wait()
        except TimeoutError:
            return False

    def _replying(self, request: PairedRequest) -> tuple[PairedRequest, RecordedReply, float] | None:
        """Return the reply to a request, and when it is sent."""
        if request.is_join:
            self._join_refs[request.topic] = request.join_ref or request.id
        reply = self._served.reply(request, self._asked)
        if reply is None:
            return None
        delay_s = reply.delay_ns / 1e9 / self._speed + self._faults.delay_s
        return request, reply, self._elapsed_s() + delay_s

    async def _reply(self, request: PairedRequest, reply: RecordedReply, at_s: float) -> None:
        try:
            recorded = await self._source.reply(self._served, reply)
            if recorded is not None:
                await self._until(at_s)
                await self._send(recorded._replace(payload=self._served.answered(recorded.payload, request)))
            if request.is_opening:
                self._opened.set()
        finally:
            self._room.release()

    async def _send(self, message: WireMessage) -> None:
        if message.opcode != "ping" and self._faults.drops(message.event_id):
            self.dropped += 1
            return
        payload = message.payload
        if self._join_refs:
            payload = rejoined(payload, self._join_refs)
        try:
            if message.opcode == "ping":
                await self._ping(payload)
            else:
                await self._connection.send(payload, text=message.opcode == "text")
                self.sent += 1
        except ConnectionClosed:
            # The reader of the client's messages ends the session
            return

    async def _ping(self, payload: bytes) -> None:
        try:
            await self._connection.ping(payload)
        except (RuntimeError, ValueError):
            # A ping with the same payload is not answered yet: the library sends none beside it
            return

    async def _until(self, at_s: float) -> None:
        """Sleep until a time, or the end of the stall that it lies in."""
        left_s = self._faults.stalled_until(max(at_s, self._elapsed_s())) - self._elapsed_s()
        if left_s > 0:
            await asyncio.sleep(left_s)

    def _elapsed_s(self) -> float:
        return self._loop.time() - self._began_s

    async def _stall(self, start_s: float, end_s: float) -> None:
        await asyncio.sleep(start_s - self._elapsed_s())
        self._connection.is_stalled = True
        try:
            await asyncio.sleep(end_s - self._elapsed_s())
        finally:
            self._connection.is_stalled = False
            self._connection.send_data()

    async def _end_by_fault(self, at_s: float) -> None:
        await asyncio.sleep(at_s - self._elapsed_s())
        self._connection.is_stalled = False
        await self._end(self._faults.end, "fault")

    async def _end(self, end: ServedEnd, by: Literal["recording", "fault"]) -> None:
        self.ended_by = by
        connection = self._connection
        match end.how:
            case "close" if end.code is not None and is_sendable_code(end.code):
                await connection.close(end.code, end.reason)
            case "close":
                # The library sends no frame without a code, nor with one that no server may send
                connection.transport.write(_close_frame(end.code, end.reason))
                try:
                    async with asyncio.timeout(_CLOSE_GRACE_S):
                        await connection.wait_closed()
                except TimeoutError:
                    connection.transport.abort()
            case "eof":
                connection.transport.close()
            case "reset":
                tcp = connection.transport.get_extra_info("socket")
                if tcp is not None and not connection.transport.is_closing():
                    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.transport.abort()


def _close_frame(code: int | None, reason: str) -> bytes:
    body = b"" if code is None else struct.pack("!H", code & 0xFFFF) + reason.encode()
    return bytes((_CLOSE_HEAD, len(body))) + body
