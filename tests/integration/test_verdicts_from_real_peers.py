"""Servers that misbehave on loopback, a real engine, and the verdict on what it saw."""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.engines import SOON_AGAIN, SOON_S, Engine, raw_server, running, spec
from tests.judging import Court
from tests.peers import SCENARIOS, Peers, script
from wsmon.config.specs import PingSpec, TlsSpec
from wsmon.demo.scenario import Scenario
from wsmon.model.events import Verdict
from wsmon.model.secret import Sensitive

PEER = Path(__file__).with_name("peer_child.py")
LIMIT_BYTES = 1 << 20
CLOSES = (
    (1000, "bye", "1000 normal closure", "“bye”, 1000 by peer; the server considers the conversation done"),
    (1001, "", "1001 going away", "closed by peer: 1001 going away; the server is shutting down"),
    (1011, "oops", "1011 internal error", "“oops”, 1011 by peer; the server met an error of its own"),
    (1012, "", "1012 service restart", "closed by peer: 1012 service restart; the server is restarting"),
    (1013, "", "1013 try again later", "closed by peer: 1013 try again later; the server is overloaded"),
    (3000, "", "3000 unauthorized", "closed by peer: 3000 unauthorized; the server does not accept who we are"),
    (4321, "", "4321 application-defined", "closed by peer: 4321 application-defined; the code is the service's own"),
)


@asynccontextmanager
async def recording(url: str, **fields: object) -> AsyncIterator[Engine]:
    """An engine with one connection to that address."""
    async with running(spec(0, url=url, **fields)) as engine:
        yield engine


def refusing(status: int, headers: str = "", body: str = "no") -> Scenario:
    """A server that answers every upgrade with that status."""
    return script(f'[[handshake]]\ndo = "refuse"\nstatus = {status}\nheaders = {{ {headers} }}\nbody = "{body}"\n')


async def judged(url: str, losses: int = 1, **fields: object) -> Verdict:
    """The verdict on the end of that many sessions."""
    async with recording(url, **fields) as engine:
        await engine.ended(losses)
        return verdict_of(engine)


def verdict_of(engine: Engine) -> Verdict:
    """The last verdict on what the engine told."""
    court = Court()
    found = [verdict for event in engine.sink.events if (verdict := court.judge(event)) is not None]
    return found[-1]


@pytest.mark.parametrize(("code", "reason", "means", "cause"), CLOSES)
async def test_a_server_that_closes(peers: Peers, code: int, reason: str, means: str, cause: str) -> None:
    server = await peers.start(script(f'[[step]]\ndo = "close"\ncode = {code}\nreason = "{reason}"\n'))
    verdict = await judged(server.url)
    assert (verdict.by, verdict.code) == ("peer", means)
    assert verdict.cause.startswith(cause)


@pytest.mark.parametrize(
    ("scenario", "by", "code", "cause"),
    [
        ("no_close_frame", "network", "no close frame", "no close frame: connection lost (1006); the server or some"),
        ("invalid_utf8", "us", "1007 invalid UTF-8, sent by us", "we closed with 1007: "),
        ("oversized", "us", "1009 message too big, sent by us", "we closed with 1009: message too big"),
        ("garbage_frames", "us", "1002 protocol error, sent by us", "we closed with 1002: the peer broke the protocol"),
        ("http_401", "refusal", "HTTP 401 Unauthorized", "401 Unauthorized: the server refused the upgrade; "),
        ("http_503", "refusal", "HTTP 503 Service Unavailable", "503 Service Unavailable: the server refused the"),
        ("garbage_handshake", "refusal", "", "the answer to the upgrade is no HTTP"),
        ("redirect_away", "refusal", "", "redirect"),
    ],
)  # fmt: skip
async def test_a_server_that_misbehaves(peers: Peers, scenario: str, by: str, code: str, cause: str) -> None:
    server = await peers.start(scenario)
    verdict = await judged(server.url, max_message_bytes=LIMIT_BYTES)
    assert (verdict.by, verdict.code) == (by, code)
    assert verdict.cause.startswith(cause)


async def test_a_server_that_resets(peers: Peers) -> None:
    server = await peers.start("reset")
    verdict = await judged(server.url, send=(Sensitive("hello"),))
    assert (verdict.by, verdict.code) == ("network", "no close frame")
    assert verdict.cause.startswith("no close frame: connection reset (1006); the server crashed or was killed")


async def test_a_frozen_server_is_silent(peers: Peers) -> None:
    server = await peers.start("freeze")
    verdict = await judged(server.url, ping=PingSpec(0.05, 0.2))
    assert (verdict.by, verdict.code) == ("heartbeat", "1011 internal error, sent by us")
    assert "the network went silent, or the server hangs" in verdict.cause


async def test_a_server_that_answers_no_ping_is_alive(peers: Peers) -> None:
    server = await peers.start("ignores_pings")
    verdict = await judged(server.url, ping=PingSpec(0.05, 0.3))
    assert verdict.by == "heartbeat"
    assert "the server is alive, and does not answer pings in time" in verdict.cause


