"""TLS of every wrong kind: each is named for what it is, ends the attempt alone, and leaves no traceback.

Certificates for other names, of unknown authorities, and peers without TLS: ``tests/integration/test_engine_dial.py``.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from tests.support.background import background
from tests.support.engines import SOON_S, Handler, against, hang_up_when_closed, running, spec
from wsmon.config.specs import TlsSpec
from wsmon.model.events import Event

SELF_SIGNED = "self-signed certificate"


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """A server that shows that certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Which the client trusts."""
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA, tmp_path: Path) -> TlsSpec:
    """A client's settings."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return TlsSpec(ca=tmp_path / "ca.pem")


async def ended(handler: Handler, trusting: TlsSpec, server: ssl.SSLContext | None = None) -> Event:
    """The end of the only attempt."""
    async with against(handler, server_tls=server, url="wss://127.0.0.1:PORT/", tls=trusting) as engine:
        event = await engine.ended()
        assert engine.sink.named("error.occurred") == []
        return event


def told(event: Event) -> tuple[str, str]:
    """Kind and sentence."""
    return event.error_type, event.error


async def test_an_expired_certificate(authority: trustme.CA, trusting: TlsSpec) -> None:
    certificate = authority.issue_cert("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    kind, sentence = told(await ended(hang_up_when_closed, trusting, server_context(certificate)))
    assert (kind, "certificate has expired" in sentence) == ("tls_certificate", True)


async def test_a_certificate_that_is_not_valid_yet(authority: trustme.CA, trusting: TlsSpec) -> None:
    certificate = authority.issue_cert("127.0.0.1", not_before=datetime(2090, 1, 1, tzinfo=UTC))
    kind, sentence = told(await ended(hang_up_when_closed, trusting, server_context(certificate)))
    assert (kind, "not yet valid" in sentence) == ("tls_certificate", True)


async def test_a_self_signed_certificate(trusting: TlsSpec, tmp_path: Path) -> None:
    own = trustme.CA()
    both = tmp_path / "both.pem"
    both.write_bytes(own.private_key_pem.bytes() + own.cert_pem.bytes())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(both)
    kind, sentence = told(await ended(hang_up_when_closed, trusting, context))
    assert (kind, SELF_SIGNED in sentence) == ("tls_certificate", True)


async def test_a_server_of_old_versions_only(authority: trustme.CA, trusting: TlsSpec) -> None:
    context = server_context(authority.issue_cert("127.0.0.1"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(SOON_S)

    def refuse() -> None:
        # asyncio drops the alert that says why
        taken, _ = listening.accept()
        with taken, suppress(ssl.SSLError):
            context.wrap_socket(taken, server_side=True).close()

    url = f"wss://127.0.0.1:{listening.getsockname()[1]}/"
    with listening:
        async with background(asyncio.to_thread(refuse), "server"), running(spec(0, url=url, tls=trusting)) as engine:
            kind, sentence = told(await engine.ended())
    assert (kind, "version" in sentence) == ("tls", True), sentence


def resetting(after_bytes: int) -> Handler:
    """A peer that reads so much and resets."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(after_bytes)
        taken: socket.socket = writer.get_extra_info("socket")
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return handle


@pytest.mark.parametrize("after_bytes", [1, 64])
async def test_a_reset_within_the_handshake(trusting: TlsSpec, after_bytes: int) -> None:
    kind, sentence = told(await ended(resetting(after_bytes), trusting))
    assert kind in ("reset", "tls"), sentence
    assert "internal" not in sentence


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 64, b"HTTP/1.1 200 OK\r\n\r\n", b"\x16\x03\x03\xff\xff" + b"x" * 70_000, b""]
)
async def test_garbage_instead_of_the_handshake(trusting: TlsSpec, garbage: bytes) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(garbage)
        with suppress(ConnectionError):
            await writer.drain()

    kind, sentence = told(await ended(handle, trusting))
    assert kind in ("tls", "eof", "reset"), (kind, sentence)
    assert "internal" not in sentence


async def test_garbage_after_the_handshake(authority: trustme.CA, trusting: TlsSpec) -> None:
    """Below TLS: bytes that are no record of it."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        # Of the TCP connection itself: the transport of asyncio would encrypt what it is given
        taken = writer.get_extra_info("socket")
        raw = socket.socket(fileno=socket.dup(taken.fileno()))
        raw.send(b"this is no record of TLS" * 10)
        raw.close()
        await reader.read()

    event = await ended(handle, trusting, server_context(authority.issue_cert("127.0.0.1")))
    assert event.error_type in ("tls", "eof"), told(event)
    assert "internal" not in event.error
