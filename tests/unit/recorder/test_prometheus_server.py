"""The metrics server and its clients: well-behaved, slow, silent and hostile ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.support.fake_ports import FaultLog, no_fault
from wsmon.errors import WsmonError
from wsmon.recorder.http_server import HEAD_BYTES, HttpResponse
from wsmon.recorder.monitoring import wants_open_metrics
from wsmon.recorder.prometheus_server import PrometheusServer

SOON_S = 5.0
HOST = "Host: localhost\r\n"


async def metrics(accept: str) -> HttpResponse:
    return HttpResponse(b"x_up 1\n", f"text/{'open' if wants_open_metrics(accept) else 'plain'}")


@asynccontextmanager
async def serving(address: str = "127.0.0.1:0", request_s: float = 5.0) -> AsyncIterator[PrometheusServer]:
    server = PrometheusServer(address, metrics, no_fault, request_s)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def ask(server: PrometheusServer, request: str) -> tuple[str, dict[str, str], str]:
    """Status, headers and body of the answer to a request; the connection is closed after it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request.encode("latin-1"))
    writer.write_eof()
    async with asyncio.timeout(SOON_S):
        answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return first.removeprefix("HTTP/1.1 "), dict(line.split(": ", 1) for line in lines), body


async def test_metrics_are_served() -> None:
    async with serving() as server:
        status, headers, body = await ask(server, f"GET /metrics?x=1 HTTP/1.1\r\n{HOST}\r\n")
    assert (status, body) == ("200 OK", "x_up 1\n")
    assert headers == {
        "Content-Type": "text/plain",
        "Content-Length": "7",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Connection": "keep-alive",
    }


async def test_head_has_the_length_and_no_body() -> None:
    async with serving() as server:
        status, headers, body = await ask(server, f"HEAD /metrics HTTP/1.1\r\n{HOST}\r\n")
    assert (status, headers["Content-Length"], body) == ("200 OK", "7", "")


async def test_one_connection_serves_several_requests() -> None:
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for _ in range(3):
            writer.write(f"GET /-/healthy HTTP/1.1\r\n{HOST}\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK")
            assert await reader.readexactly(19) == b"wsmon is recording\n"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (f"GET / HTTP/1.1\r\n{HOST}\r\n", "404 Not Found"),
        (f"GET /metrics/../../etc/passwd HTTP/1.1\r\n{HOST}\r\n", "404 Not Found"),
        (f"POST /metrics HTTP/1.1\r\n{HOST}Content-Length: 3\r\n\r\nabc", "405 Method Not Allowed"),
        ("GET /metrics HTTP/1.1\r\nHost: rebound.example:80\r\n\r\n", "421 Misdirected Request"),
        ("GET /metrics HTTP/1.1\r\n\r\n", "421 Misdirected Request"),
        ("GET /metrics\r\n\r\n", "400 Bad Request"),
        ("GET /metrics HTTP/1.1\r\nno header\r\n\r\n", "400 Bad Request"),
        ("GET /metrics HTTP/1.1\r\n Folded: x\r\n\r\n", "400 Bad Request"),
        ("\x16\x03\x01\x02\x00\x01\r\n\r\n", "400 Bad Request"),
        (f"GET /{'x' * HEAD_BYTES} HTTP/1.1\r\n{HOST}\r\n", "400 Bad Request"),
    ],
)
async def test_what_is_not_a_scrape_is_refused(request_text: str, status: str) -> None:
    async with serving() as server:
        assert (await ask(server, request_text))[0] == status


@pytest.mark.parametrize("host", ["127.0.0.1:9464", "[::1]:9464", "localhost:9464", "LOCALHOST", "192.0.2.7"])
async def test_addresses_and_localhost_are_ours(host: str) -> None:
    async with serving() as server:
        assert (await ask(server, f"GET /metrics HTTP/1.0\r\nHost: {host}\r\n\r\n"))[0] == "200 OK"


async def test_whoever_listens_to_the_network_has_any_name() -> None:
    async with serving("0.0.0.0:0") as server:
        assert (await ask(server, "GET /metrics HTTP/1.1\r\nHost: box.example:9464\r\n\r\n"))[0] == "200 OK"


async def test_without_a_host_it_is_loopback() -> None:
    async with serving(":0") as server:
        assert server._server is not None
        assert server._server.sockets[0].getsockname()[0] == "127.0.0.1"


async def test_a_request_that_never_ends_is_hung_up_on() -> None:
    async with serving(request_s=0.05) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHos")
        async with asyncio.timeout(SOON_S):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_a_client_that_does_not_read_its_answer_is_hung_up_on() -> None:
    async def endless(_accept: str) -> HttpResponse:
        return HttpResponse(b"x" * 50_000_000, "text/plain")

    server = PrometheusServer("127.0.0.1:0", endless, no_fault, request_s=0.1)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(f"GET /metrics HTTP/1.1\r\n{HOST}\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")  # it is on its way
    async with asyncio.timeout(SOON_S):
        while server._serving:
            await asyncio.sleep(0.01)  # it tells nobody
    writer.transport.abort()
    await server.close()


async def test_silent_clients_keep_nobody_out() -> None:
    async with serving() as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2 * PrometheusServer.places)]
        assert (await ask(server, f"GET /metrics HTTP/1.1\r\n{HOST}\r\n"))[0] == "200 OK"
        assert len(server._serving) <= PrometheusServer.places + 1
        for _, writer in silent:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def test_closing_hangs_up_on_everybody() -> None:
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await ask(server, f"GET /metrics HTTP/1.1\r\n{HOST}\r\n")
    async with asyncio.timeout(SOON_S):
        with suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_an_address_in_use_is_said() -> None:
    async with serving() as server:
        with pytest.raises(WsmonError, match=rf"prometheus: cannot listen on 127.0.0.1:{server.port}: .*in use"):
            await PrometheusServer(f"127.0.0.1:{server.port}", metrics, no_fault).start()


async def test_a2_a_fault_of_ours_is_told_to_the_client_and_reported() -> None:
    async def failing(_accept: str) -> HttpResponse:
        raise FileNotFoundError(2, "No such file or directory", "/gone")

    faults = FaultLog()
    server = PrometheusServer("127.0.0.1:0", failing, faults)
    await server.start()
    try:
        status, _, body = await ask(server, f"GET /metrics HTTP/1.1\r\n{HOST}\r\n")
        assert (status, body) == ("500 Internal Server Error", "500 Internal Server Error\n")
        assert (await ask(server, f"GET /-/healthy HTTP/1.1\r\n{HOST}\r\n"))[0] == "200 OK"
    finally:
        await server.close()
    assert faults.faults == [("prometheus", "FileNotFoundError(2, 'No such file or directory')")]
