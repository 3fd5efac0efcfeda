"""The way to a connection: phases, refusals, redirects, TLS, proxies, and what each failure says."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve

from tests.support.engines import (
    SOON_AGAIN,
    SOON_S,
    Handler,
    accept,
    accepting,
    against,
    close_frame,
    frame,
    hang_up_when_closed,
    header,
    meta_of,
    raw_server,
    read_frame,
    read_head,
    running,
    spec,
)
from wsmon.config.specs import TlsSpec
from wsmon.engine.loop import new_event_loop
from wsmon.model.ends import why
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive


def on_own_loop(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a test on the recorder's event loop."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(coroutine)


async def accepting_peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts and waits for the end."""
    await accept(reader, writer)
    await hang_up_when_closed(reader, writer)


def answering(*answers: bytes) -> Handler:
    """A peer that answers each request in turn with these bytes and hangs up; afterwards it accepts."""
    left = list(answers)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not left:
            await accepting_peer(reader, writer)
            return
        await read_head(reader)
        writer.write(left.pop(0))
        await writer.drain()

    return handle


def response(status: str, *headers: str, body: str = "") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", *headers, "", body)
    return "\r\n".join(lines).encode()


def failure(event: Event) -> tuple[object, ...]:
    return (event.close_by, event.error_type, event.status, event.close_code, event.to_status)


# phases


def test_phases_are_measured_on_the_recorders_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, *rest: Any, **options: Any) -> Any:
        looked_up.append(host)
        return real("127.0.0.1", *rest, **options)

    monkeypatch.setattr("wsmon.engine.resolver.socket.getaddrinfo", look_up)

    async def run() -> None:
        async with against(accepting_peer, url="ws://feed.test:PORT/") as engine:
            completed = await engine.sink.wait("connection.completed")
            opened = engine.sink.named("connection.open")[0]
            times = {key: value for key, value in meta_of(completed).items() if key.endswith("_ms")}
            assert list(times) == ["dns_ms", "tcp_ms", "upgrade_ms"]
            assert all(0 < value < SOON_S * 1000 for value in times.values())
            assert {key for key in meta_of(opened) if key.endswith("_ms")} == {"dns_ms", "tcp_ms"}
            assert opened.duration_ns is not None
            assert completed.duration_ns is not None
            assert sum(times.values()) * 1e6 <= completed.duration_ns
            assert opened.duration_ns <= completed.duration_ns

    on_own_loop(run())
    assert looked_up == ["feed.test"]


async def test_a_foreign_loop_knows_the_upgrade_only() -> None:
    async with against(accepting_peer) as engine:
        completed = await engine.sink.wait("connection.completed")
        assert [key for key in meta_of(completed) if key.endswith("_ms")] == ["upgrade_ms"]


def test_a_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("wsmon.engine.resolver.socket.getaddrinfo", look_up)

    async def run() -> None:
        async with running(spec(80, url="ws://nowhere.test/")) as engine:
            ended = await engine.ended()
            assert failure(ended) == ("network", "dns", None, None, "disconnected")
            assert why(ended) == "cannot find host: no such name (NXDOMAIN) (nowhere.test:80)"
            assert engine.sink.path() == ["connecting", "disconnected", "reconnecting"]

    on_own_loop(run())


def test_a_dns_server_that_does_not_answer_delays_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    asked: list[str] = []

    def look_up(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        released.wait(SOON_S)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr("wsmon.engine.resolver.socket.getaddrinfo", look_up)

    async def run() -> None:
        async with raw_server(accepting_peer) as port:
            stuck = [spec(80, url=f"ws://stuck{n % 10}.test/", name=f"s{n}", open_timeout_s=0.2) for n in range(40)]
            async with running(*stuck, spec(port)) as engine:
                await engine.sink.wait("connection.completed", connection="feed")
                ended = await engine.sink.wait("connection.disconnected", connection="s39")
                assert failure(ended)[:2] == ("network", "dns")
                assert ended.error == "no answer from DNS for stuck9.test within 0.2 s"

    try:
        on_own_loop(run())
    finally:
        released.set()
    assert len(asked) == 10


async def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with running(spec(port)) as engine:
        ended = await engine.ended()
        assert failure(ended) == ("network", "tcp_refused", None, None, "disconnected")
        assert why(ended) == f"connection refused (127.0.0.1:{port})"


def test_a_closed_port_on_all_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(_host: str, port: int, *_: Any, **__: Any) -> Any:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("127.0.0.1", port)), (*kind, ("127.0.0.2", port))]

    monkeypatch.setattr("wsmon.engine.resolver.socket.getaddrinfo", look_up)

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        async with running(spec(port, url="ws://two.test:PORT/")) as engine:
            assert failure(await engine.ended())[:2] == ("network", "tcp_refused")

    on_own_loop(run())


