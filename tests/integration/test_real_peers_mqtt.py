"""An MQTT broker that other people wrote: what wsmon records agrees with what the broker saw."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.engines import SOON_AGAIN, Engine, running, spec
from tests.support.mqtt_packets import connect, publish, subscribe, text
from tests.support.node_peers import RealPeer, RealPeers
from wsmon.model.redact.masking import Sensitive

PASSWORD = "correct horse"
LOGIN = connect(0xC2, text(b"me"), text(PASSWORD.encode()))
PINGREQ = b"\xc0\x00"


class Packets(Sensitive):
    """Binary in the place of a text to be sent, which a configuration cannot hold."""

    __slots__ = ("_packets",)

    def __init__(self, packets: bytes) -> None:
        super().__init__("packets")
        self._packets = packets

    def reveal(self) -> bytes:  # type: ignore[override]  # the socket takes both
        """The packets as one binary message."""
        return self._packets


@asynccontextmanager
async def recording(server: RealPeer, *messages: bytes) -> AsyncIterator[Engine]:
    """The engine on a session that says these at once, again in each session; ``auto`` finds out what they are."""
    said = tuple(map(Packets, messages))
    made = spec(server.port, protocol="auto", send=said, subprotocols=(Sensitive("mqtt"),), reconnect=SOON_AGAIN)
    async with running(made) as engine:
        yield engine


async def test_what_is_recorded_agrees_with_the_broker(real_peers: RealPeers) -> None:
    server = await real_peers.start("mqtt")
    published = publish(b"own/a", identifier=5, qos=1) + publish(b"own/b") + publish(b"own/c", identifier=6, qos=1)
    asked = subscribe(1, b"feed/#", b"private/x")
    async with recording(server, LOGIN[:3], LOGIN[3:20], LOGIN[20:] + asked, published + PINGREQ) as engine:
        sink = engine.sink
        login = await sink.wait("auth.completed")
        await sink.wait("subscription.subscribe.completed", 2)
        await sink.wait("message.process.completed", 2)
        pong = await sink.wait("heartbeat.responded")
        await server.until("pingreq")
        await server.order("publish", topic="feed/1", payload="news", qos=0)
        count = 1  # the broker sends some packets in several messages
        while (await sink.wait("message.received", count)).topic != "feed/1":
            count += 1
        await server.until("subscribe")
        ends = sink.named("subscription.subscribe.completed")
        assert [(end.topic, end.error_type) for end in ends] == [("feed/#", ""), ("private/x", "unspecified_error")]
        assert server.values("subscribe", "topic")[0] == "feed/#"
        done = sink.named("message.process.completed")
        assert [(end.topic, end.ref, end.status) for end in done] == [("own/a", "5", "ok"), ("own/c", "6", "ok")]
        assert server.values("published", "topic") == ["own/a", "own/b", "own/c"]
        assert all(end.duration_ns is not None and end.duration_ns > 0 for end in (login, pong, *done))
        assert PASSWORD not in sink.text()
        assert len(server.named("pingreq")) == len(sink.named("heartbeat.sent")) == 1


async def test_a_broker_that_dies_and_comes_back_has_its_subscription_restored(real_peers: RealPeers) -> None:
    server = await real_peers.start("mqtt")
    async with recording(server, LOGIN, subscribe(1, b"feed/#")) as engine:
        await engine.sink.wait("subscription.subscribe.completed")
        await server.kill()
        lost = await engine.ended()
        again = await real_peers.start("mqtt", server.port)
        restored = await engine.sink.wait("subscription.restored")
        await again.until("subscribe")
        assert (restored.topic, lost.close_by, lost.close_code) == ("feed/#", "network", None)
        assert engine.sink.path()[-1] == "websocket_connected"
