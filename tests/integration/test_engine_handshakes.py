"""Answers to an upgrade that real and hostile servers give, over real sockets: opened, or named for what they are."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import zlib
from collections.abc import Callable

import pytest

from tests.support.engines import (
    SOON_AGAIN,
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
    read_head,
)
from tests.support.verdicts import alone
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive

Answer = Callable[[str], bytes]

# Longer than the dial of any test may take: a refusal that waits for it fails the test
NEVER_S = 60.0


def saying(answer: bytes) -> Handler:
    """A peer that answers the upgrade with these bytes and never hangs up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(answer)
        await writer.drain()
        await reader.read()

    return handle


def opening(answer: Answer) -> Handler:
    """A peer whose answer opens the connection, with a message right behind it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(await read_head(reader)) + frame(TEXT, b"hello"))
        await hang_up_when_closed(reader, writer)

    return handle


def facts(event: Event) -> tuple[object, ...]:
    return event.close_by, event.error_type, event.status


# H1: an answer is named as soon as its head is there


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=x\r\n\r\n", 401, None),
        (b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=x\r\n\r\n{}", 401, "{}"),
        (b"HTTP/1.1 403 Forbidden\r\nWWW-Authenticate: Bearer realm=x\r\nContent-Length: 99\r\n\r\nno", 403, "no"),
        (
            b"HTTP/1.1 403 No\r\nWWW-Authenticate: Bearer realm=x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n",
            403,
            "no",
        ),
        (b"HTTP/1.1 200 OK\r\nWWW-Authenticate: Bearer realm=x\r\n\r\ndata: x\n\n", 200, "data: x\n\n"),
    ],
)
async def test_h1_a_refusal_without_an_end_is_named_at_once(answer: bytes, status: int, body: str | None) -> None:
    async with against(saying(answer), open_timeout_s=NEVER_S, reconnect=SOON_AGAIN) as engine:
        ended = await engine.ended()
        again = await engine.sink.wait("connection.reconnect.attempt")
        meta = meta_of(ended)
        assert facts(ended) == ("refusal", "http_status", status)
        assert ["WWW-Authenticate", "Bearer realm=x"] in meta["response_headers"]
        assert meta.get("body") == body
        # As documented: refused credentials are not resolved in seconds
        assert meta_of(again)["delay_ms"] >= 60_000


async def test_h1_the_body_may_come_after_the_head() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        for piece in (b"HTTP/1.1 403 For", b"bidden\r\nContent-Length: 6\r\n", b"\r\n", b"no ", b"way"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with against(slow, open_timeout_s=NEVER_S) as engine:
        assert meta_of(await engine.ended())["body"] == "no way"


async def test_h1_a_large_body_is_cut_and_dropped() -> None:
    async def generous(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3000000\r\n\r\n")
        for _ in range(3000):
            writer.write(b"x" * 1000)
            await writer.drain()

    async with against(generous, open_timeout_s=NEVER_S) as engine:
        ended = await engine.ended()
        assert (ended.status, meta_of(ended)["body"]) == (403, "x" * 4096)


@pytest.mark.parametrize(
    ("coding", "content"),
    [("gzip", gzip.compress(b"geo blocked", mtime=0)), ("deflate", zlib.compress(b"geo blocked"))],
)
async def test_a_compressed_body_is_readable(coding: str, content: bytes) -> None:
    answer = f"HTTP/1.1 403 Forbidden\r\nContent-Encoding: {coding}\r\nContent-Length: {len(content)}\r\n\r\n"
    async with against(saying(answer.encode() + content), open_timeout_s=NEVER_S) as engine:
        assert meta_of(await engine.ended())["body"] == "geo blocked"


async def test_h1_what_arrived_of_an_answer_is_named_when_the_time_is_over() -> None:
    async with against(saying(b"HTTP/1.1 101 Switching Protocols\r\nUpgr"), open_timeout_s=0.05) as engine:
        ended = await engine.ended()
        assert ended.error == (
            "no complete answer to the upgrade within 0.05 s: “HTTP/1.1 101 Switching Protocols\\r\\nUpgr”"
        )
        assert "sent an incomplete response" in alone(ended).cause


# H2: opened where RFC 9110 and RFC 9112 allow it


@pytest.mark.parametrize(
    "answer",
    [
        lambda head: b"HTTP/1.1 100 Continue\r\n\r\n" + accepting(head),
        lambda head: b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + accepting(head),
        lambda head: accepting(head).replace(b"101 Switching Protocols", b"101"),
        lambda head: accepting(head).replace(b"101 Switching Protocols", b"101 "),
        lambda head: accepting(head).replace(b"Switching Protocols", b"x" * 8000),
        lambda head: accepting(head).replace(b"\r\n", b"\n"),
        lambda head: accepting(head, "Content-Security-Policy: " + "a" * 60_000),
        lambda head: accepting(head, *(f"X-{number}: {number}" for number in range(250))),
        lambda head: accepting(head, "X-Long: a\r\n  b"),
        lambda head: accepting(head, "X-Name: J\u00fcrgen"),
        lambda head: accepting(head, "Content-Length: 0", "Transfer-Encoding: chunked"),
    ],
    ids=["100", "103", "no-phrase", "empty-phrase", "long-phrase", "lf", "64k", "250", "folded", "utf-8", "lengths"],
)
async def test_h2_an_unusual_upgrade_opens(answer: Answer) -> None:
    async with against(opening(answer)) as engine:
        completed = await engine.sink.wait("connection.completed")
        received = await engine.sink.wait("message.received")
        assert (completed.status, received.payload) == (101, b"hello")


async def test_h2_all_headers_of_the_upgrade_are_kept() -> None:
    names = [f"X-{number}" for number in range(250)]
    async with against(opening(lambda head: accepting(head, *(f"{name}: 1" for name in names)))) as engine:
        headers = meta_of(await engine.sink.wait("connection.completed"))["response_headers"]
        assert [name for name, _ in headers][-250:] == names


@pytest.mark.parametrize(
    ("answer", "expected", "sentence", "cause"),
    [
        (
            b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>hi</html>",
            ("refusal", "http_status", 200),
            "200 OK: the server refused the upgrade",
            "a web page was returned",
        ),
        (
            b"HTTP/1.1 404 Not Found\nContent-Length: 0\n\n",
            ("refusal", "http_status", 404),
            "404 Not Found: the server refused the upgrade",
            "nothing found at this path",
        ),
        (
            b"HTTP/1.0 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
            ("refusal", "handshake", 101),
            "bad answer to the upgrade: HTTP/1.0 101 Switching Protocols, and an upgrade needs HTTP/1.1",
            "HTTP/1.0, which does not support upgrades",
        ),
        (
            b"J\0\0\0\x0a8.0.36\0",
            ("refusal", "handshake", None),
            "the answer to the upgrade is no HTTP: “J\\x00\\x00\\x00\\n8.0.36\\x00”",
            "a non-HTTP server",
        ),
        (
            b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64",
            ("refusal", "handshake", None),
            "the answer to the upgrade is an HTTP/2 frame: this port does not speak HTTP/1.1",
            "an HTTP/2 server listens",
        ),
        (
            b"\x15\x03\x03\0\x02\x02\x28",
            ("refusal", "handshake", None),
            "the answer to the upgrade is a TLS record: this port expects TLS",
            "the port speaks TLS",
        ),
        (
            b"<html>hi</html>",
            ("refusal", "handshake", None),
            "the answer to the upgrade has no status line: “<html>hi</html>”",
            "without HTTP response headers",
        ),
        (
            b"HTTP/1.1 101 Switching Protocols\r\n" + b"A: b\r\n" * 300,
            ("refusal", "handshake", 101),
            "bad answer to the upgrade: the response has more than 256 header lines",
            "larger than wsmon, and most clients, accept",
        ),
    ],
    ids=["http10", "lf", "http10-101", "mysql", "http2", "tls", "html", "many"],
)
async def test_h2_what_cannot_open_is_named_for_what_it_is(
    answer: bytes, expected: tuple[object, ...], sentence: str, cause: str
) -> None:
    async with against(saying(answer), open_timeout_s=NEVER_S) as engine:
        ended = await engine.ended()
        verdict = alone(ended)
        assert (facts(ended), ended.error) == (expected, sentence)
        assert cause in verdict.cause
        assert ("a non-HTTP server" in verdict.cause) == (cause == "a non-HTTP server")


async def test_h2_a_reset_instead_of_an_answer_is_a_reset() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with against(reset) as engine:
        ended = await engine.ended()
        assert (facts(ended), ended.error) == (("network", "reset", None), "the TCP connection was reset")


async def test_an_upgrade_that_breaks_the_rules_keeps_its_headers() -> None:
    async with against(saying(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nServer: odd\r\n\r\n")) as engine:
        ended = await engine.ended()
        assert (facts(ended), ended.error) == (
            ("refusal", "handshake", 101),
            "bad answer to the upgrade: missing Connection header",
        )
        assert ["Server", "odd"] in meta_of(ended)["response_headers"]


# H3: the smallest window for what we send


@pytest.mark.parametrize("others", ["", "; server_no_context_takeover; client_no_context_takeover"])
async def test_h3_the_smallest_window_for_what_we_send_is_taken(others: str) -> None:
    sent: list[tuple[int, bytes]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await accept(
            reader, writer, f"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=8{others}"
        )
        assert "client_max_window_bits" in header(head, "Sec-WebSocket-Extensions")
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(b"hello") + packer.flush(zlib.Z_SYNC_FLUSH)
        writer.write(frame(TEXT, packed[:-4], reserved=4))
        sent.append(await read_frame(reader))
        await hang_up_when_closed(reader, writer)

    async with against(handle, compression=True, send=(Sensitive("plain"),)) as engine:
        received = await engine.sink.wait("message.received")
        completed = engine.sink.named("connection.completed")[0]
        assert (received.payload, meta_of(completed)["extensions"]) == (b"hello", ["permessage-deflate"])
    assert sent == [(TEXT, b"plain")]


# H4: what comes with the upgrade is answered


@pytest.mark.parametrize(
    ("protocol", "url", "first", "reply"),
    [
        ("json", "ws://127.0.0.1:PORT/", b'{"type":"ping","id":1}', b'{"type":"pong","id":1}'),
        (
            "deribit",
            "ws://127.0.0.1:PORT/ws/api/v2",
            b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}',
            b"public/test",
        ),
        (
            "socketio",
            "ws://127.0.0.1:PORT/socket.io/?EIO=4&transport=websocket",
            b'0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}',
            b"40",
        ),
    ],
)
async def test_h4_a_first_message_with_the_upgrade_is_answered(
    protocol: str, url: str, first: bytes, reply: bytes
) -> None:
    said: list[bytes] = []
    answered = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(accepting(await read_head(reader)) + frame(TEXT, first))
        while reply not in (text := (await read_frame(reader))[1]):
            said.append(text)
        answered.set()
        await hang_up_when_closed(reader, writer)

    async with against(handle, protocol=protocol, url=url, answer=True):
        async with asyncio.timeout(5.0):
            await answered.wait()


async def test_h4_configured_texts_come_before_the_answer() -> None:
    said: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(accepting(await read_head(reader)) + frame(TEXT, b'{"type":"ping"}'))
        said.extend([(await read_frame(reader))[1], (await read_frame(reader))[1]])
        await hang_up_when_closed(reader, writer)

    async with against(handle, protocol="json", answer=True, send=(Sensitive("hello"),)) as engine:
        await engine.sink.wait("message.sent", 2)
        names = [name for name in engine.sink.names() if name.startswith("message.") or name == "connection.completed"]
    assert said == [b"hello", b'{"type":"pong"}']
    assert names == ["connection.completed", "message.sent", "message.received", "message.sent"]


# H5: an HTTP response in place of a frame

STRAY = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"


def straying(*pieces: bytes) -> Handler:
    """A peer that upgrades and then answers as an HTTP server, in these pieces."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    return handle


