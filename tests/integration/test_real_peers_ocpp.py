"""A management system that other people wrote (ocpp-rpc): what wsmon records of a charging station agrees with it."""

from __future__ import annotations

import json

from tests.support.engines import Engine, running, spec
from tests.support.node_peers import RealPeer, RealPeers
from tests.support.verdicts import VerdictHarness
from wsmon.config.specs import ConnectionSpec
from wsmon.model.redact.masking import Sensitive

TAG = "04E9A2B25C4F80"
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


def station(server: RealPeer, *messages: tuple[object, ...]) -> ConnectionSpec:
    """A charging station that says these at once; ``auto`` finds out what they are."""
    return spec(
        server.port,
        url="ws://127.0.0.1:PORT/CP1",
        subprotocols=(Sensitive("ocpp1.6"),),
        send=tuple(Sensitive(json.dumps(message)) for message in messages),
    )


def requests(engine: Engine, name: str) -> list[tuple[str, str, str]]:
    """Type, id and outcome of all events of that name."""
    return [(event.type, event.ref, event.error_type or str(event.status)) for event in engine.sink.named(name)]


async def test_calls_of_both_sides_agree_with_the_system(real_peers: RealPeers) -> None:
    server = await real_peers.start("ocpp")
    calls: tuple[tuple[object, ...], ...] = (
        (2, "1", "BootNotification", BOOT),
        (2, "2", "Heartbeat", {}),
        (2, "3", "Authorize", {"idTag": TAG}),
        (2, "4", "Nope", {}),
    )
    async with running(station(server, *calls)) as engine:
        sink = engine.sink
        await sink.wait("message.received", 4)
        await server.order("call", action="GetConfiguration", params={"key": ["HeartbeatInterval"]})
        await server.until("sent", 5)
        asked = (await sink.wait("message.received", 5)).ref
        await server.order("stop")
        ended = await engine.ended()
    (known,) = sink.named("connection.completed")
    assert known.meta is not None
    assert (known.meta["protocol"], known.meta["protocol_why"]) == ("ocpp", "the subprotocol is ocpp1.6")
    # Each message of the system, both ways, by its type and id
    assert [(event.type, event.ref) for event in sink.named("message.sent")] == [
        (one["action"], one["id"]) for one in server.named("received")
    ]
    assert [event.ref for event in sink.named("message.received")] == server.values("sent", "id")
    # The system answers in any order; nothing answered its own call
    assert sorted(requests(engine, "message.process.completed")) == [
        ("Authorize", "3", "SecurityError"),
        ("BootNotification", "1", "ok"),
        ("GetConfiguration", asked, "disconnected"),
        ("Nope", "4", "NotImplemented"),
    ]
    assert server.values("boot", "status") == ["Accepted"]
    assert len(sink.named("heartbeat.responded")) == len(server.named("heartbeat")) == 1
    # The system read the tag, which no event has
    assert server.values("authorize", "idTag") == [TAG]
    assert "no rights for this tag" in [event.error for event in sink.named("error.occurred")]
    assert TAG not in sink.text()
    assert (ended.close_code, ended.reason) == (1012, "maintenance")


async def test_a_station_that_is_rejected_is_told_so(real_peers: RealPeers) -> None:
    server = await real_peers.start("ocpp")
    boot = (2, "1", "BootNotification", {**BOOT, "chargePointVendor": "unknown"})
    async with running(station(server, boot)) as engine:
        rejected = await engine.sink.wait("error.occurred")
        await server.until("boot")
        assert server.values("boot", "status") == ["Rejected"]
        assert (rejected.type, rejected.error_type) == ("BootNotification", "rejected")
        assert rejected.error == "the management system rejected the charging station; next try in 60 s"
        await server.order("stop")
        await engine.ended()
    verdict = VerdictHarness().verdict(*engine.sink.events[: engine.sink.names().index("connection.disconnected") + 1])
    assert "“maintenance”, 1012, closed by peer" in verdict.cause
