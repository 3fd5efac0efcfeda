"""The HTTP server and requests with bodies: whole, in chunks, too long, without an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.fake_ports import no_fault
from wsmon.recorder.http_server import HEAD_BYTES, HttpRequest, HttpResponse, HttpServer, plain

SOON_S = 5.0
HEAD = "POST / HTTP/1.1\r\nHost: localhost\r\n"


class EchoServer(HttpServer):
    """Sends bodies back; refuses the path /no; /wait is answered when the test says so."""

    name = "echo"
    body_bytes = 1_000
    places = 3

    def __init__(self, request_s: float = 5.0) -> None:
        super().__init__("127.0.0.1:0", no_fault, request_s)
        self.may_answer = asyncio.Event()
        self.waiting = asyncio.Semaphore(0)

    def refused(self, request: HttpRequest) -> HttpResponse | None:
        return plain("403 Forbidden") if request.path == "/no" else None

    async def reply(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/wait":
            self.waiting.release()
            await self.may_answer.wait()
        return HttpResponse(request.body)


@asynccontextmanager
async def serving(request_s: float = 5.0) -> AsyncIterator[EchoServer]:
    server = EchoServer(request_s)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def ask(server: HttpServer, request: bytes) -> tuple[str, str]:
    """Status and body of the last answer on a connection, which the client does not close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    async with asyncio.timeout(SOON_S):
        answers = (await reader.read()).decode()
    writer.close()
    head, _, body = answers.partition("\r\n\r\n")
    return head.partition("\r\n")[0].removeprefix("HTTP/1.1 "), body


@pytest.mark.parametrize(
    ("rest", "answer"),
    [
        (b"Content-Length: 5\r\n\r\nhello", ("200 OK", "hello")),
        (b"Content-Length: 0\r\n\r\n", ("200 OK", "")),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ("200 OK", "hello")),
        (b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n", ("200 OK", "hello")),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ("200 OK", "")),
        (b"Content-Length: 1001\r\n\r\n", ("413 Content Too Large", "a body has at most 1,000 bytes\n")),
        (b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n", ("413 Content Too Large", "a body has at most 1,000 bytes\n")),
        (b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n",
         ("413 Content Too Large", "a body has at most 1,000 bytes\n")),
        (b"Content-Length: -1\r\n\r\n", ("400 Bad Request", "400 Bad Request\n")),
        (b"Content-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\n", ("400 Bad Request", "400 Bad Request\n")),
        (b"Transfer-Encoding: chunked\r\n\r\nno\r\n", ("400 Bad Request", "400 Bad Request\n")),
        (b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", ("400 Bad Request", "400 Bad Request\n")),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n", ("400 Bad Request", "400 Bad Request\n")),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 3 * HEAD_BYTES, ("400 Bad Request", "400 Bad Request\n")),
    ],
)  # fmt: skip
async def test_bodies(rest: bytes, answer: tuple[str, str]) -> None:
    async with serving() as server:
        assert await ask(server, HEAD.encode() + b"Connection: close\r\n" + rest) == answer


async def test_the_next_request_follows_a_body() -> None:
    async with serving() as server:
        first = f"{HEAD}Content-Length: 2\r\n\r\nab".encode()
        last = f"{HEAD}Connection: close\r\nContent-Length: 2\r\n\r\ncd".encode()
        _, rest = await ask(server, first + last)
    assert (rest[:2], rest[-2:], rest.count("200 OK")) == ("ab", "cd", 1)


async def test_a_client_that_asks_whether_to_go_on_is_told_so() -> None:
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"{HEAD}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n".encode())
        async with asyncio.timeout(SOON_S):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"ab")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
        writer.close()


async def test_who_sends_a_body_that_is_not_wanted_can_read_why() -> None:
    async with serving() as server:
        head = HEAD.replace("POST /", "POST /no")
        body = b"x" * 500_000
        assert (await ask(server, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body))[0] == "403 Forbidden"


async def test_a_body_that_never_ends_is_hung_up_on() -> None:
    async with serving(request_s=0.05) as server:
        assert await ask(server, f"{HEAD}Content-Length: 5\r\n\r\nhel".encode()) == ("", "")


async def test_a_connection_too_many_takes_the_place_of_one_that_waits() -> None:
    """Not of one whose request was read: its client would send it again."""
    async with serving() as server:
        busy = []
        for _ in range(2):
            busy.append(await asyncio.open_connection("127.0.0.1", server.port))
            busy[-1][1].write(f"{HEAD.replace('/ ', '/wait ')}\r\n".encode())
            await server.waiting.acquire()
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", server.port)
        idle_writer.write(f"{HEAD}\r\n".encode())
        async with asyncio.timeout(SOON_S):
            await idle_reader.readuntil(b"\r\n\r\n")
            # It never sends a request
            slow = await asyncio.open_connection("127.0.0.1", server.port)
            assert await idle_reader.read() == b""
            server.may_answer.set()
            for reader, _ in busy:
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
        for _, writer in [*busy, slow]:
            writer.close()
        idle_writer.close()