@pytest.mark.parametrize(
    "pieces",
    [
        (STRAY + b'{"code":"EIO"}',),
        (STRAY[:1], STRAY[1:3], STRAY[3:20], STRAY[20:], b'{"code":', b'"EIO"}'),
        (frame(TEXT, b"before") + STRAY + b'{"code":"EIO"}',),
        (frame(TEXT, b"before") + STRAY[:2], STRAY[2:] + b'{"code":"EIO"}'),
    ],
)
async def test_h5_an_http_response_after_the_upgrade_is_shown(pieces: tuple[bytes, ...]) -> None:
    async with against(straying(*pieces)) as engine:
        ended = await engine.ended()
        (fault,) = engine.sink.named("error.occurred")
        assert (ended.error_type, ended.error) == (
            "http_in_stream",
            "after the upgrade the server sent HTTP/1.1 400 Bad Request",
        )
        assert (fault.status, meta_of(fault)["body"]) == (400, '{"code":"EIO"')
        assert ["Content-Type", "application/json"] in meta_of(fault)["response_headers"]
        assert meta_of(ended)["body"] == meta_of(fault)["body"]
        assert [event.payload for event in engine.sink.named("message.received")] == (
            [b"before"] if b"before" in pieces[0] else []
        )
        verdict = alone(ended)
        assert "after the upgrade the server sent HTTP/1.1 400 Bad Request" in verdict.cause
        assert "likely the application failed" in verdict.cause


