"""Servers that misbehave on loopback, a recorder of its own, and who ended it and why as the store has it of each."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import trustme

from tests.support.engines import raw_server
from tests.support.peers import SCENARIOS, Peers, script
from tests.support.processes import DEADLINE_S, POLL_S, Home, Recorder, stored
from wsmon.demo.scenario import Scenario
from wsmon.model.ends import code_meaning
from wsmon.model.events import Verdict

PEER = Path(__file__).with_name("peer_child.py")
DEFAULTS = """
[defaults]
protocol = "raw"
open_timeout = "2s"
close_timeout = "500ms"
ping = { interval = "0s" }
reconnect = { initial = "1h", max = "1h" }
"""
PINGS = 'ping = { interval = "100ms", timeout = "500ms" }\n'


class Told(NamedTuple):
    """What a verdict has to say."""

    by: str
    code: str
    cause: str
    """Words of it."""
    next: str
    """How it begins."""


def refusing(status: int, headers: str = "") -> Scenario:
    """A server that answers every upgrade with that status."""
    return script(f'[[handshake]]\ndo = "refuse"\nstatus = {status}\nheaders = {{ {headers} }}\nbody = "no"\n')


def closing(code: int | None, reason: str = "") -> Scenario:
    """A server that says something, and closes with that."""
    given = "" if code is None else f'code = {code}\nreason = "{reason}"\n'
    return script(f'[[step]]\ndo = "send"\ntext = "hello"\n[[step]]\ndo = "close"\n{given}')


def connection(name: str, url: str, keys: str = "") -> str:
    """An entry of the configuration."""
    return f'[[connection]]\nname = "{name}"\nurl = "{url}"\n{keys}\n'


def differing(verdicts: Mapping[str, Verdict], told: Mapping[str, Told]) -> dict[str, Verdict]:
    """The verdicts that say something else."""
    return {
        name: verdicts[name]
        for name, (by, code, cause, next_step) in told.items()
        if (verdicts[name].by, verdicts[name].code) != (by, code)
        or cause not in verdicts[name].cause
        or not verdicts[name].next.startswith(next_step)
    }


CODES: Mapping[int | None, tuple[str, str]] = {
    1000: ("usually the server considers the session finished", "no action needed if this is rare"),
    1001: (
        "usually the server, or a proxy in front of it, is shutting down or moving its clients elsewhere",
        "no action needed if this is rare",
    ),
    1002: (
        "the server received something from the client that the protocol does not allow",
        "check the last frames sent, and test without intermediate proxies: some alter frames",
    ),
    1003: (
        "the server does not accept this kind of message, such as binary instead of text or vice versa",
        "check the opcode of the last message sent",
    ),
    None: ("the server closed without giving a reason", "ask the server operator for the log"),
    1007: (
        (
            "the server received a message from the client whose data does not match its type, such "
            "as text that is not "
            "valid UTF-8"
        ),
        "check the encoding of the last messages sent against the service documentation",
    ),
    1008: (
        (
            "a server policy was violated: usually credentials, a rate or connection limit, or a request that is not "
            "allowed"
        ),
        "check the credentials, the service's limits and the last messages sent",
    ),
    1009: ("a message from the client is larger than the server accepts", "send smaller messages"),
    1010: ("a required extension was not negotiated", "compare the extensions"),
    1011: ("internal server error", "report it to the server operator"),
    1012: ("the server announced a restart", "no action needed if this is rare"),
    1013: ("usually the server is overloaded and dropping connections", "connect less often: raise reconnect.initial"),
    1014: ("a gateway in front of the server received a bad response from it", "report it to the server operator"),
    3000: ("the server rejected the credentials", "check the credentials"),
    3003: ("the server accepted the identity but does not allow this", "check what these credentials"),
    3008: ("usually it waited too long for something from the client", "lower ping.interval"),
    3999: ("the code is specific to the service", "look up the code"),
    4000: ("the code is specific to the service", "look up the code"),
    4999: ("the code is specific to the service", "look up the code"),
}
# That no close frame may carry
FORBIDDEN_CODES = (999, 1004, 1005, 1006, 1015, 2999)


async def test_every_close_code_of_a_server(home: Home, peers: Peers) -> None:
    told: dict[str, Told] = {}
    entries = [DEFAULTS]
    for code, (cause, next_step) in CODES.items():
        shown = "1005 no code given" if code is None else f"{code} {code_meaning(code)}"
        told[f"code-{code}"] = Told("peer", shown, cause, next_step)
        entries.append(connection(f"code-{code}", (await peers.start(closing(code))).url))
    for code in FORBIDDEN_CODES:
        broken = f"the peer broke the protocol: it closed with {code}, a code not allowed in a close frame; the server"
        told[f"code-{code}"] = Told(
            "us", "1002 protocol error, sent by wsmon", broken, "report it to the server operator"
        )
        entries.append(connection(f"code-{code}", (await peers.start(closing(code))).url))
    recorder = await home.record(home.write("".join(entries)))
    assert differing(await recorder.judged(*told), told) == {}


async def test_words_and_codes_of_a_protocol_tell_more_than_the_number(home: Home, peers: Peers) -> None:
    limit = await peers.start(closing(1008, "rate limit exceeded"))
    graphql = await peers.start(
        script('[[handshake]]\nsubprotocols = ["graphql-transport-ws"]\n[[step]]\ndo = "close"\ncode = 4408\n')
    )
    offered = 'protocol = "graphql-ws"\nsubprotocols = ["graphql-transport-ws"]\n'
    entries = (DEFAULTS, connection("limit", limit.url), connection("graphql", graphql.url, offered))
    timeout = "4408 connection initialisation timeout"
    told = {
        "limit": Told(
            "peer",
            "1008 policy violation",
            "“rate limit exceeded”, 1008, closed by peer; a rate or volume limit",
            "send",
        ),
        "graphql": Told("peer", timeout, "calls this “connection initialisation timeout”", "send the login"),
    }
    recorder = await home.record(home.write("".join(entries)))
    assert differing(await recorder.judged(*told), told) == {}


REFUSALS: Mapping[int, tuple[str, str, str, str]] = {
    200: ('Content-Type = "text/html"', "OK", (
        "a web page was returned instead of a WebSocket: possibly the host or path is wrong, a proxy or CDN in "
        "front of the server does not forward Upgrade"), "check the host and path"),
    400: ("", "Bad Request", "does not accept the request as an upgrade", "compare the URL, Host"),
    401: ('WWW-Authenticate = "Bearer"', "Unauthorized", "the server requires credentials", "check the cred"),
    403: ("", "Forbidden", "the server does not allow this", "check what the credentials are allowed to do"),
    404: ("", "Not Found", "nothing found at this path", "check the path of the URL"),
    426: ('Sec-WebSocket-Version = "8"', "Upgrade Required", (
        "possibly the server requires another protocol version, or something on the network path removed the "
        "Upgrade header"), "check intermediate proxies, the Upgrade"),
    429: ('Retry-After = "7"', "Too Many Requests", "limit on connection", "wsmon waits 7.0 s, as the server"),
    500: ("", "Internal Server Error", "internal server error", "report it to the server operator"),
    502: ("", "Bad Gateway", (
        "a gateway in front of the server got no valid response from it: likely it is down, restarting or too "
        "slow"), "no action needed if this is rare"),
    503: ('Retry-After = "120"', "Service Unavailable", "overloaded or under maintenance", "wsmon waits 2m, as "),
    504: ("", "Gateway Timeout", "gateway timeout: the server did not respond", "no action needed if this is rare"),
}  # fmt: skip


async def test_every_refusal_of_an_upgrade(home: Home, peers: Peers) -> None:
    told: dict[str, Told] = {}
    entries = [DEFAULTS]
    for status, (headers, phrase, cause, next_step) in REFUSALS.items():
        told[f"http-{status}"] = Told("refusal", f"HTTP {status} {phrase}", cause, next_step)
        entries.append(connection(f"http-{status}", (await peers.start(refusing(status, headers))).url))
    recorder = await home.record(home.write("".join(entries)))
    assert differing(await recorder.judged(*told), told) == {}


GAVE_UP = "1011 heartbeat timeout, sent by wsmon"
BROKEN: Mapping[str, tuple[str, Told]] = {
    "no_close_frame": ("", Told("network", "no close frame", "connection lost (1006)", "check the server log")),
    "reset": ('send = ["x"]', Told("network", "no close frame", "connection reset (1006)", "check the server log")),
    "freeze": (PINGS, Told("heartbeat", GAVE_UP, "does not answer pings", "check whether the server")),
    "ignores_pings": (PINGS, Told("heartbeat", GAVE_UP, "data still arrived", "raise ping")),
    "invalid_utf8": ("", Told("us", "1007 invalid payload data, sent by wsmon", "is not valid UTF-8", "report it")),
    "oversized": ("", Told("us", "1009 message too big, sent by wsmon", "the limit is 1048576", "raise max_message")),
    "garbage_frames": (
        "",
        Told("us", "1002 protocol error, sent by wsmon", "the peer broke the protocol", "report it"),
    ),
    "garbage_handshake": ("", Told("refusal", "", "the answer to the upgrade is no HTTP", "check the host and port")),
    "redirect_away": (
        "", Told("refusal", "HTTP 302 Found", "redirect to another origin refused", "use that address as the URL")
    ),
    "hang": ("", Told("network", "", "no answer to the upgrade within 2 s", "check the port")),
}  # fmt: skip


async def test_every_other_way_to_break_a_connection(home: Home, peers: Peers) -> None:
    entries = [DEFAULTS, connection("dns", "ws://nowhere.invalid/")]
    for name, (keys, _) in BROKEN.items():
        entries.append(connection(name, (await peers.start(name)).url, keys))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    told = {name: expected for name, (_, expected) in BROKEN.items()}
    told["port"] = Told("network", "", "connection refused", "check the host and port")
    told["dns"] = Told("network", "", "nowhere.invalid", "check ")
    told["stopped"] = Told("heartbeat", GAVE_UP, "likely the network path is dead, or the server hangs", "check the ")
    async with child_server() as (url, child):
        entries += connection("port", f"ws://127.0.0.1:{port}/"), connection("stopped", url, PINGS)
        recorder = await home.record(home.write("".join(entries)))
        await answered(recorder, "stopped")
        child.send_signal(signal.SIGSTOP)
        assert differing(await recorder.judged(*told), told) == {}


async def test_a_server_that_is_killed_leaves_no_close_frame(home: Home) -> None:
    async with child_server() as (url, child):
        recorder = await home.record(home.write(DEFAULTS + connection("killed", url, PINGS)))
        await answered(recorder, "killed")
        child.kill()
        # the kernel ends it with a FIN, or with a RST where a ping of ours was not read
        told = {"killed": Told("network", "no close frame", " killed", "check the server log")}
        assert differing(await recorder.judged(*told), told) == {}


async def test_a_server_that_accepts_and_rejects_again_and_again(home: Home, peers: Peers) -> None:
    url = (await peers.start(closing(4000, "not now"))).url
    retry = 'reconnect = { initial = "20ms", max = "50ms", max_attempts = 6 }'
    recorder = await home.record(home.write(DEFAULTS + connection("door", url, retry)))
    losses = await recorder.until_stored(4, "connection.disconnected")
    verdict = losses[3].verdict
    assert verdict is not None
    assert verdict.cause == (
        "“not now”, 4000, closed by peer; the code is specific to the service; the last 4 sessions "
        "all dropped within 5 s of opening: possibly the server accepts the connection and then rejects it"
    )
    assert verdict.evidence == tuple(loss.id for loss in losses[:3])


async def test_every_certificate_that_is_not_accepted(home: Home, peers: Peers) -> None:
    authority, now = trustme.CA(), datetime.now(UTC)
    authority.cert_pem.write_to_path(home.folder / "ca.pem")
    old = authority.issue_cert("127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
    early = authority.issue_cert("127.0.0.1", not_before=now + timedelta(days=1))
    trusting = f'tls = {{ ca = "{home.folder / "ca.pem"}" }}'
    servers = {
        "expired": (server_tls(old), trusting),
        "early": (server_tls(early), trusting),
        "other-host": (server_tls(authority.issue_cert("other.test")), trusting),
        "unknown": (server_tls(authority.issue_cert("127.0.0.1")), ""),
        "self-signed": (self_signed(authority, home.folder), ""),
    }
    told = {
        "expired": Told(
            "us",
            "",
            ("certificate has expired; the server certificate has expired, or possibly the local clock is wrong"),
            "renew the cer",
        ),
        "early": Told(
            "us",
            "",
            "the server certificate is not valid yet, or possibly the local clock is wrong",
            "renew the certificate",
        ),
        "other-host": Told("us", "", "the server certificate is for another name", "check the host of the URL"),
        "unknown": Told(
            "us",
            "",
            (
                "the certificate authority is unknown here, or possibly the server does not send an intermediate "
                "certificate"
            ),
            "configure the server to send the full chain, or set tls.ca to the certificate of the authority",
        ),
        "self-signed": Told(
            "us", "", "the server's certificate is self-signed", "set tls.ca to its certificate, if you trust it"
        ),
        "plain": Told("network", "", "the other side does not speak TLS on this port", "check the port, and whether"),
    }
    entries = [DEFAULTS]
    for name, (tls, keys) in servers.items():
        entries.append(connection(name, (await peers.start("echo", ssl=tls)).url, keys))
    async with raw_server(answer_in_plain) as port:
        entries.append(connection("plain", f"wss://127.0.0.1:{port}/"))
        recorder = await home.record(home.write("".join(entries)))
        assert differing(await recorder.judged(*told), told) == {}


@asynccontextmanager
async def child_server() -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A server of its own process, to be held by a signal."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, PEER, SCENARIOS / "echo.toml", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        yield (await child.stdout.readline()).decode().strip(), child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def answered(recorder: Recorder, name: str) -> None:
    """Return once the server has answered a ping."""
    async with asyncio.timeout(DEADLINE_S):
        while (name, "heartbeat.responded") not in {
            (event.source.connection, event.name) for event in stored(recorder.store)
        }:
            await asyncio.sleep(POLL_S)  # another process's store tells nobody


def server_tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """A server that shows that certificate."""
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
