"""RabbitMQ of Debian and a broker of npm that speak STOMP: what is recorded agrees with what they say they saw."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping
from pathlib import Path

from tests.support.brokers import Broker, rabbitmq
from tests.support.engines import Engine, running, spec
from tests.support.node_peers import RealPeers
from tests.support.processes import Home, Recorder, stored
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive

PASSCODE = "guest"
URL = "ws://127.0.0.1:PORT/ws"
OFFERED = (Sensitive("v12.stomp"),)
# Cut within a header, the passcode and a body; several in a frame; NUL in a body
SAID = (
    "CONNECT\naccept-version:1.2\nlogin:guest\npassco",
    "de:gue",
    "st\nheart-beat:0,0\n\n",
    "\0SUBSCRIBE\nid:1\ndestination:/topic/a\nreceipt:s1\nack:client-individual\n\n\0",
    "SEND\ndestination:/topic/a\ncontent-length:5\nreceipt:r1\n\na\0b\0c\0\nSEND\ndestination:/topic/a\n\nhel",
    "lo\0BEGIN\ntransaction:t\n\n\0SEND\ndestination:/topic/a\ntransaction:t\n\nx\0COMMIT\ntransaction:t\nreceipt:c\n\n\0",
)


async def received(engine: Engine, kind: str, count: int) -> list[Event]:
    """Wait for messages of a kind that came in, and return them."""
    number = 1
    while len(found := [one for one in engine.sink.named("message.received") if one.type == kind]) < count:
        await engine.sink.wait("message.received", number)
        number = len(engine.sink.named("message.received")) + 1
    return found


async def test_what_is_recorded_agrees_with_rabbitmq(tmp_path: Path, home: Home) -> None:
    async with rabbitmq(tmp_path) as broker:
        recorder = await home.record(_configured(home, broker))
        async with asyncio.TaskGroup() as group:
            group.create_task(_frames_are_paired(broker), name="frames")
            group.create_task(_a_client_subscribes_and_beats(broker), name="client")
        await _ends_are_explained(broker, recorder)


async def _frames_are_paired(broker: Broker) -> None:
    made = spec(broker.port, url=URL, subprotocols=OFFERED, protocol="auto", send=tuple(map(Sensitive, SAID)))
    async with running(made) as engine:
        sink = engine.sink
        messages = await received(engine, "MESSAGE", 3)
        await received(engine, "RECEIPT", 3)
        assert [(one.topic, (one.payload or b"").partition(b"\n\n")[2].rstrip(b"\n")) for one in messages] == [
            ("/topic/a", b"a\0b\0c\0"),
            ("/topic/a", b"hello\0"),
            ("/topic/a", b"x\0"),
        ]
        sent = [one for one in sink.named("message.sent") if not (one.meta or {}).get("partial")]
        assert [one.type for one in sent] == ["CONNECT", "SUBSCRIBE", "SEND", "SEND", "BEGIN", "SEND", "COMMIT"]
        assert [(one.topic, one.ref, one.status) for one in sink.named("subscription.subscribe.completed")] == [
            ("/topic/a", "s1", "ok")
        ]
        done = sink.named("message.process.completed")
        assert sorted((one.type, one.ref, one.status) for one in done) == [
            ("COMMIT", "c", "ok"),
            ("COMMIT", "t", "ok"),
            ("SEND", "r1", "ok"),
        ]
        assert all(one.duration_ns is not None for one in (*done, await sink.wait("auth.completed")))
        assert not sink.named("error.occurred")
        assert b"passcode:guest" not in b"".join(one.payload or b"" for one in sink.named("message.sent"))
        assert [one.payload for one in sink.named("message.sent")][1] == b"[FILTERED]"


async def _a_client_subscribes_and_beats(broker: Broker) -> None:
    auth: Mapping[str, Sensitive | float] = {
        "login": Sensitive("guest"),
        "passcode": Sensitive("guest", "…"),
        "heartbeat": 2.0,
    }
    topics = (Sensitive("/topic/a"), Sensitive("/bad/t"))
    made = spec(broker.port, url=URL, subprotocols=OFFERED, answer=True, auth=auth, subscribe=topics)
    async with running(made) as engine:
        sink = engine.sink
        await sink.wait("subscription.subscribe.completed", 2)
        await sink.wait("heartbeat.received")
        await sink.wait("heartbeat.sent", 2)
        ends = sink.named("subscription.subscribe.completed")
        assert [(one.topic, one.status) for one in ends] == [("/topic/a", "ok"), ("/bad/t", "error")]
        assert broker.lines("'/bad/t' is not a valid destination")
        (connected,) = await received(engine, "CONNECTED", 1)
        assert connected.meta == {
            "version": "1.2",
            "server": "RabbitMQ/3.10.8",
            "heartbeat_in_s": 2.0,
            "heartbeat_out_s": 2.0,
        }
        assert not sink.named("heartbeat.timeout")


def _configured(home: Home, broker: Broker) -> Path:
    """A connection that is refused, one without its heart-beats, and one that is there when the broker stops."""
    common = (
        f'url = "ws://127.0.0.1:{broker.port}/ws"\nsubprotocols = ["v12.stomp"]\n'
        'reconnect = { initial = "1h", max = "1h" }\n'
    )
    silent = "CONNECT\naccept-version:1.2\nlogin:guest\npasscode:guest\nheart-beat:500,500\n\n\0"
    return home.write(
        '[[connection]]\nname = "refused"\nanswer = true\nauth = { login = "guest", passcode = "wrong-word" }\n'
        f"{common}"
        f'[[connection]]\nname = "silent"\nsend = {json.dumps([silent])}\n{common}'
        f'[[connection]]\nname = "stopped"\nanswer = true\nauth = {{ login = "guest", passcode = "guest" }}\n{common}'
    )


async def _ends_are_explained(broker: Broker, recorder: Recorder) -> None:
    await recorder.judged("silent")
    # Asked to stop it takes five seconds, and says no more than when it is killed
    await broker.end()
    verdicts = await recorder.judged("refused", "silent", "stopped")
    recorder.signal(signal.SIGTERM)
    assert await recorder.ended() == 0
    # After a refused CONNECT the broker leaves the connection open until it stops
    assert "a login was refused" in verdicts["refused"].cause
    assert "Access refused for user 'guest'" in verdicts["refused"].cause
    assert "“STOMP died”, 1000" in verdicts["silent"].cause
    assert "possibly the heartbeats that wsmon left out" in verdicts["silent"].cause
    assert (verdicts["stopped"].by, verdicts["stopped"].code) == ("network", "no close frame")
    events = stored(recorder.store)
    assert broker.lines("STOMP login failed for user 'guest'")
    failed = [one for one in events if one.name == "auth.failed"]
    assert [(one.source.connection, one.error) for one in failed] == [
        ("refused", "Bad CONNECT: Access refused for user 'guest'")
    ]
    left_out = [one for one in events if one.error_type == "heartbeat_not_sent"]
    assert [one.source.connection for one in left_out] == ["silent"]


async def test_what_is_recorded_agrees_with_a_broker_that_answers_no_receipt(real_peers: RealPeers) -> None:
    server = await real_peers.start("stomp")
    auth: Mapping[str, Sensitive | float] = {
        "login": Sensitive("me"),
        "passcode": Sensitive("correct horse", "…"),
    }
    made = spec(
        server.port,
        url="ws://127.0.0.1:PORT/stomp",
        protocol="auto",
        answer=True,
        auth=auth,
        subscribe=(Sensitive("/topic/a"),),
        send=(Sensitive("CONNECT\naccept-version:1.1\nlogin:me\npasscode:correct horse\nheart-beat:2000,0\n\n\0"),),
    )
    async with running(made) as engine:
        sink = engine.sink
        await server.until("subscribe")
        await server.order("publish", topic="/topic/a", payload="über alles")
        (message,) = await received(engine, "MESSAGE", 1)
        await sink.wait("heartbeat.sent", 2)
        ends = sink.named("subscription.subscribe.completed")
        assert [(one.topic, one.reason) for one in ends] == [("/topic/a", "its first message came")]
        assert server.values("subscribe", "topic") == ["/topic/a"]
        assert (message.topic, message.payload and message.payload.endswith("\n\nüber alles\0".encode())) == (
            "/topic/a",
            True,
        )
        assert server.values("connect", "ok") == [True]
        assert not sink.named("error.occurred")
        assert not any("failed" in text for text in server.values("debug", "text"))
        assert "correct horse" not in sink.text()
    await server.until("disconnected")


async def test_a_refused_login_is_what_the_broker_says(real_peers: RealPeers) -> None:
    server = await real_peers.start("stomp")
    auth: Mapping[str, Sensitive | float] = {"login": Sensitive("me"), "passcode": Sensitive("wrong", "…")}
    made = spec(server.port, url="ws://127.0.0.1:PORT/stomp", protocol="stomp", answer=True, auth=auth)
    async with running(made) as engine:
        refused = await engine.sink.wait("auth.failed")
        assert refused.error == "CONNECTION ERROR"
        assert (await server.until("connect"))["ok"] is False
