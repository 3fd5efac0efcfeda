"""One POST: what is sent, what is read of the answer, and which errors a caller has to expect."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl

import pytest

from tests.support.engines import raw_server
from wsmon.recorder.http import HEAD_BYTES, BadAnswerError, HttpAnswer, post, reason

EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


class Server:
    """Keeps requests, and answers each with ``answer``."""

    def __init__(self, answer: bytes = EMPTY) -> None:
        self.answer = answer
        self.heads: list[list[str]] = []
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head.removesuffix("\r\n\r\n").split("\r\n"))
        (length,) = (int(line.split(": ")[1]) for line in self.heads[-1] if line.startswith("Content-Length"))
        self.bodies.append(await reader.readexactly(length))
        writer.write(self.answer)
        await writer.drain()


async def answer_to(reply: bytes, *, answer_bytes: int = 0) -> HttpAnswer:
    async with raw_server(Server(reply).serve) as port:
        return await post(f"http://127.0.0.1:{port}/", b"{}", answer_bytes=answer_bytes)


async def test_a_request_has_its_body_and_the_headers_of_the_caller() -> None:
    server = Server()
    async with raw_server(server.serve) as port:
        await post(f"http://127.0.0.1:{port}/v1/logs?a=b%20c", b'{"x":1}', {"X-Key": "k"})
    first, *headers = server.heads[0]
    assert first == "POST /v1/logs?a=b%20c HTTP/1.1"
    assert {f"Host: 127.0.0.1:{port}", "Content-Type: application/json", "Connection: close", "X-Key: k"} <= {*headers}
    assert server.bodies == [b'{"x":1}']


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"),
        ("?q=1", "/?q=1"),
        ("/a b/ü", "/a%20b/%C3%BC"),
        ("/done%2Fup", "/done%2Fup"),
        ("/x\r\nX-Evil:1", "/xX-Evil:1"),
    ],
)
async def test_a_target_is_percent_encoded(path: str, target: str) -> None:
    server = Server()
    async with raw_server(server.serve) as port:
        await post(f"http://127.0.0.1:{port}{path}", b"")
    assert server.heads[0][0] == f"POST {target} HTTP/1.1"


async def test_credentials_of_the_url_are_basic_authorization() -> None:
    server = Server()
    async with raw_server(server.serve) as port:
        await post(f"http://ada:p%40ss@127.0.0.1:{port}/", b"")
    assert "Authorization: Basic YWRhOnBAc3M=" in server.heads[0]
    assert f"Host: 127.0.0.1:{port}" in server.heads[0]


async def test_an_answer_has_its_status_and_the_first_of_each_header() -> None:
    reply = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nretry-after: 9\r\nX:  y \r\n\r\n"
    assert await answer_to(reply) == HttpAnswer(503, {"retry-after": "7", "x": "y"})


async def test_interim_answers_are_skipped() -> None:
    assert (await answer_to(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + EMPTY)).status == 204


@pytest.mark.parametrize(
    ("asked", "head", "body"),
    [
        (0, b"Content-Length: 4", b""),
        (4, b"Content-Length: 4", b"body"),
        (3, b"Content-Length: 4", b""),
        (9, b"X-Length: 4", b""),
        (9, b"Content-Length: -4", b""),
        (9, b"Content-Length: " + b"9" * 5_000, b""),
        (9, b"Content-Length: \xb2", b""),
    ],
)
async def test_a_body_is_read_up_to_the_size_that_was_asked_for(asked: int, head: bytes, body: bytes) -> None:
    assert (await answer_to(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\nbody", answer_bytes=asked)).body == body


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2_0 OK\r\n\r\n",
        b"HTTP/1.1 +20 OK\r\n\r\n",
        b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD_BYTES + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_is_not_http_is_refused(reply: bytes) -> None:
    with pytest.raises(BadAnswerError, match="the response is not HTTP"):
        await answer_to(reply)


async def test_a_connection_that_ends_before_the_answer_was_reset() -> None:
    with pytest.raises(ConnectionResetError, match="the connection ended before the response"):
        await answer_to(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"),
            os.strerror(errno.ECONNREFUSED),
        ),
        (OSError("Multiple exceptions: a, b"), "Multiple exceptions: a, b"),
        (ssl.SSLError(1, "[SSL] wrong version number"), "TLS: failed"),
    ],
)
def test_an_error_is_said_in_the_words_of_the_operating_system(error: OSError, sentence: str) -> None:
    assert reason(error) == sentence
