"""How real servers and proxies end connections: their bytes replayed on loopback, and the verdict on each.

Versions and ends as seen on loopback with a plain client: Uvicorn 0.54, Hypercorn 0.18, Daphne 4.2.3, Granian 2.8.9,
Sanic 25.12, aiohttp 3.14, Tornado 6.6, flask-sock 0.7 on gunicorn 27, autobahn 26.10, websockets 17.4, Socket.IO 4.8.4,
python-socketio 5.18, Deno 2.9, Bun 1.4, nats-server 2.9, mosquitto 2.0, graphql-ws 6.4, nchan 1.3, Janus 1.1, Prosody
0.12, SockJS 0.3.24, SocketCluster 20, nginx 1.22, HAProxy 2.6, Varnish 7.1, lighttpd 1.4, h2o 2.2, stunnel 5.68,
Apache 2.4, Caddy 2.6, mitmproxy 11.0.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import pytest

from tests.support.engines import BINARY, CLOSE, PING, TEXT, Handler, accept, against, close_frame, frame, read_frame
from tests.support.verdicts import VerdictHarness
from wsmon.config.specs import ProtocolName
from wsmon.model.events import Event, Verdict
from wsmon.model.redact.masking import Sensitive

FIN = b"FIN"
RST = b"RST"
DEPLOY = "deploy"
# What a verdict on an end that has many causes must not claim as the only one
CERTAIN = ("internal server error;", "considers the session finished, ", "nothing is wrong")


class Row(NamedTuple):
    """One way in which a program ends a connection."""

    program: str
    occasion: str
    pieces: Sequence[bytes]
    """What it sends after the upgrade; the last may be FIN or RST."""
    by: str
    code: str
    words: Sequence[str]
    """Parts of cause or next step that the verdict has."""
    never: Sequence[str] = ()
    """Parts that would contradict the row."""
    server: str = ""
    """``Server`` header of its answer."""


def silent(program: str, occasion: str, *words: str, server: str = "") -> Row:
    """A row of a program that ends TCP without a close frame."""
    return Row(program, occasion, (FIN,), "network", "no close frame", words or (DEPLOY,), ("firewall",), server)


# HTTP responses inside the upgraded stream
OF_FLASK = (
    b"HTTP/1.1 500 INTERNAL SERVER ERROR\r\nServer: gunicorn\r\nConnection: close\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nContent-Length: 265\r\n\r\n<!doctype html>\n<html lang=en>\n"
    b"<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>\n<p>The server encountered an "
    b"internal error and was unable to complete your request. Either the server is overloaded or there is an error in "
    b"the application.</p>\n"
)
OF_ENGINE_IO = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\nContent-Length: 28\r\n\r\n"
    b"Unsupported protocol version"
)


def too_big(program: str, server: str = "") -> Row:
    """A row of a program that says so with the code for it."""
    words = ("client is larger",)
    return Row(program, "too big", (close_frame(1009),), "peer", "1009 message too big", words, (), server)


ROWS = (
    silent("uvicorn", "application fails or returns", "Uvicorn", "when the application fails", server="uvicorn"),
    Row("uvicorn", "deploy", (close_frame(1012),), "peer", "1012 service restart", (DEPLOY,), (), "uvicorn"),
    Row("uvicorn", "no pong", (close_frame(1011, "keepalive ping timeout"),), "peer", "1011 internal error",
        ("wsmon did not answer the server's heartbeat in time",), ("internal server error", DEPLOY), "uvicorn"),
    Row("uvicorn", "too big", (close_frame(1009),), "peer", "1009 message too big", ("client is larger",)),
    Row("hypercorn", "application fails, returns, or a deploy", (close_frame(1011),), "peer", "1011 internal error",
        ("Hypercorn", DEPLOY, "when the application fails or returns"), (), "hypercorn-h11"),
    too_big("hypercorn", "hypercorn-h11"),
    Row("hypercorn", "without its header", (close_frame(1011),), "peer", "1011 internal error",
        ("at every stop or deploy (Hypercorn)", "missed pong"), ("certainly",)),
    Row("daphne", "application fails", (close_frame(1011), RST), "peer", "1011 internal error",
        ("internal server error", "when the application fails"), (), "daphne"),
    silent("daphne", "deploy, too big", "Daphne", DEPLOY, "too big", server="daphne"),
    Row("daphne", "no pong", (RST,), "network", "no close frame", ("when a pong is missing",), (), "daphne"),
    Row("daphne", "websocket_timeout", (close_frame(1000),), "peer", "1000 normal closure",
        ("limit on connection lifetime",), (), "daphne"),
    Row("granian", "application fails", (close_frame(None),), "peer", "1005 no code given",
        ("when the application fails",), (), "granian"),
    Row("granian", "too big", (close_frame(None),), "peer", "1005 no code given", ("a message that is too big",), (),
        "granian"),
    silent("granian", "deploy", "Granian", DEPLOY, server="granian"),
    Row("sanic", "application fails, deploy", (close_frame(1000),), "peer", "1000 normal closure",
        ("application error", DEPLOY, "Sanic")),
    Row("sanic", "no pong", (close_frame(1011),), "peer", "1011 internal error", ("missed pong",)),
    too_big("sanic"),
    silent("aiohttp", "application fails, deploy, no pong", "aiohttp", DEPLOY, "application fails", "pong is missing",
           server="Python/3.11 aiohttp/3.14.5"),
    too_big("aiohttp", "Python/3.11 aiohttp/3.14.5"),
    silent("tornado", "application fails, deploy", "Tornado", DEPLOY, server="TornadoServer/6.6.1"),
    Row("tornado", "no pong", (close_frame(1000, "ping timed out"),), "peer", "1000 normal closure",
        ("wsmon did not answer the server's heartbeat in time",), ("considers the session finished",),
        "TornadoServer/6.6.1"),
    too_big("tornado", "TornadoServer/6.6.1"),
    Row("flask-sock on gunicorn", "application fails", (
        OF_FLASK, FIN,
    ), "us", "1002 protocol error, sent by wsmon",
        ("after the upgrade the server sent HTTP/1.1 500 INTERNAL SERVER ERROR", "The server encountered an internal",
         "likely the application failed"), ("reserved bits", "proxies"), "gunicorn"),
    too_big("flask-sock on gunicorn", "gunicorn"),
    silent("flask-sock on gunicorn", "deploy", DEPLOY, server="gunicorn"),
    Row("flask-sock", "no pong", (close_frame(1008, "Ping/Pong timeout"),), "peer", "1008 policy violation",
        ("wsmon did not answer the server's heartbeat in time",), ("credentials",)),
    silent("autobahn", "application fails, deploy, no pong", "autobahn", DEPLOY, server="AutobahnPython/26.10.2"),
    Row("autobahn", "too big", (RST,), "network", "no close frame", ("too big",), (), "AutobahnPython/26.10.2"),
    Row("autobahn", "too big, without its header", (RST,), "network", "no close frame", ("too big (autobahn, Deno)",)),
    Row("deno", "too big", (RST,), "network", "no close frame", ("too big (autobahn, Deno)",)),
    Row("socket.io", "too big", (close_frame(1009),), "peer", "1009 message too big", ("larger than the server",)),
    Row("websockets", "application fails, no pong", (close_frame(1011),), "peer", "1011 internal error",
        ("missed pong",), (), "Python/3.11 websockets/17.4"),
    too_big("websockets", "Python/3.11 websockets/17.4"),
    Row("websockets", "deploy", (close_frame(1001),), "peer", "1001 going away", (DEPLOY,), (),
        "Python/3.11 websockets/17.4"),
    Row("socket.io", "deploy, no pong", (close_frame(None),), "peer", "1005 no code given",
        (DEPLOY, "missed pong (Socket.IO)")),
    Row("python-socketio", "no pong, too big", (close_frame(1000),), "peer", "1000 normal closure",
        ("missed pong", "too big", "python-socketio")),
    silent("deno", "application fails: the process ends", "a killed process looks the same"),
    Row("deno", "deploy", (close_frame(1001),), "peer", "1001 going away", (DEPLOY,)),
    Row("deno", "no pong", (close_frame(1001, "No response from ping frame."), RST), "peer", "1001 going away",
        ("wsmon did not answer the server's heartbeat in time",), ("shutting down",)),
    Row("bun", "deploy", (close_frame(1001, "Server closed"),), "peer", "1001 going away", ("restarting",)),
    silent("bun", "no pong", "a missed pong"),
    too_big("bun"),
    Row("nats", "deploy", (close_frame(1001, "Server Shutdown"),), "peer", "1001 going away", ("restarting",)),
    Row("nats", "no pong", (close_frame(1006, "Stale Connection"),), "us", "1002 protocol error, sent by wsmon",
        ("“Stale Connection”", "considered the connection dead"), ()),
    too_big("nats"),
    silent("mosquitto", "deploy, no pong, or a client id that is taken over"),
    Row("graphql-ws", "deploy", (close_frame(1001),), "peer", "1001 going away", (DEPLOY,)),
    silent("graphql-ws", "no pong", "a missed pong"),
    Row("graphql-ws", "connection_init twice", (close_frame(4429, "Too many initialisation requests"),), "peer",
        "4429 application-defined", ("connection_init was sent twice", "send connection_init once"), ("limit",)),
    Row("nchan", "no pong, or idle", (close_frame(1000, "408 408 Request Timeout"),), "peer", "1000 normal closure",
        ("waited too long for a pong, or for anything to be sent",), ("considers the session finished",)),
    Row("nchan", "deleted channel", (close_frame(1001, "410 Gone"),), "peer", "1001 going away", ("was deleted",),
        ("shutting down",)),
    silent("janus", "deploy, idle"),
    Row("prosody", "stream error", (
        frame(TEXT, b"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"),
        frame(TEXT, b"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"), close_frame(1000, "Stream closed"),
    ), "peer", "1000 normal closure", ("last message from the peer: “<", "stream"),
        ("considers the session finished",)),
    silent("prosody", "deploy"),
    Row("sockjs", "closed by the application", (
        frame(TEXT, b'c[4321,"kicked by app"]'), close_frame(1000, "Normal closure"),
    ), "peer", "4321 application-defined",
        ("“kicked by app”, 4321, closed by peer in a message; the close frame has 1000", "deliberately"),
        ("considers the session finished",)),
    Row("engine.io", "asked for EIO=3", (
        OF_ENGINE_IO, FIN,
    ), "us", "1002 protocol error, sent by wsmon",
        ("after the upgrade the server sent HTTP/1.1 400 Bad Request; response body: “Unsupported protocol version”",
         "does not accept this version"),
        ("reserved bits", "proxies")),
    Row("socketcluster", "no pong", (close_frame(4001),), "peer", "4001 application-defined",
        ("the code is specific to the service",)),
    silent("nginx", "idle limit, stop, reset back end", "nginx", "idle limit", server="nginx/1.22.1"),
    silent("haproxy", "idle limit, stop, reset back end", "an idle limit"),
    silent("varnish", "idle limit, stop, reset back end", "Varnish", "idle limit", server="Varnish"),
    silent("lighttpd", "idle limit, stop, reset back end", "lighttpd", "idle limit", server="lighttpd/1.4.69"),
    silent("h2o", "idle limit, reset back end", "h2o", "idle limit", server="h2o/2.2.5"),
    silent("stunnel", "idle limit, reset back end", "an idle limit"),
    silent("apache", "idle limit, stop, reset back end", "Apache", "idle limit", server="Apache/2.4.71 (Unix)"),
    Row("caddy", "its own stop", (close_frame(1001),), "peer", "1001 going away", ("its own stop or reload",), (),
        "Caddy"),
    silent("caddy", "reset back end", "Caddy", "when its backend is gone", server="Caddy"),
    silent("mitmproxy", "stop"),
    Row("mitmproxy", "the server behind it crashes", (close_frame(1000),), "peer", "1000 normal closure",
        ("crash behind it (mitmproxy)",)),
)  # fmt: skip


def replaying(pieces: Sequence[bytes], server: str = "", pause_s: float = 0.0) -> Handler:
    """A peer that accepts, sends the pieces, and ends TCP: after the answer to its close frame, or as the last says."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, *([f"Server: {server}"] if server else []))
        await read_frame(reader)
        for piece in pieces:
            if piece is RST:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            elif piece is not FIN:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
        if FIN not in pieces and RST not in pieces:
            while (await read_frame(reader))[0] != CLOSE:
                pass

    return handle


