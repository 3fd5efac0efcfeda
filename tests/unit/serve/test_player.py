"""A session as one client gets it: timing, replies with its ids, faults, and ends that break the rules."""

from __future__ import annotations

import asyncio
import json
import selectors
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from tests.support.builders import event, loss, message
from tests.support.clients import end_of
from tests.support.mqtt_packets import connect as mqtt_connect
from tests.support.mqtt_packets import granted, packet, publish, subscribe
from tests.support.recordings import FixedClock
from tests.support.served import serving, written
from tests.support.session_events import FIRST, of, opening
from wsmon.model.events import Direction, Event
from wsmon.serve.faults import FaultPlan, parse_faults
from wsmon.serve.player import SessionPlayer
from wsmon.serve.served_session import ServedSession, messages_of, served_connections
from wsmon.serve.wire_messages import WireMessage
from wsmon.store.reader import Reader


def client(url: str, **options: object) -> connect:
    standard: dict[str, object] = {"ping_interval": None, "proxy": None, "close_timeout": 1}
    return connect(url, **(standard | options))  # type: ignore[arg-type]  # names are the library's


def ticks(count: int, every_s: float = 0.1) -> list[Event]:
    """A session of so many messages, closed at its end."""
    times = [2 + number * every_s for number in range(count)]
    messages = [message(str(number), at_s, "nova") for number, at_s in enumerate(times)]
    return of(FIRST, *opening(1), *messages, loss(times[-1] + 1, "nova", code=1000, reason=""))


async def received(path: Path, faults: FaultPlan, speed: float = 100.0) -> tuple[list[str | bytes], int | None]:
    """What one client gets of the first session, and the code of its end."""
    async with serving(path, faults=faults, speed=speed) as server, client(server.urls[0]) as one:
        messages, closed = await end_of(one)
        return messages, closed.rcvd.code if closed.rcvd else None


async def test_the_timing_is_the_recorded_one(tmp_path: Path) -> None:
    async with serving(written(tmp_path, ticks(20, 0.05), "nova"), speed=2) as server, client(server.urls[0]) as one:
        times = []
        for _ in range(20):
            await one.recv()
            times.append(time.monotonic())
    # 19 intervals of 25 ms; a busy machine may be late, and never early
    assert times[-1] - times[0] == pytest.approx(0.475, abs=0.1)


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop without waiting: its time goes to the next timer at once."""

    def __init__(self) -> None:
        super().__init__(SkippingSelector(self))
        self.now_s = 0.0

    def time(self) -> float:
        return self.now_s


class SkippingSelector(selectors.DefaultSelector):
    """Moves the time of its loop on instead of waiting."""

    def __init__(self, loop: SkippingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.now_s += timeout or 0.0
        return super().select(0)


class TimedConnection:
    """Notes when each message is sent; its client says nothing."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self._closed = asyncio.Event()

    async def recv(self, *, decode: bool) -> bytes:
        await self._closed.wait()
        raise ConnectionClosedOK(None, None)

    async def send(self, payload: bytes, *, text: bool) -> None:
        self.sent.append((asyncio.get_running_loop().time(), payload))

    async def close(self, code: int, reason: str) -> None:
        self.sent.append((asyncio.get_running_loop().time(), b"closed"))
        self._closed.set()


def test_each_message_is_sent_at_its_recorded_time(tmp_path: Path) -> None:
    times = [2.0, 2.0, 2.001, 2.25, 3.9995, 60.0]
    events = [
        *opening(1),
        *(message(str(at_s), at_s, "nova") for at_s in times),
        loss(61, "nova", code=1000, reason=""),
    ]
    with closing(Reader(written(tmp_path, of(FIRST, *events), "nova"), FixedClock())) as view:
        (served,) = served_connections(view, 1, view.bounds().last_id)
        session = served.sessions[0]

        class Pages:
            """The recording, read in place."""

            def pages(self, _served: ServedSession) -> Iterator[list[WireMessage]]:
                return messages_of(view, session, 1)

            async def next_page(self, pages: Iterator[list[WireMessage]]) -> list[WireMessage] | None:
                return next(pages, None)

        async def play(speed: float) -> list[tuple[float, bytes]]:
            connection = TimedConnection()
            await SessionPlayer(connection, session, Pages(), speed, FaultPlan()).play()  # type: ignore[arg-type]
            return connection.sent

        upgraded_s = opening(1)[-1].mono_ns / 1e9
        recorded_s = [event.mono_ns / 1e9 - upgraded_s for event in events[-7:]]
        for speed in (1.0, 4.0):
            with asyncio.Runner(loop_factory=SkippingLoop) as runner:
                sent = runner.run(play(speed))
            assert [payload for _, payload in sent] == [*(str(at_s).encode() for at_s in times), b"closed"]
            assert [at_s for at_s, _ in sent] == pytest.approx([at_s / speed for at_s in recorded_s], abs=1e-6)


