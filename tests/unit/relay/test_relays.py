"""Relays of a recorder: what they listen with, the rows of their connections, and what a new configuration changes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.support.engines import SOON_S
from tests.support.relays import ANSWER, REQUEST, FakeListener, relay_spec, relaying, running_relays
from wsmon.config.specs import TlsSpec
from wsmon.model.redact.redactor import Redactor
from wsmon.relay import relays
from wsmon.relay.relays import RelayChanges, RelayError, Relays, listen, listen_all, server_context


async def accepting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that accepts, and echoes."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ANSWER)
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


class TestListening:
    def test_a_port_in_use_is_an_error_that_names_the_address(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(RelayError, match="cannot listen: Address already in use") as raised:
                listen(relay_spec("ws://h", listen=address))
        assert (raised.value.key, raised.value.value) == ("listen", address)

    def test_a_key_that_does_not_fit_is_an_error_that_names_both_files(self, tmp_path: Path) -> None:
        certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        authority = trustme.CA()
        authority.issue_cert("localhost").cert_chain_pems[0].write_to_path(certificate)
        authority.issue_cert("localhost").private_key_pem.write_to_path(key)
        with pytest.raises(RelayError, match="certificate or key cannot be used") as raised:
            server_context(relay_spec("ws://h", tls_cert=certificate, tls_key=key))
        assert raised.value.value == f"{certificate}, {key}"

    def test_a_socket_that_another_relay_cannot_have_is_closed(self, tmp_path: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"

        async def configure() -> None:
            async with running_relays() as relay:
                good = relay_spec("ws://h", name="good", listen=address)
                bad = relay_spec("ws://h", name="bad", tls_cert=tmp_path / "none", tls_key=tmp_path / "none")
                with pytest.raises(RelayError, match="No such file"):
                    relay.relays.listen_anew((good, bad))

        asyncio.run(configure())
        socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))).close()


class TestTls:
    async def test_both_legs_may_be_encrypted(self, tmp_path: Path) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        ca, chain = tmp_path / "ca.pem", tmp_path / "chain.pem"
        authority.cert_pem.write_to_path(ca)
        certificate.private_key_and_cert_chain_pem.write_to_path(chain)
        server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(server_tls)
        client_tls = ssl.create_default_context(cafile=str(ca))
        tls = TlsSpec(ca=ca)
        async with relaying(accepting, server_tls=server_tls, tls=tls, tls_cert=chain, tls_key=chain) as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port, ssl=client_tls)
            relay.writers.append(writer)
            writer.write(REQUEST)
            assert await reader.readexactly(len(ANSWER)) == ANSWER
            sent = b"x" * 300_000
            writer.write(sent)
            assert await reader.readexactly(len(sent)) == sent
            writer.close()
            (listener,) = relay.listeners
            calls = await listener.ended()
            assert listener.received == {"application": sent, "server": sent}
            assert listener.server is not None
            assert (listener.server.is_verified, listener.server.server_name) == (True, "localhost")
            assert ("on_eof", "application") in calls

    @pytest.mark.parametrize("encrypted", ["application", "server"])
    async def test_an_end_comes_behind_all_that_was_sent_before(self, tmp_path: Path, encrypted: str) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        ca, chain = tmp_path / "ca.pem", tmp_path / "chain.pem"
        authority.cert_pem.write_to_path(ca)
        certificate.private_key_and_cert_chain_pem.write_to_path(chain)
        server_tls = client_tls = None
        files: dict[str, Any] = {}
        if encrypted == "server":
            server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(server_tls)
        else:
            files = {"tls_cert": chain, "tls_key": chain}
            client_tls = ssl.create_default_context(cafile=str(ca))
        sent = b"x" * 2_000_000

        async def last_words(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER + sent)
            writer.close()

        async with relaying(last_words, server_tls=server_tls, tls=TlsSpec(ca=ca), **files) as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port, ssl=client_tls)
            relay.writers.append(writer)
            writer.write(REQUEST)
            await reader.readexactly(len(ANSWER))
            # What waits for a slow reader is more than all buffers
            await asyncio.sleep(0.05)
            async with asyncio.timeout(SOON_S):
                assert await reader.read() == sent
            writer.close()
            calls = [call[:2] for call in await relay.listeners[0].ended()]
            assert ("on_eof", "server") in calls

    async def test_a_reload_shows_new_connections_a_renewed_certificate(self, tmp_path: Path) -> None:
        chain = tmp_path / "chain.pem"
        before, after = trustme.CA(), trustme.CA()
        before.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(chain)
        spec = relay_spec("ws://h", tls_cert=chain, tls_key=chain)
        async with running_relays(spec) as relay:
            after.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(chain)
            relay.relays.configure((spec,), (), relay.relays.listen_anew((spec,)))
            trusting = ssl.create_default_context()
            after.configure_trust(trusting)
            _, writer = await asyncio.open_connection("127.0.0.1", relay.port, ssl=trusting)
            relay.writers.append(writer)
            chain.write_text("broken")
            with pytest.raises(RelayError, match="certificate or key cannot be used"):
                relay.relays.listen_anew((spec,))

    async def test_a_handshake_that_fails_leaves_nothing_behind(self, tmp_path: Path) -> None:
        chain = tmp_path / "chain.pem"
        trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(chain)
        async with relaying(accepting, tls_cert=chain, tls_key=chain) as relay:
            reader, _ = await relay.connect(b"GET / HTTP/1.1\r\n\r\n")
            async with asyncio.timeout(SOON_S):
                await reader.read()
            assert relay.listeners == []


class TestRows:
    async def test_connections_at_a_time_have_rows_of_their_own(self) -> None:
        announced = 0

        def announce() -> None:
            nonlocal announced
            announced += 1

        async with relaying(accepting, on_rows=announce) as relay:
            _, first = await relay.upgrade()
            await relay.upgrade()
            first.close()
            await relay.listeners[0].ended()
            await relay.upgrade()
            await relay.upgrade()
            assert [each.row.name for each in relay.recorded] == ["api", "api-2", "api", "api-3"]
            assert [each.spec.name for each in relay.recorded] == ["api", "api-2", "api", "api-3"]
            assert [each.row.status for each in relay.recorded] == [
                "initialized",
                "initialized",
                "closed",
                "initialized",
            ]
            assert relay.relays.rows == {"api": ["api-2", "api-3"]}
            assert [relay.relays.relay_of(name) for name in ("api", "api-3", "api-9")] == ["api", "api", ""]
            async with asyncio.timeout(SOON_S):
                while not announced:
                    await asyncio.sleep(0.01)
            assert announced == 1


class TestConfiguration:
    async def test_only_relays_that_changed_end_their_connections(self) -> None:
        server = await asyncio.start_server(accepting, "127.0.0.1", 0)
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        kept, changed, removed = (relay_spec(url, name=name) for name in ("api", "changed", "removed"))
        async with server, running_relays(kept, changed, removed) as relay:
            connections = []
            for name in ("api", "changed", "removed"):
                port = relay.relays.addresses[name][1]
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                relay.writers.append(writer)
                writer.write(REQUEST)
                assert await reader.readexactly(len(ANSWER)) == ANSWER
                connections.append((reader, writer))
            port = relay.relays.addresses["changed"][1]
            secret, added = "s3cret-s3cret", relay_spec(url, name="added")
            specs = (kept, replace(changed, fail="closed"), added)
            changes = relay.relays.configure(specs, (), relay.relays.listen_anew(specs))
            relay.relays.use_secrets((secret,))
            assert changes == RelayChanges(("added",), ("removed",), ("changed",), ("api",))
            assert relay.relays.addresses["changed"][1] == port
            connections[0][1].write(b"on")
            assert await connections[0][0].readexactly(2) == b"on"
            assert [await each.read() for each, _ in connections[1:]] == [b"", b""]
            reasons = [[call[1] for call in each.calls if call[0] == "on_closing"] for each in relay.listeners]
            assert reasons == [[], ["configuration changed"], ["removed from the configuration"]]
            redactors = [call[1] for call in relay.listeners[0].calls if call[0] == "use_redactor"]
            assert [type(each) for each in redactors] == [Redactor]
            assert secret not in redactors[0].text(f"x {secret}")
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            relay.writers.append(writer)
            writer.write(REQUEST)
            assert await reader.readexactly(len(ANSWER)) == ANSWER
            assert relay.recorded[-1].relay.fail == "closed"

    async def test_only_relays_that_fail_closed_end_with_the_recording(self) -> None:
        server = await asyncio.start_server(accepting, "127.0.0.1", 0)
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, running_relays(relay_spec(url), relay_spec(url, name="closed", fail="closed")) as relay:
            reader, writer = await relay.upgrade()
            assert relay.relays.end_closed("nothing can be stored")
            assert list(relay.relays.addresses) == ["api"]
            writer.write(b"on")
            assert await reader.readexactly(2) == b"on"

    async def test_a_stop_does_not_wait_for_an_application_that_does_not_end_tls(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(relays, "STOP_S", 0.05)
        authority = trustme.CA()
        chain, ca = tmp_path / "chain.pem", tmp_path / "ca.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(chain)
        authority.cert_pem.write_to_path(ca)

        def upgraded(port: int) -> ssl.SSLSocket:
            connection = socket.create_connection(("127.0.0.1", port), timeout=SOON_S)
            client_tls = ssl.create_default_context(cafile=str(ca))
            application = client_tls.wrap_socket(connection, server_hostname="127.0.0.1")
            application.sendall(REQUEST)
            assert application.recv(65_536).startswith(b"HTTP/1.1 101 ")
            return application

        async with relaying(accepting, tls_cert=chain, tls_key=chain) as relay:
            with closing(await asyncio.to_thread(upgraded, relay.port)):
                async with asyncio.timeout(SOON_S):
                    await relay.relays.stop()
                assert relay.listeners[0].names[-1] == "end"

    async def test_a_stop_before_the_start_closes_the_socket(self) -> None:
        async with running_relays() as relay:
            spec = relay_spec("ws://h")
            services = relay.services
            relays = Relays(services, (), lambda _recorded: FakeListener(), lambda: None, lambda: False)
            listening = listen_all((spec,))
            relays.configure((spec,), (), listening)
            await relays.stop()
            await relays.run()
            assert [each.socket.fileno() for each in listening.values()] == [-1]

    async def test_a_relay_that_is_removed_while_it_starts_listens_no_more(self) -> None:
        async with running_relays() as relay:
            spec = relay_spec("ws://h")
            for turns in range(3):
                relay.relays.configure((spec,), (), relay.relays.listen_anew((spec,)))
                port = relay.port
                for _ in range(turns):
                    await asyncio.sleep(0)
                relay.relays.configure((), (), {})
                await asyncio.sleep(0.01)
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection("127.0.0.1", port)

    async def test_a_relay_that_is_not_enabled_does_not_listen(self) -> None:
        async with running_relays(relay_spec("ws://h", enabled=False)) as relay:
            assert relay.relays.addresses == {}

    async def test_a_connection_that_cannot_be_recorded_is_relayed(self) -> None:
        def refuse(_recorded: object) -> FakeListener:
            raise ZeroDivisionError

        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context["message"]))
        async with relaying(accepting, make_listener=refuse) as relay:
            reader, writer = await relay.upgrade()
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
        assert faults == ["a connection of relay api is not recorded"]


@pytest.mark.parametrize(("fail", "told", "status"), [("open", "resume_reading", 101), ("closed", "stop_reading", 503)])
async def test_while_the_sink_drops_messages_relays_that_fail_closed_let_nothing_pass(
    fail: str, told: str, status: int
) -> None:
    async with relaying(accepting, fail=fail) as relay:
        await relay.upgrade()
        relay.is_shedding = True
        relay.relays.resume_reading()
        assert relay.listeners[0].names[-1] == told
        reader, _ = await relay.connect()
        assert (await reader.readline()).startswith(f"HTTP/1.1 {status} ".encode())
        relay.is_shedding = False
        relay.relays.resume_reading()
        assert relay.listeners[0].names[-1] == "resume_reading"
        await relay.upgrade()