async def judged(
    handler: Handler,
    sends: str = "hello",
    protocol: ProtocolName = "auto",
    *,
    answers: bool = False,
    later_s: float = 0.0,
) -> tuple[Verdict, Event]:
    """The verdict on a session against a peer, and its last event, as if it had ended that much later."""
    send = (Sensitive(sends),) if sends else ()
    async with against(handler, send=send, protocol=protocol, answer=answers) as engine:
        ended = await engine.ended()
        harness = VerdictHarness()
        events = [event for event in engine.sink.events if event is not ended]
        harness.judge(*events[: engine.sink.events.index(ended)])
        return harness.verdict(delayed(ended, later_s)), ended


def delayed(ended: Event, later_s: float) -> Event:
    """The end as if it had come that much later, if it follows a period of silence,."""
    ages = {
        key: value + later_s * 1000 if key in ("last_in_ms", "last_out_ms") and isinstance(value, float) else value
        for key, value in (ended.meta or {}).items()
    }
    return msgspec.structs.replace(ended, mono_ns=ended.mono_ns + round(later_s * 1e9), meta=ages)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.program}: {row.occasion}" for row in ROWS])
async def test_a_verdict_does_not_contradict_how_the_program_ends(row: Row) -> None:
    # An idle limit ends a connection on which nothing was sent for a while
    verdict, _ = await judged(replaying(row.pieces, row.server), later_s=10.0 if "idle limit" in row.occasion else 0.0)
    said = f"{verdict.cause}. {verdict.next}"
    assert (verdict.by, verdict.code) == (row.by, row.code)
    assert [word for word in row.words if word not in said] == []
    assert [word for word in (*row.never, *CERTAIN) if word in said] == []