# refusals


async def test_a_refused_upgrade_is_told_with_its_answer() -> None:
    refusal = response("403 Forbidden", "X-Why: quota", "Set-Cookie: sid=topsecret", body="no quota left\n")
    async with against(answering(refusal)) as engine:
        ended = await engine.ended()
        attempt = await engine.sink.wait("connection.reconnect.attempt")
        meta = meta_of(ended)
        assert failure(ended) == ("refusal", "http_status", 403, None, "disconnected")
        assert ended.duration_ns is None
        assert why(ended) == "403 Forbidden: the server refused the upgrade"
        assert (meta["body"], meta["open"], meta["attempt"]) == ("no quota left\n", False, 1)
        assert ["X-Why", "quota"] in meta["response_headers"]
        assert "topsecret" not in engine.sink.text()
        assert engine.sink.path()[:3] == ["connecting", "connected", "disconnected"]
        assert meta_of(attempt)["delay_ms"] >= 60_000


@pytest.mark.parametrize(
    ("answer", "delay_ms"),
    [
        (response("401 Unauthorized"), 60_000.0),
        (response("429 Too Many Requests", "Retry-After: 120"), 120_000.0),
        (response("503 Service Unavailable", "Retry-After: 999999"), 3_600_000.0),
        (response("503 Service Unavailable", "Retry-After: soon"), 10.0),
        (response("500 Internal Server Error"), 10.0),
    ],
)
async def test_how_soon_a_refused_upgrade_is_tried_again(answer: bytes, delay_ms: float) -> None:
    async with against(answering(answer), reconnect=SOON_AGAIN) as engine:
        attempt = await engine.sink.wait("connection.reconnect.attempt")
        assert meta_of(attempt)["delay_ms"] == delay_ms
        assert meta_of(attempt)["next_attempt_ns"] == pytest.approx(attempt.ts_ns + delay_ms * 1e6, abs=1e9)


async def test_a_long_body_is_cut() -> None:
    async with against(answering(response("500 Oops", body="x" * 100_000))) as engine:
        assert meta_of(await engine.ended())["body"] == "x" * 4096


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", ("refusal", "handshake")),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            ("refusal", "handshake"),
        ),
        (response("200 OK", body="<html>"), ("refusal", "http_status")),
        (b"", ("network", "eof")),
        (b"HTTP/1.1 101 Switching", ("network", "eof")),
    ],
)
async def test_an_answer_that_is_no_upgrade(answer: bytes, told: tuple[str, str]) -> None:
    async with against(answering(answer)) as engine:
        assert failure(await engine.ended())[:2] == told


async def test_a_peer_that_never_answers_is_given_up_in_time() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    async with against(hang, open_timeout_s=0.05) as engine:
        ended = await engine.ended()
        assert failure(ended) == ("network", "open_timeout", None, None, "disconnected")
        assert why(ended) == "no answer to the upgrade within 0.05 s"


async def test_a_dial_is_given_up_at_once_when_told() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        await reader.read()

    async with against(hang) as engine:
        await engine.sink.wait("connection.open")
        engine.supervisor.disable("feed")
        ended = await engine.ended()
        assert (ended.to_status, ended.close_by, ended.reason, ended.error_type) == ("closed", "us", "disabled", "")


@pytest.mark.parametrize("turns", range(5))
async def test_commands_while_a_dial_is_being_given_up(turns: int) -> None:
    async with against(accepting_peer) as engine:
        await engine.sink.wait("connection.open")
        engine.supervisor.disable("feed")
        for _ in range(turns):
            await asyncio.sleep(0)
        engine.supervisor.enable("feed")
        engine.supervisor.reconnect("feed")
        await engine.sink.wait("connection.completed")
        assert "error.occurred" not in engine.sink.names()
        assert all(not meta_of(event).get("illegal") for event in engine.sink.events if event.to_status)


# redirects


async def test_a_redirect_within_the_origin_is_followed_and_told() -> None:
    async with against(answering(response("307 Temporary Redirect", "Location: /new?token=abc"))) as engine:
        completed = await engine.sink.wait("connection.completed")
        assert meta_of(completed)["redirects"] == [f"ws://127.0.0.1:{engine.port}/new?token=[FILTERED]"]
        assert engine.sink.path() == ["connecting", "connected", "websocket_connected"]


# Made up
TOKEN = "q7Rk2vZ9xW4tB8nM1pL6sD3fG5hJ0cY7aK"


