"""One session against peers that say exactly the bytes of the test: frames, ends, and what is told of them."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest

from tests.support.engines import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    SOON_S,
    TEXT,
    Handler,
    accept,
    accepting,
    against,
    close_frame,
    frame,
    hang_up_when_closed,
    header,
    meta_of,
    read_frame,
    running,
    spec,
)
from wsmon.config.specs import CaptureSpec, PingSpec, ProtocolName
from wsmon.model.ends import why
from wsmon.model.events import Event
from wsmon.model.profiles import ProfileName
from wsmon.model.redact.masking import MASK, Sensitive

SECRET = "s3cr3t-canary-value"


def saying(*pieces: bytes) -> Handler:
    """A peer that accepts, says this, and keeps the connection until the other side has hung up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        for piece in pieces:
            writer.write(piece)
        await hang_up_when_closed(reader, writer)

    return handle


def closing(*pieces: bytes) -> Handler:
    """A peer that accepts, says this, waits for one frame (the answer to a close) and hangs up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        for piece in pieces:
            writer.write(piece)
        await read_frame(reader)

    return handle


def brief(event: Event) -> tuple[object, ...]:
    """What a message or heartbeat says."""
    return (event.name, event.direction, event.opcode, event.size, event.wire_size, event.payload, event.meta)


def end(event: Event) -> tuple[object, ...]:
    """Who ended a session, and how."""
    return (event.close_code, event.close_by, event.reason, event.error_type, event.to_status)


async def test_a_session_from_dial_to_end() -> None:
    async with against(
        closing(frame(TEXT, "grüß".encode()), close_frame(4001, "bye")), url="ws://127.0.0.1:PORT/feed"
    ) as engine:
        ended = await engine.ended()

        sink = engine.sink
        assert sink.names()[:6] == [
            "connection.started",
            "connection.open",
            "connection.completed",
            "message.received",
            "connection.disconnected",
            "connection.reconnect.attempt",
        ]
        assert sink.path() == ["connecting", "connected", "websocket_connected", "disconnected", "reconnecting"]
        assert sink.events[0].meta == {"attempt": 1, "url": f"ws://127.0.0.1:{engine.port}/feed"}
        assert meta_of(sink.events[1])["peer"] == f"127.0.0.1:{engine.port}"
        assert end(ended) == (4001, "peer", "bye", "", "disconnected")
        assert {key: meta_of(ended)[key] for key in ("received", "sent", "first", "open", "attempt")} == {
            "received": {"code": 4001, "reason": "bye"},
            "sent": {"code": 4001, "reason": "bye"},
            "first": "received",
            "open": True,
            "attempt": 1,
        }


async def test_all_events_of_a_session_share_its_ids_and_those_between_have_no_session() -> None:
    async with against(closing(frame(TEXT, b"x"), close_frame(1000)), group="g", trace_id="my-trace") as engine:
        await engine.sink.wait("connection.reconnect.attempt")
        *session, between = engine.sink.events
        assert {(event.source.connection, event.source.group, event.source.trace_id) for event in session} == {
            ("feed", "g", "my-trace")
        }
        assert len({event.source.connection_id for event in session}) == 1
        assert len(session[0].source.connection_id) == 16
        assert between.source.connection_id == ""


async def test_times_never_step_back_within_a_session() -> None:
    async with against(closing(frame(PING, b"1") + frame(TEXT, b"x") * 3 + close_frame(1000))) as engine:
        await engine.ended()
        times = [event.mono_ns for event in engine.sink.events if event.source.connection_id]
        assert times == sorted(times)


async def test_messages_are_told_as_they_came() -> None:
    pieces = (
        frame(TEXT, b"plain"),
        frame(BINARY, b"\x00\xff"),
        frame(TEXT, b""),
        frame(TEXT, "ü".encode()[:1], is_last=False) + frame(PING, b"!") + frame(0, "ü".encode()[1:]),
        frame(TEXT, b"y" * 70_000),
        close_frame(1000),
    )
    async with against(closing(*pieces), capture=CaptureSpec(payload_limit_bytes=100_000)) as engine:
        await engine.ended()
        assert [brief(event) for event in engine.sink.named("message.received")] == [
            ("message.received", "in", "text", 5, 7, b"plain", None),
            ("message.received", "in", "binary", 2, 4, b"\x00\xff", None),
            ("message.received", "in", "text", 0, 2, b"", None),
            ("message.received", "in", "text", 2, 6, "ü".encode(), {"fragments": 2}),
            ("message.received", "in", "text", 70_000, 70_010, b"y" * 70_000, None),
        ]


async def test_a_ping_is_answered_once_and_told_before_its_answer() -> None:
    answers: list[tuple[int, bytes]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(PING, b"you there?") + frame(TEXT, b"after"))
        answers.append(await read_frame(reader))
        writer.write(close_frame(1000))
        answers.append(await read_frame(reader))

    async with against(handle) as engine:
        await engine.ended()
        assert answers == [(PONG, b"you there?"), (CLOSE, b"\x03\xe8")]
        told = [event for event in engine.sink.events if event.size is not None]
        assert [brief(event) for event in told] == [
            ("heartbeat.received", "in", "ping", 10, 12, b"you there?", None),
            ("heartbeat.responded", "out", "pong", 10, 16, b"you there?", None),
            ("message.received", "in", "text", 5, 7, b"after", None),
        ]


async def test_a_pong_that_nobody_asked_for_is_told_as_such() -> None:
    async with against(closing(frame(PONG, b"hello"), close_frame(1000))) as engine:
        await engine.ended()
        assert [(e.name, e.opcode, e.duration_ns) for e in engine.sink.events if e.size is not None] == [
            ("heartbeat.received", "pong", None)
        ]


async def test_only_the_pong_with_our_payload_answers_our_ping() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        opcode, payload = await read_frame(reader)
        assert opcode == PING
        writer.write(frame(PONG, b"stray") + frame(PONG, payload))
        await hang_up_when_closed(reader, writer)

    async with against(handle, ping=PingSpec(0.01, SOON_S)) as engine:
        answer = await engine.sink.wait("heartbeat.responded")
        sent = engine.sink.named("heartbeat.sent")[0]
        stray = engine.sink.named("heartbeat.received")[0]
        assert (stray.payload, stray.duration_ns) == (b"stray", None)
        assert (answer.payload, answer.direction, answer.opcode) == (sent.payload, "in", "pong")
        assert answer.duration_ns is not None
        assert 0 < answer.duration_ns < SOON_S * 1e9


async def test_a_missing_pong_ends_the_session_by_our_heartbeat() -> None:
    closes: list[tuple[int, bytes]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        assert (await read_frame(reader))[0] == PING
        closes.append(await read_frame(reader))

    async with against(handle, ping=PingSpec(0.01, 0.05)) as engine:
        ended = await engine.ended()
        timeout = engine.sink.named("heartbeat.timeout")[0]
        assert closes == [(CLOSE, (1011).to_bytes(2, "big") + b"keepalive ping timeout")]
        assert (timeout.size, timeout.duration_ns, timeout.error_type) == (0, 50_000_000, "heartbeat_timeout")
        assert end(ended) == (1011, "heartbeat", "keepalive ping timeout", "heartbeat_timeout", "disconnected")
        assert why(ended) == "closed by wsmon: no pong for 0.05 s"
        assert "received" not in meta_of(ended)


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [
        (1000, "", (1000, "peer", "", "", "disconnected")),
        (1001, "restarting", (1001, "peer", "restarting", "", "disconnected")),
        (1012, "restart", (1012, "peer", "restart", "", "disconnected")),
        (3000, "", (3000, "peer", "", "", "disconnected")),
        (4999, "[/b]\x1b[31m", (4999, "peer", "[/b]\x1b[31m", "", "disconnected")),
        (None, "", (1005, "peer", "", "", "disconnected")),
    ],
)
async def test_code_and_reason_of_the_peer(code: int | None, reason: str, told: tuple[object, ...]) -> None:
    async with against(closing(close_frame(code, reason))) as engine:
        assert end(await engine.ended()) == told


async def test_no_close_frame_has_no_code() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await writer.drain()

    async with against(handle) as engine:
        ended = await engine.ended()
        assert end(ended) == (None, "network", "", "eof", "disconnected")
        assert why(ended) == "no close frame: connection lost (1006)"
        assert not {"received", "sent", "first"} & set(meta_of(ended))


async def test_a_reset_is_told_apart_from_an_end_of_stream() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await read_frame(reader)
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with against(handle, send=(Sensitive("x"),)) as engine:
        assert end(await engine.ended()) == (None, "network", "", "reset", "disconnected")


@pytest.mark.parametrize(
    ("pieces", "code", "kind"),
    [
        ((frame(TEXT, b"\xff\xfe"),), 1007, "invalid_utf8"),
        ((frame(TEXT, b"a\xc3", is_last=False), frame(0, b"(")), 1007, "invalid_utf8"),
        ((frame(TEXT, b"x" * 2001),), 1009, "message_too_big"),
        ((frame(TEXT, b"x" * 1500, is_last=False), frame(0, b"x" * 501)), 1009, "message_too_big"),
        ((frame(TEXT, b"", is_last=False) + frame(0, b"", is_last=False) * 5000,), 1009, "message_too_big"),
        ((frame(3, b""),), 1002, "protocol"),
        ((frame(0, b"continues nothing"),), 1002, "protocol"),
        ((frame(TEXT, b"x", reserved=0b100),), 1002, "protocol"),
    ],
)
async def test_a_peer_that_breaks_a_rule(pieces: tuple[bytes, ...], code: int, kind: str) -> None:
    async with against(closing(frame(TEXT, b"fine"), *pieces), max_message_bytes=2000) as engine:
        ended = await engine.ended()
        fault = engine.sink.named("error.occurred")[0]
        assert (ended.close_code, ended.close_by, ended.error_type) == (code, "us", kind)
        assert (fault.error_type, fault.error) == (kind, ended.error)
        assert len(engine.sink.named("error.occurred")) == 1
        assert [event.payload for event in engine.sink.named("message.received")] == [b"fine"]
        assert meta_of(ended)["first"] == "sent"


async def test_a_peer_that_closes_and_does_not_hang_up_is_cut_off() -> None:
    async with against(saying(close_frame(1000, "but I stay"))) as engine:
        assert end(await engine.ended()) == (1000, "peer", "but I stay", "", "disconnected")


async def test_texts_are_sent_in_order_when_usable_and_told() -> None:
    got: list[tuple[int, bytes]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        got.extend([await read_frame(reader), await read_frame(reader)])
        writer.write(close_frame(1000))
        await read_frame(reader)

    async with against(handle, send=(Sensitive("first"), Sensitive("zweitens ü"))) as engine:
        await engine.ended()
        last = engine.sink.named("message.sent")[1]
        assert brief(last) == (
            "message.sent",
            "out",
            "text",
            11,
            17,
            "zweitens ü".encode(),
            None,
        )
        assert got == [(TEXT, b"first"), (TEXT, "zweitens ü".encode())]
        names = engine.sink.names()
        assert names.index("message.sent") > names.index("connection.completed")


async def test_texts_go_out_before_a_close_that_came_with_the_upgrade_is_read() -> None:
    async with against(closing(close_frame(1013, "full")), send=(Sensitive("one"), Sensitive("two"))) as engine:
        ended = await engine.ended()
        assert (ended.close_code, ended.close_by) == (1013, "peer")
        assert [event.payload for event in engine.sink.named("message.sent")] == [b"one", b"two"]


async def test_request_is_as_configured() -> None:
    heads: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await accept(reader, writer, "Sec-WebSocket-Protocol: v1.feed"))
        await hang_up_when_closed(reader, writer)

    wanted: dict[str, Any] = {
        "headers": (("X-Tenant", Sensitive("acme")), ("Host", Sensitive("virtual.test"))),
        "subprotocols": (Sensitive("v2.feed"), Sensitive("v1.feed")),
        "origin": Sensitive("https://app.test"),
        "compression": True,
        "url": "ws://127.0.0.1:PORT/p?q=1",
    }
    async with against(handle, **wanted) as engine:
        completed = await engine.sink.wait("connection.completed")
        names = ("Host", "X-Tenant", "Origin", "Sec-WebSocket-Protocol", "User-Agent")
        assert heads[0].startswith("GET /p?q=1 HTTP/1.1\r\n")
        assert [header(heads[0], name) for name in names] == [
            "virtual.test",
            "acme",
            "https://app.test",
            "v2.feed, v1.feed",
            "wsmon/0.1.0",
        ]
        assert header(heads[0], "Sec-WebSocket-Extensions").startswith("permessage-deflate")
        assert (completed.status, meta_of(completed)["subprotocol"], meta_of(completed)["extensions"]) == (
            101,
            "v1.feed",
            [],
        )
        assert ["X-Tenant", "acme"] in meta_of(completed)["request_headers"]
        assert ["Sec-WebSocket-Protocol", "v1.feed"] in meta_of(completed)["response_headers"]


async def test_frames_right_behind_the_answer_come_after_completed() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(TEXT, b"at once") + close_frame(1000))
        await read_frame(reader)

    async with against(handle) as engine:
        await engine.ended()
        names = engine.sink.names()
        assert names.index("connection.completed") < names.index("message.received")


async def test_no_secret_reaches_the_sink() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, f"X-Echo: {SECRET}", f"Set-Cookie: sid={SECRET}")
        writer.write(frame(TEXT, f'{{"note":"{SECRET}"}}'.encode()) + frame(PING, SECRET.encode()))
        writer.write(close_frame(4000, f"bad token {SECRET}"))
        await read_frame(reader)
        await read_frame(reader)

    url = Sensitive(f"ws://user:{SECRET}@127.0.0.1:PORT/?k={SECRET}", f"ws://user:{MASK}@127.0.0.1:PORT/?k={MASK}")
    headers = (("Authorization", Sensitive(f"Bearer {SECRET}", f"Bearer {MASK}")),)
    send = (Sensitive(f'{{"token":"{SECRET}"}}', f'{{"token":"{MASK}"}}'),)
    async with against(handle, secrets=(SECRET,), url=url, headers=headers, send=send) as engine:
        ended = await engine.ended()
        assert ended.reason == f"bad token {MASK}"
        message = engine.sink.named("message.received")[0]
        assert (message.payload, message.redacted, message.size) == (f'{{"note":"{MASK}"}}'.encode(), True, 30)
        assert SECRET not in engine.sink.text()


@pytest.mark.parametrize(
    ("payload", "kept"),
    [(b"12345678", b"12345678"), (b"123456789", b"12345678"), ("1234567ü".encode(), b"1234567")],
)
async def test_payloads_are_cut_to_the_limit_between_characters(payload: bytes, kept: bytes) -> None:
    capture = CaptureSpec(payload_limit_bytes=8)
    async with against(closing(frame(TEXT, payload), close_frame(1000)), capture=capture) as engine:
        await engine.ended()
        message = engine.sink.named("message.received")[0]
        assert (message.payload, message.truncated, message.size) == (kept, kept != payload, len(payload))


async def test_capture_leaves_out_payloads_and_tells_all_control_frames_to_the_counters() -> None:
    capture = CaptureSpec(payloads=False, control_frames=False)
    async with against(
        closing(frame(PING, b"p"), frame(TEXT, b"secret"), close_frame(1000)), capture=capture
    ) as engine:
        await engine.ended()
        assert [brief(event) for event in engine.sink.events if event.size is not None] == [
            ("heartbeat.received", "in", "ping", 1, 3, None, None),
            ("heartbeat.responded", "out", "pong", 1, 7, None, None),
            ("message.received", "in", "text", 6, 8, None, None),
        ]


@pytest.mark.parametrize(("profile", "kept"), [("detailed", b'{"a":1}'), ("standard", None), ("lightweight", None)])
@pytest.mark.parametrize("protocol", ["raw", "json"])
async def test_no_payload_is_kept_of_messages_that_become_no_row(
    profile: ProfileName, kept: bytes | None, protocol: ProtocolName
) -> None:
    answer = closing(frame(TEXT, b'{"a":1}'), close_frame(1000))
    async with against(answer, profile=profile, protocol=protocol) as engine:
        await engine.ended()
        assert [(event.size, event.payload) for event in engine.sink.named("message.received")] == [(7, kept)]


@pytest.mark.parametrize(("profile", "shown"), [("standard", "[FILTERED]"), ("financial", "ada@example.org")])
async def test_personal_headers_are_shown_in_financial_only_and_credentials_never(
    profile: ProfileName, shown: str
) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, "X-User-Email: ada@example.org", "X-Api-Key: k-1234567", "X-Region: eu")

    async with against(handle, profile=profile) as engine:
        headers = dict(meta_of(await engine.sink.wait("connection.completed"))["response_headers"])
        assert [headers[name] for name in ("X-User-Email", "X-Api-Key", "X-Region")] == [shown, "[FILTERED]", "eu"]


async def test_a_mistake_of_ours_ends_the_session_as_internal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LookupError("a mistake")

    monkeypatch.setattr("wsmon.engine.frames.FramePath.on_ping", fail)
    async with against(saying(frame(PING, b"x"))) as engine:
        ended = await engine.ended()
        assert end(ended) == (None, "us", "", "internal", "disconnected")
        assert ended.error.startswith("internal error: LookupError: a mistake (")


async def test_a_close_frame_that_came_before_a_write_failed_says_why_the_server_closed() -> None:
    """A server that closes with unread bytes resets; asyncio would drop the close frame that lies in our socket."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        port = listening.getsockname()[1]
        async with running(spec(port, ping=PingSpec(SOON_S, SOON_S), allow_send=True)) as engine:
            server, _ = await loop.sock_accept(listening)
            request = await loop.sock_recv(server, 65_536)
            await loop.sock_sendall(server, accepting(request.decode()))
            await engine.sink.wait("connection.completed")
            engine.supervisor.send("feed", "never read")
            # In one turn of the loop: close frame and reset arrive, and a write comes before they are read
            server.send(frame(TEXT, b"last words") + close_frame(1013, "try later"))
            server.close()
            engine.supervisor.send("feed", "too late")
            ended = await engine.ended()
            assert [event.payload for event in engine.sink.named("message.received")] == [b"last words"]
    assert end(ended) == (1013, "peer", "try later", "", "disconnected")