@pytest.mark.parametrize(
    ("code", "reason", "words", "step"),
    [
        (
            4400,
            "Invalid message received",
            "the server could not process a message from the client (format or content)",
            "compare the last messages sent with the service documentation",
        ),
        (4401, "Unauthorized", "the server rejected the credentials", "check the credentials"),
        (4403, "Forbidden", "the server rejected the credentials", "check the credentials"),
        (
            4406,
            "Subprotocol not acceptable",
            "the server does not accept the offered subprotocol, or requires one",
            "set subprotocols to the one that the service documents",
        ),
        (4408, "Connection initialisation timeout", "“Connection initialisation timeout”", ""),
        (
            4409,
            "Subscriber for 1 already exists",
            "“subscriber for this id already exists”",
            "look up this reason and the code",
        ),
        (
            4400,
            "",
            "calls this “bad request”",
            "compare the last messages sent with the service documentation",
        ),
        (4401, "", "calls this “unauthorized: subscribed before the connection was acknowledged”", ""),
        (4403, "", "calls this “forbidden: the server refused the connection”", ""),
        (4408, "", "calls this “connection initialisation timeout”", ""),
        (4409, "", "calls this “subscriber for this id already exists”", "look up the code"),
    ],
)
async def test_graphql_ws_closes_with_codes_of_its_protocol(code: int, reason: str, words: str, step: str) -> None:
    verdict, _ = await judged(replaying((close_frame(code, reason),)), protocol="graphql-ws")
    assert (verdict.by, verdict.code.split()[0]) == ("peer", str(code))
    assert words in verdict.cause
    assert verdict.next.startswith(step)