async def test_what_a_server_repeats_of_a_url_that_it_redirected_to_is_masked() -> None:
    async def repeating(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        if head.startswith("GET /session/"):
            said = frame(1, f"hello {TOKEN}".encode()) + close_frame(4001, f"no {TOKEN}")
            writer.write(accepting(head) + said)
            await hang_up_when_closed(reader, writer)
        else:
            writer.write(response("307 Temporary Redirect", f"Location: /session/{TOKEN}"))
            await writer.drain()

    async with against(repeating, protocol="raw") as engine:
        ended = await engine.ended()
        assert (ended.close_code, ended.reason) == (4001, "no [FILTERED]")
        assert engine.sink.named("message.received")[0].payload == b"hello [FILTERED]"
        assert TOKEN not in repr(engine.sink.events)


async def test_the_page_of_a_redirect_does_not_say_the_token_that_it_leads_to() -> None:
    page = f"Found. Redirecting to /ws/{TOKEN}"
    peer = answering(response("302 Found", f"Location: /ws/{TOKEN}", body=page))
    async with against(peer, redirects="none") as engine:
        ended = await engine.ended()
        assert meta_of(ended)["body"] == "Found. Redirecting to /ws/[FILTERED]"
        assert TOKEN not in repr(engine.sink.events)


@pytest.mark.parametrize(
    ("location", "policy", "sentence"),
    [
        ("/new", "none", 'redirect to ws://127.0.0.1:PORT/new refused. redirects = "none"'),
        (
            "ws://other.test/",
            "same-origin",
            'redirect to another origin refused: ws://other.test/. redirects = "any" allows it',
        ),
        ("ftp://other.test/", "any", "redirect to no WebSocket URL: ftp://other.test/"),
    ],
)
async def test_a_redirect_that_is_not_allowed(location: str, policy: str, sentence: str) -> None:
    peer = answering(response("302 Found", f"Location: {location}"))
    async with against(peer, redirects=policy) as engine:
        ended = await engine.ended()
        assert failure(ended)[:2] == ("refusal", "redirect_refused")
        assert ended.error == sentence.replace("PORT", str(engine.port))


async def test_redirects_end() -> None:
    peer = answering(*[response("302 Found", "Location: /again")] * 11)
    async with against(peer) as engine:
        assert (await engine.ended()).error == "more than 10 redirects"


async def test_another_origin_gets_no_message_that_holds_secrets() -> None:
    received: list[str] = []

    async def stranger(connection: ServerConnection) -> None:
        received.extend([str(message) async for message in connection])

    async with serve(stranger, "127.0.0.1", 0) as elsewhere:
        port = elsewhere.sockets[0].getsockname()[1]
        peer = answering(response("302 Found", f"Location: http://127.0.0.1:{port}/"))
        messages = ("plain", Sensitive("hello topsecret", "hello [FILTERED]"), '{"password":"x"}', "last")
        send = tuple(text if isinstance(text, Sensitive) else Sensitive(text) for text in messages)
        topics = (Sensitive("trades"), Sensitive("user.topsecret", "user.[FILTERED]"))
        async with against(peer, send=send, subscribe=topics, protocol="json", redirects="any") as engine:
            await engine.sink.wait("connection.completed")
            withheld = await engine.sink.wait("error.occurred")
            await engine.sink.wait("message.sent", count=2)
        assert (withheld.error_type, "another origin" in withheld.error) == ("secrets_withheld", True)
        assert engine.sink.names().count("error.occurred") == 1
    assert received[:2] == ["plain", "last"]
    assert "topsecret" not in "".join(received)


async def test_another_origin_gets_no_credentials() -> None:
    heads: list[str] = []

    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await accept(reader, writer))
        await hang_up_when_closed(reader, writer)

    async with raw_server(stranger) as elsewhere:
        peer = answering(response("302 Found", f"Location: http://127.0.0.1:{elsewhere}/"))
        headers = (
            ("Authorization", Sensitive("Basic eDp5")),
            ("X-Key", Sensitive("topsecret", "[FILTERED]")),
            ("X-Tenant", Sensitive("acme")),
        )
        offered = (Sensitive("bearer.topsecret", "bearer.[FILTERED]"), Sensitive("v1.feed"))
        async with against(peer, headers=headers, subprotocols=offered, redirects="any") as engine:
            await engine.sink.wait("connection.completed")
        names = ("Authorization", "X-Key", "X-Tenant", "Sec-WebSocket-Protocol")
        assert [header(heads[0], name) for name in names] == ["", "", "acme", "v1.feed"]


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def test_tls_is_measured_and_described(server_tls: ssl.SSLContext, ca: Path) -> None:
    async def run() -> None:
        async with against(accepting_peer, server_tls=server_tls, tls=TlsSpec(ca=ca)) as engine:
            completed = await engine.sink.wait("connection.completed")
            tls = meta_of(engine.sink.named("connection.open")[0])["tls"]
            times = {key for key in meta_of(completed) if key.endswith("_ms")}
            assert times == {"tcp_ms", "tls_ms", "upgrade_ms"}
            assert (tls["version"], tls["server_name"], tls["verified"]) == ("TLSv1.3", "127.0.0.1", True)
            assert set(tls) == {"version", "cipher", "server_name", "verified", "subject", "issuer", "expires"}
            assert tls["expires"].endswith("Z")

    on_own_loop(run())