async def test_h5_a_response_that_breaks_off_is_shown_as_far_as_it_came() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(b"HTTP/1.1 500 INTERNAL SERVER ERROR\r\nServer: gunicorn\r\n")

    async with against(handle) as engine:
        ended = await engine.ended()
        assert ended.error == "after the upgrade the server sent HTTP/1.1 500 INTERNAL SERVER ERROR"
        assert meta_of(ended)["response_headers"] == [["Server", "gunicorn"]]


async def test_h5_a_frame_that_only_begins_like_a_response_is_a_fault_as_before() -> None:
    async with against(straying(b"Hx" + bytes(200))) as engine:
        assert (await engine.ended()).error_type == "protocol"


# H6: missing subprotocols


@pytest.mark.parametrize(
    ("protocol", "offered"), [("graphql-ws", "graphql-transport-ws, graphql-ws"), ("mqtt", "mqtt"), ("json", "")]
)
async def test_h6_the_subprotocols_of_the_protocol_are_offered(protocol: str, offered: str) -> None:
    heads: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await accept(reader, writer))
        await hang_up_when_closed(reader, writer)

    async with against(handle, protocol=protocol) as engine:
        await engine.sink.wait("connection.completed")
    assert [header(head, "Sec-WebSocket-Protocol") for head in heads] == [offered]