async def test_socketcluster_pings_with_an_empty_text_before_it_gives_up() -> None:
    verdict, ended = await judged(replaying((frame(TEXT, b""), frame(TEXT, b""), close_frame(4001)), pause_s=0.02))
    assert (verdict.by, ended.close_code) == ("peer", 4001)
    assert "last words" not in verdict.cause
    assert "credentials" not in verdict.next


async def test_events_of_rpc_websockets_are_messages_of_json_rpc() -> None:
    tick = frame(TEXT, b'{"notification":"tick","params":[1,2]}')
    async with against(replaying((tick, tick, tick, FIN)), send=(Sensitive("hello"),)) as engine:
        ended = await engine.ended()
        received = engine.sink.named("message.received")
        assert {(event.type, event.error_type) for event in received[1:]} == {("tick", "")}
        assert (ended.close_by, ended.error_type) == ("network", "eof")


async def test_v8_a_close_frame_between_fragments_is_the_peers() -> None:
    begun = frame(TEXT, b"begun", is_last=False)
    verdict, ended = await judged(replaying((begun, close_frame(1001, "bye")), pause_s=0.02))
    assert (ended.close_by, ended.close_code, ended.reason, ended.error_type) == ("peer", 1001, "bye", "")
    assert (verdict.by, verdict.code) == ("peer", "1001 going away")
    assert verdict.cause.startswith("“bye”, 1001, closed by peer; ")


