"""One client's connection to a scripted server, from TCP to its end."""

from __future__ import annotations

import asyncio
import http
from random import Random
from typing import assert_never

from websockets.http11 import Request

from wsmon.demo.peer import Peer
from wsmon.demo.record import CloseReceived, HandshakeSeen, Received, Record, SessionTally
from wsmon.demo.responses import encode_acceptance, encode_refusal, server_protocol
from wsmon.demo.scenario import Scenario
from wsmon.demo.script import Script
from wsmon.demo.steps import NO_DELAY, Accept, DurationRange, Garble, Handshake, Hang, Redirect, Refuse
from wsmon.ports import Clock

GOING_AWAY = 1001


class Session:
    """Answers the handshake, plays the script, writes the record.

    It owns the task that does so, and is in ``live`` from the TCP connection on until both connection and task have
    ended. A script that fails by a mistake of ours resets the connection and is kept in ``record.failures``.
    """

    def __init__(
        self,
        scenario: Scenario,
        handshake: Handshake,
        record: Record,
        live: set[Session],
        rng: Random,
        clock: Clock,
    ) -> None:
        self.peer = Peer(server_protocol(handshake), self)
        self._scenario = scenario
        self._handshake = handshake
        self._record = record
        self._live = live
        self._rng = rng
        self._clock = clock
        self._task: asyncio.Task[None]
        self._script: Script | None = None
        self._tally: SessionTally | None = None

    def stop(self) -> None:
        """End the script, and the connection: with a close frame where there is an open session."""
        self._task.cancel()
        self.peer.thaw()
        if self.peer.is_open:
            self.peer.send_close(GOING_AWAY, b"server stops")
        else:
            self.peer.drop()

    def connected(self) -> None:
        self._live.add(self)
        self._task = asyncio.get_running_loop().create_task(self._serve(), name=f"demo {self._scenario.name}")
        self._task.add_done_callback(self._ended)

    def message_received(self, opcode: int, payload: bytes) -> None:
        if self._script is None or self._tally is None:
            return
        self._tally.received.add(payload)
        self._record.received.append(Received(self._tally.session, opcode, payload))
        self._script.message_received(opcode, payload)
        self._record.changed()

    def ping_received(self) -> None:
        if self._tally is not None:
            self._tally.pings += 1
            self._record.changed()

    def close_received(self, close: CloseReceived) -> None:
        if self._tally is not None:
            self._tally.close_received = close
            self._record.changed()

    def disconnected(self) -> None:
        if self._tally is not None:
            self._tally.is_open = False
        self._task.cancel()
        self._leave()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._record.failures.append(error)
            self.peer.abort()
        self._leave()

    def _leave(self) -> None:
        if self.peer.is_lost and self._task.done():
            self._live.discard(self)
        self._record.changed()

    async def _serve(self) -> None:
        request = await self.peer.request
        match self._handshake:
            case Accept() as accept:
                await self._accept(request, accept)
            case Refuse() as refusal:
                await self._refuse(request, refusal)
            case Redirect() as redirect:
                await self._refuse(request, redirect.refusal)
            case Garble() as garble:
                self._see(request, 0)
                await self._pause(garble.delay_s)
                self._hang_up(garble.response)
            case Hang():
                self._see(request, 0)
            case _:
                assert_never(self._handshake)

    async def _accept(self, request: Request, accept: Accept) -> None:
        response = self.peer.protocol.accept(request)
        self._see(request, response.status_code)
        await self._pause(accept.delay_s)
        if response.status_code != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.peer.respond(response)
            return
        self.peer.respond(response, encode_acceptance(response, accept))
        tally = self._tally = self._record.accept(self.peer.protocol.subprotocol)
        self._script = Script(self._scenario, self.peer, tally, self._record, self._rng, self._clock)
        await self._script.play()
        tally.is_script_done = self.peer.is_open
        self._record.changed()

    async def _refuse(self, request: Request, refusal: Refuse) -> None:
        self._see(request, refusal.status)
        await self._pause(refusal.delay_s)
        self._hang_up(encode_refusal(refusal))

    def _hang_up(self, last: bytes) -> None:
        self.peer.write(last)
        self.peer.drop()

    async def _pause(self, duration: DurationRange) -> None:
        if duration != NO_DELAY:
            await asyncio.sleep(duration.at(self._rng.random()))

    def _see(self, request: Request, status: int) -> None:
        self._record.handshakes.append(HandshakeSeen(request.path, tuple(request.headers.raw_items()), status))
        self._record.changed()