async def test_a_reply_waits_for_the_request_and_has_its_id(tmp_path: Path) -> None:
    events = of(
        FIRST,
        *opening(1),
        message('{"jsonrpc":"2.0","id":1,"method":"get","params":{}}', 2, "nova", direction="out"),
        message('{"jsonrpc":"2.0","id":1,"result":"of get"}', 2.1, "nova"),
        message('{"jsonrpc":"2.0","method":"tick"}', 3, "nova"),
    )
    events += of(FIRST, loss(60, "nova", code=1000, reason=""))
    async with serving(written(tmp_path, events, "nova"), speed=20) as server, client(server.urls[0]) as one:
        assert await one.recv() == '{"jsonrpc":"2.0","method":"tick"}'
        await one.send('{"jsonrpc":"2.0","id":"mine","method":"get","params":{}}')
        assert json.loads(await one.recv()) == {"jsonrpc": "2.0", "id": "mine", "result": "of get"}
        await one.send('{"jsonrpc":"2.0","id":8,"method":"never recorded"}')
        await one.send('{"jsonrpc":"2.0","id":9,"method":"get","params":{}}')
        assert json.loads(await one.recv())["id"] == 9


async def test_a_phoenix_client_gets_its_own_references(tmp_path: Path) -> None:
    events = of(
        FIRST,
        *opening(1),
        message('["1","1","room","phx_join",{}]', 2, "nova", direction="out"),
        message('["1","1","room","phx_reply",{"status":"ok"}]', 2.1, "nova"),
        message('["1",null,"room","tick",{}]', 30, "nova"),
    )
    async with serving(written(tmp_path, events, "nova")) as server, client(server.urls[0]) as one:
        await one.send('["5","6","room","phx_join",{}]')
        assert [await one.recv(), await one.recv()] == [
            '["5","6","room","phx_reply",{"status":"ok"}]',
            '["5",null,"room","tick",{}]',
        ]


async def test_pings_of_the_server_are_sent(tmp_path: Path) -> None:
    ping = event("heartbeat.received", 2, "nova", direction="in", opcode="ping", payload=b"p", size=1)
    events = of(FIRST, *opening(1), ping, message("x", 3, "nova"), loss(4, "nova", code=1000, reason=""))
    assert await received(written(tmp_path, events, "nova"), FaultPlan()) == (["x"], 1000)


async def test_the_same_seed_drops_the_same_messages(tmp_path: Path) -> None:
    path = written(tmp_path, ticks(60), "nova")
    first = await received(path, parse_faults(["drop 20%"], "s"))
    assert await received(path, parse_faults(["drop 20%"], "s")) == first
    assert 30 < len(first[0]) < 60
    assert await received(path, parse_faults(["drop 20%"], "t")) != first


async def test_delay_keeps_the_order(tmp_path: Path) -> None:
    path = written(tmp_path, ticks(10), "nova")
    began_s = time.monotonic()
    assert await received(path, parse_faults(["delay 300ms"])) == ([str(number) for number in range(10)], 1000)
    assert time.monotonic() - began_s >= 0.3


@pytest.mark.parametrize(("fault", "code"), [("cut after 50ms", None), ("close 1012 after 50ms", 1012)])
async def test_a_fault_ends_the_session(tmp_path: Path, fault: str, code: int | None) -> None:
    messages, found = await received(written(tmp_path, ticks(300), "nova"), parse_faults([fault]), speed=10)
    assert found == code
    assert len(messages) < 300


