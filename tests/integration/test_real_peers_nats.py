"""A NATS server of Debian, with a client of npm beside wsmon: what is recorded agrees with the server's own log."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Mapping
from pathlib import Path

from tests.support.brokers import PASSWORD, Broker, nats_server
from tests.support.engines import Engine, running, spec
from tests.support.node_peers import RealPeers
from tests.support.processes import Home, stored
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive

AUTH: Mapping[str, Sensitive | float] = {"user": Sensitive("app"), "pass": Sensitive(PASSWORD, "…")}
# Cut within names, lines, the password and a payload; several in a frame
SAID = (
    'CONNECT {"user":"app","pa',
    f'ss":"{PASSWORD[:6]}',
    f'{PASSWORD[6:]}","verbose":false,"lang":"py","version":"1","headers":true,"no_responders":true}}\r',
    "\nSUB own.> 1\r\nUNSUB 1 1\r\nSUB no.x 2\r\nSUB _INBOX.w.* 3\r\nPING\r\n",
    "PUB own.a 7\r\n\r\nhel",
    "lo\r\nPUB no.y 0\r\n\r\nPUB time _INBOX.w.1 0\r\n\r\nPUB no",
    "where _INBOX.w.2 0\r\n\r\nPING\r\n",
)


def seen(broker: Broker, arrow: str) -> list[str]:
    """The operations that the server got (``<<-``) or sent (``->>``) on the connection of wsmon, without payloads."""
    lines = [re.search(rf"{arrow} \[(\S+)(?: (\S+))?.*\]$", line) for line in broker.lines(arrow, '"v1:py')]
    return [f"{found[1]} {found[2] or ''}".strip() for found in lines if found]


def recorded(events: list[Event]) -> list[str]:
    """The same of the messages that were recorded whole."""
    whole = [event for event in events if not (event.meta or {}).get("partial")]
    return [f"{event.type} {event.topic}".strip() for event in whole if event.type not in ("CONNECT", "INFO", "UNSUB")]


async def until_received(engine: Engine, kind: str, count: int) -> None:
    """Wait until so many operations of a kind came in."""
    number = 1
    while len([one for one in engine.sink.named("message.received") if one.type == kind]) < count:
        await engine.sink.wait("message.received", number)
        number = len(engine.sink.named("message.received")) + 1


async def test_what_is_recorded_agrees_with_the_log_of_the_server(tmp_path: Path, real_peers: RealPeers) -> None:
    async with nats_server(tmp_path) as broker:
        beside = await real_peers.start("nats", 0, str(broker.port), PASSWORD)
        made = spec(broker.port, protocol="nats", send=tuple(map(Sensitive, SAID)))
        async with running(made) as engine:
            sink = engine.sink
            await until_received(engine, "PONG", 2)
            await sink.wait("message.process.completed", 2)
            sent, received = recorded(sink.named("message.sent")), recorded(sink.named("message.received"))
            got = [each for each in seen(broker, "<<-") if not each.startswith("UNSUB")]
            assert [each for each in sent if each != "SUB _INBOX.w.*"] == [each for each in got if "_INBOX" not in each]
            # Its log lists neither the answer of its own to a request without responders, nor the subject of an error
            assert [each.split()[0] for each in received if each != "HMSG _INBOX.w.2"] == [
                each.split()[0] for each in seen(broker, "->>")
            ]
            subscribed = sink.named("subscription.subscribe.completed")
            assert sorted((one.topic, one.error_type or one.reason) for one in subscribed) == [
                ("", "a PONG followed it"),
                ("no.x", "permissions_violation"),
                ("own.>", "a PONG followed it"),
            ]
            assert [(one.topic, one.ref) for one in sink.named("subscription.unsubscribe.completed")] == [
                ("own.>", "1")
            ]
            done = sink.named("message.process.completed")
            assert sorted((one.topic, one.ref, one.error_type) for one in done) == [
                ("nowhere", "_INBOX.w.2", "no_responders"),
                ("time", "_INBOX.w.1", ""),
            ]
            assert [one.error_type for one in sink.named("error.occurred")] == [
                "permissions_violation",
                "no_responders",
            ]
            await beside.until("message")
            assert beside.values("message", "payload") == ["\r\nhello"]
            assert beside.values("request", "subject") == ["time"]
            info = sink.named("message.received")[0]
            assert info.meta is not None
            assert (info.type, info.meta["auth_required"], info.meta["max_payload"]) == ("INFO", True, 1_048_576)
            assert PASSWORD not in sink.text()
            assert PASSWORD[6:] not in sink.text()


async def test_wsmon_as_a_client_logs_in_subscribes_and_answers_pings(tmp_path: Path, real_peers: RealPeers) -> None:
    topics = (Sensitive("feed.>"), Sensitive("jobs workers"), Sensitive("no.z"))
    async with nats_server(tmp_path, 'ping_interval: "300ms"') as broker:
        made = spec(broker.port, protocol="auto", answer=True, auth=AUTH, subscribe=topics)
        async with running(made) as engine:
            sink = engine.sink
            login = await sink.wait("auth.completed")
            beside = await real_peers.start("nats", 0, str(broker.port), PASSWORD)
            await beside.order("publish", subject="feed.a", payload="news", times=50)
            await beside.order("publishWithHeaders", subject="jobs", payload="work")
            await beside.until("published", 2)
            await until_received(engine, "HMSG", 1)
            messages = [one for one in sink.named("message.received") if one.type in ("MSG", "HMSG")]
            await broker.until("<<- [PONG]", "python", count=2)
            assert [(one.type, one.topic) for one in messages] == [*[("MSG", "feed.a")] * 50, ("HMSG", "jobs")]
            subscribed = sink.named("subscription.subscribe.completed")
            assert {one.topic: one.error_type for one in subscribed} == {
                "feed.>": "",
                "jobs": "",
                "no.z": "permissions_violation",
            }
            assert {one.type for one in sink.named("connection.protocol")} == {"nats"}
            pings = len(broker.lines("->> [PING]", "wsmon"))
            assert pings >= len([one for one in sink.named("heartbeat.responded") if one.direction == "out"]) >= 2
            assert login.duration_ns is not None
            assert PASSWORD not in sink.text()


async def test_a_refused_login_a_stop_and_silence_are_explained_by_what_the_server_says(
    tmp_path: Path, home: Home
) -> None:
    async with nats_server(tmp_path, 'ping_interval: "300ms"\nping_max: 1') as broker:
        common = f'url = "ws://127.0.0.1:{broker.port}/"\nreconnect = {{ initial = "1h", max = "1h" }}\n'
        config = home.write(
            f'[[connection]]\nname = "refused"\nanswer = true\nauth = {{ user = "app", pass = "wrong-word" }}\n'
            f'protocol = "nats"\n{common}'
            f'[[connection]]\nname = "silent"\nsend = {json.dumps([_connect()])}\n{common}'
            f'[[connection]]\nname = "stopped"\nprotocol = "nats"\nanswer = true\n'
            f'auth = {{ user = "app", pass = "{PASSWORD}" }}\nsubscribe = ["feed.>"]\n{common}'
        )
        recorder = await home.record(config)
        await recorder.judged("refused", "silent")
        broker.signal(signal.SIGTERM)
        verdicts = await recorder.judged("refused", "silent", "stopped")
        recorder.signal(signal.SIGTERM)
        assert await recorder.ended() == 0
    # Its close frame breaks the protocol: 1006 may not be in one
    assert {name: verdict.by for name, verdict in verdicts.items()} == {
        "refused": "peer",
        "silent": "us",
        "stopped": "peer",
    }
    assert "Authorization Violation" in verdicts["refused"].cause
    assert "Stale Connection" in verdicts["silent"].cause
    assert "Server Shutdown" in verdicts["stopped"].cause
    failed = [event for event in stored(recorder.store) if event.name == "auth.failed"]
    assert [(one.source.connection, one.error_type) for one in failed] == [("refused", "authorization_violation")]
    assert broker.lines("authentication error")
    assert broker.lines("Stale Client Connection")


def _connect() -> str:
    return f'CONNECT {{"user":"app","pass":"{PASSWORD}","verbose":false}}\r\nPING\r\n'
