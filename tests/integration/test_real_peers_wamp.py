"""A WAMP router that other people wrote (fox-wamp): what wsmon records agrees with what the router saw."""

from __future__ import annotations

import json

from tests.support.engines import SOON_AGAIN, running, spec
from tests.support.node_peers import RealPeer, RealPeers
from tests.support.verdicts import VerdictHarness
from wsmon.config.specs import ConnectionSpec
from wsmon.model.redact.masking import Sensitive

TICKET = "correct horse"


def client(server: RealPeer, *, ticket: str = "", topics: tuple[str, ...] = (), **fields: object) -> ConnectionSpec:
    """A client of the router; ``auto`` finds out that it is one."""
    auth = {"authid": Sensitive("joe"), "ticket": Sensitive(ticket)} if ticket else {}
    return spec(
        server.port,
        subprotocols=(Sensitive("wamp.2.json"),),
        answer=bool(ticket),
        auth=auth,
        subscribe=tuple(map(Sensitive, topics)),
        **fields,
    )


async def test_a_session_with_topics_and_calls_agrees_with_the_router(real_peers: RealPeers) -> None:
    server = await real_peers.start("wamp", 0, "login")
    async with running(client(server, ticket=TICKET, topics=("com.news", "com.other"))) as engine:
        sink = engine.sink
        login = await sink.wait("auth.completed")
        await sink.wait("subscription.subscribe.completed", 2)
        await server.order("publish", topic="com.news", text="hello")
        while not (events := [event for event in sink.named("message.received") if event.type == "EVENT"]):
            await sink.wait("message.received", len(sink.named("message.received")) + 1)
        await server.until("sent", 5)
        await server.order("stop")
        await engine.ended()
    assert server.named("auth") == [{**server.named("auth")[0], "authid": "joe", "ok": True}]
    assert login.duration_ns is not None
    assert [(end.topic, end.status) for end in sink.named("subscription.subscribe.completed")] == [
        ("com.news", "ok"),
        ("com.other", "ok"),
    ]
    assert [one["message"][3] for one in server.named("received") if one["kind"] == 32] == ["com.news", "com.other"]
    assert [(event.topic, event.ref) for event in events] == [
        ("com.news", str(one["message"][2])) for one in server.named("sent") if one["kind"] == 36
    ]
    assert [event.type for event in sink.named("message.sent")] == [
        *("HELLO", "AUTHENTICATE", "SUBSCRIBE", "SUBSCRIBE")
    ]
    assert [event.type for event in sink.named("message.received")][:2] == ["CHALLENGE", "WELCOME"]
    assert sink.named("error.occurred") == []
    assert TICKET not in sink.text()


async def test_calls_are_answered_or_fail_as_the_router_says(real_peers: RealPeers) -> None:
    server = await real_peers.start("wamp")
    said = (
        [1, "realm1", {"roles": {"caller": {}, "publisher": {}}}],
        [48, 1, {}, "com.add", [2, 3]],
        [48, 2, {}, "com.nosuch"],
        [16, 3, {"acknowledge": True}, "com.t", ["x"]],
        [6, {}, "wamp.close.normal"],
    )
    async with running(client(server, send=tuple(Sensitive(json.dumps(each)) for each in said))) as engine:
        await engine.ended()
    sink = engine.sink
    done = {event.ref: event for event in sink.named("message.process.completed")}
    assert {ref: (end.type, end.topic, end.error_type or end.status) for ref, end in done.items()} == {
        "1": ("CALL", "com.add", "ok"),
        "2": ("CALL", "com.nosuch", "wamp.error.no_such_procedure"),
        "3": ("PUBLISH", "com.t", "ok"),
    }
    assert [event.type for event in sink.named("message.sent")] == ["HELLO", "CALL", "CALL", "PUBLISH", "GOODBYE"]
    assert len(server.named("received")) == len(said)
    names = {2: "WELCOME", 6: "GOODBYE", 8: "ERROR", 17: "PUBLISHED", 50: "RESULT"}
    assert [event.type for event in sink.named("message.received")] == [
        names[one["kind"]] for one in server.named("sent")
    ]


async def test_a_router_that_dies_and_comes_back_has_its_subscription_restored(real_peers: RealPeers) -> None:
    server = await real_peers.start("wamp")
    async with running(client(server, topics=("com.news",), reconnect=SOON_AGAIN)) as engine:
        await engine.sink.wait("subscription.subscribe.completed")
        await server.kill()
        lost = await engine.ended()
        again = await real_peers.start("wamp", server.port)
        restored = await engine.sink.wait("subscription.restored")
    assert [one["message"][3] for one in again.named("received") if one["kind"] == 32] == ["com.news"]
    assert (restored.topic, lost.close_by, lost.close_code) == ("com.news", "network", None)


async def test_a_wrong_ticket_is_a_refused_login_and_explains_the_end(real_peers: RealPeers) -> None:
    server = await real_peers.start("wamp", 0, "login")
    async with running(client(server, ticket="wrong horse")) as engine:
        ended = await engine.ended()
    sink = engine.sink
    assert server.values("auth", "ok") == [False]
    (refused,) = sink.named("auth.failed")
    assert (refused.error_type, refused.error) == ("wamp.error.authentication_failed", "authentication failed")
    verdict = VerdictHarness().verdict(*sink.events[: sink.events.index(ended) + 1])
    assert 'last message from the peer: “[3,{},"wamp.error.authentication_failed"]”' in verdict.cause
    assert "check the credentials" in verdict.next
    assert "wrong horse" not in sink.text()
