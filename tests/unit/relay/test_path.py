"""The byte path: heads, bytes, backpressure and ends, with real sockets on one event loop."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.engines import SOON_S
from tests.support.relays import ANSWER, REQUEST, FakeListener, relay_spec, relaying, running_relays
from wsmon.engine.loop import READ_BYTES, new_event_loop
from wsmon.engine.upgrade import UpgradeReader
from wsmon.model.redact.masking import Sensitive
from wsmon.relay import path
from wsmon.relay.path import EARLY_BYTES, RelayedConnection

_Reader = asyncio.StreamReader
_Writer = asyncio.StreamWriter


async def until_eof(reader: _Reader) -> bytes:
    async with asyncio.timeout(SOON_S):
        return await reader.read()


def reset(writer: _Writer) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


class Server:
    """Keeps what it is sent, answers, and does then what a test wants."""

    def __init__(
        self, then: Callable[[_Reader, _Writer], Awaitable[None]] | None = None, answer: bytes = ANSWER
    ) -> None:
        self.head = b""
        self.received = b""
        self.error: BaseException | None = None
        self.is_over = asyncio.Event()
        self._then = then
        self._answer = answer

    async def __call__(self, reader: _Reader, writer: _Writer) -> None:
        try:
            self.head = await reader.readuntil(b"\r\n\r\n")
            writer.write(self._answer)
            if self._then is not None:
                await self._then(reader, writer)
            self.received += await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self.error = error
        finally:
            self.is_over.set()
            writer.close()

    async def over(self) -> None:
        async with asyncio.timeout(SOON_S):
            await self.is_over.wait()


async def echo(reader: _Reader, writer: _Writer) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


class TestHeads:
    async def test_the_request_arrives_with_another_host_and_what_came_with_it(self) -> None:
        server = Server(answer=ANSWER + b"\x81\x02hi")
        async with relaying(server, path="/base?k=1") as relay:
            reader, writer = await relay.connect(REQUEST.replace(b"GET / ", b"GET /x?y=2 ") + b"\x81\x80early")
            assert await reader.readexactly(len(ANSWER) + 4) == ANSWER + b"\x81\x02hi"
            writer.write_eof()
            assert await until_eof(reader) == b""
            await server.over()
            host = (
                f"Host: 127.0.0.1:{relay.recorded[0].spec.url.reveal().rpartition(':')[2].partition('/')[0]}".encode()
            )
            sent = REQUEST.replace(b"GET / ", b"GET /base/x?k=1&y=2 ").replace(b"Host: relay.test", host)
            assert (server.head, server.received) == (sent, b"\x81\x80early")
            (listener,) = relay.listeners
            assert await listener.ended()
            assert listener.received == {"application": b"\x81\x80early", "server": b"\x81\x02hi"}
            assert listener.names[:4] == ["begin", "on_connected", "on_response", "on_bytes"]
            assert listener.names[-1] == "end"
            assert listener.calls[0][2].endswith("/base/x?k=1&y=2")

    @pytest.mark.parametrize(
        ("request_bytes", "status", "words"),
        [
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"426 Upgrade Required", b"upgrade request"),
            (REQUEST.replace(b"GET / ", b"GET /other "), b"404 Not Found", b"/other"),
            (b"\x16\x03\x01\x02\x00\x01\x00\n", b"400 Bad Request", b"not an HTTP/1.1 request"),
            (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300, b"431 Request Header", b"256"),
        ],
        ids=["no upgrade", "no route", "no HTTP", "too long"],
    )
    async def test_what_is_not_relayed_is_answered_in_plain_text(
        self, request_bytes: bytes, status: bytes, words: bytes
    ) -> None:
        spec = relay_spec("ws://127.0.0.1:9", "ws://127.0.0.1:9")
        # Without a route for "/other"
        routes = (spec.routes[1], spec.routes[0].__class__("/feed", spec.routes[0].upstream))
        async with running_relays(spec.__class__(spec.listen, routes, spec.connection)) as relay:
            reader, writer = await relay.connect(request_bytes.replace(b"GET / ", b"GET /feed "))
            answer = await until_eof(reader)
            assert answer.startswith(b"HTTP/1.1 " + status)
            assert words in answer.rpartition(b"\r\n\r\n")[2]
            assert relay.listeners == []
            writer.close()

    async def test_a_configured_host_is_sent_and_the_url_is_that_of_the_server(self) -> None:
        server = Server()
        async with relaying(server, headers=(("host", Sensitive("virtual.test")),)) as relay:
            await relay.upgrade()
            assert b"\r\nhost: virtual.test\r\n" in server.head
            assert relay.listeners[0].calls[0][2] == relay.recorded[0].spec.url.reveal() + "/"

    async def test_a_request_that_does_not_end_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(path, "REQUEST_S", 0.01)
        async with running_relays(relay_spec("ws://127.0.0.1:9")) as relay:
            reader, writer = await relay.connect(b"GET / HTTP/1.1\r\n")
            assert (await until_eof(reader)).startswith(b"HTTP/1.1 408 Request Timeout")
            writer.close()

    async def test_a_server_that_is_not_there_is_a_502(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"ws://127.0.0.1:{free.getsockname()[1]}"
        async with running_relays(relay_spec(url)) as relay:
            reader, writer = await relay.connect()
            answer = await until_eof(reader)
            assert answer.startswith(b"HTTP/1.1 502 Bad Gateway")
            assert b"refused" in answer
            writer.close()
            calls = await relay.listeners[0].ended()
            assert ("on_failed", "tcp_refused", None) in calls
            assert relay.listeners[0].names == ["begin", "on_failed", "on_eof", "on_lost", "end"]

    async def test_a_server_that_does_not_answer_is_a_504(self) -> None:
        async def silent(reader: _Reader, writer: _Writer) -> None:
            await reader.read()
            writer.close()

        async with relaying(silent, open_timeout_s=0.05) as relay:
            reader, writer = await relay.connect()
            assert (await until_eof(reader)).startswith(b"HTTP/1.1 504 Gateway Timeout")
            writer.close()
            assert ("on_failed", "open_timeout", None) in await relay.listeners[0].ended()

    async def test_an_answer_of_ours_is_not_lost_to_what_the_application_still_sends(self) -> None:
        async def gone(reader: _Reader, writer: _Writer) -> None:
            await reader.readuntil(b"\r\n\r\n")
            reset(writer)

        async with relaying(gone) as relay:
            connection = socket.create_connection(("127.0.0.1", relay.port))
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(connection, REQUEST)
            async with asyncio.timeout(SOON_S):
                while "on_failed" not in [call[0] for call in relay.listeners[0].calls] if relay.listeners else True:
                    await asyncio.sleep(0)
            await asyncio.sleep(0.01)
            # Unread bytes at a close would reset the connection, and take the answer with them
            await loop.sock_sendall(connection, b"x" * 10)
            await asyncio.sleep(0.01)
            assert (await loop.sock_recv(connection, 65_536)).startswith(b"HTTP/1.1 502 Bad Gateway")
            connection.close()

    async def test_a_server_that_hangs_up_without_an_answer_is_a_502(self) -> None:
        async def gone(reader: _Reader, writer: _Writer) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

        async with relaying(gone) as relay:
            reader, writer = await relay.connect()
            answer = await until_eof(reader)
            assert answer.startswith(b"HTTP/1.1 502 Bad Gateway")
            assert b"ended before an answer" in answer
            writer.close()
            assert ("on_failed", "eof", None) in await relay.listeners[0].ended()

    async def test_a_refusal_passes_with_its_body_and_is_told_once(self) -> None:
        refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nno way"

        async def hang_up(_reader: _Reader, writer: _Writer) -> None:
            writer.write_eof()

        async with relaying(Server(hang_up, refusal)) as relay:
            reader, writer = await relay.connect()
            assert await until_eof(reader) == refusal
            writer.close()
            assert relay.listeners[0].received == {"application": b"", "server": b""}
            calls = await relay.listeners[0].ended()
            assert [call for call in calls if call[0] == "on_failed"] == [("on_failed", "http_status", 403)]

    async def test_a_second_request_behind_a_refusal_ends_the_connection_and_reaches_no_server(self) -> None:
        refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 6\r\n\r\nno way"
        server = Server(answer=refusal)
        async with relaying(server) as relay:
            reader, writer = await relay.connect()
            assert await reader.readexactly(len(refusal)) == refusal
            writer.write(REQUEST.replace(b"GET / ", b"GET /again "))
            assert await until_eof(reader) == b""
            await server.over()
            assert server.received == b""
            await relay.listeners[0].ended()
            assert relay.listeners[0].names == ["begin", "on_connected", "on_failed", "on_lost", "on_lost", "end"]

    async def test_an_answer_that_comes_with_the_end_of_its_time_counts(self) -> None:
        async def stand_still(_reader: _Reader, writer: _Writer) -> None:
            writer.write(ANSWER)
            # When the loop goes on, the answer is in the socket of the relay, and the time is over
            time.sleep(0.2)  # noqa: ASYNC251 - the loop is what stands still

        async with relaying(Server(stand_still, b""), open_timeout_s=0.1) as relay:
            reader, writer = await relay.upgrade()
            writer.write(b"on")
            writer.write_eof()
            assert await until_eof(reader) == b""
            writer.close()
            await relay.listeners[0].ended()
            assert relay.listeners[0].received == {"application": b"on", "server": b""}

    async def test_a_mistake_in_reading_the_answer_does_not_disturb_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def break_down(_self: object, _data: bytes) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(UpgradeReader, "feed", break_down)
        async with relaying(Server(echo)) as relay:
            reader, writer = await relay.upgrade()
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
            writer.close()
            assert ("on_failed", "internal", None) in await relay.listeners[0].ended()

    async def test_an_answer_that_is_no_http_passes_as_it_is(self) -> None:
        async def hang_up(_reader: _Reader, writer: _Writer) -> None:
            writer.write_eof()

        async with relaying(Server(hang_up, b"SSH-2.0-OpenSSH_9.2\r\n")) as relay:
            reader, writer = await relay.connect()
            assert await until_eof(reader) == b"SSH-2.0-OpenSSH_9.2\r\n"
            writer.close()
            assert "on_failed" in [call[0] for call in await relay.listeners[0].ended()]


class TestProxies:
    def test_a_server_is_reached_through_the_proxy_of_the_configuration(self) -> None:
        async def tunnel(reader: _Reader, writer: _Writer) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            host, _, port = head.split()[1].decode().partition(":")
            to_reader, to_writer = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

            async def copy(source: _Reader, target: _Writer) -> None:
                while data := await source.read(65_536):
                    target.write(data)
                target.write_eof()

            async with asyncio.TaskGroup() as group:
                group.create_task(copy(reader, to_writer), name="out")
                group.create_task(copy(to_reader, writer), name="in")
            writer.close()
            to_writer.close()

        async def use() -> None:
            proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
            url = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
            async with proxy, relaying(Server(echo), proxy=Sensitive(url)) as relay:
                reader, writer = await relay.upgrade()
                writer.write(b"hello")
                writer.write_eof()
                assert await until_eof(reader) == b"hello"
                writer.close()
                (listener,) = relay.listeners
                await listener.ended()
                assert listener.server is not None
                assert listener.server.proxy == url
                assert list(listener.server.phases.milliseconds()) == ["tcp_ms", "proxy_ms", "upgrade_ms"]

        # On the recorder's event loop, which times the phases
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(use())


class TestBytes:
    async def test_bytes_pass_both_ways_and_are_told_in_order(self) -> None:
        async with relaying(Server(echo)) as relay:
            reader, writer = await relay.upgrade()
            sent = bytes(range(256)) * 4_000
            writer.write(sent)
            writer.write_eof()
            assert await until_eof(reader) == sent
            writer.close()
            assert await relay.listeners[0].ended()
            assert relay.listeners[0].received == {"application": sent, "server": sent}

    async def test_small_messages_wait_for_no_acknowledgement_on_either_leg(self) -> None:
        async with relaying(Server(echo)) as relay:
            await relay.upgrade()
            relayed, connected = relay.recorded[0].path, relay.listeners[0].server
            assert isinstance(relayed, RelayedConnection)
            assert connected is not None
            for transport in (relayed.application.transport, connected.transport):
                tcp = transport.get_extra_info("socket")
                assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    async def test_a_mistake_of_the_listener_does_not_disturb_the_traffic(self) -> None:
        listener = FakeListener(on_bytes=ZeroDivisionError())
        server = await asyncio.start_server(Server(echo), "127.0.0.1", 0)
        spec = relay_spec(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with server, running_relays(spec, make_listener=lambda _recorded: listener) as relay:
            reader, writer = await relay.upgrade()
            writer.write(b"x" * 100_000)
            writer.write_eof()
            assert await until_eof(reader) == b"x" * 100_000
            writer.close()
            assert await listener.ended()
            assert listener.names == ["begin", "on_connected", "on_response", "on_bytes", "on_mistake", "end"]

    async def test_a_reader_that_does_not_read_slows_the_sender_down(self) -> None:
        sent = 0
        stalled = asyncio.Event()

        async def flood(_reader: _Reader, writer: _Writer) -> None:
            nonlocal sent
            with_pause = asyncio.timeout(0.2)
            try:
                async with with_pause:
                    while True:
                        writer.write(b"x" * 65_536)
                        await writer.drain()
                        sent += 65_536
                        with_pause.reschedule(asyncio.get_running_loop().time() + 0.2)
            except TimeoutError:
                stalled.set()

        async with relaying(Server(flood)) as relay:
            connection = socket.create_connection(("127.0.0.1", relay.port))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(connection, REQUEST)
            async with asyncio.timeout(SOON_S):
                await stalled.wait()
            connection_: Any = relay.recorded[0].path
            # Nothing is kept but what the transport may hold: its high-water mark, and the read that went past it
            assert connection_.application.transport.get_write_buffer_size() <= 65_536 + READ_BYTES
            got = 0
            while got < sent:
                got += len(await loop.sock_recv(connection, 1_000_000))
            connection.close()
            await relay.listeners[0].ended()

    async def test_a_pause_of_the_recording_stops_both_legs_until_it_is_over(self) -> None:
        async with relaying(Server(echo)) as relay:
            reader, writer = await relay.upgrade()
            writer.write(b"one")
            assert await reader.readexactly(3) == b"one"
            relay.recorded[0].path.pause()
            writer.write(b"two")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await reader.readexactly(3)
            relay.recorded[0].path.resume()
            assert await reader.readexactly(3) == b"two"
            writer.close()

    async def test_what_an_application_sends_before_the_answer_is_bounded(self) -> None:
        answer = asyncio.Event()

        async def late(reader: _Reader, writer: _Writer) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await answer.wait()
            writer.write(ANSWER)
            await echo(reader, writer)
            writer.close()

        early = b"x" * 4 * EARLY_BYTES
        async with relaying(late) as relay:
            reader, writer = await relay.connect(REQUEST + early)
            answer.set()
            writer.write_eof()
            assert await until_eof(reader) == ANSWER + early
            writer.close()
            await relay.listeners[0].ended()
            assert relay.listeners[0].received["application"] == early


class TestEnds:
    async def test_the_end_of_one_stream_leaves_the_other_open(self) -> None:
        async def last_words(reader: _Reader, writer: _Writer) -> None:
            assert await reader.read() == b"question"
            writer.write(b"answer")

        async with relaying(Server(last_words)) as relay:
            reader, writer = await relay.upgrade()
            writer.write(b"question")
            writer.write_eof()
            assert await until_eof(reader) == b"answer"
            writer.close()
            names = [call[:2] for call in await relay.listeners[0].ended() if call[0] in ("on_eof", "on_lost")]
            assert names[:2] == [("on_eof", "application"), ("on_eof", "server")]

    async def test_a_reset_by_the_application_resets_the_server(self) -> None:
        server = Server()
        async with relaying(server) as relay:
            _, writer = await relay.upgrade()
            reset(writer)
            await server.over()
            assert isinstance(server.error, ConnectionResetError)
            calls = await relay.listeners[0].ended()
            assert calls[-3:] == [
                ("on_lost", "application", "ConnectionResetError"),
                ("on_lost", "server", ""),
                ("end",),
            ]

    async def test_a_reset_by_the_server_resets_the_application_behind_its_last_bytes(self) -> None:
        async def break_off(_reader: _Reader, writer: _Writer) -> None:
            writer.write(b"last")
            await asyncio.sleep(0)
            reset(writer)

        async with relaying(Server(break_off)) as relay:
            reader, writer = await relay.upgrade()
            assert await reader.readexactly(4) == b"last"
            with pytest.raises(ConnectionResetError):
                await until_eof(reader)
            writer.close()
            calls = await relay.listeners[0].ended()
            assert ("on_lost", "server", "ConnectionResetError") in calls

    async def test_what_a_server_sent_before_a_write_to_it_failed_still_arrives(self) -> None:
        """A server that closes with unread bytes resets; asyncio would drop the close frame that lies in our socket."""
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            async with running_relays(relay_spec(f"ws://127.0.0.1:{listening.getsockname()[1]}")) as relay:
                reader, writer = await relay.connect()
                server, _ = await loop.sock_accept(listening)
                await loop.sock_recv(server, 65_536)
                await loop.sock_sendall(server, ANSWER)
                assert await reader.readexactly(len(ANSWER)) == ANSWER
                writer.write(b"unread")
                async with asyncio.timeout(SOON_S):
                    while ("on_bytes", "application", b"unread") not in relay.listeners[0].calls:
                        await asyncio.sleep(0)
                # In one turn of the loop: close frame and reset arrive, and a write comes before they are read
                server.send(b"\x88\x02\x03\xe9")
                server.close()
                connection: Any = relay.recorded[0].path
                connection._server.write(b"more")
                assert await reader.readexactly(4) == b"\x88\x02\x03\xe9"
                with pytest.raises(ConnectionResetError):
                    await until_eof(reader)
                assert relay.listeners[0].received["server"] == b"\x88\x02\x03\xe9"

    async def test_an_application_that_leaves_while_its_server_is_dialled_ends_the_dial(self) -> None:
        async def silent(reader: _Reader, writer: _Writer) -> None:
            await reader.read()
            writer.close()

        async with relaying(silent) as relay:
            _, writer = await relay.connect()
            async with asyncio.timeout(SOON_S):
                while not relay.listeners or "on_connected" not in relay.listeners[0].names:
                    await asyncio.sleep(0)
            reset(writer)
            calls = await relay.listeners[0].ended()
            assert [call[0] for call in calls] == ["begin", "on_connected", "on_lost", "on_lost", "end"]

    async def test_a_stop_ends_both_streams(self) -> None:
        server = Server()
        async with relaying(server) as relay:
            reader, writer = await relay.upgrade()
            await relay.relays.stop()
            assert await until_eof(reader) == b""
            await server.over()
            assert server.error is None
            assert [call for call in relay.listeners[0].calls if call[0] == "on_closing"] == [
                ("on_closing", "wsmon stopped")
            ]
            writer.close()