async def test_v8_a_message_in_too_many_fragments_is_not_too_large() -> None:
    pieces = [frame(TEXT, b"x" * 20, is_last=False), frame(0, b"x" * 20, is_last=False) * 4_999]
    verdict, ended = await judged(replaying((*pieces, FIN)))
    assert (ended.error_type, ended.close_by) == ("message_too_big", "us")
    assert verdict.cause == (
        "closed by wsmon with 1009: too many fragments in one message (limit 4,096); the server sent one message in "
        "more fragments than wsmon accepts"
    )
    assert "raise max_message" not in verdict.next


async def test_v8_a_reason_cut_inside_a_character_keeps_its_code() -> None:
    verdict, ended = await judged(replaying((frame(CLOSE, b"\x03\xf3bad \xc3"),)))
    assert (ended.close_by, ended.close_code, ended.reason, ended.error_type) == ("peer", 1011, "bad �", "")
    assert verdict.code == "1011 internal error"
    assert verdict.cause.startswith(
        "“bad �”, 1011, closed by peer (the reason is not valid UTF-8, � replaces the invalid bytes); "
        "internal server error"
    )
    assert ended.meta is not None
    assert (ended.meta["received"], ended.meta["first"]) == ({"code": 1011, "reason": "bad �"}, "received")


async def test_v7_a_forbidden_code_keeps_its_reason() -> None:
    verdict, ended = await judged(replaying((close_frame(1006, "Stale Connection"),)))
    assert ended.meta is not None
    assert ended.meta["received"] == {"code": 1006, "reason": "Stale Connection"}
    assert "it closed with 1006 “Stale Connection”, a code not allowed in a close frame" in verdict.cause


async def test_the_silence_before_a_close_frame_is_measured_without_it() -> None:
    _, ended = await judged(replaying((frame(TEXT, b"hi"), close_frame(1000)), pause_s=0.2))
    assert ended.meta is not None
    last_in_ms = ended.meta["last_in_ms"]
    assert isinstance(last_in_ms, float)
    assert last_in_ms > 150


