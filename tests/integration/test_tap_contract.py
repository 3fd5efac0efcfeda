"""What the tap takes for granted about the installed websockets, and the library does not promise."""

from __future__ import annotations

import asyncio
import importlib.metadata
import inspect
import logging
import socket
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    enable_client_permessage_deflate,
)
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Protocol, State
from websockets.uri import parse_uri

from tests.support.engines import BINARY, PING, TEXT, close_frame, frame, running, spec
from wsmon.engine.deflate import DeflateOffer
from wsmon.engine.tap import LOGGER, MAX_FRAGMENTS, WRITE_LIMIT_BYTES, Connect, Tap
from wsmon.model.redact.masking import Sensitive


def open_protocol(max_size: int | None = None) -> ClientProtocol:
    """A client's protocol after the handshake."""
    protocol = ClientProtocol(parse_uri("ws://x/"), max_size=max_size)
    protocol.state = State.OPEN
    protocol.parser = Protocol.parse(protocol)
    next(protocol.parser)
    return protocol


def test_it_is_the_version_that_was_read() -> None:
    assert importlib.metadata.version("websockets").split(".")[0] == "17"


def test_what_is_to_be_sent_waits_in_pieces_and_an_empty_one_ends_the_stream() -> None:
    protocol = open_protocol()
    protocol.send_pong(b"1")
    protocol.send_pong(b"2")
    assert [len(piece) for piece in protocol.writes] == [7, 7]
    protocol.writes = [b"".join(protocol.writes)]
    protocol.send_eof()
    assert [len(piece) for piece in protocol.data_to_send()] == [14, 0]


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (ClientConnection, "process_event", ["self", "event"]),
        (ClientConnection, "handshake", ["self", "additional_headers", "user_agent_header"]),
        (Connection, "eof_received", ["self"]),
        (ClientPerMessageDeflateFactory, "process_response_params", ["self", "params", "accepted_extensions"]),
        (PerMessageDeflate, "encode", ["self", "frame"]),
        (PerMessageDeflate, "decode", ["self", "frame", "max_size"]),
        (Connection, "data_received", ["self", "data"]),
        (Connection, "connection_made", ["self", "transport"]),
        (Connection, "connection_lost", ["self", "exc"]),
        (Connection, "send_data", ["self"]),
        (Protocol, "send_frame", ["self", "frame"]),
        (Protocol, "recv_frame", ["self", "frame"]),
        (Protocol, "fail", ["self", "code", "reason"]),
        (Protocol, "send_close", ["self", "code", "reason"]),
        (Protocol, "send_ping", ["self", "data"]),
        (ClientProtocol, "send_request", ["self", "request"]),
        (connect, "process_redirect", ["self", "exc"]),
    ],
)
def test_methods_that_are_overridden_or_called(owner: type, name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_attributes_that_are_read() -> None:
    protocol = open_protocol(1000)
    names = (
        "writes",
        "parser_exc",
        "close_rcvd",
        "close_sent",
        "close_rcvd_then_sent",
        "extensions",
        "max_message_size",
    )
    assert {name: getattr(protocol, name) for name in names} == {
        "writes": [],
        "parser_exc": None,
        "close_rcvd": None,
        "close_sent": None,
        "close_rcvd_then_sent": None,
        "extensions": [],
        "max_message_size": 1000,
    }


def test_our_offer_of_compression_is_that_of_the_library() -> None:
    (theirs,) = enable_client_permessage_deflate(None)
    assert isinstance(theirs, ClientPerMessageDeflateFactory)
    ours = DeflateOffer()
    assert (ours.get_request_params(), ours.compress_settings) == (
        theirs.get_request_params(),
        theirs.compress_settings,
    )


def test_messages_that_keep_their_context_are_inflated_by_one_decoder_and_others_by_a_new_one() -> None:
    """The tap uses it for whole messages, the library for fragments: tests/property/test_tap_deflate.py."""
    (keeping, forgetting) = (PerMessageDeflate(forgets, True, 15, 15) for forgets in (False, True))
    before = keeping.decoder
    for deflate in (keeping, forgetting):
        decoded = deflate.decode(Frame(Opcode.TEXT, bytes.fromhex("f248cdc9c90700"), rsv1=True), max_size=5)
        assert (bytes(decoded.data), decoded.rsv1) == (b"Hello", False)
    assert keeping.decoder is before
    assert not hasattr(forgetting, "decoder")


async def test_an_error_that_is_set_ends_the_handshake() -> None:
    """The tap ends it so when it knows the answer before the library does."""
    connection = ClientConnection(ClientProtocol(parse_uri("ws://x/")))
    assert (connection.protocol.handshake_exc, connection.response_rcvd.done()) == (None, False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        await connection.loop.create_connection(lambda: connection, *server.getsockname())
        refused = ValueError("refused")

        def refuse() -> None:
            connection.protocol.handshake_exc = refused
            connection.response_rcvd.set_result(None)

        connection.loop.call_soon(refuse)
        with pytest.raises(ValueError, match="refused") as raised:
            await connection.handshake()
        connection.transport.abort()
        await connection.wait_closed()
    assert raised.value is refused


def test_the_library_refuses_a_close_frame_between_fragments_unless_it_forgets_the_message() -> None:
    refusing, allowing = open_protocol(), open_protocol()
    for protocol in (refusing, allowing):
        protocol.receive_data(frame(TEXT, b"begun", is_last=False))
    assert allowing.current_size == 5
    allowing.current_size = None
    for protocol in (refusing, allowing):
        protocol.receive_data(close_frame(1001, "bye"))
    assert (type(refusing.parser_exc), allowing.parser_exc) == (ProtocolError, None)
    assert allowing.close_rcvd == allowing.close_sent


async def test_attributes_of_a_connection_that_are_read() -> None:
    connection = ClientConnection(ClientProtocol(parse_uri("ws://x/")), close_timeout=3.0)
    assert (connection.response, connection.request, connection.connection_exc) == (None, None, None)
    assert (connection.close_timeout, connection.connection_lost_waiter.done()) == (3.0, False)


async def test_a_connection_whose_output_waits_is_paused_far_below_our_limit() -> None:
    """The tap asks how much waits only then."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = ClientConnection(ClientProtocol(parse_uri("ws://x/")))
        await connection.loop.create_connection(lambda: connection, *server.getsockname())
        assert connection.transport.get_write_buffer_limits()[1] * 64 <= WRITE_LIMIT_BYTES
        paused = [connection.paused]
        while not connection.transport.get_write_buffer_size():
            connection.transport.write(bytes(1 << 20))
        paused.append(connection.paused)
        assert paused == [False, True]
        connection.transport.abort()
        await connection.wait_closed()


@pytest.mark.parametrize(
    ("send", "opcodes"),
    [
        (lambda protocol: protocol.send_text(b"x"), [Opcode.TEXT]),
        (lambda protocol: protocol.send_binary(b"x"), [Opcode.BINARY]),
        (lambda protocol: protocol.send_ping(b"x"), [Opcode.PING]),
        (lambda protocol: protocol.send_pong(b"x"), [Opcode.PONG]),
        (lambda protocol: protocol.send_close(1000, ""), [Opcode.CLOSE]),
        (lambda protocol: protocol.fail(1011, "x"), [Opcode.CLOSE]),
        (lambda protocol: protocol.receive_data(frame(PING, b"x")), [Opcode.PONG]),
        (lambda protocol: protocol.receive_data(close_frame(1000)), [Opcode.CLOSE]),
        (lambda protocol: protocol.receive_data(b"\x83\x00"), [Opcode.CLOSE]),
    ],
)
def test_every_frame_goes_out_through_send_frame_and_is_one_write(send: object, opcodes: list[Opcode]) -> None:
    protocol = open_protocol()
    seen: list[Opcode] = []
    library_send_frame = protocol.send_frame

    def observe(frame: Frame) -> None:
        before = len(protocol.writes)
        library_send_frame(frame)
        assert len(protocol.writes) == before + 1
        seen.append(frame.opcode)

    protocol.send_frame = observe  # type: ignore[method-assign]  # as the tap does
    assert callable(send)
    send(protocol)
    assert seen == opcodes


@pytest.mark.parametrize("split", range(1, 12))
def test_a_frame_in_two_pieces_is_one_event(split: int) -> None:
    protocol = open_protocol()
    stream = frame(BINARY, b"0123456789")
    protocol.receive_data(stream[:split])
    assert protocol.events_received() == []
    protocol.receive_data(stream[split:])
    assert [(event.opcode, bytes(event.data)) for event in protocol.events_received() if isinstance(event, Frame)] == [
        (Opcode.BINARY, b"0123456789")
    ]


@pytest.mark.parametrize(("stream", "kind"), [(b"\x83\x00", ProtocolError), (frame(TEXT, b"x" * 11), PayloadTooBig)])
def test_after_a_fault_the_parser_says_so_and_discards(stream: bytes, kind: type[Exception]) -> None:
    protocol = open_protocol(max_size=10)
    protocol.receive_data(stream + frame(TEXT, b"after"))
    assert isinstance(protocol.parser_exc, kind)
    assert protocol.state is State.CLOSING
    assert protocol.events_received() == []


def test_after_our_close_the_library_still_parses() -> None:
    protocol = open_protocol()
    protocol.send_close(1000, "")
    protocol.receive_data(frame(TEXT, b"on its way") + close_frame(1000))
    assert [event.opcode for event in protocol.events_received() if isinstance(event, Frame)] == [
        Opcode.TEXT,
        Opcode.CLOSE,
    ]
    assert protocol.close_rcvd_then_sent is False


def test_the_limit_of_fragments_is_the_librarys() -> None:
    from websockets.asyncio.messages import MAX_FRAGMENTS as LIBRARY_MAX_FRAGMENTS

    assert MAX_FRAGMENTS == LIBRARY_MAX_FRAGMENTS


def test_the_library_does_not_talk_at_debug_level() -> None:
    assert not LOGGER.isEnabledFor(logging.DEBUG)


# against the library's own server


@pytest.fixture
async def chatty() -> AsyncIterator[int]:
    """A server with compression, fragments, pings and binary."""

    async def handle(connection: ServerConnection) -> None:
        await connection.send("plain " * 50)
        await connection.send(["in ", "three ", "pieces"])
        await connection.send(b"\x00" * 1000)
        await connection.ping(b"ping")
        await connection.send("last")
        await connection.close(4000, "done")

    async with serve(handle, "127.0.0.1", 0) as server:
        yield next(iter(server.sockets)).getsockname()[1]


@pytest.mark.parametrize("is_compressed", [True, False])
async def test_the_tap_hears_what_recv_returns(chatty: int, is_compressed: bool) -> None:
    compression = "deflate" if is_compressed else None
    async with connect(f"ws://127.0.0.1:{chatty}/", compression=compression, proxy=None) as client:
        expected = [await client.recv() for _ in range(4)]

    async with running(spec(chatty, compression=is_compressed)) as engine:
        ended = await engine.ended()
        messages = engine.sink.named("message.received")
        heard = [(event.payload or b"").decode() if event.opcode == "text" else event.payload for event in messages]
        assert heard == expected
        assert (ended.close_code, ended.reason) == (4000, "done")
        assert [event.opcode for event in engine.sink.events if event.name.startswith("heartbeat")] == ["ping", "pong"]


async def test_wire_sizes_add_up_to_what_the_socket_read(monkeypatch: pytest.MonkeyPatch, chatty: int) -> None:
    read = bytearray()
    real = Tap.data_received

    def data_received(self: Tap, data: bytes) -> None:
        read.extend(data)
        real(self, data)

    monkeypatch.setattr(Tap, "data_received", data_received)
    async with running(spec(chatty, compression=True)) as engine:
        await engine.ended()
        frames = [event for event in engine.sink.events if event.direction == "in"]
        close = len(close_frame(4000, "done"))
        head = read.index(b"\r\n\r\n") + 4
        assert sum(event.wire_size or 0 for event in frames) == len(read) - head - close
        assert sum(event.wire_size or 0 for event in frames) < sum(event.size or 0 for event in frames)


async def test_our_dial_never_follows_a_redirect_by_itself() -> None:
    def redirect(connection: ServerConnection, _: object) -> Response:
        response = connection.respond(302, "")
        response.headers["Location"] = "/elsewhere"
        return response

    async def handle(_: ServerConnection) -> None:
        await asyncio.sleep(0)

    async with serve(handle, "127.0.0.1", 0, process_request=redirect) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(InvalidStatus):
            await Connect(f"ws://127.0.0.1:{port}/", proxy=None)


async def test_a_configured_header_replaces_the_librarys_own() -> None:
    heads: list[list[str]] = []

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        heads.append([connection.request.headers[name] for name in ("Host", "Authorization", "Origin")])

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        headers = (
            ("Host", Sensitive("virtual.test")),
            ("Authorization", Sensitive("Bearer x")),
            ("Origin", Sensitive("https://b.test")),
        )
        wanted = spec(port, url="ws://user:pass@127.0.0.1:PORT/", headers=headers, origin=Sensitive("https://a.test"))
        async with running(wanted) as engine:
            await engine.ended()
    assert heads == [["virtual.test", "Bearer x", "https://b.test"]]
