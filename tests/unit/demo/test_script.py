"""Scripts: the order of steps, counts and sizes of messages, and what a client's messages set going."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import cast

import pytest
from websockets.extensions import Extension

from wsmon.clock import SystemClock
from wsmon.demo.peer import PayloadTally, Peer, Record, SessionTally, encode_close, encode_frame
from wsmon.demo.scenario import Scenario
from wsmon.demo.script import PATTERN, Script
from wsmon.demo.steps import (
    Abort,
    Accept,
    Close,
    Cycle,
    DelayPongs,
    Drop,
    DurationRange,
    Echo,
    Freeze,
    HexBytes,
    IgnorePings,
    Ping,
    Raw,
    Receive,
    Repeat,
    Send,
    Sizes,
    Step,
    Templates,
    Wait,
)
from wsmon.demo.template import Turn

TEXT, BINARY = 1, 2
MOMENT = DurationRange((0.0, 0.0))


class FakePeer:
    """A client that reads everything; ``written`` is what it was sent, ``calls`` what else was done to it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.calls: list[str] = []
        self.extensions: list[Extension] = []
        self.is_open = True
        self.is_paused = False
        self.echoes = False
        self.answers_pings = True
        self.pong_delay_s: Callable[[], float] | None = None

    def write(self, octets: bytes) -> None:
        self.written.append(octets)

    async def writable(self) -> None:
        return

    def send_close(self, code: int | None, reason: bytes) -> None:
        self.written.append(encode_close(code, reason))

    async def lost(self, within_s: float | None = None) -> None:
        self.is_open = False

    def drop(self) -> None:
        self.calls.append("drop")

    def abort(self) -> None:
        self.calls.append("abort")

    def freeze(self) -> None:
        self.calls.append("freeze")

    def thaw(self) -> None:
        self.calls.append("thaw")


class Stage:
    """A script with its fake client and its counts."""

    def __init__(self, *steps: Step, record: Record | None = None) -> None:
        self.peer = FakePeer()
        self.tally = SessionTally(3)
        scenario = Scenario("s", (Accept(),), steps, values=(("state", Turn(("on", "off"))),))
        self.script = Script(scenario, cast(Peer, self.peer), self.tally, record or Record(), Random(1), SystemClock())

    async def play(self) -> bytes:
        """Play the script; return everything that was written."""
        await self.script.play()
        return b"".join(self.peer.written)


def text(payload: str) -> bytes:
    return encode_frame(TEXT, payload.encode())


async def test_texts_are_sent_in_turn_with_their_values_filled_in() -> None:
    stage = Stage(Send(Templates.parse(["$seq $state", "$session"]), count=3))
    assert await stage.play() == text("1 on") + text("3") + text("3 off")
    assert stage.tally.sent == PayloadTally(3, 4 + 1 + 5)


async def test_sizes_are_taken_in_turn() -> None:
    stage = Stage(Send(Templates.parse("<$pad>"), count=3, sizes_bytes=Sizes((4, 2))))
    assert await stage.play() == text("<xx>") + text("<>") + text("<xx>")


async def test_a_message_without_text_is_its_number_and_a_pattern() -> None:
    stage = Stage(Send(count=2, sizes_bytes=Sizes((12,))))
    first, second = (number.to_bytes(8, "big") + PATTERN[:4] for number in (1, 2))
    assert await stage.play() == encode_frame(BINARY, first) + encode_frame(BINARY, second)


async def test_fixed_bytes_are_sent_as_they_are_in_the_frame_that_is_asked_for() -> None:
    stage = Stage(Send(hex=HexBytes(b"\xff"), frame_type="text"), Send(hex=HexBytes(b"\xff"), frame_type=5))
    assert await stage.play() == encode_frame(TEXT, b"\xff") + encode_frame(5, b"\xff")


async def test_messages_at_a_rate_are_all_sent_and_counted() -> None:
    stage = Stage(Send(Templates.parse("x"), rate_per_s=10_000.0, jitter=0.5, count=20))
    assert await stage.play() == text("x") * 20
    assert stage.tally.sent == PayloadTally(20, 20)


async def test_nothing_is_sent_for_a_duration_of_none() -> None:
    stage = Stage(Send(Templates.parse("x"), rate_per_s=100.0, duration_s=MOMENT), Raw("end"))
    assert await stage.play() == b"end"


async def test_steps_are_played_in_order_and_repeated_as_often_as_is_said() -> None:
    stage = Stage(Raw("a"), Repeat((Raw("b"), Ping("p")), 2), Wait(MOMENT), Raw("c"))
    assert await stage.play() == b"a" + (b"b" + encode_frame(9, b"p")) * 2 + b"c"


async def test_a_cycle_takes_its_next_step_over_all_sessions_of_a_server() -> None:
    record = Record()
    stages = [Stage(Cycle((Raw("a"), Raw("b"))), record=record) for _ in range(3)]
    assert [await stage.play() for stage in stages] == [b"a", b"b", b"a"]


async def test_switches_stay_on() -> None:
    stage = Stage(Echo(), IgnorePings(), DelayPongs(DurationRange((0.5, 0.5))))
    await stage.play()
    delay = stage.peer.pong_delay_s
    assert (stage.peer.echoes, stage.peer.answers_pings, delay is not None and delay()) == (True, False, 0.5)


async def test_reading_stops_for_the_time_of_a_freeze() -> None:
    stage = Stage(Freeze(MOMENT))
    await stage.play()
    assert stage.peer.calls == ["freeze", "thaw"]


@pytest.mark.parametrize(
    ("step", "written", "calls"),
    [(Close(1000, "bye"), encode_close(1000, b"bye"), []), (Drop(), b"", ["drop"]), (Abort(), b"", ["abort"])],
)
async def test_nothing_follows_the_end_of_a_session(step: Step, written: bytes, calls: list[str]) -> None:
    stage = Stage(Repeat((step, Raw("more"))), Raw("more"))
    assert await stage.play() == written
    assert stage.peer.calls == calls


async def test_a_receive_step_waits_for_as_many_messages() -> None:
    stage = Stage(Receive(2), Raw("thanks"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stage.script.play(), name="play")
        stage.script.message_received(TEXT, b"one")
        await asyncio.sleep(0)
        assert stage.peer.written == []
        stage.script.message_received(TEXT, b"two")
    assert stage.peer.written == [b"thanks"]


async def test_messages_are_echoed_after_an_echo_step_only() -> None:
    stage = Stage(Echo())
    stage.script.message_received(TEXT, b"before")
    await stage.play()
    stage.script.message_received(BINARY, b"after")
    assert stage.peer.written == [encode_frame(BINARY, b"after")]
    assert stage.tally.sent == PayloadTally(1, 5)
