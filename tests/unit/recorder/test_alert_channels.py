"""Alerts to real programs, and to HTTP servers on loopback, that work, fail, hang or redirect."""

from __future__ import annotations

import asyncio
import os
import ssl
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from tests.support.background import background
from tests.support.engines import raw_server
from tests.support.fake_ports import FakeClock
from wsmon.model.redact.masking import Sensitive, mask_secrets
from wsmon.recorder.alert_channels import OUTPUT_BYTES, AlertFailedError, CommandChannel, WebhookChannel

BODY = b'{"text":"feed: stall: no data"}'
SOON_S = 5.0
Program = Callable[..., CommandChannel]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A shell script as an alert command."""

    def make(text: str, *arguments: str, limit_s: float = SOON_S) -> CommandChannel:
        script = tmp_path / "alert.sh"
        script.write_text(f"#!/bin/sh\ncd {tmp_path}\n{text}\n")
        script.chmod(stat.S_IRWXU)
        command = (str(script), *arguments)
        return CommandChannel(
            tuple(Sensitive(each, mask_secrets(each, ["hunter22"])) for each in command),
            lambda text: mask_secrets(text, ["hunter22"]),
            limit_s=limit_s,
        )

    return make


async def test_it_gets_the_alert_on_stdin_and_its_arguments_untouched(program: Program, tmp_path: Path) -> None:
    await program('cat > got; printf %s "$1" > argument', "$(id); `id` 'x' hunter22").deliver(BODY)
    assert (tmp_path / "got").read_bytes() == BODY
    assert (tmp_path / "argument").read_text() == "$(id); `id` 'x' hunter22"


async def test_an_exit_code_is_a_failure(program: Program) -> None:
    with pytest.raises(AlertFailedError, match=r"alert\.sh ended with exit code 3$"):
        await program("exit 3").deliver(BODY)
    with pytest.raises(AlertFailedError, match=r"alert\.sh was ended by signal 9$"):
        await program("kill -9 $$").deliver(BODY)


async def test_one_that_cannot_be_started_is_a_failure(tmp_path: Path) -> None:
    for name in ("/nonexistent/alert", str(tmp_path), "a\0b"):
        with pytest.raises(AlertFailedError, match="cannot be started"):
            await CommandChannel((Sensitive(name),), str).deliver(BODY)


async def test_one_that_hangs_is_killed_with_all_it_started(program: Program, tmp_path: Path) -> None:
    way = program("sh -c 'echo $$ > child; exec sleep 600' & wait", limit_s=1.0)
    with pytest.raises(AlertFailedError, match="took longer than 1 s and was killed"):
        await way.deliver(BODY)
    await _until_gone(int((tmp_path / "child").read_text()))


async def test_a_cancelled_alert_leaves_no_program(program: Program, tmp_path: Path) -> None:
    way = program("echo $$ > pid.part; mv pid.part pid; exec sleep 600")
    async with background(way.deliver(BODY), "alert"), asyncio.timeout(SOON_S):
        while not (tmp_path / "pid").exists():
            await asyncio.sleep(0.01)  # another process tells nobody
    await _until_gone(int((tmp_path / "pid").read_text()))


async def test_what_it_leaves_running_is_left_running_and_not_waited_for(program: Program, tmp_path: Path) -> None:
    await program("sleep 600 & echo $! > left").deliver(BODY)
    left = int((tmp_path / "left").read_text())
    os.kill(left, 0)  # raises where there is none
    os.kill(left, 9)


async def test_what_it_prints_is_in_the_log_without_secrets(program: Program, caplog: pytest.LogCaptureFixture) -> None:
    await program("echo sent with hunter22; printf 'bad \\033[31m' >&2").deliver(BODY)
    said = [record.getMessage().partition("alert.sh: ")[2] for record in caplog.records]
    assert said == ["sent with [FILTERED]", "bad ␛[31m"]


async def test_a_program_that_floods_is_read_to_its_end_and_logged_in_part(
    program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    await program("head -c 3000000 /dev/zero | tr '\\0' x").deliver(BODY)
    assert 0 < sum(len(record.getMessage()) for record in caplog.records) <= OUTPUT_BYTES


async def test_a_program_that_reads_nothing_may_still_succeed(program: Program) -> None:
    await program("exit 0").deliver(b"x" * 1_000_000)


async def test_any_program_will_do() -> None:
    await CommandChannel((Sensitive(sys.executable), Sensitive("-c"), Sensitive("")), str).deliver(BODY)


async def _until_gone(pid: int) -> None:
    async with asyncio.timeout(SOON_S):
        while _is_running(pid):
            await asyncio.sleep(0.01)  # another process tells nobody


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


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
        (b"HTTP/1.1 2", "cannot be reached: the connection ended before the response, 3 times"),
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
        (answer("404 Not Found"), "answered 404: alert rejected"),
        (answer("302 Found", "Location: http://127.0.0.1:1/"), "answered 302: a redirect, which is not followed"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "did not respond with HTTP"),
        (b"HTTP/1.1 200 " + b"x" * 40_000, "did not respond with HTTP"),
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
        with pytest.raises(AlertFailedError, match="has an invalid certificate: "):
            await way.deliver(BODY)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        await way.deliver(BODY)
    assert (hook.bodies, hook.pauses_s) == ([BODY], [])
