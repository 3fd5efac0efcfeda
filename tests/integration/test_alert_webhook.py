"""Alerts by HTTP to servers on loopback that answer, refuse, stall, redirect and break off."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from tests.support.engines import raw_server
from tests.tui.fakes import FakeClock
from wsmon.model.redact.masking import Sensitive
from wsmon.recorder.alert_channels import AlertFailedError, WebhookChannel

BODY = b'{"text":"feed: stall: no data"}'
HANG = b""
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def answer(status: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "Content-Length: 0", "", "")).encode()


class Hook:
    """A server that gives these answers in turn, and what it was asked."""

    def __init__(self, *answers: bytes) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.pauses_s: list[float] = []
        self._answers = list(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        self.bodies.append(await reader.readexactly(len(BODY)))
        reply = self._answers.pop(0)
        if reply == HANG:
            await reader.read()
        writer.write(reply)
        await writer.drain()

    async def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)


@asynccontextmanager
async def serving(hook: Hook, path: str = "/hook?token=hunter22", user: str = "") -> AsyncIterator[WebhookChannel]:
    """A way to the hook that tries for half a second and never rests."""
    async with raw_server(hook.serve) as port:
        url = f"http://{user}127.0.0.1:{port}{path}"
        masked = url.replace("hunter22", "[FILTERED]")
        yield WebhookChannel(Sensitive(url, masked), FakeClock(), try_s=0.5, sleep=hook.sleep)


async def test_it_posts_the_alert() -> None:
    hook = Hook(OK)
    async with serving(hook, "/a b/ü?x=ä&y={}", "us%40er:p%3Aw@") as way:
        await way.deliver(BODY)
    assert hook.bodies == [BODY]
    first, *lines = hook.heads[0].strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert first == "POST /a%20b/%C3%BC?x=%C3%A4&y=%7B%7D HTTP/1.1"
    assert headers.pop("Host").startswith("127.0.0.1:")
    assert headers.pop("User-Agent").startswith("wsmon/")
    assert headers == {
        "Content-Type": "application/json",
        "Content-Length": str(len(BODY)),
        "Connection": "close",
        "Authorization": "Basic dXNAZXI6cDp3",
    }


@pytest.mark.parametrize("passing", [answer("500 Oops"), answer("503 Busy"), answer("408 Slow"), HANG, b"HTTP/1.1 2"])
async def test_what_may_pass_is_tried_again(passing: bytes) -> None:
    hook = Hook(passing, passing, OK)
    async with serving(hook) as way:
        await way.deliver(BODY)
    assert (len(hook.bodies), hook.pauses_s) == (3, [0.5, 2.0])


@pytest.mark.parametrize(
    ("passing", "why"),
    [
        (answer("500 Oops"), "answered 500, 3 times"),
        (HANG, "did not answer within 0.5 s, 3 times"),
        (b"HTTP/1.1 2", "cannot be reached: the connection ended before the answer, 3 times"),
    ],
)
async def test_the_third_failure_is_the_last_and_says_no_secret(passing: bytes, why: str) -> None:
    hook = Hook(*[passing] * 3)
    async with serving(hook) as way:
        with pytest.raises(AlertFailedError) as caught:
            await way.deliver(BODY)
    assert str(caught.value).startswith("http://127.0.0.1:")
    assert str(caught.value).endswith(f"/hook?token=[FILTERED] {why}")
    assert len(hook.bodies) == 3


@pytest.mark.parametrize(
    ("asked", "pause_s"),
    [("7", 7.0), ("3600", 30.0), ("0", 0.0), ("Sat, 10 Jan 2026 14:02:36 GMT", 12.0), ("soon", 0.5)],
)
async def test_a_server_that_asks_for_patience_gets_it_up_to_half_a_minute(asked: str, pause_s: float) -> None:
    hook = Hook(answer("429 Too Many Requests", f"Retry-After: {asked}"), OK)
    async with serving(hook) as way:
        await way.deliver(BODY)
    assert hook.pauses_s == [pause_s]


@pytest.mark.parametrize(
    ("final", "why"),
    [
        (answer("404 Not Found"), "answered 404: the alert is refused"),
        (answer("302 Found", "Location: http://127.0.0.1:1/"), "answered 302: a redirect, which is not followed"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "does not answer in HTTP"),
        (b"HTTP/1.1 200 " + b"x" * 40_000, "does not answer in HTTP"),
    ],
)
async def test_what_another_try_would_not_mend_is_not_tried_again(final: bytes, why: str) -> None:
    hook = Hook(final)
    async with serving(hook) as way:
        with pytest.raises(AlertFailedError, match=why):
            await way.deliver(BODY)
    assert (len(hook.bodies), hook.pauses_s) == (1, [])


async def test_an_interim_answer_is_not_the_answer() -> None:
    hook = Hook(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)
    async with serving(hook) as way:
        await way.deliver(BODY)
    assert len(hook.bodies) == 1


async def test_nobody_listening_is_a_failure() -> None:
    hook = Hook()
    async with raw_server(hook.serve) as port:
        pass
    way = WebhookChannel(Sensitive(f"http://127.0.0.1:{port}/"), FakeClock(), sleep=hook.sleep)
    with pytest.raises(AlertFailedError, match=r"cannot be reached: .*refused.*, 3 times"):
        await way.deliver(BODY)


async def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    hook = Hook(OK)
    async with raw_server(hook.serve, server) as port:
        way = WebhookChannel(Sensitive(f"https://localhost:{port}/"), FakeClock(), sleep=hook.sleep)
        with pytest.raises(AlertFailedError, match="shows a bad certificate: "):
            await way.deliver(BODY)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        await way.deliver(BODY)
    assert (hook.bodies, hook.pauses_s) == ([BODY], [])