BAD_TOKEN = b'{"type":"connection_error","payload":{"message":"Bad token"}}'
REFUSALS = {
    "home assistant": (
        b'{"type":"auth_invalid","message":"Invalid access token or password"}',
        1000,
        "check the token",
    ),
    "actioncable": (b'{"type":"disconnect","reason":"unauthorized","reconnect":false}', 1000, "check the credentials"),
    "stomp": (b"ERROR\nmessage:Bad CONNECT\n\nAccess refused for user 'guest'\n\0\n", None, "check the credentials"),
    "graphql": (BAD_TOKEN, 1011, "check the token"),
    "signalr": (b'{"error":"Requested protocol \'x\' is not available."}\x1e', 1000, "compare protocol version"),
    "xmpp": (b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>", 1000, "check the cred"),
    "plain": (b"Invalid key", None, "check the credentials"),
    "nats": (b"-ERR 'Authorization Violation'\r\n", None, "check the credentials"),
    "wamp": (
        b'[3,{"message":"no such realm"},"wamp.error.no_such_realm"]',
        1000,
        "look up this message in the service documentation, and check what was sent before it",
    ),
    "pusher": (
        b'{"event":"pusher:error","data":{"code":4001,"message":"App key x not in this cluster"}}',
        None,
        "look",
    ),
    "socket.io": (b'44{"message":"invalid token"}', None, "check the token"),
}


@pytest.mark.parametrize("protocol", ["auto", "raw"])
@pytest.mark.parametrize("name", REFUSALS)
async def test_v1_v2_the_last_words_of_the_peer_explain_the_end(name: str, protocol: ProtocolName) -> None:
    said, code, step = REFUSALS[name]
    end = FIN if code is None else close_frame(code)
    verdict, _ = await judged(replaying((frame(TEXT, said), end)), protocol=protocol)
    shown = said.decode().strip("\0\n\r\x1e").replace("\n", "⏎").replace("\0", "␀")
    assert f"; last message from the peer: “{shown}”, 0.0 s before; " in verdict.cause
    assert (verdict.evidence_text, verdict.next[: len(step)]) == (shown, step)
    assert not any(
        each in verdict.cause for each in ("considers the session finished", "load balancer", "internal server error")
    )


async def test_v1_unread_a_frame_of_sockjs_is_last_words() -> None:
    said = b'c[4321,"kicked by app"]'
    verdict, _ = await judged(replaying((frame(TEXT, said), close_frame(1000))), protocol="raw")
    assert '; last message from the peer: “c[4321,"kicked by app"]”, 0.0 s before; ' in verdict.cause
    assert verdict.next.startswith("ask the service ")


@pytest.mark.parametrize(
    ("packet", "words", "cause"),
    [
        (b"\x20\x02\x00\x05", "CONNACK: not authorized", "the server rejected the credentials"),
        (
            b"\x20\x02\x00\x00\xe0\x01\x81",
            "DISCONNECT: malformed packet",
            "the server could not process a message from the client (format or content)",
        ),
        (
            b"\x20\x02\x00\x00\xe0\x01\x8e",
            "DISCONNECT: session taken over",
            "a newer connection with the same identity",
        ),
    ],
)
async def test_v3_mqtt_says_why_in_its_last_packet(packet: bytes, words: str, cause: str) -> None:
    verdict, _ = await judged(replaying((frame(BINARY, packet), FIN)), "", "mqtt", answers=True)
    assert f"; last message from the peer: “{words}”, 0.0 s before; {cause}" in verdict.cause
    assert "ping.interval" not in verdict.next
    assert verdict.certainty == "stated"


@pytest.mark.parametrize(
    ("protocol", "said", "step"),
    [
        (
            "bayeux",
            '[{"channel":"/meta/handshake","successful":false,"error":"403::Authentication required"}]',
            "check the",
        ),
        ("bayeux", '[{"channel":"/meta/connect","successful":false,"error":"402::Session unknown"}]', "look up this"),
        ("centrifugo", '{"id":1,"error":{"code":109,"message":"token expired"}}', "renew the token"),
        ("centrifugo", '{"push":{"disconnect":{"code":3504,"reason":"connection limit"}}}', "look up this"),
        (
            "xmpp",
            "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            "no action",
        ),
    ],
)
async def test_what_a_protocol_that_is_only_named_refuses_explains_the_end(
    protocol: ProtocolName, said: str, step: str
) -> None:
    verdict, _ = await judged(replaying((frame(TEXT, said.encode()), close_frame(1000))), protocol=protocol)
    assert f": “{said}”, 0.0 s before; " in verdict.cause
    assert verdict.next.startswith(step)


async def test_wamp_in_messagepack_says_why_in_its_last_message() -> None:
    goodbye = msgspec.msgpack.encode([6, {}, "wamp.close.system_shutdown"])
    verdict, _ = await judged(replaying((frame(BINARY, goodbye), close_frame(1000))), protocol="wamp")
    assert "; last message from the peer: “GOODBYE: system shutdown”, 0.0 s before; " in verdict.cause
    assert (verdict.certainty, "restarting" in verdict.cause) == ("stated", True)


async def test_a_message_of_a_feed_is_no_last_word() -> None:
    feed = tuple(frame(TEXT, b'{"type":"trade","close":%d,"error":null}' % number) for number in range(9))
    verdict, _ = await judged(replaying((*feed, FIN)))
    assert "last words" not in verdict.cause


async def test_an_unknown_text_before_an_end_without_a_reason_is_quoted() -> None:
    verdict, _ = await judged(replaying((frame(TEXT, b"hasta la vista"), close_frame(1000))))
    assert verdict.cause.startswith(
        "closed by peer: 1000 normal closure; last message from the peer: “hasta la vista”, 0.0 s before; usually"
    )
    assert verdict.certainty == "inferred"


async def test_a_reason_comes_before_the_last_words() -> None:
    pieces = (frame(TEXT, b'{"error":"boom"}'), close_frame(1008, "token expired"))
    verdict, _ = await judged(replaying(pieces))
    assert verdict.cause == (
        '“token expired”, 1008, closed by peer; last message from the peer: “{"error":"boom"}”, 0.0 s before; '
        "a credential has expired or been revoked"
    )
    assert verdict.next == "renew the token and check when it expires"


@pytest.mark.parametrize(
    ("said", "protocol", "step"),
    [
        (b"2", "socketio", "set answer = true, so that wsmon answers it; a WebSocket pong does not count"),
        (b"PING", "raw", 'set answer = true, or heartbeat = { reply_to = "PING", answer = "PONG" }'),
    ],
)
async def test_a_heartbeat_of_the_server_that_was_not_answered(said: bytes, protocol: ProtocolName, step: str) -> None:
    hello = frame(TEXT, b'0{"sid":"x","pingInterval":25000,"pingTimeout":20000}')
    pieces = (hello, frame(TEXT, said), frame(PING), close_frame(None))
    verdict, _ = await judged(replaying(pieces, pause_s=0.02), protocol=protocol, later_s=20.0)
    assert "possibly a heartbeat of the server that wsmon did not answer" in verdict.cause
    assert (verdict.next, verdict.certainty) == (step, "inferred")


async def test_our_own_stop_leaves_nothing_unanswered() -> None:
    pings = [frame(TEXT, b'{"type":"ping","id":%d}' % number) for number in range(12)]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.writelines(pings)
        while (await read_frame(reader))[0] != CLOSE:
            pass
        writer.write(close_frame(1000))

    requests = tuple(Sensitive(f'{{"jsonrpc":"2.0","id":{number},"method":"buy"}}') for number in range(12))
    async with against(handle, protocol="jsonrpc", send=requests) as engine:
        await engine.sink.wait("message.sent", 12)
        await engine.sink.wait("message.received", 12)
    failures = {"heartbeat.failure", "heartbeat.timeout", "auth.failed", "error.occurred"}
    assert failures & {*engine.sink.names()} == set()
    abandoned = [event for event in engine.sink.named("message.process.completed") if event.status == "abandoned"]
    assert (len(abandoned), {event.error_type for event in abandoned}) == (12, {""})
