"""What a session says by itself, seen from the peer: what it was asked to say, and with leave to answer, more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from tests.support.engines import SOON_AGAIN, TEXT, accept, against, frame, meta_of, read_frame, read_head
from wsmon.config.specs import HeartbeatSpec, PingSpec
from wsmon.errors import WsmonError
from wsmon.model.redact.masking import Sensitive

QUIET = PingSpec(interval_s=0.0)

Say = Callable[[str], None]
Reply = Callable[[str, Say], Awaitable[None]]


class Peer:
    """Answers texts; keeps what it was told, session by session."""

    def __init__(self, reply: Callable[[str, Say], None], greeting: str = "") -> None:
        self.heard: list[list[str]] = []
        self._reply = reply
        self._greeting = greeting

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard: list[str] = []
        self.heard.append(heard)

        def say(text: str) -> None:
            writer.write(b"" if text == HANG_UP else frame(TEXT, text.encode()))
            if text == HANG_UP:
                writer.close()

        await accept(reader, writer)
        if self._greeting:
            say(self._greeting)
        while True:
            opcode, payload = await read_frame(reader)
            if opcode != TEXT:
                return
            heard.append(payload.decode())
            self._reply(payload.decode(), say)


HANG_UP = "hang up"


def texts(*values: str) -> tuple[Sensitive, ...]:
    """Texts of a configuration."""
    return tuple(map(Sensitive, values))


async def test_without_leave_to_answer_only_what_is_asked_for_is_said() -> None:
    def reply(text: str, say: Say) -> None:
        if text == "bye":
            say('{"type":"ping"}')
            say('{"type":"end"}')

    peer = Peer(reply)
    async with against(
        peer,
        ping=QUIET,
        protocol="json",
        send=texts("hello"),
        subscribe=texts("trades", '{"op":"subscribe"}'),
        auth={"send": Sensitive("let me in", "***")},
        heartbeat=HeartbeatSpec(send=Sensitive("bye"), every_s=0.1),
    ) as engine:
        await engine.sink.wait("message.received", 2)
        said = engine.sink.named("message.sent")
    expected = ["hello", '{"type":"subscribe","channel":"trades"}', '{"op":"subscribe"}', "bye"]
    assert peer.heard[0][:4] == expected
    assert set(peer.heard[0][4:]) <= {"bye"}
    assert [(event.payload or b"").decode() for event in said][:4] == expected


async def test_deribit_authenticates_subscribes_answers_and_renews() -> None:
    def reply(text: str, say: Say) -> None:
        asked = json.loads(text)
        result: object = "ok"
        if asked["method"] == "public/auth":
            result = {"access_token": "canary-access", "refresh_token": "canary-refresh", "expires_in": 1}
        if asked["method"].endswith("subscribe"):
            result = asked["params"]["channels"]
        say(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}))
        if asked["method"].endswith("subscribe"):
            say('{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}')

    peer = Peer(reply)
    async with against(
        peer,
        ping=QUIET,
        protocol="deribit",
        answer=True,
        subscribe=texts("trades.BTC.raw"),
        auth={"client_id": Sensitive("me", "***"), "client_secret": Sensitive("canary-secret", "***")},
    ) as engine:
        sink = engine.sink
        refreshed = await sink.wait("auth.refresh.completed")
        (authenticated,) = sink.named("auth.completed")
        (subscribed,) = sink.named("subscription.subscribe.completed")
        (answered,) = sink.named("heartbeat.responded")
    methods = [json.loads(text)["method"] for text in peer.heard[0]]
    assert methods[:3] == ["public/auth", "private/subscribe", "public/test"]
    assert json.loads(peer.heard[0][methods.index("public/auth", 1)])["params"] == {
        "grant_type": "refresh_token",
        "refresh_token": "canary-refresh",
    }
    assert [event.duration_ns is not None for event in (authenticated, subscribed, answered, refreshed)] == [True] * 4
    assert (subscribed.topic, subscribed.status) == ("trades.BTC.raw", "ok")
    assert "canary" not in sink.text()


async def test_an_authentication_by_texts_comes_before_the_topics() -> None:
    def reply(text: str, say: Say) -> None:
        say("WELCOME 17" if text.startswith("LOGIN") else f"got {text}")

    auth = {"send": Sensitive("LOGIN canary-key", "***"), "success": Sensitive("WELCOME", "***")}
    peer = Peer(reply)
    async with against(
        peer,
        ping=QUIET,
        protocol="raw",
        answer=True,
        auth=auth,
        subscribe=texts("SUB a"),
        secrets=("LOGIN canary-key",),
    ) as engine:
        await engine.sink.wait("message.received", 2)
        names = [name for name in engine.sink.names() if name.startswith(("auth", "message"))]
    assert peer.heard[0] == ["LOGIN canary-key", "SUB a"]
    assert names == [
        "message.sent",
        "auth.started",
        "message.received",
        "auth.completed",
        *["message.sent", "message.received"],
    ]
    assert "canary" not in engine.sink.text()


async def test_heartbeats_by_texts_are_answered_both_ways() -> None:
    def reply(text: str, say: Say) -> None:
        if text == "are you there":
            say("I am here")
            say("and you? 7")

    heartbeat = HeartbeatSpec(
        send=Sensitive("are you there"),
        every_s=0.1,
        expect=Sensitive("here"),
        reply_to=Sensitive("and you?"),
        answer=Sensitive("me too"),
    )
    peer = Peer(reply)
    async with against(peer, ping=QUIET, protocol="raw", heartbeat=heartbeat) as engine:
        sink = engine.sink
        await sink.wait("heartbeat.responded", 4)
        responded, received = sink.named("heartbeat.responded"), sink.named("heartbeat.received")
    assert peer.heard[0][:4] == ["are you there", "me too"] * 2
    assert [event.direction for event in responded[:4]] == ["in", "out", "in", "out"]
    assert all(event.duration_ns is not None and event.size == 0 for event in responded)
    assert received[0].direction == "in"


async def test_a_heartbeat_without_an_answer_is_missed() -> None:
    heartbeat = HeartbeatSpec(send=Sensitive("beat"), every_s=0.1, expect=Sensitive("alive"))
    async with against(Peer(lambda _text, _say: None), ping=QUIET, protocol="raw", heartbeat=heartbeat) as engine:
        failure = await engine.sink.wait("heartbeat.failure")
        missed = engine.sink.named("heartbeat.timeout")
    assert len(missed) >= 3
    assert failure.error == "3 heartbeats in a row were not answered"


async def test_phoenix_joins_a_topic_that_crashed_again() -> None:
    def reply(text: str, say: Say) -> None:
        join_ref, ref, topic, event, _ = json.loads(text)
        say(json.dumps([join_ref, ref, topic, "phx_reply", {"status": "ok", "response": {}}]))
        if event == "phx_join" and join_ref == "wsmon-1":
            say(json.dumps([join_ref, join_ref, topic, "phx_error", {}]))

    peer = Peer(reply)
    auth = {"params": Sensitive('{"token":"canary-token"}', "***")}
    async with against(
        peer, ping=QUIET, protocol="phoenix", answer=True, subscribe=texts("room:a"), auth=auth
    ) as engine:
        sink = engine.sink
        await sink.wait("error.handled")
        names = [name for name in sink.names() if name.startswith(("sub", "error"))]
    assert peer.heard[0] == [
        '["wsmon-1","wsmon-1","room:a","phx_join",{"token":"canary-token"}]',
        '["wsmon-2","wsmon-2","room:a","phx_join",{"token":"canary-token"}]',
    ]
    assert names == [
        "subscription.subscribe.started",
        "subscription.subscribe.completed",
        "error.occurred",
        "subscription.lost",
        "subscription.subscribe.started",
        "subscription.subscribe.completed",
        "subscription.restored",
        "error.handled",
    ]
    assert "canary" not in sink.text()


async def test_topics_are_asked_for_again_after_a_reconnect() -> None:
    sessions: list[int] = []

    def reply(_text: str, say: Say) -> None:
        sessions.append(1)
        say('{"type":"subscribed","channel":"trades"}')
        if len(sessions) == 1:
            say(HANG_UP)

    peer = Peer(reply)
    async with against(peer, ping=QUIET, protocol="json", subscribe=texts("trades"), reconnect=SOON_AGAIN) as engine:
        restored = await engine.sink.wait("subscription.restored")
    assert peer.heard[:2] == [['{"type":"subscribe","channel":"trades"}']] * 2
    assert restored.topic == "trades"
    assert engine.sink.named("subscription.lost") == []


async def test_a_login_that_the_upgrade_refuses_failed() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async with against(refuse, headers=(("Authorization", Sensitive("Bearer canary", "Bearer [FILTERED]")),)) as engine:
        failed = await engine.sink.wait("auth.failed")
    assert (failed.status, failed.reason, failed.error_type) == (403, "HTTP 403", "upgrade_refused")
    async with against(refuse) as engine:
        await engine.ended()
    assert engine.sink.named("auth.failed") == []


async def test_a_close_code_of_the_protocol_has_its_meaning() -> None:
    async def forbid(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(8, (4403).to_bytes(2, "big") + b"Forbidden"))

    async with against(forbid, protocol="graphql-ws") as engine:
        ended = await engine.ended()
    assert meta_of(ended)["code_meaning"] == "forbidden: the server refused the connection"


@pytest.mark.parametrize("protocol", ["raw", "json", "auto"])
async def test_a_text_sent_by_hand_is_an_event_like_any_other_that_says_so(protocol: str) -> None:
    peer = Peer(lambda _text, say: say('{"type":"ok"}'))
    async with against(peer, ping=QUIET, protocol=protocol, allow_send=True, send=texts("hello")) as engine:
        await engine.sink.wait("message.received")
        engine.supervisor.send("feed", '{"password":"hunter2","to":"${secret:HOME}"}')
        await engine.sink.wait("message.received", 2)
        said = engine.sink.named("message.sent")
    assert peer.heard[0] == ["hello", '{"password":"hunter2","to":"${secret:HOME}"}']
    assert [(event.payload, event.redacted, (event.meta or {}).get("by")) for event in said] == [
        (b"hello", False, None),
        (b'{"password":"[FILTERED]","to":"${secret:[FILTERED]}"}', True, "hand"),
    ]


async def test_sending_by_hand_is_refused_where_it_is_not_allowed_or_cannot_be() -> None:
    refused = []
    async with against(Peer(lambda _text, _say: None), ping=QUIET, protocol="raw") as engine:
        await engine.sink.wait("connection.completed")
        for name, text in (("feed", "x"), ("other", "x")):
            with pytest.raises(WsmonError) as caught:
                engine.supervisor.send(name, text)
            refused.append(str(caught.value))
    async with against(Peer(lambda _text, _say: None), ping=QUIET, allow_send=True) as engine:
        await engine.sink.wait("connection.completed")
        for text in ("", "x"):
            if text:
                engine.supervisor.disable("feed")
            with pytest.raises(WsmonError) as caught:
                engine.supervisor.send("feed", text)
            refused.append(str(caught.value))
    assert refused == [
        "manual sending is disabled for feed. set allow_send = true on the connection",
        "no connection named 'other'. connections: feed",
        "no text to send",
        "not sent to feed: it is not open",
    ]