@pytest.mark.parametrize(
    ("answer", "subprotocols", "cause"),
    [
        (b"", (), "possibly it requires a subprotocol: none was offered"),
        (b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n", (), "possibly it requires a subprotocol"),
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 20\r\n\r\nMissing subprotocol!",
            (),
            "the response refers to the subprotocol, and none was offered",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 19\r\n\r\nUnknown subprotocol",
            (Sensitive("v1"), Sensitive("v2")),
            "the response refers to the subprotocol, and v1, v2 was offered",
        ),
    ],
    ids=["janus", "prosody", "stated", "offered"],
)
async def test_h6_a_refusal_names_the_missing_subprotocol(
    answer: bytes, subprotocols: tuple[Sensitive, ...], cause: str
) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(answer)

    async with against(handle, subprotocols=subprotocols) as engine:
        verdict = alone(await engine.ended())
        assert cause in verdict.cause
        assert "subprotocols" in verdict.next


async def test_h6_a_refusal_with_subprotocols_offered_says_nothing_of_them() -> None:
    async def handle(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await read_head(reader)

    async with against(handle, subprotocols=(Sensitive("v1"),)) as engine:
        assert "subprotocol" not in alone(await engine.ended()).cause


async def test_h6_a_close_for_the_subprotocol_says_what_to_do() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(close_frame(4406, "Subprotocol not acceptable"))

    async with against(handle) as engine:
        ended = await engine.ended()
        verdict = alone(ended)
        assert meta_of(ended)["offered_subprotocols"] == []
        assert "does not accept the offered subprotocol, or requires one" in verdict.cause
        assert "subprotocols = " in verdict.next