async def test_a_certificate_that_nobody_vouches_for_is_refused(server_tls: ssl.SSLContext) -> None:
    async with against(accepting_peer, server_tls=server_tls) as engine:
        ended = await engine.ended()
        attempt = await engine.sink.wait("connection.reconnect.attempt")
        assert failure(ended) == ("us", "tls_certificate", None, None, "disconnected")
        assert ended.error == "certificate refused: unable to get local issuer certificate"
        assert engine.sink.path()[:2] == ["connecting", "disconnected"]
        assert meta_of(attempt)["delay_ms"] >= 60_000


async def test_a_certificate_for_another_name_is_refused(server_tls: ssl.SSLContext, ca: Path) -> None:
    tls = TlsSpec(ca=ca, server_name="other.test")
    async with against(accepting_peer, server_tls=server_tls, tls=tls) as engine:
        ended = await engine.ended()
        assert (ended.error_type, "other.test" in ended.error) == ("tls_certificate", True)


async def test_verification_can_be_switched_off(server_tls: ssl.SSLContext) -> None:
    async with against(accepting_peer, server_tls=server_tls, tls=TlsSpec(verify=False)) as engine:
        opened = await engine.sink.wait("connection.open")
        assert meta_of(opened)["tls"]["verified"] is False


async def test_a_ca_file_that_is_missing_is_told(tmp_path: Path) -> None:
    tls = TlsSpec(ca=tmp_path / "absent.pem")
    async with running(spec(1, url="wss://127.0.0.1:PORT/", tls=tls)) as engine:
        ended = await engine.ended()
        assert (ended.error_type, ended.close_by) == ("tls", "us")
        assert "absent.pem" in ended.error


async def test_tls_towards_a_peer_without_tls() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(response("400 Bad Request"))
        await writer.drain()

    async with against(handle, url="wss://127.0.0.1:PORT/") as engine:
        assert failure(await engine.ended())[:2] == ("network", "tls")


async def test_never_from_tls_to_plain(server_tls: ssl.SSLContext, ca: Path) -> None:
    peer = answering(response("302 Found", "Location: ws://127.0.0.1:1/"))
    async with against(peer, server_tls=server_tls, tls=TlsSpec(ca=ca), redirects="any") as engine:
        ended = await engine.ended()
        assert ended.error == "redirect to ws://127.0.0.1:1/ refused. It would leave TLS"


# proxies