async def test_a_stalled_server_answers_no_ping_and_loses_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, ticks(10), "nova")
    async with serving(path, faults=parse_faults(["stall 400ms"]), speed=1000) as server:
        url = server.urls[0]
        async with client(url) as one:
            pong = await one.ping()
            began_s = time.monotonic()
            assert [await one.recv() for _ in range(10)] == [str(number) for number in range(10)]
            await pong
            assert time.monotonic() - began_s >= 0.3


@pytest.mark.parametrize(
    ("code", "by", "error_type", "seen"),
    [(None, "peer", "", 1005), (2010, "peer", "", None), (None, "network", "reset", None)],
)
async def test_ends_that_break_the_rules_are_kept(
    tmp_path: Path, code: int | None, by: str, error_type: str, seen: int | None
) -> None:
    ended = loss(3, "nova", code=code, by=by, reason="", error_type=error_type)
    path = written(tmp_path, of(FIRST, *opening(1), message("x", 2, "nova"), ended), "nova")
    # The client's library refuses 2010
    assert await received(path, FaultPlan()) == (["x"], seen)


async def test_a_client_that_leaves_ends_its_session(tmp_path: Path) -> None:
    said: list[str] = []
    path = written(tmp_path, ticks(10, 10), "nova")
    async with serving(path, speed=1, report=said.append) as server:
        async with client(server.urls[0]):
            pass
        async with asyncio.timeout(5):
            while len(said) < 2:
                await asyncio.sleep(0)
    assert said[1] == "nova: session 1 ended by the client; 0 messages sent"


async def test_a_request_after_the_end_is_not_answered(tmp_path: Path) -> None:
    async with serving(written(tmp_path, ticks(1), "nova")) as server, client(server.urls[0]) as one:
        await end_of(one)
        with pytest.raises(ConnectionClosed):
            await one.send("late")


async def test_a_client_of_mqtt_gets_its_own_identifiers_and_nothing_before_it_is_accepted(tmp_path: Path) -> None:
    accepted, pings, answered = packet(0x20, b"\x00\x00"), packet(0xC0, b""), packet(0xD0, b"")
    news, more = publish(b"feed/1", b"news"), publish(b"feed/1", b"more")

    def binary(payload: bytes, at_s: float, direction: Direction = "in") -> Event:
        return message(payload, at_s, "nova", direction=direction)

    opened = opening(1)
    opened[-1] = msgspec.structs.replace(opened[-1], meta={**(opened[-1].meta or {}), "subprotocol": "mqtt"})
    events = of(
        FIRST,
        *opened,
        binary(mqtt_connect(0), 2, "out"),
        binary(accepted, 2.1),
        binary(subscribe(1, b"feed/#"), 2.2, "out"),
        # As brokers write: the reply and a retained message together, the next one in two pieces
        binary(granted(1, 1) + news + more[:3], 2.3),
        binary(more[3:], 2.4),
        binary(publish(b"own", identifier=2, qos=1), 3, "out"),
        binary(packet(0x40, b"\x00\x02"), 3.1),
        binary(pings, 4, "out"),
        binary(answered, 4.1),
    )
    events += of(FIRST, loss(90, "nova", code=1000, reason=""))
    path = written(tmp_path, events, "nova")
    async with serving(path) as server, client(server.urls[0], subprotocols=["mqtt"]) as one:
        await one.send(mqtt_connect(0))
        assert [await one.recv() for _ in range(3)] == [accepted, news + more[:3], more[3:]]
        await one.send(subscribe(77, b"feed/#"))
        assert await one.recv() == granted(77, 1)
        # Two topics were never asked for: not answered
        await one.send(subscribe(78, b"feed/#", b"other/#") + publish(b"own", identifier=79, qos=1) + pings)
        assert {await one.recv(), await one.recv()} == {packet(0x40, b"\x00\x4f"), answered}
    async with serving(path) as server, client(server.urls[0], subprotocols=["mqtt"]) as silent:
        assert (await end_of(silent))[0] == []
