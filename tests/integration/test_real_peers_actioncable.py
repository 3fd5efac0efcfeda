"""ActionCable of Rails: what wsmon records agrees with what the channels saw."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.support.engines import Engine, running, spec
from tests.support.node_peers import RealPeer, RealPeers
from tests.support.not_run import needs_success
from tests.support.verdicts import VerdictHarness
from wsmon.config.specs import ConnectionSpec
from wsmon.model.redact.masking import Sensitive

TOKEN = "correct horse"
NEWS, CLOSED = '{"channel":"NewsChannel"}', '{"channel":"NewsChannel","room":"closed"}'


def command(word: str, **more: str) -> str:
    """A command about the news."""
    return json.dumps({"command": word, "identifier": NEWS, **more})


@pytest.fixture
async def server(real_peers: RealPeers) -> RealPeer:
    """Rails' own server, where its packages are installed."""
    needs_success("ActionCable of Rails", "ruby", "-e", 'require "action_cable"; require "puma"')
    return await real_peers.start("actioncable")


def client(server: RealPeer, *topics: str, token: str = TOKEN, send: tuple[str, ...] = ()) -> ConnectionSpec:
    """A client of the server; ``auto`` finds out that it is one."""
    query = f"?token={token.replace(' ', '+')}"
    return spec(
        server.port,
        url=Sensitive(f"ws://127.0.0.1:PORT/cable{query}", "ws://127.0.0.1:PORT/cable?token=[FILTERED]"),
        subprotocols=(Sensitive("actioncable-v1-json"),),
        subscribe=tuple(map(Sensitive, topics)),
        send=tuple(map(Sensitive, send)),
    )


def judged(engine: Engine) -> str:
    """The cause of the end, and what to do about it."""
    events = engine.sink.events
    end = engine.sink.named("connection.disconnected")[0]
    verdict = VerdictHarness().verdict(*events[: events.index(end) + 1])
    return f"{verdict.cause} → {verdict.next}"


async def test_subscriptions_actions_and_broadcasts_agree_with_the_channels(server: RealPeer) -> None:
    async with running(client(server, "NewsChannel", CLOSED)) as engine:
        sink = engine.sink
        await sink.wait("subscription.subscribe.completed", 2)
        await server.until("subscribe", 2)
        await server.order("broadcast", n=7)
        while not (news := [event for event in sink.named("message.received") if event.type == "message"]):
            await asyncio.wait_for(sink.wait("message.received", len(sink.named("message.received")) + 1), 5)
        await sink.wait("heartbeat.received")
        await server.order("stop")
        await engine.ended()
    assert {
        (end.topic, str(end.error_type or end.status)) for end in sink.named("subscription.subscribe.completed")
    } == {
        (NEWS, "ok"),
        (CLOSED, "rejected"),
    }
    assert set(server.values("subscribe", "topic")) == {NEWS, CLOSED}
    assert [(event.topic, event.payload) for event in news][:1] == [
        (NEWS, b'{"identifier":"{\\"channel\\":\\"NewsChannel\\"}","message":{"n":7}}')
    ]
    (stopped,) = sink.named("error.occurred")
    assert (stopped.type, stopped.error, stopped.meta) == ("disconnect", "server_restart", {"reconnect": True})
    assert '“{"type":"disconnect","reason":"server_restart","reconnect":true}”' in judged(engine)


async def test_an_action_is_performed_and_a_channel_left(server: RealPeer) -> None:
    shout = command("message", data='{"action":"shout","x":1}')
    async with running(client(server, send=(command("subscribe"), shout, command("unsubscribe")))) as engine:
        sink = engine.sink
        await sink.wait("subscription.unsubscribe.completed")
        await server.until("unsubscribe")
    assert server.values("perform", "action") == ["shout"]
    assert [(event.type, event.topic) for event in sink.named("message.sent")] == [
        ("subscribe", NEWS),
        ("message", NEWS),
        ("unsubscribe", NEWS),
    ]
    assert [event.meta for event in sink.named("message.sent")][1] == {"action": "shout"}


async def test_a_wrong_token_is_a_refused_login_and_explains_the_end(server: RealPeer) -> None:
    async with running(client(server, "NewsChannel", token="wrong")) as engine:
        ended = await engine.ended()
    assert server.values("auth", "ok") == [False]
    (refused,) = engine.sink.named("auth.failed")
    assert (refused.error, refused.meta) == ("unauthorized", {"reconnect": False})
    assert ended.close_code == 1000
    assert "→ check the credentials" in judged(engine)
