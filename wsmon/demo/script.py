"""The script of a session: plays the steps of a scenario to one client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from random import Random
from typing import assert_never

from websockets.frames import Opcode

from wsmon.demo.peer import CLOSE_GRACE_S, Peer, Record, SessionTally, encode_frame, encode_message
from wsmon.demo.scenario import Scenario
from wsmon.demo.steps import (
    Abort,
    Close,
    Cycle,
    DelayPongs,
    Drop,
    DurationRange,
    Echo,
    Freeze,
    IgnorePings,
    Ping,
    Raw,
    Receive,
    Repeat,
    Send,
    Silence,
    Step,
    Wait,
)
from wsmon.demo.template import fill, value_source
from wsmon.ports import Clock

# What is due within a tick leaves in one write: 50 writes a second and connection, however high the rate.
TICK_S = 0.02

# Where no rate is set: messages written between two checks that the client still reads.
BURST = 64

PATTERN = bytes(range(256))


class Script:
    """The steps of a scenario as played to one client, with the session's sequence numbers and values."""

    def __init__(
        self,
        scenario: Scenario,
        peer: Peer,
        tally: SessionTally,
        record: Record,
        rng: Random,
        clock: Clock,
    ) -> None:
        self._scenario = scenario
        self._peer = peer
        self._tally = tally
        self._record = record
        self._rng = rng
        # One permit for each message of the client that no ``receive`` step has taken.
        self._messages = asyncio.Semaphore(0)
        self._sources = {
            "seq": lambda: tally.sent.messages + 1,
            "session": lambda: tally.session,
            "time_ms": lambda: clock.wall_ns() // 1_000_000,
            **{name: value_source(value, rng) for name, value in scenario.values},
        }

    async def play(self) -> None:
        """Play the script once; return at its end, or when the session can send no more."""
        await self._play_all(self._scenario.steps)

    def message_received(self, opcode: int, payload: bytes) -> None:
        """Take a message of the client: echo it after an ``echo`` step, and let a ``receive`` step go on."""
        self._messages.release()
        if self._peer.echoes and self._peer.is_open:
            self._tally.sent.add(payload)
            self._peer.write(encode_message(opcode, payload, extensions=self._peer.extensions))

    async def _play_all(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if not self._peer.is_open:
                return
            await self._play(step)

    async def _play(self, step: Step) -> None:
        match step:
            case Send():
                await self._play_send(step)
            case Repeat(steps, times):
                await self._play_repeat(steps, times)
            case Cycle(steps):
                turn = self._record.turns[step]
                self._record.turns[step] += 1
                await self._play_all((steps[turn % len(steps)],))
            case Wait(duration) | Silence(duration):
                await self._pause(duration)
            case Receive(count):
                for _ in range(count):
                    await self._messages.acquire()
            case Freeze(duration):
                self._peer.freeze()
                await self._pause(duration)
                self._peer.thaw()
            case Raw() | Ping() | Echo() | IgnorePings() | DelayPongs():
                self._play_at_once(step)
            case Close() | Drop() | Abort():
                await self._play_end(step)
            case _:
                assert_never(step)

    def _play_at_once(self, step: Raw | Ping | Echo | IgnorePings | DelayPongs) -> None:
        match step:
            case Raw():
                self._peer.write(step.octets)
            case Ping():
                self._peer.write(encode_frame(Opcode.PING, step.payload))
            case Echo():
                self._peer.echoes = True
            case IgnorePings():
                self._peer.answers_pings = False
            case DelayPongs(delay):
                self._peer.pong_delay_s = lambda: delay.at(self._rng.random())
            case _:
                assert_never(step)

    async def _play_end(self, step: Close | Drop | Abort) -> None:
        match step:
            case Close():
                self._peer.send_close(step.code, step.reason_octets)
                await self._peer.lost(CLOSE_GRACE_S)
            case Drop():
                self._peer.drop()
            case Abort():
                self._peer.abort()
            case _:
                assert_never(step)
        await self._peer.lost()

    async def _play_repeat(self, steps: tuple[Step, ...], times: int | None) -> None:
        played = 0
        while self._peer.is_open and (times is None or played < times):
            await self._play_all(steps)
            played += 1
            await asyncio.sleep(0)

    async def _pause(self, duration: DurationRange | None) -> None:
        if duration is None:
            await self._peer.lost()
        else:
            await asyncio.sleep(duration.at(self._rng.random()))

    async def _play_send(self, step: Send) -> None:
        messages = self._encoded(step)
        if step.rate_per_s:
            await self._send_at_rate(messages, step, step.rate_per_s)
        else:
            await self._send_as_read(messages, step)

    async def _send_as_read(self, messages: Iterator[bytes], step: Send) -> None:
        loop = asyncio.get_running_loop()
        end_at_s = self._end_at_s(step)
        while self._peer.is_open and loop.time() < end_at_s:
            batch = list(islice(messages, BURST))
            if not batch:
                return
            self._write(batch)
            await self._peer.writable()
            await asyncio.sleep(0)

    async def _send_at_rate(self, messages: Iterator[bytes], step: Send, rate_per_s: float) -> None:
        loop = asyncio.get_running_loop()
        end_at_s = self._end_at_s(step)
        next_at_s = loop.time()
        gap_s = 1 / rate_per_s
        is_over = False
        while self._peer.is_open and not is_over:
            now_s = loop.time()
            batch = []
            while next_at_s <= now_s and not is_over:
                frame = next(messages, None) if next_at_s < end_at_s else None
                if frame is None:
                    is_over = True
                else:
                    batch.append(frame)
                    next_at_s += gap_s * (1 + step.jitter * (2 * self._rng.random() - 1))
            if batch:
                self._write(batch)
            if self._peer.is_paused:
                await self._peer.writable()
                next_at_s = max(next_at_s, loop.time())
            elif not is_over:
                await _sleep_until(next_at_s)

    def _write(self, messages: list[bytes]) -> None:
        self._peer.write(b"".join(messages))
        self._record.changed()

    def _end_at_s(self, step: Send) -> float:
        if step.duration_s is None:
            return float("inf")
        return asyncio.get_running_loop().time() + step.duration_s.at(self._rng.random())

    def _encoded(self, step: Send) -> Iterator[bytes]:
        """Yield the encoded messages of the step; each is counted as sent when it is taken."""
        number, limit, opcode = 0, step.limit, step.opcode
        while limit is None or number < limit:
            payload = self._payload(step, number)
            number += 1
            self._tally.sent.add(payload)
            yield encode_message(opcode, payload, step.fragments, self._peer.extensions)

    def _payload(self, step: Send, number: int) -> bytes:
        size = step.sizes_bytes[number % len(step.sizes_bytes)] if step.sizes_bytes else 0
        if step.texts:
            return fill(step.texts[number % len(step.texts)], self._sources, size)
        if step.hex is not None:
            return step.hex
        return ((self._tally.sent.messages + 1).to_bytes(8, "big") + PATTERN * (size // len(PATTERN) + 1))[:size]


async def _sleep_until(at_s: float) -> None:
    """Sleep until the first tick at or after ``at_s``. All sessions share the ticks, so that they wake together."""
    now_s = asyncio.get_running_loop().time()
    tick_at_s = -(-max(at_s, now_s) // TICK_S) * TICK_S
    await asyncio.sleep(tick_at_s - now_s if tick_at_s > now_s else TICK_S)