async def test_a_stopped_server_is_silent() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, PEER, SCENARIOS / "echo.toml", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        url = (await child.stdout.readline()).decode().strip()
        async with asyncio.timeout(SOON_S), recording(url, ping=PingSpec(0.05, 0.3)) as engine:
            await engine.sink.wait("heartbeat.responded")
            child.send_signal(signal.SIGSTOP)
            await engine.ended()
            verdict = verdict_of(engine)
    finally:
        child.kill()
        await child.wait()
    assert verdict.by == "heartbeat"
    assert "the network went silent, or the server hangs" in verdict.cause


async def test_a_killed_server_leaves_no_close_frame() -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, PEER, SCENARIOS / "echo.toml", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        url = (await child.stdout.readline()).decode().strip()
        async with asyncio.timeout(SOON_S), recording(url) as engine:
            await engine.sink.wait("connection.completed")
            child.kill()
            await engine.ended()
            verdict = verdict_of(engine)
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
    assert (verdict.by, verdict.code) == ("network", "no close frame")
    assert "a process that is killed looks like this too" in verdict.cause


@pytest.mark.parametrize(
    ("status", "headers", "cause", "step"),
    [
        (200, 'Content-Type = "text/html"', "login page of a network", "open the URL with https://"),
        (403, "", "the server does not allow this", "check what the credentials are allowed to do"),
        (426, 'Sec-WebSocket-Version = "8"', "another version of the protocol", "check the proxies on the way"),
        (429, 'Retry-After = "7"', "limits how often one may connect", "wait as the server asks (Retry-After: 7)"),
        (502, "", "a gateway before the server", "nothing to do if it is rare"),
    ],
)
async def test_a_server_that_refuses(peers: Peers, status: int, headers: str, cause: str, step: str) -> None:
    server = await peers.start(refusing(status, headers))
    verdict = await judged(server.url)
    assert (verdict.by, verdict.code.split()[:2]) == ("refusal", ["HTTP", str(status)])
    assert cause in verdict.cause
    assert verdict.next.startswith(step)


async def test_a_server_that_accepts_and_rejects_again_and_again(peers: Peers) -> None:
    server = await peers.start(script('[[step]]\ndo = "close"\ncode = 4000\nreason = "not now"\n'))
    verdict = await judged(server.url, losses=4, reconnect=SOON_AGAIN)
    assert verdict.cause.startswith("“not now”, 4000 by peer; the last ")
    assert verdict.cause.endswith(
        "losses all came within 5 s of opening: the server accepts the connection and then rejects it"
    )
    assert len(verdict.evidence) >= 3


# certificates


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA, tmp_path: Path) -> TlsSpec:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return TlsSpec(ca=path)


def server_tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def self_signed(authority: trustme.CA, folder: Path) -> ssl.SSLContext:
    """A server that shows the certificate of an authority as its own."""
    both = folder / "both.pem"
    both.write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(both)
    return context


async def answer_in_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A web server that does not understand what begins TLS."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await reader.read()


async def test_an_expired_certificate(peers: Peers, authority: trustme.CA, trusting: TlsSpec) -> None:
    now = datetime.now(UTC)
    old = authority.issue_cert("127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
    server = await peers.start("echo", ssl=server_tls(old))
    verdict = await judged(server.url, tls=trusting)
    assert (verdict.by, verdict.code) == ("us", "")
    assert verdict.cause == (
        "certificate refused: certificate has expired; the certificate of the server has expired, or the clock here is "
        "wrong"
    )


async def test_a_self_signed_certificate(peers: Peers, authority: trustme.CA, tmp_path: Path) -> None:
    server = await peers.start("echo", ssl=self_signed(authority, tmp_path))
    verdict = await judged(server.url)
    assert verdict.by == "us"
    assert verdict.cause == (
        "certificate refused: self-signed certificate; the server vouches for itself: no authority signed its "
        "certificate"
    )


async def test_a_certificate_for_another_host(peers: Peers, authority: trustme.CA, trusting: TlsSpec) -> None:
    server = await peers.start("echo", ssl=server_tls(authority.issue_cert("other.test")))
    verdict = await judged(server.url, tls=trusting)
    assert verdict.by == "us"
    assert verdict.cause.endswith("; the certificate of the server is for another name")


async def test_a_certificate_of_an_unknown_authority(peers: Peers, authority: trustme.CA) -> None:
    server = await peers.start("echo", ssl=server_tls(authority.issue_cert("127.0.0.1")))
    verdict = await judged(server.url)
    assert "the authority behind the certificate is not known here" in verdict.cause


async def test_plain_http_on_a_port_that_should_speak_tls() -> None:
    async with raw_server(answer_in_plain) as port:
        verdict = await judged(f"wss://127.0.0.1:{port}/")
    assert verdict.by == "network"
    assert "the other side does not speak TLS on this port" in verdict.cause


async def test_nothing_listens(peers: Peers) -> None:
    server = await peers.start("echo")
    port = server.port
    await server.__aexit__(None, None, None)
    verdict = await judged(f"ws://127.0.0.1:{port}/")
    assert (
        verdict.cause
        == f"connection refused (127.0.0.1:{port}); nothing listens on that port, or a firewall rejects us"
    )
