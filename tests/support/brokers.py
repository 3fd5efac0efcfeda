"""Message brokers of Debian's packages, started on loopback with a log that tests compare recordings with.

``async with nats_server(tmp_path) as broker: broker.port, broker.lines()``. Missing, the test is skipped, or fails
where required.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.support.external_programs import DEADLINE_S, POLL_S, free_port, program
from tests.support.node_peers import REQUIRED

PASSWORD = "s3cr3t-of-the-app"
_RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
# The daemon of Erlang that knows the ports of nodes: in the process group of the broker, so that it ends with it
_WITH_PORT_MAPPER = 'epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 & exec "$0"'


class Broker:
    """A broker that runs."""

    def __init__(self, port: int, log: Path, process: asyncio.subprocess.Process) -> None:
        self.port = port
        """Of its WebSocket."""
        self._log = log
        self._process = process

    def lines(self, *parts: str) -> list[str]:
        """The lines of its log that have all these parts."""
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        return [line for line in text.splitlines() if all(part in line for part in parts)]

    async def until(self, *parts: str, count: int = 1) -> list[str]:
        """The lines of its log with these parts, once there are ``count``."""
        async with asyncio.timeout(DEADLINE_S):
            while len(found := self.lines(*parts)) < count:
                assert self._process.returncode is None, self.lines()
                await asyncio.sleep(POLL_S)  # a log tells nobody
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def end(self) -> None:
        """End it and what it started, as a crash does."""
        # Also where it has ended: what it started may go on
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


@asynccontextmanager
async def _running(port: int, log: Path, ready: str, *command: str | Path, **environ: str) -> AsyncIterator[Broker]:
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env={**os.environ, **environ},
        )  # fmt: skip
    broker = Broker(port, log, process)
    try:
        await broker.until(ready)
        yield broker
    finally:
        await broker.end()


@asynccontextmanager
async def nats_server(folder: Path, more: str = "", port: int = 0) -> AsyncIterator[Broker]:
    """A NATS server that traces each operation; ``app`` may use every subject but ``no.>``. ``more`` configuration."""
    port = port or free_port()
    config = folder / "nats.conf"
    config.write_text(
        "listen: 127.0.0.1:-1\n"
        f"websocket {{ host: 127.0.0.1, port: {port}, no_tls: true }}\n"
        f"authorization {{ users: [ {{ user: app, password: {PASSWORD}, "
        'permissions: { publish: { deny: ["no.>"] }, subscribe: { deny: ["no.>"] } } } ] }\n'
        f"debug: true\ntrace: true\n{more}\n"
    )
    command = program("nats-server", "nats-server")
    async with _running(port, folder / "nats.log", "Server is ready", command, "-c", str(config)) as broker:
        yield broker


@asynccontextmanager
async def rabbitmq(folder: Path) -> AsyncIterator[Broker]:
    """RabbitMQ with STOMP at ``/ws``: ``guest`` logs in with ``guest``."""
    if shutil.which(_RABBITMQ) is None:
        reason = "RabbitMQ is not installed: apt-get install rabbitmq-server"
        if os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    port = free_port()
    config, plugins = folder / "rabbitmq.conf", folder / "plugins"
    config.write_text(
        "listeners.tcp = none\nstomp.listeners.tcp = none\nweb_stomp.tcp.ip = 127.0.0.1\n"
        f"web_stomp.tcp.port = {port}\nlog.console = true\nlog.console.level = info\nlog.file = false\n"
    )
    plugins.write_text("[rabbitmq_web_stomp].\n")
    environ = {
        "HOME": str(folder),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_NODENAME": f"wsmon{port}@localhost",
        "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_DIST_PORT": str(free_port()),
        "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        # Else a table of as many as the process may open
        "ERL_MAX_PORTS": "1024",
    }
    command = ("sh", "-c", _WITH_PORT_MAPPER, _RABBITMQ)
    async with _running(port, folder / "rabbitmq.log", "Server startup complete", *command, **environ) as broker:
        yield broker


@asynccontextmanager
async def prosody(folder: Path) -> AsyncIterator[Broker]:
    """An XMPP server that traces each stanza, at ``/xmpp-websocket`` of ``localhost``; ``alice`` may log in."""
    port = free_port()
    accounts, config = folder / "data" / "localhost" / "accounts", folder / "prosody.cfg.lua"
    accounts.mkdir(parents=True)
    (accounts / "alice.dat").write_text(f'return {{ ["password"] = "{PASSWORD}" }};\n')
    config.write_text(
        f'run_as_root = true\ndata_path = "{folder}/data"\npidfile = "{folder}/prosody.pid"\n'
        'log = { { levels = { min = "debug" }, to = "console" } }\n'
        'c2s_ports = {}\ns2s_ports = {}\nhttps_ports = {}\nhttp_interfaces = { "127.0.0.1" }\n'
        f"http_ports = {{ {port} }}\n"
        'modules_enabled = { "websocket", "saslauth", "ping" }\nmodules_disabled = { "s2s", "tls", "offline" }\n'
        'authentication = "internal_plain"\nconsider_websocket_secure = true\n'
        'VirtualHost "localhost"\nhttp_host = "localhost"\n'
    )
    command = (program("prosody", "prosody"), "--config", str(config), "-F")
    async with _running(port, folder / "prosody.log", "Serving 'websocket' at http://localhost", *command) as broker:
        yield broker