class ConnectProxy:
    """An HTTP proxy that knows CONNECT only."""

    def __init__(self, status: str = "200 OK") -> None:
        self.heads: list[str] = []
        self._status = status

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        self.heads.append(head)
        writer.write(f"HTTP/1.1 {self._status}\r\nX-Proxy: tiny\r\n\r\n".encode())
        if not self._status.startswith("200"):
            return
        host, _, port = head.split()[1].rpartition(":")
        assert host == "127.0.0.1"
        await _forward(reader, writer, int(port))


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Connect to a port of this machine, and copy bytes both ways until both sides have ended."""
    peer_reader, peer_writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, peer_writer))
            group.create_task(_pump(peer_reader, writer))
    finally:
        peer_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
    writer.close()


def test_through_an_http_proxy_with_tls(server_tls: ssl.SSLContext, ca: Path) -> None:
    proxy = ConnectProxy()

    async def run() -> None:
        async with raw_server(accepting_peer, server_tls) as port, raw_server(proxy.handle) as proxy_port:
            through = Sensitive(
                f"http://user:pass@127.0.0.1:{proxy_port}", f"http://user:[FILTERED]@127.0.0.1:{proxy_port}"
            )
            wanted = spec(port, url="wss://127.0.0.1:PORT/", tls=TlsSpec(ca=ca), proxy=through)
            async with running(wanted) as engine:
                completed = await engine.sink.wait("connection.completed")
                opened = meta_of(engine.sink.named("connection.open")[0])
                times = [key for key in meta_of(completed) if key.endswith("_ms")]
                assert times == ["tcp_ms", "proxy_ms", "tls_ms", "upgrade_ms"]
                assert opened["peer"] == f"127.0.0.1:{proxy_port}"
                assert opened["proxy"].endswith(f"@127.0.0.1:{proxy_port}")
                assert "pass@" not in engine.sink.text()
            assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n")
            assert header(proxy.heads[0], "Proxy-Authorization") == "Basic dXNlcjpwYXNz"

    on_own_loop(run())


async def test_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = ConnectProxy()
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with raw_server(proxy.handle) as proxy_port:
        monkeypatch.setenv("ws_proxy", f"http://127.0.0.1:{proxy_port}")
        async with against(accepting_peer, proxy=Sensitive("env")) as engine:
            opened = await engine.sink.wait("connection.open")
            assert meta_of(opened)["proxy"] == f"http://127.0.0.1:{proxy_port}"


async def test_without_proxy_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ws_proxy", "http://127.0.0.1:1")
    async with against(accepting_peer) as engine:
        assert "proxy" not in meta_of(await engine.sink.wait("connection.open"))


async def test_a_proxy_that_refuses() -> None:
    proxy = ConnectProxy("407 Proxy Authentication Required")
    async with against(proxy.handle, url="ws://peer.test/", proxy=Sensitive("http://127.0.0.1:PORT")) as engine:
        ended = await engine.ended()
        assert failure(ended) == ("proxy", "proxy", 407, None, "disconnected")
        assert why(ended) == "the proxy refused: 407 Proxy Authentication Required"
        assert ["X-Proxy", "tiny"] in meta_of(ended)["response_headers"]


def test_a_proxy_that_hangs_up_is_told_once_and_leaves_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_head(reader)

    async def run() -> None:
        async with against(hang_up, url="ws://peer.test/", proxy=Sensitive("http://127.0.0.1:PORT")) as engine:
            ended = await engine.ended()
            assert failure(ended) == ("proxy", "proxy", None, None, "disconnected")

    on_own_loop(run())
    assert caplog.text == ""


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.6\r\n", b"x" * 20_000])
async def test_who_speaks_first_and_waits_is_no_http_server_and_that_is_told_at_once(banner: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        await hang_up_when_closed(reader, writer)

    async with against(speak, open_timeout_s=60.0) as engine:
        ended = await engine.ended()
        assert failure(ended) == ("refusal", "handshake", None, None, "disconnected")


class SocksProxy:
    """A SOCKS5 proxy (RFC 1928) without authentication that connects to IPv4 addresses and names."""

    def __init__(self) -> None:
        self.targets: list[tuple[str, int]] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _version, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        *_, address_type = await reader.readexactly(4)
        if address_type == 1:
            host = socket.inet_ntoa(await reader.readexactly(4))
        else:
            (length,) = await reader.readexactly(1)
            host = (await reader.readexactly(length)).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.targets.append((host, port))
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        await _forward(reader, writer, port)


@pytest.mark.parametrize(("scheme", "host"), [("socks5", "127.0.0.1"), ("socks5h", "localhost")])
async def test_through_a_socks_proxy(scheme: str, host: str) -> None:
    proxy = SocksProxy()
    async with raw_server(accepting_peer) as port, raw_server(proxy.handle) as proxy_port:
        through = f"{scheme}://127.0.0.1:{proxy_port}"
        async with running(spec(port, url=f"ws://{host}:PORT/", proxy=Sensitive(through))) as engine:
            opened = meta_of(await engine.sink.wait("connection.open"))
            assert opened["proxy"] == through
        assert proxy.targets == [(host, port)]


async def test_socks_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect_socks_proxy(*_: object, **__: object) -> None:
        raise ImportError("connecting through a SOCKS proxy requires python-socks")

    # as the library behaves where python-socks is not installed
    monkeypatch.setattr("websockets.asyncio.client.connect_socks_proxy", connect_socks_proxy)
    async with running(spec(80, proxy=Sensitive("socks5://127.0.0.1:1"))) as engine:
        gave_up = await engine.sink.wait("connection.transition")
        assert (gave_up.to_status, gave_up.error_type) == ("error", "proxy")
        assert gave_up.error == "SOCKS needs python-socks: pip install 'wsmon[socks]'"


async def test_a_close_right_after_the_upgrade_is_an_open_session() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(close_frame(1013, "full"))
        await read_frame(reader)

    async with against(handle) as engine:
        ended = await engine.ended()
        assert (ended.close_code, ended.from_status) == (1013, "websocket_connected")
