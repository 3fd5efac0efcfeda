"""Prosody and Faye: what wsmon only names agrees with what the servers saw; their refusals are events."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

from tests.support.brokers import PASSWORD, prosody
from tests.support.engines import running, spec
from tests.support.node_peers import RealPeers
from wsmon.model.redact.masking import Sensitive

FRAMING = 'xmlns="urn:ietf:params:xml:ns:xmpp-framing"'
OPEN = f'<open {FRAMING} to="localhost" version="1.0"/>'


def login(password: str) -> str:
    """A login of SASL PLAIN."""
    text = base64.b64encode(f"\0alice\0{password}".encode()).decode()
    return f'<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">{text}</auth>'


async def test_what_is_recorded_of_xmpp_agrees_with_the_log_of_prosody(tmp_path: Path) -> None:
    bind = '<iq xmlns="jabber:client" type="set" id="b1"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>'
    said = (OPEN, login("wrong"), login(PASSWORD), OPEN, bind, f"<close {FRAMING}/>")
    async with prosody(tmp_path) as server:
        made = spec(
            server.port,
            url="ws://127.0.0.1:PORT/xmpp-websocket",
            protocol="auto",
            subprotocols=(Sensitive("xmpp"),),
            headers=(("Host", Sensitive("localhost")),),
            send=tuple(map(Sensitive, said)),
        )
        async with running(made) as engine:
            sink = engine.sink
            ended = await engine.ended()
            received = [one.type for one in sink.named("message.received")]
            traced = [re.search(r"Sending\[\w+\]: <([\w:]+)", line) for line in server.lines("Sending[")]
            assert received == [found[1] for found in traced if found]
            assert [one.type for one in sink.named("message.sent")] == ["open", "auth", "auth", "open", "iq", "close"]
            (failed,) = sink.named("auth.failed")
            assert failed.error.startswith("not authorized: Unable to authorize you")
            assert (await sink.wait("connection.completed")).meta["protocol"] == "xmpp"  # type: ignore[index]  # it has one
            assert (ended.close_code, ended.close_by) == (1000, "peer")
            assert base64.b64encode(f"\0alice\0{PASSWORD}".encode()).decode() not in sink.text()
            assert not sink.named("error.occurred")


async def test_what_is_recorded_of_bayeux_agrees_with_what_faye_saw(real_peers: RealPeers) -> None:
    server = await real_peers.start("bayeux")
    handshake = {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["websocket"]}
    said = (json.dumps([{**handshake, "ext": {"word": "wrong"}}]), json.dumps([handshake]))
    made = spec(server.port, url="ws://127.0.0.1:PORT/faye", protocol="auto", send=tuple(map(Sensitive, said)))
    async with running(made) as engine:
        sink = engine.sink
        refused = await sink.wait("auth.failed")
        await sink.wait("message.received", 2)
        await server.until("message", 2)
        assert (refused.type, refused.error) == ("/meta/handshake", "403::Wrong word")
        assert [one.type for one in sink.named("connection.protocol")] == ["bayeux"]
        assert [one.type for one in sink.named("message.received")] == server.values("message", "channel")
        assert not sink.named("error.occurred")
